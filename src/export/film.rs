//! Films: pictures one after the other, written as they come.

use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::canvas::place;
use super::names::beside;
use super::options::ExportOptions;
use super::scale::{Filter, scale};
use super::watermark::{self, Writing};
use super::{EXPORTERS, png};
use crate::base::{Picture, Problem, Result};
use crate::recipe::picture::{Canvas, PictureRecipe};

/// Takes the frames of a film. Dropped before it is finished, it leaves nothing behind.
pub trait FilmWriter: Send {
    /// Takes the next frame.
    ///
    /// # Errors
    /// The frame has another size than the film, or the disk is full (the file is named).
    fn frame(&mut self, picture: &Picture) -> Result<()>;

    /// Completes the film and says where it is.
    ///
    /// # Errors
    /// There were no frames, or the disk is full (the file is named).
    fn finish(self: Box<Self>) -> Result<PathBuf>;
}

/// What a film is to be.
#[derive(Clone, Debug)]
pub struct FilmSpec {
    /// File (or folder, for `frames`) to write.
    pub path: PathBuf,
    /// Pixels across, as written.
    pub width: u32,
    /// Pixels down, as written.
    pub height: u32,
    /// Frames a second.
    pub fps: u32,
    /// Goes into the file, with the mark, if given.
    pub recipe: Option<PictureRecipe>,
}

/// Highest number of frames a second.
pub const MOST_FPS: u32 = 240;

/// Begins a film of pictures of `width`×`height` pixels, which it enlarges by `options.scale` or places on
/// `options.canvas`.
///
/// The format is `options.format` if that is a film, else it is told by the extension of `path`: `gif`, `png` (APNG),
/// `mp4`, or none (a folder of numbered PNGs). A file that is there is replaced when the film is finished, not before; a
/// folder never is.
///
/// # Errors
/// The format is none, size or rate are out of range for it, or the folder cannot be written (named).
pub fn film(
    path: &Path,
    width: u32,
    height: u32,
    fps: u32,
    options: &ExportOptions,
    recipe: Option<&PictureRecipe>,
) -> Result<Box<dyn FilmWriter>> {
    if !(1..=MOST_FPS).contains(&fps) {
        let remedy = format!("Choose 1 to {MOST_FPS} frames a second");
        return Err(Problem::usage("A film cannot have so many frames a second").of(fps.to_string()).try_this(remedy));
    }
    let factor = super::factor(options)?;
    let filter = Filter::from_id(&options.filter)?;
    let (wide, high) = match &options.canvas {
        Some(canvas) => (u64::from(canvas.width), u64::from(canvas.height)),
        None => (u64::from(width) * u64::from(factor), u64::from(height) * u64::from(factor)),
    };
    png::check_size(wide, high)?;
    let row = match EXPORTERS.iter().find(|e| e.id == options.format && e.begin.is_some()) {
        Some(row) => row,
        None => super::film_format(path)?,
    };
    let begin = row.begin.expect("a format of films begins one");
    let canvas = options.canvas.is_some();
    let writing = Writing { format: row.id, makes: row.makes, factor, filter, canvas };
    // Frames that are kept as they were made, without loss, stay so.
    let as_made = factor == 1 && !canvas && row.id != "mp4";
    let payload = (options.watermark && !as_made && writing.takes_mark(wide as u32, high as u32))
        .then(|| recipe.filter(|_| options.recipe).map_or(0, |r| watermark::payload(&r.model_hash)));
    let recipe = recipe.filter(|_| options.recipe).map(|r| PictureRecipe {
        scale: if options.canvas.is_some() { 1 } else { factor },
        filter: filter.id().into(),
        canvas: options.canvas,
        watermark: payload.map(watermark::told),
        ..if options.no_traces { r.clone().without_traces() } else { r.clone() }
    });
    let spec = FilmSpec { path: path.into(), width: wide as u32, height: high as u32, fps, recipe };
    Ok(Box::new(Scaled { inner: begin(spec)?, width, height, factor, filter, canvas: options.canvas, payload }))
}

/// Checks and enlarges frames.
struct Scaled {
    inner: Box<dyn FilmWriter>,
    width: u32,
    height: u32,
    factor: u32,
    filter: Filter,
    canvas: Option<Canvas>,
    /// What the watermark of every frame says, if they get one.
    payload: Option<u32>,
}

impl FilmWriter for Scaled {
    fn frame(&mut self, p: &Picture) -> Result<()> {
        png::check(p)?;
        if (p.width, p.height) != (self.width, self.height) {
            let what =
                format!("A frame of {}×{} pixels is in a film of {}×{}", p.width, p.height, self.width, self.height);
            return Err(Problem::failed(what));
        }
        let sized = match &self.canvas {
            Some(canvas) => place(p, canvas, self.filter),
            None if self.factor == 1 && self.payload.is_none() => return self.inner.frame(p),
            None => scale(p, self.factor, self.filter),
        };
        match self.payload {
            Some(payload) => self.inner.frame(&watermark::embed::embed(&sized, payload, watermark::public())),
            None => self.inner.frame(&sized),
        }
    }

    fn finish(self: Box<Self>) -> Result<PathBuf> {
        self.inner.finish()
    }
}

/// A film without frames is none.
pub(super) fn empty(path: &Path) -> Problem {
    Problem::usage("A film needs at least one picture").of(path.display().to_string())
}

/// The folder that holds `path`.
pub(super) fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A file beside `path` that becomes it when it is finished, and goes away when it is dropped.
pub(super) struct Pending {
    /// Where it is written to.
    pub file: std::io::BufWriter<NamedTempFile>,
    path: PathBuf,
}

impl Pending {
    /// Begins a file.
    pub fn new(path: &Path) -> Result<Self> {
        if path.is_dir() {
            return Err(Problem::usage("This is a folder, not a file").of(path.display().to_string()));
        }
        Ok(Self { file: std::io::BufWriter::with_capacity(1 << 16, beside(folder_of(path))?), path: path.into() })
    }

    /// What to say when writing fails.
    pub fn fail(&self, e: &std::io::Error) -> Problem {
        Problem::io("This file could not be written", &self.path, e)
    }

    /// Flushes it to disk and gives it its name.
    pub fn keep(self) -> Result<PathBuf> {
        let path = self.path;
        let fail = |e: &std::io::Error| Problem::io("This file could not be written", &path, e);
        let file = self.file.into_inner().map_err(|e| fail(e.error()))?;
        file.as_file().sync_all().map_err(|e| fail(&e))?;
        file.persist(&path).map_err(|e| fail(&e.error))?;
        Ok(path)
    }
}
