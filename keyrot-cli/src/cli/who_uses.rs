//! The arguments of `who-uses`.

use super::values::{lookback, region};
use clap::ValueHint;
use std::time::Duration;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot who-uses ci-deployer      every key of the user
  keyrot who-uses AKIAIOSFODNN7EXAMPLE --since 30d
  keyrot who-uses --lagging        all old keys that are still in use
  keyrot who-uses ci-deployer --regions eu-west-1,eu-central-1,us-east-1
  keyrot who-uses ci-deployer --json | jq '.keys[].uses.sources[].address'

It needs iam:GetAccessKeyLastUsed, cloudtrail:LookupEvents and, for a user,
iam:ListAccessKeys. For a user with destinations it also reads what `keyrot
status` reads.

Exit codes:
  0  ok; --max-events may have cut the answer short, and (--lagging) the old
     keys of blocked users are not known
  1  something could not be read: a region, IAM's record, a user, or which key
     the user's destinations have; or nothing is known about the key
  2  no such user, or the command line or the settings are invalid";

#[derive(Debug, clap::Args)]
pub(crate) struct WhoUses {
    /// An access key id, or a user name
    #[arg(value_name = "KEY|USER", required_unless_present = "lagging", value_hint = ValueHint::Username)]
    pub(crate) whose: Option<String>,
    /// Every old key of a selected user that still works
    #[arg(long, conflicts_with = "whose")]
    pub(crate) lagging: bool,
    /// How far to look back, at most 90d, CloudTrail's limit
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = lookback)]
    pub(crate) since: Duration,
    /// The regions to ask [default: yours, IAM's, STS's, and that of the last use]
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = region)]
    pub(crate) regions: Vec<String>,
    /// Read at most the newest N events of each key and region; CloudTrail returns 100 a second
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) max_events: u32,
}
