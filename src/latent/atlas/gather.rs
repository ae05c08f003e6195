//! Points of an atlas: real pictures, a model's own, kept ones, each with a row of numbers to lay it out by.

use serde::{Deserialize, Serialize};

use super::holes::{Hole, cover, holes};
use super::rows::{self, Axes, Gathered};
use super::{Layout, lay_out};
use crate::base::paths::Paths;
use crate::base::{Family, Picture, Problem, Progress, Result};
use crate::data::Prepared;
use crate::latent::directions::search::pictures;
use crate::latent::encoder::store;
use crate::latent::interpolate::Mode;
use crate::latent::latent_math::{Dims, space_of};
use crate::latent::model::LoadedModel;
use crate::latent::validate::check_truncation;
use crate::recipe::picture::{Latent, Space};
use crate::train::tensors;

/// Pictures looked at together.
const TOGETHER: usize = 64;
/// Points on a sheet, at most.
pub const MOST: usize = 250_000;

/// What pictures are laid out by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Codes of the model: a VAE's own, or those a GAN's encoder tells; pixels where there is none.
    #[default]
    Codes,
    /// Pixels.
    Pixels,
}

/// What shall be on the sheet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AtlasConfig {
    /// Real pictures; empty: those of the model's recipe; nothing: none.
    pub data: Option<String>,
    /// Real pictures at most, evenly spread.
    pub limit: u32,
    /// Pictures of the model: seeds from 1.
    pub samples: u32,
    /// How they are laid out.
    pub layout: Layout,
    /// What they are laid out by.
    pub by: By,
    /// Seed of the layout.
    pub seed: u64,
    /// Truncation or temperature that the model's pictures are made with.
    pub truncation: f32,
}

impl Default for AtlasConfig {
    fn default() -> Self {
        let layout = Layout::default();
        let by = By::default();
        Self { data: Some(String::new()), limit: 4000, samples: 2000, layout, by, seed: 1, truncation: 1.0 }
    }
}

/// Whose picture a point is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind")]
pub enum Whose {
    /// A picture of the data, by its place in the prepared set.
    Real {
        /// Place.
        index: u32,
        /// Name within its source.
        name: String,
        /// Label, by place.
        label: Option<u32>,
        /// Whether something generated is near.
        covered: bool,
        /// How far the model is off at it: root mean square error of pixels (of 1) of what comes back through its
        /// encoder, or, where it has none, of the nearest sample. Nothing without either.
        hardness: Option<f32>,
    },
    /// A picture of the model.
    Generated {
        /// Its seed.
        seed: u64,
    },
    /// A kept picture, by its number.
    Kept {
        /// Number.
        id: i64,
    },
}

/// A point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Where, about −1…1.
    pub place: [f32; 2],
    /// Whose picture.
    pub whose: Whose,
    /// Its latent, if it has one in the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latent: Option<Latent>,
}

/// A sheet of all pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Atlas {
    /// Points: real ones, then generated ones, then kept ones.
    pub points: Vec<Point>,
    /// Names of the labels.
    pub labels: Vec<String>,
    /// Where real pictures are from; empty without any.
    pub source: String,
    /// Real pictures where nothing is generated, by place among the points; the largest first.
    pub holes: Vec<Hole>,
}

/// A kept picture on its way into an atlas.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// Its number.
    pub id: i64,
    /// Its pixels.
    pub picture: Picture,
    /// Its latent, if it is of this model.
    pub latent: Option<Latent>,
}

impl Atlas {
    /// The latent at a place: the mix of the nearest points that have one.
    ///
    /// # Errors
    /// None has.
    pub fn at(&self, dims: &Dims, place: [f32; 2]) -> Result<Latent> {
        let far = |p: &Point| (p.place[0] - place[0]).powi(2) + (p.place[1] - place[1]).powi(2);
        let mut near: Vec<(f32, &Latent)> =
            self.points.iter().filter_map(|p| Some((far(p), p.latent.as_ref()?))).collect();
        near.sort_by(|a, b| a.0.total_cmp(&b.0));
        let first = near.first().ok_or_else(|| Problem::usage("No picture of this sheet has a latent"))?.1;
        let space = space_of([first])?;
        let chosen: Vec<(f32, &Latent)> = near.into_iter().filter(|(_, l)| l.place().space == space).take(4).collect();
        let weights: Vec<f64> = chosen.iter().map(|(d, _)| 1.0 / (f64::from(*d) + 1e-9)).collect();
        let total: f64 = weights.iter().sum();
        let terms: Vec<(f64, &Latent)> = weights.iter().zip(&chosen).map(|(w, (_, l))| (w / total, *l)).collect();
        dims.sum(&terms, if space == Space::Z { Mode::Slerp } else { Mode::Lerp })
    }
}

