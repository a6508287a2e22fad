use super::*;
use crate::engine::rotator::Limits;
use crate::model::waits::Waits;
use crate::selection::template::SecretTemplate;
use crate::selection::users::Selection;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

/// Tests for variables and files that others leave in the environment and in the current directory.
pub(crate) mod surroundings;

fn file(text: &str) -> Sources<'_> {
    Sources::default().file("keyrot.toml", text)
}

/// Returns the errors as texts.
fn wrong(sources: &Sources<'_>) -> Vec<String> {
    Settings::load(sources).expect_err("must be refused").iter().map(ToString::to_string).collect()
}

fn explained<'a>(settings: &'a Settings, name: &str) -> (Option<&'a str>, String) {
    let found = settings.explain().iter().find(|e| e.name == name).unwrap();
    (found.value.as_deref(), found.origin.to_string())
}

#[test]
fn the_defaults_are_those_of_the_core() {
    let settings = Settings::load(&Sources::default()).unwrap();
    assert_eq!(*settings.policy().waits(), Waits::default());
    assert_eq!(*settings.selection(), Selection::default());
    assert_eq!(*settings.template(), SecretTemplate::default());
    assert_eq!(
        (settings.field_access_key_id(), settings.field_secret_access_key()),
        ("AccessKeyId", "SecretAccessKey")
    );
    assert_eq!((settings.concurrency(), settings.max_changes()), (64, None));
    assert_eq!(settings.max_adoptions(), Limits::default().max_adoptions);
    assert_eq!(settings.max_adoptions(), Some(10));
    assert_eq!(settings.deadline(), Duration::from_secs(14 * 60));
    assert!(!settings.allow_short_waits() && settings.secret_tags().is_empty());
    assert_eq!(
        (settings.kms_key(), settings.region(), settings.profile(), settings.endpoint_url()),
        (None, None, None, None)
    );
    assert_eq!((settings.fips(), settings.dual_stack()), (None, None));
    assert!(settings.notify().is_empty() && !settings.trail());
    assert!(settings.explain().iter().all(|e| e.origin == Origin::Default));
}

#[test]
fn explain_lists_every_setting_once_and_names_follow_one_rule() {
    let settings = Settings::load(&Sources::default()).unwrap();
    let listed: Vec<_> = settings.explain().iter().map(|e| e.name).collect();
    assert_eq!(listed, SETTINGS.iter().map(|info| info.name).collect::<Vec<_>>());
    assert_eq!(listed.iter().collect::<BTreeSet<_>>().len(), listed.len());
    let info = SETTINGS.iter().find(|info| info.name == "max_age").unwrap();
    assert_eq!(
        (info.env().as_str(), info.flag().as_str(), info.default),
        ("KEYROT_MAX_AGE", "--max-age", Some("90d"))
    );
    assert!(table::WAITS.iter().all(|name| listed.contains(name)));
}

/// The value is what keyrot uses, not what was typed.
#[test]
fn values_are_explained_in_their_normal_form() {
    let text = "overlap = '168h'\nsoak = '1w 90m'\nsettle = '1800s'\n";
    let sources = file(text)
        .env([("KEYROT_CONCURRENCY", "016"), ("KEYROT_TRAIL", "YES"), ("KEYROT_FIPS", "0")])
        .flag("max_changes", "none")
        .flag("recent_use", "24h");
    let settings = Settings::load(&sources).unwrap();
    for (name, value) in [
        ("overlap", "7d"),
        ("soak", "7d 1h 30m"),
        ("settle", "30m"),
        ("concurrency", "16"),
        ("trail", "true"),
        ("fips", "false"),
        ("max_changes", "none"),
        ("recent_use", "1d"),
    ] {
        assert_eq!(explained(&settings, name).0, Some(value), "{name}");
    }
    // The defaults are written in that form.
    for info in SETTINGS {
        let shown = Settings::load(&Sources::default()).unwrap();
        assert_eq!(
            explained(&shown, info.name).0,
            info.default.filter(|text| !text.is_empty()),
            "{}",
            info.name
        );
    }
}

