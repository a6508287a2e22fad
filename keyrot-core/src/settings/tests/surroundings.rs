use super::*;

fn wrong_or_none(sources: &Sources<'_>) -> Vec<String> {
    Settings::load(sources)
        .err()
        .into_iter()
        .flat_map(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())
        .collect()
}

#[test]
fn a_variable_that_is_not_close_to_a_known_one_is_only_reported() {
    let unknown = |variables: &[(&str, &str)]| {
        let sources =
            Sources::default().env(variables.iter().copied()).allow_env("KEYROT_CONFIG_PARAMETER");
        Settings::load(&sources).unwrap().unknown_variables().to_vec()
    };
    assert_eq!(
        unknown(&[("KEYROT_TEAM", "x"), ("KEYROT_IMAGE_DIGEST", "x")]),
        ["KEYROT_IMAGE_DIGEST", "KEYROT_TEAM"]
    );
    assert!(
        unknown(&[
            ("KEYROT_CONFIG_PARAMETER", "x"),
            ("KEYROT_CREDENTIAL_PROCESS", "x"),
            ("OTHER", "x")
        ])
        .is_empty()
    );
    let near = Sources::default()
        .env([("KEYROT_CONFIG_PARAMETR", "x")])
        .allow_env("KEYROT_CONFIG_PARAMETER");
    assert!(wrong(&near)[0].ends_with("did you mean `KEYROT_CONFIG_PARAMETER`?"));
    assert!(
        wrong(&Sources::default().env([("KEYROT_MAX_AG", "1d")]))[0]
            .ends_with("did you mean `KEYROT_MAX_AGE`?")
    );
}

/// The variables that a pod gets for Services called `keyrot` and `keyrot-web` (Kubernetes
/// documentation, "Service", "Environment variables").
#[test]
fn variables_of_a_kubernetes_service_called_keyrot_are_not_reported() {
    let injected = [
        ("KEYROT_SERVICE_HOST", "10.0.0.11"),
        ("KEYROT_SERVICE_PORT", "8080"),
        ("KEYROT_SERVICE_PORT_HTTP", "8080"),
        ("KEYROT_SERVICE_PORT_HTTP_METRICS", "9090"),
        ("KEYROT_PORT", "tcp://10.0.0.11:8080"),
        ("KEYROT_PORT_8080_TCP", "tcp://10.0.0.11:8080"),
        ("KEYROT_PORT_8080_TCP_PROTO", "tcp"),
        ("KEYROT_PORT_8080_TCP_PORT", "8080"),
        ("KEYROT_PORT_8080_TCP_ADDR", "10.0.0.11"),
        ("KEYROT_PORT_53_UDP_ADDR", "10.0.0.11"),
        ("KEYROT_WEB_SERVICE_HOST", "10.0.0.12"),
        ("KEYROT_WEB_PORT", "udp://10.0.0.12:53"),
        ("KEYROT_WEB_PORT_53_UDP_PROTO", "udp"),
    ];
    let settings = Settings::load(&Sources::default().env(injected)).unwrap();
    assert!(settings.unknown_variables().is_empty(), "{:?}", settings.unknown_variables());
    let mine = [
        ("KEYROT_PORT", "8080"),
        ("KEYROT_PORT_HTTP", "x"),
        ("KEYROT_PORT_1_TCP_X", "1"),
        ("KEYROT_PORT_1_TCP_ADDR_2", ""),
    ];
    let settings = Settings::load(&Sources::default().env(mine)).unwrap();
    assert_eq!(
        settings.unknown_variables().len(),
        mine.len(),
        "{:?}",
        settings.unknown_variables()
    );
}

#[test]
fn the_later_of_several_files_wins_and_each_error_names_its_file() {
    let sources = Sources::default()
        .file(
            "~/.config/keyrot/keyrot.toml",
            "overlap = '3d'\nrecent_use = '5h'\nprofile = 'ops'\nallow_short_waits = false\n",
        )
        .found_file("keyrot.toml", "\noverlap = '4d'\n");
    let settings = Settings::load(&sources).unwrap();
    assert_eq!(explained(&settings, "overlap"), (Some("4d"), "file keyrot.toml line 2".to_owned()));
    assert_eq!(explained(&settings, "recent_use").1, "file ~/.config/keyrot/keyrot.toml line 2");
    assert_eq!(settings.profile(), Some("ops"));
    assert_eq!(settings.files(), ["~/.config/keyrot/keyrot.toml", "keyrot.toml"]);
    let errors = wrong(&Sources::default().file("a.toml", "x =").found_file("b.toml", "y ="));
    assert!(
        errors[0].starts_with("a.toml line 1 is not valid TOML")
            && errors[1].starts_with("b.toml line 1"),
        "{errors:?}"
    );
}

