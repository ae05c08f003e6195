//! What the window knows. Filled in one place, [`Studio::apply`]; views only read it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::format::{self, unix_now};
use super::settings::Settings;
use super::textures::Subject;
use crate::base::pace::Pace;
use crate::base::problem::Kind;
use crate::base::series::{Reading, Series};
use crate::base::{Picture, Problem, Severity};
use crate::data::report::Survey;
use crate::engine::{
    DataSetInfo, DeviceReport, Evaluation, Event, Item, ItemFilter, JobId, Likeness, PastChange, Space,
};
use crate::library::storage::Kept;
use crate::models::info::{BrokenModel, ModelInfo, ModelRef};
use crate::models::shipped::EncoderCard;
use crate::recipe::Edit;
use crate::recipe::form::with_titles;
use crate::train::doctor::finding::Finding;
use crate::train::report::{Preview, RunState, RunSummary};

/// How many past messages are kept.
const MESSAGES: usize = 2000;
/// How many ended jobs are kept.
const ENDED_JOBS: usize = 32;

/// Runs whose curves are kept in memory.
const MOST_LIVE: usize = 48;

/// What is known of one run beyond its summary.
#[derive(Default, Debug)]
pub struct RunLive {
    /// Curves by name.
    pub curves: BTreeMap<String, Series>,
    /// Live edits, in order.
    pub edits: Vec<Edit>,
    /// Pictures seen at each kept sample grid, in order.
    pub previews: Vec<u64>,
    /// The newest sample grid.
    pub preview: Option<Arc<Preview>>,
    /// A sample grid that was asked for by its place in the run (`Command::LoadPreview`).
    pub past: Option<Arc<Preview>>,
    /// What the doctor found, in order.
    pub findings: Vec<Finding>,
    /// What the run said.
    pub messages: Vec<Problem>,
    /// Whether everything kept in its folder was read (`Event::RunLoaded`).
    pub loaded: bool,
    /// Grows whenever a curve, an edit or a preview changes.
    pub revision: u64,
    /// When it was heard of last, among all runs.
    pub heard: u64,
}

impl RunLive {
    fn add(&mut self, reading: &Reading) {
        for (name, value) in &reading.values {
            let series = self.curves.entry(name.clone()).or_default();
            if series.images.last().is_some_and(|&last| reading.images < last) {
                // The run went back to an earlier state: what came after it no longer holds.
                series.truncate_after(reading.images.saturating_sub(1));
            }
            series.push(reading.step, reading.images, reading.seconds, *value);
        }
    }

    fn note_preview(&mut self, preview: &Arc<Preview>, live: bool) {
        if let Err(place) = self.previews.binary_search(&preview.images) {
            self.previews.insert(place, preview.images);
        }
        if live || self.preview.as_ref().is_none_or(|p| p.images <= preview.images) {
            self.preview = Some(preview.clone());
        }
        if !live {
            self.past = Some(preview.clone());
        }
    }
}

/// Long work that can be watched and ended.
#[derive(Clone, Debug)]
pub struct Job {
    /// Its number.
    pub id: JobId,
    /// What it does.
    pub title: String,
    /// Units done.
    pub done: u64,
    /// Units in all; 0 while unknown.
    pub total: u64,
    /// How fast its present stage goes.
    pace: Pace<0>,
    /// When news of it came last.
    told: Instant,
    /// Stages before the present one.
    pub stages_done: u32,
    /// Whether it is over.
    pub ended: bool,
    /// What went wrong.
    pub problem: Option<Problem>,
    /// Pictures and bytes of a prepared set.
    pub prepared: Option<(u64, u64)>,
    /// Files it wrote.
    pub files: Vec<PathBuf>,
}

impl Job {
    fn new(id: JobId) -> Self {
        Self {
            id,
            title: String::new(),
            done: 0,
            total: 0,
            pace: Pace::new(0.0),
            told: Instant::now(),
            stages_done: 0,
            ended: false,
            problem: None,
            prepared: None,
            files: Vec::new(),
        }
    }

    /// Share done, 0 to 1; `None` while unknown.
    pub fn share(&self) -> Option<f32> {
        (self.total > 0).then(|| (self.done as f64 / self.total as f64).min(1.0) as f32)
    }

