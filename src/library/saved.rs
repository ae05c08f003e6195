//! Searches that were saved: albums that fill themselves.

use rusqlite::params;

use super::{Library, sql};
use crate::base::{Problem, Result};

impl Library {
    /// Saves a search by a name, in place of another one of this name.
    ///
    /// # Errors
    /// The name is empty, or the library cannot be written.
    pub fn save_search(&self, name: &str, query: &str) -> Result<()> {
        let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
        if name.is_empty() {
            return Err(Problem::usage("A saved search needs a name"));
        }
        self.write(|tx| {
            let text = "INSERT OR REPLACE INTO searches (name, query, created) VALUES (?, ?, ?)";
            tx.execute(text, params![name, query, sql::now()]).map(|_| ())
        })
    }

    /// Forgets a saved search.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn forget_search(&self, name: &str) -> Result<()> {
        self.write(|tx| tx.execute("DELETE FROM searches WHERE name = ?", [name]).map(|_| ()))
    }

    /// Saved searches by name: name and what was saved.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn searches(&self) -> Result<Vec<(String, String)>> {
        self.read(|db| {
            let mut query = db.prepare("SELECT name, query FROM searches ORDER BY name")?;
            query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn searches_are_saved_replaced_and_forgotten() {
        let library = Library::in_memory().unwrap();
        assert_eq!(library.save_search(" \n", "x").unwrap_err().exit_code(), 2);
        library.save_search(" red  hats ", "a").unwrap();
        library.save_search("red hats", "b").unwrap();
        library.save_search("blue", "c").unwrap();
        assert_eq!(library.searches().unwrap(), [("blue".into(), "c".into()), ("red hats".into(), "b".into())]);
        library.forget_search("blue").unwrap();
        assert_eq!(library.searches().unwrap().len(), 1);
    }
}
