//! One user, one home: whatever region, name, account or user a run is started for, a second secret never takes the first one's key away.
#![allow(clippy::unwrap_used)]

use keyrot_core::decide::{Step, Unhoused};
use keyrot_core::engine::Moved;
use keyrot_core::memory::{Label, MemoryAccount, Value, World};
use keyrot_core::model::{Adoption, Difference, HOME_TAG, HomeTag, Owner, SecretArn, VersionId};
use keyrot_core::{
    Blocked, Cancel, Credentials, Event, EventKind, Homes, KeyId, KeyStatus, Limits, Mode, Outcome, Policy, Ports,
    Request, Revocation, Rotator, SecretName, Selection, Target, UserName, UserResult, Waits, select,
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const HERE: &str = "us-east-1";
const THERE: &str = "eu-west-1";

fn secret() -> SecretName {
    "/iam/ci/access_key".parse().unwrap()
}

fn user() -> UserName {
    "ci".parse().unwrap()
}

/// An account with one user, who has one key.
fn account() -> MemoryAccount {
    let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user).unwrap();
    world.advance(DAY);
    let account = MemoryAccount::new(world);
    account.watch(&user, &secret(), &Policy::new(Waits::default(), false).unwrap());
    account
}

fn chosen(account: &MemoryAccount, homes: &Homes) -> Vec<Target> {
    let users = account.world().list_users("/");
    select(&users, &Selection::default(), homes, &Policy::default()).chosen
}

/// Somebody reads the secret and uses what is in it.
fn consume(account: &MemoryAccount) {
    account.change(|world| {
        let found = world.secret(&secret());
        let current = found.and_then(|found| found.value(found.labelled(Label::Current)?)).and_then(Value::read);
        if let Some(credentials) = current {
            world.authenticate(&credentials, "s3", HERE);
        }
    });
}

async fn work(account: &MemoryAccount, homes: &Homes, mode: Mode) -> UserResult {
    let rotator = Rotator::new(Ports::of(account.clone()));
    let report = rotator.run(chosen(account, homes), mode, &Limits::default(), &Cancel::default(), &|_| {}).await;
    assert_eq!(account.broken(), []);
    report.users.into_iter().next().unwrap()
}

async fn run(account: &MemoryAccount, homes: &Homes) -> UserResult {
    work(account, homes, Mode::Act).await
}

async fn blocked(account: &MemoryAccount, homes: &Homes) -> Blocked {
    let before = account.world();
    match run(account, homes).await.outcome {
        Outcome::Blocked(why) => {
            assert_eq!(account.world(), before, "who is blocked changes nothing");
            why
        }
        other => panic!("expected blocked, found {other:?}"),
    }
}

fn active(account: &MemoryAccount) -> Vec<KeyId> {
    let world = account.world();
    let keys = world.user(&user()).unwrap().keys();
    keys.iter().filter(|key| key.listed.status == KeyStatus::Active).map(|key| key.listed.id.clone()).collect()
}

fn here() -> Homes {
    Homes::in_region(HERE)
}

fn there() -> Homes {
    Homes::in_region(THERE)
}

fn tag(account: &MemoryAccount) -> Option<String> {
    account.world().user(&user()).unwrap().tags.get(HOME_TAG).cloned()
}

fn untag(account: &MemoryAccount) {
    account.change(|world| world.untag_user(&user(), HOME_TAG).unwrap());
}

fn events(standing: &UserResult) -> Vec<&EventKind> {
    standing.events.iter().map(|Event { kind, .. }| kind).collect()
}

/// A secret as somebody else made it, with these credentials.
fn by_hand(account: &MemoryAccount, credentials: Option<&Credentials>) {
    let value = credentials.map_or_else(|| Value::text("{}"), |own| Value::credentials(own, None));
    let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
    account.change(|world| world.create_secret(&secret(), Some((version, value))).unwrap());
}

fn first_key(account: &MemoryAccount) -> Credentials {
    World::credentials_of(&active(account)[0])
}

