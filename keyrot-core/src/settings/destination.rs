//! Destinations, as the tables `[[destination]]` of a settings file describe them.
//!
//! No token and no key is ever written there: a table names the place that holds it. So settings
//! can be shown, logged and kept in a repository.

use crate::model::arn::Arn;
use crate::model::destination::Abilities;
use crate::model::names::{DestinationName, UserArn, UserName};
use crate::selection::destination::{DestinationRule, PlaceForm, PlaceTemplate, Unplaceable};
use crate::settings::notify_target::SecretSource;

/// One table `[[destination]]`: which users' keys go there, where, and what kind of place it is.
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
    /// The table as one would write it in the environment.
    pub(super) json: String,
}

/// What kind of place a destination is, with what that kind needs.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationKind {
    /// Parameters of SSM's Parameter Store.
    Ssm(ParameterStore),
    /// Secrets of Secrets Manager, beside the users' homes.
    SecretsManager(SecretCopies),
    /// Secrets of GitHub Actions.
    GitHub(GitHub),
    /// Variables of GitLab CI/CD.
    GitLab(GitLab),
    /// Variables of contexts of CircleCI.
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

/// Services of Amazon ECS. They get no key: their tasks read it when they start, from the home
/// secret or a copy of it, so they are restarted when all copies have the new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EcsServices {
    /// The region; `None` is that of the users' homes.
    pub region: Option<String>,
    /// The role that restarts them, in another account; `None` is keyrot itself.
    pub role: Option<WriterRole>,
}

/// Parameters of SSM's Parameter Store: a SecureString with the key as a JSON object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParameterStore {
    /// The region; `None` is that of the users' homes.
    pub region: Option<String>,
    /// The KMS key; `None` is the account's `aws/ssm`.
    pub kms_key: Option<String>,
    /// The tier of new parameters.
    pub tier: Tier,
    /// The role that writes there, in another account; `None` is keyrot itself.
    pub role: Option<WriterRole>,
}

/// The tier of a parameter (Systems Manager user guide, "Managing parameter tiers").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tier {
    /// Up to 4 KB, free.
    Standard,
    /// Up to 8 KB, and resource policies; charged.
    Advanced,
    /// As each parameter needs it.
    Intelligent,
}

/// Secrets of Secrets Manager, in another region or under other names than the homes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretCopies {
    /// The region.
    pub region: String,
    /// The KMS key for new secrets; `None` is the account's `aws/secretsmanager`.
    pub kms_key: Option<String>,
    /// The role that writes there, in another account; `None` is keyrot itself.
    pub role: Option<WriterRole>,
}

/// A role that keyrot assumes to write to a destination in another account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriterRole {
    /// Its ARN.
    pub arn: String,
    /// The external id that its trust policy asks for.
    pub external_id: Option<String>,
}

impl WriterRole {
    /// Returns the role's account.
    #[must_use]
    pub fn account(&self) -> &str {
        Arn::parse(&self.arn).map_or("", |arn| arn.account)
    }
}

/// Secrets of GitHub Actions: of a repository, of an environment, or of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitHub {
    /// How keyrot authenticates.
    pub auth: GitHubAuth,
    /// Who reads the secrets.
    pub store: GitHubStore,
    /// The API of a GitHub Enterprise server; `None` is GitHub's own.
    pub url: Option<String>,
    /// The secrets that hold a key.
    pub names: VariableNames,
}

/// The variables that hold a key where each takes one text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VariableNames {
    /// Two. No service changes both together: in between, they do not work.
    Pair {
        /// The variable that holds the key's id.
        id_name: String,
        /// The variable that holds the key's secret half.
        secret_name: String,
    },
    /// One, with an AWS credentials file in it, whose profile is `default`.
    File {
        /// The variable that holds the file.
        file_name: String,
    },
}

impl VariableNames {
    /// What a destination with these variables can do; none of them is ever shown.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        match self {
            Self::Pair { .. } => Abilities::IN_PARTS,
            Self::File { .. } => Abilities::WRITE_ONLY,
        }
    }

    /// The names, in the order in which they are written.
    #[must_use]
    pub fn all(&self) -> Vec<&str> {
        match self {
            Self::Pair { id_name, secret_name } => vec![id_name, secret_name],
            Self::File { file_name } => vec![file_name],
        }
    }
}

/// Which of GitHub's stores of secrets, each with secrets of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GitHubStore {
    /// Workflows of GitHub Actions.
    Actions,
    /// Dependabot, and workflows that it starts. It has none of environments.
    Dependabot,
}

/// How keyrot authenticates at GitHub.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GitHubAuth {
    /// By a personal access token.
    Token(SecretSource),
    /// As an installation of a GitHub App.
    App {
        /// The App's client id or id.
        app: String,
        /// The id of the installation.
        installation: String,
        /// Where the App's private key is kept: PEM, as GitHub gives it.
        private_key: SecretSource,
    },
}

