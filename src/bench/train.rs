//! `bench train`: time of a training step, beside what the machine could do.

use serde::Serialize;

use super::step::Bench;
use super::{median, peak, timed};
use crate::base::{Result, memory};
use crate::train::device;

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Network.
    pub arch: String,
    /// Device.
    pub device: String,
    /// Pictures a step.
    pub batch: usize,
    /// Threads of the pool.
    pub threads: usize,
    /// Median time of a step.
    pub step_ms: f64,
    /// Median time of 64 pictures.
    pub sample_ms: f64,
    /// Trained numbers.
    pub params: usize,
    /// Largest memory that the process held so far; absent where the system does not tell.
    pub peak_mb: Option<f64>,
    /// Billions of floating-point operations in the convolutions and products of a step, counted without tricks.
    pub gflop: f64,
    /// Of these a second.
    pub gflops: f64,
    /// What a large matrix product reaches on this machine (CPU only).
    pub gemm_gflops: Option<f64>,
}

/// Measures `steps` steps after a warm-up.
///
/// # Errors
/// There is no such network or device.
pub fn run(arch: &str, batch: usize, steps: usize, device_id: &str) -> Result<Report> {
    let mut bench = Bench::new(arch, batch, &device::open(device_id)?)?;
    for _ in 0..5 {
        bench.step();
    }
    bench.wait();
    let mut step = timed(steps, || {
        bench.step();
        bench.wait();
    });
    for _ in 0..3 {
        bench.sample();
    }
    let sample = timed(10, || drop(bench.sample()));
    let peak_mb = memory::peak().map(|bytes| bytes as f64 / 1e6);
    let gemm_gflops = (device_id == "cpu").then(peak::gemm_gflops);
    let (step_ms, gflop) = (median(&step), gflop(arch, batch));
    step.clear();
    Ok(Report {
        arch: arch.into(),
        device: device_id.into(),
        batch,
        threads: rayon::current_num_threads(),
        step_ms,
        sample_ms: median(&sample),
        params: bench.params(),
        peak_mb,
        gflop,
        gflops: gflop / step_ms * 1e3,
        gemm_gflops,
    })
}

/// Multiply-adds of the layers of a network for one picture: first layer, the others.
struct Macs(f64, f64);

impl Macs {
    /// `side` is that of the smaller side of each layer.
    fn strided(channels: &[usize], mut side: usize, fc: usize) -> Self {
        let mut layers = channels.windows(2).map(|c| {
            let macs = 16 * c[0] * c[1] * side * side;
            side /= 2;
            macs as f64
        });
        let first = layers.next().unwrap_or(0.0);
        Self(first, layers.sum::<f64>() + fc as f64)
    }

    fn residual(first: usize, fc: usize) -> Self {
        let stages = (8 * 8 + 16 * 16 + 32 * 32) * 64 * 64 * (9 + 9 + 1);
        Self(first as f64, (stages + fc) as f64)
    }

    /// Forward, and back to weights and inputs, where the first layer's input needs no gradient.
    fn trained(&self) -> f64 {
        2.0 * self.0 + 3.0 * self.1
    }

    fn forward(&self) -> f64 {
        self.0 + self.1
    }
}

/// Billions of floating-point operations of a step.
pub fn gflop(arch: &str, batch: usize) -> f64 {
    let (rgb, fc) = (27 * 64 * 1024, 128 * 4096);
    let macs = match arch {
        "bench-dcgan32" | "bench-resgan32" => {
            let (g, d) = if arch == "bench-dcgan32" {
                let mut up = Macs::strided(&[3, 64, 128, 256], 16, 0);
                up = Macs(fc as f64, up.forward());
                (up, Macs::strided(&[3, 64, 128, 256], 16, 4096))
            } else {
                (Macs::residual(128 * 1024, rgb), Macs::residual(rgb, 1024))
            };
            // The critic on two batches; both forward for the generator, and back to its weights through the critic.
            g.forward() + 2.0 * d.trained() + 2.0 * d.forward() + g.trained()
        }
        "bench-vae32" => {
            let down = Macs::strided(&[3, 32, 64, 128], 16, 2048 * 128);
            down.trained() + 3.0 * (64 * 2048) as f64 + 3.0 * Macs::strided(&[3, 32, 64, 128], 16, 0).forward()
        }
        _ => Macs((784 * 400) as f64, (400 * 40 + 20 * 400 + 400 * 784) as f64).trained(),
    };
    2.0 * macs * batch as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_as_others_count_them() {
        // Convolutions of the step alone are 26.8 GFLOP at batch 64, by hand; the linear layers add 0.2.
        let dcgan = gflop("bench-dcgan32", 64);
        assert!((26.8..27.6).contains(&dcgan), "{dcgan}");
        // 784·400 trained as a first layer, 400·40 + 20·400 + 400·784 as others.
        let flat = 2.0 * (2.0 * 313_600.0 + 3.0 * (16_000.0 + 8_000.0 + 313_600.0)) * 64.0 / 1e9;
        assert!((gflop("bench-vae28", 64) - flat).abs() < 1e-9);
    }

    #[test]
    fn a_run_is_measured() {
        let report = run("bench-vae28", 4, 2, "cpu").unwrap();
        assert!(report.step_ms > 0.0 && report.sample_ms > 0.0 && report.params == 652_824);
        assert!(report.peak_mb.is_none_or(|mb| mb > 1.0) && report.gemm_gflops.is_some_and(|g| g > 0.1));
        assert!(run("bench-vae28", 4, 1, "toaster").is_err());
    }
}
