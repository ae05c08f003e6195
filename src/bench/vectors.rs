//! `bench vectors`: records and vectors into the library, the start of an index, searches with filters that were seen
//! before and with new ones. `tests/bench/vectors.py` holds the same vectors against NumPy.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use super::{median, quantile};
use crate::base::int8::exact;
use crate::base::progress::Quiet;
use crate::base::rng::Stream;
use crate::base::{Picture, Problem, Result, memory};
use crate::export::png_bytes;
use crate::library::allowed::Allowed;
use crate::library::import::import;
use crate::library::index::{Found, Index};
use crate::library::vectors::{VectorSpace, unit};
use crate::library::{Condition, Imported, Library, NewImported, Shelf};

/// What is measured with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Vectors.
    pub count: usize,
    /// Numbers in each.
    pub dims: usize,
    /// Searches of each kind.
    pub queries: usize,
    /// Picture files that are imported whole.
    pub records: usize,
    /// Pictures that a search finds.
    pub k: usize,
    /// Folder for vectors, queries and answers, to be held against another program.
    pub out: Option<PathBuf>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Vectors.
    pub count: usize,
    /// Numbers in each.
    pub dims: usize,
    /// Threads.
    pub threads: usize,
    /// Whole records imported from picture files of 32 pixels a side, a second.
    pub records_per_s: f64,
    /// Vectors written, and taken over by the index with its file, a second.
    pub vectors_per_s: f64,
    /// Seconds to read the index from its file.
    pub start_s: f64,
    /// Seconds to make it from the library without its file.
    pub rebuild_s: f64,
    /// Megabytes of the index in memory.
    pub index_mb: f64,
    /// The most that the process held while it searched, megabytes.
    pub peak_mb: Option<f64>,
    /// A search of all pictures: half of 100 take less, 95 do.
    pub all_ms: [f64; 2],
    /// With a filter that was seen before.
    pub seen_ms: [f64; 2],
    /// With a new filter.
    pub new_ms: [f64; 2],
    /// Rows that were read again in single precision, in the middle.
    pub read_again: f64,
    /// Searches whose answer was held against brute force, all the same.
    pub exact: usize,
}

/// Centres of the clusters.
const CENTRES: usize = 2000;
/// How far rows are from their centre, as a share of its length.
const SPREAD: f32 = 0.6;
/// Vectors made and written at a time.
const TOGETHER: usize = 10_000;
/// Searches held against brute force.
const CHECKED: usize = 5;

struct Made {
    centres: Vec<Vec<f32>>,
    dims: usize,
}

impl Made {
    fn new(dims: usize) -> Self {
        let mut stream = Stream::new(1, "centres");
        Self { centres: (0..CENTRES).map(|_| stream.normals(dims)).collect(), dims }
    }

    /// A row around one of the centres, of length 1.
    fn row(&self, name: &str, i: usize) -> Result<Vec<f32>> {
        let mut stream = Stream::new(i as u64, name);
        let centre = &self.centres[stream.below(CENTRES as u64) as usize];
        let noise = stream.normals(self.dims);
        unit(&centre.iter().zip(noise).map(|(c, n)| c + SPREAD * n).collect::<Vec<_>>())
    }
}

fn fail(e: std::io::Error) -> Problem {
    Problem::failed("A folder could not be made").because(e)
}

