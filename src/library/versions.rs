//! Versions of data sets: what each picture was, noted when it was looked at, and called by a tag or by a hash.

use std::collections::{HashMap, HashSet};

use rusqlite::{OptionalExtension, Transaction, params};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::records::{Thing, thing};
use super::{Library, marks, sql};
use crate::base::{Problem, Progress, Result};
use crate::data::manifest::{Entry, Manifest};
use crate::recipe::Reading;
use crate::recipe::marks::{Mark, Marks};

/// Pictures of a source of which small versions are kept.
const THUMBS: usize = 20_000;

/// A version of a data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Version {
    /// The source as it is opened.
    pub source: String,
    /// Hash of the manifest.
    pub hash: String,
    /// The version that it was made of.
    pub parent: Option<String>,
    /// Usable pictures.
    pub pictures: u64,
    /// Unix time it was noted first.
    pub made: i64,
    /// Its tags, by name.
    pub tags: Vec<String>,
}

const COLUMNS: &str = "source, hash, parent, pictures, made, (SELECT group_concat(tag, char(31)) FROM version_tags AS t \
    WHERE t.source = versions.source AND t.hash = versions.hash)";

fn row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Version> {
    let tags: Option<String> = row.get(5)?;
    let mut tags: Vec<String> = tags.map(|t| t.split('\u{1f}').map(str::to_owned).collect()).unwrap_or_default();
    tags.sort();
    Ok(Version {
        source: row.get(0)?,
        hash: row.get(1)?,
        parent: row.get(2)?,
        pictures: row.get::<_, i64>(3)?.unsigned_abs(),
        made: row.get(4)?,
        tags,
    })
}

