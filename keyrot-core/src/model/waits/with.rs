//! Methods that change one wait each, so that a new wait does not break code that starts from the
//! defaults.

use super::Waits;
use std::time::Duration;

impl Waits {
    /// Returns the waits with this [`max_age`](Self::max_age).
    #[must_use]
    pub fn with_max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// Returns the waits with this [`run_interval`](Self::run_interval).
    #[must_use]
    pub fn with_run_interval(self, run_interval: Duration) -> Self {
        Self { run_interval, ..self }
    }

    /// Returns the waits with this [`overlap`](Self::overlap).
    #[must_use]
    pub fn with_overlap(self, overlap: Duration) -> Self {
        Self { overlap, ..self }
    }

    /// Returns the waits with this [`recent_use`](Self::recent_use).
    #[must_use]
    pub fn with_recent_use(self, recent_use: Duration) -> Self {
        Self { recent_use, ..self }
    }

    /// Returns the waits with this [`idle`](Self::idle).
    #[must_use]
    pub fn with_idle(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// Returns the waits with this [`soak`](Self::soak).
    #[must_use]
    pub fn with_soak(self, soak: Duration) -> Self {
        Self { soak, ..self }
    }

    /// Returns the waits with this [`settle`](Self::settle).
    #[must_use]
    pub fn with_settle(self, settle: Duration) -> Self {
        Self { settle, ..self }
    }

    /// Returns the waits with this [`probe_for`](Self::probe_for).
    #[must_use]
    pub fn with_probe_for(self, probe_for: Duration) -> Self {
        Self { probe_for, ..self }
    }

    /// Returns the waits with this [`probe_limit`](Self::probe_limit).
    #[must_use]
    pub fn with_probe_limit(self, probe_limit: Duration) -> Self {
        Self { probe_limit, ..self }
    }

    /// Returns the waits with this [`probes`](Self::probes).
    #[must_use]
    pub fn with_probes(self, probes: u32) -> Self {
        Self { probes, ..self }
    }
}
