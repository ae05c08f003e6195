//! One dimension at a time: a row for each, from minus three to plus three, everything else as in the present picture.

use egui::{DragValue, Rect, RichText, Ui, Vec2, pos2, vec2};
use egui_material_icons::icons::{ICON_KEYBOARD_ARROW_DOWN, ICON_KEYBOARD_ARROW_UP};

use crate::engine::Event;
use crate::models::info::ModelInfo;
use crate::recipe::picture::{Latent, Space};
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::{ExploreState, SlidersState};
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageActions, PageCx};
use crate::ui::widgets::latent_slot::{Tile, drag_latent, tile};

/// The tab's own state.
#[derive(Default)]
pub struct Sliders {
    feed: ImageRequests,
}

/// Dimensions in the order in which they matter: by KL where it is known (VAE), otherwise as they are numbered.
pub fn order(info: &ModelInfo) -> Vec<usize> {
    let mut dims: Vec<usize> = (0..info.latent as usize).collect();
    if info.kl.len() == dims.len() {
        dims.sort_by(|&a, &b| info.kl[b].total_cmp(&info.kl[a]));
    }
    dims
}

/// The dimensions of the rows on the screen.
fn rows(state: &SlidersState, info: &ModelInfo) -> Vec<usize> {
    let order = order(info);
    let rows = (state.rows as usize).min(order.len());
    let first = (state.first as usize).min(order.len() - rows);
    order[first..first + rows].to_vec()
}

/// The value of a column.
fn value(state: &SlidersState, column: usize) -> f32 {
    let last = (state.steps - 1).max(1) as f32;
    state.reach * (2.0 * column as f32 / last - 1.0)
}

/// The latents of all cells, row by row.
pub fn latents(state: &ExploreState, info: &ModelInfo) -> Vec<Latent> {
    let mut cells = Vec::new();
    for dim in rows(&state.sliders, info) {
        for column in 0..state.sliders.steps as usize {
            let value = value(&state.sliders, column);
            cells.push(state.here.latent.with_number(info.latent as usize, dim, value));
        }
    }
    cells
}

impl Page for Sliders {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        if info.latent == 0 {
            return;
        }
        theme::toolbar(ui, |ui| bar(ui, &mut state.sliders, info, out));
        let dims = rows(&state.sliders, info);
        let wish =
            ImageBatch { model: info.model.clone(), latents: latents(state, info), truncation: state.here.truncation };
        self.feed.want(wish.clone(), cx);

        let steps = state.sliders.steps as usize;
        let room = ui.available_rect_before_wrap().shrink(size::M);
        let (label, gap, head) = (72.0, 2.0, 20.0);
        let side = ((room.width() - label) / steps as f32 - gap)
            .min((room.height() - head) / dims.len() as f32 - gap)
            .clamp(8.0, 160.0)
            .floor();
        let left = room.left() + label + ((room.width() - label - steps as f32 * (side + gap)) / 2.0).max(0.0);
        let top = room.top() + head;
        let t = theme::tokens(ui);
        let ctx = ui.ctx().clone();
        // Every so many columns, so that numbers have room; the middle one always.
        let stride = (38.0 / (side + gap)).ceil().max(1.0) as usize;
        for column in (0..steps).filter(|c| c.abs_diff(steps / 2).is_multiple_of(stride)) {
            let v = value(&state.sliders, column);
            let text = if v == 0.0 { "0".into() } else { format!("{v:+.1}").replace('-', "−") };
            let at = pos2(left + column as f32 * (side + gap) + side / 2.0, room.top() + 8.0);
            let font = egui::FontId::proportional(size::SMALL);
            ui.painter().text(at, egui::Align2::CENTER_CENTER, text, font, t.weak);
        }
        let base = state.here.latent.values(info.latent as usize);
        let styles = state.here.latent.place().space == Space::W;
        for (row, &dim) in dims.iter().enumerate() {
            let y = top + row as f32 * (side + gap);
            let place = Rect::from_min_size(pos2(left - label, y), vec2(label - 8.0, side));
            let kl = info.kl.get(dim).map(|kl| format!("\n{kl:.2} nats"));
            let letter = if styles { 'w' } else { 'z' };
            let text =
                RichText::new(format!("{letter}{dim}{}", kl.unwrap_or_default())).size(size::SMALL).color(t.weak);
            ui.put(place, egui::Label::new(text).halign(egui::Align::Max));
            // The column nearest to the present picture.
            let own = (0..steps)
                .min_by(|&a, &b| {
                    let far = |c| (value(&state.sliders, c) - base[dim]).abs();
                    far(a).total_cmp(&far(b))
                })
                .unwrap_or(0);
            for column in 0..steps {
                let i = row * steps + column;
                let rect = Rect::from_min_size(pos2(left + column as f32 * (side + gap), y), Vec2::splat(side));
                let tex = self.feed.tex(i, cx.textures, &ctx);
                let name = format!("Dimension {dim} at {:+.2}", value(&state.sliders, column));
                let look = Tile { tex: tex.as_ref(), name: &name, selected: column == own, focusable: false };
                let id = ui.make_persistent_id(("traverse", row, column));
                let response = tile(ui, id, rect, &look);
                let picture = self.feed.picture(i);
                drag_latent(&response, &info.model, &wish.latents[i], state.here.truncation, picture);
                if response.clicked() {
                    out.open = Some(wish.latents[i].clone());
                    out.label = Some("change a dimension");
                }
                response.on_hover_text_at_pointer(name);
            }
        }
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
    }

    fn export(&self, state: &ExploreState, info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.export = Some((latents(state, info), "grid", state.sliders.steps, Some("grid")));
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("One dimension moved".into())
    }

    fn expire(&mut self) {
        self.feed.expire();
    }
}

