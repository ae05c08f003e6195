//! Random samples: shuffle, star, choose several, open one.

use std::borrow::Cow;

use egui::{Context, DragValue, Response, Ui};
use egui_material_icons::icons::{ICON_CASINO, ICON_SEARCH, ICON_STAR};

use crate::base::Channels;
use crate::engine::latent::Ranked;
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent};
use crate::models::info::ModelInfo;
use crate::recipe::picture::Latent;
use crate::ui::action::DraggedWhat;
use crate::ui::format;
use crate::ui::textures::{Tex, Textures};
use crate::ui::theme;
use crate::ui::view::Cx;
use crate::ui::views::explore::explore_state::{ExploreState, SamplesState};
use crate::ui::views::explore::image_requests::{ImageBatch, ImageRequests};
use crate::ui::views::explore::job_progress::{self, Doing};
use crate::ui::views::explore::page::{Page, PageActions, PageCx};
use crate::ui::views::explore::viewpoint::Viewpoint;
use crate::ui::widgets::latent_slot::{ask_menu, drag_only};
use crate::ui::widgets::picture_grid::{GridSource, Mark, PictureGrid};

/// The tab's own state.
#[derive(Default)]
pub struct Samples {
    feed: ImageRequests,
    grid: PictureGrid,
    /// What the samples are to be ranked by.
    text: String,
    /// The ranking that goes on.
    job: Option<JobId>,
    /// The newest ranking; it holds for the samples that it was made of.
    ranked: Option<Ranked>,
}

/// The next page of seeds.
fn shuffle(state: &mut SamplesState, out: &mut PageActions) {
    state.first = state.first.wrapping_add(u64::from(state.count));
    out.label = Some("shuffle");
}

fn seeds(state: &SamplesState) -> impl Iterator<Item = u64> + '_ {
    (0..u64::from(state.count)).map(|i| state.first.wrapping_add(i))
}

