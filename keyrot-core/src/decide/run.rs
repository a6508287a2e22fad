//! What a scheduled run does for a user.

use crate::decide::belief::believed;
use crate::decide::decision::Decision;
use crate::decide::facts::situation::Ask;
use crate::decide::table::decide_for;
use crate::model::observed::Observed;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;

/// Decides what is to be done for a user: one pure, total function.
///
/// # Expected flow
/// A user whose key is due goes, one answer at a time, through `Write(intent)` → `CreateKey` →
/// `Stage` → `Look(Verified)` → `Promote` → `Write(promoted)` → `Wait(Overlap)`; days later, in
/// other runs, through `Look(LastUse)` → `Write(retiring)` → a fresh read of everything →
/// `Deactivate` → `Write(inactive)` → `Wait(Soak)`, and at last `Delete`. Before the intent,
/// `Look(NextSize)` where further fields are carried along, and `TestWrite` where an earlier intent
/// was left without a key. A user without a secret first gets one, with a placeholder. A run that
/// dies anywhere is taken up by the next, from what it left behind.
///
/// # Guarantees
/// - AWSCURRENT is only ever moved to a version whose credentials have authenticated in this very
///   run.
/// - A key that was current is deactivated only `overlap` after a stored note says that its
///   successor was verified and is in place, and only on IAM's word that it was not used within
///   `quiet`. No answer is never that word.
/// - It is deactivated only if IAM has a use of its successor on record, other than keyrot's
///   verification, and none of the key itself late in the overlap; or if it was unused for `idle`.
/// - A key is deleted only `soak` after a stored note says that it was seen Inactive, and only
///   while it is Inactive.
/// - Where AWS could not be asked whether a key works, nothing is concluded: the key is neither
///   abandoned nor is the user blocked.
/// - A key that no version, no note and no intent explains is never changed: the user is blocked.
/// - One key is on its way out at a time, and no key is made before it is gone.
/// - A key that a person revoked (a stored note says so) is due at once, and is deactivated as soon
///   as a verified successor is in place, without `overlap` and `quiet`; and it is never published
///   again.
///
/// # Assumptions
/// - `seen` was read within the run limit (half of `settle`) before the answer is acted upon, and
///   for `Deactivate` and `Delete` there was no change by this run in between;
///   [`Rotation`](crate::machine::rotation::Rotation) sees to both.
/// - `now` is within five minutes of AWS's clock; SigV4 refuses requests beyond that.
/// - Where IAM's answer does not say it, nothing is known: a use within the last hours may not be
///   on record yet.
#[must_use]
pub fn decide(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Decision {
    decide_for(&believed(seen, policy, now), Ask::Run, policy, now)
}
