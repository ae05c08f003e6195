//! `latent-studio library note|find`: what is written down of things, and things found by it.

use clap::Args;

use super::{print_json, print_line};
use crate::base::{Problem, Result};
use crate::library::Library;
use crate::library::records::notes::{Note, Wanted};

/// Arguments of `library note`.
#[derive(Args)]
pub struct Write {
    /// The number of a kept picture, a run's folder, a model's hash, or # and the number of a record
    id: String,
    /// A text
    #[arg(long, default_value = "")]
    text: String,
    /// Tag to add (repeatable)
    #[arg(long)]
    tag: Vec<String>,
    /// Tag to remove (repeatable)
    #[arg(long)]
    untag: Vec<String>,
    /// A field; without a value it is removed (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
}

/// Arguments of `library find`.
#[derive(Args)]
pub struct Find {
    /// picture, model, run, checkpoint, data, version, prompt, latent, photo, film, export
    #[arg(long)]
    kind: Option<String>,
    /// A tag that they have (repeatable)
    #[arg(long)]
    tag: Vec<String>,
    /// A field with its value (repeatable)
    #[arg(long, value_name = "NAME=VALUE")]
    field: Vec<String>,
    /// Who made them
    #[arg(long)]
    user: Option<String>,
    /// The sitting that they were made in
    #[arg(long)]
    sitting: Option<String>,
    /// Made on this day or later, such as 2026-03-31
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// A part of what is known or was written down of them
    #[arg(long)]
    text: Option<String>,
    /// One JSON object a thing
    #[arg(long)]
    json: bool,
}

fn pairs(texts: &[String]) -> Result<Vec<(String, String)>> {
    let pair = |text: &String| {
        let (name, value) =
            text.split_once('=').ok_or_else(|| Problem::usage("A field is written as name=value").of(text.clone()))?;
        Ok((name.trim().to_owned(), value.to_owned()))
    };
    texts.iter().map(pair).collect()
}

impl Write {
    /// Writes it down.
    pub fn run(self, library: &Library) -> Result<()> {
        let fields = pairs(&self.set)?;
        let note = Note { text: self.text, tags: self.tag, untag: self.untag, fields };
        library.annotate(library.find_thing(&self.id)?, &note)
    }
}

impl Find {
    /// Lists what is found.
    pub fn run(self, library: &Library) -> Result<()> {
        let since = match &self.since {
            None => None,
            Some(text) => {
                let day: jiff::civil::Date = text.parse().map_err(|e| {
                    Problem::usage("This is no date").of(text.clone()).because(e).try_this("Write 2026-03-31")
                })?;
                let start = day
                    .to_zoned(jiff::tz::TimeZone::system())
                    .map_err(|e| Problem::usage("This is no date").of(text.clone()).because(e))?;
                Some(start.timestamp().as_second())
            }
        };
        let fields = pairs(&self.field)?;
        let Self { kind, tag: tags, user, sitting, text, json, .. } = self;
        let found = library.find_records(&Wanted { kind, tags, fields, user, sitting, since, text })?;
        if json {
            return found.iter().try_for_each(print_json);
        }
        for thing in &found {
            let tags = if thing.tags.is_empty() { String::new() } else { format!("  {}", thing.tags.join(", ")) };
            print_line(&format!("#{:<6} {:10} {}{tags}", thing.id, thing.kind, thing.title))?;
        }
        Ok(())
    }
}
