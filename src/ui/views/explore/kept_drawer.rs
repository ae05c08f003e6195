//! Pictures of the model in use that are kept in the gallery, beside the history: each a click, a drag or a menu away.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{Rect, ScrollArea, Ui, Vec2};

use super::viewpoint::misfit;
use crate::base::Picture;
use crate::engine::{Command, Event, ItemFilter};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::textures::key;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::widgets::latent_slot::{Tile, drag_latent, tile};

/// As many as are shown, the newest ones.
const MOST: usize = 60;

/// A kept picture.
struct KeptPicture {
    id: i64,
    latent: Latent,
    truncation: f32,
}

/// The drawer.
#[derive(Default)]
pub struct KeptDrawer {
    /// What was asked for last, for which revision of the gallery, and for which weights.
    asked: Option<(ItemFilter, u64, String)>,
    all: Vec<KeptPicture>,
    pictures: HashMap<i64, Arc<Picture>>,
    revision: u64,
}

impl KeptDrawer {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Asks for the kept pictures of a model, again whenever something was kept.
    pub fn follow(&mut self, info: &ModelInfo, cx: &mut Cx<'_>) {
        let filter = ItemFilter { model: Some(info.name.clone()), ..ItemFilter::default() };
        let now = (filter.clone(), cx.studio.items_revision, info.hash.clone());
        if self.asked.as_ref() != Some(&now) {
            if self.asked.as_ref().is_none_or(|a| a.2 != info.hash) {
                self.all.clear();
            }
            self.asked = Some(now);
            cx.send(Command::ListItems { filter });
        }
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event, info: Option<&ModelInfo>, cx: &mut Cx<'_>) {
        match event {
            Event::Items { filter, items } => {
                let (Some((asked, _, hash)), Some(info)) = (&self.asked, info) else { return };
                if asked != filter {
                    return;
                }
                let of = items.iter().filter_map(|item| {
                    let recipe = item.recipe.as_ref().filter(|r| r.model_hash == *hash)?;
                    let (latent, truncation) = (recipe.latent.clone(), recipe.truncation);
                    misfit(&latent, info).is_none().then_some(KeptPicture { id: item.id, latent, truncation })
                });
                self.all = of.collect();
                self.all.sort_by_key(|k| std::cmp::Reverse(k.id));
                self.all.truncate(MOST);
                let ids: Vec<i64> =
                    self.all.iter().map(|k| k.id).filter(|id| !self.pictures.contains_key(id)).collect();
                self.pictures.retain(|id, _| self.all.iter().any(|k| k.id == *id));
                if !ids.is_empty() {
                    cx.send(Command::ItemThumbs { ids });
                }
            }
            Event::ItemThumbs(thumbs) => {
                self.revision += 1;
                for (id, picture) in thumbs.iter().filter(|(id, _)| self.all.iter().any(|k| k.id == *id)) {
                    self.pictures.insert(*id, Arc::new(picture.clone()));
                }
            }
            _ => {}
        }
    }

    /// Draws it; what is to be opened, with its truncation.
    pub fn show(&self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo) -> Option<(Latent, f32)> {
        if self.all.is_empty() {
            theme::weak(ui, "Press . to keep a picture: it stays here to be used again");
            return None;
        }
        let side = (ui.available_height() - size::S).clamp(24.0, size::THUMB);
        let (ctx, mut open) = (ui.ctx().clone(), None);
        ScrollArea::horizontal().id_salt("kept").auto_shrink([false, false]).show(ui, |ui| {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = size::XS;
                for kept in &self.all {
                    let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), egui::Sense::hover());
                    let rect = Rect::from_min_size(rect.min, Vec2::splat(side));
                    let picture = self.pictures.get(&kept.id);
                    let tex = picture.map(|p| cx.textures.get(&ctx, key(("kept", kept.id)), self.revision, p));
                    let name = format!("Kept picture {}: {}", kept.id, kept.latent.label());
                    let look = Tile { tex: tex.as_ref(), name: &name, selected: false, focusable: true };
                    let response = tile(ui, ui.make_persistent_id(("kept", kept.id)), rect, &look);
                    drag_latent(&response, &info.model, &kept.latent, kept.truncation, picture);
                    if response.clicked() {
                        open = Some((kept.latent.clone(), kept.truncation));
                    }
                    response.on_hover_text(name);
                }
            });
        });
        open
    }
}
