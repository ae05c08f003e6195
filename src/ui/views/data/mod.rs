//! Data: sources on the left, their pictures in the middle, preparation on the right.

mod figures;
mod hide;
mod inspect;
mod marks;
mod pictures;
mod places;
mod preview;
mod sets;
mod sources;
mod thumbs;
mod versions;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use egui::{Frame, Key, Margin, Panel, Ui};
use serde_json::{Value, json};

use super::train::estimate::recommended;
use super::{Cx, KeyHelp, View, ViewId};
use crate::base::{Problem, Resolution};
use crate::data::joined;
use crate::data::report::Survey;
use crate::engine::{Command, DataSetInfo, Event, JobId};
use crate::recipe::advice::fitted;
use crate::recipe::{DataRecipe, Reading, Recipe};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::command::UiCommand;
use crate::ui::state::Studio;
use crate::ui::theme;
use crate::ui::widgets::drop_target::{DropState, PURPOSE};
use crate::ui::widgets::form::Form;
use crate::ui::widgets::picture_grid::PictureGrid;
use pictures::Filter;
use places::Places;
pub(super) use preview::{Preview, Which};
use sets::{Prepared, Sets};
pub(super) use sources::{built_in_title, short_name, source_help, source_picker};
pub(super) use thumbs::Thumbs;

/// Width of the list of sources, in points.
const SOURCES: f32 = 208.0;
/// Narrower than this the sources are a choice in a row above.
const NARROW: f32 = 620.0;

/// A toolbar on top of the view; what follows has the rest of the room.
pub(super) fn bar<R>(ui: &mut Ui, id: &str, add: impl FnOnce(&mut Ui) -> R) -> R {
    let shown = ui.push_id(id, |ui| theme::toolbar(ui, add)).inner;
    ui.add_space(-ui.spacing().item_spacing.y);
    shown
}

/// The view.
pub struct DataView {
    /// What is to be trained on: source and preparation.
    recipe: Recipe,
    /// The preparation that suits what was found: what resetting goes back to.
    suited: DataRecipe,
    /// Whether the preparation was proposed, or set, for what was found; a first survey proposes it otherwise.
    fitted: bool,
    /// How other data sets are prepared.
    sets: Sets,
    /// Data sets taken off the list since the window opened.
    forgotten: Vec<DataSetInfo>,
    /// Keys and places of the pictures of the present survey.
    places: Places,
    job: Option<JobId>,
    /// What the job looks through.
    job_for: Option<(String, Reading)>,
    grid: PictureGrid,
    thumbs: Thumbs,
    filter: Filter,
    /// The label that is shown, by name.
    label: Option<String>,
    /// Places in the survey that are shown, and what they were chosen for.
    shown: Vec<u32>,
    shown_for: Option<(String, Filter, Option<String>, u64)>,
    /// Places of the present survey that are left out; the recipe keeps their names.
    excluded: BTreeSet<u32>,
    excluded_revision: u64,
    /// What Explore was told last to be left out: the source, and how many changes ago.
    told: Option<(String, u64)>,
    preview: Preview,
    /// Key of the picture that is shown alone.
    enlarged: Option<u64>,
    form: Form,
    drop: DropState,
    ask_again: bool,
    /// The job that learns words.
    words: Option<JobId>,
    /// Labels, weights and tags of pictures.
    marking: marks::Marking,
    versions: versions::VersionsPage,
    /// Counts of the present survey.
    figures: figures::Known,
    hiding: hide::Hiding,
}

impl Default for DataView {
    fn default() -> Self {
        Self {
            recipe: Recipe::default(),
            suited: DataRecipe::default(),
            fitted: false,
            sets: Sets::default(),
            forgotten: Vec::new(),
            places: Places::default(),
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
            words: None,
            marking: marks::Marking::default(),
            versions: versions::VersionsPage::default(),
            figures: figures::Known::default(),
            hiding: hide::Hiding::default(),
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
            self.turn_to(source);
            if let Some(survey) = cx.studio.surveys.get(source) {
                self.take_in(&survey.clone());
            }
        }
        self.survey_if_needed(cx, false);
    }

    /// Leaves the present source, which is remembered, for another one: as it was left, or new.
    fn turn_to(&mut self, source: &str) {
        self.remember();
        match self.sets.get(source).cloned() {
            Some(Prepared { data, suited }) => (self.recipe.data, self.suited, self.fitted) = (data, suited, true),
            None => {
                self.recipe.data = DataRecipe { source: source.into(), ..DataRecipe::default() };
                (self.suited, self.fitted) = (self.recipe.data.clone(), false);
            }
        }
        self.excluded.clear();
        self.excluded_revision += 1;
        (self.filter, self.label, self.shown_for) = (Filter::All, None, None);
        self.grid.selection.clear();
        self.enlarged = None;
        self.preview.clear();
        self.thumbs.turn_to(source);
    }

