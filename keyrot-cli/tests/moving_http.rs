//! A user's home is moved between two regions of the emulator, and its consumers get the new place.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
use keyrot_core::memory::World;
use keyrot_core::model::{HOME_TAG, JournalEntry};
use serde_json::{Value, json};
use support::reader::{Ran, SECRET, Scene, ended, key};

const THERE: [&str; 2] = ["--region", "eu-west-1"];

/// A user that has no key yet, and is at rest after the first run.
fn at_rest() -> Scene {
    let mut world = World::new(std::time::SystemTime::now().into());
    world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let scene = Scene { emulator, home: tempfile::tempdir().unwrap() };
    assert_eq!(json(&scene, &["rotate"]).1["users"][0]["state"], "settled");
    scene
}

fn json(scene: &Scene, args: &[&str]) -> (Option<i32>, Value) {
    let ran = scene.run(&[&["--json"], args].concat());
    let document = serde_json::from_str(&ran.out)
        .unwrap_or_else(|e| panic!("{args:?}: {e}\n{}{}", ran.out, ran.said));
    support::conforms(&document);
    (ran.code, document)
}

fn there<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [args, &THERE].concat()
}

fn calls(scene: &Scene, action: &str) -> usize {
    scene.emulator.stats().actions.get(action).map_or(0, |count| count.calls)
}

/// Makes the cache entry so old that the next read makes the calls that it makes once a day.
fn a_day_later(scene: &Scene) {
    let file = scene.entry().unwrap();
    let mut entry: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    entry["moved"]["ask_after"] = json!("2020-01-01T00:00:00Z");
    std::fs::write(&file, entry.to_string()).unwrap();
}

fn read(scene: &Scene, more: &[&str]) -> Ran {
    scene.run(&[&["credentials", "ci", "--cache-for", "0s"], more].concat())
}

#[test]
fn a_home_is_moved_over_http_and_consumers_at_both_places_get_the_new_one() {
    let scene = at_rest();
    let described = calls(&scene, "DescribeSecret");
    let first = key(&read(&scene, &[]));
    assert_eq!(
        calls(&scene, "DescribeSecret"),
        described,
        "a consumer needs GetSecretValue and nothing else"
    );

    // A consumer that reads in the wrong region gets the key's place.
    let ran = read(&scene, &THERE);
    assert_eq!((ran.code, ran.out.as_str()), (Some(3), ""), "{}", ran.said);
    let claim = format!(
        "The tag keyrot:home of ci says that the key is managed elsewhere, in {SECRET} in us-east-1"
    );
    assert!(ran.said.contains(&claim) && is_unchecked(&ran.said), "{}", ran.said);

    let (code, moved) = json(&scene, &there(&["move", "ci", "--yes"]));
    assert_eq!((code, &moved["users"][0]["result"]), (Some(0), &json!("done")), "{moved:#}");
    let (code, blocked) = json(&scene, &["rotate"]);
    assert_eq!(
        (code, &blocked["users"][0]["reason"]),
        (Some(3), &json!("managed_elsewhere")),
        "{blocked:#}"
    );
    let (code, run) = json(&scene, &there(&["rotate"]));
    assert_eq!((code, &run["counts"]["rotated"]), (Some(0), &json!(1)), "{run:#}");
    assert_eq!(run["users"][0]["reason"], "overlap");
    let second = key(&scene.run(&there(&["credentials", "ci", "--no-cache"])));
    assert_ne!(second, first);

    // The key in the old secret is printed, with a warning once the move is known.
    let described = calls(&scene, "DescribeSecret");
    let ran = read(&scene, &[]);
    assert_eq!((key(&ran), ran.said.as_str()), (first.clone(), ""));
    assert_eq!(calls(&scene, "DescribeSecret"), described, "not asked at each read");
    a_day_later(&scene);
    for _ in 0..3 {
        let ran = read(&scene, &[]);
        assert_eq!(key(&ran), first);
        assert!(
            ran.said.contains(
                "the secret's tag keyrot:moved-to says that the key is now published in /iam/ci/access_key in eu-west-1"
            ) && is_unchecked(&ran.said),
            "{}",
            ran.said
        );
    }
    assert_eq!(calls(&scene, "DescribeSecret"), described + 1, "once a day");
    assert!(scene.run(&["credentials", "ci"]).said.contains("eu-west-1"), "also from the cache");

    // The old secret is scheduled for deletion.
    let now = scene.emulator.now();
    let name: keyrot_core::SecretName = SECRET.parse().unwrap();
    scene.emulator.change(|world| world.secret_mut(&name).unwrap().deleted = Some(now));
    let ran = read(&scene, &[]);
    assert_eq!(ran.code, Some(3), "{}", ran.said);
    assert!(
        ran.said.contains("in eu-west-1, account 123456789012; this was not checked")
            && is_unchecked(&ran.said),
        "{}",
        ran.said
    );
    scene.emulator.change(|world| world.secret_mut(&name).unwrap().deleted = None);
    key(&read(&scene, &[]));

    // The home was moved back, so there is no warning.
    scene.emulator.change(|world| {
        let arn = world.arn_of(&name).unwrap();
        world.tag_secret(&name, JournalEntry::MOVED_TO, arn.to_string()).unwrap();
    });
    a_day_later(&scene);
    let ran = read(&scene, &[]);
    assert_eq!((key(&ran), ran.said.as_str()), (first, ""));
}

#[test]
fn a_consumer_that_may_only_read_still_gets_the_key() {
    let scene = at_rest();
    let first = key(&read(&scene, &[]));
    assert_eq!(json(&scene, &there(&["move", "ci", "--yes"])).0, Some(0));
    scene.emulator.inject(CallAt::every("DescribeSecret"), Fault::denied());
    scene.emulator.inject(CallAt::every("ListUserTags"), Fault::denied());
    let described = calls(&scene, "DescribeSecret");
    a_day_later(&scene);
    for _ in 0..3 {
        let ran = read(&scene, &[]);
        assert_eq!((key(&ran), ran.said.as_str()), (first.clone(), ""));
    }
    assert_eq!(calls(&scene, "DescribeSecret"), described + 1, "a denied call is not repeated");
    // Nothing is known about the home, so the error is that of the read.
    let ran = read(&scene, &there(&["--stale-for", "0s"]));
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(ran.said.contains("check the name and the region"), "{}", ran.said);
}

#[test]
fn a_home_that_cannot_be_read_or_closed_is_not_moved() {
    for action in ["DescribeSecret", "TagResource"] {
        let scene = at_rest();
        let home = |scene: &Scene| {
            scene
                .emulator
                .change(|world| world.user(&Scene::user()).unwrap().tags[HOME_TAG].clone())
        };
        let before = home(&scene);
        scene.emulator.inject(CallAt::every(action), Fault::denied());
        let (code, failed) = json(&scene, &there(&["move", "ci", "--yes"]));
        let row = &failed["users"][0];
        assert_eq!((code, &row["result"]), (Some(1), &json!("failed")), "{failed:#}");
        assert!(row["message"].as_str().unwrap().starts_with("at the old home: "), "{row}");
        assert_eq!(home(&scene), before);
        scene.emulator.heal();
        let ran = ended(scene.command(&["rotate"]));
        assert_eq!(ran.code, Some(0), "the old home is as it was: {}", ran.out);
    }
}

/// A tag can be forged: the output says that it was not checked, and has no command that reads what
/// it names.
fn is_unchecked(said: &str) -> bool {
    said.contains("this was not checked") && !said.contains("keyrot credentials")
}