#[tokio::test]
async fn a_home_is_recorded_on_both_sides_and_costs_a_settled_user_no_call() {
    let account = account();
    run(&account, &here()).await;
    let world = account.world();
    let found = world.secret(&secret()).unwrap().owner().unwrap();
    assert_eq!((found.id, found.account.as_str()), (world.user(&user()).unwrap().id.clone(), "123456789012"));
    let arn = SecretArn::parse(tag(&account).unwrap()).unwrap();
    assert_eq!((arn.place().region.as_str(), &arn.place().name), (HERE, &secret()));
    assert!(arn.suffix().is_some());
    for _ in 0..40 {
        account.advance(DAY);
        consume(&account);
        run(&account, &here()).await;
    }
    let before = account.calls();
    assert_eq!(run(&account, &here()).await.calls, 2, "{before:?}");
}

#[tokio::test]
async fn a_run_in_another_region_says_where_the_home_is_and_changes_nothing() {
    let account = account();
    run(&account, &here()).await;
    let elsewhere = account.in_region(THERE);
    for _ in 0..30 {
        account.advance(DAY);
        consume(&account);
        match blocked(&elsewhere, &there()).await {
            Blocked::ManagedElsewhere { home } => assert_eq!(home.place().region, HERE),
            other => panic!("{other:?}"),
        }
        run(&account, &here()).await;
    }
    assert_eq!(active(&account).len(), 1);
    let hint = Blocked::ManagedElsewhere { home: SecretArn::parse(tag(&account).unwrap()).unwrap() }.hint(&user());
    assert!(hint.contains(HERE) && hint.contains("123456789012"), "{hint}");
}

#[tokio::test]
async fn another_secret_name_is_another_home() {
    let account = account();
    run(&account, &here()).await;
    let other = Homes { template: "/keys/{user}".parse().unwrap(), ..here() };
    assert!(matches!(blocked(&account, &other).await, Blocked::ManagedElsewhere { .. }));
}

