//! `evaluate` on real models and data: every metric that applies, the same again, refusals.

use crate::common::{Home, lines};

fn train(home: &Home, model: &str, out: &str, more: &[&str]) {
    let mut arguments = vec![
        "train",
        "--data",
        "shapes:400",
        "--model",
        model,
        "--resolution",
        "16",
        "--kimg",
        "0.4",
        "--batch",
        "16",
        "--seed",
        "3",
        "--device",
        "cpu",
        "--out",
        out,
        "--json",
        "--set",
        "model.width=16",
        "--set",
        "model.narrow=8",
        "--set",
        "model.latent=5",
    ];
    arguments.extend(more);
    home.ok(&arguments);
}

fn evaluate(home: &Home, model: &str, more: &[&str]) -> serde_json::Value {
    let mut arguments = vec!["evaluate", "--model", model, "--device", "cpu", "--json"];
    arguments.extend(more);
    lines(&home.ok(&arguments)).remove(0)
}

fn names(report: &serde_json::Value) -> Vec<&str> {
    report["metrics"].as_array().unwrap().iter().map(|m| m["name"].as_str().unwrap()).collect()
}

#[test]
fn a_vae_gets_every_score_and_the_same_ones_again() {
    let home = Home::new();
    let run = home.path("vae");
    let run = run.to_str().unwrap();
    train(&home, "conv-vae", run, &[]);
    let sheet = home.path("pairs.png");
    let report = evaluate(
        &home,
        run,
        &["--metrics", "all", "--count", "60", "--draws", "40", "--pairs", sheet.to_str().unwrap()],
    );
    let expected = [
        "kid",
        "fid",
        "precision",
        "recall",
        "density",
        "coverage",
        "swd",
        "modes",
        "mode-kl",
        "good",
        "elbo",
        "log-likelihood",
        "kl",
        "bound",
        "bits-per-number",
        "psnr",
        "ssim",
        "perceptual",
        "mig",
        "disentanglement",
        "completeness",
        "informativeness",
        "factor-vae",
        "memorisation",
    ];
    assert_eq!(names(&report), expected);
    for m in report["metrics"].as_array().unwrap() {
        let number = |key: &str| m[key].as_f64().unwrap_or_else(|| panic!("{key} in {m}"));
        assert!(number("low") <= number("value") && number("value") <= number("high"), "{m}");
        assert!(number("count") > 0.0 && number("seconds") >= 0.0 && m["extractor"].is_string(), "{m}");
    }
    let of = |report: &serde_json::Value, name: &str| {
        report["metrics"].as_array().unwrap().iter().find(|m| m["name"] == name).unwrap().clone()
    };
    assert!(of(&report, "kid")["extractor"].as_str().unwrap().starts_with("studio-features-"));
    assert!(of(&report, "modes")["extractor"].as_str().unwrap().contains("right on pictures kept apart"));
    assert!(of(&report, "mig")["estimator"].as_str().unwrap().contains("20 bins"));
    // The weighted bound is the tighter one, and the two parts make the plain one.
    let value = |name: &str| of(&report, name)["value"].as_f64().unwrap();
    assert!(value("bound") > value("elbo"));
    assert!((value("log-likelihood") - value("kl") - value("elbo")).abs() < 1e-6 * value("elbo").abs());
    assert_eq!(report["left_out"][0][0], "class-fid");
    assert_eq!(report["pairs"].as_array().unwrap().len(), 16);
    assert!(image::open(&sheet).unwrap().width() > 16 * 16);

    let again = evaluate(&home, run, &["--metrics", "kid,modes,iwae", "--count", "60", "--draws", "40"]);
    for name in ["kid", "modes", "good", "bound"] {
        for key in ["value", "low", "high"] {
            assert_eq!(of(&again, name)[key], of(&report, name)[key], "{name} {key}");
        }
    }
}

