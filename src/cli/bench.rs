//! `latent-studio bench`: how fast this machine is with this program.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::{print_json, print_line};
use crate::base::{Problem, Resolution, Result};
use crate::bench::{explore, hybrid, keep, memory, step, train, vectors, watermark};
use crate::recipe::json_path;
use crate::recipe::preset::{self, Facts};

/// Subcommands of `bench`.
#[derive(Subcommand)]
pub enum Bench {
    /// A training step of a small network that other frameworks can build too, and sampling from it
    Train(Train),
    /// Many pictures at once from a model
    Sample(Explore),
    /// From a drag to its picture, through the worker behind the window
    Latency(Explore),
    /// From the start of the program to its first picture, through the engine or in its window
    Start(Start),
    /// Memory that training a recipe holds at most, beside what is foreseen of it
    Memory(Memory),
    /// Pictures into a prepared set
    Import(Import),
    /// What is kept of many pictures: insert, page, filter, search
    Library(Library),
    /// Vectors in and out of the library: insert, start, search with filters; whole records
    Vectors(Vectors),
    /// How often a picture is found by its caption with a word replaced: by words, by networks, by both
    Hybrid(Hybrid),
    /// The watermark: how well it hides, what it survives, false alarms
    Watermark(Watermark),
    /// Processor time of a frame of every view while a run trains
    #[cfg(feature = "gui")]
    Ui(Ui),
}

impl Bench {
    /// Measures and prints.
    pub fn run(self) -> Result<()> {
        match self {
            Self::Train(task) => task.run(),
            Self::Sample(task) => task.sample(),
            Self::Latency(task) => task.latency(),
            Self::Start(task) => task.run(),
            Self::Memory(task) => task.run(),
            Self::Import(task) => task.run(),
            Self::Library(task) => task.run(),
            Self::Vectors(task) => task.run(),
            Self::Hybrid(task) => task.run(),
            Self::Watermark(task) => task.run(),
            #[cfg(feature = "gui")]
            Self::Ui(task) => task.run(),
        }
    }
}

/// As JSON, or as lines.
fn tell<T: Serialize>(json: bool, report: &T, lines: &[String]) -> Result<()> {
    if json { print_json(report) } else { lines.iter().try_for_each(|line| print_line(line)) }
}

