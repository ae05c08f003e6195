//! Tables beside the pictures: `captions.tsv`, `metadata.csv`, `metadata.jsonl`, or any such file that names pictures.
//!
//! TSV has a header line and no quoting; CSV quotes and may be separated by commas, semicolons, tabs or bars; JSONL has
//! one object a line. All of them may be UTF-8, UTF-16, or what the programs of a country write. What the columns mean is
//! found by [`column_roles`](super::column_roles).

use std::collections::HashMap;

use super::decode::extension;
use super::limits::{self, Bounded};
use super::text_encoding;

/// Columns of a table that are read.
fn most_columns() -> usize {
    limits::work(Bounded::Table, 0) as usize
}

/// Largest table that is read.
pub(super) const MAX_TABLE: u64 = 256 << 20;

/// A table that was read: a header, and of each row the cells that are not empty.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Table {
    /// Its own name within the source.
    pub name: String,
    /// Names of the columns.
    pub header: Vec<String>,
    /// Lines that could not be understood: number (from 1) and reason.
    pub bad: Vec<(usize, String)>,
    /// The encoding, where it had to be guessed.
    pub encoding: Option<&'static str>,
    /// Where each row begins in `cells`, and its line.
    rows: Vec<(u32, u32)>,
    /// Column and text of each cell.
    cells: Vec<(u32, u32)>,
    texts: Texts,
}

/// Texts, each kept once.
#[derive(Debug, Default, PartialEq)]
struct Texts {
    all: Vec<Box<str>>,
    places: HashMap<Box<str>, u32>,
}

impl Texts {
    fn put(&mut self, text: &str) -> u32 {
        if let Some(&place) = self.places.get(text) {
            return place;
        }
        let place = self.all.len() as u32;
        self.all.push(text.into());
        self.places.insert(text.into(), place);
        place
    }
}

/// A row of a table.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    table: &'a Table,
    /// Line in the file, from 1.
    pub line: usize,
    cells: &'a [(u32, u32)],
}

impl<'a> Row<'a> {
    /// Column and text of each cell that is not empty; a number for the text that is the same for the same text.
    pub fn cells(&self) -> impl Iterator<Item = (usize, u32, &'a str)> + use<'a> {
        let table = self.table;
        self.cells.iter().map(move |&(column, text)| (column as usize, text, &*table.texts.all[text as usize]))
    }

    /// The text of a column, unless it is empty.
    pub fn cell(&self, column: usize) -> Option<&'a str> {
        self.cells().find(|(c, ..)| *c == column).map(|(_, _, text)| text)
    }
}

impl Table {
    /// An empty table.
    pub fn new(name: &str, header: Vec<String>) -> Self {
        Self { name: name.into(), header, ..Self::default() }
    }

    /// Appends a row; empty cells are not kept, and neither are those of columns beyond the header.
    pub fn push<'a>(&mut self, line: usize, cells: impl Iterator<Item = (usize, &'a str)>) {
        let start = self.cells.len();
        for (column, text) in cells {
            let text = text.trim();
            if column < self.header.len() && !text.is_empty() {
                let text = self.texts.put(text);
                self.cells.push((column as u32, text));
            }
        }
        if self.cells.len() > start {
            self.rows.push((start as u32, line as u32));
        }
    }

    /// How many rows say something.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Its rows.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).map(|i| {
            let (start, line) = self.rows[i];
            let end = self.rows.get(i + 1).map_or(self.cells.len(), |r| r.0 as usize);
            Row { table: self, line: line as usize, cells: &self.cells[start as usize..end] }
        })
    }

    /// The folder it lies in.
    pub fn folder(&self) -> Option<&str> {
        self.name.rsplit_once('/').map(|(folder, _)| folder)
    }
}

/// Whether a file of this name may be a table.
pub(super) fn may_be_table(name: &str) -> bool {
    matches!(extension(name).as_str(), "tsv" | "csv" | "jsonl")
}

/// Whether this name promises a table, so that one without file names is worth a word.
pub(super) fn is_promised(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    matches!(base.as_str(), "captions.tsv" | "captions.csv" | "metadata.csv" | "metadata.jsonl")
}

