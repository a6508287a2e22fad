//! A rotated user's access key as the credentials of an SDK client.

mod refusals;
#[cfg(test)]
mod tests;

use crate::clock::TokioClock;
use aws_credential_types::Credentials as SdkCredentials;
use aws_credential_types::provider::{ProvideCredentials, error::CredentialsError, future};
use keyrot_core::consumer::{
    CachePolicy, CredentialSource, KeyCache, KeyReader, ReadError, SecretId,
};
use keyrot_core::{Clock, Credentials};
pub use refusals::Refusals;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a caller waits for Secrets Manager if there is a cached key. The SDK itself gives up
/// after five seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// A rotated user's access key, for the clients of the AWS SDK: read from the user's secret, and
/// read again before it changes.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use keyrot_aws::{Aws, AwsSettings, RotatedCredentials};
///
/// // Whoever may read the secret: a role, say.
/// let reader = Aws::connect(&AwsSettings::default()).await?;
/// let ci = RotatedCredentials::new(reader, "/iam/ci/access_key".parse()?);
///
/// let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).credentials_provider(ci).load().await;
/// # Ok(())
/// # }
/// ```
///
/// It reads as a [`KeyReader`] does: a key that was read is used for five minutes, or less if
/// `overlap` is short ([`CachePolicy`]). Clones share the key. In an outage of Secrets Manager, the
/// last key is used for up to half of `overlap`, at most a day.
///
/// After AWS refuses the key, such as a revoked one, the next request can read it again: call
/// [`invalidate`](Self::invalidate), or let [`Refusals`] do it. The SDK keeps credentials itself
/// until they expire, so also give the client `identity_cache(IdentityCache::no_cache())`; this
/// provider has its own cache. Otherwise a revoked key is replaced after five minutes.
#[derive(Clone)]
pub struct RotatedCredentials {
    source: Arc<dyn CredentialSource>,
    reader: Arc<KeyReader>,
}

impl RotatedCredentials {
    /// Returns a provider for the key in this secret, for a user with the default `overlap` of
    /// seven days.
    #[must_use]
    pub fn new(source: impl CredentialSource + 'static, secret: SecretId) -> Self {
        Self::shared(Arc::new(source), secret)
    }

    /// Returns a provider with a shared source: one connection serves any number of users.
    #[must_use]
    pub fn shared(source: Arc<dyn CredentialSource>, secret: SecretId) -> Self {
        let reader = KeyReader::new(secret, Arc::new(TokioClock)).patience(PATIENCE);
        Self { source, reader: Arc::new(reader) }
    }

    /// Sets another `overlap`. A key that was already read is read again.
    #[must_use]
    pub fn overlap(self, overlap: Duration) -> Self {
        self.with(|reader| reader.policy(CachePolicy::of(overlap)))
    }

    /// Sets a cache that other processes share, such as a `FileCache`. A key that was already read
    /// is read again.
    #[must_use]
    pub fn cache(self, cache: impl KeyCache + 'static) -> Self {
        self.with(|reader| reader.cache(Arc::new(cache)))
    }

    /// Sets a clock other than the machine's, for tests.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|reader| reader.clock(clock))
    }

    /// Makes the next use read the key again, because AWS refused it. A key that was read within
    /// the last five seconds is kept, so calling this for each of many refused requests is
    /// harmless.
    pub fn invalidate(&self) {
        self.reader.invalidate();
    }

    /// Returns an interceptor that calls [`invalidate`](Self::invalidate) when AWS refuses the key:
    /// for a client's `Config::builder().interceptor(…)`.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        Refusals::of(self.clone())
    }

    /// Returns the key, and reads it again if needed.
    ///
    /// # Errors
    /// [`ReadError`].
    pub async fn credentials(&self) -> Result<Credentials, ReadError> {
        self.reader.read(&*self.source, None).await.map(|read| read.credentials)
    }

    fn with(self, change: impl FnOnce(KeyReader) -> KeyReader) -> Self {
        Self { reader: Arc::new(change(self.reader.again())), ..self }
    }
}

impl ProvideCredentials for RotatedCredentials {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async move {
            let read = self
                .reader
                .read(&*self.source, None)
                .await
                .map_err(CredentialsError::provider_error)?;
            let Credentials { key, secret } = &read.credentials;
            Ok(SdkCredentials::new(
                key.as_str(),
                secret.expose(),
                None,
                Some(read.ask_again.into()),
                "keyrot",
            ))
        })
    }
}

/// Shows only the secret's name, and nothing that was read.
impl fmt::Debug for RotatedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotatedCredentials")
            .field("secret", &self.reader.secret().as_str())
            .finish_non_exhaustive()
    }
}
