//! Data: sources on the left, their pictures in the middle, preparation on the right.

mod inspect;
mod pictures;
mod preview;
mod sources;
mod thumbs;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use egui::{Frame, Key, Margin, Panel, Ui};
use serde_json::{Value, json};

use super::train::estimate::recommended;
use super::{Cx, KeyHelp, View, ViewId};
use crate::base::Problem;
use crate::data::joined;
use crate::data::report::Survey;
use crate::engine::{Command, Event, JobId};
use crate::recipe::advice::fitted;
use crate::recipe::{DataRecipe, Reading, Recipe};
use crate::ui::action::{Action, Parcel};
use crate::ui::command::UiCommand;
use crate::ui::state::Studio;
use crate::ui::theme;
use crate::ui::widgets::drop_target::{DropState, PURPOSE};
use crate::ui::widgets::form::Form;
use crate::ui::widgets::picture_grid::PictureGrid;
use pictures::Filter;
pub(super) use preview::{Preview, Which};
pub(super) use sources::{built_in_title, short_name, source_help, source_picker};
pub(super) use thumbs::Thumbs;

/// Width of the list of sources, in points.
const SOURCES: f32 = 208.0;
/// Height of a toolbar, in points.
const TOOLBAR: f32 = 40.0;
/// Narrower than this the list of sources stands above.
const NARROW: f32 = 620.0;

/// A toolbar on top of the view; what follows has the rest of the room.
pub(super) fn bar<R>(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    let panel = Panel::top(id.to_owned()).exact_size(TOOLBAR).resizable(false).show_separator_line(false);
    panel.frame(Frame::NONE).show(ui, |ui| theme::toolbar(ui, add)).inner
}

/// The view.
pub struct DataView {
    /// What is to be trained on: source and preparation.
    recipe: Recipe,
    /// The preparation that suits what was found: what resetting goes back to.
    suited: DataRecipe,
    job: Option<JobId>,
    /// What the job looks through.
    job_for: Option<(String, Reading)>,
    grid: PictureGrid,
    thumbs: Thumbs,
    filter: Filter,
    label: Option<u32>,
    /// Places in the survey that are shown, and what they were chosen for.
    shown: Vec<u32>,
    shown_for: Option<(String, Filter, Option<u32>, u64)>,
    /// Places that are left out; the recipe keeps their names.
    excluded: BTreeSet<u32>,
    excluded_revision: u64,
    /// What Explore was told last to be left out: the source, and how many changes ago.
    told: Option<(String, u64)>,
    preview: Preview,
    /// The picture that is shown alone.
    enlarged: Option<u32>,
    form: Form,
    drop: DropState,
    ask_again: bool,
}

impl Default for DataView {
    fn default() -> Self {
        Self {
            recipe: Recipe::default(),
            suited: DataRecipe::default(),
            job: None,
            job_for: None,
            grid: PictureGrid::new(88.0),
            thumbs: Thumbs::default(),
            filter: Filter::All,
            label: None,
            shown: Vec::new(),
            shown_for: None,
            excluded: BTreeSet::new(),
            excluded_revision: 0,
            told: None,
            preview: Preview::new("data preview"),
            enlarged: None,
            form: Form::default(),
            drop: DropState::default(),
            ask_again: false,
        }
    }
}

impl DataView {
    fn source(&self) -> Option<&str> {
        Some(self.recipe.data.source.as_str()).filter(|s| !s.is_empty())
    }

    fn survey(&self, studio: &Studio) -> Option<Arc<Survey>> {
        self.source().and_then(|s| studio.surveys.get(s)).cloned()
    }

    /// Turns to a source and looks through it, unless that was done before.
    fn choose(&mut self, source: &str, cx: &mut Cx<'_>) {
        let source = source.trim();
        if source.is_empty() {
            return;
        }
        if self.recipe.data.source != source {
            self.recipe.data = DataRecipe { source: source.into(), ..DataRecipe::default() };
            self.suited = self.recipe.data.clone();
            self.excluded.clear();
            self.excluded_revision += 1;
            (self.filter, self.label) = (Filter::All, None);
            self.grid.selection.clear();
            self.enlarged = None;
            self.preview.clear();
            self.thumbs.turn_to(source);
            if let Some(survey) = cx.studio.surveys.get(source) {
                self.suit(&survey.clone());
            }
        }
        self.survey_if_needed(cx, false);
    }

    fn survey_if_needed(&mut self, cx: &mut Cx<'_>, again: bool) {
        let Some(source) = self.source().map(str::to_owned) else { return };
        let reading = self.recipe.data.reading();
        let wanted = (source.clone(), reading.clone());
        let mut running = self.job.and_then(|j| cx.studio.jobs.get(&j)).is_some_and(|j| !j.ended);
        if let Some(job) = self.job.filter(|_| running && self.job_for.as_ref() != Some(&wanted)) {
            // Nobody waits for it any more; it may never end.
            cx.actions.push(Action::Cancel(job));
            running = false;
        }
        let known = cx.studio.surveys.get(&source).is_some_and(|s| s.reading == reading);
        if (again || !known) && !running {
            let job = cx.new_job();
            self.job = Some(job);
            self.job_for = Some(wanted);
            cx.send(Command::Survey { job, source, reading });
        }
    }

