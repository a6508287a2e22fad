//! Places beside the home secret that get a copy of each published key: SSM parameters, secrets in
//! other regions, the secrets and variables of GitHub, GitLab, CircleCI and Vault, and programs on
//! this machine.
//!
//! [`Aws::destinations`] makes those that the settings describe; each is a
//! [`Destination`](keyrot_core::ports::Destination).
//!
//! # Guarantees
//! - Each looks before it writes, and writes only if the place still holds what the delivery
//!   replaces; where the service itself has no conditional write, it looks again afterwards.
//! - A value is replaced as a whole: what else was in it is not kept.
//! - A call ends within half a minute, retries included; before it, a delivery to GitHub waits for
//!   its turn. Only what may be repeated is sent again.
//! - A token is read when it is needed first, kept in memory that is wiped, and read again when the
//!   service refuses it. Tokens, keys and sealed values are in no error, no `Debug` and no log of
//!   keyrot's; answers that a service gives are quoted nowhere, except AWS's own messages,
//!   scrubbed.
//! - HTTPS only, unless the host is this machine; no redirect is followed.

mod about;
mod circleci;
#[cfg(feature = "command")]
mod command;
mod github;
mod github_app;
mod github_place;
mod gitlab;
mod kept;
mod profile_file;
mod request;
mod rest;
mod secrets_manager;
mod ssm;
mod token;
mod turns;
mod vault;
mod vault_login;

use crate::connect::Aws;
use crate::notify::FromEnvironment;
use keyrot_core::Ports;
use keyrot_core::model::DestinationName;
use keyrot_core::ports::Destination;
use keyrot_core::settings::{DestinationKind, DestinationSpec, Settings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A destination that cannot be made here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the destination {name} is not usable here: {reason}")]
pub struct DestinationError {
    name: DestinationName,
    reason: String,
}

impl Aws {
    /// The destinations that these settings describe. Nothing is called or read before the first
    /// delivery.
    ///
    /// # Errors
    /// [`DestinationError`] if one needs a variable of the environment and that is refused, or is of a
    /// kind whose feature is off.
    pub fn destinations(
        &self,
        settings: &Settings,
        env: FromEnvironment,
    ) -> Result<BTreeMap<DestinationName, Arc<dyn Destination>>, DestinationError> {
        let made = |spec: &DestinationSpec| {
            if cfg!(not(feature = "command")) && matches!(spec.kind(), DestinationKind::Command(_))
            {
                let reason = "this program was built without the kind command, because it may run no other program; keyrot's command \
                              line has it";
                return Err(DestinationError {
                    name: spec.name().clone(),
                    reason: reason.to_owned(),
                });
            }
            let variable = spec
                .sources()
                .into_iter()
                .find(|source| env == FromEnvironment::Refused && source.place().is_local());
            if let Some(source) = variable {
                let reason = format!(
                    "an environment variable or a file of the function ({source}) is shown to everybody who may read the configuration or the code; put the token into \
                     Secrets Manager or an SSM SecureString, and write secret:NAME or ssm:NAME"
                );
                return Err(DestinationError { name: spec.name().clone(), reason });
            }
            Ok((spec.name().clone(), self.destination(spec)))
        };
        settings.destinations().iter().map(made).collect()
    }

    /// The ports of a rotation, with the destinations that these settings describe.
    ///
    /// # Errors
    /// As [`destinations`](Self::destinations).
    pub fn ports_with(
        self: &Arc<Self>,
        settings: &Settings,
        env: FromEnvironment,
    ) -> Result<Ports, DestinationError> {
        Ok(self.ports().with_destinations(self.destinations(settings, env)?))
    }

    fn destination(&self, spec: &DestinationSpec) -> Arc<dyn Destination> {
        let name = spec.name();
        match spec.kind() {
            DestinationKind::Ssm(kind) => Arc::new(ssm::Parameters::new(name, kind, self)),
            DestinationKind::SecretsManager(kind) => {
                Arc::new(secrets_manager::Secrets::new(name, kind, self))
            }
            DestinationKind::GitHub(kind) => Arc::new(github::GitHubSecrets::new(name, kind, self)),
            DestinationKind::GitLab(kind) => Arc::new(gitlab::Variables::new(name, kind, self)),
            DestinationKind::CircleCi(kind) => Arc::new(circleci::Contexts::new(name, kind, self)),
            DestinationKind::Vault(kind) => Arc::new(vault::VaultSecrets::new(name, kind, self)),
            #[cfg(feature = "command")]
            DestinationKind::Command(kind) => Arc::new(command::Program::new(name, kind, self)),
            // A kind that came later, in a core that is newer than this crate.
            _ => Arc::new(about::Unknown(name.clone())),
        }
    }
}
