//! `models`, `devices`, `recipe`, `library`: what there is.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{notes, print_json, print_line, records, store};
use crate::base::paths::Paths;
use crate::base::vault;
use crate::base::{Problem, Resolution, Result};
use crate::engine::DeviceReport;
use crate::engine::devices::{Prober, preferred};
use crate::latent::catalog;
use crate::library::item::ItemFilter;
use crate::library::{Library, storage};
use crate::models::info::Listing;
use crate::recipe::preset::{Facts, PRESETS};
use crate::recipe::{Recipe, form};
use crate::train::device;
use crate::train::folder::RunFolder;

/// Arguments of `models`.
#[derive(Args)]
pub struct Models {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Write this model's weights as safetensors to --out
    #[arg(long, value_name = "M", requires = "out")]
    export: Option<String>,
    /// File for --export
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Name inside the exported file
    #[arg(long, requires = "export")]
    name: Option<String>,
    /// JSON file with the card of the exported model: summary, data, data_licence, licence, hours, device, scores
    #[arg(long, value_name = "FILE", requires = "export")]
    card: Option<PathBuf>,
    /// Also write a script that opens the exported file in PyTorch
    #[arg(long, requires = "export")]
    pytorch: bool,
    /// Copy a model file into the studio: one of Latent Studio's, or a .pth of PyTorch's DCGAN or VAE example
    #[arg(long, value_name = "FILE")]
    import: Option<PathBuf>,
}

impl Models {
    /// Lists, exports or imports.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if let (Some(model), Some(out)) = (&self.export, &self.out) {
            super::may_write(out)?;
            let card = match &self.card {
                Some(file) => {
                    let text = vault::read_to_string(file)
                        .map_err(|e| Problem::io("This card could not be read", file, &e))?;
                    let bad = |e| Problem::data("This card is not one").of(file.display().to_string()).because(e);
                    Some(serde_json::from_str(&text).map_err(bad)?)
                }
                None => None,
            };
            catalog::export_as(model, out, self.name.as_deref(), card, super::no_traces(), paths)?;
            print_line(&out.display().to_string())?;
            if self.pytorch {
                print_line(&catalog::write_loader(out)?.display().to_string())?;
            }
            return Ok(());
        }
        if let Some(file) = &self.import {
            return print_line(&catalog::import(file, paths)?.model);
        }
        let Listing { models, broken } = catalog::survey(paths);
        if self.json {
            let tell = |e| Problem::failed("The models could not be told as JSON").because(e);
            let all = models.iter().map(serde_json::to_value).chain(broken.iter().map(serde_json::to_value));
            return print_json(&all.collect::<Result<Vec<_>, _>>().map_err(tell)?);
        }
        for m in &models {
            let whence = if m.shipped { "shipped" } else { "yours" };
            print_line(&format!(
                "{:24} {:4} {:9} {:>7} px {:>9.1} kimg  {whence}  {}",
                m.name,
                m.family.id(),
                m.architecture,
                m.resolution.to_string(),
                m.kimg,
                m.card.as_ref().map_or("", |c| c.summary.as_str()),
            ))?;
        }
        for m in &broken {
            print_line(&format!("{:24} broken: {}", m.name, m.broken))?;
        }
        Ok(())
    }
}

/// Arguments of `devices`.
#[derive(Args)]
pub struct Devices {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Test again instead of using the stored result
    #[arg(long)]
    again: bool,
    /// Probe this device in this process, which may crash with its driver
    #[arg(long, value_name = "ID", hide = true)]
    probe: Option<String>,
    /// Compare a device with the CPU in this process, also one that is not used (it may crash with its driver)
    #[arg(long, value_name = "ID")]
    compare: Option<String>,
}

/// Probes every candidate, each in a process of its own; verdicts are kept.
pub fn probe(paths: &Paths, again: bool) -> Vec<DeviceReport> {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("latent-studio"));
    Prober::studio(program, paths).probe(&device::candidates(), again, &mut |_| {})
}

