//! Films with keys: latents on a timeline, how to get from one to the next, tracks for directions and truncation.

use std::sync::Arc;
use std::time::Duration;

use egui::{ComboBox, DragValue, Rect, Sense, Slider, Stroke, Ui, Vec2, pos2, vec2};
use egui_material_icons::icons::{
    ICON_ADD, ICON_CLOSE, ICON_CONTENT_COPY, ICON_MOVIE, ICON_MY_LOCATION, ICON_PAUSE, ICON_PLAY_ARROW, ICON_REPEAT,
};

use crate::base::Picture;
use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::latent::directions::Direction;
use crate::latent::film::curve::{Curve, Easing, Point};
use crate::latent::film::{Drift, Frame, Key, Timeline, Track, Way};
use crate::latent::interpolate::Mode;
use crate::latent::latent_math::Dims;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::Action;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::choices::{close_up, measure_choice};
use crate::ui::views::explore::explore_state::{ExploreState, FilmState, WalkState};
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageActions, PageCx};
use crate::ui::views::explore::picture_slots::begin_at;
use crate::ui::views::explore::viewpoint::Viewpoint;
use crate::ui::widgets::latent_slot::{Anchor, Dropped, Tile, take_drop, tile};

/// Side of a key's picture.
const KEY: f32 = 56.0;
/// Narrower than this the settings of a key take two rows.
const NARROW: f32 = 480.0;
/// Seconds between keys that may not come closer.
const APART: f64 = 0.05;

/// The tab's own state.
#[derive(Default)]
pub struct Film {
    keys: ImageRequests,
    screen: ImageRequests,
    at: f64,
    playing: bool,
    moved: f64,
    chosen: usize,
    /// The question on the way, with what it asks.
    asked: Option<(u64, f64)>,
    /// Where and of what the newest frame is.
    shown: Option<(Timeline, String, f64)>,
    frame: Option<Frame>,
    last: Option<(u64, Arc<Picture>)>,
    /// Seconds at which the question was sent.
    since: f64,
    /// The timeline that the page began with, from the stops of the quick loop.
    begun: Option<Timeline>,
}

/// A timeline that passes the stops of the quick loop as that does.
fn of_walk(walk: &WalkState, dim: usize, base: &Timeline) -> Timeline {
    let step = f64::from(walk.stretch) / 30.0;
    let key = |(i, stop): (usize, &Anchor)| Key {
        time: i as f64 * step,
        latent: stop.latent(dim),
        easing: Easing::Linear,
        way: None,
    };
    let keys: Vec<Key> = walk.stops.iter().enumerate().map(key).collect();
    let way = if walk.mode == Mode::Lerp { Way::Lerp } else { Way::Slerp };
    let stretches = if walk.looped { keys.len() } else { keys.len().saturating_sub(1) };
    Timeline { seconds: (stretches as f64 * step).max(APART), keys, looped: walk.looped, way, ..base.clone() }
}

/// Sets a curve's value at a time: the point there, or a new one.
pub fn set_at(curve: &mut Curve, time: f64, value: f64) {
    match curve.0.iter_mut().find(|p| (p.time - time).abs() < APART) {
        Some(point) => point.value = value,
        None => {
            let place = curve.0.partition_point(|p| p.time < time);
            curve.0.insert(place, Point { time, value, easing: Easing::Smooth });
        }
    }
}

/// Puts a key at a time; one that is there already takes the latent. Its place.
fn add_key(t: &mut Timeline, time: f64, latent: Latent) -> usize {
    if let Some(i) = t.keys.iter().position(|k| (k.time - time).abs() < APART) {
        t.keys[i].latent = latent;
        return i;
    }
    let place = t.keys.partition_point(|k| k.time < time);
    t.keys.insert(place, Key { time, latent, easing: Easing::Smooth, way: None });
    t.seconds = t.seconds.max(time + APART);
    place
}

