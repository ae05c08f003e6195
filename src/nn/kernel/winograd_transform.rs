//! The transforms of Winograd's F(4×4, 3×3) and F(4×4, 2×2), a vector of channels at a time.
#![allow(clippy::needless_range_loop)] // Small matrices read best by their indices.

use pulp::{Simd, WithSimd};

/// Pixels a side that a tile makes.
pub const TILE: usize = 4;
/// Pixels a side that a tile of F(4×4, 3×3) reads.
pub const READ: usize = 6;
/// Its products.
pub const POINTS: usize = READ * READ;

/// Where the pixels of a tile lie.
pub struct Place {
    /// The first.
    pub pixel: usize,
    /// Distances to the pixel below and to the right.
    pub steps: [usize; 2],
    /// Rows that exist.
    pub rows: usize,
    /// Columns that exist.
    pub columns: usize,
}

/// `Bᵀ d`: six numbers to six.
#[inline(always)]
fn forth<S: Simd>(s: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 6] {
    let k = |v: f32| s.splat_f32s(v);
    let (p, q) = (s.mul_add_e_f32s(k(-4.0), c, e), s.mul_add_e_f32s(k(-4.0), b, d));
    let (r, t) = (s.sub_f32s(e, c), s.sub_f32s(d, b));
    [
        s.mul_add_e_f32s(k(4.0), a, s.mul_add_e_f32s(k(-5.0), c, e)),
        s.add_f32s(p, q),
        s.sub_f32s(p, q),
        s.mul_add_e_f32s(k(2.0), t, r),
        s.mul_add_e_f32s(k(-2.0), t, r),
        s.mul_add_e_f32s(k(4.0), b, s.mul_add_e_f32s(k(-5.0), d, f)),
    ]
}

/// `Aᵀ m`: six numbers to four.
#[inline(always)]
fn back<S: Simd>(s: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 4] {
    let k = |v: f32| s.splat_f32s(v);
    let (p, q, r, t) = (s.add_f32s(b, c), s.sub_f32s(b, c), s.add_f32s(d, e), s.sub_f32s(d, e));
    [
        s.add_f32s(s.add_f32s(a, p), r),
        s.mul_add_e_f32s(k(2.0), t, q),
        s.mul_add_e_f32s(k(4.0), r, p),
        s.add_f32s(s.mul_add_e_f32s(k(8.0), t, q), f),
    ]
}

/// `A y`: four numbers to six, the transpose of [`back`].
#[inline(always)]
fn unback<S: Simd>(s: S, [a, b, c, d]: [S::f32s; 4]) -> [S::f32s; 6] {
    let k = |v: f32| s.splat_f32s(v);
    let (even, odd) = (s.add_f32s(a, c), s.add_f32s(b, d));
    let (far, near) = (s.mul_add_e_f32s(k(4.0), c, a), s.mul_add_e_f32s(k(4.0), d, b));
    let near = s.add_f32s(near, near);
    [a, s.add_f32s(even, odd), s.sub_f32s(even, odd), s.add_f32s(far, near), s.sub_f32s(far, near), d]
}

/// `G w`: three numbers to six.
#[inline(always)]
fn weigh<S: Simd>(s: S, [a, b, c]: [S::f32s; 3]) -> [S::f32s; 6] {
    let k = |v: f32| s.splat_f32s(v);
    let ac = s.mul_f32s(k(-1.0 / 6.0), s.add_f32s(a, c));
    let far = s.mul_add_e_f32s(k(1.0 / 6.0), c, s.mul_f32s(k(1.0 / 24.0), a));
    [
        s.mul_f32s(k(0.25), a),
        s.mul_add_e_f32s(k(-1.0 / 6.0), b, ac),
        s.mul_add_e_f32s(k(1.0 / 6.0), b, ac),
        s.mul_add_e_f32s(k(1.0 / 12.0), b, far),
        s.mul_add_e_f32s(k(-1.0 / 12.0), b, far),
        c,
    ]
}

/// `Gᵀ u`: six numbers to three, the transpose of [`weigh`].
#[inline(always)]
fn unweigh<S: Simd>(s: S, [a, b, c, d, e, f]: [S::f32s; 6]) -> [S::f32s; 3] {
    let k = |v: f32| s.splat_f32s(v);
    let (p, q, r, t) = (s.add_f32s(b, c), s.sub_f32s(c, b), s.add_f32s(d, e), s.sub_f32s(d, e));
    let first = s.mul_add_e_f32s(k(0.25), a, s.mul_f32s(k(-1.0 / 6.0), p));
    let last = s.mul_add_e_f32s(k(1.0 / 6.0), r, s.mul_f32s(k(-1.0 / 6.0), p));
    [
        s.mul_add_e_f32s(k(1.0 / 24.0), r, first),
        s.mul_add_e_f32s(k(1.0 / 12.0), t, s.mul_f32s(k(1.0 / 6.0), q)),
        s.add_f32s(last, f),
    ]
}

