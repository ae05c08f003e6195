//! `latent-studio report`.

use std::path::PathBuf;

use clap::Args;

use super::{may_write, print_line, watched};
use crate::base::Result;
use crate::base::paths::Paths;
use crate::export::records::run_log;
use crate::export::report::{self, About};

/// Arguments of `report`.
#[derive(Args)]
pub struct Report {
    /// A run's folder, or its name in the studio
    run: String,
    /// The HTML file to write; it needs nothing beside it
    #[arg(long, value_name = "FILE.html")]
    out: PathBuf,
    /// Licence of the pictures that it learned from
    #[arg(long, value_name = "TEXT")]
    licence: Option<String>,
    /// Something to say at its head
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
}

impl Report {
    /// Writes it.
    pub fn run(self, paths: &Paths) -> Result<()> {
        report::check_name(&self.out)?;
        let run = run_log::find(&self.run, paths)?;
        may_write(&self.out)?;
        let about = About { licence: self.licence, note: self.note, no_traces: super::no_traces() };
        report::write(&run, &about, &self.out, paths, &watched(false))?;
        print_line(&self.out.display().to_string())
    }
}
