//! The rotation of AWS IAM access keys as a pure state machine, with the ports it acts through.
//!
//! This crate decides; it has no clock, no I/O and no AWS type. `keyrot-aws` puts it on AWS, [`memory`] on an account in memory.
//!
//! # Where to begin
//! - To rotate: [`Rotator::run`] on [`Ports`], for the users that [`select`] chose, by a [`Policy`]. The [`Report`] says where each stands.
//! - To understand: [`decide`] is the whole of the judgement, [`Rotation`] the machine around it, [`Journal`] what is remembered.
//! - To test what you build: [`memory`] (feature `memory`), mocks of the ports (feature `mocks`).
//! - To put it on something else: implement the ports, and run the suites of [`conformance`] (feature `conformance`).
//!
//! # Example
//! ```
//! # #[cfg(feature = "memory")] {
//! use keyrot_core::memory::{MemoryAccount, World};
//! use keyrot_core::*;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
//! let ci = world.add_user("ci", &[("RotateKey", "True")])?;
//! world.add_key(&ci)?;
//! let account = MemoryAccount::new(world);
//!
//! let users = account.users("/").await?;
//! let homes = Homes::in_region("us-east-1");
//! let selected = select(&users, &Selection::default(), &homes, &Policy::default());
//! let rotator = Rotator::new(Ports::of(account.clone()));
//! let report = rotator.run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
//!
//! // A new key is published; the old one stays Active for the overlap.
//! assert!(matches!(&report.users[0].outcome, Outcome::Waiting(Wait { why: Why::Overlap(_), .. })));
//! assert_eq!(account.list_keys(&ci).await?.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
//! # }
//! ```
//!
//! # What it promises
//! What stands under AWSCURRENT works; a key is taken away only after its overlap, once IAM's record shows no use within `quiet`, and while a proved
//! successor is in place; what cannot be attributed is never touched; a run may die anywhere, and two may work at once. The project's
//! `docs/protocol.md` has the promises in full, with what no program can promise.

mod alive;
pub mod audit;
mod call;
mod cancel;
mod clock;
#[cfg(feature = "conformance")]
pub mod conformance;
mod consumer;
mod decide;
mod decision;
mod document;
mod driver;
mod event;
mod home;
mod journal;
#[cfg(feature = "memory")]
pub mod memory;
mod names;
mod nearest;
mod observed;
mod outcome;
mod own;
mod policy;
mod ports;
mod proving;
mod request;
mod rotation;
mod run;
mod secret;
mod selection;
mod service;
mod sessions;
#[cfg(feature = "settings")]
pub mod settings;
mod telling;
#[cfg(test)]
mod testing;
mod text;
mod trail;
pub mod value;
mod version;
mod words;

/// For implementing the ports: their methods are written with `#[async_trait]`.
pub use async_trait::async_trait;
/// For times: [`Timestamp`] is one of chrono's.
pub use chrono;

/// An instant in UTC.
pub type Timestamp = chrono::DateTime<chrono::Utc>;

pub use alive::{Aftermath, StillAlive};
pub use call::{Call, CallError, Effect, ErrorKind, Inside, NewKey, ProbeAnswer, Reply};
pub use cancel::Cancel;
pub use clock::{CLOCK_TOLERANCE, WrongClock};
#[cfg(feature = "mocks")]
pub use consumer::MockCredentialSource;
pub use consumer::{CredentialSource, Edition, Freshness, HomeSource, Published, SecretId, UserRef};
pub use decide::{Doubt, Implausible, MOST_BYTES, Order, OrderStep, decide, decide_order, decide_request};
pub use decision::{Blocked, Decision, Evidence, Question, Refusal, Step, Unhoused, Wait, Why};
pub use document::{
    Counts, EventDocument, EvidenceDocument, KeyDocument, RequestDocument, RunDocument, State, UserDocument, Verdict,
};
pub use driver::{Driven, Ports, drive};
pub use event::{Event, EventKind, Failure, Severity};
pub use home::{Adoption, Difference, HOME_TAG, HomeTag, Owner, Place, Residence, SecretArn};
pub use journal::{Intent, Journal, Note, Phase, Promoted, Retired, Revoked};
pub use names::{KeyId, NameError, SecretName, UserArn, UserId, UserName, VersionId};
pub use observed::{AccessKey, Held, KeyStatus, LastUse, Observed, Proof, Secret, SecretState, StoredVersion};
pub use outcome::{Outcome, Stop, Subject};
pub use own::{OwnBlocked, OwnStep, ReplaceError, Undone, decide_own, other_key, replace_own};
pub use policy::{Policy, PolicyError, Waits, after};
pub use ports::{Clock, CredentialProbe, IamPort, IamUser, Notifier, SecretStorePort, TagPort};
#[cfg(feature = "mocks")]
pub use ports::{MockClock, MockCredentialProbe, MockIamPort, MockNotifier, MockSecretStorePort, MockTagPort};
pub use request::{Intended, Request, Revocation, WayOut};
pub use rotation::{Decider, Mode, Next, Rotation, Task};
pub use run::{Chosen, Limits, Moved, Progress, Report, Rotator, Standing};
pub use secret::{Credentials, SecretKey};
pub use selection::{
    Homes, Missing, MissingWhy, PassedOver, Pattern, PatternError, SecretPattern, SecretTemplate, Selected, Selection,
    TemplateError, Unnameable, select,
};
pub use service::{Health, LastPass, Service, ServiceError};
#[cfg(feature = "mocks")]
pub use sessions::MockUserPolicyPort;
pub use sessions::{
    EndedSessions, LONGEST_ROLE_SESSION, LONGEST_SESSION, Lifted, NotEnded, UserPolicyPort, deny_issued_before,
    end_sessions, lift_if_over,
};
pub use telling::{NotifierFailure, NotifierLimits};
pub use text::format_duration;
#[cfg(feature = "mocks")]
pub use trail::MockTrailPort;
pub use trail::{
    AssumedRole, ForeignText, KeyRecord, Searched, Tally, TrailAsk, TrailBounds, TrailPage, TrailPort, UseEvent,
    UseEvidence, UseSource, is_region, look_up, regions_to_ask,
};
pub use version::Content;
