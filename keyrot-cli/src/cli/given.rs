//! The flags of this command line: a command in a hint has to run in the same place.

use super::Invocation;
use keyrot_core::report::flag;
use keyrot_core::settings::{Kind, SETTINGS};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::sync::OnceLock;

/// The flags that were given.
static GIVEN: OnceLock<Given> = OnceLock::new();

/// The beginning of a command in messages.
const COMMANDS: [&str; 3] = ["`keyrot ", ": keyrot ", "; keyrot "];

/// The settings that say where users and their secrets are. Others, such as waits, apply only to
/// this command.
const PLACES: [&str; 6] =
    ["profile", "endpoint_url", "region", "secret_name", "secret_tag", "path_prefix"];

struct Given {
    /// Whether the command works in the sandbox, because of a flag or a variable.
    sandbox: bool,
    /// The place where the command works: the sandbox, the settings file, the settings for places.
    places: Vec<String>,
    /// The other settings.
    settings: Vec<String>,
}

/// Stores the flags for the hints of this process.
pub(crate) fn keep(invocation: &Invocation) {
    let _ = GIVEN.set(Given::of(invocation));
}

/// Returns all flags for another command that does the same, each with a space before it.
pub(crate) fn all() -> String {
    GIVEN.get().map_or_else(String::new, |given| {
        given.places.iter().chain(&given.settings).map(|flag| format!(" {flag}")).collect()
    })
}

/// Returns the flags for another command in the same place, each with a space before it.
pub(crate) fn places() -> String {
    GIVEN.get().map_or_else(String::new, |given| {
        given.places.iter().map(|flag| format!(" {flag}")).collect()
    })
}

/// Returns the text with its commands adapted to the same place.
pub(crate) fn as_given(text: &str) -> Cow<'_, str> {
    match GIVEN.get() {
        Some(given) => given.adapted(text, &given.places),
        None => Cow::Borrowed(text),
    }
}

/// Returns the JSON document with its commands adapted to the same place. A flag that JSON would
/// have to escape is left out.
pub(crate) fn as_given_in_json(json: &str) -> Cow<'_, str> {
    let plain = |flag: &&String| !flag.contains(['"', '\\']) && !flag.contains(char::is_control);
    match GIVEN.get() {
        Some(given) => {
            let flags: Vec<String> = given.places.iter().filter(plain).cloned().collect();
            given.adapted(json, &flags)
        }
        None => Cow::Borrowed(json),
    }
}

/// Returns a command for the same place.
pub(crate) fn command(text: &str) -> String {
    as_given(&format!("`{text}`")).trim_matches('`').to_owned()
}

/// Whether keyrot has a command with this name or alias.
fn is_command(word: &str) -> bool {
    static NAMES: OnceLock<BTreeSet<String>> = OnceLock::new();
    let names = NAMES.get_or_init(|| {
        let command = super::command();
        let all = command.get_subcommands().flat_map(|one| {
            let aliases = one.get_all_aliases().map(str::to_owned);
            aliases.chain([one.get_name().to_owned()]).collect::<Vec<_>>()
        });
        all.chain(["help".to_owned()]).collect()
    });
    names.contains(word)
}

/// Adds each flag to a command once. A command that only explains needs none.
fn with_flags(text: &str, flags: &[String]) -> String {
    let mut text = text.to_owned();
    for begin in COMMANDS {
        let mut parts = text.split(begin);
        let mut out = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let command = part.split(['`', ';']).next().unwrap_or_default();
            // A sentence about keyrot is no command.
            let word = command.split([' ', ',', '.']).next().unwrap_or_default();
            if !word.starts_with("--") && !is_command(word) {
                out.push_str(begin);
                out.push_str(part);
                continue;
            }
            out.push_str(begin.trim_end());
            for flag in flags.iter().filter(|_| !command.starts_with("help")) {
                let name = flag.split([' ', '=']).next().unwrap_or_default();
                if !command.split([' ', '=']).any(|word| word == name) {
                    out.push(' ');
                    out.push_str(flag);
                }
            }
            out.push(' ');
            out.push_str(part);
        }
        text = out;
    }
    text
}

/// Changes of a key in IAM: the beginning of the command, its end, and the command for the sandbox.
const IN_IAM: [(&str, &str, &str); 3] = [
    ("aws iam update-access-key ", " --status Active", "reactivate"),
    ("aws iam update-access-key ", " --status Inactive", "deactivate"),
    ("aws iam delete-access-key ", "", "delete"),
];

