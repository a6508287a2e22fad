//! `revoke`: have done with a key that leaked.

use super::request::{Asking, RequestSession};
use super::who_uses::as_key;
use crate::args::Invocation;
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::request::Kind;
use keyrot_core::{KeyId, Request, Revocation, UserName};

const EXAMPLES: &str = "\
Examples:
  keyrot revoke AKIAIOSFODNN7EXAMPLE --reason 'in a public repo'
  keyrot revoke ci-deployer --dry-run  what it would do; KEY: the only one
  keyrot revoke ci-deployer AKIA... --delete
                                       delete it too, without the soak
  keyrot revoke ci-deployer AKIA... --without-successor
                                       off with it first, whoever uses it
  keyrot revoke ci-deployer AKIA... --end-sessions
                                       end what was begun with it, too
  keyrot revoke ci-deployer AKIA... --yes --json > incident.json

Where the key is in use, a new one is made, proved and published first (or the one before, where
there is no room for a new one); then the key is deactivated, without --overlap and --quiet. What
is printed at the end is a record of the incident, and of what is still alive. It works for users
without the rotation tag, too. Run it again after a failure, with the same KEY: it goes on from
where it was.

With --without-successor nothing but IAM is needed (iam:UpdateAccessKey and iam:ListAccessKeys, and
USER and KEY named): the key is deactivated and seen Inactive first; what can be written down and
replaced after that, is.

Exit codes:
  0  IAM lists the key as Inactive, or not any more; or it would be so (--dry-run). A warning says
     what else could not be done
  1  it does not (yet), the key could not be deleted, or sessions could not be ended
  2  there is no such user or key, or nobody could be asked
  3  a person has to decide first
  130, 143  stopped by Ctrl-C or SIGTERM before it was done";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Revoke {
    /// Whose key; or the key itself, and nothing behind it
    #[arg(value_name = "USER|KEY")]
    user: UserName,
    /// Which; may be left out if the user has just one
    #[arg(value_name = "KEY")]
    key: Option<KeyId>,
    /// Why, for the record and for those who are told; it is stored nowhere
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    /// Deactivate the key first of all, even if nothing can take its place yet; it needs nothing but IAM
    #[arg(long)]
    without_successor: bool,
    /// End the user's sessions too, those begun with any key: an inline policy denies what was issued before now, for 36 hours
    #[arg(long)]
    end_sessions: bool,
    /// Delete the key as soon as it is Inactive: nothing brings it back
    #[arg(long)]
    delete: bool,
    #[command(flatten)]
    asking: Asking,
}

pub(crate) async fn revoke(invocation: &Invocation, args: &Revoke) -> Result<Exit, CliError> {
    let named = args.key.clone().or_else(|| as_key(args.user.as_str()));
    let ended = match named.clone().filter(|_| args.without_successor) {
        Some(key) => switch_off(invocation, args, key).await,
        None => replace(invocation, args).await,
    };
    // Whatever came in the way, it came before the key was touched.
    ended.map_err(|problem| match (named, &args.key) {
        (Some(key), named) => {
            let of = named.as_ref().map(|key| format!("{} {key}", args.user)).unwrap_or_else(|| key.to_string());
            let hint = format!("if it has to go now, whoever uses it: keyrot revoke {of} --without-successor");
            let problem = problem.after(&format!("{key} was not revoked"));
            if args.without_successor { problem } else { problem.or_hint(hint) }
        }
        (None, _) => problem,
    })
}

/// With nothing but IAM first, and whatever else can be done after that.
async fn switch_off(invocation: &Invocation, args: &Revoke, key: KeyId) -> Result<Exit, CliError> {
    let mut desk = RequestSession::for_iam_only(invocation, Kind::Revoke, &args.user).await?;
    desk.end_sessions = args.end_sessions;
    let request = Request::Revoke(args.order(Revocation::of(key)));
    desk.switch_off(request, args.asking).await
}

/// With a successor in place first; or of a key that is not named, and has to be looked up.
async fn replace(invocation: &Invocation, args: &Revoke) -> Result<Exit, CliError> {
    let mut desk = RequestSession::open(invocation, Kind::Revoke, &args.user).await?;
    desk.end_sessions = args.end_sessions;
    let seen = desk.look().await?;
    let key = args.key.clone().or_else(|| desk.key.clone());
    match Request::revoke(&seen, key) {
        Ok(order) => desk.ask(&seen, Request::Revoke(args.order(order)), args.asking).await,
        Err(refusal) => desk.refuse(seen, refusal, args.asking).await,
    }
}

impl Revoke {
    fn order(&self, order: Revocation) -> Revocation {
        Revocation {
            reason: self.reason.clone(),
            without_successor: self.without_successor,
            delete: self.delete,
            ..order
        }
    }
}
