//! One destination: which users' keys go to which places.

use crate::model::destination::Abilities;
use crate::model::names::{DestinationName, SecretName, UserArn, UserName};
use crate::selection::destination::{DestinationRule, Unplaceable};
use crate::selection::place::PlaceTemplate;
use crate::settings::destination::kind::{DestinationKind, GitHubAuth, VaultAuth};
use crate::settings::notify_target::SecretSource;

/// A table `[[destination]]`: which users' keys go there, the place, and the kind of place.
///
/// ```
/// use keyrot_core::settings::{DestinationKind, Settings, Sources};
///
/// let file = r#"
/// [[destination]]
/// name = "shop-ci"
/// kind = "github"
/// users = ["ci-shop"]
/// to = "acme/shop:production"
/// token = "secret:keyrot/github#token"
/// "#;
/// let settings = Settings::load(&Sources::default().file("keyrot.toml", file))?;
/// let shop = &settings.destinations()[0];
/// assert!(shop.required() && shop.serves(&"ci-shop".parse().expect("a name")));
/// assert!(matches!(shop.kind(), DestinationKind::GitHub(_)));
/// # Ok::<(), keyrot_core::settings::SettingsErrors>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationSpec {
    pub(in crate::settings) rule: DestinationRule,
    pub(in crate::settings) kind: DestinationKind,
    /// The table as it would be written in the environment.
    pub(in crate::settings) json: String,
}

impl DestinationSpec {
    /// Returns the destination's name.
    #[must_use]
    pub fn name(&self) -> &DestinationName {
        self.rule.name()
    }

    /// Whether the previous key stays Active until this destination has the current one.
    #[must_use]
    pub fn required(&self) -> bool {
        self.rule.required()
    }

    /// Returns the place for users' keys, with its placeholders.
    #[must_use]
    pub fn to(&self) -> &PlaceTemplate {
        self.rule.to()
    }

    /// Whether this user's key goes to this destination.
    #[must_use]
    pub fn serves(&self, user: &UserName) -> bool {
        self.rule.serves(user)
    }

    /// Returns the place of the key of this user, who has this home secret.
    ///
    /// # Errors
    /// [`Unplaceable`] if the store's own rules do not allow the place.
    pub fn place_of(&self, user: &UserArn, home: &SecretName) -> Result<String, Unplaceable> {
        self.rule.place_of(user, home)
    }

    /// Returns the kind of destination.
    #[must_use]
    pub fn kind(&self) -> &DestinationKind {
        &self.kind
    }

    /// Returns the abilities of this kind of destination.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.rule.abilities()
    }

    /// Returns the rule for the selection, for users whose homes are in this region.
    #[must_use]
    pub fn rule(&self, home_region: &str) -> DestinationRule {
        let rule =
            self.rule.clone().in_store(self.kind.store(home_region)).writing(self.kind.parts());
        match &self.kind {
            DestinationKind::Replica(kind) => rule.replicating_to(&kind.region),
            _ => rule,
        }
    }

    /// Returns the places of the secrets that keyrot needs to authenticate there.
    #[must_use]
    pub fn sources(&self) -> Vec<&SecretSource> {
        match &self.kind {
            DestinationKind::Ssm(_)
            | DestinationKind::SecretsManager(_)
            | DestinationKind::Replica(_)
            | DestinationKind::Ecs(_) => Vec::new(),
            // Secrets that a kubeconfig names are read by the client that reads the kubeconfig.
            DestinationKind::Kubernetes(_) => Vec::new(),
            DestinationKind::GitHub(github) => match &github.auth {
                GitHubAuth::Token(token) => vec![token],
                GitHubAuth::App { private_key, .. } => vec![private_key],
            },
            DestinationKind::GitLab(gitlab) => vec![&gitlab.token],
            DestinationKind::CircleCi(circle) => vec![&circle.token],
            DestinationKind::Vault(vault) => match &vault.auth {
                VaultAuth::Token(token) => vec![token],
                VaultAuth::Aws { .. } => Vec::new(),
            },
            DestinationKind::Command(_) | DestinationKind::Profile => Vec::new(),
        }
    }
}
