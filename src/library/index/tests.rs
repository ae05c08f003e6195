//! Indexes and their files, against what the library itself says.

use super::*;
use crate::base::int8::exact;
use crate::base::rng::Stream;
use crate::library::NewImported;
use crate::library::item::Imported;

const DIMS: usize = 40;

fn pictures(library: &Library, from: usize, n: usize) -> Vec<i64> {
    let one = |i: usize| NewImported {
        path: format!("/set/{i}.png").into(),
        about: Imported {
            dataset: "set".into(),
            real: true,
            label: None,
            caption: None,
            source: "/set".into(),
            name: format!("{i}.png"),
        },
        stamp: "1".into(),
        width: 1,
        height: 1,
        thumb: Vec::new(),
        look: Vec::new(),
        model: String::new(),
    };
    library.add_imported(&(from..from + n).map(one).collect::<Vec<_>>()).unwrap()
}

fn fill(library: &Library, space: &VectorSpace, ids: &[i64], seed: u64) {
    let mut stream = Stream::new(seed, "index");
    let rows: Vec<_> = ids.iter().map(|id| (*id, stream.normals(DIMS))).collect();
    library.put_vectors(space, &rows).unwrap();
}

fn make(n: usize) -> (tempfile::TempDir, Library, VectorSpace, Vec<i64>) {
    let dir = tempfile::tempdir().unwrap();
    let library = Library::open(&dir.path().join("library.sqlite")).unwrap();
    let ids = pictures(&library, 0, n);
    let (space, _) = library.space("photo", "net", DIMS).unwrap();
    fill(&library, &space, &ids, 1);
    (dir, library, space, ids)
}

/// What all vectors of the library say.
fn brute(library: &Library, space: &VectorSpace, query: &[f32], k: usize) -> Vec<Found> {
    let all = library.vectors_after(space.id, 0, usize::MAX >> 1).unwrap();
    let mut all: Vec<Found> = all.into_iter().map(|(_, item, v)| Found { item, score: exact(query, &v) }).collect();
    all.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
    all.truncate(k);
    all
}

fn check(library: &Library, index: &Index) {
    let mut stream = Stream::new(77, "index");
    let all = Mask::filled(100_000, true);
    for _ in 0..3 {
        let query = stream.normals(DIMS);
        let found = index.nearest(library, &query, 9, &index.wanted(&all)).unwrap();
        assert_eq!(found, brute(library, index.space(), &query, 9));
    }
    assert_eq!(index.len() as u64, library.count_vectors(index.space().id).unwrap());
}

fn file_of(library: &Library, space: &VectorSpace) -> PathBuf {
    library.index_folder().unwrap().join(format!("{}-{}.vectors", space.name, space.id))
}

#[test]
fn what_is_added_replaced_and_deleted_is_found_so() {
    let (_dir, library, space, ids) = make(300);
    let mut index = Index::open(&library, &space).unwrap();
    check(&library, &index);
    fill(&library, &space, &ids[..20], 2);
    fill(&library, &space, &pictures(&library, 300, 50), 3);
    library.trash(&ids[100..140], true).unwrap();
    library.empty_trash().unwrap();
    index.sync(&library).unwrap();
    check(&library, &index);
    drop(index);
    let mut index = Index::open(&library, &space).unwrap();
    check(&library, &index);
    // Deleted at the very end, before it was ever known.
    let late = pictures(&library, 400, 5);
    fill(&library, &space, &late, 4);
    library.trash(&late[4..], true).unwrap();
    library.empty_trash().unwrap();
    index.sync(&library).unwrap();
    check(&library, &index);
}

