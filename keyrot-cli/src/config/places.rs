//! The places of settings files.

use std::path::PathBuf;

/// The file in the current directory that is read if no other was named.
pub(super) const FILE: &str = "keyrot.toml";

/// `keyrot/keyrot.toml` in the user's configuration directory (XDG Base Directory Specification;
/// `APPDATA` on Windows).
pub(super) fn own_file() -> Option<PathBuf> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let xdg = set("XDG_CONFIG_HOME").filter(|dir| dir.is_absolute());
    let dir =
        xdg.or_else(|| set("HOME").map(|home| home.join(".config"))).or_else(|| set("APPDATA"))?;
    Some(dir.join("keyrot").join(FILE))
}

/// Returns what to do about a file in the current directory that is not trusted.
pub(super) fn ways_out() -> String {
    let own = own_file().map_or_else(
        || "~/.config/keyrot/keyrot.toml".to_owned(),
        |path| path.display().to_string(),
    );
    format!(
        "if you trust the file, add --config {FILE} or set KEYROT_CONFIG={FILE}; or move the setting to {own}"
    )
}