/// Replaces changes of a key in IAM by those of the simulated account. Pasted, they would go to AWS.
fn simulated(text: &str) -> String {
    const KEY: &str = "--access-key-id ";
    let mut text = text.to_owned();
    for (begin, end, command) in IN_IAM {
        let mut out = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(begin) {
            let key = after.split_once(KEY).map(|(_, after)| after).unwrap_or_default();
            let id = key.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            let left = key[id.len()..].strip_prefix(end);
            // `Active` is not the beginning of another word.
            let left = left.filter(|left| !left.starts_with(char::is_alphanumeric));
            match left.filter(|_| !id.is_empty()) {
                Some(left) => {
                    let _ = write!(out, "{before}keyrot sandbox {command} {id}");
                    rest = left;
                }
                None => {
                    out.push_str(before);
                    out.push_str(begin);
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        text = out;
    }
    // The sandbox has no command for these.
    text.replace("`aws secretsmanager ", "in AWS, `aws secretsmanager ")
}

impl Given {
    /// Returns the text with these flags in its commands.
    fn adapted<'a>(&self, text: &'a str, flags: &[String]) -> Cow<'a, str> {
        match (self.sandbox, flags) {
            (false, []) => Cow::Borrowed(text),
            (false, flags) => Cow::Owned(with_flags(text, flags)),
            (true, flags) => Cow::Owned(with_flags(&simulated(text), flags)),
        }
    }

    fn of(invocation: &Invocation) -> Self {
        let quoted = |path: &Path| shell_words::quote(&path.to_string_lossy()).into_owned();
        let sandbox = invocation.sandbox.as_ref().map(|file| match file {
            Some(file) => format!("--sandbox={}", quoted(file)),
            None => "--sandbox".to_owned(),
        });
        // What the environment sets also applies to the next command.
        let environment = std::env::var_os("KEYROT_CONFIG");
        let config = invocation.config.as_deref().filter(|file| !file.as_os_str().is_empty());
        let config = config.filter(|file| environment.as_deref() != Some(file.as_os_str()));
        let config = config.map(|file| flag("--config", quoted(file)));
        let (places, settings): (Vec<_>, Vec<_>) = invocation
            .settings
            .iter()
            // Notifiers do not change what is done, and their addresses are not repeated.
            .filter(|(name, _)| *name != "notify")
            .partition(|(name, _)| PLACES.contains(name));
        let texts = |settings: Vec<&(&'static str, String)>| {
            settings.into_iter().map(|(name, value)| setting(name, value)).collect::<Vec<_>>()
        };
        Self {
            sandbox: invocation.is_sandbox(),
            places: sandbox.into_iter().chain(config).chain(texts(places)).collect(),
            settings: texts(settings),
        }
    }
}

/// Returns a setting as a flag.
fn setting(name: &str, value: &str) -> String {
    let info = SETTINGS.iter().find(|info| info.name == name);
    let words = name.replace('_', "-");
    match (info.map(|info| info.kind), value) {
        (Some(Kind::Switch), "true") => format!("--{words}"),
        (Some(Kind::Switch), "false") => format!("--no-{words}"),
        (Some(Kind::Switch), value) => format!("--{words}={value}"),
        _ => flag(&format!("--{words}"), shell_words::quote(value)),
    }
}

#[cfg(test)]
mod tests {
    use super::{simulated, with_flags};

    #[test]
    fn in_the_sandbox_no_command_changes_a_key_in_aws() {
        let update = "aws iam update-access-key --user-name ci --access-key-id AKIA1 --status";
        for (text, expected) in [
            (format!("undo: {update} Active; more"), "undo: keyrot sandbox reactivate AKIA1; more"),
            (format!("`{update} Inactive`"), "`keyrot sandbox deactivate AKIA1`"),
            (
                "delete: aws iam delete-access-key --user-name ci --access-key-id AKIA1".to_owned(),
                "delete: keyrot sandbox delete AKIA1",
            ),
            (
                format!("{update} Activated"),
                "aws iam update-access-key --user-name ci --access-key-id AKIA1 --status Activated",
            ),
            ("aws iam update-access-key of yours".to_owned(), "aws iam update-access-key of yours"),
        ] {
            assert_eq!(simulated(&text), expected);
        }
    }

    #[test]
    fn each_command_of_a_text_has_each_flag_once() {
        let flags = ["--sandbox=a".to_owned(), "--region r".to_owned()];
        for (text, expected) in [
            (
                "`keyrot plan`, or: keyrot rotate",
                "`keyrot --sandbox=a --region r plan`, or: keyrot --sandbox=a --region r rotate",
            ),
            ("try: keyrot --sandbox rotate", "try: keyrot --region r --sandbox rotate"),
            ("`keyrot status --region x`; more", "`keyrot --sandbox=a status --region x`; more"),
            ("`keyrot help settings`", "`keyrot help settings`"),
            ("keyrot selects users", "keyrot selects users"),
            (
                "who writes there: keyrot is to be the only one; keyrot plan",
                "who writes there: keyrot is to be the only one; keyrot --sandbox=a --region r plan",
            ),
            (
                "then: keyrot rotate ci; keyrot resolve ci",
                "then: keyrot --sandbox=a --region r rotate ci; keyrot --sandbox=a --region r resolve ci",
            ),
        ] {
            assert_eq!(with_flags(text, &flags), expected);
        }
    }
}
