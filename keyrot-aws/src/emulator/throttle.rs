//! Token buckets.

use std::time::Instant;

/// IAM's reading actions.
pub const IAM_READS: &[&str] = &[
    "GetAccountAuthorizationDetails",
    "ListUsers",
    "ListUserTags",
    "ListAttachedUserPolicies",
    "GetUserPolicy",
    "GetUser",
    "ListAccessKeys",
    "GetAccessKeyLastUsed",
    "GenerateCredentialReport",
    "GetCredentialReport",
    "SimulatePrincipalPolicy",
];
/// IAM's changing actions.
pub const IAM_WRITES: &[&str] = &[
    "CreateUser",
    "TagUser",
    "UntagUser",
    "CreateAccessKey",
    "UpdateAccessKey",
    "DeleteAccessKey",
    "PutUserPolicy",
    "DeleteUserPolicy",
];
/// Secrets Manager's reading actions.
pub const SECRET_READS: &[&str] =
    &["DescribeSecret", "GetResourcePolicy", "GetSecretValue", "ListSecretVersionIds"];
/// Secrets Manager's changing actions.
pub const SECRET_WRITES: &[&str] = &[
    "CreateSecret",
    "PutSecretValue",
    "UpdateSecretVersionStage",
    "TagResource",
    "UntagResource",
    "DeleteSecret",
    "RestoreSecret",
    "PutResourcePolicy",
    "DeleteResourcePolicy",
];
/// STS.
pub const STS: &[&str] = &["GetCallerIdentity", "GetSessionToken"];

/// CloudTrail.
pub const TRAIL: &[&str] = &["LookupEvents"];

/// A token bucket that some actions use. A call is throttled if one of its buckets has no token,
/// and then takes no token.
#[derive(Debug, Clone, PartialEq)]
pub struct RateLimit {
    /// The actions that share the bucket.
    pub actions: Vec<String>,
    /// The refill rate, in calls per second.
    pub per_second: f64,
    /// The capacity, in calls; at least one.
    pub burst: f64,
}

impl RateLimit {
    /// Returns a bucket for these actions.
    #[must_use]
    pub fn new(actions: &[&str], per_second: f64, burst: f64) -> Self {
        Self { actions: actions.iter().map(|a| (*a).to_owned()).collect(), per_second, burst }
    }
}

pub(super) struct Bucket {
    limit: RateLimit,
    tokens: f64,
    seen: Instant,
}

impl Bucket {
    pub(super) fn full(limit: RateLimit, now: Instant) -> Self {
        Self { tokens: limit.burst.max(1.0), limit, seen: now }
    }

    pub(super) fn holds(&self, action: &str) -> bool {
        self.limit.actions.iter().any(|a| a == action)
    }

    /// Refills the bucket, and returns whether there is a token.
    pub(super) fn ready(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.seen).as_secs_f64();
        self.seen = now;
        self.tokens = (self.tokens + passed * self.limit.per_second).min(self.limit.burst.max(1.0));
        self.tokens >= 1.0
    }

    pub(super) fn take(&mut self) {
        self.tokens -= 1.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(RateLimit::new(&["A"], 5.0, 3.0), start);
        let mut given = |millis: u64| {
            let ready = bucket.ready(start + Duration::from_millis(millis));
            if ready {
                bucket.take();
            }
            ready
        };
        assert_eq!((0..5).filter(|_| given(0)).count(), 3);
        assert!(!given(150) && given(250), "a token comes each 200 ms");
        assert_eq!((0..9).filter(|_| given(60_000)).count(), 3, "it holds no more than its burst");
    }
}
