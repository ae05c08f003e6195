//! Filters as a person writes them: `model=nouns-gan rating>=3 data=fashion label="Ankle boot" date>=2026-01-01`.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use crate::base::{Problem, Result};

/// What a condition looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::EnumIter)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// Name of the model that made it.
    Model,
    /// Name of its data set.
    Data,
    /// Label.
    Label,
    /// Tag.
    Tag,
    /// Name within its data set.
    Name,
    /// `real` or `generated`.
    Origin,
    /// Rating, 0 to 5.
    Rating,
    /// Pixels across.
    Width,
    /// Pixels down.
    Height,
    /// Day it was kept or imported.
    Date,
    /// `yes` or `no`.
    Starred,
}

/// How a condition compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Compare {
    #[serde(rename = "=")]
    Equal,
    #[serde(rename = "!=")]
    Unequal,
    #[serde(rename = "<")]
    Less,
    #[serde(rename = "<=")]
    AtMost,
    #[serde(rename = ">")]
    Greater,
    #[serde(rename = ">=")]
    AtLeast,
}

/// Longer signs first: `>=` is not `>` and `=`.
const SIGNS: [(&str, Compare); 6] = [
    ("!=", Compare::Unequal),
    ("<=", Compare::AtMost),
    (">=", Compare::AtLeast),
    ("=", Compare::Equal),
    ("<", Compare::Less),
    (">", Compare::Greater),
];

/// Fields as they are written.
const NAMES: &str = "model, data, label, tag, name, origin, rating, width, height, date, starred";

/// One condition on a picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// What it looks at.
    pub field: Field,
    /// How.
    pub compare: Compare,
    /// With what, checked when it was read.
    pub value: String,
}

impl Field {
    fn id(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Data => "data",
            Self::Label => "label",
            Self::Tag => "tag",
            Self::Name => "name",
            Self::Origin => "origin",
            Self::Rating => "rating",
            Self::Width => "width",
            Self::Height => "height",
            Self::Date => "date",
            Self::Starred => "starred",
        }
    }

    fn is_ordered(self) -> bool {
        matches!(self, Self::Rating | Self::Width | Self::Height | Self::Date)
    }
}

impl Compare {
    fn sign(self) -> &'static str {
        SIGNS.iter().find(|s| s.1 == self).map_or("=", |s| s.0)
    }
}

impl std::fmt::Display for Condition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let quoted = self.value.is_empty() || self.value.contains(|c: char| c.is_whitespace() || c == '"');
        let value = if quoted { format!("\"{}\"", self.value.replace('"', "\"\"")) } else { self.value.clone() };
        write!(f, "{}{}{value}", self.field.id(), self.compare.sign())
    }
}

fn bad(what: impl Into<String>, part: &str, how: impl Into<String>) -> Problem {
    Problem::usage(what).of(part).try_this(how)
}

/// The words of a filter; those in double quotes may hold spaces, two quotes inside are one.
fn parts(text: &str) -> Result<Vec<String>> {
    let (mut all, mut part, mut quoted, mut any) = (Vec::new(), String::new(), false, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => {
                part.push('"');
                chars.next();
            }
            '"' => (quoted, any) = (!quoted, true),
            c if c.is_whitespace() && !quoted => {
                if any {
                    all.push(std::mem::take(&mut part));
                }
                any = false;
            }
            c => {
                part.push(c);
                any = true;
            }
        }
    }
    if quoted {
        return Err(bad("A quotation mark in this filter is not closed", text, "Write label=\"two words\""));
    }
    if any {
        all.push(part);
    }
    Ok(all)
}

impl Condition {
    /// Reads the conditions of a filter.
    ///
    /// # Errors
    /// A part is no condition, asks for what pictures do not have, or compares with what makes no sense; it is named.
    pub fn all(text: &str) -> Result<Vec<Self>> {
        parts(text)?.iter().map(|part| Self::read(part)).collect()
    }

    fn read(part: &str) -> Result<Self> {
        let how = || format!("Write conditions such as rating>=3 or label=\"two words\"; there are {NAMES}");
        let at = part
            .find(['=', '<', '>', '!'])
            .ok_or_else(|| bad("This part of the filter is no condition", part, how()))?;
        let (name, rest) = part.split_at(at);
        let Some((sign, compare)) = SIGNS.iter().find(|s| rest.starts_with(s.0)) else {
            return Err(bad("This part of the filter is no condition", part, how()));
        };
        let id = name.trim().to_lowercase();
        let field = <Field as strum::IntoEnumIterator>::iter().find(|f| f.id() == id).ok_or_else(|| {
            bad(format!("Pictures cannot be filtered by {name:?}"), part, format!("There are {NAMES}"))
        })?;
        let condition = Self { field, compare: *compare, value: rest[sign.len()..].trim().to_string() };
        condition.check(part)?;
        Ok(condition)
    }

