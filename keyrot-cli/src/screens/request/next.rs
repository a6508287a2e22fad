//! What comes next: for a user that is not blocked, and for a request that did not finish.

use super::view::View;
use crate::screens::users;
use crate::terminal::style;
use crate::terminal::text::hanging;
use crate::terminal::time;
use keyrot_core::model::SecretArn;
use keyrot_core::report::{Action, Choice, Hint, RequestDocument, State, command_line};
use keyrot_core::{
    AccessKey, Blocked, KeyId, KeyStatus, Outcome, Request, Revocation, UserName, UserResult, Wait,
};

/// Returns the next command, if the request did not finish.
pub(super) fn what_next(view: &View<'_>) -> Option<String> {
    let user = &view.result.user;
    if let (Some(order), Some(home)) = (view.order(), elsewhere(&view.result.outcome)) {
        let place = home.place();
        return Some(format!(
            "the revocation is not recorded at the user's home, {place}. To record it and replace {} there: {}",
            order.key,
            command_line(
                "keyrot revoke",
                &[user.as_str(), order.key.as_str()],
                &format!(" --region {}", place.region)
            )
        ));
    }
    match (view.result.outcome.state(), &view.document.request) {
        (State::Stopped, Some(request)) => {
            Some(format!("to resume: {}", resuming(user, request, view.end_sessions)))
        }
        (_, Some(Request::Revoke(order)))
            if !view.revoked() && !matches!(view.result.outcome, Outcome::Refused(_)) =>
        {
            let off = |key: &AccessKey| key.id == order.key && key.status != KeyStatus::Active;
            let offered = |hint: &Hint| {
                matches!(hint.action, Some(Action::Revoke { without_successor: true, .. }))
            };
            let works = !order.without_successor
                && !view.result.keys.iter().any(off)
                && !view.document.user.hints.iter().any(offered);
            works.then(|| {
                format!(
                    "{} still works; to deactivate it now, even if it is in use: {}",
                    order.key,
                    command_line(
                        "keyrot revoke",
                        &[user.as_str(), order.key.as_str()],
                        " --without-successor"
                    )
                )
            })
        }
        _ => None,
    }
}

/// Returns the state of a user that is not blocked, and what comes next.
pub(super) fn state_now(view: &View<'_>, width: Option<usize>) -> String {
    let user = &view.document.user;
    let (word, color) = users::word(user);
    // The message of some states begins with the same word.
    let text = user.message.strip_prefix(word).unwrap_or(&user.message);
    let text = text.strip_prefix([':', ';']).map_or(text, str::trim_start);
    let mut out = hanging(&format!("{word}, not blocked: "), color, text, style::PLAIN, width);
    let name = [user.user.as_str()];
    let next = match decision_later(view.document, view.result) {
        None if user.state == State::Due => Some(format!(
            "if the user is tagged for rotation, the next run does this; to do it now: `{}`",
            command_line("keyrot rotate", &name, "")
        )),
        decision => decision,
    };
    if let Some(next) = next {
        out.push_str(&hanging("  ", style::DIM, &next, style::PLAIN, width));
    }
    // The resolutions follow in full.
    if let Some(hint) = user.hint().filter(|_| view.document.choices.is_empty()) {
        out.push_str(&hanging(" hint: ", style::HINT, &hint, style::PLAIN, width));
    }
    out
}

/// Returns what the operator has to decide after a rollback, which leaves another key that keyrot
/// holds until then. The next run says the same.
pub(super) fn decision_later(document: &RequestDocument, left: &UserResult) -> Option<String> {
    let created = |of: &KeyId| left.keys.iter().find(|key| key.id == *of).map(|key| key.created);
    // After a rollback to an older key, a newer one remains.
    let current = left.current.as_ref().and_then(created);
    let is_newer = |key: &&AccessKey| current.is_some_and(|current| key.created > current);
    let newer = left.keys.iter().find(is_newer)?;
    let is_left = match &document.request {
        Some(request) => matches!(request, Request::Rollback { .. }),
        None => {
            newer.status == KeyStatus::Active
                && left.previous.as_ref() == Some(&newer.id)
                && !left.revoked.contains(&newer.id)
        }
    };
    if !is_left || matches!(left.outcome, Outcome::Blocked(_)) {
        return None;
    }
    let user = left.user.as_str();
    let from = match &left.outcome {
        Outcome::Waiting(Wait { until: Some(until), .. }) => {
            format!(" after {}", time::absolute(*until))
        }
        _ => String::new(),
    };
    let rotate = command_line("keyrot rotate", &[user], "");
    let resolve = command_line("keyrot resolve", &[user], "");
    Some(match document.request {
        Some(_) => format!("then decide about the other key{from}: `{rotate}`; `{resolve}`"),
        None => format!(
            "AWSCURRENT was moved back from {}; decide about that key{from}: `{rotate}`; `{resolve}`",
            newer.id
        ),
    })
}

/// Returns the user's home, if a revoked key is Inactive and the rest has to be done there.
pub(super) fn elsewhere(outcome: &Outcome) -> Option<&SecretArn> {
    match outcome {
        Outcome::Revoked { rest, .. } => match &**rest {
            Outcome::Blocked(Blocked::ManagedElsewhere { home }) => Some(home),
            _ => None,
        },
        _ => None,
    }
}

/// Returns the command that continues a request. It names the request itself, because the
/// resolution that was chosen may no longer be offered.
pub(crate) fn resuming(user: &UserName, request: &Request, end_sessions: bool) -> String {
    let user = user.clone();
    match request {
        Request::Rollback { to } => {
            command_line("keyrot rollback", &[user.as_str()], &format!(" --to {to}"))
        }
        // Only `resolve` makes these two requests.
        Request::Revoke(Revocation { key, only_if_unused: true, .. }) => {
            Action::Resolve { user, choice: Some(Choice::Retire(key.clone())) }.command()
        }
        Request::Reinstate { key } => {
            Action::Resolve { user, choice: Some(Choice::Reinstate(key.clone())) }.command()
        }
        Request::Revoke(Revocation { key, without_successor, delete, .. }) => Action::Revoke {
            user,
            key: Some(key.clone()),
            without_successor: *without_successor,
            delete: *delete,
            end_sessions,
        }
        .command(),
        Request::Deliver { to } => {
            let to = to.as_ref().map(|to| format!(" --to {to}")).unwrap_or_default();
            command_line("keyrot deliver", &[user.as_str()], &to)
        }
        Request::LetGo { to } => {
            Action::Resolve { user, choice: Some(Choice::LetGo(to.clone())) }.command()
        }
        Request::Bind | Request::Leave { .. } | Request::Move { .. } => {
            "the same command".to_owned()
        }
    }
}
