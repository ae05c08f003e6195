//! Which shape suits pictures of many sizes: the one that a crop to it loses least of.

/// Shapes that are proposed, width to height: those of cameras, screens and paper.
const SHAPES: [(u32, u32); 15] = [
    (1, 1),
    (4, 5),
    (5, 4),
    (3, 4),
    (4, 3),
    (2, 3),
    (3, 2),
    (9, 16),
    (16, 9),
    (1, 2),
    (2, 1),
    (1, 3),
    (3, 1),
    (1, 4),
    (4, 1),
];
/// How much more of the pictures a shape must keep than a square does, as a share of their area, to be proposed.
const GAIN: f64 = 0.12;

/// The shape that suits pictures, and what it keeps of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aspect {
    /// Width to height, `(1, 1)` where nothing suits them better than a square.
    pub ratio: (u32, u32),
    /// Share of their area that a crop to it keeps, in the mean.
    pub kept: f64,
    /// The same of a crop to a square.
    pub kept_by_square: f64,
}

/// The shape that suits pictures of these sizes, each with how many there are (`Survey::sizes`).
pub fn aspect(sizes: &[(u32, u32, u64)]) -> Aspect {
    let all: u64 = sizes.iter().map(|s| s.2).sum();
    let kept = |(a, b): (u32, u32)| {
        let target = f64::from(a) / f64::from(b);
        let of = |&(w, h, n): &(u32, u32, u64)| {
            let own = f64::from(w.max(1)) / f64::from(h.max(1));
            n as f64 * (own.min(target) / own.max(target))
        };
        sizes.iter().map(of).sum::<f64>() / all.max(1) as f64
    };
    let square = kept((1, 1));
    let mut best = Aspect { ratio: (1, 1), kept: square, kept_by_square: square };
    for ratio in SHAPES {
        let kept = kept(ratio);
        if kept > best.kept && kept >= square + GAIN {
            best = Aspect { ratio, kept, ..best };
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_one_shape_proposes_it_and_a_mixed_one_stays_square() {
        assert_eq!(aspect(&[(2000, 3000, 80), (3000, 2000, 5)]).ratio, (2, 3));
        assert_eq!(aspect(&[(1920, 1080, 10), (1280, 720, 3)]).ratio, (16, 9));
        assert_eq!(aspect(&[(64, 256, 10)]).ratio, (1, 4));
        for mixed in [&[(2000, 3000, 50), (3000, 2000, 50)][..], &[(64, 64, 9), (64, 96, 1)], &[(100, 95, 9)], &[]] {
            assert_eq!(aspect(mixed).ratio, (1, 1), "{mixed:?}");
        }
        let tall = aspect(&[(200, 300, 1)]);
        assert!((tall.kept - 1.0).abs() < 1e-9 && (tall.kept_by_square - 2.0 / 3.0).abs() < 1e-9);
    }
}
