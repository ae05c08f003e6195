//! Finding models: runs, imported files, and those that come with the studio.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;

use crate::base::paths::{Paths, safe_name, shipped_folders, write_atomically};
use crate::base::{Family, Problem, Result};
use crate::latent::prior::Prior;
use crate::models::info::{BrokenModel, Listing, ModelCard, ModelInfo, PriorInfo};
use crate::models::io::{METADATA, PRIOR, SNAPSHOT, Weights};
use crate::models::{Generator, TokenPrior, TokenVae, Vae, pytorch, tensor_file};
use crate::recipe::{Recipe, bounds};
use crate::train::checkpoint;
use crate::train::folder::RunFolder;

/// Models inside the binary itself, so that it starts with one wherever it is copied.
const EMBEDDED: &[(&str, &[u8])] = &[("nouns-gan", include_bytes!("../../checkpoints/nouns-gan.safetensors"))];

/// Where a model's weights are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A snapshot file; `full` is the folder with the whole training state, if there is one.
    File {
        /// The snapshot.
        path: PathBuf,
        /// Folder of the checkpoint.
        full: Option<PathBuf>,
    },
    /// Inside the binary, by place in the table.
    Embedded(usize),
}

impl Source {
    /// Weights and what they say of themselves.
    ///
    /// # Errors
    /// The file is missing, damaged, or not one of ours.
    pub fn read(&self) -> Result<(Weights, ModelInfo)> {
        match self {
            Self::File { path, .. } if pytorch::is_pytorch(path) => from_pytorch(path),
            Self::File { path, .. } => {
                let weights = Weights::read(path)?;
                let info = ModelInfo::of_weights(&weights).map_err(|p| p.of(path.display().to_string()))?;
                Ok((weights, info))
            }
            Self::Embedded(i) => {
                let weights = Weights::from_bytes(EMBEDDED[*i].1)?;
                let info = ModelInfo::of_weights(&weights)?;
                Ok((weights, info))
            }
        }
    }

    /// The whole training state, if it is there.
    ///
    /// # Errors
    /// It is there and damaged.
    pub fn read_full(&self) -> Result<Option<Weights>> {
        match self {
            Self::File { full: Some(folder), .. } => Weights::read(&folder.join("state.safetensors")).map(Some),
            _ => Ok(None),
        }
    }
}

fn snapshot_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut out: Vec<PathBuf> = entries
        .filter_map(|e| e.ok().map(|e| e.path()))
        .filter(|p| p.extension().is_some_and(|x| x == "safetensors"))
        .collect();
    out.sort();
    out
}

fn stem(path: &Path) -> String {
    path.file_stem().map_or_else(String::new, |s| s.to_string_lossy().into_owned())
}

/// Shipped models by name: files first, then those inside the binary.
fn shipped() -> BTreeMap<String, Source> {
    let mut out = BTreeMap::new();
    for (i, (name, _)) in EMBEDDED.iter().enumerate() {
        out.insert((*name).to_string(), Source::Embedded(i));
    }
    for folder in shipped_folders().into_iter().rev() {
        for path in snapshot_files(&folder) {
            // Only what says that it is a model of ours. What cannot be read is listed as broken; encoders are not models.
            let ours = match Weights::read_metadata(&path) {
                Ok(metadata) => metadata.contains_key(METADATA),
                Err(_) => !stem(&path).ends_with(".encoder"),
            };
            if ours {
                out.insert(stem(&path), Source::File { path, full: None });
            }
        }
    }
    out
}

/// A model's name without the wish to leave its fitted prior out (`M@normal`, `M@best,normal`), and whether the prior
/// is wanted.
pub fn with_prior(model: &str) -> (&str, bool) {
    let bare = model.strip_suffix("@normal").or_else(|| model.strip_suffix(",normal"));
    bare.map_or((model, true), |bare| (bare, false))
}

