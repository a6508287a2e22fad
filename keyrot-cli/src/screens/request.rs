//! The screens of `rollback`, `revoke` and `resolve`: the plan, and the result.

mod next;
mod record;
mod view;

use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::text::hanging;
use crate::terminal::time;
use keyrot_core::machine::PlannedAction;
use keyrot_core::model::age;
use keyrot_core::report::{
    Action, Choice, RequestDocument, Resolution, State, UserDocument, command_line,
};
use keyrot_core::requests::{Caution, RequestKind};
use keyrot_core::{
    AccessKey, Blocked, KeyId, KeyStatus, Outcome, Severity, Timestamp, UserResult, Why,
};
use next::elsewhere;
pub(crate) use next::resuming;
use next::{decision_later, state_now, what_next};
use record::{command_to_paste, incident, still_alive};
use std::fmt::Write;
pub(crate) use view::View;
use view::secret_of;

/// Returns the user's keys, and the planned steps.
pub(crate) fn before(view: &View<'_>, width: Option<usize>) -> String {
    let RequestDocument { intended, finished: now, .. } = view.document;
    let mut out = head(view, width);
    out.push_str(&keys(view, *now).show(width));
    if !intended.is_empty() {
        let _ = writeln!(out, "\nThis will");
        for (n, step) in intended.iter().enumerate() {
            out.push_str(&hanging(
                &format!("  {}. ", n + 1),
                style::DIM,
                &step.to_string(),
                style::PLAIN,
                width,
            ));
        }
    }
    for caution in Caution::of(view.kind, intended, view.result) {
        let (lead, color) = match caution.is_warning() {
            true => ("  warning: ", style::WARN),
            false => ("  note: ", style::HINT),
        };
        out.push_str(&hanging(lead, color, &caution.to_string(), style::PLAIN, width));
    }
    out.push('\n');
    out
}

/// Returns the numbered resolutions for a blocked user.
pub(crate) fn resolutions(resolutions: &[Resolution], width: Option<usize>) -> String {
    let mut out = format!("\n{}\n", paint(style::HEAD, "Resolutions"));
    for (n, resolution) in resolutions.iter().enumerate() {
        out.push_str(&hanging(
            &format!("  {}. ", n + 1),
            style::DIM,
            &resolution.message,
            style::PLAIN,
            width,
        ));
        let choice = format!("--choose {}", resolution.choice);
        out.push_str(&hanging("     ", style::DIM, &choice, style::PLAIN, width));
    }
    out
}

/// Returns the result, and the remaining steps.
pub(crate) fn after(view: &View<'_>, width: Option<usize>) -> String {
    let mut out = String::new();
    let document = view.document;
    if document.dry_run && matches!(view.result.outcome, Outcome::Planned(_)) {
        return "Nothing was done.\n".to_owned();
    }
    let record = view.order().filter(|_| view.acted && view.kind == RequestKind::Revoke);
    // The key's state comes first.
    out.push_str(&verdict(view, width));
    if let Some(order) = record {
        out.push('\n');
        out.push_str(&incident(view, order, width));
        out.push_str(&still_alive(view, width));
    }
    if view.acted {
        out.push_str(&what_is_left(view, width));
    }
    if let Some(order) = record {
        let text = format!("to see what used the key: keyrot who-uses {}", order.key);
        out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
    }
    if let Some(text) = what_next(view) {
        out.push_str(&hanging("  hint: ", style::HINT, &text, style::PLAIN, width));
    }
    for failure in &document.notifier_failures {
        let text = format!("notifier {} failed: {}", failure.notifier, failure.reason);
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    }
    out
}

fn head(view: &View<'_>, width: Option<usize>) -> String {
    let user = &view.document.user;
    let owner = user.owner.as_ref().map(|owner| format!(" (owner {owner})")).unwrap_or_default();
    let text = format!("secret {}, {}", secret_of(view.document), view.place);
    format!(
        "{}{owner}\n{}",
        paint(style::HEAD, &user.user),
        hanging("  ", style::DIM, &text, style::DIM, width)
    )
}

