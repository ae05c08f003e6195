//! Latent space as a place, for clients: directions, and what else there is to do with latents.
//!
//! Quick questions are answered on the inference thread, or on a lane that does nothing longer than reading and writing a
//! small file; long work has lanes and models of its own, so that no view waits for another.

mod atlas;
pub mod command;
mod directions;
pub(super) mod drags;
mod encoders;
pub mod event;
pub mod films;
mod inspection;
mod inversion;
mod latent_ops;
mod lattices;
mod lineage;
mod map;
mod model_slot;
mod pair_export;
pub mod retrieval;
pub mod token_draws;
mod words;

use std::sync::Arc;
use std::time::Instant;

pub use command::LatentCommand;
pub use event::{LatentEvent, LineageNode, Ranked};

use super::jobs::Context;
use super::jobs::export::Wanted;
use super::jobs::gallery::Gallery;
use super::worker::Lane;
use super::{Event, RunSummary, dataset_locator};
use crate::base::Result;
use model_slot::Shelf;

/// Lanes of the latent floor.
pub struct Desk {
    cx: Context,
    library: Arc<Lane<Gallery>>,
    search: Lane<Shelf>,
    encoders: Lane<Shelf>,
    into: Lane<Shelf>,
    drag: Lane<Shelf>,
    tokens: Lane<token_draws::Kept>,
    retrieval: Lane<retrieval::Kept>,
    lattice: Lane<Shelf>,
    films: Lane<Shelf>,
    sheets: Lane<Shelf>,
    /// The newest atlas, and small pictures of it while another is made.
    newest: atlas::Newest,
    thumbs: Lane<Shelf>,
    /// What a person waits for at the picture: seconds, not behind minutes.
    touch: Lane<Shelf>,
    /// Lists and small files: milliseconds, behind nothing else.
    quick: Lane<()>,
    /// What a person asked to keep.
    keeping: Lane<()>,
    maps: map::Maps,
    sessions: drags::Sessions,
    /// What holds the training of encoders.
    gate: encoders::Gate,
}

impl Desk {
    /// Starts the lanes.
    ///
    /// # Errors
    /// The system gives no more threads.
    pub fn start(cx: &Context, library: Arc<Lane<Gallery>>) -> Result<Self> {
        let lane = |name| Lane::start(name, 64, cx.outbox.clone(), cx.jobs.clone(), Shelf::default);
        Ok(Self {
            search: lane("search")?,
            encoders: lane("encoders")?,
            into: lane("into")?,
            drag: lane("drag")?,
            tokens: Lane::start("draw", 64, cx.outbox.clone(), cx.jobs.clone(), token_draws::Kept::default)?,
            retrieval: Lane::start("retrieval", 64, cx.outbox.clone(), cx.jobs.clone(), retrieval::Kept::default)?,
            lattice: lane("lattice")?,
            films: lane("films")?,
            sheets: lane("atlas")?,
            newest: atlas::Newest::default(),
            thumbs: Lane::start("atlas pictures", 256, cx.outbox.clone(), cx.jobs.clone(), Shelf::default)?,
            touch: lane("edit")?,
            quick: Lane::start("quick", 256, cx.outbox.clone(), cx.jobs.clone(), || ())?,
            keeping: Lane::start("latent keep", 256, cx.outbox.clone(), cx.jobs.clone(), || ())?,
            maps: map::Maps::default(),
            sessions: drags::Sessions::default(),
            gate: encoders::Gate::default(),
            cx: cx.clone(),
            library,
        })
    }

    /// Takes note of a run: encoders wait while one is on.
    pub fn note_run(&self, run: &RunSummary) {
        self.gate.note(run);
    }

