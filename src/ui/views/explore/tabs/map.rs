//! A map: an endless plane through latent space to pan and zoom, in tiles that come as they are looked at.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{ComboBox, CursorIcon, Rect, Role, Sense, Stroke, StrokeKind, Ui, Vec2, WidgetInfo, pos2, vec2};
use egui_material_icons::icons::{ICON_ADD, ICON_HOME, ICON_REMOVE};
use strum::IntoEnumIterator;

use crate::base::Picture;
use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::latent::directions::Direction;
use crate::latent::interpolate::Mode;
use crate::latent::latent_math::Dims;
use crate::latent::map::{CELLS, Plane};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::{ExploreState, MapState, PlaneKind, SeedPlaneState};
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::views::explore::picture_slots::begin_at;
use crate::ui::views::explore::tabs::code_points::CodePoints;
use crate::ui::views::explore::tabs::seed_plane::SeedPlane;
use crate::ui::views::explore::viewpoint::ClassShares;
use crate::ui::widgets::latent_slot::{Anchor, anchor_field};

/// Tiles that are remembered.
const REMEMBERED: usize = 800;
/// Side of a tile lies between this and twice this, in points.
const TILE: f64 = 256.0;
/// Points a standard deviation at which a code of two numbers is seen whole.
const WHOLE: f64 = 90.0;
/// Cells of an exported rectangle, at most.
const MOST: usize = 400;

/// Zoom level, column, row.
type Spot = (i32, i64, i64);

/// What tiles are of: model, weights, truncation, class, plane.
type Of = (String, String, u32, ClassShares, Plane);

/// The tab's own state.
#[derive(Default)]
pub struct Map {
    id: Option<u64>,
    tiles: HashMap<Spot, (Arc<Picture>, u64)>,
    of: Option<Of>,
    asked: Vec<Spot>,
    revision: u64,
    /// What the page began with.
    begun: Vec<Anchor>,
    /// The plane of seeds around the present picture.
    seeds: SeedPlane,
    /// Pictures on the plane of a latent of two numbers.
    points: CodePoints,
    /// Where a rectangle for export was begun.
    corner: Option<egui::Pos2>,
}

/// Zoom of the tiles that a scale (points a unit) asks for.
fn level(scale: f64) -> i32 {
    ((scale / TILE).log2().floor() as i32).clamp(-8, 32)
}

/// The plane that is laid out, if its directions are there.
pub fn plane(state: &ExploreState, info: &ModelInfo, known: &[Direction]) -> Option<Plane> {
    let dim = info.latent as usize;
    let map = &state.map;
    Some(match map.kind {
        PlaneKind::Here | PlaneKind::Seeds => Plane::Seeds,
        PlaneKind::Code => Plane::Code,
        PlaneKind::Through => {
            let [a, b, c] = map.anchors.clone().map(|l| state.here.classed(&l.latent(dim)));
            Plane::Through { a, b, c, mode: Mode::Slerp }
        }
        PlaneKind::Directions => {
            let named = |name: &str, or: usize| {
                known.iter().find(|d| d.name == name).or(known.get(or)).map(|d| Box::new(d.clone()))
            };
            let centre = state.here.classed(&map.anchors[0].latent(dim));
            Plane::Directions { centre, right: named(&map.right, 0)?, down: named(&map.down, 1)? }
        }
    })
}

