//! Work that goes on: how far it is, and a button that ends it.

use egui::Ui;
use egui_material_icons::icons::ICON_CLOSE;

use crate::engine::JobId;
use crate::ui::action::Action;
use crate::ui::state::Job;
use crate::ui::theme;
use crate::ui::view::Cx;

/// Room that the time left needs.
const TEXT: f32 = 150.0;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    /// There is none, or it has ended.
    Nothing,
    /// It is on.
    Working,
    /// It was asked to end just now.
    Cancelled,
}

/// Whether a job is still on.
pub fn is_on(job: Option<JobId>, cx: &Cx<'_>) -> bool {
    job.is_some_and(|j| cx.studio.jobs.get(&j).is_none_or(|j| !j.ended))
}

/// While a job is on: its progress, called `what`, and a button `cancel`.
pub fn shown(ui: &mut Ui, cx: &mut Cx<'_>, job: Option<JobId>, width: f32, what: &str, cancel: &str) -> Doing {
    let Some(job) = job.filter(|_| is_on(job, cx)) else { return Doing::Nothing };
    theme::progress(ui, cx.studio.jobs.get(&job).and_then(|j| j.share()), width, what);
    if theme::button(ui, Some(ICON_CLOSE), cancel).clicked() {
        cx.push(Action::Cancel(job));
        return Doing::Cancelled;
    }
    let left = cx.studio.jobs.get(&job).and_then(Job::left_text).filter(|_| !cx.still);
    if let Some(left) = left.filter(|_| theme::left(ui) > TEXT) {
        theme::weak(ui, left);
    }
    Doing::Working
}
