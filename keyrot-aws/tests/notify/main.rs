//! Notifiers over real HTTP: webhooks against a server that misbehaves, AWS's services against the
//! emulators.
#![allow(clippy::unwrap_used)]

mod buses;
mod hooks;
mod server;
mod signed;

use keyrot_aws::notify::{Channels, FromEnvironment};
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints};
use keyrot_core::model::{Subject, UserId};
use keyrot_core::settings::NotifySpec;
use keyrot_core::{
    Blocked, Event, EventKind, IamUser, KeyId, Notifier, Outcome, Report, SecretKey, SecretName,
    Target, UserArn, UserResult, WaitPolicy, Waits,
};
use std::sync::Arc;

const ACCOUNT: &str = "111122223333";

/// Returns an account with every service at this URL.
async fn aws(url: &str, caller: CallerCredentials) -> Aws {
    let settings = AwsSettings::default()
        .with_region("us-east-1")
        .with_endpoints(Endpoints::all_at(url.to_owned()))
        .with_credentials(caller);
    Aws::connect(&settings).await.unwrap()
}

fn caller(key_id: &str) -> CallerCredentials {
    CallerCredentials::new(key_id, SecretKey::new("caller-secret".into()))
}

fn channels(spec: &str, aws: &Aws) -> Channels {
    Channels::new(&[NotifySpec::parse(spec).unwrap()], aws, FromEnvironment::Refused).unwrap()
}

/// Returns the one notifier of this entry, for a run on user `ci`.
async fn notifier(spec: &str, url: &str) -> Arc<dyn Notifier> {
    let aws = aws(url, caller("AKIAIOSFODNN7EXAMPLE")).await;
    channels(spec, &aws).for_run(&[chosen("ci")]).remove(0)
}

fn chosen(user: &str) -> Target {
    let listed = IamUser {
        id: UserId::parse("AIDAJQABLZS4A3QDU576Q").unwrap(),
        arn: UserArn::parse(format!("arn:aws:iam::{ACCOUNT}:user/apps/{user}")).unwrap(),
        created: None,
        tags: [("keyrot:owner".to_owned(), "team-ci".to_owned())].into(),
        policies: Vec::new(),
    };
    let secret = SecretName::parse(format!("/iam/{user}/access_key")).unwrap();
    let subject = Subject::of(&listed, secret, "us-east-1");
    Target { subject, policy: Ok(WaitPolicy::new(Waits::default(), false).unwrap()) }
}

fn event(user: &str, kind: EventKind) -> Event {
    let Target { subject, .. } = chosen(user);
    let at = "2026-11-23T02:00:00Z".parse().unwrap();
    Event { at, user: subject.user, owner: subject.owner, secret: subject.secret, kind }
}

fn deleted(user: &str, number: usize) -> Event {
    event(user, EventKind::Deleted { key: KeyId::parse(format!("AKIA{number:016}")).unwrap() })
}

fn blocked(user: &str) -> Event {
    event(user, EventKind::Blocked { reason: reason() })
}

fn reason() -> Blocked {
    Blocked::ClaimedKey { key: KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap() }
}

/// Returns a run that left user `ci` blocked.
fn report() -> Report {
    let Event { at, user, owner, secret, .. } = blocked("ci");
    let mut standing = UserResult::new(user, secret, Outcome::Blocked(reason()));
    (standing.owner, standing.events, standing.calls) = (owner, vec![blocked("ci")], 1);
    Report::new(at, at, vec![standing])
}
