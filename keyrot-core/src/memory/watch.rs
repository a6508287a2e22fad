//! Watches the promises from outside: checks every change to a user's keys and secret against them.

mod delivered;
pub(crate) mod depends;
mod remember;

use crate::memory::deliveries::Delivered;
use crate::memory::secret::Label;
use crate::memory::world::World;
use crate::model::journal::{Intent, Phase, Promoted, Retired};
use crate::model::names::{DestinationName, KeyId, SecretName, UserName, VersionId};
use crate::model::observed::{KeyStatus, LastUse, SecretState};
use crate::model::receipt::Receipt;
use crate::model::request::Revocation;
use crate::model::time::Timestamp;
use crate::model::waits::{WaitPolicy, after};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Who made a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Actor {
    /// keyrot, in a rotation.
    Keyrot,
    /// A person, or another program.
    Person,
}

/// A broken promise, with the details.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Broken {
    /// `S1` to `S5` or `S15`, as in the protocol.
    pub promise: &'static str,
    /// What happened.
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken: {}", self.promise, self.how)
    }
}

/// Watches one user. Feed it every change with [`Watch::step`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Watch {
    user: UserName,
    secret: SecretName,
    policy: WaitPolicy,
    /// When a key left AWSCURRENT, or was reactivated after that.
    left: BTreeMap<KeyId, Timestamp>,
    deactivated: BTreeMap<KeyId, Timestamp>,
    /// Keys that keyrot created.
    made: BTreeSet<KeyId>,
    /// Keys that a version held at some time.
    held: BTreeSet<KeyId>,
    /// Keys that a person created within `settle` of an intent. While such a key is unused, nothing
    /// distinguishes it from one whose creation reply was lost; the protocol says that keyrot may
    /// treat it as its own.
    mistakable: BTreeSet<KeyId>,
    /// The keys that were the user's only one when another was published for the first time, or
    /// again after a person put the placeholder back.
    in_place: BTreeSet<KeyId>,
    /// What operators requested, by key, until it is taken back.
    revoked: BTreeMap<KeyId, Revocation>,
    /// When keyrot itself last used a key, to verify it.
    verified: BTreeMap<KeyId, Timestamp>,
    /// Keys that a consumer used while they were current.
    picked_up: BTreeSet<KeyId>,
    /// When the revocation of each key was recorded.
    noted: BTreeMap<KeyId, Timestamp>,
    /// The destinations of the key.
    delivered: Delivered,
}

/// The part of the account that matters for one user.
struct View<'a> {
    world: &'a World,
    current: Option<(VersionId, Option<KeyId>)>,
    promoted: Option<Promoted>,
    receipts: BTreeMap<DestinationName, Receipt>,
    intent: Option<Intent>,
    hold: Option<KeyId>,
    revoked: Vec<KeyId>,
    /// Whether the placeholder is current. Then consumers still use the key that existed before.
    placeholder: bool,
}

impl Watch {
    /// Returns a watch that begins with the account as it is.
    #[must_use]
    pub fn new(world: &World, user: UserName, secret: SecretName, policy: WaitPolicy) -> Self {
        let mut watch = Self {
            user,
            secret,
            policy,
            left: BTreeMap::new(),
            deactivated: BTreeMap::new(),
            made: BTreeSet::new(),
            held: BTreeSet::new(),
            mistakable: BTreeSet::new(),
            in_place: BTreeSet::new(),
            revoked: BTreeMap::new(),
            verified: BTreeMap::new(),
            picked_up: BTreeSet::new(),
            noted: BTreeMap::new(),
            delivered: Delivered::default(),
        };
        watch.held.extend(watch.keys_in_versions(world));
        watch
    }

    /// From now on, checks a key against an operator's request instead of the usual promises: no
    /// overlap and no `recent_use`. A missing successor or soak is accepted only if the request
    /// says so.
    pub fn revoke(&mut self, order: Revocation) {
        self.revoked.insert(order.key.clone(), order);
    }

    /// From now on, checks a key against the usual promises again: the request was taken back.
    pub fn reinstate(&mut self, key: &KeyId) {
        self.revoked.remove(key);
        self.noted.remove(key);
    }

    /// Another program removed the key from the entry of revoked keys. No run can know anymore that
    /// the key must not be published.
    pub fn forgotten(&mut self, key: &KeyId) {
        self.noted.remove(key);
    }

    /// A key was deactivated for a revocation without a successor, and the run ended before it
    /// could record anything. If the key had been Inactive before, nothing in the account
    /// distinguishes the two times, so its soak may count from the first.
    pub fn not_written_down(&mut self, key: &KeyId) {
        self.deactivated.remove(key);
    }

    /// Whether an operator revoked the key, and did not take the revocation back.
    #[must_use]
    pub fn is_revoked(&self, key: &KeyId) -> bool {
        self.revoked.contains_key(key)
    }

