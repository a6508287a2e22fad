//! Helpers that the cases for a secret store share.

use crate::conformance::case::{Checked, Miss, fail, same};
use crate::conformance::lab::Lab;
use crate::model::credentials::{Credentials, SecretKey};
use crate::model::home::Owner;
use crate::model::names::{KeyId, SecretName, UserId, UserName, VersionId};
use crate::model::observed::{Secret, SecretState};
use crate::model::time::Timestamp;
use crate::ports::SecretStorePort;

pub(crate) struct StoreFixture<'a> {
    pub(crate) port: &'a dyn SecretStorePort,
    pub(crate) lab: &'a dyn Lab,
}

impl StoreFixture<'_> {
    pub(crate) fn secret(&self, case: &str) -> Result<SecretName, Miss> {
        Ok(SecretName::parse(format!("{}/{case}/access_key", self.lab.prefix()))?)
    }

    pub(crate) fn owner(&self, id: &str) -> Result<Owner, Miss> {
        let (id, name) = (
            UserId::parse(format!("AIDA{id:0<17}"))?,
            UserName::parse(format!("{},store=", self.lab.prefix()))?,
        );
        Ok(Owner { id, account: "123456789012".to_owned(), name })
    }

    /// Creates a secret with the placeholder, and returns the placeholder's version id.
    pub(crate) async fn adopted(&self, case: &str) -> Result<(SecretName, VersionId), Miss> {
        let (secret, placeholder) = (self.secret(case)?, VersionId::for_placeholder(at(0)));
        self.port.create(&secret, &self.owner("STORE")?, &placeholder).await?;
        // An emulator may choose another id for the first version.
        let current = self.present(&secret).await?.current;
        Ok((secret, current.map_or(placeholder, |held| held.version)))
    }

    pub(crate) async fn state(&self, secret: &SecretName) -> Result<SecretState, Miss> {
        self.lab.settle().await?;
        Ok(self.port.describe(secret).await?)
    }

    pub(crate) async fn present(&self, secret: &SecretName) -> Result<Secret, Miss> {
        match self.state(secret).await? {
            SecretState::Present(found) => Ok(found),
            other => fail(format!("{secret} is expected to be there, found {other:?}")),
        }
    }

    /// Checks which versions have the labels AWSCURRENT, AWSPENDING and AWSPREVIOUS.
    pub(crate) async fn labels(
        &self,
        secret: &SecretName,
        expected: [Option<&VersionId>; 3],
    ) -> Checked {
        let found = self.present(secret).await?;
        let found =
            [found.current, found.pending, found.previous].map(|held| held.map(|h| h.version));
        same("AWSCURRENT, AWSPENDING and AWSPREVIOUS", &found, &expected.map(|v| v.cloned()))
    }
}

/// Returns an instant, in seconds from a fixed one.
pub(crate) fn at(seconds: i64) -> Timestamp {
    chrono::DateTime::from_timestamp(1_750_000_000 + seconds, 0).unwrap_or_default()
}

/// Returns fake credentials, and the version id for them.
pub(crate) fn made_up(letter: char) -> Result<(Credentials, VersionId), Miss> {
    let key = KeyId::parse(format!("AKIA{}EXAMPLE", letter.to_string().repeat(9)))?;
    let secret = SecretKey::new(format!("{}+/{}", letter.to_string().repeat(19), "x".repeat(19)));
    let version = VersionId::for_key(&key, at(0), false)?;
    Ok((Credentials { key, secret }, version))
}
