#![allow(clippy::unwrap_used)]

use super::destination::{
    DestinationKind, DestinationSpec, EcsServices, GitHub, GitHubAuth, GitHubStore, GitLab,
    GitLabLevel, Kubernetes, ParameterStore, SecretCopies, Tier, VaultAuth, WorkloadKind,
};
use super::loaded::Settings;
use super::source::Sources;
use crate::model::names::UserArn;
use proptest::prelude::*;

const EVERY_KIND: &str = r#"overlap = "3d"

[[destination]]
name = "params"
kind = "ssm"
users = ["ci-*", "bob"]
to = "/ci/{user}/aws"
tier = "advanced"
kms_key = "alias/ci"
required = false

[[destination]]
name = "copy"
kind = "secrets_manager"
users = ["*"]
to = "/iam/{user}/access_key"
region = "eu-west-1"

[[destination]]
name = "shop"
kind = "github"
users = ["ci-shop"]
to = "acme/shop:production"
token = "secret:keyrot/github#token"
id_name = "SHOP_ID"

[[destination]]
name = "app"
kind = "github"
users = ["ci-app"]
to = "acme"
app = "Iv1.0123456789abcdef"
installation = "42"
private_key = "ssm:/keyrot/github"
url = "https://github.example.com/api/v3/"

[[destination]]
name = "lab"
kind = "gitlab"
users = ["ci-lab"]
to = "acme/lab"
token = "env:GITLAB_TOKEN"
environment_scope = "production"
level = "group"

[[destination]]
name = "cluster"
kind = "kubernetes"
users = ["ci-*"]
to = "shop/{user}-aws"
context = "arn:aws:eks:eu-west-1:123456789012:cluster/shop"
kubeconfig = "/etc/keyrot/kubeconfig"
secret_name = "aws.secret"

[[destination]]
name = "tasks"
kind = "ecs"
users = ["ci-*", "bob"]
to = "prod/shop"
region = "eu-west-1"
"#;

fn load(text: &str) -> Settings {
    Settings::load(&Sources::default().file("keyrot.toml", text)).unwrap()
}

fn refused(text: &str) -> String {
    Settings::load(&Sources::default().file("keyrot.toml", text)).expect_err(text).to_string()
}

fn of_env(json: &str) -> Result<Vec<DestinationSpec>, String> {
    Settings::load(&Sources::default().env([("KEYROT_DESTINATION", json)]))
        .map(|settings| settings.destinations().to_vec())
        .map_err(|errors| errors.to_string())
}

/// Returns a destination of this kind with all required keys, and more lines.
fn table(kind: &str, more: &str) -> String {
    let own = match kind {
        "ssm" => "to = '/x/{user}'",
        "secrets_manager" => "to = '/x/{user}'\nregion = 'eu-west-1'",
        "github" => "to = 'acme/{user}'\ntoken = 'secret:x'",
        "kubernetes" => "to = 'shop/{user}'",
        "ecs" => "to = 'acme/{user}'",
        _ => "to = 'acme/{user}'\ntoken = 'secret:x'",
    };
    format!("[[destination]]\nname = 'a'\nkind = '{kind}'\nusers = ['*']\n{own}\n{more}\n")
}

