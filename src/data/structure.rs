//! What the folders of a set mean: classes, or splits, shards, masks and copies that say nothing of what is to be seen.
//!
//! Names of pictures are read from the root down. Folders that all say how a set is stored rather than what it shows are
//! passed through; the first level that says more are the classes. Whatever is assumed is said, and
//! [`Classes`](crate::recipe::Classes) changes it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::guess::Guess;

/// Setting that changes what is assumed here.
pub(super) const SETTING: &str = "data.classes";
/// Names told of a list.
const TOLD: usize = 5;

/// Folders of pictures as such.
const PLAIN: &[&str] = &[
    "images",
    "image",
    "imgs",
    "img",
    "pictures",
    "pics",
    "photos",
    "data",
    "jpegimages",
    "jpg",
    "jpeg",
    "jpegs",
    "png",
    "pngs",
    "originals",
    "original",
    "frames",
    "samples",
];
/// Folders of what belongs to a picture but is none to learn from.
const MASKS: &[&str] = &[
    "masks",
    "mask",
    "annotations",
    "annotation",
    "segmentation",
    "segmentations",
    "segmentationclass",
    "segmentationobject",
    "groundtruth",
    "gt",
    "trimaps",
    "trimap",
    "alphas",
    "mattes",
    "labels",
    "seg",
    "depth",
    "normals",
];
/// Folders of the same pictures at another size.
const COPIES: &[&str] =
    &["resized", "resize", "thumbnails", "thumbnail", "thumbs", "thumb", "previews", "small", "lowres", "downscaled"];
/// Words before the number of a shard.
const SHARDS: &[&str] = &["batch", "part", "shard", "chunk", "split", "fold", "archive", "vol", "volume"];

/// What was read from folders.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// The class of each picture.
    pub label: Vec<Option<String>>,
    /// Whether a picture is a mask or a copy, and left out.
    pub left_out: Vec<bool>,
    /// What was assumed.
    pub guesses: Vec<Guess>,
}

/// Classes by first-level folders; a folder that holds everything is no class.
pub(super) fn by_first(names: &[String]) -> Vec<Option<String>> {
    let mut strip = 0;
    loop {
        let mut folders = names.iter().map(|n| n[strip..].split_once('/').map(|(folder, _)| folder));
        match folders.next() {
            Some(Some(first)) if folders.all(|f| f == Some(first)) => strip += first.len() + 1,
            _ => break,
        }
    }
    names.iter().map(|n| n[strip..].split_once('/').map(|(folder, _)| folder.to_owned())).collect()
}

/// Classes by the folder that each picture lies in.
pub(super) fn by_parent(names: &[String]) -> Vec<Option<String>> {
    let parent = |n: &String| {
        let (folders, _) = n.rsplit_once('/')?;
        Some(folders.rsplit('/').next().unwrap_or(folders).to_owned())
    };
    names.iter().map(parent).collect()
}

/// Reads the folders of these names.
pub(super) fn guessed(names: &[String]) -> Layout {
    let mut out = Layout { label: vec![None; names.len()], left_out: vec![false; names.len()], guesses: Vec::new() };
    // Where the rest of each name begins.
    let mut rest = vec![0; names.len()];
    loop {
        let (mut folders, loose) = level(names, &rest, &out.left_out);
        leave_out(&mut folders, names, &rest, &mut out);
        let all: Vec<&str> = folders.keys().copied().collect();
        if folders.is_empty() {
            break;
        }
        let alone = folders.len() == 1 && loose == 0;
        if !alone {
            let Some(kind) = storage(&all, &folders, names, &rest) else {
                // A single folder beside loose pictures sets nothing apart.
                if folders.len() > 1 {
                    for (folder, places) in &folders {
                        places.iter().for_each(|&i| out.label[i] = Some((*folder).to_owned()));
                    }
                }
                break;
            };
            let many: u64 = folders.values().map(|p| p.len() as u64).sum();
            out.guesses.push(
                Guess::new(format!(
                    "{} {}, not classes: their pictures are taken together",
                    listed(&all),
                    kind.words()
                ))
                .about(many)
                .changed_by(SETTING, format!("To take them as classes set {SETTING} to folders")),
            );
            if kind == Storage::Domains {
                for (folder, places) in &folders {
                    let domain = split(folder).flatten().map(|d| d.to_string());
                    places.iter().for_each(|&i| out.label[i].clone_from(&domain));
                }
                break;
            }
        }
        for (folder, places) in &folders {
            places.iter().for_each(|&i| rest[i] += folder.len() + 1);
        }
    }
    out
}

