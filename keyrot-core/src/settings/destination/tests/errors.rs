use super::*;

/// Requires that each text is refused, and that the error contains this.
fn each_is_refused<const N: usize>(cases: [(String, &str); N]) {
    for (text, says) in cases {
        let error = refused(&text);
        assert!(error.contains(says), "{text}\n{error}\n{says}");
    }
}

#[test]
fn errors_have_the_line_and_the_expected_value() {
    each_is_refused([
        (
            table("ssm", "\ntokn = 'x'"),
            "(file keyrot.toml line 7): a: `tokn` is not known; a ssm destination has name, kind, users, to, required, region, kms_key, tier",
        ),
        (
            table("ssm", "token = 'secret:x'"),
            "`token` is a key of kind github, gitlab, circleci, vault; a ssm destination has",
        ),
        (table("github", "tier = 'standard'"), "`tier` is a key of kind ssm; a github"),
        (
            table("gitub", ""),
            "kind = \"gitub\" is not usable; expected one of ssm, secrets_manager, replica, ecs, github, gitlab, kubernetes, circleci, vault, command, profile; did you mean github?",
        ),
        (
            table("ssm", "required = 'yes'"),
            "required = \"yes\" is not usable; expected true or false",
        ),
        (
            table("kubernetes", "token = 'secret:x'"),
            "`token` is a key of kind github, gitlab, circleci, vault",
        ),
        (table("ssm", "").replace("'/x/{user}'", "'/x/{usr}'"), "did you mean {user}?"),
        (
            table("ssm", "").replace("'/x/{user}'", "'/x'"),
            "/x has no {user}, and * may fit more than one user",
        ),
        (
            table("ssm", "").replace("'a'", "'A'"),
            "number 1: name = \"A\" is not usable; expected 1 to 32 of a-z",
        ),
        (
            table("ssm", "").replace("['*']", "['a b']"),
            "users = [\"a b\"] is not usable; expected a list of user names",
        ),
        (table("ssm", "").replace("['*']", "'*'"), "users = \"*\" is not usable"),
        (table("ssm", "").replace("['*']", "[]"), "it is for no user"),
        (table("ssm", "").replace("name", "#"), "number 1: it has no name"),
        (
            format!("{0}{0}", table("ssm", "")),
            "destination (file keyrot.toml line 8): there are two destinations a",
        ),
        (
            "destination = 'x'".to_owned(),
            "destination = \"a text\" (file keyrot.toml line 1) is not usable: expected tables such as [[destination]]",
        ),
        ("destination = ['x']".to_owned(), "expected tables such as [[destination]]"),
    ]);
}

#[test]
fn errors_in_what_aws_needs_are_named() {
    each_is_refused([
        (
            table("ssm", "tier = 'fancy'"),
            "destination (file keyrot.toml line 6): a: tier = \"fancy\" is not usable; expected standard, advanced or intelligent",
        ),
        (table("ssm", "region = 'EU'"), "region = \"EU\" is not usable; expected a region"),
        (table("ssm", "kms_key = 1"), "kms_key is not a string; expected a text in quotes"),
        (table("ssm", "role_arn = 'arn:aws:iam::1:role/x'"), "expected the ARN of a role"),
        (
            table("ssm", "role_arn = 'arn:aws:iam::210987654321:user/x'"),
            "expected the ARN of a role",
        ),
        (table("ssm", "external_id = 'x1'"), "`external_id` goes with role_arn"),
        (
            table("ssm", "role_arn = 'arn:aws:iam::210987654321:role/x'\nexternal_id = 'a b'"),
            "2 to 1,224 letters",
        ),
        (
            table("ssm", "").replace("'/x/{user}'", "'x y'"),
            "to = \"x y\" is not usable: it gives places such as \"x y\"; expected a parameter's name",
        ),
        (
            table("secrets_manager", "").replace("region", "#"),
            "it has no region; expected for example region = \"eu-west-1\"",
        ),
    ]);
}

#[test]
fn errors_in_github_and_gitlab_are_named() {
    each_is_refused([
        (
            table("github", "url = 'http://github.example.com'"),
            "url = \"http://github.example.com\" is not usable; expected https://HOST",
        ),
        (
            table("github", "url = 'https://jane:pw@github.example.com'"),
            "url = \"https://(hidden)@github.example.com\"",
        ),
        (table("github", "id_name = 'GITHUB_ID'"), "a name that does not begin with GITHUB_"),
        (table("github", "id_name = '1X'"), "no digit first"),
        (table("github", "file_name = 'github_file'"), "a name that does not begin with GITHUB_"),
        (table("github", "file_name = '-'"), "such as AWS_CREDENTIALS"),
        (table("github", "file_name = 'A'\nid_name = 'B'"), "`id_name` does not go with file_name"),
        (table("github", "store = 'codespaces'"), "expected actions or dependabot"),
        (
            table("github", "store = 'dependabot'").replace("{user}'", "{user}:production'"),
            "Dependabot has no secrets of environments",
        ),
        (table("github", "id_name = 'aws_secret_access_key'"), "another name than that of id_name"),
        (table("github", "app = '1'"), "expected either token (a personal access token), or app"),
        (table("gitlab", "level = 'instance'"), "expected project or group"),
    ]);
    let app = "app = 'Iv1'\nprivate_key = 'secret:x'";
    let error = refused(&table("github", app).replace("token = 'secret:x'", ""));
    assert!(error.contains("it has no installation"), "{error}");
}

