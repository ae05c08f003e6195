//! Latent space on the command line, with the shipped models.

use std::time::{Duration, Instant};

use egui::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use latent_studio::base::paths::Paths;
use latent_studio::recipe::picture::Latent;
use latent_studio::ui::action::{Action, Pick, ViewMessage};
use latent_studio::ui::app::Options;
use latent_studio::ui::file_dialog::{Answer, FilePicker};
use latent_studio::ui::{StudioApp, ViewId};

use crate::common::{Home, engine, lines};

const MODEL: &str = "nouns-gan";

fn text(home: &Home, name: &str) -> String {
    home.path(name).to_str().unwrap().to_string()
}

#[test]
fn directions_are_found_kept_and_applied() {
    let home = Home::new();
    let found = home.ok(&["directions", "find", "--model", MODEL, "--method", "sefa", "--count", "3", "--json"]);
    let found: serde_json::Value = serde_json::from_str(&found).unwrap();
    assert_eq!(found.as_array().unwrap().len(), 3);
    assert_eq!(found[0]["name"], "SeFa 1");
    assert_eq!(found[0]["values"].as_array().unwrap().len(), 64);
    assert!(found[0]["score"].as_f64().unwrap() > found[2]["score"].as_f64().unwrap());
    let (liked, disliked) = (["--liked", "1,2,3"], ["--disliked", "4,5"]);
    let taste =
        [&["directions", "find", "--model", MODEL, "--method", "taste", "--json"][..], &liked, &disliked].concat();
    home.ok(&taste);
    assert!(home.ok(&["directions", "list", "--model", MODEL]).contains("Liked"));

    let strip = text(&home, "strip.png");
    home.ok(&[
        "directions",
        "apply",
        "--model",
        MODEL,
        "--direction",
        "SeFa 1",
        "--latents",
        "1,2",
        "--steps",
        "5",
        "--out",
        &strip,
    ]);
    let picture = image::open(&strip).unwrap();
    assert_eq!((picture.width(), picture.height()), (5 * 33 + 1, 2 * 33 + 1));

    // What is exported can be taken in by another studio with the same model.
    let file = text(&home, "directions.json");
    home.ok(&["directions", "export", "--model", MODEL, "--out", &file]);
    let other = Home::new();
    assert!(other.ok(&["directions", "import", "--model", MODEL, &file]).contains("SeFa 3"));
    assert!(!other.run(&["directions", "import", "--model", "emoji-faces-gan", &file]).status.success());
    home.ok(&["directions", "separate", "--model", MODEL, "SeFa 1", "--from", "Liked"]);
    home.ok(&["directions", "remove", "--model", MODEL, "Liked"]);
    assert_eq!(home.ok(&["directions", "list", "--model", MODEL]).lines().count(), 3);
}

#[test]
fn pictures_are_inverted_with_all_that_is_told_of_them() {
    let home = Home::new();
    let folder = text(&home, "samples");
    home.ok(&["sample", "--model", MODEL, "--count", "2", "--seed", "5", "--out", &folder]);
    let out = text(&home, "latents");
    let told = home.ok(&["invert", "--model", MODEL, "--input", &folder, "--steps", "3", "--out", &out, "--json"]);
    let told = lines(&told);
    assert_eq!(told.len(), 2);
    for line in &told {
        for field in ["file", "psnr", "encoder_psnr", "latent", "picture"] {
            assert!(line.get(field).is_some(), "{field} in {line}");
        }
        assert!(line["psnr"].as_f64().unwrap() > 5.0);
        // The picture carries the latent that was found.
        let inspected = &lines(&home.ok(&["inspect", line["picture"].as_str().unwrap(), "--json"]))[0];
        let latent = std::fs::read(line["latent"].as_str().unwrap()).unwrap();
        let latent: serde_json::Value = serde_json::from_slice(&latent).unwrap();
        assert_eq!(inspected["latent"], latent);
        assert_eq!(inspected["made_by"], "inversion");
    }
}

