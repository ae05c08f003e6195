//! A disk that is really full: a small file system in memory, in a namespace of its own.

use std::process::{Command, Stdio};

use latent_studio::base::{Kind, Problem};
use latent_studio::train::checkpoint;
use latent_studio::train::folder::RunFolder;

use crate::common::{Home, lines, pictures};

/// Trains on a disk of 3 MiB until it is full, keeps a copy of what is left, makes room and goes on.
const SCRIPT: &str = r#"
mount -t tmpfs -o size=3m tmpfs "$DISK" || exit 77
export LATENT_STUDIO_HOME="$DISK/home"
"$STUDIO" train --data "$PICTURES" --model res-gan --resolution 16 --kimg 100 --batch 4 --device cpu \
    --checkpoint-kimg 0.02 --set run.keep=1000 --set model.width=16 --set model.narrow=8 --set model.latent=4 \
    --out "$DISK/run" --json >"$OUT/first.jsonl" 2>"$OUT/first.err"
echo $? >"$OUT/first.code"
cp -r "$DISK/run" "$OUT/left"
"$STUDIO" library list --runs --json >"$OUT/library.json"
mount -o remount,size=64m "$DISK" || exit 78
images=$(ls "$DISK/run/checkpoints" | sort | tail -1 | sed 's/^0*//')
"$STUDIO" train --resume "$DISK/run" --kimg "$(( images + 40 ))e-3" --json >"$OUT/second.jsonl" 2>"$OUT/second.err"
echo $? >"$OUT/second.code"
"#;

/// Runs a script that may mount file systems of its own; says whether it could.
fn on_a_small_disk(home: &Home, script: &str, source: &str) -> bool {
    let status = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", script])
        .env("DISK", home.path("disk"))
        .env("OUT", home.path("out"))
        .env("PICTURES", source)
        .env("STUDIO", env!("CARGO_BIN_EXE_latent-studio"))
        .stderr(Stdio::null())
        .status();
    let could = matches!(&status, Ok(status) if status.success());
    if !could {
        eprintln!("skipped: no file system of its own can be made here ({status:?})");
    }
    could
}

/// Imports into a library on a disk of 3 MiB until it is full, makes room, goes on; then looks at all pictures on a disk
/// that holds the library and little more, makes room, searches.
const IMPORT: &str = r#"
mount -t tmpfs -o size=3m tmpfs "$DISK" || exit 77
export LATENT_STUDIO_HOME="$DISK/home"
"$STUDIO" library import "$PICTURES" --json >"$OUT/first.jsonl" 2>"$OUT/first.err"
echo $? >"$OUT/first.code"
mount -o remount,size=64m "$DISK" || exit 78
"$STUDIO" library import "$PICTURES" --json >"$OUT/second.jsonl" 2>"$OUT/second.err"
"$STUDIO" library import emoji:smileys --json >"$OUT/third.jsonl" 2>"$OUT/third.err"
mount -o remount,size=$(( $(du -sk "$DISK" | cut -f1) + 64 ))k "$DISK" || exit 79
"$STUDIO" library embed --device cpu --json >"$OUT/embed.jsonl" 2>"$OUT/embed.err"
echo $? >"$OUT/embed.code"
mount -o remount,size=256m "$DISK" || exit 80
"$STUDIO" library search --like "$OUT/like.png" --where data=emoji --json >"$OUT/search.jsonl" 2>"$OUT/search.err"
echo $? >"$OUT/search.code"
"$STUDIO" library list --json >"$OUT/list.json"
"#;

#[test]
fn a_full_disk_while_importing_or_looking_loses_nothing() {
    let home = Home::new();
    for folder in ["disk", "out"] {
        std::fs::create_dir(home.path(folder)).unwrap();
    }
    let out = |name: &str| std::fs::read_to_string(home.path("out").join(name)).unwrap_or_default();
    std::fs::copy(format!("{}/0000.png", pictures(&home.path("one"), 1, 16)), home.path("out/like.png")).unwrap();
    if !on_a_small_disk(&home, IMPORT, "shapes:6000") {
        return;
    }
    assert_eq!(out("first.code").trim(), "4", "{}", out("first.err"));
    assert!(out("first.err").contains("the disk is full") && out("first.err").contains("Free some space"));
    let second = &lines(&out("second.jsonl"))[0];
    assert_eq!(second["added"].as_u64().unwrap() + second["known"].as_u64().unwrap(), 6000, "{}", out("second.err"));
    assert_eq!(out("embed.code").trim(), "4", "{}", out("embed.err"));
    assert!(out("embed.err").contains("the disk is full"), "{}", out("embed.err"));
    assert_eq!(out("search.code").trim(), "0", "{}", out("search.err"));
    assert_eq!(out("list.json").trim(), "[]", "the library can be read");
}

