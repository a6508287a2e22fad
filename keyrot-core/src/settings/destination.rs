//! Destinations, from the tables `[[destination]]` in a settings file.
//!
//! A table never contains a token or a key, only the place where it is kept. So settings can be
//! shown, logged and kept in a repository.

use crate::model::arn::Arn;
use crate::model::destination::Abilities;
use crate::model::names::{DestinationName, UserArn, UserName};
use crate::selection::destination::{DestinationRule, PlaceForm, PlaceTemplate, Unplaceable};
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
    pub(super) rule: DestinationRule,
    pub(super) kind: DestinationKind,
    /// The table as it would be written in the environment.
    pub(super) json: String,
}

/// The kind of a destination's places, with the settings of that kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationKind {
    /// Parameters of SSM's Parameter Store.
    Ssm(ParameterStore),
    /// Secrets of Secrets Manager, in addition to the users' homes.
    SecretsManager(SecretCopies),
    /// Secrets of GitHub Actions.
    GitHub(GitHub),
    /// Variables of GitLab CI/CD.
    GitLab(GitLab),
    /// Environment variables of CircleCI contexts.
    CircleCi(CircleCi),
    /// Secrets of Vault or OpenBao.
    Vault(Vault),
    /// A program on this machine that gets the key.
    Command(Command),
    /// Secrets of a Kubernetes cluster.
    Kubernetes(Kubernetes),
    /// Profiles of AWS credentials files on this machine.
    Profile,
    /// Services of Amazon ECS, which are restarted.
    Ecs(EcsServices),
}

/// Services of Amazon ECS. They get no key: their tasks read it from the home secret or a copy of
/// it when they start. So they are restarted when all copies have the new key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsServices {
    /// The region; `None` means the region of the users' homes.
    pub region: Option<String>,
    /// The role that restarts them, in another account; `None` means keyrot itself.
    pub role: Option<WriterRole>,
}

/// Parameters of SSM's Parameter Store: a SecureString with the key as a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterStore {
    /// The region; `None` means the region of the users' homes.
    pub region: Option<String>,
    /// The KMS key; `None` means the account's `aws/ssm`.
    pub kms_key: Option<String>,
    /// The tier of new parameters.
    pub tier: Tier,
    /// The role that writes there, in another account; `None` means keyrot itself.
    pub role: Option<WriterRole>,
}

/// The tier of a parameter (Systems Manager user guide, "Managing parameter tiers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Up to 4 KB, free.
    Standard,
    /// Up to 8 KB, with resource policies; charged.
    Advanced,
    /// Chosen for each parameter by its needs.
    Intelligent,
}

/// Secrets of Secrets Manager, in another region or under names other than the homes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretCopies {
    /// The region.
    pub region: String,
    /// The KMS key for new secrets; `None` means the account's `aws/secretsmanager`.
    pub kms_key: Option<String>,
    /// The role that writes there, in another account; `None` means keyrot itself.
    pub role: Option<WriterRole>,
}

/// A role that keyrot assumes to write to a destination in another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterRole {
    /// Its ARN.
    pub arn: String,
    /// The external id that the role's trust policy requires.
    pub external_id: Option<String>,
}

impl WriterRole {
    /// Returns the role's account.
    #[must_use]
    pub fn account(&self) -> &str {
        Arn::parse(&self.arn).map_or("", |arn| arn.account)
    }
}

/// Secrets of GitHub Actions, of a repository, an environment or an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHub {
    /// How keyrot authenticates.
    pub auth: GitHubAuth,
    /// The store of the secrets.
    pub store: GitHubStore,
    /// The API of a GitHub Enterprise server; `None` means GitHub's own.
    pub url: Option<String>,
    /// The secrets that hold a key.
    pub names: VariableNames,
}

/// The variables that hold a key, if each variable takes one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableNames {
    /// Two variables. No service changes both together, so between the two writes they do not work.
    Pair {
        /// The variable that holds the key's id.
        id_name: String,
        /// The variable that holds the key's secret half.
        secret_name: String,
    },
    /// One variable with an AWS credentials file, whose profile is `default`.
    File {
        /// The variable that holds the file.
        file_name: String,
    },
}

impl VariableNames {
    /// Returns the abilities of a destination with these variables. Their values are never shown.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        match self {
            Self::Pair { .. } => Abilities::IN_PARTS,
            Self::File { .. } => Abilities::WRITE_ONLY,
        }
    }

    /// Returns the names, in the order in which they are written.
    #[must_use]
    pub fn all(&self) -> Vec<&str> {
        match self {
            Self::Pair { id_name, secret_name } => vec![id_name, secret_name],
            Self::File { file_name } => vec![file_name],
        }
    }
}

/// The store of secrets at GitHub. Each store has its own secrets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GitHubStore {
    /// For workflows of GitHub Actions.
    Actions,
    /// For Dependabot, and workflows that it starts. It has no secrets of environments.
    Dependabot,
}

/// How keyrot authenticates to GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitHubAuth {
    /// With a personal access token.
    Token(SecretSource),
    /// As an installation of a GitHub App.
    App {
        /// The App's client id or id.
        app: String,
        /// The id of the installation.
        installation: String,
        /// Where the App's private key is kept, in PEM as GitHub issues it.
        private_key: SecretSource,
    },
}