#[test]
fn each_kind_is_read() {
    let settings = load(EVERY_KIND);
    let all = settings.destinations();
    let names: Vec<&str> = all.iter().map(|spec| spec.name().as_str()).collect();
    assert_eq!(names, ["params", "copy", "shop", "app", "lab", "cluster", "tasks"]);
    assert!(!all[0].required() && all[1..].iter().all(DestinationSpec::required));
    let user = UserArn::parse("arn:aws:iam::123456789012:user/ci-shop").unwrap();
    assert!(all[0].serves(user.name()) && !all[3].serves(user.name()));
    assert_eq!(all[0].place_of(&user).unwrap(), "/ci/ci-shop/aws");
    let DestinationKind::Ssm(ParameterStore {
        region: None,
        kms_key,
        tier: Tier::Advanced,
        role: None,
    }) = all[0].kind()
    else {
        panic!("{all:?}")
    };
    assert_eq!(kms_key.as_deref(), Some("alias/ci"));
    let DestinationKind::SecretsManager(SecretCopies { region, kms_key: None, role: None }) =
        all[1].kind()
    else {
        panic!("{all:?}")
    };
    assert_eq!(region, "eu-west-1");
    let DestinationKind::GitHub(GitHub {
        auth: GitHubAuth::Token(token),
        store: GitHubStore::Actions,
        url: None,
        names,
    }) = all[2].kind()
    else {
        panic!("{all:?}")
    };
    assert_eq!(token.to_string(), "secret:keyrot/github#token");
    assert_eq!(names.all(), ["SHOP_ID", "AWS_SECRET_ACCESS_KEY"]);
    assert!(!all[2].abilities().whole);
    let DestinationKind::GitHub(GitHub { auth: GitHubAuth::App { .. }, url, .. }) = all[3].kind()
    else {
        panic!("{all:?}")
    };
    assert_eq!(url.as_deref(), Some("https://github.example.com/api/v3"));
    let DestinationKind::GitLab(GitLab { level, variable, environment_scope, profile, .. }) =
        all[4].kind()
    else {
        panic!("{all:?}")
    };
    assert_eq!(*level, GitLabLevel::Group);
    assert_eq!(variable, "AWS_SHARED_CREDENTIALS_FILE");
    assert_eq!((environment_scope.as_str(), profile.as_str()), ("production", "default"));

    let DestinationKind::Kubernetes(Kubernetes {
        kubeconfig,
        context,
        id_name,
        secret_name,
        restart,
    }) = all[5].kind()
    else {
        panic!("{all:?}")
    };
    assert_eq!(kubeconfig.as_deref(), Some("/etc/keyrot/kubeconfig"));
    assert_eq!(context.as_deref(), Some("arn:aws:eks:eu-west-1:123456789012:cluster/shop"));
    assert_eq!((id_name.as_str(), secret_name.as_str()), ("AWS_ACCESS_KEY_ID", "aws.secret"));
    assert_eq!(restart.len(), 0);
    let list = "restart = ['deployment/shop', 'statefulset/shop.db', 'daemonset/a']";
    let restarting = load(&table("kubernetes", list));
    let DestinationKind::Kubernetes(found) = restarting.destinations()[0].kind() else {
        panic!("{restarting:?}")
    };
    assert_eq!(found.restart[1].kind, WorkloadKind::StatefulSet);
    assert_eq!((found.restart.len(), found.restart[1].name.as_str()), (3, "shop.db"));
    assert_eq!(all[5].place_of(&user).unwrap(), "shop/ci-shop-aws");
    assert!(all[5].sources().is_empty());

    let DestinationKind::Ecs(EcsServices { region, role: None }) = all[6].kind() else {
        panic!("{all:?}")
    };
    assert_eq!(region.as_deref(), Some("eu-west-1"));
    assert!(all[6].abilities().restarts, "two users may share it");
    for wrong in ["shop", "prod/", "prod/shop/x", "prod/sh op", "arn:aws:ecs:x:1:service/prod/shop"]
    {
        let text = table("ecs", "").replace("'acme/{user}'", &format!("'{wrong}'"));
        let error = Settings::load(&Sources::default().file("keyrot.toml", &text)).unwrap_err();
        assert!(error.to_string().contains("expected CLUSTER/SERVICE"), "{error}");
    }

    let homes = settings.homes("us-east-1", true);
    let stores: Vec<&str> = homes.destinations.iter().map(|rule| rule.store()).collect();
    assert_eq!(stores[..2], ["ssm us-east-1", "secrets_manager eu-west-1"]);
}

