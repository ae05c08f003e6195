//! Pictures on the graphics card: uploaded once for each revision, the least recently used dropped first.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use egui::{
    ColorImage, Context, Painter, Rect, Response, Role, Sense, TextureFilter, TextureHandle, TextureId, TextureOptions,
    Ui, Vec2, pos2, vec2,
};

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
        let options = TextureOptions {
            magnification: TextureFilter::Nearest,
            minification: TextureFilter::Linear,
            ..TextureOptions::LINEAR
        };
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

    /// Drops a picture.
    pub fn forget(&mut self, key: u64) {
        if let Some(entry) = self.entries.remove(&key) {
            self.bytes -= entry.bytes;
        }
    }

    /// Ends a frame: drops the least recently used pictures that are over the budget, never those just drawn.
    pub fn end_frame(&mut self) {
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

/// Draws a picture into a rectangle, with a checkerboard behind transparency.
pub fn paint(painter: &Painter, rect: Rect, tex: &Tex, t: &Tokens) {
    if tex.transparent {
        checkerboard(painter, rect, t);
    }
    painter.image(tex.id(), rect, Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0)), egui::Color32::WHITE);
}

/// The two greys that mean "nothing here".
pub fn checkerboard(painter: &Painter, rect: Rect, t: &Tokens) {
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
