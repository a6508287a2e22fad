//! The list of settings: the one place where each is named, explained and read.

use super::notify::{self, NotifyError};
use super::smtp::{SmtpEndpoint, SmtpLogin};
use super::value::{
    Raw, Wrong, duration, is_region, is_tag, number, optional, secret_tags, switch,
};
use crate::model::arn::Arn;
use crate::selection::pattern::{Pattern, SecretPattern};
use crate::selection::template::SecretTemplate;
use crate::settings::value::Kind;
use crate::settings::values::Values;

/// One setting.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SettingInfo {
    /// Its name, as in the file.
    pub name: &'static str,
    /// What kind of value it takes.
    pub kind: Kind,
    /// Its default as one would write it; `None` where nothing is set by default.
    pub default: Option<&'static str>,
    /// What it is, in one line.
    pub help: &'static str,
    pub(super) set: fn(&mut Values, &Raw) -> Result<(), Wrong>,
}

impl SettingInfo {
    /// The environment variable, such as `KEYROT_MAX_AGE`.
    #[must_use]
    pub fn env(&self) -> String {
        format!("KEYROT_{}", self.name.to_uppercase())
    }

    /// The flag, such as `--max-age`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.name.replace('_', "-"))
    }

    /// Whether there is a flag for it.
    #[must_use]
    pub fn has_flag(&self) -> bool {
        self.kind != Kind::Tables
    }

    /// Whether this value is taken only from a file that the operator chose, a variable or a flag;
    /// `text` is the value, if it is text.
    ///
    /// A file that is only found in some directory may be another person's. With these settings
    /// they would choose which endpoints keyrot calls, as which identity, where keys go, and whose
    /// key encrypts what it stores, or switch off a safety rule.
    #[must_use]
    pub fn needs_chosen_file(&self, text: Option<&str>) -> bool {
        // An ARN can name the KMS key of any account; an id or an alias is one of the account at
        // hand.
        NEED_CHOSEN_FILE.contains(&self.name)
            || (self.name == "kms_key" && text.is_some_and(Arn::is_meant))
    }

    /// Whether a message may repeat a value that could not be read. The value of a notifier may be
    /// a secret URL.
    pub(super) fn may_be_shown(&self) -> bool {
        !["notify", "destination"].contains(&self.name)
    }
}

/// The settings that [`WaitPolicy::new`](crate::model::waits::WaitPolicy::new) checks together.
pub(super) const WAITS: [&str; 10] = [
    "max_age",
    "run_interval",
    "overlap",
    "recent_use",
    "idle",
    "soak",
    "settle",
    "probe_for",
    "probe_limit",
    "probes",
];

/// The settings that [need a chosen file](SettingInfo::needs_chosen_file), whatever their value.
const NEED_CHOSEN_FILE: [&str; 8] = [
    "allow_http_endpoints",
    "allow_short_waits",
    "destination",
    "endpoint_url",
    "notify",
    "profile",
    "secret_tag",
    "smtp_endpoint",
];

/// There are fewer with SMTP endpoints, and a secret's value has a largest size.
const MOST_SMTP_REGIONS: usize = 40;

const fn setting(
    name: &'static str,
    kind: Kind,
    default: Option<&'static str>,
    help: &'static str,
    set: fn(&mut Values, &Raw) -> Result<(), Wrong>,
) -> SettingInfo {
    SettingInfo { name, kind, default, help, set }
}

