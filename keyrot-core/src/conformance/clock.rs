//! The cases for the clock.

use super::case::{CaseResult, Checked, cases, holds};
use crate::model::waits::after;
use crate::ports::Clock;
use std::time::Duration;

/// Runs all cases for a [`Clock`]. They take a tenth of a second on a real clock.
pub async fn clock(port: &dyn Clock) -> Vec<CaseResult> {
    cases!["clock", port;
        never_backwards as it_does_not_go_backwards,
        sleep_takes_as_long as a_sleep_takes_as_long_as_asked,
        no_sleep as a_sleep_of_nothing_ends,
        limit_passes as a_time_limit_passes_with_the_time,
        aws_time_goes_on as what_is_known_of_awss_time_goes_on,
    ]
}

async fn never_backwards(port: &dyn Clock) -> Checked {
    let mut last = port.now();
    for _ in 0..1_000 {
        let now = port.now();
        holds(&format!("{now} came after {last}"), now >= last)?;
        last = now;
    }
    Ok(())
}

async fn sleep_takes_as_long(port: &dyn Clock) -> Checked {
    let time = Duration::from_millis(100);
    let before = port.now();
    port.sleep(time).await;
    let now = port.now();
    // A wall clock is adjusted now and then, so the case tolerates a millisecond.
    holds(
        &format!("asleep from {before} to {now}"),
        after(now, Duration::from_millis(1)) >= after(before, time),
    )
}

async fn no_sleep(port: &dyn Clock) -> Checked {
    port.sleep(Duration::ZERO).await;
    Ok(())
}

async fn limit_passes(port: &dyn Clock) -> Checked {
    let time = Duration::from_millis(50);
    let before = port.now();
    // The limit is polled first: it must not block the sleep that advances the time.
    futures_util::future::join(port.time_limit(time), port.sleep(time)).await;
    let now = port.now();
    holds(
        &format!("a limit from {before} to {now}"),
        after(now, Duration::from_millis(1)) >= after(before, time),
    )
}

/// If time did not advance, a good clock would look wrong, and a wrong one would pass.
async fn aws_time_goes_on(port: &dyn Clock) -> Checked {
    let Some(before) = port.aws_now() else { return Ok(()) };
    let time = Duration::from_millis(100);
    port.sleep(time).await;
    let Some(now) = port.aws_now() else {
        return holds("once known, AWS's time stays known", false);
    };
    holds(
        &format!("asleep from {before} to {now} by AWS's clock"),
        after(now, Duration::from_millis(1)) >= after(before, time),
    )
}
