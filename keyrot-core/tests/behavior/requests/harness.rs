//! One user, and an operator who makes requests.

use crate::support::DAY;
use keyrot_core::decide::Refusal;
use keyrot_core::machine::PlannedAction;
use keyrot_core::memory::{FaultAt, Label, MemoryAccount, World};
use keyrot_core::report::EventDocument;
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{
    Cancel, Homes, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Request, Revocation, Rotator,
    SecretName, Target, UserName, UserResult,
};
use std::time::Duration;

/// One user, tagged for rotation, and an operator who makes requests.
pub(crate) struct Harness {
    pub(crate) account: MemoryAccount,
    pub(crate) user: UserName,
}

impl Harness {
    /// Returns a user with this many keys, and no secret.
    pub(crate) fn new(keys: usize) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        for _ in 0..keys {
            world.add_key(&user).unwrap();
            world.advance(DAY);
        }
        Self { account: MemoryAccount::new(world), user }
    }

    /// Returns a user that was adopted, and rotated once since: the previous key is in its overlap.
    pub(crate) async fn in_overlap() -> Self {
        let harness = Self::new(0);
        harness.run().await;
        harness.account.advance(90 * DAY);
        harness.run().await;
        assert_eq!(harness.active().len(), 2);
        harness
    }

    /// Lets the overlap of the previous key end.
    pub(crate) async fn until_the_old_key_is_off(&self) {
        while self.active().len() == 2 {
            self.account.advance(DAY);
            self.run().await;
        }
    }

    pub(crate) async fn chosen(&self) -> Target {
        settings().find_named(&self.account, &homes(), &self.user).await.unwrap().unwrap()
    }

    pub(crate) async fn run(&self) -> UserResult {
        self.work(Mode::Act).await
    }

    pub(crate) async fn look(&self) -> UserResult {
        self.work(Mode::Plan).await
    }

    pub(crate) async fn work(&self, mode: Mode) -> UserResult {
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let chosen = vec![self.chosen().await];
        let report =
            rotator.run(chosen, mode, &Limits::default(), &Cancel::default(), &|_| {}).await;
        report.users.into_iter().next().unwrap()
    }

    pub(crate) async fn put(&self, request: &Request, mode: Mode) -> UserResult {
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let (chosen, limits, cancel) = (self.chosen().await, Limits::default(), Cancel::default());
        let report =
            rotator.fulfill(chosen, request.clone(), mode, &limits, &cancel, &|_| {}).await;
        report.users.into_iter().next().unwrap()
    }

    /// Makes a request, and requires that it is done. Returns the events, each in a word.
    pub(crate) async fn told(&self, request: &Request) -> Vec<&'static str> {
        let done = self.put(request, Mode::Act).await;
        assert_eq!(done.outcome, Outcome::Done);
        words(&done)
    }

    /// Makes a request, and requires that it does exactly what its preview said.
    pub(crate) async fn ask(&self, request: &Request) -> Outcome {
        let intended = match self.put(request, Mode::Plan).await.outcome {
            Outcome::Planned(steps) => steps,
            _ => Vec::new(),
        };
        let done = self.put(request, Mode::Act).await;
        let changes =
            ["adopted", "rotated", "rolled_back", "activated", "retired", "deleted", "reinstated"];
        let told: Vec<_> = words(&done).into_iter().filter(|word| changes.contains(word)).collect();
        let recorded = |step: &&PlannedAction| matches!(step, PlannedAction::Revoke(_));
        let expected: Vec<_> = intended.iter().skip_while(recorded).map_while(word).collect();
        assert_eq!(told, expected, "{intended:?}");
        done.outcome
    }

    /// Attaches AWS's quarantine policy, because one of the user's keys was found in public.
    pub(crate) fn quarantine(&self) {
        let policy = "AWSCompromisedKeyQuarantineV3";
        self.account.change(|world| world.attach_user_policy(&self.user, policy)).unwrap();
    }

    /// Makes a request whose process dies at this call.
    pub(crate) async fn dies_at(&self, death: FaultAt, request: &Request) {
        self.account.inject(death);
        let died =
            tokio::time::timeout(Duration::from_millis(50), self.put(request, Mode::Act)).await;
        assert!(died.is_err(), "{died:?}");
        self.account.heal();
    }

    pub(crate) async fn intended(&self, request: &Request) -> Vec<PlannedAction> {
        let before = self.account.world();
        let Outcome::Planned(steps) = self.put(request, Mode::Plan).await.outcome else {
            panic!("nothing is intended")
        };
        let after = self.account.world();
        assert_eq!(self.keys(), keys_of(&before, &self.user), "to look changes nothing");
        assert_eq!(before.secret(&secret()), after.secret(&secret()), "to look changes nothing");
        steps
    }

    /// Checks that a refused request has changed nothing; a verification changes only the key's
    /// last use.
    pub(crate) async fn refused(&self, request: &Request) -> Refusal {
        let before = self.account.world();
        let outcome = self.put(request, Mode::Act).await.outcome;
        let after = self.account.world();
        assert_eq!(self.keys(), keys_of(&before, &self.user));
        assert_eq!(before.secret(&secret()), after.secret(&secret()));
        match outcome {
            Outcome::Refused(refusal) => refusal,
            other => panic!("not refused: {other:?}"),
        }
    }

    pub(crate) fn keys(&self) -> Vec<(KeyId, KeyStatus)> {
        keys_of(&self.account.world(), &self.user)
    }

    pub(crate) fn active(&self) -> Vec<KeyId> {
        self.keys()
            .into_iter()
            .filter(|(_, status)| *status == KeyStatus::Active)
            .map(|(id, _)| id)
            .collect()
    }

    pub(crate) fn labelled(&self, label: Label) -> Option<KeyId> {
        let world = self.account.world();
        let secret = world.secret(&secret())?;
        Some(secret.value(secret.labelled(label)?)?.read()?.key)
    }

    pub(crate) fn current(&self) -> Option<KeyId> {
        self.labelled(Label::Current)
    }

    /// A consumer reads the secret, and uses its content.
    pub(crate) fn consume(&self) {
        if let Some(current) = self.current() {
            self.account.change(|world| {
                drop(world.authenticate(&World::credentials_of(&current), "s3", "eu-west-1"));
            });
        }
    }

    /// Makes runs a day apart until the user is settled, and requires that this happens.
    pub(crate) async fn settles(&self) {
        for _ in 0..30 {
            self.account.advance(DAY);
            self.consume();
            if matches!(self.run().await.outcome, Outcome::Settled { .. }) {
                let keys = self.keys();
                assert_eq!((keys.len(), self.current()), (1, Some(keys[0].0.clone())));
                return;
            }
        }
        panic!("never settled: {:?}", self.look().await.outcome);
    }
}

