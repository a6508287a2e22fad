//! Everything that the decision knows about a user: two small structs of enums, each by a function
//! of its own.

use super::contents::Contents;
use super::current::Current;
use super::ground::{Quarantine, Store};
use super::home::Home;
use super::leaving::Leaving;
use super::moved_back::MovedBack;
use super::next::Next;
use super::ordered::Ordered;
use super::published::{Published, Works};
use super::reactivated::Reactivated;
use super::revoked::{Revoking, Target};
use super::rollback::{Reinstated, Rollback};
use super::situation::{Ask, Role, Situation};
use super::staged::Staged;
use super::unattributed::Unattributed;
use super::way_back::Stuck;
use crate::model::names::VersionId;
use crate::model::observed::{KeyStatus, Observed, SecretState};
use crate::model::step::StepName;
use crate::model::time::Timestamp;
use crate::model::waits::Policy;

/// What is asked for, before it is known whether the secret can be used.
#[derive(Clone, Copy)]
pub(super) enum Asks<'a> {
    /// A scheduled run. Where the user has two keys, and no secret, nothing says which one may go.
    Run { two_keys: bool },
    /// A step of Secrets Manager's own rotation, which may be off.
    Step { rotation_on: bool },
    /// To publish the previous key again.
    Rollback,
    /// To revoke a key.
    Revoke(Target<'a>),
    /// To take a revocation back.
    Reinstate,
}

/// What is known before the secret is used.
pub(super) struct Grounds<'a> {
    pub(super) asks: Asks<'a>,
    pub(super) home: Home,
    pub(super) quarantine: Quarantine<'a>,
    pub(super) store: Store<'a>,
}

impl<'a> Grounds<'a> {
    pub(super) fn of(seen: &'a Observed, ask: Ask<'a>, policy: &Policy, now: Timestamp) -> Self {
        let asks = match ask {
            Ask::Run => Asks::Run { two_keys: seen.keys.len() >= 2 },
            Ask::Step(_) => Asks::Step {
                rotation_on: matches!(&seen.secret, SecretState::Present(secret) if secret.rotation_enabled),
            },
            Ask::Rollback(_) => Asks::Rollback,
            Ask::Revoke(order) => Asks::Revoke(Target::of(seen, order, policy, now)),
            Ask::Reinstate(_) => Asks::Reinstate,
        };
        Self {
            asks,
            home: Home::of(seen, policy, now),
            quarantine: Quarantine::of(seen),
            store: Store::of(&seen.secret),
        }
    }
}

/// What is asked for, and how far that has come.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// A scheduled run.
    Run,
    /// A step of Secrets Manager's own rotation, about this version.
    Step(StepName, &'a VersionId, Ordered<'a>),
    /// The operator: publish this key again.
    Rollback(Rollback<'a>),
    /// The operator: revoke this key.
    Revoke(Revoking<'a>),
    /// The operator: take the revocation of this key back.
    Reinstate(Reinstated<'a>),
}

/// Whether this run has a key in its hands.
#[derive(Clone, Copy)]
pub(super) enum InHand {
    /// It has none.
    Nothing,
    /// It has created one, and not staged it yet: until then only this process has its secret.
    Unstaged,
}

/// What is known of a user whose secret has a current version.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) asked: Asked<'a>,
    pub(super) contents: Contents<'a>,
    pub(super) reactivated: Reactivated<'a>,
    pub(super) current: Current<'a>,
    pub(super) unattributed: Unattributed,
    pub(super) in_hand: InHand,
    pub(super) moved_back: MovedBack<'a>,
    pub(super) published: Published,
    pub(super) works: Works<'a>,
    pub(super) staged: Staged<'a>,
    pub(super) stuck: Stuck<'a>,
    pub(super) leaving: Leaving<'a>,
    pub(super) next: Next<'a>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(case: &Situation<'a>) -> Self {
        let asked = match case.ask {
            Ask::Run => Asked::Run,
            Ask::Step(step) => Asked::Step(step.step, &step.version, Ordered::of(case, step)),
            Ask::Rollback(to) => Asked::Rollback(Rollback::of(case, to)),
            Ask::Revoke(order) => Asked::Revoke(Revoking::of(case, order)),
            Ask::Reinstate(key) => Asked::Reinstate(Reinstated::of(case, key)),
        };
        let in_hand = case.keys_as(Role::InHand).next();
        Self {
            asked,
            contents: Contents::of(case),
            reactivated: Reactivated::of(case),
            current: Current::of(case),
            unattributed: Unattributed::of(case),
            in_hand: match in_hand.filter(|key| key.status == KeyStatus::Active) {
                Some(_) => InHand::Unstaged,
                None => InHand::Nothing,
            },
            moved_back: MovedBack::of(case),
            published: Published::of(case),
            works: Works::of(case),
            staged: Staged::of(case),
            stuck: Stuck::of(case),
            leaving: Leaving::of(case),
            next: Next::of(case),
        }
    }
}
