//! How long to wait for what.

use crate::{Timestamp, format_duration};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The waits of a rotation, before they are checked. [`Waits::default`] gives what is fit for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Waits {
    /// A current key this old is replaced. Default 90 days, the limit of the CIS AWS Foundations Benchmark.
    #[serde(with = "crate::text::duration")]
    pub max_age: Duration,
    /// How long a key stays Active after it left AWSCURRENT, at the least. Default 7 days: readers cache (AWS's caching clients an hour, the
    /// agent and the Lambda extension five minutes, a process's environment for its life).
    #[serde(with = "crate::text::duration")]
    pub overlap: Duration,
    /// A key used this recently is not deactivated. Default 24 hours; IAM reports a use with a lag of up to hours.
    #[serde(with = "crate::text::duration")]
    pub quiet: Duration,
    /// How long a key stays Inactive before it is deleted; until then a person can reactivate it. Default 7 days.
    #[serde(with = "crate::text::duration")]
    pub soak: Duration,
    /// Longer than any run and than any lag of `ListAccessKeys`: what another run may still be doing is left alone this long. Default 30 minutes.
    #[serde(with = "crate::text::duration")]
    pub settle: Duration,
    /// How long one run goes on asking whether a new key works. Default 60 seconds.
    #[serde(with = "crate::text::duration")]
    pub probe_for: Duration,
    /// A staged key that does not work this long after it was made is abandoned. Default 2 hours.
    #[serde(with = "crate::text::duration")]
    pub probe_limit: Duration,
    /// How often running a new key has to authenticate before it is published. Default 3: IAM is eventually consistent.
    pub probes: u32,
}

impl Default for Waits {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self {
            max_age: s(90 * DAY),
            overlap: s(7 * DAY),
            quiet: s(DAY),
            soak: s(7 * DAY),
            settle: s(30 * MINUTE),
            probe_for: s(MINUTE),
            probe_limit: s(2 * HOUR),
            probes: 3,
        }
    }
}

/// A set of waits that holds together: what [`decide`](crate::decide()) works by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub struct Policy {
    #[serde(flatten)]
    waits: Waits,
    #[serde(skip_serializing_if = "Option::is_none")]
    due_if_created_before: Option<Timestamp>,
}

impl Default for Policy {
    /// The default waits.
    fn default() -> Self {
        Self { waits: Waits::default(), due_if_created_before: None }
    }
}

/// Why a set of waits is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} = {value} is not usable: {rule}")]
pub struct PolicyError {
    /// The setting's name.
    pub name: &'static str,
    value: String,
    rule: String,
}

impl Policy {
    /// Checks the waits against each other, and, unless `allow_short_waits`, against what is safe in production.
    ///
    /// # Errors
    /// [`PolicyError`] names the setting and the rule that it breaks.
    pub fn new(waits: Waits, allow_short_waits: bool) -> Result<Self, PolicyError> {
        let w = &waits;
        let at_least = |name, value: Duration, least: Duration, why: &str| {
            if value >= least {
                return Ok(());
            }
            let least = format_duration(least);
            Err(PolicyError { name, value: format_duration(value), rule: format!("expected at least {least}, {why}") })
        };
        if w.probes == 0 {
            let rule = "expected at least 1, because a key is proved before it is published".to_owned();
            return Err(PolicyError { name: "probes", value: "0".to_owned(), rule });
        }
        for (name, value) in [
            ("max_age", w.max_age),
            ("overlap", w.overlap),
            ("quiet", w.quiet),
            ("soak", w.soak),
            ("settle", w.settle),
            ("probe_for", w.probe_for),
            ("probe_limit", w.probe_limit),
        ] {
            at_least(name, value, Duration::from_millis(1), "because a wait of nothing is no wait")?;
            if value > LONGEST {
                let rule = "expected at most ten years".to_owned();
                return Err(PolicyError { name, value: format_duration(value), rule });
            }
        }
        at_least("settle", w.settle, w.probe_for * 4, "four times probe_for, because it has to outlast any run")?;
        at_least(
            "probe_limit",
            w.probe_limit,
            w.settle,
            "as long as settle, because another run may still be proving the key",
        )?;
        let life = w.overlap + w.soak;
        let why = "longer than overlap and soak together, because the old key has to be gone before the next is made";
        at_least("max_age", w.max_age, life + Duration::from_millis(1), why)?;
        if !allow_short_waits {
            let s = Duration::from_secs;
            let test = "(allow_short_waits says that this is a test)";
            for (name, value, least, why) in [
                ("overlap", w.overlap, HOUR, "because AWS's caching clients keep a secret for an hour"),
                ("quiet", w.quiet, 4 * HOUR, "because IAM reports a key's last use up to four hours late"),
                ("soak", w.soak, HOUR, "because somebody must have the time to notice and to reactivate the key"),
                ("settle", w.settle, 10 * MINUTE, "because a run and IAM's listing may lag that long"),
                ("probe_for", w.probe_for, 15, "because new keys are sometimes refused for fifteen seconds"),
                ("max_age", w.max_age, DAY, "because Secrets Manager keeps every version of the last day"),
            ] {
                at_least(name, value, s(least), &format!("{why} {test}"))?;
            }
            for (name, value) in [("overlap", w.overlap), ("soak", w.soak)] {
                let why =
                    "more than twice settle, so that a key on its way out can be published again beside another run";
                at_least(name, value, w.settle * 2 + s(MINUTE), &format!("{why} {test}"))?;
            }
        }
        Ok(Self { waits, due_if_created_before: None })
    }

