//! Removes secrets from AWS's and the SDK's texts, before they become an error, a log line or an
//! event.

const HIDDEN: &str = "[hidden]";
/// The longest part of AWS's text in a message.
const LONGEST: usize = 600;

/// Removes secrets that were sent, and anything that looks like a secret access key or a token: a
/// mix of 40 or more letters, digits, `/` and `+`. Control characters become spaces, and invisible
/// or bidirectional control characters are escaped.
pub(crate) fn scrub(text: &str, hidden: &[&str]) -> String {
    let mut text = text.to_owned();
    for secret in hidden.iter().filter(|s| !s.is_empty()) {
        text = text.replace(secret, HIDDEN);
    }
    let mut clean = String::new();
    let mut run = String::new();
    for c in text.chars().chain(std::iter::once('\n')) {
        if c.is_ascii_alphanumeric() || "/+=".contains(c) {
            run.push(c);
            continue;
        }
        let has = |kind: fn(&char) -> bool| run.chars().any(|c| kind(&c));
        let secret = run.len() >= 40
            && has(char::is_ascii_uppercase)
            && has(char::is_ascii_lowercase)
            && has(char::is_ascii_digit);
        clean.push_str(if secret { HIDDEN } else { &run });
        run.clear();
        clean.push(if c.is_control() { ' ' } else { c });
    }
    let words: Vec<&str> = clean.split_whitespace().collect();
    keyrot_core::model::visible(&words.join(" ")).chars().take(LONGEST).collect()
}
