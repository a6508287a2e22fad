//! Who uses a key: where copies of it go, if that was read.

use keyrot_core::decide::Delivered;
use keyrot_core::memory::{Fault, FaultAt, MemoryAccount, MemoryDestination, World};
use keyrot_core::model::{Abilities, DestinationName};
use keyrot_core::report::{UserDestinations, UsesDocument};
use keyrot_core::requests::{WhoUses, Whose};
use keyrot_core::selection::{DestinationRule, PlaceForm, PlaceTemplate};
use keyrot_core::{
    Cancel, Homes, Limits, Mode, Ports, Rotator, Selected, Selection, UserName, WaitPolicy, select,
};
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);
const NAMES: [&str; 2] = ["lake", "params"];

struct Harness {
    account: MemoryAccount,
    user: UserName,
    homes: Homes,
}

impl Harness {
    /// Returns a user whose first key was created, published and delivered to two destinations, of
    /// which `lake` is optional.
    async fn new(tags: &[(&str, &str)]) -> Self {
        let mut world = World::new("2026-01-05T04:00:00Z".parse().unwrap());
        let user = world.add_user("ci", tags).unwrap();
        let rule = |name: &str| {
            let name = DestinationName::parse(name).unwrap();
            world.add_destination(name.clone(), MemoryDestination::new(Abilities::READABLE));
            let to = PlaceTemplate::parse("/x/{user}", PlaceForm::Text).unwrap();
            let users = vec!["c*".parse().unwrap()];
            let rule = DestinationRule::new(name, users, to, Abilities::READABLE).unwrap();
            rule.of_kind("ssm")
        };
        let [lake, params] = NAMES.map(rule);
        let destinations = vec![lake.optional(), params];
        let homes = Homes { destinations, ..Homes::in_region("us-east-1") };
        let harness = Self { account: MemoryAccount::new(world), user, homes };
        harness.run().await;
        harness
    }

    fn ports(&self) -> Ports {
        Ports::of(self.account.clone()).with_destinations(self.account.destinations())
    }

    fn selected(&self) -> Selected {
        let users = self.account.world().list_users("/");
        select(&users, &Selection::default(), &self.homes, &WaitPolicy::default())
    }

    async fn run(&self) {
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let rotator = Rotator::new(self.ports());
        rotator.run(self.selected().chosen, Mode::Act, &limits, &cancel, &|_| {}).await;
    }

    /// Publishes the next key, and delivers it only to `params`.
    async fn rotated_without_lake(&self) {
        self.account.advance(77 * DAY);
        let lake = DestinationName::parse(NAMES[0]).unwrap();
        let mut ports = self.ports();
        let down = MemoryAccount::new(World::new("2026-01-05T04:00:00Z".parse().unwrap()));
        let mut destinations = self.account.destinations();
        destinations.insert(lake.clone(), down.destination(&lake, Abilities::READABLE));
        ports = ports.with_destinations(destinations);
        let (limits, cancel) = (Limits::default(), Cancel::default());
        let chosen = self.selected().chosen;
        Rotator::new(ports).run(chosen, Mode::Act, &limits, &cancel, &|_| {}).await;
    }

    async fn ask(&self, whose: Whose) -> UsesDocument {
        let who = WhoUses::new(self.ports(), Arc::new(self.account.clone()));
        let policy = WaitPolicy::default();
        let who = who.managed_by(Selection::default(), self.homes.clone(), policy);
        who.ask(whose, &|_| {}).await.unwrap()
    }

    async fn of_user(&self) -> UsesDocument {
        self.ask(Whose::User(self.user.clone())).await
    }
}

/// Returns the name and the state of each.
fn states(found: &UserDestinations) -> Vec<(&str, Delivered)> {
    found.destinations.iter().map(|one| (one.to.as_str(), one.state)).collect()
}

const TAGGED: &[(&str, &str)] = &[("RotateKey", "True")];

#[tokio::test]
async fn a_managed_users_destinations_are_named_with_what_their_receipts_say() {
    let harness = Harness::new(TAGGED).await;
    let found = harness.of_user().await;
    let [of_user] = &found.destinations[..] else { panic!("{found:?}") };
    assert_eq!(states(of_user), [("lake", Delivered::Delivered), ("params", Delivered::Delivered)]);
    assert_eq!((&of_user.user, &of_user.problem), (&harness.user, &None));
    let (first, params) = (of_user.current.clone().unwrap(), &of_user.destinations[1]);
    assert_eq!((params.kind, params.place.as_str(), params.required), ("ssm", "/x/ci", true));
    assert!(params.since.is_some() && !of_user.destinations[0].required);

    harness.rotated_without_lake().await;
    // The question is asked for the user, for one of its keys, and for all old keys.
    let old = Whose::Key(first.clone());
    let lagging = Whose::Lagging(harness.selected().chosen);
    for whose in [Whose::User(harness.user.clone()), old, lagging] {
        let found = harness.ask(whose).await;
        let [of_user] = &found.destinations[..] else { panic!("{found:?}") };
        assert_ne!(of_user.current.as_ref(), Some(&first));
        let expected = [("lake", Delivered::Waiting), ("params", Delivered::Delivered)];
        assert_eq!(states(of_user), expected, "{found:?}");
        assert_eq!((found.has_failed(), found.partial), (false, false), "{found:?}");
        assert_eq!(found.destinations_of(&found.keys[0]), Some(of_user));
    }
}

