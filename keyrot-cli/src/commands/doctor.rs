//! `keyrot doctor`: checks whether keyrot can work here. It changes nothing, and sends nothing
//! unless asked to.

use crate::backend::say_of_environment;
use crate::cli::Invocation;
use crate::cli::doctor::Doctor;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::sandbox::SandboxAccount;
use crate::sandbox::region::SANDBOX_REGION;
use crate::screens::doctor::{line, sum};
use crate::terminal::signals::reading;
use crate::terminal::size::width;
use crate::terminal::stdio::{print, print_json};
use keyrot_aws::doctor::{
    Check, Findings, Health, TestMessage, Verify, from_settings, of_ports, on_aws,
};
use keyrot_core::settings::Settings;
use serde::Serialize;
use std::path::PathBuf;

impl Doctor {
    fn verify(&self) -> Verify {
        if self.verify { Verify::Yes } else { Verify::No }
    }

    fn test_message(&self) -> TestMessage {
        if self.send_test { TestMessage::Send } else { TestMessage::None }
    }
}

/// The document that `--json` prints.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    /// keyrot's version.
    version: &'static str,
    /// Whether a sandbox was checked.
    sandbox: bool,
    /// The worst result of all checks.
    result: Health,
    /// The account's twelve-digit number, if the credentials work.
    account: Option<String>,
    checks: Vec<Check>,
}

pub(crate) async fn doctor(invocation: &Invocation, args: &Doctor) -> Result<Exit, CliError> {
    reading(check(invocation, args)).await
}

async fn check(invocation: &Invocation, args: &Doctor) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let json = invocation.json;
    let tell = |check: &Check| {
        if !json {
            print(&line(check, width()));
        }
    };
    let mut checks = Vec::new();
    for check in from_settings(&settings) {
        tell(&check);
        checks.push(check);
    }
    let sandbox = invocation.is_sandbox();
    let account = match sandbox {
        true => {
            say_of_environment(invocation);
            let file = invocation.sandbox.clone().flatten();
            checks.extend(of_sandbox(file, args, &settings, &tell).await?);
            None
        }
        false => {
            let found = on_aws(&settings, args.verify(), args.test_message(), &tell).await;
            let Findings { checks: found, account } = found;
            checks.extend(found);
            account
        }
    };
    let result = checks.iter().map(|check| check.health).max().unwrap_or(Health::Ok);
    if json {
        let version = env!("CARGO_PKG_VERSION");
        print_json(&Document {
            schema: "keyrot.doctor/1",
            version,
            sandbox,
            result,
            account,
            checks,
        });
    } else {
        print(&sum(&checks));
    }
    Ok(if result == Health::Failure { Exit::Failed } else { Exit::Success })
}

async fn of_sandbox(
    file: Option<PathBuf>,
    args: &Doctor,
    settings: &Settings,
    tell: &(dyn Fn(&Check) + Sync),
) -> Result<Vec<Check>, CliError> {
    let region = settings.region().unwrap_or(SANDBOX_REGION);
    let account = SandboxAccount::open(file.as_deref(), region, settings.home_regions()).await?;
    let homes = settings.homes(region, true);
    let mut checks =
        of_ports(&account.ports(settings.destinations()), settings, &homes, args.verify(), tell)
            .await;
    let what = "credentials, region, clock, permissions, KMS, notifiers and real destinations: a sandbox calls nothing";
    let mut last = vec![
        Check::not_checked("sandbox", what)
            .hint("to check an AWS account, leave out --sandbox and unset KEYROT_SANDBOX"),
    ];
    if args.send_test {
        last.push(Check::not_checked(
            "notifiers",
            "no test message was sent: a sandbox sends no notifications",
        ));
    }
    last.iter().for_each(tell);
    checks.extend(last);
    Ok(checks)
}
