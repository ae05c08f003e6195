//! Where the present picture came from, in words.

use super::desk::{Desk, Tab};
use crate::ui::widgets::latent_slot::{Anchor, latent_label};

/// What is said once it was changed by its sliders, seed or class.
pub const BY_HAND: &str = "changed by hand";

/// Names in a row: `a, b and c`; of many, the first.
fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= 4 => format!("{} and {last}", first.join(", ")),
        [first, second, ..] => format!("{first}, {second} and {} more", names.len() - 2),
    }
}

fn anchors<'a>(all: impl IntoIterator<Item = &'a Anchor>) -> String {
    list(&all.into_iter().map(Anchor::label).collect::<Vec<_>>())
}

/// Where a picture that was chosen on a page came from. `label`: what was done there.
pub fn of(tab: Tab, desk: &Desk, label: Option<&str>) -> String {
    match tab {
        Tab::Sheet => "Random sheet".into(),
        Tab::Plane => "Seed plane".into(),
        Tab::Traverse => "One dimension at a time".into(),
        Tab::Walk => format!("Walk past {}", anchors(&desk.walk.stops)),
        Tab::Compare => format!("Between {}", anchors(&desk.compare.ends)),
        Tab::Directions if label == Some("stand at a sum") => {
            let term =
                |t: &super::directions::sum::Term| format!("{} {}", if t.minus { "−" } else { "+" }, t.anchor.label());
            format!("Sum {}", desk.sum.terms.iter().map(term).collect::<Vec<_>>().join(" "))
        }
        Tab::Directions => {
            let d = &desk.directions;
            let from = d.base.as_ref().map_or_else(String::new, |b| latent_label(&b.1));
            let moved = d.strengths.iter().filter(|s| *s.1 != 0.0);
            let moved: Vec<String> = moved.map(|(name, by)| format!("{name} {by:+.1} σ").replace('-', "−")).collect();
            if moved.is_empty() { "A direction's strip".into() } else { format!("{from}, moved: {}", list(&moved)) }
        }
        Tab::Breed => {
            let parents: Vec<String> = desk.breed.parents.iter().map(latent_label).collect();
            format!("Bred from {}", list(&parents))
        }
        Tab::Picture => "Found for a picture of yours".into(),
        other => format!("From the page {}", other.title()),
    }
}

/// Where a place came from that another page, the gallery or a file handed over. `label`: what was done.
pub fn brought(label: &str) -> &'static str {
    match label {
        "stand at a dropped picture" => "A dropped picture",
        _ => "Brought from another page",
    }
}

/// The same once it was changed by hand; said once.
pub fn changed(came: &str) -> String {
    if came.is_empty() || came.ends_with(BY_HAND) { came.into() } else { format!("{came}; {BY_HAND}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::picture::Latent;

    #[test]
    fn it_is_said_where_a_picture_came_from() {
        let mut desk = Desk::default();
        desk.directions.base = Some(("m".into(), Latent::Seed { seed: 4 }));
        desk.directions.strengths.insert("Warmer".into(), -1.5);
        desk.directions.strengths.insert("Other".into(), 0.0);
        assert_eq!(of(Tab::Directions, &desk, None), "seed 4, moved: Warmer −1.5 σ");
        assert_eq!(of(Tab::Directions, &desk, Some("stand at a sum")), "Sum + seed 1 − seed 2 + seed 3");
        assert_eq!(of(Tab::Walk, &desk, None), "Walk past seed 1, seed 2 and seed 3");
        assert_eq!(brought("stand at a dropped picture"), "A dropped picture");
        let hand = changed("Random sheet");
        assert_eq!((hand.as_str(), changed(&hand)), ("Random sheet; changed by hand", hand.clone()));
        assert_eq!(list(&(1..7).map(|i| i.to_string()).collect::<Vec<_>>()), "1, 2 and 4 more");
    }
}
