//! Runs a row of the table of exporters.

use std::path::PathBuf;

use super::canvas::place;
use super::film::film;
use super::names::{file_name, free_path, today, write_new};
use super::options::ExportOptions;
use super::png::{check, png_bytes, write_png};
use super::scale::{Filter, scale};
use super::sheet::{self, Style};
use super::watermark::{self, Writing};
use super::{EXPORTERS, Exporter, Makes, exporter, factor, frames_json};
use crate::base::{Picture, Problem, Progress, Result};
use crate::recipe::picture::{GridRecipe, PictureRecipe};

/// A picture on its way out, at the size the model made it.
#[derive(Clone, Debug, PartialEq)]
pub struct Shot {
    /// Its pixels.
    pub picture: Picture,
    /// How it was made, if that is known.
    pub recipe: Option<PictureRecipe>,
    /// Name of its model, for the file name.
    pub model: String,
}

impl Shot {
    fn seed(&self) -> Option<u64> {
        self.recipe.as_ref()?.latent.seed()
    }
}

/// Pixels between the cells of an exported grid, before enlarging.
pub const GRID_GAP: u32 = 1;
/// Most pixels between cells.
const MOST_GAP: u32 = 256;

/// Writes pictures as `options` say, and says which files it wrote. Pictures are taken one after the other; `total` is
/// only for the progress. A raised cancel flag or an error ends it, and no partial file is left.
///
/// `options.out` is a folder (then names come of `options.pattern` and nothing in it is replaced) or a file (which is
/// replaced; several single pictures get numbered names beside it).
///
/// # Errors
/// Options are out of range, there are no pictures, or the disk is full or cannot be written (the path is named).
pub fn export(
    options: &ExportOptions,
    shots: &mut dyn Iterator<Item = Result<Shot>>,
    total: u64,
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>> {
    let row = exporter(&options.format)?;
    let job =
        Job { row, options, factor: factor(options)?, filter: Filter::from_id(&options.filter)?, progress, total };
    if options.out.as_os_str().is_empty() {
        return Err(Problem::usage("There is no file or folder to write to").try_this("Choose where to write"));
    }
    job.check_name()?;
    if job.gap() > MOST_GAP {
        let remedy = format!("Choose at most {MOST_GAP} pixels");
        return Err(Problem::usage("Cells cannot be so far apart").of(job.gap().to_string()).try_this(remedy));
    }
    match row.makes {
        Makes::Pictures => job.pictures(shots),
        Makes::Sheet => job.sheet(shots),
        Makes::Film => job.film(shots),
    }
}

struct Job<'a> {
    row: &'static Exporter,
    options: &'a ExportOptions,
    factor: u32,
    filter: Filter,
    progress: &'a dyn Progress,
    total: u64,
}

