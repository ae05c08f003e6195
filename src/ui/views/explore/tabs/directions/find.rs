//! The fields with which directions are looked for.

use egui::{ComboBox, DragValue, Ui};

use crate::base::Family;
use crate::latent::latent_math::Dims;
use crate::models::info::ModelInfo;
use crate::ui::theme;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::directions::state::{FindState, Group, How};

impl FindState {
    /// The fields of the way that is chosen.
    pub fn fields(&mut self, ui: &mut Ui, info: &ModelInfo, out: &mut PageActions) {
        let before = self.clone();
        if !matches!(self.how, How::Known | How::Words) {
            let count = DragValue::new(&mut self.count).range(1..=32).speed(0.05).suffix(" directions");
            ui.add(count).accessible_name("Directions to find");
        }
        match self.how {
            How::Principal => {
                let doublings = info.resolution.built().doublings;
                let styled = Dims::of(info).layers > 0;
                let first = if styled { "of styles" } else { "of the first features" };
                let layer = DragValue::new(&mut self.layer).range(0..=doublings + 1).speed(0.03);
                let layer = layer.custom_formatter(move |v, _| match v {
                    0.0 => first.into(),
                    v => format!("of features {v:.0}"),
                });
                let help = "Principal axes of styles or latents, or of the feature maps of a layer (GANSpace)";
                ui.add(layer).accessible_name("Whose axes").on_hover_text(help);
            }
            How::Sefa if Dims::of(info).layers > 0 => {
                let combo = ComboBox::from_id_salt("group").selected_text(self.group.title()).show_ui(ui, |ui| {
                    for group in [Group::All, Group::Coarse, Group::Middle, Group::Fine] {
                        ui.selectable_value(&mut self.group, group, group.title());
                    }
                });
                let help = "What is found acts on these layers only: coarse ones lay out, fine ones colour";
                combo.response.accessible_name("Layers").on_hover_text(help);
            }
            How::Sefa => {}
            How::Words => {
                theme::text_field(ui, &mut self.text, "more red, a smiling face", 220.0, "Phrase")
                    .on_hover_text("In English; begin with more or less, or just name what the pictures shall show");
            }
            How::Codes | How::Known => {
                let (data, names) = if ui.available_width() > 480.0 { (200.0, 180.0) } else { (124.0, 104.0) };
                theme::text_field(ui, &mut self.data, "The training pictures", data, "Pictures to look at")
                    .on_hover_text("A folder, zip or any other source; empty for the pictures the model learned from");
                if self.how == How::Known {
                    theme::text_field(ui, &mut self.only, "All that is known", names, "Names to look for")
                        .on_hover_text("Labels, factors or words, with commas between them");
                    if info.family == Family::Vae {
                        let help = "By the encoder's codes of the pictures: at once, and only as good as the codes";
                        ui.checkbox(&mut self.codes, "From codes").on_hover_text(help);
                    }
                }
            }
        }
        if *self != before {
            out.label = Some("change how directions are found");
        }
    }
}
