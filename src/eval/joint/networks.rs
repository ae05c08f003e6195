//! Whether the pretrained networks that ship with the studio may be used: a person switches them in Settings.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::base::paths::{Paths, write_atomically};
use crate::base::vault;
use crate::base::{Problem, Result};

/// Which of them may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Networks {
    /// The network for photographs.
    pub photo: bool,
    /// The network that reads text.
    pub text: bool,
}

impl Default for Networks {
    fn default() -> Self {
        Self { photo: true, text: true }
    }
}

impl Networks {
    fn file(paths: &Paths) -> PathBuf {
        paths.config.join("networks.json")
    }

    /// As they were switched last; a file that cannot be read counts as none.
    pub fn read(paths: &Paths) -> Self {
        let bytes = vault::read(Self::file(paths)).unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }

    /// Keeps them so.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write(self, paths: &Paths) -> Result<()> {
        let bytes = serde_json::to_vec(&self).map_err(|e| Problem::failed("Settings cannot be written").because(e))?;
        write_atomically(&Self::file(paths), &bytes)
    }

    /// Whether the network for photographs may be used.
    ///
    /// # Errors
    /// It is switched off.
    pub fn check_photo(self) -> Result<()> {
        if self.photo { Ok(()) } else { Err(off("The network for photographs")) }
    }

    /// Whether words may be held against pictures.
    ///
    /// # Errors
    /// A network that this needs is switched off.
    pub fn check_words(self) -> Result<()> {
        self.check_photo()?;
        if self.text { Ok(()) } else { Err(off("The network that reads text")) }
    }
}

fn off(name: &str) -> Problem {
    Problem::usage(format!("{name} is switched off")).try_this("Switch it on in Settings, under Networks")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_that_is_switched_off_is_named_and_stays_off() {
        let home = tempfile::tempdir().unwrap();
        let paths = Paths::under(home.path());
        assert_eq!(Networks::read(&paths), Networks::default());
        Networks { photo: true, text: false }.write(&paths).unwrap();
        let problem = Networks::read(&paths).check_words().unwrap_err();
        assert_eq!(problem.exit_code(), 2);
        assert!(problem.what.contains("reads text is switched off") && problem.remedy.unwrap().contains("Settings"));
        Networks::read(&paths).check_photo().unwrap();
        Networks { photo: false, text: true }.write(&paths).unwrap();
        assert!(Networks::read(&paths).check_photo().is_err() && Networks::read(&paths).check_words().is_err());
        Networks::default().write(&paths).unwrap();
        Networks::read(&paths).check_words().unwrap();
    }
}
