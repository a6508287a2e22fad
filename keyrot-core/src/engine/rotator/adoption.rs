//! Adopts users: they come last in a run, and their number is limited.

use crate::engine::report::UserResult;
use crate::engine::target::Target;
use crate::machine::event::EventKind;
use crate::machine::outcome::{Outcome, Stop};
use crate::model::names::UserName;
use std::collections::BTreeMap;

/// Works on users that are new to keyrot last, in the order of their names, because all others are
/// known to work with it. A user that could not be changed at all, because its first call was
/// refused, does not count toward the limit.
pub(super) async fn adopt<'a, F, W>(
    users: &mut Vec<UserResult>,
    chosen: &'a [Target],
    most: usize,
    all: F,
) where
    F: Fn(Vec<&'a Target>) -> W,
    W: Future<Output = Vec<UserResult>>,
{
    let waiting: BTreeMap<UserName, usize> = users
        .iter()
        .filter(|one| one.waits_for_adoption())
        .map(|one| (one.user.clone(), one.calls))
        .collect();
    let mut next: BTreeMap<&UserName, &Target> = chosen
        .iter()
        .map(|one| (&one.subject.user, one))
        .filter(|(user, _)| waiting.contains_key(*user))
        .collect();
    let mut left = most;
    while left > 0 && !next.is_empty() {
        let batch: Vec<&Target> =
            (0..left).map_while(|_| next.pop_first()).map(|(_, one)| one).collect();
        for mut one in all(batch).await {
            left -= usize::from(one.was_adopted());
            one.calls += waiting.get(&one.user).copied().unwrap_or_default();
            users.retain(|before| before.user != one.user);
            users.push(one);
        }
    }
}

impl UserResult {
    pub(super) fn waits_for_adoption(&self) -> bool {
        matches!(self.outcome, Outcome::Stopped(Stop::AdoptionLimit))
    }

    fn was_adopted(&self) -> bool {
        !self.unadopted || self.events.iter().any(|event| event.kind == EventKind::Adopted)
    }
}
