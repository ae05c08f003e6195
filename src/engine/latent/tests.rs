//! Real models behind the engine, as the window asks them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::*;
use crate::base::paths::Paths;
use crate::base::{Kind, Problem};
use crate::engine::backend::RealBackend;
use crate::engine::runs::launch::ThreadLaunch;
use crate::engine::studio::{Options, StudioEngine};
use crate::engine::{Command, Engine, Event};
use crate::latent::directions::Move;
use crate::latent::directions::search::Find;
use crate::recipe::picture::Latent;

/// A studio with the shipped models and nothing else.
pub(super) struct Studio {
    pub home: tempfile::TempDir,
    pub engine: StudioEngine,
    seen: Vec<Event>,
}

impl Studio {
    pub fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        let options = Options {
            backend: Arc::new(RealBackend::new(paths.clone(), "cpu")),
            launch: Box::new(ThreadLaunch(Arc::new(|_, _| Ok(())))),
            program: "/bin/false".into(),
            paths,
        };
        Self { home, engine: StudioEngine::start(options).unwrap(), seen: Vec::new() }
    }

    pub fn ask(&self, command: LatentCommand) {
        self.engine.send(Command::Latent(command));
    }

    pub fn until<T>(&mut self, what: &str, mut done: impl FnMut(&Event) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            self.seen.extend(self.engine.poll());
            if let Some((i, found)) = self.seen.iter().enumerate().find_map(|(i, e)| done(e).map(|f| (i, f))) {
                self.seen.remove(i);
                return found;
            }
            let so_far = format!("{:?}", self.seen);
            assert!(start.elapsed() < Duration::from_secs(120), "waited for {what}; saw {so_far:.600}");
            std::thread::sleep(Duration::from_millis(3));
        }
    }

    pub fn told<T>(&mut self, what: &str, mut done: impl FnMut(&LatentEvent) -> Option<T>) -> T {
        self.until(what, |e| if let Event::Latent(e) = e { done(e) } else { None })
    }

    pub fn ended(&mut self, job: u64) -> Option<Problem> {
        self.until("the job's end", |e| match e {
            Event::JobEnded { job: j, problem } if *j == job => Some(problem.clone()),
            _ => None,
        })
    }

    fn latents(&mut self, ticket: u64) -> Vec<Latent> {
        self.told("latents", |e| match e {
            LatentEvent::Latents { ticket: t, latents, .. } if *t == ticket => Some(latents.clone()),
            _ => None,
        })
    }

    fn directions(&mut self) -> Arc<Vec<crate::latent::directions::Direction>> {
        self.told("directions", |e| match e {
            LatentEvent::Directions { directions, .. } => Some(directions.clone()),
            _ => None,
        })
    }
}

pub(super) const MODEL: &str = "nouns-gan";