/// Sets the seed of the noise from a time on: that of the change there, or a new one.
fn set_noise(noise: &mut Vec<(f64, u64)>, time: f64, seed: u64) {
    match noise.iter_mut().find(|n| (n.0 - time).abs() < APART) {
        Some(there) => there.1 = seed,
        None => noise.push((time, seed)),
    }
    noise.sort_by(|a, b| a.0.total_cmp(&b.0));
}

impl Page for Film {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, shared, out }: PageCx<'_, '_>) {
        shared.directions.follow(info, cx);
        let known = shared.directions.of(&info.model);
        self.bar(ui, cx, info, state, out);
        close_up(ui);
        theme::toolbar(ui, |ui| tracks(ui, &mut state.film, &known, Dims::of(info).layers > 0, self.at, out));
        self.play(ui, cx, &state.film.timeline);
        self.ask(info, state, cx);
        let room = ui.available_rect_before_wrap().shrink(size::M);
        // Where the settings of a key have no room in a row, they take two.
        let second = if room.width() < NARROW { size::CONTROL + size::S } else { 0.0 };
        let strip = KEY + 74.0 + second;
        let lower = Rect::from_min_max(pos2(room.left(), room.bottom() - strip), room.max);
        let upper = Rect::from_min_max(room.min, pos2(room.right(), lower.top() - size::S));
        self.show_frame(ui, cx, info, upper, out);
        let mut child = ui.new_child(egui::UiBuilder::new().max_rect(lower).id_salt("film"));
        self.head(&mut child, &state.film.timeline);
        self.key_row(&mut child, cx, info, state, out);
        self.key_line(&mut child, state, out);
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.keys.on_event(event, cx);
        self.screen.on_event(event, cx);
        if let Event::Latent(LatentEvent::Frames { ticket, frames, .. }) = event
            && self.asked.is_some_and(|a| a.0 == *ticket)
        {
            self.asked = None;
            self.frame = frames.first().cloned();
        }
    }

    fn begin(&mut self, state: &mut ExploreState, info: &ModelInfo) {
        // Until somebody works on it, the timeline is that of the quick loop.
        let untouched = state.film == FilmState::default() || self.begun.as_ref() == Some(&state.film.timeline);
        if untouched && !state.walk.stops.is_empty() {
            let walk = if state.walk == WalkState::default() {
                let mut stops = state.walk.stops.clone();
                begin_at(&mut Vec::new(), &mut stops, &WalkState::default().stops, &state.here.latent);
                WalkState { stops, ..state.walk.clone() }
            } else {
                state.walk.clone()
            };
            state.film.timeline = of_walk(&walk, info.latent as usize, &FilmState::default().timeline);
            self.begun = Some(state.film.timeline.clone());
        }
    }

    fn take(&mut self, _slot: usize, latent: &Latent, state: &mut ExploreState) {
        let at = self.at;
        add_key(&mut state.film.timeline, at, latent.clone());
    }

    fn export(&self, state: &ExploreState, info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.film = Some(as_seen(&state.film.timeline, &state.here, info));
    }

    fn toggle(&mut self) {
        self.playing = !self.playing;
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some(format!("A frame of the film at {:.2} s", self.at))
    }

    fn expire(&mut self) {
        self.keys.expire();
        self.screen.expire();
    }
}

