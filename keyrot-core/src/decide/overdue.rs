//! Reports rotations that only wait: keyrot measures their waits against IAM's dates, which no
//! claim can change.

use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::{Wait, Why};
use crate::model::journal::Phase;
use crate::model::observed::{AccessKey, KeyStatus, LabeledVersion, Observed, SecretState};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::WaitPolicy;
use crate::model::waits::after;
use std::time::Duration;

/// Returns why a run that only waits needs manual action: by IAM's date, the current key is past
/// its deadline by two run intervals or more, or the secret has held the placeholder for longer
/// than an adoption takes. A journal entry or a version that is renewed each day makes runs wait
/// forever, but does not move these dates.
///
/// An old key that is held because IAM shows that it is in use does not count: each run reports it.
pub(crate) fn overdue(
    seen: &Observed,
    wait: &Wait,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Option<Blocked> {
    if wait.is_hold() {
        return None;
    }
    let current = current(seen)?;
    // By IAM's own date a rotation is under way: a run is at work, or one has died, and its key is
    // being removed step by step.
    let waits = policy.waits();
    // This is a claim, so it delays the report by no more than the longest soak that can be set.
    let soak = recorded_soak(seen).min(waits.max_age).max(waits.soak);
    let removed = waits.recent_use + waits.settle + soak + waits.run_interval * 3;
    let begun =
        |key: &AccessKey| current.key() != Some(&key.id) && now < after(key.created, removed);
    if seen.keys.iter().any(begun) {
        return None;
    }
    let (key, since) = match &current.content {
        // An adoption may have to wait for a lost key, which is retired first.
        Content::Placeholder => (
            None,
            after(after(current.version.placeholder_since()?, policy.lead()), policy.waits().soak),
        ),
        content => {
            let key = listed(seen, content.key()?)?;
            (Some(key.id.clone()), policy.deadline(key.created))
        }
    };
    let overdue = after(since, waits.run_interval * 2) <= now;
    overdue.then(|| Blocked::Overdue { key, since, wait: wait.clone() })
}

/// Whether an old key still waits for the end of its overlap although, by IAM's date of its
/// successor, it should be gone: it was reactivated, labels were moved, or its entries are renewed.
pub(crate) fn lingers(seen: &Observed, wait: &Wait, policy: &WaitPolicy, now: Timestamp) -> bool {
    let (Why::Overlap(old) | Why::Settling(old)) = &wait.why else { return false };
    let Some(LabeledVersion { content: Content::Key { key, .. }, .. }) = current(seen) else {
        return false;
    };
    let Some(key) = listed(seen, key).filter(|key| key.id != *old) else { return false };
    let active = listed(seen, old)
        .is_some_and(|old| old.status == KeyStatus::Active && old.created < key.created);
    active && after(after(key.created, policy.lead()), policy.waits().run_interval) <= now
}

/// Returns the soak that was set when a key became Inactive, which still counts: see
/// [`Situation::soak`](crate::decide::facts::situation::Situation::soak). Only an Inactive key
/// counts, so that an entry about another key hides no wait.
fn recorded_soak(seen: &Observed) -> Duration {
    let SecretState::Present(secret) = &seen.secret else { return Duration::ZERO };
    let noted = secret.journal.retired.as_ref().filter(|noted| {
        noted.phase == Phase::Inactive
            && listed(seen, &noted.key).is_some_and(|key| key.status == KeyStatus::Inactive)
    });
    noted.and_then(|noted| noted.soak).unwrap_or_default()
}

fn current(seen: &Observed) -> Option<&LabeledVersion> {
    let SecretState::Present(secret) = &seen.secret else { return None };
    secret.current.as_ref()
}

fn listed<'a>(seen: &'a Observed, id: &crate::model::names::KeyId) -> Option<&'a AccessKey> {
    seen.keys.iter().find(|key| key.id == *id)
}
