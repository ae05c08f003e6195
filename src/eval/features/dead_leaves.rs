//! Dead leaves: random shapes that cover each other, with the statistics of natural pictures (Lee, Mumford & Huang
//! 2001). Networks that learn from them alone already see well (Baradad et al. 2021), so they keep the features from
//! knowing icons only.

use super::distort::Plain;
use crate::base::rng::Stream;

/// A picture of a seed.
pub fn leaves(seed: u64, side: usize) -> Plain {
    let mut s = Stream::new(seed, "leaves");
    let mut p = Plain { side, values: vec![0.0; side * side * 3] };
    // A few palettes' worth of colours around one hue each, so that pictures differ as wholes.
    let base: [f32; 3] = std::array::from_fn(|_| s.uniform());
    let spread = 0.1 + 0.9 * s.uniform();
    let smallest = 0.02 + 0.06 * s.uniform();
    let kind = s.below(4);
    let colour = |s: &mut Stream| -> [f32; 3] {
        std::array::from_fn(|c| (base[c] + spread * (s.uniform() - 0.5) * 1.6).clamp(0.0, 1.0))
    };
    let ground = colour(&mut s);
    p.values.chunks_exact_mut(3).for_each(|pixel| pixel.copy_from_slice(&ground));
    for _ in 0..90 {
        // Sizes by the power law that makes pictures look the same at all distances.
        let r0 = 1.0 / (0.45f32 * 0.45);
        let r1 = 1.0 / (smallest * smallest);
        let radius = (r0 + s.uniform() * (r1 - r0)).powf(-0.5) * side as f32;
        let (cx, cy) = (s.uniform() * side as f32, s.uniform() * side as f32);
        let (from, to) = (colour(&mut s), colour(&mut s));
        let (sin, cos) = (s.uniform() * std::f32::consts::TAU).sin_cos();
        let stripes = if s.uniform() < 0.25 { 2.0 + 6.0 * s.uniform() } else { 0.0 };
        let flat = s.uniform() < 0.5;
        let reach =
            |v: f32| ((v - radius * 1.5).floor().max(0.0) as usize, ((v + radius * 1.5).ceil() as usize).min(side));
        let ((x0, x1), (y0, y1)) = (reach(cx), reach(cy));
        for y in y0..y1 {
            for x in x0..x1 {
                let (dx, dy) = ((x as f32 + 0.5 - cx) / radius, (y as f32 + 0.5 - cy) / radius);
                let (u, v) = (dx * cos + dy * sin, dy * cos - dx * sin);
                let inside = match kind {
                    0 => u * u + v * v < 1.0,
                    1 => u.abs() < 1.0 && v.abs() < 0.7,
                    2 => u * u + v * v * 4.0 < 1.0,
                    _ => v > -0.6 && 1.7 * u.abs() + v < 1.0,
                };
                if !inside {
                    continue;
                }
                let t = if stripes > 0.0 { ((u * stripes).floor() as i32 & 1) as f32 } else { (u + 1.0) / 2.0 };
                let t = if flat && stripes == 0.0 { 0.0 } else { t.clamp(0.0, 1.0) };
                let i = (y * side + x) * 3;
                for c in 0..3 {
                    p.values[i + c] = from[c] + t * (to[c] - from[c]);
                }
            }
        }
    }
    p
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaves_are_a_function_of_their_seed_and_cover_the_ground() {
        assert_eq!(leaves(5, 32), leaves(5, 32));
        assert_ne!(leaves(5, 32), leaves(6, 32));
        let p = leaves(7, 64);
        assert!(p.values.iter().all(|v| (0.0..=1.0).contains(v)));
        let mut colours: Vec<[u32; 3]> =
            p.values.chunks_exact(3).map(|c| [c[0].to_bits(), c[1].to_bits(), c[2].to_bits()]).collect();
        colours.sort_unstable();
        colours.dedup();
        assert!(colours.len() > 10);
    }
}
