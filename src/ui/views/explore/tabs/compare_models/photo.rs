//! One picture put into both models: through an encoder and back, or its latent looked for; how alike, and what differs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use egui::{DragValue, Sense, Ui, Vec2};
use egui_material_icons::icons::{ICON_CLOSE, ICON_FILE_OPEN, ICON_SEARCH};

use crate::base::{Family, Picture};
use crate::engine::{Command, Event, JobId, LatentCommand, LatentEvent, SlotId};
use crate::latent::even_spacing::Measure;
use crate::latent::invert::InvertConfig;
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::Latent;
use crate::ui::action::{Action, PickKind};
use crate::ui::textures::{self, key};
use crate::ui::theme::{self, size};
use crate::ui::view::{Cx, ViewId};
use crate::ui::views::explore::explore_state::ExploreState;
use crate::ui::views::explore::job_progress;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::compare_models::feature_distance::FeatureDistance;
use crate::ui::views::explore::tabs::compare_models::state::CompareModelsState;
use crate::ui::views::explore::tabs::compare_models::{PICK, SIDES, apart, decibels, open};
use crate::ui::widgets::drop_target::{DropState, drop_pictures, path_field};
use crate::ui::widgets::latent_slot::drag_latent;

/// What a model makes of the picture.
struct Made {
    latent: Latent,
    /// The picture as the model sees it, what it makes of it, and what they differ in.
    pictures: [Arc<Picture>; 3],
    psnr: f64,
    revision: u64,
}

/// One of both models with the picture.
#[derive(Default)]
struct Side {
    /// Model, picture and steps that were asked for last.
    asked: Option<(ModelRef, PathBuf, u32)>,
    slot: Option<SlotId>,
    job: Option<JobId>,
    made: Option<Made>,
}

/// The picture in both.
#[derive(Default)]
pub struct Photo {
    drop: DropState,
    sides: [Side; 2],
    revision: u64,
}

impl Side {
    fn running(&self, cx: &Cx<'_>) -> bool {
        job_progress::is_on(self.job, cx)
    }

    /// Asks for the picture by this model, once.
    fn ask(&mut self, cx: &mut Cx<'_>, info: &ModelInfo, path: &Path, steps: u32) {
        let vae = info.family == Family::Vae;
        let want = (info.model.clone(), path.to_path_buf(), if vae { 0 } else { steps });
        if self.asked.as_ref() == Some(&want) {
            return;
        }
        if let Some(job) = self.job.take_if(|j| cx.studio.jobs.get(j).is_some_and(|j| !j.ended)) {
            cx.push(Action::Cancel(job));
        }
        // With more steps the last picture stays until the next is there.
        if self.asked.as_ref().is_none_or(|a| (&a.0, &a.1) != (&want.0, &want.1)) {
            self.made = None;
        }
        let (model, path) = (info.model.clone(), path.to_path_buf());
        if vae {
            let slot = *self.slot.get_or_insert_with(|| cx.new_slot());
            cx.send(Command::Encode { slot, model, path });
            self.job = None;
        } else {
            let job = cx.new_job();
            let wish = InvertConfig { steps, show: steps.max(1), ..InvertConfig::default() };
            cx.send(Command::Latent(LatentCommand::Invert { job, model, inputs: vec![path], wish }));
            self.job = Some(job);
        }
        self.asked = Some(want);
    }

    fn take(&mut self, latent: &Latent, input: &Picture, made: &Picture, revision: u64) {
        let Some((difference, psnr)) = apart(input, made) else { return };
        let pictures = [input.clone(), made.clone(), difference].map(Arc::new);
        self.made = Some(Made { latent: latent.clone(), pictures, psnr, revision });
    }
}

impl Photo {
    /// What can be chosen of it.
    pub fn bar(&mut self, ui: &mut Ui, cx: &mut Cx<'_>, state: &mut CompareModelsState, out: &mut PageActions) {
        let mut steps = state.steps;
        let field = DragValue::new(&mut steps).range(0..=5000).speed(2.0).suffix(" steps");
        let help =
            "How long a GAN looks for the picture's latent; none leaves it to its first guess. A VAE has an encoder";
        if ui.add(field).accessible_name("Steps of the search").on_hover_text(help).changed() {
            state.steps = steps;
            out.label = Some("change the steps of the search");
        }
        if state.photo.is_some() {
            if theme::button(ui, Some(ICON_FILE_OPEN), "Choose picture…").clicked() {
                cx.pick(ViewId::Explore, PICK, PickKind::File, "Choose a picture for both models", &[]);
            }
            if ui.available_width() > 160.0
                && let Some(path) = path_field(ui, &mut self.drop).and_then(|p| p.into_iter().next())
            {
                state.photo = Some(path);
                out.label = Some("put a picture into both models");
            }
        }
    }

