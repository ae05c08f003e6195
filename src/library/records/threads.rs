//! Prompts in threads: each asked after another one, with the pictures that came of it and what was thought of them.

use rusqlite::{Connection, OptionalExtension};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Thing, short_hash, thing};
use crate::base::Result;
use crate::library::{Library, sql};

/// How prompts of one thread hang together.
const AFTER: &str = "after";

/// A prompt, asked once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewPrompt {
    /// What was asked: words, or a class.
    pub text: String,
    /// Hash of the model that was asked.
    pub model: String,
    /// Settings that it was asked with.
    pub settings: Value,
    /// The record of the prompt that it goes on from; the last one of this sitting with this model without.
    pub after: Option<i64>,
}

/// A prompt in a thread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prompt {
    /// Number of its record.
    pub id: i64,
    /// The prompt that it goes on from.
    pub after: Option<i64>,
    /// What was asked.
    pub text: String,
    /// Hash of the model.
    pub model: String,
    /// Settings.
    pub settings: Value,
    /// Unix time.
    pub at: i64,
    /// Pictures that came of it.
    pub pictures: u64,
    /// Their mean rating, of those that are rated.
    pub rating: Option<f64>,
}

impl Library {
    /// Notes that something was asked; says the number of the record, for the pictures that come of it.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_prompt(&self, prompt: &NewPrompt) -> Result<i64> {
        self.write(|tx| {
            let at = sql::now();
            let after = match prompt.after {
                Some(id) => key_of(tx, id)?,
                None => last_prompt(tx, &prompt.model)?,
            };
            let body = json!({ "text": prompt.text, "settings": prompt.settings });
            let mut from = Vec::new();
            if !prompt.model.is_empty() {
                from.push((prompt.model.clone(), "asked".to_owned()));
            }
            from.extend(after.map(|key| (key, AFTER.to_owned())));
            // The same words asked twice are two prompts, each with its pictures.
            let count: i64 =
                tx.query_row("SELECT count(*) FROM records WHERE kind = 'prompt'", [], |row| row.get(0))?;
            let key = format!("prompt:{}-{}", count + 1, &short_hash(&format!("{body} {from:?} {at}"))[..12]);
            thing(tx, &Thing { kind: "prompt".into(), key, body, from }, at)
        })
    }

    /// Notes that kept pictures came of a prompt.
    ///
    /// # Errors
    /// There is no such prompt, or the library cannot be written.
    pub fn came_of(&self, prompt: i64, items: &[i64]) -> Result<()> {
        self.write(|tx| {
            let Some(key) = key_of(tx, prompt)? else { return Ok(()) };
            items.iter().try_for_each(|item| super::link(tx, &format!("item:{item}"), &key, "drawn from", sql::now()))
        })
    }

    /// Threads of prompts, the newest first; in each the prompts in the order they were asked.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn threads(&self) -> Result<Vec<Vec<Prompt>>> {
        let all: Vec<Prompt> = self.read(|db| {
            let mut query = db.prepare(
                "SELECT id, at, body, (SELECT parent FROM edges WHERE child = records.id AND relation = 'after'), \
                 (SELECT key FROM edges JOIN records AS model ON model.id = parent \
                  WHERE child = records.id AND relation = 'asked'), \
                 count(of), avg(nullif(rating, 0)) \
                 FROM records LEFT JOIN ( \
                     SELECT edges.parent AS of, items.rating AS rating FROM edges \
                     JOIN records AS made ON made.id = edges.child \
                     LEFT JOIN items ON made.key LIKE 'item:%' AND items.id = CAST(substr(made.key, 6) AS INTEGER) WHERE relation = 'drawn from' \
                 ) ON of = records.id \
                 WHERE kind = 'prompt' GROUP BY id ORDER BY id",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                let body: Value = serde_json::from_str(row.get_ref(2)?.as_str()?).unwrap_or_default();
                Ok(Prompt {
                    id: row.get(0)?,
                    at: row.get(1)?,
                    text: body["text"].as_str().unwrap_or_default().into(),
                    settings: body["settings"].clone(),
                    after: row.get(3)?,
                    model: row.get::<_, Option<String>>(4)?.unwrap_or_default(),
                    pictures: row.get::<_, i64>(5)?.unsigned_abs(),
                    rating: row.get(6)?,
                })
            };
            query.query_map([], row)?.collect()
        })?;
        let mut threads: Vec<Vec<Prompt>> = Vec::new();
        for prompt in all {
            let old = threads.iter_mut().find(|t| t.iter().any(|p| Some(p.id) == prompt.after));
            match old {
                Some(thread) => thread.push(prompt),
                None => threads.push(vec![prompt]),
            }
        }
        threads.sort_by_key(|t| std::cmp::Reverse(t.last().map(|p| p.id)));
        Ok(threads)
    }
}

fn key_of(db: &Connection, id: i64) -> rusqlite::Result<Option<String>> {
    let text = "SELECT key FROM records WHERE id = ? AND kind = 'prompt'";
    db.query_row(text, [id], |row| row.get(0)).optional()
}

/// The last prompt of this sitting that a model was asked.
fn last_prompt(db: &Connection, model: &str) -> rusqlite::Result<Option<String>> {
    let text = "SELECT asked.key FROM records AS asked JOIN edges ON edges.child = asked.id \
                JOIN records AS model ON model.id = edges.parent \
                WHERE asked.kind = 'prompt' AND asked.sitting = ?1 AND model.key = ?2 AND relation = 'asked' \
                ORDER BY asked.id DESC LIMIT 1";
    db.query_row(text, [super::sitting(), model], |row| row.get(0)).optional()
}
