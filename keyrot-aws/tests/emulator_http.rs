//! The emulator, called by the real SDK.
#![allow(clippy::unwrap_used)]

use aws_sdk_iam::config::{BehaviorVersion, Credentials as SdkCredentials, Region};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::operation::RequestId;
use aws_sdk_iam::types::{EntityType, StatusType, Tag};
use aws_sdk_secretsmanager::types::Tag as SecretTag;
use aws_smithy_types::retry::RetryConfig;
use keyrot_aws::emulator::{
    ADMINISTRATOR, CallAt, Emulator, EmulatorOptions, Fault, Outcome, RateLimit, SECRET_READS, When, WorldTime,
};
use keyrot_core::memory::World;
use keyrot_core::{Credentials, KeyId, SecretKey, UserName};
use std::fmt::Debug;
use std::time::{Duration, Instant, SystemTime};

const A: &str = "keyrot-key-AKIAAAAAAAAAAAAAAAAA-1700000000";
const B: &str = "keyrot-key-AKIABBBBBBBBBBBBBBBB-1700000001";

fn world() -> World {
    World::new("2026-01-05T04:00:00Z".parse().unwrap())
}

fn start(world: World) -> Emulator {
    with(world, EmulatorOptions::default())
}

fn with(world: World, options: EmulatorOptions) -> Emulator {
    Emulator::start(world, EmulatorOptions { time: WorldTime::Still, ..options }).unwrap()
}

