//! Parts that several views share.

pub mod chart;
pub mod drop_target;
pub mod encoder;
pub mod export_dialog;
pub mod form;
pub mod latent_slot;
pub mod network;
pub mod own_data;
pub mod picture_grid;
pub mod real_pictures;
pub mod region;
pub mod scores;