    /// Settings that suit what was found: grey stays grey, small stays small, transparent stays transparent.
    fn suit(&mut self, survey: &Survey) {
        let data = &mut self.recipe.data;
        let known = survey.known(data, &self.excluded);
        data.channels = known.channels;
        data.resolution = known.resolution().unwrap_or(data.resolution);
        data.drop_duplicates = survey.duplicates.iter().any(|d| d.exact);
        self.suited = data.clone();
    }

    /// Pictures that would be trained on.
    fn usable(&self, survey: &Survey) -> u64 {
        survey.usable(&self.recipe.data, &self.excluded)
    }

    /// Leaves pictures out, or takes them again.
    fn exclude(&mut self, survey: &Survey, places: &[u32], out: bool, cx: &mut Cx<'_>) {
        if places.is_empty() {
            return;
        }
        let label = if out { "leave out pictures" } else { "take pictures again" };
        cx.undo_point(ViewId::Data, label, self.snapshot());
        for place in places {
            if out {
                self.excluded.insert(*place);
            } else {
                self.excluded.remove(place);
            }
        }
        self.name_excluded(survey);
    }

    /// Leaves pictures out by their names; turns to their source first if another one is chosen.
    fn leave_out(&mut self, data: &DataRecipe, names: &[String], cx: &mut Cx<'_>) {
        cx.undo_point(ViewId::Data, "leave out pictures", self.snapshot());
        if self.recipe.data.source != data.source {
            self.choose(&data.source, cx);
            self.recipe.data = data.clone();
        }
        let all: BTreeSet<String> = self.recipe.data.exclude.iter().chain(names).cloned().collect();
        self.recipe.data.exclude = all.into_iter().collect();
        if let Some(survey) = self.survey(cx.studio) {
            self.place_excluded(&survey);
        }
        self.excluded_revision += 1;
    }

    /// Tells Explore what is left out, if that changed.
    fn tell_left_out(&mut self, cx: &mut Cx<'_>) {
        let now = (self.recipe.data.source.clone(), self.excluded_revision);
        if now.0.is_empty() || self.told.as_ref() == Some(&now) {
            return;
        }
        let (source, names) = (now.0.clone(), Arc::new(self.recipe.data.exclude.iter().cloned().collect()));
        cx.push(Action::DeliverQuietly(ViewId::Explore, Box::new(Parcel::LeftOut { source, names })));
        self.told = Some(now);
    }

    fn name_excluded(&mut self, survey: &Survey) {
        let name = |i: &u32| survey.entries.get(*i as usize).map(|e| e.name.clone());
        self.recipe.data.exclude = self.excluded.iter().filter_map(name).collect();
        self.excluded_revision += 1;
    }

    /// Finds the places of names that a recipe leaves out.
    fn place_excluded(&mut self, survey: &Survey) {
        let names: BTreeSet<&str> = self.recipe.data.exclude.iter().map(String::as_str).collect();
        let place =
            |(i, e): (usize, &crate::data::report::SurveyEntry)| names.contains(e.name.as_str()).then_some(i as u32);
        self.excluded = survey.entries.iter().enumerate().filter_map(place).collect();
        self.excluded_revision += 1;
    }

    /// What Train would begin with: these pictures and the recommended preset.
    fn planned(&self, survey: &Survey, studio: &Studio) -> Recipe {
        let (known, resolution) = (survey.known(&self.recipe.data, &self.excluded), self.recipe.data.resolution);
        let advice = recommended(studio, studio.device(), &known, resolution);
        Recipe { data: self.recipe.data.clone(), ..fitted(advice.preset, &known, resolution) }
    }

    /// Goes to Train with these pictures and the recommended preset.
    fn train(&mut self, survey: &Survey, cx: &mut Cx<'_>) {
        let name = short_name(&self.recipe.data.source);
        cx.push(Action::set_up(Recipe { name, ..self.planned(survey, cx.studio) }, None));
    }

    fn can_train(&self, survey: &Survey) -> Result<(), Problem> {
        match self.usable(survey) {
            0 => Err(Problem::data("There is no usable picture").try_this("Choose another source")),
            1 => Err(Problem::data("One picture is too few to learn from").try_this("Add more pictures")),
            _ => Ok(()),
        }
    }
}

