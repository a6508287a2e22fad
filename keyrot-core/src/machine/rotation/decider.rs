//! The functions that decide.

use crate::decide::decide;
use crate::decide::decision::Decision;
use crate::decide::request::decide_request;
use crate::decide::rotation_step::decide_rotation_step;
use crate::model::names::KeyId;
use crate::model::observed::Observed;
use crate::model::request::Request;
use crate::model::step::RotationStep;
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;

/// The functions that decide, with a name.
///
/// There is one real set. A test that shows that a check can fail replaces it with a weakened
/// decision, and expects a failure.
#[derive(Clone, Copy)]
pub struct Decider {
    /// Its name.
    pub name: &'static str,
    /// The decision for scheduled runs.
    pub decide: fn(&Observed, &WaitPolicy, Timestamp) -> Decision,
    /// The decision for steps of Secrets Manager's rotation.
    pub decide_rotation_step: fn(&Observed, &RotationStep, &WaitPolicy, Timestamp) -> Decision,
    /// The decision for requests.
    pub decide_request: fn(&Observed, &Request, &WaitPolicy, Timestamp) -> Decision,
    /// The key to deactivate before anything else: [`Request::off_first`].
    pub off_first: fn(&Request) -> Option<&KeyId>,
}

impl Decider {
    /// [`decide`](crate::decide::decide()), [`decide_rotation_step`], [`decide_request`] and
    /// [`Request::off_first`].
    pub const REAL: Self = Self {
        name: "decide",
        decide,
        decide_rotation_step,
        decide_request,
        off_first: Request::off_first,
    };
}

impl PartialEq for Decider {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Decider {}

impl std::hash::Hash for Decider {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl std::fmt::Debug for Decider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
