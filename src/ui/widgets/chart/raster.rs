//! Draws a piece of the window into a picture, without a screen: egui lays it out, triangles are filled here.

use std::collections::HashMap;

use egui::epaint::{ClippedPrimitive, ImageData, Mesh, Primitive};
use egui::{Color32, Context, Pos2, RawInput, Rect, TextureId, Ui, Vec2};

use crate::base::Picture;

type Textures = HashMap<TextureId, (usize, usize, Vec<Color32>)>;

/// Lays out `content` in a window of its own with the fonts and style of `like`, at `scale` pixels a point.
///
/// Pictures loaded into `like` are not there: only what `content` draws itself, such as text, lines and fills.
pub fn picture_of(like: &Context, size: Vec2, scale: f32, mut content: impl FnMut(&mut Ui)) -> Picture {
    let context = Context::default();
    context.set_fonts(like.fonts(|f| f.definitions().clone()));
    context.set_theme(like.theme());
    context.set_global_style(like.global_style());
    let mut textures = Textures::new();
    let mut primitives = Vec::new();
    // The second pass knows the sizes that the first one found.
    for pass in 0..3 {
        let mut input = RawInput {
            screen_rect: Some(Rect::from_min_size(Pos2::ZERO, size)),
            time: Some(f64::from(pass) * 10.0),
            ..RawInput::default()
        };
        if let Some(viewport) = input.viewports.get_mut(&input.viewport_id) {
            viewport.native_pixels_per_point = Some(scale);
        }
        let mut output = context.run_ui(input, |ui| content(ui));
        for (id, deltas) in &output.textures_delta.set {
            deltas.iter().for_each(|delta| receive(&mut textures, *id, delta));
        }
        output.textures_delta.clear();
        primitives = context.tessellate(output.shapes, output.pixels_per_point);
    }
    let ground = like.global_style().visuals.panel_fill;
    let (width, height) = ((size.x * scale).round() as usize, (size.y * scale).round() as usize);
    let mut canvas = Canvas { width, height, pixels: vec![ground; width * height] };
    for ClippedPrimitive { clip_rect, primitive } in &primitives {
        if let Primitive::Mesh(mesh) = primitive {
            canvas.fill(mesh, *clip_rect, scale, &textures);
        }
    }
    let rgba = canvas.pixels.iter().flat_map(|c| [c.r(), c.g(), c.b(), 255]).collect();
    Picture { width: width as u32, height: height as u32, rgba }
}

fn receive(textures: &mut Textures, id: TextureId, delta: &egui::epaint::ImageDelta) {
    let ImageData::Color(image) = &delta.image;
    let [w, h] = image.size;
    match delta.pos {
        None => {
            textures.insert(id, (w, h, image.pixels.clone()));
        }
        Some([x, y]) => {
            if let Some((across, _, pixels)) = textures.get_mut(&id) {
                for row in 0..h {
                    let to = (y + row) * *across + x;
                    pixels[to..to + w].copy_from_slice(&image.pixels[row * w..(row + 1) * w]);
                }
            }
        }
    }
}

struct Canvas {
    width: usize,
    height: usize,
    pixels: Vec<Color32>,
}

