//! While an export is written, and what came of it.

use egui::{RichText, Ui};
use egui_material_icons::icons::{ICON_CHECK_CIRCLE, ICON_FOLDER_OPEN, ICON_IMAGE};

use super::form::buttons;
use crate::engine::JobId;
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::state::Job;
use crate::ui::theme::{self, size};
use crate::ui::views::Cx;

/// Progress, then the result. True once the dialog may close.
pub(super) fn writing(ui: &mut Ui, job: JobId, cx: &mut Cx<'_>) -> bool {
    let studio = cx.studio;
    let state = studio.jobs.get(&job);
    ui.add_space(size::S);
    match state {
        Some(job) if job.ended => written(ui, job, cx),
        state => {
            let share = state.and_then(Job::share);
            theme::progress(ui, share, ui.available_width(), "Export");
            if let Some(left) = state.and_then(Job::left_text) {
                theme::weak(ui, left);
            }
            ui.add_space(size::S);
            buttons(ui, |ui| {
                // The form comes back with what was chosen.
                if theme::button(ui, None, "Cancel").clicked() {
                    cx.push(Action::Cancel(job));
                }
            });
            false
        }
    }
}

/// What was written and where, with ways to it.
fn written(ui: &mut Ui, job: &Job, cx: &mut Cx<'_>) -> bool {
    let t = theme::tokens(ui);
    ui.horizontal_top(|ui| {
        theme::icon(ui, ICON_CHECK_CIRCLE, size::ICON, t.good, "Done");
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 2.0;
            let what = match job.files.as_slice() {
                [one] => one.file_name().unwrap_or_default().to_string_lossy().into_owned(),
                files => format!("{} written", format::plural(files.len() as u64, "file", "files")),
            };
            ui.add(egui::Label::new(what).wrap());
            if let Some(folder) = job.files.first().and_then(|f| f.parent()) {
                let text = RichText::new(folder.display().to_string()).size(size::SMALL).color(t.weak);
                ui.add(egui::Label::new(text).wrap());
            }
        });
    });
    ui.add_space(size::S);
    let mut close = false;
    buttons(ui, |ui| {
        close = theme::primary_button(ui, None, "Close").clicked();
        let Some(first) = job.files.first() else { return };
        if job.files.len() == 1 && theme::button(ui, Some(ICON_IMAGE), "Show file").clicked() {
            cx.push(Action::OpenFile(first.clone()));
        }
        if theme::button(ui, Some(ICON_FOLDER_OPEN), "Open folder").clicked() {
            cx.push(Action::Reveal(first.clone()));
        }
    });
    close
}
