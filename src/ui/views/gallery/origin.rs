//! What a picture comes from and what came of it, as a graph: the earliest at the left.

use std::collections::{BTreeMap, BTreeSet};

use egui::{
    Align2, CornerRadius, FontId, Key, Modifiers, Rect, Role, ScrollArea, Sense, Stroke, StrokeKind, Ui, pos2, vec2,
};
use egui_material_icons::icons::{ICON_ARROW_BACK, ICON_CLOSE, ICON_OPEN_IN_NEW, ICON_ZOOM_IN, ICON_ZOOM_OUT};

use super::{Cx, GalleryView, Overlay};
use crate::engine::{Command, Event, Graph, GraphNode};
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::theme::{self, size};
use crate::ui::views::ViewId;

/// Size of a node, and the room between columns and rows, at full size.
const NODE: egui::Vec2 = vec2(176.0, 44.0);
const GAP: egui::Vec2 = vec2(36.0, 8.0);
/// Zoom: smallest, largest, and by how much each step changes it.
const ZOOM: (f32, f32, f32) = (0.5, 1.5, 1.25);

/// The graph around a thing.
pub(super) struct Origin {
    /// The things that were asked for one after the other; the last one is shown.
    asked: Vec<String>,
    graph: Option<Graph>,
    /// Kinds that are not shown.
    hidden: BTreeSet<String>,
    zoom: f32,
}

impl Default for Origin {
    fn default() -> Self {
        Self { asked: Vec::new(), graph: None, hidden: BTreeSet::new(), zoom: 1.0 }
    }
}

/// What a kind of thing is called.
fn kind_title(kind: &str) -> &str {
    match kind {
        "picture" => "Picture",
        "model" => "Model",
        "run" => "Run",
        "checkpoint" => "Checkpoint",
        "data" => "Data set",
        "version" => "Version",
        "prompt" => "Prompt",
        "latent" => "Latent",
        "photo" => "Photograph",
        "film" => "Film",
        "export" => "Export",
        other => other,
    }
}

impl Origin {
    /// Asks for the graph around a thing.
    pub fn ask(&mut self, thing: String, cx: &mut Cx<'_>) {
        cx.send(Command::Graph { thing: thing.clone() });
        self.asked.push(thing);
    }

    /// Begins with a thing.
    pub fn begin(&mut self, thing: String, cx: &mut Cx<'_>) {
        *self = Self { zoom: self.zoom, ..Self::default() };
        self.ask(thing, cx);
    }

    /// Takes a graph that was asked for.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        if let Event::Graph(graph) = event {
            let ids: Vec<i64> = graph.nodes.iter().filter_map(|n| n.item).collect();
            if !ids.is_empty() {
                cx.send(Command::ItemThumbs { ids });
            }
            self.graph = Some((**graph).clone());
        }
    }
}

/// Where each node that is shown lies, and the size of the whole.
fn places(graph: &Graph, hidden: &BTreeSet<String>, zoom: f32) -> (BTreeMap<i64, Rect>, egui::Vec2) {
    let mut columns: BTreeMap<i32, Vec<&GraphNode>> = BTreeMap::new();
    for node in graph.nodes.iter().filter(|n| n.id == graph.root || !hidden.contains(&n.kind)) {
        columns.entry(node.depth).or_default().push(node);
    }
    let rows = columns.values().map(Vec::len).max().unwrap_or(1);
    let (node, gap) = (NODE * zoom, GAP * zoom);
    let whole = vec2(columns.len() as f32 * (node.x + gap.x) - gap.x, rows as f32 * (node.y + gap.y) - gap.y);
    let mut out = BTreeMap::new();
    for (column, nodes) in columns.values().enumerate() {
        let above = (rows - nodes.len()) as f32 / 2.0;
        for (row, n) in nodes.iter().enumerate() {
            let at = pos2(column as f32 * (node.x + gap.x), (row as f32 + above) * (node.y + gap.y));
            out.insert(n.id, Rect::from_min_size(at, node));
        }
    }
    (out, whole)
}