/// The verdict on a device, computed here.
fn verdict(id: &str) -> DeviceReport {
    let name = device::candidates().into_iter().find(|c| c.0 == id).map_or_else(|| id.to_string(), |c| c.1);
    match device::probe_one(id) {
        Ok(probe) => {
            let off = probe.difference.map_or(f64::INFINITY, |d| d.worst());
            let right = off <= device::TOLERANCE;
            let reason = if probe.software {
                "A software renderer: slower than the CPU itself, so it is not used".into()
            } else if !right {
                format!("Computes wrong numbers: off by {off:.2e} where {:.0e} is allowed", device::TOLERANCE)
            } else if id == "cpu" {
                String::new()
            } else {
                format!("Agrees with the CPU within {off:.1e}")
            };
            DeviceReport {
                id: id.into(),
                name: if id == "cpu" { name } else { probe.name },
                usable: right,
                reason,
                gpu: id != "cpu" && !probe.software,
                gmacs_per_s: (!probe.software).then_some(probe.gmacs_per_s),
            }
        }
        Err(problem) => DeviceReport {
            id: id.into(),
            name,
            usable: false,
            reason: problem.to_string(),
            gpu: false,
            gmacs_per_s: None,
        },
    }
}

/// Compares a device with the CPU and says how far off it is; fails if that is too far.
fn compare(id: &str, json: bool) -> Result<()> {
    let (name, off) = device::compare_one(id)?;
    let agrees = off.worst() <= device::TOLERANCE;
    if json {
        print_json(&json!({
            "id": id, "name": name, "software": device::is_software(&name), "forward": off.forward,
            "gradients": off.gradients, "step": off.step, "tolerance": device::TOLERANCE, "agrees": agrees,
        }))?;
    } else {
        print_line(&format!("{name} against the CPU, largest relative differences over a GAN's and a VAE's step:"))?;
        for (what, off) in [("forward", off.forward), ("gradients", off.gradients), ("one Adam step", off.step)] {
            print_line(&format!("  {what:14} {off:.1e}"))?;
        }
    }
    if agrees {
        return Ok(());
    }
    Err(Problem::failed("This device computes other numbers than the CPU").of(id).because(format!(
        "off by {:.1e} where {:.0e} is allowed",
        off.worst(),
        device::TOLERANCE
    )))
}

impl Devices {
    /// Lists them.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if let Some(id) = &self.probe {
            return print_json(&verdict(id));
        }
        if let Some(id) = &self.compare {
            return compare(id, self.json);
        }
        let reports = probe(paths, self.again);
        if self.json {
            return print_json(&reports);
        }
        let best = preferred(&reports);
        for r in &reports {
            let mark = if r.id == best { "*" } else { " " };
            let state = if r.usable { "usable" } else { "not usable" };
            let speed = r.gmacs_per_s.map_or_else(String::new, |s| format!("{s:.1} GMAC/s"));
            print_line(&format!("{mark} {:8} {:32} {state:10} {speed:>14}  {}", r.id, r.name, r.reason))?;
        }
        Ok(())
    }
}

