//! Which profile is used, and the messages about profiles that cannot be used.

use super::{PROFILE, said};
use std::io::{Read, Write};

const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"),
    ("AWS_SECRET_ACCESS_KEY", "x"),
    ("AWS_REGION", "eu-west-3"),
];

/// Returns the message with this configuration file.
fn with(config: &str, environment: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, config).unwrap();
    let own = [("AWS_CONFIG_FILE", file.to_str().unwrap()), ("HOME", "/nowhere")];
    said(&[&own[..], environment].concat()).replace(folder.path().to_str().unwrap(), "DIR")
}

#[test]
fn a_profile_that_does_not_exist_is_refused_by_name_whatever_names_it() {
    let config = "[default]\nregion = eu-west-3\n[profile ops]\nregion = eu-west-3\n[sso-session s]\nsso_region = x\n";
    let rest = "in DIR/config or /nowhere/.aws/credentials (no such file); there are: default, ops";
    for (variable, named) in [
        ("AWS_PROFILE", ", which AWS_PROFILE names,"),
        ("AWS_DEFAULT_PROFILE", ", which AWS_DEFAULT_PROFILE names,"),
        (PROFILE, ""),
    ] {
        // This is so even with a key in the environment, as in the AWS CLI.
        for besides in [&[][..], &KEYS[..]] {
            let text = with(config, &[&[(variable, "typo")], besides].concat());
            assert_eq!(text, format!("there is no profile \"typo\"{named} {rest}"));
        }
    }
    let text = with("", &[("AWS_PROFILE", "default")]);
    assert!(text.contains("no profile \"default\"") && text.contains("there are no profiles"));
    let many: String = (0..20).map(|n| format!("[profile p{n:02}]\nregion = x\n")).collect();
    let text = with(&many, &[("AWS_PROFILE", "typo")]);
    assert!(text.ends_with("p10, p11 and 8 more"), "{text}");
    // The usual mistake in this file.
    let text = with("[ops]\nregion = eu-west-3\n", &[("AWS_PROFILE", "ops")]);
    assert_eq!(text, "the profile \"ops\" is named [ops] in DIR/config: write [profile ops]");
}

#[test]
fn variables_that_name_nothing_or_two_profiles_are_refused() {
    let config = "[profile a]\nregion = x\n[profile b]\nregion = x\n";
    for variable in ["AWS_PROFILE", "AWS_DEFAULT_PROFILE"] {
        let text = with(config, &[(variable, "")]);
        assert!(text.starts_with(&format!("{variable} is set, but empty")), "{text}");
    }
    let text = with(config, &[("AWS_PROFILE", "a"), ("AWS_DEFAULT_PROFILE", "b")]);
    assert!(text.contains("\"a\"") && text.contains("\"b\"") && text.contains("unset one"));
    // A profile that is requested by name does not depend on variables.
    let text = with(config, &[("AWS_PROFILE", ""), (PROFILE, "a")]);
    assert!(text.starts_with("the profile \"a\" holds no credentials"), "{text}");
    let half = [("AWS_ACCESS_KEY_ID", "AKIAENVIRONMENTVARIA"), ("AWS_REGION", "eu-west-3")];
    let text = with("", &half);
    assert!(text.starts_with("AWS_ACCESS_KEY_ID is set without AWS_SECRET_ACCESS_KEY"), "{text}");
}

#[test]
fn the_default_profile_of_the_aws_cli_is_respected() {
    let config = "[profile ops]\nregion = eu-west-3\naws_access_key_id = AKIAOPSOPSOPSOPSOPSO\naws_secret_access_key = x\n";
    let (url, served) = super::sts();
    let environment = [("AWS_DEFAULT_PROFILE", "ops"), ("AWS_ENDPOINT_URL_STS", url.as_str())];
    assert_eq!(with(config, &environment), "arn:aws:iam::123456789012:user/me in eu-west-3");
    assert!(served.join().unwrap().contains("Credential=AKIAOPSOPSOPSOPSOPSO/"));
}

