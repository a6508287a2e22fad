//! `keyrot`: rotates the access keys of AWS IAM users safely.
//!
//! This crate makes no decisions: it parses the command line (`cli`), loads the settings
//! (`config`), builds the ports (`backend`), calls keyrot-core (`commands`) and shows the result
//! (`screens`, `terminal`).

// This module comes first, because everything else uses its macros.
#[macro_use]
mod terminal;

mod backend;
mod cli;
mod commands;
mod config;
mod consumer;
mod error;
mod exit;
mod files;
mod meant;
mod names;
#[cfg(not(feature = "aws"))]
mod no_aws;
mod output;
mod sandbox;
mod screens;

use cli::{Command, Invocation};
use error::CliError;
use exit::Exit;
use std::process::ExitCode;
use std::time::Duration;
use terminal::{closed, stdio, time, trace};

fn main() -> ExitCode {
    closed::guard();
    let invocation = match Invocation::parse() {
        Ok(invocation) => invocation,
        Err(exit) => return stdio::settle(exit).into(),
    };
    invocation.color.apply();
    if invocation.quiet {
        stdio::be_quiet();
    }
    cli::given::keep(&invocation);
    trace::begin(invocation.verbose, invocation.quiet);
    let json = invocation.json;
    if invocation.local && !json {
        time::show_local();
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(run(invocation));
            // The process does not wait for a thread that hangs on a file system.
            runtime.shutdown_timeout(Duration::from_secs(1));
            result
        }
        Err(error) => Err(CliError::failed(format!("the runtime could not start: {error}"))),
    };
    stdio::settle(result.unwrap_or_else(|problem| problem.report(json))).into()
}

async fn run(invocation: Invocation) -> Result<Exit, CliError> {
    match &invocation.command {
        Command::Plan(args) => commands::plan::plan(&invocation, args).await,
        Command::Rotate(args) => commands::rotate::rotate(&invocation, args).await,
        Command::Status(args) => commands::status::status(&invocation, args).await,
        Command::Rollback(args) => commands::rollback::rollback(&invocation, args).await,
        Command::Deliver(args) => commands::deliver::deliver(&invocation, args).await,
        Command::Revoke(args) => commands::revoke::revoke(&invocation, args).await,
        Command::Resolve(args) => commands::resolve::resolve(&invocation, args).await,
        Command::Audit(args) => commands::audit::audit(&invocation, args).await,
        Command::WhoUses(args) => commands::who_uses::who_uses(&invocation, args).await,
        #[cfg(feature = "aws")]
        Command::Doctor(args) => commands::doctor::doctor(&invocation, args).await,
        #[cfg(feature = "aws")]
        Command::Policy(args) => commands::policy::policy(&invocation, args),
        Command::Credentials(args) => commands::credentials::credentials(&invocation, args).await,
        Command::Exec(args) => commands::exec::exec(&invocation, args).await,
        Command::Enroll(args) => commands::enroll::enroll(&invocation, args).await,
        Command::Move(args) => commands::moving::moving(&invocation, args).await,
        Command::Release(args) => commands::enroll::release(&invocation, args).await,
        Command::Init(args) => commands::init::init(&invocation, args).await,
        #[cfg(feature = "aws")]
        Command::Own(args) => commands::self_service::own(&invocation, args).await,
        Command::Completion(args) => commands::completion::completion(&invocation, args),
        Command::Man(args) => commands::man::man(&invocation, args),
        Command::Config { command } => commands::config::config(&invocation, command),
        Command::Users => commands::completion::users(&invocation),
        Command::Version => commands::help::version(&invocation),
        Command::Help(args) => commands::help::help(&invocation, args),
        Command::Demo(args) => commands::demo::demo(&invocation, args).await,
        Command::Sandbox { command } => commands::sandbox::sandbox(&invocation, command).await,
    }
}
