//! Choosing one token after the other by what a prior says.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::retrieved::RetrievedTokens;
use crate::base::rng::Stream;
use crate::base::{Problem, Result};
use crate::models::PriorSteps;
use crate::nn::sequence::steps::softmax;

/// How tokens are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Choosing {
    /// Below 1 likelier tokens are taken more often, above 1 less often; 0 always takes the likeliest.
    pub temperature: f32,
    /// Only so many of the likeliest are taken; 0 for all.
    pub top_k: u32,
    /// Only the likeliest that together have this share are taken; 1 for all (nucleus, Holtzman et al. 2020).
    pub top_p: f32,
    /// How much more what is asked for counts than what the model would draw unasked: 1 for as it learned (classifier-free
    /// guidance, Ho & Salimans 2021).
    pub guidance: f32,
}

impl Default for Choosing {
    fn default() -> Self {
        Self { temperature: 1.0, top_k: 0, top_p: 0.95, guidance: 1.5 }
    }
}

impl Choosing {
    /// Refuses numbers that choose nothing.
    ///
    /// # Errors
    /// One is out of its range.
    pub fn check(&self) -> Result<()> {
        let rules = [
            ("temperature", self.temperature, 0.0, 10.0),
            ("top_p", self.top_p, 0.0, 1.0),
            ("guidance", self.guidance, 0.0, 20.0),
        ];
        match rules.into_iter().find(|(_, value, least, most)| !(*least..=*most).contains(value)) {
            Some((name, value, least, most)) => Err(Problem::usage("Tokens cannot be chosen so")
                .of(format!("{name} = {value}"))
                .try_this(format!("Choose {least} to {most}"))),
            None => Ok(()),
        }
    }
}

/// A token that was drawn.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Which one.
    pub id: u32,
    /// How likely it was, before some were left out.
    pub probability: f32,
    /// The likeliest ones with how likely they were, the likeliest first.
    pub likeliest: Vec<(u32, f32)>,
}

/// Likeliest tokens that are told of each place.
const TOLD: usize = 12;

/// What is drawn.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// What stands in front.
    pub front: Vec<u32>,
    /// What stands in front where nothing is asked for.
    pub unasked: Vec<u32>,
    /// The first tokens, as they are to be.
    pub given: Vec<u32>,
    /// Seed of the choice.
    pub seed: u64,
    /// How tokens are chosen.
    pub choosing: Choosing,
    /// Tokens of real pictures that are drawn from as well.
    pub retrieved: Option<Arc<RetrievedTokens>>,
}

/// Shares of all tokens: of what was asked for, set off against what the model says unasked, at a temperature.
pub fn shares(asked: &[f32], unasked: Option<&[f32]>, choosing: &Choosing) -> Vec<f32> {
    let mut out = match unasked {
        Some(unasked) => unasked.iter().zip(asked).map(|(u, a)| u + choosing.guidance * (a - u)).collect(),
        None => asked.to_vec(),
    };
    if choosing.temperature > 0.0 {
        out.iter_mut().for_each(|v| *v /= choosing.temperature);
    }
    softmax(&mut out);
    out
}

/// The token at a place in [0, 1) of the shares, in the order of likelihood, with unlikely ones left out.
fn chosen(order: &[(u32, f32)], choosing: &Choosing, place: f32) -> u32 {
    if choosing.temperature == 0.0 {
        return order[0].0;
    }
    let most = if choosing.top_k == 0 { order.len() } else { (choosing.top_k as usize).min(order.len()) };
    let (mut count, mut sum) = (0, 0.0f32);
    for (_, share) in &order[..most] {
        count += 1;
        sum += share;
        if sum >= choosing.top_p {
            break;
        }
    }
    let mut left = place * sum;
    for (id, share) in &order[..count] {
        left -= share;
        if left < 0.0 {
            return *id;
        }
    }
    order[count - 1].0
}

