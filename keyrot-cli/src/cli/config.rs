//! The arguments of `config`.

use clap::Subcommand;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot config show                     every setting, and where it is from
  keyrot config show --changed           only what is not keyrot's default
  KEYROT_MAX_AGE=60d keyrot config show --max-age 45d
  keyrot config show --json | jq -r '.settings[] | select(.name == \"region\")'

It calls nothing. The AWS profile, region and credentials that the SDK finds
by itself are not settings of keyrot: see `keyrot doctor`.";

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// Show every setting and where its value comes from
    #[command(after_long_help = EXAMPLES)]
    Show(Show),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    /// Only settings that are not keyrot's default
    #[arg(long)]
    pub(crate) changed: bool,
}
