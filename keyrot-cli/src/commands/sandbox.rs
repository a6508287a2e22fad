//! `sandbox`: controls the simulated account's clock, and makes the changes that an administrator
//! or a consumer could make.

use crate::cli::Invocation;
use crate::cli::sandbox::Sandbox;
use crate::cli::values::as_key;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::meant::did_you_mean;
use crate::sandbox::region::SANDBOX_REGION;
use crate::sandbox::{SandboxDocument, SandboxFile, seed};
use crate::screens::sandbox::screen;
use crate::terminal::size::width;
use crate::terminal::stdio::{print, print_json, remark};
use crate::terminal::style::{self, paint};
use crate::terminal::time;
use keyrot_core::memory::{Label, Refusal, TrailedUse, Value, World};
use keyrot_core::model::ProbeAnswer;
use keyrot_core::settings::Settings;
use keyrot_core::{
    Credentials, KeyId, KeyStatus, SecretName, Selection, Timestamp, UserName, select,
};
use serde::Serialize;
use std::time::Duration;

/// How far a manual change advances the clock, so that IAM's listing shows it to the next command.
const BY_HAND: Duration = Duration::from_secs(5);
/// A larger number is probably a typo.
const TEN_YEARS: Duration = Duration::from_secs(3660 * 86_400);

/// The result of a command: a document and a sentence.
#[derive(Serialize)]
struct Done {
    schema: &'static str,
    /// `advanced`, `reset`, `accepted`, `refused`, `tagged`, `untagged`, `deactivated`,
    /// `reactivated`, `deleted`.
    result: &'static str,
    /// The sandbox's clock.
    now: Timestamp,
    user: Option<UserName>,
    key: Option<KeyId>,
    message: String,
}

pub(crate) async fn sandbox(invocation: &Invocation, command: &Sandbox) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let path = invocation.sandbox.clone().flatten();
    if let Sandbox::Reset = command {
        let file = SandboxFile::at(path.as_deref())?;
        let world = seed().await;
        file.replace(&world)?;
        let message = format!("reset {} to its initial state", file.path().display());
        return Ok(tell(invocation, Exit::Success, Done::new("reset", &world, message)));
    }
    let (file, made) = SandboxFile::open(path.as_deref()).await?;
    if made {
        remark(&format!("created a sandbox in {}", file.path().display()));
    }
    let region = settings.region().unwrap_or(SANDBOX_REGION);
    if let Sandbox::Show = command {
        let mut world = file.load()?;
        world.set_region(region);
        let document = SandboxDocument::new(&world);
        if invocation.json {
            print_json(&document);
        } else {
            print(&screen(&document, file.path(), width()));
        }
        return Ok(Exit::Success);
    }
    let (exit, done) = file.change(|world| {
        let usual = world.region().to_owned();
        world.set_region(region);
        let changed = change(world, command, &settings);
        world.set_region(usual);
        changed
    })??;
    Ok(tell(invocation, exit, done))
}

fn tell(invocation: &Invocation, exit: Exit, done: Done) -> Exit {
    if invocation.json {
        print_json(&done);
    } else {
        let color = if exit == Exit::Success { style::GOOD } else { style::WARN };
        let now = paint(style::DIM, format!("[{}]", time::absolute(done.now)));
        print(&format!("{now} {}\n", paint(color, done.message)));
    }
    exit
}

fn change(
    world: &mut World,
    command: &Sandbox,
    settings: &Settings,
) -> Result<(Exit, Done), CliError> {
    let done = match command {
        Sandbox::Show | Sandbox::Reset => {
            return Err(CliError::usage("this command changes nothing in the account"));
        }
        Sandbox::Advance { time } => {
            if *time > TEN_YEARS {
                return Err(CliError::usage(
                    "the sandbox's clock moves by at most ten years at a time",
                ));
            }
            world.advance(*time);
            Done::new(
                "advanced",
                world,
                format!("advanced the clock by {}", keyrot_core::model::format_duration(*time)),
            )
        }
        Sandbox::Use { user, key, service, region, address, agent, action } => {
            let what =
                TrailedUse { service, action, region, address, agent, error: None, role: None };
            return use_key(world, settings, user, key.as_ref(), &what);
        }
        Sandbox::Tag { user, tag: (key, value) } => {
            let found = known(world, user)?;
            // IAM treats tag keys that differ only in case as the same.
            found.tags.retain(|k, _| !k.eq_ignore_ascii_case(key));
            found.tags.insert(key.clone(), value.clone());
            Done::new("tagged", world, format!("tagged {user} with {key}={value}")).of(user)
        }
        Sandbox::Untag { user, tag } => {
            let found = known(world, user)?;
            let before = found.tags.len();
            found.tags.retain(|k, _| !k.eq_ignore_ascii_case(tag));
            if found.tags.len() == before {
                return Err(CliError::usage(format!("{user} has no tag {tag}")));
            }
            Done::new("untagged", world, format!("removed the tag {tag} from {user}")).of(user)
        }
        Sandbox::Deactivate { key } => {
            let user = owner(world, key)?;
            world.set_key_status(&user, key, KeyStatus::Inactive).map_err(refused)?;
            Done::new("deactivated", world, format!("deactivated {key} of {user}"))
                .of(&user)
                .about(key)
        }
        Sandbox::Reactivate { key } => {
            let user = owner(world, key)?;
            world.set_key_status(&user, key, KeyStatus::Active).map_err(refused)?;
            Done::new("reactivated", world, format!("reactivated {key} of {user}"))
                .of(&user)
                .about(key)
        }
        Sandbox::Delete { key } => {
            let user = owner(world, key)?;
            world.delete_key(&user, key).map_err(refused)?;
            Done::new("deleted", world, format!("deleted {key} of {user}")).of(&user).about(key)
        }
    };
    if matches!(
        command,
        Sandbox::Deactivate { .. } | Sandbox::Reactivate { .. } | Sandbox::Delete { .. }
    ) {
        world.advance(BY_HAND);
    }
    Ok((Exit::Success, done))
}

