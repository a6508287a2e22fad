//! The JSON documents and their codes, and the actions that the operator can take.

pub(crate) mod advice;
pub(crate) mod aftermath;
pub(crate) mod choice;
pub(crate) mod consent;
pub(crate) mod enroll;
pub(crate) mod hint;
pub(crate) mod moving;
pub(crate) mod request;
pub(crate) mod resolution;
pub(crate) mod run;
pub mod schema;
pub(crate) mod sentence;
pub(crate) mod state;
pub(crate) mod user;
pub(crate) mod uses;

pub use aftermath::{Aftermath, Remains, StillAlive};
pub use choice::{Choice, UnknownChoice};
pub use consent::Consent;
pub use enroll::{Change, EnrollDocument, EnrollRow};
pub use hint::{AboutSecret, Action, Hint, command_line, flag, worded};
pub use moving::{HomeDocument, MoveDocument, MoveRow};
pub use request::RequestDocument;
pub use resolution::Resolution;
pub use run::{Counts, RunDocument};
pub use state::{RunStatus, State};
pub use user::{EventDocument, EvidenceDocument, KeyDocument, UserDocument};
pub use uses::{KeyUses, UnseenUser, UserDestinations, UsesDocument};
