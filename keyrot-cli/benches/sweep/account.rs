//! The accounts that the benchmark sweeps.

use keyrot_core::memory::{Label, Value, World};
use keyrot_core::model::{Assignment, JournalEntry, Mark, Promoted, Receipt, Receiving, VersionId};
use keyrot_core::settings::Settings;
use keyrot_core::{Credentials, SecretName, UserName};
use std::collections::BTreeSet;
use std::error::Error;
use std::time::{Duration, SystemTime};

const DAY: Duration = Duration::from_secs(86_400);
/// One day past the default `max_age`.
const DUE_AGE: u32 = 91;
const SETTLED_AGE: u32 = 10;

/// Creates an account with its users.
pub(crate) struct Seeded {
    pub(crate) world: World,
    pub(crate) due: BTreeSet<UserName>,
    pub(crate) settled: BTreeSet<UserName>,
}

/// All users are selected and have their key in their secret; every `users / due`-th has a key of
/// 91 days, the others one of 10.
pub(crate) fn seeded(users: usize, due: usize) -> Result<Seeded, Box<dyn Error>> {
    let mut world = World::new((SystemTime::now() - DAY * DUE_AGE).into());
    let (mut old, mut young) = (BTreeSet::new(), BTreeSet::new());
    for n in 0..users {
        let user = world.add_user(
            &format!("team-{:02}/user-{n:05}", n % 20),
            &[("RotateKey", "True"), ("team", "t")],
        )?;
        // Evenly spread, whatever the two numbers are.
        if (n + 1) * due / users > n * due / users {
            install(&mut world, &user)?;
            old.insert(user);
        } else {
            young.insert(user);
        }
    }
    world.advance(DAY * (DUE_AGE - SETTLED_AGE));
    for user in &young {
        install(&mut world, user)?;
    }
    Ok(Seeded { world, due: old, settled: young })
}

/// Puts a user into the state after a rotation and the retirement of the old key.
fn install(world: &mut World, user: &UserName) -> Result<(), Box<dyn Error>> {
    let made = world.add_key(user)?;
    world.authenticate(&made.credentials, "sts", "us-east-1");
    let secret = secret_of(user)?;
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

/// Returns the secret's name by the default template.
pub(crate) fn secret_of(user: &UserName) -> Result<SecretName, Box<dyn Error>> {
    Ok(SecretName::parse(format!("/iam/{user}/access_key"))?)
}

/// Puts a receipt of each destination in these settings into the secret of each of these users.
pub(crate) fn with_receipts(
    world: &mut World,
    users: &BTreeSet<UserName>,
    settings: &Settings,
    region: &str,
) -> Result<(), Box<dyn Error>> {
    for user in users {
        let secret = secret_of(user)?;
        let found = world.secret(&secret).ok_or("it has a secret")?;
        let version = found.labelled(Label::Current).ok_or("it has a version")?.clone();
        let arn = world.user(user).ok_or("it is there")?.arn.clone();
        for spec in settings.destinations() {
            let Assignment { to, place_id: place, .. } =
                spec.rule(region).assignment(&arn, &secret)?;
            let receipt = JournalEntry::Receipt(Receipt {
                to,
                place,
                state: Receiving::Delivered,
                version: version.clone(),
                at: world.now(),
                mark: Some(Mark::parse("seeded")?),
            });
            world.tag_secret(&secret, &receipt.tag(), receipt.to_text())?;
        }
    }
    Ok(())
}

/// Returns the user's key under AWSCURRENT.
pub(crate) fn current(world: &World, user: &UserName) -> Option<Credentials> {
    let secret = world.secret(&secret_of(user).ok()?)?;
    secret.value(secret.labelled(Label::Current)?)?.read()
}

/// Counts the users that have a new key, genuine and Active, under AWSCURRENT, in addition to their
/// old one.
pub(crate) fn rotated(before: &World, after: &World, users: &BTreeSet<UserName>) -> usize {
    let done = |user: &&UserName| {
        let (Some(was), Some(is)) = (before.user(user), after.user(user)) else { return false };
        current(after, user).is_some_and(|current| {
            current == World::credentials_of(&current.key)
                && was.key(&current.key).is_none()
                && is.key(&current.key).is_some_and(|k| k.verified)
                && is.keys().len() == 2
        })
    };
    users.iter().filter(done).count()
}
