//! An operator's requests about destinations: deliver the current key, or give one up.

use crate::decide::decision::refusal::Refusal;
use crate::decide::facts::situation::{Ask, Situation};
use crate::model::destination::SeenDestination;
use crate::model::names::{DestinationName, KeyId, Mark};
use crate::model::receipt::Receiving;

/// The destinations that an operator asks to deliver to.
#[derive(Clone, Copy)]
pub(crate) enum DeliverTo<'a> {
    /// The user has no such destination, or none at all.
    Unknown(Option<&'a DestinationName>),
    /// The current key was revoked, and is no longer delivered.
    Revoked(&'a KeyId),
    /// The current key is not Active.
    NotActive(&'a KeyId),
    /// The user has this destination, or the request is about all of them.
    Known,
}

impl<'a> DeliverTo<'a> {
    pub(crate) fn of(case: &Situation<'a>, to: Option<&'a DestinationName>) -> Self {
        match (to, case.current_key()) {
            (Some(to), _) if case.destination(to).is_none() => Self::Unknown(Some(to)),
            (None, _) if case.seen.destinations.is_empty() => Self::Unknown(None),
            (_, Some(key)) if case.revoked_at(key).is_some() => Self::Revoked(key),
            (_, Some(key)) if !case.is_active(key) => Self::NotActive(key),
            _ => Self::Known,
        }
    }
}

/// The destination that an operator gives up.
#[derive(Clone, Copy)]
pub(crate) enum LetGo<'a> {
    /// The user has no such destination.
    Unknown(Option<&'a DestinationName>),
    /// A receipt says that it was given up.
    Recorded,
    /// No receipt says that it was given up.
    Unrecorded { to: &'a DestinationName, mark: Option<&'a Mark> },
}

impl<'a> LetGo<'a> {
    pub(crate) fn of(case: &Situation<'a>, to: &'a DestinationName) -> Self {
        if case.destination(to).is_none() {
            return Self::Unknown(Some(to));
        }
        match case.secret.journal.receipts.get(to) {
            Some(receipt) if receipt.state == Receiving::LetGo => Self::Recorded,
            receipt => {
                let mark = receipt.and_then(|receipt| receipt.mark.as_ref());
                Self::Unrecorded { to, mark }
            }
        }
    }
}

impl<'a> Situation<'a> {
    /// Whether an operator asks for a delivery to this destination.
    pub(crate) fn delivery_asked(&self, to: &DestinationName) -> bool {
        matches!(self.ask, Ask::Deliver(only) if only.is_none_or(|only| only == to))
    }

    /// Returns the refusal of a request for a destination that the user does not have.
    pub(crate) fn no_such_destination(&self, to: Option<&DestinationName>) -> Refusal {
        let all = self.seen.destinations.iter().map(|one| one.assignment.to.clone()).collect();
        Refusal::NoSuchDestination { to: to.cloned(), all }
    }

    fn destination(&self, to: &DestinationName) -> Option<&'a SeenDestination> {
        self.seen.destinations.iter().find(|one| one.assignment.to == *to)
    }
}
