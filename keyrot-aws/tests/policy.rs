//! Tests that the policy is exactly what keyrot needs: whole lifecycles run on the emulator, and
//! every action that arrives is compared with the policy, in both directions.
#![cfg(all(feature = "emulator", feature = "trail"))]
#![allow(clippy::unwrap_used)]

use async_trait::async_trait;
use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault, WorldTime};
use keyrot_aws::policy::{ACTIONS, Discovery, Scope, Text};
use keyrot_aws::{Aws, AwsSettings, CallerCredentials, Endpoints, TokioClock};
use keyrot_core::audit::survey;
use keyrot_core::memory::{Label, Value, World};
use keyrot_core::model::VersionId;
use keyrot_core::ports::TagPort;
use keyrot_core::requests::{Lifted, end_sessions, lift_if_over};
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{
    Cancel, Clock, Homes, IamPort, Limits, Mode, Outcome, Ports, Request, Revocation, Rotator,
    SecretName, Selection, Timestamp, UserName, WaitPolicy, select,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// Actions that do not show in any call of these lifecycles, and why a policy has them anyway.
const NOT_SEEN_HERE: &[(&str, &str)] = &[
    ("kms:Decrypt", "Secrets Manager and SNS call KMS, not keyrot; only with a key of one's own"),
    ("kms:GenerateDataKey", "as kms:Decrypt"),
    ("kms:Encrypt", "SSM calls KMS, not keyrot; only with a key of one's own"),
    ("ssm:GetParameter", "settings, URLs and tokens; the tests of destinations see it called"),
    ("ssm:PutParameter", "only a destination; as before"),
    ("secretsmanager:ReplicateSecretToRegions", "only a destination; as before"),
    ("ecs:DescribeServices", "only a destination; as before"),
    ("ecs:UpdateService", "as ecs:DescribeServices"),
    ("ecs:ListTasks", "as ecs:DescribeServices"),
    ("ecs:DescribeTasks", "as ecs:DescribeServices"),
    ("sts:AssumeRole", "only a destination in another account; as before"),
    ("sns:Publish", "only notifiers, and Lambda itself, publish"),
    ("events:PutEvents", "only a notifier puts events"),
    ("logs:CreateLogStream", "Lambda itself writes the log"),
    ("logs:PutLogEvents", "Lambda itself writes the log"),
    ("iam:SimulatePrincipalPolicy", "only the doctor asks for it, in tests of its own"),
    ("iam:GetRole", "as iam:SimulatePrincipalPolicy"),
];

/// The account's time, with the machine's clock for pauses.
struct WorldClock(Arc<Emulator>);

#[async_trait]
impl Clock for WorldClock {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn aws_now(&self) -> Option<Timestamp> {
        Some(self.0.now())
    }

    async fn sleep(&self, time: Duration) {
        self.0.advance(time);
        TokioClock.sleep(Duration::from_millis(1)).await;
    }

    async fn time_limit(&self, time: Duration) {
        TokioClock.time_limit(time).await;
    }
}

struct Life {
    emulator: Arc<Emulator>,
    ports: Ports,
    aws: Arc<Aws>,
    trail: Option<Arc<Aws>>,
}

impl Life {
    async fn new(world: World, trail: bool) -> Self {
        let options = EmulatorOptions { time: WorldTime::Still, ..EmulatorOptions::default() };
        let emulator = Arc::new(Emulator::start(world, options).unwrap());
        let admin = emulator.admin_credentials();
        let caller = CallerCredentials::new(admin.key.to_string(), admin.secret.clone());
        let settings = AwsSettings::default()
            .with_region("us-east-1")
            .with_credentials(caller)
            .with_endpoints(Endpoints::all_at(emulator.url()));
        let aws = Arc::new(Aws::connect(&settings).await.unwrap());
        let clock = Arc::new(WorldClock(emulator.clone()));
        let iam: Arc<dyn IamPort> = aws.clone();
        Self {
            emulator,
            ports: Ports {
                iam,
                store: aws.clone(),
                probe: aws.clone(),
                clock,
                destinations: Arc::default(),
            },
            trail: Some(aws.clone()).filter(|_| trail),
            aws,
        }
    }

    /// Makes one pass over all users.
    async fn run(&self) {
        let users = self.ports.iam.users("/").await.unwrap();
        let chosen = select(
            &users,
            &Selection::default(),
            &Homes::in_region("us-east-1"),
            &WaitPolicy::default(),
        )
        .chosen;
        let mut rotator = Rotator::new(self.ports.clone());
        if let Some(trail) = &self.trail {
            rotator = rotator.trail(trail.clone());
        }
        rotator.run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    }

    /// Returns the calls so far, as a policy names them.
    fn called(&self) -> BTreeSet<String> {
        let service = |action: &str| {
            let known = ACTIONS
                .iter()
                .find(|a| a.name.split_once(':').is_some_and(|(_, name)| name == action));
            known.map_or_else(|| format!("unlisted:{action}"), |known| known.name.to_owned())
        };
        self.emulator.stats().actions.keys().map(|action| service(action)).collect()
    }
}

fn world() -> World {
    World::new("2026-01-05T04:00:00Z".parse().unwrap())
}

fn tagged(world: &mut World, name: &str) -> UserName {
    world.add_user(name, &[("RotateKey", "true")]).unwrap()
}

/// Adopts, rotates, retires and deletes, with a user whose secret something else wrote, and one
/// with an unattributed key.
async fn whole_life(discovery: Discovery) -> BTreeSet<String> {
    let mut world = world();
    let plain = tagged(&mut world, "plain");
    world.add_key(&plain).unwrap();

    let foreign = tagged(&mut world, "foreign");
    let key = world.add_key(&foreign).unwrap().credentials;
    let secret = SecretName::parse("/iam/foreign/access_key").unwrap();
    let version = VersionId::parse("11111111-2222-3333-4444-555555555555").unwrap();
    let more = format!(
        r#"{{"AccessKeyId":"{}","SecretAccessKey":"{}","host":"db"}}"#,
        key.key,
        key.secret.expose()
    );
    world.create_secret(&secret, Some((version, Value::text(more)))).unwrap();

    let orphan = tagged(&mut world, "orphan");
    world.add_key(&orphan).unwrap();
    world.advance(100 * DAY);

    let life = Life::new(world, false).await;
    if discovery == Discovery::OneByOne {
        life.emulator.inject(CallAt::every("GetAccountAuthorizationDetails"), Fault::denied());
    }
    // The answer is lost, so a key stays behind that no label and no journal entry explains.
    life.emulator.inject(CallAt::first("CreateAccessKey").about("orphan"), Fault::LostReply);
    for days in [1, 1, 8, 8, 1, 80, 1, 8, 8, 1] {
        life.run().await;
        life.emulator.advance(days * DAY);
    }
    let now = life.emulator.world();
    let current = now.secret(&secret).unwrap().labelled(Label::Current).unwrap().clone();
    assert!(current.as_str().starts_with("keyrot"), "the foreign version was replaced: {current}");
    assert_eq!(now.user(&plain).unwrap().keys().len(), 1, "rotated and cleaned up");
    life.called()
}

/// Makes an audit with ids, of an account whose users have keys or none, some with the tag.
async fn whole_audit(discovery: Discovery) -> BTreeSet<String> {
    let mut world = world();
    let tagged = tagged(&mut world, "plain");
    world.add_key(&tagged).unwrap();
    let other = world.add_user("staff/jane", &[]).unwrap();
    world.add_key(&other).unwrap();
    world.add_user("empty", &[]).unwrap();
    let life = Life::new(world, false).await;
    if discovery == Discovery::OneByOne {
        life.emulator.inject(CallAt::every("GetAccountAuthorizationDetails"), Fault::denied());
    }
    let view = survey(life.ports.iam.as_ref(), life.aws.as_ref(), true, &|_, _| {}).await.unwrap();
    let ids = view.users.iter().flat_map(|user| &user.keys).filter(|key| key.id.is_some()).count();
    assert_eq!((view.users.len(), ids), (3, 2));
    assert_eq!(
        life.emulator.stats().actions["ListAccessKeys"].calls,
        3,
        "a user without a key in the report may have one by now"
    );
    life.called()
}

/// An operator on call, and a user without the tag: enrolled, rotated, released, and two keys
/// revoked.
async fn on_call() -> BTreeSet<String> {
    let mut world = world();
    let user = world.add_user("ci", &[]).unwrap();
    world.add_key(&user).unwrap();
    world.advance(100 * DAY);
    let life = Life::new(world, true).await;
    life.aws.tag_user(&user, "RotateKey", "True").await.unwrap();
    life.run().await;
    life.emulator.advance(HOUR);
    life.aws.untag_user(&user, "RotateKey").await.unwrap();
    let settings = Settings::load(&Sources::default()).unwrap();
    for _ in 0..2 {
        let oldest = life.emulator.world().user(&user).unwrap().keys()[0].listed.id.clone();
        let order = Request::Revoke(Revocation { delete: true, ..Revocation::of(oldest) });
        let chosen = settings
            .find_named(life.ports.iam.as_ref(), &settings.homes("us-east-1", true), &user)
            .await
            .unwrap()
            .unwrap();
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let rotator = Rotator::new(life.ports.clone());
        let done = rotator.fulfill(chosen, order, Mode::Act, &limits, &cancel, &|_| {}).await;
        assert_eq!(done.users[0].outcome, Outcome::Done);
        life.emulator.advance(HOUR);
    }
    assert_eq!(life.emulator.world().user(&user).unwrap().keys().len(), 1);
    let ended = end_sessions(life.aws.as_ref(), &user, life.emulator.now()).await.unwrap();
    life.emulator.advance(36 * HOUR + HOUR);
    let lifted = lift_if_over(life.aws.as_ref(), &user, life.emulator.now()).await.unwrap();
    assert_eq!(lifted, Lifted::Off(ended));
    life.called()
}

fn operator_policy() -> BTreeSet<String> {
    let scope = Scope { end_sessions: true, ..scope(Discovery::Bulk) };
    scope.operator_policy().actions().into_iter().map(str::to_owned).collect()
}

fn scope(discovery: Discovery) -> Scope {
    Scope {
        discovery,
        ..Scope::new(
            Text::fixed("123456789012"),
            &keyrot_core::selection::SecretTemplate::default(),
            "/",
            "RotateKey",
            "True",
        )
    }
}

fn policy(discovery: Discovery) -> BTreeSet<String> {
    scope(discovery).policy().actions().into_iter().map(str::to_owned).collect()
}

fn audit_policy(discovery: Discovery) -> BTreeSet<String> {
    scope(discovery).audit_policy().actions().into_iter().map(str::to_owned).collect()
}

fn free() -> BTreeSet<String> {
    ACTIONS.iter().filter(|a| a.statements.is_empty()).map(|a| a.name.to_owned()).collect()
}

/// An old key that is still in use when it could be retired.
async fn held_life(trail: bool) -> BTreeSet<String> {
    let mut world = world();
    let user = tagged(&mut world, "late");
    let old = world.add_key(&user).unwrap().credentials;
    world.advance(100 * DAY);
    let life = Life::new(world, trail).await;
    life.run().await;
    life.emulator.advance(8 * DAY);
    life.emulator.change(|world| world.authenticate(&old, "s3", "us-east-1"));
    life.run().await;
    assert_eq!(life.emulator.world().user(&user).unwrap().keys().len(), 2, "it is held");
    life.called()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_trail_is_asked_and_allowed_only_if_set() {
    let asked = "cloudtrail:LookupEvents".to_owned();
    assert!(!held_life(false).await.contains(&asked) && !policy(Discovery::Bulk).contains(&asked));
    let called = held_life(true).await;
    assert!(called.contains(&asked));
    let account = Text::fixed("123456789012");
    let scope = Scope {
        trail: true,
        ..Scope::new(
            account,
            &keyrot_core::selection::SecretTemplate::default(),
            "/",
            "RotateKey",
            "True",
        )
    };
    let allowed: BTreeSet<String> =
        scope.policy().actions().into_iter().map(str::to_owned).collect();
    assert!((&called - &free()).is_subset(&allowed), "{called:?}");
    assert_eq!(&allowed - &policy(Discovery::Bulk), BTreeSet::from([asked]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_lifecycle_calls_exactly_what_the_policy_allows() {
    let called = whole_life(Discovery::Bulk).await;
    assert_eq!(&called - &free(), policy(Discovery::Bulk));

    let mut one_by_one = whole_life(Discovery::OneByOne).await;
    // This action is tried first, and denied.
    assert!(one_by_one.remove("iam:GetAccountAuthorizationDetails"));
    assert_eq!(&one_by_one - &free(), policy(Discovery::OneByOne));

    let audited = whole_audit(Discovery::Bulk).await;
    assert_eq!(audited, audit_policy(Discovery::Bulk));
    let mut audited_one_by_one = whole_audit(Discovery::OneByOne).await;
    assert!(audited_one_by_one.remove("iam:GetAccountAuthorizationDetails"));
    assert_eq!(audited_one_by_one, audit_policy(Discovery::OneByOne));

    let operated = on_call().await;
    assert!((&operated - &free()).is_subset(&operator_policy()), "{operated:?}");

    let mut seen: BTreeSet<_> = [called, one_by_one, audited].into_iter().flatten().collect();
    seen.extend(held_life(true).await);
    seen.extend(operated);
    let unseen: BTreeSet<_> = ACTIONS
        .iter()
        .map(|a| a.name)
        .filter(|name| !seen.contains(*name) && !free().contains(*name))
        .collect();
    let excused: BTreeSet<_> = NOT_SEEN_HERE.iter().map(|(name, _)| *name).collect();
    assert_eq!(unseen, excused, "each action was called, or has a reason");
}
