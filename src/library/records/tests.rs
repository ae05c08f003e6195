//! The graph, the chain of hashes, and libraries of the version before there were any.

use rusqlite::params;
use serde_json::json;

use super::graph::MOST;
use super::threads::NewPrompt;
use super::*;
use crate::library::schema;
use crate::library::tests::six;

/// Kinds and titles around a thing, with steps from it.
fn around(library: &Library, of: &str) -> Vec<(i32, String, String)> {
    let graph = library.graph(library.find_thing(of).unwrap(), 20).unwrap();
    graph.nodes.into_iter().map(|n| (n.depth, n.kind, n.key)).collect()
}

fn whole(library: &Library) {
    let verdict = library.verify().unwrap();
    assert_eq!(verdict.faults, []);
    assert!(verdict.records > 0);
}

#[test]
fn a_picture_leads_to_its_model_and_back() {
    let (_dir, library, ids) = six();
    let hash = library.item(ids[0]).unwrap().unwrap().recipe.unwrap().model_hash;
    library.note_dataset("/photos", 20).unwrap();
    library.link(&hash, "/elsewhere/run", "checkpoint").unwrap();
    library.link("/elsewhere/run", "data:/photos", "trained on").unwrap();
    library.link(&format!("item:{}", ids[1]), &format!("item:{}", ids[0]), "bred").unwrap();
    let up: Vec<(i32, String, String)> =
        around(&library, &ids[0].to_string()).into_iter().filter(|n| n.0 <= 1).collect();
    let item = |id: i64| format!("item:{id}");
    let row = |depth, kind: &str, key: &str| (depth, kind.to_owned(), key.to_owned());
    assert_eq!(
        up,
        [
            row(-3, "data", "data:/photos"),
            row(-2, "run", "/elsewhere/run"),
            row(-1, "model", &hash),
            row(0, "picture", &item(ids[0])),
            row(1, "picture", &item(ids[1])),
        ]
    );
    let graph = library.graph(library.find_thing(&hash[..hash.len().min(64)]).unwrap(), 1).unwrap();
    let relations: Vec<&str> = graph.edges.iter().map(|e| e.relation.as_str()).collect();
    assert!(relations.contains(&"made by") && relations.contains(&"checkpoint"));
    assert_eq!(library.find_thing("nothing").unwrap_err().exit_code(), 2);
    whole(&library);
}

#[test]
fn what_was_thought_of_a_picture_is_told_in_order_and_undo_too() {
    let (_dir, library, ids) = six();
    library.rate(&ids[..2], 4).unwrap();
    library.tag(&ids[..1], "sea", true).unwrap();
    library.undo().unwrap();
    library.undo().unwrap();
    library.redo().unwrap();
    let said = library.said(library.find_thing(&ids[0].to_string()).unwrap()).unwrap();
    let said: Vec<(&str, &Value)> = said.iter().map(|s| (s.kind.as_str(), &s.body)).collect();
    let (four, none) = (json!({ "rating": 4 }), json!({ "rating": 0 }));
    let tag = |add: bool| json!({ "tag": "sea", "add": add });
    assert_eq!(
        said,
        [("rating", &four), ("tag", &tag(true)), ("tag", &tag(false)), ("rating", &none), ("rating", &four)]
    );
    whole(&library);
}

