//! An encrypted library, as a person at the command line has it: killed while it is encrypted, trained in, searched for
//! plain bytes.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use crate::common::{Home, lines, pictures};

const PASS: &str = "correct horse";

fn spawn(home: &Home, arguments: &[&str], said: &str) -> std::process::Child {
    let mut command = home.command(arguments);
    command.arg("--passphrase-stdin").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(said.as_bytes()).unwrap();
    child
}

fn with(home: &Home, arguments: &[&str], said: &str) -> Output {
    spawn(home, arguments, said).wait_with_output().unwrap()
}

fn ok(home: &Home, arguments: &[&str]) -> String {
    let out = with(home, arguments, &format!("{PASS}\n"));
    assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let walk = walkdir::WalkDir::new(folder).into_iter().flatten();
    walk.filter(|e| e.file_type().is_file()).map(|e| e.into_path()).collect()
}

/// Files below folders in which any of these is found.
fn found(folders: &[PathBuf], marks: &[&[u8]]) -> Vec<PathBuf> {
    let holds = |bytes: &[u8]| marks.iter().any(|m| bytes.windows(m.len()).any(|w| w == *m));
    folders.iter().flat_map(|f| files(f)).filter(|p| std::fs::read(p).is_ok_and(|b| holds(&b))).collect()
}

