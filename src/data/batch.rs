//! Which pictures come next: a pure function of the seed and of how many were drawn.

use std::sync::Arc;

use parking_lot::Mutex;

use super::augment::mirror_bytes;
use super::cache::Prepared;
use crate::base::rng::Stream;
use crate::base::{Problem, Result};

/// Draws batches of training pictures. Every epoch is a fresh permutation; nothing but the number of pictures drawn so
/// far decides what comes, so a resumed run goes on with the very same pictures, whatever its batch size was.
pub struct Sampler {
    seed: u64,
    prepared: Prepared,
    mirror: bool,
    /// Weights of the training pictures, in their order; nothing if all weigh the same.
    weights: Option<Vec<f64>>,
    /// The epochs a batch touches: the one that ends and the one that begins.
    epochs: Mutex<[Option<Arc<Epoch>>; 2]>,
}

struct Epoch {
    number: u64,
    /// Places in the prepared set.
    order: Vec<u32>,
    /// One coin a draw.
    coins: Vec<u64>,
}

impl Sampler {
    /// A sampler of the training part.
    pub fn new(seed: u64, prepared: &Prepared, mirror: bool) -> Self {
        Self { seed, prepared: prepared.clone(), mirror, weights: None, epochs: Mutex::new([None, None]) }
    }

    /// Draws each training picture as often as its weight says, by its name. An epoch has as many draws as there are
    /// pictures; one of weight `w` is among them `w · n / Σ w` times, rounded up or down at random (systematic resampling,
    /// Kitagawa 1996). Where all weigh the same, every batch is the one without weights, to the byte.
    ///
    /// # Errors
    /// No picture has a weight above 0.
    pub fn weighted(mut self, weight: impl Fn(&str) -> f64) -> Result<Self> {
        let train = self.prepared.train();
        let weights: Vec<f64> = train.iter().map(|&i| weight(self.prepared.name(i as usize)).max(0.0)).collect();
        if weights.iter().all(|w| *w <= 0.0) {
            return Err(Problem::data("All pictures have weight 0: there is nothing to train on")
                .of("data.marks")
                .try_this("Give some of them a weight, in Data or with `latent-studio data weight`"));
        }
        let same = weights.windows(2).all(|w| w[0] == w[1]);
        self.weights = Some(weights).filter(|_| !same);
        Ok(self)
    }

    /// Writes the `n` pictures after the first `drawn` ones to `out` (picture, row, column, channel) and returns their
    /// places in the prepared set.
    pub fn batch(&self, drawn: u64, n: usize, out: &mut Vec<u8>) -> Vec<u32> {
        let shape = self.prepared.shape();
        let (size, row) = (shape.bytes(), shape.resolution.width as usize * shape.channels.count());
        out.clear();
        out.reserve(n * size);
        let mut places = Vec::with_capacity(n);
        let total = self.prepared.train().len() as u64;
        let mut current: Option<Arc<Epoch>> = None;
        for draw in drawn..drawn + n as u64 {
            let (number, at) = (draw / total, (draw % total) as usize);
            let epoch = match current.take() {
                Some(epoch) if epoch.number == number => epoch,
                _ => self.epoch(number),
            };
            let place = epoch.order[at];
            let from = out.len();
            out.extend_from_slice(self.prepared.picture(place as usize));
            if self.mirror && epoch.coins[at / 64] >> (at % 64) & 1 == 1 {
                mirror_bytes(&mut out[from..], row, shape.channels.count());
            }
            places.push(place);
            current = Some(epoch);
        }
        places
    }

    /// How many pictures an epoch has.
    pub fn epoch_len(&self) -> u64 {
        self.prepared.train().len() as u64
    }

    fn epoch(&self, number: u64) -> Arc<Epoch> {
        let mut epochs = self.epochs.lock();
        if let Some(epoch) = epochs.iter().flatten().find(|epoch| epoch.number == number) {
            return Arc::clone(epoch);
        }
        let mut stream = Stream::new(self.seed, &format!("data epoch {number}"));
        let train = self.prepared.train();
        let mut order = match &self.weights {
            Some(weights) => {
                let mut offset = Stream::new(self.seed, &format!("data weights {number}"));
                drawn_by_weight(train, weights, f64::from(offset.uniform()))
            }
            None => train.to_vec(),
        };
        stream.shuffle(&mut order);
        let coins = (0..order.len().div_ceil(64)).map(|_| stream.bits()).collect();
        let epoch = Arc::new(Epoch { number, order, coins });
        epochs.swap(0, 1);
        epochs[1] = Some(Arc::clone(&epoch));
        epoch
    }
}

