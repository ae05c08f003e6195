//! The family tree of kept pictures: ancestors above, descendants below.

use std::collections::BTreeMap;

use egui::{Rect, ScrollArea, Sense, Stroke, Ui, Vec2, pos2, vec2};

use crate::engine::LineageNode;
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::PageActions;
use crate::ui::widgets::latent_slot::{Tile, drag_latent, tile};

/// Points a side, and from one generation to the next.
const SIDE: f32 = 56.0;
const STEP: Vec2 = vec2(SIDE + size::S, SIDE + 28.0);

/// A family as it is drawn.
#[derive(Default)]
pub struct FamilyTree {
    pub feed: ImageRequests,
    members: Vec<Member>,
}

struct Member {
    id: i64,
    latent: Latent,
    truncation: f32,
    hash: String,
    parents: Vec<i64>,
    /// Column and generation.
    place: (usize, usize),
}

/// The generation of each: one more than that of its latest parent, 0 without any. Each id with its parents.
fn generations(members: &[(i64, Vec<i64>)]) -> BTreeMap<i64, usize> {
    let mut out: BTreeMap<i64, usize> = members.iter().map(|m| (m.0, 0)).collect();
    // A family has no circles, so as many rounds as members are enough; a damaged one ends all the same.
    for _ in 0..members.len() {
        let mut changed = false;
        for (id, parents) in members {
            let above = parents.iter().filter_map(|p| out.get(p)).max().map_or(0, |g| g + 1);
            let above = above.min(members.len());
            if out.get(id) != Some(&above) {
                out.insert(*id, above);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    out
}

impl FamilyTree {
    /// Takes a family in.
    pub fn take(&mut self, relatives: &[LineageNode]) {
        let ids: Vec<(i64, Vec<i64>)> = relatives.iter().map(|r| (r.item.id, r.parents.clone())).collect();
        let generation = generations(&ids);
        let mut taken: BTreeMap<usize, usize> = BTreeMap::new();
        let mut sorted: Vec<&LineageNode> = relatives.iter().collect();
        sorted.sort_by_key(|r| r.item.id);
        let member = |r: &LineageNode| {
            let recipe = r.item.recipe.as_ref()?;
            let row = generation.get(&r.item.id).copied().unwrap_or(0);
            let column = taken.entry(row).or_default();
            *column += 1;
            Some(Member {
                id: r.item.id,
                latent: recipe.latent.clone(),
                truncation: recipe.truncation,
                hash: recipe.model_hash.clone(),
                parents: r.parents.clone(),
                place: (*column - 1, row),
            })
        };
        self.members = sorted.into_iter().filter_map(member).collect();
    }

    /// Draws the tree.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &ExploreState,
        out: &mut PageActions,
    ) {
        // A family of another model is not drawn through this one.
        if self.members.is_empty() || self.members.iter().any(|m| m.hash != info.hash) {
            return;
        }
        theme::section(ui, "Family");
        theme::weak(ui, format!("{} pictures of this family are kept in the gallery", self.members.len()));
        let latents: Vec<Latent> = self.members.iter().map(|m| m.latent.clone()).collect();
        self.feed.want(ImageBatch { model: info.model.clone(), latents, truncation: state.here.truncation }, cx);
        let across = self.members.iter().map(|m| m.place.0 + 1).max().unwrap_or(1);
        let down = self.members.iter().map(|m| m.place.1 + 1).max().unwrap_or(1);
        let ctx = ui.ctx().clone();
        let t = theme::tokens(ui);
        ScrollArea::horizontal().id_salt("family").show(ui, |ui| {
            let whole = vec2(across as f32 * STEP.x, down as f32 * STEP.y - 24.0);
            let (room, _) = ui.allocate_exact_size(whole, Sense::hover());
            let rect = |place: (usize, usize)| {
                let at = pos2(place.0 as f32 * STEP.x, place.1 as f32 * STEP.y);
                Rect::from_min_size(room.min + at.to_vec2(), Vec2::splat(SIDE))
            };
            for member in &self.members {
                let to = rect(member.place).center_top();
                for parent in self.members.iter().filter(|p| member.parents.contains(&p.id)) {
                    let from = rect(parent.place).center_bottom();
                    ui.painter().line_segment([from, to], Stroke::new(1.0, t.weak));
                }
            }
            for (i, member) in self.members.iter().enumerate() {
                let tex = self.feed.tex(i, cx.textures, &ctx);
                let name = format!("Kept picture {}, generation {}", member.id, member.place.1 + 1);
                let selected = member.latent == state.here.latent;
                let look = Tile { tex: tex.as_ref(), name: &name, selected, focusable: true };
                let response = tile(ui, ui.make_persistent_id(("relative", member.id)), rect(member.place), &look);
                drag_latent(&response, &info.model, &member.latent, member.truncation, self.feed.picture(i));
                if response.on_hover_text(format!("{name}: click to open it")).clicked() {
                    out.open = Some(member.latent.clone());
                    out.label = Some("open a relative");
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_are_a_generation_below_their_latest_parent() {
        let family = [(1, vec![]), (2, vec![]), (5, vec![1, 2]), (9, vec![5, 1]), (7, vec![2])];
        let found = generations(&family);
        assert_eq!([1, 2, 5, 9, 7].map(|i| found[&i]), [0, 0, 1, 2, 1]);
        // A circle ends.
        assert_eq!(generations(&[(1, vec![2]), (2, vec![1])]).len(), 2);
    }
}
