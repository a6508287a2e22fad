//! Enrolls users for rotation, or releases them: plan, agree, carry out, report.

use crate::engine::driver::Ports;
use crate::engine::rotator::{Limits, Rotator};
use crate::engine::target::Target;
use crate::machine::outcome::Outcome;
use crate::machine::rotation::Mode;
use crate::model::error::{CallError, ErrorKind};
use crate::model::home::{Adoption, HOME_TAG, HomeTag};
use crate::model::names::UserName;
use crate::model::observed::KeyStatus;
use crate::model::request::Request;
use crate::model::user::IamUser;
use crate::model::waits::WaitPolicy;
use crate::ports::TagPort;
use crate::ports::cancel::Cancel;
use crate::report::enroll::{Change, EnrollDocument, EnrollRow};
use crate::report::run::RunDocument;
use crate::report::schema::{ENROLL, RELEASE};
use crate::report::state::State;
use crate::report::user::UserDocument;
use crate::selection::homes::Homes;
use crate::selection::missing::{Missing, MissingWhy};
use crate::selection::users::{Selected, Selection, select};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Adds the tag that selects users for rotation and records where their secrets will be, or removes
/// the tag.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// # use keyrot_core::memory::{MemoryAccount, World};
/// # use keyrot_core::*;
/// use keyrot_core::requests::Enrollment;
/// use keyrot_core::report::Change;
/// use std::sync::Arc;
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let mut world = World::new("2026-01-05T04:00:00Z".parse()?);
/// # let ci = world.add_user("ci", &[])?;
/// # let account = MemoryAccount::new(world);
/// let homes = Homes::in_region("us-east-1");
/// let enrollment = Enrollment::new(Ports::of(account.clone()), Arc::new(account), Selection::default(), homes);
///
/// let plan = enrollment.plan(&[ci], false).await?;
/// println!("{}?", plan.question());
/// let done = enrollment.carry_out(plan, &Cancel::default()).await;
/// assert!(done.has(Change::Done));
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[derive(Clone)]
pub struct Enrollment {
    ports: Ports,
    tags: Arc<dyn TagPort>,
    selection: Selection,
    homes: Homes,
    policy: WaitPolicy,
    limits: Limits,
    deadline: Option<Duration>,
}

/// The reason why nothing can be planned. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnrollError {
    /// The users could not be listed.
    #[error("could not list the account's users: {0}")]
    Listing(CallError),
    /// keyrot cannot work on some of the users.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Missing(Vec<Missing>),
    /// A user has the tag with another value, perhaps to keep the user out of rotation on purpose.
    #[error("user {user} has the tag {tag}={value}, which may exclude it from rotation on purpose")]
    TaggedOtherwise {
        /// The user.
        user: UserName,
        /// The tag.
        tag: String,
        /// The tag's value on the user.
        value: String,
    },
}

/// A plan of an enrollment or a release. Nothing was changed.
#[derive(Debug, Clone)]
pub struct EnrollPlan {
    /// The plan as a document.
    pub document: EnrollDocument,
    /// All users of the account, as they were listed.
    pub users: Vec<IamUser>,
    /// The users that will get a home.
    targets: Vec<Target>,
}

impl EnrollPlan {
    /// Whether the plan is refused, because a rotation would be blocked.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.document.has(Change::Refused)
    }

    /// Whether there is something to do.
    #[must_use]
    pub fn has_work(&self) -> bool {
        self.document.has(Change::Planned)
    }

    /// Returns the question to ask before the plan is carried out, without the question mark.
    #[must_use]
    pub fn question(&self) -> String {
        let EnrollDocument { tag, tag_value, users, .. } = &self.document;
        let planned =
            users.iter().filter(|row| matches!(row.result, Change::Planned | Change::Refused));
        let names: Vec<&str> = planned.map(|row| row.user.as_str()).collect();
        match self.document.is_release() {
            true => format!("remove the tag {tag} from {}", names.join(", ")),
            false => format!("tag {} with {tag}={tag_value}", names.join(", ")),
        }
    }
}

