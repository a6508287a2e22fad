//! The waits of a rotation.

mod with;

use crate::model::text::format_duration;
use crate::model::time::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The waits of a rotation, before they are checked. [`Waits::default`] is suitable for production;
/// change single waits with the `with_` methods.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Waits {
    /// The age at which a key is no longer Active, if whatever uses it moves to the new key: its
    /// rotation begins [`WaitPolicy::lead`] earlier. Default 90 days, the limit of AWS Security Hub
    /// (IAM.3) and of the CIS AWS Foundations Benchmark.
    #[serde(with = "crate::model::text::duration")]
    pub max_age: Duration,
    /// The longest time between two runs. Default 1 day. The first run after a wait notices that it
    /// is over.
    #[serde(with = "crate::model::text::duration")]
    pub run_interval: Duration,
    /// The minimum time for which a key stays Active after it lost AWSCURRENT. Default 7 days:
    /// readers cache (AWS's caching clients an hour, the agent and the Lambda extension five
    /// minutes, a process's environment until it ends).
    #[serde(with = "crate::model::text::duration")]
    pub overlap: Duration,
    /// A key used this recently is not deactivated. Default 24 hours; IAM reports a use with a lag
    /// of up to hours.
    #[serde(with = "crate::model::text::duration")]
    pub recent_use: Duration,
    /// The longest time between two uses of a key that is still needed. While nothing has picked up
    /// the new key, or something uses the old one late in the overlap, the old key is deactivated
    /// only after it has been unused for this long. Default 45 days, which covers a monthly job.
    #[serde(with = "crate::model::text::duration")]
    pub idle: Duration,
    /// How long a key stays Inactive before it is deleted; until then a person can reactivate it.
    /// Default 7 days.
    #[serde(with = "crate::model::text::duration")]
    pub soak: Duration,
    /// A time longer than any run and any lag of `ListAccessKeys`. keyrot waits this long for what
    /// another run may still be doing. Default 30 minutes.
    #[serde(with = "crate::model::text::duration")]
    pub settle: Duration,
    /// How long one run tries to verify a new key. Default 60 seconds.
    #[serde(with = "crate::model::text::duration")]
    pub probe_for: Duration,
    /// A staged key that does not work this long after its creation is abandoned. Default 2 hours.
    #[serde(with = "crate::model::text::duration")]
    pub probe_limit: Duration,
    /// How many times in a row a new key has to authenticate before it is published. Default 3,
    /// because IAM is eventually consistent.
    pub probes: u32,
}

impl Default for Waits {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            max_age: s(90 * DAY),
            run_interval: s(DAY),
            overlap: s(7 * DAY),
            recent_use: s(DAY),
            idle: s(45 * DAY),
            soak: s(7 * DAY),
            settle: s(30 * MINUTE),
            probe_for: s(MINUTE),
            probe_limit: s(2 * HOUR),
            probes: 3,
        }
    }
}

/// A checked set of waits, for [`decide`](crate::decide::decide()).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct WaitPolicy {
    #[serde(flatten)]
    waits: Waits,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_if_created_before: Option<Timestamp>,
    #[serde(skip)]
    allow_short_waits: bool,
}

impl Default for WaitPolicy {
    /// Returns the default waits.
    fn default() -> Self {
        Self { waits: Waits::default(), due_if_created_before: None, allow_short_waits: false }
    }
}

/// The reason why a set of waits is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} = {value} is not usable: {rule}")]
pub struct WaitPolicyError {
    /// The setting's name.
    pub name: &'static str,
    value: String,
    rule: String,
}

impl WaitPolicy {
    /// Checks the waits against each other, and, unless `allow_short_waits`, against what is safe
    /// in production.
    ///
    /// # Errors
    /// [`WaitPolicyError`] names the setting and the rule that it breaks.
    pub fn new(waits: Waits, allow_short_waits: bool) -> Result<Self, WaitPolicyError> {
        waits.check_each()?;
        waits.check_limits(allow_short_waits)?;
        Ok(Self { waits, due_if_created_before: None, allow_short_waits })
    }

