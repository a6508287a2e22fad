//! A connection with a host program's own SDK configuration, which is as unsuitable as a host's may
//! be.

use super::*;
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider, future};
use aws_smithy_async::time::StaticTimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use keyrot_aws::{Aws, AwsSettings, CallerCredentials};
use keyrot_core::{Clock, Effect, IamPort};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The host's provider chain, whose credentials expire soon.
#[derive(Debug)]
struct Refreshing {
    credentials: Credentials,
    asked: Arc<AtomicUsize>,
}

impl ProvideCredentials for Refreshing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let Credentials { key, secret } = &self.credentials;
        let over = SystemTime::now() + Duration::from_secs(1);
        future::ProvideCredentials::ready(Ok(SdkCredentials::new(
            key.as_str(),
            secret.expose(),
            None,
            Some(over),
            "host",
        )))
    }
}

/// The host's HTTP client.
#[derive(Debug, Clone)]
struct Counting {
    inner: SharedHttpClient,
    sent: Arc<AtomicUsize>,
}

impl HttpClient for Counting {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(CountingConnector { inner, sent: self.sent.clone() })
    }
}

#[derive(Debug)]
struct CountingConnector {
    inner: SharedHttpConnector,
    sent: Arc<AtomicUsize>,
}

impl HttpConnector for CountingConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        self.sent.fetch_add(1, Ordering::SeqCst);
        self.inner.call(request)
    }
}

/// Returns a configuration with a clock that is a day ahead, retries, and no timeouts.
fn host(emulator: &Emulator) -> (SdkConfig, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (asked, sent) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let provider =
        Refreshing { credentials: emulator.admin_credentials().clone(), asked: asked.clone() };
    let inner = aws_smithy_http_client::Builder::new().build_http();
    let config = SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .region(Region::new("eu-west-1"))
        .endpoint_url(emulator.url())
        .http_client(Counting { inner, sent: sent.clone() })
        .retry_config(RetryConfig::standard().with_max_attempts(5))
        .time_source(StaticTimeSource::new(SystemTime::now() + Duration::from_secs(86_400)))
        .disable_clock_skew_correction(false);
    (config.build(), asked, sent)
}

fn strict() -> Emulator {
    let world = World::new(SystemTime::now().into());
    let emulator = with(world, EmulatorOptions { strict_time: true, ..EmulatorOptions::default() });
    emulator.change(|world| world.add_user("ci", &[]).map(drop)).unwrap();
    emulator
}

#[tokio::test]
async fn the_hosts_credentials_refresh_and_its_client_is_used() {
    let emulator = strict();
    let (config, asked, sent) = host(&emulator);
    let aws = Aws::from_sdk_config(&config, &AwsSettings::default()).unwrap();
    assert_eq!(
        (aws.region(), sent.load(Ordering::SeqCst)),
        ("eu-west-1", 0),
        "nothing is called yet"
    );
    for call in 1..=3 {
        aws.users("/").await.unwrap();
        assert!(
            asked.load(Ordering::SeqCst) >= call,
            "credentials that are over are asked for again"
        );
    }
    assert!(sent.load(Ordering::SeqCst) >= 3);
    assert!(aws.clock().aws_now().is_some(), "AWS's time is learned through any client");
}

#[tokio::test]
async fn a_key_is_never_requested_twice_whatever_the_host_retries() {
    let emulator = strict();
    let aws = Aws::from_sdk_config(&host(&emulator).0, &AwsSettings::default()).unwrap();
    emulator.inject(CallAt::first("CreateAccessKey"), Fault::LostReply);
    let error = aws.create_key(&named("ci")).await.unwrap_err();
    assert_eq!(error.effect, Effect::Unknown, "{error}");
    assert_eq!(aws.list_keys(&named("ci")).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_hosts_decisions_are_not_settings_and_missing_ones_are_named() {
    let emulator = strict();
    let config = host(&emulator).0;
    let refused = |config: &SdkConfig, settings: AwsSettings| {
        Aws::from_sdk_config(config, &settings)
            .map(drop)
            .map_err(|error| error.to_string())
            .unwrap_err()
    };
    let profile = AwsSettings::default().with_profile("ops");
    assert!(refused(&config, profile).contains("`profile` has no effect on an SdkConfig"));
    let own = CallerCredentials::from(emulator.admin_credentials());
    let credentials = AwsSettings::default().with_credentials(own);
    assert!(refused(&config, credentials).contains("`credentials` has no effect"));

    let mut without = config.to_builder();
    without.set_credentials_provider(None);
    assert!(refused(&without.build(), AwsSettings::default()).contains("no credentials provider"));
    let mut without = config.to_builder();
    without.set_region(None);
    assert!(refused(&without.build(), AwsSettings::default()).contains("no AWS region is set"));
    let far = config.to_builder().endpoint_url("http://iam.example.com").build();
    assert!(refused(&far, AwsSettings::default()).contains("http://iam.example.com:80 is refused"));
}
