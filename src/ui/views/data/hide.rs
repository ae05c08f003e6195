//! Regions of an enlarged picture that nobody shall recognise, drawn by hand: blurred or pixelated before training.

use egui::{CursorIcon, Rect, Role, Sense, Stroke, StrokeKind, Ui, UiBuilder, vec2};
use egui_material_icons::icons::ICON_CLOSE;

use super::{DataView, bar};
use crate::base::Region;
use crate::data::report::Survey;
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, View, ViewId};
use crate::ui::widgets::region::{DrawnRegion, on_screen};

/// How regions are hidden that are drawn next, and the one that is being drawn.
#[derive(Default)]
pub(super) struct Hiding {
    drawn: DrawnRegion,
    blur: bool,
}

/// The region that an entry of `data.hide` names in a picture, if it names one there.
fn region_in(entry: &str, name: &str) -> Option<Region> {
    let (of, rest) = entry.rsplit_once('=')?;
    let region = rest.split(':').next()?.parse().ok()?;
    (of == name || of == "*").then_some(region)
}

impl DataView {
    /// Says what dragging does, and how it hides.
    pub(super) fn hide_bar(&mut self, ui: &mut Ui) {
        bar(ui, "hide bar", |ui| {
            theme::weak(ui, "Drag over what nobody shall recognise");
            theme::segmented(ui, "How it is hidden", &mut self.hiding.blur, &[(false, "Pixelate"), (true, "Blur")]);
        });
    }

    /// Shows the hidden regions of a picture painted at `shown`, hides another one that is dragged over it, and shows one again
    /// at its button.
    pub(super) fn hidden_regions(&mut self, ui: &mut Ui, survey: &Survey, place: u32, shown: Rect, cx: &mut Cx<'_>) {
        let Some(entry) = survey.entries.get(place as usize) else { return };
        let (name, pixels) = (entry.name.as_str(), [entry.width, entry.height]);
        let t = theme::tokens(ui);
        let response = ui.interact(shown, ui.make_persistent_id(("hide in", name)), Sense::drag());
        theme::name(&response, Role::Image, &format!("Regions of {name}"));
        let response = response.on_hover_cursor(CursorIcon::Crosshair);
        let drawn = self.hiding.drawn.update(ui, &response, shown, pixels);
        let mut again = None;
        for (at, text) in self.recipe.data.hide.iter().enumerate() {
            let Some(region) = region_in(text, name) else { continue };
            let rect = on_screen(shown, region, pixels);
            ui.painter().rect_filled(rect, 0.0, t.panel.gamma_multiply(0.75));
            ui.painter().rect_stroke(rect, 0.0, Stroke::new(2.0, t.accent), StrokeKind::Inside);
            let corner = Rect::from_min_size(
                (rect.right_top() - vec2(size::CONTROL, 0.0)).max(shown.min),
                vec2(size::CONTROL, size::CONTROL),
            );
            let mut child = ui.new_child(UiBuilder::new().max_rect(corner).id_salt(("show again", at)));
            if theme::icon_button(&mut child, ICON_CLOSE, &format!("Do not hide {region}")).clicked() {
                again = Some(at);
            }
        }
        if let Some(at) = again {
            cx.undo_point(ViewId::Data, "show a region again", self.snapshot());
            self.recipe.data.hide.remove(at);
        } else if let Some(region) = drawn {
            cx.undo_point(ViewId::Data, "hide a region", self.snapshot());
            let how = if self.hiding.blur { ":blur" } else { "" };
            self.recipe.data.hide.push(format!("{name}={region}{how}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_of_its_picture_or_of_all() {
        let region = Some(Region { x: 1, y: 2, width: 3, height: 4 });
        assert_eq!(region_in("a=b.png=1,2,3,4", "a=b.png"), region);
        assert_eq!(region_in("a.png=1,2,3,4:blur", "a.png"), region);
        assert_eq!(region_in("*=1,2,3,4", "a.png"), region);
        assert_eq!((region_in("b.png=1,2,3,4", "a.png"), region_in("a.png=1,2", "a.png")), (None, None));
    }
}
