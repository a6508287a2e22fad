//! A user's lifecycle on the in-memory account, from adoption to the second rotation.

use keyrot_core::memory::{MemoryAccount, World};
use keyrot_core::model::Subject;
use keyrot_core::{
    Cancel, EventKind, KeyId, Limits, Mode, Outcome, Ports, Report, Rotator, Target, UserName,
    WaitPolicy, Waits, Why,
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

struct Life {
    account: MemoryAccount,
    user: UserName,
    rotator: Rotator,
    policy: WaitPolicy,
}

impl Life {
    fn new(keys: usize) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        for _ in 0..keys {
            world.add_key(&user).unwrap();
        }
        let account = MemoryAccount::new(world);
        let policy = WaitPolicy::new(Waits::default(), false).unwrap();
        let secret = "/iam/ci/access_key".parse().unwrap();
        account.watch(&user, &secret, &policy);
        Self { rotator: Rotator::new(Ports::of(account.clone())), account, user, policy }
    }

    fn subject(&self) -> Subject {
        let user = self.account.world().list_users("/").remove(0);
        Subject::of(&user, "/iam/ci/access_key".parse().unwrap(), "us-east-1")
    }

    async fn run(&self) -> Report {
        let chosen = vec![Target { subject: self.subject(), policy: Ok(self.policy) }];
        let report = self
            .rotator
            .run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await;
        assert_eq!(self.account.broken(), []);
        report
    }

    fn keys(&self) -> Vec<KeyId> {
        self.account
            .world()
            .user(&self.user)
            .unwrap()
            .keys()
            .iter()
            .map(|k| k.listed.id.clone())
            .collect()
    }
}

#[tokio::test]
async fn from_adoption_to_one_key() {
    let life = Life::new(1);
    let first = life.keys()[0].clone();
    let report = life.run().await;
    let standing = &report.users[0];
    assert!(
        matches!(&standing.outcome, Outcome::Waiting(w) if w.why == Why::Overlap(first.clone())),
        "{standing:#?}"
    );
    let kinds: Vec<_> = standing.events.iter().map(|e| &e.kind).collect();
    assert!(
        matches!(
            kinds[..],
            [EventKind::Adopted, EventKind::KeyCreated { .. }, EventKind::Rotated { .. }]
        ),
        "{kinds:#?}"
    );
    assert_eq!(
        standing.calls,
        14,
        "two to look, two to look elsewhere, two to create the secret and to tag the user with it, eight to rotate: {:?}",
        life.account.calls()
    );

    // A consumer still uses the old key: it is held, and the evidence has IAM's record.
    life.account.advance(8 * DAY);
    life.account.change(|w| w.authenticate(&World::credentials_of(&first), "s3", "eu-west-1"));
    let report = life.run().await;
    let in_use = |why: &Why| matches!(why, Why::InUse { .. });
    assert!(
        matches!(&report.users[0].outcome, Outcome::Waiting(w) if w.is_hold() && in_use(&w.why)),
        "{report:#?}"
    );

    // A use that late can't be a cache, so the key is held for as long as the rarest consumer may
    // pause.
    life.account.advance(44 * DAY);
    let report = life.run().await;
    let late = |why: &Why| matches!(why, Why::UsedLate { key, .. } if *key == first);
    assert!(
        matches!(&report.users[0].outcome, Outcome::Waiting(w) if w.is_hold() && late(&w.why)),
        "{report:#?}"
    );

    life.account.advance(2 * DAY);
    let report = life.run().await;
    assert!(
        matches!(&report.users[0].outcome, Outcome::Waiting(w) if w.why == Why::Soak(first.clone())),
        "{report:#?}"
    );
    life.account.advance(8 * DAY);
    let report = life.run().await;
    assert!(matches!(report.users[0].outcome, Outcome::Settled { .. }), "{report:#?}");
    assert_eq!(life.keys().len(), 1);
    let calls = life.run().await.users[0].calls;
    assert_eq!(calls, 2, "a settled user costs two calls");

    // The second rotation is the common one.
    life.account.advance(80 * DAY);
    let report = life.run().await;
    assert_eq!(report.users[0].calls, 10, "{report:#?}");
    assert!(
        matches!(&report.users[0].outcome, Outcome::Waiting(w) if matches!(w.why, Why::Overlap(_)))
    );
}
