//! IAM and STS: users, keys, and who may authenticate.

use super::world::World;
use crate::memory::rules::Refusal;
use crate::memory::user::{KeyUse, MemoryKey, MemoryUser};
use crate::model::credentials::{Credentials, SecretKey};
use crate::model::error::ErrorKind;
use crate::model::names::{KeyId, NameError, UserArn, UserId, UserName};
use crate::model::observed::{AccessKey, KeyStatus, LastUse};
use crate::model::stored::{NewKey, ProbeAnswer};
use crate::model::user::IamUser;
use crate::model::waits::after;
use std::collections::BTreeMap;
use std::time::Duration;

/// IAM records the first use in each period of this length.
const USE_GRAIN: Duration = Duration::from_secs(15 * 60);

/// The number of tags that a user may have (IAM user guide, "Tags for IAM resources").
const MOST_TAGS: usize = 50;

/// The limit on all inline policies of a user together, without white space (IAM user guide, "IAM
/// and AWS STS quotas").
const MOST_INLINE: usize = 2_048;

impl World {
    /// Adds a user with tags. A name with slashes gives the path: `team/ci`.
    ///
    /// # Errors
    /// [`NameError`] for what cannot be a user's name.
    pub fn add_user(&mut self, name: &str, tags: &[(&str, &str)]) -> Result<UserName, NameError> {
        let arn = UserArn::parse(format!("arn:aws:iam::{}:user/{name}", self.account()))?;
        let name = arn.name().clone();
        let tags = tags.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let id = user_id(self.users_made);
        self.users_made += 1;
        let (policies, inline) = (Vec::new(), BTreeMap::new());
        let created = Some(self.now);
        let user =
            MemoryUser { id, arn, created, tags, policies, inline, keys: Vec::new(), stale: None };
        self.users.insert(name.clone(), user);
        Ok(name)
    }

    /// `UpdateUser`: gives the user another name. Its unique id stays.
    ///
    /// # Errors
    /// [`NameError`] for what cannot be a user's name.
    pub fn rename_user(&mut self, from: &UserName, to: &str) -> Result<UserName, NameError> {
        let name = UserName::parse(to)?;
        if let Some(mut user) = self.users.remove(from) {
            user.arn = UserArn::parse(format!(
                "arn:aws:iam::{}:user{}{name}",
                self.account(),
                user.arn.path()
            ))?;
            self.users.insert(name.clone(), user);
        }
        Ok(name)
    }

    /// Returns a user, to change as an administrator would.
    pub fn user_mut(&mut self, name: &UserName) -> Option<&mut MemoryUser> {
        self.users.get_mut(name)
    }

    /// Puts a tag on a user.
    ///
    /// # Errors
    /// `NoSuchEntity`, `LimitExceeded`, or `ValidationError` for a tag that is too long.
    pub fn tag_user(&mut self, user: &UserName, key: &str, value: &str) -> Result<(), Refusal> {
        Refusal::of_tag("ValidationError", key, value)?;
        let tags = &mut self.found(user)?.tags;
        // Tag keys are not case-sensitive (IAM user guide, "Tags for IAM resources").
        let others = tags.keys().filter(|known| !known.eq_ignore_ascii_case(key)).count();
        if others >= MOST_TAGS {
            let message =
                format!("The number of tags has reached the maximum limit of {MOST_TAGS}.");
            return Err(Refusal::new("LimitExceeded", ErrorKind::LimitExceeded, message));
        }
        tags.retain(|known, _| !known.eq_ignore_ascii_case(key));
        tags.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    /// Removes a tag from a user.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn untag_user(&mut self, user: &UserName, key: &str) -> Result<(), Refusal> {
        self.found(user)?.tags.retain(|known, _| !known.eq_ignore_ascii_case(key));
        Ok(())
    }

