//! `-v` and `RUST_LOG`: what the engine and the calls to AWS do, line by line on stderr.
//!
//! Only keyrot's own crates are logged, at every level. The SDK and its HTTP stack log whole
//! requests and answers, including secrets, at their most verbose levels; no flag or variable makes
//! keyrot show these.

use super::stdio::warn;
use std::env;
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

const VARIABLE: &str = "RUST_LOG";
const ENGINE: &str = "keyrot_core";
const AWS: &str = "keyrot_aws";

/// Starts logging, at the level of the flag (how often it was given) or the variable.
pub(crate) fn begin(verbose: u8, quiet: bool) {
    let variable = env::var(VARIABLE).ok().filter(|text| !text.trim().is_empty());
    let targets = match (verbose, variable) {
        (0, None) => return,
        (0, Some(text)) => match text.parse::<Targets>() {
            Ok(targets) => targets,
            Err(_) if quiet => return,
            Err(_) => {
                let expected = "expected a level, or TARGET=LEVEL, such as keyrot_aws=debug; several with commas";
                warn(&format!("{VARIABLE} is not usable, and nothing is logged: {expected}"));
                return;
            }
        },
        (count, _) => chosen(count),
    };
    let own = filter_fn(|metadata| is_own(metadata.target()));
    let lines =
        fmt::layer().with_writer(std::io::stderr).with_ansi(false).with_filter(targets.and(own));
    // A second initialization changes nothing.
    let _ = tracing_subscriber::registry().with(lines).try_init();
}

/// Returns the filter. Once: what the engine does for each user. Twice: also each call to AWS. More
/// often: everything.
fn chosen(count: u8) -> Targets {
    let (engine, aws) = match count {
        0 => (LevelFilter::OFF, LevelFilter::OFF),
        1 => (LevelFilter::DEBUG, LevelFilter::WARN),
        2 => (LevelFilter::DEBUG, LevelFilter::DEBUG),
        3.. => (LevelFilter::TRACE, LevelFilter::TRACE),
    };
    Targets::new().with_target(ENGINE, engine).with_target(AWS, aws)
}

fn is_own(target: &str) -> bool {
    [ENGINE, AWS].iter().any(|own| {
        target.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keyrots_own_targets_are_logged() {
        for (target, own) in [
            ("keyrot_aws", true),
            ("keyrot_aws::calls", true),
            ("keyrot_core", true),
            ("keyrot_awsome", false),
            ("aws_smithy_runtime", false),
            ("aws_sdk_iam::operation", false),
            ("hyper", false),
            ("", false),
        ] {
            assert_eq!(is_own(target), own, "{target}");
        }
    }
}