#[test]
fn a_group_of_broken_pictures_does_not_end_the_rest() {
    let home = Home::new();
    let folder = home.path("photos");
    std::fs::create_dir_all(&folder).unwrap();
    for i in 0..9 {
        std::fs::write(folder.join(format!("a{i}.png")), b"no picture").unwrap();
    }
    for name in ["y.png", "z.png"] {
        image::RgbImage::from_pixel(32, 32, image::Rgb([200, 20, 20])).save(folder.join(name)).unwrap();
    }
    let (folder, out) = (text(&home, "photos"), text(&home, "latents"));
    std::fs::create_dir_all(&out).unwrap();
    std::fs::write(home.path("latents/y.json"), b"mine").unwrap();
    let done = home.run(&["invert", "--model", MODEL, "--input", &folder, "--steps", "1", "--out", &out, "--json"]);
    assert_eq!(done.status.code(), Some(3), "a part is missing");
    assert_eq!(lines(&String::from_utf8(done.stdout).unwrap()).len(), 2);
    let said = String::from_utf8(done.stderr).unwrap();
    assert!((0..9).all(|i| said.contains(&format!("a{i}.png"))) && said.contains("9 of 11"), "{said}");
    assert_eq!(std::fs::read(home.path("latents/y.json")).unwrap(), b"mine");
}

