//! Runs told to TensorBoard, MLflow and trackio, read back with the programs themselves.
//!
//! They are large and come from the network, so they are asked for: `LATENT_STUDIO_READERS=FOLDER cargo test records` makes a
//! virtual environment for each, of the pinned version, in that folder, unless it is there already. Where that cannot be
//! done the test says so and is passed over.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::common::{Home, pictures};

/// The interpreter with a package; nothing where it cannot be had.
pub fn python(name: &str, package: &str) -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("LATENT_STUDIO_READERS").map(PathBuf::from) else {
        eprintln!("passed over: {package} is installed only where LATENT_STUDIO_READERS names a folder");
        return None;
    };
    let python = folder.join(name).join("bin/python");
    let runs = |program: &Path, arguments: &[&str]| {
        Command::new(program).args(arguments).stdout(Stdio::null()).status().is_ok_and(|s| s.success())
    };
    let (module, version) = package.split_once("==").unwrap();
    let check = format!("import importlib.metadata as m; assert m.version('{module}') == '{version}'");
    let made = runs(&python, &["-c", &check])
        || runs(Path::new("python3"), &["-m", "venv", folder.join(name).to_str().unwrap()])
            && runs(&python, &["-m", "pip", "install", "-q", package]);
    if !made {
        eprintln!("passed over: {package} could not be installed in {}", folder.display());
    }
    made.then_some(python)
}

/// Runs a script, which prints one JSON value last.
fn read(python: &Path, script: &str, arguments: &[&str], environment: &[(&str, &Path)]) -> Value {
    let mut command = Command::new(python);
    command.arg("-c").arg(script).args(arguments).envs(environment.iter().copied());
    let out = command.output().unwrap();
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_str(text.lines().last().unwrap()).unwrap()
}

/// A run of two parts: ended after 40 pictures, resumed, ended after 80. Returns its folder and the steps that it told.
pub fn trained(home: &Home) -> (String, Vec<u64>) {
    let source = pictures(&home.path("pictures"), 16, 16);
    let run = home.path("run").to_str().unwrap().to_owned();
    let small = [
        "train",
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
        "--checkpoint-kimg",
        "0.04",
        "--device",
        "cpu",
        "--set",
        "model.width=16",
        "--set",
        "model.narrow=8",
        "--set",
        "run.preview_kimg=0.004",
        "--out",
        &run,
    ];
    home.ok(&small);
    home.ok(&["train", "--resume", &run, "--kimg", "0.08"]);
    let folder = latent_studio::train::folder::RunFolder::open(Path::new(&run)).unwrap();
    let steps: Vec<u64> = latent_studio::export::records::run_log::RunLog::read(folder.dir(), None)
        .unwrap()
        .readings()
        .filter(|r| r.values.iter().any(|(name, _)| name == "critic"))
        .map(|r| r.images)
        .collect();
    assert!(!steps.is_empty() && steps.is_sorted_by(|a, b| a < b), "{steps:?}");
    (run, steps)
}

const TENSORBOARD: &str = r#"
import json, sys
from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer
m = EventMultiplexer(size_guidance={"scalars": 0, "images": 0, "tensors": 0}).AddRunsFromDirectory(sys.argv[1]).Reload()
run = next(iter(m.Runs()))
a = m.GetAccumulator(run)
print(json.dumps({
    "runs": sorted(m.Runs()),
    "steps": [e.step for e in a.Scalars("critic")],
    "pictures": {t: [e.step for e in a.Images(t)] for t in a.Tags()["images"]},
    "sizes": sorted({(e.width, e.height) for t in a.Tags()["images"] for e in a.Images(t)}),
    "text": a.Tensors("recipe/text_summary")[0].tensor_proto.string_val[0].decode(),
}))
"#;

#[test]
fn tensorboard_reads_what_was_told_it() {
    let Some(python) = python("tensorboard", "tensorboard==2.21.0") else { return };
    let home = Home::new();
    let (run, steps) = trained(&home);
    let root = home.path("board");
    let root = root.to_str().unwrap();
    let told: Value =
        serde_json::from_str(&home.ok(&["runs", "export", &run, "--tensorboard", root, "--json"])).unwrap();
    assert_eq!(told["tensorboard"]["files"], 2, "a file for each beginning");
    let again: Value =
        serde_json::from_str(&home.ok(&["runs", "export", &run, "--tensorboard", root, "--json"])).unwrap();
    assert_eq!(again["tensorboard"]["added"], 0);
    let found = read(&python, TENSORBOARD, &[root], &[]);
    assert_eq!(found["steps"], json!(steps));
    assert_eq!(found["runs"], json!(["run"]));
    let all = found["pictures"].as_object().unwrap();
    let counts: Vec<usize> = all.values().map(|steps| steps.as_array().unwrap().len()).collect();
    assert!(counts.len() > 1 && counts.iter().all(|n| *n <= 10), "{all:?}");
    let folder = latent_studio::train::folder::RunFolder::open(Path::new(&run)).unwrap();
    assert_eq!(counts.iter().sum::<usize>(), folder.previews().len(), "none is lost");
    assert!(found["text"].as_str().unwrap().contains("\"resolution\""));
}

