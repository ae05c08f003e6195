//! A person's own words: a head for their pictures, fitted to their captions or labels in seconds, and kept beside the
//! shipped ones. It is used where pictures are like those that were taught.
//!
//! Ridge regression in its dual form: as many unknowns as pictures, not as numbers that are seen of one.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::heads::unit;
use super::{DIM, JointSpace, KindCard, Method, Rows, SEEN, host};
use crate::base::linalg::rows::{Row, dot, solve};
use crate::base::paths::Paths;
use crate::base::rng::Stream;
use crate::base::{Problem, Progress, Result};
use crate::models::io::Weights;
use crate::models::photo_net;
use crate::models::shipped::damaged;
use crate::nn::init::Init;
use crate::nn::linear::Linear;

/// Pictures that are learned from, at most.
pub const MOST: usize = 1000;
/// Fewest of them.
pub const FEWEST: usize = 10;
/// What the penalty of the regression is, where a picture's numbers have length 1 on average.
const PENALTY: f64 = 1.0;
/// How much stages count beside what classes are told by.
const STAGES: f64 = 0.7;
/// Parts that are kept apart in turn to measure how well captions find their pictures.
const FOLDS: usize = 5;
/// How much further than nineteen of twenty that were taught a picture may lie from their mean.
const SLACK: f64 = 1.2;
/// Deviations beyond which distance does not count: a channel that was silent in a few pictures may speak in the next.
const LOUDEST: f64 = 3.0;
/// Key of the card in the file's metadata.
const METADATA: &str = "latent_studio_words";

/// The head for pictures like a person's own.
pub(super) struct Own {
    layers: Layers,
    /// How far a picture may lie from the mean to be one of them (see [`distance`]).
    far: f64,
    /// The shipped kind that they seem to be of, by place in the card.
    like: usize,
    pub(super) card: KindCard,
}

#[derive(Module, Debug)]
struct Layers {
    picture: Linear,
    /// Mean of captions. `[1, 128]`
    centre: Param<Tensor<2>>,
    /// Mean and standard deviation of what was seen. `[1, SEEN]`
    mean: Param<Tensor<2>>,
    deviation: Param<Tensor<2>>,
}

impl Own {
    fn file(paths: &Paths) -> PathBuf {
        paths.data.join("words.safetensors")
    }

    /// What was taught, if anything was.
    ///
    /// # Errors
    /// The file is damaged.
    pub(super) fn read(paths: &Paths, device: &Device) -> Result<Option<Self>> {
        let path = Self::file(paths);
        if !path.is_file() {
            return Ok(None);
        }
        let subject = |p: Problem| {
            let again = "Teach the words again, or forget them with `latent-studio words forget`";
            p.of(path.display().to_string()).try_this(again)
        };
        let weights = Weights::read(&path)?;
        Self::of(&weights, device).map(Some).map_err(subject)
    }

    fn of(weights: &Weights, device: &Device) -> Result<Self> {
        let text = |key: &str| weights.metadata.get(key).ok_or_else(|| damaged(format!("it has no {key}")));
        let card = serde_json::from_str(text(METADATA)?).map_err(damaged)?;
        let far = text("far")?.parse().map_err(damaged)?;
        let like = text("like")?.parse().map_err(damaged)?;
        let init = Init::blank("words", device);
        let blank = Layers {
            picture: Linear::new(&init, SEEN, DIM, 0.0),
            centre: init.filled([1, DIM], 0.0),
            mean: init.filled([1, SEEN], 0.0),
            deviation: init.filled([1, SEEN], 1.0),
        };
        let layers = weights.load(blank)?;
        Ok(Self { layers, far, like, card })
    }

