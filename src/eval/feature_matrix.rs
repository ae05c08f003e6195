//! A table of numbers: one row a picture, a sample or a code.

use crate::base::rng::Stream;

/// Rows of equal length, one after the other.
#[derive(Clone, Debug, PartialEq, Default)]
pub struct Rows {
    dim: usize,
    values: Vec<f32>,
}

impl Rows {
    /// No rows yet, of `dim` numbers each.
    pub fn new(dim: usize) -> Self {
        Self { dim, values: Vec::new() }
    }

    /// From numbers, row after row; what fills no row is dropped.
    pub fn from_values(dim: usize, mut values: Vec<f32>) -> Self {
        values.truncate(values.len() / dim.max(1) * dim);
        Self { dim, values }
    }

    /// Adds whole rows.
    pub fn extend(&mut self, values: &[f32]) {
        debug_assert!(values.len().is_multiple_of(self.dim.max(1)));
        self.values.extend_from_slice(values);
    }

    /// Numbers in a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dim.max(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// A row.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.dim..(i + 1) * self.dim]
    }

    /// All rows.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim.max(1))
    }

    /// All numbers, row after row.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// These rows, in this order.
    #[must_use]
    pub fn select(&self, places: &[usize]) -> Self {
        Self { dim: self.dim, values: places.iter().flat_map(|&i| self.row(i).iter().copied()).collect() }
    }

    /// The same rows in random order.
    #[must_use]
    pub fn shuffled(&self, stream: &mut Stream) -> Self {
        let mut places: Vec<usize> = (0..self.len()).collect();
        stream.shuffle(&mut places);
        self.select(&places)
    }
}
