//! `deliver`: delivers the current key to its destinations again.

use super::request::RequestSession;
use crate::cli::Invocation;
use crate::cli::deliver::DeliverArgs;
use crate::error::CliError;
use crate::exit::Exit;
use keyrot_core::Request;
use keyrot_core::requests::RequestKind;

pub(crate) async fn deliver(invocation: &Invocation, args: &DeliverArgs) -> Result<Exit, CliError> {
    let mut session = RequestSession::open(invocation, RequestKind::Deliver, &args.user).await?;
    let seen = session.look().await?;
    session.ask(&seen, Request::Deliver { to: args.to.clone() }, args.asking).await
}
