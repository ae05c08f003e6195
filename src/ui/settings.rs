//! What a person sets once and keeps: theme, scale, device, how pictures leave.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::theme::Mode;
use crate::eval::joint::Networks;
use crate::export::options::ExportOptions;

/// What a person sets once and keeps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// Dark, light, or as the desktop says.
    pub theme: Mode,
    /// Size of everything, 0.75 to 2.
    pub scale: f32,
    /// Nothing moves that need not move.
    pub reduce_motion: bool,
    /// Whether enlarged pictures show sharp pixels or smooth ones.
    pub pixels: Pixels,
    /// What lies behind transparency.
    pub backing: Backing,
    /// Device that runs train on; empty for the best usable one.
    pub device: String,
    /// Device that models are explored on; empty for the CPU.
    pub explore: String,
    /// How pictures leave; `export.recipe` says whether they carry their recipe.
    pub export: ExportOptions,
    /// Whether pictures are enlarged with sharp pixels or smooth ones when they are exported.
    pub enlarge_by: Pixels,
    /// The folder that each kind of export was written to last, by [`crate::export::Makes::id`].
    pub export_folders: BTreeMap<String, PathBuf>,
    /// The file name that each kind of export had last, as a pattern.
    pub export_names: BTreeMap<String, String>,
    /// The format that each kind of export had last.
    pub export_formats: BTreeMap<String, String>,
    /// The folder that each file dialog was in last, by its purpose.
    pub dialog_folders: BTreeMap<String, PathBuf>,
    /// Columns of a random sheet.
    pub sheet_columns: u32,
    /// Whether the computer is kept from falling asleep while a run is on.
    pub keep_awake: bool,
    /// Which of the pretrained networks that ship with the studio may be used.
    pub networks: Networks,
    /// What happens to runs when the window closes: `ask`, `stop`, `background`.
    pub on_close: OnClose,
    /// Minutes without anybody after which an encrypted library is locked; 0 for never.
    pub lock_after: u32,
}

/// Whether enlarged pictures show sharp pixels or smooth ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pixels {
    /// Sharp for pixel art, smooth for photographs, by what the pictures look like.
    #[default]
    Auto,
    /// Every pixel a square.
    Sharp,
    /// Smooth between pixels.
    Smooth,
}

/// What lies behind transparency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backing {
    /// One calm grey.
    #[default]
    Plain,
    /// A checkerboard.
    Checkers,
    /// White.
    White,
    /// Black.
    Black,
}

/// What happens to runs when the window closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnClose {
    /// Ask each time.
    #[default]
    Ask,
    /// Save a checkpoint and end.
    Stop,
    /// Go on without the window.
    Background,
}

impl Settings {
    /// Every setting at its default; what is only remembered stays.
    #[must_use]
    pub fn reset(&self) -> Self {
        Self {
            export_folders: self.export_folders.clone(),
            export_names: self.export_names.clone(),
            export_formats: self.export_formats.clone(),
            dialog_folders: self.dialog_folders.clone(),
            sheet_columns: self.sheet_columns,
            ..Self::default()
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Mode::Dark,
            scale: 1.0,
            reduce_motion: false,
            pixels: Pixels::Auto,
            backing: Backing::Plain,
            device: String::new(),
            explore: String::new(),
            export: ExportOptions::default(),
            enlarge_by: Pixels::Auto,
            export_folders: BTreeMap::new(),
            export_names: BTreeMap::new(),
            export_formats: BTreeMap::new(),
            dialog_folders: BTreeMap::new(),
            sheet_columns: 6,
            keep_awake: true,
            networks: Networks::default(),
            on_close: OnClose::Ask,
            lock_after: 15,
        }
    }
}
