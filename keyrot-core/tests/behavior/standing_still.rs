//! An attacker who renews a claim each day can't silently stop a rotation: once the key is past its
//! deadline, each run is blocked and says so.

use crate::support::{DAY, HOUR, MINUTE};
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, Value, World};
use keyrot_core::model::{VersionId, after};
use keyrot_core::report::UserDocument;
use keyrot_core::{
    Blocked, Cancel, EventKind, Homes, KeyId, KeyStatus, Limits, Mode, Outcome, Ports, Rotator,
    SecretName, Selection, Severity, Target, Timestamp, UserName, UserResult, WaitPolicy, Waits,
    Why, select,
};
use std::time::Duration;

struct Scene {
    account: MemoryAccount,
    user: UserName,
    secret: SecretName,
    waits: Waits,
}

impl Scene {
    fn new() -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        let first = world.add_key(&user).unwrap().credentials;
        world.advance(400 * DAY);
        world.authenticate(&first, "s3", "us-east-1");
        let account = MemoryAccount::new(world);
        Self {
            account,
            user,
            secret: "/iam/ci/access_key".parse().unwrap(),
            waits: Waits::default(),
        }
    }

    async fn run(&self) -> UserResult {
        let users = self.account.world().list_users("/");
        let homes = Homes::in_region("us-east-1");
        let chosen: Vec<Target> = select(
            &users,
            &Selection::default(),
            &homes,
            &WaitPolicy::new(self.waits, false).unwrap(),
        )
        .chosen;
        let rotator = Rotator::new(Ports::of(self.account.clone()));
        let report =
            rotator.run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
        report.users.into_iter().next().unwrap()
    }

    /// Makes a run each day, after what the attacker renews and what consumers do. Returns each
    /// run's outcome.
    async fn days(&self, days: usize, renew: impl Fn(&mut World, &Self)) -> Vec<UserResult> {
        let mut all = Vec::new();
        for _ in 0..days {
            self.account.change(|world| renew(world, self));
            self.consume();
            all.push(self.run().await);
            self.account.advance(DAY);
        }
        all
    }

    /// Consumers use only the current key.
    fn consume(&self) {
        self.account.change(|world| {
            let found = world.secret(&self.secret);
            let current = found
                .and_then(|found| found.value(found.labelled(Label::Current)?))
                .and_then(Value::read);
            if let Some(credentials) = current {
                world.authenticate(&credentials, "s3", "us-east-1");
            }
        });
    }

    fn tag(&self, world: &mut World, text: &str) {
        let tag = format!("keyrot:{}", text.split(' ').next().unwrap());
        let tag = if ["hold", "inactive", "retiring"].contains(&&tag[7..]) {
            "keyrot:retired"
        } else {
            &tag
        };
        let _ = world.tag_secret(&self.secret, tag, text.to_owned());
    }

    fn current(world: &World, secret: &SecretName) -> Option<VersionId> {
        world.secret(secret)?.labelled(Label::Current).cloned()
    }

    fn keys(world: &World, user: &UserName) -> Vec<(KeyId, Timestamp, KeyStatus)> {
        let keys = world.user(user).unwrap().keys();
        let mut all: Vec<_> = keys
            .iter()
            .map(|key| (key.listed.id.clone(), key.listed.created, key.listed.status.clone()))
            .collect();
        all.sort_by_key(|(_, created, _)| *created);
        all
    }

    /// Returns how old the current key may get before runs are blocked.
    fn limit(&self) -> Duration {
        self.waits.max_age + self.waits.run_interval * 2
    }
}

fn is_overdue(standing: &UserResult) -> bool {
    matches!(&standing.outcome, Outcome::Blocked(Blocked::Overdue { .. }))
}

/// Checks that, once the current key is older than the limit, each run that only waits is blocked,
/// says so, and names what it waits for.
fn loud(scene: &Scene, runs: &[UserResult], start: Timestamp) {
    let mut seen = 0;
    for (day, standing) in (0_u32..).zip(runs) {
        let now = after(start, DAY * day);
        let current = standing.keys.iter().find(|key| Some(&key.id) == standing.current.as_ref());
        let late = current.is_some_and(|key| after(key.created, scene.limit()) <= now);
        if !late {
            assert!(!is_overdue(standing), "day {day}: {:?}", standing.outcome);
            continue;
        }
        seen += 1;
        let errors =
            standing.events.iter().filter(|event| event.kind.severity() == Severity::Error);
        assert!(errors.count() > 0, "day {day} is silent: {:?}", standing.outcome);
        if let Outcome::Blocked(why @ Blocked::Overdue { wait, .. }) = &standing.outcome {
            assert!(why.to_string().contains(&wait.why.to_string()), "{why}");
        } else {
            assert!(
                !matches!(standing.outcome, Outcome::Waiting(_) | Outcome::Settled { .. }),
                "{:?}",
                standing.outcome
            );
        }
    }
    assert!(seen > 10, "the key never got so old: {:?}", runs.last().unwrap().outcome);
}

