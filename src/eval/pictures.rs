//! Pictures of a prepared set as metrics look at them, and what is computed only once.

use std::cell::OnceCell;

use super::feature_matrix::Rows;
use super::features::Extractor;
use crate::base::{Picture, Progress, Result};
use crate::data::Prepared;

/// Pictures that are looked at together.
pub(super) const CHUNK: usize = 128;

/// Computes a value once; an error is not kept.
pub(super) fn once<T>(cell: &OnceCell<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if cell.get().is_none() {
        let value = make()?;
        return Ok(cell.get_or_init(|| value));
    }
    // It was there a line above.
    cell.get().ok_or_else(|| crate::base::Problem::failed("A value vanished"))
}

/// A picture of a prepared set.
pub fn picture_of(data: &Prepared, place: usize) -> Picture {
    data.shape().picture(data.picture(place))
}

/// Features of pictures of a prepared set, a chunk at a time, so that memory stays small.
///
/// # Errors
/// The work was cancelled.
pub fn data_features(
    extractor: &Extractor,
    data: &Prepared,
    places: &[usize],
    progress: &dyn Progress,
) -> Result<Rows> {
    let mut rows = Rows::new(extractor.dim());
    for chunk in places.chunks(CHUNK) {
        progress.cancel().check()?;
        let pictures: Vec<Picture> = chunk.iter().map(|&i| picture_of(data, i)).collect();
        rows.extend(extractor.features(&pictures, &crate::base::progress::Quiet::default())?.values());
        progress.report("Looking at the data", rows.len() as u64, places.len() as u64);
    }
    Ok(rows)
}
