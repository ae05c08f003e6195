//! Breeding: parents, a litter of children, and the ones that are liked as the next parents.

use std::collections::{BTreeMap, BTreeSet};

use egui::{ComboBox, DragValue, Rect, Sense, Slider, Ui, Vec2, vec2};
use egui_material_icons::icons::{
    ICON_ADD, ICON_CASINO, ICON_CLOSE, ICON_ESCALATOR_WARNING, ICON_MY_LOCATION, ICON_STAR,
};

use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::latent::breed::{BreedConfig as Breeding, Child, Crossover};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::theme::{self, size};
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::page::{Page, PageActions, PageCx};
use crate::ui::views::explore::provenance::list;
use crate::ui::views::explore::tabs::family_tree::FamilyTree;
use crate::ui::views::explore::viewpoint::random_seed;
use crate::ui::widgets::latent_slot::{Dropped, Tile, drag_latent, latent_label, take_drop, tile};

/// The tab's own state.
#[derive(Default)]
pub struct Breed {
    parents: ImageRequests,
    feed: ImageRequests,
    /// What the litter is of: model, parents, wish.
    of: Option<(String, Vec<Latent>, Breeding)>,
    ticket: Option<u64>,
    children: Vec<Child>,
    chosen: BTreeSet<usize>,
    /// Kept pictures by what they are of, so that a family knows its parents.
    kept: BTreeMap<String, i64>,
    family: FamilyTree,
    /// Parents that the page began with.
    begun: Vec<Latent>,
}

/// How far children go.
fn sliders(ui: &mut Ui, wish: &mut Breeding, out: &mut PageActions) {
    ui.spacing_mut().slider_width = 90.0;
    let mut slider = |ui: &mut Ui, name: &str, value: &mut f32, help: &str, label: &'static str| {
        let moved = theme::whole(ui, |ui| {
            theme::weak(ui, name);
            ui.add(Slider::new(value, 0.0..=1.0).max_decimals(2)).accessible_name(name)
        });
        if moved.on_hover_text(help).changed() {
            out.label = Some(label);
        }
    };
    let help = "How far children stray from what they inherit";
    slider(ui, "Mutation", &mut wish.mutation, help, "change the mutation");
    let help = "How different children are from each other: more are born, the most different stay";
    slider(ui, "Diversity", &mut wish.diversity, help, "change the diversity");
}

/// How many children there are, and how they inherit.
fn inherit(ui: &mut Ui, wish: &mut Breeding, out: &mut PageActions) {
    let count = DragValue::new(&mut wish.count).range(1..=48).speed(0.1).suffix(" children");
    if ui.add(count).accessible_name("Children in a litter").changed() {
        out.label = Some("change the size of a litter");
    }
    let text = |c: Crossover| match c {
        Crossover::Blend => "Blend",
        Crossover::Dimensions => "Mix feature by feature",
        Crossover::Layers => "Mix layer by layer",
    };
    let before = wish.crossover;
    let combo = ComboBox::from_id_salt("crossover").selected_text(text(wish.crossover)).width(150.0);
    let combo = combo.show_ui(ui, |ui| {
        for c in [Crossover::Dimensions, Crossover::Blend, Crossover::Layers] {
            ui.selectable_value(&mut wish.crossover, c, text(c));
        }
    });
    combo.response.accessible_name("How children inherit");
    if wish.crossover != before {
        out.label = Some("change how children inherit");
    }
}

fn name_of(latent: &Latent) -> String {
    serde_json::to_string(latent).unwrap_or_default()
}