#[test]
fn one_byte_that_changed_is_found_wherever_it_is() {
    let (_dir, library, ids) = six();
    library.rate(&ids, 3).unwrap();
    library.link(&format!("item:{}", ids[1]), &format!("item:{}", ids[0]), "bred").unwrap();
    whole(&library);
    let count = library.verify().unwrap().records as i64;
    let change = |sql: &str, back: &str, what: &str, at: Option<i64>| {
        library.db.execute_batch(sql).unwrap();
        let faults = library.verify().unwrap().faults;
        assert!(faults.iter().any(|f| f.what.contains(what) && (at.is_none() || f.record == at)), "{sql}: {faults:?}");
        library.db.execute_batch(back).unwrap();
        whole(&library);
    };
    for column in ["kind", "user", "sitting", "body"] {
        let old: String =
            library.db.query_row(&format!("SELECT {column} FROM records WHERE id = 2"), [], |row| row.get(0)).unwrap();
        let text = |value: &str| format!("UPDATE records SET {column} = '{}' WHERE id = 2", value.replace('\'', "''"));
        change(&text(&format!("{old} ")), &text(&old), "was changed", Some(2));
    }
    change(
        "UPDATE records SET at = at + 1 WHERE id = 3",
        "UPDATE records SET at = at - 1 WHERE id = 3",
        "was changed",
        Some(3),
    );
    let lineage = "INSERT INTO edges SELECT child, parent, 'false' FROM edges LIMIT 1";
    change(lineage, "DELETE FROM edges WHERE relation = 'false'", "no record says", None);
    let gone = "CREATE TEMP TABLE kept AS SELECT * FROM edges WHERE relation = 'bred'; DELETE FROM edges WHERE relation = 'bred'";
    change(gone, "INSERT INTO edges SELECT * FROM kept", "edges are gone", None);
    change(
        "UPDATE items SET recipe = replace(recipe, '\"scale\":', '\"scale\" :') WHERE recipe IS NOT NULL",
        "UPDATE items SET recipe = replace(recipe, '\"scale\" :', '\"scale\":')",
        "its recipe in the library",
        None,
    );
    library.db.execute("DELETE FROM records WHERE id = 4", []).unwrap();
    assert!(library.verify().unwrap().faults.iter().any(|f| f.what.contains("records 4 to 4 before it are gone")));
    library.db.execute("DELETE FROM records WHERE id >= ?", [count]).unwrap();
    assert!(library.verify().unwrap().faults.iter().any(|f| f.what.contains("the last records are gone")));
}

/// A library as the version before wrote it: the same tables without records.
#[test]
fn a_library_without_records_gets_them_and_loses_nothing() {
    let (_dir, library, ids) = six();
    let path = library.path().to_path_buf();
    library.rate(&ids[..1], 5).unwrap();
    library.tag(&ids[..1], "sea", true).unwrap();
    library.note_dataset("/photos", 20).unwrap();
    let hash = library.item(ids[0]).unwrap().unwrap().recipe.unwrap().model_hash;
    let run = path.parent().unwrap().join("runs/a").to_string_lossy().into_owned();
    library.link(&hash, &run, "checkpoint").unwrap();
    let before = library.items(&Default::default()).unwrap();
    let graph = around(&library, &ids[0].to_string());
    library
        .db
        .execute_batch(
            "DROP INDEX items_weights; DROP INDEX items_kept_model; DROP INDEX items_kept_model_rating; DROP TABLE marks; DROP TABLE heads; \
             DROP TABLE branches; DROP TABLE version_thumbs; DROP TABLE model_parts; DROP TABLE model_files; \
             DROP TABLE record_tags; DROP TABLE record_fields; \
             DROP TABLE records; DROP TABLE edges; DROP TABLE versions; DROP TABLE manifests; DROP TABLE version_tags; \
             DROP INDEX items_usage",
        )
        .unwrap();
    library.db.pragma_update(None, "user_version", 4).unwrap();
    drop(library);
    let library = Library::open(&path).unwrap();
    assert_eq!(schema::version(&library.db).unwrap(), schema::VERSION);
    assert_eq!(library.items(&Default::default()).unwrap(), before);
    assert_eq!(around(&library, &ids[0].to_string()), graph);
    assert_eq!(library.lineage(&hash).unwrap().parents[0].parent, run);
    let said = library.said(library.find_thing(&ids[0].to_string()).unwrap()).unwrap();
    let kinds: Vec<&str> = said.iter().map(|s| s.kind.as_str()).collect();
    assert_eq!(kinds, ["rating", "tag"]);
    whole(&library);
}

