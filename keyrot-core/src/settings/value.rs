//! Converts text to values.

use crate::model::text::format_duration;
use crate::settings::destination::spec::DestinationSpec;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

/// A value as it was written, in the form of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    Text(String),
    List(Vec<String>),
    Table(BTreeMap<String, String>),
    Destinations(Vec<DestinationSpec>),
}

/// The value in a form that may be shown, and what was expected.
pub(super) type Wrong = (String, String);

impl Kind {
    /// Reads a value from the environment or a flag.
    pub(super) fn parse(self, text: &str) -> Result<Raw, Wrong> {
        let items = || text.split(',').map(str::trim).filter(|item| !item.is_empty());
        match self {
            Self::List => Ok(Raw::List(items().map(str::to_owned).collect())),
            Self::Table => {
                let pair = |item: &str| {
                    let (key, value) = item.split_once('=').ok_or_else(|| {
                        (
                            shown(item),
                            "KEY=VALUE, and commas between several; for values with commas use the file".to_owned(),
                        )
                    })?;
                    Ok((key.trim().to_owned(), value.trim().to_owned()))
                };
                items().map(pair).collect::<Result<_, Wrong>>().map(Raw::Table)
            }
            Self::Text | Self::Duration | Self::Number | Self::Switch => {
                Ok(Raw::Text(text.trim().to_owned()))
            }
            // Tables are parsed elsewhere, where each error in them can be reported.
            Self::Tables => Err(("(hidden)".to_owned(), Self::Tables.in_toml().to_owned())),
        }
    }

    /// Formats a valid value as in the environment, in its normal form: `7d` for `168h`.
    pub(super) fn normal(self, raw: &Raw) -> String {
        let normal = match self {
            Self::Duration => duration(raw).ok().map(format_duration),
            Self::Number => raw.text().parse::<usize>().ok().map(|number| number.to_string()),
            Self::Switch => switch(raw).ok().map(|on| on.to_string()),
            Self::Text | Self::List | Self::Table | Self::Tables => None,
        };
        // `none`, or an empty text.
        normal.unwrap_or_else(|| raw.show())
    }
}

impl Raw {
    /// Formats the value as in the environment.
    pub(super) fn show(&self) -> String {
        match self {
            Self::Text(text) => without_password(text),
            Self::List(items) => items.join(","),
            Self::Table(entries) => {
                entries.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(",")
            }
            Self::Destinations(specs) if specs.is_empty() => String::new(),
            Self::Destinations(specs) => {
                let all: Vec<&str> = specs.iter().map(|spec| spec.json.as_str()).collect();
                format!("[{}]", all.join(","))
            }
        }
    }

    /// Combines both values if their kind allows that; otherwise returns the later one.
    pub(super) fn and(&self, later: Self) -> Self {
        match (self, later) {
            (Self::List(before), Self::List(later)) => {
                Self::List(before.iter().cloned().chain(later).collect())
            }
            (Self::Table(before), Self::Table(later)) => {
                Self::Table(before.clone().into_iter().chain(later).collect())
            }
            (_, later) => later,
        }
    }

    /// Returns the text. Lists and tables have none, and the table of settings never asks for it.
    pub(super) fn text(&self) -> &str {
        if let Self::Text(text) = self { text } else { "" }
    }

    pub(super) fn list(&self) -> &[String] {
        if let Self::List(items) = self { items } else { &[] }
    }

    pub(super) fn wrong(&self, expected: impl Into<String>) -> Wrong {
        (shown(&self.show()), expected.into())
    }
}

/// Returns the beginning of a text, safe for a message.
pub(super) fn shown(text: &str) -> String {
    let mut short: String = without_password(text).chars().take(80).collect();
    if text.chars().count() > 80 {
        short.push('…');
    }
    short
}

/// Hides the password or token that a URL may contain.
fn without_password(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (login, rest) = match rest.rsplit_once('@') {
        Some((_, rest)) => ("(hidden)@", rest),
        None => ("", rest),
    };
    match rest.find(['?', '#']) {
        Some(at) => format!("{scheme}://{login}{}(hidden)", &rest[..=at]),
        None => format!("{scheme}://{login}{rest}"),
    }
}