impl Enrollment {
    /// Returns an enrollment for this account's users, with the default waits.
    #[must_use]
    pub fn new(ports: Ports, tags: Arc<dyn TagPort>, selection: Selection, homes: Homes) -> Self {
        Self {
            ports,
            tags,
            selection,
            homes,
            policy: WaitPolicy::default(),
            limits: Limits::default(),
            deadline: None,
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

    /// Sets how long keyrot starts new steps for a user. The time counts from the start of the work
    /// on the user, because a plan may wait long for an answer. Default: the limits' deadline.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        Self { deadline: Some(deadline), ..self }
    }

    /// Plans the enrollment of these users. `anyway` includes users whose rotation would be
    /// blocked, or who have the tag with another value.
    ///
    /// # Errors
    /// [`EnrollError`].
    pub async fn plan(&self, users: &[UserName], anyway: bool) -> Result<EnrollPlan, EnrollError> {
        let names: BTreeSet<UserName> = users.iter().cloned().collect();
        let users = self.listed().await?;
        let Selection { tag, tag_value, .. } = &self.selection;
        let housed =
            |name: &UserName| find(&users, name).is_some_and(|user| user.tag(HOME_TAG).is_some());
        // A blocked user that is already enrolled may also need to adopt a secret.
        let takes_over = self.homes.adoption == Adoption::TakeOver;
        let mut already = self.chosen(&users, names.iter().cloned().collect()).chosen;
        already.retain(|one| housed(&one.subject.user) && !takes_over);
        let is_already = |name: &UserName| already.iter().any(|one| one.subject.user == *name);
        let new: Vec<UserName> = names.into_iter().filter(|name| !is_already(name)).collect();
        let other = |name: &UserName| {
            let (_, value) = find(&users, name)?.tag(tag)?;
            (!value.eq_ignore_ascii_case(tag_value)).then(|| EnrollError::TaggedOtherwise {
                user: name.clone(),
                tag: tag.clone(),
                value: value.to_owned(),
            })
        };
        if let Some(error) = new.iter().find_map(other).filter(|_| !anyway) {
            return Err(error);
        }
        let tagged: Vec<IamUser> = users
            .iter()
            .map(|user| match new.contains(user.arn.name()) {
                true => user.clone().with_tag(tag, tag_value),
                false => user.clone(),
            })
            .collect();
        let selected = self.chosen(&tagged, new);
        if !selected.missing.is_empty() {
            return Err(EnrollError::Missing(selected.missing));
        }
        let plan = self.look(&selected, ENROLL).await;
        let blocked =
            plan.users.iter().any(|user| matches!(user.state, State::Blocked | State::Failed));
        let planned = if blocked && !anyway { Change::Refused } else { Change::Planned };
        let mut rows: Vec<EnrollRow> = already
            .iter()
            .map(|one| EnrollRow::new(&one.subject.user, Change::Already, &enrolled_at(one)))
            .collect();
        rows.extend(
            plan.users.iter().map(|user| EnrollRow::of(user, planned, first_rotation(user))),
        );
        Ok(EnrollPlan { document: self.document(ENROLL, rows), users, targets: selected.chosen })
    }

    /// Plans the release of these users.
    ///
    /// # Errors
    /// [`EnrollError`].
    pub async fn plan_release(&self, users: &[UserName]) -> Result<EnrollPlan, EnrollError> {
        let names: BTreeSet<UserName> = users.iter().cloned().collect();
        let users = self.listed().await?;
        let Selection { tag, tag_value, .. } = &self.selection;
        let found = self.chosen(&users, names.iter().cloned().collect());
        let unknown: Vec<Missing> = found
            .missing
            .iter()
            .filter(|m| matches!(m.why, MissingWhy::NotFound { .. }))
            .cloned()
            .collect();
        if !unknown.is_empty() {
            return Err(EnrollError::Missing(unknown));
        }
        let has = |name: &&UserName| {
            let tag = find(&users, name).and_then(|user| user.tag(tag));
            tag.is_some_and(|(_, value)| value.eq_ignore_ascii_case(tag_value))
        };
        let (tagged, free): (Vec<&UserName>, Vec<&UserName>) = names.iter().partition(has);
        let plan = self.look(&found, RELEASE).await;
        let mut rows: Vec<EnrollRow> = free
            .into_iter()
            .map(|name| EnrollRow::new(name, Change::Already, "not enrolled"))
            .collect();
        rows.extend(tagged.into_iter().map(|name| {
            match plan.users.iter().find(|user| user.user == *name) {
                Some(user) => EnrollRow::of(user, Change::Planned, left_behind(user)),
                None => EnrollRow::new(
                    name,
                    Change::Planned,
                    "keyrot already skips it; nothing changes",
                ),
            }
        }));
        Ok(EnrollPlan { document: self.document(RELEASE, rows), users, targets: Vec::new() })
    }

    /// Carries out the plan, user by user. A failure does not stop the others. After a
    /// cancellation, users that were not started stay planned.
    pub async fn carry_out(&self, plan: EnrollPlan, cancel: &Cancel) -> EnrollDocument {
        let EnrollPlan { mut document, users, targets } = plan;
        let release = document.is_release();
        for row in document.users.iter_mut().filter(|row| row.result == Change::Planned) {
            if cancel.is_cancelled() {
                break;
            }
            let done = match release {
                true => self.release(find(&users, &row.user), &row.user).await,
                false => {
                    self.enroll(targets.iter().find(|one| one.subject.user == row.user), &row.user)
                        .await
                }
            };
            match done {
                Ok(()) => row.result = Change::Done,
                Err(error) => (row.result, row.message) = (Change::Failed, error.to_string()),
            }
        }
        document
    }

    async fn enroll(&self, target: Option<&Target>, user: &UserName) -> Result<(), CallError> {
        // The home is written first. Once the tag selects the user, the next run may be on another
        // machine.
        if let Some(target) = target.filter(|target| target.policy.is_ok()) {
            self.house(target.clone()).await?;
        }
        self.tags.tag_user(user, &self.selection.tag, &self.selection.tag_value).await
    }

    async fn release(&self, listed: Option<&IamUser>, user: &UserName) -> Result<(), CallError> {
        let tag = &self.selection.tag;
        // Use the tag's key as it is written on the user.
        let key = listed.and_then(|user| user.tag(tag)).map_or(tag.as_str(), |(key, _)| key);
        self.tags.untag_user(user, key).await
    }

    /// Records where the user's secret is or will be.
    async fn house(&self, target: Target) -> Result<(), CallError> {
        let rotator = Rotator::new(self.ports.clone());
        let cancel = Cancel::default();
        let report = rotator
            .fulfill(target, Request::Bind, Mode::Act, &self.limits_now(), &cancel, &|_| {})
            .await;
        match report.users.into_iter().next().map(|one| one.outcome) {
            Some(Outcome::Done) => Ok(()),
            Some(Outcome::Failed(failure)) => Err(failure.error),
            Some(Outcome::Blocked(why)) => {
                Err(CallError::refused(ErrorKind::Other, why.to_string()))
            }
            other => Err(CallError::lost(format!("its home was not recorded: {other:?}"))),
        }
    }

    fn limits_now(&self) -> Limits {
        self.limits.lasting(self.deadline, self.ports.clock.now())
    }

    async fn listed(&self) -> Result<Vec<IamUser>, EnrollError> {
        self.ports.iam.users(&self.selection.path_prefix).await.map_err(EnrollError::Listing)
    }

    fn chosen(&self, users: &[IamUser], only: Vec<UserName>) -> Selected {
        if only.is_empty() {
            return Selected::default();
        }
        select(users, &Selection { only, ..self.selection.clone() }, &self.homes, &self.policy)
    }

    /// Returns what a run would find and do. It changes nothing.
    async fn look(&self, selected: &Selected, schema: &'static str) -> RunDocument {
        let rotator = Rotator::new(self.ports.clone());
        let cancel = Cancel::default();
        let report = rotator
            .run(selected.chosen.clone(), Mode::Plan, &self.limits_now(), &cancel, &|_| {})
            .await;
        RunDocument::new(schema, &report, selected)
    }

    fn document(&self, schema: &'static str, users: Vec<EnrollRow>) -> EnrollDocument {
        let Selection { tag, tag_value, .. } = self.selection.clone();
        EnrollDocument { schema, dry_run: false, tag, tag_value, users }
    }
}

fn find<'a>(users: &'a [IamUser], name: &UserName) -> Option<&'a IamUser> {
    users.iter().find(|user| user.arn.name() == name)
}

