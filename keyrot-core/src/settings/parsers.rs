//! Parses the values of individual settings.

use super::value::{Raw, Wrong, is_region, is_tag, switch};
use crate::selection::pattern::Pattern;

/// There are fewer regions with SMTP endpoints, and the size of a secret's value is limited.
const MOST_SMTP_REGIONS: usize = 40;

/// Parses the key and the value of the tag that selects users.
pub(super) fn selecting_tag(raw: &Raw) -> Result<(String, String), Wrong> {
    let (key, value) = raw.text().split_once('=').unwrap_or((raw.text(), "True"));
    if key.to_lowercase().starts_with("aws:") || !is_tag(key, 1, 128) || !is_tag(value, 0, 256) {
        return Err(raw.wrong("KEY=VALUE such as RotateKey=True, or a tag's KEY alone"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

/// Parses an IAM path.
pub(super) fn path(raw: &Raw) -> Result<String, Wrong> {
    let path = raw.text();
    // Without the trailing slash, /ci would also match /cidr/.
    let ends = path.starts_with('/') && path.ends_with('/') && path.len() <= 512;
    if !ends || !path.bytes().all(|b| (0x21..=0x7f).contains(&b)) {
        return Err(raw.wrong("a path with a slash at both ends, such as /ci/"));
    }
    Ok(path.to_owned())
}

/// Parses patterns for user names.
pub(super) fn patterns(raw: &Raw) -> Result<Vec<Pattern>, Wrong> {
    let expected = "a user name, with * for any characters and ? for one";
    let parse =
        |text: &String| Pattern::parse(text).map_err(|_| (text.clone(), expected.to_owned()));
    raw.list().iter().map(parse).collect()
}

/// Parses regions with an SMTP endpoint.
pub(super) fn smtp_regions(raw: &Raw) -> Result<Vec<String>, Wrong> {
    let all = regions(raw)?;
    if all.len() > MOST_SMTP_REGIONS {
        return Err((format!("{} regions", all.len()), "at most 40 regions".to_owned()));
    }
    Ok(all)
}

/// Whether the text is the URL of an endpoint.
pub(super) fn is_endpoint(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let fits = |b: u8| b.is_ascii_graphic() && !b"@?#".contains(&b);
    rest.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(fits))
}

/// Parses hosts, each with its port.
pub(super) fn hosts(raw: &Raw) -> Result<Vec<String>, Wrong> {
    let fits = |text: &&String| {
        let port = text
            .rsplit_once(':')
            .filter(|(host, _)| !host.is_empty())
            .map(|(_, port)| port.parse::<u16>());
        port.is_some_and(|port| port.is_ok_and(|port| port > 0))
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
    };
    match raw.list().iter().find(|text| !fits(text)) {
        Some(wrong) => Err((
            wrong.clone(),
            "HOST:PORT, without http:// and without a path, such as ministack:4566".to_owned(),
        )),
        None => Ok(raw.list().to_vec()),
    }
}

/// Parses regions.
pub(super) fn regions(raw: &Raw) -> Result<Vec<String>, Wrong> {
    match raw.list().iter().find(|region| !is_region(region)) {
        Some(region) => Err((region.clone(), "regions such as eu-central-1".to_owned())),
        None => Ok(raw.list().to_vec()),
    }
}

/// Parses `true` or `false`; `None` for an empty text.
pub(super) fn optional_switch(raw: &Raw) -> Result<Option<bool>, Wrong> {
    if raw.text().is_empty() { Ok(None) } else { switch(raw).map(Some) }
}

/// Parses the name of a JSON field.
pub(super) fn field(raw: &Raw) -> Result<String, Wrong> {
    let name = raw.text();
    let fits = (1..=128).contains(&name.len()) && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
        .ok_or_else(|| raw.wrong("the name of a JSON field, such as AccessKeyId"))
}
