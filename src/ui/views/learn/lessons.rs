//! The lessons: what is trained for each, and what is said of it.

use crate::engine::DeviceReport;
use crate::engine::RunSummary;
use crate::recipe::preset::{Facts, find};
use crate::recipe::{Recipe, Schedule};
use crate::ui::views::train::estimate::expected;

/// Which lesson.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, strum::EnumIter)]
pub enum Lesson {
    /// A GAN and a VAE on the same pictures.
    #[default]
    Two,
    /// What collapse looks like.
    Collapse,
    /// A latent space of two numbers.
    Plane,
    /// What β does.
    Beta,
    /// The words.
    Words,
}

impl Lesson {
    /// On its tab.
    pub fn title(self) -> &'static str {
        match self {
            Self::Two => "GAN and VAE",
            Self::Collapse => "Collapse",
            Self::Plane => "Latent space",
            Self::Beta => "β",
            Self::Words => "Glossary",
        }
    }

    /// What it is about.
    pub fn text(self) -> &'static str {
        match self {
            Self::Two => {
                "Both learn to make new pictures like those they are shown. A GAN sets two networks against each other: a \
                 generator makes pictures, a critic tells them from real ones. A VAE squeezes each picture into a few \
                 numbers, its latent, and builds it again. Watch how one becomes sharp and the other soft, and which \
                 kinds of pictures each of them makes."
            }
            Self::Collapse => {
                "Here the data are points in 25 heaps, so that everything can be seen: grey is real, colour is made. With \
                 its penalty the critic stays gentle and the generator finds all heaps. Without it the critic becomes \
                 steep, and the generator crowds into a few heaps and jumps between them: it collapses. Among pictures \
                 this looks like the same face again and again."
            }
            Self::Plane => {
                "A latent is the list of numbers a picture is made from. This model has only two, so its whole latent \
                 space fits on a plane: close places give similar pictures, and between two kinds there is a way. Most \
                 models have 32 to 512 such numbers."
            }
            Self::Beta => {
                "β says how much a VAE is held to a tidy latent space. Low: reconstructions are sharp, but random latents \
                 fall between what it knows. High: random latents give clean pictures, but they are soft and much alike, \
                 and fewer numbers of the latent are used."
            }
            Self::Words => "Every term of the studio in a plain sentence, and where you meet it",
        }
    }
}

/// Something that is trained for a lesson.
#[derive(Clone, Debug)]
pub struct Part {
    /// Over its pictures.
    pub title: String,
    /// What to look for.
    pub look: &'static str,
    /// What is trained; its name says which lesson it belongs to.
    pub recipe: Recipe,
}

/// Values of β that are trained.
pub const BETAS: [f64; 4] = [0.1, 1.0, 4.0, 16.0];

/// The device and the runs that tell how long things take.
pub struct Speed<'a> {
    /// Where lessons are trained.
    pub device: Option<&'a DeviceReport>,
    /// What ran before.
    pub runs: &'a [RunSummary],
}

impl Speed<'_> {
    /// Thousands of pictures that a preset sees in so many seconds, within bounds; in the middle of them if nobody knows.
    fn kimg(&self, preset: &str, resolution: u32, seconds: f64, (least, most): (f64, f64)) -> f64 {
        let recipe = find(preset).map(|p| p.recipe(Facts { pictures: 500, resolution: resolution.into() }));
        let speed = recipe.and_then(|r| expected(&r, self.device, self.runs)).map(|e| e.images_per_s);
        let kimg = speed.map_or((least * most).sqrt(), |s| s * seconds / 1000.0);
        (kimg.clamp(least, most) * 10.0).round() / 10.0
    }

    /// Seconds that all of these take, one after the other.
    pub fn seconds(&self, parts: &[Part]) -> Option<f64> {
        parts.iter().map(|p| expected(&p.recipe, self.device, self.runs).map(|e| e.seconds)).sum()
    }
}