/// Measures.
///
/// # Errors
/// The disk is full or cannot be written; an answer is not that of brute force.
pub fn run(options: &Options) -> Result<Report> {
    let home = tempfile::tempdir().map_err(fail)?;
    let records_per_s = records(home.path(), options.records)?;
    let path = home.path().join("library.sqlite");
    let library = Library::open(&path)?;
    let ids = pictures(&library, options.count)?;
    let made = Made::new(options.dims);
    let (space, _) = library.space("bench", "bench", options.dims)?;
    let mut index = Index::open(&library, &space)?;
    let mut spent = 0.0;
    for (step, ids) in ids.chunks(TOGETHER).enumerate() {
        let rows = (0..ids.len()).into_par_iter().map(|i| Ok((ids[i], made.row("rows", step * TOGETHER + i)?)));
        let rows: Vec<(i64, Vec<f32>)> = rows.collect::<Result<_>>()?;
        if let Some(out) = &options.out {
            append(&out.join("vectors.f32"), step == 0, rows.iter().map(|r| &r.1))?;
        }
        let begun = Instant::now();
        library.put_vectors(&space, &rows)?;
        index.sync(&library)?;
        spent += begun.elapsed().as_secs_f64();
    }
    let vectors_per_s = options.count as f64 / spent;
    let index_mb = index.bytes() as f64 / 1e6;
    drop(index);
    let begun = Instant::now();
    let index = Index::open(&library, &space)?;
    let start_s = begun.elapsed().as_secs_f64();
    let queries: Vec<Vec<f32>> = (0..options.queries.max(1)).map(|i| made.row("queries", i)).collect::<Result<_>>()?;
    let searches = Searches { library: &library, space: &space, index: &index, queries: &queries, k: options.k };
    let (all_ms, seen_ms, new_ms) = searches.times(&ids)?;
    let (read_again, answers) = searches.exact(CHECKED)?;
    if let Some(out) = &options.out {
        append(&out.join("queries.f32"), true, queries.iter())?;
        // Rows of the file, not numbers of pictures.
        let first = ids[0];
        let rows: Vec<Vec<i64>> = answers.iter().map(|found| found.iter().map(|f| f.item - first).collect()).collect();
        let json = serde_json::to_vec(&rows).map_err(|e| Problem::failed("Answers cannot be written").because(e))?;
        std::fs::write(out.join("answers.json"), json).map_err(fail)?;
    }
    let peak_mb = memory::peak().map(|bytes| bytes as f64 / 1e6);
    drop(index);
    std::fs::remove_dir_all(home.path().join("vectors")).map_err(fail)?;
    let begun = Instant::now();
    Index::open(&library, &space)?;
    Ok(Report {
        count: options.count,
        dims: options.dims,
        threads: rayon::current_num_threads(),
        records_per_s,
        vectors_per_s,
        start_s,
        rebuild_s: begun.elapsed().as_secs_f64(),
        index_mb,
        peak_mb,
        all_ms,
        seen_ms,
        new_ms,
        read_again,
        exact: CHECKED.min(options.queries.max(1)),
    })
}

/// Picture files, each another one, imported whole.
fn records(home: &Path, count: usize) -> Result<f64> {
    let folder = home.join("files");
    for part in 0..count.div_ceil(1000) {
        std::fs::create_dir_all(folder.join(format!("label-{part}"))).map_err(fail)?;
    }
    (0..count).into_par_iter().try_for_each(|i| {
        let mut picture = Picture::filled(32, 32, [0, 0, 0, 255]);
        let mut stream = Stream::new(i as u64, "records");
        picture.rgba.chunks_exact_mut(4).for_each(|px| px[..3].fill((stream.bits() % 64) as u8 * 4));
        let file = folder.join(format!("label-{}/picture-{i}.png", i / 1000));
        std::fs::write(file, png_bytes(&picture, None)?).map_err(fail)
    })?;
    if count == 0 {
        return Ok(0.0);
    }
    let library = Library::open(&home.join("records.sqlite"))?;
    let begun = Instant::now();
    let report = import(&library, &folder.display().to_string(), None, &Quiet::default())?;
    Ok(report.added as f64 / begun.elapsed().as_secs_f64())
}

/// Pictures to which vectors belong, of 50 labels and 1,000 widths.
fn pictures(library: &Library, count: usize) -> Result<Vec<i64>> {
    let one = |i: usize| NewImported {
        path: format!("/bench/{i}.png").into(),
        about: Imported {
            dataset: "bench".into(),
            real: true,
            label: Some(format!("label {}", i % 50)),
            caption: None,
            source: "/bench".into(),
            name: format!("{i}.png"),
        },
        stamp: "1".into(),
        width: 1 + (i % 1000) as u32,
        height: 32,
        thumb: Vec::new(),
        look: Vec::new(),
        model: String::new(),
    };
    let mut ids = Vec::with_capacity(count);
    for from in (0..count).step_by(TOGETHER) {
        let new: Vec<NewImported> = (from..(from + TOGETHER).min(count)).map(one).collect();
        ids.extend(library.add_imported(&new)?);
    }
    Ok(ids)
}

