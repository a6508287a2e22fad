//! One pass over the users, shared by `plan`, `rotate` and `status`: find the users, read or act,
//! show the result.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::format::Format;
use crate::cli::run::{Reading, Users};
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::names;
use crate::output;
use crate::screens::users::csv::csv;
use crate::screens::users::{Asked, Screen, screen};
use crate::terminal::confirm::{can_ask, confirm};
use crate::terminal::progress::{ProgressReporter, say_sandbox};
use crate::terminal::signals::{NEXT_RUN, Signals};
use crate::terminal::size::{talk_width, width};
use crate::terminal::stdio::{json, note, warn};
use crate::terminal::style::{self, paint};
use keyrot_core::engine::NotifierFailure;
use keyrot_core::report::{Consent, RunStatus, command_line, schema};
use keyrot_core::selection::MissingWhy;
use keyrot_core::settings::Settings;
use keyrot_core::{Cancel, Mode, Notifier, Rotator, RunDocument, Selected, UserName};
use std::sync::Arc;

/// The purpose of a pass.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pass<'a> {
    pub(crate) screen: Screen,
    /// Replace current keys, due or not.
    pub(crate) force: bool,
    /// The operator has agreed in advance.
    pub(crate) agreed: bool,
    /// The options of a command that only reads.
    pub(crate) reading: Option<&'a Reading>,
}

/// How a pass ended.
pub(crate) struct Ran {
    pub(crate) document: RunDocument,
    pub(crate) exit: Exit,
}

impl Pass<'_> {
    pub(crate) fn of(screen: Screen) -> Self {
        Self { screen, force: false, agreed: false, reading: None }
    }
}

pub(crate) async fn run(
    invocation: &Invocation,
    users: &Users,
    pass: Pass<'_>,
) -> Result<Ran, CliError> {
    let what = pass.screen;
    let out = pass.reading.and_then(|reading| reading.out.as_deref());
    out.map_or(Ok(()), output::check)?;
    let settings = config::load(invocation)?;
    let mut signals = Signals::listen()?;
    let found = signals.or(find(invocation, &settings, &users.names())).await;
    let (target, mut selected) = found.unwrap_or_else(|signal| Err(CliError::signal(signal)))?;
    let (sandbox, now) = (target.sandbox, target.ports.clock.now());
    if users.names().is_empty() {
        names::remember(sandbox, &selected);
    }
    if pass.force {
        selected.force(now);
    }
    let (mode, schema) = match what {
        Screen::Plan => (Mode::Plan, schema::PLAN),
        Screen::Status => (Mode::Plan, schema::STATUS),
        Screen::Rotate => (Mode::Act, schema::ROTATE),
    };
    say_of_selection(invocation, &selected, sandbox, now);
    let notifiers = match what {
        Screen::Rotate => notifiers(&settings, &target, &selected)?,
        Screen::Plan | Screen::Status => Vec::new(),
    };
    let named = users.names();
    let asked = Asked {
        sandbox,
        named: &named,
        force: pass.force,
        confirms: false,
        tagged_otherwise: &selected.tagged_otherwise,
    };
    if what == Screen::Rotate && !pass.agreed && can_ask() {
        agree(&target, &settings, &selected, asked, &mut signals).await?;
    }

    let reporter = ProgressReporter::new(selected.chosen.len(), invocation.silent, invocation.json);
    let rotator = Rotator::new(target.ports.clone());
    let rotator = notifiers.into_iter().fold(rotator, Rotator::notify);
    let rotator = if settings.trail() { rotator.trail(target.trail) } else { rotator };
    let cancel = Cancel::default();
    let progress = |progress| reporter.take(&progress);
    // The deadline counts from here, because waiting for the answer may have taken long.
    let limits = settings.limits(target.ports.clock.now());
    let chosen = std::mem::take(&mut selected.chosen);
    let work = rotator.run(chosen, mode, &limits, &cancel, &progress);
    let say = |text: &str| reporter.say(&paint(style::WARN, text));
    let (report, signal) = signals.while_working(&cancel, (say, NEXT_RUN), work).await;
    reporter.finish();

    let document = RunDocument::new(schema, &report, &selected);
    // An account may have thousands of users: not twice more than needed.
    drop(report);
    let exit = match what {
        Screen::Rotate => Exit::of(document.result, signal),
        Screen::Plan | Screen::Status => {
            let check = pass.reading.is_some_and(|reading| reading.check);
            Exit::of_reading(document.result, signal, check)
        }
    };
    // Rows do not show that some are missing, and a file outlives the terminal's messages.
    let stopped = document.result == RunStatus::Stopped;
    let looks_whole = out.is_some() || invocation.format == Format::Csv;
    if let Some(signal) = signal.filter(|_| stopped && looks_whole && what != Screen::Rotate) {
        return Err(CliError::signal(signal));
    }
    let text = match invocation.format {
        Format::Json => json(&document),
        Format::Csv => csv(&document),
        _ => {
            let width = out.is_none().then(width).flatten();
            screen(what, &document, &settings, asked, width)
        }
    };
    output::deliver(invocation, out, &text)?;
    report_notifier_failures(&document.notifier_failures);
    Ok(Ran { document, exit })
}

