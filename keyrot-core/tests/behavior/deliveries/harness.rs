//! A user whose key is delivered to destinations, over many days.

use crate::support::DAY;
use keyrot_core::memory::{Label, MemoryAccount, MemoryDestination, World};
use keyrot_core::model::{
    Abilities, Assignment, DestinationName, JournalEntry, PlaceId, Receipt, Subject,
};
use keyrot_core::{
    Cancel, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Request, Rotator, SecretName, Target,
    UserName, UserResult, WaitPolicy, Waits,
};
use std::time::Duration;

pub(crate) const PLACE: &str = "ci";

pub(crate) fn name(text: &str) -> DestinationName {
    DestinationName::parse(text).unwrap()
}

pub(crate) fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

pub(crate) struct Harness {
    pub(crate) account: MemoryAccount,
    pub(crate) user: UserName,
    pub(crate) destinations: Vec<Assignment>,
}

pub(crate) fn assignment(to: &str, required: bool, abilities: Abilities) -> Assignment {
    let place = PLACE.to_owned();
    let (to, place_id) = (name(to), PlaceId::default());
    Assignment {
        to,
        kind: Assignment::CUSTOM,
        place,
        required,
        place_id,
        abilities,
        replica_in: None,
    }
}

impl Harness {
    /// Returns a user with a key that is delivered to these destinations.
    pub(crate) fn new(destinations: Vec<Assignment>) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
        for one in &destinations {
            world.add_destination(one.to.clone(), MemoryDestination::new(one.abilities));
        }
        Self { account: MemoryAccount::new(world), user, destinations }
    }

    /// Returns the same user, with the first key published and delivered, and the previous key
    /// deleted.
    pub(crate) async fn settled(destinations: Vec<Assignment>) -> Self {
        let harness = Self::new(destinations);
        for _ in 0..60 {
            let done = harness.run().await;
            if matches!(done.outcome, Outcome::Settled { .. }) {
                return harness;
            }
            harness.consume();
            harness.account.advance(DAY);
        }
        panic!("{:?}", harness.run().await.outcome)
    }

    pub(crate) fn target(&self) -> Target {
        let users = self.account.world().list_users("/");
        let user = users.iter().find(|listed| *listed.arn.name() == self.user).unwrap();
        let mut subject = Subject::of(user, secret(), "us-east-1");
        subject.destinations.clone_from(&self.destinations);
        Target { subject, policy: Ok(WaitPolicy::new(Waits::default(), false).unwrap()) }
    }

    pub(crate) fn rotator(&self) -> Rotator {
        let ports = Ports::of(self.account.clone());
        Rotator::new(ports.with_destinations(self.account.destinations()))
    }

    pub(crate) async fn run(&self) -> UserResult {
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let report =
            self.rotator().run(vec![self.target()], Mode::Act, &limits, &cancel, &|_| {}).await;
        report.users.into_iter().next().unwrap()
    }

    pub(crate) async fn ask(&self, request: Request) -> UserResult {
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let report = self
            .rotator()
            .fulfill(self.target(), request, Mode::Act, &limits, &cancel, &|_| {})
            .await;
        report.users.into_iter().next().unwrap()
    }

    /// Returns what the request would do.
    pub(crate) async fn plan(&self, request: Request) -> Outcome {
        let (limits, cancel, rotator) = (Limits::default(), Cancel::default(), self.rotator());
        let report =
            rotator.fulfill(self.target(), request, Mode::Plan, &limits, &cancel, &|_| {}).await;
        report.users.into_iter().next().unwrap().outcome
    }

    /// Makes the promotion appear to be in the future, as with a clock that is behind.
    pub(crate) fn clock_is_behind(&self, by: Duration) {
        self.account.change(|world| {
            let text = world.secret(&secret()).unwrap().tags["keyrot:promoted"].clone();
            let Some(JournalEntry::Promoted(mut promoted)) = JournalEntry::parse(&text) else {
                panic!("{text}")
            };
            promoted.at = world.now() + by;
            let text = JournalEntry::Promoted(promoted).to_text();
            world.tag_secret(&secret(), "keyrot:promoted", text).unwrap();
        });
    }

    pub(crate) fn current(&self) -> KeyId {
        let world = self.account.world();
        let found = world.secret(&secret()).unwrap();
        found.value(found.labelled(Label::Current).unwrap()).unwrap().read().unwrap().key
    }

    /// Uses the keys in the secret and in each destination, and checks that they work.
    pub(crate) fn consume(&self) {
        let world = self.account.world();
        let copies = self.destinations.iter().filter_map(|one| {
            world.destination(&one.to).unwrap().at(PLACE).and_then(|copy| copy.whole()).cloned()
        });
        let found = world.secret(&secret()).and_then(|found| {
            found.value(found.labelled(Label::Current)?)?.read().map(|held| held.key)
        });
        for key in copies.chain(found) {
            let credentials = World::credentials_of(&key);
            let answer =
                self.account.change(|world| world.authenticate(&credentials, "s3", "eu-west-1"));
            assert!(
                matches!(answer, keyrot_core::model::ProbeAnswer::Authenticated(_)),
                "{key} is what a consumer has, and {answer:?}"
            );
        }
    }

    pub(crate) fn copy(&self, to: &str) -> Option<KeyId> {
        let world = self.account.world();
        world.destination(&name(to)).unwrap().at(PLACE).and_then(|copy| copy.whole()).cloned()
    }

    pub(crate) fn status(&self, key: &KeyId) -> Option<KeyStatus> {
        let world = self.account.world();
        Some(world.user(&self.user)?.key(key)?.listed.status.clone())
    }

    pub(crate) fn receipt(&self, to: &str) -> Option<Receipt> {
        let world = self.account.world();
        let tag = format!("keyrot:to:{to}");
        Receipt::parse(&tag, world.secret(&secret())?.tags.get(&tag)?)
    }

    /// Lets time pass until the current key is due and a run publishes the next one. Returns the
    /// previous key.
    pub(crate) async fn rotated(&self) -> KeyId {
        self.rotated_after(77 * DAY).await
    }

    pub(crate) async fn rotated_after(&self, time: Duration) -> KeyId {
        let old = self.current();
        self.account.advance(time);
        self.run().await;
        assert_ne!(self.current(), old);
        old
    }
}

pub(crate) fn events(result: &UserResult) -> Vec<&'static str> {
    result.events.iter().map(|event| event.kind.code()).collect()
}

pub(crate) fn three() -> Vec<Assignment> {
    vec![
        assignment("github", true, Abilities::IN_PARTS),
        assignment("gitlab", true, Abilities::READABLE),
        assignment("lake", true, Abilities::WRITE_ONLY),
    ]
}
