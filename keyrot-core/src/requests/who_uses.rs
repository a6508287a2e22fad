//! The uses of keys, from IAM's record and CloudTrail: of one key, of a user's keys, or of all old
//! keys that still work. Also the destinations that have copies of them.

use crate::engine::driver::Ports;
use crate::engine::report::Report;
use crate::engine::rotator::{Limits, Progress, Rotator};
use crate::engine::target::Target;
use crate::machine::rotation::Mode;
use crate::model::error::{CallError, ErrorKind};
use crate::model::names::{KeyId, UserName};
use crate::model::observed::{AccessKey, LastUse};
use crate::model::time::Timestamp;
use crate::model::waits::WaitPolicy;
use crate::ports::cancel::Cancel;
use crate::report::state::RunStatus;
use crate::report::user::UserDocument;
use crate::report::uses::{KeyUses, UnseenUser, UserDestinations, UsesDocument};
use crate::selection::homes::Homes;
use crate::selection::users::{Selection, select};
use crate::trail::{TrailBounds, TrailPort, look_up, regions_to_ask};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The keys to ask about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// One key, whether or not IAM still knows it.
    Key(KeyId),
    /// All keys of a user.
    User(UserName),
    /// The old keys of these users that still work, if it is known which key is the old one.
    Lagging(Vec<Target>),
}

/// The progress of reading, which may take minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsesProgress<'a> {
    /// This many users will be read.
    Users(usize),
    /// One more user was read.
    User,
    /// The uses of this many keys will be read.
    Keys(usize),
    /// CloudTrail is asked about this key.
    Key {
        /// The key.
        key: &'a KeyId,
        /// The regions that are asked.
        regions: &'a [String],
        /// The start of the period.
        since: Timestamp,
    },
    /// Events of a region were read.
    Events {
        /// The region.
        region: &'a str,
        /// The number of events so far.
        events: usize,
    },
    /// The key is done.
    Done,
}

/// Finds out who uses keys, within limits. Changes nothing.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// # use keyrot_core::memory::{MemoryAccount, World};
/// # use keyrot_core::*;
/// use keyrot_core::requests::{WhoUses, Whose};
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
/// # let ci = world.add_user("ci", &[])?;
/// # world.add_key(&ci)?;
/// # let account = MemoryAccount::new(world);
/// let who = WhoUses::new(Ports::of(account.clone()), Arc::new(account));
/// let found = who.ask(Whose::User(ci), &|_| {}).await?;
/// assert_eq!(found.keys.len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct WhoUses {
    ports: Ports,
    trail: Arc<dyn TrailPort>,
    back: Duration,
    regions: Vec<String>,
    max_events: u32,
    limits: Limits,
    managed: Option<Managed>,
}

/// The users that are managed, and where their keys go.
#[derive(Clone)]
struct Managed {
    selection: Selection,
    homes: Homes,
    policy: WaitPolicy,
}

/// A key to ask about.
struct Subject {
    user: Option<UserName>,
    key: KeyId,
    listed: Option<AccessKey>,
    /// IAM's record; `None` if it was not read yet.
    last_use: Option<LastUse>,
    /// Whether IAM has no such key.
    is_gone: bool,
}

impl WhoUses {
    /// Returns a question about the last seven days, in the relevant regions, with at most 1,000
    /// events for each key and region.
    #[must_use]
    pub fn new(ports: Ports, trail: Arc<dyn TrailPort>) -> Self {
        let back = Duration::from_secs(7 * 86_400);
        Self {
            ports,
            trail,
            back,
            regions: Vec::new(),
            max_events: 1_000,
            limits: Limits::default(),
            managed: None,
        }
    }

    /// Sets how far back to search.
    #[must_use]
    pub fn back(self, back: Duration) -> Self {
        Self { back, ..self }
    }

    /// Sets the regions. If this is empty, the relevant regions are searched.
    #[must_use]
    pub fn regions(mut self, regions: &[String]) -> Self {
        self.regions.clear();
        for region in regions {
            if !self.regions.contains(region) {
                self.regions.push(region.clone());
            }
        }
        self
    }

