//! What was made, kept and exported, by model and week, and which settings lead to what is kept.

use rusqlite::params;
use serde::{Deserialize, Serialize};

use super::Library;
use crate::base::Result;

/// Seconds of a week.
pub const WEEK: i64 = 7 * 24 * 3600;
/// A Monday, in seconds since 1970, at midnight UTC.
const MONDAY: i64 = 4 * 24 * 3600;
/// Pictures, the newest ones, whose settings are looked at.
const LOOKED_AT: i64 = 20_000;
/// Stars from which on a picture counts as liked.
const LIKED: i64 = 4;
/// Pictures of a setting from which on its share says something.
const ENOUGH: i64 = 5;

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

impl Library {
    /// What was made, kept and exported. Pictures of data sets do not count.
    ///
    /// # Errors
    /// The library cannot be read.
    pub fn usage(&self) -> Result<Usage> {
        self.read(|db| {
            let number = |row: &rusqlite::Row<'_>, at: usize| Ok::<u64, rusqlite::Error>(row.get::<_, i64>(at)?.unsigned_abs());
            let mut query = db.prepare(
                "SELECT (created - ?1) / ?2, model, count(*), sum(NOT trashed), sum(starred OR rating >= ?3), \
                 avg(nullif(rating, 0)) FROM items INDEXED BY items_usage WHERE imported = 0 GROUP BY 1, 2 ORDER BY 1, 2",
            )?;
            let mut weeks: Vec<Made> = query
                .query_map(params![MONDAY, WEEK, LIKED], |row| {
                    Ok(Made {
                        week: row.get::<_, i64>(0)? * WEEK + MONDAY,
                        model: row.get(1)?,
                        made: number(row, 2)?,
                        kept: number(row, 3)?,
                        liked: number(row, 4)?,
                        rating: row.get(5)?,
                        exported: 0,
                    })
                })?
                .collect::<rusqlite::Result<_>>()?;
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
            let mut settings = Vec::new();
            let named = [
                ("model", "model"),
                ("made by", "json_extract(recipe, '$.made_by')"),
                ("truncation", "printf('%.1f', json_extract(recipe, '$.truncation'))"),
                ("prior", "CASE WHEN json_extract(recipe, '$.prior') IS NULL THEN 'standard normal' ELSE 'fitted' END"),
            ];
            for (name, value) in named {
                let mut query = db.prepare(&format!(
                    "SELECT {value}, count(*), sum(starred OR rating >= ?2) FROM (SELECT model, recipe, starred, rating \
                     FROM items WHERE imported = 0 AND recipe IS NOT NULL AND json_valid(recipe) \
                     ORDER BY id DESC LIMIT ?1) GROUP BY 1 HAVING count(*) >= ?3 ORDER BY 1"
                ))?;
                let all = query.query_map(params![LOOKED_AT, LIKED, ENOUGH], |row| {
                    let value: Option<String> = row.get(0)?;
                    Ok((value.unwrap_or_default(), number(row, 1)?, number(row, 2)?))
                })?;
                for found in all {
                    let (value, pictures, liked) = found?;
                    let share = wilson(liked as f64, pictures as f64);
                    settings.push(Setting { name: name.into(), value, pictures, liked, share });
                }
            }
            settings.sort_by(|a, b| b.share.0.total_cmp(&a.share.0).then_with(|| (&a.name, &a.value).cmp(&(&b.name, &b.value))));
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
        let plan: String = library
            .db
            .query_row(
                "EXPLAIN QUERY PLAN SELECT (created - 1) / 2, model, count(*), sum(NOT trashed), \
                 sum(starred OR rating >= 4), avg(nullif(rating, 0)) FROM items INDEXED BY items_usage \
                 WHERE imported = 0 GROUP BY 1, 2",
                [],
                |row| row.get(3),
            )
            .unwrap();
        assert!(plan.contains("COVERING INDEX items_usage"), "{plan}");
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
