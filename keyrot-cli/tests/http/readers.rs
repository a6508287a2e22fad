//! Jobs that take their credentials from the places that a key is delivered to: one job starts at
//! each place at every instant, and keeps what it read until it ends.

use crate::witness::{published, secret_of};
use keyrot_aws::emulator::{Change, Emulator};
use keyrot_core::memory::World;
use keyrot_core::model::{ProbeAnswer, after};
use keyrot_core::{Credentials, KeyId, KeyStatus, Timestamp, UserName, WaitPolicy, Waits};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

/// The duration of a job: less than half of the overlap.
const JOB: Duration = Duration::from_secs(3 * 86_400);

/// The place that a job reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// The secret.
    Home,
    /// The SSM parameter.
    Parameter,
    /// The environment's secret in GitHub, or its two.
    Hub,
    /// The file variable in GitLab.
    Lab,
}

/// What a job reads that starts now.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Shown {
    Nothing,
    /// No credentials, or halves of different ones.
    Torn,
    Whole(Credentials),
}

/// All jobs of one account. Clones share it; [`Readers::apart`] does not.
#[derive(Clone)]
pub(crate) struct Readers {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Clone)]
struct Inner {
    /// The account after the last change, with which writes to destinations are compared.
    world: World,
    at: BTreeMap<(UserName, Place), Reader>,
    /// Places whose jobs only read, so IAM shows no use by them.
    idle: BTreeSet<Place>,
    /// Keys that operators revoked. A job that has one has to be refused.
    revoked: BTreeSet<KeyId>,
    wrong: Vec<String>,
    figures: Figures,
}

#[derive(Clone)]
struct Reader {
    shown: Shown,
    /// What jobs may have read so far, and when the last one did.
    read: BTreeMap<KeyId, (Credentials, Timestamp)>,
}

/// The numbers of what was checked.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// The changes of what a place shows.
    pub(crate) writes: usize,
    /// The changes that left a broken pair in GitHub, for a moment.
    pub(crate) torn: usize,
    /// The credentials that jobs had, at each instant.
    pub(crate) checks: usize,
}

impl Readers {
    pub(crate) fn of(world: &World) -> Self {
        let places = [Place::Home, Place::Parameter, Place::Hub, Place::Lab];
        let nothing = Reader { shown: Shown::Nothing, read: BTreeMap::new() };
        let users: Vec<_> = world.users().map(|user| user.arn.name().clone()).collect();
        let at = users.iter().flat_map(|user| places.map(|place| (user.clone(), place)));
        let inner = Inner {
            world: world.clone(),
            at: at.map(|at| (at, nothing.clone())).collect(),
            idle: BTreeSet::new(),
            revoked: BTreeSet::new(),
            wrong: Vec::new(),
            figures: Figures::default(),
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }

    /// Returns the same jobs, in another account that continues from the same state.
    pub(crate) fn apart(&self) -> Self {
        Self { inner: Arc::new(Mutex::new(self.inner().clone())) }
    }

    /// Starts to observe.
    pub(crate) fn look_on(&self, emulator: &Emulator) {
        let own = self.clone();
        emulator.observe(move |change| own.inner().see(change));
    }

    /// Records what the places show now.
    pub(crate) fn show(&self, shown: impl IntoIterator<Item = ((UserName, Place), Shown)>) {
        let mut inner = self.inner();
        let mut changed = false;
        for (at, shown) in shown {
            changed |= inner.show(&at, shown);
        }
        if changed {
            inner.look();
        }
    }

    /// From now on, this key has no promises.
    pub(crate) fn revoke(&self, key: &KeyId) {
        self.inner().revoked.insert(key.clone());
    }

    /// Sets whether the jobs of a place only read from now on.
    pub(crate) fn idle(&self, place: Place, idle: bool) {
        let mut inner = self.inner();
        let _ = if idle { inner.idle.insert(place) } else { inner.idle.remove(&place) };
    }

    /// Returns the credentials that jobs use.
    pub(crate) fn in_use(&self, now: Timestamp) -> Vec<Credentials> {
        let inner = self.inner();
        let used: BTreeMap<_, _> = inner
            .at
            .iter()
            .filter(|((_, place), _)| !inner.idle.contains(place))
            .flat_map(|(_, reader)| reader.in_use(now))
            .filter(|credentials| !inner.revoked.contains(&credentials.key))
            .map(|credentials| (credentials.key.clone(), credentials.clone()))
            .collect();
        used.into_values().collect()
    }

    /// Returns the broken promises so far.
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.inner().wrong.clone()
    }

