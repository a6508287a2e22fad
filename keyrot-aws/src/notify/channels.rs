//! The notifiers in the setting `notify`, created once per process.

use super::about::About;
use super::hook::Hook;
use super::means::Means;
use super::notifier::ChannelNotifier;
use super::secret_ref::Hidden;
use super::{eventbridge, sns};
use crate::connection::Aws;
use crate::limiter::{Limiter, LimiterSettings};
use keyrot_core::settings::{NotifySpec, NotifyTarget};
use keyrot_core::{Notifier, Target};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The notifiers of the setting `notify`. Cheap to clone; clones share connections, and the URLs
/// and keys that were read.
#[derive(Clone)]
pub struct Channels {
    pub(super) all: Vec<(NotifySpec, Means)>,
    pub(super) aws: Aws,
}

/// Whether `env:VARIABLE` and `file:PATH` are allowed as places of secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FromEnvironment {
    /// Allowed: on a person's machine, or in CI, where secrets are passed that way.
    Allowed,
    /// Refused: in a Lambda function, anyone who may read its configuration sees the environment,
    /// and anyone who may read its code sees its files.
    Refused,
}

/// A notifier that cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the notifier {name} is not usable here: {reason}")]
pub struct ChannelError {
    name: String,
    reason: String,
}

impl Channels {
    /// Prepares all of them. Nothing is called or read before the first notification.
    ///
    /// # Errors
    /// [`ChannelError`] if an entry names an environment variable or a file, and these are refused.
    pub fn new(
        specs: &[NotifySpec],
        aws: &Aws,
        env: FromEnvironment,
    ) -> Result<Self, ChannelError> {
        for spec in specs {
            if env == FromEnvironment::Refused
                && spec.target().sources().iter().any(|source| source.place().is_local())
            {
                let reason = "an environment variable or a file of the function is shown to everybody who may read the configuration or the code; put the URL or key into \
                              Secrets Manager or an SSM SecureString, and write secret:NAME or ssm:NAME";
                return Err(ChannelError {
                    name: spec.name().to_owned(),
                    reason: reason.to_owned(),
                });
            }
        }
        let pace = Limiter::new(LimiterSettings::secret_reads());
        let means = |spec: &NotifySpec| match spec.target() {
            NotifyTarget::Slack(url) => {
                Means::Slack(Arc::new(Hook::new(Hidden::new(url, aws, &pace))))
            }
            NotifyTarget::Teams(url) => {
                Means::Teams(Arc::new(Hook::new(Hidden::new(url, aws, &pace))))
            }
            NotifyTarget::Webhook { url, hmac } => Means::Webhook {
                hook: Arc::new(Hook::new(Hidden::new(url, aws, &pace))),
                key: Arc::new(Hidden::new(hmac, aws, &pace)),
            },
            NotifyTarget::Sns(topic) => Means::Sns(Arc::new(sns::Topic::new(topic, aws, &pace))),
            NotifyTarget::EventBridge(bus) => {
                Means::EventBridge(Arc::new(eventbridge::Bus::new(bus, aws, &pace)))
            }
        };
        let all = specs.iter().map(|spec| (spec.clone(), means(spec))).collect();
        Ok(Self { all, aws: aws.clone() })
    }

    /// Returns the notifiers of one run on these users, who determine the account, the ARNs and the
    /// console links.
    #[must_use]
    pub fn for_run(&self, chosen: &[Target]) -> Vec<Arc<dyn Notifier>> {
        let users: BTreeMap<_, _> =
            chosen.iter().map(|one| (one.subject.user.clone(), one.subject.arn.clone())).collect();
        let account = users.values().next().map(|arn| arn.account().to_owned());
        let about = Arc::new(About { account, region: self.aws.region().to_owned(), users });
        let notifier = |(spec, means): &(NotifySpec, Means)| -> Arc<dyn Notifier> {
            Arc::new(ChannelNotifier::new(spec, means.clone(), &self.aws, Arc::clone(&about)))
        };
        self.all.iter().map(notifier).collect()
    }

    /// Returns whether there is no notifier.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }
}

/// Returns the notifiers in these entries, for one run: [`Channels`] that are used once.
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

/// Shows only the names, and nothing that was read.
impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.all.iter().map(|(spec, _)| spec.name())).finish()
    }
}
