//! Forks: a run that goes on from a checkpoint of another, with a change or without.
//!
//! A fork begins with everything that its checkpoint holds (weights, optimisers, random streams), so one without a change
//! equals the run that it came from to the last bit, and whatever differs comes from the change. It keeps the history up to
//! there. Files that both have are one on disk where the file system can link them.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::folder::{RunFile, RunFolder, Status};
use super::report::{CheckpointInfo, Origin, RunEvent, RunProgress, RunState};
use super::{checkpoint, preview, script, telemetry, versions};
use crate::base::vault;
use crate::base::{Problem, Result};
use crate::recipe::{Recipe, json_path};

/// Makes a run in `to` that goes on from the newest checkpoint of `from` with at most `images` pictures seen (from its last
/// one without), with settings changed by assignments such as `optim.lr=0.0002`.
///
/// # Errors
/// There is no such checkpoint or it is damaged; a change is unknown, out of range, or would make other networks or other
/// pictures; a run is in `to` already; the disk is full.
pub fn fork(from: &RunFolder, images: Option<u64>, to: &Path, changes: &[String]) -> Result<RunFolder> {
    let chosen = chosen(from, images)?;
    let loaded = checkpoint::load(&chosen.path)?;
    let file = chosen.path.join("recipe.json");
    let text = vault::read_to_string(&file).map_err(|e| Problem::io("This checkpoint could not be read", &file, &e))?;
    let old = Recipe::from_json(&text).map_err(|p| p.of(file.display().to_string()))?;
    let mut recipe = old.clone();
    for change in changes {
        json_path::assign(&mut recipe, change)?;
    }
    // A run that reached its end has nothing left to do: its fork does as much again.
    let own_length = changes.iter().any(|change| change.trim_start().starts_with("run.kimg"));
    let at = chosen.images as f64 / 1000.0;
    if !own_length && recipe.run.kimg <= at {
        recipe.run.kimg += at;
    }
    recipe.validate()?;
    if (&recipe.model, &recipe.data, recipe.seed) != (&old.model, &old.data, old.seed) {
        return Err(Problem::usage("A fork goes on with the networks, pictures and random streams of its run")
            .of(changes.join(", "))
            .try_this(
                "Change settings of the objective, the optimiser or the run; for others start a run with --from",
            ));
    }
    if to.exists() && fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Problem::usage("There is something in this folder already")
            .of(to.display().to_string())
            .try_this("Choose another folder for the fork"));
    }
    recipe.name = to.file_name().map_or_else(|| old.name.clone(), |n| n.to_string_lossy().into_owned());
    // As they were written: a schedule that is constant stays a number.
    let value = |text: &str| serde_json::from_str(text).unwrap_or_else(|_| text.into());
    let written = changes.iter().filter_map(|change| change.split_once('='));
    let changes = written.map(|(key, text)| (key.trim().to_owned(), value(text.trim()))).collect();
    let parent = from.file()?;
    let origin = Origin {
        id: parent.id.clone(),
        run: fs::canonicalize(from.dir()).unwrap_or_else(|_| from.dir().into()),
        images: chosen.images,
        state: loaded.saved.sums.as_ref().map(|sums| sums.state.clone()),
        changes,
    };
    let made = RunFolder::create(to, &recipe, parent.from.as_deref(), &parent.device)?;
    let filled = fill(from, &made, &chosen).and_then(|()| {
        let (data, no_marks) = (parent.data, parent.no_marks);
        made.write_file(&RunFile { origin: Some(origin), data, no_marks, ..made.file()? })
    });
    if let Err(problem) = filled {
        // It is not half there.
        let _ = fs::remove_dir_all(to);
        return Err(problem);
    }
    Ok(made)
}

/// What a fork is called: its run's name and what it changes, or where it parts.
pub fn title(name: &str, images: u64, changes: &[String]) -> String {
    let short = |change: &String| {
        let (key, value) = change.split_once('=').unwrap_or((change, ""));
        format!("{} {}", key.trim().rsplit('.').next().unwrap_or_default(), value.trim()).trim_end().to_owned()
    };
    let each: Vec<String> = changes.iter().map(short).collect();
    if each.is_empty() {
        return format!("{name} · from {} kimg", images as f64 / 1000.0);
    }
    format!("{name} · {}", each.join(", "))
}

