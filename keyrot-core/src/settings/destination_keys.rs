//! From the keys of a table `[[destination]]` to a [`DestinationSpec`].

use crate::model::names::DestinationName;
use crate::model::nearest::nearest;
use crate::selection::destination::{DestinationRule, PlaceTemplate};
use crate::selection::pattern::Pattern;
use crate::settings::destination::{
    DestinationKind, DestinationSpec, GitHub, GitHubAuth, GitLab, GitLabLevel, Kubernetes,
    ParameterStore, SecretCopies, Tier, form,
};
use crate::settings::error::{Origin, Problem, SettingsError};
use crate::settings::name::is_name;
use crate::settings::notify_target::{SecretSource, source};
use crate::settings::tables::Table;
use crate::settings::value::{is_region, shown};
use serde_json::Value;
use std::cell::RefCell;
use std::path::Path;

/// The setting's name.
pub(super) const NAME: &str = "destination";

const EVERY: [&str; 5] = ["name", "kind", "users", "to", "required"];

/// The kinds, and the keys that each has beside [`EVERY`].
const KINDS: [(&str, &[&str]); 5] = [
    ("ssm", &["region", "kms_key", "tier"]),
    ("secrets_manager", &["region", "kms_key"]),
    ("github", &["token", "app", "installation", "private_key", "url", "id_name", "secret_name"]),
    ("gitlab", &["token", "url", "level", "variable", "environment_scope", "profile"]),
    ("kubernetes", &["kubeconfig", "context", "id_name", "secret_name"]),
];

/// So many destinations there may be.
const MOST: usize = 100;

/// Reads the tables. `origin` says where a line is.
pub(super) fn specs(
    tables: &[Table],
    origin: &dyn Fn(Option<usize>) -> Origin,
) -> Result<Vec<DestinationSpec>, Vec<SettingsError>> {
    let mut specs: Vec<DestinationSpec> = Vec::new();
    let mut errors = Vec::new();
    for (n, table) in tables.iter().enumerate() {
        let keys = Keys::new(table, n, origin);
        let spec = keys.spec();
        errors.extend(keys.errors.into_inner());
        let Some(spec) = spec else { continue };
        if specs.iter().any(|other| other.name() == spec.name()) {
            let rule = format!(
                "there are two destinations {}; expected a name of its own for each",
                spec.name()
            );
            errors.push(error(origin(table.line_of("name")), rule));
            continue;
        }
        specs.push(spec);
    }
    if tables.len() > MOST {
        let rule = format!("there are {} destinations; expected at most {MOST}", tables.len());
        errors.push(error(origin(None), rule));
    }
    if errors.is_empty() { Ok(specs) } else { Err(errors) }
}

pub(super) fn error(origin: Origin, rule: String) -> SettingsError {
    SettingsError::new(NAME, origin, Problem::Conflict { rule })
}

/// The keys of one table, and what is wrong with them.
struct Keys<'a> {
    table: &'a Table,
    /// What the destination is called in messages.
    label: String,
    origin: &'a dyn Fn(Option<usize>) -> Origin,
    errors: RefCell<Vec<SettingsError>>,
}

impl<'a> Keys<'a> {
    fn new(table: &'a Table, n: usize, origin: &'a dyn Fn(Option<usize>) -> Origin) -> Self {
        let name = table.fields.get("name").and_then(Value::as_str);
        let label = name
            .filter(|name| DestinationName::parse(*name).is_ok())
            .map_or_else(|| format!("number {}", n + 1), str::to_owned);
        Self { table, label, origin, errors: RefCell::default() }
    }

    fn wrong(&self, key: &str, what: impl AsRef<str>) {
        let rule = format!("{}: {}", self.label, what.as_ref());
        self.errors.borrow_mut().push(error((self.origin)(self.table.line_of(key)), rule));
    }

    /// A value that may be shown: `tier = "fancy"`.
    fn refuse(&self, key: &str, expected: &str) {
        let value = match self.table.fields.get(key) {
            Some(Value::String(text)) => format!("{:?}", shown(text)),
            Some(other) => shown(&other.to_string()),
            None => "(not set)".to_owned(),
        };
        self.wrong(key, format!("{key} = {value} is not usable; expected {expected}"));
    }

