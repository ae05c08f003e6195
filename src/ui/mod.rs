//! The window: a client of the engine that only reads [`state::Studio`] and sends commands.
//!
//! `logic` drains the engine's events, `ui` draws; views push [`action::Action`]s and the shell applies them in one
//! place. Nothing here waits for a file, a query or a tensor.

pub mod action;
pub mod command;
pub mod format;
pub mod keymap;
pub mod picker;
pub mod settings;
pub mod state;
pub mod textures;
pub mod theme;
pub mod toasts;
pub mod undo;
pub mod views;
pub mod widgets;

pub use action::{Action, Parcel};
pub use state::Studio;
pub use views::{Cx, View, ViewId};
