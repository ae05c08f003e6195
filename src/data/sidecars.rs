//! Texts beside the pictures: a caption of its own for each (`1.txt` beside `1.png`), and annotations in JSON.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use super::captions::{MAX_TABLE, Table, push_object};
use super::decode::extension;
use super::guess::Guess;
use super::limits::{self, Bounded};
use super::name_match::stem;
use super::text_encoding;

/// Most bytes of a text that is wanted for this.
pub(super) fn most_bytes(wanted: Wanted) -> u64 {
    match wanted {
        Wanted::Caption(_) => limits::work(Bounded::Caption, 0),
        Wanted::Notes => MAX_TABLE,
    }
}

/// Files of annotations that are read, at most.
const MAX_NOTES: usize = 64;

/// What a text beside the pictures is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The caption of the picture at this place.
    Caption(usize),
    /// Annotations of the set.
    Notes,
}

/// What was read of a text.
pub(super) enum Text {
    /// The caption of the picture at this place.
    Caption(usize, String),
    /// Annotations, and what is worth telling of them.
    Notes(Table, Option<String>),
    /// Nothing of use.
    Nothing,
}

/// Reads a text for what it is wanted.
pub(super) fn read(wanted: Wanted, name: &str, bytes: &[u8]) -> Text {
    match wanted {
        Wanted::Caption(i) => caption(bytes).map_or(Text::Nothing, |text| Text::Caption(i, text)),
        Wanted::Notes => notes(name, bytes).map_or(Text::Nothing, |(table, note)| Text::Notes(table, note)),
    }
}

/// What all texts beside pictures say.
#[derive(Default)]
pub(super) struct Texts {
    /// As tables.
    pub read: Vec<Table>,
    /// What was assumed.
    pub guesses: Vec<Guess>,
}

impl Texts {
    /// Gathers texts; of several captions for a picture the last counts.
    pub fn of(pictures: &[String], texts: impl Iterator<Item = Text>) -> Self {
        let (mut out, mut captions) = (Self::default(), Vec::new());
        for text in texts {
            match text {
                Text::Caption(i, text) => captions.push((i, text)),
                Text::Notes(table, note) => {
                    out.read.push(table);
                    out.guesses.extend(note.map(Guess::new));
                }
                Text::Nothing => {}
            }
        }
        if !captions.is_empty() {
            let what = "Captions are taken from text files that lie beside their pictures";
            out.guesses.push(
                Guess::new(what)
                    .about(captions.len() as u64)
                    .otherwise("If they are no captions, move them elsewhere, or name captions in a table"),
            );
            out.read.insert(0, table(pictures, &captions));
        }
        out
    }
}

/// Whether a file of this name may be a text beside pictures.
pub(super) fn may_be(name: &str) -> bool {
    matches!(extension(name).as_str(), "txt" | "caption" | "json")
}

/// What each of these texts is wanted for, by its name beside those of the pictures.
pub(super) fn wanted<'a>(pictures: &[String], texts: impl Iterator<Item = &'a str>) -> Vec<Option<Wanted>> {
    let mut notes = 0;
    let mut by_stem: HashMap<&str, usize> = HashMap::new();
    texts
        .map(|name| {
            if by_stem.is_empty() {
                pictures.iter().enumerate().for_each(|(i, n)| {
                    by_stem.entry(stem(n)).or_insert(i);
                });
            }
            let end = extension(name);
            let bare = &name[..name.len() - end.len() - 1];
            // Some write `1.png.txt`.
            let picture = by_stem.get(bare).or_else(|| by_stem.get(stem(bare))).copied();
            match (picture, end.as_str()) {
                (Some(i), "txt" | "caption") => Some(Wanted::Caption(i)),
                // One for each picture says other things than what is to be seen.
                (None, "json") if !bare.ends_with("dataset") => {
                    notes += 1;
                    (notes <= MAX_NOTES).then_some(Wanted::Notes)
                }
                _ => None,
            }
        })
        .collect()
}

/// The caption in a file of its own; nothing if it is no text for people, or only numbers, as of boxes.
pub(super) fn caption(bytes: &[u8]) -> Option<String> {
    let (text, _) = text_encoding::decoded(bytes);
    let words: Vec<&str> = text.split_whitespace().collect();
    let says = words.iter().any(|word| word.parse::<f64>().is_err());
    (text_encoding::is_text(&text) && says).then(|| words.join(" "))
}

/// Captions of files of their own, as a table.
pub(super) fn table(pictures: &[String], captions: &[(usize, String)]) -> Table {
    let mut table = Table::new("text files", vec!["file".into(), "caption".into()]);
    for (i, caption) in captions {
        table.push(0, [(0, pictures[*i].as_str()), (1, caption.as_str())].into_iter());
    }
    table
}

/// A file of annotations as a table, with what is worth telling; nothing if it is something else.
pub(super) fn notes(name: &str, bytes: &[u8]) -> Option<(Table, Option<String>)> {
    let (text, _) = text_encoding::decoded(bytes);
    if let Ok(coco) = serde_json::from_str::<Coco>(&text)
        && !coco.images.is_empty()
        && !coco.annotations.is_empty()
    {
        return Some(coco.table(name));
    }
    // That of COCO may be larger, since little of it is kept.
    if text.len() as u64 > limits::work(Bounded::PlainJson, u64::MAX) {
        return None;
    }
    let mut table = Table::new(name, Vec::new());
    let mut columns = HashMap::new();
    match serde_json::from_str::<serde_json::Value>(&text).ok()? {
        // Objects with the name of their picture.
        serde_json::Value::Array(rows) => {
            for (i, row) in rows.into_iter().enumerate() {
                let serde_json::Value::Object(object) = row else { return None };
                push_object(&mut table, &mut columns, i + 1, object).ok()?;
            }
        }
        // Captions, or objects, by the name of their picture.
        serde_json::Value::Object(rows) => {
            for (i, (file, value)) in rows.into_iter().enumerate() {
                let mut object = match value {
                    serde_json::Value::Object(object) => object,
                    serde_json::Value::String(caption) => {
                        serde_json::Map::from_iter([("caption".to_owned(), caption.into())])
                    }
                    _ => return None,
                };
                object.insert("file".into(), file.into());
                push_object(&mut table, &mut columns, i + 1, object).ok()?;
            }
        }
        _ => return None,
    }
    (table.len() > 0).then_some((table, None))
}