    /// Sets the limit on events for each key and region. The newest events come first.
    #[must_use]
    pub fn max_events(self, max_events: u32) -> Self {
        Self { max_events, ..self }
    }

    /// Sets the limits for reading users, for [`Whose::Lagging`] and for users with destinations.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Also finds out where copies of a key go, if this selects the key's user and the user has
    /// destinations. This lists the account's users, and reads the user as for a plan.
    /// [`Whose::Lagging`] has this in its targets.
    #[must_use]
    pub fn managed_by(self, selection: Selection, homes: Homes, policy: WaitPolicy) -> Self {
        Self { managed: Some(Managed { selection, homes, policy }), ..self }
    }

    /// Reads the uses. If part of a key's uses could not be read, the answer for that key says so.
    ///
    /// # Errors
    /// [`CallError`] if a user's keys could not be listed; `NotFound` if there is no such user.
    pub async fn ask(
        &self,
        whose: Whose,
        progress: &(dyn Fn(UsesProgress<'_>) + Sync),
    ) -> Result<UsesDocument, CallError> {
        let lagging = matches!(whose, Whose::Lagging(_));
        let (mut unseen, mut destinations) = (Vec::new(), Vec::new());
        let (user, found) = match whose {
            Whose::Key(key) => {
                let subject = self.of_key(key).await;
                (subject.user.clone(), vec![subject])
            }
            Whose::User(user) => (Some(user.clone()), self.of_user(&user).await?),
            Whose::Lagging(targets) => {
                let found =
                    self.of_those_who_lag(targets, &mut unseen, &mut destinations, progress);
                (None, found.await)
            }
        };
        if let Some(user) = &user {
            destinations.extend(self.destinations_of(user).await);
        }
        let now = self.ports.clock.now();
        let since = now - chrono::TimeDelta::from_std(self.back).unwrap_or_default();
        progress(UsesProgress::Keys(found.len()));
        let mut keys = Vec::new();
        for subject in found {
            keys.push(self.uses_of(subject, since, progress).await);
            progress(UsesProgress::Done);
        }
        if lagging {
            let last = |one: &KeyUses| {
                one.last_used.max(one.uses.sources.iter().map(|source| source.last).max())
            };
            keys.sort_by_key(|one| std::cmp::Reverse(last(one)));
        }
        let partial = !unseen.is_empty()
            || keys.iter().any(|one| one.problem.is_some() || one.uses.is_partial())
            || destinations.iter().any(|one: &UserDestinations| one.problem.is_some());
        Ok(UsesDocument {
            schema: "keyrot.who-uses/1",
            now,
            user,
            lagging,
            unseen,
            since,
            max_events: self.max_events,
            partial,
            keys,
            destinations,
            limits: UsesDocument::LIMITS,
        })
    }

    async fn uses_of(
        &self,
        subject: Subject,
        since: Timestamp,
        progress: &(dyn Fn(UsesProgress<'_>) + Sync),
    ) -> KeyUses {
        let Subject { user, key, listed, last_use, is_gone } = subject;
        let last_use = match (last_use, &user) {
            (Some(known), _) => known,
            (None, Some(user)) => {
                let answer = self.ports.iam.last_use(user, &key).await;
                answer.unwrap_or_else(|error| LastUse::Unknown(error.to_string()))
            }
            (None, None) => LastUse::Unknown("it is not known whose key it is".to_owned()),
        };
        let regions = match self.regions.is_empty() {
            true => regions_to_ask(&*self.trail, &last_use),
            false => self.regions.clone(),
        };
        progress(UsesProgress::Key { key: &key, regions: &regions, since });
        let bounds = TrailBounds {
            since,
            regions,
            most: usize::try_from(self.max_events).unwrap_or(usize::MAX),
        };
        let read = |region: &str, events| progress(UsesProgress::Events { region, events });
        let uses = look_up(&*self.trail, &key, &bounds, &read).await;
        let found = KeyUses::new(user, key, listed, last_use, uses);
        if is_gone { found.of_no_key() } else { found }
    }

    /// Returns the question for a key. CloudTrail may still know a key that IAM no longer knows.
    async fn of_key(&self, key: KeyId) -> Subject {
        let (user, last_use, is_gone) = match self.trail.key_record(&key).await {
            Ok(record) => (Some(record.user), record.last_use, false),
            Err(error) => {
                let is_gone = error.kind == ErrorKind::NotFound;
                (None, LastUse::Unknown(error.to_string()), is_gone)
            }
        };
        Subject { user, key, listed: None, last_use: Some(last_use), is_gone }
    }

    async fn of_user(&self, user: &UserName) -> Result<Vec<Subject>, CallError> {
        let mut keys = self.ports.iam.list_keys(user).await?;
        keys.sort_by_key(|key| key.created);
        Ok(keys.into_iter().map(|key| Subject::listed(user.clone(), key)).collect())
    }

    async fn of_those_who_lag(
        &self,
        targets: Vec<Target>,
        unseen: &mut Vec<UnseenUser>,
        destinations: &mut Vec<UserDestinations>,
        progress: &(dyn Fn(UsesProgress<'_>) + Sync),
    ) -> Vec<Subject> {
        progress(UsesProgress::Users(targets.len()));
        let one_more = |seen| {
            if let Progress::Done(_) = seen {
                progress(UsesProgress::User);
            }
        };
        let report = self.read(targets, &one_more).await;
        let mut old = Vec::new();
        for one in report.users {
            let message = || UserDocument::new(&one, report.finished).message;
            let known = one.old_keys();
            let unread = matches!(one.outcome.verdict(), RunStatus::Failed | RunStatus::Stopped);
            let problem = match (one.outcome.verdict(), &known) {
                _ if unread => Some(format!("could not be read: {}", message())),
                // No key was published yet, so no key is old. A run will publish the first one.
                (RunStatus::Ok, None) => None,
                (_, None) => Some(format!("its old keys cannot be listed: {}", message())),
                (_, Some(_)) => None,
            };
            let user = one.user.clone();
            unseen.extend(problem.map(|problem| UnseenUser { user, problem, unread }));
            if known.as_ref().is_some_and(|old| !old.is_empty()) && !one.destinations.is_empty() {
                destinations.push(UserDestinations::of(&one, report.finished));
            }
            old.extend(
                known
                    .unwrap_or_default()
                    .into_iter()
                    .map(|key| Subject::listed(one.user.clone(), key.clone())),
            );
        }
        old
    }

    /// Returns the destinations of one user; `None` if the user is not managed, or has none.
    async fn destinations_of(&self, user: &UserName) -> Option<UserDestinations> {
        let Managed { selection, homes, policy } = self.managed.as_ref()?;
        if !homes.destinations.iter().any(|rule| rule.serves(user)) {
            return None;
        }
        let selection = Selection { only: vec![user.clone()], ..selection.clone() };
        let users = match self.ports.iam.users(&selection.path_prefix).await {
            Ok(users) => users,
            Err(error) => {
                let problem = format!("could not list the users: {error}");
                return Some(UserDestinations::unread(user, problem));
            }
        };
        let chosen = select(&users, &selection, homes, policy).chosen;
        let report = self.read(chosen, &|_| {}).await;
        report.users.first().map(|one| UserDestinations::of(one, report.finished))
    }

    /// Reads users as for a plan.
    async fn read(&self, targets: Vec<Target>, progress: &(dyn Fn(Progress) + Sync)) -> Report {
        let rotator = Rotator::new(self.ports.clone());
        rotator.run(targets, Mode::Plan, &self.limits, &Cancel::default(), progress).await
    }
}

impl Subject {
    fn listed(user: UserName, key: AccessKey) -> Self {
        let (user, last_use) = (Some(user), None);
        Self { user, key: key.id.clone(), listed: Some(key), last_use, is_gone: false }
    }
}

impl fmt::Debug for WhoUses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WhoUses")
            .field("back", &self.back)
            .field("regions", &self.regions)
            .finish_non_exhaustive()
    }
}