/// Finds a model by its name.
///
/// # Errors
/// There is none of this name.
pub fn resolve(model: &str, paths: &Paths) -> Result<Source> {
    let (model, _) = with_prior(model);
    // A folder, a file or an imported model may itself have an @ in its name.
    let imported_as = |name: &str| paths.models().join(format!("{name}.safetensors"));
    let plain = |name: &str| !name.contains(['/', '\\']);
    let named_so = |name: &str| imported_as(name).is_file() || paths.runs().join(name).is_dir();
    let (base, tag) = if Path::new(model).exists() || (plain(model) && named_so(model)) {
        (model, None)
    } else {
        model.rsplit_once('@').map_or((model, None), |(base, tag)| (base, Some(tag)))
    };
    for folder in [PathBuf::from(base), paths.runs().join(base)] {
        if RunFolder::is_run(&folder) {
            return in_run(&RunFolder::open(&folder)?, tag);
        }
        // A checkpoint's own folder.
        if folder.join(SNAPSHOT).is_file() {
            return Ok(Source::File { path: folder.join(SNAPSHOT), full: Some(folder) });
        }
    }
    let path = Path::new(base);
    if path.is_file() {
        let full = path.parent().filter(|p| p.join("state.safetensors").is_file()).map(Path::to_path_buf);
        return Ok(Source::File { path: path.into(), full });
    }
    let imported = imported_as(base);
    if plain(base) && imported.is_file() {
        return Ok(Source::File { path: imported, full: None });
    }
    let stored = paths.stored_models().join(format!("{base}.safetensors"));
    if plain(base) && stored.is_file() {
        return Ok(Source::File { path: stored, full: None });
    }
    let shipped = shipped();
    if let Some(source) = shipped.get(base) {
        return Ok(source.clone());
    }
    let known: Vec<&str> = shipped.keys().map(String::as_str).collect();
    Err(Problem::data("There is no model of this name").of(model).try_this(format!(
        "Give a run folder, a .safetensors file, or a shipped model ({})",
        if known.is_empty() { "none found".into() } else { known.join(", ") }
    )))
}

fn in_run(folder: &RunFolder, tag: Option<&str>) -> Result<Source> {
    let checkpoints = folder.checkpoints();
    let none = |what: &str| {
        Problem::data(what)
            .of(folder.dir().display().to_string())
            .try_this("`latent-studio models` lists what is there")
    };
    let chosen = match tag {
        None => checkpoints.last(),
        Some("best") => checkpoints.iter().find(|c| c.best).or(checkpoints.last()),
        Some("latest") => checkpoints.last(),
        Some(kimg) => {
            let kimg: f64 = kimg
                .trim_end_matches("kimg")
                .parse()
                .map_err(|_| Problem::usage("After @ comes best, latest or a number of kimg").of(format!("@{kimg}")))?;
            let nearest = checkpoints.iter().min_by(|a, b| {
                let far = |c: &crate::train::report::CheckpointInfo| (c.images as f64 / 1000.0 - kimg).abs();
                far(a).total_cmp(&far(b))
            });
            if nearest.is_some_and(|c| (c.images as f64 / 1000.0 - kimg).abs() > 0.5_f64.max(kimg * 0.01)) {
                let kept: Vec<String> =
                    checkpoints.iter().map(|c| format!("{:.1}", c.images as f64 / 1000.0)).collect();
                return Err(none("This run keeps no checkpoint at that place")
                    .try_this(format!("Kept are: {}", kept.join(", "))));
            }
            nearest
        }
    };
    let chosen = chosen.ok_or_else(|| none("This run has no complete checkpoint yet"))?;
    Ok(Source::File { path: chosen.path.join(SNAPSHOT), full: Some(chosen.path.clone()) })
}

/// What a model says of itself, and whether its network is the one in its file; its numbers are not read.
fn info_at(source: &Source) -> Result<ModelInfo> {
    match source {
        Source::File { path, .. } if pytorch::is_pytorch(path) => {
            let (_, mut info) = from_pytorch(path)?;
            info.bytes = fs::metadata(path).map_or(0, |m| m.len());
            Ok(info)
        }
        Source::File { path, .. } => {
            let header = tensor_file::header(path)?;
            let read = || {
                let info = ModelInfo::from_metadata(header.metadata.get(METADATA))?;
                check_network(&info.recipe, &header.shapes)?;
                Ok(info)
            };
            let mut info = read().map_err(|p: Problem| p.of(path.display().to_string()))?;
            info.bytes = fs::metadata(path).map_or(0, |m| m.len());
            Ok(info)
        }
        Source::Embedded(i) => {
            let (_, mut info) = source.read()?;
            info.bytes = EMBEDDED[*i].1.len() as u64;
            Ok(info)
        }
    }
}

