//! Made data: runs, curves, models, pictures that look like something and are always the same.

use std::path::{Path, PathBuf};

use crate::base::rng::Stream;
use crate::base::series::Reading;
use crate::base::{Channels, Family, Picture, Problem, Resolution};
use crate::engine::{
    BrokenFile, CheckpointInfo, DataSetInfo, DeviceReport, DuplicateGroup, Event, Item, Likeness, ModelCard, ModelInfo,
    Preview, RunProgress, RunState, RunSummary, Score, Survey, SurveyEntry, Suspect,
};
use crate::eval::METRICS;
use crate::latent::retrieval::Standing;
use crate::models::info::PriorInfo;
use crate::recipe::picture::{Latent, PictureRecipe};
use crate::recipe::preset::{Facts, for_model};
use crate::recipe::{Recipe, architecture};

/// Unix time at which everything here happened.
pub const NOW: i64 = 1_760_000_000;

/// A valid recipe of a model, by its preset.
pub fn recipe(model: &str, name: &str) -> Recipe {
    let facts = Facts { pictures: 900, resolution: 32.into() };
    let mut recipe = for_model(model).map(|p| p.recipe(facts)).unwrap_or_default();
    recipe.name = name.into();
    recipe.data.source = format!("/pictures/{name}");
    recipe
}

/// What the studio keeps.
pub fn storage() -> Vec<crate::library::storage::Kept> {
    let kept = |id, title, bytes, clearable| crate::library::storage::Kept {
        id,
        title,
        help: "",
        path: PathBuf::from(format!("/studio/{id}")),
        bytes,
        files: 12,
        clearable,
    };
    vec![kept("prepared", "Prepared pictures", 3 << 30, true), kept("runs", "Runs", 5 << 30, false)]
}

/// A picture that is a colourful gradient with a shape in it, all computed from the numbers of a latent.
pub fn gradient(values: &[f32], size: impl Into<Resolution>, channels: Channels) -> Picture {
    let Resolution { width, height } = size.into();
    let v = |i: usize| values.get(i % values.len().max(1)).copied().unwrap_or(0.0);
    let mut rgba = Vec::with_capacity((width * height * 4) as usize);
    let (cx, cy) = (0.5 + 0.2 * v(0).tanh(), 0.5 + 0.2 * v(1).tanh());
    let radius = 0.22 + 0.1 * v(2).tanh();
    for y in 0..height {
        for x in 0..width {
            let (px, py) = ((x as f32 + 0.5) / width as f32, (y as f32 + 0.5) / height as f32);
            let wave = |i: usize| 0.5 + 0.5 * (v(i) * 3.0 * px + v(i + 1) * 3.0 * py + v(i + 2) * 2.0).sin();
            let inside = ((px - cx).powi(2) + (py - cy).powi(2)).sqrt() < radius;
            let mut p = [wave(3), wave(4), wave(5)];
            if inside {
                p = [p[1], p[2], 1.0 - p[0]];
            }
            if channels == Channels::Grey {
                p = [p[0]; 3];
            }
            let alpha = if channels == Channels::Rgba && !inside { 96 } else { 255 };
            rgba.extend(p.map(|c| (c * 255.0).round() as u8));
            rgba.push(alpha);
        }
    }
    Picture { width, height, rgba }
}

/// The picture that a model makes of a latent.
pub fn picture_of(model: &ModelInfo, latent: &Latent, truncation: f32) -> Picture {
    let mut values = latent.values(model.latent as usize);
    values.iter_mut().for_each(|v| *v *= truncation);
    // Models differ in what they make of the same latent.
    let turn = model.name.bytes().map(usize::from).sum::<usize>() % values.len().max(1);
    values.rotate_left(turn);
    gradient(&values, model.resolution, model.channels)
}

