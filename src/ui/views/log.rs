//! Every message of the studio and its runs: filter, read, copy.

use egui::{Button, RichText, Role, ScrollArea, WidgetInfo, vec2};
use egui_material_icons::icons::{ICON_CONTENT_COPY, ICON_ERROR, ICON_INFO, ICON_NOTES, ICON_WARNING};
use serde::{Deserialize, Serialize};

use super::{Cx, KeyHelp, View, ViewId};
use crate::base::Severity;
use crate::ui::action::{Action, ViewMessage};
use crate::ui::state::{PastMessage, Studio};
use crate::ui::theme::{self, Tone, size};

/// What is shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct Shown {
    severity: Severity,
    run: Option<std::path::PathBuf>,
    text: String,
}

impl Default for Shown {
    fn default() -> Self {
        Self { severity: Severity::Info, run: None, text: String::new() }
    }
}

impl Shown {
    fn fits(&self, message: &PastMessage) -> bool {
        let words = |m: &PastMessage| m.problem.to_string().to_lowercase().contains(&self.text.to_lowercase());
        message.problem.severity >= self.severity
            && (self.run.is_none() || self.run == message.run)
            && (self.text.is_empty() || words(message))
    }
}

/// The view.
#[derive(Default)]
pub struct LogView {
    shown: Shown,
    /// Number of the chosen message.
    chosen: Option<u64>,
    /// Whether the list shall scroll to it.
    go_to: bool,
}

impl LogView {
    /// Places of the messages that fit, newest first.
    fn rows(&self, studio: &Studio) -> Vec<usize> {
        (0..studio.messages.len()).rev().filter(|&i| self.shown.fits(&studio.messages[i])).collect()
    }

    fn filters(&mut self, ui: &mut egui::Ui, cx: &mut Cx<'_>) {
        let levels = [(Severity::Info, "All"), (Severity::Warning, "Warnings"), (Severity::Error, "Errors")];
        theme::segmented(ui, "Severity", &mut self.shown.severity, &levels);
        let name_of =
            |dir: &std::path::Path| cx.studio.run(dir).map_or_else(|| dir.display().to_string(), |r| r.name.clone());
        let chosen = self.shown.run.as_deref().map_or("Everything".into(), name_of);
        let combo = egui::ComboBox::from_id_salt("run").selected_text(&chosen).width(150.0).show_ui(ui, |ui| {
            ui.selectable_value(&mut self.shown.run, None, "Everything");
            for run in &cx.studio.runs {
                ui.selectable_value(&mut self.shown.run, Some(run.dir.clone()), &run.name);
            }
        });
        theme::name(&combo.response, Role::ComboBox, "Messages of");
        theme::text_field(ui, &mut self.shown.text, "Find", 180.0, "Find in messages");
        theme::at_end(ui, |ui| {
            let rows = self.rows(cx.studio);
            ui.add_enabled_ui(!rows.is_empty(), |ui| {
                if theme::button(ui, Some(ICON_CONTENT_COPY), "Copy all").clicked() {
                    let lines: Vec<String> = rows.iter().rev().map(|&i| line(&cx.studio.messages[i])).collect();
                    cx.push(Action::CopyText(lines.join("\n")));
                }
            });
        });
    }

    fn list(&mut self, ui: &mut egui::Ui, cx: &Cx<'_>, rows: &[usize]) {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut area = ScrollArea::vertical().auto_shrink(false);
        if std::mem::take(&mut self.go_to)
            && let Some(row) = rows.iter().position(|&i| Some(cx.studio.messages[i].id) == self.chosen)
        {
            let above = ui.available_height() / 2.0;
            area = area.vertical_scroll_offset((row as f32 * size::CONTROL - above).max(0.0));
        }
        area.show_rows(ui, size::CONTROL, rows.len(), |ui, range| {
            for &i in &rows[range] {
                let message = &cx.studio.messages[i];
                if draw_row(ui, cx.studio, message, self.chosen == Some(message.id)).clicked() {
                    self.chosen = Some(message.id);
                }
            }
        });
    }
}

