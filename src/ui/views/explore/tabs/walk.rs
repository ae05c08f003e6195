//! Films: key pictures in a row, played at 30 frames a second, as a loop if one likes.

use std::sync::Arc;
use std::time::Duration;

use egui::{DragValue, Rect, Sense, Slider, Ui, Vec2, pos2, vec2};
use egui_material_icons::icons::{ICON_ADD, ICON_CASINO, ICON_CLOSE, ICON_MOVIE, ICON_PAUSE, ICON_PLAY_ARROW};

use crate::base::Picture;
use crate::engine::Event;
use crate::latent;
use crate::latent::latent_math::Dims;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::format;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::choices::{mixed_spaces, mode_choice};
use crate::ui::views::explore::explore_state::{ExploreState, WalkState};
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageActions, PageCx};
use crate::ui::views::explore::picture_slots::begin_at;
use crate::ui::views::explore::provenance::anchors;
use crate::ui::views::explore::viewpoint::{ClassShares, random_seed};
use crate::ui::widgets::latent_slot::{Anchor, Dropped, Tile, anchor_field, anchor_slot, take_drop, tile};

/// Frames a second.
const FPS: f64 = 30.0;
/// Frames asked for at a time, so that the first ones are soon here.
const BATCH: usize = 12;

/// The frames of a film, as far as they are here.
#[derive(Default)]
struct Film {
    of: Option<(WalkState, String, f32, ClassShares)>,
    latents: Vec<Latent>,
    frames: Vec<Option<Arc<Picture>>>,
}

/// The tab's own state.
#[derive(Default)]
pub struct Walk {
    feed: ImageRequests,
    stops: ImageRequests,
    film: Film,
    asked: Vec<usize>,
    playing: bool,
    /// Frame under the play head.
    at: f64,
    /// When it last moved.
    moved: f64,
    /// The last frame that was shown: it stays while a new film is on the way.
    last: Option<(u64, Arc<Picture>)>,
    shows: u64,
    /// What the page began with.
    begun: Vec<Anchor>,
}

/// The latents of all frames; whole stops keep their seeds.
pub fn latents(state: &WalkState, dims: &Dims) -> Vec<Latent> {
    let (dims, stops) = (dims.unclassed(), stops(state, dims));
    let film = latent::walk::places(stops.len(), state.frames(), state.looped).into_iter().enumerate();
    film.map(|(i, (stretch, t))| match stops.get(i / state.stretch as usize) {
        Some(stop) if i.is_multiple_of(state.stretch as usize) => stop.clone(),
        _ => dims.towards(&stops[stretch], &stops[(stretch + 1) % stops.len()], t, state.mode),
    })
    .collect()
}

fn stops(state: &WalkState, dims: &Dims) -> Vec<Latent> {
    state.stops.iter().map(|s| s.latent(dims.z)).collect()
}

impl Page for Walk {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        self.bar(ui, &mut state.walk, info, out);
        self.plan(info, state);
        self.ask(info, state.here.truncation, cx);
        self.play(ui, cx);