impl Library {
    /// Notes the version of a source that was looked at now; one that is known already stays as it was noted. The newest
    /// one before is what it was made of.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_version(&self, source: &str, manifest: &Manifest) -> Result<Version> {
        let (hash, packed) = (manifest.hash(), manifest.pack());
        let count = sql::count(manifest.entries.len() as u64);
        self.write(|tx| {
            let now = sql::now();
            // Of those of one second, the one that nothing was made of yet.
            let newest = "SELECT hash FROM versions AS v WHERE source = ?1 ORDER BY made DESC, EXISTS \
                          (SELECT 1 FROM versions AS w WHERE w.source = ?1 AND w.parent = v.hash) LIMIT 1";
            let head: Option<String> =
                tx.query_row("SELECT hash FROM heads WHERE source = ?", [source], |row| row.get(0)).optional()?;
            let parent = match head {
                Some(head) => Some(head),
                None => tx.query_row(newest, [source], |row| row.get(0)).optional()?,
            };
            tx.execute("INSERT OR IGNORE INTO manifests (hash, lines) VALUES (?, ?)", params![hash, packed])?;
            let new = tx.execute(
                "INSERT OR IGNORE INTO versions (source, hash, parent, pictures, made) VALUES (?, ?, ?, ?, ?)",
                params![source, hash, parent, count, now],
            )? > 0;
            if new {
                let mut from = vec![(format!("data:{source}"), "version of".to_owned())];
                from.extend(parent.clone().map(|p| (format!("version:{p}"), "after".to_owned())));
                let body = json!({ "name": &hash[..8], "source": source, "pictures": count });
                thing(tx, &Thing { kind: "version".into(), key: format!("version:{hash}"), body, from }, now)?;
            }
            move_head(tx, source, &hash)?;
            tx.query_row(
                &format!("SELECT {COLUMNS} FROM versions WHERE source = ? AND hash = ?"),
                params![source, hash],
                row,
            )
        })
    }

    /// Notes a version that a run saw, of a source that may be elsewhere now; where the source is in its versions stays.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn note_seen_version(&self, source: &str, manifest: &Manifest) -> Result<()> {
        let (hash, packed) = (manifest.hash(), manifest.pack());
        let count = sql::count(manifest.entries.len() as u64);
        self.write(|tx| {
            let now = sql::now();
            tx.execute("INSERT OR IGNORE INTO manifests (hash, lines) VALUES (?, ?)", params![hash, packed])?;
            tx.execute(
                "INSERT OR IGNORE INTO versions (source, hash, parent, pictures, made) VALUES (?1, ?2, \
                 (SELECT hash FROM heads WHERE source = ?1 AND hash <> ?2), ?3, ?4)",
                params![source, hash, count, now],
            )?;
            let from = vec![(format!("data:{source}"), "version of".to_owned())];
            let body = json!({ "name": &hash[..8], "source": source, "pictures": count });
            thing(tx, &Thing { kind: "version".into(), key: format!("version:{hash}"), body, from }, now).map(|_| ())
        })
    }

    /// Whether a version is known.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn has_version(&self, hash: &str) -> Result<bool> {
        let text = "SELECT EXISTS (SELECT 1 FROM versions WHERE hash = ?)";
        self.read(|db| db.query_row(text, [hash], |row| row.get(0)))
    }

    /// The version that a source is at, and the branch that moves along with it.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn head(&self, source: &str) -> Result<Option<(String, Option<String>)>> {
        self.read(|db| {
            let text = "SELECT hash, branch FROM heads WHERE source = ?";
            db.query_row(text, [source], |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })
    }

    /// Branches of a source with the version that each is at, by name.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn branches(&self, source: &str) -> Result<Vec<(String, String)>> {
        self.read(|db| {
            let mut query = db.prepare("SELECT name, hash FROM branches WHERE source = ? ORDER BY name")?;
            query.query_map([source], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// Begins a branch at the version that a source is at, and goes on with it.
    ///
    /// # Errors
    /// The name is none or there is such a branch at another version, or the library cannot be written.
    pub fn branch_version(&self, version: &Version, name: &str) -> Result<()> {
        let name = name_of(name)?;
        if self.branches(&version.source)?.iter().any(|(n, hash)| *n == name && *hash != version.hash) {
            return Err(Problem::usage("There is such a branch already")
                .of(&name)
                .try_this("Go to it with --restore, or choose another name"));
        }
        self.write(|tx| {
            tx.execute(
                "INSERT OR REPLACE INTO branches (source, name, hash) VALUES (?, ?, ?)",
                params![version.source, name, version.hash],
            )?;
            tx.execute(
                "INSERT OR REPLACE INTO heads (source, hash, branch) VALUES (?, ?, ?)",
                params![version.source, version.hash, name],
            )
            .map(|_| ())
        })
    }

    /// Goes back to a version: labels, weights, tags and exclusions of the source become those that it had, and pictures
    /// that it did not have are left out, as one change that can be taken back. `base` is the source as it is now, without
    /// marks. What is noted next is made of this version. It goes on with the branch that it was `called` by; else with the
    /// one that the source is on, if that is at this version; else with the only one that is; else with none.
    ///
    /// # Errors
    /// The version is not known, or the library cannot be read or written.
    pub fn restore_version(&self, version: &Version, called: &str, base: &Manifest) -> Result<Restored> {
        let then = self.manifest(&version.hash)?;
        let title = format!("Go back to version {}", version.tags.first().map_or(&version.hash[..8], |t| t));
        let source = &version.source;
        self.write(|tx| {
            let now = marks::all_of(tx, source)?;
            let (after, mut restored) = marks_of(&then, base, &now);
            restored.marks = marks::merge(tx, source, &title, &now, &after)? as u64;
            let mut here = tx.prepare("SELECT name FROM branches WHERE source = ? AND hash = ?")?;
            let mut here: Vec<String> =
                here.query_map([source, &version.hash], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
            let text = "SELECT branch FROM heads WHERE source = ?";
            let on: Option<String> = tx.query_row(text, [source], |row| row.get(0)).optional()?.flatten();
            let named =
                here.iter().find(|name| *name == called).or_else(|| here.iter().find(|name| on.as_ref() == Some(name)));
            let branch = named.cloned().or_else(|| if here.len() == 1 { here.pop() } else { None });
            tx.execute(
                "INSERT OR REPLACE INTO heads (source, hash, branch) VALUES (?, ?, ?)",
                params![source, version.hash, branch],
            )?;
            Ok(restored)
        })
    }

    /// Keeps small versions of pictures by the hash of their pixels, to show them when they are gone. Those that are known
    /// stay.
    ///
    /// # Errors
    /// The library cannot be written.
    pub fn keep_version_thumbs(&self, thumbs: &[(String, Vec<u8>)]) -> Result<()> {
        self.write(|tx| {
            let mut add = tx.prepare("INSERT OR IGNORE INTO version_thumbs (content, png) VALUES (?, ?)")?;
            thumbs.iter().try_for_each(|(content, png)| add.execute(params![content, png]).map(|_| ()))
        })
    }

    /// Keeps small versions of the pictures of a source as it is now, the first [`THUMBS`] by name, where they are not kept.
    ///
    /// # Errors
    /// The source cannot be opened, the work was cancelled, or the library cannot be read or written.
    pub fn keep_thumbs_of(
        &self,
        source: &str,
        reading: Reading,
        base: &Manifest,
        progress: &dyn Progress,
    ) -> Result<()> {
        let contents: Vec<&str> = base.entries.iter().take(THUMBS).map(|e| e.content.as_str()).collect();
        let missing = self.without_thumb(&contents)?;
        self.keep_version_thumbs(&base.thumbs(source, reading, &missing, progress)?)
    }

    /// The small version of a picture by the hash of its pixels, as PNG.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn version_thumb(&self, content: &str) -> Result<Option<Vec<u8>>> {
        let text = "SELECT png FROM version_thumbs WHERE content = ?";
        self.read(|db| db.prepare_cached(text)?.query_row([content], |row| row.get(0)).optional())
    }

    /// Which of these hashes of pixels no small version is kept of.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn without_thumb(&self, contents: &[&str]) -> Result<Vec<String>> {
        self.read(|db| {
            let mut has = db.prepare("SELECT 1 FROM version_thumbs WHERE content = ?")?;
            let mut out = Vec::new();
            for content in contents {
                if !has.exists([content])? {
                    out.push((*content).to_owned());
                }
            }
            Ok(out)
        })
    }

    /// Versions of a source, or of all, the newest first.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn versions(&self, source: Option<&str>) -> Result<Vec<Version>> {
        self.read(|db| {
            let text =
                format!("SELECT {COLUMNS} FROM versions WHERE ?1 IS NULL OR source = ?1 ORDER BY made DESC, hash");
            db.prepare(&text)?.query_map([source], row)?.collect()
        })
    }

    /// The version that a person calls by a tag, by a branch, or by the beginning of its hash, of this source if one is
    /// given; nothing if there is none.
    ///
    /// # Errors
    /// There are several, or the library cannot be read.
    pub fn find_version(&self, text: &str, source: Option<&str>) -> Result<Option<Version>> {
        let mut all = self.versions(source)?;
        let branches: Vec<(String, String)> = self.read(|db| {
            let mut query = db.prepare("SELECT source, hash FROM branches WHERE name = ?")?;
            query.query_map([text], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })?;
        let on = |v: &Version| branches.iter().any(|(source, hash)| *source == v.source && *hash == v.hash);
        all.retain(|v| v.tags.iter().any(|t| t == text) || on(v) || (text.len() >= 4 && v.hash.starts_with(text)));
        // The same pictures may lie in several places.
        all.sort_by(|a, b| a.hash.cmp(&b.hash));
        all.dedup_by(|a, b| a.hash == b.hash);
        match all.len() {
            0 | 1 => Ok(all.pop()),
            _ => Err(Problem::usage("Several versions are called like this")
                .of(text)
                .try_this("Give the hash that `data versions` shows")),
        }
    }

    /// What each picture of a version was.
    ///
    /// # Errors
    /// The version is not known or damaged, or the library cannot be read.
    pub fn manifest(&self, hash: &str) -> Result<Manifest> {
        let packed: Option<Vec<u8>> = self.read(|db| {
            db.query_row("SELECT lines FROM manifests WHERE hash = ?", [hash], |row| row.get(0)).optional()
        })?;
        let damaged = || Problem::data("This version of the data is missing or damaged in the library").of(hash);
        let manifest = Manifest::unpack(&packed.ok_or_else(damaged)?).ok_or_else(damaged)?;
        if manifest.hash() == hash { Ok(manifest) } else { Err(damaged()) }
    }

    /// Calls a version by a tag; a version of the same source that was called so is not any more.
    ///
    /// # Errors
    /// The tag is empty or could be a hash, or the library cannot be written.
    pub fn tag_version(&self, version: &Version, tag: &str) -> Result<()> {
        let tag = name_of(tag)?;
        self.write(|tx| {
            tx.execute(
                "INSERT OR REPLACE INTO version_tags (source, tag, hash) VALUES (?, ?, ?)",
                params![version.source, tag, version.hash],
            )
            .map(|_| ())
        })
    }
}

/// A name for a version or a branch.
fn name_of(text: &str) -> Result<String> {
    let name = text.trim();
    let hash = name.len() >= 4 && name.chars().all(|c| c.is_ascii_hexdigit());
    if name.is_empty() || name.contains(char::is_control) || hash {
        return Err(Problem::usage("This is no name for a version").of(name).try_this("Choose a word that is no hash"));
    }
    Ok(name.to_owned())
}

/// What going back to a version did.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Restored {
    /// Pictures whose marks changed.
    pub marks: u64,
    /// Pictures that the version did not have: they are left out.
    pub left_out: Vec<String>,
    /// Pictures of the version that are not there any more.
    pub missing: Vec<String>,
    /// Pictures whose contents are others now.
    pub replaced: Vec<String>,
}

