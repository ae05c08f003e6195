//! What folders and zips share: which files are pictures, and what folders and tables say of them.

use std::collections::{BTreeSet, HashMap};

use super::captions::{self, MAX_TABLE, Table};
use super::decode::{EXTENSIONS, extension, not_a_picture, sniff};
use super::report::BrokenFile;

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// A picture; if it is none, that is worth telling.
    Picture,
    /// A table of captions, perhaps.
    Table,
    /// Something that keeps pictures company; used only if it is a picture after all.
    Company,
    /// Anything else; told if it is no picture.
    Unknown,
    /// A file of the system.
    Hidden,
}

/// Whether a file is the system's own, by its name within the source.
pub(super) fn is_hidden(name: &str) -> bool {
    let hidden = |part: &str| {
        (part.starts_with('.') && part != "." && part != "..")
            || part == "__MACOSX"
            || matches!(part, "Thumbs.db" | "desktop.ini" | "Icon\r")
    };
    name.split('/').any(hidden)
}

/// What a file is by its name within the source (with `/`).
fn looks(name: &str) -> Looks {
    if is_hidden(name) {
        return Looks::Hidden;
    }
    let extension = extension(name);
    if EXTENSIONS.contains(&extension.as_str()) {
        return Looks::Picture;
    }
    if captions::may_be_table(name) {
        return Looks::Table;
    }
    const COMPANY: &[&str] = &[
        "", "txt", "md", "rst", "json", "html", "htm", "css", "js", "py", "xml", "yml", "yaml", "toml", "ini", "cfg",
        "log", "lock", "sh", "license",
    ];
    if COMPANY.contains(&extension.as_str()) { Looks::Company } else { Looks::Unknown }
}

/// What a file is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// A picture.
    Picture,
    /// A table of captions, perhaps.
    Table,
    /// Nothing, and that is not worth telling.
    Nothing,
}

/// What a file of this name and size is good for; `head` reads its first bytes where the name does not tell. `Err` is a
/// reason worth telling.
pub(super) fn use_of(name: &str, size: u64, head: impl FnOnce() -> Result<Vec<u8>, String>) -> Result<Use, String> {
    match looks(name) {
        Looks::Hidden => Ok(Use::Nothing),
        Looks::Picture => Ok(Use::Picture),
        Looks::Table if size > MAX_TABLE => Err("This table is too large".into()),
        Looks::Table => Ok(Use::Table),
        unsure => by_content(unsure, &head()?).map(|picture| if picture { Use::Picture } else { Use::Nothing }),
    }
}

/// Whether a file that does not look like a picture is one by its first bytes; `Err` if that is worth telling.
fn by_content(looks: Looks, head: &[u8]) -> Result<bool, String> {
    match sniff(head) {
        Some(_) => Ok(true),
        None if looks == Looks::Unknown && head.is_empty() => Err("The file is empty".into()),
        None if looks == Looks::Unknown => Err(not_a_picture(head)),
        None => Ok(false),
    }
}

/// The pictures of a folder or zip by name, with what is known of them.
#[derive(Debug, Default)]
pub struct Listing {
    /// Names of labels, sorted.
    pub labels: Vec<String>,
    /// Names of factors.
    pub factor_names: Vec<String>,
    /// What cannot be used, sorted by name.
    pub broken: Vec<BrokenFile>,
    names: Vec<String>,
    label: Vec<Option<u32>>,
    caption: Vec<Option<String>>,
    factors: Vec<f64>,
}

impl Listing {
    /// Pictures of these names, in this order, with what tables and folders say of them.
    pub(super) fn new(names: Vec<String>, tables: &[Table], mut broken: Vec<BrokenFile>) -> Self {
        let known = annotate(&names, tables, &mut broken);
        broken.sort_by(|a, b| a.file.cmp(&b.file));
        Self { names, broken, ..known }
    }

