//! The table of models, walked: each trains at odd resolutions, resumes to the last bit, and samples the same alone as in
//! company.

use latent_studio::base::{Family, Resolution};
use latent_studio::engine::runs::priors;
use latent_studio::latent::model::LoadedModel;
use latent_studio::models::MODELS;
use latent_studio::recipe::picture::Latent;
use latent_studio::recipe::preset::{self, Facts};
use latent_studio::recipe::{Recipe, Schedule, architecture};
use latent_studio::train::checkpoint;
use latent_studio::train::folder::{Control, RunFolder};
use latent_studio::train::report::RunEvent;
use latent_studio::train::session::{self, Options, Outcome};

use crate::common::{Home, pictures};

/// A recipe small enough for a test, with everything switched on that has a state.
pub fn small(id: &str, source: &str, resolution: impl Into<Resolution>) -> Recipe {
    let resolution = resolution.into();
    let mut r = preset::for_model(id).unwrap().recipe(Facts { pictures: 300, resolution });
    r.data.source = source.into();
    r.data.mirror = true;
    r.model.latent = 6;
    (r.model.width, r.model.narrow) = (16, 8);
    r.optim.batch = 4;
    r.objective.penalty_interval = 2;
    r.objective.augment = Schedule::constant(0.5);
    // Whatever the length of a run, its parts have the rates of the whole.
    (r.optim.lr, r.optim.lr_within_run) = (Schedule::cosine(1e-3, 1e-4, 1.0), false);
    r.run.checkpoint_kimg = 1000.0;
    r.run.preview_kimg = 1000.0;
    r.run.telemetry_steps = 2;
    r
}

pub fn train(home: &Home, folder: &RunFolder, images: u64) -> Vec<RunEvent> {
    let mut file = folder.file().unwrap();
    file.kimg = Some(images as f64 / 1000.0);
    folder.write_file(&file).unwrap();
    let mut events = Vec::new();
    let mut sink = |e: &RunEvent| events.push(e.clone());
    let options = Options::new(home.path("cache"), "cpu", &mut sink);
    assert_eq!(session::run(folder, options).unwrap(), Outcome::Finished);
    events
}

pub fn state(folder: &RunFolder, images: u64) -> (Vec<u8>, Vec<u8>) {
    let path = folder.checkpoints().into_iter().find(|c| c.images == images).unwrap().path;
    (std::fs::read(path.join("state.safetensors")).unwrap(), std::fs::read(path.join("model.safetensors")).unwrap())
}

#[test]
fn every_model_trains_at_odd_sizes_and_resumes_to_the_last_bit() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 30, 40);
    for spec in MODELS {
        // Fully connected networks are for small pictures.
        let most = architecture::find(spec.id).unwrap().max_side;
        for resolution in [20, if most < 36 { 28 } else { 36 }] {
            let mut recipe = small(spec.id, &source, resolution);
            if spec.family == Family::Prior {
                // On tokens that were trained a moment ago.
                let run = home.path(&format!("vq-vae-{resolution}-whole"));
                let tokens = priors::token_model(run.to_str().unwrap(), &home.paths()).unwrap();
                priors::train_on(&mut recipe, Some(&tokens)).unwrap();
                recipe.model.tokens.heads = 2;
            }
            let make = |name: &str| {
                let folder =
                    RunFolder::create(&home.path(&format!("{}-{resolution}-{name}", spec.id)), &recipe, None, "cpu");
                let folder = folder.unwrap();
                priors::keep_token_model(&folder, &home.paths()).unwrap();
                folder
            };
            let whole = make("whole");
            train(&home, &whole, 24);
            let parts = make("parts");
            // Stops at an odd step: between two penalties, two readings and in the middle of an epoch.
            train(&home, &parts, 12);
            train(&home, &parts, 24);
            let (a, b) = (state(&whole, 24), state(&parts, 24));
            assert_eq!(a.0.len(), b.0.len());
            assert!(a.0 == b.0, "{} at {resolution}: the resumed state differs", spec.id);
            let one = checkpoint::load(&whole.checkpoints().last().unwrap().path).unwrap().saved;
            let two = checkpoint::load(&parts.checkpoints().last().unwrap().path).unwrap().saved;
            assert_eq!((one.step, one.images, one.trainer), (two.step, two.images, two.trainer));
        }
    }
}

