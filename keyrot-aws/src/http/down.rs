//! Hosts that were never reached. If a host fails this way for one user, it fails for all of them,
//! so it is skipped: otherwise a run on a thousand users would take hours to report one problem.

use crate::http::unreached::Reason;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The number of failed connections in a row. A call makes three attempts.
const ENOUGH: u32 = 3;
/// The pause before a host is tried again.
const PAUSE: Duration = Duration::from_secs(30);

/// The state of each host. Cheap to clone; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Down(Arc<Mutex<HashMap<String, Host>>>);

#[derive(Debug, Clone, Copy)]
enum Host {
    /// The host was reached before: a failure may be temporary.
    Reached,
    Failing {
        times: u32,
        last: Instant,
        reason: Reason,
    },
}

impl Down {
    /// Returns why the host is skipped now.
    pub(crate) fn reason(&self, host: &str, now: Instant) -> Option<Reason> {
        match self.with(|hosts| hosts.get(host).copied())? {
            Host::Failing { times, last, reason } => {
                let is_down = times >= ENOUGH && now.saturating_duration_since(last) < PAUSE;
                is_down.then_some(reason)
            }
            Host::Reached => None,
        }
    }

    /// Records that the host answered, or at least that a connection was made.
    pub(crate) fn reached(&self, host: &str) {
        self.with(|hosts| hosts.insert(host.to_owned(), Host::Reached));
    }

    /// Records that no connection was made.
    pub(crate) fn failed(&self, host: &str, why: Reason, now: Instant) {
        self.with(|hosts| match hosts.get_mut(host) {
            Some(Host::Reached) => {}
            Some(Host::Failing { times, last, reason }) => {
                (*times, *last, *reason) = (times.saturating_add(1), now, why);
            }
            None => {
                let failing = Host::Failing { times: 1, last: now, reason: why };
                hosts.insert(host.to_owned(), failing);
            }
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut HashMap<String, Host>) -> T) -> T {
        work(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_host_that_was_never_reached_is_skipped_and_not_for_long() {
        let (down, now) = (Down::default(), Instant::now());
        let fail = |at| down.failed("a", Reason::NoAddress, at);
        let is_down = |host, at| down.reason(host, at).is_some();
        for _ in 0..2 {
            fail(now);
            assert!(!is_down("a", now));
        }
        fail(now);
        assert_eq!(down.reason("a", now), Some(Reason::NoAddress));
        assert!(!is_down("b", now));
        let later = now + PAUSE;
        assert!(!is_down("a", later), "tried again");
        fail(later);
        assert!(is_down("a", later), "and left alone again");
        down.reached("a");
        (0..9).for_each(|_| fail(later));
        assert!(!is_down("a", later), "what was reached once may be back at once");
    }
}
