use std::time::Instant;

use super::super::inference::tests::Made;
use super::super::runs::launch::ThreadLaunch;
use super::super::{ExportOptions, GenerateRequest, Inspected, ItemFilter};
use super::*;
use crate::base::{Channels, Kind, Picture};
use crate::export::{read_recipe, write_png};
use crate::latent::prior::Kind as PriorKind;
use crate::recipe::picture::Latent;
use crate::recipe::{DataRecipe, ObjectiveRecipe, Reading, Recipe, Schedule};

struct Studio {
    home: tempfile::TempDir,
    engine: StudioEngine,
    seen: Vec<Event>,
}

fn studio_with(made: Made) -> Studio {
    studio_in(tempfile::tempdir().unwrap(), made)
}

fn studio_in(home: tempfile::TempDir, made: Made) -> Studio {
    let options = Options {
        paths: Paths::under(home.path()),
        program: "/bin/false".into(),
        launch: Box::new(ThreadLaunch(Arc::new(|_, _| Ok(())))),
        backend: Arc::new(made),
    };
    Studio { home, engine: StudioEngine::start(options).unwrap(), seen: Vec::new() }
}

fn studio() -> Studio {
    studio_with(Made::default())
}

impl Studio {
    /// Polls until some event is what is waited for, which is taken out; others stay for later calls.
    fn until<T>(&mut self, what: &str, mut done: impl FnMut(&Event) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            self.seen.extend(self.engine.poll());
            for i in 0..self.seen.len() {
                if let Some(found) = done(&self.seen[i]) {
                    self.seen.remove(i);
                    return found;
                }
            }
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "waited for {what}; saw {:.600}",
                format!("{:?}", self.seen)
            );
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    fn ended(&mut self, job: u64) -> Option<Problem> {
        self.until("the job's end", |e| match e {
            Event::JobEnded { job: j, problem } if *j == job => Some(problem.clone()),
            _ => None,
        })
    }

    fn items(&mut self, filter: ItemFilter) -> Vec<super::super::Item> {
        self.engine.send(Command::ListItems { filter });
        self.until("items", |e| if let Event::Items { items, .. } = e { Some(items.to_vec()) } else { None })
    }
}

const MODEL: &str = "nouns-gan";

fn seeds(n: u64) -> Vec<Latent> {
    (0..n).map(|seed| Latent::Seed { seed }).collect()
}

#[test]
fn data_are_surveyed_shown_prepared_and_remembered() {
    let mut s = studio();
    let source = "shapes:40".to_string();
    s.engine.send(Command::Survey { job: 1, source: source.clone(), reading: Reading::default() });
    let survey =
        s.until("the survey", |e| if let Event::Surveyed { survey, .. } = e { Some(survey.clone()) } else { None });
    assert_eq!(survey.entries.len(), 40);
    assert_eq!(s.ended(1), None);

    let names = vec![survey.entries[3].name.clone(), survey.entries[39].name.clone(), "not there".to_owned()];
    s.engine.send(Command::SourceThumbs { source: source.clone(), names: names.clone(), size: 24 });
    let thumbs =
        s.until("thumbs", |e| if let Event::SourceThumbs { thumbs, .. } = e { Some(thumbs.clone()) } else { None });
    assert_eq!(thumbs.iter().map(|t| t.0.clone()).collect::<Vec<_>>(), names);
    assert!(thumbs[0].1.width == 24 && thumbs[0].1 != thumbs[1].1);
    assert_eq!(thumbs[2].1, Picture::default(), "what is not there is told as nothing");

    let data =
        DataRecipe { source: source.clone(), resolution: 16.into(), channels: Channels::Grey, ..DataRecipe::default() };
    let objective = Box::new(ObjectiveRecipe { augment: Schedule::constant(1.0), ..ObjectiveRecipe::default() });
    s.engine.send(Command::PreviewPreparation {
        ticket: 1,
        data: data.clone(),
        name: survey.entries[5].name.clone(),
        objective,
    });
    let (after, augmented) = s.until("the preview", |e| match e {
        Event::PreparationPreview { ticket: 1, after, augmented, .. } => Some((after.clone(), augmented.clone())),
        _ => None,
    });
    assert_eq!((after.width, after.height), (16, 16));
    assert!(augmented.len() == 6 && augmented.iter().any(|a| *a != after));

    s.engine.send(Command::Prepare { job: 2, data });
    let (pictures, bytes) = s.until("the set", |e| match e {
        Event::DataReady { pictures, bytes, .. } => Some((*pictures, *bytes)),
        _ => None,
    });
    assert_eq!((pictures, bytes), (40, 40 * 256));
    assert_eq!(s.ended(2), None);
    s.engine.send(Command::ListData);
    let sets = s.until("data sets", |e| if let Event::DataSets(sets) = e { Some(sets.clone()) } else { None });
    assert_eq!((sets[0].source.as_str(), sets[0].pictures), ("shapes:40", 40));

    s.engine.send(Command::Survey { job: 3, source: "/nowhere/at/all".into(), reading: Reading::default() });
    assert_eq!(s.ended(3).unwrap().kind, Kind::Data);
}

