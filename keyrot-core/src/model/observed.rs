//! What is seen of one user before anything is decided.

use crate::model::deployer::Deployer;
use crate::model::destination::SeenDestination;
use crate::model::home::{Difference, Owner, Residence, SecretArn};
use crate::model::journal::{Journal, Revoked};
use crate::model::names::{KeyId, VersionId};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that is known of one user's keys and secret at one moment of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Observed {
    /// The name of an attached policy by which AWS quarantined the user, if there is one.
    pub quarantine: Option<String>,
    /// Who the user is, and where its secret is to be.
    pub residence: Residence,
    /// The user's secrets in further regions, once they were looked for.
    pub elsewhere: Option<Vec<SecretArn>>,
    /// How the secret differs from one that keyrot would create, once that was asked.
    pub differences: Option<Vec<Difference>>,
    /// Whether this run created the secret.
    pub created_here: bool,
    /// The user's access keys, as `ListAccessKeys` gives them.
    pub keys: Vec<AccessKey>,
    /// The user's secret, as `DescribeSecret` gives it.
    pub secret: SecretState,
    /// The key that this run has just made, whose secret it holds in memory and has not staged yet.
    pub in_hand: Option<KeyId>,
    /// The key that this run has reactivated.
    pub reactivated: Option<KeyId>,
    /// The key that this run has deactivated before anything was written down of it.
    pub switched_off: Option<KeyId>,
    /// The revocation that this run was asked for, once it has written it down.
    pub ordered: Option<Revoked>,
    /// The last use of those keys for which it was asked.
    pub last_use: BTreeMap<KeyId, LastUse>,
    /// All versions of the secret, with and without a label, once they were asked for.
    pub versions: Option<Vec<StoredVersion>>,
    /// Whether this run has shown that a key which it creates can be stored, as far as is known
    /// before: it has written a new intent, where no earlier one was left without a key, or a
    /// version without credentials.
    pub may_create: bool,
    /// How many bytes the value would have that carries this version's further fields along, with
    /// the longest key; `None` if nothing can be carried. Known once the version was looked into.
    pub next_size: Option<(VersionId, Option<usize>)>,
    /// The version that this run has staged: nobody has to say whose it is.
    pub staged_here: Option<VersionId>,
    /// What came of trying the credentials in a version, in this run.
    pub verified: Option<(VersionId, Verified)>,
    /// The user's destinations, by name.
    pub destinations: Vec<SeenDestination>,
}

impl Observed {
    /// Whether keyrot has changed nothing of this user's yet: there is no secret, or neither a
    /// journal entry nor a version of keyrot's in it.
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
    /// Whether it works.
    pub status: KeyStatus,
    /// When IAM made it.
    pub created: Timestamp,
}

/// The status of a key. IAM knows Active, Inactive and Expired, and may come to know more.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStatus {
    /// Requests signed with it are accepted.
    Active,
    /// Switched off; it can be switched on again.
    Inactive,
    /// Anything else, in IAM's word. Such a key is never changed.
    Other(String),
}

impl KeyStatus {
    /// As documents have it: `active`, `inactive`, or IAM's own word.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Inactive => "inactive",
            Self::Other(status) => status,
        }
    }
}

/// What IAM says of the last use of a key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LastUse {
    /// The last use that was recorded.
    At {
        /// When; IAM records the first use in each 15 minutes and shows it hours late.
        when: Timestamp,
        /// Which service was called, such as `s3`.
        service: String,
        /// In which region.
        region: String,
    },
    /// IAM answered, and has no use on record.
    NoRecord,
    /// It could not be found out, and why. Never read as "unused".
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
    /// There is none of that name.
    Missing,
    /// It is scheduled for deletion since then: it refuses every read and write.
    Deleted {
        /// Since when.
        since: Timestamp,
    },
    /// It is a replica: it refuses writes.
    Replica {
        /// The region of the primary secret.
        primary: String,
    },
    /// It is there and can be written to.
    Present(Secret),
}

/// A secret as keyrot sees it: which version has which staging label, and the notes. No value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Secret {
    /// Its ARN, with the six characters that Secrets Manager added.
    pub arn: SecretArn,
    /// Whose key it holds, as its tag says.
    pub owner: Option<Owner>,
    /// How many tags it has that are not keyrot's.
    pub other_tags: usize,
    /// Under AWSCURRENT: what readers get.
    pub current: Option<LabeledVersion>,
    /// Under AWSPENDING: what is to become current.
    pub pending: Option<LabeledVersion>,
    /// Under AWSPREVIOUS: what was current before.
    pub previous: Option<LabeledVersion>,
    /// keyrot's own notes.
    pub journal: Journal,
    /// Which tool deploys the secret, as far as its tags show it. It is only told.
    pub deployed_by: Option<Deployer>,
    /// Whether Secrets Manager's own rotation is switched on: then it asks its rotation function
    /// for the next key (see [`RotationStep`](crate::model::step::RotationStep)), and nobody else
    /// makes one.
    pub rotation_enabled: bool,
}

/// A version as the store lists it, with a label or without one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct StoredVersion {
    /// Its id, which whoever wrote it chose.
    pub id: VersionId,
    /// When the store says that it was written, if it says so. Nobody can choose that.
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
    /// A secret that nothing is known of yet.
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

    /// Where the user's home was moved to; `None` while it is here, or was moved back.
    #[must_use]
    pub fn moved_to(&self) -> Option<&SecretArn> {
        self.journal.moved_to.as_ref().filter(|to| to.place() != self.arn.place())
    }
}

impl LabeledVersion {
    /// A version with what its id says of its content.
    #[must_use]
    pub fn of(version: VersionId) -> Self {
        let content = Content::of(&version);
        Self { version, content }
    }

    /// The key whose credentials the version holds, where known.
    #[must_use]
    pub fn key(&self) -> Option<&KeyId> {
        self.content.key()
    }
}

/// What came of trying credentials.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verified {
    /// They authenticated as the user, as often running as the policy asks.
    Works,
    /// They were refused, again and again, until the time for trying was over.
    Refused(String),
    /// AWS could not be asked, and why: that says nothing about the credentials. Never read as
    /// "they do not work".
    Unknown(String),
    /// They are somebody else's, or the version does not hold what its id says; they never will do.
    Wrong(String),
}
