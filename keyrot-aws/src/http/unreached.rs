//! Explains a request without an answer: one sentence from keyrot and what to do, instead of the
//! lower layers' messages. The error is created where requests leave this process, so it is the
//! same for calls to AWS, for the sign-in behind credentials, and for webhooks.

use crate::hosts::{is_aws, is_place};
use crate::http::trust::Trust;
use crate::proxies;
use aws_smithy_runtime_api::client::result::ConnectorError;
use http::Uri;
use hyper_util::client::legacy::Error as PoolError;
use rustls::{CertificateError, Error as TlsError};
use std::error::Error;
use std::io::ErrorKind;

/// No answer came.
#[derive(Debug, thiserror::Error)]
#[error("{said}")]
pub(crate) struct Unreached {
    pub(crate) reason: Reason,
    /// Whether another attempt would be useless.
    pub(crate) is_lasting: bool,
    /// What happened, with the host.
    pub(crate) said: String,
    /// What to do.
    pub(crate) advice: String,
    /// Whether the host is this machine, or its metadata service.
    pub(crate) near: bool,
    #[source]
    cause: ConnectorError,
}

/// What went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// The host's certificate is signed by an authority that is not trusted.
    Untrusted,
    /// The certificate is for another host.
    WrongName,
    /// The certificate is not valid now.
    Outdated,
    /// The certificate cannot be used for another reason.
    BadCertificate,
    /// TLS negotiation failed.
    Tls,
    /// The host's name has no address.
    NoAddress,
    /// Nothing listens there.
    Refused,
    /// The host does not answer.
    ConnectTimeout,
    /// The proxy requires a password.
    ProxyPassword,
    /// The proxy refused to connect.
    ProxyRefused,
    /// The connection could not be made, for another reason.
    NoConnection,
    /// A connection was made, but no answer came in time.
    Timeout,
    /// A connection was made, and broke.
    Broke,
}

impl Reason {
    /// Whether the request may have arrived.
    pub(crate) fn sent(self) -> bool {
        matches!(self, Self::Timeout | Self::Broke)
    }

    /// Whether the next attempt would fail in the same way.
    pub(crate) fn is_lasting(self) -> bool {
        matches!(self, Self::Untrusted | Self::WrongName | Self::Outdated | Self::BadCertificate)
    }

    pub(crate) fn of(error: &ConnectorError) -> Self {
        let links = links(error);
        let find = |text: &str| links.iter().any(|link| link.to_string().contains(text));
        if let Some(tls) = Self::of_tls_in(&links) {
            return tls;
        }
        let connecting = links
            .iter()
            .any(|link| link.downcast_ref::<PoolError>().is_some_and(PoolError::is_connect));
        let io = links.iter().find_map(|link| link.downcast_ref::<std::io::Error>());
        match io.map(std::io::Error::kind) {
            _ if !connecting && error.is_timeout() => Self::Timeout,
            _ if !connecting => Self::Broke,
            _ if error.is_timeout() => Self::ConnectTimeout,
            _ if find("proxy authorization required") => Self::ProxyPassword,
            _ if find("tunnel error: unsuccessful") => Self::ProxyRefused,
            _ if find("dns error") => Self::NoAddress,
            Some(ErrorKind::ConnectionRefused) => Self::Refused,
            Some(ErrorKind::TimedOut) => Self::ConnectTimeout,
            _ => Self::NoConnection,
        }
    }

