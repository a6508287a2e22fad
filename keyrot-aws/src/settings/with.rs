//! Methods that change one setting each, so that a new setting does not break code that starts from
//! the defaults.

use super::{
    AwsSettings, CallerCredentials, Endpoints, FieldNames, Rates, SecretSettings, Timeouts,
};
use keyrot_core::SecretKey;
use std::collections::BTreeMap;
use std::time::Duration;

impl AwsSettings {
    /// Sets [`profile`](Self::profile).
    #[must_use]
    pub fn with_profile(self, profile: impl Into<String>) -> Self {
        Self { profile: Some(profile.into()), ..self }
    }

    /// Sets [`ignore_profiles`](Self::ignore_profiles).
    #[must_use]
    pub fn with_ignore_profiles(self, ignore_profiles: bool) -> Self {
        Self { ignore_profiles, ..self }
    }

    /// Sets [`region`](Self::region).
    #[must_use]
    pub fn with_region(self, region: impl Into<String>) -> Self {
        Self { region: Some(region.into()), ..self }
    }

    /// Sets [`credentials`](Self::credentials).
    #[must_use]
    pub fn with_credentials(self, credentials: CallerCredentials) -> Self {
        Self { credentials: Some(credentials), ..self }
    }

    /// Sets [`fips`](Self::fips).
    #[must_use]
    pub fn with_fips(self, fips: bool) -> Self {
        Self { fips, ..self }
    }

    /// Sets [`dual_stack`](Self::dual_stack).
    #[must_use]
    pub fn with_dual_stack(self, dual_stack: bool) -> Self {
        Self { dual_stack, ..self }
    }

    /// Sets [`endpoints`](Self::endpoints).
    #[must_use]
    pub fn with_endpoints(self, endpoints: Endpoints) -> Self {
        Self { endpoints, ..self }
    }

    /// Sets [`http_endpoints`](Self::http_endpoints).
    #[must_use]
    pub fn with_http_endpoints(self, http_endpoints: Vec<String>) -> Self {
        Self { http_endpoints, ..self }
    }

    /// Sets [`app_name`](Self::app_name).
    #[must_use]
    pub fn with_app_name(self, app_name: impl Into<String>) -> Self {
        Self { app_name: Some(app_name.into()), ..self }
    }

    /// Sets [`secret`](Self::secret).
    #[must_use]
    pub fn with_secret(self, secret: SecretSettings) -> Self {
        Self { secret, ..self }
    }

    /// Sets [`home_regions`](Self::home_regions).
    #[must_use]
    pub fn with_home_regions(self, home_regions: Vec<String>) -> Self {
        Self { home_regions, ..self }
    }

    /// Sets [`timeouts`](Self::timeouts).
    #[must_use]
    pub fn with_timeouts(self, timeouts: Timeouts) -> Self {
        Self { timeouts, ..self }
    }

    /// Sets [`rates`](Self::rates).
    #[must_use]
    pub fn with_rates(self, rates: Rates) -> Self {
        Self { rates, ..self }
    }
}

impl Endpoints {
    /// Returns one URL for all services.
    #[must_use]
    pub fn all_at(url: impl Into<String>) -> Self {
        Self::default().with_all(url)
    }
}

impl Endpoints {
    /// Sets [`all`](Self::all).
    #[must_use]
    pub fn with_all(self, all: impl Into<String>) -> Self {
        Self { all: Some(all.into()), ..self }
    }

    /// Sets [`iam`](Self::iam).
    #[must_use]
    pub fn with_iam(self, iam: impl Into<String>) -> Self {
        Self { iam: Some(iam.into()), ..self }
    }

    /// Sets [`sts`](Self::sts).
    #[must_use]
    pub fn with_sts(self, sts: impl Into<String>) -> Self {
        Self { sts: Some(sts.into()), ..self }
    }

    /// Sets [`secrets_manager`](Self::secrets_manager).
    #[must_use]
    pub fn with_secrets_manager(self, secrets_manager: impl Into<String>) -> Self {
        Self { secrets_manager: Some(secrets_manager.into()), ..self }
    }
}

impl CallerCredentials {
    /// Returns a long-lived key, or, with a [`session_token`](Self::session_token), temporary
    /// credentials.
    #[must_use]
    pub fn new(key_id: impl Into<String>, secret: SecretKey) -> Self {
        Self { key_id: key_id.into(), secret, session_token: None }
    }
}

impl CallerCredentials {
    /// Sets [`session_token`](Self::session_token).
    #[must_use]
    pub fn with_session_token(self, session_token: SecretKey) -> Self {
        Self { session_token: Some(session_token), ..self }
    }
}

impl SecretSettings {
    /// Sets [`kms_key`](Self::kms_key).
    #[must_use]
    pub fn with_kms_key(self, kms_key: impl Into<String>) -> Self {
        Self { kms_key: Some(kms_key.into()), ..self }
    }

    /// Sets [`description`](Self::description).
    #[must_use]
    pub fn with_description(self, description: impl Into<String>) -> Self {
        Self { description: Some(description.into()), ..self }
    }

    /// Sets [`tags`](Self::tags).
    #[must_use]
    pub fn with_tags(self, tags: BTreeMap<String, String>) -> Self {
        Self { tags, ..self }
    }

    /// Sets [`fields`](Self::fields).
    #[must_use]
    pub fn with_fields(self, fields: FieldNames) -> Self {
        Self { fields, ..self }
    }
}

impl Timeouts {
    /// Sets [`connect`](Self::connect).
    #[must_use]
    pub fn with_connect(self, connect: Duration) -> Self {
        Self { connect, ..self }
    }

    /// Sets [`read`](Self::read).
    #[must_use]
    pub fn with_read(self, read: Duration) -> Self {
        Self { read, ..self }
    }

    /// Sets [`attempt`](Self::attempt).
    #[must_use]
    pub fn with_attempt(self, attempt: Duration) -> Self {
        Self { attempt, ..self }
    }

    /// Sets [`call`](Self::call).
    #[must_use]
    pub fn with_call(self, call: Duration) -> Self {
        Self { call, ..self }
    }
}
