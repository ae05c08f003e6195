//! `latent-studio doctor`.

use std::path::PathBuf;

use clap::Args;

use super::{print_json, print_line};
use crate::base::Result;
use crate::train::doctor::{self, finding};
use crate::train::folder::RunFolder;
use crate::train::forecast;

/// Arguments of `doctor`.
#[derive(Args)]
pub struct Doctor {
    /// A run's folder
    run: PathBuf,
    /// One JSON object a finding
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Prints what goes wrong in a run.
    pub fn run(self) -> Result<()> {
        let run = RunFolder::open(&self.run)?;
        let found = doctor::examine(&run)?;
        if self.json {
            return found.iter().try_for_each(print_json);
        }
        if found.is_empty() {
            print_line("Nothing was found")?;
        }
        found.iter().try_for_each(|finding| print_line(&said(finding)))?;
        let progress = run.summary()?.progress;
        let at = forecast::moment(progress.images, progress.target);
        match forecast::of_run(&run.history(), at) {
            Some(told) => print_line(&format!("Worth going on? {}", super::forecast::said(&told))),
            None => Ok(()),
        }
    }
}

/// A finding as a person reads it.
pub(super) fn said(finding: &finding::Finding) -> String {
    let kimg = |images: u64| format!("{:.1} kimg", images as f64 / 1000.0);
    let at = kimg(finding.images);
    let taken = finding.remedy_taken.as_ref().map_or_else(String::new, |key| format!(" after a change of {key}"));
    match finding.course {
        finding::Course::Gone => return format!("{at}: {} is gone{taken}", finding.title),
        finding::Course::Remains => return format!("{at}: {} remains{taken}", finding.title),
        finding::Course::Found => {}
    }
    let mut out =
        format!("{at}: {} ({:.0} % sure)\n  {}", finding.title, finding.confidence * 100.0, finding.explanation);
    for e in &finding.evidence {
        let value = format!("{:.3}", e.value);
        out.push_str(&format!(
            "\n  {}: {value} from {} to {}; healthy: {}",
            e.number,
            kimg(e.from),
            kimg(e.to),
            e.healthy
        ));
    }
    for remedy in &finding.remedies {
        let how = match (remedy.key.is_empty(), remedy.live) {
            (true, _) => String::new(),
            (_, true) => format!(": {} = {}, while it is on or by --set", remedy.key, remedy.value),
            (_, false) => format!(": {} = {} in a new run", remedy.key, remedy.value),
        };
        out.push_str(&format!("\n  try: {}{how}", remedy.title));
    }
    out
}
