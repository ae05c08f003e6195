//! Data sets into the library and out of it again, by the program itself.

use std::time::{Duration, Instant};

use latent_studio::engine::{By, Command, Engine, Event, Sample, SearchRequest};
use latent_studio::library::{ItemFilter, Library, Shelf};

use crate::common::{Home, engine, lines, pictures};

#[test]
fn pictures_are_imported_looked_at_and_found_with_why() {
    let home = Home::new();
    let folder = pictures(&home.path("squares"), 12, 24);
    let told = lines(&home.ok(&["library", "import", &folder, "emoji:smileys", "--json"]));
    assert_eq!((told[0]["added"].as_u64(), told[0]["known"].as_u64()), (Some(12), Some(0)));
    let again = lines(&home.ok(&["library", "import", &folder, "--json"]));
    assert_eq!((again[0]["added"].as_u64(), again[0]["known"].as_u64()), (Some(0), Some(12)));
    // Without vectors words are searched, and that is said.
    let out = home.run(&["library", "search", "crying", "--json"]);
    assert!(out.status.success() && String::from_utf8_lossy(&out.stderr).contains("Only words were searched"));
    let hits = lines(&String::from_utf8(out.stdout).unwrap());
    assert!(hits.iter().any(|h| h["why"][0]["by"] == "words"), "{hits:?}");
    let made = lines(&home.ok(&["library", "embed", "--device", "cpu", "--json"]));
    assert!(made[0]["pictures"].as_u64().unwrap() > 40 && made[0]["failed"] == 0, "{made:?}");
    let hits = lines(&home.ok(&["library", "search", "a crying cat", "--limit", "3", "--json"]));
    assert_eq!(hits.len(), 3);
    for key in ["id", "file", "score", "why"] {
        assert!(!hits[0][key].is_null(), "{key} in {}", hits[0]);
    }
    // A file is the nearest to itself; a filter leaves the rest out.
    let file =
        format!("{folder}/{}", std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().file_name().display());
    let hits = lines(&home.ok(&["library", "search", "--like", &file, "--where", "data=squares", "--json"]));
    assert_eq!((hits[0]["file"].as_str(), hits.len()), (Some(file.as_str()), 12));
    // A part of it is searched for as a picture of its own.
    let part = ["library", "search", "--like", &file, "--region", "0,0,12,24", "--where", "data=squares", "--json"];
    let parts = lines(&home.ok(&part));
    assert!(parts.len() == 12 && parts[0]["why"][0]["by"] == "look");
    let near = |hits: &[serde_json::Value]| hits[0]["why"][0]["near"].as_f64().unwrap();
    assert!(near(&parts) < near(&hits), "a part is not the whole");
    let hits = lines(&home.ok(&["library", "search", "face", "--where", "data=squares width>=100", "--json"]));
    assert!(hits.is_empty());
    assert!(home.path("home/data/vectors").read_dir().unwrap().count() >= 3, "indexes lie beside the library");
}

#[test]
fn what_cannot_be_searched_for_is_said_and_costs_nothing() {
    let home = Home::new();
    home.fails(&["library", "search"], 2, "Nothing was searched for");
    home.fails(&["library", "search", "x", "--where", "colour=red"], 2, "cannot be filtered by");
    home.fails(&["library", "search", "x", "--where", "rating>=many"], 2, "whole number");
    home.fails(&["library", "search", "--like", "/nowhere/x.png"], 3, "/nowhere/x.png");
    let text = home.path("text.png");
    std::fs::write(&text, b"no picture").unwrap();
    home.fails(&["library", "search", "--like", text.to_str().unwrap()], 3, "text.png");
    let file = home.path("a.png");
    let folder = pictures(&home.path("one"), 1, 24);
    let made = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap().path();
    std::fs::copy(made, &file).unwrap();
    let file = file.to_str().unwrap();
    let with = |region: &str, word: &str| {
        home.fails(&["library", "search", "--like", file, "--region", region], 2, word);
    };
    with("20,0,5,5", "beyond the picture");
    with("-1,0,5,5", "no region");
    with("0,0,5", "no region");
    with("0,0,0,5", "no region");
    home.fails(&["library", "search", "--like", file, file, "--region", "0,0,5,5"], 2, "exactly one picture");
    home.fails(&["library", "search", "hat", "--region", "0,0,5,5"], 2, "exactly one picture");
    home.fails(&["library", "import", "/nowhere"], 3, "/nowhere");
    // An empty library finds nothing, and says why.
    let out = home.run(&["library", "search", &"hat ".repeat(4000)]);
    let told = String::from_utf8_lossy(&out.stderr);
    assert!(out.status.success() && told.contains("too long") && told.contains("Nothing was found"), "{told}");
}

