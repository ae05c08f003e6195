//! Small pictures of a source, by the names of its files: asked for once, uploaded a few a frame, forgotten by the
//! texture cache when unused.

use std::collections::HashMap;

use egui::Context;

use crate::base::Picture;
use crate::engine::{Command, Event};
use crate::ui::textures::{Subject, Tex, Textures, key};

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
    /// Grows with each survey of the source: files may have changed under the same names.
    revision: u64,
    /// Names asked for, with the size asked for.
    asked: HashMap<String, u32>,
    arrived: Vec<(String, u32, Picture)>,
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

    /// Takes in small pictures of the present source; a new survey of it makes those that are here old.
    pub fn receive(&mut self, event: &Event) {
        match event {
            Event::SourceThumbs { source, thumbs } if *source == self.source => {
                for (name, picture) in thumbs {
                    let size = self.asked.remove(name).unwrap_or(128);
                    self.arrived.push((name.clone(), size, picture.clone()));
                }
            }
            Event::Surveyed { survey, .. } if survey.source == self.source => {
                self.revision += 1;
                self.asked.clear();
                self.arrived.clear();
            }
            _ => {}
        }
    }

    /// Uploads what arrived, a few each frame; true if more waits.
    pub fn upload(&mut self, ctx: &Context, textures: &mut Textures) -> bool {
        textures.of(Subject::new(("source", &self.source), None));
        let rest = self.arrived.split_off(self.arrived.len().min(UPLOADS));
        for (name, size, picture) in std::mem::replace(&mut self.arrived, rest) {
            textures.upload(ctx, self.key(&name, size), 0, &picture);
        }
        if !self.arrived.is_empty() {
            ctx.request_repaint();
        }
        !self.arrived.is_empty()
    }

    /// The picture of this name: in this size, or in another until that arrives.
    pub fn get(&self, textures: &mut Textures, name: &str, size: u32) -> Option<Tex> {
        textures
            .peek(self.key(name, size))
            .or_else(|| [256, 128, 64].into_iter().find_map(|other| textures.peek(self.key(name, other))))
    }

    /// The picture of this name in just this size.
    pub fn get_exactly(&self, textures: &mut Textures, name: &str, size: u32) -> Option<Tex> {
        textures.peek(self.key(name, size))
    }

    /// Asks for those that are not on their way; nothing if there is none or too many are.
    pub fn ask<'a>(&mut self, names: impl IntoIterator<Item = &'a str>, size: u32) -> Option<Command> {
        let room = IN_FLIGHT.saturating_sub(self.asked.len()).min(BATCH);
        let waiting = |name: &str| self.asked.contains_key(name) || self.arrived.iter().any(|a| a.0 == name);
        let names: Vec<String> = names.into_iter().filter(|n| !waiting(n)).take(room).map(str::to_owned).collect();
        if names.is_empty() {
            return None;
        }
        self.asked.extend(names.iter().map(|n| (n.clone(), size)));
        Some(Command::SourceThumbs { source: self.source.clone(), names, size })
    }

    fn key(&self, name: &str, size: u32) -> u64 {
        key(("source thumb", &self.source, self.revision, name, size))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::report::Survey;

    #[test]
    fn a_picture_is_asked_for_once_and_again_after_it_arrived() {
        let all: Vec<String> = (0..100).map(|i| format!("{i:03}.png")).collect();
        let names = || all.iter().map(String::as_str);
        let mut thumbs = Thumbs::default();
        thumbs.turn_to("a");
        let Some(Command::SourceThumbs { names: first, .. }) = thumbs.ask(names(), 64) else { panic!() };
        assert_eq!(first, all[..BATCH]);
        let Some(Command::SourceThumbs { names: rest, .. }) = thumbs.ask(names(), 64) else { panic!() };
        assert_eq!(rest, all[BATCH..]);
        assert!(thumbs.ask(names(), 64).is_none());
        let told = |source: &str| Event::SourceThumbs {
            source: source.into(),
            thumbs: vec![("001.png".into(), Picture::default())],
        };
        thumbs.receive(&told("b"));
        assert!(thumbs.ask(["001.png"], 64).is_none(), "that was of another source");
        thumbs.receive(&told("a"));
        thumbs.arrived.clear();
        assert!(thumbs.ask(["001.png"], 64).is_some());
    }

    #[test]
    fn another_survey_makes_pictures_old() {
        let mut thumbs = Thumbs::default();
        thumbs.turn_to("a");
        let (before, survey) = (thumbs.key("1.png", 64), Survey { source: "a".into(), ..Survey::default() });
        thumbs.ask(["1.png"], 64);
        thumbs.receive(&Event::Surveyed { job: 1, survey: Arc::new(survey) });
        assert_ne!(thumbs.key("1.png", 64), before, "the file may be another one now");
        assert!(thumbs.ask(["1.png"], 64).is_some());
    }
}
