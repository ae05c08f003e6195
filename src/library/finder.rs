//! One search over everything: words, what networks see, or both, each hit with why it is there.
//!
//! Each way gives an order: words by BM25, a text against pictures and against captions in the joint space, pictures by
//! how they look. Orders are fused by reciprocal ranks (Cormack, Clarke & Büttcher 2009): a picture's score is the sum of
//! `1 / (60 + rank)` over the orders it is in, those by looks times the number of orders by words, so that an example counts
//! as much as the words beside it. Filters apply before any of them.
//!
//! "Like these, unlike those" looks for the mean of the vectors of the former minus the mean of those of the latter, all
//! of length 1.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::allowed::Allowed;
use super::condition::Condition;
use super::index::{Found, Index};
use super::towers::{CAPTIONS, JOINT, Towers};
use super::{Item, Library, Shelf, vectors, words};
use crate::base::int8::exact;
use crate::base::paths::Paths;
use crate::base::{Picture, Problem, Result, rank_fusion};
use crate::eval::feature_matrix::Rows;

/// How far down each order is read, at least.
const DEPTH: usize = 200;
/// Pictures that are taken from the order by words: deep, for many may fit equally well.
const DEPTH_OF_WORDS: usize = 4000;
/// Pictures that are held against each other for near-duplicates.
const HELD: usize = 1200;
/// Cosine from which on two pictures count as nearly the same.
const COPY: f64 = 0.985;

/// A picture to go by.
#[derive(Clone, Debug, PartialEq)]
pub enum Example {
    /// One of the library.
    Item(i64),
    /// Any other.
    Picture(Picture),
}

/// What is searched for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Search {
    /// Words, or what is to be seen.
    pub text: String,
    /// Pictures to be like.
    pub like: Vec<Example>,
    /// Pictures to be unlike.
    pub unlike: Vec<Example>,
    /// Kept pictures, those of data sets, or both.
    pub shelf: Shelf,
    /// Conditions, all of which hold.
    pub conditions: Vec<Condition>,
    /// Hits, at most.
    pub limit: usize,
    /// Ways of finding that are left out.
    pub without: Vec<By>,
}

/// By what a picture was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum By {
    /// Words in its name, tags, caption, label or settings.
    Words,
    /// The text fits what is seen.
    Text,
    /// The text means what its caption does.
    Caption,
    /// It looks like the examples.
    Look,
}

/// Why a picture was found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Why {
    /// By what.
    pub by: By,
    /// Its place in that order, from 1.
    pub rank: usize,
    /// How near it is, as a cosine; words have none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub near: Option<f32>,
    /// The same for a person.
    pub note: String,
}

/// A picture that was found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The picture.
    pub item: Item,
    /// Sum of its reciprocal ranks.
    pub score: f64,
    /// Why it is there.
    pub why: Vec<Why>,
}

/// What a search found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answer {
    /// The best first.
    pub hits: Vec<Hit>,
    /// What could not be searched, and why.
    pub notes: Vec<Problem>,
}

/// A picture near others.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbour {
    /// The picture, with its source, label and caption.
    pub item: Item,
    /// One minus the cosine: 0 for the same direction, 2 for the opposite.
    pub distance: f32,
}

/// Searches a library: networks, indexes and filters that stay in memory between questions.
pub struct Finder {
    towers: Towers,
    indexes: HashMap<&'static str, Index>,
    allowed: Allowed,
    /// Whether vectors of another network were met in the last search.
    stale: bool,
}

impl Finder {
    /// Searches with networks on a device, such as `cpu`; nothing is loaded yet.
    pub fn new(paths: &Paths, device: &str) -> Self {
        Self { towers: Towers::new(paths, device), indexes: HashMap::new(), allowed: Allowed::default(), stale: false }
    }

    /// Whether vectors of another network were met in the last search, and did not count.
    pub fn is_stale(&self) -> bool {
        self.stale
    }

    /// The networks.
    pub fn towers(&mut self) -> &mut Towers {
        &mut self.towers
    }