#[test]
fn directions_are_found_kept_moved_along_and_forgotten() {
    let mut s = Studio::new();
    let model = MODEL.to_string();
    s.ask(LatentCommand::FindDirections { job: 1, model: model.clone(), find: Find::Sefa { layers: None, count: 3 } });
    let found = s.directions();
    assert_eq!(found.iter().map(|d| d.name.as_str()).collect::<Vec<_>>(), ["SeFa 1", "SeFa 2", "SeFa 3"]);
    assert!(found[0].cosine(&found[1]).abs() < 1e-3);
    assert_eq!(s.ended(1), None);

    let moves = vec![Move { direction: found[0].clone(), strength: 2.0 }];
    let seeds: Vec<Latent> = (0..2).map(|seed| Latent::Seed { seed }).collect();
    s.ask(LatentCommand::Move { ticket: 9, model: model.clone(), latents: seeds.clone(), moves });
    let moved = s.latents(9);
    let step = moved[1].values(64)[5] - seeds[1].values(64)[5];
    assert!((step - 2.0 * found[0].values[5]).abs() < 1e-5);

    let renamed = crate::latent::directions::Direction { name: "Bigger".into(), ..found[1].clone() };
    s.ask(LatentCommand::KeepDirection { model: model.clone(), direction: renamed, replaces: Some("SeFa 2".into()) });
    assert_eq!(s.directions()[1].name, "Bigger");
    s.ask(LatentCommand::RemoveDirections { model: model.clone(), names: vec!["SeFa 1".into()] });
    assert_eq!(s.directions().len(), 2);
    let file = s.home.path().join("directions.json");
    s.ask(LatentCommand::ExportDirections { job: 2, model: model.clone(), names: Vec::new(), out: file.clone() });
    assert_eq!(s.ended(2), None);
    s.ask(LatentCommand::RemoveDirections { model: model.clone(), names: vec!["Bigger".into()] });
    assert_eq!(s.directions().len(), 1);
    s.ask(LatentCommand::ImportDirections { model: model.clone(), path: file });
    assert_eq!(s.directions().len(), 2, "the one that is there already is not doubled");

    // A model without styles says so.
    s.ask(LatentCommand::ToStyles { ticket: 1, model, latents: seeds, each_layer: false });
    let told = s.until("the refusal", |e| if let Event::Message(p) = e { Some(p.clone()) } else { None });
    assert_eq!(told.kind, Kind::Usage);
}

const VAE: &str = "shapes-beta-vae";

#[test]
fn maps_make_what_is_wanted_now_and_forget_the_rest() {
    use crate::latent::interpolate::Mode;
    use crate::latent::map::Plane;
    let mut s = Studio::new();
    let seed = |seed| Latent::Seed { seed };
    let plane = Plane::Through { a: seed(1), b: seed(2), c: seed(3), mode: Mode::Slerp };
    let want = |tiles: Vec<(i64, i64)>| LatentCommand::MapTiles {
        map: 1,
        model: VAE.into(),
        plane: plane.clone(),
        truncation: 1.0,
        zoom: 0,
        tiles,
    };
    s.ask(want(vec![(0, 0), (1, 0)]));
    let tile = |wanted: (i64, i64)| {
        move |e: &LatentEvent| match e {
            LatentEvent::MapTile { tile, picture, .. } if *tile == wanted => Some(picture.clone()),
            _ => None,
        }
    };
    let first = s.told("the first tile", tile((0, 0)));
    s.told("the second tile", tile((1, 0)));
    let model = crate::latent::model::LoadedModel::open(VAE, &Paths::under(s.home.path()), "cpu").unwrap();
    assert_eq!(first, model.tile(&plane, 0, 0, 0, 1.0).unwrap());

    s.ask(want((0..2000).map(|i| (i, 5)).collect()));
    s.told("some tile", tile((0, 5)));
    s.ask(want(vec![(-7, -7)]));
    s.told("the tile that is wanted now", tile((-7, -7)));
    std::thread::sleep(Duration::from_millis(100));
    s.seen.extend(s.engine.poll());
    let late = s.seen.iter().filter(|e| matches!(e, Event::Latent(LatentEvent::MapTile { .. }))).count();
    assert!(late < 1900, "{late} tiles that nobody wants any more");
    // A plane that the model has not is told once.
    s.ask(LatentCommand::MapTiles {
        map: 2,
        model: MODEL.into(),
        plane: Plane::Code,
        truncation: 1.0,
        zoom: 0,
        tiles: vec![(0, 0), (1, 0)],
    });
    s.until("the refusal", |e| if let Event::Message(p) = e { Some(p.clone()) } else { None });
}

