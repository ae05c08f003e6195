//! Dragging points of a picture: the latent follows (Pan, Tewari, Leimkühler, Liu, Meka & Theobalt 2023, DragGAN).
//!
//! Each step pushes the features around every handle a little towards its target (motion supervision) and then looks
//! where the handle has got to (point tracking), both on the network's own features. Works for every network whose
//! features are maps: GANs in Z or W+, decoders of VAEs.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::latent_forward::{Freedom, host};
use super::latent_optimizer::Descent;
use super::model::LoadedModel;
use crate::base::{Picture, Problem, Result, Shape};
use crate::recipe::picture::Latent;
use crate::train::tensors;

/// A handle counts as arrived within this many pixels.
const ARRIVED: f32 = 0.75;
/// Pixels between the points that are looked at while tracking.
const GRAIN: f32 = 0.5;

/// A point to be moved, in pixels of the model's picture from its upper left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Handle {
    /// Where it is.
    pub from: [f32; 2],
    /// Where it is to go.
    pub to: [f32; 2],
}

/// What is to be dragged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Wish {
    /// Points.
    pub handles: Vec<Handle>,
    /// Where the picture may change, one byte a pixel, row by row (0: it is to stay); empty for everywhere.
    pub mask: Vec<u8>,
    /// Features that are followed; not given: the first at least half as fine as the picture.
    pub tap: Option<u32>,
    /// Most steps.
    pub steps: u32,
    /// Learning rate, in standard deviations a step.
    pub rate: f64,
    /// Pixels around a handle that are pushed; 0: a sixteenth of the picture.
    pub radius: f32,
    /// How strongly what is masked stays.
    pub keep: f64,
}

impl Default for Wish {
    fn default() -> Self {
        Self { handles: Vec::new(), mask: Vec::new(), tap: None, steps: 200, rate: 0.03, radius: 0.0, keep: 10.0 }
    }
}

/// Where dragging stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Standing {
    /// Steps taken.
    pub step: u32,
    /// Where each handle is now.
    pub points: Vec<[f32; 2]>,
    /// Pixels that the furthest handle still has to go.
    pub left: f32,
    /// Whether it ends here: all arrived, or no steps left.
    pub done: bool,
    /// The picture.
    pub picture: Picture,
    /// Its latent.
    pub latent: Latent,
}

/// A drag on its way.
pub struct Drag<'a> {
    model: &'a LoadedModel,
    wish: Wish,
    freedom: Freedom,
    descent: Descent<'a>,
    grid: Grid,
    tap: usize,
    radius: f32,
    /// Features at the beginning, `[c, h·w]`.
    first: Tensor<2>,
    /// Around each handle at the beginning, `[c·points]`.
    templates: Vec<Vec<f32>>,
    points: Vec<[f32; 2]>,
    /// `[1, h·w]`: 1 where features are to stay.
    stay: Option<Tensor<2>>,
    step: u32,
}

/// Between pixels of the picture and cells of features.
#[derive(Clone, Copy, Debug)]
struct Grid {
    /// Cells across and down.
    size: [usize; 2],
    /// Cells a pixel.
    scale: f32,
    /// Pixels that the picture is cropped by at the left and at the top.
    crop: f32,
}

impl Grid {
    /// Weights that read features at points, bilinear. `[h·w, points]`
    fn reader(&self, points: &[[f32; 2]], device: &burn::tensor::Device) -> Tensor<2> {
        let [h, w] = self.size;
        let n = points.len();
        let mut weights = vec![0.0f32; h * w * n];
        for (k, [x, y]) in points.iter().enumerate() {
            let along = |v: f32, cells: usize| {
                let at = ((v + self.crop) * self.scale - 0.5).clamp(0.0, cells as f32 - 1.0);
                let low = (at.floor() as usize).min(cells.saturating_sub(2));
                (low, at - low as f32)
            };
            let ((cx, tx), (cy, ty)) = (along(*x, w), along(*y, h));
            for (dy, wy) in [(0, 1.0 - ty), (1, ty)] {
                for (dx, wx) in [(0, 1.0 - tx), (1, tx)] {
                    let cell = (cy + dy).min(h - 1) * w + (cx + dx).min(w - 1);
                    weights[cell * n + k] += wx * wy;
                }
            }
        }
        Tensor::from_data(TensorData::new(weights, [h * w, n]), device)
    }
}

