//! The graph around a thing that the scripted engine tells.

use serde_json::json;

use crate::engine::{Graph, GraphEdge, GraphNode};

/// A data set, a run, a model, a picture of it, and a film of the picture.
pub fn graph(thing: &str) -> Graph {
    let item: Option<i64> = thing.strip_prefix("item:").and_then(|n| n.parse().ok());
    let picture = item.map_or_else(|| "item:1".to_owned(), |_| thing.to_owned());
    let things = [
        ("data", "data:/photos/cats", "cats", json!({ "source": "/photos/cats" })),
        ("run", "run:runs/cats", "cats-64", json!({ "name": "cats-64" })),
        ("model", "abcdef0123456789", "cats", json!({ "name": "cats" })),
        ("picture", picture.as_str(), "kept.png", json!({ "file": "gallery/kept.png" })),
        ("film", "file:/films/walk.mp4", "walk.mp4", json!({ "file": "/films/walk.mp4" })),
    ];
    let root = things.iter().position(|t| t.1 == thing).unwrap_or(3);
    let node = |(i, (kind, key, title, body)): (usize, &(&str, &str, &str, serde_json::Value))| GraphNode {
        id: i as i64 + 1,
        kind: (*kind).into(),
        key: (*key).into(),
        title: (*title).into(),
        at: 1_790_000_000,
        user: "ada".into(),
        sitting: "1".into(),
        body: body.clone(),
        depth: i as i32 - root as i32,
        item: key.strip_prefix("item:").and_then(|n| n.parse().ok()),
        rating: if *kind == "picture" { 4 } else { 0 },
        children: u64::from(i < 4),
    };
    let relations = ["trained on", "checkpoint", "made by", "film of"];
    let edge = |(i, relation): (usize, &&str)| GraphEdge {
        child: i as i64 + 2,
        parent: i as i64 + 1,
        relation: (*relation).into(),
    };
    Graph {
        root: root as i64 + 1,
        nodes: things.iter().enumerate().map(node).collect(),
        edges: relations.iter().enumerate().map(edge).collect(),
        left_out: 0,
    }
}
