//! `latent-studio certificate`: signed statements of where exported pictures come from, and the key that signs them.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;

use super::{may_write, print_json, print_line};
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::export::certificate;
use crate::export::certificate_key::{hex, key_path, own_key, read_key, replace_key, write_key};
use crate::export::read_recipe;
use crate::latent::catalog;

/// What `certificate` does.
#[derive(Subcommand)]
pub enum Certificates {
    /// Sign exported files: data set, run, checkpoint and picture, each bound to the one before
    Sign(Sign),
    /// Show, export or replace the key that signs
    #[command(subcommand)]
    Key(Key),
}

/// Arguments of `certificate sign`.
#[derive(Args)]
pub struct Sign {
    /// Files that the studio exported, with their recipes
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The model that made them, where it is not found by its hash
    #[arg(long, value_name = "M")]
    model: Option<String>,
    /// One JSON object a file
    #[arg(long)]
    json: bool,
}

/// What `certificate key` does.
#[derive(Subcommand)]
pub enum Key {
    /// Show the public key; it is made if there is none
    Show,
    /// Write the secret key to a file, to use it on another computer
    Export {
        /// File that only its owner may read
        #[arg(long)]
        out: PathBuf,
    },
    /// Take another key from a file, or make a new one; the former stays beside it
    Replace {
        /// File that `certificate key export` wrote
        #[arg(long, value_name = "FILE")]
        from: Option<PathBuf>,
    },
}

impl Certificates {
    /// Does it.
    pub fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Sign(task) => task.run(paths),
            Self::Key(task) => task.run(paths),
        }
    }
}

impl Sign {
    fn run(self, paths: &Paths) -> Result<()> {
        let known = match &self.model {
            Some(model) => vec![catalog::resolve(model, paths)?.read()?.1],
            None => catalog::list(paths),
        };
        let key = own_key(paths)?;
        for file in &self.files {
            let recipe = read_recipe(file)?.ok_or_else(|| {
                Problem::data("There is no recipe in this file to sign for")
                    .of(file.display().to_string())
                    .try_this("Export it with its recipe")
            })?;
            let model = known.iter().find(|m| m.hash == recipe.model_hash).ok_or_else(|| {
                Problem::data("The model that made this picture is not on this computer")
                    .of(file.display().to_string())
                    .because(format!("{} {}", recipe.model, recipe.model_hash))
                    .try_this("Give it with --model: a run folder, a checkpoint or a .safetensors file")
            })?;
            let holds = certificate::sign(file, model, &key)?;
            if self.json {
                print_json(
                    &json!({ "file": file, "certificate": holds, "key": hex(&key.verifying_key().to_bytes()) }),
                )?;
            } else if holds == *file {
                print_line(&format!("{} is signed", file.display()))?;
            } else {
                print_line(&format!("{} is signed, in {}", file.display(), holds.display()))?;
            }
        }
        Ok(())
    }
}

impl Key {
    fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Show => {
                let key = own_key(paths)?;
                print_line(&hex(&key.verifying_key().to_bytes()))?;
                print_line(&format!("kept in {}", key_path(paths).display()))
            }
            Self::Export { out } => {
                may_write(&out)?;
                write_key(&out, &own_key(paths)?)?;
                print_line(&format!("{} holds the secret key: whoever has it can sign as you", out.display()))
            }
            Self::Replace { from } => {
                let key = replace_key(paths, from.as_deref().map(read_key).transpose()?)?;
                print_line(&hex(&key.verifying_key().to_bytes()))
            }
        }
    }
}
