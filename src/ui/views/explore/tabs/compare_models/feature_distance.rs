//! How far two pictures are apart as the studio's features see them: asked for once for each pair.

use std::sync::Arc;

use crate::base::Picture;
use crate::engine::{Command, Event, LatentCommand, LatentEvent};
use crate::ui::views::explore::tabs::compare_models::Cx;

/// Pairs that are remembered.
const KEPT: usize = 16;

/// Distances by pair.
#[derive(Default)]
pub struct FeatureDistance {
    /// The pair, the ticket it was asked for with, and the answer.
    pairs: Vec<(u64, u64, Option<f64>)>,
}

impl FeatureDistance {
    /// How far a pair is apart, in words; `pair` changes with its pictures.
    pub fn text(&mut self, pictures: [&Arc<Picture>; 2], pair: u64, cx: &mut Cx<'_>) -> String {
        match self.pairs.iter().find(|p| p.0 == pair) {
            Some((_, _, Some(distance))) => format!("{distance:.3} apart"),
            Some(_) => "measuring…".into(),
            None => {
                let ticket = cx.ids.next();
                let pictures = Box::new(pictures.map(|p| (**p).clone()));
                cx.send(Command::Latent(LatentCommand::Apart { ticket, pictures }));
                self.pairs.push((pair, ticket, None));
                if self.pairs.len() > KEPT {
                    self.pairs.remove(0);
                }
                "measuring…".into()
            }
        }
    }

    /// Takes an answer in.
    pub fn on_event(&mut self, event: &Event) {
        if let Event::Latent(LatentEvent::Apart { ticket, distance }) = event
            && let Some(pair) = self.pairs.iter_mut().find(|p| p.1 == *ticket)
        {
            pair.2 = Some(*distance);
        }
    }
}
