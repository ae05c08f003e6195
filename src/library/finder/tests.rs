//! Searches over a small library of drawn pictures and emoji.

use super::*;
use crate::base::progress::Quiet;
use crate::eval::joint::Networks;
use crate::library::import::import;
use crate::library::towers::{PHOTO, STUDIO, embed};

/// A library of emoji with captions, and vectors of them.
fn emoji(words: bool) -> (tempfile::TempDir, Paths, Library) {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::under(dir.path());
    let library = Library::open(&paths.library()).unwrap();
    if !words {
        Networks { photo: false, text: false }.write(&paths).unwrap();
    }
    import(&library, "emoji:smileys", None, &Quiet::default()).unwrap();
    let done = embed(&library, &mut Towers::new(&paths, "cpu"), &|| true, &Quiet::default()).unwrap();
    assert!(done.pictures > 20 && done.failed == 0, "{done:?}");
    (dir, paths, library)
}

fn search(text: &str) -> Search {
    Search { text: text.into(), shelf: Shelf::All, limit: 10, ..Search::default() }
}

#[test]
fn words_meaning_and_looks_are_found_and_say_why() {
    let (_dir, paths, library) = emoji(true);
    let names: Vec<String> = library.spaces().unwrap().into_iter().map(|s| s.name).collect();
    assert_eq!(names, [PHOTO, JOINT, CAPTIONS]);
    // Nothing is left to do.
    let again = embed(&library, &mut Towers::new(&paths, "cpu"), &|| true, &Quiet::default()).unwrap();
    assert_eq!((again.pictures, again.captions, again.stale), (0, 0, 0));
    let mut finder = Finder::new(&paths, "cpu");
    let found = finder.search(&library, &search("crying face")).unwrap();
    assert!(found.notes.is_empty(), "{:?}", found.notes);
    let first = &found.hits[0];
    let caption = first.item.imported.as_ref().unwrap().caption.clone().unwrap();
    assert!(caption.contains("crying"), "{caption}");
    assert!(first.why.iter().any(|w| w.by == By::Words && w.note.contains("crying")), "{:?}", first.why);
    assert!(first.why.iter().any(|w| w.by == By::Caption && w.near.unwrap() > 0.5), "{:?}", first.why);
    // The same picture as a file is the nearest to itself.
    let full = crate::library::imported::read(first.item.imported.as_ref().unwrap()).unwrap();
    let like = Search { like: vec![Example::Picture(full.clone())], ..search("") };
    let near = finder.search(&library, &like).unwrap();
    assert_eq!(near.hits[0].item.id, first.item.id);
    assert!(near.hits[0].why[0].near.unwrap() > 0.999 && near.hits[0].why[0].by == By::Look);
    // By number it is not among its own finds; unlike itself it is not near.
    let by_number = Search { like: vec![Example::Item(first.item.id)], ..search("") };
    let near = finder.search(&library, &by_number).unwrap();
    assert!(near.hits.iter().all(|h| h.item.id != first.item.id) && near.hits.len() == 10);
    let nothing = Search { unlike: vec![Example::Picture(full.clone())], ..by_number.clone() };
    assert!(finder.search(&library, &nothing).unwrap_err().what.contains("cancel"));
    // A picture beside itself is a copy, other faces are not.
    let twice = [first.item.id, near.hits[0].item.id, first.item.id];
    assert_eq!(finder.copies(&library, &twice[..1]).unwrap(), []);
    assert!(finder.copies(&library, &twice).unwrap().contains(&(first.item.id, first.item.id)));
    // A filter applies before.
    let none = Search { conditions: Condition::all("data=other").unwrap(), ..search("crying face") };
    assert!(finder.search(&library, &none).unwrap().hits.is_empty());
    let neighbours = finder.nearest_to_pictures(&library, &[full], Some("emoji:smileys"), 3).unwrap();
    assert!(neighbours.is_empty() || neighbours[0].distance < 1e-3);
    let set = first.item.imported.as_ref().unwrap().dataset.clone();
    let by_text = finder.nearest_to_text(&library, "a sad crying face", Some(&set), 5).unwrap();
    assert!(by_text.len() == 5 && by_text[0].distance <= by_text[4].distance);
    // Vectors of another network are told of, and words still found.
    library.db.execute("UPDATE spaces SET tower = 'older'", []).unwrap();
    let told = finder.search(&library, &search("crying face")).unwrap();
    assert!(!told.hits.is_empty() && told.notes[0].detail.is_none(), "{:?}", told.notes);
    assert!(told.notes[0].what.contains("another network"), "{:?}", told.notes);
    assert!(finder.search(&library, &by_number).unwrap_err().what.contains("another network"));
    let again = embed(&library, &mut Towers::new(&paths, "cpu"), &|| true, &Quiet::default()).unwrap();
    assert!(again.stale > 40 && again.pictures > 20);
    assert!(finder.search(&library, &search("crying face")).unwrap().notes.is_empty());
}

