//! Where a sandbox's secrets are.

/// The region, where the settings name no other.
pub(crate) const SANDBOX_REGION: &str = "us-east-1";

/// The simulated account.
pub(crate) const SANDBOX_ACCOUNT: &str = "123456789012";
