//! Points of an atlas: real pictures, a model's own, kept ones, each with a row of numbers to lay it out by.

use serde::{Deserialize, Serialize};

use super::holes::{Hole, covered, holes};
use super::{Layout, lay_out};
use crate::base::paths::Paths;
use crate::base::{Family, Picture, Problem, Progress, Result};
use crate::data::Prepared;
use crate::latent::blend::{Dims, space_of};
use crate::latent::directions::search::pictures;
use crate::latent::encoder::store;
use crate::latent::interpolate::Mode;
use crate::latent::model::LoadedModel;
use crate::recipe::picture::{Latent, Space};
use crate::train::tensors;

/// Pictures looked at together.
const TOGETHER: usize = 64;

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
pub struct Wish {
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
}

impl Default for Wish {
    fn default() -> Self {
        let layout = Layout::default();
        Self { data: Some(String::new()), limit: 4000, samples: 2000, layout, by: By::default(), seed: 1 }
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
        wish: &Wish,
        kept: &[Kept],
        paths: &Paths,
        progress: &dyn Progress,
    ) -> Result<(Atlas, Option<Prepared>)> {
        let set = match &wish.data {
            Some(data) => Some(pictures(self, data, wish.limit, paths, progress)?),
            None => None,
        };
        let looker = Looker::of(self, wish.by, paths)?;
        let (mut rows, mut points, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        if let Some((set, places)) = &set {
            labels = set.labels().to_vec();
            for group in places.chunks(TOGETHER) {
                progress.report("Looking at pictures", points.len() as u64, places.len() as u64);
                progress.cancel().check()?;
                let bytes: Vec<u8> = group.iter().flat_map(|&i| set.picture(i as usize).to_vec()).collect();
                for (&index, (row, latent)) in group.iter().zip(looker.look(&bytes, group.len())) {
                    rows.push(row);
                    let (name, label) = (set.name(index as usize).to_string(), set.label(index as usize));
                    let whose = Whose::Real { index, name, label, covered: true };
                    points.push(Point { place: [0.0; 2], whose, latent });
                }
            }
        }
        let real = rows.len();
        let shape = self.shape();
        let bytes_of = |pictures: &[Picture]| -> Vec<u8> {
            pictures.iter().flat_map(|p| p.to_interleaved(shape.channels)).collect()
        };
        let seeds: Vec<u64> = (1..=u64::from(wish.samples)).collect();
        for group in seeds.chunks(TOGETHER) {
            progress.report("Making pictures", (rows.len() - real) as u64, seeds.len() as u64);
            progress.cancel().check()?;
            let latents: Vec<Latent> = group.iter().map(|&seed| Latent::Seed { seed }).collect();
            let made = self.generate(&latents, 1.0)?;
            for (latent, (row, _)) in latents.into_iter().zip(looker.look(&bytes_of(&made), group.len())) {
                rows.push(row);
                let seed = latent.seed().unwrap_or_default();
                points.push(Point { place: [0.0; 2], whose: Whose::Generated { seed }, latent: Some(latent) });
            }
        }
        let generated = rows.len();
        for group in kept.chunks(TOGETHER) {
            progress.cancel().check()?;
            let pictures: Vec<Picture> = group.iter().map(|k| k.picture.clone()).collect();
            let (_, inputs) = self.taken_in(&pictures);
            for (k, (row, told)) in group.iter().zip(looker.look(&bytes_of(&inputs), group.len())) {
                rows.push(row);
                let latent = k.latent.clone().or(told);
                points.push(Point { place: [0.0; 2], whose: Whose::Kept { id: k.id }, latent });
            }
        }
        if rows.is_empty() {
            return Err(Problem::usage("There is nothing to lay out").try_this("Choose pictures, or samples"));
        }
        let places = lay_out(&rows, wish.layout, wish.seed, progress)?;
        points.iter_mut().zip(&places).for_each(|(p, place)| p.place = *place);
        let mut found = Vec::new();
        if real > 0 && generated > real {
            progress.report("Looking for holes", 0, 1);
            let (of_data, of_model) = (&rows[..real], &rows[real..generated]);
            for (point, is) in points.iter_mut().zip(covered(of_data, of_model)) {
                if let Whose::Real { covered, .. } = &mut point.whose {
                    *covered = is;
                }
            }
            found = holes(of_data, of_model, &places[..real]);
        }
        Ok((Atlas { points, labels, holes: found }, set.map(|s| s.0)))
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
        let wish = Wish { data: Some("shapes:120".into()), samples: 80, layout: Layout::Pca, ..Wish::default() };
        let (atlas, set) = model.atlas(&wish, &kept, &paths, &Quiet::default()).unwrap();
        assert_eq!((atlas.points.len(), set.unwrap().len()), (201, 120));
        assert_eq!(atlas.labels, ["square", "ellipse", "heart"]);
        assert!(atlas.points.iter().all(|p| p.latent.is_some()));
        let Whose::Real { name, label, .. } = &atlas.points[3].whose else { panic!() };
        assert_eq!((name.as_str(), label.is_some()), ("shape 000003", true));
        // The kept picture is the third shape of the data: it lies in the same place.
        let (own, same) = (atlas.points[200].place, atlas.points[3].place);
        assert!((own[0] - same[0]).abs() < 0.02 && (own[1] - same[1]).abs() < 0.02, "{own:?} {same:?}");
        let dims = model.dims();
        let there = atlas.at(&dims, atlas.points[130].place).unwrap();
        let close = |a: Vec<f32>, b: Vec<f32>| a.iter().zip(&b).all(|(x, y)| (x - y).abs() < 1e-3);
        assert!(close(there.values(10), atlas.points[130].latent.as_ref().unwrap().values(10)));
        let nothing = Wish { data: None, samples: 0, ..wish };
        assert!(model.atlas(&nothing, &[], &paths, &Quiet::default()).is_err());
    }
}
