//! `keyrot my-key` over HTTP: the permissions of a user, MFA, and a network that fails.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::disallowed_macros)]

mod support;

use keyrot_aws::emulator::{
    ADMINISTRATOR, ADMINISTRATOR_WITH_MFA, CallAt, Emulator, EmulatorOptions, Fault, MFA_CODE, When,
};
use keyrot_core::memory::World;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;
use support::own::file_with;

/// A trusted certificate whose private key was discarded. Nothing here uses TLS, and reading all of
/// a machine's trusted certificates takes long.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/http/root.pem");

/// jane's machine, and an account over HTTP.
struct Office {
    emulator: Emulator,
    dir: tempfile::TempDir,
    key: String,
}

impl Office {
    fn new(policy: &str) -> Self {
        let mut world = World::new(std::time::SystemTime::now().into());
        let jane = world.add_user("people/jane", &[]).unwrap();
        world.user_mut(&jane).unwrap().policies.push(policy.to_owned());
        let key = world.add_key(&jane).unwrap().credentials.key.to_string();
        let emulator = Emulator::start(world, EmulatorOptions::default()).unwrap();
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join(".aws")).unwrap();
        std::fs::write(dir.path().join(".aws/credentials"), file_with(&key)).unwrap();
        std::fs::set_permissions(
            dir.path().join(".aws/credentials"),
            PermissionsExt::from_mode(0o600),
        )
        .unwrap();
        Self { emulator, dir, key }
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.dir.path().join(".aws/credentials")).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_keyrot"));
        command
            .args(["my-key", "--yes", "--force"])
            .args(args)
            .current_dir(self.dir.path())
            .env_clear();
        command
            .env("HOME", self.dir.path())
            .env("SSL_CERT_FILE", ROOT)
            .env("AWS_ENDPOINT_URL", self.emulator.url());
        command.stdin(std::process::Stdio::null());
        command
    }

    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let output = self.command(args).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    }

    fn keys(&self) -> Vec<String> {
        let world = self.emulator.world();
        let jane = world.users().next().unwrap();
        jane.keys().iter().map(|k| k.listed.id.to_string()).collect()
    }
}

