//! Runs the binary on another day.
//!
//! keyrot uses the machine's clock, and has no option to set another time, because such an option
//! could remove every wait. So the clock is changed from outside, by a few lines of C
//! ([clock.c](clock.c)) that the dynamic linker puts before the C library's.

use keyrot_core::Timestamp;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// Starts the command's process at this time; its clock runs from there.
pub(crate) fn at(command: &mut Command, time: Timestamp) {
    let present: Timestamp = SystemTime::now().into();
    let ahead = (time - present).num_nanoseconds().expect("a time within 292 years");
    command.env("LD_PRELOAD", library()).env("TEST_CLOCK_AHEAD", ahead.to_string());
}

/// Compares the time that a process reported with the intended time: a statically linked binary
/// would not use the library.
pub(crate) fn check(started: &serde_json::Value, expected: Timestamp) {
    let started: Timestamp = started.as_str().unwrap().parse().unwrap();
    let off = (started - expected).abs();
    assert!(
        off < chrono::TimeDelta::minutes(5),
        "the process began at {started}, not at {expected}: is it linked statically?"
    );
}

/// Returns the library, compiled by the first test that needs it.
fn library() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let built = dir.path().join("clock.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/http/clock.c");
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut command = Command::new(&compiler);
        command.args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"]).arg(&built).arg(source);
        let ended = command.status().unwrap_or_else(|e| {
            panic!("no C compiler, {}: {e}; set CC to one", compiler.display())
        });
        assert!(ended.success(), "{command:?} failed");
        // All test processes share one file: the last one to move it there wins, and all copies are
        // the same.
        let shared = Path::new(env!("CARGO_TARGET_TMPDIR")).join("clock.so");
        std::fs::rename(&built, &shared).unwrap();
        shared
    })
}
