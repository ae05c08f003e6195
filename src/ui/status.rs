//! The status line: always there, always true, every part a button to what it names.

use egui::{Button, Color32, Frame, Layout, Margin, Panel, Response, Role, Ui, vec2};
use egui_material_icons::icons::{
    ICON_CANCEL, ICON_CHECK_CIRCLE, ICON_CIRCLE, ICON_ERROR, ICON_INFO, ICON_MEMORY, ICON_PAUSE_CIRCLE, ICON_SCHEDULE,
    ICON_STOP_CIRCLE, ICON_STORAGE, ICON_WARNING,
};

use super::action::{Action, ViewMessage};
use super::format;
use super::shell::Shell;
use super::state::Job;
use super::theme::{self, Icon, Tokens, Tone, size};
use super::views::ViewId;
use crate::base::Severity;
use crate::engine::{RunState, RunSummary};

/// Draws it.
pub(super) fn bar(ui: &mut Ui, shell: &mut Shell) {
    let t = theme::tokens(ui);
    let frame = Frame::new().fill(t.panel).inner_margin(Margin::symmetric(size::XS as i8, 0));
    Panel::bottom("status").exact_size(size::STATUS).frame(frame).show(ui, |ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
            messages(ui, shell);
            divider(ui);
            memory(ui, shell);
            divider(ui);
            device(ui, shell);
            divider(ui);
            ui.with_layout(Layout::left_to_right(egui::Align::Center), |ui| {
                run(ui, shell);
                job(ui, shell);
            });
        });
    });
}

fn divider(ui: &mut Ui) {
    let t = theme::tokens(ui);
    let (rect, _) = ui.allocate_exact_size(vec2(9.0, 14.0), egui::Sense::hover());
    ui.painter().vline(rect.center().x, rect.y_range(), egui::Stroke::new(1.0, t.line));
}

fn part(ui: &mut Ui, icon: Icon, colour: Color32, text: &str, name: &str) -> Response {
    let t = theme::tokens(ui);
    let mut job = egui::text::LayoutJob::default();
    let mut add = |text: &str, font, family, colour| {
        let format = egui::TextFormat::simple(egui::FontId::new(font, family), colour);
        job.append(text, 0.0, egui::TextFormat { valign: egui::Align::Center, ..format });
    };
    add(icon.codepoint, size::SMALL + 2.0, icon.font_family(), colour);
    if !text.is_empty() {
        add(&format!(" {text}"), size::SMALL, egui::FontFamily::Proportional, t.text);
    }
    let button = Button::new(job).frame_when_inactive(false).min_size(vec2(size::HIT, size::HIT)).truncate();
    let old = ui.spacing().button_padding;
    ui.spacing_mut().button_padding = vec2(6.0, 2.0);
    let response = ui.add(button);
    ui.spacing_mut().button_padding = old;
    theme::name(&response, Role::Button, name);
    response
}

/// Whether a run was ended before it had seen what it was asked to.
fn ended_early(run: &RunSummary) -> bool {
    run.progress.images < run.progress.target
}

/// A run's state in a word, with its tone. What ended early is not called finished.
pub fn state_word(run: &RunSummary) -> (&'static str, Tone) {
    match run.state {
        RunState::Queued => ("waiting", Tone::Quiet),
        RunState::Preparing => ("preparing", Tone::Accent),
        RunState::Training => ("training", Tone::Accent),
        RunState::Paused => ("paused", Tone::Warn),
        RunState::Finished if ended_early(run) => ("stopped", Tone::Quiet),
        RunState::Finished => ("finished", Tone::Good),
        RunState::Stopped => ("stopped", Tone::Quiet),
        RunState::Failed => ("failed", Tone::Bad),
        RunState::Interrupted => ("interrupted", Tone::Warn),
    }
}

/// What the line says of a run.
pub fn sentence(run: &RunSummary) -> String {
    let p = &run.progress;
    let mut parts = vec![format!("{} {}", run.name, run.recipe.model.id)];
    if p.images > 0 {
        parts.push(format::kimg(p.images));
    }
    match run.state {
        RunState::Training => {
            parts.extend(p.images_per_s.map(format::rate));
            parts.push(time_left(run));
        }
        RunState::Preparing if !p.stage.is_empty() => parts.push(p.stage.clone()),
        RunState::Queued => parts.push("waiting in the queue".into()),
        _ => parts.push(state_word(run).0.into()),
    }
    parts.join(" · ")
}

/// "6 min left" of a run that trains; "estimating time left" until there is enough to tell.
pub fn time_left(run: &RunSummary) -> String {
    run.progress.eta_s.map_or_else(|| "estimating time left".into(), |s| format!("{} left", format::duration(s)))
}

/// The same beside a label that says what it is.
pub fn remaining(run: &RunSummary) -> String {
    run.progress.eta_s.map_or_else(|| "estimating…".into(), format::duration)
}

