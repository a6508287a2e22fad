//! An HTTP client for what is not called through an SDK client: webhooks, and SSM.

use crate::http::{connector, is_near};
use crate::scrub::scrub;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_runtime_api::client::http::{HttpConnector, HttpConnectorSettings};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::byte_stream::ByteStream;
use hyper_util::client::legacy::Error as PoolError;
use std::error::Error;
use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

/// To the beginning of an answer.
const READ: Duration = Duration::from_secs(5);

/// An HTTP client with the TLS and the proxies of the SDK's. It is made with the first request, and
/// follows no redirect.
#[derive(Default)]
pub(crate) struct Http {
    proxied: OnceLock<Connector>,
    /// For this machine itself.
    direct: OnceLock<Connector>,
}

/// No answer came.
#[derive(Debug)]
pub(crate) struct Lost(String);

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Http {
    /// Sends it once.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpResponse, Lost> {
        let near =
            request.uri().parse::<http::Uri>().is_ok_and(|uri| uri.host().is_some_and(is_near));
        let client = if near { &self.direct } else { &self.proxied };
        let client = client.get_or_init(|| {
            let limits = HttpConnectorSettings::builder()
                .connect_timeout(Duration::from_secs(3))
                .read_timeout(READ);
            let proxies = if near { ProxyConfig::disabled() } else { ProxyConfig::from_env() };
            connector(Some(limits.build()), None, proxies)
        });
        client.call(request).await.map_err(|error| Lost::read(&error))
    }

    /// The beginning of the body; empty if it breaks off.
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
    /// In words without a URL: hyper's own may name host and path.
    fn read(error: &ConnectorError) -> Self {
        let mut deepest: &dyn Error = error;
        let mut connecting = false;
        loop {
            connecting |= deepest.downcast_ref::<PoolError>().is_some_and(PoolError::is_connect);
            match deepest.source() {
                Some(next) => deepest = next,
                None => break,
            }
        }
        let why = scrub(&deepest.to_string(), &[]);
        Self(match () {
            () if error.is_timeout() => "no answer in time".to_owned(),
            () if connecting => format!("no connection: {why}"),
            () => format!("the connection broke: {why}"),
        })
    }
}