#[test]
fn a_full_disk_ends_the_run_and_keeps_what_was_complete() {
    let home = Home::new();
    for folder in ["disk", "out"] {
        std::fs::create_dir(home.path(folder)).unwrap();
    }
    let source = pictures(&home.path("pictures"), 12, 16);
    let out = |name: &str| std::fs::read_to_string(home.path("out").join(name)).unwrap_or_default();
    if !on_a_small_disk(&home, SCRIPT, &source) {
        return;
    }
    assert_eq!(out("first.code").trim(), "4", "{}", out("first.err"));
    let first = lines(&out("first.jsonl"));
    let failed = first.iter().find(|e| e["event"] == "failed").unwrap();
    let problem: Problem = serde_json::from_value(failed["problem"].clone()).unwrap();
    assert!(problem.kind == Kind::Failed && problem.remedy.unwrap().contains("space"), "{failed}");
    assert!(
        first.iter().any(|e| e["event"] == "warning" && e.to_string().contains("may fill up")),
        "it was foreseen: {}",
        out("first.jsonl")
    );

    // Every checkpoint that has its name is whole; curves and status are there.
    let left = RunFolder::open(&home.path("out/left")).unwrap();
    let checkpoints = left.checkpoints();
    assert!(!checkpoints.is_empty());
    for checkpoint in &checkpoints {
        assert_eq!(checkpoint::load(&checkpoint.path).unwrap().saved.images, checkpoint.images);
    }
    assert!(left.history().len() > 3);
    assert!(!left.summary().unwrap().state.is_alive());
    assert!(out("library.json").contains("\"dir\""), "the library can be read: {}", out("library.json"));

    // With room again it goes on from there.
    assert_eq!(out("second.code").trim(), "0", "{}", out("second.err"));
    let second = lines(&out("second.jsonl"));
    let started = second.iter().find(|e| e["event"] == "started").unwrap();
    assert_eq!(started["kimg"], checkpoints.last().unwrap().images as f64 / 1000.0);
    assert!(second.iter().any(|e| e["event"] == "finished"));
}

/// Results that cannot be written are an error, not an empty file and success.
#[cfg(target_os = "linux")]
#[test]
fn results_on_a_full_disk_are_errors() {
    let home = Home::new();
    for arguments in [&["recipe", "schema", "--json"][..], &["models", "--json"], &["library", "path"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let out = home.command(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        let told = String::from_utf8_lossy(&out.stderr).into_owned();
        assert_eq!(out.status.code(), Some(4), "{arguments:?}: {told}");
        assert!(told.contains("could not be written"), "{told}");
    }
    // A reader that has gone away is none.
    let mut gone = home.command(&["recipe", "schema", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    drop(gone.stdout.take());
    assert_eq!(gone.wait().unwrap().code(), Some(0));
}

/// Files that the command line names itself never take the place of those that are there.
#[test]
fn ones_own_files_stay_and_endings_are_kept_to() {
    let home = Home::new();
    let (model, script) = (home.path("faces.safetensors"), home.path("faces.py"));
    std::fs::write(&script, "mine").unwrap();
    let out = model.to_str().unwrap();
    let told = home.ok(&["models", "--export", "nouns-gan", "--out", out, "--pytorch"]);
    assert!(told.contains("faces_2.py"), "{told}");
    assert_eq!(std::fs::read_to_string(&script).unwrap(), "mine");

    let sheet = home.path("sheet.jpg");
    let refused = home.run(&["sample", "--model", "nouns-gan", "--count", "2", "--grid", sheet.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains(".png") && !sheet.exists());

    // A file that was named is replaced only if that was said.
    std::fs::write(&model, "mine").unwrap();
    let again = ["models", "--export", "nouns-gan", "--out", out];
    let refused = home.run(&again);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--overwrite"));
    assert_eq!(std::fs::read_to_string(&model).unwrap(), "mine");
    home.ok(&[&again[..], &["--overwrite"]].concat());
    assert!(std::fs::metadata(&model).unwrap().len() > 1000);

    let square = home.path("square.png");
    let arguments = ["sample", "--model", "nouns-gan", "--count", "4", "--device", "cpu", "--fit", "square"];
    home.ok(&[&arguments[..], &["--sprites", square.to_str().unwrap()]].concat());
    let size = image::image_dimensions(&square).unwrap();
    assert_eq!(size, (1080, 1080));
    assert!(home.ok(&["reproduce", square.to_str().unwrap(), "--device", "cpu"]).starts_with("pixel-exact"));
    let told = home.ok(&["library", "clean", "--json"]);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert!(told["storage"].as_array().unwrap().iter().any(|k| k["id"] == "prepared" && k["clearable"] == true));
}
