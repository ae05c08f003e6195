//! The arrows of the house, read from the `use` lines and paths of the sources.

use std::collections::{BTreeMap, BTreeSet};

use latent_studio::base::paths::source_tree;

/// Floors from the ground up; a floor may use itself and those before it. Rooms of one floor may use each other.
const FLOORS: &[&[&str]] = &[
    &["base"],
    &["recipe"],
    &["nn", "data"],
    &["models", "objectives"],
    &["train", "eval", "latent"],
    &["library", "export"],
    &["engine"],
    &["bench"],
    &["ui", "cli"],
];

fn floor(room: &str) -> Option<usize> {
    FLOORS.iter().position(|f| f.contains(&room))
}

#[test]
fn no_floor_uses_one_above_it() {
    let src = source_tree().join("src");
    let mut checked = 0;
    let mut wrong = Vec::new();
    for entry in walkdir::WalkDir::new(&src).into_iter().filter_map(|e| e.ok()) {
        let path = entry.path();
        if path.extension().is_none_or(|x| x != "rs") {
            continue;
        }
        let relative = path.strip_prefix(&src).unwrap();
        let Some(own) = relative.components().next().and_then(|c| c.as_os_str().to_str()).and_then(floor) else {
            continue;
        };
        let text = std::fs::read_to_string(path).unwrap();
        // Tests may reach anywhere.
        let code = text.split("#[cfg(test)]").next().unwrap();
        for part in code.split("crate::").skip(1) {
            let room: String = part.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if let Some(used) = floor(&room) {
                checked += 1;
                // What a model or a run tells of itself are plain words that lists on any floor may show.
                if used > own {
                    wrong.push(format!("{} uses {room}", relative.display()));
                }
            }
        }
        if own < floor("ui").unwrap() {
            for toolkit in ["egui::", "eframe::", "rfd::"] {
                assert!(!code.contains(toolkit), "{} uses {toolkit}", relative.display());
            }
        }
        if relative.starts_with("ui") || relative.starts_with("cli") {
            assert!(!code.contains("burn::"), "{} touches burn", relative.display());
        }
    }
    assert!(checked > 100, "only {checked} uses were read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Modules by their path (`latent::atlas::knn`) with their code, tests left out.
fn modules() -> BTreeMap<String, String> {
    let src = source_tree().join("src");
    let mut out = BTreeMap::new();
    for entry in walkdir::WalkDir::new(&src).into_iter().filter_map(|e| e.ok()) {
        let path = entry.path();
        if path.extension().is_some_and(|x| x == "rs") {
            let name = path.strip_prefix(&src).unwrap().with_extension("").to_str().unwrap().replace(['/', '\\'], "::");
            let text = std::fs::read_to_string(path).unwrap();
            let code: Vec<&str> = text.split("#[cfg(test)]").next().unwrap().lines().collect();
            let plain = code.iter().map(|l| l.split("//").next().unwrap()).collect::<Vec<_>>().join("\n");
            out.insert(name.trim_end_matches("::mod").to_string(), plain);
        }
    }
    out
}

/// The paths of a `use` tree: `a::{b, c::d}` are `a::b` and `a::c::d`.
fn paths_of(tree: &str, before: &[String], out: &mut Vec<Vec<String>>) {
    let (mut depth, mut part, mut parts) = (0, String::new(), Vec::new());
    for c in tree.chars() {
        match c {
            ',' if depth == 0 => parts.push(std::mem::take(&mut part)),
            c => {
                depth += i32::from(c == '{') - i32::from(c == '}');
                part.push(c);
            }
        }
    }
    parts.push(part);
    for part in parts.iter().map(|p| p.trim()).filter(|p| !p.is_empty()) {
        let (own, inner) = match part.split_once('{') {
            Some((own, inner)) => (own, inner.strip_suffix('}')),
            None => (part.split(" as ").next().unwrap(), None),
        };
        let own = own.split("::").map(|s| s.trim().to_string()).filter(|s| !s.is_empty());
        let path: Vec<String> = before.iter().cloned().chain(own).collect();
        match inner {
            Some(inner) => paths_of(inner, &path, out),
            None => out.push(path),
        }
    }
}

/// Modules that a module uses.
fn uses(name: &str, code: &str, all: &BTreeMap<String, String>) -> BTreeSet<String> {
    let mut paths = Vec::new();
    for tree in code.split("use ").skip(1) {
        paths_of(tree.split(';').next().unwrap(), &[], &mut paths);
    }
    for path in code.split("crate::").skip(1) {
        let path: String = path.chars().take_while(|c| c.is_alphanumeric() || ['_', ':'].contains(c)).collect();
        paths.push(std::iter::once("crate").chain(path.split("::")).map(str::to_string).collect());
    }
    let own: Vec<String> = name.split("::").map(str::to_string).collect();
    let resolved = |path: Vec<String>| -> Option<String> {
        let supers = path.iter().take_while(|p| *p == "super").count();
        let whole: Vec<String> = match path.first()?.as_str() {
            "crate" => path[1..].to_vec(),
            "super" => own[..own.len().checked_sub(supers)?].iter().chain(&path[supers..]).cloned().collect(),
            _ => own.iter().chain(path.iter().filter(|p| *p != "self")).cloned().collect(),
        };
        let mut prefixes = (1..=whole.len()).rev().map(|n| whole[..n].join("::"));
        prefixes.find(|p| all.contains_key(p)).filter(|p| p != name)
    };
    paths.into_iter().filter_map(resolved).collect()
}

/// Loops, scores and latent space use each other's parts, but never in a circle: no file leads back to itself through
/// others of these rooms or of `data`. A module and those inside it may know each other.
#[test]
fn no_circle_of_files_goes_through_these_rooms() {
    const ROOMS: [&str; 4] = ["train", "eval", "latent", "data"];
    let all = modules();
    let own = |name: &&String| ROOMS.contains(&name.split("::").next().unwrap());
    let used: BTreeMap<String, BTreeSet<String>> =
        all.keys().filter(own).map(|name| (name.clone(), uses(name, &all[name], &all))).collect();
    assert!(used.values().map(BTreeSet::len).sum::<usize>() > 100, "too few uses were read");
    assert!(used["eval::evaluate"].contains("latent::model"), "uses are read wrongly");
    let reached = |from: &str| -> BTreeSet<String> {
        let (mut seen, mut next) = (BTreeSet::new(), vec![from.to_string()]);
        while let Some(name) = next.pop() {
            for to in used.get(&name).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    next.push(to.clone());
                }
            }
        }
        seen
    };
    let from: BTreeMap<&String, BTreeSet<String>> = used.keys().map(|name| (name, reached(name))).collect();
    let inside = |a: &str, b: &str| a.starts_with(&format!("{b}::")) || b.starts_with(&format!("{a}::"));
    let mut wrong = Vec::new();
    for (a, reach) in &from {
        let back = reach.iter().filter(|b| *b != *a && !inside(a, b) && from.get(b).is_some_and(|r| r.contains(*a)));
        wrong.extend(back.map(|b| format!("{a} and {b} use each other")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Ids of models stand in their rows and in the files of their networks alone; all else asks the row.
#[test]
fn no_code_asks_for_a_model_by_its_name() {
    use latent_studio::recipe::architecture::IDS;
    let all = modules();
    let mut wrong = Vec::new();
    let code = all.iter().filter(|(name, _)| {
        let room = name.split("::").next().unwrap();
        matches!(room, "recipe" | "models" | "objectives" | "train" | "eval" | "latent" | "ui")
            && !name.starts_with("recipe::architecture")
    });
    for (name, code) in code {
        // Its own file, and what only fills in examples.
        let examples = name.contains("tests") || name.contains("testing") || name.contains("::learn::");
        for id in IDS.iter().filter(|id| !examples && code.contains(&format!("\"{id}\""))) {
            if !code.contains(&format!("@model(\"{id}\")")) {
                wrong.push(format!("{name} names {id}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
