//! `self`: rotates a developer's own key in their own file.

mod find;

use crate::cli::Invocation;
use crate::cli::self_service::OwnArgs;
use crate::commands::flow::Flow;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::profiles::FileError;
use crate::screens::self_service::{self, Document, Outcome};
use crate::terminal::signals::Signals;
use crate::terminal::size::width;
use crate::terminal::stdio::print;
use crate::terminal::style::{self, paint};
use crate::terminal::time;
use find::Found;
use keyrot_core::model::WrongClock;
use keyrot_core::requests::{OwnBlocked, OwnStep, ReplaceError, Undone, decide_own, other_key, replace_own};
use keyrot_core::{AccessKey, Cancel, KeyId, LastUse, Ports, Timestamp, UserName};
use std::io::ErrorKind;

pub(crate) async fn own(invocation: &Invocation, args: &OwnArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let found = find::find(invocation, args, &settings).await?;
    let policy = match args.force {
        true => settings.policy().forced(found.ports.clock.now()),
        false => *settings.policy(),
    };
    let flow = Flow::new(invocation, args.asking);
    let mut work = Work { args, flow, found: &found, policy, done: Vec::new(), keys: Vec::new(), last_use: None };
    let outcome = work.run().await?;
    let now = found.ports.clock.now();
    let document = work.document(outcome, now);
    flow.report(&document, || print(&self_service::screen(&document, now, width())));
    Ok(if document.result == Outcome::Blocked { Exit::Blocked } else { Exit::Success })
}

/// What was done, and what was read meanwhile.
struct Work<'a> {
    args: &'a OwnArgs,
    flow: Flow,
    found: &'a Found,
    policy: keyrot_core::Policy,
    /// What was changed, in words.
    done: Vec<String>,
    /// As IAM listed them last.
    keys: Vec<AccessKey>,
    /// The other key's.
    last_use: Option<LastUse>,
}

/// Where it ended.
struct End {
    result: Outcome,
    /// The key that is in the file now.
    key: KeyId,
    message: String,
    hint: Option<String>,
    until: Option<Timestamp>,
}