    /// Returns the policy with other waits, such as those from a user's tags.
    ///
    /// # Errors
    /// [`WaitPolicyError`], as [`WaitPolicy::new`].
    pub fn with_waits(&self, waits: Waits) -> Result<Self, WaitPolicyError> {
        let Self { due_if_created_before, allow_short_waits, .. } = *self;
        Ok(Self { due_if_created_before, ..Self::new(waits, allow_short_waits)? })
    }

    /// Returns the policy under which keys created before this instant are due at any age:
    /// `--force`.
    #[must_use]
    pub fn forced(mut self, created_before: Timestamp) -> Self {
        self.due_if_created_before = Some(created_before);
        self
    }

    /// Returns the waits.
    #[must_use]
    pub fn waits(&self) -> &Waits {
        &self.waits
    }

    /// Returns the time limit for work on one user after its first read: half of `settle`, so that
    /// even a last call's timeout is over within `settle`.
    #[must_use]
    pub fn run_limit(&self) -> Duration {
        self.waits.settle / 2
    }

    /// Returns when the rotation of a current key created at `created` begins: [`WaitPolicy::lead`]
    /// before its [`WaitPolicy::deadline`], or immediately if it is forced.
    #[must_use]
    pub fn due(&self, created: Timestamp) -> Timestamp {
        match self.due_if_created_before {
            Some(before) if created < before => created,
            _ => self.due_by_age(created),
        }
    }

    /// Returns when the rotation would begin without `--force`.
    pub(crate) fn due_by_age(&self, created: Timestamp) -> Timestamp {
        after(created, self.waits.max_age - self.lead())
    }

    /// Returns when a key created at `created` is no longer Active, if its consumers move to the
    /// new key in the first half of the overlap.
    #[must_use]
    pub fn deadline(&self, created: Timestamp) -> Timestamp {
        after(created, self.waits.max_age)
    }

    /// Returns how long before the deadline a rotation begins: 1.5 times `overlap`, `recent_use`,
    /// `settle`, and three run intervals. One interval may pass until a run notices that it is
    /// time, one until a run notices that the old key can be retired, and one is for a run that
    /// fails.
    #[must_use]
    pub fn lead(&self) -> Duration {
        self.waits.lead()
    }

    /// Returns until when a use of the old key counts as a cache that expires: half of the overlap
    /// that began at `since`. A consumer that uses the old key later has not moved.
    #[must_use]
    pub fn caches_until(&self, since: Timestamp) -> Timestamp {
        after(since, self.waits.overlap / 2)
    }

    /// Returns how long a key has to be unused after its consumers moved: by then, a weekly job
    /// that still uses it has used it again, and IAM shows it.
    #[must_use]
    pub fn unused_for(&self) -> Duration {
        self.waits.overlap + self.waits.recent_use
    }
}