/// Points of a square lattice within a radius.
fn disc(radius: f32, grain: f32) -> Vec<[f32; 2]> {
    let n = (radius / grain).floor() as i32;
    let all = (-n..=n).flat_map(|y| (-n..=n).map(move |x| [x as f32 * grain, y as f32 * grain]));
    all.filter(|[x, y]| (x * x + y * y).sqrt() <= radius + 1e-3).collect()
}

fn around(centre: [f32; 2], offsets: &[[f32; 2]]) -> Vec<[f32; 2]> {
    offsets.iter().map(|[x, y]| [centre[0] + x, centre[1] + y]).collect()
}

fn apart(a: [f32; 2], b: [f32; 2]) -> f32 {
    ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt()
}

/// Offsets that a handle is known by: itself and its eight neighbours.
fn template() -> Vec<[f32; 2]> {
    disc(1.5, 1.0)
}

impl<'a> Drag<'a> {
    /// Begins at a latent.
    ///
    /// # Errors
    /// There are no handles, or the features are no maps.
    pub fn begin(model: &'a LoadedModel, latent: &Latent, truncation: f32, wish: Wish) -> Result<Self> {
        let resolution = model.shape().resolution;
        let side = resolution as f32;
        let inside = |p: [f32; 2]| p.iter().all(|v| (0.0..=side).contains(v));
        if wish.handles.is_empty() || !wish.handles.iter().all(|h| inside(h.from) && inside(h.to)) {
            return Err(Problem::usage("Dragging needs handles and targets inside of the picture"));
        }
        if !wish.mask.is_empty() && wish.mask.len() != (resolution * resolution) as usize {
            return Err(Problem::usage("The mask does not have the size of the picture"));
        }
        let (row, mut freedom, held) = model.as_drawn(latent, truncation)?;
        let (rows, held) = if model.layers() > 0 && freedom != Freedom::WPlus {
            // Each layer moves by itself.
            let own = model.latent_of(row, freedom, &held);
            freedom = Freedom::WPlus;
            (model.rows_of(&[own], freedom)?, held)
        } else {
            (vec![row], held)
        };
        let descent = Descent::new(model, freedom, &rows, vec![held])?;
        let mut sizes = Vec::new();
        descent.pictures(descent.numbers().inner(), &mut |_, x| {
            sizes.push(x.dims());
            x
        });
        let fine = sizes.iter().position(|s| s[2] * 2 >= resolution as usize);
        let tap = wish.tap.map_or(fine.unwrap_or(sizes.len().saturating_sub(1)), |t| t as usize);
        let [_, _, h, w] = *sizes.get(tap).ok_or_else(|| Problem::usage("There are no such features"))?;
        if h < 2 || w < 2 {
            return Err(Problem::usage("This network's features are no maps, so nothing can be dragged on them")
                .of(model.info().name.clone()));
        }
        let (built, ..) = Shape::built(resolution);
        let grid = Grid { size: [h, w], scale: w as f32 / built as f32, crop: ((built - resolution) / 2) as f32 };
        let radius = if wish.radius > 0.0 { wish.radius } else { (side / 16.0).max(1.5) };
        let points: Vec<[f32; 2]> = wish.handles.iter().map(|h| h.from).collect();
        let stay = (!wish.mask.is_empty()).then(|| stay(&wish.mask, resolution as usize, &grid, &model.device));
        let mut drag = Self {
            first: Tensor::zeros([1, 1], &model.device),
            templates: Vec::new(),
            model,
            wish,
            freedom,
            descent,
            grid,
            tap,
            radius,
            points,
            stay,
            step: 0,
        };
        let (features, _) = drag.look(drag.descent.numbers().inner());
        drag.first = features.clone();
        drag.templates = drag.points.iter().map(|p| drag.read(&features, &around(*p, &template()))).collect();
        Ok(drag)
    }

    /// Features `[c, h·w]` and the picture of standard numbers.
    fn look(&self, numbers: Tensor<2>) -> (Tensor<2>, Tensor<4>) {
        let mut kept = None;
        let y = self.descent.pictures(numbers, &mut |i, x| {
            if i == self.tap {
                kept = Some(x.clone());
            }
            x
        });
        let features = kept.unwrap_or_else(|| y.clone());
        let [_, c, h, w] = features.dims();
        (features.reshape([c, h * w]), y)
    }

