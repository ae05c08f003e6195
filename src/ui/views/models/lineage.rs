//! Where a model came from and what came of it: a small graph, oldest at the left.

use egui::{Align2, CornerRadius, FontId, Rect, Role, Sense, Stroke, StrokeKind, Ui, WidgetInfo, pos2, vec2};

use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::format;
use crate::ui::state::Studio;
use crate::ui::theme::{self, size};

/// Longest chain of ancestors that is drawn.
const DEPTH: usize = 4;

/// A model's relatives.
#[derive(Debug, Default, PartialEq)]
pub struct Family {
    /// Name and, if it is here, reference of each ancestor, the oldest first.
    pub ancestors: Vec<(String, Option<ModelRef>)>,
    /// Those that started from it.
    pub children: Vec<(String, ModelRef)>,
}

/// Whether a model is the one that a parent entry names: by reference, hash or name.
fn is_named(info: &ModelInfo, name: &str) -> bool {
    info.model == name || info.name == name || !info.hash.is_empty() && info.hash == name
}

/// What a model says of its parent: reference or name, and the hash of its weights.
fn parent_of(info: &ModelInfo) -> Option<(String, String)> {
    let in_recipe = info.recipe.parent.as_ref();
    let name = info.parent.clone().or_else(|| in_recipe.map(|p| p.model.clone()))?;
    Some((name, in_recipe.map(|p| p.hash.clone()).unwrap_or_default()))
}

fn is_parent(candidate: &ModelInfo, (name, hash): &(String, String)) -> bool {
    is_named(candidate, name) || !hash.is_empty() && candidate.hash == *hash
}

impl Family {
    /// A model's relatives among those that are here.
    pub fn of(studio: &Studio, info: &ModelInfo) -> Self {
        let mut family = Self::default();
        let mut seen = vec![info.model.clone()];
        let mut parent = parent_of(info);
        while let Some(of) = parent.take() {
            let found = studio.models.iter().find(|m| is_parent(m, &of));
            // A file or folder is called by its last part.
            let name =
                found.map_or_else(|| of.0.rsplit(['/', '\\']).next().unwrap_or(&of.0).to_string(), |m| m.name.clone());
            family.ancestors.insert(0, (name, found.map(|m| m.model.clone())));
            if let Some(found) = found
                && family.ancestors.len() < DEPTH
                && !seen.contains(&found.model)
            {
                seen.push(found.model.clone());
                parent = parent_of(found);
            }
        }
        family.children = studio
            .models
            .iter()
            .filter(|m| m.model != info.model && parent_of(m).is_some_and(|p| is_parent(info, &p)))
            .map(|m| (m.name.clone(), m.model.clone()))
            .collect();
        family
    }

    /// Whether there is anything to draw.
    pub fn is_there(&self) -> bool {
        !self.ancestors.is_empty() || !self.children.is_empty()
    }
}

/// Draws the graph; a relative that was clicked.
pub fn show(ui: &mut Ui, info: &ModelInfo, family: &Family) -> Option<ModelRef> {
    let (width, high, gap) = (132.0, 32.0, 28.0);
    let columns = family.ancestors.len() + 1 + usize::from(!family.children.is_empty());
    let rows = family.children.len().max(1);
    let whole = vec2(columns as f32 * (width + gap) - gap, rows as f32 * (high + size::S) - size::S);
    let mut out = None;
    egui::ScrollArea::horizontal().id_salt("lineage").show(ui, |ui| {
        let (frame, _) = ui.allocate_exact_size(whole, Sense::hover());
        let t = theme::tokens(ui);
        let node = |column: usize, row: f32| {
            let at = frame.min + vec2(column as f32 * (width + gap), row * (high + size::S));
            Rect::from_min_size(at, vec2(width, high))
        };
        let middle = (rows - 1) as f32 / 2.0;
        let join = |a: Rect, b: Rect| {
            let half = (a.right() + b.left()) / 2.0;
            let points = vec![a.right_center(), pos2(half, a.center().y), pos2(half, b.center().y), b.left_center()];
            ui.painter().add(egui::Shape::line(points, Stroke::new(1.0, t.disabled)));
        };
        let own = node(family.ancestors.len(), middle);
        for column in 0..family.ancestors.len() {
            join(node(column, middle), node(column + 1, middle));
        }
        for row in 0..family.children.len() {
            join(own, node(columns - 1, row as f32));
        }
        let mut draw = |rect: Rect, name: &str, model: Option<&ModelRef>, present: bool| {
            let sense = if model.is_some() { Sense::click() } else { Sense::hover() };
            let response =
                ui.interact(rect, ui.make_persistent_id(("relative", rect.min.x as i32, rect.min.y as i32)), sense);
            response.widget_info(|| {
                WidgetInfo::selected(Role::Button, model.is_some(), present, format!("LineageNode {name}"))
            });
            let fill = if present {
                t.selected
            } else if response.hovered() {
                t.hover
            } else {
                t.raised
            };
            let line = if present || response.has_focus() { t.accent } else { t.line };
            ui.painter().rect(rect, CornerRadius::same(size::RADIUS), fill, Stroke::new(1.0, line), StrokeKind::Inside);
            let colour = if model.is_some() || present { t.text } else { t.disabled };
            let text = format::shortened(name, 19);
            ui.painter().text(rect.center(), Align2::CENTER_CENTER, text, FontId::proportional(size::SMALL), colour);
            if response.clicked() {
                out = model.cloned();
            }
            let hint = if model.is_some() || present { name.to_string() } else { format!("{name} is not available") };
            response.on_hover_text(hint);
        };
        for (column, (name, model)) in family.ancestors.iter().enumerate() {
            draw(node(column, middle), name, model.as_ref(), false);
        }
        draw(own, &info.name, None, true);
        for (row, (name, model)) in family.children.iter().enumerate() {
            draw(node(columns - 1, row as f32), name, Some(model), false);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_and_children_find_each_other_and_circles_end() {
        let mut models = crate::engine::fake::models();
        models.truncate(3);
        for m in &mut models {
            (m.parent, m.recipe.parent) = (None, None);
        }
        models[1].parent = Some(models[0].name.clone());
        models[2].parent = Some(models[1].model.clone());
        let studio = Studio { models: models.clone(), ..Studio::default() };
        let family = Family::of(&studio, &models[1]);
        assert_eq!(family.ancestors, [(models[0].name.clone(), Some(models[0].model.clone()))]);
        assert_eq!(family.children, [(models[2].name.clone(), models[2].model.clone())]);
        let family = Family::of(&studio, &models[2]);
        assert_eq!(family.ancestors.len(), 2);

        models[0].parent = Some(models[2].name.clone());
        let studio = Studio { models: models.clone(), ..Studio::default() };
        assert!(Family::of(&studio, &models[0]).ancestors.len() <= DEPTH);

        models[0].parent = Some("/far/away/run".into());
        let studio = Studio { models: models.clone(), ..Studio::default() };
        assert_eq!(Family::of(&studio, &models[0]).ancestors, [("run".into(), None)]);
    }
}
