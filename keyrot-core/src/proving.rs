//! The trial of credentials: asked until they authenticated as the user so often running, or until the time for it is over.

use crate::policy::after;
use crate::{Credentials, KeyId, Policy, ProbeAnswer, Proof, Timestamp, UserArn, VersionId};
use std::time::Duration;

/// Between two successes: long enough that they are not the same answer twice.
const BETWEEN: Duration = Duration::from_millis(200);
/// After the first refusal; it doubles up to the longest. New keys are usually usable within about five seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Proving {
    version: VersionId,
    key: KeyId,
    owner: UserArn,
    credentials: Option<Credentials>,
    began: Timestamp,
    not_before: Timestamp,
    streak: u32,
    refusals: u32,
    last: Option<String>,
    end: Option<Proof>,
}

pub(crate) enum Trial {
    Read(VersionId),
    Probe(Credentials),
    Pause(Duration),
}

impl Proving {
    pub(crate) fn new(
        version: VersionId,
        key: KeyId,
        credentials: Option<Credentials>,
        owner: UserArn,
        now: Timestamp,
    ) -> Self {
        Self {
            version,
            key,
            owner,
            credentials,
            began: now,
            not_before: now,
            streak: 0,
            refusals: 0,
            last: None,
            end: None,
        }
    }

    pub(crate) fn version(&self) -> &VersionId {
        &self.version
    }

    pub(crate) fn next(&self, now: Timestamp) -> Trial {
        match &self.credentials {
            None => Trial::Read(self.version.clone()),
            Some(_) if now < self.not_before => {
                Trial::Pause((self.not_before - now).to_std().unwrap_or(Duration::ZERO))
            }
            Some(credentials) => Trial::Probe(credentials.clone()),
        }
    }

    pub(crate) fn read(&mut self, credentials: Option<Credentials>) {
        match credentials {
            Some(credentials) if credentials.key == self.key => self.credentials = Some(credentials),
            Some(other) => {
                let reason = format!("the version holds {} where {} was expected", other.key, self.key);
                self.end = Some(Proof::Wrong(reason));
            }
            None => self.end = Some(Proof::Wrong("the version holds no access key".into())),
        }
    }

    pub(crate) fn answered(&mut self, answer: ProbeAnswer, now: Timestamp, policy: &Policy) {
        match answer {
            ProbeAnswer::Authenticated(arn) if arn == self.owner => {
                self.streak += 1;
                self.not_before = after(now, BETWEEN);
                if self.streak >= policy.waits().probes {
                    self.end = Some(Proof::Proven);
                }
            }
            ProbeAnswer::Authenticated(arn) => {
                self.end = Some(Proof::Wrong(format!("the credentials are {arn}'s")));
            }
            ProbeAnswer::SomebodyElse(whose) => {
                self.end = Some(Proof::Wrong(format!("the credentials are {whose}'s")));
            }
            ProbeAnswer::Refused => self.refused("AWS does not accept the key (InvalidClientTokenId)".into(), now),
            ProbeAnswer::WrongSecret => {
                self.refused("the secret does not fit the key's id (SignatureDoesNotMatch)".into(), now);
            }
        }
    }

    /// A trial that could not be made proves nothing, either way.
    pub(crate) fn failed(&mut self, reason: String, now: Timestamp) {
        self.refused(reason, now);
    }

    fn refused(&mut self, reason: String, now: Timestamp) {
        self.streak = 0;
        let pause = FIRST_PAUSE.saturating_mul(1 << self.refusals.min(8)).min(LONGEST_PAUSE);
        self.refusals += 1;
        self.not_before = after(now, pause);
        self.last = Some(reason);
    }

    pub(crate) fn result(&self, now: Timestamp, policy: &Policy) -> Option<Proof> {
        let over = now >= after(self.began, policy.waits().probe_for);
        match &self.last {
            _ if self.end.is_some() => self.end.clone(),
            Some(reason) if over && self.streak == 0 => Some(Proof::Refused(reason.clone())),
            _ => None,
        }
    }
}
