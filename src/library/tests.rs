//! The library as its users see it.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::*;
use crate::base::{Kind, Picture, Severity};
use crate::recipe::Recipe;
use crate::recipe::picture::{GridRecipe, Latent, PictureRecipe};
use crate::train::report::{CheckpointInfo, RunProgress, RunState, RunSummary};

fn recipe(model: &str, latent: Latent) -> PictureRecipe {
    PictureRecipe {
        studio: "0.1.0".into(),
        model: model.into(),
        model_hash: format!("hash-of-{model}"),
        latent,
        truncation: 0.7,
        made_by: "sample".into(),
        scale: 1,
        filter: "nearest".into(),
        grid: None,
        device: "flex".into(),
        prior: None,
        canvas: None,
        watermark: None,
    }
}

fn item(dir: &Path, n: u64, model: &str) -> NewItem {
    NewItem {
        path: dir.join(format!("gallery/{model}-{n}.png")),
        picture: Picture::filled(32, 16, [n as u8, 7, 9, 255]),
        model: model.into(),
        recipe: Some(recipe(model, Latent::Seed { seed: n })),
        starred: false,
    }
}

/// A library with pictures 1 to 6 of two models.
pub(super) fn six() -> (tempfile::TempDir, Library, Vec<i64>) {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(&dir.path().join("data/library.sqlite")).unwrap();
    let root = dir.path().join("data");
    let ids = (1..=6).map(|n| library.add_item(&item(&root, n, if n <= 4 { "faces" } else { "Über-nouns" })).unwrap());
    let ids = ids.collect();
    (dir, library, ids)
}

pub(super) fn found(library: &Library, filter: ItemFilter) -> Vec<i64> {
    let items = library.items(&filter).unwrap();
    let ids: Vec<i64> = items.iter().map(|i| i.id).collect();
    assert_eq!(library.ids(&filter).unwrap(), ids);
    assert_eq!(library.count(&filter).unwrap(), ids.len() as u64);
    ids
}

fn all() -> ItemFilter {
    ItemFilter::default()
}

pub(super) fn text(words: &str) -> ItemFilter {
    ItemFilter { text: words.into(), ..all() }
}

#[test]
fn pictures_come_back_with_everything() {
    let (dir, library, ids) = six();
    let values = vec![0.1, -0.0, f32::MIN_POSITIVE, 1.0e30];
    let mut full = recipe("grids", Latent::Point { values: values.clone() });
    full.grid = Some(GridRecipe {
        columns: 2,
        rows: 1,
        gap: 1,
        latents: vec![Latent::Point { values }, Latent::Seed { seed: 5 }],
        triangle: false,
    });
    let new = NewItem { recipe: Some(full.clone()), starred: true, ..item(dir.path(), 77, "grids") };
    let id = library.add_item(&new).unwrap();
    let got = library.item(id).unwrap().unwrap();
    assert_eq!((got.path, got.width, got.height, got.starred), (new.path, 32, 16, true));
    assert_eq!(got.recipe, Some(full), "to the last bit");
    assert_eq!(library.thumb(id).unwrap().unwrap(), new.picture, "small ones are kept as they are");
    assert_eq!(library.item(9999).unwrap(), None);
    assert_eq!(library.thumb(9999).unwrap(), None);
    assert_eq!(
        library.thumbs(&[ids[1], 9999, ids[0]]).unwrap().iter().map(|t| t.0).collect::<Vec<_>>(),
        [ids[1], ids[0]]
    );
    let none =
        NewItem { recipe: None, picture: Picture::filled(600, 300, [1, 2, 3, 255]), ..item(dir.path(), 78, "x") };
    let id = library.add_item(&none).unwrap();
    assert_eq!(library.item(id).unwrap().unwrap().recipe, None);
    let thumb = library.thumb(id).unwrap().unwrap();
    assert_eq!((thumb.width, thumb.height), (128, 64));
}

#[test]
fn the_same_file_is_kept_once() {
    let (dir, library, ids) = six();
    let again = NewItem { starred: true, ..item(&dir.path().join("data"), 1, "faces") };
    assert_eq!(library.add_item(&again).unwrap(), ids[0]);
    assert_eq!(library.count(&all()).unwrap(), 6);
    assert!(library.item(ids[0]).unwrap().unwrap().starred);
}

