//! A credentials file that is to be changed: locked, checked again right before the change, and
//! replaced as a whole.

use super::read::{open, read_whole};
use super::{FileKind, Profiles};
use keyrot_core::Credentials;
use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use zeroize::Zeroizing;

/// A file that no other keyrot process changes while this value exists.
#[derive(Debug)]
pub struct HeldFile {
    /// The path as it was given.
    name: PathBuf,
    /// The path that the name leads to. A symbolic link stays, and its target is replaced.
    path: PathBuf,
    kind: FileKind,
    text: Zeroizing<Vec<u8>>,
    /// The file that has this name now; it holds the lock.
    lock: Mutex<File>,
}

/// The reason why the file cannot be used. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The system returned an error.
    #[error("{} cannot be {doing}: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was done with it, such as `read`.
        doing: &'static str,
        /// The reason.
        cause: std::io::Error,
    },
    /// Another process has locked the file.
    #[error("another keyrot is working on {}", .0.display())]
    Busy(PathBuf),
    /// The file has a second hard link.
    #[error("{} has a hard link, which would keep the old key when the file is replaced", .0.display())]
    HardLink(PathBuf),
    /// The file has an access control list, or its folder gives one to each new file.
    #[error(
        "{} has an access control list, which would be lost or changed when the file is replaced: remove it with setfacl -b",
        .0.display()
    )]
    AccessList(PathBuf),
    /// The file belongs to another user.
    #[error("{} belongs to another user (uid {}) and would become yours when it is replaced", path.display(), uid)]
    Owner {
        /// The file.
        path: PathBuf,
        /// The file's owner.
        uid: u32,
    },
    /// The name now leads to another file.
    #[error("{} was moved or linked elsewhere in the meantime", .0.display())]
    Moved(PathBuf),
    /// The file's text has changed.
    #[error("{} was changed by another process in the meantime", .0.display())]
    Changed(PathBuf),
    /// The profile's key has changed.
    #[error("{0}")]
    Profile(String),
}

impl HeldFile {
    /// Opens and locks the file, and tests whether a file can be created next to it, which is
    /// needed later.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(name: &Path, kind: FileKind) -> Result<Self, FileError> {
        let io = |doing, cause| FileError::Io { path: name.to_owned(), doing, cause };
        let path = name.canonicalize().map_err(|e| io("found", e))?;
        let lock = hold(&path)?;
        let text = read(&path)?;
        let found = path.metadata().map_err(|e| io("read", e))?;
        may_be_replaced(&path, &found)?;
        let file = Self { name: name.to_owned(), path, kind, text, lock: Mutex::new(lock) };
        // This is before a key is created, so that a full disk or a read-only directory costs
        // nothing.
        drop(file.beside().map_err(|cause| FileError::Io {
            path: file.path.clone(),
            doing: "replaced",
            cause,
        })?);
        let _ = std::fs::remove_file(file.place_beside());
        Ok(file)
    }

    /// Returns the path as it was given.
    #[must_use]
    pub fn name(&self) -> &Path {
        &self.name
    }

    /// Returns its content when it was opened.
    #[must_use]
    pub fn profiles(&self) -> Profiles<'_> {
        Profiles::parse(self.kind, &self.text)
    }

    /// Whether others on this machine may read it.
    #[cfg(unix)]
    #[must_use]
    pub fn is_open_to_others(&self) -> bool {
        use std::os::unix::fs::MetadataExt;
        self.path.metadata().is_ok_and(|found| found.mode() & 0o077 != 0)
    }

    /// On Windows, the user's own folder is closed to others by its access list.
    #[cfg(not(unix))]
    #[must_use]
    pub fn is_open_to_others(&self) -> bool {
        false
    }

    /// Replaces the profile's key, or adds one if it has none (`before` is `None`). Other changes
    /// that were made to the file in the meantime stay.
    ///
    /// If it fails, the file is unchanged. The error contains no secret.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn put(
        &self,
        profile: &str,
        before: Option<&Credentials>,
        new: &Credentials,
    ) -> Result<(), FileError> {
        self.replace(|now| self.changed(now, profile, before, new))
    }

    /// Replaces the file with a copy of itself, so that anything that prevents a replacement (a
    /// mount, a full disk, permissions of the folder, an attribute) shows before a key is created.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn rehearse(&self) -> Result<(), FileError> {
        self.replace(|now| Ok(Zeroizing::new(now.to_vec())))
    }

    fn replace(
        &self,
        change: impl FnOnce(&[u8]) -> Result<Zeroizing<Vec<u8>>, FileError>,
    ) -> Result<(), FileError> {
        self.try_to_replace(change).inspect_err(|_| {
            let _ = std::fs::remove_file(self.place_beside());
        })
    }

    fn try_to_replace(
        &self,
        change: impl FnOnce(&[u8]) -> Result<Zeroizing<Vec<u8>>, FileError>,
    ) -> Result<(), FileError> {
        let replaced = |cause| FileError::Io { path: self.path.clone(), doing: "replaced", cause };
        if self.name.canonicalize().ok().as_deref() != Some(self.path.as_path()) {
            return Err(FileError::Moved(self.name.clone()));
        }
        let now = read(&self.path)?;
        let found = self.path.metadata().map_err(replaced)?;
        let text = change(&now)?;
        let mut file = self.beside().map_err(replaced)?;
        let write = |file: &mut File| -> std::io::Result<()> {
            file.write_all(&text)?;
            keep_owner_and_mode(file, &found)?;
            file.sync_all()
        };
        write(&mut file).map_err(replaced)?;
        // The new file is locked before it gets the name.
        if cfg!(unix) {
            file.try_lock().map_err(|error| replaced(error.into()))?;
        }
        // An editor that saves the file takes no lock. A risk remains only between this read and
        // the next call.
        if *read(&self.path)? != *now {
            return Err(FileError::Changed(self.path.clone()));
        }
        std::fs::rename(self.place_beside(), &self.path).map_err(replaced)?;
        *self.lock.lock().unwrap_or_else(PoisonError::into_inner) = file;
        // The file is in place, even if the directory could not be flushed to disk.
        let _ = self.path.parent().map(File::open).and_then(Result::ok).map(|dir| dir.sync_all());
        Ok(())
    }

    fn changed(
        &self,
        now: &[u8],
        profile: &str,
        before: Option<&Credentials>,
        new: &Credentials,
    ) -> Result<Zeroizing<Vec<u8>>, FileError> {
        let profiles = Profiles::parse(self.kind, now);
        let pair = profiles.key_pair(profile).map_err(|why| {
            FileError::Profile(format!("the profile {profile} was changed in the meantime: {why}"))
        })?;
        if pair.as_ref().map(|pair| &pair.credentials) != before {
            return Err(FileError::Profile(format!(
                "the profile {profile} got another key in the meantime"
            )));
        }
        let text = match &pair {
            Some(pair) => profiles.with(pair, new),
            None => profiles.with_added(profile, new),
        };
        // A last check of what is about to be written.
        match Profiles::parse(self.kind, &text).key_pair(profile) {
            Ok(Some(pair)) if pair.credentials == *new => Ok(text),
            _ => Err(FileError::Profile("the new text does not contain the new key".to_owned())),
        }
    }

    /// Creates an empty file next to this one, which only its owner can read. A file that a killed
    /// process left behind is replaced: the lock shows that it is not in use.
    fn beside(&self) -> std::io::Result<File> {
        let place = self.place_beside();
        match std::fs::remove_file(&place) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(place)
    }

    fn place_beside(&self) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(self.path.file_name().unwrap_or_default());
        name.push(".keyrot");
        self.path.with_file_name(name)
    }
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, FileError> {
    let read = read_whole(path).map(Zeroizing::new);
    read.map_err(|cause| FileError::Io { path: path.to_owned(), doing: "read", cause })
}

