//! The window: a client of the engine that only reads [`state::Studio`] and sends commands.
//!
//! `logic` drains the engine's events, `ui` draws; views push [`action::Action`]s and the shell applies them in one
//! place. Nothing here waits for a file, a query or a tensor.

pub mod action;
pub mod app;
#[cfg(test)]
pub mod audit;
mod chrome;
pub mod command;
mod dialogs;
pub mod file_dialog;
pub mod format;
pub mod frame_bench;
pub mod gate;
pub mod glossary;
pub mod keymap;
mod layout;
pub mod open;
mod palette;
mod persistence;
pub mod settings;
mod shell;
pub mod state;
mod status;
#[cfg(test)]
mod tests;
pub mod textures;
pub mod theme;
mod toasts;
mod undo;
pub mod verdict;
pub mod view;
pub mod views;
pub mod widgets;

pub use action::{Action, ViewMessage};
pub use app::{Options, StudioApp};
pub use open::open;
pub use state::Studio;
pub use views::{Cx, View, ViewId};
