//! Activations: what each channel of a layer does for the picture, and the picture without some of them.
//!
//! - [`bar`]: which layer, in which order, and what is measured. [`maps`]: the channels. [`pictures`]: before and after.

mod bar;
mod maps;
mod pictures;

use std::sync::Arc;

use egui::{Rect, ScrollArea, Ui, UiBuilder, Vec2, vec2};

use crate::base::Picture;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::latent::activations::{Inside, Look};
use crate::latent::latent_math::Dims;
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;
use crate::ui::theme::{self, Tone, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageCx};

/// Seconds after which an answer is no longer waited for.
const GIVE_UP: f64 = 15.0;
/// Side of a map, in points.
const SIDE: f32 = 72.0;
/// Room from map to map.
const GAP: f32 = 6.0;
/// Narrower than this the pictures stand above the maps.
const NARROW: f32 = 560.0;

/// What was looked at.
#[derive(Clone, Debug, PartialEq)]
struct Ask {
    model: ModelRef,
    hash: String,
    latent: Latent,
    truncation: f32,
    look: Look,
}

struct Seen {
    of: Ask,
    inside: Box<Inside>,
    picture: Arc<Picture>,
    maps: Vec<Arc<Picture>>,
    revision: u64,
}

/// Effects of the channels of a layer.
struct Effects {
    model: ModelRef,
    hash: String,
    latent: Latent,
    tap: u32,
    each: Vec<f32>,
}

/// What is known of features.
#[derive(Default)]
pub struct Activations {
    feed: ImageRequests,
    seen: Option<Seen>,
    /// What is on the way, since when.
    flight: Option<(u64, Ask, f64)>,
    /// What was never answered.
    failed: Option<Ask>,
    job: Option<(JobId, String, Latent)>,
    effects: Option<Effects>,
    revision: u64,
}

impl Page for Activations {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        let known = self.seen.as_ref().filter(|s| s.of.model == info.model && s.of.hash == info.hash);
        let taps = known.map(|s| s.inside.taps.clone()).unwrap_or_default();
        // Until it is known how many layers there are, the first is looked at.
        let tap = state.inside.tap.min(taps.len().saturating_sub(1) as u32);
        let here = state.here.clone();
        let wish =
            ImageBatch { model: info.model.clone(), latents: vec![here.latent.clone()], truncation: here.truncation };
        self.feed.want(wish, cx);
        let own = &mut state.inside;
        theme::toolbar(ui, |ui| {
            if bar::layers(ui, &mut own.tap, tap, &taps) {
                out.label = Some("look at another layer");
            }
            self.channels(ui, cx, info, own, (&here.latent, here.truncation, tap), out);
        });
        // A model without noise has none to leave out.
        let noiseless = own.without_noise && Dims::of(info).layers > 0;
        let look = Look { tap, off: own.off(&info.model).to_vec(), without_noise: noiseless };
        let (latent, truncation) = (here.latent, here.truncation);
        let ask = Ask { model: info.model.clone(), hash: info.hash.clone(), latent, truncation, look };
        self.want(ask.clone(), cx);
        let fits = self.seen.as_ref().is_some_and(|s| s.of.model == ask.model && s.of.hash == ask.hash);
        if !fits {
            self.nothing(ui, &ask);
            return;
        }
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let beside = room.width() > NARROW;
        let (pictures, maps) = if beside {
            room.split_left_right_at_x(room.left() + 2.0 * 148.0 + size::M)
        } else {
            // In a low window a row of maps keeps its room; the pictures scroll.
            room.split_top_bottom_at_y(room.top() + (room.height() - 100.0).clamp(64.0, 190.0))
        };
        let gap = if beside { vec2(size::L, 0.0) } else { vec2(0.0, size::S) };
        ui.scope_builder(UiBuilder::new().max_rect(pictures), |ui| {
            ScrollArea::vertical().id_salt("pictures").show(ui, |ui| self.pictures(ui, cx, state, out));
        });
        let maps = Rect::from_min_max(maps.min + gap, maps.max);
        ui.scope_builder(UiBuilder::new().max_rect(maps), |ui| self.maps(ui, cx, state, tap, out));
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        match event {
            Event::Latent(LatentEvent::Inside { ticket, inside, .. }) => {
                let Some((_, of, _)) = self.flight.take_if(|f| f.0 == *ticket) else { return };
                self.revision += 1;
                self.failed = None;
                self.seen = Some(Seen {
                    of,
                    picture: Arc::new(inside.picture.clone()),
                    maps: inside.channels.iter().map(|c| Arc::new(c.map.clone())).collect(),
                    inside: inside.clone(),
                    revision: self.revision,
                });
            }
            Event::Latent(LatentEvent::ChannelEffects { job, model, tap, effects }) => {
                let Some((_, hash, latent)) = self.job.take_if(|j| j.0 == *job) else { return };
                self.effects = Some(Effects { model: model.clone(), hash, latent, tap: *tap, each: effects.clone() });
            }
            _ => {}
        }
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("Seen with channels switched off".into())
    }

    fn expire(&mut self) {
        self.feed.expire();
        (self.flight, self.failed) = (None, None);
    }
}

impl Activations {
    /// Asks for a look unless it is here or on the way.
    fn want(&mut self, ask: Ask, cx: &mut Cx<'_>) {
        if let Some((_, late, _)) = self.flight.take_if(|f| cx.time - f.2 >= GIVE_UP) {
            self.failed = Some(late);
        }
        let here = self.seen.as_ref().is_some_and(|s| s.of == ask);
        if here || self.flight.is_some() || self.failed.as_ref() == Some(&ask) {
            return;
        }
        let ticket = cx.ids.next();
        let (model, latent, look) = (ask.model.clone(), ask.latent.clone(), ask.look.clone());
        let truncation = ask.truncation;
        cx.send(Command::Latent(LatentCommand::Inside { ticket, model, latent, truncation, look }));
        self.flight = Some((ticket, ask, cx.time));
    }

    /// While no look has come: the shape of what comes, or that none came.
    fn nothing(&mut self, ui: &mut Ui, ask: &Ask) {
        if self.failed.as_ref() == Some(ask) {
            let mut again = false;
            theme::page(ui, "no activations", |ui| {
                theme::toned(ui, Tone::Warn, "The activations of this model could not be read");
                again = theme::primary_button(ui, None, "Try again").clicked();
            });
            if again {
                self.failed = None;
            }
            return;
        }
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let t = theme::tokens(ui);
        let columns = (room.width() / (SIDE + GAP)).floor().max(1.0) as usize;
        for i in 0..columns * 3 {
            let at = room.min + vec2((i % columns) as f32, (i / columns) as f32) * (SIDE + GAP);
            ui.painter().rect_filled(Rect::from_min_size(at, Vec2::splat(SIDE)), 2.0, t.raised);
        }
    }
}

#[cfg(test)]
impl Activations {
    /// Before and after.
    pub fn pictures_of(&self) -> (Option<&Arc<Picture>>, Option<&Arc<Picture>>) {
        (self.feed.picture(0), self.seen.as_ref().map(|s| &s.picture))
    }

    /// As if the last look had never been answered.
    pub fn lose(&mut self) {
        let Some(seen) = self.seen.take() else { return };
        self.flight = Some((u64::MAX, seen.of, -GIVE_UP));
    }
}
