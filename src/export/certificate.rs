//! A signed statement of where a picture comes from: data set → run → checkpoint → picture.
//!
//! Each link is a BLAKE3 hash of its own facts and of the link before; the last one is signed (ed25519, RFC 8032) with a
//! key of the person who exports. Anybody can check offline that nothing was changed since: the signature, the links, and
//! that the pixels (or, for films, the file) and the recipe are those that were signed. Whether the run took place as it
//! says nobody can tell from a file; that is what the owner of the key vouches for. Where the model is at hand, its hashes
//! are compared too.
//!
//! In PNG files it is an `iTXt` chunk, beside others a file `NAME.certificate.json`. Adding it changes no pixel.

use std::path::{Path, PathBuf};

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};

use super::certificate_key::{bytes_of, hex};
use super::metadata;
use super::png::with_text;
use super::read_metadata::{read_recipe, read_text};
use crate::base::paths::write_atomically;
use crate::base::{Picture, Problem, Result, vault};
use crate::models::info::{AveragedPart, ModelInfo};
use crate::recipe::picture::PictureRecipe;

/// Keyword of the text chunk.
pub const KEY: &str = "latent-studio-certificate";
/// What a signature is made over begins with this.
const SIGNED: &[u8] = b"latent-studio certificate 1\n";
/// No certificate is longer than this many bytes.
const LONGEST: u64 = 1 << 20;

/// Where a picture comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// Hash of the prepared pictures that the model learned from; empty where it is not known.
    pub data: String,
    /// Hash of the recipe of its run, live edits included.
    pub run: String,
    /// Pictures that the checkpoint had seen.
    pub images: u64,
    /// Hash of the checkpoint's weights.
    pub weights: String,
    /// The models whose weights these are the mean of, where they are an average; `run` then covers all their runs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<AveragedPart>,
}

impl Lineage {
    /// What is known of a model.
    pub fn of(info: &ModelInfo) -> Self {
        let AveragedPart { data, run, images, weights, .. } = AveragedPart::of(info);
        if info.parts.is_empty() {
            return Self { data, run, images, weights, parts: Vec::new() };
        }
        let runs: Vec<&[u8]> = info.parts.iter().map(|part| part.run.as_bytes()).collect();
        Self { data, run: link("latent-studio certificate runs", &runs), images, weights, parts: info.parts.clone() }
    }
}

/// What is signed for at the end of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Subject {
    /// A picture, however its file is packed.
    Pixels {
        /// Hash of its size and pixels.
        hash: String,
    },
    /// A file, byte by byte.
    File {
        /// Hash of its bytes.
        hash: String,
    },
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Where the picture comes from.
    pub lineage: Lineage,
    /// What it is.
    pub subject: Subject,
    /// Hash of the recipe in the file.
    pub recipe: String,
    /// The links, each over the one before: data, run, checkpoint, picture.
    pub links: [String; 4],
    /// The public key of whoever signed.
    pub key: String,
    /// The signature of the last link.
    pub signature: String,
}

/// A part of a certificate and whether it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was looked at.
    pub what: &'static str,
    /// Whether it holds; nothing where it cannot be told here.
    pub holds: Option<bool>,
    /// In words.
    pub told: String,
}

/// A certificate and what came of checking it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether all that can be checked holds.
    pub holds: bool,
    /// Each part.
    pub checks: Vec<Check>,
    /// The certificate.
    pub certificate: Certificate,
}

