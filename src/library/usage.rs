//! What was made, kept and exported, by model and week, and which settings lead to what is kept.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::Library;
use crate::base::Result;

/// Seconds of a week.
pub const WEEK: i64 = 7 * 24 * 3600;
/// A Monday, in seconds since 1970, at midnight UTC.
const MONDAY: i64 = 4 * 24 * 3600;
/// Pictures, the newest ones, whose settings are looked at.
const LOOKED_AT: i64 = 10_000;
/// Stars from which on a picture counts as liked.
const LIKED: i64 = 4;
/// Pictures of a setting from which on its share says something.
const ENOUGH: u64 = 5;

/// What a model made in a week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Made {
    /// Unix time of its Monday, at midnight UTC.
    pub week: i64,
    /// Name of the model.
    pub model: String,
    /// Pictures that were kept at some time.
    pub made: u64,
    /// Those of them that are not in the trash.
    pub kept: u64,
    /// Those of them that are starred, or have four stars or more.
    pub liked: u64,
    /// Mean rating of the rated ones, 1 to 5.
    pub rating: Option<f64>,
    /// Files that were exported.
    pub exported: u64,
}

/// How a setting does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setting {
    /// Which, such as `truncation`.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Pictures made with it, among the newest.
    pub pictures: u64,
    /// Those of them that are starred, or have four stars or more.
    pub liked: u64,
    /// Lower and upper bound of the share of those, at 95 % (Wilson).
    pub share: (f64, f64),
}

/// What was made, kept and exported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// By week and model, the earliest first.
    pub weeks: Vec<Made>,
    /// By setting; those with the largest lower bound first.
    pub settings: Vec<Setting>,
}

/// Bounds of a share at 95 % (Wilson 1927).
pub(super) fn wilson(hits: f64, of: f64) -> (f64, f64) {
    const Z: f64 = 1.959_964;
    if of <= 0.0 {
        return (0.0, 1.0);
    }
    let (share, square) = (hits / of, Z * Z);
    let middle = share + square / (2.0 * of);
    let half = Z * (share * (1.0 - share) / of + square / (4.0 * of * of)).sqrt();
    let whole = 1.0 + square / of;
    (((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0))
}

fn number(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(at)?.unsigned_abs())
}

/// Sums of a model's pictures of some time; the index holds all that it takes.
const SUMS: &str = "SELECT count(*), coalesce(sum(NOT trashed), 0), coalesce(sum(starred OR rating >= ?4), 0), \
    avg(nullif(rating, 0)) FROM items INDEXED BY items_usage \
    WHERE model = ?1 AND created >= ?2 AND created < ?3 AND imported = 0";

/// What each model made in each week in which it made something. Models and weeks are leapt to along the index, so that
/// nothing is sorted.
fn made(db: &Connection) -> rusqlite::Result<Vec<Made>> {
    let mut next_model = db.prepare("SELECT min(model) FROM items INDEXED BY items_usage WHERE model > ?1")?;
    let mut next_time =
        db.prepare("SELECT min(created) FROM items INDEXED BY items_usage WHERE model = ?1 AND created >= ?2")?;
    let mut sums = db.prepare(SUMS)?;
    let mut out = Vec::new();
    let mut model: Option<String> = db.query_row("SELECT min(model) FROM items", [], |row| row.get(0))?;
    while let Some(name) = model {
        let mut time: Option<i64> = next_time.query_row(params![name, i64::MIN], |row| row.get(0))?;
        while let Some(first) = time {
            let week = first.saturating_sub(MONDAY).div_euclid(WEEK).saturating_mul(WEEK).saturating_add(MONDAY);
            let end = week.saturating_add(WEEK);
            if end <= first {
                // A time that is none: there are no weeks after it.
                break;
            }
            let row = sums.query_row(params![name, week, end, LIKED], |row| {
                Ok(Made {
                    week,
                    model: name.clone(),
                    made: number(row, 0)?,
                    kept: number(row, 1)?,
                    liked: number(row, 2)?,
                    rating: row.get(3)?,
                    exported: 0,
                })
            })?;
            out.extend((row.made > 0).then_some(row));
            time = next_time.query_row(params![name, end], |row| row.get(0))?;
        }
        model = next_model.query_row([&name], |row| row.get(0))?;
    }
    Ok(out)
}

