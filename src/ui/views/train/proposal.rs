//! What is proposed for the pictures that were chosen: preset, length, size and channels, until somebody chose otherwise.

use std::sync::Arc;

use super::TrainView;
use super::estimate;
use crate::base::{Channels, Problem, Resolution, memory};
use crate::engine::DeviceReport;
use crate::models::footprint;
use crate::recipe::advice::{Advice, Known, PictureKind, fitted};
use crate::recipe::preset::Preset;
use crate::recipe::{ModelRecipe, Recipe};
use crate::ui::state::Studio;
use crate::ui::views::Cx;

/// What shapes the networks or fills memory.
pub(super) fn shaped(r: &Recipe) -> (ModelRecipe, Resolution, Channels, u32, u32) {
    (r.model.clone(), r.data.resolution, r.data.channels, r.optim.batch, r.optim.accumulate)
}

fn unusable(source: &str) -> Problem {
    Problem::data("There is no usable picture").of(source).try_this("Choose other pictures")
}

impl TrainView {
    /// What is known of the pictures.
    pub(super) fn known(&self, studio: &Studio) -> Known {
        let data = &self.recipe.data;
        match studio.surveys.get(&data.source) {
            Some(survey) => {
                // Asked several times a frame; names are looked up once.
                let of = Arc::as_ptr(survey) as usize;
                if let Some((seen, with, known)) = &*self.known_of.borrow()
                    && (*seen, with) == (of, data)
                {
                    return *known;
                }
                let known = survey.known(data, &survey.left_out(data));
                self.known_of.replace(Some((of, data.clone(), known)));
                known
            }
            None => {
                let pictures = studio.datasets.iter().find(|d| d.source == data.source).map_or(0, |d| d.pictures);
                let points = data.settled().channels == Channels::Points;
                Known { pictures, kind: points.then_some(PictureKind::Points), ..Known::default() }
            }
        }
    }

    /// The recipe of a preset, fitted to the data; pictures, name and seed stay.
    pub(super) fn of_preset(&self, preset: &Preset, known: &Known) -> Recipe {
        let mut recipe = fitted(preset, known, self.recipe.data.resolution);
        recipe.data = self.recipe.data.clone();
        recipe.name.clone_from(&self.recipe.name);
        recipe.seed = self.recipe.seed;
        recipe
    }

    /// Takes a preset.
    pub(super) fn apply_preset(&mut self, preset: &'static Preset, studio: &Studio) {
        let known = self.known(studio);
        let recipe = self.of_preset(preset, &known);
        // Who began from a model of the other kind begins anew.
        if preset.model != self.recipe.model.id {
            self.from = None;
        }
        self.preset = preset;
        self.fitted_to = Some(known);
        self.base = recipe.clone();
        self.recipe = recipe;
    }

    /// Whether the recipe is its preset as it was fitted to the data, so that it may be fitted anew.
    pub(super) fn is_fitted(&self) -> bool {
        self.fitted_to.is_some_and(|known| self.of_preset(self.preset, &known) == self.recipe)
    }

    /// The device the run would start on.
    pub(super) fn device<'a>(&self, studio: &'a Studio) -> Option<&'a DeviceReport> {
        let id = self.device_id(studio);
        studio.devices.iter().find(|d| d.id == id)
    }

    /// What is recommended for these pictures.
    pub(super) fn advice(&self, studio: &Studio) -> Advice {
        let known = self.known(studio);
        estimate::recommended(studio, self.device(studio), &known, self.recipe.data.resolution)
    }

    /// Whether a preset can learn these pictures: points and pictures take different networks.
    pub(super) fn can_learn(&self, preset: &Preset, known: &Known) -> bool {
        if known.kind == Some(PictureKind::Points) { preset.architecture().points } else { !preset.for_points }
    }

    /// The pictures are known now: a recipe that nobody changed is fitted to them, with the preset that is recommended
    /// unless one was chosen.
    pub(super) fn propose(&mut self, cx: &Cx<'_>) {
        if !self.is_fitted() {
            return;
        }
        let known = self.known(cx.studio);
        // Size and channels that somebody chose, here or in Data, stay.
        if self.proposes_data {
            self.recipe.data.channels = known.channels;
            self.recipe.data.resolution = known.resolution().map_or(self.recipe.data.resolution, Resolution::square);
        }
        let preset = if self.preset_chosen { self.preset } else { self.advice(cx.studio).preset };
        self.apply_preset(preset, cx.studio);
    }

    /// Why the source cannot be trained on, as far as that is known.
    pub(super) fn source_problem(&self, studio: &Studio) -> Option<Problem> {
        let source = &self.recipe.data.source;
        if studio.surveys.contains_key(source) {
            return match self.known(studio).pictures {
                0 => Some(unusable(source)),
                1 => {
                    Some(Problem::data("One picture is too few to learn from").of(source).try_this("Add more pictures"))
                }
                _ => None,
            };
        }
        self.survey_job.and_then(|j| studio.jobs.get(&j)).filter(|j| j.ended).and_then(|j| j.problem.clone())
    }

    /// What is wrong if the run would not fit into memory, as soon as its networks are laid out.
    pub(super) fn too_large(&self, studio: &Studio) -> Option<Problem> {
        let (of, outline) = self.outline.as_ref()?;
        // Other devices do not tell how much they have.
        let bytes = memory::physical().filter(|_| self.device_id(studio) == "cpu")?;
        (shaped(of) == shaped(&self.recipe))
            .then(|| footprint::check(&self.recipe, &outline.stages, bytes).err())
            .flatten()
    }

    /// Why a run cannot start, if so.
    pub(super) fn obstacle(&self, studio: &Studio) -> Option<Problem> {
        if self.recipe.data.source.is_empty() {
            return Some(Problem::usage("There are no pictures to learn from").try_this("Choose a source"));
        }
        self.source_problem(studio)
            .or_else(|| super::tokens::obstacle(&self.recipe))
            .or_else(|| self.recipe.validate().err())
            .or_else(|| self.too_large(studio))
    }
}
