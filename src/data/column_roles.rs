//! What the columns of a table mean: by their names, and by what is in them.

use std::collections::HashSet;

use super::captions::{Row, Table};
use super::name_match::Names;

/// What a column is taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// It names the picture.
    File,
    /// Its caption.
    Caption,
    /// Its label.
    Label,
    /// A quantity.
    Number {
        /// Whether a comma stands before the decimals.
        comma: bool,
    },
    /// One of a few kinds without an order.
    Category,
    /// Nothing that is used: sentences, addresses, lists, running numbers.
    Unused,
}

/// Names by which columns that name pictures go; the first three promise it.
const FILES: &[&str] = &[
    "file",
    "filename",
    "imagefile",
    "image",
    "img",
    "imagepath",
    "imgpath",
    "path",
    "filepath",
    "imagename",
    "picture",
    "photo",
    "imageid",
    "imgid",
    "id",
    "name",
    "key",
    "url",
];
const PROMISED: usize = 2;
/// Names by which captions go.
const CAPTIONS: &[&str] =
    &["caption", "text", "prompt", "description", "captions", "alt", "alttext", "sentence", "title"];
/// Names by which labels go.
const LABELS: &[&str] = &["label", "labels", "class", "classname", "category", "categoryname", "target"];
/// Names of columns that count rows.
const RUNNING: &[&str] = &["id", "index", "idx", "unnamed0", "row", "nr", "no", ""];
/// Rows that are looked at to find the column that names pictures.
const LOOKED_AT: usize = 200;
/// Kinds of a category.
const KINDS: usize = 64;
/// Letters of the name of a kind.
const LETTERS: usize = 40;

/// Words for a role, as a person sets it.
pub(super) const WORDS: &[(&str, Role)] = &[
    ("file", Role::File),
    ("caption", Role::Caption),
    ("label", Role::Label),
    ("number", Role::Number { comma: false }),
    ("category", Role::Category),
    ("none", Role::Unused),
];

/// What the columns of a table mean; nothing if it is a table of something else. `wishes` are names of columns with the
/// role that a person gave them; `narrow` takes for labels only what is called so.
pub(super) fn find(table: &Table, names: &Names<'_>, wishes: &[(String, Role)], narrow: bool) -> Option<Vec<Role>> {
    let plain: Vec<String> = table.header.iter().map(|h| plain(h)).collect();
    let wish =
        |c: usize| wishes.iter().find(|(name, _)| name.trim().eq_ignore_ascii_case(&table.header[c])).map(|w| w.1);
    let called = |list: &[&str], taken: &dyn Fn(usize) -> bool| {
        list.iter().find_map(|name| (0..plain.len()).find(|&c| plain[c] == *name && wish(c).is_none() && !taken(c)))
    };
    let file = match (0..plain.len()).find(|&c| wish(c) == Some(Role::File)) {
        Some(c) => c,
        None => file_column(table, names, &plain, &|c| wish(c).is_some())?,
    };
    let caption = match (0..plain.len()).find(|&c| wish(c) == Some(Role::Caption)) {
        None => called(CAPTIONS, &|c| c == file),
        some => some,
    };
    let list = if narrow { &LABELS[..1] } else { LABELS };
    let label = match (0..plain.len()).find(|&c| wish(c) == Some(Role::Label)) {
        None => called(list, &|c| c == file || Some(c) == caption),
        some => some,
    };
    let mut looks: Vec<Look> = vec![Look::default(); plain.len()];
    for row in table.rows() {
        row.cells().for_each(|(column, text, written)| looks[column].see(text, written));
    }
    let role = |(c, look): (usize, &Look)| match wish(c) {
        _ if c == file => Role::File,
        _ if Some(c) == caption => Role::Caption,
        _ if Some(c) == label => Role::Label,
        Some(Role::Number { .. }) => Role::Number { comma: look.comma() },
        Some(Role::Category) => Role::Category,
        Some(_) => Role::Unused,
        None => look.role(RUNNING.contains(&plain[c].as_str())),
    };
    Some(looks.iter().enumerate().map(role).collect())
}

