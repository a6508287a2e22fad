//! Which users' keys a destination gets, and where it puts each one.

use crate::model::destination::{Abilities, Assignment, PlaceId};
use crate::model::names::{DestinationName, SecretName, UserArn, UserName};
use crate::selection::pattern::Pattern;
use crate::selection::place::{PlaceForm, PlaceTemplate};
use crate::selection::template::{Part, filled};

/// The limit on destinations per user: each receipt needs room in the home secret's tags.
pub const MOST_DESTINATIONS: usize = 10;

/// The part of a destination's settings that concerns users: whose keys go there, and where. Users'
/// tags have no influence on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DestinationRule {
    name: DestinationName,
    kind: &'static str,
    required: bool,
    users: Vec<Pattern>,
    to: PlaceTemplate,
    abilities: Abilities,
    store: String,
    parts: Vec<String>,
    replica_in: Option<String>,
}

/// The reason why a rule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The rule matches no user.
    #[error("it is for no user; expected names or patterns, such as [\"ci-*\"]")]
    NoUsers,
    /// Several users would share one place.
    #[error(
        "{to} has no {{user}}, and {users} may fit more than one user, so they would share one place; \
         expected {{user}} in it, or exactly one name without * and ?"
    )]
    Shared {
        /// The template for places.
        to: String,
        /// The patterns for users.
        users: String,
    },
}

impl DestinationRule {
    /// Returns a rule for these users. The destination is required, unless
    /// [`optional`](Self::optional) says otherwise.
    ///
    /// # Errors
    /// [`RuleError`] for a rule that would make users share a place, or that matches no user.
    pub fn new(
        name: DestinationName,
        users: Vec<Pattern>,
        to: PlaceTemplate,
        abilities: Abilities,
    ) -> Result<Self, RuleError> {
        let one = |pattern: &Pattern| !pattern.as_str().contains(['*', '?']);
        match users.as_slice() {
            [] => return Err(RuleError::NoUsers),
            [only] if one(only) => {}
            // A restart takes no key, so it overwrites none.
            _ if abilities.restarts => {}
            // No two users share a home.
            _ if to.form == PlaceForm::Home => {}
            _ if to.parts.contains(&Part::User) => {}
            several => {
                let users = several.iter().map(Pattern::as_str).collect::<Vec<_>>().join(", ");
                return Err(RuleError::Shared { to: to.text, users });
            }
        }
        let store = name.as_str().to_owned();
        let parts = vec![String::new()];
        let kind = Assignment::CUSTOM;
        let replica_in = None;
        Ok(Self { name, kind, required: true, users, to, abilities, store, parts, replica_in })
    }

    /// Names the kind of destination, for messages and documents; by default
    /// [`Assignment::CUSTOM`].
    #[must_use]
    pub fn of_kind(self, kind: &'static str) -> Self {
        Self { kind, ..self }
    }

    /// Makes the destination optional: the previous key does not wait for it.
    #[must_use]
    pub fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    /// Sets the store, if other destinations may write to it as well: any text that identifies it.
    /// Two users must not share a place in a store, even through different destinations, unless
    /// these only restart consumers.
    #[must_use]
    pub fn in_store(self, store: impl Into<String>) -> Self {
        Self { store: store.into(), ..self }
    }

    /// Names the parts of a place that the destination writes, such as two variables. In one store,
    /// two users may share a place, but no part of it.
    #[must_use]
    pub fn writing(self, parts: impl IntoIterator<Item = String>) -> Self {
        Self { parts: parts.into_iter().collect(), ..self }
    }

    /// Says that the destination is a replica of the home in this region. It is a secret there.
    #[must_use]
    pub fn replicating_to(self, region: &str) -> Self {
        Self { replica_in: Some(region.to_owned()), ..self }.in_store(Self::secrets_in(region))
    }

    /// Returns the store of the secrets in a region. A place there must not be a user's home.
    #[must_use]
    pub fn secrets_in(region: &str) -> String {
        format!("secrets_manager {region}")
    }

    /// Returns the destination's name.
    #[must_use]
    pub fn name(&self) -> &DestinationName {
        &self.name
    }

    /// Whether the previous key stays Active until this destination has the current one.
    #[must_use]
    pub fn required(&self) -> bool {
        self.required
    }

    /// Returns the abilities of this kind of destination.
    #[must_use]
    pub fn abilities(&self) -> Abilities {
        self.abilities
    }

    /// Returns the store, as set by [`in_store`](Self::in_store); by default the destination's
    /// name.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.store
    }

    pub(crate) fn parts(&self) -> &[String] {
        &self.parts
    }

    /// Returns the template for users' places.
    #[must_use]
    pub fn to(&self) -> &PlaceTemplate {
        &self.to
    }

    /// Whether this user's key goes there.
    #[must_use]
    pub fn serves(&self, user: &UserName) -> bool {
        self.users.iter().any(|pattern| pattern.matches(user))
    }

    /// Returns the place of the key of this user, who has this home secret.
    ///
    /// # Errors
    /// [`Unplaceable`] if the store's own rules do not allow the place.
    pub fn place_of(&self, user: &UserArn, home: &SecretName) -> Result<String, Unplaceable> {
        match self.is_replica() {
            true => self.checked(user, home.to_string()),
            false => self.own_place_of(user),
        }
    }

    /// Returns the place of this user's key, if it does not depend on the home.
    pub(crate) fn own_place_of(&self, user: &UserArn) -> Result<String, Unplaceable> {
        self.checked(user, filled(&self.to.parts, user, str::to_owned))
    }

    fn checked(&self, user: &UserArn, place: String) -> Result<String, Unplaceable> {
        match self.to.form.check(&place) {
            Ok(()) => Ok(place),
            Err(expected) => Err(Unplaceable {
                name: self.name.clone(),
                user: user.name().clone(),
                place: place.chars().take(120).collect(),
                expected,
            }),
        }
    }

    /// Whether its places are replicas of the homes.
    pub(crate) fn is_replica(&self) -> bool {
        self.to.form == PlaceForm::Home
    }

    /// Returns the assignment of the key of this user, who has this home secret, to the destination.
    ///
    /// # Errors
    /// As [`place_of`](Self::place_of).
    pub fn assignment(&self, user: &UserArn, home: &SecretName) -> Result<Assignment, Unplaceable> {
        let place = self.place_of(user, home)?;
        let Self { name, kind, required, abilities, store, parts, replica_in, .. } = self;
        let (to, required, abilities) = (name.clone(), *required, *abilities);
        let replica_in = replica_in.clone();
        let place_id = PlaceId::of(store, &place, parts.iter().map(String::as_str));
        Ok(Assignment { to, kind, place, required, place_id, abilities, replica_in })
    }
}

/// A user whose key cannot have a place at a destination.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the destination {name} puts the key of user {user} at {place:?}, which is not usable: expected {expected}; \
     set another `to`, or give this user a destination of its own, with a `to` without {{user}}"
)]
pub struct Unplaceable {
    name: DestinationName,
    user: UserName,
    place: String,
    expected: &'static str,
}

#[cfg(test)]
#[path = "destination_tests.rs"]
pub(super) mod tests;