    /// The text of a key, if it is set and not empty.
    fn text(&self, key: &str) -> Option<&'a str> {
        match self.table.fields.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) => None,
            _ => {
                self.wrong(key, format!("{key} is no text; expected a text in quotes"));
                None
            }
        }
    }

    /// The text of a key that keeps a rule; `None` where it is not set.
    fn fitting(&self, key: &str, expected: &str, fits: impl Fn(&str) -> bool) -> Option<String> {
        let text = self.text(key)?;
        if !fits(text) {
            self.refuse(key, expected);
            return None;
        }
        Some(text.to_owned())
    }

    fn needed(&self, key: &str, example: &str) -> Option<&'a str> {
        let set = self.table.fields.get(key).is_some_and(|value| value.as_str() != Some(""));
        if !set {
            self.wrong(key, format!("it has no {key}; expected for example {key} = {example:?}"));
        }
        self.text(key)
    }

    /// Where a token or key is kept. What is written there is not repeated: it may be the token.
    fn source(&self, key: &str) -> Option<SecretSource> {
        let text = self.text(key)?;
        match source(Some(text)) {
            Ok(source) => Some(source),
            Err(expected) => {
                self.wrong(key, format!("{key} is not usable; expected {expected}"));
                None
            }
        }
    }

    fn spec(&self) -> Option<DestinationSpec> {
        let name = self.needed("name", "shop-ci");
        let kind = self.kind();
        if let Some(kind) = kind {
            self.unknown(kind);
        }
        let users = self.users();
        let example = kind.map_or("/ci/{user}/aws", |kind| form(kind).1);
        let to = self.needed("to", example);
        let required = match self.table.fields.get("required") {
            None => true,
            Some(Value::Bool(required)) => *required,
            Some(_) => {
                self.refuse("required", "true or false without quotes");
                true
            }
        };
        let name = DestinationName::parse(name?)
            .map_err(|_| self.refuse("name", "1 to 32 of a-z 0-9 -, a letter first"))
            .ok();
        let kind = kind?;
        let to = PlaceTemplate::parse(to?, form(kind).0)
            .map_err(|error| self.refuse("to", &format!("a place such as {example}: {error}")))
            .ok();
        let kind = self.of_kind(kind)?;
        let rule = DestinationRule::new(name?, users?, to?, kind.abilities())
            .map_err(|error| self.wrong("users", error.to_string()))
            .ok()?;
        let rule = if required { rule } else { rule.optional() };
        let json = Value::Object(self.table.fields.clone()).to_string();
        self.errors.borrow().is_empty().then_some(DestinationSpec { rule, kind, json })
    }

    fn kind(&self) -> Option<&'static str> {
        let text = self.needed("kind", "ssm")?;
        let known = || KINDS.iter().map(|(kind, _)| *kind);
        let found = known().find(|kind| *kind == text);
        if found.is_none() {
            let meant = nearest(text, known());
            let meant = meant.map(|meant| format!("; did you mean {meant}?")).unwrap_or_default();
            let all = known().collect::<Vec<_>>().join(", ");
            self.refuse("kind", &format!("one of {all}{meant}"));
        }
        found
    }

    /// Keys that this kind does not have.
    fn unknown(&self, kind: &str) {
        let own = KINDS.iter().find(|(known, _)| *known == kind).map_or(&[][..], |(_, keys)| keys);
        let known = || EVERY.iter().chain(own).copied();
        for key in self.table.fields.keys() {
            if known().any(|known| known == key) {
                continue;
            }
            let shown = shown(key);
            let of_others: Vec<&str> = KINDS
                .iter()
                .filter(|(_, keys)| keys.contains(&key.as_str()))
                .map(|(kind, _)| *kind)
                .collect();
            let hint = match (nearest(key, known()), of_others.is_empty()) {
                (_, false) => format!("a key of kind {}", of_others.join(" and ")),
                (Some(meant), true) => format!("not known; did you mean `{meant}`?"),
                (None, true) => "not known".to_owned(),
            };
            let all = known().collect::<Vec<_>>().join(", ");
            let rest = if hint.ends_with('?') {
                String::new()
            } else {
                format!("; a {kind} destination has {all}")
            };
            self.wrong(key, format!("`{shown}` is {hint}{rest}"));
        }
    }

    fn users(&self) -> Option<Vec<Pattern>> {
        let expected =
            "a list of user names, with * for any characters and ? for one, such as [\"ci-*\"]";
        let Some(value) = self.table.fields.get("users") else {
            self.wrong("users", format!("it has no users; expected {expected}"));
            return None;
        };
        let text = |item: &Value| Pattern::parse(item.as_str()?).ok();
        let parsed = value.as_array().and_then(|items| items.iter().map(text).collect());
        if parsed.is_none() {
            self.refuse("users", expected);
        }
        parsed
    }

    fn of_kind(&self, kind: &str) -> Option<DestinationKind> {
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
            }),
            "secrets_manager" => {
                self.needed("region", "eu-west-1");
                let kms_key = self.kms_key();
                DestinationKind::SecretsManager(SecretCopies { region: self.region()?, kms_key })
            }
            "github" => self.github()?,
            "kubernetes" => self.kubernetes()?,
            _ => self.gitlab()?,
        })
    }

    fn region(&self) -> Option<String> {
        self.fitting("region", "a region such as eu-central-1", is_region)
    }

    fn kms_key(&self) -> Option<String> {
        let fits = |t: &str| t.len() <= 2048 && t.bytes().all(|b| b.is_ascii_graphic());
        self.fitting("kms_key", "a KMS key id, alias/NAME or ARN", fits)
    }

    /// `https://HOST`, or `http://` to this machine; without a slash at its end.
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

    /// A name of capitals, digits and underscores, as stores of variables want it.
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
        let id_name = self.variable("id_name", "AWS_ACCESS_KEY_ID")?;
        let secret_name = self.variable("secret_name", "AWS_SECRET_ACCESS_KEY")?;
        for (key, name) in [("id_name", &id_name), ("secret_name", &secret_name)] {
            // GitHub documentation, "Using secrets in GitHub Actions", "Naming your secrets".
            if name.to_ascii_uppercase().starts_with("GITHUB_") {
                self.refuse(key, "a name that does not begin with GITHUB_");
            }
        }
        if id_name.eq_ignore_ascii_case(&secret_name) {
            self.refuse("secret_name", "another name than that of id_name");
        }
        Some(DestinationKind::GitHub(GitHub { auth, url, id_name, secret_name }))
    }

    fn kubernetes(&self) -> Option<DestinationKind> {
        let plain = |t: &str| t.len() <= 1024 && !t.chars().any(char::is_control);
        let absolute = |t: &str| plain(t) && Path::new(t).is_absolute();
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
        }))
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
}
