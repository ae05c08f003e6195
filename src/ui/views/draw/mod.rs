//! Draw: a picture token by token, from words. Each token can be looked at, and replaced: what follows is drawn anew.

mod inspector;
#[cfg(test)]
mod tests;
mod threads;

use std::path::PathBuf;
use std::sync::Arc;

use egui::{ComboBox, CornerRadius, DragValue, Label, Rect, RichText, Sense, Stroke, StrokeKind, Ui, vec2};
use egui_material_icons::icons::{ICON_BRUSH, ICON_CASINO, ICON_STOP};

use super::{Cx, View, ViewId};
use crate::base::{Family, Picture};
use crate::data::words::Vocabulary;
use crate::engine::{Command, Event, LatentCommand, LatentEvent, RecordsCommand};
use crate::latent::draw::{Choosing, DrawRequest, RetrievedTokens, Token, remarks};
use crate::latent::retrieval::Nearest;
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::action::ViewMessage;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};
use crate::ui::widgets::own_data;
use crate::ui::widgets::real_pictures::RealPictures;

/// Side of the picture at most, in points.
const LARGEST: f32 = 560.0;

/// The view.
pub struct DrawView {
    /// The prior; the first there is until one is chosen.
    model: Option<ModelRef>,
    prompt: String,
    seed: u64,
    choosing: Choosing,
    /// Milliseconds between two tokens.
    pause: u32,
    /// What is drawn now, or was last.
    session: Option<u64>,
    drawing: bool,
    grid: [usize; 2],
    tokens: Vec<Token>,
    picture: Option<Picture>,
    /// Changes with the picture.
    revision: u64,
    /// Place of the token that is looked at.
    selected: Option<usize>,
    /// Real pictures that are drawn from as well.
    real: RealPictures,
    /// The real picture that the drawing is nearest to, with that picture.
    nearest: Option<(Nearest, Picture)>,
    judging: Option<u64>,
    /// Words of a prior, by the hash of its weights.
    words: Option<(String, Vocabulary)>,
    threads: threads::Threads,
}

impl Default for DrawView {
    fn default() -> Self {
        Self {
            model: None,
            prompt: String::new(),
            seed: 1,
            choosing: Choosing::default(),
            pause: 20,
            session: None,
            drawing: false,
            grid: [0, 0],
            tokens: Vec::new(),
            picture: None,
            revision: 0,
            selected: None,
            real: RealPictures::default(),
            nearest: None,
            judging: None,
            words: None,
            threads: threads::Threads::default(),
        }
    }
}

