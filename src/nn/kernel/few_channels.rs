//! Convolution of planes as they lie, sixteen pixels at a time: for kernels of one pixel, and for few results such as
//! colours, where vectors of channels would be mostly empty.
//!
//! With a border of zeros, a plane is one long line: the result at `q` reads the source at `q` plus the tap's offset.
//! Results that fall on the border are computed and dropped.

use rayon::prelude::*;

use super::Geometry;
use super::direct::{Axis, axes};
use super::gemm_microkernel::{Product, Run};
use super::layout::Gated;
use super::scratch::PANEL;

/// Most results for which this is worth its while.
const FEW: usize = 8;
/// Numbers after the last plane that may be read and never matter.
const SLACK: usize = PANEL;

/// Whether a convolution (or its way back) goes this way.
pub fn fits(g: &Geometry, back: bool) -> bool {
    let made = if back { g.inputs } else { g.outputs };
    (back || g.stride == 1) && (g.kernel == 1 && g.stride == 1 || made <= FEW)
}

/// A convolution whose source is read pixel by pixel, ready to run over pictures.
pub struct Planes {
    channels: [usize; 2],
    size: [usize; 2],
    out: [usize; 2],
    out_step: usize,
    /// Zeros above, below, left and right.
    border: [usize; 4],
    classes: Vec<Class>,
}

struct Class {
    y: Axis,
    x: Axis,
    /// `[made][taps][read]`
    weights: Vec<f32>,
}

impl Planes {
    /// Forward, or back to the inputs.
    pub fn new(g: &Geometry, w: &[f32], back: bool) -> Self {
        let small = g.small();
        let (channels, size, out) =
            if back { ([g.outputs, g.inputs], small, g.size) } else { ([g.inputs, g.outputs], g.size, small) };
        let axis = |i: usize| axes(out[i], g.kernel, g.stride, g.padding, back);
        let (ys, xs) = (axis(0), axis(1));
        let before = |of: &[Axis]| of.iter().map(|a| -a.source).max().unwrap_or(0).max(0) as usize;
        let after = |of: &[Axis], size: usize| {
            let reach = of.iter().map(|a| a.count as isize - 1 + a.source + a.taps.len() as isize).max();
            (reach.unwrap_or(0) - size as isize).max(0) as usize
        };
        let border = [before(&ys), after(&ys, size[0]), before(&xs), after(&xs, size[1])];
        let taps = g.kernel * g.kernel;
        let apart = if back { [taps, g.inputs * taps] } else { [g.inputs * taps, taps] };
        let classes = ys.iter().flat_map(|y| {
            xs.iter().map(move |x| {
                let mut weights = Vec::with_capacity(channels[1] * y.taps.len() * x.taps.len() * channels[0]);
                for made in 0..channels[1] {
                    for (ty, tx) in y.taps.iter().flat_map(|ty| x.taps.iter().map(move |tx| (ty, tx))) {
                        let start = made * apart[0] + ty * g.kernel + tx;
                        weights.extend((0..channels[0]).map(|c| w[start + c * apart[1]]));
                    }
                }
                Class { y: y.clone(), x: x.clone(), weights }
            })
        });
        let classes = classes.collect();
        Self { channels, size, out, out_step: if back { g.stride } else { 1 }, border, classes }
    }

    /// Computes it; arguments as for [`super::direct::Pass::run`].
    pub fn run(
        &self,
        x: &[f32],
        x_gate: Option<Gated<'_>>,
        bias: Option<&[f32]>,
        y_gate: Option<Gated<'_>>,
        y: &mut [f32],
    ) {
        let [read, made] = self.channels;
        let (plane, out_plane) = (self.size[0] * self.size[1], self.out[0] * self.out[1]);
        let (source, len) = (read * plane, made * out_plane);
        assert!(y.len().is_multiple_of(len) && x.len() >= y.len() / len * source);
        // Planes without a border are read and written where they are.
        let bare = self.border == [0; 4] && self.out_step == 1 && plane.is_multiple_of(16);
        y.par_chunks_mut(len).enumerate().for_each_init(
            || (Vec::new(), Vec::new()),
            |(padded, results), (i, y)| {
                let x = &x[i * source..(i + 1) * source];
                let x_gate = x_gate.map(|g| Gated { gate: &g.gate[i * source..(i + 1) * source], ..g });
                let y_gate = y_gate.map(|g| Gated { gate: &g.gate[i * len..(i + 1) * len], ..g });
                if bare && x_gate.is_none() {
                    self.product(&self.classes[0], x, [plane, self.size[1]], [0, plane], y, plane);
                    finish(y, out_plane, bias, y_gate);
                } else {
                    self.pad(x, x_gate, padded);
                    self.picture(padded, results, bias, y_gate, y);
                }
            },
        );
    }

