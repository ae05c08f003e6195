//! One door for every way to find directions.

use serde::{Deserialize, Serialize};

use super::find::{SEEDS, axes_of};
use super::learn::Attribute;
use super::{Direction, Move, known, learn};
use crate::base::linalg::rows::{Row, add, dot, doubled, solve};
use crate::base::paths::Paths;
use crate::base::{Family, Problem, Progress, Result};
use crate::data::{self, Prepared};
use crate::eval::joint::JointSpace;
use crate::latent::attributes::{self, Judge, Judged, Predictor};
use crate::latent::latent_forward::LatentSpace;
use crate::latent::model::LoadedModel;
use crate::recipe::DataRecipe;
use crate::recipe::picture::{Latent, Space};

/// Pictures of a model that are judged.
const SAMPLES: u64 = 2048;
/// Pictures whose strips say how directions disturb each other.
const STRIPS: usize = 128;
/// Times that they are set right.
const ROUNDS: usize = 2;

/// Latents that are looked at, at most.
const MOST: u32 = 200_000;

/// How directions shall be found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "how")]
pub enum Find {
    /// Principal axes of styles, or of the features at a tap.
    Principal {
        /// Whose features; not given: styles, or the first features of a model without.
        tap: Option<u32>,
        /// How many.
        count: u32,
        /// Latents that are looked at.
        samples: u32,
    },
    /// Principal axes of a VAE's codes of pictures.
    Codes {
        /// The pictures; empty: those of the model's recipe.
        data: String,
        /// How many.
        count: u32,
        /// Pictures that are looked at.
        limit: u32,
    },
    /// SeFa.
    Sefa {
        /// Layers from and up to; all if not given.
        layers: Option<[u32; 2]>,
        /// How many.
        count: u32,
    },
    /// From the labels, factors and captions of a data set.
    Data {
        /// The pictures; empty: those of the model's recipe.
        data: String,
        /// Attributes to find; all if empty.
        only: Vec<String>,
        /// Whether each leaves the others as they are.
        apart: bool,
        /// Pictures that are looked at.
        limit: u32,
        /// Regression on the encoder's codes of the pictures, at once; else a small network first learns to tell the
        /// attributes of pictures, and regression is on what it tells of the model's own.
        codes: bool,
    },
    /// From what a person likes.
    Taste {
        /// Name.
        name: String,
        /// Liked.
        liked: Vec<Latent>,
        /// Disliked.
        disliked: Vec<Latent>,
    },
    /// From a phrase, such as `more red` (see [`JointSpace`]).
    Text {
        /// The phrase.
        text: String,
    },
    /// From one group or picture to another.
    Difference {
        /// Name.
        name: String,
        /// Where it comes from.
        from: Vec<Latent>,
        /// Where it goes.
        to: Vec<Latent>,
    },
}

impl Find {
    /// The pictures that it looks at, if it looks at any; empty for those of the model's recipe.
    pub fn data_mut(&mut self) -> Option<&mut String> {
        match self {
            Self::Codes { data, .. } | Self::Data { data, .. } => Some(data),
            _ => None,
        }
    }
}

/// Finds directions of a model.
///
/// # Errors
/// The model does not have what is asked for, the pictures are not there, or it was cancelled.
pub fn search(model: &LoadedModel, find: &Find, paths: &Paths, progress: &dyn Progress) -> Result<Vec<Direction>> {
    match find {
        Find::Principal { samples, .. } if *samples > MOST => {
            Err(Problem::usage("So many latents are not looked at").of(format!("{samples}, {MOST} at most")))
        }
        Find::Principal { tap, count, samples } => {
            let samples = (*samples as usize).max(*count as usize + 1);
            model.principal_directions(tap.map(|t| t as usize), *count as usize, samples, progress)
        }
        Find::Codes { data, count, limit } => {
            let (set, places) = pictures(model, data, *limit, paths, progress)?;
            let codes = model.codes_of(&set, &places, progress)?;
            Ok(axes_of(&codes, *count as usize, Space::Z))
        }
        Find::Sefa { layers, count } => model.sefa_directions(*layers, *count as usize),
        Find::Data { data, only, apart, limit, codes } => {
            let (set, places) = pictures(model, data, *limit, paths, progress)?;
            let opening = data::Opening { reading: model.info().recipe.data.reading(), progress };
            let source = data::open_as(&source_of(model, data), opening).ok();
            let mut attributes = known::attributes(&set, &places, source.as_deref());
            if let Some(missing) = only.iter().find(|o| attributes.iter().all(|a| a.name != **o)) {
                let names: Vec<String> = attributes.into_iter().map(|a| a.name).collect();
                return Err(Problem::usage("Nothing is known by this name")
                    .of(missing)
                    .try_this(format!("There are: {}", names.join(", "))));
            }
            attributes.retain(|a| only.is_empty() || only.contains(&a.name));
            if *codes {
                let codes = model.codes_of(&set, &places, progress)?;
                return learn::from_attributes(&codes, &attributes, Space::Z, *apart);
            }
            let steps = attributes::STEPS;
            let predictor = Predictor::train(&set, &places, &attributes, steps, &model.device, progress)?;
            told(model, &Judged { predictor: &predictor, model }, *apart, progress)
        }
        Find::Text { text } => {
            let joint = JointSpace::open(paths, &model.device)?;
            Ok(vec![model.text_direction(text, &joint, progress)?])
        }
        Find::Taste { name, liked, disliked } => {
            let (rows, space, sigma) = groups(model, &[liked, disliked])?;
            learn::from_taste(&rows[0], &rows[1], name, space, &*sigma).map(|d| vec![d])
        }
        Find::Difference { name, from, to } => {
            let (rows, space, sigma) = groups(model, &[from, to])?;
            learn::difference(&rows[0], &rows[1], name, space, &*sigma).map(|d| vec![d])
        }
    }
}

