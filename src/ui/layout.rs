//! Docked panes: each shows one view, no view twice. One large view unless a person splits it.

use std::collections::HashSet;

use egui::{Button, Id, Margin, Rect, RichText, Role, Sense, Stroke, Ui, WidgetInfo, WidgetText};
use egui_material_icons::icons::ICON_CLOSE;
use egui_tiles::{Behavior, Container, LinearDir, SimplificationOptions, Tile, TileId, Tiles, Tree, UiResponse};

use super::theme::{self, size};
use super::views::ViewId;

/// The panes and which one keys and menus mean.
pub struct Layout {
    tree: Tree<ViewId>,
    active: ViewId,
    /// Views in the order they were last active, the latest first.
    recent: Vec<ViewId>,
}

/// Which way to split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Side by side.
    Right,
    /// One above the other.
    Down,
}

fn one_pane(view: ViewId) -> Tree<ViewId> {
    let mut tiles = Tiles::default();
    let root = tiles.insert_pane(view);
    Tree::new(Id::unique("panes"), root, tiles)
}

impl Layout {
    /// One large view.
    pub fn single(view: ViewId) -> Self {
        Self { tree: one_pane(view), active: view, recent: vec![view] }
    }

    /// The layout that was kept, if it makes sense.
    pub fn restored(kept: &serde_json::Value, active: ViewId) -> Self {
        let mut layout = Self::single(active);
        if let Ok(tree) = serde_json::from_value::<Tree<ViewId>>(kept.clone())
            && is_sound(&tree)
        {
            layout.tree = tree;
            if !layout.views().contains(&active) {
                layout.active = layout.views().first().copied().unwrap_or(active);
            }
        }
        layout
    }

    /// What is kept.
    pub fn kept(&self) -> serde_json::Value {
        serde_json::to_value(&self.tree).unwrap_or_default()
    }

    /// The view that keys and menus mean.
    pub fn active(&self) -> ViewId {
        self.active
    }

    /// All views in panes, hidden tabs included.
    pub fn views(&self) -> Vec<ViewId> {
        let mut found: Vec<(TileId, ViewId)> = self
            .tree
            .tiles
            .iter()
            .filter_map(|(id, tile)| if let Tile::Pane(view) = tile { Some((*id, *view)) } else { None })
            .collect();
        found.sort_unstable_by_key(|(id, _)| id.0);
        found.into_iter().map(|(_, v)| v).collect()
    }

    /// Views that are on the screen.
    pub fn visible(&self) -> Vec<ViewId> {
        let tiles = &self.tree.tiles;
        self.tree.active_tiles().into_iter().filter_map(|id| tiles.get_pane(&id).copied()).collect()
    }

    /// How many panes stand side by side.
    pub fn columns(&self) -> usize {
        self.tree.root.map_or(1, |root| self.columns_of(root)).max(1)
    }

    fn columns_of(&self, id: TileId) -> usize {
        match self.tree.tiles.get(id) {
            Some(Tile::Container(Container::Linear(linear))) if linear.dir == LinearDir::Horizontal => {
                linear.children.iter().map(|child| self.columns_of(*child)).sum()
            }
            Some(Tile::Container(Container::Tabs(tabs))) => tabs.active.map_or(1, |child| self.columns_of(child)),
            Some(Tile::Container(container)) => {
                container.children().map(|child| self.columns_of(*child)).max().unwrap_or(1)
            }
            _ => 1,
        }
    }

    /// Makes a view active and visible, in the active pane if it has none of its own.
    pub fn show(&mut self, view: ViewId) {
        if self.views().contains(&view) {
            self.tree.make_active(|_, tile| *tile == Tile::Pane(view));
        } else if let Some(tile) = self.tree.tiles.find_pane(&self.active).and_then(|id| self.tree.tiles.get_mut(id)) {
            *tile = Tile::Pane(view);
        } else {
            self.tree = one_pane(view);
        }
        self.set_active(view);
    }

    fn set_active(&mut self, view: ViewId) {
        self.active = view;
        self.recent.retain(|v| *v != view);
        self.recent.insert(0, view);
    }