    /// Whether most of these pictures, which seem to be of this shipped kind, are like those that were taught.
    pub(super) fn knows(&self, seen: Tensor<2>, kind: usize) -> Result<bool> {
        if kind != self.like {
            return Ok(false);
        }
        let z = (seen - self.layers.mean.val()) / self.layers.deviation.val();
        let rows = host(z)?;
        let mut far: Vec<f64> =
            rows.chunks_exact(SEEN).map(|row| distance(row.iter().map(|z| f64::from(*z)))).collect();
        far.sort_by(f64::total_cmp);
        Ok(far.get(far.len() / 2).is_some_and(|middle| *middle <= self.far))
    }

    /// Pictures. `[b, SEEN] → [b, 128]`, each of length 1
    pub(super) fn picture(&self, seen: Tensor<2>) -> Tensor<2> {
        self.centred(self.layers.picture.forward(seen))
    }

    /// Vectors of the joint space as they are seen from the mean of the captions. `[b, 128] → [b, 128]`
    pub(super) fn centred(&self, x: Tensor<2>) -> Tensor<2> {
        unit(x - self.layers.centre.val())
    }
}

/// Words that were learned, not kept yet.
pub struct Taught {
    weights: Weights,
    /// How well they do on captions that were kept apart.
    pub card: KindCard,
}

impl Taught {
    /// Keeps them: from now on they are used, in place of what was taught before.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn keep(&self, paths: &Paths) -> Result<()> {
        self.weights.write(&Own::file(paths))
    }
}

/// Forgets what was taught; says whether there was anything.
///
/// # Errors
/// The file cannot be deleted.
pub fn forget(paths: &Paths) -> Result<bool> {
    let path = Own::file(paths);
    match std::fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(Problem::io("What was taught could not be deleted", &path, &e)),
    }
}

impl JointSpace {
    /// What was taught of a person's own words, and how well it does.
    pub fn own(&self) -> Option<&KindCard> {
        self.own.as_ref().map(|own| &own.card)
    }

    /// Learns which words belong to which pictures; each caption may stand with several pictures, as labels do.
    ///
    /// # Errors
    /// There are too few pictures or only one caption, a caption is empty, or the work was cancelled.
    pub fn teach(&self, seen: &Rows, captions: &[String], progress: &dyn Progress) -> Result<Taught> {
        let unique: Vec<String> = captions.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
        if seen.len() < FEWEST || captions.len() != seen.len() || unique.len() < 2 {
            return Err(Problem::usage("This is too little to learn words from")
                .of(format!("{} pictures, {} different captions or labels", seen.len(), unique.len()))
                .try_this(format!("Give at least {FEWEST} pictures with two different captions or labels")));
        }
        let place: BTreeMap<&str, usize> = unique.iter().map(String::as_str).zip(0..).collect();
        let words = Rows::from_values(DIM, self.raw_texts(&unique, progress)?);
        let own: Vec<usize> = captions.iter().map(|c| place[c.as_str()]).collect();
        progress.report("Learning words", 0, FOLDS as u64 + 1);
        // A caption that only one picture has is kept apart with it; of labels some pictures are.
        let labels = unique.len() * 2 <= captions.len();
        let mut folds: Vec<usize> = (0..if labels { captions.len() } else { unique.len() }).collect();
        Stream::new(0, "own words").shuffle(&mut folds);
        let fold = |i: usize| folds[if labels { i } else { own[i] }] % FOLDS;
        let (mut hits, mut asked, mut among, mut best) = ([0u32; 3], 0u32, 0u32, Vec::new());
        for f in 0..FOLDS {
            progress.cancel().check()?;
            let (kept, rest): (Vec<usize>, Vec<usize>) = (0..seen.len()).partition(|&i| fold(i) == f);
            if kept.is_empty() || rest.len() < 2 {
                continue;
            }
            let fit = Fit::of(&seen.select(&rest), &words.select(&rest.iter().map(|&i| own[i]).collect::<Vec<_>>()))?;
            let pictures: Vec<Row> = kept.iter().map(|&i| fit.vector(seen.row(i))).collect();
            let texts: Vec<Row> = (0..unique.len()).map(|k| fit.centred(words.row(k))).collect();
            for (p, &i) in pictures.iter().zip(&kept) {
                let right = dot(p, &texts[own[i]]);
                // Labels compete for a picture, pictures for a caption.
                let before = if labels {
                    texts.iter().filter(|t| dot(p, t) > right).count()
                } else {
                    let others = pictures.iter().zip(&kept).filter(|(_, j)| own[**j] != own[i]);
                    others.filter(|(q, _)| dot(q, &texts[own[i]]) > right).count()
                };
                [1, 5, 10].iter().zip(&mut hits).for_each(|(n, hit)| *hit += u32::from(before < *n));
                best.push(right);
                asked += 1;
            }
            among += kept.len() as u32;
            progress.report("Learning words", f as u64 + 1, FOLDS as u64 + 1);
        }
        let share = |hit: u32| f64::from(hit) / f64::from(asked.max(1));
        best.sort_by(f64::total_cmp);
        let floor = best.get(best.len() / 10).copied().unwrap_or(0.0);
        let among = if labels { unique.len() as u32 } else { among / FOLDS as u32 };
        let card = KindCard {
            id: "own".into(),
            title: "pictures like those you taught".into(),
            method: Method::Heads,
            recall: if labels { [0.0; 3] } else { hits.map(share) },
            precision: if labels { share(hits[0]) } else { 0.0 },
            among,
            chance: (if labels { 1.0 } else { 10.0 } / f64::from(among.max(1))).min(1.0),
            floor,
            refused: 0.0,
        };
        let fit = Fit::of(seen, &words.select(&own))?;
        progress.report("Learning words", FOLDS as u64 + 1, FOLDS as u64 + 1);
        let shares = self.kinds(seen)?;
        let like = (0..shares.len()).max_by(|a, b| shares[*a].total_cmp(&shares[*b])).unwrap_or(0);
        Ok(Taught { weights: fit.weights(seen, &card, like)?, card })
    }
}