/// Returns the message for an enrolled user, with its home if the settings name another place.
fn enrolled_at(one: &Target) -> String {
    match &one.subject.home {
        HomeTag::At(home) if *home.place() != one.subject.place() => {
            format!("already enrolled elsewhere: {}", home.place())
        }
        _ => "already enrolled".to_owned(),
    }
}

fn first_rotation(user: &UserDocument) -> String {
    if matches!(user.state, State::Settled | State::Waiting) {
        return format!("keyrot continues: {}; its secret is {}", user.message, user.secret);
    }
    if matches!(user.state, State::Blocked | State::Failed) {
        return format!("{}; its secret is {}", user.message, user.secret);
    }
    let keys = match user.keys.as_slice() {
        [] if !were_keys_read(user) => String::new(),
        [] => "; it has no key".to_owned(),
        [one] => format!("; {} keeps working for at least the overlap", one.id),
        more => format!("; it has {} keys", more.len()),
    };
    format!("{}{keys}; its secret is {}", user.message, user.secret)
}

/// Whether the user's keys were read. They were not read if the settings in the user's tags cannot
/// be used, or if a call failed.
fn were_keys_read(user: &UserDocument) -> bool {
    user.calls > 0 && !matches!(user.state, State::Failed | State::Stopped)
}

fn left_behind(user: &UserDocument) -> String {
    let keys: Vec<String> = user
        .keys
        .iter()
        .map(|key| {
            format!(
                "{} ({}{})",
                key.id,
                key.status.word(),
                if key.current { ", published" } else { "" }
            )
        })
        .collect();
    if keys.is_empty() && !were_keys_read(user) {
        return "its keys and its secret, which were not read, stay as they are".to_owned();
    }
    let keys = if keys.is_empty() { "no key".to_owned() } else { keys.join(" and ") };
    // Without a current key, nothing was ever published, and there may be no secret.
    let secret = match user.current {
        Some(_) => format!(" and the secret {}; its key is no longer rotated", user.secret),
        // The secret was not read.
        None if user.reason == "secret_deleted" || user.state == State::Failed => {
            format!("; {}", user.message)
        }
        None => "; keyrot never replaced it".to_owned(),
    };
    format!("keeps {keys}{secret}{}", unfinished(user))
}

/// Returns what no run will do anymore with a key beside the current one.
fn unfinished(user: &UserDocument) -> String {
    let current = user.keys.iter().find(|key| key.current);
    let (Some(current), Some(other)) = (current, user.other_keys().next()) else {
        return String::new();
    };
    let id = &other.id;
    match (user.state, &other.status) {
        (State::Waiting | State::Due, KeyStatus::Inactive) => {
            format!("; {id} will not be deleted")
        }
        (State::Waiting | State::Due, _) if user.revoked.contains(id) => {
            format!("; {id} was revoked, and will not be deactivated or deleted")
        }
        (State::Waiting | State::Due, _) if other.created < current.created => {
            "; a rotation is under way, and the old key will not be deactivated or deleted"
                .to_owned()
        }
        (State::Waiting | State::Due, _) => {
            format!("; a rotation is under way, and nothing more is done with {id}")
        }
        _ => String::new(),
    }
}

/// Shows only the tag.
impl fmt::Debug for Enrollment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrollment")
            .field("selection", &self.selection)
            .field("homes", &self.homes)
            .finish_non_exhaustive()
    }
}