/// Tasks of `recipe`.
#[derive(Subcommand)]
pub enum RecipeTask {
    /// Every setting with its range and help
    Schema {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Presets with what to expect
    Presets {
        /// As JSON
        #[arg(long)]
        json: bool,
        /// Width and height of pictures, such as 64 or 64x96
        #[arg(long, value_name = "PX", default_value_t = Resolution::square(32), value_parser = super::size)]
        resolution: Resolution,
    },
    /// Check a recipe file
    Validate {
        /// A recipe as JSON, such as recipe.json of a run
        file: PathBuf,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl RecipeTask {
    /// Runs the task.
    pub fn run(self) -> Result<()> {
        match self {
            Self::Schema { json: true } => print_json(&form::FIELDS),
            Self::Schema { json: false } => {
                let defaults = Recipe::default();
                for f in form::FIELDS {
                    let default = crate::recipe::json_path::get(&defaults, f.key).unwrap_or_default();
                    let live = if f.live { ", may change while training" } else { "" };
                    print_line(&format!("{}  ({}{live})\n    {}; default {default}", f.key, f.title, f.help))?;
                }
                Ok(())
            }
            Self::Presets { json, resolution } => {
                let facts = Facts { pictures: 10_000, resolution };
                if json {
                    let rows: Vec<_> = PRESETS
                        .iter()
                        .map(|p| json!({
                            "id": p.id, "title": p.title, "model": p.model, "family": p.family(), "what_for": p.what_for,
                            "quality": p.quality, "gmacs_per_picture": p.gmacs_per_picture(resolution),
                            "recipe": p.recipe(facts),
                        }))
                        .collect();
                    return print_json(&rows);
                }
                for p in PRESETS {
                    print_line(&format!("{:12} {:22} {:9} {}. {}", p.id, p.title, p.model, p.what_for, p.quality))?;
                }
                Ok(())
            }
            Self::Validate { file, json } => {
                let text = vault::read_to_string(&file)
                    .map_err(|e| Problem::io("This recipe could not be read", &file, &e))?;
                let checked = Recipe::from_json(&text).and_then(|r| r.validate());
                if json {
                    print_json(&json!({ "valid": checked.is_ok(), "problem": checked.as_ref().err() }))?;
                } else if checked.is_ok() {
                    print_line("valid")?;
                }
                checked
            }
        }
    }
}

/// Tasks of `library`.
#[derive(Subcommand)]
pub enum LibraryTask {
    /// Kept pictures, or runs
    List {
        /// Runs, in place of pictures
        #[arg(long)]
        runs: bool,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// One kept picture, or what is known of another thing
    Show(records::Show),
    /// What a thing comes from, and what came from it
    Graph(records::GraphOf),
    /// Read every record and say whether all is as it was written
    Verify(records::Plain),
    /// Add tags to kept pictures, or remove them
    Tag(records::Tag),
    /// Rate kept pictures
    Rate(records::Rate),
    /// Prompts, one thread after the other
    Threads(records::Plain),
    /// Write a text, tags or fields down of anything that there is a record of
    Note(notes::Write),
    /// Find things by kind, tags, fields, user, sitting, time or text
    Find(notes::Find),
    /// Move a model into the library or out of it; list those in it
    Model(store::Model),
    /// Note which of two kept pictures is better
    Choose(records::Choose),
    /// Kept pictures in the order that choices put them in, and how well the order foresees choices
    Rank(records::Plain),
    /// What was made, kept and exported by week and model, and which settings lead to what is liked
    Usage(records::Plain),
    /// Make pictures of data sets known, so that they are found; files stay where they are, what is known is passed by
    Import(super::search::Import),
    /// Let networks look at pictures and captions that they have not seen yet, so that these are found by what they show
    Embed(super::search::Embed),
    /// Find pictures by words, by what they show, or by pictures that they are like
    Search(super::search::Find),
    /// Encrypt the library with a passphrase, or go on where that was interrupted
    Encrypt(super::vault::Plain),
    /// Make an encrypted library plain again, or go on where that was interrupted
    Decrypt(super::vault::Plain),
    /// Keep the key for later commands, in memory of this user, until `library lock` or the session ends
    Unlock(super::vault::Plain),
    /// Forget the key that `library unlock` kept
    Lock(super::vault::Plain),
    /// Replace the passphrase, by the old one or the recovery key; with --new-recovery-key replace that
    Passphrase(super::vault::Passphrase),
    /// Where things are kept; with --json also how large they are
    Path {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Show what is kept and how large it is, or empty what can be made again
    Clean {
        /// What to empty: prepared, encoders, cache, trash, leftovers; nothing is emptied if not given
        #[arg(value_name = "PART")]
        parts: Vec<String>,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl LibraryTask {
    /// Runs the task.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let open = || -> Result<Library> {
            let (library, problem) = Library::open_or_repair(&paths.library())?;
            if let Some(problem) = problem {
                super::say(&problem);
            }
            Ok(library)
        };
        match self {
            Self::List { runs: true, json } => runs(&open()?, json),
            Self::List { runs: false, json } => {
                let items = open()?.items(&ItemFilter::default())?;
                if json {
                    return print_json(&items);
                }
                for item in items {
                    print_line(&format!("{:>6} {:24} {}★ {}", item.id, item.model, item.rating, item.path.display()))?;
                }
                Ok(())
            }
            Self::Show(task) => task.run(&open()?),
            Self::Import(task) => task.run(&open()?),
            Self::Embed(task) => task.run(&open()?, paths),
            Self::Search(task) => task.run(&open()?, paths),
            Self::Graph(task) => task.run(&open()?),
            Self::Verify(task) => records::verify(&task, &open()?),
            Self::Tag(task) => task.run(&open()?),
            Self::Rate(task) => task.run(&open()?),
            Self::Threads(task) => records::threads(&task, &open()?),
            Self::Note(task) => task.run(&open()?),
            Self::Find(task) => task.run(&open()?),
            Self::Model(task) => task.run(&open()?, paths),
            Self::Choose(task) => task.run(&open()?),
            Self::Rank(task) => records::rank(&task, &open()?),
            Self::Usage(task) => records::usage(&task, &open()?),
            Self::Encrypt(task) => super::vault::encrypt(&task, paths),
            Self::Decrypt(task) => super::vault::decrypt(&task, paths),
            Self::Unlock(task) => super::vault::unlock(&task, paths),
            Self::Lock(task) => super::vault::lock(&task, paths),
            Self::Passphrase(task) => task.run(paths),
            Self::Path { json } => {
                if json {
                    return print_json(&json!({
                        "library": paths.library(), "data": paths.data, "config": paths.config, "cache": paths.cache,
                        "storage": storage::usage(paths),
                    }));
                }
                print_line(&paths.library().display().to_string())
            }
            Self::Clean { parts, json } => {
                let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
                let (bytes, files) = storage::clean(paths, &parts)?;
                let left = storage::usage(paths);
                if json {
                    return print_json(&json!({ "removed": { "bytes": bytes, "files": files }, "storage": left }));
                }
                for kept in &left {
                    let mark = if kept.clearable { "can be emptied" } else { "" };
                    let size = kept.bytes as f64 / 1e6;
                    print_line(&format!(
                        "{:10} {size:>10.1} MB {:>8} files  {mark:14}  {}",
                        kept.id, kept.files, kept.title
                    ))?;
                }
                if parts.is_empty() {
                    Ok(())
                } else {
                    print_line(&format!("removed: {files} files, {:.1} MB", bytes as f64 / 1e6))
                }
            }
        }
    }
}

fn runs(library: &Library, json: bool) -> Result<()> {
    let mut rows = library.runs()?;
    // A run that was killed could not note how far it came; its folder knows.
    for row in &mut rows {
        if let Ok(now) = RunFolder::open(&row.dir).and_then(|run| run.summary()) {
            let saved = now.checkpoints.last().map_or(0, |c| c.images);
            (row.state, row.images) = (now.state, now.progress.images.max(saved));
        }
    }
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|r| {
                json!({
                    "dir": r.dir, "name": r.name, "state": r.state, "kimg": r.images as f64 / 1000.0,
                    "created": r.created, "parent": r.parent,
                })
            })
            .collect();
        return print_json(&rows);
    }
    for r in rows {
        let state = serde_json::to_value(r.state).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default();
        let kimg = r.images as f64 / 1000.0;
        print_line(&format!("{:24} {state:12} {kimg:>10.1} kimg  {}", r.name, r.dir.display()))?;
    }
    Ok(())
}
