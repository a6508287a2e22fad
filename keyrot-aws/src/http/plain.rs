//! An HTTP client for calls without an SDK client: webhooks, SSM, and destinations.

use crate::http::guarded::{connector, is_near};
use crate::http::trust::Trust;
use crate::http::unreached::Reason;
use crate::proxies::{self, Proxy};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::byte_stream::ByteStream;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

/// The time limit until an answer begins.
const READ: Duration = Duration::from_secs(5);

/// An HTTP client with the SDK's TLS, trusted certificates and proxies. It is created with the
/// first request, and follows no redirect.
pub(crate) struct Http {
    trust: Trust,
    proxied: OnceLock<Connector>,
    /// The client for this machine itself.
    direct: OnceLock<Connector>,
}

/// No answer came.
#[derive(Debug)]
pub(crate) struct Lost {
    said: String,
    /// Whether the next attempt would fail in the same way.
    pub(crate) is_lasting: bool,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.said)
    }
}

impl Http {
    pub(crate) fn new(trust: &Trust) -> Self {
        Self { trust: trust.clone(), proxied: OnceLock::new(), direct: OnceLock::new() }
    }

    /// Returns which certificates it trusts.
    #[cfg(feature = "destinations")]
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Sends the request once.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Lost> {
        let near =
            request.uri().parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some_and(is_near));
        let client = if near { &self.direct } else { &self.proxied };
        let client = client.get_or_init(|| {
            let limits = HttpConnectorSettings::builder()
                .connect_timeout(Duration::from_secs(3))
                .read_timeout(READ);
            let proxies = if near { ProxyConfig::disabled() } else { proxies::config() };
            connector(Some(limits.build()), None, proxies, &self.trust)
        });
        client.call(request).await.map_err(|error| Lost::read(&error, near, &self.trust))
    }

    /// Returns the beginning of the body; empty if it breaks off.
    pub(crate) async fn body(&self, answer: &mut HttpResponse, most: usize) -> Vec<u8> {
        let mut body = ByteStream::new(answer.take_body());
        let mut read = Vec::new();
        while read.len() < most
            && let Some(Ok(bytes)) = body.next().await
        {
            read.extend_from_slice(&bytes);
        }
        read.truncate(most);
        read
    }
}

impl Lost {
    /// Returns the error for a request that was not sent, and would not be sent in the next
    /// attempt.
    #[cfg(feature = "destinations")]
    pub(crate) fn lasting(said: &str) -> Self {
        Self { said: said.to_owned(), is_lasting: true }
    }

    /// Returns a message without a URL: hyper's own message may name host and path.
    fn read(error: &ConnectorError, near: bool, trust: &Trust) -> Self {
        let reason = Reason::of(error);
        let proxied = !near && Proxy::of_environment().is_some();
        let said = reason.said("the server", None);
        let is_lasting = reason.is_lasting();
        let said = match (is_lasting, proxied) {
            (true, _) => format!("{said}. {}", reason.advice("the server", false, trust)),
            (false, true) => format!("{said} (a proxy is set in the environment)"),
            (false, false) => said,
        };
        Self { said, is_lasting }
    }
}
