use crate::calls::op::Op;
use crate::calls::retry::{Budget, Limits, send};
use crate::clock::{AwsClock, AwsTime};
use crate::connect_error::ConnectError;
use crate::connection::sdk_config::{
    app_name, check_endpoints, region_of, time_limits, time_limits_with_process,
};
use crate::credentials::explained::{Explained, PROCESS};
use crate::environment::{Base, Environment};
use crate::http::guarded::{Guarded, LONG_ANSWER, SHORT_ANSWER};
#[cfg(feature = "notify")]
use crate::http::plain::Http;
use crate::http::trust::Trust;
use crate::settings::{AwsSettings, SecretSettings, Timeouts};
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials as SdkCredentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_sts::config::IdentityCache;
use keyrot_core::{CallError, Ports, SecretName};
use std::collections::HashSet;
use std::fmt;
use std::sync::{Arc, Mutex};

/// An AWS account and region, as keyrot's ports: [`IamPort`](keyrot_core::IamPort),
/// [`SecretStorePort`](keyrot_core::SecretStorePort) and
/// [`CredentialProbe`](keyrot_core::CredentialProbe). Cheap to clone; clones share connections and
/// rate limits.
#[derive(Clone)]
pub struct Aws {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) iam: aws_sdk_iam::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    /// Secrets Manager in the other regions where users' homes are looked up.
    pub(crate) further: Vec<(String, aws_sdk_secretsmanager::Client)>,
    pub(crate) sts: aws_sdk_sts::Client,
    /// The endpoint, connections and timeouts, for clients with other credentials.
    pub(crate) probe: aws_sdk_sts::config::Builder,
    /// AWS's time.
    pub(crate) time: AwsTime,
    pub(crate) limits: Limits,
    #[cfg(feature = "trail")]
    pub(crate) trails: crate::connection::trail_clients::Trails,
    pub(crate) region: String,
    pub(crate) secret: SecretSettings,
    pub(crate) timeouts: Timeouts,
    /// Secrets that have replicas: after a write, keyrot waits for the replicas.
    pub(crate) replicated: Mutex<HashSet<SecretName>>,
    #[cfg(feature = "notify")]
    pub(crate) notify: ForNotifiers,
}

/// What notifiers need for their own clients.
#[cfg(feature = "notify")]
pub(crate) struct ForNotifiers {
    pub(crate) config: SdkConfig,
    /// The endpoint that was set for all services.
    pub(crate) endpoint: Option<String>,
    pub(crate) http: Http,
}

/// The caller, as AWS identifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caller {
    /// The ARN of the user, role session or root.
    pub arn: String,
    /// The account's twelve digits.
    pub account: String,
}

impl Aws {
    /// Reads the configuration and creates the clients. The first call resolves the credentials;
    /// [`Aws::caller_identity`] is a good choice.
    ///
    /// # Errors
    /// [`ConnectError`] if a setting is not usable, a profile does not exist or cannot give
    /// credentials, no region is known, or there are no root certificates.
    pub async fn connect(settings: &AwsSettings) -> Result<Self, ConnectError> {
        settings.check()?;
        let environment = Environment::read(settings).await?;
        let trust = Trust::find(environment.ca_bundle.as_deref())?;
        let http = Guarded::https(&settings.http_endpoints, &trust);
        Self::connect_through(settings, &environment, http).await
    }

    pub(crate) async fn connect_through(
        settings: &AwsSettings,
        environment: &Environment,
        http: Guarded,
    ) -> Result<Self, ConnectError> {
        let config = load(settings, environment, http.clone()).await?;
        Self::assemble(&config, settings, &http)
    }

