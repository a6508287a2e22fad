//! What comes next for a user, and what a run did, in a few words.

use crate::terminal::time;
use keyrot_core::decide::Delivered;
use keyrot_core::report::{State, UserDocument};
use keyrot_core::{EventKind, Outcome, Timestamp};

/// Returns what comes next, in a few words. The keys' ids are in other columns.
pub(super) fn next(user: &UserDocument, now: Timestamp) -> String {
    let until = user.until.map(|until| time::both(until, now)).unwrap_or_default();
    let waits = match &user.outcome {
        Outcome::Waiting(wait) => wait.in_short(&until, &used(user, now)),
        _ => None,
    };
    let text = match (user.state, waits) {
        (State::Settled, _) if user.due.is_none() => {
            "Secrets Manager's own rotation creates the next key".to_owned()
        }
        (State::Settled, _) => match user.deadline {
            Some(deadline) => format!("next rotation {until}, done by {}", time::day(deadline)),
            None => format!("next rotation {until}"),
        },
        (_, Some(text)) => match &user.meanwhile {
            Some(first) => format!("{first}; {text}"),
            None => text,
        },
        (State::Due, _) if user.meanwhile.is_some() => user.message.clone(),
        (State::Due, _) if user.rotation_is_due() => match user.due.filter(|due| *due <= now) {
            Some(due) => {
                let begin = format!("replace the key, due {}", time::both(due, now));
                match user.deadline {
                    Some(deadline) if now < deadline => {
                        format!("{begin}; old key deactivated by {}", time::day(deadline))
                    }
                    Some(deadline) => {
                        format!("{begin}; its max_age passed {}", time::relative(deadline, now))
                    }
                    None => begin,
                }
            }
            None => user.message.clone(),
        },
        (State::Blocked, _) => "needs manual action: see above".to_owned(),
        (State::Failed, _) => "failed: see above".to_owned(),
        _ => user.message.clone(),
    };
    [text].into_iter().chain(deliveries(user)).collect::<Vec<_>>().join("; ")
}

/// Returns what the run did for the user, in a few words.
pub(super) fn done(user: &UserDocument) -> String {
    let mut done: Vec<&str> = Vec::new();
    for words in user.events.iter().filter_map(|event| of_event(&event.kind)) {
        if !done.contains(&words) {
            done.push(words);
        }
    }
    done.join(", ")
}

/// Returns where the current key was delivered, and where it is still missing.
fn deliveries(user: &UserDocument) -> Option<String> {
    let of = |state: Delivered| {
        let all = user.destinations.iter().filter(|one| one.state == state);
        all.map(|one| one.to.as_str()).collect::<Vec<_>>().join(", ")
    };
    let states = [
        ("delivered to", Delivered::Delivered),
        ("not yet delivered to", Delivered::Waiting),
        ("could not deliver to", Delivered::Failed),
        ("changed by another writer:", Delivered::Changed),
        ("let go:", Delivered::LetGo),
    ];
    let some = states.map(|(words, state)| (words, of(state)));
    let some = some.iter().filter(|(_, names)| !names.is_empty());
    let all: Vec<String> = some.map(|(words, names)| format!("{words} {names}")).collect();
    (!all.is_empty()).then(|| all.join(", "))
}

fn used(user: &UserDocument, now: Timestamp) -> String {
    let used = user
        .evidence
        .first()
        .and_then(|e| Some((e.last_used?, e.service.as_ref()?, e.region.as_ref()?)));
    match used {
        Some((when, service, region)) => {
            format!("{service} in {region} {}", time::relative(when, now))
        }
        None => user
            .evidence
            .first()
            .map_or_else(|| "by an unknown service".to_owned(), |e| e.message.clone()),
    }
}

/// Returns a change in a few words. The rest of the row has the state.
fn of_event(event: &EventKind) -> Option<&'static str> {
    Some(match event {
        EventKind::Adopted => "adopted",
        EventKind::Rotated { .. } => "new key published",
        EventKind::Delivered { .. } => "key delivered",
        EventKind::Retired { .. } => "deactivated a key",
        EventKind::Deleted { .. } => "deleted a key",
        EventKind::Abandoned { .. } => "abandoned a new key",
        EventKind::OrphanFound { .. } => "found a key left by an interrupted run",
        EventKind::OrphanRemoved { .. } => "deleted a key that could not be stored",
        EventKind::Reactivated { .. } => "noted that the old key was reactivated",
        _ => return None,
    })
}