impl View for DataView {
    fn id(&self) -> ViewId {
        ViewId::Data
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if std::mem::take(&mut self.ask_again) {
            self.survey_if_needed(cx, false);
        }
        self.thumbs.upload(ui.ctx(), cx.textures);
        self.preview.upload(ui.ctx(), cx.textures);
        if self.source().is_none() {
            self.welcome(ui, cx);
            return;
        }
        let survey = self.survey(cx.studio);
        if let Some(survey) = &survey {
            self.tools(ui, survey, cx);
        }
        let frame = Frame::new().fill(theme::tokens(ui).panel).inner_margin(Margin::same(theme::size::M as i8));
        if ui.available_width() >= NARROW {
            Panel::left("data sources").resizable(false).exact_size(SOURCES).frame(frame).show(ui, |ui| {
                self.source_list(ui, cx);
            });
        }
        match &survey {
            Some(survey) => self.pictures(ui, survey, cx),
            None => self.waiting(ui, cx),
        }
        self.tell_left_out(cx);
    }

    fn has_inspector(&self, studio: &Studio) -> bool {
        self.survey(studio).is_some()
    }

    fn inspector(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if let Some(survey) = self.survey(cx.studio) {
            self.inspect(ui, &survey, cx);
        }
    }

    fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.thumbs.receive(event);
        self.preview.receive(event);
        if let Event::Surveyed { survey, .. } = event
            && self.source() == Some(survey.source.as_str())
        {
            if self.recipe.data.exclude.is_empty() && self.shown_for.is_none() {
                self.suit(survey);
            }
            self.place_excluded(survey);
            self.shown_for = None;
            cx.send(Command::ListData);
        }
        self.tell_left_out(cx);
    }

    fn on_show(&mut self, cx: &mut Cx<'_>) {
        cx.send(Command::ListData);
        self.survey_if_needed(cx, false);
    }

    fn receive(&mut self, parcel: &Parcel, cx: &mut Cx<'_>) {
        match parcel {
            Parcel::Source(source) => self.choose(source, cx),
            Parcel::LeaveOut { data, names } => self.leave_out(data, names, cx),
            Parcel::Picked { purpose, paths } if *purpose == PURPOSE && !paths.is_empty() => {
                self.choose(&joined(paths), cx);
            }
            _ => {}
        }
        self.tell_left_out(cx);
    }

    fn on_drop(&mut self, paths: &[PathBuf], cx: &mut Cx<'_>) -> bool {
        // What the studio made itself, models and runs, are told apart by the shell.
        cx.push(Action::Open(paths.to_vec()));
        true
    }

    fn on_command(&mut self, command: UiCommand, cx: &mut Cx<'_>) -> bool {
        match command {
            UiCommand::Start => {
                let Some(survey) = self.survey(cx.studio) else { return false };
                match self.can_train(&survey) {
                    Ok(()) => self.train(&survey, cx),
                    Err(problem) => cx.say(problem),
                }
                true
            }
            UiCommand::SelectAll => {
                let keys = self.shown.iter().map(|&i| u64::from(i));
                self.grid.selection.add(keys);
                true
            }
            _ => false,
        }
    }

    fn keys(&self) -> Vec<KeyHelp> {
        vec![
            KeyHelp { keys: "X or Del", does: "Leave the selected pictures out, or take them again" },
            KeyHelp { keys: "Arrows", does: "Go from picture to picture" },
            KeyHelp { keys: "Space or Enter", does: "Show a picture large, and all again" },
            KeyHelp { keys: "Shift, Ctrl", does: "Select a range, or one more" },
            KeyHelp { keys: "Ctrl+Enter", does: "Train on these pictures" },
        ]
    }

    fn save(&self) -> Value {
        json!({ "data": self.recipe.data, "size": self.grid.size })
    }

    fn restore(&mut self, kept: &Value) {
        if let Ok(data) = serde_json::from_value::<DataRecipe>(kept["data"].clone()) {
            self.thumbs.turn_to(&data.source);
            self.recipe.data = data;
            self.ask_again = true;
        }
        if let Some(size) = kept["size"].as_f64() {
            self.grid.size = (size as f32).clamp(32.0, 256.0);
        }
    }

    fn snapshot(&self) -> Value {
        json!({ "data": self.recipe.data })
    }

    fn go_back(&mut self, state: &Value, cx: &mut Cx<'_>) {
        let Ok(data) = serde_json::from_value::<DataRecipe>(state["data"].clone()) else { return };
        if data.source != self.recipe.data.source {
            self.choose(&data.source.clone(), cx);
        }
        self.recipe.data = data;
        self.excluded_revision += 1;
        if let Some(survey) = self.survey(cx.studio) {
            self.place_excluded(&survey);
        }
        self.survey_if_needed(cx, false);
        self.tell_left_out(cx);
    }
}

impl DataView {
    fn delete_key(ui: &Ui) -> bool {
        ui.input(|i| i.key_pressed(Key::X) || i.key_pressed(Key::Delete) || i.key_pressed(Key::Backspace))
    }
}

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