/// Asks if the operator has to agree to the run, after showing what it would do.
async fn agree(
    target: &Backend,
    settings: &Settings,
    selected: &Selected,
    asked: Asked<'_>,
    signals: &mut Signals,
) -> Result<(), CliError> {
    if !Consent::is_possible(selected.chosen.len()) {
        return Ok(());
    }
    let rotator = Rotator::new(target.ports.clone());
    let (limits, cancel) = (settings.limits(target.ports.clock.now()), Cancel::default());
    let plan = rotator.run(selected.chosen.clone(), Mode::Plan, &limits, &cancel, &|_| {});
    let report = signals.or(plan).await.map_err(CliError::signal)?;
    let plan = RunDocument::new(schema::PLAN, &report, selected);
    if let Some(consent) = Consent::for_run(&plan, settings.max_adoptions(), asked.force) {
        let asked = Asked { confirms: true, ..asked };
        say_part!("{}", screen(Screen::Plan, &plan, settings, asked, talk_width()));
        confirm(false, &format!("{consent} {}", place(&plan, target.sandbox))).await?;
    }
    Ok(())
}

/// Returns where the run would change something, as the question names it.
fn place(plan: &RunDocument, sandbox: bool) -> String {
    let account = plan.account.as_deref().unwrap_or("unknown");
    match &plan.region {
        Some(region) if !sandbox => format!("in account {account}, {region}"),
        Some(region) => format!("in account {account}, {region} (sandbox)"),
        None => format!("in account {account}"),
    }
}

/// Prints one line for each notifier that failed. It does not change the run's result.
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
        // This is always printed, because a notification of the run was lost.
        let text = format!("notifier {notifier} failed{times}: {reason}");
        say!("{} {text}", paint(style::BAD, "error:"));
    }
}

/// The notifiers of the run.
fn notifiers(
    settings: &Settings,
    target: &Backend,
    selected: &Selected,
) -> Result<Vec<Arc<dyn Notifier>>, CliError> {
    if target.sandbox && !settings.notify().is_empty() {
        note("no notifications: `notify` is set, but this is a sandbox");
    }
    target.notifiers(settings, &selected.chosen).map_err(CliError::usage)
}

/// Builds the ports, and finds the users. Nothing is changed until every named user is known to be
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
            Err(match untagged {
                Some(one) => problem.hint(format!(
                    "nothing was done; to tag the user: {}",
                    command_line("keyrot enroll", &[one.user.as_str()], "")
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
        warn(&format!("the exclusion {pattern} matches no user; check the spelling"));
    }
    if sandbox && !invocation.silent {
        say_sandbox(now);
    }
}
