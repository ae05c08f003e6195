//! Pictures on the graphics card: uploaded once for each revision, the least recently used dropped first. Enlarged, they
//! show sharp pixels or smooth ones, as a person wants it or as pictures of their size look.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use egui::{
    ColorImage, Context, Painter, Rect, Response, Role, Sense, TextureFilter, TextureHandle, TextureId, TextureOptions,
    Ui, Vec2, pos2, vec2,
};

use super::settings::{Backing, Pixels};
use super::theme::{self, Tokens, size};
use crate::base::Picture;

/// Bytes of pictures kept on the graphics card.
const BUDGET: usize = 256 << 20;

/// A picture on the graphics card.
#[derive(Clone)]
pub struct Tex {
    handle: TextureHandle,
    /// Pixels across and down.
    pub size: Vec2,
    /// Whether any pixel is transparent.
    pub transparent: bool,
}

impl Tex {
    /// For egui's painter.
    pub fn id(&self) -> TextureId {
        self.handle.id()
    }

    /// Largest size of this shape within `room`, enlarged if need be.
    pub fn fit(&self, room: Vec2) -> Vec2 {
        if self.size.x <= 0.0 || self.size.y <= 0.0 {
            return Vec2::ZERO;
        }
        self.size * (room.x / self.size.x).min(room.y / self.size.y)
    }
}

struct Entry {
    tex: Tex,
    revision: u64,
    used: u64,
    bytes: usize,
}

/// Pictures on the graphics card, by key.
#[derive(Default)]
pub struct Textures {
    entries: HashMap<u64, Entry>,
    frame: u64,
    bytes: usize,
    pixels: Pixels,
    /// What pictures of each size looked like so far: those of one model or data set mostly have a size of their own.
    kinds: HashMap<[u32; 2], Votes>,
    /// Sizes whose pictures are drawn another way from now on.
    turned: Vec<[u32; 2]>,
}

/// How many pictures of a size were taken for pixel art and for photographs.
#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    art: u32,
    photo: u32,
}

/// Pictures of a size that are looked at.
const LOOKED_AT: u32 = 48;
/// Neighbouring pixels that are compared in a picture.
const COMPARED: usize = 4096;

/// Whether a picture is drawn of even areas with hard edges, as pixel art and drawings are, and photographs are not.
pub fn looks_drawn(picture: &Picture) -> bool {
    let (w, pixels) = (picture.width as usize, picture.rgba.len() / 4);
    if w < 2 || pixels < 4 {
        return true;
    }
    // Large photographs change little from pixel to pixel, but hardly ever not at all.
    let alike = if picture.width.max(picture.height) <= 128 { 6 } else { 1 };
    let step = (pixels / COMPARED).max(1);
    let (mut flat, mut hard, mut all) = (0usize, 0usize, 0usize);
    for i in (0..pixels - 1).step_by(step).filter(|i| (i + 1) % w != 0) {
        let (a, b) = (&picture.rgba[i * 4..i * 4 + 4], &picture.rgba[i * 4 + 4..i * 4 + 8]);
        if a[3] == 0 && b[3] == 0 {
            continue;
        }
        let far = a.iter().zip(b).map(|(x, y)| x.abs_diff(*y)).max().unwrap_or_default();
        all += 1;
        flat += usize::from(far <= alike);
        hard += usize::from(far > 40);
    }
    flat * 2 >= all && hard * 3 >= (all - flat).max(1)
}

