//! The shared files as the SDK gets them. The SDK's parser drops a section whose name has a space or
//! a letter outside ASCII, keeps the quotes of a name, takes an indented setting for a continuation,
//! and does not know `secrets_manager`, the key that AWS documents for a service. boto3 and the AWS
//! CLI read all of these. So the files are rewritten line by line, and names that the SDK cannot
//! read are replaced by names that it can.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Which of the two files it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[profile NAME]`, and other sections.
    Config,
    /// `[NAME]`.
    Credentials,
}

/// The prefix of a replaced name.
const REPLACED: &str = "%%";

/// The settings of a profile that name another section.
const REFERENCES: [&str; 2] = ["source_profile", "services"];

/// Returns the name under which the SDK knows a profile or a section of services.
pub(super) fn name_for_sdk(name: &str) -> Cow<'_, str> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-/.%@:+".contains(c);
    if !name.is_empty() && name.chars().all(fits) && !name.starts_with(REPLACED) {
        return Cow::Borrowed(name);
    }
    let mut safe = REPLACED.to_owned();
    for byte in name.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => safe.push(char::from(byte)),
            false => {
                let _ = write!(safe, "%{byte:02x}");
            }
        }
    }
    Cow::Owned(safe)
}

/// Returns the name in the files for a name that the SDK knows.
pub(super) fn name_in_files(name: &str) -> Cow<'_, str> {
    let Some(replaced) = name.strip_prefix(REPLACED) else { return Cow::Borrowed(name) };
    let decoded = percent_encoding::percent_decode_str(replaced).decode_utf8_lossy();
    Cow::Owned(decoded.into_owned())
}

/// Rewrites a file. Each line stays on its line, so the SDK's errors name the right one.
pub(super) fn rewritten(kind: Kind, text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 64);
    let mut state = State { kind, is_services: false, indent: 0, can_continue: false };
    // A byte order mark is no part of the first line; lines end as in Python's text files.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in text.lines() {
        state.line(line, &mut out);
        out.push('\n');
    }
    out
}

struct State {
    kind: Kind,
    /// Whether the section is one of services.
    is_services: bool,
    /// The indentation of the last header or setting; a line that is indented further continues it
    /// (Python's `configparser`).
    indent: usize,
    can_continue: bool,
}

impl State {
    fn line(&mut self, line: &str, out: &mut String) {
        let body = line.trim();
        // Blank, or a comment: neither ends a value.
        if body.is_empty() || body.starts_with(['#', ';']) {
            return;
        }
        let indent = line.chars().take_while(|c| c.is_whitespace()).count();
        if self.can_continue && indent > self.indent {
            out.push(' ');
            out.push_str(body);
            return;
        }
        self.indent = indent;
        if let Some(header) = body.strip_prefix('[').and_then(header) {
            self.can_continue = false;
            self.header(header, out);
            return;
        }
        let Some(at) = body.find(['=', ':']).filter(|at| *at > 0) else {
            // The SDK says what is wrong with it.
            out.push_str(body);
            return;
        };
        self.can_continue = true;
        self.setting(body[..at].trim_end(), body[at + 1..].trim_start(), out);
    }

    fn header(&mut self, header: &str, out: &mut String) {
        let header = header.trim();
        self.is_services = false;
        let section = |out: &mut String, kind: &str, name: &str| {
            let between = if kind.is_empty() { "" } else { " " };
            let _ = write!(out, "[{kind}{between}{name}]");
        };
        if self.kind == Kind::Credentials || header == "default" {
            // The SDK takes `[profile NAME]` in this file for a mistake, and so does keyrot.
            return match header.starts_with("profile ") {
                true => section(out, "", header),
                false => section(out, "", &name_for_sdk(header)),
            };
        }
        match words(header) {
            Some((kind, name)) if kind == "services" => {
                self.is_services = true;
                section(out, "services", &name_for_sdk(&name));
            }
            // botocore looks only at the beginning of the word.
            Some((kind, name)) if kind.starts_with("profile") => {
                section(out, "profile", &name_for_sdk(&name));
            }
            // The cache of a session's token is named after it, so it keeps its name.
            Some((kind, name)) => section(out, &kind, &name),
            None => section(out, "", header),
        }
    }

