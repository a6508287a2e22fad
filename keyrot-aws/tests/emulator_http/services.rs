//! The services' answers.

use super::*;

#[tokio::test]
async fn users_and_tags() {
    let emulator = start(world());
    let iam = iam(&emulator);
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let made = iam
        .create_user()
        .user_name("ci")
        .path("/team/")
        .tags(tag("keyrot", "a & <b>"))
        .send()
        .await
        .unwrap();
    assert!(made.request_id().is_some());
    assert_eq!(made.user.unwrap().arn, "arn:aws:iam::123456789012:user/team/ci");
    let again = iam.create_user().user_name("CI").send().await;
    assert_eq!(
        refused(again),
        says("EntityAlreadyExists", 409),
        "names are one whatever their case"
    );

    iam.tag_user()
        .user_name("ci")
        .tags(tag("KeyRot", "true"))
        .tags(tag("other", "1"))
        .send()
        .await
        .unwrap();
    let tags = iam.list_user_tags().user_name("ci").send().await.unwrap();
    assert_eq!(
        tags.tags(),
        [tag("KeyRot", "true"), tag("other", "1")],
        "keys are one whatever their case"
    );
    let first = iam.list_user_tags().user_name("ci").max_items(1).send().await.unwrap();
    assert!(first.is_truncated);
    let second =
        iam.list_user_tags().user_name("ci").marker(first.marker.unwrap()).send().await.unwrap();
    assert_eq!(second.tags(), [tag("other", "1")]);

    iam.untag_user().user_name("ci").tag_keys("keyrot").tag_keys("other").send().await.unwrap();
    let user = iam.get_user().user_name("ci").send().await.unwrap().user.unwrap();
    assert_eq!((user.path.as_str(), user.tags().len()), ("/team/", 0));
    emulator.change(|w| {
        w.user_mut(&named("ci")).unwrap().policies.push("AWSCompromisedKeyQuarantineV3".into());
    });
    let attached = iam.list_attached_user_policies().user_name("ci").send().await.unwrap();
    assert_eq!(
        attached.attached_policies()[0].policy_name(),
        Some("AWSCompromisedKeyQuarantineV3")
    );

    assert_eq!(refused(iam.get_user().user_name("nobody").send().await), says("NoSuchEntity", 404));
    assert_eq!(
        refused(iam.list_user_tags().user_name("nobody").send().await),
        says("NoSuchEntity", 404)
    );
    assert_eq!(
        refused(iam.tag_user().user_name("nobody").tags(tag("a", "b")).send().await),
        says("NoSuchEntity", 404)
    );
    assert_eq!(
        refused(iam.get_user().user_name("no body").send().await),
        says("ValidationError", 400)
    );
    assert_eq!(refused(iam.get_group().group_name("g").send().await), says("InvalidAction", 400));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let mut world = world();
    for n in 0..5 {
        let path = if n < 3 { "a" } else { "b" };
        world.add_user(&format!("{path}/user{n}"), &[("n", &n.to_string())]).unwrap();
    }
    world.add_user("plain", &[]).unwrap();
    let emulator =
        with(world, EmulatorOptions { page_limit: Some(4), ..EmulatorOptions::default() });
    let iam = iam(&emulator);

    let pages = iam
        .get_account_authorization_details()
        .filter(EntityType::User)
        .max_items(1000)
        .into_paginator();
    let pages: Vec<_> = pages.send().collect::<Result<_, _>>().await.unwrap();
    let users: Vec<_> = pages.iter().flat_map(|p| p.user_detail_list()).collect();
    assert_eq!((pages.len(), users.len()), (2, 6), "pages are shorter than asked for");
    assert_eq!(users[5].tags()[0].value(), "4");
    assert!(users[0].tags().is_empty() && users[0].user_name() == Some("plain"));
    let roles =
        iam.get_account_authorization_details().filter(EntityType::Role).send().await.unwrap();
    assert!(roles.user_detail_list().is_empty());

    let pages = iam.list_users().path_prefix("/a/").max_items(2).into_paginator();
    let pages: Vec<_> = pages.send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(pages.iter().map(|p| p.users().len()).collect::<Vec<_>>(), [2, 1]);
    assert!(pages[0].users()[0].tags().is_empty(), "ListUsers shows no tags");
    assert_eq!(
        refused(iam.list_users().max_items(1001).send().await),
        says("ValidationError", 400)
    );
    assert_eq!(emulator.stats().of("GetAccountAuthorizationDetails").calls, 3);
}