/// What measuring finds: each number about where it lies for a fair model.
pub fn scores(metrics: &[String], count: u32) -> Vec<Score> {
    let asked = METRICS.iter().filter(|m| metrics.iter().any(|id| id == m.id));
    asked
        .flat_map(|m| m.gives.iter().map(move |name| (m.least, name)))
        .enumerate()
        .map(|(i, (least, name))| {
            let value = 0.2 + 0.07 * i as f64;
            Score {
                name: (*name).into(),
                value,
                low: value * 0.9,
                high: value * 1.1,
                count: u64::from(count),
                reference: u64::from(count),
                extractor: "studio-features-00000000".into(),
                data: "made".into(),
                seconds: 1.5,
                ..Score::default()
            }
            .noting_few(least)
        })
        .collect()
}

/// Samples beside training pictures.
pub fn suspects(model: &ModelInfo) -> Vec<Suspect> {
    let one = |i: u32| Suspect {
        seed: u64::from(i),
        sample: picture_of(model, &Latent::Seed { seed: u64::from(i) }, 1.0),
        name: format!("{i}.png"),
        training: source_picture(&model.recipe.data.source, i, model.resolution),
        distance: f64::from(i) + 0.5,
        ratio: 0.4 + 0.1 * f64::from(i),
    };
    (0..8).map(one).collect()
}

/// The picture of this name in a made source.
pub fn named_picture(source: &str, name: &str, size: impl Into<Resolution>) -> Picture {
    let seed = name.bytes().fold(0u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(u32::from(byte)));
    source_picture(source, seed, size)
}

/// The picture at a place of a made source.
pub fn source_picture(source: &str, index: u32, size: impl Into<Resolution>) -> Picture {
    let values = Stream::new(u64::from(index), source).normals(16);
    gradient(&values, size, Channels::Rgb)
}

/// Curves of a run of this family: read back every 8 steps of 32 pictures, up to `images`.
pub fn curves(family: Family, images: u64, seed: u64) -> Vec<Reading> {
    let mut noise = Stream::new(seed, "curves");
    (1..=images / 256)
        .map(|i| {
            let (images, step) = (i * 256, i * 8);
            let t = 1.0 - (-(images as f64) / 40_000.0).exp();
            let mut around = |centre: f64, spread: f64| centre + spread * f64::from(noise.normal());
            let mut values = match family {
                Family::Gan => vec![
                    ("loss.generator", around(0.7 + 0.5 * t, 0.12)),
                    ("loss.critic", around(1.38 - 0.4 * t, 0.08)),
                    ("penalty", around(0.12 * t, 0.02).abs()),
                    ("d.real", around(0.8 * t, 0.15)),
                    ("d.fake", around(-0.9 * t, 0.15)),
                    ("d.held_out", around(0.6 * t, 0.2)),
                    ("sign_rate", around(0.5 + 0.3 * t, 0.05)),
                    ("grad.generator", around(0.9, 0.2).abs()),
                    ("grad.critic", around(1.4, 0.3).abs()),
                ],
                Family::Vae | Family::Tokens | Family::Prior => vec![
                    ("loss", around(900.0 - 500.0 * t, 9.0)),
                    ("reconstruction", around(880.0 - 520.0 * t, 9.0)),
                    ("kl", around(22.0 * t, 0.6).abs()),
                    ("elbo.held_out", around(-905.0 + 495.0 * t, 4.0)),
                    ("active_units", (32.0 * t).round()),
                    ("grad", around(60.0, 8.0).abs()),
                ],
            };
            if i % 12 == 0 {
                // Scores come rarely.
                let (kid, coverage) = (around(1.6 - 1.4 * t, 0.04), around(0.1 + 0.7 * t, 0.02));
                values.extend([("kid", kid), ("kid.low", kid - 0.08), ("kid.high", kid + 0.08)]);
                values.extend([
                    ("coverage", coverage),
                    ("coverage.low", coverage - 0.04),
                    ("coverage.high", coverage + 0.04),
                ]);
            }
            Reading {
                step,
                images,
                seconds: images as f64 / 1240.0,
                values: values.into_iter().map(|(n, v)| (n.to_string(), v)).collect(),
            }
        })
        .collect()
}

