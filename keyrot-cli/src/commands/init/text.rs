//! The text of the file: every setting with its meaning and its default, from the list of settings.

use super::look::Look;
use crate::terminal::text::wrap;
use keyrot_core::settings::{Kind, SETTINGS, SettingInfo};
use std::fmt::Write;

const WIDTH: usize = 110;

/// Where to put settings that are not allowed in a file that was only found.
const CHOSEN: &str = "only in a file named by --config, or in ~/.config/keyrot/keyrot.toml; not in the current directory";

/// Examples of destinations, for users whose consumers cannot read Secrets Manager.
const DESTINATIONS: [(&str, &str); 3] = [
    (
        "programs that read SSM parameters",
        "[[destination]]
name = \"parameters\"
kind = \"ssm\"
users = [\"ci-*\"]
to = \"/{user}/aws\"
",
    ),
    (
        "jobs of GitHub Actions in an environment; the token is in the secret keyrot/github",
        "[[destination]]
name = \"shop-production\"
kind = \"github\"
users = [\"ci-shop\"]
to = \"acme/shop:production\"
token = \"secret:keyrot/github#token\"
",
    ),
    (
        "jobs on the machine that keyrot runs on, with a profile in an AWS credentials file",
        "[[destination]]
name = \"backup-host\"
kind = \"profile\"
users = [\"backup-*\"]
to = \"/srv/backup/.aws/credentials#{user}\"
",
    ),
];

/// Returns the settings file. Values that were read from the account are set; everything else is a
/// comment.
pub(super) fn toml(look: Option<&Look>) -> String {
    let mut out = String::new();
    comment(
        &mut out,
        "Settings of keyrot. Lines that are commented out show the default. The environment variable KEYROT_<NAME> overrides this file, and the flag --<name> overrides both.",
    );
    let _ = writeln!(out, "#");
    comment(
        &mut out,
        "keyrot reads keyrot.toml in the current directory, or the file named by --config or KEYROT_CONFIG. Settings for every directory go to \
         ~/.config/keyrot/keyrot.toml. `credentials`, `exec` and `my-key` do not read the current directory.",
    );
    if let Some(look) = look {
        let _ = writeln!(out, "#");
        comment(&mut out, &format!("For {}.", look.summary()));
        if look.region.is_none() {
            comment(
                &mut out,
                "This is the sandbox's account: account and region are left out. Without --sandbox, keyrot sets those of your own account.",
            );
        }
        if let Some(path) = &look.suggestion.path_prefix {
            comment(
                &mut out,
                &format!("All users with that tag are under {path}; consider path_prefix."),
            );
        }
    }
    for info in SETTINGS {
        out.push('\n');
        comment(&mut out, info.help);
        if info.needs_chosen_file(None) {
            comment(&mut out, CHOSEN);
        } else if info.needs_chosen_file(Some("arn:")) {
            comment(&mut out, &format!("As an ARN: {CHOSEN}"));
        }
        let _ = match (set(info, look), info.default) {
            (Some(value), _) => writeln!(out, "{} = {value}", info.name),
            (None, Some(default)) => {
                writeln!(out, "#{} = {}", info.name, value(info.kind, default))
            }
            (None, None) => {
                writeln!(out, "# {} is not set by default; it takes {}", info.name, kind(info.kind))
            }
        };
        if info.kind == Kind::Tables {
            examples(&mut out);
        }
    }
    out
}

fn examples(out: &mut String) {
    for (readers, table) in DESTINATIONS {
        let _ = writeln!(out, "#");
        comment(out, &format!("For example, for {readers}:"));
        for line in table.lines() {
            let _ = writeln!(out, "#   {line}");
        }
    }
}

/// Returns a setting's value from the account, if it is not the default.
fn set(info: &SettingInfo, look: Option<&Look>) -> Option<String> {
    let look = look?;
    match info.name {
        // The two settings together allow adoptions.
        "account" => look
            .account
            .as_deref()
            .filter(|_| look.region.is_some())
            .map(|account| value(Kind::Text, account)),
        "region" => look.region.as_deref().map(|region| value(Kind::Text, region)),
        "tag" => {
            let tag = look.suggestion.tag()?;
            let (key, yes) = info.default?.split_once('=')?;
            let usual = tag.key.eq_ignore_ascii_case(key) && tag.value.eq_ignore_ascii_case(yes);
            (!usual).then(|| value(Kind::Text, &format!("{}={}", tag.key, tag.value)))
        }
        _ => None,
    }
}

fn comment(out: &mut String, text: &str) {
    for line in wrap(text, Some(WIDTH)) {
        let _ = writeln!(out, "# {line}");
    }
}

/// Converts a value from the form of the environment to TOML.
fn value(kind: Kind, text: &str) -> String {
    // JSON and TOML's basic strings escape the same characters in the same way.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let items = || text.split(',').filter(|item| !item.is_empty());
    match kind {
        Kind::Text | Kind::Duration => quoted(text),
        Kind::Number | Kind::Switch | Kind::Tables => text.to_owned(),
        Kind::List => format!("[{}]", items().map(quoted).collect::<Vec<_>>().join(", ")),
        Kind::Table => {
            let pair = |item: &str| {
                item.split_once('=').map(|(k, v)| format!("{} = {}", quoted(k), quoted(v)))
            };
            let pairs: Vec<String> = items().filter_map(pair).collect();
            if pairs.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", pairs.join(", ")) }
        }
    }
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "a text in quotes",
        Kind::Duration => "a duration in quotes, such as \"12h\"",
        Kind::Number => "a whole number",
        Kind::Switch => "true or false",
        Kind::List => "a list of texts",
        Kind::Table => "a table of texts",
        Kind::Tables => "tables at the end of the file",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keyrot_core::selection::TagCount;
    use keyrot_core::settings::{Origin, Settings, Sources};

    fn load(text: &str) -> Settings {
        Settings::load(&Sources::default().file("keyrot.toml", text))
            .unwrap_or_else(|e| panic!("{e}\n{text}"))
    }

    fn values(settings: &Settings) -> Vec<(&'static str, Option<String>)> {
        settings.explain().iter().map(|e| (e.name, e.value.clone())).collect()
    }

    #[test]
    fn the_file_changes_nothing_and_its_comments_are_the_defaults() {
        let text = toml(None);
        let defaults = load("");
        let read = load(&text);
        assert_eq!(values(&read), values(&defaults));
        assert!(read.explain().iter().all(|e| e.origin == Origin::Default));

        let open: String = text
            .lines()
            .map(|line| match line.strip_prefix('#') {
                Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        let read = load(&open);
        assert_eq!(values(&read), values(&defaults), "{open}");
        let named = read.explain().iter().filter(|e| e.origin != Origin::Default).count();
        assert_eq!(named, SETTINGS.iter().filter(|info| info.default.is_some()).count());
        for info in SETTINGS {
            assert!(
                text.contains(&format!("{} ", info.name)) && text.contains(&info.help[..20]),
                "{}",
                info.name
            );
        }
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH + 2));
    }

    #[test]
    fn each_proposed_destination_can_be_used_unchanged() {
        let text = toml(None);
        let open = text.lines().filter_map(|line| line.strip_prefix("#   "));
        let open: String = open.map(|line| format!("{line}\n")).collect();
        let settings = load(&open);
        let names = settings.destinations().iter().map(|spec| spec.name().as_str());
        assert_eq!(
            names.collect::<Vec<_>>(),
            ["parameters", "shop-production", "backup-host"],
            "{text}"
        );
    }

    #[test]
    fn values_read_from_the_account_are_set() {
        let tag =
            |key: &str, value: &str| TagCount { key: key.into(), value: value.into(), users: 3 };
        let mut look = Look {
            account: Some("123456789012".into()),
            region: Some("eu-central-1".into()),
            users: 9,
            ..Look::default()
        };
        look.suggestion.tags = vec![tag("Auto Rotate", "yes")];
        let settings = load(&toml(Some(&look)));
        assert_eq!(
            (settings.account(), settings.region()),
            (Some("123456789012"), Some("eu-central-1"))
        );
        assert_eq!(
            (settings.selection().tag.as_str(), settings.selection().tag_value.as_str()),
            ("Auto Rotate", "yes")
        );
        look.suggestion.tags = vec![tag("rotatekey", "TRUE")];
        assert!(toml(Some(&look)).contains("\n#tag = \"RotateKey=True\"\n"), "the default fits");
    }
}
