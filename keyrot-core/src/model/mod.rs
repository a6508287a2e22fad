//! Values: names, keys, secrets, the journal, waits, the observed state. Nothing here decides or
//! calls anything.

pub(crate) mod arn;
pub(crate) mod cause;
pub(crate) mod clock;
pub(crate) mod credentials;
pub(crate) mod deployer;
pub(crate) mod destination;
pub(crate) mod ended_sessions;
pub(crate) mod error;
pub(crate) mod home;
pub(crate) mod journal;
pub(crate) mod names;
pub(crate) mod nearest;
pub(crate) mod no_key;
pub(crate) mod observed;
pub(crate) mod partition;
pub(crate) mod placeholder;
pub(crate) mod receipt;
pub(crate) mod request;
pub(crate) mod step;
pub(crate) mod stored;
pub(crate) mod subject;
pub(crate) mod text;
pub(crate) mod time;
pub(crate) mod trail;
pub(crate) mod user;
pub(crate) mod user_ref;
pub(crate) mod version;
pub(crate) mod waits;

pub use arn::{Arn, PrincipalKind};
pub use cause::Cause;
pub use clock::{CLOCK_TOLERANCE, WrongClock};
pub use credentials::{Credentials, SecretKey};
pub use deployer::Deployer;
pub use destination::{
    Abilities, Assignment, Changed, Delivery, Found, Holds, PlaceId, SeenDestination,
};
pub use ended_sessions::{
    EndedSessions, LONGEST_ROLE_SESSION, LONGEST_SESSION, deny_issued_before,
};
pub use error::{CallError, Effect, ErrorKind};
pub use home::{Adoption, Difference, HOME_TAG, HomeTag, Owner, Place, Residence, SecretArn};
pub use journal::{Intent, Journal, JournalEntry, Phase, Promoted, Retired, Revoked};
pub use names::{
    DestinationName, KeyId, Mark, NameError, SecretName, UserArn, UserId, UserName, VersionId,
};
pub use no_key::NoKey;
pub use observed::{
    AccessKey, KeyStatus, LabeledVersion, LastUse, Observed, Secret, SecretState, StoredVersion,
    Verified,
};
pub use partition::Partition;
pub use placeholder::PLACEHOLDER;
pub use receipt::{Receipt, Receiving};
pub use request::{Request, Revocation};
pub use step::{RotationStep, StepName};
pub use stored::{NewKey, ProbeAnswer, VersionContents};
pub use subject::Subject;
pub use text::{age, age_days, clip, format_duration, plural, relative, span, visible};
pub use trail::UseEvent;
pub use trail::evidence::{AssumedRole, Searched, UseCounts, UseEvidence, UseSource};
pub use trail::untrusted::UntrustedText;
pub use user::IamUser;
pub use user_ref::UserRef;
pub use version::Content;
pub use waits::{WaitPolicy, WaitPolicyError, Waits, after, doubled};
