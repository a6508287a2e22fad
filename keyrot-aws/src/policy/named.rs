//! The actions that a statement names: those that keyrot calls, and those that the guard denies.

use super::actions::{ACTIONS, Sid};
use super::guard::GUARDED;

impl Sid {
    /// Returns the actions that this statement allows or denies.
    pub(super) fn actions(self) -> Vec<&'static str> {
        ACTIONS
            .iter()
            .chain(GUARDED)
            .filter(|action| action.statements.contains(&self))
            .map(|action| action.name)
            .collect()
    }
}
