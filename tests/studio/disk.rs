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

#[test]
fn a_full_disk_ends_the_run_and_keeps_what_was_complete() {
    let home = Home::new();
    for folder in ["disk", "out"] {
        std::fs::create_dir(home.path(folder)).unwrap();
    }
    let source = pictures(&home.path("pictures"), 12, 16);
    let out = |name: &str| std::fs::read_to_string(home.path("out").join(name)).unwrap_or_default();
    let status = Command::new("unshare")
        .args(["--mount", "--map-root-user", "sh", "-c", SCRIPT])
        .env("DISK", home.path("disk"))
        .env("OUT", home.path("out"))
        .env("PICTURES", &source)
        .env("STUDIO", env!("CARGO_BIN_EXE_latent-studio"))
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => {}
        other => return eprintln!("skipped: no file system of its own can be made here ({other:?})"),
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
