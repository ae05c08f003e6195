//! `latent-studio train`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use indicatif::ProgressBar;
use parking_lot::Mutex;
use serde_json::{Map, Value, json};

use super::{interrupt, marks, say, signals};
use crate::base::paths::Paths;
use crate::base::{Channels, Kind, Problem, Resolution, Result, Severity};
use crate::data;
use crate::engine::runs::keep_awake::Awake;
use crate::engine::runs::launch::{Launch, ProcessLaunch};
use crate::engine::runs::priors;
use crate::engine::runs::queue;
use crate::latent::catalog;
use crate::library::Library;
use crate::models::io::Weights;
use crate::recipe::preset::{self, Facts};
use crate::recipe::{Parent, Reading, Recipe, advice, json_path};
use crate::train::folder::{RunFile, RunFolder, RunLock, Status};
use crate::train::identity::PictureAnswer;
use crate::train::report::{RunEvent, RunProgress, RunState};
use crate::train::script;
use crate::train::session::{self, Options, Outcome};

/// Arguments of `train`.
#[derive(Args)]
pub struct Train {
    /// A folder, zip, IDX or CIFAR file, `emoji`, `emoji:smileys`, `shapes`, …
    #[arg(long, value_name = "SRC", required_unless_present = "resume")]
    data: Option<String>,
    #[arg(long, value_name = "ID", help = models_help())]
    model: Option<String>,
    /// Preset to start from (`latent-studio recipe presets`)
    #[arg(long)]
    preset: Option<String>,
    /// Start from an existing model: matching layers are loaded, the others start fresh
    #[arg(long, value_name = "M")]
    from: Option<String>,
    /// Token model that a prior (gpt, lstm) is trained on
    #[arg(long, value_name = "TOKENMODEL")]
    on: Option<String>,
    /// Width and height of pictures: 64 for squares, 64x96 for 64 wide and 96 high; 16 to 512 in steps of 4, at most 4 to 1
    #[arg(long, value_name = "PX", value_parser = super::size)]
    resolution: Option<Resolution>,
    /// Where to stop, in thousands of pictures seen
    #[arg(long)]
    kimg: Option<f64>,
    /// Pictures per step
    #[arg(long)]
    batch: Option<u32>,
    /// Seed of every random stream
    #[arg(long)]
    seed: Option<u64>,
    /// A checkpoint every so many thousand pictures
    #[arg(long, value_name = "C")]
    checkpoint_kimg: Option<f64>,
    /// Any setting of the recipe, such as optim.lr=0.0002 (repeatable)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Live edits that the run makes by itself: a JSON list of {"images": …, "key": …, "value": …}, such as edits.json of
    /// another run
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    edits: Option<PathBuf>,
    /// A table of boxes (file,x,y,w,h and perhaps how: blur or pixelate) that are hidden in the pictures before training
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    hide_boxes: Option<PathBuf>,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// Folder of the new run
    #[arg(long, value_name = "RUN_DIR", required_unless_present = "resume", conflicts_with = "resume")]
    out: Option<PathBuf>,
    /// Resume this run; --data says where its pictures are now, if they were moved
    #[arg(long, value_name = "RUN_DIR",
          conflicts_with_all = ["model", "preset", "from", "on", "resolution", "batch", "seed", "set", "checkpoint_kimg"])]
    resume: Option<PathBuf>,
    /// Resume although the run's pictures, or what is set for them (labels, weights, tags, exclusions), are others than those
    /// it began with
    #[arg(long, requires = "resume")]
    accept_data: bool,
    /// Train on pictures as their source has them, without labels, weights and exclusions that were set in the library
    #[arg(long, conflicts_with = "resume")]
    no_marks: bool,
    /// One JSON object a line on stdout
    #[arg(long)]
    json: bool,
}

/// Help of `--model`: every row of the table.
fn models_help() -> String {
    let ids: Vec<&str> = crate::models::MODELS.iter().map(|m| m.id).collect();
    format!("Model to train: {}", ids.join(", "))
}

