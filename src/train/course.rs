//! A run between two steps: what it shows, scores and saves, how it goes back after trouble, and what a person changes.

use super::checkpoint::{self, Passed, SavedState};
use super::folder::RunFile;
use super::report::{CheckpointInfo, RunEvent};
use super::scoring::{Heldout, Scoring};
use super::session::Session;
use super::trainer::Trainer;
use super::{preview, toy2d};
use crate::base::series::Reading;
use crate::base::{Channels, Problem, Result};
use crate::data::Prepared;
use crate::models::info::ModelInfo;
use crate::recipe::{Edit, Recipe, form, json_path};

/// How often a run may go back to its last good state.
const RETRIES: u32 = 3;

/// The run as it goes on.
pub(super) struct Course {
    pub recipe: Recipe,
    /// Live edits that hold, in order.
    pub edits: Vec<Edit>,
    pub trainer: Trainer,
    pub saved: SavedState,
    pub target: u64,
    pub scoring: Scoring,
    /// Pictures seen when scores were taken last, and the one that checkpoints are chosen by.
    pub scored: Option<(u64, Option<f64>)>,
    /// Pictures seen when samples were shown last.
    pub shown: Option<u64>,
    /// Pictures trained on.
    pub pictures: u64,
    /// Pictures seen at the checkpoint that was loaded or saved last.
    pub last_saved: Option<u64>,
    /// Checkpoints that could not be loaded.
    pub passed: Passed,
    /// Whether it began from another model, which only its first checkpoint keeps.
    pub fine_tuned: bool,
}

/// Samples from fixed latents, kept on disk.
pub(super) fn show(
    session: &mut Session<'_>,
    course: &mut Course,
    prepared: &Prepared,
    heldout: &Heldout,
) -> Result<()> {
    // A run that ends where samples are due shows them once.
    if course.shown == Some(course.saved.images) {
        return session.folder.check_there();
    }
    course.shown = Some(course.saved.images);
    let points = toy2d::preview(&course.recipe, &course.trainer, prepared, course.saved.images);
    let pictures = || preview::make(&course.trainer, &course.recipe, prepared, course.saved.images);
    let preview = points.unwrap_or_else(pictures);
    let mut values = course.trainer.inspect(heldout);
    if let Some(coverage) = toy2d::coverage(&course.recipe, &course.trainer) {
        values.extend([("modes".into(), coverage.modes as f64), ("good".into(), coverage.good)]);
    }
    values.retain(|v| v.1.is_finite());
    tell_values(session, course, values);
    session.folder.check_there()?;
    match preview::save(&session.folder.previews_dir(), &preview) {
        Ok(_) => session.tell(&RunEvent::Preview { images: preview.images }),
        // Samples are for the eye: a full disk must not end the run because of them.
        Err(problem) => session.tell(&RunEvent::Message(problem.warning())),
    }
    Ok(())
}

fn tell_values(session: &mut Session<'_>, course: &Course, values: Vec<(String, f64)>) {
    let (step, images, seconds) = (course.saved.step, course.saved.images, course.saved.seconds);
    session.tell(&RunEvent::Reading(Reading { step, images, seconds, values }));
}

/// Scores of this moment, if there is time for them; lower is better.
pub(super) fn score(
    session: &mut Session<'_>,
    course: &mut Course,
    prepared: &Prepared,
    heldout: &Heldout,
    checkpoint: bool,
) -> Option<f64> {
    if let Some(coverage) = toy2d::coverage(&course.recipe, &course.trainer) {
        // Points cost nothing to score. Missing modes weigh more than points beside them.
        return Some(-(coverage.modes as f64 + coverage.good));
    }
    if course.recipe.data.channels == Channels::Points {
        return None;
    }
    if let Some((_, score)) = course.scored.filter(|(images, _)| *images == course.saved.images) {
        return score;
    }
    if !course.scoring.due(course.saved.seconds, checkpoint) {
        return None;
    }
    match course.scoring.measure(&course.trainer, &course.recipe, prepared, heldout) {
        Ok(measured) => {
            course.saved.scoring = course.scoring.spent;
            course.scored = Some((course.saved.images, measured.score));
            tell_values(session, course, measured.values);
            measured.score
        }
        // A run goes on without scores.
        Err(problem) => {
            session.tell(&RunEvent::Message(problem.warning()));
            None
        }
    }
}

