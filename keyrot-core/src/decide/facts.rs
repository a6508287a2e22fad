//! Everything that the decision knows about a user: two small structs of enums, each computed by
//! its own function.

pub(super) mod contents;
pub(super) mod current;
pub(crate) mod delivery;
pub(super) mod delivery_request;
pub(super) mod home;
pub(super) mod moved_back;
pub(super) mod next_key;
pub(super) mod outgoing;
pub(super) mod published;
pub(super) mod reactivated;
pub(super) mod restarts;
pub(super) mod revoked;
pub(super) mod rollback;
pub(super) mod situation;
pub(super) mod staged;
pub(super) mod standing;
pub(super) mod step_version;
pub(super) mod store;
pub(super) mod unexplained;
pub(super) mod way_back;
pub(super) mod why_kept;

use crate::decide::facts::contents::Contents;
use crate::decide::facts::current::Current;
use crate::decide::facts::delivery::{Behind, Deliver};
use crate::decide::facts::delivery_request::{DeliverTo, LetGo};
use crate::decide::facts::home::Home;
use crate::decide::facts::moved_back::MovedBack;
use crate::decide::facts::next_key::NextKey;
use crate::decide::facts::outgoing::Outgoing;
use crate::decide::facts::published::{PublishedNote, Works};
use crate::decide::facts::reactivated::Reactivated;
use crate::decide::facts::revoked::{RevocationTarget, Revoking};
use crate::decide::facts::rollback::{Reinstated, RollbackProgress};
use crate::decide::facts::situation::{Ask, Role, Situation};
use crate::decide::facts::staged::Staged;
use crate::decide::facts::step_version::StepVersion;
use crate::decide::facts::store::{Quarantine, Store};
use crate::decide::facts::unexplained::Unexplained;
use crate::decide::facts::way_back::Stuck;
use crate::model::names::VersionId;
use crate::model::observed::{KeyStatus, Observed, SecretState};
use crate::model::step::StepName;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;

/// What is requested, before it is known whether the secret can be used.
#[derive(Clone, Copy)]
pub(super) enum EarlyAsk<'a> {
    /// A scheduled run. If the user has two keys and no secret, nothing shows which one may be
    /// removed.
    Run { two_keys: bool },
    /// A step of Secrets Manager's own rotation, which may be off.
    Step { rotation_on: bool },
    /// Publish the previous key again.
    Rollback,
    /// Revoke a key.
    Revoke(RevocationTarget<'a>),
    /// Take a revocation back.
    Reinstate,
    /// Deliver the current key, or give a destination up.
    Deliver,
}

/// The facts before the secret is used.
pub(super) struct BeforeSecret<'a> {
    pub(super) asks: EarlyAsk<'a>,
    pub(super) home: Home,
    pub(super) quarantine: Quarantine<'a>,
    pub(super) store: Store<'a>,
}

impl<'a> BeforeSecret<'a> {
    pub(super) fn of(
        seen: &'a Observed,
        ask: Ask<'a>,
        policy: &WaitPolicy,
        now: Timestamp,
    ) -> Self {
        let asks = match ask {
            Ask::Run => EarlyAsk::Run { two_keys: seen.keys.len() >= 2 },
            Ask::Step(_) => EarlyAsk::Step {
                rotation_on: matches!(&seen.secret, SecretState::Present(secret) if secret.rotation_enabled),
            },
            Ask::Rollback(_) => EarlyAsk::Rollback,
            Ask::Revoke(order) => EarlyAsk::Revoke(RevocationTarget::of(seen, order, policy, now)),
            Ask::Reinstate(_) => EarlyAsk::Reinstate,
            Ask::Deliver(_) | Ask::LetGo(_) => EarlyAsk::Deliver,
        };
        Self {
            asks,
            home: Home::of(seen, policy, now),
            quarantine: Quarantine::of(seen),
            store: Store::of(&seen.secret),
        }
    }
}

/// The request, and its progress.
#[derive(Clone, Copy)]
pub(super) enum AskProgress<'a> {
    /// A scheduled run.
    Run,
    /// A step of Secrets Manager's own rotation, about this version.
    Step(StepName, &'a VersionId, StepVersion<'a>),
    /// The operator: publish this key again.
    Rollback(RollbackProgress<'a>),
    /// The operator: revoke this key.
    Revoke(Revoking<'a>),
    /// The operator: take the revocation of this key back.
    Reinstate(Reinstated<'a>),
    /// The operator: deliver the current key.
    Deliver(DeliverTo<'a>),
    /// The operator: give a destination up.
    LetGo(LetGo<'a>),
}

/// Whether this run holds a key that it has not staged.
#[derive(Clone, Copy)]
pub(super) enum InHand {
    /// The run holds none.
    Nothing,
    /// The run has created a key and not staged it yet: until then, only this process has its
    /// secret half.
    Unstaged,
}

/// The facts about a user whose secret has a current version.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) asked: AskProgress<'a>,
    pub(super) contents: Contents<'a>,
    pub(super) reactivated: Reactivated<'a>,
    pub(super) current: Current<'a>,
    pub(super) unexplained: Unexplained,
    pub(super) in_hand: InHand,
    pub(super) moved_back: MovedBack<'a>,
    pub(super) published: PublishedNote,
    pub(super) works: Works<'a>,
    pub(super) staged: Staged<'a>,
    pub(super) stuck: Stuck<'a>,
    pub(super) outgoing: Outgoing<'a>,
    pub(super) next: NextKey<'a>,
    pub(super) deliver: Deliver<'a>,
    pub(super) behind: Behind<'a>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(case: &Situation<'a>) -> Self {
        let asked = match case.ask {
            Ask::Run => AskProgress::Run,
            Ask::Step(step) => {
                AskProgress::Step(step.step, &step.version, StepVersion::of(case, step))
            }
            Ask::Rollback(to) => AskProgress::Rollback(RollbackProgress::of(case, to)),
            Ask::Revoke(order) => AskProgress::Revoke(Revoking::of(case, order)),
            Ask::Reinstate(key) => AskProgress::Reinstate(Reinstated::of(case, key)),
            Ask::Deliver(to) => AskProgress::Deliver(DeliverTo::of(case, to)),
            Ask::LetGo(to) => AskProgress::LetGo(LetGo::of(case, to)),
        };
        let in_hand = case.keys_as(Role::InHand).next();
        Self {
            asked,
            contents: Contents::of(case),
            reactivated: Reactivated::of(case),
            current: Current::of(case),
            unexplained: Unexplained::of(case),
            in_hand: match in_hand.filter(|key| key.status == KeyStatus::Active) {
                Some(_) => InHand::Unstaged,
                None => InHand::Nothing,
            },
            moved_back: MovedBack::of(case),
            published: PublishedNote::of(case),
            works: Works::of(case),
            staged: Staged::of(case),
            stuck: Stuck::of(case),
            outgoing: Outgoing::of(case),
            next: NextKey::of(case),
            deliver: Deliver::of(case),
            behind: match case.ask {
                Ask::Deliver(_) => Behind::of_asked(case),
                Ask::Rollback(_) | Ask::Reinstate(_) => Behind::of_request(case),
                _ => Behind::of(case),
            },
        }
    }
}
