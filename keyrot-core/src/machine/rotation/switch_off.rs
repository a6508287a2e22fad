//! The part of a run for revocations: the key is deactivated, and IAM's listing has to confirm it.

use super::Rotation;
use super::state::{Confirming, Listed, Mode, Sent, Stage, SwitchOff};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::machine::call::Call;
use crate::machine::event::Failure;
use crate::machine::outcome::Outcome;
use crate::machine::planned::PlannedAction;
use crate::machine::rotation::task::Task;
use crate::model::error::{CallError, Effect, ErrorKind};
use crate::model::names::KeyId;
use crate::model::observed::{AccessKey, KeyStatus};
use crate::model::request::{Request, Revocation};
use crate::model::time::Timestamp;
use crate::model::waits::{after, doubled};
use std::time::Duration;

/// The pause after the first listing that does not confirm it; it doubles up to the longest. IAM is
/// eventually consistent, usually within seconds (IAM user guide, "Troubleshooting IAM", "Changes
/// that I make are not always immediately visible").
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

impl Rotation {
    /// Returns the machine for a revocation of a user whose secret is unknown, or must not be used:
    /// only the key is deactivated. Any other task ends immediately, with this reason.
    #[must_use]
    pub fn with_iam_only(mut self, why: Blocked) -> Self {
        self.to_revoke.iam_only = Some(why);
        self
    }

    fn revocation(&self) -> Option<&Revocation> {
        match &self.task {
            Task::Request(Request::Revoke(order)) => Some(order),
            _ => None,
        }
    }

    /// Returns the key to deactivate before anything else, until the run has tried that.
    pub(super) fn off_first(&self) -> Option<KeyId> {
        let Task::Request(request) = &self.task else { return None };
        (self.decider.off_first)(request).filter(|_| self.to_revoke.sent == Sent::No).cloned()
    }

    /// The key seems gone, but a listing that lacks it may lag. Deactivating it shows whether it
    /// exists.
    pub(super) fn may_be_unlisted(&mut self) -> bool {
        let Some(order) =
            self.revocation().filter(|order| self.mode == Mode::Act && !order.only_if_unused)
        else {
            return false;
        };
        let listed = self.seen.keys.iter().any(|known| known.id == order.key);
        let known = self.to_revoke.sent == Sent::Yes
            || self.deactivated.is_some()
            || self.repeats.made(&Call::DeleteKey(order.key.clone()));
        if listed || known {
            return false;
        }
        self.stage = Stage::SwitchOff(SwitchOff::FindsOut);
        true
    }

    /// Chooses the next stage after a listing.
    pub(super) fn listed(&mut self, now: Timestamp, keys: Vec<AccessKey>) {
        let confirming = matches!(self.stage, Stage::Confirming(_));
        if let Some(Revocation { key, .. }) = self.revocation().cloned() {
            let was_listed = self.seen.keys.iter().any(|known| known.id == key);
            let off = match keys.iter().find(|known| known.id == key).map(|known| &known.status) {
                Some(status) => *status == KeyStatus::Inactive,
                // A key that was just created may not be listed yet.
                None => !confirming || was_listed,
            };
            self.to_revoke.listed = if off { Listed::Off } else { Listed::Working };
        }
        self.seen.keys = keys;
        self.stage = match &self.stage {
            Stage::Confirming(confirming) if self.to_revoke.listed == Listed::Working => {
                let (confirming, patience) = (confirming.clone(), self.policy.waits().probe_for);
                if after(confirming.began, patience) <= now {
                    self.unseen(now, None);
                    return;
                }
                let pause = doubled(FIRST_PAUSE, confirming.pauses, LONGEST_PAUSE.min(patience));
                Stage::Confirming(Confirming {
                    not_before: after(now, pause),
                    pauses: confirming.pauses + 1,
                    ..confirming
                })
            }
            Stage::ListKeys
                if self.off_first().is_some()
                    && (self.mode == Mode::Act || self.to_revoke.iam_only.is_some()) =>
            {
                return self.switch_off(now);
            }
            _ => Stage::DescribeSecret,
        };
        self.stop_at_iam(now);
    }

    /// Handles keys that could not be listed: a key is still deactivated.
    pub(super) fn not_listed(&mut self, now: Timestamp, error: CallError) {
        match &self.stage {
            Stage::Confirming(_) => self.unseen(now, Some(error)),
            Stage::ListKeys if self.off_first().is_some() => self.switch_off(now),
            _ => {
                self.end(
                    now,
                    Outcome::Failed(Failure { doing: Call::ListKeys.purpose().into(), error }),
                );
            }
        }
    }

    fn switch_off(&mut self, now: Timestamp) {
        if self.mode == Mode::Plan {
            let outcome = self.planned_off();
            self.end(now, outcome);
        } else {
            self.stage = Stage::SwitchOff(SwitchOff::First);
        }
    }