impl Page for Map {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, shared, out }: PageCx<'_, '_>) {
        shared.directions.follow(info, cx);
        let known = shared.directions.of(&info.model);
        if state.map.kind == PlaneKind::Here {
            self.seeds.show(ui, cx, info, state, out, |ui, map, out| kinds(ui, map, info, out));
            return;
        }
        theme::toolbar(ui, |ui| {
            bar(ui, &mut state.map, info, &known, out);
            if state.map.kind == PlaneKind::Code {
                self.points.bar(ui, cx, info, &mut state.map, &shared.own_data, out);
            }
        });
        let room = ui.available_rect_before_wrap();
        let Some(plane) = plane(state, info, &known) else {
            theme::page(ui, "no plane", |ui| {
                theme::weak(ui, "This plane goes along two directions; none are known of this model yet");
                if theme::primary_button(ui, None, "Find directions").clicked() {
                    out.page = Some("directions");
                }
            });
            return;
        };
        let class = state.here.latent.class().to_vec();
        let weights = format!("{} {}", info.hash, info.active_prior().map_or("", |p| p.hash.as_str()));
        let of = (info.model.clone(), weights, state.here.truncation.to_bits(), class, plane.clone());
        if self.of.as_ref() != Some(&of) {
            self.tiles.clear();
            self.asked.clear();
            // A map of its own: tiles of the old plane that are still on their way belong to the old one.
            if let Some(map) = self.id.take() {
                let (model, truncation) = (info.model.clone(), state.here.truncation);
                let (plane, tiles) = (plane.clone(), Vec::new());
                let given_up = LatentCommand::MapTiles { map, model, plane, truncation, zoom: 0, tiles };
                cx.send(Command::Latent(given_up));
            }
            self.of = Some(of);
        }
        let id = ui.make_persistent_id("map");
        let response = ui.interact(room, id, Sense::click_and_drag()).on_hover_cursor(CursorIcon::Grab);
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Latent map"));
        // Cells have the shape of the pictures: a unit down is so many times as long as one across.
        let tall = info.resolution.height as f32 / info.resolution.width.max(1) as f32;
        self.steer(ui, &response, &mut state.map, tall, out);
        let place = |map: &MapState, p: egui::Pos2| {
            let by = upright(p - room.center(), tall);
            (map.x + f64::from(by.x) / map.scale, map.y + f64::from(by.y) / map.scale)
        };
        let zoom = level(state.map.scale);
        let side = libm::exp2(f64::from(-zoom));
        let cell = side / f64::from(CELLS);
        // The middle of the cell under a point: what its picture is of.
        let centre = |(x, y): (f64, f64)| (((x / cell).floor() + 0.5) * cell, ((y / cell).floor() + 0.5) * cell);
        let dims = Dims::of(info);
        if response.clicked()
            && let Some(at) = response.interact_pointer_pos()
        {
            let (x, y) = centre(place(&state.map, at));
            match plane.at(&dims, x, y) {
                Ok(latent) => {
                    out.open = Some(latent);
                    out.label = Some("open a place of the map");
                }
                Err(problem) => cx.say(problem),
            }
        }
        let missing = self.paint(ui, cx, &response, state, (zoom, side, tall));
        self.ask(missing, plane.clone(), state.here.truncation, info, cx);
        let t = theme::tokens(ui);
        if plane == Plane::Code {
            let map = &state.map;
            let screen = |at: [f32; 2]| {
                let by = [(f64::from(at[0]) - map.x) * map.scale, (f64::from(at[1]) - map.y) * map.scale];
                room.center() + vec2(by[0] as f32, by[1] as f32 * tall)
            };
            self.points.paint(&ui.painter_at(room), room, t, info, screen);
        }
        if let Some(at) = response.hover_pos() {
            let (x, y) = centre(place(&state.map, at));
            let text = format!("{x:.3}, {y:.3}").replace('-', "−");
            let font = egui::FontId::proportional(size::SMALL);
            let corner = room.left_bottom() + vec2(size::S, -size::S);
            let galley = ui.painter().layout_no_wrap(text, font, t.text);
            let ground = Rect::from_min_size(corner - vec2(0.0, galley.size().y), galley.size()).expand(4.0);
            ui.painter().rect_filled(ground, 4.0, t.panel);
            ui.painter().galley(corner - vec2(0.0, galley.size().y), galley, t.text);
        }
        if let (Some(from), true) = (self.corner, response.drag_stopped()) {
            self.corner = None;
            if let Some(to) = response.interact_pointer_pos() {
                let (a, b) = (place(&state.map, from.min(to)), place(&state.map, from.max(to)));
                match cells(&plane, &dims, (a, b), cell) {
                    Ok((latents, columns)) if !latents.is_empty() => {
                        out.export = Some((latents, "grid", columns, Some("grid")));
                    }
                    Ok(_) => {}
                    Err(problem) => cx.say(problem),
                }
            }
        } else if let (Some(from), Some(to)) = (self.corner, response.interact_pointer_pos()) {
            let rect = Rect::from_two_pos(from, to);
            ui.painter().rect_stroke(rect, 0.0, Stroke::new(2.0, t.accent), StrokeKind::Middle);
        }
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.seeds.on_event(event, cx);
        self.points.on_event(event);
        if let Event::Latent(LatentEvent::MapTile { map, zoom, tile, picture }) = event
            && Some(*map) == self.id
            && self.asked.contains(&(*zoom, tile.0, tile.1))
        {
            self.revision += 1;
            self.tiles.insert((*zoom, tile.0, tile.1), (Arc::new(picture.clone()), self.revision));
        }
    }

    fn picked(&mut self, picked: &Picked<'_>, _state: &mut ExploreState, _cx: &mut Cx<'_>) -> bool {
        self.points.picked(picked.purpose, picked.paths)
    }

    fn begin(&mut self, state: &mut ExploreState, info: &ModelInfo) {
        match (info.latent, state.map.kind) {
            // A latent of two numbers is best seen whole.
            (2, _) if state.map == MapState::default() => {
                state.map.kind = PlaneKind::Code;
                (state.map.x, state.map.y, state.map.scale) = (0.0, 0.0, WHOLE);
            }
            (2, _) => {}
            (_, PlaneKind::Code) => state.map = MapState::default(),
            _ => {}
        }
        let untouched = MapState::default().anchors;
        begin_at(&mut self.begun, &mut state.map.anchors, &untouched, &state.here.latent);
        if let Some(seed) = state.here.latent.seed().filter(|_| state.seed_plane == SeedPlaneState::default()) {
            (state.seed_plane.x, state.seed_plane.y) = (seed as f64, 0.0);
        }
    }

    fn take(&mut self, _slot: usize, latent: &Latent, state: &mut ExploreState) {
        (state.map.kind, state.map.anchors[0]) = (PlaneKind::Through, latent.clone().into());
        (state.map.x, state.map.y) = (0.0, 0.0);
    }

    fn provenance(&self, state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some(format!("A place of the map: {}", state.map.kind.title().to_lowercase()))
    }

    fn expire(&mut self) {
        self.seeds.expire();
    }
}

