//! One user, one home: whether this secret is where the user's key belongs, before anything else is
//! decided.

use crate::decide::answer::write;
use crate::decide::belief::written_with_its_key;
use crate::decide::decision::blocked::{Blocked, Unhoused};
use crate::decide::decision::{Decision, Question, Step, Wait, Why};
use crate::model::home::{Adoption, Difference, HomeTag, Owner};
use crate::model::journal::{JournalEntry, Promoted};
use crate::model::names::{KeyId, VersionId};
use crate::model::observed::{
    AccessKey, KeyStatus, LabeledVersion, Observed, Secret, SecretState, Verified,
};
use crate::model::time::Timestamp;
use crate::model::version::Content;
use crate::model::waits::{WaitPolicy, after};

/// Whether this secret is where the user's key belongs.
pub(crate) enum Home {
    /// It is the user's home, or cannot be written to anyway.
    Here,
    /// It names no user, or another one, and this is left to do before it becomes the user's: verify
    /// its key, or tag it.
    Adopted(Decision),
    /// It is not, or is not known to be. This has to be resolved first.
    Not(Decision),
}

impl Home {
    pub(crate) fn of(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Self {
        let names_user = matches!(&seen.secret, SecretState::Present(secret)
            if secret.owner.as_ref().is_some_and(|owner| owner.is(&seen.residence.owner)));
        match home(seen, policy, now) {
            None => Self::Here,
            Some(
                decision @ (Decision::Act(Step::BindSecret)
                | Decision::Look(Question::Verification(_))),
            ) if !names_user => Self::Adopted(decision),
            Some(decision) => Self::Not(decision),
        }
    }
}

/// Returns what has to be done or read before the secret counts as the user's home. `None` if it
/// does, or if it cannot be written to anyway.
///
/// A home is recorded on both sides, and one side alone is only a claim. The user's tag can only
/// stop a run: it never makes keyrot publish anywhere but at the place in the settings. The
/// secret's tag alone is enough only for a secret that no one else can read.
pub(crate) fn home(seen: &Observed, policy: &WaitPolicy, now: Timestamp) -> Option<Decision> {
    let residence = &seen.residence;
    match &residence.tag {
        HomeTag::At(home) if *home.place() != residence.place => {
            return blocked(Blocked::ManagedElsewhere { home: home.clone() });
        }
        // Only the tag says that the user was renamed. If a secret with that name did not have to
        // name the user, anyone who may tag the user could choose the name of its secret.
        HomeTag::At(home) if residence.renamed && names_nobody(&seen.secret) => {
            return blocked(Blocked::ManagedElsewhere { home: home.clone() });
        }
        HomeTag::Unreadable(text) => {
            return blocked(Blocked::HomeUnreadable { text: text.clone() });
        }
        HomeTag::At(_) | HomeTag::Absent => {}
    }
    match &seen.secret {
        SecretState::Missing => no_secret(seen),
        SecretState::Present(secret) => this_secret(seen, secret, policy, now),
        SecretState::Deleted { .. } | SecretState::Replica { .. } => None,
    }
}

/// Whether there is no secret, or one that names no user.
pub(crate) fn names_nobody(secret: &SecretState) -> bool {
    match secret {
        SecretState::Missing => true,
        SecretState::Present(secret) => secret.owner.is_none(),
        SecretState::Deleted { .. } | SecretState::Replica { .. } => false,
    }
}

/// Decides for a user without a secret. One is created only if the place was chosen on purpose, and
/// no other region has the user's secret.
fn no_secret(seen: &Observed) -> Option<Decision> {
    let residence = &seen.residence;
    let place = residence.place.clone();
    let chosen =
        matches!(residence.tag, HomeTag::At(_)) || residence.adoption != Adoption::NotNamed;
    if !chosen {
        return not_named(seen);
    }
    let excess = place.excess();
    if excess > 0 {
        return blocked(Blocked::HomeTooLong { place, excess });
    }
    not_elsewhere(seen)
}

/// Checks that no other region has a secret that names the user.
fn not_elsewhere(seen: &Observed) -> Option<Decision> {
    match seen.elsewhere.as_deref() {
        None => look(Question::Elsewhere),
        Some(homes) => {
            // A secret that the user left for this place does not count.
            let home = homes.iter().find(|home| *home.place() != seen.residence.place)?;
            blocked(Blocked::ManagedElsewhere { home: home.clone() })
        }
    }
}

fn this_secret(
    seen: &Observed,
    secret: &Secret,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Option<Decision> {
    let residence = &seen.residence;
    let (owner, arn) = (&residence.owner, &secret.arn);
    let take_over = residence.adoption == Adoption::TakeOver;
    let another = |bound: &Owner| !bound.is(owner) && !take_over;
    // The secret was closed, so the key is published elsewhere, whatever else says that the home is
    // here.
    if let Some(to) = secret.moved_to().filter(|_| !secret.owner.as_ref().is_some_and(another)) {
        let begun = matches!(&residence.tag, HomeTag::At(home) if home == arn);
        let home = to.clone();
        return blocked(if begun {
            Blocked::MoveBegun { to: home }
        } else {
            Blocked::ManagedElsewhere { home }
        });
    }
    match &secret.owner {
        Some(bound) if bound.is(owner) => match &residence.tag {
            HomeTag::At(home) if home == arn => unpublished(seen, secret),
            // If two runs each create a secret at the same time, the one that checks after creating
            // its own finds the other's.
            _ if seen.created_here => Some(
                not_elsewhere(seen).unwrap_or_else(|| Decision::Act(Step::BindUser(arn.clone()))),
            ),
            // The tag is missing, or names only the place, or another secret that was deleted
            // permanently.
            _ => Some(
                evidence(seen, secret, policy)
                    .or_else(|| verified_now(seen, secret, policy, now))
                    .unwrap_or_else(|| Decision::Act(Step::BindUser(arn.clone()))),
            ),
        },
        Some(bound) if !take_over => {
            blocked(Blocked::SecretOfAnother { owner: bound.clone(), arn: arn.clone() })
        }
        _ => Some(
            evidence(seen, secret, policy)
                .or_else(|| verified_now(seen, secret, policy, now))
                .unwrap_or(Decision::Act(Step::BindSecret)),
        ),
    }
}

/// Anyone who may create the secret and tag the user can write both sides. So the differences that
/// no operator may accept are checked again until the first key is published.
fn unpublished(seen: &Observed, secret: &Secret) -> Option<Decision> {
    let published = secret
        .current
        .as_ref()
        .is_some_and(|held| !matches!(held.content, Content::Placeholder | Content::ForeignEmpty));
    if published || seen.created_here {
        return None;
    }
    let Some(differences) = differences(seen) else { return look(Question::Differences) };
    differ(secret, differences.iter().filter(|one| !one.may_be_accepted()))
}

/// Returns how the secret differs from one that keyrot creates. The replicas that the settings ask
/// for are no difference.
fn differences(seen: &Observed) -> Option<Vec<Difference>> {
    let own = |region: &String| {
        let mut all = seen.destinations.iter();
        all.any(|one| one.assignment.replica_in.as_ref() == Some(region))
    };
    let rest = |one: &Difference| match one {
        Difference::Replicas(regions) => {
            let foreign: Vec<String> = regions.iter().filter(|one| !own(one)).cloned().collect();
            (!foreign.is_empty()).then_some(Difference::Replicas(foreign))
        }
        other => Some(other.clone()),
    };
    seen.differences.as_ref().map(|all| all.iter().filter_map(rest).collect())
}

fn differ<'a>(secret: &Secret, wrong: impl Iterator<Item = &'a Difference>) -> Option<Decision> {
    let wrong: Vec<Difference> = wrong.cloned().collect();
    if wrong.is_empty() {
        return None;
    }
    unhoused(secret, Unhoused::Differs(wrong))
}

/// Writes the entry of the current version again, if this run verified the version long after the
/// entry: otherwise keyrot's own use would count as a consumer's pickup.
fn verified_now(
    seen: &Observed,
    secret: &Secret,
    policy: &WaitPolicy,
    now: Timestamp,
) -> Option<Decision> {
    let current = &secret.current.as_ref()?.version;
    let verified = matches!(&seen.verified, Some((version, Verified::Works)) if version == current);
    let promoted = secret.journal.promoted.as_ref().filter(|noted| noted.version == *current)?;
    (verified && after(promoted.at, policy.waits().settle) <= now)
        .then(|| write(JournalEntry::Promoted(Promoted { at: now, ..promoted.clone() })))
}

/// Returns what is missing for this secret to count as the user's home, if only one side says so,
/// or none. It counts if it holds a working key of this very user; or if the operator adopts it; or
/// if its tag names the user and no one else can read it.
fn evidence(seen: &Observed, secret: &Secret, policy: &WaitPolicy) -> Option<Decision> {
    let residence = &seen.residence;
    let take_over = residence.adoption == Adoption::TakeOver;
    let bound = secret.owner.as_ref().is_some_and(|bound| bound.is(&residence.owner));
    let excess = residence.place.excess();
    if excess > 0 {
        return blocked(Blocked::HomeTooLong { place: residence.place.clone(), excess });
    }
    // Anyone who may create a secret of this name can make it name the user. So if another secret
    // was bound earlier and still is, that one is the home.
    if let Some(decision) = not_elsewhere(seen) {
        return Some(decision);
    }
    let current = secret.current.as_ref();
    if let Some(held) = current.filter(|held| held.content == Content::Foreign) {
        return look(Question::VersionContents(held.version.clone()));
    }
    // The current version, and the Active key in it.
    let held = current.and_then(|held| Some((held, active(seen, held.key()?)?)));
    let named = residence.adoption != Adoption::NotNamed || matches!(residence.tag, HomeTag::At(_));
    // Either keyrot bound it, or someone who can't read it. Its credentials are not verified,
    // because that would look like a use.
    if bound && !take_over {
        match differences(seen).as_deref() {
            None => return look(Question::Differences),
            Some([]) if named => return None,
            // The place was not chosen on purpose: the secret has to show a key of the user.
            Some([]) => {
                let Some((held, key)) = held else { return not_named(seen) };
                let Some(all) = &seen.versions else { return look(Question::Versions) };
                let mut stored = all.iter().filter(|one| one.id == held.version);
                if stored.any(|one| written_with_its_key(one, key, policy)) {
                    return None;
                }
            }
            Some(_) => {}
        }
    }
    if let Some((held, key)) = held.filter(|_| !take_over) {
        if let Some(decision) = verification(seen, secret, &held.version, key) {
            return Some(decision);
        }
        // A rotation before this tag existed chose the place; anything else is an adoption.
        let managed =
            bound || secret.journal.promoted.is_some() || matches!(residence.tag, HomeTag::At(_));
        if managed {
            return None;
        }
        if !named {
            return not_named(seen);
        }
    } else if !take_over && !bound {
        return unhoused(secret, no_active_key(current));
    }
    let Some(differences) = differences(seen) else { return look(Question::Differences) };
    differ(secret, differences.iter().filter(|one| !(take_over && one.may_be_accepted())))
}

fn active<'a>(seen: &'a Observed, id: &KeyId) -> Option<&'a AccessKey> {
    seen.keys.iter().find(|key| key.id == *id).filter(|key| key.status == KeyStatus::Active)
}

