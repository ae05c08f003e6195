//! Kept pictures that look alike: by colours and their places, seen from afar.

use std::collections::HashMap;

use rusqlite::params;

use super::Library;
use crate::base::{Picture, Result};
use crate::export::decode;

/// Cells a side of a look.
const SIDE: u32 = 8;

/// How many are told.
const TOLD: usize = 60;

/// A picture from afar: mean red, green and blue of each cell, on middle grey where it is transparent.
pub fn look(picture: &Picture) -> Vec<u8> {
    let mut out = Vec::with_capacity((SIDE * SIDE * 3) as usize);
    let cut = |cell: u32, length: u32| {
        let from = (cell * length / SIDE).min(length.saturating_sub(1));
        (from, ((cell + 1) * length / SIDE).clamp(from + 1, length.max(1)))
    };
    for row in 0..SIDE {
        let (top, bottom) = cut(row, picture.height);
        for column in 0..SIDE {
            let (left, right) = cut(column, picture.width);
            let (mut sum, mut count) = ([0u64; 3], 0u64);
            for y in top..bottom.min(picture.height) {
                for x in left..right.min(picture.width) {
                    let [r, g, b, a] = picture.pixel(x, y);
                    let over = |c: u8| (u64::from(c) * u64::from(a) + 128 * (255 - u64::from(a))) / 255;
                    for (sum, c) in sum.iter_mut().zip([r, g, b]) {
                        *sum += over(c);
                    }
                    count += 1;
                }
            }
            out.extend(sum.map(|s| s.checked_div(count).unwrap_or(128) as u8));
        }
    }
    out
}

fn distance(a: &[u8], b: &[u8]) -> u64 {
    a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2)).sum()
}

impl Library {
    /// Of these pictures those that look most like one, the nearest first; itself comes first if it is among them.
    ///
    /// # Errors
    /// The library cannot be read.
    pub(super) fn alike(&self, id: i64, among: &[i64]) -> Result<Vec<i64>> {
        self.fill_in_looks()?;
        let looks: HashMap<i64, Vec<u8>> = self.read(|db| {
            let mut query = db.prepare("SELECT item, look FROM thumbs WHERE look IS NOT NULL")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let Some(wanted) = looks.get(&id) else { return Ok(Vec::new()) };
        let mut near: Vec<(u64, bool, i64)> =
            among.iter().filter_map(|i| Some((distance(wanted, looks.get(i)?), *i != id, *i))).collect();
        near.sort_unstable();
        near.truncate(TOLD);
        Ok(near.into_iter().map(|(_, _, id)| id).collect())
    }

    /// Pictures that an earlier version kept have no look yet.
    fn fill_in_looks(&self) -> Result<()> {
        let missing: Vec<(i64, Vec<u8>)> = self.read(|db| {
            let mut query = db.prepare("SELECT item, png FROM thumbs WHERE look IS NULL")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        if missing.is_empty() {
            return Ok(());
        }
        self.write(|tx| {
            let mut set = tx.prepare("UPDATE thumbs SET look = ?2 WHERE item = ?1")?;
            for (id, png) in &missing {
                // A small version that is damaged looks like nothing, and is not tried again.
                let look = decode(png).map_or_else(|_| Vec::new(), |picture| look(&picture));
                set.execute(params![id, look])?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_is_what_is_seen_from_afar() {
        let mut picture = Picture::filled(32, 24, [200, 10, 10, 255]);
        let same = look(&picture);
        assert_eq!((same.len(), &same[..3]), (192, &[200, 10, 10][..]));
        picture.rgba[0] = 0;
        assert!(distance(&same, &look(&picture)) < 700, "one pixel is hardly seen");
        let other = Picture::filled(5, 3, [10, 10, 200, 255]);
        assert!(distance(&same, &look(&other)) > 1_000_000);
        assert_eq!(look(&Picture::filled(4, 4, [255, 0, 0, 0]))[..3], [128, 128, 128]);
        assert_eq!(look(&Picture::default()).len(), 192);
    }
}
