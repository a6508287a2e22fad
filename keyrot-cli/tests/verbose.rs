//! `-v` and `RUST_LOG` over HTTP: what is logged, where, and that no secret ever is.
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Emulator, EmulatorOptions, Fault};
use keyrot_core::UserName;
use keyrot_core::memory::World;
use support::{Ran, Sandbox};

/// One user with a key, whose first rotation has a throttled call and a lost reply, and keyrot's
/// output.
fn rotate(args: &[&str], rust_log: Option<&str>) -> Ran {
    let mut world = World::new(std::time::SystemTime::now().into());
    let user = world.add_user("ci", &[("RotateKey", "True")]).unwrap();
    world.add_key(&user).unwrap();
    let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
    let throttle =
        Fault::Error { code: "Throttling".into(), message: "Rate exceeded".into(), status: 400 };
    emulator.inject(CallAt::first("ListAccessKeys"), throttle);
    emulator.inject(CallAt::first("PutSecretValue"), Fault::LostReply);
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(args);
    command.env_remove("KEYROT_SANDBOX").envs(emulator.env());
    if let Some(text) = rust_log {
        command.env("RUST_LOG", text);
    }
    let ran = sandbox.take(&command.output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let world = emulator.world();
    let keys = world.user(&UserName::parse("ci").unwrap()).unwrap().keys().to_vec();
    assert_eq!(keys.len(), 2, "a key was created, sent and read");
    let made = keys.iter().map(|key| World::secret_of(&key.listed.id).expose().to_owned());
    for secret in made.chain([emulator.admin_credentials().secret.expose().to_owned()]) {
        assert!(
            !ran.stderr.contains(&secret) && !ran.stdout.contains(&secret),
            "a secret was logged: {}",
            ran.stderr
        );
    }
    ran
}

/// Returns the targets of the log lines on stderr.
fn targets(ran: &Ran) -> Vec<&str> {
    let levels = [" TRACE ", " DEBUG ", "  INFO ", "  WARN ", " ERROR "];
    let lines = ran.stderr.lines().filter(|line| levels.iter().any(|level| line.contains(level)));
    lines
        .map(|line| {
            line.split_whitespace().find(|word| word.starts_with("keyrot_")).unwrap_or(line)
        })
        .collect()
}

#[test]
fn nothing_is_logged_unless_asked_for() {
    let ran = rotate(&["rotate", "--json"], None);
    assert_eq!(targets(&ran), [""; 0], "{}", ran.stderr);
}

#[test]
fn one_v_shows_the_engine_two_show_the_calls_and_stdout_stays_data() {
    let once = rotate(&["-v", "rotate", "--json"], None);
    let twice = rotate(&["rotate", "-v", "--verbose", "--json"], None);
    for ran in [&once, &twice] {
        support::conforms(&serde_json::from_str(&ran.stdout).unwrap());
        assert!(
            ran.stderr.contains("event=\"rotated\"") && ran.stderr.contains("call=\"create_key\""),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("no answer came"), "{}", ran.stderr);
    }
    assert!(!once.stderr.contains("AWS answered"), "{}", once.stderr);
    assert!(
        twice.stderr.contains("AWS answered") && twice.stderr.contains("iam:CreateAccessKey"),
        "{}",
        twice.stderr
    );
}

#[test]
fn only_keyrots_own_lines_are_shown_at_any_level() {
    for (args, rust_log) in [
        (&["rotate", "-vvv"][..], None),
        (&["rotate", "-vvvvvv"][..], Some("trace")),
        (&["rotate"][..], Some("trace")),
        (
            &["rotate"][..],
            Some("trace,aws_smithy_runtime=trace,aws_sdk_iam=trace,hyper=trace,aws_sigv4=trace"),
        ),
    ] {
        let ran = rotate(args, rust_log);
        let targets = targets(&ran);
        assert!(targets.len() > 20, "{args:?} {rust_log:?}: {}", ran.stderr);
        assert!(
            targets.iter().all(|target| target.starts_with("keyrot_")),
            "{args:?} {rust_log:?}: {targets:?}"
        );
    }
}

#[test]
fn the_variable_chooses_targets_and_one_that_is_not_usable_is_named() {
    let ran = rotate(&["rotate"], Some("keyrot_core=debug"));
    assert!(
        !targets(&ran).is_empty()
            && targets(&ran).iter().all(|target| target.starts_with("keyrot_core"))
    );
    let ran = rotate(&["rotate"], Some("keyrot_core=loud"));
    assert!(
        ran.stderr.contains("warning: RUST_LOG is not usable, and nothing is logged: expected"),
        "{}",
        ran.stderr
    );
    assert_eq!(targets(&ran), [""; 0]);
}