        let room = ui.available_rect_before_wrap().shrink(size::M);
        let strip = (room.height() * 0.28).clamp(88.0, 116.0);
        let lower = Rect::from_min_max(pos2(room.left(), room.bottom() - strip - 40.0), room.max);
        let upper = Rect::from_min_max(room.min, pos2(room.right(), lower.top() - size::S));
        self.screen(ui, cx, info, upper, out);
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(lower).id_salt("walk"));
        self.head(&mut child, out);
        self.stops_row(&mut child, cx, info, state, strip - 6.0, out);
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.stops.on_event(event, cx);
        if self.feed.on_event(event, cx) {
            // Frames of a film that is no longer wanted find no place.
            for (place, picture) in self.feed.fresh() {
                if let Some(frame) = self.asked.get(place).and_then(|&i| self.film.frames.get_mut(i)) {
                    *frame = Some(picture.clone());
                }
            }
        }
    }

    fn begin(&mut self, state: &mut ExploreState, _info: &ModelInfo) {
        begin_at(&mut self.begun, &mut state.walk.stops, &WalkState::default().stops, &state.here.latent);
    }

    fn take(&mut self, _slot: usize, latent: &Latent, state: &mut ExploreState) {
        let fresh = state.walk.stops == WalkState::default().stops || state.walk.stops == self.begun;
        if fresh {
            state.walk.stops = vec![state.here.latent.clone().into()];
        }
        if !fresh || state.here.latent != *latent {
            state.walk.stops.push(latent.clone().into());
        }
    }

    fn export(&self, state: &ExploreState, info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.export = Some((latents(&state.walk, &Dims::of(info)), "walk", 0, Some("mp4")));
    }

    fn toggle(&mut self) {
        self.playing = !self.playing;
    }

    fn provenance(&self, state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some(format!("Walk past {}", anchors(&state.walk.stops)))
    }

    fn expire(&mut self) {
        self.feed.clear();
        self.stops.clear();
        self.asked.clear();
        self.film = Film::default();
    }
}

impl Walk {
    fn bar(&mut self, ui: &mut Ui, state: &mut WalkState, info: &ModelInfo, out: &mut PageActions) {
        theme::toolbar(ui, |ui| {
            let (icon, text) = if self.playing { (ICON_PAUSE, "Hold") } else { (ICON_PLAY_ARROW, "Play") };
            if theme::primary_button(ui, Some(icon), text).on_hover_text("P").clicked() {
                self.toggle();
            }
            if ui.checkbox(&mut state.looped, "Loop").on_hover_text("The last stop leads back to the first").changed() {
                out.label = Some("change the loop");
            }
            let mut seconds = f64::from(state.stretch) / FPS;
            let stretch =
                DragValue::new(&mut seconds).range(0.1..=20.0).speed(0.02).max_decimals(1).suffix(" s per picture");
            if ui.add(stretch).accessible_name("Seconds from stop to stop").changed() {
                state.stretch = ((seconds * FPS).round() as u32).max(2);
                out.label = Some("change the speed");
            }
            mode_choice(ui, &mut state.mode, out);
            mixed_spaces(ui, &stops(state, &Dims::of(info)));
            if theme::quiet_button(ui, Some(ICON_MOVIE), "Export film…").clicked() {
                out.export = Some((self.film.latents.clone(), "walk", 0, Some("mp4")));
            }
            if theme::left(ui) > 120.0 {
                theme::weak(
                    ui,
                    format!("{} frames, {}", format::count(state.frames() as u64), seconds_text(state.frames())),
                );
            }
        });
    }

    fn plan(&mut self, info: &ModelInfo, state: &ExploreState) {
        let class = state.here.latent.class().to_vec();
        let of = (state.walk.clone(), info.model.clone(), state.here.truncation, class);
        if self.film.of.as_ref() == Some(&of) {
            return;
        }
        let latents = state.here.all_classed(&latents(&state.walk, &Dims::of(info)));
        // Frames that the new film shares with the old one are kept: adding a stop does not make the others again.
        let same = self.film.of.as_ref().is_some_and(|o| o.1 == of.1 && o.2 == of.2);
        let mut frames = vec![None; latents.len()];
        if same {
            for (i, frame) in frames.iter_mut().enumerate() {
                if self.film.latents.get(i) == latents.get(i) {
                    *frame = self.film.frames.get(i).cloned().flatten();
                }
            }
        }
        self.asked.clear();
        self.film = Film { of: Some(of), latents, frames };
        self.at = self.at.min((self.film.frames.len().max(1) - 1) as f64);
    }

    /// Asks for the frames that come next.
    fn ask(&mut self, info: &ModelInfo, truncation: f32, cx: &mut Cx<'_>) {
        let count = self.film.frames.len();
        if count == 0 || self.feed.is_busy(cx.time) {
            return;
        }
        let from = self.at as usize;
        let missing: Vec<usize> =
            (0..count).map(|i| (from + i) % count).filter(|&i| self.film.frames[i].is_none()).take(BATCH).collect();
        if missing.is_empty() {
            return;
        }
        let latents = missing.iter().map(|&i| self.film.latents[i].clone()).collect();
        self.asked = missing;
        // Each batch is a list of its own: nothing in it counts as made already.
        self.feed.expire();
        self.feed.want(ImageBatch { model: info.model.clone(), latents, truncation }, cx);
    }

