//! `deliver`: the current key is put into its destinations again.

use super::request::Desk;
use crate::cli::Invocation;
use crate::cli::deliver::DeliverArgs;
use crate::error::CliError;
use crate::exit::Exit;
use keyrot_core::Request;
use keyrot_core::requests::RequestKind;

pub(crate) async fn deliver(invocation: &Invocation, args: &DeliverArgs) -> Result<Exit, CliError> {
    let mut desk = Desk::open(invocation, RequestKind::Deliver, &args.user).await?;
    let seen = desk.look().await?;
    desk.ask(&seen, Request::Deliver { to: args.to.clone() }, args.asking).await
}
