//! The decision as a table: exhaustive matches over [`Facts`], in the order in which you would ask.
//!
//! The first row that matches has the answer. The table has parts, each a match over a few facts,
//! because the compiler's exhaustiveness check takes time exponential in the number of facts. The
//! cases that no row of a part answers are listed after its rows (`else`), and continue in the next
//! part. So a new variant of a fact does not compile until each request that depends on the fact
//! handles it. `docs/decision.md` is generated from these rows.

mod before_secret;
mod requests;
mod row;

use crate::decide::answer::*;
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::{Decision, Question, Step, Why};
use crate::decide::evidence::with_evidence;
use crate::decide::facts::contents::Contents;
use crate::decide::facts::current::Current;
use crate::decide::facts::delivery::{Behind, Deliver};
use crate::decide::facts::home::Home;
use crate::decide::facts::moved_back::MovedBack;
use crate::decide::facts::next_key::NextKey;
use crate::decide::facts::outgoing::{Old, Outgoing, Removal, Stray};
use crate::decide::facts::published::{PublishedNote, Works};
use crate::decide::facts::reactivated::Reactivated;
use crate::decide::facts::situation::{Ask, Role, Situation};
use crate::decide::facts::staged::Staged;
use crate::decide::facts::step_version::replaced;
use crate::decide::facts::store::Store;
use crate::decide::facts::unexplained::Unexplained;
use crate::decide::facts::way_back::{Stuck, WayBack};
use crate::decide::facts::why_kept::WhyKept;
use crate::decide::facts::{BeforeSecret, Facts, InHand};
use crate::decide::table::before_secret::before_secret;
use crate::decide::table::requests::{
    Goal, Purpose, Then, after_deliveries, asked, ordered_version,
};
use crate::decide::table::row::{Part, Row, rows};
use crate::model::journal::Phase;
use crate::model::observed::Observed;
use crate::model::receipt::Receiving;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use std::convert::Infallible;
use std::ops::ControlFlow;

/// Decides for any request, run or step, after unbelievable claims were removed.
pub(super) fn decide_for(
    seen: &Observed,
    ask: Ask<'_>,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Decision {
    row(seen, ask, policy, now).decision
}

/// The row that applies.
pub(super) fn row(seen: &Observed, ask: Ask<'_>, policy: &WaitPolicy, now: Timestamp) -> Row {
    match parts(seen, ask, policy, now) {
        ControlFlow::Break(row) => row,
    }
}

/// The parts of the table, in order. Each has the answer, or continues with the next part.
fn parts(seen: &Observed, ask: Ask<'_>, policy: &WaitPolicy, now: Timestamp) -> Part<Infallible> {
    let before = BeforeSecret::of(seen, ask, policy, now);
    before_adoption(&before, seen, ask, policy, now)?;
    let case = before_secret(before, seen, ask, policy, now)?;
    let facts = Facts::of(&case);
    let goal = match asked(&case, facts)? {
        Then::Go(goal) => goal,
        Then::Test(version, value) => return ordered_version(&case, Purpose::Test, version, value),
        Then::Deliver => {
            deliveries(&case, Goal::Run, facts)?;
            return after_deliveries(facts);
        }
    };
    keys(&case, goal, facts)?;
    deliveries(&case, goal, facts)?;
    labels(&case, goal, facts)?;
    match goal {
        Goal::Run => {
            behind(facts)?;
            old_keys(&case, facts)?;
        }
        Goal::Create { .. } => {}
        Goal::Finish(version, value) => {
            return ordered_version(&case, Purpose::Finish, version, value);
        }
    }
    next_key(&case, facts)
}

/// A run adopts no secret with which it would be blocked: what the secret holds, and the user's
/// other keys, are looked at before anything is written. An operator's request adopts it all the
/// same, because it may be what ends the block.
fn before_adoption(
    before: &BeforeSecret<'_>,
    seen: &Observed,
    ask: Ask<'_>,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Part<()> {
    let (Ask::Run, Home::Adopted(_), Store::Current(secret, current)) =
        (ask, &before.home, before.store)
    else {
        return ControlFlow::Continue(());
    };
    let case = Situation::new(seen, (secret, current), ask, policy, now);
    match keys(&case, Goal::Run, Facts::of(&case)) {
        ControlFlow::Break(row)
            if matches!(row.decision, Decision::Blocked(_) | Decision::Look(_)) =>
        {
            ControlFlow::Break(row)
        }
        ControlFlow::Break(_) | ControlFlow::Continue(()) => ControlFlow::Continue(()),
    }
}

