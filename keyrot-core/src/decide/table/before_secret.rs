//! The first part of the table: the user's home, and what the secret is.

use crate::decide::answer::*;
use crate::decide::decision::Step;
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::decide::evidence::{no_such_key, with_evidence};
use crate::decide::facts::home::Home;
use crate::decide::facts::revoked::{RevocationTarget, no_room};
use crate::decide::facts::situation::{Ask, Situation};
use crate::decide::facts::store::{Quarantine, Store};
use crate::decide::facts::{BeforeSecret, EarlyAsk};
use crate::decide::table::row::{Part, Row, rows};
use crate::model::observed::Observed;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use std::ops::ControlFlow;

/// What comes before the secret is used.
pub(crate) fn before_secret<'a>(
    before: BeforeSecret<'a>,
    seen: &'a Observed,
    ask: Ask<'a>,
    policy: &'a WaitPolicy,
    now: Timestamp,
) -> Part<Situation<'a>> {
    use EarlyAsk::{Deliver, Reinstate, Revoke, Rollback, Run, Step as InStep};
    let BeforeSecret { asks, home, quarantine, store } = before;
    rows! { "The user and the secret", match (asks, home, quarantine, store) {
        /// The key to revoke has a status that keyrot does not know
        (Revoke(RevocationTarget::UnknownStatus { key, status }), ..) => unknown_status(key, status),
        /// The key should be revoked only if it is unused, and is in use
        (Revoke(RevocationTarget::InUse { key, last_use }), ..) =>
            refused(Refusal::InUse { key: key.clone(), last_use: last_use.clone() }),
        /// The key should be revoked only if it is unused, and may be in use
        (Revoke(RevocationTarget::Needed(need)), ..) => need.answer(),
        /// The key to revoke is Active, and needs no successor
        (Revoke(RevocationTarget::NeedsNoSuccessor(key)), ..) => act(Step::Deactivate(key.clone())),
        /// Neither IAM nor the secret has the key to revoke
        (Revoke(RevocationTarget::NoSuchKey(key)), ..) => refused(no_such_key(seen, key)),
        /// The user's home is not here, or is not known to be
        (_, Home::Not(decision) | Home::Adopted(decision), ..) => decision,
        /// AWS has quarantined the user, and no revocation is under way
        (_, Home::Here, Quarantine::Yes(by), _) | (InStep { .. }, Home::Here, Quarantine::WhileRevoking(by), _) =>
            blocked(Blocked::Quarantined { policy: by.to_owned() }),
        /// The secret is scheduled for deletion
        (_, _, _, Store::Deleted { since }) => blocked(Blocked::SecretDeleted { since }),
        /// The secret is a replica
        (_, _, _, Store::Replica { primary }) => blocked(Blocked::SecretIsReplica { primary: primary.to_owned() }),
        /// Secrets Manager's own rotation is off
        (InStep { rotation_on: false }, ..) => refused(Refusal::RotationOff),
        /// There is no version yet, and the user has two keys
        (Run { two_keys: true }, _, _, Store::Missing | Store::NoVersion(_)) => with_evidence(seen, seen.keys.iter()),
        /// There is no version yet, and the key to revoke is not listed
        (Revoke(RevocationTarget::Unlisted(key)), _, _, Store::Missing | Store::NoVersion(_)) => refused(no_such_key(seen, key)),
        /// There is no version yet, and another key leaves no room for a successor
        (Revoke(RevocationTarget::NoRoom { key, other }), _, _, store @ (Store::Missing | Store::NoVersion(_))) =>
            refused(no_room(key, other, store.secret())),
        /// There is no version yet, and a request or a step needs one
        (InStep { rotation_on: true } | Rollback | Reinstate | Deliver, _, _, Store::Missing | Store::NoVersion(_)) =>
            refused(Refusal::NothingCurrent),
        /// There is no secret
        (Run { two_keys: false } | Revoke(RevocationTarget::Listed), _, _, Store::Missing) => act(Step::CreateSecret),
        /// The secret has no version
        (Run { two_keys: false } | Revoke(RevocationTarget::Listed), _, _, Store::NoVersion(_)) => act(Step::PutPlaceholder),
    } else {
        (
            Run { .. } | InStep { rotation_on: true } | Rollback | Reinstate | Deliver
                | Revoke(RevocationTarget::Unlisted(_) | RevocationTarget::NoRoom { .. } | RevocationTarget::Listed),
            Home::Here,
            Quarantine::No | Quarantine::WhileRevoking(_),
            Store::Current(secret, current),
        ) => Situation::new(seen, (secret, current), ask, policy, now),
    } }
}
