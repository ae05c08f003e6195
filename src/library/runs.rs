//! Runs with their checkpoints, models, data sets, and who came from whom.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Transaction, params};

use super::item::DataSetInfo;
use super::{Library, records, sql};
use crate::base::Result;
use crate::models::info::ModelInfo;
use crate::train::folder::RunFolder;
use crate::train::report::{CheckpointInfo, RunState, RunSummary};
use crate::train::versions;

/// A run as the library knows it; its folder knows more.
#[derive(Clone, Debug, PartialEq)]
pub struct RunRow {
    /// Its folder.
    pub dir: PathBuf,
    /// Name.
    pub name: String,
    /// Its recipe, as JSON.
    pub recipe: String,
    /// State when it was noted.
    pub state: RunState,
    /// Pictures seen.
    pub images: u64,
    /// Unix time of its beginning.
    pub created: i64,
    /// The model it started from.
    pub parent: Option<String>,
}

/// One comes from another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Link {
    /// The later one: a run folder, or the hash of a model.
    pub child: String,
    /// The earlier one.
    pub parent: String,
    /// How: `fine-tune`, `checkpoint`, `import`.
    pub relation: String,
}

/// What something came from, and what came from it.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Lineage {
    /// Direct ancestors.
    pub parents: Vec<Link>,
    /// Direct descendants.
    pub children: Vec<Link>,
}

/// What the lineage's name of a run in the library's own folder begins with.
const RUN: &str = "run:";

/// A state as text, and back.
fn state_text(state: RunState) -> String {
    serde_json::to_value(state).ok().and_then(|v| v.as_str().map(str::to_string)).unwrap_or_default()
}

fn state_of(text: String) -> RunState {
    serde_json::from_value(text.into()).unwrap_or(RunState::Interrupted)
}

fn link(tx: &Transaction<'_>, child: &str, parent: &str, relation: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO lineage (child, parent, relation, created) VALUES (?, ?, ?, ?)")?
        .execute(params![child, parent, relation, sql::now()])?;
    records::link(tx, child, parent, relation, sql::now())
}

