//! The screens of `rollback`, `revoke` and `resolve`: what is known before a person agrees, and what came of it.

use super::table::{Cell, Table, hanging};
use super::{paint, style, time};
use keyrot_core::{Intended, KeyDocument, Request, RequestDocument, Severity, State, Timestamp, UserDocument, WayOut};
use std::fmt::Write;

/// The document of a key that leaked: its screen is a record to be kept.
pub(crate) const REVOKE: &str = "keyrot.revoke/1";

/// What is known of the user's keys, and what will be done.
pub(crate) fn before(document: &RequestDocument, width: Option<usize>) -> String {
    let RequestDocument { user, intended, finished: now, .. } = document;
    let mut out = head(document, width);
    out.push_str(&keys(document, *now).show(width));
    if !intended.is_empty() {
        let _ = writeln!(out, "\nThis will");
        for (n, step) in intended.iter().enumerate() {
            out.push_str(&hanging(&format!("  {}. ", n + 1), style::DIM, &step.to_string(), style::PLAIN, width));
        }
    }
    if intended.contains(&Intended::MakeSecret) && !intended.contains(&Intended::PublishNewKey) {
        let text = format!("nothing will be published in {}: whoever uses the key is on their own", user.secret);
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    } else if intended.contains(&Intended::MakeSecret) {
        let text = format!("nobody reads {} yet: whoever uses the key now is refused until they do", user.secret);
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    }
    out.push('\n');
    out
}

/// The ways out of what blocks a user, numbered.
pub(crate) fn ways(ways: &[WayOut], width: Option<usize>) -> String {
    let mut out = format!("\n{}\n", paint(style::HEAD, "What can be done"));
    for (n, way) in ways.iter().enumerate() {
        out.push_str(&hanging(&format!("  {}. ", n + 1), style::DIM, &way.message, style::PLAIN, width));
        let choice = format!("--choose {}", way.choice);
        out.push_str(&hanging("     ", style::DIM, &choice, style::PLAIN, width));
    }
    out
}

/// What came of it, and what is left.
pub(crate) fn after(document: &RequestDocument, width: Option<usize>) -> String {
    let mut out = String::new();
    let user = &document.user;
    if document.dry_run && document.request.is_some() && user.reason == "intended" {
        return "Nothing was done.\n".to_owned();
    }
    let revoked = match &document.request {
        Some(Request::Revoke(order)) if document.left.is_some() && document.schema == REVOKE => {
            out.push_str(&incident(document, order.reason.as_deref(), &order.key, width));
            true
        }
        _ => false,
    };
    out.push_str(&verdict(document, width));
    if let Some(left) = &document.left {
        out.push_str(&what_is_left(document, left, width));
        if let Some(Request::Revoke(order)) = document.request.as_ref().filter(|_| revoked) {
            let text = format!("what the key did, and for whom: keyrot who-uses {}", order.key);
            out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
        }
    }
    if let (Some(Request::Revoke(order)), State::Waiting | State::Blocked) = (&document.request, user.state)
        && !order.without_successor
        && user.keys.iter().any(|key| key.id == order.key && key.status == "active")
    {
        let text = format!(
            "{} still works. If it has to go now, whoever uses it: keyrot revoke {} {} --without-successor",
            order.key, user.user, order.key
        );
        out.push_str(&hanging("  hint: ", style::HINT, &text, style::PLAIN, width));
    }
    for failure in &document.notifier_failures {
        let text = format!("the notifier {} failed: {}", failure.notifier, failure.reason);
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    }
    out
}

fn head(document: &RequestDocument, width: Option<usize>) -> String {
    let user = &document.user;
    let owner = user.owner.as_ref().map(|owner| format!(" (owner {owner})")).unwrap_or_default();
    let text = format!("secret {}, {}", user.secret, whereabouts(document));
    format!("{}{owner}\n{}", paint(style::HEAD, &user.user), hanging("  ", style::DIM, &text, style::DIM, width))
}

fn whereabouts(document: &RequestDocument) -> String {
    match &document.region {
        Some(region) => format!("account {}, {region}", document.account),
        None => format!("account {}, a sandbox", document.account),
    }
}

fn keys(document: &RequestDocument, now: Timestamp) -> Table {
    let user = &document.user;
    let mut table = Table::new(&["KEY", "STATUS", "IN THE SECRET", "AGE", "LAST USE"]);
    for key in &user.keys {
        let color = if key.status == "active" { style::GOOD } else { style::DIM };
        let cells = [Cell::plain(key.id.as_str()), Cell::new(&key.status, color), place(user, key)];
        let age = Cell::plain(format!("{} d", key.age_days));
        let used = document.evidence.iter().find(|evidence| evidence.key == key.id);
        let used = used.map_or_else(String::new, |evidence| match (&evidence.last_used, &evidence.service) {
            (Some(when), Some(service)) => {
                let region = evidence.region.as_deref().unwrap_or("an unknown region");
                format!("{}, for {service} in {region}", time::both(*when, now))
            }
            _ => evidence.message.clone(),
        });
        table.row(cells.into_iter().chain([age, Cell::plain(used)]).collect());
    }
    if user.keys.is_empty() {
        let text = if user.calls == 0 { "not looked at" } else { "none" };
        table.row(vec![Cell::new(text, style::DIM)]);
    }
    table
}

