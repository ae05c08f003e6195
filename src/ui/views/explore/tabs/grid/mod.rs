//! The interpolation grid: anchors on a line, in a triangle, in four corners or on a sheet, and everything between them,
//! live.

mod frame;
pub mod state;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use egui::{ComboBox, DragValue, EventFilter, Key, Role, Sense, Ui, WidgetInfo, pos2, vec2};
use egui_material_icons::icons::{ICON_CASINO, ICON_CLOSE};
use strum::IntoEnumIterator;

use self::state::GridState;
use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::latent::interpolation_grid::{self, Laid, Layout};
use crate::latent::latent_math::Dims;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, Space};
use crate::ui::textures;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::choices::{measure_choice, mode_choice};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageActions, PageCx, Picked};
use crate::ui::views::explore::picture_slots::{self, PictureSlots, begin_at};
use crate::ui::views::explore::viewpoint::{Viewpoint, random_seed};
use crate::ui::widgets::latent_slot::{Anchor, Tile, anchor_field, anchor_slot, drag_latent, tile};
use frame::Frame;

/// Names of the corners, as they lie.
const CORNERS: [&str; 4] = ["Top left corner", "Top right corner", "Bottom left corner", "Bottom right corner"];
/// Purpose of the dialog that chooses a picture for an anchor.
pub const PICK: &str = "anchor of the grid";
/// Seconds that an answer of the engine is waited for before the next question replaces it.
const PATIENCE: f64 = 0.3;

/// What the engine is asked to lay out: model, anchors and truncation.
type Asked = (ModelRef, interpolation_grid::GridConfig, f32);

/// The tab's own state.
#[derive(Default)]
pub struct Grid {
    feed: ImageRequests,
    /// The cell that the arrow keys are at.
    cursor: usize,
    /// Pictures put on anchors.
    places: PictureSlots,
    /// The anchor that a dialog was opened for.
    picking: usize,
    session: Option<u64>,
    /// What the page began with.
    begun: Vec<Anchor>,
    /// What the engine is at: its ticket, and since when.
    asked: Option<(u64, f64, Asked)>,
    /// What was laid out last; nothing of it if it could not be.
    laid: Option<(Asked, Option<Arc<Laid>>)>,
}

/// What is to be laid out; anchors are of the class of the present picture, unless they have their own.
pub fn wish(state: &GridState, here: &Viewpoint, dims: &Dims) -> interpolation_grid::GridConfig {
    let (columns, rows) = state.cells();
    interpolation_grid::GridConfig {
        anchors: state.used().iter().map(|a| here.classed(&a.latent(dims.z))).collect(),
        layout: state.layout,
        across: state.across as usize,
        columns,
        rows,
        mode: state.mode,
        styles: state.styles && dims.layers > 0,
        even: state.even.then_some(state.by),
    }
}

/// Whether only the engine can lay it out.
fn needs_engine(wish: &interpolation_grid::GridConfig) -> bool {
    wish.even.is_some() || wish.styles || wish.anchors.iter().any(|a| a.place().space == Space::W)
}

impl Page for Grid {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        let dims = Dims::of(info);
        theme::toolbar(ui, |ui| {
            bar(ui, &mut state.grid, out);
            self.ways(ui, cx, &mut state.grid, &dims, out);
        });
        let want = (info.model.clone(), wish(&state.grid, &state.here, &dims), state.here.truncation);
        self.ask(&want, ui, cx);
        let Some(laid) = self.standing(&want, &dims) else {
            theme::skeleton(ui, ui.available_size());
            return;
        };
        if !needs_engine(&want.1) {
            // Worked out once, not in every frame.
            self.laid = Some((want, Some(laid.clone())));
        }
        let wish =
            ImageBatch { model: info.model.clone(), latents: laid.cells.clone(), truncation: state.here.truncation };
        self.feed.want(wish, cx);
        self.cells(ui, cx, info, state, &laid, out);
    }

    fn on_event(&mut self, event: &Event, state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        if let Some((corner, latent)) = self.places.encoded(event) {
            state.undo_point("put a picture in a corner", cx);
            if let Some(anchor) = state.grid.anchors.get_mut(corner) {
                *anchor = latent.into();
            }
        }
        if let Event::Latent(LatentEvent::LaidOut { ticket, laid, .. }) = event
            && let Some((_, _, of)) = self.asked.take_if(|a| a.0 == *ticket)
        {
            self.laid = Some((of, laid.as_deref().cloned().map(Arc::new)));
        }
    }

    fn on_drop(&mut self, paths: &[PathBuf], info: &ModelInfo, _state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        self.places.dropped(paths, info, cx)
    }

    fn picked(&mut self, picked: &Picked<'_>, _state: &mut ExploreState, cx: &mut Cx<'_>) -> bool {
        if picked.purpose != PICK {
            return false;
        }
        self.places.encode(self.picking, picked.first(), picked.info, cx);
        true
    }

    fn begin(&mut self, state: &mut ExploreState, _info: &ModelInfo) {
        let grid = &mut state.grid;
        if begin_at(&mut self.begun, &mut grid.anchors, &GridState::default().anchors, &state.here.latent) {
            grid.fill();
        }
    }

    fn take(&mut self, slot: usize, latent: &Latent, state: &mut ExploreState) {
        if let Some(anchor) = state.grid.anchors.get_mut(slot) {
            *anchor = latent.clone().into();
        }
    }

    fn export(&self, state: &ExploreState, info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.export = Some((self.cells_of(state, info), "grid", state.grid.sheet_columns(), Some("grid")));
    }

    fn expire(&mut self) {
        self.feed.expire();
        (self.asked, self.laid) = (None, None);
    }
}