impl LoadedModel {
    /// Gathers pictures and lays them out.
    ///
    /// # Errors
    /// The pictures are not there, there are none, or it was cancelled.
    pub fn atlas(
        &self,
        wish: &AtlasConfig,
        kept: &[Kept],
        paths: &Paths,
        progress: &dyn Progress,
    ) -> Result<(Atlas, Option<Prepared>)> {
        let set = match &wish.data {
            Some(data) => Some(pictures(self, data, wish.limit, paths, progress)?),
            None => None,
        };
        let reals = set.as_ref().map_or(0, |s| s.1.len());
        let total = reals + wish.samples as usize + kept.len();
        if total > MOST {
            return Err(Problem::usage("So many pictures do not fit on one sheet")
                .of(format!("{total} pictures, {MOST} at most"))
                .try_this("Choose fewer pictures of the data, or fewer samples"));
        }
        check_truncation(wish.truncation)?;
        let looker = Looker::of(self, wish.by, paths)?;
        let axes = if rows::fit(total, looker.width()) {
            None
        } else {
            progress.report("Looking for axes", 0, 1);
            let some = self.some_rows(&looker, set.as_ref(), wish)?;
            (!some.is_empty()).then(|| Axes::of(&some))
        };
        let mut rows = Gathered::new(axes);
        let (mut points, mut labels) = (Vec::new(), Vec::new());
        if let Some((set, places)) = &set {
            labels = set.labels().to_vec();
            for group in places.chunks(TOGETHER) {
                progress.report("Looking at pictures", points.len() as u64, places.len() as u64);
                progress.cancel().check()?;
                let bytes: Vec<u8> = group.iter().flat_map(|&i| set.picture(i as usize).to_vec()).collect();
                let looked = looker.look(&bytes, group.len());
                let off = looker.off(&bytes, &looked)?;
                let (found, latents): (Vec<_>, Vec<_>) = looked.into_iter().unzip();
                rows.extend(found);
                for ((&index, latent), hardness) in group.iter().zip(latents).zip(off) {
                    let (name, label) = (set.name(index as usize).to_string(), set.label(index as usize));
                    let whose = Whose::Real { index, name, label, covered: true, hardness };
                    points.push(Point { place: [0.0; 2], whose, latent });
                }
            }
        }
        let real = rows.count();
        let shape = self.shape();
        let bytes_of = |pictures: &[Picture]| -> Vec<u8> {
            pictures.iter().flat_map(|p| p.to_interleaved(shape.channels)).collect()
        };
        let seeds: Vec<u64> = (1..=u64::from(wish.samples)).collect();
        for group in seeds.chunks(TOGETHER) {
            progress.report("Making pictures", (rows.count() - real) as u64, seeds.len() as u64);
            progress.cancel().check()?;
            let latents: Vec<Latent> = group.iter().map(|&seed| Latent::Seed { seed }).collect();
            let made = self.generate(&latents, wish.truncation)?;
            rows.extend(looker.look(&bytes_of(&made), group.len()).into_iter().map(|l| l.0).collect());
            for latent in latents {
                let seed = latent.seed().unwrap_or_default();
                points.push(Point { place: [0.0; 2], whose: Whose::Generated { seed }, latent: Some(latent) });
            }
        }
        let generated = rows.count();
        for group in kept.chunks(TOGETHER) {
            progress.cancel().check()?;
            let pictures: Vec<Picture> = group.iter().map(|k| k.picture.clone()).collect();
            let (_, inputs) = self.taken_in(&pictures);
            let (found, told): (Vec<_>, Vec<_>) = looker.look(&bytes_of(&inputs), group.len()).into_iter().unzip();
            rows.extend(found);
            for (k, told) in group.iter().zip(told) {
                let latent = k.latent.clone().or(told);
                points.push(Point { place: [0.0; 2], whose: Whose::Kept { id: k.id }, latent });
            }
        }
        if points.is_empty() {
            return Err(Problem::usage("There is nothing to lay out").try_this("Choose pictures, or samples"));
        }
        let places = lay_out(&rows.rows, wish.layout, wish.seed, progress)?;
        points.iter_mut().zip(&places).for_each(|(p, place)| p.place = *place);
        let mut found = Vec::new();
        if real > 0 && generated > real {
            progress.report("Looking for holes", 0, 1);
            let (of_data, of_model) = (&rows.rows[..real], &rows.rows[real..generated]);
            let cover = cover(of_data, of_model, wish.seed, progress)?;
            let pixels = matches!(looker, Looker::Pixels(_));
            for (i, ((point, is), near)) in points.iter_mut().zip(&cover.covered).zip(&cover.nearest).enumerate() {
                if let Whose::Real { covered, hardness, .. } = &mut point.whose {
                    *covered = *is;
                    // Rows are pixels in −1…1 then.
                    let far = rows.whole(i, real + near.place as usize, near.distance);
                    *hardness = hardness.or(pixels.then(|| far * 0.5 / (shape.bytes() as f32).sqrt()));
                }
            }
            found = holes(&cover, &places[..real]);
        }
        let source = match wish.data.as_deref() {
            Some("") => self.info().recipe.data.source.clone(),
            data => data.unwrap_or_default().into(),
        };
        Ok((Atlas { points, labels, source, holes: found }, set.map(|s| s.0)))
    }
}

