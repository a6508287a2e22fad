//! Which secrets become the user's home, and which do not.

use super::harness::{
    DAY, THERE, account, active, blocked, by_hand, chosen, events, first_key, here, run, secret,
    tag, there, user, work,
};
use keyrot_core::decide::{Step, Unhoused};
use keyrot_core::memory::{MemoryAccount, Value, World};
use keyrot_core::model::{
    Abilities, Adoption, DestinationName, Difference, HOME_TAG, HomeTag, Owner, SecretArn,
    VersionId,
};
use keyrot_core::selection::{DestinationRule, Pattern, PlaceTemplate, SecretTemplate};
use keyrot_core::{
    Blocked, Cancel, Credentials, EventKind, Homes, Limits, Mode, Outcome, Ports, Request, Rotator,
    SecretName,
};

#[tokio::test]
async fn a_user_rotated_before_homes_existed_is_bound_in_the_next_run() {
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
    assert!(
        tag(&account).is_some() && account.world().secret(&secret()).unwrap().owner().is_some()
    );
    assert_eq!(active(&account).len(), 2, "the overlap goes on");
}

#[tokio::test]
async fn a_run_adopts_an_existing_secret_only_with_a_working_key_of_this_user() {
    let adopted = account();
    let credentials = first_key(&adopted);
    by_hand(&adopted, Some(&credentials));
    let standing = run(&adopted, &here()).await;
    assert!(!matches!(standing.outcome, Outcome::Blocked(_)), "{:?}", standing.outcome);
    assert!(
        !events(&standing).contains(&&EventKind::Adopted),
        "it was not keyrot that made the secret"
    );
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
    squatted.change(|world| {
        world.create_secret(&secret(), Some((placeholder, Value::placeholder()))).unwrap();
    });
    assert_eq!(why(&squatted).await, Unhoused::Placeholder);
    let other = account();
    by_hand(&other, None);
    assert!(matches!(why(&other).await, Unhoused::HoldsOther(Some(_))));
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
    // It is verified for as long as a new key, so time passes.
    match run(&forged, &here()).await.outcome {
        Outcome::Blocked(Blocked::SecretNotBound { why: Unhoused::DoesNotWork(_), .. }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!((tag(&forged), active(&forged).len()), (None, 1));
}

#[tokio::test]
async fn a_secret_that_others_can_read_is_not_adopted() {
    let kms = || Difference::KmsKey {
        found: "theirs".to_owned(),
        expected: "aws/secretsmanager".to_owned(),
    };
    for difference in
        [Difference::ResourcePolicy, kms(), Difference::Replicas(vec![THERE.to_owned()])]
    {
        // The secret was created by an attacker, with a tag that names the user: ids are not
        // secret.
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
        assert_eq!(
            offered,
            difference.may_be_accepted(),
            "only what helps is offered: {}",
            why.hint(&user())
        );
        assert!(matches!(why, Blocked::SecretNotBound { why, .. } if why == expected));
        // On explicit request it is adopted, unless it can never be acceptable.
        let take_over = Homes { adoption: Adoption::TakeOver, ..here() };
        let outcome = run(&account, &take_over).await.outcome;
        assert_eq!(
            matches!(outcome, Outcome::Blocked(_)),
            !difference.may_be_accepted(),
            "{outcome:?}"
        );
    }
}

/// Terraform may remove the user's tag each day.
#[tokio::test]
async fn replicas_that_the_settings_ask_for_are_no_difference() {
    let name = DestinationName::parse("there").unwrap();
    let everyone = vec![Pattern::parse("*").unwrap()];
    let rule =
        DestinationRule::new(name, everyone, PlaceTemplate::home(), Abilities::READABLE).unwrap();
    let homes = Homes { destinations: vec![rule.replicating_to(THERE)], ..here() };
    for (replicas, foreign) in
        [(vec![THERE], vec![]), (vec![THERE, "eu-south-1"], vec!["eu-south-1"])]
    {
        let texts = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let account = account();
        let owner = chosen(&account, &homes)[0].subject.owner();
        let placeholder = VersionId::for_placeholder(account.world().now());
        account.change(|world| {
            world.create_secret(&secret(), Some((placeholder, Value::placeholder()))).unwrap();
            world.tag_secret(&secret(), Owner::TAG, owner.to_text()).unwrap();
            let difference = Difference::Replicas(texts(&replicas));
            world.secret_mut(&secret()).unwrap().differences = vec![difference];
        });
        let differs = match run(&account, &homes).await.outcome {
            Outcome::Blocked(Blocked::SecretNotBound { why: Unhoused::Differs(all), .. }) => all,
            _ => Vec::new(),
        };
        let expected: Vec<Difference> = (!foreign.is_empty())
            .then(|| Difference::Replicas(texts(&foreign)))
            .into_iter()
            .collect();
        assert_eq!(differs, expected);
        assert_eq!(tag(&account).is_some(), foreign.is_empty(), "the secret is the user's home");
    }
}

#[tokio::test]
async fn an_operator_can_adopt_what_no_run_would() {
    let account = account();
    account.change(|world| world.create_secret(&secret(), None).unwrap());
    let take_over = Homes { adoption: Adoption::TakeOver, ..here() };
    let standing = run(&account, &take_over).await;
    assert!(matches!(standing.outcome, Outcome::Waiting(_)), "{:?}", standing.outcome);
    assert!(tag(&account).is_some());
    assert_eq!(active(&account).len(), 2);
}

#[tokio::test]
async fn a_secret_whose_adoption_would_only_block_is_not_adopted_by_a_run() {
    let take_over = || Homes { adoption: Adoption::TakeOver, ..here() };
    let not_json = |account: &MemoryAccount| {
        let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
        let value = Value::text("AKIAEXAMPLE:something else");
        account.change(|world| world.create_secret(&secret(), Some((version, value))).unwrap());
    };
    let with_a_second_key = |account: &MemoryAccount| {
        by_hand(account, Some(&first_key(account)));
        account.change(|world| world.add_key(&user()).unwrap());
    };
    let no_fields = |account: &MemoryAccount| by_hand(account, None);
    type Prepare = fn(&MemoryAccount);
    let cases: [(&str, Homes, Prepare, &str); 4] = [
        ("no JSON", take_over(), not_json, "secret_holds_other"),
        ("no fields", take_over(), no_fields, "secret_holds_other"),
        ("two keys", here(), with_a_second_key, "unknown_keys"),
        ("two keys, taken over", take_over(), with_a_second_key, "unknown_keys"),
    ];
    for (what, homes, prepare, expected) in cases {
        let account = account();
        prepare(&account);
        let planned = work(&account, &homes, Mode::Plan).await.outcome;
        assert!(
            matches!(&planned, Outcome::Blocked(why) if why.code() == expected),
            "{what}: the plan does not see it: {planned:?}"
        );
        let why = blocked(&account, &homes).await;
        assert_eq!(why.code(), expected, "{what}: {why:?}");
        assert_eq!(tag(&account), None, "{what}");
        // A request may be what ends the block.
        let rotator = Rotator::new(Ports::of(account.clone()));
        let target = chosen(&account, &homes).remove(0);
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let bound =
            rotator.fulfill(target, Request::Bind, Mode::Act, &limits, &cancel, &|_| {}).await;
        let outcome = &bound.users[0].outcome;
        assert!(matches!(outcome, Outcome::Done), "{what}: {outcome:?}");
        assert!(tag(&account).is_some(), "{what}");
    }
}

#[tokio::test]
async fn a_plan_does_not_call_the_key_of_a_hand_made_secret_staged() {
    let account = account();
    by_hand(&account, Some(&first_key(&account)));
    let homes = here();
    let standing = work(&account, &homes, Mode::Plan).await;
    let key = first_key(&account).key;
    assert!(
        matches!(&standing.outcome, Outcome::Verifying { key: it, .. } if *it == key)
            && standing.current == Some(key),
        "{:?}, {:?}",
        standing.outcome,
        standing.current
    );
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
    // For every other region, the same chosen place is elsewhere.
    assert!(matches!(
        blocked(&account.in_region(THERE), &there()).await,
        Blocked::ManagedElsewhere { .. }
    ));
}

/// `prod/ci-deploy`: a hyphen and six letters, as Secrets Manager adds to an ARN.
#[tokio::test]
async fn a_secret_whose_name_ends_as_an_arn_does_becomes_a_home_under_its_whole_name() {
    let template = SecretTemplate::parse("prod/{user}-deploy").unwrap();
    let homes = Homes { template, ..here() };
    let name: SecretName = "prod/ci-deploy".parse().unwrap();
    for planned in [false, true] {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.add_key(&user()).unwrap();
        world.advance(DAY);
        let account = MemoryAccount::new(world);
        if planned {
            let place = SecretArn::planned(chosen(&account, &homes)[0].subject.place());
            account.change(|world| world.tag_user(&user(), HOME_TAG, &place.to_string()).unwrap());
        } else {
            let value = Value::credentials(&first_key(&account), None);
            let version = VersionId::parse("5f0c0e6e-9a53-4b3e-8f35-1d1c52a7c0de").unwrap();
            account.change(|world| world.create_secret(&name, Some((version, value))).unwrap());
        }
        for _ in 0..2 {
            let standing = run(&account, &homes).await;
            assert!(!matches!(standing.outcome, Outcome::Blocked(_)), "{:?}", standing.outcome);
            let HomeTag::At(home) = HomeTag::of(tag(&account).as_deref()) else { panic!("none") };
            assert!(home.place().name == name && home.suffix().is_some(), "{home}");
            account.advance(DAY);
        }
        assert!(account.world().secret(&name).unwrap().owner().is_some());
    }
}

#[tokio::test]
async fn no_key_is_created_if_its_journal_could_not_be_written() {
    for (tags, room) in [(45, true), (46, false), (48, false), (49, false)] {
        let account = account();
        by_hand(&account, Some(&first_key(&account)));
        account.change(|world| {
            (0..tags).for_each(|n| {
                world.tag_secret(&secret(), &format!("team-{n}"), "x".to_owned()).unwrap();
            });
        });
        let mut outcome = run(&account, &here()).await.outcome;
        for _ in 0..100 {
            account.advance(DAY);
            outcome = run(&account, &here()).await.outcome;
        }
        let blocked =
            matches!(&outcome, Outcome::Blocked(Blocked::NoTagRoom { tags: 46.., most: 45 }));
        let full = matches!(&outcome, Outcome::Failed(_)) && tags == 49;
        assert_eq!(blocked || full, !room, "{tags} tags: {outcome:?}");
        let keys = account.world().user(&user()).unwrap().keys().len();
        assert_eq!(
            keys == 1 && active(&account).len() == 1,
            !room || keys == 1,
            "{tags} tags, {keys} keys"
        );
    }
}

#[tokio::test]
async fn a_plan_says_that_a_user_will_be_bound() {
    let account = account();
    by_hand(&account, Some(&first_key(&account)));
    let standing = work(&account, &here(), Mode::Plan).await;
    assert!(
        matches!(standing.outcome, Outcome::Verifying { .. } | Outcome::Due(Step::BindSecret)),
        "{:?}",
        standing.outcome
    );
}
