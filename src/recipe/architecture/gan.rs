//! The rows of GANs.

use super::row::{Architecture, GAN, PRESET, Preset, Setup, Size, When};
use crate::recipe::flops::{DENSE, PROJECTED, STRIDED};
use crate::recipe::{Adversarial, Recipe, Schedule};

/// Every row, in the order of lists.
pub(super) const ROWS: &[Architecture] = &[RES_GAN, DCGAN, STYLE_GAN, SN_RESGAN, FAST_GAN, PROJ_GAN, MLP_GAN];

/// Both designs of R3GAN: `model.expansion` says which.
pub const RES_GAN: Architecture = Architecture {
    id: "res-gan",
    title: "Residual GAN (R3GAN)",
    description: "Residual networks without normalisation that play the relativistic game with exact gradient penalties \
                  (Huang et al. 2024). Stable, keeps the variety of the data, good from small to large.",
    settings: &["model.narrow", "model.blocks", "model.expansion", "model.group"],
    presets: &[
        Preset {
            id: "gan-tiny",
            title: "Quick GAN",
            model: "res-gan",
            what_for: "A first look at what a GAN makes of your pictures",
            quality: "Recognisable shapes and colours; details still wobble",
            kimg: 24.0,
            size: Size::Tiny,
            photo_stretch: 2.5,
            except: &[(When::Photos, "Colours and rough shapes of your photographs; details are smeared")],
            ..PRESET
        },
        Preset {
            id: "gan",
            title: "GAN",
            model: "res-gan",
            what_for: "Sharp pictures and smooth walks",
            quality: "Clean, varied pictures at 32 px; good at 64 px",
            kimg: 120.0,
            photo_stretch: 1.5,
            except: &[
                (When::FewPhotos, "Recognisable, not yet sharp; so few photographs are soon learned by heart"),
                (When::Photos, "Recognisable and varied; fine detail needs the longer preset"),
            ],
            ..PRESET
        },
        Preset {
            id: "gan-quality",
            title: "GAN, best quality",
            model: "res-gan",
            what_for: "The best pictures this computer can learn; best on a GPU, or over night",
            quality: "Fine detail and the full variety of the data",
            kimg: 1000.0,
            size: Size::Quality,
            ..PRESET
        },
    ],
    set_up: |r, setup| {
        if setup.size == Size::Tiny {
            (r.model.width, r.model.narrow) = (96, if setup.large { 16 } else { 24 });
        }
        r.optim.lr = Schedule::cosine(4e-4, 1e-4, r.run.kimg.max(200.0) * 2.0);
        r.optim.ema_kimg = Schedule::constant(if setup.size == Size::Tiny { 5.0 } else { 20.0 });
        if setup.size == Size::Quality {
            r.optim.lr = Schedule::cosine(2e-4, 5e-5, r.run.kimg * 2.0);
            r.optim.beta2 = Schedule::cosine(0.9, 0.99, r.run.kimg * 2.0);
            r.objective.gamma = Schedule::cosine(2.0, 0.2, r.run.kimg * 2.0);
            r.optim.batch = 64;
        }
        r.objective.augment = Schedule::constant(match setup.pictures {
            0 => 0.0,
            n if n < 1000 => 0.8,
            _ if setup.is_small() => 0.4,
            _ => 0.0,
        });
    },
    ..GAN
};

/// The classic of transposed convolutions.
pub const DCGAN: Architecture = Architecture {
    id: "dcgan",
    title: "DCGAN",
    description: "The classic of transposed convolutions and batch norm (Radford et al. 2015). Fast, instructive, and apt to \
                  lose variety.",
    no_penalty: Some("A critic with batch norm takes no gradient penalty: its samples depend on each other"),
    cost: STRIDED,
    memory: (0.53, 32.0),
    presets: &[Preset {
        id: "dcgan",
        title: "Classic DCGAN",
        model: "dcgan",
        what_for: "The classic of 2015, to learn from and compare with",
        quality: "Recognisable pictures; may lose variety",
        kimg: 300.0,
        more: true,
        ..PRESET
    }],
    set_up: |r, setup| {
        r.model.latent = 100;
        (r.model.width, r.model.narrow) = (256, 64);
        r.objective.adversarial = Adversarial::NonSaturating;
        (r.objective.r1, r.objective.r2) = (false, false);
        augment_small(r, setup, 1.0);
        r.optim.batch = 64;
        adam_of_dcgan(r);
    },
    ..GAN
};

