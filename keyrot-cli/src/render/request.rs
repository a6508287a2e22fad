//! The screens of `rollback`, `revoke` and `resolve`: what is known before a person agrees, and what came of it.

use super::table::{Cell, Table, hanging, wrap};
use super::{paint, style, time};
use keyrot_core::machine::PlannedAction;
use keyrot_core::report::{RequestDocument, State};
use keyrot_core::requests::{EndedSessions, Resolution};
use keyrot_core::{
    AccessKey, KeyId, KeyStatus, Outcome, Request, Revocation, Severity, Target, Timestamp, UserResult, Why,
};
use std::fmt::Write;

/// Which command asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Rollback,
    /// For a key that leaked: its screen is a record to be kept.
    Revoke,
    Resolve,
}

/// What a screen is of: the document of `--json`, and what that was made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) kind: Kind,
    pub(crate) document: &'a RequestDocument,
    /// What `document.user` tells.
    pub(crate) standing: &'a UserResult,
    /// Whether something was done: then it is a record of that.
    pub(crate) acted: bool,
    /// What `document.left` tells.
    left: Option<&'a UserResult>,
}

impl Kind {
    /// The command's name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rollback => "rollback",
            Self::Revoke => "revoke",
            Self::Resolve => "resolve",
        }
    }

    pub(crate) fn schema(self) -> &'static str {
        match self {
            Self::Rollback => "keyrot.rollback/1",
            Self::Revoke => "keyrot.revoke/1",
            Self::Resolve => "keyrot.resolve/1",
        }
    }
}

impl<'a> Told<'a> {
    /// Nothing was changed.
    pub(crate) fn new(kind: Kind, document: &'a RequestDocument, standing: &'a UserResult) -> Self {
        Self { kind, document, standing, acted: false, left: None }
    }

    /// Something was done, or tried; `left` is the look after it, if there was one.
    pub(crate) fn acted(
        kind: Kind,
        document: &'a RequestDocument,
        standing: &'a UserResult,
        left: Option<&'a UserResult>,
    ) -> Self {
        Self { kind, document, standing, acted: true, left }
    }

    /// Whether it is done: of a revocation, that the key was seen Inactive or gone.
    fn revoked(&self) -> bool {
        matches!(self.standing.outcome, Outcome::Done | Outcome::Revoked { .. })
    }

    fn order(&self) -> Option<&'a Revocation> {
        match &self.document.request {
            Some(Request::Revoke(order)) => Some(order),
            _ => None,
        }
    }
}

/// What is known of the user's keys, and what will be done.
pub(crate) fn before(told: &Told<'_>, width: Option<usize>) -> String {
    let RequestDocument { user, intended, finished: now, .. } = told.document;
    let mut out = head(told.document, width);
    out.push_str(&keys(told, *now).show(width));
    if !intended.is_empty() {
        let _ = writeln!(out, "\nThis will");
        for (n, step) in intended.iter().enumerate() {
            out.push_str(&hanging(&format!("  {}. ", n + 1), style::DIM, &step.to_string(), style::PLAIN, width));
        }
    }
    if intended.contains(&PlannedAction::MakeSecret) && !intended.contains(&PlannedAction::PublishNewKey) {
        let text = format!("nothing will be published in {}: whoever uses the key is on their own", user.secret);
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    } else if intended.contains(&PlannedAction::MakeSecret) {
        let text = format!("nobody reads {} yet: whoever uses the key now is refused until they do", user.secret);
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    }
    if told.kind == Kind::Rollback && intended.iter().any(|step| goes_back(step, told.standing)) {
        let text = "runs leave the user blocked after that, until you say what becomes of the key that was left";
        out.push_str(&hanging("  note: ", style::HINT, text, style::PLAIN, width));
    }
    out.push('\n');
    out
}

/// Whether the step publishes an older key than the current one: forward again needs no decision.
fn goes_back(step: &PlannedAction, standing: &UserResult) -> bool {
    let made = |id: &KeyId| standing.keys.iter().find(|key| key.id == *id).map(|key| key.created);
    let current = standing.current.as_ref().and_then(made);
    matches!(step, PlannedAction::PublishAgain(key) if made(key).zip(current).is_some_and(|(key, current)| key < current))
}

