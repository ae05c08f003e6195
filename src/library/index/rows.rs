//! Rows of bytes in memory, and the scan over them.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rayon::prelude::*;

use super::mask::Mask;
use crate::base::Result;
use crate::base::int8::{Asked, RowFacts, exact, quantise, stride};

/// Rows that are worked on at a time.
const BLOCK: usize = 1024;
/// In a block with fewer wanted rows than one in so many, only those are looked at.
const SPARSE: usize = 4;
/// Rows whose numbers are read at a time when they are scored again.
const AGAIN: usize = 64;

/// Rows of one space: bytes with what is known of each, the picture each belongs to, the number of its vector.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rows {
    pub(super) dims: usize,
    pub(super) bytes: Vec<i8>,
    pub(super) facts: Vec<RowFacts>,
    pub(super) items: Vec<i64>,
    /// Rising.
    pub(super) vectors: Vec<i64>,
    /// Off where the row was deleted.
    pub(super) alive: Mask,
}

/// A row that was found.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    /// The picture.
    pub item: i64,
    /// Dot product with what was asked for.
    pub score: f64,
}

/// Reads the numbers of vectors.
pub type Read<'a> = dyn FnMut(&[i64]) -> Result<Vec<Vec<f32>>> + 'a;

/// A float as a key of order; there are no NaNs.
#[derive(Clone, Copy, PartialEq)]
struct Key(f64);

impl Eq for Key {}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}

/// The largest of what was seen, at most `k` of them.
struct Largest {
    k: usize,
    heap: BinaryHeap<Reverse<Key>>,
}

impl Largest {
    fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::with_capacity(k + 1) }
    }

    fn see(&mut self, value: f64) {
        if self.heap.len() < self.k {
            self.heap.push(Reverse(Key(value)));
        } else if self.heap.peek().is_some_and(|least| value > least.0.0) {
            self.heap.pop();
            self.heap.push(Reverse(Key(value)));
        }
    }

    /// The k-th largest; lower than anything while fewer were seen.
    fn least(&self) -> f64 {
        if self.heap.len() < self.k { f64::NEG_INFINITY } else { self.heap.peek().map_or(f64::NEG_INFINITY, |l| l.0.0) }
    }
}

impl Rows {
    /// No rows yet, of `dims` numbers each.
    pub fn new(dims: usize) -> Self {
        Self { dims, ..Self::default() }
    }

    /// How many rows, deleted ones among them.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// How many rows are deleted.
    pub fn dead(&self) -> usize {
        self.len() - self.alive.count()
    }

    /// The highest number of a vector.
    pub fn last(&self) -> i64 {
        self.vectors.last().copied().unwrap_or_default()
    }

    /// Adds rows: number of the vector, picture, numbers. Numbers of vectors rise.
    pub fn push(&mut self, new: &[(i64, i64, Vec<f32>)]) {
        let stride = stride(self.dims);
        let from = self.bytes.len();
        self.bytes.resize(from + new.len() * stride, 0);
        let facts: Vec<RowFacts> = self.bytes[from..]
            .par_chunks_mut(stride.max(1))
            .zip(new)
            .with_min_len(64)
            .map(|(out, (_, _, row))| quantise(row, out))
            .collect();
        self.facts.extend(facts);
        self.items.extend(new.iter().map(|n| n.1));
        self.vectors.extend(new.iter().map(|n| n.0));
        self.alive.grow(self.items.len(), true);
    }

    /// Deletes a vector, if it is here.
    pub fn delete(&mut self, vector: i64) {
        if let Ok(place) = self.vectors.binary_search(&vector) {
            self.alive.set(place, false);
        }
    }

    /// The same without its deleted rows.
    pub fn compacted(&self) -> Self {
        let stride = stride(self.dims);
        let keep: Vec<usize> = (0..self.len()).filter(|i| self.alive.has(*i)).collect();
        let mut bytes = Vec::with_capacity(keep.len() * stride);
        keep.iter().for_each(|i| bytes.extend_from_slice(&self.bytes[i * stride..(i + 1) * stride]));
        Self {
            dims: self.dims,
            bytes,
            facts: keep.iter().map(|i| self.facts[*i]).collect(),
            items: keep.iter().map(|i| self.items[*i]).collect(),
            vectors: keep.iter().map(|i| self.vectors[*i]).collect(),
            alive: Mask::filled(keep.len(), true),
        }
    }

