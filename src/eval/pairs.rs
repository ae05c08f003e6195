//! How near a picture is to another, pixel by pixel: peak signal-to-noise ratio and structural similarity.

/// Peak signal-to-noise ratio of bytes, in decibels; equals are as near as half a grey level in one number.
pub fn psnr(a: &[u8], b: &[u8]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(x, y)| (f64::from(*x) - f64::from(*y)).powi(2)).sum();
    let n = a.len().min(b.len()).max(1) as f64;
    10.0 * (255.0 * 255.0 / (sum / n).max(0.25 / n)).log10()
}

/// Standard deviation and reach of the window, in pixels.
const SIGMA: f64 = 1.5;
const REACH: usize = 5;

/// Structural similarity (Wang et al. 2004) of interleaved pictures of `side` pixels, meaned over channels: Gaussian
/// window of 11 × 11 pixels, places where it fits. 1 is equal.
pub fn ssim(a: &[u8], b: &[u8], [rows, columns]: [usize; 2], channels: usize) -> f64 {
    let kernel: Vec<f64> = {
        let raw = (0..=2 * REACH).map(|i| (-0.5 * ((i as f64 - REACH as f64) / SIGMA).powi(2)).exp());
        let total: f64 = raw.clone().sum();
        raw.map(|v| v / total).collect()
    };
    let [inner_rows, inner] = [rows, columns].map(|side| side.saturating_sub(2 * REACH));
    if inner == 0 || inner_rows == 0 {
        return f64::NAN;
    }
    // Across, then down, where the window fits.
    let smooth = |plane: &[f64]| -> Vec<f64> {
        let mut across = vec![0.0; rows * inner];
        for y in 0..rows {
            for x in 0..inner {
                across[y * inner + x] = kernel.iter().enumerate().map(|(k, w)| w * plane[y * columns + x + k]).sum();
            }
        }
        let mut out = vec![0.0; inner_rows * inner];
        for y in 0..inner_rows {
            for x in 0..inner {
                out[y * inner + x] = kernel.iter().enumerate().map(|(k, w)| w * across[(y + k) * inner + x]).sum();
            }
        }
        out
    };
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    let mut total = 0.0;
    for c in 0..channels {
        let plane =
            |bytes: &[u8]| -> Vec<f64> { bytes.iter().skip(c).step_by(channels).map(|v| f64::from(*v)).collect() };
        let (x, y) = (plane(a), plane(b));
        let times = |p: &[f64], q: &[f64]| -> Vec<f64> { p.iter().zip(q).map(|(u, v)| u * v).collect() };
        let (mx, my) = (smooth(&x), smooth(&y));
        let (xx, yy, xy) = (smooth(&times(&x, &x)), smooth(&times(&y, &y)), smooth(&times(&x, &y)));
        for i in 0..inner_rows * inner {
            let (u, v) = (mx[i], my[i]);
            let (vx, vy, cov) = (xx[i] - u * u, yy[i] - v * v, xy[i] - u * v);
            total += (2.0 * u * v + c1) * (2.0 * cov + c2) / ((u * u + v * v + c1) * (vx + vy + c2));
        }
    }
    total / (inner_rows * inner * channels) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equals_are_equal_and_noise_is_far() {
        let a: Vec<u8> = (0..20 * 20).map(|i| (i * 11 % 200) as u8).collect();
        let b: Vec<u8> = a.iter().enumerate().map(|(i, v)| v.wrapping_add((i % 3) as u8 * 20)).collect();
        assert!((ssim(&a, &a, [20, 20], 1) - 1.0).abs() < 1e-12);
        assert!(ssim(&a, &b, [20, 20], 1) < 0.95);
        // The same pixels turned: what is across and what is down changes nothing.
        let wide = |bytes: &[u8]| -> Vec<u8> { bytes[..320].to_vec() };
        let turned = |bytes: &[u8]| -> Vec<u8> { (0..320).map(|i| bytes[i % 16 * 20 + i / 16]).collect() };
        let (across, down) = (ssim(&wide(&a), &wide(&b), [16, 20], 1), ssim(&turned(&a), &turned(&b), [20, 16], 1));
        assert!((across - down).abs() < 1e-9 && across < 0.95, "{across} {down}");
        assert!(psnr(&a, &a) > 70.0 && psnr(&a, &b) < 30.0);
        assert!((psnr(&[0, 0], &[5, 5]) - 10.0 * (255.0f64 * 255.0 / 25.0).log10()).abs() < 1e-12);
    }
}
