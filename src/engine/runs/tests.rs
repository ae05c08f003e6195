use std::time::{Duration, Instant};

use super::launch::{ProcessLaunch, ThreadLaunch};
use super::*;
use crate::base::series::Reading;
use crate::engine::RunState;
use crate::recipe::Edit;
use crate::train::folder::Status;
use crate::train::report::{Preview, RunEvent, RunProgress};
use crate::train::telemetry;

#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<PathBuf>>>);

impl RunBook for Book {
    fn known(&self) -> Vec<PathBuf> {
        self.0.lock().clone()
    }
    fn note(&self, run: &RunSummary) {
        let mut dirs = self.0.lock();
        if !dirs.contains(&run.dir) {
            dirs.push(run.dir.clone());
        }
    }
    fn forget(&self, dir: &Path) {
        self.0.lock().retain(|d| d != dir);
    }
    fn hash_of(&self, model: &str) -> Option<String> {
        Some(format!("hash of {model}"))
    }
    fn discard(&self, dir: &Path) -> Result<()> {
        std::fs::remove_dir_all(dir).map_err(|e| Problem::io("gone", dir, &e))
    }
}

struct Studio {
    home: tempfile::TempDir,
    outbox: Outbox,
    runs: Runs,
    seen: Vec<Event>,
    book: Book,
}

fn studio_in(home: tempfile::TempDir, launch: impl Launch + 'static) -> Studio {
    let outbox = Outbox::default();
    let book = Book::default();
    let setup = Setup { paths: Paths::under(home.path()), launch: Box::new(launch), book: Box::new(book.clone()) };
    let runs = Runs::start(setup, outbox.clone()).unwrap();
    Studio { home, outbox, runs, seen: Vec::new(), book }
}

fn studio(launch: impl Launch + 'static) -> Studio {
    studio_in(tempfile::tempdir().unwrap(), launch)
}

