//! Pictures that were opened: back and forward, and the strip of pictures under the canvas.
//!
//! The history only grows: whoever goes back and sets out anew keeps all that came after, and what is new goes to its end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::viewpoint::Viewpoint;
use crate::base::Picture;

/// How many stops are remembered.
const LENGTH: usize = 200;
/// How many of them are kept from one start to the next.
const KEPT: usize = 48;

/// A place that was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stop {
    /// Which.
    pub viewpoint: Viewpoint,
    /// What it looked like, once known.
    #[serde(skip)]
    pub picture: Option<Arc<Picture>>,
    /// Why there is no picture of it.
    #[serde(skip)]
    pub broken: Option<Arc<str>>,
    /// Names the stop for good.
    #[serde(skip)]
    pub number: u64,
}

/// Pictures that were opened.
#[derive(Debug, Default)]
pub struct NavigationHistory {
    stops: Vec<Stop>,
    at: usize,
    numbers: u64,
}

impl NavigationHistory {
    /// The stops, oldest first.
    pub fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// The stop that is shown.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Notes a new place at the end; nothing if it is the one that is shown already.
    pub fn visit(&mut self, viewpoint: &Viewpoint) {
        if self.stops.get(self.at).is_some_and(|s| s.viewpoint == *viewpoint) {
            return;
        }
        if self.stops.last().is_none_or(|s| s.viewpoint != *viewpoint) {
            if self.stops.len() >= LENGTH {
                self.stops.remove(0);
            }
            self.numbers += 1;
            self.stops.push(Stop { viewpoint: viewpoint.clone(), picture: None, broken: None, number: self.numbers });
        }
        self.at = self.stops.len() - 1;
    }

    /// Goes to the newest stop at a place, if there is one: Undo came back to it.
    pub fn seek(&mut self, viewpoint: &Viewpoint) {
        if let Some(at) = self.stops.iter().rposition(|s| s.viewpoint == *viewpoint) {
            self.at = at;
        }
    }

    /// Whether there is anything to go back to.
    pub fn can_go(&self, by: i64) -> bool {
        self.next(by).is_some()
    }

    /// The next stop back (negative) or forward that has a picture or may have one.
    fn next(&self, by: i64) -> Option<usize> {
        let mut to = self.at as i64;
        loop {
            to += by;
            let stop = self.stops.get(usize::try_from(to).ok()?)?;
            if stop.broken.is_none() {
                return usize::try_from(to).ok();
            }
            if by == 0 {
                return None;
            }
        }
    }

    /// Goes back (negative) or forward, past what is broken; the place that is shown then.
    pub fn go(&mut self, by: i64) -> Option<Viewpoint> {
        let to = self.next(by)?;
        self.jump(to)
    }

    /// Goes to a stop.
    pub fn jump(&mut self, to: usize) -> Option<Viewpoint> {
        let viewpoint = self.stops.get(to)?.viewpoint.clone();
        self.at = to;
        Some(viewpoint)
    }

    /// Notes what a place looks like.
    pub fn see(&mut self, viewpoint: &Viewpoint, picture: &Arc<Picture>) {
        for stop in self.stops.iter_mut().filter(|s| s.picture.is_none() && s.viewpoint == *viewpoint) {
            (stop.picture, stop.broken) = (Some(picture.clone()), None);
        }
    }

    /// Notes that there is no picture of a place, and why: it is not asked for any more.
    pub fn give_up(&mut self, viewpoint: &Viewpoint, why: &Arc<str>) {
        for stop in self.stops.iter_mut().filter(|s| s.picture.is_none() && s.viewpoint == *viewpoint) {
            stop.broken = Some(why.clone());
        }
    }

    /// Takes a stop out.
    pub fn remove(&mut self, at: usize) {
        if at < self.stops.len() {
            self.stops.remove(at);
            if at < self.at || self.at == self.stops.len() {
                self.at = self.at.saturating_sub(1);
            }
        }
    }

    /// Takes all stops out that have no place in the history: `bad` says which.
    pub fn clean(&mut self, bad: impl Fn(&Viewpoint) -> bool) {
        for at in (0..self.stops.len()).rev() {
            if bad(&self.stops[at].viewpoint) {
                self.remove(at);
            }
        }
    }

