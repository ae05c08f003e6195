//! What the doctor says.

use serde::{Deserialize, Serialize};

/// What became of what was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Course {
    /// It was seen for long enough to be said.
    Found,
    /// It is no longer seen.
    Gone,
    /// A remedy was taken, and a fifth of the run later it is still seen.
    Remains,
}

/// A number that shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Name of the curve, as in the telemetry.
    pub number: String,
    /// Its mean lately.
    pub value: f64,
    /// What it is where nothing is wrong, such as "above 0.5".
    pub healthy: String,
    /// Pictures seen where the piece of the curve begins.
    pub from: u64,
    /// Pictures seen where it ends.
    pub to: u64,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Remedy {
    /// What it does, as on a button.
    pub title: String,
    /// Setting that it changes; empty where it is for a person to do.
    pub key: String,
    /// Its new value.
    pub value: serde_json::Value,
    /// Whether a run that is on takes it; otherwise it is for a new run.
    pub live: bool,
}

/// Something that goes wrong in a run, or ceased to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Its name, such as `mode-collapse`.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// What became of it.
    pub course: Course,
    /// Pictures seen when it was said.
    pub images: u64,
    /// Pictures seen when it was seen first.
    pub since: u64,
    /// How sure it is, 0 to 1.
    pub confidence: f64,
    /// The numbers that show it.
    pub evidence: Vec<Evidence>,
    /// What it means, in three sentences.
    pub explanation: String,
    /// What to do, the best first.
    pub remedies: Vec<Remedy>,
    /// The setting that was changed meanwhile, where one of its remedies was taken. There was no control: another run
    /// without the change may have recovered too.
    pub remedy_taken: Option<String>,
}