#[test]
fn over_http_with_the_users_own_permissions() {
    let office = Office::new(ADMINISTRATOR);
    let (code, said) = office.run(&[]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(office.text(), file_with(&office.keys()[1]));
    let calls: Vec<_> = office.emulator.stats().actions.keys().copied().collect();
    assert_eq!(calls, ["CreateAccessKey", "GetCallerIdentity", "ListAccessKeys"]);
}

#[test]
fn with_a_wrong_clock_nothing_is_replaced() {
    let office = Office::new(ADMINISTRATOR);
    office.emulator.advance(Duration::from_secs(8 * 86_400));
    let (code, said) = office.run(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(
        said.contains("this machine's clock is 8d behind AWS's") && said.contains("set the clock"),
        "{said}"
    );
    assert_eq!(office.keys(), std::slice::from_ref(&office.key));
    assert_eq!(office.text(), file_with(&office.key));
}

#[test]
fn with_mfa_if_the_account_requires_it() {
    let office = Office::new(ADMINISTRATOR_WITH_MFA);
    let serial = ["--mfa-serial", "arn:aws:iam::123456789012:mfa/jane"];
    let (code, said) = office.run(&[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("if your permissions require MFA: --mfa-serial ARN"), "{said}");
    let (code, said) = office.run(&serial);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("cannot ask for the MFA code without a terminal"), "{said}");
    let (code, said) = office.run(&[&serial[..], &["--mfa-code", "000000"]].concat());
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("invalid MFA one time pass code") && !said.contains("000000"), "{said}");
    assert_eq!(office.keys(), std::slice::from_ref(&office.key));
    let (code, said) = office.run(&[&serial[..], &["--mfa-code", MFA_CODE]].concat());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(office.text(), file_with(&office.keys()[1]));
}

#[test]
fn the_device_may_be_in_the_configuration() {
    let office = Office::new(ADMINISTRATOR_WITH_MFA);
    let config = "[default]\nmfa_serial = arn:aws:iam::123456789012:mfa/jane\nregion = eu-west-1\n";
    std::fs::write(office.dir.path().join(".aws/config"), config).unwrap();
    let (code, said) = office.run(&["--mfa-code", MFA_CODE]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn on_a_terminal_the_code_is_asked_for() {
    let office = Office::new(ADMINISTRATOR_WITH_MFA);
    let config = "[default]\nmfa_serial = arn:aws:iam::123456789012:mfa/jane\n";
    std::fs::write(office.dir.path().join(".aws/config"), config).unwrap();
    let (mut terminal, side) = support::terminal(80);
    writeln!(terminal, "{MFA_CODE}").unwrap();
    let mut child =
        office.command(&[]).stdin(side.try_clone().unwrap()).stderr(side).spawn().unwrap();
    let said = support::all_of(&mut terminal);
    assert_eq!(child.wait().unwrap().code(), Some(0), "{said}");
    assert!(said.contains("MFA code of arn:aws:iam::123456789012:mfa/jane:"), "{said}");
    assert_eq!(office.text(), file_with(&office.keys()[1]));
}

#[test]
fn a_caller_that_is_not_a_user_has_no_key_to_rotate() {
    let office = Office::new(ADMINISTRATOR);
    let admin = office.emulator.admin_credentials();
    std::fs::write(office.dir.path().join(".aws/credentials"), file_with(admin.key.as_str()))
        .unwrap();
    let (code, said) = office.run(&[]);
    assert_eq!(code, Some(2), "{said}");
    assert!(
        said.contains("assumed-role/emulator/administrator, which is not an IAM user"),
        "{said}"
    );
}

#[test]
fn no_key_is_guessed_when_the_network_fails() {
    for (fault, listed) in [(Fault::LostReply, true), (Fault::LostRequest, false)] {
        let office = Office::new(ADMINISTRATOR);
        let before = office.text();
        office.emulator.inject(CallAt::first("CreateAccessKey"), fault);
        let (code, said) = office.run(&[]);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("it is not known whether a key was created"), "{said}");
        assert_eq!(
            said.contains(
                "its secret is lost; delete it: aws iam delete-access-key --user-name jane"
            ),
            listed,
            "{said}"
        );
        assert_eq!((office.keys().len(), office.text()), (if listed { 2 } else { 1 }, before));
        assert_eq!(office.emulator.stats().actions["CreateAccessKey"].calls, 1);
    }
    let office = Office::new(ADMINISTRATOR);
    let before = office.text();
    office.emulator.inject(CallAt::every("GetCallerIdentity").after(1), Fault::denied());
    office.emulator.inject(CallAt::every("DeleteAccessKey"), Fault::denied());
    let (code, said) = office.run(&["--probe-for", "1s", "--allow-short-waits"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("its secret key is lost, and it could not be deleted"), "{said}");
    assert!(
        said.contains(&format!(
            "delete the new one: aws iam delete-access-key --user-name jane --access-key-id {}",
            office.keys()[1]
        )),
        "{said}"
    );
    assert_eq!(office.text(), before);
}

/// Anything that prevents a replacement of the file is detected before a key is created, in each
/// run.
#[test]
fn no_key_is_created_for_a_file_that_cannot_be_replaced() {
    let can_mount =
        Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    let mounted = "exec unshare -rm sh -c 'mount --bind .aws/credentials .aws/credentials && exec \"$@\"' sh \"$@\"";
    for (setting, says, hint) in [
        ("trap '' XFSZ; ulimit -f 0; exec \"$@\"", "File too large", "free some disk space"),
        (mounted, "busy", "the file is mounted alone"),
    ] {
        if setting == mounted && !can_mount {
            eprintln!("a mounted file was not checked: unshare is not allowed here");
            continue;
        }
        let office = Office::new(ADMINISTRATOR);
        let before = office.text();
        for _ in 0..3 {
            let plain = office.command(&["--json"]);
            let mut command = Command::new("sh");
            command.args(["-c", setting, "sh"]).arg(plain.get_program()).args(plain.get_args());
            command
                .current_dir(office.dir.path())
                .env_clear()
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
            command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let output = command.stdin(std::process::Stdio::null()).output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(3), "{setting}: {said}");
            let document = serde_json::from_slice(&output.stdout).unwrap();
            support::conforms(&document);
            let message = document["message"].as_str().unwrap();
            assert!(
                message.starts_with("no key was created: ") && message.contains(says),
                "{message}"
            );
            assert!(document["hint"].as_str().unwrap().contains(hint), "{document}");
        }
        assert!(!office.emulator.stats().actions.contains_key("CreateAccessKey"), "{setting}");
        assert_eq!(office.text(), before);
        let names: Vec<_> = std::fs::read_dir(office.dir.path().join(".aws"))
            .unwrap()
            .map(|f| f.unwrap().file_name())
            .collect();
        assert_eq!(names, ["credentials"], "{setting}");
    }
}

#[test]
fn sigkill_between_creation_and_file_leaves_the_old_key_in_place() {
    let office = Office::new(ADMINISTRATOR);
    let before = office.text();
    let gate = office.emulator.pause(CallAt::first("CreateAccessKey"), When::After);
    let mut child = office.command(&[]).spawn().unwrap();
    assert!(gate.wait(Duration::from_secs(30)));
    child.kill().unwrap();
    child.wait().unwrap();
    gate.release();
    assert_eq!((office.text(), office.keys().len()), (before, 2));
    let (code, said) = office.run(&[]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("no use on record") && said.contains(&office.keys()[1]), "{said}");
}

#[test]
fn a_key_that_aws_does_not_know_may_belong_to_another_partition() {
    let office = Office::new(ADMINISTRATOR);
    std::fs::write(office.dir.path().join(".aws/credentials"), file_with("AKIAGOVCLOUDGOVCLOUD"))
        .unwrap();
    for (region, partition) in
        [("eu-west-1", "the commercial regions"), ("us-gov-west-1", "AWS GovCloud")]
    {
        let output = office.command(&[]).env("AWS_REGION", region).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("AWS in {region} does not accept AKIAGOVCLOUDGOVCLOUD")));
        let expected = format!("another partition than {region} ({partition})");
        assert!(said.contains(&expected), "{said}");
    }
}
