//! Processor time of frames: logic, layout and tessellation of every view, without a window or a renderer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use egui::{
    Context, Event as Input, Modifiers, MouseWheelSource, MouseWheelUnit, PointerButton, Pos2, RawInput, Rect,
    TouchPhase, pos2, vec2,
};
use parking_lot::Mutex;
use serde::Serialize;

use super::action::{Action, ViewMessage};
use super::app::{Options, StudioApp};
use super::views::{VIEWS, ViewId};
use crate::base::paths::Paths;
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Result};
use crate::engine::{Command, Engine, Event, Imported, Item, ItemFilter, LatentCommand, LatentEvent};
use crate::latent::atlas::gather::{Atlas, Point, Whose};
use crate::recipe::Recipe;
use crate::recipe::picture::Latent;
use crate::train::report::RunState;

/// Frames until a view has what it asked the engine for.
const SETTLE: usize = 30;
/// A run has to report before its view is measured.
const PATIENCE: Duration = Duration::from_secs(60);

/// Pictures of the gallery that is scrolled.
const PICTURES: u32 = 1_000_000;
/// Points of the atlas that is dragged about.
const POINTS: u32 = 100_000;

/// Frames of one view.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Frames {
    /// The view.
    pub view: String,
    /// Milliseconds of processor time; half of all frames take less.
    pub p50_ms: f64,
    /// 99 of 100 take less.
    pub p99_ms: f64,
}

/// Draws `frames` frames of every view at 1920×1080, the pointer moving about, while `run` trains if given; then of a
/// gallery of a million pictures that is scrolled, and of an atlas of many points that is dragged about.
///
/// # Errors
/// The run reports nothing in time, or ends before the last frame: these would be frames of a window at rest; so would
/// those of a gallery that is not scrolled, or an atlas that is not dragged.
pub fn measure(engine: Box<dyn Engine>, paths: Paths, run: Option<Recipe>, frames: usize) -> Result<Vec<Frames>> {
    measure_within(engine, paths, run, frames, PATIENCE, PICTURES)
}

