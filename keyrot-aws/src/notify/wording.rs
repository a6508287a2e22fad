//! A short summary of a run: what happened and its severity, then the users that need manual
//! action, then the changes. Pure; the chats and the mail format it.

use super::console::user_page;
use crate::calls::errors::without_request_id;
use crate::notify::about::About;
use keyrot_core::machine::Failure;
use keyrot_core::model::format_duration;
use keyrot_core::report::{Action, Counts, RunStatus, State, UserDocument, schema};
use keyrot_core::{
    Blocked, EventKind, Outcome, Report, RunDocument, Selected, Severity, UserName, UserResult,
};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::time::Duration;

/// Up to this many problems are described in full.
const FEW: usize = 3;

/// A summary of a run, ready to be formatted.
#[derive(Debug)]
pub(super) struct Digest {
    pub(super) severity: Severity,
    pub(super) verdict: RunStatus,
    /// What happened, and how severe it is, in one short line.
    pub(super) headline: String,
    /// The place and the time.
    pub(super) whence: String,
    /// Users that need manual action, or failed: the worst first.
    pub(super) problems: Vec<Item>,
    /// The number of users with problems.
    pub(super) troubled: usize,
    /// The number of problems of each kind.
    pub(super) kinds: Vec<(&'static str, usize)>,
    /// Users with a warning.
    pub(super) warnings: Vec<Item>,
    /// What was changed, and for which users.
    pub(super) changes: Vec<(&'static str, Vec<String>)>,
    /// The number of users in each state.
    pub(super) sum: String,
}

/// One user with a problem or a warning.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) user: String,
    /// Other users with the same text.
    pub(super) others: Vec<String>,
    pub(super) owner: Option<String>,
    /// The state, in one word.
    pub(super) state: &'static str,
    pub(super) what: String,
    cause: Cause,
    /// What to do.
    pub(super) todo: Option<String>,
    /// The user's page in the console.
    pub(super) link: Option<String>,
}

/// Why a user has a problem or a warning, without what differs between users with the same cause.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// A call failed: its purpose, AWS's code, and the reason. How often it was tried does not
    /// matter.
    Call { doing: String, code: Option<String>, reason: String },
    /// Anything else, in words: it names keys and versions, which differ, so users rarely share it.
    Sentence(String),
}

impl Cause {
    fn of(outcome: &Outcome, what: &str, user: &UserName) -> Self {
        let own = |text: &str| without_name(text, user.as_str());
        if let Outcome::Failed(Failure { doing, error }) = outcome
            && let Some(reason) = error.reason()
        {
            let code = error.aws_code().map(str::to_owned);
            // AWS names the resource in some reasons.
            return Self::Call { doing: own(doing), code, reason: own(reason) };
        }
        // The error of a destination is a text, which may quote AWS's request id.
        Self::Sentence(own(&without_request_id(what)))
    }
}

/// Returns the text without this name, where it stands for itself.
fn without_name(text: &str, name: &str) -> String {
    let in_a_name = |c: char| c.is_alphanumeric() || "+=@_-".contains(c);
    let mut out = String::with_capacity(text.len());
    let mut end = 0;
    for (at, _) in text.match_indices(name) {
        let (before, behind) =
            (text[..at].chars().next_back(), text[at + name.len()..].chars().next());
        if ![before, behind].into_iter().flatten().any(in_a_name) {
            out.push_str(&text[end..at]);
            end = at + name.len();
        }
    }
    out + &text[end..]
}

/// Returns the severity of the run; `None` if nothing happened.
pub(super) fn severity(report: &Report) -> Option<Severity> {
    let of_run = match report.verdict() {
        RunStatus::Ok => None,
        RunStatus::Stopped => Some(Severity::Warning),
        RunStatus::Blocked | RunStatus::Failed => Some(Severity::Error),
    };
    let of_events =
        report.users.iter().flat_map(|one| &one.events).map(|event| event.kind.severity()).max();
    of_run.max(of_events)
}

impl Digest {
    /// Returns the summary of the run; `None` if nothing happened.
    pub(super) fn new(report: &Report, about: &About) -> Option<Self> {
        let severity = severity(report)?;
        let document = RunDocument::new(schema::ROTATE, report, &Selected::default());
        let (mut problems, mut warnings, mut kinds) = (Vec::new(), Vec::new(), BTreeMap::new());
        for (standing, user) in report.users.iter().zip(&document.users) {
            if let Some(rank) = rank(standing) {
                *kinds.entry(user.reason).or_insert(0) += 1;
                problems.push((
                    rank,
                    item(standing, user, about, user.message.clone(), todo(standing)),
                ));
            } else {
                warnings.extend(warning(standing, user, about));
            }
        }
        problems.sort_by_key(|(rank, _)| *rank);
        let troubled = problems.len();
        let leaked = problems.iter().filter(|(rank, _)| *rank == 0).count();
        let mut kinds: Vec<_> = kinds.into_iter().collect();
        kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        Some(Self {
            severity,
            verdict: document.result,
            headline: headline(&document, leaked, warnings.len()),
            whence: whence(&document, about),
            problems: alike(problems.into_iter().map(|(_, item)| item)),
            troubled,
            kinds,
            warnings: alike(warnings),
            changes: changes(&document),
            sum: sum(&document.counts),
        })
    }

