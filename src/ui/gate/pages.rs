//! The pages that stand before the window.

use egui::{CentralPanel, Frame, Key, Label, Margin, RichText, ScrollArea, TextEdit, Ui, WidgetInfo, vec2};
use egui_material_icons::icons::{ICON_CONTENT_COPY, ICON_LOCK, ICON_LOCK_OPEN};

use super::{Gate, Page, Wish};
use crate::base::vault::header::SHORTEST;
use crate::ui::theme::{self, size};

/// Width of a page's text, in points.
const WIDTH: f32 = 440.0;
/// Room above a page, in points.
const ABOVE: f32 = 72.0;

/// What a person is told wherever a passphrase is set.
const LOSS: &str =
    "There is no other way in: whoever loses both the passphrase and the recovery key loses everything in the library.";

/// Draws the page.
pub(super) fn show(gate: &mut Gate, ui: &mut Ui) {
    let t = theme::tokens(ui);
    CentralPanel::no_frame().frame(Frame::new().fill(t.canvas)).show(ui, |ui| {
        ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
            ui.vertical_centered(|ui| {
                ui.add_space(ABOVE);
                Frame::new().fill(t.raised).corner_radius(8).inner_margin(Margin::same(size::XL as i8)).show(
                    ui,
                    |ui| {
                        ui.set_width(WIDTH.min(ui.available_width()));
                        ui.with_layout(egui::Layout::top_down(egui::Align::Min), |ui| page(gate, ui));
                    },
                );
            });
        });
    });
    // No message has to keep clear of them here.
    theme::take_primary_buttons(ui.ctx());
}

fn page(gate: &mut Gate, ui: &mut Ui) {
    match &gate.page {
        Page::Window => {}
        Page::Locked => locked(gate, ui),
        Page::Form(Wish::TurnOff) => turn_off(gate, ui),
        Page::Form(wish) => form(gate, ui, *wish),
        Page::Working(_) => working(gate, ui),
        Page::Recovery => recovery(gate, ui),
        Page::Failed(_) => failed(gate, ui),
    }
}

fn text(ui: &mut Ui, text: &str) {
    ui.add(Label::new(text).wrap());
}

fn weak(ui: &mut Ui, text: &str) {
    let colour = theme::tokens(ui).weak;
    ui.add(Label::new(RichText::new(text).color(colour)).wrap());
}

/// A field for a secret; says whether Enter was pressed in it.
fn secret(ui: &mut Ui, value: &mut String, label: &str, show: bool, first: bool) -> bool {
    ui.label(label);
    let field = TextEdit::singleline(value)
        .password(!show)
        .desired_width(ui.available_width())
        .min_size(vec2(0.0, size::CONTROL))
        .align(egui::Align2::LEFT_CENTER);
    let response = ui.add(field);
    let dots = "•".repeat(value.chars().count());
    response.widget_info(|| WidgetInfo { label: Some(label.into()), ..WidgetInfo::text_edit(true, "", &dots, "") });
    // Asked before the field gets the focus back, which makes it one that never lost it.
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
    if first && ui.memory(|m| m.focused().is_none()) {
        response.request_focus();
    }
    ui.add_space(size::S);
    entered
}

fn said(gate: &Gate, ui: &mut Ui) {
    if let Some(problem) = &gate.typed.problem {
        theme::problem(ui, problem);
        ui.add_space(size::S);
    }
}

fn locked(gate: &mut Gate, ui: &mut Ui) {
    let t = theme::tokens(ui);
    ui.horizontal(|ui| {
        theme::icon(ui, ICON_LOCK, size::ICON, t.weak, "");
        theme::title(ui, "The library is locked");
    });
    text(ui, "Its pictures, runs and models are encrypted.");
    ui.add_space(size::S);
    let entered = secret(ui, &mut gate.typed.old, "Passphrase or recovery key", gate.typed.show, true);
    ui.checkbox(&mut gate.typed.show, "Show what is typed");
    ui.add_space(size::S);
    said(gate, ui);
    let ready = !gate.typed.old.is_empty();
    let clicked =
        ui.add_enabled_ui(ready, |ui| theme::primary_button(ui, Some(ICON_LOCK_OPEN), "Unlock").clicked()).inner;
    ui.add_space(size::S);
    weak(ui, "A run that is training goes on; its process keeps its own key until it ends.");
    if ready && (clicked || entered) {
        gate.submit(ui.ctx(), Wish::Lock);
    }
}

