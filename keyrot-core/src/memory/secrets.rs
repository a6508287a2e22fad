//! Secrets Manager: versions, staging labels, tags.

use super::world::World;
use crate::decide::MOST_BYTES;
use crate::memory::rules::Refusal;
use crate::memory::secret::{Label, MemorySecret, Value};
use crate::model::deployer::Deployer;
use crate::model::error::ErrorKind;
use crate::model::home::{HOME_TAG, Owner, SecretArn};
use crate::model::journal::{Journal, JournalEntry};
use crate::model::names::{SecretName, UserName, VersionId};
use crate::model::observed::{Secret, SecretState, StoredVersion};
use crate::model::subject::Subject;

/// The number of tags that a secret may have (Secrets Manager user guide, "AWS Secrets Manager
/// quotas").
const MOST_TAGS: usize = 50;

impl From<Value> for String {
    fn from(value: Value) -> Self {
        value.expose().to_owned()
    }
}

impl World {
    /// `CreateSecret`, with a first value, which gets AWSCURRENT, or without one.
    ///
    /// # Errors
    /// `ResourceExistsException`.
    pub fn create_secret(
        &mut self,
        name: &SecretName,
        first: Option<(VersionId, Value)>,
    ) -> Result<(), Refusal> {
        if self.secret(name).is_some() {
            let message = format!("The operation failed because the secret {name} already exists.");
            return Err(Refusal::new("ResourceExistsException", ErrorKind::Conflict, message));
        }
        let mut secret = MemorySecret { made: Some(self.now), ..MemorySecret::default() };
        if let Some((version, value)) = first {
            secret.labels.insert(Label::Current, version.clone());
            secret.written.insert(version.clone(), self.now);
            secret.versions.insert(version, value);
        }
        let region = String::clone(&self.region);
        self.secrets.entry(region).or_default().insert(name.clone(), secret);
        Ok(())
    }

    /// `PutSecretValue`. The secret's first version gets AWSCURRENT, whatever labels are requested.
    /// So does a version without labels.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `InvalidRequestException`, `ResourceExistsException` if the
    /// version exists with another value, or `ValidationException` if the value is too long.
    pub fn put_secret_value(
        &mut self,
        name: &SecretName,
        version: &VersionId,
        value: Value,
        labels: &[Label],
    ) -> Result<(), Refusal> {
        let now = self.now;
        let secret = self.writable_secret(name)?;
        if value.expose().len() > MOST_BYTES {
            let message = format!(
                "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to {MOST_BYTES}"
            );
            return Err(Refusal::new("ValidationException", ErrorKind::Other, message));
        }
        match secret.versions.get(version) {
            Some(there) if *there == value => return Ok(()),
            Some(_) => {
                let message = format!(
                    "You can't modify the version {version}: it exists with other content."
                );
                return Err(Refusal::new("ResourceExistsException", ErrorKind::Conflict, message));
            }
            None => {}
        }
        let first = secret.versions.is_empty();
        // A version without a label is deprecated, and Secrets Manager deletes it eventually.
        if labels.contains(&Label::TestWrite)
            && let Some(before) = secret.labels.get(&Label::TestWrite)
            && secret.labels.iter().all(|(label, at)| *label == Label::TestWrite || at != before)
        {
            secret.versions.remove(before);
            secret.written.remove(before);
        }
        secret.written.insert(version.clone(), now);
        secret.versions.insert(version.clone(), value);
        for label in labels {
            secret.move_label(*label, version);
        }
        if first || labels.is_empty() {
            secret.move_label(Label::Current, version);
        }
        Ok(())
    }

    /// `UpdateSecretVersionStage`: a label is moved only if the caller names the version that has
    /// it.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `InvalidRequestException`, or `InvalidParameterException` if
    /// another version has the label.
    pub fn move_label(
        &mut self,
        name: &SecretName,
        label: Label,
        from: Option<&VersionId>,
        to: Option<&VersionId>,
    ) -> Result<(), Refusal> {
        let secret = self.writable_secret(name)?;
        if let Some(to) = to.filter(|to| !secret.versions.contains_key(to)) {
            let message = format!("Secrets Manager can't find the version {to}.");
            return Err(Refusal::new("ResourceNotFoundException", ErrorKind::NotFound, message));
        }
        let stands = secret.labels.get(&label);
        let there_already = from.is_none() && to.is_some() && stands == to;
        if stands != from && !there_already {
            let message = format!("The label {label:?} stands on {stands:?}, which was not named.");
            return Err(Refusal::new("InvalidParameterException", ErrorKind::Conflict, message));
        }
        match to {
            Some(to) => secret.move_label(label, to),
            None if label == Label::Current => {
                let message = "You can't remove AWSCURRENT without moving it.";
                return Err(Refusal::new("InvalidParameterException", ErrorKind::Other, message));
            }
            None => {
                secret.labels.remove(&label);
            }
        }
        Ok(())
    }

    /// `TagResource`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `InvalidRequestException`, `LimitExceededException` beyond
    /// fifty tags, or `ValidationException` for a tag that is too long.
    pub fn tag_secret(
        &mut self,
        name: &SecretName,
        tag: &str,
        text: String,
    ) -> Result<(), Refusal> {
        Refusal::of_tag("ValidationException", tag, &text)?;
        let tags = &mut self.writable_secret(name)?.tags;
        if tags.len() >= MOST_TAGS && !tags.contains_key(tag) {
            let message = "Resource can have at most 50 user tags.";
            return Err(Refusal::new("LimitExceededException", ErrorKind::LimitExceeded, message));
        }
        tags.insert(tag.into(), text);
        Ok(())
    }