fn measure_within(
    engine: Box<dyn Engine>,
    paths: Paths,
    run: Option<Recipe>,
    frames: usize,
    patience: Duration,
    pictures: u32,
) -> Result<Vec<Frames>> {
    let beside = run.is_some();
    if let Some(recipe) = run {
        engine.send(Command::StartRun { recipe: Box::new(recipe), from: None, device: "cpu".into() });
    }
    let options = Options { remember: false, ..Options::default() };
    let told = Told::default();
    let thumbs = Arc::new(AtomicUsize::new(0));
    let engine = Box::new(Fed { engine, told: told.clone(), thumbs: thumbs.clone() });
    let app = StudioApp::new(engine, paths, options);
    let mut window = Window { app, ctx: Context::default(), frame: 0, held: None, pressed: false, turned: false };
    let begun = Instant::now();
    while beside && !window.trains() {
        window.draw();
        if begun.elapsed() >= patience || window.over() {
            let why = format!("the run reported no progress within {} s", begun.elapsed().as_secs());
            return Err(window.without_run(&why));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let measured = VIEWS.iter().map(|view| {
        window.app.act(Action::Go(view.id));
        window.frames(view.title.into(), frames)
    });
    let mut measured: Vec<Frames> = measured.collect();
    window.app.act(Action::Go(ViewId::Gallery));
    let items = Arc::new((0..pictures).map(kept).collect());
    told.lock().push(Event::Items { filter: ItemFilter::default(), items });
    window.settle();
    let before = thumbs.load(Ordering::Relaxed);
    window.turned = true;
    measured.push(window.frames(format!("Gallery of {pictures} pictures"), frames));
    window.turned = false;
    if thumbs.load(Ordering::Relaxed) == before {
        return Err(Problem::failed("The gallery was not scrolled, so its frames say nothing"));
    }
    if let Some(model) = window.app.studio().models.first().map(|m| m.model.clone()) {
        window.app.act(Action::Deliver(ViewId::Explore, Box::new(ViewMessage::Page("atlas"))));
        let atlas = Arc::new(clouds(POINTS));
        told.lock().push(Event::Latent(LatentEvent::Atlas { job: 0, model, atlas }));
        window.settle();
        window.held = Some(pos2(700.0, 520.0));
        measured.push(window.frames("Atlas".into(), frames));
        if window.ctx.dragged_id().is_none() {
            return Err(Problem::failed("The atlas was not dragged, so its frames say nothing"));
        }
    }
    if beside && window.over() {
        return Err(window.without_run("the run ended before the last frame"));
    }
    Ok(measured)
}

/// What is told besides what the engine tells.
type Told = Arc<Mutex<Vec<Event>>>;

/// An engine that is told a sheet which it never made.
struct Fed {
    engine: Box<dyn Engine>,
    told: Told,
    /// Small pictures that were asked for.
    thumbs: Arc<AtomicUsize>,
}

impl Engine for Fed {
    fn send(&self, command: Command) {
        match command {
            Command::Latent(LatentCommand::AtlasThumbs { .. }) => {}
            // They are none of the library's.
            Command::ItemThumbs { ids } => {
                self.thumbs.fetch_add(ids.len(), Ordering::Relaxed);
                let thumb = |id: &i64| (*id, Picture::filled(64, 64, [*id as u8, (*id >> 8) as u8, 90, 255]));
                self.told.lock().push(Event::ItemThumbs(ids.iter().map(thumb).collect()));
            }
            command => self.engine.send(command),
        }
    }

    fn poll(&self) -> Vec<Event> {
        let mut events = self.engine.poll();
        events.append(&mut self.told.lock());
        events
    }

    fn on_wake(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.engine.on_wake(wake);
    }

    fn shut_down(&self) {
        self.engine.shut_down();
    }
}

/// A picture of a gallery, of one of a few shapes.
fn kept(i: u32) -> Item {
    let imported = Imported {
        dataset: "pictures".into(),
        real: true,
        label: None,
        caption: None,
        source: "pictures".into(),
        name: format!("{i}.png"),
    };
    Item {
        id: i64::from(i) + 1,
        path: format!("{i}.png").into(),
        width: 48 + i % 5 * 16,
        height: 64,
        model: String::new(),
        rating: (i % 6) as u8,
        starred: i.is_multiple_of(7),
        tags: Vec::new(),
        created: i64::from(i),
        recipe: None,
        imported: Some(imported),
    }
}

/// A sheet of so many points in a few clouds, half of them real.
pub(super) fn clouds(points: u32) -> Atlas {
    let mut s = Stream::new(5, "clouds");
    let mut point = |i: u32| {
        let middle = [(i % 5) as f32 * 0.4 - 0.8, (i % 7) as f32 * 0.25 - 0.75];
        let place = middle.map(|m| m + s.normal() * 0.1);
        if i.is_multiple_of(2) {
            let (name, label) = (format!("picture {i}"), Some(i % 5));
            let whose = Whose::Real { index: i, name, label, covered: true, hardness: Some((i % 100) as f32 / 100.0) };
            return Point { place, whose, latent: None };
        }
        let seed = u64::from(i);
        Point { place, whose: Whose::Generated { seed }, latent: Some(Latent::Seed { seed }) }
    };
    let points = (0..points).map(&mut point).collect();
    Atlas { points, labels: (0..5).map(|i| format!("cloud {i}")).collect(), source: String::new(), holes: Vec::new() }
}

struct Window {
    app: StudioApp,
    ctx: Context,
    frame: usize,
    /// Where the pointer is held down and moves around.
    held: Option<Pos2>,
    /// Whether it has been pressed.
    pressed: bool,
    /// Whether the wheel is turned.
    turned: bool,
}

impl Window {
    fn settle(&mut self) {
        for _ in 0..SETTLE {
            self.draw();
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Draws until a view has what it asked for, then measures frames.
    fn frames(&mut self, view: String, frames: usize) -> Frames {
        self.settle();
        let times: Vec<f64> = (0..frames).map(|_| self.draw()).collect();
        let at = |q| crate::bench::quantile(&times, q);
        Frames { view, p50_ms: at(0.5), p99_ms: at(0.99) }
    }

    /// Whether a run has reported pictures that it learned from.
    fn trains(&self) -> bool {
        self.app.studio().runs.iter().any(|r| r.progress.images > 0)
    }

    /// Whether there was a run and none goes on.
    fn over(&self) -> bool {
        let runs = &self.app.studio().runs;
        !runs.is_empty() && !runs.iter().any(|r| r.state.is_alive() || r.state == RunState::Queued)
    }

    /// Says that there was no run to measure frames beside, and what the run says of it.
    fn without_run(&self, why: &str) -> Problem {
        let told = self.app.studio().runs.iter().find_map(|r| r.problem.as_ref());
        let why = told.map_or_else(|| why.to_string(), |p| format!("{why}: {p}"));
        Problem::failed("Frames were not measured, as no run trained beside the window")
            .because(why)
            .try_this("Choose pictures that can be trained on with --data")
    }

    /// One frame; milliseconds of processor time.
    fn draw(&mut self) -> f64 {
        self.frame += 1;
        let mut pointer = pos2(80.0 + (self.frame * 7 % 1800) as f32, 60.0 + (self.frame * 5 % 960) as f32);
        let mut events = Vec::new();
        if let Some(middle) = self.held {
            let turn = self.frame as f32 * 0.1;
            pointer = middle + vec2(turn.cos(), turn.sin()) * 60.0;
            if !std::mem::replace(&mut self.pressed, true) {
                let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
                events.push(Input::PointerButton { pos: pointer, button, pressed: true, modifiers });
            }
        }
        if self.turned {
            pointer = pos2(700.0, 600.0) + vec2((self.frame % 90) as f32, (self.frame % 70) as f32);
            let (unit, delta, modifiers) = (MouseWheelUnit::Point, vec2(0.0, -900.0), Modifiers::NONE);
            let (phase, source) = (TouchPhase::Move, MouseWheelSource::Unknown);
            events.push(Input::MouseWheel { unit, delta, phase, modifiers, source });
        }
        events.insert(0, Input::PointerMoved(pointer));
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), vec2(1920.0, 1080.0))),
            time: Some(self.frame as f64 / 60.0),
            events,
            ..RawInput::default()
        };
        let begun = thread_ms();
        let app = &mut self.app;
        let output = self.ctx.run_ui(input, |ui| {
            app.logic(&ui.ctx().clone());
            app.draw(ui);
        });
        let triangles = self.ctx.tessellate(output.shapes, output.pixels_per_point);
        let taken = thread_ms() - begun;
        debug_assert!(!triangles.is_empty());
        taken
    }
}

