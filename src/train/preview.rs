//! Samples for the eye, kept on disk: one PNG a moment, so that a slider can go back through a run.
//!
//! Cells lie row by row, [`COLUMNS`] across, samples first, then reals, then reconstructions; a text chunk says how many.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::report::Preview;
use super::trainer::Trainer;
use crate::base::paths::write_atomically;
use crate::base::vault;
use crate::base::{Channels, Picture, Problem, Resolution, Result};
use crate::data::Prepared;
use crate::latent::space::Code;
use crate::recipe::Recipe;

const COLUMNS: u32 = 16;
const KEYWORD: &str = "latent-studio-preview";

#[derive(Serialize, Deserialize)]
struct Layout {
    images: u64,
    samples: usize,
    reals: usize,
    reconstructions: usize,
    width: u32,
    height: u32,
    kl: Vec<f32>,
}

/// How many samples the eye gets.
fn sample_count(resolution: Resolution) -> usize {
    match resolution.pixels() {
        0..=4096 => 64,
        4097..=16_384 => 36,
        _ => 16,
    }
}

/// Latents of so many seeds, class after class where the model has classes.
fn codes(recipe: &Recipe, from: u64, count: usize) -> Vec<Code> {
    let classes = if recipe.model.conditional { recipe.model.classes.len() } else { 0 };
    let dim = recipe.model.latent as usize;
    (0..count).map(|i| Code::seeded(from + i as u64, dim, classes, i % classes.max(1))).collect()
}

/// Samples of the averaged weights from fixed latents, and pictures of the data beside them.
pub fn make(trainer: &Trainer, recipe: &Recipe, prepared: &Prepared, images: u64) -> Preview {
    let count = sample_count(recipe.data.resolution);
    let codes = codes(recipe, 0, count);
    let vae = trainer.reconstructs();
    // Inputs that a VAE was not trained on say more.
    let places = if vae && !prepared.heldout().is_empty() { prepared.heldout() } else { prepared.train() };
    let places = &places[..places.len().min(if vae { count / 2 } else { count })];
    let bytes: Vec<Vec<u8>> = places.iter().map(|&i| prepared.picture(i as usize).to_vec()).collect();
    let labels: Vec<Option<u32>> = places.iter().map(|&i| prepared.label(i as usize)).collect();
    let shape = prepared.shape();
    let picture = |b: &Vec<u8>| shape.picture(b);
    Preview {
        images,
        samples: trainer.samples(&codes),
        reals: bytes.iter().map(picture).collect(),
        reconstructions: trainer.reconstructions(&bytes, &labels),
        kl: trainer.kl(),
    }
}

/// Pictures from all over a set, evenly spaced: at most as many as there are samples in a preview. None of points.
pub fn spread(prepared: &Prepared) -> Vec<Picture> {
    let (shape, places) = (prepared.shape(), prepared.train());
    if shape.channels == Channels::Points {
        return Vec::new();
    }
    let count = sample_count(shape.resolution).min(places.len());
    let place = |i: usize| places[i * places.len() / count] as usize;
    (0..count).map(|i| shape.picture(prepared.picture(place(i)))).collect()
}

/// File of the preview at `images` pictures seen.
pub fn path(folder: &Path, images: u64) -> PathBuf {
    folder.join(format!("{images:012}.png"))
}

/// Keeps a preview.
///
/// # Errors
/// The folder cannot be written.
pub fn save(folder: &Path, preview: &Preview) -> Result<PathBuf> {
    let file = path(folder, preview.images);
    let cells: Vec<Picture> =
        preview.samples.iter().chain(&preview.reals).chain(&preview.reconstructions).cloned().collect();
    let fail =
        |e: String| Problem::failed("The samples could not be written").of(file.display().to_string()).because(e);
    let first = cells.first().ok_or_else(|| fail("there are none".into()))?;
    let layout = Layout {
        images: preview.images,
        samples: preview.samples.len(),
        reals: preview.reals.len(),
        reconstructions: preview.reconstructions.len(),
        width: first.width,
        height: first.height,
        kl: preview.kl.clone(),
    };
    let sheet = Picture::grid(&cells, COLUMNS as usize, 0, [0; 4]);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, sheet.width, sheet.height);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let text = serde_json::to_string(&layout).map_err(|e| fail(e.to_string()))?;
    encoder.add_text_chunk(KEYWORD.into(), text).map_err(|e| fail(e.to_string()))?;
    let mut writer = encoder.write_header().map_err(|e| fail(e.to_string()))?;
    writer.write_image_data(&sheet.rgba).map_err(|e| fail(e.to_string()))?;
    writer.finish().map_err(|e| fail(e.to_string()))?;
    write_atomically(&file, &bytes)?;
    Ok(file)
}

