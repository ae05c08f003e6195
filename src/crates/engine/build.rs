//! What the engine was built from.

use std::env::var;
use std::fs;
use std::path::{Path, PathBuf};

/// What decides the numbers that the program computes, seen from the top of the tree: all below the window.
const DECIDE: &[&str] = &[
    "Cargo.toml",
    "Cargo.lock",
    "src/crates/core",
    "src/crates/engine",
    "src/core.rs",
    "src/floors.rs",
    "src/base",
    "src/bench",
    "src/data",
    "src/engine",
    "src/eval",
    "src/export",
    "src/latent",
    "src/library",
    "src/models",
    "src/nn",
    "src/objectives",
    "src/recipe",
    "src/train",
];

fn main() {
    let top = PathBuf::from("../../..");
    for path in DECIDE {
        println!("cargo:rerun-if-changed={}", top.join(path).display());
    }
    println!("cargo:rustc-env=LATENT_STUDIO_SOURCES={:016x}", sources(&top));
}

/// Sources and crates, and how they are compiled, in one.
fn sources(top: &Path) -> u64 {
    let mut files = Vec::new();
    for path in DECIDE.iter().map(|path| top.join(path)) {
        if path.is_dir() { list(&path, &mut files) } else { files.push(path) }
    }
    files.sort();
    // FNV-1a.
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut take = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    };
    for path in files {
        take(path.to_string_lossy().as_bytes());
        take(&fs::read(&path).unwrap_or_default());
    }
    for name in ["TARGET", "PROFILE", "OPT_LEVEL", "CARGO_CFG_TARGET_FEATURE", "CARGO_ENCODED_RUSTFLAGS"] {
        take(var(name).unwrap_or_default().as_bytes());
    }
    let rustc = var("RUSTC").ok().and_then(|rustc| std::process::Command::new(rustc).arg("-V").output().ok());
    take(&rustc.map(|out| out.stdout).unwrap_or_default());
    hash
}

/// Rust sources below a folder; pictures and models that are built in do not change what is computed.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, files);
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
}