    /// Takes in how far it is, `seconds` after the last news. Another title, or less done than before, is another stage,
    /// with a speed of its own.
    fn goes_on(&mut self, title: &str, done: u64, total: u64, seconds: f64) {
        if self.title != title || done < self.done {
            self.stages_done += u32::from(!self.title.is_empty() && self.title != title);
            self.title = title.into();
            self.pace = Pace::new(done as f64);
        } else {
            self.pace.work(seconds, done as f64);
        }
        (self.done, self.total) = (done, total);
    }

    /// Units a second, lately.
    pub fn rate(&self) -> Option<f64> {
        self.pace.rate()
    }

    /// Seconds left of the present stage, if it goes on like this.
    pub fn seconds_left(&self) -> Option<f64> {
        (self.total > self.done).then(|| self.pace.left(self.total as f64, [])).flatten()
    }
}

impl Job {
    /// What stands of it in a line: what it does, how far it is, and how long this takes.
    pub fn sentence(&self) -> String {
        let mut text = self.title.clone();
        if self.total > 0 {
            text.push_str(&format!(" {} of {}", format::count(self.done), format::count(self.total)));
        }
        text.extend(self.left_text().map(|left| format!(" · {left}")));
        text
    }

    /// "6 min left"; of work in several stages "6 min left in this step".
    pub fn left_text(&self) -> Option<String> {
        let left = format::duration(self.seconds_left()?);
        Some(if self.stages_done > 0 { format!("{left} left in this step") } else { format!("{left} left") })
    }
}

/// A message with its time and where it came from.
#[derive(Clone, Debug)]
pub struct PastMessage {
    /// Its number, for good: places change when old ones are dropped.
    pub id: u64,
    /// Unix time.
    pub time: i64,
    /// The run it came from, if any.
    pub run: Option<PathBuf>,
    /// What was said.
    pub problem: Problem,
    /// Whether it was seen in the list.
    pub seen: bool,
}

/// What is said of work that ended early: what a person cancelled is named, and is no problem.
fn ended(title: &str, problem: &Problem) -> Problem {
    if problem.kind != Kind::Interrupted {
        return problem.clone();
    }
    if title.is_empty() || problem.subject.is_some() {
        return problem.clone().info();
    }
    let mut letters = title.chars();
    let title: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    Problem { what: format!("Cancelled: {title}"), ..problem.clone() }.info()
}

/// Kept pictures as last asked for.
#[derive(Clone, Debug)]
pub struct Items {
    /// What was asked for.
    pub filter: ItemFilter,
    /// The answer.
    pub items: Arc<Vec<Item>>,
}

/// How a kept picture stands to the nearest training picture, which comes along; or why that is not known.
pub type Known = (Option<Box<(Likeness, Picture)>>, Option<Problem>);

/// What is selected everywhere at once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// The run that Train, the Run menu and the status line mean.
    pub run: Option<PathBuf>,
    /// The model that Explore means.
    pub model: Option<ModelRef>,
}

