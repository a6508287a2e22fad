//! A key on disk for a few minutes: for this user alone, replaced as a whole, and used only if no other user can have written or read it.

use super::moved::Moved;
use crate::files::lock_file;
use keyrot_core::{Credentials, KeyId, SecretKey, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use zeroize::{Zeroize, Zeroizing};

const FORMAT: &str = "keyrot-credentials/1";
/// Longer than an entry ever is.
const LONGEST: u64 = 64 * 1024;
/// Another process that asks is waited for this long; then this one asks too. It may have been stopped.
const TURN: Duration = Duration::from_secs(4);

/// The place of one entry.
#[derive(Debug)]
pub(super) struct Cache {
    file: PathBuf,
    /// What the entry has to be for; hashes may collide.
    scope: String,
}

/// What was read, and when.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) credentials: Credentials,
    pub(super) fetched: Timestamp,
    pub(super) moved: Moved,
}

impl Entry {
    /// `None` if it is from the future: the clock was changed.
    pub(super) fn age(&self, now: Timestamp) -> Option<Duration> {
        (now - self.fetched).to_std().ok()
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    scope: String,
    fetched: Timestamp,
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    moved: Option<Moved>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
    }
}

impl Cache {
    /// The place for this scope. The text of an error is for a warning: without a cache everything works, more slowly.
    pub(super) fn open(scope: &str) -> Result<Self, String> {
        let dir = directory().ok_or("nothing is cached: XDG_CACHE_HOME, HOME and LOCALAPPDATA are not set")?;
        let unusable = |why: &str| format!("nothing is cached: {} {why}", dir.display());
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&dir).map_err(|error| unusable(&format!("could not be created: {error}")))?;
        let found = dir.symlink_metadata().map_err(|error| unusable(&format!("cannot be read: {error}")))?;
        if !found.is_dir() {
            return Err(unusable("is no directory"));
        }
        private(&found, 0o077).map_err(|why| unusable(&why))?;
        let mut hasher = DefaultHasher::new();
        scope.hash(&mut hasher);
        Ok(Self { file: dir.join(format!("{:016x}.json", hasher.finish())), scope: scope.to_owned() })
    }

    /// The entry, if there is one for this scope. The text of an error is for a warning; the file is replaced then.
    pub(super) fn load(&self) -> Result<Option<Entry>, String> {
        let refused = |why: &str| format!("the cached key in {} is not used: it {why}", self.file.display());
        let mut file = match File::open(&self.file) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refused(&format!("cannot be opened: {error}"))),
        };
        let opened = file.metadata().map_err(|error| refused(&error.to_string()))?;
        let there = self.file.symlink_metadata().map_err(|error| refused(&error.to_string()))?;
        if there.is_symlink() || !opened.is_file() || !same(&opened, &there) {
            return Err(refused("is a symbolic link or no plain file"));
        }
        private(&opened, 0o077).map_err(|why| refused(&why))?;
        let mut text = Zeroizing::new(String::with_capacity(4096));
        if (&mut file).take(LONGEST).read_to_string(&mut text).is_err() {
            return Ok(None);
        }
        // One that is cut off, or of another edition, is as good as none. A parser's error might quote the value.
        let Ok(stored) = serde_json::from_str::<Stored>(&text) else { return Ok(None) };
        if stored.format != FORMAT || stored.scope != self.scope {
            return Ok(None);
        }
        let Ok(key) = KeyId::parse(stored.access_key_id.as_str()) else { return Ok(None) };
        let credentials = Credentials { key, secret: SecretKey::new(stored.secret_access_key.clone()) };
        // One of an earlier keyrot: nobody has looked yet.
        let moved = stored.moved.clone().unwrap_or_else(|| Moved::unasked(stored.fetched));
        Ok(Some(Entry { credentials, fetched: stored.fetched, moved }))
    }

    /// Stores the entry: readers see the old or the new one, whole.
    pub(super) fn store(&self, entry: &Entry) -> Result<(), String> {
        let stored = Stored {
            format: FORMAT.to_owned(),
            scope: self.scope.clone(),
            fetched: entry.fetched,
            access_key_id: entry.credentials.key.to_string(),
            secret_access_key: entry.credentials.secret.expose().to_owned(),
            moved: Some(entry.moved.clone()),
        };
        // The size is reserved, because a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(2 * self.scope.len() + 4096));
        let beside = self.beside(&format!(".{}.new", std::process::id()));
        let mut write = || -> std::io::Result<()> {
            serde_json::to_writer(&mut *text, &stored)?;
            // One that a process with this id left behind when it was killed.
            let _ = std::fs::remove_file(&beside);
            let mut file = private_file().create_new(true).open(&beside)?;
            file.write_all(&text)?;
            drop(file);
            std::fs::rename(&beside, &self.file)
        };
        write().map_err(|error| {
            let _ = std::fs::remove_file(&beside);
            format!("nothing is cached: {} could not be written: {error}", self.file.display())
        })
    }

    /// Takes the entry away.
    pub(super) fn forget(&self) {
        let _ = std::fs::remove_file(&self.file);
    }

    /// Waits a while for others that ask for the same. Holds off others for as long as the result lives.
    pub(super) fn turn(&self) -> Option<File> {
        let file = lock_file(&self.beside(".lock")).ok()?;
        let end = Instant::now() + TURN;
        loop {
            match file.try_lock() {
                Ok(()) => return Some(file),
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
                Err(_) => return None,
            }
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// `keyrot` in the user's cache directory (XDG Base Directory Specification; `LOCALAPPDATA` on Windows).
fn directory() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let xdg = set("XDG_CACHE_HOME").filter(|dir| dir.is_absolute());
    let home =
        || set("HOME").map(|home| home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }));
    let base = xdg.or_else(home).or_else(|| set("LOCALAPPDATA"))?;
    Some(Path::new(&base).join("keyrot"))
}

/// Whether it is this user's, and closed to others.
#[cfg(unix)]
fn private(found: &std::fs::Metadata, closed: u32) -> Result<(), String> {
    use std::os::unix::fs::MetadataExt;
    let me = rustix::process::geteuid().as_raw();
    if found.uid() != me {
        return Err(format!("belongs to another user (uid {}, expected {me})", found.uid()));
    }
    if found.mode() & closed != 0 {
        return Err(format!(
            "is open to others (mode {:o}, expected no rights for group and others)",
            found.mode() & 0o7777
        ));
    }
    Ok(())
}

#[cfg(unix)]
fn same(one: &std::fs::Metadata, other: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The user's own directory on Windows is closed to others by its access list.
#[cfg(not(unix))]
fn private(_: &std::fs::Metadata, _: u32) -> Result<(), String> {
    Ok(())
}

#[cfg(not(unix))]
fn same(_: &std::fs::Metadata, _: &std::fs::Metadata) -> bool {
    true
}
