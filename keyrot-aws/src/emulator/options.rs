use super::throttle::RateLimit;
use std::time::Duration;

/// How the emulator differs from an instant, unlimited AWS.
#[derive(Debug, Clone)]
pub struct EmulatorOptions {
    /// The port on 127.0.0.1; 0, the default, for a free one.
    pub port: u16,
    /// The region in [`Emulator::env`](super::Emulator::env). Default `us-east-1`.
    pub region: String,
    /// How long each call takes, from its arrival to its answer; it is carried out halfway. Default
    /// zero.
    pub latency: Duration,
    /// What is throttled. Default: nothing.
    pub limits: Vec<RateLimit>,
    /// How the account's clock runs. Default: like the machine's.
    pub time: WorldTime,
    /// Whether a request is refused that was signed more than five minutes from the account's time,
    /// as AWS does. Default `false`, because the account's clock need not be the client's.
    pub strict_time: bool,
    /// The longest page of a list, even if the client asks for more: AWS's pages may also be
    /// shorter than requested. Default: AWS's own limits.
    pub page_limit: Option<usize>,
    /// Whether every call is kept in [`Stats::log`](super::Stats::log). Default `true`.
    pub log: bool,
}

impl Default for EmulatorOptions {
    fn default() -> Self {
        Self {
            port: 0,
            region: "us-east-1".to_owned(),
            latency: Duration::ZERO,
            limits: Vec::new(),
            time: WorldTime::Wall,
            strict_time: false,
            page_limit: None,
            log: true,
        }
    }
}

/// How the account's clock runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorldTime {
    /// It runs like the machine's. An account whose time is in the past is brought up to the
    /// present at the start. It never goes back.
    Wall,
    /// It stands still, except for [`Emulator::advance`](super::Emulator::advance) and the
    /// account's own [`call_time`](keyrot_core::memory::Rules::call_time).
    Still,
}