#[test]
fn a_survey_is_cancelled() {
    let mut s = studio();
    s.engine.send(Command::Survey { job: 7, source: "shapes:500000".into(), reading: Reading::default() });
    s.until("its progress", |e| matches!(e, Event::Job { job: 7, .. }).then_some(()));
    s.engine.send(Command::Cancel { job: 7 });
    assert_eq!(s.ended(7).unwrap().kind, Kind::Interrupted);
}

#[test]
fn models_are_listed_opened_shown_and_exported() {
    let mut s = studio();
    s.engine.send(Command::ListModels);
    let models = s.until("models", |e| if let Event::Models(m) = e { Some(m.clone()) } else { None });
    assert!(models.len() >= 5);
    s.engine.send(Command::OpenModel { model: MODEL.into() });
    let info =
        s.until("the model", |e| if let Event::ModelOpened { info, .. } = e { Some(info.clone()) } else { None });
    assert!(info.model == MODEL && info.shipped);
    for _ in 0..2 {
        s.engine.send(Command::ContactSheet { model: MODEL.into() });
        s.until("its sheet", |e| matches!(e, Event::ContactSheet { sheet, .. } if sheet.width == 8).then_some(()));
    }
    assert_eq!(std::fs::read_dir(s.home.path().join("cache/sheets")).unwrap().count(), 1);
    let out = s.home.path().join("out.safetensors");
    s.engine.send(Command::ExportModel { job: 1, model: MODEL.into(), out: out.clone() });
    assert_eq!(s.ended(1), None);
    assert!(out.is_file());
    s.engine.send(Command::OpenModel { model: "nothing".into() });
    s.until("the message", |e| matches!(e, Event::Message(p) if p.subject.as_deref() == Some("nothing")).then_some(()));
    s.engine.send(Command::TrashModel { model: MODEL.into() });
    s.until("the refusal", |e| matches!(e, Event::Message(p) if p.kind == Kind::Usage).then_some(()));
}

#[test]
fn an_imported_model_goes_to_the_trash() {
    let mut s = studio();
    let file = Paths::under(s.home.path()).models().join("mine.safetensors");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(&file, b"x").unwrap();
    s.engine.send(Command::TrashModel { model: "mine".into() });
    s.until("models", |e| matches!(e, Event::Models(_)).then_some(()));
    assert!(!file.exists() && s.home.path().join("data/trash/mine.safetensors").is_file());
}