/// `Bᵀ d` of F(4, 2), with the points 0, ±1, 2 and ∞: five numbers to five.
#[inline(always)]
fn forth_two<S: Simd>(s: S, [a, b, c, d, e]: [S::f32s; 5]) -> [S::f32s; 5] {
    let k = |v: f32| s.splat_f32s(v);
    [
        s.mul_add_e_f32s(k(2.0), s.sub_f32s(a, c), s.sub_f32s(d, b)),
        s.mul_add_e_f32s(k(-2.0), b, s.sub_f32s(d, c)),
        s.mul_add_e_f32s(k(2.0), b, s.mul_add_e_f32s(k(-3.0), c, d)),
        s.sub_f32s(d, b),
        s.mul_add_e_f32s(k(2.0), s.sub_f32s(b, d), s.sub_f32s(e, c)),
    ]
}

/// `Aᵀ m` of F(4, 2): five numbers to four.
#[inline(always)]
fn back_two<S: Simd>(s: S, [a, b, c, d, e]: [S::f32s; 5]) -> [S::f32s; 4] {
    let k = |v: f32| s.splat_f32s(v);
    let (p, q) = (s.add_f32s(b, c), s.sub_f32s(b, c));
    [
        s.add_f32s(s.add_f32s(a, p), d),
        s.mul_add_e_f32s(k(2.0), d, q),
        s.mul_add_e_f32s(k(4.0), d, p),
        s.add_f32s(s.mul_add_e_f32s(k(8.0), d, q), e),
    ]
}

/// `G w` of F(4, 2): two numbers to five.
#[inline(always)]
fn weigh_two<S: Simd>(s: S, [a, b]: [S::f32s; 2]) -> [S::f32s; 5] {
    let k = |v: f32| s.splat_f32s(v);
    [
        s.mul_f32s(k(0.5), a),
        s.mul_f32s(k(-0.5), s.add_f32s(a, b)),
        s.mul_f32s(k(1.0 / 6.0), s.sub_f32s(b, a)),
        s.mul_f32s(k(1.0 / 6.0), s.mul_add_e_f32s(k(2.0), b, a)),
        b,
    ]
}

/// `M x Mᵀ`, for a map of columns of `$n` numbers to `$o`. A macro: what is not inlined here loses its vectors.
macro_rules! both {
    ($s:ident, $x:ident, $map:ident, $n:literal, $o:literal) => {{
        let zero = $s.splat_f32s(0.0);
        let mut columns = [[zero; $n]; $o];
        for j in 0..$n {
            let mut column = [zero; $n];
            for i in 0..$n {
                column[i] = $x[i][j];
            }
            let mapped = $map($s, column);
            for i in 0..$o {
                columns[i][j] = mapped[i];
            }
        }
        let mut out = [[zero; $o]; $o];
        for i in 0..$o {
            out[i] = $map($s, columns[i]);
        }
        out
    }};
}

/// `G W Gᵀ` of sixteen kernels of `SIDE` pixels a side.
pub struct Kernel<'a, const SIDE: usize> {
    pub w: &'a [[f32; 16]],
    pub u: &'a mut [[f32; 16]],
}

macro_rules! kernel {
    ($side:literal, $read:literal, $map:ident) => {
        impl WithSimd for Kernel<'_, $side> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, s: S) {
                for l in (0..16).step_by(S::F32_LANES) {
                    let mut w = [[s.splat_f32s(0.0); $side]; $side];
                    for i in 0..$side {
                        for j in 0..$side {
                            w[i][j] = s.partial_load_f32s(&self.w[i * $side + j][l..]);
                        }
                    }
                    let u = both!(s, w, $map, $side, $read);
                    for i in 0..$read {
                        for j in 0..$read {
                            s.partial_store_f32s(&mut self.u[i * $read + j][l..], u[i][j]);
                        }
                    }
                }
            }
        }
    };
}

kernel!(3, 6, weigh);
kernel!(2, 5, weigh_two);

/// `Bᵀ X B` of tiles: `[read²][tile][room]`.
pub struct Tiles<'a, const READ: usize> {
    /// Numbers of a pixel that count.
    pub channels: usize,
    /// Distances in the source to the pixel below and to the right.
    pub steps: [usize; 2],
    /// Where tiles begin.
    pub origins: &'a [usize],
    pub source: &'a [f32],
    pub points: &'a mut [f32],
    /// Distance between tiles among the points.
    pub room: usize,
}

macro_rules! tiles {
    ($read:literal, $map:ident) => {
        impl WithSimd for Tiles<'_, $read> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, s: S) {
                let (channels, [line, pixel], n) = (self.channels, self.steps, self.origins.len());
                let reach = ($read - 1) * (line + pixel) + channels;
                assert!(self.origins.iter().all(|o| o + reach <= self.source.len()));
                assert!(($read * $read * n - 1) * self.room + channels <= self.points.len());
                assert!(channels.is_multiple_of(S::F32_LANES));
                let (source, points) = (self.source.as_ptr(), self.points.as_mut_ptr());
                for (t, &origin) in self.origins.iter().enumerate() {
                    for c in (0..channels).step_by(S::F32_LANES) {
                        // SAFETY: a tile's reach was checked for every origin, and its places for every tile.
                        unsafe {
                            let mut x = [[s.splat_f32s(0.0); $read]; $read];
                            for i in 0..$read {
                                for j in 0..$read {
                                    let at = origin + i * line + j * pixel + c;
                                    x[i][j] = source.add(at).cast::<S::f32s>().read_unaligned();
                                }
                            }
                            let v = both!(s, x, $map, $read, $read);
                            for i in 0..$read {
                                for j in 0..$read {
                                    let at = ((i * $read + j) * n + t) * self.room + c;
                                    points.add(at).cast::<S::f32s>().write_unaligned(v[i][j]);
                                }
                            }
                        }
                    }
                }
            }
        }
    };
}

