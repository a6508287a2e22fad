//! The sources of settings, and their contents.

use super::error::{Origin, Problem, SettingsError};
use super::info::SettingInfo;
use super::table::SETTINGS;
use super::value::{Raw, shown};
use crate::model::nearest::nearest;
use crate::settings::destination;
use crate::settings::destination::spec::DestinationSpec;
use crate::settings::tables;
use crate::settings::value::Kind;
use std::ffi::{OsStr, OsString};
use toml::de::{DeTable, DeValue};

/// The sources of settings. Later calls of each method add to earlier ones; a later file wins.
#[derive(Debug, Clone, Default)]
pub struct Sources<'a> {
    files: Vec<SettingsFile<'a>>,
    env: Vec<(String, OsString)>,
    flags: Vec<(String, String)>,
    allowed: Vec<String>,
}

/// The limit on reported errors of one file: a file that is not a settings file has one on each
/// line.
const MOST_ERRORS: usize = 20;

/// A settings file: its name for messages, and its text.
#[derive(Debug, Clone, Copy)]
struct SettingsFile<'a> {
    name: &'a str,
    text: &'a str,
    /// Whether the operator chose the file. A file that was only found may belong to another
    /// person.
    chosen: bool,
}

/// A value from a source, or why it is invalid.
pub(super) struct Given {
    pub(super) info: &'static SettingInfo,
    pub(super) raw: Result<Raw, (String, String)>,
    pub(super) origin: Origin,
}

/// Variables with keyrot's prefix that are not settings.
const NO_SETTINGS: [&str; 5] =
    ["KEYROT_CONFIG", "KEYROT_CREDENTIAL_PROCESS", "KEYROT_LOG", "KEYROT_SANDBOX", "KEYROT_TEST_*"];

impl<'a> Sources<'a> {
    /// Adds a settings file that the operator chose: its name, for messages, and its text.
    #[must_use]
    pub fn file(mut self, name: &'a str, text: &'a str) -> Self {
        self.files.push(SettingsFile { name, text, chosen: true });
        self
    }

    /// Adds a settings file that was not chosen, such as one in the current directory. A setting
    /// that [needs a chosen file](SettingInfo::needs_chosen_file) is an error in it.
    #[must_use]
    pub fn found_file(mut self, name: &'a str, text: &'a str) -> Self {
        self.files.push(SettingsFile { name, text, chosen: false });
        self
    }

    /// Adds the environment, such as `std::env::vars_os()`. Variables that do not begin with
    /// `KEYROT_` are dropped immediately.
    #[must_use]
    pub fn env<N: Into<OsString>, V: Into<OsString>>(
        mut self,
        variables: impl IntoIterator<Item = (N, V)>,
    ) -> Self {
        let ours = variables.into_iter().filter_map(|(name, value)| {
            let name = name.into().to_string_lossy().into_owned();
            name.starts_with("KEYROT_").then(|| (name, value.into()))
        });
        self.env.extend(ours);
        self
    }