/// The folders of a level with the places of their pictures, and how many pictures lie in none.
fn level<'a>(names: &'a [String], rest: &[usize], left_out: &[bool]) -> (BTreeMap<&'a str, Vec<usize>>, usize) {
    let (mut folders, mut loose) = (BTreeMap::<&str, Vec<usize>>::new(), 0);
    for (i, name) in names.iter().enumerate().filter(|&(i, _)| !left_out[i]) {
        match name[rest[i]..].split_once('/') {
            Some((folder, _)) => folders.entry(folder).or_default().push(i),
            None => loose += 1,
        }
    }
    (folders, loose)
}

/// How a set is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Storage {
    Splits,
    /// Splits of two domains, such as `trainA`, `trainB`.
    Domains,
    Shards,
    Plain,
    Mixed,
}

impl Storage {
    fn words(self) -> &'static str {
        match self {
            Self::Splits | Self::Domains => "are splits",
            Self::Shards => "are parts of one set",
            Self::Plain | Self::Mixed => "say how the set is stored",
        }
    }
}

/// How a set is stored, if that is all that these folders say.
fn storage(all: &[&str], folders: &BTreeMap<&str, Vec<usize>>, names: &[String], rest: &[usize]) -> Option<Storage> {
    if all.iter().all(|f| split(f).is_some()) {
        let domains = all.iter().all(|f| split(f).flatten().is_some());
        return Some(if domains { Storage::Domains } else { Storage::Splits });
    }
    let plain = |f: &str| PLAIN.contains(&plainly(f).as_str());
    let copy = |f: &str| COPIES.contains(&plainly(f).as_str()) || size(f).is_some();
    if all.iter().all(|f| numbered_shard(f)) || numbers_in_order(folders, names, rest) {
        return Some(Storage::Shards);
    }
    if all.iter().all(|f| plain(f)) {
        return Some(Storage::Plain);
    }
    // A copy or a plain folder beside others that say no more.
    let one_is_plain = all.iter().any(|f| plain(f));
    (one_is_plain && all.iter().all(|f| plain(f) || copy(f) || split(f).is_some() || numbered_shard(f)))
        .then_some(Storage::Mixed)
}

/// A name in small letters without separators.
fn plainly(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ' | '.')).flat_map(char::to_lowercase).collect()
}

/// Whether a folder is a split; if so, of which domain, where it says that.
#[allow(clippy::option_option)] // no split, a split, a split of a domain
fn split(name: &str) -> Option<Option<char>> {
    const WORDS: [&str; 11] =
        ["training", "train", "validation", "valid", "val", "testing", "test", "heldout", "holdout", "dev", "eval"];
    let low = plainly(name);
    let rest = WORDS.iter().find_map(|w| low.strip_prefix(w))?;
    match rest {
        "a" | "b" => Some(rest.chars().next().map(|c| c.to_ascii_uppercase())),
        "" | "set" | "split" => Some(None),
        _ if rest.bytes().all(|b| b.is_ascii_digit()) || PLAIN.contains(&rest) => Some(None),
        _ => None,
    }
}

/// Whether a folder is called `batch_3`, `part-01` or the like.
fn numbered_shard(name: &str) -> bool {
    let low = plainly(name);
    let word = low.trim_end_matches(|c: char| c.is_ascii_digit());
    word.len() < low.len() && SHARDS.contains(&word)
}

/// Pixels a side in a name such as `256px` or `256x256`. A bare number may be a class.
fn size(name: &str) -> Option<u32> {
    let low = plainly(name);
    let (a, b) = match low.strip_suffix("px") {
        Some(side) => side.split_once('x').unwrap_or((side, side)),
        None => low.split_once('x')?,
    };
    let (a, b): (u32, u32) = (a.parse().ok()?, b.parse().ok()?);
    ((16..=8192).contains(&a) && b > 0).then_some(a)
}

/// Whether folders are numbers of one width, such as `00000`, and the names in them go on from one to the next, each
/// used once: a set in pieces. Classes with such names begin to count anew in each folder.
fn numbers_in_order(folders: &BTreeMap<&str, Vec<usize>>, names: &[String], rest: &[usize]) -> bool {
    let Some(width) = folders.keys().next().map(|f| f.len()).filter(|&w| w >= 3) else { return false };
    if !folders.keys().all(|f| f.len() == width && f.bytes().all(|b| b.is_ascii_digit())) {
        return false;
    }
    let mut last: Option<(usize, &str)> = None;
    for (folder, places) in folders {
        let own = |&i: &usize| {
            let name = &names[i][rest[i] + folder.len() + 1..];
            (name.len(), name)
        };
        let (Some(first), Some(end)) = (places.iter().map(own).min(), places.iter().map(own).max()) else { continue };
        if last.is_some_and(|last| first <= last) {
            return false;
        }
        last = Some(end);
    }
    true
}

