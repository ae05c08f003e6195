//! Tokens of retrieved pictures, mixed into what a prior says.
//!
//! As in nearest-neighbour language models (Khandelwal et al. 2020): p(token) = (1 − λ) p_prior(token) + λ p_near(token),
//! where λ = s^(1/c) at strength s and c is how far the pictures agree about the place (the chance that two of them, drawn
//! by their shares, have the same token there). What they have in common is likely what was asked for; elsewhere the
//! prior, which was told the words, decides.
//! p_near is the share of retrieved pictures that have the token at the same place, where a picture counts the more the
//! better its tokens agree with those drawn around the place (left, above left, above, above right): their part of the
//! key that such models look up. Pictures that agree with one another add up; where they do not, one that fits goes on.

use serde::{Deserialize, Serialize};

/// How much more a picture counts for each of the tokens around the place that it agrees with.
const AGREEMENT: f32 = 6.0;

/// Tokens of retrieved pictures.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetrievedTokens {
    /// Tokens of each picture, row by row.
    pub tokens: Vec<Vec<u32>>,
    /// Its share.
    pub weights: Vec<f32>,
    /// Columns of tokens.
    pub columns: u32,
    /// s: 0 for what the prior says, 1 for what the pictures have.
    pub strength: f32,
}

impl RetrievedTokens {
    /// Mixes shares of all tokens at a place with what the pictures have there. With strength 0, and without pictures,
    /// they stay as they are to the last bit.
    pub fn mix(&self, shares: &mut [f32], place: usize, drawn: &[u32]) {
        if self.strength == 0.0 || self.tokens.is_empty() {
            return;
        }
        let columns = (self.columns as usize).max(1);
        let around = around(place, columns);
        let mut near = vec![0.0f32; shares.len()];
        let mut plain = vec![0.0f32; shares.len()];
        let (mut sum, mut all) = (0.0, 0.0);
        for (own, weight) in self.tokens.iter().zip(&self.weights) {
            let Some(slot) = own.get(place).and_then(|id| near.get_mut(*id as usize)) else { continue };
            let agrees = |at: &&usize| own.get(**at).is_some_and(|id| drawn.get(**at) == Some(id));
            let count = around.iter().filter(agrees).count();
            let counted = weight * AGREEMENT.powi(count as i32);
            *slot += counted;
            sum += counted;
            plain[own[place] as usize] += weight;
            all += weight;
        }
        if sum <= 0.0 || all <= 0.0 {
            return;
        }
        let agreement: f32 = plain.iter().map(|w| (w / all).powi(2)).sum();
        let lambda = self.strength.powf(1.0 / agreement);
        for (share, near) in shares.iter_mut().zip(near) {
            *share = (1.0 - lambda) * *share + lambda * near / sum;
        }
    }
}

/// Places around one that were drawn before it.
fn around(place: usize, columns: usize) -> Vec<usize> {
    let (row, column) = (place / columns, place % columns);
    let mut out = Vec::with_capacity(4);
    if column > 0 {
        out.push(place - 1);
    }
    if row > 0 {
        let above = place - columns;
        out.push(above);
        if column > 0 {
            out.push(above - 1);
        }
        if column + 1 < columns {
            out.push(above + 1);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(strength: f32) -> RetrievedTokens {
        let tokens = vec![vec![1, 1, 1, 1], vec![2, 2, 2, 2]];
        RetrievedTokens { tokens, weights: vec![0.5, 0.5], columns: 2, strength }
    }

    #[test]
    fn shares_are_mixed_and_still_add_up() {
        let mut shares = vec![0.4, 0.3, 0.2, 0.1];
        // Two pictures that disagree: c = 1/2, λ = 0.5² = 0.25.
        two(0.5).mix(&mut shares, 0, &[]);
        for (found, expected) in shares.iter().zip([0.3, 0.35, 0.275, 0.075]) {
            assert!((found - expected).abs() < 1e-6, "{shares:?}");
        }
        let mut agreed = vec![0.4, 0.3, 0.2, 0.1];
        let one = RetrievedTokens { tokens: vec![vec![1, 1, 1, 1]; 3], weights: vec![0.2, 0.3, 0.5], ..two(0.5) };
        one.mix(&mut agreed, 0, &[]);
        assert!((agreed[1] - 0.65).abs() < 1e-6 && (agreed[0] - 0.2).abs() < 1e-6, "{agreed:?}");
        let mut same = vec![0.4, 0.3, 0.2, 0.1];
        two(0.0).mix(&mut same, 0, &[]);
        RetrievedTokens { strength: 1.0, ..RetrievedTokens::default() }.mix(&mut same, 0, &[]);
        assert_eq!(same, [0.4, 0.3, 0.2, 0.1]);
    }

    #[test]
    fn a_picture_that_fits_what_was_drawn_counts_more() {
        let mut shares = vec![0.25; 4];
        // Place 3 of a grid of two by two: left, above and above left were drawn as the second picture has them.
        two(1.0).mix(&mut shares, 3, &[2, 2, 2]);
        let expected = AGREEMENT.powi(3) / (AGREEMENT.powi(3) + 1.0);
        assert!((shares[2] - expected).abs() < 1e-6 && shares[0] == 0.0, "{shares:?}");
    }

    #[test]
    fn places_around_stay_inside_of_the_grid() {
        assert_eq!(around(0, 3), Vec::<usize>::new());
        assert_eq!(around(2, 3), [1]);
        assert_eq!(around(3, 3), [0, 1]);
        assert_eq!(around(4, 3), [3, 1, 0, 2]);
        assert_eq!(around(5, 3), [4, 2, 1]);
        assert_eq!(around(2, 1), [1]);
    }

    #[test]
    fn tokens_that_are_none_of_the_prior_change_nothing() {
        let mut shares = vec![0.5, 0.5];
        let other = RetrievedTokens { tokens: vec![vec![9]], weights: vec![1.0], columns: 1, strength: 1.0 };
        other.mix(&mut shares, 0, &[]);
        other.mix(&mut shares, 5, &[]);
        assert_eq!(shares, [0.5, 0.5]);
    }
}
