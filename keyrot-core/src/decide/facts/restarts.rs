//! Destinations that restart consumers: whether these have read the current key.

use crate::decide::facts::situation::Situation;
use crate::decide::facts::standing::Standing;
use crate::model::clock::CLOCK_TOLERANCE;
use crate::model::destination::{Found, SeenDestination};
use crate::model::names::KeyId;
use crate::model::receipt::{Receipt, Receiving};
use crate::model::time::Timestamp;
use crate::model::waits::after;
use std::time::Duration;

const NO_MARK: &str = "it did not show which consumers run now; this is a fault in the port's code";

impl<'a> Standing<'a> {
    /// Returns the state of a destination that restarts consumers. The mark in its first entry
    /// about a version separates consumers that started earlier from those that have read the key.
    /// So later runs keep that mark, and a restart is not repeated.
    pub(super) fn of_restart(
        case: &Situation<'a>,
        one: &'a SeenDestination,
        key: &KeyId,
        receipt: Option<&'a Receipt>,
        asked: bool,
    ) -> Self {
        let Some(since) = case.readable_since(key) else { return Self::Later };
        let current = &case.current.version;
        let receipt = receipt.filter(|receipt| receipt.version == *current);
        let found = one.found.as_ref();
        if one.has_delivered(current)
            && let Some(mark) = found.and_then(Found::mark)
        {
            return match receipt {
                Some(Receipt { state: Receiving::Delivered, .. }) => Self::Received,
                _ => Self::Unrecorded(mark),
            };
        }
        // A restart from before a copy was written does not show that consumers have read that
        // copy.
        let counts = receipt.filter(|receipt| since <= receipt.at);
        match (counts, found) {
            (Some(Receipt { state: Receiving::Delivering, mark: Some(mark), .. }), _) => {
                match one.announced_here.as_ref() == Some(current) {
                    true => Self::Due(Some(mark)),
                    false => Self::Unannounced(Some(mark)),
                }
            }
            (Some(Receipt { state: Receiving::Delivered, .. }), None) if !asked => Self::Recorded,
            // The consumers' start times count, whatever the receipt says.
            (
                Some(Receipt { state: Receiving::Delivered, .. }),
                Some(Found::Copy { written, .. }),
            ) if !asked
                && written.is_none_or(|written| since <= after(written, CLOCK_TOLERANCE)) =>
            {
                Self::Received
            }
            (_, None) => Self::Unasked,
            (_, Some(Found::Nothing)) => Self::Failed(NO_MARK),
            (_, Some(found @ Found::Copy { .. })) => Self::Unannounced(found.mark()),
        }
    }
}

impl Situation<'_> {
    /// Returns since when restarted consumers can read the current key in every place from which
    /// they may read it; `None` if they can't yet.
    fn readable_since(&self, key: &KeyId) -> Option<Timestamp> {
        // A rollback records the final time when it has verified the key.
        let mut since = self.promoted()?.at;
        if after(self.now, CLOCK_TOLERANCE) < since {
            return None;
        }
        for one in self.seen.destinations.iter().filter(|one| !one.assignment.abilities.restarts) {
            match Standing::of(self, one, key) {
                Standing::Recorded | Standing::Unconfirmed(_) | Standing::Received => {
                    let receipt = self.secret.journal.receipts.get(&one.assignment.to);
                    since = receipt.map_or(since, |receipt| since.max(receipt.at));
                }
                Standing::LetGo => {}
                _ if one.assignment.required => return None,
                _ => {}
            }
        }
        Some(since)
    }

    /// Returns the earliest time for a new entry about a copy or a restart, given the existing
    /// entries of this other kind. Runs' clocks may differ, and the order of entries shows whether
    /// consumers were restarted after a copy was written.
    pub(super) fn last_entry(&self, of_restarts: bool) -> Option<Timestamp> {
        let all = self.seen.destinations.iter();
        let all = all.filter(|one| one.assignment.abilities.restarts == of_restarts);
        let receipts = all.filter_map(|one| self.secret.journal.receipts.get(&one.assignment.to));
        let receipts = receipts.filter(|receipt| receipt.version == self.current.version);
        let last = receipts.map(|receipt| receipt.at).max();
        match of_restarts {
            true => last.map(|at| after(at, Duration::from_millis(1))),
            false => last.max(self.promoted().map(|promoted| promoted.at)),
        }
    }
}
