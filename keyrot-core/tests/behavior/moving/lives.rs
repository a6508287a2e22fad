//! Whole lifecycles across a move.

use super::harness::{
    DAY, NEW, OLD, active, at_rest, chosen, consume, homes, moved, moved_by, published, run,
    secret, until_settled, user,
};
use keyrot_core::engine::Moved;
use keyrot_core::{Blocked, Cancel, Homes, Limits, Mode, Outcome, Ports, Rotator, Waits};

#[tokio::test]
async fn a_whole_lifecycle_across_a_move() {
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

    // The consumer stays at the old secret for three weeks: the key there is held for as long as it
    // uses it.
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
    assert_eq!(
        account.world().secret(&secret()).unwrap(),
        &left,
        "nothing at the old home was touched again"
    );

    // The lifecycle continues at the new home.
    account.advance(90 * DAY);
    until_settled(&account, NEW).await;
    assert_ne!(published(&account, NEW).unwrap().key, second.key);
}

#[tokio::test]
async fn an_unused_key_of_the_old_home_is_retired_only_after_the_overlap() {
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
    assert!(matches!(
        run(&account, OLD).await.outcome,
        Outcome::Blocked(Blocked::ManagedElsewhere { .. })
    ));
    let rotator = Rotator::new(Ports::of(account.clone()));
    let all = chosen(&account, &other);
    let report = rotator.run(all, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
    assert!(
        matches!(report.users[0].outcome, Outcome::Waiting(_)),
        "{:?}",
        report.users[0].outcome
    );
    assert!(account.world().secret(&"/keys/ci".parse().unwrap()).is_some());
}

#[tokio::test]
async fn a_move_is_undone_before_the_first_run_and_after_it() {
    let account = at_rest().await;
    assert_eq!(moved(&account, NEW).await, Moved::Done);
    assert_eq!(moved(&account, OLD).await, Moved::Done, "nothing was begun at the new place");
    assert!(matches!(run(&account, OLD).await.outcome, Outcome::Settled { .. }));
    assert!(matches!(
        run(&account, NEW).await.outcome,
        Outcome::Blocked(Blocked::ManagedElsewhere { .. })
    ));

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
    assert!(matches!(
        run(&account, NEW).await.outcome,
        Outcome::Blocked(Blocked::ManagedElsewhere { .. })
    ));
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
    assert!(matches!(
        run(&account, OLD).await.outcome,
        Outcome::Blocked(Blocked::ManagedElsewhere { .. })
    ));
}