impl LoadedModel {
    /// Rows of some real pictures and samples that stand for all of a wish, as many of each as their share.
    fn some_rows(
        &self,
        looker: &Looker<'_>,
        set: Option<&(Prepared, Vec<u32>)>,
        wish: &AtlasConfig,
    ) -> Result<Vec<Vec<f32>>> {
        let (reals, samples) = (set.map_or(0, |s| s.1.len()), wish.samples as usize);
        let looked = rows::looked(looker.width());
        let of = |count: usize| (looked * count).div_ceil((reals + samples).max(1)).min(count);
        let mut rows: Vec<Vec<f32>> = Vec::with_capacity(looked + 2);
        if let Some((set, places)) = set {
            let step = reals.div_ceil(of(reals).max(1)).max(1);
            let some: Vec<u32> = places.iter().step_by(step).copied().collect();
            for group in some.chunks(TOGETHER) {
                let bytes: Vec<u8> = group.iter().flat_map(|&i| set.picture(i as usize).to_vec()).collect();
                rows.extend(looker.look(&bytes, group.len()).into_iter().map(|l| l.0));
            }
        }
        let seeds: Vec<Latent> = (1..=of(samples) as u64).map(|seed| Latent::Seed { seed }).collect();
        for group in seeds.chunks(TOGETHER) {
            let made = self.generate(group, wish.truncation)?;
            let bytes: Vec<u8> = made.iter().flat_map(|p| p.to_interleaved(self.shape().channels)).collect();
            rows.extend(looker.look(&bytes, group.len()).into_iter().map(|l| l.0));
        }
        Ok(rows)
    }
}