/// Holds a recipe's network against the shapes of tensors, before anything is allocated.
fn check_network(recipe: &Recipe, shapes: &BTreeMap<String, Vec<usize>>) -> Result<()> {
    let device = Device::flex();
    match recipe.family()? {
        Family::Gan => tensor_file::check_network(&Generator::blank(recipe, &device)?, shapes),
        Family::Vae => tensor_file::check_network(&Vae::blank(recipe, &device)?, shapes),
        Family::Tokens => tensor_file::check_network(&TokenVae::blank(recipe, &device)?, shapes),
        Family::Prior => tensor_file::check_network(&TokenPrior::blank(recipe, &device)?, shapes),
    }
}

/// Every model that can be used: shipped ones first, then imported ones, then runs, newest first.
pub fn list(paths: &Paths) -> Vec<ModelInfo> {
    survey(paths).models
}

/// Every model, with those that cannot be used and why.
pub fn survey(paths: &Paths) -> Listing {
    let mut out = Listing::default();
    let mut imported = snapshot_files(&paths.models());
    let stored = snapshot_files(&paths.stored_models());
    let new = |path: &PathBuf| imported.iter().all(|other| stem(other) != stem(path));
    let stored: Vec<PathBuf> = stored.into_iter().filter(new).collect();
    imported.extend(stored);
    for (name, source) in shipped() {
        // One of the same name that was imported, or got a fitted prior, takes its place.
        if imported.iter().all(|path| stem(path) != name) {
            let path = match &source {
                Source::File { path, .. } => path.clone(),
                Source::Embedded(_) => PathBuf::new(),
            };
            add(&mut out, name, path, true, info_at(&source));
        }
    }
    for path in imported {
        let info = info_at(&Source::File { path: path.clone(), full: None });
        add(&mut out, stem(&path), path, false, info);
    }
    let mut runs = Vec::new();
    if let Ok(entries) = fs::read_dir(paths.runs()) {
        for dir in entries.filter_map(|e| e.ok().map(|e| e.path())).filter(|p| RunFolder::is_run(p)) {
            runs.extend(run_model(&dir));
        }
    }
    runs.sort_by_key(|(created, _)| std::cmp::Reverse(*created));
    for (_, model) in runs {
        match model {
            Ok(model) => out.models.push(model),
            Err(broken) => out.broken.push(*broken),
        }
    }
    out
}

fn add(out: &mut Listing, name: String, path: PathBuf, shipped: bool, info: Result<ModelInfo>) {
    match info {
        Ok(info) => out.models.push(ModelInfo { model: name.clone(), name, shipped, ..info }),
        Err(broken) => out.broken.push(BrokenModel { model: name.clone(), name, path, broken }),
    }
}

/// The model that a run folder stands for, with the run's beginning, if it has a complete checkpoint; or why that cannot
/// be used.
pub fn run_model(dir: &Path) -> Option<(i64, std::result::Result<ModelInfo, Box<BrokenModel>>)> {
    let folder = RunFolder::open(dir).ok()?;
    let summary = folder.summary().ok()?;
    let source = in_run(&folder, None).ok()?;
    let (model, name) = (dir.to_string_lossy().into_owned(), summary.name);
    let told = match info_at(&source) {
        Ok(info) => Ok(ModelInfo { model, name, shipped: false, bytes: summary.bytes, ..info }),
        Err(broken) => Err(Box::new(BrokenModel { model, name, path: dir.into(), broken })),
    };
    Some((summary.created, told))
}

