//! Two models: their pictures in one file, and how far two pictures are apart.

use std::collections::VecDeque;

use super::LatentEvent;
use crate::base::{Picture, Problem, Result};
use crate::engine::jobs::Context;
use crate::engine::jobs::export::{Shots, Wanted};
use crate::engine::{Event, ExportOptions, JobId};
use crate::eval::perceptual;
use crate::export::{self, Makes, Shot, exporter, sheet};
use crate::recipe::picture::Latent;

/// What is written of two models.
pub struct PairExport {
    /// The models.
    pub models: [String; 2],
    /// Latents of each, as many.
    pub latents: [Vec<Latent>; 2],
    /// Truncation of both.
    pub truncation: f32,
    /// Two sheets beside each other; else a strip of the first above one of the second.
    pub beside: bool,
}

/// Writes pictures of two models: sheets beside each other or strips one above the other; a film has both in each frame.
///
/// # Errors
/// A model cannot be computed, there are not as many of each, options are out of range, the disk is full, or it was
/// cancelled.
pub fn export(cx: &Context, job: JobId, wish: &PairExport, options: &ExportOptions) -> Result<()> {
    let [n, m] = [0, 1].map(|i| wish.latents[i].len());
    if n != m || n == 0 {
        return Err(Problem::usage("Both models need the same number of latents").of(format!("{n} and {m}")));
    }
    let makes = exporter(&options.format)?.makes;
    let stretch = match makes {
        Makes::Sheet if wish.beside => sheet::square(n),
        Makes::Sheet => n,
        Makes::Pictures | Makes::Film => 1,
    };
    let wanted = [0, 1].map(|i| Wanted {
        model: wish.models[i].clone(),
        latents: wish.latents[i].clone(),
        truncation: wish.truncation,
        made_by: "sample".into(),
    });
    let cancel = cx.jobs.cancel_of(job);
    let each = [0, 1].map(|i| Shots::new(cx, &wanted[i], cancel.clone()));
    let mut both = Both { each, stretch, makes, ready: VecDeque::new() };
    let columns = if wish.beside { 2 * stretch } else { stretch };
    let options = ExportOptions { columns: columns as u32, ..options.clone() };
    let cells = match makes {
        Makes::Film => n,
        Makes::Pictures => 2 * n,
        Makes::Sheet => 2 * n.next_multiple_of(stretch),
    };
    let files = export::export(&options, &mut both, cells as u64, &cx.progress(job))?;
    cx.tell(Event::Exported { job, files });
    Ok(())
}

/// Pictures of two models in turn, a stretch of one and then of the other.
struct Both<I> {
    each: [I; 2],
    stretch: usize,
    makes: Makes,
    ready: VecDeque<Result<Shot>>,
}

impl<I: Iterator<Item = Result<Shot>>> Iterator for Both<I> {
    type Item = Result<Shot>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            let stretch = self.stretch;
            let mut rows = self.each.each_mut().map(|side| side.take(stretch).collect::<Vec<_>>());
            if rows[0].is_empty() {
                return None;
            }
            match self.makes {
                Makes::Film => {
                    let [a, b] = rows.map(|mut row| row.pop());
                    let frame = |(a, b): (Result<Shot>, Result<Shot>)| Ok(joined(&a?, &b?));
                    self.ready.extend(a.zip(b).map(frame));
                }
                Makes::Sheet => {
                    // The last row is filled up, so that the other model's begins where it did above.
                    rows.iter_mut().for_each(|row| row.resize_with(stretch, || Ok(blank())));
                    self.ready.extend(rows.into_iter().flatten());
                }
                Makes::Pictures => self.ready.extend(rows.into_iter().flatten()),
            }
        }
        self.ready.pop_front()
    }
}

/// A cell without a picture.
fn blank() -> Shot {
    Shot { picture: Picture::filled(1, 1, [0; 4]), recipe: None, model: String::new() }
}

/// Two pictures beside each other, as high as the higher one; a smaller one is enlarged by whole pixels as far as it goes.
fn joined(a: &Shot, b: &Shot) -> Shot {
    let high = a.picture.height.max(b.picture.height);
    let grown = |p: &Picture| p.enlarged((high / p.height.max(1)).max(1));
    let (left, right) = (grown(&a.picture), grown(&b.picture));
    let mut picture = Picture::filled(left.width + right.width, high, [0; 4]);
    picture.paste(&left, 0, (high - left.height) / 2);
    picture.paste(&right, left.width, (high - right.height) / 2);
    // The recipe of one model would not make this picture.
    Shot { picture, recipe: None, model: format!("{}-{}", a.model, b.model) }
}

/// Tells how far two pictures are apart. Never waits.
pub fn apart(cx: &Context, ticket: u64, [a, b]: [Picture; 2]) {
    let inside = cx.clone();
    let taken = cx.inference.soon(move |_| match perceptual::distance(&a, &b) {
        Ok(distance) => inside.tell(Event::Latent(LatentEvent::Apart { ticket, distance })),
        Err(problem) => inside.outbox.say(problem),
    });
    if !taken {
        cx.outbox.tell_now(Event::Message(Problem::failed("The studio is too busy right now").of("inference")));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shots(of: u8, n: u8, side: u32) -> Vec<Result<Shot>> {
        let shot = |i| Shot { picture: Picture::filled(side, side, [of, i, 0, 255]), recipe: None, model: "m".into() };
        (0..n).map(|i| Ok(shot(i))).collect()
    }

    fn both(makes: Makes, stretch: usize) -> Vec<Picture> {
        let each = [shots(1, 5, 2).into_iter(), shots(2, 5, 4).into_iter()];
        Both { each, stretch, makes, ready: VecDeque::new() }.map(|s| s.unwrap().picture).collect()
    }

    #[test]
    fn two_models_take_turns_and_rows_stay_under_each_other() {
        let of = |p: &Picture| (p.pixel(0, 0)[0], p.pixel(0, 0)[1]);
        let sheet: Vec<_> = both(Makes::Sheet, 3).iter().map(of).collect();
        let (gone, a, b) = ((0, 0), |i| (1, i), |i| (2, i));
        assert_eq!(sheet, [a(0), a(1), a(2), b(0), b(1), b(2), a(3), a(4), gone, b(3), b(4), gone]);
        let strips: Vec<_> = both(Makes::Sheet, 5).iter().map(of).collect();
        assert_eq!(strips[4..6], [a(4), b(0)]);
        assert_eq!(both(Makes::Pictures, 1).len(), 10);
        let film = both(Makes::Film, 1);
        assert_eq!(film.len(), 5);
        assert_eq!((film[3].width, film[3].height), (8, 4), "the smaller one is enlarged");
        assert_eq!((of(&film[3]), film[3].pixel(4, 3)[0]), ((1, 3), 2));
    }
}
