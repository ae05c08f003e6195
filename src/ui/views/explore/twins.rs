//! Two models side by side on one latent or one picture.

use egui::Ui;

use super::desk::Desk;
use super::{Cx, Out};
use crate::engine::Event;
use crate::models::info::ModelInfo;

/// The tab's own state.
#[derive(Default)]
pub struct Twins {}

impl Twins {
    /// Draws it.
    pub fn show(&mut self, _ui: &mut Ui, _cx: &mut Cx<'_>, _info: &ModelInfo, _desk: &mut Desk, _out: &mut Out) {}

    /// Takes what comes from the engine.
    pub fn on_event(&mut self, _event: &Event, _cx: &mut Cx<'_>) {}

    /// The model has other weights now.
    pub fn expire(&mut self) {}
}
