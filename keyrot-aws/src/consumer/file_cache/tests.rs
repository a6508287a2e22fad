#![allow(clippy::unwrap_used, reason = "Clippy knows tests by `cfg(test)` alone")]

use super::*;
use crate::clock::TokioClock;
use keyrot_core::consumer::{CredentialSource, KeyReader, Published};
use keyrot_core::model::VersionId;
use keyrot_core::{CallError, Clock};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Default)]
struct Counted(AtomicUsize);

#[async_trait]
impl CredentialSource for Counted {
    async fn published(&self, _: &SecretId, _: VersionStage) -> Result<Published, CallError> {
        self.0.fetch_add(1, Ordering::SeqCst);
        let key = KeyId::parse("AKIAAAAAAAAAAAAAAAAA").unwrap();
        let version = VersionId::parse("keyrot-key-AKIAAAAAAAAAAAAAAAAA-1700000000").unwrap();
        Ok(Published::Key {
            version,
            credentials: Credentials { key, secret: SecretKey::new("hunter2".to_owned()) },
        })
    }
}

/// A separate reader, as in another process, and its warnings.
fn reader(dir: &Path, scope: &str) -> (KeyReader, Arc<std::sync::Mutex<Vec<String>>>) {
    let warned = Arc::<std::sync::Mutex<Vec<String>>>::default();
    let said = warned.clone();
    let cache = FileCache::in_dir(dir, scope)
        .unwrap()
        .on_warning(move |text| said.lock().unwrap().push(text.to_owned()));
    let secret = SecretId::parse("/iam/ci/access_key").unwrap();
    (KeyReader::new(secret, Arc::new(TokioClock)).cache(Arc::new(cache)), warned)
}

#[tokio::test]
async fn processes_of_one_user_read_once_and_another_scope_reads_again() {
    let dir = tempfile::tempdir().unwrap();
    let (source, dir) = (Counted::default(), dir.path().join("keyrot"));
    let (first, _) = reader(&dir, "reader");
    let read = first.read(&source, None).await.unwrap();
    assert_eq!(reader(&dir, "reader").0.read(&source, None).await.unwrap(), read);
    assert_eq!(source.0.load(Ordering::SeqCst), 1);
    reader(&dir, "somebody else").0.read(&source, None).await.unwrap();
    assert_eq!(source.0.load(Ordering::SeqCst), 2);
    let modes = std::fs::read_dir(&dir)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().permissions().mode());
    assert!(modes.map(|mode| mode & 0o777).all(|mode| mode == 0o600));
    assert_eq!(dir.metadata().unwrap().permissions().mode() & 0o777, 0o700);
}

#[tokio::test]
async fn files_that_others_could_have_written_are_not_used_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let (source, dir) = (Counted::default(), dir.path().join("keyrot"));
    let (first, _) = reader(&dir, "reader");
    first.read(&source, None).await.unwrap();
    let file = FileCache::in_dir(&dir, "reader").unwrap().file;
    // A link that another program planted, to a file that contains a key.
    let elsewhere = dir.with_extension("elsewhere");
    std::fs::rename(&file, &elsewhere).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let (second, warned) = reader(&dir, "reader");
    second.read(&source, None).await.unwrap();
    assert_eq!(source.0.load(Ordering::SeqCst), 2);
    assert!(warned.lock().unwrap()[0].contains("symbolic link"), "{warned:?}");
    assert!(!file.is_symlink(), "it was replaced, and not followed");

    std::fs::set_permissions(&dir, std::fs::Permissions::from_mode(0o770)).unwrap();
    let error = FileCache::in_dir(&dir, "reader").unwrap_err().to_string();
    assert!(error.contains("is open to others (mode 770"), "{error}");
}

#[tokio::test]
async fn a_refused_key_is_read_again_whatever_the_file_has() {
    struct Later(std::sync::Mutex<Timestamp>);
    #[async_trait]
    impl Clock for Later {
        fn now(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
        fn aws_now(&self) -> Option<Timestamp> {
            None
        }
        async fn sleep(&self, _: Duration) {}
        async fn time_limit(&self, time: Duration) {
            tokio::time::sleep(time).await;
        }
    }
    let dir = tempfile::tempdir().unwrap();
    let source = Counted::default();
    let clock = Arc::new(Later(std::sync::Mutex::new(TokioClock.now())));
    let reader = reader(&dir.path().join("keyrot"), "reader").0.clock(clock.clone());
    reader.read(&source, None).await.unwrap();
    *clock.0.lock().unwrap() += chrono::TimeDelta::seconds(10);
    reader.invalidate();
    reader.read(&source, None).await.unwrap();
    assert_eq!(source.0.load(Ordering::SeqCst), 2);
}

/// A pipe without a writer: opening it in the usual way would block forever.
fn pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o600)).unwrap();
}

#[tokio::test]
async fn a_pipe_in_place_of_a_file_does_not_block() {
    let dir = tempfile::tempdir().unwrap();
    let cache = FileCache::in_dir(&dir.path().join("keyrot"), "scope").unwrap();
    pipe(&cache.file);
    let why = cache.try_to_load().unwrap_err();
    assert!(why.contains("no plain file"), "{why}");
    pipe(&cache.beside(".lock"));
    assert!(cache.turn().await.is_none());
}