    /// Height and width with the border.
    fn room(&self) -> [usize; 2] {
        let [above, below, left, right] = self.border;
        [above + self.size[0] + below, left + self.size[1] + right]
    }

    fn pad(&self, x: &[f32], gated: Option<Gated<'_>>, padded: &mut Vec<f32>) {
        let ([above, _, left, _], [rows, width]) = (self.border, self.room());
        let wide = self.size[1];
        // The border stays as it is: zero.
        padded.resize(self.channels[0] * rows * width + SLACK, 0.0);
        for (c, out) in padded.chunks_exact_mut(rows * width).take(self.channels[0]).enumerate() {
            for (i, row) in out[above * width..].chunks_exact_mut(width).take(self.size[0]).enumerate() {
                let at = (c * self.size[0] + i) * wide;
                let row = &mut row[left..left + wide];
                match gated {
                    None => row.copy_from_slice(&x[at..at + wide]),
                    Some(g) => {
                        for ((row, x), gate) in row.iter_mut().zip(&x[at..]).zip(&g.gate[at..]) {
                            *row = x * if *gate > 0.0 { 1.0 } else { g.leak };
                        }
                    }
                }
            }
        }
    }

    /// `y[made][0..n] = Σ w · x`, with `x` from `begin` on.
    fn product(
        &self,
        class: &Class,
        x: &[f32],
        [plane, width]: [usize; 2],
        [begin, n]: [usize; 2],
        y: &mut [f32],
        step: usize,
    ) {
        let [read, made] = self.channels;
        let (taps_y, taps_x) = (class.y.taps.len(), class.x.taps.len());
        let rows: Vec<usize> = (0..made).map(|o| o * taps_y * taps_x * read).collect();
        for first in (0..n).step_by(PANEL) {
            let columns = (n - first).min(PANEL).next_multiple_of(16);
            let tap = |t: usize| Run { a: t * read, b: begin + first + t / taps_x * width + t % taps_x };
            let runs: Vec<Run> = (0..taps_y * taps_x).map(tap).collect();
            let c_rows: Vec<usize> = (0..made).map(|o| o * step + first).collect();
            Product {
                a: &class.weights,
                rows: &rows,
                a_step: 1,
                b: x,
                b_step: plane,
                runs: &runs,
                depth: read,
                width: columns,
                c: y,
                c_rows: &c_rows,
                add: false,
            }
            .run();
        }
    }

    fn picture(
        &self,
        padded: &[f32],
        results: &mut Vec<f32>,
        bias: Option<&[f32]>,
        y_gate: Option<Gated<'_>>,
        y: &mut [f32],
    ) {
        let ([above, _, left, _], [rows, width]) = (self.border, self.room());
        let [height, wide] = self.out;
        for class in &self.classes {
            let n = class.y.count * width;
            let step = n.next_multiple_of(PANEL);
            results.resize(self.channels[1] * step, 0.0);
            let inside = |border: usize, source: isize| (border as isize + source) as usize;
            let begin = inside(above, class.y.source) * width + inside(left, class.x.source);
            // The last line ends where its last pixel is.
            self.product(class, padded, [rows * width, width], [begin, n - width + class.x.count], results, step);
            for (o, y) in y.chunks_exact_mut(height * wide).enumerate() {
                for i in 0..class.y.count {
                    let row = &mut y[(i * self.out_step + class.y.out) * wide..][..wide];
                    let values = &results[o * step + i * width..][..class.x.count];
                    row[class.x.out..].iter_mut().step_by(self.out_step).zip(values).for_each(|(y, v)| *y = *v);
                }
            }
        }
        finish(y, height * wide, bias, y_gate);
    }
}

/// Adds the bias, then multiplies by the gate.
fn finish(y: &mut [f32], plane: usize, bias: Option<&[f32]>, gated: Option<Gated<'_>>) {
    if let Some(bias) = bias {
        for (y, bias) in y.chunks_exact_mut(plane).zip(bias) {
            y.iter_mut().for_each(|y| *y += bias);
        }
    }
    if let Some(g) = gated {
        y.iter_mut().zip(g.gate).for_each(|(y, gate)| *y *= if *gate > 0.0 { 1.0 } else { g.leak });
    }
}