#[tokio::test]
async fn keys() {
    let mut world = world();
    world.add_user("ci", &[]).unwrap();
    world.add_user("other", &[]).unwrap();
    let emulator = start(world);
    let iam = iam(&emulator);
    let made = iam.create_access_key().user_name("ci").send().await.unwrap().access_key.unwrap();
    let key = KeyId::parse(made.access_key_id()).unwrap();
    assert_eq!(made.secret_access_key(), World::secret_of(&key).expose());
    assert_eq!(made.create_date().unwrap().secs(), emulator.now().timestamp());
    iam.create_access_key().user_name("ci").send().await.unwrap();
    let third = iam.create_access_key().user_name("ci").send().await;
    assert_eq!(refused(third), says("LimitExceeded", 409));
    let page = iam.list_access_keys().user_name("ci").max_items(1).send().await.unwrap();
    assert!(page.is_truncated && page.access_key_metadata().len() == 1);
    let rest =
        iam.list_access_keys().user_name("ci").marker(page.marker.unwrap()).send().await.unwrap();
    assert!(!rest.is_truncated && rest.access_key_metadata().len() == 1);

    let id = key.as_str();
    let unused = iam.get_access_key_last_used().access_key_id(id).send().await.unwrap();
    let used = unused.access_key_last_used.unwrap();
    assert_eq!((used.service_name(), used.last_used_date()), ("N/A", None));
    identity(&emulator, &World::credentials_of(&key)).await.unwrap();
    let answer = iam.get_access_key_last_used().access_key_id(id).send().await.unwrap();
    assert_eq!(answer.user_name(), Some("ci"));
    let used = answer.access_key_last_used.unwrap();
    assert_eq!((used.service_name(), used.region()), ("sts", "eu-west-1"));
    assert_eq!(used.last_used_date().unwrap().secs(), emulator.now().timestamp());

    iam.update_access_key()
        .user_name("ci")
        .access_key_id(id)
        .status(StatusType::Inactive)
        .send()
        .await
        .unwrap();
    let keys = iam.list_access_keys().user_name("ci").send().await.unwrap();
    let statuses: Vec<_> = keys.access_key_metadata().iter().map(|k| k.status().unwrap()).collect();
    assert!(statuses.contains(&&StatusType::Inactive) && statuses.contains(&&StatusType::Active));
    let odd = iam
        .update_access_key()
        .user_name("ci")
        .access_key_id(id)
        .status(StatusType::from("Gone"))
        .send()
        .await;
    assert_eq!(refused(odd), says("ValidationError", 400));
    let others = iam.delete_access_key().user_name("other").access_key_id(id).send().await;
    assert_eq!(refused(others), says("NoSuchEntity", 404), "a key is its user's");
    iam.delete_access_key().user_name("ci").access_key_id(id).send().await.unwrap();
    let gone = iam.delete_access_key().user_name("ci").access_key_id(id).send().await;
    assert_eq!(refused(gone), says("NoSuchEntity", 404));
    assert_eq!(
        refused(iam.list_access_keys().user_name("nobody").send().await),
        says("NoSuchEntity", 404)
    );
}

