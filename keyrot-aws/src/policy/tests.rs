use super::*;
use keyrot_core::UserArn;
use keyrot_core::selection::SecretTemplate;

fn scope(template: &str, path: &str) -> Scope {
    let template = SecretTemplate::parse(template).unwrap();
    let account = Text::fixed("123456789012");
    Scope {
        region: Text::fixed("eu-west-1"),
        ..Scope::new(account, &template, path, "RotateKey", "True")
    }
}

fn statement(scope: &Scope, sid: Sid) -> serde_json::Value {
    let found = scope.policy().statement.into_iter().find(|statement| statement.sid == sid);
    serde_json::to_value(found.unwrap_or_else(|| panic!("no {sid:?}"))).unwrap()
}

#[test]
fn every_action_is_listed_once_with_its_reason_and_is_in_some_policy() {
    let mut full = scope("/iam/{user}", "/");
    full.secrets_key = Key::parse("alias/mine");
    full.config = Some("/keyrot".into());
    full.own_topic =
        Some(("arn:aws:sns:eu-west-1:1:t".into(), "arn:aws:kms:eu-west-1:1:key/k".into()));
    full.log_group = Some("/aws/lambda/keyrot".into());
    full.trail = true;
    full.end_sessions = true;
    let these = |text: &str| Many::These(vec![text.into()]);
    full.hooks = Hooks {
        topics: these("arn:t"),
        buses: these("b"),
        secrets: these("s"),
        parameters: these("p"),
    };
    #[cfg(feature = "settings")]
    {
        let role = "arn:aws:iam::210987654321:role/keyrot";
        use DeliveryKind::{EcsService, Parameter, Replica, Secret};
        let all = [
            (Parameter, None),
            (Secret, None),
            (Replica, None),
            (EcsService, None),
            (Parameter, Some(role)),
        ];
        full.deliveries = all
            .map(|(what, role)| Delivery {
                what,
                region: None,
                names: "x".into(),
                key: Key::parse(if what == Parameter { "alias/mine" } else { "some-id" }),
                role: role.map(Text::fixed),
            })
            .into();
    }
    let one_by_one = Scope { discovery: Discovery::OneByOne, ..full.clone() };
    let policies = [
        full.policy(),
        one_by_one.policy(),
        full.audit_policy(),
        one_by_one.audit_policy(),
        full.operator_policy(),
        one_by_one.operator_policy(),
        full.consumer_policy(),
        full.own_policy(),
    ];
    let used: BTreeSet<_> = policies.iter().flat_map(Policy::actions).collect();
    let mut listed = BTreeSet::new();
    for action in ACTIONS {
        assert!(listed.insert(action.name), "{} twice", action.name);
        assert!(action.why.len() > 8, "{}", action.name);
        assert_eq!(used.contains(action.name), !action.statements.is_empty(), "{}", action.name);
    }
    for policy in policies {
        let sids: BTreeSet<_> = policy.statement.iter().map(|s| s.sid).collect();
        assert_eq!(sids.len(), policy.statement.len(), "a Sid twice");
        assert!(policy.statement.iter().all(|s| !s.action.is_empty()), "an empty statement");
    }
}

#[test]
fn only_what_these_settings_need_is_allowed() {
    let actions = scope("/iam/{user}", "/").policy().actions();
    let unneeded = ["kms:", "sns:", "ssm:", "events:", "logs:", "iam:List", "sts:", "cloudtrail:"];
    let listed =
        actions.iter().filter(|a| unneeded.iter().any(|u| a.starts_with(u))).collect::<Vec<_>>();
    assert_eq!(listed, [&"iam:ListAccessKeys"]);
    assert!(!actions.iter().any(|a| a.contains('*')));
    let star: Vec<_> = scope("/iam/{user}", "/").policy().statement;
    let star: Vec<_> = star
        .into_iter()
        .filter(|s| s.resource == OneOrMany::One("*".into()))
        .map(|s| s.sid)
        .collect();
    assert_eq!(star, [Sid::FindUsers, Sid::SeeLastUse]);
}

