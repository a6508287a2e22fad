//! A settings file that is written once, and can be used as it is.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::World;
use serde_json::json;
use support::Sandbox;

#[test]
fn the_file_is_written_once_and_can_be_used() {
    let sandbox = Sandbox::new();
    let file = sandbox.dir().join("keyrot.toml");
    let ran = sandbox.run(&["init"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(
        ran.stdout
            .contains("11 users: RotateKey=True on 9, RotateKey=False on 1\nwrote keyrot.toml"),
        "{}",
        ran.stdout
    );
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("\n#overlap = \"7d\"\n")
            && text.contains("\n# how long the old key keeps working"),
        "{text}"
    );
    assert_eq!(
        sandbox.run(&["plan", "--user", "ci-deployer"]).code,
        Some(0),
        "it is read, and changes nothing"
    );

    for args in [&["init"][..], &["init", "--offline"]] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, Some(2));
        assert!(
            ran.stderr.contains("keyrot.toml already exists and is not overwritten"),
            "{}",
            ran.stderr
        );
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    let (code, document) = sandbox.json(&["init", "--out", "other.toml"]);
    assert_eq!(
        (code, &document["file"], &document["toml"]),
        (Some(0), &json!("other.toml"), &json!(text))
    );
    assert_eq!(std::fs::read_to_string(sandbox.dir().join("other.toml")).unwrap(), text);
    let ran = sandbox.run(&["init", "--out", "no/such/directory.toml"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
}

#[test]
fn without_an_account() {
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["init", "--offline", "--stdout"]);
    let ran = sandbox.take(&command.env_remove("KEYROT_SANDBOX").output().unwrap());
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    assert!(
        ran.stdout.starts_with("# Settings of keyrot.") && !ran.stdout.contains("Account:"),
        "{}",
        ran.stdout
    );
    assert!(!sandbox.dir().join("keyrot.toml").exists());

    let mut command = sandbox.command(&["init"]);
    command
        .env_remove("KEYROT_SANDBOX")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_EC2_METADATA_DISABLED", "true");
    let ran = sandbox.take(&command.output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("keyrot init --offline; nothing was written"), "{}", ran.stderr);
    assert!(!sandbox.dir().join("keyrot.toml").exists());
}

#[test]
fn what_the_account_has_is_suggested() {
    let mut world = World::new(std::time::SystemTime::now().into());
    world.add_user("ci/build", &[("rotate-keys", "yes")]).unwrap();
    world.add_user("ci/deploy", &[("rotate-keys", "yes")]).unwrap();
    world.add_user("jane", &[]).unwrap();
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["--json", "init"]);
    let ran =
        sandbox.take(&command.env_remove("KEYROT_SANDBOX").envs(emulator.env()).output().unwrap());
    let document: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    support::conforms(&document);
    assert_eq!((ran.code, &document["account"]["path_prefix"]), (Some(0), &json!("/ci/")));
    let mut command = sandbox.command(&["--json", "plan"]);
    let ran =
        sandbox.take(&command.env_remove("KEYROT_SANDBOX").envs(emulator.env()).output().unwrap());
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["counts"]["users"], 2, "the written file selects them: {}", ran.stderr);
}