fn draw_row(ui: &mut egui::Ui, studio: &Studio, message: &PastMessage, chosen: bool) -> egui::Response {
    let t = theme::tokens(ui);
    let p = &message.problem;
    let icon = match p.severity {
        Severity::Info => ICON_INFO,
        Severity::Warning => ICON_WARNING,
        Severity::Error => ICON_ERROR,
    };
    let mut job = egui::text::LayoutJob::default();
    let mut add = |text: &str, font: f32, family: egui::FontFamily, colour| {
        let format = egui::TextFormat::simple(egui::FontId::new(font, family), colour);
        job.append(text, 0.0, egui::TextFormat { valign: egui::Align::Center, ..format });
    };
    let body = egui::FontFamily::Proportional;
    add(icon.codepoint, size::ICON, icon.font_family(), Tone::from(p.severity).colour(t));
    add(&format!("   {}   ", clock(message.time)), size::SMALL, body.clone(), t.weak);
    add(&p.what, size::BODY, body.clone(), t.text);
    if let Some(subject) = &p.subject {
        add(&format!("   {subject}"), size::SMALL, body, t.weak);
    }
    let run = message.run.as_deref().and_then(|dir| studio.run(dir)).map_or("", |r| &r.name);
    let button = Button::selectable(chosen, job)
        .frame_when_inactive(chosen)
        .truncate()
        .min_size(vec2(ui.available_width(), size::CONTROL))
        .right_text(RichText::new(run).size(size::SMALL).color(t.weak));
    let response = ui.add(button);
    response.widget_info(|| WidgetInfo::selected(Role::ListItem, true, chosen, &p.what));
    response
}

/// Time of day, here.
fn clock(unix: i64) -> String {
    let zoned = jiff::Timestamp::from_second(unix).map(|t| t.to_zoned(jiff::tz::TimeZone::system()));
    zoned.map_or(String::new(), |z| z.strftime("%H:%M:%S").to_string())
}

fn line(message: &PastMessage) -> String {
    let severity = match message.problem.severity {
        Severity::Info => "info",
        Severity::Warning => "warning",
        Severity::Error => "error",
    };
    format!("{} {severity}: {}", clock(message.time), message.problem)
}

impl View for LogView {
    fn id(&self) -> ViewId {
        ViewId::Log
    }

    fn ui(&mut self, ui: &mut egui::Ui, cx: &mut Cx<'_>) {
        theme::toolbar(ui, |ui| self.filters(ui, cx));
        let rows = self.rows(cx.studio);
        if cx.has_keys(ViewId::Log) && !rows.is_empty() {
            let (up, down) = ui.input(|i| (i.key_pressed(egui::Key::ArrowUp), i.key_pressed(egui::Key::ArrowDown)));
            let here = rows.iter().position(|&r| Some(cx.studio.messages[r].id) == self.chosen);
            let next = match (up, down, here) {
                (_, true, None) => Some(0),
                (_, true, Some(h)) => Some((h + 1).min(rows.len() - 1)),
                (true, _, Some(h)) => Some(h.saturating_sub(1)),
                _ => None,
            };
            if let Some(next) = next {
                (self.chosen, self.go_to) = (Some(cx.studio.messages[rows[next]].id), true);
            }
        }
        if rows.is_empty() {
            let (title, text, action) = if cx.studio.messages.is_empty() {
                ("No messages yet", "Messages from the studio and its runs appear here.", None)
            } else {
                ("No matching messages", "The filter hides all messages.", Some("Show all messages"))
            };
            if theme::empty_state(ui, ICON_NOTES, title, text, action).is_some_and(|r| r.clicked()) {
                self.shown = Shown::default();
            }
            return;
        }
        self.list(ui, cx, &rows);
    }

    fn has_inspector(&self, studio: &Studio) -> bool {
        !studio.messages.is_empty()
    }

    fn inspector(&mut self, ui: &mut egui::Ui, cx: &mut Cx<'_>) {
        let Some(message) = cx.studio.messages.iter().find(|m| Some(m.id) == self.chosen) else {
            theme::weak(ui, "Select a message to see what to do about it");
            return;
        };
        if theme::problem(ui, &message.problem)
            && let Some(detail) = &message.problem.detail
        {
            cx.actions.push(Action::CopyText(detail.clone()));
        }
        ui.add_space(size::S);
        if let Some(run) = message.run.as_deref().and_then(|dir| cx.studio.run(dir)) {
            theme::weak(ui, format!("From run {}", run.name));
        }
        if theme::button(ui, Some(ICON_CONTENT_COPY), "Copy message").clicked() {
            cx.actions.push(Action::CopyText(line(message)));
        }
    }

    fn receive(&mut self, parcel: &ViewMessage, cx: &mut Cx<'_>) {
        if let ViewMessage::Message(id) = parcel {
            let found = cx.studio.messages.iter().find(|m| m.id == *id);
            if found.is_some_and(|m| !self.shown.fits(m)) {
                self.shown = Shown::default();
            }
            (self.chosen, self.go_to) = (found.map(|m| m.id), true);
        }
    }

    fn keys(&self) -> Vec<KeyHelp> {
        vec![KeyHelp { keys: "↑ ↓", does: "Select the message above or below" }]
    }

    fn save(&self) -> serde_json::Value {
        serde_json::to_value(&self.shown).unwrap_or_default()
    }

    fn restore(&mut self, kept: &serde_json::Value) {
        self.shown = serde_json::from_value(kept.clone()).unwrap_or_default();
    }
}
