//! Dragging points of a picture: the latent follows (Pan, Tewari, Leimkühler, Liu, Meka & Theobalt 2023, DragGAN).
//!
//! Each step pushes the features around every handle a little towards its target (motion supervision) and then looks
//! where the handle has got to (point tracking), both on the network's own features. Works for every network whose
//! features are maps: GANs in Z or W+, decoders of VAEs.

use burn::tensor::{Device, Tensor};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::latent_forward::{LatentSpace, host};
use super::latent_optimizer::Descent;
use super::model::LoadedModel;
use crate::base::{Picture, Problem, Resolution, Result};
use crate::recipe::picture::Latent;
use crate::train::tensors;

/// A handle counts as arrived within this many pixels.
const ARRIVED: f32 = 0.75;
/// Pixels between the points that are looked at while tracking.
const GRAIN: f32 = 0.5;
/// Pixels around a handle that it is known by.
const TEMPLATE: f32 = 1.5;
/// Handles of one drag, at most.
const HANDLES: usize = 64;

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
pub struct DragConfig {
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
    /// Pixels around a handle that are pushed, an eighth of the picture at most; 0: a sixteenth.
    pub radius: f32,
    /// How strongly what is masked stays.
    pub keep: f64,
}

impl Default for DragConfig {
    fn default() -> Self {
        Self { handles: Vec::new(), mask: Vec::new(), tap: None, steps: 200, rate: 0.03, radius: 0.0, keep: 10.0 }
    }
}

/// Where dragging stands.
#[derive(Clone, Debug, PartialEq)]
pub struct DragState {
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
    wish: DragConfig,
    freedom: LatentSpace,
    descent: Descent<'a>,
    grid: Grid,
    tap: usize,
    radius: f32,
    /// Features at the beginning, `[1, c, h, w]`.
    first: Tensor<4>,
    /// Around each handle at the beginning, `[points·c]`.
    templates: Vec<Vec<f32>>,
    points: Vec<[f32; 2]>,
    /// `[1, 1, h, w]`: 1 where features are to stay.
    stay: Option<Tensor<4>>,
    step: u32,
}

/// Between pixels of the picture and cells of features.
#[derive(Clone, Copy, Debug)]
struct Grid {
    /// Cells across and down.
    size: [usize; 2],
    /// Cells a pixel.
    scale: f32,
    /// Pixels that the picture is cropped by at the left, and at the top.
    crop: [f32; 2],
}

/// A point among the cells: the cell before it, and how far on it lies, downwards and across.
#[derive(Clone, Copy, Debug)]
struct Spot {
    cell: [usize; 2],
    on: [f32; 2],
}

impl Grid {
    fn spot(&self, [x, y]: [f32; 2]) -> Spot {
        let along = |v: f32, crop: f32, cells: usize| {
            let at = ((v + crop) * self.scale - 0.5).clamp(0.0, cells as f32 - 1.0);
            let low = (at.floor() as usize).min(cells.saturating_sub(2));
            (low, at - low as f32)
        };
        let [h, w] = self.size;
        let ((cy, ty), (cx, tx)) = (along(y, self.crop[1], h), along(x, self.crop[0], w));
        Spot { cell: [cy, cx], on: [ty, tx] }
    }
}

/// The rectangle of cells that some points are read from. All that dragging looks at lies around its handles, so nothing
/// is as large as the whole features times all points.
#[derive(Clone, Debug)]
struct Patch {
    from: [usize; 2],
    size: [usize; 2],
    spots: Vec<Spot>,
}

impl Patch {
    /// Around these points; there is at least one.
    fn around(grid: &Grid, points: &[[f32; 2]]) -> Self {
        let spots: Vec<Spot> = points.iter().map(|p| grid.spot(*p)).collect();
        let reach = |axis: usize| {
            let low = spots.iter().map(|s| s.cell[axis]).min().unwrap_or(0);
            let high = spots.iter().map(|s| s.cell[axis] + 1).max().unwrap_or(0).min(grid.size[axis] - 1);
            (low, high - low + 1)
        };
        let ((y, h), (x, w)) = (reach(0), reach(1));
        Self { from: [y, x], size: [h, w], spots }
    }

