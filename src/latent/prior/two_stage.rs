//! A second, small VAE on the codes of the first, after Dai & Wipf, "Diagnosing and enhancing VAE models" (2019): what a
//! standard normal fits badly in the space of codes, it fits well in the space of codes of codes, which has as many
//! dimensions as the codes themselves.
//!
//! The paper adds the second decoder's noise to what it makes. Here its mean is stretched instead, so that the codes it
//! makes have the mean and the covariance of the codes it learned from: that way the map stays smooth and goes back.

use super::host::Mlp;
use crate::base::linalg::dense::eliminate;

/// Rounds of Newton's method that a way back takes at most.
const ROUNDS: usize = 30;

/// The second VAE as a map: standard normals in, codes out, and back.
#[derive(Clone, Debug, PartialEq)]
pub struct TwoStage {
    /// From codes to the mean of their own codes.
    pub encoder: Mlp,
    /// From normals to codes.
    pub decoder: Mlp,
    /// Matrix, row by row, that a decoded code is multiplied by (from the left).
    pub stretch: Vec<f64>,
    /// What is added then.
    pub shift: Vec<f64>,
    /// Mean and deviation that codes are standardised by before the encoder reads them.
    pub standard: Vec<(f64, f64)>,
}

impl TwoStage {
    /// Numbers in a code.
    pub fn dim(&self) -> usize {
        self.shift.len()
    }

    /// The code that belongs to these standard normals.
    pub fn sample(&self, normals: &[f64]) -> Vec<f64> {
        self.stretched(&self.decoder.forward(normals))
    }

    fn stretched(&self, decoded: &[f64]) -> Vec<f64> {
        let rows = self.stretch.chunks_exact(self.dim().max(1));
        rows.zip(&self.shift).map(|(row, s)| s + row.iter().zip(decoded).map(|(a, y)| a * y).sum::<f64>()).collect()
    }

    /// The standard normals that a code belongs to: those that the encoder means, made exact by Newton's method as far
    /// as the decoder reaches the code at all.
    pub fn normals(&self, code: &[f64]) -> Vec<f64> {
        let standard: Vec<f64> = code.iter().zip(&self.standard).map(|(z, (m, s))| (z - m) / s).collect();
        let mut u = self.encoder.forward(&standard);
        let n = self.dim();
        u.truncate(n);
        let distance = |made: &[f64]| made.iter().zip(code).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let mut off = distance(&self.sample(&u));
        // Damping after Levenberg and Marquardt: a step that does not help is taken shorter.
        let mut damping = 1e-3;
        for _ in 0..ROUNDS {
            if off < 1e-20 {
                break;
            }
            let (decoded, slopes) = self.decoder.with_slopes(&u);
            let slopes: Vec<Vec<f64>> = slopes.iter().map(|s| self.linear(s)).collect();
            let error: Vec<f64> = self.stretched(&decoded).iter().zip(code).map(|(a, b)| b - a).collect();
            let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f64>();
            let mut matrix: Vec<f64> = (0..n * n).map(|k| dot(&slopes[k / n], &slopes[k % n])).collect();
            for i in 0..n {
                matrix[i * n + i] += damping;
            }
            let Some(step) = eliminate(matrix, slopes.iter().map(|s| dot(s, &error)).collect()) else { break };
            let next: Vec<f64> = u.iter().zip(&step).map(|(u, d)| u + d).collect();
            let now = distance(&self.sample(&next));
            if now < off {
                (u, off) = (next, now);
                damping = (damping * 0.1).max(1e-12);
            } else {
                damping *= 10.0;
            }
        }
        u
    }

    fn linear(&self, decoded: &[f64]) -> Vec<f64> {
        self.stretched(decoded).iter().zip(&self.shift).map(|(y, s)| y - s).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::tests::random;
    use super::*;
    use crate::base::rng::Stream;

    #[test]
    fn the_map_goes_back_where_the_decoder_reaches() {
        let dim = 3;
        let map = TwoStage {
            encoder: random(dim, 8, 2 * dim),
            decoder: random(dim, 8, dim),
            stretch: vec![1.0, 0.2, 0.0, 0.0, 0.7, 0.0, 0.3, 0.0, 1.2],
            shift: vec![1.0, -2.0, 0.5],
            standard: vec![(0.0, 1.0), (-1.0, 2.0), (0.5, 0.7)],
        };
        let mut stream = Stream::new(1, "codes");
        for _ in 0..20 {
            let code = map.sample(&stream.normals(dim).into_iter().map(f64::from).collect::<Vec<_>>());
            let again = map.sample(&map.normals(&code));
            let off = again.iter().zip(&code).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
            assert!(off < 1e-6, "{off}");
        }
    }
}
