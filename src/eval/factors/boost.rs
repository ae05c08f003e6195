//! Gradient-boosted trees, small: one class is told from the others by squared loss on all classes at once (L2-boosting,
//! Bühlmann & Yu 2003), splits are sought among histograms of codes.

/// Bins of a code.
const BINS: usize = 64;
/// Trees.
pub const ROUNDS: usize = 40;
/// Splits from root to leaf.
pub const DEPTH: usize = 3;
/// Share of each tree's answer that is added.
pub const RATE: f64 = 0.15;

/// What trees found.
#[derive(Clone, Debug, PartialEq)]
pub struct Boosted {
    /// How much each code took away from the error, in shares of all.
    pub importance: Vec<f64>,
    /// Share of right answers on the rows they did not learn from.
    pub accuracy: f64,
}

struct Forest<'a> {
    /// Bin of each code of each row: `rows · codes`.
    bins: &'a [u8],
    codes: usize,
    classes: usize,
    /// What is still to explain: `rows · classes`.
    rest: Vec<f64>,
    importance: Vec<f64>,
    least: usize,
}

/// Bins of codes with as many rows in each, row after row.
pub fn binned(codes: &super::super::feature_matrix::Rows) -> Vec<u8> {
    let (n, dim) = (codes.len(), codes.dim());
    let mut out = vec![0u8; n * dim];
    for j in 0..dim {
        let mut sorted: Vec<f32> = codes.iter().map(|r| r[j]).collect();
        sorted.sort_by(f32::total_cmp);
        let edges: Vec<f32> = (1..BINS).map(|b| sorted[b * n / BINS]).collect();
        for (i, row) in codes.iter().enumerate() {
            out[i * dim + j] = edges.partition_point(|e| *e <= row[j]) as u8;
        }
    }
    out
}

/// Learns classes from `learn` rows and answers for `ask` rows.
pub fn boost(bins: &[u8], codes: usize, target: &[u32], classes: usize, learn: &[u32], ask: &[u32]) -> Boosted {
    let mut mean = vec![0.0; classes];
    learn.iter().for_each(|&i| mean[target[i as usize] as usize] += 1.0 / learn.len().max(1) as f64);
    let mut rest = vec![0.0; target.len() * classes];
    for (row, class) in rest.chunks_exact_mut(classes).zip(target) {
        row.iter_mut().zip(&mean).for_each(|(v, m)| *v = -m);
        row[*class as usize] += 1.0;
    }
    // Rows that are asked carry the answer's negative alone: what trees take away is what they say.
    for &i in ask {
        rest[i as usize * classes..(i as usize + 1) * classes].iter_mut().zip(&mean).for_each(|(v, m)| *v = -m);
    }
    let least = (learn.len() / 100).max(3);
    let mut forest = Forest { bins, codes, classes, rest, importance: vec![0.0; codes], least };
    for _ in 0..ROUNDS {
        let before: f64 = forest.importance.iter().sum();
        forest.grow(learn.to_vec(), ask.to_vec(), DEPTH);
        if forest.importance.iter().sum::<f64>() <= before {
            break;
        }
    }
    let right = ask.iter().filter(|&&i| {
        let row = &forest.rest[i as usize * classes..(i as usize + 1) * classes];
        let said = (0..classes).min_by(|a, b| row[*a].total_cmp(&row[*b])).unwrap_or(0);
        said == target[i as usize] as usize
    });
    let accuracy = right.count() as f64 / ask.len().max(1) as f64;
    let total: f64 = forest.importance.iter().sum();
    if total > 0.0 {
        forest.importance.iter_mut().for_each(|v| *v /= total);
    }
    Boosted { importance: forest.importance, accuracy }
}

impl Forest<'_> {
    fn grow(&mut self, learn: Vec<u32>, ask: Vec<u32>, depth: usize) {
        let split = if depth > 0 && learn.len() >= 2 * self.least { self.split(&learn) } else { None };
        match split {
            Some((code, bin, gain)) => {
                self.importance[code] += gain;
                let goes_left = |&i: &u32| self.bins[i as usize * self.codes + code] <= bin;
                let (left, right): (Vec<u32>, Vec<u32>) = learn.iter().partition(|i| goes_left(i));
                let (ask_left, ask_right): (Vec<u32>, Vec<u32>) = ask.iter().partition(|i| goes_left(i));
                self.grow(left, ask_left, depth - 1);
                self.grow(right, ask_right, depth - 1);
            }
            None => {
                let mut mean = vec![0.0; self.classes];
                for &i in &learn {
                    let row = &self.rest[i as usize * self.classes..(i as usize + 1) * self.classes];
                    mean.iter_mut().zip(row).for_each(|(m, v)| *m += v / learn.len() as f64);
                }
                for &i in learn.iter().chain(&ask) {
                    let row = &mut self.rest[i as usize * self.classes..(i as usize + 1) * self.classes];
                    row.iter_mut().zip(&mean).for_each(|(v, m)| *v -= RATE * m);
                }
            }
        }
    }

    /// The code and the last bin on the left that take most of the squared error away.
    fn split(&self, rows: &[u32]) -> Option<(usize, u8, f64)> {
        let c = self.classes;
        let mut best: Option<(usize, u8, f64)> = None;
        let mut sums = vec![0.0; BINS * c];
        for code in 0..self.codes {
            sums.fill(0.0);
            let mut counts = [0usize; BINS];
            for &i in rows {
                let bin = self.bins[i as usize * self.codes + code] as usize;
                counts[bin] += 1;
                let row = &self.rest[i as usize * c..(i as usize + 1) * c];
                sums[bin * c..(bin + 1) * c].iter_mut().zip(row).for_each(|(s, v)| *s += v);
            }
            let mut total = vec![0.0; c];
            sums.chunks_exact(c).for_each(|b| total.iter_mut().zip(b).for_each(|(t, v)| *t += v));
            let whole: f64 = total.iter().map(|t| t * t).sum::<f64>() / rows.len() as f64;
            let (mut left, mut n) = (vec![0.0; c], 0);
            for bin in 0..BINS - 1 {
                left.iter_mut().zip(&sums[bin * c..(bin + 1) * c]).for_each(|(l, v)| *l += v);
                n += counts[bin];
                let m = rows.len() - n;
                if n < self.least || m < self.least {
                    continue;
                }
                let on_left: f64 = left.iter().map(|l| l * l).sum::<f64>() / n as f64;
                let on_right: f64 = left.iter().zip(&total).map(|(l, t)| (t - l).powi(2)).sum::<f64>() / m as f64;
                let gain = on_left + on_right - whole;
                if gain > best.map_or(1e-9, |b| b.2) {
                    best = Some((code, bin as u8, gain));
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::feature_matrix::Rows;
    use super::*;
    use crate::base::rng::Stream;

    #[test]
    fn trees_learn_a_rule_of_two_codes_and_say_which() {
        let mut s = Stream::new(1, "trees");
        let n = 900;
        let rows = Rows::from_values(3, (0..n * 3).map(|_| s.normal()).collect());
        let target: Vec<u32> = rows.iter().map(|r| u32::from(r[0] > 0.0) + 2 * u32::from(r[2] > 0.3)).collect();
        let (learn, ask): (Vec<u32>, Vec<u32>) = (0..n as u32).partition(|i| i % 3 > 0);
        let found = boost(&binned(&rows), 3, &target, 4, &learn, &ask);
        assert!(found.accuracy > 0.95, "{found:?}");
        assert!(found.importance[1] < 0.05 && found.importance[0] > 0.3 && found.importance[2] > 0.3, "{found:?}");
    }
}
