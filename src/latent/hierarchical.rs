//! Latents of several levels (`ladder-vae`): coarse and fine from different places, each level at its own temperature.
//!
//! A latent is one vector with all levels, the coarsest first; [`crate::recipe::ModelRecipe::layout`] says how many
//! numbers each has.

/// The levels before `level` of `coarse` and the rest of `fine`.
pub fn mixed(coarse: &[f32], fine: &[f32], layout: &[u32], level: usize) -> Vec<f32> {
    let border: usize = layout.iter().take(level).map(|n| *n as usize).sum();
    coarse.iter().take(border).chain(fine.iter().skip(border)).copied().collect()
}

/// Every level times its temperature; levels without one keep theirs.
pub fn tempered(values: &[f32], layout: &[u32], temperatures: &[f32]) -> Vec<f32> {
    let of_each = layout.iter().enumerate().flat_map(|(level, n)| {
        let t = temperatures.get(level).copied().unwrap_or(1.0);
        std::iter::repeat_n(t, *n as usize)
    });
    values.iter().zip(of_each.chain(std::iter::repeat(1.0))).map(|(v, t)| v * t).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_mixed_and_tempered_by_their_layout() {
        let (a, b, layout) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0], [2, 1, 1]);
        assert_eq!(mixed(&a, &b, &layout, 0), b);
        assert_eq!(mixed(&a, &b, &layout, 1), [1.0, 2.0, 7.0, 8.0]);
        assert_eq!(mixed(&a, &b, &layout, 2), [1.0, 2.0, 3.0, 8.0]);
        assert_eq!(mixed(&a, &b, &layout, 9), a);
        assert_eq!(tempered(&a, &layout, &[0.5, 2.0]), [0.5, 1.0, 6.0, 4.0]);
        assert_eq!(tempered(&a, &[2], &[0.0]), [0.0, 0.0, 3.0, 4.0]);
    }
}