impl Film {
    fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, state: &mut ExploreState, out: &mut PageActions) {
        let (t, walk) = (&mut state.film.timeline, &state.walk);
        theme::toolbar(ui, |ui| {
            let (icon, text) = if self.playing { (ICON_PAUSE, "Hold") } else { (ICON_PLAY_ARROW, "Play") };
            if theme::primary_button(ui, Some(icon), text).clicked() {
                self.playing = !self.playing;
            }
            let least = t.keys.last().map_or(0.1, |k| k.time + APART);
            let seconds = DragValue::new(&mut t.seconds).range(least..=600.0).speed(0.05).max_decimals(1).suffix(" s");
            if ui.add(seconds).accessible_name("Seconds in all").changed() {
                out.label = Some("change the length of the film");
            }
            if ui.checkbox(&mut t.looped, "Loop").on_hover_text("The last key leads back to the first").changed() {
                out.label = Some("change the loop");
            }
            let help = "Re-timed so that equal time means equal visible change";
            if ui.checkbox(&mut t.even, "Even speed").on_hover_text(help).changed() {
                out.label = Some("change the speed of the film");
            }
            how(ui, t, out);
            let help = "Replaces the keys by the stops of the quick loop";
            if theme::icon_button(ui, ICON_REPEAT, "Take the quick loop").on_hover_text(help).clicked()
                && !walk.stops.is_empty()
            {
                *t = of_walk(walk, info.latent as usize, t);
                out.label = Some("take the quick loop");
            }
            if theme::quiet_button(ui, Some(ICON_MOVIE), "Export film…").clicked() {
                out.film = Some(as_seen(t, &state.here, info));
            }
            if theme::icon_button(ui, ICON_CONTENT_COPY, "Copy timeline for the command line").clicked() {
                let film = as_seen(t, &state.here, info);
                cx.push(Action::CopyText(serde_json::to_string_pretty(&film).unwrap_or_default()));
            }
        });
    }

    fn play(&mut self, ui: &Ui, cx: &Cx<'_>, t: &Timeline) {
        let passed = (cx.time - self.moved).clamp(0.0, 0.1);
        self.moved = cx.time;
        self.at = self.at.min(t.seconds);
        if !self.playing || cx.still {
            return;
        }
        // The head waits for a picture that is on its way.
        if self.asked.is_none() && !self.screen.is_busy(cx.time) {
            self.at += passed.max(1.0 / 30.0);
        }
        if self.at >= t.seconds {
            self.at = 0.0;
            self.playing = t.looped;
        }
        ui.ctx().request_repaint_after(Duration::from_millis(15));
    }

    /// Asks for the frame under the head, then for its picture.
    fn ask(&mut self, info: &ModelInfo, state: &ExploreState, cx: &mut Cx<'_>) {
        let mut timeline = state.film.timeline.clone();
        timeline.keys.iter_mut().for_each(|k| k.latent = state.here.classed(&k.latent));
        let wanted = (timeline, info.model.clone(), self.at);
        let lost = self.asked.is_some() && cx.time - self.since > 10.0;
        if (self.asked.is_none() || lost) && self.shown.as_ref() != Some(&wanted) && wanted.0.check().is_ok() {
            let ticket = cx.ids.next();
            let (model, timeline) = (info.model.clone(), Box::new(wanted.0.clone()));
            cx.send(Command::Latent(LatentCommand::Frames { ticket, model, timeline, times: vec![self.at] }));
            self.asked = Some((ticket, self.at));
            self.since = cx.time;
            self.shown = Some(wanted);
        }
        if let Some(frame) = &self.frame {
            let truncation = frame.truncation * state.here.truncation;
            self.screen
                .want(ImageBatch { model: info.model.clone(), latents: vec![frame.latent.clone()], truncation }, cx);
        }
    }

    fn show_frame(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, room: Rect, out: &mut PageActions) {
        if room.width().min(room.height()) < 16.0 {
            // Keys and their settings come first in a low window.
            return;
        }
        let rect = textures::canvas(room, info.resolution);
        if let Some(picture) = self.screen.picture(0)
            && self.last.as_ref().is_none_or(|(_, p)| !Arc::ptr_eq(p, picture))
        {
            self.last = Some((self.last.as_ref().map_or(0, |l| l.0) + 1, picture.clone()));
        }
        let ctx = ui.ctx().clone();
        let tex = self.last.as_ref().map(|(revision, p)| cx.textures.get(&ctx, key("film screen"), *revision, p));
        let look = Tile { tex: tex.as_ref(), name: "Frame under the head", selected: false, focusable: true };
        let response = tile(ui, ui.make_persistent_id("film screen"), rect, &look);
        if response.on_hover_text("Click to open this frame").clicked()
            && let Some(frame) = &self.frame
        {
            out.open = Some(frame.latent.clone());
        }
    }

    fn head(&mut self, ui: &mut Ui, t: &Timeline) {
        ui.spacing_mut().slider_width = (ui.available_width() - 64.0).max(40.0);
        theme::sliders_on_canvas(ui);
        let slider = Slider::new(&mut self.at, 0.0..=t.seconds).fixed_decimals(2).suffix(" s");
        if ui.add(slider).accessible_name("Time").changed() {
            self.playing = false;
        }
    }

    /// Keys at their times; dragged across they move in time.
    fn key_row(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let here = state.here.clone();
        let t = &mut state.film.timeline;
        let latents: Vec<Latent> = t.keys.iter().map(|k| here.classed(&k.latent)).collect();
        self.keys.want(ImageBatch { model: info.model.clone(), latents, truncation: here.truncation }, cx);
        let (room, ground) = ui.allocate_exact_size(vec2(ui.available_width(), KEY), Sense::hover());
        let span = (room.width() - 64.0 - KEY).max(40.0);
        let x = |time: f64, seconds: f64| room.left() + (time / seconds) as f32 * span;
        let tokens = theme::tokens(ui);
        let line = room.center().y;
        ui.painter().hline(room.left()..=room.left() + span + KEY, line, Stroke::new(1.0, tokens.line));
        let ctx = ui.ctx().clone();
        for i in 0..t.keys.len() {
            let rect =
                Rect::from_min_size(pos2(x(t.keys[i].time, t.seconds), room.top()), Vec2::splat(KEY)).shrink(2.0);
            let tex = self.keys.tex(i, cx.textures, &ctx);
            let name = format!("Key {} at {:.2} s", i + 1, t.keys[i].time);
            let look = Tile { tex: tex.as_ref(), name: &name, selected: i == self.chosen, focusable: true };
            let response = tile(ui, ui.make_persistent_id(("key", i)), rect, &look);
            match take_drop(ui, &response, cx.studio, Some(info)) {
                Some(Dropped::Latent(latent)) => {
                    t.keys[i].latent = latent;
                    out.label = Some("change a key");
                }
                Some(_) => out.foreign = true,
                None => {}
            }
            if response.clicked() {
                (self.chosen, self.at) = (i, t.keys[i].time);
            }
            if response.dragged() && i > 0 {
                self.chosen = i;
                let by = f64::from(response.drag_delta().x / span) * t.seconds;
                let least = t.keys[i - 1].time + APART;
                let most = t.keys.get(i + 1).map_or(t.seconds, |k| k.time) - APART;
                t.keys[i].time = (t.keys[i].time + by).clamp(least, most.max(least));
                out.label = Some("move a key");
            }
            response.on_hover_text("Drag along the line to another time; drop a picture on it");
        }
        match take_drop(ui, &ground, cx.studio, Some(info)) {
            Some(Dropped::Latent(latent)) => self.add(t, latent, out),
            Some(_) => out.foreign = true,
            None => {}
        }
    }

    /// A key under the head; one that is there already becomes it.
    fn add(&mut self, t: &mut Timeline, latent: Latent, out: &mut PageActions) {
        out.label = Some("add a key");
        self.chosen = add_key(t, self.at, latent);
    }

    fn key_line(&mut self, ui: &mut Ui, state: &mut ExploreState, out: &mut PageActions) {
        let here = state.here.latent.clone();
        let t = &mut state.film.timeline;
        self.chosen = self.chosen.min(t.keys.len().saturating_sub(1));
        ui.horizontal_wrapped(|ui| {
            if theme::button(ui, Some(ICON_ADD), "Add this picture").clicked() {
                self.add(t, here.clone(), out);
            }
            let Some(k) = t.keys.get_mut(self.chosen) else { return };
            theme::weak(ui, format!("Key {}", self.chosen + 1));
            if theme::icon_button(ui, ICON_MY_LOCATION, "Open this key").clicked() {
                out.open = Some(k.latent.clone());
            }
            let before = (k.easing, k.way);
            let combo =
                ComboBox::from_id_salt("easing").selected_text(easing_text(k.easing)).width(110.0).show_ui(ui, |ui| {
                    for easing in [Easing::Smooth, Easing::Linear, Easing::In, Easing::Out, Easing::Hold] {
                        ui.selectable_value(&mut k.easing, easing, easing_text(easing));
                    }
                });
            combo.response.accessible_name("Easing to the next key");
            let text = k.way.map_or("As the film", way_text);
            let combo = ComboBox::from_id_salt("key way").selected_text(text).width(100.0).show_ui(ui, |ui| {
                ui.selectable_value(&mut k.way, None, "As the film");
                for way in [Way::Slerp, Way::Lerp, Way::Spline] {
                    ui.selectable_value(&mut k.way, Some(way), way_text(way));
                }
            });
            combo.response.accessible_name("Way to the next key");
            if (k.easing, k.way) != before {
                out.label = Some("change a key");
            }
            // The first one stays at the beginning.
            if self.chosen > 0 && theme::icon_button(ui, ICON_CLOSE, "Remove this key").clicked() {
                t.keys.remove(self.chosen);
                out.label = Some("remove a key");
            }
        });
    }
}

