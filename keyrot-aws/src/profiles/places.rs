//! The paths of the files, and which of them has a profile's key.

use super::read::read_whole;
use super::{FileError, FileKind, HeldFile, Profiles, Unclear};
use keyrot_core::Credentials;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The limit on profiles that are followed from one `source_profile` to the next.
const LONGEST_CHAIN: usize = 8;

/// The two files, whether or not they exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFiles {
    /// `~/.aws/credentials`; `None` without a home directory.
    pub credentials: Option<PathBuf>,
    /// `~/.aws/config`.
    pub config: Option<PathBuf>,
}

/// The reason why a profile has no key to replace. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoOwnKey {
    /// A file exists, and cannot be read.
    #[error("{} cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The reason.
        cause: std::io::Error,
    },
    /// The key is ambiguous.
    #[error("profile {profile} in {}: {why}", path.display())]
    Unclear {
        /// The profile.
        profile: String,
        /// The file.
        path: PathBuf,
        /// The reason.
        why: Unclear,
    },
    /// The file cannot be locked or replaced.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process removed the key in the meantime.
    #[error("{} was changed by another process in the meantime", .0.display())]
    Changed(PathBuf),
    /// The profile gets temporary credentials by this setting.
    #[error("profile {profile} gets its credentials by {by}; it has no key of its own to rotate")]
    Temporary {
        /// The profile.
        profile: String,
        /// The setting, such as `role_arn`.
        by: &'static str,
    },
    /// No file has a key for the profile.
    #[error("there is no profile {profile} with an access key in {}{}", file.as_deref().unwrap_or(Path::new("~/.aws")).display(), in_brackets(seen.as_deref()))]
    None {
        /// The profile.
        profile: String,
        /// The credentials file.
        file: Option<PathBuf>,
        /// The profiles that have a key.
        known: Vec<String>,
        /// A line in the files that may be the reason: its file, its number, and what is wrong with
        /// it.
        seen: Option<String>,
    },
}

fn in_brackets(seen: Option<&str>) -> String {
    seen.map(|seen| format!(" ({seen})")).unwrap_or_default()
}

impl SharedFiles {
    /// Returns the paths that every AWS tool uses (AWS SDKs and Tools Reference Guide, "Location of
    /// the shared files").
    #[must_use]
    pub fn of_environment() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        let home = || set("HOME").or_else(|| set("USERPROFILE"));
        let place = |name: &str, file: &str| {
            let named = set(name).map(|path| match (path.strip_prefix("~"), home()) {
                (Ok(rest), Some(home)) => home.join(rest),
                _ => path,
            });
            named.or_else(|| home().map(|home| home.join(".aws").join(file)))
        };
        Self {
            credentials: place("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
            config: place("AWS_CONFIG_FILE", "config"),
        }
    }

    /// Returns the file's bytes; none if there is no file.
    ///
    /// # Errors
    /// If it exists and cannot be read, or is larger than 16 MiB.
    pub fn read(&self, kind: FileKind) -> std::io::Result<Vec<u8>> {
        match self.place(kind).map(read_whole) {
            Some(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error),
            Some(Ok(bytes)) => Ok(bytes),
            _ => Ok(Vec::new()),
        }
    }

    fn place(&self, kind: FileKind) -> Option<&Path> {
        match kind {
            FileKind::Credentials => self.credentials.as_deref(),
            FileKind::Config => self.config.as_deref(),
        }
    }

    /// Returns the file that has the profile's access key, locked, and the key.
    ///
    /// # Errors
    /// [`NoOwnKey`].
    pub fn hold_key(&self, profile: &str) -> Result<(HeldFile, Credentials), NoOwnKey> {
        for kind in [FileKind::Credentials, FileKind::Config] {
            let Some(path) = self.place(kind).filter(|path| path.exists()) else { continue };
            let unclear =
                |why| NoOwnKey::Unclear { profile: profile.to_owned(), path: path.to_owned(), why };
            let text = self
                .read(kind)
                .map_err(|cause| NoOwnKey::Unreadable { path: path.to_owned(), cause })?;
            if Profiles::parse(kind, &text).key_pair(profile).map_err(unclear)?.is_none() {
                continue;
            }
            let file = HeldFile::open(path, kind)?;
            let pair = file.profiles().key_pair(profile).map_err(unclear)?;
            let pair = pair.ok_or_else(|| NoOwnKey::Changed(path.to_owned()))?;
            return Ok((file, pair.credentials));
        }
        let profile = profile.to_owned();
        let config = self.read(FileKind::Config).unwrap_or_default();
        let config = Profiles::parse(FileKind::Config, &config);
        let temporary = [
            "credential_process",
            "sso_session",
            "sso_start_url",
            "role_arn",
            "web_identity_token_file",
        ];
        match temporary.into_iter().find(|name| config.get(&profile, name).is_some()) {
            Some(by) => Err(NoOwnKey::Temporary { profile, by }),
            None => Err(NoOwnKey::None {
                seen: self.may_be_why(&profile),
                profile,
                file: self.credentials.clone(),
                known: self.known(),
            }),
        }
    }

    /// Returns a hint: the profile under the other file's form of its name, or a line that is not
    /// understood.
    fn may_be_why(&self, profile: &str) -> Option<String> {
        [FileKind::Credentials, FileKind::Config].into_iter().find_map(|kind| {
            let (text, path) = (self.read(kind).ok()?, self.place(kind)?.display());
            let profiles = Profiles::parse(kind, &text);
            if let Some((line, expected)) = profiles.misnamed(profile) {
                return Some(format!("{path}, line {line}: expected {expected} in this file"));
            }
            profiles.problem().map(|problem| format!("{path}, {problem}"))
        })
    }

    /// Returns the profiles in the credentials file that have a key.
    fn known(&self) -> Vec<String> {
        let text = self.read(FileKind::Credentials).unwrap_or_default();
        let profiles = Profiles::parse(FileKind::Credentials, &text);
        let mut names: Vec<String> = profiles
            .names()
            .filter(|name| profiles.key_pair(name).is_ok_and(|pair| pair.is_some()))
            .collect();
        names.dedup();
        names
    }

    /// Returns the command lines by which the profile, or one that it names as its source, gets its
    /// credentials. Files that cannot be read have none.
    #[must_use]
    pub fn credential_processes(&self, profile: &str) -> Vec<String> {
        let texts = [FileKind::Config, FileKind::Credentials]
            .map(|kind| (kind, self.read(kind).unwrap_or_default()));
        let files = texts.each_ref().map(|(kind, text)| Profiles::parse(*kind, text));
        let get = |profile: &str, name: &str| {
            files.iter().find_map(|file| file.get(profile, name)).map(str::to_owned)
        };
        let mut at = profile.to_owned();
        let mut lines = Vec::new();
        for _ in 0..LONGEST_CHAIN {
            lines.extend(get(&at, "credential_process"));
            match get(&at, "source_profile") {
                Some(source) if source != at => at = source,
                _ => break,
            }
        }
        lines
    }
}
