//! The observed state of one user.

use crate::model::deployer::Deployer;
use crate::model::destination::SeenDestination;
use crate::model::home::{Difference, Owner, Residence, SecretArn};
use crate::model::journal::{Journal, Revoked};
use crate::model::names::{KeyId, VersionId};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that is known about one user's keys and secret at one moment of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Observed {
    /// The name of an attached policy by which AWS quarantined the user, if there is one.
    pub quarantine: Option<String>,
    /// The user's identity, and the place of its secret.
    pub residence: Residence,
    /// The user's secrets in other regions, once they were read.
    pub elsewhere: Option<Vec<SecretArn>>,
    /// How the secret differs from one that keyrot would create, once that was read.
    pub differences: Option<Vec<Difference>>,
    /// Whether this run created the secret.
    pub created_here: bool,
    /// The user's access keys, as `ListAccessKeys` gives them.
    pub keys: Vec<AccessKey>,
    /// The user's secret, as `DescribeSecret` gives it.
    pub secret: SecretState,
    /// The key that this run has just created: its secret half is in memory and not staged yet.
    pub in_hand: Option<KeyId>,
    /// The key that this run has reactivated.
    pub reactivated: Option<KeyId>,
    /// The key that this run has deactivated before it wrote an entry about it.
    pub switched_off: Option<KeyId>,
    /// The revocation that was requested from this run, once its entry is written.
    pub ordered: Option<Revoked>,
    /// The last use of those keys for which it was read.
    pub last_use: BTreeMap<KeyId, LastUse>,
    /// All versions of the secret, with and without a label, once they were read.
    pub versions: Option<Vec<StoredVersion>>,
    /// Whether this run has shown, as far as possible in advance, that a new key can be stored: it
    /// has written a new intent when no earlier one was left without a key, or a test version.
    pub may_create: bool,
    /// The size in bytes of the next value with this version's other fields and the longest key;
    /// `None` if they cannot be carried over. Known once the version was read.
    pub next_size: Option<(VersionId, Option<usize>)>,
    /// The version that this run has staged, so its origin is known.
    pub staged_here: Option<VersionId>,
    /// The result of verifying a version in this run.
    pub verified: Option<(VersionId, Verified)>,
    /// The user's destinations, by name.
    pub destinations: Vec<SeenDestination>,
}

impl Observed {
    /// Whether keyrot has not changed this user yet: there is no secret, or it has neither a
    /// journal entry nor a version from keyrot.
    #[must_use]
    pub fn is_unadopted(&self) -> bool {
        let SecretState::Present(secret) = &self.secret else { return true };
        let labeled = [&secret.current, &secret.pending, &secret.previous];
        let own =
            labeled.into_iter().flatten().any(|held| matches!(held.content, Content::Key { .. }));
        secret.journal == Journal::default() && !own
    }
}

/// One access key of a user.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AccessKey {
    /// Its id.
    pub id: KeyId,
    /// Its status.
    pub status: KeyStatus,
    /// When IAM created it.
    pub created: Timestamp,
}

/// The status of a key. IAM has Active, Inactive and Expired, and may add more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// Requests signed with it are accepted.
    Active,
    /// Deactivated; it can be reactivated.
    Inactive,
    /// Any other status, in IAM's word. Such a key is never changed.
    Other(String),
}

impl KeyStatus {
    /// Returns the word for documents: `active`, `inactive`, or IAM's own word.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Other(status) => status,
        }
    }
}

/// IAM's record of the last use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastUse {
    /// The last use that was recorded.
    At {
        /// When it was used. IAM records the first use in each 15 minutes, and shows it hours late.
        when: Timestamp,
        /// The service that was called, such as `s3`.
        service: String,
        /// The region of the call.
        region: String,
    },
    /// IAM answered, and has no use on record.
    NoRecord,
    /// The last use could not be read, for this reason. Never counts as "unused".
    Unknown(String),
}

/// The state of a user's secret.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one for each user at work; a box would burden every match"
)]
pub enum SecretState {
    /// There is no secret of that name.
    Missing,
    /// The secret is scheduled for deletion: it refuses every read and write.
    Deleted {
        /// When the deletion was scheduled.
        since: Timestamp,
    },
    /// The secret is a replica: it refuses writes.
    Replica {
        /// The region of the primary secret.
        primary: String,
    },
    /// The secret exists and can be written to.
    Present(Secret),
}

/// A secret without its value: which version has which staging label, and the journal.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Secret {
    /// Its ARN, with the six characters that Secrets Manager added.
    pub arn: SecretArn,
    /// The owner in its tag.
    pub owner: Option<Owner>,
    /// The number of tags that are not keyrot's.
    pub other_tags: usize,
    /// The version under AWSCURRENT: what readers get.
    pub current: Option<LabeledVersion>,
    /// The version under AWSPENDING: what will become current.
    pub pending: Option<LabeledVersion>,
    /// The version under AWSPREVIOUS: what was current before.
    pub previous: Option<LabeledVersion>,
    /// keyrot's journal.
    pub journal: Journal,
    /// The tool that deploys the secret, if its tags show one. It is only reported.
    pub deployed_by: Option<Deployer>,
    /// Whether Secrets Manager's own rotation is on. Then it orders the next key from its rotation
    /// function (see [`RotationStep`](crate::model::step::RotationStep)), and no run creates one.
    pub rotation_enabled: bool,
}

/// A version as the store lists it, with a label or without one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StoredVersion {
    /// Its id, which its writer chose.
    pub id: VersionId,
    /// The store's own time of the write, if it has one. It cannot be forged.
    pub created: Option<Timestamp>,
}

/// A version under a staging label.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct LabeledVersion {
    /// The version's id.
    pub version: VersionId,
    /// What it holds.
    pub content: Content,
}

impl Secret {
    /// Returns a secret about which nothing is known yet.
    #[must_use]
    pub fn empty(arn: SecretArn) -> Self {
        let journal = Journal::default();
        Self {
            arn,
            owner: None,
            other_tags: 0,
            current: None,
            pending: None,
            previous: None,
            journal,
            deployed_by: None,
            rotation_enabled: false,
        }
    }

    /// Returns where the user's home was moved to; `None` if it is here, or was moved back.
    #[must_use]
    pub fn moved_to(&self) -> Option<&SecretArn> {
        self.journal.moved_to.as_ref().filter(|to| to.place() != self.arn.place())
    }
}

impl LabeledVersion {
    /// Returns a version with the content that its id names.
    #[must_use]
    pub fn of(version: VersionId) -> Self {
        let content = Content::of(&version);
        Self { version, content }
    }

    /// Returns the key whose credentials the version holds, if known.
    #[must_use]
    pub fn key(&self) -> Option<&KeyId> {
        self.content.key()
    }
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// The credentials authenticated as the user, as many times in a row as the policy requires.
    Works,
    /// The credentials were refused repeatedly, until the time was over.
    Refused(String),
    /// AWS could not be asked, for this reason: that says nothing about the credentials. Never
    /// counts as "they do not work".
    Unknown(String),
    /// The credentials belong to another principal, or the version does not hold what its id says.
    /// They will never work.
    Wrong(String),
}
