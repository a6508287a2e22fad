//! Verifies credentials: asks until they have authenticated as the user enough times in a row, or
//! until the time is over.
//!
//! There are three results: the credentials work, they are refused, or AWS could not be asked. A
//! call that fails says nothing about the credentials.

use crate::model::credentials::Credentials;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::{KeyId, UserArn, VersionId};
use crate::model::observed::Verified;
use crate::model::stored::ProbeAnswer;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use crate::model::waits::{after, doubled};
use std::time::Duration;

/// The pause between two successes: long enough that they are not the same answer twice.
const BETWEEN: Duration = Duration::from_millis(200);
/// The pause after the first refusal or failed call; it doubles up to the longest. New keys are
/// usually usable within about five seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);
/// The number of refusals in a row after which a refusal counts: as many as a success needs, but no
/// more than there is time for.
const MOST_REFUSALS: u32 = 3;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Verification {
    version: VersionId,
    key: KeyId,
    owner: UserArn,
    credentials: Option<Credentials>,
    began: Timestamp,
    not_before: Timestamp,
    /// Successes in a row.
    streak: u32,
    /// Refusals in a row.
    refusals: u32,
    /// All answers except successes, so far.
    setbacks: u32,
    /// The result if the verification ended with the last failed answer.
    last: Option<Verified>,
    end: Option<Verified>,
}

pub(crate) enum VerifyStep {
    Read(VersionId),
    Probe(Credentials),
    Pause(Duration),
}

