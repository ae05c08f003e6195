//! An engine that plays a script: made data, instant and always the same answers. For tests of the window.
//!
//! It keeps every command it was sent ([`ScriptedEngine::commands`]), answers it from made runs, models, pictures and
//! surveys, and plays any event a test pushes. It needs neither burn nor a disk.

mod found;
mod latent;
mod made;
mod origin;
mod play;
mod records;
mod tokens;
mod usage;

use parking_lot::Mutex;

use super::{Command, Engine, Event, RunSummary};

pub use latent::Latents;
pub use made::{curves, gradient, items, models, preview, prior, runs, survey};
pub use origin::graph;
pub use usage::usage;

/// What the scripted engine pretends to be true.
#[derive(Clone, Debug, Default)]
pub struct Script {
    /// Runs, newest first.
    pub runs: Vec<RunSummary>,
    /// Models, shipped ones first.
    pub models: Vec<super::ModelInfo>,
    /// Kept pictures, with whether they are in the trash.
    pub items: Vec<(super::Item, bool)>,
    /// Data sets used before.
    pub data_sets: Vec<super::DataSetInfo>,
    /// Devices.
    pub devices: Vec<super::DeviceReport>,
    /// How many usable pictures a survey finds.
    pub pictures: u32,
    /// Room on the disk.
    pub space: super::Space,
    /// Changes to kept pictures, the oldest first, each with the pictures before and after.
    pub changes: Vec<Changed>,
    /// Scores by model.
    pub scores: Vec<(String, super::Score)>,
    /// What searches can be filtered by, and those that were saved.
    pub facets: super::Facets,
    /// Latent space.
    pub latent: Latents,
    /// What was set for pictures of data sets, by source.
    pub marks: std::collections::BTreeMap<String, crate::recipe::marks::Marks>,
    /// Choices between kept pictures: the better one and the other.
    pub choices: Vec<(i64, i64)>,
}

/// A change to kept pictures.
#[derive(Clone, Debug)]
pub struct Changed {
    /// As a history shows it.
    pub told: super::PastChange,
    /// Pictures before, with whether they are in the trash.
    pub before: Vec<(super::Item, bool)>,
    /// And after.
    pub after: Vec<(super::Item, bool)>,
}

/// Room on the disk of a studio in use.
const ROOM: super::Space = super::Space { runs: Some(80 << 30), prepared: Some(80 << 30) };

/// An [`Engine`] that plays a [`Script`].
pub struct ScriptedEngine {
    state: Mutex<State>,
    wake: Mutex<Option<Box<dyn Fn() + Send + Sync>>>,
}

#[derive(Default)]
struct State {
    script: Script,
    commands: Vec<Command>,
    events: Vec<Event>,
    held: Vec<Event>,
    holding: bool,
    ended: bool,
}

impl Default for ScriptedEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl ScriptedEngine {
    /// A studio in use: some runs (one training, one finished, one that failed), five models, kept pictures.
    pub fn new() -> Self {
        Self::with(Script {
            runs: made::runs(),
            models: made::models(),
            items: made::items(48).into_iter().map(|i| (i, false)).collect(),
            data_sets: made::data_sets(),
            devices: made::devices(),
            pictures: 240,
            space: ROOM,
            changes: Vec::new(),
            scores: Vec::new(),
            facets: found::facets(),
            latent: latent::made_directions(),
            ..Script::default()
        })
    }

    /// A studio opened for the first time: the shipped models and nothing else.
    pub fn fresh() -> Self {
        let models = made::models().into_iter().filter(|m| m.shipped).collect();
        Self::with(Script { models, devices: made::devices(), pictures: 240, space: ROOM, ..Script::default() })
    }

    /// A studio with nothing in it at all.
    pub fn empty() -> Self {
        Self::with(Script::default())
    }

    /// Plays this script.
    pub fn with(script: Script) -> Self {
        Self { state: Mutex::new(State { script, ..State::default() }), wake: Mutex::new(None) }
    }

    /// Every command so far, in order.
    pub fn commands(&self) -> Vec<Command> {
        self.state.lock().commands.clone()
    }

    /// The commands since the last call, in order.
    pub fn take_commands(&self) -> Vec<Command> {
        std::mem::take(&mut self.state.lock().commands)
    }

    /// Has the next poll see this event.
    pub fn push(&self, event: Event) {
        self.state.lock().events.push(event);
        self.rouse();
    }

