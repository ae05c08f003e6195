//! What MLflow is told of a run, whichever way.

use std::path::Path;

use serde_json::json;

use super::run_log::{RunLog, plain_name};
use crate::base::Result;
use crate::base::vault;
use crate::train::report::RunState;

/// The experiment that the studio's runs belong to.
pub const EXPERIMENT: &str = "Latent Studio";
/// Characters of a parameter or a tag that MLflow takes.
const LONGEST: usize = 6000;
/// The data set that a run learned from.
pub struct Dataset {
    /// Name.
    pub name: String,
    /// Its hash, as much as MLflow takes of it.
    pub digest: String,
    /// Where it lies, as JSON.
    pub source: String,
    /// What is known of it, as JSON.
    pub profile: String,
}

/// The data set of a run, if it was prepared.
pub fn dataset(log: &RunLog) -> Option<Dataset> {
    let data = log.file.data.as_ref()?;
    let source = &log.summary.recipe.data.source;
    let name = Path::new(source.lines().next().unwrap_or_default()).file_name();
    let name = name.map_or_else(|| "pictures".into(), |n| n.to_string_lossy().chars().take(400).collect());
    Some(Dataset {
        name,
        digest: data.hash.chars().take(36).collect(),
        source: json!({ "uri": source }).to_string(),
        profile: json!({ "pictures": data.pictures, "hash": data.hash }).to_string(),
    })
}

fn cut(text: String) -> String {
    if text.len() <= LONGEST { text } else { text.chars().take(LONGEST / 4).chain("…".chars()).collect() }
}

/// Settings by name.
pub fn params(log: &RunLog) -> Vec<(String, String)> {
    log.params().into_iter().map(|(key, value)| (plain_name(&key), cut(value))).collect()
}

/// Tags by name: the studio's, and those that MLflow's pages read.
pub fn tags(log: &RunLog) -> Vec<(String, String)> {
    let own = [
        ("mlflow.runName".to_owned(), log.summary.name.clone()),
        ("mlflow.source.name".into(), "latent-studio".into()),
        ("mlflow.source.type".into(), "LOCAL".into()),
        ("mlflow.user".into(), user()),
    ];
    own.into_iter().chain(log.tags()).map(|(key, value)| (key, cut(value))).collect()
}

/// Who works here.
pub fn user() -> String {
    ["USER", "USERNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_default()
}

/// A state in MLflow's words.
pub fn status(state: RunState) -> &'static str {
    match state {
        RunState::Queued => "SCHEDULED",
        RunState::Preparing | RunState::Training | RunState::Paused => "RUNNING",
        RunState::Finished => "FINISHED",
        RunState::Failed => "FAILED",
        RunState::Stopped | RunState::Interrupted => "KILLED",
    }
}

/// A value as its tables hold it, and whether it is none: infinities are the largest numbers.
pub fn value(value: f64) -> (f64, bool) {
    if value.is_nan() { (0.0, true) } else { (value.clamp(-f64::MAX, f64::MAX), false) }
}

/// Files of a run by name: its recipe as it holds, and samples: the first, the second, the fourth and so on, so that those
/// of a run that goes on stay, and the last once it ended.
///
/// # Errors
/// The recipe cannot be read.
pub fn artifacts(log: &RunLog) -> Result<Vec<(String, Vec<u8>)>> {
    let mut out = vec![("recipe.json".to_owned(), log.summary.recipe.to_json().into_bytes())];
    let all = log.folder.previews();
    let ended = log.ended().is_some();
    for (i, images) in all.iter().enumerate() {
        let taken = (i + 1).is_power_of_two() || (ended && i + 1 == all.len());
        if taken && let Ok(png) = vault::read(log.preview(*images)) {
            out.push((format!("samples/{images:012}.png"), png));
        }
    }
    Ok(out)
}