    fn check(&self, part: &str) -> Result<()> {
        let id = self.field.id();
        if !self.field.is_ordered() && !matches!(self.compare, Compare::Equal | Compare::Unequal) {
            return Err(bad(format!("{id} is compared by = or != only"), part, format!("Write {id}={}", self.value)));
        }
        let one_of = |all: [&str; 2]| {
            let fits = all.contains(&self.value.to_lowercase().as_str());
            if fits {
                Ok(())
            } else {
                Err(bad(format!("{id} is {} or {}", all[0], all[1]), part, format!("Write {id}={}", all[0])))
            }
        };
        match self.field {
            Field::Origin => one_of(["real", "generated"]),
            Field::Starred => one_of(["yes", "no"]),
            Field::Rating | Field::Width | Field::Height => match self.value.parse::<u32>() {
                Ok(_) => Ok(()),
                Err(_) => {
                    Err(bad(format!("{id} is a whole number"), part, format!("Write {id}{}3", self.compare.sign())))
                }
            },
            Field::Date => day(&self.value).map(|_| ()).map_err(|p| p.of(part)),
            Field::Model | Field::Data | Field::Label | Field::Tag | Field::Name => Ok(()),
        }
    }

    /// Pictures for which the condition holds, or does not: a query for their numbers, its value, and whether those that
    /// it finds are the ones that are not wanted. With `alive` only of pictures that are not in the trash, for which there
    /// are indexes.
    pub(super) fn query(&self, alive: bool) -> (String, Value, bool) {
        let items = if alive { "SELECT id FROM items WHERE trashed = 0 AND" } else { "SELECT id FROM items WHERE" };
        let text = Value::Text(self.value.clone());
        let not = self.compare == Compare::Unequal;
        let sign = if not { "=" } else { self.compare.sign() };
        let by = |query: &str| (query.to_string(), text.clone(), not);
        match self.field {
            Field::Model => by(&format!("{items} model = ?")),
            Field::Data => by("SELECT item FROM imported WHERE dataset = ? COLLATE NOCASE"),
            Field::Label => by("SELECT item FROM imported WHERE label = ? COLLATE NOCASE"),
            Field::Name => by("SELECT item FROM imported WHERE name = ?"),
            Field::Tag => by("SELECT item FROM item_tags WHERE tag = ?"),
            Field::Origin => {
                let real = self.value.eq_ignore_ascii_case("real");
                (format!("{items} imported = ?"), Value::Integer(2), not == real)
            }
            Field::Starred => {
                let yes = self.value.eq_ignore_ascii_case("yes");
                (format!("{items} starred <> ?"), Value::Integer(0), not == yes)
            }
            Field::Rating | Field::Width | Field::Height => {
                let number = self.value.parse().unwrap_or_default();
                (format!("{items} {} {sign} ?", self.field.id()), Value::Integer(number), not)
            }
            Field::Date => {
                let [begin, end] = day(&self.value).unwrap_or_default();
                let (test, at) = match self.compare {
                    Compare::Less => ("created < ?1".to_string(), begin),
                    Compare::AtLeast => ("created >= ?1".to_string(), begin),
                    Compare::AtMost => ("created < ?1".to_string(), end),
                    Compare::Greater => ("created >= ?1".to_string(), end),
                    Compare::Equal | Compare::Unequal => (format!("created >= ?1 AND created < {end}"), begin),
                };
                (format!("{items} {test}"), Value::Integer(at), not)
            }
        }
    }

    /// As a condition of a query over items, with its value.
    pub(super) fn sql(&self) -> (String, Value) {
        let (query, value, not) = self.query(false);
        let query = query.replace("?1", "?");
        (format!("id {}IN ({query})", if not { "NOT " } else { "" }), value)
    }
}

/// When a day begins and ends here, in Unix time.
fn day(text: &str) -> Result<[i64; 2]> {
    let bad = || Problem::usage("A date is year-month-day").of(text).try_this("Write date>=2026-01-31");
    let date: Date = text.parse().map_err(|_| bad())?;
    let begin = |date: Date| date.to_zoned(TimeZone::system()).map(|z| z.timestamp().as_second()).map_err(|_| bad());
    Ok([begin(date)?, begin(date.tomorrow().map_err(|_| bad())?)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read_and_written_back() {
        let text =
            "model=nouns-gan rating>=3 label=\"Ankle boot\" origin=real width<64 date!=2026-01-31 tag=\"a \"\"b\"\"\"";
        let all = Condition::all(text).unwrap();
        let written: Vec<String> = all.iter().map(ToString::to_string).collect();
        assert_eq!(written.join(" "), text);
        assert_eq!((all[2].field, all[2].value.as_str()), (Field::Label, "Ankle boot"));
        assert_eq!(all[6].value, "a \"b\"");
        assert!(Condition::all("  ").unwrap().is_empty());
    }

    #[test]
    fn what_makes_no_sense_is_named() {
        for (text, what) in [
            ("rating", "no condition"),
            ("colour=red", "cannot be filtered by \"colour\""),
            ("rating>=many", "whole number"),
            ("rating>=-1", "whole number"),
            ("model>=x", "= or != only"),
            ("origin=fake", "real or generated"),
            ("starred=maybe", "yes or no"),
            ("date>=2026-13-01", "year-month-day"),
            ("label=\"open", "not closed"),
            ("!x", "no condition"),
        ] {
            let problem = Condition::all(text).unwrap_err();
            assert!(problem.what.contains(what) && problem.exit_code() == 2, "{text}: {problem:?}");
            assert!(problem.subject.is_some() && problem.remedy.is_some(), "{text}");
        }
    }
}
