//! Words and pictures from the command line: vectors, order by a text, samples by a text.

use std::path::PathBuf;

use latent_studio::data;
use latent_studio::export::png_bytes;

use crate::common::{Home, lines};

/// Writes the emoji of these names and says where they are.
fn emoji(home: &Home, names: &[&str]) -> Vec<PathBuf> {
    let source = data::open("emoji").unwrap();
    let folder = home.path("emoji");
    std::fs::create_dir_all(&folder).unwrap();
    let write = |name: &&str| {
        let i = (0..source.len()).find(|&i| source.caption(i).as_deref() == Some(name)).unwrap();
        let path = folder.join(format!("{}.png", name.replace(' ', "-")));
        std::fs::write(&path, png_bytes(&source.decode(i).unwrap(), None).unwrap()).unwrap();
        path
    };
    names.iter().map(write).collect()
}

fn text(path: &std::path::Path) -> &str {
    path.to_str().unwrap()
}

fn vector(line: &serde_json::Value) -> Vec<f64> {
    line["vector"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect()
}

const NAMES: [&str; 6] = ["red apple", "pizza", "grinning face", "rocket", "dog face", "umbrella"];

#[test]
fn texts_and_pictures_have_vectors_of_their_space() {
    let home = Home::new();
    let files = emoji(&home, &NAMES[..2]);
    let out = lines(&home.ok(&[
        "embed",
        "--text",
        "a slice of pizza",
        "--input",
        text(&files[0]),
        text(&files[1]),
        "--device",
        "cpu",
        "--json",
    ]));
    let inputs: Vec<&str> = out.iter().map(|l| l["input"].as_str().unwrap()).collect();
    assert_eq!(inputs, ["a slice of pizza", text(&files[0]), text(&files[1])]);
    let rows: Vec<Vec<f64>> = out.iter().map(vector).collect();
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    assert!(out.iter().all(|l| l["space"] == "joint") && rows.iter().all(|r| r.len() == 128));
    assert!(rows.iter().all(|r| (dot(r, r) - 1.0).abs() < 1e-4));
    assert!(dot(&rows[0], &rows[2]) > dot(&rows[0], &rows[1]) + 0.1);
    for (space, length) in [("photo", 1280), ("studio", 128)] {
        let out =
            lines(&home.ok(&["embed", "--input", text(&files[0]), "--space", space, "--device", "cpu", "--json"]));
        assert_eq!((out.len(), vector(&out[0]).len()), (1, length));
    }
    home.fails(&["embed", "--text", "x", "--space", "photo"], 2, "joint space only");
    home.fails(&["embed", "--text", " ", "--device", "cpu"], 2, "empty");
}

#[test]
fn pictures_come_in_the_order_in_which_a_text_fits_them() {
    let home = Home::new();
    let files = emoji(&home, &NAMES);
    let broken = home.path("emoji/broken.png");
    for (i, name) in NAMES.iter().enumerate() {
        let mut arguments = vec!["match", "--text", name, "--device", "cpu", "--json", "--input"];
        arguments.extend(files.iter().map(|f| text(f)));
        let out = lines(&home.ok(&arguments));
        assert_eq!(out[0]["file"], text(&files[i]), "{name}");
        let scores: Vec<f64> = out.iter().map(|l| l["score"].as_f64().unwrap()).collect();
        assert!(scores.is_sorted_by(|a, b| a >= b) && out.len() == files.len());
        assert!(out[0]["kind"] == "emoji" && out[0]["answered"] == true);
        assert!(out[0]["reliability"].as_f64().is_some_and(|r| r > 0.3 && r < 0.9));
    }
    // One that cannot be read is told of, and the others are ranked.
    std::fs::write(&broken, b"no picture").unwrap();
    let folder = home.path("emoji");
    home.fails(&["match", "--text", "a dog", "--device", "cpu", "--input", text(&folder)], 3, "broken.png");
    home.fails(&["match", "--text", "", "--device", "cpu", "--input", text(&files[0])], 2, "empty");
    home.fails(&["match", "--text", "x", "--input", text(&home.path("nowhere"))], 3, "nowhere");
}

#[test]
fn a_network_that_is_switched_off_is_not_used() {
    let home = Home::new();
    let files = emoji(&home, &NAMES[..1]);
    let config = home.path("home/config");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("networks.json"), br#"{"text":false}"#).unwrap();
    home.fails(&["match", "--text", "x", "--device", "cpu", "--input", text(&files[0])], 2, "switched off");
    home.ok(&["embed", "--input", text(&files[0]), "--space", "studio", "--device", "cpu"]);
}

#[test]
fn samples_that_fit_a_text_best_are_kept() {
    let home = Home::new();
    let out = home.path("best");
    let arguments = [
        "sample",
        "--model",
        "nouns-gan",
        "--count",
        "48",
        "--rank",
        "warm background",
        "--keep",
        "4",
        "--device",
        "cpu",
    ];
    let made = home.ok(&[&arguments[..], &["--out", text(&out)]].concat());
    assert_eq!(made.lines().count(), 4);
    // Nouns stand before one of two backgrounds: (225, 215, 213) is the warm one, (213, 215, 225) the cool one.
    let warm = made.lines().filter(|file| {
        let picture = data::decode_file(std::path::Path::new(file)).unwrap();
        let corner = &picture.rgba[..4];
        corner[0] > corner[2]
    });
    assert!(warm.count() >= 3);
    home.fails(&[&arguments[..], &["--keep", "49", "--out", text(&out)]].concat(), 2, "");
}