fn words(standing: &UserResult) -> Vec<&'static str> {
    standing.events.iter().map(|event| EventDocument::of(event).event).collect()
}

/// Returns the event for the step; `None` for a step that ends a run, or is left to later runs.
fn word(step: &PlannedAction) -> Option<&'static str> {
    Some(match step {
        PlannedAction::MakeSecret => "adopted",
        PlannedAction::PublishNewKey | PlannedAction::PublishStaged(_) => "rotated",
        PlannedAction::PublishAgain(_) => "rolled_back",
        PlannedAction::Activate(_) => "activated",
        PlannedAction::Deactivate(_) => "retired",
        PlannedAction::Delete(_) => "deleted",
        PlannedAction::Reinstate(_) => "reinstated",
        PlannedAction::Deliver { .. } => "delivered",
        PlannedAction::LetGo(_) => "let_go",
        PlannedAction::Revoke(_)
        | PlannedAction::Wait(_)
        | PlannedAction::Stop(_)
        | PlannedAction::WriteDown
        | PlannedAction::DeleteLater { .. } => return None,
    })
}

pub(crate) fn settings() -> Settings {
    Settings::load(&Sources::default()).unwrap()
}

pub(crate) fn homes() -> Homes {
    Homes::in_region("us-east-1")
}

pub(crate) fn secret() -> SecretName {
    SecretName::parse("/iam/ci/access_key").unwrap()
}

pub(crate) fn keys_of(world: &World, user: &UserName) -> Vec<(KeyId, KeyStatus)> {
    world
        .user(user)
        .unwrap()
        .keys()
        .iter()
        .map(|k| (k.listed.id.clone(), k.listed.status.clone()))
        .collect()
}

pub(crate) fn back_to(key: &KeyId) -> Request {
    Request::Rollback { to: key.clone() }
}

pub(crate) fn revoke(key: &KeyId) -> Revocation {
    Revocation::of(key.clone())
}