impl Train {
    /// Trains.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let out = Arc::new(Output::new(self.json));
        let result = self.train(paths, &out);
        if self.json
            && let Err(problem) = &result
            && problem.kind != Kind::Interrupted
        {
            out.print(&json!({ "event": "failed", "problem": problem }));
        }
        match (result, out.lost.lock().take()) {
            (Ok(()), Some(error)) => {
                Err(super::unwritten(&error).try_this("The run's folder holds everything it told"))
            }
            (result, _) => result,
        }
    }

    fn train(&self, paths: &Paths, out: &Arc<Output>) -> Result<()> {
        // A run must not make the window, or anything else, stutter.
        lower_priority();
        let (folder, lock) = match &self.resume {
            Some(dir) => {
                let folder = RunFolder::open(dir)?;
                let lock = folder.lock()?;
                if let Some(kimg) = self.kimg {
                    let mut file = folder.file()?;
                    file.kimg = Some(kimg);
                    folder.write_file(&file)?;
                }
                (folder, lock)
            }
            None => self.create(paths)?,
        };
        let remark = if self.resume.is_some() { marks::at_resume(paths, &folder, self.accept_data)? } else { None };
        let file = folder.file()?;
        let asked =
            if self.resume.is_some() && self.device == "auto" { file.device.as_str() } else { self.device.as_str() };
        let device = super::device(asked, paths);
        note(paths, &folder);
        // A begun run needs its parent no more.
        let from = match file.from.as_deref().filter(|_| !folder.is_begun()) {
            Some(model) => Some(weights_of(model, paths).inspect_err(|problem| {
                let (progress, problem) = (RunProgress::default(), Some(problem.clone()));
                let _ = folder.write_status(&Status { state: RunState::Failed, progress, problem });
            })?),
            None => None,
        };
        priors::keep_token_model(&folder, paths).inspect_err(|problem| {
            let (progress, problem) = (RunProgress::default(), Some(problem.clone()));
            let _ = folder.write_status(&Status { state: RunState::Failed, progress, problem });
        })?;
        let ticker = out.clone().tick();
        let told = out.clone();
        let waiting = queue::Queue::of(paths);
        waiting.wake();
        if !waiting.runs().is_empty() {
            ProcessLaunch::studio(program()).keep();
        }
        let mut sink = move |event: &RunEvent| {
            if matches!(event, RunEvent::Interrupted { .. }) && signals::by_hand() {
                // Who presses Ctrl+C wants nothing else to begin.
                let _ = waiting.rest();
            }
            told.tell(event);
        };
        let awake = Awake::begin(paths.clone());
        // Whatever ends the run, a panic too, what waits for it comes next; but not after Ctrl+C.
        let mut next = Next(Some(paths));
        let source = self.data.as_deref().filter(|_| self.resume.is_some()).map(data::absolute);
        let pictures = PictureAnswer { source, accept: self.accept_data };
        let options = Options {
            from,
            pictures,
            note: remark,
            lock: Some(lock),
            stop: interrupt(),
            ..Options::new(paths.prepared(), &device, &mut sink)
        };
        let outcome = session::run(&folder, options);
        drop(awake);
        out.done.store(true, Ordering::Relaxed);
        note(paths, &folder);
        if matches!(outcome, Ok(Outcome::Interrupted)) || matches!(&outcome, Err(p) if p.kind == Kind::Interrupted) {
            next.0 = None;
        }
        let _ = ticker.map(std::thread::JoinHandle::join);
        match outcome? {
            Outcome::Finished | Outcome::Stopped => Ok(()),
            Outcome::Interrupted => Err(Problem::interrupted("Stopped; a checkpoint was saved")
                .of(folder.dir().display().to_string())
                .try_this(format!("Go on with: latent-studio train --resume {}", folder.dir().display()))),
        }
    }

    fn create(&self, paths: &Paths) -> Result<(RunFolder, RunLock)> {
        let (Some(source), Some(dir)) = (&self.data, &self.out) else {
            return Err(Problem::usage("A new run needs --data and --out"));
        };
        let (source, taken) = data::typed(source);
        if let Some(guess) = taken {
            say(&Problem::usage(guess.what).try_this(guess.otherwise.unwrap_or_default()).info());
        }
        let opened = data::open(&source)?;
        let parent = match &self.from {
            Some(model) => Some(catalog::resolve(model, paths)?.read()?.1),
            None => None,
        };
        let on = self.on.as_deref().map(|model| priors::token_model(model, paths)).transpose()?;
        let basis = parent.as_ref().or(on.as_ref());
        let resolution = self.resolution.or(basis.map(|p| p.resolution)).unwrap_or(Resolution::square(32));
        let facts = Facts { pictures: opened.len() as u64, resolution };
        let preset = match (&self.preset, &self.model, &parent) {
            (Some(id), ..) => Some(preset::find(id).ok_or_else(|| {
                let known: Vec<&str> = preset::PRESETS.iter().map(|p| p.id).collect();
                Problem::usage("There is no preset of this name")
                    .of(id)
                    .try_this(format!("Choose one of: {}", known.join(", ")))
            })?),
            (None, None, Some(_)) => None,
            (None, model, _) => preset::for_model(model.as_deref().unwrap_or(crate::recipe::architecture::RES_GAN.id)),
        };
        let mut recipe = match (preset, &self.model, &parent) {
            (Some(preset), ..) => preset.recipe(facts),
            (None, None, Some(parent)) => parent.recipe.clone(),
            // The recipe names the mistake.
            (None, model, _) => Recipe {
                model: crate::recipe::ModelRecipe { id: model.clone().unwrap_or_default(), ..Default::default() },
                ..Recipe::default()
            },
        };
        let sets = |path: &str| self.set.iter().any(|set| set.trim_start().starts_with(path));
        let (own_channels, own_length) = (sets("data.channels"), self.kimg.is_some() || sets("run.kimg"));
        let mut channels = None;
        if parent.is_none() && recipe.data.channels != Channels::Points && !(own_channels && own_length) {
            let tones = data::tones(opened.as_ref(), &super::watched(self.json))?;
            if !own_channels {
                channels = Some(tones.channels());
                let guess = tones.guess();
                say(&Problem::usage(guess.what).try_this(guess.otherwise.unwrap_or_default()).info());
            }
            if let Some(preset) = preset.filter(|_| !own_length)
                && let Some(why) = advice::longer(preset, &tones.known(), resolution)
            {
                recipe = advice::fitted(preset, &tones.known(), resolution);
                say(&Problem::usage(why).try_this("For another length give --kimg").info());
            }
        }
        // A run that is resumed from elsewhere, by the window for example, must find its pictures again.
        let Reading { classes, sideways, pixels, depth, columns } = Reading::default();
        recipe.data = crate::recipe::DataRecipe { source, classes, sideways, pixels, depth, columns, ..recipe.data };
        // Those of a model that it begins with are another run's.
        recipe.data.set_marks(crate::recipe::marks::Marks::new());
        if !self.no_marks {
            marks::of_new_run(paths, &mut recipe.data);
        }
        recipe.data.resolution = resolution;
        recipe.data.channels = channels.unwrap_or(recipe.data.channels);
        if let Some(id) = &self.model {
            recipe.model.id.clone_from(id);
        }
        priors::train_on(&mut recipe, on.as_ref())?;
        recipe.name = dir.file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
        if let (Some(model), Some(parent)) = (&self.from, &parent) {
            recipe.parent = Some(Parent { model: model.clone(), hash: parent.hash.clone() });
        }
        for (value, slot) in
            [(self.kimg, &mut recipe.run.kimg), (self.checkpoint_kimg, &mut recipe.run.checkpoint_kimg)]
        {
            if let Some(value) = value {
                *slot = value;
            }
        }
        if let Some(batch) = self.batch {
            recipe.optim.batch = batch;
        }
        if let Some(seed) = self.seed {
            recipe.seed = seed;
        }
        for assignment in &self.set {
            json_path::assign(&mut recipe, assignment)?;
        }
        if let Some(table) = &self.hide_boxes {
            recipe.data.hide.extend(crate::data::hide::boxes(table)?);
        }
        recipe.validate()?;
        let edits = self.edits.as_deref().map(|file| script::read(file, &recipe)).transpose()?;
        crate::models::footprint::admit(&recipe, &self.device)?;
        // The device is resolved when training begins, so that a better one found later is used.
        let (folder, lock) = RunFolder::create_locked(dir, &recipe, self.from.as_deref(), &self.device)?;
        if self.no_marks {
            folder.write_file(&RunFile { no_marks: true, ..folder.file()? })?;
        }
        edits.map_or(Ok(()), |edits| script::keep(&folder, &edits))?;
        Ok((folder, lock))
    }
}

