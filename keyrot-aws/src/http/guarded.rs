//! The one path for all requests and answers of this process.
//!
//! - Requests to instance metadata, container credentials and this machine itself never use a
//!   proxy.
//! - Nothing is sent unencrypted to other hosts, unless the settings name them.
//! - An answer is read up to a limit.
//! - AWS's time comes from each answer's `Date`. The header is hidden from the SDK, which would
//!   otherwise correct the clock for its signatures. That clock would then differ from the one for
//!   decisions, and the clients inside `aws-config` have no option to turn that off.

use crate::clock::AwsTime;
use crate::http::down::Down;
use crate::http::trust::Trust;
use crate::http::unreached::Unreached;
use crate::proxies;
use aws_smithy_async::rt::sleep::SharedAsyncSleep;
use aws_smithy_http_client::{Builder, Connector, ConnectorBuilder, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::ConfigBag;
use chrono::DateTime;
use http::Uri;
use http_body_util::Limited;
use keyrot_core::model::WrongClock;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

const MIB: usize = 1 << 20;
/// The limit for lists of a whole account. An IAM page has up to 1,000 users with their policies
/// and tags, the credential report a line for each of 5,000 users, and a CloudTrail page 50 records
/// of 256 KB.
pub(crate) const LONG_ANSWER: usize = 64 * MIB;
/// The limit for everything else: a secret's value has at most 64 KiB (Secrets Manager user guide,
/// "AWS Secrets Manager quotas").
pub(crate) const SHORT_ANSWER: usize = MIB;

/// The HTTP client of every SDK client, including those inside `aws-config`. Cheap to clone; clones
/// share connections.
#[derive(Debug, Clone)]
pub(crate) struct Guarded {
    proxied: SharedHttpClient,
    direct: SharedHttpClient,
    /// The hosts, as `HOST:PORT`, that may be called without TLS.
    unencrypted: Arc<[String]>,
    trust: Trust,
    /// The hosts to skip for now.
    down: Down,
    longest: usize,
    /// Where AWS's time is stored. Other services (metadata, containers) do not provide it.
    time: Option<AwsTime>,
}

/// The URL from which an answer came.
#[derive(Debug, Clone)]
pub(crate) struct Asked(pub(crate) String);

/// A request that would have been readable in transit.
#[derive(Debug, thiserror::Error)]
#[error(
    "the endpoint {scheme}://{host} is refused: credentials and secrets would be readable on the way. Use https://, or name the host in the \
     setting allow_http_endpoints = [\"{host}\"]"
)]
struct Unencrypted {
    scheme: String,
    host: String,
}

impl Guarded {
    /// Returns a client for HTTPS by rustls, with the trusted certificates and the environment's
    /// proxies.
    pub(crate) fn https(unencrypted: &[String], trust: &Trust) -> Self {
        let client = |proxies: fn() -> ProxyConfig| {
            let trust = trust.clone();
            // This is how the SDK makes its own default client; the builder's other methods leave
            // out the proxies.
            Builder::new().build_with_connector_fn(move |settings, components| {
                let sleep = components.and_then(RuntimeComponents::sleep_impl);
                connector(settings.cloned(), sleep, proxies(), &trust)
            })
        };
        Self::new(client(proxies::config), client(ProxyConfig::disabled), unencrypted, trust)
    }

    pub(crate) fn new(
        proxied: SharedHttpClient,
        direct: SharedHttpClient,
        unencrypted: &[String],
        trust: &Trust,
    ) -> Self {
        let (unencrypted, trust) = (unencrypted.into(), trust.clone());
        let down = Down::default();
        Self { proxied, direct, unencrypted, trust, down, longest: SHORT_ANSWER, time: None }
    }

    /// Returns which certificates are trusted.
    pub(crate) fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Returns the client for an AWS service, whose answers have AWS's time.
    pub(crate) fn of_service(&self, longest: usize, time: &AwsTime) -> SharedHttpClient {
        SharedHttpClient::new(Self { longest, time: Some(time.clone()), ..self.clone() })
    }
}

impl HttpClient for Guarded {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let (client, settings, components) = (self.clone(), settings.clone(), components.clone());
        SharedHttpConnector::new(Gate { client, settings, components })
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        HttpClient::validate_final_config(&self.proxied, components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.proxied.connector_metadata()
    }
}

/// Chooses the path of each request, because only the request has its target.
#[derive(Debug)]
struct Gate {
    client: Guarded,
    settings: HttpConnectorSettings,
    components: RuntimeComponents,
}