/// The marks that make a source what it was, as far as its pictures are there, and what they cannot bring back.
fn marks_of(then: &Manifest, base: &Manifest, kept: &Marks) -> (Marks, Restored) {
    let before: HashMap<&str, &Entry> = then.entries.iter().map(|e| (e.name.as_str(), e)).collect();
    let (mut marks, mut restored) = (Marks::new(), Restored::default());
    for now in &base.entries {
        let mark = match before.get(now.name.as_str()) {
            None => {
                restored.left_out.push(now.name.clone());
                Mark { excluded: true, ..Mark::default() }
            }
            Some(old) => {
                if old.content != now.content {
                    restored.replaced.push(now.name.clone());
                }
                let label = (old.label != now.label).then(|| old.label.clone().unwrap_or_default());
                let tags = old.tags.iter().cloned().collect();
                Mark { label, weight: old.weight, tags, excluded: old.excluded }
            }
        };
        if !mark.is_empty() {
            marks.insert(now.name.clone(), mark);
        }
    }
    let there: HashSet<&str> = base.entries.iter().map(|e| e.name.as_str()).collect();
    // Pictures that are missing for now keep what is set for them: their folder may be back next time.
    let missing = kept.iter().filter(|(name, _)| !there.contains(name.as_str()));
    marks.extend(missing.map(|(name, mark)| (name.clone(), mark.clone())));
    restored.missing = then.entries.iter().map(|e| &e.name).filter(|n| !there.contains(n.as_str())).cloned().collect();
    (marks, restored)
}