/// The current key, and keys that nothing explains.
fn keys(case: &Situation<'_>, goal: Goal<'_>, facts: Facts<'_>) -> Part<()> {
    use Goal::{Create, Finish, Run};
    let Facts { reactivated, contents, current, unexplained, in_hand, .. } = facts;
    rows! { "The keys", match (goal, reactivated, contents, current, unexplained, in_hand) {
        /// A revoked key that was Inactive is Active again
        (Run, Reactivated::Revoked(key), ..) => blocked(Blocked::RevokedKeyReactivated { key: key.clone() }),
        /// A key that was reactivated before was deactivated again, and is Active again
        (Run, Reactivated::Again(key), ..) => blocked(Blocked::ReactivatedAgain { key: key.clone() }),
        /// A key that was recorded as Inactive is Active again
        (Run, Reactivated::Kept(key), ..) => case.note(key, Phase::Hold),
        /// Something else wrote a labeled version
        (Run, _, Contents::Unread(version), ..) => look_into(version),
        /// The current version holds no access key
        (_, _, _, Current::HoldsOther(version, why), ..) => blocked(Blocked::SecretHoldsOther { version: version.clone(), why: Some(why) }),
        /// The current key was created or published minutes ago, and is not listed as Active yet
        (_, _, _, Current::Settling { key, until }, ..) => settling(key, until),
        /// The current key is not Active, and was not revoked
        (_, _, _, Current::Inactive(key), ..) => blocked(Blocked::CurrentKeyInactive { key: key.clone() }),
        /// The current key is not listed, and was not revoked
        (_, _, _, Current::Gone(key), ..) => blocked(Blocked::CurrentKeyGone { key: key.clone() }),
        /// The current key is Active, and was recorded as Inactive minutes ago
        (Run, _, _, Current::JustInactive { key, until }, ..) => settling(key, until),
        /// No label and no entry explains a key, and the versions without a label were not read
        (_, _, _, _, Unexplained::Unasked, _) => look(Question::Versions),
        /// No version, journal entry or intent explains a key
        (_, _, _, _, Unexplained::Keys, _) => with_evidence(case.seen, case.keys_as(Role::Unexplained)),
        /// This run has created a key, and not staged it yet
        (Run | Create { .. }, _, _, _, _, InHand::Unstaged) => act(Step::Stage { carry: case.carried() }),
    } else {
        (
            Run,
            Reactivated::Nothing,
            Contents::Known,
            Current::NoKey | Current::Revoked | Current::Active,
            Unexplained::Nothing,
            InHand::Nothing,
        ) => (),
        (
            Create { .. } | Finish(..),
            ..,
            Current::NoKey | Current::JustInactive { .. } | Current::Revoked | Current::Active,
            Unexplained::Nothing,
            InHand::Nothing | InHand::Unstaged,
        ) => (),
    } }
}

/// The destinations of the current key.
fn deliveries(case: &Situation<'_>, goal: Goal<'_>, facts: Facts<'_>) -> Part<()> {
    use Goal::{Create, Finish, Run};
    let Facts { deliver, works, .. } = facts;
    rows! { "The destinations", match (goal, deliver, works) {
        /// A destination was not read
        (Run, Deliver::Unasked(to), _) => look(Question::Destination(to.clone())),
        /// A destination got the current key in this run, and no receipt says so
        (Run, Deliver::Unrecorded { to, mark }, _) => write(case.note_receipt(to, Receiving::Delivered, Some(mark))),
        /// A destination needs the current key, and no entry of this run says that the delivery begins
        (Run, Deliver::Unannounced { to, mark }, _) => write(case.note_receipt(to, Receiving::Delivering, mark)),
        /// A destination needs the current key, which is not known to work
        (Run, Deliver::Due { .. }, Works::Unshown(why)) => why.answer(),
        /// A destination needs the current key
        (Run, Deliver::Due { to, replaces }, Works::Yes) =>
            act(Step::Deliver { to: to.clone(), replaces: replaces.cloned() }),
    } else {
        (Run, Deliver::Nothing, _) | (Create { .. } | Finish(..), ..) => (),
    } }
}

