//! The decision for a scheduled run.

use crate::decide::belief::believed;
use crate::decide::decision::Decision;
use crate::decide::facts::situation::Ask;
use crate::decide::table::decide_for;
use crate::model::observed::Observed;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;

/// Decides what to do for a user: one pure, total function.
///
/// # Expected flow
/// If a user's key is due, the answers are, one at a time, `Write(intent)` → `CreateKey` → `Stage`
/// → `Look(Verified)` → `Promote` → `Write(promoted)` → `Wait(Overlap)`; days later, in other runs,
/// `Look(LastUse)` → `Write(retiring)` → a fresh read of everything → `Deactivate` →
/// `Write(inactive)` → `Wait(Soak)`, and finally `Delete`. Before the intent comes `Look(NextSize)`
/// if other fields are carried over, and `TestWrite` if an earlier intent was left without a key. A
/// user without a secret first gets one, with a placeholder. If a run dies anywhere, the next one
/// continues from there.
///
/// # Guarantees
/// - AWSCURRENT is only ever moved to a version whose credentials have authenticated in this very
///   run.
/// - A key that was current is deactivated only `overlap` after a journal entry says that its
///   successor was verified and is in place, and only if IAM says that it was not used within
///   `recent_use`. A missing answer never counts as unused.
/// - It is deactivated only if IAM has a use of its successor on record, other than keyrot's
///   verification, and none of the key itself late in the overlap; or if it was unused for `idle`.
/// - A key is deleted only `soak` after a journal entry says that it is Inactive, and only while it
///   is Inactive.
/// - If AWS could not be asked whether a key works, that counts neither way: the key is not
///   abandoned, and the user is not blocked.
/// - A key that no version, journal entry or intent explains is never changed: the user is blocked.
/// - Only one key is being retired at a time, and no key is created before it is gone.
/// - A key that an operator revoked (a journal entry says so) is due immediately, and is
///   deactivated as soon as a verified successor is in place, without `overlap` and `recent_use`.
///   It is never published again.
///
/// # Assumptions
/// - `seen` was read within the run limit (half of `settle`) before the answer is acted upon, and
///   for `Deactivate` and `Delete`, this run changed nothing in between;
///   [`Rotation`](crate::machine::rotation::Rotation) ensures both.
/// - `now` is within five minutes of AWS's clock; SigV4 refuses requests beyond that.
/// - IAM's record may lack a use within the last hours.
#[must_use]
pub fn decide(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Decision {
    decide_for(&believed(seen, policy, now), Ask::Run, policy, now)
}