    /// Keeps how the present source is prepared.
    fn remember(&mut self) {
        if self.fitted && self.source().is_some() {
            self.sets.put(Prepared { data: self.recipe.data.clone(), suited: self.suited.clone() });
        }
    }

    /// Takes in a survey of the present source: proposes a preparation if there is none yet, and finds pictures again.
    fn take_in(&mut self, survey: &Arc<Survey>) {
        let set = self.fitted.then(|| self.recipe.data.clone());
        self.suit(survey);
        self.recipe.data = set.unwrap_or_else(|| self.suited.clone());
        self.fitted = true;
        self.find(survey);
    }

    /// Finds the pictures of a survey by their names: what is selected, enlarged and left out.
    fn find(&mut self, survey: &Arc<Survey>) {
        if self.places.update(survey) {
            self.figures.take();
            self.grid.selection.retain(|key| self.places.place(key).is_some());
            self.enlarged.take_if(|key| self.places.place(*key).is_none());
            let labels = self.figures(survey);
            self.label.take_if(|label| !labels.labels.contains(label));
            self.shown_for = None;
        }
        self.place_excluded(survey);
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
        let mut data = DataRecipe { source: survey.source.clone(), ..DataRecipe::default() };
        let known = survey.known(&data, &BTreeSet::new());
        data.channels = known.channels;
        data.resolution = known.resolution().map_or(data.resolution, Resolution::square);
        data.drop_duplicates = survey.duplicates.iter().any(|d| d.exact);
        self.suited = data;
    }

    /// Pictures that would be trained on.
    fn usable(&self, survey: &Survey) -> u64 {
        self.figures(survey).usable
    }

    /// Leaves pictures out, or takes them again.
    fn exclude(&mut self, survey: &Survey, places: &[u32], out: bool, cx: &mut Cx<'_>) {
        if places.is_empty() {
            return;
        }
        let label = if out { "leave out pictures" } else { "include pictures again" };
        cx.undo_point(ViewId::Data, label, self.snapshot());
        // Names that this survey does not have are kept: their files may be back next time.
        let mut names: BTreeSet<String> = self.recipe.data.exclude.drain(..).collect();
        for entry in places.iter().filter_map(|place| survey.entries.get(*place as usize)) {
            if out {
                names.insert(entry.name.clone());
            } else {
                names.remove(&entry.name);
            }
        }
        self.recipe.data.exclude = names.into_iter().collect();
        self.marks_changed(Some(survey));
    }

    /// Places of the selected pictures.
    fn selected(&self) -> Vec<u32> {
        self.grid.selection.iter().filter_map(|key| self.places.place(key)).collect()
    }

    /// Takes a data set off the list; its pictures stay where they are, and Undo brings it back.
    fn forget(&mut self, set: &DataSetInfo, cx: &mut Cx<'_>) {
        cx.undo_point(ViewId::Data, format!("remove {} from the list", short_name(&set.source)), self.snapshot());
        self.forgotten.push(set.clone());
        cx.send(Command::ForgetData { source: set.source.clone() });
        if self.source() == Some(set.source.as_str()) {
            self.turn_to("");
        }
    }

    /// Makes the list what it was when only these were taken off.
    fn put_back(&mut self, forgotten: Vec<DataSetInfo>, cx: &mut Cx<'_>) {
        let of = |sets: &[DataSetInfo], set: &DataSetInfo| sets.iter().any(|s| s.source == set.source);
        for set in self.forgotten.iter().filter(|set| !of(&forgotten, set)) {
            cx.send(Command::RestoreData { set: set.clone() });
        }
        for set in forgotten.iter().filter(|set| !of(&self.forgotten, set)) {
            cx.send(Command::ForgetData { source: set.source.clone() });
        }
        self.forgotten = forgotten;
    }

    /// Leaves pictures out by their names; turns to their source first if another one is chosen.
    fn leave_out(&mut self, data: &DataRecipe, names: &[String], cx: &mut Cx<'_>) {
        cx.undo_point(ViewId::Data, "leave out pictures", self.snapshot());
        if self.recipe.data.source != data.source {
            let known = self.sets.get(&data.source).is_some();
            self.choose(&data.source, cx);
            if !known {
                (self.recipe.data, self.fitted) = (data.clone(), true);
            }
        }
        let all: BTreeSet<String> = self.recipe.data.exclude.iter().chain(names).cloned().collect();
        self.recipe.data.exclude = all.into_iter().collect();
        let survey = self.survey(cx.studio);
        self.marks_changed(survey.as_deref());
        self.excluded_revision += 1;
    }

