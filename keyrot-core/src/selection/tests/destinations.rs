//! The destinations and places that a user gets.

use super::*;
use crate::model::destination::Abilities;
use crate::model::names::DestinationName;
use crate::selection::destination::tests::rule;
use crate::selection::pattern::Pattern;
use crate::selection::place::{PlaceForm, PlaceTemplate};

#[test]
fn a_user_gets_its_destinations_and_no_place_is_shared() {
    let to = |name: &str, users: &[&str], to: &str, form| {
        rule(name, users, to, form).in_store(format!("{form:?}"))
    };
    let go = |destinations: Vec<DestinationRule>, named: &[&str]| {
        let users = ["ci-1", "ci-2", "x/bob"].map(|name| tagged(name, &[]));
        let homes = Homes { destinations, ..homes() };
        select(&users, &only(named), &homes, &WaitPolicy::default())
    };
    let of = |selected: &Selected, name: &str| {
        let target = selected.chosen.iter().find(|t| t.subject.user.as_str() == name).unwrap();
        let places: Vec<String> = target
            .subject
            .destinations
            .iter()
            .map(|to| format!("{} {} {}", to.to, to.place, to.required))
            .collect();
        places
    };
    let b = to("b", &["ci-*"], "/ci/{user}", PlaceForm::Parameter).optional();
    let a = to("a", &["CI-1"], "acme/shop", PlaceForm::GitHub);
    let selected = go(vec![b.clone(), a.clone()], &[]);
    assert!(selected.chosen.iter().all(|target| target.policy.is_ok()));
    assert_eq!(of(&selected, "ci-1"), ["a acme/shop true", "b /ci/ci-1 false"], "sorted by name");
    assert_eq!(of(&selected, "ci-2"), ["b /ci/ci-2 false"]);
    assert!(of(&selected, "bob").is_empty());

    // Another destination's place in the same store, even if its user is not asked for.
    let c = to("c", &["bob"], "ACME/shop", PlaceForm::GitHub);
    let selected = go(vec![a.clone(), b.clone(), c.clone()], &["ci-1"]);
    assert!(
        blocked(&selected, "ci-1").contains("the destination c puts user bob's key there too"),
        "{}",
        blocked(&selected, "ci-1")
    );
    assert_eq!(of(&selected, "ci-1"), ["b /ci/ci-1 false"], "the shared place is not written to");
    let selected = go(vec![a.clone(), c.clone()], &[]);
    assert!(blocked(&selected, "bob").contains("user ci-1's key there too"));
    let elsewhere = go(vec![a.clone(), c.in_store("another")], &[]);
    assert!(elsewhere.chosen.iter().all(|target| target.policy.is_ok()));

    // Parts of one place.
    let parts = |names: [&str; 2]| names.map(str::to_owned);
    let pair = |rule: DestinationRule, names| rule.writing(parts(names));
    let apart = go(
        vec![
            pair(a.clone(), ["ID", "SECRET"]),
            pair(to("c", &["bob"], "acme/shop", PlaceForm::GitHub), ["BOB_ID", "BOB_SECRET"]),
        ],
        &[],
    );
    assert!(apart.chosen.iter().all(|target| target.policy.is_ok()));
    for names in [["ID", "BOB_SECRET"], ["SECRET", "ID"], ["BOB_ID", "SECRET"]] {
        let bob = pair(to("c", &["bob"], "acme/shop", PlaceForm::GitHub), names);
        let selected = go(vec![pair(a.clone(), ["ID", "SECRET"]), bob], &[]);
        assert!(blocked(&selected, "bob").contains("user ci-1's key there too"), "{names:?}");
    }

    let twice = to("d", &["ci-1"], "acme/shop", PlaceForm::GitHub);
    let selected = go(vec![a, twice], &[]);
    assert!(
        blocked(&selected, "ci-1").contains("the destinations a and d both put user ci-1's key")
    );

    let selected = go(vec![to("e", &["*"], "/aws{path}{user}", PlaceForm::Text), b], &[]);
    assert!(selected.chosen.iter().all(|target| target.policy.is_ok()));
}

