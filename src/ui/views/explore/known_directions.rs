//! The directions of the model in use, for pages that offer them.

use std::sync::Arc;

use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::latent::directions::Direction;
use crate::models::info::{ModelInfo, ModelRef};
use crate::ui::view::Cx;

/// Directions of one model.
#[derive(Default)]
pub struct KnownDirections {
    model: Option<ModelRef>,
    all: Arc<Vec<Direction>>,
}

impl KnownDirections {
    /// Asks for the directions of a model unless it has them.
    pub fn follow(&mut self, info: &ModelInfo, cx: &mut Cx<'_>) {
        if self.model.as_ref() != Some(&info.model) {
            (self.model, self.all) = (Some(info.model.clone()), Arc::default());
            cx.send(Command::Latent(LatentCommand::ListDirections { model: info.model.clone() }));
        }
    }

    /// The directions known of a model.
    pub fn of(&self, model: &str) -> Arc<Vec<Direction>> {
        if self.model.as_deref() == Some(model) { self.all.clone() } else { Arc::default() }
    }

    /// Takes news in.
    pub fn on_event(&mut self, event: &Event) {
        if let Event::Latent(LatentEvent::Directions { model, directions }) = event
            && self.model.as_ref() == Some(model)
        {
            self.all = directions.clone();
        }
    }
}
