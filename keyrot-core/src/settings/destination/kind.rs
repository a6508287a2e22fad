//! The kinds of destinations, each with its settings.

use crate::model::arn::Arn;
use crate::model::destination::Abilities;
use crate::selection::place::PlaceForm;
use crate::settings::notify_target::SecretSource;

/// The kind of a destination's places, with the settings of that kind.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationKind {
    /// Parameters of SSM's Parameter Store.
    Ssm(ParameterStore),
    /// Secrets of Secrets Manager, in addition to the users' homes.
    SecretsManager(SecretCopies),
    /// Replicas of the users' homes in another region.
    Replica(Replicas),
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

impl DestinationKind {
    /// Returns the kind, as it is written in settings.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Ssm(_) => "ssm",
            Self::SecretsManager(_) => "secrets_manager",
            Self::Replica(_) => "replica",
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
            Self::Replica(_) => Abilities::READABLE,
            Self::GitHub(GitHub { names, .. }) | Self::CircleCi(CircleCi { names, .. }) => {
                names.abilities()
            }
            Self::Command(_) => Abilities::UNSEEN,
            Self::Ecs(_) => Abilities::RESTARTS,
        }
    }
}

/// Returns the form of the places of a kind, and an example for messages.
pub(super) fn form(kind: &str) -> (PlaceForm, &'static str) {
    match kind {
        "ssm" => (PlaceForm::Parameter, "/ci/{user}/aws"),
        "replica" => (PlaceForm::Home, "{secret}"),
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

/// Replicas of the users' homes in another region. Secrets Manager itself copies each new version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replicas {
    /// The region.
    pub region: String,
    /// The KMS key of new replicas, in that region; `None` means the account's
    /// `aws/secretsmanager`.
    pub kms_key: Option<String>,
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
