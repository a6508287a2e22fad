//! `keyrot who-uses`: the evidence of a key's use, from IAM's record and CloudTrail's event history. It changes nothing.

use crate::args::Invocation;
use crate::backend::Backend;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::meant::did_you_mean;
use crate::progress::{USERS, bar};
use crate::render::who_uses::{LIMITS, screen};
use crate::render::{paint, print, print_json, style, time, width};
use crate::signals::Signals;
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use keyrot_core::engine::Progress;
use keyrot_core::model::UseEvidence;
use keyrot_core::report::{RunStatus, UserDocument};
use keyrot_core::settings::Settings;
use keyrot_core::usage::{TrailBounds, is_region, look_up, regions_to_ask};
use keyrot_core::{AccessKey, Cancel, ErrorKind, KeyId, LastUse, Mode, Rotator, Timestamp, UserName};
use serde::Serialize;
use std::fmt;
use std::time::Duration;

/// CloudTrail's event history goes back so far (CloudTrail user guide, "Working with CloudTrail event history").
const HISTORY: Duration = Duration::from_secs(90 * 86_400);

const EXAMPLES: &str = "\
Examples:
  keyrot who-uses ci-deployer      every key of the user: who uses which
  keyrot who-uses AKIAIOSFODNN7EXAMPLE --since 30d
  keyrot who-uses --lagging        in the account: who still uses an old key
  keyrot who-uses ci-deployer --regions eu-west-1,eu-central-1,us-east-1
  keyrot who-uses ci-deployer --json | jq '.keys[].uses.sources[].address'

It needs iam:GetAccessKeyLastUsed, cloudtrail:LookupEvents and, for a user, iam:ListAccessKeys.

Exit codes:
  0  it was found out, as far as CloudTrail and IAM tell
  1  the answer is not whole: some region or IAM's record could not be read, or (--lagging)
     of some user it is not known which key is the old one; --max-events alone is no failure
  2  there is no such user, or the command line or the settings cannot be used";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WhoUses {
    /// An access key's id, or a user's name
    #[arg(value_name = "KEY|USER", required_unless_present = "lagging")]
    whose: Option<String>,
    /// Every selected user's old key that still works: who has not moved over yet
    #[arg(long, conflicts_with = "whose")]
    lagging: bool,
    /// How far to look back: at most 90d, as CloudTrail keeps no more
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = since)]
    since: Duration,
    /// The regions to ask; by default the configured one, the one with IAM's and STS's events, and the one of the key's last use
    #[arg(long, value_name = "A,B", value_delimiter = ',', value_parser = region)]
    regions: Vec<String>,
    /// Read at most so many events of each key and region, the newest: CloudTrail gives 100 a second at best
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_events: u32,
}

/// The document of `--json`.
#[derive(Debug, Serialize)]
pub(crate) struct Document {
    schema: &'static str,
    /// When was asked.
    pub(crate) now: Timestamp,
    /// Whose keys these are, if it is known.
    pub(crate) user: Option<UserName>,
    /// Whether it is about the old keys of all selected users; the one that was used last comes first.
    pub(crate) lagging: bool,
    /// Users of whom it is not known which key is the old one, and those who could not be looked at to the end.
    pub(crate) unseen: Vec<Unseen>,
    /// From when on was asked.
    pub(crate) since: Timestamp,
    /// How many events of each key and region were read at most.
    pub(crate) max_events: u32,
    /// Whether something could not be read, or was cut short.
    pub(crate) partial: bool,
    /// Each key, the oldest first.
    pub(crate) keys: Vec<KeyUses>,
    /// What this cannot show.
    pub(crate) limits: &'static [&'static str],
}

/// A user about whom this does not say all.
#[derive(Debug, Serialize)]
pub(crate) struct Unseen {
    pub(crate) user: UserName,
    pub(crate) problem: String,
}