pub(super) fn duration(raw: &Raw) -> Result<Duration, Wrong> {
    humantime::parse_duration(raw.text())
        .map_err(|_| raw.wrong("a duration such as 90d, 12h or 30m"))
}

pub(super) fn switch(raw: &Raw) -> Result<bool, Wrong> {
    match raw.text().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => Err(raw.wrong("true or false")),
    }
}

pub(super) fn number(raw: &Raw, least: usize, most: usize, hint: &str) -> Result<usize, Wrong> {
    let fits = raw.text().parse().ok().filter(|n| (least..=most).contains(n));
    fits.ok_or_else(|| raw.wrong(format!("a whole number from {least} to {most}{hint}")))
}

/// Returns `None` for an empty text, otherwise the text if it follows the rule.
pub(super) fn optional(
    raw: &Raw,
    expected: &str,
    fits: impl Fn(&str) -> bool,
) -> Result<Option<String>, Wrong> {
    match raw.text() {
        "" => Ok(None),
        text if fits(text) => Ok(Some(text.to_owned())),
        _ => Err(raw.wrong(expected)),
    }
}

/// Parses the tags for new secrets by the rules of Secrets Manager (API reference, data type `Tag`,
/// and its quota of 50 per secret).
pub(super) fn secret_tags(raw: &Raw) -> Result<BTreeMap<String, String>, Wrong> {
    let Raw::Table(tags) = raw else { return Err(raw.wrong("a table of tags")) };
    // keyrot's own journal needs room within the 50 tags.
    if tags.len() > 45 {
        return Err((format!("{} tags", tags.len()), "at most 45 tags".to_owned()));
    }
    for (key, value) in tags {
        let reserved =
            ["aws:", "keyrot:"].iter().any(|start| key.to_lowercase().starts_with(start));
        if reserved || !is_tag(key, 1, 128) || !is_tag(value, 0, 256) {
            let mut seen = String::new();
            let _ = write!(seen, "{key}={value}");
            let rule = "keys of 1 to 128 and values of at most 256 letters, digits, spaces and _ . : / = + - @, no key beginning with aws: or keyrot:";
            return Err((shown(&seen), rule.to_owned()));
        }
    }
    Ok(tags.clone())
}

/// Whether AWS accepts the text as a tag's key or value.
pub(super) fn is_tag(text: &str, least: usize, most: usize) -> bool {
    let fits = |c: char| c.is_alphanumeric() || c == ' ' || "_.:/=+-@".contains(c);
    (least..=most).contains(&text.chars().count()) && text.chars().all(fits)
}

/// Whether the text looks like a region's name.
pub(super) fn is_region(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// The kind of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// A duration such as `90d`, with quotes in the file.
    Duration,
    /// A whole number.
    Number,
    /// `true` or `false`.
    Switch,
    /// Texts: `["a", "b"]` in the file, `a,b` elsewhere.
    List,
    /// Names and values: a table in the file, `k=v,k=v` elsewhere.
    Table,
    /// Several tables: `[[name]]` in the file, a JSON array of objects in the environment. They
    /// have no flag.
    Tables,
}

impl Kind {
    /// Returns the placeholder for the value in help, such as `DURATION`.
    #[must_use]
    pub fn placeholder(self) -> &'static str {
        match self {
            Self::Text => "TEXT",
            Self::Duration => "DURATION",
            Self::Number => "NUMBER",
            Self::Switch => "true|false",
            Self::List => "A,B",
            Self::Table => "K=V,K=V",
            Self::Tables => "JSON",
        }
    }

    pub(crate) fn in_toml(self) -> &'static str {
        match self {
            Self::Text => "a text in quotes",
            Self::Duration => "a duration in quotes, such as \"90d\" or \"12h\"",
            Self::Number => "a whole number without quotes",
            Self::Switch => "true or false without quotes",
            Self::List => "a list of texts such as [\"a\", \"b\"]",
            Self::Table => "a table of texts such as { team = \"ops\" }",
            Self::Tables => "tables such as [[destination]]",
        }
    }
}
