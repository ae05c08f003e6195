//! Records beside kept pictures: marks and versions of data sets, threads of prompts, choices between pictures.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use serde::{Deserialize, Serialize};

use super::gallery::Gallery;
use super::{Context, picture_recipe};
use crate::base::{Picture, Problem, Result};
use crate::data::manifest::{Diff, Manifest};
use crate::engine::worker::Lane;
use crate::engine::{Event, JobId};
use crate::export::png::with_text;
use crate::export::{file_name, metadata, png_bytes, today, write_new};
use crate::library::choices::{Choice, ModelRank, Ranking};
use crate::library::marks::Named;
use crate::library::records::threads::Prompt;
use crate::library::versions::{Restored, Version};
use crate::library::{Library, NewItem};
use crate::recipe::Reading;
use crate::recipe::marks::Marks;
use crate::recipe::picture::Latent;

/// Pictures of a kind of difference that are shown as pictures.
pub const SHOWN: usize = 60;

/// What can be asked of records.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // Fields are named after what they hold.
pub enum RecordsCommand {
    /// What is set for pictures of a source. → `Marks`
    Marks { source: String },
    /// Set marks of pictures as one change. → `Marks`
    SetMarks { source: String, title: String, marks: Named },
    /// Versions of a source that were noted. → `Versions`
    Versions { source: String },
    /// Note the version that a source is at now, and call it so, or begin a branch there. → `Job`, `Versions`
    NoteVersion { job: JobId, source: String, reading: Reading, tag: Option<String>, branch: Option<String> },
    /// How a version differs from another, or from the source as it is now without `later`. → `Job`, `Compared`
    CompareVersions { job: JobId, source: String, reading: Reading, earlier: String, later: Option<String> },
    /// Go back to a version. → `Job`, `Restored`, `Marks`, `Versions`
    RestoreVersion { job: JobId, source: String, reading: Reading, hash: String },
    /// Prompts in their threads. → `Threads`
    Threads,
    /// Latents of a model (by the hash of its weights) that are liked and disliked. → `Taste`
    Taste { model: String },
    /// Keep a picture that was drawn, with the prompt that it came of. → `ItemsChanged`
    KeepDrawn { prompt: Option<i64>, model: String, picture: Picture },
    /// Two kept pictures to choose between, those of a model or of checkpoints of a run if one is named; those that were
    /// passed over are not asked again. → `Pair`
    Pair { of: PairsOf, passed: Vec<(i64, i64)> },
    /// One picture is better than another. → `Pair`
    Choose { better: i64, worse: i64, of: PairsOf, passed: Vec<(i64, i64)> },
}

/// Between which pictures is chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PairsOf {
    /// All kept ones.
    #[default]
    All,
    /// Those of a model, by its name.
    Model(String),
    /// The same latents at different checkpoints of a run, by its folder.
    Checkpoints(std::path::PathBuf),
}

/// What is told of records.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum RecordsEvent {
    /// All that is set for pictures of a source.
    Marks { source: String, marks: Marks },
    /// Versions of a source, the newest first, with the one it is at and its branches.
    Versions {
        source: String,
        versions: Vec<Version>,
        head: Option<(String, Option<String>)>,
        branches: Vec<(String, String)>,
    },
    /// How two versions differ, with small versions of some pictures by name: before and after.
    Compared {
        source: String,
        earlier: String,
        later: Option<String>,
        diff: Box<Diff>,
        thumbs: BTreeMap<String, Thumbs>,
    },
    /// What going back to a version did.
    Restored { source: String, restored: Restored },
    /// What was drawn in a session came of this prompt.
    PromptNoted { session: u64, prompt: i64 },
    /// What is liked and disliked of a model.
    Taste { model: String, liked: Vec<Latent>, disliked: Vec<Latent> },
    /// Threads of prompts, the newest first.
    Threads(Vec<Vec<Prompt>>),
    /// Two pictures to choose between, if there are any, and the ranking so far.
    Pair { pair: Option<[(i64, Picture); 2]>, ranking: Box<Ranking>, models: Vec<ModelRank> },
}

/// A picture as it was and as it is; either may be none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thumbs {
    /// In the earlier version.
    pub before: Option<Picture>,
    /// In the later one.
    pub after: Option<Picture>,
}

fn tell(cx: &Context, event: RecordsEvent) {
    cx.tell(Event::Records(Box::new(event)));
}

fn tell_marks(cx: &Context, library: &Library, source: String) -> Result<()> {
    let marks = library.marks(&source)?;
    tell(cx, RecordsEvent::Marks { source, marks });
    Ok(())
}

fn tell_versions(cx: &Context, library: &Library, source: &str) -> Result<()> {
    let (versions, head) = (library.versions(Some(source))?, library.head(source)?);
    let branches = library.branches(source)?;
    tell(cx, RecordsEvent::Versions { source: source.into(), versions, head, branches });
    Ok(())
}

fn tell_pair(cx: &Context, library: &Library, of: &PairsOf, passed: &[(i64, i64)]) -> Result<()> {
    let (pair, models) = match of {
        PairsOf::All => (library.next_pair(None, passed)?, Vec::new()),
        PairsOf::Model(model) => (library.next_pair(Some(model), passed)?, Vec::new()),
        PairsOf::Checkpoints(run) => (library.next_pair_of_run(run, passed)?, library.rank_checkpoints(run)?),
    };
    let shown = |id: i64| Some((id, super::gallery::detail(library, id).ok()?.1));
    let pair = pair.and_then(|(a, b)| Some([shown(a)?, shown(b)?]));
    tell(cx, RecordsEvent::Pair { pair, ranking: Box::new(library.ranking()?), models });
    Ok(())
}

