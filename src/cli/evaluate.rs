//! `latent-studio evaluate`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{device, print_json, print_line, watched};
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::engine::dataset_locator;
use crate::eval::evaluate::{Opened, chosen};
use crate::eval::{METRICS, NAMES, Report, Score, Standing, compare, store, table, tokens};
use crate::latent::retrieval::measure::{Mean, measure};
use crate::latent::retrieval::{GroundedMaker, Grounding, Neighbours};
use crate::models::info::ModelInfo;
use crate::recipe::FeatureSpace;

/// Arguments of `evaluate`.
#[derive(Args)]
pub struct Evaluate {
    /// Run folder (`path`, `path@best`, `path@KIMG`), checkpoint file, or name of a shipped model
    #[arg(long, value_name = "M", required_unless_present = "list")]
    model: Option<String>,
    /// Data to compare with; by default the data it was trained on
    #[arg(long, value_name = "SRC")]
    data: Option<String>,
    /// Another model to measure in the same way and compare with
    #[arg(long, value_name = "M")]
    versus: Option<String>,
    /// Pictures that another program made of the same data, measured in the same way and compared with
    #[arg(long, value_name = "SRC", conflicts_with = "versus")]
    versus_pictures: Option<String>,
    /// Metrics, such as kid,fid,prdc, or all that apply (`--list` shows them)
    #[arg(long, value_delimiter = ',', default_value = "kid,fid,prdc")]
    metrics: Vec<String>,
    /// Samples to make, and pictures of the data to compare them with
    #[arg(long, default_value_t = 2000)]
    count: usize,
    /// What looks at pictures: studio (drawings and photographs) or photo (photographs); scores through one are not
    /// comparable with scores through the other
    #[arg(long, default_value = "studio", value_name = "SPACE", value_parser = super::feature_space)]
    features: FeatureSpace,
    /// Ask for the captions of so many held-out pictures with and without retrieval of real pictures, and say what it gains
    #[arg(long, value_name = "N", conflicts_with_all = ["versus", "versus_pictures"])]
    retrieval: Option<usize>,
    /// How much retrieved pictures count, 0 to 1
    #[arg(long, value_name = "S", default_value_t = Grounding::default().strength, requires = "retrieval")]
    strength: f32,
    /// Retrieved pictures that are drawn from
    #[arg(long, value_name = "N", default_value_t = Grounding::default().neighbours, requires = "retrieval")]
    neighbours: u32,
    /// Draws of the importance-weighted bound
    #[arg(long, value_name = "K", default_value_t = 5000)]
    draws: usize,
    /// PNG of samples (above) with their nearest training pictures (below); with `memory`
    #[arg(long, value_name = "FILE")]
    pairs: Option<PathBuf>,
    /// Seed of the samples and of all other random choices
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// List the metrics
    #[arg(long)]
    list: bool,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    /// Measures.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if self.list {
            return list(self.json);
        }
        let Some(model) = &self.model else { return Err(Problem::usage("Give --model M")) };
        if let Some(most) = self.retrieval {
            return self.retrieve(model, most, paths);
        }
        self.pairs.as_deref().map_or(Ok(()), super::may_write_png)?;
        let first = self.measure(model, self.data.as_deref(), paths)?;
        let second = match (&self.versus, &self.versus_pictures) {
            (Some(model), _) => Some(self.measure(model, Some(&first.source), paths)?),
            (None, Some(pictures)) => Some(self.measure_pictures(pictures, model, &first, paths)?),
            (None, None) => None,
        };
        if let (Some(file), false) = (&self.pairs, first.report.suspects.is_empty()) {
            let suspects = &first.report.suspects;
            let above = suspects.iter().map(|s| s.sample.clone());
            let cells: Vec<_> = above.chain(suspects.iter().map(|s| s.training.clone())).collect();
            crate::export::write_grid(file, &cells, suspects.len(), 1, None)?;
        }
        if self.json {
            let mut told = first.json();
            if let (Some(second), Some(told)) = (&second, told.as_object_mut()) {
                told.insert("versus".into(), second.json());
                told.insert("comparison".into(), comparison(&first.report, &second.report));
            }
            return print_json(&told);
        }
        for measured in std::iter::once(&first).chain(&second) {
            if second.is_some() {
                print_line(&measured.model)?;
            }
            for score in &measured.report.metrics {
                line(score)?;
            }
            for (id, why) in &measured.report.left_out {
                super::tell(&format!("left out {id}: {why}"));
            }
        }
        if let Some(second) = &second {
            for (name, found) in compared(&first.report, &second.report) {
                let text = match found {
                    Ok(Standing::Better) => format!("{} is better", first.model),
                    Ok(Standing::Worse) => format!("{} is better", second.model),
                    Ok(Standing::Alike) => "no difference beyond chance".into(),
                    Err(problem) => problem.what,
                };
                print_line(&format!("{name:<18} {text}"))?;
            }
        }
        Ok(())
    }

    /// What retrieval gains a model.
    fn retrieve(&self, model: &str, most: usize, paths: &Paths) -> Result<()> {
        let grounding = Grounding { strength: self.strength, neighbours: self.neighbours };
        grounding.check()?;
        let device = device(&self.device, paths);
        let maker = GroundedMaker::open(model, grounding, paths, &device)?;
        let progress = watched(self.json);
        let corpus = super::retrieve::corpus(model, maker.info(), self.data.as_deref(), &device, paths, &progress)?;
        let mut make = |caption: &str, found: Option<&Neighbours>, seed: u64| {
            maker.make(&corpus, caption, found, seed.wrapping_add(self.seed * 1_000_000), &progress)
        };
        let found = measure(&corpus, grounding.neighbours as usize, most, &mut make, &progress)?;
        if self.json {
            return print_json(&json!({ "model": model, "grounding": grounding, "retrieval": found }));
        }
        let mean = |m: &Mean| format!("{:.3} ({:.3} to {:.3})", m.value, m.low, m.high);
        print_line(&format!("{} captions of held-out pictures", found.captions))?;
        for (name, judged) in [("as learned", &found.without), ("retrieval", &found.with)] {
            print_line(&format!(
                "{name:<11} match {}  words {}  copies {}  distance {:.2}",
                mean(&judged.match_percentile),
                mean(&judged.shared_words),
                mean(&judged.copies),
                judged.distance_ratio
            ))?;
        }
        print_line(&format!("gain        match {}  words {}", mean(&found.match_gain), mean(&found.words_gain)))
    }

    fn measure(&self, model: &str, data: Option<&str>, paths: &Paths) -> Result<Measured> {
        let metrics = chosen(&self.metrics)?;
        let progress = watched(self.json);
        let device = device(&self.device, paths);
        // Models of tokens have numbers of their own.
        if let Some(found) = tokens::measure(model, data, (self.count, &device), paths, &progress)? {
            let tokens::Measured { info, source, report } = found;
            return Ok(Measured { model: model.into(), info: Some(info), source, device, seed: self.seed, report });
        }
        let own = dataset_locator::of_model(model, "", paths).ok();
        let opened = Opened::open(model, data, own.as_deref(), paths, &device, &progress)?.through(self.features);
        let report = opened.evaluate(metrics, self.count, self.draws, self.seed, paths, &progress)?;
        let info = opened.model.info().clone();
        // Known to the window as well; without room for them they are still told.
        if let Err(problem) = store::keep(paths, &info.hash, &report.metrics) {
            super::say(&problem.warning());
        }
        Ok(Measured { model: model.into(), info: Some(info), source: opened.source, device, seed: self.seed, report })
    }

    fn measure_pictures(&self, pictures: &str, model: &str, first: &Measured, paths: &Paths) -> Result<Measured> {
        let metrics = chosen(&self.metrics)?;
        let progress = watched(self.json);
        let device = device(&self.device, paths);
        let own = dataset_locator::of_model(model, "", paths).ok();
        let opened =
            Opened::open(model, Some(&first.source), own.as_deref(), paths, &device, &progress)?.through(self.features);
        let report = opened.evaluate_pictures(pictures, metrics, self.count, self.seed, paths, &progress)?;
        Ok(Measured { model: pictures.into(), info: None, source: opened.source, device, seed: self.seed, report })
    }
}

