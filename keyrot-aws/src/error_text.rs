//! The texts of an error and of those below it, without secrets.

use std::error::Error;

/// The error's own text, and those of its sources.
pub(crate) fn links(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(next) = cause {
        texts.push(next.to_string());
        cause = next.source();
    }
    texts
}

/// In one text, without what is in it already.
pub(crate) fn joined(links: &[String]) -> String {
    links.iter().fold(String::new(), |text, more| match () {
        () if text.is_empty() => more.clone(),
        () if text.contains(more.as_str()) => text,
        () => format!("{text}: {more}"),
    })
}

/// The text at the end of the chain.
pub(crate) fn deepest(error: &(dyn Error + 'static)) -> Option<String> {
    std::iter::successors(Some(error), |at| (*at).source()).last().map(ToString::to_string)
}

pub(crate) fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut cause = Some(error);
    while let Some(next) = cause {
        if let Some(found) = next.downcast_ref() {
            return Some(found);
        }
        cause = next.source();
    }
    None
}

const HIDDEN: &str = "[hidden]";
/// As much of what AWS says as a message carries.
const LONGEST: usize = 600;

/// Takes out what was sent in secret, and whatever looks like a secret access key or a token: 40 or
/// more letters, digits, `/` and `+` of mixed kind. Control characters become spaces, and what is
/// invisible or turns the text is escaped.
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