/// A regression that was solved.
struct Fit {
    mean: Row,
    deviation: Row,
    centre: Row,
    /// `[SEEN, 128]`, row by row.
    weight: Vec<f64>,
}

impl Fit {
    /// Of what was seen on captions' vectors, row by row.
    fn of(seen: &Rows, words: &Rows) -> Result<Self> {
        let n = seen.len() as f64;
        let mut mean = vec![0.0; SEEN];
        seen.iter().for_each(|r| mean.iter_mut().zip(r).for_each(|(m, v)| *m += f64::from(*v) / n));
        let mut deviation = vec![0.0; SEEN];
        for row in seen.iter() {
            deviation.iter_mut().zip(row).zip(&mean).for_each(|((d, v), m)| *d += (f64::from(*v) - m).powi(2) / n);
        }
        deviation.iter_mut().for_each(|d| *d = d.sqrt() + 1e-3);
        let rest = (SEEN - photo_net::DIM) as f64;
        let balance =
            |j: usize| if j < photo_net::DIM { (photo_net::DIM as f64).powf(-0.5) } else { STAGES / rest.sqrt() };
        let z: Vec<Row> = seen
            .iter()
            .map(|r| (0..SEEN).map(|j| (f64::from(r[j]) - mean[j]) / deviation[j] * balance(j)).collect())
            .collect();
        let mut centre = vec![0.0; DIM];
        words.iter().for_each(|r| centre.iter_mut().zip(r).for_each(|(c, v)| *c += f64::from(*v) / n));
        let alike: Vec<Row> = z
            .par_iter()
            .enumerate()
            .map(|(i, a)| z.iter().enumerate().map(|(j, b)| dot(a, b) + if i == j { PENALTY } else { 0.0 }).collect())
            .collect();
        let targets: Vec<Row> = (0..DIM).map(|k| words.iter().map(|r| f64::from(r[k]) - centre[k]).collect()).collect();
        let shares = solve(&alike, &targets).ok_or_else(|| {
            Problem::data("Nothing can be learned from these pictures").try_this("Leave out pictures of one colour")
        })?;
        let mut weight = vec![0.0; SEEN * DIM];
        weight.par_chunks_mut(DIM).enumerate().for_each(|(j, row)| {
            let scale = balance(j) / deviation[j];
            for (k, w) in row.iter_mut().enumerate() {
                *w = shares[k].iter().zip(&z).map(|(s, z)| s * z[j]).sum::<f64>() * scale;
            }
        });
        Ok(Self { mean, deviation, centre, weight })
    }

