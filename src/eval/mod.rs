//! Scores.

pub mod sliced;