/// What a VAE is trained for beside the plain bound, one change each.
fn objectives() -> Vec<(&'static str, &'static str, Vec<&'static str>)> {
    vec![
        ("conv-vae", "capacity", vec!["objective.vae.charge=capacity", "objective.vae.capacity=5"]),
        ("mlp-vae", "weighted", vec!["objective.vae.charge=total-correlation", "objective.vae.estimator=weighted"]),
        ("mlp-vae", "stratified", vec!["objective.vae.charge=total-correlation", "objective.beta=6"]),
        ("mlp-vae", "iwae", vec!["objective.vae.bound=iwae", "objective.vae.samples=3", "objective.vae.binarise=true"]),
        ("mlp-vae", "dreg", vec!["objective.vae.bound=dreg", "objective.vae.samples=3"]),
        ("ladder-vae", "dreg", vec!["objective.vae.bound=dreg", "objective.vae.samples=2", "objective.free_bits=0"]),
        ("mlp-vae", "vamp", vec!["objective.vae.pseudo_inputs=7"]),
        ("mlp-vae", "vamp dreg", vec!["objective.vae.pseudo_inputs=3", "objective.vae.bound=dreg"]),
        (
            "conv-vae",
            "vae-gan",
            vec!["objective.vae.features=1", "objective.vae.adversarial=20", "objective.vae.pixels=0.1"],
        ),
        ("mlp-vae", "perceptual", vec!["objective.vae.perceptual=100", "objective.vae.pixels=0.2"]),
        ("conv-vae", "parts", vec!["optim.accumulate=3", "objective.vae.charge=total-correlation"]),
        ("conv-vae", "gaussian", vec!["objective.likelihood=gaussian", "objective.free_bits=0.1"]),
    ]
}

#[test]
fn every_objective_of_vaes_trains_tells_its_numbers_and_resumes_to_the_last_bit() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 30, 16);
    for (id, name, settings) in objectives() {
        let mut recipe = small(id, &source, 16);
        for setting in settings {
            latent_studio::recipe::json_path::assign(&mut recipe, setting).unwrap();
        }
        let make =
            |part: &str| RunFolder::create(&home.path(&format!("{id} {name} {part}")), &recipe, None, "cpu").unwrap();
        let (whole, parts) = (make("whole"), make("parts"));
        let events = train(&home, &whole, 24);
        train(&home, &parts, 12);
        train(&home, &parts, 24);
        assert!(state(&whole, 24).0 == state(&parts, 24).0, "{id} {name}: the resumed state differs");
        let told: std::collections::BTreeSet<String> = events
            .iter()
            .filter_map(|e| if let RunEvent::Reading(r) = e { Some(r) } else { None })
            .flat_map(|r| r.values.iter().map(|v| v.0.clone()))
            .collect();
        let expected: &[&str] = match name {
            "capacity" => &["capacity"],
            "weighted" | "stratified" => &["mutual_information", "total_correlation", "dimension_kl"],
            "vae-gan" => &["critic", "d_real", "d_fake", "features", "adversarial"],
            "perceptual" => &["perceptual"],
            "iwae" | "dreg" | "vamp dreg" => &["bound", "effective_samples"],
            _ => &["elbo"],
        };
        assert!(expected.iter().all(|n| told.contains(*n)), "{id} {name}: {told:?}");
        let snapshot = whole.checkpoints().last().unwrap().path.join(checkpoint::SNAPSHOT);
        let prior = LoadedModel::open_file(&snapshot, "cpu").unwrap().info().active_prior().cloned();
        assert_eq!(name.starts_with("vamp"), prior.is_some_and(|p| p.kind == "vamp"), "{id} {name}");
        assert_eq!(id == "ladder-vae", told.contains("kl_level_3"), "{told:?}");
    }
}

#[test]
fn a_picture_does_not_depend_on_its_company() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 30, 40);
    for spec in MODELS.iter().filter(|m| matches!(m.family, Family::Gan | Family::Vae)) {
        let folder = RunFolder::create(&home.path(spec.id), &small(spec.id, &source, 20), None, "cpu").unwrap();
        train(&home, &folder, 8);
        let path = folder.checkpoints().last().unwrap().path.join(checkpoint::SNAPSHOT);
        let model = LoadedModel::open_file(&path, "cpu").unwrap();
        let latents: Vec<Latent> = (1..=11).map(|seed| Latent::Seed { seed }).collect();
        let together = model.generate(&latents, 0.8).unwrap();
        for (latent, picture) in latents.iter().zip(&together) {
            assert_eq!(&model.generate(std::slice::from_ref(latent), 0.8).unwrap()[0], picture);
        }
        assert_ne!(together[0], together[1]);
        if spec.family == Family::Vae {
            let encoded = model.encode(&together[0]).unwrap();
            assert_eq!(encoded.mean.len(), 6);
            assert!(encoded.deviation.iter().all(|d| *d > 0.0));
        } else {
            assert!(model.encode(&together[0]).is_err());
        }
    }
}

