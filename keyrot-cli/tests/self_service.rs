//! `keyrot my-key`: a developer's own key in their own file, on the sandbox.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_core::KeyId;
use keyrot_core::memory::World;
use serde_json::{Value, json};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::{Child, Command};
use std::time::Duration;
use support::own::file_with;
use support::{Ran, Sandbox, user};

/// The sandbox, and jane.doe's machine.
struct RequestFlow {
    sandbox: Sandbox,
}

impl RequestFlow {
    fn new() -> Self {
        let flow = Self { sandbox: Sandbox::new() };
        let key = flow.keys("jane.doe")[0].clone();
        flow.write(&file_with(&key));
        flow
    }

    fn path(&self) -> PathBuf {
        self.sandbox.dir().join("credentials")
    }

    fn write(&self, text: &str) {
        std::fs::write(self.path(), text).unwrap();
        std::fs::set_permissions(self.path(), PermissionsExt::from_mode(0o600)).unwrap();
    }

    fn text(&self) -> String {
        std::fs::read_to_string(self.path()).unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = self.sandbox.command(&[&["my-key"], args].concat());
        command
            .env("AWS_SHARED_CREDENTIALS_FILE", self.path())
            .env("AWS_CONFIG_FILE", self.sandbox.dir().join("config"));
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.sandbox.take(&self.command(args).output().unwrap())
    }

    fn json(&self, args: &[&str]) -> (Option<i32>, Value) {
        let ran = self.run(&[&["--json"], args].concat());
        let document = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|e| panic!("{e}: {}{}", ran.stdout, ran.stderr));
        support::conforms(&document);
        (ran.code, document)
    }

    /// Returns the user's keys, the older first.
    fn keys(&self, name: &str) -> Vec<String> {
        self.listed(name).iter().map(|key| key["id"].as_str().unwrap().to_owned()).collect()
    }

    fn listed(&self, name: &str) -> Vec<Value> {
        let show = self.sandbox.json(&["sandbox", "show"]).1;
        user(&show, name)["keys"].as_array().unwrap().clone()
    }

    fn works(&self, key: &str) -> bool {
        self.sandbox.json(&["sandbox", "use", "jane.doe", "--key", key]).1["result"] == "accepted"
    }

    fn pass(&self, time: &str) {
        self.sandbox.json(&["sandbox", "advance", time]);
    }

    /// Checks that there is no new file next to the credentials file.
    fn is_tidy(&self) {
        let mut names: Vec<_> = std::fs::read_dir(self.sandbox.dir())
            .unwrap()
            .map(|f| f.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["credentials", "sandbox.json", "sandbox.json.lock"]);
    }
}