/// The source is at this version now, and so is the branch that moves along.
fn move_head(tx: &Transaction<'_>, source: &str, hash: &str) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO heads (source, hash) VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET hash = excluded.hash",
        [source, hash],
    )?;
    tx.execute(
        "UPDATE branches SET hash = ?2 WHERE source = ?1 AND name = (SELECT branch FROM heads WHERE source = ?1)",
        [source, hash],
    )
    .map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::marks::MarkEdit;

    fn manifest(names: &[&str]) -> Manifest {
        let entry = |name: &&str| Entry {
            name: (*name).into(),
            content: format!("{name:0>32}"),
            look: "0".repeat(32),
            width: 4,
            height: 4,
            ..Entry::default()
        };
        Manifest { entries: names.iter().map(entry).collect() }
    }

    #[test]
    fn versions_are_noted_once_called_by_tag_and_read_back() {
        let library = Library::in_memory().unwrap();
        let (one, two) = (manifest(&["a", "b"]), manifest(&["a", "c"]));
        let first = library.note_version("/p", &one).unwrap();
        assert_eq!(library.note_version("/p", &one).unwrap(), first);
        let second = library.note_version("/p", &two).unwrap();
        assert_eq!((second.parent.as_deref(), second.pictures), (Some(first.hash.as_str()), 2));
        assert_eq!(library.manifest(&second.hash).unwrap(), two);
        library.tag_version(&first, "clean").unwrap();
        assert_eq!(library.find_version("clean", None).unwrap().unwrap().hash, first.hash);
        library.tag_version(&second, "clean").unwrap();
        assert_eq!(library.find_version("clean", None).unwrap().unwrap().hash, second.hash);
        assert_eq!(library.find_version(&first.hash[..6], None).unwrap().unwrap().hash, first.hash);
        assert_eq!(library.find_version("other", None).unwrap(), None);
        for wrong in ["", "  ", "beef"] {
            assert!(library.tag_version(&first, wrong).is_err(), "{wrong}");
        }
        assert_eq!(library.versions(Some("/q")).unwrap(), []);
        let graph = library.graph(library.find_thing(&format!("version:{}", second.hash)).unwrap(), 9).unwrap();
        let kinds: Vec<&str> = graph.nodes.iter().map(|n| n.kind.as_str()).collect();
        assert_eq!(kinds, ["data", "version", "version"]);
        library.db.execute("UPDATE manifests SET lines = x'00'", []).unwrap();
        assert!(library.manifest(&first.hash).unwrap_err().what.contains("damaged"));
        assert_eq!(library.verify().unwrap().faults, []);
    }

    #[test]
    fn one_goes_back_to_a_version_and_branches_from_it() {
        let library = Library::in_memory().unwrap();
        let names = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let base = manifest(&["a", "b", "c"]);
        let now = |base: &Manifest| base.marked(&library.marks("/p").unwrap());
        library.mark("/p", &names(&["a"]), MarkEdit::Label(Some("cat".into()))).unwrap();
        library.mark("/p", &names(&["b"]), MarkEdit::Weight(Some(2.0))).unwrap();
        library.mark("/p", &names(&["b"]), MarkEdit::Tag("x".into())).unwrap();
        let first = library.note_version("/p", &now(&base)).unwrap();
        library.branch_version(&first, "main").unwrap();
        library.mark("/p", &names(&["a", "b", "c"]), MarkEdit::Clear).unwrap();
        library.mark("/p", &names(&["c"]), MarkEdit::Exclude(true)).unwrap();
        let second = library.note_version("/p", &now(&base)).unwrap();
        assert_eq!(second.parent.as_deref(), Some(first.hash.as_str()));
        assert_eq!(library.branches("/p").unwrap(), [("main".to_owned(), second.hash.clone())], "it moves along");
        let diff = library.manifest(&first.hash).unwrap().diff(&library.manifest(&second.hash).unwrap());
        assert_eq!((diff.excluded, diff.retagged), (names(&["c"]), names(&["b"])));
        assert_eq!(diff.relabelled, [("a".to_owned(), Some("cat".into()), None)]);
        assert_eq!(diff.reweighted, [("b".to_owned(), 2.0, 1.0)]);

        let restored = library.restore_version(&first, &first.hash, &base).unwrap();
        assert_eq!(restored, Restored { marks: 3, ..Restored::default() });
        assert_eq!(now(&base).hash(), first.hash, "to the byte");
        assert_eq!(library.head("/p").unwrap(), Some((first.hash.clone(), None)));
        library.branch_version(&first, "other").unwrap();
        library.mark("/p", &names(&["a"]), MarkEdit::Weight(Some(0.0))).unwrap();
        let third = library.note_version("/p", &now(&base)).unwrap();
        assert_eq!(third.parent.as_deref(), Some(first.hash.as_str()), "a branch");
        let tips = [("main".to_owned(), second.hash.clone()), ("other".to_owned(), third.hash.clone())];
        assert_eq!(library.branches("/p").unwrap(), tips);
        assert_eq!(library.find_version("main", Some("/p")).unwrap().unwrap().hash, second.hash);
        assert!(library.branch_version(&third, "main").unwrap_err().remedy.is_some());
        // Pictures that came, went or changed since are told.
        let mut other = manifest(&["a", "c", "d"]);
        other.entries[1].content = "f".repeat(32);
        let restored = library.restore_version(&first, &first.hash, &other).unwrap();
        assert_eq!(restored.left_out, ["d"]);
        assert_eq!((restored.missing, restored.replaced), (names(&["b"]), names(&["c"])));
        assert!(library.marks("/p").unwrap()["d"].excluded);
        assert_eq!(
            library.undo_marks("/p", true).unwrap().unwrap(),
            format!("Go back to version {}", &first.hash[..8])
        );
        assert_eq!(library.verify().unwrap().faults, []);
    }

    #[test]
    fn the_branch_that_a_source_is_on_is_kept_and_a_name_is_that_of_its_source() {
        let library = Library::in_memory().unwrap();
        let base = manifest(&["a", "b"]);
        let first = library.note_version("/p", &base).unwrap();
        for name in ["zebra", "apple", "mango"] {
            library.branch_version(&first, name).unwrap();
        }
        library.mark("/p", &["a".to_owned()], MarkEdit::Exclude(true)).unwrap();
        let branch = |library: &Library| library.head("/p").unwrap().unwrap().1;
        library.restore_version(&first, &first.hash, &base).unwrap();
        assert_eq!(branch(&library).as_deref(), Some("mango"), "the one that it is on, not the first by name");
        library.restore_version(&first, "zebra", &base).unwrap();
        assert_eq!(branch(&library).as_deref(), Some("zebra"), "the one that was called");
        library.mark("/p", &["a".to_owned()], MarkEdit::Exclude(true)).unwrap();
        let now = base.marked(&library.marks("/p").unwrap());
        let second = library.note_version("/p", &now).unwrap();
        library.restore_version(&first, &first.hash, &base).unwrap();
        assert_eq!(branch(&library), None, "two others are there: none of them was meant");
        library.restore_version(&second, &second.hash, &base).unwrap();
        assert_eq!(branch(&library).as_deref(), Some("zebra"), "the only one there");

        // The same pictures in another place, and the same words for something else.
        let other = manifest(&["c"]);
        let here = library.note_version("/q", &other).unwrap();
        library.note_version("/q", &base).unwrap();
        library.tag_version(&first, "clean").unwrap();
        library.tag_version(&here, "clean").unwrap();
        assert_eq!(library.find_version("clean", Some("/q")).unwrap().unwrap(), {
            let mut here = here.clone();
            here.tags = vec!["clean".into()];
            here
        });
        assert_eq!(library.find_version("clean", Some("/p")).unwrap().unwrap().hash, first.hash);
        assert!(library.find_version("clean", None).is_err(), "two are called so");
        for source in ["/p", "/q"] {
            assert_eq!(library.find_version(&first.hash, Some(source)).unwrap().unwrap().source, source);
        }
        assert_eq!(library.find_version(&first.hash[..8], None).unwrap().unwrap().hash, first.hash);
    }

    /// What fails in between leaves marks and the place of the source as they were.
    #[test]
    fn going_back_is_done_wholly_or_not_at_all() {
        let library = Library::in_memory().unwrap();
        let base = manifest(&["a", "b"]);
        let first = library.note_version("/p", &base).unwrap();
        library.mark("/p", &["a".to_owned()], MarkEdit::Exclude(true)).unwrap();
        let second = library.note_version("/p", &base.marked(&library.marks("/p").unwrap())).unwrap();
        let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON heads BEGIN SELECT RAISE(ABORT, 'no'); END";
        library.db.execute_batch(refuse).unwrap();
        let before = library.marks("/p").unwrap();
        assert!(library.restore_version(&first, &first.hash, &base).is_err());
        assert_eq!((library.marks("/p").unwrap(), library.head("/p").unwrap().unwrap().0), (before, second.hash));
        library.db.execute_batch("DROP TRIGGER refuse").unwrap();
        library.restore_version(&first, &first.hash, &base).unwrap();
        assert!(library.marks("/p").unwrap().is_empty());
    }

    #[test]
    fn small_versions_are_kept_by_content() {
        let library = Library::in_memory().unwrap();
        library.keep_version_thumbs(&[("aa".into(), vec![1]), ("bb".into(), vec![2])]).unwrap();
        library.keep_version_thumbs(&[("aa".into(), vec![9])]).unwrap();
        assert_eq!(library.version_thumb("aa").unwrap(), Some(vec![1]));
        assert_eq!(library.without_thumb(&["aa", "cc"]).unwrap(), ["cc"]);
    }
}
