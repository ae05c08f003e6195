//! Small pictures of a source: asked for once, uploaded a few a frame, forgotten by the texture cache when unused.

use std::collections::HashMap;

use egui::Context;

use crate::base::Picture;
use crate::engine::{Command, Event};
use crate::ui::textures::{Tex, Textures, key};

/// Pictures asked for and not yet here, at most.
const IN_FLIGHT: usize = 256;
/// Pictures asked for at once.
const BATCH: usize = 64;
/// Pictures uploaded in a frame.
const UPLOADS: usize = 48;

/// Small pictures of sources.
#[derive(Debug, Default)]
pub struct Thumbs {
    source: String,
    /// Places asked for, with the size asked for.
    asked: HashMap<u32, u32>,
    arrived: Vec<(u32, u32, Picture)>,
}

impl Thumbs {
    /// Turns to a source; what was asked of another no longer counts.
    pub fn turn_to(&mut self, source: &str) {
        if self.source != source {
            self.source = source.into();
            self.asked.clear();
            self.arrived.clear();
        }
    }

    /// Pixels a side to ask for, for cells of this many pixels on the screen.
    pub fn size_for(pixels: f32) -> u32 {
        match pixels {
            p if p <= 64.0 => 64,
            p if p <= 128.0 => 128,
            _ => 256,
        }
    }

    /// Takes in small pictures of the present source.
    pub fn receive(&mut self, event: &Event) {
        if let Event::SourceThumbs { source, thumbs } = event
            && *source == self.source
        {
            for (index, picture) in thumbs {
                let size = self.asked.remove(index).unwrap_or(128);
                self.arrived.push((*index, size, picture.clone()));
            }
        }
    }

    /// Uploads what arrived, a few each frame; true if more waits.
    pub fn upload(&mut self, ctx: &Context, textures: &mut Textures) -> bool {
        let rest = self.arrived.split_off(self.arrived.len().min(UPLOADS));
        for (index, size, picture) in std::mem::replace(&mut self.arrived, rest) {
            textures.upload(ctx, self.key(index, size), 0, &picture);
        }
        if !self.arrived.is_empty() {
            ctx.request_repaint();
        }
        !self.arrived.is_empty()
    }

    /// The picture at a place: in this size, or in another until that arrives.
    pub fn get(&self, textures: &mut Textures, index: u32, size: u32) -> Option<Tex> {
        textures
            .peek(self.key(index, size))
            .or_else(|| [256, 128, 64].into_iter().find_map(|other| textures.peek(self.key(index, other))))
    }

    /// The picture at a place in just this size.
    pub fn get_exactly(&self, textures: &mut Textures, index: u32, size: u32) -> Option<Tex> {
        textures.peek(self.key(index, size))
    }

    /// Asks for those that are not on their way; nothing if there is none or too many are.
    pub fn ask(&mut self, indices: impl IntoIterator<Item = u32>, size: u32) -> Option<Command> {
        let room = IN_FLIGHT.saturating_sub(self.asked.len()).min(BATCH);
        let waiting = |i: &u32| self.asked.contains_key(i) || self.arrived.iter().any(|a| a.0 == *i);
        let indices: Vec<u32> = indices.into_iter().filter(|i| !waiting(i)).take(room).collect();
        if indices.is_empty() {
            return None;
        }
        self.asked.extend(indices.iter().map(|&i| (i, size)));
        Some(Command::SourceThumbs { source: self.source.clone(), indices, size })
    }

    fn key(&self, index: u32, size: u32) -> u64 {
        key(("source thumb", &self.source, index, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_asked_for_once_and_again_after_it_arrived() {
        let mut thumbs = Thumbs::default();
        thumbs.turn_to("a");
        let Some(Command::SourceThumbs { indices, .. }) = thumbs.ask(0..100, 64) else { panic!() };
        assert_eq!(indices.len(), BATCH);
        let Some(Command::SourceThumbs { indices, .. }) = thumbs.ask(0..100, 64) else { panic!() };
        assert_eq!(indices, (64..100).collect::<Vec<_>>());
        assert!(thumbs.ask(0..100, 64).is_none());
        let event = Event::SourceThumbs { source: "b".into(), thumbs: vec![(1, Picture::default())] };
        thumbs.receive(&event);
        assert!(thumbs.ask([1], 64).is_none(), "that was of another source");
        let event = Event::SourceThumbs { source: "a".into(), thumbs: vec![(1, Picture::default())] };
        thumbs.receive(&event);
        thumbs.arrived.clear();
        assert!(thumbs.ask([1], 64).is_some());
    }
}