/// Returns the message about the profile `ops` with these lines.
fn of(lines: &str) -> String {
    let config = format!(
        "[profile ops]\nregion = eu-west-3\n{lines}\n[sso-session s]\nsso_region = eu-west-3\nsso_start_url = https://x.awsapps.com/start\n"
    );
    let said = ["AWS_PROFILE", PROFILE].map(|variable| with(&config, &[(variable, "ops")]));
    assert_eq!(said[0], said[1], "however it is named");
    assert!(!said[0].contains("cargo") && !said[0].contains("an error occurred"), "{}", said[0]);
    said[0].clone()
}

#[test]
fn an_incomplete_profile_is_reported_with_a_fix() {
    let role = "role_arn = arn:aws:iam::123456789012:role/r\n";
    for (lines, expected) in [
        (role.to_owned(), "add source_profile = NAME, or credential_source"),
        (
            format!("{role}source_profile = base"),
            "there is no profile \"base\", which is the source_profile of \"ops\",",
        ),
        (format!("{role}source_profile = ops"), "holds none: add a key"),
        (
            format!("{role}source_profile = b\n[profile b]\nregion = x"),
            "\"b\" is the source of credentials for \"ops\", but holds none",
        ),
        (
            format!("{role}source_profile = b\n[profile b]\n{role}source_profile = ops"),
            "(ops → b → ops)",
        ),
        (
            format!("{role}source_profile = b\ncredential_source = Environment"),
            "both source_profile and credential_source",
        ),
        (
            format!("{role}credential_source = Ec2"),
            "expected Ec2InstanceMetadata, EcsContainer or Environment",
        ),
        ("web_identity_token_file = /x".to_owned(), "without role_arn"),
        ("aws_access_key_id = AKIA".to_owned(), "aws_access_key_id without aws_secret_access_key"),
        ("aws_secret_access_key = x".to_owned(), "aws_secret_access_key without aws_access_key_id"),
        (
            "sso_session = gone\nsso_account_id = 1\nsso_role_name = r".to_owned(),
            "[sso-session gone], which is in no file",
        ),
        ("sso_session = s\nsso_account_id = 1".to_owned(), "lacks sso_role_name"),
        ("sso_session = s".to_owned(), "lacks sso_account_id"),
        (
            "sso_session = s\nsso_region = x\nsso_account_id = 1\nsso_role_name = r".to_owned(),
            "leave sso_region to [sso-session s]",
        ),
        ("sso_start_url = x\nsso_account_id = 1\nsso_role_name = r".to_owned(), "lacks sso_region"),
        (
            "services = gone\naws_access_key_id = A\naws_secret_access_key = x".to_owned(),
            "names [services gone], which DIR/config lacks",
        ),
    ] {
        let text = of(&lines);
        assert!(text.contains(expected), "{lines}: {text}");
    }
}

#[test]
fn a_missing_sign_in_names_the_command_to_sign_in() {
    for (lines, expected) in [
        (
            "sso_session = s\nsso_account_id = 123456789012\nsso_role_name = r",
            "aws sso login --profile ops",
        ),
        (
            "sso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-3\nsso_account_id = 123456789012\nsso_role_name = r",
            "aws sso login --profile ops",
        ),
        ("login_session = arn:aws:iam::123456789012:user/me", "aws login --profile ops"),
        (
            "credential_process = /bin/false",
            "the credential_process of the profile \"ops\" gave none",
        ),
        (
            "web_identity_token_file = /nowhere\nrole_arn = arn:aws:iam::123456789012:role/r",
            "web_identity_token_file of the profile \"ops\" gave none",
        ),
    ] {
        let text = of(lines);
        assert!(
            text.contains("no AWS credentials: ") && text.contains(expected),
            "{lines}: {text}"
        );
    }
}

/// Starts an STS that refuses everything.
fn refusing() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = vec![0; 65_536];
            let mut read = 0;
            while !String::from_utf8_lossy(&request[..read]).contains("Action=") {
                match stream.read(&mut request[read..]) {
                    Ok(more) if more > 0 => read += more,
                    _ => break,
                }
            }
            let error = "<Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message>";
            let body = format!("<ErrorResponse><Error>{error}</Error></ErrorResponse>");
            let head = format!(
                "HTTP/1.1 403 Forbidden\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    url
}

