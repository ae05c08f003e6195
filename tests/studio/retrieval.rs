//! Samples that are grounded in real pictures: from the command line, with a VAE and a GAN.

use std::path::{Path, PathBuf};

use crate::common::{Home, lines};

/// Forty dark and forty light pictures in two folders.
fn shades(dir: &Path) -> String {
    for (word, from) in [("dark", 20u8), ("light", 190)] {
        std::fs::create_dir_all(dir.join(word)).unwrap();
        for i in 0..40u8 {
            let picture = image::RgbImage::from_fn(16, 16, |x, y| {
                let v = from + i + if (x / 4 + y / 4) % 2 == 0 { 10 } else { 0 };
                image::Rgb([v, v, v.saturating_add(i % 7)])
            });
            picture.save(dir.join(word).join(format!("{word}{i:02}.png"))).unwrap();
        }
    }
    dir.display().to_string()
}

/// Picture files of a folder, by name.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|f| f.extension().is_some_and(|x| x == "png"));
    files.sort();
    files
}

/// Mean brightness of each picture of a folder, in the order of their names.
fn brightness(dir: &Path) -> Vec<f64> {
    let mean = |file: &PathBuf| {
        let picture = image::open(file).unwrap().to_luma8();
        picture.pixels().map(|p| f64::from(p.0[0])).sum::<f64>() / f64::from(picture.width() * picture.height())
    };
    files(dir).iter().map(mean).collect()
}

#[test]
fn samples_are_drawn_near_real_pictures_and_name_them() {
    let home = Home::new();
    let data = shades(&home.path("pictures"));
    let at = |name: &str| home.path(name).display().to_string();
    let train = |model: &str, kimg: &str, more: &[&str]| {
        let own =
            ["train", "--data", &data, "--model", model, "--resolution", "16", "--out", &at(model), "--kimg", kimg];
        let small = ["--device", "cpu", "--batch", "16", "--set", "run.preview_kimg=100", "--checkpoint-kimg", "100"];
        let sizes = ["--set", "model.width=16", "--set", "model.narrow=8", "--set", "model.latent=4"];
        home.ok(&[&own[..], &small, &sizes, more].concat());
    };
    train("conv-vae", "8", &["--set", "optim.lr=0.003", "--set", "objective.beta=0.1"]);
    train("dcgan", "0.2", &[]);
    let sample = |model: &str, out: &str, more: &[&str]| {
        let (model, out) = (at(model), at(out));
        let own = ["sample", "--model", &model, "--out", &out, "--count", "6", "--device", "cpu"];
        home.ok(&[&own[..], more].concat());
        brightness(Path::new(&out))
    };
    let like = home.path("pictures/light/light20.png").display().to_string();
    let sources = at("sources.json");
    let near = ["--like", &like, "--strength", "1", "--neighbours", "4", "--sources", &sources];
    let light = sample("conv-vae", "light", &near);
    let told: serde_json::Value = serde_json::from_slice(&std::fs::read(&sources).unwrap()).unwrap();
    let from = told["retrieved"]["sources"].as_array().unwrap();
    assert!(from.len() == 4 && from.iter().all(|s| s["label"] == "light"), "{from:?}");
    assert!(light.iter().all(|v| *v > 150.0), "{light:?}");
    let pictures = told["pictures"].as_array().unwrap();
    assert!(pictures.len() == 6 && pictures.iter().all(|p| p["nearest"]["name"].is_string()));
    assert!(pictures.iter().all(|p| p["from"].as_str().unwrap().contains("light")));
    let other = home.path("pictures/dark/dark20.png").display().to_string();
    let dark = sample("conv-vae", "dark", &["--like", &other, "--unlike", &like, "--strength", "1"]);
    assert!(dark.iter().all(|v| *v < 110.0), "{dark:?}");

    // Without their weight, pictures are those of the seeds, byte by byte but for how they were made.
    sample("conv-vae", "learned", &[]);
    sample("conv-vae", "same", &["--like", &like, "--strength", "0"]);
    let pixels = |name: &str| image::open(&files(&home.path(name))[2]).map(|p| p.to_rgb8().into_raw());
    assert_eq!(pixels("learned").unwrap(), pixels("same").unwrap());
    // What is drawn so is made again from its recipe.
    let file = files(&home.path("light"))[1].display().to_string();
    let again = home.ok(&["reproduce", &file, "--model", &at("conv-vae"), "--device", "cpu", "--json"]);
    assert!(!lines(&again).is_empty());

    // Whether pictures are copies: of a model, of files that say which model made them, of files that do not.
    let audit = |more: &[&str]| -> serde_json::Value {
        lines(&home.ok(&[&["audit", "--device", "cpu", "--json"], more].concat())).remove(0)
    };
    let model = at("conv-vae");
    let pairs = at("pairs.png");
    let whole = audit(&["--model", &model, "--count", "20", "--pairs", &pairs]);
    let sum = |told: &serde_json::Value| ["own", "near", "copy"].iter().map(|n| told[n].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum(&whole), whole["held_out"].as_bool(), whole["unseen"].as_u64()), (20, Some(false), Some(80)));
    assert_eq!(image::open(&pairs).unwrap().width(), 12 * 17 + 1);
    let own = audit(&[&file, "--model", &model]);
    assert_eq!(sum(&own), 1);
    let copy = audit(&[&like, "--model", &model]);
    assert_eq!((copy["copy"].as_u64(), copy["each"][0]["nearest"]["standing"].as_str()), (Some(1), Some("copy")));
    assert!(copy["each"][0]["nearest"]["name"].as_str().unwrap().ends_with("light20.png"));
    home.fails(&["audit", &like, "--device", "cpu"], 3, "does not say which model made it");
    // It says so, but the run lies where the studio does not look by itself.
    home.fails(&["audit", &file, "--device", "cpu"], 3, "is not on this computer");

    // A GAN: latents are searched for.
    let gan = sample("dcgan", "gan", &["--like", &like, "--neighbours", "2"]);
    assert_eq!(gan.len(), 6);

    // Bad input: nothing is made, and it is said why.
    let out = at("no");
    let fails = |more: &[&str], code: i32, said: &str| {
        let model = at("conv-vae");
        let own = ["sample", "--model", &model, "--out", &out, "--count", "2", "--device", "cpu"];
        home.fails(&[&own[..], more].concat(), code, said);
    };
    fails(&["--strength", "0.4"], 2, "no effect without real pictures");
    fails(&["--like", &like, "--strength", "1.5"], 2, "Choose 0 (as the model learned) to 1");
    fails(&["--like", &like, "--neighbours", "0"], 2, "Choose 1 to 64");
    fails(&["--near", " "], 2, "no words to look for");
    fails(&["--like", &like, "--unlike", &like], 2, "cancel each other out");
    let broken = home.path("broken.png");
    std::fs::write(&broken, b"no picture").unwrap();
    fails(&["--like", broken.to_str().unwrap()], 3, "broken.png");
    fails(&["--like", &like, "--from", &at("nowhere")], 3, "nowhere");
    let moved = home.path("elsewhere");
    std::fs::rename(home.path("pictures"), &moved).unwrap();
    fails(&["--near", "light"], 3, "--from");
}