impl HttpConnector for Gate {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let near = match may_be_called(request.uri(), &self.client.unencrypted) {
            Ok(host) => is_near(&host),
            Err(error) => return HttpConnectorFuture::ready(Err(ConnectorError::user(error))),
        };
        let uri = request.uri().to_owned();
        let (trust, down) = (self.client.trust.clone(), self.client.down.clone());
        let (time, longest) = (self.client.time.clone(), self.client.longest);
        let place = place(&uri);
        if let Some(reason) = down.reason(&place, Instant::now()) {
            let known = Unreached::again(reason, &uri, near, &trust);
            return HttpConnectorFuture::ready(Err(known.into_connector_error()));
        }
        let way = if near { &self.client.direct } else { &self.client.proxied };
        let answer = way.http_connector(&self.settings, &self.components).call(request);
        let sent = Instant::now();
        HttpConnectorFuture::new(async move {
            let mut response = match answer.await {
                Ok(response) => response,
                Err(error) if error.is_user() => return Err(error),
                Err(error) => {
                    let unreached = Unreached::around(error, &uri, near, &trust);
                    match unreached.reason.sent() {
                        true => down.reached(&place),
                        false => down.failed(&place, unreached.reason, Instant::now()),
                    }
                    return Err(unreached.into_connector_error());
                }
            };
            down.reached(&place);
            response.add_extension(Asked(uri));
            learn(&mut response, time.as_ref(), sent);
            bound(&mut response, longest);
            Ok(response)
        })
    }
}

/// Returns the host and port of a URL.
fn place(uri: &str) -> String {
    let authority = uri.parse::<Uri>().ok().and_then(|uri| uri.authority().cloned());
    authority.map(|authority| authority.to_string()).unwrap_or_default()
}

/// Returns the URL's host, if a request may be sent there.
pub(crate) fn may_be_called(url: &str, unencrypted: &[String]) -> Result<String, BoxError> {
    const NO_URL: &str =
        "an endpoint is not a URL with a host: expected one such as https://sts.example.com";
    let uri: Uri = url.parse().map_err(|_| NO_URL)?;
    let host = uri.host().ok_or(NO_URL)?.to_owned();
    let port = uri.port_u16().unwrap_or(80);
    let named =
        || unencrypted.iter().any(|named| named.eq_ignore_ascii_case(&format!("{host}:{port}")));
    if uri.scheme_str() == Some("https") || is_near(&host) || named() {
        return Ok(host);
    }
    let scheme = uri.scheme_str().unwrap_or("http").to_owned();
    Err(Unencrypted { scheme, host: format!("{host}:{port}") }.into())
}

/// Whether the host is this machine, or is reachable only on this machine's link: loopback,
/// instance metadata (169.254.169.254, fd00:ec2::254), container credentials (169.254.170.2,
/// 169.254.170.23, fd00:ec2::23). A proxy can't reach this machine's own services: it would reach
/// those of its own host.
pub(crate) fn is_near(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    let v4 = |ip: Ipv4Addr| ip.is_loopback() || ip.is_link_local();
    match host.parse() {
        Ok(IpAddr::V4(ip)) => v4(ip),
        Ok(IpAddr::V6(ip)) => {
            let metadata = matches!(ip.segments(), [0xfd00, 0xec2, ..]);
            ip.is_loopback()
                || ip.is_unicast_link_local()
                || metadata
                || ip.to_ipv4_mapped().is_some_and(v4)
        }
        Err(_) => {
            let host = host.to_ascii_lowercase();
            host == "localhost" || host.ends_with(".localhost")
        }
    }
}

/// Takes the time out of the answer. Only AWS's own answers count, which have a request id: a
/// proxy's page has the proxy's time, and a cached answer has an old time.
fn learn(response: &mut HttpResponse, time: Option<&AwsTime>, sent: Instant) {
    let headers = response.headers_mut();
    let date = headers.remove("date").and_then(|text| DateTime::parse_from_rfc2822(&text).ok());
    let own =
        ["x-amzn-requestid", "x-amz-request-id"].iter().any(|name| headers.contains_key(name));
    let (Some(time), Some(date), true) = (time, date, own && !headers.contains_key("age")) else {
        return;
    };
    time.learn(date.to_utc(), sent);
    // This is for whoever reads the answer: it explains why a signature was refused.
    if let Some(wrong) = WrongClock::check(SystemTime::now().into(), time.now()) {
        response.add_extension(wrong);
    }
}

/// Makes reading the answer fail beyond this many bytes.
fn bound(response: &mut HttpResponse, longest: usize) {
    let known = response.body().bytes().map(<[u8]>::len);
    if known.is_none_or(|known| known > longest) {
        let body = Limited::new(response.take_body(), longest);
        *response.body_mut() = SdkBody::from_body_1_x(body);
    }
}

