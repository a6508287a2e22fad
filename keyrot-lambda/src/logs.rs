//! Lines of JSON on stdout, for CloudWatch Logs.

use keyrot_aws::SECRET_LOG_TARGETS;
use keyrot_core::report::EventDocument;
use keyrot_core::{Event, Severity};
use lambda_runtime::tracing::{self, Level};
use std::str::FromStr;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Starts logging, from the level that `KEYROT_LOG` or Lambda's own setting
/// (`AWS_LAMBDA_LOG_LEVEL`) names; `info` by default.
///
/// Libraries that may show secret material are never logged below `info`.
pub(crate) fn begin() {
    let named =
        ["KEYROT_LOG", "AWS_LAMBDA_LOG_LEVEL"].iter().find_map(|name| std::env::var(name).ok());
    let level =
        named.and_then(|name| LevelFilter::from_str(&name).ok()).unwrap_or(LevelFilter::INFO);
    let quiet = SECRET_LOG_TARGETS.iter().map(|target| (*target, level.min(LevelFilter::INFO)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false);
    // A second initialization, in a test, changes nothing.
    let _ = tracing_subscriber::registry()
        .with(Targets::new().with_default(level).with_targets(quiet))
        .with(lines)
        .try_init();
}

/// Logs one line for an event of a user.
pub(crate) fn event(request_id: &str, event: &Event) {
    let one = EventDocument::of(event);
    let key = one.key.as_ref().map(ToString::to_string);
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(
                target: "keyrot",
                $level,
                request_id,
                user = %event.user,
                owner = event.owner,
                secret = %event.secret,
                step = one.event,
                key,
                "{}",
                one.message
            )
        };
    }
    match one.severity {
        Severity::Info => line!(Level::INFO),
        Severity::Warning => line!(Level::WARN),
        Severity::Error => line!(Level::ERROR),
    }
}
