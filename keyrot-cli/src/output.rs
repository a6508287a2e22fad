//! Files that are written as a whole.

use crate::problem::Problem;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Whether such a file could be written, before anything long begins.
pub(crate) fn check(path: &Path) -> Result<(), Problem> {
    let folder = folder(path);
    if !folder.is_dir() {
        return Err(Problem::usage(format!(
            "{} cannot be written: there is no folder {}",
            path.display(),
            folder.display()
        ))
        .hint("make the folder first, or name another file"));
    }
    match std::fs::metadata(path) {
        Ok(there) if !there.is_file() => Err(Problem::usage(format!("{} is not a file", path.display()))
            .hint("name a file, or leave --output out to write to stdout")),
        _ => Ok(()),
    }
}

/// Writes a file beside it and moves that into its place: whoever reads sees the old one or the new one, whole. Only its owner may read it.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), Problem> {
    // What a link points to is replaced, and not the link.
    let place: PathBuf = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let write = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder(&place))?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&place)?;
        Ok(())
    };
    write().map_err(|error| {
        let problem = Problem::failed(format!("{} cannot be written: {error}", path.display()));
        match error.kind() {
            ErrorKind::PermissionDenied => problem.hint("name a file in a folder that you may write to"),
            _ => problem,
        }
    })
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."))
}
