//! The errors of profiles.

use super::for_sdk::name_in_files;
use std::fmt;
use std::path::PathBuf;

/// The reason why the shared configuration files or the environment variables cannot be used. No
/// call to AWS was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The profile does not exist.
    #[error("there is no profile {name:?}{named} in {files}{}", known_list(known), named = named.how())]
    Missing {
        /// The profile's name.
        name: String,
        /// The source of the name.
        named: NamedBy,
        /// The profiles that exist.
        known: Vec<String>,
        /// The files that were read.
        files: String,
    },
    /// A variable is set, but empty.
    #[error(
        "{variable} is set, but empty: name a profile in it, or unset it (env -u {variable} keyrot …)"
    )]
    Empty {
        /// The variable.
        variable: &'static str,
    },
    /// Two variables name different profiles.
    #[error(
        "AWS_PROFILE names the profile {aws_profile:?}, AWS_DEFAULT_PROFILE names {aws_default_profile:?}; the AWS tools disagree which of them counts: unset one"
    )]
    Ambiguous {
        /// The value of `AWS_PROFILE`.
        aws_profile: String,
        /// The value of `AWS_DEFAULT_PROFILE`.
        aws_default_profile: String,
    },
    /// Half of an access key is in the environment.
    #[error("{set} is set without {missing}: set both, or unset it to use a profile or a role")]
    HalfAKey {
        /// The variable that is set.
        set: &'static str,
        /// The variable that is not set.
        missing: &'static str,
    },
    /// A variable has a value that cannot be used.
    #[error("{name} {problem}")]
    Variable {
        /// The variable's name.
        name: &'static str,
        /// What is wrong, and what was expected, without anything that may be secret.
        problem: String,
    },
    /// A file exists, but cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A file is not in the format of such files.
    #[error("{files} cannot be understood: {why}")]
    Malformed {
        /// The files.
        files: String,
        /// The place and the reason.
        why: String,
    },
    /// The profile cannot give credentials.
    #[error("the profile {profile:?} {problem}")]
    Unusable {
        /// The profile.
        profile: String,
        /// What is wrong, and what to do.
        problem: String,
    },
}

/// The source of a profile's name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NamedBy {
    /// The program's settings, such as `--profile`.
    Settings,
    /// A variable.
    Variable(&'static str),
    /// `source_profile` of this profile.
    SourceOf(String),
}

impl NamedBy {
    fn how(&self) -> String {
        match self {
            Self::Settings => String::new(),
            Self::Variable(name) => format!(", which {name} names,"),
            Self::SourceOf(profile) => format!(", which is the source_profile of {profile:?},"),
        }
    }
}

impl ProfileError {
    pub(crate) fn unusable(profile: &str, problem: impl Into<String>) -> Self {
        Self::Unusable { profile: name_in_files(profile).into_owned(), problem: problem.into() }
    }
}

/// The largest number of names that a message lists.
const MOST: usize = 12;

fn known_list(known: &[String]) -> impl fmt::Display {
    let shown = known[..known.len().min(MOST)].join(", ");
    match known.len() {
        0 => "; there are no profiles".to_owned(),
        n if n > MOST => format!("; there are {shown} and {} more", n - MOST),
        _ => format!("; there are: {shown}"),
    }
}