fn bar(ui: &mut Ui, state: &mut SlidersState, info: &ModelInfo, out: &mut PageActions) {
    let count = info.latent.max(1);
    state.rows = state.rows.clamp(1, count.min(32));
    state.first = state.first.min(count - state.rows);
    let shown = format!("Dimensions {}–{} of {count}", state.first + 1, state.first + state.rows);
    for (icon, name, by) in
        [(ICON_KEYBOARD_ARROW_UP, "Dimensions before", -1i64), (ICON_KEYBOARD_ARROW_DOWN, "Dimensions after", 1)]
    {
        let to = i64::from(state.first) + by * i64::from(state.rows);
        let to = to.clamp(0, i64::from(count - state.rows)) as u32;
        if ui.add_enabled_ui(to != state.first, |ui| theme::icon_button(ui, icon, name)).inner.clicked() {
            state.first = to;
            out.label = Some("look at other dimensions");
        }
    }
    theme::weak(ui, shown);
    let rows = DragValue::new(&mut state.rows).range(1..=count.min(32)).speed(0.05).suffix(" rows");
    if ui.add(rows).accessible_name("Rows").changed() {
        out.label = Some("change the rows");
    }
    let mut half = state.steps / 2;
    let steps =
        DragValue::new(&mut half).range(1..=10).speed(0.05).custom_formatter(|v, _| format!("{} steps", 2.0 * v + 1.0));
    if ui.add(steps).accessible_name("Steps").changed() {
        state.steps = 2 * half + 1;
        out.label = Some("change the steps");
    }
    let reach = DragValue::new(&mut state.reach).range(0.5..=6.0).speed(0.02).fixed_decimals(1).prefix("± ");
    if ui.add(reach).accessible_name("Reach").changed() {
        out.label = Some("change the reach");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_go_from_minus_to_plus_with_all_else_unchanged() {
        let mut info = crate::engine::fake::models().remove(0);
        info.latent = 4;
        info.kl = vec![0.1, 2.0, 0.5, 0.0];
        let mut state = ExploreState::default();
        state.here.latent = Latent::Point { values: vec![0.1, 0.2, 0.3, 0.4] };
        state.sliders = SlidersState { rows: 2, steps: 3, reach: 3.0, first: 0 };
        assert_eq!(order(&info), [1, 2, 0, 3]);
        let cells = latents(&state, &info);
        assert_eq!(cells.len(), 6);
        assert_eq!(cells[0], Latent::Point { values: vec![0.1, -3.0, 0.3, 0.4] });
        assert_eq!(cells[4], Latent::Point { values: vec![0.1, 0.2, 0.0, 0.4] });
        state.sliders.first = 100;
        assert_eq!(rows(&state.sliders, &info), [0, 3]);
    }
}
