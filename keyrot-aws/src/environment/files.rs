//! The two shared files: where they are, and whether the SDK can read them. The SDK treats an
//! unreadable file as empty.

use super::error::ProfileError;
use super::for_sdk::{Kind, rewritten, words};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The size limit: far more than an organization with thousands of profiles needs.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The settings of a profile that decide whose credentials it has.
const OF_CREDENTIALS: [&str; 10] = [
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "credential_process",
    "credential_source",
    "login_session",
    "role_arn",
    "source_profile",
    "sso_session",
    "web_identity_token_file",
];

/// Returns a variable that is not empty.
pub(super) fn variable(name: &str) -> Option<String> {
    std::env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(|value| value.to_string_lossy().into_owned())
}

/// The two files, if they exist.
#[derive(Debug)]
pub(super) struct Files {
    config: File,
    credentials: File,
}

#[derive(Debug)]
struct File {
    path: PathBuf,
    /// The variable that names it, if one does.
    named_by: Option<&'static str>,
    /// The text; empty if there is no file, or it cannot be read.
    text: String,
    state: State,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    Read,
    Missing,
    /// This user may not read the file, or not even its folder.
    Denied(String),
    /// The file exists, but is not valid.
    Unusable(String),
}

impl Files {
    /// Reads the files from the places that every AWS tool uses (AWS SDKs and Tools Reference
    /// Guide, "Location of the shared files").
    pub(super) fn read() -> Self {
        Self {
            config: File::read("AWS_CONFIG_FILE", "config"),
            credentials: File::read("AWS_SHARED_CREDENTIALS_FILE", "credentials"),
        }
    }

    /// Refuses an existing file that the SDK would treat as empty. A file that this user may not
    /// read, such as for a service whose `HOME` belongs to another user, matters only if a profile
    /// is requested.
    pub(super) fn check(&self, is_asked_for: bool) -> Result<(), ProfileError> {
        for File { path, state, .. } in [&self.config, &self.credentials] {
            match state {
                State::Unusable(why) => return Err(unreadable(path, why)),
                State::Denied(why) if is_asked_for => return Err(unreadable(path, why)),
                _ => {}
            }
        }
        Ok(())
    }

    /// Returns the configuration file's path.
    pub(super) fn config(&self) -> String {
        self.config.shown()
    }

    /// Returns the variables that name a file that does not exist, each with its file. The AWS
    /// tools say nothing about that.
    pub(super) fn named_and_missing(&self) -> Vec<String> {
        [&self.config, &self.credentials]
            .into_iter()
            .filter(|file| file.state == State::Missing)
            .filter_map(|file| {
                let path = file.path.display();
                Some(format!("{} names {path}, which does not exist", file.named_by?))
            })
            .collect()
    }

    /// Returns both paths, for a sentence.
    pub(super) fn both(&self) -> String {
        format!("{} or {}", self.config.shown(), self.credentials.shown())
    }

    /// Returns the files as the SDK gets them.
    pub(super) fn for_sdk(&self) -> EnvConfigFiles {
        let files = EnvConfigFiles::builder();
        let config = rewritten(Kind::Config, &self.config.text);
        let credentials = rewritten(Kind::Credentials, &self.credentials.text);
        // Without any file the SDK panics; an empty file counts as none.
        files
            .with_contents(EnvConfigFileKind::Config, config)
            .with_contents(EnvConfigFileKind::Credentials, credentials)
            .build()
    }

    /// Returns two different headers of this profile in the configuration file, if there are two.
    pub(super) fn headers_of(&self, profile: &str) -> Option<[&str; 2]> {
        let is_its = |header: &&str| match words(header) {
            Some((kind, name)) => kind.starts_with("profile") && name == profile,
            None => *header == "default" && profile == "default",
        };
        let mut all = self.config.sections().filter(is_its);
        let first = all.next()?;
        let other = all.find(|header| *header != first)?;
        Some([first, other])
    }

