//! The list of settings: the one place that names, explains and parses each setting.

use super::info::SettingInfo;
use super::notify::{self, NotifyError};
use super::parsers::{
    field, hosts, is_endpoint, optional_switch, path, patterns, regions, selecting_tag,
    smtp_regions,
};
use super::smtp::{SmtpEndpoint, SmtpLogin};
use super::value::{Kind, Raw, duration, is_region, number, optional, secret_tags, switch};
use crate::selection::pattern::SecretPattern;
use crate::selection::template::SecretTemplate;

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

/// Every setting, in the order of the help.
pub static SETTINGS: &[SettingInfo] = &[
    SettingInfo::new(
        "tag",
        Kind::Text,
        Some("RotateKey=True"),
        "the tag that selects a user: KEY=VALUE, or KEY alone for the value True; case is ignored",
        |v, raw| {
            (v.selection.tag, v.selection.tag_value) = selecting_tag(raw)?;
            Ok(())
        },
    ),
    SettingInfo::new(
        "path_prefix",
        Kind::Text,
        Some("/"),
        "only users whose IAM path begins with this",
        |v, raw| path(raw).map(|path| v.selection.path_prefix = path),
    ),
    SettingInfo::new(
        "exclude",
        Kind::List,
        Some(""),
        "users that are never touched: names, or patterns with * and ? (a comma in a name: write ? for it)",
        |v, raw| patterns(raw).map(|all| v.selection.exclude = all),
    ),
    SettingInfo::new(
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
    SettingInfo::new(
        "kms_key",
        Kind::Text,
        None,
        "the KMS key for new secrets: id, alias/NAME or ARN",
        |v, raw| {
            let fits = |t: &str| t.len() <= 2048 && t.bytes().all(|b| b.is_ascii_graphic());
            optional(raw, "a KMS key id, alias/NAME or ARN", fits).map(|key| v.kms_key = key)
        },
    ),
    SettingInfo::new(
        "secret_description",
        Kind::Text,
        Some("Access key of an IAM user, rotated by keyrot"),
        "the description of new secrets",
        |v, raw| {
            let fits = |t: &str| t.chars().count() <= 2048;
            optional(raw, "at most 2048 characters", fits).map(|text| v.secret_description = text)
        },
    ),
    SettingInfo::new("secret_tags", Kind::Table, Some(""), "tags for new secrets", |v, raw| {
        secret_tags(raw).map(|tags| v.secret_tags = tags)
    }),
    SettingInfo::new(
        "field_access_key_id",
        Kind::Text,
        Some("AccessKeyId"),
        "the secret's JSON field for the key's id",
        |v, raw| field(raw).map(|name| v.field_access_key_id = name),
    ),
    SettingInfo::new(
        "field_secret_access_key",
        Kind::Text,
        Some("SecretAccessKey"),
        "the secret's JSON field for the key's secret half",
        |v, raw| field(raw).map(|name| v.field_secret_access_key = name),
    ),
    SettingInfo::new(
        "smtp_regions",
        Kind::List,
        Some(""),
        "regions for each of which the secret has the SMTP password of SES, too: SmtpPassword_REGION",
        |v, raw| smtp_regions(raw).map(|all| v.smtp_regions = all),
    ),
    SettingInfo::new(
        "smtp_endpoint",
        Kind::Text,
        None,
        "where new SMTP passwords are verified by a login: HOST:PORT with {region} in it, or `none`; by default the endpoints of SES, port 587",
        |v, raw| {
            v.smtp_login = match raw.text() {
                "" => SmtpLogin::Ses,
                "none" => SmtpLogin::Off,
                text => SmtpLogin::At(SmtpEndpoint::parse(text).ok_or_else(|| {
                    raw.wrong("HOST:PORT such as email-smtp.{region}.{suffix}:2587, or none")
                })?),
            };
            Ok(())
        },
    ),
    SettingInfo::new(
        "max_age",
        Kind::Duration,
        Some("90d"),
        "no key stays Active longer, if its consumers move over; its rotation begins early enough for that",
        |v, raw| duration(raw).map(|d| v.waits.max_age = d),
    ),
    SettingInfo::new(
        "run_interval",
        Kind::Duration,
        Some("1d"),
        "the longest time between two runs; with weekly runs 7d, so that rotations begin early enough for max_age",
        |v, raw| duration(raw).map(|d| v.waits.run_interval = d),
    ),
    SettingInfo::new(
        "overlap",
        Kind::Duration,
        Some("7d"),
        "how long the old key keeps working, at least",
        |v, raw| duration(raw).map(|d| v.waits.overlap = d),
    ),
    SettingInfo::new(
        "recent_use",
        Kind::Duration,
        Some("1d"),
        "an old key used this recently is kept",
        |v, raw| duration(raw).map(|d| v.waits.recent_use = d),
    ),
    SettingInfo::new(
        "idle",
        Kind::Duration,
        Some("45d"),
        "while nothing has picked up the new key, an old key used this recently is kept; longer than the rarest job's interval",
        |v, raw| duration(raw).map(|d| v.waits.idle = d),
    ),
    SettingInfo::new(
        "soak",
        Kind::Duration,
        Some("7d"),
        "how long an old key stays Inactive before it is deleted",
        |v, raw| duration(raw).map(|d| v.waits.soak = d),
    ),
    SettingInfo::new(
        "settle",
        Kind::Duration,
        Some("30m"),
        "how long to keep away from what another run may be doing; work on one user ends after half of it",
        |v, raw| duration(raw).map(|d| v.waits.settle = d),
    ),
    SettingInfo::new(
        "probe_for",
        Kind::Duration,
        Some("1m"),
        "how long one run keeps verifying a new key",
        |v, raw| duration(raw).map(|d| v.waits.probe_for = d),
    ),
    SettingInfo::new(
        "probe_limit",
        Kind::Duration,
        Some("2h"),
        "a new key that does not work after this is abandoned",
        |v, raw| duration(raw).map(|d| v.waits.probe_limit = d),
    ),
    SettingInfo::new(
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
    SettingInfo::new(
        "allow_short_waits",
        Kind::Switch,
        Some("false"),
        "allow waits that are fit for tests only",
        |v, raw| switch(raw).map(|on| v.allow_short_waits = on),
    ),
    SettingInfo::new(
        "concurrency",
        Kind::Number,
        Some("64"),
        "how many users to work on concurrently",
        |v, raw| number(raw, 1, 512, "").map(|n| v.concurrency = n),
    ),
    SettingInfo::new(
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
    SettingInfo::new(
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
    SettingInfo::new(
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
    SettingInfo::new(
        "region",
        Kind::Text,
        None,
        "the AWS region; by default the SDK finds it",
        |v, raw| {
            optional(raw, "a region such as eu-central-1", is_region)
                .map(|region| v.region = region)
        },
    ),
    SettingInfo::new(
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
    SettingInfo::new(
        "home_regions",
        Kind::List,
        Some(""),
        "further regions in which a user's secret is looked for before it gets a new one",
        |v, raw| regions(raw).map(|all| v.home_regions = all),
    ),
    SettingInfo::new(
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
    SettingInfo::new(
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
    SettingInfo::new(
        "endpoint_url",
        Kind::Text,
        None,
        "one endpoint for every AWS service, such as an emulator's",
        |v, raw| {
            let expected = "http:// or https:// and a host, without user, password and query, such as http://127.0.0.1:5000";
            optional(raw, expected, is_endpoint).map(|url| v.endpoint_url = url)
        },
    ),
    SettingInfo::new(
        "allow_http_endpoints",
        Kind::List,
        Some(""),
        "hosts that may be called over http://, each as HOST:PORT; this machine itself always may",
        |v, raw| hosts(raw).map(|all| v.allow_http_endpoints = all),
    ),
    SettingInfo::new(
        "fips",
        Kind::Switch,
        None,
        "use FIPS endpoints; by default as the SDK is configured",
        |v, raw| optional_switch(raw).map(|on| v.fips = on),
    ),
    SettingInfo::new(
        "dual_stack",
        Kind::Switch,
        None,
        "use dual-stack endpoints; by default as the SDK is configured",
        |v, raw| optional_switch(raw).map(|on| v.dual_stack = on),
    ),
    SettingInfo::new(
        "trail",
        Kind::Switch,
        Some("false"),
        "where an old key is held because it is in use, ask CloudTrail who uses it, and report that; needs cloudtrail:LookupEvents",
        |v, raw| switch(raw).map(|on| v.trail = on),
    ),
    SettingInfo::new(
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
    SettingInfo::new(
        "destination",
        Kind::Tables,
        None,
        "where copies of users' keys go beside their secrets: a table [[destination]] for each, with name, kind, users, to, \
         and the keys of its kind; kinds: ssm, secrets_manager, replica, ecs, github, gitlab, kubernetes, circleci, vault, command, profile",
        |v, raw| {
            if let Raw::Destinations(specs) = raw {
                v.destinations.clone_from(specs);
            }
            Ok(())
        },
    ),
];
