//! Moves users' homes to another region or secret: find, plan, agree, carry out, report.

use crate::decide::decision::blocked::Blocked;
use crate::engine::driver::Ports;
use crate::engine::notifier::Notifier;
use crate::engine::rotator::{Limits, Rotator};
use crate::engine::target::Target;
use crate::machine::outcome::Outcome;
use crate::machine::rotation::Mode;
use crate::model::error::CallError;
use crate::model::home::HomeTag;
use crate::model::names::UserName;
use crate::model::waits::WaitPolicy;
use crate::ports::cancel::Cancel;
use crate::report::enroll::Change;
use crate::report::moving::{MoveDocument, MoveRow};
use crate::report::schema::MOVE;
use crate::selection::homes::Homes;
use crate::selection::missing::Missing;
use crate::selection::users::{Selection, select};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Moves users' homes to the place in the settings: another region, another secret, or both.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// # use keyrot_core::memory::{MemoryAccount, World};
/// # use keyrot_core::*;
/// use keyrot_core::report::Change;
/// use keyrot_core::requests::HomeMove;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
/// # let ci = world.add_user("ci", &[("RotateKey", "True")])?;
/// # let account = MemoryAccount::new(world);
/// # let users = account.users("/").await?;
/// # let chosen = select(&users, &Selection::default(), &Homes::in_region("us-east-1"), &WaitPolicy::default()).chosen;
/// # let rotator = Rotator::new(Ports::of(account.clone()));
/// # rotator.run(chosen, Mode::Act, &Limits::default(), &Cancel::default(), &|_| {}).await;
/// let ports = |region: &str| Ports::of(account.in_region(region));
/// let homes = Homes::in_region("eu-west-1");
/// let mut moving = HomeMove::new(ports("eu-west-1"), Selection::default(), homes);
///
/// let found = moving.find(&[ci]).await?;
/// for region in moving.other_regions(&found) {
///     moving = moving.old_home(&region, ports(&region));
/// }
/// let plan = moving.plan(found).await?;
/// println!("{}?", plan.question());
/// let done = moving.carry_out(plan, &Cancel::default()).await;
/// assert!(done.has(Change::Done));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct HomeMove {
    ports: Ports,
    old: BTreeMap<String, Ports>,
    selection: Selection,
    homes: Homes,
    policy: WaitPolicy,
    limits: Limits,
    deadline: Option<Duration>,
    notifiers: Vec<Arc<dyn Notifier>>,
}

/// The reason why nothing can be planned. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MoveError {
    /// The users could not be listed.
    #[error("could not list the account's users: {0}")]
    Listing(#[source] CallError),
    /// keyrot cannot work on some of the users.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Missing(Vec<Missing>),
    /// A user's home is in a region for which there are no ports.
    #[error("the home of {user} is in {region}, and no ports were given for that region")]
    NoPorts {
        /// The user.
        user: UserName,
        /// The region.
        region: String,
    },
}

/// A plan of moves. Nothing was changed.
#[derive(Debug, Clone)]
pub struct MovePlan {
    /// The plan as a document.
    pub document: MoveDocument,
    /// Each user, with the ports at the old home.
    targets: Vec<(Target, Ports)>,
}

impl MovePlan {
    /// Whether the plan is refused, because a user cannot be moved now.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.document.has(Change::Refused) || self.document.has(Change::Failed)
    }

    /// Whether there is something to do, and no user is blocked.
    #[must_use]
    pub fn has_work(&self) -> bool {
        !self.is_refused() && self.document.has(Change::Planned)
    }

    /// Returns the question to ask before the plan is carried out, without the question mark.
    #[must_use]
    pub fn question(&self) -> String {
        let planned = self.document.users.iter().filter(|row| row.result == Change::Planned);
        let names: Vec<&str> = planned.map(|row| row.user.as_str()).collect();
        format!("move the home of {}", names.join(", "))
    }
}

impl HomeMove {
    /// Returns a move to the place of users' secrets according to `homes`, with the default waits.
    /// `ports` work there.
    #[must_use]
    pub fn new(ports: Ports, selection: Selection, homes: Homes) -> Self {
        Self {
            ports,
            old: BTreeMap::new(),
            selection,
            homes,
            policy: WaitPolicy::default(),
            limits: Limits::default(),
            deadline: None,
            notifiers: Vec::new(),
        }
    }