/// Destinations that keep an old key from being retired.
fn behind(facts: Facts<'_>) -> Part<()> {
    let Facts { behind, outgoing, .. } = facts;
    rows! { "Destinations that are behind", match (behind, outgoing) {
        /// An old key has to be retired, and a required destination does not have the current one
        (
            Behind::Failed { to, reason },
            Outgoing::Needed(_) | Outgoing::Old(_) | Outgoing::Inactive(Removal::Soaks(_) | Removal::Over(_)),
        ) =>
            wait(not_delivered(to, reason), None),
        /// Nothing needs the old key that has to be retired, and a required destination could not be read since its receipt
        (Behind::Unconfirmed { to, reason }, Outgoing::Old(_) | Outgoing::Inactive(Removal::Over(_))) =>
            wait(not_delivered(to, reason), None),
        /// An old key has to be retired, and something else wrote to a required destination
        (
            Behind::Changed { to, place, how },
            Outgoing::Needed(_) | Outgoing::Old(_) | Outgoing::Inactive(Removal::Soaks(_) | Removal::Over(_)),
        ) =>
            blocked(changed(to, place, how)),
        /// Nothing needs the old key that has to be retired, and a required destination was not read since its receipt
        (Behind::Recorded(to), Outgoing::Old(_) | Outgoing::Inactive(Removal::Over(_))) =>
            look(Question::Destination(to.clone())),
    } else {
        (Behind::Nobody, _)
        | (
            Behind::Failed { .. } | Behind::Changed { .. },
            Outgoing::Nobody
            | Outgoing::BesideRevoked { .. }
            | Outgoing::Unreplaced(_)
            | Outgoing::UnknownStatus { .. }
            | Outgoing::Settling { .. }
            | Outgoing::Stray(_)
            | Outgoing::Inactive(Removal::Unrecorded(_)),
        )
        | (
            Behind::Recorded(_) | Behind::Unconfirmed { .. },
            Outgoing::Nobody
            | Outgoing::BesideRevoked { .. }
            | Outgoing::Unreplaced(_)
            | Outgoing::UnknownStatus { .. }
            | Outgoing::Settling { .. }
            | Outgoing::Needed(_)
            | Outgoing::Stray(_)
            | Outgoing::Inactive(Removal::Unrecorded(_) | Removal::Soaks(_)),
        ) => (),
    } }
}

/// What the labels say.
fn labels(case: &Situation<'_>, goal: Goal<'_>, facts: Facts<'_>) -> Part<()> {
    use Goal::{Create, Finish, Run};
    let Facts { staged, moved_back, published, works, .. } = facts;
    rows! { "The labels", match (goal, staged, moved_back, published, works) {
        /// The staged version was published before, or holds the current key
        (Run, Staged::Over(version), ..) => act(Step::Unstage(version.clone())),
        /// AWSCURRENT was moved back from a newer key that is Active, and nothing says that the current one works
        (_, _, MovedBack::From(_), PublishedNote::Unrecorded | PublishedNote::NoKeyUnrecorded, Works::Unshown(why)) => why.answer(),
        /// AWSCURRENT was moved back from a newer key that is Active, and no entry says so
        (_, _, MovedBack::From(key), PublishedNote::Unrecorded | PublishedNote::NoKeyUnrecorded, Works::Yes) =>
            case.note_published(replaced(case, key)),
        /// AWSCURRENT was moved back from a newer key that is Active
        (_, _, MovedBack::From(key), PublishedNote::Recorded | PublishedNote::NoKey, _) =>
            blocked(Blocked::RolledBack { from: key.id.clone(), to: case.current_key().cloned() }),
        /// A key has to be created, and an old one still exists
        (Create { old: Some(key) }, _, MovedBack::No, ..) => wait(Why::OldKey(key.clone()), None),
        /// Something else staged the version, or it does not hold what its id says
        (Run, Staged::Foreign(version), ..) => foreign_pending(version),
        /// The staged key was given up or revoked, or IAM does not list it
        (Run, Staged::GivenUp(version) | Staged::Gone(version), ..) => act(Step::Unstage(version.clone())),
        /// The staged key was created minutes ago, and is not listed yet
        (Run, Staged::Settling { key, until }, ..) => settling(key, until),
        /// Another run staged the key, as the version's id says
        (Run, Staged::Unasked, ..) => look(Question::Versions),
        /// The staged key is not Active, or a newer key is current, or it was refused for too long
        (Run, Staged::TooLate(key) | Staged::Refused(key), ..) => case.note(key, Phase::Abandoned),
        /// The staged key was not verified in this run
        (Run, Staged::Unverified(version), ..) => verify(version),
        /// The staged key works
        (Run, Staged::Works(to), ..) => case.publish(to),
        /// AWS could not be asked whether the staged key works
        (Run, Staged::Unknown { key, reason }, ..) => unverified(key, reason),
        /// The staged key is refused, as a new key may be for a while
        (Run, Staged::Propagating { key, reason, until }, ..) => wait(propagation(key, reason), until),
    } else {
        (Run, Staged::Nothing, MovedBack::No, ..) => (),
        (Create { old: None } | Finish(..), _, MovedBack::No, ..) => (),
    } }
}

