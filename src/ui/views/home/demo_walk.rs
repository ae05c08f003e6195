//! Samples of a model that slowly walk through its latent space: at most ten requests a second, one at a time, and
//! fewer while a run needs the processor.

use egui::{Rect, Sense, Ui, pos2, vec2};

use super::entry_cards::PICTURE_HEIGHT;
use crate::base::Picture;
use crate::base::rng::latent_from_seed;
use crate::engine::{Command, GenerateRequest, SlotId};
use crate::latent::interpolate::slerp;
use crate::recipe::picture::Latent;
use crate::ui::action::Action;
use crate::ui::textures;
use crate::ui::theme::{self, size};
use crate::ui::views::Cx;

/// Pictures that walk.
const COUNT: usize = 8;
const COLUMNS: usize = 4;
/// Seconds from one seed to the next.
const LEG_S: f64 = 6.0;
/// Shortest time between two requests, in seconds.
const INTERVAL_S: f64 = 0.1;
/// The same while a run trains on this machine.
const INTERVAL_BUSY_S: f64 = 0.5;
/// A request that was not answered for so long is forgotten.
const PATIENCE_S: f64 = 20.0;
/// Share of the time the walk may keep the model busy.
const SHARE: f64 = 0.4;

/// The walk.
#[derive(Default)]
pub(super) struct DemoWalk {
    slot: Option<SlotId>,
    model: String,
    /// Ticket and time of the request on its way.
    waiting: Option<(u64, f64)>,
    next_at: f64,
    /// Way walked so far, in legs.
    way: f64,
    asked_at: Option<f64>,
    pictures: Vec<Picture>,
    revision: u64,
}

impl DemoWalk {
    /// Asks for the next step if it is time.
    pub(super) fn advance(&mut self, cx: &mut Cx<'_>, model: &str, dim: usize, busy: bool) {
        self.change_model(model);
        if self.waiting.is_some_and(|(_, since)| cx.time - since < PATIENCE_S) || cx.time < self.next_at {
            return;
        }
        if let Some(last) = self.asked_at {
            self.way += ((cx.time - last) / LEG_S).clamp(0.0, 0.1);
        }
        self.next_at = cx.time + if busy { INTERVAL_BUSY_S } else { INTERVAL_S };
        self.ask(cx, dim);
    }

    /// Asks for one set of samples and stays there.
    pub(super) fn stand(&mut self, cx: &mut Cx<'_>, model: &str, dim: usize) {
        self.change_model(model);
        if self.pictures.is_empty() && self.waiting.is_none() {
            self.ask(cx, dim);
        }
    }

    fn change_model(&mut self, model: &str) {
        if self.model != model {
            *self = Self { slot: self.slot, model: model.into(), revision: self.revision, ..Self::default() };
        }
    }

    fn ask(&mut self, cx: &mut Cx<'_>, dim: usize) {
        let slot = *self.slot.get_or_insert_with(|| cx.ids.next());
        let ticket = cx.ids.next();
        self.waiting = Some((ticket, cx.time));
        self.asked_at = Some(cx.time);
        let latents = (0..COUNT).map(|i| Latent::Point { values: self.place(i, dim) }).collect();
        let model = self.model.clone();
        cx.send(Command::Generate(GenerateRequest { slot, ticket, model, latents, truncation: 0.8 }));
    }

    /// Where picture `i` is now: on its own way, each a little ahead of the last.
    fn place(&self, i: usize, dim: usize) -> Vec<f32> {
        let way = self.way + i as f64 / COUNT as f64;
        let leg = way.floor();
        let seed = |n: f64| i as u64 * 1000 + n as u64 + 1;
        slerp(&latent_from_seed(seed(leg), dim), &latent_from_seed(seed(leg + 1.0), dim), way - leg)
    }

    /// Takes the answer in.
    pub(super) fn arrived(&mut self, slot: SlotId, ticket: u64, pictures: &[Picture], seconds: f64, time: f64) {
        if self.slot != Some(slot) || self.waiting.is_none_or(|(waiting, _)| waiting != ticket) {
            return;
        }
        self.waiting = None;
        self.pictures = pictures.to_vec();
        self.revision += 1;
        // A slow model walks in larger steps rather than keep the machine busy.
        self.next_at = self.next_at.max(time + seconds * (1.0 / SHARE - 1.0));
    }

    /// Something failed; perhaps it was this.
    pub(super) fn forget_request(&mut self, time: f64) {
        if self.waiting.is_some_and(|(_, since)| time - since > 1.0) {
            self.waiting = None;
            self.next_at = time + 2.0;
        }
    }

    /// Draws the samples; a click stands there.
    pub(super) fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, model: Option<&str>) -> Option<Action> {
        let t = theme::tokens(ui);
        let gap = size::XS;
        let rows = COUNT.div_ceil(COLUMNS) as f32;
        let fits = (PICTURE_HEIGHT - gap * (rows - 1.0)) / rows;
        let side = ((ui.available_width() - gap * (COLUMNS as f32 - 1.0)) / COLUMNS as f32).min(fits).floor();
        let all = vec2(side * COLUMNS as f32 + gap * (COLUMNS as f32 - 1.0), side * rows + gap * (rows - 1.0));
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), PICTURE_HEIGHT), Sense::hover());
        let corner = rect.center() - all / 2.0;
        let mut clicked = None;
        cx.pictures_of(model.unwrap_or_default());
        for i in 0..COUNT {
            let at = corner + vec2((i % COLUMNS) as f32, (i / COLUMNS) as f32) * (side + gap);
            let cell = Rect::from_min_size(pos2(at.x.round(), at.y.round()), vec2(side, side));
            let Some(picture) = self.pictures.get(i) else {
                ui.painter().rect_filled(cell, size::RADIUS, t.raised);
                continue;
            };
            let tex = cx.textures.get(ui.ctx(), textures::key(("home walk", i)), self.revision, picture);
            textures::paint(ui.painter(), cell, &tex, t);
            let response = ui.interact(cell, ui.scope_id().with(("walk", i)), Sense::click());
            theme::name(&response, egui::Role::Button, &format!("Sample {}", i + 1));
            textures::focus_ring(ui, &response);
            if response.on_hover_cursor(egui::CursorIcon::PointingHand).clicked() {
                clicked = Some(i);
            }
        }
        let model = model?;
        let dim = cx.studio.model(model)?.latent as usize;
        clicked.map(|i| Action::open(model.into(), Latent::Point { values: self.place(i, dim) }, 0.8, "From Home"))
    }
}