    fn cells(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Its part of features. `[1, c, h, w] → [c, cells]`
    fn of(&self, features: Tensor<4>) -> Tensor<2> {
        let [_, c, ..] = features.dims();
        let ([y, x], [h, w]) = (self.from, self.size);
        features.slice([0..1, 0..c, y..y + h, x..x + w]).reshape([c, h * w])
    }

    /// The cells of the patch that a point is read from, each with its weight: bilinear.
    fn corners(&self, spot: &Spot) -> [(usize, f32); 4] {
        let Spot { cell: [cy, cx], on: [ty, tx] } = *spot;
        let at = |dy: usize, dx: usize| {
            let (y, x) = (cy - self.from[0] + dy, cx - self.from[1] + dx);
            y.min(self.size[0] - 1) * self.size[1] + x.min(self.size[1] - 1)
        };
        [
            (at(0, 0), (1.0 - ty) * (1.0 - tx)),
            (at(0, 1), (1.0 - ty) * tx),
            (at(1, 0), ty * (1.0 - tx)),
            (at(1, 1), ty * tx),
        ]
    }

    /// Weights that read its cells at its points. `[cells, points]`
    fn reader(&self, device: &Device) -> Tensor<2> {
        let n = self.spots.len();
        let mut weights = vec![0.0f32; self.cells() * n];
        for (k, spot) in self.spots.iter().enumerate() {
            self.corners(spot).into_iter().for_each(|(cell, weight)| weights[cell * n + k] += weight);
        }
        tensors::matrix(weights, self.cells(), n, device)
    }

    /// Features at its points, on the host: all channels of a point side by side.
    fn read(&self, features: &Tensor<4>) -> Vec<f32> {
        let rows = host(self.of(features.clone()));
        let at = |spot: &Spot| {
            let corners = self.corners(spot);
            rows.iter().map(move |row| corners.iter().map(|(cell, weight)| row[*cell] * weight).sum::<f32>())
        };
        self.spots.iter().flat_map(at).collect()
    }
}

/// Where a handle is looked for: all points of a fine square lattice around it, of which candidates are those within a
/// radius, and each candidate's surroundings lie on the lattice too.
struct Search {
    /// Points from the middle to an edge.
    reach: i32,
    /// Steps of candidates from the middle.
    candidates: Vec<[i32; 2]>,
}

impl Search {
    /// Within so many pixels.
    fn within(radius: f32) -> Self {
        let steps = |v: f32| (v / GRAIN).round() as i32;
        let candidates: Vec<[i32; 2]> = disc(radius, GRAIN).into_iter().map(|[x, y]| [steps(x), steps(y)]).collect();
        let reach = steps((radius / GRAIN).floor() * GRAIN + TEMPLATE.ceil());
        Self { reach, candidates }
    }

    /// Points along an edge.
    fn side(&self) -> usize {
        (2 * self.reach + 1) as usize
    }

    /// All points, row by row.
    fn points(&self, centre: [f32; 2]) -> Vec<[f32; 2]> {
        let along = |i: i32| i as f32 * GRAIN;
        let row = |y: i32| (-self.reach..=self.reach).map(move |x| [centre[0] + along(x), centre[1] + along(y)]);
        (-self.reach..=self.reach).flat_map(row).collect()
    }