fn form(gate: &mut Gate, ui: &mut Ui, wish: Wish) {
    let (title, button) = match wish {
        Wish::TurnOn => ("Encrypt the library", "Encrypt"),
        Wish::Recovery => ("New recovery key", "Make a new key"),
        _ => ("Change the passphrase", "Change"),
    };
    theme::title(ui, title);
    match wish {
        Wish::TurnOn => {
            text(
                ui,
                "Pictures, checkpoints, prepared sets, runs and the database become unreadable without a passphrase.",
            );
            weak(ui, "Your own pictures and exported files stay as they are. Names and sizes of files stay visible.");
            weak(ui, LOSS);
        }
        Wish::Recovery => text(ui, "The recovery key that was written down before opens nothing any more."),
        _ => text(ui, "No file is written anew, and the recovery key stays the same."),
    }
    ui.add_space(size::S);
    let show = gate.typed.show;
    let mut entered = false;
    if wish != Wish::TurnOn {
        entered |= secret(ui, &mut gate.typed.old, "Passphrase or recovery key", show, true);
    }
    if wish != Wish::Recovery {
        entered |= secret(ui, &mut gate.typed.new, "New passphrase", show, wish == Wish::TurnOn);
        entered |= secret(ui, &mut gate.typed.again, "New passphrase once more", show, false);
    }
    ui.checkbox(&mut gate.typed.show, "Show what is typed");
    ui.add_space(size::S);
    said(gate, ui);
    let typed = &gate.typed;
    let why = if wish != Wish::TurnOn && typed.old.is_empty() {
        "Type the passphrase or the recovery key".to_owned()
    } else if wish == Wish::Recovery {
        String::new()
    } else if typed.new.trim().chars().count() < SHORTEST {
        format!("A passphrase has at least {SHORTEST} characters")
    } else if typed.new != typed.again {
        "The two are not the same".to_owned()
    } else {
        String::new()
    };
    weak(ui, &why);
    let mut go = false;
    ui.horizontal(|ui| {
        go = ui.add_enabled_ui(why.is_empty(), |ui| theme::primary_button(ui, None, button).clicked()).inner;
        if theme::quiet_button(ui, None, "Cancel").clicked() {
            gate.back();
        }
    });
    if why.is_empty() && (go || entered) {
        gate.submit(ui.ctx(), wish);
    }
}

fn turn_off(gate: &mut Gate, ui: &mut Ui) {
    theme::title(ui, "Turn encryption off");
    text(ui, "Every file of the library is written again, readable for whoever has the disk.");
    ui.add_space(size::S);
    said(gate, ui);
    ui.horizontal(|ui| {
        if theme::primary_button(ui, None, "Decrypt").clicked() {
            gate.submit(ui.ctx(), Wish::TurnOff);
        }
        if theme::quiet_button(ui, None, "Cancel").clicked() {
            gate.back();
        }
    });
}

fn working(gate: &mut Gate, ui: &mut Ui) {
    let Page::Working(work) = &gate.page else { return };
    theme::title(ui, work.title());
    theme::progress(ui, work.share(), ui.available_width(), work.title());
    // Shown from the beginning: whatever ends the window, it was there to be written down.
    if let Some(key) = work.key() {
        ui.add_space(size::S);
        text(ui, "Recovery key, to be written down:");
        shown_key(ui, &key);
        ui.add_space(size::S);
    }
    if work.can_cancel() {
        weak(ui, "It can be interrupted at any moment: the library works half-way too, and goes on from there.");
        ui.add_space(size::S);
        if theme::button(ui, None, "Cancel").clicked() {
            work.cancel();
        }
    }
}

fn recovery(gate: &mut Gate, ui: &mut Ui) {
    theme::title(ui, "Recovery key");
    text(
        ui,
        "It opens the library when the passphrase is forgotten. It is shown only now: write it down, or print it.",
    );
    ui.add_space(size::S);
    let key = gate.recovery.as_ref().map(vault_text).unwrap_or_default();
    shown_key(ui, &key);
    ui.add_space(size::S);
    if theme::button(ui, Some(ICON_CONTENT_COPY), "Copy").clicked() {
        ui.ctx().copy_text(key.to_string());
    }
    ui.add_space(size::S);
    weak(ui, LOSS);
    ui.checkbox(&mut gate.typed.noted, "I have written it down");
    ui.add_space(size::S);
    let noted = gate.typed.noted;
    if ui.add_enabled_ui(noted, |ui| theme::primary_button(ui, None, "Continue").clicked()).inner {
        gate.back();
    }
}

fn shown_key(ui: &mut Ui, key: &str) {
    ui.add(Label::new(RichText::new(key).monospace().size(size::STRONG)).wrap().selectable(true));
}

fn vault_text(key: &crate::base::vault::RecoveryKey) -> zeroize::Zeroizing<String> {
    key.to_text()
}

fn failed(gate: &mut Gate, ui: &mut Ui) {
    let Page::Failed(problem) = &gate.page else { return };
    theme::title(ui, "It did not work");
    theme::problem(ui, problem);
    ui.add_space(size::S);
    let half = gate.standing.is_half_way() && !gate.standing.is_locked();
    let (mut on, mut open) = (false, false);
    ui.horizontal(|ui| {
        on = half && theme::primary_button(ui, None, "Go on").clicked();
        open = theme::button(ui, None, if half { "Open the library as it is" } else { "Try again" }).clicked();
    });
    if on {
        gate.go_on(ui.ctx());
    } else if open && gate.recovery.is_some() {
        // It was made before the first file was touched, and is needed now.
        gate.page = Page::Recovery;
    } else if open {
        gate.back();
    }
}