#[test]
fn the_newest_grid_of_a_session_is_laid_out_and_what_does_not_fit_is_told() {
    use crate::latent::even_spacing::Measure;
    use crate::latent::interpolate::Mode;
    use crate::latent::interpolation_grid::{GridConfig, Layout};
    let mut s = Studio::new();
    let anchors: Vec<Latent> = (1..=3).map(|seed| Latent::Seed { seed }).collect();
    let (layout, mode) = (Layout::Line, Mode::Slerp);
    let wish = GridConfig {
        anchors,
        layout,
        across: 0,
        columns: 9,
        rows: 1,
        mode,
        styles: false,
        even: Some(Measure::Pixels),
    };
    let lay = |ticket: u64, wish: &GridConfig| LatentCommand::LayOut {
        session: 1,
        ticket,
        model: VAE.into(),
        wish: wish.clone(),
        truncation: 1.0,
    };
    for ticket in 1..=5 {
        s.ask(lay(ticket, &wish));
    }
    let laid = s.told("the newest", |e| match e {
        LatentEvent::LaidOut { ticket: 5, laid, .. } => laid.clone(),
        _ => None,
    });
    assert_eq!((laid.cells.len(), laid.anchors.len()), (9, 3));
    assert!(laid.spread.unwrap() < 0.2, "{:?}", laid.spread);
    let told = s.seen.iter().filter(|e| matches!(e, Event::Latent(LatentEvent::LaidOut { .. }))).count();
    assert!(told < 4, "{told} that nobody wants any more");
    s.ask(lay(6, &GridConfig { styles: true, ..wish.clone() }));
    s.told("that there is none", |e| matches!(e, LatentEvent::LaidOut { ticket: 6, laid: None, .. }).then_some(()));
    s.until("why", |e| matches!(e, Event::Message(p) if p.kind == Kind::Usage).then_some(()));
    s.ask(lay(7, &wish));
    s.ask(LatentCommand::StopDrag { session: 1 });
    s.ask(LatentCommand::LayOut { session: 2, ticket: 8, model: VAE.into(), wish, truncation: 1.0 });
    s.told("another session", |e| matches!(e, LatentEvent::LaidOut { ticket: 8, .. }).then_some(()));
}

#[test]
fn dragging_goes_on_until_it_is_stopped_or_begun_anew() {
    use crate::latent::drag::{DragConfig, Handle};
    let mut s = Studio::new();
    let drag = |session: u64, to: [f32; 2]| LatentCommand::Drag {
        session,
        model: VAE.into(),
        latent: Latent::Seed { seed: 3 },
        truncation: 1.0,
        wish: DragConfig {
            handles: vec![Handle { from: [16.0, 16.0], to }],
            steps: 4000,
            rate: 1e-6,
            ..DragConfig::default()
        },
    };
    s.ask(drag(1, [24.0, 16.0]));
    let standing = |e: &LatentEvent| match e {
        LatentEvent::Dragged { standing, .. } if standing.step > 1 => Some(standing.clone()),
        _ => None,
    };
    let now = s.told("a step", standing);
    assert!(!now.done && now.points.len() == 1 && now.left > 4.0);
    s.ask(drag(1, [8.0, 16.0]));
    s.told("a step of the second", |e| match e {
        LatentEvent::Dragged { standing, .. } if standing.step == 1 => Some(()),
        _ => None,
    });
    s.ask(LatentCommand::StopDrag { session: 1 });
    // The lane is free again.
    s.ask(drag(2, [9.0, 9.0]));
    s.told("a step of another session", |e| matches!(e, LatentEvent::Dragged { session: 2, .. }).then_some(()));
    s.ask(LatentCommand::StopDrag { session: 2 });
    s.ask(LatentCommand::Drag {
        session: 3,
        model: VAE.into(),
        latent: Latent::Seed { seed: 3 },
        truncation: 1.0,
        wish: DragConfig::default(),
    });
    s.until("the refusal", |e| matches!(e, Event::Message(p) if p.kind == Kind::Usage).then_some(()));
}

