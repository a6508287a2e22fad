//! The account that both functions work on.

use keyrot_core::memory::{Value, World};
use keyrot_core::model::{JournalEntry, Promoted, VersionId};
use keyrot_core::{SecretName, UserName};
use std::error::Error;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);

/// Users that were all rotated once, this many of them long ago.
pub(crate) fn account(users: usize, due: usize) -> Result<World, Box<dyn Error>> {
    let mut world = World::new((SystemTime::now() - 100 * DAY).into());
    let names = (0..users).map(|n| format!("user-{n:04}"));
    let names: Vec<UserName> = names
        .map(|name| world.add_user(&name, &[("RotateKey", "True")]))
        .collect::<Result<_, _>>()?;
    for user in &names[..due] {
        rotated(&mut world, user)?;
    }
    world.advance(90 * DAY);
    for user in &names[due..] {
        rotated(&mut world, user)?;
    }
    world.advance(10 * DAY);
    Ok(world)
}

/// Puts a user into the state after a rotation and the retirement of the old key.
fn rotated(world: &mut World, user: &UserName) -> Result<(), Box<dyn Error>> {
    let made = world.add_key(user)?;
    world.authenticate(&made.credentials, "sts", "us-east-1");
    let secret = SecretName::parse(format!("/iam/{user}/access_key"))?;
    let version = VersionId::for_key(&made.credentials.key, made.created, false)?;
    world.create_secret(
        &secret,
        Some((version.clone(), Value::credentials(&made.credentials, None))),
    )?;
    let note = JournalEntry::Promoted(Promoted {
        version,
        replacing: None,
        at: world.now(),
        overlap: None,
    });
    world.bind(user, &secret)?;
    world.tag_secret(&secret, &note.tag(), note.to_text())?;
    Ok(())
}
