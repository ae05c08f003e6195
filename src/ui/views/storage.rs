//! What the studio keeps on disk, in Settings: sizes, and buttons that empty what can be made again.

use egui::{RichText, Ui};

use super::Cx;
use crate::engine::Command;
use crate::library::storage::Kept;
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::theme::{self, size};

/// What was asked for and is about to be emptied, by the place on the screen.
#[derive(Clone, Copy, Default)]
struct State {
    asked: bool,
    /// The part whose button was pressed once.
    confirming: Option<&'static str>,
}

/// Sizes of what is kept. They are asked for when this is first drawn.
pub fn show(ui: &mut Ui, cx: &mut Cx<'_>) {
    let id = egui::Id::unique("storage state");
    let mut state = ui.data_mut(|d| d.get_temp::<State>(id)).unwrap_or_default();
    if !state.asked {
        state.asked = true;
        cx.send(Command::Storage);
    }
    sizes(ui, cx, &mut state.confirming);
    ui.data_mut(|d| d.insert_temp(id, state));
}

fn sizes(ui: &mut Ui, cx: &mut Cx<'_>, confirming: &mut Option<&'static str>) {
    let Some(all) = cx.studio.storage.clone() else {
        theme::weak(ui, "Measuring…");
        return;
    };
    egui::Grid::new("storage").num_columns(3).spacing([size::M, size::XS]).show(ui, |ui| {
        for kept in &all {
            row(ui, cx, kept, confirming);
        }
    });
    if theme::quiet_button(ui, None, "Measure again").clicked() {
        cx.send(Command::Storage);
    }
}

fn row(ui: &mut Ui, cx: &mut Cx<'_>, kept: &Kept, confirming: &mut Option<&'static str>) {
    let title = ui.label(kept.title);
    if !kept.help.is_empty() {
        title.on_hover_text(kept.help);
    }
    let text = match kept.files {
        0 => "empty".into(),
        n => format!("{} in {}", format::bytes(kept.bytes), format::plural(n, "file", "files")),
    };
    ui.label(RichText::new(text).color(theme::tokens(ui).weak));
    ui.horizontal(|ui| {
        // First what every row has, so that the buttons lie below each other.
        if theme::quiet_button(ui, None, "Show").on_hover_text(kept.path.display().to_string()).clicked() {
            cx.push(Action::Reveal(kept.path.clone()));
        }
        if kept.clearable && kept.files > 0 {
            let sure = *confirming == Some(kept.id);
            let word = if sure { "Remove for good" } else { "Empty…" };
            let name = format!("{word} {}", kept.title);
            let button = if sure { theme::danger_button(ui, None, word) } else { theme::quiet_button(ui, None, word) };
            button.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &name));
            if button.on_hover_text(kept.help).clicked() {
                if sure {
                    cx.send(Command::CleanStorage { parts: vec![kept.id.into()] });
                    *confirming = None;
                } else {
                    *confirming = Some(kept.id);
                }
            }
            if sure && theme::quiet_button(ui, None, "Keep").clicked() {
                *confirming = None;
            }
        }
    });
    ui.end_row();
}

#[cfg(test)]
mod tests {
    use egui::accesskit::Role;
    use egui_kittest::kittest::Queryable;

    use super::*;
    use crate::ui::views::explore::testing::{Stage, harness};
    use crate::ui::views::settings::SettingsView;

    #[test]
    fn sizes_are_shown_and_a_part_is_emptied_after_a_second_press() {
        let mut h = harness(Stage::new(SettingsView::default()));
        h.run_steps(6);
        h.get_by_label("Prepared pictures");
        assert!(h.query_all_by_label_contains("in 12 files").count() >= 2);
        assert!(h.query_by_role_and_label(Role::Button, "Empty… Runs").is_none(), "runs are no leftovers");
        for name in ["Empty… Prepared pictures", "Remove for good Prepared pictures"] {
            h.get_by_role_and_label(Role::Button, name).scroll_to_me();
            h.run_steps(4);
            let before = h.state().engine.take_commands();
            assert!(!before.iter().any(|c| matches!(c, Command::CleanStorage { .. })), "{name}");
            h.get_by_role_and_label(Role::Button, name).click();
            h.run_steps(6);
        }
        let sent = h.state().engine.take_commands();
        assert!(sent.iter().any(|c| matches!(c, Command::CleanStorage { parts } if parts == &["prepared"])));
        assert!(h.query_by_role_and_label(Role::Button, "Empty… Prepared pictures").is_none(), "nothing is left in it");
    }
}
