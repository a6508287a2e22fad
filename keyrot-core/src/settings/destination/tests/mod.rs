#![allow(clippy::unwrap_used)]

mod errors;
mod kinds;

use crate::settings::destination::keys::KINDS;
use crate::settings::destination::spec::DestinationSpec;
use crate::settings::loaded::Settings;
use crate::settings::source::Sources;
use crate::settings::table::SETTINGS;
use proptest::prelude::*;

/// Eight tables, of seven kinds.
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
name = "twin"
kind = "replica"
users = ["*"]
region = "eu-central-1"
kms_key = "alias/there"

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
        "replica" => "region = 'eu-west-1'",
        "github" => "to = 'acme/{user}'\ntoken = 'secret:x'",
        "kubernetes" => "to = 'shop/{user}'",
        "ecs" => "to = 'acme/{user}'",
        _ => "to = 'acme/{user}'\ntoken = 'secret:x'",
    };
    format!("[[destination]]\nname = 'a'\nkind = '{kind}'\nusers = ['*']\n{own}\n{more}\n")
}

const CONTEXT: &str = "f1b0a6d2-3c1e-4f7a-9a51-0d2b7c0a9e11";

/// Returns a table of a kind that needs no region, with more keys.
fn of_kind(kind: &str, to: &str, more: &str) -> String {
    format!("[[destination]]\nname = 'a'\nkind = '{kind}'\nusers = ['ci']\nto = '{to}'\n{more}\n")
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
    let help = SETTINGS.iter().find(|setting| setting.name == "destination").unwrap().help;
    for (kind, _) in KINDS {
        assert!(help.split([' ', ',']).any(|word| word == kind), "{kind} is not in {help}");
    }
}

proptest! {
    #[test]
    fn no_table_panics(key in "[a-z_]{1,12}", value in "[ -~]{0,40}", kind in 0..10_usize) {
        let kind = ["ssm", "secrets_manager", "github", "gitlab", "kubernetes", "circleci", "vault", "command", "profile", "replica"][kind];
        for toml in [format!("{key} = {value}"), format!("{key} = {value:?}")] {
            let text = table(kind, &toml);
            let _ = Settings::load(&Sources::default().file("keyrot.toml", &text)).map_err(|e| e.to_string());
        }
        let _ = of_env(&value);
    }
}
