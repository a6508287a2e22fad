//! Where a sandbox's secrets are.

/// The region, where the settings name no other.
pub(crate) const SANDBOX_REGION: &str = "us-east-1";
