//! A network drawn stage by stage: height by the size of the picture, width by the number of channels.

use egui::{Align2, FontId, Role, Sense, Ui, vec2};

use crate::models::outline::{Outline, Stage};
use crate::ui::format;
use crate::ui::theme::{self, size};

/// Height of a picture of 256 pixels, in points.
const TALL: f32 = 64.0;
/// Height of the words below, in points.
const WORDS: f32 = 16.0;

/// What a stage is, in words.
pub fn words(stage: &Stage) -> String {
    let shape = match stage.size.longer() {
        1 => format!("{} numbers", stage.channels),
        _ => format!("{} with {} channels", stage.size.both(), stage.channels),
    };
    let parameters = format::plural(stage.parameters as u64, "parameter", "parameters");
    format!("{}: {shape}, {parameters}", stage.title)
}

/// The networks of a recipe, one row each.
pub fn diagram(ui: &mut Ui, outline: &Outline) {
    let mut rest = outline.stages.as_slice();
    while let Some(first) = rest.first() {
        let end = rest.iter().position(|s| s.network != first.network).unwrap_or(rest.len());
        let (row, after) = rest.split_at(end);
        rest = after;
        let parameters: usize = row.iter().map(|s| s.parameters).sum();
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = vec2(size::XS, size::XS);
            let (cell, _) = ui.allocate_exact_size(vec2(110.0, TALL + WORDS), Sense::hover());
            let t = theme::tokens(ui);
            let mut name = first.network.to_owned();
            name[..1].make_ascii_uppercase();
            let middle = cell.left_center() - vec2(0.0, WORDS / 2.0);
            ui.painter().text(middle, Align2::LEFT_BOTTOM, name, FontId::proportional(size::BODY), t.text);
            let count = format!("{} numbers", format::count(parameters as u64));
            ui.painter().text(middle, Align2::LEFT_TOP, count, FontId::proportional(size::SMALL), t.weak);
            for stage in row {
                block(ui, stage);
            }
        });
    }
}

fn block(ui: &mut Ui, stage: &Stage) {
    let t = theme::tokens(ui);
    let label = match stage.size.longer() {
        1 => stage.channels.to_string(),
        s if stage.size.is_square() => format!("{s}² · {}", stage.channels),
        _ => format!("{} · {}", stage.size.both(), stage.channels),
    };
    let galley = ui.painter().layout_no_wrap(label, FontId::proportional(size::SMALL), t.weak);
    let wide = 6.0 + 4.0 * (stage.channels.max(1) as f32).log2();
    let tall = TALL * (0.12 + 0.11 * (stage.size.longer().max(1) as f32).log2()).min(1.0);
    let cell = vec2(wide.max(galley.size().x) + 6.0, TALL + WORDS);
    let (rect, response) = ui.allocate_exact_size(cell, Sense::hover());
    let words = words(stage);
    theme::name(&response, Role::Image, &words);
    let middle = rect.center() - vec2(0.0, WORDS / 2.0);
    let body = egui::Rect::from_center_size(middle, vec2(wide, tall));
    let fill = if response.hovered() { t.accent } else { t.press };
    ui.painter().rect(body, 2.0, fill, egui::Stroke::new(1.0, t.line), egui::StrokeKind::Inside);
    ui.painter().galley(
        egui::pos2(rect.center().x - galley.size().x / 2.0, rect.bottom() - WORDS + 2.0),
        galley,
        t.weak,
    );
    response.on_hover_text(words);
}