/// The hash of parts, none of which can run into the next.
fn link(name: &str, parts: &[&[u8]]) -> String {
    let mut hasher = blake3::Hasher::new_derive_key(name);
    for part in parts {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    hasher.finalize().to_hex().to_string()
}

fn links(lineage: &Lineage, subject: &Subject, recipe: &str) -> [String; 4] {
    let (kind, hash) = match subject {
        Subject::Pixels { hash } => ("pixels", hash),
        Subject::File { hash } => ("file", hash),
    };
    let data = link("latent-studio certificate data", &[lineage.data.as_bytes()]);
    let run = link("latent-studio certificate run", &[data.as_bytes(), lineage.run.as_bytes()]);
    let checkpoint = [run.as_bytes(), &lineage.images.to_le_bytes(), lineage.weights.as_bytes()];
    let mut checkpoint = link("latent-studio certificate checkpoint", &checkpoint);
    for part in &lineage.parts {
        let AveragedPart { name, data, run, images, weights } = part;
        let images = images.to_le_bytes();
        let facts = [name.as_bytes(), data.as_bytes(), run.as_bytes(), images.as_slice(), weights.as_bytes()];
        let part = link("latent-studio certificate part", &facts);
        checkpoint = link("latent-studio certificate average", &[checkpoint.as_bytes(), part.as_bytes()]);
    }
    let picture = [checkpoint.as_bytes(), kind.as_bytes(), hash.as_bytes(), recipe.as_bytes()];
    let picture = link("latent-studio certificate picture", &picture);
    [data, run, checkpoint, picture]
}

fn pixels(p: &Picture) -> Subject {
    let size = [p.width.to_le_bytes(), p.height.to_le_bytes()].concat();
    Subject::Pixels { hash: link("latent-studio certificate pixels", &[&size, &p.rgba]) }
}

fn recipe_hash(recipe: &PictureRecipe) -> Result<String> {
    Ok(link("latent-studio certificate recipe", &[metadata::json(recipe)?.as_bytes()]))
}

fn is_png(path: &Path) -> bool {
    let mut head = [0; 8];
    use std::io::Read;
    vault::File::open(path).and_then(|mut f| f.read_exact(&mut head)).is_ok() && head == *b"\x89PNG\r\n\x1a\n"
}

/// Whether a PNG has several pictures, or chunks that only such films have: it is signed as a file.
fn is_film(bytes: &[u8]) -> bool {
    let mut at = 8;
    while let Some(head) = bytes.get(at..at + 8) {
        let length = u32::from_be_bytes([head[0], head[1], head[2], head[3]]) as usize;
        if [b"acTL", b"fcTL", b"fdAT"].iter().any(|kind| head[4..] == **kind) {
            return true;
        }
        let Some(next) = at.checked_add(12).and_then(|a| a.checked_add(length)) else { break };
        at = next;
    }
    false
}

/// Where the certificate of a file lies that holds none.
pub fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".certificate.json");
    path.with_file_name(name)
}

/// What of a file is signed.
fn subject(path: &Path) -> Result<(Subject, bool)> {
    let bytes = vault::read(path).map_err(|e| Problem::io("This file could not be read", path, &e))?;
    if is_png(path) && !is_film(&bytes) {
        return Ok((pixels(&crate::data::decode_file(path)?), true));
    }
    Ok((Subject::File { hash: blake3::hash(&bytes).to_hex().to_string() }, false))
}

/// Signs an exported file. A certificate that it had is replaced. Says which file holds the certificate.
///
/// # Errors
/// The file has no recipe, is of another model, or cannot be read or written.
pub fn sign(path: &Path, info: &ModelInfo, key: &SigningKey) -> Result<PathBuf> {
    let recipe = read_recipe(path)?.ok_or_else(|| {
        Problem::data("There is no recipe in this file to sign for")
            .of(path.display().to_string())
            .try_this("Export it with its recipe")
    })?;
    if recipe.model_hash != info.hash {
        return Err(Problem::data("Another model made this picture")
            .of(path.display().to_string())
            .because(format!("{} is not {}", recipe.model_hash, info.hash)));
    }
    let (lineage, (subject, inside), recipe) = (Lineage::of(info), subject(path)?, recipe_hash(&recipe)?);
    let links = links(&lineage, &subject, &recipe);
    let signature = key.sign(&[SIGNED, links[3].as_bytes()].concat());
    let signed = Certificate {
        lineage,
        subject,
        recipe,
        links,
        key: hex(&key.verifying_key().to_bytes()),
        signature: hex(&signature.to_bytes()),
    };
    let text = serde_json::to_string(&signed)
        .map_err(|e| Problem::failed("This certificate could not be written").because(e))?;
    if !inside {
        let out = beside(path);
        write_atomically(&out, text.as_bytes())?;
        return Ok(out);
    }
    let bytes = vault::read(path).map_err(|e| Problem::io("This file could not be read", path, &e))?;
    write_atomically(path, &with_text(&bytes, KEY, &text))?;
    Ok(path.into())
}

/// The certificate of a file, in it or beside it.
///
/// # Errors
/// It cannot be read.
pub fn read(path: &Path) -> Result<Option<Certificate>> {
    let text = match read_text(path, KEY)? {
        Some(text) => text,
        None => {
            let beside = beside(path);
            match std::fs::metadata(&beside) {
                Ok(meta) if meta.len() <= LONGEST => vault::read_to_string(&beside)
                    .map_err(|e| Problem::io("This certificate could not be read", &beside, &e))?,
                _ => return Ok(None),
            }
        }
    };
    serde_json::from_str(&text).map(Some).map_err(|e| {
        Problem::data("The certificate of this file cannot be read").of(path.display().to_string()).because(e)
    })
}