impl Grid {
    /// The cells on the screen, row by row.
    pub fn cells_of(&self, state: &ExploreState, info: &ModelInfo) -> Vec<Latent> {
        let dims = Dims::of(info);
        let want = (info.model.clone(), wish(&state.grid, &state.here, &dims), state.here.truncation);
        self.standing(&want, &dims).map_or(Vec::new(), |l| l.cells.clone())
    }

    /// What can be shown now: what is wanted, what was laid out before in the same shape, or what needs no engine.
    fn standing(&self, want: &Asked, dims: &Dims) -> Option<Arc<Laid>> {
        let shape = |w: &interpolation_grid::GridConfig| (w.layout, w.columns, w.rows, w.across, w.anchors.len());
        let fits = |of: &Asked| of == want || needs_engine(&want.1) && of.0 == want.0 && shape(&of.1) == shape(&want.1);
        let last = self.laid.as_ref().filter(|(of, _)| fits(of)).and_then(|(_, laid)| laid.clone());
        last.or_else(|| want.1.plain(dims).ok().map(Arc::new))
    }

    /// Has the engine lay out what only it can; the newest wish replaces what it is at.
    fn ask(&mut self, want: &Asked, ui: &Ui, cx: &mut Cx<'_>) {
        if !needs_engine(&want.1) {
            if let (Some(_), Some(session)) = (self.asked.take(), self.session) {
                cx.send(Command::Latent(LatentCommand::StopDrag { session }));
            }
            return;
        }
        let done = self.laid.as_ref().is_some_and(|(of, _)| of == want);
        if done || self.asked.as_ref().is_some_and(|(_, _, of)| of == want) {
            return;
        }
        if self.asked.as_ref().is_some_and(|(_, since, _)| cx.time - since < PATIENCE) {
            ui.ctx().request_repaint_after_secs(PATIENCE as f32);
            return;
        }
        let session = *self.session.get_or_insert_with(|| cx.ids.next());
        let ticket = cx.ids.next();
        let (model, wish, truncation) = want.clone();
        cx.send(Command::Latent(LatentCommand::LayOut { session, ticket, model, wish, truncation }));
        self.asked = Some((ticket, cx.time, want.clone()));
    }

    /// How to get from anchor to anchor, and what goes on.
    fn ways(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, state: &mut GridState, dims: &Dims, out: &mut PageActions) {
        mode_choice(ui, &mut state.mode, out);
        if dims.layers > 0 {
            let options = [(false, "z"), (true, "W")];
            if theme::segmented(ui, "Through", &mut state.styles, &options) {
                out.label = Some("change how it interpolates");
            }
        }
        let help = "PictureSlots cells so that every step changes as much to the eye; without it steps are equal in numbers, \
                    and pictures rest here and jump there";
        let even = ui.checkbox(&mut state.even, "Even steps").on_hover_text(help);
        if even.changed() {
            out.label = Some("even the steps");
        }
        if state.even && measure_choice(ui, "Even by", &mut state.by) {
            out.label = Some("even the steps by something else");
        }
        self.state(ui, cx, state, out);
    }

    /// What goes on: pictures looked for, steps evened, and how even they are.
    fn state(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, state: &mut GridState, out: &mut PageActions) {
        if self.places.busy(ui, cx) {
            return;
        }
        if self.asked.is_some() && state.even {
            theme::progress(ui, None, 80.0, "Evening the steps");
            if theme::icon_button(ui, ICON_CLOSE, "Leave steps as they are").clicked() {
                state.even = false;
                out.label = Some("even the steps");
            }
        } else if let Some(spread) = self.laid.as_ref().and_then(|l| l.1.as_ref()?.spread).filter(|_| state.even)
            && ui.available_width() > 130.0
        {
            let help = "Standard deviation of what changes from cell to cell, over its mean";
            theme::weak(ui, format!("Steps differ by {:.0} %", spread * 100.0)).on_hover_text(help);
        }
    }

