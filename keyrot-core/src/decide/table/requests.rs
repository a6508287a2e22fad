//! The part of the table for requests and for the steps of Secrets Manager's own rotation, where
//! they differ from a scheduled run.

use crate::decide::answer::*;
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::decision::{Decision, Question, Step};
use crate::decide::evidence::no_such_key;
use crate::decide::facts::contents::Contents;
use crate::decide::facts::delivery::Behind;
use crate::decide::facts::delivery_request::{DeliverTo, LetGo as Letting};
use crate::decide::facts::moved_back::MovedBack;
use crate::decide::facts::published::{PublishedNote, Unshown, Works};
use crate::decide::facts::revoked::{BeforeEntry, Revoking, no_room};
use crate::decide::facts::rollback::{Reinstated, RollbackProgress};
use crate::decide::facts::situation::Situation;
use crate::decide::facts::step_version::{StepKey, StepVersion, Value, replaced};
use crate::decide::facts::way_back::WayBack;
use crate::decide::facts::{AskProgress, Facts};
use crate::decide::table::row::{Part, Row, rows};
use crate::model::journal::Phase;
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::Verified;
use crate::model::receipt::Receiving;
use crate::model::step::StepName::{CreateSecret, FinishSecret, SetSecret, TestSecret};
use std::convert::Infallible;
use std::ops::ControlFlow;

/// What follows the rows of a request.
#[derive(Clone, Copy)]
pub(crate) enum Then<'a> {
    /// The rest of the table.
    Go(Goal<'a>),
    /// Whether this version works, which has this value.
    Test(&'a VersionId, Value<'a>),
    /// The request itself is done; the deliveries to the user's destinations remain.
    Deliver,
}

/// What the rest of the table has to decide.
#[derive(Clone, Copy)]
pub(crate) enum Goal<'a> {
    /// Every step that is due.
    Run,
    /// The next key, once this old one is gone.
    Create { old: Option<&'a KeyId> },
    /// Whether to publish this version, which has this value.
    Finish(&'a VersionId, Value<'a>),
}

