//! What an attacker who may tag users, rename them or create secrets can do to a home, and what
//! they cannot.

use super::harness::{
    DAY, HERE, THERE, account, active, blocked, chosen, consume, here, run, secret, tag, there,
    untag, user,
};
use keyrot_core::decide::Unhoused;
use keyrot_core::engine::Moved;
use keyrot_core::memory::{Label, MemoryAccount, Value, World};
use keyrot_core::model::{Adoption, Difference, HOME_TAG, Owner, SecretArn, VersionId};
use keyrot_core::{
    Blocked, Cancel, Homes, KeyStatus, Limits, Mode, Outcome, Ports, Rotator, SecretName, Waits,
};

#[tokio::test]
async fn a_second_secret_that_names_the_user_is_not_its_home_once_the_tag_is_lost() {
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
    // If the region was not named, a secret that shows no key of the user is not enough.
    let ambient = Homes { adoption: Adoption::NotNamed, ..there() };
    assert!(matches!(blocked(&squatted, &ambient).await, Blocked::NotNamed { .. }));
    // Neither is a secret whose version claims to hold the key, but was written later than the key
    // was created.
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

/// Both sides agree, but only the attacker has ever said so.
#[tokio::test]
async fn a_home_that_was_prepared_on_both_sides_is_compared_until_a_key_is_published() {
    let kms = || Difference::KmsKey { found: "theirs".into(), expected: "ours".into() };
    let service = || Difference::OwningService("rds".into());
    for placeholder in [true, false] {
        for adoption in [Adoption::Named, Adoption::NotNamed] {
            let account = account();
            let owner = chosen(&account, &here())[0].subject.owner();
            account.change(|world| {
                let version = VersionId::for_placeholder(world.now());
                let value = placeholder.then(|| (version, Value::placeholder()));
                world.create_secret(&secret(), value).unwrap();
                world.tag_secret(&secret(), Owner::TAG, owner.to_text()).unwrap();
                let arn = world.arn_of(&secret()).unwrap();
                world.tag_user(&user(), HOME_TAG, &arn.to_string()).unwrap();
                world.secret_mut(&secret()).unwrap().differences =
                    vec![kms(), service(), Difference::ResourcePolicy];
            });
            let homes = Homes { adoption, ..here() };
            match blocked(&account, &homes).await {
                Blocked::SecretNotBound { why: Unhoused::Differs(wrong), .. } => {
                    assert_eq!(wrong, [kms(), service()]);
                }
                other => panic!("{other:?}"),
            }
            // Once a key is published, the secret's settings are its owner's decision.
            account.change(|w| w.secret_mut(&secret()).unwrap().differences.clear());
            run(&account, &homes).await;
            account.change(|w| w.secret_mut(&secret()).unwrap().differences = vec![kms()]);
            let outcome = run(&account, &homes).await.outcome;
            assert!(!matches!(outcome, Outcome::Blocked(_)), "{outcome:?}");
        }
    }
}

/// A user that is at rest at its home. A consumer of its secret uses the key every `every` days.
async fn lives(
    account: &MemoryAccount,
    days: u32,
    every: u32,
    elsewhere: impl AsyncFn() -> Outcome,
) -> Vec<Outcome> {
    let mut outcomes = Vec::new();
    for day in 0..days {
        if day % every == 0 {
            consume(account);
        }
        outcomes.push(elsewhere().await);
        account.advance(DAY);
    }
    outcomes
}

async fn settled() -> MemoryAccount {
    let account = account();
    for _ in 0..30 {
        consume(&account);
        run(&account, &here()).await;
        account.advance(DAY);
    }
    assert_eq!(active(&account).len(), 1);
    account
}

/// The tag names the place in the other region, where there is no secret.
fn tag_there(account: &MemoryAccount) {
    let planned =
        SecretArn::planned(chosen(&account.in_region(THERE), &there())[0].subject.place());
    account.change(|world| world.tag_user(&user(), HOME_TAG, &planned.to_string()).unwrap());
}

async fn outcome(account: &MemoryAccount, homes: &Homes) -> Outcome {
    let rotator = Rotator::new(Ports::of(account.clone()));
    let report = rotator
        .run(chosen(account, homes), Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
        .await;
    report.users.into_iter().next().unwrap().outcome
}

#[tokio::test]
async fn tagging_a_user_moves_its_home_to_runs_without_home_regions() {
    // Whether or not the region was named, the tag counts as the choice of the place.
    for adoption in [Adoption::NotNamed, Adoption::Named] {
        let account = settled().await;
        let old = active(&account)[0].clone();
        tag_there(&account);
        assert!(matches!(
            outcome(&account, &here()).await,
            Outcome::Blocked(Blocked::ManagedElsewhere { .. })
        ));
        let (elsewhere, homes) = (account.in_region(THERE), Homes { adoption, ..there() });
        outcome(&elsewhere, &homes).await;
        assert!(elsewhere.world().secret(&secret()).is_some(), "a new key is published there");
        // The key that consumers read from the old secret is held for as long as they use it.
        lives(&account, 120, 30, async || outcome(&elsewhere, &homes).await).await;
        assert!(active(&account).contains(&old), "it was used every 30 days");
        assert!(matches!(
            outcome(&account, &here()).await,
            Outcome::Blocked(Blocked::ManagedElsewhere { .. })
        ));
        // The worst case is a key that is used more rarely than `idle`: that key is deactivated.
        let idle = u32::try_from(Waits::default().idle.as_secs() / 86_400).unwrap();
        lives(&account, idle + 30, idle + 31, async || outcome(&elsewhere, &homes).await).await;
        assert!(!active(&account).contains(&old), "nothing used it for `idle`");
    }
}

#[tokio::test]
async fn tagging_a_user_moves_nothing_to_runs_that_read_the_homes_region() {
    for adoption in [Adoption::NotNamed, Adoption::Named] {
        let account = settled().await;
        let keys = active(&account);
        tag_there(&account);
        let elsewhere = account.in_region(THERE).looking_in(&[HERE]);
        let homes = Homes { adoption, ..there() };
        let outcomes = lives(&account, 10, 1, async || outcome(&elsewhere, &homes).await).await;
        let blocked = |one: &Outcome| matches!(one, Outcome::Blocked(Blocked::ManagedElsewhere { home }) if home.place().region == HERE);
        assert!(outcomes.iter().all(blocked), "{outcomes:?}");
        assert_eq!((active(&account), elsewhere.world().secret(&secret())), (keys, None));
    }
}

#[tokio::test]
async fn renaming_and_untagging_a_user_publishes_a_new_key_under_the_new_name() {
    let account = settled().await;
    let old = active(&account)[0].clone();
    account.change(|world| {
        world.untag_user(&user(), HOME_TAG).unwrap();
        world.rename_user(&user(), "robot").unwrap();
    });
    let new: SecretName = "/iam/robot/access_key".parse().unwrap();
    // The environment alone is not a choice.
    let ambient = Homes { adoption: Adoption::NotNamed, ..here() };
    assert!(matches!(
        outcome(&account, &ambient).await,
        Outcome::Blocked(Blocked::NotNamed { .. })
    ));
    outcome(&account, &here()).await;
    assert!(
        account.world().secret(&new).is_some_and(|found| found.labelled(Label::Previous).is_some())
    );
    let works = |account: &MemoryAccount| {
        let world = account.world();
        world
            .user(&"robot".parse().unwrap())
            .unwrap()
            .key(&old)
            .is_some_and(|key| key.listed.status == KeyStatus::Active)
    };
    lives(&account, 120, 30, async || outcome(&account, &here()).await).await;
    assert!(works(&account), "consumers of the old secret used it every 30 days");
}

#[tokio::test]
async fn tagging_a_user_does_not_choose_the_name_of_its_secret() {
    let named = |name: &str, suffix: &str| {
        format!("arn:aws:secretsmanager:{HERE}:123456789012:secret:{name}{suffix}")
    };
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
                // Its value is the user's own key, which is known to anyone who may read the right
                // secret.
                let keys: Vec<_> = world
                    .user(&user())
                    .unwrap()
                    .keys()
                    .iter()
                    .map(|key| key.listed.id.clone())
                    .collect();
                let value = Value::credentials(&World::credentials_of(keys.last().unwrap()), None);
                let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
                world.create_secret(&other, Some((version, value))).unwrap();
            }
        });
        for homes in [here(), Homes { adoption: Adoption::NotNamed, ..here() }] {
            let why = blocked(&account, &homes).await;
            assert!(
                matches!(&why, Blocked::ManagedElsewhere { home } if home.place().name == other),
                "{why:?}"
            );
            assert!(why.hint(&user()).contains("remove it"), "a way out: {}", why.hint(&user()));
        }
        assert!(exists || account.world().secret(&other).is_none());
        // A move does not trust the tag either.
        let rotator = Rotator::new(Ports::of(account.clone()));
        let one = chosen(&account, &here()).remove(0);
        let moved = rotator.move_home(&rotator, one, Mode::Act, &Limits::default()).await.moved;
        assert!(
            matches!(&moved, Moved::New(Outcome::Blocked(Blocked::ManagedElsewhere { .. }))),
            "{moved:?}"
        );
        untag(&account);
        let outcome = run(&account, &here()).await.outcome;
        assert!(!matches!(outcome, Outcome::Blocked(_)), "{outcome:?}");
        assert!(
            right.is_none() || tag(&account) == right,
            "the secret that names the user is its home"
        );
    }
}
