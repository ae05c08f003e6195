//! The graph around a thing: what it comes from, and what came from it.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{Problem, Result};
use crate::library::Library;

/// Things that a graph holds at most on each side.
pub const MOST: usize = 300;
/// Things that come straight from one that a graph shows; a model makes thousands of pictures.
const CHILDREN: usize = 40;

/// A thing in a graph.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// Number of its record.
    pub id: i64,
    /// What it is, such as `picture` or `model`.
    pub kind: String,
    /// Its name in the chain, such as `item:12`.
    pub key: String,
    /// What a person calls it.
    pub title: String,
    /// Unix time it was noted.
    pub at: i64,
    /// Who noted it.
    pub user: String,
    /// The sitting in which it was noted.
    pub sitting: String,
    /// What is known of it: settings, scores, files.
    pub body: Value,
    /// Steps from the thing that was asked for; negative for what it comes from.
    pub depth: i32,
    /// The kept picture that it is.
    pub item: Option<i64>,
    /// Rating of that picture, 0 to 5.
    pub rating: u8,
    /// Things that come straight from it.
    pub children: u64,
}

/// One comes from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// Number of the later one.
    pub child: i64,
    /// Number of the earlier one.
    pub parent: i64,
    /// How, such as `made by`.
    pub relation: String,
}

/// A thing with what it comes from and what came from it.
#[derive(Clone, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct Graph {
    /// Number of the thing that was asked for.
    pub root: i64,
    /// All things, the earliest first.
    pub nodes: Vec<Node>,
    /// Edges between them.
    pub edges: Vec<Edge>,
    /// Things that were left out for being too many.
    pub left_out: u64,
}

/// A judgement of a thing, or a change of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    /// Number of the record.
    pub id: i64,
    /// What it is: `rating`, `tag`, `star`, `trash`, `link`, `change`.
    pub kind: String,
    /// Unix time.
    pub at: i64,
    /// Who said it.
    pub user: String,
    /// What.
    pub body: Value,
}

const COLUMNS: &str = "records.id, records.kind, key, at, user, sitting, coalesce((SELECT body FROM records AS later \
    WHERE later.about = records.id AND later.kind = 'change' ORDER BY later.id DESC LIMIT 1), body), \
    (SELECT count(*) FROM edges WHERE parent = records.id)";

fn node(row: &Row<'_>) -> rusqlite::Result<Node> {
    let (kind, key): (String, String) = (row.get(1)?, row.get(2)?);
    let mut body: Value = serde_json::from_str(row.get_ref(6)?.as_str()?).unwrap_or_default();
    if let Value::Object(fields) = &mut body {
        fields.remove("from");
    }
    Ok(Node {
        id: row.get(0)?,
        title: title(&kind, &key, &body),
        item: key.strip_prefix("item:").and_then(|n| n.parse().ok()),
        kind,
        key,
        at: row.get(3)?,
        user: row.get(4)?,
        sitting: row.get(5)?,
        body,
        depth: 0,
        rating: 0,
        children: row.get::<_, i64>(7)?.unsigned_abs(),
    })
}

/// What a person calls a thing.
pub(super) fn title(kind: &str, key: &str, body: &Value) -> String {
    let text = |name: &str| body[name].as_str().filter(|t| !t.is_empty());
    let file = |path: &str| Path::new(path).file_name().map(|n| n.to_string_lossy().into_owned());
    match kind {
        "picture" => text("file").and_then(file).unwrap_or_else(|| key.replace("item:", "picture ")),
        "data" => {
            text("source").map(|s| file(s.lines().next().unwrap_or(s)).unwrap_or_else(|| s.into())).unwrap_or_default()
        }
        "checkpoint" => match body["images"].as_u64() {
            Some(images) => format!("{} kimg", images as f64 / 1000.0),
            None => key.into(),
        },
        "prompt" => text("text").unwrap_or(key).chars().take(60).collect(),
        "film" | "export" | "photo" => text("file").and_then(file).unwrap_or_else(|| key.into()),
        _ => match text("name") {
            Some(name) => name.into(),
            None if key.len() > 16 && key.chars().all(|c| c.is_ascii_hexdigit()) => key[..8].into(),
            None => file(key).unwrap_or_else(|| key.into()),
        },
    }
}