#[tokio::test]
async fn entries_that_are_renewed_each_day_block_once_the_key_is_overdue() {
    type Renew = fn(&mut World, &Scene);
    let renewals: [(&str, Renew); 3] = [
        ("hold", |world, scene| {
            if let [(old, ..), _] = &Scene::keys(world, &scene.user)[..] {
                scene.tag(world, &format!("hold {old} {}", world.now().to_rfc3339()));
            }
        }),
        ("promoted", |world, scene| {
            let Some(version) = Scene::current(world, &scene.secret) else { return };
            let old = Scene::keys(world, &scene.user)[0].0.clone();
            scene.tag(
                world,
                &format!("promoted {version} replacing {old} {}", world.now().to_rfc3339()),
            );
        }),
        ("promoted for later", |world, scene| {
            let Some(version) = Scene::current(world, &scene.secret) else { return };
            let old = Scene::keys(world, &scene.user)[0].0.clone();
            let later = after(world.now(), 30 * MINUTE);
            scene.tag(world, &format!("promoted {version} replacing {old} {}", later.to_rfc3339()));
        }),
    ];
    for (name, renew) in renewals {
        let scene = Scene::new();
        let start = scene.account.world().now();
        let runs = scene.days(130, renew).await;
        println!("{name}: {:?}", runs.last().unwrap().outcome);
        loud(&scene, &runs, start);
        // Long before that, there is a notification that an old key is kept for longer than it
        // should be.
        let held = |one: &&UserResult| {
            one.events.iter().any(|event| matches!(event.kind, EventKind::Held(_)))
        };
        assert!(runs[..60].iter().filter(held).count() > 20, "{name}");
        // Once the entry is no longer renewed, the rotation continues by itself.
        let runs = scene.days(40, |_, _| ()).await;
        assert!(matches!(
            runs.last().unwrap().outcome,
            Outcome::Settled { .. } | Outcome::Waiting(_)
        ));
        assert!(!is_overdue(runs.last().unwrap()));
    }
}

#[tokio::test]
async fn an_intent_that_is_renewed_before_each_run_blocks() {
    let scene = Scene::new();
    scene.days(60, |_, _| ()).await;
    let start = scene.account.world().now();
    let renew = |world: &mut World, scene: &Scene| {
        let keys = Scene::keys(world, &scene.user);
        if let [(key, ..)] = &keys[..] {
            // The entry's time makes the run wait for a key that may not be listed yet.
            let at = world.now() - chrono::TimeDelta::minutes(20);
            scene.tag(world, &format!("intent {key} {}", at.to_rfc3339()));
        }
    };
    let runs = scene.days(100, renew).await;
    loud(&scene, &runs, start);
}

#[tokio::test]
async fn a_user_whose_first_key_never_comes_blocks() {
    let scene = Scene::new();
    scene.account.inject(FaultAt {
        call: Some("create_key"),
        after: 0,
        times: 1,
        fault: Fault::LostRequest,
    });
    scene.run().await;
    let renew = |world: &mut World, scene: &Scene| {
        let key = Scene::keys(world, &scene.user)[0].0.clone();
        let at = world.now() - chrono::TimeDelta::minutes(20);
        scene.tag(world, &format!("intent {key} {}", at.to_rfc3339()));
    };
    let runs = scene.days(40, renew).await;
    assert!(
        matches!(&runs[5].outcome, Outcome::Waiting(wait) if wait.why == Why::Unlisted),
        "{:?}",
        runs[5].outcome
    );
    let last = &runs.last().unwrap().outcome;
    assert!(matches!(last, Outcome::Blocked(Blocked::Overdue { key: None, .. })), "{last:?}");
}

#[tokio::test]
async fn a_secrets_manager_rotation_that_is_never_ordered_blocks() {
    let scene = Scene::new();
    scene.days(60, |_, _| ()).await;
    let start = scene.account.world().now();
    let runs = scene
        .days(120, |world, scene| world.secret_mut(&scene.secret).unwrap().rotation = true)
        .await;
    loud(&scene, &runs, start);
    assert!(is_overdue(runs.last().unwrap()));
    // Its schedule decides, so no date of keyrot's is shown.
    assert!(runs.iter().all(|run| run.due.is_none() && run.deadline.is_none()));
    let first = UserDocument::new(&runs[0], start).message;
    assert!(first.contains("Secrets Manager's own rotation creates the next key"), "{first}");
}

#[tokio::test]
async fn a_key_in_use_is_reported_and_does_not_make_the_user_overdue() {
    let scene = Scene::new();
    scene.run().await;
    let old = Scene::keys(&scene.account.world(), &scene.user)[0].0.clone();
    let renew = |world: &mut World, _: &Scene| {
        drop(world.authenticate(&World::credentials_of(&old), "s3", "us-east-1"));
    };
    for standing in &scene.days(150, renew).await[20..] {
        assert!(
            matches!(&standing.outcome, Outcome::Waiting(wait) if wait.is_hold()),
            "{:?}",
            standing.outcome
        );
        assert!(standing.events.iter().any(|event| matches!(event.kind, EventKind::Held(_))));
    }
}

#[tokio::test]
async fn a_healthy_user_is_never_overdue_and_nothing_is_reported() {
    let scene = Scene::new();
    for (day, standing) in scene.days(400, |_, _| ()).await.iter().enumerate() {
        assert!(
            matches!(standing.outcome, Outcome::Settled { .. } | Outcome::Waiting(_)),
            "{:?}",
            standing.outcome
        );
        let held = standing.events.iter().any(|event| matches!(event.kind, EventKind::Held(_)));
        assert!(!held, "day {day}: {:?}", standing.events);
    }
}

#[tokio::test]
async fn a_run_that_comes_weeks_late_still_rotates() {
    let scene = Scene::new();
    scene.days(40, |_, _| ()).await;
    scene.account.advance(200 * DAY);
    let before = Scene::current(&scene.account.world(), &scene.secret);
    let standing = scene.run().await;
    assert!(!is_overdue(&standing), "{:?}", standing.outcome);
    assert_ne!(Scene::current(&scene.account.world(), &scene.secret), before);
    let policy = WaitPolicy::new(scene.waits, false).unwrap();
    assert!(policy.lead() < scene.waits.max_age && HOUR < policy.lead());
}