/// Returns what is missing for this version to count as verified: its key works, and is the user's.
fn verification(
    seen: &Observed,
    secret: &Secret,
    version: &VersionId,
    key: &AccessKey,
) -> Option<Decision> {
    match seen.verified.as_ref().filter(|(verified, _)| verified == version) {
        None => look(Question::Verification(version.clone())),
        Some((_, Verified::Works)) => None,
        Some((_, Verified::Unknown(reason))) => {
            let why = Why::VerificationUnknown { key: key.id.clone(), reason: reason.clone() };
            Some(Decision::Wait(Wait { why, until: None }))
        }
        Some((_, Verified::Refused(reason) | Verified::Wrong(reason))) => {
            unhoused(secret, Unhoused::DoesNotWork(reason.clone()))
        }
    }
}

/// Returns why the current version shows no Active key of the user.
fn no_active_key(current: Option<&LabeledVersion>) -> Unhoused {
    let Some(held) = current else { return Unhoused::Empty };
    match &held.content {
        Content::Placeholder => Unhoused::Placeholder,
        _ if held.key().is_some() => Unhoused::NoSuchKey,
        Content::ForeignOther(why) => Unhoused::HoldsOther(Some(*why)),
        _ => Unhoused::HoldsOther(None),
    }
}

fn unhoused(secret: &Secret, why: Unhoused) -> Option<Decision> {
    blocked(Blocked::SecretNotBound { arn: secret.arn.clone(), why })
}

fn not_named(seen: &Observed) -> Option<Decision> {
    blocked(Blocked::NotNamed { place: seen.residence.place.clone() })
}

fn blocked(why: Blocked) -> Option<Decision> {
    Some(Decision::Blocked(why))
}

fn look(question: Question) -> Option<Decision> {
    Some(Decision::Look(question))
}
