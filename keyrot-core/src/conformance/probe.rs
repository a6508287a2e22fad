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
    let desk = &StoreFixture { port, lab };
    cases!["probe", desk;
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

async fn an_active_key(desk: &StoreFixture<'_>) -> Checked {
    let (arn, credentials) = desk.key("active").await?;
    same("answer", &desk.ask(&credentials).await?, &ProbeAnswer::Authenticated(arn))
}

async fn an_inactive_key(desk: &StoreFixture<'_>) -> Checked {
    let (arn, credentials) = desk.key("inactive").await?;
    desk.lab.set_key_status(arn.name(), &credentials.key, KeyStatus::Inactive).await?;
    same("answer", &desk.ask(&credentials).await?, &ProbeAnswer::Refused)
}

async fn a_reactivated_key(desk: &StoreFixture<'_>) -> Checked {
    let (arn, credentials) = desk.key("again").await?;
    desk.lab.set_key_status(arn.name(), &credentials.key, KeyStatus::Inactive).await?;
    desk.lab.set_key_status(arn.name(), &credentials.key, KeyStatus::Active).await?;
    same("answer", &desk.ask(&credentials).await?, &ProbeAnswer::Authenticated(arn))
}

async fn a_deleted_key(desk: &StoreFixture<'_>) -> Checked {
    let (arn, credentials) = desk.key("deleted").await?;
    desk.lab.delete_key(arn.name(), &credentials.key).await?;
    same("answer", &desk.ask(&credentials).await?, &ProbeAnswer::Refused)
}

async fn an_unknown_key(desk: &StoreFixture<'_>) -> Checked {
    let key = KeyId::parse("AKIAIOSFODNN7EXAMPLE")?;
    let unknown = Credentials { key, secret: SecretKey::new("A".repeat(40)) };
    same("answer", &desk.ask(&unknown).await?, &ProbeAnswer::Refused)
}

async fn a_wrong_secret(desk: &StoreFixture<'_>) -> Checked {
    let (_, credentials) = desk.key("wrong").await?;
    let wrong = Credentials { secret: SecretKey::new("A".repeat(40)), ..credentials };
    same("answer", &desk.ask(&wrong).await?, &ProbeAnswer::WrongSecret)
}

/// A verification does not reuse the connection or the cached identity of an earlier one.
async fn each_by_itself(desk: &StoreFixture<'_>) -> Checked {
    let (first, a) = desk.key("first").await?;
    let (second, b) = desk.key("second").await?;
    for _ in 0..2 {
        same("the first", &desk.ask(&a).await?, &ProbeAnswer::Authenticated(first.clone()))?;
        same("the second", &desk.ask(&b).await?, &ProbeAnswer::Authenticated(second.clone()))?;
    }
    Ok(())
}

async fn hidden(desk: &StoreFixture<'_>) -> Checked {
    let (_, credentials) = desk.key("hidden").await?;
    hides(
        "the answer",
        &format!("{:?}", desk.port.probe(&credentials).await),
        &credentials.secret,
    )?;
    let wrong = Credentials { secret: SecretKey::new("B".repeat(40)), ..credentials };
    hides("a refusal", &format!("{:?}", desk.port.probe(&wrong).await), &wrong.secret)
}