/// Processor time of this thread, so that a run that trains beside does not count.
#[cfg(unix)]
pub(crate) fn thread_ms() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid place for the answer.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    time.tv_sec as f64 * 1e3 + time.tv_nsec as f64 / 1e6
}

/// Time on the clock, where that of a thread is not told.
#[cfg(not(unix))]
pub(crate) fn thread_ms() -> f64 {
    use std::sync::OnceLock;
    static BEGUN: OnceLock<Instant> = OnceLock::new();
    BEGUN.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::fake::ScriptedEngine;
    use crate::recipe::preset::{self, Facts};

    /// Takes everything and says nothing.
    struct Silent;

    impl Engine for Silent {
        fn send(&self, _: Command) {}
        fn poll(&self) -> Vec<Event> {
            Vec::new()
        }
        fn on_wake(&self, _: Box<dyn Fn() + Send + Sync>) {}
        fn shut_down(&self) {}
    }

    #[test]
    fn a_run_that_never_reports_is_told_instead_of_frames() {
        let home = tempfile::tempdir().unwrap();
        let recipe = preset::PRESETS[0].recipe(Facts { pictures: 100, resolution: 32.into() });
        let patience = Duration::from_millis(60);
        let within = |recipe| measure_within(Box::new(Silent), Paths::under(home.path()), recipe, 2, patience, 3000);
        let problem = within(Some(recipe)).unwrap_err();
        assert!(problem.what.contains("no run trained"), "{problem}");
        assert!(problem.detail.unwrap().contains("no progress"));
        assert_eq!(within(None).unwrap().len(), VIEWS.len() + 1, "without a run there is nothing to wait for");
    }

    #[test]
    fn every_view_is_measured() {
        let home = tempfile::tempdir().unwrap();
        let engine = Box::new(ScriptedEngine::new());
        let measured = measure_within(engine, Paths::under(home.path()), None, 3, PATIENCE, 3000).unwrap();
        assert_eq!(measured.len(), VIEWS.len() + 2);
        assert_eq!(measured[VIEWS.len()].view, "Gallery of 3000 pictures");
        assert_eq!(measured.last().unwrap().view, "Atlas");
        assert!(measured.iter().all(|v| v.p50_ms > 0.0 && v.p50_ms <= v.p99_ms));
    }
}
