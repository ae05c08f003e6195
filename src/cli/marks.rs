//! `latent-studio data label|weight|tag|exclude|marks|undo|redo`: what is set for pictures of a data set.

use clap::Args;
use serde_json::json;

use super::versions::{named, open};
use super::{print_json, print_line, say};
use crate::base::paths::Paths;
use crate::base::{Problem, Result};
use crate::data;
use crate::library::Library;
use crate::library::marks::MarkEdit;
use crate::recipe::DataRecipe;
use crate::recipe::marks::{Mark, Marks};
use crate::train::folder::RunFolder;
use crate::train::versions;

/// Which pictures of a source.
#[derive(Args)]
struct Which {
    /// A folder, zip, IDX or CIFAR file, …
    source: String,
    /// Names of pictures within it; * stands for any letters, ? for one
    names: Vec<String>,
    /// All that have this label now
    #[arg(long, value_name = "LABEL")]
    labelled: Option<String>,
    /// All that have this tag
    #[arg(long, value_name = "TAG")]
    tagged: Option<String>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Arguments of `data label`.
#[derive(Args)]
pub struct Label {
    #[command(flatten)]
    which: Which,
    /// The label
    #[arg(long = "as", value_name = "LABEL", required_unless_present_any = ["none", "source_label"])]
    label: Option<String>,
    /// No label
    #[arg(long, conflicts_with = "label")]
    none: bool,
    /// The label that the source gives them
    #[arg(long = "of-source", conflicts_with_all = ["label", "none"])]
    source_label: bool,
}

/// Arguments of `data weight`.
#[derive(Args)]
pub struct Weight {
    #[command(flatten)]
    which: Which,
    /// How often, against once for others: 0 (never) to 1000
    #[arg(long, value_name = "W", allow_hyphen_values = true)]
    to: f64,
}

/// Arguments of `data tag`.
#[derive(Args)]
pub struct Tag {
    #[command(flatten)]
    which: Which,
    /// Tag to add (repeatable)
    #[arg(long, required_unless_present = "remove")]
    add: Vec<String>,
    /// Tag to remove (repeatable)
    #[arg(long)]
    remove: Vec<String>,
}

/// Arguments of `data exclude`.
#[derive(Args)]
pub struct Exclude {
    #[command(flatten)]
    which: Which,
    /// Include them again
    #[arg(long)]
    include: bool,
}

/// Arguments of `data marks`, `data undo` and `data redo`.
#[derive(Args)]
pub struct Of {
    /// A folder, zip, IDX or CIFAR file, …
    source: String,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Whether a name fits a pattern with `*` and `?`.
fn fits(pattern: &[char], name: &[char]) -> bool {
    match (pattern.split_first(), name.split_first()) {
        (None, rest) => rest.is_none(),
        (Some(('*', rest)), _) => {
            // The shortest stretch first.
            (0..=name.len()).any(|n| fits(rest, &name[n..]))
        }
        (Some(('?', pattern)), Some((_, name))) => fits(pattern, name),
        (Some((a, pattern)), Some((b, name))) => a == b && fits(pattern, name),
        (Some(_), None) => false,
    }
}

impl Which {
    /// The source as the library calls it, and names of the pictures that are meant.
    fn find(&self, library: &Library) -> Result<(String, Vec<String>)> {
        if self.names.is_empty() && self.labelled.is_none() && self.tagged.is_none() && !self.all {
            return Err(Problem::usage("No pictures were named")
                .try_this("Give names (with * and ? if you like), --labelled LABEL, --tagged TAG or --all"));
        }
        let spec = named(&self.source);
        let source = data::open(&spec)?;
        let marks = library.marks(&spec)?;
        let patterns: Vec<Vec<char>> = self.names.iter().map(|n| n.chars().collect()).collect();
        let mut used = vec![false; patterns.len()];
        let mut names = Vec::new();
        for i in 0..source.len() {
            let name = source.name(i);
            let mark = marks.get(&name);
            let letters: Vec<char> = name.chars().collect();
            let mut called = self.all || patterns.is_empty();
            for (pattern, used) in patterns.iter().zip(&mut used) {
                if fits(pattern, &letters) {
                    (called, *used) = (true, true);
                }
            }
            let own = source.label(i).and_then(|l| source.labels().get(l as usize)).map(String::as_str);
            let labelled = self.labelled.as_deref().is_none_or(|l| Mark::label_over(mark, own) == Some(l));
            let tagged = self.tagged.as_ref().is_none_or(|t| mark.is_some_and(|m| m.tags.contains(t)));
            if called && labelled && tagged {
                names.push(name);
            }
        }
        let lost: Vec<&str> = self.names.iter().zip(used).filter(|(_, used)| !used).map(|(n, _)| n.as_str()).collect();
        if !lost.is_empty() {
            return Err(Problem::usage("The source has no pictures of these names")
                .of(lost.join(", "))
                .try_this("Names are those within the source, such as cats/1.png; nothing was changed"));
        }
        Ok((spec, names))
    }