/// A film as it looks here: with the class and the truncation of the present picture.
fn as_seen(t: &Timeline, here: &Viewpoint, info: &ModelInfo) -> Timeline {
    let mut film = Timeline { model: info.model.clone(), ..t.clone() }.truncated(here.truncation);
    film.keys.iter_mut().for_each(|k| k.latent = here.classed(&k.latent));
    film
}

/// Tracks: truncation, and directions; what is set holds under the head.
fn tracks(ui: &mut Ui, film: &mut FilmState, known: &[Direction], styled: bool, at: f64, out: &mut PageActions) {
    let t = &mut film.timeline;
    let period = t.looped.then_some(t.seconds);
    theme::weak(ui, "At this time").on_hover_text("What is set here holds at the time under the head");
    let mut truncation = t.truncation.as_ref().map_or(1.0, |c| c.at(at, period));
    let field = DragValue::new(&mut truncation).range(0.0..=2.0).speed(0.01).fixed_decimals(2).prefix("truncation ");
    if ui.add(field).accessible_name("Truncation at this time").changed() {
        set_at(t.truncation.get_or_insert_with(Curve::default), at, truncation);
        out.label = Some("change truncation over time");
    }
    if styled {
        // Noise cannot be between two seeds: one holds until the next.
        let now = t.noise.iter().rposition(|n| n.0 <= at + APART);
        let mut seed = now.and_then(|i| t.noise.get(i)).map_or(0, |n| n.1);
        let own = t.noise.is_empty();
        let field = DragValue::new(&mut seed).speed(0.1).prefix("noise ");
        let field = field.custom_formatter(move |v, _| if own { "of each key".into() } else { format!("{v:.0}") });
        let help = "Seed of the noise from this time on; without any, each key has its own";
        if ui.add(field).accessible_name("Noise from this time on").on_hover_text(help).changed() {
            set_noise(&mut t.noise, at, seed);
            out.label = Some("change the noise over time");
        }
        if !own && theme::icon_button(ui, ICON_CLOSE, "Let each key have its own noise").clicked() {
            t.noise.clear();
            out.label = Some("change the noise over time");
        }
    }
    let mut remove = None;
    for (i, track) in t.tracks.iter_mut().enumerate() {
        let mut strength = track.strength.at(at, period);
        let prefix = format!("{} ", track.direction.name);
        let field = DragValue::new(&mut strength).range(-6.0..=6.0).speed(0.02).fixed_decimals(2).prefix(prefix);
        let name = format!("{} at this time", track.direction.name);
        if ui.add(field).accessible_name(name).changed() {
            set_at(&mut track.strength, at, strength);
            out.label = Some("change a direction over time");
        }
        if theme::icon_button(ui, ICON_CLOSE, &format!("Remove the track {}", track.direction.name)).clicked() {
            remove = Some(i);
        }
    }
    if let Some(i) = remove {
        t.tracks.remove(i);
        out.label = Some("remove a track");
    }
    let free: Vec<&Direction> = known.iter().filter(|d| t.tracks.iter().all(|k| k.direction.name != d.name)).collect();
    if !free.is_empty() {
        let mut add = None;
        let combo = ComboBox::from_id_salt("track").selected_text("Add a direction").width(120.0).show_ui(ui, |ui| {
            for d in free {
                if ui.selectable_label(false, &d.name).clicked() {
                    add = Some(d.clone());
                }
            }
        });
        combo.response.accessible_name("Add a track");
        if let Some(direction) = add {
            t.tracks.push(Track { direction, strength: Curve::of(&[(0.0, 0.0)]) });
            out.label = Some("add a track");
        }
    }
}

