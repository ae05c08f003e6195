//! How data sets that were looked at before are prepared, so that turning to another one, or closing the window, loses
//! nothing: what is left out, channels, mirroring, resolution.

use serde::{Deserialize, Serialize};

use crate::recipe::DataRecipe;

/// Data sets remembered; those used longest ago are forgotten first.
const MOST: usize = 64;

/// Preparation of one data set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Prepared {
    /// As it is set.
    pub data: DataRecipe,
    /// As it was proposed.
    pub suited: DataRecipe,
}

/// Preparation of data sets by source, the one used last at the end.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Sets(Vec<Prepared>);

impl Sets {
    /// Remembers a data set.
    pub(super) fn put(&mut self, prepared: Prepared) {
        self.0.retain(|p| p.data.source != prepared.data.source);
        self.0.push(prepared);
        let over = self.0.len().saturating_sub(MOST);
        self.0.drain(..over);
    }

    /// How a data set is prepared, if it is remembered.
    pub(super) fn get(&self, source: &str) -> Option<&Prepared> {
        self.0.iter().find(|p| p.data.source == source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(source: &str, mirror: bool) -> Prepared {
        let data = DataRecipe { source: source.into(), mirror, ..DataRecipe::default() };
        Prepared { suited: data.clone(), data }
    }

    #[test]
    fn the_newest_stays_and_the_oldest_goes() {
        let mut sets = Sets::default();
        sets.put(set("/a", false));
        sets.put(set("/a", true));
        assert!(sets.get("/a").unwrap().data.mirror);
        (0..MOST).for_each(|i| sets.put(set(&format!("/{i}"), false)));
        assert!(sets.get("/a").is_none() && sets.get("/0").is_some());
        let json = serde_json::to_value(&sets).unwrap();
        assert_eq!(serde_json::from_value::<Sets>(json).unwrap(), sets);
    }
}