    /// `AttachUserPolicy`, by the policy's name. Repeating it changes nothing.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn attach_user_policy(&mut self, user: &UserName, policy: &str) -> Result<(), Refusal> {
        let policies = &mut self.found(user)?.policies;
        if !policies.iter().any(|attached| attached == policy) {
            policies.push(policy.to_owned());
        }
        Ok(())
    }

    /// `PutUserPolicy`.
    ///
    /// # Errors
    /// `NoSuchEntity`, `LimitExceeded`.
    pub fn put_user_policy(
        &mut self,
        user: &UserName,
        name: &str,
        document: &str,
    ) -> Result<(), Refusal> {
        let inline = &mut self.found(user)?.inline;
        let size = |text: &str| text.chars().filter(|c| !c.is_whitespace()).count();
        let others: usize =
            inline.iter().filter(|(known, _)| *known != name).map(|(_, text)| size(text)).sum();
        if others + size(document) > MOST_INLINE {
            let message =
                format!("Maximum policy size of {MOST_INLINE} bytes exceeded for user {user}");
            return Err(Refusal::new("LimitExceeded", ErrorKind::LimitExceeded, message));
        }
        inline.insert(name.to_owned(), document.to_owned());
        Ok(())
    }

    /// `DeleteUserPolicy`.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn delete_user_policy(&mut self, user: &UserName, name: &str) -> Result<(), Refusal> {
        let gone = self.found(user)?.inline.remove(name);
        let message = || format!("The user policy with name {name} cannot be found.");
        gone.map(drop).ok_or_else(|| Refusal::new("NoSuchEntity", ErrorKind::NotFound, message()))
    }

    /// Returns all users, as `GetAccountAuthorizationDetails` does.
    #[must_use]
    pub fn list_users(&self, path_prefix: &str) -> Vec<IamUser> {
        let under = |user: &&MemoryUser| user.arn.path().starts_with(path_prefix);
        let listed = |user: &MemoryUser| IamUser {
            id: user.id.clone(),
            arn: user.arn.clone(),
            created: user.created,
            tags: user.tags.clone(),
            policies: user.policies.clone(),
        };
        self.users.values().filter(under).map(listed).collect()
    }

    /// Creates a key, as an administrator or keyrot would.
    ///
    /// # Errors
    /// `NoSuchEntity`, `LimitExceeded`.
    pub fn add_key(&mut self, user: &UserName) -> Result<NewKey, Refusal> {
        let (now, propagation, most) = (self.now, self.rules.propagation, self.rules.keys_per_user);
        let id = key_id(self.keys_made);
        let found = self.found(user)?;
        if found.keys.len() >= most {
            let message = format!("Cannot exceed quota for AccessKeysPerUser: {most}");
            return Err(Refusal::new("LimitExceeded", ErrorKind::LimitExceeded, message));
        }
        found.stale = Some((now, found.listed()));
        // AWS shows whole seconds.
        let created = chrono::SubsecRound::trunc_subsecs(now, 0);
        let listed = AccessKey { id: id.clone(), status: KeyStatus::Active, created };
        let usable_from = after(now, propagation);
        found.keys.push(MemoryKey { listed, usable_from, verified: false, uses: Vec::new() });
        self.keys_made += 1;
        Ok(NewKey { credentials: Self::credentials_of(&id), created })
    }

    /// Returns the user's keys as the listing shows them.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn list_keys(&self, user: &UserName) -> Result<Vec<AccessKey>, Refusal> {
        let found = self.users.get(user).ok_or_else(|| no_user(user))?;
        match &found.stale {
            Some((changed, before)) if self.now < after(*changed, self.rules.listing_lag) => {
                Ok(before.clone())
            }
            _ => Ok(found.listed()),
        }
    }

    /// Sets a key's status.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn set_key_status(
        &mut self,
        user: &UserName,
        key: &KeyId,
        status: KeyStatus,
    ) -> Result<(), Refusal> {
        let now = self.now;
        let found = self.found(user)?;
        let before = found.listed();
        let key = found.keys.iter_mut().find(|k| k.listed.id == *key).ok_or_else(|| no_key(key))?;
        key.listed.status = status;
        found.stale = Some((now, before));
        Ok(())
    }

    /// Deletes a key.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn delete_key(&mut self, user: &UserName, key: &KeyId) -> Result<(), Refusal> {
        let now = self.now;
        let found = self.found(user)?;
        let before = found.listed();
        let at = found.keys.iter().position(|k| k.listed.id == *key).ok_or_else(|| no_key(key))?;
        found.keys.remove(at);
        found.stale = Some((now, before));
        Ok(())
    }

    /// Makes the listing show the user's keys as they are, whatever the lag.
    pub fn forget_stale_listing(&mut self, user: &UserName) {
        if let Some(user) = self.users.get_mut(user) {
            user.stale = None;
        }
    }

    /// Returns IAM's record of the key's last use.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn last_use(&self, key: &KeyId) -> Result<LastUse, Refusal> {
        let found = self.users.values().find_map(|u| u.key(key)).ok_or_else(|| no_key(key))?;
        let shown = |u: &&KeyUse| after(u.when, self.rules.use_lag) <= self.now;
        Ok(match found.uses.iter().rev().find(shown).cloned() {
            Some(KeyUse { when, service, region }) => LastUse::At { when, service, region },
            None => LastUse::NoRecord,
        })
    }

    /// Authenticates a request that a consumer signed with these credentials. Returns the caller,
    /// and records the use.
    pub fn authenticate(
        &mut self,
        credentials: &Credentials,
        service: &str,
        region: &str,
    ) -> ProbeAnswer {
        let (now, lag) = (self.now, self.rules.use_lag);
        let owner = self.users.values_mut().find(|u| u.key(&credentials.key).is_some());
        let Some(user) = owner else { return ProbeAnswer::Refused };
        let arn = user.arn.clone();
        let Some(key) = user.keys.iter_mut().find(|k| k.listed.id == credentials.key) else {
            return ProbeAnswer::Refused;
        };
        if key.listed.status != KeyStatus::Active || now < key.usable_from {
            return ProbeAnswer::Refused;
        }
        if *credentials != Self::credentials_of(&credentials.key) {
            return ProbeAnswer::WrongSecret;
        }
        key.verified = true;
        if key.uses.last().is_none_or(|u| after(u.when, USE_GRAIN) <= now) {
            // Of the uses that are shown already, only the newest matters; the others are not shown
            // yet.
            let shown = key.uses.iter().rposition(|u| after(u.when, lag) <= now).unwrap_or(0);
            key.uses.drain(..shown);
            key.uses.push(KeyUse { when: now, service: service.into(), region: region.into() });
        }
        ProbeAnswer::Authenticated(arn)
    }

    /// Returns the secret half of the key with this id. The account computes it, so it is stored
    /// nowhere.
    #[must_use]
    pub fn secret_of(key: &KeyId) -> SecretKey {
        const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let mut state = key.as_str().bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        let text = (0..40).map(|_| {
            state = mixed(state.wrapping_add(0x9e37_79b9_7f4a_7c15));
            char::from(LETTERS[(state % 64) as usize])
        });
        SecretKey::new(text.collect())
    }

    /// Returns the key with this id, with its secret half.
    #[must_use]
    pub fn credentials_of(key: &KeyId) -> Credentials {
        Credentials { key: key.clone(), secret: Self::secret_of(key) }
    }

    fn found(&mut self, user: &UserName) -> Result<&mut MemoryUser, Refusal> {
        self.users.get_mut(user).ok_or_else(|| no_user(user))
    }
}

fn no_user(user: &UserName) -> Refusal {
    Refusal::new(
        "NoSuchEntity",
        ErrorKind::NotFound,
        format!("The user with name {user} cannot be found."),
    )
}

fn no_key(key: &KeyId) -> Refusal {
    Refusal::new(
        "NoSuchEntity",
        ErrorKind::NotFound,
        format!("The Access Key with id {key} cannot be found"),
    )
}

/// Returns the id of the nth key that the account creates. It looks like AWS's ids, and is unique.
fn key_id(n: u64) -> KeyId {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let mut bits = mixed(n.wrapping_add(1));
    let mut id = String::from("AKIA");
    for _ in 0..13 {
        id.push(char::from(LETTERS[(bits & 31) as usize]));
        bits >>= 5;
    }
    id.push_str("SIM");
    KeyId::parse(id).expect("twenty capital letters and digits")
}

/// Returns the unique id of the nth user that the account creates.
fn user_id(n: u64) -> UserId {
    let key = key_id(n.wrapping_add(1 << 32));
    UserId::parse(format!("AIDA{}", &key.as_str()[4..])).expect("twenty capital letters and digits")
}

/// Scrambles 64 bits, one to one.
fn mixed(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