fn one(db: &Connection, id: i64) -> rusqlite::Result<Option<Node>> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM records WHERE id = ? AND key IS NOT NULL"))?;
    let mut found = query.query_row([id], node).optional()?;
    if let Some((node, item)) = found.as_mut().and_then(|n| n.item.map(|item| (n, item))) {
        let mut query = db.prepare_cached("SELECT rating FROM items WHERE id = ?")?;
        node.rating = query.query_row([item], |row| row.get(0)).optional()?.unwrap_or_default();
    }
    Ok(found)
}

/// Walks one way from a thing, the nearest first; says how many were left out.
fn walk(
    db: &Connection,
    root: i64,
    up: bool,
    depth: u32,
    depths: &mut HashMap<i64, i32>,
    edges: &mut Vec<Edge>,
) -> rusqlite::Result<u64> {
    let (from, to) = if up { ("child", "parent") } else { ("parent", "child") };
    let mut query =
        db.prepare_cached(&format!("SELECT {to}, relation FROM edges WHERE {from} = ?1 ORDER BY {to} DESC LIMIT ?2"))?;
    let mut next = VecDeque::from([(root, 0)]);
    let (mut count, mut left_out) = (0, 0);
    while let Some((id, steps)) = next.pop_front() {
        if steps == depth {
            continue;
        }
        let most = if up { MOST } else { CHILDREN };
        let found: Vec<(i64, String)> = query
            .query_map(params![id, most as i64 + 1], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        if found.len() > most {
            let mut all = db.prepare_cached(&format!("SELECT count(*) FROM edges WHERE {from} = ?"))?;
            left_out += all.query_row([id], |row| row.get::<_, i64>(0))?.unsigned_abs() - most as u64;
        }
        for (other, relation) in found.into_iter().take(most) {
            let step = steps as i32 + 1;
            if let Entry::Vacant(unseen) = depths.entry(other) {
                if count == MOST {
                    left_out += 1;
                    continue;
                }
                count += 1;
                unseen.insert(if up { -step } else { step });
                next.push_back((other, steps + 1));
            }
            let (child, parent) = if up { (id, other) } else { (other, id) };
            edges.push(Edge { child, parent, relation });
        }
    }
    Ok(left_out)
}

/// Moves what a thing comes from before all that comes of it, and what came of it after all that it comes from: where ways
/// of several lengths lead there, the longest counts. Circles end after as many rounds as there are things.
fn layer(depths: &mut HashMap<i64, i32>, edges: &[Edge]) {
    for _ in 0..depths.len() {
        let mut moved = false;
        for edge in edges {
            let (Some(&child), Some(&parent)) = (depths.get(&edge.child), depths.get(&edge.parent)) else { continue };
            if child <= 0 && parent < 0 && parent >= child {
                depths.insert(edge.parent, child - 1);
                moved = true;
            } else if parent >= 0 && child > 0 && child <= parent {
                depths.insert(edge.child, parent + 1);
                moved = true;
            }
        }
        if !moved {
            return;
        }
    }
}

impl Library {
    /// The number of a thing's record, by what a person calls it: the number of a kept picture, a run's folder, the hash of
    /// a model or its beginning, a name as [`Node::key`] has it, or `#` and the number of the record.
    ///
    /// # Errors
    /// There is none of this name, or there are several; the library cannot be read.
    pub fn find_thing(&self, text: &str) -> Result<i64> {
        let text = text.trim();
        let named = if Path::new(text).exists() {
            let path = std::path::absolute(text).unwrap_or_else(|_| text.into());
            self.node(&path.to_string_lossy())
        } else {
            text.to_owned()
        };
        // Films and exports are noted by where their files were written.
        let written = std::path::absolute(text).map_or_else(|_| text.to_owned(), |path| path.display().to_string());
        let (item, data, run) = (format!("item:{text}"), format!("data:{text}"), format!("run:runs/{text}"));
        let keys = [text.to_owned(), named, item, data, run, format!("file:{written}")];
        let found = self.read(|db| {
            if let Some(id) = text.strip_prefix('#').and_then(|n| n.parse::<i64>().ok()) {
                let there = "SELECT id FROM records WHERE id = ? AND key IS NOT NULL";
                return db.query_row(there, [id], |row| row.get(0)).optional().map(|id| id.into_iter().collect());
            }
            for key in &keys {
                if let Some(id) = super::number(db, key)? {
                    return Ok(vec![id]);
                }
            }
            // The beginning of a hash, as lists show it.
            if text.len() < 6 || !text.chars().all(|c| c.is_ascii_hexdigit()) {
                return Ok(Vec::new());
            }
            let mut query = db.prepare("SELECT id FROM records WHERE key >= ?1 AND key < ?1 || 'g' LIMIT 2")?;
            query.query_map([text], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()
        })?;
        match found.as_slice() {
            [id] => Ok(*id),
            [] => Err(Problem::usage("The library knows nothing of this name").of(text).try_this(
                "Give the number of a kept picture, a run's folder, a model's hash, or # and the number of a record",
            )),
            _ => Err(Problem::usage("Several things begin like this").of(text).try_this("Give more of it")),
        }
    }

    /// The graph around a thing, `depth` steps up and down; at most [`MOST`] things each way, the newest first where there
    /// are more.
    ///
    /// # Errors
    /// There is no such record, or the library cannot be read.
    pub fn graph(&self, root: i64, depth: u32) -> Result<Graph> {
        let found = self.read(|db| {
            if one(db, root)?.is_none() {
                return Ok(None);
            }
            let mut depths = HashMap::from([(root, 0)]);
            let mut edges = Vec::new();
            let mut left_out = walk(db, root, true, depth, &mut depths, &mut edges)?;
            left_out += walk(db, root, false, depth, &mut depths, &mut edges)?;
            layer(&mut depths, &edges);
            let mut nodes = Vec::with_capacity(depths.len());
            for (id, depth) in &depths {
                nodes.extend(one(db, *id)?.map(|node| Node { depth: *depth, ..node }));
            }
            nodes.sort_by_key(|n| (n.depth, n.id));
            edges.sort();
            edges.dedup();
            Ok(Some(Graph { root, nodes, edges, left_out }))
        })?;
        found.ok_or_else(|| Problem::usage("There is no record of this number").of(root.to_string()))
    }

    /// The name of a thing by the number of its record.
    ///
    /// # Errors
    /// There is no such thing, or the library cannot be read.
    pub fn thing_key(&self, id: i64) -> Result<String> {
        let text = "SELECT key FROM records WHERE id = ? AND key IS NOT NULL";
        let found: Option<String> = self.read(|db| db.query_row(text, [id], |row| row.get(0)).optional())?;
        found.ok_or_else(|| Problem::usage("There is no record of this number").of(id.to_string()))
    }

    /// What was said of a thing, the earliest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn said(&self, id: i64) -> Result<Vec<Said>> {
        self.read(|db| {
            let mut query =
                db.prepare_cached("SELECT id, kind, at, user, body FROM records WHERE about = ? ORDER BY id")?;
            let row = |row: &Row<'_>| {
                let body = serde_json::from_str(row.get_ref(4)?.as_str()?).unwrap_or_default();
                Ok(Said { id: row.get(0)?, kind: row.get(1)?, at: row.get(2)?, user: row.get(3)?, body })
            };
            query.query_map([id], row)?.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_way_counts_and_circles_end() {
        let edge = |child, parent| Edge { child, parent, relation: "x".into() };
        // 1 is bred of 2, both are made by 3, which comes from 4; 5 is bred of 1 and of 6, which is bred of 1.
        let edges = [edge(1, 2), edge(1, 3), edge(2, 3), edge(3, 4), edge(5, 1), edge(6, 1), edge(5, 6)];
        let mut depths = HashMap::from([(1, 0), (2, -1), (3, -1), (4, -2), (5, 1), (6, 1)]);
        layer(&mut depths, &edges);
        assert_eq!(depths, HashMap::from([(1, 0), (2, -1), (3, -2), (4, -3), (5, 2), (6, 1)]));
        let mut depths = HashMap::from([(1, 0), (2, -1), (3, -2)]);
        layer(&mut depths, &[edge(1, 2), edge(2, 3), edge(3, 2), edge(2, 1)]);
        assert_eq!(depths[&1], 0);
    }
}
