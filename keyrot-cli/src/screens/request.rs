//! The screens of `rollback`, `revoke` and `resolve`: the plan, and the result.

use crate::terminal::style::{self, paint};
use crate::terminal::table::{Cell, Table};
use crate::terminal::text::{hanging, wrap};
use crate::terminal::time;
use keyrot_core::machine::PlannedAction;
use keyrot_core::model::{EndedSessions, SecretArn};
use keyrot_core::report::{Action, RequestDocument, Resolution, State};
use keyrot_core::requests::{RequestKind, RequestPlan, RequestReport};
use keyrot_core::{
    AccessKey, Blocked, KeyId, KeyStatus, Outcome, Request, Revocation, Severity, Target,
    Timestamp, UserResult, Why,
};
use std::fmt::Write;

/// What a screen is of: the document of `--json`, and what that was made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    kind: RequestKind,
    document: &'a RequestDocument,
    /// The source of `document.user`.
    result: &'a UserResult,
    /// Whether something was done: then it is a record of that.
    acted: bool,
    /// The source of `document.left`.
    left: Option<&'a UserResult>,
    /// Whether the user's sessions were to be ended, too.
    end_sessions: bool,
}

impl<'a> From<&'a RequestPlan> for View<'a> {
    fn from(plan: &'a RequestPlan) -> Self {
        let RequestPlan { kind, document, result, .. } = plan;
        Self { kind: *kind, document, result, acted: false, left: None, end_sessions: false }
    }
}

impl<'a> From<&'a RequestReport> for View<'a> {
    fn from(report: &'a RequestReport) -> Self {
        let RequestReport { kind, document, result, left, acted, end_sessions, .. } = report;
        let (kind, acted, left) = (*kind, *acted, left.as_ref());
        Self { kind, document, result, acted, left, end_sessions: *end_sessions }
    }
}

impl<'a> View<'a> {
    /// Whether it is done: of a revocation, that the key was seen Inactive or gone.
    fn revoked(&self) -> bool {
        matches!(self.result.outcome, Outcome::Done | Outcome::Revoked { .. })
    }

    fn order(&self) -> Option<&'a Revocation> {
        match &self.document.request {
            Some(Request::Revoke(order)) => Some(order),
            _ => None,
        }
    }
}

/// What is known of the user's keys, and what will be done.
pub(crate) fn before(view: &View<'_>, width: Option<usize>) -> String {
    let RequestDocument { user, intended, finished: now, .. } = view.document;
    let mut out = head(view.document, width);
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
    if intended.contains(&PlannedAction::MakeSecret)
        && !intended.contains(&PlannedAction::PublishNewKey)
    {
        let text = format!(
            "nothing will be published in {}: consumers of the key get no replacement",
            user.secret
        );
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    } else if intended.contains(&PlannedAction::MakeSecret) {
        let text = format!(
            "nothing reads {} yet: consumers of the key are refused until they do",
            user.secret
        );
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    }
    if view.kind == RequestKind::Rollback
        && intended.iter().any(|step| goes_back(step, view.result))
    {
        let text = "after this the user is blocked until you decide about the other key";
        out.push_str(&hanging("  note: ", style::HINT, text, style::PLAIN, width));
    }
    for key in intended.iter().filter_map(|step| listed_as_active(step, view.result)) {
        let text = format!(
            "IAM still lists {key} as Active: keyrot deactivated it minutes ago, and the list can lag"
        );
        out.push_str(&hanging("  note: ", style::HINT, &text, style::PLAIN, width));
    }
    out.push('\n');
    out
}

/// The key that the step reactivates, if IAM lists it as Active.
fn listed_as_active<'a>(step: &'a PlannedAction, result: &UserResult) -> Option<&'a KeyId> {
    let PlannedAction::Activate(id) = step else { return None };
    let active = |key: &AccessKey| key.id == *id && key.status == KeyStatus::Active;
    result.keys.iter().any(active).then_some(id)
}

/// Whether the step publishes an older key than the current one: forward again needs no decision.
fn goes_back(step: &PlannedAction, result: &UserResult) -> bool {
    let made = |id: &KeyId| result.keys.iter().find(|key| key.id == *id).map(|key| key.created);
    let current = result.current.as_ref().and_then(made);
    matches!(step, PlannedAction::PublishAgain(key) if made(key).zip(current).is_some_and(|(key, current)| key < current))
}

/// The resolutions for a blocked user, numbered.
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

