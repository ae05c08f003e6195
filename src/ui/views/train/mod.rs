//! Train: setting up a run from presets, then watching it learn.

mod curves;
pub(in crate::ui) mod estimate;
mod files;
mod findings;
mod locate;
pub(in crate::ui) mod now;
mod proposal;
mod samples;
mod setup;
mod side;
mod signals;
mod tokens;
mod tree;
mod watch;

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

use egui::Ui;
use serde_json::{Value, json};

use super::data::{Preview, Thumbs, short_name};
use super::{Cx, KeyHelp, View, ViewId};
use crate::base::Problem;
use crate::data::joined;
use crate::engine::{Command, Control, Event, JobId, PictureAnswer, RunState, RunSummary};
use crate::models::info::ModelRef;
use crate::models::outline::Outline;
use crate::recipe::advice::Known;
use crate::recipe::preset::{self, Facts, PRESETS, Preset};
use crate::recipe::{DataRecipe, Recipe};
use crate::ui::action::{Action, ViewMessage};
use crate::ui::command::UiCommand;
use crate::ui::state::Studio;
use crate::ui::widgets::drop_target::{DropState, PURPOSE};
use crate::ui::widgets::form::Form;
use crate::ui::widgets::scores::ScorePanel;

/// What stands beside the samples of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Panel {
    Curves,
    Metrics,
    /// The runs that came from each other.
    Tree,
}

/// The view.
pub struct TrainView {
    /// A new run is being set up; otherwise the selected run is watched.
    setting_up: bool,
    recipe: Recipe,
    /// The recipe as the preset or another view made it: what resetting goes back to.
    base: Recipe,
    preset: &'static Preset,
    /// What the preset was fitted to; nothing for a recipe from elsewhere.
    fitted_to: Option<Known>,
    /// Somebody chose the preset: it stays whatever is recommended.
    preset_chosen: bool,
    /// What was found out of the pictures last, by which survey and with which preparation.
    known_of: RefCell<Option<(usize, DataRecipe, Known)>>,
    /// Size and channels follow what suits the pictures.
    proposes_data: bool,
    from: Option<ModelRef>,
    /// Device chosen for the next run; none for the studio's.
    device: Option<String>,
    form: Form,
    drop: DropState,
    thumbs: Thumbs,
    preview: Preview,
    /// What the networks of a recipe are made of, as told last.
    outline: Option<(Recipe, Outline)>,
    /// The recipe whose networks were asked for.
    outlined: Option<Recipe>,
    survey_job: Option<JobId>,
    /// A run was started and is not in the list yet: it will be selected.
    starting: Option<usize>,

    live_form: Form,
    curves: curves::Curves,
    scores: ScorePanel,
    samples: samples::Samples,
    writer: files::Writer,
    /// Runs whose folders were asked for.
    asked: HashSet<PathBuf>,
    /// How much further a finished run shall go, in kimg.
    further: f64,
    /// In a narrow pane one of both is shown.
    show_samples: bool,
    /// What stands beside the samples.
    panel: Panel,
    blink: tree::Blink,
}

impl Default for TrainView {
    fn default() -> Self {
        let recipe = PRESETS[0].recipe(Facts { pictures: 0, resolution: 32.into() });
        Self {
            setting_up: false,
            base: recipe.clone(),
            recipe,
            preset: &PRESETS[0],
            fitted_to: Some(Known::default()),
            preset_chosen: false,
            known_of: RefCell::default(),
            proposes_data: true,
            from: None,
            device: None,
            form: Form::default(),
            drop: DropState::default(),
            thumbs: Thumbs::default(),
            preview: Preview::new("train preview"),
            outline: None,
            outlined: None,
            survey_job: None,
            starting: None,
            live_form: Form::default(),
            curves: curves::Curves::default(),
            scores: ScorePanel::default(),
            samples: samples::Samples::default(),
            writer: files::Writer::default(),
            asked: HashSet::new(),
            further: 100.0,
            show_samples: true,
            panel: Panel::Curves,
            blink: tree::Blink::default(),
        }
    }
}

impl TrainView {
    /// Whether a run is set up rather than watched.
    fn sets_up(&self, studio: &Studio) -> bool {
        self.setting_up || studio.selected_run().is_none()
    }

    /// Turns to a source; a preset that was not changed is fitted to it.
    fn choose_source(&mut self, source: &str, cx: &mut Cx<'_>) {
        let source = source.trim();
        if source.is_empty() || source == self.recipe.data.source {
            return;
        }
        let fitted = self.is_fitted();
        let named = self.recipe.name.is_empty() || self.recipe.name == short_name(&self.recipe.data.source);
        self.recipe.data.source = source.into();
        self.recipe.data.exclude.clear();
        if named {
            self.recipe.name = short_name(source);
        }
        if fitted {
            self.proposes_data = true;
            self.apply_preset(self.preset, cx.studio);
            self.propose(cx);
        }
        self.look(cx);
    }

