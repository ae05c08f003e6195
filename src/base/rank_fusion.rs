//! Several orders of the same things as one, by reciprocal ranks (Cormack, Clarke & Büttcher 2009).

use std::collections::HashMap;
use std::hash::Hash;

/// What a rank is added to, as in the paper.
const SMOOTH: f64 = 60.0;

/// A thing with the sum of its reciprocal ranks, and where it stands: which order, and its rank there, counted from 1; the
/// best rank first.
pub type Fused<K> = (K, f64, Vec<(usize, usize)>);

/// Things, the best first, with their ranks from 1, and how much the order weighs.
#[derive(Clone, Debug, PartialEq)]
pub struct Order<K> {
    ranked: Vec<(K, usize)>,
    weight: f64,
}

impl<K: Copy> Order<K> {
    /// Each has a rank of its own: the best 1, the next 2.
    pub fn of(keys: impl IntoIterator<Item = K>) -> Self {
        Self { ranked: keys.into_iter().zip(1..).collect(), weight: 1.0 }
    }

    /// Things of equal score share a rank, one more than the number of those before them: where many have the same label, none
    /// of them is worse for its place in the file.
    pub fn by_score<S: PartialEq>(scored: impl IntoIterator<Item = (K, S)>) -> Self {
        let (mut ranked, mut last): (Vec<(K, usize)>, Option<S>) = (Vec::new(), None);
        for (key, score) in scored {
            let rank = ranked.last().filter(|_| last.as_ref() == Some(&score)).map_or(ranked.len() + 1, |l| l.1);
            ranked.push((key, rank));
            last = Some(score);
        }
        Self { ranked, weight: 1.0 }
    }

    /// Counts as much as so many orders.
    pub fn weighing(self, weight: f64) -> Self {
        Self { weight, ..self }
    }
}

/// The `count` best of all orders: a thing's score is the sum of `weight / (60 + rank)` over the orders it is in. Equal scores
/// stay in the order of the keys.
pub fn fuse<K: Copy + Ord + Hash>(orders: &[Order<K>], count: usize) -> Vec<Fused<K>> {
    let mut all: HashMap<K, (f64, Vec<(usize, usize)>)> = HashMap::new();
    for (at, order) in orders.iter().enumerate() {
        for (key, rank) in &order.ranked {
            let (score, ranks) = all.entry(*key).or_default();
            *score += order.weight / (SMOOTH + *rank as f64);
            ranks.push((at, *rank));
        }
    }
    let mut all: Vec<Fused<K>> = all.into_iter().map(|(key, (score, ranks))| (key, score, ranks)).collect();
    all.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all.truncate(count);
    for (.., ranks) in &mut all {
        ranks.sort_by_key(|r| r.1);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reciprocal_ranks_are_summed_and_ties_go_by_key() {
        let found = fuse(&[Order::of([2, 0, 1]), Order::of([0, 2])], 3);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [0, 2, 1]);
        assert!((found[0].1 - (1.0 / 62.0 + 1.0 / 61.0)).abs() < 1e-12);
        assert_eq!(found[0].1, found[1].1);
        assert_eq!((&found[0].2[..], &found[1].2[..]), (&[(1, 1), (0, 2)][..], &[(0, 1), (1, 2)][..]));
        assert_eq!(fuse(&[Order::of([5]), Order::of([])], 9), [(5, 1.0 / 61.0, vec![(0, 1)])]);
        assert!(fuse::<i64>(&[], 3).is_empty());
    }

    #[test]
    fn an_order_of_twice_the_weight_counts_as_two_of_them() {
        let (words, looks) = (Order::of([1, 2, 3]), Order::of([3, 4]));
        let twice = fuse(&[words.clone(), looks.clone().weighing(2.0)], 4);
        let doubled = fuse(&[words, looks.clone(), looks], 4);
        for (one, two) in twice.iter().zip(&doubled) {
            assert!(one.0 == two.0 && (one.1 - two.1).abs() < 1e-12, "{one:?} {two:?}");
        }
        assert_eq!(twice[0].0, 3);
    }

    #[test]
    fn equal_scores_share_a_rank() {
        let order = Order::by_score([(7, 3.0), (5, 2.0), (4, 2.0), (9, 1.0)]);
        assert_eq!(order.ranked, [(7, 1), (5, 2), (4, 2), (9, 4)]);
        // What looks right decides between pictures of one label.
        let found = fuse(&[Order::by_score([(1, 1.0), (2, 1.0), (3, 1.0)]), Order::of([8, 3, 1])], 9);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [3, 1, 2, 8]);
    }
}
