//! "Did you mean …?"

/// Returns the candidate that is closest to a mistyped `word`; `None` if none is close.
pub(crate) fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let word = plain(word);
    // If up to a third of the letters are wrong, it is a typo; otherwise it is another word.
    let limit = (word.chars().count() / 3).max(1);
    among
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&word, &plain(candidate)), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_intended_word_and_nothing_unrelated() {
        let names = ["overlap", "max_age", "quiet"];
        assert_eq!(nearest("overlpa", names), Some("overlap"));
        assert_eq!(nearest("max-age", names), Some("max_age"));
        assert_eq!(nearest("QUIET", names), Some("quiet"));
        assert_eq!(nearest("webhook", names), None);
        assert_eq!(nearest("", names), None);
    }
}
