//! What keyrot's settings say about the connection and secrets.

use super::{AwsSettings, Endpoints, FieldNames, SecretSettings, SettingsError};
use keyrot_core::settings::Settings;

impl AwsSettings {
    /// Returns these settings with what keyrot's settings say about the connection and secrets. The
    /// rest stays as it is.
    ///
    /// # Errors
    /// [`SettingsError`] if the names of the JSON fields are the same.
    pub fn with(self, settings: &Settings) -> Result<Self, SettingsError> {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self {
            profile: owned(settings.profile()).or(self.profile),
            region: owned(settings.region()).or(self.region),
            fips: settings.fips().unwrap_or(self.fips),
            dual_stack: settings.dual_stack().unwrap_or(self.dual_stack),
            endpoints: match settings.endpoint_url() {
                Some(url) => Endpoints { all: Some(url.to_owned()), ..Endpoints::default() },
                None => self.endpoints,
            },
            http_endpoints: settings.allow_http_endpoints().to_vec(),
            home_regions: settings.home_regions().to_vec(),
            secret: SecretSettings {
                kms_key: owned(settings.kms_key()),
                description: owned(settings.secret_description()),
                tags: settings.secret_tags().clone(),
                fields: FieldNames::new(
                    settings.field_access_key_id(),
                    settings.field_secret_access_key(),
                )?
                .with_smtp_regions(settings.smtp_regions().to_vec()),
            },
            ..self
        })
    }
}