fn part(preset: &str, kimg: f64, source: &str, title: &str, look: &'static str) -> Option<Part> {
    let pictures = if source.starts_with("points:") { 10_000 } else { 500 };
    let mut recipe = find(preset)?.lasting(kimg).recipe(Facts { pictures, resolution: 32.into() });
    recipe.data.source = source.into();
    recipe.data = recipe.data.settled();
    recipe.name = format!("lesson {}", title.to_lowercase());
    Some(Part { title: title.into(), look, recipe })
}

/// What is trained for a lesson, on these pictures where that may be chosen.
pub fn parts(lesson: Lesson, source: &str, speed: &Speed<'_>) -> Vec<Part> {
    let out: Vec<Option<Part>> = match lesson {
        Lesson::Two => vec![
            part(
                "gan-tiny",
                speed.kimg("gan-tiny", 32, 150.0, (4.0, 24.0)),
                source,
                "GAN",
                "Look for sharp edges, and for pictures that come again and again",
            ),
            part(
                "vae-tiny",
                speed.kimg("vae-tiny", 32, 90.0, (8.0, 60.0)),
                source,
                "VAE",
                "Look for soft outlines, and for all kinds of pictures being there",
            ),
        ],
        Lesson::Collapse => {
            let kimg = speed.kimg("mlp-gan", 1, 60.0, (600.0, 3000.0));
            let with = part("mlp-gan", kimg, "points:grid25", "With penalty", "The number of kinds grows to 25");
            let without = part(
                "mlp-gan",
                kimg,
                "points:grid25",
                "Without penalty",
                "The number of kinds stays low, and the points jump",
            );
            let without = without.map(|mut part| {
                (part.recipe.objective.r1, part.recipe.objective.r2) = (false, false);
                part
            });
            vec![with, without]
        }
        Lesson::Beta => {
            let kimg = speed.kimg("vae-tiny", 32, 50.0, (6.0, 30.0));
            let of = |beta: f64| {
                let part = part(
                    "vae-tiny",
                    kimg,
                    "shapes",
                    &format!("beta {beta}"),
                    "Compare the samples with the reconstructions: which are sharper?",
                );
                part.map(|mut part| {
                    part.recipe.objective.beta = Schedule::constant(beta);
                    part
                })
            };
            BETAS.map(of).into()
        }
        Lesson::Plane | Lesson::Words => Vec::new(),
    };
    out.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use strum::IntoEnumIterator as _;

    #[test]
    fn every_lesson_trains_valid_recipes_that_differ_in_what_it_is_about() {
        let speed = Speed { device: None, runs: &[] };
        for lesson in Lesson::iter() {
            let parts = parts(lesson, "emoji:smileys", &speed);
            let mut names: Vec<&str> = parts.iter().map(|p| p.recipe.name.as_str()).collect();
            names.dedup();
            assert_eq!(names.len(), parts.len());
            for part in &parts {
                part.recipe.validate().unwrap_or_else(|e| panic!("{lesson:?} {}: {e}", part.title));
            }
        }
        let collapse = parts(Lesson::Collapse, "", &speed);
        assert!(
            collapse[0].recipe.objective.r1 && !collapse[1].recipe.objective.r1 && !collapse[1].recipe.objective.r2
        );
        let betas = parts(Lesson::Beta, "", &speed);
        assert_eq!(betas.iter().map(|p| p.recipe.objective.beta.start).collect::<Vec<_>>(), BETAS);
    }

    #[test]
    fn both_kinds_are_trained_in_about_five_minutes_whatever_the_device() {
        let report = |speed| DeviceReport {
            id: "cpu".into(),
            name: "CPU".into(),
            usable: true,
            reason: String::new(),
            gpu: false,
            gmacs_per_s: Some(speed),
        };
        for gmacs in [20.0, 40.0] {
            let report = report(gmacs);
            let speed = Speed { device: Some(&report), runs: &[] };
            let seconds = speed.seconds(&parts(Lesson::Two, "emoji:smileys", &speed)).unwrap();
            assert!((60.0..420.0).contains(&seconds), "{gmacs}: {seconds}");
        }
    }
}
