use super::*;
use async_trait::async_trait;
use keyrot_core::consumer::{Published, VersionStage};
use keyrot_core::model::NoKey;
use keyrot_core::model::{VersionId, after};
use keyrot_core::{CallError, ErrorKind, KeyId, SecretKey, Timestamp};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A secret, and a clock that is set by hand.
#[derive(Clone)]
struct Scene(Arc<Mutex<State>>, Arc<AtomicUsize>);

struct State {
    now: Timestamp,
    answer: Result<Published, CallError>,
    hangs: bool,
}

#[async_trait]
impl CredentialSource for Scene {
    async fn published(&self, _: &SecretId, _: VersionStage) -> Result<Published, CallError> {
        self.1.fetch_add(1, Ordering::SeqCst);
        let hangs = self.0.lock().unwrap().hangs;
        if hangs {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        self.0.lock().unwrap().answer.clone()
    }
}

#[async_trait]
impl Clock for Scene {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap().now
    }

    fn aws_now(&self) -> Option<Timestamp> {
        None
    }

    async fn sleep(&self, _: Duration) {}

    async fn time_limit(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

fn key(name: char) -> Published {
    let credentials = Credentials {
        key: KeyId::parse(format!("AKIA{}", name.to_string().repeat(16))).unwrap(),
        secret: SecretKey::new(format!("hunter2-{name}")),
    };
    Published::Key {
        version: VersionId::parse("keyrot-key-AKIAAAAAAAAAAAAAAAAA-1700000000").unwrap(),
        credentials,
    }
}

fn outage() -> Result<Published, CallError> {
    Err(CallError::lost("connection refused"))
}

impl Scene {
    fn new() -> (Self, RotatedCredentials) {
        let state = State {
            now: "2026-01-05T04:00:00Z".parse().unwrap(),
            answer: Ok(key('A')),
            hangs: false,
        };
        let scene = Self(Arc::new(Mutex::new(state)), Arc::default());
        let secret = SecretId::parse("/iam/ci/access_key").unwrap();
        let rotated = RotatedCredentials::new(scene.clone(), secret).clock(Arc::new(scene.clone()));
        (scene, rotated)
    }

    fn answer(&self, answer: Result<Published, CallError>) {
        self.0.lock().unwrap().answer = answer;
    }

    fn pass(&self, time: Duration) {
        let mut state = self.0.lock().unwrap();
        state.now = after(state.now, time);
    }

    fn reads(&self) -> usize {
        self.1.load(Ordering::SeqCst)
    }
}

async fn id(rotated: &RotatedCredentials) -> char {
    rotated.credentials().await.unwrap().key.as_str().chars().last().unwrap()
}

#[tokio::test]
async fn a_key_is_read_again_after_five_minutes_and_says_so_to_the_sdk() {
    let (scene, rotated) = Scene::new();
    let given = rotated.provide_credentials().await.unwrap();
    let expiry: Timestamp = given.expiry().unwrap().into();
    assert_eq!((expiry - scene.now()).num_seconds(), 300);
    scene.answer(Ok(key('B')));
    scene.pass(MINUTE * 5 - Duration::from_secs(1));
    assert_eq!((id(&rotated).await, scene.reads()), ('A', 1));
    scene.pass(Duration::from_secs(1));
    assert_eq!((id(&rotated.clone()).await, scene.reads()), ('B', 2));
    assert_eq!((id(&rotated).await, scene.reads()), ('B', 2), "clones share what was read");
}

#[tokio::test]
async fn many_callers_read_once() {
    let (scene, rotated) = Scene::new();
    let calls = (0..50).map(|_| rotated.credentials());
    let all = futures_util::future::join_all(calls).await;
    assert!(all.iter().all(Result::is_ok));
    assert_eq!(scene.reads(), 1);
}

#[tokio::test]
async fn in_an_outage_the_last_key_is_used_for_only_half_of_the_overlap() {
    let (scene, rotated) = Scene::new();
    let rotated = rotated.overlap(HOUR * 4);
    assert_eq!(id(&rotated).await, 'A');
    scene.answer(outage());
    scene.pass(HOUR * 2 - Duration::from_secs(30));
    assert_eq!((id(&rotated).await, scene.reads()), ('A', 2));
    assert_eq!(
        (id(&rotated).await, scene.reads()),
        ('A', 2),
        "an outage is not asked about at each request"
    );
    let expiry: Timestamp = rotated.provide_credentials().await.unwrap().expiry().unwrap().into();
    assert_eq!((expiry - scene.now()).num_seconds(), 30, "not even the SDK keeps it for longer");
    scene.pass(Duration::from_secs(30));
    let error = rotated.credentials().await.unwrap_err();
    assert!(matches!(error, ReadError::Failed { .. }), "{error}");
    scene.answer(Ok(key('B')));
    assert_eq!(id(&rotated).await, 'B');
}

#[tokio::test(start_paused = true)]
async fn a_caller_with_a_key_waits_three_seconds_for_a_secrets_manager_that_hangs() {
    let (scene, rotated) = Scene::new();
    assert_eq!(id(&rotated).await, 'A');
    scene.0.lock().unwrap().hangs = true;
    scene.pass(MINUTE * 6);
    let begun = tokio::time::Instant::now();
    assert_eq!(id(&rotated).await, 'A');
    assert_eq!(begun.elapsed(), PATIENCE);
}

#[tokio::test]
async fn a_key_that_is_no_longer_published_is_not_used() {
    let denied = CallError::refused(ErrorKind::Denied, "secretsmanager:GetSecretValue");
    for answer in [Err(denied), Ok(Published::NotYet), Ok(Published::SomethingElse(NoKey::NotJson))]
    {
        let (scene, rotated) = Scene::new();
        assert_eq!(id(&rotated).await, 'A');
        scene.answer(answer);
        scene.pass(MINUTE * 6);
        let error = rotated.provide_credentials().await.unwrap_err();
        assert!(!format!("{error:?}").contains("hunter2"));
        scene.answer(outage());
        assert!(rotated.credentials().await.is_err(), "nothing was kept");
    }
}

#[tokio::test]
async fn after_a_refusal_the_next_request_reads_and_many_refusals_read_once() {
    let (scene, rotated) = Scene::new();
    assert_eq!(id(&rotated).await, 'A');
    scene.answer(Ok(key('B')));
    scene.pass(MINUTE);
    rotated.invalidate();
    assert_eq!((id(&rotated).await, scene.reads()), ('B', 2));
    for _ in 0..20 {
        rotated.invalidate();
        assert_eq!(id(&rotated).await, 'B');
    }
    assert_eq!(scene.reads(), 2);
    scene.pass(Duration::from_secs(5));
    assert_eq!((id(&rotated).await, scene.reads()), ('B', 3));
    scene.answer(outage());
    scene.pass(MINUTE);
    rotated.invalidate();
    assert!(rotated.credentials().await.is_err(), "what AWS refused is not used on in an outage");
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_no_entry_fresh() {
    let (scene, rotated) = Scene::new();
    assert_eq!(id(&rotated).await, 'A');
    scene.0.lock().unwrap().now -= chrono::TimeDelta::hours(1);
    scene.answer(Ok(key('B')));
    assert_eq!(id(&rotated).await, 'B');
}

#[tokio::test]
async fn no_part_of_the_key_is_shown() {
    let (_, rotated) = Scene::new();
    rotated.credentials().await.unwrap();
    let shown = format!("{rotated:?} {:?}", rotated.refusals());
    assert!(
        shown.contains("/iam/ci/access_key")
            && !shown.contains("hunter2")
            && !shown.contains("AKIA"),
        "{shown}"
    );
}
