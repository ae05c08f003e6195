//! How pictures leave the studio.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::recipe::picture::Canvas;

/// How pictures leave the studio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ExportOptions {
    /// Row of `export::EXPORTERS`: `png`, `grid`, `sprites`, `gif`, `apng`, `mp4`, `frames`.
    pub format: String,
    /// Folder or file to write.
    pub out: PathBuf,
    /// Whole factor to enlarge by, 1 to 16.
    pub scale: u32,
    /// `nearest` or `lanczos`.
    pub filter: String,
    /// Frames a second (films).
    pub fps: u32,
    /// Columns (grids); 0 for nearly square, [`super::sheet::TRIANGLE`] for a triangle.
    pub columns: u32,
    /// File name pattern for single pictures: `{model}`, `{seed}`, `{n}`, `{date}`.
    pub pattern: String,
    /// Places what is written on a canvas of this size; `scale` is not asked for then.
    pub canvas: Option<Canvas>,
    /// Pixels around and between the cells of a sheet; the format's own where it is not given.
    pub gap: Option<u32>,
    /// Whether a JSON file that says where the cells are is written beside a sheet.
    pub frames_json: bool,
    /// Whether the recipe and the mark for generated pictures go into the file.
    pub recipe: bool,
    /// Whether pictures that are large and smooth enough get a watermark.
    pub watermark: bool,
    /// Whether files are signed with the key of whoever exports; only with the recipe.
    pub certificate: bool,
    /// Whether the recipe leaves out the name of the model and the device.
    pub no_traces: bool,
}

impl Default for ExportOptions {
    fn default() -> Self {
        Self {
            format: "png".into(),
            out: PathBuf::new(),
            scale: 1,
            filter: "nearest".into(),
            fps: 30,
            columns: 0,
            pattern: "{model}-{seed}".into(),
            canvas: None,
            gap: None,
            frames_json: false,
            recipe: true,
            watermark: true,
            certificate: false,
            no_traces: false,
        }
    }
}
