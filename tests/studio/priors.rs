//! Priors over tokens against PyTorch's own layers (`tests/fixtures/make_prior_fixtures.py`), and the way from words to pictures.

use std::path::Path;

use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use latent_studio::base::paths::source_tree;
use latent_studio::models::TokenPrior;
use latent_studio::models::io::Weights;
use latent_studio::nn::sequence::nats;
use latent_studio::recipe::Recipe;
use latent_studio::train::optim::{Adam, AdamSettings};
use latent_studio::train::token_prior::decayed;

use crate::common::{Home, lines};

fn close(got: &[f32], expected: &[f32], name: &str) {
    assert_eq!(got.len(), expected.len(), "{name}");
    let size = expected.iter().fold(1e-3f32, |m, v| m.max(v.abs()));
    let off = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0f32, f32::max);
    assert!(off < 1e-4 * size, "{name} is off by {off} of {size}");
}

/// The prior of the fixtures.
fn recipe(id: &str) -> Recipe {
    let mut r = Recipe::default();
    r.model.id = id.into();
    (r.model.width, r.model.blocks) = (if id == "gpt" { 8 } else { 12 }, 2);
    (r.model.tokens.heads, r.model.tokens.codes) = (2, 11);
    r.model.tokens.layout = [2, 3];
    r.model.tokens.caption_words = 2;
    r.model.tokens.words = ["a", "b", "c", "d"].map(String::from).to_vec();
    (r.model.conditional, r.model.classes) = (true, vec!["x".into(), "y".into()]);
    r
}

#[test]
fn attention_memory_loss_and_steps_are_pytorchs() {
    let of = Weights::read(&source_tree().join("tests/fixtures/priors.safetensors")).unwrap();
    let device = Device::flex().autodiff();
    let ids: Vec<u32> = of.tensors["ids"].values.iter().map(|v| *v as u32).collect();
    let given: Vec<u32> = ids.chunks_exact(9).flat_map(|s| s[..8].to_vec()).collect();
    let targets: Vec<u32> = ids.chunks_exact(9).flat_map(|s| s[3..].to_vec()).collect();
    for id in ["gpt", "lstm"] {
        let weights = of.under(&format!("{id}.weights."));
        let mut prior = weights.load(TokenPrior::init(&recipe(id), &device).unwrap()).unwrap();
        let host = |t: Tensor<2>| t.inner().into_data().try_into_vec::<f32>().unwrap();
        close(&host(prior.scores(&given, None)), &of.tensors[&format!("{id}.scores")].values, id);
        let mut adam = Adam::new();
        for step in 0..3 {
            let loss = nats(prior.scores(&given, None), &targets);
            if step == 0 {
                close(&[loss.clone().into_scalar::<f32>()], &of.tensors[&format!("{id}.loss")].values, id);
            }
            let gradients = GradientsParams::from_grads(loss.backward(), &prior);
            if step == 0 {
                let found = of.under(&format!("{id}.gradients."));
                for (name, got) in told(&prior, &gradients) {
                    close(&got, &found.tensors[&name].values, &format!("{id} {name}"));
                }
            }
            let settings = AdamSettings { lr: 0.01, beta1: 0.9, beta2: 0.98, epsilon: 1e-8, clip_norm: 0.0 };
            prior = adam.step(settings, decayed(prior, 0.01 * 0.05), gradients).0;
        }
        let (stepped, mine) = (of.under(&format!("{id}.stepped.")), Weights::of(&prior));
        for (name, expected) in &stepped.tensors {
            // A bias of keys moves no score (softmax takes it away again): its gradient is rounding, and Adam makes whole
            // steps of it.
            let moved = |values: &[f32]| match name.ends_with("qkv.bias") {
                true => [&values[..values.len() / 3], &values[values.len() / 3 * 2..]].concat(),
                false => values.to_vec(),
            };
            let (got, expected) = (moved(&mine.tensors[name].values), moved(&expected.values));
            close(&got, &expected, &format!("{id} {name} after three steps"));
        }
    }
}

