//! What the doctor found in a watched run: what it means, the numbers that show it, and what to do, a button each.

use egui::{CollapsingHeader, Frame, Margin, RichText, Ui};

use super::{TrainView, signals};
use crate::engine::{Command, Control, Course, Finding, Remedy, RunSummary};
use crate::recipe::{form, json_path};
use crate::ui::action::ViewMessage;
use crate::ui::format;
use crate::ui::state::RunLive;
use crate::ui::theme::{self, Tone, size};
use crate::ui::views::{Cx, View as _};

/// Surer than this it is coloured as a fault rather than as a warning.
const SURE: f64 = 0.85;

/// What holds of what was found: the newest word on each, what is still there first.
fn newest(live: &RunLive) -> Vec<&Finding> {
    let mut out: Vec<&Finding> = Vec::new();
    for finding in live.findings.iter().rev() {
        if !out.iter().any(|f| f.name == finding.name) {
            out.push(finding);
        }
    }
    out.sort_by_key(|f| f.course == Course::Gone);
    out
}

/// What became of it, in a sentence.
fn course(finding: &Finding) -> String {
    let at = format::kimg(finding.images);
    let title = |key: &str| form::find(key).map_or_else(|| key.to_owned(), |f| f.title.to_owned());
    match (finding.course, &finding.remedy_taken) {
        (Course::Found, _) => {
            format!("Since {}, {:.0} % sure", format::kimg(finding.since), finding.confidence * 100.0)
        }
        (Course::Gone, Some(key)) => {
            format!("Gone at {at}, after a change of “{}” (no run without it to compare with)", title(key))
        }
        (Course::Gone, None) => format!("Gone at {at}, by itself"),
        (Course::Remains, Some(key)) => format!("Still there at {at}, after a change of “{}”", title(key)),
        (Course::Remains, None) => format!("Still there at {at}"),
    }
}

impl TrainView {
    /// The findings of a run; nothing where there are none.
    pub(super) fn findings(&mut self, ui: &mut Ui, run: &RunSummary, live: &RunLive, cx: &mut Cx<'_>) {
        let found = newest(live);
        if found.is_empty() {
            return;
        }
        theme::section(ui, "Doctor").on_hover_text("What goes wrong in this run, found by reading its numbers");
        let mut chosen: Option<Remedy> = None;
        for finding in found {
            let tone = match finding.course {
                Course::Gone => Tone::Good,
                _ if finding.confidence >= SURE => Tone::Bad,
                _ => Tone::Warn,
            };
            card(ui, tone, |ui| chosen = one(ui, run, finding, tone).or(chosen.take()));
            ui.add_space(size::XS);
        }
        let Some(remedy) = chosen else { return };
        if remedy.live && run.state.is_alive() {
            Self::control(&run.dir, Control::Edit { key: remedy.key, value: remedy.value }, cx);
            return;
        }
        if is_fork(run, &remedy) {
            let changes = vec![format!("{}={}", remedy.key, remedy.value)];
            cx.send(Command::ForkRun { dir: run.dir.clone(), images: None, changes });
            self.starting = Some(cx.studio.runs.len());
            return;
        }
        let mut recipe = run.recipe.clone();
        if json_path::set(&mut recipe, &remedy.key, remedy.value).is_ok() {
            recipe.name = format!("{} again", run.name);
            self.receive(&ViewMessage::SetUp { recipe: Box::new(recipe), from: None }, cx);
        }
    }
}

/// Whether a remedy goes on from the last checkpoint in another run, rather than beginning again.
fn is_fork(run: &RunSummary, remedy: &Remedy) -> bool {
    !run.checkpoints.is_empty() && !["model.", "data."].iter().any(|part| remedy.key.starts_with(part))
}

fn card(ui: &mut Ui, tone: Tone, content: impl FnOnce(&mut Ui)) {
    let t = theme::tokens(ui);
    Frame::new()
        .fill(tone.colour(t).gamma_multiply(0.08))
        .stroke(egui::Stroke::new(1.0, tone.colour(t).gamma_multiply(0.4)))
        .corner_radius(egui::CornerRadius::same(size::RADIUS_CARD))
        .inner_margin(Margin::same(size::S as i8))
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui);
        });
}

/// One finding; returns the remedy that was chosen.
fn one(ui: &mut Ui, run: &RunSummary, finding: &Finding, tone: Tone) -> Option<Remedy> {
    let t = theme::tokens(ui);
    let title = RichText::new(&finding.title).strong().color(tone.colour(t));
    let shown = ui.add(egui::Label::new(title).wrap());
    theme::name(&shown, egui::Role::Status, &format!("Finding: {}", finding.title));
    ui.add(egui::Label::new(RichText::new(course(finding)).size(size::SMALL).color(t.weak)).wrap());
    if finding.course == Course::Gone {
        return None;
    }
    ui.add(egui::Label::new(RichText::new(&finding.explanation).size(size::SMALL)).wrap());
    if !finding.evidence.is_empty() {
        let header = RichText::new("Evidence").size(size::SMALL);
        let body = CollapsingHeader::new(header).id_salt(("evidence", &finding.name)).show(ui, |ui| {
            for evidence in &finding.evidence {
                let (title, _) = signals::of(&evidence.number);
                let text = format!(
                    "{title}: {} from {} to {}; healthy: {}",
                    format::number(evidence.value),
                    format::kimg(evidence.from),
                    format::kimg(evidence.to),
                    evidence.healthy
                );
                ui.add(egui::Label::new(RichText::new(text).size(size::SMALL).color(t.weak)).wrap());
            }
        });
        let name = format!("Evidence for {}", finding.title);
        theme::name(&body.header_response, egui::Role::Button, &name);
    }
    let mut chosen = None;
    ui.horizontal_wrapped(|ui| {
        for remedy in &finding.remedies {
            if remedy.key.is_empty() {
                ui.label(RichText::new(&remedy.title).size(size::SMALL).color(t.weak));
                continue;
            }
            let now = remedy.live && run.state.is_alive();
            let fork = is_fork(run, remedy);
            let text = match (now, fork) {
                (true, _) => remedy.title.clone(),
                (false, true) => format!("Fork: {}", remedy.title),
                (false, false) => format!("New run: {}", remedy.title),
            };
            let setting = form::find(&remedy.key).map_or(remedy.key.as_str(), |f| f.title);
            let help = format!("Sets “{setting}” to {}", plain(&remedy.value));
            let help = match (now, fork) {
                (true, _) => format!("{help} from here on; marked on the curves"),
                (false, true) => format!("{help} in a run that goes on from the last checkpoint"),
                (false, false) => format!("{help} in a new run"),
            };
            if theme::button(ui, None, &text).on_hover_text(help).clicked() {
                chosen = Some(remedy.clone());
            }
        }
    });
    chosen
}

fn plain(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Bool(on) => if *on { "on" } else { "off" }.into(),
        other => other.to_string(),
    }
}
