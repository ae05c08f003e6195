//! Link options of the program, and what it was built from.

use std::env::var;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    for path in ["build.rs", "src", "Cargo.toml", "Cargo.lock"] {
        println!("cargo:rerun-if-changed={path}");
    }
    println!("cargo:rustc-env=LATENT_STUDIO_SOURCES={:016x}", sources());
    // Half a million addresses in tables take 24 bytes each on Linux, or next to nothing as RELR. Loaders read that
    // from glibc 2.36 (2022) on.
    let native = var("HOST").is_ok_and(|host| var("TARGET").is_ok_and(|target| host == target));
    if native && glibc().is_some_and(|version| version >= (2, 36)) {
        println!("cargo:rustc-link-arg=-Wl,-z,pack-relative-relocs");
    }
}

/// Version of glibc that this machine loads programs with.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn glibc() -> Option<(u32, u32)> {
    unsafe extern "C" {
        fn gnu_get_libc_version() -> *const std::ffi::c_char;
    }
    // SAFETY: glibc answers with a constant, zero-terminated string.
    let version = unsafe { std::ffi::CStr::from_ptr(gnu_get_libc_version()) }.to_str().ok()?;
    let mut parts = version.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn glibc() -> Option<(u32, u32)> {
    None
}

/// What decides the numbers that the program computes, in one: its sources and crates, and how they are compiled.
fn sources() -> u64 {
    let mut files = vec![PathBuf::from("Cargo.toml"), PathBuf::from("Cargo.lock")];
    list(Path::new("src"), &mut files);
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