#[tokio::test]
async fn labels_move_by_compare_and_swap() {
    let emulator = start(world());
    let secrets = secrets(&emulator);
    let name = "/iam/ci/access_key";
    let create =
        || secrets.create_secret().name(name).client_request_token(A).secret_string("first");
    let made = create().send().await.unwrap();
    assert_eq!(made.version_id(), Some(A));
    create().send().await.expect("the same again is a no-op");
    assert_eq!(
        refused(create().secret_string("other").send().await),
        says("ResourceExistsException", 400)
    );

    let put = || {
        secrets
            .put_secret_value()
            .secret_id(name)
            .client_request_token(B)
            .version_stages("AWSPENDING")
    };
    let staged = put().secret_string("second").send().await.unwrap();
    assert_eq!(staged.version_stages(), ["AWSPENDING"]);
    put().secret_string("second").send().await.expect("the same again is a no-op");
    assert_eq!(
        refused(put().secret_string("other").send().await),
        says("ResourceExistsException", 400)
    );
    let short = put().client_request_token("short").secret_string("x").send().await;
    assert_eq!(refused(short), says("InvalidParameterException", 400));

    let promote = |from: &str| {
        let stage =
            secrets.update_secret_version_stage().secret_id(name).version_stage("AWSCURRENT");
        stage.move_to_version_id(B).remove_from_version_id(from)
    };
    let blind = promote("").set_remove_from_version_id(None).send().await;
    assert_eq!(refused(blind), says("InvalidParameterException", 400));
    promote(A).send().await.unwrap();
    let seen = secrets.describe_secret().secret_id(made.arn().unwrap()).send().await.unwrap();
    assert!(
        seen.arn().unwrap().starts_with(
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/ci/access_key-"
        )
    );
    let stages = seen.version_ids_to_stages().unwrap();
    assert_eq!(
        (stages[A].as_slice(), &stages[B][..]),
        (&["AWSPREVIOUS".to_owned()][..], &["AWSCURRENT".to_owned(), "AWSPENDING".into()][..])
    );

    let get = || secrets.get_secret_value().secret_id(name);
    assert_eq!(get().send().await.unwrap().secret_string(), Some("second"));
    assert_eq!(
        get().version_stage("AWSPREVIOUS").send().await.unwrap().secret_string(),
        Some("first")
    );
    assert_eq!(get().version_id(A).send().await.unwrap().version_stages(), ["AWSPREVIOUS"]);
    let crossed = get().version_id(A).version_stage("AWSCURRENT").send().await;
    assert_eq!(refused(crossed), says("InvalidRequestException", 400));
    assert_eq!(
        refused(get().version_stage("NONE").send().await),
        says("ResourceNotFoundException", 400)
    );
    assert_eq!(refused(get().version_id("x").send().await), says("ResourceNotFoundException", 400));
    let unstage = || {
        let stage =
            secrets.update_secret_version_stage().secret_id(name).version_stage("AWSPENDING");
        stage.remove_from_version_id(B).send()
    };
    unstage().await.unwrap();
    assert_eq!(
        refused(unstage().await),
        says("InvalidParameterException", 400),
        "it stands there no more"
    );
    assert_eq!(
        refused(promote(A).send().await),
        says("InvalidParameterException", 400),
        "nor does AWSCURRENT"
    );
}