#[test]
fn the_later_source_wins_and_is_the_origin() {
    let text = "overlap = '3d'\nrecent_use = '5h'\n\nsoak = '4d'\n";
    let sources = file(text)
        .env([("KEYROT_RECENT_USE", "6h"), ("KEYROT_SOAK", "5d"), ("KEYROT_MAX_AGE", "")])
        .flag("soak", "6d");
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(explained(&settings, "overlap"), (Some("3d"), "file keyrot.toml line 1".to_owned()));
    assert_eq!(
        explained(&settings, "recent_use"),
        (Some("6h"), "env KEYROT_RECENT_USE".to_owned())
    );
    assert_eq!(explained(&settings, "soak"), (Some("6d"), "flag --soak".to_owned()));
    assert_eq!(explained(&settings, "max_age"), (Some("90d"), "default".to_owned()));
    let day = Duration::from_secs(24 * 60 * 60);
    let expected =
        Waits { overlap: 3 * day, recent_use: day / 4, soak: 6 * day, ..Waits::default() };
    assert_eq!(*settings.policy().waits(), expected);
}

/// A wait with its former name must not silently keep its default.
#[test]
fn a_former_name_is_refused_with_the_new_name() {
    let refused = |sources: &Sources<'_>| Settings::load(sources).unwrap_err().to_string();
    assert_eq!(
        refused(&file("quiet = '48h'")),
        "unknown setting `quiet` in keyrot.toml line 1; did you mean `recent_use`?"
    );
    let from_env = refused(&Sources::default().env([("KEYROT_QUIET", "48h")]));
    assert!(from_env.ends_with("did you mean `KEYROT_RECENT_USE`?"), "{from_env}");
    let from_flag = refused(&Sources::default().flag("quiet", "48h"));
    assert!(from_flag.ends_with("did you mean `--recent-use`?"), "{from_flag}");
}

#[test]
fn every_setting_can_be_set_from_every_source() {
    let text = r#"
        tag = "rotate=yes"
        path_prefix = "/ci/"
        exclude = ["a", "b-*"]
        secret_name = "{user}"
        kms_key = "alias/keys"
        secret_description = "d"
        secret_tags = { team = "ops", "cost center" = "7" }
        field_access_key_id = "id"
        field_secret_access_key = "secret"
        smtp_regions = ["eu-west-1"]
        smtp_endpoint = "smtp.{region}.example.com:2465"
        max_age = "80d"
        run_interval = "12h"
        overlap = "2d"
        recent_use = "5h"
        idle = "40d"
        soak = "3d"
        settle = "40m"
        probe_for = "30s"
        probe_limit = "1h"
        probes = 4
        allow_short_waits = true
        concurrency = 0x1_0
        max_changes = 5
        max_adoptions = 0
        deadline = "5m"
        region = "eu-central-1"
        account = "123456789012"
        home_regions = ["eu-west-1", "us-east-1"]
        secret_tag = "/vendors/*"
        profile = "prod"
        endpoint_url = "http://127.0.0.1:5000"
        allow_http_endpoints = ["ministack:4566", "10.0.0.7:80"]
        fips = true
        dual_stack = false
        trail = true
        notify = ["slack secret:keyrot/slack#url", "sns arn:aws:sns:eu-central-1:111122223333:keyrot min=error"]
        destination = [{ name = "params", kind = "ssm", users = ["*"], to = "/ci/{user}" }]
    "#;
    let from_file = Settings::load(&file(text)).unwrap();
    assert!(
        from_file.explain().iter().all(|e| e.origin != Origin::Default),
        "a setting is missing in this test"
    );
    assert_eq!((from_file.concurrency(), from_file.max_changes()), (16, Some(5)));
    assert_eq!(from_file.max_adoptions(), Some(0));
    assert_eq!(from_file.selection().exclude.len(), 2);
    assert_eq!(
        (from_file.selection().tag.as_str(), from_file.selection().tag_value.as_str()),
        ("rotate", "yes")
    );
    assert_eq!(from_file.secret_tags()["cost center"], "7");
    assert_eq!((from_file.fips(), from_file.dual_stack()), (Some(true), Some(false)));

    // The output of `explain` can be put into the environment or a flag, and means the same there.
    let values = || from_file.explain().iter().map(|e| (e.name, e.value.clone().unwrap()));
    let env = Sources::default()
        .env(values().map(|(name, value)| (format!("KEYROT_{}", name.to_uppercase()), value)));
    let flags = values()
        .filter(|(name, _)| *name != "destination")
        .fold(Sources::default(), |sources, (name, value)| sources.flag(name, value))
        .env([("KEYROT_DESTINATION", from_file.explain().last().unwrap().value.clone().unwrap())]);
    for sources in [env, flags] {
        let settings = Settings::load(&sources).unwrap();
        assert!(settings.explain().iter().all(|e| e.origin != Origin::Default));
        assert_eq!(format!("{:?}", settings.values), format!("{:?}", from_file.values));
    }
}

