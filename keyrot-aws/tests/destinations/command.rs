//! Programs on this machine.
#![cfg(all(unix, feature = "command"))]

use super::rules::{SESAME, credentials, delivery, silent};
use super::{aws, destination, settings};
use keyrot_aws::notify::FromEnvironment;
use keyrot_core::model::Found;
use keyrot_core::ports::Destination;
use keyrot_core::{Effect, ErrorKind};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A shell script in its own folder.
struct Script {
    folder: PathBuf,
}

impl Script {
    fn new(name: &str, text: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("command-{name}"));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let script = folder.join("put-key");
        std::fs::write(&script, format!("#!/bin/sh\ncd \"$(dirname \"$0\")\"\n{text}\n")).unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o700)).unwrap();
        Self { folder }
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).unwrap()
    }

    async fn destination(&self, arguments: &str) -> Arc<dyn Destination> {
        let more = format!("command = ['{}/put-key'{arguments}]", self.folder.display());
        destination("command", "jenkins/ci", &more, "http://127.0.0.1:9").await
    }
}

#[tokio::test]
async fn it_gets_one_line_of_json_and_no_secret_anywhere_else() {
    let script = Script::new(
        "line",
        "cat > input; echo \"$@\" > arguments; env > environment; ps > /dev/null",
    );
    let to = script.destination(", '--to', 'a b;$(x)'").await;
    assert_eq!(to.inspect("jenkins/ci").await.unwrap(), Found::Nothing);
    let found = to.deliver("jenkins/ci", &delivery(1, None)).await.unwrap();
    assert_eq!(found, Found::unseen());
    let input = script.read("input");
    assert_eq!(input.lines().count(), 1);
    let document: Value = serde_json::from_str(&input).unwrap();
    let key = credentials(1);
    assert_eq!(
        document,
        json!({
            "keyrot": {
                "destination": "x",
                "place": "jenkins/ci",
                "version": delivery(1, None).version.as_str(),
            },
            "key": { "AccessKeyId": key.key.as_str(), "SecretAccessKey": key.secret.expose() },
        })
    );
    assert_eq!(script.read("arguments"), "--to a b;$(x)\n", "no shell reads them");
    assert!(!script.read("environment").contains(SESAME));
    assert_eq!(to.inspect("jenkins/ci").await.unwrap(), Found::Nothing, "nothing is seen of it");
}

#[tokio::test]
async fn a_nonzero_exit_code_is_a_failure_and_the_output_is_not_kept() {
    for (name, text, says) in [
        ("code", "cat; cat >&2; exit 3", "put-key ended with 3; expected 0"),
        ("deaf", "exec 0<&-; exit 4", "put-key ended with 4"),
        ("signal", "kill -9 $$", "was ended by a signal"),
    ] {
        let script = Script::new(name, text);
        let to = script.destination("").await;
        let error = to.deliver("jenkins/ci", &delivery(1, None)).await.unwrap_err();
        assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::Unknown), "{error}");
        let said = silent(&error);
        assert!(said.contains(says) && said.contains("destination x"), "{said}");
    }
    // A program that does not read its input, and succeeds.
    let script = Script::new("content", "exit 0");
    script.destination("").await.deliver("jenkins/ci", &delivery(1, None)).await.unwrap();
}

#[tokio::test]
async fn a_program_that_does_not_end_is_stopped() {
    let script = Script::new("endless", "cat > /dev/null; sleep 600 & echo $! > pid; wait");
    let to = script.destination("").await;
    let (address, delivery) = ("jenkins/ci", delivery(1, None));
    let begin = std::time::Instant::now();
    let error = to.deliver(address, &delivery).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Unavailable, Effect::Unknown), "{error}");
    assert!(begin.elapsed().as_secs() < 60);
    assert!(silent(&error).contains("had not ended after 30s, and was stopped"), "{error}");
    // The processes that it started are stopped, too.
    let pid = script.read("pid");
    let ps = std::process::Command::new("ps").args(["-o", "stat=", "-p", pid.trim()]).output();
    let state = String::from_utf8(ps.unwrap().stdout).unwrap();
    // Z means that the process has ended, and its exit code was not read.
    assert!(state.trim().is_empty() || state.starts_with('Z'), "it runs on: {state}");
}

