//! A user whose key goes to its secret, an SSM parameter, a secret in a GitHub environment and a
//! GitLab file variable. Jobs start at each of the four at every instant.

use crate::lifecycle::{Life, PROCESSES};
use crate::readers::Place;
use crate::scene::Scene;
use keyrot_core::{KeyId, KeyStatus, Timestamp, UserName};
use serde_json::{Value, json};
use std::sync::atomic::Ordering;
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

/// The one user, and its account.
struct Story {
    life: Life,
    user: UserName,
}

impl Story {
    fn begin() -> Self {
        let life = Life::new(&Scene::adoption(1).with_whole_destinations());
        let user = life.users().remove(0);
        Self { life, user }
    }

    /// Runs any command, and checks the promises afterwards. Returns its exit code and its
    /// document.
    fn ask(&self, args: &[&str]) -> (Option<i32>, Value) {
        let (code, document) = self.life.ask(args);
        self.life.is_well();
        self.life.is_whole();
        (code, document)
    }

    /// Makes a scheduled run. Returns its exit code, and the user's state.
    fn run(&self) -> (Option<i32>, Value) {
        let (code, document) = self.ask(&["rotate"]);
        (code, document["users"][0].clone())
    }

    /// Makes a scheduled run, which has to succeed.
    fn runs(&self) -> Value {
        let (code, user) = self.run();
        assert_eq!(code, Some(0), "{user:#}");
        user
    }

    /// Returns the output of `keyrot status`, which succeeds whatever it finds.
    fn status(&self) -> Value {
        let (code, document) = self.ask(&["status"]);
        assert_eq!(code, Some(0), "{document:#}");
        document["users"][0].clone()
    }

    /// Lets days pass, on which jobs start.
    fn days(&self, days: u32) {
        (0..days).for_each(|_| self.life.pass(DAY));
        self.life.is_well();
    }

    fn status_of(&self, key: &KeyId) -> Option<KeyStatus> {
        let world = self.life.emulator.world();
        Some(world.user(&self.user)?.key(key)?.listed.status.clone())
    }

    /// Checks that each place shows this key.
    fn shows(&self, key: &KeyId) {
        for (place, found) in self.life.destinations().readers.keys(&self.user) {
            assert_eq!(found.as_ref(), Some(key), "{place:?}");
        }
    }

    /// Runs keyrot every day until only the current key is left. Returns how many days it took
    /// until the other one was Inactive, and until it was gone.
    fn until_settled(&self, old: &KeyId) -> (u32, u32) {
        let mut inactive = None;
        for day in 0..40 {
            let user = self.runs();
            if self.status_of(old).is_none() && user["state"] == "settled" {
                self.life.is_settled();
                return (inactive.expect("it was Inactive before"), day);
            }
            if self.status_of(old) == Some(KeyStatus::Inactive) {
                inactive.get_or_insert(day);
            }
            self.days(1);
        }
        panic!("{old} is still there: {:#}", self.status())
    }

    /// Runs keyrot every few days, and daily at the end, until another key is current. Returns the
    /// previous key, when it has to be Inactive, and how that run ended.
    fn until_rotated(&self) -> (KeyId, Timestamp, Option<i32>, Value) {
        let before = self.status();
        let (old, due) = (current(&before), time(&before["due"]));
        let deadline = time(&before["deadline"]);
        loop {
            let (code, user) = self.run();
            if current(&user) != old {
                return (old, deadline, code, user);
            }
            assert_eq!((code, &user["state"]), (Some(0), &json!("settled")), "{user:#}");
            let far = due - self.life.emulator.now() > chrono::TimeDelta::days(6);
            self.days(if far { 6 } else { 1 });
        }
    }
}

fn current(user: &Value) -> KeyId {
    KeyId::parse(user["current"].as_str().unwrap()).unwrap()
}