impl Job<'_> {
    /// Told before each picture.
    fn step(&self, done: u64) -> Result<()> {
        self.progress.report("Exporting", done, self.total);
        self.progress.cancel().check()
    }

    /// The recipe as it stands in the file.
    fn recipe(&self, recipe: &Option<PictureRecipe>) -> Option<PictureRecipe> {
        let recipe = recipe.clone().filter(|_| self.options.recipe)?;
        let recipe = if self.options.no_traces { recipe.without_traces() } else { recipe };
        let canvas = self.options.canvas;
        let factor = if canvas.is_some() { 1 } else { self.factor };
        Some(PictureRecipe { scale: factor, filter: self.filter.id().into(), canvas, watermark: None, ..recipe })
    }

    /// The picture with its watermark, where it takes one, and the recipe that tells of it. `cell` is the size of a picture as
    /// the model made it: on a sheet each must be large enough.
    fn marked(
        &self,
        picture: Picture,
        recipe: Option<PictureRecipe>,
        cell: (u32, u32),
    ) -> (Picture, Option<PictureRecipe>) {
        let writing = self.writing();
        let (width, height) = match (self.row.makes, self.options.canvas) {
            (Makes::Sheet, None) => (cell.0 * self.factor, cell.1 * self.factor),
            _ => (picture.width, picture.height),
        };
        if !self.options.watermark || !writing.takes_mark(width, height) {
            return (picture, recipe);
        }
        // Without a recipe nothing tells which model it was, the mark neither.
        let payload = recipe.as_ref().map_or(0, |r| watermark::payload(&r.model_hash));
        let (picture, told) = watermark::mark(picture, payload);
        (picture, recipe.map(|recipe| PictureRecipe { watermark: Some(told), ..recipe }))
    }

    fn writing(&self) -> Writing {
        let (format, makes) = (self.row.id, self.row.makes);
        Writing { format, makes, factor: self.factor, filter: self.filter, canvas: self.options.canvas.is_some() }
    }

    /// A picture, or whole sheet, at the size it is written.
    fn sized(&self, picture: &Picture) -> Result<Picture> {
        if let Some(canvas) = &self.options.canvas {
            return Ok(place(picture, canvas, self.filter));
        }
        let side = |n: u32| u64::from(n) * u64::from(self.factor);
        super::png::check_size(side(picture.width), side(picture.height))?;
        Ok(scale(picture, self.factor, self.filter))
    }

    /// Whether `out` is meant as a file: it ends as files of this format do, and is no folder.
    fn is_file(&self) -> bool {
        !self.options.out.is_dir() && self.row.ends(ending(&self.options.out))
    }

    /// Refuses a name that ends as another kind of file does: it would become a folder of that name.
    fn check_name(&self) -> Result<()> {
        let out = &self.options.out;
        if out.is_dir() || self.is_file() || self.row.extension.is_empty() && !is_media(ending(out)) {
            return Ok(());
        }
        // A picture each goes into a folder, and folders may have dots in their names.
        let free = self.row.makes == Makes::Pictures && !is_media(ending(out));
        if ending(out).is_empty() || free {
            return Ok(());
        }
        let what = format!("{} is not written under this ending", self.row.title);
        let file = if self.row.extension.is_empty() { "no ending".into() } else { self.row.endings() };
        let others: Vec<String> = EXPORTERS
            .iter()
            .filter(|e| {
                e.id != self.row.id
                    && !e.extension.is_empty()
                    && e.makes == self.row.makes
                    && !e.ends(self.row.extension)
            })
            .map(|e| format!("{} for {}", e.endings(), e.title))
            .collect();
        let others = if others.is_empty() { String::new() } else { format!("; {}", others.join(", ")) };
        Err(Problem::usage(what)
            .of(out.display().to_string())
            .try_this(format!("Use {file}, or a folder that is there{others}")))
    }

    /// Pixels around and between the cells of a sheet.
    fn gap(&self) -> u32 {
        self.options.gap.unwrap_or(if self.row.id == "sprites" { 0 } else { GRID_GAP })
    }

    fn name(&self, shot: &Shot, n: usize) -> String {
        file_name(&self.options.pattern, &shot.model, shot.seed(), n, &today())
    }

    /// The one file of a sheet or film.
    fn target(&self, first: &Shot) -> PathBuf {
        if self.is_file() {
            return self.options.out.clone();
        }
        free_path(&self.options.out, &self.name(first, 1), self.row.extension)
    }

    fn pictures(&self, shots: &mut dyn Iterator<Item = Result<Shot>>) -> Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        let mut shots = shots.peekable();
        while let Some(shot) = shots.next() {
            let shot = shot?;
            self.step(files.len() as u64)?;
            check(&shot.picture)?;
            let cell = (shot.picture.width, shot.picture.height);
            let (picture, recipe) = self.marked(self.sized(&shot.picture)?, self.recipe(&shot.recipe), cell);
            let n = files.len() + 1;
            let out = &self.options.out;
            if !self.is_file() {
                let bytes = png_bytes(&picture, recipe.as_ref())?;
                files.push(write_new(out, &self.name(&shot, n), self.row.extension, &bytes)?);
            } else if n == 1 && shots.peek().is_none() {
                write_png(out, &picture, recipe.as_ref())?;
                files.push(out.clone());
            } else {
                let stem = out.file_stem().unwrap_or_default().to_string_lossy();
                let folder = super::film::folder_of(out);
                let bytes = png_bytes(&picture, recipe.as_ref())?;
                files.push(write_new(folder, &format!("{stem}-{n:04}"), self.row.extension, &bytes)?);
            }
        }
        if files.is_empty() { Err(none()) } else { Ok(files) }
    }

    /// Pixels of a sheet of all pictures as large as this one.
    fn room(&self, cell: &Picture) -> (u64, u64) {
        let total = usize::try_from(self.total).unwrap_or(usize::MAX);
        let factor = if self.options.canvas.is_some() { 1 } else { self.factor };
        sheet::room(total, self.options.columns as usize, (cell.width, cell.height), self.gap(), factor)
    }

    fn sheet(&self, shots: &mut dyn Iterator<Item = Result<Shot>>) -> Result<Vec<PathBuf>> {
        let mut all: Vec<Shot> = Vec::new();
        for shot in shots {
            self.step(all.len() as u64)?;
            all.push(shot?);
            if all.len() == 1 {
                // Told now, not once thousands are made.
                let (w, h) = self.room(&all[0].picture);
                super::png::check_size(w, h)?;
            }
        }
        let Some(first) = all.first().cloned() else { return Err(none()) };
        let (columns, rows) = sheet::shape(all.len(), self.options.columns as usize);
        let latents: Vec<_> = all.iter().filter_map(|s| s.recipe.as_ref().map(|r| r.latent.clone())).collect();
        let mut recipe = self.recipe(&first.recipe);
        // Cells of several models cannot be told by one recipe; the first one's stays.
        if let Some(recipe) = &mut recipe
            && latents.len() == all.len()
            && all.iter().all(|s| s.recipe.as_ref().is_some_and(|r| r.model_hash == recipe.model_hash))
        {
            recipe.made_by = "grid".into();
            let triangle = self.options.columns == sheet::TRIANGLE;
            let (columns, rows) = (columns as u32, rows as u32);
            recipe.grid = Some(GridRecipe { columns, rows, gap: self.gap(), latents, triangle });
        }
        let path = self.target(&first);
        let names: Vec<String> = all.iter().enumerate().map(|(i, s)| self.name(s, i + 1)).collect();
        let cells: Vec<_> = all.into_iter().map(|s| s.picture).collect();
        let triangle = self.options.columns == sheet::TRIANGLE;
        let wide = if triangle { sheet::TRIANGLE as usize } else { columns };
        let style = Style { columns: wide, gap: self.gap(), ..Style::default() };
        let plain = sheet::lay(&cells, &style)?;
        if self.options.frames_json && self.options.canvas.is_some() {
            return Err(Problem::usage("Cells on a canvas are no frames of a sprite sheet")
                .try_this("Leave out the canvas, or the JSON of the frames"));
        }
        let (picture, recipe) = self.marked(self.sized(&plain)?, recipe, (first.picture.width, first.picture.height));
        write_png(&path, &picture, recipe.as_ref())?;
        if !self.options.frames_json {
            return Ok(vec![path]);
        }
        let cell = cells.iter().fold((0, 0), |(w, h), p| (w.max(p.width), h.max(p.height)));
        let text = frames_json::describe(&path, &names, &style, cell, self.factor);
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let beside = write_new(super::film::folder_of(&path), &stem, "json", &text)?;
        Ok(vec![path, beside])
    }

    fn film(&self, shots: &mut dyn Iterator<Item = Result<Shot>>) -> Result<Vec<PathBuf>> {
        let first = shots.next().ok_or_else(none)??;
        self.step(0)?;
        let path = self.target(&first);
        let Picture { width, height, .. } = first.picture;
        let mut film = film(&path, width, height, self.options.fps, self.options, first.recipe.as_ref())?;
        film.frame(&first.picture)?;
        for (i, shot) in shots.enumerate() {
            self.step(i as u64 + 1)?;
            film.frame(&shot?.picture)?;
        }
        self.progress.report("Finishing the file", self.total, self.total);
        Ok(vec![film.finish()?])
    }
}

