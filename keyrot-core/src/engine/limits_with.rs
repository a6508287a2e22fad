//! Methods that change one limit each, so that a new limit does not break code that starts from the
//! defaults.

use crate::engine::dispatch::NotifierLimits;
use crate::engine::rotator::Limits;
use crate::model::time::Timestamp;
use std::time::Duration;

impl Limits {
    /// Returns the limits with this [`concurrency`](Self::concurrency).
    #[must_use]
    pub fn with_concurrency(self, concurrency: usize) -> Self {
        Self { concurrency, ..self }
    }

    /// Returns the limits with this [`max_changes`](Self::max_changes).
    #[must_use]
    pub fn with_max_changes(self, max_changes: Option<usize>) -> Self {
        Self { max_changes, ..self }
    }

    /// Returns the limits with this [`max_adoptions`](Self::max_adoptions).
    #[must_use]
    pub fn with_max_adoptions(self, max_adoptions: Option<usize>) -> Self {
        Self { max_adoptions, ..self }
    }

    /// Returns the limits with this [`deadline`](Self::deadline).
    #[must_use]
    pub fn with_deadline(self, deadline: Timestamp) -> Self {
        Self { deadline: Some(deadline), ..self }
    }
}

impl NotifierLimits {
    /// Returns the limits with this [`call`](Self::call).
    #[must_use]
    pub fn with_call(self, call: Duration) -> Self {
        Self { call, ..self }
    }

    /// Returns the limits with this [`rest`](Self::rest).
    #[must_use]
    pub fn with_rest(self, rest: Duration) -> Self {
        Self { rest, ..self }
    }
}