/// Keys to retire.
fn old_keys<'a>(case: &Situation<'a>, facts: Facts<'a>) -> Part<()> {
    let Facts { stuck, outgoing, published, works, .. } = facts;
    rows! { "Keys that leave", match (stuck, outgoing, published, works) {
        /// The current key was revoked, there is no room for another, and a run may be about to publish it again
        (Stuck::Settling { key, until }, ..) => settling(key, until),
        /// The current key was revoked, there is no room for another, and the previous key does not work
        (Stuck::GoesBack(WayBack::Fails { key, reason, .. }), ..) =>
            blocked(Blocked::NoWayBack { key: key.clone(), reason: reason.to_owned() }),
        /// The current key was revoked, there is no room for another, and the previous key takes its place
        (Stuck::GoesBack(WayBack::Open { held, key, next }), ..) => next.answer(case, held, key),
        /// The current key was revoked and is Inactive, nothing else makes room for another, and its soak is not over
        (Stuck::Removed(Removal::Soaks(WhyKept::Soak { key, until })), ..) =>
            blocked(Blocked::RevokedKeyCurrent { key: key.clone(), until }),
        /// The current key was revoked and is Inactive, and nothing else makes room for another
        (Stuck::Removed(removal), ..) => removal.answer(case),
        /// A key has to be retired, and the current one was just revoked
        (Stuck::No, Outgoing::BesideRevoked { current, until }, ..) => settling(current, until),
        /// No entry says that the current key was published, and it is not known to work
        (Stuck::No, _, PublishedNote::Unrecorded, Works::Unshown(why)) => why.answer(),
        /// No entry says that the current key was published, and it works
        (Stuck::No, _, PublishedNote::Unrecorded, Works::Yes) => case.note_published(outgoing.replaced(case)),
        /// The placeholder is current again, and a published key has to be retired
        (Stuck::No, Outgoing::Unreplaced(key), PublishedNote::NoKeyUnrecorded, _) => case.note_published(replaced(case, key)),
        /// The placeholder is current again, a published key has to be retired, and an entry says so
        (Stuck::No, Outgoing::Unreplaced(key), PublishedNote::NoKey | PublishedNote::Recorded, _) =>
            blocked(Blocked::RolledBack { from: key.id.clone(), to: None }),
        /// The key to retire has a status that keyrot does not know
        (Stuck::No, Outgoing::UnknownStatus { key, status }, ..) => unknown_status(key, status),
        /// Another run may be at work on the key to retire, or IAM may not show yet that it is Inactive
        (Stuck::No, Outgoing::Settling { key, until }, ..) => settling(key, until),
        /// The key to retire is Active, and may be needed
        (Stuck::No, Outgoing::Needed(need), ..) => need.answer(),
        /// Nothing needs the key to retire, and its successor is not known to work
        (Stuck::No, Outgoing::Old(_) | Outgoing::Inactive(Removal::Over(_)), _, Works::Unshown(why)) => why.answer(),
        /// Nothing needs the published or revoked key to retire, and no entry of this run says that its retirement begins
        (Stuck::No, Outgoing::Old(Old::Unrecorded(key)), _, Works::Yes) => case.note(key, Phase::Retiring),
        /// Nothing needs the key to retire, and another run may be about to publish it
        (Stuck::No, Outgoing::Old(Old::Settling { key, until }), _, Works::Yes) => settling(key, until),
        /// Nothing needs the published or revoked key to retire, and an entry says that its retirement begins
        (Stuck::No, Outgoing::Old(Old::Noted(key)), _, Works::Yes) => act(Step::Deactivate(key.clone())),
        /// A key that was never published is in use, or was reactivated
        (Stuck::No, Outgoing::Stray(Stray::Claimed(key)), ..) => blocked(Blocked::ClaimedKey { key: key.clone() }),
        /// A key to retire was never published, as far as the labels say
        (Stuck::No, Outgoing::Stray(Stray::Unasked), ..) => look(Question::Versions),
        /// Nothing needs the key that was never published, and no entry says that its retirement begins
        (Stuck::No, Outgoing::Stray(Stray::Unrecorded { key, phase }), ..) => case.note(key, phase),
        /// Nothing needs the key that was never published, and an entry says that its retirement begins
        (Stuck::No, Outgoing::Stray(Stray::Noted(key)), ..) => act(Step::Deactivate(key.clone())),
        /// The key to retire is Inactive
        (Stuck::No, Outgoing::Inactive(removal), ..) => removal.answer(case),
    } else {
        (Stuck::No, Outgoing::Nobody, PublishedNote::Recorded | PublishedNote::NoKey | PublishedNote::NoKeyUnrecorded, _) => (),
    } }
}

