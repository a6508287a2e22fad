//! The exit codes: an interface that scripts rely on.

use keyrot_core::report::RunStatus;
use std::process::ExitCode;

/// How the process ends. `keyrot --help` has the same list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// The command succeeded.
    Success,
    /// Something that was requested was not done or could not be read.
    Failed,
    /// The command line or the settings are invalid. Nothing was done.
    Usage,
    /// Needs manual action: a user is blocked, and none failed; or a `--check` found something.
    Blocked,
    /// The operator answered no; nothing was done.
    Cancelled,
    /// A run would change something: `plan --detailed-exitcode`, as in `terraform plan`.
    Changes,
    /// Stopped by a signal before every user was finished; none failed. 128 plus the signal's
    /// number, as in shells.
    Signal(u8),
    /// The code of the command that was run, or why it could not be run.
    Command(u8),
}

impl Exit {
    /// Returns the exit code for a run, which a signal may have stopped.
    pub(crate) fn of(verdict: RunStatus, signal: Option<u8>) -> Self {
        match verdict {
            RunStatus::Ok => Self::Success,
            RunStatus::Blocked => Self::Blocked,
            RunStatus::Stopped => signal.map_or(Self::Failed, Self::Signal),
            RunStatus::Failed => Self::Failed,
        }
    }

    /// Returns the exit code of a command that only reads, for which a finding is not a failure.
    pub(crate) fn of_reading(verdict: RunStatus, signal: Option<u8>, check: bool) -> Self {
        match Self::of(verdict, signal) {
            Self::Blocked if !check => Self::Success,
            exit => exit,
        }
    }

    /// Returns the number.
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::Failed => 1,
            Self::Usage | Self::Changes => 2,
            Self::Blocked => 3,
            Self::Cancelled => 4,
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
