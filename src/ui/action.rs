//! What a view wants to happen. Views push actions; the shell applies them in one place after drawing.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::command::UiCommand;
use super::gate::Wish;
use super::settings::Settings;
use super::view::ViewId;
use crate::base::{Picture, Problem};
use crate::engine::Command;
use crate::models::info::ModelRef;
use crate::recipe::picture::{Latent, PictureRecipe};
use crate::recipe::{DataRecipe, Recipe};

/// Names that are left out of a source of data.
pub type LeftOut = Arc<BTreeSet<String>>;

/// What a view wants to happen.
#[derive(Clone, Debug)]
pub enum Action {
    /// Ask the engine.
    Engine(Box<Command>),
    /// Do what a menu entry does.
    Ui(UiCommand),
    /// Show a view.
    Go(ViewId),
    /// Show a view beside the present one.
    Beside(ViewId),
    /// Select a run everywhere.
    SelectRun(Option<PathBuf>),
    /// Select a model everywhere.
    SelectModel(Option<ModelRef>),
    /// Tell a person: a toast now, a line in the list for later.
    Message(Problem),
    /// Open a file dialog; the answer comes as [`ViewMessage::Picked`] to `pick.view`.
    Pick(Pick),
    /// Copy text.
    CopyText(String),
    /// Copy a picture.
    CopyPicture(Arc<Picture>),
    /// Hand something to a view, and show it.
    Deliver(ViewId, Box<ViewMessage>),
    /// Hand something to a view that stays where it is.
    DeliverQuietly(ViewId, Box<ViewMessage>),
    /// Find out what paths are (dropped, chosen or pasted) and bring them where they belong.
    Open(Vec<PathBuf>),
    /// Keep a state to come back to by Undo. Push it before the change, once for each drag.
    Undo(UndoPoint),
    /// Lock the library, or change how it is encrypted.
    Gate(Wish),
    /// Change the settings.
    Settings(Box<Settings>),
    /// End a job.
    Cancel(u64),
    /// Show a file or folder in the desktop's file manager.
    Reveal(PathBuf),
    /// Open a file with the program that the desktop has for it.
    OpenFile(PathBuf),
}

impl Action {
    /// Show samples of a model in Explore.
    pub fn explore(model: ModelRef) -> Self {
        let message = ViewMessage::Explore { model, latent: None, truncation: 1.0, from: None };
        Self::Deliver(ViewId::Explore, Box::new(message))
    }

    /// Open a latent of a model in Explore; `from` says where its picture came from: "From the gallery".
    pub fn open(model: ModelRef, latent: Latent, truncation: f32, from: impl Into<String>) -> Self {
        let message = ViewMessage::Explore { model, latent: Some(latent), truncation, from: Some(from.into()) };
        Self::Deliver(ViewId::Explore, Box::new(message))
    }

    /// Show what a thing comes from and what came of it; of several names, one a line, the first that is known.
    pub fn origin(names: String) -> Self {
        Self::Deliver(ViewId::Gallery, Box::new(ViewMessage::Origin(names)))
    }

    /// Look through a source in Data, ready to train on it.
    pub fn train_on(source: String) -> Self {
        Self::Deliver(ViewId::Data, Box::new(ViewMessage::Source(source)))
    }

    /// Set up a run in Train with this recipe, from a model if one is given.
    pub fn set_up(recipe: Recipe, from: Option<ModelRef>) -> Self {
        Self::Deliver(ViewId::Train, Box::new(ViewMessage::SetUp { recipe: Box::new(recipe), from }))
    }
}

/// Something handed from one view, or from the desktop, to a view: see [`super::view::View::receive`].
#[derive(Clone, Debug)]
pub enum ViewMessage {
    /// Open this picture (Explore).
    Explore {
        /// The model.
        model: ModelRef,
        /// Where; `None` shows samples of the model.
        latent: Option<Latent>,
        /// Truncation or temperature.
        truncation: f32,
        /// Where the picture came from, in words.
        from: Option<String>,
    },
    /// Compare these two (Explore).
    Compare {
        /// The model.
        model: ModelRef,
        /// Both latents.
        latents: [Latent; 2],
    },
    /// Show the page of this id (Explore).
    Page(&'static str),
    /// Show what a thing comes from and what came of it: names of which the first that is known is meant, one a line
    /// (Gallery).
    Origin(String),
    /// A picture that the studio made was dropped but its model is not here (Explore).
    Generated {
        /// The file.
        path: PathBuf,
        /// How it was made.
        recipe: Box<PictureRecipe>,
    },
    /// A picture from elsewhere: encode it (Explore, with a VAE).
    Picture(PathBuf),
    /// A source of pictures (Data).
    Source(String),
    /// Leave pictures of a source out, by their names (Data). The rest says how to prepare it, if it is not chosen yet.
    LeaveOut {
        /// The source, and its preparation.
        data: Box<DataRecipe>,
        /// Names within the source.
        names: Vec<String>,
    },
    /// What is left out of a source of data, from now on (Explore).
    LeftOut {
        /// The source.
        source: String,
        /// Names within it.
        names: LeftOut,
    },
    /// Set up a run (Train).
    SetUp {
        /// What to train.
        recipe: Box<Recipe>,
        /// The model to start from.
        from: Option<ModelRef>,
    },
    /// Show a run (Train).
    Run(PathBuf),
    /// Show a model (Models).
    Model(ModelRef),
    /// Show a kept picture (Gallery).
    Item(i64),
    /// Show a message (Log), by its number.
    Message(u64),
    /// Show a setting (Settings), by its key.
    Setting(&'static str),
    /// Answer of a file dialog; empty if it was dismissed.
    Picked {
        /// As asked.
        purpose: &'static str,
        /// What was chosen.
        paths: Vec<PathBuf>,
    },
}

/// A file dialog to open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Who asked.
    pub view: ViewId,
    /// Handed back with the answer.
    pub purpose: &'static str,
    /// What sort of dialog.
    pub kind: PickKind,
    /// Its title.
    pub title: String,
    /// Name and endings (without a dot) of the files to show; none for all.
    pub endings: Vec<(String, Vec<String>)>,
    /// The folder to begin in; the one used last for this purpose where none is given.
    pub folder: Option<PathBuf>,
}

/// What sort of file dialog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PickKind {
    /// One folder.
    Folder,
    /// One file.
    File,
    /// Several files.
    Files,
    /// A file to write, with a proposed name.
    Save(String),
}

/// A state to come back to.
#[derive(Clone, Debug, PartialEq)]
pub struct UndoPoint {
    /// Whose state.
    pub view: ViewId,
    /// What is about to be done, as the menu says it: "Undo change learning rate".
    pub label: String,
    /// The state before, in the words of [`super::view::View::snapshot`].
    pub before: serde_json::Value,
}

/// What is dragged within the window (egui's drag-and-drop payload), from any picture to any slot that takes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Dragged {
    /// A picture to show under the pointer.
    pub picture: Option<Arc<Picture>>,
    /// What it is.
    pub what: DraggedWhat,
}

/// What is dragged.
#[derive(Clone, Debug, PartialEq)]
pub enum DraggedWhat {
    /// A point in a model's latent space.
    Latent {
        /// The model.
        model: ModelRef,
        /// Where.
        latent: Latent,
        /// Truncation or temperature.
        truncation: f32,
    },
    /// A kept picture.
    Item(i64),
    /// A picture file.
    File(PathBuf),
}
