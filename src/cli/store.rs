//! `latent-studio library model|models`: models inside of the library, or as files.

use std::path::PathBuf;

use clap::Args;

use super::{print_json, print_line, watched};
use crate::base::paths::{Paths, shipped_folders};
use crate::base::{Problem, Result};
use crate::latent::catalog::{self, Source};
use crate::library::Library;
use crate::library::model_store;

/// Arguments of `library model`.
#[derive(Args)]
pub struct Model {
    /// Name of an imported model, or the file of one; those in the library are listed without
    name: Option<String>,
    /// Move it into the library
    #[arg(long, requires = "name", conflicts_with = "link")]
    store: bool,
    /// Move it out of the library into a file
    #[arg(long, requires = "name")]
    link: bool,
    /// The file, with --link; where it was without
    #[arg(long, requires = "link", value_name = "FILE")]
    out: Option<PathBuf>,
    /// One JSON object a model
    #[arg(long)]
    json: bool,
}

impl Model {
    /// Moves a model, or lists those in the library.
    pub fn run(self, library: &Library, paths: &Paths) -> Result<()> {
        let Some(name) = &self.name else {
            for model in library.stored_models()? {
                self.tell(&model)?;
            }
            return Ok(());
        };
        if self.store == self.link {
            return Err(Problem::usage("Say where the model shall be").try_this("Give --store or --link"));
        }
        if self.link {
            let known = library.stored_models()?.into_iter().find(|m| m.name == *name || m.hash == *name);
            let model = known.ok_or_else(|| {
                Problem::usage("There is no model of this name in the library")
                    .of(name)
                    .try_this("`latent-studio library model` lists them")
            })?;
            let out = library.link_model(&model, self.out.as_deref())?;
            model_store::mark(library, paths)?;
            return if self.json { print_json(&model) } else { print_line(&out.display().to_string()) };
        }
        let Source::File { path, full: None } = catalog::resolve(name, paths)? else {
            return Err(Problem::usage("Only models that are files of their own can be moved into the library")
                .of(name)
                .try_this("Export it first: latent-studio models --export NAME --out FILE"));
        };
        if path.starts_with(model_store::brought(paths)) {
            return Err(Problem::usage("This model is in the library already").of(name).info());
        }
        // Those belong to the program, and may be in use by others.
        let real = |p: &std::path::Path| p.canonicalize().unwrap_or_else(|_| p.to_path_buf());
        if shipped_folders().iter().any(|folder| real(&path).starts_with(real(folder))) {
            return Err(Problem::usage("Models that come with the studio stay where they are")
                .of(name)
                .try_this("Copy it first: latent-studio models --export NAME --out FILE"));
        }
        let hash = Source::File { path: path.clone(), full: None }.read()?.1.hash;
        let stem = path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        model_store::mark_first(paths)?;
        let stored = library.store_model(&hash, &stem, &path, &watched(self.json))?;
        model_store::mark(library, paths)?;
        self.tell(&stored)
    }

    fn tell(&self, model: &model_store::Stored) -> Result<()> {
        if self.json {
            return print_json(model);
        }
        let part = if model.whole { "" } else { "  not all of it: store it again" };
        print_line(&format!(
            "{}  {:24} {:>10} bytes{part}",
            &model.hash[..12.min(model.hash.len())],
            model.name,
            model.bytes
        ))
    }
}