/// Leaves out folders of masks and of copies that lie beside the pictures they belong to.
fn leave_out(folders: &mut BTreeMap<&str, Vec<usize>>, names: &[String], rest: &[usize], out: &mut Layout) {
    let stems = |folder: &str, places: &[usize]| -> HashSet<String> {
        places.iter().map(|&i| stem(&names[i][rest[i] + folder.len() + 1..]).to_owned()).collect()
    };
    let all: Vec<&str> = folders.keys().copied().collect();
    let others = |gone: &[&str], folder: &str| -> Vec<&str> {
        all.iter().copied().filter(|o| *o != folder && !gone.contains(o)).collect()
    };
    let mut gone: Vec<&str> = Vec::new();
    for &folder in &all {
        let own = &folders[folder];
        let is_mask = MASKS.contains(&plainly(folder).as_str());
        let is_copy = COPIES.contains(&plainly(folder).as_str());
        let side = size(folder);
        if !is_mask && !is_copy && side.is_none() {
            continue;
        }
        let of = others(&gone, folder).into_iter().filter(|o| !MASKS.contains(&plainly(o).as_str())).find(|o| {
            let plain = PLAIN.contains(&plainly(o).as_str());
            if is_mask && plain {
                return true;
            }
            // Of the same pictures at several sizes the largest are taken.
            if side.is_some() && !is_copy && size(o) <= side && !plain {
                return false;
            }
            let (mine, theirs) = (stems(folder, own), stems(o, &folders[o]));
            match is_mask {
                true => {
                    let known = mine.iter().filter(|m| theirs.contains(m.as_str()) || theirs.contains(unmarked(m)));
                    2 * known.count() >= mine.len()
                }
                false => mine.is_subset(&theirs),
            }
        });
        let Some(of) = of else { continue };
        let (what, n) = (if is_mask { "masks" } else { "copies of them" }, own.len());
        own.iter().for_each(|&i| out.left_out[i] = true);
        out.guesses.push(
            Guess::new(format!(
                "{n} {} in {folder} lie beside those in {of} and are left out as {what}",
                if n == 1 { "picture" } else { "pictures" }
            ))
            .about(n as u64)
            .changed_by(SETTING, format!("To take them too set {SETTING} to folders")),
        );
        gone.push(folder);
    }
    for folder in gone {
        folders.remove(folder);
    }
}

/// A name without its ending.
fn stem(name: &str) -> &str {
    let at = name.rfind('/').map_or(0, |i| i + 1);
    name[at..].rfind('.').filter(|&dot| dot > 0).map_or(name, |dot| &name[..at + dot])
}

/// The stem of a mask without what marks it as one: `0001_mask` is of `0001`.
fn unmarked(stem: &str) -> &str {
    stem.rsplit_once(['_', '-']).filter(|(_, mark)| mark.bytes().all(|b| b.is_ascii_alphabetic())).map_or(stem, |s| s.0)
}

