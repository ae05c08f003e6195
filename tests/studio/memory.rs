//! The library's records under rough treatment: programs killed at any moment, many at once, and DVC's own reading.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use latent_studio::base::Picture;
use latent_studio::base::rng::Stream;
use latent_studio::library::{ItemFilter, Library, NewItem};
use serde_json::{Value, json};

use crate::common::{Home, pictures};
use crate::records::{python, trained};

/// How often each kind of work is killed: a few times here, as often as `LATENT_STUDIO_KILLS` says elsewhere.
fn kills() -> u64 {
    std::env::var("LATENT_STUDIO_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(4)
}

/// A library with so many kept pictures.
fn kept(home: &Home, count: u32) -> (Library, Vec<i64>) {
    let paths = home.paths();
    let library = Library::open(&paths.library()).unwrap();
    let new: Vec<NewItem> = (0..count)
        .map(|i| NewItem {
            path: paths.gallery().join(format!("{i}.png")),
            picture: Picture::filled(4, 4, [i as u8, 40, 90, 255]),
            model: "faces".into(),
            recipe: None,
            starred: false,
        })
        .collect();
    let ids = library.add_items(&new).unwrap();
    (library, ids)
}

/// Runs a command and kills it after a while, unless it is done by then; says whether it was killed.
fn killed(home: &Home, arguments: &[&str], after: Duration) -> bool {
    let mut child = home.command(arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + after;
    while Instant::now() < end {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    true
}

/// The chain of records is whole.
fn whole(home: &Home) {
    let verdict: Value = serde_json::from_str(&home.ok(&["library", "verify", "--json"])).unwrap();
    assert_eq!(verdict["faults"], json!([]));
}

/// Kills a command at random moments of the time that it takes, and looks after each whether all is whole.
fn survives(home: &Home, seed: u64, arguments: &dyn Fn(u64) -> Vec<String>, check: &dyn Fn()) {
    let run = |i: u64| arguments(i);
    let begun = Instant::now();
    let first = run(0);
    home.ok(&first.iter().map(String::as_str).collect::<Vec<_>>());
    let time = begun.elapsed();
    let mut random = Stream::new(seed, "moments to kill at");
    let mut hit = 0;
    for i in 1..=kills() {
        let own = run(i);
        let after = time.mul_f64(random.below(1000) as f64 / 1000.0);
        hit += u64::from(killed(home, &own.iter().map(String::as_str).collect::<Vec<_>>(), after));
        whole(home);
        check();
    }
    assert!(hit > 0 || kills() < 4, "none was killed in its work");
}

#[test]
fn killed_while_it_edits_nothing_is_lost_and_nothing_half() {
    let home = Home::new();
    let (library, ids) = kept(&home, 400);
    let all: Vec<String> = ids.iter().map(i64::to_string).collect();
    let tag = |i: u64| {
        let mut own: Vec<String> = ["library", "tag", "--add"].map(String::from).to_vec();
        own.push(format!("tag {i}"));
        own.extend(all.iter().cloned());
        own
    };
    survives(&home, 1, &tag, &|| {
        for (tag, count) in library.tags().unwrap() {
            assert_eq!(count as usize, ids.len(), "{tag} is on all or on none");
        }
        assert_eq!(library.count(&ItemFilter::default()).unwrap() as usize, ids.len());
    });
}

/// Bulk edits of a data set, and going back to a version: all pictures are marked, or none.
#[test]
fn killed_while_it_marks_or_goes_back_it_is_one_state_or_the_other() {
    let home = Home::new();
    let source = pictures(&home.path("set"), 60, 16);
    home.ok(&["data", "versions", &source, "--tag", "raw"]);
    let library = Library::open(&home.paths().library()).unwrap();
    let label = |i: u64| ["data", "label", &source, "--all", "--as", &format!("label {i}")].map(String::from).to_vec();
    survives(&home, 5, &label, &|| {
        let marks = library.marks(&source).unwrap();
        let labels: std::collections::BTreeSet<_> = marks.values().map(|mark| mark.label.clone()).collect();
        assert_eq!(labels.len(), 1, "{labels:?}");
        assert_eq!(marks.len(), 60);
    });
    home.ok(&["data", "versions", &source, "--tag", "labelled"]);
    let back = |i: u64| {
        let to = if i.is_multiple_of(2) { "labelled" } else { "raw" };
        ["data", "versions", &source, "--restore", to].map(String::from).to_vec()
    };
    survives(&home, 6, &back, &|| {
        let marked = library.marks(&source).unwrap().len();
        assert!(marked == 0 || marked == 60, "{marked}");
    });
}

/// A model that is moved into the library and out again, killed at any moment: it is a file, or it is in the library.
#[test]
fn killed_while_a_model_moves_it_is_in_one_place_or_the_other() {
    let home = Home::new();
    let models = home.paths().models();
    std::fs::create_dir_all(&models).unwrap();
    let file = models.join("own.safetensors");
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("checkpoints/fashion-vae-2d.safetensors");
    std::fs::copy(&shipped, &file).unwrap();
    let bytes = std::fs::read(&file).unwrap();
    let library = Library::open(&home.paths().library()).unwrap();
    let there = || file.is_file() && std::fs::read(&file).unwrap() == bytes;
    let moved = |_: u64| {
        let way = if there() { "--store" } else { "--link" };
        ["library", "model", "own", way].map(String::from).to_vec()
    };
    survives(&home, 7, &moved, &|| {
        let stored = library.stored_models().unwrap();
        assert!(there() || stored.iter().any(|m| m.whole), "it is nowhere");
    });
    if !there() {
        // Read out of the library by its name, as any other model.
        let picture = home.path("grid.png");
        home.ok(&["sample", "--model", "own", "--count", "4", "--grid", picture.to_str().unwrap()]);
        assert!(picture.is_file());
        home.ok(&["library", "model", "own", "--link"]);
    }
    assert!(there());
    home.ok(&["library", "model", "own", "--store"]);
    assert!(!file.exists() && home.ok(&["library", "model"]).contains("own"));
    home.ok(&["sample", "--model", "own", "--count", "1", "--grid", home.path("one.png").to_str().unwrap()]);
}

#[test]
fn killed_while_it_imports_or_exports_the_next_time_finishes_it() {
    let home = Home::new();
    let source = pictures(&home.path("many"), 60, 16);
    survives(
        &home,
        2,
        &|i| {
            // Each time a folder that is not known yet.
            let folder = home.path(&format!("many{i}"));
            std::fs::create_dir_all(&folder).unwrap();
            for entry in std::fs::read_dir(&source).unwrap().flatten() {
                std::fs::copy(entry.path(), folder.join(entry.file_name())).unwrap();
            }
            ["library".into(), "import".into(), folder.to_str().unwrap().into()].to_vec()
        },
        &|| {},
    );
    let last = home.path("many1");
    home.ok(&["library", "import", last.to_str().unwrap()]);

    let project = home.path("project");
    let export = |_: u64| {
        let _ = std::fs::remove_dir_all(&project);
        ["data", "export", &source, "--dvc", "--out", project.to_str().unwrap()].map(String::from).to_vec()
    };
    survives(&home, 3, &export, &|| {
        // What is there is whole: a file of the cache is called by its own hash.
        home.ok(&["data", "export", &source, "--dvc", "--out", project.to_str().unwrap()]);
        let back = home.path("back");
        let _ = std::fs::remove_dir_all(&back);
        let dvc = project.join("many.dvc");
        let got: Value = serde_json::from_str(&home.ok(&[
            "data",
            "import",
            dvc.to_str().unwrap(),
            "--out",
            back.to_str().unwrap(),
            "--json",
        ]))
        .unwrap();
        assert_eq!(got["files"], 60);
    });
}

/// A run told to MLflow's database and to trackio's file, killed at any moment: the file is whole, and the next time tells what
/// is missing, and nothing twice.
#[test]
fn killed_while_it_tells_of_a_run_the_next_time_completes_it() {
    let home = Home::new();
    let (run, _) = trained(&home);
    for (seed, way) in [(8, "--mlflow"), (9, "--trackio")] {
        let file = home.path(&format!("told{way}.db"));
        let tell = ["runs", "export", &run, way, file.to_str().unwrap()].map(String::from).to_vec();
        let again = || home.ok(&tell.iter().map(String::as_str).collect::<Vec<_>>());
        let points = || -> i64 {
            let db = rusqlite::Connection::open(&file).unwrap();
            let sound: String = db.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
            assert_eq!(sound, "ok");
            db.query_row("SELECT count(*) FROM metrics", [], |row| row.get(0)).unwrap()
        };
        again();
        let all = points();
        assert!(all > 0);
        let begin = |_: u64| {
            for end in ["", "-wal", "-shm", "-journal"] {
                let _ = std::fs::remove_file(format!("{}{end}", file.display()));
            }
            tell.clone()
        };
        survives(&home, seed, &begin, &|| {
            for _ in 0..2 {
                again();
                assert_eq!(points(), all);
            }
        });
    }
}

/// A library of the version before, killed while it becomes one of this version.
#[test]
fn killed_while_it_migrates_it_is_of_one_version_or_the_other() {
    let home = Home::new();
    let (library, ids) = kept(&home, 1500);
    library.rate(&ids, 3).unwrap();
    let path = library.path().to_path_buf();
    drop(library);
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "DROP INDEX items_weights; DROP INDEX items_kept_model; DROP INDEX items_kept_model_rating; DROP TABLE marks; DROP TABLE heads; \
         DROP TABLE branches; DROP TABLE version_thumbs; DROP TABLE model_parts; DROP TABLE model_files; \
         DROP TABLE record_tags; DROP TABLE record_fields; \
         DROP TABLE records; DROP TABLE edges; DROP TABLE versions; DROP TABLE manifests; DROP TABLE version_tags; \
         DROP INDEX items_usage; PRAGMA user_version = 4; PRAGMA wal_checkpoint(TRUNCATE);",
    )
    .unwrap();
    drop(db);
    let old = std::fs::read(&path).unwrap();
    let again = |_: u64| {
        for end in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(format!("{}{end}", path.display()));
        }
        std::fs::write(&path, &old).unwrap();
        ["library", "list"].map(String::from).to_vec()
    };
    survives(&home, 4, &again, &|| {
        let library = Library::open(&path).unwrap();
        let all = library.items(&ItemFilter::default()).unwrap();
        assert!(all.len() == ids.len() && all.iter().all(|i| i.rating == 3));
    });
}

#[test]
fn of_ten_command_lines_at_once_no_change_is_lost() {
    let home = Home::new();
    let (library, ids) = kept(&home, 20);
    let all: Vec<String> = ids.iter().map(i64::to_string).collect();
    let children: Vec<_> = (0..10)
        .map(|i| {
            let tag = format!("by {i}");
            let mut own = vec!["library", "tag", "--add", &tag];
            own.extend(all.iter().map(String::as_str));
            home.command(&own).stdout(Stdio::null()).spawn().unwrap()
        })
        .collect();
    // A window has the library open meanwhile, and changes it too.
    (0..10).for_each(|i| library.rate(&ids[..1], i % 5 + 1).unwrap());
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let counts = library.tags().unwrap();
    assert_eq!(counts.len(), 10);
    assert!(counts.iter().all(|(_, n)| *n == 20));
    assert_eq!(library.item(ids[0]).unwrap().unwrap().rating, 5);
    whole(&home);
}

#[test]
fn a_picture_is_traced_rated_and_a_changed_record_is_found() {
    let home = Home::new();
    let (library, ids) = kept(&home, 2);
    let id = ids[0].to_string();
    library.link(&format!("item:{id}"), "abcdef123456", "made by").unwrap();
    home.ok(&["library", "rate", &id, "--stars", "4"]);
    let graph: Value = serde_json::from_str(&home.ok(&["library", "graph", &id, "--json"])).unwrap();
    let kinds: Vec<&str> = graph["nodes"].as_array().unwrap().iter().map(|n| n["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["model", "picture"]);
    assert_eq!(graph["nodes"][1]["rating"], 4);
    assert!(home.ok(&["library", "graph", "abcdef"]).contains("picture"));
    let shown: Value = serde_json::from_str(&home.ok(&["library", "show", "abcdef", "--json"])).unwrap();
    assert_eq!(shown["thing"]["kind"], "model");
    assert_eq!(home.ok(&["library", "threads", "--json"]).trim(), "[]");
    let rank: Value =
        serde_json::from_str(&home.ok(&["library", "choose", &id, &ids[1].to_string(), "--json"])).unwrap();
    assert_eq!((&rank["pictures"][0]["item"], &rank["choices"]), (&json!(ids[0]), &json!(1)));
    assert!(home.ok(&["library", "rank"]).contains("1 choices"));
    home.fails(&["library", "choose", &id, &id], 2, "better than itself");
    home.fails(&["library", "graph", "nobody"], 2, "knows nothing");
    home.fails(&["library", "rate", &id, "--stars", "9"], 2, "0 to 5");
    home.fails(&["library", "tag", "99", "--add", "x"], 2, "no kept picture");
    let db = rusqlite::Connection::open(library.path()).unwrap();
    db.execute("UPDATE records SET body = replace(body, '4', '5') WHERE kind = 'rating'", []).unwrap();
    home.fails(&["library", "verify"], 3, "not as it was written");
}

#[test]
fn versions_of_a_folder_are_noted_and_compared() {
    let home = Home::new();
    let source = pictures(&home.path("set"), 5, 16);
    home.ok(&["data", "versions", &source, "--tag", "first"]);
    std::fs::remove_file(Path::new(&source).join("0001.png")).unwrap();
    home.ok(&["data", "versions", &source]);
    let listed = home.ok(&["data", "versions", &source, "--json"]);
    let newest: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!(listed.lines().count(), 2);
    let hash = newest["hash"].as_str().unwrap();
    let diff: Value = serde_json::from_str(&home.ok(&["data", "diff", "first", hash, "--json"])).unwrap();
    assert_eq!((&diff["diff"]["gone"], &diff["diff"]["added"]), (&json!(["0001.png"]), &json!([])));
    assert!(home.ok(&["data", "diff", "first", &source]).contains("1 gone"));
    home.fails(&["data", "diff", "first", "nowhere"], 3, "no version and no source");
    // A version from elsewhere, as a run's folder holds it: what it names and is not here is listed.
    let library = Library::open(&home.paths().library()).unwrap();
    let first = library.find_version("first", Some(&source)).unwrap().unwrap();
    let file = home.path("version.manifest");
    std::fs::write(&file, library.manifest(&first.hash).unwrap().pack()).unwrap();
    assert!(home.ok(&["data", "diff", file.to_str().unwrap(), &source]).contains("0001.png"));
    std::fs::write(&file, b"no version").unwrap();
    home.fails(&["data", "diff", file.to_str().unwrap(), &source], 3, "no version of a data set");
    whole(&home);
}

#[test]
fn dvc_brings_back_what_was_exported_and_writes_the_same_itself() {
    let Some(python) = python("dvc", "dvc==3.67.1") else { return };
    let home = Home::new();
    let source = pictures(&home.path("ein Ordner ä"), 6, 16);
    std::fs::create_dir_all(home.path("ein Ordner ä/tief/er")).unwrap();
    std::fs::write(home.path("ein Ordner ä/tief/er/\u{1f600} \"x\".txt"), "text").unwrap();
    let out = home.path("project");
    home.ok(&["data", "export", &source, "--dvc", "--out", out.to_str().unwrap()]);
    let dvc = |folder: &Path, arguments: &[&str]| {
        let out = Command::new(&python).args(["-m", "dvc"]).args(arguments).current_dir(folder).output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    dvc(&out, &["checkout", "-q"]);
    assert!(dvc(&out, &["status"]).contains("up to date"));
    for entry in walkdir::WalkDir::new(&source).into_iter().flatten().filter(|e| e.file_type().is_file()) {
        let inside = entry.path().strip_prefix(home.dir.path()).unwrap();
        assert_eq!(std::fs::read(entry.path()).unwrap(), std::fs::read(out.join(inside)).unwrap());
    }
    // The same files, added by DVC itself.
    let own = home.path("own");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::rename(&source, own.join("ein Ordner ä")).unwrap();
    dvc(&own, &["init", "--no-scm", "-q"]);
    dvc(&own, &["add", "-q", "ein Ordner ä"]);
    let file = |folder: &Path| std::fs::read_to_string(folder.join("ein Ordner ä.dvc")).unwrap();
    assert_eq!(file(&own), file(&out));
    let cached = |folder: &Path| -> std::collections::BTreeMap<String, Vec<u8>> {
        let cache = folder.join(".dvc/cache/files/md5");
        let files = walkdir::WalkDir::new(&cache).into_iter().flatten().filter(|e| e.file_type().is_file());
        files
            .map(|e| {
                let name = e.path().strip_prefix(&cache).unwrap().display().to_string();
                (name, std::fs::read(e.path()).unwrap())
            })
            .collect()
    };
    assert_eq!(cached(&own), cached(&out));
    // And back from there.
    let back = home.path("back");
    let given = own.join("ein Ordner ä.dvc");
    home.ok(&["data", "import", given.to_str().unwrap(), "--out", back.to_str().unwrap()]);
    assert_eq!(walkdir::WalkDir::new(&back).into_iter().flatten().filter(|e| e.file_type().is_file()).count(), 7);
}

/// Labels, weights, tags and exclusions from the command line: part of a version, taken back, gone back to; a run learns
/// with them, names its version, and says what changed when it is resumed.
#[test]
fn marks_are_part_of_a_version_and_of_a_run() {
    let home = Home::new();
    let source = pictures(&home.path("set"), 12, 16);
    let json = |arguments: &[&str]| -> Value { serde_json::from_str(&home.ok(arguments)).unwrap() };
    home.ok(&["data", "versions", &source, "--tag", "raw"]);
    assert_eq!(json(&["data", "label", &source, "000*", "--as", "first", "--json"])["changed"], 10);
    home.ok(&["data", "weight", &source, "--labelled", "first", "--to", "3"]);
    home.ok(&["data", "tag", &source, "0001.png", "--add", "night"]);
    home.ok(&["data", "exclude", &source, "0011.png"]);
    home.fails(&["data", "exclude", &source, "nobody.png"], 2, "no pictures of these names");
    home.fails(&["data", "weight", &source, "--to", "2"], 2, "No pictures were named");
    home.fails(&["data", "weight", &source, "--all", "--to", "-2"], 2, "weight goes from 0");
    let marks = json(&["data", "marks", &source, "--json"]);
    assert_eq!(marks["marks"]["0001.png"], json!({ "label": "first", "weight": 3.0, "tags": ["night"] }));
    home.ok(&["data", "versions", &source, "--tag", "marked"]);
    let diff = json(&["data", "diff", "raw", "marked", "--json"]);
    assert_eq!(diff["diff"]["excluded"], json!(["0011.png"]));
    assert_eq!(diff["diff"]["relabelled"].as_array().unwrap().len(), 10);
    assert_eq!(diff["diff"]["reweighted"].as_array().unwrap().len(), 10);

    let run = home.path("run");
    let run = run.to_str().unwrap();
    let settings = ["--set", "model.width=8", "--set", "model.narrow=8", "--set", "optim.batch=4"];
    let train =
        ["train", "--data", &source, "--out", run, "--model", "mlp-gan", "--resolution", "16", "--kimg", "0.016"];
    home.ok(&train
        .iter()
        .chain(&settings)
        .chain(&["--checkpoint-kimg", "0.008", "--json"])
        .copied()
        .collect::<Vec<_>>());
    let file: Value = serde_json::from_slice(&std::fs::read(Path::new(run).join("run.json")).unwrap()).unwrap();
    let listed = home.ok(&["data", "versions", &source, "--json"]);
    let marked: Value = listed
        .lines()
        .map(|l| serde_json::from_str::<Value>(l).unwrap())
        .find(|v| v["tags"] == json!(["marked"]))
        .unwrap();
    assert_eq!(file["data"]["versions"], json!([marked["hash"]]), "the run names the version it saw");
    assert_eq!((&file["data"]["pictures"], file["data"].get("generated")), (&json!(11), None));
    let graph = json(&["library", "graph", run, "--json"]);
    let nodes = graph["nodes"].as_array().unwrap();
    assert!(
        nodes.iter().any(|n| n["key"] == json!(format!("version:{}", marked["hash"].as_str().unwrap()))),
        "{nodes:?}"
    );

    home.ok(&["data", "exclude", &source, "--all", "--include"]);
    let resumed = home.run(&["train", "--resume", run, "--kimg", "0.024"]);
    let said = String::from_utf8_lossy(&resumed.stderr).into_owned();
    assert!(resumed.status.success() && said.contains("1 no longer left out"), "{said}");
    home.ok(&["data", "undo", &source]);
    let back = json(&["data", "versions", &source, "--restore", "raw", "--json"]);
    assert_eq!(back["restored"]["marks"], 11);
    assert_eq!(json(&["data", "marks", &source, "--json"])["marks"], json!({}));
    home.ok(&["data", "undo", &source]);
    assert!(home.ok(&["data", "diff", "marked", &source]).contains("nothing differs"));
    home.ok(&["data", "versions", &source, "--branch", "other"]);
    assert!(home.ok(&["data", "versions", &source]).contains("branch other"));
    whole(&home);
}

/// A data set that holds pictures that the studio made: the run says how many of them it saw.
#[test]
fn a_run_says_how_many_of_its_pictures_are_generated() {
    let home = Home::new();
    let source = pictures(&home.path("set"), 2, 32);
    // Most of them, so that they are taken for what is to be learned from; a few would be left out.
    home.ok(&["sample", "--model", "nouns-gan", "--count", "6", "--out", home.path("made").to_str().unwrap()]);
    let made: Vec<_> = std::fs::read_dir(home.path("made")).unwrap().flatten().map(|e| e.path()).collect();
    for (i, file) in made.iter().enumerate() {
        std::fs::copy(file, Path::new(&source).join(format!("made-{i}.png"))).unwrap();
    }
    let run = home.path("run");
    let train = ["train", "--data", &source, "--out", run.to_str().unwrap(), "--model", "mlp-gan", "--kimg", "0.008"];
    let more = ["--set", "model.width=8", "--set", "model.narrow=8", "--set", "optim.batch=4"];
    home.ok(&train.iter().chain(&more).copied().collect::<Vec<_>>());
    let file: Value = serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(file["data"]["generated"], json!(made.len()));
    assert!(!made.is_empty());
}
