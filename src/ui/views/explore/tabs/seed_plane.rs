//! The plane of all seeds: a map to drag through and to zoom into. The present picture is in its middle.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{CursorIcon, EventFilter, Key, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, vec2};
use egui_material_icons::icons::{ICON_ADD, ICON_MY_LOCATION, ICON_REMOVE};

use crate::base::Picture;
use crate::engine::Event;
use crate::latent::walk;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::{ExploreState, MapState, SeedPlaneState};
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::viewpoint::{ClassShares, Viewpoint};

/// Tiles asked for at a time.
const BATCH: usize = 24;
/// Tiles that are remembered.
const REMEMBERED: usize = 6000;
/// Side of a tile lies between this and twice this, in points.
const TILE: f64 = 80.0;

/// Place of a tile: column, row, level (each level halves the step between tiles).
type Spot = (i64, i64, u32);

/// The tab's own state.
#[derive(Default)]
pub struct SeedPlane {
    feed: ImageRequests,
    tiles: HashMap<Spot, Arc<Picture>>,
    /// What the tiles are of.
    of: Option<(String, f32, ClassShares)>,
    asked: Vec<Spot>,
}

/// Level and step, in seeds, of the tiles at a zoom.
fn level(zoom: f64) -> (u32, f64) {
    let level = (zoom / TILE).log2().floor().clamp(0.0, 6.0);
    (level as u32, libm::exp2(-level))
}

/// The latent at a place of the plane: a seed where it is one.
pub fn latent_at(x: f64, y: f64, dim: usize) -> Latent {
    if x.fract() == 0.0 && y.fract() == 0.0 {
        Latent::Seed { seed: walk::plane_seed(x, y) }
    } else {
        Latent::Point { values: walk::plane(x, y, dim) }
    }
}

