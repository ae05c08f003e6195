//! The sheet itself: pan, zoom, hover, click, lasso.

use egui::{CursorIcon, Key, Modifiers, Pos2, Rect, Response, Role, Sense, Shape, Stroke, Ui, Vec2, WidgetInfo, vec2};

use crate::base::Problem;
use crate::engine::{Command, LatentCommand};
use crate::latent::atlas::gather::{Atlas, Point, Whose};
use crate::models::info::ModelInfo;
use crate::ui::textures::{self, Tex, key};
use crate::ui::theme;
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::atlas::cells::Cells;
use crate::ui::views::explore::tabs::atlas::paint::{self, Palette};
use crate::ui::views::explore::tabs::atlas::state::{AtlasState, NEAREST, Tint, View};
use crate::ui::views::explore::tabs::atlas::{AtlasPage, Made};

/// A small picture has a square of this to twice this many points of its own.
const SQUARE: f64 = 44.0;
/// Points in such a square at most; in a crowd there are only dots.
const CROWD: u32 = 5;
/// Part of its square that a small picture fills.
const FILLS: f32 = 0.86;
/// Points of the screen from a dot within which it is meant.
const NEAR: f32 = 9.0;
/// Levels of nearness that are remembered.
const LEVELS: usize = 6;
/// Points of the screen between corners of a lasso.
const CORNER: f32 = 4.0;

impl AtlasPage {
    pub(super) fn canvas(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let room = ui.available_rect_before_wrap();
        let cursor = if self.lassoing { CursorIcon::Crosshair } else { CursorIcon::Grab };
        let response = ui.interact(room, ui.make_persistent_id("atlas"), Sense::click_and_drag());
        let response = response.on_hover_cursor(cursor);
        response.widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Atlas"));
        let Some(mut made) = self.made.take() else { return };
        self.keys(ui, cx, (room, made.reach), &mut state.atlas, out);
        self.steer(ui, &response, made.reach, &mut state.atlas, out);
        let view = View::of(&state.atlas, room, made.reach);
        let chosen = self.chosen.choose(&made.cells, made.number, &state.atlas.lasso);
        self.show_sheet(ui, cx, (info, &response), state, (&mut made, &view), out);
        if chosen {
            self.chosen.show(ui, cx, (info, room), state, &made.atlas, out);
        }
        self.made = Some(made);
        if response.has_focus() {
            textures::focus_ring(ui, &response);
        }
    }