/// StyleGAN2.
pub const STYLE_GAN: Architecture = Architecture {
    id: "style-gan",
    title: "StyleGAN2",
    description: "A mapping network turns the latent into styles that scale every layer (Karras et al. 2020). The best latent \
                  space to explore: styles mix, directions are cleaner, truncation works.",
    settings: &[
        "model.narrow",
        "model.mapping",
        "model.noise",
        "model.minibatch",
        "objective.style_mixing",
        "objective.freeze_mapping",
    ],
    // Each convolution takes one, two a size; the last colours share the style after the last convolution.
    style_layers: |r| 2 * (r.data.resolution.built().doublings as usize + 1),
    memory: (2.36, -60.0),
    presets: &[Preset {
        id: "style-gan",
        title: "StyleGAN2",
        model: "style-gan",
        what_for: "The best latent space to explore: mixing styles, directions, truncation",
        quality: "Clean pictures at 32 px; slower to learn than the residual GAN",
        kimg: 240.0,
        ..PRESET
    }],
    set_up: |r, setup| {
        r.model.latent = 128;
        r.objective.style_mixing = 0.5;
        augment_small(r, setup, 0.6);
        // Four times the published rate: weights of equalised layers move by the rate relative to their size, and here
        // they have some thousand steps rather than some hundred thousand. With the published 0.0025, R1 alone and the
        // non-saturating loss, 90 kimg of 32 px leave noise, and one face for all.
        r.optim.lr = Schedule::cosine(0.01, 1e-3, r.run.kimg);
        r.optim.beta2 = Schedule::constant(0.99);
        r.optim.ema_kimg = Schedule::constant(10.0);
    },
    ..GAN
};

/// Residual networks with spectral normalisation.
pub const SN_RESGAN: Architecture = Architecture {
    id: "sn-resgan",
    title: "SN-ResGAN",
    description: "Residual networks with spectral normalisation and a projection critic (Miyato et al. 2018). The reference \
                  for class-conditional GANs before StyleGAN.",
    memory: (1.36, -17.0),
    presets: &[Preset {
        id: "sn-resgan",
        title: "SN-ResGAN",
        model: "sn-resgan",
        what_for: "The reference of 2018 for pictures by class; choose “Learn the labels”",
        quality: "Clean pictures, one class at a time",
        kimg: 300.0,
        more: true,
        ..PRESET
    }],
    set_up: |r, setup| {
        hinge_without_penalty(r);
        r.objective.critic_steps = 2;
        augment_small(r, setup, 0.8);
        r.optim.batch = 64;
        r.optim.lr = Schedule::linear(2e-4, 2e-5, r.run.kimg * 2.0);
        r.optim.beta2 = Schedule::constant(0.9);
        r.optim.ema_kimg = Schedule::constant(10.0);
    },
    ..GAN
};

/// FastGAN.
pub const FAST_GAN: Architecture = Architecture {
    id: "fast-gan",
    title: "FastGAN",
    description: "Skip-layer excitation and a critic that also learns to redraw what it sees (Liu et al. 2021). Made for a \
                  hundred pictures.",
    memory: (1.3, -12.0),
    presets: &[Preset {
        id: "fast-gan",
        title: "FastGAN, for few pictures",
        model: "fast-gan",
        what_for: "A hundred pictures or so",
        quality: "Recognisable pictures from very little data",
        kimg: 120.0,
        except: &[(When::VeryFew, "Recognisable, and close to the pictures it saw")],
        ..PRESET
    }],
    set_up: |r, _| {
        hinge_without_penalty(r);
        r.objective.augment = Schedule::constant(1.0);
        r.objective.augment_cutout = false;
        r.optim.batch = 16;
        adam_of_dcgan(r);
    },
    ..GAN
};