/// When it is dropped, starts the next run of the queue, unless a window looks after it.
struct Next<'a>(Option<&'a Paths>);

impl Drop for Next<'_> {
    fn drop(&mut self) {
        let Some(paths) = self.0.filter(|paths| !queue::Queue::of(paths).runs().is_empty()) else { return };
        match queue::go_on(paths, &super::keep::known(paths), &ProcessLaunch::studio(program())) {
            Ok(Some(dir)) => {
                say(&Problem::usage("The next run in the queue was started").of(dir.display().to_string()).info())
            }
            Ok(None) => {}
            Err(problem) => say(&problem),
        }
    }
}

fn program() -> PathBuf {
    std::env::current_exe().unwrap_or_else(|_| "latent-studio".into())
}

/// Notes a run and its data in the library, so that the window finds it wherever it lies. A run goes on without.
fn note(paths: &Paths, folder: &RunFolder) {
    // Absolute, for the next start is elsewhere.
    let dir = std::path::absolute(folder.dir()).unwrap_or_else(|_| folder.dir().into());
    let run = RunFolder::open(&dir).and_then(|run| run.summary());
    let noted = run.and_then(|run| Library::open(&paths.library())?.put_run(&run));
    if let Err(problem) = noted {
        log::warn!("the run could not be noted in the library: {problem}");
    }
}

