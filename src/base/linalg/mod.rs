//! Linear algebra in `f64`, for matrices of at most some thousand rows: without a large library, the same on every machine
//! whatever its number of threads.
//!
//! - [`rows`]: vectors, and matrices as lists of rows: means, correlations, least squares, leading axes.
//! - [`symmetric`]: eigenvalues and square roots of symmetric matrices; products.
//! - [`dense`]: Cholesky factors, inverses of triangles, elimination.

pub mod dense;
pub mod rows;
pub mod symmetric;
