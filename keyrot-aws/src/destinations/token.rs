//! The token for a service: a stored token, or a temporary one.

use super::about::{About, not_read};
use super::github_app::App;
use super::vault_login::Login;
use crate::notify::secret_ref::Hidden;
use keyrot_core::{CallError, SecretKey};
use tokio::time::Instant;

pub(super) enum Token {
    /// A stored token.
    Kept(Hidden),
    /// A token of a GitHub App installation.
    OfApp(Box<App>),
    /// A token from Vault's AWS auth method.
    OfVault(Box<Login>),
}

impl Token {
    pub(super) async fn get(
        &self,
        about: &About<'_>,
        end: Instant,
    ) -> Result<SecretKey, CallError> {
        match self {
            Self::Kept(hidden) => hidden.get(end).await.map_err(|e| not_read(about, &e)),
            Self::OfApp(app) => app.kept.get(|| app.make(about, end)).await,
            Self::OfVault(login) => login.kept.get(|| login.make(about, end)).await,
        }
    }

    /// Returns another token in place of this one, which was refused, if there is one.
    pub(super) async fn other_than(
        &self,
        refused: &SecretKey,
        about: &About<'_>,
        end: Instant,
    ) -> Result<Option<SecretKey>, CallError> {
        match self {
            Self::Kept(hidden) => {
                hidden.other_than(refused, end).await.map_err(|e| not_read(about, &e))
            }
            Self::OfApp(app) => {
                app.kept.forget(refused).await;
                app.kept.get(|| app.make(about, end)).await.map(Some)
            }
            Self::OfVault(login) => {
                login.kept.forget(refused).await;
                login.kept.get(|| login.make(about, end)).await.map(Some)
            }
        }
    }

    /// Forgets this token: the next call reads it again, or gets another one.
    pub(super) async fn forget(&self, token: &SecretKey) {
        match self {
            Self::Kept(hidden) => hidden.forget(token).await,
            Self::OfApp(app) => app.kept.forget(token).await,
            Self::OfVault(login) => login.kept.forget(token).await,
        }
    }

    /// Returns the token's place, as written in the settings.
    pub(super) fn source(&self) -> String {
        match self {
            Self::Kept(hidden) => hidden.source().to_string(),
            Self::OfApp(app) => app.source(),
            Self::OfVault(login) => login.source(),
        }
    }
}