    /// Draws dots, pictures, marks and the legend, and does what a click asks for.
    fn show_sheet(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        (info, response): (&ModelInfo, &Response),
        state: &ExploreState,
        (made, view): (&mut Made, &View),
        out: &mut PageActions,
    ) {
        let own = &state.atlas;
        let t = theme::tokens(ui);
        let painter = ui.painter_at(view.room);
        let range = match own.tint {
            Tint::Rating => [0.0, 5.0],
            _ => made.hardness.unwrap_or([0.0, 1.0]),
        };
        let ratings = std::mem::take(&mut self.ratings);
        let palette = Palette { t, tint: own.tint, range, ratings: &ratings };
        let atlas = made.atlas.clone();
        let lit = self.chosen.lit();
        self.dots.paint(&painter, view, (&atlas, made.number), &palette, lit, self.faded.each());
        if own.holes {
            paint::holes(&painter, view, &atlas, t);
        }
        let squares = pictures_in_sight(made, view);
        let mut missing = Vec::new();
        let ctx = ui.ctx().clone();
        for &(i, rect) in &squares {
            let lit = self.chosen.is_lit(i) && !self.faded.is(i);
            match self.thumb(cx, &ctx, i) {
                Some(tex) => {
                    let white = egui::Color32::WHITE.gamma_multiply(if lit { 1.0 } else { 0.35 });
                    let whole = Rect::from_min_max(Pos2::ZERO, Pos2::new(1.0, 1.0));
                    painter.image(tex.id(), tex.within(rect), whole, white);
                }
                None => {
                    painter.rect_filled(rect, 2.0, t.raised);
                    missing.push((rect.center().distance(view.room.center()), i));
                }
            }
            paint::frame(&painter, rect, &atlas.points[i as usize], &palette, lit);
        }
        self.mark_present(&painter, view, (&atlas, made.number), state, t);
        let line: Vec<Pos2> =
            if self.drawing.is_empty() { &own.lasso } else { &self.drawing }.iter().map(|p| view.screen(*p)).collect();
        if line.len() > 1 {
            let closed = self.drawing.is_empty();
            let stroke = Stroke::new(1.5, t.accent);
            painter.add(if closed { Shape::closed_line(line, stroke) } else { Shape::line(line, stroke) });
        }
        paint::legend(&painter, view.room, &atlas, &palette);
        self.ratings = ratings;

        missing.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut missing: Vec<u32> = missing.into_iter().map(|m| m.1).collect();
        let pointer = response.interact_pointer_pos().or(response.hover_pos());
        let hit = pointer.and_then(|at| hit(&made.cells, &squares, view, at));
        if let Some(i) = hit.filter(|_| self.drawing.is_empty()) {
            let at = squares.iter().find(|s| s.0 == i).map_or(view.screen(atlas.points[i as usize].place), |s| {
                painter.rect_stroke(s.1.expand(2.0), 2.0, Stroke::new(1.0, t.text), egui::StrokeKind::Outside);
                s.1.center()
            });
            if squares.iter().all(|s| s.0 != i) {
                painter.circle_stroke(at, 6.0, Stroke::new(1.5, t.text));
            }
            let tex = self.thumb(cx, &ctx, i);
            if tex.is_none() {
                missing.insert(0, i);
            }
            let lines = self.tell(&atlas, i);
            response.clone().on_hover_ui_at_pointer(|ui| tooltip(ui, tex.as_ref(), &lines));
        }
        if !self.is_making(cx) {
            self.thumbs.ask(&missing, &info.model, cx);
        }
        if response.clicked()
            && let Some(at) = response.interact_pointer_pos()
        {
            response.request_focus();
            let place = view.place(at);
            match hit.map(|i| &atlas.points[i as usize]) {
                Some(Point { latent: Some(latent), place, .. }) => {
                    self.standing = Some((*place, latent.clone()));
                    out.open = Some(latent.clone());
                    out.label = Some("open a point of the atlas");
                }
                _ if self.is_making(cx) => {
                    cx.say(Problem::usage("Another atlas is being made").try_this("Wait for it, or cancel it").info());
                }
                _ => {
                    let ticket = cx.ids.next();
                    self.asked = Some((ticket, place));
                    let (model, places) = (info.model.clone(), vec![place]);
                    cx.send(Command::Latent(LatentCommand::AtlasAt { ticket, model, places }));
                }
            }
        }
    }

    fn thumb(&mut self, cx: &mut Cx<'_>, ctx: &egui::Context, point: u32) -> Option<Tex> {
        let (picture, revision) = self.thumbs.get(point)?;
        Some(cx.textures.get(ctx, key(("atlas", point)), revision, &picture))
    }

    /// A ring around the present picture, if that is on the sheet.
    fn mark_present(
        &mut self,
        painter: &egui::Painter,
        view: &View,
        (atlas, number): (&Atlas, u64),
        state: &ExploreState,
        t: &theme::Tokens,
    ) {
        let here = &state.here.latent;
        let asked = self.standing.as_ref().filter(|s| state.here.classed(&s.1) == *here).map(|s| s.0);
        if self.found.as_ref().is_none_or(|f| f.0 != number || f.1 != *here) {
            let at = atlas.points.iter().find(|p| p.latent.as_ref().is_some_and(|l| state.here.classed(l) == *here));
            self.found = Some((number, here.clone(), at.map(|p| p.place)));
        }
        let Some(place) = asked.or(self.found.as_ref().and_then(|f| f.2)) else { return };
        let at = view.screen(place);
        painter.circle_stroke(at, 8.0, Stroke::new(3.5, t.canvas));
        painter.circle_stroke(at, 8.0, Stroke::new(2.0, t.accent));
    }

