//! The badge that says whether a picture is the model's own, near to a training picture, or a copy of one.

use std::collections::HashSet;

use egui::{Id, RichText, Ui, Vec2};

use super::Cx;
use crate::engine::{Command, Item, Likeness};
use crate::latent::retrieval::Standing;
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, Tone, size};

/// Side of the two pictures, in points.
const SIDE: f32 = 112.0;

/// What the badge says, and how it looks.
pub(in crate::ui) fn word(standing: Standing) -> (Tone, &'static str) {
    match standing {
        Standing::Own => (Tone::Good, "Original"),
        Standing::Near => (Tone::Warn, "Near a training picture"),
        Standing::Copy => (Tone::Bad, "Copy of a training picture"),
    }
}

/// The badge in a sentence.
fn sentence(likeness: &Likeness) -> String {
    let by = if likeness.held_out { "held-out pictures" } else { "training pictures, compared with each other," };
    format!(
        "{:.1} % of {} {by} come as near to a training picture; the nearest is {}",
        likeness.as_near * 100.0,
        likeness.unseen,
        likeness.name
    )
}

/// Shows the badge of a kept picture that a model made, with the pair when the pointer is over it; or offers to look.
pub(super) fn show(ui: &mut Ui, cx: &mut Cx<'_>, item: &Item) {
    if item.recipe.is_none() {
        return;
    }
    theme::section(ui, "Likeness");
    match cx.studio.likeness.get(&item.id) {
        Some((Some(found), _)) => {
            let (likeness, real) = (found.0.clone(), found.1.clone());
            let (tone, text) = word(likeness.standing);
            let ctx = ui.ctx().clone();
            cx.textures.of(cx.studio.subject_of_item(item));
            let tex = cx.textures.get(&ctx, key(("likeness", item.id)), 0, &real);
            theme::badge(ui, tone, text).on_hover_ui(|ui| {
                textures::picture(
                    ui,
                    &tex,
                    tex.fit(Vec2::splat(SIDE)),
                    egui::Sense::hover(),
                    "Nearest training picture",
                );
                ui.add(egui::Label::new(sentence(&likeness)).wrap());
            });
            ui.add(egui::Label::new(RichText::new(sentence(&likeness)).size(size::SMALL)).wrap());
        }
        Some((None, Some(problem))) => {
            theme::weak(ui, problem.what.clone());
        }
        known => {
            // What was found before is told at once; looking anew takes a while and is asked for.
            let once = Id::unique("likeness asked");
            let new =
                ui.ctx().data_mut(|d| d.get_temp_mut_or_default::<HashSet<(i64, bool)>>(once).insert((item.id, false)));
            if new && known.is_none() {
                cx.send(Command::Likeness { item: Box::new(item.clone()), look: false });
            }
            let asked = ui
                .ctx()
                .data(|d| d.get_temp::<HashSet<(i64, bool)>>(once).is_some_and(|set| set.contains(&(item.id, true))));
            if asked {
                theme::weak(ui, "Comparing with the training pictures…");
            } else if theme::button(ui, None, "Compare with training pictures").clicked() {
                ui.ctx().data_mut(|d| {
                    d.get_temp_mut_or_default::<HashSet<(i64, bool)>>(once).insert((item.id, true));
                });
                cx.send(Command::Likeness { item: Box::new(item.clone()), look: true });
            }
        }
    }
}