    /// The place of a point so many steps from the middle.
    fn place(&self, [x, y]: [i32; 2]) -> usize {
        (y + self.reach) as usize * self.side() + (x + self.reach) as usize
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
    disc(TEMPLATE, 1.0)
}

impl<'a> Drag<'a> {
    /// Begins at a latent.
    ///
    /// # Errors
    /// There are no handles or too many, a number of the wish makes no sense, the latent is none of this model's, or the
    /// features are no maps.
    pub fn begin(model: &'a LoadedModel, latent: &Latent, truncation: f32, wish: DragConfig) -> Result<Self> {
        let resolution = model.shape().resolution;
        let inside = |p: [f32; 2]| is_inside(resolution, p);
        let side = resolution.shorter() as f32;
        if wish.handles.len() > HANDLES {
            let many = format!("{} handles, {HANDLES} at most", wish.handles.len());
            return Err(Problem::usage("So many points cannot be dragged at once").of(many));
        }
        let most = (side / 8.0).max(1.5);
        if !(0.0..=most).contains(&wish.radius) {
            return Err(Problem::usage("A handle cannot push so much around it")
                .of(format!("radius {}", wish.radius))
                .try_this(format!("Choose 0 to {most} pixels")));
        }
        if ![wish.rate, wish.keep].into_iter().all(|v| v.is_finite() && v >= 0.0) {
            return Err(Problem::usage("The rate of dragging and the weight of the mask are numbers from 0 up"));
        }
        if wish.handles.is_empty() || !wish.handles.iter().all(|h| inside(h.from) && inside(h.to)) {
            return Err(Problem::usage("Dragging needs handles and targets inside of the picture"));
        }
        if !wish.mask.is_empty() && wish.mask.len() != resolution.pixels() {
            return Err(Problem::usage("The mask does not have the size of the picture"));
        }
        let (row, mut freedom, held) = model.as_drawn(latent, truncation)?;
        let (rows, held) = if model.layers() > 0 && freedom != LatentSpace::WPlus {
            // Each layer moves by itself.
            let own = model.latent_of(row, freedom, &held);
            freedom = LatentSpace::WPlus;
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
        let fine = sizes.iter().position(|s| s[2] * 2 >= resolution.height as usize);
        let tap = wish.tap.map_or(fine.unwrap_or(sizes.len().saturating_sub(1)), |t| t as usize);
        let [_, _, h, w] = *sizes.get(tap).ok_or_else(|| Problem::usage("There are no such features"))?;
        if h < 2 || w < 2 {
            return Err(Problem::usage("This network's features are no maps, so nothing can be dragged on them")
                .of(model.info().name.clone()));
        }
        let built = resolution.built().size;
        let crop = [(built.width - resolution.width) / 2, (built.height - resolution.height) / 2].map(|v| v as f32);
        let grid = Grid { size: [h, w], scale: w as f32 / built.width as f32, crop };
        let radius = if wish.radius > 0.0 { wish.radius } else { (side / 16.0).max(1.5) };
        let points: Vec<[f32; 2]> = wish.handles.iter().map(|h| h.from).collect();
        let stay = (!wish.mask.is_empty()).then(|| stay(&wish.mask, resolution, &grid, &model.device));
        let mut drag = Self {
            first: Tensor::zeros([1, 1, 1, 1], &model.device),
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
        let known = template();
        let around_point = |p: &[f32; 2]| Patch::around(&drag.grid, &around(*p, &known)).read(&features);
        drag.templates = drag.points.iter().map(around_point).collect();
        Ok(drag)
    }

    /// Features `[1, c, h, w]` and the picture of standard numbers.
    fn look(&self, numbers: Tensor<2>) -> (Tensor<4>, Tensor<4>) {
        let mut kept = None;
        let y = self.descent.pictures(numbers, &mut |i, x| {
            if i == self.tap {
                kept = Some(x.clone());
            }
            x
        });
        (kept.unwrap_or_else(|| y.clone()), y)
    }

    /// One step: a push, then a look where the handles are.
    ///
    /// # Errors
    /// The model makes no finite features.
    pub fn step(&mut self) -> Result<DragState> {
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
                let (here, there) = (Patch::around(&self.grid, &here), Patch::around(&self.grid, &there));
                let still = here.of(features.clone().inner()).matmul(here.reader(&device));
                let moved = there.of(features.clone()).matmul(there.reader(&device));
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
        let resolution = self.model.shape().resolution;
        let search = Search::within(self.radius * 1.5);
        let known: Vec<[i32; 2]> = template().iter().map(|o| o.map(|v| (v / GRAIN).round() as i32)).collect();
        for i in 0..self.points.len() {
            let centre = self.points[i];
            let points = search.points(centre);
            let seen = Patch::around(&self.grid, &points).read(&features);
            let template = &self.templates[i];
            let channels = (template.len() / known.len()).max(1);
            let error = |step: &[i32; 2]| -> f32 {
                let one = |(offset, own): (&[i32; 2], &[f32])| -> f32 {
                    let place = search.place([step[0] + offset[0], step[1] + offset[1]]);
                    let there = &seen[place * channels..(place + 1) * channels];
                    there.iter().zip(own).map(|(a, b)| (a - b).abs()).sum()
                };
                known.iter().zip(template.chunks_exact(channels)).map(one).sum()
            };
            let inside = |step: &&[i32; 2]| is_inside(resolution, points[search.place(**step)]);
            let candidates: Vec<&[i32; 2]> = search.candidates.iter().filter(inside).collect();
            let errors: Vec<f32> = candidates.par_iter().copied().map(error).collect();
            // The first of equals, whatever the number of threads.
            let best = errors.iter().zip(&candidates).min_by(|a, b| a.0.total_cmp(b.0));
            match best {
                Some((error, step)) if error.is_finite() => self.points[i] = points[search.place(**step)],
                _ => return Err(Problem::failed("The features are no longer finite")),
            }
        }
        Ok(())
    }

    fn left(&self) -> f32 {
        let far = |(p, h): (&[f32; 2], &Handle)| apart(*p, h.to);
        self.points.iter().zip(&self.wish.handles).map(far).fold(0.0, f32::max)
    }

    fn standing(&self) -> Result<DragState> {
        let row = self.descent.rows().pop().expect("one latent is moved");
        let latent = self.model.latent_of(row, self.freedom, &self.descent.held()[0]);
        let picture = self.model.generate(std::slice::from_ref(&latent), 1.0)?.pop();
        let left = self.left();
        Ok(DragState {
            step: self.step,
            points: self.points.clone(),
            left,
            done: left <= ARRIVED || self.step >= self.wish.steps,
            picture: picture.ok_or_else(|| Problem::failed("The model made no picture"))?,
            latent,
        })
    }
}

/// Whether a point `[x, y]` lies in the picture or on its edge.
fn is_inside(resolution: Resolution, [x, y]: [f32; 2]) -> bool {
    (0.0..=resolution.width as f32).contains(&x) && (0.0..=resolution.height as f32).contains(&y)
}

/// 1 for each cell whose pixels are to stay, else 0. `[1, 1, h, w]`
fn stay(mask: &[u8], resolution: Resolution, grid: &Grid, device: &Device) -> Tensor<4> {
    let [h, w] = grid.size;
    let [rows, columns] = resolution.grid();
    let pixel = |cell: usize, crop: f32, side: usize| {
        let at = (cell as f32 + 0.5) / grid.scale - crop;
        (at.max(0.0) as usize).min(side - 1)
    };
    let at = |i: usize| pixel(i / w, grid.crop[1], rows) * columns + pixel(i % w, grid.crop[0], columns);
    let cells = (0..h * w).map(|i| f32::from(u8::from(mask[at(i)] == 0)));
    tensors::matrix(cells.collect(), 1, h * w, device).reshape([1, 1, h, w])
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

    /// At 256 pixels, for features as fine as the picture and as many as networks have: numbers that a handle and step
    /// take, all together, and where it may be largest.
    #[test]
    fn a_handle_takes_little_memory_however_large_the_picture() {
        let grid = Grid { size: [256, 256], scale: 1.0, crop: [0.0; 2] };
        // The radius that is taken, and the largest there is.
        for (radius, channels) in [(16.0f32, 512), (32.0, 64)] {
            let search = Search::within(1.5 * radius);
            let looked = Patch::around(&grid, &search.points([128.0, 128.0]));
            let tracking = (looked.spots.len() + 2 * looked.cells()) * channels;
            let pushed = Patch::around(&grid, &around([128.0, 128.0], &disc(radius, 1.0)));
            let points = pushed.spots.len();
            // Two readers, and what they read, each with its gradient.
            let pushing = 2 * (pushed.cells() * points + 2 * channels * (points + pushed.cells()));
            let bytes = 4 * (tracking + pushing);
            assert!(bytes < 200_000_000, "{bytes} at radius {radius}");
        }
        // The middle and the corners read the same as from all cells.
        let device = Device::flex();
        let grid = Grid { size: [8, 8], scale: 0.5, crop: [0.0; 2] };
        let values: Vec<f32> = (0..128).map(|i| (i * i % 37) as f32).collect();
        let features = tensors::matrix(values.clone(), 1, 128, &device).reshape([1, 2, 8, 8]);
        for point in [[0.0, 0.0], [15.9, 0.3], [7.3, 8.8], [16.0, 16.0]] {
            let points = around(point, &disc(1.0, 0.5));
            let patch = Patch::around(&grid, &points);
            let all: Vec<[f32; 2]> = points.iter().copied().chain([[0.0, 0.0], [16.0, 16.0]]).collect();
            let whole = Patch::around(&grid, &all);
            assert_eq!(whole.cells(), 64);
            let (near, far) = (patch.read(&features), whole.read(&features));
            assert_eq!(near[..], far[..near.len()], "{point:?}");
            let by_matrix = host(patch.of(features.clone()).matmul(patch.reader(&device)));
            for (k, both) in near.chunks(2).enumerate() {
                assert!((by_matrix[0][k] - both[0]).abs() < 1e-4 && (by_matrix[1][k] - both[1]).abs() < 1e-4);
            }
        }
    }

    #[test]
    fn numbers_of_a_drag_that_make_no_sense_are_refused() {
        let model = fresh("dcgan", 8, 4);
        let handle = Handle { from: [4.0, 4.0], to: [8.0, 8.0] };
        let good = DragConfig { handles: vec![handle], ..DragConfig::default() };
        let begin = |wish: DragConfig| Drag::begin(&model, &Latent::Seed { seed: 1 }, 1.0, wish).map(drop);
        begin(good.clone()).unwrap();
        for wish in [
            DragConfig { radius: 900.0, ..good.clone() },
            DragConfig { radius: f32::NAN, ..good.clone() },
            DragConfig { rate: f64::INFINITY, ..good.clone() },
            DragConfig { keep: -1.0, ..good.clone() },
            DragConfig { handles: vec![handle; HANDLES + 1], ..good.clone() },
            DragConfig { handles: vec![Handle { from: [f32::NAN, 0.0], ..handle }], ..good.clone() },
        ] {
            assert!(begin(wish.clone()).is_err(), "{wish:?}");
        }
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
        let wish = DragConfig { handles: vec![Handle { from: before, to }], ..DragConfig::default() };
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
        assert!(Drag::begin(&model, &latent, 1.0, DragConfig::default()).is_err());
        let handle = Handle { from: [4.0, 4.0], to: [9.0, 4.0] };
        let outside = Handle { to: [99.0, 0.0], ..handle };
        for handles in [vec![], vec![outside]] {
            assert!(Drag::begin(&model, &latent, 1.0, DragConfig { handles, ..DragConfig::default() }).is_err());
        }
        let wish = DragConfig { handles: vec![handle], mask: vec![0; 256], steps: 2, ..DragConfig::default() };
        let mut drag = Drag::begin(&model, &latent, 1.0, wish.clone()).unwrap();
        let now = drag.step().unwrap();
        assert_eq!(now.latent.place().space, Space::W);
        assert!(Drag::begin(&fresh("mlp-gan", 8, 6), &latent, 1.0, DragConfig { mask: Vec::new(), ..wish }).is_err());
    }

    #[test]
    fn points_are_read_between_cells() {
        let grid = Grid { size: [2, 2], scale: 1.0, crop: [0.0; 2] };
        let features = tensors::matrix(vec![0.0, 1.0, 2.0, 3.0], 1, 4, &Device::flex()).reshape([1, 1, 2, 2]);
        let patch = Patch::around(&grid, &[[0.5, 0.5], [1.5, 0.5], [1.0, 1.0], [9.0, 9.0]]);
        assert_eq!(patch.read(&features), [0.0, 1.0, 1.5, 3.0]);
    }
}
