//! Rates, faults, gates, the clock.

use super::*;

#[tokio::test]
async fn calls_beyond_the_rate_are_throttled() {
    let mut world = world();
    for n in 0..6 {
        world.add_user(&format!("u{n}"), &[]).unwrap();
    }
    let limits = vec![
        RateLimit::new(&["CreateAccessKey"], 5.0, 3.0),
        RateLimit::new(SECRET_READS, 0.01, 1.0),
    ];
    let emulator = with(world, EmulatorOptions { limits, ..EmulatorOptions::default() });
    let (iam, secrets) = (iam(&emulator), secrets(&emulator));
    // The first call sets up the connection, so that the calls arrive as one burst.
    iam.list_users().send().await.unwrap();
    let mut answers = Vec::new();
    for n in 0..5 {
        answers.push(iam.create_access_key().user_name(format!("u{n}")).send().await);
    }
    let refusals: Vec<_> = answers.into_iter().filter(Result::is_err).map(refused).collect();
    assert!(
        !refusals.is_empty() && refusals.iter().all(|r| *r == says("Throttling", 400)),
        "{refusals:?}"
    );
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
        assert_eq!(
            refused(secrets.describe_secret().secret_id("s").send().await).0,
            "ResourceNotFoundException"
        );
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
    let outcomes: Vec<_> =
        emulator.stats().log.into_iter().map(|e| (e.subject.unwrap(), e.outcome)).collect();
    let ci = |outcome| ("ci".to_owned(), outcome);
    assert_eq!(
        outcomes,
        [
            ("other".to_owned(), Outcome::Done),
            ci(Outcome::LostRequest),
            ci(Outcome::LostReply),
            ci(Outcome::Done)
        ]
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
    assert!(
        tokio::task::spawn_blocking(move || (gate.wait(Duration::from_secs(10)), gate))
            .await
            .unwrap()
            .0
    );
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
async fn a_request_that_arrived_is_carried_out_though_the_client_is_gone() {
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
    let present =
        |emulator: &Emulator| (chrono::DateTime::from(SystemTime::now()) - emulator.now()).abs();
    assert!(present(&emulator) < chrono::TimeDelta::seconds(5));
    emulator.advance(Duration::from_secs(86_400));
    let ahead = present(&emulator);
    assert!(ahead > chrono::TimeDelta::hours(23) && ahead < chrono::TimeDelta::hours(25));

    let still = start(world());
    still.advance(Duration::from_secs(60));
    assert_eq!(still.now().to_rfc3339(), "2026-01-05T04:01:00+00:00");
    let url = still.url();
    still.stop();
    assert!(
        std::net::TcpStream::connect(url.trim_start_matches("http://")).is_err(),
        "it has stopped"
    );
}
