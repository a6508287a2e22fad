//! One invocation: the core handles the request, and the outcome is reported.

use crate::answer::answer;
use crate::request::{Request, Sweep};
use crate::{logs, metrics};
use keyrot_aws::notify::Channels;
use keyrot_core::engine::Progress;
use keyrot_core::model::{RotationStep, StepName};
use keyrot_core::report::{RunStatus, State, schema};
use keyrot_core::settings::Settings;
use keyrot_core::{
    Cancel, Homes, Mode, Outcome, Ports, Report, Rotator, RunDocument, SecretName, Selected, Stop,
    Target, Timestamp,
};
use lambda_runtime::{Diagnostic, tracing};
use serde_json::{Value, json};
use std::time::Duration;

/// The time that a step under way may still take: the limit of one call to AWS, and some time for
/// the last notifications. Some destinations take longer.
const LAST_STEP: Duration = Duration::from_secs(75);
/// The time for the last notifications.
const LAST_NEWS: Duration = Duration::from_secs(30);
/// The number of users named in an error.
const NAMED: usize = 10;

/// The state that all invocations of a process share.
pub(crate) struct Function {
    pub(crate) settings: Settings,
    /// The places of users' secrets.
    pub(crate) homes: Homes,
    pub(crate) ports: Ports,
    /// Returns a rotator on these ports; with the trail, if the settings say so.
    pub(crate) rotator: Rotator,
    pub(crate) channels: Channels,
}

/// What Lambda passes about an invocation.
#[derive(Debug, Clone)]
pub(crate) struct Invocation {
    pub(crate) request_id: String,
    pub(crate) function: String,
    /// When Lambda ends the invocation.
    pub(crate) end: Timestamp,
}

/// The reason why an invocation fails as a whole, so that Lambda's metric `Errors` counts it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Problem {
    #[error("{0}")]
    BadEvent(String),
    #[error(
        "the function has {0} seconds left, and starts nothing in its last 75: set its timeout to 900 seconds"
    )]
    NoTime(i64),
    #[error(
        "the account's users could not be listed: {0}; no user is selected unless all could be listed, and nothing was changed"
    )]
    NotListed(keyrot_core::CallError),
    #[error("{0}; nothing was done for any user")]
    NotSelected(String),
    #[error("{0}")]
    UsersFailed(String),
    #[error("{0}")]
    OrderFailed(String),
}

impl From<Problem> for Diagnostic {
    fn from(problem: Problem) -> Self {
        let kind = match problem {
            Problem::BadEvent(_) => "keyrot.BadEvent",
            Problem::NoTime(_) => "keyrot.NoTime",
            Problem::NotListed(_) => "keyrot.NotListed",
            Problem::NotSelected(_) => "keyrot.NotSelected",
            Problem::UsersFailed(_) => "keyrot.UsersFailed",
            Problem::OrderFailed(_) => "keyrot.OrderFailed",
        };
        Self { error_type: kind.to_owned(), error_message: problem.to_string() }
    }
}

impl Function {
    pub(crate) async fn handle(
        &self,
        event: Value,
        invocation: &Invocation,
    ) -> Result<RunDocument, Problem> {
        let request = Request::parse(event).map_err(|bad| Problem::BadEvent(bad.to_string()))?;
        let now = self.ports.clock.now();
        let longest = self.ports.destinations.values().map(|to| to.longest()).max();
        let left = (invocation.end - now).to_std().unwrap_or_default();
        let end = invocation.end - last_step(longest, left);
        if now >= end {
            return Err(Problem::NoTime((invocation.end - now).num_seconds()));
        }
        match request {
            Request::Sweep(sweep) => self.sweep(&sweep, invocation, end).await,
            Request::RotationStep(secret, order) => {
                self.order(&secret, order, invocation, end).await
            }
        }
    }

    /// Runs one pass. A blocked user is not an error of the function: it is reported in the answer,
    /// in the metrics and in the notifications. A failed user is an error.
    async fn sweep(
        &self,
        sweep: &Sweep,
        invocation: &Invocation,
        end: Timestamp,
    ) -> Result<RunDocument, Problem> {
        let iam = self.ports.iam.as_ref();
        let mut selected =
            self.settings.find(iam, &self.homes, &sweep.users).await.map_err(Problem::NotListed)?;
        if !selected.missing.is_empty() {
            let why: Vec<String> = selected.missing.iter().map(ToString::to_string).collect();
            return Err(Problem::NotSelected(why.join("; ")));
        }
        if sweep.force {
            selected.force(self.ports.clock.now());
        }
        for pattern in &selected.unmatched_exclusions {
            tracing::warn!(
                request_id = invocation.request_id,
                "the exclusion {pattern} matches no user; check its spelling"
            );
        }
        let (mode, schema) =
            if sweep.dry_run { (Mode::Plan, schema::PLAN) } else { (Mode::Act, schema::ROTATE) };
        let mut limits = self.settings.limits(self.ports.clock.now());
        limits.deadline = limits.deadline.map(|deadline| deadline.min(end)).or(Some(end));
        let progress = |news: Progress| log_progress(&invocation.request_id, &news);
        let users = std::mem::take(&mut selected.chosen);
        let report =
            self.rotator(&users).run(users, mode, &limits, &Cancel::default(), &progress).await;
        let document = RunDocument::new(schema, &report, &selected);
        drop(report);
        if sweep.is_whole() {
            println!("{}", metrics::of_sweep(&invocation.function, &document));
        } else if !sweep.dry_run {
            println!("{}", metrics::of_part(&invocation.function, &document));
        }
        summed_up(&invocation.request_id, &document);
        if document.result == RunStatus::Failed {
            return Err(Problem::UsersFailed(failures(&document)));
        }
        Ok(answer(document))
    }

