//! How pictures leave the studio.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How pictures leave the studio.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ExportOptions {
    /// Row of `export::EXPORTERS`: `png`, `grid`, `gif`, `apng`, `mp4`.
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
    /// Whether the recipe and the mark for generated pictures go into the file.
    pub recipe: bool,
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
            recipe: true,
        }
    }
}
