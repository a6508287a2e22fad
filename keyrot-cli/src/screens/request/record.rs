//! The record of a revocation: what happened to the key, and what still works.

use super::view::{View, secret_of};
use crate::cli::given;
use crate::terminal::style::{self, paint};
use crate::terminal::text::{hanging, wrap};
use crate::terminal::time;
use keyrot_core::Revocation;
use keyrot_core::model::EndedSessions;
use keyrot_core::report::{RequestDocument, command_line};
use std::fmt::Write;

/// Returns a record to keep: what happened to which key, when and why.
pub(super) fn incident(view: &View<'_>, order: &Revocation, width: Option<usize>) -> String {
    let document = view.document;
    let title = if view.revoked() { "Incident record" } else { "Incident record (incomplete)" };
    let mut out = format!("{}\n", paint(style::HEAD, title));
    let mut line = |what: &str, text: &str| {
        out.push_str(&hanging(&format!("  {what:<8} "), style::DIM, text, style::PLAIN, width));
    };
    let user = &document.user;
    let owner = user.owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
    line("user", &format!("{}{owner}; secret {}; {}", user.user, secret_of(document), view.place));
    let evidence = document.evidence.iter().find(|evidence| evidence.key == order.key);
    let used =
        evidence.map(|evidence| format!("; before: {}", evidence.message)).unwrap_or_default();
    line("key", &format!("{}{used}", order.key));
    line("reason", order.reason.as_deref().unwrap_or("not given"));
    let span = time::span((document.finished - document.started).num_seconds());
    line("time", &format!("{}, took {span}", time::absolute(document.started)));
    for event in &user.events {
        line(&time::clock(event.at), &event.message);
    }
    out.push('\n');
    out
}

/// Returns a command on separate lines, so that it can be pasted, no matter how many lines it
/// needs.
pub(super) fn command_to_paste(command: &str, width: Option<usize>) -> String {
    // A quoted argument stays whole.
    let room =
        width.filter(|_| !command.contains(['\'', '"'])).map(|width| width.saturating_sub(8));
    let lines = wrap(&given::command(command), room).join(" \\\n      ");
    format!("    {}\n", paint(style::HINT, lines))
}

/// Returns what still works or may still work, each with what ends it.
pub(super) fn still_alive(view: &View<'_>, width: Option<usize>) -> String {
    let RequestDocument { still_alive, sessions_ended, .. } = view.document;
    let mut out = String::new();
    if let Some(ended) = sessions_ended {
        let text = format!(
            "sessions of {} that started before {} are denied everything by the inline policy {}; after {}, remove it: {}",
            view.result.user,
            time::absolute(ended.before),
            EndedSessions::POLICY,
            time::absolute(ended.until),
            command_line("keyrot resolve", &[view.result.user.as_str()], "")
        );
        out.push_str(&hanging("", style::PLAIN, &text, style::PLAIN, width));
        out.push('\n');
    }
    if still_alive.is_empty() {
        return out;
    }
    let _ = writeln!(out, "{}", paint(style::HEAD, "What may still work"));
    for one in still_alive {
        let until = one
            .until
            .map(|until| format!(" (until {} at the latest)", time::absolute(until)))
            .unwrap_or_default();
        out.push_str(&hanging(
            "  - ",
            style::DIM,
            &format!("{}{until}", one.message),
            style::PLAIN,
            width,
        ));
        if let Some(action) = &one.command {
            out.push_str(&command_to_paste(&action.command(), width));
        }
    }
    out.push('\n');
    out
}
