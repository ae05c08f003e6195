//! Pictures token by token: a prior with its token model, opened for drawing.

mod open;
mod retrieved;
pub mod sampler;
pub mod sheet;

pub use open::{Drawer, token_model_of};
pub use retrieved::RetrievedTokens;
pub use sampler::{Choosing, Token};

use serde::{Deserialize, Serialize};

use crate::base::{Picture, Problem, Result};
use crate::data::words::Understood;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DrawRequest {
    /// In words; empty for nothing in particular.
    pub prompt: String,
    /// A class that the prior knows.
    pub class: Option<u32>,
    /// Seed of the choice.
    pub seed: u64,
    /// How tokens are chosen.
    pub choosing: Choosing,
    /// The first tokens, as they are to be.
    pub given: Vec<u32>,
    /// Tokens of real pictures that are drawn from as well, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retrieved: Option<std::sync::Arc<RetrievedTokens>>,
}

/// A picture with the tokens that it was drawn by.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The picture.
    pub picture: Picture,
    /// Its tokens, row by row.
    pub tokens: Vec<Token>,
}

/// What a person is told of a prompt before it is drawn: nothing where all of it is understood.
pub fn remarks(prompt: &str, understood: &Understood, words: usize) -> Vec<Problem> {
    let mut out = Vec::new();
    if words == 0 {
        if !prompt.trim().is_empty() {
            out.push(
                Problem::usage("This model knows no words, so the prompt has no effect")
                    .of(prompt)
                    .try_this("Train a prior on data with captions, with “Learn the captions” on")
                    .warning(),
            );
        }
        return out;
    }
    if prompt.trim().is_empty() {
        out.push(Problem::usage("Without a prompt pictures are drawn as they come, of nothing in particular").info());
        return out;
    }
    for (word, near) in &understood.unknown {
        let problem = Problem::usage("The model does not know this word, and draws without it").of(word).warning();
        out.push(if near.is_empty() { problem } else { problem.try_this(format!("Near words: {}", near.join(", "))) });
    }
    if understood.known.is_empty() {
        out.push(
            Problem::usage("No word of the prompt is known, so pictures are drawn without it").of(prompt).warning(),
        );
    }
    out
}

/// Which part of a picture is kept: `top` for the upper half, or a number of rows of tokens.
///
/// # Errors
/// It is neither.
pub fn kept_rows(keep: &str, rows: usize) -> Result<usize> {
    let wanted = match keep.trim() {
        "top" => Some(rows / 2),
        number => number.parse().ok().filter(|n| (1..rows).contains(n)),
    };
    wanted.ok_or_else(|| {
        Problem::usage("This part of a picture cannot be kept")
            .of(keep)
            .try_this(format!("Choose top, or 1 to {} rows of tokens", rows.saturating_sub(1)))
    })
}