fn none() -> Problem {
    Problem::usage("There is no picture to export")
}

/// The ending of a name, without its dot.
fn ending(path: &std::path::Path) -> &str {
    path.extension().and_then(|e| e.to_str()).unwrap_or("")
}

/// Whether a name ends as a picture or film of some program does.
fn is_media(ending: &str) -> bool {
    const MEDIA: [&str; 20] = [
        "png", "apng", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "tga", "svg", "heic", "avif", "mp4", "mov",
        "avi", "mkv", "webm", "m4v", "json",
    ];
    MEDIA.iter().any(|m| ending.eq_ignore_ascii_case(m))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::metadata::tests::full;
    use super::super::png::decode;
    use super::super::read_metadata::read_recipe;
    use super::*;
    use crate::base::progress::{Cancel, Quiet, Watched};
    use crate::recipe::picture::Latent;

    fn shots(count: u64, side: u32) -> Vec<Shot> {
        (0..count)
            .map(|seed| {
                let recipe = PictureRecipe { latent: Latent::Seed { seed }, grid: None, ..full() };
                let picture = super::super::mp4::tests::art(seed as u32, side);
                Shot { picture, recipe: Some(recipe), model: "faces/1".into() }
            })
            .collect()
    }

    fn run(options: &ExportOptions, shots: &[Shot]) -> Result<Vec<PathBuf>> {
        export(options, &mut shots.iter().cloned().map(Ok), shots.len() as u64, &Quiet::default())
    }

    /// Pictures of a written file, read with other people's code.
    fn read_back(id: &str, path: &Path) -> Vec<Picture> {
        use image::AnimationDecoder;
        let open = || std::io::BufReader::new(std::fs::File::open(path).unwrap());
        let collect = |frames: image::Frames<'_>| -> Vec<Picture> {
            let all = frames.collect_frames().unwrap();
            let picture = |b: &image::RgbaImage| Picture { width: b.width(), height: b.height(), rgba: b.to_vec() };
            all.iter().map(|f| picture(f.buffer())).collect()
        };
        match id {
            "gif" => collect(image::codecs::gif::GifDecoder::new(open()).unwrap().into_frames()),
            "apng" => collect(image::codecs::png::PngDecoder::new(open()).unwrap().apng().unwrap().into_frames()),
            "mp4" => super::super::mp4::tests::read(&std::fs::read(path).unwrap()),
            "frames" => {
                let mut files: Vec<_> = std::fs::read_dir(path).unwrap().map(|e| e.unwrap().path()).collect();
                files.sort();
                files.iter().map(|f| decode(&std::fs::read(f).unwrap()).unwrap()).collect()
            }
            _ => vec![decode(&std::fs::read(path).unwrap()).unwrap()],
        }
    }

    #[test]
    fn every_exporter_is_read_back() {
        for row in EXPORTERS {
            for scale in [1, 3] {
                let dir = tempfile::tempdir().unwrap();
                let options = ExportOptions {
                    format: row.id.into(),
                    out: dir.path().join("out"),
                    scale,
                    fps: 20,
                    ..ExportOptions::default()
                };
                let sent = shots(6, 28);
                let files = run(&options, &sent).unwrap();
                let read: Vec<_> = files.iter().flat_map(|f| read_back(row.id, f)).collect();
                let big: Vec<_> = sent.iter().map(|s| s.picture.enlarged(scale)).collect();
                if row.makes == Makes::Sheet {
                    let cells: Vec<_> = sent.iter().map(|s| s.picture.clone()).collect();
                    let gap = if row.id == "sprites" { 0 } else { GRID_GAP };
                    assert_eq!(read, [Picture::grid(&cells, 3, gap, [0; 4]).enlarged(scale)]);
                } else {
                    assert_eq!(read.len(), 6, "{}", row.id);
                    for (a, b) in big.iter().zip(&read) {
                        let db = super::super::mp4::tests::psnr(a, b);
                        // An odd scale halves the colour's resolution, which is hard on pixel art.
                        let least = if row.id == "mp4" { [0.0, 20.0, 0.0, 24.0][scale as usize] } else { 99.0 };
                        assert!(db >= least, "{} ×{scale}: {db} dB", row.id);
                    }
                }
                let inside = if row.extension.is_empty() { files[0].join("00001.png") } else { files[0].clone() };
                let recipe = read_recipe(&inside).unwrap().unwrap();
                assert_eq!((recipe.scale, recipe.latent), (scale, Latent::Seed { seed: 0 }), "{}", row.id);
                assert_eq!(recipe.grid.is_some(), row.makes == Makes::Sheet);
                // Again with the recipe switched off: other files, nothing inside.
                let files = run(&ExportOptions { recipe: false, ..options }, &sent).unwrap();
                let inside = if row.extension.is_empty() { files[0].join("00001.png") } else { files[0].clone() };
                assert_eq!(read_recipe(&inside).unwrap(), None, "{}", row.id);
            }
        }
    }

    #[test]
    fn nothing_is_replaced_in_a_folder_and_a_named_file_is() {
        let dir = tempfile::tempdir().unwrap();
        for row in EXPORTERS {
            let out = dir.path().join(row.id);
            let options = ExportOptions { format: row.id.into(), out: out.clone(), ..ExportOptions::default() };
            let once = run(&options, &shots(1, 16)).unwrap();
            let twice = run(&options, &shots(1, 16)).unwrap();
            assert_ne!(once, twice, "{}", row.id);
            if row.extension.is_empty() {
                continue;
            }
            assert_eq!(once, [out.join(format!("faces-1-0.{}", row.extension))]);
            let file = dir.path().join(format!("x-{}.{}", row.id, row.extension));
            let options = ExportOptions { out: file.clone(), ..options };
            assert_eq!(run(&options, &shots(1, 16)).unwrap(), std::slice::from_ref(&file));
            assert_eq!(run(&options, &shots(1, 20)).unwrap(), std::slice::from_ref(&file));
            assert_eq!(read_back(row.id, &file)[0].width / 10, 2, "{}", row.id);
        }
        let options = ExportOptions { out: dir.path().join("many.png"), ..ExportOptions::default() };
        let names: Vec<_> = run(&options, &shots(2, 16)).unwrap();
        assert_eq!(names, [dir.path().join("many-0001.png"), dir.path().join("many-0002.png")]);
    }

    #[test]
    fn cancelling_leaves_nothing_partial() {
        for row in EXPORTERS.iter().filter(|e| e.makes != Makes::Pictures) {
            let dir = tempfile::tempdir().unwrap();
            let out = dir.path().join("film").with_extension(row.extension);
            let options = ExportOptions { format: row.id.into(), out, ..ExportOptions::default() };
            let cancel = Cancel::new();
            let flag = cancel.clone();
            let watch = Watched::new(cancel, move |_: &str, done, _| {
                if done == 3 {
                    flag.cancel();
                }
            });
            let all = shots(6, 16);
            let problem = export(&options, &mut all.into_iter().map(Ok), 6, &watch).unwrap_err();
            assert_eq!(problem.exit_code(), 130);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "{}", row.id);
        }
    }

    #[test]
    fn bad_options_say_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let good = ExportOptions { out: dir.path().into(), ..ExportOptions::default() };
        let file = dir.path().join("file");
        std::fs::write(&file, "x").unwrap();
        for bad in [
            ExportOptions { format: "avi".into(), ..good.clone() },
            ExportOptions { scale: 0, ..good.clone() },
            ExportOptions { scale: 17, ..good.clone() },
            ExportOptions { filter: "box".into(), ..good.clone() },
            ExportOptions { out: PathBuf::new(), ..good.clone() },
            ExportOptions { format: "gif".into(), fps: 0, ..good.clone() },
        ] {
            assert!(run(&bad, &shots(1, 16)).unwrap_err().remedy.is_some(), "{bad:?}");
        }
        for row in EXPORTERS {
            let options = ExportOptions { format: row.id.into(), out: file.join("sub"), ..good.clone() };
            let problem = run(&options, &shots(1, 16)).unwrap_err();
            assert!(problem.subject.unwrap().contains("file"), "{}", row.id);
            assert!(run(&ExportOptions { format: row.id.into(), ..good.clone() }, &[]).is_err());
        }
        let mixed = [shots(1, 16), shots(1, 20)].concat();
        assert!(run(&ExportOptions { format: "gif".into(), ..good }, &mixed).is_err());
    }

    #[test]
    fn names_that_promise_another_kind_of_file_are_refused_with_those_there_are() {
        let dir = tempfile::tempdir().unwrap();
        for (format, name, told) in [
            ("grid", "sheet.jpg", ".png"),
            ("grid", "sheet.apng", ".png"),
            ("sprites", "sheet.webp", ".png"),
            ("png", "one.jpeg", ".png"),
            ("gif", "film.mp4", ".mp4 for MP4 film"),
            ("mp4", "film.mov", ".mp4"),
            ("apng", "film.jpg", ".png or .apng"),
            ("gif", "film.unknown", ".gif"),
            ("frames", "film.gif", "no ending"),
        ] {
            let out = dir.path().join(name);
            let problem = run(&ExportOptions { format: format.into(), out, ..ExportOptions::default() }, &shots(1, 16));
            let problem = problem.unwrap_err();
            assert!(problem.remedy.as_ref().unwrap().contains(told), "{format} {name}: {problem}");
            assert_eq!(problem.exit_code(), 2);
        }
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
        // An animated PNG may be called so, and a folder may have a dot in its name.
        for (format, name) in [("apng", "film.apng"), ("png", "faces.v2"), ("frames", "walk.v2")] {
            let out = dir.path().join(name);
            let options = ExportOptions { format: format.into(), out: out.clone(), ..ExportOptions::default() };
            assert!(run(&options, &shots(1, 16)).unwrap()[0].starts_with(&out), "{format}");
        }
        assert_eq!(super::super::film_format(Path::new("a/x.APNG")).unwrap().id, "apng");
        assert_eq!(super::super::film_format(Path::new("a/x")).unwrap().id, "frames");
        let problem = super::super::film_format(Path::new("x.avi")).err().unwrap();
        assert!(problem.remedy.unwrap().contains(".mp4, .gif, .png or .apng"));
    }

    #[test]
    fn a_sprite_sheet_has_no_gaps_and_says_where_its_frames_are() {
        let dir = tempfile::tempdir().unwrap();
        let out = dir.path().join("hero.png");
        std::fs::write(dir.path().join("hero.json"), "mine").unwrap();
        let options = ExportOptions {
            format: "sprites".into(),
            out: out.clone(),
            columns: 4,
            frames_json: true,
            ..ExportOptions::default()
        };
        let files = run(&options, &shots(12, 48)).unwrap();
        assert_eq!(files, [out.clone(), dir.path().join("hero-2.json")]);
        let sheet = decode(&std::fs::read(&out).unwrap()).unwrap();
        assert_eq!((sheet.width, sheet.height), (192, 144));
        let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&files[1]).unwrap()).unwrap();
        assert_eq!(told["frames"].as_object().unwrap().len(), 12);
        assert_eq!(told["frames"]["faces-1-5"]["frame"], serde_json::json!({ "x": 48, "y": 48, "w": 48, "h": 48 }));
        assert_eq!(std::fs::read(dir.path().join("hero.json")).unwrap(), b"mine");
        let recipe = read_recipe(&out).unwrap().unwrap();
        assert_eq!(recipe.grid.unwrap().gap, 0);
        assert!(run(&ExportOptions { gap: Some(9999), ..options }, &shots(1, 16)).unwrap_err().remedy.is_some());
    }

    #[test]
    fn everything_fits_a_canvas() {
        let dir = tempfile::tempdir().unwrap();
        let canvas = super::super::canvas::canvas("120x90", [9, 9, 9, 255]).unwrap();
        for row in EXPORTERS {
            let out = dir.path().join(row.id);
            let options =
                ExportOptions { format: row.id.into(), out, canvas: Some(canvas), ..ExportOptions::default() };
            let files = run(&options, &shots(2, 16)).unwrap();
            for picture in files.iter().flat_map(|f| read_back(row.id, f)) {
                assert_eq!((picture.width, picture.height), (120, 90), "{}", row.id);
            }
            let inside = if row.extension.is_empty() { files[0].join("00001.png") } else { files[0].clone() };
            let recipe = read_recipe(&inside).unwrap().unwrap();
            assert_eq!((recipe.canvas, recipe.scale), (Some(canvas), 1), "{}", row.id);
        }
    }
}