impl Canvas {
    fn fill(&mut self, mesh: &Mesh, clip: Rect, scale: f32, textures: &Textures) {
        let Some((tw, th, texels)) = textures.get(&mesh.texture_id) else { return };
        let texel = |x: f32, y: f32| {
            let (x, y) = ((x as usize).min(tw - 1), (y as usize).min(th - 1));
            texels[y * tw + x]
        };
        let (left, right) = (clamp(clip.left() * scale, self.width), clamp(clip.right() * scale, self.width));
        let (top, bottom) = (clamp(clip.top() * scale, self.height), clamp(clip.bottom() * scale, self.height));
        for corners in mesh.indices.as_chunks::<3>().0 {
            let [a, mut b, mut c] = corners.map(|i| &mesh.vertices[i as usize]);
            if cross(b.pos - a.pos, c.pos - a.pos) < 0.0 {
                std::mem::swap(&mut b, &mut c);
            }
            let [p, q, r] = [a.pos * scale, b.pos * scale, c.pos * scale];
            let area = cross(q - p, r - p);
            if area <= 0.0 {
                continue;
            }
            // A pixel on a shared edge belongs to the triangle for which that edge is a top or a left one.
            let own = |from: Pos2, to: Pos2| to.y < from.y || to.y == from.y && to.x > from.x;
            let owned = [own(q, r), own(r, p), own(p, q)];
            let xs = (p.x.min(q.x).min(r.x), p.x.max(q.x).max(r.x));
            let ys = (p.y.min(q.y).min(r.y), p.y.max(q.y).max(r.y));
            for y in clamp(ys.0, self.height).max(top)..clamp(ys.1.ceil(), self.height).min(bottom) {
                for x in clamp(xs.0, self.width).max(left)..clamp(xs.1.ceil(), self.width).min(right) {
                    let at = Pos2::new(x as f32 + 0.5, y as f32 + 0.5);
                    let u = cross(r - q, at - q) / area;
                    let v = cross(p - r, at - r) / area;
                    let w = 1.0 - u - v;
                    let out = |(weight, own): (f32, bool)| weight < 0.0 || weight == 0.0 && !own;
                    if [u, v, w].into_iter().zip(owned).any(out) {
                        continue;
                    }
                    let uv = a.uv.to_vec2() * u + b.uv.to_vec2() * v + c.uv.to_vec2() * w;
                    let paint = texel(uv.x * *tw as f32, uv.y * *th as f32);
                    let mix = |f: fn(&Color32) -> u8| {
                        f32::from(f(&a.color)) * u + f32::from(f(&b.color)) * v + f32::from(f(&c.color)) * w
                    };
                    let colour = [mix(Color32::r), mix(Color32::g), mix(Color32::b), mix(Color32::a)];
                    let texture = [paint.r(), paint.g(), paint.b(), paint.a()];
                    let source: [f32; 4] = std::array::from_fn(|i| colour[i] * f32::from(texture[i]) / 255.0);
                    let pixel = &mut self.pixels[y * self.width + x];
                    let under = [pixel.r(), pixel.g(), pixel.b()];
                    let keep = 1.0 - source[3] / 255.0;
                    let over = |i: usize| (source[i] + f32::from(under[i]) * keep).round().clamp(0.0, 255.0) as u8;
                    *pixel = Color32::from_rgb(over(0), over(1), over(2));
                }
            }
        }
    }
}

fn clamp(v: f32, max: usize) -> usize {
    (v.max(0.0) as usize).min(max)
}

fn cross(a: Vec2, b: Vec2) -> f32 {
    a.x * b.y - a.y * b.x
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fills_lines_and_text_reach_the_picture() {
        let like = Context::default();
        like.run_ui(RawInput::default(), |_| {}).textures_delta.clear();
        let picture = picture_of(&like, egui::vec2(120.0, 60.0), 2.0, |ui| {
            let painter = ui.painter();
            painter.rect_filled(Rect::from_min_size(Pos2::new(10.0, 10.0), egui::vec2(20.0, 20.0)), 0.0, Color32::RED);
            painter.text(Pos2::new(50.0, 20.0), egui::Align2::LEFT_TOP, "Hi", egui::FontId::default(), Color32::GREEN);
        });
        assert_eq!((picture.width, picture.height), (240, 120));
        assert_eq!(picture.pixel(40, 40), [255, 0, 0, 255]);
        let red = picture.rgba.chunks(4).filter(|p| p[0] > 200 && p[1] < 50).count();
        assert!((1500..1700).contains(&red), "{red}");
        let green = picture.rgba.chunks(4).filter(|p| p[1] > 200 && p[0] < 90).count();
        assert!(green > 30, "{green}");
    }
}