/// The next key.
fn next_key(case: &Situation<'_>, facts: Facts<'_>) -> Part<Infallible> {
    let Facts { next, behind, .. } = facts;
    rows! { "The next key", match (next, behind) {
        /// A key may have been created that IAM does not list yet
        (NextKey::Unlisted(until) | NextKey::PerhapsCreated(until), _) => wait(Why::Unlisted, until),
        /// No key is due, and a required destination does not have the current one
        (NextKey::NotDue(_), Behind::Failed { to, reason }) => wait(not_delivered(to, reason), None),
        /// No key is due, and something else wrote to a required destination
        (NextKey::NotDue(_), Behind::Changed { to, place, how }) => blocked(changed(to, place, how)),
        /// No key is due
        (NextKey::NotDue(until), Behind::Nobody | Behind::Recorded(_) | Behind::Unconfirmed { .. }) => Decision::Settled { until },
        /// A key is due, and Secrets Manager's own rotation is on
        (NextKey::OfService, _) => wait(Why::Service, None),
        /// A key is due, and the secret has too many tags for the journal
        (NextKey::NoTagRoom { tags, most }, _) => blocked(Blocked::NoTagRoom { tags, most }),
        /// A key is due, and the size of the next value is not known
        (NextKey::SizeUnasked(version), _) => look(Question::NextSize(version.clone())),
        /// A key is due, and the current version's other fields cannot be carried over
        (NextKey::NotCarried(version), _) => blocked(Blocked::SecretHoldsOther { version: version.clone(), why: None }),
        /// A key is due, and the next value is too large
        (NextKey::TooLarge { bytes, most }, _) => blocked(Blocked::ValueTooLarge { bytes, most }),
        /// A key is due, and the user already has two
        (NextKey::TwoKeys, _) => with_evidence(case.seen, case.keys_beside_current()),
        /// A key is due, and no entry says which keys exist before its creation
        (NextKey::NoIntent, _) => case.note_intent(),
        /// A key is due, and the last one may not have been stored
        (NextKey::Untested, _) => act(Step::TestWrite),
        /// A key is due
        (NextKey::Ready, _) => act(Step::CreateKey),
    } else {
    } }
}