#[tokio::test]
async fn a_program_that_others_may_change_is_not_started() {
    let script = Script::new("open", "cat > input");
    let program = script.folder.join("put-key");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o777)).unwrap();
    let to = script.destination("").await;
    let refusals = [
        to.inspect("jenkins/ci").await.unwrap_err(),
        to.deliver("jenkins/ci", &delivery(1, None)).await.unwrap_err(),
    ];
    for error in refusals {
        assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
        assert!(silent(&error).contains("chmod o-w"), "{error}");
    }
    assert!(!script.folder.join("input").exists());
}

#[tokio::test]
async fn a_program_that_may_not_be_executed_is_detected_by_a_read() {
    let script = Script::new("plain", "cat > input");
    let program = script.folder.join("put-key");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o600)).unwrap();
    let to = script.destination("").await;
    for error in [
        to.inspect("jenkins/ci").await.unwrap_err(),
        to.deliver("jenkins/ci", &delivery(1, None)).await.unwrap_err(),
    ] {
        assert_eq!((error.kind, error.effect), (ErrorKind::Denied, Effect::None));
        assert!(silent(&error).contains("chmod u+x"), "{error}");
    }
}

#[tokio::test]
async fn the_tokens_of_other_destinations_are_not_in_its_environment() {
    let script = Script::new("tokens", "cat > /dev/null; env > environment");
    // Variables that are there in every test.
    for variable in ["CARGO_MANIFEST_DIR", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        assert!(std::env::var_os(variable).is_some());
    }
    let text = format!(
        "notify = ['slack env:CARGO_PKG_NAME']\n\
         [[destination]]\nname = 'x'\nkind = 'command'\nusers = ['ci']\nto = 'jenkins/ci'\n\
         command = ['{}/put-key']\n\
         [[destination]]\nname = 'y'\nkind = 'gitlab'\nusers = ['ci']\nto = 'acme/shop'\n\
         token = 'env:CARGO_MANIFEST_DIR'\n",
        script.folder.display()
    );
    let (aws, settings) = (aws("http://127.0.0.1:9").await, settings(&text));
    let all = aws.destinations(&settings, FromEnvironment::Allowed).unwrap();
    let to = all.iter().find(|(name, _)| name.as_str() == "x").unwrap().1;
    to.deliver("jenkins/ci", &delivery(1, None)).await.unwrap();
    let environment = script.read("environment");
    assert!(environment.contains("\nCARGO_PKG_VERSION="), "{environment}");
    for variable in ["CARGO_MANIFEST_DIR=", "CARGO_PKG_NAME="] {
        assert!(!environment.contains(variable), "{environment}");
    }
}

#[tokio::test]
async fn a_missing_program_is_detected_by_a_read() {
    let script = Script::new("gone", "exit 0");
    let to = script.destination("").await;
    std::fs::remove_file(script.folder.join("put-key")).unwrap();
    let error = to.inspect("jenkins/ci").await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    assert!(silent(&error).contains("cannot be found"), "{error}");
    let error = to.deliver("jenkins/ci", &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::NotFound, Effect::None));
    silent(&error);
    // A file that is not a program.
    let text = script.folder.join("put-key");
    std::fs::write(&text, "#!/nowhere/sh\n").unwrap();
    std::fs::set_permissions(&text, std::fs::Permissions::from_mode(0o700)).unwrap();
    let error = to.deliver("jenkins/ci", &delivery(1, None)).await.unwrap_err();
    assert_eq!((error.kind, error.effect), (ErrorKind::Other, Effect::None));
    assert!(silent(&error).contains("cannot be started"), "{error}");
}
