//! The interpolation grid: four corners, and everything between them, live.

use egui::{ComboBox, DragValue, EventFilter, Key, Rect, Role, Sense, Ui, Vec2, WidgetInfo, pos2, vec2};
use egui_material_icons::icons::ICON_CASINO;

use super::desk::{Desk, GridDesk};
use super::feed::{Feed, Wish};
use super::place::{self, Places};
use super::{Cx, Out, inspector};
use crate::latent::interpolate::{Mode, grid};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::textures;
use crate::ui::theme::{self, size};
use crate::ui::widgets::latent_slot::{Tile, anchor_field, anchor_slot, drag_latent, tile};

/// Names of the corners, as they lie.
const CORNERS: [&str; 4] = ["Top left corner", "Top right corner", "Bottom left corner", "Bottom right corner"];
/// Purposes of the dialogs that choose a picture for a corner.
pub const PICKS: [&str; 4] = ["corner 1", "corner 2", "corner 3", "corner 4"];

/// The tab's own state.
#[derive(Default)]
pub struct Lattice {
    pub feed: Feed,
    /// The cell the arrow keys stand at.
    cursor: usize,
    /// Pictures put into corners.
    pub places: Places,
}

/// The latents of the cells, row by row.
pub fn latents(desk: &GridDesk, dim: usize) -> Vec<Latent> {
    let corners: Vec<Vec<f32>> = desk.corners.iter().map(|c| c.values(dim)).collect();
    let (columns, rows) = (desk.columns as usize, desk.rows as usize);
    let mut cells: Vec<Latent> =
        grid(&corners, columns, rows, desk.mode).into_iter().map(|values| Latent::Point { values }).collect();
    // Corners keep their own words, so that a seed stays a seed in recipes.
    for (corner, at) in places(columns, rows).into_iter().enumerate() {
        if let Some(cell) = cells.get_mut(at) {
            *cell = desk.corners[corner].latent(dim);
        }
    }
    cells
}

/// Places of the corners; with one row the lower ones lie nowhere.
fn places(columns: usize, rows: usize) -> [usize; 4] {
    let last = (rows > 1).then(|| (rows - 1) * columns);
    [0, columns - 1, last.unwrap_or(usize::MAX), last.map_or(usize::MAX, |l| l + columns - 1)]
}

