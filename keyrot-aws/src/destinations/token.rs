//! What keyrot authenticates with at a service: a token that is kept somewhere, or one that it gets
//! for an hour or so.

use super::about::{About, not_read};
use super::github_app::App;
use super::vault_login::Login;
use crate::notify::secret_ref::Hidden;
use keyrot_core::{CallError, SecretKey};
use tokio::time::Instant;

pub(super) enum Token {
    /// Kept as it is.
    Kept(Hidden),
    /// Of an installation of a GitHub App.
    OfApp(Box<App>),
    /// Of Vault's AWS auth method.
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

    /// Another token than this one, which was refused, if there is one by now.
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

    /// Where it is kept, as it is written in the settings.
    pub(super) fn source(&self) -> String {
        match self {
            Self::Kept(hidden) => hidden.source().to_string(),
            Self::OfApp(app) => app.source(),
            Self::OfVault(login) => login.source(),
        }
    }
}
