//! An observer that checks every change of the account, and records what was wrong.

use keyrot_aws::emulator::{By, Change, Emulator};
use keyrot_core::memory::{Actor, Label, Value, Watch, World};
use keyrot_core::model::ProbeAnswer;
use keyrot_core::{
    Credentials, KeyId, Revocation, SecretName, Timestamp, UserName, WaitPolicy, Waits,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// Consumers read the secret again this long after they last did: within half of the overlap.
const CACHE: Duration = Duration::from_secs(3 * 86_400);

/// What is known about one account. Clones share it; [`Witness::apart`] does not.
#[derive(Clone)]
pub(crate) struct Witness {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Clone)]
struct Inner {
    people: Vec<Person>,
    /// Every key that ever existed.
    keys: BTreeSet<KeyId>,
    wrong: Vec<String>,
    changes: usize,
}

/// One user: the promises for it, and a consumer that uses its credentials all the time.
#[derive(Clone)]
struct Person {
    user: UserName,
    secret: SecretName,
    watch: Watch,
    /// The consumer's credentials, and since when it has them.
    cached: Option<(Credentials, Timestamp)>,
}

impl Witness {
    /// Returns a witness of the account as it is. Consumers have their user's key, if there is one.
    pub(crate) fn of(world: &World) -> Self {
        let people = world.users().map(|user| {
            let name = user.arn.name();
            let policy = WaitPolicy::new(Waits::default(), false).unwrap();
            let secret = secret_of(name);
            let watch = Watch::new(world, name.clone(), secret.clone(), policy);
            let cached =
                user.keys().first().map(|k| (World::credentials_of(&k.listed.id), world.now()));
            Person { user: name.clone(), secret, watch, cached }
        });
        let inner =
            Inner { people: people.collect(), keys: keys(world), wrong: Vec::new(), changes: 0 };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Returns a witness with the same knowledge, for another account that continues from the same
    /// state.
    pub(crate) fn apart(&self) -> Self {
        Self { inner: Arc::new(Mutex::new(self.inner().clone())) }
    }

    /// Starts to observe.
    pub(crate) fn look_on(&self, emulator: &Emulator) {
        let own = self.clone();
        emulator.observe(move |change| own.inner().see(change));
    }

    /// Lets the consumers use what they have, and what is published. Returns the credentials that
    /// they use.
    pub(crate) fn in_use(&self, world: &World) -> Vec<Credentials> {
        self.inner().people.iter_mut().flat_map(|person| person.in_use(world)).collect()
    }

    /// An operator revokes a key of this user. A consumer that has it has to be refused.
    pub(crate) fn revoke(&self, user: &UserName, key: &KeyId) {
        let mut inner = self.inner();
        let person = inner.people.iter_mut().find(|person| person.user == *user).unwrap();
        person.watch.revoke(Revocation::of(key.clone()));
    }

    /// Returns the broken promises so far.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.inner().wrong.clone()
    }

    /// Returns how many calls were checked.
    pub(crate) fn changes(&self) -> usize {
        self.inner().changes
    }

    /// Returns every key that ever existed.
    pub(crate) fn keys(&self) -> BTreeSet<KeyId> {
        self.inner().keys.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Inner {
    fn see(&mut self, change: &Change<'_>) {
        let actor = if *change.by == By::Admin { Actor::Keyrot } else { Actor::Person };
        self.changes += 1;
        self.keys.extend(keys(change.after));
        for person in &mut self.people {
            let same_user = change.before.user(&person.user) == change.after.user(&person.user);
            if same_user
                && change.before.secret(&person.secret) == change.after.secret(&person.secret)
            {
                continue;
            }
            let (before, after) = (person.part_of(change.before), person.part_of(change.after));
            if let Err(broken) = person.watch.step(&before, &after, actor) {
                self.wrong.push(format!("{:?}: {broken}", change.action));
            }
            // Checks the consumers at each instant. A copy of the account is asked, so that this
            // leaves no trace.
            let mut copy = change.after.clone();
            for credentials in person.in_use(change.after) {
                let answer = copy.authenticate(&credentials, "s3", "eu-west-1");
                if !matches!(answer, ProbeAnswer::Authenticated(_)) {
                    let when = format!("after {:?} at {}", change.action, copy.now());
                    self.wrong
                        .push(format!("{when} a consumer with {} got {answer:?}", credentials.key));
                }
            }
        }
    }
}

impl Person {
    /// Returns the user's part of the account, which the watch copies at each change.
    fn part_of(&self, world: &World) -> World {
        let mut part = serde_json::to_value(World::new(world.now())).unwrap();
        if let Some(user) = world.user(&self.user) {
            part["users"][self.user.as_str()] = serde_json::to_value(user).unwrap();
        }
        if let Some(secret) = world.secret(&self.secret) {
            part["region"] = world.region().into();
            part["secrets"][world.region()][self.secret.as_str()] =
                serde_json::to_value(secret).unwrap();
        }
        serde_json::from_value(part).unwrap()
    }

    /// Returns what the consumer has, read again if it is too old, and what is published now.
    fn in_use(&mut self, world: &World) -> Vec<Credentials> {
        let revoked = |credentials: &Credentials| self.watch.is_revoked(&credentials.key);
        let current = published(world, &self.secret).filter(|current| !revoked(current));
        self.cached = self.cached.take().filter(|(cached, _)| !revoked(cached));
        let stale = self
            .cached
            .as_ref()
            .is_none_or(|(_, since)| keyrot_core::model::after(*since, CACHE) <= world.now());
        if let Some(current) = current.clone().filter(|_| stale) {
            self.cached = Some((current, world.now()));
        }
        let cached = self.cached.as_ref().map(|(cached, _)| cached.clone());
        let other = current.filter(|current| cached.as_ref() != Some(current));
        cached.into_iter().chain(other).collect()
    }
}

/// Returns the credentials under AWSCURRENT; `None` for the placeholder.
pub(crate) fn published(world: &World, secret: &SecretName) -> Option<Credentials> {
    let secret = world.secret(secret)?;
    secret.value(secret.labelled(Label::Current)?).and_then(Value::read)
}

/// Returns the secret's name by the default template.
pub(crate) fn secret_of(user: &UserName) -> SecretName {
    SecretName::parse(format!("/iam/{user}/access_key")).unwrap()
}

fn keys(world: &World) -> BTreeSet<KeyId> {
    world.users().flat_map(|u| u.keys()).map(|k| k.listed.id.clone()).collect()
}
