//! A run that asks for its pictures: where they are now, or whether it shall go on with them as they are.

use egui::Ui;

use super::TrainView;
use crate::engine::{PictureAnswer, Question, RunSummary, question};
use crate::ui::action::PickKind;
use crate::ui::theme;
use crate::ui::views::{Cx, ViewId};

/// Purpose of the dialog that asks where a run's pictures are.
pub(super) const LOCATE: &str = "train locate pictures";

/// What a run that did not go on asks of a person, if it asks something.
pub(super) fn asked(run: &RunSummary) -> Option<Question> {
    question(run.problem.as_ref()?)
}

/// The buttons that answer; says what was answered at once.
pub(super) fn buttons(ui: &mut Ui, asked: Question, cx: &mut Cx<'_>) -> Option<PictureAnswer> {
    let locate = theme::button(ui, None, "Locate pictures…");
    if locate.on_hover_text("Choose the folder that they are in now; then the run continues").clicked() {
        cx.pick(ViewId::Train, LOCATE, PickKind::Folder, "Where are this run's pictures?", &[]);
    }
    if asked != Question::Accept {
        return None;
    }
    let accept = theme::button(ui, None, "Continue with these pictures");
    let accept = accept.on_hover_text("The run continues with them as they are now, and remembers that");
    accept.clicked().then_some(PictureAnswer { source: None, accept: true })
}

impl TrainView {
    /// The folder was chosen: the run that is watched goes on with it.
    pub(super) fn located(&mut self, source: String, cx: &mut Cx<'_>) {
        if let Some(run) = cx.studio.selected_run() {
            self.resume(run, None, PictureAnswer { source: Some(source), accept: false }, cx);
        }
    }
}