#[test]
fn an_audit_reads_all_users_and_a_rotation_does_not_need_that() {
    let scope = Scope { discovery: Discovery::OneByOne, ..scope("/iam/{user}", "/ci/") };
    let audit = scope.audit_policy();
    assert!(audit.actions().iter().all(|action| {
        ["iam:Get", "iam:List", "iam:Generate"].iter().any(|start| action.starts_with(start))
    }));
    let lists = audit.statement.iter().find(|s| s.sid == Sid::ListKeys).unwrap();
    assert_eq!(
        lists.resource,
        OneOrMany::One("arn:aws:iam::123456789012:user/*".into()),
        "whatever the path"
    );
    assert!(!scope.policy().actions().iter().any(|action| action.contains("CredentialReport")));
    let sids: Vec<_> = scope.policy().statement.iter().map(|s| s.sid).collect();
    assert!(!sids.contains(&Sid::ListKeys), "{sids:?}");
}

#[test]
fn names_of_secrets_become_matching_patterns() {
    for (template, path, pattern) in [
        ("/iam/{user}/access_key", "/", "/iam/*/access_key"),
        ("{account}{path}{user}", "/ci/", "123456789012/ci/**"),
        ("{account}{path}{user}", "/a=b/", "123456789012**"),
        ("keys/{user}", "/", "keys/*"),
    ] {
        let text = scope(template, path).secrets[0].pattern(Syntax::Plain);
        assert_eq!(text, pattern, "{template}");
        let user = UserArn::parse(format!("arn:aws:iam::123456789012:user{path}doe,jane")).unwrap();
        let name = SecretTemplate::parse(template).unwrap().secret_name(&user).unwrap();
        assert!(fits(pattern, name.as_str()), "{pattern} {name}");
        assert!(!fits(pattern, "/prod/database"), "{pattern}");
    }
    assert!(
        scope("{user}", "/").takes_every_secret()
            && scope("{path}{user}", "/").takes_every_secret()
    );
    assert!(
        !scope("{path}{user}", "/ci/").takes_every_secret()
            && !scope("x{user}", "/").takes_every_secret()
    );
}

/// Compares as IAM does: `*` stands for any characters.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, rest)) => text.strip_prefix(start).is_some_and(|text| {
            (0..=text.len()).any(|n| text.get(n..).is_some_and(|text| fits(rest, text)))
        }),
    }
}

#[test]
fn users_are_limited_to_the_path_and_the_tag() {
    let tagged = statement(&scope("/iam/{user}", "/ci/"), Sid::RotateTaggedUsers);
    assert_eq!(tagged["Resource"], "arn:aws:iam::123456789012:user/ci/*");
    assert_eq!(tagged["Condition"]["StringEqualsIgnoreCase"]["aws:ResourceTag/RotateKey"], "True");
    // IAM's paths may contain characters that are wildcards in IAM's policies.
    let odd = statement(&scope("/iam/{user}", "/a*?$/"), Sid::RotateTaggedUsers);
    assert_eq!(odd["Resource"], "arn:aws:iam::123456789012:user/a${*}${?}${$}/*");
}

