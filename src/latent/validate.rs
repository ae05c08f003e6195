//! Whether a place belongs to a model, told before any network sees it.
//!
//! A network multiplies what it is given with its weights: numbers of another count break it, and numbers that are not
//! finite make a black picture. Both are refused here, at the one door that every picture goes through.

use super::latent_math::Dims;
use crate::base::{Problem, Result};
use crate::recipe::picture::{Latent, Place, Space};

/// Truncation beyond which nothing but overflow is to be had.
const FARTHEST: f32 = 100.0;

/// Whether pictures can be made at this truncation.
///
/// # Errors
/// It is not a number, or beyond ±100.
pub fn check_truncation(truncation: f32) -> Result<()> {
    if truncation.is_finite() && truncation.abs() <= FARTHEST {
        return Ok(());
    }
    Err(Problem::usage("No picture can be made at this truncation")
        .of(format!("truncation {truncation}"))
        .try_this("Choose a number such as 0.7, or 1 for no truncation"))
}

impl Dims {
    /// Whether a model that takes this can make the picture of a latent: the right count of numbers, all finite, styles
    /// only where there are some, and classes that it has. Classes are ignored by a model without any.
    ///
    /// # Errors
    /// It cannot, with the reason.
    pub fn check(&self, latent: &Latent) -> Result<()> {
        let seeded = match latent {
            Latent::Seed { .. } => return Ok(()),
            Latent::Point { values } => return self.check_numbers(Space::Z, values),
            Latent::Place(Place { seed, space, .. }) => seed.is_some() && *space == Space::Z,
        };
        let Latent::Place(place) = latent else { return Ok(()) };
        if !seeded {
            self.check_numbers(place.space, &place.values)?;
        }
        if self.classes == 0 {
            return Ok(());
        }
        match place.class.iter().find(|(class, share)| *class as usize >= self.classes || !share.is_finite()) {
            None => Ok(()),
            Some((class, _)) => Err(foreign(format!("it is of class {class}, and the model has {}", self.classes))),
        }
    }

    /// As [`Self::check`], for several.
    ///
    /// # Errors
    /// One of them cannot be made.
    pub fn check_all<'a>(&self, latents: impl IntoIterator<Item = &'a Latent>) -> Result<()> {
        latents.into_iter().try_for_each(|latent| self.check(latent))
    }

    /// Whether numbers of this space are as many as the model takes, and all finite.
    ///
    /// # Errors
    /// They are not.
    pub(super) fn check_numbers(&self, space: Space, values: &[f32]) -> Result<()> {
        let n = values.len();
        match space {
            Space::Z if n != self.z => {
                return Err(foreign(format!("it has {n} numbers, and the model takes {}", self.z)));
            }
            Space::W if self.layers == 0 => return Err(foreign("it is a style, and the model has none")),
            Space::W if n != self.z && n != self.layers * self.z => {
                let each = self.layers * self.z;
                return Err(foreign(format!("the style has {n} numbers, and the model takes {} or {each}", self.z)));
            }
            _ => {}
        }
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(()),
            Some(i) => Err(Problem::usage("This latent holds what is no number")
                .because(format!("number {i} is {}", values[i]))
                .try_this("Choose another latent, or make this one again")),
        }
    }
}

