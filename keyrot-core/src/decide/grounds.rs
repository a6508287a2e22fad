//! The first part of the table: the user's home, and what the secret is.

use super::answer::*;
use super::evidence::{no_such_key, with_evidence};
use super::facts::{Asks, Grounds};
use super::ground::{Quarantine, Store};
use super::home::Home;
use super::revoked::{Target, no_room};
use super::row::{Part, Row, rows};
use super::situation::{Ask, Situation};
use crate::decide::decision::Step;
use crate::decide::decision::blocked::Blocked;
use crate::decide::decision::refusal::Refusal;
use crate::model::observed::Observed;
use crate::model::time::Timestamp;
use crate::model::waits::Policy;
use std::ops::ControlFlow;

/// What comes before the secret is used.
pub(super) fn grounds<'a>(
    seen: &'a Observed,
    ask: Ask<'a>,
    policy: &'a Policy,
    now: Timestamp,
) -> Part<Situation<'a>> {
    use Asks::{Reinstate, Revoke, Rollback, Run, Step as InStep};
    let Grounds { asks, home, quarantine, store } = Grounds::of(seen, ask, policy, now);
    rows! { "The user and the secret", match (asks, home, quarantine, store) {
        /// The key to revoke has a status that keyrot does not know
        (Revoke(Target::UnknownStatus { key, status }), ..) => unknown_status(key, status),
        /// The key is to be revoked only if it is unused, and is in use
        (Revoke(Target::InUse { key, last_use }), ..) =>
            refused(Refusal::InUse { key: key.clone(), last_use: last_use.clone() }),
        /// The key is to be revoked only if it is unused, and may be in use
        (Revoke(Target::Needed(need)), ..) => need.answer(),
        /// The key to revoke is Active, and needs no successor
        (Revoke(Target::NeedsNoSuccessor(key)), ..) => act(Step::Deactivate(key.clone())),
        /// Neither IAM nor the secret has the key to revoke
        (Revoke(Target::NoSuchKey(key)), ..) => refused(no_such_key(seen, key)),
        /// The user's home is not here, or is not known to be
        (_, Home::Not(decision), ..) => decision,
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
        (Revoke(Target::Unlisted(key)), _, _, Store::Missing | Store::NoVersion(_)) => refused(no_such_key(seen, key)),
        /// There is no version yet, and another key leaves no room for a successor
        (Revoke(Target::NoRoom { key, other }), _, _, store @ (Store::Missing | Store::NoVersion(_))) =>
            refused(no_room(key, other, store.secret())),
        /// There is no version yet, and a request or a step needs one
        (InStep { rotation_on: true } | Rollback | Reinstate, _, _, Store::Missing | Store::NoVersion(_)) =>
            refused(Refusal::NothingCurrent),
        /// There is no secret
        (Run { two_keys: false } | Revoke(Target::Listed), _, _, Store::Missing) => act(Step::CreateSecret),
        /// The secret has no version
        (Run { two_keys: false } | Revoke(Target::Listed), _, _, Store::NoVersion(_)) => act(Step::PutPlaceholder),
    } else {
        (
            Run { .. } | InStep { rotation_on: true } | Rollback | Reinstate
                | Revoke(Target::Unlisted(_) | Target::NoRoom { .. } | Target::Listed),
            Home::Here,
            Quarantine::No | Quarantine::WhileRevoking(_),
            Store::Current(secret, current),
        ) => Situation::new(seen, (secret, current), ask, policy, now),
    } }
}
