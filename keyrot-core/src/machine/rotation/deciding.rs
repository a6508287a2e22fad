//! Turns a decision into the call that carries it out, or into the end of the run.

use super::Rotation;
use super::state::{Mode, Read, Stage};
use super::task::Task;
use crate::decide::decision::{Decision, Question, Step, Wait, Why};
use crate::machine::call::Call;
use crate::machine::event::Failure;
use crate::machine::outcome::Outcome;
use crate::machine::verification::Verification;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::VersionId;
use crate::model::observed::{LabeledVersion, SecretState, Verified};
use crate::model::stored::NewKey;
use crate::model::time::Timestamp;
use crate::model::waits::after;

impl Rotation {
    /// Turns a decision into the call that carries it out, or into the end of the run.
    pub(super) fn decided(&mut self, now: Timestamp) -> Option<Call> {
        let (seen, policy) = (&self.seen, &self.policy);
        let decision = match &self.task {
            Task::Everything => (self.decider.decide)(seen, policy, now),
            Task::RotationStep(order) => {
                (self.decider.decide_rotation_step)(seen, order, policy, now)
            }
            Task::Request(request) => (self.decider.decide_request)(seen, request, policy, now),
        };
        if let (Mode::Plan, Task::Request(request)) = (self.mode, &self.task)
            && matches!(decision, Decision::Act(_) | Decision::Look(Question::Verification(_)))
        {
            let outcome = match self.outlook(request, now) {
                Ok(steps) => Outcome::Planned(steps),
                Err(failure) => Outcome::Failed(failure),
            };
            return self.end(now, outcome);
        }
        match decision {
            Decision::Look(Question::VersionContents(version)) => {
                Some(Call::InspectVersion(version))
            }
            Decision::Look(Question::NextSize(version)) => Some(Call::Measure(version)),
            Decision::Look(Question::Versions) => Some(Call::ListVersions),
            Decision::Look(Question::Elsewhere) => Some(Call::FindElsewhere),
            Decision::Look(Question::Differences) => Some(Call::Compare),
            Decision::Look(Question::LastUse(key)) => Some(Call::LastUse(key)),
            Decision::Look(Question::Destination(to)) => self.inspect(to),
            Decision::Look(Question::Verification(version)) => {
                self.begin_verification(now, version);
                None
            }
            Decision::Act(step) if self.mode == Mode::Plan => self.end(now, Outcome::Due(step)),
            Decision::Act(Step::Deactivate(_) | Step::Delete(_)) if self.read == Read::Changed => {
                self.look_again(now)
            }
            Decision::Act(step) => self.call_for(step, now),
            Decision::Wait(Wait { why: Why::UseUnknown { key, .. }, .. })
                if self.skipped.is_some() =>
            {
                let error = self.skipped.take()?;
                // An Inactive key that IAM no longer knows was just deleted, and the listing does
                // not show that yet.
                if error.kind == ErrorKind::NotFound && self.is_inactive(&key) {
                    let until = Some(after(now, self.policy.waits().settle));
                    return self.end_waiting(now, Wait { why: Why::Settling(key), until });
                }
                self.end(
                    now,
                    Outcome::Failed(Failure {
                        doing: "find out when the key was last used".into(),
                        error,
                    }),
                )
            }
            Decision::Wait(Wait { why: Why::Delivery { ref to, .. }, .. })
                if self.undelivered.contains_key(to) =>
            {
                let failure = self.delivery_failure(to)?;
                self.end(now, Outcome::Failed(failure))
            }
            Decision::Wait(Wait { why: Why::VerificationUnknown { key, .. }, .. })
                if self.skipped.is_some() =>
            {
                let mut error = self.skipped.take()?;
                error.message +=
                    "; whether the key works is not known, and the next run asks again";
                self.end(now, Outcome::Failed(Failure { doing: format!("verify {key}"), error }))
            }
            Decision::Wait(wait) => self.end_waiting(now, wait),
            Decision::Settled { until } => self.end(now, Outcome::Settled { until }),
            Decision::Blocked(why) => self.end(now, Outcome::Blocked(why)),
            Decision::Done if self.may_be_unlisted() => None,
            Decision::Done => self.end(now, Outcome::Done),
            Decision::Refused(refusal) => self.end(now, Outcome::Refused(refusal)),
        }
    }

    pub(super) fn begin_verification(&mut self, now: Timestamp, version: VersionId) {
        let held = self.held(&version);
        let key = held.and_then(|h| h.key().cloned());
        // A version that this run did not stage is read, even if its id names the new key: its
        // secret half may differ.
        let own = self.seen.staged_here.as_ref() == Some(&version)
            && held.is_some_and(|h| !h.content.is_foreign());
        let known = self
            .created
            .key()
            .filter(|_| own)
            .map(|new| &new.credentials)
            .filter(|c| Some(&c.key) == key.as_ref())
            .cloned();
        match key {
            // A plan verifies nothing, because it would have to read a secret value.
            Some(key) if self.mode == Mode::Plan => {
                let then = self.if_it_works(now);
                self.end(now, Outcome::Verifying { key, then });
            }
            Some(key) => {
                self.stage = Stage::Verification(Verification::new(
                    version,
                    key,
                    known,
                    self.subject.arn.clone(),
                    now,
                ));
            }
            None => {
                self.seen.verified =
                    Some((version, Verified::Wrong("the version holds no access key".into())));
            }
        }
    }

    pub(super) fn held(&self, version: &VersionId) -> Option<&LabeledVersion> {
        let SecretState::Present(secret) = &self.seen.secret else { return None };
        let labels = [&secret.current, &secret.pending, &secret.previous];
        labels.into_iter().flatten().find(|h| h.version == *version)
    }

    fn call_for(&mut self, step: Step, now: Timestamp) -> Option<Call> {
        Some(match step {
            Step::BindUser(home) => Call::WriteHome(home),
            Step::BindSecret => Call::BindSecret,
            Step::CreateSecret => Call::CreateSecret(VersionId::for_placeholder(now)),
            Step::PutPlaceholder => Call::PutPlaceholder(VersionId::for_placeholder(now)),
            Step::StagePlaceholder => Call::StagePlaceholder(VersionId::for_placeholder(now)),
            Step::Write(note) => Call::Write(note),
            Step::TestWrite => Call::TestWrite(VersionId::for_test_write(now)),
            Step::CreateKey => Call::CreateKey,
            Step::Promote { from, to } => Call::Promote { from, to },
            Step::Unstage(version) => Call::Unstage(version),
            Step::Deactivate(key) => Call::Deactivate(key),
            Step::Activate(key) => Call::Activate(key),
            Step::Delete(key) => Call::DeleteKey(key),
            Step::Deliver { to, replaces } => return self.deliver(now, to, replaces),
            Step::Stage { carry } => {
                let NewKey { credentials, created } = self.created.key().cloned()?;
                let version = match &self.task {
                    Task::RotationStep(order) => Ok(order.version.clone()),
                    _ => VersionId::for_key(&credentials.key, created, carry.is_some()),
                };
                match version {
                    Ok(version) => Call::Stage { version, credentials, carry },
                    Err(error) => {
                        let error = CallError::refused(ErrorKind::Other, error.to_string());
                        self.undo(&credentials.key, error);
                        return None;
                    }
                }
            }
        })
    }
}