fn keys(view: &View<'_>, now: Timestamp) -> Table {
    let View { document, result, .. } = view;
    let mut table = Table::new(&["KEY", "STATUS", "IN THE SECRET", "AGE", "LAST USE"]);
    for key in &result.keys {
        let color = if key.status == KeyStatus::Active { style::GOOD } else { style::DIM };
        let cells = [
            Cell::plain(key.id.as_str()),
            Cell::new(key.status.word(), color),
            place(result, &key.id),
        ];
        let age = Cell::plain(age(key.created, now));
        let used = document.evidence.iter().find(|evidence| evidence.key == key.id);
        let used = used.map_or_else(String::new, |evidence| {
            match (&evidence.last_used, &evidence.service) {
                (Some(when), Some(service)) => {
                    let region = evidence.region.as_deref().unwrap_or("an unknown region");
                    format!("{}, for {service} in {region}", time::both(*when, now))
                }
                _ => evidence.message.clone(),
            }
        });
        table.row(cells.into_iter().chain([age, Cell::plain(used)]).collect());
    }
    if result.keys.is_empty() {
        let text = if result.calls == 0 { "not read" } else { "none" };
        table.row(vec![Cell::new(text, style::DIM)]);
    }
    table
}

fn place(result: &UserResult, id: &KeyId) -> Cell {
    let is = |key: &Option<KeyId>| key.as_ref() == Some(id);
    match (is(&result.current), is(&result.previous), result.revoked.contains(id)) {
        (true, _, true) => Cell::new("current, revoked", style::BAD),
        (true, _, false) => Cell::new("current", style::GOOD),
        (false, _, true) => Cell::new("revoked", style::BAD),
        (false, true, false) => Cell::new("previous", style::BUSY),
        (false, false, false) => Cell::new("-", style::DIM),
    }
}

/// Returns whether the key works, as far as is known.
fn state_of(view: &View<'_>, key: &KeyId) -> String {
    let keys = &view.result.keys;
    match keys.iter().find(|known| known.id == *key).map(|known| &known.status) {
        Some(KeyStatus::Active) => format!("{key} still works"),
        Some(KeyStatus::Inactive) => format!("{key} is Inactive"),
        Some(KeyStatus::Other(status)) => format!("{key} is {status}"),
        None if keys.is_empty() && !view.revoked() => {
            format!("it is unknown whether {key} still works")
        }
        None => format!("{key} is not listed"),
    }
}

/// Returns the user's message without what is wrong meanwhile: the screen has that already.
fn said(user: &UserDocument) -> &str {
    let first = user.meanwhile.as_ref().and_then(|first| user.message.strip_prefix(first.as_str()));
    first.and_then(|rest| rest.strip_prefix("; ")).unwrap_or(&user.message)
}

/// Whether the keys were listed before anything was done, and this was not among them.
fn is_gone(view: &View<'_>, key: &KeyId) -> bool {
    let View { document, result, .. } = view;
    !document.evidence.is_empty()
        && document.evidence.iter().all(|evidence| evidence.key != *key)
        && result.keys.iter().all(|known| known.id != *key)
}

fn verdict(view: &View<'_>, width: Option<usize>) -> String {
    let document = view.document;
    let user = &document.user;
    let not_blocked = matches!(user.state, State::Settled | State::Waiting | State::Due);
    if document.request.is_none() && not_blocked {
        return state_now(view, width);
    }
    let (word, color) = match user.state {
        _ if view.revoked() => ("done: ", style::GOOD),
        State::Settled => ("nothing to do: ", style::GOOD),
        State::Waiting | State::Due => ("not done yet: ", style::WARN),
        State::Blocked => ("blocked: ", style::BAD),
        State::Stopped => ("stopped: ", style::WARN),
        State::Failed => ("not done: ", style::BAD),
    };
    let last = user.events.iter().rev().find(|event| event.severity < Severity::Error);
    let text = match (view.order(), last) {
        (Some(order), _)
            if view.kind == RequestKind::Revoke
                && !view.revoked()
                && !matches!(view.result.outcome, Outcome::Planned(_)) =>
        {
            format!("{}: {}", state_of(view, &order.key), said(user))
        }
        _ if !view.revoked() => user.message.clone(),
        (Some(order), _) if order.delete => format!("{} is deleted", order.key),
        (Some(order), None) => format!("{}; it already was", state_of(view, &order.key)),
        (Some(order), _) if is_gone(view, &order.key) => {
            format!("{} no longer exists: requests with it are refused", order.key)
        }
        (Some(order), _) => format!("{} is Inactive: requests with it are refused", order.key),
        (None, None) => "nothing to do; it was already done".to_owned(),
        (None, Some(event)) => event.message.clone(),
    };
    let mut out = hanging(word, color, &text, style::PLAIN, width);
    if let Some(rest) = &user.rest {
        let text = format!("the rest is not done: {rest}");
        out.push_str(&hanging("warning: ", style::WARN, &text, style::PLAIN, width));
    }
    if let Some(why) = &document.sessions_not_ended {
        let text = format!("the user's sessions were not ended: {why}");
        out.push_str(&hanging("warning: ", style::WARN, &text, style::PLAIN, width));
    }
    // The resolutions follow in full. A hint would only name the command that was just run.
    let resolutions_follow = view.kind == RequestKind::Resolve && !document.choices.is_empty();
    if let Some(hint) = user.hint().filter(|_| !resolutions_follow) {
        out.push_str(&hanging(" hint: ", style::HINT, &hint, style::PLAIN, width));
    }
    out
}

