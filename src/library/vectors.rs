//! What networks see of pictures, as vectors of length 1. A space is a network, named by the hash of its weights: vectors
//! of different ones are never compared.

use rusqlite::{OptionalExtension, Transaction, params};

use super::Library;
use crate::base::{Problem, Result};

/// A space of vectors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VectorSpace {
    /// Number in the library.
    pub id: i64,
    /// Name, such as `photo`.
    pub name: String,
    /// The network, with the hash of its weights.
    pub tower: String,
    /// Numbers in a vector.
    pub dims: usize,
}

/// Lengths under this are no direction.
const SHORT: f64 = 1e-12;

/// The vector of length 1 in this direction.
///
/// # Errors
/// A number is not finite, or all are zero: such a vector would be as near to everything as to nothing.
pub fn unit(vector: &[f32]) -> Result<Vec<f32>> {
    let refused = |why: &str| {
        Problem::data("This vector is refused")
            .because(why)
            .try_this("Choose another device: `latent-studio devices` says which compute correctly")
    };
    if vector.iter().any(|v| !v.is_finite()) {
        return Err(refused("a number is not finite"));
    }
    let length = vector.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
    if length <= SHORT {
        return Err(refused("all its numbers are zero"));
    }
    Ok(vector.iter().map(|v| (f64::from(*v) / length) as f32).collect())
}

/// A vector as it is kept.
fn bytes(vector: &[f32]) -> Vec<u8> {
    vector.iter().flat_map(|v| v.to_le_bytes()).collect()
}

/// The numbers of a vector as it is kept.
pub(super) fn numbers(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
}

fn space_of(row: &rusqlite::Row<'_>) -> rusqlite::Result<VectorSpace> {
    Ok(VectorSpace { id: row.get(0)?, name: row.get(1)?, tower: row.get(2)?, dims: row.get::<_, i64>(3)? as usize })
}

fn put(tx: &Transaction<'_>, space: i64, rows: &[(i64, Vec<f32>)]) -> rusqlite::Result<()> {
    // A replaced row would go without the trigger.
    let mut known = tx.prepare_cached("SELECT id FROM vectors WHERE space = ? AND item = ?")?;
    let mut forget = tx.prepare_cached("DELETE FROM vectors WHERE id = ?")?;
    // A picture that went away meanwhile needs none.
    let mut add = tx.prepare_cached(
        "INSERT INTO vectors (space, item, vector) SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM items WHERE id = ?2)",
    )?;
    for (item, vector) in rows {
        if let Some(id) = known.query_row(params![space, item], |row| row.get::<_, i64>(0)).optional()? {
            forget.execute([id])?;
        }
        add.execute(params![space, item, bytes(vector)])?;
    }
    Ok(())
}

/// What a picture without a vector in the space `?1` fulfils; one with a caption if it is a space of captions.
fn lacking(captions: bool) -> String {
    let captioned = if captions { "AND id IN (SELECT item FROM imported WHERE caption NOT NULL)" } else { "" };
    format!("trashed = 0 {captioned} AND NOT EXISTS (SELECT 1 FROM vectors WHERE space = ?1 AND item = items.id)")
}

