//! What the machine can do: the largest speed of a matrix product.

use std::time::Instant;

/// Billions of floating-point operations a second of a large `f32` matrix product on all threads of the pool: the best
/// of several turns, since other programs only make it slower.
pub fn gemm_gflops() -> f64 {
    let (m, n, k) = (1024, 512, 1024);
    let (a, b) = (vec![0.5f32; m * k], vec![0.25f32; k * n]);
    let threads = rayon::current_num_threads();
    let mut c = vec![0f32; threads * m * n];
    let mut best = f64::INFINITY;
    for _ in 0..12 {
        let start = Instant::now();
        // One product a thread: nothing is shared, so nothing waits.
        rayon::scope(|scope| {
            for c in c.chunks_exact_mut(m * n) {
                let (a, b) = (&a, &b);
                scope.spawn(move |_| {
                    crate::nn::product([m, n, k], c, a, b);
                });
            }
        });
        best = best.min(start.elapsed().as_secs_f64());
    }
    2.0 * (threads * m * n * k) as f64 / best / 1e9
}