#[test]
fn pictures_are_made_and_exported_with_their_recipes() {
    let mut s = studio();
    let request = GenerateRequest { slot: 1, ticket: 5, model: MODEL.into(), latents: seeds(3), truncation: 0.7 };
    s.engine.send(Command::Generate(request));
    let made = s.until("pictures", |e| match e {
        Event::Generated { ticket: 5, pictures, .. } => Some(pictures.clone()),
        _ => None,
    });
    let out = s.home.path().join("out");
    std::fs::create_dir(&out).unwrap();
    let options = ExportOptions { out: out.clone(), ..ExportOptions::default() };
    s.engine.send(Command::Export {
        job: 4,
        model: MODEL.into(),
        latents: seeds(20),
        truncation: 0.7,
        made_by: "sample".into(),
        options: options.clone(),
    });
    let files =
        s.until("files", |e| if let Event::Exported { job: 4, files } = e { Some(files.clone()) } else { None });
    assert_eq!(s.ended(4), None);
    assert_eq!(files.len(), 20);
    let recipe = read_recipe(&files[2]).unwrap().unwrap();
    assert_eq!((recipe.latent, recipe.truncation, recipe.model.as_str()), (Latent::Seed { seed: 2 }, 0.7, MODEL));
    assert_eq!(crate::data::decode_file(&files[2]).unwrap(), made[2], "what is exported is what was on the screen");

    s.engine.send(Command::Inspect { path: files[0].clone() });
    let what = s.until("what it is", |e| if let Event::Inspected(i) = e { Some(i.clone()) } else { None });
    assert!(matches!(what, Inspected::Generated { .. }), "{what:?}");

    for (job, format, name) in [(5, "grid", "sheet.png"), (6, "gif", "film.gif")] {
        let options = ExportOptions { format: format.into(), out: out.join(name), ..options.clone() };
        let (model, made_by) = (MODEL.to_string(), "walk".to_string());
        s.engine.send(Command::Export { job, model, latents: seeds(6), truncation: 1.0, made_by, options });
        assert_eq!(s.ended(job), None);
        assert!(out.join(name).is_file());
    }
    let options = ExportOptions { scale: 99, ..options };
    let (model, made_by) = (MODEL.to_string(), "sample".to_string());
    s.engine.send(Command::Export { job: 8, model, latents: seeds(1), truncation: 1.0, made_by, options });
    assert!(s.ended(8).is_some());
}

#[test]
fn kept_pictures_are_listed_changed_exported_and_survive_a_restart() {
    let mut s = studio();
    s.engine.send(Command::Keep {
        job: None,
        model: MODEL.into(),
        latents: vec![Latent::Seed { seed: 3 }, Latent::Point { values: vec![0.5; 64] }],
        truncation: 1.0,
        made_by: "sample".into(),
        starred: true,
    });
    s.until("news", |e| matches!(e, Event::ItemsChanged).then_some(()));
    let items = s.items(ItemFilter::default());
    assert_eq!(items.len(), 2);
    assert!(items.iter().all(|i| i.starred && i.path.is_file() && i.recipe.is_some() && i.model == MODEL));
    let ids: Vec<i64> = items.iter().map(|i| i.id).collect();
    s.engine.send(Command::ItemThumbs { ids: ids.clone() });
    let thumbs = s.until("thumbs", |e| if let Event::ItemThumbs(t) = e { Some(t.len()) } else { None });
    assert_eq!(thumbs, 2);
    s.engine.send(Command::ItemDetail { id: ids[0] });
    let size =
        s.until("detail", |e| if let Event::ItemDetail { picture, .. } = e { Some(picture.width) } else { None });
    assert_eq!(size, 32);
    s.engine.send(Command::RateItems { ids: vec![ids[0]], rating: 4 });
    s.engine.send(Command::TagItems { ids: ids.clone(), tag: "nice".into(), add: true });
    s.engine.send(Command::StarItems { ids: vec![ids[1]], starred: false });
    let rated = s.items(ItemFilter { min_rating: 4, tag: Some("nice".into()), ..ItemFilter::default() });
    assert_eq!(rated.iter().map(|i| i.id).collect::<Vec<_>>(), [ids[0]]);
    let out = s.home.path().join("copies");
    std::fs::create_dir(&out).unwrap();
    let options = ExportOptions { out, ..ExportOptions::default() };
    s.engine.send(Command::ExportItems { job: 2, ids: ids.clone(), options });
    let files = s.until("files", |e| if let Event::Exported { files, .. } = e { Some(files.len()) } else { None });
    assert_eq!(files, 2);
    s.engine.send(Command::TrashItems { ids: vec![ids[1]], trashed: true });
    assert_eq!(s.items(ItemFilter::default()).len(), 1);
    s.engine.send(Command::EmptyTrash);
    assert!(s.items(ItemFilter { trashed: true, ..ItemFilter::default() }).is_empty());
    s.engine.shut_down();
    let Studio { home, engine, .. } = s;
    drop(engine);
    let mut again = studio_in(home, Made::default());
    assert_eq!(again.items(ItemFilter::default()).len(), 1);
}

