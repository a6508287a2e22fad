//! stdout and stderr that cannot be written to from the start.
//!
//! - **Open for reading only.** The standard library treats EBADF on stdout and stderr as a success
//!   (`library/std/src/io/stdio.rs`, `handle_ebadf`), so the output would be lost unnoticed. keyrot
//!   replaces such a descriptor with a pipe without a reader: then each write fails, both keyrot's
//!   own and those of the commands that it starts.
//! - **Closed** (`>&-`). Before `main`, the standard library opens `/dev/null` in its place
//!   (`library/std/src/sys/pal/unix/mod.rs`, `sanitize_standard_fds`). This can't be distinguished
//!   from a `/dev/null` that a caller passed on purpose: Python's `DEVNULL`, Node's `ignore` and
//!   daemon(3) open `/dev/null` for reading and writing, too. So it is not a failure, but a record
//!   that must not be lost is also written elsewhere.

#[cfg(unix)]
use rustix::fs::{FileType, OFlags, fcntl_getfl, fstat};
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};

/// Whether the descriptor is open for reading only.
#[cfg(unix)]
fn is_unwritable(fd: BorrowedFd<'_>) -> bool {
    fcntl_getfl(fd).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDONLY)
}

/// Makes each write fail if the descriptor can't be written to.
#[cfg(unix)]
pub(crate) fn guard() {
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let [no_stdout, no_stderr] = [stdout.as_fd(), stderr.as_fd()].map(is_unwritable);
    if !no_stdout && !no_stderr {
        return;
    }
    let Ok((reader, writer)) = std::io::pipe() else { return };
    drop(reader);
    if no_stdout {
        let _ = rustix::stdio::dup2_stdout(&writer);
    }
    if no_stderr {
        let _ = rustix::stdio::dup2_stderr(&writer);
    }
}

/// Whether stdout may have been closed.
#[cfg(unix)]
pub(crate) fn is_stdout_in_doubt() -> bool {
    is_in_doubt(std::io::stdout().as_fd())
}

/// Whether stderr may have been closed.
#[cfg(unix)]
pub(crate) fn is_stderr_in_doubt() -> bool {
    is_in_doubt(std::io::stderr().as_fd())
}

/// Whether the descriptor is `/dev/null`, open for reading and writing.
#[cfg(unix)]
fn is_in_doubt(fd: BorrowedFd<'_>) -> bool {
    let both = fcntl_getfl(fd).is_ok_and(|flags| flags & OFlags::RWMODE == OFlags::RDWR);
    both && match (fstat(fd), rustix::fs::stat("/dev/null")) {
        (Ok(found), Ok(null)) => {
            FileType::from_raw_mode(found.st_mode).is_char_device() && found.st_rdev == null.st_rdev
        }
        _ => false,
    }
}

#[cfg(not(unix))]
pub(crate) fn guard() {}

#[cfg(not(unix))]
pub(crate) fn is_stdout_in_doubt() -> bool {
    false
}

#[cfg(not(unix))]
pub(crate) fn is_stderr_in_doubt() -> bool {
    false
}
