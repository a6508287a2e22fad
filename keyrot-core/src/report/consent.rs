//! The runs that an operator has to agree to.

use crate::report::run::RunDocument;
use std::fmt;

/// A run may change this many users for the first time, or be forced to replace this many keys,
/// without agreement.
const MANY: usize = 5;

/// The reason why an operator has to agree to a run: it would change many users for the first time,
/// or it is forced to replace many keys. Its text is the question, without the place and the
/// question mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Consent {
    /// The run would change users for the first time.
    FirstChange {
        /// The number of users.
        users: usize,
    },
    /// The run would replace keys, due or not.
    Replacement {
        /// The maximum number of users.
        users: usize,
    },
}

impl Consent {
    /// Whether a run on this many users may need agreement. If not, it needs no plan for that.
    #[must_use]
    pub fn is_possible(users: usize) -> bool {
        users > MANY
    }

    /// Returns what the operator has to agree to, according to the plan of the run. `max_adoptions`
    /// is from the settings.
    #[must_use]
    pub fn for_run(plan: &RunDocument, max_adoptions: Option<usize>, force: bool) -> Option<Self> {
        let (due, to_adopt) = (plan.counts.due, plan.counts.to_adopt);
        let first = max_adoptions.map_or(to_adopt, |most| to_adopt.min(most));
        match (first > MANY, force && due > MANY) {
            (true, _) => Some(Self::FirstChange { users: first }),
            (false, true) => Some(Self::Replacement { users: due }),
            (false, false) => None,
        }
    }
}

impl fmt::Display for Consent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FirstChange { users } => write!(f, "Change {users} users for the first time"),
            Self::Replacement { users } => write!(f, "Replace the keys of up to {users} users"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::report::Report;
    use crate::report::schema;
    use crate::selection::users::Selected;
    use crate::testing::at;

    #[test]
    fn many_first_changes_and_many_forced_replacements_need_agreement() {
        let (users, notifier_failures) = (Vec::new(), Vec::new());
        let report = Report { started: at(0), finished: at(0), users, notifier_failures };
        let mut plan = RunDocument::new(schema::PLAN, &report, &Selected::default());
        let mut consent = |to_adopt, due, max_adoptions, force| {
            (plan.counts.to_adopt, plan.counts.due) = (to_adopt, due);
            Consent::for_run(&plan, max_adoptions, force)
        };
        assert_eq!(consent(6, 6, None, false), Some(Consent::FirstChange { users: 6 }));
        assert_eq!(consent(5, 9, None, false), None);
        assert_eq!(consent(9, 9, Some(5), false), None, "the others wait for later runs");
        assert_eq!(consent(9, 9, Some(7), true), Some(Consent::FirstChange { users: 7 }));
        assert_eq!(consent(0, 6, None, true), Some(Consent::Replacement { users: 6 }));
        assert_eq!(consent(0, 5, None, true), None);
    }
}