#[test]
fn a_picture_is_encoded_and_its_neighbours_are_found_among_the_training_data() {
    let data = DataRecipe {
        source: "shapes:40".into(),
        resolution: 16.into(),
        channels: Channels::Rgb,
        ..DataRecipe::default()
    };
    let mut s = studio_with(Made { data: Some(data.clone()), ..Made::default() });
    let path = s.home.path().join("in.png");
    write_png(&path, &Picture::filled(16, 16, [200, 30, 90, 255]), None).unwrap();
    let encode = |model: &str| Command::Encode { slot: 1, model: model.into(), path: path.clone() };
    s.engine.send(encode("fashion-vae"));
    let latent = s.until("the code", |e| match e {
        Event::Encoded { latent, neighbours, .. } if neighbours.is_empty() => Some(latent.clone()),
        _ => None,
    });
    assert!(matches!(latent, Latent::Point { values } if values.len() == 16));
    s.engine.send(Command::Prepare { job: 1, data });
    assert_eq!(s.ended(1), None);
    for _ in 0..2 {
        s.engine.send(encode("fashion-vae"));
        let near = s.until("neighbours", |e| match e {
            Event::Encoded { neighbours, .. } if !neighbours.is_empty() => Some(neighbours.clone()),
            _ => None,
        });
        assert!(near.len() == 8 && near.is_sorted_by(|a, b| a.1 <= b.1) && near[0].0.width == 16);
    }
    s.engine.send(encode(MODEL));
    s.until("the refusal", |e| matches!(e, Event::Message(p) if p.kind == Kind::Usage).then_some(()));
    s.engine.send(Command::Encode { slot: 1, model: "fashion-vae".into(), path: "/no/file.png".into() });
    s.until("the message", |e| matches!(e, Event::Message(p) if p.kind == Kind::Data).then_some(()));
}

#[test]
fn runs_are_started_and_noted_in_the_library() {
    let mut s = studio();
    let recipe = Box::new(Recipe { name: "small".into(), ..Recipe::default() });
    s.engine.send(Command::StartRun { recipe, from: None, device: "cpu".into() });
    // The made run ends at once without a word.
    let dir = s.until("the run's end", |e| match e {
        Event::Run(run) if run.problem.is_some() => Some(run.dir.clone()),
        _ => None,
    });
    let known = s.engine.lanes.library.ask(|gallery| gallery.run_folders()).unwrap();
    assert_eq!(known, std::slice::from_ref(&dir));
    s.engine.send(Command::RenameRun { dir: dir.clone(), name: "large".into() });
    s.until("the new name", |e| matches!(e, Event::Runs(r) if r[0].name == "large").then_some(()));
    s.engine.send(Command::TrashRun { dir: dir.clone() });
    s.until("an empty list", |e| matches!(e, Event::Runs(r) if r.is_empty()).then_some(()));
    assert!(!dir.exists());
    assert!(s.engine.lanes.library.ask(|gallery| gallery.run_folders()).unwrap().is_empty());
}

#[test]
fn devices_are_told_even_if_every_probe_fails() {
    let mut s = studio();
    s.engine.send(Command::ProbeDevices { again: true });
    let reports = s.until("devices", |e| match e {
        Event::Devices(d) if d.iter().any(|r| !r.reason.is_empty()) => Some(d.clone()),
        _ => None,
    });
    assert!(reports[0].id == "cpu" && reports[0].usable);
}

#[test]
fn shutting_down_ends_long_work_soon_and_keeps_what_was_asked_to_be_kept() {
    let mut s = studio_with(Made { slow: Duration::from_millis(10), ..Made::default() });
    s.engine.send(Command::Survey { job: 7, source: "shapes:500000".into(), reading: Reading::default() });
    s.until("its progress", |e| matches!(e, Event::Job { job: 7, .. }).then_some(()));
    let (model, made_by) = (MODEL.to_string(), "sample".to_string());
    s.engine.send(Command::Keep { job: None, model, latents: seeds(4), truncation: 1.0, made_by, starred: false });
    let start = Instant::now();
    s.engine.shut_down();
    assert!(start.elapsed() < Duration::from_secs(20));
    s.engine.send(Command::ListModels);
    let Studio { home, engine, .. } = s;
    drop(engine);
    let mut again = studio_in(home, Made::default());
    assert_eq!(again.items(ItemFilter::default()).len(), 4);
}

