//! One pass over the users, which `plan`, `rotate` and `status` share: find the users, read or act,
//! show the result.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::run::Users;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::run::{Screen, screen};
use crate::terminal::progress::{ProgressReporter, say_sandbox};
use crate::terminal::signals::Signals;
use crate::terminal::size::width;
use crate::terminal::stdio::{print, print_json};
use crate::terminal::style::{self, paint};
use keyrot_core::engine::NotifierFailure;
use keyrot_core::report::{flag, schema};
use keyrot_core::selection::MissingWhy;
use keyrot_core::settings::Settings;
use keyrot_core::{Cancel, Mode, Notifier, Rotator, RunDocument, Selected, UserName};
use std::sync::Arc;

pub(crate) async fn run(
    invocation: &Invocation,
    users: &Users,
    what: Screen,
    force: bool,
) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let mut signals = Signals::listen()?;
    let found = signals.or(find(invocation, &settings, &users.names())).await;
    let (target, mut selected) = found.unwrap_or_else(|signal| Err(CliError::signal(signal)))?;
    let (sandbox, now) = (target.sandbox, target.ports.clock.now());
    if force {
        selected.force(now);
    }
    let (mode, schema) = match what {
        Screen::Plan => (Mode::Plan, schema::PLAN),
        Screen::Status => (Mode::Plan, schema::STATUS),
        Screen::Rotate => (Mode::Act, schema::ROTATE),
    };
    let limits = settings.limits(now);
    say_of_selection(invocation, &selected, sandbox, now);

    let reporter = ProgressReporter::new(selected.chosen.len(), invocation.silent, invocation.json);
    let notifiers = match what {
        Screen::Rotate => notifiers(&settings, &target, &selected)?,
        Screen::Plan | Screen::Status => Vec::new(),
    };
    let rotator = notifiers.into_iter().fold(Rotator::new(target.ports), Rotator::notify);
    let rotator = if settings.trail() { rotator.trail(target.trail) } else { rotator };
    let cancel = Cancel::default();
    let progress = |progress| reporter.take(&progress);
    let work = rotator.run(selected.chosen.clone(), mode, &limits, &cancel, &progress);
    let say = |text: &str| reporter.say(&paint(style::WARN, text));
    let (report, signal) = signals.while_working(&cancel, say, work).await;
    reporter.finish();

    let document = RunDocument::new(schema, &report, &selected);
    if invocation.json {
        print_json(&document);
    } else {
        print(&screen(what, &document, &settings, sandbox, width()));
    }
    report_notifier_failures(&report.notifier_failures);
    Ok(Exit::of(document.result, signal))
}

/// One line for each notifier that failed, however often it did. It changes nothing about how the
/// run went.
fn report_notifier_failures(failures: &[NotifierFailure]) {
    for (i, NotifierFailure { notifier, reason, .. }) in failures.iter().enumerate() {
        let of_this = |other: &&NotifierFailure| other.notifier == *notifier;
        if failures[..i].iter().any(|other| of_this(&other)) {
            continue;
        }
        let times = match failures.iter().filter(of_this).count() {
            1 => String::new(),
            times => format!(" ({times} times, first error)"),
        };
        let text = format!("notifier {notifier} failed{times}: {reason}");
        say!("{} {text}", paint(style::WARN, "warning:"));
    }
}

/// The notifiers of the run.
fn notifiers(
    settings: &Settings,
    target: &Backend,
    selected: &Selected,
) -> Result<Vec<Arc<dyn Notifier>>, CliError> {
    if target.sandbox && !settings.notify().is_empty() {
        let text = "no notifications: `notify` is set, but this is a sandbox";
        say!("{} {text}", paint(style::DIM, "note:"));
    }
    target.notifiers(settings, &selected.chosen).map_err(CliError::usage)
}

/// Builds the ports, and finds the users. Nothing is changed before every named user is known to be
/// selected.
async fn find(
    invocation: &Invocation,
    settings: &Settings,
    names: &[UserName],
) -> Result<(Backend, Selected), CliError> {
    let target = Backend::open(invocation, settings).await?;
    let selected = settings
        .find(target.ports.iam.as_ref(), &target.homes(settings), names)
        .await
        .map_err(|error| {
        CliError::failed(format!("could not list the account's users: {error}"))
            .hint("keyrot selects users only after it has read all of them; nothing was changed")
    })?;
    match selected.missing.as_slice() {
        [] => Ok((target, selected)),
        missing => {
            let lines: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let problem = CliError::usage(lines.join("\n"));
            let untagged = missing.iter().find(|m| matches!(m.why, MissingWhy::NotTagged { .. }));
            Err(match untagged.filter(|_| !target.sandbox) {
                Some(one) => problem.hint(format!(
                    "aws iam tag-user {} --tags Key={},Value={} (nothing was done)",
                    flag("--user-name", &one.user),
                    settings.selection().tag,
                    settings.selection().tag_value
                )),
                None => problem.hint("nothing was done"),
            })
        }
    }
}

fn say_of_selection(
    invocation: &Invocation,
    selected: &Selected,
    sandbox: bool,
    now: keyrot_core::Timestamp,
) {
    for pattern in &selected.unmatched_exclusions {
        let text = format!("the exclusion {pattern} matches no user; check the spelling");
        say!("{} {text}", paint(style::WARN, "warning:"));
    }
    if sandbox && !invocation.silent {
        say_sandbox(now);
    }
}
