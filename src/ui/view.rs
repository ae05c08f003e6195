//! What a view is, and what it is drawn with. The views themselves are rows of [`super::views::VIEWS`].

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::action::{Action, Pick, PickKind, UndoPoint, ViewMessage};
use super::command::UiCommand;
use super::state::Studio;
use super::textures::Textures;
use crate::base::Problem;
use crate::engine::{Command, Event, JobId, SlotId};

/// Which view.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, strum::EnumIter, strum::Display,
)]
#[serde(rename_all = "lowercase")]
pub enum ViewId {
    /// Where to begin: explore, train, continue.
    Home,
    /// Sources of pictures and their preparation.
    Data,
    /// Setting up and watching runs.
    Train,
    /// Runs, checkpoints, shipped models.
    Models,
    /// Latent space.
    Explore,
    /// Pictures token by token, from words.
    Draw,
    /// Kept pictures.
    Gallery,
    /// Every message.
    Log,
    /// Settings.
    Settings,
    /// How it all works.
    Learn,
}

/// A key of a view, as its help lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyHelp {
    /// Such as `Space` or `1–5`.
    pub keys: &'static str,
    /// What it does.
    pub does: &'static str,
}

/// A view. It reads [`Studio`] and pushes [`Action`]s; it never waits and never touches files.
///
/// The shell draws it in a pane filled with `theme::Tokens::canvas` and without margins
/// (see [`super::theme::toolbar`] and [`super::theme::page`]).
pub trait View {
    /// Which.
    fn id(&self) -> ViewId;

    /// Draws it.
    fn ui(&mut self, ui: &mut egui::Ui, cx: &mut Cx<'_>);

    /// Whether it has settings of what is selected, in the panel on the right.
    fn has_inspector(&self, _studio: &Studio) -> bool {
        false
    }

    /// Draws the inspector: 280 points wide, margins and vertical scrolling are the shell's.
    fn inspector(&mut self, _ui: &mut egui::Ui, _cx: &mut Cx<'_>) {}

    /// Whether it has a filmstrip (96 points high, under the view).
    fn has_filmstrip(&self, _studio: &Studio) -> bool {
        false
    }

    /// Draws the filmstrip; horizontal scrolling is the view's.
    fn filmstrip(&mut self, _ui: &mut egui::Ui, _cx: &mut Cx<'_>) {}

    /// Something happened; [`Studio::apply`] has it already. Called whether or not the view is shown.
    fn on_event(&mut self, _event: &Event, _cx: &mut Cx<'_>) {}

    /// The view is shown now and was not before: ask for what it needs.
    fn on_show(&mut self, _cx: &mut Cx<'_>) {}

    /// Something was handed over: a source, a latent, the answer of a file dialog.
    fn receive(&mut self, _parcel: &ViewMessage, _cx: &mut Cx<'_>) {}

    /// Files were dropped on this view. False leaves them to the shell, which finds out what they are.
    fn on_drop(&mut self, _paths: &[PathBuf], _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// A command that depends on the view (Start, Export, Select all, Delete, Star, …). False if it does not apply.
    fn on_command(&mut self, _command: UiCommand, _cx: &mut Cx<'_>) -> bool {
        false
    }

    /// Its own keys, for the help on `?`.
    fn keys(&self) -> Vec<KeyHelp> {
        Vec::new()
    }

    /// What is kept from one start to the next.
    fn save(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Takes back what was kept; ignores what it does not know.
    fn restore(&mut self, _kept: &serde_json::Value) {}

    /// The state that Undo may come back to.
    fn snapshot(&self) -> serde_json::Value {
        serde_json::Value::Null
    }

    /// Comes back to a state of [`View::snapshot`].
    fn go_back(&mut self, _state: &serde_json::Value, _cx: &mut Cx<'_>) {}
}

/// Numbers that name jobs, slots and tickets; each is given once.
#[derive(Debug)]
pub struct Ids(u64);

impl Default for Ids {
    fn default() -> Self {
        Self(1)
    }
}

impl Ids {
    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }
}

/// What a view is drawn with.
pub struct Cx<'a> {
    /// What the window knows.
    pub studio: &'a Studio,
    /// What shall happen after this frame.
    pub actions: &'a mut Vec<Action>,
    /// Pictures on the graphics card.
    pub textures: &'a mut Textures,
    /// Fresh numbers.
    pub ids: &'a mut Ids,
    /// The view that keys and menus mean; read keys only if this is yours and `keys_free`.
    pub active: ViewId,
    /// No text field has the focus and no dialog is open.
    pub keys_free: bool,
    /// Seconds since the window opened.
    pub time: f64,
    /// Nothing that changes by itself may be shown (screenshots, tests).
    pub still: bool,
}

impl Cx<'_> {
    /// Wants something to happen.
    pub fn push(&mut self, action: Action) {
        self.actions.push(action);
    }

    /// Asks the engine.
    pub fn send(&mut self, command: Command) {
        self.actions.push(Action::Engine(Box::new(command)));
    }

    /// Shows a view.
    pub fn go(&mut self, view: ViewId) {
        self.actions.push(Action::Go(view));
    }

    /// Tells a person.
    pub fn say(&mut self, problem: Problem) {
        self.actions.push(Action::Message(problem));
    }

    /// The pictures that are drawn next are of this model.
    pub fn pictures_of(&mut self, model: &str) {
        self.textures.of(self.studio.subject(model));
    }

    /// Opens a file dialog whose answer comes back as [`ViewMessage::Picked`].
    pub fn pick(
        &mut self,
        view: ViewId,
        purpose: &'static str,
        kind: PickKind,
        title: &str,
        endings: &[(&str, &[&str])],
    ) {
        let endings = endings.iter().map(|(n, e)| ((*n).into(), e.iter().map(|e| (*e).into()).collect())).collect();
        let title = title.into();
        self.actions.push(Action::Pick(Pick { view, purpose, kind, title, endings, folder: None }));
    }

    /// Keeps a state to come back to.
    pub fn undo_point(&mut self, view: ViewId, label: impl Into<String>, before: serde_json::Value) {
        self.actions.push(Action::Undo(UndoPoint { view, label: label.into(), before }));
    }

    /// A number for a new job.
    pub fn new_job(&mut self) -> JobId {
        self.ids.next()
    }

    /// A number for a place on the screen that shows generated pictures; take one and keep it.
    pub fn new_slot(&mut self) -> SlotId {
        self.ids.next()
    }

    /// Whether keys belong to this view now.
    pub fn has_keys(&self, view: ViewId) -> bool {
        self.active == view && self.keys_free
    }
}