    /// Carries out a step for Secrets Manager, for the selected user that owns the secret.
    async fn order(
        &self,
        secret: &SecretName,
        order: RotationStep,
        invocation: &Invocation,
        end: Timestamp,
    ) -> Result<RunDocument, Problem> {
        let step = order.step;
        let selected = self
            .settings
            .find(self.ports.iam.as_ref(), &self.homes, &[])
            .await
            .map_err(Problem::NotListed)?;
        let chosen = owner(&selected, secret).ok_or_else(|| {
            let selection = self.settings.selection();
            let (tag, value) = (&selection.tag, &selection.tag_value);
            Problem::NotSelected(format!(
                "{secret} is the secret of no user with the tag {tag}={value}; the secret of a user is named by the setting secret_name or by \
                 the user's tag keyrot:secret"
            ))
        })?;
        let mut limits = self.settings.limits(self.ports.clock.now());
        limits.deadline = limits.deadline.map(|deadline| deadline.min(end)).or(Some(end));
        let progress = |news: Progress| log_progress(&invocation.request_id, &news);
        let only = Selected { chosen: vec![chosen.clone()], ..Selected::default() };
        let report = self
            .rotator(&only.chosen)
            .carry_out(chosen, order, &limits, &Cancel::default(), &progress)
            .await;
        let document = RunDocument::new(schema::ORDER, &report, &only);
        println!("{}", metrics::of_part(&invocation.function, &document));
        carried_out(step, &report, document)
    }

    fn rotator(&self, chosen: &[Target]) -> Rotator {
        self.channels.for_run(chosen).into_iter().fold(self.rotator.clone(), Rotator::notify)
    }
}

fn owner(selected: &Selected, secret: &SecretName) -> Option<Target> {
    selected.chosen.iter().find(|one| one.subject.secret == *secret).cloned()
}

fn carried_out(
    step: StepName,
    report: &Report,
    document: RunDocument,
) -> Result<RunDocument, Problem> {
    let done = report.users.iter().all(|one| one.outcome == Outcome::Done);
    if done {
        return Ok(answer(document));
    }
    let why: Vec<String> =
        document.users.iter().map(|one| format!("{}: {}", one.user, one.message)).collect();
    Err(Problem::OrderFailed(format!(
        "{} is not done: {}",
        json!(step).as_str().unwrap_or_default(),
        why.join("; ")
    )))
}

fn log_progress(request_id: &str, news: &Progress) {
    if let Progress::Event(event) = news {
        logs::event(request_id, event);
    }
}

fn summed_up(request_id: &str, document: &RunDocument) {
    let counts = json!(document.counts).to_string();
    tracing::info!(target: "keyrot", request_id, counts, "{} users processed", document.counts.users);
    let waiting = document.users.iter().filter(|one| waits_for_adoption(&one.outcome)).count();
    if waiting > 0 {
        tracing::info!(
            target: "keyrot",
            request_id,
            waiting,
            "{waiting} users wait for adoption: one run adopts as many as max_adoptions allows, and the next run continues"
        );
    }
    for failure in &document.notifier_failures {
        let (notifier, untold) = (&failure.notifier, failure.untold);
        tracing::warn!(target: "keyrot", request_id, notifier, untold, "not notified: {}", failure.reason);
    }
}

fn waits_for_adoption(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Stopped(Stop::AdoptionLimit))
}

fn failures(document: &RunDocument) -> String {
    let failed: Vec<_> = document.users.iter().filter(|one| one.state == State::Failed).collect();
    let named: Vec<String> =
        failed.iter().take(NAMED).map(|one| format!("{}: {}", one.user, one.message)).collect();
    let more = failed.len().saturating_sub(NAMED);
    let more = if more > 0 {
        format!("; and {more} more, each with a line in the log")
    } else {
        String::new()
    };
    format!(
        "{} of {} users failed, and the next run retries them: {}{more}",
        failed.len(),
        document.users.len(),
        named.join("; ")
    )
}

/// Returns how long before its end the invocation starts no more steps, if the longest delivery
/// takes this long: for that, at most half of the time that is left, because otherwise there would
/// be none for the work.
fn last_step(longest: Option<Duration>, left: Duration) -> Duration {
    let delivery = longest.map_or(Duration::ZERO, |longest| longest + LAST_NEWS);
    delivery.min(left / 2).max(LAST_STEP)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_ends_its_run_early_enough_for_the_longest_delivery() {
        let s = Duration::from_secs;
        assert_eq!(last_step(None, s(900)), LAST_STEP);
        assert_eq!(last_step(Some(s(75)), s(900)), s(105));
        assert_eq!(last_step(Some(s(180)), s(900)), s(210));
        assert_eq!(last_step(Some(s(180)), s(300)), s(150), "there is time for the work, too");
        assert_eq!(last_step(Some(s(180)), s(60)), LAST_STEP);
    }
}