/// The rows for requests and steps.
pub(crate) fn asked<'a>(case: &Situation<'a>, facts: Facts<'a>) -> Part<Then<'a>> {
    use AskProgress::{Deliver, LetGo, Reinstate, Revoke, Rollback, Run, Step as InStep};
    let Facts { asked, contents, moved_back, published, works, .. } = facts;
    rows! { "What was asked for", match (asked, contents, moved_back, published, works) {
        /// The version that the step is about is current and was verified in this run, and no entry says that it works
        (InStep(_, _, StepVersion::CurrentUnrecorded { replacing }), ..) => case.note_published(replacing),
        /// The version that the step is about is current
        (InStep(_, _, StepVersion::Current), ..) => Decision::Done,
        /// The version that the step is about is not staged, or was current before
        (InStep(_, version, StepVersion::NotStaged), ..) => refused(Refusal::NotStaged { version: version.clone() }),
        /// IAM has to know the key of that version, which it does because it created the key
        (InStep(SetSecret, ..), ..) => Decision::Done,
        /// Something else wrote a labeled version
        (InStep(..) | Rollback(_) | Revoke(_) | Deliver(_), Contents::Unread(version), ..) => look_into(version),
        /// A key has to be created for a version that holds something else
        (InStep(CreateSecret, version, StepVersion::Staged(Value::Other)), ..) => foreign_pending(version),
        /// A key has to be created for a version that has a value
        (InStep(CreateSecret, _, StepVersion::Staged(Value::NoKey | Value::Key(_))), ..) => Decision::Done,

        /// The key to roll back to is current, and was not verified in this run
        (Rollback(RollbackProgress::CurrentUnrecorded), _, _, _, Works::Unshown(why)) => why.answer(),
        /// The key to roll back to is current
        (Rollback(RollbackProgress::CurrentUnrecorded), _, _, _, Works::Yes) => case.note_published(case.previous_key()),
        /// The key to roll back to is not the previous one
        (Rollback(RollbackProgress::NotBefore(key)), ..) => refused(Refusal::NotBefore { key: key.clone() }),
        /// There is no such key
        (Rollback(RollbackProgress::NoSuchKey(key)), ..)
        | (Reinstate(Reinstated::NoSuchKey(key)), ..)
        | (Revoke(Revoking::NoSuchKey(key)), ..) =>
            refused(no_such_key(case.seen, key)),
        /// The key to roll back to was created minutes ago, and is not listed yet
        (Rollback(RollbackProgress::Unlisted { key, until }), ..) => settling(key, until),
        /// The key to roll back to is deleted
        (Rollback(RollbackProgress::Gone(key)), ..) => refused(Refusal::Gone { key: key.clone() }),
        /// The key to roll back to was revoked
        (Rollback(RollbackProgress::Revoked(key)), ..) => refused(Refusal::WasRevoked { key: key.clone() }),
        /// The key to roll back to does not work, and this run has reactivated it
        (Rollback(RollbackProgress::Before(WayBack::Fails { key, reason, reactivated: true })), ..) =>
            blocked(Blocked::ReactivatedInVain { key: key.clone(), reason: reason.to_owned() }),
        /// The key to roll back to does not work
        (Rollback(RollbackProgress::Before(WayBack::Fails { key, reason, reactivated: false })), ..) => does_not_work(key, reason),
        /// The key to roll back to is the previous one
        (Rollback(RollbackProgress::Before(WayBack::Open { held, key, next })), ..) => next.answer(case, held, key),

        /// The key to reinstate is revoked
        (Reinstate(Reinstated::Revoked(key)), ..) => case.note_revoked(key, None),
        /// The key to reinstate is not revoked
        (Reinstate(Reinstated::NotRevoked), ..) => Decision::Done,

        /// The key to revoke is current, and should be revoked only if it is unused
        (Revoke(Revoking::CurrentIfUnused(key)), ..) => refused(Refusal::IsCurrent { key: key.clone() }),
        /// The key to revoke was created or revoked minutes ago, and may not be listed yet
        (Revoke(Revoking::Settling { key, until }), ..) => settling(key, until),
        /// The key was revoked, and is not listed
        (Revoke(Revoking::Gone), ..) => Decision::Done,
        /// AWSCURRENT was moved back to the key to revoke, and nothing says that it works
        (
            Revoke(Revoking::Unrecorded { current: true, .. }),
            _,
            MovedBack::From(_),
            PublishedNote::Unrecorded,
            Works::Unshown(Unshown::Unverified(version)),
        ) =>
            verify(version),
        /// AWSCURRENT was moved back to the key to revoke, and it works
        (Revoke(Revoking::Unrecorded { current: true, .. }), _, MovedBack::From(key), PublishedNote::Unrecorded, Works::Yes) =>
            case.note_published(replaced(case, key)),
        /// The key to revoke has to be replaced, and the size of the next value is not known
        (Revoke(Revoking::Unrecorded { next: BeforeEntry::SizeUnasked(version), .. }), ..) =>
            look(Question::NextSize(version.clone())),
        /// The key to revoke has to be replaced, and another key leaves no room
        (Revoke(Revoking::Unrecorded { next: BeforeEntry::NoRoom { key, other }, .. }), ..) =>
            refused(no_room(key, other, Some(case.secret))),
        /// No entry says that the key is revoked
        (Revoke(Revoking::Unrecorded { next: BeforeEntry::Ready(order), .. }), ..) =>
            case.note_revoked(&order.key, Some(order)),
        /// The revoked key is Inactive and was replaced, or cannot be, and no entry says since when
        (Revoke(Revoking::InactiveUnrecorded(key)), ..) => case.note(key, Phase::Inactive),
        /// The revoked key is Inactive, and its successor is not known to work
        (Revoke(Revoking::Inactive { replaced: true, .. }), _, _, PublishedNote::Unrecorded, Works::Unshown(why)) =>
            why.answer(),
        /// The revoked key is Inactive, its successor works, and no entry says so
        (Revoke(Revoking::Inactive { replaced: true, .. }), _, _, PublishedNote::Unrecorded, Works::Yes) =>
            case.note_published(case.previous_key().or(case.last_replaced())),
        /// The revoked key is Inactive, and has to be deleted without its soak
        (Revoke(Revoking::Inactive { key, delete: true, .. }), ..) => act(Step::Delete(key.clone())),

        /// The user has no such destination
        (Deliver(DeliverTo::Unknown(to)) | LetGo(Letting::Unknown(to)), ..) => refused(case.no_such_destination(to)),
        /// The destination was given up
        (LetGo(Letting::Recorded), ..) => Decision::Done,
        /// The destination has to be given up
        (LetGo(Letting::Unrecorded { to, mark }), ..) => write(case.note_receipt(to, Receiving::LetGo, mark)),
        /// A delivery was requested, and no key is current
        (Deliver(_), _, _, PublishedNote::NoKey | PublishedNote::NoKeyUnrecorded, _) => refused(Refusal::NothingCurrent),
        /// A delivery was requested, and the current key was revoked
        (Deliver(DeliverTo::Revoked(key)), ..) => does_not_work(key, "it was revoked"),
        /// A delivery was requested, and the current key is not Active
        (Deliver(DeliverTo::NotActive(key)), ..) => does_not_work(key, "it is not Active"),
        /// A delivery was requested, no entry says that the current key was published, and it is not known to work
        (Deliver(DeliverTo::Known), _, _, PublishedNote::Unrecorded, Works::Unshown(why)) => why.answer(),
        /// A delivery was requested, and no entry says that the current key was published
        (Deliver(DeliverTo::Known), _, _, PublishedNote::Unrecorded, Works::Yes) =>
            case.note_published(case.previous_key().or(case.last_replaced())),
    } else {
        (Rollback(RollbackProgress::Current), Contents::Known, ..)
        | (Revoke(Revoking::Inactive { delete: false, .. }), Contents::Known, ..)
        | (Deliver(DeliverTo::Known), Contents::Known, _, PublishedNote::Recorded, _) => Then::Deliver,
        (Run, ..) | (Revoke(Revoking::Noted), Contents::Known, ..) => Then::Go(Goal::Run),
        (InStep(CreateSecret, _, StepVersion::Staged(Value::Empty { old })), Contents::Known, ..) =>
            Then::Go(Goal::Create { old }),
        (InStep(TestSecret, version, StepVersion::Staged(value)), Contents::Known, ..) => Then::Test(version, value),
        (InStep(FinishSecret, version, StepVersion::Staged(value)), Contents::Known, ..) =>
            Then::Go(Goal::Finish(version, value)),
    } }
}

