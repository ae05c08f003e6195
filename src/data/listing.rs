//! What folders and zips share: which files are pictures, and what folders and tables say of them.

use std::collections::{BTreeSet, HashMap};

use super::captions::{self, MAX_TABLE, Table};
use super::dataset_json;
use super::decode::{EXTENSIONS, extension, not_a_picture, sniff};
use super::formats;
use super::guess::Guess;
use super::limits::{self, Bounded};
use super::report::BrokenFile;
use super::sidecars;
use super::structure::{self, Layout};
use super::table_join::{self, Joined, Understood};
use crate::recipe::{Classes, Reading};

/// What a file is by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Looks {
    /// A picture; if it is none, that is worth telling.
    Picture,
    /// A table of captions, perhaps.
    Table,
    /// A text of its own for a picture, or annotations, perhaps.
    Text,
    /// Something that keeps pictures company; used only if it is a picture after all.
    Company,
    /// Anything else; told if it is no picture.
    Unknown,
}

/// What a file is by its name within the source (with `/`).
fn looks(name: &str) -> Looks {
    let extension = extension(name);
    if EXTENSIONS.contains(&extension.as_str()) {
        return Looks::Picture;
    }
    if captions::may_be_table(name) || dataset_json::may_be(name) {
        return Looks::Table;
    }
    if sidecars::may_be(name) {
        return Looks::Text;
    }
    const COMPANY: &[&str] = &[
        "", "md", "rst", "html", "htm", "css", "js", "py", "xml", "yml", "yaml", "toml", "ini", "cfg", "log", "lock",
        "sh", "license",
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
    /// A text of its own for a picture, or annotations, perhaps.
    Text,
    /// Nothing, and that is not worth telling.
    Nothing,
}

/// The table in a file that may be one; nothing if it is a table of something else.
pub(super) fn table_of(name: &str, bytes: &[u8]) -> Result<Option<Table>, String> {
    if dataset_json::may_be(name) { dataset_json::parse(name, bytes) } else { captions::parse(name, bytes).map(Some) }
}

/// What a file of this name and size is good for; `head` reads its first bytes where the name does not tell. `Err` is a
/// reason worth telling.
pub(super) fn use_of(name: &str, size: u64, head: impl FnOnce() -> Result<Vec<u8>, String>) -> Result<Use, String> {
    match looks(name) {
        Looks::Picture => Ok(Use::Picture),
        Looks::Table if size > most_of_table(name) => Err("This table is too large".into()),
        Looks::Table => Ok(Use::Table),
        unsure => by_content(unsure, name, &head()?).map(|picture| match unsure {
            _ if picture => Use::Picture,
            Looks::Text => Use::Text,
            _ => Use::Nothing,
        }),
    }
}

fn most_of_table(name: &str) -> u64 {
    if dataset_json::may_be(name) { limits::work(Bounded::DatasetJson, u64::MAX) } else { MAX_TABLE }
}

/// Whether a file that does not look like a picture is one by its first bytes; `Err` if that is worth telling.
fn by_content(looks: Looks, name: &str, head: &[u8]) -> Result<bool, String> {
    if let Some(reason) = formats::reason(name, head) {
        return Err(reason);
    }
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
    /// The kinds of each factor that is a category; none for a quantity.
    pub categories: Vec<Vec<String>>,
    /// What cannot be used, sorted by name.
    pub broken: Vec<BrokenFile>,
    /// What was assumed about them.
    pub guesses: Vec<Guess>,
    /// Changes with the classes where they are not what first-level folders and tables say; empty otherwise.
    pub(super) understood: String,
    names: Vec<String>,
    label: Vec<Option<u32>>,
    caption: Vec<Option<String>>,
    factors: Vec<f64>,
}

impl Listing {
    /// Pictures of these names, in this order, with what tables and folders say of them; and the places of those that
    /// are listed: masks and copies may be left out.
    pub(super) fn new(
        names: Vec<String>,
        tables: &[Table],
        mut broken: Vec<BrokenFile>,
        reading: &Reading,
    ) -> (Self, Vec<usize>) {
        let classes = reading.classes;
        let layout = match classes {
            Classes::Folders => Layout::default(),
            _ => structure::guessed(&names),
        };
        let left_out = |i: usize| layout.left_out.get(i).copied().unwrap_or_default();
        let places: Vec<usize> = (0..names.len()).filter(|&i| !left_out(i)).collect();
        let folders: Vec<Option<String>> = places.iter().map(|&i| layout.label.get(i).cloned().flatten()).collect();
        let names: Vec<String> = places.iter().map(|&i| names[i].clone()).collect();
        // As it was before there was a choice, a column is one of labels only if it is called so.
        let understood = Understood { columns: &reading.columns, narrow: classes == Classes::Folders };
        let joined = table_join::joined(&names, tables, &mut broken, understood);
        let Joined { given, factor_names, categories, caption, factors, guesses: of_tables } = joined;
        let from_table = given.iter().any(Option::is_some);
        let before = overruled(structure::by_first(&names), &given);
        let (label, origin) = match classes {
            Classes::Folders => (before.clone(), if from_table { "folders and a table" } else { "folders" }),
            Classes::Parent => (structure::by_parent(&names), "the folders pictures lie in"),
            Classes::None => (vec![None; names.len()], ""),
            Classes::Table => (given, "a table"),
            Classes::Auto if from_table => (given, "a table"),
            Classes::Auto => (folders, "folders"),
        };
        let mut understood = if label == before { String::new() } else { digest(&label) };
        if !factor_names.is_empty() {
            understood.push_str(&format!("{factor_names:?} {categories:?}"));
        }
        let (labels, label) = coded(&label);
        let mut guesses = layout.guesses;
        guesses.extend(origin_of(&labels, origin, &before));
        guesses.extend(of_tables);
        broken.sort_by(|a, b| a.file.cmp(&b.file));
        (Self { labels, factor_names, categories, broken, guesses, understood, names, label, caption, factors }, places)
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

/// Labels of folders, with those that a table gives in their place.
fn overruled(folders: Vec<Option<String>>, given: &[Option<String>]) -> Vec<Option<String>> {
    folders.into_iter().zip(given).map(|(folder, given)| given.clone().or(folder)).collect()
}

fn digest(label: &[Option<String>]) -> String {
    let mut hasher = blake3::Hasher::new();
    for label in label {
        // No label is told from an empty one.
        hasher.update(&label.as_ref().map_or(u64::MAX, |l| l.len() as u64).to_le_bytes());
        hasher.update(label.as_deref().unwrap_or_default().as_bytes());
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

/// Says what the classes are taken from.
fn origin_of(labels: &[String], origin: &str, before: &[Option<String>]) -> Option<Guess> {
    let setting = structure::SETTING;
    if labels.is_empty() {
        let folders: BTreeSet<&str> = before.iter().flatten().map(String::as_str).collect();
        return (!folders.is_empty()).then(|| {
            Guess::new("The pictures have no classes")
                .changed_by(setting, format!("To take the folders of the first level set {setting} to folders"))
        });
    }
    let n = labels.len();
    let what = if n == 1 { "1 class is".to_owned() } else { format!("{n} classes are") };
    Some(
        Guess::new(format!("{what} taken from {origin}: {}", structure::listed(labels)))
            .changed_by(setting, format!("For other classes set {setting} to folders, parent, table or none")),
    )
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::captions::parse;

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|s| (*s).to_owned()).collect()
    }

    fn list(files: &[&str], tables: &[Table], classes: Classes) -> Listing {
        Listing::new(names(files), tables, Vec::new(), &reading(classes)).0
    }

    fn reading(classes: Classes) -> Reading {
        Reading { classes, ..Reading::default() }
    }

    #[test]
    fn first_level_folders_are_labels_below_what_is_common() {
        for classes in [Classes::Auto, Classes::Folders] {
            let n = list(&["a/x.png", "b/deep/y.png", "z.png"], &[], classes);
            assert_eq!(n.labels, ["a", "b"]);
            assert_eq!((n.label(0), n.label(1), n.label(2)), (Some(0), Some(1), None));
            assert!(n.understood.is_empty(), "the same set as before there was a choice");
            assert!(n.guesses[0].what.contains("2 classes are taken from folders: a and b"), "{:?}", n.guesses);
            let n = list(&["top/a/x.png", "top/b/y.png"], &[], classes);
            assert_eq!(n.labels, ["a", "b"]);
            let n = list(&["only/x.png", "only/y.png"], &[], classes);
            assert!(n.labels.is_empty() && n.guesses.is_empty());
        }
    }

    #[test]
    fn what_classes_are_taken_from_is_said_and_can_be_changed() {
        let files = ["train/cat/1.png", "train/dog/2.png", "val/cat/3.png"];
        let labels = |classes| list(&files, &[], classes).labels;
        assert_eq!(labels(Classes::Auto), ["cat", "dog"]);
        assert_eq!(labels(Classes::Folders), ["train", "val"]);
        assert_eq!(labels(Classes::Parent), ["cat", "dog"]);
        assert!(labels(Classes::None).is_empty() && labels(Classes::Table).is_empty());
        assert!(list(&files, &[], Classes::Folders).understood.is_empty());
        assert!(!list(&files, &[], Classes::Auto).understood.is_empty());
        let n = list(&files, &[], Classes::None);
        assert!(n.guesses.iter().any(|g| g.what == "The pictures have no classes" && g.setting.is_some()));
    }

    #[test]
    fn a_table_of_labels_ends_the_guess_from_folders() {
        let table = parse("captions.tsv", b"file\tlabel\na/1.png\tred\nb/2.png\tblue\n").unwrap();
        let tables = [table];
        let files = ["a/1.png", "b/2.png", "b/3.png"];
        let n = list(&files, &tables, Classes::Auto);
        assert_eq!(n.labels, ["blue", "red"]);
        assert_eq!((n.label(0), n.label(2)), (Some(1), None), "folder names do not join");
        assert!(n.guesses[0].what.contains("from a table"), "{:?}", n.guesses);
        // As it was before there was a choice.
        assert_eq!(list(&files, &tables, Classes::Folders).labels, ["b", "blue", "red"]);
        assert_eq!(list(&files, &tables, Classes::Parent).labels, ["a", "b"]);
        // A table without labels leaves the folders their say.
        let captions = parse("captions.tsv", b"file\tcaption\na/1.png\tred\n").unwrap();
        assert_eq!(list(&files, &[captions], Classes::Auto).labels, ["a", "b"]);
    }

    #[test]
    fn what_is_left_out_is_in_no_place() {
        let files = names(&["images/1.jpg", "images/2.jpg", "masks/1.png", "masks/2.png"]);
        let (n, places) = Listing::new(files.clone(), &[], Vec::new(), &reading(Classes::Auto));
        assert_eq!((n.len(), places), (2, vec![0, 1]));
        assert_eq!((n.name(1), n.guesses[0].count), ("images/2.jpg", 2));
        let (n, places) = Listing::new(files, &[], Vec::new(), &reading(Classes::Folders));
        assert_eq!((n.labels, places), (names(&["images", "masks"]), vec![0, 1, 2, 3]));
    }

    #[test]
    fn tables_find_their_pictures() {
        let t = parse(
            "in/captions.tsv",
            b"file\tcaption\tlabel\tsize\nx.png\tEx\t10\t1.5\nimages/y.png\tWhy\t9\t\ngone.png\t\t\t\n",
        );
        let tables = [t.unwrap()];
        let n = list(&["in/x.png", "in/pics/y.png", "q.png"], &tables, Classes::Auto);
        assert_eq!(n.labels, ["9", "10"], "labels that are numbers are sorted by value");
        assert_eq!((n.label(0), n.label(1), n.label(2)), (Some(1), Some(0), None));
        assert_eq!(n.caption(1).as_deref(), Some("Why"));
        assert_eq!((n.factor_names.as_slice(), n.categories.len()), (&["size".to_owned()][..], 1));
        assert_eq!(n.factors(0), [1.5]);
        assert!(n.factors(1)[0].is_nan());
        assert!(n.factors(2).iter().all(|f| f.is_nan()));
        assert_eq!(n.broken.len(), 1);
        assert_eq!(n.broken[0].file, "in/gone.png");
    }

    #[test]
    fn names_tell_what_files_are() {
        assert_eq!(looks("a/b.PNG"), Looks::Picture);
        assert_eq!(looks(".b.png"), Looks::Picture, "what is hidden is decided by who lists it");
        assert_eq!((looks("x/dataset.json"), looks("x/other.json")), (Looks::Table, Looks::Text));
        assert_eq!(looks("nouns.tsv"), Looks::Table);
        assert_eq!(looks("README.md"), Looks::Company);
        assert_eq!(looks("a.heic"), Looks::Unknown);
        assert_eq!(by_content(Looks::Company, "x.txt", b"\x89PNG\r\n\x1a\n"), Ok(true));
        assert_eq!(by_content(Looks::Company, "x.txt", b"text"), Ok(false));
        assert!(by_content(Looks::Unknown, "x.y", b"text").is_err());
    }
}
