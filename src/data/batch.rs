//! Which pictures come next: a pure function of the seed and of how many were drawn.

use std::sync::Arc;

use parking_lot::Mutex;

use super::augment::mirror_bytes;
use super::cache::Prepared;
use crate::base::rng::Stream;

/// Draws batches of training pictures. Every epoch is a fresh permutation; nothing but the number of pictures drawn so
/// far decides what comes, so a resumed run goes on with the very same pictures, whatever its batch size was.
pub struct Sampler {
    seed: u64,
    prepared: Prepared,
    mirror: bool,
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
        Self { seed, prepared: prepared.clone(), mirror, epochs: Mutex::new([None, None]) }
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
        let mut order = self.prepared.train().to_vec();
        stream.shuffle(&mut order);
        let coins = (0..order.len().div_ceil(64)).map(|_| stream.bits()).collect();
        let epoch = Arc::new(Epoch { number, order, coins });
        epochs.swap(0, 1);
        epochs[1] = Some(Arc::clone(&epoch));
        epoch
    }
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
}
