//! Places in addition to the home secret that get a copy of each published key: SSM parameters,
//! secrets and replicas in other regions, secrets and variables of GitHub, GitLab, CircleCI, Vault
//! and Kubernetes, and programs and credentials files on this machine. Also ECS services, which are
//! restarted.
//!
//! [`Aws::destinations`] creates the destinations in the settings; each is a [`Destination`].
//!
//! # Guarantees
//! - Each destination reads before it writes, and writes only if the place still holds what the
//!   delivery replaces. If the service has no conditional write, the destination reads again
//!   afterwards.
//! - A value is replaced as a whole: any other content is lost.
//! - A call ends within half a minute, including retries. Only requests that are safe to repeat are
//!   retried. Deliveries to GitHub take turns: see [`Destination::turn`].
//! - A token is read when it is first needed, kept in memory that is wiped, and read again when the
//!   service refuses it. Tokens, keys and sealed values are in no error, `Debug` output or log of
//!   keyrot. A service's answers are never quoted, except AWS's own messages, which are scrubbed.
//! - Only HTTPS is used, unless the host is this machine. Redirects are not followed.

mod about;
mod circleci;
#[cfg(feature = "command")]
mod command;
mod digest;
mod ecs;
mod github;
mod github_app;
mod github_pace;
mod github_place;
mod gitlab;
mod json_service;
mod kept;
#[cfg(feature = "kubernetes")]
mod kubernetes;
mod limited;
#[cfg(feature = "files")]
mod profile;
mod profile_file;
mod replica;
mod request;
mod rest;
mod role;
mod secrets_manager;
mod ssm;
mod token;

mod variables;
mod vault;
mod vault_login;

use crate::connection::Aws;
use crate::notify::FromEnvironment;
use keyrot_core::Ports;
use keyrot_core::model::DestinationName;
use keyrot_core::ports::Destination;
use keyrot_core::settings::{DestinationKind, DestinationSpec, Settings};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The reason why a destination cannot be created.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the destination {name} is not usable here: {reason}")]
pub struct DestinationError {
    name: DestinationName,
    reason: String,
}

impl Aws {
    /// Returns the destinations in these settings. Nothing is called or read before the first
    /// delivery.
    ///
    /// # Errors
    /// [`DestinationError`] if a destination needs an environment variable that is refused, or if
    /// its kind is not in this build.
    pub fn destinations(
        &self,
        settings: &Settings,
        env: FromEnvironment,
    ) -> Result<BTreeMap<DestinationName, Arc<dyn Destination>>, DestinationError> {
        let mut turns = github_pace::AllTurns::default();
        let secret_variables = settings.secret_variables();
        let made = |spec: &DestinationSpec| {
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
            Ok((spec.name().clone(), self.destination(spec, &mut turns, &secret_variables)?))
        };
        settings.destinations().iter().map(made).collect()
    }

    /// Returns the ports of a rotation, with the destinations in these settings. With
    /// `smtp_regions`, a new key is also verified by a login at SES in each of these regions.
    ///
    /// # Errors
    /// The same as [`destinations`](Self::destinations).
    pub fn ports_with(
        self: &Arc<Self>,
        settings: &Settings,
        env: FromEnvironment,
    ) -> Result<Ports, DestinationError> {
        let ports = self.ports().with_destinations(self.destinations(settings, env)?);
        Ok(match crate::smtp::login::SmtpLogins::new(self, settings) {
            Some(probe) => Ports { probe: Arc::new(probe), ..ports },
            None => ports,
        })
    }

    fn destination(
        &self,
        spec: &DestinationSpec,
        turns: &mut github_pace::AllTurns,
        #[cfg_attr(not(feature = "command"), allow(unused_variables, reason = "for a command"))]
        secret_variables: &[String],
    ) -> Result<Arc<dyn Destination>, DestinationError> {
        let name = spec.name();
        Ok(match spec.kind() {
            DestinationKind::Ssm(kind) => Arc::new(ssm::Parameters::new(name, kind, self)),
            DestinationKind::SecretsManager(kind) => {
                Arc::new(secrets_manager::Secrets::new(name, kind, self))
            }
            DestinationKind::Replica(kind) => {
                Arc::new(replica::ReplicaSecrets::new(name, kind, self))
            }
            DestinationKind::Ecs(kind) => Arc::new(ecs::Services::new(name, kind, self)),
            DestinationKind::GitHub(kind) => {
                Arc::new(github::GitHubSecrets::new(name, kind, self, turns.of(kind)))
            }
            DestinationKind::GitLab(kind) => Arc::new(gitlab::Variables::new(name, kind, self)),
            DestinationKind::CircleCi(kind) => Arc::new(circleci::Contexts::new(name, kind, self)),
            DestinationKind::Vault(kind) => Arc::new(vault::VaultSecrets::new(name, kind, self)),
            #[cfg(feature = "command")]
            DestinationKind::Command(kind) => {
                Arc::new(command::Program::new(name, kind, self, secret_variables))
            }
            #[cfg(not(feature = "command"))]
            DestinationKind::Command(_) => return Err(left_out(spec, "command")),
            #[cfg(feature = "files")]
            DestinationKind::Profile => Arc::new(profile::ProfileFiles::new(name)),
            #[cfg(not(feature = "files"))]
            DestinationKind::Profile => return Err(left_out(spec, "files")),
            #[cfg(feature = "kubernetes")]
            DestinationKind::Kubernetes(kind) => Arc::new(kubernetes::Secrets::new(name, kind)),
            #[cfg(not(feature = "kubernetes"))]
            DestinationKind::Kubernetes(_) => return Err(left_out(spec, "kubernetes")),
            // A kind from a version of keyrot-core that is newer than this crate.
            _ => Arc::new(about::Unknown(name.clone())),
        })
    }
}

/// Returns the error for a kind whose feature is not enabled.
#[cfg(any(test, not(all(feature = "command", feature = "files", feature = "kubernetes"))))]
fn left_out(spec: &DestinationSpec, feature: &str) -> DestinationError {
    let reason = format!(
        "this program was built without the feature `{feature}`, as the Lambda function is; deliver to it with the keyrot command, \
         or remove the destination from the settings"
    );
    DestinationError { name: spec.name().clone(), reason }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use keyrot_core::settings::Sources;

    #[test]
    fn a_kind_that_is_not_in_the_build_is_named_with_what_to_do() {
        let text =
            "[[destination]]\nname = 'x'\nkind = 'kubernetes'\nusers = ['ci']\nto = 'shop/ci'";
        let settings = Settings::load(&Sources::default().file("keyrot.toml", text)).unwrap();
        let said = left_out(&settings.destinations()[0], "kubernetes").to_string();
        assert!(said.contains("destination x") && said.contains("feature `kubernetes`"), "{said}");
    }
}