#[test]
fn without_the_networks_words_and_the_studios_own_features_are_left() {
    let (_dir, paths, library) = emoji(false);
    assert_eq!(library.spaces().unwrap()[0].name, STUDIO);
    let mut finder = Finder::new(&paths, "cpu");
    let found = finder.search(&library, &search("crying face")).unwrap();
    assert!(found.hits.iter().all(|h| h.why.iter().all(|w| w.by == By::Words)) && !found.hits.is_empty());
    assert!(found.notes[0].what.contains("switched off"), "{:?}", found.notes);
    let like = Search { like: vec![Example::Item(found.hits[0].item.id)], ..search("") };
    assert_eq!(finder.search(&library, &like).unwrap().hits.len(), 10);
    assert!(finder.nearest_to_text(&library, "x", None, 3).unwrap_err().what.contains("switched off"));
}

#[test]
fn an_empty_library_and_an_empty_question_are_said_plainly() {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::in_memory().unwrap();
    let mut finder = Finder::new(&Paths::under(dir.path()), "cpu");
    let found = finder.search(&library, &search("anything")).unwrap();
    assert!(
        found.hits.is_empty() && found.notes[0].what.contains("No picture has a vector yet")
            || found.notes[0].what.contains("no picture"),
        "{:?}",
        found.notes
    );
    assert_eq!(finder.search(&library, &search("  ")).unwrap_err().exit_code(), 2);
    let gone = Search { like: vec![Example::Item(99)], ..search("") };
    assert_eq!(finder.search(&library, &gone).unwrap_err().exit_code(), 2);
    let long = finder.search(&library, &search(&"hat ".repeat(4000))).unwrap();
    assert!(long.notes[0].what.contains("too long"));
}

#[test]
fn orders_are_fused_by_reciprocal_ranks() {
    let order = |ids: &[i64]| ids.iter().zip(1..).map(|(id, n)| (*id, Some(1.0 / n as f32))).collect::<Vec<_>>();
    let orders = [(By::Words, order(&[1, 2, 3])), (By::Text, order(&[3, 4])), (By::Look, order(&[5, 3]))];
    let fused = fuse(&orders, 4);
    let ids: Vec<i64> = fused.iter().map(|f| f.0).collect();
    assert_eq!(ids, [3, 5, 1, 2], "looks weigh as both orders by words; ties by number; 4 is beyond the limit");
    assert!((fused[0].1 - (1.0 / 63.0 + 1.0 / 61.0 + 2.0 / 62.0)).abs() < 1e-12);
    assert_eq!(fused[0].2, [(By::Text, 1, Some(1.0)), (By::Look, 2, Some(0.5)), (By::Words, 3, None)]);
}

#[test]
fn among_pictures_of_one_label_looks_decide() {
    let labelled = [1, 2, 3, 4].map(|id| (id, Some(2.5)));
    let looks = [(9, Some(0.9)), (4, Some(0.8)), (2, Some(0.7))];
    let fused = fuse(&[(By::Words, labelled.to_vec()), (By::Look, looks.to_vec())], 9);
    assert_eq!(fused.iter().map(|f| f.0).collect::<Vec<_>>(), [4, 2, 1, 3, 9]);
    assert_eq!(fused[0].2, [(By::Words, 1, None), (By::Look, 2, Some(0.8))]);
}

#[test]
fn like_these_unlike_those_is_the_difference_of_means() {
    let like = [vec![1.0, 0.0], vec![0.0, 1.0]];
    assert_eq!(difference(&like, &[vec![0.0, 1.0]]), [0.5, -0.5]);
    assert_eq!(difference(&like, &[]), [0.5, 0.5]);
    assert_eq!(difference(&[], &like[..1]), [-1.0, 0.0]);
}
