//! Moves a user's home: the steps at both places, in order.

use super::{Limits, Rotator};
use crate::engine::report::NotifierFailure;
use crate::engine::target::Target;
use crate::machine::outcome::Outcome;
use crate::machine::rotation::Mode;
use crate::model::home::{HomeTag, SecretArn};
use crate::model::request::Request;
use crate::model::subject::Subject;
use crate::ports::cancel::Cancel;

/// How a move of a user's home ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// The home is already there.
    Already,
    /// With [`Mode::Plan`]: nothing blocks the move.
    Planned,
    /// The move is done, or a move away from here was canceled.
    Done,
    /// The old home cannot be left, or it is unknown whether it can be. The user's tag still names
    /// it.
    Old(Outcome),
    /// The user's tag names the new place. The old home, which had no secret, was read again and
    /// could not be closed: a run may have begun there in between.
    LeftOpen(Outcome),
    /// The home cannot be at the new place. The user's tag still names the old one.
    New(Outcome),
}

/// How a move ended, and which notifiers failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MoveReport {
    /// How it ended.
    pub moved: Moved,
    /// The notifiers that failed.
    pub notifier_failures: Vec<NotifierFailure>,
}

impl Subject {
    /// Returns the same user, with its secret at this place.
    #[must_use]
    pub fn at_home(&self, home: &SecretArn) -> Self {
        let place = home.place();
        Self { secret: place.name.clone(), region: place.region.clone(), ..self.clone() }
    }
}

impl Rotator {
    /// Moves a user's home from the place in the user's tag, where `old` works, to the place of
    /// this rotator and `chosen`.
    ///
    /// The old secret is closed first, then the user's tag is changed. Both happen only if the user
    /// is at rest. The published key works throughout: the first run at the new place publishes
    /// another, and retires the previous one by the rules for any old key. Repeating the move after
    /// a failure or a crash is harmless, and finishes it.
    ///
    /// During the move, nothing else should make requests for this user at the old home.
    pub async fn move_home(
        &self,
        old: &Self,
        chosen: Target,
        mode: Mode,
        limits: &Limits,
    ) -> MoveReport {
        let mut notifier_failures = Vec::new();
        let moved = self.try_to_move(old, chosen, mode, limits, &mut notifier_failures).await;
        MoveReport { moved, notifier_failures }
    }

    async fn try_to_move(
        &self,
        old: &Self,
        chosen: Target,
        mode: Mode,
        limits: &Limits,
        failures: &mut Vec<NotifierFailure>,
    ) -> Moved {
        let place = chosen.subject.place();
        let from = match &chosen.subject.home {
            HomeTag::At(home) => home.clone(),
            // The request is refused, with the reason.
            HomeTag::Absent | HomeTag::Unreadable(_) => SecretArn::planned(place.clone()),
        };
        let mut ask = async |at: &Self, who: &Target, request: &Request, mode| {
            let report = at
                .fulfill(who.clone(), request.clone(), mode, limits, &Cancel::default(), &|_| {})
                .await;
            failures.extend(report.notifier_failures);
            report.users.into_iter().next().map_or(Outcome::Done, |one| one.outcome)
        };
        let here = Request::Move { from: from.clone() };
        let stays = *from.place() == place;
        let leave = Request::Leave { to: SecretArn::planned(place) };
        let there =
            Target { subject: chosen.subject.at_home(&from), policy: chosen.policy.clone() };
        if !stays {
            match ask(old, &there, &leave, Mode::Plan).await {
                Outcome::Done | Outcome::Planned(_) => {}
                other => return Moved::Old(other),
            }
        }
        match ask(self, &chosen, &here, Mode::Plan).await {
            Outcome::Done if stays => return Moved::Already,
            Outcome::Done | Outcome::Planned(_) => {}
            other => return Moved::New(other),
        }
        if mode == Mode::Plan {
            return Moved::Planned;
        }
        // The second read detects a run that began before the secret was closed.
        for _ in 0..if stays { 0 } else { 2 } {
            match ask(old, &there, &leave, Mode::Act).await {
                Outcome::Done => {}
                other => return Moved::Old(other),
            }
        }
        match ask(self, &chosen, &here, Mode::Act).await {
            Outcome::Done => {}
            other => return Moved::New(other),
        }
        // No run had been at the old home, so there was no secret to close. One may have begun
        // since then.
        if !stays && from.suffix().is_none() {
            match ask(old, &there, &leave, Mode::Act).await {
                Outcome::Done => {}
                other => return Moved::LeftOpen(other),
            }
        }
        Moved::Done
    }
}