#[test]
fn a_due_key_is_replaced_by_one_new_key() {
    let flow = RequestFlow::new();
    let old = flow.keys("jane.doe")[0].clone();
    let before = flow.text();

    let (code, plan) = flow.json(&["--dry-run"]);
    assert_eq!((code, &plan["result"], flow.keys("jane.doe").len()), (Some(0), &json!("due"), 1));
    let ran = flow.run(&[]);
    assert_eq!(ran.code, Some(2), "nobody was there to ask");
    assert!(
        ran.stderr.contains(
            "cannot ask for confirmation without a terminal: create a new key for jane.doe"
        ),
        "{}",
        ran.stderr
    );
    assert_eq!((flow.text(), flow.keys("jane.doe").len()), (before, 1));

    let (code, done) = flow.json(&["--yes"]);
    assert_eq!((code, &done["result"], &done["other"]), (Some(0), &json!("replaced"), &json!(old)));
    let new = done["key"].as_str().unwrap().to_owned();
    assert_eq!(flow.text(), file_with(&new), "two values changed, and no other byte");
    assert_eq!(flow.path().metadata().unwrap().mode() & 0o777, 0o600);
    assert!(flow.works(&new) && flow.works(&old));
    flow.is_tidy();

    flow.pass("3d");
    let (code, waits) = flow.json(&["--yes"]);
    assert_eq!((code, &waits["result"]), (Some(0), &json!("waiting")));
    assert!(waits["message"].as_str().unwrap().contains("stays Active until"), "{waits}");
    assert!(flow.works(&old), "something has it still, until its cache runs out");
    flow.pass("4d");
    flow.pass("2h");
    let (_, held) = flow.json(&["--yes"]);
    assert_eq!(held["result"], "deactivated", "unused for a day: {held}");
    assert!(!flow.works(&old) && flow.works(&new));

    flow.pass("1d");
    let (code, inactive) = flow.json(&["--yes"]);
    assert_eq!((code, &inactive["result"]), (Some(0), &json!("inactive")));
    assert_eq!(flow.keys("jane.doe").len(), 2, "nothing is deleted unasked");
    let (code, settled) = flow.json(&["--delete-inactive", "--yes"]);
    assert_eq!(
        (code, &settled["result"], &settled["done"]),
        (Some(0), &json!("settled"), &json!([format!("deleted {old}")]))
    );
    assert_eq!(flow.keys("jane.doe"), [new]);
    flow.pass("5s");
    assert_eq!(flow.json(&[]).1["result"], "settled");
    assert_eq!(flow.json(&["--force", "--yes"]).1["result"], "replaced");
    // While the previous key is kept, there is no room for another. That is reported as a failure.
    flow.pass("5s");
    let ran = flow.run(&["--force", "--yes", "-q"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stdout);
    assert!(ran.stderr.contains("error: --force did not replace the key: "), "{}", ran.stderr);
    secrets_were_kept(&flow);
}

/// Checks that no secret half of the user's keys was ever printed.
fn secrets_were_kept(flow: &RequestFlow) {
    let printed = flow.run(&[]);
    for key in flow.keys("jane.doe") {
        let secret = World::secret_of(&KeyId::parse(key).unwrap());
        assert!(
            !printed.stdout.contains(secret.expose()) && !printed.stderr.contains(secret.expose())
        );
    }
}

#[test]
fn a_key_that_is_still_used_is_kept_and_its_use_is_shown() {
    let flow = RequestFlow::new();
    let old = flow.keys("jane.doe")[0].clone();
    flow.json(&["--yes"]);
    flow.pass("8d");
    flow.sandbox.json(&[
        "sandbox",
        "use",
        "jane.doe",
        "--key",
        &old,
        "--service",
        "ec2",
        "--in",
        "eu-north-1",
    ]);
    flow.pass("5h");
    let (code, held) = flow.json(&["--yes"]);
    assert_eq!((code, &held["result"]), (Some(0), &json!("waiting")));
    assert!(
        held["message"].as_str().unwrap().contains("still in use: for ec2 in eu-north-1"),
        "{held}"
    );
    assert!(flow.works(&old));
}

#[test]
fn a_link_stays_a_link_and_the_mode_stays() {
    let flow = RequestFlow::new();
    let real = flow.sandbox.dir().join("elsewhere");
    std::fs::rename(flow.path(), &real).unwrap();
    std::fs::set_permissions(&real, PermissionsExt::from_mode(0o640)).unwrap();
    symlink(&real, flow.path()).unwrap();
    let ran = flow.run(&["--yes"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("other users of this machine can read"), "{}", ran.stderr);
    assert!(flow.path().symlink_metadata().unwrap().is_symlink());
    assert_eq!(real.metadata().unwrap().mode() & 0o777, 0o640);
    let new = flow.keys("jane.doe")[1].clone();
    assert_eq!(std::fs::read_to_string(&real).unwrap(), file_with(&new));
}

#[test]
fn two_unexplained_keys_need_a_decision() {
    let flow = RequestFlow::new();
    let both = flow.keys("data-import");
    flow.write(&file_with(&both[0]));
    let (code, blocked) = flow.json(&["--yes", "--force"]);
    assert_eq!((code, &blocked["result"]), (Some(3), &json!("blocked")));
    let hint = blocked["hint"].as_str().unwrap();
    assert!(hint.contains(&both[1]) && hint.contains("created 70d ago"), "{hint}");
    assert!(
        hint.contains(&format!(
            "`keyrot sandbox deactivate {}`, then `keyrot my-key --delete-inactive`",
            both[1]
        )),
        "{hint}"
    );
    assert_eq!(
        flow.json(&["--yes", "--delete-inactive"]).0,
        Some(3),
        "only an Inactive one is deleted"
    );

    flow.sandbox.json(&["sandbox", "deactivate", &both[1]]);
    let (code, done) = flow.json(&["--yes", "--delete-inactive"]);
    assert_eq!((code, &done["result"]), (Some(0), &json!("replaced")), "and on it goes: {done}");
    assert_eq!(flow.keys("data-import").len(), 2);
}

#[test]
fn a_key_that_cannot_be_rotated_is_refused_before_any_key_is_created() {
    let flow = RequestFlow::new();
    let key = flow.keys("jane.doe")[0].clone();
    let good = flow.text();
    let refused = |args: &[&str], env: &[(&str, &str)], code: i32, says: &str| {
        let mut command = flow.command(&[&["--yes"], args].concat());
        let ran = flow.sandbox.take(&command.envs(env.iter().copied()).output().unwrap());
        assert_eq!(ran.code, Some(code), "{says}: {}{}", ran.stdout, ran.stderr);
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
        assert_eq!(flow.keys("jane.doe"), std::slice::from_ref(&key), "{says}");
    };
    refused(&[], &[("AWS_ACCESS_KEY_ID", "AKIAOTHEROTHEROTHER0")], 2, "AWS_ACCESS_KEY_ID is set");
    refused(&["--profile", "none"], &[], 2, "there is no profile none with an access key");
    refused(&["--profile", "none"], &[], 2, "profiles with a key: default");
    refused(&["--profile", "work"], &[], 2, "profile work in");
    refused(&["--mfa-code", "123456"], &[], 2, "--mfa-code needs a device");
    refused(&["--mfa-code", "12"], &[], 2, "the six digits");
    std::fs::write(flow.sandbox.dir().join("config"), "[profile sso]\nsso_session = x\n").unwrap();
    refused(&["--profile", "sso"], &[], 2, "gets its credentials by sso_session");

    flow.write(&good.replace("aws_secret_access_key=", "aws_secret_access_key=x"));
    refused(&[], &[], 1, "does not belong to");
    flow.write(&format!("{good}\n[default]\n"));
    refused(&[], &[], 2, "the profile appears twice (lines 5 and 12)");
    flow.write(&file_with("AKIANOBODYNOBODY0000"));
    refused(&[], &[], 1, "the sandbox (simulated account) does not accept AKIANOBODYNOBODY0000");

    flow.write(&good);
    let second = flow.sandbox.dir().join("second");
    std::fs::hard_link(flow.path(), &second).unwrap();
    refused(&[], &[], 2, "has a hard link");
    std::fs::remove_file(second).unwrap();
    // A directory is in place of the new file, so the file can't be created.
    let beside = flow.sandbox.dir().join(".credentials.keyrot");
    std::fs::create_dir_all(beside.join("x")).unwrap();
    refused(&[], &[], 2, "cannot be replaced");
    std::fs::remove_dir_all(beside).unwrap();
    let other = std::fs::File::open(flow.path()).unwrap();
    other.lock().unwrap();
    refused(&[], &[], 2, "another keyrot is working on");
    drop(other);
    flow.sandbox.json(&["sandbox", "deactivate", &key]);
    refused(&[], &[], 1, "it is Inactive, deleted");
    assert_eq!(flow.text(), good);
}

/// Starts a slow replacement, and waits until its key is created.
fn begun(flow: &RequestFlow) -> Child {
    let child = flow
        .command(&["--yes", "--json"])
        .env("KEYROT_TEST_SANDBOX_PACE", "120ms")
        .spawn()
        .unwrap();
    for _ in 0..400 {
        if flow.keys("jane.doe").len() == 2 {
            return child;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    let ended = child.wait_with_output();
    panic!("no key was made: {ended:?}");
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn ctrl_c_leaves_no_key_behind_however_often_it_comes() {
    for (signals, code) in
        [(&["-INT"][..], 130), (&["-TERM"], 143), (&["-INT", "-INT", "-INT"], 130)]
    {
        let flow = RequestFlow::new();
        let before = flow.text();
        let child = begun(&flow);
        for name in signals {
            signal(&child, name);
            std::thread::sleep(Duration::from_millis(20));
        }
        let ran = flow.sandbox.take(&child.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert!(ran.stderr.contains("was deleted again"), "{}", ran.stderr);
        assert_eq!((flow.keys("jane.doe").len(), flow.text()), (1, before));
        flow.is_tidy();
    }
}

#[test]
fn a_file_that_changes_in_the_meantime_is_not_overwritten() {
    // Another profile was changed: both changes stay.
    let flow = RequestFlow::new();
    let child = begun(&flow);
    flow.write(&flow.text().replace("region = eu-west-1", "region = eu-west-2"));
    let ran = flow.sandbox.take(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let new = flow.keys("jane.doe")[1].clone();
    assert_eq!(flow.text(), file_with(&new).replace("region = eu-west-1", "region = eu-west-2"));

    // The key itself was changed: the other change stays, and the new key is deleted.
    let flow = RequestFlow::new();
    let child = begun(&flow);
    let theirs = file_with("AKIATHEIRSTHEIRSTHEI");
    flow.write(&theirs);
    let ran = flow.sandbox.take(&child.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
    assert!(ran.stderr.contains("got another key in the meantime; the new key"), "{}", ran.stderr);
    assert_eq!((flow.text(), flow.keys("jane.doe").len()), (theirs, 1));

    // The file was deleted.
    let flow = RequestFlow::new();
    let child = begun(&flow);
    std::fs::remove_file(flow.path()).unwrap();
    assert_eq!(flow.sandbox.take(&child.wait_with_output().unwrap()).code, Some(1));
    assert_eq!(flow.keys("jane.doe").len(), 1);
}

#[test]
fn after_a_kill_at_any_call_the_key_in_the_file_works_and_you_can_continue() {
    let mut deaths = 0;
    let mut left_behind = 0;
    for nth in 1.. {
        let mut died = false;
        for moment in ["before", "after"] {
            let flow = RequestFlow::new();
            let before = flow.text();
            let output = flow
                .command(&["--yes"])
                .env("KEYROT_TEST_SANDBOX_DIE", format!("{nth}:{moment}"))
                .output()
                .unwrap();
            died |= output.status.code().is_none();
            deaths += usize::from(output.status.code().is_none());
            flow.sandbox.take(&output);
            let keys = flow.keys("jane.doe");
            if output.status.code().is_some() {
                assert_eq!(flow.text(), file_with(&keys[1]));
                continue;
            }
            assert_eq!(flow.text(), before, "a call never comes after the file was written");
            assert!(flow.works(&keys[0]));
            flow.pass("1h");
            if keys.len() == 2 {
                left_behind += 1;
                let (code, blocked) = flow.json(&["--yes"]);
                assert_eq!((code, &blocked["result"]), (Some(3), &json!("blocked")));
                assert!(
                    blocked["message"]
                        .as_str()
                        .unwrap()
                        .contains("a rotation was interrupted and its secret key is lost")
                );
                flow.sandbox.json(&["sandbox", "deactivate", &keys[1]]);
            }
            let (code, done) = flow.json(&["--yes", "--delete-inactive"]);
            assert_eq!((code, &done["result"]), (Some(0), &json!("replaced")), "{done}");
            flow.is_tidy();
        }
        if !died {
            break;
        }
    }
    assert!(deaths >= 12 && left_behind >= 6, "{deaths} deaths, {left_behind} keys left behind");
}
