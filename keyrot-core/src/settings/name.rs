//! Whether a text may be a name in a setting.

/// Whether the text is 1 to `longest` ASCII letters, digits, and `more`.
pub(super) fn is_name(text: &str, longest: usize, more: &str) -> bool {
    (1..=longest).contains(&text.len())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
}