/// One key.
#[derive(Debug, Serialize)]
pub(crate) struct KeyUses {
    /// Whose it is, if it is known.
    pub(crate) user: Option<UserName>,
    pub(crate) key: KeyId,
    /// `active`, `inactive`, or IAM's own word; `null` where only the key was named.
    pub(crate) status: Option<String>,
    pub(crate) created: Option<Timestamp>,
    /// By IAM's record; `null` if there is none, or it could not be read.
    pub(crate) last_used: Option<Timestamp>,
    pub(crate) service: Option<String>,
    pub(crate) region: Option<String>,
    /// Why IAM's record could not be read.
    pub(crate) problem: Option<String>,
    /// By CloudTrail.
    pub(crate) uses: UseEvidence,
}

/// What is asked of each key first.
const IAM: &str = "IAM's record";

/// A key that was found: with IAM's record of it, or in the list of a user's keys.
enum Found {
    Recorded(Subject),
    Listed(UserName, AccessKey),
}

/// A key to ask about.
struct Subject {
    user: Option<UserName>,
    key: KeyId,
    listed: Option<AccessKey>,
    last_use: LastUse,
}

pub(crate) async fn who_uses(invocation: &Invocation, args: &WhoUses) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let mut signals = Signals::listen()?;
    let work = async {
        let target = Backend::open(invocation, &settings).await?;
        find_out(invocation, &settings, args, &target).await
    };
    let document = signals.or(work).await.unwrap_or_else(|signal| Err(CliError::signal(signal)))?;
    if invocation.json {
        print_json(&document);
    } else {
        print(&screen(&document, width()));
    }
    let failed =
        |one: &KeyUses| one.problem.is_some() || one.uses.regions.iter().any(|region| region.problem.is_some());
    Ok(if !document.unseen.is_empty() || document.keys.iter().any(failed) { Exit::Failed } else { Exit::Success })
}

async fn find_out(
    invocation: &Invocation,
    settings: &Settings,
    args: &WhoUses,
    target: &Backend,
) -> Result<Document, CliError> {
    let mut unseen = Vec::new();
    let (user, found) = match args.whose.as_deref().map(|whose| as_key(whose).ok_or(whose)) {
        Some(Ok(key)) => of_key(target, key).await?,
        Some(Err(name)) => of_user(target, name).await?,
        None => {
            let old = of_those_who_lag(target, settings, invocation.silent, &mut unseen).await?;
            (None, old.into_iter().map(|(user, key)| Found::Listed(user, key)).collect())
        }
    };
    let now = target.ports.clock.now();
    let since = now - args.since;
    let mut asked: Vec<String> = Vec::new();
    args.regions.iter().for_each(|region| {
        if !asked.contains(region) {
            asked.push(region.clone());
        }
    });
    let teller = ProgressReporter::new(invocation.silent);
    teller.expect(found.len());
    let mut keys = Vec::new();
    for one in found {
        let Subject { user, key, listed, last_use } = Subject::of(target, one).await;
        let regions = match asked.is_empty() {
            true => regions_to_ask(target.trail.as_ref(), &last_use),
            false => asked.clone(),
        };
        teller.begin(&key, &regions, since);
        let bounds = TrailBounds { since, regions, most: usize::try_from(args.max_events).unwrap_or(usize::MAX) };
        let uses = look_up(target.trail.as_ref(), &key, &bounds, &|region, events| teller.read(region, events)).await;
        keys.push(KeyUses::new(user, key, listed, last_use, uses));
        teller.one_more();
    }
    teller.finish();
    if args.lagging {
        let last = |one: &KeyUses| one.last_used.max(one.uses.sources.iter().map(|source| source.last).max());
        keys.sort_by_key(|one| std::cmp::Reverse(last(one)));
    }
    let partial = !unseen.is_empty() || keys.iter().any(|one| one.problem.is_some() || one.uses.is_partial());
    let (lagging, max_events) = (args.lagging, args.max_events);
    Ok(Document {
        schema: "keyrot.who-uses/1",
        now,
        user,
        lagging,
        unseen,
        since,
        max_events,
        partial,
        keys,
        limits: LIMITS,
    })
}