    /// Features at points, on the host: channel by channel.
    fn read(&self, features: &Tensor<2>, points: &[[f32; 2]]) -> Vec<f32> {
        host(features.clone().matmul(self.grid.reader(points, &self.model.device))).concat()
    }

    /// One step: a push, then a look where the handles are.
    ///
    /// # Errors
    /// The model makes no finite features.
    pub fn step(&mut self) -> Result<Standing> {
        let device = self.model.device.clone();
        if self.step < self.wish.steps && self.left() > ARRIVED {
            let (features, _) = self.look(self.descent.numbers());
            let offsets = disc(self.radius, 1.0);
            let mut loss: Option<Tensor<1>> = None;
            for (point, handle) in self.points.iter().zip(&self.wish.handles) {
                let far = apart(*point, handle.to);
                if far <= ARRIVED {
                    continue;
                }
                // A pixel at a time.
                let size = far.max(1.0);
                let push = [(handle.to[0] - point[0]) / size, (handle.to[1] - point[1]) / size];
                let here = around(*point, &offsets);
                let there = around([point[0] + push[0], point[1] + push[1]], &offsets);
                let still = features.clone().inner().matmul(self.grid.reader(&here, &device));
                let moved = features.clone().matmul(self.grid.reader(&there, &device));
                let apart = (moved - still).abs().mean();
                loss = Some(match loss {
                    Some(sum) => sum + apart,
                    None => apart,
                });
            }
            if let Some(mut loss) = loss {
                if let Some(stay) = &self.stay {
                    let drift = (features - self.first.clone()).abs() * stay.clone();
                    loss = loss + drift.mean() * self.wish.keep;
                }
                self.descent.step(loss, self.wish.rate);
            }
            self.step += 1;
            self.track()?;
        }
        self.standing()
    }

    /// Looks for every handle around where it was.
    fn track(&mut self) -> Result<()> {
        let (features, _) = self.look(self.descent.numbers().inner());
        let side = self.model.shape().resolution as f32;
        let search = disc(self.radius * 1.5, GRAIN);
        let known = template();
        for i in 0..self.points.len() {
            let candidates = around(self.points[i], &search);
            let inside = |p: &[f32; 2]| p.iter().all(|v| (0.0..=side).contains(v));
            let candidates: Vec<[f32; 2]> = candidates.into_iter().filter(inside).collect();
            let all: Vec<[f32; 2]> = candidates.iter().flat_map(|c| around(*c, &known)).collect();
            let seen = self.read(&features, &all);
            let (n, k) = (all.len(), known.len());
            let template = &self.templates[i];
            let channels = template.len() / k;
            let error = |c: usize| -> f32 {
                let of = |ch: usize, j: usize| (seen[ch * n + c * k + j] - template[ch * k + j]).abs();
                (0..channels).map(|ch| (0..k).map(|j| of(ch, j)).sum::<f32>()).sum()
            };
            let best = (0..candidates.len()).map(|c| (error(c), c)).min_by(|a, b| a.0.total_cmp(&b.0));
            match best {
                Some((error, c)) if error.is_finite() => self.points[i] = candidates[c],
                _ => return Err(Problem::failed("The features are no longer finite")),
            }
        }
        Ok(())
    }

    fn left(&self) -> f32 {
        let far = |(p, h): (&[f32; 2], &Handle)| apart(*p, h.to);
        self.points.iter().zip(&self.wish.handles).map(far).fold(0.0, f32::max)
    }

    fn standing(&self) -> Result<Standing> {
        let row = self.descent.rows().pop().unwrap_or_default();
        let latent = self.model.latent_of(row, self.freedom, &self.descent.held()[0]);
        let picture = self.model.generate(std::slice::from_ref(&latent), 1.0)?.pop();
        let left = self.left();
        Ok(Standing {
            step: self.step,
            points: self.points.clone(),
            left,
            done: left <= ARRIVED || self.step >= self.wish.steps,
            picture: picture.ok_or_else(|| Problem::failed("The model made no picture"))?,
            latent,
        })
    }
}