    /// Draws it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        models: [&ModelInfo; 2],
        far: &mut FeatureDistance,
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let Some(path) = state.compare_models.photo.clone() else {
            theme::page(ui, "models photo", |ui| {
                let hint = "See what both models make of it, and how far off they are";
                let dropped = drop_pictures(ui, cx, ViewId::Explore, &mut self.drop, ("Drop a picture", hint), false);
                if let Some(path) = dropped.and_then(|p| p.into_iter().next()) {
                    state.compare_models.photo = Some(path);
                    out.label = Some("put a picture into both models");
                }
            });
            return;
        };
        // While a number is dragged, nothing is looked for.
        if !ui.input(|i| i.pointer.any_down()) {
            for (side, info) in self.sides.iter_mut().zip(models) {
                side.ask(cx, info, &path, state.compare_models.steps);
            }
        }
        // What each makes of it large, with what it saw and what is off below, all in sight.
        let high = ui.available_height() - 2.0 * size::XL - size::CONTROL - 4.0 * size::L;
        let half = (ui.available_width() - 2.0 * size::XL - size::L) / 2.0;
        let large = (0.64 * high).min(half).clamp(64.0, 480.0).floor();
        let small = (high - large).min((large - size::M) / 2.0).clamp(48.0, 240.0).floor();
        theme::page(ui, "models photo", |ui| {
            ui.columns(2, |columns| {
                for (i, ui) in columns.iter_mut().enumerate() {
                    self.state(ui, cx, i, models[i], (state.compare_models.by, &mut *far));
                    self.picture(ui, cx, (i, 1), large, models, state, out);
                    ui.horizontal_top(|ui| {
                        ui.spacing_mut().item_spacing.x = size::M;
                        for k in [0, 2] {
                            ui.vertical(|ui| self.picture(ui, cx, (i, k), small, models, state, out));
                        }
                    });
                }
            });
        });
    }

    /// How far a side is.
    fn state(
        &mut self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        i: usize,
        info: &ModelInfo,
        (by, far): (Measure, &mut FeatureDistance),
    ) {
        let of = &mut self.sides[i];
        ui.horizontal(|ui| {
            ui.set_min_height(size::CONTROL);
            theme::weak(ui, &info.name);
            if of.running(cx) {
                let share = of.job.and_then(|j| cx.studio.jobs.get(&j)).and_then(|j| j.share());
                theme::progress(ui, share, 160.0, &format!("{} model looks for it", SIDES[i]));
                let cancel = theme::quiet_button(ui, Some(ICON_CLOSE), "Cancel");
                theme::name(&cancel, egui::Role::Button, &format!("Cancel the search of the {} model", SIDES[i]));
                if cancel.clicked()
                    && let Some(job) = of.job
                {
                    cx.push(Action::Cancel(job));
                }
            } else if let Some(made) = &of.made {
                let text = match by {
                    Measure::Pixels => decibels(made.psnr),
                    Measure::Features => {
                        far.text([&made.pictures[0], &made.pictures[1]], key(("photo", i, made.revision)), cx)
                    }
                };
                theme::weak(ui, text);
            } else if of.job.is_some() && theme::quiet_button(ui, Some(ICON_SEARCH), "Look for it").clicked() {
                of.asked = None;
            }
        });
    }

    /// One of the three pictures of a side, with what it is under it.
    #[allow(clippy::too_many_arguments)]
    fn picture(
        &self,
        ui: &mut Ui,
        cx: &mut Cx<'_>,
        (i, k): (usize, usize),
        side: f32,
        models: [&ModelInfo; 2],
        state: &mut ExploreState,
        out: &mut PageActions,
    ) {
        let title = ["As it sees the picture", "As it makes it", "Difference"][k];
        let Some(made) = &self.sides[i].made else {
            theme::skeleton(ui, Vec2::splat(side));
            theme::weak(ui, title);
            return;
        };
        let ctx = ui.ctx().clone();
        let tex = cx.textures.get(&ctx, key(("models photo", i, k)), made.revision, &made.pictures[k]);
        let sense = if k == 1 { Sense::click_and_drag() } else { Sense::hover() };
        let response = textures::picture(ui, &tex, Vec2::splat(side), sense, &format!("{}: {title}", SIDES[i]));
        if k == 1 {
            let picture = Some(&made.pictures[1]);
            drag_latent(&response, &models[i].model, &made.latent, state.here.truncation, picture);
            if response.on_hover_text("Click to open it").clicked() {
                open(i, models, &made.latent, state, out);
            }
        }
        theme::weak(ui, title);
    }

    /// Latents of what both made of the picture, once they have.
    pub fn latents(&self) -> Option<[Latent; 2]> {
        let [a, b] = [0, 1].map(|i| self.sides[i].made.as_ref().map(|m| m.latent.clone()));
        Some([a?, b?])
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event) {
        self.revision += 1;
        let revision = self.revision;
        for side in &mut self.sides {
            match event {
                Event::Encoded { slot, model, path, input, reconstruction, latent, .. }
                    if Some(*slot) == side.slot
                        && side.asked.as_ref().is_some_and(|a| (&a.0, &a.1) == (model, path)) =>
                {
                    side.take(latent, input, reconstruction, revision);
                }
                Event::Latent(LatentEvent::Inverted { job, found, .. }) if Some(*job) == side.job => {
                    side.take(&found.latent, &found.input, &found.picture, revision);
                }
                _ => {}
            }
        }
    }

    /// A model has other weights now.
    pub fn expire(&mut self) {
        self.sides.iter_mut().for_each(|s| s.asked = None);
    }
}
