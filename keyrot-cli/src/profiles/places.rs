//! Where the files are.

use super::LARGEST;
use crate::files;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// The two files, whether or not they are there.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) config: Option<PathBuf>,
}

impl Places {
    /// As every AWS tool finds them (AWS SDKs and Tools Reference Guide, "Location of the shared files").
    pub(crate) fn of_environment() -> Self {
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
}

/// The file's bytes; none where there is no file.
pub(crate) fn read(path: Option<&Path>) -> std::io::Result<Vec<u8>> {
    match path.map(|path| files::read(path, LARGEST)) {
        Some(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error),
        Some(Ok(bytes)) => Ok(bytes),
        _ => Ok(Vec::new()),
    }
}