    /// Keeps answers back (`true`), or hands over all that were kept back (`false`): to look at waiting states.
    pub fn hold_answers(&self, hold: bool) {
        let mut state = self.state.lock();
        state.holding = hold;
        if !hold {
            let held = std::mem::take(&mut state.held);
            state.events.extend(held);
            drop(state);
            self.rouse();
        }
    }

    /// Changes what is pretended to be true.
    pub fn edit(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.state.lock().script);
    }

    /// What is pretended to be true now.
    pub fn script(&self) -> Script {
        self.state.lock().script.clone()
    }

    /// Whether the window asked the engine to end.
    pub fn is_shut_down(&self) -> bool {
        self.state.lock().ended
    }

    fn rouse(&self) {
        if let Some(wake) = self.wake.lock().as_ref() {
            wake();
        }
    }
}

impl Engine for ScriptedEngine {
    fn send(&self, command: Command) {
        let mut state = self.state.lock();
        state.commands.push(command.clone());
        let answers = play::answer(&mut state.script, command);
        if answers.is_empty() {
            return;
        }
        if state.holding {
            state.held.extend(answers);
            return;
        }
        state.events.extend(answers);
        drop(state);
        self.rouse();
    }

    fn poll(&self) -> Vec<Event> {
        std::mem::take(&mut self.state.lock().events)
    }

    fn on_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        *self.wake.lock() = Some(wake);
    }

    fn shut_down(&self) {
        self.state.lock().ended = true;
    }
}

/// A shared scripted engine is an engine too, so that a test keeps one end.
impl<E: Engine + ?Sized> Engine for std::sync::Arc<E> {
    fn send(&self, command: Command) {
        (**self).send(command);
    }

    fn poll(&self) -> Vec<Event> {
        (**self).poll()
    }

    fn on_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        (**self).on_wake(wake);
    }

    fn shut_down(&self) {
        (**self).shut_down();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Control, GenerateRequest, RunState};
    use super::*;
    use crate::recipe::picture::Latent;

    #[test]
    fn different_latents_make_different_pictures_and_the_same_the_same() {
        let engine = ScriptedEngine::new();
        let model = engine.script().models[0].model.clone();
        let latents = vec![Latent::Seed { seed: 1 }, Latent::Seed { seed: 2 }, Latent::Seed { seed: 1 }];
        engine.send(Command::Generate(GenerateRequest { slot: 3, ticket: 9, model, latents, truncation: 1.0 }));
        let events = engine.poll();
        let [Event::Generated { slot: 3, ticket: 9, pictures, .. }] = events.as_slice() else { panic!("{events:?}") };
        assert_ne!(pictures[0], pictures[1]);
        assert_eq!(pictures[0], pictures[2]);
    }

    #[test]
    fn a_run_is_started_paused_and_stopped() {
        let engine = ScriptedEngine::fresh();
        let recipe = Box::new(made::recipe("res-gan", "cats"));
        engine.send(Command::StartRun { recipe, from: None, device: "cpu".into() });
        let dir = engine.script().runs[0].dir.clone();
        for (control, state) in [
            (Control::Pause, RunState::Paused),
            (Control::Resume, RunState::Training),
            (Control::Stop, RunState::Stopped),
        ] {
            engine.send(Command::ControlRun { dir: dir.clone(), control });
            assert_eq!(engine.script().runs[0].state, state);
        }
        assert_eq!(engine.take_commands().len(), 4);
        assert!(engine.commands().is_empty());
    }

    #[test]
    fn answers_can_be_held_back() {
        let engine = ScriptedEngine::new();
        engine.hold_answers(true);
        engine.send(Command::ListModels);
        assert!(engine.poll().is_empty());
        engine.hold_answers(false);
        assert!(
            matches!(engine.poll().as_slice(), [Event::Models(m), Event::Networks(n)] if m.len() >= 5 && n.len() >= 2)
        );
    }

    #[test]
    fn every_command_that_promises_an_answer_gets_one() {
        let engine = ScriptedEngine::new();
        let filter = super::super::ItemFilter::default();
        for command in [
            Command::Survey { job: 1, source: "/pictures/cats".into(), reading: crate::recipe::Reading::default() },
            Command::ListData,
            Command::ListRuns,
            Command::ListModels,
            Command::ListItems { filter },
            Command::ProbeDevices { again: false },
            Command::Inspect { path: "/x/y.png".into() },
        ] {
            engine.send(command.clone());
            assert!(!engine.poll().is_empty(), "{command:?}");
        }
    }
}
