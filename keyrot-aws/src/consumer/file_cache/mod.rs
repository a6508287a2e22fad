//! Caches a key on disk for a few minutes: only for this user, replaced as a whole, and used only
//! if no other user can have written or read it.

#[cfg(all(test, unix))]
mod tests;

use crate::settings::AwsSettings;
use async_trait::async_trait;
use keyrot_core::consumer::{HomeCheck, Kept, KeyCache, SecretId, VersionStage};
use keyrot_core::{Credentials, KeyId, SecretKey, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fmt, sync::Arc};
use zeroize::{Zeroize, Zeroizing};

const FORMAT: &str = "keyrot-credentials/1";
/// The size limit: longer than any entry.
const LONGEST: u64 = 64 * 1024;
/// How long to wait for another process that reads the key. After that, this one reads it, too,
/// because the other may have been stopped.
const TURN: Duration = Duration::from_secs(4);

/// A key in a file of the user's cache directory, which processes of the same user share.
///
/// - The directory has mode 0700, and the file 0600. A file or directory that belongs to another
///   user, or is open to others, is not used.
/// - No symbolic link is followed, and readers get either the whole old file or the whole new one.
/// - One process reads the key, and the others wait for it for at most four seconds.
///
/// A problem with the file is not an error: the key is read as if there were no cache, and the
/// [`on_warning`](Self::on_warning) function is called.
///
/// ```no_run
/// # fn example(reader: keyrot_aws::SecretReader, settings: keyrot_aws::AwsSettings) -> Result<(), Box<dyn std::error::Error>> {
/// use keyrot_aws::{FileCache, RotatedCredentials};
/// use keyrot_core::consumer::{SecretId, VersionStage};
///
/// let secret = SecretId::parse("/iam/ci/access_key")?;
/// let cache = FileCache::for_settings(&settings, &secret, VersionStage::Current)?;
/// let ci = RotatedCredentials::new(reader, secret).cache(cache.on_warning(|text| eprintln!("warning: {text}")));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileCache {
    file: PathBuf,
    /// The scope that the entry has to match; hashes may collide.
    scope: String,
    warn: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The reason why the user's cache directory cannot be used. Without a cache everything works, but
/// more slowly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nothing is cached: {0}")]
pub struct NoCache(String);

#[derive(Serialize, Deserialize)]
struct Stored {
    format: String,
    scope: String,
    fetched: Timestamp,
    access_key_id: String,
    secret_access_key: String,
    #[serde(default)]
    moved: Option<HomeCheck>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.secret_access_key.zeroize();
    }
}

impl FileCache {
    /// Returns the cache for these settings, in this process's environment.
    ///
    /// # Errors
    /// [`NoCache`].
    pub fn for_settings(
        settings: &AwsSettings,
        secret: &SecretId,
        stage: VersionStage,
    ) -> Result<Self, NoCache> {
        Self::open(&format!("{stage:?} {secret}\n{}", scope(settings)))
    }

    /// Returns the cache for this scope: everything that could make the same program read another
    /// secret, or act as a caller that may not read it.
    ///
    /// # Errors
    /// [`NoCache`].
    pub fn open(scope: &str) -> Result<Self, NoCache> {
        let dir = directory().ok_or_else(|| {
            NoCache("XDG_CACHE_HOME, HOME and LOCALAPPDATA are not set".to_owned())
        })?;
        Self::in_dir(&dir, scope)
    }

