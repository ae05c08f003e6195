//! Pictures of another size by bilinear interpolation, edges repeated and corners not aligned (as PyTorch's default),
//! and back.

use rayon::prelude::*;

/// For each place of a side, the two it is made of and their shares.
pub type Taps = Vec<([usize; 2], [f32; 2])>;

/// The taps from a side of `from` pixels to one of `to`.
pub fn taps(from: usize, to: usize) -> Taps {
    let scale = from as f64 / to as f64;
    let tap = |i: usize| {
        let at = ((i as f64 + 0.5) * scale - 0.5).max(0.0);
        let low = (at as usize).min(from - 1);
        let share = (at - low as f64) as f32;
        ([low, (low + 1).min(from - 1)], [1.0 - share, share])
    };
    (0..to).map(tap).collect()
}

/// `[…, h, w] → […, rows, columns]`
pub fn forward(x: &[f32], [h, w]: [usize; 2], rows: &Taps, columns: &Taps, y: &mut [f32]) {
    let out = rows.len() * columns.len();
    y.par_chunks_mut(out).zip(x.par_chunks(h * w)).with_min_len(8).for_each_init(Vec::new, |line, (y, x)| {
        line.resize(w, 0.0);
        for (y, ([a, b], [s, t])) in y.chunks_exact_mut(columns.len()).zip(rows) {
            let both = x[a * w..(a + 1) * w].iter().zip(&x[b * w..(b + 1) * w]);
            line.iter_mut().zip(both).for_each(|(line, (a, b))| *line = a * s + b * t);
            y.iter_mut().zip(columns).for_each(|(y, ([a, b], [s, t]))| *y = line[*a] * s + line[*b] * t);
        }
    });
}

/// The gradient by the input. `[…, rows, columns] → […, h, w]`
pub fn backward(dy: &[f32], [h, w]: [usize; 2], rows: &Taps, columns: &Taps, dx: &mut [f32]) {
    let out = rows.len() * columns.len();
    dx.par_chunks_mut(h * w).zip(dy.par_chunks(out)).with_min_len(8).for_each_init(Vec::new, |line, (dx, dy)| {
        line.resize(w, 0.0);
        dx.fill(0.0);
        for (dy, ([a, b], [s, t])) in dy.chunks_exact(columns.len()).zip(rows) {
            line.fill(0.0);
            for (d, ([a, b], [s, t])) in dy.iter().zip(columns) {
                line[*a] += d * s;
                line[*b] += d * t;
            }
            dx[a * w..(a + 1) * w].iter_mut().zip(line.iter()).for_each(|(dx, d)| *dx += d * s);
            dx[b * w..(b + 1) * w].iter_mut().zip(line.iter()).for_each(|(dx, d)| *dx += d * t);
        }
    });
}