/// Arguments of `bench watermark`.
#[derive(Args)]
pub struct Watermark {
    /// Picture files, or folders of some
    #[arg(long, value_name = "FILE|DIR", required = true, num_args = 1..)]
    data: Vec<PathBuf>,
    /// Pictures, evenly spread over all that there are; all if not given
    #[arg(long, value_name = "N")]
    count: Option<usize>,
    /// Side that pictures are smoothly enlarged to, at least, in pixels
    #[arg(long, default_value_t = 256)]
    side: u32,
    /// Different wrong keys
    #[arg(long, default_value_t = 1000)]
    keys: u32,
    /// Wrong keys that each picture is looked at with
    #[arg(long, default_value_t = 4)]
    keys_each: u32,
    /// Films of 24 frames
    #[arg(long, default_value_t = 4)]
    films: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Watermark {
    fn run(self) -> Result<()> {
        let all = crate::latent::invert::picture_files(&self.data)?;
        let count = self.count.unwrap_or(all.len()).clamp(1, all.len().max(1));
        let files = (0..count.min(all.len())).map(|i| all[i * all.len() / count].clone()).collect();
        let (keys, keys_each, films) = (self.keys, self.keys_each, self.films);
        let measure = watermark::Measure { files, side: self.side.max(1), keys, keys_each, films };
        let r = watermark::run(&measure, &super::watched(self.json))?;
        let mut lines = vec![
            format!("{} pictures, {} unmarked for want of texture or colours", r.pictures, r.unmarked),
            format!("PSNR {:.1} dB at least, {:.1} dB on average", r.psnr[0], r.psnr[1]),
        ];
        lines.extend(r.survival.iter().map(|s| {
            let share = 100.0 * s.found as f64 / s.of.max(1) as f64;
            format!("{:22} {:5} of {:5} found ({share:.1} %), {} misread", s.change, s.found, s.of, s.wrong)
        }));
        lines.push(format!("right key, no mark     {} of {} false alarms", r.false_right_key, r.pictures));
        lines.push(format!(
            "wrong keys             {} of {} false alarms; {} readings ({} with repair), so {:.1e} a picture, {:.1e} at most (95 %)",
            r.false_wrong_key, r.wrong_keys, r.readings, r.repaired, r.false_alarms, r.at_most
        ));
        tell(self.json, &r, &lines)
    }
}

/// Arguments of `bench memory`.
#[derive(Args)]
pub struct Memory {
    /// Preset
    #[arg(long, default_value = "gan")]
    preset: String,
    /// Width and height, such as 64 or 64x96
    #[arg(long, value_name = "PX", default_value_t = Resolution::square(64), value_parser = super::size)]
    resolution: Resolution,
    /// Any setting of the recipe, such as optim.batch=16 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Steps; a penalty is among the first
    #[arg(long, default_value_t = 3)]
    steps: u64,
    /// cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "cpu")]
    device: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Memory {
    fn run(self) -> Result<()> {
        let preset = preset::find(&self.preset)
            .ok_or_else(|| Problem::usage("There is no preset of this name").of(self.preset.clone()))?;
        let mut recipe = preset.recipe(Facts { pictures: 2000, resolution: self.resolution });
        recipe.data.source = "noise".into();
        self.set.iter().try_for_each(|set| json_path::assign(&mut recipe, set))?;
        recipe.validate()?;
        let r = memory::run(&recipe, self.steps, &self.device)?;
        let off = 100.0 * (r.foreseen_mb / r.peak_mb - 1.0);
        let line = format!(
            "{} at {}, batch {} in {}: {:.0} MB held, {:.0} MB foreseen ({off:+.0} %)",
            r.model, r.resolution, r.batch, r.parts, r.peak_mb, r.foreseen_mb
        );
        tell(self.json, &r, &[line])
    }
}

/// Arguments of `bench train`.
#[derive(Args)]
pub struct Train {
    /// Network
    #[arg(long, value_parser = step::ARCHS, default_value = step::ARCHS[0])]
    arch: String,
    /// Pictures per step
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Steps to measure, after five to warm up
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "cpu")]
    device: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Train {
    fn run(self) -> Result<()> {
        let r = train::run(&self.arch, self.batch.max(2), self.steps.max(1), &self.device)?;
        let peak = r.gemm_gflops.map(|g| format!(" of {g:.0} in a large matrix product")).unwrap_or_default();
        let mut lines = vec![
            format!("{} on {}, batch {}, {} threads", r.arch, r.device, r.batch, r.threads),
            format!("step      {:9.2} ms", r.step_ms),
            format!("sample 64 {:9.2} ms", r.sample_ms),
            format!("params    {:9}", r.params),
            format!("speed     {:9.0} GFLOP/s{peak}; {:.1} GFLOP a step", r.gflops, r.gflop),
        ];
        lines.extend(r.peak_mb.map(|mb| format!("memory    {mb:9.0} MB at most")));
        tell(self.json, &r, &lines)
    }
}

/// Arguments of `bench sample` and `bench latency`.
#[derive(Args)]
pub struct Explore {
    /// A model (`latent-studio models`)
    #[arg(long, value_name = "M", default_value = "nouns-gan")]
    model: String,
    /// An untrained model of this preset instead, at --resolution
    #[arg(long, conflicts_with = "model")]
    preset: Option<String>,
    /// Pixels a side of --preset
    #[arg(long, value_name = "PX", default_value_t = Resolution::square(64), value_parser = super::size)]
    resolution: Resolution,
    /// Pictures, or drags
    #[arg(long, default_value_t = 200)]
    count: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Explore {
    /// The model's name, and the folder that holds it for as long as it is needed.
    fn model(&self) -> Result<(String, Option<tempfile::TempDir>)> {
        let Some(preset) = &self.preset else { return Ok((self.model.clone(), None)) };
        let folder = tempfile::tempdir().map_err(|e| Problem::failed("A folder could not be made").because(e))?;
        let file = folder.path().join("untrained.safetensors");
        explore::untrained(preset, self.resolution, &file)?;
        Ok((file.display().to_string(), Some(folder)))
    }

    fn sample(self) -> Result<()> {
        let (model, _folder) = self.model()?;
        let r = explore::sample(&model, self.count.max(1))?;
        tell(self.json, &r, &[format!("{:.1} pictures a second at {} px", r.pictures_per_s, r.resolution)])
    }

    fn latency(self) -> Result<()> {
        let (model, _folder) = self.model()?;
        let r = explore::latency(&model, self.count.max(1))?;
        let line = format!(
            "{} px: p50 {:.2} ms, p95 {:.2} ms, at most {:.2} ms over {} drags",
            r.resolution, r.p50_ms, r.p95_ms, r.most_ms, r.drags
        );
        tell(self.json, &r, &[line])
    }
}

/// Arguments of `bench start`.
#[derive(Args)]
pub struct Start {
    /// A model (`latent-studio models`)
    #[arg(long, value_name = "M", default_value = "nouns-gan")]
    model: String,
    /// Starts
    #[arg(long, default_value_t = 6)]
    count: usize,
    /// Open the window, and wait for the frame with its first generated picture
    #[arg(long)]
    window: bool,
    /// Be the process that is started
    #[arg(long, hide = true)]
    once: bool,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Start {
    fn run(self) -> Result<()> {
        if self.once {
            return explore::once(&self.model);
        }
        let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("latent-studio"));
        let r = if self.window {
            explore::start_window(&program, self.count)?
        } else {
            explore::start(&program, &self.model, self.count)?
        };
        tell(self.json, &r, &Self::lines(&r))
    }

