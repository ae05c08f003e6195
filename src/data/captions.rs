//! Tables beside the pictures: `captions.tsv`, `metadata.csv`, `metadata.jsonl`, or any such file with a column of
//! file names.
//!
//! A row names a picture (`file` or `file_name`) and may give a caption (`caption` or `text`) and a `label`; every
//! further column is a factor. TSV has a header line and no quoting; CSV quotes; JSONL has one object a line.

use super::decode::extension;

/// A table that was read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Table {
    /// Its own name within the source.
    pub name: String,
    /// Names of the factor columns.
    pub columns: Vec<String>,
    /// Its rows.
    pub rows: Vec<Row>,
    /// Lines that could not be understood: number (from 1) and reason.
    pub bad: Vec<(usize, String)>,
}

/// What a table says of one picture.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Row {
    /// The picture, relative to the table.
    pub file: String,
    /// Caption.
    pub caption: Option<String>,
    /// Label.
    pub label: Option<String>,
    /// One value for each factor column; empty where unknown.
    pub factors: Vec<String>,
}

/// Largest table that is read.
pub(super) const MAX_TABLE: u64 = 256 << 20;

/// Whether a file of this name may be a table.
pub(super) fn may_be_table(name: &str) -> bool {
    matches!(extension(name).as_str(), "tsv" | "csv" | "jsonl")
}

/// Whether this name promises a table, so that one without file names is worth a word.
fn is_promised(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
    matches!(base.as_str(), "captions.tsv" | "metadata.csv" | "metadata.jsonl")
}

/// Reads a table. `Ok(None)` if the file is a table of something else.
///
/// # Errors
/// A file that is called like a table of captions has no column of file names.
pub(super) fn parse(name: &str, bytes: &[u8]) -> Result<Option<Table>, String> {
    let text = String::from_utf8_lossy(bytes);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut table = Table { name: name.into(), ..Table::default() };
    let found = match extension(name).as_str() {
        "tsv" => {
            let mut lines = text.lines().map(|line| line.split('\t').map(str::to_owned).collect());
            let header = lines.next().unwrap_or_default();
            fill(&mut table, header, lines.enumerate().map(|(i, row)| (i + 2, Ok(row))))
        }
        "csv" => {
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let mut records = reader
                .records()
                .map(|r| r.map(|r| r.iter().map(str::to_owned).collect::<Vec<_>>()).map_err(|e| e.to_string()));
            let header = records.next().and_then(Result::ok).unwrap_or_default();
            fill(&mut table, header, records.enumerate().map(|(i, row)| (i + 2, row)))
        }
        _ => {
            let (header, rows, bad) = objects(text);
            table.bad = bad;
            fill(&mut table, header, rows.into_iter().map(|(i, row)| (i, Ok(row))))
        }
    };
    match found {
        true => Ok(Some(table)),
        false if is_promised(name) => Err("It has no column `file` or `file_name`".into()),
        false => Ok(None),
    }
}

/// Objects one a line, as a header and rows.
type Objects = (Vec<String>, Vec<(usize, Vec<String>)>, Vec<(usize, String)>);

fn objects(text: &str) -> Objects {
    let (mut header, mut rows, mut bad) = (Vec::<String>::new(), Vec::new(), Vec::new());
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(line) {
            Err(e) => bad.push((i + 1, format!("it is no JSON object: {e}"))),
            Ok(object) => {
                let mut row = vec![String::new(); header.len()];
                for (key, value) in object {
                    let text = match value {
                        serde_json::Value::Null => String::new(),
                        serde_json::Value::String(s) => s,
                        other => other.to_string(),
                    };
                    match header.iter().position(|h| *h == key) {
                        Some(column) => row[column] = text,
                        None => {
                            header.push(key);
                            row.push(text);
                        }
                    }
                }
                rows.push((i + 1, row));
            }
        }
    }
    (header, rows, bad)
}

/// Sorts the columns of raw rows; `false` without a column of file names.
fn fill(
    table: &mut Table,
    header: Vec<String>,
    rows: impl Iterator<Item = (usize, Result<Vec<String>, String>)>,
) -> bool {
    let find = |names: &[&str]| names.iter().find_map(|n| header.iter().position(|h| h.trim().eq_ignore_ascii_case(n)));
    let Some(file) = find(&["file", "file_name", "filename"]) else { return false };
    let (caption, label) = (find(&["caption", "text"]), find(&["label"]));
    let others: Vec<usize> =
        (0..header.len()).filter(|&c| c != file && Some(c) != caption && Some(c) != label).collect();
    table.columns = others.iter().map(|&c| header[c].trim().to_owned()).collect();
    for (line, row) in rows {
        let row = match row {
            Ok(row) => row,
            Err(reason) => {
                table.bad.push((line, reason));
                continue;
            }
        };
        let cell = |c: usize| row.get(c).map(|s| s.trim()).unwrap_or_default();
        let some = |c: Option<usize>| c.map(cell).filter(|s| !s.is_empty()).map(str::to_owned);
        if row.iter().all(|s| s.trim().is_empty()) {
            continue;
        }
        if cell(file).is_empty() {
            table.bad.push((line, "it names no file".into()));
            continue;
        }
        table.rows.push(Row {
            file: cell(file).into(),
            caption: some(caption),
            label: some(label),
            factors: others.iter().map(|&c| cell(c).into()).collect(),
        });
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str) {
        let t = parse(name, text.as_bytes()).unwrap().unwrap();
        assert_eq!(t.columns, ["size"], "{name}");
        assert_eq!(t.rows.len(), 2, "{name}");
        assert_eq!(t.rows[0].file, "a.png");
        assert_eq!(t.rows[0].caption.as_deref(), Some("a \"big\", red one"));
        assert_eq!(t.rows[0].label.as_deref(), Some("3"));
        assert_eq!(t.rows[0].factors, ["1.5"]);
        assert_eq!(t.rows[1], Row { file: "b.png".into(), factors: vec![String::new()], ..Row::default() });
    }

    #[test]
    fn the_three_formats_say_the_same() {
        check("captions.tsv", "file\tcaption\tsize\tlabel\r\na.png\ta \"big\", red one\t1.5\t3\r\nb.png\n\n");
        check(
            "d/metadata.csv",
            "\u{feff}file_name,text,label,size\na.png,\"a \"\"big\"\", red one\",3,1.5\nb.png,,,\n",
        );
        check(
            "metadata.jsonl",
            "{\"file_name\":\"a.png\",\"text\":\"a \\\"big\\\", red one\",\"label\":3,\"size\":1.5}\n{\"file_name\":\"b.png\",\"size\":null}\n",
        );
    }

    #[test]
    fn bad_lines_are_told_and_other_tables_left_alone() {
        let t = parse("metadata.jsonl", b"{\"file\":\"a\"}\nnot json\n{\"x\":1}\n").unwrap().unwrap();
        assert_eq!(t.rows.len(), 1);
        assert_eq!(t.bad.iter().map(|b| b.0).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(parse("prices.csv", b"a,b\n1,2\n").unwrap(), None);
        assert!(parse("metadata.csv", b"a,b\n1,2\n").is_err());
        assert!(parse("captions.tsv", b"").is_err());
        assert!(parse("captions.tsv", &[0xff, 0xfe, 0, 9, 13]).is_err());
    }
}
