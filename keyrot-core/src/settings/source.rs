//! Where settings come from, and what stands there.

use super::error::{Origin, Problem, SettingsError};
use super::table::{Kind, SETTINGS, SettingInfo};
use super::value::{Raw, shown};
use crate::nearest::nearest;
use std::ffi::OsString;
use toml::de::{DeTable, DeValue};

/// What the settings are put together from. Later calls of [`env`](Self::env) and [`flag`](Self::flag) add to earlier ones.
#[derive(Debug, Clone, Default)]
pub struct Sources<'a> {
    file: Option<(&'a str, &'a str)>,
    env: Vec<(String, OsString)>,
    flags: Vec<(String, String)>,
    allowed: Vec<String>,
}

/// A value that a source gives, or why it is none.
pub(super) struct Given {
    pub(super) info: &'static SettingInfo,
    pub(super) raw: Result<Raw, (String, String)>,
    pub(super) origin: Origin,
}

/// Variables with keyrot's prefix that are no settings.
const NO_SETTINGS: [&str; 4] = ["KEYROT_CONFIG", "KEYROT_LOG", "KEYROT_SANDBOX", "KEYROT_TEST_*"];

impl<'a> Sources<'a> {
    /// The settings file: its name, for messages, and its text.
    #[must_use]
    pub fn file(mut self, name: &'a str, text: &'a str) -> Self {
        self.file = Some((name, text));
        self
    }

    /// The environment, such as `std::env::vars_os()`. What does not begin with `KEYROT_` is dropped at once.
    #[must_use]
    pub fn env<N: Into<OsString>, V: Into<OsString>>(mut self, variables: impl IntoIterator<Item = (N, V)>) -> Self {
        let ours = variables.into_iter().filter_map(|(name, value)| {
            let name = name.into().to_string_lossy().into_owned();
            name.starts_with("KEYROT_").then(|| (name, value.into()))
        });
        self.env.extend(ours);
        self
    }

