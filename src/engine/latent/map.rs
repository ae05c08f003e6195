//! Maps: tiles made on the inference thread between what a person drags, kept, and given up when out of sight.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use super::LatentEvent;
use super::model_slot::real;
use crate::base::Picture;
use crate::engine::Event;
use crate::engine::inference::Models;
use crate::engine::jobs::Context;
use crate::latent::map::Plane;

/// Tiles kept.
const KEPT: usize = 600;

/// What is wanted of a map.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The model.
    pub model: String,
    /// The plane.
    pub plane: Plane,
    /// Truncation.
    pub truncation: f32,
    /// Zoom.
    pub zoom: i32,
    /// Tiles, the most wanted first.
    pub tiles: VecDeque<(i64, i64)>,
}

#[derive(Default)]
struct State {
    wanted: HashMap<u64, Wanted>,
    /// Whether the inference thread has been asked already.
    asked: bool,
    kept: HashMap<String, Arc<Picture>>,
    order: VecDeque<String>,
}

/// All maps of a client.
#[derive(Clone, Default)]
pub struct Maps(Arc<Mutex<State>>);

impl Maps {
    /// Replaces what is wanted of a map. Never waits.
    pub fn want(&self, cx: &Context, map: u64, wanted: Wanted) {
        let mut state = self.0.lock();
        if wanted.tiles.is_empty() {
            state.wanted.remove(&map);
        } else {
            state.wanted.insert(map, wanted);
        }
        if !state.asked && !state.wanted.is_empty() {
            state.asked = true;
            drop(state);
            self.ask(cx);
        }
    }

    fn ask(&self, cx: &Context) {
        let (maps, inside) = (self.clone(), cx.clone());
        // One tile at a time: a slider comes first in between.
        if !cx.inference.soon(move |models| maps.make(&inside, models)) {
            self.0.lock().asked = false;
        }
    }

    fn next(&self) -> Option<(u64, Wanted, (i64, i64))> {
        let mut state = self.0.lock();
        let map = *state.wanted.keys().min()?;
        let wanted = state.wanted.get_mut(&map)?;
        let tile = wanted.tiles.pop_front();
        let copy = Wanted { tiles: VecDeque::new(), ..wanted.clone() };
        if wanted.tiles.is_empty() {
            state.wanted.remove(&map);
        }
        tile.map(|tile| (map, copy, tile))
    }

    fn make(&self, cx: &Context, models: &mut Models) {
        if let Some((map, wanted, tile)) = self.next() {
            match self.tile(models, &wanted, tile) {
                Ok(picture) => {
                    let (zoom, picture) = (wanted.zoom, (*picture).clone());
                    cx.tell(Event::Latent(LatentEvent::MapTile { map, zoom, tile, picture }));
                }
                Err(problem) => {
                    // The other tiles would fail for the same reason.
                    self.0.lock().wanted.remove(&map);
                    cx.outbox.say(problem);
                }
            }
        }
        let mut state = self.0.lock();
        state.asked = !state.wanted.is_empty() && !cx.outbox.is_closed();
        if state.asked {
            drop(state);
            self.ask(cx);
        }
    }

    fn tile(&self, models: &mut Models, wanted: &Wanted, (x, y): (i64, i64)) -> crate::base::Result<Arc<Picture>> {
        let model = real(models, &wanted.model)?;
        let plane = serde_json::to_vec(&wanted.plane).unwrap_or_default();
        let key = format!(
            "{} {} {} {} {} {x} {y}",
            model.info().hash,
            model.info().active_prior().map_or("", |p| p.hash.as_str()),
            blake3::hash(&plane).to_hex(),
            wanted.truncation.to_bits(),
            wanted.zoom
        );
        if let Some(kept) = self.0.lock().kept.get(&key) {
            return Ok(kept.clone());
        }
        let picture = Arc::new(model.tile(&wanted.plane, wanted.zoom, x, y, wanted.truncation)?);
        let mut state = self.0.lock();
        if state.order.len() >= KEPT
            && let Some(old) = state.order.pop_front()
        {
            state.kept.remove(&old);
        }
        state.order.push_back(key.clone());
        state.kept.insert(key, picture.clone());
        Ok(picture)
    }
}
