//! The in-memory account's own rules and faults, and that its watch detects each broken promise.

use futures_util::FutureExt;
use keyrot_core::memory::{
    Actor, Fault, FaultAt, Label, MemoryAccount, Rules, Value, Watch, World,
};
use keyrot_core::model::{JournalEntry, ProbeAnswer, Promoted, VersionId};
use keyrot_core::{
    Credentials, Effect, ErrorKind, IamPort, KeyId, KeyStatus, LastUse, SecretName,
    SecretStorePort, UserName, WaitPolicy, Waits,
};
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(86_400);

fn world() -> (World, UserName) {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    let user = world.add_user("ci", &[]).unwrap();
    (world, user)
}

#[test]
fn a_listing_that_lags_shows_the_earlier_state() {
    let (mut world, user) = world();
    world.rules.listing_lag = MINUTE;
    world.add_key(&user).unwrap();
    assert_eq!(world.list_keys(&user).unwrap(), []);
    world.advance(MINUTE);
    assert_eq!(world.list_keys(&user).unwrap().len(), 1);
}

#[test]
fn a_key_works_once_it_has_propagated_and_while_it_is_active() {
    let (mut world, user) = world();
    world.rules.propagation = MINUTE;
    let new = world.add_key(&user).unwrap().credentials;
    let ask = |world: &mut World| world.authenticate(&new, "s3", "eu-west-1");
    assert_eq!(ask(&mut world), ProbeAnswer::Refused);
    world.advance(MINUTE);
    assert!(matches!(ask(&mut world), ProbeAnswer::Authenticated(arn) if arn.name() == &user));
    world.set_key_status(&user, &new.key, KeyStatus::Inactive).unwrap();
    assert_eq!(ask(&mut world), ProbeAnswer::Refused);
    world.delete_key(&user, &new.key).unwrap();
    assert_eq!(ask(&mut world), ProbeAnswer::Refused);
}

#[test]
fn of_several_uses_in_a_quarter_of_an_hour_the_first_is_recorded_and_shown_late() {
    let (mut world, user) = world();
    world.rules.use_lag = 2 * MINUTE;
    let new = world.add_key(&user).unwrap().credentials;
    let first = world.now();
    world.authenticate(&new, "s3", "eu-west-1");
    assert_eq!(world.last_use(&new.key).unwrap(), LastUse::NoRecord);
    world.advance(14 * MINUTE);
    world.authenticate(&new, "ec2", "eu-west-1");
    world.advance(4 * MINUTE);
    assert!(
        matches!(world.last_use(&new.key).unwrap(), LastUse::At { when, service, .. } if when == first && service == "s3")
    );
    world.authenticate(&new, "ec2", "eu-west-1");
    let second = world.now();
    assert!(matches!(world.last_use(&new.key).unwrap(), LastUse::At { when, .. } if when == first));
    world.advance(2 * MINUTE);
    assert!(
        matches!(world.last_use(&new.key).unwrap(), LastUse::At { when, .. } if when == second)
    );
}

#[test]
fn a_first_version_is_current_whatever_labels_were_requested() {
    let (mut world, _) = world();
    let secret: SecretName = "s".parse().unwrap();
    let version = VersionId::parse("0".repeat(32)).unwrap();
    world.create_secret(&secret, None).unwrap();
    world.put_secret_value(&secret, &version, Value::text("x"), &[Label::Pending]).unwrap();
    let found = world.secret(&secret).unwrap();
    assert_eq!(
        [found.labelled(Label::Current), found.labelled(Label::Pending)],
        [Some(&version), Some(&version)]
    );
    let removed = world.move_label(&secret, Label::Current, Some(&version), None);
    assert_eq!(removed.unwrap_err().code, "InvalidParameterException");
}

#[test]
fn a_world_is_read_back_from_text() {
    let (mut world, user) = world();
    world.add_key(&user).unwrap();
    let text = serde_json::to_string(&world).unwrap();
    assert_eq!(serde_json::from_str::<World>(&text).unwrap(), world);
    let key = world.user(&user).unwrap().keys()[0].listed.id.clone();
    assert!(!text.contains(World::secret_of(&key).expose()), "the secret of a key is kept nowhere");
}