#[test]
fn filters_and_orders_hold() {
    let (_dir, library, ids) = six();
    let newest: Vec<i64> = ids.iter().rev().copied().collect();
    assert_eq!(found(&library, all()), newest);
    assert_eq!(found(&library, ItemFilter { sort: ItemSort::Oldest, ..all() }), ids);
    library.rate(&[ids[2], ids[4]], 4).unwrap();
    library.rate(&[ids[0]], 5).unwrap();
    let rated = found(&library, ItemFilter { sort: ItemSort::Rating, ..all() });
    assert_eq!(rated[..3], [ids[0], ids[4], ids[2]]);
    assert_eq!(found(&library, ItemFilter { min_rating: 5, ..all() }), [ids[0]]);
    let by_model = found(&library, ItemFilter { sort: ItemSort::Model, ..all() });
    assert_eq!(by_model, [ids[3], ids[2], ids[1], ids[0], ids[5], ids[4]]);
    assert_eq!(found(&library, ItemFilter { model: Some("faces".into()), ..all() }).len(), 4);
    library.star(&[ids[1], ids[5]], true).unwrap();
    assert_eq!(found(&library, ItemFilter { starred: true, ..all() }), [ids[5], ids[1]]);
    library.tag(&[ids[1], ids[2]], " to \n show ", true).unwrap();
    assert_eq!(found(&library, ItemFilter { tag: Some("to show".into()), ..all() }), [ids[2], ids[1]]);
    assert_eq!(library.item(ids[1]).unwrap().unwrap().tags, ["to show"]);
    let both = ItemFilter { tag: Some("to show".into()), starred: true, text: "faces".into(), ..all() };
    assert_eq!(found(&library, both), [ids[1]]);
    assert_eq!(library.tags().unwrap(), [("to show".to_string(), 2)]);
    let page = library.page(&all(), 2, 3).unwrap();
    assert_eq!(page.iter().map(|i| i.id).collect::<Vec<_>>(), newest[2..5]);
}

#[test]
fn no_order_needs_sorting() {
    use strum::IntoEnumIterator;
    let (_dir, library, _) = six();
    for sort in ItemSort::iter() {
        for filter in [ItemFilter { sort, ..all() }, ItemFilter { sort, trashed: true, ..all() }] {
            let text = items::query_text(&filter);
            let mut plan = library.db.prepare(&format!("EXPLAIN QUERY PLAN {text}")).unwrap();
            let steps: Vec<String> = plan.query_map([], |row| row.get(3)).unwrap().map(|s| s.unwrap()).collect();
            assert!(steps.iter().any(|s| s.contains("USING INDEX items_")), "{sort:?}: {steps:?}");
            assert!(!steps.iter().any(|s| s.contains("items") && s.contains("B-TREE")), "{sort:?}: {steps:?}");
            assert!(!steps.iter().any(|s| s.contains("ORDER BY")), "{sort:?}: {steps:?}");
        }
    }
}

#[test]
fn words_are_found_in_models_tags_and_recipes() {
    let (_dir, library, ids) = six();
    library.tag(&[ids[3]], "größte Freude", true).unwrap();
    assert_eq!(found(&library, text("uber")), [ids[5], ids[4]], "accents and capitals do not matter");
    assert_eq!(found(&library, text("freu gro")), [ids[3]], "beginnings of words, in any order");
    assert_eq!(found(&library, text("seed 3")), [ids[2]]);
    assert_eq!(found(&library, text("hash-of-faces")).len(), 4);
    assert!(found(&library, text("freude nouns")).is_empty());
    for odd in ["\"", "a\"b", "NOT", "(", "*", "model:", "   ", "- -", "\u{0}"] {
        library.items(&text(odd)).unwrap();
    }
    assert_eq!(found(&library, text(" \" ")).len(), 6, "no word, no condition");
    library.tag(&[ids[3]], "größte Freude", false).unwrap();
    assert!(found(&library, text("freude")).is_empty());
}

