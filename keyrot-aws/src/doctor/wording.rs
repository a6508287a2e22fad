//! Lists and counts in words.

pub(crate) fn some(texts: &[String]) -> String {
    let more = texts.len().saturating_sub(3);
    let shown = texts[..texts.len() - more].join("; ");
    if more > 0 { format!("{shown}; and {more} more") } else { shown }
}

pub(crate) fn users(count: usize) -> String {
    if count == 1 { "1 selected user".to_owned() } else { format!("{count} selected users") }
}
