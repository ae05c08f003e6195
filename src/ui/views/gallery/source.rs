//! Kept pictures for the grid: thumbnails asked for as they scroll into view.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use egui::{Context, DragAndDrop, Response};
use egui_material_icons::icons::{ICON_CIRCLE, ICON_STAR};

use super::model_of;
use crate::base::Picture;
use crate::engine::Item;
use crate::ui::action::{Dragged, DraggedWhat};
use crate::ui::format;
use crate::ui::state::Studio;
use crate::ui::textures::{Tex, Textures, key};
use crate::ui::widgets::latent_slot::latent_label;
use crate::ui::widgets::picture_grid::{GridSource, Mark};

/// Thumbnails that are remembered.
const REMEMBERED: usize = 6000;

/// Thumbnails by the picture's number.
#[derive(Default)]
pub struct Thumbs {
    pictures: HashMap<i64, Arc<Picture>>,
    order: VecDeque<i64>,
    asked: HashSet<i64>,
}

impl Thumbs {
    /// Takes thumbnails in; the oldest are forgotten.
    pub fn add(&mut self, thumbs: &[(i64, Picture)]) {
        for (id, picture) in thumbs {
            self.asked.remove(id);
            if self.pictures.insert(*id, Arc::new(picture.clone())).is_none() {
                self.order.push_back(*id);
            }
        }
        while self.order.len() > REMEMBERED {
            if let Some(old) = self.order.pop_front() {
                self.pictures.remove(&old);
            }
        }
    }

    /// A thumbnail.
    pub fn get(&self, id: i64) -> Option<&Arc<Picture>> {
        self.pictures.get(&id)
    }

    /// Those among `ids` that are not here and were not asked for; they count as asked for from now on.
    pub fn missing(&mut self, ids: impl Iterator<Item = i64>) -> Vec<i64> {
        ids.filter(|id| !self.pictures.contains_key(id) && self.asked.insert(*id)).collect()
    }

    /// A thumbnail as a texture.
    pub fn tex(&self, id: i64, textures: &mut Textures, ctx: &Context) -> Option<Tex> {
        Some(textures.get(ctx, key(("kept", id)), 0, self.pictures.get(&id)?))
    }
}

/// The items of a filter.
pub struct Source<'a> {
    pub items: &'a [Item],
    pub studio: &'a Studio,
    pub thumbs: &'a mut Thumbs,
    pub textures: &'a mut Textures,
    pub ctx: &'a Context,
    /// Why pictures were found, by their numbers.
    pub why: &'a HashMap<i64, String>,
    /// Thumbnails to ask for, filled by the grid.
    pub wanted: Vec<i64>,
}

impl GridSource for Source<'_> {
    fn len(&self) -> usize {
        self.items.len()
    }

    fn key(&self, index: usize) -> u64 {
        self.items.get(index).map_or(u64::MAX, |i| i.id as u64)
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        name(&self.items[index]).into()
    }

    fn texture(&mut self, index: usize) -> Option<Tex> {
        let item = &self.items[index];
        self.textures.of(self.studio.subject_of_item(item));
        self.thumbs.tex(item.id, self.textures, self.ctx)
    }

    fn request(&mut self, missing: &[usize]) {
        self.wanted = self.thumbs.missing(missing.iter().map(|&i| self.items[i].id));
    }

    fn aspect(&self, index: usize) -> f32 {
        let item = &self.items[index];
        if item.height == 0 { 1.0 } else { item.width as f32 / item.height as f32 }
    }

    fn mark(&self, index: usize) -> Mark<'_> {
        let item = &self.items[index];
        let foot = if let Some(why) = self.why.get(&item.id) {
            Cow::Borrowed(why.as_str())
        } else if item.rating > 0 {
            Cow::Owned(ICON_CIRCLE.codepoint.repeat(usize::from(item.rating)))
        } else {
            Cow::Borrowed("")
        };
        Mark { corner: if item.starred { ICON_STAR.codepoint.into() } else { "".into() }, foot, ..Mark::default() }
    }

    fn cell(&self, index: usize, response: &Response) {
        if response.drag_started() {
            let item = &self.items[index];
            let what = match (model_of(self.studio, item), &item.recipe) {
                (Some(model), Some(recipe)) => {
                    let (latent, truncation) = (recipe.latent.clone(), recipe.truncation);
                    DraggedWhat::Latent { model, latent, truncation }
                }
                _ => DraggedWhat::Item(item.id),
            };
            let dragged = Dragged { picture: self.thumbs.get(item.id).cloned(), what };
            DragAndDrop::set_payload(&response.ctx, dragged);
        }
    }

    fn draggable(&self) -> bool {
        true
    }
}

/// What a picture is called: model and place, or data set and name.
pub fn name(item: &Item) -> String {
    match (&item.recipe, &item.imported) {
        (_, Some(imported)) => format!("{}, {}", imported.dataset, imported.name),
        (Some(recipe), None) => format!("{}, {}", item.model, latent_label(&recipe.latent)),
        (None, None) => format!("{}, kept {}", item.model, format::ago(item.created)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thumbnails_are_asked_for_once_and_the_oldest_are_forgotten() {
        let mut thumbs = Thumbs::default();
        assert_eq!(thumbs.missing([1, 2].into_iter()), [1, 2]);
        assert_eq!(thumbs.missing([1, 2, 3].into_iter()), [3]);
        let picture = Picture::filled(1, 1, [0; 4]);
        thumbs.add(&[(1, picture.clone())]);
        assert!(thumbs.get(1).is_some() && thumbs.missing([1].into_iter()).is_empty());
        let many: Vec<_> = (10..10 + REMEMBERED as i64).map(|i| (i, picture.clone())).collect();
        thumbs.add(&many);
        assert!(thumbs.get(1).is_none());
        assert_eq!(thumbs.missing([1].into_iter()), [1], "it can be asked for again");
    }
}
