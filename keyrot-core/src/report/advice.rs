//! The actions that the operator can take for each outcome of a user.

mod blocked;
mod refusal;

use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Wait, Why};
use crate::engine::report::UserResult;
use crate::machine::outcome::{Outcome, Stop};
use crate::model::error::ErrorKind;
use crate::model::names::{KeyId, SecretName, UserName};
use crate::model::observed::KeyStatus;
use crate::report::hint::{AboutSecret, Action, Hint, worded};

impl UserResult {
    /// Returns what the operator can do about the user's state; empty if there is nothing to do.
    #[must_use]
    pub fn hints(&self) -> Vec<Hint> {
        let secret = AboutSecret { name: Some(self.secret.clone()), region: self.region.clone() };
        self.outcome_hints().into_iter().map(|hint| hint.about(&secret)).collect()
    }

    fn outcome_hints(&self) -> Vec<Hint> {
        match &self.outcome {
            Outcome::Waiting(wait) => {
                let mut hints = wait.hints(&self.user, &self.secret);
                hints.extend(self.revoked_and_active().map(|key| {
                    let text = format!("to deactivate {key} now, even if it is in use");
                    Hint::to(text, Action::revoke_now(&self.user, key))
                }));
                hints
            }
            Outcome::Stopped(Stop::AdoptionLimit) => vec![Hint::advice(
                "run keyrot again once the adopted users' consumers read their secrets, or raise max_adoptions",
            )],
            Outcome::Revoked { rest, .. } => rest.hints(&self.user),
            Outcome::Blocked(blocked) => {
                let mut hints = blocked.hints(&self.user);
                if let (Blocked::SecretHoldsOther { .. }, Some(key)) = (blocked, &self.previous) {
                    hints.push(Hint::to(
                        format!("if something overwrote it by mistake, publish {key} again"),
                        Action::Rollback { user: self.user.clone() },
                    ));
                }
                hints.extend(self.deployment(blocked));
                hints
            }
            Outcome::Refused(Refusal::WasRevoked { key }) => self.of_revoked(key),
            outcome => outcome.hints(&self.user),
        }
    }

    /// Returns what the operator can do if the key to roll back to was revoked.
    fn of_revoked(&self, key: &KeyId) -> Vec<Hint> {
        let mut hints = self.outcome.hints(&self.user);
        if self.revoked_and_active() == Some(key) {
            // It need not be activated.
            hints.retain(|hint| !matches!(hint.action, Some(Action::Activate { .. })));
            for hint in &mut hints {
                if let Some(Action::Resolve { .. }) = hint.action {
                    hint.text = format!(
                        "if {key} was revoked by mistake, take the revocation back, and try again"
                    );
                }
            }
        }
        if self.is_full_with(key) {
            let text =
                "a user has two keys at most; to make room for a new one, delete the revoked key";
            if let Some(next) = hints.first_mut() {
                next.text = format!("then, {}", next.text);
            }
            hints.insert(0, Hint::to(text, Action::delete(&self.user, key)));
        }
        hints
    }

    /// Returns what is wrong while a user waits, or while a step is due: a revoked key works, or
    /// consumers get a revoked key that doesn't. Only what was revoked counts: IAM may
    /// list a key as Inactive for a while after its reactivation.
    pub(crate) fn meanwhile(&self) -> Option<String> {
        if let Some(key) = self.revoked_and_active() {
            return Some(format!("{key} was revoked and still works"));
        }
        let current = self.current.as_ref().filter(|key| self.revoked.contains(key))?;
        Some(format!("{current}, the current key, was revoked: its consumers are refused"))
    }

    /// Returns a key that was revoked, and that IAM lists as Active.
    pub(crate) fn revoked_and_active(&self) -> Option<&KeyId> {
        let mut active = self.keys.iter().filter(|key| key.status == KeyStatus::Active);
        active.find(|key| self.revoked.contains(&key.id)).map(|key| &key.id)
    }

    /// Whether this key leaves no room for a new one.
    fn is_full_with(&self, key: &KeyId) -> bool {
        self.keys.len() > 1 && self.keys.iter().any(|listed| listed.id == *key)
    }

    /// Returns the [`hints`](Self::hints) in the CLI's words.
    #[must_use]
    pub fn hint(&self) -> String {
        worded(&self.hints())
    }

    /// Returns what to do about a tool that also sets the user's keys or its secret's value: the
    /// tool that the tags name, or any tool if a person is unlikely to have caused it.
    fn deployment(&self, blocked: &Blocked) -> Option<Hint> {
        match (&self.deployed_by, blocked) {
            (
                Some(deployer),
                Blocked::ReactivatedAgain { .. }
                | Blocked::CurrentKeyGone { .. }
                | Blocked::CurrentKeyInactive { .. }
                | Blocked::SecretHoldsOther { .. }
                | Blocked::RolledBack { .. },
            ) => Some(Hint::advice(format!(
                "{deployer} deploys this user or its secret, as the tags say: keep it from setting the key or the value (docs/migrating.md)"
            ))),
            (None, Blocked::ReactivatedAgain { .. } | Blocked::CurrentKeyGone { .. }) => {
                Some(Hint::advice(
                    "if Terraform, CloudFormation or another tool sets the key or the secret's value, stop that first (docs/migrating.md)",
                ))
            }
            _ => None,
        }
    }
}

impl Outcome {
    fn hints(&self, user: &UserName) -> Vec<Hint> {
        match self {
            Self::Blocked(blocked) => blocked.hints(user),
            Self::Refused(refusal) => refusal.hints(user),
            _ => Vec::new(),
        }
    }

    /// Returns what the operator can do if the user failed, or was not done in time; `None` for
    /// every other outcome. Most failures need no action, because the next run continues, so this
    /// is not among the [`hints`](UserResult::hints) of a document.
    #[must_use]
    pub fn after_failure(&self) -> Option<Hint> {
        Some(Hint::advice(match self {
            Self::Failed(failure) => match failure.error.kind {
                ErrorKind::Denied => {
                    "give keyrot the permission that is named; the next run continues"
                }
                ErrorKind::Throttled => {
                    "nothing now, the next run continues; if it stays so, lower `concurrency`"
                }
                ErrorKind::NoEffect => {
                    "find out what else writes to the secret or to the user's keys"
                }
                ErrorKind::Unavailable | ErrorKind::Conflict => {
                    "nothing now, the next run continues"
                }
                ErrorKind::NotFound
                | ErrorKind::LimitExceeded
                | ErrorKind::InProgress
                | ErrorKind::Other => "read the message; the next run tries again",
            },
            Self::Panicked(_) => "please report it; nothing more was done for this user",
            Self::Stopped(Stop::Deadline) => {
                "nothing now; if it stays so, raise `deadline` or run more often"
            }
            Self::Stopped(Stop::TookTooLong | Stop::Contention) => {
                "nothing now; if it stays so, find who else changes this user"
            }
            _ => return None,
        }))
    }
}

impl Wait {
    /// Returns what the operator can do if consumers have not moved to the new key.
    #[must_use]
    pub fn hints(&self, user: &UserName, secret: &SecretName) -> Vec<Hint> {
        let (Why::NotPickedUp { key, .. } | Why::UsedLate { key, .. }) = &self.why else {
            return Vec::new();
        };
        vec![
            Hint::advice(format!("let what uses {key} read the secret {secret}")),
            Hint::to("to see what uses it", Action::WhoUses { user: user.clone(), key: None }),
            Hint::to("if nothing needs it anymore", Action::revoke(user, key)),
        ]
    }
}