/// Draws a picture's tokens, telling each with its place as it is drawn; ends when `each` returns false.
///
/// The choice at a place depends on the seed, the place and the tokens before: a picture that is drawn again with another
/// token at some place is the same up to there.
pub fn draw(steps: &PriorSteps, plan: &Plan, each: &mut dyn FnMut(usize, &Token) -> bool) -> Vec<Token> {
    let count = steps.dims().tokens();
    let guided = plan.choosing.guidance != 1.0 && plan.front != plan.unasked;
    let mut past = steps.begin();
    let mut scores = steps.through(&mut past, &plan.front);
    let mut other = guided.then(|| {
        let mut past = steps.begin();
        let scores = steps.through(&mut past, &plan.unasked);
        (past, scores)
    });
    let mut stream = Stream::new(plan.seed, "tokens");
    let mut out = Vec::with_capacity(count);
    let mut drawn = Vec::with_capacity(count);
    for place in 0..count {
        let mut shares = shares(&scores, other.as_ref().map(|o| &*o.1), &plan.choosing);
        if let Some(retrieved) = &plan.retrieved {
            retrieved.mix(&mut shares, place, &drawn);
        }
        let mut order: Vec<(u32, f32)> = shares.iter().copied().enumerate().map(|(i, p)| (i as u32, p)).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        // Drawn for given tokens too, so that what follows them does not depend on how many were given.
        let at = stream.uniform();
        let id = plan.given.get(place).copied().unwrap_or_else(|| chosen(&order, &plan.choosing, at));
        let probability = shares.get(id as usize).copied().unwrap_or(0.0);
        order.truncate(TOLD);
        let token = Token { id, probability, likeliest: order };
        let goes_on = each(place, &token);
        out.push(token);
        drawn.push(id);
        if !goes_on {
            break;
        }
        if place + 1 < count {
            let told = steps.step(&mut past, id);
            scores = steps.scores(&told);
            if let Some((past, scores)) = &mut other {
                let told = steps.step(past, id);
                *scores = steps.scores(&told);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(choosing: Choosing) -> Vec<usize> {
        let shares = shares(&[0.0, 1.0, 2.0, -3.0], None, &choosing);
        let mut order: Vec<(u32, f32)> = shares.iter().copied().enumerate().map(|(i, p)| (i as u32, p)).collect();
        order.sort_by(|a, b| b.1.total_cmp(&a.1));
        let mut stream = Stream::new(1, "choice");
        let mut counts = vec![0; 4];
        (0..4000).for_each(|_| counts[chosen(&order, &choosing, stream.uniform()) as usize] += 1);
        counts
    }

    #[test]
    fn tokens_are_taken_by_their_shares() {
        let plain = Choosing { temperature: 1.0, top_k: 0, top_p: 1.0, guidance: 1.0 };
        let found = counts(plain);
        // Softmax of 0, 1, 2, −3.
        for (count, share) in found.iter().zip([0.0896f32, 0.2436, 0.6623, 0.00446]) {
            assert!((*count as f32 / 4000.0 - share).abs() < 0.02, "{found:?}");
        }
        assert_eq!(counts(Choosing { temperature: 0.0, ..plain }), [0, 0, 4000, 0]);
        let two = counts(Choosing { top_k: 2, ..plain });
        assert!(two[0] == 0 && two[3] == 0 && two[1] > 0);
        // 0.66 alone is not 0.7: the next likeliest comes too.
        assert_eq!(counts(Choosing { top_p: 0.7, ..plain }).iter().filter(|n| **n > 0).count(), 2);
        assert_eq!(counts(Choosing { top_p: 0.6, ..plain }).iter().filter(|n| **n > 0).count(), 1);
        assert!(counts(Choosing { temperature: 3.0, ..plain })[3] > found[3]);
    }

    #[test]
    fn guidance_moves_away_from_what_is_drawn_unasked() {
        let (asked, unasked) = ([1.0f32, 0.0], [0.0f32, 0.0]);
        let at = |guidance| {
            let choosing = Choosing { guidance, temperature: 1.0, ..Choosing::default() };
            shares(&asked, Some(&unasked), &choosing)[0]
        };
        assert!((at(0.0) - 0.5).abs() < 1e-6 && at(1.0) > 0.7 && at(3.0) > 0.95);
        assert!(Choosing { guidance: f32::NAN, ..Choosing::default() }.check().is_err());
        assert!(Choosing { top_p: 1.5, ..Choosing::default() }.check().unwrap_err().subject.unwrap().contains("top_p"));
        Choosing::default().check().unwrap();
    }
}
