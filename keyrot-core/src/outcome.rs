//! On whom a run works, and where it leaves them.

use crate::{
    Adoption, Blocked, Failure, HOME_TAG, HomeTag, IamUser, Intended, KeyId, Owner, Place, Refusal, Residence,
    SecretName, Step, Timestamp, UserArn, UserId, UserName, VersionId, Wait, Why,
};
use serde::Serialize;
use std::fmt;

/// The user on whom a run works, as the selection found them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Subject {
    /// The user's name.
    pub user: UserName,
    /// The user's unique id.
    pub id: UserId,
    /// The user's ARN: what new credentials must authenticate as.
    pub arn: UserArn,
    /// The secret that holds the user's credentials.
    pub secret: SecretName,
    /// Who answers for the user, by the tag `keyrot:owner`.
    pub owner: Option<String>,
    /// The name of an attached policy by which AWS quarantined the user.
    pub quarantine: Option<String>,
    /// The region that the secret is to be in.
    pub region: String,
    /// What the user's tag says of its home.
    pub home: HomeTag,
    /// Whether the user may be adopted here.
    pub adoption: Adoption,
}

impl Subject {
    /// A user as IAM lists it, with its secret in a region that the caller chose on purpose.
    #[must_use]
    pub fn of(user: &IamUser, secret: SecretName, region: impl Into<String>) -> Self {
        Self {
            user: user.arn.name().clone(),
            id: user.id.clone(),
            arn: user.arn.clone(),
            secret,
            owner: crate::selection::owner_of(user),
            quarantine: user.quarantine().map(str::to_owned),
            region: region.into(),
            home: HomeTag::of(user.tag(HOME_TAG).map(|(_, value)| value)),
            adoption: Adoption::Named,
        }
    }

    /// Whose key it is, as the secret's tag says it.
    #[must_use]
    pub fn owner(&self) -> Owner {
        Owner { id: self.id.clone(), account: self.arn.account().to_owned(), name: self.user.clone() }
    }

    /// Where the settings have the user's secret.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            partition: self.arn.partition().to_owned(),
            region: self.region.clone(),
            account: self.arn.account().to_owned(),
            name: self.secret.clone(),
        }
    }

    pub(crate) fn residence(&self) -> Residence {
        let (tag, adoption) = (self.home.clone(), self.adoption);
        Residence { owner: self.owner(), place: self.place(), tag, adoption }
    }
}

/// Where a run leaves a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Nothing to do until then.
    Settled {
        /// When the rotation of the current key begins.
        until: Timestamp,
    },
    /// Something runs its course.
    Waiting(Wait),
    /// A person has to decide.
    Blocked(Blocked),
    /// A call failed; the next run takes it up.
    Failed(Failure),
    /// The run ended before the user was done; the next run goes on.
    Stopped(Stop),
    /// A plan only: this change is due.
    Due(Step),
    /// A plan only: the credentials in this version are to be tried next.
    Proving {
        /// The version.
        version: VersionId,
    },
    /// A plan of a person's request only: what it will do, step by step.
    Intended(Vec<Intended>),
    /// What was ordered or asked for is done: see [`Order`](crate::Order), [`Request`](crate::Request).
    Done,
    /// The key that was to be revoked was seen Inactive, or gone; what was to follow did not come to its end.
    Revoked {
        /// The key.
        key: KeyId,
        /// How the rest ended.
        rest: Box<Outcome>,
    },
    /// What was ordered or asked for cannot be done: see [`Order`](crate::Order), [`Request`](crate::Request).
    Refused(Refusal),
    /// keyrot's own code, or a port's, panicked. Nothing more was done for this user.
    Panicked(String),
}

/// Why a run ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Stop {
    /// Somebody asked for it (Ctrl-C, SIGTERM).
    Cancelled,
    /// The deadline for new steps had come.
    Deadline,
    /// As many users were changed as one run may change.
    ChangeLimit,
    /// As many users were adopted as one run may adopt: this one waits for a later run.
    AdoptionLimit,
    /// The work on this user went on for longer than half of `settle`; what was seen is too old to act upon.
    TookTooLong,
    /// Things kept changing while they were looked at.
    Contention,
}

impl Wait {
    /// Whether the old key is kept past its date because it is, or may be, in use.
    #[must_use]
    pub fn is_hold(&self) -> bool {
        match self.why {
            Why::InUse { .. } | Why::UseUnknown { .. } | Why::NoRecord(_) => true,
            Why::NotPickedUp { .. } | Why::UsedLate { .. } => true,
            Why::Overlap(_) | Why::Soak(_) | Why::Propagation(_) | Why::Settling(_) => false,
            Why::Unlisted | Why::OldKey(_) | Why::Service | Why::VerificationUnknown { .. } => false,
        }
    }
}

impl Wait {
    /// What the operator can do where consumers have not moved to the new key.
    #[must_use]
    pub fn hint(&self, user: &UserName, secret: &SecretName) -> Option<String> {
        let (Why::NotPickedUp { key, .. } | Why::UsedLate { key, .. }) = &self.why else { return None };
        Some(format!(
            "let what uses {key} read the secret {secret} (`keyrot who-uses {user}` shows what does); if nothing needs it anymore: keyrot revoke {user} {key}"
        ))
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cancelled => "stopped on request; the next run goes on",
            Self::Deadline => "the run's time was over; the next run goes on",
            Self::ChangeLimit => "not started: the run had changed as many users as max_changes allows",
            Self::AdoptionLimit => "waits for adoption: the run adopted as many users as max_adoptions allows",
            Self::TookTooLong => "stopped: it took so long that what was seen is out of date; the next run goes on",
            Self::Contention => {
                "stopped: somebody else keeps changing this user's keys or secret; the next run goes on"
            }
        })
    }
}