    /// Brings the index of a space up to date, if the space has vectors of the network that is used now.
    fn index(&mut self, library: &Library, name: &'static str) -> Result<Option<&mut Index>> {
        let space = library.spaces()?.into_iter().find(|s| s.name == name);
        let Some(space) = space else {
            self.indexes.remove(name);
            return Ok(None);
        };
        if space.tower != self.towers.tower(name)?.0 {
            self.indexes.remove(name);
            self.stale = true;
            return Err(Problem::data("Vectors of pictures were made by another network and do not count")
                .of(format!("{name}: {}", space.tower))
                .try_this("Make them again: `latent-studio library embed`"));
        }
        match self.indexes.get_mut(name).filter(|i| *i.space() == space) {
            Some(index) => index.sync(library)?,
            None => {
                self.indexes.insert(name, Index::open(library, &space)?);
            }
        }
        Ok(self.indexes.get_mut(name).filter(|i| !i.is_empty()))
    }

    /// The nearest in a space, with what is to be told.
    fn nearest(
        &mut self,
        library: &Library,
        name: &'static str,
        query: &[f32],
        search: &Search,
        depth: usize,
    ) -> Result<(Vec<Found>, Vec<Problem>)> {
        let missing = || {
            Problem::usage(format!("No picture has a vector yet that this could be held against ({name})"))
                .try_this("Make them: `latent-studio library embed`")
                .warning()
        };
        let Some(index) = self.index(library, name)? else { return Ok((Vec::new(), vec![missing()])) };
        let notes: Vec<Problem> = index.trouble().into_iter().collect();
        let Some(index) = self.indexes.get(name) else { return Ok((Vec::new(), vec![missing()])) };
        let wanted = self.allowed.rows(library, index, search.shelf, &search.conditions)?;
        Ok((index.nearest(library, query, depth, &wanted)?, notes))
    }

    /// Vectors of length 1 of examples, in the space of looks.
    fn looks(&mut self, library: &Library, examples: &[Example]) -> Result<Vec<Vec<f32>>> {
        let name = self.towers.look_space();
        let tower = self.towers.tower(name)?.0;
        let space = library.spaces()?.into_iter().find(|s| s.name == name && s.tower == tower);
        let mut all = Vec::with_capacity(examples.len());
        for example in examples {
            let known = match (example, &space) {
                (Example::Item(id), Some(space)) => library.vector(space.id, *id)?,
                _ => None,
            };
            if let Some(vector) = known {
                all.push(vector);
                continue;
            }
            let picture = match example {
                Example::Picture(picture) => picture.clone(),
                Example::Item(id) => library.thumb(*id)?.ok_or_else(|| {
                    Problem::usage("There is no picture of this number in the library").of(id.to_string())
                })?,
            };
            all.push(vectors::unit(self.towers.pictures(&[picture])?.0.row(0))?);
        }
        Ok(all)
    }

    /// Searches.
    ///
    /// # Errors
    /// Nothing is searched for, an example cannot be looked at, likes and unlikes cancel each other out, or the library
    /// cannot be read. What a network that is off or not there keeps from being searched is a note instead.
    pub fn search(&mut self, library: &Library, search: &Search) -> Result<Answer> {
        let mut answer = Answer::default();
        self.stale = false;
        let (text, told) = words::cut(search.text.trim());
        answer.notes.extend(told);
        if text.is_empty() && search.like.is_empty() && search.unlike.is_empty() {
            return Err(Problem::usage("Nothing was searched for").try_this("Give words, or a picture with --like"));
        }
        let depth = DEPTH.max(search.limit);
        let mut orders: Vec<(By, Order)> = Vec::new();
        let asked = words::words(text);
        let wants = |by: By| !search.without.contains(&by);
        if !asked.is_empty() && wants(By::Words) {
            let allowed = self.allowed.pictures(library, search.shelf, &search.conditions)?;
            let found = library.with_words(&asked, &allowed, DEPTH_OF_WORDS.max(depth))?;
            orders.push((By::Words, found.into_iter().map(|(id, score)| (id, Some(score as f32))).collect()));
        }
        if !asked.is_empty() && (wants(By::Text) || wants(By::Caption)) {
            match self.by_text(library, text, search, depth, &mut answer.notes) {
                Ok(found) => orders.extend(found),
                Err(problem) => answer.notes.push(Problem {
                    what: format!("Only words were searched: {}", lower(&problem.what)),
                    ..problem.warning()
                }),
            }
        }
        if !search.like.is_empty() || !search.unlike.is_empty() {
            let query = self.like(library, &search.like, &search.unlike)?;
            let name = self.towers.look_space();
            let (found, notes) = self.nearest(library, name, &query, search, depth + search.like.len())?;
            answer.notes.extend(notes);
            // The examples themselves are no finds.
            let given: Vec<i64> = search.like.iter().chain(&search.unlike).filter_map(number).collect();
            let found = found.into_iter().filter(|f| !given.contains(&f.item)).map(|f| (f.item, Some(f.score as f32)));
            orders.push((By::Look, found.collect()));
        }
        for (id, score, why) in fuse(&orders, search.limit) {
            // A picture that went away meanwhile is none.
            if let Some(item) = library.item(id)? {
                let why = why.into_iter().map(|(by, rank, near)| told_why(&item, &asked, by, rank, near)).collect();
                answer.hits.push(Hit { item, score, why });
            }
        }
        Ok(answer)
    }

