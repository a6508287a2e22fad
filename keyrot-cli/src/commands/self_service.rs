//! `my-key`: rotates a developer's own key in their own file.

mod find;

use crate::cli::Invocation;
use crate::cli::self_service::OwnArgs;
use crate::commands::flow::Flow;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::self_service::{self, Document, Outcome};
use crate::terminal::signals::{AGAIN, Signals, reading};
use crate::terminal::size::width;
use crate::terminal::stdio::print;
use crate::terminal::style::{self, paint};
use crate::terminal::time;
use find::Found;
use keyrot_aws::profiles::FileError;
use keyrot_core::report::flag;
use keyrot_core::requests::{
    OwnAction, OwnBlocked, OwnDone, OwnError, OwnKey, OwnStep, ReplaceError, Undone,
};
use keyrot_core::{
    AccessKey, CallError, Cancel, Credentials, ErrorKind, KeyId, LastUse, Timestamp, UserName,
};
use std::io;
use std::time::Duration;

pub(crate) async fn own(invocation: &Invocation, args: &OwnArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let found = reading(find::find(invocation, args, &settings)).await?;
    let policy = match args.force {
        true => settings.policy().forced(found.ports.clock.now()),
        false => *settings.policy(),
    };
    let sandbox = if invocation.is_sandbox() { " (sandbox)" } else { "" };
    // Access keys have no region, because IAM is global.
    let flow =
        Flow::new(invocation, args.asking, format!("in account {}{sandbox}", found.arn.account()));
    let own =
        OwnKey::new(found.ports.clone(), found.arn.clone(), found.credentials.key.clone(), policy);
    let overlap = policy.waits().overlap;
    let mut work = Work { args, flow, found: &found, own, overlap, done: Vec::new() };
    let outcome = work.run().await?;
    let now = found.ports.clock.now();
    let document = work.document(outcome, now);
    work.flow.report(&document, || print(&self_service::screen(&document, now, width())));
    let kept = matches!(document.result, Outcome::Settled | Outcome::Waiting | Outcome::Inactive);
    if args.force && kept {
        let text = format!("--force did not replace the key: {}", document.message);
        say!("{} {}", paint(style::BAD, "error:"), time::shown(&text));
        return Ok(Exit::Failed);
    }
    Ok(if document.result == Outcome::Blocked { Exit::Blocked } else { Exit::Success })
}

/// The flow's state, and the changes so far.
struct Work<'a> {
    args: &'a OwnArgs,
    flow: Flow,
    found: &'a Found,
    own: OwnKey,
    overlap: Duration,
    /// What was changed, in words.
    done: Vec<String>,
}

/// The result.
struct End {
    result: Outcome,
    /// The key that is in the file now.
    key: KeyId,
    message: String,
    hint: Option<String>,
    until: Option<Timestamp>,
}

