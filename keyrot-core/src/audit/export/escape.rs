//! Escapes text for other formats: user names may contain `=+-@,`, and tags anything.

use crate::model::text::visible;
use std::fmt;

/// Escapes text for HTML and SVG, in an element or in a quoted attribute.
pub(super) struct Html<T>(pub(super) T);

impl<T: fmt::Display> fmt::Display for Html<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in visible(&self.0.to_string()).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // HTML does not allow these characters.
                c if c.is_control() && !matches!(c, '\n' | '\t') => f.write_str("\u{fffd}")?,
                c => write!(f, "{c}")?,
            }
        }
        Ok(())
    }
}

/// Returns a cell that no spreadsheet treats as a formula (OWASP, "CSV Injection"): a text that
/// starts like one gets an apostrophe. The CSV writer quotes the rest.
pub(super) fn cell(text: &str) -> String {
    let text = visible(text);
    match text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        true => format!("'{text}"),
        false => text.into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_gets_out_of_an_element_or_an_attribute() {
        let text = Html("<script>alert(\"1\" & '2')</script>\u{1b}[31m").to_string();
        assert_eq!(
            text,
            "&lt;script&gt;alert(&quot;1&quot; &amp; &#39;2&#39;)&lt;/script&gt;\u{fffd}[31m"
        );
    }

    #[test]
    fn no_cell_is_a_formula() {
        for start in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"] {
            assert_eq!(cell(start), format!("'{start}"));
        }
        assert_eq!(cell("\u{202e}=1"), "\\u{202e}=1");
        assert_eq!(Html("a\u{202e}b").to_string(), "a\\u{202e}b");
        assert_eq!((cell("ci=1"), cell("")), ("ci=1".to_owned(), String::new()));
    }
}
