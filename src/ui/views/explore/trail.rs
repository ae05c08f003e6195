//! Where one has been: back and forward, and the strip of pictures under the canvas.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::desk::Stand;
use crate::base::Picture;

/// How many stops are remembered.
const LENGTH: usize = 200;

/// A place where one stood.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Stop {
    /// Where.
    pub stand: Stand,
    /// What it looked like, once known.
    #[serde(skip)]
    pub picture: Option<Arc<Picture>>,
    /// Names the stop for good.
    #[serde(skip)]
    pub number: u64,
}

/// Where one has been.
#[derive(Debug, Default)]
pub struct Trail {
    stops: Vec<Stop>,
    at: usize,
    numbers: u64,
}

impl Trail {
    /// The stops, oldest first.
    pub fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// The stop one stands at.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Notes a new place; what lay ahead is forgotten, as in a browser. Nothing if one stands there already.
    pub fn visit(&mut self, stand: &Stand) {
        if self.stops.get(self.at).is_some_and(|s| s.stand == *stand) {
            return;
        }
        self.stops.truncate(self.at + 1);
        if self.stops.len() >= LENGTH {
            self.stops.remove(0);
        }
        self.numbers += 1;
        self.stops.push(Stop { stand: stand.clone(), picture: None, number: self.numbers });
        self.at = self.stops.len() - 1;
    }

    /// Whether there is anything to go back to.
    pub fn can_go(&self, by: i64) -> bool {
        usize::try_from(self.at as i64 + by).is_ok_and(|i| i < self.stops.len())
    }

    /// Goes back (negative) or forward; where one stands then.
    pub fn go(&mut self, by: i64) -> Option<Stand> {
        let to = usize::try_from(self.at as i64 + by).ok()?;
        self.jump(to)
    }

    /// Goes to a stop.
    pub fn jump(&mut self, to: usize) -> Option<Stand> {
        let stand = self.stops.get(to)?.stand.clone();
        self.at = to;
        Some(stand)
    }

    /// Notes what a place looks like.
    pub fn see(&mut self, stand: &Stand, picture: &Arc<Picture>) {
        for stop in self.stops.iter_mut().filter(|s| s.picture.is_none() && s.stand == *stand) {
            stop.picture = Some(picture.clone());
        }
    }

    /// Places without a picture, newest first, of the newest one's model and truncation.
    pub fn unseen(&self, most: usize) -> Vec<Stand> {
        let mut unseen = self.stops.iter().rev().filter(|s| s.picture.is_none() && s.stand.model.is_some());
        let Some(first) = unseen.next().map(|s| &s.stand) else { return Vec::new() };
        let same = |s: &&Stop| s.stand.model == first.model && s.stand.truncation == first.truncation;
        std::iter::once(first).chain(unseen.filter(same).map(|s| &s.stand)).take(most).cloned().collect()
    }

    /// What is kept from one start to the next.
    pub fn kept(&self) -> Vec<Stand> {
        let from = self.stops.len().saturating_sub(48);
        self.stops[from..].iter().map(|s| s.stand.clone()).collect()
    }

    /// Takes back what was kept.
    pub fn restore(&mut self, stands: &[Stand]) {
        *self = Self::default();
        stands.iter().for_each(|s| self.visit(s));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::picture::Latent;

    fn stand(seed: u64) -> Stand {
        Stand { model: Some("m".into()), latent: Latent::Seed { seed }, truncation: 1.0 }
    }

    #[test]
    fn back_and_forward_and_what_lay_ahead_is_forgotten() {
        let mut trail = Trail::default();
        for seed in [1, 1, 2, 3] {
            trail.visit(&stand(seed));
        }
        assert_eq!(trail.stops().len(), 3);
        assert_eq!(trail.go(-1), Some(stand(2)));
        assert_eq!(trail.go(-1), Some(stand(1)));
        assert_eq!(trail.go(-1), None);
        assert!(trail.can_go(1));
        trail.visit(&stand(9));
        assert!(!trail.can_go(1));
        assert_eq!(trail.kept(), vec![stand(1), stand(9)]);
    }

    #[test]
    fn it_does_not_grow_for_ever_and_asks_for_what_it_has_not_seen() {
        let mut trail = Trail::default();
        for seed in 0..500 {
            trail.visit(&stand(seed));
        }
        assert_eq!(trail.stops().len(), LENGTH);
        assert_eq!(trail.at(), LENGTH - 1);
        trail.see(&stand(499), &Arc::new(Picture::filled(1, 1, [0; 4])));
        assert_eq!(trail.unseen(2), vec![stand(498), stand(497)]);
    }
}
