//! Cells between anchors: laid out on a lane of their own, the newest wish of a session only.

use super::LatentEvent;
use super::drags::Sessions;
use super::model_slot::Shelf;
use crate::base::{Cancel, Progress, Result};
use crate::engine::Event;
use crate::engine::jobs::Context;
use crate::latent::interpolation_grid::GridConfig;

/// What is to be laid out.
pub struct Order {
    /// Session.
    pub session: u64,
    /// Its number there.
    pub number: u64,
    /// Handed back.
    pub ticket: u64,
    /// The model.
    pub model: String,
    /// Anchors and the rest.
    pub wish: GridConfig,
    /// Truncation that steps are seen at.
    pub truncation: f32,
}

/// Ends what a newer wish of the session has replaced.
struct Watch<'a> {
    sessions: &'a Sessions,
    of: (u64, u64),
    cancel: Cancel,
}

impl Progress for Watch<'_> {
    fn report(&self, _stage: &str, _done: u64, _total: u64) {
        if !self.sessions.is_on(self.of.0, self.of.1) {
            self.cancel.cancel();
        }
    }

    fn cancel(&self) -> &Cancel {
        &self.cancel
    }
}

/// Lays cells out; one that was replaced is not told.
///
/// # Errors
/// Anchors do not fit each other or the model; then it is told that there are no cells, too.
pub fn lay_out(cx: &Context, shelf: &mut Shelf, sessions: &Sessions, order: Order) -> Result<()> {
    let Order { session, number, ticket, model, wish, truncation } = order;
    if !sessions.is_on(session, number) {
        return Ok(());
    }
    let watch = Watch { sessions, of: (session, number), cancel: Cancel::new() };
    let made = shelf.get(cx, &model).and_then(|loaded| loaded.lattice(&wish, truncation, &watch));
    if !sessions.is_on(session, number) {
        return Ok(());
    }
    let (laid, problem) = match made {
        Ok(laid) => (Some(Box::new(laid)), Ok(())),
        Err(problem) => (None, Err(problem)),
    };
    cx.tell(Event::Latent(LatentEvent::LaidOut { ticket, model, laid }));
    problem
}
