//! How points look: colours with their legend, and many dots as one mesh.

use std::collections::HashMap;
use std::sync::Arc;

use egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, Vec2, pos2, vec2};

use crate::latent::atlas::gather::{Atlas, Point, Whose};
use crate::ui::format;
use crate::ui::textures::key;
use crate::ui::theme::{Tokens, size};
use crate::ui::views::explore::tabs::atlas::state::{Tint, View};

/// Labels with a colour of their own.
const LABELS: usize = 16;
/// Dots up to which each is a round shape; more are squares of one mesh.
const ROUND: usize = 6000;
/// Outlines that are smaller than this on the screen, in points, are plain rings of this size.
const SPECK: f32 = 14.0;
/// Columns of the bar that explains a scale.
const SHADES: usize = 24;

/// What colours are made from.
pub struct Palette<'a> {
    /// The theme.
    pub t: &'a Tokens,
    /// What colours tell.
    pub tint: Tint,
    /// Least and most of what is told as a scale.
    pub range: [f32; 2],
    /// Ratings of kept pictures, by their number.
    pub ratings: &'a HashMap<i64, u8>,
}

/// Colour of a label; labels that come late share one.
pub fn of_label(t: &Tokens, label: usize) -> Color32 {
    match label {
        0..8 => t.series(label),
        8..LABELS => t.series(label).lerp_to_gamma(t.text, 0.5),
        _ => t.weak,
    }
}

/// Colour of a share from 0 to 1: dark blue to yellow, which colour-blind people tell apart too.
fn shade(t: &Tokens, share: f32) -> Color32 {
    t.series(6).lerp_to_gamma(t.series(4), share.clamp(0.0, 1.0))
}

impl Palette<'_> {
    /// Colour of a point; nothing where the choice says nothing of it.
    pub fn colour(&self, point: &Point) -> Option<Color32> {
        let scale = |v: f32| shade(self.t, (v - self.range[0]) / (self.range[1] - self.range[0]).max(1e-6));
        match (self.tint, &point.whose) {
            (Tint::Kind, whose) => Some(self.t.series(kind(whose))),
            (Tint::Label, Whose::Real { label: Some(label), .. }) => Some(of_label(self.t, *label as usize)),
            (Tint::Hardness, Whose::Real { hardness: Some(hardness), .. }) => Some(scale(*hardness)),
            (Tint::Rating, Whose::Kept { id }) => self.ratings.get(id).map(|r| scale(f32::from(*r))),
            _ => None,
        }
    }

    fn or_grey(&self, point: &Point) -> Color32 {
        self.colour(point).unwrap_or(self.t.disabled)
    }
}

/// Real, generated, kept.
fn kind(whose: &Whose) -> usize {
    match whose {
        Whose::Real { .. } => 0,
        Whose::Generated { .. } => 1,
        Whose::Kept { .. } => 2,
    }
}

/// What each kind of point is called.
pub const KINDS: [&str; 3] = ["Real", "Generated", "Kept"];

/// How many points there are of each kind.
pub fn counts(atlas: &Atlas) -> [usize; 3] {
    atlas.points.iter().fold([0; 3], |mut n, p| {
        n[kind(&p.whose)] += 1;
        n
    })
}

/// Least and most hardness of nearly all real pictures.
pub fn hardness(atlas: &Atlas) -> Option<[f32; 2]> {
    let of = |p: &Point| if let Whose::Real { hardness, .. } = &p.whose { *hardness } else { None };
    let mut all: Vec<f32> = atlas.points.iter().filter_map(of).collect();
    all.sort_by(f32::total_cmp);
    let at = |share: f64| all.get((all.len().saturating_sub(1) as f64 * share) as usize).copied();
    Some([at(0.02)?, at(0.98)?])
}

/// Half the side of a dot, in points.
pub fn radius(points: usize, nearer: f64) -> f32 {
    let far = (150.0 / (points.max(1) as f32).sqrt()).clamp(1.2, 3.5);
    (far * nearer.max(1.0).powf(0.3) as f32).min(5.0)
}

