//! "Use in…": what can be done with a picture, wherever it is shown. A right click on any picture opens it, U does for the
//! present one.

use egui::{Id, PopupAnchor, Ui};
use strum::IntoEnumIterator;

use super::ExploreView;
use super::page::{PageActions, UseIn};
use super::tabs::{Group, TABS};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::DraggedWhat;
use crate::ui::theme::{self, size};
use crate::ui::widgets::latent_slot::{ask_menu, asked_menu};

/// A picture whose menu is open.
pub struct Menu {
    latent: Latent,
    truncation: f32,
    anchor: PopupAnchor,
    /// It was asked for in this frame.
    fresh: bool,
}

impl ExploreView {
    /// Opens the menu of the present picture.
    pub(super) fn menu_of_present(&self, ui: &Ui) {
        let Some(model) = self.state.here.model.clone() else { return };
        let (latent, truncation) = (self.state.here.latent.clone(), self.state.here.truncation);
        ask_menu(ui.ctx(), DraggedWhat::Latent { model, latent, truncation });
    }

    /// Draws the menu, if one is open.
    pub(super) fn picture_menu(&mut self, ui: &Ui, info: &ModelInfo, out: &mut PageActions) {
        if let Some((what, at)) = asked_menu(ui.ctx())
            && let DraggedWhat::Latent { model, latent, truncation } = what
        {
            out.foreign |= model != info.model;
            let anchor = PopupAnchor::Position(at.unwrap_or_else(|| ui.max_rect().center()));
            let same = model == info.model;
            self.menu = same.then_some(Menu { latent, truncation, anchor, fresh: true });
        }
        let Some(menu) = &mut self.menu else { return };
        let fresh = std::mem::take(&mut menu.fresh);
        let open = fresh.then_some(egui::SetOpenCommand::Bool(true));
        let (latent, truncation) = (menu.latent.clone(), menu.truncation);
        let popup = egui::Popup::new(Id::unique("use in"), ui.ctx().clone(), menu.anchor, ui.layer_id())
            .kind(egui::PopupKind::Menu)
            .style(egui::containers::menu::menu_style)
            .layout(egui::Layout::top_down_justified(egui::Align::Min));
        let shown = popup.open_memory(open).accessible_name("Use in").show(|ui| {
            ui.set_width(240.0);
            // As high as its entries; where the window is lower it scrolls, from its beginning.
            let room = ui.ctx().content_rect().height() - 2.0 * size::L;
            let mut scroll = egui::ScrollArea::vertical().min_scrolled_height(room).max_height(room);
            if fresh {
                scroll = scroll.vertical_scroll_offset(0.0);
            }
            scroll.show(ui, |ui| entries(ui, &latent, truncation, out));
        });
        if shown.is_none() {
            self.menu = None;
        }
    }
}

/// What can be done with a picture, the pages by their groups.
fn entries(ui: &mut Ui, latent: &Latent, truncation: f32, out: &mut PageActions) {
    ui.spacing_mut().item_spacing.y = 2.0;
    if ui.button("Open").clicked() {
        out.open = Some(latent.clone());
        out.whole = truncation == 1.0;
    }
    if ui.button("Keep in the gallery").clicked() {
        out.keep = vec![latent.clone()];
    }
    if ui.button("Export…").clicked() {
        out.export = Some((vec![latent.clone()], "sample", 0, Some("png")));
    }
    for group in Group::iter() {
        let mut pages = TABS.iter().filter(|t| t.group == group && (t.subject || !t.uses.is_empty())).peekable();
        if pages.peek().is_none() {
            continue;
        }
        ui.separator();
        theme::weak(ui, group.title());
        for tab in pages {
            if tab.subject && ui.button(format!("Open in {}", tab.title)).clicked() {
                out.open = Some(latent.clone());
                out.page = Some(tab.id);
            }
            for (slot, text) in tab.uses.iter().enumerate() {
                if ui.button(*text).clicked() {
                    out.use_in = Some(UseIn { page: tab.id, slot, latent: latent.clone() });
                }
            }
        }
    }
}
