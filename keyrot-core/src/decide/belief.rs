//! Decides which claims in the observed state count.
//!
//! Journal entries, version ids and labels are claims: anyone who may write the secret can write
//! them. A claim counts only if it agrees with IAM's and Secrets Manager's own facts (the creation
//! time of a key or version, a key's status); otherwise it counts as absent, and is reported.
//! `docs/protocol.md` lists the worst that an accepted claim can cause.

use crate::model::clock::CLOCK_TOLERANCE;
use crate::model::journal::{Journal, JournalEntry};
use crate::model::names::KeyId;
use crate::model::observed::{
    AccessKey, LabeledVersion, Observed, Secret, SecretState, StoredVersion,
};
use crate::model::receipt::{Receipt, Receiving};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::WaitPolicy;
use crate::model::waits::after;
use serde::Serialize;
use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// IAM gives a key's time in whole seconds, and a version id repeats it.
const SAME_SECOND: Duration = Duration::from_secs(2);

/// A claim on the secret that contradicts AWS's own facts, or is impossible. It counts as absent.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Doubt {
    /// The journal entry or the version id, as it is written.
    pub claim: String,
    /// The reason why it does not count.
    pub why: Implausible,
}

/// The reason why a claim does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Implausible {
    /// Its time is more than five minutes in the future.
    InTheFuture,
    /// Its time is before the creation of its key.
    BeforeTheKey,
    /// IAM has another creation time for the key.
    OtherCreationTime,
}

impl fmt::Display for Implausible {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InTheFuture => "its time is in the future",
            Self::BeforeTheKey => "its time is before the key was created",
            Self::OtherCreationTime => "IAM gives another creation time for the key",
        })
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ignored `{}` on the secret: {}", self.claim, self.why)
    }
}

/// Returns the observed state without the claims that do not count.
pub(super) fn believed<'a>(
    seen: &'a Observed,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Cow<'a, Observed> {
    let SecretState::Present(secret) = &seen.secret else { return Cow::Borrowed(seen) };
    let sieve = Sieve { seen, policy, now };
    if sieve.doubts(secret).is_empty()
        && secret.journal.receipts.values().all(|one| sieve.is_of_its_place(one))
    {
        return Cow::Borrowed(seen);
    }
    let secret = SecretState::Present(sieve.sift(secret));
    Cow::Owned(Observed { secret, ..seen.clone() })
}

/// Returns the claims that do not count, to report them.
pub(crate) fn doubts(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Vec<Doubt> {
    match &seen.secret {
        SecretState::Present(secret) => Sieve { seen, policy, now }.doubts(secret),
        _ => Vec::new(),
    }
}

/// Whether Secrets Manager's own date of a version agrees with what its id says: keyrot stores a
/// key in the run that creates it, so a version that was written later under an existing key's id
/// is not keyrot's.
pub(super) fn written_with_its_key(
    version: &StoredVersion,
    key: &AccessKey,
    policy: &WaitPolicy,
) -> bool {
    let says = matches!(Content::of(&version.id), Content::Key { key: id, created, .. }
        if id == key.id && same_second(created, key.created));
    let latest = after(after(key.created, policy.waits().settle), CLOCK_TOLERANCE);
    says && version
        .created
        .is_some_and(|at| key.created <= after(at, CLOCK_TOLERANCE) && at <= latest)
}

fn same_second(a: Timestamp, b: Timestamp) -> bool {
    a <= after(b, SAME_SECOND) && b <= after(a, SAME_SECOND)
}

fn labels(secret: &Secret) -> impl Iterator<Item = &LabeledVersion> {
    [&secret.current, &secret.pending, &secret.previous].into_iter().flatten()
}

struct Sieve<'a> {
    seen: &'a Observed,
    policy: &'a WaitPolicy,
    now: Timestamp,
}

