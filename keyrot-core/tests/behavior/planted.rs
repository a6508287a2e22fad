//! What an attacker plants in the secret during a run is read before it counts.

use keyrot_core::machine::{Call, Next, Rotation, Task};
use keyrot_core::memory::{Label, MemoryAccount, Value, World};
use keyrot_core::model::{Subject, VersionId};
use keyrot_core::{
    Blocked, KeyId, KeyStatus, Mode, Outcome, Ports, Request, Revocation, SecretName, UserName,
    WaitPolicy, Waits,
};
use std::time::Duration;

fn user() -> UserName {
    "ci".parse().unwrap()
}

fn secret() -> SecretName {
    "/iam/ci/access_key".parse().unwrap()
}

/// Makes a run, with a change right before it reads the secret for the nth time.
async fn run(
    account: &MemoryAccount,
    task: Task,
    before: usize,
    deed: impl Fn(&mut World),
) -> Outcome {
    let ports = Ports::of(account.clone());
    let world = account.world();
    let subject = Subject::of(&world.list_users("/")[0], secret(), world.region());
    let policy = WaitPolicy::new(Waits::default(), false).unwrap();
    let mut machine = Rotation::new(subject, policy, Mode::Act).to_do(task);
    let mut looks = 0;
    loop {
        match machine.next(account.world().now()) {
            Next::Done(outcome) => return outcome,
            Next::Sleep(pause) => account.advance(pause),
            Next::Call(call) => {
                looks += usize::from(call == Call::DescribeSecret);
                if call == Call::DescribeSecret && looks == before {
                    account.change(&deed);
                }
                let answer = ports.perform(machine.subject(), &call).await;
                machine.answer(account.world().now(), answer);
            }
        }
    }
}

#[tokio::test]
async fn a_version_that_only_claims_to_hold_the_new_key_is_no_successor() {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user()).unwrap();
    let account = MemoryAccount::new(world);
    account.advance(Duration::from_secs(86_400));
    run(&account, Task::Everything, 0, |_| {}).await;
    let keys = || account.world().user(&user()).unwrap().keys().to_vec();
    let old: KeyId = keys()[0].listed.id.clone();
    account.advance(Waits::default().overlap * 4);
    // Only one key again: the old one is retired.
    for _ in 0..200 {
        account.advance(Duration::from_secs(86_400));
        run(&account, Task::Everything, 0, |_| {}).await;
        if keys().len() == 1 {
            break;
        }
    }
    let current = keys()[0].listed.id.clone();
    assert_ne!(current, old);
    // The key has to be revoked. Once its successor is published, an attacker writes another
    // version under the successor's name.
    let planted = |world: &mut World| {
        let new = world.user(&user()).unwrap().keys()[1].listed.clone();
        let version = VersionId::for_key(&new.id, new.created, true).unwrap();
        world.put_secret_value(&secret(), &version, Value::text("{}"), &[]).unwrap();
    };
    let order = Task::Request(Request::Revoke(Revocation::of(current.clone())));
    let outcome = run(&account, order, 2, planted).await;
    assert!(matches!(outcome, Outcome::Blocked(Blocked::CurrentDoesNotWork { .. })), "{outcome:?}");
    let world = account.world();
    let status = &world.user(&user()).unwrap().key(&current).unwrap().listed.status;
    assert_eq!(*status, KeyStatus::Active, "nothing that works is in its place");
    let found = world.secret(&secret()).unwrap();
    assert!(found.value(found.labelled(Label::Current).unwrap()).unwrap().read().is_none());
}
