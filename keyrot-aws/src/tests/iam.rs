use super::{Answer, HIDDEN, Script, key, throttle, user, xml, xml_error};
use keyrot_core::{Effect, ErrorKind, IamPort, KeyStatus, LastUse};

fn listed(letter: char, status: &str) -> String {
    format!(
        "<member><UserName>ci</UserName><AccessKeyId>{}</AccessKeyId><Status>{status}</Status>\
         <CreateDate>2026-01-02T03:04:05Z</CreateDate></member>",
        key(letter)
    )
}

fn page(members: &str, marker: Option<&str>) -> Answer {
    let rest = marker.map_or_else(
        || "<IsTruncated>false</IsTruncated>".to_owned(),
        |m| format!("<IsTruncated>true</IsTruncated><Marker>{m}</Marker>"),
    );
    xml("ListAccessKeys", &format!("<AccessKeyMetadata>{members}</AccessKeyMetadata>{rest}"))
}

fn created() -> Answer {
    let made = format!(
        "<AccessKey><UserName>ci</UserName><AccessKeyId>{}</AccessKeyId><Status>Active</Status>\
         <SecretAccessKey>{HIDDEN}</SecretAccessKey><CreateDate>2026-01-02T03:04:05Z</CreateDate></AccessKey>",
        key('B')
    );
    xml("CreateAccessKey", &made)
}

#[tokio::test(start_paused = true)]
async fn the_list_of_keys_is_followed_through_empty_pages_and_keeps_unknown_statuses() {
    let (aws, script) = Script::aws([
        page(&listed('A', "Active"), Some("m1")),
        page("", Some("m2")),
        page(&(listed('B', "Inactive") + &listed('C', "Expired") + &listed('D', "Haunted")), None),
    ])
    .await;
    let keys = aws.list_keys(&user()).await.unwrap();
    let statuses: Vec<_> = keys.into_iter().map(|k| k.status).collect();
    let other = |s: &str| KeyStatus::Other(s.into());
    assert_eq!(
        statuses,
        [KeyStatus::Active, KeyStatus::Inactive, other("Expired"), other("Haunted")]
    );
    assert_eq!(script.actions(), ["ListAccessKeys"; 3]);
    let requests = script.requests();
    assert!(requests.iter().all(|r| r.body.contains("UserName=ci")), "{requests:?}");
    assert!(requests[2].body.contains("Marker=m2"), "{requests:?}");
}

