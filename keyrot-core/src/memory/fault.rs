//! Faults to inject.

/// What goes wrong with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    /// AWS refuses: the permission is missing.
    Denied,
    /// AWS refuses: too many calls.
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

/// A fault, and which call it hits.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct FaultAt {
    /// The port's method, such as `create_key`; `None` for any.
    pub call: Option<&'static str>,
    /// How many such calls go well first.
    pub after: usize,
    /// How many calls it hits then; `usize::MAX` for all.
    pub times: usize,
    /// What goes wrong.
    pub fault: Fault,
}

impl FaultAt {
    /// Hits the first call of that method, once.
    #[must_use]
    pub fn first(call: &'static str, fault: Fault) -> Self {
        Self { call: Some(call), after: 0, times: 1, fault }
    }

    /// Hits the nth call of any method, counted from zero, once.
    #[must_use]
    pub fn nth(n: usize, fault: Fault) -> Self {
        Self { call: None, after: n, times: 1, fault }
    }

    /// Hits every call of that method.
    #[must_use]
    pub fn every(call: &'static str, fault: Fault) -> Self {
        Self { call: Some(call), after: 0, times: usize::MAX, fault }
    }

    /// Counts the call, and says whether it is hit.
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

/// Which of the calls that fit are hit: so many pass first, so many are hit then, and all later ones pass. It counts down as they come.
///
/// ```
/// use keyrot_core::memory::Countdown;
///
/// let mut second = Countdown { after: 1, times: 1 };
/// assert_eq!([second.hits(), second.hits(), second.hits()], [false, true, false]);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Countdown {
    /// How many pass first.
    pub after: usize,
    /// How many are hit then; `usize::MAX` for all.
    pub times: usize,
}

impl Countdown {
    /// Counts one call that fits, and says whether it is hit.
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