/// Weights of a model to begin from: full state if there is one, and the snapshot.
pub fn weights_of(model: &str, paths: &Paths) -> Result<(Option<Weights>, Weights)> {
    let source = catalog::resolve(model, paths)?;
    Ok((source.read_full()?, source.read()?.0))
}

fn lower_priority() {
    #[cfg(unix)]
    // SAFETY: plain system call on this process; a failure changes nothing.
    unsafe {
        libc::setpriority(libc::PRIO_PROCESS, 0, 10);
    }
    #[cfg(windows)]
    // SAFETY: plain system call on this process; a failure changes nothing.
    unsafe {
        use windows_sys::Win32::System::Threading::{BELOW_NORMAL_PRIORITY_CLASS, GetCurrentProcess, SetPriorityClass};
        SetPriorityClass(GetCurrentProcess(), BELOW_NORMAL_PRIORITY_CLASS);
    }
}

/// What the command tells: JSON lines, or a bar and messages.
struct Output {
    json: bool,
    bar: ProgressBar,
    latest: Mutex<Latest>,
    done: AtomicBool,
    /// Why not everything could be told.
    lost: Mutex<Option<std::io::Error>>,
}

#[derive(Default)]
struct Latest {
    progress: RunProgress,
    losses: Map<String, Value>,
    training: bool,
    changed: bool,
}

impl Output {
    fn new(json: bool) -> Self {
        let bar = super::bar(json);
        Self { json, bar, latest: Mutex::new(Latest::default()), done: AtomicBool::new(false), lost: Mutex::new(None) }
    }

    /// Prints a line of JSON. A reader that has gone away, or a full disk, does not end the run: its folder says everything
    /// too. The latter is told at the end.
    fn print(&self, value: &Value) {
        let mut out = std::io::stdout().lock();
        match writeln!(out, "{value}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => *self.lost.lock() = Some(error),
            _ => {}
        }
    }

    /// Steps may take longer than a second; progress is told on time all the same.
    fn tick(self: Arc<Self>) -> Option<std::thread::JoinHandle<()>> {
        if !self.json {
            return None;
        }
        std::thread::Builder::new()
            .name("progress".into())
            .spawn(move || {
                while !self.done.load(Ordering::Relaxed) {
                    self.progress();
                    for _ in 0..8 {
                        if self.done.load(Ordering::Relaxed) {
                            return;
                        }
                        std::thread::sleep(Duration::from_millis(100));
                    }
                }
            })
            .ok()
    }

    fn progress(&self) {
        let mut latest = self.latest.lock();
        if !latest.training {
            return;
        }
        latest.changed = false;
        let p = &latest.progress;
        let line = json!({
            "event": "progress",
            "kimg": p.images as f64 / 1000.0,
            "step": p.step,
            "images_per_s": p.images_per_s,
            "eta_s": p.eta_s,
            "losses": latest.losses,
        });
        self.print(&line);
    }

