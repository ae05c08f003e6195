//! The standard normal distribution, exact far out in both tails. All by `libm`: the same on every platform.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};

/// `log φ(x)`.
pub fn log_density(x: f64) -> f64 {
    -0.5 * (x * x + libm::log(TAU))
}

/// `log P(X > x)`; as exact for `x = 30` as for `x = 0`.
pub fn log_upper(x: f64) -> f64 {
    if x < 30.0 {
        return libm::log(0.5 * libm::erfc(x * FRAC_1_SQRT_2));
    }
    // Mills' ratio, three terms: relative error below 1e-6 from here on.
    let s = 1.0 / (x * x);
    log_density(x) - libm::log(x) + libm::log1p(-s + 3.0 * s * s)
}

/// `log P(X ≤ x)`.
pub fn log_lower(x: f64) -> f64 {
    log_upper(-x)
}

/// The `x ≥ 0` with `log P(X > x) = log_p`, for `log_p ≤ log ½`.
pub fn upper_quantile(log_p: f64) -> f64 {
    let log_p = log_p.min(-std::f64::consts::LN_2);
    // log P(X > x) is concave: from any point Newton's steps land right of the root, and then come down to it.
    let mut x = if log_p < -5.0 { libm::sqrt(-2.0 * log_p) } else { 0.0 };
    for _ in 0..60 {
        let log_q = log_upper(x);
        let step = (log_q - log_p) / libm::exp(log_density(x) - log_q);
        x += step;
        if step.abs() <= 1e-14 * (1.0 + x.abs()) {
            break;
        }
    }
    x.max(0.0)
}

/// `log Σ exp(xᵢ)`.
pub fn log_sum_exp(xs: impl Iterator<Item = f64> + Clone) -> f64 {
    let top = xs.clone().fold(f64::NEG_INFINITY, f64::max);
    if !top.is_finite() {
        return top;
    }
    top + libm::log(xs.map(|x| libm::exp(x - top)).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_tables() {
        for (x, p) in [
            (0.0, 0.5),
            (1.0, 0.158_655_253_931_457_05),
            (3.0, 0.001_349_898_031_630_094_5),
            (8.0, 6.220_960_574_271_785e-16),
            (-2.0, 0.977_249_868_051_820_8),
        ] {
            assert!((log_upper(x) - f64::ln(p)).abs() < 1e-12, "{x}");
        }
        assert!((log_upper(30.0 - 1e-9) - log_upper(30.0 + 1e-9)).abs() < 1e-6);
    }

    #[test]
    fn quantiles_undo_tails() {
        for x in [0.0, 1e-3, 0.4, 1.0, 2.5, 6.0, 12.0, 35.0] {
            assert!((upper_quantile(log_upper(x)) - x).abs() < 1e-9 * (1.0 + x), "{x}");
        }
    }
}
