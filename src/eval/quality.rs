//! Whether the shipped features order pictures as people do: the worse, the farther.

use burn::tensor::Device;

use super::feature_matrix::Rows;
use super::features::Extractor;
use super::features::distort::{Plain, blur, noise};
use super::{fid, kid, prdc};
use crate::base::progress::Quiet;
use crate::base::rng::Stream;
use crate::base::{Channels, Picture};
use crate::data;

/// Pictures of a source, square, at a size, in random order, with their labels.
fn pictures(source: &str, side: u32, count: usize) -> Vec<(Picture, u32)> {
    let source = data::open(source).unwrap();
    let mut places: Vec<usize> = (0..source.len()).collect();
    Stream::new(1, "pictures").shuffle(&mut places);
    places.truncate(count);
    let one = |i: usize| {
        let picture = data::scaled(&source.decode(i).unwrap(), side, side);
        let recipe = crate::recipe::DataRecipe { resolution: side.into(), background: [128; 3], ..Default::default() };
        let flat = data::prepare_picture(&picture, &recipe).to_interleaved(Channels::Rgb);
        (Picture::from_interleaved(side, side, Channels::Rgb, &flat), source.label(i).unwrap_or_default())
    };
    places.into_iter().map(one).collect()
}

fn changed(pictures: &[Picture], f: impl Fn(&mut Plain, u64)) -> Vec<Picture> {
    let one = |(i, p): (usize, &Picture)| {
        let mut plain = Plain::of(p);
        f(&mut plain, i as u64);
        plain.to_picture()
    };
    pictures.iter().enumerate().map(one).collect()
}

struct Judge {
    extractor: Extractor,
    data: Rows,
}

impl Judge {
    fn new(data: &[Picture]) -> Self {
        let extractor = Extractor::shipped(&Device::flex()).unwrap();
        let data = extractor.features(data, &Quiet::default()).unwrap();
        Self { extractor, data }
    }

    /// FID, KID, and the four shares.
    fn of(&self, samples: &[Picture]) -> (f64, f64, prdc::Prdc) {
        let rows = self.extractor.features(samples, &Quiet::default()).unwrap();
        (
            fid::fid(&fid::Moments::of(&self.data), &fid::Moments::of(&rows), 1).unwrap().0,
            kid::kid(&self.data, &rows, 1).unwrap().0,
            prdc::prdc(&self.data, &rows, prdc::K, 1).unwrap(),
        )
    }
}

fn rising(values: &[f64], what: &str) {
    assert!(values.windows(2).all(|w| w[0] < w[1]), "{what} does not rise: {values:?}");
}

/// Shares of few pictures are coarse: they may rise by chance, and must have fallen in the end.
fn falling(values: &[f64], what: &str) {
    let steps = values.windows(2).all(|w| w[1] < w[0] + 0.03);
    assert!(steps && values[values.len() - 1] < values[0] - 0.2, "{what} does not fall: {values:?}");
}

/// Checks one source: blur and noise from none to much, kinds from all to one.
fn check(source: &str, side: u32, count: usize, kinds: &[usize]) {
    let all = pictures(source, side, 2 * count);
    let plain = |part: &[(Picture, u32)]| part.iter().map(|p| p.0.clone()).collect::<Vec<_>>();
    let judge = Judge::new(&plain(&all[..count]));
    let clean = plain(&all[count..]);
    let base = judge.of(&clean);

    let unit = side as f32 / 32.0;
    let blurred: Vec<_> =
        [0.6, 1.0, 1.8].iter().map(|s| judge.of(&changed(&clean, |p, _| blur(p, *s * unit)))).collect();
    let noisy: Vec<_> = [0.04, 0.12, 0.3]
        .iter()
        .map(|d| judge.of(&changed(&clean, |p, i| noise(p, *d, &mut Stream::new(i, "noise")))))
        .collect();
    for (series, what) in [(&blurred, "blur"), (&noisy, "noise")] {
        let with = |f: &dyn Fn(&(f64, f64, prdc::Prdc)) -> f64| -> Vec<f64> {
            std::iter::once(&base).chain(series.iter()).map(f).collect()
        };
        eprintln!("{source} {what}: fid {:.2?} kid {:.3?}", with(&|s| s.0), with(&|s| s.1));
        eprintln!("   precision {:.2?} coverage {:.2?}", with(&|s| s.2.precision.0), with(&|s| s.2.coverage.0));
        rising(&with(&|s| s.0), &format!("FID with {what}"));
        rising(&with(&|s| s.1), &format!("KID with {what}"));
        falling(&with(&|s| s.2.precision.0), &format!("precision with {what}"));
        falling(&with(&|s| s.2.coverage.0), &format!("coverage with {what}"));
    }

    let dropped: Vec<_> = kinds
        .iter()
        .map(|&n| {
            let kept: Vec<Picture> = all[count..].iter().filter(|p| (p.1 as usize) < n).map(|p| p.0.clone()).collect();
            judge.of(&kept.iter().cycle().take(count).cloned().collect::<Vec<_>>())
        })
        .collect();
    let with = |f: &dyn Fn(&(f64, f64, prdc::Prdc)) -> f64| -> Vec<f64> {
        std::iter::once(&base).chain(dropped.iter()).map(f).collect()
    };
    eprintln!("{source} dropped: fid {:.2?} kid {:.3?}", with(&|s| s.0), with(&|s| s.1));
    eprintln!("   recall {:.2?} coverage {:.2?}", with(&|s| s.2.recall.0), with(&|s| s.2.coverage.0));
    rising(&with(&|s| s.0), "FID with dropped kinds");
    rising(&with(&|s| s.1), "KID with dropped kinds");
    falling(&with(&|s| s.2.recall.0), "recall with dropped kinds");
    falling(&with(&|s| s.2.coverage.0), "coverage with dropped kinds");
}

#[test]
fn worse_emoji_are_farther_and_missing_kinds_are_seen() {
    check("emoji", 32, 160, &[5, 2]);
}

/// `cargo test --release --lib worse_pictures -- --ignored --nocapture`, with the pictures beside the repository.
#[test]
#[ignore = "takes minutes, and needs pictures that are not part of the project"]
fn worse_pictures_of_many_kinds_are_farther() {
    check("emoji", 16, 600, &[6, 3, 1]);
    check("emoji", 64, 600, &[6, 3, 1]);
    check("shapes:4000", 32, 600, &[2, 1]);
    let shared = crate::base::paths::source_tree().join("../shared/data/fashion-mnist");
    let clothes = shared.join("t10k-images-idx3-ubyte.gz");
    if clothes.is_file() {
        check(clothes.to_str().unwrap(), 28, 1000, &[7, 4, 1]);
    } else {
        eprintln!("skipped: there is no {}", clothes.display());
    }
}