/// What the window knows.
#[derive(Default)]
pub struct Studio {
    /// All runs, newest first.
    pub runs: Vec<RunSummary>,
    /// Whether the list of runs has arrived.
    pub runs_known: bool,
    /// Curves, samples and messages of runs, by folder.
    pub live: HashMap<PathBuf, RunLive>,
    /// Counts what was heard of runs.
    pub heard: u64,
    /// All models, shipped ones first.
    pub models: Vec<ModelInfo>,
    /// Whether the library is encrypted.
    pub encrypted: bool,
    /// What the studio keeps and how large it is, once that was asked for.
    pub storage: Option<Vec<Kept>>,
    /// Models that are there and cannot be used.
    pub broken_models: Vec<BrokenModel>,
    /// Pretrained networks that ship with the studio.
    pub networks: Vec<EncoderCard>,
    /// Whether the list of models has arrived.
    pub models_known: bool,
    /// Models that are loaded for exploring.
    pub opened: HashMap<ModelRef, ModelInfo>,
    /// Contact sheets by model, with a revision for the texture.
    pub sheets: HashMap<ModelRef, Arc<Picture>>,
    /// What is known of how good models are.
    pub evaluations: HashMap<ModelRef, Evaluation>,
    /// Surveys by source.
    pub surveys: HashMap<String, Arc<Survey>>,
    /// Data sets used before.
    pub datasets: Vec<DataSetInfo>,
    /// Room on the disk, as asked last.
    pub space: Space,
    /// Kept pictures for the filter asked last.
    pub items: Option<Items>,
    /// Grows whenever kept pictures changed: ask again.
    pub items_revision: u64,
    /// How kept pictures stand to what their models learned from, as far as that was asked for.
    pub likeness: HashMap<i64, Known>,
    /// The last changes to kept pictures, the newest first, as asked last.
    pub changes: Vec<PastChange>,
    /// Devices.
    pub devices: Vec<DeviceReport>,
    /// Jobs, running and lately ended.
    pub jobs: BTreeMap<JobId, Job>,
    /// Past messages, oldest first.
    pub messages: Vec<PastMessage>,
    /// How many messages there were so far.
    pub said: u64,
    /// Settings.
    pub settings: Settings,
    /// Selection.
    pub selection: Selection,
    /// The folder that exports are proposed in at first.
    pub exports: PathBuf,
    /// Where the studio keeps things, by what is there.
    pub folders: Vec<(&'static str, PathBuf)>,
}

impl Studio {
    /// Takes in what the engine told.
    pub fn apply(&mut self, event: &Event) {
        match event {
            Event::Job { job, title, done, total } => {
                let entry = self.job(*job);
                let seconds = entry.told.elapsed().as_secs_f64();
                entry.told = Instant::now();
                entry.goes_on(title, *done, *total, seconds);
            }
            Event::JobEnded { job, problem } => {
                let entry = self.job(*job);
                entry.ended = true;
                entry.problem.clone_from(problem);
                if let Some(problem) = problem.as_ref().map(|p| ended(&entry.title, p)) {
                    self.say(None, problem);
                }
                self.forget_old_jobs();
            }
            Event::DataReady { job, pictures, bytes } => self.job(*job).prepared = Some((*pictures, *bytes)),
            Event::Exported { job, files } => self.job(*job).files.clone_from(files),
            Event::Message(problem) => {
                self.say(None, problem.clone());
            }

            Event::Surveyed { survey, .. } => {
                self.surveys.insert(survey.source.clone(), survey.clone());
            }
            Event::DataSets(sets) => self.datasets.clone_from(sets),
            Event::Space(space) => self.space = *space,

            Event::Run(run) => self.note_run(run),
            Event::Runs(runs) => {
                self.runs.clone_from(runs);
                self.runs_known = true;
                if self.selection.run.as_ref().is_some_and(|dir| self.run(dir).is_none()) {
                    self.selection.run = None;
                }
                if self.selection.run.is_none() {
                    self.selection.run = runs.iter().find(|r| r.state.is_alive()).map(|r| r.dir.clone());
                }
            }
            Event::RunReadings { dir, readings } => {
                let live = self.live_mut(dir);
                readings.iter().for_each(|r| live.add(r));
            }
            Event::RunLoaded { dir, readings, edits, previews, findings } => {
                let live = self.live_mut(dir);
                live.curves.clear();
                readings.iter().for_each(|r| live.add(r));
                live.edits.clone_from(edits);
                live.previews.clone_from(previews);
                live.findings.clone_from(findings);
                live.loaded = true;
            }
            Event::RunEdited { dir, edit } => self.live_mut(dir).edits.push(edit.clone()),
            Event::RunFinding { dir, finding } => self.live_mut(dir).findings.push((**finding).clone()),
            Event::RunPreview { dir, preview, live } => self.live_mut(dir).note_preview(preview, *live),
            Event::RunMessage { dir, problem } => {
                let problem = as_shown(problem.clone());
                self.live_mut(dir).messages.push(problem.clone());
                self.say(Some(dir.clone()), problem);
            }

            Event::Storage(kept) => self.storage = Some(kept.clone()),
            Event::Networks(networks) => self.networks.clone_from(networks),
            Event::BrokenModels(broken) => self.broken_models.clone_from(broken),
            Event::Models(models) => {
                self.models.clone_from(models);
                self.models_known = true;
            }
            Event::ModelOpened { model, info } => {
                self.opened.insert(model.clone(), (**info).clone());
            }
            Event::ContactSheet { model, sheet } => {
                self.sheets.insert(model.clone(), Arc::new(sheet.clone()));
            }

            Event::Evaluated { job, model, evaluation } => {
                let old = self.evaluations.insert(model.clone(), (**evaluation).clone());
                // What was measured before comes without pictures.
                if let (None, Some(old), Some(new)) = (job, old, self.evaluations.get_mut(model)) {
                    (new.suspects, new.left_out) = (old.suspects, old.left_out);
                }
            }

            Event::Items { filter, items } => {
                self.items = Some(Items { filter: filter.clone(), items: items.clone() });
            }
            Event::ItemsChanged => self.items_revision += 1,
            Event::Likeness { item, found, problem } => {
                self.likeness.insert(*item, (found.clone(), problem.clone()));
            }
            Event::Changes(changes) => self.changes.clone_from(changes),
            Event::Devices(devices) => self.devices.clone_from(devices),

            // Pictures for one place on the screen: the view that asked keeps them.
            Event::SourceThumbs { .. }
            | Event::PreparationPreview { .. }
            | Event::PriorCompared { .. }
            | Event::Outlined { .. }
            | Event::Generated { .. }
            | Event::NotGenerated { .. }
            | Event::Encoded { .. }
            | Event::Found { .. }
            | Event::NotFound { .. }
            | Event::Facets(_)
            | Event::ItemThumbs(_)
            | Event::ItemDetail { .. }
            | Event::Graph(_)
            | Event::Usage(_)
            | Event::Records(_)
            | Event::Changed { .. }
            | Event::Latent(_)
            | Event::FirstItems { .. }
            | Event::Inspected(_) => {}
        }
    }