/// Checks the certificate of a file, if it has one. `model` is the one that made it, where it is at hand; `own` the public key
/// of whoever asks.
///
/// # Errors
/// The file or its certificate cannot be read.
pub fn verify(path: &Path, model: Option<&ModelInfo>, own: Option<&VerifyingKey>) -> Result<Option<Verdict>> {
    let Some(c) = read(path)? else { return Ok(None) };
    let mut checks = Vec::new();
    let mut add = |what, holds: Option<bool>, told: String| checks.push(Check { what, holds, told });
    let says = |holds: bool, yes: &str, no: &str| (Some(holds), if holds { yes } else { no }.to_owned());
    let key = bytes_of::<32>(&c.key).and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok());
    let signature = bytes_of::<64>(&c.signature).map(|bytes| Signature::from_bytes(&bytes));
    let signed = match (&key, &signature) {
        (Some(key), Some(signature)) => key.verify_strict(&[SIGNED, c.links[3].as_bytes()].concat(), signature).is_ok(),
        _ => false,
    };
    let (holds, told) = says(signed, "is that of the key", "is not that of the key");
    add("signature", holds, told);
    let chain = links(&c.lineage, &c.subject, &c.recipe) == c.links;
    let (holds, told) =
        says(chain, "each link follows from the one before", "a link does not follow from the one before");
    add("chain", holds, told);
    let same = subject(path)?.0 == c.subject;
    let (holds, told) = says(same, "are those that were signed", "are others than those that were signed");
    add(if matches!(c.subject, Subject::Pixels { .. }) { "pixels" } else { "bytes" }, holds, told);
    match read_recipe(path)? {
        Some(recipe) => {
            let same = recipe_hash(&recipe)? == c.recipe && recipe.model_hash == c.lineage.weights;
            let (holds, told) = says(same, "is the one that was signed", "is another than the one that was signed");
            add("recipe", holds, told);
        }
        None => add("recipe", None, "was taken out of the file".into()),
    }
    match model {
        Some(info) => {
            let same = Lineage::of(info) == c.lineage;
            let yes = "the model on this computer has these weights, this recipe and these data";
            let (holds, told) = says(same, yes, "the model on this computer is of another run");
            add("model", holds, told);
        }
        None => add("model", None, "is not on this computer".into()),
    }
    if !c.lineage.parts.is_empty() {
        let kimg = |p: &AveragedPart| format!("{} at {} kimg", p.name, p.images as f64 / 1000.0);
        let parts: Vec<String> = c.lineage.parts.iter().map(kimg).collect();
        let told = format!("its weights are stated to be the mean of {} models: {}", parts.len(), parts.join(", "));
        add("average", None, told);
    }
    let whose = match own {
        Some(own) if Some(own) == key.as_ref() => "the key is your own".to_owned(),
        _ => format!("compare the key with that of whoever you believe: {}", c.key),
    };
    add("signer", None, whose);
    add("training", None, "that it took place as stated is the word of the signer".into());
    let holds = checks.iter().all(|c| c.holds != Some(false));
    Ok(Some(Verdict { holds, checks, certificate: c }))
}

#[cfg(test)]
mod tests {
    use super::super::metadata::tests::full;
    use super::super::png::{decode, png_bytes, write_png};
    use super::*;
    use crate::engine::fake;

