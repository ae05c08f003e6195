//! What a run has before its first step: its prepared pictures, and what its model says of itself.

use std::path::Path;

use super::folder::RunFolder;
use super::identity;
use super::report::RunEvent;
use super::reporter::Reporter;
use super::versions;
use crate::base::progress::Watched;
use crate::base::{Cancel, Channels, Kind, Problem, Result};
use crate::data::manifest::Manifest;
use crate::data::report::told;
use crate::data::{self, Prepared};
use crate::models::info::ModelInfo;
use crate::models::photo_net;
use crate::recipe::{DataRecipe, ModelRecipe, Recipe};

/// The prepared pictures of a run, made now if they are not there; the run's folder says how far that is.
///
/// # Errors
/// There are none, or none any more.
pub(super) fn prepare(reporter: &mut Reporter<'_>, recipe: &Recipe, cache: &Path, stop: &Cancel) -> Result<Prepared> {
    // Told from worker threads; passed on from this one.
    let (send, receive) = crossbeam_channel::bounded::<(String, u64, u64)>(64);
    let watch = Watched::new(stop.clone(), move |stage: &str, done: u64, total: u64| {
        let _ = send.try_send((stage.into(), done, total));
    });
    let data = recipe.data.clone();
    let cache = cache.to_path_buf();
    let prepared = std::thread::scope(|scope| {
        let worker = std::thread::Builder::new()
            .name("prepare".into())
            .spawn_scoped(scope, move || data::prepare(&data, &cache, &watch))
            .map_err(|e| Problem::failed("A thread could not be started").because(e))?;
        for (stage, done, total) in receive {
            if reporter.due() {
                reporter.progress.stage = if total > 0 { format!("{stage} {done} of {total}") } else { stage };
                reporter.status(None);
            }
        }
        worker.join().unwrap_or_else(|_| Err(Problem::failed("Preparing the pictures failed unexpectedly")))
    })
    .map_err(|problem| identity::missing(reporter.folder, &recipe.data.source, problem))?;
    if !prepared.broken().is_empty() {
        let list = told(prepared.broken(), 6);
        let names: Vec<String> = list.iter().map(|b| format!("{}: {}", b.file, b.reason)).collect();
        let what = match prepared.broken().len() {
            1 => "1 file could not be used and is left out".to_owned(),
            n => format!("{n} files could not be used and are left out"),
        };
        let note = Problem::data(what).because(names.join("; ")).warning();
        reporter.tell(&RunEvent::Message(note));
    }
    for guess in prepared.guesses() {
        let note = Problem::data(guess.what.clone()).info();
        reporter.tell(&RunEvent::Message(match &guess.otherwise {
            Some(otherwise) => note.try_this(otherwise.clone()),
            None => note,
        }));
    }
    Ok(prepared)
}

/// Notes the version of the data set that the run sees. Returns what a person should know of it. A run goes on where that
/// is not known.
///
/// # Errors
/// The run was ended meanwhile.
pub(super) fn see_version(
    reporter: &mut Reporter<'_>,
    data: &DataRecipe,
    cache: &Path,
    stop: &Cancel,
) -> Result<Option<Problem>> {
    if data.channels == Channels::Points {
        return Ok(None);
    }
    reporter.progress.stage = "Noting the version of the data".into();
    reporter.status(None);
    let watch = Watched::new(stop.clone(), |_: &str, _: u64, _: u64| {});
    let noted = Manifest::kept(&data.source, data.reading(), cache, &watch)
        .and_then(|base| versions::note(reporter.folder, &base.marked(&data.all_marks())));
    match noted {
        Err(problem) if problem.kind == Kind::Interrupted => Err(problem),
        Err(problem) => Ok(Some(problem.warning())),
        Ok(note) => Ok(note),
    }
}

/// A conditional model learns the labels that its data have. One that learned some already keeps them: they are carried
/// by name, wherever they stand in the data now.
///
/// # Errors
/// The data have no labels, or some that the model never learned.
pub(super) fn learn_labels(recipe: &mut Recipe, prepared: Prepared, learned: Option<Vec<String>>) -> Result<Prepared> {
    if !recipe.model.conditional {
        return Ok(prepared);
    }
    if let Some(learned) = learned.filter(|l| !l.is_empty()) {
        let foreign = (0..prepared.len())
            .filter_map(|i| prepared.labels().get(prepared.label(i)? as usize))
            .any(|label| !learned.contains(label));
        if foreign {
            return Err(Problem::data("The classes of these pictures are others than those the run learned")
                .of(&recipe.data.source)
                .because(format!("learned: {}; found: {}", learned.join(", "), prepared.labels().join(", ")))
                .try_this(
                    "Give the classes their names back, or start a new run from this one's model: it carries classes \
                     over by name and begins new ones afresh",
                ));
        }
        let named = prepared.with_labels(&learned);
        recipe.model.classes = learned;
        return Ok(named);
    }
    if prepared.labels().len() < 2 {
        return Err(Problem::data("These pictures have no labels to learn")
            .of("model.conditional")
            .because(format!("{} labels found", prepared.labels().len()))
            .try_this("Sort the pictures into one folder for each class, or switch off “Learn the labels”"));
    }
    recipe.model.classes = prepared.labels().to_vec();
    Ok(prepared)
}

