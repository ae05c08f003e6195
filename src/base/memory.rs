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
        keep_by(|which, value| unsafe { libc::mallopt(which, value) == 1 })
    }
    #[cfg(not(all(target_os = "linux", target_env = "gnu")))]
    true
}

/// Sets what [`keep`] asks for; `set` takes the number of a setting and its value, and says whether it was taken.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn keep_by(mut set: impl FnMut(libc::c_int, libc::c_int) -> bool) -> bool {
    // glibc before 2.35 takes no more than half of a thread's heap: 32 MB.
    let threshold = [1 << 30, 32 << 20].into_iter().any(|bytes| set(libc::M_MMAP_THRESHOLD, bytes));
    let trim = set(libc::M_TRIM_THRESHOLD, 1 << 30);
    // Heaps of other threads end at 64 MB and ask the system again: one heap for all.
    let arenas = set(libc::M_ARENA_MAX, 1);
    threshold && trim && arenas
}

/// Memory of the machine, in bytes; nothing where the system does not tell.
pub fn physical() -> Option<u64> {
    #[cfg(unix)]
    {
        // SAFETY: `sysconf` only reads numbers of the system.
        let (pages, size) = unsafe { (libc::sysconf(libc::_SC_PHYS_PAGES), libc::sysconf(libc::_SC_PAGESIZE)) };
        let (pages, size) = (u64::try_from(pages).ok()?, u64::try_from(size).ok()?);
        (pages > 0 && size > 0).then(|| pages.saturating_mul(size))
    }
    #[cfg(not(unix))]
    None
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

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    /// What an allocator was left with that takes thresholds up to `most`, and what was said of it.
    fn with(most: libc::c_int, others: bool) -> (Option<libc::c_int>, bool) {
        let mut threshold = None;
        let agreed = keep_by(|which, value| {
            if which != libc::M_MMAP_THRESHOLD {
                return others;
            }
            if value <= most {
                threshold = Some(value);
            }
            value <= most
        });
        (threshold, agreed)
    }

    #[test]
    fn the_machine_has_more_memory_than_this_process_held() {
        let (all, own) = (physical().unwrap(), peak().unwrap());
        assert!(all > own && all > 1 << 28, "{all} {own}");
    }

    #[test]
    fn an_older_allocator_takes_the_smaller_threshold_and_a_refusal_is_noticed() {
        assert_eq!(with(i32::MAX, true), (Some(1 << 30), true));
        assert_eq!(with(32 << 20, true), (Some(32 << 20), true));
        assert_eq!(with(1 << 20, true), (None, false));
        assert_eq!(with(i32::MAX, false), (Some(1 << 30), false), "the rest counts too");
    }
}
