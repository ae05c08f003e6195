//! Prompts that were asked before, in threads: go back to one, go on from it, keep what came of it.

use egui::{ScrollArea, Ui};
use egui_material_icons::icons::{ICON_ACCOUNT_TREE, ICON_CLOSE, ICON_STAR};

use super::DrawView;
use crate::base::Picture;
use crate::engine::{Command, Prompt, RecordsCommand, RecordsEvent};
use crate::latent::draw::Choosing;
use crate::models::info::ModelInfo;
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::theme::{self, size};
use crate::ui::views::Cx;

/// Prompts that are shown.
const SHOWN: usize = 60;

/// Threads of prompts, and where the next one goes on.
#[derive(Default)]
pub(super) struct Threads {
    all: Vec<Vec<Prompt>>,
    /// The prompt that the next one goes on from; the last one of this sitting without.
    after: Option<Prompt>,
    /// The session that is drawn in, and the prompt that it was noted as.
    session: Option<u64>,
    noted: Option<i64>,
    /// Whether what was drawn is kept.
    kept: bool,
}

impl Threads {
    /// A drawing begins; says from which prompt it goes on.
    pub fn begin(&mut self, session: u64) -> Option<i64> {
        (self.session, self.noted, self.kept) = (Some(session), None, false);
        self.after.take().map(|prompt| prompt.id)
    }

    /// Takes what the library told.
    pub fn take(&mut self, event: &RecordsEvent, cx: &mut Cx<'_>) {
        match event {
            RecordsEvent::Threads(all) => self.all.clone_from(all),
            RecordsEvent::PromptNoted { session, prompt } => {
                if self.session == Some(*session) {
                    self.noted = Some(*prompt);
                }
                cx.send(Command::Records(RecordsCommand::Threads));
            }
            _ => {}
        }
    }
}

impl DrawView {
    /// Earlier prompts: a click goes back to one, and what is drawn next goes on from it.
    pub(super) fn earlier_prompts(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(info) = self.prior(cx) else { return };
        let hash = info.hash.clone();
        ui.add_space(size::M);
        theme::section(ui, "Earlier prompts");
        if let Some(after) = self.threads.after.clone() {
            ui.horizontal(|ui| {
                ui.add(egui::Label::new(format!("Goes on from “{}”", format::shortened(&after.text, 22))).truncate());
                if theme::icon_button(ui, ICON_CLOSE, "Do not go on from this prompt").clicked() {
                    self.threads.after = None;
                }
            });
        }
        let mut back = None;
        let of_this: Vec<&Vec<Prompt>> = self
            .threads
            .all
            .iter()
            .filter(|thread| thread.iter().any(|p| hash.is_empty() || p.model.is_empty() || p.model == hash))
            .collect();
        if of_this.is_empty() {
            theme::weak(ui, "What you ask is listed here");
            return;
        }
        ScrollArea::vertical().id_salt("threads").max_height(160.0).show(ui, |ui| {
            for prompt in of_this.iter().flat_map(|thread| thread.iter()).take(SHOWN) {
                // Steps from the beginning of its thread.
                let thread = of_this.iter().find(|t| t.contains(prompt));
                let depth = thread.map_or(0, |thread| depth(thread, prompt));
                ui.horizontal(|ui| {
                    ui.add_space(depth as f32 * size::S);
                    let text = if prompt.text.is_empty() { "(no words)" } else { prompt.text.as_str() };
                    let button = theme::quiet_button(ui, None, &format::shortened(text, 24));
                    theme::name(&button, egui::Role::Button, &format!("Go back to prompt {}: {text}", prompt.id));
                    let kept = format::plural(prompt.pictures, "picture", "pictures");
                    let rating = prompt.rating.map_or_else(String::new, |r| format!(", {r:.1} stars"));
                    if button.on_hover_text(format!("{kept}{rating}; go back to it and go on from it")).clicked() {
                        back = Some(prompt.clone());
                    }
                });
            }
        });
        if let Some(prompt) = back {
            self.prompt.clone_from(&prompt.text);
            if let Some(seed) = prompt.settings["seed"].as_u64() {
                self.seed = seed;
            }
            if let Ok(choosing) = serde_json::from_value::<Choosing>(prompt.settings["choosing"].clone()) {
                self.choosing = choosing;
            }
            self.threads.after = Some(prompt);
        }
    }

    /// A button that keeps what was drawn, with its prompt.
    pub(super) fn keep_drawn(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) {
        let Some(picture) = self.picture.clone().filter(|_| !self.drawing && self.threads.session.is_some()) else {
            return;
        };
        ui.horizontal(|ui| {
            self.keep_button(ui, cx, info, picture);
            if let Some(prompt) = self.threads.noted {
                let help = "Where does this come from?";
                if theme::quiet_button(ui, Some(ICON_ACCOUNT_TREE), help).clicked() {
                    cx.push(Action::origin(format!("#{prompt}\n{}", info.hash)));
                }
            }
        });
    }

    fn keep_button(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, picture: Picture) {
        ui.add_enabled_ui(!self.threads.kept, |ui| {
            let text = if self.threads.kept { "Kept in the gallery" } else { "Keep" };
            let help = "Save this picture in the gallery, with the prompt that it came of";
            if theme::button(ui, Some(ICON_STAR), text).on_hover_text(help).clicked() {
                let (prompt, model) = (self.threads.noted, info.name.clone());
                cx.send(Command::Records(RecordsCommand::KeepDrawn { prompt, model, picture }));
                cx.send(Command::Records(RecordsCommand::Threads));
                self.threads.kept = true;
            }
        });
    }
}

/// How many prompts of a thread stand before one, along what each goes on from.
fn depth(thread: &[Prompt], prompt: &Prompt) -> usize {
    let (mut depth, mut at) = (0, prompt.after);
    while let Some(before) = at.and_then(|id| thread.iter().find(|p| p.id == id)) {
        (depth, at) = (depth + 1, before.after);
        if depth > 12 {
            break;
        }
    }
    depth
}
