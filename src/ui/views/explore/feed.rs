//! Pictures on their way from the engine to one place on the screen.

use std::sync::Arc;

use egui::Context;

use crate::base::Picture;
use crate::engine::{Command, Event, GenerateRequest, SlotId};
use crate::models::info::ModelRef;
use crate::recipe::picture::Latent;
use crate::ui::textures::{Tex, Textures, key};
use crate::ui::views::Cx;

/// Seconds after which a request may be overtaken by a newer one: the engine then ends it early.
const OVERTAKE: f64 = 0.4;
/// Seconds after which an answer is no longer waited for: the request failed, and may be asked for again.
const GIVE_UP: f64 = 10.0;

/// Pictures that are wanted.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The model.
    pub model: ModelRef,
    /// One picture each.
    pub latents: Vec<Latent>,
    /// Truncation or temperature.
    pub truncation: f32,
}

struct Flight {
    ticket: u64,
    wish: Wish,
    since: f64,
}

/// One place on the screen: shows the old pictures until the new ones are here, has one request on the way (another
/// one only if that takes long), and remembers only the newest wish beyond that.
#[derive(Default)]
pub struct Feed {
    slot: Option<SlotId>,
    /// Requests on the way, oldest first.
    flights: Vec<Flight>,
    wanted: Option<Wish>,
    shown: Option<Wish>,
    pictures: Vec<Arc<Picture>>,
    revision: u64,
    seconds: f64,
}

impl Feed {
    /// Wants these pictures; asks for them as soon as nothing else is on the way. Cheap if they are here already.
    pub fn want(&mut self, wish: Wish, cx: &mut Cx<'_>) {
        self.flights.retain(|f| cx.time - f.since < GIVE_UP);
        let current = self.flights.last().map(|f| &f.wish).or(self.shown.as_ref());
        self.wanted = (current != Some(&wish)).then_some(wish);
        self.pump(cx);
    }

    /// Asks for what is wanted if nothing is on the way, or has been for long.
    fn pump(&mut self, cx: &mut Cx<'_>) {
        if self.flights.last().is_some_and(|f| cx.time - f.since < OVERTAKE) {
            return;
        }
        let Some(wish) = self.wanted.take() else { return };
        let slot = *self.slot.get_or_insert_with(|| cx.new_slot());
        let ticket = cx.ids.next();
        cx.send(Command::Generate(GenerateRequest {
            slot,
            ticket,
            model: wish.model.clone(),
            latents: wish.latents.clone(),
            truncation: wish.truncation,
        }));
        self.flights.push(Flight { ticket, wish, since: cx.time });
    }

    /// Takes an answer in. True if it was for this place and something new is shown.
    pub fn on_event(&mut self, event: &Event, cx: &mut Cx<'_>) -> bool {
        let Event::Generated { slot, ticket, pictures, seconds, .. } = event else { return false };
        if Some(*slot) != self.slot {
            return false;
        }
        let Some(place) = self.flights.iter().position(|f| f.ticket == *ticket) else { return false };
        // Requests before it were overtaken and are not answered any more.
        let Some(flight) = self.flights.drain(..=place).next_back() else { return false };
        self.shown = Some(flight.wish);
        self.pictures = pictures.iter().cloned().map(Arc::new).collect();
        self.revision += 1;
        self.seconds = *seconds;
        self.pump(cx);
        true
    }

    /// What the pictures on the screen are of.
    pub fn shown(&self) -> Option<&Wish> {
        self.shown.as_ref()
    }

    /// The pictures on the screen, in the order of their latents.
    pub fn pictures(&self) -> &[Arc<Picture>] {
        &self.pictures
    }

    /// The picture of a latent, if it is on the screen with this model and truncation.
    pub fn picture_of(&self, model: &str, latent: &Latent, truncation: f32) -> Option<&Arc<Picture>> {
        let shown = self.shown.as_ref().filter(|s| s.model == model && s.truncation == truncation)?;
        let place = shown.latents.iter().position(|l| l == latent)?;
        self.pictures.get(place)
    }

    /// Whether a newer picture is on the way.
    pub fn is_busy(&self, now: f64) -> bool {
        self.flights.iter().any(|f| now - f.since < GIVE_UP)
    }

    /// Seconds the engine took for what is shown.
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// A picture as a texture.
    pub fn tex(&self, i: usize, textures: &mut Textures, ctx: &Context) -> Option<Tex> {
        let picture = self.pictures.get(i)?;
        Some(textures.get(ctx, key(("feed", self.slot, i)), self.revision, picture))
    }

    /// Keeps what is on the screen, but asks again for it.
    pub fn expire(&mut self) {
        self.flights.clear();
        (self.wanted, self.shown) = (None, None);
    }

    /// Forgets everything, so that the next wish is asked for even if it is the same.
    pub fn clear(&mut self) {
        self.flights.clear();
        (self.wanted, self.shown) = (None, None);
        self.pictures.clear();
        self.revision += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::views::explore::tests::Bench;

    fn wish(seed: u64) -> Wish {
        Wish { model: "m".into(), latents: vec![Latent::Seed { seed }], truncation: 1.0 }
    }

    fn answer(request: &GenerateRequest) -> Event {
        let picture = Picture::filled(1, 1, [request.ticket as u8, 0, 0, 255]);
        let (slot, ticket, model) = (request.slot, request.ticket, request.model.clone());
        Event::Generated { slot, ticket, model, pictures: vec![picture], seconds: 0.1 }
    }

    #[test]
    fn one_request_is_on_the_way_and_the_newest_wish_comes_next() {
        let mut bench = Bench::default();
        let mut feed = Feed::default();
        for seed in 1..=5 {
            bench.with(0.0, |cx| feed.want(wish(seed), cx));
        }
        let first = bench.generated();
        assert_eq!(first.len(), 1);
        assert!(feed.pictures().is_empty());
        bench.with(0.1, |cx| assert!(feed.on_event(&answer(&first[0]), cx)));
        assert_eq!(feed.shown(), Some(&wish(1)), "the old answer is shown while the new one is on the way");
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
        let mut feed = Feed::default();
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
    fn a_request_that_is_never_answered_is_made_again_after_a_while() {
        let mut bench = Bench::default();
        let mut feed = Feed::default();
        bench.with(0.0, |cx| feed.want(wish(1), cx));
        bench.with(5.0, |cx| feed.want(wish(1), cx));
        assert_eq!(bench.generated().len(), 1);
        bench.with(11.0, |cx| feed.want(wish(1), cx));
        assert_eq!(bench.generated()[0].latents, wish(1).latents);
    }
}
