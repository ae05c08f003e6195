//! "Use in…": what can be done with a picture, wherever it is shown. A right click on any picture opens it, U does for the
//! present one.

use egui::{Id, Label, PopupAnchor, RichText, Ui};
use strum::IntoEnumIterator;

use super::ExploreView;
use super::page::{PageActions, UseIn};
use super::tabs::{Group, TABS};
use super::viewpoint::{Viewpoint, misfit};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::DraggedWhat;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::widgets::latent_slot::{ask_menu, asked_menu};

/// A picture whose menu is open.
pub struct Menu {
    viewpoint: Viewpoint,
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
    pub(super) fn picture_menu(&mut self, ui: &Ui, cx: &Cx<'_>, info: &ModelInfo, out: &mut PageActions) {
        if let Some((what, at)) = asked_menu(ui.ctx())
            && let DraggedWhat::Latent { model, latent, truncation } = what
        {
            let anchor = PopupAnchor::Position(at.unwrap_or_else(|| ui.max_rect().center()));
            self.menu =
                Some(Menu { viewpoint: Viewpoint { model: Some(model), latent, truncation }, anchor, fresh: true });
        }
        let Some(menu) = &mut self.menu else { return };
        let fresh = std::mem::take(&mut menu.fresh);
        let open = fresh.then_some(egui::SetOpenCommand::Bool(true));
        let viewpoint = menu.viewpoint.clone();
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
            scroll.show(ui, |ui| match viewpoint.model.as_ref() == Some(&info.model) {
                true => entries(ui, &viewpoint.latent, viewpoint.truncation, out),
                false => of_another_model(ui, cx, info, &viewpoint, out),
            });
        });
        if shown.is_none() {
            self.menu = None;
        }
    }
}

/// What can be done with a picture that another model made: its latent means nothing to the pages of this one.
fn of_another_model(ui: &mut Ui, cx: &Cx<'_>, info: &ModelInfo, viewpoint: &Viewpoint, out: &mut PageActions) {
    ui.spacing_mut().item_spacing.y = 2.0;
    let Some(made_by) = viewpoint.model.as_deref().and_then(|m| cx.studio.model(m)) else {
        theme::weak(ui, "The model that made this picture is not here any more");
        return;
    };
    let why = format!("Made by {}: the pages of {} cannot use its latent", made_by.name, info.name);
    ui.add(Label::new(RichText::new(why).size(size::SMALL).color(theme::tokens(ui).weak)).wrap());
    ui.separator();
    if ui.button(format!("Open with {}", made_by.name)).clicked() {
        out.visit = Some(viewpoint.clone());
    }
    if let Some(seed) = viewpoint.latent.seed().filter(|_| misfit(&viewpoint.latent, info).is_none())
        && ui.button(format!("Seed {seed} of {}", info.name)).clicked()
    {
        out.open = Some(Latent::Seed { seed });
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
    if ui.button("Where does this come from?").clicked() {
        out.origin = Some(latent.clone());
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