/// Each setting is in one of these two lists. For a new setting, decide whether a file that another
/// user left in the current directory may set it.
#[test]
fn a_file_that_was_not_chosen_sets_no_endpoint_and_no_identity() {
    const REFUSED: [(&str, &str); 16] = [
        ("allow_http_endpoints", "['ministack:4566']"),
        ("destination", "[]"),
        ("destination", "[{ name = 'a', kind = 'ssm', users = ['*'], to = '/x/{user}' }]"),
        ("secret_tag", "'/vendors/*'"),
        ("secret_tag", "''"),
        ("allow_short_waits", "false"),
        ("allow_short_waits", "1"),
        ("endpoint_url", "'http://127.0.0.1:5000'"),
        ("endpoint_url", "''"),
        ("kms_key", "'arn:aws:kms:eu-central-1:111122223333:key/1234'"),
        ("notify", "[]"),
        ("notify", "['slack secret:keyrot/slack']"),
        ("smtp_endpoint", "'mail.example.com:587'"),
        ("smtp_endpoint", "'none'"),
        ("profile", "'prod'"),
        ("profile", "''"),
    ];
    const TAKEN: [(&str, &str); 30] = [
        ("tag", "'rotate=yes'"),
        ("path_prefix", "'/ci/'"),
        ("exclude", "['a']"),
        ("secret_name", "'{user}'"),
        ("kms_key", "'alias/keys'"),
        ("secret_description", "'d'"),
        ("secret_tags", "{ team = 'ops' }"),
        ("field_access_key_id", "'id'"),
        ("field_secret_access_key", "'secret'"),
        ("smtp_regions", "['eu-west-1']"),
        ("max_age", "'80d'"),
        ("overlap", "'2d'"),
        ("recent_use", "'5h'"),
        ("soak", "'3d'"),
        ("settle", "'40m'"),
        ("probe_for", "'30s'"),
        ("probe_limit", "'1h'"),
        ("probes", "4"),
        ("concurrency", "3"),
        ("max_changes", "5"),
        ("deadline", "'5m'"),
        ("region", "'eu-central-1'"),
        ("account", "'123456789012'"),
        ("home_regions", "['eu-west-1']"),
        ("max_adoptions", "3"),
        ("run_interval", "'2d'"),
        ("idle", "'50d'"),
        ("fips", "true"),
        ("dual_stack", "false"),
        ("trail", "true"),
    ];
    let names: BTreeSet<_> = REFUSED.iter().chain(&TAKEN).map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        SETTINGS.iter().map(|info| info.name).collect(),
        "a setting is in neither list"
    );
    for (name, value) in REFUSED {
        let text = format!("# mine\n{name} = {value}\n");
        let errors = wrong(&Sources::default().found_file("keyrot.toml", &text));
        let says = format!(
            "`{name}` in keyrot.toml line 2 is refused: keyrot.toml was only found in the current directory"
        );
        assert!(errors.len() == 1 && errors[0].starts_with(&says), "{errors:?}");
        let error =
            Settings::load(&Sources::default().found_file("keyrot.toml", &text)).unwrap_err();
        assert!(error.iter().all(SettingsError::needs_chosen_file));
        let chosen = wrong_or_none(&Sources::default().file("keyrot.toml", &text));
        assert!(chosen.iter().all(|error| !error.contains("is refused")), "{chosen:?}");
    }
    for (name, value) in TAKEN {
        let text = format!("{name} = {value}\n");
        let settings =
            Settings::load(&Sources::default().found_file("keyrot.toml", &text)).unwrap();
        assert_eq!(explained(&settings, name).1, "file keyrot.toml line 1");
    }
}

/// A file of that name may not be a settings file.
#[test]
fn a_file_that_is_not_a_settings_file_does_not_report_every_line() {
    for line in ["root:*:19000:0:99999:7:::\n", "nobody_meant_this_%\n", "[[[\n"] {
        let text: String = (0..20_000).map(|n| line.replace('%', &format!("{n} = 1"))).collect();
        let errors = wrong(&file(&text));
        assert!((1..=20).contains(&errors.len()), "{line}: {} errors", errors.len());
    }
}
