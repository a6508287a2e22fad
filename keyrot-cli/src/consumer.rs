//! The consumer's side: the published key, from Secrets Manager or from a short cache.

#[cfg(feature = "aws")]
mod caller;
#[cfg(not(feature = "aws"))]
#[path = "consumer/no_caller.rs"]
mod caller;
mod nested;
pub(crate) mod secret;

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::consumer::Reading;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::meant::did_you_mean;
use crate::terminal::stdio::warn;
use crate::terminal::time;
use caller::Caller;
use keyrot_core::consumer::{
    CachePolicy, CacheTime, KeyReader, ReadError, ReadKey, SecretId, TooLong, VersionStage,
};
use keyrot_core::model::{NoKey, SecretArn, UserRef, format_duration};
use keyrot_core::report::flag;
use keyrot_core::settings::Settings;
use keyrot_core::{CallError, ErrorKind};
pub(crate) use nested::Nesting;
use secret::secret_of;

/// The key that was read, and the variables that a command should not inherit.
pub(crate) struct ForCommand {
    pub(crate) key: ReadKey,
    pub(crate) nesting: Nesting,
    /// Variables with secrets that the settings name: the URLs and keys of notifiers.
    pub(crate) secret_variables: Vec<String>,
    /// The region in the settings or the profile.
    pub(crate) region: Option<String>,
}

/// Reads the key. Warnings for the consumer go to stderr.
pub(crate) async fn read(
    invocation: &Invocation,
    reading: &Reading,
) -> Result<ForCommand, CliError> {
    let settings = config::load(invocation)?;
    let secret = secret_of(reading, &settings)?;
    let skipped = |problem: CliError| {
        match config::skips_file_here(invocation) {
        true => problem.also_hint(
            "this command skips keyrot.toml in the current directory; to use it: --config keyrot.toml",
        ),
        false => problem,
    }
    };
    let caller = caller::find(&settings, &secret).map_err(skipped)?;
    let nesting = Nesting::enter(caller.read.clone(), invocation.resumed)?;
    let secret_variables = settings.secret_variables();
    let key = find(invocation, reading, &settings, (secret, &caller, &nesting)).await;
    let key = key.map_err(skipped)?;
    let region = settings.region().map(str::to_owned).or_else(|| caller.region());
    Ok(ForCommand { key, nesting, secret_variables, region })
}

async fn find(
    invocation: &Invocation,
    reading: &Reading,
    settings: &Settings,
    (secret, caller, nesting): (SecretId, &Caller, &Nesting),
) -> Result<ReadKey, CliError> {
    let overlap = settings.policy().waits().overlap;
    let policy =
        CachePolicy::with(overlap, reading.cache_for, reading.stale_for).map_err(too_long)?;
    if reading.previous && !invocation.resumed {
        warn("this is the previous key (AWSPREVIOUS); it works only until keyrot deactivates it");
    }
    let stage = if reading.previous { VersionStage::Previous } else { VersionStage::Current };
    let sandbox = if invocation.is_sandbox() {
        Some(Backend::open(invocation, settings).await?)
    } else {
        None
    };
    let reader = match &sandbox {
        // A sandbox's clock is advanced by hand, so the age of a cached key would be meaningless.
        Some(sandbox) => KeyReader::new(secret, sandbox.ports.clock.clone()),
        None => caller.reader(secret, stage, reading.no_cache)?,
    };
    let reader = reader.stage(stage).policy(policy);
    if let Some(kept) = reader.kept() {
        return Ok(told(kept));
    }
    if caller.starts_process && sandbox.is_none() {
        nesting.hand_down()?;
    }
    let target = match sandbox {
        Some(sandbox) => sandbox,
        None => caller.connect().await?,
    };
    match reader.read(&*target.source, Some(&*target.whereabouts)).await {
        Ok(mut key) => {
            if target.sandbox {
                key.moved_to =
                    target.whereabouts.moved_to(reader.secret()).await.unwrap_or_default();
            }
            if let Some(error) = &key.outage {
                warn(&format!(
                    "Secrets Manager is unreachable; using the key that was read {}: {error}",
                    time::relative(key.read, target.ports.clock.now())
                ));
            }
            Ok(told(key))
        }
        Err(ReadError::NotYet(secret)) => Err(not_yet(reading, &secret)),
        Err(ReadError::NoKey(secret, why)) => Err(something_else(&secret, why, settings)),
        Err(ReadError::Failed { secret, source }) => {
            let region =
                secret.region().map_or_else(|| target.homes(settings).region, str::to_owned);
            if let Some(user) = &reading.user
                && let Some(home) =
                    reader.home_elsewhere(&*target.whereabouts, user, &region, &source).await
            {
                return Err(elsewhere(user, (&secret, &region), &home));
            }
            let meant = match &reading.user {
                Some(user) if target.sandbox && source.kind == ErrorKind::NotFound => {
                    meant(&target, user).await
                }
                _ => String::new(),
            };
            Err(unreadable(reading, &secret, &source, &meant))
        }
        Err(other) => Err(CliError::failed(other.to_string())),
    }
}