/// The folder of a kept checkpoint with this hash of its weights: in the studio's own runs and in these.
pub fn checkpoint_of(hash: &str, runs: &[PathBuf], paths: &Paths) -> Option<PathBuf> {
    if hash.is_empty() {
        return None;
    }
    let own = fs::read_dir(paths.runs()).into_iter().flatten().filter_map(|e| Some(e.ok()?.path()));
    let mut seen = std::collections::HashSet::new();
    for dir in own.chain(runs.iter().cloned()).filter(|dir| RunFolder::is_run(dir)) {
        if !seen.insert(dir.clone()) {
            continue;
        }
        let Ok(folder) = RunFolder::open(&dir) else { continue };
        // The newest ones are asked for most.
        for checkpoint in folder.checkpoints().iter().rev() {
            let metadata = Weights::read_metadata(&checkpoint.path.join(SNAPSHOT)).unwrap_or_default();
            if ModelInfo::from_metadata(metadata.get(METADATA)).is_ok_and(|info| info.hash == hash) {
                return Some(checkpoint.path.clone());
            }
        }
    }
    None
}

/// The hash of a checkpoint's weights, as its snapshot says; nothing where it has none.
pub fn hash_of(checkpoint: &Path) -> Option<String> {
    let metadata = Weights::read_metadata(&checkpoint.join(SNAPSHOT)).ok()?;
    ModelInfo::from_metadata(metadata.get(METADATA)).ok().map(|info| info.hash)
}

/// Notes that a picture names the checkpoint that this model is, if it is one with this hash.
pub fn note_pictured(model: &str, hash: &str, paths: &Paths) {
    if let Ok(Source::File { full: Some(folder), .. }) = resolve(with_prior(model).0, paths)
        && hash_of(&folder).is_some_and(|own| own == hash)
        && let Err(e) = checkpoint::name(&folder)
    {
        log::warn!("{} could not be noted as named by a picture: {e}", folder.display());
    }
}

/// A network out of a PyTorch file, as a snapshot of ours.
fn from_pytorch(path: &Path) -> Result<(Weights, ModelInfo)> {
    let (mut recipe, mut weights) = pytorch::read(path)?;
    recipe.name = stem(path);
    bounds::check(&recipe)?;
    let card = ModelCard {
        summary: "Imported from PyTorch".into(),
        data: "Not told by the file".into(),
        ..ModelCard::default()
    };
    let info = ModelInfo { card: Some(card), ..ModelInfo::of(&recipe, weights.hash()) };
    let text = serde_json::to_string(&info)
        .map_err(|e| Problem::failed("The model's card could not be written").because(e))?;
    weights.metadata.insert(METADATA.into(), text);
    Ok((weights, info))
}

/// Copies a snapshot, or a network out of a PyTorch file, into the studio.
///
/// # Errors
/// The file is no snapshot of ours and no network that is known, or the disk is full.
pub fn import(path: &Path, paths: &Paths) -> Result<ModelInfo> {
    let (weights, info) = Source::File { path: path.into(), full: None }.read()?;
    // A damaged file must be found now, not when it is first used.
    let shapes = weights.tensors.iter().map(|(name, t)| (name.clone(), t.shape.clone())).collect();
    check_network(&info.recipe, &shapes).map_err(|p| p.of(path.display().to_string()))?;
    if weights.hash() != info.hash {
        return Err(Problem::data("The weights in this file are not those it was made with")
            .of(path.display().to_string())
            .try_this("Copy the file again"));
    }
    let wanted = match stem(path) {
        // Straight out of a checkpoint, every file has the same name.
        s if s == stem(Path::new(SNAPSHOT)) && !info.name.is_empty() => safe_name(&info.name),
        s => s,
    };
    let folder = paths.models();
    let taken = |name: &str| folder.join(format!("{name}.safetensors")).exists() || shipped().contains_key(name);
    let name = std::iter::once(wanted.clone())
        .chain((2..).map(|i| format!("{wanted}-{i}")))
        .find(|n| !taken(n))
        .unwrap_or(wanted);
    let target = folder.join(format!("{name}.safetensors"));
    weights.write(&target)?;
    Ok(ModelInfo {
        model: name.clone(),
        name,
        shipped: false,
        bytes: fs::metadata(&target).map_or(0, |m| m.len()),
        ..info
    })
}

