//! The texts of an error and of its sources. They may contain secrets, which [`scrub`] removes.

pub(crate) mod scrub;

use std::error::Error;

/// Returns the error's own text, and those of its sources.
pub(crate) fn links(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(next) = cause {
        texts.push(next.to_string());
        cause = next.source();
    }
    texts
}

/// Joins the texts, without repetitions.
pub(crate) fn joined(links: &[String]) -> String {
    links.iter().fold(String::new(), |text, more| match () {
        () if text.is_empty() => more.clone(),
        () if text.contains(more.as_str()) => text,
        () => format!("{text}: {more}"),
    })
}

/// Returns the text at the end of the chain.
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
