//! Dragging: a step at a time until it arrives, is stopped, or is begun anew.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use super::LatentEvent;
use super::model_slot::Shelf;
use crate::base::Result;
use crate::engine::Event;
use crate::engine::jobs::Context;
use crate::latent::drag::{Drag, DragConfig};
use crate::recipe::picture::Latent;

/// The newest drag, or grid, of each session, by number.
#[derive(Clone, Default)]
pub struct Sessions(Arc<Mutex<HashMap<u64, u64>>>);

/// Sessions that are remembered.
const REMEMBERED: usize = 256;

/// Forgets the sessions that were begun longest ago, where there are many.
pub fn forget_oldest<K: Copy + Eq + std::hash::Hash>(all: &mut HashMap<K, u64>) {
    while all.len() > REMEMBERED {
        let Some(oldest) = all.iter().min_by_key(|(_, number)| **number).map(|(key, _)| *key) else { return };
        all.remove(&oldest);
    }
}

impl Sessions {
    /// Ends what was on in a session; gives the number of what comes next.
    pub fn begin(&self, session: u64) -> u64 {
        let mut all = self.0.lock();
        let number = all.values().max().map_or(1, |n| n + 1);
        all.insert(session, number);
        forget_oldest(&mut all);
        number
    }

    /// Ends what is on in all sessions.
    pub fn end(&self) {
        self.0.lock().values_mut().for_each(|newest| *newest += 1);
    }

    /// Whether this is still the newest of a session.
    pub fn is_on(&self, session: u64, number: u64) -> bool {
        self.0.lock().get(&session) == Some(&number)
    }
}

/// What is dragged.
pub struct Order {
    /// Session.
    pub session: u64,
    /// Its number there.
    pub number: u64,
    /// The model.
    pub model: String,
    /// Where it begins.
    pub latent: Latent,
    /// Truncation there.
    pub truncation: f32,
    /// Handles and the rest.
    pub wish: DragConfig,
}

/// Drags until it is done or another drag of the session was begun.
///
/// # Errors
/// There are no handles, or the model's features are no maps.
pub fn drag(cx: &Context, shelf: &mut Shelf, sessions: &Sessions, order: Order) -> Result<()> {
    let Order { session, number, model, latent, truncation, wish } = order;
    if !sessions.is_on(session, number) {
        return Ok(());
    }
    let loaded = shelf.get(cx, &model)?;
    let mut drag = Drag::begin(loaded, &latent, truncation, wish)?;
    while sessions.is_on(session, number) && !cx.outbox.is_closed() {
        let standing = Box::new(drag.step()?);
        let done = standing.done;
        if sessions.is_on(session, number) {
            cx.tell(Event::Latent(LatentEvent::Dragged { session, model: model.clone(), standing }));
        }
        if done {
            break;
        }
    }
    Ok(())
}