/// The dots of a sheet, made again only when something about them changed.
#[derive(Default)]
pub struct Dots {
    of: u64,
    mesh: Arc<Mesh>,
    /// Dots in sight: where, and how they look.
    round: Vec<(Pos2, Color32)>,
}

impl Dots {
    /// Draws the points in sight. `number` tells sheets apart; `chosen` are lit, all others then step back, as do those
    /// that are `faded`.
    pub fn paint(
        &mut self,
        painter: &Painter,
        view: &View,
        (atlas, number): (&Atlas, u64),
        palette: &Palette<'_>,
        chosen: Option<(&[u32], u64)>,
        faded: (&[bool], u64),
    ) {
        let r = radius(atlas.points.len(), view.nearer());
        let bits = [view.x.to_bits(), view.y.to_bits(), view.scale.to_bits()];
        let room = [view.room.min.x, view.room.min.y, view.room.max.x, view.room.max.y].map(f32::to_bits);
        let range = palette.range.map(f32::to_bits);
        let now = key((number, bits, room, palette.tint, palette.t.dark, range, chosen.map(|c| c.1), faded.1));
        if now != self.of {
            self.of = now;
            self.make(view, atlas, palette, (chosen.map(|c| c.0), faded.0), r);
        }
        for (at, colour) in &self.round {
            painter.circle_filled(*at, r, *colour);
        }
        if !self.mesh.is_empty() {
            painter.add(Shape::Mesh(self.mesh.clone()));
        }
    }

    fn make(
        &mut self,
        view: &View,
        atlas: &Atlas,
        palette: &Palette<'_>,
        (chosen, faded): (Option<&[u32]>, &[bool]),
        r: f32,
    ) {
        let lit = chosen.map(|chosen| {
            let mut lit = vec![false; atlas.points.len()];
            chosen
                .iter()
                .filter_map(|i| Some(*i as usize).filter(|i| *i < atlas.points.len()))
                .for_each(|i| lit[i] = true);
            lit
        });
        let sight = view.room.expand(r);
        // What the colours say nothing of lies below what they speak of.
        let (mut below, mut above) = (Vec::new(), Vec::new());
        for (i, point) in atlas.points.iter().enumerate() {
            let at = view.screen(point.place);
            if !sight.contains(at) {
                continue;
            }
            let told = palette.colour(point);
            let colour = told.unwrap_or(palette.t.disabled);
            let lit = lit.as_ref().is_none_or(|lit| lit[i]) && !faded.get(i).copied().unwrap_or(false);
            let colour = if lit { colour } else { colour.gamma_multiply(0.25) };
            if told.is_some() && lit { above.push((at, colour)) } else { below.push((at, colour)) }
        }
        below.append(&mut above);
        self.round = below;
        let mut mesh = Mesh::default();
        if self.round.len() > ROUND {
            mesh.reserve_vertices(self.round.len() * 4);
            mesh.reserve_triangles(self.round.len() * 2);
            for (at, colour) in self.round.drain(..) {
                mesh.add_colored_rect(Rect::from_center_size(at, Vec2::splat(2.0 * r)), colour);
            }
        }
        self.mesh = Arc::new(mesh);
    }
}

/// A line of the legend.
enum Line {
    Dot(Color32, String),
    Scale([String; 2]),
}

