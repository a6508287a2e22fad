//! A profile in an AWS credentials file on this machine. `/srv/ci/.aws/credentials#ci` is the
//! profile `ci` in that file.
//!
//! Only the file system protects the file, so keyrot trusts only a path that no other user could
//! have changed: neither the file nor a folder above it may belong to another user, or be writable
//! by others.

use super::about::{About, WITHIN};
use super::profile_file;
use crate::profiles::{FileError, FileKind, HeldFile, Profiles, Unclear, read_whole};
use async_trait::async_trait;
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Holds};
use keyrot_core::ports::Destination;
use keyrot_core::{CallError, Credentials, Effect, ErrorKind};
use std::fs::{OpenOptions, symlink_metadata};
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};
use zeroize::Zeroizing;

/// The pause between two attempts to lock a file that another keyrot process is changing.
const PAUSE: Duration = Duration::from_millis(50);

pub(super) struct ProfileFiles {
    name: DestinationName,
}

/// A profile in a file, and its destination.
#[derive(Clone)]
struct Target {
    name: DestinationName,
    place: String,
    file: PathBuf,
    profile: String,
}

/// What a file says about a profile.
struct Seen {
    found: Found,
    credentials: Option<Credentials>,
}

/// Why a delivery did not happen.
enum Refusal {
    /// Another keyrot process is changing the file.
    Busy,
    Error(CallError),
}

impl From<CallError> for Refusal {
    fn from(error: CallError) -> Self {
        Self::Error(error)
    }
}

impl ProfileFiles {
    pub(super) fn new(name: &DestinationName) -> Self {
        Self { name: name.clone() }
    }

    fn target(&self, place: &str) -> Result<Target, CallError> {
        let (file, profile) = place.rsplit_once('#').ok_or_else(|| {
            let about = About { name: &self.name, what: "the profile", place };
            about.refused(ErrorKind::Other, "expected FILE#PROFILE")
        })?;
        let (name, place) = (self.name.clone(), place.to_owned());
        Ok(Target { name, place, file: file.into(), profile: profile.to_owned() })
    }

    /// Reads or writes files on a separate thread. If a file system does not respond, for example
    /// because its server is down, it takes no more time than any other destination.
    async fn apart<T: Send + 'static, E: From<CallError> + Send + 'static>(
        target: &Target,
        end: Instant,
        effect: Effect,
        work: impl FnOnce(&Target) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E> {
        let on_thread = target.clone();
        let done = tokio::task::spawn_blocking(move || work(&on_thread));
        let said = match timeout_at(end, done).await {
            Ok(Ok(result)) => return result,
            Ok(Err(_)) => "the thread that worked on the file ended early",
            Err(_) => "the file system did not answer within 30s",
        };
        Err(target.about().error(ErrorKind::Unavailable, effect, said).into())
    }
}

#[async_trait]
impl Destination for ProfileFiles {
    fn abilities(&self) -> Abilities {
        Abilities::READABLE
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        let (target, end) = (self.target(place)?, Instant::now() + WITHIN);
        let seen: Seen = Self::apart(&target, end, Effect::None, Target::inspect).await?;
        Ok(seen.found)
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let (target, end) = (self.target(place)?, Instant::now() + WITHIN);
        loop {
            let delivery = delivery.clone();
            let work = move |target: &Target| target.deliver(&delivery);
            match Self::apart(&target, end, Effect::Unknown, work).await {
                Ok(found) => return Ok(found),
                Err(Refusal::Error(error)) => return Err(error),
                Err(Refusal::Busy) if Instant::now() + PAUSE < end => sleep(PAUSE).await,
                Err(Refusal::Busy) => {
                    let said = "another process has had the file locked for 30s";
                    return Err(target.about().refused(ErrorKind::Unavailable, said));
                }
            }
        }
    }
}

impl Target {
    fn about(&self) -> About<'_> {
        About { name: &self.name, what: "the profile", place: &self.place }
    }

    fn inspect(&self) -> Result<Seen, CallError> {
        self.check_folders()?;
        match symlink_metadata(&self.file) {
            Err(error) if error.kind() == Io::NotFound => {
                return Ok(Seen { found: Found::Nothing, credentials: None });
            }
            Err(error) => return Err(self.io("the file cannot be read", &error)),
            Ok(found) => self.check_file(&found)?,
        }
        let text = read_whole(&self.file).map(Zeroizing::new);
        let text = text.map_err(|error| self.io("the file cannot be read", &error))?;
        self.seen(&Profiles::parse(FileKind::Credentials, &text))
    }