impl Map {
    /// Paints all tiles in sight; gives those that are missing, the nearest to the middle first.
    fn paint(
        &mut self,
        ui: &Ui,
        cx: &mut Cx<'_>,
        response: &egui::Response,
        state: &ExploreState,
        (zoom, side, tall): (i32, f64, f32),
    ) -> Vec<Spot> {
        let (room, map) = (response.rect, &state.map);
        let painter = ui.painter_at(room);
        let (ctx, t) = (ui.ctx().clone(), theme::tokens(ui));
        let points = side * map.scale;
        let half = |extent: f32| f64::from(extent) / 2.0 / map.scale;
        let range =
            |middle: f64, half: f64| (((middle - half) / side).floor() as i64, ((middle + half) / side).floor() as i64);
        let (left, right) = range(map.x, half(room.width()));
        let (top, bottom) = range(map.y, half(room.height() / tall));
        let mut missing = Vec::new();
        for j in top..=bottom {
            for i in left..=right {
                let at = room.center()
                    + vec2(
                        ((i as f64 * side - map.x) * map.scale) as f32,
                        ((j as f64 * side - map.y) * map.scale) as f32 * tall,
                    );
                let rect = Rect::from_min_size(at, vec2(points as f32, points as f32 * tall));
                let spot = (zoom, i, j);
                match self.nearest(spot) {
                    Some((found, uv)) => {
                        let Some((picture, revision)) = self.tiles.get(&found) else { continue };
                        let tex = cx.textures.get(&ctx, key(("map", self.id, found)), *revision, picture);
                        painter.image(tex.id(), rect, uv, egui::Color32::WHITE);
                        if found != spot {
                            missing.push((rect.center().distance(room.center()), spot));
                        }
                    }
                    None => {
                        painter.rect_filled(rect.shrink(1.0), 2.0, t.raised);
                        missing.push((rect.center().distance(room.center()), spot));
                    }
                }
            }
        }
        if response.has_focus() {
            textures::focus_ring(ui, response);
        }
        missing.sort_by(|a, b| a.0.total_cmp(&b.0));
        missing.into_iter().map(|m| m.1).collect()
    }