    /// What is known of a point.
    pub(super) fn tell(&self, atlas: &Atlas, i: u32) -> Vec<String> {
        let Some(point) = atlas.points.get(i as usize) else { return Vec::new() };
        match &point.whose {
            Whose::Real { name, label, covered, hardness, .. } => {
                let label = label.and_then(|l| atlas.labels.get(l as usize));
                let hole = atlas.holes.iter().find(|h| h.members.contains(&i));
                [
                    Some(name.clone()),
                    label.map(|l| format!("Label: {l}")),
                    Some(match (hole, covered) {
                        (Some(hole), _) => {
                            format!("Real, in a hole: nothing is generated near these {}", hole.members.len())
                        }
                        (None, true) => "Real".into(),
                        (None, false) => "Real, with nothing generated near".into(),
                    }),
                    hardness.map(|h| format!("The model is {:.1} % off", h * 100.0)),
                    self.faded.is_left_out(atlas, point).then(|| "Left out of the data".into()),
                ]
                .into_iter()
                .flatten()
                .collect()
            }
            Whose::Generated { seed } => vec![format!("Generated, seed {seed}"), "Click to open it".into()],
            Whose::Kept { id } => {
                let Some(item) = self.items.iter().find(|i| i.id == *id) else { return vec!["Kept".into()] };
                let name = item.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let star = if item.starred { ", with a star" } else { "" };
                let mut lines = vec![name, format!("Kept, rated {}{star}", item.rating)];
                if !item.tags.is_empty() {
                    lines.push(format!("Tags: {}", item.tags.join(", ")));
                }
                lines
            }
        }
    }

    fn keys(
        &mut self,
        ui: &Ui,
        cx: &Cx<'_>,
        (room, reach): (Rect, [f32; 2]),
        own: &mut AtlasState,
        out: &mut PageActions,
    ) {
        if !cx.has_keys(ViewId::Explore) {
            return;
        }
        let pressed = |key| ui.input_mut(|i| i.consume_key(Modifiers::NONE, key));
        if pressed(Key::F) {
            (own.x, own.y, own.scale) = (0.0, 0.0, 0.0);
            out.label = Some("move over the atlas");
        }
        for (key, factor) in [(Key::Plus, 1.5), (Key::Equals, 1.5), (Key::Minus, 1.0 / 1.5)] {
            if pressed(key) {
                zoom(own, View::of(own, room, reach), factor, Vec2::ZERO);
                out.label = Some("zoom the atlas");
            }
        }
        if !own.lasso.is_empty() && pressed(Key::Escape) {
            own.lasso.clear();
            out.label = Some("drop the lasso");
        }
    }

    fn steer(&mut self, ui: &Ui, response: &Response, reach: [f32; 2], own: &mut AtlasState, out: &mut PageActions) {
        let view = View::of(own, response.rect, reach);
        if response.drag_started() && (self.lassoing || ui.input(|i| i.modifiers.shift)) {
            let from = ui.input(|i| i.pointer.press_origin()).or(response.interact_pointer_pos());
            self.drawing = from.map(|at| view.place(at)).into_iter().collect();
        }
        if !self.drawing.is_empty() {
            if let (Some(at), Some(last)) = (response.interact_pointer_pos(), self.drawing.last())
                && view.screen(*last).distance(at) >= CORNER
            {
                self.drawing.push(view.place(at));
            }
            if response.drag_stopped() {
                own.lasso = std::mem::take(&mut self.drawing);
                if own.lasso.len() < 3 {
                    own.lasso.clear();
                }
                out.label = Some("draw a lasso");
            } else if !response.dragged() && !response.drag_started() {
                self.drawing.clear();
            }
        } else if response.dragged() {
            let by = response.drag_delta();
            own.scale = view.scale;
            own.x = view.x - f64::from(by.x) / view.scale;
            own.y = view.y - f64::from(by.y) / view.scale;
            out.label = Some("move over the atlas");
        }
        if response.hovered() {
            let (scroll, pinch) = ui.input(|i| (i.smooth_scroll_delta.y, i.zoom_delta()));
            let factor = f64::from(pinch) * libm::exp(f64::from(scroll) * 0.004);
            if factor != 1.0 {
                let by = response.hover_pos().map_or(Vec2::ZERO, |h| h - response.rect.center());
                zoom(own, View::of(own, response.rect, reach), factor, by);
                out.label = Some("zoom the atlas");
            }
        }
    }
}