    /// Shows `view`, or the one used last, in a new pane beside the active one.
    pub fn split(&mut self, split: Split, view: Option<ViewId>) {
        let shown = self.views();
        let rest = [ViewId::Train, ViewId::Explore, ViewId::Gallery, ViewId::Log, ViewId::Home];
        let mut others = self.recent.iter().chain(&rest).copied().filter(|v| !shown.contains(v));
        let Some(new) = view.or_else(|| others.next()) else { return };
        if shown.contains(&new) {
            return self.show(new);
        }
        let Some(here) = self.tree.tiles.find_pane(&self.active) else { return self.show(new) };
        let old = self.tree.tiles.insert_pane(self.active);
        let added = self.tree.tiles.insert_pane(new);
        let dir = if split == Split::Right { LinearDir::Horizontal } else { LinearDir::Vertical };
        if let Some(tile) = self.tree.tiles.get_mut(here) {
            // The place of the active pane becomes a container of both.
            *tile = Tile::Container(Container::Linear(egui_tiles::Linear::new(dir, vec![old, added])));
        }
        self.set_active(new);
    }

    /// Closes the active pane unless it is the last one.
    pub fn close_active(&mut self) {
        self.close(self.active);
    }

    fn close(&mut self, view: ViewId) {
        if self.views().len() < 2 {
            return;
        }
        if let Some(id) = self.tree.tiles.find_pane(&view) {
            self.tree.remove_recursively(id);
        }
        self.recent.retain(|v| *v != view);
        let left = self.views();
        let next = self.recent.iter().copied().find(|v| left.contains(v)).or(left.first().copied());
        if let Some(next) = next
            && self.active == view
        {
            self.set_active(next);
        }
    }

    /// Goes to the next pane on the screen.
    pub fn next_pane(&mut self) {
        let mut visible = self.visible();
        visible.sort_unstable();
        let here = visible.iter().position(|v| *v == self.active).unwrap_or(0);
        if let Some(next) = visible.get((here + 1) % visible.len().max(1)).copied() {
            self.set_active(next);
        }
    }

    /// One large view again.
    pub fn reset(&mut self) {
        self.tree = one_pane(self.active);
    }

    /// Draws all panes; `draw` draws one view into its pane.
    pub fn ui(&mut self, ui: &mut Ui, draw: &mut dyn FnMut(&mut Ui, ViewId)) {
        let tabbed: HashSet<TileId> = self
            .tree
            .tiles
            .tiles()
            .filter_map(
                |tile| if let Tile::Container(Container::Tabs(tabs)) = tile { Some(&tabs.children) } else { None },
            )
            .flatten()
            .copied()
            .collect();
        let alone = self.views().len() == 1;
        let mut panes = Panes { draw, active: self.active, tabbed, alone, pressed: None, closed: None };
        self.tree.ui(&mut panes, ui);
        let (pressed, closed) = (panes.pressed, panes.closed);
        if let Some(view) = pressed {
            self.set_active(view);
        }
        if let Some(view) = closed {
            self.close(view);
        }
        // A tab that was chosen is what a person means.
        let visible = self.visible();
        if !visible.contains(&self.active)
            && let Some(first) = visible.first().copied()
        {
            self.set_active(first);
        }
    }
}

/// Whether there is a root, at least one pane, and no view twice.
fn is_sound(tree: &Tree<ViewId>) -> bool {
    let views: Vec<_> = tree.tiles.tiles().filter_map(|t| if let Tile::Pane(v) = t { Some(v) } else { None }).collect();
    let different: HashSet<_> = views.iter().collect();
    let root = tree.root.is_some_and(|root| tree.tiles.get(root).is_some());
    root && !views.is_empty() && different.len() == views.len() && !tree.active_tiles().is_empty()
}

struct Panes<'a> {
    draw: &'a mut dyn FnMut(&mut Ui, ViewId),
    active: ViewId,
    tabbed: HashSet<TileId>,
    alone: bool,
    pressed: Option<ViewId>,
    closed: Option<ViewId>,
}

impl Panes<'_> {
    /// Title bar of a pane that is not alone; true while it is dragged.
    fn header(&mut self, ui: &mut Ui, view: ViewId) -> bool {
        let t = theme::tokens(ui);
        let active = view == self.active;
        let shown = egui::Frame::new().fill(t.panel).inner_margin(Margin::symmetric(size::S as i8, 0)).show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            ui.horizontal(|ui| {
                let colour = if active { t.text } else { t.weak };
                let handle = Button::new(theme::icon_text(Some(view.spec().icon), view.title(), size::SMALL, colour))
                    .frame(false)
                    .sense(Sense::click_and_drag());
                let handle = ui.add(handle);
                theme::name(&handle, Role::Button, &format!("Pane {}", view.title()));
                ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                    let label = format!("Close {}", view.title());
                    if theme::icon_button_toned(ui, ICON_CLOSE, &label, t.weak, false).clicked() {
                        self.closed = Some(view);
                    }
                });
                handle
            })
            .inner
        });
        let rect = shown.response.rect;
        let line = if active { Stroke::new(2.0, t.accent) } else { Stroke::new(1.0, t.line) };
        ui.painter().hline(rect.x_range(), rect.bottom() - line.width / 2.0, line);
        let handle = shown.inner.on_hover_text("Drag to another place");
        if handle.clicked() {
            self.pressed = Some(view);
        }
        handle.drag_started()
    }
}