#[test]
fn every_change_can_be_taken_back_and_made_again() {
    let (dir, library, ids) = six();
    let state = |l: &Library| {
        let mut all = l.items(&all()).unwrap();
        all.extend(l.items(&ItemFilter { trashed: true, ..ItemFilter::default() }).unwrap().into_iter().map(
            |mut i| {
                i.path = PathBuf::from("trash");
                i
            },
        ));
        all
    };
    let mut states = vec![state(&library)];
    let steps: [&dyn Fn(&Library); 8] = [
        &|l| l.rate(&ids[..3], 3).unwrap(),
        &|l| l.rate(&ids[..2], 5).unwrap(),
        &|l| l.star(&ids[1..4], true).unwrap(),
        &|l| l.tag(&ids[..], "a", true).unwrap(),
        &|l| l.tag(&ids[..2], "a", false).unwrap(),
        &|l| l.trash(&ids[4..], true).unwrap(),
        &|l| l.trash(&ids[5..], false).unwrap(),
        &|l| drop(l.add_items(&[item(dir.path(), 50, "late"), item(dir.path(), 51, "late")]).unwrap()),
    ];
    for step in steps {
        step(&library);
        states.push(state(&library));
    }
    let named = library.newest_change().unwrap().unwrap().1;
    assert_eq!(named, "Keep 2 pictures");
    drop(library);
    // The journal outlives the program.
    let library = Library::open(&dir.path().join("data/library.sqlite")).unwrap();
    for i in (0..8).rev() {
        let name = library.undo().unwrap().unwrap();
        assert!(!name.is_empty());
        if i == 7 {
            assert_eq!(found(&library, all()).len(), 5, "what was kept is in the trash, not lost");
        } else {
            let back = state(&library);
            let kept: Vec<_> = back.into_iter().filter(|s| s.model != "late").collect();
            assert_eq!(kept, states[i], "undo of step {i} ({name})");
        }
    }
    for (i, then) in states.iter().enumerate().skip(1) {
        library.redo().unwrap().unwrap();
        if i == 8 {
            assert_eq!(&state(&library), then);
        }
    }
    assert_eq!(library.redo().unwrap(), None);
    // A new change takes the place of what was undone.
    library.undo().unwrap();
    library.rate(&ids[..1], 1).unwrap();
    assert_eq!(library.redo().unwrap(), None);
    assert_eq!(library.newest_change().unwrap().unwrap().1, "Rate a picture 1");
    assert_eq!(library.redo().unwrap(), None);
}

#[test]
fn one_change_among_others_can_be_taken_back() {
    let (_dir, library, ids) = six();
    library.star(&ids[..1], true).unwrap();
    let (star, name) = library.newest_change().unwrap().unwrap();
    assert_eq!(name, "Star a picture");
    library.rate(&ids[..1], 4).unwrap();
    assert_eq!(library.go(star, true).unwrap().as_deref(), Some("Star a picture"));
    let first = library.item(ids[0]).unwrap().unwrap();
    assert_eq!((first.starred, first.rating), (false, 4), "only the star is gone");
    assert_eq!(library.go(star, true).unwrap(), None, "it was taken back already");
    let undone: Vec<bool> = library.changes(2).unwrap().iter().map(|c| c.undone).collect();
    assert_eq!(undone, [false, true]);
    assert!(library.go(star, false).unwrap().is_some());
    assert!(library.item(ids[0]).unwrap().unwrap().starred);
    assert_eq!(library.go(9999, false).unwrap(), None);
}

#[test]
fn pictures_that_look_alike_are_found_also_those_of_an_earlier_version() {
    let (dir, library, _) = six();
    let colour = |n: u64, rgb: [u8; 3]| {
        let picture = Picture::filled(16, 16, [rgb[0], rgb[1], rgb[2], 255]);
        NewItem { picture, ..item(dir.path(), n, "colours") }
    };
    let new = [colour(20, [250, 0, 0]), colour(21, [0, 0, 250]), colour(22, [240, 10, 0]), colour(23, [0, 250, 0])];
    let ids = library.add_items(&new).unwrap();
    library.db.execute("UPDATE thumbs SET look = NULL WHERE item = ?", [ids[2]]).unwrap();
    let of = |id: i64, filter: ItemFilter| -> Vec<i64> {
        library.items(&ItemFilter { alike: Some(id), ..filter }).unwrap().iter().map(|i| i.id).collect()
    };
    let alike = |filter: ItemFilter| of(ids[0], filter);
    let near = alike(ItemFilter { model: Some("colours".into()), ..all() });
    assert_eq!(near[..2], [ids[0], ids[2]], "itself first, then the nearest");
    assert_eq!(near.len(), 4);
    assert!(alike(all()).len() > 4, "among all without a filter");
    assert!(of(9999, all()).is_empty());
}

