//! What was done to kept pictures, each with its opposite, so that Undo works without asking the library for old states.

use crate::engine::{Command, Item};

/// Something that was done.
#[derive(Clone, Debug)]
struct Deed {
    there: Vec<Command>,
    back: Vec<Command>,
}

/// What was done, and how much of it holds now.
#[derive(Clone, Debug, Default)]
pub struct Journal {
    deeds: Vec<Deed>,
    at: usize,
}

impl Journal {
    /// How many deeds hold: what Undo comes back to.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Notes a deed that is done now; what was undone before is forgotten.
    pub fn note(&mut self, there: Vec<Command>, back: Vec<Command>) {
        self.deeds.truncate(self.at);
        self.deeds.push(Deed { there, back });
        self.at = self.deeds.len();
    }

    /// The commands that lead to the time when `at` deeds held.
    pub fn go(&mut self, at: usize) -> Vec<Command> {
        let at = at.min(self.deeds.len());
        let commands = if at < self.at {
            self.deeds[at..self.at].iter().rev().flat_map(|d| d.back.clone()).collect()
        } else {
            self.deeds[self.at..at].iter().flat_map(|d| d.there.clone()).collect()
        };
        self.at = at;
        commands
    }
}

/// To the trash or back, and its opposite.
pub fn trash(ids: Vec<i64>, trashed: bool) -> (Vec<Command>, Vec<Command>) {
    (vec![Command::TrashItems { ids: ids.clone(), trashed }], vec![Command::TrashItems { ids, trashed: !trashed }])
}

/// A rating, and the ratings before.
pub fn rate(items: &[&Item], rating: u8) -> (Vec<Command>, Vec<Command>) {
    let back = grouped(items, |i| i.rating).map(|(rating, ids)| Command::RateItems { ids, rating }).collect();
    (vec![Command::RateItems { ids: items.iter().map(|i| i.id).collect(), rating }], back)
}

/// A star, and the stars before.
pub fn star(items: &[&Item], starred: bool) -> (Vec<Command>, Vec<Command>) {
    let back = grouped(items, |i| i.starred).map(|(starred, ids)| Command::StarItems { ids, starred }).collect();
    (vec![Command::StarItems { ids: items.iter().map(|i| i.id).collect(), starred }], back)
}

/// A tag, and taking it away where it was not.
pub fn tag(items: &[&Item], tag: &str, add: bool) -> (Vec<Command>, Vec<Command>) {
    let ids: Vec<i64> = items.iter().filter(|i| i.tags.iter().any(|t| t == tag) != add).map(|i| i.id).collect();
    let command = |ids: Vec<i64>, add| vec![Command::TagItems { ids, tag: tag.into(), add }];
    (command(ids.clone(), add), command(ids, !add))
}

fn grouped<K: Ord>(items: &[&Item], key: impl Fn(&Item) -> K) -> impl Iterator<Item = (K, Vec<i64>)> {
    let mut groups = std::collections::BTreeMap::<K, Vec<i64>>::new();
    for item in items {
        groups.entry(key(item)).or_default().push(item.id);
    }
    groups.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deeds_are_undone_in_reverse_and_done_again() {
        let mut journal = Journal::default();
        for id in 1..=3 {
            let (there, back) = trash(vec![id], true);
            journal.note(there, back);
        }
        let ids = |commands: Vec<Command>| -> Vec<(i64, bool)> {
            commands
                .iter()
                .map(|c| match c {
                    Command::TrashItems { ids, trashed } => (ids[0], *trashed),
                    other => panic!("{other:?}"),
                })
                .collect()
        };
        assert_eq!(ids(journal.go(1)), [(3, false), (2, false)]);
        assert_eq!(ids(journal.go(2)), [(2, true)]);
        let (there, back) = trash(vec![9], true);
        journal.note(there, back);
        assert_eq!(journal.at(), 3);
        assert_eq!(ids(journal.go(2)), [(9, false)]);
    }

    #[test]
    fn ratings_come_back_as_they_were() {
        let mut items = crate::engine::fake::items(3);
        (items[0].rating, items[1].rating, items[2].rating) = (2, 5, 2);
        let refs: Vec<&Item> = items.iter().collect();
        let (there, back) = rate(&refs, 4);
        assert_eq!(there, [Command::RateItems { ids: refs.iter().map(|i| i.id).collect(), rating: 4 }]);
        assert_eq!(
            back,
            [
                Command::RateItems { ids: vec![items[0].id, items[2].id], rating: 2 },
                Command::RateItems { ids: vec![items[1].id], rating: 5 },
            ]
        );
    }

    #[test]
    fn a_tag_is_taken_away_only_where_it_was_put() {
        let mut items = crate::engine::fake::items(2);
        items[0].tags = vec!["blue".into()];
        items[1].tags.clear();
        let refs: Vec<&Item> = items.iter().collect();
        let (_, back) = tag(&refs, "blue", true);
        assert_eq!(back, [Command::TagItems { ids: vec![items[1].id], tag: "blue".into(), add: false }]);
    }
}