/// A run that looks through a fixed network does so through one and the same for all of its steps: the recipe names the hash
/// of its weights.
///
/// # Errors
/// The network's file is missing or damaged, or the run began with other weights than those that come with this version.
pub(super) fn name_features(recipe: &mut Recipe, learned: Option<&ModelRecipe>) -> Result<()> {
    if !recipe.looks_through_photos() {
        return Ok(());
    }
    let begun = learned.map_or(&recipe.model.features, |model| &model.features);
    recipe.model.features = photo_net::same_as(begun)?.into();
    Ok(())
}

/// What lists and snapshots say of the model.
pub(super) fn model_info(folder: &RunFolder, recipe: &Recipe) -> ModelInfo {
    let name = folder.dir().file_name().map_or_else(String::new, |n| n.to_string_lossy().into_owned());
    let info = ModelInfo::of(recipe, String::new());
    if info.name.is_empty() { ModelInfo { name, ..info } } else { info }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::progress::Quiet;
    use crate::recipe::FeatureSpace;

    fn prepared(dir: &Path, classes: &[&str]) -> Prepared {
        let source = dir.join(classes.join("-"));
        for (i, class) in classes.iter().enumerate() {
            std::fs::create_dir_all(source.join(class)).unwrap();
            for k in 0..3u8 {
                let path = source.join(class).join(format!("{k}.png"));
                image::RgbImage::from_pixel(16, 16, image::Rgb([k * 9, i as u8, class.len() as u8]))
                    .save(path)
                    .unwrap();
            }
        }
        let mut recipe = Recipe::default();
        recipe.data.source = source.to_str().unwrap().into();
        recipe.data.resolution = 16.into();
        data::prepare(&recipe.data, &dir.join("cache"), &Quiet::default()).unwrap()
    }

    #[test]
    fn a_critic_looks_through_one_network_for_all_of_its_run() {
        let preset = crate::recipe::preset::for_model("proj-gan").unwrap();
        let mut recipe = preset.recipe(crate::recipe::preset::Facts { pictures: 300, resolution: 32.into() });
        name_features(&mut recipe, None).unwrap();
        assert_eq!(recipe.model.features, photo_net::hash().unwrap());
        let mut learned = recipe.model.clone();
        name_features(&mut recipe, Some(&learned)).unwrap();
        learned.features = "0123456789abcdef".into();
        let problem = name_features(&mut recipe, Some(&learned)).unwrap_err();
        assert!(problem.detail.unwrap().contains("the run has 01234567") && problem.remedy.is_some());
        // So does a VAE whose perceptual term looks through it.
        let mut vae = Recipe::default();
        vae.model.id = "conv-vae".into();
        (vae.objective.vae.perceptual, vae.objective.vae.perceptual_features) = (1.0, FeatureSpace::Photo);
        name_features(&mut vae, None).unwrap();
        assert_eq!(vae.model.features, photo_net::hash().unwrap());
        // Others name none, and their recipes stay as they were.
        let mut other = Recipe::default();
        name_features(&mut other, None).unwrap();
        assert_eq!(other, Recipe::default());
    }

    #[test]
    fn classes_are_carried_by_name_or_refused_with_both_lists() {
        let dir = tempfile::tempdir().unwrap();
        let mut recipe = Recipe::default();
        recipe.model.conditional = true;
        let list = |names: &[&str]| -> Vec<String> { names.iter().map(|n| (*n).into()).collect() };
        let first = learn_labels(&mut recipe, prepared(dir.path(), &["cat", "dog"]), None).unwrap();
        assert_eq!((recipe.model.classes.clone(), first.label(0)), (list(&["cat", "dog"]), Some(0)));

        // `dog` alone would be class 0 by its place; with another order of the list every class would move.
        let learned = list(&["dog", "owl", "cat"]);
        let again = learn_labels(&mut recipe, first.clone(), Some(learned.clone())).unwrap();
        assert_eq!((&recipe.model.classes, again.labels()), (&learned, &learned[..]));
        let names: Vec<&str> =
            (0..again.len()).map(|i| again.labels()[again.label(i).unwrap() as usize].as_str()).collect();
        assert_eq!(names, ["cat", "cat", "cat", "dog", "dog", "dog"]);
        assert_eq!((again.hash(), again.picture(4)), (first.hash(), first.picture(4)));

        let renamed = prepared(dir.path(), &["dog", "kitten"]);
        let problem = learn_labels(&mut recipe, renamed, Some(list(&["cat", "dog"]))).unwrap_err();
        assert_eq!(problem.detail.unwrap(), "learned: cat, dog; found: dog, kitten");
    }
}
