//! Drawing token by token, on a lane with a prior of its own: each token is told as it is drawn.

use std::time::Duration;

use super::drags::Sessions;
use crate::base::{Picture, Result};
use crate::engine::jobs::Context;
use crate::engine::{Event, LatentEvent};
use crate::latent::draw::{DrawRequest, Drawer};

/// The prior that was drawn with last.
#[derive(Default)]
pub struct Kept(Option<(String, Option<String>, Drawer)>);

impl Kept {
    /// A prior as it is on disk now.
    ///
    /// # Errors
    /// There is no such prior, or its token model is missing.
    pub(super) fn get(&mut self, cx: &Context, model: &str) -> Result<&Drawer> {
        let device = cx.backend.device();
        let stamp = cx.backend.stamp(model).map(|stamp| format!("{device} {stamp}"));
        let kept = match self.0.take().filter(|kept| kept.0 == model && kept.1 == stamp && stamp.is_some()) {
            Some(kept) => kept,
            None => (model.to_string(), stamp, Drawer::open(model, &cx.paths, &device)?),
        };
        Ok(&self.0.insert(kept).2)
    }
}

/// What is drawn.
pub struct Order {
    /// Session.
    pub session: u64,
    /// Its number there.
    pub number: u64,
    /// The prior.
    pub model: String,
    /// What is asked for.
    pub request: DrawRequest,
    /// Milliseconds between two tokens, at least.
    pub pause: u32,
}

/// Draws a picture until it is done or something else is drawn in its session. → `TokenDrawn` each, `TokensDrawn`
///
/// # Errors
/// The prior cannot be opened, or tokens cannot be chosen so; the session is told that nothing comes.
pub fn draw(cx: &Context, kept: &mut Kept, sessions: &Sessions, order: Order) -> Result<()> {
    let Order { session, number, model, request, pause } = order;
    let result = drawn(cx, kept, (sessions, session, number), &model, &request, pause);
    if result.is_err() && sessions.is_on(session, number) {
        cx.tell(Event::Latent(LatentEvent::TokensDrawn { session, model, picture: None }));
    }
    result
}

fn drawn(
    cx: &Context,
    kept: &mut Kept,
    (sessions, session, number): (&Sessions, u64, u64),
    model: &str,
    request: &DrawRequest,
    pause: u32,
) -> Result<()> {
    if !sessions.is_on(session, number) {
        return Ok(());
    }
    let drawer = kept.get(cx, model)?;
    let grid = drawer.grid();
    let mut ids: Vec<u32> = Vec::new();
    let given = request.given.len();
    let drawn = drawer.draw(request, &mut |place, token| {
        ids.push(token.id);
        // Tokens that were there before come at once.
        let picture = (place + 1 >= given).then(|| hidden_after(drawer.picture(&ids), grid, place));
        let (token, model) = (token.clone(), model.to_string());
        cx.tell(Event::Latent(LatentEvent::TokenDrawn { session, model, grid, place, token, picture }));
        if place >= given && pause > 0 {
            std::thread::sleep(Duration::from_millis(u64::from(pause.min(1000))));
        }
        sessions.is_on(session, number) && !cx.outbox.is_closed()
    })?;
    if sessions.is_on(session, number) && ids.len() == grid[0] * grid[1] {
        let picture = Some(drawn.picture);
        cx.tell(Event::Latent(LatentEvent::TokensDrawn { session, model: model.into(), picture }));
    }
    Ok(())
}

/// The picture with what was not drawn yet left transparent: all after a place of the grid.
pub fn hidden_after(mut picture: Picture, [rows, columns]: [usize; 2], place: usize) -> Picture {
    let (w, h) = (picture.width as usize, picture.height as usize);
    for (i, pixel) in picture.rgba.chunks_exact_mut(4).enumerate() {
        let (row, column) = (i / w * rows / h.max(1), i % w * columns / w.max(1));
        if row * columns + column > place {
            pixel.copy_from_slice(&[0; 4]);
        }
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_drawn_yet_is_transparent() {
        let whole = Picture::filled(8, 4, [9, 9, 9, 255]);
        let part = hidden_after(whole, [2, 4], 5);
        let seen = |x: usize, y: usize| part.rgba[(y * 8 + x) * 4 + 3] == 255;
        assert!((0..8).all(|x| seen(x, 0)) && seen(3, 2) && !seen(4, 2) && !seen(7, 3));
    }
}