#[test]
fn errors_in_kubernetes_are_named() {
    each_is_refused([
        (
            table("kubernetes", "kubeconfig = 'kubeconfig'"),
            "kubeconfig = \"kubeconfig\" is not usable; expected the absolute path",
        ),
        (table("kubernetes", "id_name = 'a/b'"), "id_name = \"a/b\" is not usable"),
        (table("kubernetes", "id_name = '..'"), "expected a key of a Secret's data"),
        (table("kubernetes", "restart = 'deployment/a'"), "expected a list of deployment/NAME"),
        (table("kubernetes", "restart = ['job/a']"), "expected a list of deployment/NAME"),
        (
            table("kubernetes", "restart = ['deployment/../x']"),
            "expected a list of deployment/NAME",
        ),
        (
            table("kubernetes", "id_name = 'x'\nsecret_name = 'x'"),
            "another name than that of id_name",
        ),
        (
            table("kubernetes", "").replace("'shop/{user}'", "'{user}'"),
            "is not usable: it gives places such as",
        ),
    ]);
}

#[test]
fn an_ecs_place_is_a_cluster_and_a_service() {
    for wrong in ["shop", "prod/", "prod/shop/x", "prod/sh op", "arn:aws:ecs:x:1:service/prod/shop"]
    {
        let error = refused(&table("ecs", "").replace("'acme/{user}'", &format!("'{wrong}'")));
        assert!(error.contains("expected CLUSTER/SERVICE"), "{error}");
    }
}

#[test]
fn errors_in_vault_are_named() {
    let url = |more: &str| format!("url = 'https://vault.example.com'\n{more}");
    let mount = "role = 'a'\nmount = '../sys'";
    for (to, more, says) in [
        ("x", "role = 'a'".to_owned(), "it has no url; expected for example url = "),
        ("x", url(""), "expected either role (a role of Vault's AWS auth method), or"),
        ("x", url("role = 'a'\ntoken = 'ssm:/a'"), "expected either role"),
        ("x", url("token = 'ssm:/a'\nserver_id = 'b'"), "`server_id` goes with role"),
        ("x", url(mount), "mount = \"../sys\" is not usable"),
        ("x", url("role = 'a'\nnamespace = '/a'"), "without a slash first or last"),
        ("x/../../sys", url("role = 'a'"), "without the mount and data/"),
        ("x?version=1", url("role = 'a'"), "without the mount and data/"),
    ] {
        each_is_refused([(of_kind("vault", to, &more), says)]);
    }
}

#[test]
fn errors_in_circleci_are_named() {
    let token = "token = 'ssm:/a'";
    each_is_refused([
        (of_kind("circleci", "shop", token), "expected the id of a context, such as"),
        (of_kind("circleci", &CONTEXT.to_uppercase(), token), "expected the id of a context"),
        (of_kind("circleci", CONTEXT, ""), "it has no token"),
        // Two users would share a context.
        (of_kind("circleci", CONTEXT, token).replace("['ci']", "['ci-*']"), "has no {user}"),
    ]);
}

#[test]
fn errors_in_a_command_and_in_a_profile_are_named() {
    for (more, says) in [
        ("", "it has no command; expected a list of texts"),
        ("command = 'put-key'", "is not usable; expected a list of texts"),
        ("command = ['put-key']", "the program's absolute path first"),
        ("command = []", "the program's absolute path first"),
        ("command = ['/bin/x', 1]", "expected a list of texts"),
    ] {
        each_is_refused([(of_kind("command", "x", more), says)]);
    }
    for to in [
        "~/.aws/credentials#ci",
        "/a/credentials",
        "/a/../b#ci",
        "/a//b#ci",
        "/a#",
        "/a#b ]",
        "/a#DEFAULT",
    ] {
        each_is_refused([(of_kind("profile", to, ""), "expected FILE#PROFILE")]);
    }
    let token = of_kind("profile", "/a#ci", "token = 'ssm:/a'");
    each_is_refused([(token, "`token` is a key of kind github")]);
}

#[test]
fn a_token_in_a_table_is_not_repeated_in_messages() {
    for token in ["ghp_0123456789abcdefSESAME", "https://x/SESAME", "secret:SE SAME"] {
        for key in ["token", "private_key", "app"] {
            let text = table("github", &format!("{key} = '{token}'")).replace("'secret:x'", "''");
            let text = text.replacen("token = ''", "", 1);
            let error = refused(&text);
            assert!(key == "app" || !error.contains("SE"), "{error}");
        }
        let error = of_env(&format!(
            r#"[{{"name":"a","kind":"gitlab","users":["*"],"to":"x/{{user}}","token":"{token}"}}]"#
        ))
        .unwrap_err();
        assert!(!error.contains("SESAME") && error.contains("secret:NAME"), "{error}");
        let whole = format!("destination = '{token}'");
        assert!(!refused(&whole).contains("SESAME"));
        assert!(!of_env(token).unwrap_err().contains("SESAME"));
    }
}
