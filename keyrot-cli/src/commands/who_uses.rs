//! `keyrot who-uses`: the evidence of a key's use, from IAM's record and CloudTrail's event history. It changes nothing.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::values::as_key;
use crate::cli::who_uses::WhoUses;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::meant::did_you_mean;
use crate::screens::who_uses::{Document, KeyUses, LIMITS, Unseen, screen};
use crate::terminal::progress::{USERS, bar};
use crate::terminal::signals::Signals;
use crate::terminal::size::width;
use crate::terminal::stdio::{print, print_json};
use crate::terminal::style::{self, paint};
use crate::terminal::time;
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use keyrot_core::engine::Progress;
use keyrot_core::report::{RunStatus, UserDocument};
use keyrot_core::settings::Settings;
use keyrot_core::usage::{TrailBounds, look_up, regions_to_ask};
use keyrot_core::{AccessKey, Cancel, ErrorKind, KeyId, LastUse, Mode, Rotator, Timestamp, UserName};
use std::fmt;

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
    let reporter = ProgressReporter::new(invocation.silent);
    reporter.expect(found.len());
    let mut keys = Vec::new();
    for one in found {
        let Subject { user, key, listed, last_use } = Subject::of(target, one).await;
        let regions = match asked.is_empty() {
            true => regions_to_ask(target.trail.as_ref(), &last_use),
            false => asked.clone(),
        };
        reporter.begin(&key, &regions, since);
        let bounds = TrailBounds { since, regions, most: usize::try_from(args.max_events).unwrap_or(usize::MAX) };
        let uses = look_up(target.trail.as_ref(), &key, &bounds, &|region, events| reporter.read(region, events)).await;
        keys.push(KeyUses::new(user, key, listed, last_use, uses));
        reporter.one_more();
    }
    reporter.finish();
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
        CliError::usage(error.to_string()).hint("name a user, or an access key id such as AKIAIOSFODNN7EXAMPLE")
    })?;
    let mut keys = match target.ports.iam.list_keys(&user).await {
        Ok(keys) => keys,
        Err(error) if error.kind == ErrorKind::NotFound => return Err(nobody(target, &user).await),
        Err(error) => return Err(CliError::failed(format!("could not list the keys of {user}: {error}"))),
    };
    keys.sort_by_key(|key| key.created);
    let found = keys.into_iter().map(|key| Found::Listed(user.clone(), key)).collect();
    Ok((Some(user), found))
}

/// The old keys of all selected users that still work, where it is known which key is the old one.
async fn of_those_who_lag(
    target: &Backend,
    settings: &Settings,
    silent: bool,
    unseen: &mut Vec<Unseen>,
) -> Result<Vec<(UserName, AccessKey)>, CliError> {
    let selected = settings.find(target.ports.iam.as_ref(), &target.homes(settings), &[]).await;
    let selected = selected.map_err(|error| CliError::failed(format!("could not list the users: {error}")))?;
    let limits = settings.limits(target.ports.clock.now());
    let rotator = Rotator::new(target.ports.clone());
    let reporter = ProgressReporter::of_users(selected.chosen.len(), silent);
    let one_more = |progress| {
        if let Progress::Done(_) = progress {
            reporter.one_more();
        }
    };
    let report = rotator.run(selected.chosen, Mode::Plan, &limits, &Cancel::default(), &one_more).await;
    reporter.finish();
    let mut old = Vec::new();
    for one in report.users {
        let message = || UserDocument::new(&one, report.finished).message;
        let known = one.old_keys();
        let problem = match (one.outcome.verdict(), &known) {
            (RunStatus::Failed | RunStatus::Stopped, _) => Some(format!("could not be read: {}", message())),
            (_, None) => Some(format!("it is unknown which key is the old one: {}", message())),
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

/// The caller may not be allowed to list all users: then no user is suggested.
async fn nobody(target: &Backend, user: &UserName) -> CliError {
    let users = target.ports.iam.users("/").await.unwrap_or_default();
    let meant = did_you_mean(user, &users);
    CliError::usage(format!("there is no user {user} in this account{meant}"))
        .hint("`keyrot status` lists the users with the tag, `keyrot audit` all users with a key")
}

/// Reports progress on stderr: reading many users or many events takes minutes.
struct ProgressReporter {
    bar: ProgressBar,
    silent: bool,
}

impl ProgressReporter {
    fn new(silent: bool) -> Self {
        let bar = bar(None, silent, "{spinner} {msg}, {elapsed} elapsed");
        bar.set_message(IAM);
        Self { bar, silent }
    }

    /// For reading this many users.
    fn of_users(users: usize, silent: bool) -> Self {
        Self { bar: bar(Some(steps(users)), silent, USERS), silent }
    }

    /// That so many keys follow. One alone is not counted.
    fn expect(&self, keys: usize) {
        let template = "key {which} of {len}: {msg}, {elapsed} elapsed{left}";
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
