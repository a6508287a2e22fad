//! Checks users' places at destinations: no two users may share a place, and no place may be a
//! user's home.

use crate::model::destination::Assignment;
use crate::model::names::{DestinationName, SecretName, UserArn, UserName};
use crate::selection::destination::{DestinationRule, MOST_DESTINATIONS};
use crate::selection::homes::Homes;
use std::collections::{BTreeMap, BTreeSet};

/// For each place: the users whose keys go there, and the destinations that put them there.
pub(super) struct Places<'a> {
    users: BTreeMap<Spot<'a>, BTreeSet<(&'a UserName, &'a DestinationName)>>,
    homes: BTreeMap<&'a SecretName, &'a UserName>,
    rules: &'a [DestinationRule],
    /// The store of the homes.
    home_store: String,
}

/// A store, a place in it in lower case, because some stores ignore case, and a part of the place.
type Spot<'a> = (&'a str, String, &'a str);

impl<'a> Places<'a> {
    /// Returns the places of these users, each with the name of its home by the settings. A home that
    /// only a tag names must not block another user.
    pub(super) fn of(
        users: impl IntoIterator<Item = (&'a UserArn, Option<SecretName>)>,
        secrets: impl IntoIterator<Item = (&'a SecretName, &'a UserName)>,
        homes: &'a Homes,
    ) -> Self {
        let mut places = Self {
            users: BTreeMap::new(),
            homes: BTreeMap::new(),
            rules: &homes.destinations,
            home_store: DestinationRule::secrets_in(&homes.region),
        };
        if places.rules.is_empty() {
            return places;
        }
        places.homes.extend(secrets);
        for (user, home) in users {
            for rule in &homes.destinations {
                let place = || match (rule.is_replica(), &home) {
                    (false, _) => rule.own_place_of(user).ok(),
                    (true, home) => rule.place_of(user, home.as_ref()?).ok(),
                };
                if rule.serves(user.name())
                    && !rule.abilities().restarts
                    && let Some(place) = place()
                {
                    for spot in spots(rule, &place) {
                        let at = places.users.entry(spot).or_default();
                        at.insert((user.name(), rule.name()));
                    }
                }
            }
        }
        places
    }

    /// Returns this user's destinations, and everything that is wrong with them.
    pub(super) fn assigned(
        &self,
        user: &UserArn,
        home: Option<&SecretName>,
    ) -> (Vec<Assignment>, Vec<String>) {
        let (mut assigned, mut problems) = (Vec::new(), Vec::new());
        // Without a home, there is nothing to deliver.
        let Some(home) = home else { return (assigned, problems) };
        let name = user.name();
        let rules: Vec<&DestinationRule> =
            self.rules.iter().filter(|rule| rule.serves(name)).collect();
        if rules.len() > MOST_DESTINATIONS {
            let names: Vec<&str> = rules.iter().map(|rule| rule.name().as_str()).collect();
            problems.push(format!(
                "user {name} has {} destinations ({}); expected at most {MOST_DESTINATIONS}, so name fewer users in some of them",
                names.len(),
                names.join(", ")
            ));
            return (assigned, problems);
        }
        for rule in rules {
            match rule.assignment(user, home) {
                Ok(it) => match self.in_the_way(&it, rule, user, home) {
                    None => assigned.push(it),
                    Some(problem) => problems.push(problem),
                },
                Err(error) => problems.push(error.to_string()),
            }
        }
        assigned.sort();
        (assigned, problems)
    }

    fn in_the_way(
        &self,
        it: &Assignment,
        rule: &DestinationRule,
        user: &UserArn,
        home: &SecretName,
    ) -> Option<String> {
        let Assignment { to, place, .. } = it;
        if it.abilities.restarts {
            return None;
        }
        if rule.store() == self.home_store {
            let own = (home.as_str() == place).then(|| user.name());
            let of = own.or_else(|| {
                let secret = SecretName::parse(place.as_str()).ok()?;
                self.homes.get(&secret).copied()
            });
            if let Some(of) = of {
                return Some(format!(
                    "the destination {to} would overwrite the secret {place}, which is user {of}'s home; set {}",
                    if rule.is_replica() {
                        "another region"
                    } else {
                        "another `to`, or another region"
                    }
                ));
            }
        }
        let there = spots(rule, place).filter_map(|spot| self.users.get(&spot)).flatten();
        let (other, by) =
            there.into_iter().find(|(other, by)| (*other, *by) != (user.name(), to))?;
        Some(if *other == user.name() {
            format!(
                "the destinations {to} and {by} both put user {other}'s key at {place}; remove one of them"
            )
        } else {
            format!(
                "the destination {to} puts this user's key at {place}, and the destination {by} puts user {other}'s key there too, so each would overwrite the other; set another `to` for one of them"
            )
        })
    }
}

fn spots<'a>(rule: &'a DestinationRule, place: &str) -> impl Iterator<Item = Spot<'a>> {
    let place = place.to_ascii_lowercase();
    rule.parts().iter().map(move |part| (rule.store(), place.clone(), part.as_str()))
}