/// Directions along which a model's own pictures change as a judge tells.
///
/// # Errors
/// The model cannot be computed, or it was cancelled.
pub fn told(model: &LoadedModel, judge: &dyn Judge, apart: bool, progress: &dyn Progress) -> Result<Vec<Direction>> {
    let freedom = if model.layers() > 0 { LatentSpace::W } else { LatentSpace::Z };
    let latents: Vec<Latent> = (0..SAMPLES).map(|i| Latent::Seed { seed: SEEDS + i }).collect();
    let mut values: Vec<Vec<f64>> = vec![Vec::with_capacity(latents.len()); judge.names().len()];
    for (i, group) in latents.chunks(64).enumerate() {
        progress.report("Judging pictures", i as u64 * 64, SAMPLES);
        progress.cancel().check()?;
        for row in judge.judge(group)? {
            values.iter_mut().zip(row).for_each(|(own, v)| own.push(f64::from(v)));
        }
    }
    progress.report("Judging pictures", SAMPLES, SAMPLES);
    let named = judge.names().iter().zip(values).map(|(name, values)| Attribute { name: name.clone(), values });
    let rows = doubled(&model.numbers_of(&latents, freedom)?);
    let space = if freedom == LatentSpace::Z { Space::Z } else { Space::W };
    let mut found = learn::from_attributes(&rows, &named.collect::<Vec<_>>(), space, apart)?;
    if apart && found.len() > 1 {
        for _ in 0..ROUNDS {
            found = undisturbing(model, found, judge, (&latents, &rows), progress)?;
        }
    }
    Ok(found)
}

/// Directions mixed with each other so that on average over whole strips (−3 to 3) none moves what another is for:
/// regressions on typical pictures say what happens near the middle only.
fn undisturbing(
    model: &LoadedModel,
    found: Vec<Direction>,
    judge: &dyn Judge,
    (latents, rows): (&[Latent], &[Row]),
    progress: &dyn Progress,
) -> Result<Vec<Direction>> {
    let centre = crate::base::linalg::rows::mean(rows);
    let told: Vec<usize> = found.iter().filter_map(|d| judge.names().iter().position(|name| *name == d.name)).collect();
    if told.len() != found.len() {
        return Ok(found);
    }
    // How far a step of each moves what each is for.
    let mut slopes: Vec<Row> = Vec::with_capacity(found.len());
    for (k, direction) in found.iter().enumerate() {
        progress.report("Taking directions apart", k as u64, found.len() as u64);
        progress.cancel().check()?;
        let axis: Row = direction.values.iter().map(|v| f64::from(*v)).collect();
        let mut row = vec![0.0; found.len()];
        for (latent, own) in latents.iter().zip(rows).take(STRIPS) {
            let own =
                own.iter().zip(&centre).zip(&axis).map(|((v, m), a)| (v - m) * a).sum::<f64>() / dot(&axis, &axis);
            let at = |s: i32| {
                let strength = (f64::from(s) - own) as f32;
                model.moved(latent, &[Move { direction: direction.clone(), strength }])
            };
            let strip = (-3..=3).map(at).collect::<Result<Vec<_>>>()?;
            for (s, values) in (-3..=3).zip(judge.judge(&strip)?) {
                row.iter_mut().zip(&told).for_each(|(r, &j)| *r += f64::from(s) * f64::from(values[j]));
            }
        }
        slopes.push(row);
    }
    // Shares of the directions that move one thing and not the others: rows of the inverse, by normal equations.
    let n = found.len();
    let squares: Vec<Row> = slopes.iter().map(|a| slopes.iter().map(|b| dot(a, b)).collect()).collect();
    let columns: Vec<Row> = (0..n).map(|i| (0..n).map(|j| slopes[j][i]).collect()).collect();
    let Some(shares) = solve(&squares, &columns) else { return Ok(found) };
    let mix = |(k, own): (usize, &Direction)| {
        let mut axis = vec![0.0; own.values.len()];
        for (share, d) in shares[k].iter().zip(&found) {
            let row: Row = d.values.iter().map(|v| f64::from(*v)).collect();
            add(&mut axis, *share, &row);
        }
        let sigma = learn::along(rows, &centre, &axis);
        let mixed = Direction::scaled(own.name.clone(), own.method, own.space, &axis, sigma);
        // What can hardly be had without the others stays as it was.
        let mixed = mixed.filter(|m| m.cosine(own) > 0.5);
        mixed.map_or_else(|| own.clone(), |m| Direction { score: own.score, samples: own.samples, ..m })
    };
    Ok(found.iter().enumerate().map(mix).collect())
}

