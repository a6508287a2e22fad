//! Checks the caller, its credentials, the region and the clock.

use crate::connection::{Aws, Caller};
use crate::doctor::check::{Check, Notes};
use aws_credential_types::credential_feature::AwsCredentialFeature as Feature;
use aws_credential_types::provider::ProvideCredentials;
use chrono::{DateTime, TimeDelta, Utc};
use keyrot_core::Timestamp;
use keyrot_core::model::{Arn, Partition, PrincipalKind, WrongClock};
use keyrot_core::settings::Settings;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// The length of a run: credentials that expire sooner expire during a run.
const A_RUN: TimeDelta = TimeDelta::minutes(15);
const WORTH_A_LOOK: TimeDelta = TimeDelta::minutes(1);
/// The time limit for credentials: on a machine without instance metadata, the request takes
/// seconds.
const FOR_CREDENTIALS: Duration = Duration::from_secs(30);

/// Checks the caller; `None` if the credentials do not work.
pub(super) async fn examine(
    aws: &Aws,
    settings: &Settings,
    notes: &mut Notes<'_>,
) -> Option<Caller> {
    if !credentials(aws, notes).await {
        return None;
    }
    // A wrong clock is refused, too, and the refusal has AWS's time.
    let caller = aws.caller_identity().await;
    notes.add(clock(now(), aws.inner.time.now()));
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => {
            notes.add(Check::failure("credentials", error.to_string()));
            return None;
        }
    };
    notes.add(who(&caller));
    notes.add(place(aws, &caller, settings));
    Some(caller)
}

/// Checks the credentials and their source. Only the key id is shown.
async fn credentials(aws: &Aws, notes: &mut Notes<'_>) -> bool {
    const HINT: &str = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; run `aws sso login` if the profile uses IAM Identity \
                        Center; or give the machine a role. To try keyrot without an AWS account: keyrot --sandbox rotate";
    const SANDBOX: &str = "To try keyrot without an AWS account: keyrot --sandbox rotate";
    let Some(provider) = aws.inner.notify.config.credentials_provider() else {
        notes.add(
            Check::failure("credentials", "there are none, and no source of them is configured")
                .hint(HINT),
        );
        return false;
    };
    match timeout(FOR_CREDENTIALS, provider.provide_credentials()).await {
        Ok(Ok(found)) => {
            let features = found.get_property::<Vec<Feature>>().cloned().unwrap_or_default();
            let text = format!("access key {} from {}", found.access_key_id(), source(&features));
            let left = found.expiry().map(|end| DateTime::<Utc>::from(end) - now());
            notes.add(match left {
                Some(left) if left < A_RUN => Check::warning(
                    "credentials",
                    format!("{text}; they end in {}m", left.num_minutes().max(0)),
                )
                .hint("renew them before a run: one may take a quarter of an hour"),
                Some(left) if left < TimeDelta::days(2) => Check::ok(
                    "credentials",
                    format!(
                        "{text}; they end in {}m, and are renewed if their source can",
                        left.num_minutes()
                    ),
                ),
                _ => Check::ok("credentials", text),
            });
            true
        }
        Ok(Err(error)) => {
            let (text, hint) = match crate::credentials::no_credentials::explain(&error) {
                Some(no) => (no.said, format!("{}. {SANDBOX}", no.advice)),
                None => ("no AWS credentials".to_owned(), HINT.to_owned()),
            };
            notes.add(Check::failure("credentials", text).hint(hint));
            false
        }
        Err(_) => {
            let text =
                format!("no AWS credentials were given within {}s", FOR_CREDENTIALS.as_secs());
            notes.add(Check::failure("credentials", text).hint(HINT));
            false
        }
    }
}

/// Names the source; the SDK records each step of a chain of roles and profiles.
fn source(features: &[Feature]) -> String {
    let word = |feature: &Feature| {
        Some(match feature {
            Feature::CredentialsCode => "the program",
            Feature::CredentialsEnvVars => "the environment",
            Feature::CredentialsEnvVarsStsWebIdToken | Feature::CredentialsProfileStsWebIdToken => {
                "a web identity token"
            }
            Feature::CredentialsStsAssumeRole => "an assumed role",
            Feature::CredentialsStsAssumeRoleWebId => "a role assumed by web identity",
            Feature::CredentialsProfile => "a profile with a key",
            Feature::CredentialsProfileSourceProfile => "a source profile",
            Feature::CredentialsProfileNamedProvider => "a profile's credential_source",
            Feature::CredentialsProfileSso | Feature::CredentialsSso => "IAM Identity Center",
            Feature::CredentialsProfileProcess | Feature::CredentialsProcess => {
                "a credential_process"
            }
            Feature::CredentialsHttp => "the container's metadata",
            Feature::CredentialsImds => "the instance's metadata",
            Feature::CredentialsProfileLogin | Feature::CredentialsLogin => "`aws login`",
            _ => return None,
        })
    };
    let mut words: Vec<&str> = features.iter().filter_map(word).collect();
    words.dedup();
    if words.is_empty() {
        "a source that the SDK does not name".to_owned()
    } else {
        words.join(", then ")
    }
}