    /// Keeps a message in the list; its number.
    pub fn say(&mut self, run: Option<PathBuf>, problem: Problem) -> u64 {
        if self.messages.len() >= MESSAGES {
            self.messages.drain(..MESSAGES / 10);
        }
        self.said += 1;
        let problem = as_shown(problem);
        self.messages.push(PastMessage { id: self.said, time: unix_now(), run, problem, seen: false });
        self.said
    }

    fn note_run(&mut self, run: &RunSummary) {
        match self.runs.iter_mut().find(|r| r.dir == run.dir) {
            Some(known) => known.clone_from(run),
            None => {
                self.runs.insert(0, run.clone());
                self.runs_known = true;
            }
        }
        if self.selection.run.is_none() {
            self.selection.run = Some(run.dir.clone());
        }
    }

    fn live_mut(&mut self, dir: &Path) -> &mut RunLive {
        if !self.live.contains_key(dir) && self.live.len() >= MOST_LIVE {
            // Curves of the run that was heard of longest ago are read again when they are shown.
            let alive = |dir: &Path| self.run(dir).is_some_and(|r| r.state.is_alive());
            let oldest = self.live.iter().filter(|(dir, _)| !alive(dir)).min_by_key(|(_, live)| live.heard);
            if let Some(oldest) = oldest.map(|(dir, _)| dir.clone()) {
                self.live.remove(&oldest);
            }
        }
        self.heard += 1;
        let heard = self.heard;
        let live = self.live.entry(dir.to_path_buf()).or_default();
        live.revision += 1;
        live.heard = heard;
        live
    }

    fn job(&mut self, id: JobId) -> &mut Job {
        self.jobs.entry(id).or_insert_with(|| Job::new(id))
    }

    fn forget_old_jobs(&mut self) {
        let ended: Vec<JobId> = self.jobs.values().filter(|j| j.ended).map(|j| j.id).collect();
        for id in ended.iter().take(ended.len().saturating_sub(ENDED_JOBS)) {
            self.jobs.remove(id);
        }
    }

    /// A run by its folder.
    pub fn run(&self, dir: &Path) -> Option<&RunSummary> {
        self.runs.iter().find(|r| r.dir == dir)
    }

    /// The selected run.
    pub fn selected_run(&self) -> Option<&RunSummary> {
        self.selection.run.as_deref().and_then(|dir| self.run(dir))
    }

    /// The run the status line speaks of: one that is alive, the selected one first.
    pub fn alive_run(&self) -> Option<&RunSummary> {
        let alive = |r: &&RunSummary| r.state.is_alive();
        self.selected_run().filter(|r| alive(r)).or_else(|| self.runs.iter().find(alive))
    }

    /// Runs that a process works on now or that wait for their turn.
    pub fn busy_runs(&self) -> impl Iterator<Item = &RunSummary> {
        self.runs.iter().filter(|r| r.state.is_alive() || r.state == RunState::Queued)
    }

