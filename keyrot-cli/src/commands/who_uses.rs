//! `keyrot who-uses`: the evidence of a key's use, from IAM's record and CloudTrail's event history. It changes nothing.

use crate::args::Invocation;
use crate::config;
use crate::exit::Exit;
use crate::meant::did_you_mean;
use crate::problem::Problem;
use crate::render::who_uses::{LIMITS, screen};
use crate::render::{paint, print, print_json, style, time, width};
use crate::signals::Signals;
use crate::target::Target;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use keyrot_core::{
    AccessKey, ErrorKind, KeyId, KeyStatus, LastUse, Timestamp, TrailBounds, UseEvidence, UserName, look_up,
    regions_to_ask,
};
use serde::Serialize;
use std::io::IsTerminal;
use std::time::Duration;

/// CloudTrail's event history goes back so far (CloudTrail user guide, "Working with CloudTrail event history").
const HISTORY: Duration = Duration::from_secs(90 * 86_400);

const EXAMPLES: &str = "\
Examples:
  keyrot who-uses ci-deployer                      every key of the user: who uses which
  keyrot who-uses AKIAIOSFODNN7EXAMPLE --since 30d
  keyrot who-uses ci-deployer --regions eu-west-1,eu-central-1,us-east-1
  keyrot who-uses ci-deployer --json | jq '.keys[].uses.sources[] | {address, agent, last}'

It needs iam:GetAccessKeyLastUsed, cloudtrail:LookupEvents and, for a user, iam:ListAccessKeys.

Exit codes:
  0  it was found out, as far as CloudTrail and IAM tell
  1  some region or IAM's record could not be read: the answer is not whole
  2  the command line or the settings cannot be used";

#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WhoUses {
    /// An access key's id, or a user's name
    #[arg(value_name = "KEY|USER")]
    whose: String,
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