    /// Creates the clients.
    pub(crate) fn assemble(
        config: &SdkConfig,
        settings: &AwsSettings,
        http: &Guarded,
    ) -> Result<Self, ConnectError> {
        let time = AwsTime::default();
        check_endpoints(config, settings)?;
        let region = region_of(config, settings)?;
        // keyrot retries calls itself, so that the limiter counts every attempt, and a lost reply
        // is distinguished from a refusal.
        let once = RetryConfig::disabled();
        let (long, short) =
            (http.of_service(LONG_ANSWER, &time), http.of_service(SHORT_ANSWER, &time));
        let mut iam = aws_sdk_iam::config::Builder::from(config)
            .retry_config(once.clone())
            .http_client(long.clone());
        let mut sts = aws_sdk_sts::config::Builder::from(config)
            .retry_config(once.clone())
            .http_client(short.clone());
        let mut secrets = aws_sdk_secretsmanager::config::Builder::from(config)
            .retry_config(once)
            .http_client(short);
        // A URL set here takes precedence over AWS_ENDPOINT_URL_<SERVICE>; without one, the SDK
        // finds its own.
        let own = &settings.endpoints;
        if let Some(url) = own.iam.as_ref().or(own.all.as_ref()) {
            iam.set_endpoint_url(Some(url.clone()));
        }
        if let Some(url) = own.sts.as_ref().or(own.all.as_ref()) {
            sts.set_endpoint_url(Some(url.clone()));
        }
        if let Some(url) = own.secrets_manager.as_ref().or(own.all.as_ref()) {
            secrets.set_endpoint_url(Some(url.clone()));
        }
        #[cfg(feature = "trail")]
        let trails = {
            let trail = aws_sdk_cloudtrail::config::Builder::from(config)
                .retry_config(RetryConfig::disabled());
            let mut trail = trail.http_client(long);
            if let Some(url) = &own.all {
                trail.set_endpoint_url(Some(url.clone()));
            }
            crate::connection::trail_clients::Trails::new(trail, settings.rates.trail)
        };
        let in_region = |further: &String| {
            let client = secrets
                .clone()
                .region(aws_sdk_secretsmanager::config::Region::new(further.clone()));
            (further.clone(), aws_sdk_secretsmanager::Client::from_conf(client.build()))
        };
        let further = settings
            .home_regions
            .iter()
            .filter(|further| **further != region)
            .map(in_region)
            .collect();
        // Credentials under verification are never cached: a refusal must not be remembered, nor a
        // secret kept.
        let probe = sts.clone().identity_cache(aws_sdk_sts::config::IdentityCache::no_cache());
        Ok(Self {
            inner: Arc::new(Inner {
                iam: aws_sdk_iam::Client::from_conf(iam.build()),
                secrets: aws_sdk_secretsmanager::Client::from_conf(secrets.build()),
                further,
                sts: aws_sdk_sts::Client::from_conf(sts.build()),
                probe,
                time,
                limits: Limits::new(&settings.rates),
                #[cfg(feature = "trail")]
                trails,
                region,
                secret: settings.secret.clone(),
                timeouts: settings.timeouts,
                replicated: Mutex::default(),
                #[cfg(feature = "notify")]
                notify: ForNotifiers {
                    config: config.to_builder().retry_config(RetryConfig::disabled()).build(),
                    endpoint: settings.endpoints.all.clone(),
                    http: Http::new(http.trust()),
                },
            }),
        })
    }

    /// Returns all ports on this connection, with the machine's clock, compared with AWS's.
    #[must_use]
    pub fn ports(self: &Arc<Self>) -> Ports {
        Ports {
            iam: self.clone(),
            store: self.clone(),
            probe: self.clone(),
            clock: Arc::new(self.clock()),
            destinations: Arc::default(),
        }
    }

    /// Returns keyrot's own credentials.
    #[cfg(feature = "notify")]
    pub(crate) fn own_credentials(&self) -> Result<SharedCredentialsProvider, String> {
        let provider = self.inner.notify.config.credentials_provider();
        provider.ok_or_else(|| "no AWS credentials".to_owned())
    }