fn copy(from: &Path, to: &Path) {
    for file in files(from) {
        let target = to.join(file.strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(&file, target).unwrap();
    }
}

#[test]
fn killed_while_it_is_encrypted_trained_in_and_nothing_plain_is_left() {
    let home = Home::new();
    let source = pictures(&home.path("Wilhelmina"), 24, 16);
    let temp = home.path("temp");
    std::fs::create_dir_all(&temp).unwrap();
    let runs = home.paths().runs();
    let run = runs.join("r");
    let dir = run.to_str().unwrap();
    let train = |more: &[&str]| -> Vec<String> {
        let all = ["train", "--device", "cpu", "--json"].iter().chain(more).map(|s| (*s).to_owned());
        all.collect()
    };
    let first = train(&[
        "--data",
        &source,
        "--model",
        "res-gan",
        "--resolution",
        "16",
        "--kimg",
        "0.08",
        "--batch",
        "4",
        "--checkpoint-kimg",
        "0.04",
        "--set",
        "model.width=16",
        "--set",
        "model.narrow=8",
        "--out",
        dir,
    ]);
    home.ok(&first.iter().map(String::as_str).collect::<Vec<_>>());
    home.ok(&["library", "list", "--json"]);
    let other = Home::new();
    copy(&home.path("home"), &other.path("home"));

    let marks: [&[u8]; 5] = [b"Wilhelmina", b"\x89PNG\r\n", b"data_offsets", b"SQLite format 3", b"LATPREP1"];
    let places = [home.path("home"), temp.clone()];
    assert!(found(&places, &marks).len() > 8);
    let short = with(&home, &["library", "encrypt"], "short\n");
    assert_eq!(short.status.code(), Some(2));
    let mut recovery = None;
    let (mut killed, mut half) = (0, 0);
    for i in 0..60u64 {
        // Deriving the key takes about two seconds the first time, one later on.
        let mut child = spawn(&home, &["library", "encrypt", "--json"], &format!("{PASS}\n"));
        let began = std::time::Instant::now();
        let limit = Duration::from_millis(500 + 20 * i);
        while began.elapsed() < limit && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        let ended = child.try_wait().unwrap();
        if ended.is_none() {
            child.kill().unwrap();
            killed += 1;
            half += usize::from(
                std::fs::read_to_string(home.paths().data.join("vault.json")).is_ok_and(|h| h.contains("turning-on")),
            );
        }
        let out = child.wait_with_output().unwrap();
        if let Some(line) = String::from_utf8_lossy(&out.stdout).lines().find(|l| l.contains("recovery_key")) {
            let told: serde_json::Value = serde_json::from_str(line).unwrap();
            // Killed between telling it and the header, the next try tells another one: the last counts.
            recovery = told["recovery_key"].as_str().map(str::to_owned);
        }
        if ended.is_some_and(|s| s.success()) {
            break;
        }
        assert!(ended.is_none(), "{}", String::from_utf8_lossy(&out.stderr));
    }
    assert!(killed > 3 && half > 0, "killed {killed} times, {half} of them after it had begun");
    let recovery = recovery.expect("a recovery key");
    assert_eq!(found(&places, &marks), Vec::<PathBuf>::new());

    home.fails(&["library", "list"], 2, "The library is locked");
    let wrong = with(&home, &["library", "list"], "wrong horse\n");
    assert_eq!(wrong.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("not the passphrase"));
    assert!(with(&home, &["library", "list"], &format!("{recovery}\n")).status.success());
    assert!(home.run(&["recipe", "presets"]).status.success(), "what needs no library works");

    // The run goes on with the same numbers as where nothing is encrypted.
    let on = train(&["--resume", dir, "--kimg", "0.16"]);
    ok(&home, &on.iter().map(String::as_str).collect::<Vec<_>>());
    let there = other.paths().runs().join("r");
    let on = train(&["--resume", there.to_str().unwrap(), "--kimg", "0.16"]);
    other.ok(&on.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(found(&places, &marks), Vec::<PathBuf>::new(), "nor after training");

    let changed = with(&home, &["library", "passphrase"], &format!("{recovery}\nbattery staple\n"));
    assert!(changed.status.success(), "{}", String::from_utf8_lossy(&changed.stderr));
    assert!(!with(&home, &["library", "list"], &format!("{PASS}\n")).status.success());
    let off = with(&home, &["library", "decrypt", "--json"], "battery staple\n");
    assert!(off.status.success(), "{}", String::from_utf8_lossy(&off.stderr));
    assert_eq!(lines(&String::from_utf8(off.stdout).unwrap())[0]["state"], "plain");
    let last = |home: &Home| {
        let folder = home.paths().runs().join("r/checkpoints");
        let mut all: Vec<_> = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path()).collect();
        all.sort();
        std::fs::read(all.pop().unwrap().join("state.safetensors")).unwrap()
    };
    assert!(last(&home) == last(&other), "bit for bit the same");
}

/// A key that `library unlock` kept serves later commands until `library lock`.
#[cfg(target_os = "linux")]
#[test]
fn a_session_is_unlocked_and_locked() {
    let home = Home::new();
    home.ok(&["library", "list"]);
    ok(&home, &["library", "encrypt"]);
    let Ok(memory) = tempfile::tempdir_in("/dev/shm") else {
        eprintln!("skipped: this system has no /dev/shm");
        return;
    };
    let run = |arguments: &[&str]| {
        home.command(arguments).env("XDG_RUNTIME_DIR", memory.path()).stdin(Stdio::null()).output().unwrap()
    };
    assert!(!run(&["library", "list"]).status.success());
    let mut child = home
        .command(&["library", "unlock", "--passphrase-stdin"])
        .env("XDG_RUNTIME_DIR", memory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(format!("{PASS}\n").as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(run(&["library", "list"]).status.success());
    assert!(run(&["library", "lock"]).status.success());
    assert!(!run(&["library", "list"]).status.success());
    let disk = home.command(&["library", "unlock"]).env("XDG_RUNTIME_DIR", home.dir.path()).output().unwrap();
    assert!(String::from_utf8_lossy(&disk.stderr).contains("no folder in memory"));
}

/// What leaves without traces names no user, folder, device or time; `inspect --traces` finds them where they were left in.
#[test]
fn what_is_shared_without_traces_has_none() {
    let home = Home::new();
    let source = pictures(&home.path("Wilhelmina"), 24, 16);
    let run = home.path("run");
    let dir = run.to_str().unwrap();
    let boxes = home.path("boxes.csv");
    std::fs::write(&boxes, "file,x,y,w,h,how\n0000.png,2,2,8,8,blur\n").unwrap();
    home.ok(&[
        "train",
        "--device",
        "cpu",
        "--json",
        "--data",
        &source,
        "--model",
        "res-gan",
        "--resolution",
        "16",
        "--kimg",
        "0.04",
        "--batch",
        "4",
        "--set",
        "model.width=16",
        "--set",
        "model.narrow=8",
        "--out",
        dir,
        "--hide-boxes",
        boxes.to_str().unwrap(),
    ]);
    let recipe = std::fs::read_to_string(run.join("recipe.json")).unwrap();
    assert!(recipe.contains("0000.png=2,2,8,8:blur"));
    let out = |name: &str| home.path(name).to_str().unwrap().to_owned();
    let make = |more: &[&str], place: &str| {
        for (task, file) in [
            (vec!["sample", "--model", dir, "--count", "1", "--out"], "pictures"),
            (vec!["walk", "--model", dir, "--seeds", "1,2", "--frames", "4", "--out"], "a.mp4"),
            (vec!["report", dir, "--out"], "a.html"),
            (vec!["models", "--export", dir, "--out"], "a.safetensors"),
            (vec!["runs", "export", dir, "--tensorboard"], "events"),
        ] {
            let target = out(&format!("{place}/{file}"));
            std::fs::create_dir_all(home.path(place)).unwrap();
            let all: Vec<&str> = task.iter().copied().chain([target.as_str()]).chain(more.iter().copied()).collect();
            home.ok(&all);
        }
        files(&home.path(place))
    };
    let given_away = |file: &Path| -> Vec<String> {
        let text = home.ok(&["inspect", file.to_str().unwrap(), "--traces", "--json"]);
        let found = &lines(&text)[0];
        let of = |t: &serde_json::Value| format!("{} {}", t["gives"].as_str().unwrap(), t["says"].as_str().unwrap());
        let all = found["traces"].as_array().unwrap().iter().map(of);
        all.filter(|t| !t.starts_with("text ")).collect()
    };
    let with = make(&[], "with");
    let of = |files: &[PathBuf], end: &str| -> PathBuf {
        files.iter().find(|f| f.to_str().unwrap().contains(end)).unwrap_or_else(|| panic!("{end}")).clone()
    };
    for (end, says) in
        [(".png", "device cpu"), ("a.mp4", "device cpu"), ("a.safetensors", "Wilhelmina"), ("tfevents", "time ")]
    {
        let given = given_away(&of(&with, end));
        assert!(given.iter().any(|t| t.contains(says)), "{end}: {given:?}");
    }
    let without = make(&["--no-traces"], "without");
    assert_eq!(without.len(), with.len());
    for file in &without {
        assert_eq!(given_away(file), [""; 0], "{}", file.display());
    }
    assert_eq!(found(&[home.path("without")], &[b"Wilhelmina", b"0000.png", b"model run"]), Vec::<PathBuf>::new());
    home.fails(&["runs", "export", dir, "--mlflow", &out("m.db"), "--no-traces"], 2, "MLflow notes a user");
}