/// Icon and colour of a run's state.
pub fn state_icon(run: &RunSummary, t: &Tokens) -> (Icon, Color32) {
    match run.state {
        RunState::Training | RunState::Preparing => (ICON_CIRCLE, t.good),
        RunState::Paused => (ICON_PAUSE_CIRCLE, t.warn),
        RunState::Queued => (ICON_SCHEDULE, t.weak),
        // Runs of earlier versions called what was stopped finished.
        RunState::Finished if ended_early(run) => (ICON_STOP_CIRCLE, t.weak),
        RunState::Finished => (ICON_CHECK_CIRCLE, t.good),
        RunState::Stopped => (ICON_STOP_CIRCLE, t.weak),
        RunState::Failed => (ICON_ERROR, t.bad),
        RunState::Interrupted => (ICON_WARNING, t.warn),
    }
}

fn run(ui: &mut Ui, shell: &mut Shell) {
    let t = theme::tokens(ui);
    let Some(run) = shell.run_in_hand().cloned() else {
        let response = part(ui, ICON_CIRCLE, t.disabled, "No run in progress", "No run in progress");
        if response.on_hover_text("Set up a run").clicked() {
            shell.actions.push(Action::Go(ViewId::Train));
        }
        return;
    };
    let text = sentence(&run);
    let (icon, colour) = state_icon(&run, t);
    let shown = ui.scope(|ui| {
        ui.set_max_width((ui.available_width() - 220.0).max(160.0));
        part(ui, icon, colour, &text, &format!("Run {text}"))
    });
    let waiting = shell.studio.runs.iter().filter(|r| r.state == RunState::Queued).count();
    let more = if waiting > 0 {
        format!("; {} in the queue", format::plural(waiting as u64, "run", "runs"))
    } else {
        String::new()
    };
    if shown.inner.on_hover_text(format!("Show this run{more}")).clicked() {
        shell.actions.push(Action::Deliver(ViewId::Train, Box::new(ViewMessage::Run(run.dir.clone()))));
    }
    if run.state.is_alive() && run.progress.target > 0 {
        let share = run.progress.images as f32 / run.progress.target as f32;
        theme::progress(ui, Some(share), 96.0, "Run");
        ui.add_space(size::S);
    }
}

fn job(ui: &mut Ui, shell: &mut Shell) {
    let t = theme::tokens(ui);
    let jobs: Vec<&Job> = shell.studio.running_jobs().collect();
    let Some(first) = jobs.first().copied().cloned() else { return };
    let others = jobs.len() - 1;
    divider(ui);
    let mut text = first.sentence();
    if others > 0 {
        text.push_str(&format!(" (+{others})"));
    }
    let (width, bar) = (ui.available_width(), 64.0);
    if width > 160.0 {
        ui.scope(|ui| {
            ui.set_max_width(width - bar - 40.0);
            let response =
                ui.add(egui::Label::new(egui::RichText::new(&text).size(size::SMALL).color(t.weak)).truncate());
            theme::name(&response, Role::Status, &text);
        });
        theme::progress(ui, first.share(), bar, &first.title);
    }
    if theme::icon_button(ui, ICON_CANCEL, &format!("Cancel {}", first.title)).clicked() {
        shell.actions.push(Action::Cancel(first.id));
    }
}

fn device(ui: &mut Ui, shell: &mut Shell) {
    let t = theme::tokens(ui);
    let alive = shell.studio.alive_run().map(|r| r.progress.device.clone()).filter(|d| !d.is_empty());
    let known = |id: &str| shell.studio.devices.iter().find(|d| d.id == id).map(|d| d.name.clone());
    let (text, why) = match (&alive, shell.studio.device()) {
        (Some(id), _) => (known(id).unwrap_or_else(|| id.clone()), "The run trains on this device"),
        (None, Some(device)) => (device.name.clone(), "Runs train on this device"),
        (None, None) => ("Detecting devices".into(), "Devices are being tested"),
    };
    let short = format::shortened(&text, 28);
    if part(ui, ICON_MEMORY, t.weak, &short, &format!("Device {text}"))
        .on_hover_text(format!("{text}\n{why}"))
        .clicked()
    {
        shell.actions.push(Action::Deliver(ViewId::Settings, Box::new(ViewMessage::Setting("device"))));
    }
}

fn memory(ui: &mut Ui, shell: &mut Shell) {
    let t = theme::tokens(ui);
    let own = shell.memory();
    let run = shell.studio.alive_run().and_then(|r| r.progress.memory).unwrap_or(0);
    let text = if own + run == 0 { "–".into() } else { format::bytes(own + run) };
    let detail = format!("Memory: the studio {}, the run {}", format::bytes(own), format::bytes(run));
    if part(ui, ICON_STORAGE, t.weak, &text, &format!("Memory {text}")).on_hover_text(detail).clicked() {
        shell.actions.push(Action::Deliver(ViewId::Settings, Box::new(ViewMessage::Setting("folders"))));
    }
}

fn messages(ui: &mut Ui, shell: &mut Shell) {
    let t = theme::tokens(ui);
    let (unseen, loudest) = shell.studio.unseen();
    let (icon, colour) = match loudest {
        Severity::Info => (ICON_INFO, t.weak),
        Severity::Warning => (ICON_WARNING, t.warn),
        Severity::Error => (ICON_ERROR, t.bad),
    };
    let text = if unseen == 0 { String::new() } else { unseen.to_string() };
    let name = if unseen == 0 { "Messages".into() } else { format!("Messages, {unseen} not seen") };
    if part(ui, icon, colour, &text, &name).on_hover_text("Show every message").clicked() {
        shell.actions.push(Action::Go(ViewId::Log));
    }
}