    /// Has the source looked through, for its pictures and their number.
    fn look(&mut self, cx: &mut Cx<'_>) {
        let source = self.recipe.data.source.clone();
        self.thumbs.turn_to(&source);
        self.preview.clear();
        let reading = self.recipe.data.reading();
        let known = cx.studio.surveys.get(&source).is_some_and(|s| s.reading == reading);
        if !source.is_empty() && !known {
            let job = cx.new_job();
            self.survey_job = Some(job);
            cx.send(Command::Survey { job, source, reading });
        }
    }

    fn device_id(&self, studio: &Studio) -> String {
        let usable = |id: &String| studio.devices.iter().any(|d| d.id == *id && d.usable);
        self.device
            .clone()
            .filter(usable)
            .or_else(|| studio.device().map(|d| d.id.clone()))
            .unwrap_or_else(|| "cpu".into())
    }

    fn start(&mut self, cx: &mut Cx<'_>) {
        if let Some(problem) = self.obstacle(cx.studio) {
            cx.say(problem);
            return;
        }
        let mut recipe = self.recipe.clone();
        if recipe.name.trim().is_empty() {
            recipe.name = short_name(&recipe.data.source);
        }
        let device = self.device_id(cx.studio);
        cx.send(Command::StartRun { recipe: Box::new(recipe), from: self.from.clone(), device });
        self.starting = Some(cx.studio.runs.len());
        self.setting_up = false;
        self.samples.follow();
    }

    fn resume(&mut self, run: &RunSummary, further: Option<f64>, pictures: PictureAnswer, cx: &mut Cx<'_>) {
        let device = self.device_id(cx.studio);
        let kimg = further.map(|more| run.progress.images as f64 / 1000.0 + more);
        cx.send(Command::ResumeRun { dir: run.dir.clone(), kimg, device, pictures });
        self.samples.follow();
    }

    fn control(run: &Path, control: Control, cx: &mut Cx<'_>) {
        cx.send(Command::ControlRun { dir: run.to_path_buf(), control });
    }

    /// Has a run's folder read once.
    fn load(&mut self, dir: &Path, cx: &mut Cx<'_>) {
        let loaded = cx.studio.live.get(dir).is_some_and(|l| l.loaded);
        if !loaded && self.asked.insert(dir.to_path_buf()) {
            cx.send(Command::LoadRun { dir: dir.to_path_buf() });
        }
    }

    fn select(&mut self, dir: &Path, cx: &mut Cx<'_>) {
        self.setting_up = false;
        self.samples.follow();
        cx.push(Action::SelectRun(Some(dir.to_path_buf())));
        self.load(dir, cx);
    }
}

impl View for TrainView {
    fn id(&self) -> ViewId {
        ViewId::Train
    }

    fn ui(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        self.thumbs.upload(ui.ctx(), cx.textures);
        self.preview.upload(ui.ctx(), cx.textures);
        for result in self.writer.poll() {
            match result {
                Ok(path) => {
                    let said = Problem::usage("The chart was saved").of(path.display().to_string()).info();
                    cx.actions.push(Action::Message(said));
                }
                Err(problem) => cx.actions.push(Action::Message(problem)),
            }
        }
        if self.sets_up(cx.studio) {
            self.setup(ui, cx);
        } else if let Some(run) = cx.studio.selected_run() {
            cx.pictures_of(&run.dir.display().to_string());
            self.watch(ui, run, cx);
        }
    }

    fn has_inspector(&self, _studio: &Studio) -> bool {
        true
    }

    fn inspector(&mut self, ui: &mut Ui, cx: &mut Cx<'_>) {
        if self.sets_up(cx.studio) {
            self.setup_settings(ui, cx);
        } else if let Some(run) = cx.studio.selected_run() {
            self.side(ui, run, cx);
        }
    }

    fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) {
        self.thumbs.receive(event);
        self.preview.receive(event);
        self.samples.receive(event);
        self.blink.receive(event);
        self.scores.on_event(event);
        match event {
            // The run that was just started is the one to watch.
            Event::Run(run) if self.starting.is_some_and(|known| cx.studio.runs.len() > known) => {
                self.starting = None;
                self.setting_up = false;
                cx.push(Action::SelectRun(Some(run.dir.clone())));
            }
            // What the pictures are is known now: a preset that was not changed fits itself to them.
            Event::Surveyed { survey, .. } if survey.source == self.recipe.data.source => self.propose(cx),
            Event::Outlined { recipe, outline } => self.outline = Some(((**recipe).clone(), outline.clone())),
            _ => {}
        }
    }

    fn on_show(&mut self, cx: &mut Cx<'_>) {
        cx.send(Command::ListData);
        if let Some(run) = cx.studio.selected_run() {
            self.load(&run.dir, cx);
        }
    }

    fn receive(&mut self, parcel: &ViewMessage, cx: &mut Cx<'_>) {
        match parcel {
            ViewMessage::SetUp { recipe, from } => {
                self.setting_up = true;
                self.recipe = (**recipe).clone();
                if self.recipe.name.is_empty() {
                    self.recipe.name = short_name(&self.recipe.data.source);
                }
                self.preset = estimate::nearest_preset(&self.recipe).unwrap_or(&PRESETS[0]);
                self.base = self.recipe.clone();
                self.fitted_to = Some(self.known(cx.studio));
                (self.preset_chosen, self.proposes_data) = (from.is_some(), false);
                self.from.clone_from(from);
                self.look(cx);
            }
            ViewMessage::Run(dir) => self.select(dir, cx),
            ViewMessage::Source(source) => {
                self.setting_up = true;
                self.choose_source(source, cx);
            }
            ViewMessage::Picked { purpose, paths } if self.scores.picked(purpose, paths, cx) => {}
            ViewMessage::Picked { purpose, paths } if *purpose == PURPOSE => self.choose_source(&joined(paths), cx),
            ViewMessage::Picked { purpose, paths } if *purpose == locate::LOCATE && !paths.is_empty() => {
                self.located(joined(paths), cx);
            }
            ViewMessage::Picked { purpose, paths } => {
                if let Some(path) = paths.first() {
                    self.curves.picked(purpose, path);
                }
            }
            _ => {}
        }
    }

    fn on_command(&mut self, command: UiCommand, cx: &mut Cx<'_>) -> bool {
        if command != UiCommand::Start {
            return false;
        }
        if self.sets_up(cx.studio) {
            self.start(cx);
            return true;
        }
        let Some(run) = cx.studio.selected_run() else { return false };
        match run.state {
            RunState::Failed | RunState::Interrupted => self.resume(run, None, PictureAnswer::default(), cx),
            RunState::Finished | RunState::Stopped => {
                let further = (run.progress.images >= run.progress.target).then_some(self.further);
                self.resume(run, further, PictureAnswer::default(), cx);
            }
            RunState::Paused => Self::control(&run.dir, Control::Resume, cx),
            _ => return false,
        }
        true
    }

    fn keys(&self) -> Vec<KeyHelp> {
        vec![
            KeyHelp { keys: "Ctrl+Enter", does: "Start training, or continue" },
            KeyHelp { keys: "Left, Right", does: "The enlarged sample before, or after" },
            KeyHelp { keys: "Esc", does: "Back from the enlarged sample to all" },
            KeyHelp { keys: "Ctrl+wheel", does: "Zoom charts and samples" },
            KeyHelp { keys: "Double click", does: "Show all of a chart again" },
        ]
    }

    fn save(&self) -> Value {
        json!({
            "recipe": self.recipe,
            "preset": self.preset.id,
            "charts": self.curves.settings,
            "shown": self.curves.chosen(),
        })
    }

    fn restore(&mut self, kept: &Value) {
        if let Ok(recipe) = serde_json::from_value::<Recipe>(kept["recipe"].clone())
            && let Some(preset) = kept["preset"].as_str().and_then(preset::find)
            && recipe.model.id == preset.model
        {
            self.thumbs.turn_to(&recipe.data.source);
            self.base = recipe.clone();
            (self.recipe, self.preset, self.fitted_to) = (recipe, preset, None);
        }
        if let Ok(settings) = serde_json::from_value(kept["charts"].clone()) {
            self.curves.settings = settings;
        }
        if let Ok(chosen) = serde_json::from_value(kept["shown"].clone()) {
            self.curves.choose(chosen);
        }
    }

    fn snapshot(&self) -> Value {
        json!({ "recipe": self.recipe, "base": self.base, "preset": self.preset.id, "from": self.from })
    }

    fn go_back(&mut self, state: &Value, cx: &mut Cx<'_>) {
        let recipe = |name: &str| serde_json::from_value::<Recipe>(state[name].clone()).ok();
        let (Some(now), Some(base)) = (recipe("recipe"), recipe("base")) else { return };
        (self.recipe, self.base) = (now, base);
        self.from = state["from"].as_str().map(str::to_owned);
        if let Some(preset) = state["preset"].as_str().and_then(preset::find) {
            self.preset = preset;
        }
        self.look(cx);
    }
}

#[cfg(test)]
mod tests;
