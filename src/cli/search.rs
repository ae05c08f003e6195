//! `library import`, `library embed`, `library search`: pictures of data sets beside the kept ones, and all of them found.

use clap::Args;

use super::{print_json, print_line, say, watched};
use crate::base::{Problem, Result};
use crate::library::Library;
use crate::library::import::import;

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
                let broken: Vec<_> =
                    report.broken.iter().map(|(f, r)| serde_json::json!({ "file": f, "reason": r })).collect();
                print_json(&serde_json::json!({
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
