//! A grid of pictures that stays quick at 100,000 entries: only visible rows are laid out, only their pictures asked for.
//!
//! ```ignore
//! struct Items<'a> { … }
//! impl GridSource for Items<'_> { … }
//! let shown = grid.show(ui, "Pictures", &mut Items { … }, |ui, keys| { if ui.button("Leave out").clicked() { … } });
//! if let Some(index) = shown.opened { … }
//! ```
//! Click, Ctrl, Shift and a rubber band select; arrows, Home, End and the page keys move; Enter opens, Space previews.

mod rows;
mod selection;

use std::borrow::Cow;
use std::ops::Range;

use egui::{
    Align2, Color32, CornerRadius, EventFilter, Id, Key, Modifiers, Pos2, Rect, Response, Role, Sense, Stroke,
    StrokeKind, TextStyle, Ui, Vec2, WidgetInfo, pos2, vec2,
};

use crate::ui::textures::{self, Tex};
use crate::ui::theme;
pub use rows::Rows;
pub use selection::Selection;

/// Gap between cells, in points.
const GAP: f32 = 4.0;

/// What a grid shows. `index` is a place in the present order (0 to `len`), a key names an entry for good.
pub trait GridSource {
    /// How many entries there are.
    fn len(&self) -> usize;

    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the selection remembers an entry by; survives filtering and sorting.
    fn key(&self, index: usize) -> u64;

    /// Name, shown on hover and read by screen readers.
    fn name(&self, index: usize) -> Cow<'_, str>;

    /// The small picture, or nothing while it is on its way.
    fn texture(&mut self, index: usize) -> Option<Tex>;

    /// Called once a frame with the visible entries that have no picture yet, in order. Ask for them (once).
    fn request(&mut self, missing: &[usize]);

    /// Width over height; only justified grids ask.
    fn aspect(&self, _index: usize) -> f32 {
        1.0
    }

    /// Marks drawn over the picture.
    fn mark(&self, _index: usize) -> Mark<'_> {
        Mark::default()
    }

    /// Called for each visible cell, for drag and drop (`response.dnd_set_drag_payload`) and the like.
    fn cell(&self, _index: usize, _response: &Response) {}

    /// Whether cells can be dragged away; a rubber band then begins only between cells.
    fn draggable(&self) -> bool {
        false
    }
}

/// What is drawn over a picture.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Mark<'a> {
    /// Faded, because it is left out.
    pub faded: bool,
    /// Short text or an icon in the upper right corner.
    pub corner: Cow<'a, str>,
    /// Short text in the lower left corner, such as stars.
    pub foot: Cow<'a, str>,
}

/// How cells are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Arrangement {
    /// Equal squares.
    #[default]
    Squares,
    /// Rows of equal height filled to the right edge, each picture at its own aspect.
    Justified,
}

/// A grid's own state: size of cells, selection, where the keyboard stands.
#[derive(Debug)]
pub struct PictureGrid {
    /// Side of a cell (squares) or height of a row (justified), in points.
    pub size: f32,
    /// How cells are arranged.
    pub arrangement: Arrangement,
    /// Selected entries, by key.
    pub selection: Selection,
    /// Change it when the order or the entries change while their number stays the same.
    pub revision: u64,
    cursor: Option<usize>,
    /// Key of the entry at the cursor: it stays with its entry when the order changes.
    cursor_key: Option<u64>,
    scroll_to: Option<usize>,
    rows: Rows,
    band: Option<Band>,
}

/// A rubber band: where it began (in the grid's own points) and what was selected before.
#[derive(Debug)]
struct Band {
    from: Pos2,
    before: Selection,
}

/// What a person did to a grid this frame. Places are in the present order.
#[derive(Debug, Default)]
pub struct GridResponse {
    /// Under the pointer.
    pub hovered: Option<usize>,
    /// Clicked, or reached by an arrow key.
    pub chosen: Option<usize>,
    /// Double-clicked, or Enter.
    pub opened: Option<usize>,
    /// Space.
    pub previewed: Option<usize>,
    /// The selection changed.
    pub changed: bool,
    /// Whether the grid has the keyboard; the view's own keys (Del, `.`) apply then.
    pub focused: bool,
    /// Entries on the screen.
    pub visible: Range<usize>,
}

impl Default for PictureGrid {
    fn default() -> Self {
        Self::new(96.0)
    }
}

impl PictureGrid {
    /// A grid of squares of this size.
    pub fn new(size: f32) -> Self {
        Self {
            size,
            arrangement: Arrangement::Squares,
            selection: Selection::default(),
            revision: 0,
            cursor: None,
            cursor_key: None,
            scroll_to: None,
            rows: Rows::default(),
            band: None,
        }
    }

