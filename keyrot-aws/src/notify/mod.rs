//! Notifications of what a run did: Slack, Microsoft Teams, a signed webhook, SNS and EventBridge.
//!
//! [`Channels`] is created once, from the setting `notify`, and gives each run its
//! [`Notifier`](keyrot_core::Notifier)s. Chats and topics get **one** message per run, even for 500
//! users, with what needs manual action first. Webhooks and buses are for programs: they get each
//! event, and the run's end. If nothing in a run reaches a notifier's minimum severity, it gets
//! nothing.
//!
//! ```no_run
//! use keyrot_aws::notify::{Channels, FromEnvironment};
//! use keyrot_aws::{Aws, AwsSettings};
//! use keyrot_core::{Ports, Rotator};
//! use keyrot_core::settings::NotifySpec;
//!
//! # async fn example(ports: Ports, chosen: Vec<keyrot_core::Target>) -> Result<(), Box<dyn std::error::Error>> {
//! let aws = Aws::connect(&AwsSettings::default()).await?;
//! let specs = [NotifySpec::parse("slack secret:keyrot/slack")?];
//! let channels = Channels::new(&specs, &aws, FromEnvironment::Refused)?;
//! // For each run:
//! let rotator = channels.for_run(&chosen).into_iter().fold(Rotator::new(ports), Rotator::notify);
//! # Ok(())
//! # }
//! ```
//!
//! # Guarantees
//! - A URL and a key are read when they are first needed, kept in memory that is wiped, and read
//!   again when the receiver refuses them. They are in no error, `Debug` or log of keyrot.
//! - A call ends within 13 seconds, including retries: before the run would stop it. The
//!   `Retry-After` of a 429 is followed if there is time.
//! - HTTPS only, unless the host is this machine; redirects are not followed.
//!
//! # Permissions
//! Each permission in [`policy::ACTIONS`](crate::policy::ACTIONS) is needed only for what an entry
//! of the setting names ([`Hooks::of`](crate::policy::Hooks::of)). If your own KMS key encrypts a
//! topic, `kms:Decrypt` and `kms:GenerateDataKey` on it (SNS developer guide, "Key management");
//! for a secret or parameter, `kms:Decrypt`.

mod about;
mod channels;
mod console;
mod document;
mod eventbridge;
#[cfg(feature = "doctor")]
mod examine;
mod failed;
mod hook;
mod limits;
mod mail;
mod means;
mod notifier;
pub(crate) mod parameter;
pub(crate) mod secret_ref;
mod signature;
mod slack;
mod sns;
mod teams;
#[cfg(test)]
mod tests;
mod wording;

pub use channels::{ChannelError, Channels, FromEnvironment, from_specs};
#[cfg(feature = "doctor")]
pub use examine::Readiness;
