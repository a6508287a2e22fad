//! A connection on the host's own SDK configuration.

use crate::connect::Aws;
use crate::connect_error::ConnectError;
use crate::sdk_config::guarded;
use crate::settings::AwsSettings;
use aws_types::SdkConfig;

impl Aws {
    /// Makes the clients from an `SdkConfig` that the program has already: with its credentials,
    /// which refresh as they do for the program's other clients, its region, its endpoints, and its
    /// HTTP client with the proxies and certificates that it trusts.
    ///
    /// It makes no call, so it is cheap enough for each of many accounts. `settings` say the rest,
    /// and go before the `SdkConfig` where both say it (`region`, `endpoints`, `app_name`, `fips`,
    /// `dual_stack`, `timeouts`).
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// use keyrot_aws::{Aws, AwsSettings};
    ///
    /// let config = aws_config::load_defaults(aws_config::BehaviorVersion::latest()).await;
    /// let aws = Aws::from_sdk_config(&config, &AwsSettings::default())?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # What keyrot keeps in force
    /// Whatever the `SdkConfig` says: no retries but keyrot's own, so that `CreateAccessKey` is
    /// never repeated; no correction of the clock, and the machine's own clock for signatures;
    /// AWS's time learned from each answer's `Date`; the limits on time and on the size of an
    /// answer; nothing sent unencrypted to a host that [`AwsSettings::http_endpoints`] does not
    /// name; no credentials of a verification in the identity cache. That is done around the
    /// program's HTTP client, so it holds with any.
    ///
    /// # What is up to the program
    /// With an HTTP client of its own: which certificates are trusted; which requests go through a
    /// proxy, those to instance metadata included; whether
    /// [`Timeouts::connect`](crate::Timeouts::connect) and [`read`](crate::Timeouts::read) are
    /// heeded (the limits of an attempt and of a call always are). With any: the requests by which
    /// its credentials are fetched are not keyrot's, and none of the above holds for them.
    ///
    /// # Errors
    /// [`ConnectError`] if a setting is not usable, if it is one that the `SdkConfig` decides
    /// (`profile`, `ignore_profiles`, `credentials`), or if the `SdkConfig` has no credentials or
    /// no region.
    pub fn from_sdk_config(
        config: &SdkConfig,
        settings: &AwsSettings,
    ) -> Result<Self, ConnectError> {
        let (safe, http) = guarded(config, settings)?;
        Self::assemble(&safe, settings, &http)
    }
}
