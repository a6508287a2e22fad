use thiserror::Error;

/// How one API class is paced: the limiter's start, and its bounds.
///
/// All rates are calls per second. The presets start at rates that AWS accounts were observed to
/// allow. AWS promises none of them, so the limiter measures from there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LimiterSettings {
    pub(super) initial_rate: f64,
    pub(super) initial_window: u32,
    pub(super) burst: u32,
    pub(super) growth: f64,
    pub(super) floor: f64,
    pub(super) ceiling: f64,
}

/// The reason why a set of numbers is refused.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A rate is zero, negative, infinite or not a number.
    #[error("limiter {name} is {value}, expected a finite number of calls per second above 0")]
    Rate {
        /// The rate's name.
        name: &'static str,
        /// The given value, in calls per second.
        value: f64,
    },
    /// The rates are not in order.
    #[error(
        "limiter rates must satisfy floor <= initial_rate <= ceiling, got {floor} <= {initial_rate} <= {ceiling}"
    )]
    Disordered {
        /// Lowest rate, calls per second.
        floor: f64,
        /// Rate after the first throttle, calls per second.
        initial_rate: f64,
        /// Highest rate, calls per second.
        ceiling: f64,
    },
}

impl LimiterSettings {
    /// Returns your own limits, in calls per second; `burst` is the number of answered calls for
    /// which the start stays careful (see [`with_start`](Self::with_start)).
    ///
    /// - `initial_rate`: the pace fallen back on when AWS throttles before anything was measured.
    /// - `floor`: the pace kept however often AWS throttles; low, but the work never stands still.
    /// - `ceiling`: never exceeded; leaves the rest of a shared quota to the account's other
    ///   clients.
    ///
    /// # Errors
    /// [`SettingsError`] when a rate is not a finite number above 0 or
    /// `floor <= initial_rate <= ceiling` does not hold.
    pub fn new(
        initial_rate: f64,
        burst: u32,
        floor: f64,
        ceiling: f64,
    ) -> Result<Self, SettingsError> {
        for (name, value) in
            [("initial_rate", initial_rate), ("floor", floor), ("ceiling", ceiling)]
        {
            if !value.is_finite() || value <= 0.0 {
                return Err(SettingsError::Rate { name, value });
            }
        }
        if floor > initial_rate || initial_rate > ceiling {
            return Err(SettingsError::Disordered { floor, initial_rate, ceiling });
        }
        Ok(Self { initial_rate, burst, floor, ceiling, ..Self::iam_reads() })
    }

    /// Sets how fast the start grows: `window` calls in flight (at least 1) until `burst` calls
    /// were answered, then every answer adds `growth` (0 to 1) of a place. With 1 the number in
    /// flight doubles each round trip; with 0.5 it grows by half, and the first throttle costs at
    /// most about half of the calls answered so far.
    #[must_use]
    pub fn with_start(mut self, window: u32, growth: f64) -> Self {
        self.initial_window = window.max(1);
        self.growth = if growth.is_finite() { growth.clamp(0.0, 1.0) } else { 0.0 };
        self
    }

    /// IAM calls that only read (`GetAccountAuthorizationDetails`, `ListAccessKeys`,
    /// `GetAccessKeyLastUsed`, …). A throttled read costs nothing but itself, so the start is
    /// quick.
    #[must_use]
    pub const fn iam_reads() -> Self {
        Self {
            initial_rate: 5.0,
            initial_window: 4,
            burst: 10,
            growth: 0.5,
            floor: 0.5,
            ceiling: 10_000.0,
        }
    }

    /// IAM calls that change something (`CreateAccessKey`, `UpdateAccessKey`, `DeleteAccessKey`).
    /// Their buckets are small, and the account's deployments use them, too, so the start is
    /// gentle.
    #[must_use]
    pub const fn iam_writes() -> Self {
        Self {
            initial_rate: 2.0,
            initial_window: 2,
            burst: 5,
            growth: 0.25,
            floor: 0.2,
            ceiling: 1_000.0,
        }
    }

    /// `DescribeSecret` and `GetSecretValue`: a published 10,000 a second for each Region, not
    /// adjustable. Applications read their secrets from the same quota, so half of it is theirs.
    /// Source: AWS Secrets Manager User Guide, "AWS Secrets Manager quotas".
    #[must_use]
    pub const fn secret_reads() -> Self {
        Self {
            initial_rate: 20.0,
            initial_window: 8,
            burst: 16,
            growth: 1.0,
            floor: 1.0,
            ceiling: 5_000.0,
        }
    }

    /// `PutSecretValue`, `UpdateSecret`, `UpdateSecretVersionStage` and similar calls: a published
    /// 50 a second for each Region, shared and not adjustable; a little is left to others. Source:
    /// AWS Secrets Manager User Guide, "AWS Secrets Manager quotas".
    #[must_use]
    pub const fn secret_writes() -> Self {
        Self {
            initial_rate: 10.0,
            initial_window: 4,
            burst: 10,
            growth: 0.5,
            floor: 0.5,
            ceiling: 48.0,
        }
    }

    /// `GetCallerIdentity` and `AssumeRole`. STS has its own token buckets, separate from IAM's;
    /// workloads assume their roles from them, so the ceiling stays low.
    #[must_use]
    pub const fn sts() -> Self {
        Self {
            initial_rate: 10.0,
            initial_window: 4,
            burst: 10,
            growth: 0.5,
            floor: 0.5,
            ceiling: 300.0,
        }
    }

    /// A service other than AWS, whose limits depend on its installation or are not published.
    pub(crate) const fn service() -> Self {
        Self {
            initial_rate: 5.0,
            initial_window: 4,
            burst: 8,
            growth: 0.5,
            floor: 0.5,
            ceiling: 100.0,
        }
    }

    /// `LookupEvents`: a published 2 a second for each account and Region, not adjustable. One at a
    /// time, and a little is left to others. Source: AWS CloudTrail User Guide, "Quotas in AWS
    /// CloudTrail".
    #[must_use]
    pub const fn trail() -> Self {
        Self {
            initial_rate: 1.8,
            initial_window: 1,
            burst: 1,
            growth: 0.0,
            floor: 0.2,
            ceiling: 1.9,
        }
    }

    pub(super) fn clamp(&self, rate: f64) -> f64 {
        rate.clamp(self.floor, self.ceiling)
    }
}
