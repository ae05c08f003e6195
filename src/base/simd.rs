//! The widest vectors that this processor has.

use pulp::{Simd, WithSimd};

/// Runs `work` with AVX-512, AVX2 and FMA, NEON, or plain numbers.
#[inline]
pub fn dispatch<W: WithSimd>(work: W) -> W::Output {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(simd) = pulp::x86::V4::try_new() {
            return Simd::vectorize(simd, work);
        }
        if let Some(simd) = pulp::x86::V3::try_new() {
            return Simd::vectorize(simd, work);
        }
        Simd::vectorize(pulp::Scalar, work)
    }
    #[cfg(not(target_arch = "x86_64"))]
    pulp::Arch::new().dispatch(work)
}