#[test]
fn the_environment_takes_json_and_overrides_a_file() {
    let shown = load(EVERY_KIND);
    let shown = shown.explain().iter().find(|one| one.name == "destination").unwrap();
    assert_eq!(shown.origin.to_string(), "file keyrot.toml line 3");
    let json = shown.value.as_deref().unwrap();
    assert_eq!(of_env(json).unwrap(), load(EVERY_KIND).destinations());
    let both = Sources::default()
        .file("keyrot.toml", EVERY_KIND)
        .env([("KEYROT_DESTINATION", "[]"), ("KEYROT_OVERLAP", "4d")]);
    assert!(Settings::load(&both).unwrap().destinations().is_empty());
    assert!(of_env("").unwrap().is_empty(), "an empty variable counts as not set");

    for (json, says) in [
        ("[{", "destination (env KEYROT_DESTINATION): it is not JSON (line 1 column 2)"),
        ("{}", "no array; expected a JSON array of objects"),
        ("[1]", "an element of the array is no object"),
        (
            r#"[{"name":"a","kind":"ssm","users":["*"],"to":"/x/{user}","teir":"x"}]"#,
            "destination (env KEYROT_DESTINATION): a: `teir` is not known; did you mean `tier`?",
        ),
    ] {
        let error = of_env(json).unwrap_err();
        assert!(error.contains(says), "{error}");
    }
    let flag = Settings::load(&Sources::default().flag("destination", "[]")).unwrap_err();
    assert!(flag.to_string().contains("unknown flag `--destination`"), "{flag}");
}

#[test]
fn errors_have_the_line_and_the_expected_value() {
    for (text, says) in [
        (
            table("ssm", "tier = 'fancy'"),
            "destination (file keyrot.toml line 6): a: tier = \"fancy\" is not usable; expected standard, advanced or intelligent",
        ),
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
            "kind = \"gitub\" is not usable; expected one of ssm, secrets_manager, ecs, github, gitlab, kubernetes, circleci, vault, command, profile; did you mean github?",
        ),
        (table("ssm", "region = 'EU'"), "region = \"EU\" is not usable; expected a region"),
        (
            table("ssm", "required = 'yes'"),
            "required = \"yes\" is not usable; expected true or false",
        ),
        (table("ssm", "kms_key = 1"), "kms_key is not a string; expected a text in quotes"),
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
            table("kubernetes", "token = 'secret:x'"),
            "`token` is a key of kind github, gitlab, circleci, vault",
        ),
        (
            table("kubernetes", "").replace("'shop/{user}'", "'{user}'"),
            "is not usable: it gives places such as",
        ),
        (
            table("ssm", "").replace("'/x/{user}'", "'x y'"),
            "to = \"x y\" is not usable: it gives places such as \"x y\"; expected a parameter's name",
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
        (
            table("secrets_manager", "").replace("region", "#"),
            "it has no region; expected for example region = \"eu-west-1\"",
        ),
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
    ] {
        let error = refused(&text);
        assert!(error.contains(says), "{text}\n{error}\n{says}");
    }
    let app = "app = 'Iv1'\nprivate_key = 'secret:x'";
    let error = refused(&table("github", app).replace("token = 'secret:x'", ""));
    assert!(error.contains("it has no installation"), "{error}");
}

const CONTEXT: &str = "f1b0a6d2-3c1e-4f7a-9a51-0d2b7c0a9e11";

/// Returns a table of a kind that needs no region, with more keys.
fn of_kind(kind: &str, to: &str, more: &str) -> String {
    format!("[[destination]]\nname = 'a'\nkind = '{kind}'\nusers = ['ci']\nto = '{to}'\n{more}\n")
}