    fn cells(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        laid: &Laid,
        out: &mut PageActions,
    ) {
        let layout = state.grid.layout;
        let (columns, rows) = state.grid.cells();
        let frame = Frame::of(layout, columns, rows, ui.available_rect_before_wrap().shrink(size::M));

        // The ground is one stop for Tab; arrows move on it and open the cell they lead to.
        let id = ui.make_persistent_id("lattice");
        let ground = ui.interact(frame.whole, id, Sense::click());
        ground.widget_info(|| WidgetInfo::labeled(Role::Grid, true, "Interpolation grid"));
        ui.memory_mut(|m| {
            let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
            m.set_focus_lock_filter(id, filter);
        });
        if ground.has_focus() {
            self.arrows(ui, &frame, laid, out);
        }

        let ctx = ui.ctx().clone();
        self.places.begin();
        for (i, latent) in laid.cells.iter().enumerate().filter(|(i, _)| laid.anchors.iter().all(|a| a.1 != *i)) {
            let tex = self.feed.tex(i, cx.textures, &ctx);
            let (row, column) = frame.spot(i);
            let name = format!("Row {}, column {}", row + 1, column + 1);
            let selected = *latent == state.here.latent;
            let look = Tile { tex: tex.as_ref(), name: &name, selected, focusable: false };
            let response = tile(ui, id.with(i), frame.cell(i), &look);
            drag_latent(&response, &info.model, latent, state.here.truncation, self.feed.picture(i));
            if response.clicked() {
                out.open = Some(latent.clone());
                self.cursor = i;
                ground.request_focus();
            }
        }
        for &(anchor, cell) in &laid.anchors {
            self.anchor(ui, cx, info, state, (anchor, cell), &frame, &laid.cells[cell], out);
        }
        for &(anchor, cell) in &laid.anchors {
            let Some((place, right)) = frame.field(layout, anchor, cell, laid) else { continue };
            let align = egui::Align::Center;
            let layout = if right { egui::Layout::right_to_left(align) } else { egui::Layout::left_to_right(align) };
            let mut child =
                ui.new_child(egui::UiBuilder::new().max_rect(place).layout(layout).id_salt(("anchor", anchor)));
            if anchor_field(&mut child, &mut state.grid.anchors[anchor], &name_of(state.grid.layout, anchor)) {
                out.label = Some(moved(state.grid.layout));
            }
        }
        if ground.has_focus() {
            textures::focus_ring(ui, &ground);
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn anchor(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        (anchor, cell): (usize, usize),
        frame: &Frame,
        latent: &Latent,
        out: &mut PageActions,
    ) {
        let (ctx, layout, rect) = (ui.ctx().clone(), state.grid.layout, frame.cell(cell));
        let tex = self.feed.tex(cell, cx.textures, &ctx);
        let selected = *latent == state.here.latent;
        let name = name_of(layout, anchor);
        let look = Tile { tex: tex.as_ref(), name: &name, selected, focusable: true };
        let id = ui.make_persistent_id(("lattice anchor", anchor));
        let slot = anchor_slot(ui, id, rect, &look, &mut state.grid.anchors[anchor], cx.studio, Some(info));
        // A small mark says: this one can be moved.
        let corners = layout == Layout::Corners;
        let (right, below) = (corners && anchor % 2 == 1, corners && anchor >= 2);
        let arm = (rect.width() / 6.0).clamp(3.0, 6.0);
        let (dx, dy) = (if right { -arm } else { arm }, if below { -arm } else { arm });
        let from = pos2(if right { rect.right() } else { rect.left() }, if below { rect.bottom() } else { rect.top() });
        let mark = vec![from + vec2(dx, dy), from + vec2(dx * 3.0, dy), from + vec2(dx, dy * 3.0)];
        let accent = theme::tokens(ui).accent;
        ui.painter().add(egui::Shape::convex_polygon(mark, accent, egui::Stroke::NONE));
        if slot.changed {
            out.label = Some(moved(layout));
        }
        out.foreign |= slot.foreign;
        if slot.response.clicked() {
            out.open = Some(latent.clone());
            self.cursor = cell;
        }
        if let Some(path) = slot.file {
            self.places.encode(anchor, &path, info, cx);
        }
        self.places.show(ui, cx, anchor, &slot.response, info);
        slot.response.on_hover_text(picture_slots::HINT).context_menu(|ui| {
            ui.horizontal(|ui| {
                theme::weak(ui, "Anchor");
                if anchor_field(ui, &mut state.grid.anchors[anchor], "Seed of this anchor") {
                    out.label = Some(moved(layout));
                }
            });
            if ui.button("Take this picture").clicked() {
                state.grid.anchors[anchor] = state.here.latent.clone().into();
                out.label = Some(moved(layout));
            }
            if ui.button("Random seed").clicked() {
                state.grid.anchors[anchor] = random_seed().into();
                out.label = Some(moved(layout));
            }
            self.picking = anchor;
            PictureSlots::menu(ui, cx, PICK);
            if layout == Layout::Line && state.grid.along > 2 && ui.button("Remove this anchor").clicked() {
                state.grid.anchors.remove(anchor);
                state.grid.along -= 1;
                out.label = Some("remove an anchor");
                ui.close();
            }
        });
    }

    fn arrows(&mut self, ui: &Ui, frame: &Frame, laid: &Laid, out: &mut PageActions) {
        let pressed = |key| i32::from(ui.input(|i| i.key_pressed(key)));
        let dx = pressed(Key::ArrowRight) - pressed(Key::ArrowLeft);
        let dy = pressed(Key::ArrowDown) - pressed(Key::ArrowUp);
        let next = frame.step(self.cursor, dx, dy);
        if next != self.cursor || pressed(Key::Enter) > 0 {
            self.cursor = next;
            out.open = laid.cells.get(next).cloned();
        }
    }
}

/// What an anchor is called.
fn name_of(layout: Layout, anchor: usize) -> String {
    match CORNERS.get(anchor).filter(|_| layout == Layout::Corners) {
        Some(corner) => (*corner).to_string(),
        None => format!("Anchor {}", anchor + 1),
    }
}

/// What Undo calls a change of an anchor.
fn moved(layout: Layout) -> &'static str {
    if layout == Layout::Corners { "move a corner" } else { "move an anchor" }
}

fn bar(ui: &mut Ui, state: &mut GridState, out: &mut PageActions) {
    let new = if state.layout == Layout::Corners { "New corners" } else { "New anchors" };
    if theme::primary_button(ui, Some(ICON_CASINO), new).clicked() {
        let used = state.needs();
        state.anchors.iter_mut().take(used).for_each(|a| *a = random_seed().into());
        out.label = Some("roll new anchors");
    }
    let before = state.layout;
    let combo = ComboBox::from_id_salt("layout").selected_text(state.layout.title()).width(76.0).show_ui(ui, |ui| {
        for layout in Layout::iter() {
            ui.selectable_value(&mut state.layout, layout, layout.title()).on_hover_text(help(layout));
        }
    });
    combo.response.accessible_name("Layout").on_hover_text(help(before));
    if state.layout != before {
        state.fill();
        out.label = Some("lay anchors out differently");
    }
    let mut field = |ui: &mut Ui, value: &mut u32, (least, most): (u32, u32), suffix: &str, name: &str| {
        let drag = DragValue::new(value).range(least..=most).speed(0.05).suffix(suffix);
        let changed = ui.add(drag).accessible_name(name).on_hover_text(name).changed();
        if changed {
            out.label = Some("change the size of the grid");
        }
        changed
    };
    let mut size = state.clone();
    let (longest, finest) = (state.longest(), state.finest());
    let changed = match state.layout {
        Layout::Line => {
            field(ui, &mut size.along, (2, GridState::ALONG), " anchors", "Anchors along the line")
                | field(ui, &mut size.stride, (1, longest), " steps", "Steps from anchor to anchor")
        }
        Layout::Triangle => field(ui, &mut size.rows, (2, 16), " a side", "Cells along a side"),
        Layout::Corners => {
            field(ui, &mut size.columns, (2, 16), " across", "Cells across")
                | field(ui, &mut size.rows, (1, 16), " down", "Cells down")
        }
        Layout::Sheet => {
            field(ui, &mut size.across, (1, GridState::SIDE), " across", "Anchors across")
                | field(ui, &mut size.down, (1, GridState::SIDE), " down", "Anchors down")
                | field(ui, &mut size.steps, (1, finest), " steps", "Steps from anchor to anchor")
        }
    };
    if changed {
        state.resize(&size);
    }
}

fn help(layout: Layout) -> &'static str {
    match layout {
        Layout::Line => "Two anchors or more, one after the other",
        Layout::Triangle => "Three anchors; every cell is a mixture of them",
        Layout::Corners => "Four anchors in the corners",
        Layout::Sheet => "Any number of anchors in rows and columns; right-click one for its seed",
    }
}