    /// Moves the play head; it waits at a frame that is not here yet.
    fn play(&mut self, ui: &Ui, cx: &Cx<'_>) {
        let count = self.film.frames.len();
        let passed = (cx.time - self.moved).clamp(0.0, 0.1) * FPS;
        self.moved = cx.time;
        if !self.playing || count < 2 || cx.still {
            return;
        }
        let looped = self.film.of.as_ref().is_some_and(|o| o.0.looped);
        let mut next = self.at + passed;
        if next >= count as f64 {
            if looped {
                next %= count as f64;
            } else {
                next = (count - 1) as f64;
                self.playing = false;
                self.at = next;
                return;
            }
        }
        let way = (self.at as usize + 1..=self.at as usize + passed as usize + 1).map(|i| i % count);
        let ready = way.take_while(|&i| self.film.frames[i].is_some()).count();
        if ready > passed as usize || next as usize == self.at as usize {
            self.at = next;
        }
        ui.ctx().request_repaint_after(Duration::from_secs_f64(1.0 / FPS));
    }

    fn screen(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, room: Rect, out: &mut PageActions) {
        let at = self.at as usize;
        if let Some(Some(frame)) = self.film.frames.get(at)
            && self.last.as_ref().is_none_or(|(_, shown)| !Arc::ptr_eq(shown, frame))
        {
            self.shows += 1;
            self.last = Some((self.shows, frame.clone()));
        }
        let rect = textures::canvas(room, info.resolution);
        let ctx = ui.ctx().clone();
        let tex = self.last.as_ref().map(|(revision, p)| cx.textures.get(&ctx, key("walk screen"), *revision, p));
        let look = Tile { tex: tex.as_ref(), name: "Present frame", selected: false, focusable: true };
        let id = ui.make_persistent_id("walk screen");
        let response = tile(ui, id, rect, &look);
        if response.on_hover_text("Click to open this frame").clicked() {
            out.open = self.film.latents.get(at).cloned();
        }
    }

    /// The play head, with what is here drawn under it.
    fn head(&mut self, ui: &mut Ui, out: &mut PageActions) {
        let count = self.film.frames.len();
        let t = theme::tokens(ui);
        ui.spacing_mut().slider_width = (ui.available_width() - size::S).max(40.0);
        theme::sliders_on_canvas(ui);
        let mut at = self.at as usize;
        let response = ui.add_enabled(
            count > 1,
            Slider::new(&mut at, 0..=count.saturating_sub(1)).show_value(false).trailing_fill(true),
        );
        let response = response.accessible_name("Frame");
        if response.changed() {
            self.at = at as f64;
            self.playing = false;
        }
        if response.drag_stopped() {
            out.open = self.film.latents.get(at).cloned();
        }
        let here = self.film.frames.iter().filter(|f| f.is_some()).count();
        if here < count {
            let share = here as f32 / count as f32;
            let line = Rect::from_min_size(response.rect.left_bottom(), vec2(response.rect.width() * share, 2.0));
            ui.painter().rect_filled(line, 1.0, t.disabled);
        }
    }