#[test]
fn each_fault_does_what_it_says() {
    for (fault, kind, effect, carried_out) in [
        (Fault::Denied, Some(ErrorKind::Denied), Effect::None, false),
        (Fault::Throttled, Some(ErrorKind::Throttled), Effect::None, false),
        (Fault::LostRequest, Some(ErrorKind::Unavailable), Effect::Unknown, false),
        (Fault::LostReply, Some(ErrorKind::Unavailable), Effect::Unknown, true),
        (Fault::DeathBefore, None, Effect::Unknown, false),
        (Fault::DeathAfter, None, Effect::Unknown, true),
    ] {
        let (world, user) = world();
        let account = MemoryAccount::new(world);
        account.inject(FaultAt { call: Some("create_key"), after: 0, times: 1, fault });
        let result = account.create_key(&user).now_or_never().map(Result::unwrap_err);
        assert_eq!(result.as_ref().map(|e| e.kind), kind, "{fault:?}");
        assert!(result.is_none_or(|e| e.effect == effect), "{fault:?}");
        let keys = account.world().user(&user).unwrap().keys().len();
        assert_eq!(keys, usize::from(carried_out), "{fault:?}");
        assert!(
            account.create_key(&user).now_or_never().unwrap().is_ok(),
            "{fault:?} strikes once"
        );
    }
}

#[test]
fn a_fault_hits_the_selected_calls() {
    let (world, user) = world();
    let account = MemoryAccount::new(world);
    account.inject(FaultAt {
        call: Some("list_keys"),
        after: 1,
        times: 2,
        fault: Fault::Throttled,
    });
    let ok = |account: &MemoryAccount| account.list_keys(&user).now_or_never().unwrap().is_ok();
    let secret: SecretName = "s".parse().unwrap();
    assert!(account.describe(&secret).now_or_never().unwrap().is_ok());
    assert_eq!([(); 5].map(|()| ok(&account)), [true, false, false, true, true]);
    account.inject(FaultAt::every("list_keys", Fault::Denied));
    assert!(!ok(&account));
    account.heal();
    assert!(ok(&account));
    assert_eq!(account.calls().get("list_keys"), Some(&7));
}

#[test]
fn each_call_takes_time_on_the_clock() {
    let (mut world, user) = world();
    world.rules = Rules { call_time: MINUTE, ..Rules::default() };
    let (before, account) = (world.now(), MemoryAccount::new(world));
    account.list_keys(&user).now_or_never().unwrap().unwrap();
    assert_eq!(account.world().now(), keyrot_core::model::after(before, MINUTE));
}

/// A user in the overlap: the old key under AWSPREVIOUS, the new one verified, under AWSCURRENT,
/// and recorded.
struct Overlap {
    world: World,
    watch: Watch,
    user: UserName,
    secret: SecretName,
    versions: [VersionId; 2],
    keys: [KeyId; 2],
}

impl Overlap {
    fn new(noted: bool) -> Self {
        let (mut world, user) = world();
        let secret: SecretName = "/iam/ci/access_key".parse().unwrap();
        let put = |world: &mut World, labels: &[Label]| {
            let new = world.add_key(&user).unwrap();
            world.authenticate(&new.credentials, "sts", "us-east-1");
            let version = VersionId::for_key(&new.credentials.key, new.created, false).unwrap();
            let value = Value::credentials(&new.credentials, None);
            world.put_secret_value(&secret, &version, value, labels).unwrap();
            (version, new.credentials.key)
        };
        world.create_secret(&secret, None).unwrap();
        let old = put(&mut world, &[]);
        let new = put(&mut world, &[Label::Pending]);
        let policy = WaitPolicy::new(Waits::default(), false).unwrap();
        let watch = Watch::new(&world, user.clone(), secret.clone(), policy);
        let mut overlap = Self {
            world,
            watch,
            user,
            secret: secret.clone(),
            versions: [old.0, new.0],
            keys: [old.1, new.1],
        };
        let [from, to] = overlap.versions.clone();
        overlap
            .by(Actor::Keyrot, |w| {
                w.move_label(&secret, Label::Current, Some(&from), Some(&to)).unwrap();
            })
            .unwrap();
        if noted {
            let note = JournalEntry::Promoted(Promoted {
                version: to,
                replacing: None,
                at: overlap.world.now(),
                overlap: None,
            });
            overlap
                .by(Actor::Keyrot, |w| w.tag_secret(&secret, &note.tag(), note.to_text()).unwrap())
                .unwrap();
        }
        overlap
    }