    /// How many pictures there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Name of a picture.
    pub fn name(&self, i: usize) -> &str {
        &self.names[i]
    }

    /// Label of a picture.
    pub fn label(&self, i: usize) -> Option<u32> {
        self.label[i]
    }

    /// Caption of a picture.
    pub fn caption(&self, i: usize) -> Option<String> {
        self.caption[i].clone()
    }

    /// Factors of a picture.
    pub fn factors(&self, i: usize) -> Vec<f64> {
        let n = self.factor_names.len();
        self.factors[i * n..(i + 1) * n].to_vec()
    }
}

/// At most this many rows of a table that name no picture are told one by one.
const TOLD: usize = 50;

/// Joins names of pictures with tables. Rows that name no picture go to `broken`, unless `broken` names it already.
fn annotate(names: &[String], tables: &[Table], broken: &mut Vec<BrokenFile>) -> Listing {
    let mut label: Vec<Option<String>> = folder_labels(names);
    let mut caption = vec![None; names.len()];
    let mut factor_names: Vec<String> = Vec::new();
    for table in tables {
        for column in &table.columns {
            if !factor_names.contains(column) {
                factor_names.push(column.clone());
            }
        }
    }
    let mut cells: Vec<Vec<Option<String>>> = vec![vec![None; names.len()]; factor_names.len()];
    let joined = if tables.is_empty() { &[] } else { names };
    let by_name: HashMap<&str, usize> = joined.iter().enumerate().map(|(i, n)| (n.as_str(), i)).collect();
    let by_base = unique_bases(joined);
    for table in tables {
        let folder = table.name.rsplit_once('/').map(|(folder, _)| folder);
        let columns: Vec<usize> =
            table.columns.iter().filter_map(|c| factor_names.iter().position(|f| f == c)).collect();
        let mut lost = 0;
        for row in &table.rows {
            let file = row.file.replace('\\', "/");
            let file = file.strip_prefix("./").unwrap_or(&file);
            let path = folder.map_or_else(|| file.to_owned(), |folder| format!("{folder}/{file}"));
            let base = file.rsplit('/').next().unwrap_or(file);
            let place = by_name.get(path.as_str()).or_else(|| by_base.get(base)?.as_ref()).copied();
            let Some(i) = place else {
                lost += 1;
                if lost <= TOLD && !broken.iter().any(|b| b.file == path) {
                    let reason = format!("{} names it, but there is no such picture", table.name);
                    broken.push(BrokenFile { file: path, reason });
                }
                continue;
            };
            if row.label.is_some() {
                label[i].clone_from(&row.label);
            }
            if row.caption.is_some() {
                caption[i].clone_from(&row.caption);
            }
            for (&column, value) in columns.iter().zip(&row.factors).filter(|(_, v)| !v.is_empty()) {
                cells[column][i] = Some(value.clone());
            }
        }
        if lost > TOLD {
            let reason = format!("It names {} more pictures that are not there", lost - TOLD);
            broken.push(BrokenFile { file: table.name.clone(), reason });
        }
        for (line, reason) in table.bad.iter().take(TOLD) {
            broken.push(BrokenFile {
                file: format!("{}:{line}", table.name),
                reason: format!("Line left out: {reason}"),
            });
        }
    }
    let (labels, label) = coded(&label);
    let columns: Vec<Vec<f64>> = cells.iter().map(|column| numbers(column)).collect();
    let factors = (0..names.len()).flat_map(|i| columns.iter().map(move |c| c[i])).collect();
    Listing { labels, factor_names, label, caption, factors, ..Listing::default() }
}

/// Labels by first-level folders; a folder that holds everything is no label.
fn folder_labels(names: &[String]) -> Vec<Option<String>> {
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

fn unique_bases(names: &[String]) -> HashMap<&str, Option<usize>> {
    let mut bases = HashMap::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let base = name.rsplit('/').next().unwrap_or(name);
        bases.entry(base).and_modify(|place| *place = None).or_insert(Some(i));
    }
    bases
}

