//! Latents as styles, each asked for once.

use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::models::info::{ModelInfo, ModelRef};
use crate::recipe::picture::{Latent, Space};
use crate::ui::view::Cx;

/// As many as are kept.
const MOST: usize = 256;

/// Latents with their styles.
#[derive(Default)]
pub struct Styles {
    model: Option<(ModelRef, String)>,
    known: Vec<(Latent, Latent)>,
    asked: Option<(u64, Vec<Latent>)>,
}

impl Styles {
    /// The latents as styles (those that are some stay as they are); nothing while some are on their way.
    pub fn of(&mut self, latents: &[Latent], info: &ModelInfo, cx: &mut Cx<'_>) -> Option<Vec<Latent>> {
        let model = (info.model.clone(), info.hash.clone());
        if self.model.as_ref() != Some(&model) {
            *self = Self { model: Some(model), ..Self::default() };
        }
        let style = |l: &Latent| match l.place().space {
            Space::W => Some(l.clone()),
            Space::Z => self.known.iter().find(|k| k.0 == *l).map(|k| k.1.clone()),
        };
        let found: Option<Vec<Latent>> = latents.iter().map(style).collect();
        if found.is_none() && self.asked.is_none() {
            let missing: Vec<Latent> = latents.iter().filter(|l| style(l).is_none()).cloned().collect();
            let ticket = cx.ids.next();
            let (model, latents) = (info.model.clone(), missing.clone());
            cx.send(Command::Latent(LatentCommand::ToStyles { ticket, model, latents, each_layer: false }));
            self.asked = Some((ticket, missing));
        }
        found
    }

    /// Takes the answer in.
    pub fn on_event(&mut self, event: &Event) {
        let Event::Latent(LatentEvent::Latents { ticket, latents, .. }) = event else { return };
        if let Some((_, asked)) = self.asked.take_if(|a| a.0 == *ticket) {
            let surplus = (self.known.len() + asked.len()).saturating_sub(MOST).min(self.known.len());
            self.known.drain(..surplus);
            self.known.extend(asked.into_iter().zip(latents.iter().cloned()));
        }
    }
}
