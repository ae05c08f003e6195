//! Memory of this process: how much it held, and how it is kept.

/// Keeps freed memory for the next tensor instead of handing it back to the system. Says whether the allocator agreed.
///
/// A training step makes and drops the same buffers again and again. glibc asks the system for each large one anew, and
/// the system clears every page of it: a third of a step. To be called first thing; elsewhere than with glibc it does
/// nothing. More than a gigabyte at the end of the heap still goes back.
pub fn keep() -> bool {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: `mallopt` only sets numbers of the allocator, and no other thread runs yet.
        let set = |which, value| unsafe { libc::mallopt(which, value) == 1 };
        // glibc before 2.35 takes no more than half of a thread's heap: 32 MB.
        let threshold = [1 << 30, 32 << 20].into_iter().any(|bytes| set(libc::M_MMAP_THRESHOLD, bytes));
        let trim = set(libc::M_TRIM_THRESHOLD, 1 << 30);
        // Heaps of other threads end at 64 MB and ask the system again: one heap for all.
        let arenas = set(libc::M_ARENA_MAX, 1);
        threshold && trim && arenas
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    true
}

/// Largest memory that this process held, in bytes.
#[cfg(unix)]
pub fn peak() -> Option<u64> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is a valid place for the answer, and all zeros is a valid `rusage`.
    let usage = unsafe {
        if libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr()) != 0 {
            return None;
        }
        usage.assume_init()
    };
    // Linux counts in kilobytes, macOS in bytes.
    let unit = if cfg!(target_os = "macos") { 1 } else { 1024 };
    u64::try_from(usage.ru_maxrss).ok().map(|n| n * unit)
}

/// Largest memory that this process held, in bytes: not told here.
#[cfg(not(unix))]
pub fn peak() -> Option<u64> {
    None
}
