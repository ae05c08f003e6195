//! The pictures kept last, and the way to the gallery.

use std::collections::HashMap;

use egui::{Sense, Ui, Vec2};
use egui_material_icons::icons::ICON_PHOTO_LIBRARY;

use crate::base::Picture;
use crate::engine::{Command, Event, Item, ItemFilter};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::textures;
use crate::ui::theme::{self, size};
use crate::ui::views::{Cx, ViewId};

/// Pictures shown.
const SHOWN: usize = 8;
const COLUMNS: usize = 4;

/// The pictures kept last.
#[derive(Default)]
pub(super) struct RecentImages {
    /// State of the gallery that was asked for.
    asked: Option<u64>,
    items: Vec<Item>,
    pictures: HashMap<i64, Picture>,
}

impl RecentImages {
    /// Asks for the newest pictures if something changed.
    pub(super) fn ask(&mut self, cx: &mut Cx<'_>) {
        let now = cx.studio.items_revision;
        if self.asked != Some(now) {
            self.asked = Some(now);
            cx.send(Command::ListItems { filter: ItemFilter::default() });
        }
    }

    /// Takes in what concerns the newest pictures.
    pub(super) fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        match event {
            Event::Items { filter, items } if *filter == ItemFilter::default() => {
                self.items = items.iter().take(SHOWN).cloned().collect();
                self.pictures.retain(|id, _| self.items.iter().any(|i| i.id == *id));
                let missing: Vec<i64> =
                    self.items.iter().map(|i| i.id).filter(|id| !self.pictures.contains_key(id)).collect();
                if !missing.is_empty() {
                    cx.send(Command::ItemThumbs { ids: missing });
                }
            }
            Event::ItemThumbs(thumbs) => {
                let wanted = thumbs.iter().filter(|(id, _)| self.items.iter().any(|i| i.id == *id));
                self.pictures.extend(wanted.cloned());
            }
            _ => {}
        }
    }

    /// Draws them; a click shows one in the gallery.
    pub(super) fn show(&self, ui: &mut Ui, cx: &mut Cx<'_>) {
        theme::section(ui, "Gallery");
        if self.items.is_empty() {
            theme::weak(ui, "Pictures you keep are shown here");
        }
        let gap = size::XS;
        let side =
            ((ui.available_width() - gap * (COLUMNS as f32 - 1.0)) / COLUMNS as f32).floor().clamp(24.0, size::THUMB);
        ui.spacing_mut().item_spacing = Vec2::splat(gap);
        for row in self.items.chunks(COLUMNS) {
            ui.horizontal(|ui| {
                for item in row {
                    let id = &item.id;
                    let Some(picture) = self.pictures.get(id) else {
                        theme::skeleton(ui, Vec2::splat(side));
                        continue;
                    };
                    cx.textures.of(cx.studio.subject_of_item(item));
                    let tex = cx.textures.get(ui.ctx(), textures::key(("home recent", id)), 0, picture);
                    let name = format!("Kept picture {id}");
                    if textures::picture(ui, &tex, Vec2::splat(side), Sense::click(), &name).clicked() {
                        cx.push(Action::Deliver(ViewId::Gallery, Box::new(ViewMessage::Item(*id))));
                    }
                }
            });
        }
        ui.add_space(size::XS);
        if theme::button(ui, Some(ICON_PHOTO_LIBRARY), "Open the gallery").clicked() {
            cx.go(ViewId::Gallery);
        }
    }
}