    /// Rows that are not deleted and whose picture is among `allowed`.
    pub fn wanted(&self, allowed: &Mask) -> Mask {
        let mut mask = self.alive.clone();
        for (i, item) in self.items.iter().enumerate() {
            if !usize::try_from(*item).is_ok_and(|item| allowed.has(item)) {
                mask.set(i, false);
            }
        }
        mask
    }

    /// The `k` wanted rows with the largest dot products, the largest first, ties by picture: exactly those that
    /// [`exact`] products of all rows give. `read` reads the numbers of vectors.
    ///
    /// # Errors
    /// Numbers cannot be read.
    pub fn nearest(&self, query: &[f32], k: usize, wanted: &Mask, read: &mut Read<'_>) -> Result<Vec<Found>> {
        if k == 0 || self.is_empty() || query.len() != self.dims {
            return Ok(Vec::new());
        }
        let mut reach = self.scan(&Asked::new(query), k, wanted);
        // Those that may be highest first: most of the others then need not be read.
        reach.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(self.items[a.0].cmp(&self.items[b.0])));
        let mut found: Vec<Found> = Vec::new();
        let mut best = Largest::new(k);
        for group in reach.chunks(AGAIN) {
            // Who could only reach less than the k-th has, is none of them; nor is anyone after it.
            let able = group.partition_point(|(_, most)| *most >= best.least());
            let vectors: Vec<i64> = group[..able].iter().map(|(row, _)| self.vectors[*row]).collect();
            for ((row, _), numbers) in group.iter().zip(read(&vectors)?) {
                let score = exact(query, &numbers);
                best.see(score);
                found.push(Found { item: self.items[*row], score });
            }
            if able < group.len() {
                break;
            }
        }
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
        found.truncate(k);
        Ok(found)
    }

    /// Rows that may be among the `k` nearest, each with the most that its product may be.
    fn scan(&self, asked: &Asked, k: usize, wanted: &Mask) -> Vec<(usize, f64)> {
        let stride = stride(self.dims);
        let parts = rayon::current_num_threads().max(1);
        let part = self.len().div_ceil(parts).next_multiple_of(BLOCK);
        let scanned: Vec<(Largest, Vec<(usize, f64)>)> = (0..self.len().div_ceil(part))
            .into_par_iter()
            .map(|p| {
                let mut sure = Largest::new(k);
                let mut reach: Vec<(usize, f64)> = Vec::new();
                let mut dots = vec![0; BLOCK];
                for from in (p * part..((p + 1) * part).min(self.len())).step_by(BLOCK) {
                    let n = BLOCK.min(self.len() - from);
                    let count = wanted.count_in(from, n);
                    if count == 0 {
                        continue;
                    }
                    let dense = count * SPARSE >= n;
                    if dense {
                        asked.dots(&self.bytes[from * stride..(from + n) * stride], &mut dots[..n]);
                    }
                    for row in (0..n).filter(|i| count == n || wanted.has(from + i)) {
                        let place = from + row;
                        if !dense {
                            let one = &self.bytes[place * stride..(place + 1) * stride];
                            asked.dots(one, &mut dots[row..=row]);
                        }
                        let (value, bound) = asked.estimate(dots[row], &self.facts[place]);
                        if value + bound >= sure.least() {
                            sure.see(value - bound);
                            reach.push((place, value + bound));
                        }
                    }
                    if reach.len() > 64 * k + 4 * BLOCK {
                        let least = sure.least();
                        reach.retain(|r| r.1 >= least);
                    }
                }
                (sure, reach)
            })
            .collect();
        let mut sure = Largest::new(k);
        scanned.iter().for_each(|(own, _)| own.heap.iter().for_each(|value| sure.see(value.0.0)));
        let least = sure.least();
        scanned.into_iter().flat_map(|(_, reach)| reach).filter(|r| r.1 >= least).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::Stream;

    /// Rows with duplicates, ties, tiny rows and outliers.
    fn numbers(stream: &mut Stream, dims: usize, n: usize) -> Vec<Vec<f32>> {
        let mut rows: Vec<Vec<f32>> = Vec::with_capacity(n);
        for i in 0..n {
            let mut row = stream.normals(dims);
            match stream.below(8) {
                0 if i > 0 => row = rows[stream.below(i as u64) as usize].clone(),
                1 => row.iter_mut().for_each(|v| *v *= 1e-25),
                2 => row[stream.below(dims as u64) as usize] = 1e8,
                3 => row.iter_mut().for_each(|v| *v = v.signum()),
                4 => row = vec![0.0; dims],
                _ => {}
            }
            rows.push(row);
        }
        rows
    }

    fn check(seed: u64, dims: usize, n: usize, k: usize) {
        let mut stream = Stream::new(seed, "rows");
        let all = numbers(&mut stream, dims, n);
        // Pictures stand in another order than their vectors.
        let mut items: Vec<i64> = (1..=n as i64).collect();
        stream.shuffle(&mut items);
        let new: Vec<(i64, i64, Vec<f32>)> =
            all.iter().zip(&items).enumerate().map(|(i, (row, item))| (3 * i as i64 + 1, *item, row.clone())).collect();
        let mut rows = Rows::new(dims);
        new.chunks(n / 3 + 1).for_each(|part| rows.push(part));
        let mut dead = Mask::filled(n, false);
        for (i, (vector, ..)) in new.iter().enumerate() {
            if stream.below(5) == 0 {
                dead.set(i, true);
                rows.delete(*vector);
            }
        }
        rows.delete(2);
        for share in [1, 2, 40] {
            let mut allowed = Mask::filled(n + 1, false);
            (0..=n).filter(|_| stream.below(share) == 0).for_each(|i| allowed.set(i, true));
            let allowed = if share == 1 { Mask::filled(n + 1, true) } else { allowed };
            let query = numbers(&mut stream, dims, 1).remove(0);
            let mut expected: Vec<Found> = (0..n)
                .filter(|i| !dead.has(*i) && allowed.has(items[*i] as usize))
                .map(|i| Found { item: items[i], score: exact(&query, &all[i]) })
                .collect();
            expected.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
            expected.truncate(k);
            for rows in [rows.clone(), rows.compacted()] {
                for threads in [1, 2] {
                    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
                    let mut read = |ids: &[i64]| Ok(ids.iter().map(|v| all[(*v as usize - 1) / 3].clone()).collect());
                    let found = pool.install(|| rows.nearest(&query, k, &rows.wanted(&allowed), &mut read)).unwrap();
                    assert_eq!(found, expected, "seed {seed}, {dims} × {n}, k {k}, {threads} threads, 1/{share}");
                }
            }
        }
    }

    #[test]
    fn what_is_found_is_what_brute_force_finds() {
        for (seed, dims, n, k) in [
            (1, 1, 50, 5),
            (2, 2, 300, 10),
            (3, 7, 2000, 10),
            (4, 32, 5000, 1),
            (5, 33, 5000, 100),
            (6, 128, 3000, 10),
            (7, 256, 3000, 50),
            (8, 3, 20, 100),
            (9, 16, 9000, 7),
            (10, 64, 1024, 20),
            (11, 64, 1025, 20),
        ] {
            check(seed, dims, n, k);
        }
    }

    #[test]
    fn few_rows_are_read_again() {
        let mut stream = Stream::new(12, "rows");
        let (dims, n) = (128, 20_000);
        let all: Vec<Vec<f32>> =
            (0..n).map(|_| crate::library::vectors::unit(&stream.normals(dims)).unwrap()).collect();
        let new: Vec<_> = all.iter().enumerate().map(|(i, row)| (i as i64 + 1, i as i64 + 1, row.clone())).collect();
        let mut rows = Rows::new(dims);
        rows.push(&new);
        let mut count = 0;
        let mut read = |ids: &[i64]| {
            count += ids.len();
            Ok(ids.iter().map(|v| all[*v as usize - 1].clone()).collect())
        };
        rows.nearest(&all[5], 10, &Mask::filled(n, true), &mut read).unwrap();
        assert!((10..400).contains(&count), "{count}");
    }

    #[test]
    fn nothing_is_found_among_nothing() {
        let rows = Rows::new(4);
        let mut read = |_: &[i64]| Ok(Vec::new());
        assert!(rows.nearest(&[1.0; 4], 3, &Mask::default(), &mut read).unwrap().is_empty());
        let mut rows = Rows::new(2);
        rows.push(&[(1, 1, vec![1.0, 0.0])]);
        assert!(rows.nearest(&[1.0; 3], 3, &Mask::filled(1, true), &mut read).unwrap().is_empty(), "other dimensions");
    }
}
