//! A connection with the host program's own SDK configuration.

use crate::connect_error::ConnectError;
use crate::connection::Aws;
use crate::connection::sdk_config::guarded;
use crate::settings::AwsSettings;
use aws_types::SdkConfig;

impl Aws {
    /// Creates the clients from an `SdkConfig` that the program already has: its credentials, which
    /// refresh as they do for the program's other clients, its region, its endpoints, and its HTTP
    /// client with its proxies and trusted certificates.
    ///
    /// It makes no call, so it is cheap enough for each of many accounts. `settings` have the rest,
    /// and take precedence if both have a value (`region`, `endpoints`, `app_name`, `fips`,
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
    /// Regardless of the `SdkConfig`: only keyrot's own retries, so that `CreateAccessKey` is never
    /// repeated; no clock correction, and the machine's own clock for signatures; AWS's time from
    /// each answer's `Date`; limits on the time and size of an answer; no unencrypted request to a
    /// host that [`AwsSettings::http_endpoints`] does not name; no credentials under verification
    /// in the identity cache. This is done around the program's HTTP client, so it works with any.
    ///
    /// # What the program decides
    /// If the program has its own HTTP client: which certificates are trusted; which requests go
    /// through a proxy, including those to instance metadata; whether
    /// [`Timeouts::connect`](crate::Timeouts::connect) and [`read`](crate::Timeouts::read) are
    /// respected (the limits of an attempt and of a call always are). With any client, the requests
    /// that fetch its credentials are not keyrot's, and none of the above applies to them.
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
