//! `move`: moves a user's home to another region or secret.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::moving::MoveArgs;
use crate::commands::flow::Flow;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::moving::{exit, results, screen, untold};
use crate::terminal::signals::{AGAIN, Signals, reading, say_resume};
use crate::terminal::stdio::{print, warn};
use crate::terminal::style::{self, paint};
use keyrot_core::model::Adoption;
use keyrot_core::report::Change;
use keyrot_core::requests::{HomeMove, MoveError};
use keyrot_core::{Cancel, Homes};

pub(crate) async fn moving(invocation: &Invocation, args: &MoveArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let backend = reading(Backend::open(invocation, &settings)).await?;
    let adoption = if args.adopt_secret { Adoption::TakeOver } else { Adoption::Named };
    let homes = Homes { adoption, ..backend.homes(&settings) };
    let limits = settings.limits(backend.ports.clock.now());
    let mut moving = HomeMove::new(backend.ports.clone(), settings.selection().clone(), homes)
        .policy(*settings.policy())
        .limits(limits)
        .deadline(settings.deadline());
    let find = async { moving.find(&args.users).await.map_err(|error| failed(&error)) };
    let found = reading(find).await?;
    for notifier in backend.notifiers(&settings, &found).map_err(CliError::usage)? {
        moving = moving.notify(notifier);
    }
    for region in moving.other_regions(&found) {
        let old = Backend::in_region(invocation, &settings, Some(&region)).await?;
        moving = moving.old_home(&region, old.ports);
    }
    let plan = async { moving.plan(found).await.map_err(|error| failed(&error)) };
    let mut plan = reading(plan).await?;
    plan.document.dry_run = args.asking.dry_run;
    let to = plan.document.users.first().map(|row| &row.to);
    let place = to.map(|to| format!("to {}", backend.place(&to.account, &to.region)));
    let flow = Flow::new(invocation, args.asking, place.unwrap_or_default());
    let mut signals = Signals::listen()?;
    let screen = |width| screen(&plan.document, &settings, width);
    if !flow.plan(screen, plan.has_work(), Some(&plan.question())).await? {
        flow.report(&plan.document, || {});
        if plan.is_refused() {
            say!("{} no user was moved", paint(style::WARN, "refused:"));
        }
        return Ok(exit(&plan.document));
    }
    let cancel = Cancel::default();
    let say = |text: &str| say!("{}", paint(style::WARN, text));
    let work = moving.carry_out(plan, &cancel);
    let (document, signal) = signals.while_working(&cancel, (say, AGAIN), work).await;
    flow.report(&document, || results(&document).for_each(|line| print(&line)));
    untold(&document).for_each(|text| warn(&text));
    let left = document.users.iter().filter(|row| row.result == Change::Planned).count();
    if let Some(signal) = signal.filter(|_| left > 0) {
        say_resume(left);
        return Ok(Exit::Signal(signal));
    }
    Ok(exit(&document))
}

fn failed(error: &MoveError) -> CliError {
    match error {
        MoveError::Listing(_) => CliError::failed(error.to_string()).hint("nothing was changed"),
        _ => CliError::usage(error.to_string()).hint("no user was moved"),
    }
}
