//! keyrot's own safety around an SDK configuration, and why no connection was set up.

use crate::http::{Guarded, may_be_called};
use crate::settings::{AwsSettings, Endpoints, SettingsError};
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{AppName, BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// Why no connection was set up. No call to AWS was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting is refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// Nothing says where the secrets are.
    #[error(
        "no AWS region is set{}: Secrets Manager keeps secrets by region; set AWS_REGION, or `region` in the profile, or hand in a region",
        profile.as_ref().map(|p| format!(" (profile {p:?})")).unwrap_or_default()
    )]
    NoRegion {
        /// The profile that was looked into.
        profile: Option<String>,
    },
    /// A setting that the program's own `SdkConfig` decides.
    #[error(
        "the AWS setting `{setting}` has no effect on an SdkConfig, which has its credentials already: leave it out, or use `Aws::connect`"
    )]
    DecidedBySdkConfig {
        /// The setting's name.
        setting: &'static str,
    },
    /// Nothing says who calls.
    #[error(
        "the SdkConfig has no credentials provider: load it with `aws_config::defaults`, or set `credentials_provider`"
    )]
    NoCredentials,
    /// There is no certificate by which to recognize AWS, as in a container image without them.
    #[error(
        "this machine has no trusted root certificates{why}: install them (Debian and Alpine: the package ca-certificates), or name a file of them in SSL_CERT_FILE"
    )]
    NoRoots {
        /// What was wrong with those that were looked for.
        why: String,
    },
}

/// The configuration with keyrot's own safety in force, and the program's HTTP client behind the
/// guard.
pub(crate) fn guarded(
    config: &SdkConfig,
    settings: &AwsSettings,
) -> Result<(SdkConfig, Guarded), ConnectError> {
    settings.check()?;
    let AwsSettings { profile, ignore_profiles, credentials, .. } = settings;
    let decided = [
        ("profile", profile.is_some()),
        ("ignore_profiles", *ignore_profiles),
        ("credentials", credentials.is_some()),
    ];
    if let Some((setting, _)) = decided.into_iter().find(|(_, given)| *given) {
        return Err(ConnectError::DecidedBySdkConfig { setting });
    }
    if config.credentials_provider().is_none() {
        return Err(ConnectError::NoCredentials);
    }
    let http = match config.http_client() {
        Some(own) => Guarded::new(own.clone(), own, &settings.http_endpoints),
        None => {
            has_roots()?;
            Guarded::https(&settings.http_endpoints)
        }
    };
    let mut safe = config.to_builder();
    safe.set_app_name(Some(app_name(settings, config.app_name())?));
    safe.set_timeout_config(Some(time_limits(settings)));
    safe.set_disable_clock_skew_correction(Some(true));
    safe.set_behavior_version(Some(BehaviorVersion::latest()));
    safe.set_http_client(None);
    let mut safe = safe.http_client(http.clone()).time_source(SystemTimeSource::new());
    if config.sleep_impl().is_none() {
        safe.set_sleep_impl(Some(SharedAsyncSleep::new(TokioSleep::new())));
    }
    if let Some(region) = &settings.region {
        safe.set_region(Region::new(region.clone()));
    }
    if settings.fips {
        safe.set_use_fips(Some(true));
    }
    if settings.dual_stack {
        safe.set_use_dual_stack(Some(true));
    }
    Ok((safe.build(), http))
}

/// The region of the secrets.
pub(crate) fn region_of(
    config: &SdkConfig,
    settings: &AwsSettings,
) -> Result<String, ConnectError> {
    config.region().map(ToString::to_string).ok_or_else(|| {
        let profile = settings.profile.clone().or_else(|| std::env::var("AWS_PROFILE").ok());
        ConnectError::NoRegion { profile }
    })
}

/// The limits on one attempt, in place of the SDK's own, of which some are none.
pub(crate) fn time_limits(settings: &AwsSettings) -> TimeoutConfig {
    let limits = settings.timeouts;
    let config = TimeoutConfig::builder().connect_timeout(limits.connect).read_timeout(limits.read);
    config.operation_attempt_timeout(limits.attempt).build()
}

/// The name in the user agent: the settings', or the program's own.
pub(crate) fn app_name(
    settings: &AwsSettings,
    own: Option<&AppName>,
) -> Result<AppName, SettingsError> {
    match (&settings.app_name, own) {
        (None, Some(own)) => Ok(own.clone()),
        (name, _) => {
            let name = name.clone().unwrap_or_else(|| "keyrot".to_owned());
            AppName::new(name.clone()).map_err(|_| SettingsError::AppName(name))
        }
    }
}

/// Refuses an endpoint, wherever it is set, that requests may not be sent to. Each request is
/// checked again when it is sent.
pub(crate) fn check_endpoints(
    config: &SdkConfig,
    settings: &AwsSettings,
) -> Result<(), SettingsError> {
    let of_service = |id: &str| {
        let key = ServiceConfigKey::builder()
            .service_id(id)
            .env("AWS_ENDPOINT_URL")
            .profile("endpoint_url")
            .build();
        config.service_config()?.load_config(key.ok()?)
    };
    let services = [
        "IAM",
        "STS",
        "Secrets Manager",
        "CloudTrail",
        "SNS",
        "EventBridge",
        "SSM",
        "SSO",
        "SSO OIDC",
    ];
    let found =
        services.into_iter().filter_map(of_service).chain(config.endpoint_url().map(str::to_owned));
    let Endpoints { all, iam, sts, secrets_manager } = &settings.endpoints;
    for url in [all, iam, sts, secrets_manager].into_iter().flatten().cloned().chain(found) {
        may_be_called(&url, &settings.http_endpoints)
            .map_err(|why| SettingsError::Refused(why.to_string()))?;
    }
    Ok(())
}

/// The SDK's HTTPS client panics without any root certificate, and only at the first call.
pub(crate) fn has_roots() -> Result<(), ConnectError> {
    let found = rustls_native_certs::load_native_certs();
    if !found.certs.is_empty() {
        return Ok(());
    }
    let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
    Err(ConnectError::NoRoots { why })
}
