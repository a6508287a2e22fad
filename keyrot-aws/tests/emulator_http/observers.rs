//! An observer gets every change, and who made it.

use super::*;
use keyrot_aws::emulator::By;
use std::sync::{Arc, Mutex};

/// Returns one line for each change: who, what, and how many keys there were before and after.
fn lines(emulator: &Emulator) -> Arc<Mutex<Vec<String>>> {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let lines = Arc::clone(&seen);
    emulator.observe(move |change| {
        let keys = |world: &World| world.users().map(|u| u.keys().len()).sum::<usize>();
        let by = match change.by {
            By::Admin => "admin".to_owned(),
            By::User(arn) => arn.name().to_string(),
            By::Test => "test".to_owned(),
        };
        let line =
            format!("{by} {:?} {}>{}", change.action, keys(change.before), keys(change.after));
        lines.lock().unwrap().push(line);
    });
    seen
}

#[tokio::test]
async fn an_observer_sees_each_change_in_its_order() {
    let mut world = world();
    let ci = world.add_user("ci", &[]).unwrap();
    let emulator = start(world);
    emulator.change(|w| w.add_user("unseen", &[])).unwrap();
    let seen = lines(&emulator);
    let iam = iam(&emulator);
    let create = || iam.create_access_key().user_name("ci").send();

    create().await.unwrap();
    let key = World::credentials_of(&emulator.world().user(&ci).unwrap().keys()[0].listed.id);
    identity(&emulator, &key).await.unwrap();
    emulator.change(|w| w.add_key(&ci)).unwrap();
    assert_eq!(refused(create().await), says("LimitExceeded", 409));
    assert_eq!(
        *seen.lock().unwrap(),
        [
            "admin Some(\"CreateAccessKey\") 0>1",
            "ci Some(\"GetCallerIdentity\") 1>1",
            "test None 1>2",
            "admin Some(\"CreateAccessKey\") 2>2",
        ]
    );
}

#[tokio::test]
async fn a_lost_reply_is_observed_and_a_lost_request_is_not() {
    let mut world = world();
    world.add_user("ci", &[]).unwrap();
    let emulator = start(world);
    let seen = lines(&emulator);
    let iam = iam(&emulator);
    for fault in [Fault::LostRequest, Fault::denied(), Fault::LostReply] {
        emulator.inject(CallAt::first("CreateAccessKey"), fault);
        iam.create_access_key().user_name("ci").send().await.unwrap_err();
    }
    let stranger = World::credentials_of(&KeyId::parse("AKIASTRANGERSTRANGER").unwrap());
    identity(&emulator, &stranger).await.unwrap_err();
    assert_eq!(*seen.lock().unwrap(), ["admin Some(\"CreateAccessKey\") 0>1"]);
}

#[tokio::test]
async fn an_observer_that_panics_costs_one_answer_and_the_emulator_continues() {
    let mut world = world();
    world.add_user("ci", &[]).unwrap();
    let emulator = start(world);
    emulator.observe(|change| {
        assert_ne!(change.action, Some("CreateAccessKey"), "meant: this test's observer panics");
    });
    let iam = iam(&emulator);
    let lost = iam.create_access_key().user_name("ci").send().await;
    assert!(matches!(lost.unwrap_err(), SdkError::DispatchFailure(_)));
    assert_eq!(
        iam.list_access_keys().user_name("ci").send().await.unwrap().access_key_metadata().len(),
        1
    );
}