/// Sorted names (numbers by value) and the place of each among them.
fn coded(values: &[Option<String>]) -> (Vec<String>, Vec<Option<u32>>) {
    let distinct: BTreeSet<&str> = values.iter().flatten().map(String::as_str).collect();
    let mut names: Vec<String> = distinct.into_iter().map(str::to_owned).collect();
    names.sort_by_cached_key(|n| (n.parse::<u64>().unwrap_or(u64::MAX), n.clone()));
    let place: HashMap<&str, u32> = names.iter().enumerate().map(|(i, n)| (n.as_str(), i as u32)).collect();
    let coded = values.iter().map(|v| v.as_deref().and_then(|v| place.get(v).copied())).collect();
    (names, coded)
}

/// A column as numbers; text is coded by its place among the sorted values.
fn numbers(column: &[Option<String>]) -> Vec<f64> {
    let parsed: Option<Vec<f64>> = column
        .iter()
        .map(|cell| match cell {
            None => Some(f64::NAN),
            Some(text) => text.parse::<f64>().ok().filter(|v| v.is_finite()),
        })
        .collect();
    parsed.unwrap_or_else(|| coded(column).1.iter().map(|c| c.map_or(f64::NAN, f64::from)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::captions::parse;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn first_level_folders_are_labels_below_what_is_common() {
        let n = annotate(&names(&["a/x.png", "b/deep/y.png", "z.png"]), &[], &mut Vec::new());
        assert_eq!(n.labels, ["a", "b"]);
        assert_eq!((n.label(0), n.label(1), n.label(2)), (Some(0), Some(1), None));
        let n = annotate(&names(&["top/a/x.png", "top/b/y.png"]), &[], &mut Vec::new());
        assert_eq!(n.labels, ["a", "b"]);
        let n = annotate(&names(&["only/x.png", "only/y.png"]), &[], &mut Vec::new());
        assert!(n.labels.is_empty());
    }

    #[test]
    fn tables_find_their_pictures() {
        let t = parse(
            "in/captions.tsv",
            b"file\tcaption\tlabel\tsize\tmood\nx.png\tEx\t10\t1.5\tglad\nimages/y.png\tWhy\t9\t\tsad\ngone.png\t\t\t\t\n",
        );
        let mut broken = Vec::new();
        let n = annotate(&names(&["in/x.png", "in/pics/y.png", "q.png"]), &[t.unwrap().unwrap()], &mut broken);
        assert_eq!(n.labels, ["9", "10"], "labels that are numbers are sorted by value");
        assert_eq!((n.label(0), n.label(1), n.label(2)), (Some(1), Some(0), None));
        assert_eq!(n.caption(1).as_deref(), Some("Why"));
        assert_eq!(n.factor_names, ["size", "mood"]);
        assert_eq!(n.factors(0), [1.5, 0.0]);
        assert!(n.factors(1)[0].is_nan() && n.factors(1)[1] == 1.0);
        assert!(n.factors(2).iter().all(|f| f.is_nan()));
        assert_eq!(broken.len(), 1);
        assert_eq!(broken[0].file, "in/gone.png");
    }

    #[test]
    fn names_tell_what_files_are() {
        assert_eq!(looks("a/b.PNG"), Looks::Picture);
        assert_eq!(looks("__MACOSX/a.png"), Looks::Hidden);
        assert_eq!(looks("a/.b.png"), Looks::Hidden);
        assert_eq!(looks("nouns.tsv"), Looks::Table);
        assert_eq!(looks("README.md"), Looks::Company);
        assert_eq!(looks("a.heic"), Looks::Unknown);
        assert_eq!(by_content(Looks::Company, b"\x89PNG\r\n\x1a\n"), Ok(true));
        assert_eq!(by_content(Looks::Company, b"text"), Ok(false));
        assert!(by_content(Looks::Unknown, b"text").is_err());
    }
}
