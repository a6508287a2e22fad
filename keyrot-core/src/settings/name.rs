//! Checks names in settings.

/// Whether the text is 1 to `longest` ASCII letters, digits, and `more`.
pub(super) fn is_name(text: &str, longest: usize, more: &str) -> bool {
    (1..=longest).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}

/// Whether a path is absolute, on Unix or on Windows.
pub(super) fn is_absolute(path: &str) -> bool {
    let drive = path.split_once(":\\").is_some_and(|(drive, _)| drive.len() == 1);
    (path.starts_with('/') || drive) && path.len() > 1
}
