//! `rollback`: publishes the previous key again.

use super::request::RequestSession;
use crate::cli::Invocation;
use crate::cli::rollback::Rollback;
use crate::error::CliError;
use crate::exit::Exit;
use keyrot_core::Request;
use keyrot_core::requests::RequestKind;

pub(crate) async fn rollback(invocation: &Invocation, args: &Rollback) -> Result<Exit, CliError> {
    let mut session = RequestSession::open(invocation, RequestKind::Rollback, &args.user).await?;
    let seen = session.look().await?;
    match args.to.clone().map_or_else(|| Request::key_before(&seen), Ok) {
        Ok(to) => session.ask(&seen, Request::Rollback { to }, args.asking).await,
        Err(refusal) => session.refuse(&seen, refusal, (args.asking, false)).await,
    }
}
