//! The names of the users of the last listing, for shell completion: a file in the user's cache
//! directory that only its owner can read. It holds names and nothing else.

use crate::files::{self, Access};
use keyrot_core::{Selected, UserName};
use std::path::PathBuf;

/// The size limit: far more than the names of all users that an account can have.
const LARGEST: u64 = 4 * 1024 * 1024;

/// Stores the names of the selected users for completion. A failure is ignored.
pub(crate) fn remember(sandbox: bool, selected: &Selected) {
    let names = selected.chosen.iter().map(|target| target.subject.user.as_str());
    let text: String = names.map(|name| format!("{name}\n")).collect();
    let _ = keep(sandbox, &text);
}

fn keep(sandbox: bool, text: &str) -> Option<()> {
    let place = place(sandbox)?;
    if files::read(&place, LARGEST).is_ok_and(|before| before == text.as_bytes()) {
        return Some(());
    }
    files::make_private_dir(files::folder(&place)).ok()?;
    let file = files::beside(&place, text.as_bytes(), Access::Owner).ok()?;
    file.persist(&place).ok().map(drop)
}

/// Returns the names of the last listing.
pub(crate) fn recalled(sandbox: bool) -> Vec<UserName> {
    let bytes = place(sandbox).and_then(|place| files::read(&place, LARGEST).ok());
    let text = bytes.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    // Text that is not a valid name could be harmful in a shell.
    text.lines().filter_map(|line| UserName::parse(line).ok()).collect()
}

fn place(sandbox: bool) -> Option<PathBuf> {
    let cache = files::cache_dir()?;
    Some(cache.join(if sandbox { "sandbox-users" } else { "users" }))
}