#[test]
fn a_prior_is_fitted_switched_and_compared() {
    let mut s = studio();
    let vae = "fashion-vae";
    let opened = |s: &mut Studio| {
        s.until("the model", |e| match e {
            Event::ModelOpened { model, info } if model == vae => Some(info.prior.clone()),
            _ => None,
        })
    };
    s.engine.send(Command::ComparePrior { model: vae.into(), seeds: vec![1], truncation: 1.0 });
    let refused = s.until("a refusal", |e| if let Event::Message(p) = e { Some(p.clone()) } else { None });
    assert!(refused.what.contains("no fitted prior"), "{refused}");

    s.engine.send(Command::FitPrior { job: 5, model: vae.into(), data: String::new(), kind: PriorKind::Gmm });
    assert!(opened(&mut s).is_some_and(|p| p.on), "a prior that was just made is wanted");
    assert_eq!(s.ended(5), None);
    s.engine.send(Command::UsePrior { model: vae.into(), on: false });
    assert!(opened(&mut s).is_some_and(|p| !p.on));
    s.engine.send(Command::ComparePrior { model: vae.into(), seeds: vec![4, 9, 2], truncation: 1.0 });
    let (normal, fitted) = s.until("both", |e| match e {
        Event::PriorCompared { seeds, normal, fitted, .. } if seeds == &[4, 9, 2] => {
            Some((normal.clone(), fitted.clone()))
        }
        _ => None,
    });
    assert!(normal.len() == 3 && normal[0] != fitted[0]);
    // Looking does not switch.
    s.engine.send(Command::OpenModel { model: vae.into() });
    assert!(opened(&mut s).is_some_and(|p| !p.on));
    s.engine.send(Command::RemovePrior { model: vae.into() });
    assert!(opened(&mut s).is_none());
}

#[test]
fn of_many_kept_pictures_some_are_told_at_once() {
    let home = tempfile::tempdir().unwrap();
    let paths = Paths::under(home.path());
    std::fs::create_dir_all(&paths.data).unwrap();
    let new = |n: usize| crate::library::NewItem {
        path: format!("{n}.png").into(),
        picture: Picture::filled(4, 4, [1, 2, 3, 255]),
        model: ["nouns", "faces"][n % 2].into(),
        recipe: None,
        starred: false,
    };
    let library = crate::library::Library::open(&paths.library()).unwrap();
    library.add_items(&(0..900).map(new).collect::<Vec<_>>()).unwrap();
    drop(library);
    let mut s = studio_in(home, Made::default());
    let all = s.items(ItemFilter::default());
    let first = s.until("some", |e| if let Event::FirstItems { items, .. } = e { Some(items.clone()) } else { None });
    assert!(all.len() == 900 && first[..] == all[..first.len()] && first.len() < 900);
    // Where all come at once nothing comes before them.
    let few = s.items(ItemFilter { text: "nothing".into(), ..ItemFilter::default() });
    assert!(few.is_empty() && !s.seen.iter().any(|e| matches!(e, Event::FirstItems { .. })));
}

#[test]
fn what_is_imported_is_looked_at_as_a_job_that_can_be_ended_and_goes_on_later() {
    let mut s = studio();
    let import = |s: &mut Studio, job: u64, source: &str| {
        s.engine.send(Command::ImportPictures { job, sources: vec![source.into()] });
        assert_eq!(s.ended(job), None);
    };
    let looking = |e: &Event| match e {
        Event::Job { job, title, done, total } if *job > u64::MAX / 2 => Some((*job, title.clone(), *done, *total)),
        _ => None,
    };
    import(&mut s, 1, "shapes:300");
    let (job, title, done, total) = s.until("the background's job", looking);
    assert_eq!((title.as_str(), total), ("Looking at pictures", 300));
    assert!(done > 0 && done < 300, "{done}");
    s.engine.send(Command::Cancel { job });
    assert_eq!(s.ended(job), None);
    s.until("what that means", |e| match e {
        Event::Message(p) if p.what.contains("found by words only") => Some(()),
        _ => None,
    });
    s.seen.retain(|e| looking(e).is_none());
    let left = |s: &Studio| {
        let library = crate::library::Library::open(&Paths::under(s.home.path()).library()).unwrap();
        let space = library.spaces().unwrap().remove(0);
        library.count_without_vector(space.id, false).unwrap()
    };
    let before = left(&s);
    assert!(before > 0 && before < 300, "what was looked at stays: {before} left");
    import(&mut s, 2, "shapes:20");
    let (next, _, _, total) = s.until("it goes on", looking);
    assert_eq!((next != job, total), (true, before + 20));
    assert_eq!(s.ended(next), None);
    assert_eq!(left(&s), 0);
}
