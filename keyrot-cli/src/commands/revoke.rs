//! `revoke`: revokes a leaked key and replaces it.

use super::request::RequestSession;
use crate::cli::Invocation;
use crate::cli::revoke::Revoke;
use crate::cli::values::as_key;
use crate::error::CliError;
use crate::exit::Exit;
use keyrot_core::report::command_line;
use keyrot_core::requests::RequestKind;
use keyrot_core::{KeyId, Request, Revocation};

pub(crate) async fn revoke(invocation: &Invocation, args: &Revoke) -> Result<Exit, CliError> {
    let named = args.key.clone().or_else(|| as_key(args.user.as_str()));
    let ended = match named.clone().filter(|_| args.without_successor) {
        Some(key) => switch_off(invocation, args, key).await,
        None => replace(invocation, args).await,
    };
    // Any failure here happened before the key was changed.
    ended.map_err(|problem| match (named, &args.key) {
        (Some(key), named) => {
            let names = match named {
                Some(key) => vec![args.user.as_str(), key.as_str()],
                None => vec![key.as_str()],
            };
            let revoke = command_line("keyrot revoke", &names, " --without-successor");
            let hint = format!("to deactivate it now, even if it is in use: {revoke}");
            let problem = problem.after(&format!("{key} was not revoked"));
            if args.without_successor { problem } else { problem.or_hint(hint) }
        }
        (None, _) => problem,
    })
}

/// Deactivates the key with IAM alone, then does the rest as far as possible.
async fn switch_off(invocation: &Invocation, args: &Revoke, key: KeyId) -> Result<Exit, CliError> {
    let session = RequestSession::for_iam_only(invocation, RequestKind::Revoke, &args.user)
        .await?
        .end_sessions(args.end_sessions);
    let request = Request::Revoke(args.order(Revocation::of(key)));
    session.switch_off(request, args.asking).await
}

/// Publishes a successor first. Also used if no key was named, so that it has to be found.
async fn replace(invocation: &Invocation, args: &Revoke) -> Result<Exit, CliError> {
    let session = RequestSession::open(invocation, RequestKind::Revoke, &args.user).await?;
    let mut session = session.end_sessions(args.end_sessions);
    let seen = session.look().await?;
    let key = args.key.clone().or_else(|| session.key.clone());
    match Request::revoke(&seen, key) {
        Ok(order) => session.ask(&seen, Request::Revoke(args.order(order)), args.asking).await,
        Err(refusal) => session.refuse(&seen, refusal, (args.asking, args.without_successor)).await,
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
