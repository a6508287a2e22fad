//! The arguments of `revoke`.

use super::asking::Asking;
use super::named::user_name;
use clap::ValueHint;
use keyrot_core::{KeyId, UserName};

pub(crate) const EXAMPLES: &str = "\
Examples:
  keyrot revoke AKIAIOSFODNN7EXAMPLE --reason 'in a public repo'
  keyrot revoke ci-deployer --dry-run  show what it would do
  keyrot revoke ci-deployer AKIA... --delete
                                       also delete it, without --soak
  keyrot revoke ci-deployer AKIA... --without-successor
                                       deactivate it first, even if it is used
  keyrot revoke ci-deployer AKIA... --end-sessions
                                       also end the user's sessions
  keyrot revoke ci-deployer AKIA... --yes --json > incident.json

If the key is current, keyrot first publishes a new key, or the previous key
if there is no room for a new one. Then it deactivates the revoked key, without
waiting for --overlap and --recent-use. Finally it prints a record of the incident
and of what still works. Users without the rotation tag can be revoked too.
After a failure, run the same command again, with KEY: it resumes.

With --without-successor, keyrot deactivates the key first, and needs only
USER, KEY, iam:UpdateAccessKey and iam:ListAccessKeys for that. It then
records the revocation and replaces the key as far as possible.

Exit codes:
  0  IAM lists the key as Inactive or not at all, or would (--dry-run);
     warnings name what else could not be done
  1  not yet, the key could not be deleted, or sessions could not be ended
  2  no such user or key, or confirmation was not possible
  3  needs manual action first
  4  you answered no; nothing was done
  130, 143  stopped by Ctrl-C or SIGTERM before it was done";

#[derive(Debug, clap::Args)]
pub(crate) struct Revoke {
    /// The user whose key to revoke, or the key itself
    #[arg(value_name = "USER|KEY", value_parser = user_name, value_hint = ValueHint::Username)]
    pub(crate) user: UserName,
    /// The key to revoke; optional if the user has only one
    #[arg(value_name = "KEY")]
    pub(crate) key: Option<KeyId>,
    /// Why, for the incident record and the notifications; it is not stored
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Deactivate the key first, even if nothing replaces it; needs only IAM
    #[arg(long)]
    pub(crate) without_successor: bool,
    /// End all sessions of the user: an inline policy denies them for 36 hours
    #[arg(long)]
    pub(crate) end_sessions: bool,
    /// Delete the key once it is Inactive; this cannot be undone
    #[arg(long)]
    pub(crate) delete: bool,
    #[command(flatten)]
    pub(crate) asking: Asking,
}