/// Locks the file itself, so that no lock file is left behind. If the file was replaced during the
/// wait for the lock, it is opened again.
fn hold(path: &Path) -> Result<File, FileError> {
    let io = |doing, cause| FileError::Io { path: path.to_owned(), doing, cause };
    for _ in 0..8 {
        // Some network file systems lock only files that are open for writing. A read-only file is
        // opened for reading.
        let both = OpenOptions::new().read(true).write(true).open(path);
        let file = both.or_else(|_| open(path)).map_err(|e| io("opened", e))?;
        // On Windows a locked file could neither be read nor replaced.
        if cfg!(not(unix)) {
            return Ok(file);
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => return Err(FileError::Busy(path.to_owned())),
            Err(std::fs::TryLockError::Error(e)) => return Err(io("locked", e)),
        }
        let (held, there) = (file.metadata(), path.metadata());
        match (held, there) {
            (Ok(held), Ok(there)) if same(&held, &there) => return Ok(file),
            (Err(e), _) | (_, Err(e)) => return Err(io("read", e)),
            _ => {}
        }
    }
    Err(FileError::Busy(path.to_owned()))
}

#[cfg(unix)]
fn same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same(_: &Metadata, _: &Metadata) -> bool {
    true
}

#[cfg(unix)]
fn may_be_replaced(path: &Path, found: &Metadata) -> Result<(), FileError> {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid();
    if found.uid() != me.as_raw() && !me.is_root() {
        return Err(FileError::Owner { path: path.to_owned(), uid: found.uid() });
    }
    if found.nlink() > 1 {
        return Err(FileError::HardLink(path.to_owned()));
    }
    // The folder's access list matters if others than the owner may read the file.
    let folder = path.parent().filter(|_| found.mode() & 0o077 != 0);
    let listed = [(Some(path), "system.posix_acl_access"), (folder, "system.posix_acl_default")];
    match listed.into_iter().find(|(path, list)| path.is_some_and(|path| has(path, list))) {
        Some((path, _)) => Err(FileError::AccessList(path.unwrap_or(Path::new("")).to_owned())),
        None => Ok(()),
    }
}

/// Whether it has this extended attribute.
#[cfg(target_os = "linux")]
fn has(path: &Path, attribute: &str) -> bool {
    let mut value = [0_u8; 64];
    match rustix::fs::getxattr(path, attribute, &mut value[..]) {
        Ok(length) => length > 0,
        Err(error) => error == rustix::io::Errno::RANGE,
    }
}

/// Access lists are extended attributes only on Linux.
#[cfg(all(unix, not(target_os = "linux")))]
fn has(_: &Path, _: &str) -> bool {
    false
}

#[cfg(not(unix))]
fn may_be_replaced(_: &Path, _: &Metadata) -> Result<(), FileError> {
    Ok(())
}

/// Gives the new file the owner and mode of the old one.
#[cfg(unix)]
fn keep_owner_and_mode(file: &File, found: &Metadata) -> std::io::Result<()> {
    use std::os::unix::fs::{MetadataExt, fchown};
    let made = file.metadata()?;
    if (made.uid(), made.gid()) != (found.uid(), found.gid()) {
        fchown(file, Some(found.uid()), Some(found.gid()))?;
    }
    file.set_permissions(found.permissions())
}

#[cfg(not(unix))]
fn keep_owner_and_mode(file: &File, found: &Metadata) -> std::io::Result<()> {
    file.set_permissions(found.permissions())
}
