//! What consumers get: the published key and nothing stale, from a cache that no other user can
//! read or write, with one permission.
#![cfg(unix)]
#![allow(clippy::unwrap_used)]

mod support;

use keyrot_aws::emulator::{CallAt, Fault};
use keyrot_core::Timestamp;
use keyrot_core::memory::World;
use serde_json::Value as Json;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::{Duration, Instant};
use support::reader::{Ran, SECRET, Scene, by_profile, ended, key};

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o777
}

#[test]
fn credentials_prints_what_sdks_expect_and_reads_once_in_five_minutes() {
    let scene = Scene::new();
    let ran = scene.run(&["credentials", "ci"]);
    let first = key(&ran);
    let document: Json = serde_json::from_str(&ran.out).unwrap();
    assert_eq!((document.as_object().unwrap().len(), &document["Version"]), (4, &1.into()));
    let expires: Timestamp = document["Expiration"].as_str().unwrap().parse().unwrap();
    let left = (expires - Timestamp::from(std::time::SystemTime::now())).num_minutes();
    assert!((58..=60).contains(&left), "{left} minutes");
    assert_eq!(ran.said, "");

    scene.publish(&Scene::user(), "key2");
    let again = scene.run(&["credentials", "ci"]);
    assert_eq!((key(&again), scene.reads()), (first.clone(), 1));
    assert_eq!(
        serde_json::from_str::<Json>(&again.out).unwrap()["Expiration"],
        document["Expiration"],
        "not prolonged"
    );
    let fresh = key(&scene.run(&["credentials", "ci", "--cache-for", "0s"]));
    assert_ne!(fresh, first);
    assert_eq!(key(&scene.run(&["credentials", "ci"])), fresh, "what was read last is kept");

    let actions: Vec<_> = scene.emulator.stats().actions.keys().copied().collect();
    assert_eq!(actions, ["GetSecretValue"], "a consumer needs no other permission");
    assert_eq!((mode(&scene.dir()), mode(&scene.entry().unwrap())), (0o700, 0o600));
}

#[test]
fn nothing_is_cached_on_request() {
    let scene = Scene::new();
    key(&scene.run(&["credentials", "ci", "--no-cache"]));
    key(&scene.run(&["credentials", "ci", "--no-cache"]));
    assert_eq!(scene.reads(), 2);
    assert!(!scene.dir().exists());
}

