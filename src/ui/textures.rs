//! Pictures on the graphics card: uploaded once for each revision, the least recently used dropped first. Enlarged, they
//! show sharp pixels or smooth ones, as a person wants it, as the model they are of learned it, or as pictures of the same
//! subject and size look.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use egui::{
    ColorImage, Context, Painter, Rect, Response, Role, Sense, TextureFilter, TextureHandle, TextureId, TextureOptions,
    Ui, Vec2, pos2, vec2,
};

use super::settings::{Backing, Pixels};
use super::theme::{self, Tokens, size};
use crate::base::{Picture, Resolution};

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

    /// The largest rectangle of this shape in the middle of another one.
    pub fn within(&self, rect: Rect) -> Rect {
        let size = self.fit(rect.size());
        // Rounding must not move a picture that has the shape of its place.
        if (size - rect.size()).length() < 0.01 { rect } else { Rect::from_center_size(rect.center(), size) }
    }
}

struct Entry {
    tex: Tex,
    subject: u64,
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
    /// What the pictures that come next are of.
    subject: u64,
    /// Subjects of which it is known whether they have hard pixels.
    known: HashMap<u64, bool>,
    /// What pictures of each subject and size looked like so far.
    kinds: HashMap<Kind, Votes>,
    /// Those whose pictures are drawn another way from now on.
    turned: Vec<Kind>,
}

/// What pictures are of, such as a model or a data set: those of one subject are drawn alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subject {
    name: u64,
    hard: Option<bool>,
}

impl Subject {
    /// `hard`: whether they have hard pixels, where that is known; otherwise their look decides.
    pub fn new(name: impl Hash, hard: Option<bool>) -> Self {
        Self { name: key(name), hard }
    }
}

/// The name of a subject, and a size in pixels.
type Kind = (u64, [u32; 2]);

/// How many pictures of a size were taken for pixel art and for photographs.
#[derive(Clone, Copy, Debug, Default)]
struct Votes {
    art: u32,
    photo: u32,
}

/// Pictures of a subject and size that are looked at.
const LOOKED_AT: u32 = 48;
/// A key from anything: `key(("thumb", source, index))`.
pub fn key(of: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    of.hash(&mut hasher);
    hasher.finish()
}