/// Reads a kept preview.
///
/// # Errors
/// The file is missing or is no preview.
pub fn load(folder: &Path, images: u64) -> Result<Preview> {
    let file = path(folder, images);
    let bytes = vault::read(&file).map_err(|e| Problem::io("These samples could not be read", &file, &e))?;
    let bad = |e: String| Problem::data("These samples are damaged").of(file.display().to_string()).because(e);
    let mut reader = png::Decoder::new(Cursor::new(bytes)).read_info().map_err(|e| bad(e.to_string()))?;
    let size = reader.output_buffer_size().ok_or_else(|| bad("too large".into()))?;
    let mut rgba = vec![0; size];
    let frame = reader.next_frame(&mut rgba).map_err(|e| bad(e.to_string()))?;
    if frame.color_type != png::ColorType::Rgba || frame.bit_depth != png::BitDepth::Eight {
        return Err(bad("not RGBA".into()));
    }
    let text = reader
        .info()
        .uncompressed_latin1_text
        .iter()
        .find(|t| t.keyword == KEYWORD)
        .ok_or_else(|| bad("no layout".into()))?;
    let layout: Layout = serde_json::from_str(&text.text).map_err(|e| bad(e.to_string()))?;
    let sheet = Picture { width: frame.width, height: frame.height, rgba };
    let total = layout.samples + layout.reals + layout.reconstructions;
    let (w, h) = (layout.width, layout.height);
    let columns = (COLUMNS as usize).min(total.max(1));
    let rows = total.div_ceil(columns) as u64;
    if w == 0
        || h == 0
        || u64::from(w) * columns as u64 != u64::from(sheet.width)
        || u64::from(h) * rows != u64::from(sheet.height)
    {
        return Err(bad("its size does not fit its layout".into()));
    }
    let mut cells = (0..total).map(|i| {
        let (x, y) = ((i % columns) as u32 * w, (i / columns) as u32 * h);
        let rgba = (0..h)
            .flat_map(|row| {
                let from = (((y + row) * sheet.width + x) * 4) as usize;
                sheet.rgba[from..from + w as usize * 4].iter().copied()
            })
            .collect();
        Picture { width: w, height: h, rgba }
    });
    Ok(Preview {
        images: layout.images,
        samples: cells.by_ref().take(layout.samples).collect(),
        reals: cells.by_ref().take(layout.reals).collect(),
        reconstructions: cells.collect(),
        kl: layout.kl,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_comes_back_as_it_was() {
        let dir = tempfile::tempdir().unwrap();
        let cell = |v: u8| Picture::filled(5, 4, [v, 255 - v, 7, v.max(1)]);
        for (a, b, c) in [(3, 0, 0), (36, 16, 16), (1, 1, 0)] {
            let preview = Preview {
                images: 1234,
                samples: (0..a).map(cell).collect(),
                reals: (100..100 + b).map(cell).collect(),
                reconstructions: (200..200 + c).map(cell).collect(),
                kl: vec![0.25, 1.5],
            };
            save(dir.path(), &preview).unwrap();
            assert_eq!(load(dir.path(), 1234).unwrap(), preview);
        }
    }

    #[test]
    fn damage_is_named() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(path(dir.path(), 1), b"\x89PNG\r\n\x1a\n").unwrap();
        assert!(load(dir.path(), 1).unwrap_err().what.contains("damaged"));
        assert!(load(dir.path(), 2).is_err());
    }
}
