//! A place for pictures, folders, models and runs: drop them, choose them, or paste a path.
//!
//! All three, because Wayland delivers no drops to winit. What is dropped reaches [`View::on_drop`] or the shell;
//! dialogs answer with [`ViewMessage::Picked`] whose purpose is [`PURPOSE`].
//!
//! [`View::on_drop`]: crate::ui::views::View::on_drop
//! [`ViewMessage::Picked`]: crate::ui::action::ViewMessage::Picked

use std::path::PathBuf;

use egui::{CornerRadius, Event, Frame, Id, Key, Margin, RichText, Role, Stroke, Ui};
use egui_material_icons::icons::{ICON_FILE_OPEN, ICON_FOLDER_OPEN, ICON_UPLOAD_FILE};

use crate::data::path_of;
use crate::ui::action::PickKind;
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};

/// Purpose of the dialogs a drop target opens.
pub const PURPOSE: &str = "drop";

/// Below this width the buttons that open a dialog have short words.
const WIDE: f32 = 300.0;

/// What a drop target remembers from frame to frame.
#[derive(Clone, Debug, Default)]
pub struct DropState {
    /// What is typed or pasted so far.
    pub text: String,
    /// The field's id in the last frame.
    field: Option<Id>,
}

/// Whether files are held over the window now.
pub fn files_hover(ui: &Ui) -> bool {
    ui.input(|i| !i.raw.hovered_files.is_empty())
}

/// Draws a drop target as wide as there is room. Returns pasted paths (or the name of a built-in source such as
/// `emoji:smileys`) once Enter or the button confirms them.
pub fn drop_target(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    view: ViewId,
    state: &mut DropState,
    title: &str,
    hint: &str,
) -> Option<Vec<PathBuf>> {
    target(ui, cx, state, (title, hint), |ui, cx| choose_buttons(ui, cx, view))
}

/// As [`drop_target`], for picture files only: several, or one.
pub fn drop_pictures(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    view: ViewId,
    state: &mut DropState,
    (title, hint): (&str, &str),
    several: bool,
) -> Option<Vec<PathBuf>> {
    target(ui, cx, state, (title, hint), |ui, cx| {
        ui.vertical_centered(|ui| picture_button(ui, cx, view, several));
    })
}

/// The button that opens a dialog for pictures: several, or one.
pub fn picture_button(ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId, several: bool) {
    let (text, kind, title) = match several {
        true => ("Choose pictures…", PickKind::Files, "Choose pictures"),
        false => ("Choose picture…", PickKind::File, "Choose a picture"),
    };
    if theme::button(ui, Some(ICON_FILE_OPEN), text).clicked() {
        cx.pick(view, PURPOSE, kind, title, &[]);
    }
}

fn target(
    ui: &mut Ui,
    cx: &mut Cx<'_>,
    state: &mut DropState,
    (title, hint): (&str, &str),
    choose: impl FnOnce(&mut Ui, &mut Cx<'_>),
) -> Option<Vec<PathBuf>> {
    let t = theme::tokens(ui);
    let lit = files_hover(ui);
    let frame = Frame::new()
        .fill(if lit { t.selected } else { t.canvas })
        .stroke(Stroke::new(1.0, if lit { t.accent } else { t.line }))
        .corner_radius(CornerRadius::same(size::RADIUS_CARD))
        .inner_margin(Margin::same(size::M as i8));
    let shown = frame.show(ui, |ui| {
        ui.set_min_width(ui.available_width());
        ui.vertical_centered(|ui| {
            ui.label(ICON_UPLOAD_FILE.rich_text().size(size::ICON_LARGE).color(if lit { t.accent } else { t.weak }));
            ui.label(RichText::new(if lit { "Drop to open" } else { title }).size(size::STRONG));
            ui.label(RichText::new(hint).size(size::SMALL).color(t.weak));
        });
        choose(ui, cx);
        path_field(ui, state)
    });
    shown.inner
}

/// The two buttons that open a dialog, side by side in the middle.
pub fn choose_buttons(ui: &mut Ui, cx: &mut Cx<'_>, view: ViewId) {
    use egui::{Align, Layout};
    let wide = ui.available_width() > WIDE;
    let button = |ui: &mut Ui, icon, long: &str, short: &str| {
        let response = theme::button(ui, Some(icon), if wide { long } else { short });
        theme::name(&response, Role::Button, long);
        response.clicked()
    };
    // Columns stretch what is in them; these two shall meet in the middle instead.
    ui.columns(2, |columns| {
        columns[0].with_layout(Layout::right_to_left(Align::Min), |ui| {
            if button(ui, ICON_FOLDER_OPEN, "Choose folder…", "Folder…") {
                cx.pick(view, PURPOSE, PickKind::Folder, "Choose a folder of pictures", &[]);
            }
        });
        columns[1].with_layout(Layout::left_to_right(Align::Min), |ui| {
            if button(ui, ICON_FILE_OPEN, "Choose files…", "Files…") {
                cx.pick(view, PURPOSE, PickKind::Files, "Choose pictures, an archive or a model", &[]);
            }
        });
    });
}

/// One line that takes a path, or a built-in source; returns what was meant once Enter or the button confirms it. A list
/// of files that a file manager put on the clipboard is taken as it is pasted.
pub fn path_field(ui: &mut Ui, state: &mut DropState) -> Option<Vec<PathBuf>> {
    let mut go = false;
    let mut list = None;
    ui.horizontal(|ui| {
        let room = (ui.available_width() - 64.0).max(80.0);
        // Taken before the field sees it.
        if state.field.is_some_and(|field| ui.memory(|m| m.has_focus(field))) {
            list = pasted_list(ui);
        }
        let response = theme::text_field(ui, &mut state.text, "or paste a path", room, "Path");
        state.field = Some(response.id);
        go = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        ui.add_enabled_ui(!state.text.trim().is_empty(), |ui| {
            let open = theme::button(ui, None, "Open");
            theme::name(&open, Role::Button, "Open path");
            go |= open.clicked();
        });
    });
    let typed = (go && !state.text.trim().is_empty()).then(|| vec![path_of(&state.text)]);
    let taken = list.or(typed);
    if taken.is_some() {
        state.text.clear();
    }
    taken
}

/// Several lines that are about to be pasted, as paths; a field of one line would join them.
fn pasted_list(ui: &Ui) -> Option<Vec<PathBuf>> {
    ui.input_mut(|i| {
        let place = i.events.iter().position(|e| matches!(e, Event::Paste(text) if text.trim().contains('\n')))?;
        let Event::Paste(text) = i.events.remove(place) else { return None };
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        Some(lines.map(path_of).collect())
    })
}
