//! The scores against other people's code: see `tests/fixtures/make_scores.py`.

use super::factors::{Coded, dci, mig};
use super::feature_matrix::Rows;
use super::{fid, kid, pairs, prdc};
use crate::models::io::{HostTensor, Weights};

fn fixture() -> Weights {
    Weights::read(&crate::base::paths::source_tree().join("tests/fixtures/scores.safetensors")).unwrap()
}

fn rows(t: &HostTensor) -> Rows {
    Rows::from_values(t.shape[1], t.values.clone())
}

fn close(got: f64, expected: f32, tolerance: f64, what: &str) {
    let expected = f64::from(expected);
    assert!((got - expected).abs() <= tolerance * expected.abs().max(1e-3), "{what}: {got}, not {expected}");
}

#[test]
fn distances_and_shares_agree_with_scipy_and_numpy() {
    let f = fixture();
    let (x, y) = (rows(&f.tensors["x"]), rows(&f.tensors["y"]));
    let found = fid::fid(&fid::Moments::of(&x), &fid::Moments::of(&y), 1).unwrap();
    close(found.0, f.tensors["fid"].values[0], 1e-6, "fid");
    close(kid::kid(&x, &y, 1).unwrap().0, f.tensors["kid"].values[0], 1e-6, "kid");
    for k in [3, 5] {
        let found = prdc::prdc(&x, &y, k, 1).unwrap();
        let expected = &f.tensors[&format!("prdc{k}")].values;
        for ((got, name), expected) in [
            (found.precision, "precision"),
            (found.recall, "recall"),
            (found.density, "density"),
            (found.coverage, "coverage"),
        ]
        .iter()
        .zip(expected)
        {
            close(got.0, *expected, 1e-6, name);
            assert!(got.1 <= got.0 && got.0 <= got.2 && got.1 < got.2, "{name}: {got:?}");
        }
    }
}

#[test]
fn disentanglement_agrees_with_scikit_learn() {
    let f = fixture();
    let factors: Vec<Vec<f32>> = f.tensors["factors"].values.chunks(3).map(<[f32]>::to_vec).collect();
    let coded = Coded::new(&rows(&f.tensors["codes"]), &factors).unwrap();
    for (row, expected) in mig::mutual_information(&coded).iter().zip(f.tensors["mutual_information"].values.chunks(3))
    {
        row.iter().zip(expected).for_each(|(got, e)| close(*got, *e, 1e-5, "mutual information"));
    }
    close(mig::mig(&coded, 1).0, f.tensors["mig"].values[0], 1e-5, "mig");
    let importance: Vec<Vec<f64>> =
        f.tensors["importance"].values.chunks(3).map(|r| r.iter().map(|v| f64::from(*v)).collect()).collect();
    close(dci::disentanglement(&importance), f.tensors["disentanglement"].values[0], 1e-5, "disentanglement");
    close(dci::completeness(&importance), f.tensors["completeness"].values[0], 1e-5, "completeness");
}

#[test]
fn likeness_of_pictures_agrees_with_scikit_image() {
    let f = fixture();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for u in 0..24i32 {
        for v in 0..24i32 {
            for c in 0..3 {
                let value = (v * 7 + u * 13 + c * 31 + u * v) % 256;
                a.push(value as u8);
                b.push((value + (v * 5 + u * 3 + c) % 41 - 20).clamp(0, 255) as u8);
            }
        }
    }
    close(pairs::psnr(&a, &b), f.tensors["psnr"].values[0], 1e-6, "psnr");
    close(pairs::ssim(&a, &b, [24, 24], 3), f.tensors["ssim"].values[0], 1e-6, "ssim");
}