type Groups = (Vec<Vec<Row>>, Space, Box<dyn Fn(&[f64]) -> f64>);

/// Codes of groups of latents (styles where a model has some), and how far typical ones spread along an axis.
fn groups(model: &LoadedModel, groups: &[&Vec<Latent>]) -> Result<Groups> {
    let freedom = if model.layers() > 0 { LatentSpace::W } else { LatentSpace::Z };
    let rows = groups.iter().map(|g| Ok(doubled(&model.numbers_of(g, freedom)?))).collect::<Result<Vec<_>>>()?;
    let samples = model.sampled(1000, freedom)?;
    let centre = crate::base::linalg::rows::mean(&samples);
    let sigma = move |axis: &[f64]| learn::along(&samples, &centre, axis);
    Ok((rows, if freedom == LatentSpace::Z { Space::Z } else { Space::W }, Box::new(sigma)))
}

fn source_of(model: &LoadedModel, data: &str) -> String {
    if data.is_empty() { model.info().recipe.data.source.clone() } else { data.to_string() }
}

/// A data set prepared for a model, and the places of at most `limit` pictures, evenly spread.
///
/// # Errors
/// The pictures are not there, or it was cancelled.
pub fn pictures(
    model: &LoadedModel,
    data: &str,
    limit: u32,
    paths: &Paths,
    progress: &dyn Progress,
) -> Result<(Prepared, Vec<u32>)> {
    let recipe = DataRecipe { source: source_of(model, data), ..model.info().recipe.data.clone() };
    let set = data::prepare(&recipe, &paths.prepared(), progress)?;
    let step = set.len().div_ceil(limit.max(1) as usize).max(1);
    let places = (0..set.len() as u32).step_by(step).collect();
    Ok((set, places))
}

impl LoadedModel {
    /// Codes of prepared pictures: the posterior's means (VAE).
    ///
    /// # Errors
    /// The model has no encoder, or it was cancelled.
    pub fn codes_of(&self, set: &Prepared, places: &[u32], progress: &dyn Progress) -> Result<Vec<Row>> {
        if self.info().family != Family::Vae {
            return Err(Problem::usage("A GAN has no encoder, so pictures have no codes in it")
                .of(self.info().name.clone())
                .try_this("Choose a VAE"));
        }
        let mut out = Vec::with_capacity(places.len());
        for group in places.chunks(64) {
            progress.report("Encoding pictures", out.len() as u64, places.len() as u64);
            progress.cancel().check()?;
            let bytes: Vec<&[u8]> = group.iter().map(|&i| set.picture(i as usize)).collect();
            out.extend(doubled(&self.means(&bytes, bytes.len())));
        }
        progress.report("Encoding pictures", out.len() as u64, places.len() as u64);
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::linalg::rows::{correlation, predicted, ridge};
    use crate::base::progress::Quiet;

    /// A VAE of the studio with β = 4 on `shapes`, 120 kimg: coarse pictures, and size and place well apart.
    fn shapes(paths: &Paths) -> LoadedModel {
        let file = crate::base::paths::source_tree().join("tests/fixtures/shapes-vae.safetensors");
        LoadedModel::open(&file.to_string_lossy(), paths, "cpu").unwrap()
    }

    /// Mass and centre of what is not black: what the eye would tell size, x and y by.
    fn moments(pixels: &[f32]) -> Row {
        let plane = pixels.len() / 3;
        let side = (plane as f64).sqrt() as usize;
        let (mut m, mut x, mut y) = (1e-6, 0.0, 0.0);
        for i in 0..plane {
            let v = (0..3).map(|c| f64::from(pixels[c * plane + i] + 1.0)).fold(0.0, f64::max);
            m += v;
            x += v * (i % side) as f64;
            y += v * (i / side) as f64;
        }
        vec![m.sqrt(), x / m, y / m]
    }

    /// A regressor trained on the factors of real pictures, which knows nothing of the model.
    struct Regressor<'a> {
        model: &'a LoadedModel,
        names: Vec<String>,
        weights: Vec<Row>,
    }

