//! The calls that a rotation makes, and what may come back. One value of [`Call`] is one request to a port.

use crate::{
    AccessKey, Credentials, Difference, KeyId, LastUse, Note, SecretArn, SecretState, StoredVersion, Timestamp,
    UserArn, VersionId,
};
use serde::Serialize;
use std::fmt;

/// One request to a port, on behalf of one user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    /// `iam:ListAccessKeys`, all pages.
    ListKeys,
    /// `secretsmanager:DescribeSecret`.
    DescribeSecret,
    /// `secretsmanager:GetSecretValue` of a version that somebody else wrote; only the key's id and the size of the next value are kept.
    LookInto(VersionId),
    /// `secretsmanager:GetSecretValue` of a version whose further fields are to be carried along; only the size of the next value is kept.
    Measure(VersionId),
    /// `secretsmanager:ListSecretVersionIds`, all pages, those without a label too.
    ListVersions,
    /// `iam:GetAccessKeyLastUsed`.
    LastUse(KeyId),
    /// `secretsmanager:DescribeSecret` in the further regions: does the user have a home there?
    FindElsewhere,
    /// `secretsmanager:DescribeSecret` and `GetResourcePolicy`: how does the secret differ from one that keyrot would create?
    Compare,
    /// `iam:TagUser`: the tag that names the user's home.
    WriteHome(SecretArn),
    /// `secretsmanager:TagResource`: the tag that names the secret's user.
    BindSecret,
    /// `secretsmanager:CreateSecret` with the placeholder under this version id.
    CreateSecret(VersionId),
    /// `secretsmanager:PutSecretValue` of the placeholder into a secret that has no version yet.
    PutPlaceholder(VersionId),
    /// `secretsmanager:PutSecretValue` of the placeholder under AWSPENDING.
    StagePlaceholder(VersionId),
    /// `secretsmanager:TagResource` with the note.
    Write(Note),
    /// `secretsmanager:PutSecretValue` of a version without credentials, under a label that nobody reads: can the secret be written to?
    TestWrite(VersionId),
    /// `iam:CreateAccessKey`.
    CreateKey,
    /// `secretsmanager:PutSecretValue` under AWSPENDING; fields of `carry` that are not keyrot's are taken along.
    Stage {
        /// The id of the version to make.
        version: VersionId,
        /// What it is to hold.
        credentials: Credentials,
        /// The version whose further fields are kept.
        carry: Option<VersionId>,
    },
    /// `secretsmanager:GetSecretValue` of a version whose credentials are to be tried.
    ReadVersion(VersionId),
    /// `sts:GetCallerIdentity` with the credentials.
    Probe(Credentials),
    /// `secretsmanager:UpdateSecretVersionStage`: AWSCURRENT from one version to another, if it still stands on the first.
    Promote {
        /// Where AWSCURRENT was seen.
        from: VersionId,
        /// Where it is to stand.
        to: VersionId,
    },
    /// `secretsmanager:UpdateSecretVersionStage`: takes AWSPENDING off the version.
    Unstage(VersionId),
    /// `iam:UpdateAccessKey` to Inactive.
    Deactivate(KeyId),
    /// `iam:UpdateAccessKey` to Active.
    Activate(KeyId),
    /// `iam:DeleteAccessKey`.
    DeleteKey(KeyId),
}

impl Call {
    /// What the call is for, to be read after "could not".
    #[must_use]
    pub fn purpose(&self) -> &'static str {
        match self {
            Self::ListKeys => "list the user's access keys",
            Self::DescribeSecret => "describe the secret",
            Self::LookInto(_) => "read which key the secret holds",
            Self::Measure(_) => "find out how large the secret's next value will be",
            Self::ListVersions => "list the secret's versions",
            Self::LastUse(_) => "find out when the key was last used",
            Self::FindElsewhere => "look for the user's secret in the other regions",
            Self::Compare => "compare the secret with the settings",
            Self::WriteHome(_) => "tag the user with its home",
            Self::BindSecret => "tag the secret with its user",
            Self::CreateSecret(_) => "create the secret",
            Self::PutPlaceholder(_) => "put the placeholder into the secret",
            Self::StagePlaceholder(_) => "stage the placeholder in the secret",
            Self::Write(_) => "write the note onto the secret",
            Self::TestWrite(_) => "test whether a version can be written to the secret",
            Self::CreateKey => "create an access key",
            Self::Stage { .. } => "stage the new key in the secret",
            Self::ReadVersion(_) => "read the credentials to be tried",
            Self::Probe(_) => "try the credentials",
            Self::Promote { .. } => "make the new key current in the secret",
            Self::Unstage(_) => "take AWSPENDING off the version",
            Self::Deactivate(_) => "deactivate the key",
            Self::Activate(_) => "reactivate the key",
            Self::DeleteKey(_) => "delete the key",
        }
    }

    /// A change in words that are the same for the same change, whenever it is made; nothing for a call that only reads.
    #[must_use]
    pub(crate) fn change(&self) -> Option<String> {
        Some(match self {
            Self::Write(note) => note.without_times(),
            Self::CreateSecret(_)
            | Self::PutPlaceholder(_)
            | Self::TestWrite(_)
            | Self::StagePlaceholder(_)
            | Self::CreateKey
            | Self::BindSecret => self.purpose().to_owned(),
            Self::WriteHome(home) => format!("{}: {home}", self.purpose()),
            Self::Stage { version, .. } | Self::Unstage(version) => format!("{}: {version}", self.purpose()),
            Self::Promote { to, .. } => format!("{}: {to}", self.purpose()),
            Self::Deactivate(key) | Self::Activate(key) | Self::DeleteKey(key) => format!("{}: {key}", self.purpose()),
            Self::ListKeys
            | Self::DescribeSecret
            | Self::LookInto(_)
            | Self::Measure(_)
            | Self::ListVersions
            | Self::LastUse(_)
            | Self::FindElsewhere
            | Self::Compare
            | Self::ReadVersion(_)
            | Self::Probe(_) => return None,
        })
    }

    /// Whether the call only reads.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        self.change().is_none()
    }
}

