//! Points that step back: what a person left out of the data, and what is not looked for.

use std::collections::HashMap;
use std::sync::Arc;

use egui::Ui;

use crate::engine::Item;
use crate::latent::atlas::gather::{Atlas, Point, Whose};
use crate::ui::action::LeftOut;
use crate::ui::format;
use crate::ui::textures::key;
use crate::ui::theme;
use crate::ui::views::explore::page::PageActions;
use crate::ui::views::explore::tabs::atlas::state::AtlasState;

/// Which points step back, worked out when something about them changes.
#[derive(Default)]
pub struct Faded {
    /// Names that are left out, by source.
    left_out: HashMap<String, LeftOut>,
    revision: u64,
    of: u64,
    each: Vec<bool>,
    /// Points that do not step back.
    lit: usize,
}

impl Faded {
    /// Takes in what is left out of a source.
    pub fn leave_out(&mut self, source: &str, names: &LeftOut) {
        self.left_out.insert(source.into(), names.clone());
        self.revision += 1;
    }

    /// Whether a point is left out of the data.
    pub fn is_left_out(&self, atlas: &Atlas, point: &Point) -> bool {
        let Whose::Real { name, .. } = &point.whose else { return false };
        self.left_out.get(&atlas.source).is_some_and(|out| out.contains(name))
    }

    /// Works out which points of a sheet step back, if something changed; `number` tells sheets apart.
    pub fn look(&mut self, (atlas, number): (&Atlas, u64), find: &str, items: &Arc<Vec<Item>>) {
        let now = key((number, self.revision, find, Arc::as_ptr(items) as usize));
        if now == self.of {
            return;
        }
        self.of = now;
        let find = find.trim().to_lowercase();
        let kept: HashMap<i64, &Item> = items.iter().map(|i| (i.id, i)).collect();
        let each = |p: &Point| self.is_left_out(atlas, p) || !find.is_empty() && !is_hit(atlas, p, &find, &kept);
        self.each = atlas.points.iter().map(each).collect();
        self.lit = self.each.iter().filter(|faded| !**faded).count();
    }

    /// Whether a point steps back.
    pub fn is(&self, point: u32) -> bool {
        self.each.get(point as usize).copied().unwrap_or(false)
    }

    /// Which points step back, and a number that changes with them.
    pub fn each(&self) -> (&[bool], u64) {
        (&self.each, self.of)
    }

    /// The field that says what is looked for, and how much of it there is.
    pub fn field(&self, ui: &mut Ui, own: &mut AtlasState, out: &mut PageActions) {
        let help = "Names, labels, tags or seeds; all other points step back";
        let field = theme::text_field(ui, &mut own.find, "find", 96.0, "Find on the atlas").on_hover_text(help);
        if field.changed() {
            out.label = Some("look for points");
        }
        if !own.find.trim().is_empty() {
            theme::weak(ui, format!("{} found", format::count(self.lit as u64)));
        }
    }
}

/// Whether a point is meant by a text in lower case.
fn is_hit(atlas: &Atlas, point: &Point, find: &str, kept: &HashMap<i64, &Item>) -> bool {
    let has = |text: &str| text.to_lowercase().contains(find);
    match &point.whose {
        Whose::Real { name, label, .. } => {
            has(name) || label.and_then(|l| atlas.labels.get(l as usize)).is_some_and(|l| has(l))
        }
        Whose::Generated { seed } => find == seed.to_string() || find == format!("seed {seed}"),
        Whose::Kept { id } => kept.get(id).is_some_and(|item| {
            item.tags.iter().any(|tag| has(tag)) || item.path.file_name().is_some_and(|n| has(&n.to_string_lossy()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_or_not_looked_for_steps_back() {
        let real = |index: u32, name: &str, label: Option<u32>| Point {
            place: [0.0; 2],
            whose: Whose::Real { index, name: name.into(), label, covered: true, hardness: None },
            latent: None,
        };
        let made = Point { place: [0.0; 2], whose: Whose::Generated { seed: 12 }, latent: None };
        let points = vec![real(0, "a-cat.png", Some(0)), real(1, "b.png", Some(1)), real(2, "c.png", None), made];
        let labels = ["Birds", "Cats"].map(String::from).to_vec();
        let atlas = Atlas { points, labels, source: "/pets".into(), holes: Vec::new() };
        let items = Arc::new(Vec::new());
        let mut faded = Faded::default();
        let told = |faded: &mut Faded, find: &str| {
            faded.look((&atlas, 1), find, &items);
            (0..4).map(|i| faded.is(i)).collect::<Vec<_>>()
        };
        assert_eq!(told(&mut faded, " "), [false; 4]);
        let names = |names: &[&str]| {
            Arc::new(names.iter().map(|n| (*n).to_string()).collect::<std::collections::BTreeSet<_>>())
        };
        faded.leave_out("/other", &names(&["b.png"]));
        assert_eq!(told(&mut faded, ""), [false; 4], "of another source");
        faded.leave_out("/pets", &names(&["b.png"]));
        assert_eq!(told(&mut faded, ""), [false, true, false, false]);
        assert_eq!(told(&mut faded, "CAT"), [false, true, true, true], "by name or label, and left out all the same");
        faded.leave_out("/pets", &names(&[]));
        assert_eq!(told(&mut faded, "cat"), [false, false, true, true]);
        assert_eq!((told(&mut faded, "seed 12"), faded.lit), (vec![true, true, true, false], 1));
        assert_eq!(told(&mut faded, "1"), [true; 4], "a seed is meant as a whole");
    }
}
