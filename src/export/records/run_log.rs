//! Everything that a run told, as other programs keep it: points by step, parameters, tags, where its pictures came from.
//!
//! A step is a picture seen, as everywhere in the studio: batch sizes may change while a run goes on. A point's time is the
//! run's beginning and the seconds it trained by then, so that it is the same at every export.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::base::paths::Paths;
use crate::base::series::Reading;
use crate::base::{Problem, Result};
use crate::models::info::ModelInfo;
use crate::models::io::{METADATA, SNAPSHOT, Weights};
use crate::recipe::Recipe;
use crate::train::folder::{RunFile, RunFolder};
use crate::train::report::{RunEvent, RunState, RunSummary};

/// What a run told between one beginning and the next: a run that is resumed, or that goes back, begins again.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Segment {
    /// Pictures seen at its beginning.
    pub from: u64,
    /// Seconds trained at its beginning.
    pub seconds: f64,
    /// What still holds of it, in order.
    pub told: Vec<Told>,
}

/// A thing that a run told.
#[derive(Clone, Debug, PartialEq)]
pub enum Told {
    /// Numbers.
    Reading(Reading),
    /// Samples were written.
    Preview {
        /// Pictures seen.
        images: u64,
        /// Seconds trained.
        seconds: f64,
    },
}

impl Told {
    fn images(&self) -> u64 {
        match self {
            Self::Reading(reading) => reading.images,
            Self::Preview { images, .. } => *images,
        }
    }
}

/// A score of a checkpoint that was measured after training.
#[derive(Clone, Debug, PartialEq)]
pub struct LateScore {
    /// Pictures seen at the checkpoint.
    pub images: u64,
    /// Name of the score.
    pub name: String,
    /// Its value.
    pub value: f64,
}

/// A point of a curve that holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<'a> {
    /// Name of the curve.
    pub key: &'a str,
    /// Pictures seen.
    pub step: u64,
    /// Unix time in milliseconds.
    pub millis: i64,
    /// Value.
    pub value: f64,
}

/// A run as it is told to other programs.
#[derive(Clone, Debug)]
pub struct RunLog {
    /// 32 hexadecimal digits that stay the same however the folder is called.
    pub id: String,
    /// Its folder.
    pub folder: RunFolder,
    /// As lists show it.
    pub summary: RunSummary,
    /// `run.json`.
    pub file: RunFile,
    /// What it told, in order, without what no longer holds.
    pub segments: Vec<Segment>,
    /// Scores of its checkpoints measured later, by name, then by pictures seen.
    pub late: Vec<LateScore>,
}

/// The identity of a run: noted at its beginning, or, for runs of earlier versions, made of what stays the same of it.
fn identity(folder: &RunFolder, file: &RunFile) -> Result<String> {
    if let Some(id) = file.id.as_ref().filter(|id| id.len() == 32 && id.chars().all(|c| c.is_ascii_hexdigit())) {
        return Ok(id.clone());
    }
    let mut recipe = folder.recipe()?;
    // Pictures may be moved.
    recipe.data.source.clear();
    let text = format!("{} {} {}", file.created, file.device, recipe.to_json());
    Ok(blake3::hash(text.as_bytes()).to_hex()[..32].to_owned())
}

/// What events tell, cut where the run began again; what was told of states that it went back from is left out.
fn segments(events: Vec<RunEvent>) -> Vec<Segment> {
    let mut out: Vec<Segment> = Vec::new();
    let mut seconds = 0.0;
    for event in events {
        let begins = match &event {
            RunEvent::Started { images, .. } | RunEvent::Rewound { images } => Some(*images),
            _ => None,
        };
        if let Some(from) = begins {
            for segment in &mut out {
                segment.told.retain(|told| told.images() <= from);
            }
            let last = out.iter().rev().flat_map(|s| s.told.iter().rev()).find_map(|told| match told {
                Told::Reading(reading) => Some(reading.seconds),
                Told::Preview { .. } => None,
            });
            seconds = last.unwrap_or(0.0);
            out.push(Segment { from, seconds, told: Vec::new() });
        }
        let told = match event {
            RunEvent::Reading(reading) => {
                seconds = reading.seconds;
                Told::Reading(reading)
            }
            RunEvent::Preview { images } => Told::Preview { images, seconds },
            _ => continue,
        };
        if out.is_empty() {
            out.push(Segment::default());
        }
        if let Some(segment) = out.last_mut() {
            segment.told.push(told);
        }
    }
    out
}

