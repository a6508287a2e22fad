//! The consumer's side: the published key, from Secrets Manager or from a short cache.

mod cache;
#[cfg(feature = "aws")]
mod caller;
#[cfg(not(feature = "aws"))]
#[path = "consumer/no_caller.rs"]
mod caller;
mod moved;
mod nested;
pub(crate) mod secret;

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::consumer::Reading;
use crate::config;
use crate::error::CliError;
use crate::meant::did_you_mean;
use crate::terminal::stdio::warn;
use crate::terminal::time;
use cache::{Cache, Entry};
use caller::Caller;
use keyrot_core::consumer::{CachePolicy, Published, SecretId, VersionStage};
use keyrot_core::model::{UserRef, after, format_duration};
use keyrot_core::settings::{SecretPlace, Settings};
use keyrot_core::{CallError, Credentials, ErrorKind, Timestamp};
use moved::Moved;
pub(crate) use nested::Nesting;
use secret::secret_of;
use std::time::Duration;

/// A key for a consumer.
pub(crate) struct Found {
    pub(crate) credentials: Credentials,
    /// When to ask again.
    pub(crate) expires: Timestamp,
}

/// What was read, and what a command that is started with it should not inherit.
pub(crate) struct ReadKey {
    pub(crate) found: Found,
    pub(crate) nesting: Nesting,
    /// Variables with secrets that the settings name: the URLs and keys of notifiers.
    pub(crate) secret_variables: Vec<String>,
}

const CACHE_FOR: Duration = Duration::from_secs(5 * 60);
/// What is served while Secrets Manager cannot be reached is asked for again soon; below 15 minutes botocore would ask at every request.
const STALE_LIFETIME: Duration = Duration::from_secs(20 * 60);

/// Reads the key. What a consumer should know goes to stderr.
pub(crate) async fn read(invocation: &Invocation, reading: &Reading) -> Result<ReadKey, CliError> {
    let settings = config::load(invocation)?;
    let secret = secret_of(reading, &settings)?;
    let caller = caller::find(&settings, &secret)?;
    let nesting = Nesting::enter(caller.read.clone(), invocation.resumed)?;
    let secret_variables = secret_variables(&settings);
    let found = find(invocation, reading, &settings, (&secret, &caller, &nesting)).await?;
    Ok(ReadKey { found, nesting, secret_variables })
}

fn secret_variables(settings: &Settings) -> Vec<String> {
    let sources = settings.notify().iter().flat_map(|spec| spec.target().sources());
    sources.filter(|source| source.place() == SecretPlace::Environment).map(|source| source.id().to_owned()).collect()
}

async fn find(
    invocation: &Invocation,
    reading: &Reading,
    settings: &Settings,
    (secret, caller, nesting): (&SecretId, &Caller, &Nesting),
) -> Result<Found, CliError> {
    let waits = Waits::of(reading, settings)?;
    let edition = if reading.previous { VersionStage::Previous } else { VersionStage::Current };
    if reading.previous && !invocation.resumed {
        warn("this is the previous key (AWSPREVIOUS); it works only until keyrot deactivates it");
    }
    let (target, sandbox) = match crate::backend::is_sandbox(invocation) {
        true => (Some(Backend::open(invocation, settings).await?), true),
        false => (None, false),
    };
    // A sandbox's clock is moved by hand, so that nothing could be said of an entry's age.
    let cache = match sandbox || reading.no_cache {
        true => None,
        false => Cache::open(&format!("{edition:?} {secret}\n{}", caller.scope)).map_err(|why| warn(&why)).ok(),
    };
    let clock = || match &target {
        Some(target) => target.ports.clock.now(),
        None => std::time::SystemTime::now().into(),
    };
    let fresh_at = |entry: &Entry, now| entry.age(now).is_some_and(|age| age < waits.cache_for);
    if let Some(entry) = cache.as_ref().and_then(load).filter(|entry| fresh_at(entry, clock())) {
        return Ok(waits.found(entry, reading));
    }
    if caller.starts_process && !sandbox {
        nesting.hand_down()?;
    }
    // One process asks, and the others find what it wrote.
    let turn = cache.as_ref().map(Cache::turn);
    let entry = cache.as_ref().and_then(load);
    // Read again: what another process wrote meanwhile is not of the future.
    let now = clock();
    if let Some(entry) = entry.clone().filter(|entry| fresh_at(entry, now)) {
        return Ok(waits.found(entry, reading));
    }
    let target = match target {
        Some(target) => target,
        None => caller.connect().await?,
    };
    let answer = target.source.published(secret, edition).await;
    let result = match answer {
        Ok(Published::Key { credentials, .. }) => {
            let before = entry.map_or_else(|| Moved::unasked(now), |entry| entry.moved);
            let moved = before.asked(&*target.whereabouts, secret, now, sandbox).await;
            let entry = Entry { credentials, fetched: now, moved };
            if let Some(Err(why)) = cache.as_ref().map(|cache| cache.store(&entry)) {
                warn(&why);
            }
            Ok(waits.found(entry, reading))
        }
        Ok(Published::NotYet) => Err(not_yet(reading, secret)),
        Ok(Published::SomethingElse) => Err(something_else(secret, settings)),
        Err(error) => match entry.filter(|entry| entry.age(now).is_some_and(|age| age < waits.stale)) {
            Some(entry) if is_out_of_reach(&error) => {
                warn(&format!(
                    "Secrets Manager is unreachable; using the key that was read {}: {error}",
                    time::relative(entry.fetched, now)
                ));
                Ok(Found { credentials: entry.credentials, expires: after(now, STALE_LIFETIME.min(waits.lifetime)) })
            }
            _ => {
                let region = secret.region().map_or_else(|| target.homes(settings).region, str::to_owned);
                let elsewhere = match &reading.user {
                    Some(user) if moved::may_be_elsewhere(&error) => {
                        moved::elsewhere(&*target.whereabouts, user, secret, &region).await
                    }
                    _ => None,
                };
                let meant = match &reading.user {
                    Some(user) if sandbox && error.kind == ErrorKind::NotFound => meant(&target, user).await,
                    _ => String::new(),
                };
                Err(elsewhere.unwrap_or_else(|| unreadable(reading, secret, &error, &meant)))
            }
        },
    };
    // What is not published any more is not kept either.
    if let (Err(_), Some(cache)) = (&result, &cache) {
        cache.forget();
    }
    drop(turn);
    result
}