/// One key.
#[derive(Debug, Serialize)]
pub(crate) struct KeyUses {
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

/// A key to ask about.
struct Subject {
    key: KeyId,
    listed: Option<AccessKey>,
    last_use: LastUse,
}

pub(crate) async fn who_uses(invocation: &Invocation, args: &WhoUses) -> Result<Exit, Problem> {
    let settings = config::load(invocation)?;
    let mut signals = Signals::listen().map_err(|error| Problem::failed(format!("no signal can be heard: {error}")))?;
    let work = async {
        let target = Target::open(invocation, &settings).await?;
        find_out(invocation, args, &target).await
    };
    let document = signals.or(work).await.unwrap_or_else(|signal| Err(Problem::signal(signal)))?;
    if invocation.json {
        print_json(&document);
    } else {
        print(&screen(&document, width()));
    }
    let failed =
        |one: &KeyUses| one.problem.is_some() || one.uses.regions.iter().any(|region| region.problem.is_some());
    Ok(if document.keys.iter().any(failed) { Exit::Failed } else { Exit::Well })
}

async fn find_out(invocation: &Invocation, args: &WhoUses, target: &Target) -> Result<Document, Problem> {
    let (user, subjects) = match as_key(&args.whose) {
        Some(key) => of_key(target, key).await?,
        None => of_user(target, &args.whose).await?,
    };
    let now = target.ports.clock.now();
    let since = now - args.since;
    let teller = Teller::new(invocation);
    let mut keys = Vec::new();
    for Subject { key, listed, last_use } in subjects {
        let regions = match args.regions.is_empty() {
            true => regions_to_ask(target.trail.as_ref(), &last_use),
            false => args.regions.clone(),
        };
        teller.begin(&key, &regions, since);
        let bounds = TrailBounds { since, regions, most: usize::try_from(args.max_events).unwrap_or(usize::MAX) };
        let uses = look_up(target.trail.as_ref(), &key, &bounds, &|region, events| teller.read(region, events)).await;
        keys.push(KeyUses::new(key, listed, last_use, uses));
    }
    teller.finish();
    let partial = keys.iter().any(|one| one.problem.is_some() || one.uses.is_partial());
    let max_events = args.max_events;
    Ok(Document { schema: "keyrot.who-uses/1", now, user, since, max_events, partial, keys, limits: LIMITS })
}

/// A key that IAM does not know any more may still be in the trail.
async fn of_key(target: &Target, key: KeyId) -> Result<(Option<UserName>, Vec<Subject>), Problem> {
    let (user, last_use) = match target.trail.key_record(&key).await {
        Ok(record) => (Some(record.user), record.last_use),
        Err(error) => (None, LastUse::Unknown(error.to_string())),
    };
    Ok((user, vec![Subject { key, listed: None, last_use }]))
}

async fn of_user(target: &Target, name: &str) -> Result<(Option<UserName>, Vec<Subject>), Problem> {
    let user = UserName::parse(name).map_err(|error| {
        Problem::usage(error.to_string()).hint("name a user, or an access key's id such as AKIAIOSFODNN7EXAMPLE")
    })?;
    let mut keys = match target.ports.iam.list_keys(&user).await {
        Ok(keys) => keys,
        Err(error) if error.kind == ErrorKind::NotFound => return Err(nobody(target, &user).await),
        Err(error) => return Err(Problem::failed(format!("the keys of {user} could not be listed: {error}"))),
    };
    keys.sort_by_key(|key| key.created);
    let mut subjects = Vec::new();
    for listed in keys {
        let last_use = match target.ports.iam.last_use(&user, &listed.id).await {
            Ok(last_use) => last_use,
            Err(error) => LastUse::Unknown(error.to_string()),
        };
        subjects.push(Subject { key: listed.id.clone(), listed: Some(listed), last_use });
    }
    Ok((Some(user), subjects))
}

/// Who may ask for one user's keys need not be allowed to list all users: then nobody is suggested.
async fn nobody(target: &Target, user: &UserName) -> Problem {
    let users = target.ports.iam.users("/").await.unwrap_or_default();
    let meant = did_you_mean(user, &users);
    Problem::failed(format!("there is no user {user} in this account{meant}"))
        .hint("`keyrot status` lists the users with the tag, and `keyrot audit` everybody with a key")
}

impl KeyUses {
    fn new(key: KeyId, listed: Option<AccessKey>, last_use: LastUse, uses: UseEvidence) -> Self {
        let (last_used, service, region, problem) = match last_use {
            LastUse::At { when, service, region } => (Some(when), Some(service), Some(region), None),
            LastUse::NoRecord => (None, None, None, None),
            LastUse::Unknown(why) => (None, None, None, Some(why)),
        };
        let status = listed.as_ref().map(|listed| match &listed.status {
            KeyStatus::Active => "active".to_owned(),
            KeyStatus::Inactive => "inactive".to_owned(),
            KeyStatus::Other(status) => status.clone(),
        });
        let created = listed.map(|listed| listed.created);
        Self { key, status, created, last_used, service, region, problem, uses }
    }
}

/// An access key's id as IAM makes them: twenty capital letters and digits (IAM user guide, "IAM identifiers", unique ids).
fn as_key(text: &str) -> Option<KeyId> {
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
    let fits = (5..=32).contains(&text.len())
        && text.contains('-')
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    fits.then(|| text.to_owned()).ok_or_else(|| "expected a region such as eu-central-1".to_owned())
}

/// Says on stderr what is under way: a scan of many events takes a minute.
struct Teller {
    bar: ProgressBar,
    silent: bool,
}

impl Teller {
    fn new(invocation: &Invocation) -> Self {
        let wanted = !invocation.silent && std::io::stderr().is_terminal();
        let target = if wanted { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(look) = ProgressStyle::with_template("{spinner} {msg}, {elapsed} so far") {
            bar.set_style(look);
        }
        if wanted {
            bar.enable_steady_tick(Duration::from_millis(200));
        }
        Self { bar, silent: invocation.silent }
    }

    fn begin(&self, key: &KeyId, regions: &[String], since: Timestamp) {
        if !self.silent {
            let text =
                format!("asking CloudTrail about {key} in {} since {}", regions.join(", "), time::absolute(since));
            self.bar.suspend(|| anstream::eprintln!("{}", paint(style::DIM, text)));
        }
    }

    fn read(&self, region: &str, events: usize) {
        self.bar.set_message(format!("{region}: {events} events read"));
    }

    fn finish(&self) {
        self.bar.finish_and_clear();
    }
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