/// Every setting there is, in the order in which help lists them.
pub static SETTINGS: &[SettingInfo] = &[
    setting(
        "tag",
        Kind::Text,
        Some("RotateKey=True"),
        "the tag that selects a user: KEY=VALUE, or KEY alone for the value True; case is ignored",
        |v, raw| {
            let (key, value) = raw.text().split_once('=').unwrap_or((raw.text(), "True"));
            if key.to_lowercase().starts_with("aws:")
                || !is_tag(key, 1, 128)
                || !is_tag(value, 0, 256)
            {
                return Err(raw.wrong("KEY=VALUE such as RotateKey=True, or a tag's KEY alone"));
            }
            (v.selection.tag, v.selection.tag_value) = (key.to_owned(), value.to_owned());
            Ok(())
        },
    ),
    setting(
        "path_prefix",
        Kind::Text,
        Some("/"),
        "only users whose IAM path begins with this",
        |v, raw| {
            let path = raw.text();
            // Without the slash at its end, /ci would let /cidr/ in.
            let ends = path.starts_with('/') && path.ends_with('/') && path.len() <= 512;
            if !ends || !path.bytes().all(|b| (0x21..=0x7f).contains(&b)) {
                return Err(raw.wrong("a path with a slash at both ends, such as /ci/"));
            }
            v.selection.path_prefix = path.to_owned();
            Ok(())
        },
    ),
    setting(
        "exclude",
        Kind::List,
        Some(""),
        "users that are never touched: names, or patterns with * and ? (a comma in a name: write ? for it)",
        |v, raw| {
            let parse =
                |text: &String| Pattern::parse(text).map_err(|e| (text.clone(), e.to_string()));
            let patterns: Result<Vec<_>, _> = raw.list().iter().map(parse).collect();
            v.selection.exclude = patterns.map_err(|(text, _)| {
                (text, "a user name, with * for any characters and ? for one".to_owned())
            })?;
            Ok(())
        },
    ),
    setting(
        "secret_name",
        Kind::Text,
        Some("/iam/{user}/access_key"),
        "the name of a user's secret: text with {user}, and if you like {path} and {account}",
        |v, raw| {
            v.template = SecretTemplate::parse(raw.text())
                .map_err(|e| raw.wrong(format!("a template for names, but {e}")))?;
            Ok(())
        },
    ),
    setting(
        "kms_key",
        Kind::Text,
        None,
        "the KMS key for new secrets: id, alias/NAME or ARN",
        |v, raw| {
            let fits = |t: &str| t.len() <= 2048 && t.bytes().all(|b| b.is_ascii_graphic());
            optional(raw, "a KMS key id, alias/NAME or ARN", fits).map(|key| v.kms_key = key)
        },
    ),
    setting(
        "secret_description",
        Kind::Text,
        Some("Access key of an IAM user, rotated by keyrot"),
        "the description of new secrets",
        |v, raw| {
            let fits = |t: &str| t.chars().count() <= 2048;
            optional(raw, "at most 2048 characters", fits).map(|text| v.secret_description = text)
        },
    ),
    setting("secret_tags", Kind::Table, Some(""), "tags for new secrets", |v, raw| {
        secret_tags(raw).map(|tags| v.secret_tags = tags)
    }),
    setting(
        "field_access_key_id",
        Kind::Text,
        Some("AccessKeyId"),
        "the secret's JSON field for the key's id",
        |v, raw| field(raw).map(|name| v.field_access_key_id = name),
    ),
    setting(
        "field_secret_access_key",
        Kind::Text,
        Some("SecretAccessKey"),
        "the secret's JSON field for the key's secret half",
        |v, raw| field(raw).map(|name| v.field_secret_access_key = name),
    ),
    setting(
        "smtp_regions",
        Kind::List,
        Some(""),
        "regions for each of which the secret has the SMTP password of SES, too: SmtpPassword_REGION",
        |v, raw| {
            let all = regions(raw)?;
            if all.len() > MOST_SMTP_REGIONS {
                return Err((format!("{} regions", all.len()), "at most 40 regions".to_owned()));
            }
            v.smtp_regions = all;
            Ok(())
        },
    ),
    setting(
        "smtp_endpoint",
        Kind::Text,
        None,
        "where new SMTP passwords are verified by a login: HOST:PORT with {region} in it, or `none`; by default the endpoints of SES, port 587",
        |v, raw| {
            v.smtp_login = match raw.text() {
                "" => SmtpLogin::Ses,
                "none" => SmtpLogin::Off,
                text => SmtpLogin::At(SmtpEndpoint::parse(text).ok_or_else(|| {
                    raw.wrong("HOST:PORT such as email-smtp.{region}.amazonaws.com:2587, or none")
                })?),
            };
            Ok(())
        },
    ),
    setting(
        "max_age",
        Kind::Duration,
        Some("90d"),
        "no key stays Active longer, if its consumers move over; its rotation begins early enough for that",
        |v, raw| duration(raw).map(|d| v.waits.max_age = d),
    ),
    setting(
        "run_interval",
        Kind::Duration,
        Some("1d"),
        "the longest time between two runs; with weekly runs 7d, so that rotations begin early enough for max_age",
        |v, raw| duration(raw).map(|d| v.waits.run_interval = d),
    ),
    setting(
        "overlap",
        Kind::Duration,
        Some("7d"),
        "how long the old key keeps working, at least",
        |v, raw| duration(raw).map(|d| v.waits.overlap = d),
    ),
    setting(
        "recent_use",
        Kind::Duration,
        Some("24h"),
        "an old key used this recently is kept",
        |v, raw| duration(raw).map(|d| v.waits.recent_use = d),
    ),
    setting(
        "idle",
        Kind::Duration,
        Some("45d"),
        "while nothing has picked up the new key, an old key used this recently is kept; longer than the rarest job's interval",
        |v, raw| duration(raw).map(|d| v.waits.idle = d),
    ),
    setting(
        "soak",
        Kind::Duration,
        Some("7d"),
        "how long an old key stays Inactive before it is deleted",
        |v, raw| duration(raw).map(|d| v.waits.soak = d),
    ),
    setting(
        "settle",
        Kind::Duration,
        Some("30m"),
        "how long to keep away from what another run may be doing; work on one user ends after half of it",
        |v, raw| duration(raw).map(|d| v.waits.settle = d),
    ),
    setting(
        "probe_for",
        Kind::Duration,
        Some("60s"),
        "how long one run keeps verifying a new key",
        |v, raw| duration(raw).map(|d| v.waits.probe_for = d),
    ),
    setting(
        "probe_limit",
        Kind::Duration,
        Some("2h"),
        "a new key that does not work after this is abandoned",
        |v, raw| duration(raw).map(|d| v.waits.probe_limit = d),
    ),
    setting(
        "probes",
        Kind::Number,
        Some("3"),
        "how many times in a row a new key has to work before it is published",
        |v, raw| {
            let count = number(raw, 1, 100, "")?;
            v.waits.probes = u32::try_from(count).map_err(|_| raw.wrong("a smaller number"))?;
            Ok(())
        },
    ),
    setting(
        "allow_short_waits",
        Kind::Switch,
        Some("false"),
        "allow waits that are fit for tests only",
        |v, raw| switch(raw).map(|on| v.allow_short_waits = on),
    ),
    setting(
        "concurrency",
        Kind::Number,
        Some("64"),
        "how many users to work on concurrently",
        |v, raw| number(raw, 1, 512, "").map(|n| v.concurrency = n),
    ),
    setting(
        "max_changes",
        Kind::Number,
        None,
        "how many users one run may change; none for no limit",
        |v, raw| {
            if matches!(raw.text(), "" | "none") {
                v.max_changes = None;
                return Ok(());
            }
            let hint = ", or none for no limit; to change no users, use plan";
            number(raw, 1, 1_000_000, hint).map(|n| v.max_changes = Some(n))
        },
    ),
    setting(
        "max_adoptions",
        Kind::Number,
        Some("10"),
        "how many users one run may adopt (change for the first time); none for no limit",
        |v, raw| {
            if raw.text() == "none" {
                v.max_adoptions = None;
                return Ok(());
            }
            number(raw, 0, 1_000_000, ", or none for no limit").map(|n| v.max_adoptions = Some(n))
        },
    ),
    setting(
        "deadline",
        Kind::Duration,
        Some("14m"),
        "how long a run keeps starting new steps",
        |v, raw| {
            let time = duration(raw)?;
            if !(1..=24 * 60 * 60).contains(&time.as_secs()) {
                return Err(raw.wrong("a duration from 1s to 24h"));
            }
            v.deadline = time;
            Ok(())
        },
    ),
    setting("region", Kind::Text, None, "the AWS region; by default the SDK finds it", |v, raw| {
        optional(raw, "a region such as eu-central-1", is_region).map(|region| v.region = region)
    }),
    setting(
        "account",
        Kind::Text,
        None,
        "the AWS account, twelve digits: users of another one are not touched",
        |v, raw| {
            let fits = |t: &str| t.len() == 12 && t.bytes().all(|b| b.is_ascii_digit());
            optional(raw, "the twelve digits of an AWS account, in quotes", fits)
                .map(|account| v.account = account)
        },
    ),
    setting(
        "home_regions",
        Kind::List,
        Some(""),
        "further regions in which a user's secret is looked for before it gets a new one",
        |v, raw| regions(raw).map(|all| v.home_regions = all),
    ),
    setting(
        "secret_tag",
        Kind::Text,
        None,
        "the names that a user's tag keyrot:secret may choose, with * and ?; none by default",
        |v, raw| {
            if raw.text().is_empty() {
                v.secret_tag = None;
                return Ok(());
            }
            let pattern = SecretPattern::parse(raw.text());
            v.secret_tag =
                Some(pattern.map_err(|_| raw.wrong("names of secrets, such as /vendors/*"))?);
            Ok(())
        },
    ),
    setting(
        "profile",
        Kind::Text,
        None,
        "the AWS profile; by default the SDK finds it",
        |v, raw| {
            let fits = |t: &str| t.len() <= 256 && !t.chars().any(char::is_control);
            optional(raw, "the name of a profile in your AWS configuration", fits)
                .map(|profile| v.profile = profile)
        },
    ),
    setting(
        "endpoint_url",
        Kind::Text,
        None,
        "one endpoint for every AWS service, such as an emulator's",
        |v, raw| {
            let fits = |t: &str| {
                let rest = t.strip_prefix("https://").or_else(|| t.strip_prefix("http://"));
                rest.is_some_and(|rest| {
                    !rest.is_empty()
                        && rest.bytes().all(|b| b.is_ascii_graphic() && !b"@?#".contains(&b))
                })
            };
            let expected = "http:// or https:// and a host, without user, password and query, such as http://127.0.0.1:5000";
            optional(raw, expected, fits).map(|url| v.endpoint_url = url)
        },
    ),
    setting(
        "allow_http_endpoints",
        Kind::List,
        Some(""),
        "hosts that may be called over http://, each as HOST:PORT; this machine itself always may",
        |v, raw| {
            let fits = |text: &&String| {
                let port = text
                    .rsplit_once(':')
                    .filter(|(host, _)| !host.is_empty())
                    .map(|(_, port)| port.parse::<u16>());
                port.is_some_and(|port| port.is_ok_and(|port| port > 0))
                    && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/')
            };
            if let Some(wrong) = raw.list().iter().find(|text| !fits(text)) {
                return Err((
                    wrong.clone(),
                    "HOST:PORT, without http:// and without a path, such as ministack:4566"
                        .to_owned(),
                ));
            }
            v.allow_http_endpoints = raw.list().to_vec();
            Ok(())
        },
    ),
    setting(
        "fips",
        Kind::Switch,
        None,
        "use FIPS endpoints; by default as the SDK is configured",
        |v, raw| optional_switch(raw).map(|on| v.fips = on),
    ),
    setting(
        "dual_stack",
        Kind::Switch,
        None,
        "use dual-stack endpoints; by default as the SDK is configured",
        |v, raw| optional_switch(raw).map(|on| v.dual_stack = on),
    ),
    setting(
        "trail",
        Kind::Switch,
        Some("false"),
        "where an old key is held because it is in use, ask CloudTrail who uses it, and report that; needs cloudtrail:LookupEvents",
        |v, raw| switch(raw).map(|on| v.trail = on),
    ),
    setting(
        "notify",
        Kind::List,
        Some(""),
        "where to send notifications, each as KIND TARGET [min=info|warning|error] [name=NAME], such as `slack secret:keyrot/slack`; \
         kinds: sns, eventbridge, slack, teams, webhook",
        |v, raw| {
            let wrong =
                |error: NotifyError| (error.entry().to_owned(), error.expected().to_owned());
            notify::specs(raw.list()).map(|specs| v.notify = specs).map_err(wrong)
        },
    ),
    setting(
        "destination",
        Kind::Tables,
        None,
        "where copies of users' keys go beside their secrets: a table [[destination]] for each, with name, kind, users, to, \
         and the keys of its kind; kinds: ssm, secrets_manager, github, gitlab, kubernetes, circleci, vault, command, profile",
        |v, raw| {
            if let Raw::Destinations(specs) = raw {
                v.destinations.clone_from(specs);
            }
            Ok(())
        },
    ),
];

fn regions(raw: &Raw) -> Result<Vec<String>, Wrong> {
    match raw.list().iter().find(|region| !is_region(region)) {
        Some(region) => Err((region.clone(), "regions such as eu-central-1".to_owned())),
        None => Ok(raw.list().to_vec()),
    }
}

fn optional_switch(raw: &Raw) -> Result<Option<bool>, Wrong> {
    if raw.text().is_empty() { Ok(None) } else { switch(raw).map(Some) }
}

fn field(raw: &Raw) -> Result<String, Wrong> {
    let name = raw.text();
    let fits = (1..=128).contains(&name.len()) && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
        .ok_or_else(|| raw.wrong("the name of a JSON field, such as AccessKeyId"))
}
