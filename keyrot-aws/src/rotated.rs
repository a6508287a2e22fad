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

/// A caller waits this long for Secrets Manager if there is a key to go on with. The SDK itself
/// gives up after five seconds.
const PATIENCE: Duration = Duration::from_secs(3);

/// A rotated user's access key, for the clients of the AWS SDK: read from the user's secret, and
/// read again in time.
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
/// `overlap` is short ([`CachePolicy`]). Clones share what was read. In an outage of Secrets
/// Manager the last key is used on for half of `overlap`, at most a day.
///
/// After a refusal by AWS, such as of a key that was revoked, the next request reads again if you
/// say so: call [`invalidate`](Self::invalidate), or let [`Refusals`] do it. The SDK keeps
/// credentials itself until they expire, so give the client
/// `identity_cache(IdentityCache::no_cache())` too; the cache is here. Otherwise a revoked key is
/// replaced after five minutes.
#[derive(Clone)]
pub struct RotatedCredentials {
    source: Arc<dyn CredentialSource>,
    reader: Arc<KeyReader>,
}

impl RotatedCredentials {
    /// The key in this secret, for a user with the default `overlap` of seven days.
    #[must_use]
    pub fn new(source: impl CredentialSource + 'static, secret: SecretId) -> Self {
        Self::shared(Arc::new(source), secret)
    }

    /// The same, from a source that is shared: one connection serves any number of users.
    #[must_use]
    pub fn shared(source: Arc<dyn CredentialSource>, secret: SecretId) -> Self {
        let reader = KeyReader::new(secret, Arc::new(TokioClock)).patience(PATIENCE);
        Self { source, reader: Arc::new(reader) }
    }

    /// For a user whose `overlap` is another. What was read so far is read again.
    #[must_use]
    pub fn overlap(self, overlap: Duration) -> Self {
        self.with(|reader| reader.policy(CachePolicy::of(overlap)))
    }

    /// With a place that other processes use, too, such as a `FileCache`. What was read so far is
    /// read again.
    #[must_use]
    pub fn cache(self, cache: impl KeyCache + 'static) -> Self {
        self.with(|reader| reader.cache(Arc::new(cache)))
    }

    /// By another clock than the machine's: for tests.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        self.with(|reader| reader.clock(clock))
    }

    /// Has the key read again before it is used again, because AWS refused it. A key that was read
    /// within the last five seconds is kept: to call this for each of many refused requests is
    /// harmless.
    pub fn invalidate(&self) {
        self.reader.invalidate();
    }

    /// An interceptor that calls [`invalidate`](Self::invalidate) when AWS refuses the key: for a
    /// client's `Config::builder().interceptor(…)`.
    #[must_use]
    pub fn refusals(&self) -> Refusals {
        Refusals::of(self.clone())
    }

    /// The key, read again if need be.
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

/// Shows which secret it is; nothing of what was read.
impl fmt::Debug for RotatedCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotatedCredentials")
            .field("secret", &self.reader.secret().as_str())
            .finish_non_exhaustive()
    }
}
