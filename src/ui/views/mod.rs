//! The views: one row each in [`VIEWS`]. Menu, rail, palette, shortcuts and tests come from the row.

pub mod data;
pub mod explore;
pub mod gallery;
pub mod home;
pub mod learn;
pub mod log;
pub mod models;
pub mod settings;
pub mod train;

use std::path::PathBuf;

use egui::Key;
use egui_material_icons::icons::{
    ICON_DATASET, ICON_DEPLOYED_CODE, ICON_EXPLORE, ICON_HOME, ICON_MODEL_TRAINING, ICON_NOTES, ICON_PHOTO_LIBRARY,
    ICON_SCHOOL, ICON_SETTINGS,
};
use serde::{Deserialize, Serialize};

use super::action::{Action, Parcel, Pick, PickKind, UndoPoint};
use super::command::UiCommand;
use super::state::Studio;
use super::textures::Textures;
use super::theme::Icon;
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
    /// Kept pictures.
    Gallery,
    /// Every message.
    Log,
    /// Settings.
    Settings,
    /// How it all works.
    Learn,
}

impl ViewId {
    /// Its row.
    pub fn spec(self) -> &'static ViewSpec {
        // The table has one row for each variant, in this order; a test checks it.
        &VIEWS[self as usize]
    }

    /// Its title.
    pub fn title(self) -> &'static str {
        self.spec().title
    }
}

/// A row of the table.
pub struct ViewSpec {
    /// Which.
    pub id: ViewId,
    /// Title in rail, menu and palette.
    pub title: &'static str,
    /// One sentence on what it is for.
    pub tooltip: &'static str,
    /// Icon.
    pub icon: Icon,
    /// Opens with Ctrl (⌘) and this key.
    pub key: Key,
    /// Makes it.
    pub new: fn() -> Box<dyn View>,
}

/// Every view.
pub static VIEWS: [ViewSpec; 9] = [
    ViewSpec {
        id: ViewId::Home,
        title: "Home",
        tooltip: "Where to begin and where you left",
        icon: ICON_HOME,
        key: Key::Num1,
        new: || Box::new(home::HomeView::default()),
    },
    ViewSpec {
        id: ViewId::Data,
        title: "Data",
        tooltip: "Look through pictures and prepare them for training",
        icon: ICON_DATASET,
        key: Key::Num2,
        new: || Box::new(data::DataView::default()),
    },
    ViewSpec {
        id: ViewId::Train,
        title: "Train",
        tooltip: "Set up runs and watch them learn",
        icon: ICON_MODEL_TRAINING,
        key: Key::Num3,
        new: || Box::new(train::TrainView::default()),
    },
    ViewSpec {
        id: ViewId::Models,
        title: "Models",
        tooltip: "Runs, checkpoints and shipped models",
        icon: ICON_DEPLOYED_CODE,
        key: Key::Num4,
        new: || Box::new(models::ModelsView::default()),
    },
    ViewSpec {
        id: ViewId::Explore,
        title: "Explore",
        tooltip: "Move through what a model learned",
        icon: ICON_EXPLORE,
        key: Key::Num5,
        new: || Box::new(explore::ExploreView::default()),
    },
    ViewSpec {
        id: ViewId::Gallery,
        title: "Gallery",
        tooltip: "Pictures you kept",
        icon: ICON_PHOTO_LIBRARY,
        key: Key::Num6,
        new: || Box::new(gallery::GalleryView::default()),
    },
    ViewSpec {
        id: ViewId::Log,
        title: "Log",
        tooltip: "Every message of the studio and its runs",
        icon: ICON_NOTES,
        key: Key::Num7,
        new: || Box::new(log::LogView::default()),
    },
    ViewSpec {
        id: ViewId::Settings,
        title: "Settings",
        tooltip: "Theme, scale, devices, export",
        icon: ICON_SETTINGS,
        key: Key::Num8,
        new: || Box::new(settings::SettingsView::default()),
    },
    ViewSpec {
        id: ViewId::Learn,
        title: "Learn",
        tooltip: "A tutorial: how GANs and VAEs work, on real runs of some minutes, and a glossary",
        icon: ICON_SCHOOL,
        key: Key::Num9,
        new: || Box::new(learn::LearnView::default()),
    },
];

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
    fn receive(&mut self, _parcel: &Parcel, _cx: &mut Cx<'_>) {}

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

    /// Opens a file dialog whose answer comes back as [`Parcel::Picked`].
    pub fn pick(
        &mut self,
        view: ViewId,
        purpose: &'static str,
        kind: PickKind,
        title: &str,
        endings: &[(&str, &[&str])],
    ) {
        let endings = endings.iter().map(|(n, e)| ((*n).into(), e.iter().map(|e| (*e).into()).collect())).collect();
        self.actions.push(Action::Pick(Pick { view, purpose, kind, title: title.into(), endings }));
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