    /// A tile, or the part of the nearest coarser one that lies under it.
    fn nearest(&self, spot: Spot) -> Option<(Spot, Rect)> {
        let (mut at, mut uv) = (spot, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)));
        for _ in 0..6 {
            if self.tiles.contains_key(&at) {
                return Some((at, uv));
            }
            let (x, y) = (at.1.rem_euclid(2) as f32, at.2.rem_euclid(2) as f32);
            uv = Rect::from_min_size(pos2((uv.min.x + x) / 2.0, (uv.min.y + y) / 2.0), uv.size() / 2.0);
            at = (at.0 - 1, at.1.div_euclid(2), at.2.div_euclid(2));
        }
        None
    }

    fn ask(&mut self, missing: Vec<Spot>, plane: Plane, truncation: f32, info: &ModelInfo, cx: &mut Cx<'_>) {
        if missing == self.asked {
            return;
        }
        // What is on the way already is not asked for again; what went out of sight is given up.
        if !missing.is_empty() && missing.iter().all(|m| self.asked.contains(m)) {
            return;
        }
        if self.tiles.len() > REMEMBERED {
            self.tiles.clear();
        }
        let map = *self.id.get_or_insert_with(|| cx.ids.next());
        let zoom = missing.first().map_or(0, |m| m.0);
        let tiles = missing.iter().map(|m| (m.1, m.2)).collect();
        self.asked = missing;
        let model = info.model.clone();
        cx.send(Command::Latent(LatentCommand::MapTiles { map, model, plane, truncation, zoom, tiles }));
    }

    fn steer(&mut self, ui: &Ui, response: &egui::Response, map: &mut MapState, tall: f32, out: &mut PageActions) {
        if response.drag_started() && ui.input(|i| i.modifiers.shift) {
            self.corner = response.interact_pointer_pos();
        }
        if response.dragged() && self.corner.is_none() {
            let by = upright(response.drag_delta(), tall);
            map.x -= f64::from(by.x) / map.scale;
            map.y -= f64::from(by.y) / map.scale;
            out.label = Some("move over the map");
        }
        if response.hovered() {
            let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta.y, i.zoom_delta()));
            let factor = f64::from(pinch) * libm::exp(f64::from(scroll) * 0.004);
            if factor != 1.0 {
                let by = response.hover_pos().map_or(Vec2::ZERO, |h| upright(h - response.rect.center(), tall));
                zoom(map, factor, by);
                out.label = Some("zoom the map");
            }
        }
        if response.clicked() {
            response.request_focus();
        }
    }
}

/// Latents of a rectangle's cells, and how many lie across.
fn cells(
    plane: &Plane,
    dims: &Dims,
    ((x0, y0), (x1, y1)): ((f64, f64), (f64, f64)),
    cell: f64,
) -> crate::base::Result<(Vec<Latent>, u32)> {
    let range = |a: f64, b: f64| ((a / cell).floor() as i64)..((b / cell).ceil() as i64);
    let (columns, rows) = (range(x0, x1), range(y0, y1));
    let across = columns.clone().count();
    let rows: Vec<i64> = rows.take(MOST / across.max(1)).collect();
    let at = |v: i64| (v as f64 + 0.5) * cell;
    let latents =
        rows.iter().flat_map(|&r| columns.clone().map(move |c| (c, r))).map(|(c, r)| plane.at(dims, at(c), at(r)));
    Ok((latents.collect::<crate::base::Result<Vec<_>>>()?, across as u32))
}

/// A way on the screen in points a unit of the plane, where cells are `tall` times as high as wide.
fn upright(by: Vec2, tall: f32) -> Vec2 {
    vec2(by.x, by.y / tall)
}

/// Zooms by a factor around a place, given from the middle.
fn zoom(map: &mut MapState, factor: f64, by: Vec2) {
    let before = map.scale;
    map.scale = (map.scale * factor).clamp(8.0, 1e8);
    map.x += f64::from(by.x) * (1.0 / before - 1.0 / map.scale);
    map.y += f64::from(by.y) * (1.0 / before - 1.0 / map.scale);
}

