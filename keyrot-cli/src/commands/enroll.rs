//! `enroll` and `release`: add the tag that selects a user, or remove it.

use crate::backend::Backend;
use crate::cli::Invocation;
use crate::cli::asking::Asking;
use crate::cli::enroll::{EnrollArgs, ReleaseArgs};
use crate::commands::flow::Flow;
use crate::config;
use crate::error::CliError;
use crate::exit::Exit;
use crate::screens::enroll::{results, screen};
use crate::terminal::signals::{AGAIN, Signals, reading, say_resume};
use crate::terminal::size::width;
use crate::terminal::stdio::print;
use crate::terminal::style::{self, paint};
use keyrot_core::model::Adoption;
use keyrot_core::report::Change;
use keyrot_core::requests::{EnrollError, EnrollPlan, Enrollment};
use keyrot_core::settings::Settings;
use keyrot_core::{Cancel, Homes};

pub(crate) async fn enroll(invocation: &Invocation, args: &EnrollArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let backend = reading(Backend::open(invocation, &settings)).await?;
    // The operator sees the place and agrees to it, so it counts as chosen on purpose.
    let adoption = if args.adopt_secret { Adoption::TakeOver } else { Adoption::Named };
    let session = Session::new(&settings, &backend, Homes { adoption, ..backend.homes(&settings) });
    let plan = reading(async {
        let plan = session.enrollment.plan(&args.users, args.anyway).await;
        plan.map_err(|error| failed(&error, "no user was tagged"))
    });
    session.change(invocation, plan.await?, args.asking).await
}

pub(crate) async fn release(invocation: &Invocation, args: &ReleaseArgs) -> Result<Exit, CliError> {
    let settings = config::load(invocation)?;
    let backend = reading(Backend::open(invocation, &settings)).await?;
    let session = Session::new(&settings, &backend, backend.homes(&settings));
    let plan = reading(async {
        let plan = session.enrollment.plan_release(&args.users).await;
        plan.map_err(|error| failed(&error, "no user was released"))
    });
    session.change(invocation, plan.await?, args.asking).await
}

fn failed(error: &EnrollError, nothing: &str) -> CliError {
    match error {
        EnrollError::Listing(_) => CliError::failed(error.to_string()).hint("nothing was changed"),
        EnrollError::TaggedOtherwise { .. } => CliError::usage(error.to_string())
            .hint(format!("to enroll it anyway, add --anyway; {nothing}")),
        _ => CliError::usage(error.to_string())
            .hint(format!("`keyrot audit` lists the users with a key; {nothing}")),
    }
}

/// The parts that both commands share.
struct Session<'a> {
    settings: &'a Settings,
    backend: &'a Backend,
    enrollment: Enrollment,
    region: String,
}

impl<'a> Session<'a> {
    fn new(settings: &'a Settings, backend: &'a Backend, homes: Homes) -> Self {
        let region = homes.region.clone();
        let (ports, tags) = (backend.ports.clone(), backend.tags.clone());
        let limits = settings.limits(ports.clock.now());
        let enrollment = Enrollment::new(ports, tags, settings.selection().clone(), homes);
        Self {
            settings,
            backend,
            enrollment: enrollment
                .policy(*settings.policy())
                .limits(limits)
                .deadline(settings.deadline()),
            region,
        }
    }

    /// Shows the plan, asks, carries it out for each user, and reports.
    async fn change(
        &self,
        invocation: &Invocation,
        mut plan: EnrollPlan,
        asking: Asking,
    ) -> Result<Exit, CliError> {
        plan.document.dry_run = asking.dry_run;
        let show = |width| screen(&plan.document, self.settings, width);
        let account = plan.users.first().map_or("unknown", |user| user.arn.account());
        let place = self.backend.place(account, &self.region);
        let flow = Flow::new(invocation, asking, format!("in {place}"));
        if plan.is_refused() {
            flow.report(&plan.document, || print(&show(width())));
            let text = "a rotation would be blocked; no user was tagged";
            say!("{} {text}; to tag them anyway, add --anyway", paint(style::WARN, "refused:"));
            return Ok(Exit::Blocked);
        }
        let mut signals = Signals::listen()?;
        if !flow.plan(show, plan.has_work(), Some(&plan.question())).await? {
            flow.report(&plan.document, || {});
            return Ok(Exit::Success);
        }
        let cancel = Cancel::default();
        let say = |text: &str| say!("{}", paint(style::WARN, text));
        let work = self.enrollment.carry_out(plan, &cancel);
        let (document, signal) = signals.while_working(&cancel, (say, AGAIN), work).await;
        flow.report(&document, || results(&document));
        let left = document.users.iter().filter(|row| row.result == Change::Planned).count();
        if let Some(signal) = signal.filter(|_| left > 0) {
            say_resume(left);
            return Ok(Exit::Signal(signal));
        }
        Ok(if document.has(Change::Failed) { Exit::Failed } else { Exit::Success })
    }
}