/// A key that IAM does not know any more may still be in the trail.
async fn of_key(target: &Backend, key: KeyId) -> Result<(Option<UserName>, Vec<Found>), CliError> {
    let (user, last_use) = match target.trail.key_record(&key).await {
        Ok(record) => (Some(record.user), record.last_use),
        Err(error) => (None, LastUse::Unknown(error.to_string())),
    };
    Ok((user.clone(), vec![Found::Recorded(Subject { user, key, listed: None, last_use })]))
}

async fn of_user(target: &Backend, name: &str) -> Result<(Option<UserName>, Vec<Found>), CliError> {
    let user = UserName::parse(name).map_err(|error| {
        CliError::usage(error.to_string()).hint("name a user, or an access key's id such as AKIAIOSFODNN7EXAMPLE")
    })?;
    let mut keys = match target.ports.iam.list_keys(&user).await {
        Ok(keys) => keys,
        Err(error) if error.kind == ErrorKind::NotFound => return Err(nobody(target, &user).await),
        Err(error) => return Err(CliError::failed(format!("the keys of {user} could not be listed: {error}"))),
    };
    keys.sort_by_key(|key| key.created);
    let found = keys.into_iter().map(|key| Found::Listed(user.clone(), key)).collect();
    Ok((Some(user), found))
}

/// The old keys of all selected users that still work, as far as a look at each user tells which key is the old one.
async fn of_those_who_lag(
    target: &Backend,
    settings: &Settings,
    silent: bool,
    unseen: &mut Vec<Unseen>,
) -> Result<Vec<(UserName, AccessKey)>, CliError> {
    let selected = settings.find(target.ports.iam.as_ref(), &target.homes(settings), &[]).await;
    let selected = selected.map_err(|error| CliError::failed(format!("the users could not be listed: {error}")))?;
    let limits = settings.limits(target.ports.clock.now());
    let rotator = Rotator::new(target.ports.clone());
    let teller = ProgressReporter::of_users(selected.chosen.len(), silent);
    let one_more = |progress| {
        if let Progress::Done(_) = progress {
            teller.one_more();
        }
    };
    let report = rotator.run(selected.chosen, Mode::Plan, &limits, &Cancel::default(), &one_more).await;
    teller.finish();
    let mut old = Vec::new();
    for one in report.users {
        let message = || UserDocument::new(&one, report.finished).message;
        let known = one.old_keys();
        let problem = match (one.outcome.verdict(), &known) {
            (RunStatus::Failed | RunStatus::Stopped, _) => Some(format!("could not be looked at: {}", message())),
            (_, None) => Some(format!("which key is the old one is not known: {}", message())),
            (_, Some(_)) => None,
        };
        unseen.extend(problem.map(|problem| Unseen { user: one.user.clone(), problem }));
        old.extend(known.unwrap_or_default().into_iter().map(|key| (one.user.clone(), key.clone())));
    }
    Ok(old)
}

impl Subject {
    /// With IAM's record of its last use.
    async fn of(target: &Backend, found: Found) -> Self {
        match found {
            Found::Recorded(subject) => subject,
            Found::Listed(user, listed) => {
                let last_use = target.ports.iam.last_use(&user, &listed.id).await;
                let last_use = last_use.unwrap_or_else(|error| LastUse::Unknown(error.to_string()));
                Self { user: Some(user), key: listed.id.clone(), listed: Some(listed), last_use }
            }
        }
    }
}

/// Who may ask for one user's keys need not be allowed to list all users: then nobody is suggested.
async fn nobody(target: &Backend, user: &UserName) -> CliError {
    let users = target.ports.iam.users("/").await.unwrap_or_default();
    let meant = did_you_mean(user, &users);
    CliError::usage(format!("there is no user {user} in this account{meant}"))
        .hint("`keyrot status` lists the users with the tag, and `keyrot audit` everybody with a key")
}

