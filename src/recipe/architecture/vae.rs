//! The rows of VAEs.

use super::row::{Architecture, PRESET, Preset, Setup, Size, VAE, When};
use crate::recipe::flops::{DENSE, STRIDED};
use crate::recipe::{Likelihood, Recipe, Schedule};

/// Every row, in the order of lists.
pub(super) const ROWS: &[Architecture] = &[CONV_VAE, RES_VAE, MLP_VAE, LADDER_VAE];

const SOFT: &str = "Soft: layout and colours, little detail; a well ordered latent space";

/// Strided convolutions.
pub const CONV_VAE: Architecture = Architecture {
    id: "conv-vae",
    title: "Convolutional VAE",
    description: "Strided convolutions down to a Gaussian latent and transposed ones back up (Kingma & Welling 2013). Fast; \
                  soft pictures, a well ordered latent space.",
    cost: STRIDED,
    memory: (0.293, 34.0),
    presets: &[
        Preset {
            id: "vae-tiny",
            title: "Quick VAE",
            model: "conv-vae",
            what_for: "A map of your pictures in minutes",
            quality: "Soft pictures, a well ordered latent space",
            kimg: 60.0,
            size: Size::Tiny,
            photo_stretch: 1.5,
            except: &[
                (When::Large, "Soft, as through fog: layout and colours, no detail at this size"),
                (When::Photos, SOFT),
            ],
            ..PRESET
        },
        Preset {
            id: "vae",
            title: "VAE",
            model: "conv-vae",
            what_for: "Faithful reconstructions and sliders that mean something",
            quality: "Clear reconstructions, soft samples",
            kimg: 300.0,
            except: &[(When::Photos, SOFT)],
            ..PRESET
        },
    ],
    set_up: usual,
    ..VAE
};

/// Residual blocks.
pub const RES_VAE: Architecture = Architecture {
    id: "res-vae",
    title: "Residual VAE",
    description: "The same model with residual blocks at each picture size. Slower, and more faithful.",
    settings: &["model.narrow", "model.blocks"],
    memory: (0.441, 81.0),
    presets: &[Preset {
        id: "vae-quality",
        title: "VAE, best quality",
        model: "res-vae",
        what_for: "The most faithful reconstructions",
        quality: "Sharper reconstructions, several times slower",
        kimg: 600.0,
        size: Size::Quality,
        ..PRESET
    }],
    set_up: usual,
    ..VAE
};

/// Fully connected layers.
pub const MLP_VAE: Architecture = Architecture {
    id: "mlp-vae",
    title: "MLP VAE",
    description: "Fully connected layers, as in the papers that measure bounds on MNIST. For small pictures, and for numbers \
                  that compare.",
    settings: &["model.blocks"],
    max_side: 64,
    points: true,
    cost: DENSE,
    memory: (1.0, 43.0),
    presets: &[Preset {
        id: "vae-mlp",
        title: "MLP VAE",
        model: "mlp-vae",
        what_for: "Bounds of the likelihood that compare with papers; small grey pictures",
        quality: "Soft pictures; learns fastest of all",
        kimg: 600.0,
        more: true,
        ..PRESET
    }],
    set_up: |r, setup| {
        usual(r, setup);
        (r.model.width, r.model.blocks, r.model.latent) = (500, 2, 50);
        r.optim.batch = 100;
        r.data.resolution = r.data.resolution.at_most(64);
    },
    ..VAE
};

/// Several levels of latents.
pub const LADDER_VAE: Architecture = Architecture {
    id: "ladder-vae",
    title: "Ladder VAE",
    description: "Latents of two to four levels, each given the coarser ones (Sønderby et al. 2016). Its samples are better, \
                  and coarse and fine can be mixed from different pictures.",
    settings: &["model.narrow", "model.blocks", "model.levels"],
    hierarchical: true,
    memory: (0.55, 41.0),
    presets: &[Preset {
        id: "vae-ladder",
        title: "Ladder VAE",
        model: "ladder-vae",
        what_for: "Better samples than a plain VAE, and coarse and fine to mix",
        quality: "Clear reconstructions, samples that hold together",
        kimg: 400.0,
        more: true,
        ..PRESET
    }],
    set_up: |r, setup| {
        usual(r, setup);
        r.model.latent = 48;
        // Without it finer levels are given up before they are found.
        r.objective.free_bits = 0.02;
    },
    ..VAE
};

fn usual(r: &mut Recipe, _: &Setup) {
    r.model.latent = 32;
    r.objective.likelihood = Likelihood::Bernoulli;
    r.objective.beta = Schedule::linear(0.1, 1.0, (r.run.kimg * 0.2).max(4.0));
    r.optim.batch = 64;
    r.optim.lr = Schedule::cosine(1e-3, 1e-4, r.run.kimg);
    r.optim.beta1 = 0.9;
    r.optim.beta2 = Schedule::constant(0.999);
    r.optim.ema_kimg = Schedule::constant(2.0);
    r.optim.clip_norm = 200.0;
}
