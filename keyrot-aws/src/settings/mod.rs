//! The settings of [`Aws::connect`](crate::Aws::connect). Everything has a default; missing values
//! are found as in every AWS tool.

#[cfg(feature = "settings")]
mod from_settings;
mod with;

use crate::limiter::LimiterSettings;
use keyrot_core::model::JournalEntry;
use keyrot_core::{Credentials, SecretKey};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// The endpoints, the caller, and the format of secrets.
///
/// If not set, the profile, region, credentials and endpoints come from the environment and the
/// shared configuration files, as in the AWS CLI: `AWS_PROFILE`, `AWS_REGION`, `AWS_ENDPOINT_URL`,
/// `AWS_ENDPOINT_URL_IAM`, `_STS`, `_SECRETS_MANAGER` and `_CLOUDTRAIL`, IAM Identity Center (SSO),
/// web identity, `credential_process`, container and instance metadata (AWS SDKs and Tools
/// Reference Guide).
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct AwsSettings {
    /// The profile in the shared configuration files. If set here, it takes precedence over
    /// credentials in the environment.
    pub profile: Option<String>,
    /// Read no shared configuration file: variables, web identity, and container and instance
    /// metadata remain. It can't be combined with a `profile`.
    pub ignore_profiles: bool,
    /// The region of the secrets, such as `eu-central-1`.
    pub region: Option<String>,
    /// The credentials with which to call AWS, if the program already has them.
    pub credentials: Option<CallerCredentials>,
    /// Whether to call FIPS endpoints; `false` leaves it to `AWS_USE_FIPS_ENDPOINT` and the
    /// profile.
    pub fips: bool,
    /// Whether to call dual-stack endpoints; `false` leaves it to `AWS_USE_DUALSTACK_ENDPOINT` and
    /// the profile.
    pub dual_stack: bool,
    /// Endpoints other than AWS's own.
    pub endpoints: Endpoints,
    /// The hosts, as `HOST:PORT`, that may be called over `http://`. Loopback, instance metadata
    /// and container credentials are always allowed.
    pub http_endpoints: Vec<String>,
    /// The name of this caller in CloudTrail's `userAgent`: letters, digits and
    /// ``!#$%&'*+-.^_`|~``; `keyrot` by default.
    pub app_name: Option<String>,
    /// The settings of new secrets.
    pub secret: SecretSettings,
    /// Other regions in which keyrot looks for a user's home before it creates one.
    pub home_regions: Vec<String>,
    /// The time limits of calls.
    pub timeouts: Timeouts,
    /// The rate of calls.
    pub rates: Rates,
}

/// URLs to call instead of AWS's own: for VPC endpoints and for tests.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoints {
    /// The URL for all services.
    pub all: Option<String>,
    /// The URL for IAM; takes precedence over `all`.
    pub iam: Option<String>,
    /// The URL for STS; takes precedence over `all`.
    pub sts: Option<String>,
    /// The URL for Secrets Manager; takes precedence over `all`.
    pub secrets_manager: Option<String>,
}

/// Credentials that the program sets.
#[derive(Clone)]
#[non_exhaustive]
pub struct CallerCredentials {
    /// The access key id.
    pub key_id: String,
    /// The key's secret half.
    pub secret: SecretKey,
    /// The session token of temporary credentials.
    pub session_token: Option<SecretKey>,
}

impl From<&Credentials> for CallerCredentials {
    fn from(own: &Credentials) -> Self {
        Self { key_id: own.key.to_string(), secret: own.secret.clone(), session_token: None }
    }
}

impl fmt::Debug for CallerCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CallerCredentials({}, hidden)", self.key_id)
    }
}

/// The format of the secrets that keyrot creates and writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretSettings {
    /// The KMS key's ARN, id or alias; if not set, the account's `aws/secretsmanager`. Used when a
    /// secret is created.
    pub kms_key: Option<String>,
    /// The description of a secret that keyrot creates.
    pub description: Option<String>,
    /// Additional tags of a secret that keyrot creates. It always gets `keyrot:user-id`.
    pub tags: BTreeMap<String, String>,
    /// The names of the two JSON fields.
    pub fields: FieldNames,
}

