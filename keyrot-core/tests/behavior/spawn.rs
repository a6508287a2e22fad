//! Tests that every public future can be spawned: it is `Send`, for any lifetime of its borrows.

use keyrot_core::audit::{AccountPort, survey};
use keyrot_core::consumer::{CredentialSource, HomeCheck, HomeSource, KeyReader};
use keyrot_core::engine::{Progress, drive};
use keyrot_core::memory::{MemoryAccount, World};
use keyrot_core::ports::{Destination, UserPolicyPort};
use keyrot_core::requests::{
    Enrollment, HomeMove, OwnKey, RequestFlow, UsesProgress, WhoUses, end_sessions, lift_if_over,
    replace_own,
};
use keyrot_core::service::Service;
use keyrot_core::settings::Settings;
use keyrot_core::trail::{TrailPort, look_up};
use keyrot_core::*;
use std::path::Path;
use std::sync::Arc;

/// The bounds of `tokio::spawn`.
fn spawned<T: Send + 'static>(future: impl Future<Output = T> + Send + 'static) {
    drop(future);
}

fn any<T>() -> T {
    unreachable!("compiled, never run")
}

/// Each body owns what its future borrows, as a spawned task has to.
#[allow(dead_code, unreachable_code, reason = "compiled, never run")]
fn every_public_future() {
    let rotator: Rotator = any();
    spawned(async move {
        rotator.run(any(), Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
        let progress: Box<dyn Fn(Progress) + Send + Sync> = any();
        rotator.carry_out(any(), any(), &Limits::default(), &Cancel::default(), &*progress).await;
        rotator
            .fulfill(any(), any(), Mode::Plan, &Limits::default(), &Cancel::default(), &*progress)
            .await;
        rotator.move_home(&any(), any(), Mode::Act, &Limits::default()).await;
    });
    let ports: Ports = any();
    spawned(async move {
        let _ = ports.perform(&any(), &any()).await;
        drive(&ports, any(), any(), Mode::Act, &mut |_| {}).await;
    });
    let trail: Arc<dyn TrailPort> = any();
    spawned(async move { look_up(trail.as_ref(), &any(), &any(), &|_, _| {}).await });
    let policies: Arc<dyn UserPolicyPort> = any();
    spawned(async move {
        let _ = end_sessions(policies.as_ref(), &any(), any()).await;
        let _ = lift_if_over(policies.as_ref(), &any(), any()).await;
    });
    let enrollment: Enrollment = any();
    spawned(async move {
        let plan = enrollment.plan(&[], false).await.unwrap();
        let _ = enrollment.plan_release(&[]).await;
        enrollment.carry_out(plan, &Cancel::default()).await
    });
    let moving: HomeMove = any();
    spawned(async move {
        let found = moving.find(&[]).await.unwrap();
        let plan = moving.plan(found).await.unwrap();
        moving.carry_out(plan, &Cancel::default()).await
    });
    let mut own: OwnKey = any();
    spawned(async move {
        let _ = own.plan().await;
        own.carry_out(&any(), &Cancel::default(), |_| Ok(())).await
    });
    let who: WhoUses = any();
    spawned(async move {
        let progress: Box<dyn Fn(UsesProgress<'_>) + Send + Sync> = any();
        let _ = who.ask(any(), &*progress).await;
    });
    let session: RequestFlow = any();
    spawned(async move {
        let seen = session.look().await;
        let plan = session.plan(&seen, any()).await;
        session.plan_off_first(any()).await;
        let progress: Box<dyn Fn(Progress) + Send + Sync> = any();
        session.carry_out(plan, &Cancel::default(), &*progress).await;
        session.refuse(&seen, any()).await;
        session.show(&seen).await;
        let _ = session.lift().await;
    });
    let reader: KeyReader = any();
    let (source, homes): (Arc<dyn CredentialSource>, Arc<dyn HomeSource>) = any();
    spawned(async move {
        let _ = reader.read(source.as_ref(), Some(homes.as_ref())).await;
        reader.home_elsewhere(homes.as_ref(), &any(), "eu-west-1", &any()).await;
        let (check, clock): (HomeCheck, Arc<dyn Clock>) = any();
        check.asked(homes.as_ref(), reader.secret(), clock.as_ref()).await
    });
    let (iam, account): (Arc<dyn IamPort>, Arc<dyn AccountPort>) = any();
    spawned(async move { survey(iam.as_ref(), account.as_ref(), true, &|_, _| {}).await });
    let (settings, iam): (Settings, Arc<dyn IamPort>) = any();
    spawned(async move {
        let _ = settings.find(iam.as_ref(), &any(), &[]).await;
        let _ = settings.find_named(iam.as_ref(), &any(), &any()).await;
    });
    let ports: Ports = any();
    spawned(async move {
        let parts = (ports.iam.as_ref(), ports.probe.as_ref(), ports.clock.as_ref());
        replace_own(parts, &any(), &[], &WaitPolicy::default(), &Cancel::default(), |_| Ok(()))
            .await
    });
    let (ports, lab): (Ports, Arc<dyn conformance::Lab>) = any();
    spawned(async move {
        conformance::iam(ports.iam.as_ref(), lab.as_ref()).await;
        conformance::store(ports.store.as_ref(), lab.as_ref()).await;
        conformance::probe(ports.probe.as_ref(), lab.as_ref()).await;
        conformance::clock(ports.clock.as_ref()).await;
    });
    let (place, lab): (Arc<dyn Destination>, Arc<dyn conformance::DestinationLab>) = any();
    spawned(async move { conformance::destination(place.as_ref(), lab.as_ref()).await });
    let service: Service = any();
    spawned(async move {
        let _ = service.pass(&Cancel::default()).await;
        service.run(&Cancel::default()).await
    });
    let cancel: Cancel = any();
    spawned(async move { cancel.cancelled().await });
}

#[test]
fn no_public_future_is_left_out() {
    let listed = include_str!("spawn.rs");
    let mut found = 0;
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                folders.push(entry);
                continue;
            }
            let text = std::fs::read_to_string(&entry).unwrap();
            for name in
                text.split("pub async fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next())
            {
                assert!(
                    listed.contains(&format!("{name}(")),
                    "{name} of {} is not spawned here",
                    entry.display()
                );
                found += 1;
            }
        }
    }
    assert!(found > 10, "only {found} public futures found");
}

#[tokio::test]
async fn a_run_is_spawned() {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    let account = MemoryAccount::new(world);
    let users = account.users("/").await.unwrap();
    let homes = Homes::in_region("us-east-1");
    let selected = select(&users, &Selection::default(), &homes, &WaitPolicy::default());
    let rotator = Rotator::new(Ports::of(account.clone())).trail(Arc::new(account));
    let task = tokio::spawn(async move {
        rotator
            .run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await
    });
    assert!(matches!(
        task.await.unwrap().users[0].outcome,
        Outcome::Done | Outcome::Waiting(_) | Outcome::Settled { .. }
    ));
}
