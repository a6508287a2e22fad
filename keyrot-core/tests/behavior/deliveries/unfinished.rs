//! A destination that has the key while its consumers are still being restarted.

use super::harness::{Harness, assignment, events, name};
use crate::support::DAY;
use async_trait::async_trait;
use keyrot_core::decide::Delivered;
use keyrot_core::model::{Abilities, Delivery, Found, Receiving};
use keyrot_core::ports::Destination;
use keyrot_core::{
    CallError, Cancel, Effect, ErrorKind, KeyStatus, Limits, Mode, Outcome, Ports, Rotator,
    UserResult, Why,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const RESTARTING: &str = "1 of 3 pods are restarted";

/// A destination at which each delivery arrives. Its restart is over only when the test says so.
struct Restarting {
    inner: Arc<dyn Destination>,
    is_over: Arc<AtomicBool>,
}

#[async_trait]
impl Destination for Restarting {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        self.inner.inspect(place).await
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let found = self.inner.deliver(place, delivery).await?;
        match self.is_over.load(Ordering::Relaxed) {
            true => Ok(found),
            false => Err(CallError::new(ErrorKind::InProgress, Effect::Unknown, RESTARTING)),
        }
    }
}

async fn run(harness: &Harness, is_over: &Arc<AtomicBool>) -> UserResult {
    let mut all = harness.account.destinations();
    for inner in all.values_mut() {
        *inner = Arc::new(Restarting { inner: inner.clone(), is_over: is_over.clone() });
    }
    let rotator = Rotator::new(Ports::of(harness.account.clone()).with_destinations(all));
    let (limits, cancel) = (Limits::default(), Cancel::default());
    let run = rotator.run(vec![harness.target()], Mode::Act, &limits, &cancel, &|_| {});
    run.await.users.remove(0)
}

#[tokio::test]
async fn the_old_key_waits_for_a_restart_and_no_run_fails() {
    let harness = Harness::settled(vec![assignment("gitlab", true, Abilities::READABLE)]).await;
    let (old, is_over) = (harness.current(), Arc::new(AtomicBool::new(false)));
    harness.account.advance(77 * DAY);
    for _ in 0..30 {
        let result = run(&harness, &is_over).await;
        assert!(
            matches!(&result.outcome, Outcome::Waiting(wait)
                if matches!(&wait.why, Why::Delivery { reason, .. } if reason == RESTARTING)),
            "{result:?}"
        );
        assert!(!events(&result).contains(&"not_delivered"), "{result:?}");
        assert_eq!(result.destinations[0].state, Delivered::Waiting);
        assert_eq!(harness.receipt("gitlab").unwrap().state, Receiving::Delivering);
        assert_eq!(harness.copy("gitlab"), Some(harness.current()));
        assert_eq!(harness.status(&old), Some(KeyStatus::Active));
        harness.consume();
        harness.account.advance(DAY);
    }
    // The overlap counts from the end of the restart.
    is_over.store(true, Ordering::Relaxed);
    let result = run(&harness, &is_over).await;
    assert!(events(&result).contains(&"delivered"), "{result:?}");
    assert_eq!(harness.receipt("gitlab").unwrap().state, Receiving::Delivered);
    harness.consume();
    harness.account.advance(6 * DAY);
    run(&harness, &is_over).await;
    assert_eq!(harness.status(&old), Some(KeyStatus::Active), "{}", name("gitlab"));
}