/// A model with its scores.
struct Measured {
    model: String,
    /// Not of pictures that another program made.
    info: Option<ModelInfo>,
    source: String,
    device: String,
    seed: u64,
    report: Report,
}

impl Measured {
    fn json(&self) -> serde_json::Value {
        let pair = |s: &crate::eval::context::Suspect| json!({ "seed": s.seed, "training": s.name, "distance": s.distance, "ratio": s.ratio });
        json!({
            "model": self.model, "name": self.info.as_ref().map(|i| &i.name),
            "hash": self.info.as_ref().map(|i| &i.hash), "kimg": self.info.as_ref().map(|i| i.kimg),
            "data": self.source, "device": self.device, "seed": self.seed, "metrics": self.report.metrics,
            "left_out": self.report.left_out, "pairs": self.report.suspects.iter().map(pair).collect::<Vec<_>>(),
        })
    }
}

/// Scores that both have, set against each other.
fn compared<'a>(a: &'a Report, b: &Report) -> Vec<(&'a str, Result<Standing>)> {
    let other = |name: &str| b.metrics.iter().find(|s| s.name == name);
    a.metrics.iter().filter_map(|s| Some((s.name.as_str(), compare(s, other(&s.name)?)))).collect()
}

fn comparison(a: &Report, b: &Report) -> serde_json::Value {
    let told = |(name, found): (&str, Result<Standing>)| match found {
        Ok(standing) => json!({ "name": name, "standing": standing }),
        Err(problem) => json!({ "name": name, "refused": problem }),
    };
    compared(a, b).into_iter().map(told).collect()
}

