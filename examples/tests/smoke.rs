//! Tests that the examples do what they say. `embed` runs against the AWS emulator on 127.0.0.1.
#![allow(clippy::unwrap_used)]

#[allow(dead_code, reason = "its main is not run here")]
#[path = "../embed.rs"]
mod embed;
#[allow(dead_code, reason = "its main is not run here")]
#[path = "../own_destination.rs"]
mod own_destination;
#[allow(dead_code, reason = "its main is not run here")]
#[path = "../own_notifier.rs"]
mod own_notifier;
#[allow(dead_code, reason = "its main is not run here")]
#[path = "../test_with_memory.rs"]
mod test_with_memory;
#[allow(dead_code, reason = "its main is not run here")]
#[path = "../test_with_mocks.rs"]
mod test_with_mocks;

use keyrot_aws::emulator::{Emulator, EmulatorOptions};
use keyrot_aws::{Aws, AwsSettings, Endpoints};
use keyrot_core::conformance::{DestinationLab, Trouble, assert_all, destination};
use keyrot_core::memory::World;
use keyrot_core::report::{RunStatus, State};
use keyrot_core::service::Service;
use keyrot_core::settings::{Settings, Sources};
use keyrot_core::{Cancel, EventKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

const HUNDRED_DAYS: Duration = Duration::from_secs(100 * 24 * 60 * 60);

#[tokio::test(start_paused = true)]
async fn test_with_memory() {
    let told = test_with_memory::run().await.unwrap();
    let [held, orphan, deaths, careless] = told.as_slice() else { panic!("{told:#?}") };
    assert!(held.contains("held for 20 days") && orphan.contains("found and removed"), "{told:#?}");
    let calls: usize = deaths.split(' ').find_map(|word| word.parse().ok()).unwrap();
    assert!(calls >= 10, "{deaths}");
    assert!(careless.contains("S2 is broken"), "{careless}");
}

#[tokio::test]
async fn test_with_mocks() {
    let told = test_with_mocks::run().await.unwrap();
    let [denied, settled, notifier] = told.as_slice() else { panic!("{told:#?}") };
    assert!(
        denied.starts_with("nobody was touched: iam:GetAccountAuthorizationDetails"),
        "{denied}"
    );
    assert_eq!(settled, "deployer is settled, after 2 calls");
    assert_eq!(notifier, "chat was not told of 1 event: the chat is down");
}

#[tokio::test]
async fn own_notifier() {
    let (pages, report) = own_notifier::run(true).await.unwrap();
    let to: Vec<_> = pages.iter().map(|page| page.to.as_str()).collect();
    assert_eq!(pages.len(), 3, "{pages:#?}");
    for who in ["team-a@example.com", "team-b@example.com", "on-call@example.com"] {
        assert!(to.contains(&who), "{pages:#?}");
    }
    let text =
        |who: &str| pages.iter().find(|page| page.to.starts_with(who)).unwrap().text.as_str();
    assert!(
        text("team-a")
            .contains("deployer (/iam/deployer/access_key): could not make the new key current")
    );
    assert!(text("team-b").contains("AWSCompromisedKeyQuarantineV3"));
    assert!(text("on-call").contains("keyrot:overlap"));
    assert!(report.notifier_failures.is_empty());

    let (pages, report) = own_notifier::run(false).await.unwrap();
    assert!(pages.is_empty());
    let failures = &report.notifier_failures;
    assert!(
        !failures.is_empty()
            && failures
                .iter()
                .all(|failure| failure.reason.message == "nobody delivers pages anymore")
    );
    assert!(
        report
            .users
            .iter()
            .any(|user| user.events.iter().any(|e| matches!(e.kind, EventKind::KeyCreated { .. })))
    );
}

/// A folder that is removed when the test ends.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("destination-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The suite's direct access to the files.
struct FilesLab<'a>(&'a Path, AtomicUsize);

#[async_trait::async_trait]
impl DestinationLab for FilesLab<'_> {
    async fn empty_place(&self) -> Result<String, Trouble> {
        Ok(format!("user-{}", self.1.fetch_add(1, Ordering::Relaxed)))
    }

    async fn overwrite(&self, place: &str) -> Result<(), Trouble> {
        std::fs::write(self.0.join(format!("{place}.json")), "theirs").unwrap();
        Ok(())
    }
}

#[tokio::test]
async fn own_destination() {
    let folder = Folder::new("suite");
    let files = own_destination::KeyFiles::new(&folder.0);
    let lab = FilesLab(&folder.0, AtomicUsize::new(0));
    assert_all(&destination(&files, &lab).await, &[]);

    let folder = Folder::new("run");
    let (key, events) = own_destination::run(&folder.0).await.unwrap();
    let file = std::fs::read_to_string(folder.0.join("deployer.json")).unwrap();
    let file: serde_json::Value = serde_json::from_str(&file).unwrap();
    assert_eq!(file["id"], key.as_str());
    assert_eq!(file["secret"], World::secret_of(&key).expose());
    assert!(events.iter().any(|event| event.contains("files")), "{events:#?}");
}

/// Starts the service on two users to rotate, and one that is not selected.
async fn service(flags: &[(&str, &str)]) -> (Emulator, Service) {
    let mut world = World::new((SystemTime::now() - HUNDRED_DAYS).into());
    for (name, tag) in [("ci/alpha", "RotateKey"), ("ci/beta", "rotatekey"), ("jane", "Team")] {
        let user = world.add_user(name, &[(tag, "true")]).unwrap();
        world.add_key(&user).unwrap();
    }
    let options =
        EmulatorOptions { region: "eu-central-1".to_owned(), ..EmulatorOptions::default() };
    let emulator = Emulator::start(world, options).unwrap();
    let base = AwsSettings::default()
        .with_region("eu-central-1")
        .with_credentials(emulator.admin_credentials().into())
        .with_endpoints(Endpoints::all_at(emulator.url()));
    let sources =
        flags.iter().fold(Sources::default(), |sources, (flag, value)| sources.flag(flag, *value));
    let settings = Settings::load(&sources).unwrap();
    let aws = Aws::connect(&base.with(&settings).unwrap()).await.unwrap();
    let service = embed::service(&Arc::new(aws), &settings).unwrap();
    (emulator, service)
}

#[tokio::test]
async fn embed() {
    let (emulator, service) = service(&[]).await;
    let document = service.pass(&Cancel::default()).await.unwrap();
    assert_eq!(document.result, RunStatus::Ok, "{document:#?}");
    assert_eq!(
        (document.counts.users, document.counts.rotated, document.skipped.not_tagged),
        (2, 2, 1)
    );
    assert!(document.users.iter().all(|user| user.state == State::Waiting && user.keys.len() == 2));
    let world = emulator.world();
    assert_eq!(
        world.secrets().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["/iam/alpha/access_key", "/iam/beta/access_key"]
    );

    let again = service.pass(&Cancel::default()).await.unwrap();
    assert_eq!((again.counts.rotated, again.counts.waiting), (0, 2));
    assert_eq!(service.health().passes, 2);
}

#[tokio::test]
async fn embed_continues_until_it_is_canceled() {
    let (emulator, service) = service(&[("max_changes", "1")]).await;
    let cancel = Cancel::default();
    let (stop, service) = (cancel.clone(), service.every(Duration::from_millis(50)));
    let running = tokio::spawn(async move { service.run(&stop).await });
    // Two passes rotate two users, because each pass may change only one.
    while emulator.world().secrets().count() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cancel.cancel();
    let passes = tokio::time::timeout(Duration::from_secs(60), running).await.unwrap().unwrap();
    assert!(passes >= 2);
}
