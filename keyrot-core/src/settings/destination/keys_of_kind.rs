//! The keys of each kind of destination.

use crate::model::arn::Arn;
use crate::settings::destination::keys::Keys;
use crate::settings::destination::kind::{
    CircleCi, Command, DestinationKind, EcsServices, GitHub, GitHubAuth, GitHubStore, GitLab,
    GitLabLevel, Kubernetes, ParameterStore, Replicas, SecretCopies, Tier, VariableNames, Vault,
    VaultAuth, Workload, WorkloadKind, WriterRole,
};
use crate::settings::name::{is_absolute, is_name};
use crate::settings::value::is_region;
use serde_json::Value;

impl Keys<'_> {
    pub(super) fn of_kind(&self, kind: &str) -> Option<DestinationKind> {
        Some(match kind {
            "ssm" => DestinationKind::Ssm(ParameterStore {
                region: self.region(),
                kms_key: self.kms_key(),
                tier: match self.text("tier") {
                    None | Some("standard") => Tier::Standard,
                    Some("advanced") => Tier::Advanced,
                    Some("intelligent") => Tier::Intelligent,
                    Some(_) => {
                        self.refuse("tier", "standard, advanced or intelligent");
                        return None;
                    }
                },
                role: self.writer_role(),
            }),
            "secrets_manager" => {
                self.needed("region", "eu-west-1");
                let kms_key = self.kms_key();
                let role = self.writer_role();
                DestinationKind::SecretsManager(SecretCopies {
                    region: self.region()?,
                    kms_key,
                    role,
                })
            }
            "replica" => {
                self.needed("region", "eu-west-1");
                let kms_key = self.kms_key();
                DestinationKind::Replica(Replicas { region: self.region()?, kms_key })
            }
            "github" => self.github()?,
            "gitlab" => self.gitlab()?,
            "circleci" => self.circleci()?,
            "vault" => self.vault()?,
            "kubernetes" => self.kubernetes()?,
            "ecs" => DestinationKind::Ecs(EcsServices {
                region: self.region(),
                role: self.writer_role(),
            }),
            "profile" => DestinationKind::Profile,
            _ => DestinationKind::Command(self.command()?),
        })
    }

    fn region(&self) -> Option<String> {
        self.fitting("region", "a region such as eu-central-1", is_region)
    }

    fn kms_key(&self) -> Option<String> {
        let fits = |t: &str| t.len() <= 2048 && t.bytes().all(|b| b.is_ascii_graphic());
        self.fitting("kms_key", "a KMS key id, alias/NAME or ARN", fits)
    }

    /// Returns the role to assume (STS API reference, `AssumeRole`).
    fn writer_role(&self) -> Option<WriterRole> {
        let id = |t: &str| t.len() >= 2 && is_name(t, 1224, "_+=,.@:/-");
        let expected = "2 to 1,224 letters, digits and _ + = , . @ : / -";
        let external_id = self.fitting("external_id", expected, id);
        if external_id.is_some() && self.text("role_arn").is_none() {
            self.wrong("external_id", "`external_id` goes with role_arn");
        }
        let role = |t: &str| {
            let is_role = |arn: Arn<'_>| {
                arn.service == "iam" && arn.has_account() && arn.resource.starts_with("role/")
            };
            let plain = t.len() <= 2048 && t.bytes().all(|b| b.is_ascii_graphic());
            plain && Arn::parse(t).is_some_and(is_role)
        };
        let expected =
            "the ARN of a role, such as arn:aws:iam::210987654321:role/keyrot-deliveries";
        let arn = self.fitting("role_arn", expected, role)?;
        Some(WriterRole { arn, external_id })
    }

    /// Returns a URL: `https://HOST`, or `http://` to this machine, without a trailing slash.
    fn url(&self, example: &str) -> Option<String> {
        let expected = format!("https://HOST without user and password, such as {example}");
        let fits = |url: &str| {
            let (scheme, rest) = url.split_once("://").unwrap_or_default();
            let host = rest.split('/').next().unwrap_or_default();
            let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
            let here = matches!(name, "127.0.0.1" | "localhost" | "[::1]");
            let plain = |b: u8| b.is_ascii_alphanumeric() || b"/.:-_~[]".contains(&b);
            (scheme == "https" || (scheme == "http" && here))
                && !host.is_empty()
                && rest.bytes().all(plain)
        };
        let url = self.fitting("url", &expected, fits)?;
        Some(url.trim_end_matches('/').to_owned())
    }

    /// Returns the name of a variable: capital letters, digits and underscores, as variable stores
    /// require.
    fn variable(&self, key: &str, default: &str) -> Option<String> {
        let expected = format!("letters, digits and _, no digit first, such as {default}");
        let fits = |t: &str| is_name(t, 255, "_") && !t.starts_with(|c: char| c.is_ascii_digit());
        match self.text(key) {
            None => Some(default.to_owned()),
            Some(_) => self.fitting(key, &expected, fits),
        }
    }

    fn github(&self) -> Option<DestinationKind> {
        let app = self.text("app");
        let auth = match (self.text("token"), app) {
            (Some(_), None) => GitHubAuth::Token(self.source("token")?),
            (None, Some(_)) => {
                self.needed("private_key", "secret:keyrot/github#private_key");
                self.needed("installation", "12345678");
                let plain = |t: &str| is_name(t, 64, "._-");
                GitHubAuth::App {
                    app: self.fitting("app", "the App's client id or id", plain)?,
                    installation: self.fitting(
                        "installation",
                        "the id of the installation, a number in quotes",
                        |t| is_name(t, 20, "") && t.bytes().all(|b| b.is_ascii_digit()),
                    )?,
                    private_key: self.source("private_key")?,
                }
            }
            _ => {
                self.wrong(
                    "token",
                    "expected either token (a personal access token), or app, installation and private_key (a GitHub App), \
                     such as token = \"secret:keyrot/github#token\"",
                );
                return None;
            }
        };
        let url = self.url("https://github.example.com/api/v3");
        let names = self.variable_names()?;
        for key in ["id_name", "secret_name", "file_name"] {
            // GitHub documentation, "Using secrets in GitHub Actions", "Naming your secrets".
            if self.text(key).is_some_and(|name| name.to_ascii_uppercase().starts_with("GITHUB_")) {
                self.refuse(key, "a name that does not begin with GITHUB_");
            }
        }
        let store = match self.text("store") {
            None | Some("actions") => GitHubStore::Actions,
            Some("dependabot") => GitHubStore::Dependabot,
            Some(_) => {
                self.refuse("store", "actions or dependabot");
                return None;
            }
        };
        if store == GitHubStore::Dependabot && self.text("to").is_some_and(|to| to.contains(':')) {
            self.refuse(
                "to",
                "OWNER/REPOSITORY or ORGANIZATION: Dependabot has no secrets of environments",
            );
        }
        Some(DestinationKind::GitHub(GitHub { auth, store, url, names }))
    }

    /// Returns the names of the variables that hold a key.
    fn variable_names(&self) -> Option<VariableNames> {
        if self.text("file_name").is_some() {
            for key in ["id_name", "secret_name"] {
                if self.text(key).is_some() {
                    self.wrong(
                        key,
                        format!("`{key}` does not go with file_name; expected one or the other"),
                    );
                }
            }
            let file_name = self.variable("file_name", "AWS_CREDENTIALS")?;
            return Some(VariableNames::File { file_name });
        }
        let id_name = self.variable("id_name", "AWS_ACCESS_KEY_ID")?;
        let secret_name = self.variable("secret_name", "AWS_SECRET_ACCESS_KEY")?;
        if id_name.eq_ignore_ascii_case(&secret_name) {
            self.refuse("secret_name", "another name than that of id_name");
        }
        Some(VariableNames::Pair { id_name, secret_name })
    }

    fn gitlab(&self) -> Option<DestinationKind> {
        self.needed("token", "secret:keyrot/gitlab#token");
        let level = match self.text("level") {
            None | Some("project") => GitLabLevel::Project,
            Some("group") => GitLabLevel::Group,
            Some(_) => {
                self.refuse("level", "project or group");
                return None;
            }
        };
        let scope = |t: &str| t.len() <= 255 && is_name(t, 255, "/*_.- ${}");
        let profile = |t: &str| is_name(t, 64, "_.-");
        let (expected_scope, expected_profile) = (
            "the scope of environments, such as production or *",
            "a profile's name of letters, digits, _ . -",
        );
        let url = self.url("https://gitlab.example.com");
        let variable = self.variable("variable", "AWS_SHARED_CREDENTIALS_FILE")?;
        let environment_scope = self.fitting("environment_scope", expected_scope, scope);
        let profile = self.fitting("profile", expected_profile, profile);
        Some(DestinationKind::GitLab(GitLab {
            token: self.source("token")?,
            url,
            level,
            variable,
            environment_scope: environment_scope.unwrap_or_else(|| "*".to_owned()),
            profile: profile.unwrap_or_else(|| "default".to_owned()),
        }))
    }

    fn kubernetes(&self) -> Option<DestinationKind> {
        let plain = |t: &str| t.len() <= 1024 && !t.chars().any(char::is_control);
        let absolute = |t: &str| plain(t) && is_absolute(t);
        let context = |t: &str| t.len() <= 253 && plain(t);
        let kubeconfig = self.fitting(
            "kubeconfig",
            "the absolute path of a kubeconfig file, such as /etc/keyrot/kubeconfig",
            absolute,
        );
        // Kubernetes API reference, "Secret", field `data`.
        let key = |t: &str| is_name(t, 253, "-._") && t != "." && t != "..";
        let name = |which: &str, default: &str| match self.text(which) {
            None => Some(default.to_owned()),
            Some(_) => self.fitting(which, "a key of a Secret's data: A-Z a-z 0-9 - _ .", key),
        };
        let id_name = name("id_name", "AWS_ACCESS_KEY_ID");
        let secret_name = name("secret_name", "AWS_SECRET_ACCESS_KEY");
        if id_name.is_some() && id_name == secret_name {
            self.refuse("secret_name", "another name than that of id_name");
        }
        Some(DestinationKind::Kubernetes(Kubernetes {
            kubeconfig,
            context: self.fitting("context", "the name of a context in the kubeconfig", context),
            id_name: id_name?,
            secret_name: secret_name?,
            restart: self.workloads()?,
        }))
    }

    /// Returns the workloads in a list such as `["deployment/shop"]`.
    fn workloads(&self) -> Option<Vec<Workload>> {
        let Some(value) = self.table.fields.get("restart") else { return Some(Vec::new()) };
        let one = |item: &Value| {
            let (kind, name) = item.as_str()?.split_once('/')?;
            let kind = match kind {
                "deployment" => WorkloadKind::Deployment,
                "statefulset" => WorkloadKind::StatefulSet,
                "daemonset" => WorkloadKind::DaemonSet,
                _ => return None,
            };
            // Kubernetes documentation, "Object Names and IDs", DNS subdomain names.
            let fits = is_name(name, 253, "-.") && !name.bytes().any(|b| b.is_ascii_uppercase());
            fits.then(|| Workload { kind, name: name.to_owned() })
        };
        let all = value.as_array().and_then(|items| items.iter().map(one).collect());
        if all.is_none() {
            let expected = "a list of deployment/NAME, statefulset/NAME or daemonset/NAME, such as [\"deployment/shop\"]";
            self.refuse("restart", expected);
        }
        all
    }

    fn circleci(&self) -> Option<DestinationKind> {
        self.needed("token", "secret:keyrot/circleci#token");
        let url = self.url("https://circleci.example.com");
        let names = self.variable_names()?;
        let token = self.source("token")?;
        Some(DestinationKind::CircleCi(CircleCi { token, url, names }))
    }

    fn vault(&self) -> Option<DestinationKind> {
        self.needed("url", "https://vault.example.com:8200");
        // A path segment of a URL, or several of them.
        let path = |t: &str| {
            let part = |p: &str| is_name(p, 255, "_.-") && p != "." && p != "..";
            t.len() <= 255 && t.split('/').all(part)
        };
        let expected = "a path of letters, digits, _ . - and /, without a slash first or last";
        let at = |key: &str, default: &str| match self.text(key) {
            None => Some(default.to_owned()),
            Some(_) => self.fitting(key, expected, path),
        };
        let auth = match (self.text("token"), self.text("role")) {
            (Some(_), None) => {
                for key in ["auth_mount", "server_id"] {
                    if self.text(key).is_some() {
                        self.wrong(key, format!("`{key}` goes with role, and not with token"));
                    }
                }
                VaultAuth::Token(self.source("token")?)
            }
            (None, Some(_)) => {
                let plain = |t: &str| t.len() <= 255 && t.bytes().all(|b| b.is_ascii_graphic());
                VaultAuth::Aws {
                    role: self.fitting("role", "a role's name of letters, digits, _ . -", |t| {
                        is_name(t, 255, "_.-")
                    })?,
                    mount: at("auth_mount", "aws")?,
                    server_id: self.fitting("server_id", "text without spaces", plain),
                }
            }
            _ => {
                self.wrong(
                    "role",
                    "expected either role (a role of Vault's AWS auth method), or token, such as role = \"keyrot\"",
                );
                return None;
            }
        };
        let mount = at("mount", "secret")?;
        let namespace = self.fitting("namespace", expected, path);
        let url = self.url("https://vault.example.com:8200")?;
        Some(DestinationKind::Vault(Vault { url, auth, mount, namespace }))
    }

    /// Returns a program and its arguments.
    fn command(&self) -> Option<Command> {
        let expected = "a list of texts, the program's absolute path first, such as [\"/usr/local/bin/put-key\", \"--quiet\"]";
        let Some(value) = self.table.fields.get("command") else {
            self.wrong("command", format!("it has no command; expected {expected}"));
            return None;
        };
        let text = |item: &Value| {
            item.as_str().filter(|text| !text.chars().any(char::is_control)).map(str::to_owned)
        };
        let command: Option<Vec<String>> =
            value.as_array().and_then(|items| items.iter().map(text).collect());
        match command {
            Some(command) if command.first().is_some_and(|program| is_absolute(program)) => {
                Some(Command { command })
            }
            _ => {
                // An argument may be secret, so the message does not repeat the value.
                self.wrong("command", format!("its command is not usable; expected {expected}"));
                None
            }
        }
    }
}