/// What came of it, and what is left.
pub(crate) fn after(view: &View<'_>, width: Option<usize>) -> String {
    let mut out = String::new();
    let document = view.document;
    if document.dry_run && matches!(view.result.outcome, Outcome::Planned(_)) {
        return "Nothing was done.\n".to_owned();
    }
    let record = view.order().filter(|_| view.acted && view.kind == RequestKind::Revoke);
    // What became of the key comes first of all.
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

/// What to type where it did not come to its end.
fn what_next(view: &View<'_>) -> Option<String> {
    let user = &view.result.user;
    if let (Some(order), Some(home)) = (view.order(), elsewhere(&view.result.outcome)) {
        let place = home.place();
        return Some(format!(
            "the revocation is not recorded at the user's home, {place}. To record it and replace {} there: keyrot revoke {user} {} --region {}",
            order.key, order.key, place.region
        ));
    }
    match (view.result.outcome.state(), &view.document.request) {
        (State::Stopped, Some(request)) => Some(format!("to resume: {}", resuming(view, request))),
        (_, Some(Request::Revoke(order)))
            if !view.revoked() && !matches!(view.result.outcome, Outcome::Refused(_)) =>
        {
            let off = |key: &AccessKey| key.id == order.key && key.status != KeyStatus::Active;
            let works = !order.without_successor && !view.result.keys.iter().any(off);
            works.then(|| {
                format!(
                    "{} still works; to deactivate it now, even if it is in use: keyrot revoke {user} {} --without-successor",
                    order.key, order.key
                )
            })
        }
        _ => None,
    }
}

/// The user's home, where a revoked key is off and the rest has to be done there.
fn elsewhere(outcome: &Outcome) -> Option<&SecretArn> {
    match outcome {
        Outcome::Revoked { rest, .. } => match &**rest {
            Outcome::Blocked(Blocked::ManagedElsewhere { home }) => Some(home),
            _ => None,
        },
        _ => None,
    }
}

/// The command that continues a request. It names the request itself: the resolution that it was
/// chosen as may no longer be offered.
fn resuming(view: &View<'_>, request: &Request) -> String {
    let user = view.result.user.clone();
    match request {
        Request::Rollback { to } => format!("keyrot rollback {user} --to {to}"),
        // No other command asks for these.
        Request::Revoke(Revocation { key, only_if_unused: true, .. }) => {
            Action::Resolve { user, choice: Some(format!("retire:{key}")) }.command()
        }
        Request::Reinstate { key } => {
            Action::Resolve { user, choice: Some(format!("reinstate:{key}")) }.command()
        }
        Request::Revoke(Revocation { key, without_successor, delete, .. }) => Action::Revoke {
            user,
            key: Some(key.clone()),
            without_successor: *without_successor,
            delete: *delete,
            end_sessions: view.end_sessions,
        }
        .command(),
        Request::Bind | Request::Leave { .. } | Request::Move { .. } => {
            "the same command".to_owned()
        }
    }
}

fn head(document: &RequestDocument, width: Option<usize>) -> String {
    let user = &document.user;
    let owner = user.owner.as_ref().map(|owner| format!(" (owner {owner})")).unwrap_or_default();
    let text = format!("secret {}, {}", secret_of(document), whereabouts(document));
    format!(
        "{}{owner}\n{}",
        paint(style::HEAD, &user.user),
        hanging("  ", style::DIM, &text, style::DIM, width)
    )
}

/// The secret, where the user was looked up.
fn secret_of(document: &RequestDocument) -> &str {
    match document.user.secret.as_str() {
        Target::NO_SECRET => "not looked up",
        secret => secret,
    }
}

/// The account and region, as headers and questions name them.
pub(crate) fn whereabouts(document: &RequestDocument) -> String {
    match &document.region {
        Some(region) => {
            format!("account {}, {region}", document.account.as_deref().unwrap_or("not looked up"))
        }
        None => {
            format!("account {} (sandbox)", document.account.as_deref().unwrap_or("not looked up"))
        }
    }
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
        let age = Cell::plain(format!("{} d", (now - key.created).num_days().max(0)));
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

/// A record to be kept: what happened to which key, when and why.
fn incident(view: &View<'_>, order: &Revocation, width: Option<usize>) -> String {
    let document = view.document;
    let title = if view.revoked() { "Incident record" } else { "Incident record (incomplete)" };
    let mut out = format!("{}\n", paint(style::HEAD, title));
    let mut line = |what: &str, text: &str| {
        out.push_str(&hanging(&format!("  {what:<8} "), style::DIM, text, style::PLAIN, width));
    };
    let user = &document.user;
    let owner = user.owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
    line(
        "user",
        &format!("{}{owner}; secret {}; {}", user.user, secret_of(document), whereabouts(document)),
    );
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

/// Whether the key works, as far as it was seen.
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

/// What still works, or may, each with what ends it.
fn still_alive(view: &View<'_>, width: Option<usize>) -> String {
    let RequestDocument { still_alive, sessions_ended, .. } = view.document;
    let mut out = String::new();
    if let Some(ended) = sessions_ended {
        let text = format!(
            "sessions of {} that started before {} are denied everything by the inline policy {}; after {}, remove it: keyrot resolve {}",
            view.result.user,
            time::absolute(ended.before),
            EndedSessions::POLICY,
            time::absolute(ended.until),
            view.result.user
        );
        out.push_str(&hanging("", style::PLAIN, &text, style::PLAIN, width));
    }
    if still_alive.is_empty() {
        return out;
    }
    let _ = writeln!(out, "{}", paint(style::HEAD, "What still works"));
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
            // So that it can be pasted, however many lines it takes.
            let room = width.map(|width| width.saturating_sub(8));
            let lines = wrap(&action.command(), room).join(" \\\n      ");
            let _ = writeln!(out, "    {}", paint(style::HINT, lines));
        }
    }
    out.push('\n');
    out
}

fn verdict(view: &View<'_>, width: Option<usize>) -> String {
    let document = view.document;
    let user = &document.user;
    let (word, color) = match user.state {
        _ if view.revoked() => ("done: ", style::GOOD),
        State::Settled | State::Waiting | State::Due if document.request.is_none() => {
            ("not blocked: ", style::GOOD)
        }
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
            format!("{}: {}", state_of(view, &order.key), user.message)
        }
        _ if !view.revoked() => user.message.clone(),
        (Some(order), _) if order.delete => format!("{} is deleted", order.key),
        (Some(order), None) => format!("{}; it already was", state_of(view, &order.key)),
        (Some(order), _) => format!("{} is Inactive: requests with it are refused", order.key),
        (None, None) => "nothing to do; it was already done".to_owned(),
        (None, Some(event)) => event.message.clone(),
    };
    let mut out = hanging(word, color, &text, style::PLAIN, width);
    if let Outcome::Revoked { .. } = view.result.outcome {
        let rest =
            user.message.split_once("the rest").map_or(user.message.as_str(), |(_, rest)| rest);
        out.push_str(&hanging(
            "warning: ",
            style::WARN,
            &format!("the rest{rest}"),
            style::PLAIN,
            width,
        ));
    }
    if let Some(why) = &document.sessions_not_ended {
        let text = format!("the user's sessions were not ended: {why}");
        out.push_str(&hanging("warning: ", style::WARN, &text, style::PLAIN, width));
    }
    // The resolutions follow in full: a hint would name the command that was just run.
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
        let text =
            format!("not read again; to see it: keyrot resolve {} --dry-run", view.result.user);
        out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
        return out;
    };
    let current = match &left.current {
        Some(key) if view.revoked() && view.order().is_some_and(|order| order.key == *key) => {
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
    // IAM's listing may lag behind what was just done.
    let done = view.revoked() && is_settling_or_soaking(&seen.outcome);
    let message = match (view.order(), intended) {
        (Some(order), Some(PlannedAction::DeleteLater { .. })) if done => {
            format!(
                "{} is Inactive. To undo this before a run deletes it: aws iam update-access-key --user-name {} --access-key-id {} --status Active, then: keyrot resolve {} --choose reinstate:{}",
                order.key, view.result.user, order.key, view.result.user, order.key
            )
        }
        (Some(order), Some(PlannedAction::Delete(_))) if done => {
            format!("{} is deleted; IAM may list it for a few more seconds", order.key)
        }
        _ => left.message.clone(),
    };
    out.push_str(&hanging("  ", style::DIM, &message, style::PLAIN, width));
    if let Some(PlannedAction::DeleteLater { key, after }) = intended.filter(|_| done) {
        let after = keyrot_core::model::format_duration(*after);
        let text = format!("if the user is tagged for rotation, a run deletes {key} after {after}");
        out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
    }
    if let Some(hint) = left.hint() {
        out.push_str(&hanging("  hint: ", style::HINT, &hint, style::PLAIN, width));
    }
    out
}

fn is_settling_or_soaking(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Waiting(wait) if matches!(wait.why, Why::Settling(_) | Why::Soak(_)))
}