impl SeedPlane {
    /// Draws it; `kinds` chooses another plane.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
        kinds: impl FnOnce(&mut Ui, &mut MapState, &mut PageActions),
    ) {
        let of = (info.model.clone(), state.here.truncation, state.here.latent.class().to_vec());
        if self.of.as_ref() != Some(&of) {
            self.tiles.clear();
            self.asked.clear();
            self.feed.clear();
            self.of = Some(of);
        }
        let before = state.seed_plane.clone();
        theme::toolbar(ui, |ui| {
            kinds(ui, &mut state.map, out);
            bar(ui, &mut state.seed_plane, out);
        });
        let room = ui.available_rect_before_wrap();
        let id = ui.make_persistent_id("plane");
        let response = ui.interact(room, id, Sense::click_and_drag()).on_hover_cursor(CursorIcon::Grab);
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Seed plane"));
        self.steer(ui, &response, state, out);

        let painter = ui.painter_at(room);
        let ctx = ui.ctx().clone();
        let p = &state.seed_plane;
        let (level, step) = level(p.zoom);
        let side = (p.zoom * step) as f32;
        let middle = room.center();
        let screen = |x: f64, y: f64| middle + vec2(((x - p.x) * p.zoom) as f32, ((y - p.y) * p.zoom) as f32);
        let reach = |centre: f64, half: f32| {
            let half = f64::from(half) / p.zoom / step + 0.5;
            ((centre / step - half).floor() as i64, (centre / step + half).ceil() as i64)
        };
        let (left, right) = reach(p.x, room.width() / 2.0);
        let (top, bottom) = reach(p.y, room.height() / 2.0);
        let mut missing: Vec<(f32, Spot)> = Vec::new();
        let t = theme::tokens(ui);
        for j in top..=bottom {
            for i in left..=right {
                let centre = screen(i as f64 * step, j as f64 * step);
                let rect = Rect::from_center_size(centre, Vec2::splat(side - 2.0));
                if !rect.intersects(room) {
                    continue;
                }
                let spot = (i, j, level);
                let shown = self.nearest(spot);
                if shown != Some(spot) {
                    missing.push((centre.distance(middle), spot));
                }
                match shown.and_then(|s| self.tiles.get(&s).map(|p| (s, p))) {
                    Some((s, picture)) => {
                        let name = key(("plane", s, &info.model, state.here.truncation.to_bits()));
                        let tex = cx.textures.get(&ctx, name, 0, picture);
                        textures::paint(&painter, rect, &tex, t);
                    }
                    None => {
                        painter.rect_filled(rect, 2.0, t.raised);
                    }
                }
                if response.hover_pos().is_some_and(|h| rect.contains(h)) && !response.dragged() {
                    painter.rect_stroke(rect, 2.0, Stroke::new(1.0, t.text), StrokeKind::Inside);
                }
            }
        }
        // The present picture: always the middle.
        let frame = Rect::from_center_size(middle, Vec2::splat(side.min(56.0)));
        painter.rect_stroke(frame, 2.0, Stroke::new(3.0, t.canvas.gamma_multiply(0.6)), StrokeKind::Middle);
        painter.rect_stroke(frame, 2.0, Stroke::new(2.0, t.accent), StrokeKind::Middle);
        if response.has_focus() {
            textures::focus_ring(ui, &response);
        }
        if *p != before && (p.x, p.y) != (before.x, before.y) {
            out.open = Some(latent_at(p.x, p.y, info.latent as usize));
            out.label.get_or_insert("move over the plane");
        }
        self.ask(missing, step, info, &state.here, cx);
    }

    /// The tile at a spot, or the nearest one of a coarser level that is there.
    fn nearest(&self, spot: Spot) -> Option<Spot> {
        let mut spot = spot;
        loop {
            if self.tiles.contains_key(&spot) {
                return Some(spot);
            }
            if spot.2 == 0 {
                return None;
            }
            spot = (spot.0.div_euclid(2), spot.1.div_euclid(2), spot.2 - 1);
        }
    }

    fn ask(&mut self, mut missing: Vec<(f32, Spot)>, step: f64, info: &ModelInfo, here: &Viewpoint, cx: &mut Cx<'_>) {
        if missing.is_empty() || self.feed.is_busy(cx.time) {
            return;
        }
        missing.sort_by(|a, b| a.0.total_cmp(&b.0));
        missing.truncate(BATCH);
        if self.tiles.len() > REMEMBERED {
            self.tiles.clear();
        }
        self.asked = missing.into_iter().map(|(_, s)| s).collect();
        // Each batch is a list of its own: nothing in it counts as made already.
        self.feed.expire();
        let dim = info.latent as usize;
        let at = |s: &Spot| here.classed(&latent_at(s.0 as f64 * step, s.1 as f64 * step, dim));
        let latents = self.asked.iter().map(at).collect();
        self.feed.want(ImageBatch { model: info.model.clone(), latents, truncation: here.truncation }, cx);
    }

    /// Forgets everything, as the model is another one.
    pub fn expire(&mut self) {
        self.of = None;
    }

    /// Takes tiles in.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        if self.feed.on_event(event, cx) {
            for (place, picture) in self.feed.fresh() {
                if let Some(spot) = self.asked.get(place) {
                    self.tiles.insert(*spot, picture.clone());
                }
            }
        }
    }

    fn steer(&self, ui: &Ui, response: &egui::Response, state: &mut ExploreState, out: &mut PageActions) {
        let p = &mut state.seed_plane;
        if response.dragged() {
            let by = response.drag_delta();
            p.x -= f64::from(by.x) / p.zoom;
            p.y -= f64::from(by.y) / p.zoom;
            ui.ctx().set_cursor_icon(CursorIcon::Grabbing);
        }
        let (_, step) = level(p.zoom);
        if response.clicked()
            && let Some(at) = response.interact_pointer_pos()
        {
            let by = at - response.rect.center();
            // To the tile under the pointer, exactly.
            p.x = ((p.x + f64::from(by.x) / p.zoom) / step).round() * step;
            p.y = ((p.y + f64::from(by.y) / p.zoom) / step).round() * step;
            response.request_focus();
        }
        if response.hovered() {
            let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta.y, i.zoom_delta()));
            let factor = f64::from(pinch) * libm::exp(f64::from(scroll) * 0.004);
            if factor != 1.0 {
                // The place under the pointer stays under it.
                let by = response.hover_pos().map_or(Vec2::ZERO, |h| h - response.rect.center());
                zoom(p, factor, by);
                out.label = Some("zoom the plane");
            }
        }
        ui.memory_mut(|m| {
            let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            m.set_focus_lock_filter(response.id, filter);
        });
        if response.has_focus() {
            let pressed = |key| f64::from(u8::from(ui.input(|i| i.key_pressed(key))));
            let (dx, dy) =
                (pressed(Key::ArrowRight) - pressed(Key::ArrowLeft), pressed(Key::ArrowDown) - pressed(Key::ArrowUp));
            if dx != 0.0 || dy != 0.0 {
                p.x = (p.x / step).round() * step + dx * step;
                p.y = (p.y / step).round() * step + dy * step;
            }
        }
    }
}