impl RunLog {
    /// Reads what a run told. Scores that were measured later are looked for where `paths` keeps them.
    ///
    /// # Errors
    /// There is no run in the folder, or its recipe or `run.json` is damaged.
    pub fn read(dir: &Path, paths: Option<&Paths>) -> Result<Self> {
        let folder = RunFolder::open(dir)?;
        let file = folder.file()?;
        let summary = folder.summary()?;
        let late = paths.map(|paths| late(&summary, paths)).unwrap_or_default();
        Ok(Self {
            id: identity(&folder, &file)?,
            segments: segments(folder.telemetry_from(0).0),
            folder,
            summary,
            file,
            late,
        })
    }

    /// The same without what is nobody else's business: where its pictures are, what it went on from, its device, and when it
    /// was. Times are counted from 1970; how long things took stays, and so do hashes and the name of the run.
    #[must_use]
    pub fn without_traces(mut self) -> Self {
        self.file.created = 0;
        self.file.device.clear();
        self.file.from = None;
        self.summary.progress.device.clear();
        self.summary.origin = None;
        let recipe = &mut self.summary.recipe;
        recipe.data.source.clear();
        recipe.data.exclude.clear();
        recipe.data.hide.clear();
        recipe.data.marks.clear();
        if let Some(parent) = &mut recipe.parent {
            parent.model.clear();
        }
        self
    }

    /// Unix time in milliseconds after so many seconds of training.
    pub fn millis(&self, seconds: f64) -> i64 {
        self.file.created * 1000 + (seconds * 1000.0).round() as i64
    }

    /// Every reading that holds, in order.
    pub fn readings(&self) -> impl Iterator<Item = &Reading> {
        self.segments.iter().flat_map(|s| &s.told).filter_map(|told| match told {
            Told::Reading(reading) => Some(reading),
            Told::Preview { .. } => None,
        })
    }

    /// Every point that holds: what was told while training, in order, then scores measured later.
    pub fn points(&self) -> impl Iterator<Item = Point<'_>> {
        let told = self.readings().flat_map(|r| {
            let millis = self.millis(r.seconds);
            r.values.iter().map(move |(key, value)| Point { key, step: r.images, millis, value: *value })
        });
        let end = self.millis(self.readings().last().map_or(0.0, |r| r.seconds));
        told.chain(self.late.iter().map(move |s| Point { key: &s.name, step: s.images, millis: end, value: s.value }))
    }

    /// Unix time in milliseconds of its end, once it ended.
    pub fn ended(&self) -> Option<i64> {
        let over = !self.summary.state.is_alive() && self.summary.state != RunState::Queued;
        over.then(|| self.millis(self.readings().last().map_or(0.0, |r| r.seconds)))
    }

    /// Every setting by its path, as text.
    pub fn params(&self) -> Vec<(String, String)> {
        let recipe: &Recipe = &self.summary.recipe;
        let mut out = Vec::new();
        flatten("", &serde_json::to_value(recipe).unwrap_or_default(), &mut out);
        out
    }

    /// What a run came from and where it is, by name.
    pub fn tags(&self) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::from([
            ("latent_studio.run".to_owned(), self.id.clone()),
            ("latent_studio.folder".to_owned(), self.folder.dir().display().to_string()),
            ("latent_studio.build".to_owned(), crate::BUILD.to_owned()),
            ("latent_studio.state".to_owned(), state_name(self.summary.state)),
        ]);
        let mut put = |name: &str, value: String| drop(tags.insert(format!("latent_studio.{name}"), value));
        if let Some(data) = &self.file.data {
            put("data.hash", data.hash.clone());
            put("data.pictures", data.pictures.to_string());
        }
        if let Some(parent) = &self.summary.recipe.parent {
            put("parent.model", parent.model.clone());
            put("parent.hash", parent.hash.clone());
        }
        if let Some(origin) = &self.summary.origin {
            put("fork.run", origin.run.display().to_string());
            put("fork.images", origin.images.to_string());
            let changes: Vec<String> = origin.changes.iter().map(|(key, value)| format!("{key}={value}")).collect();
            put("fork.changes", changes.join(" "));
            // The parent may be gone.
            if let Ok(id) = RunFolder::open(&origin.run).and_then(|f| identity(&f, &f.file()?)) {
                put("fork.of", id);
            }
        }
        if let Some(best) = self.summary.checkpoints.iter().find(|c| c.best) {
            put("best.images", best.images.to_string());
        }
        tags
    }

    /// The file of the samples at `images` pictures seen.
    pub fn preview(&self, images: u64) -> PathBuf {
        crate::train::preview::path(&self.folder.previews_dir(), images)
    }
}