impl DrawView {
    /// The chosen prior, or the first there is.
    fn prior<'a>(&self, cx: &Cx<'a>) -> Option<&'a ModelInfo> {
        let mut priors = cx.studio.models.iter().filter(|m| m.family == Family::Prior);
        let chosen = priors.clone().find(|m| Some(&m.model) == self.model.as_ref());
        chosen.or_else(|| priors.next())
    }

    /// Draws: with the first tokens as they are to be.
    fn draw(&mut self, cx: &mut Cx<'_>, given: Vec<u32>) {
        let Some(model) = self.prior(cx).map(|m| m.model.clone()) else { return };
        if let Some(session) = self.session {
            cx.send(Command::Latent(LatentCommand::StopDrag { session }));
        }
        let session = cx.ids.next();
        let after = self.threads.begin(session);
        (self.session, self.drawing) = (Some(session), true);
        let (mut prompt, seed, choosing) = (self.prompt.clone(), self.seed, self.choosing);
        let found = self.real.found(&model);
        if let Some(found) = found.filter(|_| prompt.trim().is_empty()) {
            // Pictures are all that was given: what their captions have in common stands in front.
            prompt.clone_from(&found.words);
        }
        let strength = self.real.grounding.strength;
        let tokens = found.and_then(|f| f.tokens.as_deref());
        let retrieved = tokens.map(|t| Arc::new(RetrievedTokens { strength, ..t.clone() }));
        self.nearest = None;
        let request = Box::new(DrawRequest { prompt, class: None, seed, choosing, given, retrieved });
        cx.send(Command::Latent(LatentCommand::DrawTokens { session, model, request, pause: self.pause, after }));
    }

    /// Asks how near a drawing came to a real picture, where real pictures were drawn from.
    fn judge(&mut self, cx: &mut Cx<'_>, picture: &Picture) {
        let Some(model) = self.prior(cx).map(|m| m.model.clone()) else { return };
        if self.real.found(&model).is_none() {
            return;
        }
        let ticket = cx.ids.next();
        self.judging = Some(ticket);
        cx.send(Command::Latent(LatentCommand::FindNearest { ticket, model, pictures: vec![picture.clone()] }));
    }

    /// The same up to a place, with another token there.
    fn draw_from(&mut self, cx: &mut Cx<'_>, place: usize, id: u32) {
        let mut given: Vec<u32> = self.tokens.iter().take(place).map(|t| t.id).collect();
        given.push(id);
        self.draw(cx, given);
    }

    /// What the chosen prior knows of words.
    fn vocabulary(&mut self, info: &ModelInfo) -> &Vocabulary {
        if self.words.as_ref().is_none_or(|(hash, _)| *hash != info.hash) {
            self.words = Some((info.hash.clone(), Vocabulary::of(&info.recipe.model.tokens.words)));
        }
        &self.words.as_ref().expect("it was set just above").1
    }

    fn tools(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) {
        // The field takes what the other widgets leave of one row.
        let width = (ui.available_width() - 170.0 - 260.0).clamp(160.0, 520.0);
        ui.horizontal_wrapped(|ui| {
            let combo = ComboBox::from_id_salt("prior").selected_text(&info.name).width(170.0).truncate();
            let combo = combo.show_ui(ui, |ui| {
                for model in cx.studio.models.iter().filter(|m| m.family == Family::Prior) {
                    if ui.selectable_label(model.model == info.model, &model.name).clicked() {
                        self.model = Some(model.model.clone());
                    }
                }
            });
            combo.response.accessible_name("Prior");
            let field = theme::text_field(ui, &mut self.prompt, "What to draw, in words", width, "Prompt");
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            theme::weak(ui, "Seed");
            ui.add(DragValue::new(&mut self.seed).range(0..=u64::from(u32::MAX))).accessible_name("Seed");
            if theme::icon_button(ui, ICON_CASINO, "Draw with the next seed").clicked() {
                self.seed = (self.seed + 1) % (1 << 32);
                self.draw(cx, Vec::new());
            }
            let wanted = if self.drawing {
                if theme::button(ui, Some(ICON_STOP), "Stop").clicked()
                    && let Some(session) = self.session.take()
                {
                    cx.send(Command::Latent(LatentCommand::StopDrag { session }));
                    self.drawing = false;
                }
                false
            } else {
                theme::primary_button(ui, Some(ICON_BRUSH), "Draw").clicked()
            };
            if wanted || entered {
                self.draw(cx, Vec::new());
            }
        });
    }

    /// What is not understood of the prompt, with near words to take instead.
    fn told(&mut self, ui: &mut Ui, info: &ModelInfo) {
        let prompt = self.prompt.clone();
        let vocabulary = self.vocabulary(info);
        let (understood, words) = (vocabulary.understand(&prompt), vocabulary.words().len());
        if understood.unknown.is_empty() {
            for note in remarks(&prompt, &understood, words) {
                ui.add(Label::new(RichText::new(note.what).color(theme::tokens(ui).weak)).wrap());
            }
            return;
        }
        let mut replaced = None;
        for (word, near) in &understood.unknown {
            ui.horizontal_wrapped(|ui| {
                let text = RichText::new(word).underline().color(Tone::Warn.colour(theme::tokens(ui)));
                ui.add(Label::new(text).truncate()).on_hover_text("The model never learned this word");
                theme::weak(ui, if near.is_empty() { "is not known" } else { "is not known; nearly:" });
                for other in near {
                    if theme::button(ui, None, other).clicked() {
                        replaced = Some((word.clone(), other.clone()));
                    }
                }
            });
        }
        if let Some((word, other)) = replaced {
            self.prompt = with_word(&self.prompt, &word, &other);
        }
    }

    fn canvas(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) {
        let Some(picture) = &self.picture else {
            let text = "Write what you want to see, and press Draw";
            theme::weak(ui, text);
            return;
        };
        cx.pictures_of(&info.model);
        // What the page has left: it would scroll for more.
        let below = ui.clip_rect().bottom() - ui.cursor().top() - size::M;
        let room = vec2(ui.available_width(), below).min(vec2(LARGEST, LARGEST)).max(vec2(120.0, 120.0));
        let tex = cx.textures.get(ui.ctx(), key("drawn token by token"), self.revision, picture);
        let response = textures::picture(ui, &tex, tex.fit(room), Sense::click(), "The picture");
        let cell = |place: usize| {
            let (row, column) = (place / self.grid[1].max(1), place % self.grid[1].max(1));
            let step = response.rect.size() / vec2(self.grid[1].max(1) as f32, self.grid[0].max(1) as f32);
            Rect::from_min_size(response.rect.min + step * vec2(column as f32, row as f32), step)
        };
        let at = |at: egui::Pos2| (0..self.tokens.len()).find(|place| cell(*place).contains(at));
        let t = theme::tokens(ui);
        let outline = |place: usize, width: f32| {
            let stroke = Stroke::new(width, t.accent);
            ui.painter().rect_stroke(cell(place), CornerRadius::ZERO, stroke, StrokeKind::Inside);
        };
        if let Some(place) = response.hover_pos().and_then(at) {
            outline(place, 1.0);
            let token = &self.tokens[place];
            response.clone().on_hover_text(format!("Token {}: {:.1} % likely", token.id, token.probability * 100.0));
        }
        if let Some(place) = self.selected.filter(|place| *place < self.tokens.len()) {
            outline(place, 2.0);
        }
        if response.clicked() {
            // By key, without a pointer, the first one.
            let place = response.interact_pointer_pos().and_then(at).or((!self.tokens.is_empty()).then_some(0));
            self.selected = place;
        }
    }
}

