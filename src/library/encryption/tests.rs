use std::collections::BTreeMap;
use std::io::Write;

use super::*;
use crate::base::progress::{Cancel, Quiet};
use crate::base::rng::Stream;
use crate::base::vault::log::Log;
use crate::base::{Channels, Picture, Resolution};
use crate::data::prepare;
use crate::export::png;
use crate::library::index::Index;
use crate::library::{ItemFilter, Library, NewImported, NewItem, backup, item::Imported};
use crate::recipe::DataRecipe;

const COST: Cost = Cost { memory: 64, passes: 1, lanes: 1 };
const PASS: &str = "correct horse";
/// A name that stands in the library's files.
const NAME: &str = "Wilhelmina";
const DIMS: usize = 40;

/// Pixels that are found again wherever they are stored plain.
fn picture() -> Picture {
    picture_of(0)
}

fn picture_of(seed: u64) -> Picture {
    let mut stream = Stream::new(seed, "picture");
    let mut picture = Picture::filled(32, 32, [0, 0, 0, 255]);
    let bytes: Vec<u8> = (0..32 * 32).map(|_| stream.below(256) as u8).collect();
    picture.rgba.chunks_exact_mut(4).zip(&bytes).for_each(|(p, b)| p[..3].fill(*b));
    picture
}

/// A library with a picture, an index, a backup, a prepared set, a checkpoint and telemetry.
fn home() -> (tempfile::TempDir, Paths, DataRecipe) {
    let dir = tempfile::tempdir().unwrap();
    let paths = Paths::under(dir.path());
    let own = dir.path().join("own");
    fs::create_dir_all(&own).unwrap();
    fs::create_dir_all(paths.gallery()).unwrap();
    let bytes = png::png_bytes(&picture(), None).unwrap();
    for i in 0..12 {
        fs::write(own.join(format!("{i}.png")), png::png_bytes(&picture_of(i), None).unwrap()).unwrap();
    }
    let library = Library::open(&paths.library()).unwrap();
    let path = paths.gallery().join("a.png");
    fs::write(&path, &bytes).unwrap();
    let new = NewItem { path, picture: picture(), model: NAME.into(), recipe: None, starred: true };
    let item = library.add_item(&new).unwrap();
    library.tag(&[item], NAME, true).unwrap();
    let about = Imported {
        dataset: NAME.into(),
        real: true,
        label: None,
        caption: Some(format!("{NAME} in the garden")),
        source: own.display().to_string(),
        name: "0.png".into(),
    };
    let imported = NewImported {
        path: own.join("0.png"),
        about,
        stamp: "1".into(),
        width: 1,
        height: 1,
        thumb: Vec::new(),
        look: Vec::new(),
        model: String::new(),
    };
    let ids = library.add_imported(&[imported]).unwrap();
    let (space, _) = library.space("photo", "net", DIMS).unwrap();
    library.put_vectors(&space, &[(ids[0], Stream::new(1, "v").normals(DIMS))]).unwrap();
    drop(Index::open(&library, &space).unwrap());
    drop(library);
    backup::daily(&paths.library()).unwrap().unwrap();
    let recipe = DataRecipe {
        source: own.display().to_string(),
        resolution: Resolution::square(32),
        channels: Channels::Grey,
        ..DataRecipe::default()
    };
    prepare(&recipe, &paths.prepared(), &Quiet::default()).unwrap();
    let run = paths.runs().join("r");
    fs::create_dir_all(run.join("checkpoints/1")).unwrap();
    fs::write(run.join("lock"), b"").unwrap();
    fs::write(run.join("recipe.json"), format!("{{\"name\":\"{NAME}\"}}")).unwrap();
    fs::write(run.join("telemetry.jsonl"), format!("{{\"{NAME}\":1}}\n").repeat(9000)).unwrap();
    let head = br#"{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let weights = [&(head.len() as u64).to_le_bytes()[..], head, &[1; 8]].concat();
    fs::write(run.join("checkpoints/1/model.safetensors"), weights).unwrap();
    fs::create_dir_all(&paths.config).unwrap();
    fs::write(paths.config.join("window.json"), format!("\"{NAME}\"")).unwrap();
    (dir, paths, recipe)
}

