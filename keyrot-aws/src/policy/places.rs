//! The resources that a policy names: KMS keys, the secrets of all users, and places at
//! destinations.

use super::Text;
use keyrot_core::model::Arn;
use keyrot_core::selection::SecretTemplate;
#[cfg(feature = "settings")]
use keyrot_core::settings::{DestinationKind, DestinationSpec};

/// A KMS key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A key by its ARN.
    Arn(Text),
    /// A key by its id.
    Id(Text),
    /// A key by an alias, such as `alias/keyrot`.
    Alias(Text),
}

/// A destination in AWS.
#[cfg(feature = "settings")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The kind of its places.
    pub what: DeliveryKind,
    /// Its region, if it differs from the region of the users' secrets.
    pub region: Option<Text>,
    /// The names of its places, with wildcards. Replicas have the names of the users' secrets.
    pub names: Text,
    /// The KMS key, if it is not the account's own.
    pub key: Option<Key>,
    /// The ARN of the role that writes there. With a role, keyrot itself needs no other permission.
    pub role: Option<Text>,
}

impl Key {
    /// Parses the setting `kms_key`; `None` for the account's own key, which needs no permission.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let alias = text.split_once(":alias/").map(|(_, name)| format!("alias/{name}"));
        match alias.as_deref().unwrap_or(text) {
            "alias/aws/secretsmanager" | "alias/aws/ssm" => None,
            alias if alias.starts_with("alias/") => Some(Self::Alias(Text::fixed(alias))),
            arn if Arn::is_meant(arn) => Some(Self::Arn(Text::fixed(arn))),
            id => Some(Self::Id(Text::fixed(id))),
        }
    }
}

/// Destinations in AWS whose places are filled in later. Each text is a placeholder for a list.
#[cfg(feature = "settings")]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDeliveries {
    /// The ARNs of the parameters.
    pub parameters: String,
    /// The ARNs of the secrets, with and without the six characters at the end.
    pub secrets: String,
    /// The regions of replicas.
    pub replica_regions: String,
    /// The ARNs of the services of ECS.
    pub ecs_services: String,
    /// The ARNs of their clusters.
    pub ecs_clusters: String,
    /// The ARNs of their KMS keys.
    pub keys: String,
    /// The services that use these keys, in the form of `kms:ViaService`.
    pub services: String,
    /// The ARNs of roles in other accounts.
    pub roles: String,
}

/// The kind of places of a destination in AWS.
#[cfg(feature = "settings")]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryKind {
    /// SSM parameters.
    Parameter,
    /// Secrets of Secrets Manager.
    Secret,
    /// Replicas of the users' secrets.
    Replica,
    /// Services of ECS.
    EcsService,
}

#[cfg(feature = "settings")]
impl Delivery {
    /// Returns the AWS destinations in these settings, for this account.
    #[must_use]
    pub fn of(specs: &[DestinationSpec], path_prefix: &str, account: &Text) -> Vec<Self> {
        let of_one = |spec: &DestinationSpec| {
            let (what, region, key, role) = match spec.kind() {
                DestinationKind::Ssm(kind) => {
                    (DeliveryKind::Parameter, kind.region.clone(), &kind.kms_key, &kind.role)
                }
                DestinationKind::SecretsManager(kind) => {
                    (DeliveryKind::Secret, Some(kind.region.clone()), &kind.kms_key, &kind.role)
                }
                DestinationKind::Replica(kind) => {
                    (DeliveryKind::Replica, Some(kind.region.clone()), &kind.kms_key, &None)
                }
                DestinationKind::Ecs(kind) => {
                    (DeliveryKind::EcsService, kind.region.clone(), &None, &kind.role)
                }
                _ => return None,
            };
            Some(Self {
                what,
                region: region.map(Text::fixed),
                names: names(spec.to().as_str(), path_prefix, account),
                key: key.as_deref().and_then(Key::parse),
                role: role.as_ref().map(|role| Text::fixed(&role.arn)),
            })
        };
        specs.iter().filter_map(of_one).collect()
    }
}

/// Returns a pattern for the names of all users' secrets under the template.
pub(super) fn secret_names(template: &SecretTemplate, path_prefix: &str, account: &Text) -> Text {
    names(template.as_str(), path_prefix, account)
}

/// Returns a pattern for the places of all users under a template.
pub(super) fn names(template: &str, path_prefix: &str, account: &Text) -> Text {
    let mut names = Text::fixed("");
    let mut rest = template;
    while let Some((fixed, behind)) = rest.split_once('{') {
        let (place, behind) = behind.split_once('}').unwrap_or((behind, ""));
        names = names.then(Text::fixed(fixed)).then(match place {
            "account" => account.clone(),
            // Characters that are allowed in a path but not in a name are escaped in the name.
            "path"
                if path_prefix
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"/_+.@-".contains(&b)) =>
            {
                Text::fixed(path_prefix).then(Text::any())
            }
            _ => Text::any(),
        });
        rest = behind;
    }
    names.then(Text::fixed(rest))
}