impl Behavior<ViewId> for Panes<'_> {
    fn pane_ui(&mut self, ui: &mut Ui, tile: TileId, view: &mut ViewId) -> UiResponse {
        let t = theme::tokens(ui);
        let rect = ui.max_rect();
        ui.painter().rect_filled(rect, 0.0, t.canvas);
        ui.spacing_mut().item_spacing.y = 0.0;
        let dragged = !self.alone && !self.tabbed.contains(&tile) && self.header(ui, *view);
        if ui.rect_contains_pointer(rect) && ui.input(|i| i.pointer.any_pressed()) {
            self.pressed = Some(*view);
        }
        ui.push_id(*view, |ui| {
            ui.spacing_mut().item_spacing.y = size::S;
            let room: Rect = ui.available_rect_before_wrap();
            ui.scope_builder(egui::UiBuilder::new().max_rect(room), |ui| {
                ui.set_clip_rect(room.intersect(ui.clip_rect()));
                (self.draw)(ui, *view);
            });
        });
        if dragged { UiResponse::DragStarted } else { UiResponse::None }
    }

    fn tab_title_for_pane(&mut self, view: &ViewId) -> WidgetText {
        RichText::new(view.title()).size(size::SMALL).into()
    }

    fn is_tab_closable(&self, _tiles: &Tiles<ViewId>, _tile: TileId) -> bool {
        true
    }

    fn on_tab_close(&mut self, tiles: &mut Tiles<ViewId>, tile: TileId) -> bool {
        self.closed = tiles.get_pane(&tile).copied();
        false
    }

    fn on_tab_button(&mut self, tiles: &mut Tiles<ViewId>, tile: TileId, button: egui::Response) -> egui::Response {
        if let Some(view) = tiles.get_pane(&tile).copied() {
            if button.clicked() {
                self.pressed = Some(view);
            }
            let active = view == self.active;
            button.widget_info(|| WidgetInfo::selected(Role::Tab, true, active, format!("Pane {}", view.title())));
        }
        button
    }

    fn simplification_options(&self) -> SimplificationOptions {
        SimplificationOptions { all_panes_must_have_tabs: false, ..SimplificationOptions::default() }
    }

    fn tab_bar_height(&self, _style: &egui::Style) -> f32 {
        size::CONTROL
    }

    fn tab_bar_color(&self, visuals: &egui::Visuals) -> egui::Color32 {
        visuals.panel_fill
    }

    fn gap_width(&self, _style: &egui::Style) -> f32 {
        1.0
    }

    fn min_size(&self) -> f32 {
        160.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panes_split_close_and_come_back() {
        let mut layout = Layout::single(ViewId::Train);
        layout.split(Split::Right, Some(ViewId::Explore));
        assert_eq!(layout.columns(), 2);
        layout.split(Split::Down, Some(ViewId::Log));
        assert_eq!((layout.views().len(), layout.columns()), (3, 2));
        assert_eq!(layout.active(), ViewId::Log);
        // A view that has a pane is gone to, not opened twice.
        layout.show(ViewId::Train);
        assert_eq!((layout.views().len(), layout.active()), (3, ViewId::Train));
        // One that has none takes the active pane.
        layout.show(ViewId::Gallery);
        assert!(!layout.views().contains(&ViewId::Train));
        let again = Layout::restored(&layout.kept(), ViewId::Gallery);
        assert_eq!(again.views(), layout.views());
        layout.close_active();
        layout.close_active();
        layout.close_active();
        assert_eq!(layout.views().len(), 1, "the last pane stays");
        assert_eq!(layout.views()[0], layout.active());
    }

    #[test]
    fn a_broken_layout_is_not_taken() {
        let broken = serde_json::json!({"id": 1, "root": 7, "tiles": {}});
        assert_eq!(Layout::restored(&broken, ViewId::Data).views(), [ViewId::Data]);
        let twice = {
            let mut layout = Layout::single(ViewId::Home);
            layout.split(Split::Right, Some(ViewId::Log));
            serde_json::to_string(&layout.kept()).unwrap().replace("log", "home")
        };
        let twice = serde_json::from_str(&twice).unwrap();
        assert_eq!(Layout::restored(&twice, ViewId::Data).views(), [ViewId::Data]);
    }
}