    /// Returns the region of the secrets.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.inner.region
    }

    /// Returns the machine's clock, which also knows AWS's time from the answers on this
    /// connection.
    #[must_use]
    pub fn clock(&self) -> AwsClock {
        AwsClock(self.inner.time.clone())
    }

    /// Returns the caller: `sts:GetCallerIdentity`, which needs no permission (STS API reference).
    ///
    /// # Errors
    /// [`CallError`], which says what is wrong with the credentials.
    pub async fn caller_identity(&self) -> Result<Caller, CallError> {
        let op = Op::read("sts:GetCallerIdentity", "the caller", &self.inner.limits.sts);
        let answer = send(&op, &self.budget(), || async {
            self.inner.sts.get_caller_identity().send().await
        })
        .await?;
        match (answer.arn, answer.account) {
            (Some(arn), Some(account)) => Ok(Caller { arn, account }),
            _ => Err(op.malformed_response("it names no ARN or no account")),
        }
    }

    /// Starts the time limit of a port's call.
    pub(crate) fn budget(&self) -> Budget {
        Budget::begin(&self.inner.timeouts)
    }
}

/// Shows the region, and nothing about the credentials.
impl fmt::Debug for Aws {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aws").field("region", &self.inner.region).finish_non_exhaustive()
    }
}

async fn load(
    settings: &AwsSettings,
    environment: &Environment,
    http: Guarded,
) -> Result<SdkConfig, ConnectError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http.clone())
        // Regardless of the environment: with one clock for signatures and another for decisions,
        // keys would be deactivated too early.
        .disable_clock_skew_correction(true)
        // This is for the clients that fetch credentials. Otherwise the mode is read from the
        // environment and the profile, and the SDK panics on a mode that only other SDKs know.
        .retry_config(RetryConfig::standard())
        .app_name(app_name(settings, None)?)
        .timeout_config(time_limits(settings));
    if settings.ignore_profiles {
        // Without any file the SDK panics; an empty file counts as none.
        let none = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, "").build();
        loader = loader.profile_files(none);
    }
    if let Some(files) = &environment.files {
        loader = loader.profile_files(files.clone());
    }
    if let Some(profile) = &environment.profile {
        // Set explicitly, because the SDK itself reads only one of the two variables.
        loader = loader.profile_name(profile);
    }
    // An empty variable counts as not set, but the SDK would use it as a region.
    let is_empty = std::env::var("AWS_REGION").is_ok_and(|region| region.is_empty());
    let of_rest = || {
        let other = std::env::var("AWS_DEFAULT_REGION").ok().filter(|region| !region.is_empty());
        other.or_else(|| environment.region.clone())
    };
    let region = settings.region.clone().or_else(|| of_rest().filter(|_| is_empty));
    if let Some(region) = region {
        loader = loader.region(Region::new(region));
    }
    if let Some(own) = &settings.credentials {
        let token = own.session_token.as_ref().map(|t| t.expose().to_owned());
        loader = loader.credentials_provider(SdkCredentials::new(
            own.key_id.clone(),
            own.secret.expose(),
            token,
            None,
            "handed in",
        ));
    }
    if settings.fips {
        loader = loader.use_fips(true);
    }
    if settings.dual_stack {
        loader = loader.use_dual_stack(true);
    }
    if environment.route.base == Base::Process {
        let cache = IdentityCache::lazy().load_timeout(PROCESS + settings.timeouts.attempt);
        let limits = time_limits_with_process(settings);
        loader = loader.identity_cache(cache.build()).timeout_config(limits);
    }
    let config = loader.load().await;
    let provider = match (&settings.profile, environment) {
        (Some(_), Environment { profile: Some(profile), files: Some(files), .. })
            if settings.credentials.is_none() =>
        {
            Some(of_profile((profile, files.clone()), &config, http))
        }
        _ => config.credentials_provider(),
    };
    let Some(provider) = provider else { return Ok(config) };
    let explained = Explained { provider, route: environment.route.clone() };
    Ok(config.to_builder().credentials_provider(SharedCredentialsProvider::new(explained)).build())
}

/// Gives a profile that was set by name precedence over credentials in the environment, as in the
/// AWS CLI. In the SDK's own chain it has no precedence, and keyrot would act on the wrong account.
fn of_profile(
    (profile, files): (&str, EnvConfigFiles),
    config: &SdkConfig,
    http: Guarded,
) -> SharedCredentialsProvider {
    let config = ProviderConfig::default()
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack())
        .with_http_client(http);
    let provider = ProfileFileCredentialsProvider::builder().configure(&config);
    let provider = provider.profile_files(files).profile_name(profile);
    SharedCredentialsProvider::new(provider.build())
}
