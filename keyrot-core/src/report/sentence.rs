//! A user's state as a sentence, for people.

use crate::decide::decision::Step;
use crate::engine::report::UserResult;
use crate::machine::outcome::Outcome;
use crate::machine::planned::PlannedAction;
use crate::model::journal::{JournalEntry, Phase};
use crate::model::names::{DestinationName, KeyId};
use crate::model::receipt::Receiving;
use crate::model::time::Timestamp;

/// Returns the user's state as a sentence, without the user's name.
pub(crate) fn outcome_text(one: &UserResult, now: Timestamp) -> String {
    match &one.outcome {
        Outcome::Settled { .. } if one.current.is_some() && one.due.is_none() => {
            "settled; Secrets Manager's own rotation creates the next key".to_owned()
        }
        Outcome::Settled { until } => format!("settled; the next rotation begins {}", time(*until)),
        Outcome::Done => "done".to_owned(),
        Outcome::Revoked { key, rest } => {
            let rest = rest_text(one, rest, now);
            format!("{key} is Inactive or gone; the rest is not done: {rest}")
        }
        Outcome::Planned(steps) => {
            steps.iter().map(ToString::to_string).collect::<Vec<_>>().join("; then ")
        }
        Outcome::Refused(refusal) => refusal.to_string(),
        Outcome::Waiting(wait) => meanwhile(one, &wait.to_string()),
        Outcome::Blocked(reason) => reason.to_string(),
        Outcome::Failed(failure) => failure.to_string(),
        Outcome::Stopped(stop) => stop.to_string(),
        Outcome::Due(step) => meanwhile(one, &due_text(one, step, now)),
        Outcome::Verifying { key, then } => {
            let verify = if one.current.as_ref() == Some(key) {
                format!("verify {key}, which is current")
            } else if one.previous.as_ref() == Some(key) {
                format!(
                    "verify {key}, the previous key, then publish it again in place of the revoked key"
                )
            } else {
                "verify the staged key, then publish it".to_owned()
            };
            verify + &if_it_works(then)
        }
        Outcome::Panicked(reason) => format!("keyrot panicked, please report it: {reason}"),
    }
}

/// Returns the sentence, after what is wrong meanwhile.
fn meanwhile(one: &UserResult, text: &str) -> String {
    one.meanwhile().map_or_else(|| text.to_owned(), |first| format!("{first}; {text}"))
}

/// Returns how the rest of a revocation ended, as a sentence.
pub(crate) fn rest_text(one: &UserResult, rest: &Outcome, now: Timestamp) -> String {
    outcome_text(&UserResult { outcome: rest.clone(), ..one.clone() }, now)
}

/// Returns what follows a verification, in addition to publishing the verified key.
fn if_it_works(then: &[PlannedAction]) -> String {
    let published = |step: &&PlannedAction| {
        !matches!(step, PlannedAction::PublishStaged(_) | PlannedAction::PublishAgain(_))
    };
    let steps: Vec<String> = then.iter().filter(published).map(ToString::to_string).collect();
    if steps.is_empty() {
        return String::new();
    }
    format!("; if it works: {}", steps.join("; then "))
}

/// Returns what a run would do, and why.
fn due_text(one: &UserResult, step: &Step, now: Timestamp) -> String {
    match step {
        Step::CreateSecret | Step::PutPlaceholder => {
            let secret = if matches!(step, Step::CreateSecret) {
                "has no secret yet"
            } else {
                "has an empty secret"
            };
            let key = match one.keys.first() {
                Some(key) => format!("create a key beside {}", key.id),
                None => "create its first key".to_owned(),
            };
            format!("adopt: {key}, verify it and publish it; the user {secret}")
        }
        Step::Write(JournalEntry::Intent(_)) | Step::TestWrite | Step::CreateKey => {
            match (&one.current, one.due) {
                (Some(key), _) if one.revoked.contains(key) => {
                    format!("rotate: replace {key}, which was revoked")
                }
                (Some(key), Some(due)) if due > now => {
                    format!(
                        "rotate: replace {key} now, as you force it; its rotation begins only {}",
                        time(due)
                    )
                }
                (Some(key), Some(due)) => {
                    let deadline = one
                        .deadline
                        .map(|at| format!(", so that the old key can be retired by {}", time(at)));
                    let deadline = deadline
                        .filter(|_| one.deadline.is_some_and(|at| now < at))
                        .unwrap_or_default();
                    format!(
                        "rotate: replace {key}, which has been due since {}{deadline}",
                        time(due)
                    )
                }
                (Some(key), None) => format!("rotate: replace {key}"),
                (None, _) => {
                    "adopt: create a key, verify it and publish it; the secret holds none yet"
                        .to_owned()
                }
            }
        }
        Step::Write(JournalEntry::Revoked(_)) => "record which keys are revoked".to_owned(),
        Step::Write(JournalEntry::Moved(to)) => {
            format!("record that the user's home is {}", to.place())
        }
        Step::Activate(key) => format!("reactivate {key}, to publish it again"),
        Step::Write(JournalEntry::Promoted(_)) => {
            "record that the current key is in place; the overlap starts then".to_owned()
        }
        Step::Write(JournalEntry::Retired(note)) => match note.phase {
            Phase::Retiring => retire_text(one, &note.key),
            Phase::Abandoned => {
                format!("abandon {}: keyrot created it, and it never became current", note.key)
            }
            Phase::Inactive => {
                format!("record that {} is Inactive; its soak starts then", note.key)
            }
            Phase::Hold => format!("keep {} for another overlap: it was published again", note.key),
        },
        Step::Write(JournalEntry::Receipt(receipt)) => match receipt.state {
            Receiving::Delivering => deliver_text(one, &receipt.to),
            Receiving::Delivered => format!("record that {} has the current key", receipt.to),
            Receiving::LetGo => format!("let the destination {} go", receipt.to),
        },
        Step::Deliver { to, .. } => deliver_text(one, to),
        Step::Deactivate(key) => retire_text(one, key),
        Step::Delete(key) => format!("delete {key}: it has been Inactive for long enough"),
        Step::BindUser(_) | Step::BindSecret => step.to_string(),
        Step::Stage { .. } | Step::StagePlaceholder | Step::Promote { .. } | Step::Unstage(_) => {
            step.to_string()
        }
    }
}

/// If no key of the user was ever published, the text does not call the key "old".
fn retire_text(one: &UserResult, key: &KeyId) -> String {
    if one.revoked.contains(key) {
        return format!("retire {key}: it was revoked");
    }
    match one.current {
        Some(_) => {
            let used = one
                .last_use
                .get(key)
                .map_or_else(|| "no use is known".to_owned(), ToString::to_string);
            format!("retire {key}: nothing uses it, as far as AWS shows ({used})")
        }
        None => format!(
            "retire {key}: an interrupted run created it and never published it, so its secret key is lost"
        ),
    }
}

fn time(time: Timestamp) -> String {
    time.format("%F %R UTC").to_string()
}

fn deliver_text(one: &UserResult, to: &DestinationName) -> String {
    match one.destinations.iter().find(|it| it.to == *to) {
        Some(it) if it.restarts => format!("restart {to}, so that it reads the current key"),
        _ => format!("deliver the current key to {to}"),
    }
}
