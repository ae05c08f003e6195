//! The command line, end to end on real files.

use std::path::Path;

use crate::common::{Home, lines, pictures};

const TINY: &[&str] = &["--set", "model.width=16", "--set", "model.narrow=8", "--set", "model.latent=5"];

fn train(home: &Home, source: &str, model: &str, out: &str, kimg: &str) -> Vec<serde_json::Value> {
    let mut arguments = vec![
        "train",
        "--data",
        source,
        "--model",
        model,
        "--resolution",
        "16",
        "--kimg",
        kimg,
        "--batch",
        "8",
        "--seed",
        "3",
        "--checkpoint-kimg",
        "0.04",
        "--device",
        "cpu",
        "--out",
        out,
        "--json",
    ];
    arguments.extend(TINY);
    lines(&home.ok(&arguments))
}

fn event<'a>(events: &'a [serde_json::Value], name: &str) -> Vec<&'a serde_json::Value> {
    events.iter().filter(|e| e["event"] == name).collect()
}

#[test]
fn train_sample_and_reproduce() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 40, 24);
    let run = home.path("run");
    let run = run.to_str().unwrap();
    let events = train(&home, &source, "res-gan", run, "0.08");
    assert_eq!(event(&events, "started").len(), 1);
    let progress = event(&events, "progress");
    assert!(!progress.is_empty());
    let last = progress.last().unwrap();
    assert_eq!(last["kimg"], 0.08);
    for key in ["critic", "generator", "d_real", "sign_rate"] {
        assert!(last["losses"][key].as_f64().is_some_and(f64::is_finite), "{key} in {last}");
    }
    assert_eq!(event(&events, "checkpoint").len(), 2);
    let finished = event(&events, "finished");
    assert!(Path::new(finished[0]["path"].as_str().unwrap()).join("model.safetensors").is_file());

    // A grid, and single pictures that can be made again.
    let grid = home.path("grid.png");
    home.ok(&["sample", "--model", run, "--count", "6", "--seed", "1", "--grid", grid.to_str().unwrap()]);
    let picture = image::open(&grid).unwrap();
    assert_eq!((picture.width(), picture.height()), (3 * 17 + 1, 2 * 17 + 1));
    let single = home.path("single");
    home.ok(&[
        "sample",
        "--model",
        run,
        "--count",
        "2",
        "--seed",
        "9",
        "--out",
        single.to_str().unwrap(),
        "--scale",
        "3",
    ]);
    let files: Vec<_> = std::fs::read_dir(&single).unwrap().map(|e| e.unwrap().path()).collect();
    assert_eq!(files.len(), 2);
    for file in files.iter().chain([&grid]) {
        let file = file.to_str().unwrap();
        let inspected = &lines(&home.ok(&["inspect", file, "--json"]))[0];
        assert_eq!(inspected["model"], "run");
        let again = &lines(&home.ok(&["reproduce", file, "--model", run, "--json"]))[0];
        assert_eq!(again["exact"], true, "{again}");
        assert_eq!(again["same_model"], true);
    }

    // Smoothly enlarged it is large enough for a watermark, which is made again with it; and it can be signed for.
    let large = home.path("large");
    let of = large.to_str().unwrap();
    home.ok(&["sample", "--model", run, "--count", "1", "--out", of, "--scale", "16", "--filter", "lanczos"]);
    let large = std::fs::read_dir(&large).unwrap().next().unwrap().unwrap().path();
    let large = large.to_str().unwrap();
    home.ok(&["certificate", "sign", large, "--model", run]);
    let inspected = &lines(&home.ok(&["inspect", large, "--json"]))[0];
    assert_eq!(inspected["watermark"]["found"], inspected["watermark"]["written"]["state"] == "marked", "{inspected}");
    assert_eq!(inspected["certificate"]["holds"], true, "{inspected}");
    assert!(inspected["source_type"].as_str().unwrap().ends_with("/trainedAlgorithmicMedia"));
    assert_eq!(lines(&home.ok(&["reproduce", large, "--model", run, "--json"]))[0]["exact"], true);

    // Going on to a later end, and doing nothing where the end is reached.
    let resumed = lines(&home.ok(&["train", "--resume", run, "--kimg", "0.12", "--json"]));
    assert_eq!(event(&resumed, "started")[0]["kimg"], 0.08);
    assert_eq!(event(&resumed, "finished")[0]["kimg"], 0.12);
    let interpolated = home.path("between.png");
    home.ok(&[
        "interpolate",
        "--model",
        run,
        "--corners",
        "1,2,3,4",
        "--size",
        "4x3",
        "--out",
        interpolated.to_str().unwrap(),
    ]);
    assert_eq!(image::open(&interpolated).unwrap().width(), 4 * 17 + 1);
    for film in ["walk.gif", "walk.mp4", "walk.png"] {
        let film = home.path(film);
        home.ok(&[
            "walk",
            "--model",
            run,
            "--seeds",
            "1,2",
            "--frames",
            "5",
            "--loop",
            "--out",
            film.to_str().unwrap(),
        ]);
        assert!(film.metadata().unwrap().len() > 100);
    }
}