/// Signs a request as a consumer.
fn use_key(
    world: &mut World,
    settings: &Settings,
    user: &UserName,
    key: Option<&KeyId>,
    what: &TrailedUse<'_>,
) -> Result<(Exit, Done), CliError> {
    known(world, user)?;
    let credentials = match key {
        Some(key) => World::credentials_of(key),
        None => from_secret(world, settings, user)?,
    };
    let key = credentials.key.clone();
    let TrailedUse { service, region, .. } = *what;
    let answer = world.authenticate(&credentials, service, region);
    // A request that is refused because of its key is not in the account's trail.
    if matches!(answer, ProbeAnswer::Authenticated(_)) {
        world.note_use(&key, what);
    }
    let (exit, result, text) = match &answer {
        ProbeAnswer::Authenticated(arn) if arn.name() == user => (
            Exit::Success,
            "accepted",
            format!("accepted: {user} called {service} in {region} with {key}"),
        ),
        ProbeAnswer::Authenticated(arn) => {
            return Err(CliError::usage(format!("{key} belongs to {}, not to {user}", arn.name())));
        }
        _ => (
            Exit::Failed,
            "refused",
            format!("refused: {key} is not Active, does not work yet, or does not exist"),
        ),
    };
    Ok((exit, Done::new(result, world, text).of(user).about(&key)))
}

/// Returns what a consumer finds in the user's secret.
fn from_secret(
    world: &World,
    settings: &Settings,
    user: &UserName,
) -> Result<Credentials, CliError> {
    let secret = secret_of(world, settings, user);
    let found = secret.as_ref().and_then(|name| world.secret(name));
    let current = found
        .and_then(|secret| secret.value(secret.labelled(Label::Current)?))
        .and_then(Value::read);
    current.ok_or_else(|| {
        let hint = format!(
            "name a key: keyrot sandbox use {user} --key KEY; `keyrot sandbox show` lists them"
        );
        CliError::failed(format!("{user}'s secret does not hold a key yet")).hint(hint)
    })
}

fn secret_of(world: &World, settings: &Settings, user: &UserName) -> Option<SecretName> {
    let (only, without_tag) = (vec![user.clone()], true);
    let selection = Selection { only, without_tag, ..settings.selection().clone() };
    let users = world.list_users("/");
    let homes = settings.homes(world.region(), true);
    let selected = select(&users, &selection, &homes, settings.policy());
    selected.chosen.into_iter().next().map(|chosen| chosen.subject.secret)
}

fn known<'a>(
    world: &'a mut World,
    user: &UserName,
) -> Result<&'a mut keyrot_core::memory::MemoryUser, CliError> {
    let names: Vec<String> = world.users().map(|u| u.arn.name().to_string()).collect();
    let meant = did_you_mean(user, &world.list_users("/"));
    let of_key = as_key(user.as_str()).and_then(|key| owner(world, &key).ok());
    world.user_mut(user).ok_or_else(|| match of_key {
        Some(owner) => CliError::usage(format!("{user} is a key, and the command takes its user"))
            .hint(format!(
                "name the user {owner}; to use this key: keyrot sandbox use {owner} --key {user}"
            )),
        None => CliError::usage(format!("there is no user {user} in the sandbox{meant}"))
            .hint(format!("users: {}", names.join(", "))),
    })
}

fn owner(world: &World, key: &KeyId) -> Result<UserName, CliError> {
    let user = world.users().find(|user| user.key(key).is_some());
    user.map(|user| user.arn.name().clone()).ok_or_else(|| {
        CliError::usage(format!("there is no key {key} in the sandbox"))
            .hint("`keyrot sandbox show` lists the keys")
    })
}

#[expect(clippy::needless_pass_by_value, reason = "it is handed to map_err")]
fn refused(refusal: Refusal) -> CliError {
    CliError::failed(refusal.to_string())
}

impl Done {
    fn new(result: &'static str, world: &World, message: String) -> Self {
        Self {
            schema: "keyrot.sandbox.change/1",
            result,
            now: world.now(),
            user: None,
            key: None,
            message,
        }
    }

    fn of(mut self, user: &UserName) -> Self {
        self.user = Some(user.clone());
        self
    }

    fn about(mut self, key: &KeyId) -> Self {
        self.key = Some(key.clone());
        self
    }
}
