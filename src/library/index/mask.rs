//! A bit for each row or picture.

/// Bits by place; places beyond the end are off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mask {
    words: Vec<u64>,
    len: usize,
}

impl Mask {
    /// So many bits, all alike.
    pub fn filled(len: usize, on: bool) -> Self {
        let mut mask = Self { words: vec![if on { u64::MAX } else { 0 }; len.div_ceil(64)], len };
        mask.trim();
        mask
    }

    fn trim(&mut self) {
        if let (Some(last), rest @ 1..) = (self.words.last_mut(), self.len % 64) {
            *last &= (1 << rest) - 1;
        }
    }

    /// How many bits.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes it longer, the new bits alike.
    pub fn grow(&mut self, len: usize, on: bool) {
        let from = self.len;
        self.words.resize(len.div_ceil(64), 0);
        self.len = len.max(from);
        if on {
            (from..len).for_each(|i| self.set(i, true));
        }
    }

    /// Whether a bit is on.
    #[inline]
    pub fn has(&self, i: usize) -> bool {
        self.words.get(i / 64).is_some_and(|w| w >> (i % 64) & 1 == 1)
    }

    /// Turns a bit on or off; one beyond the end stays off.
    #[inline]
    pub fn set(&mut self, i: usize, on: bool) {
        if i < self.len {
            let bit = 1 << (i % 64);
            let word = &mut self.words[i / 64];
            *word = if on { *word | bit } else { *word & !bit };
        }
    }

    /// Turns all that are off in `other` off; with `not`, all that are on in it.
    pub fn keep(&mut self, other: &Self, not: bool) {
        for (i, word) in self.words.iter_mut().enumerate() {
            let other = other.words.get(i).copied().unwrap_or_default();
            *word &= if not { !other } else { other };
        }
    }

    /// How many bits are on.
    pub fn count(&self) -> usize {
        self.words.iter().map(|w| w.count_ones() as usize).sum()
    }

    /// How many of `n` bits from a place on are on.
    pub fn count_in(&self, from: usize, n: usize) -> usize {
        if from.is_multiple_of(64) && n.is_multiple_of(64) {
            let words = self.words.iter().skip(from / 64).take(n / 64);
            return words.map(|w| w.count_ones() as usize).sum();
        }
        (from..from + n).filter(|i| self.has(*i)).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_set_counted_and_kept() {
        let mut a = Mask::filled(130, true);
        assert_eq!((a.count(), a.len(), a.has(129), a.has(130)), (130, 130, true, false));
        a.set(64, false);
        a.set(500, true);
        assert_eq!((a.count(), a.count_in(64, 64), a.count_in(60, 6)), (129, 63, 5));
        let mut few = Mask::filled(70, false);
        few.set(3, true);
        few.set(64, true);
        let mut b = a.clone();
        b.keep(&few, false);
        assert_eq!((b.count(), b.has(3), b.has(64)), (1, true, false));
        a.keep(&few, true);
        assert_eq!((a.count(), a.has(3)), (128, false));
        a.grow(200, true);
        assert_eq!((a.count(), a.has(199)), (198, true));
        a.grow(300, false);
        assert_eq!((a.count(), a.has(299)), (198, false));
    }
}
