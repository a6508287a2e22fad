//! Files that a command writes: checked first, written as a whole, and never through a link that
//! another user planted.

use crate::cli::Invocation;
use crate::cli::format::Format;
use crate::error::CliError;
use crate::files::{Access, beside, folder};
use crate::terminal::stdio::print;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The limit on a chain of links; kernels have the same.
#[cfg(unix)]
const LINKS: usize = 40;

/// Checks that the file could be written, before any long work.
pub(crate) fn check(path: &Path) -> Result<(), CliError> {
    if path.as_os_str() == "-" {
        return Err(CliError::usage("--out takes a file's name, and - is none")
            .hint("leave out --out to write to stdout; a file of that name is ./-"));
    }
    let place = place(path)?;
    let folder = folder(&place);
    if !folder.is_dir() {
        return Err(CliError::usage(format!(
            "{} cannot be written: there is no folder {}",
            path.display(),
            folder.display()
        ))
        .hint("create the folder first, or name another file"));
    }
    match std::fs::metadata(&place) {
        Ok(there) if !there.is_file() => {
            Err(CliError::usage(format!("{} is not a file", path.display()))
                .hint("name a file, or leave out --out to write to stdout"))
        }
        _ => Ok(()),
    }
}

/// Prints what a command found, or writes it to the given file, as a whole and readable only by its
/// owner.
pub(crate) fn deliver(
    invocation: &Invocation,
    file: Option<&Path>,
    text: &str,
) -> Result<(), CliError> {
    let Some(path) = file else {
        print(text);
        return Ok(());
    };
    // A page or a document has no escape sequences of its own; one that appears is part of a name.
    let people = matches!(invocation.format, Format::Text | Format::Table);
    let plain = people.then(|| anstream::adapter::strip_str(text).to_string());
    write(path, plain.as_deref().unwrap_or(text), Access::Owner)?;
    if !invocation.silent {
        say!("wrote {}", path.display());
    }
    Ok(())
}

/// Writes a file as a whole. The user's own link is followed, and stays a link.
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
            ErrorKind::PermissionDenied => {
                problem.hint("name a file in a folder that you can write to")
            }
            _ => problem,
        }
    })
}

/// Returns the target of a link, which is replaced instead of the link.
///
/// In a world-writable folder, such as the one for temporary files, another user may have planted a
/// link. Kernels refuse to follow such a link (Linux: proc(5), `protected_symlinks`); reading its
/// target and writing there would bypass that. So links are followed one by one, each resolved by
/// the kernel, and only those of the user or of root.
#[cfg(unix)]
fn place(path: &Path) -> Result<PathBuf, CliError> {
    use std::os::unix::fs::MetadataExt;
    let mut place = path.to_owned();
    for _ in 0..LINKS {
        let Some(link) =
            std::fs::symlink_metadata(&place).ok().filter(std::fs::Metadata::is_symlink)
        else {
            return Ok(place);
        };
        if !is_trusted(link.uid(), rustix::process::geteuid().as_raw()) {
            let text = format!(
                "{} is a symbolic link owned by another user (uid {})",
                place.display(),
                link.uid()
            );
            return Err(
                CliError::usage(text).hint("check where it points, and name that file or another")
            );
        }
        let to = std::fs::read_link(&place).map_err(|error| {
            CliError::failed(format!("the link {} cannot be read: {error}", place.display()))
        })?;
        place = folder(&place).join(to);
    }
    Err(CliError::usage(format!("{} is an endless chain of symbolic links", path.display()))
        .hint("name another file"))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
fn place(path: &Path) -> Result<PathBuf, CliError> {
    Ok(std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned()))
}

/// Whether to follow a link: only the user's own, and those of root, who can do anything anyway.
#[cfg(unix)]
fn is_trusted(owner: u32, me: u32) -> bool {
    owner == me || owner == 0
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::{lchown, symlink};

    #[test]
    fn the_users_own_links_are_followed() {
        let dir = tempfile::tempdir().unwrap();
        let of = |name: &str| dir.path().join(name);
        std::fs::create_dir(of("below")).unwrap();
        symlink("below/second", of("first")).unwrap();
        symlink("../file", of("below/second")).unwrap();
        symlink("circle", of("circle")).unwrap();
        // The file may not exist yet.
        write(&of("first"), "text", Access::Owner).unwrap();
        assert_eq!(std::fs::read_to_string(of("file")).unwrap(), "text");
        assert!(of("first").is_symlink() && of("below/second").is_symlink());
        assert!(
            check(&of("circle")).is_err() && write(&of("circle"), "text", Access::Owner).is_err()
        );
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
                assert!(
                    format!("{refused:?}").contains("is a symbolic link owned by another user"),
                    "{refused:?}"
                );
            }
            assert_eq!(std::fs::read_to_string(&mine).unwrap(), "precious");
        }
    }
}