impl Waits {
    fn named(&self) -> [(&'static str, Duration); 9] {
        [
            ("max_age", self.max_age),
            ("run_interval", self.run_interval),
            ("overlap", self.overlap),
            ("recent_use", self.recent_use),
            ("idle", self.idle),
            ("soak", self.soak),
            ("settle", self.settle),
            ("probe_for", self.probe_for),
            ("probe_limit", self.probe_limit),
        ]
    }

    /// Checks each wait alone.
    fn check_each(&self) -> Result<(), WaitPolicyError> {
        if self.probes == 0 {
            let rule =
                "expected at least 1, because a key is verified before it is published".to_owned();
            return Err(WaitPolicyError { name: "probes", value: "0".to_owned(), rule });
        }
        for (name, value) in self.named() {
            if value > LONGEST {
                let rule = "expected at most ten years".to_owned();
                return Err(WaitPolicyError { name, value: format_duration(value), rule });
            }
        }
        Ok(())
    }

    /// Checks the lower limits. A wait may have several: the error names the highest that applies.
    fn check_limits(&self, allow_short_waits: bool) -> Result<(), WaitPolicyError> {
        let production = self.for_production().into_iter().filter(|_| !allow_short_waits);
        let limits = || {
            let alone = self.named().map(|(name, value)| Limit::above_zero(name, value));
            alone.into_iter().chain(self.of_each_other()).chain(production.clone())
        };
        let Some(broken) = limits().find(Limit::is_broken) else { return Ok(()) };
        let highest = limits().filter(|one| one.name == broken.name).max_by_key(|one| one.least);
        Err(highest.unwrap_or(broken).error())
    }

    /// Returns the limits that the other waits set.
    fn of_each_other(&self) -> [Limit; 4] {
        let of = |name, value, least, why| Limit { name, value, least, why, production: false };
        let room = "because a rotation begins before max_age (by 1.5 x overlap, recent_use, three run intervals and settle), and by then the previous key \
                    has to be gone (1.5 x overlap, recent_use and soak); a shorter overlap needs less";
        [
            of(
                "settle",
                self.settle,
                self.probe_for * 4,
                "four times probe_for, because it has to outlast any run",
            ),
            of(
                "probe_limit",
                self.probe_limit,
                self.settle,
                "as long as settle, because another run may still be verifying the key",
            ),
            of("max_age", self.max_age, self.lead() + self.moving() + self.soak, room),
            of(
                "idle",
                self.idle,
                self.overlap + self.recent_use,
                "as long as overlap and recent_use together, because it only ever delays",
            ),
        ]
    }

    /// Returns the limits of what is safe in production.
    fn for_production(&self) -> [Limit; 8] {
        let s = Duration::from_secs;
        let twice_settle = self.settle * 2 + s(MINUTE);
        let rollback = "more than twice settle, so that a rollback during another run finds the old key in time";
        let of = |(name, value, least, why)| Limit { name, value, least, why, production: true };
        [
            (
                "overlap",
                self.overlap,
                s(HOUR),
                "because AWS's caching clients keep a secret for an hour",
            ),
            (
                "recent_use",
                self.recent_use,
                s(4 * HOUR),
                "because IAM reports a key's last use up to four hours late",
            ),
            ("soak", self.soak, s(HOUR), "to leave time to notice and reactivate the key"),
            (
                "settle",
                self.settle,
                s(22 * MINUTE),
                "because half of it is a run's, and another machine's clock may be ten minutes from this one's",
            ),
            (
                "probe_for",
                self.probe_for,
                s(15),
                "because new keys are sometimes refused for fifteen seconds",
            ),
            (
                "max_age",
                self.max_age,
                s(DAY),
                "because Secrets Manager keeps every version of the last day",
            ),
            ("overlap", self.overlap, twice_settle, rollback),
            ("soak", self.soak, twice_settle, rollback),
        ]
        .map(of)
    }

    /// Returns the time from publication until the old key can be retired: half of the overlap with
    /// uses, then `overlap` and `recent_use` without.
    fn moving(&self) -> Duration {
        self.overlap + self.overlap / 2 + self.recent_use
    }

    fn lead(&self) -> Duration {
        self.moving() + self.run_interval * 3 + self.settle
    }
}

/// The shortest wait that counts as longer than zero.
const SHORTEST: Duration = Duration::from_millis(1);

/// A lower limit of a wait.
#[derive(Clone, Copy)]
struct Limit {
    name: &'static str,
    value: Duration,
    least: Duration,
    why: &'static str,
    /// Whether a test may wait less.
    production: bool,
}

impl Limit {
    fn above_zero(name: &'static str, value: Duration) -> Self {
        let why = "because a wait must be longer than zero";
        Self { name, value, least: SHORTEST, why, production: false }
    }

    fn is_broken(&self) -> bool {
        self.value < self.least
    }

