//! What `sample` and `draw` take to be grounded in real pictures that are retrieved.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::{say, tell, watched};
use crate::base::paths::Paths;
use crate::base::{Picture, Problem, Result};
use crate::engine::dataset_locator;
use crate::latent::invert::{all_of, picture_files, readable};
use crate::latent::retrieval::{Corpus, Grounding, Nearest, Neighbours, Request};
use crate::models::info::ModelInfo;
use crate::recipe::DataRecipe;

/// Arguments that ask for retrieval.
#[derive(Args)]
pub struct Retrieve {
    /// Draw from the real pictures that are most like these
    #[arg(long, value_name = "FILE", num_args = 1..)]
    like: Vec<PathBuf>,
    /// And unlike these
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "like")]
    unlike: Vec<PathBuf>,
    /// Draw from the real pictures that these words fit best; without a text the words of the prompt
    #[arg(long, value_name = "TEXT", num_args = 0..=1, default_missing_value = "")]
    near: Option<String>,
    /// How much retrieved pictures count, from 0 (as the model learned) to 1 (like them); 0.5 if not given
    #[arg(long, value_name = "S")]
    strength: Option<f32>,
    /// Retrieved pictures that are drawn from; 8 if not given
    #[arg(long, value_name = "N")]
    neighbours: Option<u32>,
    /// Where real pictures are looked for; by default what the model learned from
    #[arg(long, value_name = "SRC")]
    from: Option<String>,
}

/// What was retrieved.
pub struct Retrieved {
    /// The real pictures, with what finds them.
    pub corpus: Corpus,
    /// Those that were found.
    pub found: Neighbours,
    /// How much they count.
    pub grounding: Grounding,
    /// Files of `--like` and `--unlike` that could not be read, of how many.
    broken: (usize, usize),
}

impl Retrieve {
    /// What was retrieved for a model, if it is asked for; `prompt` stands in for an empty `--near`.
    ///
    /// # Errors
    /// A setting is out of range or has no effect, the data are not here, or nothing can be looked for.
    pub fn run(
        &self,
        model: &str,
        info: &ModelInfo,
        prompt: Option<&str>,
        (device, json): (&str, bool),
        paths: &Paths,
    ) -> Result<Option<Retrieved>> {
        if self.like.is_empty() && self.near.is_none() {
            let idle = [("--strength", self.strength.is_some()), ("--neighbours", self.neighbours.is_some())];
            let from = [("--from", self.from.is_some())];
            return match idle.into_iter().chain(from).find(|(_, given)| *given) {
                Some((name, _)) => Err(Problem::usage("This has no effect without real pictures to draw from")
                    .of(name)
                    .try_this("Add --like FILE or --near TEXT")),
                None => Ok(None),
            };
        }
        let default = Grounding::default();
        let strength = self.strength.unwrap_or(default.strength);
        let grounding = Grounding { strength, neighbours: self.neighbours.unwrap_or(default.neighbours) };
        grounding.check()?;
        let text = match self.near.as_deref().map(str::trim) {
            Some("") => prompt.unwrap_or("").trim(),
            Some(text) => text,
            None => "",
        };
        if text.is_empty() && self.like.is_empty() {
            return Err(Problem::usage("There are no words to look for real pictures by")
                .of("--near")
                .try_this("Give them: --near TEXT, or pictures with --like FILE"));
        }
        let (like, broken) = read(&self.like)?;
        let (unlike, other) = read(&self.unlike)?;
        let broken = (broken.0 + other.0, broken.1 + other.1);
        let progress = watched(json);
        let corpus = corpus(model, info, self.from.as_deref(), device, paths, &progress)?;
        let request = Request { text: text.into(), like, unlike };
        let found = corpus.find(&request, grounding.neighbours as usize, &progress)?;
        found.notes.iter().for_each(say);
        if !corpus.copies().is_held_out() {
            tell("These data have no held-out pictures: how near real ones are to each other stands in for them");
        }
        for neighbour in &found.list {
            let why: Vec<String> = neighbour.why.iter().map(|(list, rank)| format!("{list} {rank}")).collect();
            let caption = neighbour.caption.as_ref().map_or(String::new(), |c| format!(", “{c}”"));
            tell(&format!("from {}{caption}, share {:.2} ({})", neighbour.name, neighbour.weight, why.join(", ")));
        }
        Ok(Some(Retrieved { corpus, found, grounding, broken }))
    }
}

/// The real pictures of a model, or of `from`, prepared as the model's own were.
///
/// # Errors
/// They are not here, or a network that finds them is missing.
pub fn corpus(
    model: &str,
    info: &ModelInfo,
    from: Option<&str>,
    device: &str,
    paths: &Paths,
    progress: &dyn crate::base::Progress,
) -> Result<Corpus> {
    let source = match from {
        Some(source) => source.to_string(),
        None => dataset_locator::of_model(model, "", paths)
            .map_err(|p| p.try_this("Name the real pictures with --from SRC"))?,
    };
    Corpus::open(&DataRecipe { source, ..info.recipe.data.clone() }, paths, device, progress)
}

fn read(files: &[PathBuf]) -> Result<(Vec<Picture>, (usize, usize))> {
    if files.is_empty() {
        return Ok((Vec::new(), (0, 0)));
    }
    let files = picture_files(files)?;
    let (read, broken) = readable(&files);
    broken.iter().for_each(say);
    if read.is_empty() {
        all_of(broken.len(), files.len())?;
    }
    Ok((read.into_iter().map(|(_, p)| p).collect(), (broken.len(), files.len())))
}

impl Retrieved {
    /// How near pictures came to real ones; near copies are told.
    ///
    /// # Errors
    /// The device computes no finite numbers.
    pub fn nearest(&self, made: &[Picture]) -> Result<Vec<Nearest>> {
        let nearest = self.corpus.nearest(made)?;
        let copies = nearest.iter().filter(|n| n.is_suspect()).count();
        if copies > 0 {
            say(&Problem::data("Some pictures nearly are real ones")
                .of(format!("{copies} of {}", made.len()))
                .because("fewer than one in a hundred unseen real pictures come so near to one")
                .try_this("Lower --strength, or draw from more pictures with --neighbours")
                .warning());
        }
        Ok(nearest)
    }

    /// What was drawn from, for a record.
    pub fn json(&self) -> Value {
        let data = self.corpus.data();
        json!({
            "data": data.hash(), "strength": self.grounding.strength, "sources": self.found.list,
            "looked_through": self.corpus.len().0,
        })
    }

    /// What is said at the end: whether all pictures that were given could be read.
    ///
    /// # Errors
    /// Some could not.
    pub fn end(&self) -> Result<()> {
        all_of(self.broken.0, self.broken.1)
    }
}
