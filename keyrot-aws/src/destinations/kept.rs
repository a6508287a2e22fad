//! Keeps a temporary token in memory.

use keyrot_core::{CallError, SecretKey};
use std::time::SystemTime;
use tokio::sync::Mutex;

/// A temporary token, and when to stop using it.
#[derive(Default)]
pub(super) struct Kept(Mutex<Option<(SecretKey, SystemTime)>>);

impl Kept {
    /// Returns the current token, or gets a new one.
    pub(super) async fn get<F>(&self, make: impl FnOnce() -> F) -> Result<SecretKey, CallError>
    where
        F: Future<Output = Result<(SecretKey, SystemTime), CallError>>,
    {
        let mut kept = self.0.lock().await;
        if let Some((token, until)) = &*kept
            && SystemTime::now() < *until
        {
            return Ok(token.clone());
        }
        let made = make().await?;
        *kept = Some(made.clone());
        Ok(made.0)
    }

    /// Forgets this token, because the service refused it.
    pub(super) async fn forget(&self, refused: &SecretKey) {
        let mut kept = self.0.lock().await;
        if kept.as_ref().is_some_and(|(token, _)| token == refused) {
            *kept = None;
        }
    }
}
