//! What a person is told when something goes wrong: what happened, to which file or setting, what to do.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Result of every fallible call in the studio.
pub type Result<T, E = Problem> = std::result::Result<T, E>;

/// How loud a [`Problem`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something was left out or worked around.
    Warning,
    /// What was asked for did not happen.
    Error,
}

/// What sort of thing went wrong; decides the exit code of the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The request itself makes no sense (exit 2).
    Usage,
    /// A file or a data set is bad (exit 3).
    Data,
    /// It failed while running (exit 4).
    Failed,
    /// A person stopped it (exit 130).
    Interrupted,
}

/// A message for a person. Technical detail is kept apart, to be folded away and copied.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    /// How loud it is.
    pub severity: Severity,
    /// Its sort.
    pub kind: Kind,
    /// What happened, in one sentence without a full stop.
    pub what: String,
    /// The file or setting it happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// The underlying error, for those who want it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

impl Problem {
    fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { severity: Severity::Error, kind, what: what.into(), subject: None, remedy: None, detail: None }
    }

    /// The request itself makes no sense.
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    /// A file or a data set is bad.
    pub fn data(what: impl Into<String>) -> Self {
        Self::new(Kind::Data, what)
    }

    /// It failed while running.
    pub fn failed(what: impl Into<String>) -> Self {
        Self::new(Kind::Failed, what)
    }

    /// A person stopped it.
    pub fn interrupted(what: impl Into<String>) -> Self {
        Self::new(Kind::Interrupted, what)
    }

    /// An input or output error on a path.
    pub fn io(what: impl Into<String>, path: &Path, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as E;
        let problem = Self::new(Kind::Data, what).of(path.display().to_string()).because(error);
        let problem = if matches!(error.kind(), E::StorageFull | E::QuotaExceeded | E::FileTooLarge) {
            // Nothing is wrong with the file: it failed for want of room.
            Self { kind: Kind::Failed, ..problem }
        } else {
            problem
        };
        match error.kind() {
            E::NotFound => problem.try_this("Check that the path is correct and still exists"),
            E::PermissionDenied => problem.try_this("Check its permissions, or choose another location"),
            E::StorageFull | E::QuotaExceeded | E::FileTooLarge => {
                problem.try_this("Free some space on this disk, or choose another disk")
            }
            _ => problem,
        }
    }

    /// Names the file or setting it happened to.
    #[must_use]
    pub fn of(mut self, subject: impl Into<String>) -> Self {
        self.subject = Some(subject.into());
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn try_this(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Keeps the underlying error as detail.
    #[must_use]
    pub fn because(mut self, error: impl fmt::Display) -> Self {
        self.detail = Some(error.to_string());
        self
    }

    /// The same message, as a warning.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// The same message, as information.
    #[must_use]
    pub fn info(mut self) -> Self {
        self.severity = Severity::Info;
        self
    }

    /// Exit code of the command line for this problem.
    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Data => 3,
            Kind::Failed => 4,
            Kind::Interrupted => 130,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if let Some(subject) = &self.subject {
            write!(f, ": {subject}")?;
        }
        if let Some(detail) = &self.detail {
            write!(f, " ({detail})")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, ". {remedy}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Problem {}

/// The first names of a list, for a sentence: `cat, dog, … (12 in all)`.
pub fn some_of<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let first: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let mut text = first.join(", ");
    if names.len() > most {
        text += &format!(", … ({} in all)", names.len());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_says_what_where_and_what_to_do() {
        let p = Problem::data("This file is no picture").of("a.png").try_this("Remove it").because("bad magic");
        assert_eq!(p.to_string(), "This file is no picture: a.png (bad magic). Remove it");
        assert_eq!(p.exit_code(), 3);
        let back: Problem = serde_json::from_str(&serde_json::to_string(&p).unwrap()).unwrap();
        assert_eq!(back, p);
    }
}
