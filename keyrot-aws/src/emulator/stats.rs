use std::collections::BTreeMap;
use std::time::Duration;

/// Statistics of calls: counts by action, and each call.
#[derive(Debug, Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Stats {
    /// The counts by action, such as `CreateAccessKey`.
    pub actions: BTreeMap<&'static str, Count>,
    /// Each call in the order of arrival, if the emulator logs calls.
    pub log: Vec<Entry>,
}

/// The counts of an action.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Count {
    /// The calls that arrived.
    pub calls: usize,
    /// The calls that were throttled.
    pub throttled: usize,
}

/// A call.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Entry {
    /// When it arrived, since the emulator's start.
    pub at: Duration,
    /// The action, such as `CreateAccessKey`.
    pub action: &'static str,
    /// What it was about: the user's name or the secret's; for `GetCallerIdentity` the caller's
    /// name, if the caller is a user.
    pub subject: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It has not ended: it is under way or held.
    Pending,
    /// Carried out.
    Done,
    /// Throttled.
    Throttled,
    /// Refused with this code.
    Refused(String),
    /// The request was dropped before it was carried out.
    LostRequest,
    /// It was carried out or refused, and the answer was dropped.
    LostReply,
}

impl Stats {
    /// Returns the number of calls that arrived.
    #[must_use]
    pub fn calls(&self) -> usize {
        self.actions.values().map(|c| c.calls).sum()
    }

    /// Returns the number of throttled calls.
    #[must_use]
    pub fn throttled(&self) -> usize {
        self.actions.values().map(|c| c.throttled).sum()
    }

    /// Returns the counts of one action.
    #[must_use]
    pub fn of(&self, action: &str) -> Count {
        self.actions.get(action).copied().unwrap_or_default()
    }

    /// Returns the calls of one action, or of all, in each second since the first call of any
    /// action in the log.
    #[must_use]
    pub fn per_second(&self, action: Option<&str>) -> Vec<Count> {
        let Some(first) = self.log.first().map(|e| e.at) else { return Vec::new() };
        let mut seconds = Vec::new();
        for entry in self.log.iter().filter(|e| action.is_none_or(|a| a == e.action)) {
            let second =
                usize::try_from((entry.at.saturating_sub(first)).as_secs()).unwrap_or(usize::MAX);
            if seconds.len() <= second {
                seconds.resize(second + 1, Count::default());
            }
            seconds[second].calls += 1;
            seconds[second].throttled += usize::from(entry.outcome == Outcome::Throttled);
        }
        seconds
    }
}