/// A name of a column as it is compared: small letters and digits alone.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The column that names pictures: by its name if what is in it agrees, otherwise by what is in it.
fn file_column(table: &Table, names: &Names<'_>, plain: &[String], taken: &dyn Fn(usize) -> bool) -> Option<usize> {
    let rows: Vec<Row<'_>> = table.rows().take(LOOKED_AT).collect();
    let found = |column: usize| {
        let cells = rows.iter().filter_map(|r| r.cell(column));
        let (all, hits) = cells
            .fold((0, 0), |(n, hits), text| (n + 1, hits + usize::from(names.find(text, table.folder()).is_some())));
        (all, hits)
    };
    let called: Vec<(usize, usize)> = FILES
        .iter()
        .enumerate()
        .flat_map(|(rank, name)| (0..plain.len()).filter(move |&c| plain[c] == *name).map(move |c| (rank, c)))
        .filter(|&(_, c)| !taken(c))
        .collect();
    let agrees = |&&(_, c): &&(usize, usize)| {
        let (all, hits) = found(c);
        hits > 0 && 2 * hits >= all
    };
    if let Some(&(_, c)) = called.iter().find(agrees) {
        return Some(c);
    }
    // Pictures that are not there, all of them, are worth telling.
    if let Some(&(_, c)) = called.iter().find(|(rank, _)| *rank < PROMISED) {
        return Some(c);
    }
    // Few columns are tried, so that wide tables take no time.
    (0..plain.len().min(64)).filter(|&c| !taken(c)).find(|&c| {
        let (all, hits) = found(c);
        hits > 0 && 10 * hits >= 9 * all && rows.first().is_some_and(|r| r.cell(c).is_some_and(|t| t.contains('.')))
    })
}

/// What was seen of a column.
#[derive(Clone)]
struct Look {
    known: u64,
    /// Whether every value is a number, or no value.
    numbers: bool,
    /// Whether every value is a whole number.
    whole: bool,
    /// Whether a comma stands where only decimals can.
    decimals: bool,
    /// Whether there is a comma before three digits.
    thousands: bool,
    /// Whether a value is too long, or looks like a list, for a kind.
    sentence: bool,
    /// Numbers of the texts, as long as they are few.
    kinds: HashSet<u32>,
    /// Whether no text came twice, as far as it was followed.
    repeats: bool,
}

impl Default for Look {
    fn default() -> Self {
        Self {
            known: 0,
            numbers: true,
            whole: true,
            decimals: false,
            thousands: false,
            sentence: false,
            kinds: HashSet::new(),
            repeats: false,
        }
    }
}

impl Look {
    fn see(&mut self, text: u32, written: &str) {
        if is_missing(written) {
            return;
        }
        self.known += 1;
        if self.kinds.len() <= KINDS {
            self.repeats |= !self.kinds.insert(text);
        }
        if self.numbers {
            match shape(written) {
                None => self.numbers = false,
                Some(shape) => {
                    self.whole &= shape == Shape::Whole;
                    self.decimals |= shape == Shape::Decimals;
                    self.thousands |= shape == Shape::Thousands;
                }
            }
        }
        self.sentence |= written.chars().count() > LETTERS || written.starts_with(['[', '{', '(']);
    }

    fn comma(&self) -> bool {
        self.decimals
    }

    fn role(&self, running: bool) -> Role {
        let few = self.kinds.len() <= KINDS && 2 * self.kinds.len() as u64 <= self.known;
        match self.known {
            0 => Role::Unused,
            _ if self.numbers && running && self.whole && !self.repeats => Role::Unused,
            _ if self.numbers => Role::Number { comma: self.comma() },
            _ if few && !self.sentence => Role::Category,
            _ => Role::Unused,
        }
    }
}

/// Whether a cell says that nothing is known.
fn is_missing(text: &str) -> bool {
    matches!(text.to_ascii_lowercase().as_str(), "na" | "n/a" | "nan" | "null" | "none" | "-" | "?" | "unknown")
}

/// How a number is written.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    Whole,
    /// With a point, an exponent, or nothing that could be meant otherwise.
    Point,
    /// With a comma that must stand before decimals.
    Decimals,
    /// With commas before groups of three digits.
    Thousands,
}