/// Returns a client for HTTPS by rustls, through these proxies.
pub(crate) fn connector(
    settings: Option<HttpConnectorSettings>,
    sleep: Option<SharedAsyncSleep>,
    proxies: ProxyConfig,
    trust: &Trust,
) -> Connector {
    let mut connector = ConnectorBuilder::default()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc));
    if let Some(context) = trust.context() {
        connector.set_tls_context(context);
    }
    connector.set_connector_settings(settings);
    if sleep.is_some() {
        connector.set_sleep_impl(sleep);
    }
    connector.set_proxy_config(Some(proxies));
    connector.build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_smithy_runtime_api::http::StatusCode;
    use std::time::Duration;

    #[test]
    fn local_hosts_are_never_called_through_a_proxy() {
        for near in [
            "localhost",
            "LOCALHOST.",
            "x.localhost",
            "127.0.0.1",
            "127.9.9.9",
            "[::1]",
            "::1",
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "[fd00:ec2::254]",
            "[fd00:ec2::23]",
            "[::ffff:169.254.169.254]",
            "[fe80::1]",
        ] {
            assert!(is_near(near), "{near}");
        }
        for far in [
            "sts.amazonaws.com",
            "localhost.example.com",
            "notlocalhost",
            "169.253.169.254",
            "10.0.0.1",
            "[fd00:ec3::254]",
            "[2001:db8::1]",
            "127.0.0.1.example.com",
            "",
        ] {
            assert!(!is_near(far), "{far}");
        }
    }

    #[test]
    fn unencrypted_requests_go_only_to_this_machine_and_to_named_hosts() {
        let named = ["ministack:4566".to_owned(), "old.example.com:80".to_owned()];
        for allowed in [
            "https://sts.eu-central-1.amazonaws.com/",
            "http://127.0.0.1:4566/",
            "http://[::1]:1/",
            "http://localhost/",
            "http://169.254.169.254/latest/api/token",
            "http://ministack:4566/x",
            "http://MINISTACK:4566",
            "http://old.example.com/",
        ] {
            assert!(may_be_called(allowed, &named).is_ok(), "{allowed}");
        }
        for (refused, host) in [
            ("http://ministack:4567/", "ministack:4567"),
            ("http://ministack/", "ministack:80"),
            ("http://sts.amazonaws.com/", "sts.amazonaws.com:80"),
            ("http://localhost.example.com:80/", "localhost.example.com:80"),
            ("http://127.0.0.1@evil.example.com/", "evil.example.com:80"),
        ] {
            let error = may_be_called(refused, &named).unwrap_err().to_string();
            assert!(error.contains(&format!("allow_http_endpoints = [\"{host}\"]")), "{error}");
        }
        assert!(may_be_called("nonsense", &named).is_err());
    }

    fn answer(headers: &[(&'static str, String)]) -> HttpResponse {
        let mut response = HttpResponse::new(StatusCode::try_from(200).unwrap(), SdkBody::empty());
        headers
            .iter()
            .for_each(|(name, value)| drop(response.headers_mut().insert(*name, value.clone())));
        response
    }

    #[test]
    fn the_date_comes_only_from_aws_and_is_hidden_from_the_sdk() {
        let ahead = chrono::TimeDelta::days(8);
        let date = (chrono::DateTime::<chrono::Utc>::from(SystemTime::now()) + ahead).to_rfc2822();
        let id = || ("x-amzn-requestid", "1".to_owned());
        let learned = |headers: &[(&'static str, String)]| {
            let time = AwsTime::default();
            let mut response = answer(headers);
            learn(&mut response, Some(&time), Instant::now());
            assert!(
                !response.headers().contains_key("date"),
                "the SDK would correct its clock by it"
            );
            (time.now().is_some(), response.extension::<WrongClock>().is_some())
        };
        assert_eq!(learned(&[("date", date.clone()), id()]), (true, true));
        assert_eq!(learned(&[("date", date.clone())]), (false, false), "a proxy's");
        assert_eq!(
            learned(&[("date", date.clone()), id(), ("age", "3".into())]),
            (false, false),
            "a cached one"
        );
        assert_eq!(learned(&[("date", "yesterday".into()), id()]), (false, false));
        let now = DateTime::<chrono::Utc>::from(SystemTime::now()).to_rfc2822();
        assert_eq!(learned(&[("date", now), id()]), (true, false), "a clock that is right");
        let mut response = answer(&[("date", date), id()]);
        learn(&mut response, None, Instant::now());
        assert!(!response.headers().contains_key("date"), "not even where nothing is learned");
    }

    #[test]
    fn half_of_the_request_time_counts() {
        let time = AwsTime::default();
        let date = "2026-01-05T04:00:00Z".parse().unwrap();
        let sent = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        time.learn(date, sent);
        let passed = time.now().unwrap() - date;
        assert!((9..=12).contains(&passed.num_seconds()), "{passed}");
    }

    #[tokio::test]
    async fn an_answer_is_read_up_to_its_limit() {
        for (length, fits) in [(99, true), (100, true), (101, false), (10_000_000, false)] {
            let mut response = answer(&[]);
            *response.body_mut() = SdkBody::from(vec![b'x'; length]);
            bound(&mut response, 100);
            let read = aws_smithy_types::byte_stream::ByteStream::new(response.take_body())
                .collect()
                .await;
            assert_eq!(read.is_ok(), fits, "{length}");
        }
    }
}