impl Textures {
    /// Says what the pictures that come next are of.
    pub fn of(&mut self, Subject { name, hard }: Subject) {
        self.subject = name;
        let before = match hard {
            Some(hard) => self.known.insert(name, hard),
            None => self.known.remove(&name),
        };
        if before != hard {
            self.turned.extend(self.kinds.keys().filter(|(subject, _)| *subject == name).copied());
        }
    }

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
        let subject = self.subject;
        self.entries.insert(key, Entry { tex: tex.clone(), subject, revision, used: self.frame, bytes });
        tex
    }

    /// How pictures are wanted; those that are here are uploaded again if that is another way.
    pub fn set_pixels(&mut self, pixels: Pixels) {
        if self.pixels != pixels {
            self.pixels = pixels;
            self.turned.extend(self.kinds.keys().copied());
        }
    }

    /// Whether pictures of the present subject and a size are drawn smooth.
    pub fn is_smooth(&self, size: [u32; 2]) -> bool {
        let looks_smooth = || self.kinds.get(&(self.subject, size)).is_some_and(|v| v.photo > v.art);
        match self.pixels {
            Pixels::Sharp => false,
            Pixels::Smooth => true,
            Pixels::Auto => self.known.get(&self.subject).map_or_else(looks_smooth, |hard| !hard),
        }
    }

    /// Looks at a picture, for how those of its size are drawn.
    fn look_at(&mut self, picture: &Picture) {
        let size = [picture.width, picture.height];
        let before = self.is_smooth(size);
        let votes = self.kinds.entry((self.subject, size)).or_default();
        let known = votes.art + votes.photo;
        if known >= LOOKED_AT {
            return;
        }
        let kind = if picture.has_hard_pixels() { &mut votes.art } else { &mut votes.photo };
        *kind += 1;
        if known > 0 && self.is_smooth(size) != before {
            self.turned.push((self.subject, size));
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
            let is_turned = |e: &Entry| {
                turned.iter().any(|(of, [w, h])| e.subject == *of && e.tex.size == vec2(*w as f32, *h as f32))
            };
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

/// The largest rectangle for pictures of a shape in the middle of `room`, in whole multiples of their pixels where these
/// fit.
pub fn canvas(room: Rect, of: Resolution) -> Rect {
    let pixels = vec2(of.width.max(1) as f32, of.height.max(1) as f32);
    let scale = (room.width() / pixels.x).min(room.height() / pixels.y);
    let scale = if scale >= 1.0 { scale.floor() } else { scale.max(16.0 / pixels.x.max(pixels.y)) };
    Rect::from_center_size(room.center(), pixels * scale)
}

/// Draws a picture as large as fits into a rectangle, in its own shape, with what is set behind transparency.
pub fn paint(painter: &Painter, rect: Rect, tex: &Tex, t: &Tokens) {
    let rect = tex.within(rect);
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

    fn picture(side: u32, colour: impl Fn(u32, u32) -> u8) -> Picture {
        let rgba = (0..side * side).flat_map(|i| {
            let c = colour(i % side, i / side);
            [c, c / 2, 255 - c, 255]
        });
        Picture { width: side, height: side, rgba: rgba.collect() }
    }

    #[test]
    fn a_canvas_has_the_shape_of_its_pictures_and_whole_pixels() {
        let room = Rect::from_min_size(pos2(10.0, 20.0), vec2(400.0, 300.0));
        for (width, height) in [(64, 96), (48, 20), (32, 32), (128, 512)] {
            let rect = canvas(room, Resolution::new(width, height));
            let (x, y) = (rect.width() / width as f32, rect.height() / height as f32);
            assert!((x - y).abs() < 1e-4 && room.expand(0.01).contains_rect(rect), "{width}×{height}: {rect}");
            assert!(x < 1.0 || x.fract() < 1e-4, "{width}×{height}: {x}");
        }
    }

    #[test]
    fn a_picture_is_never_stretched() {
        let ctx = Context::default();
        let mut textures = Textures::default();
        let _ = ctx.run_ui(egui::RawInput::default(), |ui| {
            let tall = textures.get(ui.ctx(), 1, 0, &Picture::filled(20, 40, [9, 9, 9, 255]));
            let place = Rect::from_min_size(pos2(0.0, 0.0), vec2(100.0, 100.0));
            assert_eq!(tall.within(place), Rect::from_min_size(pos2(25.0, 0.0), vec2(50.0, 100.0)));
            let square = textures.get(ui.ctx(), 2, 0, &Picture::filled(8, 8, [9, 9, 9, 255]));
            assert_eq!(square.within(place), place);
        });
    }

    #[test]
    fn transparency_lies_on_what_is_set_and_opaque_pictures_on_nothing() {
        let painted = |backing: Backing, alpha: u8| {
            let ctx = Context::default();
            let rect = Rect::from_min_size(pos2(10.0, 10.0), Vec2::splat(40.0));
            let mut textures = Textures::default();
            let output = ctx.run_ui(egui::RawInput::default(), |ui| {
                set_backing(ui.ctx(), backing);
                let tex = textures.upload(ui.ctx(), 1, 0, &Picture::filled(4, 4, [9, 9, 9, alpha]));
                paint(ui.painter(), rect, &tex, &theme::DARK);
            });
            let fills = output.shapes.into_iter().filter_map(|s| match s.shape {
                egui::Shape::Rect(r) if rect.contains_rect(r.rect) && r.brush.is_none() => Some(r.fill),
                _ => None,
            });
            let mut fills: Vec<egui::Color32> = fills.collect();
            fills.dedup();
            fills
        };
        let checker = theme::DARK.checker;
        assert_eq!(painted(Backing::Plain, 0), [checker[0]]);
        assert_eq!(painted(Backing::White, 128), [egui::Color32::WHITE]);
        assert_eq!(painted(Backing::Black, 254), [egui::Color32::BLACK]);
        assert_eq!(painted(Backing::Checkers, 0), checker);
        for backing in [Backing::Checkers, Backing::Plain, Backing::White, Backing::Black] {
            assert!(painted(backing, 255).is_empty(), "nothing shines through");
        }
    }

    #[test]
    fn what_a_model_learned_decides_over_the_look_of_its_pictures() {
        let ctx = Context::default();
        let mut textures = Textures::default();
        let soft = picture(32, |x, y| (x * 4 + y) as u8);
        textures.of(Subject::new("pixel art", Some(true)));
        textures.upload(&ctx, 1, 0, &soft);
        assert!(!textures.is_smooth([32, 32]), "samples are noisier than what was learned");
        textures.of(Subject::new("photographs", None));
        textures.upload(&ctx, 2, 0, &soft);
        assert!(textures.is_smooth([32, 32]), "other pictures of the same size");
        textures.of(Subject::new("pixel art", Some(true)));
        assert!(!textures.is_smooth([32, 32]));
        textures.end_frame();
        assert!(textures.has(1) && textures.has(2), "nothing turned");
        textures.of(Subject::new("pixel art", None));
        textures.end_frame();
        assert!(!textures.has(1) && textures.has(2), "it is not known any more");
        assert!(textures.is_smooth([32, 32]));
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
