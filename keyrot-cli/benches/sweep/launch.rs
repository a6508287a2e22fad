//! A process whose time and memory are measured.
//!
//! A small process starts it, which is this same program again: Linux counts the memory of the
//! starting process for the started one (`getrusage`'s `ru_maxrss` survives `execve`), and the
//! benchmark holds whole accounts.

use serde::{Deserialize, Serialize};
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use wait4::Wait4;

/// The first argument, which tells the program to start another one.
pub(crate) const LAUNCH: &str = "--launch";

/// The resources that a process used.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Used {
    /// The exit code; `None` for a signal.
    pub(crate) code: Option<i32>,
    pub(crate) wall: Duration,
    /// User and system time.
    pub(crate) cpu: Duration,
    /// The peak memory, in bytes.
    pub(crate) peak: u64,
}

/// Runs `keyrot` in an empty directory with only this environment. Its output goes to files there.
pub(crate) fn keyrot(
    dir: &Path,
    arguments: &[&str],
    env: &[(&str, String)],
) -> Result<Used, Box<dyn Error>> {
    let result = dir.join("used.json");
    let status = Command::new(std::env::current_exe()?)
        .arg(LAUNCH)
        .arg(&result)
        .arg(env!("CARGO_BIN_EXE_keyrot"))
        .args(arguments)
        .env_clear()
        .env("HOME", dir)
        .envs(env.iter().map(|(name, value)| (name, value)))
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(File::create(dir.join("stdout"))?)
        .stderr(File::create(dir.join("stderr"))?)
        .status()?;
    if !status.success() {
        let stderr = std::fs::read_to_string(dir.join("stderr")).unwrap_or_default();
        return Err(format!("keyrot could not be started ({status}): {stderr}").into());
    }
    Ok(serde_json::from_str(&std::fs::read_to_string(result)?)?)
}

/// Runs as the small process.
pub(crate) fn launch(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [result, program, arguments @ ..] = arguments else {
        return Err("expected a file and a program".into());
    };
    let began = Instant::now();
    let ended = Command::new(program).args(arguments).spawn()?.wait4()?;
    let used = Used {
        code: ended.status.code(),
        wall: began.elapsed(),
        cpu: ended.rusage.utime + ended.rusage.stime,
        peak: ended.rusage.maxrss,
    };
    Ok(std::fs::write(result, serde_json::to_string(&used)?)?)
}