fn place(user: &UserDocument, key: &KeyDocument) -> Cell {
    let id = Some(&key.id);
    match (key.current, user.previous.as_ref() == id, user.revoked.as_ref() == id) {
        (true, _, true) => Cell::new("current, revoked", style::BAD),
        (true, _, false) => Cell::new("current", style::GOOD),
        (false, _, true) => Cell::new("revoked", style::BAD),
        (false, true, false) => Cell::new("previous", style::BUSY),
        (false, false, false) => Cell::new("-", style::DIM),
    }
}

/// A record to be kept: what happened to which key, when and why.
fn incident(
    document: &RequestDocument,
    reason: Option<&str>,
    revoked: &keyrot_core::KeyId,
    width: Option<usize>,
) -> String {
    let title = if document.user.reason == "done" { "Record of the incident" } else { "Record of the incident so far" };
    let mut out = format!("{}\n", paint(style::HEAD, title));
    let mut line = |what: &str, text: &str| {
        out.push_str(&hanging(&format!("  {what:<8} "), style::DIM, text, style::PLAIN, width));
    };
    let user = &document.user;
    let owner = user.owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
    line("user", &format!("{}{owner}; secret {}; {}", user.user, user.secret, whereabouts(document)));
    let evidence = document.evidence.iter().find(|evidence| evidence.key == *revoked);
    let used = evidence.map(|evidence| format!("; before this: {}", evidence.message)).unwrap_or_default();
    line("key", &format!("{revoked}{used}"));
    line("reason", reason.unwrap_or("not given"));
    let span = time::span((document.finished - document.started).num_seconds());
    line("time", &format!("{}, within {span}", time::absolute(document.started)));
    for event in &user.events {
        line(&event.at.format("%T").to_string(), &event.message);
    }
    out.push('\n');
    out
}

fn verdict(document: &RequestDocument, width: Option<usize>) -> String {
    let user = &document.user;
    let (word, color) = match user.state {
        _ if user.reason == "done" => ("done: ", style::GOOD),
        State::Settled | State::Waiting | State::Due if document.request.is_none() => {
            ("nothing is in the way: ", style::GOOD)
        }
        State::Settled => ("nothing to do: ", style::GOOD),
        State::Waiting | State::Due => ("not done yet: ", style::WARN),
        State::Blocked => ("blocked: ", style::BAD),
        State::Stopped => ("stopped: ", style::WARN),
        State::Failed => ("not done: ", style::BAD),
    };
    let last = user.events.iter().rev().find(|event| event.severity < Severity::Error);
    let text = match (&document.request, last) {
        _ if user.reason != "done" => user.message.clone(),
        (_, None) => "nothing had to be done; it was so already".to_owned(),
        (Some(Request::Revoke(order)), _) if order.delete => format!("{} is deleted", order.key),
        (Some(Request::Revoke(order)), _) => format!("{} is Inactive: whoever uses it is refused", order.key),
        (_, Some(event)) => event.message.clone(),
    };
    let mut out = hanging(word, color, &text, style::PLAIN, width);
    if let Some(hint) = &user.hint {
        out.push_str(&hanging(" hint: ", style::HINT, hint, style::PLAIN, width));
    }
    out
}

fn what_is_left(document: &RequestDocument, left: &UserDocument, width: Option<usize>) -> String {
    let current = match &left.current {
        Some(key) => format!("readers of {} get {key}", left.secret),
        None => format!("{} holds no key", left.secret),
    };
    let mut out = format!("{}\n", paint(style::HEAD, "What is left"));
    out.push_str(&hanging("  ", style::DIM, &current, style::PLAIN, width));
    // IAM's listing may lag behind what was just done.
    let done = document.user.reason == "done" && matches!(left.reason, "settling" | "soak");
    let message = match (&document.request, document.intended.last()) {
        (Some(Request::Revoke(order)), Some(Intended::DeleteLater { .. })) if done => {
            format!("{} is Inactive; it can be reactivated until a run deletes it", order.key)
        }
        (Some(Request::Revoke(order)), Some(Intended::Delete(_))) if done => {
            format!("{} is deleted; IAM may list it for some moments more", order.key)
        }
        _ => left.message.clone(),
    };
    out.push_str(&hanging("  ", style::DIM, &message, style::PLAIN, width));
    if let Some(Intended::DeleteLater { key, after }) = document.intended.last().filter(|_| done) {
        let after = keyrot_core::format_duration(*after);
        let text =
            format!("a run deletes {key} when it has been Inactive for {after}, if the user is tagged for rotation");
        out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
    }
    if let Some(hint) = &left.hint {
        out.push_str(&hanging("  hint: ", style::HINT, hint, style::PLAIN, width));
    }
    out
}
