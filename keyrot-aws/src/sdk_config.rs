//! keyrot's own safety around an SDK configuration.

use crate::connect_error::ConnectError;
use crate::http::{Guarded, may_be_called};
use crate::settings::{AwsSettings, Endpoints, SettingsError};
use crate::trust::Trust;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{AppName, BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

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
    let trust = Trust::of_sdk_config(config)?;
    let http = match config.http_client() {
        Some(own) => Guarded::new(own.clone(), own, &settings.http_endpoints, &trust),
        None => Guarded::https(&settings.http_endpoints, &trust),
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
        let variables = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
        let named = || variables.into_iter().find_map(|name| std::env::var(name).ok());
        let profile = settings.profile.clone().or_else(named);
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

/// Refuses an endpoint, wherever it is set, that requests may not be sent to, or that is to be a
/// FIPS or dual-stack endpoint as well. Each request is checked again when it is sent.
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
    let own = || [all, iam, sts, secrets_manager].into_iter().flatten().cloned();
    for url in own().chain(found) {
        may_be_called(&url, &settings.http_endpoints)
            .map_err(|why| SettingsError::Refused(why.to_string()))?;
    }
    // Such a service refuses the combination at each call (its endpoint rules: "Invalid
    // Configuration").
    let kinds = [
        (config.use_fips(), "FIPS", "fips, AWS_USE_FIPS_ENDPOINT or use_fips_endpoint"),
        (
            config.use_dual_stack(),
            "dual-stack",
            "dual_stack, AWS_USE_DUALSTACK_ENDPOINT or use_dualstack_endpoint",
        ),
    ];
    let called = ["IAM", "STS", "Secrets Manager"].into_iter().filter_map(of_service);
    let mut called = own().chain(called).chain(config.endpoint_url().map(str::to_owned));
    let asked = kinds.into_iter().find(|(asked, ..)| *asked == Some(true));
    if let (Some((_, kind, settings)), Some(url)) = (asked, called.next()) {
        return Err(SettingsError::Refused(format!(
            "the endpoint {url} cannot be combined with {kind} endpoints ({settings}): remove one of the two settings"
        )));
    }
    Ok(())
}