impl GalleryView {
    pub(super) fn show_origin(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let (mut close, mut back, mut open) = (false, false, false);
        if cx.has_keys(ViewId::Gallery) {
            close = ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Escape));
        }
        let root = self.origin.graph.as_ref().and_then(|g| g.nodes.iter().find(|n| n.id == g.root)).cloned();
        theme::toolbar(ui, |ui| {
            if self.origin.asked.len() > 1 {
                back = theme::icon_button(ui, ICON_ARROW_BACK, "Back to what was shown before").clicked();
            }
            if let Some(root) = &root {
                theme::weak(ui, format!("{} {}", kind_title(&root.kind), format::shortened(&root.title, 32)));
                open = opens(root) && theme::icon_button(ui, ICON_OPEN_IN_NEW, "Open it").clicked();
            }
            theme::at_end(ui, |ui| {
                close |= theme::icon_button(ui, ICON_CLOSE, "Close (Esc)").clicked();
                let zoom = &mut self.origin.zoom;
                if theme::icon_button(ui, ICON_ZOOM_IN, "Zoom in").clicked() {
                    *zoom = (*zoom * ZOOM.2).min(ZOOM.1);
                }
                if theme::icon_button(ui, ICON_ZOOM_OUT, "Zoom out").clicked() {
                    *zoom = (*zoom / ZOOM.2).max(ZOOM.0);
                }
            });
        });
        let wanted = match self.origin.graph.take() {
            Some(graph) => {
                let wanted = self.draw_origin(ui, cx, &graph);
                self.origin.graph = Some(graph);
                wanted
            }
            None => {
                theme::skeleton(ui, vec2(ui.available_width(), NODE.y * 2.0));
                None
            }
        };
        if let Some(thing) = wanted {
            self.origin.ask(thing, cx);
        }
        if back {
            self.origin.asked.pop();
            if let Some(thing) = self.origin.asked.pop() {
                self.origin.ask(thing, cx);
            }
        }
        if open && let Some(root) = root {
            self.open_thing(&root, cx);
        } else if close {
            self.overlay = None;
        }
    }

    /// Shows kinds to choose from, and the graph; a thing to go on to.
    fn draw_origin(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, graph: &Graph) -> Option<String> {
        let kinds: BTreeSet<&str> = graph.nodes.iter().map(|n| n.kind.as_str()).collect();
        ui.horizontal_wrapped(|ui| {
            ui.add_space(size::M);
            theme::weak(ui, "Show");
            for kind in kinds {
                let shown = !self.origin.hidden.contains(kind);
                if ui.selectable_label(shown, kind_title(kind)).clicked() {
                    if shown {
                        self.origin.hidden.insert(kind.into());
                    } else {
                        self.origin.hidden.remove(kind);
                    }
                }
            }
            if graph.left_out > 0 {
                theme::weak(ui, format!("{} more are not shown", graph.left_out));
            }
        });
        let (places, whole) = places(graph, &self.origin.hidden, self.origin.zoom);
        let zoom = self.origin.zoom;
        let ctx = ui.ctx().clone();
        let mut wanted = None;
        ScrollArea::both().id_salt("origin").auto_shrink([false, false]).show(ui, |ui| {
            let room = whole.max(ui.available_size());
            let (frame, _) = ui.allocate_exact_size(room, Sense::hover());
            let shift = frame.min.to_vec2() + ((room - whole) / 2.0).max(egui::Vec2::ZERO);
            let t = theme::tokens(ui);
            for edge in &graph.edges {
                let (Some(child), Some(parent)) = (places.get(&edge.child), places.get(&edge.parent)) else { continue };
                let (from, to) = (parent.right_center() + shift, child.left_center() + shift);
                let half = (from.x + to.x) / 2.0;
                let line = vec![from, pos2(half, from.y), pos2(half, to.y), to];
                ui.painter().add(egui::Shape::line(line, Stroke::new(1.0, t.disabled)));
            }
            for node in &graph.nodes {
                let Some(rect) = places.get(&node.id).map(|r| r.translate(shift)) else { continue };
                let root = node.id == graph.root;
                let response = ui.interact(rect, ui.make_persistent_id(("thing", node.id)), Sense::click());
                let name = format!("{} {}", kind_title(&node.kind), node.title);
                response.widget_info(|| egui::WidgetInfo::selected(Role::Button, true, root, &name));
                let fill = if root {
                    t.selected
                } else if response.hovered() {
                    t.hover
                } else {
                    t.raised
                };
                let line = if root || response.has_focus() { t.accent } else { t.line };
                ui.painter().rect(
                    rect,
                    CornerRadius::same(size::RADIUS),
                    fill,
                    Stroke::new(1.0, line),
                    StrokeKind::Inside,
                );
                let mut left = rect.left() + size::S * zoom;
                if let Some(id) = node.item {
                    cx.textures.of(self.subject(id, cx));
                }
                if let Some(tex) = node.item.and_then(|id| self.thumbs.tex(id, cx.textures, &ctx)) {
                    let side = rect.height() - size::S;
                    let place = Rect::from_center_size(
                        pos2(left + side / 2.0, rect.center().y),
                        tex.fit(egui::Vec2::splat(side)),
                    );
                    crate::ui::textures::paint(ui.painter(), place, &tex, t);
                    left += side + size::S * zoom;
                }
                let letters = ((rect.right() - left) / (6.6 * zoom)).max(4.0) as usize;
                let at = |up: f32| pos2(left, rect.center().y + up * zoom);
                let font = |px: f32| FontId::proportional(px * zoom);
                let painter = ui.painter().with_clip_rect(rect.intersect(ui.clip_rect()));
                painter.text(
                    at(-8.0),
                    Align2::LEFT_CENTER,
                    format::shortened(&node.title, letters),
                    font(size::SMALL),
                    t.text,
                );
                let below = if node.rating > 0 {
                    format!("{}, {} of 5", kind_title(&node.kind), node.rating)
                } else {
                    kind_title(&node.kind).to_owned()
                };
                painter.text(at(9.0), Align2::LEFT_CENTER, below, font(size::SMALL), t.weak);
                if response.clicked() && !root {
                    wanted = Some(node.key.clone());
                }
                response.on_hover_text(hint(graph, node));
            }
        });
        wanted
    }

    /// Opens a thing where it is at home.
    fn open_thing(&mut self, node: &GraphNode, cx: &mut Cx<'_>) {
        self.overlay = None;
        let text = |name: &str| node.body[name].as_str().map(str::to_owned);
        match (node.kind.as_str(), node.item) {
            (_, Some(id)) if self.place(id).is_some() => self.overlay = Some(Overlay::One(id)),
            (_, Some(id)) => {
                self.show_all();
                self.go_to = Some(id);
            }
            ("data" | "version", _) => {
                if let Some(source) = text("source") {
                    cx.push(Action::train_on(source));
                }
            }
            ("model", _) => {
                if let Some(model) = cx.studio.models.iter().find(|m| m.hash == node.key).map(|m| m.model.clone()) {
                    cx.push(Action::SelectModel(Some(model)));
                }
                cx.go(ViewId::Models);
            }
            ("run" | "checkpoint", _) => {
                let place = node.key.strip_prefix("run:").unwrap_or(&node.key);
                let place = if node.kind == "run" { place } else { place.rsplit_once('@').map_or(place, |p| p.0) };
                // Runs of the library are noted by where they lie in its folder.
                if let Some(run) = cx.studio.runs.iter().find(|run| run.dir.ends_with(place)) {
                    cx.push(Action::SelectRun(Some(run.dir.clone())));
                }
                cx.go(ViewId::Train);
            }
            ("film" | "export", _) => {
                if let Some(file) = text("file") {
                    cx.push(Action::OpenFile(file.into()));
                }
            }
            ("prompt", _) => cx.go(ViewId::Draw),
            _ => {}
        }
    }
}

