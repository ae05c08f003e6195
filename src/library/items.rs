//! Kept pictures: adding, finding, small versions, tags, the trash.

use std::path::PathBuf;

use rusqlite::types::Value;
use rusqlite::{OptionalExtension, Row, Transaction, params, params_from_iter};

use super::item::{Item, ItemFilter, ItemSort, Shelf};
use super::journal::{Change, note};
use super::{Library, sql};
use crate::base::{Picture, Result};
use crate::export::{decode, fit, png};
use crate::recipe::picture::{Latent, PictureRecipe};

/// Longer side of the small version of a kept picture, in pixels.
pub const THUMB: u32 = 128;

/// A picture to keep, whose file is written.
#[derive(Clone, Debug, PartialEq)]
pub struct NewItem {
    /// Its file.
    pub path: PathBuf,
    /// Its pixels.
    pub picture: Picture,
    /// Name of the model.
    pub model: String,
    /// How it was made.
    pub recipe: Option<PictureRecipe>,
    /// Star.
    pub starred: bool,
}

/// Columns that [`Library::row`] reads.
pub(super) const COLUMNS: &str = "id, path, width, height, model, rating, starred, created, recipe, latent, \
    (SELECT group_concat(tag, char(31)) FROM item_tags WHERE item = items.id), \
    CASE imported WHEN 0 THEN NULL ELSE (SELECT json_object('dataset', dataset, 'real', json(iif(real, 'true', 'false')), \
    'label', label, 'caption', caption, 'source', source, 'name', name) FROM imported WHERE item = items.id) END";

/// Models that are relatives of the one that made a picture; a union without "all" ends on circles too.
const FAMILY: &str = "model_hash IN ( \
    WITH RECURSIVE kin (node) AS ( \
        SELECT model_hash FROM items WHERE id = ? \
        UNION SELECT parent FROM lineage JOIN kin ON child = node \
        UNION SELECT child FROM lineage JOIN kin ON parent = node \
    ) SELECT node FROM kin)";

/// Parts of a query over items: conditions, their values, order.
struct Query {
    conditions: String,
    values: Vec<Value>,
    order: &'static str,
}

impl Query {
    fn of(filter: &ItemFilter) -> Self {
        let mut conditions = format!("trashed = {}", i32::from(filter.trashed));
        let mut values = Vec::new();
        match filter.shelf {
            Shelf::Kept => conditions.push_str(" AND imported = 0"),
            Shelf::Imported => conditions.push_str(" AND imported > 0"),
            Shelf::All => {}
        }
        if filter.starred {
            conditions.push_str(" AND starred");
        }
        let mut also = |condition: &str, value: Value| {
            conditions.push_str(" AND ");
            conditions.push_str(condition);
            values.push(value);
        };
        if filter.min_rating > 0 {
            also("rating >= ?", Value::Integer(filter.min_rating.into()));
        }
        if let Some(model) = &filter.model {
            also("model = ?", Value::Text(model.clone()));
        }
        if let Some(tag) = &filter.tag {
            also("id IN (SELECT item FROM item_tags WHERE tag = ?)", Value::Text(tag.clone()));
        }
        for condition in &filter.conditions {
            let (text, value) = condition.sql();
            also(&text, value);
        }
        if let Some(id) = filter.family {
            also(FAMILY, Value::Integer(id));
        }
        if let Some(words) = words(&filter.text) {
            also("id IN (SELECT rowid FROM items_text WHERE items_text MATCH ?)", Value::Text(words));
        }
        let order = match filter.sort {
            ItemSort::Newest => "created DESC, id DESC",
            ItemSort::Oldest => "created, id",
            ItemSort::Rating => "rating DESC, created DESC, id DESC",
            ItemSort::Model => "model, created DESC, id DESC",
        };
        Self { conditions, values, order }
    }
}

/// The query for a filter, for a look at its plan.
#[cfg(test)]
pub(super) fn query_text(filter: &ItemFilter) -> String {
    let Query { conditions, order, .. } = Query::of(filter);
    format!("SELECT {COLUMNS} FROM items WHERE {conditions} ORDER BY {order}")
}

/// What a person typed as a question to the index: every word, as the beginning of one. None if there is no word.
pub(super) fn words(text: &str) -> Option<String> {
    // Quoted, no word is an operator of the index; what cannot stand in a text ends one.
    let all: Vec<String> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|w| w.chars().any(char::is_alphanumeric))
        .map(|w| format!("\"{}\"*", apart(w).replace('"', "\"\"")))
        .collect();
    if all.is_empty() { None } else { Some(all.join(" ")) }
}

