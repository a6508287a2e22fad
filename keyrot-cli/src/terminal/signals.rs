//! Ctrl-C, SIGTERM and SIGHUP (a terminal or SSH session that ends): the first asks the run to stop
//! between steps, the second ends the process immediately.

use crate::error::CliError;
use keyrot_core::Cancel;
use std::pin::pin;

/// SIGHUP.
const HANGUP: u8 = 1;
const SIGINT: u8 = 2;
#[cfg(unix)]
const SIGTERM: u8 = 15;

/// How to go on after a run that ended immediately.
pub(crate) const NEXT_RUN: &str = "the next run resumes where this one ended";
/// How to go on after a command that ended immediately.
pub(crate) const AGAIN: &str = "to finish what it began, run the same command again";

/// Prints what is left of a command on several users after a signal.
pub(crate) fn say_resume(left: usize) {
    let users = if left == 1 { "1 user was".to_owned() } else { format!("{left} users were") };
    say!("stopped: {users} not changed; to resume, run the same command again");
}

/// Runs work that changes nothing: the first signal ends it, and the command says so.
pub(crate) async fn reading<T>(
    work: impl Future<Output = Result<T, CliError>>,
) -> Result<T, CliError> {
    Signals::listen()?.or(work).await.unwrap_or_else(|signal| Err(CliError::signal(signal)))
}

/// Listens for the signals that ask a process to end.
pub(crate) struct Signals {
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    /// `None` if the signal is ignored, as under `nohup`: listening would undo that.
    #[cfg(unix)]
    hangup: Option<tokio::signal::unix::Signal>,
}

impl Signals {
    /// Starts listening: from now on, these signals no longer end the process by themselves.
    pub(crate) fn listen() -> Result<Self, CliError> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let listen = |kind| {
                signal(kind).map_err(|error| {
                    CliError::failed(format!("cannot listen for signals: {error}"))
                })
            };
            Ok(Self {
                interrupt: listen(SignalKind::interrupt())?,
                terminate: listen(SignalKind::terminate())?,
                hangup: match hears_hangup() {
                    true => Some(listen(SignalKind::hangup())?),
                    false => None,
                },
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// Returns the number of the next signal.
    async fn next(&mut self) -> u8 {
        #[cfg(unix)]
        {
            let hangup = async {
                match &mut self.hangup {
                    Some(hangup) => hangup.recv().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = self.interrupt.recv() => SIGINT,
                _ = self.terminate.recv() => SIGTERM,
                _ = hangup => HANGUP,
            }
        }
        #[cfg(not(unix))]
        {
            // An error means that no such signal can come.
            if tokio::signal::ctrl_c().await.is_err() {
                std::future::pending::<()>().await;
            }
            SIGINT
        }
    }

    /// Runs work that may be dropped at any time, such as reading: the first signal ends it.
    pub(crate) async fn or<T>(&mut self, work: impl Future<Output = T>) -> Result<T, u8> {
        tokio::select! {
            result = work => Ok(result),
            signal = self.next() => Err(signal),
        }
    }

    #[cfg(feature = "aws")]
    /// Runs work that a signal asks to stop but never interrupts: it has to clean up. Returns the
    /// first signal.
    pub(crate) async fn until_the_end<T>(
        &mut self,
        cancel: &Cancel,
        say: impl Fn(&str),
        work: impl Future<Output = T>,
    ) -> (T, Option<u8>) {
        let on_signal = |_, _| {
            cancel.cancel();
            say("stopping: the new key is deleted first, or written to the file completely");
        };
        self.hearing(on_signal, work).await
    }

    /// Runs work that the first signal asks to stop; the second ends the process, and `then` says
    /// how to go on. Returns the signal.
    pub(crate) async fn while_working<T>(
        &mut self,
        cancel: &Cancel,
        (say, then): (impl Fn(&str), &str),
        work: impl Future<Output = T>,
    ) -> (T, Option<u8>) {
        let on_signal = |signal, again| {
            if again {
                say(&format!("stopped immediately; {then}"));
                std::process::exit(i32::from(128 + signal));
            }
            cancel.cancel();
            say(match signal {
                SIGINT => {
                    "stopping after the current steps; press Ctrl-C again to stop immediately"
                }
                _ => "stopping after the current steps; another SIGTERM stops immediately",
            });
        };
        self.hearing(on_signal, work).await
    }

    /// Runs the work to its end, and calls `on_signal` with each signal and whether another came
    /// before. Returns the first.
    async fn hearing<T>(
        &mut self,
        on_signal: impl Fn(u8, bool),
        work: impl Future<Output = T>,
    ) -> (T, Option<u8>) {
        let mut work = pin!(work);
        let mut came = None;
        loop {
            tokio::select! {
                result = &mut work => return (result, came),
                signal = self.next() => {
                    // A terminal that ends sends it twice: by the shell, and by the kernel. So it
                    // never asks to stop immediately.
                    if signal != HANGUP || came.is_none() {
                        on_signal(signal, came.is_some());
                    }
                    came.get_or_insert(signal);
                }
            }
        }
    }
}

/// Whether SIGHUP is not ignored, as Linux lists it (proc(5), `SigIgn`). Elsewhere that is not
/// known, and the signal ends the process.
#[cfg(unix)]
fn hears_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & (1 << (HANGUP - 1)) == 0)
}
