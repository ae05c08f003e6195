//! Points of latent space as things: photographs that they were found of, films that pass through them, pictures made there.

use std::path::{Path, PathBuf};

use rusqlite::Transaction;
use serde_json::json;

use super::{Thing, ensure, link, number, thing};
use crate::base::Result;
use crate::library::{Library, sql};
use crate::recipe::picture::{Latent, PictureRecipe, Space};

/// What a point of a model is called: the same for the same numbers, however they are written down.
pub fn latent_key(model_hash: &str, latent: &Latent) -> String {
    let place = latent.place();
    let mut hasher = blake3::Hasher::new();
    let mut add = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
    };
    add(model_hash.as_bytes());
    add(&[u8::from(place.space == Space::Z)]);
    let bytes: Vec<u8> = place.values.iter().flat_map(|v| v.to_bits().to_le_bytes()).collect();
    add(&bytes);
    add(&place.seed.unwrap_or_default().to_le_bytes());
    add(&[u8::from(place.seed.is_some())]);
    for (class, share) in &place.class {
        add(&class.to_le_bytes());
        add(&share.to_bits().to_le_bytes());
    }
    add(&place.noise.to_le_bytes());
    format!("latent:{}", &hasher.finalize().to_hex()[..32])
}

fn point(
    tx: &Transaction<'_>,
    model: (&str, &str),
    latent: &Latent,
    from: Vec<(String, String)>,
) -> rusqlite::Result<String> {
    let (hash, name) = model;
    let key = latent_key(hash, latent);
    let mut all = vec![(hash.to_owned(), "point of".to_owned())];
    all.retain(|(key, _)| !key.is_empty());
    all.extend(from);
    let body = json!({ "name": latent.label(), "model": name });
    thing(tx, &Thing { kind: "latent".into(), key: key.clone(), body, from: all }, sql::now())?;
    Ok(key)
}

/// A kept picture that was made at a point that is known comes from it.
pub(in crate::library) fn made_at(tx: &Transaction<'_>, item: i64, recipe: &PictureRecipe) -> rusqlite::Result<()> {
    let key = latent_key(&recipe.model_hash, &recipe.latent);
    if number(tx, &key)?.is_none() {
        return Ok(());
    }
    link(tx, &format!("item:{item}"), &key, "made at", sql::now())
}

impl Library {
    /// Notes that a point of a model (hash and name) was found of a photograph.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_inversion(&self, model: (&str, &str), photo: &Path, latent: &Latent) -> Result<()> {
        let photo = std::path::absolute(photo).unwrap_or_else(|_| photo.to_path_buf());
        let (key, file) = (format!("file:{}", photo.display()), photo.display().to_string());
        self.write(|tx| {
            let noted =
                Thing { kind: "photo".into(), key: key.clone(), body: json!({ "file": file }), from: Vec::new() };
            // A file that is known as something else, such as an export, stays that.
            if number(tx, &key)?.is_none() {
                thing(tx, &noted, sql::now())?;
            }
            ensure(tx, &key, sql::now())?;
            point(tx, model, latent, vec![(key, "found of".into())]).map(|_| ())
        })
    }

    /// Notes points of a model that something passes through; says what they are called.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_points(&self, model: (&str, &str), latents: &[Latent]) -> Result<Vec<String>> {
        self.write(|tx| latents.iter().map(|latent| point(tx, model, latent, Vec::new())).collect())
    }
}

/// What a film of these points comes from: the model, and each point. What cannot be noted is logged only.
pub fn film_from(library: &Path, model: (&str, &str), latents: &[Latent]) -> Vec<(String, String)> {
    let mut from = vec![(model.0.to_owned(), "film of".to_owned())];
    match Library::open(library).and_then(|library| library.note_points(model, latents)) {
        Ok(keys) => from.extend(keys.into_iter().map(|key| (key, "passes through".to_owned()))),
        Err(problem) => log::warn!("the points of this film could not be noted: {problem}"),
    }
    from
}

/// Notes points that were found of photographs. What cannot be noted is logged only.
pub fn note_inversions(library: &Path, model: (&str, &str), found: &[(PathBuf, Latent)]) {
    let noted = Library::open(library)
        .and_then(|library| found.iter().try_for_each(|(photo, latent)| library.note_inversion(model, photo, latent)));
    if let Err(problem) = noted {
        log::warn!("the photographs of these points could not be noted: {problem}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::six;
    use crate::recipe::picture::Place;

    #[test]
    fn a_film_leads_back_to_its_photographs() {
        let (dir, library, _) = six();
        let values = vec![0.25_f32, -1.0, 3.5];
        let (found, other) = (Latent::Point { values: values.clone() }, Latent::Seed { seed: 7 });
        let same = Latent::Place(Place { values, ..Place::default() });
        assert_eq!(latent_key("m", &found), latent_key("m", &same), "however it is written down");
        assert_ne!(latent_key("m", &found), latent_key("n", &found));
        let photo = dir.path().join("photo.png");
        let model = ("abcdef", "faces");
        library.note_inversion(model, &photo, &found).unwrap();
        let from = film_from(library.path(), model, &[same, other]);
        let film = dir.path().join("walk.mp4");
        super::super::note_files(library.path(), "film", std::slice::from_ref(&film), &from, &json!({}));
        let key = format!("file:{}", film.display());
        let graph = library.graph(library.find_thing(&key).unwrap(), 9).unwrap();
        let kinds: Vec<&str> = graph.nodes.iter().map(|n| n.kind.as_str()).collect();
        assert!(kinds.contains(&"photo") && kinds.iter().filter(|k| **k == "latent").count() == 2, "{kinds:?}");
        let titles: Vec<&str> = graph.nodes.iter().map(|n| n.title.as_str()).collect();
        assert!(titles.contains(&"photo.png") && titles.contains(&"seed 7"), "{titles:?}");
        assert_eq!(library.verify().unwrap().faults, []);
    }
}
