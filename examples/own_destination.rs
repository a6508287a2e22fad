//! How to write a destination: this one writes a file for each user to a folder that another
//! program reads. Its tests are the suite that every destination has to pass
//! (`examples/tests/smoke.rs`).
//!
//! ```text
//! cargo run -p keyrot-examples --example own_destination
//! ```

use async_trait::async_trait;
use keyrot_core::memory::{MemoryAccount, World};
use keyrot_core::model::{Abilities, Delivery, DestinationName, Found, Holds, Mark};
use keyrot_core::ports::Destination;
use keyrot_core::selection::{DestinationRule, PlaceForm, PlaceTemplate};
use keyrot_core::{
    CallError, Cancel, Effect, ErrorKind, Homes, KeyId, Limits, Mode, Ports, Rotator, Selection,
    WaitPolicy, select,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::error::Error;
use std::io::ErrorKind as Io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};
use tokio::sync::Mutex;

/// Files in a folder, each with one key as JSON and a number that each write increments.
pub(crate) struct KeyFiles {
    folder: PathBuf,
    /// One write at a time: the file is read, then replaced.
    writing: Mutex<()>,
}

impl KeyFiles {
    pub(crate) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), writing: Mutex::default() }
    }

    fn path(&self, place: &str) -> PathBuf {
        self.folder.join(format!("{place}.json"))
    }

    /// Returns the number of the last write, and the content.
    fn read(&self, place: &str) -> Result<(u64, Found), CallError> {
        let path = self.path(place);
        // Errors name the file and the kind of problem. They never quote the file's content.
        let failed = |error: &std::io::Error| {
            let message = format!("{} cannot be read: {}", path.display(), error.kind());
            CallError::refused(ErrorKind::Other, message)
        };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == Io::NotFound => return Ok((0, Found::Nothing)),
            Err(error) => return Err(failed(&error)),
        };
        let file: Value = serde_json::from_str(&text).unwrap_or_default();
        let key = file["id"].as_str().and_then(|id| KeyId::parse(id).ok());
        let (count, mark, holds) = match (file["write"].as_u64(), key) {
            (Some(count), Some(key)) => (count, count.to_string(), Holds::Key(key)),
            // Something else wrote the file. Its time distinguishes it from keyrot's writes.
            _ => {
                let written = std::fs::metadata(&path).and_then(|found| found.modified());
                let written = written.map_err(|error| failed(&error))?;
                let since = written.duration_since(UNIX_EPOCH).unwrap_or_default();
                (0, format!("other-{}", since.as_nanos()), Holds::Other)
            }
        };
        let mark = Mark::parse(mark)
            .map_err(|error| CallError::refused(ErrorKind::Other, error.to_string()))?;
        Ok((count, Found::Copy { mark, holds, written: None }))
    }
}

#[async_trait]
impl Destination for KeyFiles {
    fn abilities(&self) -> Abilities {
        // One file has both halves, and the key can be read back.
        Abilities::READABLE
    }

    async fn inspect(&self, place: &str) -> Result<Found, CallError> {
        self.read(place).map(|(_, found)| found)
    }

    async fn deliver(&self, place: &str, delivery: &Delivery) -> Result<Found, CallError> {
        let _one_at_a_time = self.writing.lock().await;
        let (count, there) = self.read(place)?;
        if there.mark() != delivery.replaces.as_ref() {
            let message = format!("{place} was written by something other than keyrot");
            return Err(CallError::refused(ErrorKind::Conflict, message));
        }
        let file = json!({
            "write": count + 1,
            "id": delivery.credentials.key.as_str(),
            "secret": delivery.credentials.secret.expose(),
        });
        // A reader sees the old file or the new one, and nothing in between.
        let (path, next) = (self.path(place), self.folder.join(format!("{place}.next")));
        std::fs::write(&next, file.to_string())
            .and_then(|()| std::fs::rename(&next, &path))
            .map_err(|error| {
                let message = format!("{} cannot be written: {}", path.display(), error.kind());
                // After an error it is unknown whether the file was replaced. keyrot reads it
                // again.
                CallError::new(ErrorKind::Other, Effect::Unknown, message)
            })?;
        self.read(place).map(|(_, found)| found)
    }
}

/// Delivers a user's first key to this folder. Returns the key's id, and what the run did.
pub(crate) async fn run(folder: &Path) -> Result<(KeyId, Vec<String>), Box<dyn Error>> {
    let name = DestinationName::parse("files")?;
    let files: Arc<dyn Destination> = Arc::new(KeyFiles::new(folder));
    let to = PlaceTemplate::parse("{user}", PlaceForm::Text)?;
    let everybody = vec!["*".parse()?];
    let rule = DestinationRule::new(name.clone(), everybody, to, files.abilities())?;

    let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
    world.add_user("deployer", &[("RotateKey", "True")])?;
    world.advance(Duration::from_secs(60));
    let account = MemoryAccount::new(world);
    let homes = Homes { destinations: vec![rule], ..Homes::in_region("us-east-1") };
    let users = account.world().list_users("/");
    let selected = select(&users, &Selection::default(), &homes, &WaitPolicy::default());
    let ports = Ports::of(account.clone()).with_destinations(BTreeMap::from([(name, files)]));
    let report = Rotator::new(ports)
        .run(selected.chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {})
        .await;
    let world = account.world();
    let user = world.users().next().ok_or("no user")?;
    let key = user.keys().first().ok_or("no key")?.listed.id.clone();
    let events = report.users.iter().flat_map(|user| &user.events);
    Ok((key, events.map(|event| event.kind.to_string()).collect()))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("keyrot-example-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let ended = run(&folder).await;
    std::fs::remove_dir_all(&folder)?;
    let (key, events) = ended?;
    for event in events {
        println!("{event}");
    }
    println!("{key} is in a file");
    Ok(())
}
