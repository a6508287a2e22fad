//! Every check of the account that the settings select, including the connection.

use super::account::of_aws;
use super::check::{Check, Findings, Notes, TestMessage, Verify};
use super::hooks::send_test;
use crate::connect_error::ConnectError;
use crate::connection::Aws;
use crate::settings::AwsSettings;
use keyrot_core::settings::Settings;
use std::sync::Arc;

/// Connects with these settings, makes [every check](of_aws), and sends the notifiers a test
/// message, if that is asked for. `tell` gets each finding as it is made. If a check could not be
/// made because AWS could not be called, or because the credentials do not work, that is also a
/// finding.
pub async fn on_aws(
    settings: &Settings,
    verify: Verify,
    message: TestMessage,
    tell: &(dyn Fn(&Check) + Sync),
) -> Findings {
    let aws = match connect(settings).await {
        Ok(aws) => aws,
        Err(check) => {
            let mut notes = Notes { checks: Vec::new(), tell };
            notes.add(check);
            let why = "AWS could not be called: see the failure above";
            notes.add(Check::not_checked("permissions", why));
            return Findings { checks: notes.checks, account: None };
        }
    };
    let Findings { checks, account } = of_aws(&aws, settings, verify, tell).await;
    let mut notes = Notes { checks, tell };
    let sends = message == TestMessage::Send;
    if account.is_none() {
        let why = "cannot check without working credentials";
        notes.add(Check::not_checked("permissions", why));
    } else if sends {
        let now = aws.ports().clock.now();
        let sent = send_test(&aws, settings, account.as_deref(), now, tell).await;
        notes.checks.extend(sent);
    }
    if sends && settings.notify().is_empty() {
        notes.add(Check::warning("notifiers", "no test message was sent: notify is empty"));
    }
    Findings { checks: notes.checks, account }
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
