//! Pictures on their way from the engine to one place on the screen.

use std::sync::Arc;

use egui::Context;

use super::viewpoint::misfit;
use crate::base::Picture;
use crate::engine::{Command, Event, GenerateRequest, SlotId};
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;
use crate::ui::textures::{Tex, Textures, key};
use crate::ui::view::Cx;

/// Seconds after which a request may be overtaken by a newer one: the engine then ends it early.
const OVERTAKE: f64 = 0.4;
/// Seconds after which an answer is no longer waited for, and the request is made again; after each time in vain twice
/// as long.
const GIVE_UP: f64 = 10.0;
/// Requests in vain after which the wait grows no more.
const LONGEST: i32 = 6;
/// Seconds that one request shall take, so that the screen follows the mouse while there are many pictures.
const SHARE: f64 = 0.12;
/// Pictures of the first request, while the model's pace is not known.
const FIRST: usize = 8;

/// Pictures that are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageBatch {
    /// The model.
    pub model: ModelRef,
    /// One picture each.
    pub latents: Vec<Latent>,
    /// Truncation or temperature.
    pub truncation: f32,
}

/// A request on the way.
struct Flight {
    ticket: u64,
    /// The wish it is part of, by number.
    aim: u64,
    /// PictureSlots of its pictures in that wish.
    places: Vec<usize>,
    since: f64,
}

/// A picture on the screen.
#[derive(Clone, Default)]
struct Cell {
    picture: Option<Arc<Picture>>,
    /// Whether it is the one of the present wish rather than an older one that still stands in.
    done: bool,
    revision: u64,
    /// Why there will be no picture.
    broken: Option<Arc<str>>,
}

/// One place on the screen. It shows the old pictures until the new ones are here, part by part if they take long;
/// it has one request on the way (another one only if that takes long) and remembers only the newest wish beyond that.
///
/// A latent that the model cannot make is never asked for, and one that the engine failed at is asked for once: their
/// places say why there is no picture ([`ImageRequests::broken`]).
#[derive(Default)]
pub struct ImageRequests {
    slot: Option<SlotId>,
    /// Requests on the way, oldest first.
    flights: Vec<Flight>,
    /// The wish that is being fulfilled, or is.
    target: Option<ImageBatch>,
    aim: u64,
    /// PictureSlots still to be asked for, in order.
    todo: Vec<usize>,
    /// The wish after that.
    wanted: Option<ImageBatch>,
    cells: Vec<Cell>,
    /// PictureSlots that the last answer brought.
    fresh: Vec<usize>,
    /// Where the next request begins, so that under a drag all places get their turn.
    cursor: usize,
    revision: u64,
    /// Seconds a picture, as last measured.
    pace: Option<f64>,
    /// Requests of this wish that nobody answered.
    vain: i32,
    /// A request of several failed: places are asked for one by one, so that only the broken ones stay without a picture.
    singly: bool,
}

impl ImageRequests {
    /// Wants these pictures; asks for them as soon as nothing else is on the way. Cheap if they are here already.
    pub fn want(&mut self, wish: ImageBatch, cx: &mut Cx<'_>) {
        self.forget_lost(cx.time);
        self.wanted = (self.target.as_ref() != Some(&wish)).then_some(wish);
        self.pump(cx);
    }

    /// Puts what was asked for in vain back on the list.
    fn forget_lost(&mut self, now: f64) {
        let (aim, wait) = (self.aim, self.patience());
        let lost: Vec<Flight> = self.flights.extract_if(.., |f| now - f.since >= wait).collect();
        self.vain = (self.vain + lost.len() as i32).min(LONGEST);
        self.todo.extend(lost.into_iter().filter(|f| f.aim == aim).flat_map(|f| f.places));
    }

    /// Seconds that an answer is waited for.
    fn patience(&self) -> f64 {
        GIVE_UP * f64::from(1 << self.vain)
    }

    /// Asks for what is wanted if nothing is on the way, or has been for long.
    fn pump(&mut self, cx: &mut Cx<'_>) {
        let slow = |f: &Flight| self.wanted.is_some() && cx.time - f.since >= OVERTAKE;
        if self.flights.last().is_some_and(|f| !slow(f)) {
            return;
        }
        if let Some(wish) = self.wanted.take() {
            self.turn_to(wish, cx);
        }
        let Some(target) = self.target.as_ref().filter(|_| !self.todo.is_empty()) else { return };
        let slot = *self.slot.get_or_insert_with(|| cx.new_slot());
        let ticket = cx.ids.next();
        let count = if self.singly { 1 } else { part(self.pace) };
        let places: Vec<usize> = self.todo.drain(..count.min(self.todo.len())).collect();
        self.cursor = places.last().map_or(0, |last| last + 1);
        cx.send(Command::Generate(GenerateRequest {
            slot,
            ticket,
            model: target.model.clone(),
            latents: places.iter().map(|&i| target.latents[i].clone()).collect(),
            truncation: target.truncation,
        }));
        self.flights.push(Flight { ticket, aim: self.aim, places, since: cx.time });
    }