    /// Returns the cache in this directory, which is created if missing. It has to belong to the
    /// user, and be closed to others.
    ///
    /// # Errors
    /// [`NoCache`].
    pub fn in_dir(dir: &Path, scope: &str) -> Result<Self, NoCache> {
        let unusable = |why: &str| NoCache(format!("{} {why}", dir.display()));
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir).map_err(|error| unusable(&format!("could not be created: {error}")))?;
        let found = dir
            .symlink_metadata()
            .map_err(|error| unusable(&format!("cannot be read: {error}")))?;
        if !found.is_dir() {
            return Err(unusable("is not a directory"));
        }
        private(&found, 0o077).map_err(|why| unusable(&why))?;
        let mut hasher = DefaultHasher::new();
        scope.hash(&mut hasher);
        let file = dir.join(format!("{:016x}.json", hasher.finish()));
        Ok(Self { file, scope: scope.to_owned(), warn: Arc::new(|_| ()) })
    }

    /// Sets the function to call with later problems.
    #[must_use]
    pub fn on_warning(self, warn: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { warn: Arc::new(warn), ..self }
    }

    /// Returns the entry for this scope, if there is one. An error is the text of a warning, and
    /// the file is then replaced.
    fn try_to_load(&self) -> Result<Option<Kept>, String> {
        let refused =
            |why: &str| format!("the cached key in {} is not used: it {why}", self.file.display());
        let mut file = match open_to_read(&self.file) {
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
        // A truncated entry, or one of another version, is ignored. A parser's error might quote
        // the value.
        let Ok(stored) = serde_json::from_str::<Stored>(&text) else { return Ok(None) };
        if stored.format != FORMAT || stored.scope != self.scope {
            return Ok(None);
        }
        let Ok(key) = KeyId::parse(stored.access_key_id.as_str()) else { return Ok(None) };
        let credentials =
            Credentials { key, secret: SecretKey::new(stored.secret_access_key.clone()) };
        // An entry of an earlier keyrot: the home was not checked yet.
        let moved = stored.moved.clone().unwrap_or_else(|| HomeCheck::unasked(stored.fetched));
        Ok(Some(Kept { credentials, read: stored.fetched, moved }))
    }

    fn try_to_store(&self, kept: &Kept) -> std::io::Result<()> {
        let stored = Stored {
            format: FORMAT.to_owned(),
            scope: self.scope.clone(),
            fetched: kept.read,
            access_key_id: kept.credentials.key.to_string(),
            secret_access_key: kept.credentials.secret.expose().to_owned(),
            moved: Some(kept.moved.clone()),
        };
        // The size is reserved, because a buffer that grows leaves copies behind.
        let mut text = Zeroizing::new(Vec::with_capacity(2 * self.scope.len() + 4096));
        let beside = self.beside(&format!(".{}.new", std::process::id()));
        let mut write = || -> std::io::Result<()> {
            serde_json::to_writer(&mut *text, &stored)?;
            // A file that a killed process with this id left behind.
            let _ = std::fs::remove_file(&beside);
            let mut file = private_file().create_new(true).open(&beside)?;
            file.write_all(&text)?;
            drop(file);
            std::fs::rename(&beside, &self.file)
        };
        write().inspect_err(|_| {
            let _ = std::fs::remove_file(&beside);
        })
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.file.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

#[async_trait]
impl KeyCache for FileCache {
    fn load(&self) -> Option<Kept> {
        self.try_to_load().unwrap_or_else(|why| {
            (self.warn)(&why);
            None
        })
    }

    fn store(&self, kept: &Kept) {
        if let Err(error) = self.try_to_store(kept) {
            (self.warn)(&format!(
                "nothing is cached: {} could not be written: {error}",
                self.file.display()
            ));
        }
    }

    fn forget(&self) {
        let _ = std::fs::remove_file(&self.file);
    }

    async fn turn(&self) -> Option<Box<dyn Send>> {
        let file = lock_file(&self.beside(".lock")).ok()?;
        let end = Instant::now() + TURN;
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Box::new(file)),
                Err(TryLockError::WouldBlock) if Instant::now() < end => {
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
                Err(_) => return None,
            }
        }
    }
}

/// Shows the path, and none of the content.
impl fmt::Debug for FileCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileCache").field("file", &self.file).finish_non_exhaustive()
    }
}

/// Returns everything that could make the same command read another secret, or act as a caller that
/// may not read it.
fn scope(aws: &AwsSettings) -> String {
    let fields = &aws.secret.fields;
    let mut scope = format!(
        "profile={:?} region={:?} endpoint={:?} fields={},{} ignore_profiles={}",
        aws.profile,
        aws.region,
        aws.endpoints.all,
        fields.id(),
        fields.secret(),
        aws.ignore_profiles
    );
    if let Some(handed_in) = &aws.credentials {
        scope.push_str(&format!(" key={}", handed_in.key_id));
    }
    // Only variables that name a caller or a place; none of them is secret.
    for name in [
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_CONFIG_FILE",
        "AWS_SHARED_CREDENTIALS_FILE",
        "AWS_ROLE_ARN",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_ENDPOINT_URL",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
    ] {
        if let Ok(value) = std::env::var(name) {
            scope.push_str(&format!(" {name}={value}"));
        }
    }
    scope
}

/// Opens a file to read. It follows no link and waits for no pipe; the caller refuses anything but
/// a regular file.
fn open_to_read(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, careful());
    options.open(path)
}

/// Returns the flags to follow no link and wait for no pipe.
#[cfg(unix)]
fn careful() -> i32 {
    use rustix::fs::OFlags;
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

/// Opens a file to lock, and creates it if missing. It refuses a link, which would make keyrot
/// create or open a file somewhere else, and a pipe, which would block.
fn lock_file(path: &Path) -> std::io::Result<File> {
    let mut options = private_file();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, careful());
    options.open(path)
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Returns `keyrot` in the user's cache directory (XDG Base Directory Specification; `LOCALAPPDATA`
/// on Windows).
fn directory() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let xdg = set("XDG_CACHE_HOME").filter(|dir| dir.is_absolute());
    let home = || {
        set("HOME").map(|home| {
            home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" })
        })
    };
    let base = xdg.or_else(home).or_else(|| set("LOCALAPPDATA"))?;
    Some(Path::new(&base).join("keyrot"))
}

/// Checks that the directory belongs to this user, and is closed to others.
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
