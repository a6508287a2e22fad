//! The sandbox's file.

use super::seed;
use crate::error::CliError;
use crate::files::{self, Access, directory, make_private_dir, state_dir};
use keyrot_core::memory::World;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The version of the file's format. A file of another version is refused, never rewritten.
const VERSION: u32 = 1;
const FORMAT: &str = "keyrot-sandbox";
/// The size limit: far larger than any simulated account.
const LARGEST: u64 = 256 * 1024 * 1024;

/// A sandbox's file. The account is never kept in memory between two calls.
#[derive(Debug)]
pub(crate) struct SandboxFile {
    path: PathBuf,
}

/// The reason why a sandbox cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SandboxError {
    #[error("the sandbox {} cannot be {doing}: {cause}", path.display())]
    Io { path: PathBuf, doing: &'static str, cause: std::io::Error },
    #[error("{} is not a sandbox", path.display())]
    Foreign { path: PathBuf },
    #[error("{} is not a sandbox of this version of keyrot: {why}", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error(
        "there is no folder for the sandbox: XDG_STATE_HOME, HOME and LOCALAPPDATA are not set"
    )]
    NoPlace,
}

/// The number of bytes at the beginning of a sandbox's file that contain its format.
const HEAD: usize = 200;

#[derive(Deserialize)]
struct Head {
    format: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Content<W> {
    format: String,
    version: u32,
    about: String,
    world: W,
}

impl SandboxFile {
    /// Returns the file at this place, or at the default one, whether or not it exists.
    pub(crate) fn at(path: Option<&Path>) -> Result<Self, SandboxError> {
        let file = Self { path: path.map_or_else(usual_place, |p| Ok(p.to_owned()))? };
        if let Some(parent) = file.path.parent().filter(|p| !p.as_os_str().is_empty()) {
            make_private_dir(parent).map_err(|cause| file.io("made", cause))?;
        }
        Ok(file)
    }

    /// Returns the file at this place, or at the default one. Creates it if it does not exist, and
    /// returns whether it did.
    pub(crate) async fn open(path: Option<&Path>) -> Result<(Self, bool), SandboxError> {
        let file = Self::at(path)?;
        if file.path.exists() {
            return Ok((file, false));
        }
        let fresh = seed::seed().await;
        let made = file.locked(|file| match file.path.exists() {
            // Another process was faster.
            true => Ok(false),
            false => file.write(&fresh).map(|()| true),
        })?;
        Ok((file, made))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the account as it is now.
    pub(crate) fn load(&self) -> Result<World, SandboxError> {
        let text = files::read(&self.path, LARGEST).map_err(|cause| self.io("read", cause))?;
        let unreadable = |why: String| SandboxError::Unreadable { path: self.path.clone(), why };
        let head: Head = serde_json::from_slice(&text).map_err(|e| unreadable(place(&e)))?;
        if head.format != FORMAT || head.version != VERSION {
            let why = format!(
                "it is {} version {}, expected {FORMAT} version {VERSION}",
                head.format, head.version
            );
            return Err(unreadable(why));
        }
        let content: Content<World> =
            serde_json::from_slice(&text).map_err(|e| unreadable(place(&e)))?;
        Ok(content.world)
    }

    /// Changes the account under its lock. It is saved before this returns.
    pub(crate) fn change<T>(
        &self,
        change: impl FnOnce(&mut World) -> T,
    ) -> Result<T, SandboxError> {
        self.locked(|file| {
            let mut world = file.load()?;
            let result = change(&mut world);
            file.write(&world)?;
            Ok(result)
        })
    }

    /// Replaces the account. An existing file has to be a sandbox, of any version, and even if
    /// damaged. Anything else is not keyrot's.
    pub(crate) fn replace(&self, world: &World) -> Result<(), SandboxError> {
        // This is checked before a lock file is created.
        self.check_replaceable()?;
        self.locked(|file| file.check_replaceable().and_then(|()| file.write(world)))
    }

    /// Refuses a file that is not a sandbox. keyrot's files begin with their format.
    fn check_replaceable(&self) -> Result<(), SandboxError> {
        if !self.path.try_exists().map_err(|cause| self.io("read", cause))? {
            return Ok(());
        }
        let text = files::read(&self.path, LARGEST).map_err(|cause| self.io("read", cause))?;
        let head: String = text
            .iter()
            .take(HEAD)
            .filter(|b| !b.is_ascii_whitespace())
            .map(|b| char::from(*b))
            .collect();
        match head.starts_with(&format!(r#"{{"format":"{FORMAT}""#)) {
            true => Ok(()),
            false => Err(SandboxError::Foreign { path: self.path.clone() }),
        }
    }

    /// Holds the lock, which is a separate file, because the account's file is replaced with every
    /// change.
    fn locked<T>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, SandboxError>,
    ) -> Result<T, SandboxError> {
        let lock =
            files::lock_file(&self.beside(".lock")).map_err(|cause| self.io("locked", cause))?;
        lock.lock().map_err(|cause| self.io("locked", cause))?;
        let result = work(self);
        drop(lock);
        result
    }

    /// Writes a file in the same folder and renames it: readers see either the whole old file or
    /// the whole new one.
    fn write(&self, world: &World) -> Result<(), SandboxError> {
        let about =
            "a simulated AWS account for `keyrot --sandbox`; nothing in it is real".to_owned();
        let content = Content { format: FORMAT.to_owned(), version: VERSION, about, world };
        let text = serde_json::to_vec_pretty(&content).map_err(|e| self.io("written", e.into()))?;
        files::beside(&self.path, &text, Access::Owner)
            .and_then(|file| Ok(file.persist(&self.path).map(drop)?))
            .map_err(|cause| self.io("written", cause))
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(ending);
        name.into()
    }

    fn io(&self, doing: &'static str, cause: std::io::Error) -> SandboxError {
        SandboxError::Io { path: self.path.clone(), doing, cause }
    }
}

impl From<SandboxError> for CliError {
    fn from(error: SandboxError) -> Self {
        let problem = Self::usage(error.to_string());
        match &error {
            SandboxError::Unreadable { path, .. } => problem.hint(format!(
                "name another file with --sandbox=FILE; if it was a sandbox, replace it with a new one: keyrot --sandbox={} sandbox reset",
                path.display()
            )),
            SandboxError::Foreign { .. } => {
                problem.hint("name another file with --sandbox=FILE; nothing was written")
            }
            SandboxError::Io { cause, .. } if cause.kind() == ErrorKind::PermissionDenied => {
                problem.hint("name a file that you can write to: --sandbox=FILE")
            }
            SandboxError::Io { .. } | SandboxError::NoPlace => {
                problem.hint("name a file with --sandbox=FILE")
            }
        }
    }
}

/// Returns the position of a parser's error. The parser's own text would quote the content.
fn place(error: &serde_json::Error) -> String {
    format!("its JSON cannot be read at line {} column {}", error.line(), error.column())
}

/// Returns `$KEYROT_SANDBOX`, or a file in the user's state directory.
fn usual_place() -> Result<PathBuf, SandboxError> {
    match directory("KEYROT_SANDBOX") {
        Some(file) => Ok(file),
        None => Ok(state_dir().ok_or(SandboxError::NoPlace)?.join("sandbox.json")),
    }
}
