//! `embed`, `match`, `words`: pictures and texts as vectors, pictures in the order in which a text fits them, and words of
//! one's own.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{device, print_json, print_line, say, tell, watched};
use crate::base::paths::Paths;
use crate::base::{Picture, Problem, Result};
use crate::engine::jobs::words::teach;
use crate::eval::features::Extractor;
use crate::eval::joint::teach::forget;
use crate::eval::joint::{JointSpace, Space};
use crate::latent::invert::{all_of, picture_files, readable};
use crate::recipe::Reading;

/// Arguments of `embed`.
#[derive(Args)]
pub struct Embed {
    /// Texts
    #[arg(long, value_name = "T", num_args = 1.., required_unless_present = "input")]
    text: Vec<String>,
    /// Picture files, or folders of some
    #[arg(long, value_name = "FILE", num_args = 1..)]
    input: Vec<PathBuf>,
    /// Where vectors lie: what the network for photographs sees, what the studio's own features see (pictures), or texts
    /// and pictures together
    #[arg(long, value_parser = ["photo", "studio", "joint"], default_value = "joint")]
    space: String,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// As one JSON object a line: input, space, vector
    #[arg(long)]
    json: bool,
}

impl Embed {
    /// Prints a vector for each text, then for each picture.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let space = Space::from_id(&self.space)?;
        if space != Space::Joint && !self.text.is_empty() {
            return Err(Problem::usage("Texts have vectors in the joint space only")
                .of(format!("--space {}", space.id()))
                .try_this("Use --space joint, or give pictures with --input"));
        }
        let given = Given::read(&self.input)?;
        let device = device(&self.device, paths);
        let progress = watched(self.json);
        let mut out: Vec<(String, Vec<f32>)> = Vec::new();
        let rows = if space == Space::Studio {
            Extractor::shipped(&crate::nn::device::open(&device)?)?.features(&given.pictures, &progress)?
        } else {
            let joint = JointSpace::open(paths, &crate::nn::device::open(&device)?)?;
            if !self.text.is_empty() {
                let vectors = joint.texts(&self.text, &progress)?;
                out.extend(self.text.iter().cloned().zip(vectors.iter().map(<[f32]>::to_vec)));
            }
            let seen = joint.seen(&given.pictures, &progress)?;
            if space == Space::Joint { joint.pictures(&seen)? } else { joint.pooled(&seen) }
        };
        out.extend(given.names.iter().cloned().zip(rows.iter().map(<[f32]>::to_vec)));
        for (input, vector) in out {
            if self.json {
                print_json(&json!({ "input": input, "space": space.id(), "vector": vector }))?;
            } else {
                let numbers: Vec<String> = vector.iter().map(|v| format!("{v:.5}")).collect();
                print_line(&format!("{input}\t{}", numbers.join(" ")))?;
            }
        }
        given.end()
    }
}

/// Arguments of `match`.
#[derive(Args)]
pub struct Match {
    /// What the pictures shall show
    #[arg(long, value_name = "T")]
    text: String,
    /// Picture files, or folders of some
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    input: Vec<PathBuf>,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// As one JSON object a line: file, score, and how far the order is to be trusted
    #[arg(long)]
    json: bool,
}

impl Match {
    /// Prints the pictures, the one that fits best first.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let given = Given::read(&self.input)?;
        let joint = JointSpace::open(paths, &crate::nn::device::open(&device(&self.device, paths))?)?;
        let progress = watched(self.json);
        let seen = joint.seen(&given.pictures, &progress)?;
        let ranking = joint.rank(&self.text, &seen, &progress)?;
        for &i in &ranking.order {
            let (file, score) = (&given.names[i], ranking.scores[i]);
            if self.json {
                print_json(&json!({
                    "file": file,
                    "score": score,
                    "answered": ranking.answered,
                    "kind": ranking.reliability.kind.as_ref().map(|k| &k.id),
                    "method": ranking.reliability.by.method,
                    "reliability": ranking.reliability.share(),
                }))?;
            } else {
                print_line(&format!("{score:>6.3}  {file}"))?;
            }
        }
        tell(&ranking.reliability.sentence());
        if let Some(problem) = ranking.unanswered(&self.text) {
            say(&problem);
        }
        given.end()
    }
}

/// Tasks of `words`.
#[derive(Subcommand)]
pub enum Words {
    /// Teach the studio which words belong to which pictures: captions or labels of a data set, or a few examples in folders
    Teach {
        /// Pictures with captions or labels; a folder for each label with a few examples will do
        #[arg(long, value_name = "SRC")]
        data: String,
        /// auto, cpu, vulkan, … (`latent-studio devices`)
        #[arg(long, default_value = "auto")]
        device: String,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Show how well words find pictures, by kind of pictures
    Show {
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Forget what was taught
    Forget,
}

impl Words {
    /// Runs the task.
    pub fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Teach { data, device: asked, json } => {
                let device = device(&asked, paths);
                let card = teach(&data, Reading::default(), paths, &device, &watched(json))?;
                if json { print_json(&card) } else { print_line(&card.sentence()) }
            }
            Self::Show { json } => {
                let joint = JointSpace::open(paths, &crate::nn::device::open("cpu")?)?;
                let kinds: Vec<_> = joint.own().into_iter().chain(&joint.card().kinds).collect();
                if json {
                    return print_json(&kinds);
                }
                kinds.iter().try_for_each(|kind| print_line(&kind.sentence()))
            }
            Self::Forget => {
                let there = forget(paths)?;
                print_line(if there { "What was taught is forgotten" } else { "Nothing was taught" })
            }
        }
    }
}

/// Picture files that were given, those that can be read.
struct Given {
    names: Vec<String>,
    pictures: Vec<Picture>,
    broken: usize,
    total: usize,
}

impl Given {
    /// Reads them; tells of each that cannot be read.
    fn read(inputs: &[PathBuf]) -> Result<Self> {
        let files = if inputs.is_empty() { Vec::new() } else { picture_files(inputs)? };
        let (read, broken) = readable(&files);
        broken.iter().for_each(say);
        let total = files.len();
        if total > 0 && read.is_empty() {
            all_of(broken.len(), total)?;
        }
        let names = read.iter().map(|(i, _)| files[*i].display().to_string()).collect();
        Ok(Self { names, pictures: read.into_iter().map(|(_, p)| p).collect(), broken: broken.len(), total })
    }

    /// What is said at the end.
    fn end(&self) -> Result<()> {
        all_of(self.broken, self.total)
    }
}