    /// Begins with another wish; what it shares with the last one is not made again.
    fn turn_to(&mut self, wish: ImageBatch, cx: &Cx<'_>) {
        (self.vain, self.singly) = (0, false);
        let count = wish.latents.len();
        let old = self.target.take().filter(|o| o.model == wish.model && o.truncation == wish.truncation);
        self.cells.resize(count, Cell::default());
        for (i, cell) in self.cells.iter_mut().enumerate() {
            cell.done &= old.as_ref().is_some_and(|o| o.latents.get(i) == Some(&wish.latents[i]));
            if !cell.done {
                cell.broken = None;
            }
        }
        if let Some(info) = cx.studio.model(&wish.model) {
            for (cell, latent) in self.cells.iter_mut().zip(&wish.latents).filter(|(cell, _)| !cell.done) {
                if let Some(why) = misfit(latent, info) {
                    *cell = Cell { done: true, broken: Some(why.into()), ..Cell::default() };
                }
            }
        }
        let begin = if self.cells.iter().all(|c| c.picture.is_none()) { 0 } else { self.cursor };
        self.todo = (0..count).map(|i| (begin + i) % count).filter(|&i| !self.cells[i].done).collect();
        self.aim += 1;
        self.target = Some(wish);
    }

    /// Takes an answer in. True if it was for this place and something new is shown.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) -> bool {
        if let Event::NotGenerated { slot, ticket, problem } = event {
            return Some(*slot) == self.slot && self.failed(*ticket, &problem.what, cx);
        }
        let Event::Generated { slot, ticket, pictures, seconds, .. } = event else { return false };
        if Some(*slot) != self.slot {
            return false;
        }
        let Some(place) = self.flights.iter().position(|f| f.ticket == *ticket) else { return false };
        // Requests before it were overtaken and are not answered any more.
        let Some(flight) = self.flights.drain(..=place).next_back() else { return false };
        let current = flight.aim == self.aim;
        self.pace = Some(seconds / pictures.len().max(1) as f64);
        self.revision += 1;
        self.fresh.clear();
        for (i, picture) in flight.places.into_iter().zip(pictures) {
            // Pictures of a wish that was overtaken still are newer than what is there.
            if let Some(cell) = self.cells.get_mut(i).filter(|c| current || !c.done) {
                let picture = Some(Arc::new(picture.clone()));
                *cell = Cell { picture, done: current, revision: self.revision, broken: None };
                if current {
                    self.fresh.push(i);
                }
            }
        }
        self.pump(cx);
        true
    }

    /// A request failed. Where it was of several pictures they are asked for singly; one alone is broken.
    fn failed(&mut self, ticket: u64, why: &str, cx: &mut Cx<'_>) -> bool {
        let Some(place) = self.flights.iter().position(|f| f.ticket == ticket) else { return false };
        let Some(flight) = self.flights.drain(..=place).next_back() else { return false };
        self.fresh.clear();
        if flight.aim == self.aim {
            match flight.places.as_slice() {
                [one] => {
                    if let Some(cell) = self.cells.get_mut(*one) {
                        *cell = Cell { done: true, broken: Some(why.into()), ..Cell::default() };
                    }
                }
                several => {
                    self.singly = true;
                    self.todo.extend_from_slice(several);
                }
            }
        }
        self.pump(cx);
        true
    }

    /// Why there is no picture at a place, where the model cannot make one.
    pub fn broken(&self, place: usize) -> Option<&Arc<str>> {
        self.cells.get(place)?.broken.as_ref()
    }

    /// What the pictures on the screen are of, or will be in a moment.
    pub fn shown(&self) -> Option<&ImageBatch> {
        self.target.as_ref()
    }

    /// The picture at a place, if there is one.
    pub fn picture(&self, place: usize) -> Option<&Arc<Picture>> {
        self.cells.get(place)?.picture.as_ref()
    }

    /// The picture at a place, if it is the one that this wish is after.
    pub fn of(&self, wish: &ImageBatch, place: usize) -> Option<&Arc<Picture>> {
        let cell = self.cells.get(place).filter(|c| c.done && self.target.as_ref() == Some(wish))?;
        cell.picture.as_ref()
    }

    /// The pictures that the last answer brought, with their places.
    pub fn fresh(&self) -> impl Iterator<Item = (usize, &Arc<Picture>)> {
        self.fresh.iter().filter_map(|&i| Some((i, self.picture(i)?)))
    }

    /// Whether a newer picture is on the way.
    pub fn is_busy(&self, now: f64) -> bool {
        !self.todo.is_empty() || self.flights.iter().any(|f| now - f.since < self.patience())
    }

    /// Seconds a picture takes, as last measured.
    pub fn pace(&self) -> Option<f64> {
        self.pace
    }

    /// A picture as a texture.
    pub fn tex(&self, place: usize, textures: &mut Textures, ctx: &Context) -> Option<Tex> {
        let cell = self.cells.get(place)?;
        Some(textures.get(ctx, key(("feed", self.slot, place)), cell.revision, cell.picture.as_ref()?))
    }

    /// Keeps what is on the screen, but asks again for it.
    pub fn expire(&mut self) {
        self.flights.clear();
        self.todo.clear();
        (self.wanted, self.target) = (None, None);
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        self.expire();
        self.cells.clear();
    }
}

