//! What is known of a setting beside its value: name, help, range. Each group of a recipe has a table of its own.

use serde::Serialize;

use super::Recipe;
use crate::base::Family;

/// What a setting holds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "type")]
#[allow(missing_docs)] // Bounds and steps.
pub enum Input {
    /// A whole number.
    Int { min: i64, max: i64, step: i64 },
    /// A number; `log` for those that are changed by factors.
    Float { min: f64, max: f64, log: bool },
    /// A value that may change over the run: number or `{start, end, kimg, curve}`.
    Schedule { min: f64, max: f64, log: bool },
    /// Width and height in pixels, the longer at most `ratio` times the shorter: a number for squares, or `"64x96"`.
    Size { min: i64, max: i64, step: i64, ratio: i64 },
    /// Yes or no.
    Bool,
    /// One of these words.
    Choice { options: &'static [&'static str] },
    /// A colour `[r, g, b]`.
    Colour,
    /// Free text.
    Text,
    /// A list of words.
    List,
}

/// Group of settings in the form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, strum::EnumIter)]
pub enum Group {
    /// Pictures.
    Data,
    /// Networks.
    Model,
    /// Loss and penalties.
    Objective,
    /// Optimiser.
    Optimiser,
    /// How long.
    Schedule,
    /// What is kept.
    Output,
}

/// A setting.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Field {
    /// Path in the recipe.
    pub key: &'static str,
    /// Name on the form.
    pub title: &'static str,
    /// One sentence that says what turning it up does.
    pub help: &'static str,
    /// Unit, or nothing.
    pub unit: &'static str,
    /// Group on the form.
    pub group: Group,
    /// What it holds.
    pub input: Input,
    /// Only for this family.
    pub family: Option<Family>,
    /// Shown on top, without asking for more.
    pub common: bool,
    /// May change while the run is on.
    pub live: bool,
    /// Why it has no effect with the others as they are; nothing where it has.
    #[serde(skip)]
    pub idle: fn(&Recipe) -> Option<&'static str>,
}

pub(super) const fn field(
    key: &'static str,
    title: &'static str,
    group: Group,
    input: Input,
    help: &'static str,
) -> Field {
    Field { key, title, help, unit: "", group, input, family: None, common: false, live: false, idle: |_| None }
}

impl Field {
    pub(super) const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }
    pub(super) const fn of(mut self, family: Family) -> Self {
        self.family = Some(family);
        self
    }
    pub(super) const fn common(mut self) -> Self {
        self.common = true;
        self
    }
    pub(super) const fn idle(mut self, why: fn(&Recipe) -> Option<&'static str>) -> Self {
        self.idle = why;
        self
    }
    pub(super) const fn live(mut self) -> Self {
        self.live = true;
        self
    }
}

pub(super) const fn int(min: i64, max: i64) -> Input {
    Input::Int { min, max, step: 1 }
}

/// Tables after each other.
pub(super) const fn joined<const N: usize>(tables: &[&[Field]]) -> [Field; N] {
    let mut all = [tables[0][0]; N];
    let (mut at, mut table) = (0, 0);
    while table < tables.len() {
        let mut row = 0;
        while row < tables[table].len() {
            all[at] = tables[table][row];
            (at, row) = (at + 1, row + 1);
        }
        table += 1;
    }
    assert!(at == N, "as many rows as there are");
    all
}
