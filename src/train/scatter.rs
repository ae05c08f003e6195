//! Points in the plane as a picture: the data, what the generator makes of them, how the critic sees the plane and where it
//! would have the generator go (after GAN Lab, Kahng et al. 2018).

use crate::base::Picture;

/// The plane is shown from −`REACH` to `REACH`.
pub const REACH: f32 = 1.5;
/// Pixels a side.
const SIDE: u32 = 480;
const PAPER: [u8; 3] = [19, 20, 23];
const REAL: [u8; 3] = [154, 160, 169];
/// Okabe–Ito, so that colour-blind people tell them apart: orange for what is generated, blue where the critic believes.
const FAKE: [u8; 3] = [230, 159, 0];
const BELIEVED: [u8; 3] = [0, 114, 178];
const DOUBTED: [u8; 3] = [110, 44, 0];
const ARROW: [u8; 3] = [230, 232, 235];

/// What there is to be drawn.
#[derive(Clone, Debug, Default)]
pub struct Scatter {
    /// Points of the data.
    pub reals: Vec<[f32; 2]>,
    /// Generated points.
    pub fakes: Vec<[f32; 2]>,
    /// The critic's judgement on a square grid over the plane, row by row from the lowest y.
    pub heat: Vec<f32>,
    /// Places, and the direction in which the critic's judgement rises there.
    pub arrows: Vec<([f32; 2], [f32; 2])>,
}

struct Paper {
    picture: Picture,
}

impl Paper {
    fn new(side: u32) -> Self {
        Self { picture: Picture::filled(side, side, [PAPER[0], PAPER[1], PAPER[2], 255]) }
    }

    /// Pixel of a place, with y upwards.
    fn at(&self, p: [f32; 2]) -> [f32; 2] {
        let scale = self.picture.width as f32 / (2.0 * REACH);
        [(p[0] + REACH) * scale, (REACH - p[1]) * scale]
    }

    fn blend(&mut self, x: i64, y: i64, colour: [u8; 3], share: f32) {
        let side = i64::from(self.picture.width);
        if (0..side).contains(&x) && (0..side).contains(&y) {
            let i = ((y * side + x) * 4) as usize;
            for (old, new) in self.picture.rgba[i..i + 3].iter_mut().zip(colour) {
                *old = (f32::from(*old) + (f32::from(new) - f32::from(*old)) * share) as u8;
            }
        }
    }

    fn dot(&mut self, p: [f32; 2], radius: f32, colour: [u8; 3], share: f32) {
        let [cx, cy] = self.at(p);
        if !(cx.is_finite() && cy.is_finite()) {
            return;
        }
        let reach = radius.ceil() as i64;
        for y in -reach..=reach {
            for x in -reach..=reach {
                let (px, py) = (cx.floor() as i64 + x, cy.floor() as i64 + y);
                let far = (px as f32 + 0.5 - cx).hypot(py as f32 + 0.5 - cy);
                self.blend(px, py, colour, share * (radius + 0.5 - far).clamp(0.0, 1.0));
            }
        }
    }

    fn line(&mut self, from: [f32; 2], to: [f32; 2], colour: [u8; 3]) {
        let steps = ((to[0] - from[0]).hypot(to[1] - from[1]) * 1.5).ceil().max(1.0);
        for i in 0..=steps as usize {
            let t = i as f32 / steps;
            let [x, y] = [0, 1].map(|k| from[k] + (to[k] - from[k]) * t);
            self.blend(x as i64, y as i64, colour, 0.8);
        }
    }

    fn arrow(&mut self, p: [f32; 2], way: [f32; 2]) {
        let from = self.at(p);
        let to = [from[0] + way[0], from[1] - way[1]];
        self.line(from, to, ARROW);
        let length = way[0].hypot(way[1]).max(1e-6);
        // Two short strokes back from the tip.
        for turn in [2.6f32, -2.6] {
            let (s, c) = turn.sin_cos();
            let [x, y] = [way[0] / length, -way[1] / length];
            let tip = [to[0] + (x * c - y * s) * 4.0, to[1] + (x * s + y * c) * 4.0];
            self.line(to, tip, ARROW);
        }
    }

    fn heat(&mut self, heat: &[f32]) {
        let cells = heat.len().isqrt();
        let mut sorted: Vec<f32> = heat.iter().copied().filter(|v| v.is_finite()).collect();
        if cells == 0 || sorted.is_empty() {
            return;
        }
        // Around the median, so that both halves are seen whatever the critic's scale.
        sorted.sort_by(f32::total_cmp);
        let quantile = |q: f64| sorted[((sorted.len() - 1) as f64 * q) as usize];
        let (middle, spread) = (quantile(0.5), (quantile(0.95) - quantile(0.05)).max(1e-6));
        let side = self.picture.width as usize;
        for y in 0..side {
            for x in 0..side {
                let cell = (cells - 1 - y * cells / side) * cells + x * cells / side;
                let v = ((heat[cell] - middle) / spread * 2.0).clamp(-1.0, 1.0);
                let colour = if v > 0.0 { BELIEVED } else { DOUBTED };
                self.blend(x as i64, y as i64, colour, 0.75 * v.abs());
            }
        }
    }
}

impl Scatter {
    /// The picture.
    pub fn draw(&self) -> Picture {
        let mut paper = Paper::new(SIDE);
        paper.heat(&self.heat);
        for p in &self.reals {
            paper.dot(*p, 1.5, REAL, 0.5);
        }
        for p in &self.fakes {
            paper.dot(*p, 1.5, FAKE, 0.7);
        }
        let longest = self.arrows.iter().map(|(_, w)| w[0].hypot(w[1])).fold(1e-9f32, f32::max);
        for (p, way) in &self.arrows {
            // Short ones would vanish: lengths by the square root.
            let length = way[0].hypot(way[1]).max(1e-9);
            let shown = 16.0 * (length / longest).sqrt();
            paper.arrow(*p, [way[0] / length * shown, way[1] / length * shown]);
        }
        paper.picture
    }
}

/// One point as a small picture.
pub fn point(p: [f32; 2]) -> Picture {
    let mut paper = Paper::new(64);
    for k in 0..64 {
        paper.blend(k, 32, REAL, 0.25);
        paper.blend(32, k, REAL, 0.25);
    }
    paper.dot(p, 3.0, FAKE, 1.0);
    paper.picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_where_they_should_be() {
        let scatter = Scatter {
            reals: vec![[-1.0, 1.0]],
            fakes: vec![[1.0, -1.0], [f32::NAN, 0.0], [99.0, 0.0]],
            heat: vec![-1.0, -1.0, 1.0, 1.0],
            arrows: vec![([0.0, 0.0], [0.0, 1.0])],
        };
        let picture = scatter.draw();
        let near = |p: [u8; 4], c: [u8; 3]| (0..3).all(|k| p[k].abs_diff(c[k]) < 90);
        assert!(near(picture.pixel(80, 80), REAL) && near(picture.pixel(400, 400), FAKE));
        // Upper half believed, lower half doubted; the arrow points up.
        assert!(picture.pixel(20, 100)[2] > 100 && picture.pixel(20, 400)[2] < 40);
        assert!(picture.pixel(240, 230)[0] > 120 && picture.pixel(240, 250)[0] < 120);
        let small = point([0.0, 0.75]);
        assert_eq!((small.width, small.height), (64, 64));
        assert!(near(small.pixel(32, 16), FAKE));
    }
}