#[test]
fn list_flags_add_up_and_otherwise_the_last_flag_wins() {
    let sources = file("exclude = ['x']")
        .flag("exclude", "a,b")
        .flag("exclude", "c")
        .flag("--max-age", "50d")
        .flag("max_age", "60d");
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(explained(&settings, "exclude"), (Some("a,b,c"), "flag --exclude".to_owned()));
    assert_eq!(explained(&settings, "max_age").0, Some("60d"));
}

#[test]
fn a_tag_key_alone_still_requires_the_value_true() {
    let settings = Settings::load(&Sources::default().flag("tag", "Rotate")).unwrap();
    assert_eq!(
        (settings.selection().tag.as_str(), settings.selection().tag_value.as_str()),
        ("Rotate", "True")
    );
}

#[test]
fn a_later_source_removes_what_an_earlier_one_set() {
    let sources = file("kms_key = 'alias/k'\nmax_changes = 5\nfips = true")
        .env([("KEYROT_MAX_CHANGES", "none")])
        .flag("kms_key", "")
        .flag("fips", "");
    let settings = Settings::load(&sources).unwrap();
    assert_eq!((settings.kms_key(), settings.max_changes(), settings.fips()), (None, None, None));
    assert_eq!(explained(&settings, "kms_key"), (None, "flag --kms-key".to_owned()));
}

#[test]
fn unknown_names_are_errors_with_a_suggestion() {
    let sources = file("# note\nmax-age = '90d'\noverlpa = '2d'\n\n[rotation]\nx = 1\n")
        .env([
            ("KEYROT_OVERLPA", "2d"),
            ("KEYROT_TEST_PORT", "1"),
            ("KEYROT_LOG", "debug"),
            ("OTHER", "x"),
            ("KEYROT_CONFGI", "x"),
            ("KEYROT_MINE", "1"),
        ])
        .allow_env("KEYROT_MI*")
        .flag("overlapp", "1");
    assert_eq!(
        wrong(&sources),
        [
            "unknown setting `max-age` in keyrot.toml line 2; did you mean `max_age`?",
            "unknown setting `overlpa` in keyrot.toml line 3; did you mean `overlap`?",
            "unknown setting `rotation` in keyrot.toml line 5; remove it, or see the list of settings",
            "unknown variable `KEYROT_CONFGI` in the environment; did you mean `KEYROT_CONFIG`?",
            "unknown variable `KEYROT_OVERLPA` in the environment; did you mean `KEYROT_OVERLAP`?",
            "unknown flag `--overlapp`; did you mean `--overlap`?",
        ]
    );
}

