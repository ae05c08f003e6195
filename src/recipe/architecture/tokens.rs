//! The rows of token models and of priors over tokens.

use super::row::{Architecture, PRESET, PRIOR, Preset, Setup, TOKENS};
use crate::recipe::flops::{ATTENTION, GRID, RECURRENT};
use crate::recipe::{Recipe, Schedule};

/// Every row, in the order of lists.
pub(super) const ROWS: &[Architecture] = &[VQ_VAE, FSQ_VAE, GPT, LSTM];

/// A learned codebook.
pub const VQ_VAE: Architecture = Architecture {
    id: "vq-vae",
    title: "VQ-VAE",
    description: "Turns a picture into a grid of tokens, each one of a learned codebook, and back (van den Oord et al. 2017). \
                  A prior trained on it draws pictures token by token.",
    settings: &["model.narrow", "model.blocks", "model.tokens.commitment"],
    cost: GRID,
    memory: (0.316, 38.0),
    presets: &[Preset {
        id: "vq-vae",
        title: "Tokens (VQ-VAE)",
        model: "vq-vae",
        what_for: "Tokens for a model that draws from words",
        quality: "Close reconstructions; draws nothing by itself",
        kimg: 240.0,
        more: true,
        ..PRESET
    }],
    set_up: tokens,
    ..TOKENS
};

/// No codebook.
pub const FSQ_VAE: Architecture = Architecture {
    id: "fsq-vae",
    title: "FSQ-VAE",
    description: "Turns a picture into a grid of tokens by rounding a few numbers at each place (Mentzer et al. 2023): there \
                  is no codebook that could collapse.",
    settings: &["model.narrow", "model.blocks"],
    cost: GRID,
    memory: (0.316, 38.0),
    presets: &[Preset {
        id: "fsq-vae",
        title: "Tokens (FSQ-VAE)",
        model: "fsq-vae",
        what_for: "Tokens for a model that draws from words, all of them in use",
        quality: "Close reconstructions; draws nothing by itself",
        kimg: 240.0,
        more: true,
        ..PRESET
    }],
    set_up: tokens,
    ..TOKENS
};

/// A Transformer.
pub const GPT: Architecture = Architecture {
    id: "gpt",
    title: "GPT (Transformer)",
    description: "Draws the tokens of a picture one by one, each with a look at all before it (causal attention, Radford et \
                  al. 2019). Distant parts fit together; asked by class or in words.",
    settings: &["model.blocks", "model.tokens.heads"],
    cost: ATTENTION,
    presets: &[Preset {
        id: "gpt",
        title: "GPT over tokens",
        model: "gpt",
        what_for: "Pictures from words, drawn token by token",
        quality: "What the words ask for, with distant parts that fit together",
        kimg: 120.0,
        more: true,
        ..PRESET
    }],
    set_up: |r, setup| {
        prior(r, setup);
        (r.model.width, r.model.blocks) = (192, 5);
    },
    ..PRIOR
};

/// A recurrent network.
pub const LSTM: Architecture = Architecture {
    id: "lstm",
    title: "LSTM",
    description: "Draws the tokens of a picture one by one from a memory of those before it (Hochreiter & Schmidhuber 1997). \
                  Constant memory a token; distant parts are forgotten sooner than by a Transformer.",
    settings: &["model.blocks"],
    cost: RECURRENT,
    presets: &[Preset {
        id: "lstm",
        title: "LSTM over tokens",
        model: "lstm",
        what_for: "Comparing a recurrent network with a Transformer on the same tokens",
        quality: "Parts that are right, and fit together less well than those of a Transformer",
        kimg: 120.0,
        more: true,
        ..PRESET
    }],
    set_up: |r, setup| {
        prior(r, setup);
        (r.model.width, r.model.blocks) = (384, 2);
    },
    ..PRIOR
};

fn tokens(r: &mut Recipe, _: &Setup) {
    r.model.narrow = 64;
    r.optim.batch = 64;
    r.optim.lr = Schedule::cosine(1e-3, 1e-4, r.run.kimg);
    r.optim.beta1 = 0.9;
    r.optim.beta2 = Schedule::constant(0.999);
    r.model.latent = 32;
    // Codes follow the encoder as it is, not as it was on average.
    r.optim.ema_kimg = Schedule::constant(0.0);
}

fn prior(r: &mut Recipe, setup: &Setup) {
    r.optim.batch = 64;
    r.optim.lr = Schedule::cosine(1e-3, 1e-4, r.run.kimg);
    r.optim.beta1 = 0.9;
    r.optim.beta2 = Schedule::constant(0.98);
    r.optim.ema_kimg = Schedule::constant(4.0);
    r.optim.clip_norm = 1.0;
    r.model.tokens.dropout = if setup.is_small() { 0.2 } else { 0.1 };
}