/// Variables of GitLab CI/CD: one of type *file*, with an AWS credentials file in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitLab {
    /// Where the access token is kept.
    pub token: SecretSource,
    /// The server; `None` is `https://gitlab.com`.
    pub url: Option<String>,
    /// Whose variables.
    pub level: GitLabLevel,
    /// The variable's key.
    pub variable: String,
    /// The variable's environment scope.
    pub environment_scope: String,
    /// The profile in the credentials file.
    pub profile: String,
}

/// Whose variables a GitLab destination writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GitLabLevel {
    /// A project's.
    Project,
    /// A group's.
    Group,
}

/// Environment variables of contexts of CircleCI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CircleCi {
    /// Where the personal API token is kept.
    pub token: SecretSource,
    /// The server; `None` is `https://circleci.com`.
    pub url: Option<String>,
    /// The variables that hold a key.
    pub names: VariableNames,
}

/// Secrets of Vault or OpenBao, in a KV engine of version 2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vault {
    /// The server.
    pub url: String,
    /// How keyrot authenticates.
    pub auth: VaultAuth,
    /// Where the KV engine is mounted.
    pub mount: String,
    /// The namespace, of Vault Enterprise or OpenBao.
    pub namespace: Option<String>,
}

/// How keyrot authenticates at Vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VaultAuth {
    /// By a token.
    Token(SecretSource),
    /// By the AWS auth method: keyrot identifies itself with its own AWS credentials.
    Aws {
        /// The role of the auth method.
        role: String,
        /// Where the auth method is mounted.
        mount: String,
        /// The value of `X-Vault-AWS-IAM-Server-ID`, where the server asks for one.
        server_id: Option<String>,
    },
}

/// A program on this machine that gets each key on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// The program's absolute path, and its arguments. No shell reads them.
    pub command: Vec<String>,
}

/// Secrets of a Kubernetes cluster: one with both halves of the key in its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kubernetes {
    /// The kubeconfig file; `None` is that of `KUBECONFIG`, else `~/.kube/config`, else the service
    /// account of the pod.
    pub kubeconfig: Option<String>,
    /// The context in that file; `None` is its only one.
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
    /// The destination's name.
    #[must_use]
    pub fn name(&self) -> &DestinationName {
        self.rule.name()
    }

    /// Whether the previous key stays Active until this destination has the current one.
    #[must_use]
    pub fn required(&self) -> bool {
        self.rule.required()
    }

    /// Where users' keys are put.
    #[must_use]
    pub fn to(&self) -> &PlaceTemplate {
        self.rule.to()
    }

    /// Whether this user's key goes there.
    #[must_use]
    pub fn serves(&self, user: &UserName) -> bool {
        self.rule.serves(user)
    }

    /// Where this user's key is put.
    ///
    /// # Errors
    /// [`Unplaceable`] if the place cannot be there by the store's own rules.
    pub fn place_of(&self, user: &UserArn) -> Result<String, Unplaceable> {
        self.rule.place_of(user)
    }

    /// What kind of place it is.
    #[must_use]
    pub fn kind(&self) -> &DestinationKind {
        &self.kind
    }

    /// What this kind of destination can do.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.rule.abilities()
    }

    /// What the selection needs to know, for users whose homes are in this region.
    #[must_use]
    pub fn rule(&self, home_region: &str) -> DestinationRule {
        self.rule.clone().in_store(self.kind.store(home_region)).writing(self.kind.parts())
    }

    /// The places that hold what keyrot authenticates with there.
    #[must_use]
    pub fn sources(&self) -> Vec<&SecretSource> {
        match &self.kind {
            DestinationKind::Ssm(_)
            | DestinationKind::SecretsManager(_)
            | DestinationKind::Ecs(_) => Vec::new(),
            // What a kubeconfig names is read by what reads that file.
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
    /// The kind, as it is written.
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

    /// The store, in which no two users may share a place.
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
            // Not by the names in the data: keyrot's fields in a Secret are one user's.
            Self::Kubernetes(Kubernetes { kubeconfig, context, .. }) => {
                let of = |text: &Option<String>| text.clone().unwrap_or_default();
                format!("kubernetes {} {}", of(kubeconfig), of(context))
            }
            Self::Profile => "profile".to_owned(),
        }
    }

    /// The parts of a place that it writes; all of it is the empty text.
    fn parts(&self) -> Vec<String> {
        match self {
            // GitHub's names of secrets have no case.
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

/// The account of a role, which is another store. One in keyrot's own account is not distinguished
/// here: the adapter refuses a home there, and the place's marks show another user's key.
fn account(role: &Option<WriterRole>) -> String {
    role.as_ref().map(|role| format!(" {}", role.account())).unwrap_or_default()
}

const GITHUB: &str = "https://api.github.com";
const GITLAB: &str = "https://gitlab.com";
const CIRCLECI: &str = "https://circleci.com";

/// The server of a store. Case does not tell two of them apart.
fn server(url: Option<&str>, default: &str) -> String {
    url.unwrap_or(default).to_ascii_lowercase()
}

/// The form of the places of a kind, and an example for messages.
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