/// How each setting of the newest pictures does.
fn settings(db: &Connection) -> rusqlite::Result<Vec<Setting>> {
    const NAMES: [&str; 4] = ["model", "made by", "truncation", "prior"];
    let mut query = db.prepare(
        "SELECT model, json_extract(recipe, '$.made_by'), printf('%.1f', json_extract(recipe, '$.truncation')), \
         CASE WHEN json_extract(recipe, '$.prior') IS NULL THEN 'standard normal' ELSE 'fitted' END, \
         starred OR rating >= ?2 FROM items WHERE imported = 0 AND recipe IS NOT NULL AND json_valid(recipe) \
         ORDER BY id DESC LIMIT ?1",
    )?;
    let mut counts: BTreeMap<(usize, String), (u64, u64)> = BTreeMap::new();
    let mut rows = query.query(params![LOOKED_AT, LIKED])?;
    while let Some(row) = rows.next()? {
        let liked = u64::from(row.get::<_, bool>(4)?);
        for name in 0..NAMES.len() {
            let value: Option<String> = row.get(name)?;
            let count = counts.entry((name, value.unwrap_or_default())).or_default();
            *count = (count.0 + 1, count.1 + liked);
        }
    }
    let enough = counts.into_iter().filter(|(_, (pictures, _))| *pictures >= ENOUGH);
    let setting = |((name, value), (pictures, liked)): ((usize, String), (u64, u64))| Setting {
        name: NAMES[name].into(),
        value,
        pictures,
        liked,
        share: wilson(liked as f64, pictures as f64),
    };
    Ok(enough.map(setting).collect())
}

