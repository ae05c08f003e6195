//! What a VAE does with its latents: which numbers it uses, how they are spread, where pictures do not come back.

use crate::base::{Picture, Problem, Progress, Resolution, Result};
use crate::data::Prepared;
use crate::latent::latent_forward::host;
use crate::latent::model::{LoadedModel, Net};
use crate::nn::per_picture;
use crate::recipe::picture::Latent;
use crate::train::tensors;

/// Bars of a histogram, from −`REACH` to `REACH`.
pub const BARS: usize = 41;
/// Standard deviations that a histogram reaches to; what lies beyond is in its outermost bars.
pub const REACH: f32 = 4.0;
/// Nats from which on a number counts as used.
const USED: f32 = 0.01;
/// Pictures encoded at once.
const TOGETHER: usize = 64;

/// One number of a VAE's latent, over many pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct NumberUse {
    /// Mean KL divergence from the prior, in nats.
    pub kl: f32,
    /// Whether it carries anything.
    pub used: bool,
    /// Mean of the posterior's means.
    pub mean: f32,
    /// Standard deviation of the posterior's means.
    pub deviation: f32,
    /// Mean standard deviation of the posterior.
    pub doubt: f32,
    /// Shares of the aggregated posterior in [`BARS`] bars.
    pub histogram: Vec<f32>,
}

/// The code of a labelled picture, in a model whose latents have two numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CodePoint {
    /// The posterior's mean.
    pub at: [f32; 2],
    /// Its label, a place in the names of labels.
    pub label: Option<u32>,
}

/// Share of a standard normal in each bar of a histogram: what a histogram would be if it were the prior.
pub fn prior_histogram() -> Vec<f32> {
    histogram_of(&[(0.0, 1.0)])
}

/// Mean share of normals in each bar.
fn histogram_of(normals: &[(f32, f32)]) -> Vec<f32> {
    let width = 2.0 * f64::from(REACH) / BARS as f64;
    let below = |x: f64, (m, s): (f32, f32)| {
        0.5 * libm::erfc(-(x - f64::from(m)) / (f64::from(s).max(1e-6) * std::f64::consts::SQRT_2))
    };
    let mut bars = vec![0.0f64; BARS];
    for normal in normals {
        let mut before = 0.0;
        for (i, bar) in bars.iter_mut().enumerate() {
            let end = if i + 1 == BARS { 1.0 } else { below(f64::from(-REACH) + width * (i + 1) as f64, *normal) };
            *bar += end - before;
            before = end;
        }
    }
    bars.iter().map(|b| (b / normals.len().max(1) as f64) as f32).collect()
}

/// Where a picture does not come back.
#[derive(Clone, Debug, PartialEq)]
pub struct Anomaly {
    /// The picture as the encoder saw it.
    pub input: Picture,
    /// What came back.
    pub reconstruction: Picture,
    /// Where it differs, smoothed: transparent where it does not, then yellow to red.
    pub heat: Picture,
    /// Root mean square error of pixels (of 1).
    pub error: f32,
    /// The same of the model's own pictures, on average; a picture far above it lies outside.
    pub usual: f32,
}

impl LoadedModel {
    /// How each number of the latent is used over pictures of a prepared set.
    ///
    /// # Errors
    /// The model is a GAN, or it was cancelled.
    pub fn code_use(&self, set: &Prepared, places: &[u32], progress: &dyn Progress) -> Result<Vec<NumberUse>> {
        let mut normals: Vec<Vec<(f32, f32)>> = vec![Vec::with_capacity(places.len()); self.latent()];
        self.each_code(set, places, progress, |mean, deviation| {
            normals.iter_mut().zip(mean.into_iter().zip(deviation)).for_each(|(own, pair)| own.push(pair));
        })?;
        Ok(normals.iter().map(|n| number_use(n)).collect())
    }