/// The waits that hold for this reading.
struct Waits {
    lifetime: Duration,
    cache_for: Duration,
    stale: Duration,
}

impl Waits {
    fn of(reading: &Reading, settings: &Settings) -> Result<Self, CliError> {
        let overlap = settings.policy().waits().overlap;
        let CachePolicy { lifetime, stale } = CachePolicy::of(overlap);
        let bounded = |name: &str, given: Option<Duration>, default: Duration, most: Duration| match given {
            Some(asked) if asked > most => Err(CliError::usage(format!(
                "--{name} {} is too long: expected at most {}, or a replaced key could be used for longer than overlap = {}",
                format_duration(asked),
                format_duration(most),
                format_duration(overlap)
            ))),
            given => Ok(given.unwrap_or(default)),
        };
        Ok(Self {
            lifetime,
            cache_for: bounded("cache-for", reading.cache_for, CACHE_FOR.min(lifetime / 4), lifetime / 2)?,
            stale: bounded("stale-for", reading.stale_for, stale, overlap / 2)?,
        })
    }

    /// Counted from when it was read: a cached key is asked for again no later than any other.
    fn found(&self, entry: Entry, reading: &Reading) -> Found {
        entry.moved.warn(reading.user.as_ref());
        let expires = after(entry.fetched, self.lifetime);
        Found { credentials: entry.credentials, expires }
    }
}

fn load(cache: &Cache) -> Option<Entry> {
    cache.load().unwrap_or_else(|why| {
        warn(&why);
        None
    })
}

/// Only what says nothing of the key: a denial, or a secret that is gone, does.
fn is_out_of_reach(error: &CallError) -> bool {
    matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Throttled)
}

fn not_yet(reading: &Reading, secret: &SecretId) -> CliError {
    if reading.previous {
        return CliError::failed(format!(
            "there is no previous key: AWSPREVIOUS of {secret} holds keyrot's placeholder"
        ));
    }
    let problem =
        CliError::failed(format!("not rotated yet: the secret {secret} holds keyrot's placeholder instead of a key"));
    match &reading.user {
        Some(user) => problem.hint(format!("to create and publish the first key: keyrot rotate --user {user}")),
        None => problem.hint("to create and publish the first key: keyrot rotate"),
    }
}

fn something_else(secret: &SecretId, settings: &Settings) -> CliError {
    let (id, key) = (settings.field_access_key_id(), settings.field_secret_access_key());
    CliError::failed(format!(
        "the secret {secret} does not hold an access key: expected a JSON object with {id} and {key}"
    ))
    .hint("if its fields have other names, set --field-access-key-id and --field-secret-access-key")
}

/// In a sandbox only: a consumer of AWS may read its secret and nothing else, and does not try to list users.
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
        (ErrorKind::NotFound, None) => problem.hint(format!(
            "check the name and the region; if the user's tag keyrot:secret names another secret than {secret}: --secret NAME"
        )),
        (ErrorKind::NotFound, Some(_)) => problem.hint("check the region; name a secret of another account by its ARN"),
        (ErrorKind::Denied, _) => problem.hint(
            "a consumer needs secretsmanager:GetSecretValue on this secret, and kms:Decrypt if it has its own KMS key",
        ),
        _ => problem,
    }
}
