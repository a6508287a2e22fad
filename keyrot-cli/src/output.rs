//! Files: written as a whole, read up to a limit, and never through a link that somebody else planted.

use crate::error::CliError;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// As many links may follow on each other; kernels have the same bound.
#[cfg(unix)]
const LINKS: usize = 40;

/// Whether such a file could be written, before anything long begins.
pub(crate) fn check(path: &Path) -> Result<(), CliError> {
    let place = place(path)?;
    let folder = folder(&place);
    if !folder.is_dir() {
        return Err(CliError::usage(format!(
            "{} cannot be written: there is no folder {}",
            path.display(),
            folder.display()
        ))
        .hint("make the folder first, or name another file"));
    }
    match std::fs::metadata(&place) {
        Ok(there) if !there.is_file() => Err(CliError::usage(format!("{} is not a file", path.display()))
            .hint("name a file, or leave --output out to write to stdout")),
        _ => Ok(()),
    }
}

/// Who may read a file that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Its owner.
    Owner,
    /// Everybody.
    All,
}

/// Writes a file as a whole; a link of one's own is followed, and stays.
pub(crate) fn write(path: &Path, text: &str, access: Access) -> Result<(), CliError> {
    let place = place(path)?;
    let write = || -> std::io::Result<()> {
        let file = beside(&place, text.as_bytes(), access)?;
        file.as_file().sync_all()?;
        file.persist(&place)?;
        Ok(())
    };
    write().map_err(|error| {
        let problem = CliError::failed(format!("{} cannot be written: {error}", path.display()));
        match error.kind() {
            ErrorKind::PermissionDenied => problem.hint("name a file in a folder that you may write to"),
            _ => problem,
        }
    })
}

/// A new file beside this one, under a name that nobody can know, to be moved into its place: whoever reads sees the old one or the new one, whole.
/// A link in its place is replaced then, and not followed.
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

/// A file to lock, made where there is none. A link in its place is refused: it would have keyrot make or open a file somewhere else.
pub(crate) fn lock_file(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed());
    }
    options.open(path)
}

/// Reads a file that is not larger than this.
pub(crate) fn read(path: &Path, largest: u64) -> std::io::Result<Vec<u8>> {
    read_from(&mut File::open(path)?, largest)
}

/// Reads an open file that is not larger than this. Its size is reserved beforehand, because a buffer that grows leaves copies behind.
pub(crate) fn read_from(file: &mut File, largest: u64) -> std::io::Result<Vec<u8>> {
    let expected = file.metadata()?.len().min(largest);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default() + 1);
    file.take(largest + 1).read_to_end(&mut bytes)?;
    match u64::try_from(bytes.len()) {
        Ok(length) if length <= largest => Ok(bytes),
        _ => Err(std::io::Error::new(ErrorKind::FileTooLarge, format!("it is larger than {largest} bytes"))),
    }
}

/// A folder for its owner alone, and what is missing above it.
pub(crate) fn make_private_dir(dir: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

/// The file behind a link: that is replaced, and not the link.
///
/// In a folder where everybody may write, such as the one for temporary files, a link may have been planted for whoever comes along to write
/// through. Kernels refuse to follow such a link (Linux: proc(5), `protected_symlinks`); to look where it points to and to write there would go
/// around that. So links are followed one by one, each looked up by the kernel, and only those of one's own or of the root user.
#[cfg(unix)]
fn place(path: &Path) -> Result<PathBuf, CliError> {
    use std::os::unix::fs::MetadataExt;
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        let Some(link) = std::fs::symlink_metadata(&place).ok().filter(std::fs::Metadata::is_symlink) else {
            return Ok(place);
        };
        if !is_trusted(link.uid(), rustix::process::geteuid().as_raw()) {
            let text = format!("{} is a link that another user made (uid {})", place.display(), link.uid());
            return Err(CliError::usage(text).hint("see where it points to, and name that file, or another"));
        }
        let to = std::fs::read_link(&place)
            .map_err(|error| CliError::failed(format!("the link {} cannot be read: {error}", place.display())))?;
        place = folder(&place).join(to);
    }
    Err(CliError::usage(format!("{} is a link to a link, without an end", path.display())).hint("name another file"))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
fn place(path: &Path) -> Result<PathBuf, CliError> {
    Ok(std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

/// Whose links are followed: one's own, and those of root, who can do whatever a link could bring about anyway.
#[cfg(unix)]
fn is_trusted(owner: u32, me: u32) -> bool {
    owner == me || owner == 0
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::{lchown, symlink};

    #[test]
    fn links_are_followed_if_they_are_ones_own() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str| dir.path().join(name);
        std::fs::create_dir(of("below")).unwrap();
        symlink("below/second", of("first")).unwrap();
        symlink("../file", of("below/second")).unwrap();
        symlink("circle", of("circle")).unwrap();
        // The file need not be there yet.
        write(&of("first"), "text", Access::Owner).unwrap();
        assert_eq!(std::fs::read_to_string(of("file")).unwrap(), "text");
        assert!(of("first").is_symlink() && of("below/second").is_symlink());
        assert!(check(&of("circle")).is_err() && write(&of("circle"), "text", Access::Owner).is_err());
    }

    #[test]
    fn another_users_link_is_not_followed() {
        let me = rustix::process::geteuid().as_raw();
        assert!(is_trusted(me, me) && is_trusted(0, 1000) && !is_trusted(1001, 1000));
        let dir = tempfile::tempdir().unwrap();
        let (mine, planted) = (dir.path().join("mine"), dir.path().join("planted"));
        std::fs::write(&mine, "precious").unwrap();
        symlink(&mine, &planted).unwrap();
        // Only root can give a link away.
        if lchown(&planted, Some(me + 1), None).is_ok() {
            for refused in [check(&planted), write(&planted, "text", Access::Owner)] {
                assert!(format!("{refused:?}").contains("is a link that another user made"), "{refused:?}");
            }
            assert_eq!(std::fs::read_to_string(&mine).unwrap(), "precious");
        }
    }
}