/// Everything in the library's folders, by path, as it is on the disk.
fn bytes(paths: &Paths) -> BTreeMap<PathBuf, Vec<u8>> {
    let folders = [&paths.data, &paths.cache, &paths.config];
    let walk = folders.into_iter().flat_map(|f| walkdir::WalkDir::new(f).into_iter().flatten());
    walk.filter(|e| e.file_type().is_file()).map(|e| (e.path().into(), fs::read(e.path()).unwrap())).collect()
}

/// Files that give something away.
fn plain(paths: &Paths) -> Vec<String> {
    let grey: Vec<u8> = picture().rgba.chunks_exact(4).take(32).map(|p| p[0]).collect();
    let rgba = picture().rgba[..64].to_vec();
    let marks: [&[u8]; 7] =
        [&grey, &rgba, NAME.as_bytes(), b"\x89PNG\r\n", b"data_offsets", b"SQLite format 3", b"LATPREP1"];
    let tells = |bytes: &[u8]| marks.iter().any(|m| bytes.windows(m.len()).any(|w| w == *m));
    bytes(paths).into_iter().filter(|(_, b)| tells(b)).map(|(p, _)| p.display().to_string()).collect()
}

/// Reads all that the studio reads, and says what it found.
fn check(paths: &Paths, recipe: &DataRecipe) {
    let library = Library::open(&paths.library()).unwrap();
    let items = library.items(&ItemFilter { text: NAME.into(), ..ItemFilter::default() }).unwrap();
    assert_eq!(items.len(), 1, "found by its words");
    assert_eq!(png::decode(&vault::read(&items[0].path).unwrap()).unwrap(), picture());
    let (space, anew) = library.space("photo", "net", DIMS).unwrap();
    assert_eq!(anew, 0);
    let index = Index::open(&library, &space).unwrap();
    assert_eq!(index.len(), 1);
    let copy = backup::list(&paths.library());
    assert_eq!(Library::open(&copy[0]).unwrap().items(&ItemFilter::default()).unwrap().len(), 1);
    let path = crate::data::prepared_path(recipe, &paths.prepared()).unwrap();
    let set = crate::data::Prepared::open(&path).unwrap();
    let grey: Vec<u8> = picture().rgba.chunks_exact(4).map(|p| p[0]).collect();
    assert_eq!(set.picture(0), grey);
    let run = paths.runs().join("r");
    let log = vault::read(run.join("telemetry.jsonl")).unwrap();
    assert_eq!(log, format!("{{\"{NAME}\":1}}\n").repeat(9000).into_bytes());
    let weights = crate::models::io::Weights::read(&run.join("checkpoints/1/model.safetensors")).unwrap();
    assert_eq!(weights.tensors["a"].values.len(), 2);
    assert!(vault::read_to_string(run.join("recipe.json")).unwrap().contains(NAME));
}

fn on(paths: &Paths, progress: &dyn Progress) -> Result<Done> {
    turn_on(paths, PASS, COST, &mut |_| Ok(()), progress)
}