    /// Does edits one after the other and says how many pictures they changed.
    fn edit(&self, paths: &Paths, edits: Vec<MarkEdit>) -> Result<()> {
        let library = open(paths)?;
        let (source, names) = self.find(&library)?;
        let mut changed = 0;
        for edit in edits {
            changed += library.mark(&source, &names, edit)?;
        }
        if self.json {
            return print_json(&json!({ "source": source, "pictures": names.len(), "changed": changed }));
        }
        print_line(&format!("pictures: {}, changes: {changed}", names.len()))
    }
}

impl Label {
    /// Labels pictures.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let label = if self.source_label { None } else { Some(self.label.clone().unwrap_or_default()) };
        if self.label.as_deref().is_some_and(|l| l.trim().is_empty()) {
            return Err(Problem::usage("A label needs a name").try_this("For no label give --none"));
        }
        self.which.edit(paths, vec![MarkEdit::Label(label)])
    }
}

impl Weight {
    /// Weights pictures.
    pub fn run(self, paths: &Paths) -> Result<()> {
        self.which.edit(paths, vec![MarkEdit::Weight(Some(self.to))])
    }
}

impl Tag {
    /// Tags pictures.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let (add, remove) = (self.add.iter().cloned(), self.remove.iter().cloned());
        self.which.edit(paths, add.map(MarkEdit::Tag).chain(remove.map(MarkEdit::Untag)).collect())
    }
}

impl Exclude {
    /// Leaves pictures out.
    pub fn run(self, paths: &Paths) -> Result<()> {
        self.which.edit(paths, vec![MarkEdit::Exclude(!self.include)])
    }
}

impl Of {
    /// Shows what is set.
    pub fn show(self, paths: &Paths) -> Result<()> {
        let source = named(&self.source);
        let marks = open(paths)?.marks(&source)?;
        if self.json {
            return print_json(&json!({ "source": source, "marks": marks }));
        }
        if marks.is_empty() {
            return print_line("Nothing was set for pictures of this source");
        }
        for (name, mark) in &marks {
            let label =
                mark.label.as_ref().map(|l| if l.is_empty() { "no label".into() } else { format!("label {l}") });
            let weight = mark.weight.map(|w| format!("weight {w}"));
            let tags = (!mark.tags.is_empty())
                .then(|| format!("tags {}", mark.tags.iter().cloned().collect::<Vec<_>>().join(", ")));
            let out = mark.excluded.then(|| "left out".to_owned());
            let all: Vec<String> = [label, weight, tags, out].into_iter().flatten().collect();
            print_line(&format!("{name}  {}", all.join("; ")))?;
        }
        Ok(())
    }

    /// Takes the last change back, or does it again.
    pub fn undo(self, paths: &Paths, back: bool) -> Result<()> {
        let source = named(&self.source);
        let did = open(paths)?.undo_marks(&source, back)?;
        if self.json {
            return print_json(&json!({ "source": source, "change": did, "taken back": back && did.is_some() }));
        }
        let nothing = if back { "There is nothing to take back" } else { "There is nothing to do again" };
        print_line(did.as_deref().unwrap_or(nothing))
    }
}

/// A new run on a source learns with the marks that the library has for it.
pub fn of_new_run(paths: &Paths, data: &mut DataRecipe) {
    match Library::open(&paths.library()).and_then(|library| library.marks(&data.source)) {
        Ok(marks) if marks.is_empty() => data.marks.clear(),
        Ok(marks) => data.set_marks(marks),
        Err(problem) => say(&problem.warning()),
    }
}