/// Which plane is shown.
fn kinds(ui: &mut Ui, map: &mut MapState, info: &ModelInfo, out: &mut PageActions) {
    let before = map.kind;
    let combo = ComboBox::from_id_salt("plane").selected_text(map.kind.title()).width(130.0).show_ui(ui, |ui| {
        for kind in PlaneKind::iter() {
            if kind != PlaneKind::Code || info.latent == 2 {
                ui.selectable_value(&mut map.kind, kind, kind.title()).on_hover_text(kind.help());
            }
        }
    });
    combo.response.accessible_name("Plane").on_hover_text(before.help());
    if map.kind != before {
        if map.kind == PlaneKind::Code {
            (map.x, map.y, map.scale) = (0.0, 0.0, WHOLE);
        }
        out.label = Some("choose a plane");
    }
}

fn bar(ui: &mut Ui, map: &mut MapState, info: &ModelInfo, known: &[Direction], out: &mut PageActions) {
    kinds(ui, map, info, out);
    match map.kind {
        PlaneKind::Through => {
            for (anchor, name) in map.anchors.iter_mut().zip(["First corner", "Second corner", "Third corner"]) {
                if anchor_field(ui, anchor, name) {
                    out.label = Some("move the plane");
                }
            }
        }
        PlaneKind::Directions => {
            for (name, label, or) in [(&mut map.right, "To the right", 0), (&mut map.down, "Downwards", 1)] {
                let own = known.iter().find(|d| d.name == *name).or(known.get(or)).map_or("", |d| d.name.as_str());
                let combo = ComboBox::from_id_salt(label).selected_text(own).width(110.0).truncate();
                let combo = combo.show_ui(ui, |ui| {
                    for d in known {
                        if ui.selectable_label(d.name == own, &d.name).clicked() {
                            d.name.clone_into(name);
                            out.label = Some("choose a plane");
                        }
                    }
                });
                combo.response.accessible_name(label);
            }
            if anchor_field(ui, &mut map.anchors[0], "Centre") {
                out.label = Some("move the plane");
            }
        }
        PlaneKind::Here | PlaneKind::Seeds | PlaneKind::Code => {}
    }
    for (icon, name, factor) in [(ICON_REMOVE, "Zoom out", 0.5), (ICON_ADD, "Zoom in", 2.0)] {
        if theme::icon_button(ui, icon, name).clicked() {
            zoom(map, factor, Vec2::ZERO);
            out.label = Some("zoom the map");
        }
    }
    if theme::icon_button(ui, ICON_HOME, "Back to the beginning").clicked() {
        let start = MapState::default();
        (map.x, map.y, map.scale) = (start.x, start.y, start.scale);
        out.label = Some("move over the map");
    }
    if theme::left(ui) > 260.0 {
        theme::weak(ui, "Scroll to zoom, Shift and drag to export a part");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_keep_their_size_while_one_zooms_and_coarser_ones_stand_in() {
        for scale in [8.0, 100.0, 255.0, 256.0, 4000.0, 1e6] {
            let side = scale * libm::exp2(f64::from(-level(scale)));
            assert!((TILE..2.0 * TILE).contains(&side), "{scale}: {side}");
        }
        let mut map = Map::default();
        let picture = Arc::new(Picture::filled(4, 4, [0; 4]));
        map.tiles.insert((0, -1, 0), (picture, 1));
        // The quarter on the lower right of tile (−1, 0).
        let (found, uv) = map.nearest((1, -1, 1)).unwrap();
        assert_eq!((found, uv.min, uv.max), ((0, -1, 0), pos2(0.5, 0.5), pos2(1.0, 1.0)));
        let (_, uv) = map.nearest((2, -4, 1)).unwrap();
        assert_eq!((uv.min, uv.max), (pos2(0.0, 0.25), pos2(0.25, 0.5)));
        assert!(map.nearest((1, 0, 0)).is_none());
    }

    #[test]
    fn a_rectangle_is_a_grid_of_cells() {
        let dims = Dims { z: 4, classes: 0, layers: 0 };
        let (latents, columns) = cells(&Plane::Seeds, &dims, ((0.0, 0.0), (0.75, 0.5)), 0.25).unwrap();
        assert_eq!((latents.len(), columns), (6, 3));
        assert_eq!(latents[4], Plane::Seeds.at(&dims, 0.375, 0.375).unwrap());
    }
}