#[test]
fn a_file_with_many_deletions_is_written_anew_and_knows_them() {
    let (_dir, library, space, ids) = make(200);
    drop(Index::open(&library, &space).unwrap());
    let path = file_of(&library, &space);
    let before = path.metadata().unwrap().len();
    library.trash(&ids[..100], true).unwrap();
    library.empty_trash().unwrap();
    let index = Index::open(&library, &space).unwrap();
    check(&library, &index);
    drop(index);
    assert!(path.metadata().unwrap().len() < before * 6 / 10);
    let noted: i64 = library.read(|db| db.query_row("SELECT count(*) FROM vectors_gone", [], |r| r.get(0))).unwrap();
    assert_eq!(noted, 0);
    check(&library, &Index::open(&library, &space).unwrap());
    // An older copy of the file does not know what was deleted since.
    let old = std::fs::read(&path).unwrap();
    library.trash(&ids[100..180], true).unwrap();
    library.empty_trash().unwrap();
    drop(Index::open(&library, &space).unwrap());
    std::fs::write(&path, old).unwrap();
    check(&library, &Index::open(&library, &space).unwrap());
}

#[test]
fn a_file_that_is_gone_short_damaged_or_of_another_library_is_made_again() {
    let (_dir, library, space, _) = make(150);
    drop(Index::open(&library, &space).unwrap());
    let path = file_of(&library, &space);
    let good = std::fs::read(&path).unwrap();
    // Twice in segments, to be cut between and inside of them.
    fill(&library, &space, &pictures(&library, 200, 60), 5);
    drop(Index::open(&library, &space).unwrap());
    let two = std::fs::read(&path).unwrap();
    assert!(two.len() > good.len());
    for cut in [0, 5, 60, 97, good.len() - 1, good.len(), good.len() + 3, two.len() - 1] {
        std::fs::write(&path, &two[..cut]).unwrap();
        check(&library, &Index::open(&library, &space).unwrap());
        // In one segment or in two.
        let whole = std::fs::read(&path).unwrap().len();
        assert!(whole == two.len() || whole + 40 == two.len(), "whole again after {cut}: {whole} of {}", two.len());
    }
    for at in [3, 20, 45, 60, 100, 150, good.len() + 10, good.len() + 400] {
        let mut bad = two.clone();
        bad[at] ^= 0x55;
        std::fs::write(&path, &bad).unwrap();
        check(&library, &Index::open(&library, &space).unwrap());
    }
    std::fs::remove_file(&path).unwrap();
    check(&library, &Index::open(&library, &space).unwrap());
    let (_other_dir, other, other_space, _) = make(80);
    drop(Index::open(&other, &other_space).unwrap());
    std::fs::copy(file_of(&other, &other_space), &path).unwrap();
    check(&library, &Index::open(&library, &space).unwrap());
}

#[test]
fn a_process_that_does_not_hold_the_file_reads_it_and_leaves_it() {
    let (_dir, library, space, _) = make(60);
    let first = Index::open(&library, &space).unwrap();
    let path = file_of(&library, &space);
    let before = std::fs::read(&path).unwrap();
    fill(&library, &space, &pictures(&library, 100, 10), 6);
    let second = Index::open(&library, &space).unwrap();
    check(&library, &second);
    assert_eq!(std::fs::read(&path).unwrap(), before);
    drop((first, second));
    check(&library, &Index::open(&library, &space).unwrap());
    assert!(std::fs::read(&path).unwrap().len() > before.len());
}

#[test]
fn an_index_whose_file_cannot_be_written_says_so_and_works() {
    let (dir, library, space, _) = make(60);
    // A file where the folder should be: nothing can be written there.
    std::fs::write(dir.path().join("vectors"), b"x").unwrap();
    let mut index = Index::open(&library, &space).unwrap();
    check(&library, &index);
    let told = index.trouble().unwrap();
    assert!(told.what.contains("index") && told.subject.is_some());
    assert!(index.trouble().is_none());
    let memory = Library::in_memory().unwrap();
    let (space, _) = memory.space("photo", "net", DIMS).unwrap();
    let ids = pictures(&memory, 0, 30);
    fill(&memory, &space, &ids, 1);
    check(&memory, &Index::open(&memory, &space).unwrap());
}