/// Zooms by a factor around a place of the screen, given from the middle.
fn zoom(own: &mut AtlasState, view: View, factor: f64, by: Vec2) {
    let before = view.scale;
    let least = view.whole * 0.25;
    own.scale = (before * factor).clamp(least.min(before), NEAREST);
    own.x += f64::from(by.x) * (1.0 / before - 1.0 / own.scale);
    own.y += f64::from(by.y) * (1.0 / before - 1.0 / own.scale);
}

/// Points that stand for their surroundings, with the squares their pictures fill: each within a square of its own, so
/// that none covers another.
fn pictures_in_sight(made: &mut Made, view: &View) -> Vec<(u32, Rect)> {
    let level = (view.scale / SQUARE).log2().floor() as i32;
    if made.standing.len() > LEVELS {
        made.standing.clear();
    }
    let standing = made.standing.entry(level).or_insert_with(|| made.cells.standing_for(level, CROWD));
    let unit = (-f64::from(level)).exp2() as f32;
    let square = unit * view.scale as f32;
    let side = (square * FILLS).floor();
    let sight = view.room.expand(side);
    let mut out = Vec::new();
    for &i in standing.iter() {
        let place = made.cells.places()[i as usize];
        if !sight.contains(view.screen(place)) {
            continue;
        }
        let corner = view.screen(place.map(|v| (v / unit).floor() * unit));
        let free = Rect::from_min_size(corner, Vec2::splat(square)).shrink(side / 2.0 + 1.0);
        let middle = view.screen(place);
        let middle =
            if free.is_positive() { middle.clamp(free.min, free.max) } else { corner + Vec2::splat(square / 2.0) };
        out.push((i, Rect::from_center_size(middle, Vec2::splat(side))));
    }
    out
}

/// The point that is meant at a place of the screen.
fn hit(cells: &Cells, squares: &[(u32, Rect)], view: &View, at: Pos2) -> Option<u32> {
    let picture = squares.iter().find(|s| s.1.contains(at)).map(|s| s.0);
    picture.or_else(|| cells.nearest(view.place(at), NEAR / view.scale as f32))
}

fn tooltip(ui: &mut Ui, tex: Option<&Tex>, lines: &[String]) {
    ui.horizontal(|ui| {
        match tex {
            Some(tex) => {
                let (rect, _) = ui.allocate_exact_size(tex.fit(Vec2::splat(96.0)), Sense::hover());
                textures::paint(ui.painter(), rect, tex, theme::tokens(ui));
            }
            None => {
                theme::skeleton(ui, vec2(96.0, 96.0));
            }
        }
        ui.vertical(|ui| {
            for (i, line) in lines.iter().enumerate() {
                if i == 0 {
                    ui.label(line);
                } else {
                    theme::weak(ui, line);
                }
            }
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zooming_keeps_what_lies_under_the_pointer() {
        let room = Rect::from_min_size(Pos2::new(100.0, 50.0), vec2(900.0, 600.0));
        let mut own = AtlasState { x: 0.2, y: -0.1, scale: 300.0, ..AtlasState::default() };
        let at = Pos2::new(760.0, 200.0);
        let seen = |own: &AtlasState| View::of(own, room, [1.0, 1.0]);
        let before = seen(&own).place(at);
        for factor in [1.7, 3.0, 0.4] {
            let view = seen(&own);
            zoom(&mut own, view, factor, at - room.center());
            let now = seen(&own).place(at);
            assert!((0..2).all(|a| (now[a] - before[a]).abs() < 1e-5), "{now:?} {before:?}");
        }
        for _ in 0..200 {
            let view = seen(&own);
            zoom(&mut own, view, 0.5, Vec2::ZERO);
        }
        assert!(own.scale >= seen(&own).whole * 0.2, "one does not lose sight of it");
    }
}
