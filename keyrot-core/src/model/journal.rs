//! What keyrot notes down on the secret itself, as tags, so that a run that died is finished by the
//! next one.
//!
//! There are four entries about keys, each in a tag of its own, and each written before or right
//! after the step it speaks of; and a fifth that closes a secret which is no longer the user's
//! home:
//!
//! | tag | text | meaning |
//! |---|---|---|
//! | `keyrot:intent` | `intent KEY+KEY TIME` (or `none` for no keys) | the keys that existed before a key is about to be made |
//! | `keyrot:promoted` | `promoted VERSION replacing KEY TIME overlap=MILLISECONDSms` (or `none`) | this version was verified and has the AWSCURRENT label; the overlap counts from TIME. TIME to come: AWSCURRENT is being moved back to it. With the placeholder's version: somebody moved AWSCURRENT back to it, and what the note said before is over |
//! | `keyrot:retired` | `retiring KEY TIME`, `abandoned KEY TIME`, `inactive KEY TIME soak=MILLISECONDSms`, `hold KEY TIME`, each with `reactivated` at the end if a person reactivated the key once | the way of the key that is leaving: about to be deactivated; the same for one that was never current; seen Inactive, the soak counts from TIME; reactivated by a person, or about to be published again: the overlap counts from TIME again |
//! | `keyrot:revoked` | `revoked KEY TIME`, `revoked-if-unused KEY TIME`, several of these, or `revoked none` | a person ordered that this key is not to be used any more: it is replaced, and then deactivated without a wait, or only once it was not used for `recent_use`. No other entry overrules it: the operator takes it back ([`Request::Reinstate`](crate::model::request::Request::Reinstate)), and the entry is written again without the key |
//! | `keyrot:to:NAME` | see [`Receipt`] | how far the delivery to the destination of this name is |
//! | `keyrot:moved-to` | the ARN of a secret | the user's home was moved there ([`Request::Leave`](crate::model::request::Request::Leave)), and no run takes this secret for the home. The secret's own ARN: the home was moved back |
//!
//! A tag makes no version and costs one write. Each note names its key or version, so a note that
//! is out of date speaks of something that is no longer there and is ignored; nothing has to be
//! cleaned up. What cannot be read counts as absent: waits start again, and unknown keys block. Tag
//! values allow `A-Z a-z 0-9 space + - = . _ : / @` and 256 characters (Secrets Manager API
//! reference, data type `Tag`); the texts stay inside that.

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

/// One note, to be written or as read.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalEntry {
    /// A key is about to be made.
    Intent(Intent),
    /// A verified version has the AWSCURRENT label.
    Promoted(Promoted),
    /// Where the leaving key stands.
    Retired(Retired),
    /// The keys that were revoked and that still exist, the last one last; one fewer than before
    /// where the operator took a revocation back.
    Revoked(Vec<Revoked>),
    /// Where the user's home was moved to.
    Moved(SecretArn),
    /// How far the delivery to a destination is.
    Receipt(Receipt),
}

/// Written before a key is made: a key that is not among `before` and appears within the settling
/// time is keyrot's own.
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
    /// The key that it took over from.
    pub replacing: Option<KeyId>,
    /// When it was written: the overlap counts from here.
    pub at: Timestamp,
    /// The overlap that was set at that time. A shorter one that is set later is for later
    /// rotations; this one never shortens what is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Duration>,
}

/// Where the leaving key stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Retired {
    /// The leaving key.
    pub key: KeyId,
    /// How far it is.
    pub phase: Phase,
    /// Since when.
    pub at: Timestamp,
    /// The soak that was set when the key was seen Inactive. A shorter one that is set later is for
    /// later rotations; this one never shortens what is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub soak: Option<Duration>,
    /// Whether the key was reactivated once after keyrot had deactivated it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reactivated: bool,
}

/// A person ordered that a key is not to be used any more, because it leaked, say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Revoked {
    /// The key.
    pub key: KeyId,
    /// When.
    pub at: Timestamp,
    /// Only while IAM has no use of the key on record within `recent_use`; nothing has to take its place
    /// then.
    pub only_if_unused: bool,
}