    fn stops_row(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        height: f32,
        out: &mut PageActions,
    ) {
        let dim = info.latent as usize;
        let wish = ImageBatch {
            model: info.model.clone(),
            latents: state.walk.stops.iter().map(|s| state.here.classed(&s.latent(dim))).collect(),
            truncation: state.here.truncation,
        };
        if !wish.latents.is_empty() {
            self.stops.want(wish, cx);
        }
        let side = (height - size::CONTROL - 6.0).max(24.0);
        let ctx = ui.ctx().clone();
        let mut remove = None;
        egui::ScrollArea::horizontal().id_salt("stops").auto_shrink([false, true]).show(ui, |ui| {
            ui.style_mut().wrap_mode = Some(egui::TextWrapMode::Extend);
            ui.horizontal_top(|ui| {
                for i in 0..state.walk.stops.len() {
                    ui.vertical(|ui| {
                        ui.spacing_mut().item_spacing.y = 4.0;
                        let width = side.max(104.0);
                        let (place, _) = ui.allocate_exact_size(vec2(width, side), Sense::hover());
                        let rect = Rect::from_min_size(place.min, Vec2::splat(side));
                        let tex = self.stops.tex(i, cx.textures, &ctx);
                        let name = format!("Stop {}", i + 1);
                        let look = Tile { tex: tex.as_ref(), name: &name, selected: false, focusable: true };
                        let id = ui.make_persistent_id(("stop", i));
                        let slot = anchor_slot(ui, id, rect, &look, &mut state.walk.stops[i], cx.studio, Some(info));
                        out.foreign |= slot.foreign;
                        if slot.changed {
                            out.label = Some("move a stop");
                        }
                        if slot.response.clicked() {
                            out.open = Some(state.walk.stops[i].latent(dim));
                        }
                        slot.response
                            .on_hover_text("Drag across for other seeds, or drag a picture of this model here");
                        ui.horizontal(|ui| {
                            ui.spacing_mut().item_spacing.x = 2.0;
                            if anchor_field(ui, &mut state.walk.stops[i], &format!("Seed of stop {}", i + 1)) {
                                out.label = Some("move a stop");
                            }
                            if theme::icon_button(ui, ICON_CLOSE, &format!("Remove stop {}", i + 1)).clicked() {
                                remove = Some(i);
                            }
                        });
                    });
                }
                ui.vertical(|ui| {
                    ui.spacing_mut().item_spacing.y = 4.0;
                    let add = theme::button(ui, Some(ICON_ADD), "Add this picture");
                    if add.clicked() {
                        state.walk.stops.push(state.here.latent.clone().into());
                        out.label = Some("add a stop");
                    }
                    match take_drop(ui, &add, cx.studio, Some(info)) {
                        Some(Dropped::Latent(latent)) => {
                            state.walk.stops.push(latent.into());
                            out.label = Some("add a stop");
                        }
                        Some(_) => out.foreign = true,
                        None => {}
                    }
                    if theme::button(ui, Some(ICON_CASINO), "Add a random stop").clicked() {
                        state.walk.stops.push(random_seed().into());
                        out.label = Some("add a stop");
                    }
                });
            });
        });
        if let Some(i) = remove {
            state.walk.stops.remove(i);
            out.label = Some("remove a stop");
        }
    }
}

fn seconds_text(frames: usize) -> String {
    format!("{:.1} s", frames as f64 / FPS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::picture::{Place, Space};

    #[test]
    fn stops_stay_seeds_within_the_film() {
        let dims = Dims { z: 8, classes: 0, layers: 6 };
        let state = WalkState { stretch: 10, looped: true, ..WalkState::default() };
        let film = latents(&state, &dims);
        assert_eq!(film.len(), 30);
        for (frame, seed) in [(0, 1), (10, 2), (20, 3)] {
            assert_eq!(film[frame], Latent::Seed { seed });
        }
        let open = WalkState { looped: false, stops: vec![Anchor::Seed(4.0), Anchor::Seed(5.0)], ..state };
        let film = latents(&open, &dims);
        assert_eq!(film.len(), 11);
        assert_eq!(film[10], Latent::Seed { seed: 5 });
        // Past styles it goes through styles.
        let style = |v: f32| Latent::of(Place { space: Space::W, values: vec![v; 8], ..Place::default() });
        let styled = WalkState { stops: vec![style(1.0).into(), style(3.0).into()], ..open.clone() };
        assert_eq!(latents(&styled, &dims)[5], style(2.0));
        assert!(latents(&WalkState { stops: Vec::new(), ..open }, &dims).is_empty());
    }
}
