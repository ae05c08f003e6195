//! The ground floor: ids, units, random streams, plain pixels, curves and what a person is told.
//!
//! Nothing here knows of models, files of pictures or windows; every other floor may use it.

pub mod int8;
pub mod linalg;
pub mod locked;
pub mod memory;
mod normal;
pub mod pace;
pub mod panics;
pub mod paths;
pub mod pixels;
pub mod position;
pub mod problem;
pub mod progress;
pub mod rank_fusion;
pub mod region;
pub mod resolution;
pub mod rng;
pub mod series;
pub mod simd;
pub mod temp;
pub mod units;
pub mod vault;

pub use pixels::Picture;
pub use problem::{Kind, Problem, Result, Severity};
pub use progress::{Cancel, Progress};
pub use region::Region;
pub use resolution::{Built, Resolution};
pub use units::{Channels, Family, Shape};