/// The eye's view of a run of this family: samples grow from noise into shapes.
pub fn preview(family: Family, images: u64) -> Preview {
    let sharp = 1.0 - (-(images as f32) / 30_000.0).exp();
    let samples = (0..64).map(|i| {
        let mut values = Stream::new(i, "sample").normals(16);
        values.iter_mut().for_each(|v| *v *= sharp);
        gradient(&values, 32, Channels::Rgb)
    });
    let reals: Vec<_> = (0..32).map(|i| source_picture("reals", i, 32)).collect();
    let (reconstructions, kl) = match family {
        Family::Gan | Family::Prior => (Vec::new(), Vec::new()),
        Family::Vae | Family::Tokens => (
            (0..32)
                .map(|i| {
                    let mut values = Stream::new(i, "reals").normals(16);
                    values.iter_mut().for_each(|v| *v *= 0.5 + 0.5 * sharp);
                    gradient(&values, 32, Channels::Rgb)
                })
                .collect(),
            kl(32),
        ),
    };
    Preview { images, samples: samples.collect(), reals, reconstructions, kl }
}

/// KL of each dimension, in nats: a few matter, the rest sleep.
pub fn kl(dims: usize) -> Vec<f32> {
    (0..dims).map(|i| 3.2 * (-(i as f32) / (dims as f32 / 4.0)).exp()).collect()
}

/// Places of the kept sample grids of a run.
pub fn previews(images: u64) -> Vec<u64> {
    (1..=images / 4000).map(|i| i * 4000).collect()
}

/// Five runs: training, waiting, finished, failed, interrupted. Newest first.
pub fn runs() -> Vec<RunSummary> {
    let rows = [
        ("nouns", "res-gan", RunState::Training, 41_216),
        ("nouns deep", "res-gan", RunState::Queued, 0),
        ("fashion", "conv-vae", RunState::Finished, 120_064),
        ("classic", "dcgan", RunState::Failed, 18_432),
        ("faces", "res-vae", RunState::Interrupted, 64_000),
    ];
    rows.iter()
        .enumerate()
        .map(|(i, (name, model, state, images))| {
            let mut run = run(Path::new("/runs").join(name.replace(' ', "-")), recipe(model, name), *state, *images);
            run.created = NOW - 3600 * i as i64;
            run
        })
        .collect()
}

/// A run with everything that its state needs.
pub fn run(dir: PathBuf, recipe: Recipe, state: RunState, images: u64) -> RunSummary {
    let target = (recipe.run.kimg * 1000.0) as u64;
    let problem = match state {
        RunState::Failed => Some(
            Problem::failed("The loss became non-finite and three smaller learning rates did not help")
                .of(recipe.name.clone())
                .try_this("Lower the learning rate and resume"),
        ),
        RunState::Interrupted => Some(
            Problem::failed("The run's process ended without a word")
                .of(recipe.name.clone())
                .try_this("Resume it from its last checkpoint")
                .because("killed by signal 9"),
        ),
        _ => None,
    };
    let every = 8000;
    let count = images / every;
    let checkpoints = (1..=count)
        .map(|i| CheckpointInfo {
            images: i * every,
            path: dir.join("checkpoints").join((i * every).to_string()),
            best: i == count.max(2) - 1,
            score: Some(40.0 - i as f64),
        })
        .collect();
    RunSummary {
        name: recipe.name.clone(),
        state,
        progress: RunProgress {
            step: images / 32,
            images,
            target,
            images_per_s: state.is_alive().then_some(1240.0),
            eta_s: state.is_alive().then(|| target.saturating_sub(images) as f64 / 1240.0),
            memory: state.is_alive().then_some(812 << 20),
            device: "CPU flex".into(),
            stage: String::new(),
            steady: None,
        },
        created: NOW,
        problem,
        bytes: 12_000_000 + images * 40,
        checkpoints,
        origin: None,
        dir,
        recipe,
    }
}

