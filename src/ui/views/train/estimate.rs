//! How long a run will take on a device. Rough, and said so.

use crate::engine::DeviceReport;
use crate::recipe::Recipe;
use crate::recipe::flops::gmacs_per_picture;
use crate::recipe::preset::{PRESETS, Preset, for_model};
use crate::ui::format;

/// Seconds that a recipe takes on a device for `kimg` thousand pictures; unknown if the device was not measured.
pub fn seconds(recipe: &Recipe, kimg: f64, device: Option<&DeviceReport>) -> Option<f64> {
    let speed = device?.gmacs_per_s.filter(|s| *s > 0.0)?;
    Some(kimg * 1000.0 * gmacs_per_picture(recipe) / speed)
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

    #[test]
    fn twice_the_speed_takes_half_the_time() {
        let preset = find("gan-tiny").unwrap();
        let recipe = preset.recipe(Facts { pictures: 900, resolution: 32 });
        let slow = seconds(&recipe, preset.kimg, Some(&device(Some(10.0)))).unwrap();
        let fast = seconds(&recipe, preset.kimg, Some(&device(Some(20.0)))).unwrap();
        assert!((slow / fast - 2.0).abs() < 1e-9);
        assert!(seconds(&recipe, preset.kimg, Some(&device(None))).is_none());
        assert_eq!(about(Some(250.0)), "about 4 min");
        assert_eq!(about(Some(5.0)), "about 1 min");
    }

    #[test]
    fn a_recipe_finds_its_own_preset() {
        for preset in PRESETS {
            let recipe = preset.recipe(Facts { pictures: 900, resolution: 32 });
            assert_eq!(nearest_preset(&recipe).unwrap().model, preset.model);
        }
        let quality = find("gan-quality").unwrap().recipe(Facts { pictures: 900, resolution: 32 });
        assert_eq!(nearest_preset(&quality).unwrap().id, "gan-quality");
    }
}