/// A key from anything: `key(("thumb", source, index))`.
pub fn key(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl Textures {
    /// The texture of `key`; uploads `picture` if it is not there or has another `revision`.
    pub fn get(&mut self, ctx: &Context, key: u64, revision: u64, picture: &Picture) -> Tex {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.used = self.frame;
            if entry.revision == revision {
                return entry.tex.clone();
            }
        }
        self.upload(ctx, key, revision, picture)
    }

    /// The texture of `key` in any revision, if it is there.
    pub fn peek(&mut self, key: u64) -> Option<Tex> {
        let entry = self.entries.get_mut(&key)?;
        entry.used = self.frame;
        Some(entry.tex.clone())
    }

    /// Whether `key` is there.
    pub fn has(&self, key: u64) -> bool {
        self.entries.contains_key(&key)
    }

    /// Puts `picture` under `key`, whatever was there.
    pub fn upload(&mut self, ctx: &Context, key: u64, revision: u64, picture: &Picture) -> Tex {
        let (w, h) = (picture.width as usize, picture.height as usize);
        let image = if w == 0 || h == 0 || picture.rgba.len() != w * h * 4 {
            ColorImage::filled([1, 1], egui::Color32::TRANSPARENT)
        } else {
            ColorImage::from_rgba_unmultiplied([w, h], &picture.rgba)
        };
        let transparent = picture.rgba.chunks_exact(4).any(|p| p[3] != 255);
        self.look_at(picture);
        let smooth = self.is_smooth([picture.width, picture.height]);
        let magnification = if smooth { TextureFilter::Linear } else { TextureFilter::Nearest };
        let options = TextureOptions { magnification, minification: TextureFilter::Linear, ..TextureOptions::LINEAR };
        let bytes = image.pixels.len() * 4;
        let pixels = vec2(image.size[0] as f32, image.size[1] as f32);
        let old = self.entries.remove(&key);
        self.bytes -= old.as_ref().map_or(0, |e| e.bytes);
        let handle = match old {
            // Same place on the card: a live preview does not allocate each time.
            Some(mut entry) if entry.tex.size == pixels => {
                entry.tex.handle.set(image, options);
                entry.tex.handle
            }
            _ => ctx.load_texture("picture", image, options),
        };
        let tex = Tex { handle, size: pixels, transparent };
        self.bytes += bytes;
        self.entries.insert(key, Entry { tex: tex.clone(), revision, used: self.frame, bytes });
        tex
    }

    /// How pictures are wanted; those that are here are uploaded again if that is another way.
    pub fn set_pixels(&mut self, pixels: Pixels) {
        if self.pixels != pixels {
            self.pixels = pixels;
            self.turned.extend(self.kinds.keys());
        }
    }

    /// Whether pictures of a size are drawn smooth.
    pub fn is_smooth(&self, size: [u32; 2]) -> bool {
        match self.pixels {
            Pixels::Sharp => false,
            Pixels::Smooth => true,
            Pixels::Auto => self.kinds.get(&size).is_some_and(|v| v.photo > v.art),
        }
    }

    /// Looks at a picture, for how those of its size are drawn.
    fn look_at(&mut self, picture: &Picture) {
        let size = [picture.width, picture.height];
        let before = self.is_smooth(size);
        let votes = self.kinds.entry(size).or_default();
        let known = votes.art + votes.photo;
        if known >= LOOKED_AT {
            return;
        }
        let kind = if looks_drawn(picture) { &mut votes.art } else { &mut votes.photo };
        *kind += 1;
        if known > 0 && self.is_smooth(size) != before {
            self.turned.push(size);
        }
    }

    /// Drops a picture.
    pub fn forget(&mut self, key: u64) {
        if let Some(entry) = self.entries.remove(&key) {
            self.bytes -= entry.bytes;
        }
    }

    /// Ends a frame: drops the least recently used pictures that are over the budget, never those just drawn.
    pub fn end_frame(&mut self) {
        let turned = std::mem::take(&mut self.turned);
        if !turned.is_empty() {
            let is_turned = |e: &Entry| turned.iter().any(|[w, h]| e.tex.size == vec2(*w as f32, *h as f32));
            let keys: Vec<u64> = self.entries.iter().filter(|(_, e)| is_turned(e)).map(|(k, _)| *k).collect();
            keys.into_iter().for_each(|key| self.forget(key));
        }
        if self.bytes > BUDGET {
            let mut old: Vec<(u64, u64)> =
                self.entries.iter().filter(|(_, e)| e.used < self.frame).map(|(k, e)| (e.used, *k)).collect();
            old.sort_unstable();
            for (_, key) in old {
                if self.bytes <= BUDGET {
                    break;
                }
                self.forget(key);
            }
        }
        self.frame += 1;
    }

    /// Bytes on the graphics card.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Draws a picture into a rectangle, with what is set behind transparency.
pub fn paint(painter: &Painter, rect: Rect, tex: &Tex, t: &Tokens) {
    if tex.transparent {
        backing(painter, rect, t);
    }
    painter.image(tex.id(), rect, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), egui::Color32::WHITE);
}

fn backing_id() -> egui::Id {
    egui::Id::unique("behind transparency")
}