impl Sieve<'_> {
    fn sift(&self, secret: &Secret) -> Secret {
        let label = |held: &Option<LabeledVersion>| {
            held.clone().map(|held| match self.doubt_version(&held) {
                // The version is read, like any version that something else wrote.
                Some(_) => LabeledVersion { content: Content::Foreign, ..held },
                None => held,
            })
        };
        let Journal { intent, promoted, retired, revoked, moved_to, receipts } =
            secret.journal.clone();
        let believed = |note: Option<JournalEntry>| {
            note.filter(|note| self.doubt_note(secret, note).is_none()).is_some()
        };
        let journal = Journal {
            intent: intent.filter(|intent| believed(Some(JournalEntry::Intent(intent.clone())))),
            promoted: promoted
                .filter(|promoted| believed(Some(JournalEntry::Promoted(promoted.clone())))),
            retired: retired
                .filter(|retired| believed(Some(JournalEntry::Retired(retired.clone())))),
            revoked: revoked
                .into_iter()
                .filter(|one| believed(Some(JournalEntry::Revoked(vec![one.clone()]))))
                .collect(),
            // This claim can only stop a run.
            moved_to,
            receipts: receipts
                .into_iter()
                .filter(|(_, one)| believed(Some(JournalEntry::Receipt(one.clone()))))
                .filter(|(_, one)| self.is_of_its_place(one))
                .collect(),
        };
        Secret {
            current: label(&secret.current),
            pending: label(&secret.pending),
            previous: label(&secret.previous),
            journal,
            ..secret.clone()
        }
    }

    /// Whether the settings still name the place that the receipt is about. A receipt for another
    /// place is not an error.
    fn is_of_its_place(&self, receipt: &Receipt) -> bool {
        let assigned = self.seen.destinations.iter().map(|one| &one.assignment);
        let now = assigned.filter(|one| one.to == receipt.to).map(|one| one.place_id).next();
        now.is_none_or(|place| place == receipt.place)
    }

    fn doubts(&self, secret: &Secret) -> Vec<Doubt> {
        let Journal { intent, promoted, retired, revoked, moved_to: _, receipts } = &secret.journal;
        let notes = [
            intent.clone().map(JournalEntry::Intent),
            promoted.clone().map(JournalEntry::Promoted),
            retired.clone().map(JournalEntry::Retired),
        ];
        let revoked = revoked.iter().map(|one| JournalEntry::Revoked(vec![one.clone()]));
        let receipts = receipts.values().cloned().map(JournalEntry::Receipt);
        let notes = notes.into_iter().flatten().chain(revoked).chain(receipts).filter_map(|note| {
            let why = self.doubt_note(secret, &note)?;
            Some(Doubt { claim: note.to_text(), why })
        });
        let versions = labels(secret).filter_map(|held| {
            let why = self.doubt_version(held)?;
            Some(Doubt { claim: held.version.to_string(), why })
        });
        notes.chain(versions).collect()
    }

    fn doubt_note(&self, secret: &Secret, note: &JournalEntry) -> Option<Implausible> {
        match note {
            JournalEntry::Intent(intent) => self.future(intent.at, Duration::ZERO),
            // While AWSCURRENT is moved back, the entry has a time later than any run takes.
            JournalEntry::Promoted(promoted) => {
                self.future(promoted.at, self.policy.waits().settle).or_else(|| {
                    let held = labels(secret).find(|held| held.version == promoted.version)?;
                    let key = held.key().and_then(|id| self.key(id));
                    self.before(key, promoted.at)
                })
            }
            JournalEntry::Retired(retired) => self
                .future(retired.at, Duration::ZERO)
                .or_else(|| self.before(self.key(&retired.key), retired.at)),
            JournalEntry::Revoked(all) => all.iter().find_map(|one| {
                self.future(one.at, Duration::ZERO)
                    .or_else(|| self.before(self.key(&one.key), one.at))
            }),
            JournalEntry::Moved(_) => None,
            JournalEntry::Receipt(receipt) => {
                self.future(receipt.at, Duration::ZERO).or_else(|| {
                    let held = labels(secret).find(|held| held.version == receipt.version)?;
                    let key = held.key().and_then(|id| self.key(id));
                    let delivered = receipt.state == Receiving::Delivered;
                    self.before(key.filter(|_| delivered), receipt.at)
                })
            }
        }
    }

    fn doubt_version(&self, held: &LabeledVersion) -> Option<Implausible> {
        let Content::Key { key, created, .. } = &held.content else { return None };
        let other = || {
            let listed = self.key(key)?;
            (!same_second(listed.created, *created)).then_some(Implausible::OtherCreationTime)
        };
        self.future(*created, Duration::ZERO).or_else(other)
    }

    fn future(&self, at: Timestamp, allowed: Duration) -> Option<Implausible> {
        (at > after(after(self.now, CLOCK_TOLERANCE), allowed)).then_some(Implausible::InTheFuture)
    }

    fn before(&self, key: Option<&AccessKey>, at: Timestamp) -> Option<Implausible> {
        let created = key?.created;
        (after(at, CLOCK_TOLERANCE) < created).then_some(Implausible::BeforeTheKey)
    }

    fn key(&self, id: &KeyId) -> Option<&AccessKey> {
        self.seen.keys.iter().find(|key| key.id == *id)
    }
}