/// The five shipped models, and two trained ones.
pub fn models() -> Vec<ModelInfo> {
    let rows = [
        ("emoji-faces-gan", "res-gan", 32, Channels::Rgb, 64, true),
        ("nouns-gan", "res-gan", 32, Channels::Rgb, 64, true),
        ("fashion-vae-2d", "conv-vae", 28, Channels::Grey, 2, true),
        ("fashion-vae", "res-vae", 28, Channels::Grey, 16, true),
        ("shapes-beta-vae", "conv-vae", 32, Channels::Rgb, 10, true),
        ("fashion", "conv-vae", 32, Channels::Rgb, 32, false),
        ("nouns", "res-gan", 32, Channels::Rgb, 64, false),
    ];
    rows.iter()
        .map(|&(name, id, side, channels, latent, shipped)| {
            let resolution = Resolution::square(side);
            let mut recipe = recipe(id, name);
            recipe.model.latent = latent;
            recipe.data.resolution = resolution;
            recipe.data.channels = channels;
            let family = architecture::family_of(id).unwrap_or(Family::Gan);
            ModelInfo {
                model: if shipped { name.into() } else { format!("/runs/{name}") },
                name: name.into(),
                family,
                architecture: id.into(),
                resolution,
                channels,
                latent,
                shipped,
                hash: blake3::hash(name.as_bytes()).to_hex().to_string(),
                kimg: recipe.run.kimg,
                bytes: 3_200_000,
                data: String::new(),
                parts: Vec::new(),
                hard_pixels: None,
                card: shipped.then(|| ModelCard {
                    summary: format!("Makes {}", name.replace('-', " ")),
                    data: "Made for tests".into(),
                    data_licence: "CC0".into(),
                    licence: "MIT OR Apache-2.0".into(),
                    hours: 0.5,
                    device: "CPU flex".into(),
                    scores: vec![("FID".into(), 21.5), ("Precision".into(), 0.71)],
                }),
                recipe,
                parent: (name == "nouns").then(|| "nouns-gan".into()),
                kl: if family == Family::Vae { kl(latent as usize) } else { Vec::new() },
                prior: None,
            }
        })
        .collect()
}

/// What is known of a fitted prior.
pub fn prior() -> PriorInfo {
    PriorInfo {
        kind: "gmm".into(),
        components: 12,
        covariance: "full".into(),
        codes: 20_000,
        data: "/pictures/fashion".into(),
        log_likelihood: Some(-19.4),
        standard: Some(-22.7),
        hash: "a1b2c3".into(),
        on: true,
    }
}

/// Kept pictures, newest first, of the first two models in turn.
pub fn items(count: i64) -> Vec<Item> {
    (1..=count).rev().map(|id| item(id, &models()[(id % 2) as usize], Latent::Seed { seed: id as u64 })).collect()
}

/// A kept picture.
pub fn item(id: i64, model: &ModelInfo, latent: Latent) -> Item {
    Item {
        id,
        path: format!("/gallery/{}-{id}.png", model.name).into(),
        width: model.resolution.width,
        height: model.resolution.height,
        model: model.name.clone(),
        rating: (id % 6) as u8,
        starred: id % 5 == 0,
        tags: if id % 4 == 0 { vec!["favourite".into()] } else { Vec::new() },
        created: NOW - (1000 - id) * 60,
        recipe: Some(picture_recipe(model, latent, 1.0, "sample")),
        imported: None,
    }
}

/// How a picture was made.
pub fn picture_recipe(model: &ModelInfo, latent: Latent, truncation: f32, made_by: &str) -> PictureRecipe {
    PictureRecipe {
        studio: env!("CARGO_PKG_VERSION").into(),
        model: model.name.clone(),
        model_hash: model.hash.clone(),
        latent,
        truncation,
        made_by: made_by.into(),
        scale: 1,
        filter: "nearest".into(),
        grid: None,
        device: "flex".into(),
        prior: model.active_prior().map(|p| p.hash.clone()),
        canvas: None,
        watermark: None,
    }
}