/// Keeps a fitted prior with a model, or takes the one it has away. A shipped model is copied into the studio first and
/// takes the shipped one's place.
///
/// # Errors
/// There is no such model, or its file cannot be written.
pub fn keep_prior(model: &str, prior: Option<(&Prior, PriorInfo)>, paths: &Paths) -> Result<ModelInfo> {
    let source = resolve(model, paths)?;
    let (mut weights, mut info) = source.read()?;
    weights.tensors.retain(|name, _| !name.starts_with(PRIOR));
    info.prior = None;
    if let Some((prior, about)) = prior {
        prior.put(&mut weights);
        info.prior = Some(about);
    }
    let text = serde_json::to_string(&info)
        .map_err(|e| Problem::failed("The model's description could not be written").because(e))?;
    weights.metadata.insert(METADATA.into(), text);
    let (bare, _) = with_prior(model);
    let path = match source {
        Source::File { path, .. } if !shipped_folders().iter().any(|folder| path.starts_with(folder)) => path,
        _ => paths.models().join(format!("{bare}.safetensors")),
    };
    weights.write(&path)?;
    Ok(ModelInfo { model: bare.into(), ..info })
}

/// Writes a model's snapshot to a file: safetensors, with what it is inside.
///
/// # Errors
/// There is no such model, or the file cannot be written.
pub fn export(model: &str, out: &Path, paths: &Paths) -> Result<()> {
    export_as(model, out, None, None, false, paths)
}

/// Writes the script that opens an exported file in PyTorch, beside it. A file of its name that is not such a script is
/// left alone, and the script gets a number.
///
/// # Errors
/// The folder cannot be written.
pub fn write_loader(exported: &Path) -> Result<PathBuf> {
    for attempt in 1.. {
        let (script, name) = pytorch::loader(&stem(exported), attempt);
        let path = exported.with_file_name(name);
        let free = match fs::read_to_string(&path) {
            Ok(there) => there.lines().next() == script.lines().next(),
            Err(_) => path.symlink_metadata().is_err(),
        };
        if free {
            write_atomically(&path, script.as_bytes())?;
            return Ok(path);
        }
    }
    unreachable!("there are more numbers than files")
}

/// As [`export`], under another name and with another card, if given. Without traces, neither data nor device nor the model
/// that it went on from is named; hashes stay.
///
/// # Errors
/// As [`export`].
pub fn export_as(
    model: &str,
    out: &Path,
    name: Option<&str>,
    card: Option<ModelCard>,
    no_traces: bool,
    paths: &Paths,
) -> Result<()> {
    let (mut weights, mut info) = resolve(model, paths)?.read()?;
    if let Some(name) = name {
        info.name = name.into();
        info.recipe.name = name.into();
    }
    if card.is_some() {
        info.card = card;
    }
    super::directions::store::embed(&mut weights, &info.hash, paths)?;
    // Where it lay on this computer is nobody else's business.
    info.model = String::new();
    let bare = |source: &str| match Path::new(source).file_name() {
        Some(name) if source.contains(['/', '\\']) => name.to_string_lossy().into_owned(),
        _ => source.to_string(),
    };
    info.recipe.data.source = bare(&info.recipe.data.source);
    if let Some(prior) = &mut info.prior {
        prior.data = bare(&prior.data);
    }
    if let Some(parent) = &mut info.recipe.parent {
        parent.model = bare(&parent.model);
    }
    info.parent = info.parent.as_deref().map(bare);
    if no_traces {
        // Names of pictures may be names of people.
        info.recipe.data.source.clear();
        info.recipe.data.exclude.clear();
        info.recipe.data.hide.clear();
        info.recipe.data.marks.clear();
        info.parent = None;
        if let Some(parent) = &mut info.recipe.parent {
            parent.model.clear();
        }
        if let Some(prior) = &mut info.prior {
            prior.data.clear();
        }
        if let Some(card) = &mut info.card {
            (card.hours, card.device) = (0.0, String::new());
        }
    }
    let text = serde_json::to_string(&info)
        .map_err(|e| Problem::failed("The model's card could not be written").because(e))?;
    weights.metadata.insert(METADATA.into(), text);
    weights.write(out)
}

#[cfg(test)]
mod tests;