    fn setting(&self, name: &str, value: &str, out: &mut String) {
        let name = name.to_lowercase();
        if self.is_services {
            // The SDK looks up the service's id with hyphens.
            let _ = write!(out, "{} = {value}", name.replace('_', "-"));
            return;
        }
        if REFERENCES.contains(&name.as_str()) {
            let _ = write!(out, "{name} = {}", name_for_sdk(without_comment(value)));
            return;
        }
        let _ = write!(out, "{name} = {value}");
    }
}

/// Returns the text in the brackets; `None` if the line is no header.
fn header(rest: &str) -> Option<&str> {
    let (header, after) = rest.split_once(']')?;
    let after = after.trim_start();
    (!header.is_empty() && (after.is_empty() || after.starts_with(['#', ';']))).then_some(header)
}

/// Splits a header into its kind and its name, as a shell does (botocore, `_parse_section`). Other
/// than two words name nothing.
pub(super) fn words(header: &str) -> Option<(String, String)> {
    let [kind, name] = <[String; 2]>::try_from(shell_words::split(header).ok()?).ok()?;
    Some((kind, name))
}

/// Returns the value without a comment, as the SDK parses it.
fn without_comment(value: &str) -> &str {
    let comment = value
        .char_indices()
        .zip(value.chars().skip(1))
        .find(|((_, before), mark)| before.is_whitespace() && ['#', ';'].contains(mark));
    match comment {
        Some(((at, _), _)) => value[..at].trim_end(),
        None if value.starts_with(['#', ';']) => "",
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_config::profile::ProfileSet;
    use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
    use aws_types::os_shim_internal::{Env, Fs};

    async fn parsed(kind: Kind, text: &str) -> Option<ProfileSet> {
        let kind_for_sdk = match kind {
            Kind::Config => EnvConfigFileKind::Config,
            Kind::Credentials => EnvConfigFileKind::Credentials,
        };
        let files = EnvConfigFiles::builder().with_contents(kind_for_sdk, rewritten(kind, text));
        let (none, no_env) = (Fs::from_slice(&[]), Env::from_slice(&[]));
        aws_config::profile::load(&none, &no_env, &files.build(), None).await.ok()
    }

    #[test]
    fn a_name_that_the_sdk_cannot_read_is_replaced_and_found_again() {
        for fits in ["ops", "a/b.c_d-e%f@g:h+i", "OPS", "1"] {
            assert_eq!(name_for_sdk(fits), fits);
        }
        let names = ["q s", "\u{fc}n\u{ef}", "a,b", "a=b", "", "%%", "%%71", "a[b", "q%20s x"];
        let mut safe = std::collections::BTreeSet::new();
        for name in names {
            let replaced = name_for_sdk(name);
            assert_ne!(replaced, name);
            let read = |c: char| c.is_ascii_alphanumeric() || c == '%';
            assert!(replaced.chars().all(read), "the SDK reads it: {replaced}");
            assert_eq!(name_in_files(&replaced), name);
            assert!(safe.insert(replaced.into_owned()), "two names are one: {name}");
        }
    }

    #[test]
    fn only_what_the_sdk_cannot_read_is_rewritten() {
        for (kind, text, expected) in [
            (Kind::Config, "[default]\n# x\nregion = a # b\n", "[default]\n\nregion = a # b\n"),
            (Kind::Config, "[profile 'q s']\n", "[profile %%q%20s]\n"),
            (Kind::Config, "[profile \"ops\"] # mine\n", "[profile ops]\n"),
            (Kind::Config, "[profile q s]\n", "[profile q s]\n"),
            (Kind::Config, "[ops]\n", "[ops]\n"),
            (Kind::Config, "[sso-session 'my corp']\n", "[sso-session my corp]\n"),
            (Kind::Config, "[other 'x'\n", "[other 'x'\n"),
            (Kind::Config, "services = 'a b' # x\n", "services = %%%27a%20b%27\n"),
            (
                Kind::Config,
                "[services 'my svc']\nsecrets_manager =\n    endpoint_url = http://a_b\nsso_oidc =\n",
                "[services %%my%20svc]\nsecrets-manager = \n endpoint_url = http://a_b\nsso-oidc = \n",
            ),
            (
                Kind::Config,
                "[default]\n  region: a\n  source_profile = q s\n    more\n",
                "[default]\nregion = a\nsource_profile = %%q%20s\n more\n",
            ),
            (Kind::Credentials, "[ q s ]\r\nA:b\r", "[%%q%20s]\na = b\n"),
            (Kind::Credentials, "[a,b]\n[profile x]\n", "[%%a%2cb]\n[profile x]\n"),
            (Kind::Credentials, "\u{feff}[default]\nno separator\n", "[default]\nno separator\n"),
        ] {
            assert_eq!(rewritten(kind, text), expected, "{text:?}");
        }
    }

    #[tokio::test]
    async fn the_services_of_aws_documentation_are_known_to_the_sdk() {
        let text = "[default]\nservices = my svc\n[services 'my svc']\nsecrets_manager =\n  endpoint_url = https://sm.example.com\niam =\n  endpoint_url = https://iam.example.com\n";
        let set = parsed(Kind::Config, text).await.expect("it is read");
        let services = set.get_profile("default").and_then(|profile| profile.get("services"));
        let key = |service: &str| {
            let key = aws_runtime::env_config::property::PropertiesKey::builder()
                .section_key("services")
                .section_name(services.expect("it is set"))
                .property_name(service)
                .sub_property_name("endpoint_url");
            set.other_sections().get(&key.build().expect("all parts")).cloned()
        };
        assert_eq!(key("secrets-manager").as_deref(), Some("https://sm.example.com"));
        assert_eq!(key("iam").as_deref(), Some("https://iam.example.com"));
    }

    /// The corpus that botocore has read: see `profiles/tests/botocore.rs`.
    #[tokio::test]
    async fn every_key_that_botocore_reads_is_the_one_that_the_sdk_reads() {
        let [mut same, mut refused] = [0; 2];
        for line in include_str!("../profiles/tests/botocore.jsonl").lines() {
            let case: serde_json::Value = serde_json::from_str(line).expect("JSON");
            let kind = match case["kind"].as_str() {
                Some("credentials") => Kind::Credentials,
                _ => Kind::Config,
            };
            let of_botocore = &case["ops"]["aws_access_key_id"];
            let Some(of_botocore) = of_botocore.as_str().filter(|id| id.starts_with("AKIA")) else {
                continue;
            };
            // Only botocore adds the settings of `[DEFAULT]` to each profile.
            if case["text"].as_str().is_some_and(|text| text.contains("[DEFAULT]")) {
                continue;
            }
            // A comment behind the value is a part of it only for botocore.
            let of_botocore = of_botocore.get(..20).unwrap_or(of_botocore);
            let bytes: Vec<u8> = case["text"]
                .as_str()
                .expect("a text")
                .chars()
                .map(|c| u8::try_from(u32::from(c)).expect("a byte"))
                .collect();
            let Ok(text) = String::from_utf8(bytes) else { continue };
            match parsed(kind, &text).await {
                Some(set) => {
                    let found = set.get_profile("ops").and_then(|ops| ops.get("aws_access_key_id"));
                    let found = found.map(|id| id.get(..20).unwrap_or(id));
                    assert_eq!(found, Some(of_botocore), "{line}");
                    same += 1;
                }
                None => refused += 1,
            }
        }
        assert!(same > 300 && refused < 20, "{same} {refused}");
    }
}
