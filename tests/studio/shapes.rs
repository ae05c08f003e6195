//! Pictures that are not square: every model of the table at tall and wide shapes, and the way from a folder of tall
//! pictures to a sheet and a film.

use latent_studio::base::{Family, Resolution};
use latent_studio::engine::runs::priors;
use latent_studio::latent::drag::{Drag, DragConfig, Handle};
use latent_studio::latent::model::LoadedModel;
use latent_studio::models::{MODELS, outline};
use latent_studio::recipe::picture::Latent;
use latent_studio::recipe::{architecture, json_path};
use latent_studio::train::checkpoint;
use latent_studio::train::folder::RunFolder;
use latent_studio::train::report::RunEvent;

use crate::common::{Home, lines, pictures};
use crate::zoo::{small, state, train};

/// The shapes that a model is walked at, as far as its networks are made for them.
fn shapes(id: &str) -> Vec<Resolution> {
    let most = architecture::find(id).unwrap().max_side;
    let all = [Resolution::new(16, 64), Resolution::new(48, 20), Resolution::square(36)];
    let own = |size: Resolution| if size.longer() > most { size.at_most(most) } else { size };
    all.into_iter().map(own).collect()
}

#[test]
fn every_model_trains_samples_and_loads_at_every_shape() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 24, 40);
    for spec in MODELS {
        for size in shapes(spec.id) {
            let mut recipe = small(spec.id, &source, size);
            if spec.family == Family::Prior {
                // On tokens that were trained a moment ago.
                let run = home.path(&format!("vq-vae at {size}"));
                let tokens = priors::token_model(run.to_str().unwrap(), &home.paths()).unwrap();
                priors::train_on(&mut recipe, Some(&tokens)).unwrap();
                recipe.model.tokens.heads = 2;
            }
            let name = format!("{} at {size}", spec.id);
            let folder = RunFolder::create(&home.path(&name), &recipe, None, "cpu").unwrap();
            priors::keep_token_model(&folder, &home.paths()).unwrap();
            let events = train(&home, &folder, 8);
            let readings = events.iter().filter_map(|e| if let RunEvent::Reading(r) = e { Some(r) } else { None });
            let losses: Vec<f64> = readings.flat_map(|r| r.values.iter().map(|v| v.1)).collect();
            assert!(!losses.is_empty() && losses.iter().all(|v| v.is_finite()), "{name}: {losses:?}");

            if matches!(spec.family, Family::Prior | Family::Tokens) {
                // They draw nothing by themselves.
                continue;
            }
            let path = folder.checkpoints().last().unwrap().path.join(checkpoint::SNAPSHOT);
            let model = LoadedModel::open_file(&path, "cpu").unwrap();
            assert_eq!(model.info().resolution, size, "{name}");
            let latent = Latent::Seed { seed: 7 };
            let picture = model.generate(std::slice::from_ref(&latent), 1.0).unwrap().remove(0);
            assert_eq!((picture.width, picture.height), (size.width, size.height), "{name}");
            let sheet = model.contact_sheet().unwrap();
            assert!((sheet.width > sheet.height) || size.height > size.width, "{name}");
            if spec.family == Family::Vae {
                let encoded = model.encode(&picture).unwrap();
                let back = &encoded.reconstruction;
                assert_eq!((back.width, back.height), (size.width, size.height), "{name}");
            }
            // The outline tells the shape of every stage.
            let stages = outline::outline(&recipe).unwrap().stages;
            let tall = size.height > size.width;
            let grids = stages.iter().filter(|s| s.size.longer() > 4);
            assert!(grids.clone().count() > 0, "{name}");
            assert!(grids.clone().all(|s| size.is_square() || (s.size.height > s.size.width) == tall), "{name}");
        }
    }
}

#[test]
fn a_tall_run_resumes_to_the_last_bit() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 24, 40);
    for id in ["res-gan", "style-gan", "res-vae"] {
        let recipe = small(id, &source, Resolution::new(16, 40));
        let make = |part: &str| RunFolder::create(&home.path(&format!("{id} {part}")), &recipe, None, "cpu").unwrap();
        let (whole, parts) = (make("whole"), make("parts"));
        train(&home, &whole, 24);
        train(&home, &parts, 12);
        train(&home, &parts, 24);
        assert!(state(&whole, 24).0 == state(&parts, 24).0, "{id}: the resumed state differs");
    }
}

#[test]
fn latents_of_tall_pictures_are_found_and_dragged() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 24, 40);
    let size = Resolution::new(16, 40);
    let recipe = small("res-gan", &source, size);
    let folder = RunFolder::create(&home.path("run"), &recipe, None, "cpu").unwrap();
    train(&home, &folder, 8);
    let path = folder.checkpoints().last().unwrap().path.join(checkpoint::SNAPSHOT);
    let model = LoadedModel::open_file(&path, "cpu").unwrap();
    let latent = Latent::Seed { seed: 3 };
    let handle = Handle { from: [8.0, 30.0], to: [9.0, 33.0] };
    let begin = |handles: Vec<Handle>, mask: usize| {
        let wish = DragConfig { handles, mask: vec![0; mask], steps: 2, ..DragConfig::default() };
        Drag::begin(&model, &latent, 1.0, wish)
    };
    let now = begin(vec![handle], size.pixels()).unwrap().step().unwrap();
    assert_eq!((now.picture.width, now.picture.height), (16, 40));
    // Below the square that the width would make, beside it, and with a mask of another size.
    assert!(begin(vec![Handle { from: [8.0, 41.0], ..handle }], 0).is_err());
    assert!(begin(vec![Handle { from: [17.0, 8.0], ..handle }], 0).is_err());
    assert!(begin(vec![handle], 16 * 16).is_err());
}

