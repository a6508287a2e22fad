//! Every check of an AWS account, in order.

use super::check::{Check, Findings, Notes, Verify};
use super::{caller, hooks, permissions, rights, stores};
use crate::connection::Aws;
use crate::notify::FromEnvironment;
use keyrot_core::KeyId;
use keyrot_core::settings::Settings;
use keyrot_core::trail::{TrailAsk, TrailPort};
use std::sync::Arc;

/// Checks everything about an AWS account. `tell` is called with each finding as it is made. If the
/// credentials do not work, no other check is made.
pub async fn of_aws(
    aws: &Arc<Aws>,
    settings: &Settings,
    verify: Verify,
    tell: &(dyn Fn(&Check) + Sync),
) -> Findings {
    let mut notes = Notes { checks: Vec::new(), tell };
    let Some(caller) = caller::examine(aws, settings, &mut notes).await else {
        return Findings { checks: notes.checks, account: None };
    };
    let ports = aws.ports_with(settings, FromEnvironment::Allowed).unwrap_or_else(|error| {
        notes.add(Check::failure("destinations", error.to_string()));
        aws.ports()
    });
    let sample =
        stores::examine(&ports, settings, &settings.homes(aws.region(), false), verify, &mut notes)
            .await;
    permissions::examine(aws, settings, &caller, &sample, &mut notes).await;
    rights::examine(aws, settings, &caller, &sample.selected, &mut notes).await;
    stores::kms(aws, settings, &sample, &mut notes).await;
    trail(aws, settings, sample.key.as_ref(), &mut notes).await;
    hooks::examine(aws, settings, &mut notes).await;
    Findings { checks: notes.checks, account: Some(caller.account) }
}

/// Checks whether CloudTrail may be asked, if runs ask it.
async fn trail(aws: &Aws, settings: &Settings, key: Option<&KeyId>, notes: &mut Notes<'_>) {
    if !settings.trail() {
        return;
    }
    // Any id works: the key need not exist.
    let Some(key) = key.cloned().or_else(|| KeyId::parse("AKIAIOSFODNN7EXAMPLE").ok()) else {
        return;
    };
    let since = chrono::DateTime::from(std::time::SystemTime::now()) - chrono::TimeDelta::hours(1);
    for region in aws.regions() {
        let ask = TrailAsk { key: key.clone(), region: region.clone(), since };
        notes.add(match aws.page(&ask, None).await {
            Ok(_) => {
                Check::ok("trail", format!("CloudTrail in {region} can be asked who uses a key"))
            }
            // A run continues without it.
            Err(error) => Check::warning("trail", error.to_string()).hint(
                "allow cloudtrail:LookupEvents, or set trail = false; a run continues without it",
            ),
        });
    }
}
