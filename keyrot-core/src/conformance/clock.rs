//! The cases for the clock.

use super::case::{CaseResult, Checked, cases, holds};
use crate::{Clock, after};
use std::time::Duration;

/// Runs all cases for a [`Clock`]. They take a tenth of a second on a real one.
pub async fn clock(port: &dyn Clock) -> Vec<CaseResult> {
    cases!["clock", port;
        never_backwards as it_does_not_go_backwards,
        sleep_takes_as_long as a_sleep_takes_as_long_as_asked,
        no_sleep as a_sleep_of_nothing_ends,
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
    // A wall clock is set now and then; a millisecond of that is allowed for.
    holds(&format!("asleep from {before} to {now}"), after(now, Duration::from_millis(1)) >= after(before, time))
}

async fn no_sleep(port: &dyn Clock) -> Checked {
    port.sleep(Duration::ZERO).await;
    Ok(())
}
