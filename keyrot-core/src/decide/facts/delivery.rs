//! What a run does next about the user's destinations: which one gets the current key next, and
//! which ones are behind.

use crate::decide::facts::next_key::NextKey;
use crate::decide::facts::outgoing::{Outgoing, Removal};
use crate::decide::facts::published::PublishedNote;
use crate::decide::facts::situation::{Ask, Role, Situation};
use crate::decide::facts::staged::Staged;
use crate::decide::facts::standing::Standing;
use crate::decide::facts::why_kept::WhyKept;
use crate::model::destination::{Abilities, Changed, Found, SeenDestination};
use crate::model::journal::JournalEntry;
use crate::model::names::{DestinationName, Mark, VersionId};
use crate::model::observed::{AccessKey, KeyStatus};
use crate::model::receipt::{Receipt, Receiving};
use crate::model::time::Timestamp;

pub(crate) const AFTER_OTHERS: &str = "it restarts consumers when the publication is recorded and every other required destination has the key";
/// What a run does next about the user's destinations.
#[derive(Clone, Copy)]
pub(crate) enum Deliver<'a> {
    /// Nothing: every destination has the key, was tried, or waits for an operator.
    Nothing,
    /// Read a destination.
    Unasked(&'a DestinationName),
    /// Record that a destination has the key.
    Unrecorded { to: &'a DestinationName, mark: &'a Mark },
    /// Announce a delivery.
    Unannounced { to: &'a DestinationName, mark: Option<&'a Mark> },
    /// Deliver the key.
    Due { to: &'a DestinationName, replaces: Option<&'a Mark> },
}

impl<'a> Deliver<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let mut all: Vec<_> = served(case).collect();
        // If half of a pair may be in place, consumers fail until the pair is complete.
        let torn = |to: &DestinationName| {
            let receipt = case.secret.journal.receipts.get(to);
            !receipt.is_some_and(|receipt| receipt.state == Receiving::Delivering)
        };
        // Destinations that can be read come first, because others may have to wait for their
        // turns. Restarts come last.
        all.sort_by_key(|(SeenDestination { assignment, .. }, _)| {
            let Abilities { restarts, readable, .. } = assignment.abilities;
            (restarts, torn(&assignment.to), !readable)
        });
        // Deactivating a revoked key does not wait for destinations.
        if all.is_empty() || is_revoking(case) || is_published_soon(case) || is_replaced_now(case) {
            return Self::Nothing;
        }
        let next = all.into_iter().find_map(|(one, standing)| {
            let to = &one.assignment.to;
            Some(match standing {
                Standing::Unasked => Self::Unasked(to),
                Standing::Unrecorded(mark) => Self::Unrecorded { to, mark },
                Standing::Unannounced(mark) => Self::Unannounced { to, mark },
                Standing::Due(replaces) => Self::Due { to, replaces },
                Standing::LetGo | Standing::Recorded | Standing::Received => return None,
                Standing::Failed(_) | Standing::Unconfirmed(_) | Standing::Unfinished(_) => {
                    return None;
                }
                Standing::Changed(_) | Standing::Later => return None,
            })
        });
        next.unwrap_or(Self::Nothing)
    }
}

/// The required destination that keyrot keeps an old key for.
#[derive(Clone, Copy)]
pub(crate) enum Behind<'a> {
    /// No destination is behind.
    Nobody,
    /// According to receipts, all have the current key. This one was not read in this run.
    Recorded(&'a DestinationName),
    /// According to its receipt it has the current key, and it could not be read in this run.
    Unconfirmed { to: &'a DestinationName, reason: &'a str },
    /// It does not have the current key.
    Failed { to: &'a DestinationName, reason: &'a str },
    /// Something else wrote to it.
    Changed { to: &'a DestinationName, place: &'a str, how: Changed },
}

impl<'a> Behind<'a> {
    pub(crate) fn of(case: &Situation<'a>) -> Self {
        let leaves = Outgoing::next(case);
        let waits_for_nobody =
            leaves.is_some_and(|key| !case.is(key, Role::Old) || leaves_at_once(case, key));
        // Neither the deactivation nor the deletion of this key waits for a destination. But
        // between the two, consumers there have a key that does not work, and that must be
        // reported.
        let soaks = || {
            let soak = Outgoing::of(case);
            matches!(soak, Outgoing::Inactive(Removal::Soaks(WhyKept::Soak { .. })))
        };
        if waits_for_nobody && !soaks() {
            return Self::Nobody;
        }
        Self::among(served(case).filter(|(one, _)| one.assignment.required))
    }

    /// Returns the destination that is behind after a request that made another key current.
    pub(crate) fn of_request(case: &Situation<'a>) -> Self {
        Self::among(served(case).filter(|(one, _)| one.assignment.required))
    }

    /// Returns the destination that is behind among those that an operator asked to deliver to.
    pub(crate) fn of_asked(case: &Situation<'a>) -> Self {
        Self::among(served(case).filter(|(one, _)| case.delivery_asked(&one.assignment.to)))
    }

    fn among(all: impl Iterator<Item = (&'a SeenDestination, Standing<'a>)>) -> Self {
        let (mut recorded, mut later) = (Self::Nobody, Self::Nobody);
        let mut unconfirmed = Self::Nobody;
        for (one, standing) in all {
            let to = &one.assignment.to;
            match standing {
                Standing::Failed(reason) | Standing::Unfinished(reason) => {
                    return Self::Failed { to, reason };
                }
                Standing::Changed(how) => {
                    return Self::Changed { to, place: &one.assignment.place, how };
                }
                Standing::Unconfirmed(reason) => unconfirmed = Self::Unconfirmed { to, reason },
                Standing::Recorded => recorded = Self::Recorded(to),
                Standing::LetGo | Standing::Received => {}
                Standing::Unasked => recorded = Self::Recorded(to),
                // Only another destination is behind.
                Standing::Later => later = Self::Failed { to, reason: AFTER_OTHERS },
                // These are handled first.
                Standing::Unrecorded(_) | Standing::Unannounced(_) | Standing::Due(_) => {
                    return Self::Failed { to, reason: "its delivery is not complete" };
                }
            }
        }
        let all = [later, unconfirmed, recorded];
        all.into_iter().find(|one| !matches!(one, Self::Nobody)).unwrap_or(Self::Nobody)
    }
}

