//! Several orders of the same things as one, by reciprocal ranks (Cormack, Clarke & Büttcher 2009).

use std::collections::HashMap;
use std::hash::Hash;

/// What a rank is added to, as in the paper.
const SMOOTH: f64 = 60.0;

/// A thing with the sum of its reciprocal ranks, and where it stands: which order, and its rank there, counted from 1; the
/// best rank first.
pub type Fused<K> = (K, f64, Vec<(usize, usize)>);

/// The `count` best of all orders, each with its weight and the best first: a thing's score is the sum of
/// `weight / (60 + rank)` over the orders it is in. Equal scores stay in the order of the keys.
pub fn fuse<K: Copy + Ord + Hash>(orders: &[(Vec<K>, f64)], count: usize) -> Vec<Fused<K>> {
    let mut all: HashMap<K, (f64, Vec<(usize, usize)>)> = HashMap::new();
    for (order, (keys, weight)) in orders.iter().enumerate() {
        for (place, key) in keys.iter().enumerate() {
            let (score, ranks) = all.entry(*key).or_default();
            *score += weight / (SMOOTH + 1.0 + place as f64);
            ranks.push((order, place + 1));
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
        let found = fuse(&[(vec![2, 0, 1], 1.0), (vec![0, 2], 1.0)], 3);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [0, 2, 1]);
        assert!((found[0].1 - (1.0 / 62.0 + 1.0 / 61.0)).abs() < 1e-12);
        assert_eq!(found[0].1, found[1].1);
        assert_eq!((&found[0].2[..], &found[1].2[..]), (&[(1, 1), (0, 2)][..], &[(0, 1), (1, 2)][..]));
        assert_eq!(fuse(&[(vec![5], 1.0), (vec![], 1.0)], 9), [(5, 1.0 / 61.0, vec![(0, 1)])]);
        assert!(fuse::<i64>(&[], 3).is_empty());
    }

    #[test]
    fn an_order_of_twice_the_weight_counts_as_two_of_them() {
        let (words, looks) = (vec![1, 2, 3], vec![3, 4]);
        let twice = fuse(&[(words.clone(), 1.0), (looks.clone(), 2.0)], 4);
        let doubled = fuse(&[(words, 1.0), (looks.clone(), 1.0), (looks, 1.0)], 4);
        let scores = |all: &[Fused<i32>]| all.iter().map(|f| (f.0, f.1)).collect::<Vec<_>>();
        assert_eq!(scores(&twice), scores(&doubled));
        assert_eq!(twice[0].0, 3);
    }
}
