//! What a run does when a call fails: read again, delete an unusable key, or end.

use super::state::{Mode, Stage};
use super::task::Task;
use super::{LOOKS, Rotation};
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::{Step, Wait, Why};
use crate::machine::call::Call;
use crate::machine::event::Failure;
use crate::machine::outcome::Outcome;
use crate::model::error::{CallError, Effect, ErrorKind};
use crate::model::journal::JournalEntry;
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::SecretState;
use crate::model::time::Timestamp;
use crate::model::waits::after;

impl Rotation {
    pub(super) fn failed(&mut self, now: Timestamp, call: &Call, error: CallError) {
        if let Stage::Undo(_, outcome) = self.stage.clone() {
            self.end(now, outcome);
            return;
        }
        match call {
            Call::ListKeys => return self.not_listed(now, error),
            Call::Deactivate(_) if matches!(self.stage, Stage::SwitchOff(_)) => {
                return self.not_switched_off(now, error);
            }
            // The steps after the first deactivation are unknown, but the deactivation itself is
            // known.
            Call::DescribeSecret if self.mode == Mode::Plan && self.off_first().is_some() => {
                let outcome = self.planned_off();
                self.end(now, outcome);
                return;
            }
            // A plan's role may lack permission to read a secret's value. Even then it is known
            // that a key is due.
            Call::Measure(_) if self.mode == Mode::Plan && self.task == Task::Everything => {
                self.end(now, Outcome::Due(Step::CreateKey));
                return;
            }
            _ => {}
        }
        let refused = error.effect == Effect::None
            && matches!(
                error.kind,
                ErrorKind::Denied | ErrorKind::LimitExceeded | ErrorKind::Other
            );
        if matches!(call, Call::TestWrite(_)) && refused {
            self.end(now, Outcome::Blocked(Blocked::StagingRefused { reason: error.message }));
            return;
        }
        // If an earlier attempt failed more than `settle` ago, and this run wrote its own intent
        // after the test write, an unlisted key does not explain the refusal.
        let tested = self.repeats.made(&Call::TestWrite(VersionId::for_test_write(now)));
        let again = tested && self.has_written_the_intent();
        if *call == Call::CreateKey && error.kind == ErrorKind::LimitExceeded && !again {
            // Fewer than two keys were listed: the missing one is not listed yet, and comes from
            // another run or a person.
            let until = Some(after(now, self.policy.waits().settle));
            // IAM itself says so, so no forged claim causes this wait.
            self.end(now, Outcome::Waiting(Wait { why: Why::Unlisted, until }));
            return;
        }
        let unclear =
            error.effect == Effect::Unknown && !call.only_reads() && *call != Call::CreateKey;
        let staging = matches!(call, Call::Stage { .. });
        if staging && unclear {
            self.created.reply_to_staging_is_lost();
        }
        if let Call::Stage { credentials, .. } = call
            && !self.created.may_be_staged()
        {
            self.undo(&credentials.key, error);
        } else if (unclear || error.kind == ErrorKind::Conflict) && self.looks < LOOKS {
            self.stage = Stage::ListKeys;
        } else {
            self.end(now, Outcome::Failed(Failure { doing: call.purpose().into(), error }));
        }
    }

    /// Whether the last intent is this run's own, and not another run's.
    fn has_written_the_intent(&self) -> bool {
        let SecretState::Present(secret) = &self.seen.secret else { return false };
        let entry = secret.journal.intent.clone().map(JournalEntry::Intent);
        entry.is_some_and(|entry| self.repeats.made(&Call::Write(entry)))
    }

    /// Deletes the new key that the store refused. Nothing can be using it and no version ever held
    /// it, so it can be deleted immediately.
    pub(super) fn undo(&mut self, key: &KeyId, error: CallError) {
        let doing = "stage the new key in the secret".into();
        self.stage = Stage::Undo(key.clone(), Outcome::Failed(Failure { doing, error }));
    }
}