impl Page for Breed {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, out, .. }: PageCx<'_, '_>) {
        if state.breed.parents.is_empty() {
            self.begin(state, info);
        }
        theme::toolbar(ui, |ui| {
            self.next(ui, state, out);
            sliders(ui, &mut state.breed.wish, out);
            inherit(ui, &mut state.breed.wish, out);
        });
        let of = (info.model.clone(), state.here.all_classed(&state.breed.parents), state.breed.wish.clone());
        if self.of.as_ref() != Some(&of) {
            let ticket = cx.ids.next();
            let (model, parents, wish) = of.clone();
            cx.send(Command::Latent(LatentCommand::Breed { ticket, model, parents, wish }));
            self.ticket = Some(ticket);
            self.of = Some(of);
        }
        theme::page(ui, "breed", |ui| {
            theme::section(ui, "Parents");
            self.parents_row(ui, cx, info, state, out);
            theme::section(ui, "Children");
            self.litter(ui, cx, info, state, out);
            self.family.show(ui, cx, info, state, out);
        });
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.parents.on_event(event, cx);
        self.feed.on_event(event, cx);
        self.family.feed.on_event(event, cx);
        match event {
            Event::Latent(LatentEvent::Offspring { ticket, children, .. }) if self.ticket == Some(*ticket) => {
                self.children.clone_from(children);
                self.chosen.clear();
            }
            Event::Latent(LatentEvent::Family { members, .. }) => {
                self.family.take(members);
                for member in members {
                    if let Some(recipe) = &member.item.recipe {
                        self.kept.insert(name_of(&recipe.latent), member.item.id);
                    }
                }
            }
            _ => {}
        }
    }

    fn begin(&mut self, state: &mut ExploreState, _info: &ModelInfo) {
        // Parents that nobody chose: the present picture, and another one.
        if state.breed.parents.is_empty() || state.breed.parents == self.begun {
            let other = if state.here.latent.seed() == Some(2) { 1 } else { 2 };
            state.breed.parents = vec![state.here.latent.clone(), Latent::Seed { seed: other }];
            self.begun.clone_from(&state.breed.parents);
        }
    }

    fn take(&mut self, _slot: usize, latent: &Latent, state: &mut ExploreState) {
        if state.breed.parents.len() < 16 && !state.breed.parents.contains(latent) {
            state.breed.parents.push(latent.clone());
        }
    }

    fn export(&self, state: &ExploreState, _info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.export = Some((state.here.all_classed(&state.breed.parents), "breeding", 0, None));
    }

    fn provenance(&self, state: &ExploreState, _label: Option<&str>) -> Option<String> {
        let parents: Vec<String> = state.breed.parents.iter().map(latent_label).collect();
        Some(format!("Bred from {}", list(&parents)))
    }

    fn expire(&mut self) {
        self.parents.expire();
        self.feed.expire();
    }
}

impl Breed {
    /// The button of the next generation.
    fn next(&mut self, ui: &mut Ui, state: &mut ExploreState, out: &mut PageActions) {
        let next = theme::primary_button(ui, Some(ICON_ESCALATOR_WARNING), "Next generation");
        let help = "The selected children become the parents; without any, the parents have other children";
        if next.on_hover_text(help).clicked() {
            let chosen: Vec<Latent> =
                self.chosen.iter().filter_map(|&i| Some(self.children.get(i)?.latent.clone())).collect();
            if !chosen.is_empty() {
                state.breed.parents = chosen;
            }
            state.breed.wish.seed = state.breed.wish.seed.wrapping_add(1);
            self.chosen.clear();
            out.label = Some("breed a generation");
        }
    }

