//! The checks after a step, in addition to the [`Watch`].

use super::{Running, State, secret, user};
use crate::setting::Setting;
use keyrot_core::machine::Call;
use keyrot_core::machine::Next;
use keyrot_core::memory::{MemoryKey, Watch, World};
use keyrot_core::model::{JournalEntry, Phase, SecretState, after};
use keyrot_core::{Blocked, KeyId, KeyStatus, LastUse, Outcome, Revocation, Stop, Timestamp};

impl State {
    /// Whether the journal has a revocation of the key from this time or later.
    pub(super) fn is_written_down(&self, key: &KeyId, since: Timestamp) -> bool {
        let SecretState::Present(secret) = self.world.describe_secret(&secret()) else {
            return false;
        };
        secret.journal.revoked_at(key).is_some_and(|at| since <= at)
    }

    /// Checks the end of a revocation: S13.
    pub(super) fn has_revoked(&mut self, running: &Running, outcome: &Outcome, order: &Revocation) {
        let active =
            |k: &MemoryKey| k.listed.id == order.key && k.listed.status == KeyStatus::Active;
        let works = self.world.user(&user()).is_some_and(|user| user.keys().iter().any(active));
        let done = matches!(outcome, Outcome::Done | Outcome::Revoked { .. });
        // A revocation that took so long that its state became too old says so, and is repeated.
        let held_up = matches!(outcome, Outcome::Stopped(Stop::TookTooLong));
        let first = order.without_successor && !running.iam_failed && !held_up;
        if works && !running.disturbed && (done || first) {
            self.unrevoked = Some(format!("{order:?} ended as {outcome:?}, and the key works"));
        }
    }

    /// S6: no key's secret half is in anything that is reported, in the machine's own `Debug`, or
    /// in a tag.
    pub(super) fn look_for_secrets(&mut self, told: &impl std::fmt::Debug, changed: bool) {
        let tags = self.world.secret(&secret()).filter(|_| changed).map(|secret| &secret.tags);
        let text = format!("{told:?} {tags:?}");
        let keys = self.world.user(&user()).into_iter().flat_map(|u| u.keys());
        for key in keys {
            if text.contains(World::secret_of(&key.listed.id).expose()) {
                self.leaked = Some(format!("the secret of {} was shown", key.listed.id));
            }
        }
    }
}

/// S10: returns a key that this call has retired although it must not. A consumer used it within
/// `recent_use` (or within the soak, if it was deleted), IAM's record says that a consumer still
/// depends on it, or the current key does not work.
pub(super) fn taken(
    setting: &Setting,
    before: &World,
    now: &World,
    watch: &Watch,
) -> Option<String> {
    let keys =
        |world: &World| world.user(&user()).map(|user| user.keys().to_vec()).unwrap_or_default();
    let left = keys(now);
    for key in keys(before) {
        let id = &key.listed.id;
        let wait =
            match left.iter().find(|left| left.listed.id == *id).map(|left| &left.listed.status) {
                None => setting.waits.soak,
                Some(KeyStatus::Inactive) if key.listed.status == KeyStatus::Active => {
                    setting.waits.recent_use
                }
                Some(_) => continue,
            };
        if let Ok(LastUse::At { when, service, .. }) = before.last_use(id)
            && service != "sts"
            && now.now() < after(when, wait)
        {
            return Some(format!("{id} was taken away, and it was used at {when}"));
        }
        let deactivated = left.iter().any(|left| left.listed.id == *id);
        if deactivated
            && !watch.is_revoked(id)
            && matches!(before.last_use(id), Ok(LastUse::At { service, .. }) if service != "sts")
            && let Some(how) = watch.depends_on(id, before)
        {
            return Some(how);
        }
        if let Some(how) = watch.current_is_broken(now).filter(|_| key.verified) {
            return Some(format!("{id} was taken away, and {how}"));
        }
    }
    None
}

/// S12: returns what a run concluded although it could not ask AWS, if it did more than wait or
/// fail.
pub(super) fn concluded(next: &Next) -> Option<String> {
    match next {
        Next::Call(Call::Write(JournalEntry::Retired(note))) if note.phase == Phase::Abandoned => {
            Some(format!("{} was abandoned, and nobody was asked whether it works", note.key))
        }
        // This outcome concludes nothing about the key. It only reports a wait that takes too long.
        Next::Done(Outcome::Blocked(Blocked::Overdue { .. })) => None,
        Next::Done(Outcome::Blocked(reason)) => {
            Some(format!("blocked, and nobody was asked: {reason}"))
        }
        Next::Done(Outcome::Refused(reason)) => {
            Some(format!("refused, and nobody was asked: {reason}"))
        }
        _ => None,
    }
}
