//! Token models and the priors over their tokens: what only they have.
//!
//! A token model turns a picture into a grid of whole numbers and back. A prior draws such grids, one token after the
//! other, given a class or words.

use serde::{Deserialize, Serialize};

use super::field::{Field, Group, Input, field, int};
use super::{Architecture, Parent, Recipe};
use crate::base::Family;
use crate::recipe::compatibility::Clash;

/// Most tokens that a codebook has.
pub const MOST_CODES: u32 = 4096;
/// Most words that a prior knows.
pub const MOST_WORDS: usize = 8192;

/// What only token models and their priors have.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TokensRecipe {
    /// Tokens along each side of a picture.
    pub grid: u32,
    /// Different tokens; finite scalar quantisation takes the nearest product of its levels below.
    pub codes: u32,
    /// Weight of the commitment loss (van den Oord 2017).
    pub commitment: f64,
    /// `gpt`: heads of attention.
    pub heads: u32,
    /// Prior: share of numbers inside the network that are dropped while training.
    pub dropout: f64,
    /// Prior: whether it learns the words of captions.
    pub captions: bool,
    /// Prior: most words of a caption that are read.
    pub caption_words: u32,
    /// Prior: decay of the weights (Loshchilov & Hutter 2019).
    pub weight_decay: f64,
    /// Prior: thousands of pictures over which the learning rate rises from 0.
    pub warmup_kimg: f64,
    /// Prior: the token model it was trained on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on: Option<Parent>,
    /// Prior: rows and columns of tokens of that model; filled in when a run begins.
    #[serde(skip_serializing_if = "is_unset")]
    pub layout: [u32; 2],
    /// Prior: the words it knows; filled in from the data when a run begins.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub words: Vec<String>,
}

fn is_unset(layout: &[u32; 2]) -> bool {
    *layout == [0, 0]
}

impl Default for TokensRecipe {
    fn default() -> Self {
        Self {
            grid: 8,
            codes: 256,
            commitment: 0.25,
            heads: 6,
            dropout: 0.1,
            captions: true,
            caption_words: 20,
            weight_decay: 0.05,
            warmup_kimg: 6.0,
            on: None,
            layout: [0, 0],
            words: Vec::new(),
        }
    }
}

/// How a token model divides its pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenLayout {
    /// Rows and columns of tokens.
    pub grid: [usize; 2],
    /// Times that a picture is halved.
    pub halvings: usize,
    /// Height and width that the networks work at: pictures are padded to it.
    pub built: [usize; 2],
}

impl TokensRecipe {
    /// How pictures of this height and width are divided: halved until no side has more than [`Self::grid`] tokens.
    pub fn layout_of(&self, size: [u32; 2]) -> TokenLayout {
        let most = self.grid.max(1);
        let longest = size[0].max(size[1]).max(1);
        let halvings = (1..=6).find(|n| longest.div_ceil(1 << n) <= most).unwrap_or(6);
        let grid = if size[0] == size[1] { [most; 2] } else { size.map(|n| n.div_ceil(1 << halvings)) };
        let grid = grid.map(|n| n.max(1) as usize);
        TokenLayout { grid, halvings: halvings as usize, built: grid.map(|n| n << halvings) }
    }

    /// Levels of each number of a code under finite scalar quantisation: as many codes as asked for, or a few less.
    pub fn levels(&self) -> Vec<usize> {
        // Mentzer et al. 2023, table 1, and smaller ones in the same manner: never less than four levels.
        let table: [&[usize]; 8] =
            [&[4, 4], &[8, 4], &[8, 8], &[5, 5, 5], &[8, 6, 5], &[8, 8, 8], &[8, 5, 5, 5], &[7, 5, 5, 5, 4]];
        let fits = |levels: &&&[usize]| levels.iter().product::<usize>() <= self.codes as usize;
        table.iter().rev().find(fits).unwrap_or(&table[0]).to_vec()
    }

    /// Tokens of a picture of the token model below; 0 before a run has begun.
    pub fn tokens(&self) -> usize {
        self.layout.iter().product::<u32>() as usize
    }

    /// Places in front of the tokens: the class or the beginning, then words.
    pub fn conditions(&self) -> usize {
        1 + if self.words.is_empty() { 0 } else { self.caption_words as usize }
    }
}