/// What a call that succeeded brought.
#[expect(clippy::large_enum_variant, reason = "there is one for each user at work; a box would burden every match")]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reply {
    /// To [`Call::ListKeys`].
    Keys(Vec<AccessKey>),
    /// To [`Call::DescribeSecret`].
    Secret(SecretState),
    /// To [`Call::LookInto`] and [`Call::Measure`]; `None` if the version has no value yet.
    Inside(Option<Inside>),
    /// To [`Call::ListVersions`].
    Versions(Vec<StoredVersion>),
    /// To [`Call::LastUse`].
    LastUse(LastUse),
    /// To [`Call::CreateKey`].
    Created(NewKey),
    /// To [`Call::ReadVersion`]; `None` if the version holds no credentials.
    Credentials(Option<Credentials>),
    /// To [`Call::Probe`].
    Probe(ProbeAnswer),
    /// To [`Call::CreateSecret`].
    SecretCreated(SecretArn),
    /// To [`Call::FindElsewhere`].
    Elsewhere(Vec<SecretArn>),
    /// To [`Call::Compare`].
    Differences(Vec<Difference>),
    /// To every other call that changes something.
    Done,
}

/// What was found in a version.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Inside {
    /// The id of the access key, if there is one.
    pub key: Option<KeyId>,
    /// Whether there are further fields.
    pub extras: bool,
    /// The size in bytes of the value that would take this one's place: its further fields, with the longest key
    /// ([`Credentials::longest`]). `None` where there are no fields to carry.
    pub next_size: Option<usize>,
}

/// A key that IAM has just made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct NewKey {
    /// The key and its secret, which IAM shows this once.
    pub credentials: Credentials,
    /// When IAM made it.
    pub created: Timestamp,
}

/// What STS said to credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub enum ProbeAnswer {
    /// They are this user's.
    Authenticated(UserArn),
    /// They authenticate somebody who is no IAM user.
    SomebodyElse(String),
    /// Not known, not known yet, or inactive: STS answers all three alike (`InvalidClientTokenId`).
    Refused,
    /// The secret does not fit the id (`SignatureDoesNotMatch`).
    WrongSecret,
}

/// A call that failed: what went wrong, apart from whether it may have been carried out all the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash, thiserror::Error, Serialize)]
#[error("{message}")]
pub struct CallError {
    /// What went wrong.
    pub kind: ErrorKind,
    /// Whether the call may have been carried out.
    pub effect: Effect,
    /// For people: the call, the user or secret, AWS's code and message, the request id, and what to do.
    pub message: String,
    #[serde(skip)]
    code: Option<String>,
}

/// What went wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The permission is missing.
    Denied,
    /// Too many calls; already retried as long as was reasonable.
    Throttled,
    /// What was to be changed is no longer as it was seen: somebody else was faster.
    Conflict,
    /// The user, key, secret or version is not there.
    NotFound,
    /// An AWS limit, such as two access keys a user.
    LimitExceeded,
    /// No answer, or AWS failed (5xx, time-out, connection).
    Unavailable,
    /// It was acknowledged, and what is read afterwards does not show it.
    NoEffect,
    /// Anything else: refused as invalid, or an answer that could not be read.
    Other,
}

/// Whether a call that failed may have been carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Certainly not: AWS refused it, in every attempt.
    None,
    /// Perhaps: an answer was lost.
    Unknown,
}

impl CallError {
    /// Whether it says nothing of what was asked for, only that no answer could be had. A denial, or something that is gone, is an answer.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self.kind, ErrorKind::Unavailable | ErrorKind::Throttled)
    }

    /// An error, without a code of AWS's.
    #[must_use]
    pub fn new(kind: ErrorKind, effect: Effect, message: impl Into<String>) -> Self {
        Self { kind, effect, message: message.into(), code: None }
    }

    /// The same error, with the code that AWS gave it.
    #[must_use]
    pub fn with_aws_code(self, code: Option<String>) -> Self {
        Self { code, ..self }
    }

    /// The code that AWS gave it, such as `NoSuchEntity`; `None` if no answer of AWS's had one.
    #[must_use]
    pub fn aws_code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// An error after which nothing was changed.
    #[must_use]
    pub fn refused(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::new(kind, Effect::None, message)
    }

    /// An error after which it is not known whether the call was carried out.
    #[must_use]
    pub fn lost(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unavailable, Effect::Unknown, message)
    }
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Denied => "denied",
            Self::Throttled => "throttled",
            Self::Conflict => "conflict",
            Self::NotFound => "not found",
            Self::LimitExceeded => "limit exceeded",
            Self::Unavailable => "unavailable",
            Self::NoEffect => "no effect",
            Self::Other => "refused",
        })
    }
}