    /// The same, with rows of pictures at their own aspect.
    #[must_use]
    pub fn justified(mut self) -> Self {
        self.arrangement = Arrangement::Justified;
        self
    }

    /// Where the keyboard stands.
    pub fn cursor(&self) -> Option<usize> {
        self.cursor
    }

    /// Moves there and scrolls it into view.
    pub fn go_to(&mut self, index: usize) {
        (self.cursor, self.cursor_key) = (Some(index), None);
        self.scroll_to = Some(index);
    }

    /// A slider for the size of cells, 32 to 256 points.
    pub fn size_slider(&mut self, ui: &mut Ui) -> Response {
        let anchor = self.rows.first_visible();
        let response = ui
            .add(egui::Slider::new(&mut self.size, 32.0..=256.0).logarithmic(true).show_value(false))
            .accessible_name("Size of pictures")
            .on_hover_text("Size of pictures");
        if response.changed() {
            self.scroll_to = anchor;
        }
        response
    }

    /// Draws the grid in what room there is. `menu` fills the context menu for the selected keys.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        name: &str,
        source: &mut impl GridSource,
        menu: impl FnOnce(&mut Ui, &[u64]),
    ) -> GridResponse {
        let mut out = GridResponse::default();
        self.follow(source);
        let mut area = egui::ScrollArea::vertical().id_salt(name).auto_shrink([false, false]);
        if let Some(target) = self.scroll_to.take() {
            self.lay_out(ui.available_width(), source);
            area = area.vertical_scroll_offset(self.rows.offset_showing(target, ui.available_height()));
        }
        area.show_viewport(ui, |ui, viewport| {
            self.lay_out(ui.available_width(), source);
            let full = Rect::from_min_size(ui.max_rect().min, vec2(ui.available_width(), self.rows.height()));
            ui.expand_to_include_rect(full);
            let id = ui.make_persistent_id((name, "grid"));
            // The ground takes clicks between cells, rubber bands and the keyboard; it is one stop for Tab.
            let room = full.union(ui.clip_rect().intersect(ui.max_rect()));
            let ground = ui.interact(room, id, Sense::click_and_drag());
            ground.widget_info(|| WidgetInfo::labeled(Role::ListBox, true, name));
            ui.memory_mut(|m| {
                let filter = EventFilter { tab: false, horizontal_arrows: true, vertical_arrows: true, escape: true };
                m.set_focus_lock_filter(id, filter);
            });
            self.rows.see(viewport.min.y, viewport.max.y);
            out.visible = self.rows.visible();
            out.focused = ground.has_focus();

            let mut missing = Vec::new();
            let mut menu_response = None;
            for index in out.visible.clone() {
                let rect = self.rows.cell(index).translate(full.min.to_vec2());
                let response = self.cell(ui, id, source, index, rect, out.focused, &mut missing);
                if response.hovered() {
                    out.hovered = Some(index);
                }
                if response.clicked() || response.secondary_clicked() {
                    let modifiers = ui.input(|i| i.modifiers);
                    let keep = response.secondary_clicked() && self.selection.contains(source.key(index));
                    if !keep {
                        self.choose(index, modifiers, source);
                        out.changed = true;
                    }
                    self.cursor = Some(index);
                    out.chosen = Some(index);
                    ground.request_focus();
                }
                if response.double_clicked() {
                    out.opened = Some(index);
                }
                // A context menu lives on its cell's response; there is one at most.
                if response.secondary_clicked() || response.context_menu_opened() {
                    menu_response = Some(response);
                }
            }
            if !missing.is_empty() {
                source.request(&missing);
            }
            if let Some(response) = menu_response {
                let keys: Vec<u64> = self.selection.iter().collect();
                response.context_menu(|ui| menu(ui, &keys));
            }
            if ground.clicked() {
                ground.request_focus();
                if !ui.input(|i| i.modifiers.command || i.modifiers.shift) {
                    out.changed |= self.selection.clear();
                }
            }
            out.changed |= self.rubber_band(ui, &ground, full.min, source);
            if out.focused && ui.memory(|m| m.allows_interaction(ui.layer_id())) {
                self.keys(ui, source, viewport.height(), &mut out);
                focus_ring(ui);
            }
        });
        self.cursor_key = self.cursor.filter(|&c| c < source.len()).map(|c| source.key(c));
        out
    }

    /// Has the cursor stay with its entry when others come, go or change places.
    fn follow(&mut self, source: &impl GridSource) {
        let Some(at) = self.cursor else { return };
        let count = source.len();
        match self.cursor_key {
            Some(key) if at >= count || source.key(at) != key => {
                self.cursor = (0..count).find(|&i| source.key(i) == key);
            }
            _ => self.cursor = Some(at).filter(|&c| c < count),
        }
    }

    fn lay_out(&mut self, width: f32, source: &impl GridSource) {
        let aspect = |i| source.aspect(i);
        self.rows.update(source.len(), width, self.size, self.arrangement, self.revision, aspect);
    }

    #[allow(clippy::too_many_arguments)]
    fn cell(
        &self,
        ui: &Ui,
        id: Id,
        source: &mut impl GridSource,
        index: usize,
        rect: Rect,
        focused: bool,
        missing: &mut Vec<usize>,
    ) -> Response {
        let key = source.key(index);
        let selected = self.selection.contains(key);
        // Not a stop for Tab: the grid as a whole is.
        let sense = if source.draggable() { Sense::CLICK | Sense::DRAG } else { Sense::CLICK };
        let response = ui.interact(rect, id.with(key), sense);
        response.widget_info(|| WidgetInfo::selected(Role::ListBoxOption, true, selected, source.name(index)));
        source.cell(index, &response);

        let t = theme::tokens(ui);
        let painter = ui.painter();
        let mark = source.mark(index).clone_owned();
        let tint = if mark.faded { Color32::WHITE.gamma_multiply(0.25) } else { Color32::WHITE };
        match source.texture(index) {
            Some(tex) => {
                let fitted = fit(tex.size, rect, self.arrangement);
                if tex.transparent {
                    textures::backing(painter, fitted, t);
                }
                painter.image(tex.id(), fitted, Rect::from_min_max(Pos2::ZERO, pos2(1.0, 1.0)), tint);
            }
            None => {
                missing.push(index);
                painter.rect_filled(rect, CornerRadius::same(2), t.raised);
            }
        }
        if selected {
            painter.rect_stroke(rect, CornerRadius::same(2), Stroke::new(2.0, t.accent), StrokeKind::Outside);
        } else if response.hovered() {
            painter.rect_stroke(rect, CornerRadius::same(2), Stroke::new(1.0, t.weak), StrokeKind::Outside);
        }
        if focused && self.cursor == Some(index) {
            painter.rect_stroke(rect.shrink(2.0), 2.0, Stroke::new(1.0, t.accent), StrokeKind::Inside);
        }
        for (text, align) in [(&mark.corner, Align2::RIGHT_TOP), (&mark.foot, Align2::LEFT_BOTTOM)] {
            if !text.is_empty() {
                badge(ui, rect, align, text);
            }
        }
        if response.hovered() { response.on_hover_text_at_pointer(source.name(index).into_owned()) } else { response }
    }

    fn choose(&mut self, index: usize, modifiers: Modifiers, source: &impl GridSource) {
        let key = source.key(index);
        if modifiers.shift {
            let from = self.selection.anchor().and_then(|a| self.place_of(a, source)).unwrap_or(index);
            let range = from.min(index)..=from.max(index);
            self.selection.extend_to(range.map(|i| source.key(i)), modifiers.command);
        } else if modifiers.command {
            self.selection.toggle(key);
        } else {
            self.selection.only(key);
        }
    }

    /// The place of a key: near the cursor first, as that is where it nearly always is.
    fn place_of(&self, key: u64, source: &impl GridSource) -> Option<usize> {
        if let Some(c) = self.cursor
            && c < source.len()
            && source.key(c) == key
        {
            return Some(c);
        }
        (0..source.len()).find(|&i| source.key(i) == key)
    }

    fn rubber_band(&mut self, ui: &Ui, ground: &Response, origin: Pos2, source: &impl GridSource) -> bool {
        let pointer = ui.input(|i| i.pointer.latest_pos());
        let Some(pointer) = pointer.map(|p| p - origin.to_vec2()) else { return false };
        if ground.drag_started() {
            let from = ui.input(|i| i.pointer.press_origin()).map_or(pointer, |p| p - origin.to_vec2());
            let before = if ui.input(|i| i.modifiers.command) { self.selection.clone() } else { Selection::default() };
            self.band = Some(Band { from, before });
            ground.request_focus();
        }
        let Some(band) = &self.band else { return false };
        let frame = Rect::from_two_pos(band.from, pointer);
        let mut selection = band.before.clone();
        selection.add(self.rows.inside(frame).map(|i| source.key(i)));
        let changed = selection != self.selection;
        self.selection = selection;
        if ground.dragged() {
            let accent = theme::tokens(ui).accent;
            let drawn = frame.translate(origin.to_vec2());
            ui.painter().rect_filled(drawn, 0.0, accent.gamma_multiply(0.12));
            ui.painter().rect_stroke(drawn, 0.0, Stroke::new(1.0, accent), StrokeKind::Inside);
            // Towards an edge the grid scrolls along.
            let clip = ui.clip_rect();
            let y = pointer.y + origin.y;
            let over = (y - clip.bottom() + 16.0).max(0.0) - (clip.top() + 16.0 - y).max(0.0);
            if over != 0.0 {
                ui.scroll_with_delta(vec2(0.0, -over.clamp(-24.0, 24.0)));
                ui.ctx().request_repaint();
            }
        } else {
            self.band = None;
        }
        changed
    }

    fn keys(&mut self, ui: &Ui, source: &impl GridSource, page: f32, out: &mut GridResponse) {
        let count = source.len();
        if count == 0 {
            return;
        }
        let pressed = |key| ui.input(|i| i.key_pressed(key));
        let here = self.cursor.unwrap_or(0);
        let to = if pressed(Key::ArrowRight) {
            Some(here + usize::from(self.cursor.is_some()))
        } else if pressed(Key::ArrowLeft) {
            Some(here.saturating_sub(1))
        } else if pressed(Key::ArrowDown) {
            Some(self.rows.below(here, 1))
        } else if pressed(Key::ArrowUp) {
            Some(self.rows.below(here, -1))
        } else if pressed(Key::PageDown) {
            Some(self.rows.below(here, self.rows.per_page(page)))
        } else if pressed(Key::PageUp) {
            Some(self.rows.below(here, -self.rows.per_page(page)))
        } else if pressed(Key::Home) {
            Some(0)
        } else if pressed(Key::End) {
            Some(count - 1)
        } else {
            None
        };
        if let Some(to) = to.map(|t| t.min(count - 1)) {
            let modifiers = ui.input(|i| i.modifiers);
            if modifiers.shift || !modifiers.command {
                self.choose(to, Modifiers { command: false, ..modifiers }, source);
            }
            self.cursor = Some(to);
            if !self.rows.fully_visible(to) {
                self.scroll_to = Some(to);
            }
            out.chosen = Some(to);
            out.changed = true;
            ui.ctx().request_repaint();
        }
        if ui.input(|i| i.modifiers.command && i.key_pressed(Key::A)) {
            self.selection.add((0..count).map(|i| source.key(i)));
            out.changed = true;
        }
        if pressed(Key::Escape) {
            out.changed |= self.selection.clear();
        }
        if pressed(Key::Enter) && !ui.input(|i| i.modifiers.command) {
            out.opened = self.cursor;
        }
        if pressed(Key::Space) {
            out.previewed = self.cursor;
        }
    }
}