/// A request after its deliveries were made, as far as possible.
pub(crate) fn after_deliveries(facts: Facts<'_>) -> Part<Infallible> {
    use AskProgress::{Deliver, LetGo, Reinstate, Revoke, Rollback, Run, Step as InStep};
    let Facts { asked, behind, .. } = facts;
    rows! { "A request that is carried out", match (asked, behind) {
        /// A delivery was requested, and failed
        (Deliver(_), Behind::Failed { to, reason }) => wait(not_delivered(to, reason), None),
        /// A delivery was requested, and something else has written to the destination since
        (Deliver(_), Behind::Changed { to, place, how }) => blocked(changed(to, place, how)),
        /// Another key is current as requested, and a required destination does not have it
        (Rollback(_) | Reinstate(_), Behind::Failed { to, reason }) => wait(not_delivered(to, reason), None),
        /// Another key is current as requested, and something else wrote to a required destination
        (Rollback(_) | Reinstate(_), Behind::Changed { to, place, how }) => blocked(changed(to, place, how)),
        /// The request is done
        (Deliver(_) | Rollback(_) | Reinstate(_), Behind::Nobody | Behind::Recorded(_) | Behind::Unconfirmed { .. })
        | (Revoke(_) | LetGo(_) | Run | InStep(..), _) => Decision::Done,
    } else {
    } }
}

/// Why a step verifies a version.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// To find out whether it works.
    Test,
    /// To publish it.
    Finish,
}

/// The version that `testSecret` or `finishSecret` is about.
pub(crate) fn ordered_version(
    case: &Situation<'_>,
    purpose: Purpose,
    version: &VersionId,
    value: Value<'_>,
) -> Part<Infallible> {
    use Purpose::{Finish, Test};
    rows! { "The version of a step", match (purpose, value) {
        /// The version holds no key
        (_, Value::Empty { .. } | Value::Other | Value::NoKey) =>
            refused(Refusal::NotMade { version: version.clone() }),
        /// The version has to be published, and a newer key is current
        (Finish, Value::Key(StepKey { key, newer: Some(by), .. })) =>
            refused(Refusal::Superseded { key: key.clone(), by: by.clone() }),
        /// The key was not verified in this run
        (_, Value::Key(StepKey { verified: None, .. })) => verify(version),
        /// AWS could not be asked whether the key works
        (_, Value::Key(StepKey { key, verified: Some(Verified::Unknown(reason)), .. })) => unverified(key, reason),
        /// The key is refused, as a new key may be for a while
        (_, Value::Key(StepKey { key, verified: Some(Verified::Refused(reason)), .. })) =>
            wait(propagation(key, reason), None),
        /// The version does not hold what it should
        (_, Value::Key(StepKey { key, verified: Some(Verified::Wrong(reason)), .. })) => does_not_work(key, reason),
        /// The key works
        (Test, Value::Key(StepKey { verified: Some(Verified::Works), .. })) => Decision::Done,
        /// The key works, and has to be published
        (Finish, Value::Key(StepKey { verified: Some(Verified::Works), newer: None, .. })) => case.publish(version),
    } else {
    } }
}
