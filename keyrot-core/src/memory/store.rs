//! The account as a secret store, and as a consumer's source.

use crate::consumer::{CredentialSource, HomeSource, Published, SecretId, VersionStage};
use crate::memory::account::MemoryAccount;
use crate::memory::secret::{Label, Value};
use crate::model::credentials::Credentials;
use crate::model::error::{CallError, ErrorKind};
use crate::model::home::{Difference, HOME_TAG, HomeTag, Owner, SecretArn};
use crate::model::journal::JournalEntry;
use crate::model::names::{SecretName, UserName, VersionId};
use crate::model::observed::{SecretState, StoredVersion};
use crate::model::stored::VersionContents;
use crate::ports::SecretStorePort;
use async_trait::async_trait;

#[async_trait]
impl SecretStorePort for MemoryAccount {
    async fn describe(&self, secret: &SecretName) -> Result<SecretState, CallError> {
        self.call("describe", |world| Ok(world.describe_secret(secret))).await
    }

    async fn create(
        &self,
        secret: &SecretName,
        owner: &Owner,
        placeholder: &VersionId,
    ) -> Result<SecretArn, CallError> {
        let first = Some((placeholder.clone(), Value::placeholder()));
        self.call("create", |world| {
            world.create_secret(secret, first)?;
            world.tag_secret(secret, Owner::TAG, owner.to_text())?;
            match world.describe_secret(secret) {
                SecretState::Present(made) => Ok(made.arn),
                other => Err(CallError::lost(format!("{secret} was created, and is {other:?}"))),
            }
        })
        .await
    }

    async fn bind(&self, secret: &SecretName, owner: &Owner) -> Result<(), CallError> {
        self.call("bind", |world| Ok(world.tag_secret(secret, Owner::TAG, owner.to_text())?)).await
    }

    async fn elsewhere(
        &self,
        secret: &SecretName,
        owner: &Owner,
    ) -> Result<Vec<SecretArn>, CallError> {
        self.call("elsewhere", |world| {
            let further = |arn: &SecretArn| {
                arn.place().name == *secret && self.further.contains(&arn.place().region)
            };
            let homes = world.homes(owner).filter(|(arn, _)| further(arn));
            // A secret that the user moved away from names the new home.
            Ok(homes.map(|(arn, moved_to)| moved_to.unwrap_or(arn)).collect())
        })
        .await
    }

    async fn differences(&self, secret: &SecretName) -> Result<Vec<Difference>, CallError> {
        self.call("differences", |world| {
            Ok(world.secret(secret).map(|found| found.differences.clone()).unwrap_or_default())
        })
        .await
    }

    async fn put_placeholder(
        &self,
        secret: &SecretName,
        placeholder: &VersionId,
    ) -> Result<(), CallError> {
        self.call("put_placeholder", |world| {
            if world.secret(secret).is_some_and(|s| s.labelled(Label::Current).is_some()) {
                let message = format!("{secret} has a current version by now");
                return Err(CallError::refused(ErrorKind::Conflict, message));
            }
            Ok(world.put_secret_value(secret, placeholder, Value::placeholder(), &[])?)
        })
        .await
    }

    async fn test_write(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.call("test_write", |world| {
            Ok(world.put_secret_value(
                secret,
                version,
                Value::placeholder(),
                &[Label::TestWrite],
            )?)
        })
        .await
    }

    async fn stage_placeholder(
        &self,
        secret: &SecretName,
        placeholder: &VersionId,
    ) -> Result<(), CallError> {
        self.call("stage_placeholder", |world| {
            Ok(world.put_secret_value(
                secret,
                placeholder,
                Value::placeholder(),
                &[Label::Pending],
            )?)
        })
        .await
    }

    async fn write_note(&self, secret: &SecretName, note: &JournalEntry) -> Result<(), CallError> {
        self.call("write_note", |world| {
            Ok(world.tag_secret(secret, &note.tag(), note.to_text())?)
        })
        .await
    }

    async fn inspect_version(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<VersionContents>, CallError> {
        self.call("inspect_version", |world| {
            let stands =
                world.secret(secret).is_some_and(|s| s.labelled(Label::Pending) == Some(version));
            match world.secret_value(secret, version) {
                Err(refusal) if refusal.kind == ErrorKind::NotFound && stands => Ok(None),
                value => Ok(Some(value?.inside())),
            }
        })
        .await
    }

    async fn versions(&self, secret: &SecretName) -> Result<Vec<StoredVersion>, CallError> {
        self.call("versions", |world| Ok(world.secret_versions(secret)?)).await
    }

    async fn stage(
        &self,
        secret: &SecretName,
        version: &VersionId,
        credentials: &Credentials,
        carry: Option<VersionId>,
    ) -> Result<(), CallError> {
        self.call("stage", |world| {
            let carried = carry.map(|v| world.secret_value(secret, &v).cloned()).transpose()?;
            let value = Value::credentials(credentials, carried.as_ref());
            Ok(world.put_secret_value(secret, version, value, &[Label::Pending])?)
        })
        .await
    }

    async fn read(
        &self,
        secret: &SecretName,
        version: &VersionId,
    ) -> Result<Option<Credentials>, CallError> {
        self.call("read", |world| Ok(world.secret_value(secret, version)?.read())).await
    }

    async fn promote(
        &self,
        secret: &SecretName,
        from: &VersionId,
        to: &VersionId,
    ) -> Result<(), CallError> {
        self.call("promote", |world| {
            Ok(world.move_label(secret, Label::Current, Some(from), Some(to))?)
        })
        .await
    }

    async fn unstage(&self, secret: &SecretName, version: &VersionId) -> Result<(), CallError> {
        self.call("unstage", |world| {
            Ok(world.move_label(secret, Label::Pending, Some(version), None)?)
        })
        .await
    }
}

#[async_trait]
impl CredentialSource for MemoryAccount {
    async fn published(
        &self,
        secret: &SecretId,
        edition: VersionStage,
    ) -> Result<Published, CallError> {
        let label = match edition {
            VersionStage::Current => Label::Current,
            VersionStage::Previous => Label::Previous,
        };
        let nothing = || {
            CallError::refused(
                ErrorKind::NotFound,
                format!("{secret} has nothing under that label"),
            )
        };
        self.call("published", |world| {
            let name = secret.name().ok_or_else(nothing)?;
            world.secret_versions(&name)?;
            let held =
                world.secret(&name).and_then(|s| s.labelled(label)).ok_or_else(nothing)?.clone();
            let value = world.secret_value(&name, &held)?;
            Ok(match value.read() {
                Some(credentials) => Published::Key { version: held, credentials },
                None if value.is_placeholder() => Published::NotYet,
                None => Published::SomethingElse(value.no_key()),
            })
        })
        .await
    }
}

#[async_trait]
impl HomeSource for MemoryAccount {
    async fn moved_to(&self, secret: &SecretId) -> Result<Option<SecretArn>, CallError> {
        self.call("moved_to", |world| {
            let name = secret.name();
            let found = name
                .as_ref()
                .and_then(|name| Some((world.arn_of(name)?, world.secret(name)?.moved_to()?)));
            Ok(found.filter(|(arn, to)| arn.place() != to.place()).map(|(_, to)| to))
        })
        .await
    }

    async fn home_of(&self, user: &UserName) -> Result<HomeTag, CallError> {
        self.call("home_of", |world| {
            Ok(HomeTag::of(
                world.user(user).and_then(|user| user.tags.get(HOME_TAG)).map(String::as_str),
            ))
        })
        .await
    }
}