fn shape(text: &str) -> Option<Shape> {
    let text = text.strip_suffix('%').map_or(text, str::trim_end);
    if text.parse::<i64>().is_ok() {
        return Some(Shape::Whole);
    }
    // Words that Rust reads as numbers are none.
    if text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Some(Shape::Point);
    }
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let bare = text.strip_prefix(['-', '+']).unwrap_or(text);
    if let Some((before, after)) = bare.split_once(',')
        && digits(before)
        && digits(after)
    {
        return Some(if after.len() == 3 && before.len() <= 3 { Shape::Thousands } else { Shape::Decimals });
    }
    let whole = bare.split_once('.').map_or(bare, |(whole, _)| whole);
    let mut groups = whole.split(',');
    let first = groups.next().is_some_and(|g| digits(g) && g.len() <= 3);
    (first && whole.contains(',') && groups.all(|g| digits(g) && g.len() == 3) && number(text, false).is_some())
        .then_some(Shape::Thousands)
}

/// The number that is written here; nothing where none is.
pub(super) fn number(text: &str, comma: bool) -> Option<f64> {
    let text = text.strip_suffix('%').map_or(text, str::trim_end);
    let plain = if !text.contains(',') {
        text.to_owned()
    } else if comma {
        text.replace(',', ".")
    } else {
        text.replace(',', "")
    };
    plain.parse::<f64>().ok().filter(|v| v.is_finite())
}

#[cfg(test)]
mod tests {
    use super::super::captions::parse;
    use super::*;

    fn roles(text: &str, wishes: &[(String, Role)]) -> Option<Vec<Role>> {
        let pictures: Vec<String> = (0..9).map(|i| format!("p{i}.png")).collect();
        find(&parse("x.tsv", text.as_bytes()).unwrap(), &Names::of(&pictures), wishes, false)
    }

    #[test]
    fn columns_are_known_by_name_and_by_what_is_in_them() {
        let text = "id\timage_id\tPrompt\tclass\tprice\tmood\tnotes\tbox\tsize\n\
            1\tp0\ta red one\tx\t10,5\tglad\tA long sentence of its own, with no end to it\t[1,2]\t1.5\n\
            2\tp1\ta blue one\ty\t7\tsad\tAnother street 5\t[3,4]\tNA\n\
            3\tp2.png\ta\ty\t12,25\tsad\tA third street 6\t[5,6]\t3e2\n\
            4\tP3\tb\tx\t3\tglad\tA fourth street 7\t[7,8]\t4\n";
        use Role::{Caption, Category, File, Label, Number, Unused};
        assert_eq!(
            roles(text, &[]).unwrap(),
            [Unused, File, Caption, Label, Number { comma: true }, Category, Unused, Unused, Number { comma: false }]
        );
        let wishes = [("notes".to_owned(), Caption), ("class".to_owned(), Unused), ("size".to_owned(), Category)];
        let found = roles(text, &wishes).unwrap();
        assert_eq!((found[2], found[3], found[6], found[8]), (Unused, Unused, Caption, Category));
    }

    #[test]
    fn tables_of_something_else_are_left_alone() {
        assert_eq!(roles("name\tprice\nsoap\t3\nbread\t4\n", &[]), None);
        assert_eq!(roles("a\tb\n1\t2\n", &[]), None);
        assert!(roles("file\tx\ngone.png\t2\n", &[]).is_some(), "pictures that are not there are told");
        let odd = roles("what\twhich one\nx\tp1.png\ny\tp2.png\n", &[]).unwrap();
        assert_eq!(odd[1], Role::File, "known by what is in it");
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        for (text, comma, value) in [
            ("10,5", true, Some(10.5)),
            ("1,234", false, Some(1234.0)),
            ("1,234.5", false, Some(1234.5)),
            ("50 %", false, Some(50.0)),
            ("-3", false, Some(-3.0)),
            ("12 Main Street", false, None),
        ] {
            assert_eq!(number(text, comma), value, "{text}");
        }
        assert!(shape("inf").is_none() && shape("nan").is_none() && shape("1,2,3").is_none() && shape("").is_none());
    }
}