    /// PictureSlots without a picture, newest first, of the model and truncation of the newest one whose model is `known`.
    pub fn unseen(&self, most: usize, known: impl Fn(&str) -> bool) -> Vec<Viewpoint> {
        let asks =
            |s: &&Stop| s.picture.is_none() && s.broken.is_none() && s.viewpoint.model.as_deref().is_some_and(&known);
        let mut unseen = self.stops.iter().rev().filter(asks);
        let Some(first) = unseen.next().map(|s| &s.viewpoint) else { return Vec::new() };
        let same = |s: &&Stop| s.viewpoint.model == first.model && s.viewpoint.truncation == first.truncation;
        std::iter::once(first).chain(unseen.filter(same).map(|s| &s.viewpoint)).take(most).cloned().collect()
    }

    /// What is kept from one start to the next.
    pub fn kept(&self) -> Vec<Viewpoint> {
        let sound: Vec<Viewpoint> =
            self.stops.iter().filter(|s| s.broken.is_none()).map(|s| s.viewpoint.clone()).collect();
        sound[sound.len().saturating_sub(KEPT)..].to_vec()
    }

    /// Takes back what was kept.
    pub fn restore(&mut self, viewpoints: &[Viewpoint]) {
        *self = Self::default();
        viewpoints.iter().for_each(|s| self.visit(s));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::picture::Latent;

    fn at(seed: u64) -> Viewpoint {
        Viewpoint { model: Some("m".into()), latent: Latent::Seed { seed }, truncation: 1.0 }
    }

    fn visited(seeds: &[u64]) -> NavigationHistory {
        let mut history = NavigationHistory::default();
        seeds.iter().for_each(|seed| history.visit(&at(*seed)));
        history
    }

    #[test]
    fn back_and_forward_and_nothing_is_lost_when_one_sets_out_anew() {
        let mut history = visited(&[1, 1, 2, 3]);
        assert_eq!(history.stops().len(), 3);
        assert_eq!(history.go(-1), Some(at(2)));
        assert_eq!(history.go(-1), Some(at(1)));
        assert_eq!(history.go(-1), None);
        assert!(history.can_go(1));
        history.visit(&at(9));
        assert_eq!(history.kept(), [1, 2, 3, 9].map(at));
        assert_eq!((history.at(), history.can_go(1)), (3, false));
        assert_eq!(history.jump(1), Some(at(2)));
        history.visit(&at(2));
        assert_eq!((history.stops().len(), history.at()), (4, 1), "an older picture that is clicked erases nothing");
        history.visit(&at(9));
        assert_eq!((history.stops().len(), history.at()), (4, 3));
        history.seek(&at(1));
        assert_eq!(history.at(), 0);
    }

    #[test]
    fn what_is_broken_is_asked_for_no_more_passed_over_and_taken_out() {
        let mut history = visited(&[1, 2, 3, 4]);
        history.give_up(&at(3), &"it cannot be made".into());
        assert_eq!(history.unseen(9, |_| true), [4, 2, 1].map(at));
        assert_eq!(history.go(-1), Some(at(2)));
        assert_eq!(history.kept(), [1, 2, 4].map(at), "it does not come back at the next start");
        history.remove(2);
        assert_eq!((history.stops().len(), history.at()), (3, 1));
        history.remove(0);
        assert_eq!((history.at(), history.stops()[history.at()].viewpoint.clone()), (0, at(2)));
        history.clean(|s| *s == at(4));
        assert_eq!(history.kept(), [at(2)]);
        history.clean(|_| true);
        assert_eq!((history.at(), history.stops().len(), history.go(-1)), (0, 0, None));
    }

    #[test]
    fn it_does_not_grow_for_ever_and_asks_for_what_it_has_not_seen() {
        let mut history = NavigationHistory::default();
        for seed in 0..500 {
            history.visit(&at(seed));
        }
        assert_eq!(history.stops().len(), LENGTH);
        assert_eq!(history.at(), LENGTH - 1);
        history.see(&at(499), &Arc::new(Picture::filled(1, 1, [0; 4])));
        assert_eq!(history.unseen(2, |_| true), vec![at(498), at(497)]);
        let other = Viewpoint { model: Some("gone".into()), ..at(1) };
        history.visit(&other);
        assert_eq!(history.unseen(1, |m| m != "gone"), [at(498)], "a model that is gone holds nothing up");
    }
}