    /// Pictures that look nearly the same as one before them in the list, each with the first of those: the copy, then what
    /// it is a copy of. Pictures without a vector are copies of none; beyond the first 1,200 none are looked for.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn copies(&mut self, library: &Library, ids: &[i64]) -> Result<Vec<(i64, i64)>> {
        let name = self.towers.look_space();
        let Some(space) = library.spaces()?.into_iter().find(|s| s.name == name) else { return Ok(Vec::new()) };
        let mut firsts: Vec<(i64, Vec<f32>)> = Vec::new();
        let mut copies = Vec::new();
        for id in ids.iter().take(HELD) {
            let Some(vector) = library.vector(space.id, *id)? else { continue };
            match firsts.iter().find(|(_, first)| exact(first, &vector) >= COPY) {
                Some((first, _)) => copies.push((*id, *first)),
                None => firsts.push((*id, vector)),
            }
        }
        Ok(copies)
    }

    fn by_text(
        &mut self,
        library: &Library,
        text: &str,
        search: &Search,
        depth: usize,
        notes: &mut Vec<Problem>,
    ) -> Result<Vec<(By, Order)>> {
        self.towers.check_words()?;
        // Without vectors there is nothing to hold the text against, and no network has to be loaded.
        if !library.spaces()?.iter().any(|s| s.name == JOINT || s.name == CAPTIONS) {
            return Err(
                Problem::usage("No picture has a vector yet").try_this("Make them: `latent-studio library embed`")
            );
        }
        let query = vectors::unit(self.towers.texts(&[text.to_string()])?.row(0))?;
        let mut orders = Vec::new();
        for (name, by) in [(JOINT, By::Text), (CAPTIONS, By::Caption)] {
            if search.without.contains(&by) {
                continue;
            }
            let (found, told) = self.nearest(library, name, &query, search, depth)?;
            // That there are no captions is no lack.
            notes.extend(told.into_iter().filter(|_| by == By::Text));
            orders.push((by, found.into_iter().map(|f| (f.item, Some(f.score as f32))).collect()));
        }
        Ok(orders)
    }

    /// What to look for to be like some and unlike others: the mean of the former minus the mean of the latter.
    fn like(&mut self, library: &Library, like: &[Example], unlike: &[Example]) -> Result<Vec<f32>> {
        let (like, unlike) = (self.looks(library, like)?, self.looks(library, unlike)?);
        vectors::unit(&difference(&like, &unlike)).map_err(|_| {
            Problem::usage("What to be like and what to be unlike cancel each other out")
                .try_this("Give other pictures to be like")
        })
    }

    /// The `k` pictures of the library, or of one data set, that look most like the mean of some pictures.
    ///
    /// # Errors
    /// No picture has a vector, a network cannot be loaded, or the library cannot be read.
    pub fn nearest_to_pictures(
        &mut self,
        library: &Library,
        pictures: &[Picture],
        dataset: Option<&str>,
        k: usize,
    ) -> Result<Vec<Neighbour>> {
        let examples: Vec<Example> = pictures.iter().cloned().map(Example::Picture).collect();
        let query = self.like(library, &examples, &[])?;
        let name = self.towers.look_space();
        let found = self.nearest(library, name, &query, &within(dataset), k)?;
        neighbours(library, found)
    }

    /// The `k` pictures of the library, or of one data set, that fit a text best.
    ///
    /// # Errors
    /// No picture has a vector, a network is switched off or cannot be loaded, or the library cannot be read.
    pub fn nearest_to_text(
        &mut self,
        library: &Library,
        text: &str,
        dataset: Option<&str>,
        k: usize,
    ) -> Result<Vec<Neighbour>> {
        let query: Rows = self.towers.texts(&[words::cut(text).0.to_string()])?;
        let query = vectors::unit(query.row(0))?;
        let found = self.nearest(library, JOINT, &query, &within(dataset), k)?;
        neighbours(library, found)
    }
}