#[test]
fn a_cache_that_others_could_have_read_or_written_is_not_used() {
    let scene = Scene::new();
    let first = key(&scene.run(&["credentials", "ci"]));
    let entry = scene.entry().unwrap();
    std::fs::set_permissions(&entry, PermissionsExt::from_mode(0o640)).unwrap();
    let ran = scene.run(&["credentials", "ci"]);
    assert_eq!((key(&ran), scene.reads()), (first.clone(), 2));
    assert!(ran.said.contains("is not used: it is open to others (mode 640"), "{}", ran.said);
    assert_eq!(mode(&entry), 0o600, "replaced");

    // A link to a file that another user prepared.
    let planted = scene.home.path().join("planted");
    let text =
        std::fs::read_to_string(&entry).unwrap().replace(first.as_str(), "AKIAPLANTEDPLANTED00");
    std::fs::write(&planted, text).unwrap();
    std::fs::set_permissions(&planted, PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::remove_file(&entry).unwrap();
    symlink(&planted, &entry).unwrap();
    let ran = scene.run(&["credentials", "ci"]);
    assert_eq!((key(&ran), scene.reads()), (first.clone(), 3));
    assert!(ran.said.contains("symbolic link"), "{}", ran.said);
    assert!(!entry.symlink_metadata().unwrap().is_symlink(), "replaced by a file of its own");

    // A truncated entry, as after a full disk.
    std::fs::write(&entry, "{\"format\":").unwrap();
    assert_eq!((key(&scene.run(&["credentials", "ci"])), scene.reads()), (first.clone(), 4));

    std::fs::set_permissions(scene.dir(), PermissionsExt::from_mode(0o777)).unwrap();
    let ran = scene.run(&["credentials", "ci"]);
    assert_eq!((key(&ran), scene.reads()), (first, 5));
    assert!(
        ran.said.contains("nothing is cached:") && ran.said.contains("open to others (mode 777"),
        "{}",
        ran.said
    );
}

#[test]
fn another_caller_secret_or_label_has_its_own_entry() {
    let scene = Scene::new();
    let first = key(&scene.run(&["credentials", "ci"]));
    key(&scene.run(&["credentials", "ci", "--secret", SECRET]));
    assert_eq!(scene.reads(), 1, "the same secret under the same name");
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:/iam/ci/access_key-a1b2c3";
    assert_eq!(key(&scene.run(&["credentials", "--secret", arn])), first);
    let ran = scene.run(&["credentials", "ci", "--region", "eu-north-1"]);
    assert!(
        ran.code == Some(1) && ran.said.contains("check the name and the region"),
        "{}",
        ran.said
    );
    let mut other = scene.command(&["credentials", "ci"]);
    other.env("AWS_ACCESS_KEY_ID", "AKIANOBODYNOBODY0000");
    let ran = ended(other);
    assert_eq!(ran.code, Some(1), "{}", ran.said);
    assert!(
        ran.said.contains("InvalidClientTokenId") || ran.said.contains("UnrecognizedClient"),
        "{}",
        ran.said
    );
    assert_eq!(scene.reads(), 4);
}

#[test]
fn while_secrets_manager_is_unreachable_the_last_key_is_served_with_a_warning() {
    let scene = Scene::new();
    let first = key(&scene.run(&["credentials", "ci"]));
    scene.emulator.inject(CallAt::every("GetSecretValue"), Fault::server_error());
    let ran = scene.run(&["credentials", "ci", "--cache-for", "0s"]);
    assert_eq!(key(&ran), first);
    assert!(
        ran.said.starts_with(
            "warning: Secrets Manager is unreachable; using the key that was read now"
        ),
        "{}",
        ran.said
    );
    // A caller that reads stderr as part of the answer uses `-q`.
    for (args, besides) in [(&["-q"][..], None), (&["-q", "--previous"], Some("not = usable"))] {
        let mut command =
            scene.command(&[&["credentials", "ci", "--cache-for", "0s"], args].concat());
        let ran = ended({
            command.envs(besides.map(|text| ("RUST_LOG", text)));
            command
        });
        assert!(ran.code != Some(0) || ran.said.is_empty(), "{}", ran.said);
        assert_eq!(ran.code == Some(0), besides.is_none(), "{}", ran.said);
        assert!(!ran.said.contains("warning"), "{}", ran.said);
    }
    let exec = ["exec", "ci", "--cache-for", "0s", "-q", "--", "true"];
    let quiet = scene.run(&exec);
    assert_eq!((quiet.code, quiet.said.as_str()), (Some(0), ""));
    let document: Json = serde_json::from_str(&ran.out).unwrap();
    let expires: Timestamp = document["Expiration"].as_str().unwrap().parse().unwrap();
    assert!(
        (expires - Timestamp::from(std::time::SystemTime::now())).num_minutes() <= 20,
        "asked for again soon"
    );
    for args in [&["--cache-for", "0s", "--stale-for", "0s"][..], &["--no-cache"]] {
        let ran = scene.run(&[&["credentials", "ci"], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""), "{args:?}");
        assert!(ran.said.contains("InternalFailure"), "{}", ran.said);
    }
}

#[test]
fn a_denial_is_not_an_outage() {
    let scene = Scene::new();
    key(&scene.run(&["credentials", "ci"]));
    scene.emulator.inject(CallAt::every("GetSecretValue"), Fault::denied());
    let ran = scene.run(&["credentials", "ci", "--cache-for", "0s"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.said.contains("secretsmanager:GetSecretValue on this secret"), "{}", ran.said);
    assert_eq!(scene.entry(), None, "and what was cached is gone");
}

#[test]
fn each_reason_for_a_missing_key_has_its_own_message() {
    let scene = Scene::new();
    let says = |args: &[&str], code: i32, text: &str| {
        let ran = scene.run(&[&["credentials", "--no-cache"], args].concat());
        assert_eq!((ran.code, ran.out.as_str()), (Some(code), ""), "{args:?}: {}", ran.said);
        assert!(ran.said.contains(text), "{args:?}: {}", ran.said);
    };
    says(&["ci", "--previous"], 1, "there is no previous key");
    says(&["nobody"], 1, "if the user's tag keyrot:secret names another secret");
    says(&["--secret", "/no/such"], 1, "name a secret of another account by its ARN");
    says(&["ci", "--secret-name", "/iam{path}{user}"], 2, "needs the user's path or account");
    says(&[], 2, "<USER>");
    let ran = scene.run(&["credentials", "ci", "--cache-for", "2h"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.said.contains("--cache-for 2h is too long: expected at most 30m"), "{}", ran.said);
    scene.put("other", "{\"password\":\"hunter2\"}");
    says(&["ci"], 1, "expected a JSON object with AccessKeyId and SecretAccessKey");
    scene.put("placeholder", "{\"keyrot\":\"placeholder: not yet\"}");
    says(&["ci"], 1, "not rotated yet");

    let ran = scene.run(&["--json", "credentials", "ci", "--no-cache"]);
    let document: Json = serde_json::from_str(&ran.out).unwrap();
    support::conforms(&document);
    assert_eq!(document["exit"], 1);
}

#[test]
fn the_previous_key_is_printed_only_on_request_and_with_a_warning() {
    let scene = Scene::new();
    let first = key(&scene.run(&["credentials", "ci"]));
    scene.publish(&Scene::user(), "key2");
    let ran = scene.run(&["credentials", "ci", "--previous"]);
    assert_eq!(key(&ran), first);
    assert!(ran.said.contains("warning: this is the previous key (AWSPREVIOUS)"), "{}", ran.said);
    assert_ne!(key(&scene.run(&["credentials", "ci", "--cache-for", "0s"])), first);
}

#[test]
fn fields_of_other_names_are_read() {
    let scene = Scene::new();
    let key1 = key(&scene.run(&["credentials", "ci", "--no-cache"]));
    scene.put(
        "named",
        &format!("{{\"id\":\"{key1}\",\"key\":\"{}\"}}", World::secret_of(&key1).expose()),
    );
    let names = ["--field-access-key-id", "id", "--field-secret-access-key", "key"];
    assert_eq!(key(&scene.run(&[&["credentials", "ci", "--no-cache"], &names[..]].concat())), key1);
}

#[test]
fn many_processes_get_the_same_key_and_read_it_once() {
    let scene = Scene::new();
    scene
        .emulator
        .inject(CallAt::every("GetSecretValue"), Fault::Delay(Duration::from_millis(150)));
    let children: Vec<_> =
        (0..12).map(|_| scene.command(&["credentials", "ci"]).spawn().unwrap()).collect();
    let keys: Vec<_> = children
        .into_iter()
        .map(|child| {
            let output = child.wait_with_output().unwrap();
            assert!(
                output.status.success() && output.stderr.is_empty(),
                "{}",
                String::from_utf8_lossy(&output.stderr)
            );
            serde_json::from_slice::<Json>(&output.stdout).unwrap()["AccessKeyId"].to_string()
        })
        .collect();
    assert!(keys.iter().all(|key| *key == keys[0]));
    assert_eq!(scene.reads(), 1);
    let left: Vec<_> =
        std::fs::read_dir(scene.dir()).unwrap().map(|f| f.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "the entry and its lock: {left:?}");
}

#[test]
fn a_process_that_hangs_with_the_lock_does_not_block_others_for_long() {
    let scene = Scene::new();
    key(&scene.run(&["credentials", "ci"]));
    let lock = std::fs::OpenOptions::new()
        .write(true)
        .open(format!("{}.lock", scene.entry().unwrap().display()))
        .unwrap();
    lock.lock().unwrap();
    let begun = Instant::now();
    key(&scene.run(&["credentials", "ci", "--cache-for", "0s"]));
    assert!(begun.elapsed() >= Duration::from_secs(3) && begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn an_sdk_works_with_it_as_its_credential_process() {
    let scene = Scene::new();
    let current = scene.emulator.change(|world| {
        let user = world.user_mut(&Scene::user()).unwrap();
        user.policies.push("AdministratorAccess".into());
        user.keys()[0].listed.id.clone()
    });
    let config = format!(
        "[profile ci]\ncredential_process = {} credentials ci --profile reader",
        env!("CARGO_BIN_EXE_keyrot")
    );
    // keyrot itself uses the SDK, so the process that it starts also gets the profile.
    let mut command = by_profile(&scene, &config, &["--json", "status"]);
    let ran = ended({
        command.env("AWS_PROFILE", "ci");
        command
    });
    assert!(matches!(ran.code, Some(0 | 3)), "{}", ran.said);
    let used = scene.emulator.world().last_use(&current).unwrap();
    assert!(
        matches!(used, keyrot_core::LastUse::At { .. }),
        "the calls were made with the published key: {used:?}"
    );
}

#[test]
fn exec_reports_a_command_that_cannot_be_run_or_is_killed() {
    let scene = Scene::new();
    let exec = |command: &[&str]| scene.run(&[&["exec", "ci", "--"], command].concat());
    let ran = exec(&["no-such-command"]);
    assert_eq!(ran.code, Some(127));
    assert!(ran.said.contains("could not run no-such-command"), "{}", ran.said);
    assert_eq!(exec(&["/tmp"]).code, Some(126));
    assert_eq!(scene.run(&["exec", "ci"]).code, Some(2));
    let status =
        scene.command(&["exec", "ci", "--", "sh", "-c", "kill -TERM $$"]).status().unwrap();
    assert_eq!(status.signal(), Some(15), "the signal is the command's own");
}

#[test]
fn no_secret_is_printed_on_a_terminal_without_a_request() {
    let scene = Scene::new();
    for (args, code) in [(&["credentials", "ci"][..], 2), (&["credentials", "ci", "--show"], 0)] {
        let (_person, side) = support::terminal(80);
        let mut command = scene.command(args);
        let output = command.stdout(side).spawn().unwrap().wait_with_output().unwrap();
        drop(command);
        assert_eq!(output.status.code(), Some(code), "{}", String::from_utf8_lossy(&output.stderr));
        let refused = String::from_utf8_lossy(&output.stderr)
            .contains("this would print a secret on the terminal");
        assert_eq!(refused, code == 2);
    }
    assert_eq!(scene.reads(), 1, "refused before it was read");
}

#[test]
fn credentials_work_in_a_sandbox() {
    let sandbox = support::Sandbox::new();
    let output = sandbox.command(&["credentials", "shop-backend"]).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ran =
        Ran { code: output.status.code(), out: text(output.stdout), said: text(output.stderr) };
    let published = key(&ran);
    let used = sandbox.json(&["sandbox", "use", "shop-backend"]).1;
    assert_eq!(used["key"], published.as_str());
    let ran = sandbox.run(&["exec", "new-service", "--", "true"]);
    assert_eq!(ran.code, Some(1), "{}", ran.stderr);
}
