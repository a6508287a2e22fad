//! SES SMTP passwords are verified by a login at a real SMTP server before anything is published.

use crate::lifecycle::Life;
use crate::scene::Scene;
use crate::witness::{published, secret_of};
use keyrot_core::KeyStatus;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const REGION: &str = "eu-west-1";

/// An SMTP server (aiosmtpd) with STARTTLS and AUTH. It ends when its standard input is closed.
struct Server {
    folder: tempfile::TempDir,
    port: String,
    child: Child,
}

impl Server {
    /// Returns `None` only if the tests run without emulators on purpose.
    fn start(lag: u32) -> Option<Self> {
        let Some(python) = std::env::var_os("KEYROT_TEST_PYTHON") else {
            let skip = std::env::var("KEYROT_SKIP_EMULATORS").is_ok_and(|v| v == "1");
            assert!(
                skip,
                "KEYROT_TEST_PYTHON is not set. Run `scripts/emulators run -- cargo nextest run`, or set KEYROT_SKIP_EMULATORS=1 to do without"
            );
            eprintln!("skipped, because KEYROT_SKIP_EMULATORS=1");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("lag"), lag.to_string()).unwrap();
        let program =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests-support/smtp_server.py");
        let mut child = Command::new(python)
            .args(["-B".as_ref(), program.as_os_str(), folder.path().as_os_str()])
            .arg(REGION)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        Some(Self { folder, port: port.trim().to_owned(), child })
    }

    /// Returns the answers to logins so far.
    fn logins(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("logins")).unwrap_or_default();
        text.lines().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    }

    /// Runs keyrot for all users, with the settings for this server.
    fn rotate(&self, life: &Life, further: &[(&str, &str)]) -> (Option<i32>, Value) {
        let mut command = life.command(None);
        command
            .env("AWS_CA_BUNDLE", self.folder.path().join("ca.pem"))
            .env("KEYROT_SMTP_REGIONS", REGION)
            .env("KEYROT_SMTP_ENDPOINT", format!("127.0.0.1:{}", self.port))
            .envs(further.iter().copied());
        life.ended(command.spawn().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Checks that only the user's own key is Active and in use, and that no value is current.
fn nothing_is_published(life: &Life) {
    let world = life.emulator.world();
    let user = world.users().next().unwrap();
    let published = published(&world, &secret_of(user.arn.name()));
    assert!(published.is_none(), "{published:?}");
    let old = &user.keys()[0];
    assert_eq!(old.listed.status, KeyStatus::Active);
}

#[test]
fn a_new_key_is_published_after_logins_with_its_smtp_password() {
    // It behaves like a server that learns about new keys late.
    let Some(server) = Server::start(2) else { return };
    let life = Life::new(&Scene::adoption(1));
    let (code, document) = server.rotate(&life, &[]);
    assert_eq!(code, Some(0), "{document:#}");
    assert_eq!(server.logins(), ["535", "535", "235", "235", "235"]);
    let (user, world) = (life.users().remove(0), life.emulator.world());
    assert!(published(&world, &secret_of(&user)).is_some());
    life.is_well();
}

#[test]
fn a_key_whose_smtp_password_is_refused_is_not_published() {
    let Some(server) = Server::start(1_000) else { return };
    let life = Life::new(&Scene::adoption(1));
    let short = [("KEYROT_ALLOW_SHORT_WAITS", "true"), ("KEYROT_PROBE_FOR", "2s")];
    let (code, document) = server.rotate(&life, &short);
    assert_eq!(code, Some(0), "it waits, as for a key that is not known everywhere yet");
    let said = document.to_string();
    let place = format!("in {REGION} (127.0.0.1:{} answered 535)", server.port);
    assert!(said.contains("SES does not accept its SMTP password") && said.contains(&place));
    assert!(server.logins().len() > 2 && !server.logins().contains(&"235".to_owned()));
    nothing_is_published(&life);
    life.is_well();
}

#[test]
fn a_server_that_cannot_be_asked_is_named_and_nothing_is_published() {
    let Some(server) = Server::start(0) else { return };
    let short = [("KEYROT_ALLOW_SHORT_WAITS", "true"), ("KEYROT_PROBE_FOR", "2s")];
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let closed = closed.to_string();
    let own = format!("127.0.0.1:{}", server.port);
    let other = format!("localhost:{}", server.port);
    for (endpoint, bundle, said) in [
        (&closed, None, format!("no connection to {closed}: it refused it. ")),
        (
            &own,
            Some(crate::lifecycle::ROOT),
            format!("the certificate of {own} is signed by an authority that is not trusted here"),
        ),
        (&other, None, format!("the certificate of {other} is for another name")),
    ] {
        let life = Life::new(&Scene::adoption(1));
        let bundle = bundle.map(|file| ("AWS_CA_BUNDLE", file));
        let further = [("KEYROT_SMTP_ENDPOINT", endpoint.as_str())];
        let further: Vec<_> = further.into_iter().chain(short).chain(bundle).collect();
        let (code, document) = server.rotate(&life, &further);
        assert_eq!(code, Some(1), "{document:#}");
        let text = document.to_string();
        assert!(text.contains(&said), "{said}: {document:#}");
        assert!(text.contains("set smtp_endpoint to another server, or to `none`"), "{text}");
        nothing_is_published(&life);
        life.is_well();
    }
    // There is no login, according to the settings.
    let life = Life::new(&Scene::adoption(1));
    let (code, document) = server.rotate(&life, &[("KEYROT_SMTP_ENDPOINT", "none")]);
    assert_eq!(code, Some(0), "{document:#}");
    assert_eq!(server.logins(), Vec::<String>::new());
}