fn line(score: &Score) -> Result<()> {
    let arrow = match table::direction(&score.name) {
        crate::eval::Direction::Lower => "↓",
        crate::eval::Direction::Higher => "↑",
        crate::eval::Direction::Neither => " ",
    };
    print_line(&format!(
        "{:<18} {arrow} {:>10.4}   {:.4} to {:.4}   {} samples, {:.1} s{}{}",
        score.name,
        score.value,
        score.low,
        score.high,
        score.count,
        score.seconds,
        if score.extractor.is_empty() { String::new() } else { format!(", {}", score.extractor) },
        if score.estimator.is_empty() { String::new() } else { format!(" ({})", score.estimator) },
    ))?;
    if score.note.is_empty() { Ok(()) } else { print_line(&format!("{:<18}   ! {}", "", score.note)) }
}

fn list(json: bool) -> Result<()> {
    let gives = |names: &[&str]| -> Vec<_> {
        NAMES
            .iter()
            .filter(|n| names.contains(&n.name))
            .map(|n| json!({ "name": n.name, "title": n.title, "says": n.says, "better": n.better }))
            .collect()
    };
    if json {
        let rows: Vec<_> = METRICS
            .iter()
            .map(|m| {
                let gives = gives(m.gives);
                json!({
                    "id": m.id, "title": m.title, "says": m.says, "needs": m.needs, "gives": gives, "least": m.least,
                })
            })
            .collect();
        return print_json(&rows);
    }
    for m in METRICS {
        print_line(&format!("{:<14} {}: {} (at least {} pictures)", m.id, m.title, m.says, m.least))?;
        for n in NAMES.iter().filter(|n| m.gives.contains(&n.name)) {
            print_line(&format!("    {:<16} {}", n.name, n.says))?;
        }
    }
    Ok(())
}