/// Annotations of COCO (<https://cocodataset.org/#format-data>), as far as they say what is in a picture.
#[derive(Deserialize)]
struct Coco {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    #[serde(default)]
    categories: Vec<Category>,
}

#[derive(Deserialize)]
struct Image {
    id: Id,
    file_name: String,
}

#[derive(Deserialize)]
struct Annotation {
    image_id: Id,
    caption: Option<String>,
    category_id: Option<u64>,
}

#[derive(Deserialize)]
struct Category {
    id: u64,
    name: String,
}

#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(untagged)]
enum Id {
    Number(u64),
    Text(String),
}

impl Coco {
    fn table(self, name: &str) -> (Table, Option<String>) {
        let categories: HashMap<u64, String> = self.categories.into_iter().map(|c| (c.id, c.name)).collect();
        let mut said: BTreeMap<Id, (Option<String>, Option<u64>, bool)> = BTreeMap::new();
        for a in self.annotations {
            let (caption, category, several) = said.entry(a.image_id).or_default();
            // The first caption of several.
            *caption = caption.take().or(a.caption);
            if let Some(id) = a.category_id {
                *several |= category.is_some_and(|c| c != id);
                category.get_or_insert(id);
            }
        }
        let several = said.values().filter(|s| s.2).count();
        let mut table = Table::new(name, vec!["file".into(), "caption".into(), "label".into()]);
        for image in &self.images {
            let Some((caption, category, _)) = said.get(&image.id) else {
                table.push(0, std::iter::once((0, image.file_name.as_str())));
                continue;
            };
            // What is in a picture beside other things is not what it is of.
            let label = category.filter(|_| several == 0).and_then(|c| categories.get(&c));
            let cells = [Some(image.file_name.as_str()), caption.as_deref(), label.map(String::as_str)];
            table.push(0, cells.into_iter().enumerate().filter_map(|(c, t)| Some((c, t?))));
        }
        let note = (several > 0).then(|| {
            format!(
                "{name} marks several kinds of things in {several} pictures, so its categories are not taken as classes"
            )
        });
        (table, note)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn texts_beside_pictures_are_told_from_others() {
        let pictures = names(&["a/1.png", "a/2.jpg", "b/1.png"]);
        let texts = ["a/1.txt", "a/2.jpg.caption", "a/README.txt", "c/1.txt", "a/1.json", "notes.json", "dataset.json"];
        let found = wanted(&pictures, texts.into_iter());
        let some = Some(Wanted::Notes);
        assert_eq!(found, [Some(Wanted::Caption(0)), Some(Wanted::Caption(1)), None, None, None, some, None]);
        assert_eq!(caption("\u{feff} Eine Tür,\r\n rot \n".as_bytes()).as_deref(), Some("Eine Tür, rot"));
        assert_eq!(caption(b"T\xfcr").as_deref(), Some("Tür"));
        assert_eq!((caption(b" \n"), caption(b"a\x01\x02\x03b")), (None, None));
        assert_eq!(caption(b"0 0.5 0.5 0.25 0.3\n3 0.1 0.2 0.3 0.4\n"), None, "boxes");
    }

    #[test]
    fn cocos_captions_and_kinds_are_read() {
        let coco = |second: u64| {
            format!(
                r#"{{"info":{{"x":1}},"images":[{{"id":7,"file_name":"a.jpg","width":4}},{{"id":9,"file_name":"b.jpg"}}],
                "annotations":[{{"image_id":7,"caption":"one","category_id":3,"bbox":[1,2,3,4]}},
                {{"image_id":7,"caption":"two","category_id":{second}}}],"categories":[{{"id":3,"name":"cat"}}]}}"#
            )
        };
        let (table, note) = notes("x/instances.json", coco(3).as_bytes()).unwrap();
        let rows: Vec<Vec<&str>> = table.rows().map(|r| r.cells().map(|c| c.2).collect()).collect();
        assert_eq!((rows, note), (vec![vec!["a.jpg", "one", "cat"], vec!["b.jpg"]], None));
        let (table, note) = notes("x/instances.json", coco(4).as_bytes()).unwrap();
        assert_eq!(table.rows().next().unwrap().cell(2), None);
        assert!(note.unwrap().contains("several kinds"));
    }

    #[test]
    fn plain_json_is_read_and_everything_else_left_alone() {
        let (list, _) = notes("x.json", br#"[{"image":"a.png","prompt":"p"},{"image":"b.png"}]"#).unwrap();
        assert_eq!((list.header.as_slice(), list.len()), (&["image".to_owned(), "prompt".into()][..], 2));
        let (map, _) = notes("x.json", br#"{"a.png":"one","b.png":"two"}"#).unwrap();
        assert_eq!((map.len(), map.rows().next().unwrap().cell(0)), (2, Some("one")));
        for other in [&b"[1,2]"[..], b"{\"lr\":0.1}", b"nothing", b"[]", b"{\"images\":[],\"annotations\":[]}"] {
            assert!(notes("x.json", other).is_none());
        }
    }
}
