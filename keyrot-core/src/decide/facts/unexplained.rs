//! Whether every key is explained.

use crate::decide::facts::situation::{Role, Situation};

/// Keys that nothing explains. They are never changed, and block everything else.
#[derive(Clone, Copy)]
pub(crate) enum Unexplained {
    /// Every key is explained.
    Nothing,
    /// No label or journal entry explains a key; the versions without a label were not read yet.
    Unasked,
    /// No version, no journal entry and no intent explains a key.
    Keys,
}

impl Unexplained {
    pub(crate) fn of(case: &Situation<'_>) -> Self {
        if case.keys_as(Role::Unasked).next().is_some() {
            return Self::Unasked;
        }
        if case.keys_as(Role::Unexplained).next().is_some() { Self::Keys } else { Self::Nothing }
    }
}