#[test]
fn a_key_is_named_by_arn_id_or_alias() {
    let with = |text: &str| Scope { secrets_key: Key::parse(text), ..scope("/iam/{user}", "/") };
    let arn = "arn:aws:kms:eu-west-1:123456789012:key/1-2";
    for key in [arn, "1-2"] {
        let statement = statement(&with(key), Sid::UseSecretsKey);
        assert_eq!(statement["Resource"], arn);
        let condition = &statement["Condition"];
        assert_eq!(
            condition["StringEquals"]["kms:ViaService"],
            "secretsmanager.eu-west-1.amazonaws.com"
        );
        let context = &condition["StringLike"]["kms:EncryptionContext:SecretARN"];
        assert_eq!(
            context[0],
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/*-??????"
        );
    }
    for key in ["alias/mine", "arn:aws:kms:eu-west-1:123456789012:alias/mine"] {
        let statement = statement(&with(key), Sid::UseSecretsKey);
        assert_eq!(statement["Resource"], "arn:aws:kms:eu-west-1:123456789012:key/*");
        assert_eq!(
            statement["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"],
            "alias/mine"
        );
    }
    assert_eq!(with("alias/aws/secretsmanager").secrets_key, None);
}

#[cfg(feature = "settings")]
#[test]
fn destinations_add_what_they_need() {
    let text = r#"
        destination = [
          { name = "params", kind = "ssm", users = ["*"], to = "/ci/{user}/aws" },
          { name = "others", kind = "ssm", users = ["*"], to = "x.{account}.{user}", region = "us-east-1", kms_key = "alias/ci" },
          { name = "copy", kind = "secrets_manager", users = ["*"], to = "copies{path}{user}", region = "eu-north-1", kms_key = "0a1b" },
          { name = "twin", kind = "replica", users = ["*"], region = "eu-south-1", kms_key = "1a2b" },
          { name = "other", kind = "ssm", users = ["*"], to = "/other/{user}", role_arn = "arn:aws:iam::210987654321:role/keyrot" },
          { name = "shop", kind = "ecs", users = ["*"], to = "prod/shop" },
          { name = "jobs", kind = "ecs", users = ["*"], to = "jobs/{user}", region = "us-east-1" },
          { name = "hub", kind = "github", users = ["ci"], to = "acme/shop", token = "secret:keyrot/github#token" },
          { name = "lab", kind = "gitlab", users = ["ci"], to = "acme/shop", token = "ssm:/keyrot/lab" },
          { name = "here", kind = "circleci", users = ["ci"], to = "f1b0a6d2-3c1e-4f7a-9a51-0d2b7c0a9e11", token = "file:/run/t" },
        ]
    "#;
    let settings = keyrot_core::settings::Settings::load(
        &keyrot_core::settings::Sources::default().file("keyrot.toml", text),
    )
    .unwrap();
    let specs = settings.destinations();
    let before = scope("/iam/{user}", "/ci/");
    let deliveries = Delivery::of(specs, "/ci/", &before.account);
    let scope = Scope { deliveries, hooks: Hooks::of(&[]).with_tokens(specs), ..before.clone() };
    let of = |sid| statement(&scope, sid);
    assert_eq!(
        of(Sid::DeliverParameters)["Resource"],
        serde_json::json!([
            "arn:aws:ssm:eu-west-1:123456789012:parameter/ci/*/aws",
            "arn:aws:ssm:us-east-1:123456789012:parameter/x.123456789012.*",
        ])
    );
    assert_eq!(
        of(Sid::RestartServices)["Resource"],
        serde_json::json!([
            "arn:aws:ecs:eu-west-1:123456789012:service/prod/shop",
            "arn:aws:ecs:us-east-1:123456789012:service/jobs/*",
        ])
    );
    let tasks = of(Sid::SeeTasks);
    assert_eq!(tasks["Resource"], "*");
    assert_eq!(
        tasks["Condition"]["ArnLike"]["ecs:cluster"],
        serde_json::json!([
            "arn:aws:ecs:eu-west-1:123456789012:cluster/prod",
            "arn:aws:ecs:us-east-1:123456789012:cluster/jobs",
        ])
    );
    let copies = "arn:aws:secretsmanager:eu-north-1:123456789012:secret:copies/ci/**";
    assert_eq!(
        of(Sid::DeliverSecrets)["Resource"],
        serde_json::json!([copies, format!("{copies}-??????")])
    );
    let replicate = of(Sid::ReplicateSecrets);
    let home = "123456789012:secret:/iam/*";
    let existing = format!("{home}-??????");
    assert_eq!(replicate["Resource"], format!("arn:aws:secretsmanager:eu-west-1:{existing}"));
    assert_eq!(
        replicate["Condition"]["ForAllValues:StringEquals"]["secretsmanager:AddReplicaRegions"],
        "eu-south-1"
    );
    let read = of(Sid::ReadReplicas);
    // Before a replica exists, a request has only its name.
    let both = [home.to_owned(), existing].map(|end| format!("arn:aws:secretsmanager:*:{end}"));
    assert_eq!(read["Resource"], serde_json::json!(both));
    assert_eq!(read["Condition"]["StringEquals"]["aws:RequestedRegion"], "eu-south-1");
    let services = serde_json::json!([
        "ssm.us-east-1.amazonaws.com",
        "secretsmanager.eu-north-1.amazonaws.com",
        "secretsmanager.eu-west-1.amazonaws.com",
        "secretsmanager.eu-south-1.amazonaws.com"
    ]);
    for (sid, key) in [
        (Sid::UseDeliveryAliases, "arn:aws:kms:us-east-1:123456789012:key/*"),
        (
            Sid::UseDeliveryKeys,
            "arn:aws:kms:eu-north-1:123456789012:key/0a1b arn:aws:kms:eu-south-1:123456789012:key/1a2b",
        ),
    ] {
        let keys = of(sid);
        let found: Vec<&str> = match keys["Resource"].as_array() {
            Some(all) => all.iter().filter_map(|one| one.as_str()).collect(),
            None => keys["Resource"].as_str().into_iter().collect(),
        };
        assert_eq!(found.join(" "), key);
        assert_eq!(keys["Condition"]["StringEquals"]["kms:ViaService"], services);
    }
    assert_eq!(
        of(Sid::AssumeDeliveryRoles)["Resource"],
        "arn:aws:iam::210987654321:role/keyrot",
        "the role has the other permissions"
    );
    let aliases = &of(Sid::UseDeliveryAliases)["Condition"]["ForAnyValue:StringEquals"];
    assert_eq!(aliases["kms:ResourceAliases"], "alias/ci");
    // Everyone else may not change a replica, which could be promoted.
    let guard = Guard { principals: Vec::new(), function: Text::fixed("keyrot"), boundary: None };
    let denied = serde_json::to_string(&scope.guard_policy(&guard)).unwrap();
    assert!(denied.contains("arn:aws:secretsmanager:eu-south-1:123456789012:secret:/iam/*"));
    let at = "eu-west-1:123456789012";
    assert_eq!(
        of(Sid::ReadHookSecrets)["Resource"],
        format!("arn:aws:secretsmanager:{at}:secret:keyrot/github-??????")
    );
    assert_eq!(
        of(Sid::ReadHookParameters)["Resource"],
        format!("arn:aws:ssm:{at}:parameter/keyrot/lab")
    );
    // Without destinations, the policy has none of these.
    assert!(!before.policy().actions().contains("ssm:PutParameter"));
}