fn named(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

macro_rules! client {
    ($sdk:ident, $emulator:expr, $credentials:expr) => {{
        let Credentials { key, secret } = $credentials;
        let config = $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url($emulator.url())
            .retry_config(RetryConfig::disabled())
            .credentials_provider(SdkCredentials::new(key.as_str(), secret.expose(), None, None, "test"));
        $sdk::Client::from_conf(config.build())
    }};
}

fn iam(emulator: &Emulator) -> aws_sdk_iam::Client {
    client!(aws_sdk_iam, emulator, emulator.admin_credentials())
}

fn secrets(emulator: &Emulator) -> aws_sdk_secretsmanager::Client {
    client!(aws_sdk_secretsmanager, emulator, emulator.admin_credentials())
}

async fn identity(emulator: &Emulator, credentials: &Credentials) -> Result<String, String> {
    match client!(aws_sdk_sts, emulator, credentials).get_caller_identity().send().await {
        Ok(answer) => Ok(answer.arn.unwrap()),
        Err(error) => Err(refused::<(), _>(Err(error)).0),
    }
}

/// The code and the HTTP status of a refusal.
fn refused<T: Debug, E: ProvideErrorMetadata + Debug>(
    result: Result<T, SdkError<E, aws_smithy_runtime_api::http::Response>>,
) -> (String, u16) {
    match result.unwrap_err() {
        SdkError::ServiceError(e) => (e.err().code().unwrap().to_owned(), e.raw().status().as_u16()),
        other => panic!("a refusal was expected, not {other:?}"),
    }
}

fn says(code: &str, status: u16) -> (String, u16) {
    (code.to_owned(), status)
}

#[tokio::test]
async fn the_caller_is_who_signed() {
    let mut world = world();
    world.rules.propagation = Duration::from_secs(10);
    let user = world.add_user("team/ci", &[]).unwrap();
    let key = world.add_key(&user).unwrap().credentials;
    let emulator = start(world);

    let admin = emulator.admin_credentials().clone();
    assert_eq!(
        identity(&emulator, &admin).await.unwrap(),
        "arn:aws:sts::123456789012:assumed-role/emulator/administrator"
    );
    assert_eq!(identity(&emulator, &key).await.unwrap_err(), "InvalidClientTokenId", "not propagated yet");
    emulator.advance(Duration::from_secs(10));
    assert_eq!(identity(&emulator, &key).await.unwrap(), "arn:aws:iam::123456789012:user/team/ci");

    for known in [&admin.key, &key.key] {
        let forged = Credentials { key: known.clone(), secret: SecretKey::new("x".repeat(40)) };
        assert_eq!(identity(&emulator, &forged).await.unwrap_err(), "SignatureDoesNotMatch");
    }
    let stranger = World::credentials_of(&KeyId::parse("AKIASTRANGERSTRANGER").unwrap());
    assert_eq!(identity(&emulator, &stranger).await.unwrap_err(), "InvalidClientTokenId");
    emulator.change(|w| w.set_key_status(&user, &key.key, keyrot_core::KeyStatus::Inactive)).unwrap();
    assert_eq!(identity(&emulator, &key).await.unwrap_err(), "InvalidClientTokenId");
}

#[tokio::test]
async fn a_user_may_do_what_is_attached() {
    let mut world = world();
    let user = world.add_user("ci", &[]).unwrap();
    let key = world.add_key(&user).unwrap().credentials;
    let emulator = start(world);
    let own = client!(aws_sdk_iam, emulator, &key);
    let secrets = client!(aws_sdk_secretsmanager, emulator, &key);

    let error = own.list_users().send().await.unwrap_err();
    let message = error.message().unwrap();
    assert!(message.contains("user/ci is not authorized to perform: iam:ListUsers"), "{message}");
    assert_eq!(refused::<(), _>(Err(error)), says("AccessDenied", 403));
    let answer = secrets.describe_secret().secret_id("x").send().await;
    assert_eq!(refused(answer), says("AccessDeniedException", 400));

    emulator.change(|w| w.user_mut(&user).unwrap().policies.push(ADMINISTRATOR.into()));
    assert_eq!(own.list_users().send().await.unwrap().users().len(), 1);
    let keys = own.list_access_keys().send().await.unwrap();
    assert_eq!(keys.access_key_metadata()[0].user_name(), Some("ci"), "without a name it is the caller");
    assert_eq!(refused(iam(&emulator).list_access_keys().send().await), says("ValidationError", 400));

    let forged = Credentials { key: key.key, secret: SecretKey::new("x".repeat(40)) };
    let forged = client!(aws_sdk_secretsmanager, emulator, &forged);
    let answer = forged.describe_secret().secret_id("x").send().await;
    assert_eq!(refused(answer), says("InvalidSignatureException", 400));
    let stranger = World::credentials_of(&KeyId::parse("AKIASTRANGERSTRANGER").unwrap());
    let stranger = client!(aws_sdk_secretsmanager, emulator, &stranger);
    let answer = stranger.describe_secret().secret_id("x").send().await;
    assert_eq!(refused(answer), says("UnrecognizedClientException", 400));
}

#[tokio::test]
async fn users_and_tags() {
    let emulator = start(world());
    let iam = iam(&emulator);
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let made = iam.create_user().user_name("ci").path("/team/").tags(tag("keyrot", "a & <b>")).send().await.unwrap();
    assert!(made.request_id().is_some());
    assert_eq!(made.user.unwrap().arn, "arn:aws:iam::123456789012:user/team/ci");
    let again = iam.create_user().user_name("CI").send().await;
    assert_eq!(refused(again), says("EntityAlreadyExists", 409), "names are one whatever their case");

    iam.tag_user().user_name("ci").tags(tag("KeyRot", "true")).tags(tag("other", "1")).send().await.unwrap();
    let tags = iam.list_user_tags().user_name("ci").send().await.unwrap();
    assert_eq!(tags.tags(), [tag("KeyRot", "true"), tag("other", "1")], "keys are one whatever their case");
    let first = iam.list_user_tags().user_name("ci").max_items(1).send().await.unwrap();
    assert!(first.is_truncated);
    let second = iam.list_user_tags().user_name("ci").marker(first.marker.unwrap()).send().await.unwrap();
    assert_eq!(second.tags(), [tag("other", "1")]);

    iam.untag_user().user_name("ci").tag_keys("keyrot").tag_keys("other").send().await.unwrap();
    let user = iam.get_user().user_name("ci").send().await.unwrap().user.unwrap();
    assert_eq!((user.path.as_str(), user.tags().len()), ("/team/", 0));
    emulator.change(|w| w.user_mut(&named("ci")).unwrap().policies.push("AWSCompromisedKeyQuarantineV3".into()));
    let attached = iam.list_attached_user_policies().user_name("ci").send().await.unwrap();
    assert_eq!(attached.attached_policies()[0].policy_name(), Some("AWSCompromisedKeyQuarantineV3"));

    assert_eq!(refused(iam.get_user().user_name("nobody").send().await), says("NoSuchEntity", 404));
    assert_eq!(refused(iam.list_user_tags().user_name("nobody").send().await), says("NoSuchEntity", 404));
    assert_eq!(refused(iam.tag_user().user_name("nobody").tags(tag("a", "b")).send().await), says("NoSuchEntity", 404));
    assert_eq!(refused(iam.get_user().user_name("no body").send().await), says("ValidationError", 400));
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
    let emulator = with(world, EmulatorOptions { page_limit: Some(4), ..EmulatorOptions::default() });
    let iam = iam(&emulator);

    let pages = iam.get_account_authorization_details().filter(EntityType::User).max_items(1000).into_paginator();
    let pages: Vec<_> = pages.send().collect::<Result<_, _>>().await.unwrap();
    let users: Vec<_> = pages.iter().flat_map(|p| p.user_detail_list()).collect();
    assert_eq!((pages.len(), users.len()), (2, 6), "pages are shorter than asked for");
    assert_eq!(users[5].tags()[0].value(), "4");
    assert!(users[0].tags().is_empty() && users[0].user_name() == Some("plain"));
    let roles = iam.get_account_authorization_details().filter(EntityType::Role).send().await.unwrap();
    assert!(roles.user_detail_list().is_empty());

    let pages = iam.list_users().path_prefix("/a/").max_items(2).into_paginator();
    let pages: Vec<_> = pages.send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(pages.iter().map(|p| p.users().len()).collect::<Vec<_>>(), [2, 1]);
    assert!(pages[0].users()[0].tags().is_empty(), "ListUsers shows no tags");
    assert_eq!(refused(iam.list_users().max_items(1001).send().await), says("ValidationError", 400));
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
    let rest = iam.list_access_keys().user_name("ci").marker(page.marker.unwrap()).send().await.unwrap();
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

    iam.update_access_key().user_name("ci").access_key_id(id).status(StatusType::Inactive).send().await.unwrap();
    let keys = iam.list_access_keys().user_name("ci").send().await.unwrap();
    let statuses: Vec<_> = keys.access_key_metadata().iter().map(|k| k.status().unwrap()).collect();
    assert!(statuses.contains(&&StatusType::Inactive) && statuses.contains(&&StatusType::Active));
    let odd = iam.update_access_key().user_name("ci").access_key_id(id).status(StatusType::from("Gone")).send().await;
    assert_eq!(refused(odd), says("ValidationError", 400));
    let others = iam.delete_access_key().user_name("other").access_key_id(id).send().await;
    assert_eq!(refused(others), says("NoSuchEntity", 404), "a key is its user's");
    iam.delete_access_key().user_name("ci").access_key_id(id).send().await.unwrap();
    let gone = iam.delete_access_key().user_name("ci").access_key_id(id).send().await;
    assert_eq!(refused(gone), says("NoSuchEntity", 404));
    assert_eq!(refused(iam.list_access_keys().user_name("nobody").send().await), says("NoSuchEntity", 404));
}

#[tokio::test]
async fn labels_move_by_compare_and_swap() {
    let emulator = start(world());
    let secrets = secrets(&emulator);
    let name = "/iam/ci/access_key";
    let create = || secrets.create_secret().name(name).client_request_token(A).secret_string("first");
    let made = create().send().await.unwrap();
    assert_eq!(made.version_id(), Some(A));
    create().send().await.expect("the same again is a no-op");
    assert_eq!(refused(create().secret_string("other").send().await), says("ResourceExistsException", 400));

    let put = || secrets.put_secret_value().secret_id(name).client_request_token(B).version_stages("AWSPENDING");
    let staged = put().secret_string("second").send().await.unwrap();
    assert_eq!(staged.version_stages(), ["AWSPENDING"]);
    put().secret_string("second").send().await.expect("the same again is a no-op");
    assert_eq!(refused(put().secret_string("other").send().await), says("ResourceExistsException", 400));
    let short = put().client_request_token("short").secret_string("x").send().await;
    assert_eq!(refused(short), says("InvalidParameterException", 400));

    let promote = |from: &str| {
        let stage = secrets.update_secret_version_stage().secret_id(name).version_stage("AWSCURRENT");
        stage.move_to_version_id(B).remove_from_version_id(from)
    };
    let blind = promote("").set_remove_from_version_id(None).send().await;
    assert_eq!(refused(blind), says("InvalidParameterException", 400));
    promote(A).send().await.unwrap();
    let seen = secrets.describe_secret().secret_id(made.arn().unwrap()).send().await.unwrap();
    assert!(
        seen.arn().unwrap().starts_with("arn:aws:secretsmanager:eu-west-1:123456789012:secret:/iam/ci/access_key-")
    );
    let stages = seen.version_ids_to_stages().unwrap();
    assert_eq!(
        (stages[A].as_slice(), &stages[B][..]),
        (&["AWSPREVIOUS".to_owned()][..], &["AWSCURRENT".to_owned(), "AWSPENDING".into()][..])
    );

    let get = || secrets.get_secret_value().secret_id(name);
    assert_eq!(get().send().await.unwrap().secret_string(), Some("second"));
    assert_eq!(get().version_stage("AWSPREVIOUS").send().await.unwrap().secret_string(), Some("first"));
    assert_eq!(get().version_id(A).send().await.unwrap().version_stages(), ["AWSPREVIOUS"]);
    let crossed = get().version_id(A).version_stage("AWSCURRENT").send().await;
    assert_eq!(refused(crossed), says("InvalidRequestException", 400));
    assert_eq!(refused(get().version_stage("NONE").send().await), says("ResourceNotFoundException", 400));
    assert_eq!(refused(get().version_id("x").send().await), says("ResourceNotFoundException", 400));
    let unstage = || {
        let stage = secrets.update_secret_version_stage().secret_id(name).version_stage("AWSPENDING");
        stage.remove_from_version_id(B).send()
    };
    unstage().await.unwrap();
    assert_eq!(refused(unstage().await), says("InvalidParameterException", 400), "it stands there no more");
    assert_eq!(refused(promote(A).send().await), says("InvalidParameterException", 400), "nor does AWSCURRENT");
}

#[tokio::test]
async fn versions_tags_and_deletion() {
    let emulator = start(world());
    let secrets = secrets(&emulator);
    let tag = SecretTag::builder().key("keyrot:user").value("ci").build();
    let made = secrets.create_secret().name("s").tags(tag.clone()).send().await.unwrap();
    assert_eq!(made.version_id(), None, "without a value there is no version");
    for value in ["1", "2", "3"] {
        secrets.put_secret_value().secret_id("s").secret_string(value).send().await.unwrap();
    }
    let list = || secrets.list_secret_version_ids().secret_id("s");
    assert_eq!(list().send().await.unwrap().versions().len(), 2, "one has no label");
    let pages: Vec<_> =
        list().include_deprecated(true).max_results(2).into_paginator().send().collect::<Result<_, _>>().await.unwrap();
    assert_eq!(pages.iter().map(|p| p.versions().len()).collect::<Vec<_>>(), [2, 1]);

    let more = SecretTag::builder().key("a").value("1").build();
    secrets.tag_resource().secret_id("s").tags(more.clone()).send().await.unwrap();
    let seen = secrets.describe_secret().secret_id("s").send().await.unwrap();
    assert_eq!(seen.tags(), [more, tag.clone()]);
    secrets.untag_resource().secret_id("s").tag_keys("a").send().await.unwrap();
    assert_eq!(secrets.describe_secret().secret_id("s").send().await.unwrap().tags(), [tag]);

    let early = secrets.delete_secret().secret_id("s").recovery_window_in_days(3).send().await;
    assert_eq!(refused(early), says("InvalidParameterException", 400));
    let gone = secrets.delete_secret().secret_id("s").recovery_window_in_days(7).send().await.unwrap();
    assert_eq!(gone.deletion_date().unwrap().secs(), emulator.now().timestamp() + 7 * 86_400);
    assert!(secrets.describe_secret().secret_id("s").send().await.unwrap().deleted_date().is_some());
    let refusal = says("InvalidRequestException", 400);
    assert_eq!(refused(secrets.get_secret_value().secret_id("s").send().await), refusal);
    assert_eq!(refused(secrets.put_secret_value().secret_id("s").secret_string("x").send().await), refusal);
    assert_eq!(refused(secrets.create_secret().name("s").secret_string("x").send().await), refusal);
    assert_eq!(refused(secrets.untag_resource().secret_id("s").tag_keys("a").send().await), refusal);
    secrets.restore_secret().secret_id("s").send().await.unwrap();
    assert_eq!(secrets.get_secret_value().secret_id("s").send().await.unwrap().secret_string(), Some("3"));
    let none = secrets.describe_secret().secret_id("none").send().await;
    assert_eq!(refused(none), says("ResourceNotFoundException", 400));

    let name = "s".parse().unwrap();
    emulator.change(|w| w.secret_mut(&name).unwrap().replica_of = Some("us-east-1".into()));
    assert_eq!(refused(secrets.put_secret_value().secret_id("s").secret_string("x").send().await), refusal);
    assert_eq!(secrets.describe_secret().secret_id("s").send().await.unwrap().primary_region(), Some("us-east-1"));
}

#[tokio::test]
async fn calls_beyond_the_rate_are_throttled() {
    let mut world = world();
    for n in 0..6 {
        world.add_user(&format!("u{n}"), &[]).unwrap();
    }
    let limits = vec![RateLimit::new(&["CreateAccessKey"], 5.0, 3.0), RateLimit::new(SECRET_READS, 0.01, 1.0)];
    let emulator = with(world, EmulatorOptions { limits, ..EmulatorOptions::default() });
    let (iam, secrets) = (iam(&emulator), secrets(&emulator));
    // The first call sets up the connection, so that the burst is one.
    iam.list_users().send().await.unwrap();
    let mut answers = Vec::new();
    for n in 0..5 {
        answers.push(iam.create_access_key().user_name(format!("u{n}")).send().await);
    }
    let refusals: Vec<_> = answers.into_iter().filter(Result::is_err).map(refused).collect();
    assert!(!refusals.is_empty() && refusals.iter().all(|r| *r == says("Throttling", 400)), "{refusals:?}");
    assert_eq!(emulator.stats().of("CreateAccessKey").throttled, refusals.len());
    let made = emulator.world().users().filter(|u| !u.keys().is_empty()).count();
    assert_eq!(made, 5 - refusals.len(), "a throttled call is not carried out");

    tokio::time::sleep(Duration::from_millis(300)).await;
    iam.create_access_key().user_name("u5").send().await.expect("the bucket was refilled");
    drop(secrets.get_secret_value().secret_id("s").send().await);
    let shared = secrets.describe_secret().secret_id("s").send().await;
    assert_eq!(refused(shared), says("ThrottlingException", 400), "the two share a bucket");
    let per_second = emulator.stats().per_second(Some("CreateAccessKey"));
    assert_eq!(per_second.iter().map(|c| c.calls).sum::<usize>(), 6);
    emulator.limit(Vec::new());
    for _ in 0..20 {
        assert_eq!(refused(secrets.describe_secret().secret_id("s").send().await).0, "ResourceNotFoundException");
    }
}

#[tokio::test]
async fn requests_and_replies_are_lost() {
    let mut world = world();
    world.add_user("ci", &[]).unwrap();
    world.add_user("other", &[]).unwrap();
    let emulator = start(world);
    let iam = iam(&emulator);
    let keys = || emulator.world().user(&named("ci")).unwrap().keys().len();
    let create = || iam.create_access_key().user_name("ci").send();

    emulator.inject(CallAt::first("CreateAccessKey").about("ci").after(1), Fault::LostReply);
    emulator.inject(CallAt::first("CreateAccessKey").about("ci"), Fault::LostRequest);
    iam.create_access_key().user_name("other").send().await.expect("it is not meant");
    assert!(matches!(create().await.unwrap_err(), SdkError::DispatchFailure(_)));
    assert_eq!(keys(), 0);
    assert!(matches!(create().await.unwrap_err(), SdkError::DispatchFailure(_)));
    assert_eq!(keys(), 1);
    create().await.expect("the third is not meant");
    let outcomes: Vec<_> = emulator.stats().log.into_iter().map(|e| (e.subject.unwrap(), e.outcome)).collect();
    let ci = |outcome| ("ci".to_owned(), outcome);
    assert_eq!(
        outcomes,
        [("other".to_owned(), Outcome::Done), ci(Outcome::LostRequest), ci(Outcome::LostReply), ci(Outcome::Done)]
    );

    emulator.inject(CallAt::every("ListUsers"), Fault::denied());
    let error = iam.list_users().send().await.unwrap_err();
    assert!(error.message().unwrap().contains("iam:ListUsers"));
    assert_eq!(refused::<(), _>(Err(error)), says("AccessDenied", 403));
    emulator.heal();
    iam.list_users().send().await.unwrap();
    emulator.inject(CallAt::nth(1), Fault::server_error());
    iam.list_users().send().await.unwrap();
    assert_eq!(refused(iam.list_users().send().await), says("InternalFailure", 500));
    let late = Duration::from_millis(80);
    emulator.inject(CallAt::first("ListUsers"), Fault::Delay(late));
    let began = Instant::now();
    iam.list_users().send().await.unwrap();
    assert!(began.elapsed() >= late);
}

#[tokio::test]
async fn a_call_is_held_until_the_test_has_done_its_part() {
    let mut world = world();
    world.add_user("ci", &[]).unwrap();
    let emulator = start(world);
    let iam = iam(&emulator);
    let keys = || emulator.world().user(&named("ci")).unwrap().keys().len();
    let create = || tokio::spawn(iam.create_access_key().user_name("ci").send());

    let gate = emulator.pause(CallAt::first("CreateAccessKey"), When::Before);
    let call = create();
    gate.reached().await;
    assert_eq!((keys(), call.is_finished()), (0, false));
    gate.release();
    call.await.unwrap().unwrap();
    assert_eq!(keys(), 1);

    // The client dies while its request is held: it is never carried out.
    let gate = emulator.pause(CallAt::first("CreateAccessKey"), When::Before);
    let call = create();
    assert!(tokio::task::spawn_blocking(move || (gate.wait(Duration::from_secs(10)), gate)).await.unwrap().0);
    call.abort();
    assert_eq!(keys(), 1);

    // The client dies after its request was carried out.
    let gate = emulator.pause(CallAt::first("CreateAccessKey"), When::After);
    let call = create();
    gate.reached().await;
    call.abort();
    drop(gate);
    assert_eq!(keys(), 2);
    let listed = iam.list_access_keys().user_name("ci").send().await.unwrap();
    assert_eq!(listed.access_key_metadata().len(), 2, "and the emulator goes on");
}

#[tokio::test]
async fn what_has_arrived_is_carried_out_though_the_client_is_gone() {
    let mut world = world();
    world.add_user("ci", &[]).unwrap();
    let latency = Duration::from_millis(100);
    let emulator = with(world, EmulatorOptions { latency, ..EmulatorOptions::default() });
    let iam = iam(&emulator);
    let began = Instant::now();
    iam.list_users().send().await.unwrap();
    assert!(began.elapsed() >= latency);
    let call = tokio::spawn(iam.create_access_key().user_name("ci").send());
    while emulator.stats().of("CreateAccessKey").calls == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    call.abort();
    let end = Instant::now() + Duration::from_secs(10);
    while emulator.world().user(&named("ci")).unwrap().keys().is_empty() {
        assert!(Instant::now() < end, "the key is made");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn the_clock_follows_the_machine_or_the_test() {
    let options = || EmulatorOptions { time: WorldTime::Wall, ..EmulatorOptions::default() };
    let emulator = Emulator::start(world(), options()).unwrap();
    let present = |emulator: &Emulator| (chrono::DateTime::from(SystemTime::now()) - emulator.now()).abs();
    assert!(present(&emulator) < chrono::TimeDelta::seconds(5));
    emulator.advance(Duration::from_secs(86_400));
    let ahead = present(&emulator);
    assert!(ahead > chrono::TimeDelta::hours(23) && ahead < chrono::TimeDelta::hours(25));

    let still = start(world());
    still.advance(Duration::from_secs(60));
    assert_eq!(still.now().to_rfc3339(), "2026-01-05T04:01:00+00:00");
    let url = still.url();
    still.stop();
    assert!(std::net::TcpStream::connect(url.trim_start_matches("http://")).is_err(), "it has stopped");
}
