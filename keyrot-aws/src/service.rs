//! A service and a rotator on a connection, from keyrot's settings.

use crate::connection::Aws;
use keyrot_core::settings::Settings;
use keyrot_core::{Ports, Rotator};
use std::sync::Arc;

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