impl Mark<'_> {
    fn clone_owned(&self) -> Mark<'static> {
        Mark { faded: self.faded, corner: Cow::Owned(self.corner.to_string()), foot: Cow::Owned(self.foot.to_string()) }
    }
}

fn fit(size: Vec2, rect: Rect, arrangement: Arrangement) -> Rect {
    if arrangement == Arrangement::Justified || size.x <= 0.0 || size.y <= 0.0 {
        return rect;
    }
    let scale = (rect.width() / size.x).min(rect.height() / size.y);
    Rect::from_center_size(rect.center(), size * scale)
}

fn badge(ui: &Ui, rect: Rect, align: Align2, text: &str) {
    let t = theme::tokens(ui);
    let font = TextStyle::Small.resolve(ui.style());
    let mut job = egui::text::LayoutJob::simple_singleline(text.to_owned(), font, t.text);
    // What is too long for its picture ends in dots; its inspector says all of it.
    job.wrap = egui::text::TextWrapping::truncate_at_width((rect.width() - 12.0).max(8.0));
    let galley = ui.fonts_mut(|fonts| fonts.layout_job(job));
    let size = galley.size() + vec2(6.0, 2.0);
    let place = align.align_size_within_rect(size, rect.shrink(3.0));
    ui.painter().rect_filled(place, f32::from(theme::size::RADIUS), t.canvas.gamma_multiply(0.8));
    ui.painter().galley(place.min + vec2(3.0, 1.0), galley, t.text);
}

fn focus_ring(ui: &Ui) {
    let stroke = Stroke::new(1.0, theme::tokens(ui).accent);
    ui.painter().rect_stroke(ui.clip_rect().shrink(1.0), 2.0, stroke, StrokeKind::Inside);
}

#[cfg(test)]
mod tests;