#[test]
fn children_are_bred_kept_and_know_their_parents() {
    use crate::engine::ItemFilter;
    use crate::latent::breed::BreedConfig;
    let mut s = Studio::new();
    let parents: Vec<Latent> = (1..=2).map(|seed| Latent::Seed { seed }).collect();
    s.engine.send(Command::Keep {
        job: None,
        model: VAE.into(),
        latents: parents.clone(),
        truncation: 1.0,
        made_by: "sample".into(),
        starred: false,
    });
    s.until("kept parents", |e| matches!(e, Event::ItemsChanged).then_some(()));
    s.engine.send(Command::ListItems { filter: ItemFilter::default() });
    let items = s.until("items", |e| if let Event::Items { items, .. } = e { Some(items.clone()) } else { None });
    let ids: Vec<i64> = items.iter().map(|i| i.id).collect();
    s.ask(LatentCommand::Breed {
        ticket: 4,
        model: VAE.into(),
        parents,
        wish: BreedConfig { count: 5, ..BreedConfig::default() },
    });
    let litter = s.told("children", |e| match e {
        LatentEvent::Offspring { ticket: 4, children, .. } => Some(children.clone()),
        _ => None,
    });
    assert_eq!(litter.len(), 5);
    let family = |e: &LatentEvent| match e {
        LatentEvent::Family { item, members } => Some((*item, members.clone())),
        _ => None,
    };
    let keep = |latent: &Latent, parents: Vec<i64>| LatentCommand::KeepChild {
        model: VAE.into(),
        latent: latent.clone(),
        truncation: 1.0,
        parents,
    };
    s.ask(keep(&litter[0].latent, ids.clone()));
    let (child, members) = s.told("its family", family);
    assert_eq!(members.len(), 3);
    let own = members.iter().find(|m| m.item.id == child).unwrap();
    assert!(own.parents.len() == 2 && own.item.recipe.as_ref().unwrap().made_by == "breeding");
    s.ask(keep(&litter[1].latent, vec![child]));
    let (grandchild, members) = s.told("the next family", family);
    assert!(members.len() == 4 && grandchild != child);
    s.ask(LatentCommand::Family { item: ids[0] });
    let (_, members) = s.told("a parent's family", family);
    let all: Vec<i64> = members.iter().map(|m| m.item.id).collect();
    assert!(all.contains(&grandchild) && !all.contains(&ids[1]), "its children, not who they are by");
}

#[test]
fn a_file_that_is_gone_keeps_no_other_picture_off_the_atlas() {
    use crate::engine::ItemFilter;
    use crate::latent::atlas::Layout;
    use crate::latent::atlas::gather::{AtlasConfig, Whose};
    let mut s = Studio::new();
    let latents: Vec<Latent> = (1..=3).map(|seed| Latent::Seed { seed }).collect();
    let (model, made_by) = (VAE.to_string(), "sample".to_string());
    s.engine.send(Command::Keep { job: None, model, latents, truncation: 1.0, made_by, starred: false });
    s.until("kept pictures", |e| matches!(e, Event::ItemsChanged).then_some(()));
    s.engine.send(Command::ListItems { filter: ItemFilter::default() });
    let items = s.until("items", |e| if let Event::Items { items, .. } = e { Some(items.clone()) } else { None });
    let kept: Vec<i64> = items.iter().map(|i| i.id).collect();
    let wish = AtlasConfig { data: None, samples: 12, layout: Layout::Pca, ..AtlasConfig::default() };
    s.ask(LatentCommand::Atlas { job: 1, model: VAE.into(), wish, kept: kept.clone() });
    let atlas =
        s.told("the atlas", |e| if let LatentEvent::Atlas { atlas, .. } = e { Some(atlas.clone()) } else { None });
    std::fs::remove_file(&items[1].path).unwrap();
    let points: Vec<u32> = (0..atlas.points.len() as u32).collect();
    s.ask(LatentCommand::AtlasThumbs { model: VAE.into(), points: points.clone(), size: 16 });
    let thumbs =
        s.told("thumbs", |e| if let LatentEvent::AtlasThumbs { thumbs, .. } = e { Some(thumbs.clone()) } else { None });
    let is_gone = |i: &u32| matches!(atlas.points[*i as usize].whose, Whose::Kept { id } if id == kept[1]);
    let mut there: Vec<u32> = thumbs.iter().map(|t| t.0).collect();
    there.sort_unstable();
    assert_eq!(there, points.into_iter().filter(|i| !is_gone(i)).collect::<Vec<_>>());
    assert_eq!((there.len(), atlas.points.len()), (14, 15));
    let file = items[1].path.display().to_string();
    s.until("what is missing", |e| matches!(e, Event::Message(p) if p.subject.as_ref() == Some(&file)).then_some(()));
}

