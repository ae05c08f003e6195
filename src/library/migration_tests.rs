//! What changed with later versions: numbers of changes, the lineage of runs, words of texts without spaces.

use super::tests::{found, six, text};
use super::*;

/// Makes a library one of the version before numbers of changes were not used twice.
fn go_back(library: &Library) {
    library.db.execute_batch(schema::WITHOUT_SEARCH).unwrap();
    library.db.pragma_update(None, "user_version", schema::RELATIVE_LINEAGE - 1).unwrap();
}

#[test]
fn numbers_of_changes_are_never_used_twice() {
    let (_dir, library, ids) = six();
    library.rate(&ids[..1], 3).unwrap();
    let first = library.newest_change().unwrap().unwrap().0;
    library.undo().unwrap();
    // What was undone is forgotten with the next change, but not its number.
    library.rate(&ids[..1], 4).unwrap();
    assert!(library.newest_change().unwrap().unwrap().0 > first);
    assert_eq!(library.go(first, true).unwrap(), None, "a way back to something else is none");
    assert_eq!(library.item(ids[0]).unwrap().unwrap().rating, 4);
}

#[test]
fn runs_in_the_librarys_folder_keep_their_relatives_when_both_move() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("data");
    let path = home.join("library.sqlite");
    let library = Library::open(&path).unwrap();
    let own = home.join("runs/a").to_string_lossy().into_owned();
    library.link("h1", &own, "checkpoint").unwrap();
    library.link("/elsewhere/b", "h1", "fine-tune").unwrap();
    // As older versions noted it.
    library.db.execute("INSERT INTO lineage VALUES ('h0', ?, 'checkpoint', 1)", [&own]).unwrap();
    go_back(&library);
    drop(library);
    let library = Library::open(&path).unwrap();
    let children = |library: &Library, of: &str| -> Vec<String> {
        library.lineage(of).unwrap().children.into_iter().map(|l| l.child).collect()
    };
    assert_eq!(children(&library, &own), ["h0", "h1"]);
    assert_eq!(library.lineage("h1").unwrap().parents[0].parent, own);
    assert_eq!(library.ancestors("/elsewhere/b").unwrap(), ["h1".to_string(), own.clone()]);
    drop(library);
    let moved = dir.path().join("moved");
    std::fs::rename(&home, &moved).unwrap();
    let library = Library::open(&moved.join("library.sqlite")).unwrap();
    assert_eq!(children(&library, &moved.join("runs/a").to_string_lossy()), ["h0", "h1"]);
}

#[test]
fn words_inside_of_texts_without_spaces_are_found() {
    let (dir, library, ids) = six();
    library.tag(&ids[..1], "春の桜並木", true).unwrap();
    library.tag(&ids[1..2], "한국어 그림", true).unwrap();
    library.tag(&ids[2..3], "mixed漢字word", true).unwrap();
    let of = |words: &str| found(&library, text(words));
    for (words, n) in
        [("桜", 0), ("桜並", 0), ("並木", 0), ("春の桜", 0), ("그림", 1), ("국어", 1), ("漢字", 2), ("漢字wo", 2)]
    {
        assert_eq!(of(words), [ids[n]], "{words}");
    }
    assert!(of("木桜").is_empty() && of("桜木").is_empty(), "in this order only");
    // Nothing that is typed is an error.
    for odd in
        ["\"", "\"桜", "AND", "NOT faces", "a\0b", "(", "faces*", "model:", "^faces", "- -", "NEAR(a b)", "'\u{7}"]
    {
        let _ = of(odd);
    }
    assert_eq!(of("faces\0").len(), 4);
    drop(dir);
}

#[test]
fn the_words_of_an_older_library_are_cut_again() {
    let (_dir, library, ids) = six();
    library.tag(&ids[..1], "桜並木", true).unwrap();
    let path = library.path().to_path_buf();
    go_back(&library);
    // As an older version indexed it: all letters one word.
    library
        .db
        .execute("INSERT OR REPLACE INTO items_text (rowid, model, tags) VALUES (?, 'faces', '桜並木')", [ids[0]])
        .unwrap();
    let match_it = "SELECT count(*) FROM items_text WHERE items_text MATCH '\"並 木\"'";
    assert_eq!(library.db.query_row(match_it, [], |row| row.get::<_, i64>(0)).unwrap(), 0);
    drop(library);
    let library = Library::open(&path).unwrap();
    assert_eq!(found(&library, text("並木")), [ids[0]]);
}

#[test]
fn who_opens_a_library_that_is_brought_up_to_date_waits_for_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("library.sqlite");
    drop(Library::open(&path).unwrap());
    let db = Library::connect(&path).unwrap();
    db.execute_batch(schema::WITHOUT_SEARCH).unwrap();
    db.pragma_update(None, "user_version", schema::RELATIVE_LINEAGE).unwrap();
    db.execute_batch("BEGIN IMMEDIATE").unwrap();
    let waited = std::thread::scope(|scope| {
        let other = scope.spawn(|| {
            let began = std::time::Instant::now();
            (Library::open(&path).map(|_| ()), began.elapsed())
        });
        // A writer waits ten seconds; one who migrates, longer.
        std::thread::sleep(PATIENCE + std::time::Duration::from_secs(1));
        db.execute_batch("ROLLBACK").unwrap();
        other.join().unwrap()
    });
    assert!(waited.1 > PATIENCE, "{waited:?}");
    waited.0.unwrap();
}
