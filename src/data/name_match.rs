//! Which picture a text names, as people mean it: other case, accents written as one sign or two, another ending or none,
//! numbers with or without zeros before them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{DefaultHasher, Hash, Hasher};

use unicode_normalization::UnicodeNormalization;

use super::decode::{EXTENSIONS, extension};

/// Several pictures share this key.
const SEVERAL: u32 = u32::MAX;

/// Names of pictures by everything they may be called.
pub(super) struct Names<'a> {
    names: &'a [String],
    keys: HashMap<u64, u32>,
}

/// In which way a name was meant; the first way that finds a single picture counts.
#[derive(Clone, Copy, Hash)]
enum Way {
    Exact,
    Folded,
    Base,
    FoldedBase,
    Stem,
    BaseStem,
    Number,
}

impl<'a> Names<'a> {
    /// Knows these names.
    pub fn of(names: &'a [String]) -> Self {
        let mut keys: HashMap<u64, u32> = HashMap::with_capacity(4 * names.len());
        for (i, name) in names.iter().enumerate() {
            for key in ways(name).into_iter().flatten() {
                match keys.entry(key) {
                    Entry::Vacant(e) => {
                        e.insert(i as u32);
                    }
                    Entry::Occupied(mut e) if *e.get() != i as u32 => {
                        e.insert(SEVERAL);
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
        Self { names, keys }
    }

    /// The picture that a text in a table names; `folder` is where the table lies.
    pub fn find(&self, text: &str, folder: Option<&str>) -> Option<usize> {
        let file = clean(text);
        let file = file.as_str();
        let inside = folder.map(|folder| format!("{folder}/{file}"));
        // As it is, before anything is taken for something else.
        let exact = |name: &str| self.get(Way::Exact, name).filter(|&i| self.names[i] == name);
        if let Some(i) = inside.as_deref().and_then(exact).or_else(|| exact(file)) {
            return Some(i);
        }
        let (inside, file) = (inside.as_deref().map(ways), ways(file));
        (1..file.len()).find_map(|way| {
            let key = |ways: &[Option<u64>; 7]| self.single(ways[way]?);
            inside.as_ref().and_then(key).or_else(|| key(&file))
        })
    }

    fn get(&self, way: Way, text: &str) -> Option<usize> {
        self.single(key(way, text))
    }

    fn single(&self, key: u64) -> Option<usize> {
        self.keys.get(&key).filter(|&&i| i != SEVERAL).map(|&i| i as usize)
    }
}

/// A name as it is compared: with `/`, without `./` before it.
pub(super) fn clean(text: &str) -> String {
    let file = text.trim().replace('\\', "/");
    file.trim_start_matches("./").to_owned()
}

/// A name without case, with accents as one sign.
pub(super) fn folded(name: &str) -> String {
    if name.is_ascii() { name.to_ascii_lowercase() } else { name.nfkc().flat_map(char::to_lowercase).nfkc().collect() }
}

/// A name without the ending of a picture.
pub(super) fn stem(name: &str) -> &str {
    match extension(name) {
        end if EXTENSIONS.contains(&end.as_str()) => &name[..name.len() - end.len() - 1],
        _ => name,
    }
}

fn key(way: Way, text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    (way, text).hash(&mut hasher);
    hasher.finish()
}

/// Keys of a name for each way, in order.
fn ways(name: &str) -> [Option<u64>; 7] {
    let base = |name: &str| name.rsplit('/').next().unwrap_or_default().to_owned();
    let low = folded(name);
    let (own, low_base) = (base(name), base(&low));
    let bare = stem(&low_base).to_owned();
    let number = bare.trim_start_matches('0');
    let digits = !bare.is_empty() && bare.bytes().all(|b| b.is_ascii_digit());
    [
        Some(key(Way::Exact, name)),
        Some(key(Way::Folded, &low)),
        Some(key(Way::Base, &own)),
        Some(key(Way::FoldedBase, &low_base)),
        Some(key(Way::Stem, stem(&low))),
        Some(key(Way::BaseStem, &bare)),
        digits.then(|| key(Way::Number, number)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn pictures_are_found_as_people_write_them() {
        let list = names(&["set/Tür.PNG", "set/a.png", "set/b.jpg", "other/b.jpg", "set/000042.jpg", "set/x.y.png"]);
        let names = Names::of(&list);
        let find = |text: &str| names.find(text, Some("set"));
        assert_eq!(find("a.png"), Some(1));
        assert_eq!(find("set/a.png"), Some(1));
        assert_eq!(find("./A.PNG"), Some(1), "other case");
        assert_eq!(find("tu\u{308}r.png"), Some(0), "accents of two signs");
        assert_eq!(find("C:\\old\\place\\a.png"), Some(1), "a path from elsewhere");
        assert_eq!(find("a"), Some(1), "no ending");
        assert_eq!(find("a.webp"), Some(1), "another ending");
        assert_eq!(find("x.y"), Some(5));
        assert_eq!(find("b.jpg"), Some(2), "the folder of the table comes first");
        assert_eq!(names.find("b.jpg", None), None, "two of this name");
        assert_eq!((find("42"), find("0042.png")), (Some(4), Some(4)), "numbers");
        assert_eq!((find("43"), find(""), find("gone.png")), (None, None, None));
    }
}