#[test]
fn films_sheets_and_looks_inside() {
    use crate::engine::ExportOptions;
    use crate::latent::activations::Look;
    use crate::latent::atlas::Layout;
    use crate::latent::atlas::gather::AtlasConfig;
    use crate::latent::film::Timeline;
    let mut s = Studio::new();
    let mut timeline = Timeline { model: VAE.into(), ..Timeline::example() };
    timeline.keys.truncate(1);
    timeline.seconds = 0.3;
    timeline.truncation = None;
    let timeline = Box::new(timeline);
    s.ask(LatentCommand::Frames { ticket: 1, model: VAE.into(), timeline: timeline.clone(), times: vec![0.0, 0.1] });
    let frames = s.told("frames", |e| match e {
        LatentEvent::Frames { ticket: 1, frames, .. } => Some(frames.clone()),
        _ => None,
    });
    assert!(frames.len() == 2 && frames[0] != frames[1]);
    let out = s.home.path().join("film.gif");
    let options = ExportOptions { format: "gif".into(), out: out.clone(), fps: 20, ..ExportOptions::default() };
    s.ask(LatentCommand::Film { job: 5, model: VAE.into(), timeline, options });
    assert_eq!(s.ended(5), None);
    assert!(out.is_file());
    assert_eq!(crate::export::read_recipe(&out).unwrap().unwrap().made_by, "film");

    let wish =
        AtlasConfig { data: Some("shapes:30".into()), samples: 20, layout: Layout::Pca, ..AtlasConfig::default() };
    s.ask(LatentCommand::Atlas { job: 6, model: VAE.into(), wish, kept: Vec::new() });
    let atlas =
        s.told("the sheet", |e| if let LatentEvent::Atlas { atlas, .. } = e { Some(atlas.clone()) } else { None });
    assert_eq!(atlas.points.len(), 50);
    s.ask(LatentCommand::AtlasThumbs { model: VAE.into(), points: vec![2, 40, 99], size: 16 });
    let thumbs =
        s.told("thumbs", |e| if let LatentEvent::AtlasThumbs { thumbs, .. } = e { Some(thumbs.clone()) } else { None });
    assert_eq!(thumbs.iter().map(|t| (t.0, t.1.width)).collect::<Vec<_>>(), [(2, 16), (40, 16)]);
    s.ask(LatentCommand::AtlasAt {
        ticket: 7,
        model: VAE.into(),
        places: [45, 3].map(|i| atlas.points[i].place).to_vec(),
    });
    let there = s.latents(7);
    assert_eq!(there.len(), 2);
    assert!((there[0].values(10)[3] - atlas.points[45].latent.as_ref().unwrap().values(10)[3]).abs() < 1e-3);

    let latent = Latent::Seed { seed: 2 };
    let look = Look { tap: 1, ..Look::default() };
    s.ask(LatentCommand::Inside { ticket: 8, model: VAE.into(), latent: latent.clone(), truncation: 1.0, look });
    let inside =
        s.told("features", |e| if let LatentEvent::Inside { inside, .. } = e { Some(inside.clone()) } else { None });
    assert!(inside.channels.len() > 8 && inside.channels[0].map.width == 8);
    s.ask(LatentCommand::ChannelEffects { job: 9, model: VAE.into(), latent, truncation: 1.0, tap: 1 });
    let effects = s.told("effects", |e| {
        if let LatentEvent::ChannelEffects { effects, .. } = e { Some(effects.clone()) } else { None }
    });
    assert_eq!(effects.len(), inside.channels.len());
    s.ask(LatentCommand::CodeUse { job: 10, model: VAE.into(), data: "shapes:30".into() });
    let numbers =
        s.told("codes", |e| if let LatentEvent::CodeUse { numbers, .. } = e { Some(numbers.clone()) } else { None });
    assert_eq!(numbers.len(), 10);
    let data = "shapes:30".to_string();
    s.ask(LatentCommand::CodePlane { job: 11, model: "fashion-vae-2d".into(), data });
    let points =
        s.told("a plane", |e| if let LatentEvent::CodePlane { points, .. } = e { Some(points.clone()) } else { None });
    assert!(!points.is_empty() && points.iter().all(|p| p.at.iter().all(|v| v.is_finite())));
    s.ask(LatentCommand::FindOwnData { model: VAE.into() });
    let there =
        s.told("whether", |e| if let LatentEvent::OwnDataFound { there, .. } = e { Some(*there) } else { None });
    assert!(there, "the shapes are built in");
}