    pub(crate) fn figures(&self) -> Figures {
        self.inner().figures
    }

    /// Returns the key that each place of the user shows; `None` if it shows none.
    pub(crate) fn keys(&self, user: &UserName) -> BTreeMap<Place, Option<KeyId>> {
        let key = |reader: &Reader| match &reader.shown {
            Shown::Whole(credentials) => Some(credentials.key.clone()),
            Shown::Nothing | Shown::Torn => None,
        };
        let inner = self.inner();
        let its = inner.at.iter().filter(|((owner, _), _)| owner == user);
        its.map(|((_, place), reader)| (*place, key(reader))).collect()
    }

    /// Returns the users with a broken pair in GitHub.
    pub(crate) fn torn(&self) -> Vec<UserName> {
        let inner = self.inner();
        let torn = inner.at.iter().filter(|(_, reader)| reader.shown == Shown::Torn);
        torn.map(|((user, _), _)| user.clone()).collect()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }
}

impl Inner {
    fn see(&mut self, change: &Change<'_>) {
        self.world = change.after.clone();
        let users: BTreeSet<UserName> = self.at.keys().map(|(user, _)| user.clone()).collect();
        for user in users {
            self.leaves(&user, change);
            let home = published(change.after, &secret_of(&user));
            let shown = home.map_or(Shown::Nothing, Shown::Whole);
            self.show(&(user, Place::Home), shown);
        }
        self.look();
    }

    /// Records what a place shows, and returns whether it changed.
    fn show(&mut self, at: &(UserName, Place), shown: Shown) -> bool {
        let reader = self.at.get_mut(at).unwrap();
        if reader.shown == shown {
            return false;
        }
        self.figures.writes += 1;
        if shown == Shown::Torn {
            self.figures.torn += 1;
            // As documented, a job may get a broken pair there, because it reads two secrets.
            if at.1 != Place::Hub {
                self.wrong.push(format!("{at:?} shows no whole credentials"));
            }
        }
        reader.shown = shown;
        true
    }

    /// Checks that a key is retired only after no place has shown it for the overlap.
    fn leaves(&mut self, user: &UserName, change: &Change<'_>) {
        let overlap = WaitPolicy::new(Waits::default(), false).unwrap().waits().overlap;
        let now = change.after.now();
        let active = |world: &World| -> BTreeSet<KeyId> {
            let keys = world.user(user).into_iter().flat_map(|user| user.keys());
            let active = keys.filter(|key| key.listed.status == KeyStatus::Active);
            active.map(|key| key.listed.id.clone()).collect()
        };
        let (before, still) = (active(change.before), active(change.after));
        for key in before.difference(&still).filter(|key| !self.revoked.contains(key)) {
            for ((_, place), reader) in self.at.iter().filter(|((owner, _), _)| owner == user) {
                let last = reader.read.get(key).map(|(_, last)| *last);
                if let Some(last) = last.filter(|last| now < after(*last, overlap)) {
                    self.wrong.push(format!(
                        "{key} left at {now}, and {place:?} showed it until {last}, within the overlap"
                    ));
                }
            }
        }
    }

    /// Starts a job at each place. All running jobs have to be able to work. A copy of the account
    /// is asked, so that this leaves no trace.
    fn look(&mut self) {
        let now = self.world.now();
        let mut copy = self.world.clone();
        for ((user, place), reader) in &mut self.at {
            if let Shown::Whole(credentials) = &reader.shown {
                reader.read.insert(credentials.key.clone(), (credentials.clone(), now));
            }
            for credentials in reader.in_use(now) {
                if self.revoked.contains(&credentials.key) {
                    continue;
                }
                self.figures.checks += 1;
                let answer = copy.authenticate(credentials, "s3", "eu-west-1");
                if !matches!(&answer, ProbeAnswer::Authenticated(arn) if arn.name() == user) {
                    let key = &credentials.key;
                    self.wrong.push(format!(
                        "at {now} a job of {user}'s with {key} from {place:?} got {answer:?}"
                    ));
                }
            }
        }
    }
}

impl Reader {
    /// Returns what the running jobs have read.
    fn in_use(&self, now: Timestamp) -> impl Iterator<Item = &Credentials> {
        let working = self.read.values().filter(move |(_, last)| now < after(*last, JOB));
        working.map(|(credentials, _)| credentials)
    }
}
