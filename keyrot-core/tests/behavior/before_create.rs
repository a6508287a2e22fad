//! No key is created that cannot be stored (S14): the size of its value is known before, and a
//! lasting refusal costs one key, not one per run.

use keyrot_core::decide::{MOST_BYTES, Step};
use keyrot_core::machine::PlannedAction;
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, Value, World};
use keyrot_core::model::{JournalEntry, VersionId};
use keyrot_core::{
    Blocked, Cancel, Credentials, Homes, Limits, Mode, Outcome, Ports, Request, Revocation,
    Rotator, SecretName, Selection, Target, UserName, UserResult, WaitPolicy, Waits, select,
};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

struct Scene {
    account: MemoryAccount,
    user: UserName,
    secret: SecretName,
}

impl Scene {
    /// Returns a user with one key, and no secret.
    fn new() -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.add_key(&user).unwrap();
        world.advance(DAY);
        let (account, secret) = (MemoryAccount::new(world), "/iam/ci/access_key".parse().unwrap());
        account.watch(&user, &secret, &WaitPolicy::new(Waits::default(), false).unwrap());
        Self { account, user, secret }
    }

    /// Returns the same user, whose key is in its secret, next to another field with this text.
    fn beside(field: &str) -> Self {
        let scene = Self::new();
        let value = Value::credentials(
            &scene.first_key(),
            Some(&Value::text(format!(r#"{{"Note":"{field}"}}"#))),
        );
        let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
        scene
            .account
            .change(|world| world.create_secret(&scene.secret, Some((version, value))).unwrap());
        scene
    }

    fn first_key(&self) -> Credentials {
        let world = self.account.world();
        World::credentials_of(&world.user(&self.user).unwrap().keys()[0].listed.id)
    }

    fn chosen(&self, force: bool) -> Target {
        let users = self.account.world().list_users("/");
        let mut all = select(
            &users,
            &Selection::default(),
            &Homes::in_region("us-east-1"),
            &WaitPolicy::default(),
        );
        let mut chosen = all.chosen.remove(0);
        if force {
            chosen.policy = chosen.policy.map(|policy| policy.forced(self.account.world().now()));
        }
        chosen
    }

    async fn run(&self, force: bool) -> UserResult {
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let (chosen, cancel) = (vec![self.chosen(force)], Cancel::default());
        let report = rotator.run(chosen, Mode::Act, &Limits::default(), &cancel, &|_| {}).await;
        self.one(report.users)
    }

    /// Makes a run each hour for a day, each of which has to replace the key. Returns the user's
    /// state after the last one.
    async fn day(&self) -> UserResult {
        let mut standing = self.run(true).await;
        for _ in 1..24 {
            self.account.advance(HOUR);
            standing = self.run(true).await;
        }
        standing
    }

    async fn revoke(&self, order: Revocation, mode: Mode) -> UserResult {
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let (limits, cancel, request) =
            (Limits::default(), Cancel::default(), Request::Revoke(order));
        self.one(
            rotator
                .fulfill(self.chosen(false), request, mode, &limits, &cancel, &|_| {})
                .await
                .users,
        )
    }

    fn one(&self, users: Vec<UserResult>) -> UserResult {
        assert_eq!(self.account.broken(), []);
        users.into_iter().next().unwrap()
    }

    fn calls(&self, call: &str) -> usize {
        self.account.calls().get(call).copied().unwrap_or_default()
    }

    fn current(&self) -> (VersionId, Value) {
        let world = self.account.world();
        let found = world.secret(&self.secret).unwrap();
        let version = found.labelled(Label::Current).unwrap();
        (version.clone(), found.value(version).unwrap().clone())
    }
}

fn refuse(account: &MemoryAccount, fault: Fault) {
    for call in ["stage", "test_write"] {
        account.inject(FaultAt::every(call, fault));
    }
}

fn blocked(standing: &UserResult) -> &Blocked {
    match &standing.outcome {
        Outcome::Blocked(blocked) => blocked,
        other => panic!("expected blocked, found {other:?}"),
    }
}

/// Returns a field, of two-byte characters, that makes the next value this many bytes too large.
fn field(excess: usize) -> String {
    let bare = Value::credentials(&Credentials::longest(), Some(&Value::text(r#"{"Note":""}"#)))
        .expose()
        .len();
    let mut text = "é".repeat((MOST_BYTES - bare) / 2);
    while bare + text.len() < MOST_BYTES + excess {
        text.push('x');
    }
    text
}

#[tokio::test]
async fn a_value_that_would_be_too_large_blocks_before_a_key_is_created() {
    for excess in [1, 300] {
        let scene = Scene::beside(&field(excess));
        let before = scene.current();
        let standing = scene.day().await;
        let expected = Blocked::ValueTooLarge { bytes: MOST_BYTES + excess, most: MOST_BYTES };
        assert_eq!(blocked(&standing), &expected);
        assert!(expected.to_string().contains(&format!("{excess} too many")), "{expected}");
        assert_eq!(scene.calls("create_key"), 0);
        assert_eq!(scene.current(), before);
    }
}

#[tokio::test]
async fn the_largest_value_that_fits_is_rotated_repeatedly() {
    let scene = Scene::beside(&field(0));
    let mut published = scene.current().0;
    for round in 0..2 {
        let (read, made) = (scene.calls("inspect_version"), scene.calls("create_key"));
        for _ in 0..120 {
            scene.run(false).await;
            scene.account.advance(DAY);
        }
        let (version, value) = scene.current();
        assert_ne!(version, published);
        assert!(value.expose().contains(&field(0)), "the further field is carried along");
        published = version;
        // keyrot's own version is read once for its size, and only when a key is about to be
        // created. One more read is of the foreign version, while it is the previous one next to a
        // new key.
        let (looks, keys) =
            (scene.calls("inspect_version") - read, scene.calls("create_key") - made);
        assert!(round == 0 || looks == keys + 1, "{looks} looks for {keys} keys");
    }
}

#[tokio::test]
async fn a_plan_without_permission_to_read_the_secret_says_that_a_key_is_due() {
    let scene = Scene::beside("x");
    for _ in 0..110 {
        scene.run(false).await;
        scene.account.advance(DAY);
    }
    scene.account.advance(60 * DAY);
    let plan = || async {
        let (chosen, cancel) = (vec![scene.chosen(false)], Cancel::default());
        let rotator = Rotator::new(Ports::of(scene.account.clone()));
        scene
            .one(rotator.run(chosen, Mode::Plan, &Limits::default(), &cancel, &|_| {}).await.users)
            .outcome
    };
    assert!(
        matches!(plan().await, Outcome::Due(Step::Write(JournalEntry::Intent(_)))),
        "{:?}",
        plan().await
    );
    scene.account.inject(FaultAt::every("inspect_version", Fault::Denied));
    assert_eq!(plan().await, Outcome::Due(Step::CreateKey));
    // A real run creates nothing.
    let made = scene.calls("create_key");
    let standing = scene.run(false).await;
    assert!(matches!(standing.outcome, Outcome::Failed(_)), "{:?}", standing.outcome);
    assert_eq!(scene.calls("create_key"), made);
}

#[tokio::test]
async fn a_version_that_claims_other_fields_and_has_none_blocks() {
    let scene = Scene::new();
    for _ in 0..70 {
        scene.run(false).await;
        scene.account.advance(DAY);
    }
    let (version, _) = scene.current();
    let forged = VersionId::parse(version.as_str().replace("keyrot-key-", "keyrot-keyx-")).unwrap();
    scene.account.change(|world| {
        let name = &scene.secret;
        world
            .put_secret_value(name, &forged, Value::text("a password"), &[Label::Pending])
            .unwrap();
        world.move_label(name, Label::Current, Some(&version), Some(&forged)).unwrap();
        let promoted = format!("promoted {forged} replacing none {}", world.now().to_rfc3339());
        world.tag_secret(name, "keyrot:promoted", promoted).unwrap();
    });
    let made = scene.calls("create_key");
    // The forgery breaks S1, so there is no watch here.
    let rotator = Rotator::new(Ports::of(scene.account.clone()));
    let (chosen, cancel) = (vec![scene.chosen(true)], Cancel::default());
    let report = rotator.run(chosen, Mode::Act, &Limits::default(), &cancel, &|_| {}).await;
    assert!(
        matches!(blocked(&report.users[0]), Blocked::SecretHoldsOther { .. }),
        "{:?}",
        report.users[0].outcome
    );
    assert_eq!(scene.calls("create_key"), made);
}

#[tokio::test]
async fn a_revocation_says_first_that_the_successor_would_not_fit() {
    let scene = Scene::beside(&field(7));
    let key = scene.first_key().key;
    scene.run(false).await;
    let Outcome::Planned(steps) =
        scene.revoke(Revocation::of(key.clone()), Mode::Plan).await.outcome
    else {
        panic!("no preview")
    };
    assert!(
        matches!(steps.last(), Some(PlannedAction::Stop(Blocked::ValueTooLarge { .. }))),
        "{steps:?}"
    );
    let standing = scene.revoke(Revocation::of(key.clone()), Mode::Act).await;
    assert!(matches!(blocked(&standing), Blocked::ValueTooLarge { .. }));
    assert_eq!(scene.calls("create_key"), 0);
    // Without a successor, nothing about the secret can stop it.
    let order = Revocation { without_successor: true, ..Revocation::of(key.clone()) };
    let rotator = Rotator::new(Ports::of(scene.account.clone()));
    let (limits, cancel) = (Limits::default(), Cancel::default());
    rotator
        .fulfill(scene.chosen(false), Request::Revoke(order), Mode::Act, &limits, &cancel, &|_| {})
        .await;
    assert!(
        scene.account.world().user(&scene.user).unwrap().keys()[0].listed.status.word()
            == "inactive"
    );
}

#[tokio::test]
async fn a_lasting_refusal_to_store_a_key_costs_one_key_a_day() {
    for adopted in [false, true] {
        let scene = Scene::new();
        if adopted {
            // This lasts until the rotation is over, and the user is at rest.
            for _ in 0..70 {
                scene.run(false).await;
                scene.account.advance(DAY);
            }
        }
        let before = scene.calls("create_key");
        refuse(&scene.account, Fault::Denied);
        let first = scene.run(true).await;
        assert!(matches!(first.outcome, Outcome::Failed(_)), "{:?}", first.outcome);
        let standing = scene.day().await;
        assert!(
            matches!(blocked(&standing), Blocked::StagingRefused { .. }),
            "{:?}",
            standing.outcome
        );
        assert_eq!(scene.calls("create_key") - before, 1);
        assert_eq!(scene.account.world().user(&scene.user).unwrap().keys().len(), 1);
        // The block clears itself once writing works.
        scene.account.heal();
        let published = scene.current().0;
        scene.account.advance(HOUR);
        scene.run(true).await;
        assert_ne!(scene.current().0, published);
        assert_eq!(scene.calls("create_key") - before, 2);
    }
}

#[tokio::test]
async fn runs_every_few_minutes_create_no_more_keys() {
    let scene = Scene::new();
    refuse(&scene.account, Fault::Denied);
    for _ in 0..100 {
        scene.run(true).await;
        scene.account.advance(Duration::from_secs(300));
    }
    assert_eq!(scene.calls("create_key"), 1);
}

#[tokio::test]
async fn a_refusal_to_delete_the_key_that_could_not_be_stored_creates_no_other() {
    let scene = Scene::new();
    refuse(&scene.account, Fault::Denied);
    scene.account.inject(FaultAt::every("delete_key", Fault::Denied));
    for _ in 0..20 {
        scene.day().await;
    }
    assert_eq!(scene.calls("create_key"), 1);
    scene.account.heal();
    for _ in 0..40 {
        scene.account.advance(DAY);
        scene.run(false).await;
    }
    assert_eq!(scene.calls("create_key"), 2, "it converges");
}

#[tokio::test]
async fn a_temporary_failure_is_not_a_refusal() {
    let scene = Scene::new();
    refuse(&scene.account, Fault::Throttled);
    let standing = scene.day().await;
    assert!(matches!(standing.outcome, Outcome::Failed(_)), "{:?}", standing.outcome);
    assert_eq!(scene.calls("create_key"), 1);
}

#[tokio::test]
async fn no_key_is_created_if_the_journal_cannot_be_written() {
    let scene = Scene::new();
    scene.account.inject(FaultAt::every("write_note", Fault::Denied));
    let standing = scene.day().await;
    assert!(matches!(standing.outcome, Outcome::Failed(_)), "{:?}", standing.outcome);
    assert_eq!(scene.calls("create_key"), 0);
}

#[tokio::test]
async fn a_revocation_under_a_lasting_refusal_creates_one_key() {
    let scene = Scene::new();
    let key = {
        scene.run(false).await;
        let world = scene.account.world();
        let found = world.secret(&scene.secret).unwrap();
        found.value(found.labelled(Label::Current).unwrap()).unwrap().read().unwrap().key
    };
    for _ in 0..70 {
        scene.account.advance(DAY);
        scene.run(false).await;
    }
    let before = scene.calls("create_key");
    refuse(&scene.account, Fault::Denied);
    for _ in 0..24 {
        scene.revoke(Revocation::of(key.clone()), Mode::Act).await;
        scene.account.advance(HOUR);
    }
    let standing = scene.revoke(Revocation::of(key.clone()), Mode::Act).await;
    assert!(matches!(blocked(&standing), Blocked::StagingRefused { .. }), "{:?}", standing.outcome);
    assert_eq!(scene.calls("create_key") - before, 1);
    let order = Revocation { without_successor: true, ..Revocation::of(key.clone()) };
    let rotator = Rotator::new(Ports::of(scene.account.clone()));
    let (limits, cancel) = (Limits::default(), Cancel::default());
    let report = rotator
        .fulfill(scene.chosen(false), Request::Revoke(order), Mode::Act, &limits, &cancel, &|_| {})
        .await;
    assert!(
        matches!(report.users[0].outcome, Outcome::Revoked { .. }),
        "{:?}",
        report.users[0].outcome
    );
}