    fn parents_row(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        info: &ModelInfo,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let truncation = state.here.truncation;
        let latents = state.here.all_classed(&state.breed.parents);
        self.parents.want(ImageBatch { model: info.model.clone(), latents: latents.clone(), truncation }, cx);
        let ctx = ui.ctx().clone();
        let mut remove = None;
        ui.horizontal_wrapped(|ui| {
            for (i, latent) in latents.iter().enumerate() {
                ui.vertical(|ui| {
                    ui.set_width(84.0);
                    let (rect, _) = ui.allocate_exact_size(Vec2::splat(80.0), Sense::hover());
                    let tex = self.parents.tex(i, cx.textures, &ctx);
                    let name = format!("Parent {}", i + 1);
                    let look = Tile { tex: tex.as_ref(), name: &name, selected: false, focusable: true };
                    let response = tile(ui, ui.make_persistent_id(("parent", i)), rect, &look);
                    drag_latent(&response, &info.model, latent, truncation, self.parents.picture(i));
                    match take_drop(ui, &response, cx.studio, Some(info)) {
                        Some(Dropped::Latent(latent)) => {
                            state.breed.parents[i] = latent;
                            out.label = Some("choose a parent");
                        }
                        Some(_) => out.foreign = true,
                        None => {}
                    }
                    if response.clicked() {
                        out.open = Some(latent.clone());
                    }
                    ui.horizontal(|ui| {
                        theme::weak(ui, latent_label(latent).chars().take(9).collect::<String>());
                        if latents.len() > 1
                            && theme::icon_button(ui, ICON_CLOSE, &format!("Remove parent {}", i + 1)).clicked()
                        {
                            remove = Some(i);
                        }
                    });
                });
            }
            ui.vertical(|ui| {
                let add = theme::button(ui, Some(ICON_ADD), "Add this picture");
                if add.clicked() {
                    state.breed.parents.push(state.here.latent.clone());
                    out.label = Some("add a parent");
                }
                match take_drop(ui, &add, cx.studio, Some(info)) {
                    Some(Dropped::Latent(latent)) => {
                        state.breed.parents.push(latent);
                        out.label = Some("add a parent");
                    }
                    Some(_) => out.foreign = true,
                    None => {}
                }
                if theme::button(ui, Some(ICON_CASINO), "Add a random parent").clicked() {
                    state.breed.parents.push(random_seed());
                    out.label = Some("add a parent");
                }
            });
        });
        if let Some(i) = remove {
            state.breed.parents.remove(i);
            out.label = Some("remove a parent");
        }
    }

    fn litter(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, state: &ExploreState, out: &mut PageActions) {
        if self.children.is_empty() {
            return;
        }
        let truncation = state.here.truncation;
        let latents: Vec<Latent> = self.children.iter().map(|c| c.latent.clone()).collect();
        self.feed.want(ImageBatch { model: info.model.clone(), latents: latents.clone(), truncation }, cx);
        let ctx = ui.ctx().clone();
        let gap = size::S;
        let columns = ((ui.available_width() + gap) / 136.0).floor().max(1.0);
        let side = ((ui.available_width() + gap) / columns - gap).floor().min(176.0);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing = Vec2::splat(gap);
            for (i, latent) in latents.iter().enumerate() {
                let (room, _) = ui.allocate_exact_size(vec2(side, side + 30.0), Sense::hover());
                let rect = Rect::from_min_size(room.min, Vec2::splat(side));
                let tex = self.feed.tex(i, cx.textures, &ctx);
                let name = format!("Child {}", i + 1);
                let selected = self.chosen.contains(&i);
                let look = Tile { tex: tex.as_ref(), name: &name, selected, focusable: true };
                let response = tile(ui, ui.make_persistent_id(("child", i)), rect, &look);
                drag_latent(&response, &info.model, latent, truncation, self.feed.picture(i));
                if response.clicked() && !self.chosen.remove(&i) {
                    self.chosen.insert(i);
                }
                response.on_hover_text("Click to select it as a parent");
                let below = Rect::from_min_size(rect.left_bottom() + vec2(0.0, 2.0), vec2(side, 28.0));
                let mut child = ui
                    .new_child(egui::UiBuilder::new().max_rect(below).layout(*ui.layout()).id_salt(("under child", i)));
                child.horizontal(|ui| {
                    if theme::icon_button(ui, ICON_MY_LOCATION, &format!("Open child {}", i + 1)).clicked() {
                        out.open = Some(latent.clone());
                    }
                    if theme::icon_button(ui, ICON_STAR, &format!("Keep child {}", i + 1)).clicked() {
                        self.keep(i, info, truncation, cx);
                    }
                });
            }
        });
    }

    fn keep(&self, i: usize, info: &ModelInfo, truncation: f32, cx: &mut Cx<'_>) {
        let (Some(child), Some((_, parents, _))) = (self.children.get(i), &self.of) else { return };
        let of = child.parents.iter().filter_map(|&p| self.kept.get(&name_of(parents.get(p)?)).copied()).collect();
        let (model, latent) = (info.model.clone(), child.latent.clone());
        cx.send(Command::Latent(LatentCommand::KeepChild { model, latent, truncation, parents: of }));
    }
}