    /// Returns the text before the headline: a color, and the program's name.
    pub(super) fn sign(&self) -> &'static str {
        match self.severity {
            Severity::Info => "🟢",
            Severity::Warning => "🟠",
            Severity::Error => "🔴",
        }
    }

    /// Returns how many characters a problem may take.
    pub(super) fn problem_room(&self) -> usize {
        room(&self.problems, 1_000)
    }

    /// Returns how many characters a warning may take. The uses of a held key need some room.
    pub(super) fn warning_room(&self) -> usize {
        room(&self.warnings, 700)
    }

    /// Whether there are so many problems that a line counts their kinds.
    pub(super) fn has_many(&self) -> bool {
        self.troubled > FEW
    }

    /// Returns the number of problems of each kind, in words.
    pub(super) fn kinds_text(&self) -> String {
        let parts: Vec<String> = self
            .kinds
            .iter()
            .map(|(kind, count)| format!("{count} {}", kind.replace('_', " ")))
            .collect();
        parts.join(", ")
    }
}

/// Returns the characters for one item: the full space for a single item, less for several.
fn room(items: &[Item], alone: usize) -> usize {
    if items.len() <= FEW { alone } else { 260 }
}

/// Returns the names, at most this many, and the number of the others.
pub(super) fn names<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    let more = match names.len().saturating_sub(most) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", shown.join(", "))
}

/// Returns at most this many characters of the text, without control characters.
pub(super) fn clip(text: &str, most: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    keyrot_core::model::clip(&clean, most)
}

/// Returns all users of these items.
pub(super) fn users(items: &[Item]) -> Vec<&str> {
    items
        .iter()
        .flat_map(|item| std::iter::once(&item.user).chain(&item.others))
        .map(String::as_str)
        .collect()
}

/// Merges users with the same cause into one item.
fn alike(items: impl IntoIterator<Item = Item>) -> Vec<Item> {
    let mut merged: Vec<Item> = Vec::new();
    let mut places: BTreeMap<_, usize> = BTreeMap::new();
    for item in items {
        match places.entry((item.state, item.owner.clone(), item.cause.clone())) {
            Entry::Occupied(place) => merged[*place.get()].others.push(item.user),
            Entry::Vacant(place) => {
                place.insert(merged.len());
                merged.push(item);
            }
        }
    }
    merged
}

fn headline(document: &RunDocument, leaked: usize, warnings: usize) -> String {
    let text = summary(document, warnings);
    match leaked {
        0 => text,
        1 => format!("a key has leaked; {text}"),
        count => format!("keys of {count} users have leaked; {text}"),
    }
}

fn summary(document: &RunDocument, warnings: usize) -> String {
    let Counts { users, held, blocked, failed, stopped, rotated, retired, deleted, .. } =
        document.counts;
    let of = |count: usize| {
        if users == 1 { "1 user".to_owned() } else { format!("{count} of {users} users") }
    };
    match (document.result, blocked, failed) {
        (RunStatus::Blocked, ..) => {
            return format!("{} blocked, manual action needed", of(blocked));
        }
        (RunStatus::Failed, 0, _) => return format!("{} failed", of(failed)),
        (RunStatus::Failed, ..) => {
            return format!("{blocked} blocked and {failed} failed of {users} users");
        }
        (RunStatus::Stopped, ..) => return format!("stopped early, {} not done", of(stopped)),
        (RunStatus::Ok, ..) => {}
    }
    let keys = |count: usize| if count == 1 { "1 key".to_owned() } else { format!("{count} keys") };
    if held > 0 {
        let old =
            if held == 1 { "1 old key is".to_owned() } else { format!("{held} old keys are") };
        return format!("{old} or may be in use, and kept");
    }
    if warnings > 0 {
        return format!("{} to check", of(warnings));
    }
    let parts = [(rotated, "rotated"), (retired, "deactivated"), (deleted, "deleted")];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, what)| format!("{} {what}", keys(*n)))
        .collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

fn whence(document: &RunDocument, about: &About) -> String {
    let account = about.account.as_ref().map(|id| format!("account {id} · ")).unwrap_or_default();
    let took = (document.finished - document.started).to_std().unwrap_or_default();
    let took = format_duration(Duration::from_secs(took.as_secs().max(1)));
    format!("{account}{} · {} · took {took}", about.region, document.started.format("%F %R UTC"))
}

