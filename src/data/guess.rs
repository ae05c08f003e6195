//! What was assumed about somebody's data: said in the survey, in the run's log and in the window, with the setting that
//! changes it.

use serde::{Deserialize, Serialize};

/// Something that was assumed about data.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Guess {
    /// What was assumed, in one sentence without a full stop.
    pub what: String,
    /// How many pictures or files it is about; 0 for the source as a whole.
    #[serde(default)]
    pub count: u64,
    /// Path of the setting that changes it, such as `data.classes`; nothing where there is nothing to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
    /// What to do if it is wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub otherwise: Option<String>,
}

impl Guess {
    /// An assumption about the source as a whole.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), ..Self::default() }
    }

    /// Says how many pictures or files it is about.
    #[must_use]
    pub fn about(mut self, count: u64) -> Self {
        self.count = count;
        self
    }

    /// Names the setting that changes it, and what to set it to.
    #[must_use]
    pub fn changed_by(mut self, setting: &str, otherwise: impl Into<String>) -> Self {
        self.setting = Some(setting.into());
        self.otherwise = Some(otherwise.into());
        self
    }

    /// Says what to do if it is wrong, where no setting changes it.
    #[must_use]
    pub fn otherwise(mut self, otherwise: impl Into<String>) -> Self {
        self.otherwise = Some(otherwise.into());
        self
    }
}

impl std::fmt::Display for Guess {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.what)?;
        match &self.otherwise {
            Some(otherwise) => write!(f, ". {otherwise}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_says_how_it_is_changed_and_survives_json() {
        let guess = Guess::new("Classes are taken from 2 folders: cat, dog")
            .changed_by("data.classes", "For none set data.classes to none");
        assert_eq!(guess.to_string(), "Classes are taken from 2 folders: cat, dog. For none set data.classes to none");
        let text = serde_json::to_string(&guess).unwrap();
        assert_eq!(serde_json::from_str::<Guess>(&text).unwrap(), guess);
        assert_eq!(serde_json::from_str::<Guess>("{\"what\":\"x\"}").unwrap(), Guess::new("x"));
    }
}