/// A survey of `pictures` usable pictures with four labels, three broken files and two groups of duplicates.
pub fn survey(source: &str, pictures: u32) -> Survey {
    let labels = ["cat", "dog", "fish", "owl"].map(String::from).to_vec();
    let entries: Vec<_> = (0..pictures)
        .map(|i| SurveyEntry {
            name: format!("{}/picture-{i:06}.png", labels[(i % 4) as usize]),
            width: if i % 7 == 0 { 48 } else { 64 },
            height: 64,
            label: Some(i % 4),
            caption: (i % 3 == 0).then(|| format!("a {} number {i}", labels[(i % 4) as usize])),
        })
        .collect();
    let broken = |file: &str, reason: &str| BrokenFile { file: file.into(), reason: reason.into() };
    let duplicates = if pictures > 20 {
        vec![
            DuplicateGroup { entries: vec![3, 11], exact: true },
            DuplicateGroup { entries: vec![5, 9, 17], exact: false },
        ]
    } else {
        Vec::new()
    };
    let narrow = u64::from(pictures.div_ceil(7));
    let broken = if pictures == 0 {
        Vec::new()
    } else {
        vec![
            broken("cat/empty.png", "The file is empty"),
            broken("dog/half.jpg", "The file ends in the middle of the picture"),
            broken("notes.png", "Not a picture, whatever its name says"),
        ]
    };
    Survey {
        source: source.into(),
        kind: "Folder".into(),
        told: crate::data::report::told(&broken, crate::data::report::LINES),
        broken,
        labels,
        factors: Vec::new(),
        duplicates,
        sizes: vec![(64, 64, u64::from(pictures) - narrow), (48, 64, narrow)],
        blank: Vec::new(),
        grey: u64::from(pictures / 20),
        transparent: u64::from(pictures / 10),
        drawn: u64::from(pictures),
        bytes: u64::from(pictures) * 4096,
        guesses: vec![
            crate::data::Guess::new("4 classes are taken from folders: cat, dog, fish and owl")
                .changed_by("data.classes", "For other classes set data.classes to folders, parent, table or none"),
        ],
        reading: crate::recipe::Reading::default(),
        entries,
    }
}

/// How a kept picture stands to what its model learned from: each kind in turn.
pub fn likeness(item: &Item, look: bool) -> Event {
    let standing = [Standing::Own, Standing::Near, Standing::Copy][item.id.rem_euclid(3) as usize];
    let name = "noun 12.png".to_owned();
    let found = Likeness { standing, name, as_near: 0.25, unseen: 200, held_out: true };
    let real = source_picture("real", item.id as u32, Resolution::square(32));
    Event::Likeness { item: item.id, found: look.then(|| Box::new((found, real))), problem: None }
}

/// Two data sets used before.
pub fn data_sets() -> Vec<DataSetInfo> {
    vec![
        DataSetInfo { source: "/pictures/nouns".into(), pictures: 900, used: NOW },
        DataSetInfo { source: "emoji:smileys".into(), pictures: 151, used: NOW - 86_400 },
    ]
}

/// A CPU that works and a GPU whose driver crashes.
pub fn devices() -> Vec<DeviceReport> {
    vec![
        DeviceReport {
            id: "cpu".into(),
            name: "CPU (flex, 2 threads)".into(),
            usable: true,
            reason: String::new(),
            gpu: false,
            gmacs_per_s: Some(40.0),
        },
        DeviceReport {
            id: "vulkan:0".into(),
            name: "llvmpipe".into(),
            usable: false,
            reason: "Its driver crashed while it was probed (segmentation fault)".into(),
            gpu: false,
            gmacs_per_s: None,
        },
    ]
}