impl Library {
    /// Notes that a data set was used now.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_dataset(&self, source: &str, pictures: u64) -> Result<()> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO datasets (source, pictures, used) VALUES (?, ?, ?) \
                 ON CONFLICT (source) DO UPDATE SET pictures = excluded.pictures, used = excluded.used",
                params![source, sql::count(pictures), sql::now()],
            )?;
            records::data(tx, source, sql::count(pictures), sql::now())
        })
    }

    /// Puts a data set back that was forgotten, with the time it was last used.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn restore_dataset(&self, set: &DataSetInfo) -> Result<()> {
        self.write(|tx| {
            tx.execute(
                "INSERT INTO datasets (source, pictures, used) VALUES (?, ?, ?) ON CONFLICT (source) DO NOTHING",
                params![set.source, sql::count(set.pictures), set.used],
            )
            .map(|_| ())
        })
    }

    /// Data sets used before, the newest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn datasets(&self) -> Result<Vec<DataSetInfo>> {
        self.read(|db| {
            let mut query = db.prepare("SELECT source, pictures, used FROM datasets ORDER BY used DESC, source")?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok(DataSetInfo { source: row.get(0)?, pictures: row.get::<_, i64>(1)? as u64, used: row.get(2)? })
            };
            query.query_map([], row)?.collect()
        })
    }

    /// Forgets a data set; its pictures stay where they are.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn forget_dataset(&self, source: &str) -> Result<()> {
        self.write(|tx| tx.execute("DELETE FROM datasets WHERE source = ?", [source]).map(|_| ()))
    }

    /// Notes a run as it stands, with its checkpoints and the model it started from.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn put_run(&self, run: &RunSummary) -> Result<()> {
        let json = serde_json::to_string(&run.recipe)
            .map_err(|e| crate::base::Problem::failed("This recipe could not be written").because(e))?;
        let parent = run.recipe.parent.as_ref();
        let folder = RunFolder::open(&run.dir).ok();
        let seen = folder.as_ref().map(versions::seen).unwrap_or_default();
        for hash in &seen {
            if let Some(manifest) = folder.as_ref().filter(|_| !self.has_version(hash).unwrap_or(true)) {
                let manifest = versions::manifest(manifest, hash);
                manifest.map_or(Ok(()), |m| self.note_seen_version(&run.recipe.data.source, &m))?;
            }
        }
        self.write(|tx| {
            let dir = sql::from_path(self.folder(), &run.dir);
            let id: i64 = tx.query_row(
                "INSERT INTO runs (dir, name, recipe, state, images, created, parent) VALUES (?, ?, ?, ?, ?, ?, ?) \
                 ON CONFLICT (dir) DO UPDATE SET name = excluded.name, recipe = excluded.recipe, \
                 state = excluded.state, images = excluded.images, created = excluded.created, \
                 parent = excluded.parent RETURNING id",
                params![
                    dir,
                    run.name,
                    json,
                    state_text(run.state),
                    sql::count(run.progress.images),
                    run.created,
                    parent.map(|p| &p.model)
                ],
                |row| row.get(0),
            )?;
            tx.execute("DELETE FROM checkpoints WHERE run = ?", [id])?;
            let mut add = tx.prepare_cached(
                "INSERT OR REPLACE INTO checkpoints (run, images, path, best, score) VALUES (?, ?, ?, ?, ?)",
            )?;
            for c in &run.checkpoints {
                let path = sql::from_path(self.folder(), &c.path);
                add.execute(params![id, sql::count(c.images), path, c.best, c.score.filter(|s| s.is_finite())])?;
            }
            let node = self.node(&run.dir.to_string_lossy());
            records::noted_run(tx, &node, id)?;
            for hash in &seen {
                records::link(tx, &node, &format!("version:{hash}"), "saw", sql::now())?;
            }
            match parent {
                Some(p) => link(tx, &node, &p.hash, "fine-tune"),
                None => Ok(()),
            }
        })
    }

    /// Runs, the newest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn runs(&self) -> Result<Vec<RunRow>> {
        self.read(|db| {
            let mut query = db.prepare(
                "SELECT dir, name, recipe, state, images, created, parent FROM runs ORDER BY created DESC, id DESC",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok(RunRow {
                    dir: sql::to_path(self.folder(), row.get_ref(0)?),
                    name: row.get(1)?,
                    recipe: row.get(2)?,
                    state: state_of(row.get(3)?),
                    images: row.get::<_, i64>(4)? as u64,
                    created: row.get(5)?,
                    parent: row.get(6)?,
                })
            };
            query.query_map([], row)?.collect()
        })
    }

    /// Checkpoints of a run, the oldest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn checkpoints(&self, dir: &Path) -> Result<Vec<CheckpointInfo>> {
        self.read(|db| {
            let mut query = db.prepare(
                "SELECT checkpoints.images, path, best, score FROM checkpoints JOIN runs ON runs.id = run \
                 WHERE dir = ? ORDER BY checkpoints.images",
            )?;
            let row = |row: &rusqlite::Row<'_>| {
                Ok(CheckpointInfo {
                    images: row.get::<_, i64>(0)? as u64,
                    path: sql::to_path(self.folder(), row.get_ref(1)?),
                    best: row.get(2)?,
                    score: row.get(3)?,
                })
            };
            query.query_map([sql::from_path(self.folder(), dir)], row)?.collect()
        })
    }

    /// Takes a run with its checkpoints out of the library; its folder stays. Its lineage stays known.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn forget_run(&self, dir: &Path) -> Result<()> {
        let dir = sql::from_path(self.folder(), dir);
        self.write(|tx| tx.execute("DELETE FROM runs WHERE dir = ?", [dir]).map(|_| ()))
    }

    /// Notes a model, by the hash of its weights. Where several files have the same weights, as a fork and the checkpoint that
    /// it goes on from, the one that was noted first gives the name for as long as it is there.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn put_model(&self, model: &ModelInfo) -> Result<()> {
        let json = serde_json::to_string(model)
            .map_err(|e| crate::base::Problem::failed("This model could not be noted").because(e))?;
        self.write(|tx| {
            let known = tx.query_row("SELECT info FROM models WHERE hash = ?", [&model.hash], |row| row.get(0));
            let known: Option<String> = known.optional()?;
            let known: Option<ModelInfo> = known.and_then(|json| serde_json::from_str(&json).ok());
            if known.is_some_and(|first| first.model != model.model && Path::new(&first.model).exists()) {
                return Ok(());
            }
            tx.execute(
                "INSERT INTO models (hash, name, info, added) VALUES (?, ?, ?, ?) \
                 ON CONFLICT (hash) DO UPDATE SET name = excluded.name, info = excluded.info",
                params![model.hash, model.name, json, sql::now()],
            )?;
            records::model(tx, &model.hash)?;
            match &model.recipe.parent {
                Some(parent) => link(tx, &model.hash, &parent.hash, "fine-tune"),
                None => Ok(()),
            }
        })
    }

    /// Models noted before, by name; those that a later version noted are left out.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn models(&self) -> Result<Vec<ModelInfo>> {
        let all: Vec<String> = self.read(|db| {
            let mut query = db.prepare("SELECT info FROM models ORDER BY name, hash")?;
            query.query_map([], |row| row.get(0))?.collect()
        })?;
        Ok(all.iter().filter_map(|json| serde_json::from_str(json).ok()).collect())
    }

    /// Hashes of all models that kept pictures name, those in the trash too.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn pictured_models(&self) -> Result<Vec<String>> {
        self.read(|db| {
            let mut query = db.prepare("SELECT DISTINCT model_hash FROM items WHERE model_hash <> ''")?;
            query.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// The model with this hash of its weights, if it was noted.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn model(&self, hash: &str) -> Result<Option<ModelInfo>> {
        let json: Option<String> = self
            .read(|db| db.query_row("SELECT info FROM models WHERE hash = ?", [hash], |row| row.get(0)).optional())?;
        Ok(json.and_then(|json| serde_json::from_str(&json).ok()))
    }

    /// Notes that one came from another.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn link(&self, child: &str, parent: &str, relation: &str) -> Result<()> {
        self.write(|tx| link(tx, &self.node(child), &self.node(parent), relation))
    }

    /// What a run folder or a model's hash came from, and what came from it.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn lineage(&self, of: &str) -> Result<Lineage> {
        let side = |column: &str| {
            self.read(|db| {
                let text = format!(
                    "SELECT child, parent, relation FROM lineage WHERE {column} = ? ORDER BY created, child, parent"
                );
                let mut query = db.prepare_cached(&text)?;
                let row = |row: &rusqlite::Row<'_>| {
                    Ok(Link {
                        child: self.of_node(row.get(0)?),
                        parent: self.of_node(row.get(1)?),
                        relation: row.get(2)?,
                    })
                };
                query.query_map([self.node(of)], row)?.collect()
            })
        };
        Ok(Lineage { parents: side("child")?, children: side("parent")? })
    }

    /// All ancestors of a run folder or a model's hash, the nearest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn ancestors(&self, of: &str) -> Result<Vec<String>> {
        self.read(|db| {
            // A union without "all" ends on circles too.
            let mut query = db.prepare(
                "WITH RECURSIVE up (node, depth) AS ( \
                     SELECT parent, 1 FROM lineage WHERE child = ?1 \
                     UNION SELECT parent, depth + 1 FROM lineage JOIN up ON child = node WHERE depth < 100 \
                 ) SELECT node FROM up WHERE node <> ?1 GROUP BY node ORDER BY min(depth), node",
            )?;
            query.query_map([self.node(of)], |row| row.get(0).map(|node| self.of_node(node)))?.collect()
        })
    }

    /// What the lineage calls a run folder in the library's own folder: by where it is in there, so that both can move
    /// together. Everything else is called as it is.
    pub(super) fn node(&self, of: &str) -> String {
        let folder = self.folder();
        let inside = if folder.as_os_str().is_empty() { None } else { Path::new(of).strip_prefix(folder).ok() };
        inside.and_then(Path::to_str).filter(|p| !p.is_empty()).map_or_else(|| of.into(), |p| format!("{RUN}{p}"))
    }

    /// What [`Self::node`] stands for.
    fn of_node(&self, node: String) -> String {
        match node.strip_prefix(RUN) {
            Some(inside) => self.folder().join(inside).to_string_lossy().into_owned(),
            None => node,
        }
    }

    /// Brings the lineage of an older library into the form of [`Self::node`].
    ///
    /// # Errors
    /// The library cannot be written.
    pub(super) fn make_lineage_relative(&self) -> Result<()> {
        let Some(folder) = self.folder().to_str().filter(|f| !f.is_empty()) else { return Ok(()) };
        let prefix = format!("{}{}", folder.trim_end_matches(std::path::MAIN_SEPARATOR), std::path::MAIN_SEPARATOR);
        self.write(|tx| {
            for column in ["child", "parent"] {
                let text = format!(
                    "UPDATE OR IGNORE lineage SET {column} = ?1 || substr({column}, length(?2) + 1) \
                     WHERE substr({column}, 1, length(?2)) = ?2"
                );
                tx.execute(&text, params![RUN, prefix])?;
            }
            Ok(())
        })
    }
}
