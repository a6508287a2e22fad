//! Selects the users of a run, each with its settings.
//!
//! A user is selected by a tag that was set on purpose; everything else only excludes users.
//! Unreadable or invalid data selects no user (promise S4), and an error in a user's own tags
//! blocks only that user.

pub(crate) mod destination;
pub(crate) mod homes;
pub(crate) mod missing;
pub(crate) mod pattern;
pub(crate) mod place;
pub(crate) mod sharing;
pub(crate) mod suggestion;
pub(crate) mod tags;
pub(crate) mod template;
#[cfg(test)]
mod tests;
pub(crate) mod users;

pub use destination::{DestinationRule, MOST_DESTINATIONS, RuleError, Unplaceable};
pub use missing::{Missing, MissingWhy, Skipped};
pub use pattern::{Pattern, PatternError, SecretPattern};
pub use place::{PlaceError, PlaceForm, PlaceTemplate};
pub use suggestion::{Suggestion, TagCount};
pub use template::{SecretTemplate, TemplateError, Unnameable};
pub use users::{Selected, Selection, select};
