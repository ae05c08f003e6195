//! A latent space of two numbers, laid out: every cell is what the model makes at that place.

use egui::{Rect, Sense, Ui, Vec2, pos2, vec2};
use egui_material_icons::icons::ICON_EXPLORE;

use crate::base::Picture;
use crate::engine::{Command, Event, GenerateRequest, SlotId};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::Action;
use crate::ui::format;
use crate::ui::state::Studio;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::views::Cx;

/// Cells a side.
const SIDE: usize = 11;
/// How far the plane reaches from the middle, in standard deviations.
const REACH: f32 = 2.5;
/// The largest plane, in points.
const LARGEST: f32 = 560.0;

/// The plane of a model with two numbers.
#[derive(Default)]
pub struct Plane {
    slot: Option<SlotId>,
    ticket: u64,
    /// The model whose plane was asked for.
    of: Option<String>,
    pictures: Vec<Picture>,
    revision: u64,
}

/// The model whose latents have two numbers, a shipped one first.
pub fn model(studio: &Studio) -> Option<&ModelInfo> {
    studio.models.iter().find(|m| m.latent == 2 && m.recipe.data.settled().channels != crate::base::Channels::Points)
}

/// The latent of a cell, the upper left one first.
fn place(cell: usize) -> [f32; 2] {
    let along = |i: usize| (i as f32 / (SIDE - 1) as f32 * 2.0 - 1.0) * REACH;
    // Subtracted, so that the middle is 0 rather than −0.
    [along(cell % SIDE), 0.0 - along(cell / SIDE)]
}

fn latent(cell: usize) -> Latent {
    Latent::Point { values: place(cell).to_vec() }
}

impl Plane {
    fn ask(&mut self, cx: &mut Cx<'_>, model: &str) {
        if self.of.as_deref() == Some(model) {
            return;
        }
        let slot = *self.slot.get_or_insert_with(|| cx.ids.next());
        (self.ticket, self.of) = (cx.ids.next(), Some(model.to_string()));
        let latents = (0..SIDE * SIDE).map(latent).collect();
        let (model, ticket) = (model.to_string(), self.ticket);
        cx.send(Command::Generate(GenerateRequest { slot, ticket, model, latents, truncation: 1.0 }));
    }

    /// Takes the pictures in.
    pub fn on_event(&mut self, event: &Event) {
        if let Event::Generated { slot, ticket, pictures, .. } = event
            && (Some(*slot), *ticket) == (self.slot, self.ticket)
        {
            self.pictures.clone_from(pictures);
            self.revision += 1;
        }
    }

    /// Draws it; a click explores the model from there.
    pub fn show(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        let Some(info) = model(cx.studio) else {
            let text = "No model with two numbers is here. Train a VAE with a latent of 2 to see its plane";
            theme::weak(ui, text);
            return;
        };
        let name = info.model.clone();
        self.ask(cx, &name);
        theme::weak(ui, format!("All of {}: left to right is its first number, bottom to top its second", info.name));
        let side = ui.available_width().min(LARGEST).min((ui.clip_rect().height() - 200.0).max(240.0)).floor();
        let (rect, _) = ui.allocate_exact_size(Vec2::splat(side), Sense::hover());
        let cell = side / SIDE as f32;
        let t = theme::tokens(ui);
        for i in 0..SIDE * SIDE {
            let corner = rect.min + vec2((i % SIDE) as f32, (i / SIDE) as f32) * cell;
            let at = Rect::from_min_size(pos2(corner.x, corner.y), Vec2::splat(cell - 1.0));
            let Some(picture) = self.pictures.get(i) else {
                ui.painter().rect_filled(at, 0.0, t.raised);
                continue;
            };
            let tex = cx.textures.get(ui.ctx(), key(("lesson plane", i)), self.revision, picture);
            textures::paint(ui.painter(), at, &tex, t);
            let response = ui.interact(at, ui.scope_id().with(("plane", i)), Sense::CLICK);
            let [x, y] = place(i);
            let said = format!("Latent {}, {}", format::number(f64::from(x)), format::number(f64::from(y)));
            theme::name(&response, egui::Role::Button, &said);
            if response.on_hover_text(format!("{said}: click to explore from here")).clicked() {
                cx.push(Action::explore(name.clone(), Some(latent(i)), 1.0));
            }
        }
        ui.add_space(size::S);
        if theme::button(ui, Some(ICON_EXPLORE), "Explore this plane").clicked() {
            cx.push(Action::explore(name, Some(latent(SIDE * SIDE / 2)), 1.0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plane_is_laid_out_with_its_second_number_upwards() {
        assert_eq!(place(0), [-REACH, REACH]);
        assert_eq!(place(SIDE * SIDE / 2), [0.0, 0.0]);
        assert!(place(SIDE * SIDE / 2)[1].is_sign_positive());
        assert_eq!(place(SIDE * SIDE - 1), [REACH, -REACH]);
    }
}