fn too_long(error: TooLong) -> CliError {
    let TooLong { what, given, most, overlap } = error;
    let name = match what {
        CacheTime::ReadAgain => "cache-for",
        CacheTime::Stale => "stale-for",
    };
    let [given, most, overlap] = [given, most, overlap].map(format_duration);
    CliError::usage(format!(
        "--{name} {given} is too long: expected at most {most}, or a replaced key could be used for longer than overlap = {overlap}"
    ))
}

/// Returns the key, after a warning if the user moved away from this secret.
fn told(key: ReadKey) -> ReadKey {
    if let Some(to) = key.moved_to.as_ref().filter(|_| key.outage.is_none()) {
        warn(&format!(
            "the secret's tag keyrot:moved-to says that the key is now published in {}; this was not checked. If it is so, this secret is no longer updated, and its key works only until keyrot deactivates it. {CONFIRM}",
            to.place()
        ));
    }
    key
}

/// Explains that the key is elsewhere. Anyone who may tag the user or the secret can write such a
/// tag, and a consumer may lack permission to confirm it. So no command is printed that reads the
/// secret in the tag.
const CONFIRM: &str = "Confirm the new place with `keyrot status`, or with keyrot's operator, before you read it with --region and --secret";

fn elsewhere(user: &UserRef, (secret, region): (&SecretId, &str), home: &SecretArn) -> CliError {
    let place = home.place();
    let text = format!(
        "{secret} in {region} could not be read. The tag keyrot:home of {user} says that the key is managed elsewhere, in {place}; this was not checked"
    );
    CliError::with(Exit::Blocked, text).hint(CONFIRM)
}

fn not_yet(reading: &Reading, secret: &SecretId) -> CliError {
    if reading.previous {
        return CliError::failed(format!(
            "there is no previous key: AWSPREVIOUS of {secret} holds keyrot's placeholder"
        ));
    }
    let problem = CliError::failed(format!(
        "not rotated yet: the secret {secret} holds keyrot's placeholder instead of a key"
    ));
    match &reading.user {
        Some(user) => problem.hint(format!(
            "to create and publish the first key: keyrot rotate {0}; to see what that waits for: keyrot status {0}",
            flag("--user", user)
        )),
        None => problem.hint("to create and publish the first key: keyrot rotate; to see what that waits for: keyrot status"),
    }
}

fn something_else(secret: &SecretId, why: NoKey, settings: &Settings) -> CliError {
    let (id, key) = (settings.field_access_key_id(), settings.field_secret_access_key());
    let problem = CliError::failed(format!(
        "the secret {secret} does not hold an access key: {why}; expected a JSON object with {id} and {key}"
    ));
    match why {
        NoKey::NoFields => problem.hint(
            "if its fields have other names, set --field-access-key-id and --field-secret-access-key",
        ),
        _ => problem.hint(why.advice()),
    }
}

/// Suggests a user, only in a sandbox: in AWS, a consumer may read only its secret, and does not
/// try to list users.
async fn meant(target: &Backend, user: &UserRef) -> String {
    let users = target.ports.iam.users("/").await.unwrap_or_default();
    did_you_mean(user.name(), &users)
}

fn unreadable(reading: &Reading, secret: &SecretId, error: &CallError, meant: &str) -> CliError {
    let problem = CliError::failed(format!("could not read the key: {error}{meant}"));
    match (error.kind, &reading.secret) {
        (ErrorKind::NotFound, _) if reading.previous => problem.hint(format!(
            "{secret} has no version labeled AWSPREVIOUS: it was not rotated yet, or the region is wrong"
        )),
        (ErrorKind::NotFound, None) => {
            let never = match meant {
                "" => "a user that was never rotated has no secret yet; otherwise ",
                _ => "",
            };
            problem.hint(format!(
                "{never}check the name and the region; if the user's tag keyrot:secret names another secret than {secret}: --secret NAME"
            ))
        }
        (ErrorKind::NotFound, Some(_)) => problem.hint("check the region; name a secret of another account by its ARN"),
        (ErrorKind::Denied, _) => problem.hint(
            "a consumer needs secretsmanager:GetSecretValue on this secret, and kms:Decrypt if it has its own KMS key",
        ),
        _ => problem,
    }
}