/// Reads a table.
///
/// # Errors
/// It has more columns than are read, or it is no text.
pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Table, String> {
    let (text, encoding) = text_encoding::decoded(bytes);
    if text.contains('\0') {
        return Err("This is no text".into());
    }
    let mut table = match extension(name).as_str() {
        "jsonl" => objects(name, &text),
        end => separated(name, &text, end == "tsv"),
    }?;
    table.encoding = encoding;
    Ok(table)
}

fn too_wide(columns: usize) -> String {
    format!("It has {columns} columns; at most {} are read", most_columns())
}

fn separated(name: &str, text: &str, tabs: bool) -> Result<Table, String> {
    // Excel writes the separator into a line of its own.
    let (said, text) = match text.strip_prefix("sep=") {
        Some(rest) => (rest.chars().next(), rest.split_once('\n').map_or("", |(_, rest)| rest)),
        None => (None, text),
    };
    let before = usize::from(said.is_some());
    let separator = said.filter(char::is_ascii).map_or_else(|| separator(text, tabs), |c| c as u8);
    if tabs && separator == b'\t' {
        let mut lines = text.lines();
        let header: Vec<String> = lines.next().unwrap_or_default().split('\t').map(|s| s.trim().to_owned()).collect();
        if header.len() > most_columns() {
            return Err(too_wide(header.len()));
        }
        let mut table = Table::new(name, header);
        lines.enumerate().for_each(|(i, line)| table.push(i + 2 + before, line.split('\t').enumerate()));
        return Ok(table);
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let mut record = csv::StringRecord::new();
    let header = match reader.read_record(&mut record) {
        Ok(true) => record.iter().map(|s| s.trim().to_owned()).collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    if header.len() > most_columns() {
        return Err(too_wide(header.len()));
    }
    let mut table = Table::new(name, header);
    loop {
        let at = reader.position().line() as usize + before;
        match reader.read_record(&mut record) {
            Ok(true) => {
                let line = record.position().map_or(at, |p| p.line() as usize + before);
                table.push(line, record.iter().enumerate());
            }
            Ok(false) => return Ok(table),
            Err(e) => table.bad.push((at, e.to_string())),
        }
    }
}

/// The sign that separates columns: the one that is most often in the first line, outside of quotes.
fn separator(text: &str, tabs: bool) -> u8 {
    let line = text.lines().next().unwrap_or_default();
    let mut quoted = false;
    let mut counts = [0usize; 4];
    let signs = [b',', b';', b'\t', b'|'];
    for byte in line.bytes() {
        if byte == b'"' {
            quoted = !quoted;
        } else if let Some(i) = signs.iter().position(|&s| s == byte && !quoted) {
            counts[i] += 1;
        }
    }
    if tabs && counts[2] > 0 {
        return b'\t';
    }
    let most = counts.into_iter().max().unwrap_or(0);
    let usual = if tabs { b'\t' } else { b',' };
    if most == 0 { usual } else { signs[counts.iter().position(|&c| c == most).unwrap_or(0)] }
}

fn objects(name: &str, text: &str) -> Result<Table, String> {
    let mut table = Table::new(name, Vec::new());
    let mut columns: HashMap<String, usize> = HashMap::new();
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line) {
            Err(e) => table.bad.push((i + 1, format!("it is no JSON object: {e}"))),
            Ok(object) => push_object(&mut table, &mut columns, i + 1, object)?,
        }
    }
    Ok(table)
}