/// A text whose letters of scripts that are written without spaces between words stand apart, so that each is found. In a
/// question they stand one after the other as they do in the text.
pub(super) fn apart(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unspaced(c) {
            out.extend([' ', c, ' ']);
        } else {
            out.push(c);
        }
    }
    out
}

/// Chinese, Japanese and Korean, Thai, Lao, Burmese and Khmer.
fn is_unspaced(c: char) -> bool {
    matches!(u32::from(c),
        0x0E00..=0x0EFF | 0x1000..=0x109F | 0x1100..=0x11FF | 0x1780..=0x17FF
        | 0x2E80..=0x2FDF | 0x3005..=0x3007 | 0x3040..=0x30FF | 0x3100..=0x312F | 0x3130..=0x318F | 0x31A0..=0x31FF
        | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xA960..=0xA97F | 0xAC00..=0xD7FF | 0xF900..=0xFAFF | 0xFF66..=0xFFDC
        | 0x20000..=0x3FFFF)
}

/// Words of a recipe that someone may look for. The only numbers are seeds, so that a search for one finds it.
fn text_of(recipe: &PictureRecipe) -> String {
    let mut text = format!("{} {} {} {}", recipe.made_by, recipe.model_hash, recipe.filter, recipe.device);
    let grid = recipe.grid.iter().flat_map(|g| &g.latents);
    for latent in std::iter::once(&recipe.latent).chain(grid) {
        if let Latent::Seed { seed } = latent {
            text.push_str(&format!(" seed {seed}"));
        }
    }
    text
}

/// A recipe in its two columns: JSON without the latent's numbers, and those numbers.
fn columns_of(recipe: &PictureRecipe) -> (String, Option<Vec<u8>>) {
    let mut short = recipe.clone();
    let latent = match &mut short.latent {
        Latent::Point { values } => {
            Some(std::mem::take(values).iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<u8>>())
        }
        // A place is kept whole: its numbers alone do not say what they are.
        Latent::Seed { .. } | Latent::Place(_) => None,
    };
    // A recipe is plain data with text keys, which JSON always takes.
    (serde_json::to_string(&short).unwrap_or_default(), latent)
}

fn recipe_of(json: &str, latent: Option<&[u8]>) -> Option<PictureRecipe> {
    let mut recipe: PictureRecipe = serde_json::from_str(json).ok()?;
    if let (Latent::Point { values }, Some(bytes)) = (&mut recipe.latent, latent) {
        *values = bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
    }
    Some(recipe)
}

/// Puts the words of a picture into the index again.
pub(super) fn index(tx: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
    let mut read = tx.prepare_cached(
        "SELECT model, (SELECT group_concat(tag, ' ') FROM item_tags WHERE item = items.id), recipe, path, label, \
         caption, dataset, name FROM items LEFT JOIN imported ON imported.item = items.id WHERE id = ?",
    )?;
    let found = read.query_row([id], |row| {
        let text = |i: usize| Ok::<_, rusqlite::Error>(row.get::<_, Option<String>>(i)?.unwrap_or_default());
        let path = row.get_ref(3)?.as_str().unwrap_or_default();
        let stem = std::path::Path::new(path).file_stem().map(|s| s.to_string_lossy().into_owned());
        let name = row.get::<_, Option<String>>(7)?.or(stem).unwrap_or_default();
        Ok(Words {
            model: row.get(0)?,
            tags: text(1)?,
            recipe: row.get(2)?,
            label: text(4)?,
            caption: text(5)?,
            dataset: text(6)?,
            name,
        })
    });
    match found.optional()? {
        Some(words) => words.write(tx, id),
        None => Ok(()),
    }
}

/// Texts of a picture by which it is found.
#[derive(Default)]
pub(super) struct Words {
    pub model: String,
    pub tags: String,
    /// Its recipe as JSON.
    pub recipe: Option<String>,
    pub name: String,
    pub label: String,
    pub caption: String,
    pub dataset: String,
}

