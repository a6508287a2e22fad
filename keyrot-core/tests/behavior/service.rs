//! The loop of passes, for a program that embeds keyrot.

use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, World};
use keyrot_core::report::RunStatus;
use keyrot_core::service::{Service, ServiceError};
use keyrot_core::{Cancel, Homes, Ports, Rotator, RunDocument, Selection, WaitPolicy};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

fn service() -> (MemoryAccount, Service) {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user).unwrap();
    let account = MemoryAccount::new(world);
    let rotator = Rotator::new(Ports::of(account.clone()));
    let homes = Homes::in_region("us-east-1");
    (account, Service::new(rotator, Selection::default(), homes, WaitPolicy::default()))
}

type Seen = Arc<Mutex<Vec<Result<RunDocument, ServiceError>>>>;

/// Stops after this many passes, and stores the result of each.
fn stopping(service: Service, after: usize) -> (Service, Cancel, Seen) {
    let (cancel, seen) = (Cancel::default(), Arc::new(Mutex::new(Vec::new())));
    let (stop, keep) = (cancel.clone(), seen.clone());
    let service = service.each_pass(move |pass| {
        let mut seen = keep.lock().unwrap();
        seen.push(pass.clone());
        if seen.len() == after {
            stop.cancel();
        }
    });
    (service, cancel, seen)
}

#[tokio::test]
async fn a_service_makes_passes_until_it_is_stopped() {
    let (account, service) = service();
    let (service, cancel, seen) = stopping(service.every(HOUR).jitter(HOUR), 5);
    let begun = account.world().now();
    let health = service.clone();
    // It is spawned, as in a real service.
    assert_eq!(tokio::spawn(async move { service.run(&cancel).await }).await.unwrap(), 5);
    let took = (account.world().now() - begun).to_std().unwrap();
    assert!(took >= HOUR * 4 && took <= HOUR * 9, "four waits of one to two hours, but {took:?}");
    let seen = seen.lock().unwrap();
    let rotated: Vec<usize> =
        seen.iter().map(|pass| pass.as_ref().unwrap().counts.rotated).collect();
    assert_eq!(rotated, [1, 0, 0, 0, 0]);
    let health = health.health();
    assert_eq!((health.passes, health.next), (5, None));
    let last = health.last.unwrap();
    assert!(last.is_ok() && health.last_ok == Some(last.finished));
    assert!(matches!(&last.result, Ok((RunStatus::Ok, counts)) if counts.users == 1));
}

#[tokio::test]
async fn a_pass_that_fails_or_panics_is_in_the_health_and_the_next_one_continues() {
    let (account, service) = service();
    account.inject(FaultAt::first("users", Fault::Denied));
    let panics = Mutex::new(1);
    let service = service.every(HOUR).notify_with(move |_| {
        let mut left = panics.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if *left > 0 {
            *left -= 1;
            panic!("a fault in the program's own code");
        }
        Vec::new()
    });
    let (service, cancel, seen) = stopping(service, 3);
    assert_eq!(service.run(&cancel).await, 3);
    let seen = seen.lock().unwrap();
    assert!(
        matches!(&seen[0], Err(ServiceError::NotListed(error)) if error.message.contains("users was refused"))
    );
    assert!(
        matches!(&seen[1], Err(ServiceError::Panicked(why)) if why.contains("program's own code"))
    );
    assert_eq!(seen[2].as_ref().unwrap().counts.rotated, 1);
    assert!(std::error::Error::source(seen[0].as_ref().unwrap_err()).is_some());
}

#[tokio::test]
async fn a_failed_pass_is_not_the_last_successful_one() {
    let (account, service) = service();
    service.pass(&Cancel::default()).await.unwrap();
    let well = service.health().last_ok.unwrap();
    account.inject(FaultAt::first("users", Fault::Denied));
    account.advance(HOUR);
    service.pass(&Cancel::default()).await.unwrap_err();
    let health = service.health();
    assert_eq!((health.passes, health.last_ok), (2, Some(well)));
    assert!(!health.last.unwrap().is_ok());
}

#[tokio::test]
async fn no_wait_is_longer_than_the_policys_run_interval() {
    let (account, service) = service();
    let (service, cancel, _) = stopping(service.every(HOUR * 24 * 30), 2);
    let begun = account.world().now();
    service.run(&cancel).await;
    // The second pass comes after one run_interval.
    let took = (account.world().now() - begun).to_std().unwrap();
    assert!(took >= HOUR * 24 && took < HOUR * 25, "{took:?}");
}

#[tokio::test]
async fn a_service_that_is_stopped_before_the_first_pass_makes_none() {
    let (_, service) = service();
    let cancel = Cancel::default();
    cancel.cancel();
    assert_eq!(service.run(&cancel).await, 0);
}