    /// Checks one change against the promises.
    ///
    /// # Errors
    /// [`Broken`] for the first promise that the change breaks. keyrot is not responsible for what
    /// a person breaks.
    pub fn step(&mut self, before: &World, after: &World, actor: Actor) -> Result<(), Broken> {
        let (was, is) = (self.view(before), self.view(after));
        let verdict = if actor == Actor::Keyrot { self.judge(&was, &is) } else { Ok(()) };
        self.remember(&was, &is, actor);
        verdict
    }

    fn judge(&self, was: &View<'_>, is: &View<'_>) -> Result<(), Broken> {
        self.current_works(was, is)?;
        self.current_is_not_revoked(was, is)?;
        self.deliveries(was, is)?;
        let user = was.world.user(&self.user);
        for key in user.into_iter().flat_map(|u| u.keys()).map(|k| &k.listed) {
            let now =
                is.world.user(&self.user).and_then(|u| u.key(&key.id)).map(|k| &k.listed.status);
            match (&key.status, now) {
                (before, Some(after)) if before == after => {}
                (_, None) => self.may_delete(&key.id, &key.status, was)?,
                (_, Some(KeyStatus::Inactive)) => self.may_deactivate(&key.id, was)?,
                (_, Some(_)) => {}
            }
        }
        Ok(())
    }

    /// S1: keyrot never leaves AWSCURRENT on credentials that do not work, unless a person had
    /// already done so and keyrot did not touch it.
    fn current_works(&self, was: &View<'_>, is: &View<'_>) -> Result<(), Broken> {
        let moved = was.current != is.current;
        let given_up = was.current.as_ref().and_then(|(_, key)| self.revoked.get(key.as_ref()?));
        if !moved && given_up.is_some_and(|order| order.without_successor) {
            return Ok(());
        }
        match self.fault_of_current(is) {
            Some(how) if moved || self.fault_of_current(was).is_none() => {
                Err(Broken { promise: "S1", how })
            }
            _ => Ok(()),
        }
    }

    /// Checks that a key that an operator revoked is no longer published, once every run that has
    /// not read the entry is over.
    fn current_is_not_revoked(&self, was: &View<'_>, is: &View<'_>) -> Result<(), Broken> {
        let key = is
            .current
            .as_ref()
            .filter(|_| was.current != is.current)
            .and_then(|(_, key)| key.as_ref());
        let over = |since: &Timestamp| after(*since, self.policy.waits().settle) <= was.world.now();
        match key.filter(|key| self.noted.get(key).is_some_and(over)) {
            Some(key) => Err(Broken {
                promise: "S1",
                how: format!("{key} was published, which a person had revoked"),
            }),
            None => Ok(()),
        }
    }

    /// Returns what is wrong with AWSCURRENT, if anything: S1 as a state.
    #[must_use]
    pub fn current_is_broken(&self, world: &World) -> Option<String> {
        self.fault_of_current(&self.view(world))
    }

    fn fault_of_current(&self, view: &View<'_>) -> Option<String> {
        let (version, key) = view.current.as_ref()?;
        let secret = view.world.secret(&self.secret)?;
        let Some(key) = key else {
            let placeholder = secret.value(version).is_some_and(super::Value::is_placeholder);
            return (!placeholder).then(|| {
                format!("AWSCURRENT ({version}) holds neither credentials nor the placeholder")
            });
        };
        let found = view.world.user(&self.user).and_then(|u| u.key(key));
        let genuine =
            secret.value(version).and_then(super::Value::read) == Some(World::credentials_of(key));
        match found {
            None => Some(format!("{key}, under AWSCURRENT, does not exist")),
            Some(k) if k.listed.status != KeyStatus::Active => {
                Some(format!("{key}, under AWSCURRENT, is not Active"))
            }
            Some(k) if !k.verified => Some(format!("{key}, under AWSCURRENT, never authenticated")),
            Some(_) if !genuine => Some(format!("the secret under AWSCURRENT is not {key}'s")),
            Some(_) => None,
        }
    }

    fn may_deactivate(&self, key: &KeyId, was: &View<'_>) -> Result<(), Broken> {
        let now = was.world.now();
        let waits = self.policy.waits();
        let broken = |promise, how: String| Err(Broken { promise, how });
        let created = |key| Some(was.world.user(&self.user)?.key(key)?.listed.created);
        if let Some(order) = self.revoked.get(key) {
            let unused = || match was.world.last_use(key) {
                Ok(LastUse::At { when, .. }) => after(when, waits.recent_use) <= now,
                // A use may not be on record yet.
                Ok(LastUse::NoRecord) => {
                    created(key).is_some_and(|at| after(at, waits.recent_use) <= now)
                }
                Ok(LastUse::Unknown(_)) | Err(_) => false,
            };
            return match (order.without_successor, order.only_if_unused) {
                (_, true) if !unused() => broken(
                    "S2",
                    format!("{key} was revoked though it was used within `recent_use`"),
                ),
                (false, false) => self.works_without(key, was),
                _ => Ok(()),
            };
        }
        self.attributable(key, was)?;
        if let Some(left) = self.left.get(key) {
            if now < after(*left, waits.overlap) {
                return broken("S2", format!("{key} was deactivated before its overlap was over"));
            }
            if let Ok(LastUse::At { when, .. }) = was.world.last_use(key)
                && now < after(when, waits.recent_use)
            {
                return broken(
                    "S2",
                    format!("{key} was deactivated though it was used within `recent_use`"),
                );
            }
            self.nothing_depends_on(key, *left, was)?;
            self.is_delivered(key, was)?;
            self.overlap_of_deliveries(key, was)?;
        }
        self.successor_in_place(key, was)
    }