fn what_is_left(view: &View<'_>, width: Option<usize>) -> String {
    let mut out = format!("{}\n", paint(style::HEAD, "Now"));
    let intended = view.document.intended.last();
    let (Some(left), Some(seen)) = (&view.document.left, view.left) else {
        if view.result.outcome.state() == State::Stopped {
            out.push_str(&hanging("  ", style::DIM, "not read again", style::PLAIN, width));
            return out;
        }
        let resolve = command_line("keyrot resolve", &[view.result.user.as_str()], " --dry-run");
        let text = format!("not read again; to see it: {resolve}");
        out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
        return out;
    };
    let current = match &left.current {
        Some(key) if seen.revoked.contains(key) && is_active(seen, key) => {
            format!("consumers of {} get {key}, which is revoked and still works", left.secret)
        }
        Some(key)
            if seen.revoked.contains(key)
                || (view.revoked() && view.order().is_some_and(|order| order.key == *key)) =>
        {
            format!(
                "consumers of {} get {key}, and are refused until another key is published",
                left.secret
            )
        }
        Some(key) => format!("consumers of {} get {key}", left.secret),
        None if elsewhere(&view.result.outcome).is_some() => {
            format!("{} is not the user's home here", left.secret)
        }
        None => format!("{} holds no key", left.secret),
    };
    out.push_str(&hanging("  ", style::DIM, &current, style::PLAIN, width));
    // IAM's listing may not show the change yet.
    let done = view.revoked()
        && view.order().is_some_and(|order| {
            let is_off = |key: &AccessKey| key.id == order.key && key.status == KeyStatus::Inactive;
            is_settling_or_soaking(&seen.outcome, &order.key) || seen.keys.iter().any(is_off)
        });
    let message = match (view.order(), intended) {
        (Some(order), Some(PlannedAction::DeleteLater { after, .. })) if done => {
            let after = keyrot_core::model::format_duration(*after);
            format!(
                "{0} is Inactive. If the user is tagged for rotation, a run deletes {0} after {after}",
                order.key
            )
        }
        (Some(order), Some(PlannedAction::Delete(_))) if done => {
            format!("{} is deleted; IAM may list it for a few more seconds", order.key)
        }
        _ if left.state == State::Due => {
            format!("if the user is tagged for rotation, a run does next: {}", left.message)
        }
        _ => said(left).to_owned(),
    };
    out.push_str(&hanging("  ", style::DIM, &message, style::PLAIN, width));
    if let Some(PlannedAction::DeleteLater { key, .. }) = intended.filter(|_| done) {
        let user = &view.result.user;
        let activate = Action::Activate { user: user.clone(), key: key.clone() }.command();
        let choice = Some(Choice::Reinstate(key.clone()));
        let reinstate = Action::Resolve { user: user.clone(), choice }.command();
        let text = "to undo this before a run deletes it:";
        out.push_str(&hanging("  ", style::DIM, text, style::PLAIN, width));
        out.push_str(&command_to_paste(&activate, width));
        out.push_str(&command_to_paste(&reinstate, width));
    }
    if let Some(text) = decision_later(view.document, seen) {
        out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
    }
    if let Some(hint) = left.hint() {
        out.push_str(&hanging("  hint: ", style::HINT, &hint, style::PLAIN, width));
    }
    out
}

fn is_active(seen: &UserResult, key: &KeyId) -> bool {
    seen.keys.iter().any(|known| known.id == *key && known.status == KeyStatus::Active)
}

fn is_settling_or_soaking(outcome: &Outcome, key: &KeyId) -> bool {
    match outcome {
        Outcome::Waiting(wait) => matches!(wait.why, Why::Settling(_) | Why::Soak(_)),
        Outcome::Blocked(Blocked::RevokedKeyCurrent { key: current, .. }) => current == key,
        _ => false,
    }
}
