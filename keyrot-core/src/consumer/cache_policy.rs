//! How long a consumer may keep a key.

use crate::model::text::format_duration;
use std::time::Duration;

/// How long a consumer may use a key before it reads it again.
///
/// A key that had the AWSCURRENT label keeps working for at least `overlap` after that (promise
/// S2). So both waits are well below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CachePolicy {
    /// The time after which a consumer should read again.
    pub lifetime: Duration,
    /// How long a consumer may use its key if it cannot read.
    pub stale: Duration,
    /// The time after which a consumer reads again if reading is cheap: five minutes, as AWS's
    /// agent and Lambda extension do, or a quarter of a shorter lifetime.
    pub read_again: Duration,
}

/// The longest lifetime: that of the AWS caching clients.
const LONGEST_LIFETIME: Duration = Duration::from_secs(3_600);
/// botocore asks again at every request once less than 15 minutes are left; a lifetime below that
/// would start a process for each.
const SHORTEST_LIFETIME: Duration = Duration::from_secs(20 * 60);
const READ_AGAIN: Duration = Duration::from_secs(5 * 60);
const LONGEST_STALE: Duration = Duration::from_secs(86_400);

impl CachePolicy {
    /// Returns the policy for this overlap: 1/24 of it, but at least 20 minutes and at most an
    /// hour; and stale for half of it, at most a day.
    ///
    /// ```
    /// # use keyrot_core::consumer::CachePolicy;
    /// # use std::time::Duration;
    /// let hours = |n: u64| Duration::from_secs(n * 3600);
    /// assert_eq!(CachePolicy::of(hours(7 * 24)), CachePolicy { lifetime: hours(1), stale: hours(24), read_again: hours(1) / 12 });
    /// assert_eq!(CachePolicy::of(hours(1)), CachePolicy { lifetime: hours(1) / 3, stale: hours(1) / 2, read_again: hours(1) / 12 });
    /// ```
    #[must_use]
    pub fn of(overlap: Duration) -> Self {
        let half = overlap / 2;
        let lifetime = (overlap / 24).clamp(SHORTEST_LIFETIME, LONGEST_LIFETIME).min(half);
        Self { lifetime, stale: half.min(LONGEST_STALE), read_again: READ_AGAIN.min(lifetime / 4) }
    }

    /// Returns the policy with these times, if they are set.
    ///
    /// # Errors
    /// [`TooLong`] if a key could then be used after it was replaced and deactivated.
    ///
    /// ```
    /// # use keyrot_core::consumer::CachePolicy;
    /// # use std::time::Duration;
    /// let hours = |n: u64| Duration::from_secs(n * 3600);
    /// let policy = CachePolicy::with(hours(24), None, Some(hours(2)))?;
    /// assert_eq!(policy.stale, hours(2));
    /// assert!(CachePolicy::with(hours(24), None, Some(hours(13))).is_err(), "more than half of the overlap");
    /// # Ok::<(), keyrot_core::consumer::TooLong>(())
    /// ```
    pub fn with(
        overlap: Duration,
        read_again: Option<Duration>,
        stale: Option<Duration>,
    ) -> Result<Self, TooLong> {
        let usual = Self::of(overlap);
        let bounded = |what, given: Option<Duration>, usual: Duration, most: Duration| match given {
            Some(given) if given > most => Err(TooLong { what, given, most, overlap }),
            given => Ok(given.unwrap_or(usual)),
        };
        Ok(Self {
            read_again: bounded(
                CacheTime::ReadAgain,
                read_again,
                usual.read_again,
                usual.lifetime / 2,
            )?,
            stale: bounded(CacheTime::Stale, stale, usual.stale, overlap / 2)?,
            lifetime: usual.lifetime,
        })
    }
}

/// One of the times of a [`CachePolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTime {
    /// [`CachePolicy::read_again`].
    ReadAgain,
    /// [`CachePolicy::stale`].
    Stale,
}

/// A time that would let a replaced key be used for longer than `overlap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what:?} {} is too long: expected at most {}, or a replaced key could be used for longer than overlap = {}",
    format_duration(*given), format_duration(*most), format_duration(*overlap))]
pub struct TooLong {
    /// The time.
    pub what: CacheTime,
    /// The requested value.
    pub given: Duration,
    /// The most that is allowed.
    pub most: Duration,
    /// The user's overlap.
    pub overlap: Duration,
}