#[test]
fn from_a_folder_of_tall_pictures_to_a_sheet_and_a_film() {
    let home = Home::new();
    let folder = home.path("portraits");
    std::fs::create_dir_all(&folder).unwrap();
    for i in 0..24u32 {
        let picture = image::RgbImage::from_fn(80, 120, |x, y| {
            let head = (x as f32 - 40.0).powi(2) + (y as f32 - 40.0).powi(2) < (18 + i % 6).pow(2) as f32;
            image::Rgb(if head { [220, (150 + 3 * i) as u8, 120] } else { [(7 * i) as u8, (y * 2) as u8, 60] })
        });
        picture.save(folder.join(format!("{i}.png"))).unwrap();
    }
    let source = folder.to_str().unwrap();
    let survey: serde_json::Value = serde_json::from_str(&home.ok(&["data", "survey", source, "--json"])).unwrap();
    let guesses = survey["guesses"].as_array().unwrap();
    let shape = guesses.iter().find(|g| g["setting"] == "data.resolution").unwrap().to_string();
    assert!(shape.contains("2:3") && shape.contains("32x48"), "{shape}");

    let run = home.path("run");
    let run = run.to_str().unwrap();
    #[rustfmt::skip]
    let events = lines(&home.ok(&[
        "train", "--data", source, "--model", "res-gan", "--resolution", "32x48", "--kimg", "0.016", "--batch", "4",
        "--set", "model.width=16", "--set", "model.narrow=8", "--set", "model.latent=5", "--device", "cpu", "--out", run,
        "--json",
    ]));
    assert!(events.iter().any(|e| e["event"] == "finished"));
    let kept: serde_json::Value =
        serde_json::from_slice(&std::fs::read(home.path("run/recipe.json")).unwrap()).unwrap();
    assert_eq!(kept["data"]["resolution"], "32x48");
    let size = |file: &str| image::open(home.path(file)).map(|p| (p.width(), p.height())).unwrap();
    let at = |file: &str| home.path(file).to_str().unwrap().to_string();
    home.ok(&["sample", "--model", run, "--count", "6", "--grid", &at("sheet.png"), "--device", "cpu"]);
    let (w, h) = size("sheet.png");
    // Three columns of two rows or the like, with a line of a pixel between and around.
    let columns = (w - 1) / 33;
    assert_eq!((w, h), (columns * 33 + 1, 6u32.div_ceil(columns) * 49 + 1));
    home.ok(&["reproduce", &at("sheet.png"), "--device", "cpu"]);
    home.ok(&["sample", "--model", run, "--count", "2", "--out", &at("one"), "--device", "cpu"]);
    let first = std::fs::read_dir(home.path("one")).unwrap().next().unwrap().unwrap().file_name();
    assert_eq!(size(&format!("one/{}", first.to_str().unwrap())), (32, 48));
    #[rustfmt::skip]
    home.ok(&["walk", "--model", run, "--seeds", "1,2", "--frames", "4", "--out", &at("film.gif"), "--device", "cpu"]);
    let gif = std::fs::read(home.path("film.gif")).unwrap();
    let side = |at: usize| u32::from(u16::from_le_bytes([gif[at], gif[at + 1]]));
    assert_eq!(2 * side(8), 3 * side(6), "a film of 2:3");
    home.ok(&["sample", "--model", run, "--count", "4", "--sprites", &at("sprites.png"), "--device", "cpu"]);
    assert_eq!(size("sprites.png"), (64, 96));

    // What cannot be is refused with the side and the reason.
    let never = at("never");
    for (size, why) in [("32x50", "height 50"), ("8x32", "width 8"), ("16x128", "4 times"), ("big", "no size")] {
        home.fails(&["train", "--data", "shapes:40", "--resolution", size, "--out", &never], 2, why);
    }
    home.fails(
        &["train", "--data", "shapes:40", "--set", "data.resolution=32x50", "--out", &never, "--device", "cpu"],
        2,
        "height 50",
    );
}

#[test]
fn recipes_of_squares_are_written_as_before() {
    let mut recipe = small("res-gan", "/pictures", 32);
    assert!(recipe.to_json().contains("\"resolution\": 32,"));
    json_path::assign(&mut recipe, "data.resolution=48x20").unwrap();
    assert_eq!(recipe.data.resolution, Resolution::new(48, 20));
    assert!(recipe.to_json().contains("\"resolution\": \"48x20\","));
    recipe.validate().unwrap();
    json_path::assign(&mut recipe, "data.resolution=64x64").unwrap();
    assert!(recipe.to_json().contains("\"resolution\": 64,"));
    let problem = json_path::assign(&mut recipe, "data.resolution=wide").unwrap_err();
    assert!(problem.to_string().contains("wide"), "{problem}");
    json_path::assign(&mut recipe, "data.resolution=16x512").unwrap();
    let problem = recipe.validate().unwrap_err();
    assert!(problem.subject.unwrap().contains("16x512") && problem.remedy.unwrap().contains("WIDTHxHEIGHT"));
}