#[tokio::test(start_paused = true)]
async fn half_a_list_is_an_error() {
    for end in
        ["<IsTruncated>true</IsTruncated>", "<IsTruncated>true</IsTruncated><Marker>m1</Marker>"]
    {
        let half = format!("<AccessKeyMetadata/>{end}");
        let (aws, _) = Script::aws([page("", Some("m1")), xml("ListAccessKeys", &half)]).await;
        let error = aws.list_keys(&user()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Other);
        assert!(error.message.contains("further page"), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_is_repeated_after_throttles_lost_answers_and_failures() {
    let (aws, script) = Script::aws([
        throttle(),
        throttle(),
        Answer::Lost,
        xml_error(500, "ServiceFailure", "oops"),
        page(&listed('A', "Active"), None),
    ])
    .await;
    assert_eq!(aws.list_keys(&user()).await.unwrap().len(), 1);
    assert_eq!(script.actions().len(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_read_gives_up_after_three_lost_answers_and_has_no_effect() {
    let (aws, script) = Script::aws([Answer::Lost, Answer::Silent, Answer::Lost]).await;
    let error = aws.list_keys(&user()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::None));
    assert!(error.message.contains("in 3 attempts"), "{error}");
    assert_eq!(script.actions().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_created_once_and_throttles_are_waited_out() {
    let (aws, script) = Script::aws([throttle(), throttle(), throttle(), created()]).await;
    let new = aws.create_key(&user()).await.unwrap();
    assert_eq!((new.credentials.key, new.credentials.secret.expose()), (key('B'), HIDDEN));
    assert_eq!(new.created.to_rfc3339(), "2026-01-02T03:04:05+00:00");
    assert_eq!(script.actions(), ["CreateAccessKey"; 4]);
}

#[tokio::test(start_paused = true)]
async fn the_creation_of_a_key_is_never_repeated_after_a_lost_reply() {
    let failure = || xml_error(500, "ServiceFailure", "An internal error");
    let broken = || Answer::Http(200, "<CreateAccessKeyResponse><CreateAccess".into());
    for answer in [
        Answer::Lost,
        Answer::Silent,
        failure(),
        xml_error(503, "ServiceUnavailable", "busy"),
        broken(),
    ] {
        let (aws, script) = Script::aws([answer]).await;
        let error = aws.create_key(&user()).await.unwrap_err();
        assert_eq!(
            (error.kind, error.effect),
            (ErrorKind::Unavailable, Effect::Unknown),
            "{error}"
        );
        assert!(error.message.contains("iam:CreateAccessKey for user ci"), "{error}");
        assert!(error.message.contains("not known whether it was carried out"), "{error}");
        assert_eq!(script.actions(), ["CreateAccessKey"]);
    }
}

#[tokio::test(start_paused = true)]
async fn endless_throttling_ends_within_the_time_limit_of_a_call_without_effect() {
    let began = tokio::time::Instant::now();
    let (aws, script) = Script::aws(std::iter::repeat_with(throttle).take(500)).await;
    let error = aws.create_key(&user()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Throttled, Effect::None), "{error}");
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    assert!(script.requests().len() > 5, "{}", script.requests().len());
}

#[tokio::test(start_paused = true)]
async fn a_third_key_is_refused_and_nothing_was_done() {
    let quota = xml_error(409, "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2");
    let (aws, _) = Script::aws([quota]).await;
    let error = aws.create_key(&user()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::LimitExceeded, Effect::None));
    assert!(error.message.contains("at most two keys"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_is_named_with_the_request() {
    let said = "User: arn:aws:iam::123456789012:user/rotator is not authorized to perform: iam:CreateAccessKey on \
                resource: user ci because no identity-based policy allows the iam:CreateAccessKey action";
    let (aws, _) = Script::aws([xml_error(403, "AccessDenied", said)]).await;
    let error = aws.create_key(&user()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
    for part in
        ["AccessDenied", "request id 11111111-2222", "need iam:CreateAccessKey;", "user/rotator"]
    {
        assert!(error.message.contains(part), "{part}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn expired_credentials_and_a_wrong_clock_say_what_to_do() {
    let cases = [
        ("ExpiredToken", "The security token included in the request is expired", "renew them"),
        (
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
            "renew them",
        ),
        (
            "SignatureDoesNotMatch",
            "Signature expired: 20260101T000000Z is now earlier than …",
            "clock",
        ),
        (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match",
            "does not fit its id",
        ),
    ];
    for (code, said, hint) in cases {
        let (aws, _) = Script::aws([xml_error(403, code, said)]).await;
        let error = aws.list_keys(&user()).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
        assert!(error.message.contains(hint), "{error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeatable_change_is_repeated_and_remembers_a_lost_answer() {
    let done = || xml("UpdateAccessKey", "");
    let (aws, script) = Script::aws([Answer::Lost, done()]).await;
    aws.deactivate_key(&user(), &key('A')).await.unwrap();
    assert_eq!(script.actions(), ["UpdateAccessKey"; 2]);
    assert!(script.requests()[0].body.contains("Status=Inactive"));
    let (aws, script) = Script::aws([Answer::Lost, done()]).await;
    aws.activate_key(&user(), &key('A')).await.unwrap();
    assert_eq!(script.actions(), ["UpdateAccessKey"; 2]);
    let body = &script.requests()[0].body;
    assert!(body.contains("Status=Active") && body.contains("UserName=ci"), "{body}");

    let gone = || xml_error(404, "NoSuchEntity", "The Access Key cannot be found.");
    let (aws, _) = Script::aws([gone()]).await;
    let error = aws.deactivate_key(&user(), &key('A')).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    let (aws, _) = Script::aws([Answer::Lost, throttle(), gone()]).await;
    let error = aws.deactivate_key(&user(), &key('A')).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::Unknown));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_already_gone_counts_as_deleted() {
    let gone = || xml_error(404, "NoSuchEntity", "The Access Key cannot be found.");
    for answers in [vec![gone()], vec![Answer::Lost, gone()], vec![xml("DeleteAccessKey", "")]] {
        let (aws, script) = Script::aws(answers).await;
        aws.delete_key(&user(), &key('A')).await.unwrap();
        assert!(script.actions().iter().all(|a| a == "DeleteAccessKey"));
        assert!(script.requests()[0].body.contains("UserName=ci"));
    }
    let (aws, _) = Script::aws([xml_error(403, "AccessDenied", "no")]).await;
    assert_eq!(aws.delete_key(&user(), &key('A')).await.unwrap_err().kind, ErrorKind::Denied);
}

fn last_used(owner: &str, inside: &str) -> Answer {
    xml(
        "GetAccessKeyLastUsed",
        &format!("<UserName>{owner}</UserName><AccessKeyLastUsed>{inside}</AccessKeyLastUsed>"),
    )
}

#[tokio::test(start_paused = true)]
async fn only_a_complete_answer_says_that_a_key_has_no_recorded_use() {
    let never = "<Region>N/A</Region><ServiceName>N/A</ServiceName>";
    let used = "<Region>eu-west-1</Region><ServiceName>s3</ServiceName><LastUsedDate>2026-01-02T03:04:05Z</LastUsedDate>";
    let (aws, _) = Script::aws([last_used("ci", never), last_used("ci", used)]).await;
    assert_eq!(aws.last_use(&user(), &key('A')).await.unwrap(), LastUse::NoRecord);
    let LastUse::At { when, service, region } = aws.last_use(&user(), &key('A')).await.unwrap()
    else {
        panic!("a use is on record")
    };
    assert_eq!((service.as_str(), region.as_str()), ("s3", "eu-west-1"));
    assert_eq!(when.to_rfc3339(), "2026-01-02T03:04:05+00:00");

    for strange in [
        last_used("ci", ""),
        last_used("ci", "<Region>eu-west-1</Region><ServiceName>s3</ServiceName>"),
        last_used("somebody", never),
        xml("GetAccessKeyLastUsed", "<UserName>ci</UserName>"),
    ] {
        let (aws, _) = Script::aws([strange]).await;
        assert_eq!(aws.last_use(&user(), &key('A')).await.unwrap_err().kind, ErrorKind::Other);
    }
    let (aws, _) = Script::aws([xml_error(403, "AccessDenied", "no")]).await;
    assert_eq!(aws.last_use(&user(), &key('A')).await.unwrap_err().kind, ErrorKind::Denied);
}

#[tokio::test]
async fn a_connection_that_was_never_made_has_no_effect() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let endpoints = crate::Endpoints { all: Some(url.clone()), ..Default::default() };
    let settings = crate::AwsSettings {
        region: Some("eu-central-1".into()),
        credentials: Some(crate::CallerCredentials {
            key_id: "AKIACALLERCALLERCALL".into(),
            secret: keyrot_core::SecretKey::new("caller-secret".into()),
            session_token: None,
        }),
        endpoints,
        ..Default::default()
    };
    let aws = crate::Aws::connect(&settings).await.unwrap();
    let error = aws.create_key(&user()).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::None), "{error}");
    assert!(error.message.contains("it refused it"), "{error}");
}