    /// Codes of pictures of a prepared set, on the plane of a latent of two numbers, with their labels.
    ///
    /// # Errors
    /// The model is a GAN, its latents are no plane, or it was cancelled.
    pub fn code_plane(&self, set: &Prepared, places: &[u32], progress: &dyn Progress) -> Result<Vec<CodePoint>> {
        if self.latent() != 2 {
            return Err(Problem::usage("This model's latents are no plane")
                .because(format!("they have {} numbers", self.latent())));
        }
        let mut points = Vec::with_capacity(places.len());
        self.each_code(set, places, progress, |mean, _| {
            if let ([x, y], Some(&place)) = (mean.as_slice(), places.get(points.len())) {
                points.push(CodePoint { at: [*x, *y], label: set.label(place as usize) });
            }
        })?;
        Ok(points)
    }

    /// Encodes pictures of a prepared set, one after the other: means and standard deviations of each.
    fn each_code(
        &self,
        set: &Prepared,
        places: &[u32],
        progress: &dyn Progress,
        mut take: impl FnMut(Vec<f32>, Vec<f32>),
    ) -> Result<()> {
        let Net::Vae(vae) = &self.net else { return Err(no_vae(self)) };
        for (i, group) in places.chunks(TOGETHER).enumerate() {
            progress.report("Encoding pictures", (i * TOGETHER) as u64, places.len() as u64);
            progress.cancel().check()?;
            let bytes: Vec<u8> = group.iter().flat_map(|&i| set.picture(i as usize).to_vec()).collect();
            let (mean, log_variance) =
                vae.encode(tensors::pictures(&bytes, group.len(), self.shape(), &self.device), None);
            for (mean, deviation) in host(mean).into_iter().zip(host((log_variance * 0.5).exp())) {
                take(mean, deviation);
            }
        }
        progress.report("Encoding pictures", places.len() as u64, places.len() as u64);
        Ok(())
    }

    /// Root mean square error of pixels (of 1) with which each of `n` pictures (interleaved bytes of the model's shape)
    /// comes back; nothing for a GAN.
    pub(in crate::latent) fn faults(&self, bytes: &[u8], n: usize) -> Vec<f32> {
        let Net::Vae(vae) = &self.net else { return Vec::new() };
        let x = tensors::pictures(bytes, n, self.shape(), &self.device);
        let y = vae.to_picture(vae.decode(vae.encode(x.clone(), None).0, None));
        host((per_picture((x - y).square()).mean_dim(1) * 0.25).sqrt()).concat()
    }

    /// Where a picture does not come back.
    ///
    /// # Errors
    /// The model is a GAN.
    pub fn anomaly(&self, picture: &Picture) -> Result<Anomaly> {
        let Net::Vae(vae) = &self.net else { return Err(no_vae(self)) };
        let (x, mut inputs) = self.taken_in(std::slice::from_ref(picture));
        let back = |x: burn::tensor::Tensor<4>| vae.to_picture(vae.decode(vae.encode(x, None).0, None));
        let y = back(x.clone());
        let reconstruction = tensors::to_pictures(y.clone(), self.shape()).pop().ok_or_else(|| no_vae(self))?;
        // Mean square over the channels, of pictures in 0…1.
        let square: Vec<f32> = host(per_picture((x - y).square().mean_dim(1) * 0.25)).concat();
        let own: Vec<Latent> = (0..16).map(|seed| Latent::Seed { seed }).collect();
        let (made, _) = self.taken_in(&self.generate(&own, 1.0)?);
        let usual = host(per_picture((made.clone() - back(made)).square().mean_dim(1) * 0.25)).concat();
        let root_mean = |v: &[f32]| (v.iter().sum::<f32>() / v.len().max(1) as f32).sqrt();
        let usual = root_mean(&usual);
        let heat = heat(&smoothed(&square, self.shape().resolution), self.shape().resolution, usual.max(1.0 / 255.0));
        let input = inputs.pop().ok_or_else(|| no_vae(self))?;
        Ok(Anomaly { input, reconstruction, heat, error: root_mean(&square), usual })
    }
}

fn no_vae(model: &LoadedModel) -> Problem {
    Problem::usage("Only a VAE has codes to look at").of(model.info().name.clone()).try_this("Choose a VAE")
}

