//! From a source to a prepared set: decode on all cores, bring to the shape, write, split.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde_json::json;

use super::attend::{Patience, attended};
use super::cache::{Description, FORMAT, Prepared, START, Writer};
use super::decode::Decoded;
use super::decode_pool::{Ticker, pool};
use super::duplicates::{Look, content_hash, groups};
use super::hide::Hidden;
use super::marked::Labels;
use super::read_notes::{Note, Noted};
use super::report::{BrokenFile, LINES, told};
use super::resize::prepare_picture;
use super::source::{ImageSource, Opening};
use super::sources::open_as;
use crate::base::progress::Quiet;
use crate::base::{Problem, Progress, Result, Shape};
use crate::recipe::DataRecipe;

/// Sets with fewer pictures have no held-out part.
const SMALL: usize = 200;

/// A picture that was prepared into its slot.
struct Done {
    content: [u8; 16],
    look: Option<Look>,
    note: Note,
}

/// The prepared set of a recipe: from the cache if it is there and whole, otherwise made now.
///
/// Cancelled or failed work leaves nothing behind. The result does not depend on the number of threads.
///
/// # Errors
/// The source cannot be opened, nothing in it is usable, the disk is full, or the work was cancelled.
pub fn prepare(recipe: &DataRecipe, cache: &Path, progress: &dyn Progress) -> Result<Prepared> {
    let (own, cache) = (recipe.settled(), cache.to_path_buf());
    attended(&recipe.source, Patience::WATCHED, progress, move |progress| prepared(&own, &cache, progress))
}

fn prepared(recipe: &DataRecipe, cache: &Path, progress: &dyn Progress) -> Result<Prepared> {
    let shape = Shape { resolution: recipe.resolution, channels: recipe.channels };
    if !shape.is_allowed() {
        return Err(recipe.refused("Pictures cannot be prepared at this resolution"));
    }
    progress.report("Opening", 0, 0);
    let source = open_as(&recipe.source, Opening { reading: recipe.reading(), progress })?;
    let source = source.as_ref();
    let key = key(recipe, source)?;
    let path = file_of(cache, &key);
    if path.exists() {
        match Prepared::open(&path) {
            Ok(prepared) if prepared.key() == key => return Ok(prepared),
            Ok(_) => log::warn!("{} belongs to other pictures and is made again", path.display()),
            Err(e) => log::warn!("{e}; it is made again"),
        }
    }
    make(recipe, shape, source, key, cache, &path, progress)?;
    Prepared::open(&path)
}

/// Where the prepared set of a recipe is or will be.
///
/// # Errors
/// The source cannot be opened.
pub fn prepared_path(recipe: &DataRecipe, cache: &Path) -> Result<PathBuf> {
    let recipe = &recipe.settled();
    let opening = Opening { reading: recipe.reading(), progress: &Quiet::default() };
    Ok(file_of(cache, &key(recipe, open_as(&recipe.source, opening)?.as_ref())?))
}

/// Bytes on disk that preparing so many pictures takes.
pub fn prepared_bytes(recipe: &DataRecipe, pictures: u64) -> u64 {
    let shape = Shape { resolution: recipe.resolution, channels: recipe.channels };
    // Names, labels and factors take about a hundred bytes a picture.
    START + pictures.saturating_mul(shape.bytes() as u64 + 100)
}

fn file_of(cache: &Path, key: &str) -> PathBuf {
    cache.join(format!("{key}.pictures"))
}

