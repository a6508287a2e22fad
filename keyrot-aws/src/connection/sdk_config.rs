//! keyrot's own safety measures around an SDK configuration.

use crate::connect_error::ConnectError;
#[cfg(feature = "rotate")]
use crate::credentials::explained::PROCESS;
use crate::credentials::usable::Checked;
use crate::hosts::is_place;
use crate::http::guarded::{Guarded, may_be_called};
use crate::http::trust::Trust;
use crate::settings::{AwsSettings, Endpoints, SettingsError};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_secretsmanager::config::timeout::TimeoutConfig;
use aws_sdk_secretsmanager::config::{AppName, BehaviorVersion, Region};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_async::time::SystemTimeSource;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// Returns the configuration with keyrot's own safety measures, and with the program's HTTP client
/// behind keyrot's checks.
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
    let Some(provider) = config.credentials_provider() else {
        return Err(ConnectError::NoCredentials);
    };
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
    safe.set_credentials_provider(Some(SharedCredentialsProvider::new(Checked(provider))));
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

/// Returns the region of the secrets.
pub(crate) fn region_of(
    config: &SdkConfig,
    settings: &AwsSettings,
) -> Result<String, ConnectError> {
    let found = config.region().map(ToString::to_string).filter(|region| !region.is_empty());
    let region = found.ok_or_else(|| {
        let variables = ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"];
        let named = || variables.into_iter().find_map(|name| std::env::var(name).ok());
        let profile = settings.profile.clone().or_else(named);
        ConnectError::NoRegion { profile }
    })?;
    let fits = region.len() <= 32
        && region.contains('-')
        && !region.ends_with(|c: char| c.is_ascii_alphabetic())
        && region.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if fits {
        return Ok(region);
    }
    let variables = ["AWS_REGION", "AWS_DEFAULT_REGION"];
    let variable =
        variables.into_iter().find(|name| std::env::var(name).is_ok_and(|v| v == region));
    let named_by = match variable {
        _ if settings.region.is_some() => "the settings",
        Some(variable) => variable,
        None => "the profile",
    };
    Err(ConnectError::Region { region, named_by })
}

/// Returns the limits on one attempt. They replace the SDK's own, some of which are unlimited.
pub(crate) fn time_limits(settings: &AwsSettings) -> TimeoutConfig {
    let limits = settings.timeouts;
    let config = TimeoutConfig::builder().connect_timeout(limits.connect).read_timeout(limits.read);
    config.operation_attempt_timeout(limits.attempt).build()
}

/// Returns the same limits, with more time for an attempt that runs a `credential_process` first.
#[cfg(feature = "rotate")]
pub(crate) fn time_limits_with_process(settings: &AwsSettings) -> TimeoutConfig {
    let limits = time_limits(settings).into_builder();
    limits.operation_attempt_timeout(settings.timeouts.attempt + PROCESS).build()
}

/// Returns the name in the user agent, from the settings or the program.
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

/// Refuses an endpoint, wherever it is set, to which requests may not be sent, or that is combined
/// with FIPS or dual-stack endpoints. Each request is checked again when it is sent.
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
        "ECS",
        "SSO",
        "SSO OIDC",
    ];
    let found =
        services.into_iter().filter_map(of_service).chain(config.endpoint_url().map(str::to_owned));
    let Endpoints { all, iam, sts, secrets_manager } = &settings.endpoints;
    let own = || [all, iam, sts, secrets_manager].into_iter().flatten().cloned();
    for url in own().chain(found) {
        endpoint(&url)?;
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
    let enabled = kinds.into_iter().find(|(enabled, ..)| *enabled == Some(true));
    if let (Some((_, kind, settings)), Some(url)) = (enabled, called.next()) {
        return Err(SettingsError::Refused(format!(
            "the endpoint {} cannot be combined with {kind} endpoints ({settings}): remove one of the two settings",
            shown(&url)
        )));
    }
    Ok(())
}

/// Refuses an endpoint that is not a URL, or that has a part that is not used or may be secret.
fn endpoint(url: &str) -> Result<(), SettingsError> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let problem = match rest {
        _ if url.is_empty() => "is empty: name a URL, or unset it".to_owned(),
        _ if url.chars().any(|c| c.is_whitespace() || c.is_control()) => {
            "has a space or a line end: remove it".to_owned()
        }
        Some(rest) if rest.contains(['@', '?', '#']) => {
            "has a user name, a query or a fragment: expected a URL without them".to_owned()
        }
        Some(rest) if is_place(rest.split('/').next().unwrap_or_default()) => return Ok(()),
        _ => format!(
            "is no URL of an endpoint{}: expected one such as http://127.0.0.1:4566 or https://sts.example.com",
            if url.contains('@') { String::new() } else { format!(" ({})", shown(url)) }
        ),
    };
    let variables = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        (name.starts_with("AWS_ENDPOINT_URL") && value.to_str() == Some(url)).then_some(name)
    });
    let names: Vec<String> = variables.collect();
    let named_by = match names.as_slice() {
        [] => "an endpoint of the settings or the profile (endpoint_url)".to_owned(),
        names => names.join(", "),
    };
    Err(SettingsError::Refused(format!("{named_by} {problem}")))
}

/// Returns a URL without the parts that may be secret.
fn shown(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let place: String = place.rsplit('@').next().unwrap_or_default().chars().take(80).collect();
    if scheme.is_empty() { place } else { format!("{scheme}://{place}") }
}
