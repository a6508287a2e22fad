//! Files: replaced as a whole, read up to a limit, and private to their owner.
//!
//! `keyrot-aws` reads the AWS tools' files in the same way. The CLI can be built without it.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Who may read a written file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner.
    Owner,
    /// All users.
    All,
}

/// Creates a new file in the same folder, under an unpredictable name, to be renamed to this one:
/// readers see either the whole old file or the whole new one. A link in its place is then
/// replaced, not followed.
pub(crate) fn beside(place: &Path, bytes: &[u8], access: Access) -> std::io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(folder(place))?;
    file.write_all(bytes)?;
    #[cfg(unix)]
    if access == Access::All {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
    }
    #[cfg(not(unix))]
    let _ = access;
    Ok(file)
}

/// Opens a file to lock, and creates it if missing. It refuses a link, which would make keyrot
/// create or open a file somewhere else, and a pipe, which would block.
pub(crate) fn lock_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        let careful = OFlags::NOFOLLOW | OFlags::NONBLOCK;
        options.mode(0o600).custom_flags(careful.bits().cast_signed());
    }
    options.open(path)
}

/// Opens one of keyrot's own files to read. It does not wait for a pipe, and refuses anything but a
/// regular file.
pub(crate) fn open(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
    }
    let file = options.open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::Error::new(ErrorKind::InvalidInput, "expected a regular file")),
    }
}

/// Reads a file that is not larger than this.
pub(crate) fn read(path: &Path, largest: u64) -> std::io::Result<Vec<u8>> {
    read_from(&mut open(path)?, largest)
}

/// Reads an open file that is not larger than this. Its size is reserved beforehand, because a
/// buffer that grows leaves copies behind.
pub(crate) fn read_from(file: &mut File, largest: u64) -> std::io::Result<Vec<u8>> {
    let expected = file.metadata()?.len().min(largest);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default() + 1);
    file.take(largest + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= largest => Ok(bytes),
        _ => Err(std::io::Error::new(
            ErrorKind::FileTooLarge,
            format!("it is larger than {largest} bytes"),
        )),
    }
}

/// Creates a folder that only its owner can open, and its missing parents.
pub(crate) fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// Returns the folder of a file.
pub(crate) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

/// Returns keyrot's folder in the user's state directory (XDG Base Directory Specification;
/// `LOCALAPPDATA` on Windows).
pub(crate) fn state_dir() -> Option<PathBuf> {
    let state = directory("XDG_STATE_HOME")
        .filter(|dir| dir.is_absolute())
        .or_else(|| directory("HOME").map(|home| home.join(".local").join("state")))
        .or_else(|| directory("LOCALAPPDATA"));
    state.map(|state| state.join("keyrot"))
}

/// Returns keyrot's folder in the user's cache directory (XDG Base Directory Specification;
/// `LOCALAPPDATA` on Windows).
pub(crate) fn cache_dir() -> Option<PathBuf> {
    let cache = directory("XDG_CACHE_HOME")
        .filter(|dir| dir.is_absolute())
        .or_else(|| directory("HOME").map(|home| home.join(".cache")))
        .or_else(|| directory("LOCALAPPDATA"));
    cache.map(|cache| cache.join("keyrot"))
}

/// Returns the folder or file that a variable names; an empty variable counts as not set.
pub(crate) fn directory(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from)
}
