//! Moves a user's home on purpose: the old home is left first, then the new one is chosen.
//!
//! Each side is one request, made with the settings of that side.
//! [`Request::Leave`](crate::model::request::Request::Leave) closes the old secret by an entry;
//! [`Request::Move`](crate::model::request::Request::Move) writes the user's tag. Between the two
//! requests, and whatever happens to either, the published key works, and no run changes anything
//! at either place.

use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Question, Step};
use crate::decide::facts::home;
use crate::decide::facts::situation::Ask;
use crate::decide::facts::store::usable;
use crate::decide::table::decide_for;
use crate::model::home::{HomeTag, Residence, SecretArn};
use crate::model::journal::JournalEntry;
use crate::model::observed::{LabeledVersion, Observed, Secret, SecretState};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::WaitPolicy;
use crate::model::waits::after;

/// Decides the request to leave a home. The user has to be at rest, because work that is under way
/// here could not be finished elsewhere.
pub(super) fn leave(
    seen: &Observed,
    to: &SecretArn,
    quarantine: Option<String>,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Decision {
    let Residence { tag, place, .. } = &seen.residence;
    if let Some(decision) = not_here(tag, |home| home.place() == place) {
        return decision;
    }
    if let Some(policy) = quarantine {
        return Decision::Blocked(Blocked::Quarantined { policy });
    }
    let secret = match usable(&seen.secret) {
        Ok(Some(secret)) => secret,
        // The secret was deleted permanently, or never created: there is nothing to close, and
        // nothing under way.
        Ok(None) if seen.keys.len() < 2 => return Decision::Done,
        Ok(None) => {
            return not_at_rest("the user has two keys, and one of them may be in use", None);
        }
        Err(blocked) => return Decision::Blocked(blocked),
    };
    if let Some(decision) = not_yet(seen, secret, policy, now) {
        // No run does that while the home is closed, so the home has to be opened again first.
        return match (decision, secret.moved_to()) {
            (Decision::Refused(Refusal::NotAtRest { .. }), Some(to)) => {
                Decision::Blocked(Blocked::MoveBegun { to: to.clone() })
            }
            (decision, _) => decision,
        };
    }
    match secret.moved_to() {
        Some(marked) if marked.place() == to.place() => Decision::Done,
        _ => Decision::Act(Step::Write(JournalEntry::Moved(to.clone()))),
    }
}

/// Returns why the home cannot be left: something is under way there, or about to begin.
fn not_yet(
    seen: &Observed,
    secret: &Secret,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Option<Decision> {
    let settle = policy.waits().settle;
    let unpublished = |secret: &Secret| {
        let placeholder =
            secret.current.as_ref().is_none_or(|held| held.content == Content::Placeholder);
        let staged = secret
            .pending
            .iter()
            .any(|held| secret.current.as_ref().is_none_or(|c| c.version != held.version));
        placeholder && !staged && !secret.rotation_enabled && secret.moved_to().is_some()
    };
    let mut here = unmarked(seen);
    // The tag names the place. The next run writes the missing part, so this does not prevent
    // leaving.
    here.residence.tag = HomeTag::At(secret.arn.clone());
    match decide_for(&here, Ask::Run, policy, now) {
        // The move to this place was not finished, so no run has worked here, as if there were no
        // secret.
        Decision::Act(_) if unpublished(secret) && seen.keys.len() < 2 => None,
        Decision::Blocked(why) => Some(Decision::Blocked(why)),
        // The time to ask again may depend on the last use. Credentials are not verified for this,
        // because that would look like a use.
        Decision::Look(question)
            if !matches!(question, Question::Verification(_) | Question::NextSize(_)) =>
        {
            Some(Decision::Look(question))
        }
        Decision::Wait(wait) => Some(not_at_rest(wait.why.to_string(), wait.until)),
        // A run may be about to begin the rotation.
        Decision::Settled { until } if until <= after(now, settle) => {
            Some(not_at_rest("the rotation of its key is about to begin", None))
        }
        Decision::Settled { .. } if secret.rotation_enabled => {
            Some(not_at_rest("Secrets Manager's own rotation is switched on for the secret", None))
        }
        Decision::Settled { .. } if seen.keys.len() == 1 => None,
        _ => Some(not_at_rest("the next run has something to do there", None)),
    }
}

/// Decides the request to move a home here. The request names the old home, so a request with an
/// outdated view of the user changes nothing.
pub(super) fn arrive(
    seen: &Observed,
    from: &SecretArn,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Decision {
    let Residence { tag, place, .. } = &seen.residence;
    if matches!(tag, HomeTag::At(home) if home.place() == place) {
        return stay(seen, policy, now);
    }
    if let Some(decision) = not_here(tag, |home| home == from) {
        return decision;
    }
    let left = from.place();
    if left.account != place.account || left.partition != place.partition {
        return Decision::Refused(Refusal::OtherAccount { home: from.clone() });
    }
    let mut here = unmarked(seen);
    // Here it is known where the home is.
    here.elsewhere = Some(Vec::new());
    here.residence.tag = HomeTag::At(SecretArn::planned(place.clone()));
    let decision = home::home(&here, policy, now);
    let (arn, secret) = match (decision, &here.secret) {
        (Some(Decision::Act(Step::BindUser(arn))), SecretState::Present(secret)) => {
            (arn, secret.clone())
        }
        (Some(decision), _) => return decision,
        (None, secret) => {
            return match usable(secret) {
                Err(blocked) => Decision::Blocked(blocked),
                Ok(_) => by_first_run(&here, policy, now).unwrap_or_else(|| {
                    Decision::Act(Step::BindUser(SecretArn::planned(place.clone())))
                }),
            };
        }
    };
    if let Some(decision) = emptied(seen, &secret) {
        return decision;
    }
    here.residence.tag = HomeTag::At(arn.clone());
    if let Some(blocked) = by_first_run(&here, policy, now) {
        return blocked;
    }
    // The tag comes first; then `stay` removes the entry. In the other order, a run that dies in
    // between would leave an open secret and a tag that names another place: that place would not
    // be closed if it has no secret yet, or if the move is canceled.
    Decision::Act(Step::BindUser(arn))
}

/// Replaces a deleted key with the placeholder, if the secret was the user's home before, as if the
/// user had never been here. Whether the secret is closed does not matter: anyone who may tag it
/// can open it.
fn emptied(seen: &Observed, secret: &Secret) -> Option<Decision> {
    let current = secret.current.as_ref().filter(|held| !held.content.is_foreign())?;
    let own = secret.owner.as_ref().is_some_and(|owner| owner.is(&seen.residence.owner));
    let gone = current.key().is_some_and(|id| seen.keys.iter().all(|key| key.id != *id));
    if !own || !gone {
        return None;
    }
    Some(match secret.pending.as_ref().filter(|held| held.version != current.version) {
        None => Decision::Act(Step::StagePlaceholder),
        Some(staged) if staged.content == Content::Placeholder => Decision::Act(Step::Promote {
            from: current.version.clone(),
            to: staged.version.clone(),
        }),
        Some(staged) => {
            Decision::Blocked(Blocked::ForeignPending { version: staged.version.clone() })
        }
    })
}

/// The home is already here, or another run moved it here. A move away from here is canceled.
fn stay(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Decision {
    match (&seen.secret, &seen.residence.tag) {
        (SecretState::Present(secret), _) if is_left(seen) => {
            Decision::Act(Step::Write(JournalEntry::Moved(secret.arn.clone())))
        }
        (secret, HomeTag::At(home)) if seen.residence.renamed && home::names_nobody(secret) => {
            Decision::Blocked(Blocked::ManagedElsewhere { home: home.clone() })
        }
        // Another operator may have opened the old home again at the same time: then runs here are
        // blocked, and nothing is changed.
        (SecretState::Missing, _) => home::home(seen, policy, now).unwrap_or(Decision::Done),
        (SecretState::Present(secret), _) => staged_twice(secret).unwrap_or(Decision::Done),
        _ => Decision::Done,
    }
}

/// Removes a second placeholder: two operators may each have staged one.
fn staged_twice(secret: &Secret) -> Option<Decision> {
    let placeholder = |held: &&LabeledVersion| held.content == Content::Placeholder;
    let current = secret.current.as_ref().filter(placeholder)?;
    let staged = secret
        .pending
        .as_ref()
        .filter(placeholder)
        .filter(|staged| staged.version != current.version)?;
    Some(Decision::Act(Step::Unstage(staged.version.clone())))
}

fn not_here(tag: &HomeTag, here: impl Fn(&SecretArn) -> bool) -> Option<Decision> {
    Some(match tag {
        HomeTag::At(home) if here(home) => return None,
        HomeTag::At(home) => Decision::Blocked(Blocked::ManagedElsewhere { home: home.clone() }),
        HomeTag::Unreadable(text) => {
            Decision::Blocked(Blocked::HomeUnreadable { text: text.clone() })
        }
        HomeTag::Absent => Decision::Refused(Refusal::NoHome),
    })
}

/// Returns the block that the first run at the new place would meet, because the user would then
/// not be rotated.
fn by_first_run(here: &Observed, policy: &WaitPolicy, now: Timestamp) -> Option<Decision> {
    match decide_for(here, Ask::Run, policy, now) {
        Decision::Blocked(why) => Some(Decision::Blocked(why)),
        Decision::Look(question) => Some(Decision::Look(question)),
        _ => None,
    }
}

fn is_left(seen: &Observed) -> bool {
    matches!(&seen.secret, SecretState::Present(secret) if secret.moved_to().is_some())
}

/// Returns the state as if the secret had not been left.
fn unmarked(seen: &Observed) -> Observed {
    let mut seen = seen.clone();
    if let SecretState::Present(Secret { journal, .. }) = &mut seen.secret {
        journal.moved_to = None;
    }
    seen
}

fn not_at_rest(why: impl Into<String>, until: Option<Timestamp>) -> Decision {
    Decision::Refused(Refusal::NotAtRest { why: why.into(), until })
}
