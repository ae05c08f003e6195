//! The training doctor: reads what a run tells of itself and names what goes wrong, with the evidence and what to do.
//!
//! It only reads. With it or without it a run's weights are the same to the last bit; a remedy is an ordinary live edit, or
//! a new run with one setting changed.
//!
//! A [rule](rules) looks at the curves so far. What it sees has to hold for a while ([`Rule::holds`], a share of the run)
//! before it becomes a [`Finding`], and to be gone for as long before the finding is over.

pub mod finding;
pub mod looks;
mod remedies;
mod rules;
pub mod seen;

use std::collections::BTreeMap;

use super::folder::RunFolder;
use super::preview;
use super::report::{Preview, RunEvent};
use crate::base::Result;
use crate::base::series::Reading;
use crate::recipe::{Edit, Recipe, json_path};
use finding::{Course, Finding};
pub use rules::{RULES, Rule};
use seen::{DataFacts, Seen};

/// Share of the run within which a remedy should show.
const REMEDY: f64 = 0.2;

/// Where a rule stands.
#[derive(Clone, Debug, Default)]
struct Case {
    /// Pictures seen when what it looks for was seen first, without a break since.
    seen_since: Option<u64>,
    /// Pictures seen when it was missed first, without a break since.
    missed_since: Option<u64>,
    /// The finding that is open.
    open: Option<Finding>,
    /// When one of its remedies was taken, and by which setting.
    taken: Option<(u64, String)>,
    /// Whether it was said that it remains.
    remains: bool,
}

/// Follows a run and says what goes wrong.
pub struct Doctor {
    seen: Seen,
    cases: Vec<Case>,
}

impl Doctor {
    /// For a run of this recipe that ends after `target` pictures.
    pub fn new(recipe: &Recipe, target: u64, data: DataFacts) -> Self {
        let family = recipe.family().ok();
        let curves = BTreeMap::new();
        let seen = Seen { recipe: recipe.clone(), family, data, target, images: 0, curves, lost: Vec::new() };
        Self { seen, cases: vec![Case::default(); RULES.len()] }
    }

    /// Takes what happened in a run so far, and says what that shows.
    pub fn of_history(recipe: &Recipe, target: u64, data: DataFacts, history: &[RunEvent]) -> (Self, Vec<Finding>) {
        let mut doctor = Self::new(recipe, target, data);
        let found = history.iter().flat_map(|event| doctor.hear(event)).collect();
        (doctor, found)
    }

    /// What is found now and not gone.
    pub fn open(&self) -> Vec<&Finding> {
        self.cases.iter().filter_map(|case| case.open.as_ref()).collect()
    }

    /// Takes what the run told, and returns what that shows for the first time.
    pub fn hear(&mut self, event: &RunEvent) -> Vec<Finding> {
        match event {
            RunEvent::Started { pictures, .. } => {
                self.seen.data.pictures = *pictures;
                Vec::new()
            }
            RunEvent::Reading(reading) => {
                for (name, value) in &reading.values {
                    let series = self.seen.curves.entry(name.clone()).or_default();
                    series.truncate_after(reading.images);
                    series.push(reading.step, reading.images, reading.seconds, *value);
                }
                self.seen.images = reading.images;
                self.judge()
            }
            RunEvent::Rewound { images } => {
                self.seen.lost.push(self.seen.images);
                self.seen.images = *images;
                self.seen.curves.values_mut().for_each(|series| series.truncate_after(*images));
                self.judge()
            }
            RunEvent::Edited(edit) => {
                self.note_edit(edit);
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn note_edit(&mut self, edit: &Edit) {
        // One that does not fit was refused by the run itself.
        let _ = json_path::set(&mut self.seen.recipe, &edit.key, edit.value.clone());
        if edit.key == "run.kimg" {
            self.seen.target = (self.seen.recipe.run.kimg * 1000.0).round() as u64;
        }
        for case in &mut self.cases {
            let helps = |f: &Finding| f.remedies.iter().any(|r| !r.key.is_empty() && edit.key.starts_with(&r.key));
            if case.open.as_ref().is_some_and(helps) {
                case.taken = Some((edit.images, edit.key.clone()));
                case.remains = false;
            }
        }
    }

    fn judge(&mut self) -> Vec<Finding> {
        let seen = &self.seen;
        let mut out = Vec::new();
        for (rule, case) in RULES.iter().zip(&mut self.cases) {
            if rule.family.is_some_and(|family| Some(family) != seen.family) {
                continue;
            }
            let now = seen.images;
            let holds = seen.part(rule.holds);
            match (rule.looks)(seen) {
                Some(sign) => {
                    case.missed_since = None;
                    // After a return to an earlier state it counts from there again.
                    let since = case.seen_since.filter(|&since| since <= now).unwrap_or(now);
                    case.seen_since = Some(since);
                    if now - since >= holds {
                        let taken = case.taken.as_ref().map(|t| t.1.clone());
                        let finding = rule.finding(seen, sign, since, taken);
                        if case.open.is_none() {
                            out.push(finding.clone());
                            case.open = Some(finding);
                        } else if case.taken.as_ref().is_some_and(|t| now.saturating_sub(t.0) >= seen.part(REMEDY))
                            && !case.remains
                        {
                            case.remains = true;
                            out.push(Finding { course: Course::Remains, ..finding });
                        }
                    }
                }
                None => {
                    case.seen_since = None;
                    let since = case.missed_since.filter(|&since| since <= now).unwrap_or(now);
                    case.missed_since = Some(since);
                    if now - since >= holds
                        && let Some(open) = case.open.take()
                    {
                        let remedy_taken = case.taken.take().map(|t| t.1);
                        case.remains = false;
                        out.push(Finding { course: Course::Gone, images: now, remedy_taken, ..open });
                    }
                }
            }
        }
        out
    }
}

/// What the doctor finds in a run that is over, or that goes on elsewhere.
///
/// Runs of earlier versions told nothing of what their samples look like; it is taken from their kept previews.
///
/// # Errors
/// Its recipe cannot be read.
pub fn examine(folder: &RunFolder) -> Result<Vec<Finding>> {
    let recipe = folder.recipe()?;
    let target = (folder.file()?.kimg.unwrap_or(recipe.run.kimg) * 1000.0).round() as u64;
    let mut doctor = Doctor::new(&recipe, target, DataFacts::default());
    let mut before: Option<Preview> = None;
    let mut found = Vec::new();
    for event in folder.history() {
        found.extend(doctor.hear(&event));
        let RunEvent::Preview { images } = event else { continue };
        let known = doctor.seen.curves.get("sample_variety").is_some_and(|s| s.images.last() == Some(&images));
        let Some(preview) = (!known).then(|| preview::load(&folder.previews_dir(), images).ok()).flatten() else {
            continue;
        };
        let values = looks::numbers(&preview, before.as_ref(), &preview.reals);
        before = Some(preview);
        let (step, seconds) = (images / u64::from(recipe.optim.batch.max(1)), 0.0);
        found.extend(doctor.hear(&RunEvent::Reading(Reading { step, images, seconds, values })));
    }
    Ok(found)
}

#[cfg(test)]
mod tests;
