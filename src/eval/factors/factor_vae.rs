//! The FactorVAE score (Kim & Mnih 2018): among pictures that share one factor, the code that varies least should say
//! which factor it is. A majority vote learns the rule from some groups of pictures and is tried on others.

use super::Coded;
use crate::base::rng::Stream;

/// Pictures in a group.
const GROUP: usize = 64;
/// Groups that the vote learns from, and as many that it is tried on.
const VOTES: usize = 800;
/// Codes that vary less are not in use.
const ACTIVE: f64 = 0.05;

/// How it is estimated.
pub const ESTIMATOR: &str = "800 + 800 groups of 64 pictures; codes of variance above 0.05";

/// The share of groups told rightly, with its interval. Chance is one over the number of factors, or a little more.
pub fn factor_vae(coded: &Coded, seed: u64) -> (f64, f64, f64) {
    let [found] = coded.with_interval(seed, |c, seed| [once(c, seed)]);
    found
}

fn once(coded: &Coded, seed: u64) -> f64 {
    let (n, dim) = (coded.len(), coded.codes.dim());
    let variance = |rows: &mut dyn Iterator<Item = usize>, j: usize| {
        let (mut sum, mut square, mut count) = (0.0, 0.0, 0.0);
        for i in rows {
            let v = f64::from(coded.codes.row(i)[j]);
            (sum, square, count) = (sum + v, square + v * v, count + 1.0);
        }
        (square / count - (sum / count).powi(2)).max(0.0)
    };
    let whole: Vec<f64> = (0..dim).map(|j| variance(&mut (0..n), j)).collect();
    let active: Vec<usize> = (0..dim).filter(|&j| whole[j] > ACTIVE).collect();
    if active.is_empty() {
        return 0.0;
    }
    // Pictures of each class of each factor.
    let groups: Vec<Vec<Vec<usize>>> = coded
        .factors
        .iter()
        .zip(&coded.classes)
        .map(|(factor, &classes)| {
            let mut of = vec![Vec::new(); classes];
            factor.iter().enumerate().for_each(|(i, c)| of[*c as usize].push(i));
            of
        })
        .collect();
    let mut s = Stream::new(seed, "factor votes");
    let mut draw = |count: usize| -> Vec<(usize, usize)> {
        (0..count)
            .map(|_| {
                let k = s.below(coded.factors.len() as u64) as usize;
                let class = coded.factors[k][s.below(n as u64) as usize] as usize;
                let pool = &groups[k][class];
                let chosen: Vec<usize> = (0..GROUP).map(|_| pool[s.below(pool.len() as u64) as usize]).collect();
                let still = |j: &usize| variance(&mut chosen.iter().copied(), *j) / whole[*j];
                let least = active.iter().copied().min_by(|a, b| still(a).total_cmp(&still(b))).unwrap_or(active[0]);
                (least, k)
            })
            .collect()
    };
    let mut votes = vec![vec![0u32; coded.factors.len()]; dim];
    draw(VOTES).into_iter().for_each(|(code, factor)| votes[code][factor] += 1);
    let rule: Vec<usize> = votes.iter().map(|v| (0..v.len()).max_by_key(|k| v[*k]).unwrap_or(0)).collect();
    let right = draw(VOTES).into_iter().filter(|(code, factor)| rule[*code] == *factor).count();
    right as f64 / VOTES as f64
}

#[cfg(test)]
mod tests {
    use super::super::testing::{empty, perfect};
    use super::*;

    #[test]
    fn perfect_codes_are_told_and_noise_is_chance() {
        let (good, bad) = (factor_vae(&perfect(800), 1), factor_vae(&empty(800), 1));
        assert!(good.0 > 0.99 && good.1 <= good.0, "{good:?}");
        // Three factors: a third.
        assert!(bad.0 < 0.45, "{bad:?}");
    }
}
