//! The rotation of AWS IAM access keys as a pure state machine, with the ports it acts through.

mod call;
#[cfg(feature = "conformance")]
pub mod conformance;
mod decide;
mod decision;
mod document;
mod driver;
mod event;
mod journal;
#[cfg(feature = "memory")]
pub mod memory;
mod names;
mod nearest;
mod observed;
mod outcome;
mod policy;
mod ports;
mod proving;
mod rotation;
mod run;
mod secret;
mod selection;
#[cfg(feature = "settings")]
pub mod settings;
#[cfg(test)]
mod testing;
mod text;
mod version;
mod words;

/// An instant in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

pub use call::{Call, CallError, Effect, ErrorKind, Inside, NewKey, ProbeAnswer, Reply};
pub use decide::decide;
pub use decision::{Blocked, Decision, Evidence, Question, Step, Wait, Why};
pub use document::{Counts, EventDocument, EvidenceDocument, KeyDocument, RunDocument, State, UserDocument, Verdict};
pub use driver::{Cancel, Driven, Ports, drive};
pub use event::{Event, EventKind, Failure, Severity};
pub use journal::{Intent, Journal, Note, Phase, Promoted, Retired};
pub use names::{KeyId, NameError, SecretName, UserArn, UserName, VersionId};
pub use observed::{AccessKey, Held, KeyStatus, LastUse, Observed, Proof, Secret, SecretState};
pub use outcome::{Outcome, Stop, Subject};
pub use policy::{Policy, PolicyError, Waits, after};
pub use ports::{Clock, CredentialProbe, IamPort, IamUser, Notifier, SecretStorePort};
pub use rotation::{Decider, Mode, Next, Rotation};
pub use run::{Chosen, Limits, NotifierFailure, Progress, Report, Rotator, Standing};
pub use secret::{Credentials, SecretKey};
pub use selection::{
    Missing, MissingWhy, PassedOver, Pattern, PatternError, SecretTemplate, Selected, Selection, TemplateError,
    Unnameable, select,
};
pub use text::format_duration;
pub use version::Content;