#[test]
fn an_error_in_a_file_that_is_not_toml_names_the_line_and_quotes_nothing() {
    let errors = wrong(&file("overlap = '2d'\nregion = wJalrXUtnFEMI!K7MDENG\n"));
    assert!(errors[0].starts_with("keyrot.toml line 2 is not valid TOML: "), "{errors:?}");
    assert!(!errors.join("").contains("wJalr"), "{errors:?}");
    let errors = wrong(&file("soak = '2d'\nsoak = '3d'\n"));
    assert!(
        errors[0].starts_with("keyrot.toml line 2 is not valid TOML: duplicate key"),
        "{errors:?}"
    );
}

#[test]
fn an_invalid_value_is_shown_with_what_was_expected() {
    for (name, value, expected) in [
        ("tag", "=x", "expected KEY=VALUE such as RotateKey=True"),
        ("path_prefix", "/ci", "expected a path with a slash at both ends, such as /ci/"),
        (
            "exclude",
            "a b",
            "exclude = \"a b\" (flag --exclude) is not usable: expected a user name, with *",
        ),
        ("secret_name", "/iam/key", "it has no {user}, so all users would share one secret"),
        ("kms_key", "a b", "expected a KMS key id, alias/NAME or ARN"),
        ("secret_tags", "team", "expected KEY=VALUE"),
        ("secret_tags", "aws:x=1", "no key beginning with aws: or keyrot:"),
        ("secret_tags", "Keyrot:journal=1", "no key beginning with aws: or keyrot:"),
        ("field_access_key_id", "", "expected the name of a JSON field"),
        (
            "max_age",
            "90",
            "max_age = \"90\" (flag --max-age) is not usable: expected a duration such as 90d, 12h or 30m",
        ),
        ("probes", "0", "expected a whole number from 1 to 100"),
        ("allow_short_waits", "maybe", "expected true or false"),
        ("concurrency", "513", "expected a whole number from 1 to 512"),
        (
            "max_changes",
            "0",
            "from 1 to 1000000, or none for no limit; to change no users, use plan",
        ),
        ("max_adoptions", "-1", "from 0 to 1000000, or none for no limit"),
        ("max_adoptions", "", "from 0 to 1000000, or none for no limit"),
        ("deadline", "2d", "expected a duration from 1s to 24h"),
        ("region", "EU", "expected a region such as eu-central-1"),
        ("profile", "a\nb", "expected the name of a profile"),
        ("endpoint_url", "localhost", "expected http:// or https:// and a host"),
        ("allow_http_endpoints", "ministack", "expected HOST:PORT"),
        ("allow_http_endpoints", "http://ministack:4566", "expected HOST:PORT"),
        ("allow_http_endpoints", "ministack:99999", "expected HOST:PORT"),
        ("fips", "2", "expected true or false"),
    ] {
        let errors = wrong(&Sources::default().flag(name, value));
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with(name) && errors[0].contains(expected), "{errors:?}");
    }
}

#[test]
fn a_wrong_type_in_the_file_is_refused_with_what_to_write() {
    let text = "max_age = 90\nexclude = 'a'\nfips = 'yes'\nprobes = '3'\nsecret_tags = 'a=b'\nregion = ['x']\nconcurrency = -1\naccount = 123456789012\n";
    let errors = wrong(&file(text));
    for (line, text) in [
        (
            1,
            "max_age = \"the number 90\" (file keyrot.toml line 1) is not usable: expected a duration in quotes, such as \"90d\"",
        ),
        (2, "expected a list of texts such as"),
        (3, "expected true or false without quotes"),
        (4, "expected a whole number without quotes"),
        (5, "expected a table of texts"),
        (
            8,
            "account = \"the number 123456789012\" (file keyrot.toml line 8) is not usable: expected a text in quotes",
        ),
        (
            6,
            "region = \"a list\" (file keyrot.toml line 6) is not usable: expected a text in quotes",
        ),
        (7, "expected a whole number"),
    ] {
        let found = errors.iter().find(|e| e.contains(&format!("line {line})"))).unwrap();
        assert!(found.contains(text), "{found}");
    }
    assert_eq!(errors.len(), 8, "all of them: {errors:?}");
}

