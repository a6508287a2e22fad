//! Creates destinations from settings.

use super::{aws, settings};
use keyrot_aws::notify::FromEnvironment;

#[tokio::test]
async fn each_destination_in_the_settings_is_created_without_a_call() {
    let text = r#"
        destination = [
          { name = "params", kind = "ssm", users = ["*"], to = "/ci/{user}" },
          { name = "copy", kind = "secrets_manager", users = ["*"], to = "{user}", region = "eu-west-1" },
          { name = "hub", kind = "github", users = ["ci"], to = "acme/shop", token = "env:HUB_TOKEN" },
          { name = "lab", kind = "gitlab", users = ["ci"], to = "acme/shop", token = "secret:lab" },
          { name = "circle", kind = "circleci", users = ["ci"], to = "f1b0a6d2-3c1e-4f7a-9a51-0d2b7c0a9e11", token = "secret:circle" },
          { name = "vault", kind = "vault", users = ["*"], to = "{user}", url = "https://vault.example.com", role = "keyrot" },
          { name = "hook", kind = "command", users = ["*"], to = "{user}", command = ["/bin/true"] },
          { name = "local", kind = "profile", users = ["*"], to = "/srv/ci/.aws/credentials#{user}" },
          { name = "cluster", kind = "kubernetes", users = ["*"], to = "shop/{user}" },
        ]
    "#;
    // Nothing listens at this address.
    let aws = aws("http://127.0.0.1:9").await;
    let settings = settings(text);
    let all = aws.destinations(&settings, FromEnvironment::Allowed).unwrap();
    let names: Vec<&str> = all.keys().map(|name| name.as_str()).collect();
    assert_eq!(
        names,
        ["circle", "cluster", "copy", "hook", "hub", "lab", "local", "params", "vault"]
    );
    for spec in settings.destinations() {
        assert_eq!(all[spec.name()].abilities(), spec.abilities(), "{}", spec.name());
    }
    let Err(refused) = aws.destinations(&settings, FromEnvironment::Refused) else {
        panic!("a Lambda function's environment is no place for a token")
    };
    let said = refused.to_string();
    assert!(said.contains("destination hub") && said.contains("env:HUB_TOKEN"), "{said}");
}
