//! A service that cannot be reached is reported once, not once for each user.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::World;
use std::process::Command;
use std::time::Instant;

/// A trusted certificate whose private key was discarded. Nothing here uses TLS, and reading all of
/// a machine's trusted certificates takes long.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/root.pem");
const USERS: usize = 60;

#[test]
fn it_is_reported_once_per_run_and_not_waited_for_repeatedly() {
    let mut world = World::new(std::time::SystemTime::now().into());
    for n in 0..USERS {
        world.add_user(&format!("user-{n:02}"), &[("RotateKey", "True")]).unwrap();
    }
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrot"));
        command.args(args).current_dir(home.path()).env_clear().envs(emulator.env());
        command.env("HOME", home.path()).env("SSL_CERT_FILE", ROOT);
        // An address on which nothing listens.
        command.env("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9");
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let begun = Instant::now();
    let (code, text) = run(&["plan", "-q"]);
    let took = begun.elapsed();
    assert_eq!(code, Some(1), "{text}");
    let why = "no connection to 127.0.0.1:9: it refused it";
    assert_eq!(text.matches(why).count(), 1, "{text}");
    assert!(text.contains("the same for: ") && text.contains("and 39 more"), "{text}");
    assert!(!text.contains("an error occurred") && !text.contains("io error"), "{text}");
    assert!(took.as_secs() < 20, "{took:?}");
    // A document has each user, with its own message.
    let (_, text) = run(&["plan", "-q", "--json"]);
    assert!(text.matches(why).count() >= USERS, "{text}");
}
