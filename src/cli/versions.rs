//! `latent-studio data versions|diff|export|import`: versions of data sets, and DVC.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use super::{print_json, print_line, watched};
use crate::base::paths::Paths;
use crate::base::problem::some_of;
use crate::base::{Problem, Result, vault};
use crate::data::{self, dvc, manifest::Manifest};
use crate::library::Library;
use crate::recipe::Reading;

/// Names that are shown of each kind of difference.
const SHOWN: usize = 20;

/// Arguments of `data versions`.
#[derive(Args)]
pub struct Versions {
    /// A folder, zip, IDX or CIFAR file, …; versions of all sources without
    source: Option<String>,
    /// Call the version that is there now by this name
    #[arg(long, requires = "source")]
    tag: Option<String>,
    /// Begin a branch of this name at the version that is there now; what is noted next goes on with it
    #[arg(long, value_name = "NAME", requires = "source")]
    branch: Option<String>,
    /// Go back to this version, by hash, tag or branch: labels, weights, tags and exclusions become those that it had, and
    /// pictures that it did not have are left out
    #[arg(long, value_name = "NAME", requires = "source", conflicts_with_all = ["tag", "branch"])]
    restore: Option<String>,
    /// One JSON object a version
    #[arg(long)]
    json: bool,
}

/// Arguments of `data diff`.
#[derive(Args)]
pub struct Difference {
    /// The earlier one: the hash, tag or branch of a version, a file of one (version-….manifest of a run), or a source
    earlier: String,
    /// The later one
    later: String,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Arguments of `data export`.
#[derive(Args)]
pub struct Export {
    /// A folder or a file
    source: String,
    /// As DVC 3 keeps it
    #[arg(long, required = true)]
    dvc: bool,
    /// The DVC project; made if there is none
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Arguments of `data import`.
#[derive(Args)]
pub struct Import {
    /// A .dvc file
    #[arg(value_name = "FILE.dvc")]
    file: PathBuf,
    /// Folder to bring it into
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// What a source is called in the library: the same wherever one stands.
pub(super) fn named(source: &str) -> String {
    data::absolute(&data::typed(source).0)
}

impl Versions {
    /// Notes the version that is there now, and lists all.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let library = open(paths)?;
        let source = self.source.as_deref().map(named);
        if let Some(source) = &source {
            let base = Manifest::kept(source, Reading::default(), &paths.prepared(), &watched(self.json))?;
            let version = library.note_version(source, &base.marked(&library.marks(source)?))?;
            library.keep_thumbs_of(source, Reading::default(), &base, &watched(self.json))?;
            if let Some(tag) = &self.tag {
                library.tag_version(&version, tag)?;
            }
            if let Some(branch) = &self.branch {
                library.branch_version(&version, branch)?;
            }
            if let Some(name) = &self.restore {
                return self.restore(&library, source, name, &base);
            }
        }
        let all = library.versions(source.as_deref())?;
        if self.json {
            return all.iter().try_for_each(print_json);
        }
        let head = source.as_deref().map(|s| library.head(s)).transpose()?.flatten();
        let branches = source.as_deref().map(|s| library.branches(s)).transpose()?.unwrap_or_default();
        for version in all {
            let date = jiff::Timestamp::from_second(version.made).map(|t| t.strftime("%Y-%m-%d %H:%M").to_string());
            let tags = if version.tags.is_empty() { String::new() } else { format!("  {}", version.tags.join(", ")) };
            let on: Vec<&str> =
                branches.iter().filter(|(_, hash)| *hash == version.hash).map(|(name, _)| name.as_str()).collect();
            let on = if on.is_empty() { String::new() } else { format!("  branch {}", on.join(", ")) };
            let at = if head.as_ref().is_some_and(|(hash, _)| *hash == version.hash) { "*" } else { " " };
            print_line(&format!(
                "{at}{}  {}  {:>7} pictures  {}{tags}{on}",
                &version.hash[..12],
                date.unwrap_or_default(),
                version.pictures,
                version.source
            ))?;
        }
        Ok(())
    }
}

impl Versions {
    /// Goes back to a version and says what that could not bring back.
    fn restore(&self, library: &Library, source: &str, name: &str, base: &Manifest) -> Result<()> {
        let version = library.find_version(name, Some(source))?.ok_or_else(|| {
            Problem::usage("This source has no version of this name")
                .of(name)
                .try_this("`latent-studio data versions SRC` lists them")
        })?;
        let restored = library.restore_version(&version, name, base)?;
        if self.json {
            return print_json(&json!({ "version": version.hash, "restored": restored }));
        }
        print_line(&format!("back at {}: {} pictures marked otherwise", &version.hash[..12], restored.marks))?;
        for (what, names) in [
            ("left out, they were not there then", &restored.left_out),
            ("gone", &restored.missing),
            ("with other contents", &restored.replaced),
        ] {
            if !names.is_empty() {
                print_line(&format!("{} {what}: {}", names.len(), some_of(names, SHOWN)))?;
            }
        }
        Ok(())
    }
}

pub(super) fn open(paths: &Paths) -> Result<Library> {
    let (library, problem) = Library::open_or_repair(&paths.library())?;
    problem.iter().for_each(super::say);
    Ok(library)
}

/// A version by its hash, tag or branch, of the source `beside` it if that has one of this name, or a source as it is now.
fn version(library: &Library, paths: &Paths, text: &str, beside: &str, json: bool) -> Result<(String, Manifest)> {
    let of_it = library.find_version(text, Some(&named(beside)))?;
    if let Some(version) = of_it.map_or_else(|| library.find_version(text, None), |v| Ok(Some(v)))? {
        return Ok((version.hash.clone(), library.manifest(&version.hash)?));
    }
    if Path::new(text).extension().is_some_and(|ending| ending == "manifest") {
        let file = Path::new(text);
        let bytes = vault::read(file).map_err(|e| Problem::io("This version could not be read", file, &e))?;
        let manifest = Manifest::unpack(&bytes).filter(|manifest| !manifest.entries.is_empty()).ok_or_else(|| {
            Problem::data("This is no version of a data set, or it is damaged")
                .of(text)
                .try_this("Choose a version-….manifest of a run's folder")
        })?;
        return Ok((manifest.hash(), manifest));
    }
    let source = named(text);
    if !data::is_there(&source) {
        return Err(Problem::data("There is no version and no source of this name")
            .of(text)
            .try_this("`latent-studio data versions` lists the versions"));
    }
    let base = Manifest::kept(&source, Reading::default(), &paths.prepared(), &watched(json))?;
    library.keep_thumbs_of(&source, Reading::default(), &base, &watched(json))?;
    let manifest = base.marked(&library.marks(&source)?);
    Ok((manifest.hash(), manifest))
}

impl Difference {
    /// Shows how two versions differ.
    pub fn run(self, paths: &Paths) -> Result<()> {
        let library = open(paths)?;
        let (earlier, old) = version(&library, paths, &self.earlier, &self.later, self.json)?;
        let (later, new) = version(&library, paths, &self.later, &self.earlier, self.json)?;
        let diff = library.compare_versions(&old, &new)?;
        if self.json {
            return print_json(&json!({ "earlier": earlier, "later": later, "same": diff.is_empty(), "diff": diff }));
        }
        print_line(&format!("of {} pictures: {}", old.entries.len(), diff.sentence()))?;
        for kind in diff.kinds(usize::MAX) {
            let told: Vec<&str> = kind.pictures.iter().map(|(_, told)| told.as_str()).collect();
            print_line(&format!("{:14} {}", kind.title.to_lowercase(), some_of(&told, SHOWN)))?;
        }
        Ok(())
    }
}

impl Export {
    /// Hands a folder to DVC.
    pub fn run(self) -> Result<()> {
        let moved = dvc::export(&self.source, &self.out, &watched(self.json))?;
        if self.json {
            return print_json(&moved);
        }
        print_line(&format!("{}  {} files, {} bytes", moved.path.display(), moved.files, moved.bytes))
    }
}

impl Import {
    /// Brings in what a `.dvc` file names.
    pub fn run(self) -> Result<()> {
        let moved = dvc::import(&self.file, &self.out, &watched(self.json))?;
        if self.json {
            return print_json(&moved);
        }
        print_line(&format!("{}  {} files, {} bytes", moved.path.display(), moved.files, moved.bytes))
    }
}