    /// Adds a flag: the setting's name (with hyphens or underscores) and the value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: impl Into<String>) -> Self {
        self.flags.push((name.to_owned(), value.into()));
        self
    }

    /// Adds a variable that begins with `KEYROT_`, is not a setting, and is expected. A `*` at its
    /// end is a wildcard. `KEYROT_CONFIG`, `KEYROT_CREDENTIAL_PROCESS`, `KEYROT_LOG`,
    /// `KEYROT_SANDBOX` and `KEYROT_TEST_*` are always expected.
    #[must_use]
    pub fn allow_env(mut self, name: &str) -> Self {
        self.allowed.push(name.to_owned());
        self
    }

    /// Returns the files' names, in the order in which they are read.
    pub(super) fn file_names(&self) -> Vec<String> {
        self.files.iter().map(|file| file.name.to_owned()).collect()
    }

    /// Reads all values, weaker sources first, and everything that cannot be a setting.
    pub(super) fn read(&self) -> Read {
        let mut read = Read::default();
        for file in &self.files {
            file.read(&mut read);
        }
        self.read_env(&mut read);
        self.read_flags(&mut read);
        read
    }

    fn read_env(&self, read: &mut Read) {
        let mut variables: Vec<_> = self.env.iter().collect();
        variables.sort();
        for (name, value) in variables {
            let origin = Origin::Env(name.clone());
            let Some(info) = SETTINGS.iter().find(|info| info.env() == *name) else {
                if self.expects(name) || is_from_kubernetes(name, value) {
                    continue;
                }
                match self.meant(name) {
                    Some(meant) => {
                        let problem = Problem::Unknown { suggestion: Some(meant) };
                        read.errors.push(SettingsError::new(name, origin, problem));
                    }
                    None => read.unknown_variables.push(name.clone()),
                }
                continue;
            };
            if value.is_empty() {
                continue;
            }
            if info.kind == Kind::Tables {
                let at = |_| origin.clone();
                let tables = match value.to_str().map(tables::of_json) {
                    Some(Ok(tables)) => destination::keys::specs(&tables, &at),
                    Some(Err(why)) => Err(vec![destination::keys::error(
                        origin.clone(),
                        format!(
                            "{why}; expected a JSON array of objects, one for each destination"
                        ),
                    )]),
                    None => Err(vec![destination::keys::error(
                        origin.clone(),
                        "expected text in UTF-8".to_owned(),
                    )]),
                };
                read.take(info, tables, origin);
                continue;
            }
            let raw = match value.to_str() {
                Some(text) => info.kind.parse(text),
                None if info.may_be_shown() => {
                    Err((shown(&value.to_string_lossy()), "text in UTF-8".to_owned()))
                }
                None => Err(("(hidden)".to_owned(), "text in UTF-8".to_owned())),
            };
            read.given.push(Given { info, raw, origin });
        }
    }

    fn read_flags(&self, read: &mut Read) {
        let Read { given, errors, .. } = read;
        for (i, (flag, value)) in self.flags.iter().enumerate() {
            let name = flag.trim_start_matches('-').replace('-', "_");
            let Some(info) = find(&name).filter(|info| info.has_flag()) else {
                let near = meant(&name).and_then(find).filter(|info| info.has_flag());
                let suggestion = near.map(SettingInfo::flag);
                let origin = Origin::Flag(format!("--{}", name.replace('_', "-")));
                errors.push(SettingsError::new(&name, origin, Problem::Unknown { suggestion }));
                continue;
            };
            let mut raw = info.kind.parse(value);
            // Repeated flags of a list are combined.
            let same = |given: &Given| {
                given.info.name == info.name && matches!(given.origin, Origin::Flag(_))
            };
            if i > 0
                && let Some(Given { raw: Ok(before), .. }) =
                    given.iter().rev().find(|given| same(given))
                && let Ok(now) = raw
            {
                raw = Ok(before.and(now));
            }
            given.push(Given { info, raw, origin: Origin::Flag(info.flag()) });
        }
    }

    fn expects(&self, variable: &str) -> bool {
        let fits = |expected: &str| match expected.strip_suffix('*') {
            Some(start) => variable.starts_with(start),
            None => variable == expected,
        };
        self.expected().any(fits)
    }

    /// Returns the known variable that an unknown variable probably stands for.
    fn meant(&self, variable: &str) -> Option<String> {
        let word = |name: &str| name.trim_start_matches("KEYROT_").to_owned();
        let settings = SETTINGS.iter().map(SettingInfo::env);
        let others = self.expected().filter(|name| !name.ends_with('*')).map(str::to_owned);
        let known: Vec<String> = settings.chain(others).collect();
        let words: Vec<String> = known.iter().map(|name| word(name)).collect();
        if let Some(info) = former(&word(variable)).and_then(find) {
            return Some(info.env());
        }
        nearest(&word(variable), words.iter().map(String::as_str))
            .map(|found| format!("KEYROT_{found}"))
    }

    fn expected(&self) -> impl Iterator<Item = &str> {
        NO_SETTINGS.into_iter().chain(self.allowed.iter().map(String::as_str))
    }
}

impl SettingsFile<'_> {
    fn read(&self, read: &mut Read) {
        // Windows editors often begin a file with a byte order mark.
        let text = self.text.strip_prefix('\u{feff}').unwrap_or(self.text);
        let line = |at: usize| 1 + text.bytes().take(at).filter(|b| *b == b'\n').count();
        let origin = |at: usize| Origin::File { name: self.name.to_owned(), line: line(at) };
        let (table, wrong) = DeTable::parse_recoverable(text);
        if !wrong.is_empty() {
            read.errors.extend(wrong.into_iter().take(MOST_ERRORS).map(|error| {
                // The error's own display would quote the line, which may contain a secret.
                let problem = Problem::Syntax { message: error.message().to_owned() };
                SettingsError::new("", origin(error.span().map_or(0, |s| s.start)), problem)
            }));
            return;
        }
        let mut entries: Vec<_> = table.get_ref().iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let most = read.errors.len() + MOST_ERRORS;
        for (key, value) in entries {
            if read.errors.len() >= most {
                return;
            }
            let origin = origin(key.span().start);
            let Some(info) = find(key.get_ref()) else {
                let suggestion = meant(key.get_ref()).map(str::to_owned);
                read.errors.push(SettingsError::new(
                    key.get_ref(),
                    origin,
                    Problem::Unknown { suggestion },
                ));
                continue;
            };
            if !self.chosen && info.needs_chosen_file(value.get_ref().as_str()) {
                read.errors.push(SettingsError::new(info.name, origin, Problem::NotChosen));
                continue;
            }
            if info.kind == Kind::Tables
                && let Some(tables) = tables::of_toml(value.get_ref(), &line)
            {
                let first = tables.first().and_then(|table| table.line);
                let named = |line: Option<usize>| match line.or(first) {
                    Some(line) => Origin::File { name: self.name.to_owned(), line },
                    None => origin.clone(),
                };
                read.take(info, destination::keys::specs(&tables, &named), named(first));
                continue;
            }
            let raw = from_toml(info, value.get_ref());
            read.given.push(Given { info, raw, origin });
        }
    }
}

