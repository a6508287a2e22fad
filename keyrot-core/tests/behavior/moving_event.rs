//! Notifiers are notified of a move of a user's home.

use async_trait::async_trait;
use keyrot_core::engine::{Moved, NotifierError, NotifierErrorKind};
use keyrot_core::memory::{MemoryAccount, World};
use keyrot_core::{
    Cancel, Event, Homes, Limits, Mode, Notifier, Outcome, Ports, Report, Rotator, Selection,
    Target, WaitPolicy, select,
};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const OLD: &str = "us-east-1";
const NEW: &str = "eu-west-1";

/// A notifier that records what it gets.
#[derive(Default)]
struct Words(Mutex<Vec<String>>);

#[async_trait]
impl Notifier for Words {
    fn name(&self) -> String {
        "words".into()
    }
    async fn happened(&self, events: &[Event]) -> Result<(), NotifierError> {
        self.0
            .lock()
            .unwrap()
            .extend(events.iter().map(|event| format!("{}: {}", event.kind.code(), event.kind)));
        Ok(())
    }
    async fn finished(&self, _: &Report) -> Result<(), NotifierError> {
        Ok(())
    }
}

fn chosen(account: &MemoryAccount, region: &str) -> Target {
    let users = account.world().list_users("/");
    select(&users, &Selection::default(), &Homes::in_region(region), &WaitPolicy::default())
        .chosen
        .remove(0)
}

/// Returns an account with one user that has one published key and is at rest.
async fn at_rest() -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    let account = MemoryAccount::new(world);
    for _ in 0..9 {
        let here = account.in_region(OLD);
        let one = chosen(&here, OLD);
        let rotator = Rotator::new(Ports::of(here));
        let report = rotator
            .run(vec![one], Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await;
        if matches!(report.users[0].outcome, Outcome::Settled { .. }) {
            account.advance(Duration::from_secs(86_400));
            return account;
        }
        account.advance(Duration::from_secs(86_400));
    }
    panic!("never settled");
}

/// A notifier that cannot be reached.
struct Deaf;

#[async_trait]
impl Notifier for Deaf {
    fn name(&self) -> String {
        "deaf".into()
    }
    async fn happened(&self, _: &[Event]) -> Result<(), NotifierError> {
        Err(NotifierError::new(NotifierErrorKind::Unavailable, "no answer"))
    }
    async fn finished(&self, _: &Report) -> Result<(), NotifierError> {
        Ok(())
    }
}

#[tokio::test]
async fn a_notifier_that_fails_during_a_move_is_reported() {
    let account = at_rest().await;
    let (here, there) = (account.in_region(NEW), account.in_region(OLD));
    let chosen = chosen(&here, NEW);
    let here = Rotator::new(Ports::of(here)).notify(Arc::new(Deaf));
    let there = Rotator::new(Ports::of(there));
    let report = here.move_home(&there, chosen, Mode::Act, &Limits::default()).await;
    assert_eq!(report.moved, Moved::Done);
    let [failure] = &report.notifier_failures[..] else { panic!("{report:?}") };
    assert_eq!((failure.notifier.as_str(), failure.untold), ("deaf", 1));
}

#[tokio::test]
async fn a_move_is_notified_once_with_both_places_and_a_plan_never() {
    let account = at_rest().await;
    let words = Arc::new(Words::default());
    let moved = async |mode| {
        let (here, there) = (account.in_region(NEW), account.in_region(OLD));
        let chosen = chosen(&here, NEW);
        let here = Rotator::new(Ports::of(here)).notify(words.clone());
        here.move_home(&Rotator::new(Ports::of(there)), chosen, mode, &Limits::default())
            .await
            .moved
    };
    assert_eq!(moved(Mode::Plan).await, Moved::Planned);
    assert_eq!(*words.0.lock().unwrap(), [""; 0]);
    assert_eq!(moved(Mode::Act).await, Moved::Done);
    assert_eq!(moved(Mode::Act).await, Moved::Already);
    let heard = words.0.lock().unwrap().clone();
    let [once] = &heard[..] else { panic!("{heard:?}") };
    assert!(
        once.starts_with("moved: moved from ") && once.contains(OLD) && once.contains(NEW),
        "{once}"
    );
}