#[test]
fn pictures_are_taken_in_painted_on_and_looked_at_for_faults() {
    use crate::latent::{invert, latent_edit};
    let mut s = Studio::new();
    let model = crate::latent::model::LoadedModel::open(VAE, &Paths::under(s.home.path()), "cpu").unwrap();
    let latent = Latent::Seed { seed: 6 };
    let picture = model.generate(std::slice::from_ref(&latent), 1.0).unwrap().remove(0);
    let file = s.home.path().join("own.png");
    crate::export::write_png(&file, &picture, None).unwrap();
    let wish = invert::InvertConfig { steps: 10, show: 5, ..invert::InvertConfig::default() };
    s.ask(LatentCommand::Invert { job: 1, model: VAE.into(), inputs: vec![file.clone()], wish });
    s.told("the way", |e| matches!(e, LatentEvent::Inverting { .. }).then_some(()));
    let found =
        s.told("the latent", |e| if let LatentEvent::Inverted { found, .. } = e { Some(found.clone()) } else { None });
    assert!(found.psnr >= found.guess.as_ref().unwrap().1 && found.psnr > 15.0, "{}", found.psnr);
    assert_eq!(s.ended(1), None);

    let mut wish = latent_edit::EditConfig { steps: 6, ..latent_edit::EditConfig::default() };
    wish.paint = [0, 0, 255, 255].repeat(16).into_iter().chain([0; 4].repeat(32 * 32 - 16)).collect();
    s.ask(LatentCommand::Paint { job: 2, model: VAE.into(), latent, truncation: 1.0, wish });
    s.told("what was painted", |e| matches!(e, LatentEvent::Painted { .. }).then_some(()));
    s.ask(LatentCommand::Mend {
        job: 3,
        model: VAE.into(),
        input: file.clone(),
        hole: Some((0..1024).map(|i| u8::from(i < 200)).collect()),
        typical: 1e-3,
        steps: 4,
    });
    s.told("what was mended", |e| matches!(e, LatentEvent::Mended { .. }).then_some(()));
    s.ask(LatentCommand::TakeIn { ticket: 5, model: VAE.into(), input: file.clone() });
    let taken = s.told("the picture as the model sees it", |e| match e {
        LatentEvent::TakenIn { ticket: 5, picture, .. } => Some(picture.clone()),
        _ => None,
    });
    assert_eq!(*taken.unwrap(), picture);
    s.ask(LatentCommand::TakeIn { ticket: 6, model: VAE.into(), input: "/nowhere.png".into() });
    s.told("that there is none", |e| matches!(e, LatentEvent::TakenIn { ticket: 6, picture: None, .. }).then_some(()));
    s.until("why", |e| matches!(e, Event::Message(_)).then_some(()));
    let (out, latent) = (s.home.path().join("mended.png"), Latent::Seed { seed: 6 });
    let whole = Box::new(picture.clone());
    s.ask(LatentCommand::WriteMended {
        job: 7,
        model: VAE.into(),
        latent,
        picture: whole,
        photo: file.clone(),
        out: out.clone(),
    });
    assert_eq!(s.ended(7), None);
    assert_eq!(crate::data::decode_file(&out).unwrap(), picture);
    assert_eq!(crate::export::read_recipe(&out).unwrap().unwrap().made_by, "mended");
    s.ask(LatentCommand::Anomaly { ticket: 4, model: VAE.into(), input: file });
    let anomaly =
        s.told("faults", |e| if let LatentEvent::Anomaly { anomaly, .. } = e { Some(anomaly.clone()) } else { None });
    assert!(anomaly.error < 2.0 * anomaly.usual);
    s.ask(LatentCommand::ListEncoder { model: MODEL.into() });
    s.told("whether there is an encoder", |e| matches!(e, LatentEvent::Encoder { .. }).then_some(()));
}

