//! keyrot's ports on the AWS SDK: IAM, Secrets Manager, STS, and CloudTrail's event history
//! (feature `trail`).
//!
//! [`Aws`] implements three ports: [`IamPort`](keyrot_core::IamPort),
//! [`SecretStorePort`](keyrot_core::SecretStorePort) and
//! [`CredentialProbe`](keyrot_core::CredentialProbe); for audits it also implements
//! [`AccountPort`](keyrot_core::audit::AccountPort). [`RotatedCredentials`] is the other side: a
//! rotated user's key as the credentials of an SDK client.
//!
//! Only two kinds of SDK types are in public signatures: [`SdkConfig`], and those of a credentials
//! provider.
//!
//! ```no_run
//! use keyrot_aws::{Aws, AwsSettings};
//! use keyrot_core::{IamPort, SecretName, SecretStorePort};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let settings = AwsSettings::default().with_region("eu-central-1");
//! let aws = Aws::connect(&settings).await?;
//! println!("acting as {}", aws.caller_identity().await?.arn);
//! for user in aws.users("/ci/").await? {
//!     let keys = aws.list_keys(user.arn.name()).await?;
//!     let secret = aws.describe(&SecretName::parse(format!("/iam/{}/access_key", user.arn.name()))?).await?;
//!     println!("{}: {} keys, {secret:?}", user.arn, keys.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - `CreateAccessKey` is sent once. It is repeated only after a throttle, which means that AWS did
//!   nothing.
//! - A failed change says whether any of its attempts may have been carried out anyway.
//! - A list is complete or an error; unreadable tags of a user are an error, not "no tags".
//! - A call ends within [`Timeouts::call`], 60 seconds by default;
//!   [`users`](keyrot_core::IamPort::users) takes that for each page.
//! - No secret is in an error, a `Debug` or a message. The SDK does not wipe its own buffers after
//!   a request.
//!
//! # Caveats
//! - The SDK and its HTTP stack log whole requests and answers, including secrets, at their most
//!   verbose levels. Keep the targets in [`SECRET_LOG_TARGETS`] at INFO or above.
//! - Replicas of a secret follow its primary by themselves. After a promotion, keyrot waits for
//!   them for up to 20 seconds; a later or failed replica does not fail the promotion.
//!
//! # Tracing
//! With the feature `tracing`, each call is a span `aws_call` (level DEBUG; fields `action`,
//! `subject`), and each of its attempts an event with the target `keyrot_aws`: DEBUG, or WARN if no
//! answer came and the call may have been carried out. Its fields: `action`, such as
//! `iam:CreateAccessKey`; `subject`, such as `user ci`; `attempt`, from 1; `took_ms`; and for a
//! failure AWS's `code`, its `request_id`, and `retry_in_ms` if there is a next attempt. None of
//! them contains requests, answers or AWS's messages. If no answer came, or the call was not sent,
//! an event WARN has the SDK's own `causes`, scrubbed of secrets; the error itself says it in one
//! sentence.
//!
//! # Metrics
//! With the feature `metrics`, calls, attempts and their latency are counted with the facade
//! [`metrics`](https://docs.rs/metrics): see the module `metrics`.
//!
//! # Permissions
//! [`policy`] generates the least-privilege IAM policy; [`ACTIONS`](policy::ACTIONS) lists every
//! action that is used, and its reason.

#![cfg_attr(docsrs, feature(doc_cfg))]
// A consumer needs only some of these modules. docs/architecture.md says what is in each folder.
#![cfg_attr(not(feature = "rotate"), allow(dead_code, rustdoc::broken_intra_doc_links))]

mod calls;
mod clock;
mod connect_error;
mod connection;
mod consumer;
mod credentials;
#[cfg(feature = "destinations")]
pub mod destinations;
#[cfg(feature = "doctor")]
pub mod doctor;
#[cfg(feature = "emulator")]
pub mod emulator;
#[cfg(feature = "rotate")]
mod environment;
mod error_text;
mod hosts;
mod http;
#[cfg(feature = "rotate")]
mod iam;
pub mod limiter;
#[cfg(feature = "notify")]
pub mod notify;
#[cfg(feature = "rotate")]
pub mod policy;
#[cfg(feature = "files")]
pub mod profiles;
mod proxies;
mod secrets_manager;
#[cfg(all(feature = "settings", feature = "trail"))]
mod service;
mod settings;
#[cfg(feature = "notify")]
mod signed_requests;
mod smtp;
#[cfg(feature = "rotate")]
mod sts;
#[cfg(all(test, feature = "rotate"))]
mod tests;
#[cfg(feature = "trail")]
mod trail;

/// The SDK's configuration, which [`Aws::from_sdk_config`] takes.
pub use aws_types::SdkConfig;
pub use calls::errors::aws_error::AwsError;
#[cfg(feature = "metrics")]
pub use calls::metrics;
pub use clock::{AwsClock, TokioClock};
pub use connect_error::ConnectError;
#[cfg(feature = "rotate")]
pub use connection::{Aws, Caller};
#[cfg(feature = "files")]
pub use consumer::{FileCache, NoCache};
pub use consumer::{Refusals, RotatedCredentials, SecretReader};
#[cfg(feature = "rotate")]
pub use environment::{NamedBy, ProfileError, profile_of_environment};
pub use secrets_manager::value;
#[cfg(all(feature = "notify", feature = "settings", feature = "trail"))]
pub use service::SetupError;
pub use settings::{
    AwsSettings, CallerCredentials, Endpoints, FieldNames, Rates, SecretSettings, SettingsError,
    Timeouts,
};

/// Log targets of libraries that may show secret material below the level INFO.
pub const SECRET_LOG_TARGETS: &[&str] = &[
    "aws_smithy_runtime",
    "aws_smithy_http_client",
    "aws_sigv4",
    "aws_sdk_cloudtrail",
    "aws_sdk_iam",
    "aws_sdk_secretsmanager",
    "hyper",
    "h2",
    "rustls",
];