#[tokio::test]
async fn versions_tags_and_deletion() {
    let emulator = start(world());
    let secrets = secrets(&emulator);
    let tag = SecretTag::builder().key("keyrot:user-id").value("ci").build();
    let made = secrets.create_secret().name("s").tags(tag.clone()).send().await.unwrap();
    assert_eq!(made.version_id(), None, "without a value there is no version");
    for value in ["1", "2", "3"] {
        secrets.put_secret_value().secret_id("s").secret_string(value).send().await.unwrap();
    }
    let list = || secrets.list_secret_version_ids().secret_id("s");
    assert_eq!(list().send().await.unwrap().versions().len(), 2, "one has no label");
    let pages: Vec<_> = list()
        .include_deprecated(true)
        .max_results(2)
        .into_paginator()
        .send()
        .collect::<Result<_, _>>()
        .await
        .unwrap();
    assert_eq!(pages.iter().map(|p| p.versions().len()).collect::<Vec<_>>(), [2, 1]);

    let more = SecretTag::builder().key("a").value("1").build();
    secrets.tag_resource().secret_id("s").tags(more.clone()).send().await.unwrap();
    let seen = secrets.describe_secret().secret_id("s").send().await.unwrap();
    assert_eq!(seen.tags(), [more, tag.clone()]);
    secrets.untag_resource().secret_id("s").tag_keys("a").send().await.unwrap();
    assert_eq!(secrets.describe_secret().secret_id("s").send().await.unwrap().tags(), [tag]);

    let early = secrets.delete_secret().secret_id("s").recovery_window_in_days(3).send().await;
    assert_eq!(refused(early), says("InvalidParameterException", 400));
    let gone =
        secrets.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.unwrap();
    assert_eq!(gone.deletion_date().unwrap().secs(), emulator.now().timestamp() + 7 * 86_400);
    assert!(
        secrets.describe_secret().secret_id("s").send().await.unwrap().deleted_date().is_some()
    );
    let refusal = says("InvalidRequestException", 400);
    assert_eq!(refused(secrets.get_secret_value().secret_id("s").send().await), refusal);
    assert_eq!(
        refused(secrets.put_secret_value().secret_id("s").secret_string("x").send().await),
        refusal
    );
    assert_eq!(refused(secrets.create_secret().name("s").secret_string("x").send().await), refusal);
    assert_eq!(
        refused(secrets.untag_resource().secret_id("s").tag_keys("a").send().await),
        refusal
    );
    secrets.restore_secret().secret_id("s").send().await.unwrap();
    assert_eq!(
        secrets.get_secret_value().secret_id("s").send().await.unwrap().secret_string(),
        Some("3")
    );
    let none = secrets.describe_secret().secret_id("none").send().await;
    assert_eq!(refused(none), says("ResourceNotFoundException", 400));

    let name = "s".parse().unwrap();
    emulator.change(|w| {
        w.set_region("eu-west-1");
        w.secret_mut(&name).unwrap().replica_of = Some("us-east-1".into());
    });
    assert_eq!(
        refused(secrets.put_secret_value().secret_id("s").secret_string("x").send().await),
        refusal
    );
    assert_eq!(
        secrets.describe_secret().secret_id("s").send().await.unwrap().primary_region(),
        Some("us-east-1")
    );
}

#[tokio::test]
async fn a_credential_report_is_created_once_in_four_hours() {
    let mut world = world();
    let ci = world.add_user("team/doe,jane", &[]).unwrap();
    world.add_key(&ci).unwrap();
    let emulator = start(world);
    let iam = iam(&emulator);
    let generate = async || {
        iam.generate_credential_report().send().await.unwrap().state.unwrap().as_str().to_owned()
    };
    assert_eq!(refused(iam.get_credential_report().send().await), says("ReportNotPresent", 410));
    assert_eq!(generate().await, "STARTED");
    assert_eq!(refused(iam.get_credential_report().send().await), says("ReportInProgress", 404));
    assert_eq!(generate().await, "COMPLETE");
    let report = iam.get_credential_report().send().await.unwrap();
    let text = String::from_utf8(report.content.unwrap().into_inner()).unwrap();
    let row = "\"doe,jane\",\"arn:aws:iam::123456789012:user/team/doe,jane\",";
    assert!(text.lines().nth(2).unwrap().starts_with(row), "{text}");

    emulator.change(|world| world.add_key(&ci)).unwrap();
    emulator.advance(Duration::from_secs(4 * 3600 - 1));
    assert_eq!(generate().await, "COMPLETE");
    let same = iam.get_credential_report().send().await.unwrap();
    assert_eq!(
        (same.generated_time, same.content.unwrap().into_inner()),
        (report.generated_time, text.into_bytes())
    );
    emulator.advance(Duration::from_secs(1));
    assert_eq!(refused(iam.get_credential_report().send().await), says("ReportExpired", 410));
    assert_eq!(generate().await, "STARTED");
}