/// Gradients by the names of their tensors.
fn told(prior: &TokenPrior, gradients: &GradientsParams) -> Vec<(String, Vec<f32>)> {
    use burn::module::{Module, ModuleVisitor, Param};
    struct Tell<'a> {
        path: latent_studio::nn::param_path::Path,
        from: &'a GradientsParams,
        out: Vec<(String, Vec<f32>)>,
    }
    impl ModuleVisitor for Tell<'_> {
        fn enter_module(&mut self, name: &str, container: &str) {
            self.path.enter(name, container);
        }
        fn exit_module(&mut self, _: &str, container: &str) {
            self.path.exit(container);
        }
        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            let gradient = self.from.get::<D>(param.id).expect("every tensor learns");
            self.out.push((self.path.name(), gradient.into_data().try_into_vec::<f32>().unwrap()));
        }
    }
    let mut tell = Tell { path: Default::default(), from: gradients, out: Vec::new() };
    prior.visit(&mut tell);
    tell.out
}

/// Pictures of two colours and their captions, in a table beside them.
fn captioned(dir: &Path) -> String {
    std::fs::create_dir_all(dir).unwrap();
    let mut table = String::from("file\tcaption\n");
    for i in 0..40u8 {
        let (word, colour) = if i % 2 == 0 { ("dark", 30 + i / 2) } else { ("light", 200 + i / 2) };
        let picture =
            image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([colour, colour, colour + ((x + y) % 4) as u8]));
        picture.save(dir.join(format!("{i:02}.png"))).unwrap();
        table += &format!("{i:02}.png\ta {word} picture\n");
    }
    std::fs::write(dir.join("captions.tsv"), table).unwrap();
    dir.display().to_string()
}