#[test]
fn waits_that_weaken_a_promise_are_refused_with_their_sources() {
    let errors = wrong(&Sources::default().env([("KEYROT_OVERLAP", "10m")]));
    assert!(
        errors[0].starts_with(
            "overlap (env KEYROT_OVERLAP): overlap = 10m is not usable: expected at least 1h"
        ),
        "{errors:?}"
    );
    assert!(errors[0].contains("allow_short_waits says that this is a test"), "{errors:?}");
    assert!(
        Settings::load(
            &Sources::default().flag("overlap", "10m").flag("allow_short_waits", "true")
        )
        .is_ok()
    );

    let errors = wrong(&file("overlap = '80d'\nsoak = '20d'"));
    assert!(errors[0].starts_with("max_age (default): max_age = "), "{errors:?}");
    assert!(
        errors[0].ends_with(
            "(overlap is from file keyrot.toml line 1, soak is from file keyrot.toml line 2)"
        ),
        "{errors:?}"
    );

    let errors = wrong(&Sources::default().flag("overlap", "x").flag("soak", "1s"));
    assert_eq!(errors.len(), 1, "an unreadable wait is not checked against the others: {errors:?}");
}

#[test]
fn one_field_cannot_hold_both_halves() {
    let errors = wrong(&file("field_access_key_id = 'SecretAccessKey'"));
    assert!(
        errors[0].contains(
            "\"SecretAccessKey\" is the field of the access key id too (file keyrot.toml line 1)"
        ),
        "{errors:?}"
    );
}

#[test]
fn a_password_or_token_in_a_url_is_not_repeated() {
    let errors = wrong(&Sources::default().flag("endpoint_url", "https://host/?token=hunter2"));
    assert!(
        errors[0].contains("https://host/?(hidden)") && !errors[0].contains("hunter2"),
        "{errors:?}"
    );
    let errors = wrong(&Sources::default().flag("endpoint_url", "https://jane:hunter2@host/"));
    assert!(
        errors[0].contains("https://(hidden)@host/") && !errors[0].contains("hunter2"),
        "{errors:?}"
    );
}

#[test]
fn all_errors_of_all_sources_are_reported_together() {
    let sources = file("probes = 0\nnope = 1").env([("KEYROT_REGION", "?")]).flag("fips", "x");
    let error = Settings::load(&sources).unwrap_err();
    assert_eq!(error.iter().count(), 4);
    assert_eq!(error.to_string().lines().count(), 4);
    let names: BTreeSet<_> = error.iter().map(SettingsError::name).collect();
    assert_eq!(names, ["fips", "nope", "probes", "region"].into());
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_utf8_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let value = std::ffi::OsString::from_vec(vec![0xff]);
    let errors = wrong(&Sources::default().env([("KEYROT_REGION", value)]));
    assert!(errors[0].contains("expected text in UTF-8"), "{errors:?}");
}

proptest! {
    #[test]
    fn no_text_panics(text in any::<String>(), name in "[A-Z_]{1,12}", value in any::<String>()) {
        let toml = format!("{text}\n{} = {value}", name.to_lowercase());
        for text in [&text, &toml] {
            let sources = file(text).env([(format!("KEYROT_{name}"), value.clone())]).flag(&name, value.clone());
            if let Err(errors) = Settings::load(&sources) {
                prop_assert!(errors.iter().all(|e| !e.to_string().is_empty()));
            }
        }
    }

    #[test]
    fn no_value_of_a_known_setting_panics(which in 0..SETTINGS.len(), value in any::<String>(), toml in "[0-9a-zé'\"\\[\\]{}=,. -]{0,20}") {
        let name = SETTINGS[which].name;
        let text = format!("{name} = {toml}");
        let _ = Settings::load(&file(&text));
        if let Ok(settings) = Settings::load(&Sources::default().flag(name, value)) {
            prop_assert_eq!(settings.explain().len(), SETTINGS.len());
        }
    }
}