#[test]
fn a_vae_reconstructs_and_is_a_base_to_begin_from() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 40, 24);
    let run = home.path("vae");
    let run = run.to_str().unwrap();
    let events = train(&home, &source, "conv-vae", run, "0.08");
    let last = *event(&events, "progress").last().unwrap();
    assert!(last["losses"]["kl"].as_f64().is_some() && last["losses"]["reconstruction"].as_f64().is_some());
    let sheet = home.path("sheet.png");
    let one = format!("{source}/0000.png");
    home.ok(&["reconstruct", "--model", run, "--input", &one, "--out", sheet.to_str().unwrap()]);
    assert_eq!(image::open(&sheet).unwrap().height(), 2 * 17 + 1);

    let child = home.path("child");
    let mut arguments = vec![
        "train",
        "--data",
        &source,
        "--from",
        run,
        "--kimg",
        "0.016",
        "--device",
        "cpu",
        "--out",
        child.to_str().unwrap(),
        "--json",
    ];
    arguments.extend(["--set", "model.latent=7"]);
    home.ok(&arguments);
    let recipe = std::fs::read_to_string(child.join("recipe.json")).unwrap();
    assert!(recipe.contains("\"parent\""), "{recipe}");
    let log = std::fs::read_to_string(child.join("telemetry.jsonl")).unwrap();
    assert!(log.contains("tensors loaded") && log.contains("fresh"), "{log}");
}

#[test]
fn mistakes_have_their_exit_codes_and_say_what_to_do() {
    let home = Home::new();
    let empty = home.path("empty");
    std::fs::create_dir_all(&empty).unwrap();
    let run = home.path("run");
    let (empty, run) = (empty.to_str().unwrap(), run.to_str().unwrap());
    let cases: &[(&[&str], i32, &str)] = &[
        (&["train", "--data", "shapes:50", "--model", "nope", "--out", run], 2, "res-gan"),
        (&["train", "--data", "shapes:50", "--resolution", "30", "--out", run], 2, "steps of 4"),
        (&["train", "--data", "shapes:50", "--set", "optim.lrr=1", "--out", run], 2, "optim.lr"),
        (&["train", "--data", empty, "--out", run, "--device", "cpu"], 3, "empty"),
        (&["train", "--data", "/nowhere/at/all", "--out", run], 3, "nowhere"),
        (&["sample", "--model", "nowhere", "--grid", "x.png"], 3, "model"),
        (&["inspect", "/nowhere.png"], 3, "nowhere"),
        (&["train", "--data", "shapes:50", "--device", "toaster", "--out", run], 2, "cpu"),
    ];
    for (arguments, code, word) in cases {
        let out = home.run(arguments);
        let text = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(*code), "{arguments:?}: {text}");
        assert!(text.to_lowercase().contains(word), "{arguments:?}: {text}");
        let _ = std::fs::remove_dir_all(run);
    }
}

#[test]
fn help_is_complete() {
    let home = Home::new();
    let top = home.ok(&["--help"]);
    let commands: Vec<&str> = top
        .lines()
        .skip_while(|l| !l.starts_with("Commands:"))
        .skip(1)
        .take_while(|l| !l.trim().is_empty())
        .filter_map(|l| l.strip_prefix("  ")?.split_whitespace().next().filter(|_| !l.starts_with("   ")))
        .collect();
    for named in ["train", "sample", "interpolate", "walk", "reconstruct", "data", "inspect", "reproduce", "models"] {
        assert!(commands.contains(&named), "{named} in {commands:?}");
    }
    for command in commands.into_iter().filter(|c| *c != "help") {
        let text = home.ok(&[command, "--help"]);
        // An option without words stands alone on its line, and no line follows that is further in.
        let lines: Vec<&str> = text.lines().collect();
        for (i, line) in lines.iter().enumerate().filter(|(_, l)| l.trim_start().starts_with("--")) {
            let told =
                line.trim().contains("  ") || lines.get(i + 1).is_some_and(|next| next.starts_with("          "));
            assert!(told, "{command}: {line}");
        }
    }
    let train = home.ok(&["train", "--help"]);
    for model in latent_studio::models::MODELS {
        assert!(train.contains(model.id), "{}", model.id);
    }
}

