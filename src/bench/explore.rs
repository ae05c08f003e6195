//! `bench latency`, `bench sample`, `bench start`: how soon pictures come.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde::Serialize;

use super::client::Client;
use super::{median, quantile};
use crate::base::rng::latent_from_seed;
use crate::base::{Family, Problem, Resolution, Result};
use crate::engine::{Command as EngineCommand, Control, Engine, Event};
use crate::models::info::ModelInfo;
use crate::models::io::METADATA;
use crate::models::io::Weights;
use crate::models::{Generator, Vae};
use crate::recipe::Recipe;
use crate::recipe::picture::Latent;
use crate::recipe::preset::{self, Facts};
use crate::train::device;

/// From a drag to its picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// The model.
    pub model: String,
    /// Width and height.
    pub resolution: Resolution,
    /// Drags.
    pub drags: usize,
    /// Milliseconds, half of all drags take less.
    pub p50_ms: f64,
    /// 95 of 100 take less.
    pub p95_ms: f64,
    /// The slowest.
    pub most_ms: f64,
}

/// Drags one latent about, each time waiting for its picture from the studio's inference worker.
///
/// # Errors
/// There is no such model.
pub fn latency(model: &str, drags: usize) -> Result<Latency> {
    let client = Client::start()?;
    let info = client.open(model)?;
    let mut values = latent_from_seed(1, info.latent as usize);
    let mut times = Vec::with_capacity(drags);
    // The first few warm the caches up, as opening the view does.
    for i in 0..drags + 5 {
        let at = i % values.len();
        values[at] += if i % 2 == 0 { 0.1 } else { -0.1 };
        let begun = Instant::now();
        client.generate(model, i as u64 + 1, vec![Latent::Point { values: values.clone() }])?;
        if i >= 5 {
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(Latency {
        model: model.into(),
        resolution: info.resolution,
        drags,
        p50_ms: median(&times),
        p95_ms: quantile(&times, 0.95),
        most_ms: quantile(&times, 1.0),
    })
}

/// Many pictures at once.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sampled {
    /// The model.
    pub model: String,
    /// Width and height.
    pub resolution: Resolution,
    /// Pictures.
    pub count: usize,
    /// Pictures a second.
    pub pictures_per_s: f64,
}

/// Makes pictures of seeds, as the random sheet does: the median of three turns.
///
/// # Errors
/// There is no such model.
pub fn sample(model: &str, count: usize) -> Result<Sampled> {
    let client = Client::start()?;
    let info = client.open(model)?;
    let mut speeds = Vec::new();
    for turn in 0..4u64 {
        let latents = (0..count as u64).map(|i| Latent::Seed { seed: turn * count as u64 + i }).collect();
        let begun = Instant::now();
        client.generate(model, turn + 1, latents)?;
        if turn > 0 {
            speeds.push(count as f64 / begun.elapsed().as_secs_f64());
        }
    }
    Ok(Sampled { model: model.into(), resolution: info.resolution, count, pictures_per_s: median(&speeds) })
}

/// What [`start`] measures.
pub const START: &str = "from the start of a process to its first generated picture, through the engine as the window \
                         uses it, and to the process's end; no window is drawn";

/// What [`start`] measures with a window.
pub const START_WINDOW: &str = "from the start of a process to the frame of its window that shows the first generated \
                                picture, with everything that the window does at its start";

/// Set for a process that shall say a line and close with its first picture.
pub const UNTIL_PICTURE: &str = "LATENT_STUDIO_UNTIL_PICTURE";

/// From a process to its first picture.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Started {
    /// What was measured: [`START`] or [`START_WINDOW`].
    pub measures: &'static str,
    /// The model.
    pub model: String,
    /// Milliseconds of each start.
    pub starts_ms: Vec<f64>,
    /// Their median without the first, which reads the program from the disk.
    pub warm_ms: f64,
}