#[test]
fn a_gan_gets_what_applies_and_says_what_does_not() {
    let home = Home::new();
    let run = home.path("gan");
    let run = run.to_str().unwrap();
    train(&home, "res-gan", run, &["--set", "model.conditional=true"]);
    let report = evaluate(&home, run, &["--metrics", "class-fid,kid", "--count", "60", "--versus", run]);
    let classes = ["class-fid", "class-fid/square", "class-fid/ellipse", "class-fid/heart", "kid"];
    assert_eq!(names(&report), classes);
    assert_eq!(report["metrics"][1]["count"], 20);
    // A model is as good as itself.
    let comparison = report["comparison"].as_array().unwrap();
    assert!(comparison.len() == 5 && comparison.iter().all(|c| c["standing"] == "alike"), "{comparison:?}");

    // Classes are asked for by name or by number, in films as in samples.
    let sample = |class: &str| {
        let file = home.path(&format!("sample-{class}.png"));
        let out = ["--grid", file.to_str().unwrap(), "--class", class];
        home.ok(&[&["sample", "--model", run, "--count", "1", "--seed", "5"][..], &out].concat());
        std::fs::read(file).unwrap()
    };
    assert_eq!(sample("heart"), sample("2"));
    let film = home.path("walk.png");
    let walk = ["walk", "--model", run, "--seeds", "5,6", "--frames", "3", "--out", film.to_str().unwrap()];
    home.ok(&[&walk[..], &["--class", "Heart"]].concat());
    assert_eq!(home.run(&[&walk[..], &["--class", "circle"]].concat()).status.code(), Some(2));

    // Against other data than its own.
    let report = evaluate(&home, run, &["--metrics", "prdc,elbo", "--count", "40", "--data", "emoji:animals"]);
    assert_eq!(names(&report), ["precision", "recall", "density", "coverage"]);
    assert_eq!(report["left_out"][0][0], "elbo");
    assert_eq!(report["data"], "emoji:animals");
    // Pictures that another program made are measured alike; the data themselves are far better than a fresh model.
    let theirs = ["--metrics", "kid", "--count", "40", "--data", "emoji:animals", "--versus-pictures", "emoji:animals"];
    let report = evaluate(&home, run, &theirs);
    assert_eq!(report["comparison"][0]["standing"], "worse");
    let (own, theirs) = (&report["metrics"][0]["value"], &report["versus"]["metrics"][0]["value"]);
    assert!(theirs.as_f64().unwrap() < 0.3 * own.as_f64().unwrap(), "{theirs} {own}");
    let code = |more: &[&str]| {
        let mut arguments = vec!["evaluate", "--model", run];
        arguments.extend(more);
        home.run(&arguments).status.code()
    };
    assert_eq!(code(&["--metrics", "elbo"]), Some(2), "nothing is left to measure");
    assert_eq!(code(&["--metrics", "nonsense"]), Some(2));
    assert_eq!(code(&["--count", "0"]), Some(2));
    assert_eq!(code(&["--metrics", "kid", "--count", "900", "--versus-pictures", "emoji:animals"]), Some(3));
    assert_eq!(code(&["--data", "/nowhere"]), Some(3));
    let listed = home.ok(&["evaluate", "--list"]);
    assert!(listed.contains("kid") && listed.contains("memorisation"));
    assert!(home.ok(&["features", "show"]).starts_with("studio-features-"));
}

#[test]
fn modes_of_points_are_counted_exactly_and_points_are_no_pictures() {
    let home = Home::new();
    let run = home.path("points");
    let run = run.to_str().unwrap();
    home.ok(&[
        "train",
        "--data",
        "points:ring8:3000",
        "--model",
        "mlp-gan",
        "--kimg",
        "60",
        "--device",
        "cpu",
        "--set",
        "model.width=32",
        "--out",
        run,
    ]);
    let report = evaluate(&home, run, &["--metrics", "modes,kid", "--count", "400"]);
    assert_eq!(names(&report), ["modes", "mode-kl", "good"]);
    assert_eq!(report["left_out"][0][0], "kid");
    let value = |i: usize| report["metrics"][i]["value"].as_f64().unwrap();
    // A little trained: some modes are there, and few points lie on them. The run counted them in the same way.
    assert!((1.0..=8.0).contains(&value(0)) && (0.0..2.0).contains(&value(1)), "{report}");
    assert!((0.001..0.5).contains(&value(2)), "{report}");
    let told = std::fs::read_to_string(home.path("points/telemetry.jsonl")).unwrap();
    let told = told.lines().rev().find_map(|l| l.split_once(r#"["good","#)?.1.split_once(']')?.0.parse::<f64>().ok());
    assert!((told.unwrap() - value(2)).abs() < 0.08, "{told:?} {report}");
    assert!(report["metrics"][0]["estimator"].as_str().unwrap().contains("three deviations"));
    assert_eq!(home.run(&["evaluate", "--model", run, "--count", "50"]).status.code(), Some(2));
}

#[test]
fn features_are_trained_from_the_command_line() {
    let home = Home::new();
    let out = home.path("own.safetensors");
    let said = home.ok(&[
        "features",
        "train",
        "--data",
        "shapes:220|drawn by the studio",
        "--skip",
        "x,y,angle",
        "--batch",
        "3",
        "--steps",
        "2",
        "--device",
        "cpu",
        "--name",
        "own",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(said.contains("drawn by the studio") && said.contains("kind of distortion"), "{said}");
    let weights = latent_studio::models::io::Weights::read(&out).unwrap();
    assert!(weights.metadata["latent_studio_features"].contains("\"own\""));
}
