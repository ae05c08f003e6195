//! When a file changed last, as the system tells it.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

/// A number that changes when a file is written or replaced. Where the system keeps it, the time of change counts along:
/// unlike the time of modification, which copying and unpacking set at will, no program can set it.
pub(super) fn stamp(meta: &Metadata) -> u128 {
    let modified = meta.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok()).map_or(0, |d| d.as_nanos());
    modified ^ changed(meta)
}

#[cfg(unix)]
fn changed(meta: &Metadata) -> u128 {
    use std::os::unix::fs::MetadataExt;
    // Nanoseconds of centuries fit into 64 bits; the upper half is free.
    (i128::from(meta.ctime()) * 1_000_000_000 + i128::from(meta.ctime_nsec())).cast_unsigned() << 64
}

#[cfg(not(unix))]
fn changed(_meta: &Metadata) -> u128 {
    0
}