    /// Makes the change, and returns which promise the watch reports as broken.
    fn by(&mut self, actor: Actor, change: impl FnOnce(&mut World)) -> Result<(), &'static str> {
        let before = self.world.clone();
        change(&mut self.world);
        self.watch.step(&before, &self.world, actor).map_err(|broken| broken.promise)
    }

    /// Returns this time later: a consumer has read the new key by then, and uses it.
    fn live(&mut self, time: Duration) {
        self.world.advance(HOUR);
        self.world.authenticate(&World::credentials_of(&self.keys[1]), "s3", "eu-west-1");
        self.world.advance(time);
    }

    fn status(&mut self, actor: Actor, key: usize, status: KeyStatus) -> Result<(), &'static str> {
        let (user, key) = (self.user.clone(), self.keys[key].clone());
        self.by(actor, |w| w.set_key_status(&user, &key, status).unwrap())
    }

    fn delete(&mut self, key: usize) -> Result<(), &'static str> {
        let (user, key) = (self.user.clone(), self.keys[key].clone());
        self.by(Actor::Keyrot, |w| w.delete_key(&user, &key).unwrap())
    }
}

#[test]
fn the_watch_accepts_a_correct_retirement() {
    let mut it = Overlap::new(true);
    it.live(8 * DAY);
    assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), Ok(()));
    it.world.advance(7 * DAY);
    assert_eq!(it.delete(0), Ok(()));
}

#[test]
fn the_watch_detects_a_current_key_that_does_not_work() {
    let mut it = Overlap::new(true);
    assert_eq!(it.status(Actor::Keyrot, 1, KeyStatus::Inactive), Err("S1"));
    let mut it = Overlap::new(true);
    assert_eq!(it.delete(1), Err("S1"));
    let mut it = Overlap::new(true);
    let (secret, version) = (it.secret.clone(), VersionId::parse("1".repeat(32)).unwrap());
    let wrong = Credentials { secret: World::secret_of(&it.keys[0]), key: it.keys[1].clone() };
    let put = |w: &mut World| {
        w.put_secret_value(&secret, &version, Value::credentials(&wrong, None), &[]).unwrap();
    };
    assert_eq!(it.by(Actor::Keyrot, put), Err("S1"));
    let mut it = Overlap::new(true);
    let put = |w: &mut World| {
        w.put_secret_value(&secret, &version, Value::text("a password"), &[]).unwrap();
    };
    assert_eq!(it.by(Actor::Keyrot, put), Err("S1"));
}

#[test]
fn the_watch_detects_a_key_published_without_verification() {
    let mut it = Overlap::new(true);
    it.live(20 * DAY);
    it.status(Actor::Keyrot, 0, KeyStatus::Inactive).unwrap();
    it.world.advance(20 * DAY);
    it.delete(0).unwrap();
    let (user, secret) = (it.user.clone(), it.secret.clone());
    let publish = |w: &mut World| {
        let new = w.add_key(&user).unwrap();
        let version = VersionId::for_key(&new.credentials.key, new.created, false).unwrap();
        w.put_secret_value(&secret, &version, Value::credentials(&new.credentials, None), &[])
            .unwrap();
    };
    assert_eq!(it.by(Actor::Keyrot, publish), Err("S1"));
}

#[test]
fn the_watch_detects_a_deactivation_too_early_or_in_use() {
    let mut it = Overlap::new(true);
    it.world.advance(6 * DAY);
    assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), Err("S2"));
    let mut it = Overlap::new(true);
    it.world.advance(8 * DAY);
    let old = World::credentials_of(&it.keys[0]);
    it.world.authenticate(&old, "s3", "eu-west-1");
    it.world.advance(20 * MINUTE);
    assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), Err("S2"));
}