#[test]
fn numbers_that_make_no_sense_are_refused_before_anything_is_made() {
    let home = Home::new();
    let out = text(&home, "out.png");
    let sample = ["sample", "--model", MODEL, "--grid", &out];
    for wrong in [
        &["--truncation", "nan"][..],
        &["--truncation", "inf"],
        &["--count", "4000000000"],
        &["--count", "99999999999"],
        &["--class", "cat"],
    ] {
        let done = home.run(&[&sample[..], wrong].concat());
        assert_eq!(done.status.code(), Some(2), "{wrong:?}");
    }
    let many = home.run(&[&sample[..], &["--count", "4000000000"]].concat());
    assert!(String::from_utf8(many.stderr).unwrap().contains("fit at 32 pixels"));
    let walk = ["walk", "--model", MODEL, "--out", &out, "--frames", "4", "--seeds"];
    let foreign = text(&home, "point.json");
    std::fs::write(&foreign, r#"{"kind":"point","values":[1.0]}"#).unwrap();
    assert_eq!(home.run(&[&walk[..], &[&foreign]].concat()).status.code(), Some(2));
    assert!(!home.path("out.png").exists());
    home.ok(&[&walk[..], &["1,2"]].concat());
}

#[test]
fn maps_and_sheets_are_written() {
    let home = Home::new();
    let map = text(&home, "map.png");
    home.ok(&["map", "--model", MODEL, "--plane", "1,2,3", "--rect", "0,0,1,0.5", "--zoom", "1", "--out", &map]);
    let picture = image::open(&map).unwrap();
    assert_eq!((picture.width(), picture.height()), (256, 128));
    assert!(!home.run(&["map", "--model", MODEL, "--plane", "1,2,3", "--zoom", "30", "--out", &map]).status.success());

    let atlas = text(&home, "atlas.json");
    let source = ["--data", "shapes:40", "--samples", "30", "--layout", "pca"];
    home.ok(&[&["atlas", "--model", "shapes-beta-vae", "--out", &atlas][..], &source].concat());
    let atlas: serde_json::Value = serde_json::from_slice(&std::fs::read(&atlas).unwrap()).unwrap();
    assert_eq!(atlas["points"].as_array().unwrap().len(), 70);
    assert_eq!(atlas["points"][0]["whose"]["kind"], "real");
    let sheet = text(&home, "atlas.png");
    home.ok(&[&["atlas", "--model", "shapes-beta-vae", "--out", &sheet, "--size", "300"][..], &source].concat());
    assert_eq!(image::open(&sheet).unwrap().width(), 300);
}

#[test]
fn films_are_the_same_to_the_last_byte() {
    let home = Home::new();
    let mut timeline: serde_json::Value = serde_json::from_str(&home.ok(&["film", "--example"])).unwrap();
    // A short one, at the speed of what the eye sees.
    for (key, time) in timeline["keys"].as_array_mut().unwrap().iter_mut().zip([0.0, 0.1, 0.2]) {
        key["time"] = time.into();
    }
    timeline["seconds"] = 0.3.into();
    timeline["truncation"] = serde_json::json!([{ "time": 0.0, "value": 1.0 }, { "time": 0.2, "value": 0.7 }]);
    timeline["even"] = true.into();
    let file = text(&home, "film.json");
    std::fs::write(&file, timeline.to_string()).unwrap();
    for name in ["a.mp4", "a.gif", "a.png"] {
        let bytes = |round: &str| {
            let out = text(&home, &format!("{round}-{name}"));
            home.ok(&["film", &file, "--fps", "20", "--scale", "2", "--out", &out]);
            std::fs::read(out).unwrap()
        };
        let first = bytes("first");
        assert!(first.len() > 500);
        assert!(first == bytes("second"), "{name}");
    }
    let frames = text(&home, "frames");
    home.ok(&["film", &file, "--fps", "20", "--out", &frames]);
    assert_eq!(std::fs::read_dir(&frames).unwrap().count(), 6);
    std::fs::write(&file, "{}").unwrap();
    let refused = home.run(&["film", &file, "--out", &text(&home, "no.mp4")]);
    assert_eq!(refused.status.code(), Some(2));
}

struct Nobody;

impl FilePicker for Nobody {
    fn open(&self, _pick: &Pick, answer: Answer) {
        answer(Ok(Vec::new()));
    }
}

fn until(h: &mut Harness<'static, StudioApp>, what: &str, is: impl Fn(&Harness<'static, StudioApp>) -> bool) {
    let start = Instant::now();
    while !is(h) {
        assert!(start.elapsed() < Duration::from_secs(60), "waited for {what}");
        h.step();
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The window over the real engine: a map is looked at, children are bred, one of them is opened.
#[test]
fn the_window_travels_through_a_real_model() {
    let home = Home::new();
    let paths = Paths::under(&home.path("home"));
    let engine = engine(&home);
    let mut h = Harness::builder().with_size(egui::vec2(1280.0, 800.0)).with_max_steps(60).build_eframe(move |_| {
        let options = Options { picker: Box::new(Nobody), still: true, remember: false, ..Options::default() };
        StudioApp::new(Box::new(engine), paths, options)
    });
    until(&mut h, "models", |h| !h.state().studio().models.is_empty());
    h.state_mut().act(Action::open(MODEL.into(), Latent::Seed { seed: 12 }, 1.0, "From Gallery"));
    until(&mut h, "the model", |h| h.state().studio().opened.contains_key(MODEL));
    let page = |id| Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Page(id)));
    h.state_mut().act(page("map"));
    until(&mut h, "the seeds", |h| h.query_by_role_and_label(Role::Canvas, "Seed plane").is_some());
    h.get_by_role_and_label(Role::ComboBox, "Plane").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "All seeds").click();
    until(&mut h, "the map", |h| h.query_by_role_and_label(Role::Canvas, "Latent map").is_some());
    h.get_by_role_and_label(Role::RadioButton, "Group: Blend").click();
    h.run_steps(4);
    h.get_by_role_and_label(Role::RadioButton, "Page: Breed").click();
    until(&mut h, "children", |h| h.query_by_label("Child 12").is_some());
    assert!(h.query_by_label("Seed").is_some(), "a seed is open");
    h.get_by_role_and_label(Role::Button, "Open child 5").click();
    until(&mut h, "a place between seeds", |h| h.query_by_label("Seed").is_none());
}
