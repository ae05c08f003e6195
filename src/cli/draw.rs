//! `latent-studio draw`: pictures token by token, from words or a class.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::{Value, json};

use super::retrieve::Retrieve;
use super::{may_write, print_json, print_line, say, tell};
use crate::base::paths::{Paths, write_atomically};
use crate::base::{Picture, Problem, Resolution, Result};
use crate::data;
use crate::engine::jobs::picture_recipe;
use crate::export::metadata;
use crate::export::png::{png_bytes, with_text};
use crate::latent::draw::{Choosing, DrawRequest, Drawer, Drawn, kept_rows, remarks};
use crate::latent::retrieval::Nearest;
use crate::library::Library;
use crate::library::records::note_files;
use crate::library::records::threads::NewPrompt;
use crate::recipe::picture::Latent;

/// Pictures drawn at once.
const AT_ONCE: u32 = 16;

/// Arguments of `draw`.
#[derive(Args)]
pub struct Draw {
    /// A prior over tokens (gpt, lstm): run folder, checkpoint file, or name of a shipped model
    #[arg(long, value_name = "M")]
    model: String,
    /// What to draw, in words that the model learned; without it pictures are drawn as they come
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    prompt: String,
    /// Class of the pictures, by name or by number from 0 (models that learned classes)
    #[arg(long, value_name = "NAME")]
    class: Option<String>,
    /// How many
    #[arg(long, default_value_t = 4)]
    count: u32,
    /// First seed; the next ones follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Below 1 likelier tokens are taken more often, above 1 less often; 0 always takes the likeliest
    #[arg(long, default_value_t = Choosing::default().temperature)]
    temperature: f32,
    /// Take only so many of the likeliest tokens; 0 for all
    #[arg(long, default_value_t = Choosing::default().top_k)]
    top_k: u32,
    /// Take only the likeliest tokens that together have this share
    #[arg(long, default_value_t = Choosing::default().top_p)]
    top_p: f32,
    /// How much more the prompt counts than what is drawn unasked; 1 for as it was learned
    #[arg(long, default_value_t = Choosing::default().guidance)]
    guidance: f32,
    /// A picture of which a part is kept; the rest is drawn anew
    #[arg(long, value_name = "PICTURE", requires = "keep")]
    complete: Option<PathBuf>,
    /// Which part of it: top for the upper half, or so many rows of tokens
    #[arg(long, value_name = "PART", requires = "complete")]
    keep: Option<String>,
    #[command(flatten)]
    retrieve: Retrieve,
    /// Folder for the pictures, and for what they were drawn from (draw.json)
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// Number of the prompt that this one goes on from (`latent-studio library threads`)
    #[arg(long, value_name = "N")]
    after: Option<i64>,
    /// One JSON object
    #[arg(long)]
    json: bool,
}

impl Draw {
    /// Draws.
    pub fn run(self, paths: &Paths) -> Result<()> {
        if self.count == 0 {
            return Err(Problem::usage("There is nothing to draw").of("--count 0"));
        }
        let drawer = Drawer::open(&self.model, paths, &super::device(&self.device, paths))?;
        let class = self.class.as_deref().map(|name| class_named(&drawer, name)).transpose()?;
        let device = super::device(&self.device, paths);
        let retrieved =
            self.retrieve.run(&self.model, drawer.info(), Some(&self.prompt), (&device, self.json), paths)?;
        let prompt = match &retrieved {
            // Where pictures are all that was given, what their captions have in common stands in front.
            Some(found) if self.prompt.trim().is_empty() && class.is_none() => found.found.common_words(),
            _ => self.prompt.clone(),
        };
        if prompt != self.prompt {
            tell(&format!("asked for in the words of the retrieved pictures: {prompt}"));
        }
        let tokens = retrieved.as_ref().map(|r| Arc::new(r.found.tokens(&r.corpus, &drawer, r.grounding.strength)));
        let understood = drawer.understand(&prompt);
        let told = remarks(&prompt, &understood, drawer.vocabulary().words().len());
        told.iter().for_each(say);
        let given = self.given(&drawer)?;
        let (temperature, top_k, top_p, guidance) = (self.temperature, self.top_k, self.top_p, self.guidance);
        let choosing = Choosing { temperature, top_k, top_p, guidance };
        choosing.check()?;
        std::fs::create_dir_all(&self.out).map_err(|e| Problem::io("This folder could not be made", &self.out, &e))?;
        let record = self.out.join("draw.json");
        let seeds: Vec<u64> = (0..self.count).map(|i| self.seed.wrapping_add(u64::from(i))).collect();
        let file = |seed: u64| self.out.join(format!("{seed:06}.png"));
        may_write(&record)?;
        seeds.iter().try_for_each(|seed| may_write(&file(*seed)))?;
        let mut pictures = Vec::new();
        for group in seeds.chunks(AT_ONCE as usize) {
            let request = |seed: &u64| DrawRequest {
                prompt: prompt.clone(),
                class,
                seed: *seed,
                choosing,
                given: given.clone(),
                retrieved: tokens.clone(),
            };
            let requests: Vec<DrawRequest> = group.iter().map(request).collect();
            let drawn = drawer.draw_all(&requests)?;
            let made: Vec<Picture> = drawn.iter().map(|d| d.picture.clone()).collect();
            let nearest = retrieved.as_ref().map(|r| r.nearest(&made)).transpose()?;
            for (i, (seed, drawn)) in group.iter().zip(drawn).enumerate() {
                // Made by a model, and said so, although no latent makes it again.
                let made = picture_recipe(drawer.info(), &Latent::Seed { seed: *seed }, 1.0, "draw", device.clone());
                let png = with_text(&png_bytes(&drawn.picture, None)?, metadata::XMP_KEY, &metadata::xmp(&made));
                write_atomically(&file(*seed), &png)?;
                let near = nearest.as_ref().and_then(|n| n.get(i));
                if let Some(near) = near {
                    tell(&format!("{}: {}", file(*seed).display(), near.sentence()));
                }
                pictures.push(told_of(*seed, &file(*seed), &drawn, near));
                if !self.json {
                    print_line(&file(*seed).display().to_string())?;
                }
            }
        }
        let words = drawer.vocabulary().words();
        let known: Vec<&String> = understood.known.iter().map(|i| &words[*i as usize]).collect();
        let unknown: Vec<Value> =
            understood.unknown.iter().map(|(word, near)| json!({ "word": word, "near": near })).collect();
        let [rows, columns] = drawer.grid();
        let out = json!({
            "model": drawer.info().name, "hash": drawer.info().hash,
            "token_model": drawer.info().recipe.model.tokens.on, "prompt": prompt, "class": self.class,
            "words": { "known": known, "unknown": unknown }, "choosing": choosing, "rows": rows, "columns": columns,
            "kept_rows": given.len() / columns, "notes": told, "pictures": pictures,
            "retrieved": retrieved.as_ref().map(|r| r.json()),
        });
        write_atomically(&record, out.to_string().as_bytes())?;
        self.note(&drawer, &out, paths);
        if self.json {
            print_json(&out)?;
        }
        retrieved.map_or(Ok(()), |r| r.end())
    }