impl Verification {
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
            setbacks: 0,
            last: None,
            end: None,
        }
    }

    pub(crate) fn version(&self) -> &VersionId {
        &self.version
    }

    /// Returns the credentials under verification, once they were read.
    pub(crate) fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    pub(crate) fn next(&self, now: Timestamp) -> VerifyStep {
        match &self.credentials {
            None => VerifyStep::Read(self.version.clone()),
            Some(_) if now < self.not_before => {
                VerifyStep::Pause((self.not_before - now).to_std().unwrap_or(Duration::ZERO))
            }
            Some(credentials) => VerifyStep::Probe(credentials.clone()),
        }
    }

    pub(crate) fn read(&mut self, credentials: Option<Credentials>) {
        match credentials {
            Some(credentials) if credentials.key == self.key => {
                self.credentials = Some(credentials);
            }
            Some(other) => {
                let reason =
                    format!("the version holds {} where {} was expected", other.key, self.key);
                self.end = Some(Verified::Wrong(reason));
            }
            None => self.end = Some(Verified::Wrong("the version holds no access key".into())),
        }
    }

    pub(crate) fn answered(&mut self, answer: ProbeAnswer, now: Timestamp, policy: &WaitPolicy) {
        match answer {
            ProbeAnswer::Authenticated(arn) if arn == self.owner => {
                self.streak += 1;
                self.refusals = 0;
                self.not_before = after(now, BETWEEN);
                if self.streak >= policy.waits().probes {
                    self.end = Some(Verified::Works);
                }
            }
            ProbeAnswer::Authenticated(arn) => {
                self.end = Some(Verified::Wrong(format!("the credentials are {arn}'s")));
            }
            ProbeAnswer::SomebodyElse(whose) => {
                self.end = Some(Verified::Wrong(format!("the credentials are {whose}'s")));
            }
            ProbeAnswer::Refused => {
                self.refused("AWS does not accept the key (InvalidClientTokenId)".into(), now);
            }
            ProbeAnswer::RefusedBy(service) => self.refused(service, now),
            ProbeAnswer::WrongSecret => {
                self.refused(
                    "the secret does not fit the key's id (SignatureDoesNotMatch)".into(),
                    now,
                );
            }
        }
    }

    /// Records a failed call: it says nothing about the credentials. The verification does not wait
    /// if the failure will not go away by itself.
    pub(crate) fn failed(&mut self, error: &CallError, now: Timestamp) {
        let unknown = Verified::Unknown(error.to_string());
        if !matches!(error.kind, ErrorKind::Throttled | ErrorKind::Unavailable) {
            self.end = Some(unknown.clone());
        }
        self.refusals = 0;
        self.set_back(unknown, now);
    }

    fn refused(&mut self, reason: String, now: Timestamp) {
        self.refusals += 1;
        self.set_back(Verified::Refused(reason), now);
    }

    fn set_back(&mut self, last: Verified, now: Timestamp) {
        self.streak = 0;
        let pause = doubled(FIRST_PAUSE, self.setbacks, LONGEST_PAUSE);
        self.setbacks += 1;
        self.not_before = after(now, pause);
        self.last = Some(last);
    }

    /// Returns the result, once there is one. When the time is over, the last answer counts; a
    /// refusal only if it was repeated, because a server that lags may refuse good credentials.
    pub(crate) fn result(&self, now: Timestamp, policy: &WaitPolicy) -> Option<Verified> {
        if self.end.is_some() {
            return self.end.clone();
        }
        let over = now >= after(self.began, policy.waits().probe_for) && self.streak == 0;
        let repeated = self.refusals >= policy.waits().probes.min(MOST_REFUSALS);
        self.last.clone().filter(|last| over && (repeated || !matches!(last, Verified::Refused(_))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::waits::Waits;
    use crate::testing::{at, key};

    const OWNER: &str = "arn:aws:iam::123456789012:user/ci";

    /// Returns the result of these answers, one every ten seconds within one minute.
    fn end_of(answers: &[Result<ProbeAnswer, ErrorKind>]) -> Option<Verified> {
        let policy = WaitPolicy::new(Waits::default(), false).unwrap();
        let owner = UserArn::parse(OWNER).unwrap();
        let mut verification =
            Verification::new(VersionId::for_placeholder(at(0)), key("A"), None, owner, at(0));
        for (i, answer) in answers.iter().enumerate() {
            assert_eq!(verification.result(at(0), &policy), None, "it goes on until answer {i}");
            let now = after(at(0), Duration::from_secs(10) * u32::try_from(i).unwrap());
            match answer {
                Ok(answer) => verification.answered(answer.clone(), now, &policy),
                Err(kind) => verification.failed(&CallError::refused(*kind, "no answer"), now),
            }
        }
        verification.result(after(at(0), policy.waits().probe_for), &policy)
    }

    #[test]
    fn the_last_answer_counts_and_a_refusal_only_if_it_was_repeated() {
        let works = || Ok(ProbeAnswer::Authenticated(UserArn::parse(OWNER).unwrap()));
        let no = || Ok(ProbeAnswer::Refused);
        let lost = || Err(ErrorKind::Unavailable);
        let refused = |end: Option<Verified>| matches!(end, Some(Verified::Refused(_)));
        let unknown = |end: Option<Verified>| matches!(end, Some(Verified::Unknown(_)));
        assert_eq!(end_of(&[no(), lost(), works(), works(), works()]), Some(Verified::Works));
        assert!(refused(end_of(&[works(), lost(), no(), no(), Ok(ProbeAnswer::WrongSecret)])));
        assert!(unknown(end_of(&[lost()])));
        assert!(unknown(end_of(&[no(), no(), no(), no(), lost()])), "the last word was none");
        assert!(unknown(end_of(&[lost(), Err(ErrorKind::Throttled)])));
        // There is no result yet: it asks again, even after the time is over.
        assert_eq!(end_of(&[lost(), lost(), lost(), lost(), no()]), None);
        assert_eq!(end_of(&[no(), no(), lost(), no(), no()]), None);
        assert_eq!(end_of(&[no(), no(), no(), works()]), None);
        assert_eq!(end_of(&[works(), lost(), works(), works()]), None);
    }

    #[test]
    fn a_permanent_failure_ends_the_verification_immediately() {
        for kind in [ErrorKind::Denied, ErrorKind::Other, ErrorKind::NotFound] {
            assert_eq!(end_of(&[Err(kind)]), Some(Verified::Unknown("no answer".into())), "{kind}");
        }
    }
}