#[test]
fn a_family_is_made_of_all_models_that_came_from_each_other() {
    let (dir, library, _) = six();
    let of = |n: u64, hash: &str| {
        let mut new = item(dir.path(), n, "m");
        new.recipe.as_mut().unwrap().model_hash = hash.into();
        library.add_item(&new).unwrap()
    };
    let (early, late, child, stranger) = (of(30, "h-early"), of(31, "h-late"), of(32, "h-child"), of(33, "h-else"));
    library.link("h-early", "/runs/a", "checkpoint").unwrap();
    library.link("h-late", "/runs/a", "checkpoint").unwrap();
    library.link("/runs/b", "h-early", "fine-tune").unwrap();
    library.link("h-child", "/runs/b", "checkpoint").unwrap();
    let family = |id: i64| found(&library, ItemFilter { family: Some(id), sort: ItemSort::Oldest, ..all() });
    for id in [early, late, child] {
        assert_eq!(family(id), [early, late, child]);
    }
    assert_eq!(family(stranger), [stranger]);
}

#[test]
fn what_changes_nothing_is_not_noted() {
    let (_dir, library, ids) = six();
    let before = library.newest_change().unwrap();
    library.rate(&ids, 0).unwrap();
    library.star(&ids, false).unwrap();
    library.tag(&ids, "none", false).unwrap();
    library.trash(&[12345], true).unwrap();
    assert_eq!(library.newest_change().unwrap(), before);
    assert_eq!(library.rate(&ids, 6).unwrap_err().kind, Kind::Usage);
    assert!(library.tag(&ids, " \t", true).is_err());
}

#[test]
fn the_trash_is_emptied_for_good() {
    let (_dir, library, ids) = six();
    library.tag(&ids, "x", true).unwrap();
    library.trash(&ids[..2], true).unwrap();
    assert_eq!(found(&library, ItemFilter { trashed: true, ..all() }).len(), 2);
    assert_eq!(library.tags().unwrap(), [("x".to_string(), 4)]);
    let expected: Vec<_> = ids[..2].iter().map(|id| library.item(*id).unwrap().unwrap().path).collect();
    assert_eq!(library.empty_trash().unwrap(), expected);
    assert_eq!(library.item(ids[0]).unwrap(), None);
    assert_eq!(library.thumb(ids[0]).unwrap(), None);
    assert!(found(&library, text("seed 1")).is_empty());
    // What the journal says of pictures that are gone does no harm.
    while library.undo().unwrap().is_some() {}
    while library.redo().unwrap().is_some() {}
    assert_eq!(library.item(ids[0]).unwrap(), None);
    assert!(library.empty_trash().unwrap().is_empty());
}

#[test]
fn the_journal_does_not_grow_for_ever() {
    let (_dir, library, ids) = six();
    for i in 0..300u64 {
        library.rate(&ids[..1], (1 + i % 2) as u8).unwrap();
    }
    let mut undone = 0;
    while library.undo().unwrap().is_some() {
        undone += 1;
    }
    assert_eq!(undone, 200);
}

fn run(dir: &Path, name: &str, created: i64) -> RunSummary {
    let checkpoint = |images: u64, best| CheckpointInfo {
        images,
        path: dir.join(format!("checkpoints/{images}")),
        best,
        score: best.then_some(0.5),
    };
    RunSummary {
        dir: dir.into(),
        name: name.into(),
        recipe: Recipe { name: name.into(), ..Recipe::default() },
        state: RunState::Paused,
        progress: RunProgress { images: 2000, ..RunProgress::default() },
        created,
        problem: None,
        bytes: 0,
        checkpoints: vec![checkpoint(1000, false), checkpoint(2000, true)],
        origin: None,
    }
}

