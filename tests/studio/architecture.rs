//! The arrows of the house, read from the `use` lines and paths of the sources.

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