#[test]
fn words_become_pictures_on_the_command_line() {
    let home = Home::new();
    let data = captioned(&home.path("pictures"));
    let at = |name: &str| home.path(name).display().to_string();
    let small = ["--device", "cpu", "--batch", "8", "--set", "run.preview_kimg=100", "--checkpoint-kimg", "100"];
    let tokens = [
        &["train", "--data", &data, "--model", "vq-vae", "--resolution", "16", "--out", &at("tokens"), "--kimg", "1.6"],
        &small[..],
        &["--set", "model.tokens.codes=16", "--set", "model.tokens.grid=4", "--set", "model.latent=4"],
        &["--set", "model.width=16", "--set", "model.narrow=8"],
    ];
    home.ok(&tokens.concat());
    let on = at("tokens");
    let prior = |model: &str, name: &str, kimg: &str| -> Vec<String> {
        let own = ["train", "--data", &data, "--model", model, "--on", &on, "--out", &at(name), "--kimg", kimg];
        let sizes = ["--set", "model.width=24", "--set", "model.blocks=2", "--set", "model.tokens.heads=2"];
        let rates = ["--set", "model.tokens.warmup_kimg=0.1", "--set", "optim.lr=0.003", "--set", "optim.ema_kimg=0.1"];
        [&own[..], &small, &sizes, &rates].concat().into_iter().map(String::from).collect()
    };
    let run = |args: Vec<String>| home.ok(&args.iter().map(String::as_str).collect::<Vec<_>>());
    run(prior("gpt", "gpt", "4"));
    // In two parts it is the same to the last bit: weights, averages, moments, and which words and numbers are hidden.
    run(prior("lstm", "whole", "0.4"));
    run(prior("lstm", "parts", "0.2"));
    home.ok(&["train", "--resume", &at("parts"), "--kimg", "0.4", "--device", "cpu"]);
    let state = |name: &str| std::fs::read(home.path(name).join("checkpoints/000000000400/state.safetensors")).unwrap();
    assert!(state("whole") == state("parts"), "the resumed state differs");

    let evaluate = |model: &str| -> Box<dyn Fn(&str) -> f64> {
        let args = ["evaluate", "--model", model, "--data", &data, "--json", "--device", "cpu", "--count", "40"];
        let told = lines(&home.ok(&args)).remove(0);
        let score = move |name: &str| {
            let metrics = told["metrics"].as_array().unwrap();
            metrics.iter().find(|m| m["name"] == name).unwrap()["value"].as_f64().unwrap()
        };
        Box::new(score)
    };
    let of_tokens = evaluate(&on);
    assert!(of_tokens("mse") < 0.1 && of_tokens("codes_in_use") <= 16.0, "{}", of_tokens("mse"));
    let of_prior = evaluate(&at("gpt"));
    assert!(of_prior("nats_per_token") < of_prior("nats_per_token_unasked"), "words say something of the picture");

    let draw = |words: &str, out: &str, more: &[&str]| -> serde_json::Value {
        let (model, out) = (at("gpt"), at(out));
        let own = ["draw", "--model", &model, "--prompt", words, "--out", &out, "--json", "--device", "cpu"];
        lines(&home.ok(&[&own[..], more].concat())).remove(0)
    };
    let bright = |told: &serde_json::Value| -> f64 {
        let pictures = told["pictures"].as_array().unwrap();
        let of = |p: &serde_json::Value| {
            let picture = image::open(p["file"].as_str().unwrap()).unwrap().to_luma8();
            picture.pixels().map(|p| f64::from(p.0[0])).sum::<f64>() / 256.0
        };
        pictures.iter().map(of).sum::<f64>() / pictures.len() as f64
    };
    let dark = draw("dark picture", "dark", &["--count", "4"]);
    let light = draw("a lihgt light picture", "light", &["--count", "4"]);
    assert!(bright(&light) > bright(&dark) + 60.0, "{} {}", bright(&dark), bright(&light));
    assert_eq!(light["words"]["unknown"][0]["word"], "lihgt");
    assert_eq!(light["words"]["unknown"][0]["near"][0], "light");
    assert_eq!(light["pictures"][0]["tokens"].as_array().unwrap().len(), 16);
    let png = std::fs::read(light["pictures"][0]["file"].as_str().unwrap()).unwrap();
    assert!(png.windows(24).any(|w| w == b"/trainedAlgorithmicMedia"), "what was drawn says that a model made it");
    // The same seed, prompt and settings draw the same; a picture does not depend on how many are drawn beside it.
    let again = draw("dark picture", "again", &["--count", "1", "--seed", "3"]);
    assert_eq!(again["pictures"][0]["tokens"], dark["pictures"][2]["tokens"]);
    // Without words it says so.
    let nothing = draw("", "nothing", &["--count", "1"]);
    assert!(nothing["notes"][0]["what"].as_str().unwrap().contains("Without a prompt"), "{nothing}");

    // Real pictures that the words fit are drawn from: wholly, nothing but their tokens are left; with none of their weight
    // the picture is as without them.
    let like = home.path("pictures").join("01.png").display().to_string();
    let near = ["--near", "--strength", "1", "--neighbours", "5", "--count", "2"];
    let grounded = draw("a light picture", "grounded", &near);
    let sources = grounded["retrieved"]["sources"].as_array().unwrap();
    assert!(sources.len() == 5 && sources.iter().all(|s| s["caption"] == "a light picture"), "{sources:?}");
    assert_eq!(sources[0]["why"].as_array().unwrap().len(), 2, "by its caption and by its look");
    assert!(bright(&grounded) > 180.0 && grounded["pictures"][0]["nearest"]["name"].is_string());
    let untouched = draw("dark picture", "untouched", &["--near", "light", "--strength", "0", "--count", "4"]);
    let drawn = |told: &serde_json::Value, i: usize| told["pictures"][i]["tokens"].clone();
    assert!((0..4).all(|i| drawn(&untouched, i) == drawn(&dark, i)));
    // Pictures without words: what their captions have in common stands in front.
    let shown = draw("", "shown", &["--like", &like, "--strength", "1", "--count", "2"]);
    assert!(shown["prompt"].as_str().unwrap().contains("light") && bright(&shown) > 180.0, "{}", shown["prompt"]);

    // The upper half of a picture is kept, here a picture of another size.
    let picture = home.path("given.png");
    image::RgbImage::from_pixel(40, 40, image::Rgb([215, 215, 215])).save(&picture).unwrap();
    let kept = ["--complete", picture.to_str().unwrap(), "--keep", "top", "--count", "2"];
    let completed = draw("light", "completed", &kept);
    assert_eq!(completed["kept_rows"], 2);
    let of = |i: usize| completed["pictures"][i]["tokens"].as_array().unwrap()[..8].to_vec();
    assert_eq!(of(0), of(1));

    // A token model alone, and another one than the prior's.
    let nowhere = at("no");
    home.fails(&["draw", "--model", &on, "--out", &nowhere, "--device", "cpu"], 2, "does not draw token by token");
    let sample = ["sample", "--model", &on, "--out", &nowhere, "--device", "cpu", "--count", "1"];
    home.fails(&sample, 2, "draws none by itself");
    home.fails(&["train", "--data", &data, "--model", "gpt", "--out", &at("none"), "--device", "cpu"], 2, "--on");
    let (kept, other) = (home.path("gpt").join("tokens.safetensors"), home.path("tokens"));
    std::fs::remove_file(&kept).unwrap();
    std::fs::remove_dir_all(&other).unwrap();
    home.fails(&["draw", "--model", &at("gpt"), "--out", &nowhere, "--device", "cpu"], 3, "is missing");
}
