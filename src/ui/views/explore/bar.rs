//! The bar above the canvas: back and forward, the model, the tabs, export.

use egui::{ComboBox, Ui};
use egui_material_icons::icons::{ICON_ARROW_BACK, ICON_ARROW_FORWARD, ICON_FILE_OPEN, ICON_IOS_SHARE};
use strum::IntoEnumIterator;

use super::directions::STRIP;
use super::{Cx, ExploreView, Out, Stand, Tab, compare, traverse, walk};
use crate::latent::latent_math::Dims;
use crate::ui::action::Action;
use crate::ui::command::UiCommand;
use crate::ui::theme;
use crate::ui::widgets::latent_slot::latent_label;

impl ExploreView {
    pub(super) fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, out: &mut Out) {
        let width = ui.available_width();
        let (wide, widest) = (width > 760.0, width > 1240.0);
        theme::toolbar(ui, |ui| {
            for (icon, label, by) in
                [(ICON_ARROW_BACK, "Back (Alt+Left)", -1), (ICON_ARROW_FORWARD, "Forward (Alt+Right)", 1)]
            {
                let can = self.trail.can_go(by);
                if ui.add_enabled_ui(can, |ui| theme::icon_button(ui, icon, label)).inner.clicked() {
                    self.walk_trail(by, cx);
                }
            }
            self.model_choice(ui, cx, out);
            if widest || !wide {
                self.tabs(ui, wide);
            }
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if theme::icon_button(ui, ICON_IOS_SHARE, "Export… (Ctrl+E)").clicked() {
                    self.export_tab(cx, out);
                }
            });
        });
        close_up(ui);
        // Where they do not fit beside the model, the tabs have a row of their own.
        if wide && !widest {
            theme::toolbar(ui, |ui| self.tabs(ui, true));
            close_up(ui);
        }
    }

    fn tabs(&mut self, ui: &mut Ui, wide: bool) {
        let options: Vec<(Tab, &str)> = Tab::iter().map(|t| (t, t.title())).collect();
        if wide {
            theme::segmented(ui, "Tab", &mut self.tab, &options);
        } else {
            let combo = ComboBox::from_id_salt("tab").selected_text(self.tab.title()).show_ui(ui, |ui| {
                for (tab, title) in options {
                    ui.selectable_value(&mut self.tab, tab, title);
                }
            });
            combo.response.accessible_name("Tab").on_hover_text("What the canvas shows");
        }
    }

    fn model_choice(&self, ui: &mut Ui, cx: &Cx<'_>, out: &mut Out) {
        let info = self.info(cx.studio);
        let name = info.as_ref().map_or("Choose a model", |i| i.name.as_str());
        let combo = ComboBox::from_id_salt("model").selected_text(name).width(150.0).truncate().show_ui(ui, |ui| {
            ui.set_min_width(240.0);
            for model in &cx.studio.models {
                let on = self.desk.here.model.as_ref() == Some(&model.model);
                let text = format!("{}  ·  {} {} px", model.name, model.family.id().to_uppercase(), model.resolution);
                if ui.selectable_label(on, text).clicked() && !on {
                    out.model = Some(model.model.clone());
                }
            }
        });
        combo.response.accessible_name("Model");
    }

    /// Proposes what the present tab shows for export.
    pub(super) fn export_tab(&mut self, cx: &Cx<'_>, out: &mut Out) {
        let Some(info) = self.info(cx.studio) else { return };
        let desk = &self.desk;
        if self.tab == Tab::Models
            && let Some(both) = self.twins.export(desk, &info, cx)
        {
            out.export_both = Some(both);
            return;
        }
        out.export = Some(match self.tab {
            Tab::Sheet => (self.sheet.chosen(&desk.sheet), "sample", 0, None),
            Tab::Grid => (self.lattice.cells_of(desk, &info), "grid", desk.grid.sheet_columns(), Some("grid")),
            Tab::Traverse => (traverse::latents(desk, &info), "grid", desk.traverse.steps, Some("grid")),
            Tab::Walk => (walk::latents(&desk.walk, &Dims::of(&info)), "walk", 0, Some("mp4")),
            Tab::Compare => (compare::latents(&desk.compare, &Dims::of(&info)), "sample", 3, Some("grid")),
            Tab::Breed => (desk.here.all_classed(&desk.breed.parents), "breeding", 0, None),
            Tab::Directions if self.directions.shown().is_some() => {
                let latents = self.directions.shown().unwrap_or_default();
                (latents, "direction", STRIP as u32, Some("grid"))
            }
            Tab::Film => {
                out.film = Some(desk.film.timeline.clone());
                return;
            }
            Tab::Plane
            | Tab::Models
            | Tab::Picture
            | Tab::Directions
            | Tab::Map
            | Tab::Atlas
            | Tab::Edit
            | Tab::Inside => (vec![desk.here.latent.clone()], "sample", 0, Some("png")),
        });
    }

    pub(super) fn orphan_bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some((path, recipe)) = &self.orphan else { return };
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut close = false;
        let text = format!("{name} was made by {} ({}), which is not here", recipe.model, latent_label(&recipe.latent));
        theme::toolbar(ui, |ui| {
            theme::toned(ui, theme::Tone::Warn, text);
            if theme::button(ui, Some(ICON_FILE_OPEN), "Import model…").clicked() {
                cx.push(Action::Ui(UiCommand::ImportModel));
            }
            close = theme::quiet_button(ui, None, "Dismiss").clicked();
        });
        close_up(ui);
        // Once its model is here, one stands at the picture's latent.
        let model = cx.studio.models.iter().find(|m| m.hash == recipe.model_hash).map(|m| m.model.clone());
        if let Some(model) = model {
            let stand = Stand { model: Some(model), latent: recipe.latent.clone(), truncation: recipe.truncation };
            self.stand(stand, "stand at a dropped picture", cx);
            close = true;
        }
        if close {
            self.orphan = None;
        }
    }
}

/// Puts the next bar right under the last one.
pub(super) fn close_up(ui: &mut Ui) {
    ui.add_space(-ui.spacing().item_spacing.y);
}
