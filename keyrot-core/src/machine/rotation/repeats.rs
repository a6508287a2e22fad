//! Stops a run that repeats itself: a change that was acknowledged but does not show is not
//! repeated forever.

use crate::machine::call::Call;
use crate::machine::event::Failure;
use crate::model::error::{CallError, ErrorKind};

/// A read may lag behind a write, so one repetition is allowed.
const SAME_CHANGE: u8 = 2;
/// The limit on calls per run, not counting verifications and listings, whose time is limited. An
/// undisturbed run makes a dozen.
const MOST_CALLS: u16 = 150;

/// What a run has changed and how often, and its number of calls. Two runs that differ only in that
/// number are equal until it is too high.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    made: Vec<(String, u8)>,
    calls: u16,
}

impl PartialEq for Repeats {
    fn eq(&self, other: &Self) -> bool {
        self.made == other.made
    }
}

impl Eq for Repeats {}

impl std::hash::Hash for Repeats {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.made.hash(state);
    }
}

impl Repeats {
    /// Counts a change that was acknowledged.
    pub(super) fn succeeded(&mut self, call: &Call) {
        let Some(change) = call.change() else { return };
        match self.made.iter_mut().find(|(made, _)| *made == change) {
            Some((_, times)) => *times = times.saturating_add(1),
            None => self.made.push((change, 1)),
        }
    }

    /// Whether this change was made.
    pub(super) fn made(&self, call: &Call) -> bool {
        call.change().is_some_and(|change| self.made.iter().any(|(made, _)| *made == change))
    }

    /// Counts a call that is about to be made. Returns a failure if it exceeds the limit.
    pub(super) fn one_more(&mut self, call: &Call) -> Option<Failure> {
        if !matches!(call, Call::Probe(_) | Call::ListKeys) {
            self.calls += 1;
        }
        let change = call.change();
        let times =
            change.as_ref().and_then(|change| self.made.iter().find(|(made, _)| made == change));
        let message = match (call, times, change) {
            (Call::Write(_), Some((_, SAME_CHANGE..)), Some(entry)) => format!(
                "the entry {entry:?} was written {SAME_CHANGE} times and had no effect: another program rewrites it, or the secret store does not keep it"
            ),
            (_, Some((_, SAME_CHANGE..)), _) => {
                format!(
                    "it was acknowledged {SAME_CHANGE} times and had no effect: another process undoes it"
                )
            }
            _ if self.calls > MOST_CALLS => {
                format!(
                    "the run made {MOST_CALLS} calls without finishing: another process keeps changing the user's keys or secret"
                )
            }
            _ => return None,
        };
        let error = CallError::refused(ErrorKind::NoEffect, message);
        Some(Failure { doing: call.purpose().into(), error })
    }
}
