//! A slow destination delays no publication at home.

use super::desk::{PLACE, name};
use async_trait::async_trait;
use futures_util::FutureExt;
use keyrot_core::memory::{Label, MemoryAccount, World};
use keyrot_core::model::{Abilities, Assignment, Delivery, Found, Subject};
use keyrot_core::ports::Destination;
use keyrot_core::{
    CallError, Cancel, Limits, Mode, Ports, Rotator, SecretName, Target, WaitPolicy, Waits,
};
use std::sync::Arc;

/// It never answers.
struct Hung;

#[async_trait]
impl Destination for Hung {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, _place: &str) -> Result<Found, CallError> {
        std::future::pending().await
    }

    async fn deliver(&self, _place: &str, _delivery: &Delivery) -> Result<Found, CallError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn all_keys_are_published_at_home_while_a_destination_does_not_answer() {
    const USERS: usize = 40;
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    for n in 0..USERS {
        // Users without keys: the first one is created and published in the first run.
        world.add_user(&format!("ci-{n}"), &[("RotateKey", "True")]).unwrap();
    }
    let account = MemoryAccount::new(world);
    let listed = account.world().list_users("/");
    let to = Assignment {
        to: name("slow"),
        kind: Assignment::CUSTOM,
        place: PLACE.to_owned(),
        required: true,
        abilities: Abilities::READABLE,
    };
    let policy = WaitPolicy::new(Waits::default(), false).unwrap();
    let home = |user: &str| SecretName::parse(format!("/iam/{user}/access_key")).unwrap();
    let targets = listed.iter().map(|user| {
        let mut subject = Subject::of(user, home(user.arn.name().as_str()), "us-east-1");
        subject.destinations = vec![to.clone()];
        Target { subject, policy: Ok(policy) }
    });
    let hung: Arc<dyn Destination> = Arc::new(Hung);
    let ports = Ports::of(account.clone()).with_destinations([(name("slow"), hung)].into());
    let limits = Limits::default().with_concurrency(4).with_max_adoptions(None);
    let (rotator, cancel) = (Rotator::new(ports), Cancel::default());
    let mut run =
        std::pin::pin!(rotator.run(targets.collect(), Mode::Act, &limits, &cancel, &|_| {}));
    // The destination keeps the run from its end.
    for _ in 0..200 {
        assert!(run.as_mut().now_or_never().is_none());
    }
    let world = account.world();
    let published = listed.iter().filter(|user| {
        let found = world.secret(&home(user.arn.name().as_str()));
        let value = found.and_then(|found| found.value(found.labelled(Label::Current)?));
        value.is_some_and(|value| value.read().is_some())
    });
    assert_eq!(published.count(), USERS);
}
