//! A user's home is moved to another region or secret: the published key works throughout, and each user has one home at any instant.
#![allow(clippy::unwrap_used)]

mod support;

use async_trait::async_trait;
use keyrot_core::decide::{Refusal, Unhoused};
use keyrot_core::engine::Moved;
use keyrot_core::memory::{Fault, FaultAt, Label, MemoryAccount, Value, World};
use keyrot_core::model::{Adoption, Difference, HOME_TAG, HomeTag, JournalEntry, ProbeAnswer, SecretArn, VersionId};
use keyrot_core::{
    Blocked, CallError, Cancel, Credentials, ErrorKind, Homes, KeyId, KeyStatus, Limits, Mode, Outcome, Policy, Ports,
    Request, Revocation, Rotator, SecretName, Selection, Target, UserName, UserResult, Waits, select,
};
use std::time::Duration;
use support::{Hook, Hooked};

const DAY: Duration = Duration::from_secs(86_400);
const OLD: &str = "us-east-1";
const NEW: &str = "eu-west-1";

fn secret() -> SecretName {
    "/iam/ci/access_key".parse().unwrap()
}

fn user() -> UserName {
    "ci".parse().unwrap()
}

/// An account with one user, who was rotated in the old region and is at rest there.
async fn at_rest() -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user).unwrap();
    world.advance(DAY);
    let account = MemoryAccount::new(world);
    until_settled(&account, OLD).await;
    account
}

fn homes(region: &str) -> Homes {
    Homes::in_region(region)
}

fn chosen(account: &MemoryAccount, homes: &Homes) -> Vec<Target> {
    let users = account.world().list_users("/");
    select(&users, &Selection::default(), homes, &Policy::default()).chosen
}

fn published(account: &MemoryAccount, region: &str) -> Option<Credentials> {
    let world = account.in_region(region).world();
    let found = world.secret(&secret())?;
    found.value(found.labelled(Label::Current)?)?.read()
}

/// Whoever reads the secret in that region uses what is in it. At the user's home it works.
fn consume(account: &MemoryAccount, region: &str) -> Option<KeyId> {
    let credentials = published(account, region)?;
    let answer = account.change(|world| world.authenticate(&credentials, "s3", region));
    let works = matches!(answer, ProbeAnswer::Authenticated(_));
    assert!(works || matches!(tag(account), HomeTag::At(home) if home.place().region != region), "{answer:?}");
    Some(credentials.key).filter(|_| works)
}

fn active(account: &MemoryAccount) -> Vec<KeyId> {
    let world = account.world();
    let all =
        world.list_users("/").into_iter().flat_map(|listed| world.user(listed.arn.name()).unwrap().keys().to_vec());
    all.filter(|key| key.listed.status == KeyStatus::Active).map(|key| key.listed.id).collect()
}

async fn run(account: &MemoryAccount, region: &str) -> UserResult {
    let account = account.in_region(region);
    let rotator = Rotator::new(Ports::of(account.clone()));
    let chosen = chosen(&account, &homes(region));
    let report = rotator.run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    report.users.into_iter().next().unwrap()
}

async fn until_settled(account: &MemoryAccount, region: &str) {
    for _ in 0..60 {
        consume(account, region);
        if matches!(run(account, region).await.outcome, Outcome::Settled { .. }) {
            return;
        }
        account.advance(DAY);
    }
    panic!("not settled: {:?}", run(account, region).await.outcome);
}

/// Lets time pass until the rotation of the current key begins.
async fn until_due(account: &MemoryAccount) {
    let Outcome::Settled { until } = run(account, OLD).await.outcome else { panic!("not settled") };
    account.advance((until - account.world().now()).to_std().unwrap());
}

async fn moved_by(account: &MemoryAccount, to: &Homes, mode: Mode) -> Moved {
    let here = account.in_region(to.region.as_str());
    let chosen = chosen(&here, to).remove(0);
    let old = match &chosen.subject.home {
        HomeTag::At(home) => account.in_region(home.place().region.as_str()),
        _ => account.clone(),
    };
    let (old, here) = (Rotator::new(Ports::of(old)), Rotator::new(Ports::of(here)));
    here.move_home(&old, chosen, mode, &Limits::default()).await
}

async fn moved(account: &MemoryAccount, to: &str) -> Moved {
    moved_by(account, &homes(to), Mode::Act).await
}

