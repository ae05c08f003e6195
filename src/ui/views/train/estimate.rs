//! How long a run will take on a device: from the run most like it that was on this device, else from the device's own
//! measured speed. Rough, and said so.

use crate::base::{Resolution, pace};
use crate::engine::{DeviceReport, RunSummary};
use crate::recipe::Recipe;
use crate::recipe::advice::{Advice, Known, advise, fitted};
use crate::recipe::flops::gmacs_per_picture;
use crate::recipe::preset::{PRESETS, Preset, for_model};
use crate::train::report::{Steady, breaks_every};
use crate::ui::format;
use crate::ui::state::Studio;

/// Share of a run's time that samples, scores and checkpoints take where nothing is known of them.
const BREAKS: f64 = 0.08;

/// What an estimate rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Basis {
    /// A run on this device, by its name.
    Run(String),
    /// The speed that was measured of the device.
    Device,
}

impl Basis {
    /// For a tooltip.
    pub fn text(&self) -> String {
        match self {
            Self::Run(name) => format!("From how fast {name} was on this device"),
            Self::Device => "Rough, from the measured speed of the device; the first run makes it right".into(),
        }
    }
}

/// How long a run will take.
#[derive(Clone, Debug, PartialEq)]
pub struct Expected {
    /// Seconds in all.
    pub seconds: f64,
    /// Pictures a second, without interruptions.
    pub images_per_s: f64,
    /// What this rests on.
    pub basis: Basis,
}

/// How unlike two recipes are, as far as their speed is concerned.
fn unlike(a: &Recipe, b: &Recipe) -> f64 {
    let octaves = |x: f64, y: f64| (x.max(1e-9) / y.max(1e-9)).log2().abs();
    let of = |r: &Recipe| (r.data.settled().resolution.mean_side(), f64::from(r.optim.batch));
    let ((size_a, batch_a), (size_b, batch_b)) = (of(a), of(b));
    let other = if a.model.id == b.model.id { 0.0 } else { 8.0 };
    other
        + 2.0 * octaves(size_a, size_b)
        + octaves(batch_a, batch_b)
        + octaves(gmacs_per_picture(a), gmacs_per_picture(b))
}

/// The run whose speed tells most about a recipe's on a device; of equals the newest, which comes first.
fn nearest<'a>(recipe: &Recipe, device: &str, runs: &'a [RunSummary]) -> Option<(&'a RunSummary, Steady)> {
    let known = runs.iter().filter(|r| r.progress.device == device);
    let known = known.filter_map(|r| Some((r, r.progress.steady.filter(|s| s.images_per_s > 0.0)?)));
    known.min_by(|a, b| unlike(recipe, &a.0.recipe).total_cmp(&unlike(recipe, &b.0.recipe)))
}

/// How long a recipe takes on a device as it learned from past runs; unknown if neither a run was on the device nor its
/// speed was measured.
pub fn expected(recipe: &Recipe, device: Option<&DeviceReport>, runs: &[RunSummary]) -> Option<Expected> {
    let (device, work) = (device?, gmacs_per_picture(recipe));
    let (target, every) = (recipe.run.kimg * 1000.0, breaks_every(recipe));
    if let Some((run, steady)) = nearest(recipe, &device.id, runs) {
        let images_per_s = steady.images_per_s * gmacs_per_picture(&run.recipe) / work;
        let breaks = [steady.preview_s, steady.checkpoint_s];
        let seconds = pace::expected(images_per_s, breaks, 0.0, target, every);
        return Some(Expected { seconds, images_per_s, basis: Basis::Run(run.name.clone()) });
    }
    let images_per_s = device.gmacs_per_s.filter(|s| *s > 0.0)? / work;
    let seconds = target / images_per_s * (1.0 + BREAKS);
    Some(Expected { seconds, images_per_s, basis: Basis::Device })
}

/// The preset to begin with on pictures of which this is known.
pub fn recommended(studio: &Studio, device: Option<&DeviceReport>, known: &Known, resolution: Resolution) -> Advice {
    advise(known, |preset: &Preset| {
        expected(&fitted(preset, known, resolution), device, &studio.runs).map(|e| e.seconds)
    })
}

/// The preset whose network is most like a recipe's.
pub fn nearest_preset(recipe: &Recipe) -> Option<&'static Preset> {
    let size = |r: &Recipe| f64::from(r.model.width) * f64::from(r.model.narrow) * f64::from(r.model.blocks);
    let wanted = size(recipe).max(1.0).ln();
    let facts = crate::recipe::preset::Facts { pictures: 0, resolution: recipe.data.resolution };
    let distance = |p: &Preset| (size(&p.recipe(facts)).max(1.0).ln() - wanted).abs();
    PRESETS
        .iter()
        .filter(|p| p.model == recipe.model.id)
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
        .or_else(|| for_model(&recipe.model.id))
}

