//! Which entries are selected, by key, so that filtering and sorting keep them.

use std::collections::BTreeSet;

/// Selected entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    keys: BTreeSet<u64>,
    anchor: Option<u64>,
}

impl Selection {
    /// How many are selected.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether this one is.
    pub fn contains(&self, key: u64) -> bool {
        self.keys.contains(&key)
    }

    /// All of them, in order of key.
    pub fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        self.keys.iter().copied()
    }

    /// The one, if exactly one is selected.
    pub fn single(&self) -> Option<u64> {
        if self.keys.len() == 1 { self.keys.first().copied() } else { None }
    }

    /// Where a range begins.
    pub fn anchor(&self) -> Option<u64> {
        self.anchor
    }

    /// Selects this one only.
    pub fn only(&mut self, key: u64) {
        self.keys.clear();
        self.keys.insert(key);
        self.anchor = Some(key);
    }

    /// Selects it, or no longer.
    pub fn toggle(&mut self, key: u64) {
        if !self.keys.remove(&key) {
            self.keys.insert(key);
        }
        self.anchor = Some(key);
    }

    /// Selects a range that begins at the anchor; `add` keeps what was selected.
    pub fn extend_to(&mut self, range: impl Iterator<Item = u64>, add: bool) {
        if !add {
            self.keys.clear();
        }
        self.keys.extend(range);
        if self.anchor.is_none() {
            self.anchor = self.keys.first().copied();
        }
    }

    /// Selects these too.
    pub fn add(&mut self, keys: impl Iterator<Item = u64>) {
        self.keys.extend(keys);
    }

    /// Drops those that are no longer there.
    pub fn retain(&mut self, keep: impl Fn(u64) -> bool) {
        self.keys.retain(|&k| keep(k));
    }

    /// Selects nothing; says whether that changed anything.
    pub fn clear(&mut self) -> bool {
        let changed = !self.keys.is_empty();
        self.keys.clear();
        self.anchor = None;
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_grow_and_shrink_from_the_anchor() {
        let mut s = Selection::default();
        s.only(5);
        s.extend_to(5..=9, false);
        s.extend_to(3..=5, false);
        assert_eq!(s.iter().collect::<Vec<_>>(), [3, 4, 5]);
        assert_eq!(s.anchor(), Some(5));
        s.toggle(4);
        assert!(!s.contains(4) && s.single().is_none());
        assert!(s.clear() && !s.clear());
    }
}