    /// Ends the run before it reads the secret, if only IAM may be used.
    fn stop_at_iam(&mut self, now: Timestamp) {
        if self.stage == Stage::DescribeSecret
            && let Some(why) = self.to_revoke.iam_only.clone()
        {
            let outcome = self.no_such_key().unwrap_or(Outcome::Blocked(why));
            self.end(now, outcome);
        }
    }

    /// Returns what a plan can say about a revocation that begins with IAM, without reading the
    /// secret.
    pub(super) fn planned_off(&self) -> Outcome {
        let steps = self.revocation().map(|order| PlannedAction::Deactivate(order.key.clone()));
        self.no_such_key().unwrap_or(Outcome::Planned(steps.into_iter().collect()))
    }

    /// Returns the outcome if the key apparently never existed.
    fn no_such_key(&self) -> Option<Outcome> {
        let key = self.revocation()?.key.clone();
        let keys: Vec<KeyId> = self.seen.keys.iter().map(|known| known.id.clone()).collect();
        let unknown = !keys.is_empty() && !keys.contains(&key) && self.deactivated.is_none();
        unknown.then_some(Outcome::Refused(Refusal::NoSuchKey { key, keys }))
    }

    /// Sends the deactivation that comes first, and records that it was tried.
    pub(super) fn sends_off(&mut self) -> Option<Call> {
        let finds_out = self.to_revoke.sent == Sent::No && self.finds_out();
        let unlisted = || self.revocation().filter(|_| finds_out).map(|order| order.key.clone());
        let key = self.off_first().or_else(unlisted)?;
        self.to_revoke.sent = Sent::Yes;
        // A key that is not listed as Inactive counts as Active: earlier entries do not describe
        // its current state.
        let inactive = |known: &AccessKey| known.id == key && known.status == KeyStatus::Inactive;
        if !self.seen.keys.iter().any(inactive) {
            self.seen.switched_off = Some(key.clone());
        }
        Some(Call::Deactivate(key))
    }

    fn finds_out(&self) -> bool {
        self.stage == Stage::SwitchOff(SwitchOff::FindsOut)
    }

    /// The key was deactivated: for a revocation, the listing has to confirm it.
    pub(super) fn deactivation_is_acknowledged(&mut self, now: Timestamp, key: &KeyId) {
        if self.mode == Mode::Act && self.revocation().is_some_and(|order| order.key == *key) {
            self.stage = Stage::Confirming(Confirming { began: now, not_before: now, pauses: 0 });
        }
    }

    /// The deactivation that comes first failed.
    pub(super) fn not_switched_off(&mut self, now: Timestamp, error: CallError) {
        let finds_out = self.finds_out();
        self.seen.switched_off = None;
        if error.effect == Effect::Unknown {
            // The listing says whether it was carried out.
            self.stage = Stage::Confirming(Confirming { began: now, not_before: now, pauses: 0 });
        } else if error.kind == ErrorKind::NotFound && finds_out {
            self.end(now, Outcome::Done);
        } else if error.kind == ErrorKind::NotFound && !self.seen.keys.is_empty() {
            self.stage = Stage::DescribeSecret;
            self.stop_at_iam(now);
        } else {
            self.end(now, Outcome::Failed(Failure { doing: "deactivate the key".into(), error }));
        }
    }

    fn unseen(&mut self, now: Timestamp, error: Option<CallError>) {
        let error = error.unwrap_or_else(|| {
            let message = "IAM acknowledged the deactivation, and does not list the key as Inactive; \
                           ask again: the same command is harmless. If something reactivates the key \
                           each time, delete it in IAM";
            CallError::new(ErrorKind::NoEffect, Effect::Unknown, message)
        });
        let doing = "see that the key is Inactive".into();
        self.end(now, Outcome::Failed(Failure { doing, error }));
    }

    /// Returns how a revocation ends: it is done only if IAM listed the key as Inactive or gone.
    /// Then it counts as done, no matter how the rest ended.
    pub(super) fn of_revocation(&self, outcome: Outcome) -> Outcome {
        let Some(order) = self.revocation().filter(|_| self.mode == Mode::Act) else {
            return outcome;
        };
        let gone = !self.seen.keys.iter().any(|known| known.id == order.key);
        let own = self.deactivated.as_ref() == Some(&order.key);
        match outcome {
            Outcome::Done if self.to_revoke.listed == Listed::Off => Outcome::Done,
            Outcome::Done => {
                let error = CallError::refused(
                    ErrorKind::NoEffect,
                    "IAM does not list the key as Inactive; ask again",
                );
                Outcome::Failed(Failure { doing: "see that the key is Inactive".into(), error })
            }
            rest if self.to_revoke.listed == Listed::Off && own && (gone || !order.delete) => {
                Outcome::Revoked { key: order.key.clone(), rest: Box::new(rest) }
            }
            other => other,
        }
    }
}