impl KeyUses {
    fn new(
        user: Option<UserName>,
        key: KeyId,
        listed: Option<AccessKey>,
        last_use: LastUse,
        uses: UseEvidence,
    ) -> Self {
        let (last_used, service, region, problem) = match last_use {
            LastUse::At { when, service, region } => (Some(when), Some(service), Some(region), None),
            LastUse::NoRecord => (None, None, None, None),
            LastUse::Unknown(why) => (None, None, None, Some(why)),
        };
        let status = listed.as_ref().map(|listed| listed.status.word().to_owned());
        let created = listed.map(|listed| listed.created);
        Self { user, key, status, created, last_used, service, region, problem, uses }
    }
}

/// An access key's id as IAM makes them: twenty capital letters and digits (IAM user guide, "IAM identifiers", unique ids).
pub(crate) fn as_key(text: &str) -> Option<KeyId> {
    let is_id = text.len() == 20
        && ["AKIA", "ASIA"].iter().any(|prefix| text.starts_with(prefix))
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    is_id.then(|| KeyId::parse(text).ok()).flatten()
}

fn since(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(time) if time > HISTORY => {
            Err("CloudTrail's event history goes back 90 days; expected at most 90d".to_owned())
        }
        Ok(time) if time.is_zero() => Err("expected for example 7d or 12h".to_owned()),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("{error}; expected for example 7d or 12h")),
    }
}

fn region(text: &str) -> Result<String, String> {
    is_region(text).then(|| text.to_owned()).ok_or_else(|| "expected a region such as eu-central-1".to_owned())
}

/// Says on stderr what is under way: a look at many users, or a scan of many events, takes minutes.
struct ProgressReporter {
    bar: ProgressBar,
    silent: bool,
}

impl ProgressReporter {
    fn new(silent: bool) -> Self {
        let bar = bar(None, silent, "{spinner} {msg}, {elapsed} so far");
        bar.set_message(IAM);
        Self { bar, silent }
    }

    /// For a look at so many users.
    fn of_users(users: usize, silent: bool) -> Self {
        Self { bar: bar(Some(steps(users)), silent, USERS), silent }
    }

    /// That so many keys follow. One alone is not counted.
    fn expect(&self, keys: usize) {
        let template = "key {which} of {len}: {msg}, {elapsed} so far{left}";
        if let (2.., Ok(look)) = (keys, ProgressStyle::with_template(template)) {
            // The first is looked at before one is done.
            let of = |state: &ProgressState, out: &mut dyn fmt::Write| {
                let _ = write!(out, "{}", (state.pos() + 1).min(state.len().unwrap_or(u64::MAX)));
            };
            let left = |state: &ProgressState, out: &mut dyn fmt::Write| {
                if state.pos() > 0 {
                    let _ = write!(out, ", {:#} left", HumanDuration(state.eta()));
                }
            };
            self.bar.set_style(look.with_key("which", of).with_key("left", left));
            self.bar.set_length(steps(keys));
        }
    }

    fn one_more(&self) {
        self.bar.inc(1);
    }

    fn begin(&self, key: &KeyId, regions: &[String], since: Timestamp) {
        if !self.silent {
            let text =
                format!("asking CloudTrail about {key} in {} since {}", regions.join(", "), time::absolute(since));
            self.bar.suspend(|| say!("{}", paint(style::DIM, text)));
        }
    }

    fn read(&self, region: &str, events: usize) {
        self.bar.set_message(format!("{region}: {events} events read"));
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn steps(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_told_from_a_name() {
        assert!(as_key("AKIAIOSFODNN7EXAMPLE").is_some());
        for name in ["ci-deployer", "AKIA", "akiaiosfodnn7example", "AKIAIOSFODNN7EXAMPLE1", "AKIAIOSFODNN7-XAMPLE"] {
            assert_eq!(as_key(name), None, "{name}");
        }
        assert!(since("91d").is_err() && since("0s").is_err() && since("soon").is_err() && since("90d").is_ok());
        assert!(region("eu-central-1").is_ok() && region("us-gov-west-1").is_ok());
        assert!(region("Frankfurt").is_err() && region("eu central").is_err() && region("").is_err());
    }
}