#[test]
fn what_is_quick_does_not_wait_behind_a_search() {
    let mut s = Studio::new();
    let model = MODEL.to_string();
    // A search that takes minutes.
    let find = Find::Principal { tap: None, count: 4, samples: 20_000 };
    s.ask(LatentCommand::FindDirections { job: 1, model: model.clone(), find });
    s.until("the search is on", |e| matches!(e, Event::Job { job: 1, .. }).then_some(()));
    let direction = crate::latent::directions::Direction {
        name: "mine".into(),
        values: vec![0.1; 64],
        ..crate::latent::directions::Direction::default()
    };
    s.ask(LatentCommand::KeepDirection { model: model.clone(), direction, replaces: None });
    let out = s.home.path().join("mine.json");
    s.ask(LatentCommand::ExportDirections { job: 2, model: model.clone(), names: Vec::new(), out: out.clone() });
    assert!(s.directions().iter().any(|d| d.name == "mine"));
    assert_eq!(s.ended(2), None);
    assert!(out.is_file());
    assert!(!s.seen.iter().any(|e| matches!(e, Event::JobEnded { job: 1, .. })), "the search goes on");
    s.engine.send(Command::Cancel { job: 1 });
    assert_eq!(s.ended(1).map(|p| p.kind), Some(Kind::Interrupted));
}

#[test]
fn a_latent_of_another_model_is_a_problem_and_never_a_panic() {
    let mut s = Studio::new();
    let style = Latent::Place(crate::recipe::picture::Place {
        space: crate::recipe::picture::Space::W,
        values: vec![0.1; 1024],
        ..crate::recipe::picture::Place::default()
    });
    let point = Latent::Point { values: vec![0.1; 3] };
    for latent in [style, point] {
        let model = MODEL.to_string();
        let latents = vec![latent.clone()];
        s.engine.send(Command::Generate(crate::engine::GenerateRequest {
            slot: 1,
            ticket: 1,
            model: model.clone(),
            latents: latents.clone(),
            truncation: 1.0,
        }));
        s.ask(LatentCommand::Inside {
            ticket: 2,
            model: model.clone(),
            latent: latent.clone(),
            truncation: 1.0,
            look: crate::latent::activations::Look::default(),
        });
        s.ask(LatentCommand::Breed {
            ticket: 3,
            model: model.clone(),
            parents: latents.clone(),
            wish: Default::default(),
        });
        s.ask(LatentCommand::Move { ticket: 4, model: model.clone(), latents, moves: Vec::new() });
        s.ask(LatentCommand::Paint {
            job: 5,
            model,
            latent,
            truncation: 1.0,
            wish: crate::latent::latent_edit::EditConfig { paint: vec![255; 32 * 32 * 4], ..Default::default() },
        });
        for what in ["generate", "inside", "breed", "move"] {
            let told = s.until(what, |e| if let Event::Message(p) = e { Some(p.clone()) } else { None });
            assert_eq!(told.what, "This latent belongs to another model", "{what}: {told}");
        }
        assert_eq!(s.ended(5).unwrap().what, "This latent belongs to another model");
    }
}