/// A state as other programs are told it.
fn state_name(state: RunState) -> String {
    serde_json::to_value(state).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Scores of a run's checkpoints that were measured later.
fn late(summary: &RunSummary, paths: &Paths) -> Vec<LateScore> {
    let mut out = Vec::new();
    for checkpoint in &summary.checkpoints {
        let metadata = Weights::read_metadata(&checkpoint.path.join(SNAPSHOT)).unwrap_or_default();
        let Ok(info) = ModelInfo::from_metadata(metadata.get(METADATA)) else { continue };
        for score in crate::eval::store::known(paths, &info.hash) {
            let through = score.extractor.split('-').next().filter(|e| !e.is_empty());
            let name = through.map_or_else(|| score.name.clone(), |e| format!("{}.{e}", score.name));
            out.push(LateScore { images: checkpoint.images, name: format!("evaluated/{name}"), value: score.value });
        }
    }
    out.sort_by(|a, b| (&a.name, a.images).cmp(&(&b.name, b.images)));
    out
}

/// Leaves of a JSON value by path; lists are one leaf.
fn flatten(path: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                flatten(&path, value, out);
            }
        }
        Value::Null => {}
        Value::String(text) => out.push((path.to_owned(), text.clone())),
        other => out.push((path.to_owned(), other.to_string())),
    }
}

/// A name as every program takes it: letters, digits, `_ - . /` and spaces.
pub fn plain_name(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-./ ".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).take(240).collect();
    if name.is_empty() { "_".into() } else { name }
}

/// The run in a folder, or the one of this name among the studio's own.
///
/// # Errors
/// There is none.
pub fn find(run: &str, paths: &Paths) -> Result<PathBuf> {
    let given = PathBuf::from(run);
    let own = paths.runs().join(run);
    match [given, own].into_iter().find(|dir| RunFolder::is_run(dir)) {
        Some(dir) => Ok(dir),
        None => Err(Problem::data("There is no run in this folder")
            .of(run)
            .try_this("Give a run's folder, or its name as `latent-studio library list --runs` shows it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(images: u64, value: f64) -> RunEvent {
        let seconds = images as f64 / 10.0;
        RunEvent::Reading(Reading { step: images / 4, images, seconds, values: vec![("loss".into(), value)] })
    }

    fn started(images: u64) -> RunEvent {
        RunEvent::Started { device: "cpu".into(), pictures: 10, step: images / 4, images }
    }

    #[test]
    fn a_resumed_run_has_a_segment_for_each_beginning_and_no_step_twice() {
        let events = vec![
            started(0),
            reading(10, 1.0),
            RunEvent::Preview { images: 10 },
            reading(20, 0.9),
            reading(30, 0.8),
            started(20),
            reading(30, 0.7),
            RunEvent::Rewound { images: 10 },
            reading(20, 0.6),
        ];
        let all = segments(events);
        let images: Vec<(u64, Vec<u64>)> =
            all.iter().map(|s| (s.from, s.told.iter().map(Told::images).collect())).collect();
        assert_eq!(images, [(0, vec![10, 10]), (20, vec![]), (10, vec![20])]);
        assert_eq!(all[0].told[1], Told::Preview { images: 10, seconds: 1.0 });
        assert_eq!(all[2].seconds, 1.0);
    }

    #[test]
    fn a_run_is_the_same_after_its_folder_was_renamed_and_its_pictures_were_moved() {
        let dir = tempfile::tempdir().unwrap();
        let old = dir.path().join("a");
        let run = RunFolder::create(&old, &Recipe::default(), None, "cpu").unwrap();
        let first = RunLog::read(&old, None).unwrap();
        assert_eq!(Some(&first.id), run.file().unwrap().id.as_ref());
        // As an earlier version wrote it.
        run.write_file(&RunFile { id: None, ..run.file().unwrap() }).unwrap();
        let derived = RunLog::read(&old, None).unwrap().id;
        run.move_source("/elsewhere").unwrap();
        let new = dir.path().join("b");
        std::fs::rename(&old, &new).unwrap();
        assert_eq!(RunLog::read(&new, None).unwrap().id, derived);
        assert!(derived.len() == 32 && derived != first.id);
        let two = RunFolder::create(&dir.path().join("c"), &Recipe::default(), None, "cpu").unwrap();
        assert_ne!(two.file().unwrap().id, Some(first.id));
    }

    #[test]
    fn settings_are_told_by_path() {
        let mut out = Vec::new();
        flatten("", &serde_json::json!({ "a": { "b": 1, "c": null }, "d": [1, 2], "e": "x" }), &mut out);
        let out: Vec<(&str, &str)> = out.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(out, [("a.b", "1"), ("d", "[1,2]"), ("e", "x")]);
        assert_eq!(plain_name("kid:low µ/x"), "kid_low _/x");
    }
}
