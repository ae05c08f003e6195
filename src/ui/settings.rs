//! What a person sets once and keeps: theme, scale, device, how pictures leave.

use serde::{Deserialize, Serialize};

use super::theme::Mode;
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
    /// Device that runs train on; empty for the best usable one.
    pub device: String,
    /// Device that models are explored on; empty for the CPU.
    pub explore: String,
    /// How pictures leave; `export.recipe` says whether they carry their recipe.
    pub export: ExportOptions,
    /// Columns of a random sheet.
    pub sheet_columns: u32,
    /// Whether the computer is kept from falling asleep while a run is on.
    pub keep_awake: bool,
    /// What happens to runs when the window closes: `ask`, `stop`, `background`.
    pub on_close: OnClose,
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

impl Default for Settings {
    fn default() -> Self {
        Self {
            theme: Mode::Dark,
            scale: 1.0,
            reduce_motion: false,
            device: String::new(),
            explore: String::new(),
            export: ExportOptions::default(),
            sheet_columns: 6,
            keep_awake: true,
            on_close: OnClose::Ask,
        }
    }
}
