//! The calls that a rotation makes, and their replies. One value of [`Call`] is one request to a
//! port.

use crate::model::credentials::Credentials;
use crate::model::destination::{Delivery, Found};
use crate::model::home::{Difference, SecretArn};
use crate::model::journal::JournalEntry;
use crate::model::names::{DestinationName, KeyId, VersionId};
use crate::model::observed::{AccessKey, LastUse, SecretState, StoredVersion};
use crate::model::stored::{NewKey, ProbeAnswer, VersionContents};

/// One request to a port, on behalf of one user.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Call {
    /// `iam:ListAccessKeys`, all pages.
    ListKeys,
    /// `secretsmanager:DescribeSecret`.
    DescribeSecret,
    /// `secretsmanager:GetSecretValue` of a version that something else wrote; only the key's id
    /// and the size of the next value are kept.
    InspectVersion(VersionId),
    /// `secretsmanager:GetSecretValue` of a version whose other fields are carried over; only the
    /// size of the next value is kept.
    Measure(VersionId),
    /// `secretsmanager:ListSecretVersionIds`, all pages, including versions without a label.
    ListVersions,
    /// `iam:GetAccessKeyLastUsed`.
    LastUse(KeyId),
    /// `secretsmanager:DescribeSecret` in the other regions: does the user have a home there?
    FindElsewhere,
    /// `secretsmanager:DescribeSecret` and `GetResourcePolicy`: how does the secret differ from one
    /// that keyrot would create?
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
    /// `secretsmanager:TagResource` with the journal entry.
    Write(JournalEntry),
    /// `secretsmanager:PutSecretValue` of a version without credentials, under a label that nothing
    /// reads: can the secret be written to?
    TestWrite(VersionId),
    /// `iam:CreateAccessKey`.
    CreateKey,
    /// `secretsmanager:PutSecretValue` under AWSPENDING; fields of `carry` that are not keyrot's
    /// are carried over.
    Stage {
        /// The id of the new version.
        version: VersionId,
        /// The credentials that it holds.
        credentials: Credentials,
        /// The version whose other fields are carried over.
        carry: Option<VersionId>,
    },
    /// `secretsmanager:GetSecretValue` of a version whose credentials will be verified.
    ReadVersion(VersionId),
    /// `sts:GetCallerIdentity` with the credentials.
    Probe(Credentials),
    /// `secretsmanager:UpdateSecretVersionStage`: AWSCURRENT from one version to another, if it is
    /// still on the first.
    Promote {
        /// The version that had AWSCURRENT.
        from: VersionId,
        /// The version that gets it.
        to: VersionId,
    },
    /// `secretsmanager:UpdateSecretVersionStage`: removes AWSPENDING from the version.
    Unstage(VersionId),
    /// `iam:UpdateAccessKey` to Inactive.
    Deactivate(KeyId),
    /// `iam:UpdateAccessKey` to Active.
    Activate(KeyId),
    /// `iam:DeleteAccessKey`.
    DeleteKey(KeyId),
    /// What is at this place of a destination?
    InspectDestination {
        /// The destination.
        to: DestinationName,
        /// The place in it.
        place: String,
    },
    /// Puts the current key there.
    Deliver {
        /// The destination.
        to: DestinationName,
        /// The place in it.
        place: String,
        /// The key.
        delivery: Delivery,
    },
}

