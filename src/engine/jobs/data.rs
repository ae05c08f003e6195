//! Surveys, small versions of pictures, preparation.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::Context;
use crate::base::progress::Quiet;
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Progress, Result};
use crate::data::augment::as_trained;
use crate::data::{self, ImageSource, Opening, Patience, SILENT};
use crate::engine::{Event, JobId, Survey};
use crate::recipe::{DataRecipe, ObjectiveRecipe, Reading};

/// Sources kept open.
const OPEN: usize = 4;

/// Bytes of small pictures kept in memory.
const KEPT_BYTES: usize = 64 << 20;

/// Small pictures told at once.
const CHUNK: usize = 16;

/// Largest side of the picture before preparation, as the preview shows it.
const PREVIEW_SIDE: u32 = 512;

/// How often a preview shows a picture as training does.
const AUGMENTED: usize = 6;

/// Looks through a source and keeps what was found.
///
/// # Errors
/// The source cannot be opened, or it was cancelled.
pub fn survey(cx: &Context, job: JobId, source: &str, reading: Reading) -> Result<Arc<Survey>> {
    let survey = Arc::new(data::survey(source, reading, &cx.progress(job))?);
    cx.keep_survey(survey.clone());
    cx.tell(Event::Surveyed { job, survey: survey.clone() });
    Ok(survey)
}

/// Makes the prepared set.
///
/// # Errors
/// The source cannot be opened, has too few pictures, the disk is full, or it was cancelled.
pub fn prepare(cx: &Context, job: JobId, recipe: &DataRecipe) -> Result<()> {
    let prepared = data::prepare(recipe, &cx.paths.prepared(), &cx.progress(job))?;
    let pictures = prepared.len() as u64;
    let bytes = pictures * prepared.shape().bytes() as u64;
    cx.tell(Event::DataReady { job, pictures, bytes });
    Ok(())
}

/// A source that is open, with the places of its pictures by name.
struct Opened {
    spec: String,
    survey: Option<Arc<Survey>>,
    source: Box<dyn ImageSource>,
    places: HashMap<String, usize>,
}

impl Opened {
    fn open(spec: &str, survey: Option<Arc<Survey>>, progress: &dyn Progress) -> Result<Self> {
        let reading = survey.as_ref().map(|s| s.reading.clone()).unwrap_or_default();
        let source = data::open_as(spec, Opening { reading, progress })?;
        let places = (0..source.len()).map(|i| (source.name(i), i)).collect();
        Ok(Self { spec: spec.into(), survey, source, places })
    }

    fn decode(&self, name: &str) -> Result<Picture> {
        match self.places.get(name) {
            Some(&place) => self.source.decode(place),
            None => Err(Problem::data("This picture no longer exists")
                .of(format!("{name} in {}", self.spec))
                .try_this("Search the data set again")),
        }
    }
}

/// Source, name within it, and size of a small picture.
type ThumbKey = (String, String, u32);

/// Small pictures by source, name and size, the ones used last kept.
#[derive(Default)]
struct Kept {
    pictures: HashMap<ThumbKey, Picture>,
    order: VecDeque<ThumbKey>,
    bytes: usize,
}

impl Kept {
    fn put(&mut self, key: ThumbKey, picture: Picture) {
        self.bytes += picture.rgba.len();
        if let Some(old) = self.pictures.insert(key.clone(), picture) {
            self.bytes -= old.rgba.len();
        } else {
            self.order.push_back(key);
        }
        while self.bytes > KEPT_BYTES {
            let Some(oldest) = self.order.pop_front() else { return };
            if let Some(old) = self.pictures.remove(&oldest) {
                self.bytes -= old.rgba.len();
            }
        }
    }

    fn forget(&mut self, source: &str) {
        self.order.retain(|k| k.0 != source);
        let before = &mut self.bytes;
        self.pictures.retain(|k, p| {
            let stays = k.0 != source;
            if !stays {
                *before -= p.rgba.len();
            }
            stays
        });
    }
}

/// What the lane of small pictures remembers.
#[derive(Default)]
pub struct Desk {
    opened: Vec<Arc<Opened>>,
    kept: Kept,
    /// Sources that did not answer, with the survey they had then: asked again once there is a newer one.
    silent: Vec<(String, Option<Arc<Survey>>)>,
}

