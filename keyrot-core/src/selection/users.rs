//! Which users a run works on, each with its settings.

use crate::decide::decision::blocked::Blocked;
use crate::engine::target::Target;
use crate::model::names::{SecretName, UserName};
use crate::model::nearest::nearest;
use crate::model::subject::Subject;
use crate::model::time::Timestamp;
use crate::model::user::{IamUser, same_key};
use crate::model::waits::WaitPolicy;
use crate::selection::homes::Homes;
use crate::selection::missing::{Missing, MissingWhy, Skipped};
use crate::selection::pattern::Pattern;
use crate::selection::sharing::Places;
use crate::selection::tags;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Which users to rotate.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Selection {
    /// The key of the tag that selects a user. Case is ignored, as IAM does. Default `RotateKey`.
    pub tag: String,
    /// The value that the tag must have; case is ignored. Default `True`.
    pub tag_value: String,
    /// Only users whose path begins with this. Default `/`, all.
    pub path_prefix: String,
    /// Users that are skipped whatever their tags say.
    pub exclude: Vec<Pattern>,
    /// If not empty: of the users selected, only these.
    pub only: Vec<UserName>,
    /// Users named in `only` don't need the tag, because an operator named them. Exclusions still
    /// apply.
    pub without_tag: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            tag: "RotateKey".to_owned(),
            tag_value: "True".to_owned(),
            path_prefix: "/".to_owned(),
            exclude: Vec::new(),
            only: Vec::new(),
            without_tag: false,
        }
    }
}

/// The result of [`select`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selected {
    /// The account that was read, if it is known.
    pub account: Option<String>,
    /// The region of the users' secrets, if it is known.
    pub region: Option<String>,
    /// The users to work on, by name.
    pub chosen: Vec<Target>,
    /// Users that were named but are not selected, by name.
    pub missing: Vec<Missing>,
    /// How many users were skipped, and why.
    pub skipped: Skipped,
    /// The skipped users that have the tag with another value, by name: perhaps mistyped.
    pub tagged_otherwise: Vec<Missing>,
    /// Exclusions that match no listed user: perhaps mistyped.
    pub unmatched_exclusions: Vec<Pattern>,
}

impl Selected {
    /// Makes the keys of all selected users due at any age, if they were created before this
    /// instant: `--force`.
    pub fn force(&mut self, created_before: Timestamp) {
        for chosen in &mut self.chosen {
            chosen.policy = chosen.policy.clone().map(|policy| policy.forced(created_before));
        }
    }
}

