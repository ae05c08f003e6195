//! Link options of the program.

use std::env::var;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
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