#[test]
fn nothing_plain_is_left_and_all_comes_back() {
    let (dir, paths, recipe) = home();
    let own = fs::read(dir.path().join("own/0.png")).unwrap();
    check(&paths, &recipe);
    let before = bytes(&paths);
    assert!(plain(&paths).len() >= 8, "{:?}", plain(&paths));
    let mut told = None;
    let mut tell = |recovery: &RecoveryKey| {
        told = Some(recovery.clone());
        Ok(())
    };
    let done = turn_on(&paths, PASS, COST, &mut tell, &Quiet::default()).unwrap();
    assert!(done.files >= 8 && told.is_some(), "{done:?}");
    assert_eq!(plain(&paths), [""; 0]);
    assert!(on(&paths, &Quiet::default()).is_err(), "twice");
    check(&paths, &recipe);
    // What is made now is encrypted from the beginning: a record, a picture, a prepared set, a line, an index.
    let library = Library::open(&paths.library()).unwrap();
    let path = paths.gallery().join("b.png");
    png::write_png(&path, &picture(), None).unwrap();
    let new = NewItem { path, picture: picture(), model: NAME.into(), recipe: None, starred: false };
    library.add_item(&new).unwrap();
    let other = DataRecipe { resolution: Resolution::square(16), ..recipe.clone() };
    let made = prepare(&other, &paths.prepared(), &Quiet::default()).unwrap();
    let again = crate::data::Prepared::open(&crate::data::prepared_path(&other, &paths.prepared()).unwrap()).unwrap();
    assert_eq!((made.hash(), made.len()), (again.hash(), again.len()));
    Log::open(&paths.runs().join("r/telemetry.jsonl")).unwrap().write_all(NAME.as_bytes()).unwrap();
    let (space, _) = library.space("photo", "net", DIMS).unwrap();
    library.put_vectors(&space, &[(1, Stream::new(2, "v").normals(DIMS))]).unwrap();
    assert_eq!(Index::open(&library, &space).unwrap().len(), 2);
    fs::remove_dir_all(backup::folder(&paths.library())).unwrap();
    let copy = backup::daily(&paths.library()).unwrap().unwrap();
    assert_eq!(Library::open(&copy).unwrap().items(&ItemFilter::default()).unwrap().len(), 2);
    assert_eq!(plain(&paths), [""; 0], "not even in its log");
    drop(library);
    assert_eq!(plain(&paths), [""; 0]);
    assert_eq!(fs::read(dir.path().join("own/0.png")).unwrap(), own, "a person's own pictures are not touched");

    vault::lock(&paths);
    let problem = Library::open_or_repair(&paths.library()).map(|_| ()).unwrap_err();
    assert!(problem.to_string().contains("locked"), "{problem}");
    assert!(turn_off(&paths, &Quiet::default()).is_err());
    change_passphrase(&paths, &told.unwrap().to_text(), "battery staple").unwrap();
    vault::lock(&paths);
    assert!(vault::unlock(&paths, PASS).is_err());
    vault::unlock(&paths, "battery staple").unwrap();
    turn_off(&paths, &Quiet::default()).unwrap();
    assert_eq!(vault::standing(&paths).unwrap(), Standing::Plain);
    let set = crate::data::prepared_path(&recipe, &paths.prepared()).unwrap();
    assert_eq!(before[&set], fs::read(&set).unwrap());
    assert_eq!(before[&paths.gallery().join("a.png")], fs::read(paths.gallery().join("a.png")).unwrap());
    assert!(!Log::open(&paths.runs().join("r/telemetry.jsonl")).unwrap().is_sealed());
    assert_eq!(Library::open(&paths.library()).unwrap().items(&ItemFilter::default()).unwrap().len(), 2);
}

/// Ends after so many files.
struct Until(std::sync::atomic::AtomicU64, Cancel);

impl Progress for Until {
    fn report(&self, _: &str, _: u64, _: u64) {
        if self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed) == 1 {
            self.1.cancel();
        }
    }

    fn cancel(&self) -> &Cancel {
        &self.1
    }
}

#[test]
fn interrupted_anywhere_the_library_works_and_goes_on() {
    let (_dir, paths, recipe) = home();
    let mut key = None;
    for files in 1..5 {
        let until = Until(files.into(), Cancel::new());
        assert!(on(&paths, &until).is_err());
        assert_eq!(vault::standing(&paths).unwrap(), Standing::Unlocked(State::TurningOn));
        check(&paths, &recipe);
        // As a process that begins anew finds it.
        key = key.or(vault::data_key(&paths));
        vault::lock(&paths);
        assert!(on(&paths, &Quiet::default()).is_err(), "locked");
        vault::unlock(&paths, PASS).unwrap();
        check(&paths, &recipe);
    }
    // What a killed conversion leaves.
    fs::write(paths.data.join("library.sqlite.converting"), b"SQLite format 3").unwrap();
    fs::write(paths.gallery().join(".writing-x"), NAME).unwrap();
    on(&paths, &Quiet::default()).unwrap();
    assert_eq!(plain(&paths), [""; 0]);
    check(&paths, &recipe);
    for files in 1..5 {
        assert!(turn_off(&paths, &Until(files.into(), Cancel::new())).is_err());
        vault::lock(&paths);
        vault::unlock(&paths, PASS).unwrap();
        check(&paths, &recipe);
    }
    // Half-way back it may be encrypted after all.
    on(&paths, &Quiet::default()).unwrap();
    assert_eq!(vault::data_key(&paths), key);
    assert_eq!(plain(&paths), [""; 0]);
    turn_off(&paths, &Quiet::default()).unwrap();
    check(&paths, &recipe);
}