impl Revoked {
    /// Whether this entry, as it was read back, says all that the order does. A tag keeps
    /// milliseconds.
    pub(crate) fn covers(&self, order: &Self) -> bool {
        let at = order.at - chrono::TimeDelta::milliseconds(1);
        self.key == order.key && at <= self.at && (order.only_if_unused || !self.only_if_unused)
    }
}

/// How far the leaving key is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// About to be deactivated.
    Retiring,
    /// Made by keyrot, never current, and not to become it: about to be taken off AWSPENDING and
    /// deactivated.
    Abandoned,
    /// Seen Inactive.
    Inactive,
    /// Reactivated by a person after it was Inactive, or kept because it is about to be published
    /// again.
    Hold,
}

/// All notes of one secret, as far as they could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Journal {
    /// The last intent.
    pub intent: Option<Intent>,
    /// The last promotion.
    pub promoted: Option<Promoted>,
    /// The leaving key.
    pub retired: Option<Retired>,
    /// The keys that were revoked, the last one last.
    pub revoked: Vec<Revoked>,
    /// Where the user's home was moved to; the secret's own ARN if it was moved back.
    pub moved_to: Option<SecretArn>,
    /// How far the deliveries are, by destination.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub receipts: BTreeMap<DestinationName, Receipt>,
}

impl Journal {
    /// Reads the notes among a secret's tags. What is missing or unreadable is absent.
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

    /// Puts the note in the place of the one before.
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

    /// The phase of this key, and since when.
    #[must_use]
    pub fn phase_of(&self, key: &KeyId) -> Option<(Phase, Timestamp)> {
        let retired = self.retired.as_ref().filter(|r| r.key == *key)?;
        Some((retired.phase, retired.at))
    }

    /// The entry that this key is revoked. No other entry overrules it.
    #[must_use]
    pub fn revocation_of(&self, key: &KeyId) -> Option<&Revoked> {
        self.revoked.iter().find(|r| r.key == *key)
    }

    /// Since when this key is revoked.
    #[must_use]
    pub fn revoked_at(&self, key: &KeyId) -> Option<Timestamp> {
        self.revocation_of(key).map(|revoked| revoked.at)
    }
}

impl JournalEntry {
    /// The tag on a secret that names the secret to which the user's home was moved.
    pub const MOVED_TO: &str = "keyrot:moved-to";
    /// The tags that a key's life is written down in. Room for these has to be left on each secret.
    pub const TAGS: [&str; 4] =
        ["keyrot:intent", "keyrot:promoted", "keyrot:retired", "keyrot:revoked"];

    /// The tag that this note is kept under.
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

    /// Whether this tag of a secret has one of its own entries in it, whose room is not counted
    /// among the others.
    #[must_use]
    pub fn is_tag(tag: &str, text: &str) -> bool {
        Self::TAGS.contains(&tag) || Receipt::parse(tag, text).is_some()
    }

    /// The tag's value.
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

    /// The tag and its value without times: the same for two entries that say the same.
    pub(crate) fn without_times(&self) -> String {
        let text = self.to_text();
        let words: Vec<&str> = text.split(' ').filter(|word| instant(word).is_none()).collect();
        format!("{} {}", self.tag(), words.join(" "))
    }

    /// Reads a tag's value; `None` if it is not one of keyrot's notes.
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

/// Of several orders about a key the stronger and the earlier counts. keyrot writes one; were more
/// kept, a text that somebody forged would grow with the next order until it is too long for a tag.
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

/// Milliseconds are kept: a wait that counts from a note must not begin up to a second early.
fn stamp(at: Timestamp) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A wait at the end of a note, to the millisecond.
fn wait_text(name: &str, wait: Option<Duration>) -> String {
    wait.map_or_else(String::new, |wait| format!(" {name}{}ms", wait.as_millis()))
}

/// The wait in these last words of a note, if there is one; `None` if they are something else, or
/// longer than any setting may be.
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