/// A template's parameters produce the same statements as the settings.
#[cfg(feature = "settings")]
#[test]
fn destinations_that_are_filled_in_later_get_the_same_statements() {
    use DeliveryKind::{EcsService, Parameter, Replica, Secret};
    let delivery = |what, region: &str, names: &str, key: &str| Delivery {
        what,
        region: Some(Text::fixed(region)),
        names: Text::wild(names),
        key: Key::parse(key),
        role: key.contains(":role/").then(|| Text::fixed(key)),
    };
    let arn = "arn:aws:kms:us-east-1:123456789012:key/2c3d";
    let known = Scope {
        deliveries: vec![
            delivery(Parameter, "eu-west-1", "/ci/*/aws", "0a1b"),
            delivery(Secret, "us-east-1", "/copies/*", arn),
            delivery(EcsService, "us-east-1", "prod/*", ""),
            delivery(Replica, "us-east-1", "", "0a1b"),
            delivery(Replica, "eu-south-1", "", "0a1b"),
            delivery(Parameter, "us-east-1", "/other/*", "arn:aws:iam::210987654321:role/keyrot"),
        ],
        ..scope("/iam/{user}", "/")
    };
    let listed = |value: &serde_json::Value| match value {
        serde_json::Value::String(one) => serde_json::json!([one]),
        many => many.clone(),
    };
    for syntax in [Syntax::CloudFormation, Syntax::Terraform] {
        let open = Scope {
            syntax,
            open_deliveries: Some(OpenDeliveries {
                parameters: "${parameters}".to_owned(),
                secrets: "${secrets}".to_owned(),
                replica_regions: "${replica_regions}".to_owned(),
                ecs_services: "${ecs_services}".to_owned(),
                ecs_clusters: "${ecs_clusters}".to_owned(),
                keys: "${keys}".to_owned(),
                services: "${services}".to_owned(),
                roles: "${roles}".to_owned(),
            }),
            ..scope("/iam/{user}", "/")
        };
        for (sid, resources) in [
            (Sid::DeliverParameters, "parameters"),
            (Sid::DeliverSecrets, "secrets"),
            (Sid::ReplicateSecrets, ""),
            (Sid::ReadReplicas, ""),
            (Sid::RestartServices, "ecs_services"),
            (Sid::UseDeliveryKeys, "keys"),
            (Sid::AssumeDeliveryRoles, "roles"),
        ] {
            let mut wanted = statement(&known, sid);
            if !resources.is_empty() {
                wanted["Resource"] = listed(&wanted["Resource"]);
            }
            let regions = serde_json::json!(["us-east-1", "eu-south-1"]);
            let services = &wanted["Condition"]["StringEquals"]["kms:ViaService"];
            let mut text = statement(&open, sid).to_string();
            for (place, list) in [
                (resources, &wanted["Resource"]),
                ("services", services),
                ("replica_regions", &regions),
            ] {
                let place = match syntax {
                    Syntax::CloudFormation => format!("[\"${{{place}}}\"]"),
                    Syntax::Plain | Syntax::Terraform => format!("\"${{{place}}}\""),
                };
                text = text.replace(&place, &list.to_string());
            }
            let filled: serde_json::Value = serde_json::from_str(&text).unwrap();
            assert_eq!(filled, wanted, "{syntax:?}");
        }
    }
}