tiles!(6, forth);
tiles!(5, forth_two);

/// `Aᵀ M A` of tiles, to pixels.
pub struct Untile<'a, I, const READ: usize> {
    pub tiles: I,
    pub sums: &'a [f32],
    pub n: usize,
    pub panel: usize,
    pub results: &'a mut [f32],
}

macro_rules! untile {
    ($read:literal, $map:ident) => {
        impl<I: Iterator<Item = Place>> WithSimd for Untile<'_, I, $read> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, s: S) {
                let (n, panel) = (self.n, self.panel);
                assert!(self.sums.len() >= $read * $read * n * panel && panel.is_multiple_of(S::F32_LANES));
                let (sums, results) = (self.sums.as_ptr(), self.results.as_mut_ptr());
                for (t, place) in self.tiles.enumerate().take(n) {
                    let [down, right] = place.steps;
                    let end = place.pixel + (place.rows - 1) * down + (place.columns - 1) * right + 1;
                    assert!(end * panel <= self.results.len() && place.rows <= TILE && place.columns <= TILE);
                    for c in (0..panel).step_by(S::F32_LANES) {
                        // SAFETY: the sums hold all places of each of `n` tiles; the last pixel written was checked.
                        unsafe {
                            let mut m = [[s.splat_f32s(0.0); $read]; $read];
                            for i in 0..$read {
                                for j in 0..$read {
                                    let at = ((i * $read + j) * n + t) * panel + c;
                                    m[i][j] = sums.add(at).cast::<S::f32s>().read_unaligned();
                                }
                            }
                            let y = both!(s, m, $map, $read, 4);
                            for i in 0..TILE {
                                for j in 0..TILE {
                                    if i < place.rows && j < place.columns {
                                        let at = (place.pixel + i * down + j * right) * panel + c;
                                        results.add(at).cast::<S::f32s>().write_unaligned(y[i][j]);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    };
}

untile!(6, back);
untile!(5, back_two);

/// `A dY Aᵀ` of tiles: `[36][tile][channels]`; pixels that do not exist are zeros.
pub struct Grads<'a, I> {
    pub tiles: I,
    pub source: &'a [f32],
    pub n: usize,
    pub channels: usize,
    pub points: &'a mut [f32],
}

impl<I: Iterator<Item = Place>> WithSimd for Grads<'_, I> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        let (n, channels) = (self.n, self.channels);
        assert!(self.points.len() >= POINTS * n * channels && channels.is_multiple_of(S::F32_LANES));
        let (source, points) = (self.source.as_ptr(), self.points.as_mut_ptr());
        for (t, place) in self.tiles.enumerate().take(n) {
            let [down, right] = place.steps;
            let end = place.pixel + (place.rows - 1) * down + (place.columns - 1) * right + 1;
            assert!(end * channels <= self.source.len());
            for c in (0..channels).step_by(S::F32_LANES) {
                // SAFETY: the last pixel that is read was checked; the points hold 36 places for each of `n` tiles.
                unsafe {
                    let mut y = [[s.splat_f32s(0.0); TILE]; TILE];
                    for i in 0..TILE {
                        for j in 0..TILE {
                            if i < place.rows && j < place.columns {
                                let at = (place.pixel + i * down + j * right) * channels + c;
                                y[i][j] = source.add(at).cast::<S::f32s>().read_unaligned();
                            }
                        }
                    }
                    let z = both!(s, y, unback, 4, 6);
                    for i in 0..READ {
                        for j in 0..READ {
                            let at = ((i * READ + j) * n + t) * channels + c;
                            points.add(at).cast::<S::f32s>().write_unaligned(z[i][j]);
                        }
                    }
                }
            }
        }
    }
}

/// `Gᵀ U G` of sixteen kernels.
pub struct Unkernel<'a> {
    pub u: &'a [[f32; 16]; POINTS],
    pub w: &'a mut [[f32; 16]; 9],
}

impl WithSimd for Unkernel<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, s: S) {
        for l in (0..16).step_by(S::F32_LANES) {
            let mut u = [[s.splat_f32s(0.0); READ]; READ];
            for i in 0..READ {
                for j in 0..READ {
                    u[i][j] = s.partial_load_f32s(&self.u[i * READ + j][l..]);
                }
            }
            let w = both!(s, u, unweigh, 6, 3);
            for i in 0..3 {
                for j in 0..3 {
                    s.partial_store_f32s(&mut self.w[i * 3 + j][l..], w[i][j]);
                }
            }
        }
    }
}
