//! How much memory all threads together may use for decoding at one time.

use parking_lot::{Condvar, Mutex};

/// Lets work through as long as the bytes it says it needs fit; first come, first served. Work that needs more than
/// there is goes alone.
pub(super) struct Gate {
    bytes: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    used: u64,
    /// Number of the next to ask, and of the next to be let in.
    next: u64,
    serving: u64,
}

/// A place behind the gate, given back when it is dropped.
pub(super) struct Held<'a> {
    gate: &'a Gate,
    bytes: u64,
}

impl Gate {
    /// A gate for so many bytes.
    pub const fn new(bytes: u64) -> Self {
        let state = State { used: 0, next: 0, serving: 0 };
        Self { bytes, state: Mutex::new(state), changed: Condvar::new() }
    }

    /// Waits until `bytes` fit.
    ///
    /// Whoever holds a place must not ask the same gate again: two that did would wait for each other.
    pub fn hold(&self, bytes: u64) -> Held<'_> {
        let bytes = bytes.min(self.bytes);
        let mut state = self.state.lock();
        let mine = state.next;
        state.next += 1;
        while state.serving != mine || state.used + bytes > self.bytes {
            self.changed.wait(&mut state);
        }
        state.serving += 1;
        state.used += bytes;
        if state.next != state.serving {
            self.changed.notify_all();
        }
        Held { gate: self, bytes }
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut state = self.gate.state.lock();
        state.used -= self.bytes;
        if state.next != state.serving {
            self.gate.changed.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn no_more_goes_through_than_fits_and_everybody_gets_in() {
        let gate = Gate::new(100);
        let (now, most, done) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|s| {
            for t in 0..8u64 {
                let (gate, now, most, done) = (&gate, &now, &most, &done);
                s.spawn(move || {
                    for i in 0..200 {
                        // Some need more than there is; they count as all of it.
                        let bytes = [10, 35, 60, 1000][((t + i) % 4) as usize];
                        let held = gate.hold(bytes);
                        let sum = now.fetch_add(held.bytes, Ordering::SeqCst) + held.bytes;
                        most.fetch_max(sum, Ordering::SeqCst);
                        std::thread::yield_now();
                        now.fetch_sub(held.bytes, Ordering::SeqCst);
                        done.fetch_add(1, Ordering::SeqCst);
                    }
                });
            }
        });
        assert_eq!(done.into_inner(), 1600);
        assert!(most.into_inner() <= 100);
    }
}
