//! The next command, for a request that did not finish.

use super::view::View;
use keyrot_core::model::SecretArn;
use keyrot_core::report::{Action, Choice, Hint, State, command_line};
use keyrot_core::{AccessKey, Blocked, KeyStatus, Outcome, Request, Revocation, UserName};

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
