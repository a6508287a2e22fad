//! How a service tests its use of keyrot with mocks of the ports: for tests of the calls themselves
//! (how often, with which arguments, and that there are no others), or of an answer that is hard to
//! produce elsewhere. For whole rotations the in-memory account is the better tool: see
//! `test_with_memory.rs`.
//!
//! ```text
//! cargo run -p keyrot-examples --example test_with_mocks
//! ```
//!
//! The mocks are `mockall`'s, from keyrot-core's feature `mocks`: an unexpected call panics. So
//! does a dropped mock if an expected call was not made. Each function after `nightly` would be a
//! `#[tokio::test]` in the service.

use keyrot_core::engine::MockNotifier;
use keyrot_core::model::{
    HOME_TAG, Journal, LabeledVersion, Owner, Promoted, Secret, SecretArn, SecretState, UserId,
    VersionId,
};
use keyrot_core::ports::{MockClock, MockCredentialProbe, MockIamPort, MockSecretStorePort};
use keyrot_core::{
    AccessKey, CallError, Cancel, ErrorKind, Event, EventKind, Homes, IamUser, KeyId, KeyStatus,
    Limits, Mode, Outcome, Ports, Report, Rotator, Selection, Timestamp, UserArn, WaitPolicy,
    Waits, select,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Tested<T> = Result<T, Box<dyn Error>>;

/// What the service does each night. This stands for the service's own code.
async fn nightly(ports: Ports, notifier: MockNotifier) -> Result<Report, CallError> {
    let users = ports.iam.users("/").await?;
    let selected = select(
        &users,
        &Selection::default(),
        &Homes::in_region("us-east-1"),
        &WaitPolicy::default(),
    );
    let rotator = Rotator::new(ports).notify(Arc::new(notifier));
    Ok(rotator
        .run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
        .await)
}

/// If the users cannot be listed, no user is rotated: the only call is the one that was denied.
async fn without_the_list_nobody_is_touched() -> Tested<String> {
    let mut mocks = Mocks::at(now()?);
    let denied =
        CallError::refused(ErrorKind::Denied, "iam:GetAccountAuthorizationDetails is missing");
    mocks.iam.expect_users().times(1).return_once(|_| Err(denied));

    let error =
        nightly(mocks.ports(), MockNotifier::new()).await.err().ok_or("the run has to fail")?;
    assert_eq!(error.kind, ErrorKind::Denied);
    Ok(format!("nobody was touched: {error}"))
}

/// A user with nothing to do costs two calls, neither of which reads a secret value.
async fn a_settled_user_costs_two_calls() -> Tested<String> {
    let now = now()?;
    let key = AccessKey {
        id: KeyId::parse("AKIAIOSFODNN7EXAMPLE")?,
        status: KeyStatus::Active,
        created: now - 10 * DAY,
    };
    let version = VersionId::for_key(&key.id, key.created, false)?;
    // The home is recorded on both sides: the secret names the user, and the user's tag names the
    // secret.
    let home = SecretArn::parse(
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:/iam/deployer/access_key-a1B2c3",
    )?;
    let user = tagged("deployer", &[("RotateKey", "True"), (HOME_TAG, &home.to_string())])?;
    let owner = Owner {
        id: user.id.clone(),
        account: "123456789012".to_owned(),
        name: user.arn.name().clone(),
    };
    let promoted =
        Promoted { version: version.clone(), replacing: None, at: key.created, overlap: None };
    let journal = Journal { promoted: Some(promoted), ..Journal::default() };
    let secret = Secret {
        current: Some(LabeledVersion::of(version)),
        owner: Some(owner),
        journal,
        ..Secret::empty(home)
    };

    let mut mocks = Mocks::at(now);
    mocks.iam.expect_users().times(1).withf(|path| path == "/").return_once(|_| Ok(vec![user]));
    let for_deployer =
        mocks.iam.expect_list_keys().times(1).withf(|user| user.as_str() == "deployer");
    for_deployer.return_once(|_| Ok(vec![key]));
    let of_deployer =
        mocks.store.expect_describe().times(1).withf(|s| s.as_str() == "/iam/deployer/access_key");
    of_deployer.return_once(|_| Ok(SecretState::Present(secret)));

    let mut notifier = MockNotifier::new();
    notifier.expect_name().return_const("chat");
    notifier.expect_finished().times(1).return_once(|_| Ok(()));
    let report = nightly(mocks.ports(), notifier).await?;
    let [standing] = report.users.as_slice() else { return Err("one user is expected".into()) };
    // The rotation begins early enough for the old key to be gone by `max_age`.
    let due = WaitPolicy::new(Waits::default(), false)?.due(now - 10 * DAY);
    assert_eq!(standing.outcome, Outcome::Settled { until: due });
    Ok(format!("{} is settled, after {} calls", standing.user, standing.calls))
}

/// A user with an invalid tag is skipped: its keys are listed for the report, and nothing else. The
/// notifier is called once, and the report says that it failed.
async fn a_failing_notifier_is_reported() -> Tested<String> {
    let mut mocks = Mocks::at(now()?);
    let user = tagged("deployer", &[("RotateKey", "True"), ("keyrot:max-age", "soon")])?;
    mocks.iam.expect_users().times(1).return_once(|_| Ok(vec![user]));
    mocks.iam.expect_list_keys().times(1).return_once(|_| Ok(Vec::new()));

    let mut notifier = MockNotifier::new();
    notifier.expect_name().return_const("chat");
    let blocked =
        |events: &[Event]| matches!(events, [Event { kind: EventKind::Blocked { .. }, .. }]);
    notifier
        .expect_happened()
        .times(1)
        .withf(blocked)
        .return_once(|_| Err("the chat is down".into()));
    notifier.expect_finished().times(1).return_once(|_| Ok(()));

    let report = nightly(mocks.ports(), notifier).await?;
    let [failure] = report.notifier_failures.as_slice() else {
        return Err("one failure is expected".into());
    };
    Ok(format!("{} was not told of {} event: {}", failure.notifier, failure.untold, failure.reason))
}

/// Returns a mock for each port. None of them expects a call yet, except for the time.
struct Mocks {
    iam: MockIamPort,
    store: MockSecretStorePort,
    probe: MockCredentialProbe,
    clock: MockClock,
}

impl Mocks {
    fn at(now: Timestamp) -> Self {
        let mut clock = MockClock::new();
        clock.expect_now().return_const(now);
        clock.expect_aws_now().return_const(Some(now));
        // A run gives its notifiers some time, by this clock.
        clock.expect_time_limit().return_const(());
        Self {
            iam: MockIamPort::new(),
            store: MockSecretStorePort::new(),
            probe: MockCredentialProbe::new(),
            clock,
        }
    }

    fn ports(self) -> Ports {
        let Self { iam, store, probe, clock } = self;
        Ports {
            iam: Arc::new(iam),
            store: Arc::new(store),
            probe: Arc::new(probe),
            clock: Arc::new(clock),
            destinations: Arc::default(),
        }
    }
}

fn now() -> Tested<Timestamp> {
    Ok("2026-01-05T04:00:00Z".parse()?)
}

fn tagged(name: &str, tags: &[(&str, &str)]) -> Tested<IamUser> {
    let arn = UserArn::parse(format!("arn:aws:iam::123456789012:user/{name}"))?;
    let tags = tags.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let id = UserId::parse("AIDAJQABLZS4A3QDU576Q")?;
    Ok(IamUser { id, arn, created: None, tags, policies: Vec::new() })
}

/// Runs all tests. Returns a line for each.
pub(crate) async fn run() -> Tested<Vec<String>> {
    Ok(vec![
        without_the_list_nobody_is_touched().await?,
        a_settled_user_costs_two_calls().await?,
        a_failing_notifier_is_reported().await?,
    ])
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Tested<()> {
    for line in run().await? {
        println!("{line}");
    }
    Ok(())
}