/// The source without marks as it is now; small versions of its pictures are kept.
fn base(cx: &Context, job: JobId, library: &Library, source: &str, reading: &Reading) -> Result<Manifest> {
    let progress = cx.progress(job);
    let base = Manifest::kept(source, reading.clone(), &cx.paths.prepared(), &progress)?;
    library.keep_thumbs_of(source, reading.clone(), &base, &progress)?;
    Ok(base)
}

/// Small versions of pictures that differ.
fn thumbs(library: &Library, old: &Manifest, new: &Manifest, diff: &Diff) -> Result<BTreeMap<String, Thumbs>> {
    let by_name = |m: &Manifest| -> BTreeMap<String, String> {
        m.entries.iter().map(|e| (e.name.clone(), e.content.clone())).collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    let picture = |content: Option<&String>| content.map_or(Ok(None), |content| library.small_picture(content));
    let mut out = BTreeMap::new();
    let names = diff.kinds(SHOWN).into_iter().flat_map(|kind| kind.pictures).map(|(name, _)| name);
    for name in names {
        let (then, now) = (old.get(&name), new.get(&name));
        if let Entry::Vacant(place) = out.entry(name) {
            place.insert(Thumbs { before: picture(then)?, after: picture(now)? });
        }
    }
    Ok(out)
}

/// Does what is asked for on the lane that it belongs to.
pub fn send(cx: Context, library: &Lane<Gallery>, prepare: &Lane<()>, command: RecordsCommand) {
    use RecordsCommand as Ask;
    let aside = |cx: &Context| Library::open(&cx.paths.library());
    match command {
        Ask::Marks { source } => library.push(None, move |gallery| tell_marks(&cx, gallery.library()?, source)),
        Ask::SetMarks { source, title, marks } => library.push(None, move |gallery| {
            let library = gallery.library()?;
            let set = library.set_marks(&source, &title, marks).map(|_| ());
            // What holds is told whether it could be set or not.
            tell_marks(&cx, library, source)?;
            set
        }),
        Ask::Versions { source } => library.push(None, move |gallery| tell_versions(&cx, gallery.library()?, &source)),
        Ask::NoteVersion { job, source, reading, tag, branch } => prepare.push(Some(job), move |()| {
            let library = aside(&cx)?;
            let now = base(&cx, job, &library, &source, &reading)?.marked(&library.marks(&source)?);
            let version = library.note_version(&source, &now)?;
            tag.map_or(Ok(()), |tag| library.tag_version(&version, &tag))?;
            branch.map_or(Ok(()), |branch| library.branch_version(&version, &branch))?;
            tell_versions(&cx, &library, &source)
        }),
        Ask::CompareVersions { job, source, reading, earlier, later } => prepare.push(Some(job), move |()| {
            let library = aside(&cx)?;
            let old = library.manifest(&earlier)?;
            let new = match &later {
                Some(hash) => library.manifest(hash)?,
                None => base(&cx, job, &library, &source, &reading)?.marked(&library.marks(&source)?),
            };
            let diff = Box::new(library.compare_versions(&old, &new)?);
            let thumbs = thumbs(&library, &old, &new, &diff)?;
            tell(&cx, RecordsEvent::Compared { source, earlier, later, diff, thumbs });
            Ok(())
        }),
        Ask::RestoreVersion { job, source, reading, hash } => prepare.push(Some(job), move |()| {
            let library = aside(&cx)?;
            let version = library.find_version(&hash, Some(&source))?;
            let version = version.ok_or_else(|| Problem::usage("This version is not known any more").of(&hash))?;
            let base = base(&cx, job, &library, &source, &reading)?;
            // What is there now can be come back to.
            library.note_version(&source, &base.marked(&library.marks(&source)?))?;
            let restored = library.restore_version(&version, &hash, &base)?;
            tell(&cx, RecordsEvent::Restored { source: source.clone(), restored });
            tell_marks(&cx, &library, source.clone())?;
            tell_versions(&cx, &library, &source)
        }),
        Ask::Threads => library.push(None, move |gallery| {
            tell(&cx, RecordsEvent::Threads(gallery.library()?.threads()?));
            Ok(())
        }),
        Ask::Taste { model } => library.push(None, move |gallery| {
            let (liked, disliked) = gallery.library()?.taste(&model)?;
            tell(&cx, RecordsEvent::Taste { model, liked, disliked });
            Ok(())
        }),
        Ask::KeepDrawn { prompt, model, picture } => library.push(None, move |gallery| {
            let stem = file_name("{model}-{date}-{n}", &model, None, 1, &today());
            let mut bytes = png_bytes(&picture, None)?;
            // Made by a model, and said so, although no latent makes it again.
            if let Some(info) = cx.models().into_iter().find(|m| m.name == model) {
                let made = picture_recipe(&info, &Latent::Seed { seed: 0 }, 1.0, "draw", String::new());
                bytes = with_text(&bytes, metadata::XMP_KEY, &metadata::xmp(&made));
            }
            let path = write_new(&cx.paths.gallery(), &stem, "png", &bytes)?;
            let inside = cx.clone();
            gallery.changing(&inside, move |gallery| {
                let library = gallery.library()?;
                let item = library.add_item(&NewItem { path, picture, model, recipe: None, starred: false })?;
                prompt.map_or(Ok(()), |prompt| library.came_of(prompt, &[item]))
            })
        }),
        Ask::Pair { of, passed } => {
            library.push(None, move |gallery| tell_pair(&cx, gallery.library()?, &of, &passed));
        }
        Ask::Choose { better, worse, of, passed } => library.push(None, move |gallery| {
            let library = gallery.library()?;
            library.choose(Choice { better, worse })?;
            tell_pair(&cx, library, &of, &passed)
        }),
    }
}
