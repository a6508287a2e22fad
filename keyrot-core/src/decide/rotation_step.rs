//! The decision for a step of Secrets Manager's own rotation.

use crate::decide::belief::believed;
use crate::decide::decision::Decision;
use crate::decide::facts::situation::Ask;
use crate::decide::table::decide_for;
use crate::model::observed::Observed;
use crate::model::step::RotationStep;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;

/// Decides what to do next for a step that Secrets Manager ordered: one pure, total function, the
/// counterpart of [`decide`](crate::decide::decide()), with the same promises.
///
/// # Expected flow
/// `CreateSecret`: `Look(VersionContents)` → `Write(intent)` → `CreateKey` → `Stage` → `Done`.
/// `SetSecret`: `Done`. `TestSecret`: `Look(Verified)` → `Done`. `FinishSecret`: `Look(Verified)` →
/// `Promote` → `Write(promoted)` → `Done`. A step that was carried out before is `Done`
/// immediately.
///
/// # Guarantees
/// Those of [`decide`](crate::decide::decide()). No key is retired here:
/// [`decide`](crate::decide::decide()) does that in scheduled runs, which create no key while
/// Secrets Manager does. A version that was current before does not become current again, however
/// late a step arrives.
///
/// # Assumptions
/// Those of [`decide`](crate::decide::decide()).
#[must_use]
pub fn decide_rotation_step(
    seen: &Observed,
    order: &RotationStep,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Decision {
    decide_for(&believed(seen, policy, now), Ask::Step(order), policy, now)
}
