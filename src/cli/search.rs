//! `library import`, `library embed`, `library search`: pictures of data sets beside the kept ones, and all of them found.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{device, print_json, print_line, say, tell, watched};
use crate::base::paths::Paths;
use crate::base::{Problem, Region, Result};
use crate::data;
use crate::library::import::import;
use crate::library::towers::{Towers, embed};
use crate::library::{Condition, Example, Finder, Library, Search, Shelf};

/// Pictures that could not be read are told one by one up to so many.
const TOLD: usize = 10;

/// Arguments of `library import`.
#[derive(Args)]
pub struct Import {
    /// Folders, zips, IDX or CIFAR files, or built-in sets
    #[arg(value_name = "SRC", required = true, num_args = 1..)]
    sources: Vec<String>,
    /// Name of the data set, by which filters know it; without one each source has its own
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// As one JSON object a source: source, added, known, broken
    #[arg(long)]
    json: bool,
}

impl Import {
    /// Imports one source after the other.
    pub fn run(self, library: &Library) -> Result<()> {
        let progress = watched(self.json);
        for source in &self.sources {
            let report = import(library, source, self.name.as_deref(), &progress)?;
            for (file, reason) in report.broken.iter().take(TOLD) {
                say(&Problem::data(reason.clone()).of(file.clone()).warning());
            }
            if self.json {
                let broken: Vec<_> = report.broken.iter().map(|(f, r)| json!({ "file": f, "reason": r })).collect();
                print_json(&json!({
                    "source": source, "added": report.added, "known": report.known, "broken": broken,
                }))?;
            } else {
                let (added, known, broken) = (report.added, report.known, report.broken.len());
                print_line(&format!("{source}: {added} imported, {known} known before, {broken} not readable"))?;
            }
        }
        Ok(())
    }
}

/// Arguments of `library embed`.
#[derive(Args)]
pub struct Embed {
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "auto")]
    device: String,
    /// As one JSON object: pictures, captions, failed, stale
    #[arg(long)]
    json: bool,
}

impl Embed {
    /// Makes the vectors that are missing.
    pub fn run(self, library: &Library, paths: &Paths) -> Result<()> {
        let mut towers = Towers::new(paths, &device(&self.device, paths));
        let done = embed(library, &mut towers, &|| true, &watched(self.json))?;
        if done.stale > 0 {
            tell(&format!("{} vectors of another network were removed and made again", done.stale));
        }
        if self.json {
            return print_json(&done);
        }
        let (pictures, captions, failed) = (done.pictures, done.captions, done.failed);
        print_line(&format!(
            "{pictures} pictures and {captions} captions have vectors now; {failed} pictures could not"
        ))
    }
}

/// Arguments of `library search`.
#[derive(Args)]
pub struct Find {
    /// Words, or what is to be seen
    #[arg(value_name = "TEXT")]
    text: Option<String>,
    /// Picture files to be like
    #[arg(long, value_name = "FILE", num_args = 1..)]
    like: Vec<PathBuf>,
    /// Picture files to be unlike
    #[arg(long, value_name = "FILE", num_args = 1..)]
    unlike: Vec<PathBuf>,
    /// Only this part of the one picture of --like: pixels from its left and top, then across and down
    #[arg(long, value_name = "X,Y,W,H", allow_hyphen_values = true)]
    region: Option<String>,
    /// Conditions that hold: model, data, label, tag, name, origin, rating, width, height, date, starred, such as
    /// 'data=fashion rating>=3 label="Ankle boot" date>=2026-01-01'
    #[arg(long = "where", value_name = "CONDITIONS", default_value = "")]
    conditions: String,
    /// Pictures, at most
    #[arg(long, value_name = "N", default_value_t = 20)]
    limit: usize,
    /// auto, cpu, vulkan, … (`latent-studio devices`)
    #[arg(long, default_value = "cpu")]
    device: String,
    /// As one JSON object a line: id, file, score, why
    #[arg(long)]
    json: bool,
}

impl Find {
    /// Prints what was found, the best first.
    pub fn run(self, library: &Library, paths: &Paths) -> Result<()> {
        let read = |files: &[PathBuf]| -> Result<Vec<Example>> {
            files.iter().map(|file| data::decode_file(file).map(Example::Picture)).collect()
        };
        let mut like = read(&self.like)?;
        if let Some(region) = &self.region {
            let region: Region = region.parse()?;
            let [Example::Picture(picture)] = &mut like[..] else {
                return Err(Problem::usage("A region is part of one picture")
                    .of(format!("--region {region}"))
                    .try_this("Give exactly one picture with --like"));
            };
            *picture = region.cut(picture).map_err(|p| p.of(format!("{}: {region}", self.like[0].display())))?;
        }
        let search = Search {
            text: self.text.unwrap_or_default(),
            like,
            unlike: read(&self.unlike)?,
            shelf: Shelf::All,
            conditions: Condition::all(&self.conditions)?,
            limit: self.limit,
            without: Vec::new(),
        };
        let answer = Finder::new(paths, &device(&self.device, paths)).search(library, &search)?;
        answer.notes.iter().for_each(say);
        for hit in &answer.hits {
            let (id, file) = (hit.item.id, hit.item.path.display().to_string());
            if self.json {
                print_json(&json!({ "id": id, "file": file, "score": hit.score, "why": hit.why }))?;
            } else {
                let why: Vec<&str> = hit.why.iter().map(|w| w.note.as_str()).collect();
                print_line(&format!("{id:>7}  {:.4}  {file}  {}", hit.score, why.join("; ")))?;
            }
        }
        if answer.hits.is_empty() {
            tell("Nothing was found");
        }
        Ok(())
    }
}
