//! The run's part in deliveries: the calls to destinations, and their results.

use super::Rotation;
use crate::decide::decision::Why;
use crate::decide::decision::blocked::Blocked;
use crate::machine::call::Call;
use crate::machine::event::{EventKind, Failure};
use crate::machine::outcome::Outcome;
use crate::model::destination::{Delivery, Found, SeenDestination};
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::{DestinationName, Mark, VersionId};
use crate::model::observed::{KeyStatus, LabeledVersion, SecretState};
use crate::model::time::Timestamp;

impl Rotation {
    /// Reads the content of the destination.
    pub(super) fn inspect(&mut self, to: DestinationName) -> Option<Call> {
        let place = self.destination(&to)?.assignment.place.clone();
        Some(Call::InspectDestination { to, place })
    }

    /// Delivers the current key, from the version that this run has verified.
    pub(super) fn deliver(
        &mut self,
        now: Timestamp,
        to: DestinationName,
        replaces: Option<Mark>,
    ) -> Option<Call> {
        let SecretState::Present(secret) = &self.seen.secret else { return None };
        let version = secret.current.as_ref()?.version.clone();
        let place = self.destination(&to)?.assignment.place.clone();
        match self.verified.clone().filter(|(verified, _)| *verified == version) {
            Some((_, credentials)) => {
                let delivery = Delivery { version, credentials, replaces };
                Some(Call::Deliver { to, place, delivery })
            }
            None => {
                self.begin_verification(now, version);
                None
            }
        }
    }

    pub(super) fn found(&mut self, to: &DestinationName, found: Found) {
        if let Some(one) = self.destination(to) {
            one.found = Some(found);
        }
    }

    /// Records that this run has announced a delivery there.
    pub(super) fn announced(&mut self, to: &DestinationName, version: VersionId) {
        if let Some(one) = self.destination(to) {
            one.announced_here = Some(version);
        }
    }

    pub(super) fn delivered(
        &mut self,
        now: Timestamp,
        to: DestinationName,
        version: VersionId,
        found: Found,
    ) {
        let key = match &self.seen.secret {
            SecretState::Present(secret) => secret.current.as_ref().and_then(LabeledVersion::key),
            _ => None,
        };
        let key = key.cloned();
        self.forget_restarts(Some(&to));
        let Some(one) = self.destination(&to) else { return };
        one.delivered_here = Some((version, found.mark().cloned()));
        one.found = Some(found);
        let place = one.assignment.place.clone();
        let restarts = one.assignment.abilities.restarts;
        if let Some(key) = key {
            self.tell(now, EventKind::Delivered { key, to, place, restarts });
        }
    }

    /// Records a delivery that failed, or is not finished. This run does not retry it, and the rest
    /// does not wait for it.
    pub(super) fn not_delivered(&mut self, to: DestinationName, error: CallError) {
        let Some(one) = self.destination(&to) else { return };
        if error.kind == ErrorKind::InProgress {
            one.unfinished = Some(error.message);
            return;
        }
        one.failed = Some(error.message.clone());
        self.undelivered.insert(to, error);
    }

    /// Discards earlier reads of destinations: everything is read again.
    pub(super) fn forget_found(&mut self) {
        self.seen.destinations.iter_mut().for_each(|one| one.found = None);
    }

    /// Returns the failure that ends the run because a destination is behind.
    pub(super) fn delivery_failure(&mut self, to: &DestinationName) -> Option<Failure> {
        let mut error = self.undelivered.get(to)?.clone();
        self.failed_at = Some(to.clone());
        let active = self.seen.keys.iter().filter(|key| key.status == KeyStatus::Active);
        error.message += match active.count() {
            0 | 1 if self.restarts(to) => "; the next run tries again",
            0 | 1 => "; consumers there have no key that works until the next run that succeeds",
            _ => "; the previous key stays as it is, and the next run tries again",
        };
        let doing = match self.restarts(to) {
            true => format!("restart {to}"),
            false => format!("deliver the current key to {to}"),
        };
        Some(Failure { doing, error })
    }

    /// Discards the known state of restarts, because consumers can now read another key at this
    /// destination, or in the home secret.
    pub(super) fn forget_restarts(&mut self, at: Option<&DestinationName>) {
        let restarts = |one: &&mut SeenDestination| one.assignment.abilities.restarts;
        if at.is_some_and(|at| self.restarts(at)) {
            return;
        }
        for one in self.seen.destinations.iter_mut().filter(restarts) {
            (one.found, one.announced_here, one.delivered_here) = (None, None, None);
        }
    }

    /// Whether the destination takes no key, but restarts consumers.
    pub(super) fn restarts(&self, to: &DestinationName) -> bool {
        let mut all = self.seen.destinations.iter();
        all.any(|one| one.assignment.to == *to && one.assignment.abilities.restarts)
    }

    /// Reports each destination that is behind, except the one that the outcome itself names.
    pub(super) fn tell_undelivered(&mut self, now: Timestamp, outcome: &Outcome) {
        let said = match outcome {
            Outcome::Waiting(wait) => match &wait.why {
                Why::Delivery { to, .. } => Some(to.clone()),
                _ => None,
            },
            Outcome::Blocked(Blocked::DestinationChanged { to, .. }) => Some(to.clone()),
            _ => self.failed_at.clone(),
        };
        let behind: Vec<_> = crate::decide::destinations::behind(&self.seen, &self.policy, now);
        for (one, reason) in behind {
            if Some(&one.to) != said.as_ref() {
                let (to, place, required) = (one.to, one.place, one.required);
                self.tell(now, EventKind::NotDelivered { to, place, required, reason });
            }
        }
    }

    fn destination(&mut self, to: &DestinationName) -> Option<&mut SeenDestination> {
        self.seen.destinations.iter_mut().find(|one| one.assignment.to == *to)
    }
}

/// Returns the error for a destination that the program has no port for.
pub(crate) fn no_such_port(to: &DestinationName) -> CallError {
    CallError::refused(
        ErrorKind::Other,
        format!(
            "the settings deliver this user's key to {to}, and this program was started without that destination"
        ),
    )
}