    /// Sets another policy.
    #[must_use]
    pub fn policy(self, policy: WaitPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Sets other limits.
    #[must_use]
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Sets how long keyrot starts new steps for a user's move. Default: the limits' deadline.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Adds a notifier.
    #[must_use]
    pub fn notify(mut self, notifier: Arc<dyn Notifier>) -> Self {
        self.notifiers.push(notifier);
        self
    }

    /// Adds a region from which homes can be moved. `ports` work there.
    #[must_use]
    pub fn old_home(mut self, region: &str, ports: Ports) -> Self {
        self.old.insert(region.to_owned(), ports);
        self
    }

    /// Finds the users. This includes released users, because they keep their homes.
    ///
    /// # Errors
    /// [`MoveError`].
    pub async fn find(&self, users: &[UserName]) -> Result<Vec<Target>, MoveError> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let listed = self.ports.iam.users(&self.selection.path_prefix).await;
        let listed = listed.map_err(MoveError::Listing)?;
        let selection =
            Selection { only: users.to_vec(), without_tag: true, ..self.selection.clone() };
        let selected = select(&listed, &selection, &self.homes, &self.policy);
        match selected.missing.is_empty() {
            true => Ok(selected.chosen),
            false => Err(MoveError::Missing(selected.missing)),
        }
    }

    /// Returns the regions of the users' homes for which ports are still missing.
    #[must_use]
    pub fn other_regions(&self, targets: &[Target]) -> BTreeSet<String> {
        let regions = targets.iter().filter_map(home_region);
        regions.filter(|region| self.ports_at(region).is_none()).map(str::to_owned).collect()
    }

    /// Plans the moves of these users.
    ///
    /// # Errors
    /// [`MoveError::NoPorts`] for a home in one of the [`other_regions`](Self::other_regions).
    pub async fn plan(&self, targets: Vec<Target>) -> Result<MovePlan, MoveError> {
        let with_ports = targets.into_iter().map(|target| {
            // Without a home, there is nothing to leave, and the request is refused.
            let ports = match home_region(&target) {
                Some(region) => self.ports_at(region).ok_or_else(|| MoveError::NoPorts {
                    user: target.subject.user.clone(),
                    region: region.to_owned(),
                })?,
                None => &self.ports,
            };
            let ports = ports.clone();
            Ok((target, ports))
        });
        let targets: Vec<(Target, Ports)> = with_ports.collect::<Result<_, _>>()?;
        let mut users = Vec::new();
        for (target, old) in &targets {
            users.push(self.row(target, old, Mode::Plan).await);
        }
        let document = MoveDocument { schema: MOVE, dry_run: false, users };
        Ok(MovePlan { document, targets })
    }

    /// Carries out the plan, user by user. A refused plan changes nothing. A failure does not stop
    /// the others.
    ///
    /// After a cancellation, users that were not started stay planned. A move that has started is
    /// finished, because between its two writes the user is blocked in both places.
    pub async fn carry_out(&self, plan: MovePlan, cancel: &Cancel) -> MoveDocument {
        let has_work = plan.has_work();
        let MovePlan { mut document, targets } = plan;
        for row in document.users.iter_mut().filter(|row| row.result == Change::Planned) {
            if !has_work || cancel.is_cancelled() {
                break;
            }
            if let Some((target, old)) =
                targets.iter().find(|(one, _)| one.subject.user == row.user)
            {
                *row = self.row(target, old, Mode::Act).await;
            }
        }
        document
    }

    /// Returns the plan for both places, or the result of the move.
    async fn row(&self, target: &Target, old: &Ports, mode: Mode) -> MoveRow {
        if let Err(why) = &target.policy {
            return MoveRow::refused(&target.subject, &Outcome::Blocked(Blocked::clone(why)));
        }
        let here = Rotator::new(self.ports.clone());
        let here = self.notifiers.iter().cloned().fold(here, Rotator::notify);
        let there = Rotator::new(old.clone());
        let limits = self.limits.lasting(self.deadline, self.ports.clock.now());
        let report = here.move_home(&there, target.clone(), mode, &limits).await;
        let row = MoveRow::of(&target.subject, &report.moved);
        MoveRow { notifier_failures: report.notifier_failures, ..row }
    }

    fn ports_at(&self, region: &str) -> Option<&Ports> {
        if region == self.homes.region { Some(&self.ports) } else { self.old.get(region) }
    }
}

/// Returns the region of the user's home, if the user's tag names one.
fn home_region(target: &Target) -> Option<&str> {
    match &target.subject.home {
        HomeTag::At(home) => Some(&home.place().region),
        HomeTag::Absent | HomeTag::Unreadable(_) => None,
    }
}

/// Shows only the new place.
impl fmt::Debug for HomeMove {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("HomeMove");
        shown
            .field("homes", &self.homes)
            .field("old", &self.old.keys().collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}