impl Default for SecretSettings {
    fn default() -> Self {
        Self {
            kms_key: None,
            description: Some("Access key of an IAM user, rotated by keyrot".to_owned()),
            tags: BTreeMap::new(),
            fields: FieldNames::default(),
        }
    }
}

/// The names of the JSON fields that hold the access key: `AccessKeyId` and `SecretAccessKey` by
/// default, as IAM's own API calls them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldNames {
    id: String,
    secret: String,
    smtp_regions: Vec<String>,
}

impl Default for FieldNames {
    fn default() -> Self {
        let (id, secret) = ("AccessKeyId".to_owned(), "SecretAccessKey".to_owned());
        Self { id, secret, smtp_regions: Vec::new() }
    }
}

impl FieldNames {
    /// Returns your own names.
    ///
    /// # Errors
    /// [`SettingsError`] if one is empty, or both are the same.
    pub fn new(id: impl Into<String>, secret: impl Into<String>) -> Result<Self, SettingsError> {
        let (id, secret) = (id.into(), secret.into());
        if id.is_empty() || secret.is_empty() || id == secret {
            return Err(SettingsError::Fields { id, secret });
        }
        Ok(Self { id, secret, smtp_regions: Vec::new() })
    }

    /// Adds a field for the SES SMTP password of each of these regions: `SmtpPassword_` and the
    /// region. The ports of `Aws::ports_with` verify them by a login.
    #[must_use]
    pub fn with_smtp_regions(self, regions: Vec<String>) -> Self {
        Self { smtp_regions: regions, ..self }
    }

    /// Returns the field of the access key's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the field of the key's secret half.
    #[must_use]
    pub fn secret(&self) -> &str {
        &self.secret
    }

    pub(crate) fn smtp_regions(&self) -> &[String] {
        &self.smtp_regions
    }

    /// Returns the fields of SMTP passwords, with the region of each.
    pub(crate) fn smtp(&self) -> impl Iterator<Item = (String, &str)> {
        self.smtp_regions.iter().map(|region| (format!("SmtpPassword_{region}"), region.as_str()))
    }
}

/// The time limits of calls. The SDK's own defaults have no limit on an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// The limit for making a connection. Default 3 s.
    pub connect: Duration,
    /// The limit from a request to the first byte of its answer. Default 10 s.
    pub read: Duration,
    /// The limit for one attempt as a whole. Default 15 s.
    pub attempt: Duration,
    /// The limit for a port's whole call, with its wait in the queue and all attempts: no attempt
    /// begins so late that it could end after this. Half of the policy's `settle` has to be longer.
    /// Default 60 s.
    pub call: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        let s = Duration::from_secs;
        Self { connect: s(3), read: s(10), attempt: s(15), call: s(60) }
    }
}

/// The rate of each class of calls. AWS limits each class separately, for the whole account: IAM by
/// API, Secrets Manager by the groups of its published quotas (user guide, "AWS Secrets Manager
/// quotas"). The defaults find the rate by themselves, and make room for others; set one to leave
/// more to the account's other callers.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Rates {
    /// `GetAccountAuthorizationDetails`, `ListUsers`, `ListUserTags`, `ListAttachedUserPolicies`.
    pub discovery: LimiterSettings,
    /// `ListAccessKeys`, `GetAccessKeyLastUsed`.
    pub iam_reads: LimiterSettings,
    /// `CreateAccessKey`.
    pub create_key: LimiterSettings,
    /// `UpdateAccessKey`, `DeleteAccessKey`.
    pub change_key: LimiterSettings,
    /// `DescribeSecret`, `GetSecretValue`: 10,000 a second.
    pub secret_reads: LimiterSettings,
    /// `ListSecretVersionIds`.
    pub secret_lists: LimiterSettings,
    /// `CreateSecret`: 50 a second.
    pub secret_creates: LimiterSettings,
    /// `PutSecretValue`, `UpdateSecretVersionStage`: 50 a second.
    pub secret_values: LimiterSettings,
    /// `TagResource`: 50 a second.
    pub secret_tags: LimiterSettings,
    /// `GetCallerIdentity`.
    pub sts: LimiterSettings,
    /// `LookupEvents`, in each region: 2 a second.
    pub trail: LimiterSettings,
}