    /// Notes the prompt in the library, and the pictures that came of it.
    fn note(&self, drawer: &Drawer, out: &Value, paths: &Paths) {
        let library = paths.library();
        let text = self.class.as_deref().or(out["prompt"].as_str()).unwrap_or_default().to_owned();
        let settings = json!({ "choosing": out["choosing"], "seed": self.seed, "count": self.count });
        let prompt = NewPrompt { text, model: drawer.info().hash.clone(), settings, after: self.after };
        let noted = Library::open(&library).and_then(|l| l.note_prompt(&prompt).and_then(|id| l.thing_key(id)));
        match noted {
            Ok(key) => {
                let files: Vec<PathBuf> = out["pictures"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|p| p["file"].as_str().map(PathBuf::from))
                    .collect();
                let about = json!({ "model": drawer.info().name });
                note_files(&library, "export", &files, &[(key, "drawn from".to_owned())], &about);
            }
            Err(problem) => log::warn!("the prompt could not be noted: {problem}"),
        }
    }

    /// Tokens that are kept of a picture.
    fn given(&self, drawer: &Drawer) -> Result<Vec<u32>> {
        let (Some(file), Some(keep)) = (&self.complete, &self.keep) else { return Ok(Vec::new()) };
        let [rows, columns] = drawer.grid();
        let kept = kept_rows(keep, rows)?;
        let picture = data::decode_file(file)?;
        let size = drawer.info().resolution;
        if Resolution::new(picture.width, picture.height) != size {
            let (w, h) = (picture.width, picture.height);
            let problem = Problem::data(format!("The picture was fitted to {} pixels", size.both()));
            say(&problem.of(file.display().to_string()).because(format!("it has {w} × {h} pixels")).info());
        }
        let mut ids = drawer.tokens_of(&picture);
        ids.truncate(kept * columns);
        Ok(ids)
    }
}

/// A class of the prior, by its name or number.
fn class_named(drawer: &Drawer, name: &str) -> Result<u32> {
    let classes = &drawer.info().recipe.model.classes;
    let place = classes.iter().position(|c| c == name).or_else(|| name.parse().ok().filter(|n| *n < classes.len()));
    place.map(|n| n as u32).ok_or_else(|| {
        let problem = Problem::usage("This model has no such class").of(name);
        if classes.is_empty() {
            problem.try_this("This model learned no classes; ask in words with --prompt")
        } else {
            problem.try_this(format!("Choose one of: {}", crate::base::problem::some_of(classes, 20)))
        }
    })
}

fn told_of(seed: u64, file: &std::path::Path, drawn: &Drawn, nearest: Option<&Nearest>) -> Value {
    let ids: Vec<u32> = drawn.tokens.iter().map(|t| t.id).collect();
    let likely: Vec<f32> = drawn.tokens.iter().map(|t| t.probability).collect();
    json!({ "seed": seed, "file": file, "tokens": ids, "probabilities": likely, "nearest": nearest })
}