impl Studio {
    /// Polls until `done` says so of some event; later events stay for later calls.
    fn until<T>(&mut self, what: &str, mut done: impl FnMut(&Event) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            self.seen.extend(self.outbox.take());
            if let Some(i) = self.seen.iter().position(|e| done(e).is_some()) {
                let found = done(&self.seen[i]);
                self.seen.drain(..=i);
                return found.unwrap();
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "waited for {what}; saw {:.400}",
                format!("{:?}", self.seen)
            );
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn until_state(&mut self, name: &str, state: RunState) -> RunSummary {
        self.until(&format!("{name} {state:?}"), |e| match e {
            Event::Run(run) if run.name == name && run.state == state => Some((**run).clone()),
            _ => None,
        })
    }

    fn start(&self, name: &str) {
        let recipe = Box::new(Recipe { name: name.into(), ..Recipe::default() });
        self.runs.ask(Ask::Start { recipe, from: None, device: "cpu".into() });
    }
}

/// Plays a run: a reading every few milliseconds, previews, edits, until stopped or at its target.
fn play(run: &RunFolder, order: &Order) -> Result<()> {
    let _lock = run.lock()?;
    let mut file = run.append_telemetry()?;
    let mut tell = |event: RunEvent| telemetry::append(&mut file, &event).unwrap();
    let start = run.checkpoints().last().map_or(0, |c| c.images);
    let target = order.kimg.map_or(u64::MAX, |k| (k * 1000.0) as u64);
    let mut images = start;
    let mut state = RunState::Training;
    tell(RunEvent::Started { device: order.device.clone(), pictures: 9, step: images / 10, images });
    let status = |state, images| Status {
        state,
        progress: RunProgress { images, step: images / 10, ..RunProgress::default() },
        problem: None,
    };
    loop {
        for control in run.take_controls() {
            match control {
                Control::Pause => state = RunState::Paused,
                Control::Resume => state = RunState::Training,
                Control::Edit { key, value } => tell(RunEvent::Edited(Edit { step: images / 10, images, key, value })),
                Control::Stop => {
                    let path = run.checkpoints_dir().join(images.to_string());
                    std::fs::create_dir_all(&path).unwrap();
                    std::fs::write(path.join("checkpoint.json"), r#"{"best":false,"score":null}"#).unwrap();
                    tell(RunEvent::Stopped { path, images });
                    return run.write_status(&status(RunState::Stopped, images));
                }
                _ => {}
            }
            tell(RunEvent::State { state });
        }
        if state == RunState::Training {
            images += 10;
            let values = vec![("loss".to_string(), 1.0)];
            tell(RunEvent::Reading(Reading { step: images / 10, images, seconds: 0.1, values }));
            if images.is_multiple_of(50) {
                // Validation: a reading of its own at the same place.
                let values = vec![("loss.held_out".to_string(), 2.0)];
                tell(RunEvent::Reading(Reading { step: images / 10, images, seconds: 0.1, values }));
                let preview =
                    Preview { images, samples: vec![crate::base::Picture::filled(2, 2, [9; 4])], ..Preview::default() };
                preview::save(&run.previews_dir(), &preview)?;
                tell(RunEvent::Preview { images });
            }
            if images >= target {
                run.write_status(&status(RunState::Finished, images))?;
                return Ok(());
            }
        }
        run.write_status(&status(state, images))?;
        thread::sleep(Duration::from_millis(5));
    }
}

fn player() -> ThreadLaunch {
    ThreadLaunch(Arc::new(|run, order| play(&run, &order)))
}

#[test]
fn a_run_is_followed_controlled_edited_stopped_and_resumed() {
    let mut s = studio(player());
    s.start("Cats & dogs");
    let run = s.until_state("Cats & dogs", RunState::Training);
    assert_eq!(run.dir, Paths::under(s.home.path()).runs().join("cats-dogs"));
    let dir = run.dir;
    s.until("readings", |e| matches!(e, Event::RunReadings { readings, .. } if !readings.is_empty()).then_some(()));
    s.until("validation", |e| match e {
        Event::RunReadings { readings, .. } => readings.iter().any(|r| r.values[0].0 == "loss.held_out").then_some(()),
        _ => None,
    });
    s.until("a live preview", |e| matches!(e, Event::RunPreview { live: true, .. }).then_some(()));
    s.runs.ask(Ask::Control { dir: dir.clone(), control: Control::Pause });
    s.until_state("Cats & dogs", RunState::Paused);
    let edit = Control::Edit { key: "optim.lr".into(), value: 0.001.into() };
    s.runs.ask(Ask::Control { dir: dir.clone(), control: edit });
    s.until("the edit", |e| matches!(e, Event::RunEdited { edit, .. } if edit.key == "optim.lr").then_some(()));
    s.runs.ask(Ask::Control { dir: dir.clone(), control: Control::Stop });
    let run = s.until_state("Cats & dogs", RunState::Stopped);
    assert_eq!(run.recipe.optim.lr.at(0), 0.001, "the edit is in the recipe of what comes after");
    // Told as stopped by its own word first, concluded when its thread is gone.
    let start = Instant::now();
    while RunFolder::open(&dir).unwrap().is_locked() && start.elapsed() < Duration::from_secs(9) {
        thread::sleep(Duration::from_millis(5));
    }
    s.runs.ask(Ask::Load { dir: dir.clone() });
    let (count, edits) = s.until("the load", |e| match e {
        Event::RunLoaded { readings, edits, previews, .. } if !previews.is_empty() => {
            Some((readings.len(), edits.len()))
        }
        _ => None,
    });
    assert!(count >= 5 && edits == 1, "{count} {edits}");
    let further = run.progress.images as f64 / 1000.0 + 0.2;
    loop {
        // Its thread may need a moment more to be gone.
        s.runs.ask(Ask::Resume {
            dir: dir.clone(),
            kimg: Some(further),
            device: String::new(),
            pictures: PictureAnswer::default(),
        });
        let went = s.until("resumed", |e| match e {
            Event::Run(r) if r.state.is_alive() => Some(true),
            Event::Message(_) => Some(false),
            _ => None,
        });
        if went {
            break;
        }
    }
    let end = s.until_state("Cats & dogs", RunState::Finished);
    assert!(end.progress.images >= run.progress.images + 200, "{} {}", run.progress.images, end.progress.images);
    s.runs.finish();
}

#[test]
fn runs_wait_for_each_other_and_can_be_taken_out() {
    let mut s = studio(player());
    s.start("one");
    s.until_state("one", RunState::Training);
    s.start("two");
    s.start("three");
    let two = s.until_state("two", RunState::Queued).dir;
    let three = s.until_state("three", RunState::Queued).dir;
    assert!(std::fs::read_to_string(s.home.path().join("data/queue.json")).unwrap().contains("three"));
    s.runs.ask(Ask::Unqueue { dir: two.clone() });
    let one = Paths::under(s.home.path()).runs().join("one");
    s.runs.ask(Ask::Control { dir: one, control: Control::Stop });
    s.until_state("three", RunState::Training);
    s.runs.ask(Ask::Control { dir: three, control: Control::Stop });
    s.until_state("three", RunState::Stopped);
    s.runs.ask(Ask::Trash { dir: two.clone() });
    let left = s.until("the list", |e| if let Event::Runs(r) = e { Some(r.len()) } else { None });
    assert_eq!(left, 2);
    assert!(!two.exists() && !s.book.0.lock().contains(&two));
    s.runs.finish();
}

#[cfg(unix)]
fn shell(script: &'static str) -> ProcessLaunch {
    let arguments = move |dir: &Path, _: &Order| vec!["-c".into(), script.into(), "sh".into(), dir.into()];
    ProcessLaunch { program: "/bin/sh".into(), arguments: Box::new(arguments), keeper: Vec::new() }
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_is_told_with_its_last_words_and_can_be_resumed() {
    let mut s = studio(shell("echo before >&2; echo the last word >&2; kill -9 $$"));
    s.start("doomed");
    // The summary and the message may come in either order.
    let (mut message, mut summary) = (None, None);
    while message.is_none() || summary.is_none() {
        s.until("its end", |e| match e {
            Event::RunMessage { problem, .. } => {
                message = Some(problem.clone());
                Some(())
            }
            Event::Run(run) if run.state == RunState::Interrupted => {
                summary = Some((**run).clone());
                Some(())
            }
            _ => None,
        });
    }
    let (problem, run) = (message.unwrap(), summary.unwrap());
    let detail = problem.detail.unwrap();
    assert!(detail.contains("signal 9") && detail.contains("the last word"), "{detail}");
    assert!(run.problem.is_some() && run.state.can_resume());
    s.runs.finish();
    // The next start finds it as it was left, reason included.
    let mut again = studio_in(s.home, player());
    again.runs.ask(Ask::List);
    let runs = again.until("the list", |e| if let Event::Runs(r) = e { Some(r.clone()) } else { None });
    assert_eq!(runs[0].state, RunState::Interrupted);
    assert!(runs[0].problem.as_ref().unwrap().detail.as_ref().unwrap().contains("signal 9"));
    again.runs.ask(Ask::Control { dir: runs[0].dir.clone(), control: Control::Resume });
    again.until_state("doomed", RunState::Training);
    again.runs.ask(Ask::Control { dir: runs[0].dir.clone(), control: Control::Stop });
    again.until_state("doomed", RunState::Stopped);
    again.runs.finish();
}

#[cfg(unix)]
#[test]
fn a_program_that_is_not_there_fails_the_run_and_says_so() {
    let mut s = studio(ProcessLaunch::studio("/no/such/program".into()));
    s.start("nowhere");
    let run = s.until_state("nowhere", RunState::Failed);
    assert!(run.problem.unwrap().subject.unwrap().contains("/no/such/program"));
    s.until("the message", |e| matches!(e, Event::Message(_)).then_some(()));
    s.runs.finish();
}

#[test]
fn a_run_of_another_process_is_found_followed_and_missed() {
    let home = tempfile::tempdir().unwrap();
    let dir = Paths::under(home.path()).runs().join("other");
    let recipe = Recipe { name: "other".into(), ..Recipe::default() };
    let folder = RunFolder::create(&dir, &recipe, None, "cpu").unwrap();
    let lock = folder.lock().unwrap();
    let status = Status { state: RunState::Training, progress: RunProgress::default(), problem: None };
    folder.write_status(&status).unwrap();
    let mut s = studio_in(home, player());
    s.runs.ask(Ask::List);
    let runs = s.until("the list", |e| if let Event::Runs(r) = e { Some(r.clone()) } else { None });
    assert_eq!(runs[0].state, RunState::Training);
    let mut file = folder.append_telemetry().unwrap();
    let reading = Reading { step: 1, images: 10, seconds: 0.1, values: vec![] };
    telemetry::append(&mut file, &RunEvent::Reading(reading)).unwrap();
    s.until("its reading", |e| matches!(e, Event::RunReadings { .. }).then_some(()));
    drop(lock);
    s.until_state("other", RunState::Interrupted);
    s.runs.finish();
}

#[test]
fn a_rewound_run_is_told_anew() {
    let home = tempfile::tempdir().unwrap();
    let dir = Paths::under(home.path()).runs().join("r");
    let folder = RunFolder::create(&dir, &Recipe::default(), None, "cpu").unwrap();
    let _lock = folder.lock().unwrap();
    let status = Status { state: RunState::Training, progress: RunProgress::default(), problem: None };
    folder.write_status(&status).unwrap();
    let mut s = studio_in(home, player());
    let mut file = folder.append_telemetry().unwrap();
    let mut tell = |images| {
        let reading = Reading { step: images / 10, images, seconds: 0.1, values: vec![] };
        telemetry::append(&mut file, &RunEvent::Reading(reading)).unwrap();
    };
    s.runs.ask(Ask::List);
    s.until("the list", |e| matches!(e, Event::Runs(_)).then_some(()));
    for images in [10, 20, 30] {
        tell(images);
    }
    let late = Edit { step: 2, images: 20, key: "optim.batch".into(), value: 7.into() };
    telemetry::append(&mut folder.append_telemetry().unwrap(), &RunEvent::Edited(late)).unwrap();
    let mut count = 0;
    while count < 3 {
        count +=
            s.until(
                "readings",
                |e| if let Event::RunReadings { readings, .. } = e { Some(readings.len()) } else { None },
            );
    }
    let batch = |e: &Event, batch| matches!(e, Event::Run(r) if r.recipe.optim.batch == batch).then_some(());
    s.until("the edit", |e| batch(e, 7));
    telemetry::append(&mut folder.append_telemetry().unwrap(), &RunEvent::Rewound { images: 10 }).unwrap();
    let readings =
        s.until("the reload", |e| if let Event::RunLoaded { readings, .. } = e { Some(readings.len()) } else { None });
    assert_eq!(readings, 1);
    s.until("the recipe without the later edit", |e| batch(e, Recipe::default().optim.batch));
    s.runs.finish();
}

#[test]
fn a_child_names_its_parent() {
    let mut s = studio(player());
    let recipe = Box::new(Recipe { name: "child".into(), ..Recipe::default() });
    s.runs.ask(Ask::Start { recipe, from: Some("nouns-gan".into()), device: "cpu".into() });
    let run = s.until_state("child", RunState::Training);
    let parent = run.recipe.parent.unwrap();
    assert_eq!((parent.model.as_str(), parent.hash.as_str()), ("nouns-gan", "hash of nouns-gan"));
    let folder = RunFolder::open(&run.dir).unwrap();
    assert_eq!(folder.file().unwrap().from.as_deref(), Some("nouns-gan"));
    s.runs.ask(Ask::Control { dir: run.dir, control: Control::Stop });
    s.until_state("child", RunState::Stopped);
    s.runs.finish();
}

#[test]
fn bad_recipes_and_strange_names_are_handled() {
    assert_eq!(folder_name("  Ünïcode / name!! "), "ünïcode-name");
    assert_eq!(folder_name("../../etc"), "etc");
    assert_eq!(folder_name("///"), "run");
    assert_eq!(folder_name(&"x".repeat(99)).len(), 48);
    let mut s = studio(player());
    let mut recipe = Recipe::default();
    recipe.data.resolution = 17.into();
    s.runs.ask(Ask::Start { recipe: Box::new(recipe), from: None, device: "cpu".into() });
    s.until("the message", |e| matches!(e, Event::Message(p) if p.subject.is_some()).then_some(()));
    s.runs.ask(Ask::Control { dir: "/no/run".into(), control: Control::Pause });
    s.until("the message", |e| matches!(e, Event::Message(_)).then_some(()));
    s.runs.finish();
}