#[test]
fn learning_lowers_the_loss() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 60, 16);
    let mut recipe = small("conv-vae", &source, 16);
    recipe.objective.augment = Schedule::constant(0.0);
    recipe.optim.batch = 16;
    let folder = RunFolder::create(&home.path("run"), &recipe, None, "cpu").unwrap();
    let events = train(&home, &folder, 16 * 60);
    let losses: Vec<f64> = events
        .iter()
        .filter_map(|e| if let RunEvent::Reading(r) = e { Some(r) } else { None })
        .filter_map(|r| r.values.iter().find(|v| v.0 == "reconstruction").map(|v| v.1))
        .collect();
    let (first, last) = (losses[0], losses[losses.len() - 1]);
    assert!(last < first * 0.95, "{first} -> {last}");
}

#[test]
fn live_edits_are_logged_take_effect_and_survive_a_resume() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 20, 16);
    let folder = RunFolder::create(&home.path("run"), &small("res-gan", &source, 16), None, "cpu").unwrap();
    train(&home, &folder, 8);
    // A wish sent while no process listens is not meant for the next one; send it once the run is on.
    let asked = folder.clone();
    let mut sent = false;
    let mut events = Vec::new();
    let mut sink = |e: &RunEvent| {
        if matches!(e, RunEvent::Started { .. }) && !sent {
            sent = true;
            let edit = |key: &str, value: serde_json::Value| Control::Edit { key: key.into(), value };
            asked.send_control(&edit("objective.gamma", 0.25.into())).unwrap();
            asked.send_control(&edit("model.width", 64.into())).unwrap();
            asked.send_control(&edit("optim.lr", (-1).into())).unwrap();
        }
        events.push(e.clone());
    };
    let mut file = folder.file().unwrap();
    file.kimg = Some(0.024);
    folder.write_file(&file).unwrap();
    let options = Options::new(home.path("cache"), "cpu", &mut sink);
    session::run(&folder, options).unwrap();
    let edits: Vec<_> = events.iter().filter(|e| matches!(e, RunEvent::Edited(_))).collect();
    assert_eq!(edits.len(), 1, "only γ may change to this");
    let refused = events.iter().filter(|e| matches!(e, RunEvent::Message(p) if p.remedy.is_some())).count();
    assert!(refused >= 2);
    assert_eq!(folder.summary().unwrap().recipe.objective.gamma.at(0), 0.25);
    let info = LoadedModel::open_file(&folder.checkpoints().last().unwrap().path.join("model.safetensors"), "cpu");
    assert_eq!(info.unwrap().info().recipe.objective.gamma.at(0), 0.25);
}

#[test]
fn a_loss_that_explodes_goes_back_three_times_and_then_says_so() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 20, 16);
    let mut recipe = small("conv-vae", &source, 16);
    recipe.optim.lr = Schedule::constant(0.1);
    recipe.optim.epsilon = 1e-12;
    recipe.optim.clip_norm = 0.0;
    recipe.objective.beta = Schedule::constant(100.0);
    let folder = RunFolder::create(&home.path("run"), &recipe, None, "cpu").unwrap();
    train(&home, &folder, 8);
    // Weights so large that the next loss is not finite.
    let path = folder.checkpoints().last().unwrap().path.join("state.safetensors");
    let mut weights = latent_studio::models::io::Weights::read(&path).unwrap();
    for (name, tensor) in &mut weights.tensors {
        if name.starts_with("vae.") {
            tensor.values.iter_mut().for_each(|v| *v = 1e30);
        }
    }
    weights.write(&path).unwrap();
    // As a checkpoint of an earlier version, which has no hashes.
    for (name, key) in [("state.json", "sums"), ("checkpoint.json", "seal")] {
        let path = path.with_file_name(name);
        let mut value: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        assert!(value.as_object_mut().unwrap().remove(key).is_some());
        std::fs::write(&path, value.to_string()).unwrap();
    }
    let mut file = folder.file().unwrap();
    file.kimg = Some(1.0);
    folder.write_file(&file).unwrap();
    let mut rewound = 0;
    let mut sink = |e: &RunEvent| rewound += u32::from(matches!(e, RunEvent::Rewound { .. }));
    let options = Options::new(home.path("cache"), "cpu", &mut sink);
    let problem = session::run(&folder, options).unwrap_err();
    assert_eq!(rewound, 3);
    assert!(problem.what.contains("finite") && problem.remedy.is_some(), "{problem}");
    // No state with such numbers was saved.
    assert_eq!(folder.checkpoints().len(), 1);
}