const MLFLOW: &str = r#"
import json, sys
from mlflow.tracking import MlflowClient
c = MlflowClient(sys.argv[1])
e = c.get_experiment_by_name("Latent Studio")
runs = c.search_runs([e.experiment_id])
r = runs[0]
print(json.dumps({
    "runs": len(runs), "status": r.info.status, "name": r.info.run_name,
    "steps": [m.step for m in sorted(c.get_metric_history(r.info.run_id, "critic"), key=lambda m: m.step)],
    "latest": r.data.metrics["critic"], "resolution": r.data.params["data.resolution"],
    "run": r.data.tags["latent_studio.run"],
    "digest": [i.dataset.digest for i in r.inputs.dataset_inputs],
    "context": [t.value for i in r.inputs.dataset_inputs for t in i.tags],
    "files": sorted(f.path for f in c.list_artifacts(r.info.run_id)),
    "recipe": json.load(open(c.download_artifacts(r.info.run_id, "recipe.json")))["model"]["id"],
}))
"#;

fn check_mlflow(found: &Value, steps: &[u64]) {
    assert_eq!((&found["runs"], &found["status"], &found["name"]), (&json!(1), &json!("FINISHED"), &json!("run")));
    assert_eq!(found["steps"], json!(steps));
    assert_eq!((&found["resolution"], &found["context"]), (&json!("16"), &json!(["training"])));
    assert_eq!(found["digest"][0].as_str().unwrap().len(), 32);
    assert_eq!((&found["files"], &found["recipe"]), (&json!(["recipe.json", "samples"]), &json!("res-gan")));
}

#[test]
fn mlflow_reads_its_database_and_what_its_server_was_told() {
    let Some(python) = python("mlflow", "mlflow==3.17.2") else { return };
    let home = Home::new();
    let (run, steps) = trained(&home);
    let file = home.path("mlflow.db");
    let file = file.to_str().unwrap();
    home.ok(&["runs", "export", &run, "--mlflow", file]);
    let again: Value = serde_json::from_str(&home.ok(&["runs", "export", &run, "--mlflow", file, "--json"])).unwrap();
    assert_eq!(again["mlflow"]["added"], 0);
    check_mlflow(&read(&python, MLFLOW, &[&format!("sqlite:///{file}")], &[]), &steps);

    let server = Server::start(&python, &home);
    let first: Value =
        serde_json::from_str(&home.ok(&["runs", "export", &run, "--mlflow", &server.url, "--json"])).unwrap();
    assert!(first["mlflow"]["added"].as_u64().unwrap() > 0);
    let again: Value =
        serde_json::from_str(&home.ok(&["runs", "export", &run, "--mlflow", &server.url, "--json"])).unwrap();
    assert_eq!(again["mlflow"]["added"], 0);
    check_mlflow(&read(&python, MLFLOW, &[&server.url], &[]), &steps);
    home.fails(&["runs", "export", &run, "--mlflow", "http://127.0.0.1:1"], 4, "The server could not be told");
}

/// A server that ends with the test.
struct Server {
    process: Child,
    url: String,
}

impl Server {
    fn start(python: &Path, home: &Home) -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (store, files) = (home.path("server.db"), home.path("served"));
        let mut process = Command::new(python)
            .args(["-m", "mlflow", "server", "--workers", "1", "--host", "127.0.0.1", "--port", &port.to_string()])
            .arg("--backend-store-uri")
            .arg(format!("sqlite:///{}", store.display()))
            .arg("--artifacts-destination")
            .arg(&files)
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .current_dir(home.dir.path())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("Application startup complete")), "it did not start");
        // Whoever writes to a pipe that nobody reads waits.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, url: format!("http://127.0.0.1:{port}") }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has children of its own, which a signal to it alone ends.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
    }
}

const TRACKIO: &str = r#"
import json, sys
from trackio.sqlite_storage import SQLiteStorage as s
runs = s.get_run_records("cats")
logs = s.get_logs("cats", runs[0]["name"], run_id=runs[0]["id"])
config = s.get_run_config("cats", runs[0]["name"], run_id=runs[0]["id"])
print(json.dumps({
    "runs": [r["name"] for r in runs], "steps": [l["step"] for l in logs if "critic" in l],
    "resolution": config["data"]["resolution"], "projects": s.get_projects(),
}))
"#;

#[test]
fn trackio_reads_the_file_of_a_project() {
    let Some(python) = python("trackio", "trackio==0.43.0") else { return };
    let home = Home::new();
    let (run, steps) = trained(&home);
    let folder = home.path("trackio");
    let file = folder.join("cats.db");
    for _ in 0..2 {
        home.ok(&["runs", "export", &run, "--trackio", file.to_str().unwrap()]);
    }
    let found = read(&python, TRACKIO, &[], &[("TRACKIO_DIR", folder.as_path())]);
    assert_eq!(found["runs"], json!(["run"]));
    assert_eq!(found["steps"], json!(steps));
    assert_eq!((&found["resolution"], &found["projects"]), (&json!(16), &json!(["cats"])));
    // Opened by trackio since, it is written on.
    let again: Value =
        serde_json::from_str(&home.ok(&["runs", "export", &run, "--trackio", file.to_str().unwrap(), "--json"]))
            .unwrap();
    assert_eq!(again["trackio"]["added"], 0);
}

#[test]
fn nobody_to_tell_is_a_mistake_and_so_is_a_run_that_is_none() {
    let home = Home::new();
    let folder = home.path("x");
    std::fs::create_dir_all(&folder).unwrap();
    home.fails(&["runs", "export", "nowhere", "--trackio", "x.db"], 3, "There is no run");
    home.fails(&["runs", "export", folder.to_str().unwrap(), "--trackio", "x.db"], 3, "There is no run");
}
