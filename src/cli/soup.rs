//! `latent-studio runs soup`: one model out of several, kept only if it is better than each.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::judging::{Judge, Judged};
use super::{device, may_write, print_json, print_line, watched};
use crate::base::paths::{Paths, write_atomically};
use crate::base::{Problem, Progress, Result};
use crate::latent::{catalog, soup};
use crate::models::info::ModelInfo;
use crate::models::io::Weights;

/// Arguments of `runs soup`.
#[derive(Args)]
pub struct Soup {
    /// Models of one network: checkpoints (RUN@KIMG), runs, forks, files
    #[arg(required = true, num_args = 2.., value_name = "M")]
    models: Vec<String>,
    /// File of the new model; it is written only if it is better than each of them
    #[arg(long, value_name = "FILE.safetensors")]
    out: PathBuf,
    /// What samples are compared with; the pictures that the models learned from without
    #[arg(long, value_name = "SRC")]
    data: Option<String>,
    /// Samples
    #[arg(long, default_value_t = 1000)]
    count: usize,
    /// Seed of the samples
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

/// A model that may go in.
struct Part {
    model: String,
    weights: Weights,
    info: ModelInfo,
    judged: Judged,
}

impl Soup {
    /// Averages greedily: the best first, each next one stays in if it makes the mean better.
    pub fn run(self, paths: &Paths) -> Result<()> {
        may_write(&self.out)?;
        let (progress, device) = (watched(self.json), device(&self.device, paths));
        let judge = Judge { data: self.data.as_deref(), count: self.count, seed: self.seed, device: &device };
        let mut parts = Vec::new();
        for model in &self.models {
            let (weights, info) = catalog::resolve(model, paths)?.read()?;
            let judged = judge.of(model, None, paths, &progress)?;
            parts.push(Part { model: model.clone(), weights, info, judged });
        }
        parts.sort_by(|a, b| a.judged.value.total_cmp(&b.judged.value));
        // Told before the long part: of one network or none.
        soup::average(&parts.iter().map(|p| &p.weights).collect::<Vec<_>>())?;
        let folder = tempfile::tempdir().map_err(|e| Problem::failed("A folder could not be made").because(e))?;
        let file = folder.path().join("soup.safetensors");
        let place = crate::engine::dataset_locator::of_model(&parts[0].model, "", paths).ok();
        let name = self.out.file_stem().map_or_else(|| "soup".into(), |s| s.to_string_lossy().into_owned());
        let stir = |chosen: &[usize], judge: &Judge<'_>| -> Result<(Vec<u8>, Judged)> {
            let in_it: Vec<_> = chosen.iter().map(|&i| (&parts[i].weights, &parts[i].info)).collect();
            let bytes = soup::model(&in_it, &name)?.to_bytes();
            write_atomically(&file, &bytes)?;
            let judged = judge.of(&file.display().to_string(), place.as_deref(), paths, &progress)?;
            Ok((bytes, judged))
        };
        let (mut chosen, mut best) = (vec![0], parts[0].judged);
        let mut kept = None;
        for i in 1..parts.len() {
            progress.cancel().check()?;
            chosen.push(i);
            let (bytes, judged) = stir(&chosen, &judge)?;
            if judged.value < best.value {
                (best, kept) = (judged, Some(bytes));
            } else {
                chosen.pop();
            }
        }
        // What was chosen by some samples is judged by others.
        let fresh = Judge { seed: self.seed.wrapping_add(1000), ..judge };
        let alone = fresh.of(&parts[0].model, None, paths, &progress)?;
        let mut checked = None;
        if kept.is_some() {
            checked = Some(stir(&chosen, &fresh)?.1);
        }
        let bytes = kept.filter(|_| checked.is_some_and(|c| c.value < alone.value));
        if let Some(bytes) = &bytes {
            write_atomically(&self.out, bytes)?;
        }
        let told = |p: &Part| json!({ "model": p.model, "hash": p.info.hash, "kid": p.judged });
        if self.json {
            return print_json(&json!({
                "models": parts.iter().map(told).collect::<Vec<_>>(),
                "chosen": chosen.iter().map(|&i| &parts[i].model).collect::<Vec<_>>(),
                "alone": alone, "soup": checked, "out": bytes.is_some().then_some(&self.out),
            }));
        }
        let number = |j: Judged| format!("KID {:.4} ({:.4} to {:.4})", j.value, j.low, j.high);
        for part in &parts {
            print_line(&format!("{:<40} {}", part.model, number(part.judged)))?;
        }
        print_line(&format!("the best alone, on other samples: {}", number(alone)))?;
        match (checked, &bytes) {
            (Some(soup), Some(_)) => {
                print_line(&format!("the mean of {}: {}, in {}", chosen.len(), number(soup), self.out.display()))
            }
            (Some(soup), None) => print_line(&format!(
                "the mean of {}: {}; no better, so nothing was written",
                chosen.len(),
                number(soup)
            )),
            (None, _) => print_line("no mean is better than the best alone, so nothing was written"),
        }
    }
}