#[cfg(any(feature = "settings", feature = "notify"))]
#[test]
fn notifiers_add_what_they_need() {
    let specs = [
        "sns arn:aws:sns:eu-west-1:123456789012:told",
        "webhook secret:hooks/url hmac=ssm:/hooks/key min=warning",
        "slack secret:hooks/url",
        "teams env:TEAMS",
        "eventbridge arn:aws:events:eu-west-1:210987654321:event-bus/other",
        "eventbridge default",
    ];
    let specs: Vec<_> =
        specs.iter().map(|text| keyrot_core::settings::NotifySpec::parse(text).unwrap()).collect();
    let scope = Scope { hooks: Hooks::of(&specs), ..scope("/iam/{user}", "/") };
    let at = "eu-west-1:123456789012";
    let resource = |sid| statement(&scope, sid)["Resource"].clone();
    assert_eq!(resource(Sid::PublishToTopics), format!("arn:aws:sns:{at}:told"));
    assert_eq!(
        resource(Sid::ReadHookSecrets),
        format!("arn:aws:secretsmanager:{at}:secret:hooks/url-??????")
    );
    assert_eq!(resource(Sid::ReadHookParameters), format!("arn:aws:ssm:{at}:parameter/hooks/key"));
    assert_eq!(
        resource(Sid::PutEvents)[0],
        "arn:aws:events:eu-west-1:210987654321:event-bus/other"
    );
    assert_eq!(resource(Sid::PutEvents)[1], format!("arn:aws:events:{at}:event-bus/default"));
}

#[test]
fn an_operator_may_only_mark_secrets_in_the_regions_that_users_are_moved_from() {
    let here = scope("/iam/{user}/access_key", "/");
    let sids = |scope: &Scope| {
        scope.operator_policy().statement.iter().map(|one| one.sid).collect::<Vec<_>>()
    };
    assert!(!sids(&here).contains(&Sid::LeaveHomes), "only where there is another region");
    let moving = Scope { home_regions: vec![Text::fixed("us-east-1")], ..here };
    let policy = moving.operator_policy();
    let found = policy.statement.into_iter().find(|one| one.sid == Sid::LeaveHomes).unwrap();
    let found = serde_json::to_value(found).unwrap();
    assert_eq!(found["Action"], serde_json::json!(["secretsmanager:TagResource"]));
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:/iam/*/access_key-??????";
    assert_eq!(found["Resource"], arn);
    assert_eq!(found["Condition"]["ForAllValues:StringEquals"]["aws:TagKeys"], "keyrot:moved-to");
    assert_eq!(found["Condition"]["Null"]["aws:TagKeys"], "false");
    // A run itself needs no such permission.
    assert!(moving.policy().statement.iter().all(|one| one.sid != Sid::LeaveHomes));
}