#[tokio::test]
async fn without_the_tag_the_further_regions_are_looked_into_before_anything_is_made() {
    let account = account();
    run(&account, &here()).await;
    untag(&account);
    let looking = account.in_region(THERE).looking_in(&[HERE]);
    match blocked(&looking, &there()).await {
        Blocked::ManagedElsewhere { home } => assert_eq!(home.place().region, HERE),
        other => panic!("{other:?}"),
    }
    // Nobody chose that region: the environment alone is no choice.
    let ambient = Homes { adoption: Adoption::NotNamed, ..there() };
    match blocked(&account.in_region(THERE), &ambient).await {
        Blocked::NotNamed { place } => assert_eq!(place.region, THERE),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_second_secret_that_names_the_user_is_no_home_once_the_tag_is_lost() {
    let account = account();
    run(&account, &here()).await;
    untag(&account);
    let owner = chosen(&account, &here())[0].subject.owner();
    let squatted = account.in_region(THERE);
    squatted.change(|world| {
        let placeholder = VersionId::for_placeholder(world.now());
        world.create_secret(&secret(), Some((placeholder, Value::placeholder()))).unwrap();
        world.tag_secret(&secret(), Owner::TAG, owner.to_text()).unwrap();
    });
    match blocked(&squatted.looking_in(&[HERE]), &there()).await {
        Blocked::ManagedElsewhere { home } => assert_eq!(home.place().region, HERE),
        other => panic!("{other:?}"),
    }
    // Where nobody named the region, a secret that shows no key of the user's is not enough.
    let ambient = Homes { adoption: Adoption::NotNamed, ..there() };
    assert!(matches!(blocked(&squatted, &ambient).await, Blocked::NotNamed { .. }));
    // Nor is one whose version claims to hold it, and was written later than the key was created.
    account.advance(DAY);
    squatted.change(|world| {
        let key = world.user(&user()).unwrap().keys()[1].listed.clone();
        let version = VersionId::for_key(&key.id, key.created, false).unwrap();
        world.put_secret_value(&secret(), &version, Value::text("{}"), &[]).unwrap();
    });
    match run(&squatted, &ambient).await.outcome {
        Outcome::Blocked(Blocked::SecretNotBound { why: Unhoused::DoesNotWork(_), .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(tag(&account), None);
}

#[tokio::test]
async fn a_tag_that_was_taken_off_is_put_back_where_the_secret_proves_the_home_and_that_is_told() {
    let account = account();
    run(&account, &here()).await;
    let home = tag(&account);
    for _ in 0..3 {
        account.advance(DAY);
        untag(&account);
        let ambient = Homes { adoption: Adoption::NotNamed, ..here() };
        let standing = run(&account, &ambient).await;
        assert!(matches!(events(&standing)[..], [EventKind::HomeRestored { .. }]), "{:?}", standing.events);
        assert!(standing.events[0].kind.to_string().contains("ignore_tags"));
        assert_eq!(tag(&account), home);
    }
}

#[tokio::test]
async fn who_was_rotated_before_homes_were_known_is_bound_in_the_next_run() {
    let account = account();
    run(&account, &here()).await;
    account.change(|world| {
        world.untag_user(&user(), HOME_TAG).unwrap();
        world.secret_mut(&secret()).unwrap().tags.remove(Owner::TAG);
    });
    account.advance(DAY);
    let ambient = Homes { adoption: Adoption::NotNamed, ..here() };
    let standing = run(&account, &ambient).await;
    assert!(!matches!(standing.outcome, Outcome::Blocked(_)), "{:?}", standing.outcome);
    assert!(tag(&account).is_some() && account.world().secret(&secret()).unwrap().owner().is_some());
    assert_eq!(active(&account).len(), 2, "the overlap goes on");
}

#[tokio::test]
async fn a_renamed_user_keeps_its_home_and_a_new_one_of_the_old_name_does_not_inherit_it() {
    let account = account();
    run(&account, &here()).await;
    let old = account.change(|world| {
        let renamed = world.rename_user(&user(), "deployer").unwrap();
        let again = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.add_key(&again).unwrap();
        world.user(&renamed).unwrap().keys().iter().map(|key| key.listed.id.clone()).collect::<Vec<_>>()
    });
    for _ in 0..20 {
        account.advance(DAY);
        consume(&account);
        let before = account.world();
        let rotator = Rotator::new(Ports::of(account.clone()));
        let both = chosen(&account, &here());
        let report = rotator.run(both, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
        let [new, renamed] = &report.users[..] else { panic!("{:?}", report.users) };
        match &new.outcome {
            Outcome::Blocked(Blocked::SecretOfAnother { owner, .. }) => {
                assert_eq!(owner.id, before.user(&renamed.user).unwrap().id);
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(renamed.secret, secret());
        assert!(!matches!(renamed.outcome, Outcome::Blocked(_)), "{:?}", renamed.outcome);
    }
    let world = account.world();
    let keys = world.user(&"deployer".parse().unwrap()).unwrap().keys().to_vec();
    assert_eq!(keys.len(), 1, "its old key went its way: {keys:?}");
    assert!(old.contains(&keys[0].listed.id));
    assert_eq!(world.user(&user()).unwrap().keys().len(), 1, "the new user was not touched");
}

#[tokio::test]
async fn a_secret_that_exists_is_adopted_by_itself_only_with_a_working_key_of_this_very_user() {
    let adopted = account();
    let credentials = first_key(&adopted);
    by_hand(&adopted, Some(&credentials));
    let standing = run(&adopted, &here()).await;
    assert!(!matches!(standing.outcome, Outcome::Blocked(_)), "{:?}", standing.outcome);
    assert!(!events(&standing).contains(&&EventKind::Adopted), "it was not keyrot that made the secret");
    assert!(tag(&adopted).is_some());

    let why = async |account: &MemoryAccount| match blocked(account, &here()).await {
        Blocked::SecretNotBound { why, .. } => why,
        other => panic!("{other:?}"),
    };
    let empty = account();
    empty.change(|world| world.create_secret(&secret(), None).unwrap());
    assert_eq!(why(&empty).await, Unhoused::Empty);
    let squatted = account();
    let placeholder = VersionId::for_placeholder(squatted.world().now());
    squatted.change(|world| world.create_secret(&secret(), Some((placeholder, Value::placeholder()))).unwrap());
    assert_eq!(why(&squatted).await, Unhoused::Placeholder);
    let other = account();
    by_hand(&other, None);
    assert_eq!(why(&other).await, Unhoused::HoldsOther);
    let strangers = account();
    let stranger = strangers.change(|world| {
        let stranger = world.add_user("stranger", &[]).unwrap();
        world.add_key(&stranger).unwrap().credentials
    });
    by_hand(&strangers, Some(&stranger));
    assert_eq!(why(&strangers).await, Unhoused::NoSuchKey);
    let forged = account();
    let wrong = Credentials { key: active(&forged)[0].clone(), ..stranger.clone() };
    by_hand(&forged, Some(&wrong));
    // It is asked about for as long as a new key, so that time passes.
    match run(&forged, &here()).await.outcome {
        Outcome::Blocked(Blocked::SecretNotBound { why: Unhoused::DoesNotWork(_), .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!((tag(&forged), active(&forged).len()), (None, 1));
}

#[tokio::test]
async fn a_secret_that_would_show_others_what_is_published_is_not_adopted() {
    let kms = || Difference::KmsKey { found: "theirs".to_owned(), expected: "aws/secretsmanager".to_owned() };
    for difference in [Difference::ResourcePolicy, kms(), Difference::Replicas(vec![THERE.to_owned()])] {
        // Squatted beforehand, with a tag that names the user: ids are no secret.
        let account = account();
        let owner = chosen(&account, &here())[0].subject.owner();
        let placeholder = VersionId::for_placeholder(account.world().now());
        account.change(|world| {
            world.create_secret(&secret(), Some((placeholder, Value::placeholder()))).unwrap();
            world.tag_secret(&secret(), Owner::TAG, owner.to_text()).unwrap();
            world.secret_mut(&secret()).unwrap().differences = vec![difference.clone()];
        });
        let expected = Unhoused::Differs(vec![difference.clone()]);
        let why = blocked(&account, &here()).await;
        let offered = why.hint(&user()).contains("--adopt-secret");
        assert_eq!(offered, difference.may_be_accepted(), "only what helps is offered: {}", why.hint(&user()));
        assert!(matches!(why, Blocked::SecretNotBound { why, .. } if why == expected));
        // In so many words it is taken over, unless it can never be right.
        let take_over = Homes { adoption: Adoption::TakeOver, ..here() };
        let outcome = run(&account, &take_over).await.outcome;
        assert_eq!(matches!(outcome, Outcome::Blocked(_)), !difference.may_be_accepted(), "{outcome:?}");
    }
}

#[tokio::test]
async fn an_operator_takes_over_what_no_run_would() {
    let account = account();
    account.change(|world| world.create_secret(&secret(), None).unwrap());
    let take_over = Homes { adoption: Adoption::TakeOver, ..here() };
    let standing = run(&account, &take_over).await;
    assert!(matches!(standing.outcome, Outcome::Waiting(_)), "{:?}", standing.outcome);
    assert!(tag(&account).is_some());
    assert_eq!(active(&account).len(), 2);
}

#[tokio::test]
async fn a_chosen_place_is_enough_and_becomes_the_whole_arn() {
    let account = account();
    let place = chosen(&account, &here())[0].subject.place();
    let planned = SecretArn::planned(place);
    account.change(|world| world.tag_user(&user(), HOME_TAG, &planned.to_string()).unwrap());
    let ambient = Homes { adoption: Adoption::NotNamed, ..here() };
    run(&account, &ambient).await;
    let HomeTag::At(home) = HomeTag::of(tag(&account).as_deref()) else { panic!("no home") };
    assert!(home.suffix().is_some() && home.place() == planned.place());
    // The same chosen place is elsewhere for every other region.
    assert!(matches!(blocked(&account.in_region(THERE), &there()).await, Blocked::ManagedElsewhere { .. }));
}

#[tokio::test]
async fn whoever_may_tag_the_user_does_not_choose_the_name_of_its_secret() {
    let named = |name: &str, suffix: &str| format!("arn:aws:secretsmanager:{HERE}:123456789012:secret:{name}{suffix}");
    let other: SecretName = "/iam/readable/access_key".parse().unwrap();
    for (at_home, exists, suffix) in
        [(true, false, "-a1B2c3"), (true, true, "-a1B2c3"), (false, false, ""), (true, false, "")]
    {
        let account = account();
        if at_home {
            run(&account, &here()).await;
            account.advance(DAY * 80);
        }
        let right = tag(&account);
        account.change(|world| {
            world.tag_user(&user(), HOME_TAG, &named(other.as_str(), suffix)).unwrap();
            if exists {
                // Its value is the user's own key, which is no secret to those who may read the right one.
                let keys: Vec<_> =
                    world.user(&user()).unwrap().keys().iter().map(|key| key.listed.id.clone()).collect();
                let value = Value::credentials(&World::credentials_of(keys.last().unwrap()), None);
                let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
                world.create_secret(&other, Some((version, value))).unwrap();
            }
        });
        for homes in [here(), Homes { adoption: Adoption::NotNamed, ..here() }] {
            let why = blocked(&account, &homes).await;
            assert!(matches!(&why, Blocked::ManagedElsewhere { home } if home.place().name == other), "{why:?}");
            assert!(why.hint(&user()).contains("remove it"), "a way out: {}", why.hint(&user()));
        }
        assert!(exists || account.world().secret(&other).is_none());
        // A move does not take the tag's word for it either.
        let rotator = Rotator::new(Ports::of(account.clone()));
        let one = chosen(&account, &here()).remove(0);
        let moved = rotator.move_home(&rotator, one, Mode::Act, &Limits::default()).await;
        assert!(matches!(&moved, Moved::New(Outcome::Blocked(Blocked::ManagedElsewhere { .. }))), "{moved:?}");
        untag(&account);
        let outcome = run(&account, &here()).await.outcome;
        assert!(!matches!(outcome, Outcome::Blocked(_)), "{outcome:?}");
        assert!(right.is_none() || tag(&account) == right, "the secret that names the user is its home");
    }
}

#[tokio::test]
async fn a_request_in_the_wrong_place_is_told_where_the_home_is() {
    let account = account();
    run(&account, &here()).await;
    let key = active(&account)[0].clone();
    let elsewhere = account.in_region(THERE);
    let rotator = Rotator::new(Ports::of(elsewhere.clone()));
    let ask = async |request: Request| {
        let one = chosen(&elsewhere, &there()).remove(0);
        let report = rotator.fulfil(one, request, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
        report.users.into_iter().next().unwrap().outcome
    };
    let before = account.world();
    for request in [Request::Revoke(Revocation::of(key.clone())), Request::Rollback { to: key.clone() }] {
        let outcome = ask(request).await;
        assert!(matches!(&outcome, Outcome::Blocked(Blocked::ManagedElsewhere { .. })), "{outcome:?}");
    }
    assert_eq!(account.world().user(&user()), before.user(&user()));
    // What needs nothing but IAM works from everywhere.
    ask(Request::Revoke(Revocation { without_successor: true, ..Revocation::of(key.clone()) })).await;
    assert!(!active(&account).contains(&key));
}

#[tokio::test]
async fn no_key_is_made_where_its_life_could_not_be_noted_down() {
    for (tags, room) in [(45, true), (46, false), (48, false), (49, false)] {
        let account = account();
        by_hand(&account, Some(&first_key(&account)));
        account.change(|world| {
            (0..tags).for_each(|n| world.tag_secret(&secret(), &format!("team-{n}"), "x".to_owned()).unwrap());
        });
        let mut outcome = run(&account, &here()).await.outcome;
        for _ in 0..100 {
            account.advance(DAY);
            outcome = run(&account, &here()).await.outcome;
        }
        let blocked = matches!(&outcome, Outcome::Blocked(Blocked::NoTagRoom { tags: 46.., most: 45 }));
        let full = matches!(&outcome, Outcome::Failed(_)) && tags == 49;
        assert_eq!(blocked || full, !room, "{tags} tags: {outcome:?}");
        let keys = account.world().user(&user()).unwrap().keys().len();
        assert_eq!(keys == 1 && active(&account).len() == 1, !room || keys == 1, "{tags} tags, {keys} keys");
    }
}

#[tokio::test]
async fn a_plan_says_what_binds_a_user() {
    let account = account();
    by_hand(&account, Some(&first_key(&account)));
    let standing = work(&account, &here(), Mode::Plan).await;
    assert!(
        matches!(standing.outcome, Outcome::Verifying { .. } | Outcome::Due(Step::BindSecret)),
        "{:?}",
        standing.outcome
    );
}
