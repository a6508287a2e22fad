//! Errors in settings, with their sources.

use serde::{Serialize, Serializer};
use std::fmt;

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// keyrot's own default.
    Default,
    /// The settings file.
    File {
        /// The file's name, as the caller gave it.
        name: String,
        /// The line, counted from 1.
        line: usize,
    },
    /// The environment variable of that name.
    Env(String),
    /// The flag of that name, including its two hyphens.
    Flag(String),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { name, line } => write!(f, "file {name} line {line}"),
            Self::Env(name) => write!(f, "env {name}"),
            Self::Flag(name) => write!(f, "flag {name}"),
        }
    }
}

impl Serialize for Origin {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

/// One error: the setting, its source, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    name: String,
    origin: Origin,
    problem: Problem,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Problem {
    /// The file is not valid TOML.
    Syntax { message: String },
    /// No such setting exists.
    Unknown { suggestion: Option<String> },
    /// The setting is not allowed in a file that was not chosen.
    NotChosen,
    /// The value is invalid.
    Value { value: String, expected: String },
    /// The value is valid by itself, but not together with the others.
    Conflict { rule: String },
}

impl SettingsError {
    pub(super) fn new(name: &str, origin: Origin, problem: Problem) -> Self {
        Self { name: name.chars().take(80).collect(), origin, problem }
    }

    /// Returns the setting's name, or the unknown name as written; empty for a file that is not
    /// valid TOML.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the setting is refused only because it is in a file that [was not
    /// chosen](super::Sources::found_file).
    #[must_use]
    pub fn needs_chosen_file(&self) -> bool {
        self.problem == Problem::NotChosen
    }

    /// Returns the source of the value.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, origin, problem } = self;
        match (problem, origin) {
            (Problem::Syntax { message }, Origin::File { name, line }) => {
                write!(
                    f,
                    "{name} line {line} is not valid TOML: {message}; correct the line, or quote the text in it"
                )
            }
            (Problem::Syntax { message }, _) => f.write_str(message),
            (Problem::Unknown { suggestion }, _) => {
                match origin {
                    Origin::File { name: file, line } => {
                        write!(f, "unknown setting `{name}` in {file} line {line}")?;
                    }
                    Origin::Env(variable) => {
                        write!(f, "unknown variable `{variable}` in the environment")?;
                    }
                    Origin::Flag(flag) => write!(f, "unknown flag `{flag}`")?,
                    Origin::Default => write!(f, "unknown setting `{name}`")?,
                }
                match suggestion {
                    Some(meant) => write!(f, "; did you mean `{meant}`?"),
                    None => f.write_str("; remove it, or see the list of settings"),
                }
            }
            (Problem::NotChosen, Origin::File { name: file, line }) => write!(
                f,
                "`{name}` in {file} line {line} is refused: {file} was only found in the current directory, and may be another person's"
            ),
            (Problem::NotChosen, _) => {
                write!(f, "`{name}` ({origin}) is refused: its source was not chosen")
            }
            (Problem::Value { value, expected }, _) => {
                write!(f, "{name} = {value:?} ({origin}) is not usable: expected {expected}")
            }
            (Problem::Conflict { rule }, _) => write!(f, "{name} ({origin}): {rule}"),
        }
    }
}

impl std::error::Error for SettingsError {}

/// All errors in the settings, at least one. `Display` prints each on its own line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsErrors(Vec<SettingsError>);

impl SettingsErrors {
    pub(super) fn new(errors: Vec<SettingsError>) -> Self {
        Self(errors)
    }

    /// Returns the errors: those of the file first, then those of the environment and the flags.
    pub fn iter(&self) -> std::slice::Iter<'_, SettingsError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a SettingsErrors {
    type Item = &'a SettingsError;
    type IntoIter = std::slice::Iter<'a, SettingsError>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for SettingsErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsErrors {}
