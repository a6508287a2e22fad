//! `rollback`: the previous key is published again.

use super::request::Desk;
use crate::cli::Invocation;
use crate::cli::rollback::Rollback;
use crate::error::CliError;
use crate::exit::Exit;
use keyrot_core::Request;
use keyrot_core::requests::RequestKind;

pub(crate) async fn rollback(invocation: &Invocation, args: &Rollback) -> Result<Exit, CliError> {
    let mut desk = Desk::open(invocation, RequestKind::Rollback, &args.user).await?;
    let seen = desk.look().await?;
    match args.to.clone().map_or_else(|| Request::key_before(&seen), Ok) {
        Ok(to) => desk.ask(&seen, Request::Rollback { to }, args.asking).await,
        Err(refusal) => desk.refuse(&seen, refusal, args.asking).await,
    }
}