fn same_survey(a: Option<&Arc<Survey>>, b: Option<&Arc<Survey>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

impl Desk {
    /// The source, opened anew when there is a newer survey of it.
    fn source(&mut self, cx: &Context, spec: &str) -> Result<Arc<Opened>> {
        let survey = cx.survey(spec);
        self.silent.retain(|(silent, then)| silent != spec || same_survey(then.as_ref(), survey.as_ref()));
        match self.opened.iter().position(|o| o.spec == spec) {
            Some(i) if same_survey(self.opened[i].survey.as_ref(), survey.as_ref()) => {
                self.opened[..=i].rotate_right(1);
            }
            found => {
                if let Some(i) = found {
                    self.opened.remove(i);
                    self.kept.forget(spec);
                }
                let own = spec.to_owned();
                let opened = self.asked(cx, spec, move |progress| Opened::open(&own, survey, progress))?;
                self.opened.insert(0, Arc::new(opened));
                self.opened.truncate(OPEN);
            }
        }
        Ok(self.opened[0].clone())
    }

    /// Asks a source for something, but not for ever, and not again when it did not answer.
    fn asked<T: Send + 'static>(
        &mut self,
        cx: &Context,
        spec: &str,
        work: impl FnOnce(&dyn Progress) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let silent = |p: &Problem| p.what == SILENT;
        if self.silent.iter().any(|s| s.0 == spec) {
            return Err(Problem::data(SILENT).of(spec).try_this("Look at the data again once they are connected"));
        }
        let outcome = data::attended(spec, Patience::SHORT, &Quiet::default(), work);
        if outcome.as_ref().is_err_and(silent) {
            self.silent.push((spec.to_owned(), cx.survey(spec)));
        }
        outcome
    }

    /// Tells small versions of pictures, a few at a time; those that cannot be decoded are told as empty pictures, so
    /// that nobody waits for them.
    ///
    /// # Errors
    /// The source cannot be opened.
    pub fn thumbs(&mut self, cx: &Context, source: &str, names: &[String], size: u32) -> Result<()> {
        let size = size.clamp(8, 1024);
        let opened = self.source(cx, source)?;
        for chunk in names.chunks(CHUNK) {
            if cx.outbox.is_closed() {
                return Ok(());
            }
            let key = |name: &str| (source.to_string(), name.to_string(), size);
            let new: Vec<String> =
                chunk.iter().filter(|n| !self.kept.pictures.contains_key(&key(n))).cloned().collect();
            let (from, wanted) = (opened.clone(), new.clone());
            let made = if new.is_empty() {
                Vec::new()
            } else {
                let small = move |name: &str| from.decode(name).map(|p| data::thumbnail(&p, size)).unwrap_or_default();
                self.asked(cx, source, move |progress| {
                    let one = |name: &String| {
                        progress.report("Making small pictures", 0, 0);
                        small(name)
                    };
                    Ok(wanted.iter().map(one).collect())
                })
                .unwrap_or_else(|_| vec![Picture::default(); new.len()])
            };
            let fresh: HashMap<String, Picture> = new.into_iter().zip(made).collect();
            let one = |name: &String| {
                let picture = fresh.get(name).or_else(|| self.kept.pictures.get(&key(name)));
                (name.clone(), picture.cloned().unwrap_or_default())
            };
            let thumbs = chunk.iter().map(one).collect();
            fresh.into_iter().for_each(|(name, thumb)| self.kept.put(key(&name), thumb));
            cx.tell(Event::SourceThumbs { source: source.to_string(), thumbs });
        }
        Ok(())
    }

    /// Tells one picture before and after preparation.
    ///
    /// # Errors
    /// The source or the picture cannot be opened.
    pub fn preview(
        &mut self,
        cx: &Context,
        ticket: u64,
        recipe: &DataRecipe,
        name: &str,
        objective: &ObjectiveRecipe,
    ) -> Result<()> {
        let opened = self.source(cx, &recipe.source)?;
        let wanted = name.to_string();
        let before = self.asked(cx, &recipe.source, move |_| opened.decode(&wanted))?;
        let mut hidden = before.clone();
        data::hide::Hidden::of(&recipe.hide)?.apply(name, &mut hidden);
        let after = data::prepare_picture(&hidden, recipe);
        // The same ones each time for the same picture.
        let mut stream = Stream::new(seed_of(name), "augmentation preview");
        let augmented = (0..AUGMENTED).map(|_| as_trained(&after, recipe, objective, &mut stream)).collect();
        let before = if before.width.max(before.height) > PREVIEW_SIDE {
            data::thumbnail(&before, PREVIEW_SIDE)
        } else {
            before
        };
        cx.tell(Event::PreparationPreview { ticket, name: name.into(), before, after, augmented });
        Ok(())
    }
}

/// A number that is always the same for a name.
fn seed_of(name: &str) -> u64 {
    let hash = blake3::hash(name.as_bytes());
    hash.as_bytes().iter().take(8).fold(0, |seed, byte| seed << 8 | u64::from(*byte))
}