/// A critic that looks through a network that has seen photographs.
pub const PROJ_GAN: Architecture = Architecture {
    id: "proj-gan",
    title: "Projected GAN",
    description: "FastGAN's generator and a critic that looks through a network that has seen a million photographs (Sauer et \
                  al. 2021). Learns from hundreds of photographs in minutes.",
    settings: &["model.narrow", "model.feature_side", "model.feature_seed"],
    no_penalty: Some("A critic that looks through a fixed network takes no gradient penalty"),
    looks_through_features: true,
    cost: PROJECTED,
    memory: (2.15, -22.0),
    presets: &[Preset {
        id: "photos",
        title: "Photographs",
        model: "proj-gan",
        what_for: "Hundreds or thousands of photographs, best at 64 px",
        quality: "Recognisable after minutes, varied and clear after an hour",
        kimg: 40.0,
        except: &[(When::VeryFew, "Recognisable, and close to the pictures it saw")],
        ..PRESET
    }],
    set_up: |r, _| {
        hinge_without_penalty(r);
        (r.model.width, r.model.narrow) = (160, 32);
        r.objective.augment = Schedule::constant(1.0);
        r.objective.augment_cutout = false;
        r.optim.batch = 16;
        // Measured on photographs at 64 px: at the paper's 2e-4 objects are blocks after 8 kimg, at this they have outlines.
        // First weights here are about 2.5 times as large as PyTorch's, so the same step moves them less.
        r.optim.lr = Schedule::constant(5e-4);
        r.optim.beta2 = Schedule::constant(0.99);
        r.optim.ema_kimg = Schedule::constant(5.0);
    },
    ..GAN
};

/// Fully connected networks.
pub const MLP_GAN: Architecture = Architecture {
    id: "mlp-gan",
    title: "MLP GAN",
    description: "Fully connected networks, for points in the plane and very small pictures: to see at a glance what losses \
                  and penalties do.",
    settings: &["model.blocks", "model.waves"],
    max_side: 32,
    points: true,
    cost: DENSE,
    presets: &[Preset {
        id: "mlp-gan",
        title: "Points in the plane",
        model: "mlp-gan",
        what_for: "To see what losses and penalties do, on points:grid25 or points:ring8",
        quality: "All modes of the distribution in a few minutes",
        kimg: 5000.0,
        more: true,
        for_points: true,
        ..PRESET
    }],
    set_up: |r, _| {
        (r.model.latent, r.model.waves) = (2, 1);
        (r.model.width, r.model.blocks) = (128, 4);
        // Measured on points:grid25: a large γ finds all modes, a small one then lets the generator jump between them.
        // At γ = 1, right for pictures, gradients at modes this narrow are never allowed.
        r.objective.gamma = Schedule::cosine(1e-2, 5e-5, r.run.kimg);
        r.objective.penalty_interval = 1;
        r.optim.batch = 256;
        r.optim.lr = Schedule::cosine(3e-3, 1e-4, r.run.kimg);
        r.optim.beta2 = Schedule::constant(0.99);
        r.optim.ema_kimg = Schedule::constant(50.0);
    },
    ..GAN
};

/// Augments small sets at this share; without it they are learned by heart.
fn augment_small(r: &mut Recipe, setup: &Setup, share: f64) {
    r.objective.augment = Schedule::constant(if setup.is_small() { share } else { 0.0 });
}

/// The hinge loss of spectrally normalised critics, which need no penalty.
fn hinge_without_penalty(r: &mut Recipe) {
    r.model.latent = 128;
    r.objective.adversarial = Adversarial::Hinge;
    (r.objective.r1, r.objective.r2) = (false, false);
}

/// Adam as Radford et al. (2015) set it.
fn adam_of_dcgan(r: &mut Recipe) {
    r.optim.lr = Schedule::constant(2e-4);
    r.optim.beta1 = 0.5;
    r.optim.beta2 = Schedule::constant(0.999);
    r.optim.ema_kimg = Schedule::constant(5.0);
}
