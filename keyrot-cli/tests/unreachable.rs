//! A service that cannot be reached is reported once, not once for each user. One that is silent is
//! named on a terminal while keyrot waits.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_core::memory::World;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{all_of, terminal};

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

/// A command on a terminal says after some seconds what it waits for; with `-q` and elsewhere it
/// says nothing.
#[test]
fn a_silent_service_is_named_on_a_terminal() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let home = tempfile::tempdir().unwrap();
    let begin = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrot"));
        command.args(args).current_dir(home.path()).env_clear();
        command.env("HOME", home.path()).env("SSL_CERT_FILE", ROOT);
        command.env("AWS_ENDPOINT_URL", &url).env("AWS_REGION", "eu-west-3");
        command.env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE");
        command.env("AWS_SECRET_ACCESS_KEY", "not-a-secret-key");
        let (person, side) = terminal(80);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(side).spawn();
        // The command builder holds the other side of the terminal.
        drop(command);
        (child.unwrap(), person)
    };
    let mut loud = begin(&["status"]);
    let mut quiet = begin(&["status", "-q"]);
    std::thread::sleep(Duration::from_secs(8));
    for (child, _) in [&mut loud, &mut quiet] {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert_eq!(all_of(&mut loud.1), "waiting for AWS (IAM)…\n");
    assert_eq!(all_of(&mut quiet.1), "");
}
