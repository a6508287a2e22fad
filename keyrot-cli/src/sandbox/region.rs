//! The region of a sandbox's secrets.

/// The region, if the settings name no other.
pub(crate) const SANDBOX_REGION: &str = "us-east-1";

/// The simulated account.
pub(crate) const SANDBOX_ACCOUNT: &str = "123456789012";