/// Its settings, in the order of the form.
#[rustfmt::skip]
pub(super) const FIELDS: &[Field] = &[
    field("model.tokens.grid", "Tokens a side", Group::Model, int(4, 16),
        "Tokens along each side of a picture; more keep more detail and take a prior longer to draw").unit("tokens")
        .of(Family::Tokens).common(),
    field("model.tokens.codes", "Codes", Group::Model, Input::Int { min: 16, max: MOST_CODES as i64, step: 1 },
        "Different tokens; more keep more detail and are harder to predict").unit("codes").of(Family::Tokens).common(),
    field("model.tokens.commitment", "Commitment", Group::Objective, Input::Float { min: 0.0, max: 10.0, log: true },
        "Pulls what the encoder says towards the codes; higher holds them together and learns more slowly")
        .of(Family::Tokens),
    field("model.tokens.heads", "Heads", Group::Model, int(1, 16),
        "Heads of attention of gpt; more look at more places at once and see less of each").of(Family::Prior),
    field("model.tokens.dropout", "Dropout", Group::Model, Input::Float { min: 0.0, max: 0.9, log: false },
        "Share of numbers dropped while training; more stop it from learning few pictures by heart").of(Family::Prior),
    field("model.tokens.captions", "Learn the captions", Group::Model, Input::Bool,
        "Lets you ask for pictures in words; needs data with captions").of(Family::Prior).common(),
    field("model.tokens.caption_words", "Words of a caption", Group::Model, int(1, 64),
        "Most words of a caption that are read; more take longer").unit("words").of(Family::Prior)
        .idle(|r| (!r.model.tokens.captions).then_some("Captions are not learned")),
    field("model.tokens.weight_decay", "Weight decay", Group::Optimiser, Input::Float { min: 0.0, max: 1.0, log: false },
        "Draws weights towards zero (AdamW); more stop it from learning few pictures by heart").of(Family::Prior),
    field("model.tokens.warmup_kimg", "Warm-up", Group::Optimiser, Input::Float { min: 0.0, max: 1e5, log: true },
        "Over so many pictures the learning rate rises from 0; longer is steadier").unit("kimg").of(Family::Prior),
];

/// Settings of token models and priors that cannot be together.
pub(super) fn clash(recipe: &Recipe, row: &Architecture) -> Option<Clash> {
    let (model, tokens) = (&recipe.model, &recipe.model.tokens);
    if row.family == Family::Prior && !row.lacks("model.tokens.heads") && model.width % tokens.heads.max(1) != 0 {
        return Some(Clash {
            keys: &["model.tokens.heads", "model.width"],
            why: "The width is divided among the heads, and does not come out even".into(),
            remedy: "Choose a width that is a multiple of the heads".into(),
        });
    }
    let side = recipe.data.resolution.longer();
    if row.family == Family::Tokens && tokens.grid * 2 > side {
        return Some(Clash {
            keys: &["model.tokens.grid", "data.resolution"],
            why: "A token stands for at least two pixels a side".into(),
            remedy: "Choose fewer tokens a side, or larger pictures".into(),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_divided_into_the_tokens_asked_for() {
        let of = |grid, size| TokensRecipe { grid, ..TokensRecipe::default() }.layout_of(size);
        for (grid, side, halvings) in [(8, 32, 2), (4, 16, 2), (16, 128, 3), (8, 28, 2), (8, 20, 2), (16, 36, 2)] {
            let layout = of(grid, [side, side]);
            assert_eq!((layout.grid, layout.halvings), ([grid as usize; 2], halvings), "{grid} of {side}");
            assert!(layout.built.iter().all(|n| *n >= side as usize));
        }
        let wide = of(8, [32, 64]);
        assert_eq!((wide.grid, wide.built), ([4, 8], [32, 64]));
    }

    #[test]
    fn levels_make_as_many_codes_as_asked_for_or_a_few_less() {
        for codes in [16, 32, 64, 128, 256, 512, 1024, 4096] {
            let levels = TokensRecipe { codes, ..TokensRecipe::default() }.levels();
            let product: usize = levels.iter().product();
            assert!(product <= codes as usize && product * 3 >= codes as usize * 2, "{codes}: {levels:?}");
        }
    }
}
