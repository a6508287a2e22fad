//! `keyrot doctor`: checks whether keyrot can work here. It changes nothing, and sends nothing
//! unless asked.

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
use keyrot_aws::doctor::{Check, Health, Verify, from_settings, of_aws, of_ports, send_test};
use keyrot_aws::{Aws, AwsSettings, ConnectError};
use keyrot_core::settings::Settings;
use serde::Serialize;
use std::path::PathBuf;
use std::sync::Arc;

impl Doctor {
    fn verify(&self) -> Verify {
        if self.verify { Verify::Yes } else { Verify::No }
    }
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
struct Document {
    schema: &'static str,
    /// keyrot's version.
    version: &'static str,
    /// Whether this is about a sandbox.
    sandbox: bool,
    /// The worst result.
    result: Health,
    /// The account's twelve digits, if the credentials work.
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
    let (account, sandbox) = match sandbox(invocation) {
        Some(file) => {
            checks.extend(of_sandbox(file, args, &settings, &tell).await?);
            (None, true)
        }
        None => {
            let (found, account) = on_aws(args, &settings, &tell).await;
            checks.extend(found);
            (account, false)
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

/// The sandbox's file, if a sandbox is used; the inner `None` is the default file.
fn sandbox(invocation: &Invocation) -> Option<Option<PathBuf>> {
    let by_environment = || std::env::var_os("KEYROT_SANDBOX").is_some_and(|v| !v.is_empty());
    invocation.sandbox.clone().or_else(|| by_environment().then_some(None))
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

async fn on_aws(
    args: &Doctor,
    settings: &Settings,
    tell: &(dyn Fn(&Check) + Sync),
) -> (Vec<Check>, Option<String>) {
    let aws = match connect(settings).await {
        Ok(aws) => aws,
        Err(check) => {
            tell(&check);
            let rest =
                Check::not_checked("permissions", "AWS could not be called: see the failure above");
            tell(&rest);
            return (vec![check, rest], None);
        }
    };
    let found = of_aws(&aws, settings, args.verify(), tell).await;
    let (mut checks, account) = (found.checks, found.account);
    if account.is_none() {
        let rest = Check::not_checked("permissions", "cannot check without working credentials");
        tell(&rest);
        checks.push(rest);
    } else if args.send_test {
        let now = aws.ports().clock.now();
        checks.extend(send_test(&aws, settings, account.as_deref(), now, tell).await);
    }
    if args.send_test && settings.notify().is_empty() {
        let none = Check::warning("notifiers", "no test message was sent: notify is empty");
        tell(&none);
        checks.push(none);
    }
    (checks, account)
}

async fn connect(settings: &Settings) -> Result<Arc<Aws>, Check> {
    let settings = AwsSettings::default()
        .with(settings)
        .map_err(|error| Check::failure("settings", error.to_string()))?;
    let aws = Aws::connect(&settings).await.map_err(|error| {
        let (about, hint) = match &error {
            ConnectError::NoRegion { .. } => {
                ("region", "set one, for example: export AWS_REGION=eu-central-1")
            }
            ConnectError::NoRoots { .. } => {
                ("network", "without them no connection to AWS can be trusted")
            }
            ConnectError::Profile(_) => {
                ("credentials", "to list the profiles: aws configure list-profiles")
            }
            ConnectError::CaBundle { .. } => {
                ("network", "to trust this machine's own authorities, unset it")
            }
            _ => ("settings", "keyrot help settings"),
        };
        Check::failure(about, error.to_string()).hint(hint)
    })?;
    Ok(Arc::new(aws))
}
