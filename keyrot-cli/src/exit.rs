//! The exit codes: an interface that scripts rely on.

use keyrot_core::report::RunStatus;
use std::process::ExitCode;

/// How the process ends. The same list stands in `keyrot --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All is well.
    Success,
    /// Some user failed or was not done in time, or the run could not be made: no credentials, discovery failed.
    Failed,
    /// The command line or the settings cannot be used. Nothing was done.
    Usage,
    /// Some user is blocked and needs a person; nobody failed.
    Blocked,
    /// Stopped by a signal before every user was done; nobody failed. 128 and the signal's number, as shells have it.
    Signal(u8),
    /// The code of the command that was run, or why it could not be run.
    Command(u8),
}

impl Exit {
    /// The exit code for a run, which a signal may have stopped.
    pub(crate) fn of(verdict: RunStatus, signal: Option<u8>) -> Self {
        match verdict {
            RunStatus::Ok => Self::Success,
            RunStatus::Blocked => Self::Blocked,
            RunStatus::Stopped => signal.map_or(Self::Failed, Self::Signal),
            RunStatus::Failed => Self::Failed,
        }
    }

    /// The number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Blocked => 3,
            Self::Signal(number) => 128 + number,
            Self::Command(code) => code,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
