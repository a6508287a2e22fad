//! Faults to inject.

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Fault {
    /// AWS refuses the call: the permission is missing.
    Denied,
    /// AWS refuses the call: too many calls.
    Throttled,
    /// The request never arrives, and the caller cannot know that.
    LostRequest,
    /// The request is carried out, and the answer never arrives.
    LostReply,
    /// The process dies before the request is sent: the call never returns.
    DeathBefore,
    /// The process dies after the request was carried out: the call never returns.
    DeathAfter,
}

/// The methods of the ports that the account answers.
pub(super) const METHODS: &[&str] = &[
    "activate_key",
    "bind",
    "create",
    "create_key",
    "credential_report",
    "deactivate_key",
    "delete_key",
    "delete_user_policy",
    "deliver",
    "deliver_rest",
    "describe",
    "differences",
    "elsewhere",
    "home_of",
    "inspect_destination",
    "inspect_version",
    "key_record",
    "last_use",
    "list_keys",
    "moved_to",
    "page",
    "probe",
    "promote",
    "published",
    "put_placeholder",
    "put_user_policy",
    "read",
    "stage",
    "stage_placeholder",
    "tag_user",
    "test_write",
    "unstage",
    "untag_user",
    "user_policy",
    "users",
    "versions",
    "write_home",
    "write_note",
];

/// A fault, and the calls that it hits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FaultAt {
    /// The port's method, such as `create_key`; `None` for any.
    pub call: Option<&'static str>,
    /// How many such calls succeed first.
    pub after: usize,
    /// How many calls after these the fault hits; `usize::MAX` for all.
    pub times: usize,
    /// What goes wrong.
    pub fault: Fault,
}

impl FaultAt {
    /// Hits the first call of that method, once.
    ///
    /// # Panics
    /// If no port has a method of that name.
    #[must_use]
    pub fn first(call: &'static str, fault: Fault) -> Self {
        Self { call: Some(call), after: 0, times: 1, fault }.check()
    }

    /// Hits the nth call of any method, counted from zero, once.
    #[must_use]
    pub fn nth(n: usize, fault: Fault) -> Self {
        Self { call: None, after: n, times: 1, fault }
    }

    /// Hits every call of that method.
    ///
    /// # Panics
    /// If no port has a method of that name.
    #[must_use]
    pub fn every(call: &'static str, fault: Fault) -> Self {
        Self { call: Some(call), after: 0, times: usize::MAX, fault }.check()
    }

    /// Panics if the fault's name would hit nothing.
    pub(super) fn check(&self) -> Self {
        if let Some(call) = self.call {
            let near = crate::model::nearest::nearest(call, METHODS.iter().copied());
            let near = near.map(|near| format!("; did you mean {near:?}?")).unwrap_or_default();
            assert!(
                METHODS.contains(&call),
                "no port has a method {call:?}, so the fault would hit nothing{near}"
            );
        }
        self.clone()
    }

    /// Counts the call, and returns whether the fault hits it.
    pub(super) fn hits(&mut self, call: &str) -> bool {
        if self.call.is_some_and(|c| c != call) {
            return false;
        }
        let mut left = Countdown { after: self.after, times: self.times };
        let hit = left.hits();
        (self.after, self.times) = (left.after, left.times);
        hit
    }
}

/// Which of the matching calls are hit: some pass first, the next ones are hit, and all later ones
/// pass. Counts down with each call.
///
/// ```
/// use keyrot_core::memory::Countdown;
///
/// let mut second = Countdown { after: 1, times: 1 };
/// assert_eq!([second.hits(), second.hits(), second.hits()], [false, true, false]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Countdown {
    /// How many calls pass first.
    pub after: usize,
    /// How many of the next calls are hit; `usize::MAX` for all.
    pub times: usize,
}

impl Countdown {
    /// Counts one matching call, and returns whether it is hit.
    pub fn hits(&mut self) -> bool {
        if self.times == 0 {
            return false;
        }
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        if self.times != usize::MAX {
            self.times -= 1;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    #[should_panic(
        expected = "no port has a method \"creat_key\", so the fault would hit nothing; did you mean \"create_key\"?"
    )]
    fn a_mistyped_method_is_refused() {
        let _ = FaultAt::first("creat_key", Fault::Denied);
    }

    #[test]
    #[should_panic(expected = "no port has a method")]
    fn a_fault_with_an_unknown_method_is_refused_when_it_is_injected() {
        let world =
            crate::memory::world::World::new("2026-01-05T04:00:00Z".parse().expect("a time"));
        let fault = FaultAt { call: Some("CreateKey"), ..FaultAt::nth(0, Fault::Denied) };
        crate::memory::account::MemoryAccount::new(world).inject(fault);
    }

    #[test]
    fn the_list_has_the_methods_that_the_account_answers() {
        let sources = [
            include_str!("account.rs"),
            include_str!("delivering.rs"),
            include_str!("store.rs"),
            include_str!("report.rs"),
            include_str!("trail.rs"),
        ]
        .concat();
        let sources = sources.replace("\n            .call(", ".call(");
        let called = sources.split(".call(\"").skip(1).filter_map(|rest| rest.split('"').next());
        assert_eq!(called.collect::<BTreeSet<_>>(), METHODS.iter().copied().collect());
    }
}