/// As many draws as there are places, each place as often as its share of the weights, rounded by where a comb of even
/// spacing, shifted by `offset` of a step (0 to 1), meets it.
fn drawn_by_weight(places: &[u32], weights: &[f64], offset: f64) -> Vec<u32> {
    let n = places.len();
    let step = weights.iter().sum::<f64>() / n as f64;
    let mut out = Vec::with_capacity(n);
    let (mut sum, mut last) = (0.0, None);
    for (&place, &weight) in places.iter().zip(weights) {
        sum += weight;
        while weight > 0.0 && out.len() < n && (out.len() as f64 + offset) * step < sum {
            out.push(place);
        }
        last = Some(place).filter(|_| weight > 0.0).or(last);
    }
    // The sum is rounded: the last tooth may fall beside it.
    out.extend(last.into_iter().cycle().take(n - out.len()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::data::prepare;
    use crate::recipe::DataRecipe;

    fn prepared(n: usize) -> (tempfile::TempDir, Prepared) {
        let cache = tempfile::tempdir().unwrap();
        let recipe = DataRecipe { source: format!("shapes:{n}"), resolution: 16.into(), ..DataRecipe::default() };
        let prepared = prepare(&recipe, cache.path(), &Quiet::default()).unwrap();
        (cache, prepared)
    }

    #[test]
    fn an_epoch_has_every_picture_once_and_the_next_is_another() {
        let (_cache, p) = prepared(37);
        let s = Sampler::new(5, &p, false);
        let mut out = Vec::new();
        let two = s.batch(0, 74, &mut out);
        for half in [&two[..37], &two[37..]] {
            let mut sorted = half.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, p.train());
        }
        assert_ne!(two[..37], two[37..]);
        for (k, &place) in two.iter().enumerate() {
            assert_eq!(&out[k * 768..(k + 1) * 768], p.picture(place as usize));
        }
    }

    #[test]
    fn only_the_number_drawn_matters() {
        let (_cache, p) = prepared(50);
        let (mut whole, mut part, mut all) = (Vec::new(), Vec::new(), Vec::new());
        let places = Sampler::new(9, &p, true).batch(0, 120, &mut whole);
        let s = Sampler::new(9, &p, true);
        let mut drawn = 0;
        let mut joined = Vec::new();
        for n in [1, 7, 32, 64, 16] {
            joined.extend(s.batch(drawn, n, &mut part));
            all.extend_from_slice(&part);
            drawn += n as u64;
        }
        assert_eq!((joined, all), (places.clone(), whole));
        let fresh = Sampler::new(9, &p, true).batch(93, 7, &mut part);
        assert_eq!(fresh, places[93..100]);
        assert_ne!(Sampler::new(10, &p, true).batch(0, 50, &mut part), places[..50]);
    }

    #[test]
    fn about_half_are_mirrored() {
        let (_cache, p) = prepared(150);
        let mut out = Vec::new();
        let places = Sampler::new(1, &p, true).batch(0, 150, &mut out);
        let turned = places
            .iter()
            .enumerate()
            .filter(|&(k, &i)| {
                let (got, plain) = (&out[k * 768..(k + 1) * 768], p.picture(i as usize));
                let mut mirrored = plain.to_vec();
                mirror_bytes(&mut mirrored, 48, 3);
                assert!(got == plain || got == mirrored);
                got != plain
            })
            .count();
        assert!((50..100).contains(&turned), "{turned}");
    }

    #[test]
    fn weights_decide_how_often_and_equal_ones_change_no_byte() {
        let (_cache, p) = prepared(60);
        let (mut plain, mut other) = (Vec::new(), Vec::new());
        let places = Sampler::new(3, &p, true).batch(0, 150, &mut plain);
        let same = Sampler::new(3, &p, true).weighted(|_| 2.5).unwrap().batch(0, 150, &mut other);
        assert_eq!((&same, &other), (&places, &plain));
        assert!(Sampler::new(3, &p, true).weighted(|_| 0.0).is_err());

        let (heavy, never) = (p.name(4).to_owned(), p.name(9).to_owned());
        let weight = |name: &str| if name == heavy { 7.0 } else { f64::from(u8::from(name != never)) };
        let sampler = Sampler::new(3, &p, false).weighted(weight).unwrap();
        let mut out = Vec::new();
        let drawn = sampler.batch(0, 6500, &mut out);
        let count = |place: u32| drawn.iter().filter(|d| **d == place).count();
        // 60 draws an epoch over a sum of weights of 65.
        assert_eq!(count(9), 0);
        let (four, others) = (count(4) as f64, count(5) as f64);
        assert!((four - 700.0).abs() < 20.0 && (others - 100.0).abs() < 20.0, "{four} {others}");
        for epoch in drawn.chunks(60).take(50) {
            let of_four = epoch.iter().filter(|d| **d == 4).count();
            assert!((6..=7).contains(&of_four), "{of_four}");
            assert!(epoch.iter().filter(|d| **d == 5).count() <= 1);
        }
        // Whoever goes on draws the same.
        let fresh = Sampler::new(3, &p, false).weighted(weight).unwrap();
        assert_eq!(fresh.batch(1234, 100, &mut out), drawn[1234..1334]);
    }

    #[test]
    fn draws_by_weight_fill_an_epoch_at_every_offset() {
        let places: Vec<u32> = (0..7).collect();
        for offset in [0.0, 0.3, 0.999_999_94] {
            let drawn = drawn_by_weight(&places, &[0.0, 0.1, 0.2, 1e-9, 3.0, 0.7, 0.0], offset);
            assert_eq!(drawn.len(), 7);
            assert!(drawn.iter().all(|d| (1..6).contains(d)), "{drawn:?}");
        }
    }
}
