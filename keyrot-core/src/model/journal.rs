//! The journal: tags on the secret itself, from which the next run continues after a run that died.
//!
//! There are four entries about keys, each in its own tag, and each written before or right after
//! its step. There is one for each destination, and one that closes a secret that is no longer the
//! user's home:
//!
//! | tag | text | meaning |
//! |---|---|---|
//! | `keyrot:intent` | `intent KEY+KEY TIME` (or `none` for no keys) | the keys that existed before a key is created |
//! | `keyrot:promoted` | `promoted VERSION replacing KEY TIME overlap=MILLISECONDSms` (or `none`) | this version was verified and has the AWSCURRENT label; the overlap counts from TIME. A TIME in the future: AWSCURRENT is being moved back to it. With the placeholder's version: AWSCURRENT was moved back to it, and the earlier entry is over |
//! | `keyrot:retired` | `retiring KEY TIME`, `abandoned KEY TIME`, `inactive KEY TIME soak=MILLISECONDSms`, `hold KEY TIME`, each with `reactivated` at the end if a person reactivated the key once | the phase of the key that is being retired: about to be deactivated; the same for a key that was never current; confirmed Inactive, the soak counts from TIME; reactivated by a person, or about to be published again: the overlap counts from TIME again |
//! | `keyrot:revoked` | `revoked KEY TIME`, `revoked-if-unused KEY TIME`, several of these, or `revoked none` | an operator revoked this key: it is replaced, and then deactivated without a wait, or only once it was not used for `recent_use`. No other entry overrides it: the operator takes it back ([`Request::Reinstate`](crate::model::request::Request::Reinstate)), and the entry is written again without the key |
//! | `keyrot:to:NAME` | see [`Receipt`] | the progress of the delivery to the destination of this name |
//! | `keyrot:moved-to` | the ARN of a secret | the user's home was moved there ([`Request::Leave`](crate::model::request::Request::Leave)), and no run treats this secret as the home. The secret's own ARN: the home was moved back |
//!
//! A tag creates no version and takes one write. Each entry names its key or version, so an
//! outdated entry names something that no longer exists and is ignored; nothing has to be cleaned
//! up. An entry that cannot be read counts as absent: waits start again, and unknown keys block.
//! Tag values allow `A-Z a-z 0-9 space + - = . _ : / @` and 256 characters (Secrets Manager API
//! reference, data type `Tag`); the texts stay within that.

use crate::model::home::SecretArn;
use crate::model::names::{DestinationName, KeyId, VersionId};
use crate::model::receipt::Receipt;
use crate::model::time::Timestamp;
use crate::model::waits::LONGEST;
use chrono::{DateTime, SecondsFormat};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

/// One journal entry, to be written or as read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalEntry {
    /// A key is about to be created.
    Intent(Intent),
    /// A verified version has the AWSCURRENT label.
    Promoted(Promoted),
    /// The phase of the key that is being retired.
    Retired(Retired),
    /// The revoked keys that still exist, the latest last; without a key whose revocation was taken
    /// back.
    Revoked(Vec<Revoked>),
    /// The place to which the user's home was moved.
    Moved(SecretArn),
    /// The progress of the delivery to a destination.
    Receipt(Receipt),
}

/// Written before a key is created: a key that is not in `before` and appears within `settle` is
/// keyrot's own.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Intent {
    /// The keys that existed.
    pub before: Vec<KeyId>,
    /// When it was written.
    pub at: Timestamp,
}

/// Written after AWSCURRENT moved: the record that the successor is in place.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Promoted {
    /// The version under AWSCURRENT, whose credentials have authenticated.
    pub version: VersionId,
    /// The key that it replaced.
    pub replacing: Option<KeyId>,
    /// When it was written: the overlap counts from here.
    pub at: Timestamp,
    /// The overlap that was set at that time. A shorter one that is set later applies to later
    /// rotations; this one never shortens the setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Duration>,
}

/// The phase of the key that is being retired.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Retired {
    /// The key that is being retired.
    pub key: KeyId,
    /// Its phase.
    pub phase: Phase,
    /// When the phase began.
    pub at: Timestamp,
    /// The soak that was set when the key became Inactive. A shorter one that is set later applies
    /// to later rotations; this one never shortens the setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Duration>,
    /// Whether the key was reactivated once after keyrot had deactivated it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reactivated: bool,
}

/// An operator's decision that a key must no longer be used, for example because it leaked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Revoked {
    /// The key.
    pub key: KeyId,
    /// When it was revoked.
    pub at: Timestamp,
    /// Only while IAM has no use of the key on record within `recent_use`; then it needs no
    /// replacement.
    pub only_if_unused: bool,
}

impl Revoked {
    /// Whether this entry, as read back from the tag, covers the whole revocation. A tag keeps
    /// milliseconds.
    pub(crate) fn covers(&self, order: &Self) -> bool {
        let at = order.at - chrono::TimeDelta::milliseconds(1);
        self.key == order.key && at <= self.at && (order.only_if_unused || !self.only_if_unused)
    }
}

