//! Parts that several views share.

pub mod chart;
pub mod drop_target;
pub mod form;
pub mod picture_grid;