/// "about 4 min", or a dash where nothing is known.
pub fn about(seconds: Option<f64>) -> String {
    match seconds {
        None => "time unknown".into(),
        Some(s) if s < 60.0 => "about 1 min".into(),
        Some(s) => format!("about {}", format::duration(rounded(s))),
    }
}

/// To whole minutes below an hour, to five minutes below a day, then to hours.
fn rounded(seconds: f64) -> f64 {
    let step = match seconds {
        s if s < 3600.0 => 60.0,
        s if s < 86_400.0 => 300.0,
        _ => 3600.0,
    };
    (seconds / step).round().max(1.0) * step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{RunState, fake};
    use crate::recipe::preset::{Facts, find};

    fn device(speed: Option<f64>) -> DeviceReport {
        DeviceReport {
            id: "cpu".into(),
            name: "CPU".into(),
            usable: true,
            reason: String::new(),
            gpu: false,
            gmacs_per_s: speed,
        }
    }

    fn recipe(id: &str, side: u32) -> Recipe {
        find(id).unwrap().recipe(Facts { pictures: 900, resolution: side.into() })
    }

    /// A run that was so fast.
    fn past(name: &str, recipe: Recipe, images_per_s: f64, device: &str) -> RunSummary {
        let mut run = fake::runs().swap_remove(0);
        (run.name, run.recipe, run.state) = (name.into(), recipe, RunState::Finished);
        run.progress.device = device.into();
        run.progress.steady = Some(Steady { images_per_s, preview_s: 1.0, checkpoint_s: 4.0 });
        run
    }

    #[test]
    fn twice_the_speed_takes_half_the_time() {
        let recipe = recipe("gan-tiny", 32);
        let seconds = |speed| expected(&recipe, Some(&device(speed)), &[]).map(|e| e.seconds);
        assert!((seconds(Some(10.0)).unwrap() / seconds(Some(20.0)).unwrap() - 2.0).abs() < 1e-9);
        assert!(seconds(None).is_none());
        assert_eq!(about(Some(250.0)), "about 4 min");
        assert_eq!(about(Some(5.0)), "about 1 min");
    }

    #[test]
    fn a_past_run_on_the_device_tells_more_than_its_measured_speed() {
        let device = device(Some(1000.0));
        let run = recipe("gan-tiny", 32);
        let runs = [past("old", run.clone(), 80.0, "cpu")];
        let same = expected(&run, Some(&device), &runs).unwrap();
        assert_eq!((same.images_per_s, same.basis), (80.0, Basis::Run("old".into())));
        // The interruptions are in it: sixty times samples, a dozen checkpoints.
        let steady = run.run.kimg * 1000.0 / 80.0;
        assert!((same.seconds - steady - 60.0 - 12.0 * 4.0).abs() < 2.5, "{} of {steady}", same.seconds);
        // Larger pictures take as much longer as there is more to compute.
        let large = expected(&recipe("gan-tiny", 64), Some(&device), &runs).unwrap();
        assert!(large.images_per_s < 60.0 && large.seconds > same.seconds);
        // Runs on other devices say nothing.
        let other = [past("gpu", run.clone(), 4000.0, "cuda:0")];
        assert_eq!(expected(&run, Some(&device), &other).unwrap().basis, Basis::Device);
    }

    #[test]
    fn the_most_similar_and_newest_run_is_asked() {
        let device = device(Some(1000.0));
        let runs = [
            past("vae", recipe("vae", 32), 900.0, "cpu"),
            past("large", recipe("gan-tiny", 64), 30.0, "cpu"),
            past("new", recipe("gan-tiny", 32), 90.0, "cpu"),
            past("old", recipe("gan-tiny", 32), 40.0, "cpu"),
        ];
        let basis = |id: &str, size| expected(&recipe(id, size), Some(&device), &runs).unwrap().basis;
        assert_eq!(basis("gan-tiny", 32), Basis::Run("new".into()));
        assert_eq!(basis("gan-tiny", 64), Basis::Run("large".into()));
        assert_eq!(basis("vae-tiny", 32), Basis::Run("vae".into()));
    }

    #[test]
    fn a_recipe_finds_its_own_preset() {
        for preset in PRESETS {
            let recipe = preset.recipe(Facts { pictures: 900, resolution: 32.into() });
            assert_eq!(nearest_preset(&recipe).unwrap().model, preset.model);
        }
        assert_eq!(nearest_preset(&recipe("gan-quality", 32)).unwrap().id, "gan-quality");
    }
}