    fn error(&self) -> WaitPolicyError {
        let Self { name, value, least, why, production } = *self;
        let test = if production { " (allow_short_waits says that this is a test)" } else { "" };
        let rule = match value.is_zero() && least == SHORTEST {
            true => "expected a duration longer than zero, such as 1h".to_owned(),
            false => format!("expected at least {}, {why}{test}", format_duration(least)),
        };
        WaitPolicyError { name, value: format_duration(value), rule }
    }
}

pub(crate) const LONGEST: Duration = Duration::from_secs(3653 * DAY);

/// Returns `at` plus `wait`, capped at the latest representable time.
#[must_use]
pub fn after(at: Timestamp, wait: Duration) -> Timestamp {
    chrono::TimeDelta::from_std(wait)
        .ok()
        .and_then(|wait| at.checked_add_signed(wait))
        .unwrap_or(Timestamp::MAX_UTC)
}

/// Returns a wait that doubles each time, up to the longest.
#[must_use]
pub fn doubled(first: Duration, times: u32, longest: Duration) -> Duration {
    first.saturating_mul(1 << times.min(10)).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_suitable_for_production() {
        assert_eq!(WaitPolicy::new(Waits::default(), false), Ok(WaitPolicy::default()));
    }

    #[test]
    fn a_wait_that_weakens_a_promise_is_refused_by_name() {
        let hour = Duration::from_secs(HOUR);
        let short = |change: fn(&mut Waits)| {
            let mut waits = Waits::default();
            change(&mut waits);
            WaitPolicy::new(waits, false).expect_err("must be refused").name
        };
        assert_eq!(short(|w| w.overlap = Duration::from_secs(3599)), "overlap");
        assert_eq!(short(|w| w.recent_use = Duration::from_secs(60)), "recent_use");
        assert_eq!(short(|w| w.soak = Duration::from_secs(60)), "soak");
        assert_eq!(short(|w| w.settle = Duration::from_secs(300)), "settle");
        assert_eq!(short(|w| w.probe_for = Duration::from_secs(1)), "probe_for");
        assert_eq!(short(|w| w.max_age = Duration::from_secs(33 * DAY)), "max_age");
        assert_eq!(short(|w| w.overlap = Duration::from_secs(27 * DAY)), "max_age");
        assert_eq!(short(|w| w.run_interval = Duration::from_secs(21 * DAY)), "max_age");
        assert_eq!(short(|w| w.run_interval = Duration::ZERO), "run_interval");
        assert_eq!(short(|w| w.idle = Duration::from_secs(8 * DAY - 1)), "idle");
        assert_eq!(short(|w| w.probes = 0), "probes");
        assert_eq!(short(|w| w.soak = Duration::ZERO), "soak");
        assert_eq!(short(|w| w.probe_limit = Duration::from_secs(60)), "probe_limit");
        let brief = Waits { overlap: hour / 2, ..Waits::default() };
        assert!(WaitPolicy::new(brief, true).is_ok(), "a test may wait less");
    }
    #[test]
    fn the_limit_that_is_named_is_the_one_that_has_to_be_kept() {
        let said = |change: fn(&mut Waits), is_test| {
            let mut waits = Waits::default();
            change(&mut waits);
            WaitPolicy::new(waits, is_test).expect_err("must be refused").to_string()
        };
        let zero = |limit: &str| format!("= 0s is not usable: expected at least {limit}, ");
        for (change, limit) in [
            ((|w| w.overlap = Duration::ZERO) as fn(&mut Waits), "1h 1m"),
            (|w| w.soak = Duration::ZERO, "1h 1m"),
            (|w| w.recent_use = Duration::ZERO, "4h"),
            (|w| w.settle = Duration::ZERO, "22m"),
            (|w| w.probe_for = Duration::ZERO, "15s"),
            (|w| w.probe_limit = Duration::ZERO, "30m"),
            (|w| w.idle = Duration::ZERO, "8d"),
            (|w| w.max_age = Duration::ZERO, "33d 30m"),
        ] {
            let text = said(change, false);
            assert!(text.contains(&zero(limit)), "{text}");
        }
        // A value below several limits has to reach the highest.
        assert!(said(|w| w.overlap = Duration::from_secs(60), false).contains("at least 1h 1m,"));
        for (text, name) in [
            (said(|w| w.run_interval = Duration::ZERO, false), "run_interval"),
            (said(|w| w.overlap = Duration::ZERO, true), "overlap"),
        ] {
            let expected = "expected a duration longer than zero, such as 1h";
            assert_eq!(text, format!("{name} = 0s is not usable: {expected}"));
        }
    }
}