/// A text with one of its words replaced, however it is written.
fn with_word(text: &str, word: &str, other: &str) -> String {
    let split = |c: char| c.is_whitespace();
    let replaced = text.split_inclusive(split).map(|part| {
        let own = crate::data::words::split(part);
        let space: String = part.chars().filter(|c| c.is_whitespace()).collect();
        if own.iter().any(|w| w == word) {
            let words: Vec<&str> = own.iter().map(|w| if w == word { other } else { w.as_str() }).collect();
            words.join(" ") + &space
        } else {
            part.to_string()
        }
    });
    replaced.collect()
}

impl View for DrawView {
    fn id(&self) -> ViewId {
        ViewId::Draw
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(info) = self.prior(cx).cloned() else {
            let text =
                "Train a token model (vq-vae), then a GPT or an LSTM on it: it draws your kind of pictures from words";
            let action = theme::empty_state(ui, ICON_BRUSH, "No model draws token by token yet", text, Some("New run"));
            if action.is_some_and(|button| button.clicked()) {
                cx.go(ViewId::Train);
            }
            return;
        };
        theme::page(ui, "draw", |ui| {
            self.tools(ui, cx, &info);
            self.told(ui, &info);
            ui.add_space(size::S);
            self.keep_drawn(ui, cx, &info);
            self.canvas(ui, cx, &info);
        });
    }

    fn has_inspector(&self, studio: &crate::ui::state::Studio) -> bool {
        studio.models.iter().any(|m| m.family == Family::Prior)
    }

    fn inspector(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.settings(ui, cx);
        self.earlier_prompts(ui, cx);
        self.real_pictures(ui, cx);
        self.token(ui, cx);
    }

    fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        if self.real.on_event(event) {
            self.draw(cx, Vec::new());
        }
        match event {
            Event::Latent(LatentEvent::TokenDrawn { session, grid, place, token, picture, .. })
                if Some(*session) == self.session =>
            {
                if *place == 0 {
                    self.tokens.clear();
                    self.selected = self.selected.filter(|_| *grid == self.grid);
                }
                self.grid = *grid;
                self.tokens.push(token.clone());
                if let Some(picture) = picture {
                    (self.picture, self.revision) = (Some(picture.clone()), self.revision + 1);
                }
            }
            Event::Latent(LatentEvent::TokensDrawn { session, picture, .. }) if Some(*session) == self.session => {
                self.drawing = false;
                if let Some(picture) = picture {
                    (self.picture, self.revision) = (Some(picture.clone()), self.revision + 1);
                    self.judge(cx, picture);
                }
            }
            Event::Records(event) => self.threads.take(event, cx),
            Event::Latent(LatentEvent::NearestReal { ticket, nearest, .. }) if self.judging == Some(*ticket) => {
                self.nearest = nearest.first().cloned();
            }
            _ => {}
        }
    }

    fn receive(&mut self, message: &ViewMessage, cx: &mut Cx<'_>) {
        match message {
            ViewMessage::Explore { model, .. } => self.model = Some(model.clone()),
            ViewMessage::Picked { purpose, paths } if !self.real.picked(purpose, paths) => {
                if let (own_data::PICK, Some(path), Some(info)) = (*purpose, paths.first(), self.prior(cx)) {
                    let (model, source) = (info.model.clone(), path.display().to_string());
                    cx.send(Command::Latent(LatentCommand::OwnData { model, source }));
                }
            }
            _ => {}
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], _: &mut Cx<'_>) -> bool {
        self.real.dropped(paths)
    }

    fn on_show(&mut self, cx: &mut Cx<'_>) {
        cx.send(Command::ListModels);
        cx.send(Command::Records(RecordsCommand::Threads));
    }

    fn save(&self) -> serde_json::Value {
        let Self { model, prompt, seed, choosing, pause, .. } = self;
        serde_json::json!({ "model": model, "prompt": prompt, "seed": seed, "choosing": choosing, "pause": pause })
    }

    fn restore(&mut self, kept: &serde_json::Value) {
        fn read<T: serde::de::DeserializeOwned>(kept: &serde_json::Value, name: &str, place: &mut T) {
            if let Ok(value) = serde_json::from_value(kept[name].clone()) {
                *place = value;
            }
        }
        read(kept, "model", &mut self.model);
        read(kept, "prompt", &mut self.prompt);
        read(kept, "seed", &mut self.seed);
        read(kept, "choosing", &mut self.choosing);
        read(kept, "pause", &mut self.pause);
    }
}
