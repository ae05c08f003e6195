//! Undo and redo, newest last: labelled snapshots of forms and latents, and changes to kept pictures by their number in
//! the library's journal.

use serde_json::Value;

use super::action::UndoPoint;
use super::views::ViewId;

/// How many steps back one can go.
const DEPTH: usize = 100;

/// Both stacks.
#[derive(Debug, Default)]
pub struct UndoStacks {
    undo: Vec<UndoPoint>,
    redo: Vec<UndoPoint>,
}

impl UndoStacks {
    /// Something is about to change: what could be done again no longer can.
    pub fn push(&mut self, point: UndoPoint) {
        self.redo.clear();
        if self.undo.last() == Some(&point) {
            return;
        }
        if self.undo.len() == DEPTH {
            self.undo.remove(0);
        }
        self.undo.push(point);
    }

    /// What Undo would take back.
    pub fn next_undo(&self) -> Option<&UndoPoint> {
        self.undo.last()
    }

    /// What Redo would do again.
    pub fn next_redo(&self) -> Option<&UndoPoint> {
        self.redo.last()
    }

    /// Takes the last point; `now` is the state of its view before going back.
    pub fn undo(&mut self, now: Value) -> Option<UndoPoint> {
        let point = self.undo.pop()?;
        self.redo.push(UndoPoint { before: now, ..point.clone() });
        Some(point)
    }

    /// The reverse of [`UndoStacks::undo`].
    pub fn redo(&mut self, now: Value) -> Option<UndoPoint> {
        let point = self.redo.pop()?;
        self.undo.push(UndoPoint { before: now, ..point.clone() });
        Some(point)
    }
}

/// A point for a change to kept pictures, which the library takes back by its number.
pub fn library_change(change: i64, name: &str) -> UndoPoint {
    let mut letters = name.chars();
    let label = letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default();
    UndoPoint { view: ViewId::Gallery, label, before: serde_json::json!({ CHANGE: change }) }
}

/// The number of the change that a point stands for, if it is one of kept pictures.
pub fn change_of(point: &UndoPoint) -> Option<i64> {
    point.before.get(CHANGE)?.as_i64()
}

/// Marks a point of the library.
const CHANGE: &str = "library change";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_and_forth_gives_the_same_states() {
        let mut stacks = UndoStacks::default();
        let point = |n: i32| UndoPoint { view: ViewId::Train, label: format!("step {n}"), before: n.into() };
        // States 0, 1, 2; now at 3.
        (0..3).for_each(|n| stacks.push(point(n)));
        assert_eq!(stacks.undo(3.into()).unwrap().before, 2);
        assert_eq!(stacks.undo(2.into()).unwrap().before, 1);
        assert_eq!(stacks.redo(1.into()).unwrap().before, 2);
        assert_eq!(stacks.redo(2.into()).unwrap().before, 3);
        assert!(stacks.redo(3.into()).is_none());
        stacks.undo(3.into());
        stacks.push(point(9));
        assert!(stacks.next_redo().is_none());
        assert_eq!(stacks.next_undo().unwrap().label, "step 9");
    }
}
