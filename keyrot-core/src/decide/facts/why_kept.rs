//! Whether a key is still needed, according to IAM's record.

use crate::decide::answer::{look_at_use, wait};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::{Decision, Why};
use crate::decide::facts::situation::Situation;
use crate::model::clock::CLOCK_TOLERANCE;
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, LastUse, Observed};
use crate::model::time::Timestamp;
use crate::model::waits::{WaitPolicy, after};
use std::time::Duration;

/// The service of the call that verifies a key.
const VERIFICATION: &str = "sts";

/// IAM records the first use in each quarter of an hour (IAM user guide, "Last accessed
/// information").
const USE_GRAIN: Duration = Duration::from_secs(900);

/// The reason why a key is kept for now. Each reason only delays.
#[derive(Clone, Copy)]
pub(crate) enum WhyKept<'a> {
    /// The key's last use was not read yet.
    Unasked(&'a KeyId),
    /// IAM could not be asked, or did not say.
    Unknown { key: &'a KeyId, reason: &'a str },
    /// The key is in use, or was until just now.
    InUse { key: &'a KeyId, last_use: &'a LastUse, until: Timestamp },
    /// Something used the key so late that it can't be a cache that expires.
    UsedLate { key: &'a KeyId, new: &'a KeyId, last_use: &'a LastUse, until: Timestamp },
    /// No use is on record, which proves nothing yet.
    NoRecord { key: &'a KeyId, until: Timestamp },
    /// Nothing has used the current key.
    NotPickedUp { key: &'a KeyId, new: &'a KeyId, last_use: &'a LastUse, until: Timestamp },
    /// The overlap is not over.
    Overlap { key: &'a KeyId, until: Timestamp },
    /// The key is Inactive, and its soak is not over.
    Soak { key: &'a KeyId, until: Timestamp },
    /// An entry says that the key was revoked, but its consumers may still need it.
    RevokedInUse { key: &'a KeyId, last_use: &'a LastUse },
}

impl<'a> WhyKept<'a> {
    pub(crate) fn answer(&self) -> Decision {
        let (why, until) = match *self {
            Self::Unasked(key) => return look_at_use(key),
            Self::RevokedInUse { key, last_use } => {
                return Decision::Blocked(Blocked::RevokedKeyInUse {
                    key: key.clone(),
                    last_use: last_use.clone(),
                });
            }
            Self::Unknown { key, reason } => {
                (Why::UseUnknown { key: key.clone(), reason: reason.to_owned() }, None)
            }
            Self::InUse { key, last_use, until } => {
                (Why::InUse { key: key.clone(), last_use: last_use.clone() }, Some(until))
            }
            Self::UsedLate { key, new, last_use, until } => (
                Why::UsedLate { key: key.clone(), new: new.clone(), last_use: last_use.clone() },
                Some(until),
            ),
            Self::NotPickedUp { key, new, last_use, until } => (
                Why::NotPickedUp { key: key.clone(), new: new.clone(), last_use: last_use.clone() },
                Some(until),
            ),
            Self::NoRecord { key, until } => (Why::NoRecord(key.clone()), Some(until)),
            Self::Overlap { key, until } => (Why::Overlap(key.clone()), Some(until)),
            Self::Soak { key, until } => (Why::Soak(key.clone()), Some(until)),
        };
        wait(why, until)
    }

    /// Returns why the key is, or may be, in use. If IAM has no use on record, that means nothing
    /// until `recent_use` after this time.
    pub(crate) fn of_use(
        seen: &'a Observed,
        key: &'a KeyId,
        known_from: Timestamp,
        policy: &WaitPolicy,
        now: Timestamp,
    ) -> Option<Self> {
        let recent_use = policy.waits().recent_use;
        let until = |since| Some(after(since, recent_use)).filter(|until| now < *until);
        match seen.last_use.get(key) {
            None => Some(Self::Unasked(key)),
            Some(LastUse::Unknown(reason)) => Some(Self::Unknown { key, reason }),
            Some(last_use @ LastUse::At { when, .. }) => {
                until(*when).map(|until| Self::InUse { key, last_use, until })
            }
            Some(LastUse::NoRecord) => until(known_from).map(|until| Self::NoRecord { key, until }),
        }
    }

    /// Returns why the old key stays Active after the end of its overlap; `None` once nothing is
    /// known to need it.
    ///
    /// IAM shows one last use of each key, but not who used it. So:
    /// - If something uses the old key later than half an overlap after the new one was promoted,
    ///   it is not a cache that expires: it has not moved. The key is held until it has been unused
    ///   for `idle`.
    /// - If something used it before that, it may be a weekly job: the key has to be unused for
    ///   `overlap` and `recent_use`. A job that still has it has used it again by then.
    /// - If nothing uses the new key, nothing has moved: the old key is held until it has been
    ///   unused for `idle`.
    pub(crate) fn of_old(
        case: &Situation<'a>,
        key: &'a AccessKey,
        new: &'a KeyId,
        overlap: Timestamp,
        promoted: Timestamp,
    ) -> Option<Self> {
        let (waits, now, id) = (case.policy.waits(), case.now, &key.id);
        let last_use = case.seen.last_use.get(id);
        if let Some(last_use @ LastUse::At { when, .. }) = last_use {
            let until = after(*when, waits.idle);
            if case.policy.caches_until(promoted) < *when && now < until {
                return Some(match now < after(*when, waits.recent_use) {
                    true => Self::InUse { key: id, last_use, until },
                    false => Self::UsedLate { key: id, new, last_use, until },
                });
            }
        }
        if let Some(need) = Self::of_use(case.seen, id, overlap, case.policy, now) {
            return Some(need);
        }
        let last_use = last_use?;
        // IAM has a record of every use since 2015 (IAM API reference, AccessKeyLastUsed), so no
        // record means unused since its creation.
        let unused_since =
            if let LastUse::At { when, .. } = last_use { *when } else { key.created };
        let until = after(unused_since, waits.idle);
        if until <= now {
            return None;
        }
        let used_again_by = after(unused_since, case.policy.unused_for());
        if now < used_again_by {
            return Some(Self::Overlap { key: id, until: used_again_by });
        }
        match case.seen.last_use.get(new) {
            None => Some(Self::Unasked(new)),
            Some(LastUse::Unknown(reason)) => Some(Self::Unknown { key: new, reason }),
            Some(used) if is_pickup(case, used, promoted) => None,
            Some(_) => Some(Self::NotPickedUp { key: id, new, last_use, until }),
        }
    }

    /// Returns why a revoked key stays Active in a run that was not asked to revoke it; `None` once
    /// nothing is known to need it. The entry that revokes it can be forged, so IAM's record counts
    /// as for any old key. A key that is kept for that reason is reported.
    pub(crate) fn of_revoked(
        case: &Situation<'a>,
        key: &'a AccessKey,
        promoted: Timestamp,
    ) -> Option<Self> {
        let (id, waits) = (&key.id, case.policy.waits());
        let last_use = match case.seen.last_use.get(id) {
            None => return Some(Self::Unasked(id)),
            Some(LastUse::Unknown(reason)) => return Some(Self::Unknown { key: id, reason }),
            Some(used @ LastUse::NoRecord) => return Self::revoked_too_young(case, key, used),
            Some(used) if own_verification(case, key, used) => {
                return Self::revoked_too_young(case, key, used);
            }
            Some(used) => used,
        };
        let LastUse::At { when, service, .. } = last_use else { return None };
        // keyrot itself verified it recently, or a consumer calls only STS.
        let until = after(*when, waits.recent_use);
        if service == VERIFICATION && case.now < until {
            return Some(Self::RevokedInUse { key: id, last_use });
        }
        let needed = match case.current_key() {
            Some(new) => Self::of_old(case, key, new, key.created, promoted),
            None if after(*when, waits.idle) <= case.now => None,
            None => Some(Self::RevokedInUse { key: id, last_use }),
        };
        Some(match needed? {
            need @ (Self::Unasked(_) | Self::Unknown { .. }) => need,
            _ => Self::RevokedInUse { key: id, last_use },
        })
    }

    /// Returns whether an Inactive key's soak is over. A recorded use counts more than the entry:
    /// the key was Active then.
    pub(crate) fn of_inactive(
        case: &Situation<'a>,
        key: &'a AccessKey,
        noted: Timestamp,
    ) -> Option<Self> {
        let soak = |since| {
            let until = after(since, case.soak(&key.id));
            (case.now < until).then_some(Self::Soak { key: &key.id, until })
        };
        soak(noted).or_else(|| match case.seen.last_use.get(&key.id) {
            None => Some(Self::Unasked(&key.id)),
            Some(LastUse::Unknown(reason)) => Some(Self::Unknown { key: &key.id, reason }),
            Some(LastUse::At { when, .. }) => soak(*when),
            Some(LastUse::NoRecord) => soak(key.created),
        })
    }

    /// A revoked key that still works is an alarm, also while a missing record says nothing.
    fn revoked_too_young(
        case: &Situation<'a>,
        key: &'a AccessKey,
        last_use: &'a LastUse,
    ) -> Option<Self> {
        Self::too_young(case, key).map(|_| Self::RevokedInUse { key: &key.id, last_use })
    }

    /// For a key younger than `recent_use`, a missing record says nothing: IAM shows a use hours
    /// late.
    pub(crate) fn too_young(case: &Situation<'a>, key: &'a AccessKey) -> Option<Self> {
        let until = after(key.created, case.policy.waits().recent_use);
        (case.now < until).then_some(Self::NoRecord { key: &key.id, until })
    }
}

/// Whether the use is keyrot's own verification of a key that it created: a call to STS right after
/// the creation.
pub(crate) fn own_verification(case: &Situation<'_>, key: &AccessKey, last_use: &LastUse) -> bool {
    let LastUse::At { when, service, .. } = last_use else { return false };
    let waits = case.policy.waits();
    let latest = after(after(after(key.created, waits.probe_limit), waits.settle), CLOCK_TOLERANCE);
    service == VERIFICATION && key.created <= after(*when, USE_GRAIN) && *when <= latest
}

/// Whether this use of the current key is a consumer's. keyrot verifies a key before it records the
/// promotion, and after it announces a delivery; each such run is over within `settle`.
fn is_pickup(case: &Situation<'_>, used: &LastUse, promoted: Timestamp) -> bool {
    match used {
        LastUse::At { when, service, .. } if service == VERIFICATION => {
            let noted = case.last_delivery().map_or(promoted, |at| at.max(promoted));
            case.settled_at(noted) < *when
        }
        LastUse::At { when, .. } => promoted < *when,
        LastUse::NoRecord | LastUse::Unknown(_) => false,
    }
}