/// Whether a thing is at home somewhere.
fn opens(node: &GraphNode) -> bool {
    let at_home = ["data", "version", "model", "run", "checkpoint", "film", "export", "prompt"];
    node.item.is_some() || at_home.contains(&node.kind.as_str())
}

/// What is known of a thing: how it came about, when and by whom.
fn hint(graph: &Graph, node: &GraphNode) -> String {
    let date = jiff::Timestamp::from_second(node.at)
        .map(|t| t.to_zoned(jiff::tz::TimeZone::system()).strftime("%-d %b %Y, %H:%M").to_string())
        .unwrap_or_default();
    let mut lines = vec![node.title.clone(), format!("{date} {}", node.user)];
    for edge in graph.edges.iter().filter(|e| e.child == node.id) {
        if let Some(parent) = graph.nodes.iter().find(|n| n.id == edge.parent) {
            lines.push(format!("{}: {}", edge.relation, parent.title));
        }
    }
    if node.children > 0 {
        lines.push(format::plural(node.children, "thing comes from it", "things come from it"));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_stand_left_of_children_and_hidden_kinds_leave_no_gap() {
        let graph = crate::engine::fake::graph("item:1");
        let (all, whole) = places(&graph, &BTreeSet::new(), 1.0);
        assert_eq!(all.len(), graph.nodes.len());
        for edge in &graph.edges {
            assert!(all[&edge.parent].right() < all[&edge.child].left());
        }
        let rects: Vec<&Rect> = all.values().collect();
        for (i, a) in rects.iter().enumerate() {
            assert!(rects[..i].iter().all(|b| !a.intersects(**b)));
        }
        let (some, smaller) = places(&graph, &BTreeSet::from(["model".to_owned()]), 1.0);
        assert!(some.len() < all.len() && smaller.x < whole.x);
    }
}