/// A latent that this model cannot take.
fn foreign(why: impl Into<String>) -> Problem {
    Problem::usage("This latent belongs to another model")
        .because(why.into())
        .try_this("Choose a seed, or a picture that this model made")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::latent::activations::Look;
    use crate::latent::directions::{Direction, Move};
    use crate::latent::drag::{Drag, DragConfig as Drags, Handle};
    use crate::latent::even_spacing::Pixels;
    use crate::latent::film::curve::Easing;
    use crate::latent::film::{Key, Timeline};
    use crate::latent::interpolate::Mode;
    use crate::latent::interpolation_grid::{GridConfig as Cells, Layout};
    use crate::latent::map::Plane;
    use crate::latent::model::LoadedModel;
    use crate::latent::testing::{fresh, fresh_with};
    use crate::latent::{breed, latent_edit};

    fn style(n: usize) -> Latent {
        Latent::Place(Place { space: Space::W, values: vec![0.1; n], ..Place::default() })
    }

    fn point(n: usize) -> Latent {
        Latent::Point { values: vec![0.1; n] }
    }

    #[test]
    fn a_latent_is_held_against_its_model() {
        let plain = Dims { z: 6, classes: 0, layers: 0 };
        let styled = Dims { layers: 3, ..plain };
        let classes = Dims { classes: 2, ..plain };
        let seed = Latent::Seed { seed: 3 };
        for good in [seed.clone(), point(6), seed.with_class(&[(9, 1.0)])] {
            plain.check(&good).unwrap();
        }
        for bad in [point(5), point(7), point(0), style(6), style(18), Latent::Point { values: vec![f32::NAN; 6] }] {
            let told = plain.check(&bad).unwrap_err();
            assert!(told.detail.is_some() && told.remedy.is_some(), "{told}");
        }
        styled.check(&style(6)).and(styled.check(&style(18))).unwrap();
        for n in [0, 5, 12, 1024] {
            assert!(styled.check(&style(n)).is_err(), "{n}");
        }
        classes.check(&seed.with_class(&[(0, 0.5), (1, 0.5)])).unwrap();
        assert!(classes.check(&seed.with_class(&[(2, 1.0)])).is_err());
        assert!(classes.check(&seed.with_class(&[(0, f32::NAN)])).is_err());
        for t in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e9] {
            assert!(check_truncation(t).is_err(), "{t}");
        }
        for t in [0.0, 0.7, 1.5, -1.0] {
            check_truncation(t).unwrap();
        }
    }

    /// Everything that a client can ask of a model with a latent.
    fn asked(model: &LoadedModel, latent: &Latent) -> Vec<(&'static str, Result<()>)> {
        let one = std::slice::from_ref(latent);
        let quiet = Quiet::default();
        let seed = Latent::Seed { seed: 1 };
        let pair = vec![latent.clone(), seed.clone()];
        let handles = vec![Handle { from: [4.0, 4.0], to: [8.0, 8.0] }];
        let cells = |even| Cells {
            anchors: pair.clone(),
            layout: Layout::Line,
            across: 0,
            columns: 3,
            rows: 1,
            mode: Mode::Lerp,
            styles: false,
            even,
        };
        let key = |time, latent: &Latent| Key { time, latent: latent.clone(), easing: Easing::Linear, way: None };
        let timeline = Timeline { keys: vec![key(0.0, latent), key(1.0, &seed)], seconds: 1.0, ..Timeline::default() };
        let through = Plane::Through { a: latent.clone(), b: seed.clone(), c: seed.clone(), mode: Mode::Lerp };
        let brush =
            latent_edit::EditConfig { paint: vec![255; 16 * 16 * 4], steps: 1, ..latent_edit::EditConfig::default() };
        let nudge = Direction { values: vec![0.1; model.latent()], ..Direction::default() };
        vec![
            ("generate", model.generate(one, 1.0).map(drop)),
            ("pixels", model.pixels(one, 1.0).map(drop)),
            ("drag", Drag::begin(model, latent, 1.0, Drags { handles, ..Drags::default() }).map(drop)),
            ("paint", model.paint(latent, 1.0, &brush, &mut |_, _| {}, &quiet).map(drop)),
            ("inside", model.inside(latent, 0.7, &Look::default()).map(drop)),
            ("channels", model.channel_effects(latent, 1.0, 0, &quiet).map(drop)),
            ("lattice", model.lattice(&cells(None), 1.0, &quiet).map(drop)),
            ("script", model.script(&timeline, 4, &Pixels(model), &quiet).map(drop)),
            ("map", model.tile(&through, 0, 0, 0, 1.0).map(drop)),
            ("breed", model.breed(&pair, &breed::BreedConfig { count: 2, ..breed::BreedConfig::default() }).map(drop)),
            ("move", model.moved(latent, &[Move { direction: nudge, strength: 1.0 }]).map(drop)),
        ]
    }

    #[test]
    fn every_way_into_a_network_refuses_a_latent_of_another_model() {
        for (id, latents) in [
            ("res-gan", vec![style(1024), style(6), point(1024), point(2), point(0)]),
            ("dcgan", vec![style(60), point(7)]),
            ("conv-vae", vec![style(6), point(7)]),
            ("style-gan", vec![style(1024), style(7), point(7), Latent::Point { values: vec![f32::INFINITY; 6] }]),
        ] {
            let model = fresh(id, 8, 6);
            for latent in &latents {
                for (what, result) in asked(&model, latent) {
                    let told = result.err().unwrap_or_else(|| panic!("{id}: {what} took {latent:?}"));
                    assert!(told.detail.is_some() || told.what.contains("style"), "{id} {what}: {told}");
                }
            }
        }
        let model = fresh_with("dcgan", 8, 6, &["a", "b"]);
        assert!(model.generate(&[Latent::Seed { seed: 1 }.with_class(&[(2, 1.0)])], 1.0).is_err());
        assert!(model.generate(&[Latent::Seed { seed: 1 }], f32::NAN).is_err());
        assert!(model.inside(&Latent::Seed { seed: 1 }, f32::NAN, &Look::default()).is_err());
    }

    #[test]
    fn directions_of_other_models_are_refused() {
        let model = fresh("style-gan", 8, 6);
        let seed = Latent::Seed { seed: 1 };
        for (space, n) in [(Space::Z, 7), (Space::W, 7), (Space::W, 1024)] {
            let direction = Direction { space, values: vec![0.1; n], ..Direction::default() };
            assert!(model.moved(&seed, &[Move { direction, strength: 1.0 }]).is_err(), "{space:?} {n}");
        }
        let direction = Direction { values: vec![f32::NAN; 6], ..Direction::default() };
        assert!(model.moved(&seed, &[Move { direction: direction.clone(), strength: 1.0 }]).is_err());
        let good = Direction { values: vec![0.1; 6], ..direction };
        assert!(model.moved(&seed, &[Move { direction: good, strength: f32::NAN }]).is_err());
    }
}