impl Call {
    /// Returns the purpose of the call, to be read after "could not".
    #[must_use]
    pub fn purpose(&self) -> &'static str {
        match self {
            Self::ListKeys => "list the user's access keys",
            Self::DescribeSecret => "describe the secret",
            Self::InspectVersion(_) => "read which key the secret holds",
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
            Self::Unstage(_) => "remove AWSPENDING from the version",
            Self::Deactivate(_) => "deactivate the key",
            Self::Activate(_) => "reactivate the key",
            Self::DeleteKey(_) => "delete the key",
            Self::InspectDestination { .. } => "read the destination",
            Self::Deliver { .. } => "deliver the key",
        }
    }

    /// Returns a code for programs: the port's method that it calls, except `measure`, which also
    /// calls `inspect_version`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::ListKeys => "list_keys",
            Self::DescribeSecret => "describe",
            Self::InspectVersion(_) => "inspect_version",
            Self::Measure(_) => "measure",
            Self::ListVersions => "versions",
            Self::LastUse(_) => "last_use",
            Self::FindElsewhere => "elsewhere",
            Self::Compare => "differences",
            Self::WriteHome(_) => "write_home",
            Self::BindSecret => "bind",
            Self::CreateSecret(_) => "create",
            Self::PutPlaceholder(_) => "put_placeholder",
            Self::StagePlaceholder(_) => "stage_placeholder",
            Self::Write(_) => "write_note",
            Self::TestWrite(_) => "test_write",
            Self::CreateKey => "create_key",
            Self::Stage { .. } => "stage",
            Self::ReadVersion(_) => "read",
            Self::Probe(_) => "probe",
            Self::Promote { .. } => "promote",
            Self::Unstage(_) => "unstage",
            Self::Deactivate(_) => "deactivate_key",
            Self::Activate(_) => "activate_key",
            Self::DeleteKey(_) => "delete_key",
            Self::InspectDestination { .. } => "inspect_destination",
            Self::Deliver { .. } => "deliver",
        }
    }

    /// Returns a text that identifies the change, whenever it is made; `None` for a call that only
    /// reads.
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
            Self::Stage { version, .. } | Self::Unstage(version) => {
                format!("{}: {version}", self.purpose())
            }
            Self::Promote { to, .. } => format!("{}: {to}", self.purpose()),
            Self::Deactivate(key) | Self::Activate(key) | Self::DeleteKey(key) => {
                format!("{}: {key}", self.purpose())
            }
            Self::Deliver { to, delivery, .. } => {
                format!("{}: {} to {to}", self.purpose(), delivery.version)
            }
            Self::ListKeys
            | Self::InspectDestination { .. }
            | Self::DescribeSecret
            | Self::InspectVersion(_)
            | Self::Measure(_)
            | Self::ListVersions
            | Self::LastUse(_)
            | Self::FindElsewhere
            | Self::Compare
            | Self::ReadVersion(_)
            | Self::Probe(_) => return None,
        })
    }

    /// Returns the destination that the call goes to. `None` if it goes to IAM, STS or the home
    /// secret.
    pub(crate) fn destination(&self) -> Option<&DestinationName> {
        match self {
            Self::InspectDestination { to, .. } | Self::Deliver { to, .. } => Some(to),
            _ => None,
        }
    }

    /// Whether the call only reads.
    #[must_use]
    pub fn only_reads(&self) -> bool {
        self.change().is_none()
    }
}

/// The reply of a call that succeeded.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each user at work; a box would burden every match"
)]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Reply {
    /// The reply to [`Call::ListKeys`].
    Keys(Vec<AccessKey>),
    /// The reply to [`Call::DescribeSecret`].
    Secret(SecretState),
    /// The reply to [`Call::InspectVersion`] and [`Call::Measure`]; `None` if the version has no
    /// value yet.
    VersionContents(Option<VersionContents>),
    /// The reply to [`Call::ListVersions`].
    Versions(Vec<StoredVersion>),
    /// The reply to [`Call::LastUse`].
    LastUse(LastUse),
    /// The reply to [`Call::CreateKey`].
    Created(NewKey),
    /// The reply to [`Call::ReadVersion`]; `None` if the version holds no credentials.
    Credentials(Option<Credentials>),
    /// The reply to [`Call::Probe`].
    Probe(ProbeAnswer),
    /// The reply to [`Call::CreateSecret`].
    SecretCreated(SecretArn),
    /// The reply to [`Call::FindElsewhere`].
    Elsewhere(Vec<SecretArn>),
    /// The reply to [`Call::InspectDestination`] and [`Call::Deliver`].
    Found(Found),
    /// The reply to [`Call::Compare`].
    Differences(Vec<Difference>),
    /// The reply to every other call that changes something.
    Done,
}
