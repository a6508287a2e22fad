//! `audit`: every access key of the account, and which rules it breaks. Nothing is changed.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::audit::AuditArgs;
use crate::cli::format::Format;
use crate::cli::values::duration;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output;
use crate::screens::audit;
use crate::terminal::progress::{bar, say_sandbox};
use crate::terminal::signals::Signals;
use crate::terminal::size::width;
use crate::terminal::stdio::{json, warn};
use keyrot_core::ErrorKind;
use keyrot_core::audit::{Audit, AuditPolicy, export, survey};
use keyrot_core::settings::Settings;
use std::time::Duration;

/// The setting for which an audit has its own limit.
const MAX_AGE: &str = "max_age";

pub(crate) async fn audit(invocation: &Invocation, args: &AuditArgs) -> Result<Exit, CliError> {
    let format = invocation.format;
    if let Some(path) = &args.out {
        output::check(path)?;
    }
    let (settings, max_age) = settings(invocation)?;
    let mut signals = Signals::listen()?;
    let looked = signals.or(look(invocation, args, &settings, max_age)).await;
    let (whole, place) = looked.unwrap_or_else(|signal| Err(CliError::signal(signal)))?;

    let only = args.only;
    let shown = only.map_or_else(|| whole.clone(), |only| whole.narrowed(only));
    let text = match format {
        Format::Text | Format::Table => {
            audit::screen(&shown, only, args.out.is_none().then(width).flatten())
        }
        Format::Json => json(&shown),
        Format::Csv => export::csv(&shown),
        Format::Html => export::html(&whole, &shown, place.sandbox),
        Format::Asff => export::asff(&shown, &place.region),
    };
    output::deliver(invocation, args.out.as_deref(), &text)?;
    // CSV and ASFF have no place for unknown users.
    if matches!(format, Format::Csv | Format::Asff) && !invocation.silent {
        whole.warnings().iter().for_each(|text| warn(text));
    }
    // Users that could not be read may have findings.
    let fails = |from| whole.worst() >= Some(from) || !whole.unreadable.is_empty();
    Ok(if args.check.is_some_and(fails) { Exit::Blocked } else { Exit::Success })
}

/// Returns the settings, and the audit's own limit for the age of keys, which is a flag. It need
/// not leave room for a rotation, as the setting must.
fn settings(invocation: &Invocation) -> Result<(Settings, Option<Duration>), CliError> {
    let is_limit = |(name, _): &&(&'static str, String)| *name == MAX_AGE;
    let Some((_, limit)) = invocation.settings.iter().rfind(is_limit) else {
        return Ok((config::load(invocation)?, None));
    };
    let limit = duration(limit).map_err(|error| {
        CliError::usage(format!("max_age (flag --max-age): {limit}: {error}; nothing was done"))
    })?;
    Ok((config::load_except(invocation, Some(MAX_AGE))?, Some(limit)))
}

/// The audited account.
struct Place {
    region: String,
    sandbox: bool,
}

async fn look(
    invocation: &Invocation,
    args: &AuditArgs,
    settings: &Settings,
    max_age: Option<Duration>,
) -> Result<(Audit, Place), CliError> {
    let backend = Backend::open(invocation, settings).await?;
    let homes = backend.homes(settings);
    let Backend { ports, sandbox, account, .. } = backend;
    // Only looking up ids takes long.
    let bar = bar(
        None,
        invocation.silent,
        "{bar:30} ids of {pos}/{len} users, {elapsed} elapsed, {eta} left",
    );
    let progress = |done: usize, of: usize| {
        bar.set_length(u64::try_from(of).unwrap_or(u64::MAX));
        bar.set_position(u64::try_from(done).unwrap_or(u64::MAX));
    };
    let view = survey(ports.iam.as_ref(), account.as_ref(), args.ids, &progress).await;
    bar.finish_and_clear();
    let view = view.map_err(|error| {
        let problem = CliError::failed(format!("could not read the account: {error}"));
        match error.kind {
            ErrorKind::Denied => {
                problem.hint("to print the permissions an audit needs: keyrot policy --for audit")
            }
            ErrorKind::LimitExceeded | ErrorKind::Throttled | ErrorKind::Unavailable => {
                problem.hint("run it again in a few minutes")
            }
            _ => problem,
        }
    })?;
    let now = ports.clock.now();
    if sandbox && !invocation.silent {
        say_sandbox(now);
    }
    let region = homes.region.clone();
    let (selection, policy) = (settings.selection().clone(), *settings.policy());
    let policy = AuditPolicy { selection, homes, policy, max_age };
    Ok((keyrot_core::audit::audit(&view, &policy, now), Place { region, sandbox }))
}