/// Selects the users to work on from those that were listed, and determines each one's secret and
/// waits.
///
/// `waits` apply to all users, unless a user's own tags say otherwise: `keyrot:max-age`,
/// `keyrot:overlap`, `keyrot:idle`, `keyrot:owner`, and `keyrot:secret` (the secret's name instead
/// of the template's) if [`Homes`] allows it. A user that was renamed keeps the home that the tag
/// `keyrot:home` names. A tag that cannot be used, or an unknown one that begins with `keyrot:`,
/// blocks that user. So does a secret that two selected users would share, even if only one of them
/// was named. Each user's destinations are those in [`Homes`] that match it; a place that two users
/// would share there blocks both.
///
/// ```
/// use keyrot_core::{Homes, IamUser, WaitPolicy, Selection, UserArn, select};
/// use keyrot_core::model::UserId;
///
/// let user = |name: &str, tag: &str| IamUser {
///     id: UserId::parse(format!("AIDAEXAMPLE00000{name}")).expect("an id"),
///     arn: UserArn::parse(format!("arn:aws:iam::123456789012:user/{name}")).expect("an ARN"),
///     created: None,
///     tags: [(tag.to_owned(), "true".to_owned())].into(),
///     policies: Vec::new(),
/// };
/// let users = [user("deployer", "rotatekey"), user("jane", "Team")];
/// let homes = Homes::in_region("eu-central-1");
/// let selected = select(&users, &Selection::default(), &homes, &WaitPolicy::default());
/// assert_eq!(selected.chosen.len(), 1);
/// assert_eq!(selected.chosen[0].subject.secret.as_str(), "/iam/deployer/access_key");
/// assert_eq!(selected.skipped.not_tagged, 1);
/// ```
#[must_use]
pub fn select(
    users: &[IamUser],
    selection: &Selection,
    homes: &Homes,
    policy: &WaitPolicy,
) -> Selected {
    let listed = by_name(users);
    let mut selected = Selected {
        account: users
            .first()
            .map(|user| user.arn.account().to_owned())
            .or_else(|| homes.account.clone()),
        region: Some(homes.region.clone()),
        unmatched_exclusions: selection.unmatched_exclusions(&listed),
        ..Selected::default()
    };
    let own = |user: &IamUser| tags::read(user, &selection.tag, homes, policy);
    let mut reasons: BTreeMap<&UserName, MissingWhy> = BTreeMap::new();
    let mut wanted = Vec::new();
    for (&name, entries) in &listed {
        match entries.iter().try_for_each(|user| selection.admits(user)) {
            Err(why) => {
                selected.skipped.count(&why);
                if matches!(why, MissingWhy::OtherValue { .. }) {
                    let (user, why) = (name.clone(), why.clone());
                    selected.tagged_otherwise.push(Missing { user, why });
                }
                reasons.insert(name, why);
            }
            Ok(()) if !selection.only.is_empty() && !selection.only.contains(name) => {
                selected.skipped.not_named += 1;
            }
            Ok(()) => {
                wanted.extend(entries.first().map(|user| (*user, own(user), entries.len() > 1)));
            }
        }
    }
    // Another run may rotate any tagged user, so its secret and its places count as taken, even if
    // this run does not select the user.
    let tagged = || users.iter().filter(|user| selection.tagged(user).is_ok());
    let sharers = sharers(tagged().map(|user| (user.arn.name(), own(user))));
    let by_settings = |own: &tags::Own| own.secret.clone().filter(|_| !own.by_tag && !own.by_home);
    let all = tagged().map(|user| (&user.arn, by_settings(&own(user))));
    let all = all.chain(wanted.iter().map(|(user, own, _)| (&user.arn, by_settings(own))));
    let secrets = sharers.iter().flat_map(|(secret, users)| {
        let of = users.iter().find(|(_, by_tag)| !by_tag).or_else(|| users.first());
        of.map(|(user, _)| (secret, *user))
    });
    let places = Places::of(all, secrets, homes);
    selected.chosen = wanted
        .into_iter()
        .map(|(user, own, twice)| choose(user, own, twice, &sharers, &places, homes))
        .collect();
    selected.missing = selection.missing(&listed, &reasons);
    selected
}

/// The listed entries of each user. A user at a page boundary may be listed twice, and counts once.
/// If the two entries differ, the list cannot be trusted.
type Listed<'a> = BTreeMap<&'a UserName, Vec<&'a IamUser>>;

fn by_name(users: &[IamUser]) -> Listed<'_> {
    let mut listed = Listed::new();
    for user in users {
        let entries = listed.entry(user.arn.name()).or_default();
        if !entries.contains(&user) {
            entries.push(user);
        }
    }
    listed
}

/// For each secret's name: the users that it belongs to by the settings, and those that name it in a
/// tag, which is `true` then.
type Sharers<'a> = BTreeMap<SecretName, BTreeSet<(&'a UserName, bool)>>;

fn sharers<'a>(users: impl Iterator<Item = (&'a UserName, tags::Own)>) -> Sharers<'a> {
    let mut sharers = Sharers::new();
    for (name, own) in users {
        if let Some(secret) = own.secret.filter(|_| !own.by_home) {
            sharers.entry(secret).or_default().insert((name, own.by_tag));
        }
    }
    sharers
}

