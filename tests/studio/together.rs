//! Many at once on one library: windows, engines and command lines; a week of use that is made up.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use latent_studio::base::Picture;
use latent_studio::base::rng::Stream;
use latent_studio::engine::{Command as Ask, Engine, RecordsCommand};
use latent_studio::library::choices::Choice;
use latent_studio::library::records::Thing;
use latent_studio::library::{Library, NewItem};
use latent_studio::recipe::marks::Mark;
use latent_studio::recipe::picture::{Latent, PictureRecipe};
use serde_json::{Value, json};

use crate::common::{Home, engine, pictures};

const DAY: i64 = 24 * 60 * 60;

/// A display of its own, ended when it is dropped; nothing where there is no Xvfb.
struct Display(Child, String);

impl Display {
    fn start() -> Option<Self> {
        let number = format!(":{}", 400 + std::process::id() % 500);
        let child = Command::new("Xvfb")
            .args([number.as_str(), "-screen", "0", "1280x800x24"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        std::thread::sleep(Duration::from_millis(800));
        Some(Self(child, number))
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A picture of a model that is kept.
fn new(home: &Home, n: usize, model: &str, truncation: f32) -> NewItem {
    let recipe = PictureRecipe {
        studio: "0".into(),
        model: model.into(),
        model_hash: format!("hash-of-{model}"),
        latent: Latent::Seed { seed: n as u64 },
        truncation,
        made_by: "sample".into(),
        scale: 1,
        filter: "nearest".into(),
        grid: None,
        device: "cpu".into(),
        prior: None,
        canvas: None,
        watermark: None,
    };
    NewItem {
        path: home.paths().gallery().join(format!("{model}-{n}.png")),
        picture: Picture::filled(16, 16, [(n * 37 % 256) as u8, (n * 11 % 256) as u8, 120, 255]),
        model: model.into(),
        recipe: Some(recipe),
        starred: false,
    }
}

/// Two windows are open on a library (where there is Xvfb), two engines such as theirs and ten command lines change it at
/// once: every change is there in the end, and the chain is whole.
#[test]
fn two_windows_and_ten_command_lines_lose_no_change() {
    let home = Home::new();
    let source = pictures(&home.path("set"), 12, 16);
    let library = Library::open(&home.paths().library()).unwrap();
    let ids = library.add_items(&(0..24).map(|n| new(&home, n, "faces", 1.0)).collect::<Vec<_>>()).unwrap();
    let display = Display::start();
    if display.is_none() {
        eprintln!("there is no Xvfb: the two windows are left out, their engines are not");
    }
    let mut windows: Vec<Child> = display
        .iter()
        .flat_map(|display| [display, display])
        .map(|display| {
            let mut window = home.command(&[]);
            window.env("DISPLAY", &display.1).env_remove("WAYLAND_DISPLAY");
            window.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
        })
        .collect();
    std::thread::sleep(Duration::from_secs(if windows.is_empty() { 0 } else { 4 }));
    for window in &mut windows {
        assert!(window.try_wait().unwrap().is_none(), "a window did not stay open");
    }
    let all: Vec<String> = ids.iter().map(i64::to_string).collect();
    let engines = [engine(&home), engine(&home)];
    let lines: Vec<Child> = (0..10)
        .map(|i| {
            let (tag, name) = (format!("by {i}"), format!("{i:04}.png"));
            let own: Vec<&str> = if i % 2 == 0 {
                ["library", "tag", "--add", &tag].into_iter().chain(all.iter().map(String::as_str)).collect()
            } else {
                vec!["data", "tag", &source, &name, "--add", &tag]
            };
            home.command(&own).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    for (e, engine) in engines.iter().enumerate() {
        for (n, id) in ids.iter().enumerate().filter(|(n, _)| n % 2 == e) {
            engine.send(Ask::RateItems { ids: vec![*id], rating: (n % 5 + 1) as u8 });
        }
        let mark = Mark { weight: Some(2.0 + e as f64), ..Mark::default() };
        let marks = vec![(format!("{:04}.png", 10 + e), mark)];
        let (source, title) = (source.clone(), "Weight".to_owned());
        engine.send(Ask::Records(RecordsCommand::SetMarks { source, title, marks }));
    }
    for mut line in lines {
        assert!(line.wait().unwrap().success());
    }
    let begun = Instant::now();
    let done = || {
        let rated = ids
            .iter()
            .enumerate()
            .filter(|(n, id)| library.item(**id).unwrap().is_some_and(|item| usize::from(item.rating) == n % 5 + 1));
        rated.count() == ids.len() && library.marks(&source).unwrap().len() == 7
    };
    while !done() && begun.elapsed() < Duration::from_secs(30) {
        engines.iter().for_each(|engine| drop(engine.poll()));
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(done(), "{:?}", library.marks(&source).unwrap());
    engines.iter().for_each(Engine::shut_down);
    for mut window in windows {
        window.kill().unwrap();
        window.wait().unwrap();
    }
    let counts = library.tags().unwrap();
    assert_eq!(counts.iter().map(|(_, n)| *n).collect::<Vec<_>>(), [24; 5]);
    let marks = library.marks(&source).unwrap();
    assert!((0..10).step_by(2).all(|i| marks[&format!("{:04}.png", i + 1)].tags.contains(&format!("by {}", i + 1))));
    assert_eq!((marks["0010.png"].weight, marks["0011.png"].weight), (Some(2.0), Some(3.0)));
    let verdict: Value = serde_json::from_str(&home.ok(&["library", "verify", "--json"])).unwrap();
    assert_eq!(verdict["faults"], json!([]));
}

/// A week of use that is made up: two models, more kept of the one that is sampled with less truncation, choices, exports.
/// With `LATENT_STUDIO_WEEK=FOLDER` it is made there, for the window to show.
#[test]
fn usage_after_a_week_that_is_made_up() {
    let home = Home::new();
    let library = Library::open(&home.paths().library()).unwrap();
    let mut random = Stream::new(3, "a week");
    let (mut all, mut liked) = (Vec::new(), [0_u64; 2]);
    for day in 0..14_i64 {
        for (m, model) in ["nouns-gan", "emoji-faces-gan"].into_iter().enumerate() {
            let count = 6 + random.below(8) as usize;
            let truncation = if m == 0 { 0.7 } else { 1.0 };
            let made: Vec<NewItem> = (0..count).map(|n| new(&home, all.len() + n, model, truncation)).collect();
            for item in &made {
                let recipe = item.recipe.as_ref();
                let bytes = latent_studio::export::png_bytes(&item.picture, recipe).unwrap();
                std::fs::create_dir_all(item.path.parent().unwrap()).unwrap();
                std::fs::write(&item.path, bytes).unwrap();
            }
            let ids = library.add_items(&made).unwrap();
            for id in &ids {
                // The first model is liked two times in three, the other one in three.
                let rating =
                    if random.below(3) < 2 - m as u64 { 4 + random.below(2) as u8 } else { 1 + random.below(3) as u8 };
                library.rate(&[*id], rating).unwrap();
                liked[m] += u64::from(rating >= 4);
            }
            let file = home.path(&format!("export-{day}-{m}.png")).display().to_string();
            let body = json!({ "file": file, "model": model });
            let from = vec![(format!("item:{}", ids[0]), "exported".to_owned())];
            library.note_thing(&Thing { kind: "export".into(), key: format!("file:{file}"), body, from }).unwrap();
            all.extend(ids.iter().map(|id| (*id, day, m)));
        }
    }
    // The days before today: times are not part of what records of pictures say.
    let db = rusqlite::Connection::open(library.path()).unwrap();
    for (id, day, _) in &all {
        db.execute("UPDATE items SET created = created - ?1 WHERE id = ?2", [(13 - day) * DAY, *id]).unwrap();
    }
    drop(db);
    // Those of the first model are mostly better.
    for _ in 0..120 {
        let (a, b) = (all[random.below(all.len() as u64) as usize], all[random.below(all.len() as u64) as usize]);
        if a.2 != b.2 {
            let first = (a.2 == 0) == (random.below(10) < 8);
            let (better, worse) = if first { (a.0, b.0) } else { (b.0, a.0) };
            library.choose(Choice { better, worse }).unwrap();
        }
    }
    let usage: Value = serde_json::from_str(&home.ok(&["library", "usage", "--json"])).unwrap();
    let weeks = usage["weeks"].as_array().unwrap();
    let sum = |name: &str| weeks.iter().map(|w| w[name].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("made"), sum("liked"), sum("exported")), (all.len() as u64, liked[0] + liked[1], 28));
    let settings = usage["settings"].as_array().unwrap();
    let best = settings.iter().find(|s| s["name"] == "model").unwrap();
    assert_eq!(best["value"], "nouns-gan", "what is liked more stands first");
    assert!(home.ok(&["library", "rank"]).contains("held-out"));
    if let Some(out) = std::env::var_os("LATENT_STUDIO_WEEK") {
        drop(library);
        let status = Command::new("cp").arg("-r").arg(home.path("home")).arg(&out).status().unwrap();
        assert!(status.success());
    }
}