#[test]
fn vault_circleci_and_command_are_parsed() {
    let vault = "url = 'https://vault.example.com:8200/'\nnamespace = 'team/a'\nrole = 'keyrot'\nserver_id = 'v1'";
    let settings = load(&of_kind("vault", "ci/{user}", vault));
    let spec = &settings.destinations()[0];
    let DestinationKind::Vault(found) = spec.kind() else { panic!("{spec:?}") };
    let auth = VaultAuth::Aws {
        role: "keyrot".to_owned(),
        mount: "aws".to_owned(),
        server_id: Some("v1".to_owned()),
    };
    assert_eq!((found.url.as_str(), &found.auth), ("https://vault.example.com:8200", &auth));
    assert_eq!((found.mount.as_str(), found.namespace.as_deref()), ("secret", Some("team/a")));
    assert!(spec.sources().is_empty() && spec.abilities().readable);

    let settings = load(&of_kind("circleci", CONTEXT, "token = 'env:CIRCLE'\nid_name = 'ID'"));
    let spec = &settings.destinations()[0];
    let DestinationKind::CircleCi(found) = spec.kind() else { panic!("{spec:?}") };
    assert_eq!((found.names.all()[0], spec.sources().len()), ("ID", 1));
    assert!(!spec.abilities().whole);

    // With one variable, a delivery is one write.
    for (kind, to) in [("circleci", CONTEXT), ("github", "acme/shop")] {
        let settings = load(&of_kind(kind, to, "token = 'env:T'\nfile_name = 'aws_file'"));
        let spec = &settings.destinations()[0];
        let (abilities, rule) = (spec.abilities(), spec.rule("eu-west-1"));
        assert!(abilities.whole && !abilities.readable && abilities.visible, "{kind}");
        assert!(rule.parts()[0].eq_ignore_ascii_case("aws_file") && rule.parts().len() == 1);
    }

    for program in ["/bin/put-key", "C:\\\\keyrot\\\\put-key.exe"] {
        let settings =
            load(&of_kind("command", "{user}", &format!("command = [\"{program}\", '-q']")));
        let spec = &settings.destinations()[0];
        let DestinationKind::Command(found) = spec.kind() else { panic!("{spec:?}") };
        assert_eq!(found.command[1], "-q");
        assert!(!spec.abilities().visible);
    }
}

#[test]
fn a_profile_has_a_file_and_two_tables_may_not_share_a_profile() {
    for to in ["/srv/ci/.aws/credentials#{user}", "C:\\ci\\credentials#ci", "/a#b#c"] {
        let settings = load(&of_kind("profile", to, ""));
        let spec = &settings.destinations()[0];
        assert_eq!(spec.kind(), &DestinationKind::Profile);
        assert!(spec.abilities().readable && spec.sources().is_empty());
        // The file system is one store, whatever the destination's name is.
        assert_eq!(spec.rule("eu-west-1").store(), "profile");
    }
}

/// Different spellings of a URL name the same server.
#[test]
fn the_same_secret_on_the_same_server_is_one_place() {
    let rule =
        |kind: &str, more: &str| load(&table(kind, more)).destinations()[0].rule("eu-west-1");
    let github = rule("github", "id_name = 'A'\nsecret_name = 'B'");
    for url in ["https://api.github.com", "https://API.github.com/"] {
        let same = rule("github", &format!("url = '{url}'\nid_name = 'a'\nsecret_name = 'c'"));
        assert_eq!(same.store(), github.store());
        assert_eq!((same.parts()[0].as_str(), github.parts()[0].as_str()), ("A", "A"));
    }
    let dependabot = rule("github", "store = 'dependabot'");
    assert_ne!(dependabot.store(), github.store());
    let gitlab = rule("gitlab", "");
    assert_eq!(rule("gitlab", "url = 'https://GitLab.com'").store(), gitlab.store());
}

#[test]
fn the_help_of_the_setting_names_every_kind() {
    let all = super::table::SETTINGS;
    let help = all.iter().find(|setting| setting.name == "destination").unwrap().help;
    for (kind, _) in super::destination_keys::KINDS {
        assert!(help.split([' ', ',']).any(|word| word == kind), "{kind} is not in {help}");
    }
}

