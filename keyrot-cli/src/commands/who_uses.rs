//! `keyrot who-uses`: shows the evidence of a key's use, from IAM's record and CloudTrail's event
//! history. It changes nothing.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::named::user_name;
use crate::cli::values::as_key;
use crate::cli::who_uses::WhoUses;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::meant::did_you_mean;
use crate::screens::who_uses::screen;
use crate::terminal::progress::{USERS, bar};
use crate::terminal::signals::Signals;
use crate::terminal::size::{talk_width, width};
use crate::terminal::stdio::{print, print_json};
use crate::terminal::style;
use crate::terminal::text::hanging;
use crate::terminal::time;
use indicatif::{HumanDuration, ProgressBar, ProgressState, ProgressStyle};
use keyrot_core::report::UsesDocument;
use keyrot_core::requests::{self, UsesProgress, Whose};
use keyrot_core::settings::Settings;
use keyrot_core::{ErrorKind, UserName};
use std::fmt;
use std::sync::{Mutex, PoisonError};

/// The name of the first source that is asked about each key.
const IAM: &str = "IAM's record";

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
    Ok(if document.has_failed() { Exit::Failed } else { Exit::Success })
}

async fn find_out(
    invocation: &Invocation,
    settings: &Settings,
    args: &WhoUses,
    target: &Backend,
) -> Result<UsesDocument, CliError> {
    let whose = match args.whose.as_deref().map(|whose| as_key(whose).ok_or(whose)) {
        Some(Ok(key)) => Whose::Key(key),
        Some(Err(name)) => Whose::User(user_name(name).map_err(|error| {
            CliError::usage(error)
                .hint("name a user, or an access key id such as AKIAIOSFODNN7EXAMPLE")
        })?),
        None => {
            let selected =
                settings.find(target.ports.iam.as_ref(), &target.homes(settings), &[]).await;
            Whose::Lagging(
                selected
                    .map_err(|error| {
                        CliError::failed(format!("could not list the users: {error}"))
                    })?
                    .chosen,
            )
        }
    };
    let user = match &whose {
        Whose::User(user) => Some(user.clone()),
        Whose::Key(_) | Whose::Lagging(_) => None,
    };
    let who = requests::WhoUses::new(target.ports.clone(), target.trail.clone())
        .back(args.since)
        .regions(&args.regions)
        .max_events(args.max_events)
        .managed_by(settings.selection().clone(), target.homes(settings), *settings.policy())
        .limits(settings.limits(target.ports.clock.now()));
    let reporter = ProgressReporter::new(invocation.silent);
    let found = who.ask(whose, &|progress| reporter.take(progress)).await;
    reporter.finish();
    match (found, user) {
        (Ok(document), _) => Ok(document),
        (Err(error), Some(user)) if error.kind == ErrorKind::NotFound => {
            Err(nobody(target, &user).await)
        }
        (Err(error), Some(user)) => {
            Err(CliError::failed(format!("could not list the keys of {user}: {error}")))
        }
        (Err(error), None) => Err(CliError::failed(error.to_string())),
    }
}

/// The caller may not be allowed to list all users. In that case, no user is suggested.
async fn nobody(target: &Backend, user: &UserName) -> CliError {
    let users = target.ports.iam.users("/").await.unwrap_or_default();
    let meant = did_you_mean(user, &users);
    CliError::usage(format!("there is no user {user} in this account{meant}"))
        .hint("`keyrot status` lists the users with the tag, `keyrot audit` all users with a key")
}

/// Reports progress on stderr: reading many users or many events takes minutes.
struct ProgressReporter {
    bar: Mutex<ProgressBar>,
    silent: bool,
}

impl ProgressReporter {
    fn new(silent: bool) -> Self {
        Self { bar: Mutex::new(ProgressBar::hidden()), silent }
    }

    fn take(&self, progress: UsesProgress<'_>) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match progress {
            UsesProgress::Users(users) => *bar = self::bar(Some(steps(users)), self.silent, USERS),
            UsesProgress::User | UsesProgress::Done => bar.inc(1),
            UsesProgress::Keys(keys) => {
                bar.finish_and_clear();
                *bar = of_keys(keys, self.silent);
            }
            UsesProgress::Key { key, regions, since } if !self.silent => {
                let text = format!(
                    "asking CloudTrail about {key} in {} since {}",
                    regions.join(", "),
                    time::absolute(since)
                );
                let text = hanging("", style::PLAIN, &text, style::DIM, talk_width());
                bar.suspend(|| say_part!("{text}"));
            }
            UsesProgress::Events { region, events } => {
                bar.set_message(format!("{region}: {events} events read"));
            }
            _ => {}
        }
    }

    fn finish(&self) {
        self.bar.lock().unwrap_or_else(PoisonError::into_inner).finish_and_clear();
    }
}

/// Returns the progress bar for this many keys. A single key is not counted.
fn of_keys(keys: usize, silent: bool) -> ProgressBar {
    let bar = bar(None, silent, "{spinner} {msg}, {elapsed} elapsed");
    bar.set_message(IAM);
    let template = "key {which} of {len}: {msg}, {elapsed} elapsed{left}";
    if let (2.., Ok(look)) = (keys, ProgressStyle::with_template(template)) {
        // The bar counts finished keys, so the key in progress is one more.
        let of = |state: &ProgressState, out: &mut dyn fmt::Write| {
            let _ = write!(out, "{}", (state.pos() + 1).min(state.len().unwrap_or(u64::MAX)));
        };
        let left = |state: &ProgressState, out: &mut dyn fmt::Write| {
            if state.pos() > 0 {
                let _ = write!(out, ", {:#} left", HumanDuration(state.eta()));
            }
        };
        bar.set_style(look.with_key("which", of).with_key("left", left));
        bar.set_length(steps(keys));
    }
    bar
}

fn steps(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
