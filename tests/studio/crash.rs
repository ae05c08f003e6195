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
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(second.status.code(), Some(2), "{}", String::from_utf8_lossy(&second.stderr));
    assert!(String::from_utf8_lossy(&second.stderr).contains("already"));
}
