//! keyrot inside keyrot: the profile that reads a secret may get its own credentials from a
//! credential process, and that may be keyrot again, or a program that calls it. That works for
//! another secret, but never ends for the same one.
//!
//! Each process that reads a secret by such a profile puts a line about it into a variable of its
//! children. A process that finds its own line there stops.

use crate::cli::RESUMED;
use crate::error::CliError;
use std::process::Command;

/// The variable with what the processes above this one read, one line for each. Only keyrot sets
/// it, for credential processes and what they start.
pub(crate) const VARIABLE: &str = "KEYROT_CREDENTIAL_PROCESS";

/// The limit on nested readers: more than anyone needs. It also ends a recursion whose lines change
/// each time.
const DEEPEST: usize = 5;

/// This process and the reads above it.
#[derive(Debug)]
pub(crate) struct Nesting {
    above: Vec<String>,
    own: String,
    /// Whether this process's children find its own line.
    handed_down: bool,
}

impl Nesting {
    /// Registers the line `own`, which has no line break. `resumed` means that [`Self::hand_down`]
    /// started this process.
    pub(super) fn enter(own: String, resumed: bool) -> Result<Self, CliError> {
        let lines = std::env::var(VARIABLE).unwrap_or_default();
        Self::below(lines.lines().map(str::to_owned).collect(), own, resumed)
    }

    fn below(mut above: Vec<String>, own: String, resumed: bool) -> Result<Self, CliError> {
        let handed_down = resumed && above.last() == Some(&own);
        if handed_down {
            above.pop();
        }
        let hint = "name a profile that can read the secret: keyrot credentials USER --profile READER; for the machine's role: \
                    env -u AWS_PROFILE keyrot credentials USER";
        if above.contains(&own) {
            let text =
                format!("keyrot was started to get the credentials for this same read: {own}");
            return Err(CliError::usage(text).hint(hint));
        }
        if above.len() >= DEEPEST {
            let text = format!(
                "keyrot started itself {DEEPEST} times ({VARIABLE}), each time to get credentials for the process above"
            );
            return Err(CliError::usage(text).hint(hint));
        }
        Ok(Self { above, own, handed_down })
    }

    /// Prepares for a credential process: replaces this process by itself, with its line in the
    /// variable. Returns if that was already done.
    pub(super) fn hand_down(&self) -> Result<(), CliError> {
        if self.handed_down {
            return Ok(());
        }
        let failed = |error: std::io::Error| {
            CliError::failed(format!("keyrot could not start itself again: {error}"))
        };
        let mut command = Command::new(std::env::current_exe().map_err(failed)?);
        command.arg(RESUMED).args(std::env::args_os().skip(1));
        let lines: Vec<&str> = self.above.iter().chain([&self.own]).map(String::as_str).collect();
        command.env(VARIABLE, lines.join("\n"));
        Err(failed(replace_by(command)))
    }

    /// Prepares a command that is started with the key: only the reads above this process are still
    /// under way for it.
    pub(crate) fn leave(&self, command: &mut Command) {
        match self.above.is_empty() {
            true => command.env_remove(VARIABLE),
            false => command.env(VARIABLE, self.above.join("\n")),
        };
    }
}

#[cfg(unix)]
fn replace_by(mut command: Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

#[cfg(not(unix))]
fn replace_by(mut command: Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn the_same_read_is_refused_and_another_is_not() {
        let below = |above: &[&str], own: &str, resumed| {
            Nesting::below(lines(above), own.to_owned(), resumed)
        };
        assert!(below(&[], "a", false).is_ok() && below(&["b"], "a", false).is_ok());
        assert!(below(&["a"], "a", false).is_err() && below(&["a", "b"], "a", false).is_err());
        // This is the process's own line, not one from further up.
        let resumed = below(&["b", "a"], "a", true).unwrap();
        assert_eq!((resumed.handed_down, resumed.above), (true, lines(&["b"])));
        assert!(
            below(&["a", "b", "a"], "a", true).is_err() && below(&["a", "b"], "a", true).is_err()
        );
        let deep = ["1", "2", "3", "4", "5"];
        assert!(below(&deep[..4], "a", false).is_ok() && below(&deep, "a", false).is_err());
        assert!(below(&[&deep[..4], &["a"]].concat(), "a", true).is_ok());
    }

    #[test]
    fn a_command_that_gets_the_key_inherits_only_what_is_above() {
        let value = |above: &[&str]| {
            let nesting = Nesting::below(lines(above), "a".to_owned(), true).unwrap();
            let mut command = Command::new("true");
            nesting.leave(&mut command);
            let value = command.get_envs().find(|(name, _)| *name == VARIABLE).unwrap().1;
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        assert_eq!(value(&["a"]), None);
        assert_eq!(value(&["b", "c", "a"]).as_deref(), Some("b\nc"));
    }
}