/// How the film goes from key to key, and what an even speed means.
fn how(ui: &mut Ui, t: &mut Timeline, out: &mut PageActions) {
    if t.even && measure_choice(ui, "Speed by", &mut t.by) {
        out.label = Some("change what the speed of the film means");
    }
    let before = t.way;
    let combo = ComboBox::from_id_salt("way").selected_text(way_text(t.way)).width(96.0).show_ui(ui, |ui| {
        for way in [Way::Slerp, Way::Lerp, Way::Spline] {
            ui.selectable_value(&mut t.way, way, way_text(way));
        }
    });
    combo.response.accessible_name("Way from key to key");
    let mut drift = t.drift.map_or(0.0, |d| d.amount);
    let field = DragValue::new(&mut drift).range(0.0..=2.0).speed(0.01).max_decimals(2).prefix("drift ");
    let help = "A smooth random wandering around the way, which closes with the loop";
    if ui.add(field).accessible_name("Drift").on_hover_text(help).changed() {
        t.drift = (drift > 0.0).then_some(Drift { seed: 1, amount: drift, rounds: 1 });
        out.label = Some("change the drift");
    }
    if t.way != before {
        out.label = Some("change the way of the film");
    }
}

fn way_text(way: Way) -> &'static str {
    match way {
        Way::Slerp => "Spherical",
        Way::Lerp => "Straight",
        Way::Spline => "Spline",
    }
}

fn easing_text(easing: Easing) -> &'static str {
    match easing {
        Easing::Smooth => "Ease in and out",
        Easing::Linear => "Linear",
        Easing::In => "Ease in",
        Easing::Out => "Ease out",
        Easing::Hold => "Hold",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_changes_at_its_times() {
        let mut noise = Vec::new();
        for (time, seed) in [(2.0, 7), (0.5, 3), (2.01, 8)] {
            set_noise(&mut noise, time, seed);
        }
        assert_eq!(noise, [(0.5, 3), (2.0, 8)]);
    }

    #[test]
    fn what_is_set_at_a_time_holds_there() {
        let mut curve = Curve::of(&[(0.0, 0.0)]);
        set_at(&mut curve, 2.0, 3.0);
        set_at(&mut curve, 1.0, -1.0);
        set_at(&mut curve, 2.01, 4.0);
        curve.check().unwrap();
        assert_eq!(curve.0.len(), 3);
        assert_eq!((curve.at(2.0, None), curve.at(1.0, None)), (4.0, -1.0));
    }
}