    /// Returns a setting about credentials in a section `[DEFAULT]`, and its file.
    pub(super) fn shared_credentials(&self) -> Option<(String, String)> {
        [&self.config, &self.credentials].into_iter().find_map(|file| {
            let mut inside = false;
            let found = file.text.lines().map(str::trim).find_map(|line| {
                if let Some((header, _)) = line.strip_prefix('[').and_then(|l| l.split_once(']')) {
                    inside = header == "DEFAULT";
                    return None;
                }
                let name = line.split(['=', ':']).next()?.trim().to_ascii_lowercase();
                (inside && OF_CREDENTIALS.contains(&name.as_str())).then_some(name)
            });
            Some((found?, file.shown()))
        })
    }

    /// Whether the credentials file has a key for the profile.
    pub(super) fn credentials_have_a_key(&self, profile: &str) -> bool {
        let mut inside = false;
        self.credentials.text.lines().map(str::trim).any(|line| {
            if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                inside = header.0.trim() == profile;
                return false;
            }
            let name = line.split(['=', ':']).next().unwrap_or_default().trim();
            inside && name.eq_ignore_ascii_case("aws_access_key_id")
        })
    }

    /// Whether the configuration file has the section `[kind name]`.
    pub(super) fn has_section(&self, kind: &str, name: &str) -> bool {
        self.config.sections().filter_map(words).any(|(is, named)| is == kind && named == name)
    }

    /// Whether the configuration file has `[name]`, which is not a profile there.
    pub(super) fn has_bare_section(&self, name: &str) -> bool {
        self.config.sections().any(|section| section == name)
    }
}

impl File {
    fn read(named_by: &'static str, usual: &str) -> Self {
        let home = variable("HOME").or_else(|| variable("USERPROFILE")).map(PathBuf::from);
        let named = variable(named_by).map(PathBuf::from);
        let by = named.is_some().then_some(named_by);
        let path = named.unwrap_or_else(|| PathBuf::from("~/.aws").join(usual));
        let path = match (path.strip_prefix("~"), home) {
            (Ok(rest), Some(home)) => home.join(rest),
            _ => path,
        };
        let (text, state) = match text_of(&path) {
            Ok(text) => (text, State::Read),
            // boto3 does, and then finds another file.
            Err(State::Missing) if path.to_string_lossy().contains('$') => {
                let why = "variables in the path are not expanded: write it in full";
                (String::new(), State::Unusable(format!("{why} in {named_by}")))
            }
            Err(state) => (String::new(), state),
        };
        Self { path, named_by: by, text, state }
    }

    fn shown(&self) -> String {
        let missing = if self.state == State::Missing { " (no such file)" } else { "" };
        format!("{}{missing}", self.path.display())
    }

    fn sections(&self) -> impl Iterator<Item = &str> {
        let lines = self.text.lines();
        lines.filter_map(|line| Some(line.trim().strip_prefix('[')?.split_once(']')?.0.trim()))
    }
}

/// Returns the text of a regular file that is not too large.
pub(super) fn text_of(path: &Path) -> Result<String, State> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => State::Missing,
        ErrorKind::PermissionDenied => State::Denied(error.to_string()),
        _ => State::Unusable(error.to_string()),
    };
    let kind = std::fs::metadata(path).map_err(failed)?;
    if is_device(&kind) {
        return Ok(String::new());
    }
    if !kind.is_file() {
        // Reading a pipe would wait, and the SDK would treat it as empty.
        return Err(State::Unusable("expected a regular file".to_owned()));
    }
    if kind.len() > LARGEST {
        return Err(State::Unusable(format!("it is larger than {LARGEST} bytes")));
    }
    let text = String::from_utf8(std::fs::read(path).map_err(failed)?);
    text.map_err(|_| State::Unusable("it is not text in UTF-8: save it as UTF-8".to_owned()))
}

fn unreadable(path: &Path, why: &str) -> ProfileError {
    ProfileError::Unreadable { path: path.to_owned(), why: why.to_owned() }
}

/// Whether the file is a device such as `/dev/null`, which stands for an empty file.
fn is_device(metadata: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    return std::os::unix::fs::FileTypeExt::is_char_device(&metadata.file_type());
    #[cfg(not(unix))]
    return !metadata.is_dir();
}

/// Returns the SDK's text on one line.
pub(super) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