#[test]
fn an_import_that_was_killed_goes_on() {
    let home = Home::new();
    let mut child = home.command(&["library", "import", "shapes:12000", "--name", "drawn"]).spawn().unwrap();
    let path = home.paths().library();
    let count = || {
        let filter = ItemFilter { shelf: Shelf::Imported, ..ItemFilter::default() };
        if path.is_file() { Library::open(&path).and_then(|l| l.count(&filter)).unwrap_or(0) } else { 0 }
    };
    let begun = Instant::now();
    while count() < 1000 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(5));
    }
    // On Unix this is SIGKILL.
    child.kill().unwrap();
    child.wait().unwrap();
    let before = count();
    assert!(before >= 1000, "{before}");
    let told = lines(&home.ok(&["library", "import", "shapes:12000", "--name", "drawn", "--json"]));
    let number = |key: &str| told[0][key].as_u64().unwrap();
    assert_eq!((number("known"), number("added")), (before, 12_000 - before));
    assert_eq!(count(), 12_000);
}

#[test]
fn known_data_sets_are_imported_without_asking_and_very_large_ones_are_told() {
    let home = Home::new();
    let (some, many) = (pictures(&home.path("some"), 9, 24), pictures(&home.path("many"), 2, 24));
    let library = Library::open(&home.paths().library()).unwrap();
    library.note_dataset(&some, 9).unwrap();
    library.note_dataset(&many, 200_001).unwrap();
    library.note_dataset("/nowhere/at/all", 5).unwrap();
    let sets = library.datasets().unwrap();
    let engine = engine(&home);
    // Nothing is done before the window has asked for something and is quiet since.
    engine.send(Command::ListFacets);
    let filter = ItemFilter { shelf: Shelf::Imported, ..ItemFilter::default() };
    let begun = Instant::now();
    let mut told = false;
    while !told || library.count(&filter).unwrap() < 9 {
        let large =
            |e: &Event| matches!(e, Event::Message(p) if p.what.contains("many") && p.what.contains("not searched"));
        told |= engine.poll().iter().any(large);
        assert!(begun.elapsed() < Duration::from_secs(120), "told: {told}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(library.imported_sets().unwrap(), [("some".to_string(), 9)]);
    assert_eq!(library.datasets().unwrap(), sets, "they were not used");
    engine.shut_down();
}

#[test]
fn the_window_imports_looks_by_itself_and_searches() {
    let home = Home::new();
    let engine = engine(&home);
    let wait = |what: &str, done: &mut dyn FnMut(&Event) -> bool| {
        let begun = Instant::now();
        loop {
            let events = engine.poll();
            if events.iter().any(&mut *done) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(240), "waited for {what}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    engine.send(Command::ImportPictures { job: 1, sources: vec!["emoji:smileys".into()] });
    wait("the import", &mut |e| matches!(e, Event::JobEnded { job: 1, problem: None }));
    engine.send(Command::ListFacets);
    wait("data sets", &mut |e| matches!(e, Event::Facets(f) if f.sets.len() == 1 && f.sets[0].1 > 40));
    // Pictures are looked at once nothing was asked for some seconds.
    let library = Library::open(&home.paths().library()).unwrap();
    let begun = Instant::now();
    while library.has_unseen().unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(240), "pictures were not looked at");
        std::thread::sleep(Duration::from_millis(100));
    }
    let filter = ItemFilter { shelf: Shelf::Imported, ..ItemFilter::default() };
    let first = library.page(&filter, 0, 1).unwrap().remove(0).id;
    let like = vec![Sample::Item(first)];
    let request = SearchRequest { like, shelf: Shelf::All, ..SearchRequest::default() };
    engine.send(Command::Search { ticket: 7, request: Box::new(request.clone()) });
    wait("what looks alike", &mut |e| match e {
        Event::Found { ticket: 7, answer } => {
            assert!(answer.hits.len() > 10 && answer.hits.iter().all(|h| h.item.id != first));
            answer.hits.iter().all(|h| h.why[0].by == By::Look)
        }
        _ => false,
    });
    engine.send(Command::Search { ticket: 8, request: Box::default() });
    wait("what is wrong", &mut |e| matches!(e, Event::NotFound { ticket: 8, .. }));
    engine.send(Command::SaveSearch { name: "Like it".into(), request: Box::new(request) });
    wait("the saved search", &mut |e| matches!(e, Event::Facets(f) if f.searches[0].0 == "Like it"));
    engine.shut_down();
}
