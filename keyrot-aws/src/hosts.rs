//! The names of hosts.

/// Whether the host has one of AWS's own names.
pub(crate) fn is_aws(host: &str) -> bool {
    [
        ".amazonaws.com",
        ".amazonaws.com.cn",
        ".amazonaws.eu",
        ".api.aws",
        ".api.amazonwebservices.com.cn",
    ]
    .iter()
    .any(|end| host.ends_with(end))
}

/// Whether the text is `HOST` or `HOST:PORT`.
pub(crate) fn is_place(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => (host, rest.strip_prefix(':').or(Some(""))),
        None => text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
    let is_v6 = text.starts_with('[') && host.parse::<std::net::Ipv6Addr>().is_ok();
    !host.is_empty()
        && (is_v6 || host.chars().all(fits))
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
}
