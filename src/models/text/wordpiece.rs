//! WordPiece as BERT's lower-case models read text (Wu et al. 2016): accents and case are dropped, punctuation stands alone,
//! and every word is cut into the longest pieces that the vocabulary has.
//!
//! Written here because the crate `tokenizers` brings its own regular expressions, a C library and a hundred crates for what
//! takes these lines; the fixture holds its answers.

use std::collections::HashMap;

use unicode_general_category::{GeneralCategory as Category, get_general_category};
use unicode_normalization::UnicodeNormalization;

/// A longer word is not cut up but unknown.
const LONGEST_WORD: usize = 100;

/// The vocabulary.
pub struct WordPiece {
    /// Pieces that a word begins with, and those inside of words with `##` before them.
    pieces: HashMap<String, u32>,
    unknown: u32,
    begin: u32,
    end: u32,
}

impl WordPiece {
    /// From one token a line; nothing if BERT's marks are not among them.
    pub fn new(vocabulary: &str) -> Option<Self> {
        let pieces: HashMap<String, u32> =
            vocabulary.split('\n').enumerate().map(|(i, piece)| (piece.to_string(), i as u32)).collect();
        let (unknown, begin, end) = (*pieces.get("[UNK]")?, *pieces.get("[CLS]")?, *pieces.get("[SEP]")?);
        Some(Self { pieces, unknown, begin, end })
    }

    /// Tokens that it knows.
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Tokens of a text between the marks of its beginning and its end, `most` with them.
    pub fn tokens(&self, text: &str, most: usize) -> Vec<u32> {
        let mut out = vec![self.begin];
        for word in words(text) {
            if out.len() >= most {
                break;
            }
            self.cut(&word, &mut out);
        }
        out.truncate(most - 1);
        out.push(self.end);
        out
    }

    /// The longest piece first, then the longest of the rest; a word that is not all pieces is unknown as a whole.
    fn cut(&self, word: &str, out: &mut Vec<u32>) {
        let before = out.len();
        if word.chars().count() > LONGEST_WORD {
            out.push(self.unknown);
            return;
        }
        let (mut from, mut piece) = (0, String::new());
        while from < word.len() {
            let ends = word[from..].char_indices().map(|(i, c)| from + i + c.len_utf8()).rev();
            let found = ends.into_iter().find_map(|to| {
                piece.clear();
                piece.push_str(if from > 0 { "##" } else { "" });
                piece.push_str(&word[from..to]);
                Some((*self.pieces.get(&piece)?, to))
            });
            let Some((id, to)) = found else {
                out.truncate(before);
                out.push(self.unknown);
                return;
            };
            out.push(id);
            from = to;
        }
    }
}

/// Words and marks of punctuation.
fn words(text: &str) -> Vec<String> {
    let mut clean = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\t' | '\n' | '\r' => clean.push(' '),
            '\0' | '\u{fffd}' => {}
            c if is_other(c) => {}
            c if c.is_whitespace() => clean.push(' '),
            c if is_ideograph(c) => clean.extend([' ', c, ' ']),
            c => clean.push(c),
        }
    }
    let bare = clean.nfd().filter(|c| get_general_category(*c) != Category::NonspacingMark);
    let (mut out, mut word) = (Vec::new(), String::new());
    for c in bare.flat_map(char::to_lowercase) {
        let stands_alone = is_punctuation(c);
        if (stands_alone || c.is_whitespace()) && !word.is_empty() {
            out.push(std::mem::take(&mut word));
        }
        if stands_alone {
            out.push(c.to_string());
        } else if !c.is_whitespace() {
            word.push(c);
        }
    }
    if !word.is_empty() {
        out.push(word);
    }
    out
}

fn is_other(c: char) -> bool {
    use Category as C;
    matches!(get_general_category(c), C::Control | C::Format | C::Unassigned | C::PrivateUse | C::Surrogate)
}

fn is_punctuation(c: char) -> bool {
    use Category as C;
    c.is_ascii_punctuation()
        || matches!(
            get_general_category(c),
            C::ConnectorPunctuation
                | C::DashPunctuation
                | C::OpenPunctuation
                | C::ClosePunctuation
                | C::InitialPunctuation
                | C::FinalPunctuation
                | C::OtherPunctuation
        )
}

/// The blocks of Chinese characters, each of which is a word.
fn is_ideograph(c: char) -> bool {
    matches!(u32::from(c), 0x4E00..=0x9FFF | 0x3400..=0x4DBF | 0x20000..=0x2A6DF | 0x2A700..=0x2B73F
        | 0x2B740..=0x2B81F | 0x2B920..=0x2CEAF | 0xF900..=0xFAFF | 0x2F800..=0x2FA1F)
}