fn tag(account: &MemoryAccount) -> HomeTag {
    HomeTag::of(account.world().user(&user()).unwrap().tags.get(HOME_TAG).map(String::as_str))
}

fn home_region(account: &MemoryAccount) -> String {
    match tag(account) {
        HomeTag::At(home) => home.place().region.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_whole_life_across_a_move() {
    let account = at_rest().await;
    let first = published(&account, OLD).unwrap();
    let before = account.world();
    assert_eq!(moved_by(&account, &homes(NEW), Mode::Plan).await, Moved::Planned);
    assert_eq!(account.world(), before, "a plan changes nothing");

    assert_eq!(moved(&account, NEW).await, Moved::Done);
    assert_eq!(active(&account), std::slice::from_ref(&first.key), "no key was touched");
    assert_eq!(moved(&account, NEW).await, Moved::Already);
    let left = account.world().secret(&secret()).unwrap().clone();
    let blocked = run(&account, OLD).await;
    match &blocked.outcome {
        Outcome::Blocked(why @ Blocked::ManagedElsewhere { home }) => {
            assert_eq!(home.place().region, NEW);
            assert!(why.hint(&user()).contains("keyrot move ci"), "{}", why.hint(&user()));
        }
        other => panic!("{other:?}"),
    }

    // The consumer stays at the old secret for three weeks: the key there is held for as long as it uses it.
    run(&account, NEW).await;
    let second = published(&account, NEW).unwrap();
    assert_ne!(second.key, first.key);
    let moved_at = account.world().now();
    for day in 0..21 {
        assert_eq!(consume(&account, OLD), Some(first.key.clone()), "day {day}");
        consume(&account, NEW);
        account.advance(DAY);
        run(&account, NEW).await;
        assert!(active(&account).contains(&first.key), "day {day}: it is used");
        assert!(matches!(run(&account, OLD).await.outcome, Outcome::Blocked(_)));
    }
    // Then it has moved, too.
    until_settled(&account, NEW).await;
    let overlap = Waits::default().overlap;
    assert!(account.world().now() > keyrot_core::model::after(moved_at, overlap));
    assert_eq!(active(&account), std::slice::from_ref(&second.key));
    assert_eq!(account.world().secret(&secret()).unwrap(), &left, "nothing at the old home was touched again");

    // A life goes on at the new home.
    account.advance(90 * DAY);
    until_settled(&account, NEW).await;
    assert_ne!(published(&account, NEW).unwrap().key, second.key);
}

#[tokio::test]
async fn a_key_of_the_old_home_that_is_not_used_there_leaves_after_the_overlap_and_not_before() {
    let account = at_rest().await;
    let first = published(&account, OLD).unwrap().key;
    assert_eq!(moved(&account, NEW).await, Moved::Done);
    run(&account, NEW).await;
    let published_at = account.world().now();
    while active(&account).contains(&first) {
        account.advance(DAY / 4);
        consume(&account, NEW);
        run(&account, NEW).await;
    }
    let kept = account.world().now() - published_at;
    assert!(kept.to_std().unwrap() >= Waits::default().overlap, "{kept}");
}

#[tokio::test]
async fn another_secret_name_is_a_place_to_move_to() {
    let account = at_rest().await;
    let other = Homes { template: "/keys/{user}".parse().unwrap(), ..homes(OLD) };
    assert_eq!(moved_by(&account, &other, Mode::Act).await, Moved::Done);
    assert!(matches!(run(&account, OLD).await.outcome, Outcome::Blocked(Blocked::ManagedElsewhere { .. })));
    let rotator = Rotator::new(Ports::of(account.clone()));
    let all = chosen(&account, &other);
    let report = rotator.run(all, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    assert!(matches!(report.users[0].outcome, Outcome::Waiting(_)), "{:?}", report.users[0].outcome);
    assert!(account.world().secret(&"/keys/ci".parse().unwrap()).is_some());
}

#[tokio::test]
async fn killed_or_failing_at_any_call_it_is_finished_by_asking_again_or_taken_back() {
    let faults = [Fault::DeathBefore, Fault::DeathAfter, Fault::LostRequest, Fault::LostReply, Fault::Denied];
    for fault in faults {
        for nth in 0..16 {
            for back in [false, true] {
                let account = at_rest().await;
                let key = published(&account, OLD).unwrap().key;
                account.inject(FaultAt::nth(nth, fault));
                let asked = tokio::time::timeout(Duration::from_millis(200), moved(&account, NEW)).await;
                let case = format!("{fault:?} at call {nth}: {asked:?}");
                account.heal();
                assert_eq!(active(&account), std::slice::from_ref(&key), "{case}");
                // Whatever was left behind: runs at both sides change nothing at the one, or nothing at either.
                let before = account.world();
                let at_old = run(&account, OLD).await.outcome;
                assert_eq!(account.world(), before, "{case}: {at_old:?}");
                let home = home_region(&account);
                let region = if back { OLD } else { NEW };
                if home == OLD {
                    let open = matches!(at_old, Outcome::Settled { .. });
                    let begun = matches!(at_old, Outcome::Blocked(Blocked::MoveBegun { .. }));
                    assert!(open || begun, "{case}: {at_old:?}");
                    let at_new = run(&account, NEW).await.outcome;
                    assert!(matches!(at_new, Outcome::Blocked(Blocked::ManagedElsewhere { .. })), "{case}: {at_new:?}");
                }
                let again = moved(&account, region).await;
                assert!(matches!(again, Moved::Done | Moved::Already), "{case}: {again:?}");
                assert_eq!(home_region(&account), region, "{case}");
                consume(&account, OLD);
                until_settled(&account, region).await;
                assert_eq!(active(&account).len(), 1, "{case}");
            }
        }
    }
}

#[tokio::test]
async fn a_lost_tag_never_opens_the_home_that_was_left() {
    // Before the switch, and after it: Terraform takes the tag off at any time.
    for switched in [false, true] {
        let account = at_rest().await;
        if switched {
            assert_eq!(moved(&account, NEW).await, Moved::Done);
            run(&account, NEW).await;
        } else {
            account.inject(FaultAt::every("write_home", Fault::Denied));
            assert!(matches!(moved(&account, NEW).await, Moved::New(Outcome::Failed(_))));
            account.heal();
        }
        account.change(|world| world.untag_user(&user(), HOME_TAG).unwrap());
        let before = account.world();
        match run(&account, OLD).await.outcome {
            Outcome::Blocked(Blocked::ManagedElsewhere { home }) => assert_eq!(home.place().region, NEW),
            other => panic!("{other:?}"),
        }
        assert_eq!(account.world(), before);
        assert!(matches!(moved(&account, NEW).await, Moved::New(Outcome::Refused(Refusal::NoHome))));
        // The new place is open to whoever chooses it, also where the old region is looked into.
        let looking = account.looking_in(&[OLD]);
        until_settled(&looking, NEW).await;
        assert_eq!(home_region(&account), NEW);
        assert!(matches!(run(&account, OLD).await.outcome, Outcome::Blocked(Blocked::ManagedElsewhere { .. })));
    }
}

#[tokio::test]
async fn a_move_is_taken_back_before_the_first_run_and_after_it() {
    let account = at_rest().await;
    assert_eq!(moved(&account, NEW).await, Moved::Done);
    assert_eq!(moved(&account, OLD).await, Moved::Done, "nothing was begun at the new place");
    assert!(matches!(run(&account, OLD).await.outcome, Outcome::Settled { .. }));
    assert!(matches!(run(&account, NEW).await.outcome, Outcome::Blocked(Blocked::ManagedElsewhere { .. })));

    assert_eq!(moved(&account, NEW).await, Moved::Done);
    until_settled(&account, NEW).await;
    // The old secret holds a key that does not exist anymore: the placeholder takes its place.
    let key = published(&account, NEW).unwrap().key;
    assert!(published(&account, OLD).is_some());
    assert_eq!(moved(&account, OLD).await, Moved::Done);
    assert_eq!((published(&account, OLD), active(&account)), (None, vec![key.clone()]));
    for _ in 0..9 {
        run(&account, OLD).await;
        assert_eq!(consume(&account, NEW), Some(key.clone()), "it is used, and held");
        consume(&account, OLD);
        account.advance(DAY);
    }
    until_settled(&account, OLD).await;
    assert!(matches!(run(&account, NEW).await.outcome, Outcome::Blocked(Blocked::ManagedElsewhere { .. })));
}

#[tokio::test]
async fn who_is_not_at_rest_is_not_moved() {
    async fn refused(account: &MemoryAccount, what: &str) -> (String, bool) {
        let before = account.world();
        let moved = moved(account, NEW).await;
        assert_eq!(account.world(), before, "{what}: nothing was changed");
        match moved {
            Moved::Old(Outcome::Refused(Refusal::NotAtRest { why, until })) => (why, until.is_some()),
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
    // Rotated by the service.
    let account = at_rest().await;
    account.change(|world| world.secret_mut(&secret()).unwrap().rotation = true);
    assert!(refused(&account, "rotation_enabled").await.0.contains("Secrets Manager's own rotation"));
    // An unattributed key, one that was revoked, a current key that somebody deactivated.
    let account = at_rest().await;
    account.change(|world| world.add_key(&user()).unwrap());
    refused(&account, "unknown key").await;
    let account = at_rest().await;
    let key = active(&account)[0].clone();
    account.change(|world| world.set_key_status(&user(), &key, KeyStatus::Inactive).unwrap());
    refused(&account, "inactive").await;
    // Revoked, and its successor could not be made.
    let account = at_rest().await;
    account.inject(FaultAt::every("create_key", Fault::Denied));
    let one = chosen(&account, &homes(OLD)).remove(0);
    let rotator = Rotator::new(Ports::of(account.clone()));
    let request = Request::Revoke(Revocation::of(active(&account)[0].clone()));
    rotator.fulfil(one, request, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    account.heal();
    refused(&account, "revoked").await;
    // Quarantined.
    let account = at_rest().await;
    account.change(|world| world.user_mut(&user()).unwrap().policies.push("AWSCompromisedKeyQuarantineV3".to_owned()));
    refused(&account, "quarantined").await;
    // Scheduled for deletion; deleted for good, there is nothing to leave.
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
        .await;
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
    let placeholder =
        |account: &MemoryAccount| Some((VersionId::for_placeholder(account.world().now()), Value::placeholder()));
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
    let kms = Difference::KmsKey { found: "theirs".to_owned(), expected: "aws/secretsmanager".to_owned() };
    account.in_region(NEW).change(|world| world.secret_mut(&secret()).unwrap().differences = vec![kms.clone()]);
    assert_eq!(unbound(moved_by(&account, &take_over, Mode::Act).await), Unhoused::Differs(vec![kms]));
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

#[tokio::test]
async fn a_renamed_user_is_moved_with_its_key() {
    let account = at_rest().await;
    let key = active(&account)[0].clone();
    account.change(|world| {
        world.rename_user(&user(), "deployer").unwrap();
    });
    assert_eq!(moved(&account, OLD).await, Moved::Already, "the name is kept in the same place");
    assert_eq!(moved(&account, NEW).await, Moved::Done);
    assert_eq!(active(&account), std::slice::from_ref(&key));
    run(&account, NEW).await;
    let world = account.in_region(NEW).world();
    assert!(world.secret(&"/iam/deployer/access_key".parse().unwrap()).is_some());
    assert_eq!(active(&account).len(), 2);
    assert!(matches!(run(&account, OLD).await.outcome, Outcome::Blocked(Blocked::ManagedElsewhere { .. })));
}

/// Somebody closes the home right after the run has written that it is about to retire the old key.
struct Closes(MemoryAccount, JournalEntry);

#[async_trait]
impl Hook for Closes {
    async fn before(&self, _: &'static str, _: &str) {}
    async fn after(&self, call: &'static str, _: &str) {
        if call == "write_note" {
            self.0.change(|world| world.tag_secret(&secret(), self.1.tag(), self.1.to_text()).unwrap());
        }
    }
}

#[tokio::test]
async fn a_run_that_looked_before_the_home_was_left_takes_no_key_away_after_it() {
    for closed in [false, true] {
        let account = at_rest().await;
        until_due(&account).await;
        run(&account, OLD).await;
        // Nobody uses the old key, and it is about to go.
        for _ in 0..8 {
            consume(&account, OLD);
            account.advance(DAY);
        }
        assert_eq!(active(&account).len(), 2);
        let to = SecretArn::planned(chosen(&account.in_region(NEW), &homes(NEW)).remove(0).subject.place());
        let hook = Closes(account.clone(), JournalEntry::Moved(to));
        let ports = if closed { Hooked::ports(&account, hook) } else { Ports::of(account.clone()) };
        let chosen = chosen(&account, &homes(OLD));
        let report = Rotator::new(ports).run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
        let outcome = &report.users[0].outcome;
        assert_eq!(matches!(outcome, Outcome::Blocked(Blocked::MoveBegun { .. })), closed, "{outcome:?}");
        assert_eq!(active(&account).len(), if closed { 2 } else { 1 });
    }
}
