//! Runs that are really killed, and what is left of them.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use latent_studio::train::folder::RunFolder;

use crate::common::{Home, lines, pictures};

fn arguments<'a>(source: &'a str, run: &'a str) -> Vec<&'a str> {
    vec![
        "train",
        "--data",
        source,
        "--model",
        "res-gan",
        "--resolution",
        "16",
        "--kimg",
        "100",
        "--batch",
        "4",
        "--checkpoint-kimg",
        "0.02",
        "--device",
        "cpu",
        "--set",
        "model.width=16",
        "--set",
        "model.narrow=8",
        "--out",
        run,
        "--json",
    ]
}

#[allow(clippy::zombie_processes)] // Whoever starts it kills and waits for it.
/// Starts a run and waits for its second checkpoint.
fn until_checkpoints(home: &Home, arguments: &[&str]) -> std::process::Child {
    let mut child = home.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let out = BufReader::new(child.stdout.take().unwrap());
    let mut seen = 0;
    for line in out.lines() {
        if line.unwrap().contains("\"checkpoint\"") {
            seen += 1;
            if seen == 2 {
                return child;
            }
        }
    }
    panic!("the run ended by itself");
}

#[test]
fn a_killed_run_keeps_its_last_checkpoint_and_goes_on() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 20, 16);
    let run = home.path("run");
    let run = run.to_str().unwrap();
    let mut child = until_checkpoints(&home, &arguments(&source, run));
    let folder = RunFolder::open(std::path::Path::new(run)).unwrap();
    assert!(folder.is_locked());
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!folder.is_locked());
    assert!(folder.checkpoints().len() >= 2);
    let last = folder.checkpoints().last().unwrap().images;
    assert!(folder.history().len() > 2);
    assert_eq!(folder.summary().unwrap().state, latent_studio::train::report::RunState::Interrupted);
    let listed = &lines(&home.ok(&["library", "list", "--runs", "--json"]))[0];
    assert_eq!(listed[0]["state"], "interrupted", "{listed}");
    assert!(listed[0]["kimg"].as_f64().unwrap() >= last as f64 / 1000.0, "{listed}");
    let end = format!("{}", (last + 16) as f64 / 1000.0);
    let events = lines(&home.ok(&["train", "--resume", run, "--kimg", &end, "--json"]));
    let started = events.iter().find(|e| e["event"] == "started").unwrap();
    assert_eq!(started["kimg"], last as f64 / 1000.0);
    assert!(events.iter().any(|e| e["event"] == "finished"));
}

#[cfg(unix)]
#[test]
fn ctrl_c_saves_a_checkpoint_first() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 20, 16);
    let run = home.path("run");
    let run = run.to_str().unwrap();
    let mut child = until_checkpoints(&home, &arguments(&source, run));
    let folder = RunFolder::open(std::path::Path::new(run)).unwrap();
    let before = folder.checkpoints().last().unwrap().images;
    let kill = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(folder.checkpoints().last().unwrap().images >= before);
    // Everything seen is in it.
    assert_eq!(folder.checkpoints().last().unwrap().images, folder.status().unwrap().progress.images);
}

#[test]
fn a_run_is_trained_by_one_process_at_a_time() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 20, 16);
    let run = home.path("run");
    let run = run.to_str().unwrap();
    let mut child = until_checkpoints(&home, &arguments(&source, run));
    let second = home.run(&["train", "--resume", run]);
    let same = home.run(&arguments(&source, run));
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second.status.code(), Some(2), "{}", String::from_utf8_lossy(&second.stderr));
    assert!(String::from_utf8_lossy(&second.stderr).contains("already"));
    assert_eq!(same.status.code(), Some(2), "{}", String::from_utf8_lossy(&same.stderr));
}

#[cfg(unix)]
fn signal(child: &std::process::Child, names: &[&str]) {
    for name in names {
        let sent = std::process::Command::new("kill").args([*name, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }
}

/// What ends a session sends several requests at once.
#[cfg(unix)]
#[test]
fn requests_of_several_kinds_at_once_save_one_checkpoint() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 20, 16);
    let run = home.path("run");
    let run = run.to_str().unwrap();
    let mut child = until_checkpoints(&home, &arguments(&source, run));
    signal(&child, &["-TERM", "-HUP", "-TERM", "-INT"]);
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let folder = RunFolder::open(std::path::Path::new(run)).unwrap();
    let status = folder.status().unwrap();
    assert_eq!(status.state, latent_studio::train::report::RunState::Interrupted);
    assert_eq!(folder.checkpoints().last().unwrap().images, status.progress.images, "everything seen is in it");
}

#[cfg(unix)]
#[test]
fn a_run_under_nohup_outlives_its_terminal() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 20, 16);
    let run = home.path("run");
    let run = run.to_str().unwrap();
    let studio = home.command(&arguments(&source, run));
    let mut child = std::process::Command::new("sh")
        .args(["-c", "trap '' HUP; exec \"$@\"", "sh"])
        .arg(studio.get_program())
        .args(studio.get_args())
        .env("LATENT_STUDIO_HOME", home.path("home"))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut told = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut checkpoint = || told.by_ref().find(|line| line.contains("\"checkpoint\""));
    assert!(checkpoint().is_some());
    signal(&child, &["-HUP"]);
    assert!((0..3).all(|_| checkpoint().is_some()), "it goes on");
    signal(&child, &["-INT"]);
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_grow_is_an_error_and_not_the_end() {
    let home = Home::new();
    let source = pictures(&home.path("pictures"), 20, 16);
    let run = home.path("run");
    let studio = home.command(&arguments(&source, run.to_str().unwrap()));
    let out = std::process::Command::new("sh")
        .args(["-c", "ulimit -f 16; exec \"$@\"", "sh"])
        .arg(studio.get_program())
        .args(studio.get_args())
        .env("LATENT_STUDIO_HOME", home.path("home"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(4), "{said}");
    assert!(said.contains("Free some space"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn what_cannot_be_told_is_no_panic_and_no_success() {
    let home = Home::new();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let listed = home.command(&["recipe", "presets"]).stdout(full()).output().unwrap();
    assert_eq!(listed.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&listed.stderr).contains("standard output"));

    let source = pictures(&home.path("pictures"), 20, 16);
    let run = home.path("run");
    let mut short = arguments(&source, run.to_str().unwrap());
    short[8] = "0.02";
    short.pop();
    let quiet = home.command(&short).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(quiet.code(), Some(0), "messages are for those who look");
    let resume = ["train", "--resume", run.to_str().unwrap(), "--kimg", "0.024", "--json"];
    let told = home.command(&resume).stdout(full()).stderr(full()).status().unwrap();
    assert_eq!(told.code(), Some(4), "what was asked for as JSON is lost");
    let state = RunFolder::open(&run).unwrap().status().unwrap().state;
    assert_eq!(state, latent_studio::train::report::RunState::Finished);
}
