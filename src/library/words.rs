//! Pictures by words: names, tags, captions, labels, settings.

use rusqlite::params;

use super::index::Mask;
use super::items::apart;
use super::{Item, Library};
use crate::base::{Problem, Result};

/// Letters of a question that count.
pub const LONGEST: usize = 10_000;
/// Words of a question that count.
const WORDS: usize = 64;
/// Pictures with some of the words that are put in order, those kept or imported last; of very common words there are more.
const RANKED: usize = 20_000;
/// Words that say nothing by themselves.
const PLAIN: [&str; 22] = [
    "a", "an", "and", "at", "by", "for", "from", "in", "is", "it", "its", "of", "on", "or", "that", "the", "this",
    "to", "was", "with", "are", "be",
];

/// The part of a question that counts, and a word on what does not.
pub fn cut(text: &str) -> (&str, Option<Problem>) {
    match text.char_indices().nth(LONGEST) {
        None => (text, None),
        Some((at, _)) => {
            let told = Problem::usage("This text is too long; only its beginning was searched for")
                .of(format!("{} characters", text.chars().count()))
                .try_this(format!("Search for at most {LONGEST} characters"));
            (&text[..at], Some(told.warning()))
        }
    }
}

/// Words of a question, without those that say nothing unless there are no others.
pub fn words(text: &str) -> Vec<String> {
    let all = text.split(|c: char| c.is_whitespace() || c.is_control() || "\"'“”‘’«»()[]{},;!?".contains(c));
    let mut words: Vec<String> = Vec::new();
    for word in all.filter(|w| w.chars().any(char::is_alphanumeric)).map(str::to_lowercase) {
        if words.len() < WORDS && !words.contains(&word) {
            words.push(word);
        }
    }
    let telling: Vec<String> = words.iter().filter(|w| !PLAIN.contains(&w.as_str())).cloned().collect();
    if telling.is_empty() { words } else { telling }
}

/// A question to the index: any of the words, the last one perhaps not typed to its end.
fn question(words: &[String]) -> String {
    let quoted = |w: &String| format!("\"{}\"", apart(w).replace('"', "\"\""));
    let mut parts: Vec<String> = words.iter().map(quoted).collect();
    if let Some(last) = words.last().filter(|w| w.chars().count() > 2) {
        parts.push(format!("{}*", quoted(last)));
    }
    parts.join(" OR ")
}

/// Which of the words stand in what is known of a picture, with where: `caption: red, hat`.
pub fn where_found(item: &Item, words: &[String]) -> String {
    let about = item.imported.as_ref();
    let tags = item.tags.join(" ");
    let name = about.map_or_else(
        || item.path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default(),
        |a| a.name.clone(),
    );
    let fields = [
        ("label", about.and_then(|a| a.label.clone()).unwrap_or_default()),
        ("caption", about.and_then(|a| a.caption.clone()).unwrap_or_default()),
        ("tag", tags),
        ("name", name),
        ("data set", about.map(|a| a.dataset.clone()).unwrap_or_default()),
        ("model", item.model.clone()),
    ];
    let mut parts = Vec::new();
    let mut left: Vec<&String> = words.iter().collect();
    for (field, text) in fields {
        let text = text.to_lowercase();
        let (here, rest): (Vec<&String>, Vec<&String>) = left.into_iter().partition(|w| text.contains(w.as_str()));
        left = rest;
        if !here.is_empty() {
            let here: Vec<&str> = here.into_iter().map(String::as_str).collect();
            parts.push(format!("{field}: {}", here.join(", ")));
        }
    }
    if parts.is_empty() { "settings".into() } else { parts.join("; ") }
}

impl Library {
    /// Allowed pictures that have some of the words with their BM25 (the lower, the better), those that fit best first, ties by
    /// number.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn with_words(&self, words: &[String], allowed: &Mask, most: usize) -> Result<Vec<(i64, f64)>> {
        if words.is_empty() {
            return Ok(Vec::new());
        }
        let mut found: Vec<(f64, i64)> = self.read(|db| {
            let mut query = db.prepare_cached(
                "SELECT rowid, bm25(items_text) FROM items_text WHERE items_text MATCH ? ORDER BY rowid DESC",
            )?;
            let mut rows = query.query(params![question(words)])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                if usize::try_from(id).is_ok_and(|id| allowed.has(id)) {
                    found.push((row.get(1)?, id));
                    if found.len() >= RANKED {
                        break;
                    }
                }
            }
            Ok(found)
        })?;
        found.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        found.truncate(most);
        Ok(found.into_iter().map(|(score, id)| (id, score)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::tests::six;

    #[test]
    fn any_word_is_found_and_more_of_them_come_first() {
        let (_dir, library, ids) = six();
        library.tag(&ids[1..2], "red hat", true).unwrap();
        library.tag(&ids[2..3], "red shoe", true).unwrap();
        library.tag(&ids[3..4], "春の桜並木", true).unwrap();
        let all = Mask::filled(100, true);
        let ids_of = |found: Vec<(i64, f64)>| found.into_iter().map(|f| f.0).collect::<Vec<_>>();
        let of = |text: &str| ids_of(library.with_words(&words(text), &all, 10).unwrap());
        assert_eq!(of("a red hat"), [ids[1], ids[2]]);
        assert_eq!(of("桜並"), [ids[3]]);
        assert_eq!(of("sho"), [ids[2]], "a word that is still typed");
        assert!(of("the").is_empty() && of("").is_empty() && of("?!").is_empty());
        for odd in
            ["\"", "t-shirt", "C++", "NEAR(a b)", "a AND", "(", "model:", "*", "\u{0}red\u{0}", "'", "red OR \"", "-"]
        {
            of(odd);
        }
        assert_eq!(of("\u{0}red\u{0}").len(), 2);
        let mut some = all.clone();
        some.set(ids[1] as usize, false);
        assert_eq!(ids_of(library.with_words(&words("red hat"), &some, 10).unwrap()), [ids[2]]);
        let item = library.item(ids[1]).unwrap().unwrap();
        assert_eq!(where_found(&item, &words("red faces hat")), "tag: red, hat; name: faces");
    }

    #[test]
    fn a_question_of_ten_thousand_letters_is_cut_and_that_is_said() {
        let long = "ä".repeat(LONGEST);
        assert_eq!(cut(&long), (long.as_str(), None));
        let longer = format!("{long}x hat");
        let (text, told) = cut(&longer);
        assert_eq!(text, long);
        assert!(told.unwrap().subject.unwrap().contains("10005"));
        let many: String = (0..3000).map(|i| format!("w{i} ")).collect();
        assert_eq!(words(&many).len(), WORDS);
    }
}
