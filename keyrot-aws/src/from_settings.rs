//! A connection from keyrot's settings.

#[cfg(feature = "trail")]
use crate::connect::Aws;
use crate::settings::{AwsSettings, Endpoints, FieldNames, SecretSettings, SettingsError};
use keyrot_core::settings::Settings;
#[cfg(feature = "trail")]
use keyrot_core::{Ports, Rotator};
#[cfg(feature = "trail")]
use std::sync::Arc;

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

/// Settings that cannot be used here.
#[cfg(all(feature = "notify", feature = "trail"))]
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// A notifier.
    #[error(transparent)]
    Notifier(#[from] crate::notify::ChannelError),
    /// A destination.
    #[cfg(feature = "destinations")]
    #[error(transparent)]
    Destination(#[from] crate::destinations::DestinationError),
}

#[cfg(all(feature = "notify", feature = "trail"))]
impl Aws {
    /// Creates a service from these settings, which rotates the selected users and sends
    /// notifications. It counts as deployed for the account and region of this connection.
    ///
    /// # Errors
    /// [`SetupError`] if a notifier or a destination of the settings cannot be used.
    pub fn service(
        self: &Arc<Self>,
        settings: &Settings,
        env: crate::notify::FromEnvironment,
    ) -> Result<keyrot_core::service::Service, SetupError> {
        let channels = crate::notify::Channels::new(settings.notify(), self, env)?;
        let homes = settings.homes(self.region(), true);
        #[cfg(feature = "destinations")]
        let ports = self.ports_with(settings, env)?;
        #[cfg(not(feature = "destinations"))]
        let ports = self.ports();
        let rotator = self.rotator(ports, settings);
        let service = keyrot_core::service::Service::from_settings(rotator, settings, homes);
        Ok(service.notify_with(move |chosen| channels.for_run(chosen)))
    }
}

#[cfg(feature = "trail")]
impl Aws {
    /// Returns a rotator on these ports, such as those of this connection ([`ports`](Self::ports),
    /// or `ports_with` for deliveries). With the setting `trail`, it asks CloudTrail who uses the
    /// keys that it holds.
    #[must_use]
    pub fn rotator(self: &Arc<Self>, ports: Ports, settings: &Settings) -> Rotator {
        let rotator = Rotator::new(ports);
        if settings.trail() { rotator.trail(self.clone()) } else { rotator }
    }
}