    fn tell(&self, event: &RunEvent) {
        match event {
            RunEvent::Started { device, pictures, step, images } => {
                self.latest.lock().training = true;
                if self.json {
                    self.print(&json!({
                        "event": "started", "device": device, "pictures": pictures, "step": step,
                        "kimg": *images as f64 / 1000.0,
                    }));
                } else {
                    self.bar.println(format!("Training on {device} with {pictures} pictures"));
                }
            }
            RunEvent::Reading(reading) => {
                let mut latest = self.latest.lock();
                latest.progress.step = reading.step;
                latest.progress.images = reading.images;
                for (name, value) in &reading.values {
                    latest.losses.insert(name.clone(), json!(value));
                }
                latest.changed = true;
            }
            RunEvent::Progress(progress) => {
                let mut latest = self.latest.lock();
                latest.progress = progress.clone();
                latest.changed = true;
                if !self.json {
                    self.draw(progress, &latest.losses);
                }
            }
            RunEvent::Checkpoint(info) => {
                if self.json {
                    self.print(&json!({
                        "event": "checkpoint", "path": info.path, "kimg": info.images as f64 / 1000.0,
                        "score": info.score, "best": info.best,
                    }));
                } else {
                    self.bar.println(format!(
                        "Checkpoint at {:.1} kimg: {}",
                        info.images as f64 / 1000.0,
                        info.path.display()
                    ));
                }
            }
            RunEvent::Message(problem) => {
                if self.json && problem.severity >= Severity::Warning {
                    self.print(&json!({ "event": "warning", "problem": problem }));
                } else {
                    self.bar.suspend(|| say(problem));
                }
            }
            RunEvent::Finding(finding) => {
                if self.json {
                    self.print(&json!(event));
                } else {
                    self.bar.println(super::doctor::said(finding));
                }
            }
            RunEvent::Finished { path, images } => {
                if self.json {
                    self.progress();
                    self.print(&json!({ "event": "finished", "path": path, "kimg": *images as f64 / 1000.0 }));
                } else {
                    self.end("Finished", path, *images);
                }
            }
            RunEvent::Stopped { path, images } => {
                if self.json {
                    self.progress();
                    self.print(&json!({ "event": "stopped", "path": path, "kimg": *images as f64 / 1000.0 }));
                } else {
                    self.end("Stopped", path, *images);
                }
            }
            RunEvent::Interrupted { path, images } => {
                if self.json {
                    self.progress();
                    self.print(&json!({ "event": "interrupted", "path": path, "kimg": *images as f64 / 1000.0 }));
                } else {
                    self.bar.finish_and_clear();
                }
            }
            _ => {}
        }
    }

    fn end(&self, how: &str, path: &Path, images: u64) {
        self.bar.finish_and_clear();
        super::tell(&format!("{how} at {:.1} kimg: {}", images as f64 / 1000.0, path.display()));
    }

    fn draw(&self, progress: &RunProgress, losses: &Map<String, Value>) {
        if !progress.stage.is_empty() {
            self.bar.set_message(progress.stage.clone());
            if !std::io::stderr().is_terminal() {
                return;
            }
        } else {
            let loss = ["critic", "loss"].iter().find_map(|k| losses.get(*k)?.as_f64());
            let speed = progress.images_per_s.map_or_else(String::new, |s| format!(" {s:.0} img/s"));
            self.bar.set_message(format!("loss {:.3}{speed}", loss.unwrap_or(f64::NAN)));
        }
        self.bar.set_length(progress.target);
        self.bar.set_position(progress.images);
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::base::rng::Stream;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        train: Train,
    }

    /// The recipe that `train` begins with on pictures of this kind.
    fn begun(photos: bool, more: &[&str]) -> Recipe {
        let home = tempfile::tempdir().unwrap();
        let (data, out) = (home.path().join("pictures"), home.path().join("run"));
        std::fs::create_dir(&data).unwrap();
        let mut noise = Stream::new(1, "pictures");
        for i in 0..24 {
            let picture = image::RgbImage::from_fn(40, 40, |x, _| {
                let at = if photos { noise.below(200) as u8 } else { 200 * u8::from(x / 10 % 2 == 0) };
                image::Rgb([at, 40, 90])
            });
            picture.save(data.join(format!("{i}.png"))).unwrap();
        }
        let (data, out) = (data.display().to_string(), out.display().to_string());
        let line = ["train", "--data", &data, "--out", &out, "--preset", "gan-tiny", "--json"];
        let line = Line::try_parse_from(line.iter().chain(more)).unwrap_or_else(|e| panic!("{e}"));
        let (folder, _lock) = line.train.create(&Paths::under(home.path())).unwrap();
        folder.recipe().unwrap()
    }

    #[test]
    fn photographs_are_trained_for_as_long_as_the_window_proposes() {
        let preset = preset::find("gan-tiny").unwrap();
        let (photos, drawings) = (begun(true, &[]), begun(false, &[]));
        assert_eq!((photos.run.kimg, drawings.run.kimg), (2.5 * preset.kimg, preset.kimg));
        let known = advice::Known { pictures: 24, kind: Some(advice::PictureKind::Photos), ..Default::default() };
        let proposed = advice::fitted(preset, &known, 32.into());
        assert_eq!((&photos.optim, &photos.run), (&proposed.optim, &proposed.run));
        // What is asked for holds.
        assert_eq!(begun(true, &["--kimg", "3"]).run.kimg, 3.0);
        assert_eq!(begun(true, &["--set", "run.kimg=4"]).run.kimg, 4.0);
        assert_eq!(begun(true, &["--set", "data.channels=grey"]).run.kimg, photos.run.kimg);
    }
}