/// Everything that decides what the prepared set holds. Mirroring is not part of it: that happens in the batch.
fn key(recipe: &DataRecipe, source: &dyn ImageSource) -> Result<String> {
    // Neither weights nor tags change what the set holds.
    let own = DataRecipe { source: String::new(), mirror: false, marks: recipe.label_marks(), ..recipe.clone() };
    let unwritten = |e| Problem::failed("The recipe cannot be written").because(e);
    let mut own = serde_json::to_value(&own).map_err(unwritten)?;
    if let Some(fields) = own.as_object_mut() {
        // How the source was understood is in what it says of itself, so that sets made before there was a choice stay.
        fields.shift_remove("classes");
        fields.shift_remove("sideways");
        fields.shift_remove("columns");
        // What changes nothing is left out, so that sets made before there was a choice stay.
        for (name, before) in
            [("pixels", json!("stored")), ("depth", json!(0)), ("drop_blank", json!(false)), ("hide", json!([]))]
        {
            if fields.get(name) == Some(&before) {
                fields.shift_remove(name);
            }
        }
    }
    let text = serde_json::to_string(&own).map_err(unwritten)?;
    let mut hasher = blake3::Hasher::new();
    for part in [&FORMAT.to_string(), source.kind(), &source.fingerprint()?, &text] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

fn make(
    recipe: &DataRecipe,
    shape: Shape,
    source: &dyn ImageSource,
    key: String,
    cache: &Path,
    path: &Path,
    progress: &dyn Progress,
) -> Result<()> {
    let hidden = Hidden::of(&recipe.hide)?;
    let missing =
        if recipe.hide.is_empty() { Vec::new() } else { hidden.missing((0..source.len()).map(|i| source.name(i))) };
    if let Some(first) = missing.first() {
        // A face that was to be hidden must not stay visible because its name is written another way.
        return Err(Problem::data("Regions are to be hidden in pictures that are not in the data")
            .of(first)
            .because(format!("{} of the names in data.hide are none", missing.len()))
            .try_this("Write names as they are within the source, such as folder/name.png"));
    }
    let exclude: HashSet<&str> = recipe.exclude.iter().map(String::as_str).collect();
    let chosen: Vec<usize> =
        (0..source.len()).filter(|&i| exclude.is_empty() || !exclude.contains(source.name(i).as_str())).collect();
    let writer = Writer::new(cache, shape)?;
    check_space(cache, prepared_bytes(recipe, chosen.len() as u64))?;
    let ticker = Ticker::new(progress, "Preparing pictures", chosen.len() as u64);
    let pool = pool()?;
    let stretch = stretch(chosen.len(), pool.current_num_threads(), shape.bytes());
    let outcomes: Vec<Vec<Result<Done, BrokenFile>>> = pool.install(|| {
        let some = |pixels: &mut Vec<u8>, (at, places): (usize, &[usize])| -> Result<Vec<Result<Done, BrokenFile>>> {
            pixels.clear();
            let mut outcomes = Vec::with_capacity(places.len());
            for &i in places {
                ticker.check()?;
                outcomes.push(match source.decode_told(i) {
                    Err(p) => {
                        // Its slot is closed in the end.
                        pixels.resize(pixels.len() + shape.bytes(), 0);
                        Err(BrokenFile { file: source.name(i), reason: p.what })
                    }
                    Ok(Decoded { mut picture, facts }) => {
                        hidden.apply(&source.name(i), &mut picture);
                        pixels.extend(prepare_picture(&picture, recipe).to_interleaved(shape.channels));
                        let look = recipe.drop_duplicates.then(|| Look::of(&picture));
                        let content = look.as_ref().map_or_else(|| content_hash(&picture), |l| l.content);
                        Ok(Done { content, look, note: Note::of_prepared(&picture, facts, recipe) })
                    }
                });
                ticker.tick();
            }
            writer
                .put(at * stretch, pixels)
                .map_err(|e| Problem::io("The prepared set could not be written", cache, &e))?;
            Ok(outcomes)
        };
        chosen.par_chunks(stretch).enumerate().map_init(Vec::new, some).collect::<Result<_>>()
    })?;
    progress.report("Finishing", 0, 0);
    let mut broken = source.listed_broken().to_vec();
    let mut kept: Vec<(usize, [u8; 16])> = Vec::with_capacity(outcomes.len());
    let mut looks = Vec::new();
    let mut noted = Noted::default();
    for (slot, outcome) in outcomes.into_iter().flatten().enumerate() {
        match outcome {
            Err(b) => broken.push(b),
            Ok(done) => {
                if !(recipe.drop_blank && done.note.blank) {
                    kept.push((slot, done.content));
                    looks.extend(done.look);
                }
                noted.add(done.note);
            }
        }
    }
    if kept.is_empty() {
        let blank = if recipe.drop_blank { noted.blank } else { 0 };
        return Err(nothing_usable(recipe, &broken, source.len() - chosen.len(), blank));
    }
    let before = kept.len();
    if recipe.drop_duplicates {
        let extra: HashSet<u32> = groups(&looks).into_iter().flat_map(|g| g.entries.into_iter().skip(1)).collect();
        let mut place = 0..;
        kept.retain(|_| !place.next().is_some_and(|p| extra.contains(&p)));
    }
    let duplicates = (before - kept.len()) as u64;
    if recipe.limit > 0 && kept.len() > recipe.limit as usize {
        kept.sort_by_key(|&(slot, content)| (content, slot));
        kept.truncate(recipe.limit as usize);
        kept.sort_by_key(|&(slot, _)| slot);
    }
    progress.cancel().check()?;
    let places: Vec<usize> = kept.iter().map(|&(slot, _)| chosen[slot]).collect();
    let finite = |f: f64| Some(f as f32).filter(|f| f.is_finite());
    let labels = Labels::of(source, &recipe.marks);
    let about = Description {
        format: FORMAT,
        key,
        shape,
        names: places.iter().map(|&i| source.name(i)).collect(),
        label: places.iter().map(|&i| labels.of[i]).collect(),
        labels: labels.names,
        factor_names: source.factor_names().to_vec(),
        factors: places.iter().flat_map(|&i| source.factors(i)).map(finite).collect(),
        categories: source.categories().to_vec(),
        heldout: heldout(&kept),
        broken,
        duplicates,
        guesses: [source.guesses(), &noted.guesses(recipe.depth, recipe.drop_blank)].concat(),
        blocks: Vec::new(),
        hash: String::new(),
    };
    let slots: Vec<usize> = kept.iter().map(|&(slot, _)| slot).collect();
    writer.finish(&slots, about, path)
}

/// How many pictures a thread prepares and then writes at once: so many that calls to the system do not count, so few
/// that all threads have something to do until the end.
fn stretch(pictures: usize, threads: usize, bytes: usize) -> usize {
    (pictures / (8 * threads.max(1))).min((256 << 10) / bytes.max(1)).clamp(1, 64)
}

/// One in twenty, by content alone: the same picture falls on the same side in every set and at every resolution.
fn heldout(kept: &[(usize, [u8; 16])]) -> Vec<u32> {
    if kept.len() < SMALL {
        return Vec::new();
    }
    let is_held = |content: &[u8; 16]| u64::from_le_bytes(std::array::from_fn(|i| content[i])) < u64::MAX / 20;
    let held: Vec<u32> = (0..kept.len()).filter(|&i| is_held(&kept[i].1)).map(|i| i as u32).collect();
    // A set of copies may fall on one side as a whole; there must be something to learn from.
    if held.len() == kept.len() { Vec::new() } else { held }
}

fn check_space(cache: &Path, needed: u64) -> Result<()> {
    match fs4::available_space(cache) {
        Ok(free) if free < needed => Err(Problem::failed("There is too little space for the prepared pictures")
            .of(cache.display().to_string())
            .because(format!("{} MiB needed, {} MiB free", needed.div_ceil(1 << 20), free >> 20))
            .try_this("Free some space, prepare at a lower resolution, or set a limit of pictures")),
        _ => Ok(()),
    }
}

fn nothing_usable(recipe: &DataRecipe, broken: &[BrokenFile], excluded: usize, blank: u64) -> Problem {
    let problem = Problem::data("There are no usable pictures here").of(&recipe.source);
    if blank > 0 {
        return problem
            .because(format!("{blank} pictures are one colour all over"))
            .try_this("Set data.drop_blank to false to take them");
    }
    // A broken picture says more than what keeps it company.
    let list = told(broken, LINES);
    match (list.as_slice(), excluded) {
        ([], 0) => problem.try_this("Choose a folder, a zip, a tar or a file that holds pictures"),
        ([], _) => problem.try_this("All pictures were left out; take some of them back"),
        ([first, ..], _) => problem
            .because(format!("{} broken, the first {}: {}", broken.len(), first.file, first.reason))
            .try_this("Look through the reasons with `latent-studio data survey`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Watched;
    use crate::base::{Cancel, Channels};

    fn recipe(source: &str) -> DataRecipe {
        DataRecipe { source: source.into(), resolution: 32.into(), ..DataRecipe::default() }
    }

    fn save(path: &Path, v: [u8; 3], side: u32) {
        let mut image = image::RgbImage::from_pixel(side, side, image::Rgb(v));
        image.put_pixel(1, 1, image::Rgb([255, 255, 255]));
        image.save(path).unwrap();
    }

    #[test]
    fn a_prepared_set_holds_what_single_pictures_give() {
        let cache = tempfile::tempdir().unwrap();
        let r = DataRecipe { resolution: 28.into(), channels: Channels::Rgba, ..recipe("emoji:faces") };
        let p = prepare(&r, cache.path(), &Quiet::default()).unwrap();
        let source = crate::data::open("emoji:faces").unwrap();
        assert_eq!(p.len(), source.len());
        for i in [0, 7, p.len() - 1] {
            let expected = prepare_picture(&source.decode(i).unwrap(), &r).to_interleaved(Channels::Rgba);
            assert_eq!(p.picture(i), expected);
            assert_eq!((p.name(i), p.label(i)), (source.name(i).as_str(), source.label(i)));
        }
        assert!(p.heldout().is_empty() && p.train().len() == p.len(), "small sets hold nothing back");
    }

    #[test]
    fn hidden_regions_are_part_of_the_set_and_of_its_identity() {
        let cache = tempfile::tempdir().unwrap();
        let plain = recipe("emoji:faces");
        let name = prepare(&plain, cache.path(), &Quiet::default()).unwrap().name(3).to_owned();
        let hide = |entry: String| DataRecipe { hide: vec![entry], ..plain.clone() };
        let r = hide(format!("{name}=10,10,40,40"));
        let (before, after) = (
            prepare(&plain, cache.path(), &Quiet::default()).unwrap(),
            prepare(&r, cache.path(), &Quiet::default()).unwrap(),
        );
        assert_ne!(before.hash(), after.hash());
        assert!(before.picture(3) != after.picture(3) && before.picture(4) == after.picture(4));
        assert_eq!(prepare(&r, cache.path(), &Quiet::default()).unwrap().hash(), after.hash());
        let blurred = prepare(&hide(format!("{name}=10,10,40,40:blur")), cache.path(), &Quiet::default()).unwrap();
        assert_ne!(blurred.hash(), after.hash());
        assert!(prepare(&hide("nothing".into()), cache.path(), &Quiet::default()).is_err());
    }

    /// Whoever makes decoding, resizing or hashing faster shall change no byte: sets that people have stay the same.
    #[test]
    fn a_set_has_the_bytes_it_always_had() {
        let cache = tempfile::tempdir().unwrap();
        let p = prepare(&recipe("emoji:faces"), cache.path(), &Quiet::default()).unwrap();
        assert_eq!((p.len(), p.hash()), (111, "eb42fbaa1f51f6682ff8b0d836fd5719"));
    }

    #[test]
    fn stretches_leave_work_for_every_thread_and_no_large_buffers() {
        assert_eq!((stretch(10, 2, 3072), stretch(100_000, 2, 3072), stretch(320, 2, 3072)), (1, 64, 20));
        assert_eq!((stretch(100_000, 2, 256 * 256 * 3), stretch(0, 0, 0)), (1, 1));
    }

    #[test]
    fn it_is_made_once_and_again_when_damaged() {
        let cache = tempfile::tempdir().unwrap();
        let r = recipe("shapes:300");
        let first = prepare(&r, cache.path(), &Quiet::default()).unwrap();
        let path = prepared_path(&r, cache.path()).unwrap();
        // A set that is made again is a new file; one that is used is the same file with a newer time.
        #[cfg(unix)]
        let file = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&path).unwrap());
        #[cfg(not(unix))]
        let file = || std::fs::metadata(&path).unwrap().created().unwrap();
        let made = file();
        let mirrored = DataRecipe { mirror: true, ..r.clone() };
        let again = prepare(&mirrored, cache.path(), &Quiet::default()).unwrap();
        assert_eq!((again.hash(), file()), (first.hash(), made));
        let hash = first.hash().to_owned();
        drop((first, again));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[5000] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        assert_eq!(prepare(&r, cache.path(), &Quiet::default()).unwrap().hash(), hash);
        assert_ne!(file(), made);
        assert!(std::fs::metadata(&path).unwrap().len() <= prepared_bytes(&r, 300));
    }

    #[test]
    fn the_heldout_part_depends_on_content_alone() {
        let cache = tempfile::tempdir().unwrap();
        let names = |source: &str, side: u32| {
            let resolution = side.into();
            let p = prepare(&DataRecipe { resolution, ..recipe(source) }, cache.path(), &Quiet::default()).unwrap();
            let share = p.heldout().len() as f64 / p.len() as f64;
            assert!((0.02..0.09).contains(&share), "{share}");
            assert_eq!(p.train().len() + p.heldout().len(), p.len());
            p.heldout().iter().map(|&i| p.name(i as usize).to_owned()).collect::<Vec<_>>()
        };
        let few = names("shapes:600", 16);
        assert_eq!(few, names("shapes:600", 32));
        let many = names("shapes:900", 16);
        assert_eq!(many[..few.len()], few[..]);
    }

    #[test]
    fn what_is_left_out_is_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        for i in 0..6u8 {
            save(&dir.path().join(format!("{i}.png")), [i * 40, 200 - i * 30, i * 20], 32);
        }
        save(&dir.path().join("copy.png"), [80, 140, 40], 32);
        std::fs::write(dir.path().join("3.png"), b"broken").unwrap();
        let base = recipe(dir.path().to_str().unwrap());
        let names = |r: &DataRecipe| {
            let p = prepare(r, cache.path(), &Quiet::default()).unwrap();
            assert_eq!(p.broken().len(), 1);
            assert!((0..p.len()).all(|i| p.picture(i).len() == 32 * 32 * 3));
            (0..p.len()).map(|i| p.name(i).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(&base), ["0.png", "1.png", "2.png", "4.png", "5.png", "copy.png"]);
        let r = DataRecipe { drop_duplicates: true, exclude: vec!["0.png".into()], ..base.clone() };
        assert_eq!(names(&r), ["1.png", "2.png", "4.png", "5.png"]);
        let p = prepare(&r, cache.path(), &Quiet::default()).unwrap();
        assert_eq!((&p.picture(2)[..3], p.duplicates_left_out()), (&[160, 80, 80][..], 1), "holes are closed");
        let limited = names(&DataRecipe { limit: 3, ..base.clone() });
        assert_eq!(limited.len(), 3);
        assert_eq!(limited, names(&DataRecipe { limit: 3, ..base }));
    }

    #[test]
    fn one_picture_works_and_none_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let cache = tempfile::tempdir().unwrap();
        let r = recipe(dir.path().to_str().unwrap());
        let none = prepare(&r, cache.path(), &Quiet::default()).unwrap_err();
        assert!(none.what.contains("no usable pictures") && none.exit_code() == 3);
        save(&dir.path().join("1.png"), [1, 2, 3], 40);
        let p = prepare(&r, cache.path(), &Quiet::default()).unwrap();
        assert_eq!((p.len(), p.train(), p.heldout().len()), (1, &[0][..], 0));
        std::fs::write(dir.path().join("1.png"), b"").unwrap();
        let none = prepare(&r, cache.path(), &Quiet::default()).unwrap_err();
        assert!(none.detail.unwrap().contains("empty"));
        assert!(prepare(&DataRecipe { resolution: 30.into(), ..r }, cache.path(), &Quiet::default()).is_err());
    }

    #[test]
    fn cancelling_leaves_nothing_behind() {
        let cache = tempfile::tempdir().unwrap();
        let cancel = Cancel::new();
        let flag = cancel.clone();
        let progress = Watched::new(cancel, move |_, done, _| {
            if done > 3 {
                flag.cancel();
            }
        });
        let p = prepare(&recipe("shapes:50000"), cache.path(), &progress).unwrap_err();
        assert_eq!(p.exit_code(), 130);
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
    }

    /// `cargo test --release --lib hundred_thousand_files -- --ignored --nocapture`.
    #[test]
    #[ignore = "writes a hundred thousand files and measures time"]
    fn a_hundred_thousand_files_are_opened_again_in_under_a_second() {
        let (dir, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for i in 0..100_000u32 {
            let folder = dir.path().join(format!("{:02}", i / 2000));
            std::fs::create_dir_all(&folder).unwrap();
            save(&folder.join(format!("{i:06}.png")), [i as u8, (i >> 8) as u8, (i >> 16) as u8], 16);
        }
        let r = recipe(dir.path().to_str().unwrap());
        let hash = prepare(&r, cache.path(), &Quiet::default()).unwrap().hash().to_owned();
        // Hundredths of a second of all threads, as Linux counts them.
        let processor = || {
            let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
            let fields = stat.rsplit_once(") ").map(|(_, rest)| rest.split(' ').skip(11).take(2));
            fields.into_iter().flatten().filter_map(|f| f.parse::<u64>().ok()).sum::<u64>() as f64 / 100.0
        };
        let mut quickest = f64::INFINITY;
        for _ in 0..5 {
            let (start, before) = (std::time::Instant::now(), processor());
            assert_eq!(prepare(&r, cache.path(), &Quiet::default()).unwrap().hash(), hash);
            let seconds = start.elapsed().as_secs_f64();
            println!("opened again in {seconds:.2} s, {:.2} s of processor time", processor() - before);
            quickest = quickest.min(seconds);
        }
        assert!(quickest < 1.0, "{quickest} s");
    }

    #[test]
    fn factors_travel_along() {
        let cache = tempfile::tempdir().unwrap();
        let p = prepare(&recipe("shapes:50"), cache.path(), &Quiet::default()).unwrap();
        let source = crate::data::open("shapes").unwrap();
        assert_eq!(p.factor_names(), source.factor_names());
        for i in 0..50 {
            let expected: Vec<f32> = source.factors(i).iter().map(|&f| f as f32).collect();
            assert_eq!(p.factors(i), expected);
        }
    }
}
