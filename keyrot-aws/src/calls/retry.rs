//! Sends a call when its turn comes, with a time limit, and with retries only if they are harmless.
//!
//! The SDK's own retries are off. A throttle is always retried: AWS refused the call and did
//! nothing. A lost answer is retried for reads and for changes that can be repeated; if such a
//! change then fails, its effect is [`Effect::Unknown`](keyrot_core::Effect), regardless of the
//! last answer, because an earlier attempt may have been carried out.

use crate::calls::backoff::pause;
use crate::calls::errors::{Class, Failure, Fault};
use crate::calls::op::{Op, Repeat};
use crate::calls::telemetry;
use crate::limiter::Limiter;
use crate::settings::{Rates, Timeouts};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use keyrot_core::{CallError, ErrorKind};
use std::error::Error;
use std::future::Future;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout_at};

/// The number of attempts at a call whose answers get lost.
const LOST: u32 = 3;
/// The pause before the second attempt; it doubles up to the longest.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// One limiter for each set of calls that share an AWS rate limit (see [`Rates`]). All users of the
/// account share them.
pub(crate) struct Limits {
    pub(crate) discovery: Limiter,
    pub(crate) iam_reads: Limiter,
    pub(crate) create_key: Limiter,
    pub(crate) change_key: Limiter,
    pub(crate) secret_reads: Limiter,
    pub(crate) secret_lists: Limiter,
    pub(crate) secret_creates: Limiter,
    pub(crate) secret_values: Limiter,
    pub(crate) secret_tags: Limiter,
    pub(crate) sts: Limiter,
}

impl Limits {
    pub(crate) fn new(rates: &Rates) -> Self {
        Self {
            discovery: Limiter::new(rates.discovery),
            iam_reads: Limiter::new(rates.iam_reads),
            create_key: Limiter::new(rates.create_key),
            change_key: Limiter::new(rates.change_key),
            secret_reads: Limiter::new(rates.secret_reads),
            secret_lists: Limiter::new(rates.secret_lists),
            secret_creates: Limiter::new(rates.secret_creates),
            secret_values: Limiter::new(rates.secret_values),
            secret_tags: Limiter::new(rates.secret_tags),
            sts: Limiter::new(rates.sts),
        }
    }
}

/// The time until which attempts of one port call may begin.
#[derive(Clone, Copy)]
pub(crate) struct Budget {
    last_start: Instant,
    whole: Duration,
}

impl Budget {
    pub(crate) fn begin(timeouts: &Timeouts) -> Self {
        Self {
            last_start: Instant::now() + timeouts.call.saturating_sub(timeouts.attempt),
            whole: timeouts.call,
        }
    }

    pub(crate) fn last_start(&self) -> Instant {
        self.last_start
    }
}

/// Sends the call, with retries if needed.
pub(crate) async fn send<T, E, F, Fut>(op: &Op<'_>, budget: &Budget, call: F) -> Result<T, Failure>
where
    E: ProvideErrorMetadata + Error + 'static,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let result = telemetry::in_span(op, attempts(op, budget, call)).await;
    telemetry::ended(op, &result);
    result
}

async fn attempts<T, E, F, Fut>(op: &Op<'_>, budget: &Budget, mut call: F) -> Result<T, Failure>
where
    E: ProvideErrorMetadata + Error + 'static,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
{
    let mut history = History::default();
    let mut last: Option<Fault> = None;
    loop {
        let Ok(permit) = timeout_at(budget.last_start, op.limiter.acquire()).await else {
            return Err(match last {
                Some(fault) => fault.into_failure(op, history.attempts, history.unknown),
                None => no_turn(op, budget),
            });
        };
        let sent = Instant::now();
        // The SDK's futures are large, and many calls may wait for their turns before they have one.
        let fault = match Box::pin(call()).await {
            Ok(value) => {
                permit.succeeded();
                telemetry::answered(op, history.attempts + 1, sent.elapsed());
                return Ok(value);
            }
            Err(error) => Fault::read(&error),
        };
        match fault.class {
            Class::Throttled => permit.throttled(),
            Class::Refused => permit.succeeded(),
            // This says nothing about the rate.
            Class::Lost { .. } | Class::NotSent => drop(permit),
        }
        history.note(fault.class);
        let again = match fault.class {
            Class::Throttled => true,
            Class::Lost { .. } => {
                op.repeat != Repeat::Never && history.lost < LOST && !fault.is_lasting
            }
            Class::Refused | Class::NotSent => false,
        };
        let took = sent.elapsed();
        let wait = pause(history.attempts, FIRST_PAUSE, LONGEST_PAUSE);
        let next = Instant::now() + wait;
        let again = again && next <= budget.last_start;
        telemetry::failed(op, history.attempts, took, &fault, again.then_some(wait));
        if !again {
            return Err(fault.into_failure(op, history.attempts, history.unknown));
        }
        last = Some(fault);
        sleep_until(next).await;
    }
}

/// The results of the attempts so far.
#[derive(Clone, Copy, Default)]
struct History {
    attempts: u32,
    lost: u32,
    /// Whether an attempt may have been carried out although no answer came.
    unknown: bool,
}

impl History {
    fn note(&mut self, class: Class) {
        self.attempts += 1;
        if let Class::Lost { sent } = class {
            self.lost += 1;
            self.unknown |= sent;
        }
    }
}

fn no_turn(op: &Op<'_>, budget: &Budget) -> Failure {
    let message = format!(
        "{} for {} was not sent: no turn within {}s, because AWS limits the rate of such calls; lower the concurrency, or \
         find the client that uses up the account's rate",
        op.action,
        op.subject,
        budget.whole.as_secs()
    );
    Failure {
        code: None,
        detail: String::new(),
        by_clock: false,
        error: CallError::refused(ErrorKind::Throttled, message),
    }
}