/// Draws what the colours mean into the lower left corner; the room it takes.
pub fn legend(painter: &Painter, room: Rect, atlas: &Atlas, palette: &Palette<'_>) -> Rect {
    let t = palette.t;
    let grey = |text: &str| Line::Dot(t.disabled, text.into());
    let lines: Vec<Line> = match palette.tint {
        Tint::Kind => {
            let n = counts(atlas);
            let of = |i: usize| Line::Dot(t.series(i), format!("{} ({})", KINDS[i], format::count(n[i] as u64)));
            (0..3).filter(|i| n[*i] > 0).map(of).collect()
        }
        Tint::Label if atlas.labels.is_empty() => vec![grey("These pictures have no labels")],
        Tint::Label => {
            let own = atlas.labels.iter().take(LABELS).enumerate();
            let mut lines: Vec<Line> = own.map(|(i, l)| Line::Dot(of_label(t, i), format::shortened(l, 24))).collect();
            if atlas.labels.len() > LABELS {
                lines.push(Line::Dot(t.weak, format!("{} more", atlas.labels.len() - LABELS)));
            }
            lines.push(grey("Without a label"));
            lines
        }
        Tint::Hardness if hardness(atlas).is_none() => vec![grey("No real pictures to tell the hardness of")],
        Tint::Hardness => {
            let text = |word: &str, v: f32| format!("{word} ({:.1} %)", v * 100.0);
            vec![Line::Scale([text("Easy", palette.range[0]), text("hard", palette.range[1])]), grey("Not real")]
        }
        Tint::Rating if palette.ratings.is_empty() => vec![grey("No kept pictures on this sheet")],
        Tint::Rating => vec![Line::Scale(["Rated 0".into(), "5".into()]), grey("Not kept")],
    };
    let font = FontId::proportional(size::SMALL);
    let galley = |text: &str, colour| painter.layout_no_wrap(text.into(), font.clone(), colour);
    let bar = SHADES as f32 * 4.0;
    let (mut wide, mut tall) = (0.0f32, 0.0f32);
    for line in &lines {
        let (w, h) = match line {
            Line::Dot(_, text) => (14.0 + galley(text, t.text).size().x, 18.0),
            Line::Scale([a, b]) => (galley(a, t.text).size().x + bar + galley(b, t.text).size().x + 12.0, 18.0),
        };
        (wide, tall) = (wide.max(w), tall + h);
    }
    let ground = vec2(wide + 2.0 * size::S, tall + size::S);
    let ground = Rect::from_min_size(room.left_bottom() + vec2(size::S, -size::S - ground.y), ground);
    painter.rect_filled(ground, f32::from(size::RADIUS), t.panel.gamma_multiply(0.92));
    let mut at = ground.min + vec2(size::S, size::XS);
    for line in &lines {
        let middle = at.y + 9.0;
        match line {
            Line::Dot(colour, text) => {
                painter.circle_filled(pos2(at.x + 4.0, middle), 4.0, *colour);
                painter.text(pos2(at.x + 14.0, middle), Align2::LEFT_CENTER, text, font.clone(), t.text);
            }
            Line::Scale([a, b]) => {
                let drawn = painter.text(pos2(at.x, middle), Align2::LEFT_CENTER, a, font.clone(), t.text);
                let left = drawn.right() + 6.0;
                for i in 0..SHADES {
                    let cell = Rect::from_min_size(pos2(left + i as f32 * 4.0, middle - 4.0), vec2(4.5, 8.0));
                    painter.rect_filled(cell, 0.0, shade(t, i as f32 / (SHADES - 1) as f32));
                }
                painter.text(pos2(left + bar + 6.0, middle), Align2::LEFT_CENTER, b, font.clone(), t.text);
            }
        }
        at.y += 18.0;
    }
    ground
}

/// Outlines of holes.
pub fn holes(painter: &Painter, view: &View, atlas: &Atlas, t: &Tokens) {
    for ring in atlas.holes.iter().flat_map(|hole| &hole.outline) {
        let line: Vec<Pos2> = ring.iter().map(|p| view.screen(*p)).collect();
        let around = Rect::from_points(&line);
        if !around.intersects(view.room) {
            continue;
        }
        let stroke = Stroke::new(1.5, t.warn);
        if around.size().max_elem() < SPECK {
            // From afar: a ring that its dots do not hide.
            painter.circle_stroke(around.center(), SPECK / 2.0, stroke);
        } else {
            painter.add(Shape::closed_line(line, stroke));
        }
    }
}

/// The frame of a small picture.
pub fn frame(painter: &Painter, rect: Rect, point: &Point, palette: &Palette<'_>, lit: bool) {
    let colour = palette.or_grey(point);
    let colour = if lit { colour } else { colour.gamma_multiply(0.25) };
    painter.rect_stroke(rect, 2.0, Stroke::new(2.0, colour), egui::StrokeKind::Outside);
}
