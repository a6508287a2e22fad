//! Whether whatever used the old key has moved to the new one, as far as IAM's record shows.

use super::situation::{Situation, in_use};
use crate::decide::decision::{Decision, Question, Why};
use crate::model::observed::{AccessKey, LastUse};
use crate::model::time::Timestamp;
use crate::model::waits::after;

/// The service of the call that verifies a key.
const VERIFICATION: &str = "sts";

impl Situation<'_> {
    /// Why the old key stays Active though its overlap is over, whose end is given; `None` once nothing is known to need it. Each reason only delays.
    ///
    /// IAM shows one last use of each key, and not whose. So:
    /// - What uses the old key later than half an overlap after the new one was promoted is no cache that runs out: it has not moved. The key is
    ///   held until it was unused for `idle`.
    /// - What used it before may be a weekly job: the key has to be unused for `overlap` and `quiet`. A job that still has it has used it again by then.
    /// - Where nothing uses the new key, nothing has moved: the old key is held until it was unused for `idle`.
    pub(super) fn still_needed(&self, key: &AccessKey, overlap: Timestamp, promoted: Timestamp) -> Option<Decision> {
        let waits = self.policy.waits();
        let (id, new) = (key.id.clone(), self.current.key()?.clone());
        let last_use = self.seen.last_use.get(&key.id);
        if let Some(used @ LastUse::At { when, .. }) = last_use {
            let until = after(*when, waits.idle);
            if self.policy.caches_until(promoted) < *when && self.now < until {
                let last_use = used.clone();
                let why = match self.now < after(*when, waits.quiet) {
                    true => Why::InUse { key: id, last_use },
                    false => Why::UsedLate { key: id, new, last_use },
                };
                return self.wait(why, Some(until));
            }
        }
        if let Some(decision) = in_use(self.seen, &key.id, overlap, self.policy, self.now) {
            return Some(decision);
        }
        let last_use = last_use?;
        // IAM has a record of every use since 2015 (IAM API reference, AccessKeyLastUsed), so that none means unused since it was made.
        let unused_since = if let LastUse::At { when, .. } = last_use { *when } else { key.created };
        let idle = after(unused_since, waits.idle);
        if idle <= self.now {
            return None;
        }
        let used_again_by = after(unused_since, self.policy.unused_for());
        if self.now < used_again_by {
            return self.wait(Why::Overlap(id), Some(used_again_by));
        }
        match self.seen.last_use.get(&new) {
            None => Some(Decision::Look(Question::LastUse(new))),
            Some(LastUse::Unknown(reason)) => self.wait(Why::UseUnknown { key: new, reason: reason.clone() }, None),
            Some(used) if self.is_pickup(used, promoted) => None,
            Some(_) => self.wait(Why::NotPickedUp { key: id, new, last_use: last_use.clone() }, Some(idle)),
        }
    }

    /// Whether this use of the current key is somebody's who read it from the secret. keyrot verifies a key before it notes down that it is in place,
    /// and each run of another that does so is over within `settle`.
    fn is_pickup(&self, used: &LastUse, promoted: Timestamp) -> bool {
        match used {
            LastUse::At { when, service, .. } if service == VERIFICATION => self.settled_at(promoted) < *when,
            LastUse::At { when, .. } => promoted < *when,
            LastUse::NoRecord | LastUse::Unknown(_) => false,
        }
    }
}
