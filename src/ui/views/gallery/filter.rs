//! The bar above the pictures: what is shown, in which order, how large.

use egui::{ComboBox, Ui, vec2};
use egui_material_icons::icons::{
    ICON_BAR_CHART, ICON_CLOSE, ICON_COMPARE, ICON_DELETE, ICON_HISTORY, ICON_REDO, ICON_STAR, ICON_UNDO,
};

use super::{Cx, Deed, GalleryView};
use crate::engine::{Command, ItemSort};
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::theme::{self, size};

impl GalleryView {
    pub(super) fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) -> Option<Deed> {
        let mut deed = None;
        theme::toolbar(ui, |ui| {
            self.search(ui, cx);
            self.choices(ui);
            theme::at_end(ui, |ui| {
                ui.spacing_mut().slider_width = 80.0;
                self.grid.size_slider(ui);
                self.sort(ui);
                history(ui, cx);
                if theme::icon_button(ui, ICON_BAR_CHART, "Usage").clicked() {
                    self.open_usage();
                }
                if theme::icon_button(ui, ICON_COMPARE, "Which is better? (P)").clicked() {
                    self.open_pairs(cx);
                }
            });
        });
        ui.add_space(-ui.spacing().item_spacing.y);
        deed = self.find_bars(ui, cx).or(deed);
        if self.filter.alike.is_some() || self.filter.family.is_some() {
            theme::toolbar(ui, |ui| {
                let what = if self.filter.alike.is_some() { "Similar to" } else { "Family of" };
                theme::weak(ui, format!("{what} {}", self.relative_of));
                if theme::quiet_button(ui, Some(ICON_CLOSE), "Show all").clicked() {
                    self.show_all();
                }
            });
            ui.add_space(-ui.spacing().item_spacing.y);
        }
        if self.filter.trashed {
            theme::toolbar(ui, |ui| {
                let count = self.items.len() as u64;
                theme::weak(ui, format!("{} in the trash", format::plural(count, "picture", "pictures")));
                if count > 0 && theme::danger_button(ui, Some(ICON_DELETE), "Empty the trash…").clicked() {
                    deed = Some(Deed::EmptyTrash);
                }
            });
            ui.add_space(-ui.spacing().item_spacing.y);
        }
        deed
    }

    fn search(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let field = theme::text_field(ui, &mut self.filter.text, "Search pictures", 150.0, "Search");
        self.search_button(ui, &field, cx);
        if field.changed() {
            self.typed = cx.time;
            ui.ctx().request_repaint_after(std::time::Duration::from_millis(300));
        }
        if !self.filter.text.is_empty() && theme::icon_button(ui, ICON_CLOSE, "Clear the search").clicked() {
            self.filter.text.clear();
            self.end_search(cx);
        }
    }

    fn choices(&mut self, ui: &mut Ui) {
        choice(ui, "Model", "All models", &mut self.filter.model, &self.models);
        if !self.tags.is_empty() {
            choice(ui, "Tag", "All tags", &mut self.filter.tag, &self.tags);
        }
        let title = |n: u8| match n {
            0 => "Any rating".to_string(),
            5 => "Rated 5".into(),
            n => format!("Rated {n} or more"),
        };
        let text = title(self.filter.min_rating);
        let combo = ComboBox::from_id_salt("rating").selected_text(text).width(110.0).show_ui(ui, |ui| {
            for n in 0..=5u8 {
                ui.selectable_value(&mut self.filter.min_rating, n, title(n));
            }
        });
        combo.response.accessible_name("Rating");
        theme::icon_toggle(ui, ICON_STAR, "Starred only", &mut self.filter.starred);
        theme::icon_toggle(ui, ICON_DELETE, "Show the trash", &mut self.filter.trashed);
    }

    fn sort(&mut self, ui: &mut Ui) {
        // What looks alike has an order of its own.
        if self.filter.alike.is_some() {
            return;
        }
        let title = |s: ItemSort| match s {
            ItemSort::Newest => "Newest",
            ItemSort::Oldest => "Oldest",
            ItemSort::Rating => "Best rated",
            ItemSort::Model => "By model",
        };
        let combo =
            ComboBox::from_id_salt("sort").selected_text(title(self.filter.sort)).width(88.0).show_ui(ui, |ui| {
                for sort in [ItemSort::Newest, ItemSort::Oldest, ItemSort::Rating, ItemSort::Model] {
                    ui.selectable_value(&mut self.filter.sort, sort, title(sort));
                }
            });
        combo.response.accessible_name("Order");
    }
}

/// The last changes, those of earlier days among them, each with what takes it back or makes it again.
fn history(ui: &mut Ui, cx: &mut Cx<'_>) {
    let t = theme::tokens(ui);
    let icon = theme::icon_text(Some(ICON_HISTORY), "", size::STRONG, t.text);
    let menu = ui.menu_button(icon, |ui| {
        ui.set_min_width(280.0);
        theme::section(ui, "Recent changes");
        if cx.studio.changes.is_empty() {
            theme::weak(ui, "No changes yet");
        }
        for past in cx.studio.changes.iter().take(12) {
            ui.horizontal(|ui| {
                let (icon, verb) = if past.undone { (ICON_REDO, "Redo") } else { (ICON_UNDO, "Undo") };
                if theme::icon_button(ui, icon, &format!("{verb}: {}", past.name)).clicked() {
                    let change = past.id;
                    let back = Command::UndoChange { change };
                    cx.actions.push(Action::Engine(Box::new(if past.undone {
                        Command::RedoChange { change }
                    } else {
                        back
                    })));
                    cx.actions.push(Action::Engine(Box::new(Command::ListChanges)));
                }
                let colour = if past.undone { t.disabled } else { t.text };
                ui.label(egui::RichText::new(&past.name).color(colour));
                if !cx.still {
                    theme::weak(ui, format::ago(past.at));
                }
            });
        }
    });
    theme::name(&menu.response, egui::Role::Button, "Recent changes");
    if menu.response.on_hover_text("Changes to saved pictures, to undo or redo").clicked() {
        cx.send(Command::ListChanges);
    }
}

fn choice(ui: &mut Ui, name: &str, all: &str, value: &mut Option<String>, options: &[String]) {
    let text = value.clone().unwrap_or_else(|| all.into());
    let combo = ComboBox::from_id_salt(name).selected_text(text).width(104.0).truncate().show_ui(ui, |ui| {
        ui.set_min_size(vec2(160.0, 0.0));
        ui.selectable_value(value, None, all);
        for option in options {
            ui.selectable_value(value, Some(option.clone()), option);
        }
    });
    combo.response.accessible_name(name);
}
