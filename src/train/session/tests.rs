use std::fs;
use std::path::Path;

use super::super::checkpoint::{SNAPSHOT, load};
use super::super::identity::{Question, question};
use std::time::Duration;

use super::super::folder::Control;
use super::super::train_loop::crossed;
use super::*;
use crate::recipe::Recipe;

struct World {
    dir: tempfile::TempDir,
    folder: RunFolder,
}

fn picture(path: &Path, v: u8) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::from_fn(16, 16, |x, y| image::Rgb([v, (x * 15) as u8, (y * 15) as u8])).save(path).unwrap();
}

fn recipe(source: &Path) -> Recipe {
    let mut r = Recipe::default();
    r.model.id = "mlp-gan".into();
    (r.model.width, r.model.narrow, r.model.latent) = (8, 8, 2);
    (r.data.source, r.data.resolution) = (source.to_str().unwrap().into(), 16.into());
    r.optim.batch = 4;
    (r.run.kimg, r.run.checkpoint_kimg, r.run.preview_kimg, r.run.keep) = (0.016, 0.008, 1.0, 9);
    r.run.telemetry_steps = 1;
    r
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let pictures = dir.path().join("pictures");
        (0..10u8).for_each(|i| picture(&pictures.join(format!("{i}.png")), i * 20));
        let folder = RunFolder::create(&dir.path().join("run"), &recipe(&pictures), None, "cpu").unwrap();
        Self { dir, folder }
    }

    fn pictures(&self) -> PathBuf {
        self.dir.path().join("pictures")
    }

    fn go(&self, change: impl FnOnce(&mut Options<'_>)) -> (Result<Outcome>, Vec<RunEvent>) {
        let mut events = Vec::new();
        let mut sink = |e: &RunEvent| events.push(e.clone());
        let mut options = Options::new(self.dir.path().join("cache"), "cpu", &mut sink);
        change(&mut options);
        let outcome = run(&self.folder, options);
        (outcome, events)
    }

    fn finish(&self) {
        assert_eq!(self.go(|_| {}).0.unwrap(), Outcome::Finished);
    }

    fn state(&self, images: u64) -> Vec<u8> {
        fs::read(self.checkpoint(images).join("state.safetensors")).unwrap()
    }

    fn checkpoint(&self, images: u64) -> PathBuf {
        self.folder.checkpoints_dir().join(format!("{images:012}"))
    }

    fn flip(&self, images: u64) {
        let path = self.checkpoint(images).join("state.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(path, bytes).unwrap();
    }

    fn run_state(&self) -> RunState {
        self.folder.status().unwrap().state
    }
}

#[test]
fn a_damaged_newest_checkpoint_is_made_again_to_the_last_bit() {
    let w = World::new();
    w.finish();
    let whole = w.state(16);
    w.flip(16);
    let (outcome, events) = w.go(|_| {});
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    assert!(events.iter().any(|e| matches!(e, RunEvent::Started { images: 8, .. })));
    assert_eq!(w.state(16), whole);
    assert_eq!(load(&w.checkpoint(16)).unwrap().saved.images, 16);
    // And where none is left that loads, nothing begins at 0 and nothing goes.
    for images in [8, 16] {
        w.flip(images);
    }
    let problem = w.go(|_| {}).0.unwrap_err();
    assert!(problem.what.contains("None of this run's checkpoints"), "{problem}");
    assert!(w.checkpoint(8).exists() && w.checkpoint(16).exists());
    assert_eq!(w.run_state(), RunState::Failed);
}

#[test]
fn a_fine_tune_keeps_what_it_began_from() {
    let parent = World::new();
    parent.finish();
    let snapshot = Weights::read(&parent.checkpoint(16).join(SNAPSHOT)).unwrap();
    let child = World::new();
    let mut file = child.folder.file().unwrap();
    file.from = Some("parent".into());
    child.folder.write_file(&file).unwrap();
    let from = snapshot.clone();
    assert_eq!(child.go(|o| o.from = Some((None, from))).0.unwrap(), Outcome::Finished);
    let kept = load(&child.checkpoint(0)).unwrap();
    assert_eq!(kept.weights.under("generator.").hash(), snapshot.hash());
    // Gone on with from there, it is the same run.
    let whole = child.state(16);
    for images in [8, 16] {
        fs::remove_dir_all(child.checkpoint(images)).unwrap();
    }
    child.finish();
    assert_eq!(child.state(16), whole);
}

#[test]
fn the_last_word_on_where_to_stop_holds() {
    let w = World::new();
    let mut file = w.folder.file().unwrap();
    file.kimg = Some(0.008);
    w.folder.write_file(&file).unwrap();
    let folder = w.folder.clone();
    let mut sink = |e: &RunEvent| {
        if matches!(e, RunEvent::Started { .. }) {
            folder.send_control(&Control::Edit { key: "run.kimg".into(), value: 0.02.into() }).unwrap();
        }
    };
    let options = Options::new(w.dir.path().join("cache"), "cpu", &mut sink);
    assert_eq!(run(&w.folder, options).unwrap(), Outcome::Finished);
    assert_eq!(w.folder.checkpoints().last().unwrap().images, 20);
    let (_, events) = w.go(|_| {});
    assert!(events.iter().any(|e| matches!(e, RunEvent::Finished { images: 20, .. })));
    assert_eq!(w.folder.file().unwrap().kimg, Some(0.02));
}

#[test]
fn pictures_that_changed_or_moved_are_asked_about() {
    let w = World::new();
    w.finish();
    let mut file = w.folder.file().unwrap();
    assert_eq!(file.data.as_ref().unwrap().pictures, 10);
    assert_eq!(load(&w.checkpoint(16)).unwrap().saved.data, file.data.as_ref().map(|d| d.hash.clone()));
    file.kimg = Some(0.024);
    w.folder.write_file(&file).unwrap();

    // The folder moved.
    let moved = w.dir.path().join("elsewhere");
    fs::rename(w.pictures(), &moved).unwrap();
    let problem = w.go(|_| {}).0.unwrap_err();
    assert_eq!(question(&problem), Some(Question::Where), "{problem}");
    let there = moved.to_str().unwrap().to_owned();
    let told = there.clone();
    assert_eq!(w.go(|o| o.pictures.source = Some(told)).0.unwrap(), Outcome::Finished);
    assert_eq!(w.folder.recipe().unwrap().data.source, there);

    // Half of them are gone.
    (0..5).for_each(|i| fs::remove_file(moved.join(format!("{i}.png"))).unwrap());
    file = w.folder.file().unwrap();
    file.kimg = Some(0.032);
    w.folder.write_file(&file).unwrap();
    let problem = w.go(|_| {}).0.unwrap_err();
    assert_eq!(question(&problem), Some(Question::Accept), "{problem}");
    assert!(problem.detail.unwrap().contains("5 gone"));
    assert_eq!(w.run_state(), RunState::Failed);
    let (outcome, events) = w.go(|o| o.pictures.accept = true);
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    assert!(events.iter().any(|e| matches!(e, RunEvent::Message(p) if question(p) == Some(Question::Accept))));
    assert_eq!(w.go(|_| {}).0.unwrap(), Outcome::Finished, "accepted once");
}

/// A picture replaced by another of the same name, size and time.
#[cfg(unix)]
#[test]
fn a_picture_replaced_under_its_name_size_and_time_is_noticed() {
    let w = World::new();
    let path = w.pictures().join("3.bmp");
    let save = |v: u8| {
        image::RgbImage::from_pixel(16, 16, image::Rgb([v; 3])).save(&path).unwrap();
        let time = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
        fs::metadata(&path).unwrap().len()
    };
    let size = save(10);
    w.finish();
    // Times of change have the grain of the system's clock.
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(save(200), size);
    let problem = w.go(|_| {}).0.unwrap_err();
    assert_eq!(question(&problem), Some(Question::Accept), "{problem}");
    assert!(problem.detail.unwrap().contains("1 with other contents"));
}

#[test]
fn stopped_interrupted_and_finished_are_told_apart() {
    for by_hand in [true, false] {
        let w = World::new();
        let (folder, stop) = (w.folder.clone(), Cancel::new());
        let flag = stop.clone();
        let mut sink = |e: &RunEvent| {
            if matches!(e, RunEvent::Started { .. }) {
                if by_hand { folder.send_control(&Control::Stop).unwrap() } else { flag.cancel() }
            }
        };
        let options = Options { stop, ..Options::new(w.dir.path().join("cache"), "cpu", &mut sink) };
        let outcome = run(&w.folder, options).unwrap();
        let told = w.folder.history();
        let status = w.folder.status().unwrap();
        if by_hand {
            assert_eq!((outcome, status.state), (Outcome::Stopped, RunState::Stopped));
            assert!(told.iter().any(|e| matches!(e, RunEvent::Stopped { .. })));
        } else {
            assert_eq!((outcome, status.state), (Outcome::Interrupted, RunState::Interrupted));
            assert!(status.problem.is_some() && told.iter().any(|e| matches!(e, RunEvent::Interrupted { .. })));
        }
        assert!(!told.iter().any(|e| matches!(e, RunEvent::Finished { .. })));
        w.finish();
        assert_eq!(w.run_state(), RunState::Finished);
    }
    // Before it trained.
    let w = World::new();
    let (outcome, _) = w.go(|o| o.stop.cancel());
    match outcome {
        Ok(outcome) => assert_eq!(outcome, Outcome::Interrupted),
        Err(problem) => assert_eq!(problem.kind, Kind::Interrupted, "{problem}"),
    }
    assert_eq!(w.run_state(), RunState::Interrupted);
}

#[test]
fn the_doctor_reads_along_and_changes_no_byte() {
    let (with, without) = (World::new(), World::new());
    let (outcome, told) = with.go(|_| {});
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    let names: Vec<&str> =
        told.iter().filter_map(|e| if let RunEvent::Finding(f) = e { Some(f.name.as_str()) } else { None }).collect();
    assert_eq!(names, ["too-few-pictures"]);
    let found = crate::train::doctor::examine(&with.folder).unwrap();
    assert_eq!(found.iter().map(|f| f.name.as_str()).collect::<Vec<_>>(), names, "it says the same afterwards");
    let (outcome, told) = without.go(|o| o.doctor = false);
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    assert!(!told.iter().any(|e| matches!(e, RunEvent::Finding(_))));
    for images in [8, 16] {
        let weights = |w: &World| load(&w.checkpoint(images)).unwrap().weights.hash();
        assert_eq!(weights(&with), weights(&without));
    }
}

#[test]
fn multiples_are_crossed_once() {
    let marks: Vec<u64> = (0..10).filter(|i| crossed(i * 300, (i + 1) * 300, 1.0)).collect();
    assert_eq!(marks, [3, 6, 9]);
    assert!(crossed(0, 32, 0.001));
}

/// Weights decide what is drawn, and a run that goes on draws the same as one that was never interrupted. A run without
/// them has the bytes that it always had.
#[test]
fn a_weighted_run_goes_on_to_the_last_bit_and_names_its_version() {
    let weighted = |weight: f64| {
        let w = World::new();
        let mark = crate::recipe::marks::Mark { weight: Some(weight), ..Default::default() };
        let marks = (0..3).map(|i| (format!("{i}.png"), mark.clone())).collect();
        super::super::versions::take_over(&w.folder, marks).unwrap();
        w
    };
    let plain = World::new();
    plain.finish();
    let (whole, same) = (weighted(4.0), weighted(1.0));
    whole.finish();
    same.finish();
    assert_eq!(same.state(16), plain.state(16), "weights of 1 change nothing");
    assert_ne!(whole.state(16), plain.state(16));
    let resumed = weighted(4.0);
    resumed.finish();
    fs::remove_dir_all(resumed.checkpoint(16)).unwrap();
    let (outcome, events) = resumed.go(|_| {});
    assert_eq!(outcome.unwrap(), Outcome::Finished);
    assert!(events.iter().any(|e| matches!(e, RunEvent::Started { images: 8, .. })));
    assert_eq!(resumed.state(16), whole.state(16));
    // It names the version that it saw, with its weights, once.
    let seen = super::super::versions::seen(&resumed.folder);
    assert_eq!(seen.len(), 1);
    let manifest = super::super::versions::manifest(&resumed.folder, &seen[0]).unwrap();
    assert_eq!(manifest.entries.iter().filter(|e| e.weight == Some(4.0)).count(), 3);
    assert_ne!(super::super::versions::seen(&plain.folder), seen);
    // Pictures that changed are told by version too, once they are accepted.
    picture(&resumed.pictures().join("new.png"), 233);
    fs::remove_dir_all(resumed.checkpoint(16)).unwrap();
    let (_, events) = resumed.go(|o| o.pictures.accept = true);
    let told = |p: &Problem| p.what.contains("this run saw version") && p.detail.as_deref() == Some("1 new");
    assert!(events.iter().any(|e| matches!(e, RunEvent::Message(p) if told(p))), "{events:?}");
    assert_eq!(super::super::versions::seen(&resumed.folder).len(), 2);
}

#[test]
fn the_same_script_of_edits_gives_the_same_bytes_in_one_go_or_resumed() {
    let (a, b, plain) = (World::new(), World::new(), World::new());
    let script = [(4, "optim.lr", 0.0005), (8, "optim.lr", 0.0001)].map(|(images, key, value)| script::Scripted {
        images,
        key: key.into(),
        value: value.into(),
    });
    script::keep(&a.folder, &script).unwrap();
    script::keep(&b.folder, &script).unwrap();
    a.finish();
    plain.finish();
    let edits = a.folder.edits();
    assert_eq!(edits.iter().map(|e| e.images).collect::<Vec<_>>(), [4, 8]);
    assert_ne!(a.state(16), plain.state(16));
    // Ended after the first checkpoint, between the two edits' effects.
    let stop = Cancel::new();
    let raise = stop.clone();
    let mut sink = move |e: &RunEvent| {
        if matches!(e, RunEvent::Reading(reading) if reading.images >= 8) {
            raise.cancel();
        }
    };
    let options = Options { stop, ..Options::new(b.dir.path().join("cache"), "cpu", &mut sink) };
    assert_eq!(run(&b.folder, options).unwrap(), Outcome::Interrupted);
    b.finish();
    assert_eq!(a.state(16), b.state(16));
    assert_eq!(b.folder.edits(), edits);
    // What a run kept of its edits is a script itself.
    let c = World::new();
    let again = script::read(&a.folder.dir().join("edits.json"), &c.folder.recipe().unwrap()).unwrap();
    script::keep(&c.folder, &again).unwrap();
    c.finish();
    assert_eq!(a.state(16), c.state(16));
}

/// Averages of every length of a run that was resumed are those of one that was not, and the run itself is the same with them
/// and without.
#[test]
fn averages_for_later_are_the_same_in_one_go_or_resumed_and_change_nothing() {
    use super::super::averages;
    let with = |world: &World| {
        let mut recipe = world.folder.recipe().unwrap();
        recipe.run.averages = 8;
        fs::write(world.folder.dir().join("recipe.json"), recipe.to_json()).unwrap();
    };
    let (plain, whole, parts) = (World::new(), World::new(), World::new());
    plain.finish();
    with(&whole);
    whole.finish();
    with(&parts);
    let stop = Cancel::new();
    let raise = stop.clone();
    let mut sink = move |e: &RunEvent| {
        if matches!(e, RunEvent::Reading(reading) if reading.images >= 8) {
            raise.cancel();
        }
    };
    let options = Options { stop, ..Options::new(parts.dir.path().join("cache"), "cpu", &mut sink) };
    assert_eq!(run(&parts.folder, options).unwrap(), Outcome::Interrupted);
    parts.finish();
    assert_eq!(whole.state(16), parts.state(16));
    let model = |world: &World| crate::models::io::Weights::read(&world.checkpoint(16).join(SNAPSHOT)).unwrap().hash();
    assert_eq!(model(&plain), model(&whole), "they only look on");
    for width in [0.03, 0.1, 0.15] {
        let [a, b] = [&whole, &parts].map(|world| averages::rebuild(&world.folder, width, None).unwrap());
        assert_eq!((a.0.hash(), a.1), (b.0.hash(), 16), "{width}");
    }
    // What was tracked comes back as it was.
    let tracked = averages::rebuild(&whole.folder, 0.1, None).unwrap().0;
    let kept = load(&whole.checkpoint(16)).unwrap().weights.under("power_average_1.");
    for (name, tensor) in &kept.tensors {
        let theirs = &tracked.tensors[name].values;
        assert!(tensor.values.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 1e-5), "{name}");
    }
    assert!(averages::rebuild(&plain.folder, 0.1, None).is_err());
}