impl Lattice {
    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, out: &mut Out) {
        theme::toolbar(ui, |ui| {
            if theme::primary_button(ui, Some(ICON_CASINO), "New corners").clicked() {
                desk.grid.corners = std::array::from_fn(|_| inspector::dice().into());
                out.label = Some("roll new corners");
            }
            let across = DragValue::new(&mut desk.grid.columns).range(2..=16).speed(0.05).suffix(" across");
            let down = DragValue::new(&mut desk.grid.rows).range(1..=16).speed(0.05).suffix(" down");
            let changed = ui.add(across).accessible_name("Cells across").changed();
            if ui.add(down).accessible_name("Cells down").changed() || changed {
                out.label = Some("change the size of the grid");
            }
            mode_choice(ui, &mut desk.grid.mode, out);
        });
        let cells = desk.here.all_classed(&latents(&desk.grid, info.latent as usize));
        let wish = Wish { model: info.model.clone(), latents: cells, truncation: desk.here.truncation };
        self.feed.want(wish.clone(), cx);
        self.cells(ui, cx, info, desk, &wish, out);
    }

    fn cells(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, desk: &mut Desk, wish: &Wish, out: &mut Out) {
        let (columns, rows) = (desk.grid.columns as usize, desk.grid.rows as usize);
        let room = ui.available_rect_before_wrap().shrink(size::M);
        // A line of fields above and one below.
        let field = size::CONTROL + size::S;
        let gap = 2.0;
        let lines = if rows > 1 { 2.0 } else { 1.0 };
        let side = ((room.width() - gap * (columns - 1) as f32) / columns as f32)
            .min((room.height() - lines * field - gap * (rows - 1) as f32) / rows as f32)
            .max(8.0)
            .floor();
        let whole = vec2(columns as f32, rows as f32) * (side + gap) - Vec2::splat(gap);
        let top = room.center() - vec2(whole.x, whole.y + (lines - 2.0) * field) / 2.0;
        let top = pos2(top.x.max(room.left()), top.y.max(room.top() + field)).round();
        let frame = Rect::from_min_size(top, whole);
        let cell_rect = |i: usize| {
            let at = top + vec2((i % columns) as f32, (i / columns) as f32) * (side + gap);
            Rect::from_min_size(at, Vec2::splat(side))
        };

        // The ground is one stop for Tab; arrows move on it and one stands where they lead.
        let id = ui.make_persistent_id("lattice");
        let ground = ui.interact(frame, id, Sense::click());
        ground.widget_info(|| WidgetInfo::labeled(Role::Grid, true, "Interpolation grid"));
        ui.memory_mut(|m| {
            let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            m.set_focus_lock_filter(id, filter);
        });
        if ground.has_focus() {
            self.arrows(ui, columns, rows, wish, out);
        }

        let ctx = ui.ctx().clone();
        let corners = places(columns, rows);
        self.places.begin();
        for i in 0..columns * rows {
            if corners.contains(&i) {
                continue;
            }
            let tex = self.feed.tex(i, cx.textures, &ctx);
            let name = format!("Row {}, column {}", i / columns + 1, i % columns + 1);
            let selected = wish.latents[i] == desk.here.latent;
            let look = Tile { tex: tex.as_ref(), name: &name, selected, focusable: false };
            let response = tile(ui, id.with(i), cell_rect(i), &look);
            drag_latent(&response, &info.model, &wish.latents[i], desk.here.truncation, self.feed.picture(i));
            if response.clicked() {
                out.stand = Some(wish.latents[i].clone());
                self.cursor = i;
                ground.request_focus();
            }
        }
        for (corner, at) in corners.into_iter().enumerate().filter(|(_, at)| *at < columns * rows) {
            self.corner(ui, cx, info, desk, corner, cell_rect(at), wish.latents[at].clone(), at, out);
        }
        // The fields of the corners, above and below.
        for (corner, _) in corners.into_iter().enumerate().filter(|(_, at)| *at < columns * rows) {
            let (right, below) = (corner % 2 == 1, corner >= 2);
            let y = if below { frame.bottom() + 6.0 } else { frame.top() - 6.0 - size::CONTROL };
            // On a small grid both fields still stand beside each other.
            let half = (frame.width() / 2.0 - size::XS).max(88.0);
            let x = if right { frame.center().x + size::XS } else { frame.center().x - size::XS - half };
            let place = Rect::from_min_size(pos2(x, y), vec2(half, size::CONTROL));
            let layout = if right {
                egui::Layout::right_to_left(egui::Align::Center)
            } else {
                egui::Layout::left_to_right(egui::Align::Center)
            };
            let mut child =
                ui.new_child(egui::UiBuilder::new().max_rect(place).layout(layout).id_salt(("corner", corner)));
            if anchor_field(&mut child, &mut desk.grid.corners[corner], CORNERS[corner]) {
                out.label = Some("move a corner");
            }
        }
        if ground.has_focus() {
            textures::focus_ring(ui, &ground);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn corner(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        desk: &mut Desk,
        corner: usize,
        rect: Rect,
        latent: Latent,
        at: usize,
        out: &mut Out,
    ) {
        let ctx = ui.ctx().clone();
        let tex = self.feed.tex(at, cx.textures, &ctx);
        let selected = latent == desk.here.latent;
        let look = Tile { tex: tex.as_ref(), name: CORNERS[corner], selected, focusable: true };
        let id = ui.make_persistent_id(("lattice corner", corner));
        let slot = anchor_slot(ui, id, rect, &look, &mut desk.grid.corners[corner], cx.studio, Some(info));
        // A small mark says: this one can be moved.
        let t = theme::tokens(ui);
        let (dx, dy) = (if corner % 2 == 1 { -6.0 } else { 6.0 }, if corner >= 2 { -6.0 } else { 6.0 });
        let from = pos2(
            if corner % 2 == 1 { rect.right() } else { rect.left() },
            if corner >= 2 { rect.bottom() } else { rect.top() },
        );
        let mark = vec![from + vec2(dx, dy), from + vec2(dx + dx * 2.0, dy), from + vec2(dx, dy + dy * 2.0)];
        ui.painter().add(egui::Shape::convex_polygon(mark, t.accent, egui::Stroke::NONE));
        if slot.changed {
            out.label = Some("move a corner");
        }
        out.foreign |= slot.foreign;
        if slot.response.clicked() {
            out.stand = Some(latent);
        }
        if let Some(path) = slot.file {
            self.places.encode(corner, &path, info, cx);
        }
        self.places.show(ui, cx, corner, &slot.response, info);
        slot.response.on_hover_text(place::HINT).context_menu(|ui| {
            if ui.button("Take where I stand").clicked() {
                desk.grid.corners[corner] = desk.here.latent.clone().into();
                out.label = Some("move a corner");
            }
            if ui.button("Random seed").clicked() {
                desk.grid.corners[corner] = inspector::dice().into();
                out.label = Some("move a corner");
            }
            Places::menu(ui, cx, PICKS[corner]);
        });
    }

    fn arrows(&mut self, ui: &Ui, columns: usize, rows: usize, wish: &Wish, out: &mut Out) {
        let pressed = |key| ui.input(|i| i.key_pressed(key));
        let (mut x, mut y) = (self.cursor % columns, (self.cursor / columns).min(rows - 1));
        let before = (x, y);
        if pressed(Key::ArrowRight) {
            x = (x + 1).min(columns - 1);
        }
        if pressed(Key::ArrowLeft) {
            x = x.saturating_sub(1);
        }
        if pressed(Key::ArrowDown) {
            y = (y + 1).min(rows - 1);
        }
        if pressed(Key::ArrowUp) {
            y = y.saturating_sub(1);
        }
        if (x, y) != before || pressed(Key::Enter) {
            self.cursor = y * columns + x;
            out.stand = wish.latents.get(self.cursor).cloned();
        }
    }
}

/// Straight or along the sphere.
pub fn mode_choice(ui: &mut Ui, mode: &mut Mode, out: &mut Out) {
    let text = |m: Mode| match m {
        Mode::Slerp => "Spherical",
        Mode::Lerp => "Straight",
    };
    let combo = ComboBox::from_id_salt("mode").selected_text(text(*mode)).width(96.0).show_ui(ui, |ui| {
        for (m, help) in [
            (
                Mode::Slerp,
                "Slerp: direction along the sphere, length evenly; every picture between is as likely as its ends",
            ),
            (Mode::Lerp, "Lerp: the straight line, which dips through shorter latents"),
        ] {
            if ui.selectable_value(mode, m, text(m)).on_hover_text(help).changed() {
                out.label = Some("change how it interpolates");
            }
        }
    });
    combo.response.accessible_name("Interpolation");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn corners_stay_seeds_and_cells_lie_between() {
        let desk = GridDesk { columns: 3, rows: 2, mode: Mode::Lerp, ..GridDesk::default() };
        let cells = latents(&desk, 4);
        assert_eq!(cells.len(), 6);
        for (at, seed) in [(0, 1), (2, 2), (3, 3), (5, 4)] {
            assert_eq!(cells[at], Latent::Seed { seed });
        }
        let (a, b) = (cells[0].values(4), cells[2].values(4));
        let middle: Vec<f32> = a.iter().zip(&b).map(|(x, y)| ((f64::from(*x) + f64::from(*y)) / 2.0) as f32).collect();
        assert_eq!(cells[1], Latent::Point { values: middle });
        let row = GridDesk { columns: 4, rows: 1, ..GridDesk::default() };
        assert_eq!(latents(&row, 4)[3], Latent::Seed { seed: 2 });
    }
}
