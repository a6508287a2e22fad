//! Users who are not moved, and places that they are not moved to.

use super::harness::{
    DAY, NEW, OLD, active, at_rest, chosen, consume, home_region, homes, moved, moved_by,
    published, run, secret, until_due, until_settled, user,
};
use keyrot_core::decide::{Refusal, Unhoused};
use keyrot_core::engine::Moved;
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, Value};
use keyrot_core::model::{Adoption, Difference, VersionId};
use keyrot_core::{
    Blocked, CallError, Cancel, ErrorKind, Homes, KeyStatus, Limits, Mode, Outcome, Ports, Request,
    Revocation, Rotator,
};
use std::time::Duration;

#[tokio::test]
async fn a_user_in_rotation_is_not_moved() {
    async fn refused(account: &MemoryAccount, what: &str) -> (String, bool) {
        let before = account.world();
        let moved = moved(account, NEW).await;
        assert_eq!(account.world(), before, "{what}: nothing was changed");
        match moved {
            Moved::Old(Outcome::Refused(Refusal::NotAtRest { why, until })) => {
                (why, until.is_some())
            }
            Moved::Old(Outcome::Blocked(why)) => (why.to_string(), false),
            other => panic!("{what}: {other:?}"),
        }
    }
    // In the overlap, and in the soak.
    let account = at_rest().await;
    until_due(&account).await;
    assert_eq!(refused(&account, "due").await.0, "the next run has something to do there");
    run(&account, OLD).await;
    for _ in 0..8 {
        let (_, until) = refused(&account, "two keys").await;
        assert!(until, "it says when to ask again");
        account.advance(DAY);
        consume(&account, OLD);
        run(&account, OLD).await;
    }
    // Shortly before it begins.
    let account = at_rest().await;
    let Outcome::Settled { until } = run(&account, OLD).await.outcome else { panic!() };
    account.advance((until - account.world().now()).to_std().unwrap() - Duration::from_secs(60));
    assert!(refused(&account, "soon").await.0.contains("about to begin"));
    // Rotated by Secrets Manager.
    let account = at_rest().await;
    account.change(|world| world.secret_mut(&secret()).unwrap().rotation = true);
    assert!(
        refused(&account, "rotation_enabled").await.0.contains("Secrets Manager's own rotation")
    );
    // An unattributed key, a revoked key, a current key that a person deactivated.
    let account = at_rest().await;
    account.change(|world| world.add_key(&user()).unwrap());
    refused(&account, "unknown key").await;
    let account = at_rest().await;
    let key = active(&account)[0].clone();
    account.change(|world| world.set_key_status(&user(), &key, KeyStatus::Inactive).unwrap());
    refused(&account, "inactive").await;
    // Revoked, and its successor could not be created.
    let account = at_rest().await;
    account.inject(FaultAt::every("create_key", Fault::Denied));
    let one = chosen(&account, &homes(OLD)).remove(0);
    let rotator = Rotator::new(Ports::of(account.clone()));
    let request = Request::Revoke(Revocation::of(active(&account)[0].clone()));
    rotator.fulfill(one, request, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    account.heal();
    refused(&account, "revoked").await;
    // Quarantined.
    let account = at_rest().await;
    account.change(|world| {
        world.user_mut(&user()).unwrap().policies.push("AWSCompromisedKeyQuarantineV3".to_owned());
    });
    refused(&account, "quarantined").await;
    // Scheduled for deletion. If it is deleted permanently, there is nothing to leave.
    let account = at_rest().await;
    account.change(|world| {
        let now = world.now();
        world.secret_mut(&secret()).unwrap().deleted = Some(now);
    });
    refused(&account, "deleted").await;
    account.change(|world| world.erase_secret(&secret()));
    assert_eq!(moved(&account, NEW).await, Moved::Done);
    until_settled(&account, NEW).await;
}

#[tokio::test]
async fn an_old_home_that_cannot_be_read_is_not_left() {
    let account = at_rest().await;
    let before = account.world();
    let closed = account.in_region(OLD);
    closed.inject(FaultAt::every("describe", Fault::Denied));
    let here = account.in_region(NEW);
    let one = chosen(&here, &homes(NEW)).remove(0);
    let other = MemoryAccount::new(here.world()).in_region(NEW);
    let moved = Rotator::new(Ports::of(other))
        .move_home(&Rotator::new(Ports::of(closed)), one, Mode::Act, &Limits::default())
        .await
        .moved;
    assert!(
        matches!(&moved, Moved::Old(Outcome::Failed(failure)) if matches!(&failure.error, CallError { kind: ErrorKind::Denied, .. })),
        "{moved:?}"
    );
    assert_eq!(account.world(), before);
}

#[tokio::test]
async fn what_is_at_the_new_place_is_compared_as_in_an_adoption() {
    let made = async |first: Option<(VersionId, Value)>| {
        let account = at_rest().await;
        account.in_region(NEW).change(|world| world.create_secret(&secret(), first).unwrap());
        account
    };
    let placeholder = |account: &MemoryAccount| {
        Some((VersionId::for_placeholder(account.world().now()), Value::placeholder()))
    };
    let unbound = |moved: Moved| match moved {
        Moved::New(Outcome::Blocked(Blocked::SecretNotBound { why, .. })) => why,
        other => panic!("{other:?}"),
    };
    let take_over = Homes { adoption: Adoption::TakeOver, ..homes(NEW) };
    let account = made(None).await;
    let before = account.world();
    assert_eq!(unbound(moved(&account, NEW).await), Unhoused::Empty);
    assert_eq!(account.world(), before);
    assert_eq!(moved_by(&account, &take_over, Mode::Act).await, Moved::Done);
    until_settled(&account, NEW).await;

    let account = made(placeholder(&at_rest().await)).await;
    assert_eq!(unbound(moved(&account, NEW).await), Unhoused::Placeholder);
    let kms = Difference::KmsKey {
        found: "theirs".to_owned(),
        expected: "aws/secretsmanager".to_owned(),
    };
    account
        .in_region(NEW)
        .change(|world| world.secret_mut(&secret()).unwrap().differences = vec![kms.clone()]);
    assert_eq!(
        unbound(moved_by(&account, &take_over, Mode::Act).await),
        Unhoused::Differs(vec![kms])
    );
    assert_eq!(home_region(&account), OLD);

    // A copy of the published key is this user's own.
    let account = at_rest().await;
    let credentials = published(&account, OLD).unwrap();
    let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
    let first = Some((version, Value::credentials(&credentials, None)));
    account.in_region(NEW).change(|world| world.create_secret(&secret(), first).unwrap());
    assert_eq!(moved(&account, NEW).await, Moved::Done);
    until_settled(&account, NEW).await;
}