impl Work<'_> {
    fn ports(&self) -> &Ports {
        &self.found.ports
    }

    fn user(&self) -> &UserName {
        self.found.arn.name()
    }

    fn mine(&self) -> &KeyId {
        &self.found.credentials.key
    }

    async fn run(&mut self) -> Result<End, CliError> {
        loop {
            self.look().await?;
            let now = WrongClock::read(&*self.ports().clock).map_err(|wrong| {
                let hint = "set the clock, then run this command again";
                CliError::failed(format!("{wrong}, so keyrot cannot know what is due; nothing more was changed"))
                    .hint(hint)
            })?;
            let other = other_key(&self.keys, self.mine()).cloned();
            let step = decide_own(&self.keys, self.mine(), self.last_use.as_ref(), &self.policy, now);
            match (step, other) {
                (OwnStep::Settled { until }, _) => return Ok(self.settled(until, now)),
                (OwnStep::Wait(wait), _) => return Ok(self.waiting(&wait)),
                (OwnStep::Blocked(why), other) => return Ok(self.blocked(&why, other.as_ref(), now)),
                (OwnStep::Inactive(key), Some(other)) if self.args.delete_inactive => {
                    let what = format!("delete {} permanently", self.described(&other, now));
                    if !self.flow.ask(&what).await? {
                        return Ok(self.end(Outcome::Due, format!("would {what}")));
                    }
                    self.ports()
                        .iam
                        .delete_key(self.user(), &key)
                        .await
                        .map_err(|e| self.refused("could not be deleted", &e))?;
                    self.done.push(format!("deleted {key}"));
                }
                (OwnStep::Inactive(_), other) => return Ok(self.inactive(other.as_ref(), now)),
                (OwnStep::Deactivate(key), other) => {
                    let described = other.map_or_else(|| key.to_string(), |other| self.described(&other, now));
                    let what = format!("deactivate {described}");
                    if !self.flow.ask(&what).await? {
                        return Ok(self.end(Outcome::Due, format!("would {what}")));
                    }
                    self.ports()
                        .iam
                        .deactivate_key(self.user(), &key)
                        .await
                        .map_err(|e| self.refused("could not be deactivated", &e))?;
                    self.done.push(format!("deactivated {key}"));
                    return Ok(self.deactivated(&key));
                }
                (OwnStep::Replace, _) => return self.replace(now).await,
            }
        }
    }

    /// Lists the keys, and asks for the other one's last use.
    async fn look(&mut self) -> Result<(), CliError> {
        let listed = self.ports().iam.list_keys(self.user()).await;
        self.keys = listed.map_err(|error| self.refused("could not be listed", &error))?;
        // Right after a deletion IAM may list the key for a while yet.
        let gone: Vec<KeyId> =
            self.keys.iter().map(|k| k.id.clone()).filter(|id| self.done.contains(&format!("deleted {id}"))).collect();
        self.keys.retain(|key| !gone.contains(&key.id));
        self.last_use = match other_key(&self.keys, self.mine()) {
            None => None,
            Some(other) => {
                let asked = self.ports().iam.last_use(self.user(), &other.id).await;
                Some(asked.unwrap_or_else(|error| LastUse::Unknown(error.to_string())))
            }
        };
        Ok(())
    }

    async fn replace(&mut self, now: Timestamp) -> Result<End, CliError> {
        let (file, profile, before) = (&self.found.file, &self.found.profile, &self.found.credentials);
        let what = format!(
            "create a new key for {} and write it to the profile {profile} of {}",
            self.user(),
            file.name().display()
        );
        if !self.flow.ask(&what).await? {
            return Ok(self.end(Outcome::Due, format!("would {what}")));
        }
        if let Err(error) = file.rehearse() {
            return Ok(self.not_replaceable(&error));
        }
        let mut signals = Signals::listen()?;
        let ports = self.ports();
        let cancel = Cancel::default();
        let all = (ports.iam.as_ref(), ports.probe.as_ref(), ports.clock.as_ref());
        let work = replace_own(all, &self.found.arn, &self.keys, &self.policy, &cancel, |new| {
            file.put(profile, before, new).map_err(|error| error.to_string().into())
        });
        let say = |text: &str| say!("{}", paint(style::WARN, text));
        let (result, signal) = signals.until_the_end(&cancel, say, work).await;
        let new = result.map_err(|error| self.not_replaced(&error, signal))?;
        self.done.push(format!("created {new}, verified it, and wrote it to the file"));
        let until = keyrot_core::model::after(now, self.policy.waits().overlap);
        let old = self.mine();
        let message =
            format!("the profile {profile} has the new key {new}; the previous key {old} stays Active for now");
        let hint = format!(
            "after {}, run `keyrot self` again: it deactivates {old} if nothing uses it. Until then, restart processes and replace copies that have the old key",
            time::absolute(until)
        );
        Ok(End { result: Outcome::Replaced, key: new, message, hint: Some(hint), until: Some(until) })
    }

    fn settled(&self, until: Timestamp, now: Timestamp) -> End {
        let message = format!("{} is due {}", self.mine(), time::both(until, now));
        let hint = Some("to replace it now: keyrot self --force".to_owned());
        End { hint, until: Some(until), ..self.end(Outcome::Settled, message) }
    }

    fn waiting(&self, wait: &keyrot_core::Wait) -> End {
        End { until: wait.until, ..self.end(Outcome::Waiting, self_service::waiting(wait)) }
    }

    fn deactivated(&self, key: &KeyId) -> End {
        let hint = format!(
            "if something still needs it: aws iam update-access-key --user-name {} --access-key-id {key} --status Active; if nothing does after some days: keyrot self --delete-inactive",
            self.user()
        );
        End { hint: Some(hint), ..self.end(Outcome::Deactivated, format!("{key} is Inactive; it can be reactivated")) }
    }

    /// Nothing was made: a key that cannot be stored would have to be deleted again, at every run.
    fn not_replaceable(&self, error: &FileError) -> End {
        let hint = match error {
            FileError::Io { cause, .. } => match cause.kind() {
                ErrorKind::ResourceBusy => {
                    "the file is mounted alone, as in a container, and cannot be replaced: mount its folder, or run keyrot self on the host"
                }
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => "free some disk space",
                _ => "keyrot must create a new file in the same folder and rename it: check the folder's permissions",
            },
            _ => "run it again",
        };
        End { hint: Some(hint.to_owned()), ..self.end(Outcome::Blocked, format!("no key was created: {error}")) }
    }

    fn inactive(&self, other: Option<&AccessKey>, now: Timestamp) -> End {
        let described = other.map(|key| self.described(key, now)).unwrap_or_default();
        let message = format!("the other key is Inactive: {described}; delete it before the next rotation");
        let hint = "if nothing needed it for some days: keyrot self --delete-inactive".to_owned();
        End { hint: Some(hint), ..self.end(Outcome::Inactive, message) }
    }

    fn blocked(&self, why: &OwnBlocked, other: Option<&AccessKey>, now: Timestamp) -> End {
        let user = self.user();
        let hint = match (why, other) {
            (OwnBlocked::Unexplained { .. }, Some(other)) => Some(format!(
                "the other key is {}. If nothing uses it: aws iam update-access-key --user-name {user} --access-key-id {} --status Inactive, then keyrot self --delete-inactive",
                self.described(other, now),
                other.id
            )),
            (OwnBlocked::Unlisted(_), _) => Some("run it again in a minute".to_owned()),
            _ => None,
        };
        End { hint, ..self.end(Outcome::Blocked, why.to_string()) }
    }

    /// A key and the evidence of its use.
    fn described(&self, key: &AccessKey, now: Timestamp) -> String {
        let used = match &self.last_use {
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

    fn end(&self, result: Outcome, message: String) -> End {
        End { result, key: self.mine().clone(), message, hint: None, until: None }
    }

    fn refused(&self, what: &str, error: &keyrot_core::CallError) -> CliError {
        let problem = CliError::failed(format!("your keys {what}: {error}"));
        match error.kind {
            keyrot_core::ErrorKind::Denied => problem.hint(
                "you need iam:ListAccessKeys, CreateAccessKey, UpdateAccessKey, DeleteAccessKey and GetAccessKeyLastUsed on yourself; if your permissions require MFA: --mfa-serial ARN",
            ),
            _ => problem,
        }
    }

    fn not_replaced(&self, error: &ReplaceError, signal: Option<u8>) -> CliError {
        let user = self.user();
        let delete = |key: &KeyId| format!("aws iam delete-access-key --user-name {user} --access-key-id {key}");
        let unchanged = "the key in the file still works";
        match (error, signal) {
            (ReplaceError::NotMade(call), _) => self.refused("were not touched", call),
            (ReplaceError::Undone { why: Undone::Cancelled, .. }, Some(signal)) => {
                CliError::with(Exit::Signal(signal), error.to_string()).hint(unchanged)
            }
            (ReplaceError::Undone { .. }, _) => CliError::failed(error.to_string()).hint(unchanged),
            (ReplaceError::LeftBehind { key, .. }, _) => {
                CliError::failed(error.to_string()).hint(format!("{unchanged}; delete the new one: {}", delete(key)))
            }
            (ReplaceError::Lost { since, .. }, _) => {
                let hint = match since.as_slice() {
                    [] => format!("{unchanged}. Check in a minute if there is a second key: keyrot self --dry-run"),
                    keys => format!(
                        "{unchanged}. IAM now lists a new key, {}. Unless someone else just created it, its secret is lost; delete it: {}",
                        keys[0],
                        delete(&keys[0])
                    ),
                };
                CliError::failed(error.to_string()).hint(hint)
            }
        }
    }

    fn document(&self, end: End, now: Timestamp) -> Document {
        let before =
            self.keys.iter().find(|key| key.id != end.key && !self.done.contains(&format!("deleted {}", key.id)));
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