fn number_use(normals: &[(f32, f32)]) -> NumberUse {
    let n = normals.len().max(1) as f32;
    let mean = normals.iter().map(|p| p.0).sum::<f32>() / n;
    let deviation = (normals.iter().map(|p| (p.0 - mean).powi(2)).sum::<f32>() / n).sqrt();
    let doubt = normals.iter().map(|p| p.1).sum::<f32>() / n;
    let nats = |(m, s): &(f32, f32)| 0.5 * (m * m + s * s - 1.0) - s.max(1e-6).ln();
    let kl = normals.iter().map(nats).sum::<f32>() / n;
    NumberUse { kl, used: kl > USED, mean, deviation, doubt, histogram: histogram_of(normals) }
}

/// Mean over squares of three by three.
fn smoothed(values: &[f32], resolution: Resolution) -> Vec<f32> {
    let [rows, columns] = resolution.grid();
    let at = |x: usize, y: usize| {
        let (mut sum, mut count) = (0.0, 0.0);
        for v in y.saturating_sub(1)..(y + 2).min(rows) {
            for u in x.saturating_sub(1)..(x + 2).min(columns) {
                sum += values[v * columns + u];
                count += 1.0;
            }
        }
        sum / count
    };
    (0..rows * columns).map(|i| at(i % columns, i / columns)).collect()
}

/// Errors as colours: nothing up to the usual, full red at five times that.
fn heat(squares: &[f32], Resolution { width, height }: Resolution, usual: f32) -> Picture {
    let colour = |v: &f32| {
        let t = ((v.sqrt() / usual - 1.0) / 4.0).clamp(0.0, 1.0);
        [255, (230.0 * (1.0 - t)) as u8, 30, (t.sqrt() * 230.0) as u8]
    };
    Picture { width, height, rgba: squares.iter().flat_map(colour).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::paths::Paths;
    use crate::base::progress::Quiet;
    use crate::latent::directions::search::pictures;
    use crate::latent::testing::fresh;

    #[test]
    fn histograms_are_shares_and_the_priors_is_normal() {
        let prior = prior_histogram();
        assert!((prior.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let middle = BARS / 2;
        assert!((prior[middle] - 2.0 * REACH / BARS as f32 * 0.39894).abs() < 1e-3);
        assert!((prior[middle - 5] - prior[middle + 5]).abs() < 1e-6);
        let far = histogram_of(&[(9.0, 0.1)]);
        assert!((far[BARS - 1] - 1.0).abs() < 1e-6);
        let sleeping = number_use(&[(0.0, 1.0), (0.0, 1.0)]);
        assert!(!sleeping.used && sleeping.kl.abs() < 1e-6);
        assert!(number_use(&[(1.0, 0.2), (-1.0, 0.2)]).used);
    }

    #[test]
    fn a_shipped_vae_is_looked_into_and_strange_pictures_glow() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let model = LoadedModel::open("shapes-beta-vae", &paths, "cpu").unwrap();
        let (set, places) = pictures(&model, "shapes:200", 200, &paths, &Quiet::default()).unwrap();
        let numbers = model.code_use(&set, &places, &Quiet::default()).unwrap();
        assert_eq!(numbers.len(), 10);
        let told: f32 = model.info().kl.iter().sum();
        let found: f32 = numbers.iter().map(|n| n.kl).sum();
        assert!((found / told - 1.0).abs() < 0.15, "{found} {told}");
        assert!(numbers.iter().filter(|n| n.used).count() >= 6);

        let shape = crate::data::open("shapes").unwrap().decode(5).unwrap();
        let plain = model.anomaly(&shape).unwrap();
        let mut strange = shape.clone();
        strange.paste(&Picture::filled(14, 14, [255; 4]), 0, 0);
        let odd = model.anomaly(&strange).unwrap();
        assert!(odd.error > 1.5 * plain.error, "{} {}", plain.error, odd.error);
        let glow = |a: &Anomaly, x: u32, y: u32| a.heat.pixel(x, y)[3];
        assert!(glow(&odd, 3, 3) > 150 && glow(&plain, 3, 3) < 60, "{} {}", glow(&odd, 3, 3), glow(&plain, 3, 3));
        assert!(fresh("dcgan", 8, 4).anomaly(&shape).is_err());
    }
}