/// Starts `program` some times; each opens the engine and a model, makes one picture and ends.
///
/// # Errors
/// The program does not start, or makes no picture.
pub fn start(program: &Path, model: &str, times: usize) -> Result<Started> {
    let mut starts_ms = Vec::new();
    for _ in 0..times.max(2) {
        let begun = Instant::now();
        let out = Command::new(program).args(["bench", "start", "--once", "--model", model]).output();
        let failed = |why: String| Problem::failed("The program did not make a picture").because(why);
        let out = out.map_err(|e| failed(e.to_string()))?;
        if !out.status.success() {
            return Err(failed(String::from_utf8_lossy(&out.stderr).into_owned()));
        }
        starts_ms.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    Ok(Started { measures: START, model: model.into(), warm_ms: median(&starts_ms[1..]), starts_ms })
}

/// Opens the window of `program` some times, in a home of its own, until it shows a generated picture.
///
/// # Errors
/// The window does not open, or shows no picture.
pub fn start_window(program: &Path, times: usize) -> Result<Started> {
    let home = tempfile::tempdir().map_err(|e| Problem::failed("A folder could not be made").because(e))?;
    let mut starts_ms = Vec::new();
    let failed = |why: String| Problem::failed("The window showed no picture").because(why);
    for _ in 0..times.max(2) {
        let begun = Instant::now();
        let mut command = Command::new(program);
        command.env(UNTIL_PICTURE, "1").env("LATENT_STUDIO_HOME", home.path());
        let mut child = command.stdout(Stdio::piped()).spawn().map_err(|e| failed(e.to_string()))?;
        let mut line = String::new();
        if let Some(out) = child.stdout.take() {
            BufReader::new(out).read_line(&mut line).map_err(|e| failed(e.to_string()))?;
        }
        let ms = begun.elapsed().as_secs_f64() * 1e3;
        let status = child.wait().map_err(|e| failed(e.to_string()))?;
        if line.trim().is_empty() {
            return Err(failed(status.to_string()));
        }
        starts_ms.push(ms);
    }
    let model = "the first shipped one".into();
    Ok(Started { measures: START_WINDOW, model, warm_ms: median(&starts_ms[1..]), starts_ms })
}

/// What a started process does.
///
/// # Errors
/// There is no such model.
pub fn once(model: &str) -> Result<()> {
    let client = Client::start()?;
    client.open(model)?;
    client.generate(model, 1, vec![Latent::Seed { seed: 1 }])?;
    // The picture is there; ending the process is not part of it.
    std::process::exit(0);
}

/// Writes an untrained model of a preset: as fast as a trained one.
///
/// # Errors
/// There is no such preset, or the file cannot be written.
pub fn untrained(preset: &str, resolution: Resolution, file: &Path) -> Result<()> {
    let unknown = || Problem::usage("There is no preset of this name").of(preset);
    let facts = Facts { pictures: 10_000, resolution };
    let recipe: Recipe = preset::find(preset).ok_or_else(unknown)?.recipe(facts);
    let device = device::open("cpu")?;
    let family = recipe.family()?;
    let (weights, latent) = match family {
        Family::Gan => {
            let net = Generator::init(&recipe, &device)?;
            (Weights::of(&net), net.latent())
        }
        Family::Vae => {
            let net = Vae::init(&recipe, &device)?;
            (Weights::of(&net), net.latent())
        }
        Family::Tokens | Family::Prior => {
            return Err(Problem::usage("There is nothing to explore in a model of tokens").of(preset));
        }
    };
    let info = ModelInfo {
        model: file.display().to_string(),
        name: preset.into(),
        latent: latent as u32,
        ..ModelInfo::of(&recipe, weights.hash())
    };
    let text = serde_json::to_string(&info).map_err(|e| Problem::failed("The model cannot be told").because(e))?;
    weights.with(METADATA, text).write(file)
}

/// Stops every run of an engine and waits until none is left.
pub fn end_runs(engine: &dyn Engine) {
    engine.send(EngineCommand::ListRuns);
    let begun = Instant::now();
    let mut asked = false;
    while begun.elapsed() < Duration::from_secs(30) {
        for event in engine.poll() {
            match event {
                Event::Runs(runs) if !asked => {
                    asked = true;
                    for run in runs.iter().filter(|r| r.state.is_alive()) {
                        engine.send(EngineCommand::ControlRun { dir: run.dir.clone(), control: Control::Stop });
                    }
                    if !runs.iter().any(|r| r.state.is_alive()) {
                        return engine.shut_down();
                    }
                }
                Event::Run(run) if asked && !run.state.is_alive() => return engine.shut_down(),
                _ => {}
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    engine.shut_down();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_untrained_model_is_dragged_and_sampled() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("small.safetensors");
        untrained("vae-tiny", 16.into(), &file).unwrap();
        let name = file.to_str().unwrap();
        let dragged = latency(name, 4).unwrap();
        assert!(dragged.resolution == 16.into() && dragged.p50_ms > 0.0 && dragged.p50_ms <= dragged.most_ms);
        assert!(sample(name, 3).unwrap().pictures_per_s > 0.0);
        assert!(latency("no such model", 1).is_err());
        assert!(untrained("no such preset", 16.into(), &file).is_err());
    }
}
