//! `latent-studio bench`: how fast this machine is with this program.

use clap::{Args, Subcommand};

use super::{print_json, print_line};
use crate::base::Result;
use crate::bench::{step, train};

/// Subcommands of `bench`.
#[derive(Subcommand)]
pub enum Bench {
    /// A training step of a small network that other frameworks can build too, and sampling from it
    Train(Train),
}

impl Bench {
    /// Measures and prints.
    pub fn run(self) -> Result<()> {
        match self {
            Self::Train(task) => task.run(),
        }
    }
}

/// Arguments of `bench train`.
#[derive(Args)]
pub struct Train {
    /// Network
    #[arg(long, value_parser = step::ARCHS, default_value = step::ARCHS[0])]
    arch: String,
    /// Pictures a step
    #[arg(long, default_value_t = 64)]
    batch: usize,
    /// Steps to measure, after five to warm up
    #[arg(long, default_value_t = 20)]
    steps: usize,
    /// cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "cpu")]
    device: String,
    /// As JSON
    #[arg(long)]
    json: bool,
}

impl Train {
    fn run(self) -> Result<()> {
        let r = train::run(&self.arch, self.batch.max(2), self.steps.max(1), &self.device)?;
        if self.json {
            return print_json(&r);
        }
        print_line(&format!("{} on {}, batch {}, {} threads", r.arch, r.device, r.batch, r.threads))?;
        print_line(&format!("step      {:9.2} ms", r.step_ms))?;
        print_line(&format!("sample 64 {:9.2} ms", r.sample_ms))?;
        print_line(&format!("params    {:9}", r.params))?;
        if let Some(mb) = r.peak_mb {
            print_line(&format!("memory    {mb:9.0} MB at most"))?;
        }
        let peak = r.gemm_gflops.map(|g| format!(" of {g:.0} in a large matrix product")).unwrap_or_default();
        print_line(&format!("speed     {:9.0} GFLOP/s{peak}; {:.1} GFLOP a step", r.gflops, r.gflop))
    }
}