fn choose(
    user: &IamUser,
    own: tags::Own,
    twice: bool,
    sharers: &Sharers<'_>,
    places: &Places<'_>,
    homes: &Homes,
) -> Target {
    let name = user.arn.name();
    let mut problems = own.problems;
    if twice {
        problems.push(
            "IAM listed the user twice, with differences; expected one entry, so look again later"
                .to_owned(),
        );
    }
    if let Some(secret) = &own.secret {
        // The user that owns it by the settings is not blocked by another user that claims it.
        let others = sharers
            .get(secret)
            .filter(|_| !own.by_home)
            .into_iter()
            .flatten()
            .filter(|(other, _)| *other != name);
        for (other, _) in others.filter(|(_, by_tag)| own.by_tag || !by_tag) {
            problems.push(format!(
                "the secret {secret} is also user {other}'s, and each would overwrite the other's credentials; name another one in the tag keyrot:secret of one of them"
            ));
        }
    }
    let (destinations, wrong) = places.assigned(&user.arn, own.secret.as_ref());
    problems.extend(wrong);
    let other = homes.account.as_ref().filter(|account| *account != user.arn.account());
    let policy = match own.policy {
        _ if other.is_some() => {
            let (expected, found) =
                (other.cloned().unwrap_or_default(), user.arn.account().to_owned());
            Err(Blocked::OtherAccount { expected, found })
        }
        Some(policy) if problems.is_empty() => Ok(policy),
        _ => Err(Blocked::BadTag { reason: problems.join("; ") }),
    };
    let no_secret =
        || SecretName::parse(Target::NO_SECRET).expect("a constant that the tests parse");
    let secret = own.secret.unwrap_or_else(no_secret);
    let subject = Subject::of(user, secret, homes.region.as_str());
    Target {
        subject: Subject {
            adoption: homes.adoption,
            renamed: own.by_home,
            destinations,
            ..subject
        },
        policy,
    }
}

impl Selection {
    /// Whether the user has the tag, with the value.
    fn tagged(&self, user: &IamUser) -> Result<(), MissingWhy> {
        let (tag, expected) = (self.tag.clone(), self.tag_value.clone());
        let mut values =
            user.tags.iter().filter(|(key, _)| same_key(key, &self.tag)).map(|(_, value)| value);
        let fits = |value: &str| value.eq_ignore_ascii_case(&self.tag_value);
        match values.clone().find(|value| !fits(value)) {
            Some(value) => Err(MissingWhy::OtherValue { tag, value: value.clone(), expected }),
            None if values.next().is_none() => Err(MissingWhy::NotTagged { tag, expected }),
            None => Ok(()),
        }
    }

    fn admits(&self, user: &IamUser) -> Result<(), MissingWhy> {
        if !(self.without_tag && self.only.contains(user.arn.name())) {
            self.tagged(user)?;
        }
        // The port was asked for these users only. A port that ignores that must not make this run
        // write to others.
        if !user.arn.path().starts_with(&self.path_prefix) {
            let (path, path_prefix) = (user.arn.path().to_owned(), self.path_prefix.clone());
            return Err(MissingWhy::OutsidePath { path, path_prefix });
        }
        match self.exclude.iter().find(|pattern| pattern.matches(user.arn.name())) {
            Some(pattern) => Err(MissingWhy::Excluded { pattern: pattern.clone() }),
            None => Ok(()),
        }
    }

    fn unmatched_exclusions(&self, listed: &Listed<'_>) -> Vec<Pattern> {
        self.exclude
            .iter()
            .filter(|pattern| !listed.keys().any(|name| pattern.matches(name)))
            .cloned()
            .collect()
    }

    /// Returns the named users that are not selected.
    fn missing(
        &self,
        listed: &Listed<'_>,
        reasons: &BTreeMap<&UserName, MissingWhy>,
    ) -> Vec<Missing> {
        let named: BTreeSet<&UserName> = self.only.iter().collect();
        let missing = |name: &&UserName| reasons.contains_key(name) || !listed.contains_key(name);
        let why = |name: &UserName| {
            reasons.get(name).cloned().unwrap_or_else(|| MissingWhy::NotFound {
                path_prefix: self.path_prefix.clone(),
                nearest: nearest(name.as_str(), listed.keys().map(|n| n.as_str()))
                    .and_then(|n| UserName::parse(n).ok()),
            })
        };
        let named = named.into_iter().filter(missing);
        named.map(|name| Missing { user: name.clone(), why: why(name) }).collect()
    }
}