/// Pictures of one request at a pace: as many as its share of time allows, in eights as graphics cards make them.
fn part(pace: Option<f64>) -> usize {
    let Some(pace) = pace else { return FIRST };
    let many = (SHARE / pace.max(1e-6)) as usize;
    if many < 8 { many.max(1) } else { many / 8 * 8 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::views::explore::testing::Bench;

    fn wish(seed: u64) -> ImageBatch {
        ImageBatch { model: "m".into(), latents: vec![Latent::Seed { seed }], truncation: 1.0 }
    }

    fn answer(request: &GenerateRequest) -> Event {
        let picture = Picture::filled(1, 1, [request.ticket as u8, 0, 0, 255]);
        let (slot, ticket, model) = (request.slot, request.ticket, request.model.clone());
        let pictures = vec![picture; request.latents.len()];
        // Forty milliseconds a picture.
        Event::Generated { slot, ticket, model, seconds: 0.04 * pictures.len() as f64, pictures }
    }

    #[test]
    fn many_slow_pictures_come_part_by_part_and_what_stays_is_not_made_again() {
        let mut bench = Bench::default();
        let mut feed = ImageRequests::default();
        let mut all = ImageBatch { latents: (0..20).map(|seed| Latent::Seed { seed }).collect(), ..wish(0) };
        bench.with(0.0, |cx| feed.want(all.clone(), cx));
        let mut parts = Vec::new();
        while let Some(request) = bench.generated().pop() {
            parts.push(request.latents.len());
            bench.with(0.0, |cx| assert!(feed.on_event(&answer(&request), cx)));
        }
        assert_eq!(parts, [8, 3, 3, 3, 3]);
        assert!((0..20).all(|i| feed.picture(i).is_some()) && !feed.is_busy(0.0));
        all.latents[4] = Latent::Seed { seed: 99 };
        bench.with(0.0, |cx| feed.want(all.clone(), cx));
        let sent = bench.generated();
        assert_eq!(sent[0].latents, [Latent::Seed { seed: 99 }]);
        bench.with(0.0, |cx| assert!(feed.on_event(&answer(&sent[0]), cx)));
        assert_eq!(feed.fresh().map(|(i, _)| i).collect::<Vec<_>>(), [4]);
    }

    #[test]
    fn under_a_drag_all_places_get_their_turn() {
        let mut bench = Bench::default();
        let mut feed = ImageRequests::default();
        let of =
            |n: u64| ImageBatch { latents: (0..9).map(|i| Latent::Seed { seed: 100 * n + i }).collect(), ..wish(0) };
        let mut seen = std::collections::BTreeSet::new();
        for n in 0..6 {
            bench.with(0.0, |cx| feed.want(of(n), cx));
            if let Some(request) = bench.generated().pop() {
                bench.with(0.0, |cx| feed.want(of(n + 1), cx));
                bench.with(0.0, |cx| assert!(feed.on_event(&answer(&request), cx)));
                seen.extend(feed.fresh().map(|(i, _)| i));
            }
        }
        assert_eq!(seen.len(), 9);
    }

    #[test]
    fn one_request_is_on_the_way_and_the_newest_wish_comes_next() {
        let mut bench = Bench::default();
        let mut feed = ImageRequests::default();
        for seed in 1..=5 {
            bench.with(0.0, |cx| feed.want(wish(seed), cx));
        }
        let first = bench.generated();
        assert_eq!(first.len(), 1);
        assert!(feed.picture(0).is_none());
        bench.with(0.1, |cx| assert!(feed.on_event(&answer(&first[0]), cx)));
        assert!(feed.picture(0).is_some(), "the old answer is shown while the new one is on the way");
        let second = bench.generated();
        assert_eq!(second.len(), 1);
        assert_eq!(second[0].latents, wish(5).latents);
        bench.with(0.2, |cx| assert!(feed.on_event(&answer(&second[0]), cx)));
        // The same wish again asks for nothing, and a stale answer changes nothing.
        bench.with(0.3, |cx| feed.want(wish(5), cx));
        bench.with(0.3, |cx| assert!(!feed.on_event(&answer(&first[0]), cx)));
        assert!(bench.generated().is_empty());
    }

    #[test]
    fn a_slow_request_is_overtaken_and_its_late_answer_still_counts() {
        let mut bench = Bench::default();
        let mut feed = ImageRequests::default();
        bench.with(0.0, |cx| feed.want(wish(1), cx));
        bench.with(1.0, |cx| feed.want(wish(2), cx));
        let sent = bench.generated();
        assert_eq!(sent.len(), 2);
        bench.with(1.1, |cx| assert!(feed.on_event(&answer(&sent[0]), cx), "better than nothing"));
        bench.with(1.2, |cx| assert!(feed.on_event(&answer(&sent[1]), cx)));
        bench.with(1.3, |cx| assert!(!feed.on_event(&answer(&sent[0]), cx), "never back to an older one"));
        assert_eq!(feed.shown(), Some(&wish(2)));
    }

    #[test]
    fn what_a_model_cannot_make_is_never_asked_for_and_says_why() {
        let mut bench = Bench::default();
        bench.studio.models = crate::engine::fake::models();
        let model = bench.studio.models[0].model.clone();
        let mut feed = ImageRequests::default();
        let latents =
            vec![Latent::Seed { seed: 1 }, Latent::Point { values: vec![0.0; 1024] }, Latent::Seed { seed: 2 }];
        let all = ImageBatch { model, latents: latents.clone(), truncation: 1.0 };
        bench.with(0.0, |cx| feed.want(all.clone(), cx));
        let sent = bench.generated();
        assert_eq!(sent[0].latents, [latents[0].clone(), latents[2].clone()]);
        bench.with(0.0, |cx| assert!(feed.on_event(&answer(&sent[0]), cx)));
        assert!(feed.picture(0).is_some() && feed.picture(2).is_some() && !feed.is_busy(0.0));
        assert!(feed.broken(1).is_some_and(|why| why.contains("1024")) && feed.broken(0).is_none());
        for time in [1.0, 20.0, 500.0] {
            bench.with(time, |cx| feed.want(all.clone(), cx));
        }
        assert!(bench.generated().is_empty(), "it is not asked for again");
    }

    #[test]
    fn what_the_engine_fails_at_is_asked_for_once_and_the_others_still_come() {
        let mut bench = Bench::default();
        let mut feed = ImageRequests::default();
        let all = ImageBatch { latents: (0..3).map(|seed| Latent::Seed { seed }).collect(), ..wish(0) };
        let fails = |request: &GenerateRequest| Event::NotGenerated {
            slot: request.slot,
            ticket: request.ticket,
            problem: crate::base::Problem::failed("This picture cannot be made"),
        };
        bench.with(0.0, |cx| feed.want(all.clone(), cx));
        let mut asked = Vec::new();
        while let Some(request) = bench.generated().pop() {
            asked.push(request.latents.len());
            let broken = request.latents.contains(&Latent::Seed { seed: 1 });
            bench.with(0.0, |cx| assert!(feed.on_event(&if broken { fails(&request) } else { answer(&request) }, cx)));
        }
        assert_eq!(asked, [3, 1, 1, 1]);
        assert_eq!(feed.broken(1).map(|why| &**why), Some("This picture cannot be made"));
        assert!(feed.picture(0).is_some() && feed.picture(2).is_some());
        bench.with(400.0, |cx| feed.want(all.clone(), cx));
        assert!(bench.generated().is_empty());
        // Other weights may do what these could not.
        feed.expire();
        bench.with(401.0, |cx| feed.want(all, cx));
        assert_eq!(bench.generated().len(), 1);
    }

    #[test]
    fn a_request_that_is_never_answered_is_made_again_after_a_while() {
        let mut bench = Bench::default();
        let mut feed = ImageRequests::default();
        bench.with(0.0, |cx| feed.want(wish(1), cx));
        bench.with(5.0, |cx| feed.want(wish(1), cx));
        assert_eq!(bench.generated().len(), 1);
        bench.with(11.0, |cx| feed.want(wish(1), cx));
        assert_eq!(bench.generated()[0].latents, wish(1).latents);
        // Every time in vain it waits longer.
        bench.with(22.0, |cx| feed.want(wish(1), cx));
        assert!(bench.generated().is_empty());
        bench.with(32.0, |cx| feed.want(wish(1), cx));
        assert_eq!(bench.generated().len(), 1);
    }
}