#[test]
fn errors_in_vault_circleci_and_command_are_named() {
    let url = "url = 'https://vault.example.com'";
    let upper = CONTEXT.to_uppercase();
    for (kind, to, more, says) in [
        ("vault", "x", "role = 'a'".to_owned(), "it has no url; expected for example url = "),
        (
            "vault",
            "x",
            url.to_owned(),
            "expected either role (a role of Vault's AWS auth method), or",
        ),
        ("vault", "x", format!("{url}\nrole = 'a'\ntoken = 'ssm:/a'"), "expected either role"),
        (
            "vault",
            "x",
            format!("{url}\ntoken = 'ssm:/a'\nserver_id = 'b'"),
            "`server_id` goes with role",
        ),
        (
            "vault",
            "x",
            format!("{url}\nrole = 'a'\nmount = '../sys'"),
            "mount = \"../sys\" is not usable",
        ),
        (
            "vault",
            "x",
            format!("{url}\nrole = 'a'\nnamespace = '/a'"),
            "without a slash first or last",
        ),
        ("vault", "x/../../sys", format!("{url}\nrole = 'a'"), "without the mount and data/"),
        ("vault", "x?version=1", format!("{url}\nrole = 'a'"), "without the mount and data/"),
        (
            "circleci",
            "shop",
            "token = 'ssm:/a'".to_owned(),
            "expected the id of a context, such as",
        ),
        ("circleci", &upper, "token = 'ssm:/a'".to_owned(), "expected the id of a context"),
        ("circleci", CONTEXT, String::new(), "it has no token"),
        ("command", "x", String::new(), "it has no command; expected a list of texts"),
        (
            "command",
            "x",
            "command = 'put-key'".to_owned(),
            "is not usable; expected a list of texts",
        ),
        ("command", "x", "command = ['put-key']".to_owned(), "the program's absolute path first"),
        ("command", "x", "command = []".to_owned(), "the program's absolute path first"),
        ("command", "x", "command = ['/bin/x', 1]".to_owned(), "expected a list of texts"),
        ("profile", "~/.aws/credentials#ci", String::new(), "expected FILE#PROFILE"),
        ("profile", "/a/credentials", String::new(), "expected FILE#PROFILE"),
        ("profile", "/a/../b#ci", String::new(), "expected FILE#PROFILE"),
        ("profile", "/a//b#ci", String::new(), "expected FILE#PROFILE"),
        ("profile", "/a#", String::new(), "expected FILE#PROFILE"),
        ("profile", "/a#b ]", String::new(), "expected FILE#PROFILE"),
        ("profile", "/a#DEFAULT", String::new(), "expected FILE#PROFILE"),
        ("profile", "/a#ci", "token = 'ssm:/a'".to_owned(), "`token` is a key of kind github"),
    ] {
        let error = refused(&of_kind(kind, to, &more));
        assert!(error.contains(says), "{more}\n{error}\n{says}");
    }
    // Two users would share a context.
    let shared = of_kind("circleci", CONTEXT, "token = 'ssm:/a'").replace("['ci']", "['ci-*']");
    assert!(refused(&shared).contains("has no {user}"));
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

proptest! {
    #[test]
    fn no_table_panics(key in "[a-z_]{1,12}", value in "[ -~]{0,40}", kind in 0..9_usize) {
        let kind = ["ssm", "secrets_manager", "github", "gitlab", "kubernetes", "circleci", "vault", "command", "profile"][kind];
        for toml in [format!("{key} = {value}"), format!("{key} = {value:?}")] {
            let text = table(kind, &toml);
            let _ = Settings::load(&Sources::default().file("keyrot.toml", &text)).map_err(|e| e.to_string());
        }
        let _ = of_env(&value);
    }
}
