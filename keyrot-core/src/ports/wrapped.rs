//! One wrapper around all ports, with one hook around each call.

use crate::model::credentials::Credentials;
use crate::model::error::CallError;
use crate::model::home::{Difference, Owner, SecretArn};
use crate::model::journal::JournalEntry;
use crate::model::names::{KeyId, SecretName, UserName, VersionId};
use crate::model::observed::{AccessKey, LastUse, SecretState, StoredVersion};
use crate::model::stored::{NewKey, ProbeAnswer, VersionContents};
use crate::model::user::IamUser;
use crate::ports::{CredentialProbe, IamPort, SecretStorePort, TagPort, UserPolicyPort};
use async_trait::async_trait;
use futures_util::future::BoxFuture;

/// Ports with a hook around each call, to count, trace, limit or fail calls.
///
/// ```
/// # #[cfg(feature = "memory")] {
/// # use keyrot_core::memory::{MemoryAccount, World};
/// # use keyrot_core::*;
/// use futures_util::future::BoxFuture;
/// use keyrot_core::ports::{Around, PortCall, Wrapped};
///
/// struct Printed;
///
/// #[async_trait]
/// impl Around for Printed {
///     async fn around<T: Send>(
///         &self,
///         call: PortCall<'_>,
///         work: BoxFuture<'_, Result<T, CallError>>,
///     ) -> Result<T, CallError> {
///         let result = work.await;
///         println!("{} of {}: {}", call.name, call.of, if result.is_ok() { "ok" } else { "failed" });
///         result
///     }
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// # let account = MemoryAccount::new(World::new("2026-01-05T04:00:00Z".parse()?));
/// let iam = Wrapped { inner: account, around: Printed };
/// assert!(iam.users("/").await?.is_empty());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// # }
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Wrapped<P, W> {
    /// The wrapped ports.
    pub inner: P,
    /// The hook around each call.
    pub around: W,
}

/// A call of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PortCall<'a> {
    /// The port's method, such as `create_key`.
    pub name: &'static str,
    /// The user, secret or key that the call is about.
    pub of: &'a str,
}

/// A hook around each call of a port.
#[async_trait]
pub trait Around: Send + Sync {
    /// Makes the call by awaiting `work`, or skips it. Before that, nothing has happened.
    ///
    /// # Errors
    /// The call's own error, or another.
    async fn around<T: Send>(
        &self,
        call: PortCall<'_>,
        work: BoxFuture<'_, Result<T, CallError>>,
    ) -> Result<T, CallError>;
}

/// Implements a port for [`Wrapped`]: each method with its arguments, its subject, and its result.
macro_rules! wrapped_port {
    ($port:ident { $($name:ident($($arg:ident: $type:ty),*) of $of:expr => $gives:ty;)* }) => {
        #[async_trait::async_trait]
        impl<P: $port, W: $crate::ports::wrapped::Around> $port for $crate::ports::wrapped::Wrapped<P, W> {
            $(async fn $name(&self, $($arg: $type),*) -> Result<$gives, $crate::model::error::CallError> {
                let call = $crate::ports::wrapped::PortCall { name: stringify!($name), of: $of };
                self.around.around(call, self.inner.$name($($arg),*)).await
            })*
        }
    };
}
pub(crate) use wrapped_port;

wrapped_port!(IamPort {
    users(path_prefix: &str) of path_prefix => Vec<IamUser>;
    list_keys(user: &UserName) of user.as_str() => Vec<AccessKey>;
    create_key(user: &UserName) of user.as_str() => NewKey;
    last_use(user: &UserName, key: &KeyId) of user.as_str() => LastUse;
    write_home(user: &UserName, home: &SecretArn) of user.as_str() => ();
    deactivate_key(user: &UserName, key: &KeyId) of user.as_str() => ();
    activate_key(user: &UserName, key: &KeyId) of user.as_str() => ();
    delete_key(user: &UserName, key: &KeyId) of user.as_str() => ();
});

wrapped_port!(SecretStorePort {
    describe(secret: &SecretName) of secret.as_str() => SecretState;
    create(secret: &SecretName, owner: &Owner, placeholder: &VersionId) of secret.as_str() => SecretArn;
    bind(secret: &SecretName, owner: &Owner) of secret.as_str() => ();
    elsewhere(secret: &SecretName, owner: &Owner) of secret.as_str() => Vec<SecretArn>;
    differences(secret: &SecretName) of secret.as_str() => Vec<Difference>;
    put_placeholder(secret: &SecretName, placeholder: &VersionId) of secret.as_str() => ();
    test_write(secret: &SecretName, version: &VersionId) of secret.as_str() => ();
    stage_placeholder(secret: &SecretName, placeholder: &VersionId) of secret.as_str() => ();
    write_note(secret: &SecretName, note: &JournalEntry) of secret.as_str() => ();
    inspect_version(secret: &SecretName, version: &VersionId) of secret.as_str() => Option<VersionContents>;
    versions(secret: &SecretName) of secret.as_str() => Vec<StoredVersion>;
    stage(secret: &SecretName, version: &VersionId, credentials: &Credentials, carry: Option<VersionId>)
        of secret.as_str() => ();
    read(secret: &SecretName, version: &VersionId) of secret.as_str() => Option<Credentials>;
    promote(secret: &SecretName, from: &VersionId, to: &VersionId) of secret.as_str() => ();
    unstage(secret: &SecretName, version: &VersionId) of secret.as_str() => ();
});

wrapped_port!(CredentialProbe {
    probe(credentials: &Credentials) of credentials.key.as_str() => ProbeAnswer;
});

wrapped_port!(TagPort {
    tag_user(user: &UserName, key: &str, value: &str) of user.as_str() => ();
    untag_user(user: &UserName, key: &str) of user.as_str() => ();
});

wrapped_port!(UserPolicyPort {
    user_policy(user: &UserName, name: &str) of user.as_str() => Option<String>;
    put_user_policy(user: &UserName, name: &str, document: &str) of user.as_str() => ();
    delete_user_policy(user: &UserName, name: &str) of user.as_str() => ();
});