    /// A picture seen from the mean of the captions, of length 1.
    fn vector(&self, seen: &[f32]) -> Row {
        let mut out = vec![0.0; DIM];
        for (row, (v, m)) in self.weight.chunks_exact(DIM).zip(seen.iter().zip(&self.mean)) {
            let v = f64::from(*v) - m;
            out.iter_mut().zip(row).for_each(|(o, w)| *o += v * w);
        }
        of_length_one(out)
    }

    /// A text seen from there, of length 1.
    fn centred(&self, words: &[f32]) -> Row {
        of_length_one(words.iter().zip(&self.centre).map(|(v, c)| f64::from(*v) - c).collect())
    }

    /// What is kept.
    fn weights(&self, seen: &Rows, card: &KindCard, like: usize) -> Result<Weights> {
        let mut out = Weights::default();
        let mut put = |name: &str, shape: Vec<usize>, values: Vec<f32>| {
            out.tensors.insert(name.into(), crate::models::io::HostTensor { shape, values });
        };
        let single = |v: &[f64]| v.iter().map(|v| *v as f32).collect::<Vec<f32>>();
        // centre − mean · weight
        let mut bias = self.centre.clone();
        for (row, m) in self.weight.chunks_exact(DIM).zip(&self.mean) {
            bias.iter_mut().zip(row).for_each(|(b, w)| *b -= m * w);
        }
        put("picture.weight", vec![SEEN, DIM], single(&self.weight));
        put("picture.bias", vec![DIM], single(&bias));
        put("centre", vec![1, DIM], single(&self.centre));
        put("mean", vec![1, SEEN], single(&self.mean));
        put("deviation", vec![1, SEEN], single(&self.deviation));
        let mut far: Vec<f64> = seen
            .iter()
            .map(|r| distance(r.iter().zip(&self.mean).zip(&self.deviation).map(|((v, m), d)| (f64::from(*v) - m) / d)))
            .collect();
        far.sort_by(f64::total_cmp);
        let far = far[far.len() * 95 / 100] * SLACK;
        let json = |e: serde_json::Error| Problem::failed("What was learned cannot be written").because(e);
        let out = out
            .with(METADATA, serde_json::to_string(card).map_err(json)?)
            .with("far", far.to_string())
            .with("like", like.to_string());
        Ok(out)
    }
}

/// Root mean square of deviations from a mean, none of which counts as more than [`LOUDEST`].
fn distance(z: impl Iterator<Item = f64>) -> f64 {
    (z.map(|z| (z * z).min(LOUDEST * LOUDEST)).sum::<f64>() / SEEN as f64).sqrt()
}

