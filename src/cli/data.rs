//! `latent-studio data`.

use clap::Subcommand;
use serde_json::json;

use super::{marks, print_json, print_line, versions, watched};
use crate::base::paths::{Paths, free_bytes};
use crate::base::{Problem, Result};
use crate::data;
use crate::library::Library;
use crate::recipe::Reading;

/// Tasks of `data`.
#[derive(Subcommand)]
pub enum Data {
    /// Count pictures, sizes, labels, broken files and duplicates
    Survey {
        /// A folder, zip, tar, IDX or CIFAR file, `emoji`, `emoji:smileys`, `shapes`, …; several folders or pictures one a line
        source: String,
        /// What classes are taken from: a table or telling folders, the folders of the first level, the folder each
        /// picture lies in, a table alone, or nothing
        #[arg(long, value_name = "FROM", value_parser = ["auto", "folders", "parent", "table", "none"], default_value = "auto")]
        classes: String,
        /// As one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Set the label of pictures
    Label(marks::Label),
    /// Set how often pictures are drawn while training
    Weight(marks::Weight),
    /// Add tags to pictures, or remove them
    Tag(marks::Tag),
    /// Leave pictures out, or include them again
    Exclude(marks::Exclude),
    /// Show what was set for pictures of a source
    Marks(marks::Of),
    /// Take the last change to labels, weights, tags or exclusions of a source back
    Undo(marks::Of),
    /// Do again what was taken back last
    Redo(marks::Of),
    /// Note what each picture of a source is now, and list the versions that were noted
    Versions(versions::Versions),
    /// Show how two versions differ: versions by hash or tag, or sources as they are now
    Diff(versions::Difference),
    /// Hand a folder to DVC: its .dvc file, and its contents in the cache of a project
    Export(versions::Export),
    /// Bring in what a .dvc file names
    Import(versions::Import),
    /// Sources that come with the studio, and those used before
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

impl Data {
    /// Runs the task.
    pub fn run(self, paths: &Paths) -> Result<()> {
        match self {
            Self::Survey { source, classes, json } => survey(paths, &source, &classes, json),
            Self::Label(task) => task.run(paths),
            Self::Weight(task) => task.run(paths),
            Self::Tag(task) => task.run(paths),
            Self::Exclude(task) => task.run(paths),
            Self::Marks(task) => task.show(paths),
            Self::Undo(task) => task.undo(paths, true),
            Self::Redo(task) => task.undo(paths, false),
            Self::Versions(task) => task.run(paths),
            Self::Diff(task) => task.run(paths),
            Self::Export(task) => task.run(),
            Self::Import(task) => task.run(),
            Self::List { json } => list(paths, json),
        }
    }
}

fn survey(paths: &Paths, source: &str, classes: &str, json: bool) -> Result<()> {
    let classes = serde_json::from_value(json!(classes))
        .map_err(|e| Problem::usage("Classes cannot be taken from this").of(classes).because(e))?;
    let (source, taken) = data::typed(source);
    let mut s = data::survey(&source, Reading { classes, ..Reading::default() }, &watched(json))?;
    s.guesses.splice(0..0, taken);
    // The window and `data list` offer it again; without a library it is surveyed all the same.
    if let Err(problem) = Library::open(&paths.library()).and_then(|l| l.note_dataset(&source, s.entries.len() as u64))
    {
        log::warn!("the data set could not be noted in the library: {problem}");
    }
    let extra: usize = s.duplicates.iter().map(|g| g.entries.len() - 1).sum();
    if json {
        let mut counts = vec![0u64; s.labels.len()];
        for entry in &s.entries {
            if let Some(count) = entry.label.and_then(|l| counts.get_mut(l as usize)) {
                *count += 1;
            }
        }
        let labels: Vec<_> =
            s.labels.iter().zip(counts).map(|(name, count)| json!({ "name": name, "count": count })).collect();
        let sizes: Vec<_> = s.sizes.iter().map(|(w, h, n)| json!({ "width": w, "height": h, "count": n })).collect();
        let duplicates: Vec<_> = s
            .duplicates
            .iter()
            .map(|g| {
                let files: Vec<_> =
                    g.entries.iter().filter_map(|&i| s.entries.get(i as usize)).map(|e| e.name.as_str()).collect();
                json!({ "files": files, "exact": g.exact })
            })
            .collect();
        let blank: Vec<&str> =
            s.blank.iter().filter_map(|&i| s.entries.get(i as usize)).map(|e| e.name.as_str()).collect();
        return print_json(&json!({
            "source": s.source, "kind": s.kind, "pictures": s.entries.len(), "broken": s.broken,
            "duplicates": duplicates, "labels": labels, "sizes": sizes, "factors": s.factors,
            "grey": s.grey, "transparent": s.transparent, "blank": blank, "bytes": s.bytes, "guesses": s.guesses,
            "generated": s.generated(),
        }));
    }
    print_line(&format!("{} pictures in {} ({})", s.entries.len(), s.source, s.kind))?;
    let sizes: Vec<String> = s.sizes.iter().take(6).map(|(w, h, n)| format!("{w}×{h} ({n})")).collect();
    print_line(&format!("sizes        {}", sizes.join(", ")))?;
    print_line(&format!("grey         {}", s.grey))?;
    print_line(&format!("transparent  {}", s.transparent))?;
    print_line(&format!("blank        {}", s.blank.len()))?;
    if !s.labels.is_empty() {
        print_line(&format!(
            "labels       {} ({})",
            s.labels.len(),
            s.labels.iter().take(8).cloned().collect::<Vec<_>>().join(", ")
        ))?;
    }
    let needed = data::prepared_bytes(&crate::recipe::DataRecipe::default(), s.entries.len() as u64);
    let mib = |bytes: u64| bytes.div_ceil(1 << 20);
    let free = free_bytes(&paths.prepared()).map_or_else(String::new, |f| format!(", {} MiB free", mib(f)));
    print_line(&format!("space        {} MiB prepared at 32 px{free}", mib(needed)))?;
    print_line(&format!("duplicates   {extra} in {} groups", s.duplicates.len()))?;
    for (i, guess) in s.guesses.iter().enumerate() {
        print_line(&format!("{}  {guess}", if i == 0 { "assumed    " } else { "           " }))?;
    }
    print_line(&format!("broken       {}", s.broken.len()))?;
    for b in &s.told {
        print_line(&format!("  {}: {}", b.file, b.reason))?;
    }
    Ok(())
}

fn list(paths: &Paths, json: bool) -> Result<()> {
    let (library, _) = Library::open_or_repair(&paths.library())?;
    let used = library.datasets()?;
    if json {
        let built_in = ["emoji", "emoji:smileys", "emoji:faces", data::FASHION, "shapes"];
        return print_json(&json!({ "built_in": built_in, "used": used }));
    }
    print_line("emoji            Twemoji pictures")?;
    print_line("emoji:smileys    a group or subgroup of them; emoji:faces for faces only")?;
    print_line("fashion          5,000 pictures of clothes, the first of Fashion-MNIST")?;
    print_line("shapes           drawn from known factors; shapes:N for N pictures")?;
    for set in used {
        print_line(&format!("{}    {} pictures", set.source, set.pictures))?;
    }
    Ok(())
}
