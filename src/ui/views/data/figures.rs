//! Counts of the present survey that go over all of its pictures: taken once, not in every frame.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::DataView;
use crate::data::report::Survey;

/// What the counts are of: the survey, how often marks and exclusions changed, and the settings that leave pictures out.
type Of = (usize, u64, u64, bool, bool, u32);

/// The counts, and what they are of.
pub(super) type Known = RefCell<Option<(Of, Arc<Figures>)>>;

/// Counts of a survey.
#[derive(Debug, Default)]
pub(super) struct Figures {
    /// Labels that pictures can have: those of the source, and those that were set.
    pub labels: Vec<String>,
    /// Pictures that a run would be given.
    pub usable: u64,
    /// Pictures that are duplicates of another one.
    pub spare: usize,
    /// Pictures with a caption or a label.
    pub worded: usize,
    /// Labels of the source with how many pictures have each, most frequent first.
    pub shares: Vec<(String, u64)>,
}

impl DataView {
    /// Counts of the present survey.
    pub(super) fn figures(&self, survey: &Survey) -> Arc<Figures> {
        let data = &self.recipe.data;
        let at = std::ptr::from_ref(survey).addr();
        let of = (at, self.marking.revision, self.excluded_revision, data.drop_blank, data.drop_duplicates, data.limit);
        if let Some((known, figures)) = &*self.figures.borrow()
            && *known == of
        {
            return figures.clone();
        }
        let figures = Arc::new(Figures {
            labels: self.label_names(survey),
            usable: survey.usable(data, &self.excluded),
            spare: survey.duplicates.iter().map(|d| d.entries.len() - 1).sum(),
            worded: survey.entries.iter().filter(|e| e.caption.is_some() || e.label.is_some()).count(),
            shares: shares(survey),
        });
        self.figures.replace(Some((of, figures.clone())));
        figures
    }

    fn label_names(&self, survey: &Survey) -> Vec<String> {
        let mut all = survey.labels.clone();
        let known: BTreeSet<&String> = survey.labels.iter().collect();
        let set = self.recipe.data.marks.values().filter_map(|m| m.label.as_ref()).filter(|l| !l.is_empty());
        let new: BTreeSet<&String> = set.filter(|l| !known.contains(l)).collect();
        all.extend(new.into_iter().cloned());
        all
    }

    /// Whether any selected picture is left out. The shorter list is walked.
    pub(super) fn any_selected_is_out(&self) -> bool {
        let (selected, places) = (&self.grid.selection, &self.places);
        if selected.len() < self.excluded.len() {
            selected.iter().filter_map(|key| places.place(key)).any(|place| self.excluded.contains(&place))
        } else {
            self.excluded.iter().any(|place| selected.contains(places.key(*place)))
        }
    }
}

fn shares(survey: &Survey) -> Vec<(String, u64)> {
    let mut counts = vec![0_u64; survey.labels.len()];
    for label in survey.entries.iter().filter_map(|e| e.label) {
        if let Some(count) = counts.get_mut(label as usize) {
            *count += 1;
        }
    }
    let mut all: Vec<(String, u64)> = survey.labels.iter().cloned().zip(counts).collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::report::SurveyEntry;
    use crate::recipe::marks::Mark;

    #[test]
    fn counts_are_taken_once_and_again_when_something_changed() {
        let labels = ["cat", "dog", "fish", "owl"].map(String::from).to_vec();
        let entry = |i: u32| SurveyEntry { name: format!("{i}.png"), label: Some(i % 4), ..SurveyEntry::default() };
        let entries = (0..40).map(entry).collect();
        let survey = Arc::new(Survey { source: "/p".into(), entries, labels, ..Survey::default() });
        let mut view = DataView::default();
        view.take_in(&survey);
        let first = view.figures(&survey);
        assert!(Arc::ptr_eq(&first, &view.figures(&survey)), "nothing is counted twice");
        assert_eq!((first.labels.len(), first.worded), (4, survey.entries.len()));
        assert_eq!(first.shares.iter().map(|(_, count)| count).sum::<u64>(), survey.entries.len() as u64);
        let name = survey.entries[0].name.clone();
        view.recipe.data.marks.insert(name.clone(), Mark { label: Some("heron".into()), ..Mark::default() });
        view.recipe.data.exclude.push(name);
        view.recipe.data.drop_duplicates = false;
        view.marks_changed(Some(&survey));
        let now = view.figures(&survey);
        assert_eq!((now.labels.len(), now.usable), (5, survey.entries.len() as u64 - 1));
        let key = view.places.key(0);
        assert!(!view.any_selected_is_out());
        view.grid.selection.only(key);
        assert!(view.any_selected_is_out());
        view.grid.selection.add([view.places.key(1), view.places.key(2)].into_iter());
        assert!(view.any_selected_is_out());
        view.grid.selection.only(view.places.key(1));
        assert!(!view.any_selected_is_out());
    }
}
