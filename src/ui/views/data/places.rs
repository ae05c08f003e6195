//! Pictures of a survey by what names them for good: places change with every survey, names do not.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::report::{Survey, SurveyEntry};
use crate::ui::textures::key;

/// Keys of the pictures of one survey, and their places in it.
#[derive(Debug, Default)]
pub(super) struct Places {
    of: Option<Arc<Survey>>,
    keys: Vec<u64>,
    by_key: HashMap<u64, u32>,
}

/// What the selection knows a picture by.
pub(super) fn key_of(name: &str) -> u64 {
    key(("picture of a data set", name))
}

impl Places {
    /// Turns to a survey; true if it is another than before.
    pub(super) fn update(&mut self, survey: &Arc<Survey>) -> bool {
        if !self.is_of_another(survey) {
            return false;
        }
        self.keys = survey.entries.iter().map(|e| key_of(&e.name)).collect();
        self.by_key = self.keys.iter().enumerate().map(|(place, key)| (*key, place as u32)).collect();
        self.of = Some(survey.clone());
        true
    }

    /// Whether a survey is another one than that it was turned to.
    pub(super) fn is_of_another(&self, survey: &Arc<Survey>) -> bool {
        self.of.as_ref().is_none_or(|of| !Arc::ptr_eq(of, survey))
    }

    /// The key of the picture at a place.
    pub(super) fn key(&self, place: u32) -> u64 {
        self.keys.get(place as usize).copied().unwrap_or_default()
    }

    /// Where the picture of a key is.
    pub(super) fn place(&self, key: u64) -> Option<u32> {
        self.by_key.get(&key).copied()
    }

    /// The picture of a name.
    pub(super) fn entry<'a>(&self, survey: &'a Survey, name: &str) -> Option<&'a SurveyEntry> {
        survey.entries.get(self.place(key_of(name))? as usize).filter(|e| e.name == name)
    }
}