#[test]
fn the_watch_detects_that_a_consumer_depends_on_the_old_key() {
    // Only keyrot has used the new key, to verify it.
    let mut it = Overlap::new(true);
    it.world.advance(9 * DAY);
    assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), Err("S15"));
    let mut it = Overlap::new(true);
    it.world.advance(45 * DAY);
    assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), Ok(()));
    // Something used the old key: early, and so late that it can't be a cache.
    for (used, earliest) in [(3, 11), (4, 49)] {
        for days in [earliest - 1, earliest] {
            let mut it = Overlap::new(true);
            it.live(used * DAY);
            it.world.authenticate(&World::credentials_of(&it.keys[0]), "s3", "eu-west-1");
            it.world.advance((days - used) * DAY);
            let expected = if days < earliest { Err("S15") } else { Ok(()) };
            assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), expected, "{used} {days}");
        }
    }
}

#[test]
fn the_watch_detects_a_deletion_while_active_or_too_early() {
    let mut it = Overlap::new(true);
    it.live(30 * DAY);
    assert_eq!(it.delete(0), Err("S3"));
    let mut it = Overlap::new(true);
    it.live(30 * DAY);
    it.status(Actor::Keyrot, 0, KeyStatus::Inactive).unwrap();
    it.world.advance(6 * DAY);
    assert_eq!(it.delete(0), Err("S3"));
}

#[test]
fn the_watch_detects_a_change_to_another_owners_key() {
    let mut it = Overlap::new(true);
    it.live(8 * DAY);
    it.status(Actor::Keyrot, 0, KeyStatus::Inactive).unwrap();
    it.world.advance(8 * DAY);
    it.delete(0).unwrap();
    let user = it.user.clone();
    it.by(Actor::Person, |w| drop(w.add_key(&user).unwrap())).unwrap();
    it.keys[0] = it.world.user(&user).unwrap().keys()[1].listed.id.clone();
    it.world.advance(30 * DAY);
    assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), Err("S4"));
}

#[test]
fn the_watch_detects_a_retirement_without_verification_of_a_successor() {
    let mut it = Overlap::new(false);
    it.live(8 * DAY);
    assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), Err("S5"));
    let mut it = Overlap::new(true);
    it.live(8 * DAY);
    it.status(Actor::Person, 1, KeyStatus::Inactive).unwrap();
    assert_eq!(it.status(Actor::Keyrot, 0, KeyStatus::Inactive), Err("S5"));
}

#[test]
fn keyrot_is_not_blamed_for_what_a_person_breaks() {
    let mut it = Overlap::new(true);
    assert_eq!(it.status(Actor::Person, 1, KeyStatus::Inactive), Ok(()));
    assert_eq!(it.status(Actor::Person, 0, KeyStatus::Inactive), Ok(()));
    assert!(it.watch.current_is_broken(&it.world).is_some());
}

#[test]
fn a_refusal_has_awss_code() {
    let (world, user) = world();
    let account = MemoryAccount::new(world);
    let gone = KeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
    let error = account.deactivate_key(&user, &gone).now_or_never().unwrap().unwrap_err();
    assert_eq!((error.kind, error.aws_code()), (ErrorKind::NotFound, Some("NoSuchEntity")));
    account.inject(FaultAt::every("list_keys", Fault::Denied));
    let error = account.list_keys(&user).now_or_never().unwrap().unwrap_err();
    assert_eq!((error.kind, error.aws_code()), (ErrorKind::Denied, Some("AccessDenied")));
}

#[test]
fn a_tag_that_is_too_long_is_refused() {
    let (mut world, user) = world();
    let name = SecretName::parse("/iam/ci/access_key").unwrap();
    world.create_secret(&name, None).unwrap();
    // Characters, not bytes.
    let (longest, more) = ("\u{e9}".repeat(256), "\u{e9}".repeat(257));
    world.tag_user(&user, "k", &longest).unwrap();
    world.tag_secret(&name, "k", longest).unwrap();
    let refused = [
        world.tag_user(&user, "k", &more).unwrap_err(),
        world.tag_user(&user, &"k".repeat(129), "").unwrap_err(),
        world.tag_secret(&name, "k", more).unwrap_err(),
        world.tag_secret(&name, &"k".repeat(129), String::new()).unwrap_err(),
    ];
    let codes: Vec<&str> = refused.iter().map(|refused| refused.code).collect();
    assert_eq!(
        codes,
        ["ValidationError", "ValidationError", "ValidationException", "ValidationException"]
    );
    assert!(refused[0].message.ends_with("less than or equal to 256"), "{}", refused[0].message);
}