#[test]
fn runs_checkpoints_and_lineage_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(&dir.path().join("library.sqlite")).unwrap();
    let (a, b) = (dir.path().join("runs/a"), PathBuf::from("/elsewhere/b"));
    library.put_run(&run(&a, "first", 10)).unwrap();
    let mut second = run(&b, "second", 20);
    second.recipe.parent = Some(crate::recipe::Parent { model: "first".into(), hash: "h1".into() });
    library.put_run(&second).unwrap();
    library.put_run(&second).unwrap();
    let rows = library.runs().unwrap();
    assert_eq!(rows.iter().map(|r| &r.dir).collect::<Vec<_>>(), [&b, &a]);
    assert_eq!((rows[0].state, rows[0].images, rows[0].parent.as_deref()), (RunState::Paused, 2000, Some("first")));
    assert_eq!(serde_json::from_str::<Recipe>(&rows[0].recipe).unwrap(), second.recipe);
    assert_eq!(library.checkpoints(&b).unwrap(), second.checkpoints);
    library.link("h2", &b.to_string_lossy(), "checkpoint").unwrap();
    library.link("h1", "h2", "made-up circle").unwrap();
    let b_text = b.to_string_lossy().into_owned();
    let tree = library.lineage(&b_text).unwrap();
    assert_eq!((tree.parents[0].parent.as_str(), tree.parents[0].relation.as_str()), ("h1", "fine-tune"));
    assert_eq!(tree.children[0].child, "h2");
    assert_eq!(library.ancestors("h2").unwrap(), [b_text, "h1".to_string()]);
    library.forget_run(&b).unwrap();
    assert_eq!(library.runs().unwrap().len(), 1);
    assert!(library.checkpoints(&b).unwrap().is_empty());
}

#[test]
fn files_of_the_same_weights_do_not_take_each_others_name() {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(&dir.path().join("library.sqlite")).unwrap();
    let changes = || -> i64 {
        let all = "SELECT count(*) FROM records WHERE kind = 'change'";
        library.read(|db| db.query_row(all, [], |row| row.get(0))).unwrap()
    };
    let named = |name: &str| {
        let file = dir.path().join(name);
        let info = crate::models::info::ModelInfo::of(&Recipe::default(), "h".into());
        crate::models::info::ModelInfo { model: file.to_string_lossy().into_owned(), name: name.into(), ..info }
    };
    let (first, fork) = (named("first"), named("fork"));
    std::fs::write(&first.model, "").unwrap();
    for model in [&first, &fork, &first, &fork] {
        library.put_model(model).unwrap();
    }
    assert_eq!(library.models().unwrap().iter().map(|m| m.name.as_str()).collect::<Vec<_>>(), ["first"]);
    assert_eq!(changes(), 0);
    std::fs::remove_file(&first.model).unwrap();
    library.put_model(&fork).unwrap();
    assert_eq!(library.models().unwrap()[0].name, "fork");
    assert_eq!(changes(), 1);
}

#[test]
fn data_sets_are_remembered_once() {
    let library = Library::in_memory().unwrap();
    library.note_dataset("emoji", 5).unwrap();
    library.note_dataset("/a", 1).unwrap();
    library.note_dataset("emoji", 7).unwrap();
    let sets = library.datasets().unwrap();
    assert_eq!(sets.len(), 2);
    assert_eq!(sets.iter().find(|s| s.source == "emoji").unwrap().pictures, 7);
    library.forget_dataset("/a").unwrap();
    assert_eq!(library.datasets().unwrap().len(), 1);
    let gone = sets.iter().find(|s| s.source == "/a").unwrap();
    library.restore_dataset(gone).unwrap();
    assert_eq!(library.datasets().unwrap(), sets, "as it was, with its time");
}

#[test]
fn a_library_moves_with_its_pictures() {
    let (dir, library, ids) = six();
    drop(library);
    let moved = dir.path().join("moved");
    std::fs::rename(dir.path().join("data"), &moved).unwrap();
    let library = Library::open(&moved.join("library.sqlite")).unwrap();
    assert_eq!(library.item(ids[0]).unwrap().unwrap().path, moved.join("gallery/faces-1.png"));
}

#[test]
fn a_damaged_library_is_kept_and_what_can_be_read_is_taken_over() {
    // Not a library at all; an empty file is one that was never begun.
    for content in [b"this is no database, but it is long enough to be looked at".to_vec(), vec![0xA5; 9000]] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("library.sqlite");
        std::fs::write(&path, &content).unwrap();
        assert_eq!(Library::open(&path).err().unwrap().kind, Kind::Data);
        let (library, problem) = Library::open_or_repair(&path).unwrap();
        let problem = problem.unwrap();
        assert_eq!(problem.severity, Severity::Warning);
        assert_eq!(std::fs::read(problem.subject.unwrap()).unwrap(), content, "the old file is kept");
        assert_eq!(library.count(&all()).unwrap(), 0);
        drop(library);
        assert!(Library::open_or_repair(&path).unwrap().1.is_none(), "only once");
    }
    // Tables torn out: the rest is taken over.
    let (dir, library, ids) = six();
    library.rate(&ids[..1], 5).unwrap();
    library.tag(&ids[..1], "dear", true).unwrap();
    library.put_run(&run(Path::new("/r"), "r", 1)).unwrap();
    let path = library.path().to_path_buf();
    drop(library);
    Connection::open(&path).unwrap().execute_batch("DROP TABLE journal").unwrap();
    let (library, problem) = Library::open_or_repair(&path).unwrap();
    assert!(problem.unwrap().detail.unwrap().contains("6 pictures, 1 runs"));
    let saved = library.items(&text("dear")).unwrap();
    assert_eq!((saved.len(), saved[0].rating, saved[0].id), (1, 5, ids[0]));
    assert!(library.thumb(ids[0]).unwrap().is_some());
    library.rate(&ids, 2).unwrap();
    drop(dir);
}

