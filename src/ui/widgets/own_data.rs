//! Where the pictures are that a model learned from: chosen once, where this computer does not know them.

use std::path::PathBuf;

use egui::Ui;
use egui_material_icons::icons::ICON_FOLDER_OPEN;

use crate::engine::dataset_locator::is_unknown;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::models::info::ModelRef;
use crate::ui::action::PickKind;
use crate::ui::theme::{self, Tone};
use crate::ui::view::{Cx, ViewId};

/// Purpose of the dialog that chooses them.
pub const PICK: &str = "pictures of a model";
/// Text of the button that opens it.
pub const CHOOSE: &str = "Choose pictures…";

/// Whether the pictures of the model in use are on this computer: asked for once, so that a page can say what it needs
/// before it is asked to work.
#[derive(Debug, Default)]
pub struct OwnData {
    model: Option<ModelRef>,
    there: Option<bool>,
}

impl OwnData {
    /// Asks for a model unless it was asked for already.
    pub fn follow(&mut self, model: &str, cx: &mut Cx<'_>) {
        if self.model.as_deref() != Some(model) {
            (self.model, self.there) = (Some(model.into()), None);
            cx.send(Command::Latent(LatentCommand::FindOwnData { model: model.into() }));
        }
    }

    /// Whether it is known that they are not here.
    pub fn is_missing(&self, model: &str) -> bool {
        self.model.as_deref() == Some(model) && self.there == Some(false)
    }

    /// Takes the answer of the dialog that chooses them. True if it was for it.
    pub fn picked(&self, purpose: &str, paths: &[PathBuf], cx: &mut Cx<'_>) -> bool {
        if let (PICK, Some(model), Some(path)) = (purpose, &self.model, paths.first()) {
            let (model, source) = (model.clone(), path.display().to_string());
            cx.send(Command::Latent(LatentCommand::OwnData { model, source }));
        }
        purpose == PICK
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event) {
        match event {
            Event::Latent(LatentEvent::OwnDataFound { model, there }) if self.model.as_ref() == Some(model) => {
                self.there = Some(*there);
            }
            Event::Latent(LatentEvent::OwnData { model }) if self.model.as_ref() == Some(model) => {
                self.there = Some(true);
            }
            _ => {}
        }
    }

    /// Where they are missing, says so before anything is done, with a button that chooses them. Whether they are.
    pub fn ask(&self, ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId, model: &str) -> bool {
        let missing = self.is_missing(model);
        if missing {
            needed(ui, cx, view);
        }
        missing
    }
}

fn needed(ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId) {
    ui.horizontal_wrapped(|ui| {
        theme::toned(ui, Tone::Warn, "The pictures that this model learned from are not on this computer");
        if theme::button(ui, Some(ICON_FOLDER_OPEN), CHOOSE).clicked() {
            choose(cx, view);
        }
    });
}

/// Whether a job could not be done for want of them.
pub fn is_wanted(job: Option<JobId>, cx: &Cx<'_>) -> bool {
    job.and_then(|j| cx.studio.jobs.get(&j)).and_then(|j| j.problem.as_ref()).is_some_and(is_unknown)
}

/// Opens the dialog, whose answer comes to this view.
pub fn choose(cx: &mut Cx<'_>, view: ViewId) {
    cx.pick(view, PICK, PickKind::Folder, "The pictures that this model learned from", &[]);
}

/// Says that a job waits for them, with a button that opens the dialog; nothing if it does not. Whether it does.
pub fn offer(ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId, job: Option<JobId>) -> bool {
    if !is_wanted(job, cx) {
        return false;
    }
    needed(ui, cx, view);
    true
}
