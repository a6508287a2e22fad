//! Whole rotations by the real engine on the real adapters; only the clock runs ahead.

use crate::account::{Account, secret};
use async_trait::async_trait;
use keyrot_aws::TokioClock;
use keyrot_core::model::{ProbeAnswer, SecretState, Subject};
use keyrot_core::{
    Cancel, Clock, CredentialProbe, IamPort, KeyStatus, Limits, Mode, Outcome, Ports, Rotator,
    SecretStorePort, Target, Timestamp, UserName, UserResult, WaitPolicy, Waits, Why,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const DAY: u64 = 86_400;

/// The wall clock, this many seconds ahead.
#[derive(Clone, Default)]
struct Ahead(Arc<AtomicU64>);

#[async_trait]
impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        TokioClock.now() + Duration::from_secs(self.0.load(Ordering::Relaxed))
    }

    fn aws_now(&self) -> Option<Timestamp> {
        None
    }

    async fn sleep(&self, time: Duration) {
        TokioClock.sleep(time).await;
    }

    async fn time_limit(&self, time: Duration) {
        TokioClock.time_limit(time).await;
    }
}

struct Life {
    subject: Subject,
    clock: Ahead,
    rotator: Rotator,
}

impl Life {
    async fn new(account: &Account, user: UserName) -> Self {
        let aws = Arc::new(account.aws.clone());
        let clock = Ahead::default();
        let ports = Ports {
            iam: aws.clone(),
            store: aws.clone(),
            probe: aws,
            clock: Arc::new(clock.clone()),
            destinations: Arc::default(),
        };
        let users = account.aws.users("/").await.unwrap();
        let listed = users.iter().find(|listed| *listed.arn.name() == user).unwrap();
        let subject = Subject::of(listed, secret(user.as_str()), account.aws.region());
        Self { subject, clock, rotator: Rotator::new(ports) }
    }

    async fn run(&self) -> UserResult {
        // The user as IAM lists it now, including the tag that names its home.
        let users = self.rotator.ports().iam.users("/").await.unwrap();
        let listed = users.iter().find(|listed| *listed.arn.name() == self.subject.user).unwrap();
        let subject =
            Subject::of(listed, self.subject.secret.clone(), self.subject.region.as_str());
        let policy = WaitPolicy::new(Waits::default(), false).unwrap();
        let chosen = vec![Target { subject, policy: Ok(policy) }];
        let mut report = self
            .rotator
            .run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await;
        report.users.remove(0)
    }

    fn advance(&self, days: u64) {
        self.clock.0.fetch_add(days * DAY, Ordering::Relaxed);
    }
}

pub(crate) async fn a_user_is_adopted_rotated_and_the_old_key_goes(account: Account) {
    let aws = &account.aws;
    let user = account.user("/ci/", "life", &[("keyrot", "true")]).await;
    let old = aws.create_key(&user).await.unwrap().credentials.key;
    let life = Life::new(&account, user.clone()).await;

    let standing = life.run().await;
    assert!(
        matches!(&standing.outcome, Outcome::Waiting(w) if w.why == Why::Overlap(old.clone())),
        "{standing:#?}"
    );
    assert!(standing.calls <= 14, "{standing:#?}");
    let SecretState::Present(found) = aws.describe(&life.subject.secret).await.unwrap() else {
        panic!("present")
    };
    let current = found.current.unwrap();
    let held = aws.read(&life.subject.secret, &current.version).await.unwrap().unwrap();
    assert!(held.key != old && Some(&held.key) == current.key());
    assert_eq!(
        aws.probe(&held).await.unwrap(),
        ProbeAnswer::Authenticated(life.subject.arn.clone())
    );
    assert_eq!(life.run().await.calls, 2, "a user who waits costs two calls");

    // Nothing uses either key: the old one is deactivated once it was unused for `idle`.
    life.advance(9);
    let standing = life.run().await;
    assert!(
        matches!(&standing.outcome, Outcome::Waiting(w) if matches!(w.why, Why::NotPickedUp { .. })),
        "{standing:#?}"
    );
    life.advance(37);
    let standing = life.run().await;
    assert!(
        matches!(&standing.outcome, Outcome::Waiting(w) if w.why == Why::Soak(old.clone())),
        "{standing:#?}"
    );
    let keys = aws.list_keys(&user).await.unwrap();
    assert!(keys.iter().any(|k| k.id == old && k.status == KeyStatus::Inactive), "{keys:?}");

    life.advance(8);
    let standing = life.run().await;
    assert!(matches!(standing.outcome, Outcome::Settled { .. }), "{standing:#?}");
    let keys = aws.list_keys(&user).await.unwrap();
    assert_eq!(keys.iter().map(|k| &k.id).collect::<Vec<_>>(), [&held.key]);
}