/// Sets what lies behind transparency.
pub fn set_backing(ctx: &Context, backing: Backing) {
    ctx.data_mut(|d| d.insert_temp(backing_id(), backing));
}

/// What lies behind transparent pictures.
pub fn backing(painter: &Painter, rect: Rect, t: &Tokens) {
    let fill = match painter.ctx().data(|d| d.get_temp::<Backing>(backing_id())).unwrap_or_default() {
        Backing::Checkers => return checkerboard(painter, rect, t),
        Backing::Plain => t.checker[0],
        Backing::White => egui::Color32::WHITE,
        Backing::Black => egui::Color32::BLACK,
    };
    painter.rect_filled(rect, 0.0, fill);
}

/// The two greys that mean "nothing here".
fn checkerboard(painter: &Painter, rect: Rect, t: &Tokens) {
    painter.rect_filled(rect, 0.0, t.checker[0]);
    let step = size::CHECKER.max(rect.width().max(rect.height()) / 32.0);
    let (columns, rows) = ((rect.width() / step).ceil() as u32, (rect.height() / step).ceil() as u32);
    for row in 0..rows {
        for column in (row % 2..columns).step_by(2) {
            let corner = rect.min + vec2(column as f32, row as f32) * step;
            painter.rect_filled(Rect::from_min_size(corner, Vec2::splat(step)).intersect(rect), 0.0, t.checker[1]);
        }
    }
}

/// A picture of `size` points that `sense`s; `name` is what a screen reader says of it.
pub fn picture(ui: &mut Ui, tex: &Tex, size: Vec2, sense: Sense, name: &str) -> Response {
    let (rect, response) = ui.allocate_exact_size(size, sense);
    if ui.is_rect_visible(rect) {
        paint(ui.painter(), rect, tex, theme::tokens(ui));
        focus_ring(ui, &response);
    }
    let role = if sense.senses_click() { Role::Button } else { Role::Image };
    theme::name(&response, role, name);
    response
}

/// Shows where the keyboard is.
pub fn focus_ring(ui: &Ui, response: &Response) {
    if response.has_focus() {
        let t = theme::tokens(ui);
        let stroke = egui::Stroke::new(2.0, t.accent);
        ui.painter().rect_stroke(response.rect, f32::from(size::RADIUS), stroke, egui::StrokeKind::Inside);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    fn picture(side: u32, colour: impl Fn(u32, u32) -> u8) -> Picture {
        let rgba = (0..side * side).flat_map(|i| {
            let c = colour(i % side, i / side);
            [c, c / 2, 255 - c, 255]
        });
        Picture { width: side, height: side, rgba: rgba.collect() }
    }

    #[test]
    fn pixel_art_is_told_from_photographs() {
        let art = picture(24, |x, y| if (x / 6 + y / 6) % 2 == 0 { 20 } else { 200 });
        assert!(looks_drawn(&art));
        let noise = std::cell::RefCell::new(Stream::new(1, "noise"));
        let grainy = |x: u32, y: u32| (x + y * 2 + (noise.borrow_mut().normal().abs() * 30.0) as u32).min(255) as u8;
        assert!(!looks_drawn(&picture(32, grainy)));
        assert!(!looks_drawn(&picture(64, |x, y| (x + y) as u8)), "soft without an edge");
        assert!(!looks_drawn(&picture(512, |x, y| ((x * 3 + y) % 251) as u8)), "large, and never twice the same");
    }

    #[test]
    fn pictures_of_a_size_are_drawn_alike_and_as_a_person_wants() {
        let ctx = Context::default();
        let mut textures = Textures::default();
        let art = picture(24, |x, _| if x < 12 { 0 } else { 255 });
        let soft = picture(24, |x, y| (x * 4 + y) as u8);
        textures.upload(&ctx, 1, 0, &art);
        assert!(!textures.is_smooth([24, 24]));
        textures.upload(&ctx, 2, 0, &soft);
        textures.upload(&ctx, 3, 0, &soft);
        assert!(textures.is_smooth([24, 24]), "most of them are photographs");
        textures.end_frame();
        assert!(!textures.has(1), "what was drawn the other way is uploaded again");
        textures.upload(&ctx, 1, 0, &art);
        textures.set_pixels(Pixels::Sharp);
        assert!(!textures.is_smooth([24, 24]));
        textures.end_frame();
        assert!(!textures.has(1));
    }
}
