//! Why users are not selected: those that were named, and the counts of all others.

use crate::model::names::UserName;
use crate::selection::pattern::Pattern;
use serde::Serialize;
use std::fmt;

/// A user that was named but is not selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Missing {
    /// The requested name.
    pub user: UserName,
    /// The reason.
    #[serde(flatten)]
    pub why: MissingWhy,
}

/// The reason why a named user is not selected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "why")]
#[non_exhaustive]
pub enum MissingWhy {
    /// No such user was listed.
    NotFound {
        /// Only users under this path were listed.
        path_prefix: String,
        /// A user with a similar name.
        nearest: Option<UserName>,
    },
    /// The user does not have the tag.
    NotTagged {
        /// The tag that selects users.
        tag: String,
        /// The expected value.
        expected: String,
    },
    /// The user has the tag with another value.
    OtherValue {
        /// The tag that selects users.
        tag: String,
        /// The value that the user has.
        value: String,
        /// The expected value.
        expected: String,
    },
    /// The user's path does not begin with the prefix.
    OutsidePath {
        /// The user's path.
        path: String,
        /// The expected prefix.
        path_prefix: String,
    },
    /// The user is excluded.
    Excluded {
        /// The exclusion that matches.
        pattern: Pattern,
    },
}

/// How many users were skipped, each counted under the first reason that applied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Skipped {
    /// Users without the tag.
    pub not_tagged: usize,
    /// Users that have the tag with another value.
    pub other_value: usize,
    /// Users whose path does not begin with the prefix.
    pub outside_path: usize,
    /// Users that are excluded.
    pub excluded: usize,
    /// Users that were not named, in a run for named users.
    pub not_named: usize,
}

impl Skipped {
    pub(super) fn count(&mut self, why: &MissingWhy) {
        match why {
            MissingWhy::NotFound { .. } => {}
            MissingWhy::NotTagged { .. } => self.not_tagged += 1,
            MissingWhy::OtherValue { .. } => self.other_value += 1,
            MissingWhy::OutsidePath { .. } => self.outside_path += 1,
            MissingWhy::Excluded { .. } => self.excluded += 1,
        }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { user, why } = self;
        match why {
            MissingWhy::NotFound { path_prefix, nearest } => {
                write!(f, "there is no user {user}")?;
                if path_prefix != "/" {
                    write!(f, " under the path {path_prefix}")?;
                }
                match nearest {
                    // IAM allows commas in names.
                    _ if user.as_str().contains(',') => {
                        f.write_str("; expected one name, and several users one by one")
                    }
                    Some(nearest) => write!(f, "; did you mean {nearest}?"),
                    None => Ok(()),
                }
            }
            MissingWhy::NotTagged { tag, expected } => write!(
                f,
                "user {user} is not selected: it has no tag {tag}; to have its keys rotated, tag it {tag}={expected}"
            ),
            MissingWhy::OtherValue { tag, value, expected } => {
                write!(
                    f,
                    "user {user} is not selected: its tag {tag} is {value:?}, expected {expected:?}"
                )
            }
            MissingWhy::OutsidePath { path, path_prefix } => {
                write!(
                    f,
                    "user {user} is not selected: its path {path} does not begin with {path_prefix}"
                )
            }
            MissingWhy::Excluded { pattern } => {
                write!(f, "user {user} is not selected: excluded by {pattern}")
            }
        }
    }
}