impl Words {
    /// Puts them into the index, in place of what was there of this picture.
    pub fn write(&self, tx: &Transaction<'_>, id: i64) -> rusqlite::Result<()> {
        let recipe = self.recipe.as_ref().and_then(|j| recipe_of(j, None)).map(|r| text_of(&r)).unwrap_or_default();
        let mut write = tx.prepare_cached(
            "INSERT OR REPLACE INTO items_text (rowid, model, tags, recipe, name, label, caption, data) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let texts = [&self.model, &self.tags, &recipe, &self.name, &self.label, &self.caption, &self.dataset];
        let [model, tags, recipe, name, label, caption, data] = texts.map(|text| apart(text));
        write.execute(params![id, model, tags, recipe, name, label, caption, data]).map(|_| ())
    }
}

/// A picture with everything that is known of it, for rescued libraries too.
pub(super) struct Full<'a> {
    pub new: &'a NewItem,
    pub thumb: &'a [u8],
    pub created: i64,
}

/// Adds a picture, or replaces what was known of the same file.
pub(super) fn insert(tx: &Transaction<'_>, path: Value, full: &Full<'_>) -> rusqlite::Result<i64> {
    let Full { new, thumb, created } = full;
    let hash = new.recipe.as_ref().map_or("", |r| &r.model_hash);
    let (json, latent) = new.recipe.as_ref().map(columns_of).unzip();
    let mut add = tx.prepare_cached(
        "INSERT INTO items (path, width, height, model, model_hash, starred, created, recipe, latent) \
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (path) DO UPDATE SET \
         width = excluded.width, height = excluded.height, model = excluded.model, model_hash = excluded.model_hash, \
         starred = excluded.starred, created = excluded.created, trashed = 0, recipe = excluded.recipe, \
         latent = excluded.latent RETURNING id",
    )?;
    let id: i64 = add.query_row(
        params![
            path,
            new.picture.width,
            new.picture.height,
            new.model,
            hash,
            new.starred,
            created,
            json,
            latent.flatten()
        ],
        |row| row.get(0),
    )?;
    let mut keep = tx.prepare_cached("INSERT OR REPLACE INTO thumbs (item, png, look) VALUES (?, ?, ?)")?;
    keep.execute(params![id, thumb, super::similarity::look(&full.new.picture)])?;
    index(tx, id)?;
    Ok(id)
}