    /// `UntagResource`.
    ///
    /// # Errors
    /// `ResourceNotFoundException` or `InvalidRequestException`.
    pub fn untag_secret(&mut self, name: &SecretName, tag: &str) -> Result<(), Refusal> {
        self.writable_secret(name)?.tags.remove(tag);
        Ok(())
    }

    /// Returns the secret's ARN.
    #[must_use]
    pub fn arn_of(&self, name: &SecretName) -> Option<SecretArn> {
        Some(self.secret_arn(&self.region, name, self.secret(name)?))
    }

    /// Records the user's home on both sides, as the user's first run does.
    ///
    /// # Errors
    /// `NoSuchEntity`, `ResourceNotFoundException`, or a full quota of tags.
    pub fn bind(&mut self, user: &UserName, name: &SecretName) -> Result<(), Refusal> {
        let listed = self.list_users("/").into_iter().find(|listed| listed.arn.name() == user);
        let owner =
            listed.map(|listed| Subject::of(&listed, name.clone(), self.region.as_str()).owner());
        let (Some(owner), Some(arn)) = (owner, self.arn_of(name)) else {
            return Err(no_secret(name));
        };
        self.tag_secret(name, Owner::TAG, owner.to_text())?;
        self.tag_user(user, HOME_TAG, &arn.to_string())
    }

    /// Deletes the secret permanently, without a recovery window, as an administrator would.
    pub fn erase_secret(&mut self, name: &SecretName) {
        self.secrets.entry(String::clone(&self.region)).or_default().remove(name);
    }

    /// Returns the secret's ARN. The six characters at its end are computed from its creation time.
    pub(super) fn secret_arn(
        &self,
        region: &str,
        name: &SecretName,
        secret: &MemorySecret,
    ) -> SecretArn {
        let made = secret.made.unwrap_or_default().timestamp_millis();
        let text = format!("{region}/{name}/{made}");
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
        let arn = format!(
            "arn:aws:secretsmanager:{region}:{}:secret:{name}-{:06x}",
            self.account(),
            hash & 0x00ff_ffff
        );
        SecretArn::parse(arn).expect("a region, an account and a name make an ARN")
    }

    /// `DescribeSecret`, as keyrot reads it.
    #[must_use]
    pub fn describe_secret(&self, name: &SecretName) -> SecretState {
        let Some(secret) = self.secret(name) else { return SecretState::Missing };
        if let Some(since) = secret.deleted {
            return SecretState::Deleted { since };
        }
        if let Some(primary) = secret.replica_of.clone() {
            return SecretState::Replica { primary };
        }
        let own = |tag: &str, text: &str| tag == Owner::TAG || JournalEntry::is_tag(tag, text);
        SecretState::Present(Secret {
            arn: self.secret_arn(&self.region, name, secret),
            owner: secret.owner(),
            other_tags: secret.tags.iter().filter(|(tag, text)| !own(tag, text)).count(),
            current: secret.held(Label::Current),
            pending: secret.held(Label::Pending),
            previous: secret.held(Label::Previous),
            journal: Journal::from_tags(&secret.tags),
            deployed_by: Deployer::of(&secret.tags),
            rotation_enabled: secret.rotation,
        })
    }

    /// `RotateSecret`: creates the version that a rotation function has to fill, without a value
    /// and with the AWSPENDING label, and returns its id. An incomplete rotation is attempted again
    /// under the same id.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, or `InvalidRequestException` if rotation is off.
    pub fn rotate_secret(
        &mut self,
        name: &SecretName,
        version: &VersionId,
    ) -> Result<VersionId, Refusal> {
        let secret = self.writable_secret(name)?;
        if !secret.rotation {
            let message =
                format!("You can't rotate the secret {name} without a rotation function.");
            return Err(Refusal::new("InvalidRequestException", ErrorKind::Other, message));
        }
        let current = secret.labels.get(&Label::Current);
        if let Some(pending) =
            secret.labels.get(&Label::Pending).filter(|pending| Some(*pending) != current)
        {
            return Ok(pending.clone());
        }
        // Without a value there is no version yet; only the label announces it.
        secret.labels.insert(Label::Pending, version.clone());
        Ok(version.clone())
    }

    /// `GetSecretValue` of one version.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `InvalidRequestException`.
    pub fn secret_value(&self, name: &SecretName, version: &VersionId) -> Result<&Value, Refusal> {
        let secret = self.secret(name).ok_or_else(|| no_secret(name))?;
        if secret.deleted.is_some() {
            secret.writable(name)?;
        }
        secret.versions.get(version).ok_or_else(|| {
            let message = format!("Secrets Manager can't find the version {version}.");
            Refusal::new("ResourceNotFoundException", ErrorKind::NotFound, message)
        })
    }

    /// `ListSecretVersionIds`, with and without a label.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn secret_versions(&self, name: &SecretName) -> Result<Vec<StoredVersion>, Refusal> {
        let secret = self.secret(name).ok_or_else(|| no_secret(name))?;
        let stored = |id: &VersionId| StoredVersion {
            id: id.clone(),
            created: secret.written.get(id).copied(),
        };
        Ok(secret.versions.keys().map(stored).collect())
    }

    /// Returns a secret, to change as an administrator would.
    pub fn secret_mut(&mut self, name: &SecretName) -> Option<&mut MemorySecret> {
        self.secrets.get_mut(&*self.region)?.get_mut(name)
    }

    fn writable_secret(&mut self, name: &SecretName) -> Result<&mut MemorySecret, Refusal> {
        let secret = self.secret_mut(name).ok_or_else(|| no_secret(name))?;
        secret.writable(name)?;
        Ok(secret)
    }
}

fn no_secret(name: &SecretName) -> Refusal {
    let message = format!("Secrets Manager can't find the secret {name}.");
    Refusal::new("ResourceNotFoundException", ErrorKind::NotFound, message)
}
