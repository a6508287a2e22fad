//! A settings file, which is read or refused depending on its owner and mode.

use super::places::ways_out;
use crate::error::CliError;
use crate::files;
use std::fs::{File, Metadata};
use std::io::ErrorKind;
use std::path::Path;

/// The size limit: far more than all settings need.
const LARGEST: u64 = 1024 * 1024;

/// How keyrot came to read a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It was named by `--config` or `KEYROT_CONFIG`.
    Named,
    /// It is the user's own file.
    Own,
    /// It was found in the current directory.
    CurrentDirectory,
}

/// A settings file's content.
#[derive(Debug)]
pub(super) struct SettingsText {
    /// Its path, for messages.
    pub(super) name: String,
    pub(super) text: String,
    pub(super) place: Place,
    /// A warning about a file that is used anyway.
    pub(super) doubt: Option<String>,
}

/// Reads the file. `None` if it does not exist, unless it was named.
pub(super) fn read(path: &Path, place: Place) -> Result<Option<SettingsText>, CliError> {
    let name = path.display().to_string();
    let unreadable = |why: String| {
        let problem = CliError::usage(format!("the settings file {name} cannot be read: {why}"));
        match place {
            Place::Named => problem.hint(
                "name another file with --config or KEYROT_CONFIG, or leave out the flag and unset the variable",
            ),
            Place::Own => problem
                .hint("fix or remove it, or name another file with --config; nothing was done"),
            Place::CurrentDirectory => {
                problem.hint("fix it, or name another file with --config; nothing was done")
            }
        }
    };
    match path.metadata() {
        Ok(found) if place != Place::Named && !found.is_file() => {
            return Err(unreadable("expected a regular file".to_owned()));
        }
        // A folder above it cannot be read: HOME is another user's, as with `sudo -u`. There may be
        // settings, such as users that keyrot must not touch.
        Err(error) if place == Place::Own && error.kind() == ErrorKind::PermissionDenied => {
            return Err(CliError::usage(format!(
                "it is unknown whether there are settings: {name} cannot be read: {error}"
            ))
            .hint("set HOME or XDG_CONFIG_HOME to a folder of yours, or name a file with --config or KEYROT_CONFIG; /dev/null stands for no settings"));
        }
        Err(error) if place != Place::Named && is_absent(error.kind()) => {
            // A link shows that settings are meant to be there, so it is not ignored.
            return match path.is_symlink() {
                true => Err(unreadable("it is a link to a file that does not exist".to_owned())),
                false => Ok(None),
            };
        }
        _ => {}
    }
    // A pipe that was named belongs to the caller: `--config <(…)`.
    let opened = if place == Place::Named { File::open(path) } else { files::open(path) };
    let mut file = opened.map_err(|error| unreadable(error.to_string()))?;
    let found = file.metadata().map_err(|error| unreadable(error.to_string()))?;
    let doubt = check(&name, &found, place)?;
    let bytes =
        files::read_from(&mut file, LARGEST).map_err(|error| unreadable(error.to_string()))?;
    let text =
        String::from_utf8(bytes).map_err(|_| unreadable("expected text in UTF-8".to_owned()))?;
    Ok(Some(SettingsText { name, text, place, doubt }))
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Refuses a file that another user wrote or can write, like ssh: strictly for the user's own file,
/// which is read automatically, and for a world-writable file. Otherwise, a file that was named is
/// used with a warning.
#[cfg(unix)]
fn check(name: &str, found: &Metadata, place: Place) -> Result<Option<String>, CliError> {
    use std::os::unix::fs::MetadataExt;
    const GROUP: u32 = 0o020;
    const OTHERS: u32 = 0o002;
    // A pipe belongs to the caller: `--config <(…)`.
    if !found.is_file() {
        return Ok(None);
    }
    let me = rustix::process::geteuid().as_raw();
    let (owner, mode) = (found.uid(), found.mode());
    let foreign = owner != me && owner != 0;
    let (why, close) = match (foreign, mode & OTHERS != 0, mode & GROUP != 0) {
        (true, ..) => (format!("it belongs to another user (uid {owner})"), None),
        (false, true, _) => {
            (format!("everyone can write to it (mode {:o})", mode & 0o7777), Some("o-w"))
        }
        (false, false, true) => {
            (format!("its group can write to it (mode {:o})", mode & 0o7777), Some("g-w"))
        }
        (false, false, false) => return Ok(None),
    };
    let refuse = match place {
        Place::Own => true,
        Place::Named => mode & OTHERS != 0,
        // With the usual umask of many systems, the user's own group can write a checkout's files.
        Place::CurrentDirectory => foreign || mode & OTHERS != 0,
    };
    let hint = match (close, place) {
        (Some(close), _) => format!("if its content is right: chmod {close} {name}"),
        (None, Place::CurrentDirectory) => ways_out(),
        (None, _) => "copy it to a file that belongs to you".to_owned(),
    };
    if refuse {
        return Err(CliError::usage(format!("the settings file {name} is refused: {why}"))
            .hint(format!("{hint}; nothing was done")));
    }
    Ok((place == Place::Named).then(|| format!("the settings file {name}: {why}")))
}

#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps, reason = "on Unix it can fail")]
fn check(_: &str, _: &Metadata, _: Place) -> Result<Option<String>, CliError> {
    Ok(None)
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt, chown};

    #[test]
    fn a_file_is_read_depending_on_who_can_write_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keyrot.toml");
        std::fs::write(&path, "max_age = '80d'").unwrap();
        let taken = |place| read(&path, place).map(|file| file.unwrap().text);
        for (mode, own, named, here) in [
            (0o644, true, true, true),
            (0o664, false, true, true),
            (0o646, false, false, false),
            (0o400, true, true, true),
        ] {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            let expected =
                [(Place::Own, own), (Place::Named, named), (Place::CurrentDirectory, here)];
            for (place, expected) in expected {
                let result = taken(place);
                assert_eq!(result.is_ok(), expected, "mode {mode:o}, {place:?}: {result:?}");
                assert!(
                    expected || format!("{result:?}").contains(&format!("(mode {mode:o})")),
                    "{result:?}"
                );
            }
        }
        let doubt = |mode| {
            std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
            read(&path, Place::Named).unwrap().unwrap().doubt
        };
        assert_eq!(doubt(0o644), None);
        assert!(doubt(0o664).unwrap().ends_with("its group can write to it (mode 664)"));
        // Only root can give a file away.
        let other = rustix::process::geteuid().as_raw() + 1000;
        if chown(&path, Some(other), None).is_ok() {
            for (place, expected) in
                [(Place::Own, false), (Place::Named, true), (Place::CurrentDirectory, false)]
            {
                let result = taken(place);
                assert_eq!(result.is_ok(), expected, "{place:?}: {result:?}");
                assert!(
                    expected || format!("{result:?}").contains("belongs to another user"),
                    "{result:?}"
                );
            }
        }
    }

    #[test]
    fn a_file_that_is_not_a_settings_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("keyrot.toml");
        assert!(
            read(&path, Place::Own).unwrap().is_none()
                && read(&path, Place::CurrentDirectory).unwrap().is_none()
        );
        assert!(read(&path, Place::Named).is_err());
        std::fs::write(&path, vec![b'#'; usize::try_from(LARGEST).unwrap() + 1]).unwrap();
        let error = format!("{:?}", read(&path, Place::Named).unwrap_err());
        assert!(error.contains("is larger than 1048576 bytes"), "{error}");
        assert!(read(Path::new("/dev/zero"), Place::Named).is_err());
        std::fs::write(&path, b"\xff").unwrap();
        assert!(format!("{:?}", read(&path, Place::Own).unwrap_err()).contains("UTF-8"));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(
            format!("{:?}", read(&path, Place::Own).unwrap_err())
                .contains("expected a regular file")
        );
        #[cfg(unix)]
        {
            std::fs::remove_dir(&path).unwrap();
            std::os::unix::fs::symlink("nowhere.toml", &path).unwrap();
            for place in [Place::Own, Place::CurrentDirectory] {
                let error = format!("{:?}", read(&path, place).unwrap_err());
                assert!(error.contains("a link to a file that does not exist"), "{error}");
            }
        }
    }
}