fn number(example: &Example) -> Option<i64> {
    match example {
        Example::Item(id) => Some(*id),
        Example::Picture(_) => None,
    }
}

/// Everything, or one data set.
fn within(dataset: Option<&str>) -> Search {
    let of = |name: &str| Condition {
        field: super::condition::Field::Data,
        compare: super::condition::Compare::Equal,
        value: name.into(),
    };
    Search { shelf: Shelf::All, conditions: dataset.map(of).into_iter().collect(), ..Search::default() }
}

fn neighbours(library: &Library, (found, notes): (Vec<Found>, Vec<Problem>)) -> Result<Vec<Neighbour>> {
    if found.is_empty()
        && let Some(problem) = notes.into_iter().next()
    {
        return Err(Problem { severity: crate::base::Severity::Error, ..problem });
    }
    let mut all = Vec::with_capacity(found.len());
    for Found { item, score } in found {
        all.extend(library.item(item)?.map(|item| Neighbour { item, distance: (1.0 - score) as f32 }));
    }
    Ok(all)
}

/// Mean of some rows minus mean of others.
fn difference(like: &[Vec<f32>], unlike: &[Vec<f32>]) -> Vec<f32> {
    let dims = like.iter().chain(unlike).map(Vec::len).next().unwrap_or_default();
    let mut sum = vec![0f64; dims];
    for (rows, sign) in [(like, 1.0), (unlike, -1.0)] {
        let weight = sign / rows.len().max(1) as f64;
        rows.iter().for_each(|row| sum.iter_mut().zip(row).for_each(|(s, v)| *s += weight * f64::from(*v)));
    }
    sum.into_iter().map(|v| v as f32).collect()
}

/// Pictures, the best first, with how well each fits.
type Order = Vec<(i64, Option<f32>)>;
/// An order that a picture is in, its place there from 1, and how near it is.
type Place = (By, usize, Option<f32>);

/// Orders as one: each picture with the sum of its reciprocal ranks, and its places.
/// The order by looks weighs as much as all orders by words together: else an example beside words would hardly count. What
/// fits equally well shares a rank, as the pictures of one label do.
fn fuse(orders: &[(By, Order)], limit: usize) -> Vec<(i64, f64, Vec<Place>)> {
    let by_words = orders.iter().filter(|(by, _)| *by != By::Look).count().max(1) as f64;
    let ranked = |(by, order): &(By, Order)| {
        let weight = if *by == By::Look { by_words } else { 1.0 };
        rank_fusion::Order::by_score(order.iter().copied()).weighing(weight)
    };
    // How near a picture is; what words are worth is no measure of that.
    let of = |(by, order): &(By, Order)| -> HashMap<i64, f32> {
        order.iter().filter(|_| *by != By::Words).filter_map(|(id, near)| Some((*id, (*near)?))).collect()
    };
    let near: Vec<HashMap<i64, f32>> = orders.iter().map(of).collect();
    rank_fusion::fuse(&orders.iter().map(ranked).collect::<Vec<_>>(), limit)
        .into_iter()
        .map(|(id, score, ranks)| {
            let place = |(order, rank): (usize, usize)| (orders[order].0, rank, near[order].get(&id).copied());
            (id, score, ranks.into_iter().map(place).collect())
        })
        .collect()
}

fn told_why(item: &Item, asked: &[String], by: By, rank: usize, near: Option<f32>) -> Why {
    let near_as = near.map_or_else(String::new, |n| format!(" ({n:.2})"));
    let note = match by {
        By::Words => words::where_found(item, asked),
        By::Text => format!("shows it{near_as}"),
        By::Caption => {
            let caption = item.imported.as_ref().and_then(|i| i.caption.as_deref()).unwrap_or_default();
            format!("caption means it{near_as}: {caption}")
        }
        By::Look => format!("looks like it{near_as}"),
    };
    Why { by, rank, near, note }
}

/// A sentence inside of another one.
fn lower(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

#[cfg(test)]
mod tests;