#[test]
fn a_refused_role_is_named_and_one_with_mfa_has_a_workaround() {
    let url = refusing();
    let role = "role_arn = arn:aws:iam::123456789012:role/r\nsource_profile = b\n";
    let base = "[profile b]\naws_access_key_id = AKIABASEBASEBASEBASE\naws_secret_access_key = x\n";
    for (mfa, advice) in [
        ("", "Check the role's trust policy"),
        (
            "mfa_serial = arn:aws:iam::123456789012:mfa/me\n",
            "aws configure export-credentials --profile ops --format env",
        ),
    ] {
        let config = format!("[profile ops]\nregion = eu-west-3\n{role}{mfa}{base}");
        for variable in ["AWS_PROFILE", PROFILE] {
            let text = with(&config, &[(variable, "ops"), ("AWS_ENDPOINT_URL_STS", &url)]);
            let said = "no AWS credentials: AWS refused the role arn:aws:iam::123456789012:role/r of the profile \"ops\" (AccessDenied: ";
            assert!(text.contains(said) && text.contains(advice), "{text}");
            assert_eq!(text.contains("mfa/me"), !mfa.is_empty(), "{text}");
        }
    }
}

#[test]
fn files_that_cannot_be_understood_are_refused_with_the_place() {
    let text = with("[profile ops]\nregion\n", &[("AWS_PROFILE", "ops")]);
    assert!(text.contains("DIR/config") && text.contains("line 2"), "{text}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    std::fs::write(&file, b"[profile ops]\nregion = \xFF\n").unwrap();
    let text = said(&[("AWS_CONFIG_FILE", file.to_str().unwrap())]);
    assert!(text.contains("cannot be read: it is not text in UTF-8"), "{text}");
    let text = said(&[("AWS_CONFIG_FILE", folder.path().to_str().unwrap())]);
    assert!(text.contains("expected a regular file"), "{text}");
}

#[test]
fn a_custom_endpoint_with_fips_or_dual_stack_is_refused_immediately() {
    for (variable, kind) in
        [("AWS_USE_FIPS_ENDPOINT", "FIPS"), ("AWS_USE_DUALSTACK_ENDPOINT", "dual-stack")]
    {
        for endpoint in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"] {
            let own = [(variable, "true"), (endpoint, "https://127.0.0.1:9")];
            let text = said(&[&KEYS[..], &own].concat());
            let expected = format!("https://127.0.0.1:9 cannot be combined with {kind} endpoints");
            assert!(text.contains(&expected) && text.contains(variable), "{text}");
        }
    }
}

#[test]
fn names_that_boto3_reads_are_profiles() {
    let credentials = |name: &str| {
        format!("{name}\naws_access_key_id = AKIAPROFILEPROFILEPR\naws_secret_access_key = x\n")
    };
    for (header, name) in [
        ("[profile 'q s']", "q s"),
        ("[profile \"q s\"]", "q s"),
        ("[profile \u{fc}n\u{ef}]", "\u{fc}n\u{ef}"),
        ("[profile a,b]", "a,b"),
        ("  [profile ops]", "ops"),
    ] {
        for by in ["AWS_PROFILE", PROFILE] {
            let (url, served) = super::sts();
            let environment =
                [(by, name), ("AWS_REGION", "eu-west-3"), ("AWS_ENDPOINT_URL_STS", &url)];
            let text = with(&credentials(header), &environment);
            assert_eq!(text, "arn:aws:iam::123456789012:user/me in eu-west-3", "{header} {by}");
            let request = served.join().unwrap();
            assert!(request.contains("Credential=AKIAPROFILEPROFILEPR/"), "{header} {by}");
        }
    }
    // The names in messages are those of the file.
    let text = with("[profile 'q s']\nregion = x\n[profile b]\n", &[("AWS_PROFILE", "q  s")]);
    assert!(text.contains("there is no profile \"q  s\"") && text.ends_with("b, q s"), "{text}");
    let source = "[profile a]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = q s\n";
    let text = with(&format!("{source}[profile 'q s']\nregion = x\n"), &[("AWS_PROFILE", "a")]);
    assert!(
        text.starts_with("the profile \"q s\" is the source of credentials for \"a\""),
        "{text}"
    );
    let text = with(source, &[("AWS_PROFILE", "a")]);
    assert!(
        text.starts_with("there is no profile \"q s\", which is the source_profile of"),
        "{text}"
    );
    let sso = "[profile a]\nsso_session = my corp\n[sso-session 'my corp']\nsso_region = x\n";
    let text = with(sso, &[("AWS_PROFILE", "a")]);
    assert!(
        text.contains("whose name keyrot cannot read: name the session with letters"),
        "{text}"
    );
}

