use super::*;
use crate::model::names::{SecretName, UserArn};
use crate::settings::destination::kind::{
    DestinationKind, EcsServices, GitHub, GitHubAuth, GitHubStore, GitLab, GitLabLevel, Kubernetes,
    ParameterStore, Replicas, SecretCopies, Tier, VaultAuth, WorkloadKind,
};

/// Returns a destination of [`EVERY_KIND`].
fn of_every_kind(name: &str) -> DestinationSpec {
    let settings = load(EVERY_KIND);
    settings.destinations().iter().find(|spec| spec.name().as_str() == name).unwrap().clone()
}

fn home() -> SecretName {
    SecretName::parse("/iam/home/access_key").unwrap()
}

fn ci_shop() -> UserArn {
    UserArn::parse("arn:aws:iam::123456789012:user/ci-shop").unwrap()
}

#[test]
fn each_table_is_read_in_its_order() {
    let settings = load(EVERY_KIND);
    let all = settings.destinations();
    let names: Vec<&str> = all.iter().map(|spec| spec.name().as_str()).collect();
    assert_eq!(names, ["params", "copy", "twin", "shop", "app", "lab", "cluster", "tasks"]);
    assert!(!all[0].required() && all[1..].iter().all(DestinationSpec::required));
    let homes = settings.homes("us-east-1", true);
    let stores: Vec<&str> = homes.destinations.iter().map(|rule| rule.store()).collect();
    assert_eq!(stores[..2], ["ssm us-east-1", "secrets_manager eu-west-1"]);
}

#[test]
fn parameters_and_copies_in_secrets_manager_are_read() {
    let (spec, user) = (of_every_kind("params"), ci_shop());
    assert!(spec.serves(user.name()) && !of_every_kind("app").serves(user.name()));
    assert_eq!(spec.place_of(&user, &home()).unwrap(), "/ci/ci-shop/aws");
    let DestinationKind::Ssm(ParameterStore {
        region: None,
        kms_key,
        tier: Tier::Advanced,
        role: None,
    }) = spec.kind()
    else {
        panic!("{spec:?}")
    };
    assert_eq!(kms_key.as_deref(), Some("alias/ci"));

    let spec = of_every_kind("copy");
    let DestinationKind::SecretsManager(SecretCopies { region, kms_key: None, role: None }) =
        spec.kind()
    else {
        panic!("{spec:?}")
    };
    assert_eq!(region, "eu-west-1");
}

#[test]
fn replicas_are_read() {
    let spec = of_every_kind("twin");
    let DestinationKind::Replica(Replicas { region, kms_key }) = spec.kind() else {
        panic!("{spec:?}")
    };
    assert_eq!((region.as_str(), kms_key.as_deref()), ("eu-central-1", Some("alias/there")));
    assert_eq!(spec.place_of(&ci_shop(), &home()).unwrap(), "/iam/home/access_key");
    // It is a secret of its region, as a copy is.
    assert_eq!(spec.rule("us-east-1").store(), "secrets_manager eu-central-1");
    let said = refused(&table("replica", "to = '/x/{user}'"));
    assert!(said.contains("expected no `to`, or kind secrets_manager"), "{said}");
    let said = refused("[[destination]]\nname = 'a'\nkind = 'replica'\nusers = ['*']");
    assert!(said.contains("it has no region"), "{said}");
}

#[test]
fn github_with_a_token_and_with_an_app_is_read() {
    let spec = of_every_kind("shop");
    let DestinationKind::GitHub(GitHub {
        auth: GitHubAuth::Token(token),
        store: GitHubStore::Actions,
        url: None,
        names,
    }) = spec.kind()
    else {
        panic!("{spec:?}")
    };
    assert_eq!(token.to_string(), "secret:keyrot/github#token");
    assert_eq!(names.all(), ["SHOP_ID", "AWS_SECRET_ACCESS_KEY"]);
    assert!(!spec.abilities().whole);

    let spec = of_every_kind("app");
    let DestinationKind::GitHub(GitHub { auth: GitHubAuth::App { .. }, url, .. }) = spec.kind()
    else {
        panic!("{spec:?}")
    };
    assert_eq!(url.as_deref(), Some("https://github.example.com/api/v3"));
}

#[test]
fn gitlab_is_read() {
    let spec = of_every_kind("lab");
    let DestinationKind::GitLab(GitLab { level, variable, environment_scope, profile, .. }) =
        spec.kind()
    else {
        panic!("{spec:?}")
    };
    assert_eq!(*level, GitLabLevel::Group);
    assert_eq!(variable, "AWS_SHARED_CREDENTIALS_FILE");
    assert_eq!((environment_scope.as_str(), profile.as_str()), ("production", "default"));
}

#[test]
fn kubernetes_and_its_workloads_are_read() {
    let spec = of_every_kind("cluster");
    let DestinationKind::Kubernetes(Kubernetes {
        kubeconfig,
        context,
        id_name,
        secret_name,
        restart,
    }) = spec.kind()
    else {
        panic!("{spec:?}")
    };
    assert_eq!(kubeconfig.as_deref(), Some("/etc/keyrot/kubeconfig"));
    assert_eq!(context.as_deref(), Some("arn:aws:eks:eu-west-1:123456789012:cluster/shop"));
    assert_eq!((id_name.as_str(), secret_name.as_str()), ("AWS_ACCESS_KEY_ID", "aws.secret"));
    assert_eq!(restart.len(), 0);
    assert_eq!(spec.place_of(&ci_shop(), &home()).unwrap(), "shop/ci-shop-aws");
    assert!(spec.sources().is_empty());

    let list = "restart = ['deployment/shop', 'statefulset/shop.db', 'daemonset/a']";
    let restarting = load(&table("kubernetes", list));
    let DestinationKind::Kubernetes(found) = restarting.destinations()[0].kind() else {
        panic!("{restarting:?}")
    };
    assert_eq!(found.restart[1].kind, WorkloadKind::StatefulSet);
    assert_eq!((found.restart.len(), found.restart[1].name.as_str()), (3, "shop.db"));
}

#[test]
fn services_of_ecs_are_read() {
    let spec = of_every_kind("tasks");
    let DestinationKind::Ecs(EcsServices { region, role: None }) = spec.kind() else {
        panic!("{spec:?}")
    };
    assert_eq!(region.as_deref(), Some("eu-west-1"));
    assert!(spec.abilities().restarts, "two users may share it");
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