#[test]
fn a_model_with_many_pictures_shows_some_and_says_how_many_more() {
    let library = Library::in_memory().unwrap();
    library.write(|tx| (0..500).try_for_each(|i| link(tx, &format!("item:{i}"), "abcdef0123", "made by", 1))).unwrap();
    let graph = library.graph(library.find_thing("abcdef").unwrap(), 9).unwrap();
    assert_eq!(graph.nodes.len() as u64 + graph.left_out, 501);
    assert!(graph.nodes.len() <= MOST && graph.nodes.len() > 10);
    assert_eq!(graph.nodes.iter().find(|n| n.depth == 0).unwrap().children, 500);
}

#[test]
fn circles_end_and_a_thing_that_changes_stays_one() {
    let library = Library::in_memory().unwrap();
    library.link("a1", "b1", "x").unwrap();
    library.link("b1", "a1", "x").unwrap();
    library.link("a1", "a1", "x").unwrap();
    assert_eq!(library.graph(library.find_thing("a1").unwrap(), 99).unwrap().nodes.len(), 2);
    let noted = |body: Value| Thing { kind: "film".into(), key: "file:f".into(), body, from: Vec::new() };
    let first = library.note_thing(&noted(json!({ "file": "f.mp4" }))).unwrap();
    assert_eq!(library.note_thing(&noted(json!({ "file": "f.mp4" }))).unwrap(), first);
    assert_eq!(library.note_thing(&noted(json!({ "file": "g.mp4" }))).unwrap(), first);
    assert_eq!(library.said(first).unwrap().len(), 1);
    assert_eq!(library.graph(first, 1).unwrap().nodes[0].title, "g.mp4");
    whole(&library);
}

#[test]
fn prompts_hang_together_in_threads_with_their_pictures() {
    let (_dir, library, ids) = six();
    let ask = |text: &str, after| {
        let settings = json!({ "temperature": 1.0 });
        library.note_prompt(&NewPrompt { text: text.into(), model: "abcdef".into(), settings, after }).unwrap()
    };
    let first = ask("a red house", None);
    let second = ask("a red house at night", None);
    let branch = ask("a blue house", Some(first));
    library.came_of(second, &ids[..2]).unwrap();
    library.rate(&ids[..1], 4).unwrap();
    let threads = library.threads().unwrap();
    assert_eq!(threads.len(), 1);
    let told: Vec<_> = threads[0].iter().map(|p| (p.id, p.after, p.pictures, p.rating)).collect();
    assert_eq!(told, [(first, None, 0, None), (second, Some(first), 2, Some(4.0)), (branch, Some(first), 0, None)]);
    assert_eq!(threads[0][1].text, "a red house at night");
    let graph = library.graph(library.find_thing(&ids[0].to_string()).unwrap(), 9).unwrap();
    assert!(graph.nodes.iter().any(|n| n.kind == "prompt" && n.title == "a red house"));
    whole(&library);
}

#[test]
fn of_ten_writers_at_once_no_record_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("library.sqlite");
    drop(Library::open(&path).unwrap());
    std::thread::scope(|scope| {
        for i in 0..10 {
            let path = &path;
            scope.spawn(move || {
                let library = Library::open(path).unwrap();
                (0..20).for_each(|n| library.link(&format!("c{i}{n}"), "abcdef", "x").unwrap());
            });
        }
    });
    let library = Library::open(&path).unwrap();
    let count: i64 = library.db.query_row("SELECT count(*) FROM edges", params![], |row| row.get(0)).unwrap();
    assert_eq!(count, 200);
    whole(&library);
}

#[test]
fn a_film_is_found_by_its_file_wherever_one_stands() {
    let library = Library::in_memory().unwrap();
    let file = std::path::absolute("films/walk.mp4").unwrap();
    let key = format!("file:{}", file.display());
    let film = Thing { kind: "film".into(), key, body: serde_json::json!({}), from: Vec::new() };
    let id = library.note_thing(&film).unwrap();
    for name in ["films/walk.mp4".to_owned(), file.display().to_string()] {
        assert_eq!(library.find_thing(&name).unwrap(), id, "{name}");
    }
    assert!(library.find_thing("films/other.mp4").is_err());
}
