//! How to write a notifier: this one pages the owner of a user when manual action is needed, and
//! ignores the rest. It also shows that a failing notifier is reported, and never fails a rotation.
//!
//! ```text
//! cargo run -p keyrot-examples --example own_notifier
//! ```

use async_trait::async_trait;
use keyrot_core::engine::{NotifierError, NotifierErrorKind};
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, World};
use keyrot_core::{
    Cancel, Event, Homes, Limits, Mode, Notifier, Ports, Report, Rotator, Selection, Severity,
    WaitPolicy, select,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Pages the owner of a user: the tag `keyrot:owner`, or a fallback address.
///
/// It only puts the page into a queue. A separate task delivers the pages, with as many retries as
/// needed: a run gives a notifier ten seconds for each event, and a chat that is down must not cost
/// the page.
pub(crate) struct Pager {
    fallback: String,
    queue: UnboundedSender<Page>,
}

/// A page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) to: String,
    pub(crate) text: String,
}

impl Pager {
    /// Returns the pager, and the end of the queue from which pages are delivered.
    pub(crate) fn new(fallback: &str) -> (Self, UnboundedReceiver<Page>) {
        let (queue, pages) = unbounded_channel();
        (Self { fallback: fallback.to_owned(), queue }, pages)
    }
}

#[async_trait]
impl Notifier for Pager {
    fn name(&self) -> String {
        "pager".to_owned()
    }

    async fn happened(&self, events: &[Event]) -> Result<(), NotifierError> {
        // A warning can wait until morning; it pages no one.
        for event in events.iter().filter(|event| event.kind.severity() == Severity::Error) {
            let to = event.owner.clone().unwrap_or_else(|| self.fallback.clone());
            let text = format!("keyrot: {} ({}): {}", event.user, event.secret, event.kind);
            // If the other end was dropped, the page will not be delivered. The run's report says
            // so.
            self.queue.send(Page { to, text }).map_err(|_| {
                NotifierError::new(NotifierErrorKind::Unavailable, "nobody delivers pages anymore")
            })?;
        }
        Ok(())
    }

    // A page is sent immediately; the summary of a run is for others.
    async fn finished(&self, _report: &Report) -> Result<(), NotifierError> {
        Ok(())
    }
}

/// Runs keyrot on three users that all need manual action. Returns the pages, and the run's report.
pub(crate) async fn run(pages_are_delivered: bool) -> Result<(Vec<Page>, Report), Box<dyn Error>> {
    let (pager, mut queue) = Pager::new("on-call@example.com");
    if !pages_are_delivered {
        queue.close();
    }
    let account = troubled_account()?;
    let users = account.world().list_users("/");
    let selected = select(
        &users,
        &Selection::default(),
        &Homes::in_region("us-east-1"),
        &WaitPolicy::default(),
    );
    let rotator = Rotator::new(Ports::of(account)).notify(Arc::new(pager));
    let report = rotator
        .run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
        .await;
    let mut pages = Vec::new();
    while let Ok(page) = queue.try_recv() {
        pages.push(page);
    }
    Ok((pages, report))
}

/// Returns an account with three users whose keys are 100 days old, each with a problem.
fn troubled_account() -> Result<MemoryAccount, Box<dyn Error>> {
    let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
    let selects = ("RotateKey", "True");
    let deployer =
        world.add_user("deployer", &[selects, ("keyrot:owner", "team-a@example.com")])?;
    let leaked = world.add_user("leaked", &[selects, ("keyrot:owner", "team-b@example.com")])?;
    let mistagged = world.add_user("mistagged", &[selects, ("keyrot:overlap", "a week or so")])?;
    for user in [&deployer, &leaked, &mistagged] {
        world.add_key(user)?;
    }
    // AWS attaches this policy to a user whose key it has found in public.
    world
        .user_mut(&leaked)
        .ok_or("no such user")?
        .policies
        .push("AWSCompromisedKeyQuarantineV3".to_owned());
    world.advance(Duration::from_secs(100 * 24 * 60 * 60));
    let account = MemoryAccount::new(world);
    account.inject(FaultAt::first("promote", Fault::Denied));
    Ok(account)
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (pages, report) = run(true).await?;
    for Page { to, text } in pages {
        println!("to {to}: {text}");
    }
    println!("{} users, all told: {}", report.users.len(), report.notifier_failures.is_empty());
    Ok(())
}