/// Zooms by a factor around a place, given from the middle.
fn zoom(p: &mut SeedPlaneState, factor: f64, by: Vec2) {
    let before = p.zoom;
    p.zoom = (p.zoom * factor).clamp(60.0, 2000.0);
    p.x += f64::from(by.x) * (1.0 / before - 1.0 / p.zoom);
    p.y += f64::from(by.y) * (1.0 / before - 1.0 / p.zoom);
}

fn bar(ui: &mut Ui, p: &mut SeedPlaneState, out: &mut PageActions) {
    for (value, name, prefix) in [(&mut p.x, "Seed across", "x "), (&mut p.y, "Seed down", "y ")] {
        ui.add(egui::DragValue::new(value).speed(0.01).max_decimals(2).prefix(prefix)).accessible_name(name);
    }
    if theme::icon_button(ui, ICON_REMOVE, "Zoom out").clicked() {
        zoom(p, 0.5, Vec2::ZERO);
        out.label = Some("zoom the plane");
    }
    if theme::icon_button(ui, ICON_ADD, "Zoom in").clicked() {
        zoom(p, 2.0, Vec2::ZERO);
        out.label = Some("zoom the plane");
    }
    if theme::quiet_button(ui, Some(ICON_MY_LOCATION), "To the nearest seed").clicked() {
        (p.x, p.y) = (p.x.round(), p.y.round());
    }
    if theme::left(ui) > 180.0 {
        ui.add_space(size::S);
        theme::weak(ui, "Drag to move, scroll to zoom");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_keep_their_size_while_one_zooms() {
        for zoom in [60.0, 80.0, 159.0, 160.0, 700.0, 2000.0] {
            let (_, step) = level(zoom);
            let side = zoom * step;
            assert!((60.0..=160.0).contains(&side), "{zoom}: {side}");
        }
        assert_eq!(level(200.0), (1, 0.5));
    }

    #[test]
    fn zooming_keeps_the_place_under_the_pointer() {
        let mut p = SeedPlaneState { x: 3.0, y: -2.0, zoom: 200.0 };
        let by = vec2(120.0, -60.0);
        let place = |p: &SeedPlaneState| (p.x + f64::from(by.x) / p.zoom, p.y + f64::from(by.y) / p.zoom);
        let before = place(&p);
        zoom(&mut p, 1.7, by);
        let after = place(&p);
        assert!((before.0 - after.0).abs() < 1e-9 && (before.1 - after.1).abs() < 1e-9);
    }

    #[test]
    fn whole_places_are_seeds() {
        assert_eq!(latent_at(3.0, 1.0, 4), Latent::Seed { seed: 103 });
        assert!(matches!(latent_at(3.5, 1.0, 4), Latent::Point { values } if values.len() == 4));
    }
}