#[test]
fn a_library_with_holes_never_panics() {
    let (dir, library, ids) = six();
    let path = library.path().to_path_buf();
    library.tag(&ids, "x", true).unwrap();
    drop(library);
    let whole = std::fs::read(&path).unwrap();
    for i in 0..12 {
        let mut bad = whole.clone();
        let at = 100 + (whole.len() - 200) * i / 12;
        let end = (at + 700).min(bad.len());
        bad[at..end].fill(0xEE);
        let torn = dir.path().join(format!("torn-{i}/library.sqlite"));
        std::fs::create_dir_all(torn.parent().unwrap()).unwrap();
        std::fs::write(&torn, &bad).unwrap();
        let (library, _) = Library::open_or_repair(&torn).unwrap();
        let _ = library.items(&all());
        let _ = library.items(&text("x"));
        let _ = library.thumbs(&ids);
    }
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    let (library, problem) = Library::open_or_repair(&path).unwrap();
    assert!(problem.is_some());
    library.add_item(&item(dir.path(), 1, "new")).unwrap();
}

#[test]
fn a_later_version_is_left_alone() {
    let (_dir, library, _) = six();
    let path = library.path().to_path_buf();
    drop(library);
    Connection::open(&path).unwrap().pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
    let before = std::fs::read(&path).unwrap();
    let problem = Library::open_or_repair(&path).err().unwrap();
    assert_eq!(problem.kind, Kind::Usage);
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_folder_that_cannot_be_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let problem = Library::open_or_repair(&file.join("library.sqlite")).err().unwrap();
    assert!(problem.subject.unwrap().contains("file"));
    assert!(Library::open(dir.path()).is_err(), "a folder is no library");
    assert!(dir.path().is_dir());
}

#[test]
fn several_writers_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("library.sqlite");
    std::thread::scope(|s| {
        for t in 0..4u64 {
            let (path, dir) = (path.clone(), dir.path());
            s.spawn(move || {
                // Opening (and making the tables) at once is part of the test.
                let library = Library::open_or_repair(&path).unwrap().0;
                for n in 0..25 {
                    let id = library.add_item(&item(dir, n, &format!("m{t}"))).unwrap();
                    library.rate(&[id], 3).unwrap();
                }
            });
        }
    });
    let library = Library::open(&path).unwrap();
    assert_eq!(library.count(&ItemFilter { min_rating: 3, ..all() }).unwrap(), 100);
}

#[test]
fn pictures_alone_fill_a_new_library() {
    let dir = tempfile::tempdir().unwrap();
    let gallery = dir.path().join("gallery");
    for n in 0..3 {
        let new = item(dir.path(), n, "faces");
        crate::export::write_png(&new.path, &new.picture, new.recipe.as_ref()).unwrap();
    }
    std::fs::write(gallery.join("notes.txt"), "x").unwrap();
    std::fs::write(gallery.join("broken.png"), "x").unwrap();
    let library = Library::open(&dir.path().join("library.sqlite")).unwrap();
    assert_eq!(library.adopt(&gallery).unwrap(), 3);
    assert_eq!(library.adopt(&gallery).unwrap(), 0, "known ones are passed over");
    let mut seeds: Vec<_> = library.items(&all()).unwrap().into_iter().map(|i| i.recipe.unwrap().latent).collect();
    seeds.sort_by_key(|l| format!("{l:?}"));
    assert_eq!(seeds, (0..3).map(|seed| Latent::Seed { seed }).collect::<Vec<_>>());
    assert!(library.adopt(&dir.path().join("none")).is_err());
}