#[test]
fn any_number_of_anchors_is_interpolated_and_even_steps_are_even() {
    let home = Home::new();
    let spread = |out: &str| -> f64 {
        let line = out.lines().find_map(|l| l.strip_prefix("steps differ by ")).expect("how even they are");
        line.trim_end_matches(" %").parse().unwrap()
    };
    let make = |args: &[&str], out: &str| -> (String, (u32, u32)) {
        let file = home.path(out);
        let file = file.to_str().unwrap();
        let base = ["interpolate", "--model", "fashion-vae", "--device", "cpu", "--out", file];
        let said = home.ok(&[&base, args].concat());
        let size = image::image_dimensions(file).unwrap();
        (said, size)
    };
    let even = make(&["--anchors", "1,2", "--layout", "line", "--size", "16x1", "--even"], "line.png");
    assert!(spread(&even.0) < 10.0, "{}", even.0);
    assert_eq!(even.1, (16 * 29 + 1, 30));
    let triangle = make(&["--anchors", "1,2,3", "--layout", "triangle", "--size", "5x5"], "triangle.png");
    assert_eq!(triangle.1, (5 * 29 + 1, 5 * 29 + 1));
    let file = home.path("triangle.png");
    let again = &lines(&home.ok(&["reproduce", file.to_str().unwrap(), "--json", "--device", "cpu"]))[0];
    assert_eq!(again["exact"], true, "{again}");
    let anchors = "1,2,3,4,5,6";
    let sheet = make(&["--anchors", anchors, "--layout", "sheet", "--across", "3", "--size", "7x4"], "sheet.png");
    assert_eq!(sheet.1, (7 * 29 + 1, 4 * 29 + 1));
    let out = home.path("no.png");
    let refused = |args: &[&str]| {
        let base = ["interpolate", "--model", "fashion-vae", "--out", out.to_str().unwrap()];
        assert!(!home.run(&[&base, args].concat()).status.success(), "{args:?}");
    };
    refused(&["--anchors", "1,2", "--layout", "triangle"]);
    refused(&["--corners", "1,2,3"]);
    refused(&["--anchors", "1,2", "--layout", "line", "--through", "w"]);
}

#[test]
fn lists_are_json() {
    let home = Home::new();
    let survey = &lines(&home.ok(&["data", "survey", "shapes:64", "--json"]))[0];
    assert_eq!(survey["pictures"], 64);
    for key in ["broken", "duplicates", "labels", "sizes"] {
        assert!(survey[key].is_array(), "{key}");
    }
    let models = &lines(&home.ok(&["models", "--json"]))[0];
    assert!(!models.as_array().unwrap().is_empty());
    for model in models.as_array().unwrap() {
        assert!(model["name"].is_string() && model["resolution"].is_u64() && model["shipped"].is_boolean(), "{model}");
        assert!(model["family"] == "gan" || model["family"] == "vae", "{model}");
    }
    let devices = &lines(&home.ok(&["devices", "--json"]))[0];
    let cpu = devices.as_array().unwrap().iter().find(|d| d["id"] == "cpu").unwrap();
    assert_eq!(cpu["usable"], true);
    assert!(devices.as_array().unwrap().iter().all(|d| d["name"].is_string() && d["reason"].is_string()));
    let schema = &lines(&home.ok(&["recipe", "schema", "--json"]))[0];
    assert!(schema.as_array().unwrap().len() > 30);
    let presets = &lines(&home.ok(&["recipe", "presets", "--json"]))[0];
    let file = home.path("recipe.json");
    std::fs::write(&file, presets[0]["recipe"].to_string()).unwrap();
    let valid = &lines(&home.ok(&["recipe", "validate", file.to_str().unwrap(), "--json"]))[0];
    assert_eq!(valid["valid"], true);
    home.ok(&["library", "list", "--json"]);
    home.ok(&["library", "path"]);
}

#[test]
fn a_prior_is_fitted_compared_and_remembered_by_pictures() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 60, 16);
    let run = home.path("run");
    let run = run.to_str().unwrap();
    train(&home, &source, "mlp-vae", run, "0.08");
    let told = home.ok(&["prior", "fit", "--model", run, "--data", &source, "--json"]);
    let prior: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert!(prior["kind"] == "gmm" && prior["codes"] == 60 && prior["components"].as_u64().unwrap() > 0, "{prior}");
    let sheet = home.path("both.png");
    home.ok(&["prior", "compare", "--model", run, "--count", "4", "--grid", sheet.to_str().unwrap()]);
    // Two blocks of 2 × 2 pictures of 16 pixels, lines of 1 pixel in each, 8 around the blocks.
    let both = image::open(&sheet).unwrap();
    assert_eq!((both.width(), both.height()), (2 * 35 + 3 * 8, 35 + 2 * 8));

    for (folder, more) in [("with", vec![]), ("without", vec!["--no-prior"])] {
        let out = home.path(folder);
        let mut arguments = vec!["sample", "--model", run, "--count", "1", "--out", out.to_str().unwrap()];
        arguments.extend(more);
        let file = home.ok(&arguments);
        assert!(home.ok(&["reproduce", file.trim(), "--model", run]).starts_with("pixel-exact"), "{folder}");
    }
    let read = |folder: &str| {
        let file = std::fs::read_dir(home.path(folder)).unwrap().next().unwrap().unwrap().path();
        (image::open(&file).unwrap().into_rgba8().into_raw(), file)
    };
    let ((with, file), (without, _)) = (read("with"), read("without"));
    assert_ne!(with, without);
    home.ok(&["prior", "remove", "--model", run]);
    let told = home.ok(&["reproduce", file.to_str().unwrap(), "--model", run]);
    assert!(told.contains("the fitted prior is not the one in the recipe"), "{told}");
    let refused = home.run(&["prior", "compare", "--model", run, "--grid", sheet.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert_eq!(home.run(&["prior", "fit", "--model", "nouns-gan", "--data", &source]).status.code(), Some(2));
}
