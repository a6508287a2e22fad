//! Which users of an account keyrot rotates, by the settings.

use crate::audit::document::UserRow;
use crate::audit::view::{AccountView, UserView};
use crate::engine::target::Target;
use crate::model::names::UserName;
use crate::model::user::{IamUser, owner_of};
use crate::model::waits::WaitPolicy;
use crate::selection::homes::Homes;
use crate::selection::missing::MissingWhy;
use crate::selection::users::{Selection, select};
use std::collections::BTreeMap;
use std::time::Duration;

/// The policy of an audit.
#[derive(Debug, Clone)]
pub struct AuditPolicy {
    /// Which users keyrot rotates. Its `only` is ignored.
    pub selection: Selection,
    /// Where users' secrets and the copies of their keys are: a user is not rotated if its secret
    /// has no valid name, or if it shares a place with another user. Its `account` is ignored.
    pub homes: Homes,
    /// The waits of rotations; `max_age` is the limit for users that do not set their own.
    pub policy: WaitPolicy,
    /// Another age limit for this audit. Because an audit only reads, the limit need not leave time
    /// for a rotation.
    pub max_age: Option<Duration>,
}

impl Default for AuditPolicy {
    /// Returns the default settings, without destinations. No secret is read, so the region does
    /// not matter.
    fn default() -> Self {
        Self {
            selection: Selection::default(),
            homes: Homes::in_region("any"),
            policy: WaitPolicy::default(),
            max_age: None,
        }
    }
}

impl AuditPolicy {
    /// Returns how old a key may be, unless its user sets another limit.
    pub(crate) fn limit(&self) -> Duration {
        self.max_age.unwrap_or(self.policy.waits().max_age)
    }

    /// Returns how old the keys of a user with these waits may be.
    pub(crate) fn limit_of(&self, own: &WaitPolicy) -> Duration {
        let (own, usual) = (own.waits().max_age, self.policy.waits().max_age);
        if own == usual { self.limit() } else { own }
    }
}

/// Which users keyrot rotates, and why it does not rotate the others.
pub(crate) struct Managed {
    chosen: BTreeMap<UserName, Target>,
    others: BTreeMap<UserName, MissingWhy>,
}

impl Managed {
    pub(crate) fn new(view: &AccountView, policy: &AuditPolicy) -> Self {
        let users: Vec<IamUser> = view.users.iter().map(|user| user.user.clone()).collect();
        // All users are requested by name, because that returns the reason for each one that is not
        // selected.
        let only = users.iter().map(|user| user.arn.name().clone()).collect();
        let selection = Selection { only, ..policy.selection.clone() };
        // An audit accepts any account.
        let homes = Homes { account: None, ..policy.homes.clone() };
        let selected = select(&users, &selection, &homes, &policy.policy);
        Self {
            chosen: selected
                .chosen
                .into_iter()
                .map(|chosen| (chosen.subject.user.clone(), chosen))
                .collect(),
            others: selected
                .missing
                .into_iter()
                .map(|missing| (missing.user, missing.why))
                .collect(),
        }
    }

    pub(crate) fn of(&self, user: &UserName) -> Option<&Target> {
        self.chosen.get(user)
    }
}

/// Returns the row of one user: whether keyrot rotates it, and why not.
pub(crate) fn user_row(user: &UserView, managed: &Managed) -> UserRow {
    let name = user.user.arn.name();
    let chosen = managed.of(name);
    UserRow {
        user: name.clone(),
        arn: user.user.arn.to_string(),
        owner: owner_of(&user.user),
        managed: chosen.is_some(),
        unmanaged_because: managed.others.get(name).map(because),
        keys: user.keys.len(),
        password: user.password,
        mfa: user.reported.then_some(user.mfa),
    }
}

fn because(why: &MissingWhy) -> String {
    match why {
        // This can't happen: every requested name was listed.
        MissingWhy::NotFound { .. } => "not found".to_owned(),
        MissingWhy::NotTagged { tag, expected } => format!("no tag {tag}={expected}"),
        MissingWhy::OtherValue { tag, value, .. } => format!("its tag {tag} is {value:?}"),
        MissingWhy::OutsidePath { path_prefix, .. } => format!("outside the path {path_prefix}"),
        MissingWhy::Excluded { pattern } => format!("excluded by {pattern}"),
    }
}
