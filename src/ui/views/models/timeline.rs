//! Checkpoints of a run on a line of pictures seen, with their scores above it.

use egui::{Align2, FontId, Rect, Role, Sense, Stroke, Ui, Vec2, WidgetInfo, pos2, vec2};

use crate::engine::CheckpointInfo;
use crate::ui::format;
use crate::ui::theme::{self, size};

/// Draws them; `chosen` holds the pictures seen of the one that is selected.
pub fn show(ui: &mut Ui, checkpoints: &[CheckpointInfo], chosen: &mut Option<u64>) {
    let t = theme::tokens(ui);
    let scored: Vec<f64> = checkpoints.iter().filter_map(|c| c.score).filter(|s| s.is_finite()).collect();
    let high = if scored.is_empty() { 48.0 } else { 112.0 };
    let (frame, _) = ui.allocate_exact_size(vec2(ui.available_width(), high), Sense::hover());
    let plot = Rect::from_min_max(frame.min + vec2(12.0, 14.0), frame.max - vec2(12.0, 22.0));
    let most = checkpoints.iter().map(|c| c.images).max().unwrap_or(1).max(1) as f32;
    let (low, top) = scored.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &s| (l.min(s), h.max(s)));
    let place = |c: &CheckpointInfo| {
        let x = plot.left() + plot.width() * c.images as f32 / most;
        // Lower is better and lies lower, as on the curves.
        let y = match c.score {
            Some(s) if top > low => plot.bottom() - 8.0 - (plot.height() - 12.0) * ((s - low) / (top - low)) as f32,
            _ => plot.bottom() - 8.0,
        };
        pos2(x, y)
    };
    ui.painter().hline(plot.x_range(), plot.bottom(), Stroke::new(1.0, t.line));
    let font = FontId::proportional(size::SMALL);
    ui.painter().text(pos2(plot.left(), plot.bottom() + 4.0), Align2::LEFT_TOP, "0", font.clone(), t.weak);
    let end = format::kimg(most as u64);
    ui.painter().text(pos2(plot.right(), plot.bottom() + 4.0), Align2::RIGHT_TOP, end, font.clone(), t.weak);
    if scored.len() > 1 {
        let line: Vec<_> = checkpoints.iter().filter(|c| c.score.is_some()).map(place).collect();
        ui.painter().add(egui::Shape::line(line, Stroke::new(1.0, t.disabled)));
    }
    for c in checkpoints {
        let at = place(c);
        let rect = Rect::from_center_size(at, Vec2::splat(size::HIT));
        let response = ui.interact(rect, ui.make_persistent_id(("checkpoint", c.images)), Sense::click());
        let on = *chosen == Some(c.images);
        let mut name = format!("Checkpoint at {}", format::kimg(c.images));
        if let Some(score) = c.score {
            name.push_str(&format!(", score {}", format::number(score)));
        }
        if c.best {
            name.push_str(", the best");
        }
        response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, &name));
        let radius = if response.hovered() || response.has_focus() { 6.0 } else { 4.5 };
        let colour = if c.best { t.good } else { t.text };
        ui.painter().circle_filled(at, radius, colour);
        if on || response.has_focus() {
            ui.painter().circle_stroke(at, radius + 3.0, Stroke::new(2.0, t.accent));
        }
        if response.clicked() {
            *chosen = if on { None } else { Some(c.images) };
        }
        response.on_hover_text(name);
    }
    let chosen = checkpoints.iter().find(|c| Some(c.images) == *chosen);
    theme::weak(
        ui,
        match chosen {
            Some(c) => format!("Explore, fine-tune and export use the checkpoint at {}", format::kimg(c.images)),
            None => "Explore, fine-tune and export use the latest checkpoint; click another to use that one".into(),
        },
    );
}