impl Page for Samples {
    fn ui(&mut self, ui: &mut Ui, PageCx { cx, info, state, shared, out }: PageCx<'_, '_>) {
        let chosen = self.selected(&state.samples);
        theme::toolbar(ui, |ui| {
            if theme::primary_button(ui, Some(ICON_CASINO), "Shuffle").on_hover_text("New samples (R)").clicked() {
                shuffle(&mut state.samples, out);
            }
            let first = DragValue::new(&mut state.samples.first).prefix("from seed ").speed(0.3);
            if ui.add(first).accessible_name("First seed").changed() {
                out.label = Some("change the first seed");
            }
            let count = DragValue::new(&mut state.samples.count).range(1..=256).suffix(" samples");
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
        let mut latents: Vec<Latent> =
            seeds(&state.samples).map(|seed| state.here.classed(&Latent::Seed { seed })).collect();
        self.words(ui, cx, info, &latents, state.here.truncation);
        if let Some(ranked) = self.ranked.as_ref().filter(|r| r.latents == latents) {
            latents = ranked.order.iter().filter_map(|&i| ranked.latents.get(i).cloned()).collect();
        }
        self.feed.want(ImageBatch { model: info.model.clone(), latents, truncation: state.here.truncation }, cx);

        let area = egui::Frame::new().inner_margin(egui::Margin::same(theme::size::S as i8));
        area.show(ui, |ui| {
            self.grid.size = side(ui.available_width(), ui.available_height(), state.samples.count as usize);
            // What is on the screen is what arrived last; its seeds may not be those of the state yet.
            let shown: Vec<Latent> = match self.feed.shown() {
                Some(wish) => wish.latents.clone(),
                None => seeds(&state.samples).map(|seed| Latent::Seed { seed }).collect(),
            };
            let ctx = ui.ctx().clone();
            let mut source = Source {
                feed: &self.feed,
                shown: &shown,
                info,
                truncation: state.here.truncation,
                kept: &shared.kept,
                textures: &mut *cx.textures,
                ctx: &ctx,
            };
            let mut keep = false;
            let (mut export, mut use_in) = (false, false);
            let response = self.grid.show(ui, "Samples", &mut source, |ui, _| {
                keep = ui.button("Keep in the gallery").clicked();
                export = ui.button("Export…").clicked();
                use_in = ui.button("Use in…").clicked();
            });
            // Enter and Space mean the focused cell; it stays selected.
            let by_key = response.opened.or(response.previewed);
            if let Some(seed) = by_key.and_then(|i| shown.get(i)?.seed()) {
                self.grid.selection.only(seed);
            }
            let opened = by_key.or(response.chosen);
            if let Some(latent) = opened.and_then(|i| shown.get(i)) {
                out.open = Some(latent.clone());
            }
            if use_in && let Some(latent) = self.selected(&state.samples).pop() {
                let (model, truncation) = (info.model.clone(), state.here.truncation);
                ask_menu(ui.ctx(), DraggedWhat::Latent { model, latent, truncation });
            }
            if keep {
                out.keep = self.selected(&state.samples);
            }
            if export {
                out.export = Some((self.chosen_or_all(&state.samples), "sample", 0, None));
            }
        });
    }

    fn on_event(&mut self, event: &Event, _state: &mut ExploreState, cx: &mut Cx<'_>) {
        self.feed.on_event(event, cx);
        if let Event::Latent(LatentEvent::Ranked { job, ranked, .. }) = event
            && self.job == Some(*job)
        {
            self.ranked = Some((**ranked).clone());
        }
    }

    fn export(&self, state: &ExploreState, _info: &ModelInfo, _cx: &Cx<'_>, out: &mut PageActions) {
        out.export = Some((self.chosen_or_all(&state.samples), "sample", 0, None));
    }

    fn chosen(&self, state: &ExploreState) -> Vec<Latent> {
        self.selected(&state.samples)
    }

    fn select_all(&mut self, state: &ExploreState) -> bool {
        self.grid.selection.add(seeds(&state.samples));
        true
    }

    fn shuffle(&mut self, state: &mut ExploreState, out: &mut PageActions) -> bool {
        shuffle(&mut state.samples, out);
        true
    }

    fn provenance(&self, _state: &ExploreState, _label: Option<&str>) -> Option<String> {
        Some("Random samples".into())
    }

    fn expire(&mut self) {
        self.feed.expire();
    }
}

impl Samples {
    /// The line in which a phrase is typed, and what came of the last one.
    fn words(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, info: &ModelInfo, latents: &[Latent], truncation: f32) {
        if info.recipe.shape().channels == Channels::Points {
            return;
        }
        theme::toolbar(ui, |ui| {
            if job_progress::shown(ui, cx, self.job, 160.0, "Ranking samples", "Cancel ranking") == Doing::Working {
                return;
            }
            let hint = "a smiling face with glasses";
            let field = theme::text_field(ui, &mut self.text, hint, 220.0, "Rank by a phrase");
            let entered = field.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
            let ready = !self.text.trim().is_empty();
            let button = ui.add_enabled_ui(ready, |ui| theme::button(ui, Some(ICON_SEARCH), "Rank")).inner;
            if ready && (button.on_hover_text("Samples that show it best come first").clicked() || entered) {
                let job = cx.new_job();
                self.job = Some(job);
                cx.send(Command::Latent(LatentCommand::Rank {
                    job,
                    model: info.model.clone(),
                    latents: latents.to_vec(),
                    truncation,
                    text: self.text.trim().to_string(),
                }));
            }
            let now = self.ranked.as_ref().filter(|r| r.latents == latents).map(|r| (r.told.clone(), r.answered));
            let Some((told, answered)) = now else { return };
            if theme::quiet_button(ui, None, "In order of seeds").clicked() {
                self.ranked = None;
            }
            let line = if answered { "Best first" } else { "None of these samples seems to show this" };
            theme::weak(ui, line).on_hover_text(told);
        });
    }

    /// The selected samples, in order.
    fn selected(&self, state: &SamplesState) -> Vec<Latent> {
        seeds(state).filter(|&s| self.grid.selection.contains(s)).map(|seed| Latent::Seed { seed }).collect()
    }

    /// The selected samples, or all if none is.
    fn chosen_or_all(&self, state: &SamplesState) -> Vec<Latent> {
        let selected = self.selected(state);
        if selected.len() > 1 { selected } else { seeds(state).map(|seed| Latent::Seed { seed }).collect() }
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
    feed: &'a ImageRequests,
    shown: &'a [Latent],
    info: &'a ModelInfo,
    truncation: f32,
    kept: &'a [Viewpoint],
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
        drag_only(response, &self.info.model, &self.shown[index], self.truncation, picture);
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
