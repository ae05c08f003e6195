//! Small pictures of points: asked for a few at a time, the newest view first, kept within a bound.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::Picture;
use crate::engine::{Command, LatentCommand};
use crate::ui::view::Cx;

/// Pixels a side.
const SIDE: u32 = 64;
/// Asked for at once: soon answered, so that the next view need not wait.
const TOGETHER: usize = 48;
/// Pictures kept.
const KEPT: usize = 1500;
/// Seconds after which an answer is no longer waited for.
const GIVE_UP: f64 = 10.0;

struct Thumb {
    picture: Arc<Picture>,
    revision: u64,
    used: u64,
}

/// Small pictures of the points of one sheet.
#[derive(Default)]
pub struct Thumbs {
    kept: HashMap<u32, Thumb>,
    /// What is on the way, and since when.
    asked: Option<(Vec<u32>, f64)>,
    frame: u64,
    revision: u64,
}

impl Thumbs {
    /// Forgets everything: another sheet is shown.
    pub fn clear(&mut self) {
        self.kept.clear();
        self.asked = None;
    }

    /// A picture with its revision, if it is here.
    pub fn get(&mut self, point: u32) -> Option<(Arc<Picture>, u64)> {
        let thumb = self.kept.get_mut(&point)?;
        thumb.used = self.frame;
        Some((thumb.picture.clone(), thumb.revision))
    }

    /// Ends a frame: asks for the first of what was missing in it, unless something is on the way.
    pub fn ask(&mut self, missing: &[u32], model: &str, cx: &mut Cx<'_>) {
        self.frame += 1;
        let waiting = self.asked.as_ref().is_some_and(|a| cx.time - a.1 < GIVE_UP);
        if waiting || missing.is_empty() {
            return;
        }
        let points: Vec<u32> = missing.iter().copied().take(TOGETHER).collect();
        self.asked = Some((points.clone(), cx.time));
        cx.send(Command::Latent(LatentCommand::AtlasThumbs { model: model.into(), points, size: SIDE }));
    }

    /// Takes pictures in.
    pub fn add(&mut self, thumbs: &[(u32, Picture)]) {
        self.asked = None;
        self.revision += 1;
        for (point, picture) in thumbs {
            let picture = Arc::new(picture.clone());
            self.kept.insert(*point, Thumb { picture, revision: self.revision, used: self.frame });
        }
        if self.kept.len() > KEPT {
            let mut used: Vec<(u64, u32)> = self.kept.iter().map(|(i, t)| (t.used, *i)).collect();
            used.sort_unstable();
            for (_, point) in used.into_iter().take(self.kept.len() - KEPT) {
                self.kept.remove(&point);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::action::Action;
    use crate::ui::views::explore::testing::Bench;

    #[test]
    fn a_few_are_on_the_way_the_newest_view_is_next_and_old_ones_go() {
        let mut bench = Bench::default();
        let mut thumbs = Thumbs::default();
        let asked = |cx: &mut Cx<'_>| {
            let of = |a: Action| match a {
                Action::Engine(command) => match *command {
                    Command::Latent(LatentCommand::AtlasThumbs { points, .. }) => Some(points),
                    _ => None,
                },
                _ => None,
            };
            cx.actions.drain(..).filter_map(of).next()
        };
        let first: Vec<u32> = (0..100).collect();
        let sent = bench.with(0.0, |cx| {
            thumbs.ask(&first, "m", cx);
            asked(cx)
        });
        assert_eq!(sent.unwrap(), first[..TOGETHER]);
        let silent = bench.with(1.0, |cx| {
            thumbs.ask(&[500, 501], "m", cx);
            asked(cx)
        });
        assert!(silent.is_none(), "one request at a time");
        let late = bench.with(GIVE_UP + 1.0, |cx| {
            thumbs.ask(&[500, 501], "m", cx);
            asked(cx)
        });
        assert_eq!(late.unwrap(), [500, 501], "what is never answered is not waited for for ever");
        let picture = Picture::filled(2, 2, [9; 4]);
        let many: Vec<(u32, Picture)> = (0..KEPT as u32).map(|i| (i, picture.clone())).collect();
        thumbs.add(&many);
        bench.with(20.0, |cx| thumbs.ask(&[], "m", cx));
        assert!(thumbs.get(7).is_some());
        thumbs.add(&[(9000, picture.clone()), (9001, picture)]);
        assert_eq!(thumbs.kept.len(), KEPT);
        assert!(thumbs.get(7).is_some() && thumbs.get(9001).is_some(), "what was seen last stays");
        assert!(thumbs.get(0).is_none());
    }
}
