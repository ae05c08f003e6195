//! Where the pictures are that a model learned from: chosen once, where this computer does not know them.

use egui::Ui;
use egui_material_icons::icons::ICON_FOLDER_OPEN;

use super::{Cx, ViewId};
use crate::engine::JobId;
use crate::engine::dataset_locator::is_unknown;
use crate::ui::action::PickKind;
use crate::ui::theme::{self, Tone};

/// Purpose of the dialog that chooses them.
pub const PICK: &str = "pictures of a model";
/// Text of the button that opens it.
pub const CHOOSE: &str = "Choose its pictures…";

/// Whether a job could not be done for want of them.
pub fn is_wanted(job: Option<JobId>, cx: &Cx<'_>) -> bool {
    job.and_then(|j| cx.studio.jobs.get(&j)).and_then(|j| j.problem.as_ref()).is_some_and(is_unknown)
}

/// Opens the dialog.
pub fn choose(cx: &mut Cx<'_>) {
    cx.pick(ViewId::Explore, PICK, PickKind::Folder, "The pictures that this model learned from", &[]);
}

/// Says that a job waits for them, with a button that opens the dialog; nothing if it does not. Whether it does.
pub fn offer(ui: &mut Ui, cx: &mut Cx<'_>, job: Option<JobId>) -> bool {
    if !is_wanted(job, cx) {
        return false;
    }
    ui.horizontal_wrapped(|ui| {
        theme::toned(ui, Tone::Warn, "The pictures that this model learned from are not known here");
        if theme::button(ui, Some(ICON_FOLDER_OPEN), CHOOSE).clicked() {
            choose(cx);
        }
    });
    true
}