    impl<'a> Regressor<'a> {
        fn train(model: &'a LoadedModel, names: &[&str], paths: &Paths) -> Self {
            let (set, places) = pictures(model, "shapes:600", 600, paths, &Quiet::default()).unwrap();
            let planar = |i: u32| -> Vec<f32> {
                let p = set.picture(i as usize);
                (0..3).flat_map(|c| p.iter().skip(c).step_by(3).map(|v| f32::from(*v) / 127.5 - 1.0)).collect()
            };
            let seen: Vec<Row> = places.iter().map(|&i| moments(&planar(i))).collect();
            let factor = |i: u32, name: &str| {
                let k = set.factor_names().iter().position(|f| f == name).unwrap();
                f64::from(set.factors(i as usize)[k])
            };
            let truth: Vec<Row> = places.iter().map(|&i| names.iter().map(|n| factor(i, n)).collect()).collect();
            let weights = ridge(&seen, &truth, 1e-6).unwrap();
            Self { model, names: names.iter().map(|n| (*n).to_string()).collect(), weights }
        }
    }

    impl Judge for Regressor<'_> {
        fn names(&self) -> &[String] {
            &self.names
        }

        fn judge(&self, latents: &[Latent]) -> Result<Vec<Vec<f32>>> {
            let tell = |p: &Vec<f32>| predicted(&self.weights, &moments(p)).into_iter().map(|v| v as f32).collect();
            Ok(self.model.pixels(latents, 1.0)?.iter().map(tell).collect())
        }
    }

    /// The claim of the whole: what factors of data say, directions do, and leave the rest.
    #[test]
    fn directions_learned_from_factors_move_them_and_leave_the_others() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let model = shapes(&paths);
        let names = ["size", "x", "y"];
        let regressor = Regressor::train(&model, &names, &paths);
        let directions = told(&model, &regressor, true, &Quiet::default()).unwrap();
        assert_eq!(directions.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), names);
        let table = moves(&model, &directions, &regressor, 200);
        for (k, row) in table.iter().enumerate() {
            for (j, c) in row.iter().enumerate() {
                let (low, high) = if j == k { (0.9, 1.0) } else { (-0.2, 0.2) };
                assert!((low..=high).contains(c), "{} moves {names:?} by {table:.3?}", names[k]);
            }
        }
    }

    #[test]
    fn directions_learned_from_codes_of_pictures_move_what_they_are_for() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let model = shapes(&paths);
        let names = ["size", "x", "y"];
        let regressor = Regressor::train(&model, &names, &paths);
        let only = names.map(String::from).to_vec();
        let find = Find::Data { data: "shapes:600".into(), only, apart: true, limit: 600, codes: true };
        let by_codes = search(&model, &find, &paths, &Quiet::default()).unwrap();
        let table = moves(&model, &by_codes, &regressor, 20);
        assert!((0..3).all(|k| table[k][k] > 0.7), "{table:.3?}");
    }

    /// Correlation of the steps of a strip (−3 to 3) with how far what is told moves from the strip's mean.
    fn moves(model: &LoadedModel, directions: &[Direction], judge: &dyn Judge, seeds: u64) -> Vec<Row> {
        let strengths: Vec<f32> = (-3..=3).map(|s| s as f32).collect();
        let of_direction = |direction: &Direction| -> Row {
            let axis: Row = direction.values.iter().map(|v| f64::from(*v)).collect();
            let (mut steps, mut told) = (Vec::new(), vec![Vec::new(); judge.names().len()]);
            for seed in 0..seeds {
                // The picture's own place along the direction would add to the step.
                let own = Latent::Seed { seed }.values(model.latent());
                let own = own.iter().zip(&axis).map(|(z, a)| f64::from(*z) * a).sum::<f64>() / dot(&axis, &axis);
                let moved = |s: &f32| {
                    let step = Move { direction: direction.clone(), strength: s - own as f32 };
                    model.moved(&Latent::Seed { seed }, &[step]).unwrap()
                };
                let rows = judge.judge(&strengths.iter().map(moved).collect::<Vec<_>>()).unwrap();
                for (j, all) in told.iter_mut().enumerate() {
                    let mean = rows.iter().map(|r| r[j]).sum::<f32>() / rows.len() as f32;
                    all.extend(rows.iter().map(|r| f64::from(r[j] - mean)));
                }
                steps.extend(strengths.iter().map(|s| f64::from(*s)));
            }
            told.iter().map(|t| correlation(&steps, t)).collect()
        };
        directions.iter().map(of_direction).collect()
    }
}