    /// A flag that was given: the setting's name (with hyphens or underscores) and the value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl Into<String>) -> Self {
        self.flags.push((name.to_owned(), value.into()));
        self
    }

    /// Another variable beginning with `KEYROT_` that is no setting and no error; a `*` at its end stands for anything.
    /// `KEYROT_CONFIG`, `KEYROT_LOG`, `KEYROT_SANDBOX` and `KEYROT_TEST_*` are allowed without it.
    #[must_use]
    pub fn allow_env(mut self, name: &str) -> Self {
        self.allowed.push(name.to_owned());
        self
    }

    /// Everything that is given, the later the stronger, and everything that cannot be a setting.
    pub(super) fn read(&self) -> (Vec<Given>, Vec<SettingsError>) {
        let (mut given, mut errors) = (Vec::new(), Vec::new());
        self.read_file(&mut given, &mut errors);
        self.read_env(&mut given, &mut errors);
        self.read_flags(&mut given, &mut errors);
        (given, errors)
    }

    fn read_file(&self, given: &mut Vec<Given>, errors: &mut Vec<SettingsError>) {
        let Some((name, text)) = self.file else { return };
        // Windows editors like to begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let origin = |at: usize| {
            let line = 1 + text.bytes().take(at).filter(|b| *b == b'\n').count();
            Origin::File { name: name.to_owned(), line }
        };
        let (table, wrong) = DeTable::parse_recoverable(text);
        for error in wrong {
            // Not the error's own display: that quotes the line, whatever stands in it.
            let problem = Problem::Syntax { message: error.message().to_owned() };
            errors.push(SettingsError::new("", origin(error.span().map_or(0, |s| s.start)), problem));
        }
        if !errors.is_empty() {
            return;
        }
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        for (key, value) in entries {
            let origin = origin(key.span().start);
            match find(key.get_ref()) {
                Some(info) => given.push(Given { info, raw: from_toml(info, value.get_ref()), origin }),
                None => {
                    let suggestion = nearest(key.get_ref(), names()).map(str::to_owned);
                    errors.push(SettingsError::new(key.get_ref(), origin, Problem::Unknown { suggestion }));
                }
            }
        }
    }

    fn read_env(&self, given: &mut Vec<Given>, errors: &mut Vec<SettingsError>) {
        let mut variables: Vec<_> = self.env.iter().collect();
        variables.sort();
        for (name, value) in variables {
            let origin = Origin::Env(name.clone());
            let Some(info) = SETTINGS.iter().find(|info| info.env() == *name) else {
                if !self.allows(name) {
                    let lower = name.trim_start_matches("KEYROT_").to_lowercase();
                    let suggestion = nearest(&lower, names()).and_then(find).map(SettingInfo::env);
                    errors.push(SettingsError::new(name, origin, Problem::Unknown { suggestion }));
                }
                continue;
            };
            if value.is_empty() {
                continue;
            }
            let raw = match value.to_str() {
                Some(text) => info.kind.parse(text),
                None if info.may_be_shown() => Err((shown(&value.to_string_lossy()), "text in UTF-8".to_owned())),
                None => Err(("(hidden)".to_owned(), "text in UTF-8".to_owned())),
            };
            given.push(Given { info, raw, origin });
        }
    }

    fn read_flags(&self, given: &mut Vec<Given>, errors: &mut Vec<SettingsError>) {
        for (i, (flag, value)) in self.flags.iter().enumerate() {
            let name = flag.trim_start_matches('-').replace('-', "_");
            let Some(info) = find(&name) else {
                let suggestion = nearest(&name, names()).and_then(find).map(SettingInfo::flag);
                let origin = Origin::Flag(format!("--{}", name.replace('_', "-")));
                errors.push(SettingsError::new(&name, origin, Problem::Unknown { suggestion }));
                continue;
            };
            let mut raw = info.kind.parse(value);
            // A list's flags add up.
            let same = |given: &Given| given.info.name == info.name && matches!(given.origin, Origin::Flag(_));
            if i > 0
                && let Some(Given { raw: Ok(before), .. }) = given.iter().rev().find(|given| same(given))
                && let Ok(now) = raw
            {
                raw = Ok(before.and(now));
            }
            given.push(Given { info, raw, origin: Origin::Flag(info.flag()) });
        }
    }

    fn allows(&self, variable: &str) -> bool {
        let fits = |allowed: &str| match allowed.strip_suffix('*') {
            Some(start) => variable.starts_with(start),
            None => variable == allowed,
        };
        NO_SETTINGS.into_iter().any(fits) || self.allowed.iter().any(|allowed| fits(allowed))
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|info| info.name)
}

fn find(name: &str) -> Option<&'static SettingInfo> {
    SETTINGS.iter().find(|info| info.name == name)
}

/// The value, if it is of the type that the setting has in TOML; else what stands there and what was expected.
fn from_toml(info: &SettingInfo, value: &DeValue<'_>) -> Result<Raw, (String, String)> {
    let kind = info.kind;
    let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned);
    let raw = match (kind, value) {
        (Kind::Text | Kind::Duration, DeValue::String(text)) => Some(Raw::Text(text.to_string())),
        (Kind::Number | Kind::Switch, DeValue::String(text)) if text.is_empty() || text == "none" => {
            Some(Raw::Text(text.to_string()))
        }
        (Kind::Number, DeValue::Integer(number)) => {
            u64::from_str_radix(number.as_str(), number.radix()).ok().map(|n| Raw::Text(n.to_string()))
        }
        (Kind::Switch, DeValue::Boolean(on)) => Some(Raw::Text(on.to_string())),
        (Kind::List, DeValue::Array(items)) => {
            items.iter().map(|item| text(item.get_ref())).collect::<Option<_>>().map(Raw::List)
        }
        (Kind::Table, DeValue::Table(entries)) => {
            let entry = |(key, value): (&toml::Spanned<_>, &toml::Spanned<_>)| -> Option<(String, String)> {
                let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
                Some((key.get_ref().to_string(), text(value.get_ref())?))
            };
            entries.iter().map(entry).collect::<Option<_>>().map(Raw::Table)
        }
        _ => None,
    };
    let seen = match value {
        DeValue::String(text) if info.may_be_shown() => shown(text),
        DeValue::Integer(number) => shown(&number.to_string()),
        other => other.type_str().to_owned(),
    };
    raw.ok_or_else(|| (seen, kind.in_toml().to_owned()))
}
