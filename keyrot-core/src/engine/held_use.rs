//! Finds out, at the end of a run, who uses the old keys that are held because they are in use. It
//! is limited in users and time, and never fails a run.

use crate::decide::decision::Why;
use crate::engine::dispatch::panic_text;
use crate::engine::report::UserResult;
use crate::machine::outcome::Outcome;
use crate::model::names::KeyId;
use crate::model::observed::LastUse;
use crate::model::time::Timestamp;
use crate::model::trail::evidence::{Searched, UseEvidence};
use crate::model::waits::after;
use crate::ports::Clock;
use crate::ports::cancel::Cancel;
use crate::trail::{TrailBounds, TrailPort, look_up, regions_to_ask};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::time::Duration;

/// The number of users for which a run asks the trail, whose rate limit is 2 calls a second for the
/// whole account (CloudTrail user guide, "Quotas in AWS CloudTrail").
const MOST_USERS: usize = 25;
/// The period that is asked about.
const BACK: Duration = Duration::from_secs(7 * 86_400);
/// The limit on events for each region.
const MOST_EVENTS: usize = 200;
/// The limit on sources in an event.
const SOURCES: usize = 5;
/// The time limit for one user.
const FOR_ONE: Duration = Duration::from_secs(20);

/// A key that is held because it is in use.
pub(crate) struct HeldUse {
    /// The user's index among the results.
    pub(crate) at: usize,
    key: KeyId,
    last_use: LastUse,
}

/// Returns the held keys to ask about.
pub(crate) fn held_uses(users: &[UserResult]) -> Vec<HeldUse> {
    let held = users.iter().enumerate().filter_map(|(at, one)| {
        let Outcome::Waiting(wait) = &one.outcome else { return None };
        let Why::InUse { key, last_use } = &wait.why else { return None };
        Some(HeldUse { at, key: key.clone(), last_use: last_use.clone() })
    });
    held.take(MOST_USERS).collect()
}

/// Asks about one of them. `None` if the time ran out first.
pub(crate) async fn look_up_within(
    port: &dyn TrailPort,
    clock: &dyn Clock,
    held: &HeldUse,
    end: Timestamp,
    cancel: &Cancel,
) -> Option<UseEvidence> {
    let begun = clock.now();
    if cancel.is_cancelled() || begun >= end {
        return None;
    }
    let end = end.min(after(begun, FOR_ONE));
    let since = begun - BACK;
    let work = async {
        let regions = regions_to_ask(port, &held.last_use);
        let bounds = TrailBounds { since, regions, most: MOST_EVENTS };
        look_up(port, &held.key, &bounds, &|_, _| {}).await
    };
    let mut work = pin!(AssertUnwindSafe(work).catch_unwind());
    let left = (end - begun).to_std().unwrap_or_default();
    let stopped = pin!(cancel.cancelled());
    let problem = match select(&mut work, select(stopped, clock.time_limit(left))).await {
        Either::Left((Ok(evidence), _)) => return Some(evidence.top(SOURCES)),
        Either::Left((Err(panic), _)) => format!("it panicked: {}", panic_text(&*panic)),
        Either::Right((Either::Left(_), _)) => "the run was stopped".to_owned(),
        Either::Right((Either::Right(_), _)) => "no answer in time".to_owned(),
    };
    let searched = Searched {
        region: "CloudTrail".to_owned(),
        events: 0,
        cut_at: None,
        problem: Some(problem),
    };
    Some(UseEvidence {
        key: held.key.clone(),
        since,
        events: 0,
        unreadable: 0,
        regions: vec![searched],
        sources: Vec::new(),
        more_sources: 0,
        roles: Vec::new(),
    })
}