/// Appends an object as a row; keys that are new become columns.
pub(super) fn push_object(
    table: &mut Table,
    columns: &mut HashMap<String, usize>,
    line: usize,
    object: serde_json::Map<String, serde_json::Value>,
) -> Result<(), String> {
    let mut cells = Vec::with_capacity(object.len());
    for (key, value) in object {
        let text = match value {
            serde_json::Value::Null => continue,
            serde_json::Value::String(s) => s,
            other => other.to_string(),
        };
        let next = columns.len();
        let column = *columns.entry(key).or_insert_with_key(|key| {
            table.header.push(key.trim().to_owned());
            next
        });
        cells.push((column, text));
    }
    if columns.len() > most_columns() {
        return Err(too_wide(columns.len()));
    }
    table.push(line, cells.iter().map(|(c, t)| (*c, t.as_str())));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(table: &Table) -> Vec<Vec<&str>> {
        table.rows().map(|r| (0..table.header.len()).map(|c| r.cell(c).unwrap_or_default()).collect()).collect()
    }

    fn check(name: &str, text: &[u8]) {
        let t = parse(name, text).unwrap();
        let column = |n: &str| t.header.iter().position(|h| h == n).unwrap();
        assert_eq!(t.len(), 2, "{name}");
        let first = t.rows().next().unwrap();
        assert_eq!(first.cell(column("file")), Some("a.png"), "{name}");
        assert_eq!(first.cell(column("text")), Some("a \"big\", red Tür"), "{name}");
        assert_eq!(first.cell(column("size")), Some("1.5"), "{name}");
        let second: Vec<_> = t.rows().nth(1).unwrap().cells().map(|(_, _, text)| text).collect();
        assert_eq!(second, ["b.png"], "{name}");
    }

    #[test]
    fn all_formats_say_the_same() {
        let tsv = "file\ttext\tsize\r\na.png\ta \"big\", red Tür\t1.5\r\nb.png\n\n";
        check("captions.tsv", tsv.as_bytes());
        let wide: Vec<u8> = tsv.encode_utf16().flat_map(u16::to_le_bytes).collect();
        check("captions.tsv", &[&[0xff, 0xfe][..], &wide].concat());
        let csv = "\u{feff}file,text,size\na.png,\"a \"\"big\"\", red Tür\",1.5\nb.png,,\n";
        check("d/metadata.csv", csv.as_bytes());
        check(
            "x.csv",
            csv.replace("\",1.5", "\";1.5")
                .replace("file,text,size", "file;text;size")
                .replace("png,", "png;")
                .replace(";,", ";;")
                .as_bytes(),
        );
        check("x.csv", &encoding_rs::WINDOWS_1252.encode(&csv[3..]).0);
        check("x.csv", tsv.as_bytes());
        check("x.csv", b"sep=;\nfile;text;size\na.png;\"a \"\"big\"\", red T\xc3\xbcr\";1.5\nb.png;;\n");
        let jsonl = "{\"file\":\"a.png\",\"text\":\"a \\\"big\\\", red Tür\",\"size\":1.5}\n{\"file\":\"b.png\",\"size\":null}\n";
        check("metadata.jsonl", jsonl.as_bytes());
    }

    #[test]
    fn bad_lines_are_told_with_their_numbers() {
        let t = parse("metadata.jsonl", b"{\"file\":\"a\"}\nnot json\n{\"x\":1}\n").unwrap();
        assert_eq!((t.len(), t.bad.iter().map(|b| b.0).collect::<Vec<_>>()), (2, vec![2]));
        assert_eq!(t.rows().map(|r| r.line).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(rows(&parse("x.csv", b"a,b\n1\n,2,3\n").unwrap()), [["1", ""], ["", "2"]]);
        assert_eq!(parse("captions.tsv", b"").unwrap().len(), 0);
        assert!(parse("x.tsv", &[0x7f, b'E', b'L', b'F', 0, 0, 0, 1, 2, 200, 9, 9, 9, 9]).is_err());
    }

    #[test]
    fn wide_tables_cost_no_more_than_their_bytes() {
        let header: String = (0..most_columns()).map(|i| format!("c{i}\t")).collect();
        let text = format!("{}\n{}", header.trim_end(), "x\n".repeat(50_000));
        let table = parse("x.tsv", text.as_bytes()).unwrap();
        assert_eq!((table.len(), table.cells.len(), table.texts.all.len()), (50_000, 50_000, 1));
        let wider = format!("{header}one more\nx\n");
        assert!(parse("x.tsv", wider.as_bytes()).unwrap_err().contains("columns"));
        assert!(parse("x.csv", wider.replace('\t', ",").as_bytes()).unwrap_err().contains("columns"));
        let keys: String = (0..=most_columns()).map(|i| format!("{{\"k{i}\":1}}\n")).collect();
        assert!(parse("x.jsonl", keys.as_bytes()).unwrap_err().contains("columns"));
    }
}