impl Library {
    /// The space of a network, made if it is not there. Vectors of another network by this name are of no use any more and
    /// go; says how many.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn space(&self, name: &str, tower: &str, dims: usize) -> Result<(VectorSpace, u64)> {
        self.write(|tx| {
            let stale = "space IN (SELECT id FROM spaces WHERE name = ?1 AND tower <> ?2)";
            let gone = tx.execute(&format!("DELETE FROM vectors WHERE {stale}"), params![name, tower])? as u64;
            tx.execute(&format!("DELETE FROM vectors_gone WHERE {stale}"), params![name, tower])?;
            tx.execute("DELETE FROM spaces WHERE name = ?1 AND tower <> ?2", params![name, tower])?;
            tx.execute(
                "INSERT OR IGNORE INTO spaces (name, tower, dims) VALUES (?, ?, ?)",
                params![name, tower, dims as i64],
            )?;
            let find = "SELECT id, name, tower, dims FROM spaces WHERE name = ? AND tower = ?";
            Ok((tx.query_row(find, params![name, tower], space_of)?, gone))
        })
    }

    /// All spaces that have vectors.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn spaces(&self) -> Result<Vec<VectorSpace>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT id, name, tower, dims FROM spaces ORDER BY id")?;
            query.query_map([], space_of)?.collect()
        })
    }

    /// Puts vectors of pictures into a space, in place of those that were there, in one step.
    ///
    /// # Errors
    /// A vector has another number of numbers, is zero or not finite (none is put then), or the library cannot be written.
    pub fn put_vectors(&self, space: &VectorSpace, rows: &[(i64, Vec<f32>)]) -> Result<()> {
        let mut ready = Vec::with_capacity(rows.len());
        for (item, vector) in rows {
            if vector.len() != space.dims {
                return Err(Problem::failed("A vector does not fit its space").of(format!(
                    "{}: {} numbers for {}",
                    space.name,
                    vector.len(),
                    space.dims
                )));
            }
            ready.push((*item, unit(vector).map_err(|p| p.of(format!("picture {item}, {}", space.name)))?));
        }
        self.write(|tx| put(tx, space.id, &ready))
    }

    /// The vector of a picture in a space.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn vector(&self, space: i64, item: i64) -> Result<Option<Vec<f32>>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT vector FROM vectors WHERE space = ? AND item = ?")?;
            query.query_row(params![space, item], |row| Ok(numbers(row.get_ref(0)?.as_blob()?))).optional()
        })
    }

    /// Pictures numbered below `below` without a vector in a space, the highest numbers first; of those that have a caption
    /// if it is a space of captions.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn without_vector(&self, space: i64, captions: bool, below: i64, most: usize) -> Result<Vec<i64>> {
        let text = format!("SELECT id FROM items WHERE {} AND id < ?2 ORDER BY id DESC LIMIT ?3", lacking(captions));
        self.read(|db| {
            let mut query = db.prepare_cached(&text)?;
            query.query_map(params![space, below, super::sql::count(most as u64)], |row| row.get(0))?.collect()
        })
    }

    /// How many there are of those that [`Library::without_vector`] lists.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn count_without_vector(&self, space: i64, captions: bool) -> Result<u64> {
        let text = format!("SELECT count(*) FROM items WHERE {}", lacking(captions));
        self.read(|db| db.prepare_cached(&text)?.query_row([space], |row| row.get::<_, i64>(0)).map(|n| n as u64))
    }

    /// Captions of pictures; those without one are left out.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn captions(&self, ids: &[i64]) -> Result<Vec<(i64, String)>> {
        self.read(|db| {
            let mut query = db.prepare_cached("SELECT caption FROM imported WHERE item = ?")?;
            let mut all = Vec::with_capacity(ids.len());
            for id in ids {
                let caption: Option<Option<String>> = query.query_row([id], |row| row.get(0)).optional()?;
                all.extend(caption.flatten().map(|caption| (*id, caption)));
            }
            Ok(all)
        })
    }

    /// Whether there are more pictures than vectors in any one space.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn has_unseen(&self) -> Result<bool> {
        self.read(|db| {
            let text = "SELECT (SELECT count(*) FROM items WHERE trashed = 0) > \
                (SELECT coalesce(max(n), 0) FROM (SELECT count(*) AS n FROM vectors GROUP BY space))";
            db.query_row(text, [], |row| row.get(0))
        })
    }

    /// How many vectors a space has.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn count_vectors(&self, space: i64) -> Result<u64> {
        self.read(|db| {
            let text = "SELECT count(*) FROM vectors WHERE space = ?";
            db.prepare_cached(text)?.query_row([space], |row| row.get::<_, i64>(0)).map(|n| n as u64)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::library::Library;
    use crate::library::tests::six;

    #[test]
    fn vectors_are_of_length_one_and_what_is_no_direction_is_refused() {
        let (_dir, library, ids) = six();
        let (space, gone) = library.space("photo", "net-1", 3).unwrap();
        assert_eq!(gone, 0);
        library.put_vectors(&space, &[(ids[0], vec![3.0, 0.0, 4.0])]).unwrap();
        assert_eq!(library.vector(space.id, ids[0]).unwrap().unwrap(), [0.6, 0.0, 0.8]);
        for (vector, why) in
            [([0.0; 3], "zero"), ([f32::NAN, 0.0, 1.0], "not finite"), ([f32::INFINITY; 3], "not finite")]
        {
            let problem =
                library.put_vectors(&space, &[(ids[1], vec![1.0; 3]), (ids[2], vector.to_vec())]).unwrap_err();
            assert!(problem.detail.unwrap().contains(why) && problem.subject.unwrap().contains("photo"));
            assert_eq!(library.count_vectors(space.id).unwrap(), 1, "wholly or not at all");
        }
        assert!(library.put_vectors(&space, &[(ids[1], vec![1.0; 2])]).is_err());
        assert_eq!(library.without_vector(space.id, false, i64::MAX, 9).unwrap().len(), 5);
        assert_eq!(library.count_without_vector(space.id, false).unwrap(), 5);
        assert!(library.has_unseen().unwrap() && !Library::in_memory().unwrap().has_unseen().unwrap());
        assert!(library.without_vector(space.id, true, i64::MAX, 9).unwrap().is_empty(), "no captions");
    }

    #[test]
    fn vectors_of_another_network_go_and_deletions_are_noted() {
        let (_dir, library, ids) = six();
        let (space, _) = library.space("photo", "net-1", 2).unwrap();
        let rows: Vec<(i64, Vec<f32>)> = ids.iter().map(|id| (*id, vec![1.0, *id as f32])).collect();
        library.put_vectors(&space, &rows).unwrap();
        library.put_vectors(&space, &rows[..1]).unwrap();
        let listed = |space: i64| -> i64 {
            library.db.query_row("SELECT count(*) FROM vectors_gone WHERE space = ?", [space], |r| r.get(0)).unwrap()
        };
        assert_eq!((library.count_vectors(space.id).unwrap(), listed(space.id)), (6, 1), "replaced");
        library.trash(&ids[1..3], true).unwrap();
        library.empty_trash().unwrap();
        assert_eq!((library.count_vectors(space.id).unwrap(), listed(space.id)), (4, 3));
        let (other, gone) = library.space("photo", "net-2", 2).unwrap();
        assert_eq!((gone, library.count_vectors(other.id).unwrap(), library.spaces().unwrap().len()), (4, 0, 1));
        assert_ne!(space.id, other.id);
    }
}
