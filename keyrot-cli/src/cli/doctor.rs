//! The arguments of `doctor`.

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot doctor                 before the first run, or after a failed one
  keyrot doctor --verify        also verify current keys (IAM records a use)
  keyrot doctor --send-test     also send each notifier a test message
  keyrot doctor --json | jq '.checks[] | select(.health == \"failure\")'

doctor only reads: what a run begins with, the first selected users and their
current keys' ids, and iam:SimulatePrincipalPolicy and iam:GetRole if allowed.
\"not checked\" means that doctor could not find out; it does not mean ok.

Exit codes:
  0  ok, or only warnings
  1  a check failed: keyrot cannot work here, or only partly
  2  the command line or the settings are invalid";

#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Send each notifier a test message
    #[arg(long)]
    pub(crate) send_test: bool,
    /// Verify the current keys of the first users with STS; IAM records that as a use
    ///
    /// Users with another Active key are skipped.
    #[arg(long)]
    pub(crate) verify: bool,
}