    /// Returns the error of a client that is not the SDK's, and whose connection failed.
    #[cfg(feature = "destinations")]
    pub(crate) fn of_connection(error: &(dyn Error + 'static)) -> Self {
        let links = links(error);
        let io = links.iter().find_map(|link| link.downcast_ref::<std::io::Error>());
        Self::of_tls_in(&links).unwrap_or(match io.map(std::io::Error::kind) {
            Some(ErrorKind::ConnectionRefused) => Self::Refused,
            Some(ErrorKind::TimedOut) => Self::ConnectTimeout,
            Some(ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof) => Self::Broke,
            _ if links.iter().any(|link| link.to_string().contains("lookup address")) => {
                Self::NoAddress
            }
            _ => Self::NoConnection,
        })
    }

    fn of_tls_in(links: &[&(dyn Error + 'static)]) -> Option<Self> {
        use CertificateError as C;
        let error = links.iter().find_map(|link| link.downcast_ref::<TlsError>())?;
        Some(match error {
            TlsError::InvalidCertificate(why) => match why {
                // A bad signature means another authority of the same name.
                C::UnknownIssuer | C::BadSignature => Self::Untrusted,
                C::NotValidForName | C::NotValidForNameContext { .. } => Self::WrongName,
                C::Expired
                | C::ExpiredContext { .. }
                | C::NotValidYet
                | C::NotValidYetContext { .. } => Self::Outdated,
                _ => Self::BadCertificate,
            },
            _ => Self::Tls,
        })
    }

    /// Returns one sentence about this host.
    pub(crate) fn said(self, host: &str, proxy: Option<&str>) -> String {
        let said = match self {
            Self::Untrusted => {
                format!(
                    "the certificate of {host} is signed by an authority that is not trusted here"
                )
            }
            Self::WrongName => format!("the certificate of {host} is for another name"),
            Self::Outdated => format!("the certificate of {host} has expired, or is not valid yet"),
            Self::BadCertificate => format!("the certificate of {host} is not valid"),
            Self::Timeout => format!("no answer from {host} in time"),
            Self::Broke => format!("the connection to {host} broke"),
            Self::Tls => format!("no connection to {host}: no TLS was agreed on"),
            Self::ProxyPassword => format!("no connection to {host}: the proxy wants a password"),
            Self::ProxyRefused => format!("no connection to {host}: the proxy refused it"),
            Self::NoConnection => format!("no connection to {host}"),
            Self::NoAddress | Self::Refused | Self::ConnectTimeout => {
                let end = proxy.map_or("it", |_| "the proxy");
                match self {
                    Self::NoAddress if proxy.is_none() => {
                        format!("no connection to {host}: the name cannot be resolved")
                    }
                    Self::NoAddress => {
                        format!("no connection to {host}: the proxy's name cannot be resolved")
                    }
                    Self::Refused => format!("no connection to {host}: {end} refused it"),
                    _ => format!("no connection to {host}: {end} did not answer in time"),
                }
            }
        };
        match proxy {
            Some(proxy) => format!("{said} (through the proxy {proxy})"),
            None => said,
        }
    }

    /// Returns what to do about it.
    pub(crate) fn advice(self, host: &str, proxy: bool, trust: &Trust) -> String {
        const PROXY: &str = "Check the proxy that HTTPS_PROXY names, or name the host in NO_PROXY";
        const ENDPOINT: &str =
            "Check the region, AWS_ENDPOINT_URL and its like, the proxy and the network";
        match self {
            Self::Untrusted | Self::BadCertificate => match trust.named() {
                Some(bundle) => format!(
                    "{bundle} is trusted in place of this machine's own authorities: add the one that signed this certificate to it"
                ),
                None => "If a proxy re-signs TLS, name a file with its authority's certificate in AWS_CA_BUNDLE, or as ca_bundle in the profile"
                    .to_owned(),
            },
            Self::WrongName => format!("Something else answers as {host}: check AWS_ENDPOINT_URL and its like, the proxy and DNS"),
            Self::Outdated => "Check this machine's clock, and the certificate of the proxy or endpoint".to_owned(),
            Self::Tls => "Check AWS_ENDPOINT_URL and its like, and the proxy: something there does not speak TLS as AWS does".to_owned(),
            _ if proxy => PROXY.to_owned(),
            Self::NoAddress | Self::ConnectTimeout | Self::NoConnection if is_aws(host) => {
                format!("Check the region and the network. {}", from_a_private_subnet(host))
            }
            _ => ENDPOINT.to_owned(),
        }
    }
}

/// Returns the error and its sources.
fn links<'e>(error: &'e (dyn Error + 'static)) -> Vec<&'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |at| below(*at)).collect()
}

/// IAM user guide, "Create a VPC endpoint for IAM": only in the region of its control plane.
fn from_a_private_subnet(host: &str) -> String {
    let service = host.split('.').next().unwrap_or_default();
    match service.trim_end_matches("-fips") {
        "iam" => "From a private subnet, IAM needs a NAT gateway or a proxy (HTTPS_PROXY); a VPC endpoint for IAM can be made only in the region \
                  of its control plane (us-east-1 for commercial regions)"
            .to_owned(),
        service => format!(
            "From a private subnet, it needs a NAT gateway, a proxy (HTTPS_PROXY) or a VPC endpoint for {service} in this region"
        ),
    }
}

impl Unreached {
    /// Adds the sentence to a failure of the HTTP client.
    pub(crate) fn around(cause: ConnectorError, uri: &str, near: bool, trust: &Trust) -> Self {
        Self::of(Reason::of(&cause), cause, uri, near, trust)
    }

    /// Returns the error for a host that is skipped now, because it failed several times.
    pub(crate) fn again(reason: Reason, uri: &str, near: bool, trust: &Trust) -> Self {
        let cause =
            ConnectorError::other("not tried: it was not reached a moment ago".into(), None);
        Self { is_lasting: true, ..Self::of(reason, cause, uri, near, trust) }
    }

    fn of(reason: Reason, cause: ConnectorError, uri: &str, near: bool, trust: &Trust) -> Self {
        let uri: Option<Uri> = uri.parse().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or("the endpoint").to_owned();
        let port = uri.as_ref().and_then(Uri::port_u16);
        let proxy = uri.filter(|_| !near).and_then(|uri| proxy_of(&uri));
        let shown = port.map_or(host.clone(), |port| format!("{host}:{port}"));
        Self {
            reason,
            is_lasting: reason.is_lasting(),
            said: reason.said(&shown, proxy.as_deref()),
            advice: reason.advice(&host, proxy.is_some(), trust),
            near,
            cause,
        }
    }

    /// Converts the error to the SDK's type, of the same kind.
    pub(crate) fn into_connector_error(self) -> ConnectorError {
        let kind = self.cause.as_other();
        match () {
            // The SDK retries errors that it classifies as network failures, for example in a
            // role's call.
            () if self.is_lasting => ConnectorError::other(self.into(), None),
            () if self.cause.is_timeout() => ConnectorError::timeout(self.into()),
            () if self.cause.is_io() => ConnectorError::io(self.into()),
            () => ConnectorError::other(self.into(), kind),
        }
    }
}

/// Returns the environment's proxy for this URL, without its password.
fn proxy_of(uri: &Uri) -> Option<String> {
    let proxy = proxies::matcher().intercept(uri)?;
    let authority = proxy.uri().authority()?.as_str();
    let place = authority.rsplit('@').next().unwrap_or_default();
    // If a URL's password contains `#` or `/`, the beginning of the password would be parsed as the
    // host.
    if !is_place(place) {
        return Some("of the environment".to_owned());
    }
    Some(format!("{}://{place}", proxy.uri().scheme_str().unwrap_or("http")))
}

/// Returns the next source. An `io::Error` leaves out the error that it wraps.
fn below<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(inner) => Some(inner as &(dyn Error + 'static)),
        None => error.source(),
    }
}