/// The checkpoint to begin from.
fn chosen(from: &RunFolder, images: Option<u64>) -> Result<CheckpointInfo> {
    let kept = from.checkpoints();
    let places: Vec<String> = kept.iter().map(|c| format!("{}", c.images as f64 / 1000.0)).collect();
    kept.into_iter().rev().find(|c| images.is_none_or(|most| c.images <= most)).ok_or_else(|| {
        let problem = Problem::usage("There is no checkpoint to fork from").of(from.dir().display().to_string());
        if places.is_empty() {
            problem.try_this("Wait for its first checkpoint, or save one")
        } else {
            problem.try_this(format!("It has checkpoints at {} kimg", places.join(", ")))
        }
    })
}

/// History and checkpoint, as far as the fork has them in common with its run.
fn fill(from: &RunFolder, to: &RunFolder, at: &CheckpointInfo) -> Result<()> {
    let name = at.path.file_name().map_or_else(|| format!("{:012}", at.images).into(), ToOwned::to_owned);
    let target = to.checkpoints_dir().join(name);
    let beside = to.checkpoints_dir().join("forking");
    fs::create_dir_all(&beside).map_err(|e| Problem::io("The fork could not be made", &beside, &e))?;
    for entry in fs::read_dir(&at.path).into_iter().flatten().filter_map(|e| e.ok()) {
        share(&entry.path(), &beside.join(entry.file_name()))?;
    }
    fs::rename(&beside, &target).map_err(|e| Problem::io("The fork could not be made", &target, &e))?;
    for hash in versions::seen(from) {
        let manifest = versions::path(from, &hash);
        if manifest.is_file() {
            share(&manifest, &versions::path(to, &hash))?;
        }
    }
    let ledger = from.dir().join("data.json");
    if ledger.exists() {
        share(&ledger, &to.dir().join("data.json"))?;
    }
    for images in from.previews().into_iter().filter(|&images| images <= at.images) {
        let file = preview::path(&from.previews_dir(), images);
        share(&file, &preview::path(&to.previews_dir(), images))?;
    }
    let mut log = to.append_telemetry()?;
    let recipe = to.recipe()?;
    let mut step = 0;
    for event in from.history() {
        if let RunEvent::Reading(reading) = &event
            && reading.images <= at.images
        {
            step = reading.step + (at.images - reading.images) / u64::from(recipe.optim.batch.max(1));
        }
        let shared = match &event {
            RunEvent::Reading(reading) => reading.images <= at.images,
            RunEvent::Preview { images } => *images <= at.images,
            RunEvent::Finding(finding) => finding.images <= at.images,
            // Its edits are part of the fork's recipe.
            _ => false,
        };
        if shared {
            telemetry::append(&mut log, &event).map_err(|e| Problem::io("The fork could not be made", to.dir(), &e))?;
        }
    }
    to.write_edits(&[])?;
    // What a script has yet to do is done here too; what it did is part of the fork's recipe.
    let rest: Vec<_> = script::of(from)?.into_iter().filter(|step| step.images > at.images).collect();
    if !rest.is_empty() {
        script::keep(to, &rest)?;
    }
    let status = Status {
        state: RunState::Stopped,
        progress: RunProgress {
            step,
            images: at.images,
            target: (recipe.run.kimg * 1000.0).round() as u64,
            ..Default::default()
        },
        problem: None,
    };
    to.write_status(&status)
}

/// One file in two places; a copy where it cannot be linked. Files of a run are replaced, never written into.
fn share(from: &Path, to: &Path) -> Result<()> {
    let fail = |e: std::io::Error| Problem::io("The fork could not be made", to, &e);
    // Between an encrypted library and what lies outside, the content is copied.
    let alike = vault::seals(from).map_err(fail)? == vault::seals(to).map_err(fail)?;
    if alike && fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    vault::copy(from, to).map(|_| ()).map_err(fail)
}

