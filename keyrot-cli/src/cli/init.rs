//! The arguments of `init`.

use std::path::PathBuf;

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot init                       read the account, and write keyrot.toml
  keyrot init --offline --stdout    print every setting; call nothing
  keyrot init --out /etc/keyrot.toml --profile ops";

#[derive(Debug, clap::Args)]
pub(crate) struct InitArgs {
    /// The file to write; an existing file is never overwritten
    #[arg(long, value_name = "FILE", default_value = "keyrot.toml")]
    pub(crate) out: PathBuf,
    /// Print the settings instead of writing a file
    #[arg(long, conflicts_with = "out")]
    pub(crate) stdout: bool,
    /// Do not read the account: needs no credentials, suggests no values
    #[arg(long)]
    pub(crate) offline: bool,
}
