//! A sheet of random samples: roll again, star, choose several, stand at one.

use std::borrow::Cow;

use egui::{Context, DragValue, Response, Ui};
use egui_material_icons::icons::{ICON_CASINO, ICON_STAR};

use super::desk::{Desk, SheetDesk, Stand};
use super::feed::{Feed, Wish};
use super::{Cx, Out};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::format;
use crate::ui::textures::{Tex, Textures};
use crate::ui::theme;
use crate::ui::widgets::latent_slot::drag_latent;
use crate::ui::widgets::picture_grid::{GridSource, Mark, PictureGrid};

/// The tab's own state.
#[derive(Default)]
pub struct Sheet {
    pub feed: Feed,
    grid: PictureGrid,
}

/// The next page of seeds.
pub fn roll(desk: &mut SheetDesk, out: &mut Out) {
    desk.first = desk.first.wrapping_add(u64::from(desk.count));
    out.label = Some("roll again");
}

fn seeds(desk: &SheetDesk) -> impl Iterator<Item = u64> + '_ {
    (0..u64::from(desk.count)).map(|i| desk.first.wrapping_add(i))
}

impl Sheet {
    /// Draws it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        desk: &mut Desk,
        kept: &[Stand],
        out: &mut Out,
    ) {
        let chosen = self.selected(&desk.sheet);
        theme::toolbar(ui, |ui| {
            if theme::primary_button(ui, Some(ICON_CASINO), "Roll again").on_hover_text("New samples (R)").clicked() {
                roll(&mut desk.sheet, out);
            }
            let first = DragValue::new(&mut desk.sheet.first).prefix("from seed ").speed(0.3);
            if ui.add(first).accessible_name("First seed").changed() {
                out.label = Some("change the first seed");
            }
            let count = DragValue::new(&mut desk.sheet.count).range(1..=256).suffix(" samples");
            if ui.add(count).accessible_name("Samples").changed() {
                out.label = Some("change the number of samples");
            }
            if !chosen.is_empty() {
                theme::weak(ui, format!("{} chosen", format::count(chosen.len() as u64)));
                if theme::quiet_button(ui, Some(ICON_STAR), "Keep")
                    .on_hover_text("Keep in the gallery with a star (.)")
                    .clicked()
                {
                    out.keep.clone_from(&chosen);
                }
                if theme::quiet_button(ui, None, "Export…").clicked() {
                    out.export = Some((chosen, "sample", 0, None));
                }
            }
        });
        let latents: Vec<Latent> = seeds(&desk.sheet).map(|seed| desk.here.classed(&Latent::Seed { seed })).collect();
        self.feed.want(Wish { model: info.model.clone(), latents, truncation: desk.here.truncation }, cx);

        let area = egui::Frame::new().inner_margin(egui::Margin::same(theme::size::S as i8));
        area.show(ui, |ui| {
            self.grid.size = side(ui.available_width(), ui.available_height(), desk.sheet.count as usize);
            // What is on the screen is what arrived last; its seeds may not be those of the desk yet.
            let shown: Vec<Latent> = match self.feed.shown() {
                Some(wish) => wish.latents.clone(),
                None => seeds(&desk.sheet).map(|seed| Latent::Seed { seed }).collect(),
            };
            let ctx = ui.ctx().clone();
            let mut source = Source {
                feed: &self.feed,
                shown: &shown,
                info,
                truncation: desk.here.truncation,
                kept,
                textures: &mut *cx.textures,
                ctx: &ctx,
            };
            let mut keep = false;
            let mut export = false;
            let response = self.grid.show(ui, "Samples", &mut source, |ui, _| {
                keep = ui.button("Keep in gallery").clicked();
                export = ui.button("Export…").clicked();
            });
            // Enter and Space mean the cell they stand on; it stays selected.
            let by_key = response.opened.or(response.previewed);
            if let Some(seed) = by_key.and_then(|i| shown.get(i)?.seed()) {
                self.grid.selection.only(seed);
            }
            let stand = by_key.or(response.chosen);
            if let Some(latent) = stand.and_then(|i| shown.get(i)) {
                out.stand = Some(latent.clone());
            }
            if keep {
                out.keep = self.selected(&desk.sheet);
            }
            if export {
                out.export = Some((self.chosen(&desk.sheet), "sample", 0, None));
            }
        });
    }

    /// The selected samples, in order.
    pub fn selected(&self, desk: &SheetDesk) -> Vec<Latent> {
        seeds(desk).filter(|&s| self.grid.selection.contains(s)).map(|seed| Latent::Seed { seed }).collect()
    }

    /// The selected samples, or all if none is.
    pub fn chosen(&self, desk: &SheetDesk) -> Vec<Latent> {
        let selected = self.selected(desk);
        if selected.len() > 1 { selected } else { seeds(desk).map(|seed| Latent::Seed { seed }).collect() }
    }

    /// Selects every sample.
    pub fn select_all(&mut self, desk: &SheetDesk) {
        self.grid.selection.add(seeds(desk));
    }
}

/// Side of a cell with which `count` squares just fit into the room.
fn side(width: f32, height: f32, count: usize) -> f32 {
    let gap = 4.0;
    for columns in 1..=count {
        let side = (width - gap * (columns - 1) as f32) / columns as f32;
        let rows = count.div_ceil(columns) as f32;
        if rows * (side + gap) - gap <= height {
            return side;
        }
    }
    32.0
}

struct Source<'a> {
    feed: &'a Feed,
    shown: &'a [Latent],
    info: &'a ModelInfo,
    truncation: f32,
    kept: &'a [Stand],
    textures: &'a mut Textures,
    ctx: &'a Context,
}

impl GridSource for Source<'_> {
    fn len(&self) -> usize {
        self.shown.len()
    }

    fn key(&self, index: usize) -> u64 {
        match self.shown.get(index) {
            Some(Latent::Seed { seed }) => *seed,
            _ => index as u64,
        }
    }

    fn name(&self, index: usize) -> Cow<'_, str> {
        format!("Seed {}", self.key(index)).into()
    }

    fn texture(&mut self, index: usize) -> Option<Tex> {
        self.feed.tex(index, self.textures, self.ctx)
    }

    fn request(&mut self, _missing: &[usize]) {}

    fn mark(&self, index: usize) -> Mark<'_> {
        let latent = &self.shown[index];
        let star = self.kept.iter().any(|k| {
            k.latent == *latent && k.truncation == self.truncation && k.model.as_ref() == Some(&self.info.model)
        });
        Mark { corner: if star { ICON_STAR.codepoint.into() } else { Cow::Borrowed("") }, ..Mark::default() }
    }

    fn cell(&self, index: usize, response: &Response) {
        let picture = self.feed.picture(index);
        drag_latent(response, &self.info.model, &self.shown[index], self.truncation, picture);
    }

    fn draggable(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_samples_fit_without_scrolling() {
        for (width, height) in [(900.0, 600.0), (400.0, 700.0), (1500.0, 300.0)] {
            for count in [1usize, 7, 36, 100, 256] {
                let side = side(width, height, count);
                // As the grid rounds it.
                let columns = (((width + 4.0) / (side + 4.0)).round() as usize).max(1);
                let cell = (width - 4.0 * (columns - 1) as f32) / columns as f32;
                let rows = count.div_ceil(columns) as f32;
                assert!(rows * (cell + 4.0) - 4.0 <= height + 0.5, "{width}x{height} {count}: {side}");
            }
        }
    }
}