/// Variables of GitLab CI/CD: one variable of type *file* with an AWS credentials file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitLab {
    /// Where the access token is kept.
    pub token: SecretSource,
    /// The server; `None` means `https://gitlab.com`.
    pub url: Option<String>,
    /// Whether the variable belongs to a project or a group.
    pub level: GitLabLevel,
    /// The variable's key.
    pub variable: String,
    /// The variable's environment scope.
    pub environment_scope: String,
    /// The profile in the credentials file.
    pub profile: String,
}

/// The owner of the variables that a GitLab destination writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GitLabLevel {
    /// A project.
    Project,
    /// A group.
    Group,
}

/// Environment variables of CircleCI contexts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircleCi {
    /// Where the personal API token is kept.
    pub token: SecretSource,
    /// The server; `None` means `https://circleci.com`.
    pub url: Option<String>,
    /// The variables that hold a key.
    pub names: VariableNames,
}

/// Secrets of Vault or OpenBao, in a version 2 KV engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// The server.
    pub url: String,
    /// How keyrot authenticates.
    pub auth: VaultAuth,
    /// Where the KV engine is mounted.
    pub mount: String,
    /// The namespace, in Vault Enterprise or OpenBao.
    pub namespace: Option<String>,
}

/// How keyrot authenticates to Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultAuth {
    /// With a token.
    Token(SecretSource),
    /// With the AWS auth method: keyrot identifies itself with its own AWS credentials.
    Aws {
        /// The role of the auth method.
        role: String,
        /// Where the auth method is mounted.
        mount: String,
        /// The value of `X-Vault-AWS-IAM-Server-ID`, if the server requires one.
        server_id: Option<String>,
    },
}

/// A program on this machine that gets each key on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program's absolute path, and its arguments. No shell interprets them.
    pub command: Vec<String>,
}

/// Secrets of a Kubernetes cluster. Each has both halves of the key in its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    /// The kubeconfig file; `None` means the file in `KUBECONFIG`, else `~/.kube/config`, else the
    /// service account of the pod.
    pub kubeconfig: Option<String>,
    /// The context in that file; `None` means the file's only context.
    pub context: Option<String>,
    /// The key of the Secret's data that holds the key's id.
    pub id_name: String,
    /// The key of the Secret's data that holds the key's secret half.
    pub secret_name: String,
    /// The workloads whose pods are restarted after a delivery, in the Secret's namespace.
    pub restart: Vec<Workload>,
}

/// A workload of a Kubernetes cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// Its kind.
    pub kind: WorkloadKind,
    /// Its name.
    pub name: String,
}

/// The kinds of workloads that can be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WorkloadKind {
    /// A Deployment.
    Deployment,
    /// A StatefulSet.
    StatefulSet,
    /// A DaemonSet.
    DaemonSet,
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

    /// Returns the place of this user's key.
    ///
    /// # Errors
    /// [`Unplaceable`] if the store's own rules do not allow the place.
    pub fn place_of(&self, user: &UserArn) -> Result<String, Unplaceable> {
        self.rule.place_of(user)
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
        self.rule.clone().in_store(self.kind.store(home_region)).writing(self.kind.parts())
    }

    /// Returns the places of the secrets that keyrot needs to authenticate there.
    #[must_use]
    pub fn sources(&self) -> Vec<&SecretSource> {
        match &self.kind {
            DestinationKind::Ssm(_)
            | DestinationKind::SecretsManager(_)
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

impl DestinationKind {
    /// Returns the kind, as it is written in settings.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ssm(_) => "ssm",
            Self::SecretsManager(_) => "secrets_manager",
            Self::GitHub(_) => "github",
            Self::GitLab(_) => "gitlab",
            Self::CircleCi(_) => "circleci",
            Self::Vault(_) => "vault",
            Self::Command(_) => "command",
            Self::Kubernetes(_) => "kubernetes",
            Self::Profile => "profile",
            Self::Ecs(_) => "ecs",
        }
    }

    pub(super) fn abilities(&self) -> Abilities {
        match self {
            Self::Ssm(_) | Self::SecretsManager(_) | Self::GitLab(_) => Abilities::READABLE,
            Self::Vault(_) | Self::Kubernetes(_) | Self::Profile => Abilities::READABLE,
            Self::GitHub(GitHub { names, .. }) | Self::CircleCi(CircleCi { names, .. }) => {
                names.abilities()
            }
            Self::Command(_) => Abilities::UNSEEN,
            Self::Ecs(_) => Abilities::RESTARTS,
        }
    }

    /// Returns the store. In one store, no two users may share a place.
    fn store(&self, home_region: &str) -> String {
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
    fn parts(&self) -> Vec<String> {
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

/// Returns the form of the places of a kind, and an example for messages.
pub(super) fn form(kind: &str) -> (PlaceForm, &'static str) {
    match kind {
        "ssm" => (PlaceForm::Parameter, "/ci/{user}/aws"),
        "secrets_manager" => (PlaceForm::Secret, "/iam/{user}/access_key"),
        "github" => (PlaceForm::GitHub, "acme/shop:production"),
        "kubernetes" => (PlaceForm::Kubernetes, "shop/{user}-aws"),
        "gitlab" => (PlaceForm::GitLab, "acme/shop"),
        "circleci" => (PlaceForm::CircleCi, "f1b0a6d2-3c1e-4f7a-9a51-0d2b7c0a9e11"),
        "vault" => (PlaceForm::Vault, "ci/{user}/aws"),
        "ecs" => (PlaceForm::EcsService, "prod/shop"),
        "profile" => (PlaceForm::Profile, "/srv/ci/.aws/credentials#{user}"),
        _ => (PlaceForm::Text, "{user}"),
    }
}