/// Saves a checkpoint of this moment, unless it is kept already; goes back if its numbers are not finite.
pub(super) fn save(
    session: &mut Session<'_>,
    course: &mut Course,
    prepared: &Prepared,
    heldout: &Heldout,
    info: &ModelInfo,
) -> Result<()> {
    if course.last_saved == Some(course.saved.images) {
        return Ok(());
    }
    // Numbers gathered since the last read may hide a loss that is no longer finite.
    match course.trainer.read() {
        Ok(_) => {}
        Err(bad) => return go_back(session, course, heldout, &bad),
    }
    let value = score(session, course, prepared, heldout, true);
    course.saved.trainer = course.trainer.state().1;
    course.saved.kl = course.trainer.kl();
    let info = ModelInfo {
        kl: course.saved.kl.clone(),
        recipe: course.recipe.clone(),
        prior: course.trainer.prior_info(),
        data: prepared.hash().into(),
        ..info.clone()
    };
    let Course { trainer, saved, recipe, passed, .. } = course;
    let saved = checkpoint::save(session.folder, trainer, saved, &info, recipe, value, passed)?;
    course.last_saved = Some(saved.images);
    session.tell(&RunEvent::Checkpoint(CheckpointInfo { path: saved.path.clone(), ..saved }));
    Ok(())
}

/// Back to the last good state, with the random streams moved on and half the learning rate.
pub(super) fn go_back(session: &mut Session<'_>, course: &mut Course, heldout: &Heldout, bad: &[String]) -> Result<()> {
    let retries = course.saved.retries + 1;
    let what = format!("Training lost finite numbers in {} at step {}", bad.join(", "), course.saved.step);
    if retries > RETRIES {
        return Err(Problem::failed(format!("{what}, again after going back {RETRIES} times"))
            .of("optim.lr")
            .try_this("Lower the learning rate or raise the penalty γ, then resume from the last checkpoint"));
    }
    let lr_factor = course.saved.lr_factor * 0.5;
    let newest = checkpoint::newest(session.folder)?;
    for warning in newest.warnings {
        session.tell(&RunEvent::Message(warning));
    }
    course.passed.extend(newest.passed);
    course.last_saved = newest.loaded.as_ref().map(|loaded| loaded.saved.images);
    match newest.loaded {
        Some(loaded) => {
            course.trainer.restore(&loaded.weights, &loaded.saved.trainer)?;
            let (machine, data) = (course.saved.machine.clone(), course.saved.data.clone());
            course.saved = SavedState { machine, data, scoring: course.scoring.spent, ..loaded.saved };
        }
        None if course.fine_tuned => {
            return Err(Problem::failed(what)
                .because("the checkpoint of the model that it began from is gone")
                .try_this("Start a new run from that model, with a lower learning rate"));
        }
        None => {
            course.trainer = Trainer::new(&course.recipe, &course.trainer.device())?;
            course.trainer.set_heldout(heldout)?;
            course.trainer.set_pictures(course.pictures);
            (course.saved.step, course.saved.images, course.saved.seconds) = (0, 0, 0.0);
        }
    }
    (course.scored, course.shown) = (None, None);
    course.saved.retries = retries;
    course.saved.lr_factor = lr_factor;
    course.trainer.move_streams(retries);
    let images = course.saved.images;
    session.tell(&RunEvent::Rewound { images });
    // What a person changed since then still holds, from here on.
    let step = course.saved.step;
    for edit in course.edits.iter_mut().filter(|e| e.images > images) {
        (edit.step, edit.images) = (step, images);
        session.tell(&RunEvent::Edited(edit.clone()));
    }
    session.folder.write_edits(&course.edits)?;
    let note = Problem::failed(what)
        .try_this(format!(
            "Went back to {:.1} kimg with the learning rate at {:.0} % (try {retries} of {RETRIES})",
            images as f64 / 1000.0,
            lr_factor * 100.0
        ))
        .warning();
    session.tell(&RunEvent::Message(note));
    Ok(())
}

/// Takes a live edit over, or says why not.
pub(super) fn edit(session: &mut Session<'_>, course: &mut Course, key: &str, value: serde_json::Value) {
    let refuse = |problem: Problem| RunEvent::Message(problem.warning());
    let live = form::FIELDS.iter().any(|f| f.live && (key == f.key || key.starts_with(&format!("{}.", f.key))));
    if !live {
        let problem = Problem::usage("This setting cannot change while a run is on").of(key);
        session.tell(&refuse(problem.try_this("Start a new run from this one's model instead")));
        return;
    }
    let mut recipe = course.recipe.clone();
    if let Err(problem) = json_path::set(&mut recipe, key, value.clone()).and_then(|()| recipe.validate()) {
        session.tell(&refuse(problem));
        return;
    }
    course.recipe = recipe;
    course.trainer.set_recipe(&course.recipe);
    if key == "run.kimg" {
        course.target = (course.recipe.run.kimg * 1000.0).round() as u64;
        // The last word on where to stop, whatever a resumption said before.
        let kimg = Some(course.recipe.run.kimg);
        let noted = session.folder.file().and_then(|file| session.folder.write_file(&RunFile { kimg, ..file }));
        if let Err(problem) = noted {
            session.tell(&refuse(problem));
        }
    }
    let edit = Edit { step: course.saved.step, images: course.saved.images, key: key.into(), value };
    course.edits.push(edit.clone());
    // Not worth ending the run for: the telemetry knows it too.
    if let Err(problem) = session.folder.write_edits(&course.edits) {
        session.tell(&refuse(problem));
    }
    session.tell(&RunEvent::Edited(edit));
}