fn sum(counts: &Counts) -> String {
    let Counts { users, settled, waiting, held, blocked, failed, stopped, to_adopt, .. } = *counts;
    let waiting_for_adoption = to_adopt.min(stopped);
    let parts = [
        (blocked, "blocked"),
        (failed, "failed"),
        (stopped - waiting_for_adoption, "not done"),
        (waiting_for_adoption, "to be adopted later"),
        (held, "held"),
        (waiting - held.min(waiting), "waiting"),
        (settled, "settled"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let plural = if users == 1 { "user" } else { "users" };
    format!("{users} {plural}: {} · oldest key {} days", parts.join(", "), counts.oldest_key_days)
}

/// Returns the changes by kind, with their users.
fn changes(document: &RunDocument) -> Vec<(&'static str, Vec<String>)> {
    let of = |is: fn(&EventKind) -> bool| -> Vec<String> {
        let had = |user: &&UserDocument| user.events.iter().any(|event| is(&event.kind));
        document.users.iter().filter(had).map(|user| user.user.to_string()).collect()
    };
    let rotated = of(|kind| matches!(kind, EventKind::Rotated { .. }));
    let retired = of(|kind| matches!(kind, EventKind::Retired { .. }));
    let deleted = of(|kind| matches!(kind, EventKind::Deleted { .. }));
    let kinds = [
        ("New key published", rotated),
        ("Old key deactivated", retired),
        ("Old key deleted", deleted),
    ];
    kinds.into_iter().filter(|(_, users)| !users.is_empty()).collect()
}

/// Whether manual action is needed, and how soon: a leaked key first.
fn rank(standing: &UserResult) -> Option<u8> {
    match &standing.outcome {
        // Revoked but still current: it is as serious as a leaked key that AWS found.
        Outcome::Blocked(
            Blocked::Quarantined { .. }
            | Blocked::NoWayBack { .. }
            | Blocked::RevokedKeyCurrent { .. },
        ) => Some(0),
        Outcome::Blocked(
            Blocked::CurrentDoesNotWork { .. }
            | Blocked::CurrentKeyGone { .. }
            | Blocked::CurrentKeyInactive { .. },
        ) => Some(1),
        Outcome::Panicked(_) => Some(2),
        Outcome::Blocked(_) => Some(3),
        Outcome::Failed(_) => Some(4),
        outcome if outcome.state() == State::Failed => Some(5),
        _ => None,
    }
}

/// Returns what an operator can do.
fn todo(standing: &UserResult) -> Option<String> {
    match &standing.outcome {
        Outcome::Blocked(_) => Some(standing.hint()),
        outcome => outcome.after_failure().map(|hint| hint.to_string()),
    }
}

/// Returns a warning about a user without a problem.
fn warning(standing: &UserResult, user: &UserDocument, about: &About) -> Option<Item> {
    let of_note = standing.events.iter().filter(|event| event.kind.severity() > Severity::Info);
    let mut texts: Vec<String> = Vec::new();
    let mut held = false;
    for event in of_note {
        // The state has more than the event: the end of the wait.
        let is_hold = matches!(event.kind, EventKind::Held(_));
        held |= is_hold;
        texts.push(if is_hold {
            user.message.trim_start_matches("held: ").to_owned()
        } else {
            event.kind.to_string()
        });
    }
    if texts.is_empty() {
        return None;
    }
    let named = standing.events.iter().any(
        |event| matches!(&event.kind, EventKind::UsedBy(evidence) if !evidence.sources.is_empty()),
    );
    let todo = user.hint().or_else(|| {
        let who_uses = Action::WhoUses { user: standing.user.clone(), key: None }.command();
        held.then(|| match named {
            true => format!(
                "let what is named read the secret {}; `{who_uses}` shows more",
                standing.secret
            ),
            false => {
                format!(
                    "find what still uses it (`{who_uses}`), and let that read the secret {}",
                    standing.secret
                )
            }
        })
    });
    let mut item = item(standing, user, about, texts.join("; "), todo);
    item.state = if held { "held" } else { "note" };
    Some(item)
}

fn item(
    standing: &UserResult,
    user: &UserDocument,
    about: &About,
    what: String,
    todo: Option<String>,
) -> Item {
    Item {
        user: standing.user.to_string(),
        others: Vec::new(),
        owner: standing.owner.clone(),
        state: if user.state == State::Blocked { "blocked" } else { "failed" },
        cause: Cause::of(&standing.outcome, &what, &standing.user),
        what,
        todo,
        link: about.users.get(&standing.user).and_then(user_page),
    }
}