/// The phase of a key that is being retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// About to be deactivated.
    Retiring,
    /// Created by keyrot and never to become current: about to lose AWSPENDING and to be
    /// deactivated.
    Abandoned,
    /// Confirmed Inactive.
    Inactive,
    /// Reactivated by a person after it was Inactive, or kept because it is about to be published
    /// again.
    Hold,
}

/// All readable journal entries of one secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Journal {
    /// The last intent.
    pub intent: Option<Intent>,
    /// The last promotion.
    pub promoted: Option<Promoted>,
    /// The key that is being retired.
    pub retired: Option<Retired>,
    /// The revoked keys, the latest last.
    pub revoked: Vec<Revoked>,
    /// The place to which the user's home was moved; the secret's own ARN if it was moved back.
    pub moved_to: Option<SecretArn>,
    /// The state of the deliveries, by destination.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub receipts: BTreeMap<DestinationName, Receipt>,
}

impl Journal {
    /// Reads the journal entries from a secret's tags. A missing or unreadable entry is absent.
    #[must_use]
    pub fn from_tags(tags: &BTreeMap<String, String>) -> Self {
        let mut journal = Self::default();
        for tag in JournalEntry::TAGS.into_iter().chain([JournalEntry::MOVED_TO]) {
            if let Some(note) = tags.get(tag).and_then(|text| JournalEntry::parse(text))
                && note.tag() == tag
            {
                journal.set(note);
            }
        }
        let receipts = tags.iter().filter_map(|(tag, text)| Receipt::parse(tag, text));
        receipts.for_each(|receipt| journal.set(JournalEntry::Receipt(receipt)));
        journal
    }

    /// Sets the entry, and replaces the previous one of its kind.
    pub fn set(&mut self, note: JournalEntry) {
        match note {
            JournalEntry::Intent(intent) => self.intent = Some(intent),
            JournalEntry::Promoted(promoted) => self.promoted = Some(promoted),
            JournalEntry::Retired(retired) => self.retired = Some(retired),
            JournalEntry::Revoked(revoked) => self.revoked = revoked,
            JournalEntry::Moved(to) => self.moved_to = Some(to),
            JournalEntry::Receipt(receipt) => {
                self.receipts.insert(receipt.to.clone(), receipt);
            }
        }
    }

    /// Returns the phase of this key, and when it began.
    #[must_use]
    pub fn phase_of(&self, key: &KeyId) -> Option<(Phase, Timestamp)> {
        let retired = self.retired.as_ref().filter(|r| r.key == *key)?;
        Some((retired.phase, retired.at))
    }

    /// Returns the entry that revokes this key. No other entry overrides it.
    #[must_use]
    pub fn revocation_of(&self, key: &KeyId) -> Option<&Revoked> {
        self.revoked.iter().find(|r| r.key == *key)
    }

    /// Returns when this key was revoked.
    #[must_use]
    pub fn revoked_at(&self, key: &KeyId) -> Option<Timestamp> {
        self.revocation_of(key).map(|revoked| revoked.at)
    }
}

impl JournalEntry {
    /// The tag on a secret that names the secret to which the user's home was moved.
    pub const MOVED_TO: &str = "keyrot:moved-to";
    /// The tags with the journal entries about keys. Each secret needs room for them.
    pub const TAGS: [&str; 4] =
        ["keyrot:intent", "keyrot:promoted", "keyrot:retired", "keyrot:revoked"];