fn of_length_one(mut v: Row) -> Row {
    let length = dot(&v, &v).sqrt().max(1e-12);
    v.iter_mut().for_each(|v| *v /= length);
    v
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;

    /// Vehicles and plants of Twemoji under made-up labels: words that nobody could know.
    #[test]
    fn labels_of_ones_own_are_learned_kept_and_forgotten() {
        let source = crate::data::open("emoji").unwrap();
        let of = |names: &[&str]| -> Vec<crate::base::Picture> {
            let find = |n: &&str| (0..source.len()).find(|&i| source.caption(i).as_deref() == Some(n)).unwrap();
            names.iter().map(|n| source.decode(find(n)).unwrap()).collect()
        };
        let faces = of(&[
            "grinning face",
            "beaming face with smiling eyes",
            "winking face",
            "neutral face",
            "kissing face",
            "angry face",
            "crying face",
            "sleeping face",
            "face with tongue",
            "smiling face with sunglasses",
        ]);
        let clocks = of(&[
            "one o’clock",
            "two o’clock",
            "three o’clock",
            "four o’clock",
            "five o’clock",
            "six o’clock",
            "seven o’clock",
            "eight o’clock",
            "nine o’clock",
            "ten o’clock",
        ]);
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let joint = JointSpace::open(&paths, &Device::flex()).unwrap();
        let seen = joint.seen(&[&faces[..8], &clocks[..8]].concat(), &Quiet::default()).unwrap();
        let labels: Vec<String> = (0..16).map(|i| if i < 8 { "blorp" } else { "wug" }.to_string()).collect();
        let taught = joint.teach(&seen, &labels, &Quiet::default()).unwrap();
        assert!(taught.card.precision >= 0.9, "{:?}", taught.card);
        assert!(taught.card.sentence().contains("of 2"), "{}", taught.card.sentence());
        assert!(!forget(&paths).unwrap());
        taught.keep(&paths).unwrap();
        let joint = JointSpace::open(&paths, &Device::flex()).unwrap();
        let new = joint.seen(&[&faces[8..], &clocks[8..]].concat(), &Quiet::default()).unwrap();
        let ranking = joint.rank("wug", &new, &Quiet::default()).unwrap();
        assert_eq!(ranking.reliability.kind.as_ref().unwrap().id, "own");
        let mut first = ranking.order[..2].to_vec();
        first.sort_unstable();
        assert_eq!(first, [2, 3]);
        assert!(forget(&paths).unwrap());
        assert!(JointSpace::open(&paths, &Device::flex()).unwrap().own().is_none());
        let few = seen.select(&[0, 1, 2]);
        assert_eq!(joint.teach(&few, &labels[..3], &Quiet::default()).err().unwrap().exit_code(), 2);
        std::fs::create_dir_all(&paths.data).unwrap();
        std::fs::write(Own::file(&paths), b"no weights").unwrap();
        assert!(JointSpace::open(&paths, &Device::flex()).is_err());
    }

    /// The dual form against plain normal equations in one dimension each.
    #[test]
    fn the_regression_has_no_gradient_where_it_ends() {
        let mut stream = Stream::new(5, "fit");
        let mut seen = Rows::new(SEEN);
        let mut words = Rows::new(DIM);
        for _ in 0..12 {
            seen.extend(&(0..SEEN).map(|_| stream.normal()).collect::<Vec<_>>());
            words.extend(&(0..DIM).map(|_| stream.normal()).collect::<Vec<_>>());
        }
        let fit = Fit::of(&seen, &words).unwrap();
        let balance =
            |j: usize| if j < photo_net::DIM { (photo_net::DIM as f64).powf(-0.5) } else { STAGES / 992f64.sqrt() };
        // Loss |z v − y|² + penalty |v|² with v = w · deviation / balance: its gradient in v is zero.
        let z = |i: usize, j: usize| (f64::from(seen.row(i)[j]) - fit.mean[j]) / fit.deviation[j] * balance(j);
        for (j, k) in [(0, 0), (700, 3), (2000, 127)] {
            let error = |i: usize| {
                let w = |j: usize| fit.weight[j * DIM + k];
                let said: f64 = (0..SEEN).map(|j| (f64::from(seen.row(i)[j]) - fit.mean[j]) * w(j)).sum();
                said - (f64::from(words.row(i)[k]) - fit.centre[k])
            };
            let v = fit.weight[j * DIM + k] * fit.deviation[j] / balance(j);
            let slope: f64 = (0..12).map(|i| error(i) * z(i, j)).sum::<f64>() + PENALTY * v;
            assert!(slope.abs() < 1e-9, "{j} {k}: {slope}");
        }
    }
}