/// What a person should know of the marks of a run that goes on: it keeps those that it began with, unless others shall be
/// taken over. One that was begun with `--no-marks` stays without, whatever is accepted. A run that learned nothing yet
/// takes them as they are, and so does one whose pictures the library never knew any marks of.
///
/// # Errors
/// The recipe cannot be read or written.
pub fn at_resume(paths: &Paths, folder: &RunFolder, accept: bool) -> Result<Option<Problem>> {
    let recipe = folder.recipe()?;
    let source = &recipe.data.source;
    let set =
        Library::open(&paths.library()).and_then(|library| Ok((library.marks(source)?, library.ever_marked(source)?)));
    let (now, ever): (Marks, bool) = match set {
        Ok(set) => set,
        Err(problem) => return Ok(Some(problem.warning())),
    };
    let own = recipe.data.all_marks();
    let Some(how) = versions::differ(&own, &now).filter(|_| ever && folder.is_begun()) else { return Ok(None) };
    if folder.file()?.no_marks {
        let what = "This run was begun with --no-marks: what is set for its pictures does not count";
        let remedy =
            format!("`latent-studio data marks {source}` lists it; a new run without --no-marks learns with it");
        return Ok(Some(Problem::data(what).of(source).because(how).try_this(remedy).info()));
    }
    let what = match (own.is_empty(), now.is_empty()) {
        (true, _) => {
            "This run was begun when nothing was set for its pictures (labels, weights, tags, exclusions); now something is"
        }
        (_, true) => "This run was begun with labels, weights, tags or exclusions of its pictures; now none is set",
        _ => "Labels, weights, tags or exclusions of this run's pictures changed since it began",
    };
    let problem = Problem::data(what).of(source).because(how);
    Ok(Some(if accept {
        versions::take_over(folder, now)?;
        problem.try_this("It goes on with what is set now, as --accept-data asks").warning()
    } else {
        problem.try_this("It goes on as it began; --accept-data takes over what is set now").info()
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::Recipe;
    use crate::train::folder::RunFile;

    /// A run that learned something from pictures with these marks, and a library.
    fn begun(dir: &std::path::Path, marks: Marks) -> (Paths, Library, RunFolder) {
        let paths = Paths::under(dir);
        let library = Library::open(&paths.library()).unwrap();
        let mut recipe = Recipe::default();
        recipe.data.source = "/p".into();
        recipe.data.set_marks(marks);
        let folder = RunFolder::create(&dir.join("run"), &recipe, None, "cpu").unwrap();
        std::fs::create_dir_all(folder.checkpoints_dir().join("000000000008")).unwrap();
        (paths, library, folder)
    }

    fn mark() -> Mark {
        Mark { weight: Some(2.0), ..Mark::default() }
    }

    #[test]
    fn a_run_with_marks_goes_on_with_them_and_says_when_they_are_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (paths, library, folder) = begun(dir.path(), Marks::from([("a".into(), mark())]));
        let own = || folder.recipe().unwrap().data.all_marks();
        assert_eq!(at_resume(&paths, &folder, true).unwrap(), None, "the library never knew of any");
        library.mark("/p", &["a".into()], MarkEdit::Weight(Some(2.0))).unwrap();
        assert_eq!(at_resume(&paths, &folder, true).unwrap(), None, "the same");
        library.mark("/p", &["a".into()], MarkEdit::Clear).unwrap();
        let told = at_resume(&paths, &folder, false).unwrap().unwrap();
        assert!(told.what.contains("now none is set") && told.remedy.unwrap().contains("--accept-data"));
        assert_eq!(own().len(), 1, "nothing is taken away unasked");
        let told = at_resume(&paths, &folder, true).unwrap().unwrap();
        assert!(told.remedy.unwrap().contains("--accept-data") && own().is_empty());
        assert_eq!(at_resume(&paths, &folder, false).unwrap(), None);
    }

    #[test]
    fn a_run_without_marks_stays_without_unless_they_are_accepted() {
        let dir = tempfile::tempdir().unwrap();
        let (paths, library, folder) = begun(dir.path(), Marks::new());
        let own = || folder.recipe().unwrap().data.all_marks();
        library.mark("/p", &["a".into()], MarkEdit::Weight(Some(2.0))).unwrap();
        let told = at_resume(&paths, &folder, false).unwrap().unwrap();
        assert!(told.what.contains("now something is") && own().is_empty());
        // One that was asked to be without is not given them by an answer about its pictures.
        folder.write_file(&RunFile { no_marks: true, ..folder.file().unwrap() }).unwrap();
        for accept in [false, true] {
            let told = at_resume(&paths, &folder, accept).unwrap().unwrap();
            assert!(told.what.contains("--no-marks") && told.remedy.unwrap().contains("data marks /p"));
            assert!(own().is_empty());
        }
        folder.write_file(&RunFile { no_marks: false, ..folder.file().unwrap() }).unwrap();
        at_resume(&paths, &folder, true).unwrap().unwrap();
        assert_eq!(own(), Marks::from([("a".into(), mark())]));
    }

    #[test]
    fn names_fit_patterns() {
        let fits = |pattern: &str, name: &str| {
            super::fits(&pattern.chars().collect::<Vec<_>>(), &name.chars().collect::<Vec<_>>())
        };
        assert!(fits("cats/*.png", "cats/1.png") && fits("*", "") && fits("a?c*", "abc") && fits("**x", "x"));
        assert!(!fits("cats/*.png", "cats/1.jpg") && !fits("a", "ab") && !fits("?", ""));
    }
}