/// What all sources contain.
#[derive(Default)]
pub(super) struct Read {
    /// The values. Later ones win.
    pub(super) given: Vec<Given>,
    pub(super) errors: Vec<SettingsError>,
    /// Variables with keyrot's prefix that are neither known nor close to a known one.
    pub(super) unknown_variables: Vec<String>,
}

impl Read {
    /// Adds the destinations, or the errors in them.
    fn take(
        &mut self,
        info: &'static SettingInfo,
        specs: Result<Vec<DestinationSpec>, Vec<SettingsError>>,
        origin: Origin,
    ) {
        match specs {
            Ok(specs) => self.given.push(Given { info, raw: Ok(Raw::Destinations(specs)), origin }),
            Err(errors) => self.errors.extend(errors.into_iter().take(MOST_ERRORS)),
        }
    }
}

/// Whether Kubernetes itself sets the variable. For a Service called `keyrot` or `keyrot-…`, every
/// pod in its namespace gets `KEYROT_SERVICE_HOST`, `KEYROT_PORT_8080_TCP_ADDR` and so on
/// (Kubernetes documentation, "Service", "Environment variables").
fn is_from_kubernetes(name: &str, value: &OsStr) -> bool {
    const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];
    let is_number = |text: &str| text.parse::<u16>().is_ok();
    if name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
    {
        return true;
    }
    if name.ends_with("_PORT") {
        let scheme = value.to_str().and_then(|text| text.split_once("://"));
        if scheme.is_some_and(|(scheme, _)| {
            PROTOCOLS.iter().any(|known| known.eq_ignore_ascii_case(scheme))
        }) {
            return true;
        }
    }
    name.match_indices("_PORT_").any(|(at, mark)| {
        let mut words = name[at + mark.len()..].split('_');
        let (port, protocol, part, end) = (words.next(), words.next(), words.next(), words.next());
        port.is_some_and(is_number)
            && protocol.is_some_and(|protocol| PROTOCOLS.contains(&protocol))
            && part.is_none_or(|part| ["PROTO", "PORT", "ADDR"].contains(&part))
            && end.is_none()
    })
}

/// Former names of settings, with their current names.
const FORMER: [(&str, &str); 1] = [("quiet", "recent_use")];

fn names() -> impl Iterator<Item = &'static str> {
    SETTINGS.iter().map(|info| info.name)
}

/// Returns the setting that an unknown name probably stands for.
fn meant(name: &str) -> Option<&'static str> {
    former(name).or_else(|| nearest(name, names()))
}

/// Returns the current name of a setting that was renamed.
fn former(name: &str) -> Option<&'static str> {
    FORMER.iter().find(|(was, _)| was.eq_ignore_ascii_case(name)).map(|(_, is)| *is)
}

fn find(name: &str) -> Option<&'static SettingInfo> {
    SETTINGS.iter().find(|info| info.name == name)
}

/// Returns the value if it has the setting's TOML type, otherwise what was found and what was
/// expected.
fn from_toml(info: &SettingInfo, value: &DeValue<'_>) -> Result<Raw, (String, String)> {
    let kind = info.kind;
    let text = |value: &DeValue<'_>| value.as_str().map(str::to_owned);
    let raw = match (kind, value) {
        (Kind::Text | Kind::Duration, DeValue::String(text)) => Some(Raw::Text(text.to_string())),
        (Kind::Number | Kind::Switch, DeValue::String(text))
            if text.is_empty() || text == "none" =>
        {
            Some(Raw::Text(text.to_string()))
        }
        (Kind::Number, DeValue::Integer(number)) => {
            u64::from_str_radix(number.as_str(), number.radix())
                .ok()
                .map(|n| Raw::Text(n.to_string()))
        }
        (Kind::Switch, DeValue::Boolean(on)) => Some(Raw::Text(on.to_string())),
        (Kind::List, DeValue::Array(items)) => {
            items.iter().map(|item| text(item.get_ref())).collect::<Option<_>>().map(Raw::List)
        }
        (Kind::Table, DeValue::Table(entries)) => {
            let entry =
                |(key, value): (&toml::Spanned<_>, &toml::Spanned<_>)| -> Option<(String, String)> {
                    let key: &toml::Spanned<std::borrow::Cow<'_, str>> = key;
                    Some((key.get_ref().to_string(), text(value.get_ref())?))
                };
            entries.iter().map(entry).collect::<Option<_>>().map(Raw::Table)
        }
        _ => None,
    };
    let seen = match value {
        DeValue::String(text) if info.may_be_shown() => shown(text),
        DeValue::Integer(number) if kind != Kind::Number => shown(&format!("the number {number}")),
        DeValue::Integer(number) => shown(&number.to_string()),
        other => match other.type_str() {
            "string" => "a text",
            "float" => "a number with a fraction",
            "datetime" => "a date",
            "boolean" => "true or false",
            "array" => "a list",
            kind => kind,
        }
        .to_owned(),
    };
    raw.ok_or_else(|| (seen, kind.in_toml().to_owned()))
}