/// Names as a list for a person, bounded.
pub(super) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    let distinct: BTreeSet<&str> = names.iter().map(AsRef::as_ref).collect();
    // In the order given, which may be by number.
    let shown: Vec<&str> = names.iter().map(AsRef::as_ref).take(TOLD).collect();
    match distinct.len().saturating_sub(shown.len()) {
        0 => match shown.as_slice() {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            _ => shown.join(""),
        },
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    /// Classes as `name=class` of the pictures that are kept, and how many guesses were made.
    fn read(list: &[&str]) -> (Vec<String>, Layout) {
        let names = names(list);
        let layout = guessed(&names);
        let kept = names.iter().enumerate().filter(|&(i, _)| !layout.left_out[i]);
        let text = kept.map(|(i, n)| format!("{n}={}", layout.label[i].as_deref().unwrap_or("-"))).collect();
        (text, layout)
    }

    #[test]
    fn plain_class_folders_are_classes_without_a_word() {
        let list = ["cat/1.png", "cat/2.png", "dog/1.png"];
        let (text, layout) = read(&list);
        assert_eq!(text, ["cat/1.png=cat", "cat/2.png=cat", "dog/1.png=dog"]);
        assert!(layout.guesses.is_empty());
        assert_eq!(layout.label, by_first(&names(&list)), "as it always was");
        let (text, _) = read(&["set/cat/1.png", "set/dog/x/2.png"]);
        assert_eq!(text, ["set/cat/1.png=cat", "set/dog/x/2.png=dog"]);
        let (text, _) = read(&["0/1.png", "1/1.png", "10/1.png"]);
        assert_eq!(text, ["0/1.png=0", "1/1.png=1", "10/1.png=10"]);
    }

    #[test]
    fn splits_are_passed_through_and_said() {
        let (text, layout) = read(&["train/cat/1.png", "train/dog/2.png", "val/cat/3.png", "test/4.png"]);
        assert_eq!(text, ["train/cat/1.png=cat", "train/dog/2.png=dog", "val/cat/3.png=cat", "test/4.png=-"]);
        assert!(layout.guesses[0].what.contains("test, train and val are splits"), "{:?}", layout.guesses);
        assert_eq!(layout.guesses[0].setting.as_deref(), Some(SETTING));
        let (text, _) = read(&["train2017/1.jpg", "val2017/2.jpg"]);
        assert_eq!(text, ["train2017/1.jpg=-", "val2017/2.jpg=-"]);
        let (text, _) = read(&["trainA/1.jpg", "trainB/2.jpg", "testA/3.jpg"]);
        assert_eq!(text, ["trainA/1.jpg=A", "trainB/2.jpg=B", "testA/3.jpg=A"]);
        // A class may be called like a split.
        let (text, _) = read(&["train/1.png", "plane/1.png", "ship/1.png"]);
        assert_eq!(text, ["train/1.png=train", "plane/1.png=plane", "ship/1.png=ship"]);
    }

    #[test]
    fn shards_and_batches_are_no_classes_but_numbered_classes_are() {
        let (text, layout) = read(&["00000/img00000000.png", "00000/img00000999.png", "00001/img00001000.png"]);
        assert!(text.iter().all(|t| t.ends_with("=-")), "{text:?}");
        assert!(layout.guesses[0].what.contains("00000 and 00001 are parts of one set"));
        let (text, _) = read(&["batch_1/a.png", "batch_2/a.png", "batch_10/b.png"]);
        assert!(text.iter().all(|t| t.ends_with("=-")), "{text:?}");
        // German traffic signs: names begin anew in each folder.
        let (text, _) = read(&["00000/00000_00000.png", "00000/00000_00001.png", "00001/00000_00000.png"]);
        assert_eq!(text[2], "00001/00000_00000.png=00001");
    }

    #[test]
    fn masks_and_copies_are_left_out_beside_their_pictures() {
        let (text, layout) = read(&["images/1.jpg", "images/2.jpg", "masks/1.png", "masks/2.png"]);
        assert_eq!(text, ["images/1.jpg=-", "images/2.jpg=-"]);
        assert!(layout.guesses[0].what.contains("2 pictures in masks lie beside those in images"));
        let (text, _) =
            read(&["train/images/1.jpg", "train/mask/1_mask.png", "val/images/2.jpg", "val/mask/2_mask.png"]);
        assert_eq!(text, ["train/images/1.jpg=-", "val/images/2.jpg=-"]);
        let (text, layout) = read(&["images/a/1.jpg", "images/b/2.jpg", "resized/a/1.png", "resized/b/2.png"]);
        assert_eq!(text, ["images/a/1.jpg=a", "images/b/2.jpg=b"]);
        assert!(layout.guesses[0].what.contains("copies"));
        let (text, _) = read(&["images/1.jpg", "resized/3.jpg"]);
        assert_eq!(text, ["images/1.jpg=-", "resized/3.jpg=-"], "other pictures are no copies, and no class either");
        let (text, _) = read(&["64x64/1.jpg", "128x128/1.jpg"]);
        assert_eq!(text, ["128x128/1.jpg=-"], "the largest size is taken");
        let (text, _) = read(&["16/1.jpg", "32/1.jpg", "64/1.jpg"]);
        assert_eq!(text, ["16/1.jpg=16", "32/1.jpg=32", "64/1.jpg=64"], "numbers are classes");
        // Masks of a carnival: classes beside other classes.
        let (text, _) = read(&["masks/m1.jpg", "hats/h1.jpg", "hats/h2.jpg"]);
        assert_eq!(text, ["masks/m1.jpg=masks", "hats/h1.jpg=hats", "hats/h2.jpg=hats"]);
    }

    #[test]
    fn the_folder_a_picture_lies_in_can_be_asked_for() {
        let list = names(&["a/x/1.png", "b/y/2.png", "3.png"]);
        assert_eq!(by_parent(&list), [Some("x".to_owned()), Some("y".to_owned()), None]);
        assert_eq!(by_first(&list), [Some("a".to_owned()), Some("b".to_owned()), None]);
    }

    #[test]
    fn lists_are_bounded() {
        assert_eq!(listed(&["a"]), "a");
        assert_eq!(listed(&["a", "b"]), "a and b");
        assert_eq!(listed(&["a", "b", "c", "d", "e", "f", "g"]), "a, b, c, d, e and 2 more");
        assert_eq!(
            (stem("a/b.c.png"), stem(".png"), unmarked("1_mask"), unmarked("0_1")),
            ("a/b.c", ".png", "1", "0_1")
        );
        assert_eq!((size("256x256"), size("512px"), size("64"), size("x")), (Some(256), Some(512), None, None));
    }
}
