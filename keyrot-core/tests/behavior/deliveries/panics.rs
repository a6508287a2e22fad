//! A destination whose code panics.

use super::harness::{Harness, assignment, events};
use crate::support::DAY;
use async_trait::async_trait;
use keyrot_core::model::{Abilities, Delivery, Found};
use keyrot_core::ports::Destination;
use keyrot_core::{
    CallError, Cancel, Effect, ErrorKind, KeyStatus, Limits, Mode, Outcome, Ports, Rotator,
    UserResult,
};
use std::sync::Arc;

/// The call that panics.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    Inspect,
    Deliver,
    Never,
}

struct Broken {
    inner: Arc<dyn Destination>,
    at: At,
}

#[async_trait]
impl Destination for Broken {
    fn abilities(&self) -> Abilities {
        self.inner.abilities()
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        assert!(self.at != At::Inspect, "a fault in a read");
        self.inner.inspect(place).await
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let secret = delivery.credentials.secret.expose();
        assert!(self.at != At::Deliver, "a fault in a write of {secret}");
        self.inner.deliver(place, delivery).await
    }
}

/// Runs the user with this fault in the destination `github`.
async fn run(harness: &Harness, at: At) -> UserResult {
    let mut all = harness.account.destinations();
    for (name, inner) in &mut all {
        let at = if name.as_str() == "github" { at } else { At::Never };
        *inner = Arc::new(Broken { inner: inner.clone(), at });
    }
    let rotator = Rotator::new(Ports::of(harness.account.clone()).with_destinations(all));
    let (limits, cancel) = (Limits::default(), Cancel::default());
    let run = rotator.run(vec![harness.target()], Mode::Act, &limits, &cancel, &|_| {});
    run.await.users.remove(0)
}

#[tokio::test]
async fn a_panic_is_an_error_of_the_destination_and_the_rest_of_the_run_goes_on() {
    for (at, fault, effect) in [
        (At::Inspect, "a fault in a read", Effect::None),
        (At::Deliver, "a fault in a write of [hidden]", Effect::Unknown),
    ] {
        let both = ["github", "gitlab"].map(|to| assignment(to, true, Abilities::WRITE_ONLY));
        let harness = Harness::settled(both.to_vec()).await;
        let old = harness.current();
        harness.account.advance(77 * DAY);
        let result = run(&harness, at).await;
        // The key is published and delivered everywhere else, and the previous one waits.
        let new = harness.current();
        assert_ne!(new, old);
        assert_eq!(harness.copy("gitlab"), Some(new.clone()), "{at:?}");
        assert_eq!(harness.status(&old), Some(KeyStatus::Active));
        assert!(events(&result).contains(&"delivered"), "{result:?}");
        assert!(!events(&result).contains(&"panicked"), "{result:?}");
        let Outcome::Failed(failure) = &result.outcome else { panic!("{at:?}: {result:?}") };
        assert_eq!((failure.error.kind, failure.error.effect), (ErrorKind::Other, effect));
        let said = &failure.error.message;
        assert!(said.contains("destination github, ci: its code panicked"), "{said}");
        assert!(said.contains(fault), "{said}");

        run(&harness, At::Never).await;
        assert_eq!(harness.copy("github"), Some(new), "{at:?}");
    }
}
