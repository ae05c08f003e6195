//! How large pictures and films are written.

use clap::Args;

use crate::base::Result;
use crate::export::ExportOptions;
use crate::export::canvas::{canvas, colour};

/// How large pictures and films are written.
#[derive(Args)]
pub struct Sizing {
    /// Whole factor to enlarge pictures by, 1 to 16
    #[arg(long, default_value_t = 1)]
    scale: u32,
    /// How to enlarge: nearest (hard pixels) or lanczos (smooth)
    #[arg(long, default_value = "nearest")]
    filter: String,
    /// Place each picture, sheet or frame on a canvas: square (1080×1080), story (1080×1920), 4k (3840×2160), or a size
    /// such as 1200x630. Hard pixels take the largest whole factor that fits
    #[arg(long, value_name = "CANVAS", conflicts_with = "scale")]
    fit: Option<String>,
    /// Colour of the canvas: #rrggbb, white, black or transparent
    #[arg(long, value_name = "COLOUR", requires = "fit")]
    margin: Option<String>,
    /// No watermark in pictures that are large and smooth enough for one
    #[arg(long)]
    no_watermark: bool,
}

impl Sizing {
    /// As options of an export.
    ///
    /// # Errors
    /// There is no such canvas or colour.
    pub fn options(&self) -> Result<ExportOptions> {
        let colour = colour(self.margin.as_deref().unwrap_or("white"))?;
        let canvas = self.fit.as_deref().map(|text| canvas(text, colour)).transpose()?;
        Ok(ExportOptions {
            scale: self.scale,
            filter: self.filter.clone(),
            canvas,
            watermark: !self.no_watermark,
            ..ExportOptions::default()
        })
    }
}
