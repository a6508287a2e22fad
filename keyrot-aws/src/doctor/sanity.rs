//! Checks for settings that are valid but unusual.

use crate::doctor::check::{Check, Health};
use crate::policy::{Scope, Text};
use keyrot_core::Waits;
use keyrot_core::model::format_duration;
use keyrot_core::settings::{Origin, Settings};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

/// Returns findings about unusual settings. The settings themselves are valid.
#[must_use]
pub fn from_settings(settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    for name in settings.unknown_variables() {
        let text = format!("the environment variable {name} is not known, and has no effect");
        checks.push(warn(text, "remove it, or correct its name"));
    }
    checks.extend(waits(settings));
    checks.extend(reach(settings));
    checks.push(deadline(settings));
    let set = settings
        .explain()
        .iter()
        .filter(|one| one.origin != Origin::Default && one.value.is_some())
        .count();
    let read = match settings.files() {
        [] => "no settings file".to_owned(),
        files => format!("settings from {}", files.join(", then ")),
    };
    let unusual = if checks.iter().all(|check| check.health == Health::Ok) {
        "; nothing unusual"
    } else {
        ""
    };
    checks
        .push(Check::ok("settings", format!("{read}; {set} set, all others by default{unusual}")));
    checks
}

fn warn(message: String, hint: &str) -> Check {
    Check::warning("settings", message).hint(hint)
}

/// Returns findings about waits that are shorter or longer than usual.
fn waits(settings: &Settings) -> Vec<Check> {
    let Waits { max_age, overlap, recent_use, idle, soak, .. } = *settings.policy().waits();
    let mut checks = Vec::new();
    if settings.allow_short_waits() {
        let text = "allow_short_waits is on: the waits are fit for tests only".to_owned();
        checks.push(warn(text, "take allow_short_waits out where keys are in use"));
    }
    if overlap < DAY {
        let text = format!(
            "overlap is {}: AWS's caching clients keep a secret for an hour, and a process its environment for life",
            format_duration(overlap)
        );
        checks.push(warn(
            text,
            "set overlap to a day at least, and longer than your consumers run without reading the secret again",
        ));
    }
    if recent_use < 6 * HOUR {
        let text = format!(
            "recent_use is {}: IAM shows a key's last use hours late",
            format_duration(recent_use)
        );
        checks.push(warn(text, "set recent_use to 24h"));
    }
    if soak < DAY {
        let text = format!(
            "soak is {}: a key that is still needed may be deleted before you notice",
            format_duration(soak)
        );
        checks.push(warn(
            text,
            "set soak to some days; until then `keyrot` or a person can reactivate the key",
        ));
    }
    if max_age > 90 * DAY {
        let text = format!(
            "max_age is {}: CIS, Security Hub (IAM.3) and PCI DSS ask for 90 days",
            format_duration(max_age)
        );
        checks.push(warn(text, "set max_age to 90d, or write down why not"));
    }
    if idle < 31 * DAY {
        let text = format!(
            "idle is {}: an old key that a monthly job still uses is deactivated before the job comes again",
            format_duration(idle)
        );
        checks
            .push(warn(text, "set idle to 45d, and to more for one user with the tag keyrot:idle"));
    }
    checks
}

/// Returns how many users and secrets keyrot reaches, who is notified, and where it calls.
fn reach(settings: &Settings) -> Vec<Check> {
    let mut checks = Vec::new();
    if settings.max_adoptions().is_none() {
        let text = "max_adoptions is none: a first run changes every tagged user".to_owned();
        checks.push(warn(
            text,
            "set max_adoptions to a number of users whose consumers you can watch, such as 10",
        ));
    }
    if settings.notify().is_empty() {
        let text = "no notifier is set: runs send no notifications".to_owned();
        checks.push(warn(text, "set notify, as in docs/notifications.md, or watch the exit codes"));
    }
    if let Some(url) = settings.endpoint_url() {
        let text = format!("all calls go to {url} and not to AWS");
        checks.push(warn(text, "take endpoint_url out unless that is meant"));
    }
    let hosts = settings.allow_http_endpoints();
    if !hosts.is_empty() {
        let text = format!(
            "{} may be called without TLS: secrets can be read on the way",
            hosts.join(", ")
        );
        checks.push(warn(text, "take allow_http_endpoints out unless it names an emulator"));
    }
    let selection = settings.selection();
    let scope = Scope::new(
        Text::open("ACCOUNT"),
        settings.template(),
        &selection.path_prefix,
        &selection.tag,
        &selection.tag_value,
    );
    if scope.takes_every_secret() {
        let text = format!(
            "secret_name {:?} has no beginning of its own, so the policy is for every secret of the account",
            settings.template().as_str()
        );
        checks.push(warn(text, "let it begin with fixed text, such as /iam/{user}/access_key"));
    }
    checks
}

/// Returns when a rotation begins, so that it is over in time.
fn deadline(settings: &Settings) -> Check {
    let Waits { max_age, run_interval, .. } = *settings.policy().waits();
    let due = format_duration(max_age - settings.policy().lead());
    Check::ok(
        "deadline",
        format!(
            "with a run every {} (run_interval), a rotation begins when a key is {due} old, so that no key is Active for longer than max_age = {}",
            format_duration(run_interval),
            format_duration(max_age)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyrot_core::settings::Sources;

    fn of(flags: &[(&str, &str)]) -> Vec<Check> {
        let sources = flags
            .iter()
            .fold(Sources::default(), |sources, (name, value)| sources.flag(name, *value));
        from_settings(&Settings::load(&sources).unwrap())
    }

    #[test]
    fn unusual_settings_are_named_and_others_are_ok() {
        let told = [("notify", "sns arn:aws:sns:eu-west-1:123456789012:ops")];
        let well = of(&told);
        assert_eq!(well.iter().map(|check| check.health).collect::<Vec<_>>(), [Health::Ok; 2]);
        assert!(
            well[0].message.contains(
                "every 1d (run_interval), a rotation begins when a key is 75d 11h 30m old"
            ),
            "{well:?}"
        );
        assert!(of(&[])[0].message.contains("no notifier is set"));
        for (name, value, says) in [
            ("overlap", "23h", "overlap is 23h"),
            ("recent_use", "5h", "recent_use is 5h"),
            ("max_age", "91d", "90 days"),
            ("idle", "30d", "a monthly job"),
            ("max_adoptions", "none", "changes every tagged user"),
            ("endpoint_url", "http://127.0.0.1:4566", "and not to AWS"),
            ("allow_http_endpoints", "ministack:4566", "ministack:4566 may be called without TLS"),
            ("secret_name", "{user}", "every secret of the account"),
        ] {
            let checks = of(&[told[0], (name, value), ("allow_short_waits", "true")]);
            let found = checks.iter().find(|check| check.message.contains(says));
            let found = found.unwrap_or_else(|| panic!("{name}: {checks:?}"));
            assert!(found.health == Health::Warning && found.hint.is_some());
            assert!(checks.iter().any(|check| check.message.contains("allow_short_waits")));
        }
    }
}
