//! The cases for the verification of credentials.

use super::case::{CaseResult, Checked, Miss, cases, hides, same};
use super::lab::Lab;
use crate::model::credentials::{Credentials, SecretKey};
use crate::model::names::{KeyId, UserArn, UserName};
use crate::model::observed::KeyStatus;
use crate::model::stored::ProbeAnswer;
use crate::ports::CredentialProbe;

struct StoreFixture<'a> {
    port: &'a dyn CredentialProbe,
    lab: &'a dyn Lab,
}

/// Runs all cases for a [`CredentialProbe`].
pub async fn probe(port: &dyn CredentialProbe, lab: &dyn Lab) -> Vec<CaseResult> {
    let fixture = &StoreFixture { port, lab };
    cases!["probe", fixture;
        an_active_key as an_active_key_is_its_users,
        an_inactive_key as an_inactive_key_is_refused,
        a_reactivated_key as a_reactivated_key_is_its_users,
        a_deleted_key as a_deleted_key_is_refused,
        an_unknown_key as an_unknown_key_is_refused,
        a_wrong_secret as a_wrong_secret_is_told_apart,
        each_by_itself as each_verification_is_by_itself,
        hidden as no_secret_is_shown,
    ]
}

impl StoreFixture<'_> {
    async fn key(&self, case: &str) -> Result<(UserArn, Credentials), Miss> {
        let name = UserName::parse(format!("{}-probe-{case}", self.lab.prefix()))?;
        let arn = self.lab.add_user(&name, "/team/ci/", &[]).await?;
        let credentials = self.lab.add_key(&name).await?.credentials;
        self.lab.settle().await?;
        Ok((arn, credentials))
    }

    async fn ask(&self, credentials: &Credentials) -> Result<ProbeAnswer, Miss> {
        self.lab.settle().await?;
        Ok(self.port.probe(credentials).await?)
    }
}

async fn an_active_key(fixture: &StoreFixture<'_>) -> Checked {
    let (arn, credentials) = fixture.key("active").await?;
    same("answer", &fixture.ask(&credentials).await?, &ProbeAnswer::Authenticated(arn))
}

async fn an_inactive_key(fixture: &StoreFixture<'_>) -> Checked {
    let (arn, credentials) = fixture.key("inactive").await?;
    fixture.lab.set_key_status(arn.name(), &credentials.key, KeyStatus::Inactive).await?;
    same("answer", &fixture.ask(&credentials).await?, &ProbeAnswer::Refused)
}

async fn a_reactivated_key(fixture: &StoreFixture<'_>) -> Checked {
    let (arn, credentials) = fixture.key("again").await?;
    fixture.lab.set_key_status(arn.name(), &credentials.key, KeyStatus::Inactive).await?;
    fixture.lab.set_key_status(arn.name(), &credentials.key, KeyStatus::Active).await?;
    same("answer", &fixture.ask(&credentials).await?, &ProbeAnswer::Authenticated(arn))
}

async fn a_deleted_key(fixture: &StoreFixture<'_>) -> Checked {
    let (arn, credentials) = fixture.key("deleted").await?;
    fixture.lab.delete_key(arn.name(), &credentials.key).await?;
    same("answer", &fixture.ask(&credentials).await?, &ProbeAnswer::Refused)
}

async fn an_unknown_key(fixture: &StoreFixture<'_>) -> Checked {
    let key = KeyId::parse("AKIAIOSFODNN7EXAMPLE")?;
    let unknown = Credentials { key, secret: SecretKey::new("A".repeat(40)) };
    same("answer", &fixture.ask(&unknown).await?, &ProbeAnswer::Refused)
}

async fn a_wrong_secret(fixture: &StoreFixture<'_>) -> Checked {
    let (_, credentials) = fixture.key("wrong").await?;
    let wrong = Credentials { secret: SecretKey::new("A".repeat(40)), ..credentials };
    same("answer", &fixture.ask(&wrong).await?, &ProbeAnswer::WrongSecret)
}

/// A verification does not reuse the connection or the cached identity of an earlier one.
async fn each_by_itself(fixture: &StoreFixture<'_>) -> Checked {
    let (first, a) = fixture.key("first").await?;
    let (second, b) = fixture.key("second").await?;
    for _ in 0..2 {
        same("the first", &fixture.ask(&a).await?, &ProbeAnswer::Authenticated(first.clone()))?;
        same("the second", &fixture.ask(&b).await?, &ProbeAnswer::Authenticated(second.clone()))?;
    }
    Ok(())
}

async fn hidden(fixture: &StoreFixture<'_>) -> Checked {
    let (_, credentials) = fixture.key("hidden").await?;
    hides(
        "the answer",
        &format!("{:?}", fixture.port.probe(&credentials).await),
        &credentials.secret,
    )?;
    let wrong = Credentials { secret: SecretKey::new("B".repeat(40)), ..credentials };
    hides("a refusal", &format!("{:?}", fixture.port.probe(&wrong).await), &wrong.secret)
}