    /// Returns the tag of this entry.
    #[must_use]
    pub fn tag(&self) -> Cow<'static, str> {
        let tag = match self {
            Self::Intent(_) => Self::TAGS[0],
            Self::Promoted(_) => Self::TAGS[1],
            Self::Retired(_) => Self::TAGS[2],
            Self::Revoked(_) => Self::TAGS[3],
            Self::Moved(_) => Self::MOVED_TO,
            Self::Receipt(receipt) => return Cow::Owned(receipt.tag()),
        };
        Cow::Borrowed(tag)
    }

    /// Whether this tag of a secret is a journal entry, which does not count as another tag.
    #[must_use]
    pub fn is_tag(tag: &str, text: &str) -> bool {
        Self::TAGS.contains(&tag) || Receipt::parse(tag, text).is_some()
    }

    /// Returns the tag's value.
    #[must_use]
    pub fn to_text(&self) -> String {
        match self {
            Self::Intent(Intent { before, at }) => {
                let ids: Vec<&str> = before.iter().map(KeyId::as_str).collect();
                let ids = if ids.is_empty() { NONE.to_owned() } else { ids.join("+") };
                format!("intent {ids} {}", stamp(*at))
            }
            Self::Promoted(Promoted { version, replacing, at, overlap }) => {
                let old = replacing.as_ref().map_or(NONE, KeyId::as_str);
                let overlap = wait_text(OVERLAP, *overlap);
                format!("promoted {version} replacing {old} {}{overlap}", stamp(*at))
            }
            Self::Retired(Retired { key, phase, at, soak, reactivated }) => {
                let word = match phase {
                    Phase::Retiring => "retiring",
                    Phase::Abandoned => "abandoned",
                    Phase::Inactive => "inactive",
                    Phase::Hold => "hold",
                };
                let again = if *reactivated { AGAIN } else { "" };
                format!("{word} {key} {}{}{again}", stamp(*at), wait_text(SOAK, *soak))
            }
            Self::Revoked(keys) => {
                let text = |Revoked { key, at, only_if_unused }: &Revoked| {
                    let word = if *only_if_unused { REVOKED_IF_UNUSED } else { REVOKED };
                    format!("{word} {key} {}", stamp(*at))
                };
                match keys.is_empty() {
                    true => format!("{REVOKED} {NONE}"),
                    false => keys.iter().map(text).collect::<Vec<_>>().join(" "),
                }
            }
            Self::Moved(to) => to.to_string(),
            Self::Receipt(receipt) => receipt.to_text(),
        }
    }

    /// Returns the tag and its value without times: the same for two equivalent entries.
    pub(crate) fn without_times(&self) -> String {
        let text = self.to_text();
        let words: Vec<&str> = text.split(' ').filter(|word| instant(word).is_none()).collect();
        format!("{} {}", self.tag(), words.join(" "))
    }

    /// Parses a tag's value; `None` if it is not a journal entry.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            ["intent", ids, at] => {
                let ids: Vec<&str> = if ids == NONE { vec![] } else { ids.split('+').collect() };
                let before = ids.into_iter().map(KeyId::parse).collect::<Result<_, _>>().ok()?;
                Some(Self::Intent(Intent { before, at: instant(at)? }))
            }
            ["promoted", version, "replacing", old, at, ref more @ ..] => {
                Some(Self::Promoted(Promoted {
                    version: VersionId::parse(version).ok()?,
                    replacing: if old == NONE { None } else { Some(KeyId::parse(old).ok()?) },
                    at: instant(at)?,
                    overlap: wait(OVERLAP, more)?,
                }))
            }
            [REVOKED, NONE] => Some(Self::Revoked(Vec::new())),
            [REVOKED | REVOKED_IF_UNUSED, ..] => {
                let one = |words: &[&str]| match *words {
                    [word @ (REVOKED | REVOKED_IF_UNUSED), key, at] => {
                        let (key, at) = (KeyId::parse(key).ok()?, instant(at)?);
                        Some(Revoked { key, at, only_if_unused: word == REVOKED_IF_UNUSED })
                    }
                    _ => None,
                };
                let orders = words.chunks(3).map(one).collect::<Option<Vec<_>>>()?;
                Some(Self::Revoked(one_for_each_key(orders)))
            }
            [arn] => SecretArn::parse(arn).ok().map(Self::Moved),
            [word, key, at, ref more @ ..] => {
                let (reactivated, more) = match more {
                    [more @ .., last] if *last == AGAIN.trim_start() => (true, more),
                    more => (false, more),
                };
                let phase = match word {
                    "retiring" => Phase::Retiring,
                    "abandoned" => Phase::Abandoned,
                    "inactive" => Phase::Inactive,
                    "hold" => Phase::Hold,
                    _ => return None,
                };
                Some(Self::Retired(Retired {
                    key: KeyId::parse(key).ok()?,
                    phase,
                    at: instant(at)?,
                    soak: wait(SOAK, more)?,
                    reactivated,
                }))
            }
            _ => None,
        }
    }
}

const NONE: &str = "none";
const OVERLAP: &str = "overlap=";
const SOAK: &str = "soak=";
const AGAIN: &str = " reactivated";
const REVOKED: &str = "revoked";
const REVOKED_IF_UNUSED: &str = "revoked-if-unused";

/// Keeps one revocation for each key: the stronger one, then the earlier one. keyrot writes only
/// one. If more were kept, a forged text would grow with each revocation until it is too long for a
/// tag.
fn one_for_each_key(orders: Vec<Revoked>) -> Vec<Revoked> {
    let mut all: Vec<Revoked> = Vec::new();
    for order in orders {
        match all.iter_mut().find(|one| one.key == order.key) {
            None => all.push(order),
            Some(one) => {
                one.at = one.at.min(order.at);
                one.only_if_unused &= order.only_if_unused;
            }
        }
    }
    all
}

/// Formats a time with milliseconds. With whole seconds, a wait that counts from an entry could
/// begin up to a second early.
fn stamp(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Formats a wait at the end of an entry, to the millisecond.
fn wait_text(name: &str, wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(" {name}{}ms", wait.as_millis()))
}

/// Parses the wait in the last words of an entry, if there is one; `None` if they are something
/// else, or longer than any setting may be.
fn wait(name: &str, words: &[&str]) -> Option<Option<Duration>> {
    match *words {
        [] => Some(None),
        [word] => {
            let millis = word.strip_prefix(name)?.strip_suffix("ms")?.parse().ok()?;
            Some(Duration::from_millis(millis)).filter(|wait| *wait <= LONGEST).map(Some)
        }
        _ => None,
    }
}

fn instant(text: &str) -> Option<Timestamp> {
    Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
}

#[cfg(test)]
mod tests;