impl Library {
    /// What was made, kept and exported. Pictures of data sets do not count.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn usage(&self) -> Result<Usage> {
        self.read(|db| {
            let mut weeks = made(db)?;
            let mut query = db.prepare(
                "SELECT (at - ?1) / ?2, coalesce(json_extract(body, '$.model'), ''), count(*) FROM records \
                 WHERE kind IN ('export', 'film') AND key IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2",
            )?;
            let exported: Vec<(i64, String, u64)> = query
                .query_map(params![MONDAY, WEEK], |row| {
                    Ok((row.get::<_, i64>(0)? * WEEK + MONDAY, row.get(1)?, number(row, 2)?))
                })?
                .collect::<rusqlite::Result<_>>()?;
            for (week, model, count) in exported {
                match weeks.iter_mut().find(|m| m.week == week && m.model == model) {
                    Some(made) => made.exported = count,
                    None => {
                        let exported = count;
                        weeks.push(Made { week, model, made: 0, kept: 0, liked: 0, rating: None, exported });
                    }
                }
            }
            weeks.sort_by(|a, b| (a.week, &a.model).cmp(&(b.week, &b.model)));
            let mut settings = settings(db)?;
            settings.sort_by(|a, b| {
                b.share.0.total_cmp(&a.share.0).then_with(|| (&a.name, &a.value).cmp(&(&b.name, &b.value)))
            });
            Ok(Usage { weeks, settings })
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::library::records::Thing;
    use crate::library::tests::six;

    #[test]
    fn a_week_of_use_is_counted_by_model() {
        let (_dir, library, ids) = six();
        library.rate(&ids[..2], 5).unwrap();
        library.trash(&ids[5..], true).unwrap();
        // One of them was made the week before.
        library.db.execute("UPDATE items SET created = created - ? WHERE id = ?", params![WEEK, ids[0]]).unwrap();
        let model = library.item(ids[0]).unwrap().unwrap().model;
        let body = json!({ "file": "x.png", "model": model });
        let from = vec![(format!("item:{}", ids[0]), "exported".to_owned())];
        library.note_thing(&Thing { kind: "export".into(), key: "file:x.png".into(), body, from }).unwrap();
        let usage = library.usage().unwrap();
        let sum = |f: &dyn Fn(&Made) -> u64| usage.weeks.iter().map(f).sum::<u64>();
        assert_eq!((sum(&|m| m.made), sum(&|m| m.kept), sum(&|m| m.exported)), (6, 5, 1));
        assert!(usage.weeks[0].week < usage.weeks.last().unwrap().week);
        assert_eq!((usage.weeks[0].made, usage.weeks[0].rating), (1, Some(5.0)));
        assert!(usage.weeks.iter().all(|m| (m.week - MONDAY) % WEEK == 0));
        let plan = format!("EXPLAIN QUERY PLAN {SUMS}");
        let plan: String = library.db.query_row(&plan, params!["a", 0, 1, 4], |row| row.get(3)).unwrap();
        assert!(plan.contains("COVERING INDEX items_usage"), "{plan}");
    }

    /// What a plain walk over every picture counts, for weeks with gaps, several models, trash and imported pictures.
    #[test]
    fn sums_along_the_index_are_those_of_a_plain_count() {
        let (_dir, library, _) = six();
        library.db.execute("DELETE FROM items", []).unwrap();
        type Sums = (u64, u64, u64, Vec<u64>);
        let mut plain: BTreeMap<(i64, String), Sums> = BTreeMap::new();
        for n in 0_i64..600 {
            let mixed = (n * 7919 + 13) % 1009;
            let model = ["", "faces", "nouns", "ümlaut"][(mixed % 4) as usize];
            let (rating, starred) = (mixed % 6, mixed % 7 == 0);
            let (trashed, imported) = (mixed % 5 == 0, mixed % 11 == 0);
            // The edges of weeks too, and gaps of many weeks.
            let created = MONDAY + (mixed % 9) * (mixed % 3 + 1) * WEEK + [0, WEEK - 1, 1, 4000][(n % 4) as usize];
            library
                .db
                .execute(
                    "INSERT INTO items (path, width, height, model, model_hash, rating, starred, trashed, created, imported) \
                     VALUES (?1, 8, 8, ?2, '', ?3, ?4, ?5, ?6, ?7)",
                    params![format!("{n}.png"), model, rating, starred, trashed, created, imported],
                )
                .unwrap();
            if !imported {
                let week = (created - MONDAY) / WEEK * WEEK + MONDAY;
                let sums = plain.entry((week, model.to_owned())).or_default();
                sums.0 += 1;
                sums.1 += u64::from(!trashed);
                sums.2 += u64::from(starred || rating >= LIKED);
                sums.3.extend((rating > 0).then_some(rating.unsigned_abs()));
            }
        }
        let plain: Vec<Made> = plain
            .into_iter()
            .map(|((week, model), (made, kept, liked, ratings))| {
                let sum = ratings.iter().sum::<u64>() as f64;
                let rating = (!ratings.is_empty()).then_some(sum / ratings.len() as f64);
                Made { week, model, made, kept, liked, rating, exported: 0 }
            })
            .collect();
        assert!(plain.len() > 20);
        assert_eq!(library.usage().unwrap().weeks, plain);
    }

    /// Every recipe is looked at once, and each of its settings counts with what it was.
    #[test]
    fn settings_are_counted_one_by_one() {
        let (_dir, library, ids) = six();
        library.rate(&ids[..3], 5).unwrap();
        let model = |name: &str| library.items(&Default::default()).unwrap().iter().filter(|i| i.model == name).count();
        let (faces, usage) = (model("faces"), library.usage().unwrap());
        // Two pictures of the other model are too few to say something.
        assert_eq!(faces, 4);
        assert!(usage.settings.iter().all(|s| s.name != "model"), "{:?}", usage.settings);
        let truncation: Vec<&Setting> = usage.settings.iter().filter(|s| s.name == "truncation").collect();
        assert_eq!(truncation.iter().map(|s| (s.pictures, s.liked)).collect::<Vec<_>>(), [(6, 3)]);
        assert_eq!(truncation[0].share, wilson(3.0, 6.0));
    }

    /// Worked out by the formula of Wilson 1927 for 10 and for 0 of 20.
    #[test]
    fn bounds_of_shares_are_wilsons() {
        let close = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1e-3 && (a.1 - b.1).abs() < 1e-3;
        assert!(close(wilson(10.0, 20.0), (0.2993, 0.7007)));
        assert!(close(wilson(0.0, 20.0), (0.0, 0.1611)));
        assert_eq!(wilson(0.0, 0.0), (0.0, 1.0));
    }
}
