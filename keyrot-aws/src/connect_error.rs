//! The errors of setting up a connection.

use crate::settings::SettingsError;
use std::path::PathBuf;

/// The reason why no connection was set up. No call to AWS was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A setting is refused.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The requested profile cannot be used.
    #[cfg(feature = "rotate")]
    #[error(transparent)]
    Profile(#[from] crate::environment::ProfileError),
    /// No region is set.
    #[error(
        "no AWS region is set{}: Secrets Manager keeps secrets by region; set `region` in the settings, AWS_REGION, or `region` in the profile",
        profile.as_ref().map(|p| format!(" (profile {p:?})")).unwrap_or_default()
    )]
    NoRegion {
        /// The profile that was read, if any.
        profile: Option<String>,
    },
    /// The text is not a region's name.
    #[error(
        "the AWS region {} ({named_by}) is not usable: expected a region such as eu-central-1, without quotes, spaces and zone letter",
        format!("{:?}", region.chars().take(40).collect::<String>())
    )]
    Region {
        /// What was found.
        region: String,
        /// The source of the text.
        named_by: &'static str,
    },
    /// A setting that the program's own `SdkConfig` decides.
    #[error(
        "the AWS setting `{setting}` has no effect on an SdkConfig, which has its credentials already: leave it out, or use `Aws::connect`"
    )]
    DecidedBySdkConfig {
        /// The setting's name.
        setting: &'static str,
    },
    /// There are no credentials.
    #[error(
        "the SdkConfig has no credentials provider: load it with `aws_config::defaults`, or set `credentials_provider`"
    )]
    NoCredentials,
    /// The bundle of trusted certificates cannot be used.
    #[error("the CA bundle {} ({named_by}) cannot be used: {why}", path.display())]
    CaBundle {
        /// The file.
        path: PathBuf,
        /// What names the file: `AWS_CA_BUNDLE`, or `ca_bundle` of the profile.
        named_by: &'static str,
        /// The reason.
        why: String,
    },
    /// There are no root certificates to verify AWS with, as in a container image without them.
    #[error(
        "this machine has no trusted root certificates{why}: install them (Debian and Alpine: the package ca-certificates), or name a file of them in AWS_CA_BUNDLE or SSL_CERT_FILE"
    )]
    NoRoots {
        /// The problem with the certificates that were found.
        why: String,
    },
}