    fn deliver(&self, delivery: &Delivery) -> Result<Found, Refusal> {
        let differs = |seen: &Seen| match seen.found.mark() {
            mark if mark == delivery.replaces.as_ref() => Ok(()),
            mark => Err(self.about().conflict(mark, delivery.replaces.as_ref())),
        };
        // Check the file's owner first: a file that is not trusted is not opened for writing.
        differs(&self.inspect()?)?;
        let mut new = OpenOptions::new();
        new.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut new, 0o600);
        match new.open(&self.file) {
            Err(error) if error.kind() != Io::AlreadyExists => {
                return Err(self.io("the file cannot be created", &error).into());
            }
            _ => {}
        }
        let file = match HeldFile::open(&self.file, FileKind::Credentials) {
            Err(FileError::Busy(_)) => return Err(Refusal::Busy),
            other => other.map_err(|error| self.about().refused(ErrorKind::Other, error))?,
        };
        // Check again now that the file is locked: it may be a different file from the one that was
        // read.
        self.check_folders()?;
        let found = symlink_metadata(&self.file);
        self.check_file(&found.map_err(|error| self.io("the file cannot be read", &error))?)?;
        let seen = self.seen(&file.profiles())?;
        differs(&seen)?;
        if seen.credentials.as_ref() == Some(&delivery.credentials) {
            return Ok(seen.found);
        }
        file.put(&self.profile, seen.credentials.as_ref(), &delivery.credentials).map_err(
            |error| {
                let kind = match error {
                    FileError::Changed(_) | FileError::Moved(_) | FileError::Profile(_) => {
                        ErrorKind::Conflict
                    }
                    _ => ErrorKind::Other,
                };
                self.about().refused(kind, error)
            },
        )?;
        Ok(copy(&self.about(), Some(&delivery.credentials), "")?)
    }

    /// Returns what the file says about the profile.
    fn seen(&self, profiles: &Profiles<'_>) -> Result<Seen, CallError> {
        let refused = |said: &dyn std::fmt::Display| self.about().refused(ErrorKind::Other, said);
        // If tools refuse the file, a key in it would be of no use.
        if let Some(problem) = profiles.problem() {
            return Err(refused(&problem));
        }
        let pair = match profiles.key_pair(&self.profile) {
            Err(Unclear::Temporary(name, line)) => {
                let said = format!(
                    "the profile has {name} (line {line}), which would make tools use the key as a temporary one; remove that line"
                );
                return Err(refused(&said));
            }
            other => other.map_err(|why| refused(&why))?,
        };
        if let Some(why) = profiles.not_used(&self.profile) {
            return Err(refused(&why));
        }
        let credentials = pair.map(|pair| pair.credentials);
        let found = match (&credentials, profiles.count_of(&self.profile)) {
            (None, None) => Found::Nothing,
            (_, settings) => {
                copy(&self.about(), credentials.as_ref(), &settings.unwrap_or(0).to_string())?
            }
        };
        Ok(Seen { found, credentials })
    }

    fn io(&self, what: &str, error: &std::io::Error) -> CallError {
        let kind = match error.kind() {
            Io::NotFound => ErrorKind::NotFound,
            Io::PermissionDenied => ErrorKind::Denied,
            _ => ErrorKind::Other,
        };
        // The operating system's message has no content of the file.
        self.about().refused(kind, format!("{what}: {error}"))
    }

    fn folder(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new("/"))
    }

    #[cfg(unix)]
    fn check_folders(&self) -> Result<(), CallError> {
        use std::os::unix::fs::MetadataExt;
        let unreadable = |error| {
            let what = format!(
                "the folder {} cannot be used (create it with mkdir -m 700)",
                self.folder().display()
            );
            self.io(&what, &error)
        };
        let me = rustix::process::geteuid().as_raw();
        // Check from the root down, so that nothing inside an untrusted folder is read.
        let mut folders: Vec<&Path> = self.folder().ancestors().collect();
        folders.reverse();
        for above in folders {
            let found = symlink_metadata(above).map_err(unreadable)?;
            let shown = above.display();
            if found.is_symlink() {
                let said =
                    format!("{shown} is a symbolic link; set `to` to the folder that it points to");
                return Err(self.about().refused(ErrorKind::Denied, said));
            }
            if !found.is_dir() {
                return Err(self
                    .about()
                    .refused(ErrorKind::Other, format!("{shown} is not a folder")));
            }
            if found.uid() != me && found.uid() != 0 {
                let said = format!(
                    "the folder {shown} belongs to another user (uid {}), who could put another file there; \
                     run keyrot as that user, or use a folder of root's or your own",
                    found.uid()
                );
                return Err(self.about().refused(ErrorKind::Denied, said));
            }
            // In a folder such as /tmp, others cannot replace existing files, but they can add
            // files.
            let sticky = found.mode() & 0o1000 != 0 && above != self.folder();
            if found.mode() & 0o022 != 0 && !sticky {
                let said = format!("others may change the folder {shown}: chmod go-w {shown}");
                return Err(self.about().refused(ErrorKind::Denied, said));
            }
        }
        Ok(())
    }

    #[cfg(unix)]
    fn check_file(&self, found: &std::fs::Metadata) -> Result<(), CallError> {
        use std::os::unix::fs::MetadataExt;
        let shown = self.file.display();
        let said = if found.is_symlink() {
            format!("{shown} is a symbolic link; set `to` to the file that it points to")
        } else if !found.is_file() {
            format!("{shown} is not a regular file")
        } else if found.uid() != rustix::process::geteuid().as_raw() {
            format!(
                "{shown} belongs to another user (uid {}); run keyrot as that user",
                found.uid()
            )
        } else if found.mode() & 0o027 != 0 {
            format!("{shown} is open to others, who would get the key: chmod 600 {shown}")
        } else {
            return Ok(());
        };
        Err(self.about().refused(ErrorKind::Denied, said))
    }

    /// On Windows, the access list of the user's own folder keeps others out.
    #[cfg(not(unix))]
    fn check_folders(&self) -> Result<(), CallError> {
        self.folder()
            .metadata()
            .map(drop)
            .map_err(|error| self.io("its folder cannot be used", &error))
    }

    #[cfg(not(unix))]
    fn check_file(&self, _: &std::fs::Metadata) -> Result<(), CallError> {
        Ok(())
    }
}

/// Returns the content of a profile. Its other settings count only if it has no key.
fn copy(
    about: &About<'_>,
    credentials: Option<&Credentials>,
    other: &str,
) -> Result<Found, CallError> {
    let content = credentials.map_or(other, |credentials| credentials.key.as_str());
    let mark = about.mark(profile_file::mark(credentials, &[content]))?;
    let holds = credentials.map_or(Holds::Other, |it| Holds::Key(it.key.clone()));
    Ok(Found::Copy { mark, holds, written: None })
}