/// The ways out of what blocks a user, numbered.
pub(crate) fn ways(ways: &[Resolution], width: Option<usize>) -> String {
    let mut out = format!("\n{}\n", paint(style::HEAD, "What can be done"));
    for (n, way) in ways.iter().enumerate() {
        out.push_str(&hanging(&format!("  {}. ", n + 1), style::DIM, &way.message, style::PLAIN, width));
        let choice = format!("--choose {}", way.choice);
        out.push_str(&hanging("     ", style::DIM, &choice, style::PLAIN, width));
    }
    out
}

/// What came of it, and what is left.
pub(crate) fn after(told: &Told<'_>, width: Option<usize>) -> String {
    let mut out = String::new();
    let document = told.document;
    if document.dry_run && matches!(told.standing.outcome, Outcome::Planned(_)) {
        return "Nothing was done.\n".to_owned();
    }
    let record = told.order().filter(|_| told.acted && told.kind == Kind::Revoke);
    // What became of the key comes first of all.
    out.push_str(&verdict(told, width));
    if let Some(order) = record {
        out.push('\n');
        out.push_str(&incident(told, order, width));
        out.push_str(&still_alive(told, width));
    }
    if told.acted {
        out.push_str(&what_is_left(told, width));
    }
    if let Some(order) = record {
        let text = format!("what the key did, and for whom: keyrot who-uses {}", order.key);
        out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
    }
    if let Some(text) = what_next(told) {
        out.push_str(&hanging("  hint: ", style::HINT, &text, style::PLAIN, width));
    }
    for failure in &document.notifier_failures {
        let text = format!("the notifier {} failed: {}", failure.notifier, failure.reason);
        out.push_str(&hanging("  warning: ", style::WARN, &text, style::PLAIN, width));
    }
    out
}

/// What to type where it did not come to its end.
fn what_next(told: &Told<'_>) -> Option<String> {
    let user = &told.standing.user;
    let again = |what: String| Some(format!("to go on from here: {what}"));
    match (told.standing.outcome.state(), &told.document.request) {
        (State::Stopped, Some(Request::Rollback { to })) => again(format!("keyrot rollback {user} --to {to}")),
        (State::Stopped, Some(Request::Revoke(Revocation { key, .. }))) if told.kind == Kind::Revoke => {
            again(format!("the same command, with the key named: keyrot revoke {user} {key}"))
        }
        (State::Stopped, Some(_)) => again("the same command".to_owned()),
        (_, Some(Request::Revoke(order)))
            if !told.revoked() && !matches!(told.standing.outcome, Outcome::Refused(_)) =>
        {
            let off = |key: &AccessKey| key.id == order.key && key.status != KeyStatus::Active;
            let works = !order.without_successor && !told.standing.keys.iter().any(off);
            works.then(|| {
                format!(
                    "{} still works. If it has to go now, whoever uses it: keyrot revoke {user} {} --without-successor",
                    order.key, order.key
                )
            })
        }
        _ => None,
    }
}

fn head(document: &RequestDocument, width: Option<usize>) -> String {
    let user = &document.user;
    let owner = user.owner.as_ref().map(|owner| format!(" (owner {owner})")).unwrap_or_default();
    let text = format!("secret {}, {}", secret_of(document), whereabouts(document));
    format!("{}{owner}\n{}", paint(style::HEAD, &user.user), hanging("  ", style::DIM, &text, style::DIM, width))
}

/// The secret, where the user was looked up.
fn secret_of(document: &RequestDocument) -> &str {
    match document.user.secret.as_str() {
        Target::NO_SECRET => "not looked up",
        secret => secret,
    }
}

fn whereabouts(document: &RequestDocument) -> String {
    match &document.region {
        Some(region) => format!("account {}, {region}", document.account.as_deref().unwrap_or("not looked up")),
        None => format!("account {}, a sandbox", document.account.as_deref().unwrap_or("not looked up")),
    }
}