    fn world() -> (tempfile::TempDir, PathBuf, ModelInfo, SigningKey) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.png");
        let info = fake::models().remove(0);
        let recipe = PictureRecipe { model_hash: info.hash.clone(), grid: None, ..full() };
        write_png(&path, &Picture::filled(20, 10, [9, 8, 7, 255]), Some(&recipe)).unwrap();
        (dir, path, info, SigningKey::from_bytes(&[7; 32]))
    }

    fn failing(verdict: &Verdict) -> Vec<&str> {
        verdict.checks.iter().filter(|c| c.holds == Some(false)).map(|c| c.what).collect()
    }

    #[test]
    fn a_signed_picture_is_checked_and_every_change_is_noticed() {
        let (dir, path, info, key) = world();
        let before = std::fs::read(&path).unwrap();
        assert_eq!(sign(&path, &info, &key).unwrap(), path);
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(decode(&bytes).unwrap(), decode(&before).unwrap());
        let own = key.verifying_key();
        let verdict = verify(&path, Some(&info), Some(&own)).unwrap().unwrap();
        assert!(verdict.holds, "{verdict:?}");
        assert!(verdict.checks.iter().any(|c| c.told.contains("your own")));
        assert_eq!(verdict.checks.iter().filter(|c| c.holds.is_none()).count(), 2, "who signed, and the training");
        // Signing again replaces it.
        sign(&path, &info, &key).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), bytes);

        let original = read(&path).unwrap().unwrap();
        let changed = |change: &dyn Fn(&mut Certificate)| {
            let mut c = original.clone();
            change(&mut c);
            let out = dir.path().join("changed.png");
            std::fs::write(&out, with_text(&bytes, KEY, &serde_json::to_string(&c).unwrap())).unwrap();
            let verdict = verify(&out, Some(&info), None).unwrap().unwrap();
            failing(&verdict).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(changed(&|c| c.lineage.data = "other".into()), ["chain", "model"]);
        assert_eq!(changed(&|c| c.lineage.images += 1), ["chain", "model"]);
        assert_eq!(changed(&|c| c.signature.replace_range(..2, "00")), ["signature"]);
        assert_eq!(changed(&|c| c.key = "00".repeat(32)), ["signature"]);
        // Whoever computes the links anew lacks the key.
        let forged = changed(&|c| {
            c.lineage.weights = "other".into();
            c.links = links(&c.lineage, &c.subject, &c.recipe);
        });
        assert_eq!(forged, ["signature", "recipe", "model"]);

        let recipe = read_recipe(&path).unwrap().unwrap();
        let text = serde_json::to_string(&original).unwrap();
        let others = png_bytes(&Picture::filled(20, 10, [9, 8, 6, 255]), Some(&recipe)).unwrap();
        std::fs::write(&path, with_text(&others, KEY, &text)).unwrap();
        assert_eq!(failing(&verify(&path, None, None).unwrap().unwrap()), ["pixels"]);
        let recipe = PictureRecipe { truncation: 0.1, ..recipe };
        let told = png_bytes(&Picture::filled(20, 10, [9, 8, 7, 255]), Some(&recipe)).unwrap();
        std::fs::write(&path, with_text(&told, KEY, &text)).unwrap();
        assert_eq!(failing(&verify(&path, None, None).unwrap().unwrap()), ["recipe"]);
    }

    #[test]
    fn an_average_states_all_its_parts() {
        let (_dir, path, info, key) = world();
        let others = fake::models();
        let parts: Vec<AveragedPart> = others[1..3].iter().map(AveragedPart::of).collect();
        let soup = ModelInfo { parts: parts.clone(), ..info };
        sign(&path, &soup, &key).unwrap();
        let verdict = verify(&path, Some(&soup), None).unwrap().unwrap();
        assert!(verdict.holds, "{verdict:?}");
        assert_eq!(verdict.certificate.lineage.parts, parts);
        let told = &verdict.checks.iter().find(|c| c.what == "average").unwrap().told;
        assert!(told.contains("2 models") && parts.iter().all(|p| told.contains(&p.name)), "{told}");
        // A part that is taken out, or stated otherwise, is noticed.
        for change in
            [|c: &mut Certificate| c.lineage.parts.truncate(1), |c: &mut Certificate| c.lineage.parts[1].images += 1]
        {
            let mut c = verdict.certificate.clone();
            change(&mut c);
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, with_text(&bytes, KEY, &serde_json::to_string(&c).unwrap())).unwrap();
            let verdict = verify(&path, Some(&soup), None).unwrap().unwrap();
            assert_eq!(failing(&verdict), ["chain", "model"]);
        }
    }

    #[test]
    fn films_have_it_beside_them_and_what_was_not_signed_has_none() {
        let (dir, png, info, key) = world();
        assert_eq!(verify(&png, None, None).unwrap(), None);
        let path = dir.path().join("film.mp4");
        let mut bytes = super::super::mp4::tests::write(&[Picture::filled(32, 32, [9, 200, 3, 255])], 10);
        std::fs::write(&path, &bytes).unwrap();
        let info = ModelInfo { hash: full().model_hash, ..info };
        assert_eq!(sign(&path, &info, &key).unwrap(), dir.path().join("film.mp4.certificate.json"));
        assert!(verify(&path, Some(&info), None).unwrap().unwrap().holds);
        *bytes.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(failing(&verify(&path, Some(&info), None).unwrap().unwrap()), ["bytes"]);
        let other = ModelInfo { hash: "other".into(), ..info };
        assert!(sign(&png, &other, &key).unwrap_err().to_string().contains("Another model"));
        std::fs::write(beside(&path), "{").unwrap();
        assert!(read(&path).is_err());
    }
}