    /// Takes a command; never waits.
    #[allow(clippy::too_many_lines)] // one arm a command: a table, read as one
    pub fn send(&self, command: LatentCommand) {
        use LatentCommand as C;
        let cx = self.cx.clone();
        match command {
            C::ToStyles { ticket, model, latents, each_layer } => {
                latent_ops::to_styles(&cx, ticket, model, latents, each_layer);
            }
            C::MixStyles { ticket, model, base, from, layers } => {
                latent_ops::mix(&cx, ticket, model, base, from, layers)
            }
            C::Move { ticket, model, latents, moves } => latent_ops::moved(&cx, ticket, model, latents, moves),
            C::PlaneLatents { ticket, model, plane, places } => latent_ops::places(&cx, ticket, model, plane, places),

            C::LayOut { session, ticket, model, wish, truncation } => {
                let number = self.sessions.begin(session);
                let order = lattices::Order { session, number, ticket, model, wish, truncation };
                let sessions = self.sessions.clone();
                self.lattice.push(None, move |shelf| lattices::lay_out(&cx, shelf, &sessions, order));
            }

            C::ListDirections { model } => self.quick.push(None, move |_| directions::tell(&cx, &model)),
            C::FindDirections { job, model, find } => {
                self.search.push(Some(job), move |shelf| directions::find(&cx, shelf, job, &model, &find));
            }
            C::MeasureDirections { job, model, names, data } => {
                let wish = directions::Measure { names, data };
                self.search.push(Some(job), move |shelf| directions::measure(&cx, shelf, job, &model, &wish));
            }
            C::KeepDirection { model, direction, replaces } => {
                self.quick.push(None, move |_| directions::keep(&cx, &model, direction, replaces));
            }
            C::SeparateDirection { model, name, others } => {
                self.quick.push(None, move |_| directions::separate(&cx, &model, &name, &others));
            }
            C::RemoveDirections { model, names } => {
                self.quick.push(None, move |_| directions::remove(&cx, &model, &names));
            }
            C::ExportDirections { job, model, names, out } => {
                self.quick.push(Some(job), move |_| directions::export(&cx, job, &model, &names, &out));
            }
            C::ImportDirections { model, path } => {
                self.quick.push(None, move |_| directions::import(&cx, &model, &path));
            }

            C::ListEncoder { model } => self.quick.push(None, move |_| encoders::tell(&cx, &model)),
            C::TrainEncoder { job, model, kimg } => {
                let gate = self.gate.clone();
                self.encoders.push(Some(job), move |shelf| encoders::make(&cx, shelf, &gate, job, &model, kimg));
            }
            C::PauseEncoder { job, paused } => self.gate.pause(job, paused),
            C::Invert { job, model, inputs, wish } => {
                self.into.push(Some(job), move |shelf| inversion::invert(&cx, shelf, job, &model, &inputs, &wish));
            }
            C::Tune { job, model, input, latent, steps } => {
                self.into.push(Some(job), move |shelf| inversion::tune(&cx, shelf, job, &model, &input, &latent, steps))
            }
            C::Paint { job, model, latent, truncation, wish } => self
                .touch
                .push(Some(job), move |shelf| inversion::paint(&cx, shelf, job, &model, (&latent, truncation), &wish)),
            C::Mend { job, model, input, hole, typical, steps } => {
                let wish = inversion::Mend { input, hole, typical, steps };
                self.touch.push(Some(job), move |shelf| inversion::mend(&cx, shelf, job, &model, wish));
            }

            C::TakeIn { ticket, model, input } => inspection::take_in(&cx, ticket, model, input),
            C::WriteMended { job, model, latent, picture, photo, out } => {
                self.keeping.push(Some(job), move |_| {
                    inversion::write_mended(&cx, job, &model, &latent, (&picture, &photo), out)
                });
            }

            C::MapTiles { map, model, plane, truncation, zoom, tiles } => {
                self.maps.want(&cx, map, map::Wanted { model, plane, truncation, zoom, tiles: tiles.into() });
            }

            C::Drag { session, model, latent, truncation, wish } => {
                let number = self.sessions.begin(session);
                let order = drags::Order { session, number, model, latent, truncation, wish };
                let sessions = self.sessions.clone();
                self.drag.push(None, move |shelf| drags::drag(&cx, shelf, &sessions, order));
            }
            C::DrawTokens { session, model, request, pause, after } => {
                let number = self.sessions.begin(session);
                let order = token_draws::Order { session, number, model, request: *request, pause, after };
                let (sessions, library) = (self.sessions.clone(), self.library.clone());
                self.tokens.push(None, move |kept| token_draws::draw(&cx, kept, &sessions, &library, order));
            }
            C::FindReal { job, model, ask } => {
                self.retrieval.push(Some(job), move |kept| retrieval::find(&cx, kept, job, &model, &ask));
            }
            C::DrawNearReal { ticket, model, strength, seeds } => {
                self.retrieval.push(None, move |kept| retrieval::draw(&cx, kept, ticket, &model, strength, &seeds));
            }
            C::FindNearest { ticket, model, pictures } => {
                self.retrieval.push(None, move |kept| retrieval::nearest(&cx, kept, ticket, &model, &pictures));
            }
            C::StopDrag { session } => {
                self.sessions.begin(session);
            }

            C::Frames { ticket, model, timeline, times } => films::frames(&cx, ticket, model, *timeline, times),
            C::Film { job, model, timeline, options } => {
                self.films.push(Some(job), move |shelf| films::film(&cx, shelf, job, &model, &timeline, &options));
            }

            C::FindOwnData { model } => self.quick.push(None, move |_| {
                let there = dataset_locator::of_model(&model, "", &cx.paths).is_ok();
                cx.tell(Event::Latent(LatentEvent::OwnDataFound { model, there }));
                Ok(())
            }),
            C::OwnData { model, source } => self.quick.push(None, move |_| {
                dataset_locator::remember(&model, &source, &cx.paths)?;
                cx.tell(Event::Latent(LatentEvent::OwnData { model }));
                Ok(())
            }),

            C::Atlas { job, model, wish, kept } => {
                let (library, newest) = (self.library.clone(), self.newest.clone());
                self.sheets.push(Some(job), move |shelf| {
                    newest.make(&cx, shelf, &library, job, (model.as_str(), &wish), kept)
                });
            }
            C::AtlasThumbs { model, points, size } => {
                let newest = self.newest.clone();
                self.thumbs.push(None, move |shelf| newest.thumbs(&cx, shelf, &model, &points, size));
            }
            C::AtlasAt { ticket, model, places } => {
                let newest = self.newest.clone();
                self.quick.push(None, move |()| newest.at(&cx, ticket, &model, &places));
            }

            C::ExportBoth { job, models, latents, truncation, beside, options } => {
                let wish = pair_export::PairExport { models, latents, truncation, beside };
                self.films.push(Some(job), move |_| pair_export::export(&cx, job, &wish, &options));
            }
            C::Apart { ticket, pictures } => pair_export::apart(&cx, ticket, *pictures),

            C::Breed { ticket, model, parents, wish } => lineage::breed(&cx, ticket, model, parents, wish),
            C::KeepChild { model, latent, truncation, parents } => {
                let wanted = Wanted { model, latents: vec![latent], truncation, made_by: "breeding".into() };
                let library = self.library.clone();
                self.keeping.push(None, move |_| lineage::keep(&cx, &library, &wanted, parents));
            }
            C::Family { item } => self.library.push(None, move |gallery| lineage::family(&cx, gallery, item)),

            C::Rank { job, model, latents, truncation, text } => {
                let asked = words::Asked { latents, truncation, text };
                self.touch.push(Some(job), move |shelf| words::rank(&cx, shelf, job, &model, asked));
            }
            C::Inside { ticket, model, latent, truncation, look } => {
                inspection::inside(&cx, ticket, model, latent, truncation, look);
            }
            C::ChannelEffects { job, model, latent, truncation, tap } => self
                .search
                .push(Some(job), move |shelf| inspection::effects(&cx, shelf, job, &model, (&latent, truncation), tap)),
            C::CodeUse { job, model, data } => {
                self.search.push(Some(job), move |shelf| inspection::code_use(&cx, shelf, job, &model, &data));
            }
            C::CodePlane { job, model, data } => {
                self.search.push(Some(job), move |shelf| inspection::code_plane(&cx, shelf, job, &model, &data));
            }
            C::Anomaly { ticket, model, input } => inspection::anomaly(&cx, ticket, model, input),
        }
    }

    fn lanes(&self) -> [&Lane<Shelf>; 9] {
        let Self { search, encoders, into, drag, lattice, films, sheets, thumbs, touch, .. } = self;
        [search, encoders, into, drag, lattice, films, sheets, thumbs, touch]
    }

    /// Takes no more work and drops what waits, but for what a person asked to keep. Never waits.
    pub fn leave(&self) {
        self.sessions.end();
        self.lanes().iter().for_each(|lane| lane.leave());
        self.tokens.leave();
        self.retrieval.leave();
    }

    /// Waits for what a person asked to keep, but no longer than until then.
    pub fn finish_keeping_by(&self, until: Instant) {
        self.keeping.finish_by(until);
        self.quick.finish_by(until);
    }

    /// Waits for the lanes, but no longer than until then; what was asked to be cancelled has been.
    pub fn finish_by(&self, until: Instant) {
        self.lanes().iter().for_each(|lane| {
            lane.finish_by(until);
        });
        self.tokens.finish_by(until);
        self.retrieval.finish_by(until);
    }
}

#[cfg(test)]
mod tests;