#[test]
fn the_endpoint_of_a_service_is_found_by_the_key_that_aws_documents() {
    let far = "http://192.0.2.1:8080";
    for section in ["[services my]", "[services 'my']", "[services \"my\"]"] {
        for key in ["secrets_manager", "sts", "sso_oidc", "cloudtrail", "ssm", "ecs"] {
            let config = format!(
                "[default]\nregion = eu-west-3\nservices = my\n\n{section}\n{key} =\n  endpoint_url = {far}\n"
            );
            let text = with(&config, &KEYS);
            assert!(
                text.contains("the endpoint http://192.0.2.1:8080 is refused"),
                "{key}: {text}"
            );
        }
    }
}

#[test]
fn two_sources_of_credentials_among_which_the_aws_tools_disagree_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let credentials = folder.path().join("credentials");
    let key = "[default]\naws_access_key_id = AKIAPROFILEPROFILEPR\naws_secret_access_key = x\n";
    std::fs::write(&credentials, key).unwrap();
    let file = ("AWS_SHARED_CREDENTIALS_FILE", credentials.to_str().unwrap());
    for other in ["credential_process = false", "login_session = x"] {
        let text = with(&format!("[default]\nregion = eu-west-3\n{other}\n"), &[file]);
        let name = other.split(' ').next().unwrap();
        assert!(
            text.starts_with(&format!("the profile \"default\" has {name} and a key in the cred")),
            "{text}"
        );
    }
    let token = folder.path().join("token");
    std::fs::write(&token, "x").unwrap();
    let role = [
        file,
        ("AWS_REGION", "eu-west-3"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/r"),
    ];
    let text = with("", &role);
    assert!(text.starts_with("AWS_WEB_IDENTITY_TOKEN_FILE is set, and so are cred"), "{text}");
    let text = with("", &[&role[..], &[("AWS_PROFILE", "default")]].concat());
    assert!(text.starts_with("AWS_WEB_IDENTITY_TOKEN_FILE is set, and so are cred"), "{text}");
    // A profile that is requested by name is meant.
    let (url, served) = super::sts();
    let named = [(PROFILE, "default"), ("AWS_ENDPOINT_URL_STS", url.as_str())];
    let text = with("", &[&role[..], &named].concat());
    assert_eq!(text, "arn:aws:iam::123456789012:user/me in eu-west-3");
    assert!(served.join().unwrap().contains("Credential=AKIAPROFILEPROFILEPR/"));
}

#[test]
fn a_profile_that_the_aws_tools_read_differently_is_refused() {
    let role = "role_arn = arn:aws:iam::123456789012:role/admin\nsource_profile = base\n";
    let key = "aws_access_key_id = AKIAPROFILEPROFILEPR\naws_secret_access_key = x\n";
    for (config, profile, says) in [
        (
            format!("[profile \"ops\"]\n{role}[profile ops]\n{key}[profile base]\n{key}"),
            "ops",
            "is in DIR/config twice, as [profile \"ops\"] and as [profile ops]",
        ),
        (
            format!("[default]\n{key}[profilex default]\n{role}[profile base]\n{key}"),
            "default",
            "twice, as [default] and as [profilex default]",
        ),
        (
            format!("[DEFAULT]\n{key}[profile ops]\nregion = x\n"),
            "ops",
            "from [DEFAULT] in DIR/config",
        ),
        (
            format!("[profile ops]\n{role}[profile base]\n{key}credential_process = x\n"),
            "ops",
            "has credential_process and a key, and the AWS tools disagree",
        ),
        (
            format!("[profile ops]\n{role}[profile base]\n{key}sso_session = x\n"),
            "ops",
            "has sso_session and a key, and the AWS tools disagree",
        ),
    ] {
        let text = with(&config, &[("AWS_PROFILE", profile)]);
        assert!(text.contains(says), "{config}: {text}");
    }
    let text = with("", &[("AWS_SHARED_CREDENTIALS_FILE", "$HOME/elsewhere")]);
    assert!(text.contains("variables in the path are not expanded: write it in full"), "{text}");
}