impl Work<'_> {
    fn user(&self) -> &UserName {
        self.found.arn.name()
    }

    fn mine(&self) -> &KeyId {
        &self.found.credentials.key
    }

    async fn run(&mut self) -> Result<End, CliError> {
        loop {
            let plan = async { self.own.plan().await.map_err(|error| self.failed(&error, None)) };
            let plan = reading(plan).await.map_err(|no| no.done_before(&self.done))?;
            let now = plan.now;
            let described =
                plan.other.as_ref().map(|other| described(other, plan.last_use.as_ref(), now));
            let described = described.unwrap_or_default();
            let Some(action) = plan.action(self.args.delete_inactive) else {
                return Ok(match &plan.step {
                    OwnStep::Settled { until } => self.settled(*until, now),
                    OwnStep::Wait(wait) => self.waiting(wait),
                    OwnStep::Blocked(why) => self.blocked(why, plan.other.as_ref(), &described),
                    _ => self.inactive(&described),
                });
            };
            let what = match &action {
                OwnAction::Replace => format!(
                    "create a new key for {} and write it to the profile {} of {}",
                    self.user(),
                    self.found.profile,
                    self.found.file.name().display()
                ),
                OwnAction::Deactivate(_) => format!("deactivate {described}"),
                OwnAction::Delete(_) => format!("delete {described} permanently"),
            };
            if !self.flow.ask(&what).await.map_err(|no| no.done_before(&self.done))? {
                return Ok(self.end(Outcome::Due, format!("would {what}")));
            }
            if let (OwnAction::Replace, Err(error)) = (&action, self.found.file.rehearse()) {
                return Ok(self.not_replaceable(&error));
            }
            match self.carry_out(&action).await? {
                OwnDone::Replaced(new) => return Ok(self.replaced(new, now)),
                OwnDone::Deactivated(key) => {
                    self.done.push(format!("deactivated {key}"));
                    return Ok(self.deactivated(&key));
                }
                OwnDone::Deleted(key) => self.done.push(format!("deleted {key}")),
            }
        }
    }

    async fn carry_out(&mut self, action: &OwnAction) -> Result<OwnDone, CliError> {
        let Found { file, profile, credentials: before, .. } = self.found;
        let cancel = Cancel::default();
        let mut signals = Signals::listen()?;
        if *action != OwnAction::Replace {
            let say = |text: &str| say!("{}", paint(style::WARN, text));
            let work = self.own.carry_out(action, &cancel, |_| Ok(()));
            let (done, signal) = signals.while_working(&cancel, (say, AGAIN), work).await;
            return done.map_err(|error| self.failed(&error, signal));
        }
        let store = |new: &Credentials| file.put(profile, Some(before), new).map_err(Into::into);
        let work = self.own.carry_out(action, &cancel, store);
        let say = |text: &str| say!("{}", paint(style::WARN, text));
        let (done, signal) = signals.until_the_end(&cancel, say, work).await;
        done.map_err(|error| self.failed(&error, signal))
    }

    fn replaced(&mut self, new: KeyId, now: Timestamp) -> End {
        self.done.push(format!("created {new}, verified it, and wrote it to the file"));
        let until = keyrot_core::model::after(now, self.overlap);
        let (profile, old) = (&self.found.profile, self.mine());
        let message = format!(
            "the profile {profile} has the new key {new}; the previous key {old} stays Active for now"
        );
        let hint = format!(
            "after {}, run `keyrot my-key` again: it deactivates {old} if nothing uses it. Until then, restart processes and replace copies that have the old key",
            time::absolute(until)
        );
        End { result: Outcome::Replaced, key: new, message, hint: Some(hint), until: Some(until) }
    }

    fn settled(&self, until: Timestamp, now: Timestamp) -> End {
        let message = format!("{} is due {}", self.mine(), time::both(until, now));
        let hint = Some("to replace it now: keyrot my-key --force".to_owned());
        End { hint, until: Some(until), ..self.end(Outcome::Settled, message) }
    }

    fn waiting(&self, wait: &keyrot_core::Wait) -> End {
        End { until: wait.until, ..self.end(Outcome::Waiting, self_service::waiting(wait)) }
    }

    fn deactivated(&self, key: &KeyId) -> End {
        let hint = format!(
            "if something still needs it: aws iam update-access-key {} --access-key-id {key} --status Active; if nothing does after some days: keyrot my-key --delete-inactive",
            flag("--user-name", self.user())
        );
        End {
            hint: Some(hint),
            ..self.end(Outcome::Deactivated, format!("{key} is Inactive; it can be reactivated"))
        }
    }

    /// No key was created. A key that cannot be stored would have to be deleted again, in every
    /// run.
    fn not_replaceable(&self, error: &FileError) -> End {
        let hint = match error {
            FileError::Io { cause, .. } => match cause.kind() {
                io::ErrorKind::ResourceBusy => {
                    "the file is mounted alone, as in a container, and cannot be replaced: mount its folder, or run keyrot my-key on the host"
                }
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge => "free some disk space",
                _ => {
                    "keyrot must create a new file in the same folder and rename it: check the folder's permissions"
                }
            },
            _ => "run it again",
        };
        End {
            hint: Some(hint.to_owned()),
            ..self.end(Outcome::Blocked, format!("no key was created: {error}"))
        }
    }

    fn inactive(&self, described: &str) -> End {
        let message =
            format!("the other key is Inactive: {described}; delete it before the next rotation");
        let hint = "if nothing needed it for some days: keyrot my-key --delete-inactive".to_owned();
        End { hint: Some(hint), ..self.end(Outcome::Inactive, message) }
    }

    fn blocked(&self, why: &OwnBlocked, other: Option<&AccessKey>, described: &str) -> End {
        let user = self.user();
        let hint = match (why, other) {
            (OwnBlocked::Unexplained { .. }, Some(other)) => Some(format!(
                "the other key is {described}. If nothing uses it: `aws iam update-access-key {} --access-key-id {} --status Inactive`, then `keyrot my-key --delete-inactive`",
                flag("--user-name", user),
                other.id
            )),
            (OwnBlocked::Unlisted(_), _) => Some("run it again in a minute".to_owned()),
            _ => None,
        };
        End { hint, ..self.end(Outcome::Blocked, why.to_string()) }
    }

    fn end(&self, result: Outcome, message: String) -> End {
        End { result, key: self.mine().clone(), message, hint: None, until: None }
    }

    fn failed(&self, error: &OwnError, signal: Option<u8>) -> CliError {
        match error {
            OwnError::Clock(_) => CliError::failed(error.to_string())
                .hint("set the clock, then run this command again"),
            OwnError::Replace(error) => self.not_replaced(error, signal),
            OwnError::Call { error: call, .. } => {
                permissions(CliError::failed(error.to_string()), call)
            }
            _ => CliError::failed(error.to_string()),
        }
    }

    fn not_replaced(&self, error: &ReplaceError, signal: Option<u8>) -> CliError {
        let user = self.user();
        let delete = |key: &KeyId| {
            format!("aws iam delete-access-key {} --access-key-id {key}", flag("--user-name", user))
        };
        let unchanged = "the key in the file still works";
        match (error, signal) {
            (ReplaceError::NotMade(call), _) => {
                permissions(CliError::failed(format!("your keys were not touched: {call}")), call)
            }
            (ReplaceError::Undone { why: Undone::Cancelled, .. }, Some(signal)) => {
                CliError::with(Exit::Signal(signal), error.to_string()).hint(unchanged)
            }
            (ReplaceError::Undone { .. }, _) => CliError::failed(error.to_string()).hint(unchanged),
            (ReplaceError::LeftBehind { key, .. }, _) => CliError::failed(error.to_string())
                .hint(format!("{unchanged}; delete the new one: {}", delete(key))),
            (ReplaceError::Lost { since, .. }, _) => {
                let hint = match since.as_slice() {
                    [] => format!(
                        "{unchanged}. Check in a minute if there is a second key: keyrot my-key --dry-run"
                    ),
                    keys => format!(
                        "{unchanged}. IAM now lists a new key, {}. Unless another process just created it, its secret is lost; delete it: {}",
                        keys[0],
                        delete(&keys[0])
                    ),
                };
                CliError::failed(error.to_string()).hint(hint)
            }
        }
    }

    fn document(&self, end: End, now: Timestamp) -> Document {
        let before = self.own.keys().iter().find(|key| key.id != end.key);
        Document {
            schema: "keyrot.self/1",
            profile: self.found.profile.clone(),
            file: self.found.file.name().display().to_string(),
            user: self.user().clone(),
            arn: self.found.arn.clone(),
            key: end.key,
            other: before.map(|key| key.id.clone()),
            result: end.result,
            done: self.done.clone(),
            message: end.message,
            hint: end.hint,
            until: end.until,
            now,
        }
    }
}

/// Describes a key and the evidence of its use.
fn described(key: &AccessKey, last_use: Option<&LastUse>, now: Timestamp) -> String {
    let used = match last_use {
        Some(LastUse::At { when, service, region }) => {
            format!("last used {} for {service} in {region}", time::relative(*when, now))
        }
        Some(LastUse::NoRecord) => "no use on record".to_owned(),
        Some(LastUse::Unknown(_)) | None => "last use unknown".to_owned(),
    };
    format!(
        "{} ({}, created {}, {used})",
        key.id,
        self_service::status(&key.status),
        time::relative(key.created, now)
    )
}

fn permissions(problem: CliError, error: &CallError) -> CliError {
    match error.kind {
        ErrorKind::Denied => problem.hint(
            "you need iam:ListAccessKeys, CreateAccessKey, UpdateAccessKey, DeleteAccessKey and GetAccessKeyLastUsed on yourself, as `keyrot policy --for my-key` prints them; if your permissions require MFA: --mfa-serial ARN",
        ),
        _ => problem,
    }
}