    fn may_delete(&self, key: &KeyId, status: &KeyStatus, was: &View<'_>) -> Result<(), Broken> {
        if self.made.contains(key) && !self.held.contains(key) && *status == KeyStatus::Active {
            // Only keyrot ever had the key.
            return Ok(());
        }
        let broken = |how: String| Err(Broken { promise: "S3", how });
        if *status == KeyStatus::Active {
            return broken(format!("{key} was deleted while Active"));
        }
        match self.revoked.get(key) {
            Some(order) if order.delete => return Ok(()),
            Some(_) => {}
            None => {
                self.attributable(key, was)?;
                self.is_delivered(key, was)?;
            }
        }
        match self.deactivated.get(key) {
            Some(since) if was.world.now() < after(*since, self.policy.waits().soak) => {
                broken(format!("{key} was deleted before its soak was over"))
            }
            _ => self.successor_in_place(key, was),
        }
    }

    /// S4.
    fn attributable(&self, key: &KeyId, was: &View<'_>) -> Result<(), Broken> {
        let unused = || was.world.last_use(key) == Ok(LastUse::NoRecord);
        if self.mistakable.contains(key) && unused() {
            return Ok(());
        }
        if self.made.contains(key) || self.held.contains(key) || self.in_place.contains(key) {
            return Ok(());
        }
        Err(Broken {
            promise: "S4",
            how: format!("{key} was changed, which is neither keyrot's nor the secret's"),
        })
    }

    /// S5: consumers of the key have to find a working one in the secret, and a journal entry has
    /// to say so.
    fn successor_in_place(&self, key: &KeyId, was: &View<'_>) -> Result<(), Broken> {
        if !self.left.contains_key(key)
            || self.revoked.get(key).is_some_and(|order| order.without_successor)
        {
            return Ok(());
        }
        self.works_without(key, was)
    }

    fn works_without(&self, key: &KeyId, was: &View<'_>) -> Result<(), Broken> {
        let broken =
            |how: &str| Err(Broken { promise: "S5", how: format!("{key} was taken away {how}") });
        let Some((version, Some(current))) = &was.current else {
            return broken("while AWSCURRENT holds no key");
        };
        if current == key || self.fault_of_current(was).is_some() {
            return broken("while AWSCURRENT does not hold a working successor");
        }
        if was.promoted.as_ref().is_none_or(|p| p.version != *version) {
            return broken("without a journal entry for its successor");
        }
        Ok(())
    }

    fn in_an_intents_time(&self, view: &View<'_>) -> bool {
        let skew = crate::model::clock::CLOCK_TOLERANCE;
        let now = view.world.now();
        let settled = |at: Timestamp| after(after(at, self.policy.waits().settle), skew);
        view.intent.as_ref().is_some_and(|i| i.at <= after(now, skew) && now <= settled(i.at))
    }

    fn keys_in_versions(&self, world: &World) -> BTreeSet<KeyId> {
        let secret = world.secret(&self.secret);
        let values =
            secret.into_iter().flat_map(|s| s.versions().filter_map(|(id, _)| s.value(id)));
        values.filter_map(|v| v.read()).map(|c| c.key).collect()
    }

    fn view<'a>(&self, world: &'a World) -> View<'a> {
        let secret = world.secret(&self.secret);
        let current = secret.and_then(|s| {
            let version = s.labelled(Label::Current)?;
            Some((version.clone(), s.value(version).and_then(|v| v.read()).map(|c| c.key)))
        });
        let journal = match world.describe_secret(&self.secret) {
            SecretState::Present(secret) => secret.journal,
            _ => crate::model::journal::Journal::default(),
        };
        // Entries from before the revocation no longer count.
        let counts =
            |r: &&Retired| journal.revoked_at(&r.key).is_none_or(|revoked| revoked <= r.at);
        let inactive =
            journal.retired.as_ref().filter(|r| r.phase == Phase::Inactive).filter(counts);
        let hold = inactive.map(|r| r.key.clone());
        let value = current.as_ref().and_then(|(version, _)| secret?.value(version));
        let placeholder = value.is_some_and(super::Value::is_placeholder);
        let revoked = journal.revoked.into_iter().map(|revoked| revoked.key).collect();
        View {
            world,
            current,
            promoted: journal.promoted,
            receipts: journal.receipts,
            intent: journal.intent,
            hold,
            revoked,
            placeholder,
        }
    }
}
