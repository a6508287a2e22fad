//! A run at the home, and runs everywhere else.

use super::harness::{
    DAY, HERE, THERE, account, active, blocked, chosen, consume, events, here, run, secret, tag,
    there, untag, user,
};
use keyrot_core::model::{Adoption, SecretArn};
use keyrot_core::{
    Blocked, Cancel, EventKind, Homes, Limits, Mode, Outcome, Ports, Request, Revocation, Rotator,
};

#[tokio::test]
async fn a_home_is_recorded_on_both_sides_and_costs_a_settled_user_no_call() {
    let account = account();
    run(&account, &here()).await;
    let world = account.world();
    let found = world.secret(&secret()).unwrap().owner().unwrap();
    assert_eq!(
        (found.id, found.account.as_str()),
        (world.user(&user()).unwrap().id.clone(), "123456789012")
    );
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
    let hint =
        Blocked::ManagedElsewhere { home: SecretArn::parse(tag(&account).unwrap()).unwrap() }
            .hint(&user());
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
async fn without_the_tag_the_other_regions_are_read_before_anything_is_created() {
    let account = account();
    run(&account, &here()).await;
    untag(&account);
    let looking = account.in_region(THERE).looking_in(&[HERE]);
    match blocked(&looking, &there()).await {
        Blocked::ManagedElsewhere { home } => assert_eq!(home.place().region, HERE),
        other => panic!("{other:?}"),
    }
    // That region was not chosen on purpose: the environment alone is not a choice.
    let ambient = Homes { adoption: Adoption::NotNamed, ..there() };
    match blocked(&account.in_region(THERE), &ambient).await {
        Blocked::NotNamed { place } => assert_eq!(place.region, THERE),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_removed_tag_is_restored_and_reported_if_the_secret_shows_the_home() {
    let account = account();
    run(&account, &here()).await;
    let home = tag(&account);
    for _ in 0..3 {
        account.advance(DAY);
        untag(&account);
        let ambient = Homes { adoption: Adoption::NotNamed, ..here() };
        let standing = run(&account, &ambient).await;
        assert!(
            matches!(events(&standing)[..], [EventKind::HomeRestored { .. }]),
            "{:?}",
            standing.events
        );
        assert!(standing.events[0].kind.to_string().contains("ignore_tags"));
        assert_eq!(tag(&account), home);
    }
}

#[tokio::test]
async fn a_renamed_user_keeps_its_home_and_a_new_one_of_the_old_name_does_not_inherit_it() {
    let account = account();
    run(&account, &here()).await;
    let old = account.change(|world| {
        let renamed = world.rename_user(&user(), "deployer").unwrap();
        let again = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
        world.add_key(&again).unwrap();
        world
            .user(&renamed)
            .unwrap()
            .keys()
            .iter()
            .map(|key| key.listed.id.clone())
            .collect::<Vec<_>>()
    });
    for _ in 0..20 {
        account.advance(DAY);
        consume(&account);
        let before = account.world();
        let rotator = Rotator::new(Ports::of(account.clone()));
        let both = chosen(&account, &here());
        let report =
            rotator.run(both, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
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
async fn a_request_in_the_wrong_place_says_where_the_home_is() {
    let account = account();
    run(&account, &here()).await;
    let key = active(&account)[0].clone();
    let elsewhere = account.in_region(THERE);
    let rotator = Rotator::new(Ports::of(elsewhere.clone()));
    let ask = async |request: Request| {
        let one = chosen(&elsewhere, &there()).remove(0);
        let report = rotator
            .fulfill(one, request, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
            .await;
        report.users.into_iter().next().unwrap().outcome
    };
    let before = account.world();
    for request in
        [Request::Revoke(Revocation::of(key.clone())), Request::Rollback { to: key.clone() }]
    {
        let outcome = ask(request).await;
        assert!(
            matches!(&outcome, Outcome::Blocked(Blocked::ManagedElsewhere { .. })),
            "{outcome:?}"
        );
    }
    assert_eq!(account.world().user(&user()), before.user(&user()));
    // Requests that need only IAM work from everywhere.
    ask(Request::Revoke(Revocation { without_successor: true, ..Revocation::of(key.clone()) }))
        .await;
    assert!(!active(&account).contains(&key));
}