/// Turns pictures into rows, and into latents where it can.
enum Looker<'a> {
    Vae(&'a LoadedModel),
    Encoder(&'a LoadedModel, Box<crate::latent::encoder::Encoder>),
    Pixels(&'a LoadedModel),
}

impl<'a> Looker<'a> {
    fn of(model: &'a LoadedModel, by: By, paths: &Paths) -> Result<Self> {
        if by == By::Codes {
            if model.info().family == Family::Vae {
                return Ok(Self::Vae(model));
            }
            if let Some(encoder) = store::find(model, paths)? {
                return Ok(Self::Encoder(model, Box::new(encoder)));
            }
        }
        Ok(Self::Pixels(model))
    }

    /// Numbers in a row.
    fn width(&self) -> usize {
        match self {
            Self::Vae(model) => model.latent(),
            Self::Encoder(model, encoder) => model.row(encoder.info().freedom),
            Self::Pixels(model) => model.shape().bytes(),
        }
    }

    /// How far the model is off at pictures, where it can take them in: see [`Whose::Real`].
    fn off(&self, bytes: &[u8], looked: &[(Vec<f32>, Option<Latent>)]) -> Result<Vec<Option<f32>>> {
        match self {
            Self::Vae(model) => Ok(model.faults(bytes, looked.len()).into_iter().map(Some).collect()),
            Self::Encoder(model, _) => {
                let latents: Vec<Latent> = looked.iter().filter_map(|l| l.1.clone()).collect();
                let made = model.generate(&latents, 1.0)?;
                let shape = model.shape();
                let pairs = bytes.chunks_exact(shape.bytes()).zip(&made);
                Ok(pairs.map(|(own, made)| Some(root_mean_square(own, &made.to_interleaved(shape.channels)))).collect())
            }
            Self::Pixels(_) => Ok(vec![None; looked.len()]),
        }
    }

    /// Rows of pictures (interleaved bytes of the model's shape).
    fn look(&self, bytes: &[u8], n: usize) -> Vec<(Vec<f32>, Option<Latent>)> {
        match self {
            Self::Vae(model) => {
                let point = |values: Vec<f32>| (values.clone(), Some(Latent::Point { values }));
                model.means(&[bytes], n).into_iter().map(point).collect()
            }
            Self::Encoder(model, encoder) => {
                let x = tensors::pictures(bytes, n, model.shape(), &model.device);
                encoder.tell(model, x).into_iter().map(|t| (t.row, Some(t.latent))).collect()
            }
            Self::Pixels(model) => {
                let each = model.shape().bytes();
                let row = |p: &[u8]| (p.iter().map(|v| f32::from(*v) / 127.5 - 1.0).collect(), None);
                bytes.chunks_exact(each).map(row).collect()
            }
        }
    }
}

/// Root mean square difference of bytes, of 1.
fn root_mean_square(a: &[u8], b: &[u8]) -> f32 {
    let sum: f32 = a.iter().zip(b).map(|(x, y)| (f32::from(*x) - f32::from(*y)).powi(2)).sum();
    (sum / a.len().max(1) as f32).sqrt() / 255.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;

    #[test]
    fn real_and_generated_pictures_meet_on_one_sheet() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let model = LoadedModel::open("shapes-beta-vae", &paths, "cpu").unwrap();
        let picture = crate::data::open("shapes").unwrap().decode(3).unwrap();
        let kept = [Kept { id: 7, picture, latent: None }];
        let wish =
            AtlasConfig { data: Some("shapes:120".into()), samples: 80, layout: Layout::Pca, ..AtlasConfig::default() };
        let (atlas, set) = model.atlas(&wish, &kept, &paths, &Quiet::default()).unwrap();
        assert_eq!((atlas.points.len(), set.unwrap().len()), (201, 120));
        assert_eq!(atlas.labels, ["square", "ellipse", "heart"]);
        assert!(atlas.points.iter().all(|p| p.latent.is_some()));
        let Whose::Real { name, label, hardness, .. } = &atlas.points[3].whose else { panic!() };
        assert_eq!((name.as_str(), label.is_some()), ("shape 000003", true));
        let alone = model.anomaly(&crate::data::open("shapes").unwrap().decode(3).unwrap()).unwrap();
        assert!((hardness.unwrap() - alone.error).abs() < 1e-3, "{hardness:?} {}", alone.error);
        // Without codes it is the nearest sample that tells.
        let pixels = AtlasConfig { by: By::Pixels, ..wish.clone() };
        let (by_pixels, _) = model.atlas(&pixels, &[], &paths, &Quiet::default()).unwrap();
        let Whose::Real { hardness: Some(far), index, .. } = by_pixels.points[3].whose else { panic!() };
        let made: Vec<Latent> = (1..=80).map(|seed| Latent::Seed { seed }).collect();
        let (set, _) = pictures(&model, "shapes:120", 120, &paths, &Quiet::default()).unwrap();
        let own = set.picture(index as usize);
        let each = model.generate(&made, 1.0).unwrap();
        let least = each.iter().map(|p| root_mean_square(own, &p.to_interleaved(model.shape().channels)));
        let least = least.fold(f32::INFINITY, f32::min);
        assert!((far - least).abs() < 1e-3, "{far} {least}");
        // The kept picture is the third shape of the data: it lies in the same place.
        let (own, same) = (atlas.points[200].place, atlas.points[3].place);
        assert!((own[0] - same[0]).abs() < 0.02 && (own[1] - same[1]).abs() < 0.02, "{own:?} {same:?}");
        let dims = model.dims();
        let there = atlas.at(&dims, atlas.points[130].place).unwrap();
        let close = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(&b).all(|(x, y)| (x - y).abs() < 1e-3);
        assert!(close(there.values(10), atlas.points[130].latent.as_ref().unwrap().values(10)));
        let many = AtlasConfig { samples: 4_000_000_000, ..wish.clone() };
        assert!(model.atlas(&many, &[], &paths, &Quiet::default()).is_err());
        let nothing = AtlasConfig { data: None, samples: 0, ..wish };
        assert!(model.atlas(&nothing, &[], &paths, &Quiet::default()).is_err());
    }
}