fn now() -> DateTime<Utc> {
    SystemTime::now().into()
}

fn clock(now: Timestamp, theirs: Option<Timestamp>) -> Check {
    const HINT: &str = "set this machine's clock, for example by NTP: AWS refuses signatures that are five minutes off, and no run changes anything";
    let Some(offset) = theirs.map(|theirs| now - theirs) else {
        return Check::not_checked("clock", "no answer of AWS's with a date came");
    };
    if let Some(wrong) = WrongClock::check(now, theirs) {
        return Check::failure("clock", wrong.to_string()).hint(HINT);
    }
    let seconds = offset.num_seconds();
    let text = match seconds {
        -2..=2 => "as AWS's, within two seconds".to_owned(),
        3.. => format!("{seconds}s ahead of AWS's"),
        _ => format!("{}s behind AWS's", -seconds),
    };
    match offset.abs() {
        off if off >= WORTH_A_LOOK => Check::warning("clock", text).hint(HINT),
        _ => Check::ok("clock", text),
    }
}

fn who(caller: &Caller) -> Check {
    let Caller { arn, account } = caller;
    let text = format!("acting as {arn} in account {account}");
    let principal = Arn::parse(arn).and_then(|arn| arn.principal());
    if principal == Some(PrincipalKind::Root) {
        return Check::warning("credentials", text)
            .hint("the root user needs no keys: delete them, and give keyrot a role");
    }
    if principal == Some(PrincipalKind::User) {
        return Check::warning("credentials", format!("{text}, with a long-lived key of its own"))
            .hint("a role has no key that can leak; if it has to be a user, see that its key is rotated too");
    }
    Check::ok("credentials", text)
}

/// Returns the account's partition.
pub(super) fn partition(caller: &Caller) -> &str {
    Arn::parse(&caller.arn).map_or("", |arn| arn.partition)
}

fn place(aws: &Aws, caller: &Caller, settings: &Settings) -> Check {
    let region = aws.region();
    let from = if settings.region().is_some() {
        "by the setting"
    } else {
        "by the environment or profile"
    };
    let own = partition(caller);
    if !Partition::may_have(own, region) {
        let text = format!("the region {region} is not of the account's partition {own}");
        return Check::failure("region", text).hint("set region to one of the account's partition");
    }
    // From the environment or profile; an endpoint in the settings has its own warning.
    let elsewhere =
        aws.inner.notify.config.endpoint_url().map(|url| format!("; AWS is called at {url}"));
    Check::ok(
        "region",
        format!("{region} {from}, partition {own}{}", elsewhere.unwrap_or_default()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::check::Health;

    #[test]
    fn a_clock_may_be_as_wrong_as_signatures_allow() {
        let at = now();
        for (seconds, health) in [
            (0, Health::Ok),
            (59, Health::Ok),
            (-60, Health::Warning),
            (300, Health::Warning),
            (301, Health::Failure),
            (-4000, Health::Failure),
        ] {
            assert_eq!(
                clock(at + TimeDelta::seconds(seconds), Some(at)).health,
                health,
                "{seconds}"
            );
        }
        assert_eq!(clock(at, None).health, Health::NotChecked);
        assert!(clock(at, Some(at + TimeDelta::seconds(400))).message.contains("6m 40s behind"));
    }

    #[test]
    fn the_partition_is_the_callers() {
        let caller = Caller {
            arn: "arn:aws-eusc:iam::123456789012:user/jane".to_owned(),
            account: String::new(),
        };
        assert_eq!(partition(&caller), "aws-eusc");
    }

    #[test]
    fn root_and_iam_users_are_warnings() {
        let of = |arn: &str| {
            who(&Caller { arn: arn.to_owned(), account: "123456789012".to_owned() }).health
        };
        assert_eq!(of("arn:aws:sts::123456789012:assumed-role/keyrot/x"), Health::Ok);
        assert_eq!(of("arn:aws:iam::123456789012:user/ops/jane"), Health::Warning);
        assert_eq!(of("arn:aws:iam::123456789012:root"), Health::Warning);
    }

    #[test]
    fn the_source_is_described_in_words() {
        assert_eq!(source(&[Feature::CredentialsEnvVars]), "the environment");
        let chain = [
            Feature::CredentialsProfileSourceProfile,
            Feature::CredentialsProfile,
            Feature::CredentialsStsAssumeRole,
        ];
        assert_eq!(
            source(&chain),
            "a source profile, then a profile with a key, then an assumed role"
        );
        assert!(source(&[]).contains("does not name"));
    }
}
