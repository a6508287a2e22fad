//! When two destinations write to the same place: the store of a kind, and the parts of a place in
//! it.

use crate::selection::destination::DestinationRule;
use crate::settings::destination::kind::{
    CircleCi, Command, DestinationKind, EcsServices, GitHub, GitLab, Kubernetes, ParameterStore,
    Replicas, SecretCopies, Vault, WriterRole,
};

impl DestinationKind {
    /// Returns the store. In one store, no two users may share a place.
    pub(super) fn store(&self, home_region: &str) -> String {
        match self {
            Self::Ssm(ParameterStore { region, role, .. }) => {
                format!("ssm {}{}", region.as_deref().unwrap_or(home_region), account(role))
            }
            Self::Ecs(EcsServices { region, role }) => {
                format!("ecs {}{}", region.as_deref().unwrap_or(home_region), account(role))
            }
            Self::SecretsManager(SecretCopies { region, role, .. }) => {
                DestinationRule::secrets_in(region) + &account(role)
            }
            Self::Replica(Replicas { region, .. }) => DestinationRule::secrets_in(region),
            Self::GitHub(GitHub { url, store, .. }) => {
                format!("github {} {store:?}", server(url.as_deref(), GITHUB))
            }
            Self::GitLab(GitLab { url, level, variable, environment_scope, .. }) => {
                let url = server(url.as_deref(), GITLAB);
                format!("gitlab {url} {level:?} {variable} {environment_scope}")
            }
            Self::CircleCi(CircleCi { url, .. }) => {
                format!("circleci {}", server(url.as_deref(), CIRCLECI))
            }
            Self::Vault(Vault { url, mount, namespace, .. }) => {
                let namespace = namespace.as_deref().unwrap_or_default();
                format!("vault {} {namespace} {mount}", server(Some(url), ""))
            }
            Self::Command(Command { command }) => format!("command {}", command.join(" ")),
            // The names in the data do not matter: all of keyrot's fields in a Secret belong to one
            // user.
            Self::Kubernetes(Kubernetes { kubeconfig, context, .. }) => {
                let of = |text: &Option<String>| text.clone().unwrap_or_default();
                format!("kubernetes {} {}", of(kubeconfig), of(context))
            }
            Self::Profile => "profile".to_owned(),
        }
    }

    /// Returns the parts of a place that it writes; an empty text stands for the whole place.
    pub(super) fn parts(&self) -> Vec<String> {
        match self {
            // GitHub ignores the case of secrets' names.
            Self::GitHub(GitHub { names, .. }) => {
                names.all().into_iter().map(str::to_ascii_uppercase).collect()
            }
            Self::CircleCi(CircleCi { names, .. }) => {
                names.all().into_iter().map(str::to_owned).collect()
            }
            _ => vec![String::new()],
        }
    }
}

/// Returns the account of a role, because another account is another store. A role in keyrot's own
/// account is not distinguished here: the adapter refuses a home there, and the place's marks show
/// another user's key.
fn account(role: &Option<WriterRole>) -> String {
    role.as_ref().map(|role| format!(" {}", role.account())).unwrap_or_default()
}

const GITHUB: &str = "https://api.github.com";
const GITLAB: &str = "https://gitlab.com";
const CIRCLECI: &str = "https://circleci.com";

/// Returns the server of a store. URLs that differ only in case are the same server.
fn server(url: Option<&str>, default: &str) -> String {
    url.unwrap_or(default).to_ascii_lowercase()
}