    fn lines(r: &explore::Started) -> [String; 2] {
        let first = r.starts_ms.first().unwrap_or(&0.0);
        [format!("{:.0} ms warm; {first:.0} ms the first time", r.warm_ms), format!("({})", r.measures)]
    }
}

/// Arguments of `bench import`.
#[derive(Args)]
pub struct Import {
    /// A folder, zip, IDX or CIFAR file, `emoji`, …
    #[arg(long, value_name = "SRC")]
    data: String,
    /// Pixels per side
    #[arg(long, value_name = "PX", default_value_t = Resolution::square(32), value_parser = super::size)]
    resolution: Resolution,
    /// Turns
    #[arg(long, default_value_t = 3)]
    count: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    fn run(self) -> Result<()> {
        let r = keep::import(&self.data, self.resolution, self.count)?;
        tell(self.json, &r, &[format!("{} pictures, {:.0} a second", r.pictures, r.pictures_per_s)])
    }
}

/// Arguments of `bench library`.
#[derive(Args)]
pub struct Library {
    /// Pictures in the library
    #[arg(long, default_value_t = 100_000)]
    items: usize,
    /// Looks of each kind
    #[arg(long, default_value_t = 100)]
    count: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Library {
    fn run(self) -> Result<()> {
        let r = keep::library(self.items, self.count)?;
        let lines = [
            format!("insert    {:9.0} pictures a second", r.inserts_per_s),
            format!("page      {:9.2} ms (p95), from the middle {:.2} ms", r.page_p95_ms, r.deep_page_p95_ms),
            format!("filter    {:9.2} ms (p95)", r.filter_p95_ms),
            format!("search    {:9.2} ms (p95)", r.search_p95_ms),
            format!("graph     {:9.2} ms (p95)", r.graph_p95_ms),
            format!("usage     {:9.2} ms (p95)", r.usage_p95_ms),
            format!("open      {:9.2} ms (p95)", r.open_p95_ms),
            format!("verify    {:9.2} s", r.verify_s),
        ];
        tell(self.json, &r, &lines)
    }
}

/// Arguments of `bench vectors`.
#[derive(Args)]
pub struct Vectors {
    /// Vectors
    #[arg(long, default_value_t = 1_000_000)]
    count: usize,
    /// Numbers in each
    #[arg(long, default_value_t = 256)]
    dims: usize,
    /// Searches of each kind
    #[arg(long, default_value_t = 100)]
    queries: usize,
    /// Picture files to import whole
    #[arg(long, default_value_t = 20_000)]
    records: usize,
    /// Folder for vectors, queries and answers, for tests/bench/vectors.py
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Vectors {
    fn run(self) -> Result<()> {
        let options = vectors::Options {
            count: self.count.max(1),
            dims: self.dims.max(1),
            queries: self.queries,
            records: self.records,
            k: 10,
            out: self.out,
        };
        let r = vectors::run(&options)?;
        let times = |[p50, p95]: [f64; 2]| format!("{p50:8.1} ms (p50) {p95:8.1} ms (p95)");
        let mut lines = vec![
            format!("{} vectors of {} numbers, {} threads", r.count, r.dims, r.threads),
            format!("records   {:9.0} a second, whole", r.records_per_s),
            format!("vectors   {:9.0} a second, with the index", r.vectors_per_s),
            format!("start     {:9.2} s; {:.1} s without the file of the index", r.start_s, r.rebuild_s),
            format!("memory    {:9.0} MB for the index", r.index_mb),
            format!("all       {}", times(r.all_ms)),
            format!("seen      {}", times(r.seen_ms)),
            format!("new       {}", times(r.new_ms)),
            format!("read again {:8.0} rows; {} answers held against brute force, all the same", r.read_again, r.exact),
        ];
        lines.extend(r.peak_mb.map(|mb| format!("process   {mb:9.0} MB at most")));
        tell(self.json, &r, &lines)
    }
}

/// Arguments of `bench hybrid`.
#[derive(Args)]
pub struct Hybrid {
    /// Pictures with captions
    #[arg(long, value_name = "SRC", default_value = "emoji")]
    data: String,
    /// Draws of the half that has captions
    #[arg(long, default_value_t = 5)]
    draws: usize,
    /// Questions, at most
    #[arg(long, default_value_t = 300)]
    queries: usize,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Hybrid {
    fn run(self) -> Result<()> {
        let paths = crate::base::paths::Paths::of_user();
        let progress = super::watched(self.json);
        let r = hybrid::run(&self.data, self.draws, self.queries.max(1), &paths, &progress)?;
        let line = |name: String, [words, networks, both]: [f64; 3]| {
            format!("{name:8} words {words:.3}  networks {networks:.3}  both {both:.3}")
        };
        let mut lines = vec![format!("{}: {} pictures, {} questions, recall at 10", r.source, r.pictures, r.queries)];
        lines.extend(r.draws.iter().enumerate().map(|(i, d)| line(format!("draw {}", i + 1), *d)));
        lines.push(line("mean".into(), r.mean));
        tell(self.json, &r, &lines)
    }
}

/// Arguments of `bench ui`.
#[cfg(feature = "gui")]
#[derive(Args)]
pub struct Ui {
    /// Frames of each view
    #[arg(long, default_value_t = 400)]
    frames: usize,
    /// What the run beside trains on
    #[arg(long, value_name = "SRC", default_value = "emoji:smileys")]
    data: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

#[cfg(feature = "gui")]
impl Ui {
    fn run(self) -> Result<()> {
        use crate::base::paths::Paths;
        use crate::engine::studio::{Options, StudioEngine};
        use crate::recipe::preset::{self, Facts};

        let home = tempfile::tempdir().map_err(|e| Problem::failed("A folder could not be made").because(e))?;
        let paths = Paths::under(home.path());
        let engine = std::sync::Arc::new(StudioEngine::start(Options::of_user(paths.clone()))?);
        let mut recipe = preset::PRESETS[0].recipe(Facts { pictures: 100, resolution: 32.into() });
        recipe.data.source = self.data;
        recipe.run.kimg = 1e6;
        let measured =
            crate::ui::frame_bench::measure(Box::new(engine.clone()), paths, Some(recipe), self.frames.max(1));
        explore::end_runs(&*engine);
        let measured = measured?;
        let line = |f: &crate::ui::frame_bench::Frames| {
            format!("{:9} p50 {:5.2} ms, p99 {:5.2} ms", f.view, f.p50_ms, f.p99_ms)
        };
        tell(self.json, &measured, &measured.iter().map(line).collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_says_what_it_measures() {
        let measured = explore::Started {
            measures: explore::START,
            model: "m".into(),
            starts_ms: vec![900.0, 200.4],
            warm_ms: 200.4,
        };
        let lines = Start::lines(&measured);
        assert_eq!(lines[0], "200 ms warm; 900 ms the first time");
        assert!(lines[1].contains("first generated picture") && lines[1].contains("no window is drawn"));
        assert!(serde_json::to_string(&measured).unwrap().contains("no window is drawn"));
    }
}