    /// The same policy, under which keys made before this instant are due whatever their age: `--force`.
    #[must_use]
    pub fn forced(mut self, created_before: Timestamp) -> Self {
        self.due_if_created_before = Some(created_before);
        self
    }

    /// The waits.
    #[must_use]
    pub fn waits(&self) -> &Waits {
        &self.waits
    }

    /// No work on one user goes on longer than this after its first look: half of `settle`, so that with the time-out of a last call it is
    /// over when `settle` is.
    #[must_use]
    pub fn run_limit(&self) -> Duration {
        self.waits.settle / 2
    }

    /// When a current key made at `created` is due for replacement.
    #[must_use]
    pub fn due(&self, created: Timestamp) -> Timestamp {
        match self.due_if_created_before {
            Some(before) if created < before => created,
            _ => after(created, self.waits.max_age),
        }
    }
}

const LONGEST: Duration = Duration::from_secs(3653 * DAY);

/// `at` and then `wait`; the end of time where that is past it.
#[must_use]
pub fn after(at: Timestamp, wait: Duration) -> Timestamp {
    chrono::TimeDelta::from_std(wait).ok().and_then(|wait| at.checked_add_signed(wait)).unwrap_or(Timestamp::MAX_UTC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_fit_for_production() {
        assert_eq!(Policy::new(Waits::default(), false), Ok(Policy::default()));
    }

    #[test]
    fn a_wait_that_weakens_a_promise_is_refused_by_name() {
        let hour = Duration::from_secs(HOUR);
        let short = |change: fn(&mut Waits)| {
            let mut waits = Waits::default();
            change(&mut waits);
            Policy::new(waits, false).expect_err("must be refused").name
        };
        assert_eq!(short(|w| w.overlap = Duration::from_secs(3599)), "overlap");
        assert_eq!(short(|w| w.quiet = Duration::from_secs(60)), "quiet");
        assert_eq!(short(|w| w.soak = Duration::from_secs(60)), "soak");
        assert_eq!(short(|w| w.settle = Duration::from_secs(300)), "settle");
        assert_eq!(short(|w| w.probe_for = Duration::from_secs(1)), "probe_for");
        assert_eq!(short(|w| w.max_age = Duration::from_secs(14 * DAY)), "max_age");
        assert_eq!(short(|w| w.probes = 0), "probes");
        assert_eq!(short(|w| w.soak = Duration::ZERO), "soak");
        assert_eq!(short(|w| w.probe_limit = Duration::from_secs(60)), "probe_limit");
        let brief = Waits { overlap: hour / 2, ..Waits::default() };
        assert!(Policy::new(brief, true).is_ok(), "a test may wait less");
    }
}
