//! Reports rotations that only wait: keyrot measures their waits against IAM's dates, which no
//! claim can change.

use crate::decide::belief::believed;
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::{Wait, Why};
use crate::decide::facts::moved_back::MovedBack;
use crate::decide::facts::situation::{Ask, Situation};
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
/// If AWSCURRENT was moved back minutes ago, that is the reason: it needs the operator's decision,
/// and an old key is current on purpose.
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
    if now < after(since, waits.run_interval * 2) {
        return None;
    }
    let rolled_back = moved_back(seen, wait, policy, now);
    Some(rolled_back.unwrap_or_else(|| Blocked::Overdue { key, since, wait: wait.clone() }))
}

/// Returns that AWSCURRENT was moved back, if the run only waits until IAM shows that for certain.
fn moved_back(
    seen: &Observed,
    wait: &Wait,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Option<Blocked> {
    let seen = believed(seen, policy, now);
    let SecretState::Present(secret) = &seen.secret else { return None };
    let current = secret.current.as_ref()?;
    let case = Situation::new(&seen, (secret, current), Ask::Run, policy, now);
    let to =
        case.current_key().filter(|key| matches!(&wait.why, Why::Settling(on) if on == *key))?;
    match MovedBack::of(&case) {
        MovedBack::From(from) => {
            Some(Blocked::RolledBack { from: from.id.clone(), to: Some(to.clone()) })
        }
        MovedBack::No => None,
    }
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
