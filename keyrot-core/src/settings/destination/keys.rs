//! Parses the keys of a table `[[destination]]` into a [`DestinationSpec`].

use crate::model::names::DestinationName;
use crate::model::nearest::nearest;
use crate::selection::destination::DestinationRule;
use crate::selection::pattern::Pattern;
use crate::selection::place::{PlaceForm, PlaceTemplate};
use crate::settings::destination::kind::form;
use crate::settings::destination::spec::DestinationSpec;
use crate::settings::error::{Origin, Problem, SettingsError};
use crate::settings::notify_target::{SecretSource, source};
use crate::settings::tables::Table;
use crate::settings::value::shown;
use serde_json::Value;
use std::cell::RefCell;

/// The setting's name.
pub(super) const NAME: &str = "destination";

const EVERY: [&str; 5] = ["name", "kind", "users", "to", "required"];

/// The kinds, and the keys of each kind in addition to [`EVERY`].
pub(super) const KINDS: [(&str, &[&str]); 11] = [
    ("ssm", &["region", "kms_key", "tier", "role_arn", "external_id"]),
    ("secrets_manager", &["region", "kms_key", "role_arn", "external_id"]),
    ("replica", &["region", "kms_key"]),
    ("ecs", &["region", "role_arn", "external_id"]),
    (
        "github",
        &[
            "token",
            "app",
            "installation",
            "private_key",
            "url",
            "store",
            "id_name",
            "secret_name",
            "file_name",
        ],
    ),
    ("gitlab", &["token", "url", "level", "variable", "environment_scope", "profile"]),
    ("kubernetes", &["kubeconfig", "context", "id_name", "secret_name", "restart"]),
    ("circleci", &["token", "url", "id_name", "secret_name", "file_name"]),
    ("vault", &["url", "token", "role", "auth_mount", "server_id", "mount", "namespace"]),
    ("command", &["command"]),
    ("profile", &[]),
];

/// The limit on the number of destinations.
const MOST: usize = 100;

/// Reads the tables. `origin` returns the source of a line.
pub(in crate::settings) fn specs(
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

pub(in crate::settings) fn error(origin: Origin, rule: String) -> SettingsError {
    SettingsError::new(NAME, origin, Problem::Conflict { rule })
}

/// The keys of one table, and the errors in them.
pub(super) struct Keys<'a> {
    pub(super) table: &'a Table,
    /// The destination's label in messages.
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

    pub(super) fn wrong(&self, key: &str, what: impl AsRef<str>) {
        let rule = format!("{}: {}", self.label, what.as_ref());
        self.errors.borrow_mut().push(error((self.origin)(self.table.line_of(key)), rule));
    }

    /// Adds an error with the value, which is not secret: `tier = "fancy"`.
    pub(super) fn refuse(&self, key: &str, expected: &str) {
        let value = match self.table.fields.get(key) {
            Some(Value::String(text)) => format!("{:?}", shown(text)),
            Some(other) => shown(&other.to_string()),
            None => "(not set)".to_owned(),
        };
        self.wrong(key, format!("{key} = {value} is not usable; expected {expected}"));
    }

    /// Returns the text of a key, if it is set and not empty.
    pub(super) fn text(&self, key: &str) -> Option<&'a str> {
        match self.table.fields.get(key)? {
            Value::String(text) if !text.is_empty() => Some(text),
            Value::String(_) => None,
            _ => {
                self.wrong(key, format!("{key} is not a string; expected a text in quotes"));
                None
            }
        }
    }

    /// Returns the text of a key, if it follows a rule; `None` if it is not set.
    pub(super) fn fitting(
        &self,
        key: &str,
        expected: &str,
        fits: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let text = self.text(key)?;
        if !fits(text) {
            self.refuse(key, expected);
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn needed(&self, key: &str, example: &str) -> Option<&'a str> {
        let set = self.table.fields.get(key).is_some_and(|value| value.as_str() != Some(""));
        if !set {
            self.wrong(key, format!("it has no {key}; expected for example {key} = {example:?}"));
        }
        self.text(key)
    }

    /// Returns where a token or key is kept. An error does not repeat the value, because it may be
    /// the token itself.
    pub(super) fn source(&self, key: &str) -> Option<SecretSource> {
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
        let to = self.to(kind);
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
        let kind = self.of_kind(kind)?;
        let rule = DestinationRule::new(name?, users?, to?, kind.abilities())
            .map_err(|error| self.wrong("users", error.to_string()))
            .ok()?
            .of_kind(kind.code());
        let rule = if required { rule } else { rule.optional() };
        let json = Value::Object(self.table.fields.clone()).to_string();
        self.errors.borrow().is_empty().then_some(DestinationSpec { rule, kind, json })
    }

    /// Returns the template for the places of this kind.
    fn to(&self, kind: Option<&str>) -> Option<PlaceTemplate> {
        let (form, example) = kind.map_or((PlaceForm::Text, "/ci/{user}/aws"), form);
        if form == PlaceForm::Home {
            if self.table.fields.contains_key("to") {
                let what = "a replica has the name of the user's secret; expected no `to`, or kind secrets_manager for a copy under another name";
                self.wrong("to", what);
            }
            return Some(PlaceTemplate::home());
        }
        let to = self.needed("to", example)?;
        kind?;
        let wrong = |error| {
            let shown = shown(to);
            let what = format!("to = {shown:?} is not usable: {error}; for example {example}");
            self.wrong("to", what);
        };
        PlaceTemplate::parse(to, form).map_err(wrong).ok()
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

    /// Adds errors for keys that this kind does not have.
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
                (_, false) => format!("a key of kind {}", of_others.join(", ")),
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
}