impl Default for Rates {
    fn default() -> Self {
        let fifty_a_second = LimiterSettings::secret_writes();
        Self {
            discovery: LimiterSettings::iam_reads(),
            iam_reads: LimiterSettings::iam_reads(),
            create_key: LimiterSettings::iam_writes(),
            change_key: LimiterSettings::iam_writes(),
            secret_reads: LimiterSettings::secret_reads(),
            secret_lists: fifty_a_second,
            secret_creates: fifty_a_second,
            secret_values: fifty_a_second,
            secret_tags: fifty_a_second,
            sts: LimiterSettings::sts(),
            trail: LimiterSettings::trail(),
        }
    }
}

/// The reason why settings are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The names of the JSON fields are the same.
    #[error("the JSON fields {id:?} and {secret:?} are not usable: expected two different names")]
    Fields {
        /// The name that was given for the id.
        id: String,
        /// The name that was given for the secret half.
        secret: String,
    },
    /// A tag is reserved for keyrot.
    #[error("the secret tag {0:?} is not usable: names that begin with keyrot: or aws: are taken")]
    Tag(String),
    /// The name does not fit into a user agent.
    #[error("the app name {0:?} is not usable: expected letters, digits and !#$%&'*+-.^_`|~")]
    AppName(String),
    /// An endpoint is not a URL.
    #[error("the endpoint {0:?} is not usable: expected a URL such as http://127.0.0.1:4566")]
    Endpoint(String),
    /// An endpoint would be called unencrypted, or cannot be called at all.
    #[error("{0}")]
    Refused(String),
    /// The timeouts contradict each other.
    #[error(
        "the time-outs are not usable: an attempt ({attempt:?}) has to fit into a call ({call:?}), and none may be zero"
    )]
    Timeouts {
        /// The limit on one attempt.
        attempt: Duration,
        /// The limit on a call.
        call: Duration,
    },
}

impl AwsSettings {
    /// Checks everything that can be checked without calling AWS.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let reserved = |tag: &&String| tag.starts_with("keyrot:") || tag.starts_with("aws:");
        debug_assert!(JournalEntry::TAGS.iter().all(|tag| tag.starts_with("keyrot:")));
        if let Some(tag) = self.secret.tags.keys().find(reserved) {
            return Err(SettingsError::Tag(tag.clone()));
        }
        let Endpoints { all, iam, sts, secrets_manager } = &self.endpoints;
        for url in [all, iam, sts, secrets_manager].into_iter().flatten() {
            let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
            if rest.is_none_or(|host| {
                host.is_empty() || host.starts_with('/') || host.contains(char::is_whitespace)
            }) {
                return Err(SettingsError::Endpoint(url.clone()));
            }
        }
        let Timeouts { connect, read, attempt, call } = self.timeouts;
        if [connect, read, attempt].iter().any(Duration::is_zero) || attempt > call {
            return Err(SettingsError::Timeouts { attempt, call });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_before_any_call() {
        assert!(AwsSettings::default().check().is_ok());
        let with = |change: fn(&mut AwsSettings)| {
            let mut settings = AwsSettings::default();
            change(&mut settings);
            settings.check().map_err(|e| e.to_string()).expect_err("refused")
        };
        assert!(
            with(|s| s.endpoints.iam = Some("127.0.0.1:4566".into())).contains("expected a URL")
        );
        assert!(
            with(|s| s.secret.tags = [("keyrot:user-id".into(), "x".into())].into())
                .contains("keyrot:user-id")
        );
        assert!(with(|s| s.timeouts.attempt = Duration::from_secs(90)).contains("fit into a call"));
        assert!(FieldNames::new("key", "key").is_err());
    }

    #[test]
    fn given_credentials_are_not_shown() {
        let credentials = CallerCredentials {
            key_id: "AKIAIOSFODNN7EXAMPLE".into(),
            secret: SecretKey::new("hunter2-secret".into()),
            session_token: Some(SecretKey::new("hunter2-token".into())),
        };
        let settings = AwsSettings { credentials: Some(credentials), ..AwsSettings::default() };
        assert!(!format!("{settings:?}").contains("hunter2"));
    }
}