fn keys(told: &Told<'_>, now: Timestamp) -> Table {
    let Told { document, standing, .. } = told;
    let mut table = Table::new(&["KEY", "STATUS", "IN THE SECRET", "AGE", "LAST USE"]);
    for key in &standing.keys {
        let color = if key.status == KeyStatus::Active { style::GOOD } else { style::DIM };
        let cells = [Cell::plain(key.id.as_str()), Cell::new(key.status.word(), color), place(standing, &key.id)];
        let age = Cell::plain(format!("{} d", (now - key.created).num_days().max(0)));
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
    if standing.keys.is_empty() {
        let text = if standing.calls == 0 { "not looked at" } else { "none" };
        table.row(vec![Cell::new(text, style::DIM)]);
    }
    table
}

fn place(standing: &UserResult, id: &KeyId) -> Cell {
    let is = |key: &Option<KeyId>| key.as_ref() == Some(id);
    match (is(&standing.current), is(&standing.previous), standing.revoked.contains(id)) {
        (true, _, true) => Cell::new("current, revoked", style::BAD),
        (true, _, false) => Cell::new("current", style::GOOD),
        (false, _, true) => Cell::new("revoked", style::BAD),
        (false, true, false) => Cell::new("previous", style::BUSY),
        (false, false, false) => Cell::new("-", style::DIM),
    }
}

/// A record to be kept: what happened to which key, when and why.
fn incident(told: &Told<'_>, order: &Revocation, width: Option<usize>) -> String {
    let document = told.document;
    let title = if told.revoked() { "Record of the incident" } else { "Record of the incident so far" };
    let mut out = format!("{}\n", paint(style::HEAD, title));
    let mut line = |what: &str, text: &str| {
        out.push_str(&hanging(&format!("  {what:<8} "), style::DIM, text, style::PLAIN, width));
    };
    let user = &document.user;
    let owner = user.owner.as_ref().map(|owner| format!(", owner {owner}")).unwrap_or_default();
    line("user", &format!("{}{owner}; secret {}; {}", user.user, secret_of(document), whereabouts(document)));
    let evidence = document.evidence.iter().find(|evidence| evidence.key == order.key);
    let used = evidence.map(|evidence| format!("; before this: {}", evidence.message)).unwrap_or_default();
    line("key", &format!("{}{used}", order.key));
    line("reason", order.reason.as_deref().unwrap_or("not given"));
    let span = time::span((document.finished - document.started).num_seconds());
    line("time", &format!("{}, within {span}", time::absolute(document.started)));
    for event in &user.events {
        line(&time::clock(event.at), &event.message);
    }
    out.push('\n');
    out
}

/// Whether the key works, as far as it was seen.
fn state_of(told: &Told<'_>, key: &KeyId) -> String {
    let keys = &told.standing.keys;
    match keys.iter().find(|known| known.id == *key).map(|known| &known.status) {
        Some(KeyStatus::Active) => format!("{key} still works"),
        Some(KeyStatus::Inactive) => format!("{key} is Inactive"),
        Some(KeyStatus::Other(status)) => format!("{key} is {status}"),
        None if keys.is_empty() && !told.revoked() => format!("whether {key} still works is not known"),
        None => format!("{key} is not listed"),
    }
}

/// What still works, or may, each with what ends it.
fn still_alive(told: &Told<'_>, width: Option<usize>) -> String {
    let RequestDocument { still_alive, sessions_ended, .. } = told.document;
    let mut out = String::new();
    if let Some(ended) = sessions_ended {
        let text = format!(
            "sessions of {} that were begun before {} are denied everything, by the inline policy {}; from {} on, `keyrot resolve {}` takes it off",
            told.standing.user,
            time::absolute(ended.before),
            EndedSessions::POLICY,
            time::absolute(ended.until),
            told.standing.user
        );
        out.push_str(&hanging("", style::PLAIN, &text, style::PLAIN, width));
    }
    if still_alive.is_empty() {
        return out;
    }
    let _ = writeln!(out, "{}", paint(style::HEAD, "Still alive"));
    for one in still_alive {
        let until = one.until.map(|until| format!(" (until {} at most)", time::absolute(until))).unwrap_or_default();
        out.push_str(&hanging("  - ", style::DIM, &format!("{}{until}", one.message), style::PLAIN, width));
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

fn verdict(told: &Told<'_>, width: Option<usize>) -> String {
    let document = told.document;
    let user = &document.user;
    let (word, color) = match user.state {
        _ if told.revoked() => ("done: ", style::GOOD),
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
    let text = match (told.order(), last) {
        (Some(order), _)
            if told.kind == Kind::Revoke
                && !told.revoked()
                && !matches!(told.standing.outcome, Outcome::Planned(_)) =>
        {
            format!("{}: {}", state_of(told, &order.key), user.message)
        }
        _ if !told.revoked() => user.message.clone(),
        (Some(order), _) if order.delete => format!("{} is deleted", order.key),
        (Some(order), None) => format!("{}; it was so already", state_of(told, &order.key)),
        (Some(order), _) => format!("{} is Inactive: whoever uses it is refused", order.key),
        (None, None) => "nothing had to be done; it was so already".to_owned(),
        (None, Some(event)) => event.message.clone(),
    };
    let mut out = hanging(word, color, &text, style::PLAIN, width);
    if let Outcome::Revoked { .. } = told.standing.outcome {
        let rest = user.message.split_once("the rest").map_or(user.message.as_str(), |(_, rest)| rest);
        out.push_str(&hanging("warning: ", style::WARN, &format!("the rest{rest}"), style::PLAIN, width));
    }
    if let Some(why) = &document.sessions_not_ended {
        let text = format!("the user's sessions were not ended: {why}");
        out.push_str(&hanging("warning: ", style::WARN, &text, style::PLAIN, width));
    }
    // The ways out follow in full: a hint would name the very command that was run.
    let ways_follow = told.kind == Kind::Resolve && !document.choices.is_empty();
    if let Some(hint) = user.hint().filter(|_| !ways_follow) {
        out.push_str(&hanging(" hint: ", style::HINT, &hint, style::PLAIN, width));
    }
    out
}

fn what_is_left(told: &Told<'_>, width: Option<usize>) -> String {
    let mut out = format!("{}\n", paint(style::HEAD, "What is left"));
    let intended = told.document.intended.last();
    let (Some(left), Some(seen)) = (&told.document.left, told.left) else {
        let text = format!("not looked at any more; to see it: keyrot resolve {} --dry-run", told.standing.user);
        out.push_str(&hanging("  ", style::DIM, &text, style::PLAIN, width));
        return out;
    };
    let current = match &left.current {
        Some(key) => format!("readers of {} get {key}", left.secret),
        None => format!("{} holds no key", left.secret),
    };
    out.push_str(&hanging("  ", style::DIM, &current, style::PLAIN, width));
    // IAM's listing may lag behind what was just done.
    let done = told.revoked() && is_settling_or_soaking(&seen.outcome);
    let message = match (told.order(), intended) {
        (Some(order), Some(PlannedAction::DeleteLater { .. })) if done => {
            format!(
                "{} is Inactive. Was it a mistake? Until a run deletes it: aws iam update-access-key --user-name {} --access-key-id {} --status Active, then: keyrot resolve {} --choose reinstate:{}",
                order.key, told.standing.user, order.key, told.standing.user, order.key
            )
        }
        (Some(order), Some(PlannedAction::Delete(_))) if done => {
            format!("{} is deleted; IAM may list it for some moments more", order.key)
        }
        _ => left.message.clone(),
    };
    out.push_str(&hanging("  ", style::DIM, &message, style::PLAIN, width));
    if let Some(PlannedAction::DeleteLater { key, after }) = intended.filter(|_| done) {
        let after = keyrot_core::model::format_duration(*after);
        let text =
            format!("a run deletes {key} when it has been Inactive for {after}, if the user is tagged for rotation");
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
