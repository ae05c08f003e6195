use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::base::Family;
use crate::engine::fake;
use crate::latent::prior::Kind;

/// Made models that count how often they are loaded and take `slow` for each picture.
#[derive(Clone, Default)]
pub(crate) struct Made {
    pub loads: Arc<AtomicU32>,
    pub slow: Duration,
    pub version: Arc<AtomicU32>,
    /// What the models say they were trained on, in place of what they usually say.
    pub data: Option<crate::recipe::DataRecipe>,
    /// Models that have a fitted prior.
    pub priors: Arc<Mutex<Vec<String>>>,
}

struct MadeModel(ModelInfo, Duration);

impl Backend for Made {
    fn open(&self, model: &str) -> Result<Box<dyn Inference>> {
        self.loads.fetch_add(1, Ordering::SeqCst);
        let mut info = fake::models()
            .into_iter()
            .find(|m| m.model == model)
            .ok_or_else(|| Problem::data("There is no such model").of(model))?;
        if let Some(data) = &self.data {
            info.recipe.data = data.clone();
        }
        if self.priors.lock().iter().any(|m| m == model) {
            info.prior = Some(fake::prior());
        }
        info.hash = format!("{}-{}", info.hash, self.version.load(Ordering::SeqCst));
        Ok(Box::new(MadeModel(info, self.slow)))
    }
    fn stamp(&self, _model: &str) -> Option<String> {
        Some(self.version.load(Ordering::SeqCst).to_string())
    }
    fn list(&self, _runs: &[PathBuf]) -> crate::models::info::Listing {
        crate::models::info::Listing { models: fake::models(), broken: Vec::new() }
    }
    fn import(&self, path: &Path) -> Result<ModelInfo> {
        Err(Problem::data("This is no model").of(path.display().to_string()))
    }
    fn export(&self, model: &str, out: &Path) -> Result<()> {
        crate::base::paths::write_atomically(out, model.as_bytes())
    }
    fn fit_prior(&self, wish: &PriorConfig, progress: &dyn Progress) -> Result<()> {
        progress.report("Fitting the prior", 1, 1);
        self.priors.lock().push(wish.model.clone());
        self.version.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    fn remove_prior(&self, model: &str) -> Result<()> {
        self.priors.lock().retain(|m| m != model);
        self.version.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    fn candidates(&self) -> Vec<(String, String)> {
        vec![("cpu".into(), "Made".into())]
    }
    fn use_device(&self, id: &str) -> Result<()> {
        if id == "gone" { Err(Problem::failed("This device does not start").of(id)) } else { Ok(()) }
    }

    fn device(&self) -> String {
        "made".into()
    }
}

impl Inference for MadeModel {
    fn info(&self) -> &ModelInfo {
        &self.0
    }
    fn use_prior(&mut self, on: bool) {
        self.0.prior.iter_mut().for_each(|p| p.on = on);
    }
    fn generate(
        &self,
        latents: &[Latent],
        truncation: f32,
        each: &mut dyn FnMut(usize, Picture) -> bool,
    ) -> Result<()> {
        for (i, latent) in latents.iter().enumerate() {
            thread::sleep(self.1);
            assert!(truncation < 99.0, "told to break");
            let mut values = latent.values(self.0.latent as usize);
            let spread = if self.0.active_prior().is_some() { 0.5 } else { 1.0 };
            values.iter_mut().for_each(|v| *v *= truncation * spread);
            if !each(i, fake::gradient(&values, self.0.resolution, self.0.channels)) {
                break;
            }
        }
        Ok(())
    }
    fn encode(&self, picture: &Picture) -> Result<Code> {
        if self.0.family != Family::Vae {
            return Err(Problem::usage("Only a VAE can encode pictures"));
        }
        let mean = picture.rgba.iter().take(self.0.latent as usize).map(|&v| f32::from(v) / 64.0).collect();
        let deviation = vec![0.5; self.0.latent as usize];
        Ok(Code { input: picture.clone(), mean, deviation, reconstruction: picture.clone() })
    }
    fn contact_sheet(&self) -> Result<Picture> {
        Ok(Picture::filled(8, 8, [7; 4]))
    }
}

fn request(slot: SlotId, ticket: u64, count: u64, model: &str) -> GenerateRequest {
    let latents = (0..count).map(|seed| Latent::Seed { seed }).collect();
    GenerateRequest { slot, ticket, model: model.into(), latents, truncation: 1.0 }
}

fn until(outbox: &Outbox, mut enough: impl FnMut(&[Event]) -> bool) -> Vec<Event> {
    let start = Instant::now();
    let mut seen = Vec::new();
    while !enough(&seen) {
        assert!(start.elapsed() < Duration::from_secs(20), "saw {seen:.300?}");
        seen.extend(outbox.take());
        thread::sleep(Duration::from_millis(2));
    }
    seen
}

fn tickets(events: &[Event]) -> Vec<u64> {
    events.iter().filter_map(|e| if let Event::Generated { ticket, .. } = e { Some(*ticket) } else { None }).collect()
}

const MODEL: &str = "nouns-gan";

#[test]
fn the_newest_request_of_a_slot_wins_and_slow_ones_still_come_through() {
    let outbox = Outbox::default();
    let made = Made { slow: Duration::from_millis(20), ..Made::default() };
    let worker = InferenceWorker::start(outbox.clone(), Arc::new(made)).unwrap();
    let handle = worker.handle();
    // Twenty pictures take 400 ms; a new request comes every 40 ms, as if a slider were dragged.
    for ticket in 0..25 {
        handle.generate(request(1, ticket, 20, MODEL));
        thread::sleep(Duration::from_millis(40));
    }
    let seen = until(&outbox, |e| tickets(e).contains(&24));
    let got = tickets(&seen);
    assert!(got.len() >= 2 && got.len() < 12, "some in between, not all: {got:?}");
    assert!(got.is_sorted());
    worker.finish();
}

#[test]
fn slots_do_not_replace_each_other_and_background_work_is_done_in_between() {
    let outbox = Outbox::default();
    let made = Made { slow: Duration::from_millis(2), ..Made::default() };
    let worker = InferenceWorker::start(outbox.clone(), Arc::new(made)).unwrap();
    let handle = worker.handle();
    let stop = Arc::new(Mutex::new(false));
    let (dragging, stopped) = (worker.handle(), stop.clone());
    let hand = thread::spawn(move || {
        let mut ticket = 0;
        while !*stopped.lock() {
            for slot in 0..3 {
                dragging.generate(request(slot, ticket, 2, MODEL));
            }
            ticket += 1;
            thread::sleep(Duration::from_millis(1));
        }
    });
    let count = handle
        .wait(Urgency::Later, |m| m.pictures("fashion-vae", &[Latent::Seed { seed: 1 }], 1.0).map(|p| p.len()))
        .unwrap();
    assert_eq!(count, 1);
    let seen =
        until(&outbox, |e| (0..3).all(|s| e.iter().any(|e| matches!(e, Event::Generated { slot, .. } if *slot == s))));
    *stop.lock() = true;
    hand.join().unwrap();
    assert!(!seen.is_empty());
    worker.finish();
    assert!(handle.wait(Urgency::Soon, |_| Ok(())).is_err(), "a closed worker says so");
}

#[test]
fn models_are_kept_loaded_and_loaded_anew_when_they_changed() {
    let made = Made::default();
    let mut models = Models { backend: Arc::new(made.clone()), loaded: Vec::new(), normal: Vec::new() };
    let first = models.newest(MODEL).unwrap().info().hash.clone();
    models.get(MODEL).unwrap();
    models.newest(MODEL).unwrap();
    assert_eq!(made.loads.load(Ordering::SeqCst), 1);
    made.version.store(1, Ordering::SeqCst);
    assert_eq!(models.get(MODEL).unwrap().info().hash, first, "while one explores, the model stays");
    assert_ne!(models.newest(MODEL).unwrap().info().hash, first);
    for other in ["fashion-vae", "fashion-vae-2d", "shapes-beta-vae", "emoji-faces-gan"] {
        models.get(other).unwrap();
    }
    assert_eq!(models.loaded.len(), KEPT);
    models.get(MODEL).unwrap();
    assert_eq!(made.loads.load(Ordering::SeqCst), 7, "the oldest one was let go");
    assert!(models.get("nothing").is_err());
}

#[test]
fn another_device_loads_models_again_and_one_that_does_not_start_changes_nothing() {
    let made = Made::default();
    let mut models = Models { backend: Arc::new(made.clone()), loaded: Vec::new(), normal: Vec::new() };
    let loads = || made.loads.load(Ordering::SeqCst);
    models.get(MODEL).unwrap();
    assert!(models.use_device("gone").is_err());
    models.get(MODEL).unwrap();
    assert_eq!(loads(), 1);
    models.use_device("vulkan").unwrap();
    models.get(MODEL).unwrap();
    assert_eq!(loads(), 2);
}

#[test]
fn a_panic_is_told_and_the_thread_goes_on() {
    let outbox = Outbox::default();
    let worker = InferenceWorker::start(outbox.clone(), Arc::new(Made::default())).unwrap();
    let handle = worker.handle();
    let broken = GenerateRequest { truncation: 100.0, ..request(1, 1, 1, MODEL) };
    handle.generate(broken);
    let told =
        |e: &[Event]| e.iter().any(|e| matches!(e, Event::Message(p) if p.subject.as_deref() == Some("inference")));
    let seen = until(&outbox, told);
    let failed = |ticket| move |e: &Event| matches!(e, Event::NotGenerated { ticket: t, .. } if *t == ticket);
    assert!(seen.iter().any(failed(1)), "whoever asked is told that no picture comes");
    for _ in 0..3 {
        handle.generate(request(1, 2, 1, "nothing"));
        thread::sleep(Duration::from_millis(30));
    }
    handle.generate(request(2, 3, 1, MODEL));
    let seen = until(&outbox, |e| tickets(e).contains(&3));
    assert_eq!(seen.iter().filter(|e| matches!(e, Event::Message(_))).count(), 1, "told once, not thirty times");
    assert!(seen.iter().any(failed(2)));
    worker.finish();
}

#[test]
fn a_prior_stays_switched_off_when_a_model_is_loaded_again() {
    let made = Made::default();
    made.fit_prior(&PriorConfig::new(MODEL, "", Kind::Gmm), &crate::base::progress::Quiet::default()).unwrap();
    let mut models = Models { backend: Arc::new(made.clone()), loaded: Vec::new(), normal: Vec::new() };
    let on = |models: &mut Models| models.newest(MODEL).unwrap().info().active_prior().is_some();
    assert!(on(&mut models), "a fitted prior is used");
    models.use_prior(MODEL, false);
    assert!(!on(&mut models));
    made.version.fetch_add(1, Ordering::SeqCst);
    assert!(!on(&mut models), "a newer version of the model is loaded");
    models.use_prior(MODEL, true);
    assert!(on(&mut models));
}
