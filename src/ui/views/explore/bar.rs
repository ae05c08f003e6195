//! The bars above the canvas: back and forward, the model, groups and pages, what can be done with the picture.

use egui::{ComboBox, Label, RichText, Ui};
use egui_material_icons::icons::{
    ICON_ARROW_BACK, ICON_ARROW_FORWARD, ICON_FILE_OPEN, ICON_IOS_SHARE, ICON_MORE_HORIZ,
};
use strum::IntoEnumIterator;

use super::ExploreView;
use super::choices::close_up;
use super::page::PageActions;
use super::provenance;
use super::tabs::{self, Group, TabSpec};
use super::viewpoint::Viewpoint;
use crate::models::info::ModelInfo;
use crate::ui::action::Action;
use crate::ui::command::UiCommand;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::widgets::latent_slot::latent_label;

/// Room for the list of models, in points, before it scrolls.
const MODELS: f32 = 440.0;
/// Narrower than this, pages are a list.
const NARROW: f32 = 460.0;

impl ExploreView {
    pub(super) fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, out: &mut PageActions) {
        let narrow = ui.available_width() < NARROW;
        theme::toolbar(ui, |ui| {
            for (icon, label, by) in
                [(ICON_ARROW_BACK, "Back (Alt+Left)", -1), (ICON_ARROW_FORWARD, "Forward (Alt+Right)", 1)]
            {
                let can = self.history.can_go(by);
                if ui.add_enabled_ui(can, |ui| theme::icon_button(ui, icon, label)).inner.clicked() {
                    self.go_through_history(by, cx);
                }
            }
            self.model_choice(ui, cx, out);
            if !narrow {
                self.groups(ui, out);
            }
            theme::at_end(ui, |ui| {
                if theme::icon_button(ui, ICON_IOS_SHARE, "Export… (Ctrl+E)").clicked() {
                    self.pages[tabs::place(self.tab)].export(&self.state, info, cx, out);
                }
                if theme::icon_button(ui, ICON_MORE_HORIZ, "Use in… (U)").clicked() {
                    self.menu_of_present(ui);
                }
            });
        });
        close_up(ui);
        if narrow {
            theme::toolbar(ui, |ui| self.list(ui, out));
            close_up(ui);
            return;
        }
        theme::toolbar(ui, |ui| self.siblings(ui, out));
        close_up(ui);
    }

    /// The groups of pages.
    fn groups(&self, ui: &mut Ui, out: &mut PageActions) {
        let options: Vec<(Group, &str)> = Group::iter().map(|g| (g, g.title())).collect();
        let mut group = tabs::row(self.tab).group;
        if theme::segmented(ui, "Group", &mut group, &options) {
            out.page = group.pages().next().map(|t| t.id);
        }
    }

    /// The pages of the group, and what the one that is shown is for.
    fn siblings(&self, ui: &mut Ui, out: &mut PageActions) {
        let row = tabs::row(self.tab);
        let options: Vec<(&str, &str)> = row.group.pages().map(|t| (t.id, t.title)).collect();
        let mut id = row.id;
        if theme::segmented(ui, "Page", &mut id, &options) {
            out.page = Some(id);
        }
        purpose(ui, row);
    }

    /// All pages as a list.
    fn list(&self, ui: &mut Ui, out: &mut PageActions) {
        let row = tabs::row(self.tab);
        let combo = ComboBox::from_id_salt("page").selected_text(row.title).show_ui(ui, |ui| {
            for group in Group::iter() {
                theme::weak(ui, group.title());
                for tab in group.pages() {
                    if ui.selectable_label(tab.id == row.id, tab.title).clicked() {
                        out.page = Some(tab.id);
                    }
                }
            }
        });
        combo.response.accessible_name("Page").on_hover_text(row.purpose);
        purpose(ui, row);
    }

    fn model_choice(&self, ui: &mut Ui, cx: &Cx<'_>, out: &mut PageActions) {
        let info = self.info(cx.studio);
        let name = info.as_ref().map_or("Choose a model", |i| i.name.as_str());
        let combo = ComboBox::from_id_salt("model").selected_text(name).width(150.0).truncate().height(MODELS);
        let combo = combo.show_ui(ui, |ui| {
            ui.set_min_width(240.0);
            for model in cx.studio.models.iter().filter(|m| m.has_latents()) {
                let on = self.state.here.model.as_ref() == Some(&model.model);
                let text = format!("{}  ·  {} {} px", model.name, model.family.id().to_uppercase(), model.resolution);
                if ui.selectable_label(on, text).clicked() && !on {
                    out.model = Some(model.model.clone());
                }
            }
        });
        combo.response.accessible_name("Model");
    }

    /// Proposes what the page shows for export.
    pub(super) fn export_page(&self, cx: &Cx<'_>, out: &mut PageActions) {
        if let Some(info) = self.info(cx.studio) {
            self.pages[tabs::place(self.tab)].export(&self.state, &info, cx, out);
        }
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
        // Once its model is here, its latent is opened.
        let file = path.clone();
        let model = cx.studio.models.iter().find(|m| m.hash == recipe.model_hash).map(|m| m.model.clone());
        if let Some(model) = model {
            let viewpoint =
                Viewpoint { model: Some(model), latent: recipe.latent.clone(), truncation: recipe.truncation };
            self.open_at(viewpoint, "open a dropped picture", &provenance::of_file(&file), cx);
            close = true;
        }
        if close {
            self.orphan = None;
        }
    }
}

/// One line on what a page is for; what to do next under the pointer.
fn purpose(ui: &mut Ui, row: &TabSpec) {
    if theme::left(ui) < 90.0 {
        return;
    }
    let text = format!("{}. {}", row.purpose, row.next);
    let line = RichText::new(&text).size(size::SMALL).color(theme::tokens(ui).weak);
    theme::rest(ui, |ui| ui.add(Label::new(line).truncate())).on_hover_text(text);
}