    /// Tells Explore what is left out, if that changed.
    fn tell_left_out(&mut self, cx: &mut Cx<'_>) {
        self.tell_marks(cx);
        let now = (self.recipe.data.source.clone(), self.excluded_revision);
        if now.0.is_empty() || self.told.as_ref() == Some(&now) {
            return;
        }
        let (source, names) = (now.0.clone(), Arc::new(self.recipe.data.exclude.iter().cloned().collect()));
        cx.push(Action::DeliverQuietly(ViewId::Explore, Box::new(ViewMessage::LeftOut { source, names })));
        self.told = Some(now);
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
            0 => Err(Problem::data("There are no usable pictures").try_this("Choose another source")),
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
            if self.places.is_of_another(survey) {
                self.take_in(survey);
            }
            self.tools(ui, survey, cx);
        }
        let frame = Frame::new().fill(theme::tokens(ui).panel).inner_margin(Margin::same(theme::size::M as i8));
        let before = self.recipe.data.source.clone();
        if ui.available_width() >= NARROW {
            Panel::left("data sources").resizable(false).exact_size(SOURCES).frame(frame).show(ui, |ui| {
                self.source_list(ui, cx);
            });
        } else {
            bar(ui, "data source bar", |ui| self.source_choice(ui, cx));
        }
        if self.recipe.data.source != before {
            // What was read above belongs to the source that was left: its pictures are not asked for in the new one.
            ui.ctx().request_repaint();
            return;
        }
        match &survey {
            Some(_) if self.shows_versions() => self.show_versions(ui, cx),
            Some(survey) => self.pictures(ui, survey, cx),
            None => self.waiting(ui, cx),
        }
        self.ask_marks(false, cx);
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
            self.take_in(survey);
            self.preview.renew();
            cx.send(Command::ListData);
        }
        if let Event::Records(event) = event {
            self.take_marks(event, self.survey(cx.studio).as_deref());
            self.take_versions(event, cx);
        }
        self.tell_left_out(cx);
    }

    fn on_show(&mut self, cx: &mut Cx<'_>) {
        cx.send(Command::ListData);
        self.survey_if_needed(cx, false);
        self.ask_marks(true, cx);
    }

    fn receive(&mut self, parcel: &ViewMessage, cx: &mut Cx<'_>) {
        match parcel {
            ViewMessage::Source(source) => self.choose(source, cx),
            ViewMessage::LeaveOut { data, names } => self.leave_out(data, names, cx),
            ViewMessage::Picked { purpose, paths } if *purpose == PURPOSE && !paths.is_empty() => {
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
                let keys = self.shown.iter().map(|&place| self.places.key(place));
                self.grid.selection.add(keys);
                true
            }
            _ => false,
        }
    }

    fn keys(&self) -> Vec<KeyHelp> {
        vec![
            KeyHelp { keys: "X or Del", does: "Leave the selected pictures out, or include them again" },
            KeyHelp { keys: "B, W, T", does: "Set the label, the weight or a tag of the selected pictures" },
            KeyHelp { keys: "Arrows", does: "Move between pictures" },
            KeyHelp { keys: "Space or Enter", does: "Enlarge a picture, or go back to all" },
            KeyHelp { keys: "Shift, Ctrl", does: "Select a range, or one more" },
            KeyHelp { keys: "Ctrl+Enter", does: "Train on these pictures" },
        ]
    }

    fn save(&self) -> Value {
        let mut sets = self.sets.clone();
        if self.fitted && self.source().is_some() {
            sets.put(Prepared { data: self.recipe.data.clone(), suited: self.suited.clone() });
        }
        json!({ "data": self.recipe.data, "fitted": self.fitted, "sets": sets, "size": self.grid.size, "marked": self.marking.synced })
    }

    fn restore(&mut self, kept: &Value) {
        if let Ok(data) = serde_json::from_value::<DataRecipe>(kept["data"].clone()) {
            self.thumbs.turn_to(&data.source);
            // Files of earlier versions do not say: what they kept was set for what was found.
            self.fitted = kept["fitted"].as_bool().unwrap_or(true) && !data.source.is_empty();
            (self.suited, self.recipe.data) = (data.clone(), data);
            self.ask_again = true;
        }
        if let Ok(sets) = serde_json::from_value(kept["sets"].clone()) {
            self.sets = sets;
        }
        if let Ok(marked) = serde_json::from_value(kept["marked"].clone()) {
            self.marking.synced = marked;
        }
        if let Some(size) = kept["size"].as_f64() {
            self.grid.size = (size as f32).clamp(32.0, 256.0);
        }
    }

    fn snapshot(&self) -> Value {
        json!({ "data": self.recipe.data, "forgotten": self.forgotten, "outside": self.marking.outside.len() })
    }

    fn go_back(&mut self, state: &Value, cx: &mut Cx<'_>) {
        let Ok(mut data) = serde_json::from_value::<DataRecipe>(state["data"].clone()) else { return };
        self.keep_outside(&mut data, state["outside"].as_u64().unwrap_or_default() as usize);
        if let Ok(forgotten) = serde_json::from_value(state["forgotten"].clone()) {
            self.put_back(forgotten, cx);
        }
        if data.source != self.recipe.data.source {
            self.turn_to(&data.source);
            self.survey_if_needed(cx, false);
        }
        (self.recipe.data, self.fitted) = (data, true);
        self.excluded_revision += 1;
        self.marks_changed(None);
        if let Some(survey) = self.survey(cx.studio) {
            self.find(&survey);
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