fn time(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Returns the state of each destination, by name.
fn standing(user: &Value) -> Vec<(&str, &str)> {
    let all = user["destinations"].as_array().unwrap().iter();
    all.map(|one| (one["to"].as_str().unwrap(), one["state"].as_str().unwrap())).collect()
}

const ALL: [(&str, &str); 3] =
    [("hub", "delivered"), ("lab", "delivered"), ("params", "delivered")];

/// Returns the events, in order.
fn events(user: &Value) -> Vec<&str> {
    user["events"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect()
}

#[test]
fn three_rotations_an_outage_a_rollback_and_a_revocation() {
    let story = Story::begin();
    adopted(&story);
    for has_outage in [false, true, false] {
        rotated(&story, has_outage);
    }
    rolled_back(&story);
    revoked(&story);
    let life = &story.life;
    life.is_settled();
    life.kept_its_secrets();
    let (figures, keys) = (life.destinations().readers.figures(), life.witness.keys());
    // These are the first key, one for the adoption, one for each rotation, scheduled or forced,
    // and one for the revocation.
    assert_eq!(keys.len(), 1 + 1 + 3 + 1 + 1);
    assert!(figures.writes >= 4 * keys.len(), "{figures:?}");
    assert_eq!(figures.torn, 0, "no job ever had credentials that do not work");
    assert!(figures.checks > 1_000, "{figures:?}");
    println!(
        "{} processes, {} requests to SSM, GitHub and GitLab, {figures:?}",
        PROCESSES.load(Ordering::Relaxed),
        life.destinations().requests()
    );
}

/// The user's key is replaced, and all four places get the new one.
fn adopted(story: &Story) {
    let places = story.life.destinations().readers.keys(&story.user);
    let first = places[&Place::Parameter].clone().expect("people put it there");
    assert_eq!((&places[&Place::Home], &places[&Place::Hub]), (&None, &None));
    let user = story.runs();
    assert_eq!(standing(&user), ALL, "{user:#}");
    story.shows(&current(&user));
    assert_eq!(story.status_of(&first), Some(KeyStatus::Active));
    let (inactive, _) = story.until_settled(&first);
    assert!(inactive >= 7, "{inactive}");
}

fn rotated(story: &Story, has_outage: bool) {
    if has_outage {
        // A settled user's destinations are not read.
        story.life.destinations().outage(Some(503));
    }
    let (old, deadline, code, user) = story.until_rotated();
    let new = current(&user);
    if has_outage {
        assert_eq!((code, &user["state"]), (Some(1), &json!("failed")), "{user:#}");
        ten_days(story, &old, &new);
    } else {
        assert_eq!(code, Some(0), "{user:#}");
    }
    story.shows(&new);
    let status = story.status();
    assert_eq!((&status["reason"], standing(&status)), (&json!("overlap"), ALL.to_vec()));
    let delivered = story.life.emulator.now();
    let (inactive, gone) = story.until_settled(&old);
    assert!(has_outage || delivered + DAY * inactive <= deadline, "{inactive} {deadline}");
    // A week after the last delivery, and eight days after the end of the last job that had read
    // the old key; then another week.
    assert!((7..=11).contains(&inactive) && gone >= inactive + 7, "{inactive} {gone}");
    let settled = story.status();
    assert_eq!((&settled["state"], &settled["current"]), (&json!("settled"), &json!(new)));
}

/// GitHub is down for ten days after the key was published in the home secret: the old key stays
/// Active, each run fails and says why, and the other places have the new key. GitHub's jobs may
/// start at any time, but none works before the last day, so that no use on record keeps the old
/// key Active. The other consumers moved so long ago that the old key would be deactivated on that
/// day.
fn ten_days(story: &Story, old: &KeyId, new: &KeyId) {
    let readers = &story.life.destinations().readers;
    for day in 0..=10 {
        readers.idle(Place::Hub, day < 10);
        let (status, reason) =
            [(503, "unavailable"), (403, "denied"), (404, "not_found"), (401, "denied")][day % 4];
        story.life.destinations().outage(Some(status));
        let (code, user) = story.run();
        let found = (code, &user["state"], &user["reason"]);
        assert_eq!(found, (Some(1), &json!("failed"), &json!(reason)), "day {day}: {user:#}");
        let message = user["message"].as_str().unwrap();
        assert!(message.contains("hub") && message.contains(&status.to_string()), "{message}");
        assert_eq!(story.status_of(old), Some(KeyStatus::Active), "day {day}");
        let places = story.life.destinations().readers.keys(&story.user);
        for (place, key) in &places {
            let expected = if *place == Place::Hub { old } else { new };
            assert_eq!(key.as_ref(), Some(expected), "day {day}, {place:?}");
        }
        // The run also tries to read the place, and cannot.
        let (code, document) = story.ask(&["status"]);
        let status = &document["users"][0];
        assert_eq!((code, &status["reason"]), (Some(1), &json!(reason)), "{status:#}");
        let behind = standing(status).into_iter().filter(|one| !ALL.contains(one));
        assert_eq!(behind.collect::<Vec<_>>(), [("hub", "failed")], "{status:#}");
        story.days(1);
    }
    story.life.destinations().outage(None);
    let user = story.runs();
    assert_eq!(standing(&user), ALL, "{user:#}");
    assert_eq!(story.status_of(old), Some(KeyStatus::Active));
}

/// Rolls back to the previous key during the overlap: the request itself delivers it everywhere.
/// Then the newer key is given up.
fn rolled_back(story: &Story) {
    let name = story.user.to_string();
    let old = current(&story.status());
    let (code, document) = story.ask(&["rotate", "--user", &name, "--force"]);
    assert_eq!(code, Some(0), "{document:#}");
    let new = current(&document["users"][0]);
    assert_ne!(new, old);
    story.shows(&new);
    story.days(2);

    let (code, document) = story.ask(&["rollback", &name, "--yes"]);
    assert_eq!((code, &document["user"]["reason"]), (Some(0), &json!("done")), "{document:#}");
    story.shows(&old);
    assert_eq!(standing(&document["left"]), ALL, "{document:#}");
    for _ in 0..3 {
        let (code, user) = story.run();
        assert_eq!((code, &user["reason"]), (Some(3), &json!("rolled_back")), "{user:#}");
        assert_eq!(story.ask(&["status", "--check"]).0, Some(3));
        story.shows(&old);
        assert_eq!(story.status_of(&new), Some(KeyStatus::Active));
        story.days(1);
    }
    revoke(story, &new);
    story.shows(&old);
    story.until_settled(&new);
}

/// The current key is revoked: a successor is published, the key is deactivated, and only then is
/// the successor delivered.
fn revoked(story: &Story) {
    let leaked = current(&story.status());
    let document = revoke(story, &leaked);
    let user = &document["user"];
    let new = current(user);
    assert_ne!(new, leaked);
    let events = events(user);
    let at = |event: &str| events.iter().position(|one| *one == event).unwrap();
    assert!(at("rotated") < at("retired") && at("retired") < at("delivered"), "{events:?}");
    story.shows(&new);
    assert_eq!(standing(&document["left"]), ALL, "{document:#}");
    story.until_settled(&leaked);
}

/// Revokes a key, which has no promises from then on.
fn revoke(story: &Story, key: &KeyId) -> Value {
    story.life.witness.revoke(&story.user, key);
    story.life.destinations().readers.revoke(key);
    let name = story.user.to_string();
    let (code, document) = story.ask(&["revoke", &name, key.as_str(), "--yes"]);
    assert_eq!(code, Some(0), "{document:#}");
    assert_eq!(story.status_of(key), Some(KeyStatus::Inactive), "{document:#}");
    document
}