/// A run among those that came from each other.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Branch {
    /// Its folder.
    pub run: PathBuf,
    /// Its name.
    pub name: String,
    /// Pictures seen so far.
    pub images: u64,
    /// The best score of its checkpoints; lower is better.
    pub score: Option<f64>,
    /// Where it came from.
    pub origin: Option<Origin>,
    /// Its place among the others: how many forks lie between it and the run that all came from.
    pub depth: usize,
}

/// Runs below these folders, each after the one that it came from. What cannot be read is left out.
pub fn tree(folders: &[PathBuf]) -> Vec<Branch> {
    let mut runs: Vec<(PathBuf, Branch)> = Vec::new();
    for folder in folders {
        let inside = fs::read_dir(folder).into_iter().flatten().filter_map(|e| e.ok()).map(|e| e.path());
        for dir in std::iter::once(folder.clone()).chain(inside).filter(|dir| RunFolder::is_run(dir)) {
            let whole = fs::canonicalize(&dir).unwrap_or_else(|_| dir.clone());
            let Ok(run) = RunFolder::open(&dir) else { continue };
            let Ok(summary) = run.summary() else { continue };
            if runs.iter().any(|r| r.0 == whole) {
                continue;
            }
            let score = summary.checkpoints.iter().filter_map(|c| c.score).min_by(f64::total_cmp);
            let branch = Branch {
                run: dir,
                name: summary.name,
                images: summary.progress.images,
                score,
                origin: summary.origin,
                depth: 0,
            };
            runs.push((whole, branch));
        }
    }
    runs.sort_by(|a, b| a.0.cmp(&b.0));
    let mut out = Vec::with_capacity(runs.len());
    let known: Vec<PathBuf> = runs.iter().map(|r| r.0.clone()).collect();
    let whole = |o: &Origin| fs::canonicalize(&o.run).unwrap_or_else(|_| o.run.clone());
    let is_root = |b: &Branch| b.origin.as_ref().is_none_or(|o| !known.contains(&whole(o)));
    let mut waiting: Vec<(usize, usize)> =
        runs.iter().enumerate().filter(|(_, r)| is_root(&r.1)).map(|(i, _)| (i, 0)).rev().collect();
    while let Some((i, depth)) = waiting.pop() {
        let mine = |r: &Branch| r.origin.as_ref().is_some_and(|o| whole(o) == runs[i].0);
        let mut children: Vec<usize> = (0..runs.len()).filter(|&j| j != i && mine(&runs[j].1)).collect();
        children.sort_by_key(|&j| std::cmp::Reverse(runs[j].1.origin.as_ref().map_or(0, |o| o.images)));
        waiting.extend(children.into_iter().map(|j| (j, depth + 1)));
        out.push(Branch { depth, ..runs[i].1.clone() });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::session::{self, Options, Outcome};

    fn world() -> (tempfile::TempDir, RunFolder) {
        let dir = tempfile::tempdir().unwrap();
        let pictures = dir.path().join("pictures");
        fs::create_dir_all(&pictures).unwrap();
        for v in 0..10u8 {
            let picture = image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([v * 20, (x * 15) as u8, (y * 15) as u8]));
            picture.save(pictures.join(format!("{v}.png"))).unwrap();
        }
        let mut r = Recipe::default();
        r.model.id = "mlp-gan".into();
        (r.model.width, r.model.narrow, r.model.latent) = (8, 8, 2);
        (r.data.source, r.data.resolution) = (pictures.to_str().unwrap().into(), 16.into());
        r.optim.batch = 4;
        (r.run.kimg, r.run.checkpoint_kimg, r.run.preview_kimg, r.run.keep) = (0.024, 0.008, 0.008, 9);
        r.run.telemetry_steps = 1;
        let run = RunFolder::create(&dir.path().join("run"), &r, None, "cpu").unwrap();
        (dir, run)
    }

    fn train(dir: &Path, run: &RunFolder) {
        let mut sink = |_: &RunEvent| {};
        let done = session::run(run, Options::new(dir.join("cache"), "cpu", &mut sink)).unwrap();
        assert_eq!(done, Outcome::Finished);
    }

    fn hash(run: &RunFolder, images: u64) -> String {
        let kept = run.checkpoints().into_iter().find(|c| c.images == images).unwrap();
        checkpoint::load(&kept.path).unwrap().weights.hash()
    }

    #[test]
    fn a_fork_without_a_change_equals_its_run_and_one_with_a_change_parts_from_there() {
        let (dir, run) = world();
        train(dir.path(), &run);
        let same = fork(&run, Some(9), &dir.path().join("same"), &[]).unwrap();
        assert_eq!(same.checkpoints().iter().map(|c| c.images).collect::<Vec<_>>(), [8]);
        let progress = same.summary().unwrap().progress;
        let batch = u64::from(same.recipe().unwrap().optim.batch);
        assert_eq!((progress.images, progress.step), (8, 8 / batch), "it stands where the checkpoint does");
        train(dir.path(), &same);
        assert_eq!(hash(&same, 24), hash(&run, 24));

        let slower = fork(&run, Some(16), &dir.path().join("slower"), &["optim.lr=0.00001".into()]).unwrap();
        assert_eq!(hash(&slower, 16), hash(&run, 16));
        let places = |run: &RunFolder| -> Vec<u64> {
            let of = |e| if let RunEvent::Reading(r) = e { Some(r.images) } else { None };
            run.history().into_iter().filter_map(of).filter(|&i| i <= 16).collect()
        };
        assert_eq!((places(&slower), slower.previews()), (places(&run), vec![0, 8, 16]));
        train(dir.path(), &slower);
        assert_ne!(hash(&slower, 24), hash(&run, 24));

        let end = fork(&run, None, &dir.path().join("end"), &[]).unwrap();
        assert_eq!(end.recipe().unwrap().run.kimg, 0.048, "as much again");
        fs::remove_dir_all(end.dir()).unwrap();

        let tree = tree(&[dir.path().into()]);
        let rows: Vec<(&str, usize)> = tree.iter().map(|b| (b.name.as_str(), b.depth)).collect();
        assert_eq!(rows, [("run", 0), ("same", 1), ("slower", 1)]);
        let origin = tree[2].origin.clone().unwrap();
        assert_eq!((origin.images, origin.changes), (16, vec![("optim.lr".into(), serde_json::json!(0.00001))]));
        assert_eq!(origin.state, Some(hash(&run, 16)));
    }

    #[test]
    fn a_fork_is_called_by_what_it_changes() {
        assert_eq!(title("faces", 8000, &["optim.lr=0.0001".into()]), "faces · lr 0.0001");
        let two = ["optim.lr = 0.1".into(), "objective.gamma=2".into()];
        assert_eq!(title("faces · lr 1", 8000, &two), "faces · lr 1 · lr 0.1, gamma 2");
        assert_eq!(title("faces", 8500, &[]), "faces · from 8.5 kimg");
    }

    #[test]
    fn what_makes_no_fork_is_refused_and_leaves_nothing() {
        let (dir, run) = world();
        let to = dir.path().join("fork");
        let refused = |images, changes: &[&str]| {
            let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
            let problem = fork(&run, images, &to, &changes).unwrap_err();
            assert!(!to.exists(), "{problem}");
            problem.to_string()
        };
        assert!(refused(None, &[]).contains("no checkpoint"));
        train(dir.path(), &run);
        assert!(refused(Some(4), &[]).contains("0.008, 0.016, 0.024 kimg"));
        assert!(refused(None, &["model.width=16"]).contains("networks, pictures"));
        assert!(refused(None, &["data.mirror=true"]).contains("networks, pictures"));
        assert!(refused(None, &["optim.lr=-1"]).contains("out of range"));
        assert!(refused(None, &["optim.rl=1"]).contains("Did you mean"));
        let problem = fork(&run, None, run.dir(), &[]).unwrap_err();
        assert!(problem.to_string().contains("already") && run.checkpoints().len() == 3);
    }
}