impl Library {
    /// Keeps a picture; says its number.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn add_item(&self, new: &NewItem) -> Result<i64> {
        Ok(self.add_items(std::slice::from_ref(new))?.into_iter().next().unwrap_or_default())
    }

    /// Keeps pictures in one step, which [`Library::undo`] takes back in one.
    ///
    /// # Errors
    /// The library cannot be written; then none is kept.
    pub fn add_items(&self, new: &[NewItem]) -> Result<Vec<i64>> {
        let thumbs: Vec<_> = new.iter().map(|n| png::thumb_bytes(&fit(&n.picture, THUMB))).collect::<Result<_>>()?;
        self.write(|tx| {
            let created = sql::now();
            let add = |(new, thumb): (&NewItem, &Vec<u8>)| {
                let path = sql::from_path(self.folder(), &new.path);
                insert(tx, path, &Full { new, thumb, created })
            };
            let ids: Vec<i64> = new.iter().zip(&thumbs).map(add).collect::<rusqlite::Result<_>>()?;
            note(tx, &Change::Keep { ids: ids.clone() })?;
            for (id, recipe) in ids.iter().zip(new).filter_map(|(id, new)| Some((id, new.recipe.as_ref()?))) {
                super::records::latents::made_at(tx, *id, recipe)?;
            }
            Ok(ids)
        })
    }

    pub(super) fn row(&self, row: &Row<'_>) -> rusqlite::Result<Item> {
        let tags: Option<&str> = row.get_ref(10)?.as_str_or_null()?;
        let json = row.get_ref(8)?.as_str_or_null()?;
        let latent = row.get_ref(9)?.as_blob_or_null()?;
        let imported = row.get_ref(11)?.as_str_or_null()?;
        Ok(Item {
            id: row.get(0)?,
            path: sql::to_path(self.folder(), row.get_ref(1)?),
            width: row.get(2)?,
            height: row.get(3)?,
            model: row.get(4)?,
            rating: row.get(5)?,
            starred: row.get(6)?,
            tags: tags.map(|t| t.split('\u{1f}').map(str::to_string).collect()).unwrap_or_default(),
            created: row.get(7)?,
            recipe: json.and_then(|j| recipe_of(j, latent)),
            imported: imported.and_then(|j| serde_json::from_str(j).ok()),
        })
    }

    /// Kept pictures for a filter, in its order.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn items(&self, filter: &ItemFilter) -> Result<Vec<Item>> {
        match filter.alike {
            Some(id) => {
                let near = self.alike(id, &self.ids(filter)?)?;
                near.into_iter().filter_map(|id| self.item(id).transpose()).collect()
            }
            None => self.page(filter, 0, usize::MAX),
        }
    }

    /// Some of the kept pictures for a filter.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn page(&self, filter: &ItemFilter, from: usize, count: usize) -> Result<Vec<Item>> {
        if let Some(items) = self.newest_with_words(filter, from, count)? {
            return Ok(items);
        }
        let Query { conditions, mut values, order } = Query::of(filter);
        values.push(Value::Integer(sql::count(count as u64)));
        values.push(Value::Integer(sql::count(from as u64)));
        self.read(|db| {
            let text = format!("SELECT {COLUMNS} FROM items WHERE {conditions} ORDER BY {order} LIMIT ? OFFSET ?");
            let mut query = db.prepare_cached(&text)?;
            query.query_map(params_from_iter(values), |row| self.row(row))?.collect()
        })
    }

    /// Numbers of the kept pictures for a filter, in its order: what a virtual list needs.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn ids(&self, filter: &ItemFilter) -> Result<Vec<i64>> {
        let Query { conditions, values, order } = Query::of(filter);
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("SELECT id FROM items WHERE {conditions} ORDER BY {order}"))?;
            query.query_map(params_from_iter(values), |row| row.get(0))?.collect()
        })
    }

    /// How many kept pictures there are for a filter.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn count(&self, filter: &ItemFilter) -> Result<u64> {
        let Query { conditions, values, .. } = Query::of(filter);
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("SELECT count(*) FROM items WHERE {conditions}"))?;
            query.query_row(params_from_iter(values), |row| row.get::<_, i64>(0)).map(|n| n as u64)
        })
    }

    /// A kept picture, from the trash too.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn item(&self, id: i64) -> Result<Option<Item>> {
        self.read(|db| {
            let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM items WHERE id = ?"))?;
            query.query_row([id], |row| self.row(row)).optional()
        })
    }

    /// Small version of a kept picture, at most [`THUMB`] pixels a side.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn thumb(&self, id: i64) -> Result<Option<Picture>> {
        let bytes: Option<Vec<u8>> = self.read(|db| {
            let mut query = db.prepare_cached("SELECT png FROM thumbs WHERE item = ?")?;
            query.query_row([id], |row| row.get(0)).optional()
        })?;
        bytes.map(|b| decode(&b)).transpose()
    }

    /// Small versions of kept pictures; those that are gone or damaged are left out.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn thumbs(&self, ids: &[i64]) -> Result<Vec<(i64, Picture)>> {
        let mut all = Vec::with_capacity(ids.len());
        for &id in ids {
            match self.thumb(id) {
                Ok(found) => all.extend(found.map(|p| (id, p))),
                Err(problem) if problem.subject.is_none() => log::warn!("small version of picture {id}: {problem}"),
                Err(problem) => return Err(problem),
            }
        }
        Ok(all)
    }

    /// Every tag with the number of pictures that have it (those in the trash left out), by name.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn tags(&self) -> Result<Vec<(String, u64)>> {
        self.counted(
            "SELECT tag, count(*) FROM item_tags JOIN items ON items.id = item WHERE NOT trashed GROUP BY tag \
             ORDER BY tag",
        )
    }

    pub(super) fn counted(&self, text: &str) -> Result<Vec<(String, u64)>> {
        self.read(|db| {
            let mut query = db.prepare_cached(text)?;
            query.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?.collect()
        })
    }

    /// Takes what is in the trash out of the library for good, and says which files that leaves for the system's trash.
    /// This cannot be undone.
    ///
    /// # Errors
    /// The library cannot be written; then nothing is taken out.
    pub fn empty_trash(&self) -> Result<Vec<PathBuf>> {
        self.write(|tx| {
            let mut query = tx.prepare("SELECT path FROM items WHERE trashed = 1 ORDER BY id")?;
            let paths = query.query_map([], |row| Ok(sql::to_path(self.folder(), row.get_ref(0)?)))?;
            let paths: Vec<PathBuf> = paths.collect::<rusqlite::Result<_>>()?;
            tx.execute("DELETE FROM items_text WHERE rowid IN (SELECT id FROM items WHERE trashed = 1)", [])?;
            tx.execute("DELETE FROM items WHERE trashed = 1", [])?;
            Ok(paths)
        })
    }
}