#[test]
fn a_lost_header_and_a_damaged_database_are_told_and_nothing_is_lost() {
    let (_dir, paths, recipe) = home();
    on(&paths, &Quiet::default()).unwrap();
    check(&paths, &recipe);
    let kept = fs::read(paths.data.join("vault.json")).unwrap();
    vault::remove(&paths).unwrap();
    let problem = Library::open_or_repair(&paths.library()).map(|_| ()).unwrap_err();
    assert!(problem.to_string().contains("vault.json"), "{problem}");
    fs::write(paths.data.join("vault.json"), kept).unwrap();
    vault::unlock(&paths, PASS).unwrap();
    check(&paths, &recipe);
    // A damaged page: the library is made anew from the rest and the encrypted backup, and stays encrypted.
    let mut raw = fs::read(paths.library()).unwrap();
    raw[..2000].fill(0xA5);
    fs::write(paths.library(), raw).unwrap();
    for companion in rescue::companions(&paths.library()) {
        let _ = fs::remove_file(companion);
    }
    let (library, told) = Library::open_or_repair(&paths.library()).unwrap();
    assert!(told.unwrap().to_string().contains("from the backup"));
    assert_eq!(library.items(&ItemFilter::default()).unwrap().len(), 1);
    drop(library);
    assert_eq!(plain(&paths), [""; 0]);
}

#[test]
fn nobody_is_converted_while_somebody_works() {
    let (_dir, paths, _) = home();
    let held = vault::enter(&paths).unwrap();
    assert!(on(&paths, &Quiet::default()).is_err());
    assert_eq!(vault::standing(&paths).unwrap(), Standing::Plain);
    drop(held);
    let library = Library::open(&paths.library()).unwrap();
    let problem = on(&paths, &Quiet::default()).unwrap_err();
    assert!(problem.to_string().contains("another program"), "{problem}");
    drop(library);
    assert_eq!(vault::standing(&paths).unwrap(), Standing::Unlocked(State::TurningOn));
    on(&paths, &Quiet::default()).unwrap();
}

/// Whatever makes a file in the library seals it; links that lead out of it are followed, there and back.
#[test]
fn pictures_that_are_kept_and_folders_behind_links_are_sealed_too() {
    let (dir, paths, _) = home();
    let moved = dir.path().join("elsewhere");
    fs::rename(paths.runs(), &moved).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&moved, paths.runs()).unwrap();
    #[cfg(not(unix))]
    fs::rename(&moved, paths.runs()).unwrap();
    turn_on(&paths, PASS, COST, &mut |_| Ok(()), &Quiet::default()).unwrap();
    let bytes = png::png_bytes(&picture(), None).unwrap();
    let kept = crate::export::write_new(&paths.gallery(), "kept", "png", &bytes).unwrap();
    let both = crate::export::names::write_together(&paths.gallery(), "both", &[("png", &bytes), ("json", b"{}")]);
    for path in both.unwrap().iter().chain([&kept, &paths.runs().join("r/checkpoints/1/model.safetensors")]) {
        assert!(is_sealed(path).unwrap(), "{}", path.display());
    }
    assert_eq!(vault::read(&kept).unwrap(), bytes);
    assert_eq!(plain(&paths), [""; 0]);
    // A model that is stored meanwhile is one afterwards.
    let library = Library::open(&paths.library()).unwrap();
    let file = paths.models().join("own.safetensors");
    fs::create_dir_all(paths.models()).unwrap();
    vault::write(&file, &bytes).unwrap();
    let stored = library.store_model("h", "own", &file, &Quiet::default()).unwrap();
    crate::library::model_store::mark(&library, &paths).unwrap();
    crate::library::model_store::bring(&paths);
    let brought = paths.stored_models().join("own.safetensors");
    assert!(is_sealed(&brought).unwrap() && vault::read(&brought).unwrap() == bytes);
    drop(library);
    turn_off(&paths, &Quiet::default()).unwrap();
    assert_eq!(fs::read(&kept).unwrap(), bytes);
    assert!(!is_sealed(&paths.runs().join("r/telemetry.jsonl")).unwrap());
    let library = Library::open(&paths.library()).unwrap();
    library.link_model(&stored, None).unwrap();
    assert_eq!(fs::read(&file).unwrap(), bytes);
}
