//! Tells people and machines what a run did: Slack, Microsoft Teams, a signed web hook, SNS and EventBridge.
//!
//! [`Channels`] is made once, from the setting `notify`, and gives each run its [`Notifier`]s. Chats and topics get **one** message a run,
//! with what needs a person first; a run of 500 users is no more than that. Web hooks and buses are for machines: they get each event, and
//! the run's end. A run in which nothing reached the notifier's least severity tells it nothing.
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
//! - A URL and a key are read when they are needed first, kept in memory that is wiped, read again when the receiver refuses them, and are in
//!   no error, no `Debug` and no log of keyrot's.
//! - A call ends within 13 seconds, retries included: before the run would cut it off. An answer of 429 is heeded if its `Retry-After` fits.
//! - HTTPS only, unless the host is this machine; no redirect is followed.
//!
//! # Permissions
//! Of [`policy::ACTIONS`](crate::policy::ACTIONS) each only for what an entry of the setting names ([`Hooks::of`](crate::policy::Hooks::of)); and
//! where a KMS key of your own encrypts a topic, `kms:Decrypt` and `kms:GenerateDataKey` on it (SNS developer guide, "Key management"), or a secret or parameter,
//! `kms:Decrypt`.

mod console;
mod digest;
mod document;
mod eventbridge;
#[cfg(feature = "doctor")]
mod examine;
mod hook;
mod mail;
mod notifier;
mod parameter;
mod secret_ref;
mod signature;
mod slack;
mod sns;
mod teams;
#[cfg(test)]
mod tests;

use crate::Aws;
use crate::limiter::{Limiter, LimiterSettings};
#[cfg(feature = "doctor")]
pub use examine::Readiness;
use hook::Hook;
pub(crate) use hook::Http;
use keyrot_core::settings::{NotifySpec, NotifyTarget, SecretPlace};
use keyrot_core::{Notifier, Target, UserArn, UserName};
use notifier::Told;
use secret_ref::Hidden;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Whom to tell. Cheap to clone; clones share connections, and the URLs and keys that were read.
#[derive(Clone)]
pub struct Channels {
    all: Vec<(NotifySpec, Means)>,
    aws: Aws,
}

/// Whether `env:VARIABLE` is taken for a place of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromEnvironment {
    /// On a person's machine, or in CI, where secrets come in that way.
    Allowed,
    /// Where whoever may see the configuration sees the environment, as in a Lambda function.
    Refused,
}

/// A notifier that cannot be made here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the notifier {name} is not usable here: {reason}")]
pub struct ChannelError {
    name: String,
    reason: String,
}

/// By what one is told. Shared by all runs of the process.
#[derive(Clone)]
pub(crate) enum Means {
    Slack(Arc<Hook>),
    Teams(Arc<Hook>),
    Webhook { hook: Arc<Hook>, key: Arc<Hidden> },
    Sns(Arc<sns::Topic>),
    EventBridge(Arc<eventbridge::Bus>),
}

/// The run that is told of.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) account: Option<String>,
    pub(crate) region: String,
    pub(crate) users: BTreeMap<UserName, UserArn>,
}

impl Channels {
    /// Prepares all of them. Nothing is called or read before there is something to tell.
    ///
    /// # Errors
    /// [`ChannelError`] if an entry names a variable of the environment and that is refused.
    pub fn new(specs: &[NotifySpec], aws: &Aws, env: FromEnvironment) -> Result<Self, ChannelError> {
        for spec in specs {
            let of_env = |place| place == SecretPlace::Environment;
            if env == FromEnvironment::Refused && spec.target().sources().iter().any(|s| of_env(s.place())) {
                let reason = "an environment variable is shown to everybody who may look at the configuration; put the URL or key into \
                              Secrets Manager or an SSM SecureString, and write secret:NAME or ssm:NAME";
                return Err(ChannelError { name: spec.name().to_owned(), reason: reason.to_owned() });
            }
        }
        let pace = Limiter::new(LimiterSettings::secret_reads());
        let means = |spec: &NotifySpec| match spec.target() {
            NotifyTarget::Slack(url) => Means::Slack(Arc::new(Hook::new(Hidden::new(url, aws, &pace)))),
            NotifyTarget::Teams(url) => Means::Teams(Arc::new(Hook::new(Hidden::new(url, aws, &pace)))),
            NotifyTarget::Webhook { url, hmac } => Means::Webhook {
                hook: Arc::new(Hook::new(Hidden::new(url, aws, &pace))),
                key: Arc::new(Hidden::new(hmac, aws, &pace)),
            },
            NotifyTarget::Sns(topic) => Means::Sns(Arc::new(sns::Topic::new(topic, aws, &pace))),
            NotifyTarget::EventBridge(bus) => Means::EventBridge(Arc::new(eventbridge::Bus::new(bus, aws, &pace))),
        };
        let all = specs.iter().map(|spec| (spec.clone(), means(spec))).collect();
        Ok(Self { all, aws: aws.clone() })
    }

    /// The notifiers of one run on these users. From them come the account, the users' ARNs, and links into the console.
    #[must_use]
    pub fn for_run(&self, chosen: &[Target]) -> Vec<Arc<dyn Notifier>> {
        let users: BTreeMap<_, _> =
            chosen.iter().map(|one| (one.subject.user.clone(), one.subject.arn.clone())).collect();
        let account = users.values().next().map(|arn| arn.account().to_owned());
        let about = Arc::new(About { account, region: self.aws.region().to_owned(), users });
        let told = |(spec, means): &(NotifySpec, Means)| -> Arc<dyn Notifier> {
            Arc::new(Told::new(spec, means.clone(), &self.aws, Arc::clone(&about)))
        };
        self.all.iter().map(told).collect()
    }

    /// Whether there is nobody to tell.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// The notifiers that these entries describe, for one run: [`Channels`] made and used once.
///
/// # Errors
/// [`ChannelError`] as for [`Channels::new`].
pub fn from_specs(
    specs: &[NotifySpec],
    aws: &Aws,
    env: FromEnvironment,
    chosen: &[Target],
) -> Result<Vec<Arc<dyn Notifier>>, ChannelError> {
    Ok(Channels::new(specs, aws, env)?.for_run(chosen))
}

/// The names; nothing of what was read.
impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|(spec, _)| spec.name())).finish()
    }
}
