//! Where the SMTP passwords of SES are verified.

use crate::model::Partition;
use std::fmt;

/// An SMTP server of SES: a host, which differs by region, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SmtpEndpoint {
    host: String,
    port: u16,
}

/// The value of the setting.
#[derive(Debug, Clone, Default)]
pub(super) enum SmtpLogin {
    /// Verify by a login at the endpoints of SES.
    #[default]
    Ses,
    /// Verify by a login at this endpoint.
    At(SmtpEndpoint),
    /// Do not verify.
    Off,
}

/// The placeholder for the region in a host.
const REGION: &str = "{region}";
/// The placeholder for the last part of the names of AWS's hosts, which differs by partition.
const SUFFIX: &str = "{suffix}";

impl SmtpEndpoint {
    /// Parses `HOST:PORT`. `{region}` in the host stands for the region, and `{suffix}` for the
    /// [DNS suffix](Partition::dns_suffix) of its partition. Returns `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let port = port.parse().ok().filter(|port| *port > 0)?;
        let is_part = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        let plain = host.replace(REGION, "region").replace(SUFFIX, "suffix");
        (!plain.is_empty() && plain.bytes().all(is_part))
            .then(|| Self { host: host.to_owned(), port })
    }

    /// Returns the FIPS endpoints of AWS (AWS General Reference, "Amazon Simple Email Service
    /// endpoints and quotas").
    #[must_use]
    pub fn fips() -> Self {
        Self { host: format!("email-smtp-fips.{REGION}.{SUFFIX}"), port: 587 }
    }

    /// Returns the host for a region.
    #[must_use]
    pub fn host(&self, region: &str) -> String {
        let suffix = Partition::of_region(region).dns_suffix();
        self.host.replace(REGION, region).replace(SUFFIX, suffix)
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether TLS begins with the connection, and not after `STARTTLS` (SES developer guide,
    /// "Connecting to an Amazon SES SMTP endpoint").
    #[must_use]
    pub fn is_tls_wrapped(&self) -> bool {
        [465, 2465].contains(&self.port)
    }
}

impl Default for SmtpEndpoint {
    fn default() -> Self {
        Self { host: format!("email-smtp.{REGION}.{SUFFIX}"), port: 587 }
    }
}

/// Formats the endpoint so that [`parse`](SmtpEndpoint::parse) reads it.
impl fmt::Display for SmtpEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_a_host_and_a_port() {
        let ses = "email-smtp.{region}.{suffix}:587";
        assert_eq!(SmtpEndpoint::default().to_string(), ses);
        for text in [ses, "10.0.0.7:2465", "smtp_relay:25"] {
            assert_eq!(SmtpEndpoint::parse(text).unwrap().to_string(), text);
        }
        let own = SmtpEndpoint::parse("vpce-{region}-1.example.com:2465").unwrap();
        assert_eq!(own.host("eu-west-1"), "vpce-eu-west-1-1.example.com");
        assert!(own.is_tls_wrapped() && !SmtpEndpoint::default().is_tls_wrapped());
        for text in ["", ":587", "host", "host:", "host:0", "host:65536", "a b:1", "{user}:1"] {
            assert_eq!(SmtpEndpoint::parse(text), None, "{text}");
        }
        for text in ["smtp://host:587", "user@host:587", "host/path:587", "::1:587"] {
            assert_eq!(SmtpEndpoint::parse(text), None, "{text}");
        }
    }

    #[test]
    fn the_hosts_of_ses_end_as_those_of_the_regions_partition() {
        for (region, suffix) in [
            ("eu-central-1", "amazonaws.com"),
            ("us-gov-west-1", "amazonaws.com"),
            ("cn-north-1", "amazonaws.com.cn"),
            ("eusc-de-east-1", "amazonaws.eu"),
        ] {
            let host = |endpoint: SmtpEndpoint| endpoint.host(region);
            let expected = format!("email-smtp.{region}.{suffix}");
            assert_eq!(host(SmtpEndpoint::default()), expected);
            let fips = format!("email-smtp-fips.{region}.{suffix}");
            assert_eq!(host(SmtpEndpoint::fips()), fips);
        }
    }
}