fn append<'a>(path: &Path, anew: bool, rows: impl Iterator<Item = &'a Vec<f32>>) -> Result<()> {
    let write = || {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut file = std::fs::File::options().create(true).append(!anew).write(true).truncate(anew).open(path)?;
        let bytes: Vec<u8> = rows.flatten().flat_map(|v| v.to_le_bytes()).collect();
        file.write_all(&bytes)
    };
    write().map_err(|e| Problem::io("Vectors could not be written", path, &e))
}

struct Searches<'a> {
    library: &'a Library,
    space: &'a VectorSpace,
    index: &'a Index,
    queries: &'a [Vec<f32>],
    k: usize,
}

impl Searches<'_> {
    fn one(&self, allowed: &mut Allowed, query: &[f32], text: &str) -> Result<(f64, Vec<Found>)> {
        let conditions = Condition::all(text)?;
        let begun = Instant::now();
        let wanted = allowed.rows(self.library, self.index, Shelf::All, &conditions)?;
        let found = self.index.nearest(self.library, query, self.k, &wanted)?;
        Ok((begun.elapsed().as_secs_f64() * 1e3, found))
    }

    /// Middle and 95 of 100 of the times without a filter, with one that was seen, with new ones.
    #[allow(clippy::type_complexity)] // three pairs of numbers
    fn times(&self, ids: &[i64]) -> Result<([f64; 2], [f64; 2], [f64; 2])> {
        let mut allowed = Allowed::default();
        let mut filters: Vec<Box<dyn Fn(usize) -> String>> = vec![
            Box::new(|_| String::new()),
            Box::new(|_| "label=\"label 7\"".into()),
            Box::new(|i| format!("width>={} label!=\"label {}\"", 1 + i * 3 % 900, i % 50)),
        ];
        // What is found is used, so that nothing is left out.
        let mut sum = ids.len();
        let mut out = [[0.0; 2]; 3];
        for (filter, out) in filters.iter_mut().zip(&mut out) {
            let _ = self.one(&mut allowed, &self.queries[0], &filter(self.queries.len()))?;
            let mut times = Vec::with_capacity(self.queries.len());
            for (i, query) in self.queries.iter().enumerate() {
                let (ms, found) = self.one(&mut allowed, query, &filter(i))?;
                sum += found.len();
                times.push(ms);
            }
            *out = [median(&times), quantile(&times, 0.95)];
        }
        log::debug!("{sum} found");
        Ok((out[0], out[1], out[2]))
    }

    /// Rows read again in the middle, and the answers; some of these are held against brute force.
    fn exact(&self, check: usize) -> Result<(f64, Vec<Vec<Found>>)> {
        let mut allowed = Allowed::default();
        let wanted = allowed.rows(self.library, self.index, Shelf::All, &[])?;
        let (mut again, mut answers) = (Vec::new(), Vec::new());
        for (i, query) in self.queries.iter().enumerate() {
            let (found, read) = self.index.nearest_counted(self.library, query, self.k, &wanted)?;
            again.push(read as f64);
            if i < check {
                let mut all: Vec<Found> = Vec::new();
                self.library.each_vector(self.space.id, &mut |item, vector| {
                    all.push(Found { item, score: exact(query, vector) });
                })?;
                all.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
                all.truncate(self.k);
                if all != found {
                    return Err(
                        Problem::failed("A search found something else than brute force").of(format!("query {i}"))
                    );
                }
            }
            answers.push(found);
        }
        Ok((median(&again), answers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_index_is_measured_and_its_answers_are_exact() {
        let out = tempfile::tempdir().unwrap();
        let options =
            Options { count: 3000, dims: 32, queries: 6, records: 20, k: 10, out: Some(out.path().join("peer")) };
        let report = run(&options).unwrap();
        assert!(report.records_per_s > 0.0 && report.vectors_per_s > 0.0 && report.new_ms[1] >= report.new_ms[0]);
        assert_eq!((report.exact, report.count), (5, 3000));
        let size = |name: &str| out.path().join("peer").join(name).metadata().unwrap().len();
        assert_eq!((size("vectors.f32"), size("queries.f32")), (3000 * 32 * 4, 6 * 32 * 4));
        let text = std::fs::read_to_string(out.path().join("peer/answers.json")).unwrap();
        let rows: Vec<Vec<i64>> = serde_json::from_str(&text).unwrap();
        assert!(rows.len() == 6 && rows.iter().flatten().all(|r| (0..3000).contains(r)));
    }
}