/// Returns the user's destinations, if they are to get the published key.
fn served<'a>(case: &Situation<'a>) -> impl Iterator<Item = (&'a SeenDestination, Standing<'a>)> {
    let key = case.current_key().filter(|key| {
        let published = matches!(PublishedNote::of(case), PublishedNote::Recorded);
        case.is_active(key) && published && case.revoked_at(key).is_none()
    });
    let all = key.into_iter().flat_map(|key| {
        case.seen.destinations.iter().map(move |one| (one, Standing::of(case, one, key)))
    });
    all.collect::<Vec<_>>().into_iter()
}

/// Whether a revoked key has to be deactivated, and nothing prevents that.
fn is_revoking(case: &Situation<'_>) -> bool {
    let revoked = Outgoing::next(case)
        .is_some_and(|key| key.status == KeyStatus::Active && leaves_at_once(case, key));
    revoked && matches!(Outgoing::of(case), Outgoing::Old(_))
}

/// Whether a revoked key waits for no destination. In a scheduled run, an Active one does: anyone
/// who may write the secret can write the entry, and consumers there may have only that key.
fn leaves_at_once(case: &Situation<'_>, key: &AccessKey) -> bool {
    let asked = matches!(case.ask, Ask::Revoke(order) if order.key == key.id);
    case.revoked_at(&key.id).is_some() && (asked || key.status == KeyStatus::Inactive)
}

/// Whether this run is about to create the next key, which is then delivered instead.
fn is_replaced_now(case: &Situation<'_>) -> bool {
    let goes_on = matches!(case.ask, Ask::Run)
        && matches!(Staged::of(case), Staged::Nothing)
        && Outgoing::next(case).is_none();
    goes_on
        && match NextKey::of(case) {
            NextKey::SizeUnasked(_) | NextKey::NoIntent => true,
            NextKey::Untested | NextKey::Ready => true,
            NextKey::NotDue(_) | NextKey::Unlisted(_) | NextKey::OfService => false,
            NextKey::NoTagRoom { .. } | NextKey::NotCarried(_) => false,
            NextKey::TooLarge { .. } | NextKey::TwoKeys | NextKey::PerhapsCreated(_) => false,
        }
}

/// Whether a staged key is about to replace the current one, or to be removed.
fn is_published_soon(case: &Situation<'_>) -> bool {
    match Staged::of(case) {
        Staged::Over(_) | Staged::GivenUp(_) | Staged::Gone(_) | Staged::Unasked => true,
        Staged::TooLate(_) | Staged::Unverified(_) | Staged::Works(_) | Staged::Refused(_) => true,
        Staged::Nothing | Staged::Foreign(_) | Staged::Settling { .. } => false,
        Staged::Unknown { .. } | Staged::Propagating { .. } => false,
    }
}

impl Situation<'_> {
    /// Returns since when every required destination has the current version, according to the
    /// receipts.
    pub(crate) fn delivered_at(&self) -> Option<Timestamp> {
        let required = self.seen.destinations.iter().filter(|one| one.assignment.required);
        let receipts = required.filter_map(|one| {
            let receipt = self.secret.journal.receipts.get(&one.assignment.to)?;
            let counts =
                receipt.state == Receiving::Delivered && receipt.version == self.current.version;
            // A receipt is a claim. If the place shows a later time of the write, that time counts.
            // But the place's clock may be ahead.
            let written = match &one.found {
                Some(Found::Copy { mark, written, .. }) if receipt.mark.as_ref() == Some(mark) => {
                    written.map(|written| written.min(self.now))
                }
                _ => None,
            };
            counts.then_some(written.map_or(receipt.at, |written| written.max(receipt.at)))
        });
        receipts.max()
    }

    /// Whether a receipt says that the destination has the current version.
    pub(crate) fn has_receipt(&self, to: &DestinationName) -> bool {
        self.secret.journal.receipts.get(to).is_some_and(|receipt| {
            receipt.state == Receiving::Delivered && receipt.version == self.current.version
        })
    }

    /// Returns when a run last announced or recorded a delivery of the current version. The run may
    /// have verified the key for that, shortly after.
    pub(crate) fn last_delivery(&self) -> Option<Timestamp> {
        let receipts = self.secret.journal.receipts.values();
        let of_current = receipts.filter(|receipt| receipt.version == self.current.version);
        of_current.map(|receipt| receipt.at).max()
    }

    /// Returns a journal entry with the state of the delivery to a destination.
    pub(crate) fn note_receipt(
        &self,
        to: &DestinationName,
        state: Receiving,
        mark: Option<&Mark>,
    ) -> JournalEntry {
        let version: VersionId = self.current.version.clone();
        let one = self.seen.destinations.iter().find(|one| one.assignment.to == *to);
        let place = one.map(|one| one.assignment.place_id).unwrap_or_default();
        let restarts = one.is_some_and(|one| one.assignment.abilities.restarts);
        let at = self.now.max(self.last_entry(!restarts).unwrap_or(self.now));
        let (to, mark) = (to.clone(), mark.cloned());
        JournalEntry::Receipt(Receipt { to, place, state, version, at, mark })
    }
}
