//! Where the present picture came from, in words.

use std::path::Path;

use crate::ui::widgets::latent_slot::Anchor;

/// What is said once it was changed by its sliders, seed or class.
pub const BY_HAND: &str = "changed by hand";
/// What is said of a picture that was kept.
pub const KEPT: &str = "From the kept pictures";
/// What is said of a picture that was looked at before.
pub const HISTORY: &str = "From history";
/// What is said of the picture that a model begins with.
pub const BEGINNING: &str = "The picture this model begins with";

/// What is said of a picture file that the studio made.
pub fn of_file(path: &Path) -> String {
    format!("From the file {}", path.file_name().unwrap_or_default().to_string_lossy())
}

/// Names in a row: `a, b and c`; of many, the first.
pub fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] if names.len() <= 4 => format!("{} and {last}", first.join(", ")),
        [first, second, ..] => format!("{first}, {second} and {} more", names.len() - 2),
    }
}

/// What anchors are called, in a row.
pub fn anchors<'a>(all: impl IntoIterator<Item = &'a Anchor>) -> String {
    list(&all.into_iter().map(Anchor::label).collect::<Vec<_>>())
}

/// The same once it was changed by hand; said once.
pub fn changed(provenance: &str) -> String {
    if provenance.is_empty() || provenance.ends_with(BY_HAND) {
        return provenance.into();
    }
    format!("{provenance}; {BY_HAND}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_where_a_picture_came_from() {
        assert_eq!(anchors(&[1.0, 2.0, 3.0].map(Anchor::Seed)), "seed 1, seed 2 and seed 3");
        assert_eq!(of_file(Path::new("/pictures/nouns 7.png")), "From the file nouns 7.png");
        let hand = changed("Random samples");
        assert_eq!((hand.as_str(), changed(&hand)), ("Random samples; changed by hand", hand.clone()));
        assert_eq!(list(&(1..7).map(|i| i.to_string()).collect::<Vec<_>>()), "1, 2 and 4 more");
    }
}
