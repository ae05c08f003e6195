//! What a file would give away to whoever gets it: users, folders, devices, times, places; and what it says besides, such as
//! how a picture was made.
//!
//! Pictures (PNG, JPEG, GIF, WebP, TIFF), films (MP4), models (safetensors), reports (HTML), event files, databases
//! (SQLite), `.dvc` and other text files. Files may be damaged or hostile: what cannot be read is left out.

mod exif;
mod films;
mod pictures;
mod text;

use std::path::Path;

use serde::Serialize;

use crate::base::{Problem, Result, vault};

/// Most bytes of a file that are looked at.
const MOST: u64 = 256 << 20;
/// Longest text that is shown, in characters.
const SHOWN: usize = 120;
/// Most traces of a file that are told.
const TOLD: usize = 500;

/// What a trace gives away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Gives {
    /// A person: their name, account, or address.
    User,
    /// A folder or file on a computer.
    Path,
    /// A computer, camera or processor.
    Device,
    /// When something was made.
    Time,
    /// Where something was made.
    Place,
    /// A text that a person or program wrote.
    Text,
    /// How the file was made: its recipe.
    Recipe,
    /// The hash of a model or of data, by which it is recognised.
    Hash,
    /// The mark that a trained model made it; it has to stay.
    Mark,
    /// The program that wrote it.
    Program,
}

impl Gives {
    /// Whether a file that is shared without traces has none of these.
    pub fn is_trace(self) -> bool {
        matches!(self, Self::User | Self::Path | Self::Device | Self::Time | Self::Place | Self::Text)
    }
}

/// Something that a file says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Trace {
    /// What it gives away.
    pub gives: Gives,
    /// Where it stands in the file.
    pub at: String,
    /// What it says, cut short.
    pub says: String,
}

/// All that a file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Traces {
    /// What sort of file it is.
    pub kind: &'static str,
    /// What it gives away.
    pub traces: Vec<Trace>,
    /// What it says besides.
    pub remains: Vec<Trace>,
}

/// Collects what is found.
#[derive(Default)]
struct Found(Vec<Trace>);

impl Found {
    fn add(&mut self, gives: Gives, at: &str, says: impl AsRef<str>) {
        let says: String = says.as_ref().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let says = says.trim();
        let short: String = says.chars().take(SHOWN).collect();
        let says = if short.len() < says.len() { format!("{short}…") } else { short };
        let trace = Trace { gives, at: at.to_owned(), says };
        if !trace.says.is_empty() && self.0.len() < TOLD && !self.0.contains(&trace) {
            self.0.push(trace);
        }
    }
}

/// Looks through a file.
///
/// # Errors
/// It cannot be read, or is a folder.
pub fn of(path: &Path) -> Result<Traces> {
    use std::io::Read;
    let fail = |e: std::io::Error| Problem::io("This file could not be read", path, &e);
    let file = vault::File::open(path).map_err(fail)?;
    if file.handle().metadata().map_err(fail)?.is_dir() {
        return Err(Problem::usage("This is a folder, not a file")
            .of(path.display().to_string())
            .try_this("Name the files inside it"));
    }
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes).map_err(fail)?;
    Ok(of_bytes(&bytes))
}

/// Looks through the bytes of a file.
pub fn of_bytes(bytes: &[u8]) -> Traces {
    let mut found = Found::default();
    let kind = match bytes {
        [0x89, b'P', b'N', b'G', ..] => {
            pictures::png(bytes, &mut found);
            "PNG"
        }
        [0xFF, 0xD8, ..] => {
            pictures::jpeg(bytes, &mut found);
            "JPEG"
        }
        [b'G', b'I', b'F', b'8', ..] => {
            pictures::gif(bytes, &mut found);
            "GIF"
        }
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            pictures::webp(bytes, &mut found);
            "WebP"
        }
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => {
            exif::read(bytes, "TIFF", &mut found);
            "TIFF"
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => {
            films::boxes(bytes, "", 0, &mut found);
            "MP4"
        }
        _ if bytes.starts_with(b"SQLite format 3\0") => {
            text::strings(bytes, "database", &mut found);
            "SQLite"
        }
        [_, _, _, _, _, _, _, _, b'{', ..] if header(bytes).is_some() => {
            safetensors(bytes, &mut found);
            "safetensors"
        }
        _ => match std::str::from_utf8(bytes) {
            Ok(content) => {
                text::whole(content, "text", &mut found);
                if content.trim_start().to_ascii_lowercase().starts_with("<!doctype html") { "HTML" } else { "text" }
            }
            Err(_) if text::events(bytes, &mut found) => "event file",
            Err(_) => {
                text::strings(bytes, "content", &mut found);
                "other"
            }
        },
    };
    found.0.sort();
    let (traces, remains) = found.0.into_iter().partition(|t| t.gives.is_trace());
    Traces { kind, traces, remains }
}

/// The JSON header of a safetensors file.
fn header(bytes: &[u8]) -> Option<&str> {
    let length = u64::from_le_bytes(*bytes.first_chunk()?);
    let text = bytes.get(8..usize::try_from(length).ok()?.checked_add(8)?)?;
    std::str::from_utf8(text).ok()
}

fn safetensors(bytes: &[u8], found: &mut Found) {
    let Some(value) = header(bytes).and_then(|t| serde_json::from_str::<serde_json::Value>(t).ok()) else { return };
    let Some(metadata) = value.get("__metadata__").and_then(serde_json::Value::as_object) else { return };
    for (key, value) in metadata {
        let at = format!("metadata {key}");
        text::whole(value.as_str().unwrap_or_default(), &at, found);
    }
}

#[cfg(test)]
mod tests;