    /// Place of a run in the fixed order of colours: the oldest is 0.
    pub fn run_colour(&self, dir: &Path) -> usize {
        self.runs.iter().rev().position(|r| r.dir == dir).unwrap_or(0)
    }

    /// A model by its name, opened or listed.
    pub fn model(&self, model: &str) -> Option<&ModelInfo> {
        self.opened.get(model).or_else(|| self.models.iter().find(|m| m.model == model))
    }

    /// The model that made a kept picture, by its weights, else by its name.
    pub fn maker(&self, item: &Item) -> Option<&ModelInfo> {
        let recipe = item.recipe.as_ref()?;
        let by_hash = self.models.iter().find(|m| m.hash == recipe.model_hash && !m.hash.is_empty());
        by_hash.or_else(|| self.models.iter().find(|m| m.name == recipe.model || m.model == recipe.model))
    }

    /// What pictures of a model are drawn like.
    pub fn subject(&self, model: &str) -> Subject {
        Subject::new(model, self.model(model).and_then(ModelInfo::is_pixel_art))
    }

    /// What a kept picture is drawn like: as others of the model that made it.
    pub fn subject_of_item(&self, item: &Item) -> Subject {
        self.maker(item).map_or_else(|| Subject::new(("item", item.id), None), |info| self.subject(&info.model))
    }

    /// The selected model, if it is known.
    pub fn selected_model(&self) -> Option<&ModelInfo> {
        self.selection.model.as_deref().and_then(|m| self.model(m))
    }

    /// Jobs that are not over.
    pub fn running_jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values().filter(|j| !j.ended)
    }

    /// Messages not yet seen that need a look: how many, and how loud the loudest is.
    pub fn unseen(&self) -> (usize, Severity) {
        let unseen = self.messages.iter().filter(|m| !m.seen && m.problem.severity > Severity::Info);
        unseen.fold((0, Severity::Info), |(n, s), m| (n + 1, s.max(m.problem.severity)))
    }

    /// The device that a run without one would train on, and what to call it.
    pub fn device(&self) -> Option<&DeviceReport> {
        let wanted = self.devices.iter().find(|d| d.id == self.settings.device && d.usable);
        wanted.or_else(|| {
            let usable = self.devices.iter().filter(|d| d.usable);
            usable.max_by(|a, b| a.gmacs_per_s.unwrap_or(0.0).total_cmp(&b.gmacs_per_s.unwrap_or(0.0)))
        })
    }
}

/// A problem with settings called as the form calls them, not by their paths.
fn as_shown(problem: Problem) -> Problem {
    let shown = |text: Option<String>| text.map(|t| with_titles(&t));
    Problem { subject: shown(problem.subject), remedy: shown(problem.remedy), ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_runs_call_settings_as_the_form_does() {
        let mut studio = Studio::default();
        let told = Problem::data("2 classes").of("model.conditional").try_this("For none set data.classes to none");
        studio.apply(&Event::RunMessage { dir: "/runs/a".into(), problem: told });
        let kept = [&studio.messages[0].problem, &studio.live[Path::new("/runs/a")].messages[0]];
        for problem in kept {
            assert_eq!(problem.remedy.as_deref(), Some("For none set “Classes from” to none"));
            assert_eq!(problem.subject.as_deref(), Some("“Learn the labels”"));
        }
    }

    #[test]
    fn each_stage_of_a_job_has_a_speed_of_its_own() {
        let mut job = Job::new(1);
        for i in 1..=30 {
            job.goes_on("Reading pictures", i * 100, 100_000, 1.0);
        }
        let left = job.seconds_left().unwrap();
        assert!((left - 970.0).abs() < 1.0, "{left}");
        assert_eq!(job.left_text().unwrap(), "16 min left");
        // The next stage is a hundred times as slow: what was read says nothing of it.
        job.goes_on("Laying out", 1, 100, 1.0);
        assert_eq!(job.seconds_left(), None);
        for i in 2..=10 {
            job.goes_on("Laying out", i, 100, 1.0);
        }
        let left = job.seconds_left().unwrap();
        assert!((left - 90.0).abs() < 1.0, "{left}");
        assert_eq!(job.sentence(), "Laying out 10 of 100 · 2 min left in this step");
        // A second round of the same stage.
        job.goes_on("Laying out", 0, 100, 1.0);
        assert_eq!(job.seconds_left(), None);
    }
}