/// 1 for each cell whose pixels are to stay, else 0. `[1, h·w]`
fn stay(mask: &[u8], side: usize, grid: &Grid, device: &burn::tensor::Device) -> Tensor<2> {
    let [h, w] = grid.size;
    let pixel = |cell: usize| {
        let at = (cell as f32 + 0.5) / grid.scale - grid.crop;
        (at.max(0.0) as usize).min(side - 1)
    };
    let cells = (0..h * w).map(|i| f32::from(u8::from(mask[pixel(i / w) * side + pixel(i % w)] == 0)));
    tensors::matrix(cells.collect(), 1, h * w, device)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::paths::Paths;
    use crate::latent::testing::fresh;
    use crate::recipe::picture::Space;

    /// Centre of what is not black.
    fn centre(p: &Picture) -> [f32; 2] {
        let (mut m, mut x, mut y) = (1e-6, 0.0, 0.0);
        for (i, pixel) in p.rgba.chunks(4).enumerate() {
            let v = f32::from(pixel[..3].iter().copied().max().unwrap()).powi(2);
            m += v;
            x += v * ((i as u32 % p.width) as f32 + 0.5);
            y += v * ((i as u32 / p.width) as f32 + 0.5);
        }
        [x / m, y / m]
    }

    #[test]
    fn a_shape_follows_the_point_that_is_dragged() {
        let home = tempfile::tempdir().unwrap();
        let model = LoadedModel::open("shapes-beta-vae", &Paths::under(home.path()), "cpu").unwrap();
        let latent = model.encode(&crate::data::open("shapes").unwrap().decode(11).unwrap()).unwrap().mean;
        let latent = Latent::Point { values: latent };
        let before = centre(&model.generate(std::slice::from_ref(&latent), 1.0).unwrap()[0]);
        // Towards the middle, where there is room.
        let way = if before[0] < 16.0 { 6.0 } else { -6.0 };
        let to = [before[0] + way, before[1]];
        let wish = Wish { handles: vec![Handle { from: before, to }], ..Wish::default() };
        let mut drag = Drag::begin(&model, &latent, 1.0, wish).unwrap();
        let mut now = drag.step().unwrap();
        while !now.done {
            now = drag.step().unwrap();
        }
        assert!(now.left < 2.0, "{} px left after {} steps", now.left, now.step);
        let after = centre(&now.picture);
        assert!((after[0] - before[0]) * way.signum() > 3.0, "{before:?} {after:?}");
        assert_eq!(model.generate(std::slice::from_ref(&now.latent), 1.0).unwrap()[0], now.picture);
    }

    #[test]
    fn handles_must_be_there_and_features_must_be_maps() {
        let model = fresh("style-gan", 8, 6);
        let latent = Latent::Seed { seed: 1 };
        assert!(Drag::begin(&model, &latent, 1.0, Wish::default()).is_err());
        let handle = Handle { from: [4.0, 4.0], to: [9.0, 4.0] };
        let outside = Handle { to: [99.0, 0.0], ..handle };
        for handles in [vec![], vec![outside]] {
            assert!(Drag::begin(&model, &latent, 1.0, Wish { handles, ..Wish::default() }).is_err());
        }
        let wish = Wish { handles: vec![handle], mask: vec![0; 256], steps: 2, ..Wish::default() };
        let mut drag = Drag::begin(&model, &latent, 1.0, wish.clone()).unwrap();
        let now = drag.step().unwrap();
        assert_eq!(now.latent.place().space, Space::W);
        assert!(Drag::begin(&fresh("mlp-gan", 8, 6), &latent, 1.0, Wish { mask: Vec::new(), ..wish }).is_err());
    }

    #[test]
    fn points_are_read_between_cells() {
        let grid = Grid { size: [2, 2], scale: 1.0, crop: 0.0 };
        let device = burn::tensor::Device::flex();
        let features = tensors::matrix(vec![0.0, 1.0, 2.0, 3.0], 1, 4, &device);
        let read = features.matmul(grid.reader(&[[0.5, 0.5], [1.5, 0.5], [1.0, 1.0], [9.0, 9.0]], &device));
        assert_eq!(host(read)[0], [0.0, 1.0, 1.5, 3.0]);
    }
}