/// A restart does not overwrite another user's key.
#[test]
fn users_may_share_a_service_that_is_restarted() {
    let everyone = ["*"].map(|text| Pattern::parse(text).unwrap()).to_vec();
    let to = PlaceTemplate::parse("prod/shop", PlaceForm::EcsService).unwrap();
    let name = DestinationName::parse("shop").unwrap();
    let shop = DestinationRule::new(name, everyone, to, Abilities::RESTARTS).unwrap();
    let users = ["ci-1", "ci-2"].map(|name| tagged(name, &[]));
    let homes = Homes { destinations: vec![shop], ..homes() };
    let selected = select(&users, &Selection::default(), &homes, &WaitPolicy::default());
    for target in &selected.chosen {
        assert!(target.policy.is_ok());
        assert_eq!(target.subject.destinations[0].place, "prod/shop");
    }
}

#[test]
fn no_destination_overwrites_a_home() {
    let users = [tagged("ci", &[]), tagged("bob", &[])];
    let go = |region: &str, to: &str| {
        let rule = rule("copy", &["ci"], to, PlaceForm::Secret)
            .in_store(DestinationRule::secrets_in(region));
        let homes = Homes { destinations: vec![rule], ..homes() };
        select(&users, &Selection::default(), &homes, &WaitPolicy::default())
    };
    for (to, whose) in [("/iam/ci/access_key", "ci"), ("/iam/bob/access_key", "bob")] {
        let selected = go("us-east-1", to);
        let reason = blocked(&selected, "ci");
        assert!(reason.contains(&format!("which is user {whose}'s home")), "{reason}");
        assert!(go("eu-west-1", to).chosen.iter().all(|target| target.policy.is_ok()));
    }
    assert!(go("us-east-1", "/copies/ci").chosen.iter().all(|target| target.policy.is_ok()));
}

#[test]
fn a_user_has_at_most_ten_destinations_each_in_a_usable_place() {
    let users = [tagged("ci", &[]), tagged("a@b", &[])];
    let go = |destinations: Vec<DestinationRule>| {
        let homes = Homes { destinations, ..homes() };
        select(&users, &Selection::default(), &homes, &WaitPolicy::default())
    };
    let many = |n: usize| {
        (0..n)
            .map(|i| rule(&format!("to-{i}"), &["ci"], "x {user}", PlaceForm::Text))
            .collect::<Vec<_>>()
    };
    assert_eq!(go(many(10)).chosen[1].subject.destinations.len(), 10);
    let selected = go(many(11));
    let reason = blocked(&selected, "ci");
    assert!(reason.contains("11 destinations (to-0, to-1") && reason.contains("at most 10"));
    let selected = go(vec![rule("param", &["*"], "/x/{user}", PlaceForm::Parameter)]);
    assert!(blocked(&selected, "a@b").contains("\"/x/a@b\", which is not usable"));
    assert!(selected.chosen[1].policy.is_ok());
}

/// Anyone who may tag a user can claim another user's home.
#[test]
fn a_claimed_home_with_a_replica_blocks_only_the_one_that_claims_it() {
    let replica = DestinationRule::new(
        DestinationName::parse("there").unwrap(),
        vec![Pattern::parse("*").unwrap()],
        PlaceTemplate::home(),
        Abilities::READABLE,
    );
    let replica = replica.unwrap().replicating_to("eu-west-1");
    let copy = rule("copy", &["c"], "/iam/{user}/other", PlaceForm::Secret);
    let copy = copy.in_store(DestinationRule::secrets_in("eu-west-1"));
    let homes = Homes { destinations: vec![replica.clone(), copy], ..homes() };
    let claim = |tag: &'static str, secret: &'static str| {
        [tagged("a", &[(tag, secret)]), tagged("b", &[]), tagged("c", &[])]
    };
    let arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:/iam/b/access_key-AbCdEf";
    for users in [
        claim("keyrot:secret", "/iam/b/access_key"),
        claim("keyrot:home", arn),
        claim("keyrot:secret", "/iam/c/other"),
    ] {
        let selected = select(&users, &Selection::default(), &homes, &WaitPolicy::default());
        for target in &selected.chosen[1..] {
            assert!(target.policy.is_ok(), "{target:?}");
            let place = &target.subject.destinations.last().unwrap().place;
            assert_eq!(*place, format!("/iam/{}/access_key", target.subject.user));
        }
    }
    // A replica in the region of the homes.
    let here = Homes { destinations: vec![replica.replicating_to(&homes.region)], ..homes };
    let selected =
        select(&[tagged("b", &[])], &Selection::default(), &here, &WaitPolicy::default());
    assert!(blocked(&selected, "b").ends_with("which is user b's home; set another region"));
}