#[test]
fn a_vae_learns_labels_and_gives_what_is_asked_for() {
    let home = Home::new();
    for (class, colour) in [("dark", 20u8), ("light", 220)] {
        let folder = home.path("labelled").join(class);
        std::fs::create_dir_all(&folder).unwrap();
        for i in 0..20u8 {
            let picture = image::RgbImage::from_pixel(16, 16, image::Rgb([colour + i, colour, colour + 10]));
            picture.save(folder.join(format!("{i}.png"))).unwrap();
        }
    }
    let mut recipe = small("mlp-vae", home.path("labelled").to_str().unwrap(), 16);
    recipe.model.conditional = true;
    recipe.optim.batch = 16;
    recipe.optim.lr = Schedule::constant(5e-3);
    // A latent that costs much says little: what is left is what the label says.
    recipe.objective.beta = Schedule::constant(50.0);
    let folder = RunFolder::create(&home.path("run"), &recipe, None, "cpu").unwrap();
    train(&home, &folder, 16 * 400);
    let path = folder.checkpoints().last().unwrap().path.join(checkpoint::SNAPSHOT);
    let model = LoadedModel::open_file(&path, "cpu").unwrap();
    assert_eq!(model.classes(), ["dark", "light"]);
    let bright = |class: u32| -> f64 {
        let seeds: Vec<Latent> = (1..=8).map(|seed| Latent::Seed { seed }.with_class(&[(class, 1.0)])).collect();
        let made = model.generate(&seeds, 1.0).unwrap();
        made.iter().flat_map(|p| &p.rgba).map(|v| f64::from(*v)).sum::<f64>() / (8 * 16 * 16 * 4) as f64
    };
    assert!(bright(1) > bright(0) + 50.0, "{} {}", bright(0), bright(1));
}

#[test]
fn a_fitted_prior_is_kept_with_the_model_and_can_be_switched_off() {
    use latent_studio::base::paths::Paths;
    use latent_studio::base::progress::Quiet;
    use latent_studio::latent::catalog;
    use latent_studio::latent::fit_prior::{PriorConfig, fit_model};
    use latent_studio::latent::prior::Kind;

    let home = Home::new();
    let source = pictures(&home.path("pictures"), 80, 16);
    let mut recipe = small("mlp-vae", &source, 16);
    recipe.optim.batch = 16;
    let folder = RunFolder::create(&home.path("run"), &recipe, None, "cpu").unwrap();
    train(&home, &folder, 16 * 40);
    let paths = Paths::under(&home.path("home"));
    let name = folder.dir().to_str().unwrap().to_string();
    let open = |name: &str| LoadedModel::open(name, &paths, "cpu").unwrap();
    let seeds: Vec<Latent> = (1..=4).map(|seed| Latent::Seed { seed }).collect();
    let before = open(&name);
    let plain = before.generate(&seeds, 1.0).unwrap();

    let info = fit_model(&PriorConfig::new(&name, "", Kind::Gmm), &paths, "cpu", &Quiet::default()).unwrap();
    let prior = info.prior.clone().unwrap();
    assert!(prior.codes == 80 && prior.log_likelihood > prior.standard && prior.data == source, "{prior:?}");
    assert_eq!(info.hash, before.info().hash, "the network is the same");
    let mut model = open(&name);
    let fitted = model.generate(&seeds, 1.0).unwrap();
    assert_ne!(fitted, plain);
    // A seed and the point it stands for are the same picture, so walks and sliders fit seeds.
    let point = Latent::Point { values: seeds[0].values(model.latent()) };
    assert_eq!(model.generate(&[point], 1.0).unwrap()[0], fitted[0]);
    // A picture's code, through the prior and back, is its reconstruction.
    let encoded = model.encode(&plain[0]).unwrap();
    let again = model.generate(&[Latent::Point { values: encoded.mean }], 1.0).unwrap();
    let off = again[0].rgba.iter().zip(&encoded.reconstruction.rgba).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
    assert!(off <= 1, "{off}");
    model.use_prior(false);
    assert_eq!(model.generate(&seeds, 1.0).unwrap(), plain);
    assert_eq!(open(&format!("{name}@normal")).generate(&seeds, 1.0).unwrap(), plain);

    // It travels with the file, and is not taken for damage; where the pictures lay does not.
    let file = home.path("shared.safetensors");
    catalog::export(&name, &file, &paths).unwrap();
    let shared = LoadedModel::open_file(&file, "cpu").unwrap().info().prior.clone().unwrap();
    assert_eq!((shared.data.as_str(), shared.hash), ("pictures", prior.hash));
    let imported = catalog::import(&file, &paths).unwrap();
    assert_eq!(open(&imported.model).generate(&seeds, 1.0).unwrap(), fitted);
    catalog::keep_prior(&name, None, &paths).unwrap();
    assert_eq!(open(&name).generate(&seeds, 1.0).unwrap(), plain);

    // A shipped model gets its prior in a copy of its own.
    let shipped = catalog::list(&paths).into_iter().find(|m| m.shipped && m.family == Family::Gan).unwrap();
    assert!(
        fit_model(&PriorConfig::new(&shipped.model, &source, Kind::Gmm), &paths, "cpu", &Quiet::default()).is_err()
    );
}
