//! Checks whether notifications would arrive.

use crate::connection::Aws;
use crate::doctor::check::{Check, Notes};
use crate::notify::{Channels, FromEnvironment, Readiness};
use keyrot_core::Timestamp;
use keyrot_core::settings::Settings;

pub(super) async fn examine(aws: &Aws, settings: &Settings, notes: &mut Notes<'_>) {
    if settings.notify().is_empty() {
        return;
    }
    let channels = match Channels::new(settings.notify(), aws, FromEnvironment::Allowed) {
        Ok(channels) => channels,
        Err(error) => return notes.add(Check::failure("notifiers", error.to_string())),
    };
    for (name, found) in channels.readiness().await {
        notes.add(match found {
            Readiness::Ready(text) => Check::ok("notifiers", format!("{name}: {text}")),
            Readiness::NotChecked(text) => Check::not_checked("notifiers", format!("{name}: {text}"))
                .hint("`keyrot doctor --send-test` sends a test message"),
            Readiness::NotReady(why) => Check::failure("notifiers", format!("{name}: {why}")).hint(
                "docs/notifications.md says what each notifier needs; a run continues without it, and sends no notification",
            ),
        });
    }
}

/// Sends each notifier a message that says it is a test.
pub async fn send_test(
    aws: &Aws,
    settings: &Settings,
    account: Option<&str>,
    now: Timestamp,
    tell: &(dyn Fn(&Check) + Sync),
) -> Vec<Check> {
    let mut notes = Notes { checks: Vec::new(), tell };
    match Channels::new(settings.notify(), aws, FromEnvironment::Allowed) {
        Err(error) => notes.add(Check::failure("notifiers", error.to_string())),
        Ok(channels) => {
            for (name, sent) in channels.send_test(account, now).await {
                notes.add(match sent {
                    Ok(()) => Check::ok(
                        "notifiers",
                        format!("{name}: a test message was taken; look whether it arrived"),
                    ),
                    Err(why) => Check::failure(
                        "notifiers",
                        format!("{name}: the test message was not taken: {why}"),
                    ),
                });
            }
        }
    }
    notes.checks
}