/// The answer says nothing about deliveries that were not read.
#[tokio::test]
async fn unread_deliveries_are_not_known() {
    let harness = Harness::new(TAGGED).await;
    let unknown = [("lake", Delivered::Unknown), ("params", Delivered::Unknown)];
    for call in ["describe", "list_keys"] {
        // The first listing is that of the command itself.
        let after = usize::from(call == "list_keys");
        harness.account.inject(FaultAt { after, ..FaultAt::every(call, Fault::Denied) });
        let found = harness.of_user().await;
        harness.account.heal();
        let of_user = &found.destinations[0];
        assert_eq!(states(of_user), unknown, "{call}");
        assert!(of_user.problem.as_ref().unwrap().contains("AccessDenied"), "{call}: {of_user:?}");
        assert_eq!((found.has_failed(), found.partial, found.keys.len()), (true, true, 1));
        assert!(of_user.current.is_none() && of_user.destinations[0].since.is_none());
    }
    harness.account.inject(FaultAt::every("users", Fault::Denied));
    let found = harness.of_user().await;
    assert!(found.has_failed() && found.destinations[0].destinations.is_empty(), "{found:?}");
    assert!(found.destinations[0].problem.as_ref().unwrap().contains("could not list the users"));
    // If the user has no destinations, there are no additional calls.
    let none = Harness { homes: Homes::in_region("us-east-1"), ..harness };
    let found = none.of_user().await;
    assert!(found.destinations.is_empty() && !found.has_failed(), "{found:?}");
}

#[tokio::test]
async fn a_blocked_user_has_destinations_and_an_unmanaged_one_has_none() {
    let blocked = Harness::new(&[("RotateKey", "True"), ("keyrot:max-age", "soon")]).await;
    let found = blocked.of_user().await;
    let of_user = &found.destinations[0];
    assert_eq!(states(of_user), [("lake", Delivered::Unknown), ("params", Delivered::Unknown)]);
    assert!(of_user.problem.as_ref().unwrap().contains("keyrot:max-age"), "{of_user:?}");

    // A place that two users share belongs to neither.
    let mut shared = Harness::new(TAGGED).await;
    shared.account.change(|world| world.add_user("cd", TAGGED)).unwrap();
    let rule = |name: &str, user: &str| {
        let name = DestinationName::parse(name).unwrap();
        let to = PlaceTemplate::parse("/x", PlaceForm::Text).unwrap();
        let users = vec![user.parse().unwrap()];
        DestinationRule::new(name, users, to, Abilities::READABLE).unwrap().in_store("x")
    };
    shared.homes.destinations = vec![rule("a", "ci"), rule("b", "cd")];
    let found = shared.of_user().await;
    let of_user = &found.destinations[0];
    assert!(of_user.destinations.is_empty() && found.has_failed(), "{of_user:?}");
    assert!(of_user.problem.as_ref().unwrap().contains("at /x"), "{of_user:?}");

    let unmanaged = Harness::new(&[]).await;
    let found = unmanaged.of_user().await;
    assert!(found.destinations.is_empty() && !found.has_failed(), "{found:?}");
}

/// A user without a key yet: it is known that nothing was delivered.
#[tokio::test]
async fn before_the_first_key_nothing_is_delivered() {
    let harness = Harness::new(TAGGED).await;
    let user = harness.account.change(|world| world.add_user("ci-new", TAGGED)).unwrap();
    let found = harness.ask(Whose::User(user)).await;
    let of_user = &found.destinations[0];
    assert_eq!((&of_user.current, &of_user.problem, found.keys.len()), (&None, &None, 0));
    assert_eq!(states(of_user), [("lake", Delivered::Waiting), ("params", Delivered::Waiting)]);
}

/// A blocked user is a finding, and a user that could not be read is a failure.
#[tokio::test]
async fn a_lagging_list_fails_only_if_a_user_could_not_be_read() {
    let said = |found: &UsesDocument| (found.has_failed(), found.partial, found.unseen.len());
    // Nothing explains the two keys.
    let blocked = Harness::new(&[]).await;
    for _ in 0..2 {
        blocked.account.change(|world| world.add_key(&blocked.user)).unwrap();
    }
    blocked.account.change(|world| world.tag_user(&blocked.user, "RotateKey", "True")).unwrap();
    let found = blocked.ask(Whose::Lagging(blocked.selected().chosen)).await;
    assert_eq!(said(&found), (false, true, 1), "{found:?}");
    let harness = Harness::new(TAGGED).await;
    harness.account.inject(FaultAt::every("list_keys", Fault::Denied));
    let found = harness.ask(Whose::Lagging(harness.selected().chosen)).await;
    assert_eq!(said(&found), (true, true, 1), "{found:?}");
}
